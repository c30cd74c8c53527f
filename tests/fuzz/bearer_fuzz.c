/* SPDX-License-Identifier: Apache-2.0 */
/* Authorization values: a token holds the characters of b64token only; no key of AKA passes a challenge. */
#include <stdlib.h>

#include "proto/sip/bearer.h"
#include "proto/sip/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_key(struct gw_sv v)
{
	for (size_t i = 0; i + 3 <= v.len; i++)
		if ((gw_sv_istarts(gw_sv_sub(v, i, v.len), GW_SV("ik=")) ||
			    gw_sv_istarts(gw_sv_sub(v, i, v.len), GW_SV("ck="))) &&
			i && (v.p[i - 1] == ' ' || v.p[i - 1] == ',') && gw_sv_chr(v, '"', 0) == v.len)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_sv value = gw_sv(data, size);
	static char text[262144];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct sip_bearer t;

	if (sip_bearer_parse(value, &t) == GW_OK) {
		if (t.token.len == 0)
			abort();
		for (size_t i = 0; i < t.token.len; i++)
			if (t.token.p[i] <= ' ' || t.token.p[i] > '~' || strchr("\",;<>\\", t.token.p[i]))
				abort();
	}
	if (sip_auth_put_challenge(&b, value) == GW_OK && has_key(gw_buf_sv(&b)))
		abort();
	return 0;
}
