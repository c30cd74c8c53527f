/* SPDX-License-Identifier: Apache-2.0 */
/* show, kick and drain. */
#include "control/app/ops.h"

#include "control/alg/call.h"
#include "control/app/conf_check.h"
#include "control/app/metrics.h"
#include "control/app/page.h"
#include "control/app/recent.h"
#include "control/app/trace_mask.h"
#include "control/sip/entry.h"
#include "control/sip/reg.h"
#include "control/sip/resolve.h"

#define WATCH_MS 1000u

static const char *proto_name(enum cp_proto p)
{
	static const char *const names[] = { "-", "wss", "ws", "udp", "tcp" };

	return names[p];
}

/* ---- show --------------------------------------------------------------------------------------------- */

static json_t *what_the_core_said(const struct cp_binding *b)
{
	return json_pack("{s:s, s:s, s:s?, s:s?, s:s?}", "default_impu", b->default_impu, "contact", b->contact,
		"granted", b->granted_params, "term_ioi", b->term_ioi, "feature_caps", b->feature_caps);
}

static json_t *show_registrations(void *user, struct gw_sv args)
{
	struct cp_ops *o = user;
	struct cp_page page = cp_page(args);
	json_t *list = json_array();
	uint64_t now = cp_loop_now(o->sip->loop);

	GW_LIST_FOREACH(it, cp_reg_list(o->sip->reg)) {
		const struct cp_binding *b = GW_CONTAINER(it, struct cp_binding, node);
		char addr[GW_ADDR_STR_BYTES], conn[24];

		if (!cp_page_has(&page))
			continue;
		snprintf(conn, sizeof(conn), "%llx", (unsigned long long)b->peer.conn);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:i, s:o}", "impu", b->aor,
			"impi", b->impi ? b->impi : "-", "peer", gw_addr_str(&b->peer.addr, addr), "connection",
			cp_binding_alive(b) ? conn : "-", "registered", b->is_registered, "connected",
			cp_binding_alive(b), "expires_s",
			(json_int_t)(b->expires_ms > now ? (b->expires_ms - now) / 1000 : 0), "calls",
			(int)b->n_calls, "core", what_the_core_said(b)));
	}
	return list;
}

static json_t *show_connections(void *user, struct gw_sv args)
{
	struct cp_ops *o = user;
	struct cp_page page = cp_page(args);
	json_t *list = json_array();
	struct cp_conn_info i;
	uint32_t it = 0;

	while (cp_transport_next(o->sip->transport, &it, &i)) {
		const struct cp_binding *b;
		char addr[GW_ADDR_STR_BYTES], conn[24];

		if (!cp_page_has(&page))
			continue;
		b = cp_reg_by_conn(o->sip->reg, i.id);
		snprintf(conn, sizeof(conn), "%llx", (unsigned long long)i.id);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:i}", "connection", conn,
			"transport", proto_name(i.proto), "peer", gw_addr_str(&i.peer, addr), "state", i.state, "impu",
			b ? b->aor : "-", "queued_bytes", (json_int_t)i.queued_bytes, "pings_missed",
			(int)i.pings_missed));
	}
	return list;
}

static json_t *show_gateways(void *user)
{
	struct cp_ops *o = user;
	json_t *list = json_array();
	struct cp_iq_gateway_info i;

	for (unsigned k = 0; cp_iq_gateway(o->iq, k, &i); k++) {
		char addr[GW_ADDR_STR_BYTES];

		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b, s:i, s:i, s:i, s:I, s:I}", "name", i.name,
			"address", gw_addr_str(&i.address, addr), "in_service", i.is_up, "locked", i.is_locked, "version",
			(int)i.version, "contexts", (int)i.contexts, "calls_per_s_limit", (int)i.rate, "requests", (json_int_t)i.requests, "timeouts", (json_int_t)i.timeouts));
	}
	return list;
}

