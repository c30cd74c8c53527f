/* SPDX-License-Identifier: Apache-2.0 */
/* Via and CSeq. */
#include "proto/sip/via.h"

/* "SIP / 2.0 / UDP host:port": white space is allowed around the slashes. */
static bool take_slash_token(struct gw_sv *s, struct gw_sv *token)
{
	size_t i = gw_sv_chr(*s, '/', 0);

	if (i == s->len)
		return false;
	*token = gw_sv_trim(gw_sv_sub(*s, 0, i));
	*s = gw_sv_trim(gw_sv_sub(*s, i + 1, s->len));
	return true;
}

static enum gw_err parse_sent_by(struct sip_via *v)
{
	struct gw_sv s = v->sent_by, port = GW_SV_NONE;
	uint32_t n;

	if (s.len && s.p[0] == '[') {
		size_t end = gw_sv_chr(s, ']', 0);

		if (end == s.len)
			return GW_EBADMSG;
		v->host = gw_sv_sub(s, 0, end + 1);
		s = gw_sv_trim(gw_sv_sub(s, end + 1, s.len));
		if (s.len && s.p[0] != ':')
			return GW_EBADMSG;
		port = gw_sv_trim(gw_sv_sub(s, 1, s.len));
	} else {
		gw_sv_cut(s, ':', &v->host, &port);
		v->host = gw_sv_trim(v->host);
		port = gw_sv_trim(port);
	}
	if (v->host.len == 0)
		return GW_EBADMSG;
	if (port.len) {
		if (gw_sv_uint_max(port, UINT16_MAX, &n))
			return GW_EBADMSG;
		v->port = (uint16_t)n;
	}
	return GW_OK;
}

enum gw_err sip_via_parse(struct gw_sv element, struct sip_via *out)
{
	struct sip_via v = { .text = element };
	struct gw_sv name, version, rest = element, head, params;
	struct sip_param p;
	uint32_t n;

	gw_sv_cut(rest, ';', &head, &v.params);
	rest = gw_sv_trim(head);
	if (!take_slash_token(&rest, &name) || !take_slash_token(&rest, &version) ||
		!gw_sv_ieq(name, GW_SV("SIP")) || !gw_sv_eq(version, GW_SV("2.0")) ||
		!gw_sv_word(&rest, &v.transport) || !sip_is_token(v.transport))
		return GW_EBADMSG;
	v.sent_by = gw_sv_trim(rest);
	if (parse_sent_by(&v))
		return GW_EBADMSG;
	params = v.params;
	while (sip_param_next(&params, ';', &p)) {
		if (gw_sv_ieq(p.name, GW_SV("branch"))) {
			v.branch = p.value;
		} else if (gw_sv_ieq(p.name, GW_SV("received"))) {
			v.received = p.value;
		} else if (gw_sv_ieq(p.name, GW_SV("keep"))) {
			v.has_keep = !p.has_value;
		} else if (gw_sv_ieq(p.name, GW_SV("rport"))) {
			v.has_rport = true;
			if (p.value.len) {
				if (gw_sv_uint_max(p.value, UINT16_MAX, &n))
					return GW_EBADMSG;
				v.rport = (uint16_t)n;
			}
		}
	}
	*out = v;
	return GW_OK;
}

enum gw_err sip_cseq_parse(struct gw_sv value, struct sip_cseq *out)
{
	struct sip_cseq c;
	struct gw_sv num, rest = value;

	if (!gw_sv_word(&rest, &num) || gw_sv_uint_max(num, INT32_MAX, &c.number) ||
		!gw_sv_word(&rest, &c.method_name) || gw_sv_trim(rest).len ||
		!sip_is_token(c.method_name))
		return GW_EBADMSG;
	c.method = sip_method_lookup(c.method_name);
	*out = c;
	return GW_OK;
}

enum gw_err sip_rack_parse(struct gw_sv value, struct sip_rack *out)
{
	struct gw_sv num, rest = value;
	struct sip_rack r;

	if (!gw_sv_word(&rest, &num) || gw_sv_u32(num, &r.rseq) || r.rseq == 0 || sip_cseq_parse(rest, &r.cseq))
		return GW_EBADMSG;
	*out = r;
	return GW_OK;
}
