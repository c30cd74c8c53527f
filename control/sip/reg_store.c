/* SPDX-License-Identifier: Apache-2.0 */
/* What a 2xx to REGISTER says, and what is kept of it (W2-REG-40, -42, TS 24.229 5.2.2.1). */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/reg_int.h"
#include "control/sip/session.h"
#include "proto/sip/register.h"

static char *dup_list(const struct sip_msg *m, enum sip_hdr_id id)
{
	char text[4096];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct sip_elements e = { 0 };
	struct gw_sv v;

	/* what does not fit is left out whole: a part of a URI is another URI */
	while (sip_msg_element(m, id, &e, &v) && b.len + v.len + 2 <= sizeof(text)) {
		if (b.len)
			gw_buf_puts(&b, ", ");
		gw_buf_put(&b, v);
	}
	return gw_sv_dup(gw_buf_sv(&b));
}

/* The core's lists (W2-REG-40): replaced completely, whatever was there before. */
static void store_lists(struct cp_binding *b, const struct sip_msg *m)
{
	const char *dflt = b->reg->s->conf->reg.service_route;
	struct sip_elements e = { 0 };
	struct sip_param ioi;
	struct sip_uri aor;
	struct sip_addr a;
	struct gw_sv v, list;

	cp_binding_clear_routes(b);
	while (b->n_service_route < CP_SERVICE_ROUTES_MAX && sip_msg_element(m, SIP_HDR_SERVICE_ROUTE, &e, &v))
		if ((b->service_route[b->n_service_route] = gw_sv_dup(v)))
			b->n_service_route++;
	if (b->n_service_route == 0 && *dflt && (b->service_route[0] = gw_sv_dup(gw_sv_cstr(dflt))))
		b->n_service_route = 1;		/* W2-REG-42 */
	cp_reg_set(&b->impus, dup_list(m, SIP_HDR_P_ASSOCIATED_URI));
	b->has_priority = sip_msg_find(m, SIP_HDR_RESOURCE_PRIORITY) != NULL;
	cp_reg_set(&b->feature_caps, dup_list(m, SIP_HDR_FEATURE_CAPS));
	v = sip_param_get(sip_msg_value(m, SIP_HDR_P_CHARGING_VECTOR), GW_SV("term-ioi"), &ioi) ? ioi.value : GW_SV_NONE;
	cp_reg_set(&b->term_ioi, gw_sv_dup(v));
	list = gw_sv_cstr(b->impus);
	v = sip_list_next(&list, &v) && sip_addr_parse(v, &a) == GW_OK ? a.uri.text : gw_sv_cstr(b->aor);
	cp_reg_set(&b->default_impu, gw_sv_dup(v));
	/* TS 24.229 5.1.1.2.1: an identity that was registered and is not listed is barred */
	b->is_aor_barred = b->impus && *b->impus && sip_uri_parse(gw_sv_cstr(b->aor), &aor) == GW_OK &&
		!cp_binding_is_listed(b, &aor);
}

/* What of the REGISTER itself is kept: who asked, and what a REGISTER on its behalf has to repeat. */
static void store_request(struct cp_binding *b, const struct cp_reg_attempt *at)
{
	const struct sip_msg *req = &at->u->req;
	struct gw_sv impi = cp_reg_auth_impi(at->u);

	cp_reg_set(&b->contact, gw_sv_dup(gw_sv_cstr(at->contact)));
	cp_reg_set(&b->contact_params, gw_sv_dup(gw_sv_cstr(at->contact_params)));
	cp_reg_set(&b->call_id, gw_sv_dup(req->call_id));
	b->cseq = req->cseq.number;
	b->has_ob = at->has_ob;
	if (impi.len)
		cp_reg_set(&b->impi, gw_sv_dup(impi));
	cp_reg_auth_bound(at->u, b);
}

static uint32_t granted_to(const struct cp_binding *b, const struct sip_msg *m, struct sip_addr *out)
{
	return sip_register_granted(m, gw_sv_cstr(b->contact), cp_binding_contact_param(b, GW_SV("reg-id")), out);
}

