/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields a P-CSCF writes, removes and restores: identity, charging, access, topology (TS 24.229 5.2.6). */
#include "control/sip/headers.h"

#include "control/app/metrics.h"
#include "control/sip/reg.h"
#include "control/sip/route.h"
#include "proto/sip/policy.h"

#define MMTEL "urn:urn-7:3gpp-service.ims.icsi.mmtel"
#define MMTEL_ESCAPED "urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"

/* ---- identity -------------------------------------------------------------------------------------------- */

/* URI of a name-addr when it is an identity of the binding that is not barred; else empty. */
static struct gw_sv own_identity(const struct cp_binding *b, struct gw_sv element, enum sip_scheme *scheme)
{
	struct sip_addr a;

	if (sip_addr_parse(element, &a) || !cp_binding_owns(b, a.uri.text))
		return GW_SV_NONE;
	*scheme = a.uri.scheme;
	return a.uri.text;
}

/* W2-SIP-02, W2-HDR-03: what is preferred, one SIP and one tel at most; else From; else the default identity. */
static void assert_identity(struct sip_msg *m, const struct cp_binding *b)
{
	struct gw_sv mine[2] = { GW_SV_NONE, GW_SV_NONE }, v, uri;
	struct sip_elements e = { 0 };
	enum sip_scheme scheme = SIP_SCHEME_SIP;

	while (sip_msg_element(m, SIP_HDR_P_PREFERRED_IDENTITY, &e, &v)) {
		uri = own_identity(b, v, &scheme);
		if (uri.len && mine[scheme == SIP_SCHEME_TEL].len == 0)
			mine[scheme == SIP_SCHEME_TEL] = uri;
	}
	if (mine[0].len == 0 && mine[1].len == 0)
		mine[0] = own_identity(b, sip_msg_value(m, SIP_HDR_FROM), &scheme);
	if (mine[0].len == 0 && mine[1].len == 0 && !b->is_anonymous)
		mine[0] = gw_sv_cstr(b->default_impu);
	sip_msg_del(m, SIP_HDR_P_PREFERRED_IDENTITY);
	sip_msg_del(m, SIP_HDR_P_ASSERTED_IDENTITY);
	for (unsigned i = 0; i < 2; i++)
		if (mine[i].len)
			sip_msg_addf(m, SIP_HDR_P_ASSERTED_IDENTITY, "<%.*s>", GW_SV_FMT(mine[i]));
}

bool cp_core_is_foreign(const struct cp_sip *s, const struct sip_msg *m, const struct cp_binding *b)
{
	struct sip_elements e = { 0 };
	enum sip_scheme scheme;
	struct sip_addr from;
	struct gw_sv v;

	if (s->conf->mw.foreign_identity != CP_FOREIGN_REFUSE || m->to_tag.len)
		return false;
	while (sip_msg_element(m, SIP_HDR_P_PREFERRED_IDENTITY, &e, &v))
		if (own_identity(b, v, &scheme).len == 0)
			return true;
	if (own_identity(b, sip_msg_value(m, SIP_HDR_FROM), &scheme).len)
		return false;
	/* RFC 3323 4.1.1.3: who wants privacy writes nobody there */
	return sip_addr_parse(sip_msg_value(m, SIP_HDR_FROM), &from) ||
		!gw_sv_ieq(from.uri.host, GW_SV("anonymous.invalid"));
}

/* W2-SIP-21: the identity that was called answers. */
static void answer_identity(const struct cp_uas *u, struct sip_msg *m, const struct cp_binding *b)
{
	enum sip_scheme scheme;
	struct gw_sv uri = own_identity(b, sip_msg_value(&u->req, SIP_HDR_P_CALLED_PARTY_ID), &scheme);

	if (uri.len == 0)
		uri = gw_sv_cstr(b->default_impu);
	sip_msg_del(m, SIP_HDR_P_PREFERRED_IDENTITY);
	sip_msg_del(m, SIP_HDR_P_ASSERTED_IDENTITY);
	if (!b->is_anonymous)
		sip_msg_addf(m, SIP_HDR_P_ASSERTED_IDENTITY, "<%.*s>", GW_SV_FMT(uri));
}