/* "gateway lock NAME", "gateway unlock NAME", "gateway handoff NAME MGC-ID" */
static json_t *gateway(void *user, struct gw_sv args)
{
	struct cp_ops *o = user;
	struct gw_sv what, name, mgc = GW_SV_NONE;
	enum gw_err err = GW_EINVAL;

	if (!gw_sv_word(&args, &what) || !gw_sv_word(&args, &name))
		return cp_ctl_error("gateway lock|unlock NAME, gateway handoff NAME MGC-ID");
	if (gw_sv_eq(what, GW_SV("lock")) || gw_sv_eq(what, GW_SV("unlock")))
		err = cp_iq_lock(o->iq, name, gw_sv_eq(what, GW_SV("lock")));
	else if (gw_sv_eq(what, GW_SV("handoff")) && gw_sv_word(&args, &mgc) && cp_conf_is_mid(mgc))
		err = cp_iq_hand_off(o->iq, name, mgc);
	if (err)
		return cp_ctl_error(err == GW_ENOENT ? "no such gateway" : err == GW_ECLOSED ? "it is out of service" :
			"gateway lock|unlock NAME, gateway handoff NAME MGC-ID");
	return show_gateways(o);
}

/* ---- a message by hand: iq send NAME "TEXT as JSON" ----------------------------------------------------- */

static void on_hand_answered(void *user, struct gw_sv answer)
{
	struct cp_ctl_stream *s = user;
	static char text[65536 * 2];
	struct gw_buf b = gw_buf(text, sizeof(text));

	cp_ctl_stream_on_close(s, NULL, NULL);
	cp_trace_mask(&b, answer);
	cp_ctl_stream_end(s, answer.len ? json_pack("{s:s%}", "answer", b.p, b.len) : cp_ctl_error("no answer"));
}

static void on_hand_left(void *user)
{
	cp_iq_by_hand_forget(((struct cp_ops *)user)->iq);
}

static json_t *iq_send(void *user, struct gw_sv args, struct cp_ctl_stream *s)
{
	struct cp_ops *o = user;
	struct gw_diag diag = { 0, "" };
	struct gw_sv name = GW_SV_NONE;
	char what[200];
	enum gw_err err;
	json_t *text;

	(void)gw_sv_word(&args, &name);
	args = gw_sv_trim(args);
	text = json_loadb(args.p, args.len, JSON_DECODE_ANY, NULL);
	if (!json_is_string(text)) {
		json_decref(text);
		return cp_ctl_error("iq send NAME TEXT, as a JSON string");
	}
	err = cp_iq_by_hand(o->iq, name, gw_sv(json_string_value(text), json_string_length(text)), on_hand_answered, s, &diag);
	json_decref(text);
	if (err == GW_EBADMSG) {
		snprintf(what, sizeof(what), "not to be sent: %s, at octet %zu", diag.what, diag.off);
		return cp_ctl_error(what);
	}
	if (err)
		return cp_ctl_error(err == GW_ENOENT ? "no such gateway" : err == GW_ECLOSED ? "it has no connection" :
			"another message waits for its answer");
	cp_ctl_stream_on_close(s, on_hand_left, o);
	return NULL;
}

/* ---- kick --------------------------------------------------------------------------------------------- */

static bool read_conn(struct gw_sv hex, cp_conn_id *id)
{
	uint32_t low = 0, high = 0;
	size_t cut = hex.len > 8 ? hex.len - 8 : 0;

	if (hex.len == 0 || hex.len > 16 || gw_sv_hex32(gw_sv_sub(hex, cut, hex.len), &low) ||
		(cut && gw_sv_hex32(gw_sv_sub(hex, 0, cut), &high)))
		return false;
	*id = (uint64_t)high << 32 | low;
	return true;
}

