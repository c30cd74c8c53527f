/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and parameters: what stands between commas and semicolons, quotes and brackets respected. */
#ifndef SIP_PARAM_H
#define SIP_PARAM_H

#include "proto/base/sv.h"

/**
 * Take the next comma-separated element off *list, trimmed. Commas inside "..." and <...> do not
 * count. Empty elements are skipped. false at the end.
 */
bool sip_list_next(struct gw_sv *list, struct gw_sv *element);
/** Is the token an element of the list (case-insensitive)? */
bool sip_list_has(struct gw_sv list, struct gw_sv token);

struct sip_param {
	struct gw_sv name;
	struct gw_sv value;      /* without the quotes */
	bool has_value, is_quoted;
};

/**
 * Take the next parameter off *params: ";name=value;name;name=\"quoted\"". The leading ';' is
 * optional. sep is ';' (URI and header parameters) or ',' (Digest). false at the end or on junk.
 */
bool sip_param_next(struct gw_sv *params, char sep, struct sip_param *out);
/**
 * Take one parameter off *s by the letter of RFC 3261 25.1, white space around it included: a token name and,
 * behind '=', a token, a host or exactly one quoted string. Nothing hides a separator but a quoted string, and a
 * backslash in one is refused, as parsers differ about it. For values whose reader on the far side must see what
 * we saw. *s is left at what follows, which the caller checks. GW_EBADMSG: *s is left anywhere
 */
enum gw_err sip_param_take(struct gw_sv *s, struct sip_param *out) GW_NODISCARD;
/** Find a parameter by name (case-insensitive). */
bool sip_param_get(struct gw_sv params, struct gw_sv name, struct sip_param *out);
/** Index of the first c outside quotes and angle brackets at or after from, or s.len. */
size_t sip_chr_unquoted(struct gw_sv s, char c, size_t from);

#endif