/* ---- charging -------------------------------------------------------------------------------------------- */

void cp_core_icid(char *dst, size_t cap)
{
	unsigned char r[12];
	struct gw_buf b = gw_buf(dst, cap - 1);

	cp_random(r, sizeof(r));
	gw_buf_hex(&b, r, sizeof(r));
	dst[b.len] = '\0';
}

struct gw_sv cp_core_icid_of(const struct sip_msg *m)
{
	struct sip_param p;

	return sip_param_get(sip_msg_value(m, SIP_HDR_P_CHARGING_VECTOR), GW_SV("icid-value"), &p) ? p.value : GW_SV_NONE;
}

void cp_core_charge(const struct cp_sip *s, struct sip_msg *m, struct gw_sv icid)
{
	char fresh[64];

	if (icid.len == 0) {
		cp_core_icid(fresh, sizeof(fresh));
		icid = gw_sv_cstr(fresh);
	}
	sip_msg_addf(m, SIP_HDR_P_CHARGING_VECTOR, "icid-value=\"%.*s\";icid-generated-at=%s;orig-ioi=%s",
		GW_SV_FMT(icid), s->conf->mw.host, s->conf->mw.orig_ioi);
}

/* icid and orig-ioi of the request, and who answers (RFC 7315 4.6). */
static void charge_answer(const struct cp_uas *u, struct sip_msg *m)
{
	struct gw_sv v = sip_msg_value(&u->req, SIP_HDR_P_CHARGING_VECTOR), icid = cp_core_icid_of(&u->req);
	struct sip_param ioi;

	sip_msg_del(m, SIP_HDR_P_CHARGING_VECTOR);
	if (icid.len == 0)
		return;
	if (sip_param_get(v, GW_SV("orig-ioi"), &ioi))
		sip_msg_addf(m, SIP_HDR_P_CHARGING_VECTOR, "icid-value=\"%.*s\";orig-ioi=%.*s;term-ioi=%s",
			GW_SV_FMT(icid), GW_SV_FMT(ioi.value), u->sip->conf->mw.orig_ioi);
	else
		sip_msg_addf(m, SIP_HDR_P_CHARGING_VECTOR, "icid-value=\"%.*s\";term-ioi=%s", GW_SV_FMT(icid),
			u->sip->conf->mw.orig_ioi);
}

/* ---- from W2 --------------------------------------------------------------------------------------------- */

/* What an untrusted UE may set, and nothing of W2 only (W2-SIP-07, W2-SIP-84, W2-WS-17). */
void cp_core_strip(const struct cp_sip *s, struct sip_msg *m)
{
	cp_ctr_value[sip_header_stripped] +=
		sip_policy_keep_allowed(m, s->conf->mw.pass_headers, s->conf->mw.n_pass_headers);
	cp_ctr_value[sip_header_stripped] += sip_policy_clean_auth(m);
	sip_policy_drop_tags(m);
	if (m->method == SIP_ACK || m->method == SIP_CANCEL) {	/* W2-SIP-08 */
		sip_msg_del(m, SIP_HDR_P_ACCESS_NETWORK_INFO);
		return;
	}
	sip_policy_access_network_info(m);
	if (s->conf->mw.access_network_info[0])
		sip_msg_addf(m, SIP_HDR_P_ACCESS_NETWORK_INFO, "%s;network-provided", s->conf->mw.access_network_info);
}

/* W2-HDR-09: libraries of browsers name no service. */
static void name_service(struct sip_msg *m)
{
	if (!sip_msg_find(m, SIP_HDR_P_PREFERRED_SERVICE))
		sip_msg_add(m, SIP_HDR_P_PREFERRED_SERVICE, GW_SV(MMTEL));
	if (!sip_msg_find(m, SIP_HDR_ACCEPT_CONTACT))
		sip_msg_add(m, SIP_HDR_ACCEPT_CONTACT, GW_SV("*;+g.3gpp.icsi-ref=\"" MMTEL_ESCAPED "\""));
}