/* A user: registrations end, calls are released, sockets close. A connection: only the socket closes. */
static json_t *kick(void *user, struct gw_sv args)
{
	struct cp_ops *o = user;
	unsigned n_registrations, n_connections = 0;
	cp_conn_id id;

	n_registrations = args.len ? cp_reg_kick(o->sip->reg, args) : 0;
	if (!n_registrations && read_conn(args, &id) && cp_transport_alive(o->sip->transport, id)) {
		cp_transport_close(o->sip->transport, id, 1008, "closed by the operator");
		n_connections = 1;
	}
	if (!n_registrations && !n_connections)
		return cp_ctl_error("no such user or connection");
	GW_LOG_NOTICE(o->sip->log, "ops.kick", "who=%.*s registrations=%u connections=%u", GW_SV_FMT(args),
		n_registrations, n_connections);
	return json_pack("{s:i, s:i}", "registrations", (int)n_registrations, "connections", (int)n_connections);
}

/* ---- drain -------------------------------------------------------------------------------------------- */

static bool is_empty(void)
{
	return cp_gauge_value[calls] == 0;
}

static void on_watch(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_ops *o = GW_CONTAINER(timer, struct cp_ops, watch);

	if (is_empty() && !o->is_empty_told) {
		o->is_empty_told = true;
		GW_LOG_NOTICE(o->sip->log, "drain.empty", "registrations=%lld",
			(long long)cp_gauge_value[reg_bindings]);
		return;
	}
	(void)gw_timer_arm(&o->sip->loop->timers, timer, now_ms + WATCH_MS);
}

static void set_draining(struct cp_ops *o, bool is_draining)
{
	struct gw_timers *timers = &o->sip->loop->timers;

	if (o->sip->is_draining == is_draining)
		return;
	o->sip->is_draining = is_draining;
	cp_transport_drain(o->sip->transport, is_draining);
	o->is_empty_told = false;
	GW_LOG_NOTICE(o->sip->log, is_draining ? "drain.on" : "drain.off", "calls=%lld registrations=%lld",
		(long long)cp_gauge_value[calls], (long long)cp_gauge_value[reg_bindings]);
	if (is_draining)
		(void)gw_timer_arm(timers, &o->watch, cp_loop_now(o->sip->loop));
	else
		gw_timer_stop(timers, &o->watch);
}

static json_t *drain(void *user, struct gw_sv args)
{
	struct cp_ops *o = user;

	if (gw_sv_eq(args, GW_SV("on")) || gw_sv_eq(args, GW_SV("off")))
		set_draining(o, args.len == 2);
	else if (args.len)
		return cp_ctl_error("drain [on|off]");
	return json_pack("{s:b, s:b, s:I, s:I, s:I}", "draining", o->sip->is_draining, "empty", is_empty(), "calls",
		(json_int_t)cp_gauge_value[calls], "registrations", (json_int_t)cp_gauge_value[reg_bindings],
		"connections", (json_int_t)cp_gauge_value[w2_connections]);
}

enum gw_err cp_ops_open(struct cp_ops *o, struct cp_ctl *c)
{
	struct cp_alg *alg = o->sip->alg;
	enum gw_err err;

	o->watch.fn = on_watch;
	if ((err = cp_ctl_command(c, "show registrations", show_registrations, o)) ||
		(err = cp_ctl_command(c, "show connections", show_connections, o)) ||
		(err = cp_ctl_command(c, "show calls", cp_alg_show, alg)) ||
		(err = cp_ctl_command(c, "show call", cp_alg_show_call, alg)) ||
		(err = cp_ctl_command(c, "show dialogs", cp_alg_show_dialogs, alg)) ||
		(err = cp_ctl_command(c, "recent", cp_recent_show, NULL)) ||
		(err = cp_ctl_register(c, "core", cp_entry_show, o->sip->entry)) ||
		(err = cp_ctl_register(c, "names", cp_resolver_show, cp_entry_resolver(o->sip->entry))) ||
		(err = cp_ctl_register(c, "gateways", show_gateways, o)) ||
		(err = cp_ctl_command(c, "gateway", gateway, o)) || (err = cp_ctl_streaming(c, "iq send", iq_send, o)) ||
		(err = cp_ctl_command(c, "kick", kick, o)) || (err = cp_ctl_command(c, "drain", drain, o)))
		return err;
	return GW_OK;
}

void cp_ops_close(struct cp_ops *o)
{
	if (o->sip)
		gw_timer_stop(&o->sip->loop->timers, &o->watch);
}
