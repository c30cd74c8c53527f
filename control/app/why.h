/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a call has no media: rules over what epcscf says of the call and eimsagw of its context, from the signalling to the
 * packets, in the order things have to work. Pure: no socket, no clock.
 */
#ifndef CP_WHY_H
#define CP_WHY_H

#include <jansson.h>

#define WHY_CAUSES_MAX 8

struct why_cause {
	const char *id;          /* of the rule, static: for scripts */
	long long stream;        /* 0: the call as a whole */
	char text[400];          /* the sentence */
};

/**
 * @param call     a row of "show calls"
 * @param streams  the answer to /w2gw/context, or NULL: the gateway was not asked, or has no such context
 * @param is_asked the gateway was asked
 * @return how many; none: media flows in both directions. The first is what to mend first.
 */
unsigned why_find(json_t *call, json_t *streams, int is_asked, struct why_cause *out);
/** What there is to say when nothing was found. */
const char *why_nothing(int is_asked);

#endif