void cp_core_edit_to_core(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b, struct gw_sv icid)
{
	struct gw_sv priority = b->has_priority ? sip_msg_value(m, SIP_HDR_RESOURCE_PRIORITY) : GW_SV_NONE;

	cp_core_strip(s, m);
	if (priority.len)	/* W2-HDR-13 */
		sip_msg_add(m, SIP_HDR_RESOURCE_PRIORITY, priority);
	if (m->method == SIP_ACK)
		return;
	if (m->method != SIP_CANCEL)
		assert_identity(m, b);
	if (s->conf->mw.mmtel && m->method == SIP_INVITE && m->to_tag.len == 0)
		name_service(m);
	cp_core_charge(s, m, icid);
}

void cp_core_edit_from_wic(struct cp_uas *u, struct sip_msg *m)
{
	struct cp_binding *b = cp_reg_by_id(u->sip->reg, u->binding);

	if (!b || m->status == 100)
		return;
	answer_identity(u, m, b);
	charge_answer(u, m);
	if (u->req.to_tag.len == 0 && sip_msg_find(m, SIP_HDR_RECORD_ROUTE))
		cp_core_restore_record_route(u, m, b);
}

/* ---- towards W2 ------------------------------------------------------------------------------------------ */

/* Warning: code SP agent SP text; the agent may be any host of the core (RFC 3261 20.43). */
static void hide_warning(const struct cp_sip *s, struct sip_msg *m)
{
	struct gw_sv v, code, text, list[8];
	struct sip_elements e = { 0 };
	unsigned n = 0;

	while (n < 8 && sip_msg_element(m, SIP_HDR_WARNING, &e, &v))
		list[n++] = v;
	sip_msg_del(m, SIP_HDR_WARNING);
	for (unsigned i = 0; i < n; i++)
		if (gw_sv_cut(list[i], ' ', &code, &v) && gw_sv_cut(v, ' ', &v, &text))
			sip_msg_addf(m, SIP_HDR_WARNING, "%.*s %s %.*s", GW_SV_FMT(code), s->conf->w2.host,
				GW_SV_FMT(text));
}

/* W2-HDR-07: hosts of the core are not shown; what is hidden here is restored from our state or our Record-Route. */
static void hide(const struct cp_sip *s, struct sip_msg *m)
{
	hide_warning(s, m);
	sip_msg_del(m, SIP_HDR_PATH);
	if (m->is_request)
		sip_msg_del(m, SIP_HDR_VIA);
	else if (sip_msg_del(m, SIP_HDR_SERVICE_ROUTE))
		sip_msg_addf(m, SIP_HDR_SERVICE_ROUTE, "<sip:%s:%u;transport=ws;lr>", s->conf->w2.host,
			s->conf->w2.listen[0].port);
}

static void strip_for_wic(const struct cp_sip *s, struct sip_msg *m)
{
	bool is_hidden = sip_policy_hides_identity(m);

	(void)sip_policy_keep_for_ue(m, s->conf->mw.pass_headers, s->conf->mw.n_pass_headers);
	if (is_hidden)	/* W2-SIP-22 */
		sip_msg_del(m, SIP_HDR_P_ASSERTED_IDENTITY);
	if (s->conf->mw.hide_topology)
		hide(s, m);
}

void cp_core_edit_to_wic(const struct cp_sip *s, struct sip_msg *m)
{
	strip_for_wic(s, m);
	/* not interworked: a WIC must not think it could use them (W2-ERR-38, W2-SIP-84) */
	sip_msg_del_token(m, SIP_HDR_SUPPORTED, GW_SV("precondition"));
}

void cp_core_edit_response(struct cp_sip *s, struct sip_msg *m, enum cp_side to)
{
	if (to == CP_SIDE_MW) {
		cp_core_strip(s, m);
		return;
	}
	cp_core_seal_record_route(s, m, cp_core_icid_of(m));
	strip_for_wic(s, m);
}
