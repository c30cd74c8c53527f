/* SPDX-License-Identifier: Apache-2.0 */
/* REGISTER and its 2xx. */
#include "proto/sip/register.h"

enum gw_err sip_register_read(const struct sip_msg *m, struct sip_register *out, struct gw_buf *key)
{
	struct sip_register r = { 0 };
	struct sip_elements e = { 0 };
	struct sip_param instance, id;
	struct gw_sv v, more;
	uint32_t n;

	if (sip_addr_parse(sip_msg_value(m, SIP_HDR_TO), &r.to) || !sip_msg_element(m, SIP_HDR_CONTACT, &e, &v) ||
		sip_addr_parse(v, &r.contact) || sip_msg_element(m, SIP_HDR_CONTACT, &e, &more))
		return GW_EBADMSG;
	if (r.contact.is_star && (gw_sv_u32(sip_msg_value(m, SIP_HDR_EXPIRES), &n) || n != 0))
		return GW_EBADMSG;
	r.has_reg_id = sip_param_get(r.contact.params, GW_SV("reg-id"), &id);
	gw_buf_put(key, r.to.uri.text);
	if (r.contact.is_star) {
		gw_buf_puts(key, " *");
	} else if (sip_param_get(r.contact.params, GW_SV("+sip.instance"), &instance)) {
		gw_buf_printf(key, " %.*s", GW_SV_FMT(instance.value));
		if (r.has_reg_id)
			gw_buf_printf(key, " %.*s", GW_SV_FMT(id.value));
	} else {
		gw_buf_printf(key, " %.*s", GW_SV_FMT(r.contact.uri.text));
	}
	*out = r;
	return key->overflow ? GW_EBADMSG : GW_OK;
}

bool sip_register_is_end(const struct sip_msg *m)
{
	struct sip_elements e = { 0 };
	struct sip_param p;
	struct sip_addr a;
	struct gw_sv v, more;
	uint32_t n;

	if (!sip_msg_element(m, SIP_HDR_CONTACT, &e, &v) || sip_addr_parse(v, &a) ||
		sip_msg_element(m, SIP_HDR_CONTACT, &e, &more))
		return false;
	v = !a.is_star && sip_param_get(a.params, GW_SV("expires"), &p) ? p.value : sip_msg_value(m, SIP_HDR_EXPIRES);
	return gw_sv_u32(v, &n) == GW_OK && n == 0;
}

uint32_t sip_register_granted(const struct sip_msg *m, struct gw_sv contact, struct gw_sv reg_id,
	struct sip_addr *out)
{
	struct sip_elements e = { 0 };
	struct sip_uri mine;
	struct sip_addr a;
	struct sip_param p;
	struct gw_sv v;
	uint32_t n;

	if (sip_uri_parse(contact, &mine))
		return 0;
	while (sip_msg_element(m, SIP_HDR_CONTACT, &e, &v)) {
		if (sip_addr_parse(v, &a) || a.is_star || !sip_uri_eq(&a.uri, &mine))
			continue;
		if (reg_id.len && sip_param_get(a.params, GW_SV("reg-id"), &p) && !gw_sv_eq(p.value, reg_id))
			continue;
		if (out)
			*out = a;
		if (sip_param_get(a.params, GW_SV("expires"), &p) && gw_sv_u32(p.value, &n) == GW_OK)
			return n;
		return gw_sv_u32(sip_msg_value(m, SIP_HDR_EXPIRES), &n) == GW_OK ? n : 3600;
	}
	return 0;
}
