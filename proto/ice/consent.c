/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7675: when to ask, and which answers count. */
#include "proto/ice/consent.h"

#include <string.h>

void ice_consent_sent(struct ice_consent *c, const uint8_t id[ICE_ID_BYTES], uint64_t now_ms)
{
	c->last = (uint8_t)((c->last + 1) % ICE_CONSENT_IDS);
	memcpy(c->ids[c->last], id, ICE_ID_BYTES);
	c->next_ms = now_ms + ICE_CONSENT_MIN_MS + ((unsigned)id[0] << 8 | id[1]) % (ICE_CONSENT_SPREAD_MS + 1);
}

bool ice_consent_take(struct ice_consent *c, const uint8_t id[ICE_ID_BYTES])
{
	static const uint8_t none[ICE_ID_BYTES];

	if (memcmp(id, none, ICE_ID_BYTES) == 0)
		return false;
	for (unsigned i = 0; i < ICE_CONSENT_IDS; i++)
		if (memcmp(c->ids[i], id, ICE_ID_BYTES) == 0) {
			memset(c->ids[i], 0, ICE_ID_BYTES);
			return true;
		}
	return false;
}
