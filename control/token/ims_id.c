/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing that could break out of a SIP header is an identity. */
#include "control/token/ims_id.h"

#include "proto/sip/uri.h"

bool cp_is_impi(struct gw_sv v)
{
	if (v.len == 0 || v.len > CP_IMS_ID_MAX_BYTES)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] <= ' ' || v.p[i] > '~' || strchr("\"\\<>,;", v.p[i]))
			return false;
	return true;
}

bool cp_is_impu(struct gw_sv v)
{
	struct sip_uri u;

	return cp_is_impi(v) && sip_uri_parse(v, &u) == GW_OK &&
		(u.scheme == SIP_SCHEME_SIP || u.scheme == SIP_SCHEME_SIPS || u.scheme == SIP_SCHEME_TEL) &&
		u.user.len && u.headers.len == 0;
}