/* Contact: * (W2-REG-19): of this user's contacts go those the core does not list any more. */
static void remove_unlisted(struct cp_reg *r, const char *aor, const struct sip_msg *m)
{
	struct cp_binding *b = cp_reg_by_aor(r, gw_sv_cstr(aor));

	if (!b)
		return;
	GW_LIST_FOREACH_SAFE(it, next, &b->aor_ring) {
		struct cp_binding *other = GW_CONTAINER(it, struct cp_binding, aor_ring);

		if (granted_to(other, m, NULL) == 0)
			cp_binding_remove(other, "de-registered");
	}
	if (granted_to(b, m, NULL) == 0)
		cp_binding_remove(b, "de-registered");
}

static void keep_until(struct cp_binding *b, uint32_t seconds)
{
	struct cp_sip *s = b->reg->s;

	cp_binding_renew(b);
	b->is_registered = true;	/* also what the network had ended a moment ago */
	b->is_gone_at_core = b->closes_socket = false;
	b->guard_ms = 0;
	b->registered_ms = cp_loop_now(s->loop);
	b->expires_ms = b->registered_ms + seconds * 1000ull;
	cp_binding_arm(b);
	cp_transport_set_registered(s->transport, b->peer.conn, true);
	if (!cp_binding_alive(b))	/* lost while the core was asked */
		cp_binding_guard(b);
	cp_reg_event_join(b);
	cp_binding_save(b);
}

/* A 2xx of the core to the contact of the attempt. @return 0, or what the WIC is told instead */
static unsigned store_contact(struct cp_reg_attempt *at, const struct sip_msg *m, uint32_t seconds)
{
	struct cp_reg *r = at->reg;
	struct cp_binding *b = gw_map_get(&r->by_key, gw_sv_cstr(at->key));
	struct sip_addr granted;

	if (!b) {
		if (!(b = cp_binding_new(r, at->key, at->aor, at->id, &at->u->peer)))
			return 503;
		if (at->taken)
			cp_binding_take_over(b, at->taken);
	}
	at->replaced = cp_binding_move(b, &at->u->peer);
	cp_binding_take_id(b, at->id);
	store_request(b, at);
	store_lists(b, m);
	if (granted_to(b, m, &granted))
		cp_reg_set(&b->granted_params, gw_sv_dup(granted.params));
	CP_COUNT(reg_ok);
	keep_until(b, seconds);
	if (at->taken)
		cp_alg_take_over(r->s->alg, at->taken, gw_sv_cstr(b->key));
	GW_LOG_INFO(r->s->log, "reg.ok", "impu=%s expires_s=%u service_routes=%u", b->aor, seconds,
		b->n_service_route);
	return 0;
}

static uint32_t granted_s(const struct cp_reg_attempt *at, const struct sip_msg *m)
{
	struct sip_param p;
	bool has_id = sip_param_get(gw_sv_cstr(at->contact_params), GW_SV("reg-id"), &p);

	return sip_register_granted(m, gw_sv_cstr(at->contact), has_id ? p.value : GW_SV_NONE, NULL);
}

bool cp_reg_is_granted(const struct cp_reg_attempt *at, const struct sip_msg *m)
{
	return granted_s(at, m) > 0;
}

unsigned cp_reg_store(struct cp_reg_attempt *at, const struct sip_msg *m)
{
	struct cp_reg *r = at->reg;
	struct cp_binding *b = gw_map_get(&r->by_key, gw_sv_cstr(at->key));
	uint32_t seconds = at->is_star ? 0 : granted_s(at, m);

	at->is_granted = seconds > 0;
	if (at->is_star)
		remove_unlisted(r, at->aor, m);
	else if (seconds == 0 && b)
		cp_binding_remove(b, "de-registered");
	if (seconds == 0)
		return 0;
	if (!sip_msg_find(m, SIP_HDR_SERVICE_ROUTE) && !*r->s->conf->reg.service_route) {
		CP_COUNT(reg_no_service_route);
		GW_LOG_ERROR(r->s->log, "reg.no_service_route", "impu=%s", at->aor);
		if (b)
			cp_binding_remove(b, "the core gives no Service-Route");
		return 502;
	}
	return store_contact(at, m, seconds);
}
