/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consent freshness asked for (RFC 7675 5.1): a Binding request on the selected pair every 5 s, 20 % more or less, none
 * repeated. Pure.
 */
#ifndef ICE_CONSENT_H
#define ICE_CONSENT_H

#include "proto/ice/checks.h"

#define ICE_CONSENT_MIN_MS 4000
#define ICE_CONSENT_SPREAD_MS 2000
#define ICE_CONSENT_IDS 8       /* 30 s of them: older ones prove nothing any more */

/** Zero-initialise: the first is due at once. */
struct ice_consent {
	uint64_t next_ms;
	uint8_t last;
	uint8_t ids[ICE_CONSENT_IDS][ICE_ID_BYTES];
};

static inline bool ice_consent_due(const struct ice_consent *c, uint64_t now_ms)
{
	return now_ms >= c->next_ms;
}
/** A request went out with this id, whose octets are random: the first two spread the next one. */
void ice_consent_sent(struct ice_consent *c, const uint8_t id[ICE_ID_BYTES], uint64_t now_ms);
/** Is this the id of one of ours, unanswered so far? It counts once. */
bool ice_consent_take(struct ice_consent *c, const uint8_t id[ICE_ID_BYTES]);

#endif
