/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations that end otherwise than by their WIC: by us (W2-REG-64), or by the network (W2-REG-63). */
#include "control/app/metrics.h"
#include "control/sip/core.h"
#include "control/sip/reg_int.h"
#include "control/sip/session.h"

#define FAREWELL_T1 4u	/* a NOTIFY to the WIC and its repetitions on Mw come within this many T1 */

/* ---- de-registration on behalf ------------------------------------------------------------------------------ */

static void on_answer(void *user, struct cp_uac *c, struct sip_msg *m, unsigned status)
{
	struct cp_reg *r = user;

	(void)c;
	(void)m;
	if (status < 300)
		return;
	CP_COUNT(reg_behalf_failed);	/* the core lets the contact expire by itself */
	GW_LOG_WARN(r->s->log, "reg.behalf_failed", "status=%u", status);
}

static void put_contact(struct sip_msg *m, const struct cp_binding *b)
{
	char text[2048];
	struct gw_buf c = gw_buf(text, sizeof(text));
	struct gw_sv params = gw_sv_cstr(b->contact_params);
	struct sip_param p;

	gw_buf_printf(&c, "<%s>", b->contact);
	while (sip_param_next(&params, ';', &p)) {
		if (gw_sv_ieq(p.name, GW_SV("expires")))
			continue;
		gw_buf_printf(&c, ";%.*s", GW_SV_FMT(p.name));
		if (p.has_value)
			gw_buf_printf(&c, p.is_quoted ? "=\"%.*s\"" : "=%.*s", GW_SV_FMT(p.value));
	}
	gw_buf_puts(&c, ";expires=0");
	if (c.overflow)		/* the URI alone names it too */
		sip_msg_addf(m, SIP_HDR_CONTACT, "<%s>;expires=0", b->contact);
	else
		sip_msg_add(m, SIP_HDR_CONTACT, gw_buf_sv(&c));
}

/* As the WIC would send it: same Call-ID, next CSeq, same Path. */
static void build(struct cp_reg *r, struct sip_msg *m, struct gw_arena *a, const struct cp_binding *b)
{
	const struct cp_conf *conf = r->s->conf;
	char uri[512], text[512], tag[17];
	struct gw_buf u = gw_buf(uri, sizeof(uri)), p = gw_buf(text, sizeof(text));

	gw_buf_printf(&u, "sip:%s", conf->mw.home_domain);
	cp_core_put_mw_entry(r->s, &p, b->token, b->has_ob);
	cp_random_token(tag, sizeof(tag) - 1);
	sip_msg_request(m, a, SIP_REGISTER, gw_buf_sv(&u));
	sip_msg_add(m, SIP_HDR_MAX_FORWARDS, GW_SV("70"));
	sip_msg_addf(m, SIP_HDR_FROM, "<%s>;tag=%s", b->aor, tag);
	sip_msg_addf(m, SIP_HDR_TO, "<%s>", b->aor);
	sip_msg_add(m, SIP_HDR_CALL_ID, gw_sv_cstr(b->call_id));
	sip_msg_addf(m, SIP_HDR_CSEQ, "%u REGISTER", b->cseq + 1);
	put_contact(m, b);
	sip_msg_add(m, SIP_HDR_EXPIRES, GW_SV("0"));
	sip_msg_add(m, SIP_HDR_PATH, gw_buf_sv(&p));
	sip_msg_add(m, SIP_HDR_REQUIRE, GW_SV("path"));
	sip_msg_add(m, SIP_HDR_SUPPORTED, b->has_ob ? GW_SV("path, outbound") : GW_SV("path"));
	cp_reg_auth_on_behalf(b, m);
	cp_core_charge(r->s, m, GW_SV_NONE);
}

static void tell_core(struct cp_binding *b)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 16);
	struct cp_reg *r = b->reg;
	struct cp_peer to;
	struct sip_msg m;

	build(r, &m, &a, b);
	cp_sip_core_hop(r->s, &m, &to);
	CP_COUNT(reg_behalf);
	if (cp_sip_send(r->s, &m, &to, on_answer, NULL, r, NULL))
		CP_COUNT(reg_behalf_failed);
	gw_arena_reset(&a);
}

void cp_reg_deregister(struct cp_binding *b, const char *why, bool close_socket)
{
	struct cp_reg *r = b->reg;
	cp_conn_id conn = b->peer.conn;

	/* W2-TOK-11: we speak for whom we have authenticated; a digest user's contact expires by itself */
	if (b->is_tna && b->is_registered && b->impi && b->call_id)
		tell_core(b);
	cp_binding_remove(b, why);
	if (close_socket)
		cp_reg_close_unused(r, conn, why);
}

void cp_binding_yield(struct cp_binding *b, const char *why)
{
	struct cp_reg *r = b->reg;
	cp_conn_id conn = b->peer.conn;

	cp_binding_remove(b, why);
	if (!cp_reg_by_conn(r, conn))
		cp_transport_close(r->s->transport, conn, 1000, "replaced");
}

/* ---- by the network ------------------------------------------------------------------------------------------ */

void cp_binding_ended_by_network(struct cp_binding *b, const char *why, bool close_socket)
{
	struct cp_sip *s = b->reg->s;

	if (!b->is_registered)
		return;
	CP_COUNT(reg_ended_by_network);
	GW_LOG_NOTICE(s->log, "reg.ended_by_network", "impu=%s why=\"%s\"", b->aor, why);
	cp_alg_binding_gone(b);
	cp_reg_event_leave(b);
	b->is_registered = false;
	b->closes_socket = close_socket || s->conf->reg.close_when_ended;
	(void)gw_timer_arm(&s->loop->timers, &b->timer, cp_loop_now(s->loop) + FAREWELL_T1 * s->conf->mw.t1_ms);
}
