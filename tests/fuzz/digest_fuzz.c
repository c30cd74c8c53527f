/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: what is written again is read the same, once, and never has an integrity-protected of the sender. */
#include <stdlib.h>

#include "proto/sip/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char one[131072], two[131072];
	struct gw_buf b = gw_buf(one, sizeof(one)), d = gw_buf(two, sizeof(two));
	struct sip_auth a, c;
	struct sip_param p;
	struct gw_sv rest;

	if (sip_auth_parse(gw_sv(data, size), &a) || a.scheme != SIP_AUTH_DIGEST)
		return 0;
	sip_auth_put_integrity(&b, &a, GW_SV_NONE);
	if (b.overflow)
		return 0;
	if (sip_auth_parse(gw_buf_sv(&b), &c)) {
		/* nothing is left when only the sender's integrity-protected was there */
		if (a.username.p || a.realm.p || a.response.p)
			abort();
		return 0;
	}
	if (!gw_sv_eq(a.username, c.username) || !gw_sv_eq(a.realm, c.realm) || !gw_sv_eq(a.response, c.response))
		abort();
	for (rest = c.params; sip_param_next(&rest, ',', &p);)
		if (gw_sv_ieq(p.name, GW_SV("integrity-protected")))
			abort();
	sip_auth_put_integrity(&d, &c, GW_SV_NONE);
	if (!gw_sv_eq(gw_buf_sv(&b), gw_buf_sv(&d)))
		abort();
	return 0;
}
