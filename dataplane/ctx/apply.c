/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Add and Modify: everything is read and checked into a plan, then resources are taken, then the
 * plan is committed. A command that fails leaves the termination as it was (iq.md 3.4, 10.4).
 */
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/ctx/ctx_int.h"
#include "proto/sdp/iq_sdp.h"

#define LOCAL_MAX_BYTES 60000u	/* with what else a reply says, less than an Iq message */
#define LOCAL_GROWS_BY 8u	/* "a=candidate:$" becomes one of 80 characters */
#define FLOWS_PER_CONTEXT 3	/* access; core RTP and RTCP */
#define UFRAG_CHARS 8
#define PWD_CHARS 24

struct plan {
	const struct iq_cmd *cmd;
	const struct iq_stream *s;
	struct sdp_model local, remote;
	bool has_local, has_remote, clears_remote;
	bool is_access;
	struct dp_realm *realm;
	unsigned addr_index;
	struct dp_fingerprint fps[DP_FINGERPRINTS_MAX];
	unsigned n_fps;
	bool ice_requested;
	char ufrag[UFRAG_CHARS + 1], pwd[PWD_CHARS + 1];
	uint32_t wanted, heartbeat_s;
	unsigned code;
	const char *text;
};

static enum gw_err refuse(struct plan *p, unsigned code, const char *text)
{
	p->code = code;
	p->text = text;
	return GW_EBADMSG;
}

static void random_text(char *dst, unsigned n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (unsigned i = 0; i < n; i++)
		dst[i] = alphabet[dp_ctx_random() & 63];
	dst[n] = '\0';
}

/* ---- reading ------------------------------------------------------------------------------------- */

static enum gw_err read_fingerprints(struct plan *p)
{
	const struct sdp_line *l = &p->remote.lines[0];

	for (unsigned i = 0; i < l->n_fp && p->n_fps < DP_FINGERPRINTS_MAX; i++) {
		struct dp_fingerprint f = { .hash = dp_hash_parse(l->fp[i].hash) };
		struct gw_sv hex = l->fp[i].hex;

		if (f.hash == DP_HASH_NONE)
			continue;
		for (size_t k = 0; k + 2 <= hex.len && f.len < DP_FINGERPRINT_MAX; k += 3) {
			uint32_t b;

			if (gw_sv_hex32(gw_sv_sub(hex, k, k + 2), &b))
				return refuse(p, 474, "a=fingerprint is malformed");
			f.bytes[f.len++] = (uint8_t)b;
		}
		p->fps[p->n_fps++] = f;
	}
	if (l->n_fp && p->n_fps == 0)
		return refuse(p, 449, "no fingerprint of sha-256 or better");
	return GW_OK;
}

static enum gw_err read_sdp(struct plan *p, struct gw_arena *arena)
{
	struct gw_diag diag;

	if (p->s->has_local && p->s->local.len) {
		if (sdp_model_read(&p->local, arena, p->s->local, SDP_IQ, &diag))
			return refuse(p, 474, diag.what);
		if (p->local.n_lines != 1)
			return refuse(p, 474, "Local needs exactly one media line");
		if (p->local.lines[0].is_unusable)
			return refuse(p, 474, p->local.lines[0].why);
		p->has_local = true;
	}
	p->clears_remote = p->s->has_remote && gw_sv_trim(p->s->remote).len == 0;	/* M-9 */
	if (p->s->has_remote && !p->clears_remote) {
		if (sdp_model_read(&p->remote, arena, p->s->remote, SDP_IQ, &diag))
			return refuse(p, 474, diag.what);
		if (p->remote.n_lines != 1)
			return refuse(p, 474, "Remote needs exactly one media line");
		if (p->remote.lines[0].is_unusable)
			return refuse(p, 474, p->remote.lines[0].why);
		if (p->remote.lines[0].setup == SDP_SETUP_HOLDCONN ||
			p->remote.lines[0].setup == SDP_SETUP_BAD)
			return refuse(p, 449, "a=setup");
		p->has_remote = true;
		return read_fingerprints(p);
	}
	return GW_OK;
}

static enum gw_err read_proto(struct plan *p, const struct dp_term *t)
{
	const struct sdp_line *l = p->has_local ? &p->local.lines[0] : &p->remote.lines[0];

	if (!p->has_local && !p->has_remote) {
		p->is_access = t && t->is_access;
		return t ? GW_OK : refuse(p, 441, "Add needs a Local descriptor");
	}
	if (!l->is_rtp)
		return refuse(p, 515, "only RTP media is supported");
	if (l->is_secure && !gw_sv_starts(l->media->proto, GW_SV("UDP/TLS/")))
		return refuse(p, 449, "SDES is not supported");
	p->is_access = l->is_secure;
	if (t && t->is_access != p->is_access)
		return refuse(p, 473, "media protocol cannot change");
	return GW_OK;
}

static enum gw_err read_realm(struct dp_ctx *c, struct plan *p)
{
	struct gw_sv family = p->local.lines[0].media->conn.family;
	uint8_t want;

	if (family.len == 0)
		family = p->local.sdp.conn.family;
	want = gw_sv_eq(family, GW_SV("IP6")) ? 6 : 4;
	for (unsigned r = 0; r < c->c.n_realms; r++) {
		struct dp_realm *x = &c->c.realms[r];

		/* F-10: without a name the first realm is the default */
		if (p->s->realm.len && !gw_sv_eq(p->s->realm, gw_sv_cstr(x->name)))
			continue;
		p->realm = x;
		for (unsigned a = 0; a < x->n_addrs; a++)
			if (c->c.laddrs[x->laddrs[a]].ip.family == want) {
				p->addr_index = a;
				return GW_OK;
			}
		return refuse(p, 449, "address family is not available in this realm");
	}
	return refuse(p, 449, "ipdc/realm is unknown");
}

/* What is not done is not promised (iq.md 3.5). */
static enum gw_err read_undone(struct plan *p)
{
	const uint32_t done = 1u << IQ_EV_HANGTERM | 1u << IQ_EV_CAUSE | 1u << IQ_EV_BNC_CHANGE | 1u << IQ_EV_ICE_RESULT |
		1u << IQ_EV_CONSENT | 1u << IQ_EV_X_ICE | 1u << IQ_EV_X_DTLS | 1u << IQ_EV_X_CONSENT;
	static const struct {
		enum iq_name id;
		const char *package;
	} properties[] = { { IQ_SDR, "tman" }, { IQ_MBS, "tman" }, { IQ_PDR, "tman" }, { IQ_DVT, "tman" },
		{ IQ_SAM, "gm/sam" }, { IQ_SPR, "gm/spr" }, { IQ_ESAS, "gm/esas" }, { IQ_LSA, "gm/lsa" },
		{ IQ_ESPS, "gm/esps" }, { IQ_LSP, "gm/lsp" }, { IQ_TB, "ds/tb" }, { IQ_SEPLINK, "seplink" },
		{ IQ_ECN, "ecnrous" }, { IQ_ECN_METHOD, "ecnrous" }, { IQ_MSRP, "mgcbla" }, { IQ_MGCINFO, "mgcinfo" } };

	if (p->cmd->n_streams && p->s->pol > 0)
		return refuse(p, 445, "tman");
	for (size_t i = 0; p->cmd->n_streams && i < sizeof(properties) / sizeof(properties[0]); i++)
		if (iq_stream_has(p->s, properties[i].id))
			return refuse(p, 445, properties[i].package);
	if (p->cmd->n_props)
		return refuse(p, 445, "TerminationState");
	if (p->cmd->n_streams && p->s->mode == IQ_MODE_LOOPBACK)
		return refuse(p, 517, "Loopback");
	for (unsigned i = 0; i < p->cmd->n_signals; i++) {
		enum iq_name id = p->cmd->signals[i].id;

		if (id == IQ_SG_LATCH &&
			!gw_sv_ieq(iq_item_param(&p->cmd->signals[i], GW_SV("napt")), GW_SV("OFF")))
			return refuse(p, 513, "ipnapt/latch");
		if (id != IQ_SG_LATCH && id != IQ_SG_STUN_SERVER && id != IQ_SG_EST_BNC)
			return refuse(p, 513, "");
	}
	for (unsigned i = 0; i < p->cmd->n_events; i++)
		if (!(done >> p->cmd->events[i].id & 1))
			return refuse(p, 512, "");
	return GW_OK;
}

static enum gw_err read_events(struct plan *p)
{
	for (unsigned i = 0; i < p->cmd->n_events; i++) {
		const struct iq_item *e = &p->cmd->events[i];
		uint32_t n;

		if (e->id < 32)
			p->wanted |= 1u << e->id;
		if (e->id != IQ_EV_HANGTERM)
			continue;
		if (gw_sv_uint_max(iq_item_param(e, GW_SV("timerx")), 86400, &n) || n == 0)
			return refuse(p, 457, "timerx");
		p->heartbeat_s = n;
	}
	return GW_OK;
}

static enum gw_err read_plan(struct dp_ctx *c, struct plan *p, const struct dp_term *t,
	struct gw_arena *arena)
{
	static const struct iq_stream none;
	enum gw_err err;

	if (p->cmd->n_streams > 1)
		return refuse(p, 510, "one stream a termination is supported");
	p->s = p->cmd->n_streams ? &p->cmd->streams[0] : &none;
	if (t && p->cmd->n_streams && p->s->id != t->stream_id)
		return refuse(p, 510, "one stream a termination is supported");
	if ((err = read_sdp(p, arena)) || (err = read_proto(p, t)) || (err = read_undone(p)) || (err = read_events(p)))
		return err;
	if (!t && !p->has_local)
		return refuse(p, 441, "Add needs a Local descriptor");
	if (!t && (err = read_realm(c, p)))
		return err;
	if (t && p->s->realm.len && !gw_sv_eq(p->s->realm, gw_sv_cstr(t->realm->name)))
		return refuse(p, 473, "ipdc/realm cannot change");	/* F-11 */
	/* new credentials are asked for: at Add, or at an ICE restart (F-61) */
	p->ice_requested = p->is_access && p->has_local &&
		gw_sv_eq(p->local.lines[0].ice_ufrag, GW_SV("$"));
	return GW_OK;
}

/* ---- resources of Add ---------------------------------------------------------------------------- */

struct fit {
	const struct dp_fast *fast;
	uint16_t worker;
};

static bool is_of_worker(void *user, uint16_t port)
{
	const struct fit *f = user;

	return dp_owner(f->fast, port) == f->worker;
}

static bool has_room(void *user, uint16_t port)
{
	const struct fit *f = user;

	return dp_flow_free(f->fast, dp_owner(f->fast, port)) >= FLOWS_PER_CONTEXT;
}

/* The worker with most room; among equals, the one after the last taken. */
static uint16_t idlest_worker(struct dp_ctx *c)
{
	uint16_t n = dp_n_workers(c->c.fast), best = c->next_worker % n;

	for (uint16_t k = 1; k < n; k++) {
		uint16_t w = (uint16_t)((c->next_worker + k) % n);

		if (dp_flow_free(c->c.fast, w) > dp_flow_free(c->c.fast, best))
			best = w;
	}
	return best;
}

/*
 * Both sides of a context on one worker: the first termination decides, and looks that the other side
 * finds room too. Where the idlest worker has no port left, any worker with room will do.
 */
static enum gw_err take_port(struct dp_ctx *c, const struct dp_context *cx, struct dp_port_pool *pool,
	uint64_t now_ms, uint16_t *port)
{
	struct fit fit = { .fast = c->c.fast };

	if (cx->n_terms) {
		fit.worker = dp_owner(c->c.fast, cx->terms[0]->port);
		return dp_port_take(pool, now_ms, is_of_worker, &fit, port);
	}
	fit.worker = idlest_worker(c);
	if (dp_flow_free(c->c.fast, fit.worker) < FLOWS_PER_CONTEXT)
		return GW_ELIMIT;
	if (dp_port_take(pool, now_ms, is_of_worker, &fit, port) &&
		dp_port_take(pool, now_ms, has_room, &fit, port))
		return GW_ELIMIT;
	c->next_worker = dp_owner(c->c.fast, *port) + 1;
	return GW_OK;
}

static void on_heartbeat(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_term *t = GW_CONTAINER(timer, struct dp_term, heartbeat);
	struct dp_ctx *c = t->tables;

	c->c.ops.notify(c->c.ops.user, t, IQ_EV_HANGTERM, NULL, 0);
	(void)gw_timer_arm(c->c.timers, timer, now_ms + t->heartbeat_s * 1000ull);
}

static struct dp_term *free_slot(struct dp_ctx *c)
{
	for (uint32_t i = 0; i < c->n_term_slots; i++) {
		uint32_t k = (c->term_hint + i) % c->n_term_slots;

		if (!c->terms[k].is_used) {
			c->term_hint = k + 1;
			return &c->terms[k];
		}
	}
	return NULL;
}

static enum gw_err make_term(struct dp_ctx *c, struct dp_context *cx, struct plan *p,
	uint64_t now_ms, struct dp_term **out)
{
	struct dp_term *t = free_slot(c);
	uint32_t generation;
	enum gw_err err;

	if (!t)
		return refuse(p, 432, "no TerminationID available");
	/* one access and one core side: two flows would share one SRTP session, and have no one peer */
	for (unsigned i = 0; i < cx->n_terms; i++)
		if (cx->terms[i]->is_access == p->is_access)
			return refuse(p, 434, "the context has a termination of this kind");
	generation = t->generation + 1;
	memset(t, 0, sizeof(*t));
	t->generation = generation;
	t->slot = (uint32_t)(t - c->terms);
	t->ctx = cx;
	t->tables = c;
	t->number = ++c->next_term;
	t->stream_id = p->s->id;
	t->is_access = p->is_access;
	t->realm = p->realm;
	t->addr_index = p->addr_index;
	t->laddr = p->realm->laddrs[p->addr_index];
	t->mode = IQ_MODE_INACTIVE;
	t->saf = t->spf = -1;
	t->created_ms = now_ms;
	t->heartbeat.fn = on_heartbeat;
	snprintf(t->id, sizeof(t->id), "ip/1/%s/%u", p->realm->interface, t->number);
	dp_media_init(c, t);
	if (take_port(c, cx, p->realm->pools[p->addr_index], now_ms, &t->port))
		return refuse(p, 510, "no local port left in this realm");
	if (t->is_access && (err = dp_media_new_dtls(c, t,
				     p->local.lines[0].setup == SDP_SETUP_ACTIVE))) {
		dp_port_give_back(p->realm->pools[p->addr_index], t->port, 0);
		return refuse(p, 510, "no memory for a DTLS session");
	}
	t->is_used = true;
	cx->terms[cx->n_terms++] = t;
	c->n_terms++;
	if (dp_publish_open(c, t, now_ms)) {
		dp_port_give_back(p->realm->pools[p->addr_index], t->port, 0);
		cx->n_terms--;
		c->n_terms--;
		t->is_used = false;
		dp_media_close(c, t);
		return refuse(p, 510, "no flow left");
	}
	*out = t;
	return GW_OK;
}

/* ---- commit ---------------------------------------------------------------------------------------- */

static void commit_remote(struct dp_term *t, const struct plan *p)
{
	const struct sdp_line *l = &p->remote.lines[0];

	t->remote = l->remote;
	t->remote_rtcp = l->remote_rtcp;
	t->has_remote = l->remote.family != 0;
	free(t->remote_sdp);
	t->remote_sdp = gw_sv_dup(p->s->remote);
	if (!t->is_access)
		return;
	/* lengths and characters were checked when the model was read */
	if (l->ice_ufrag.len && dp_ice_set_remote(&t->ice, l->ice_ufrag))
		(void)!dp_ice_set_remote(&t->ice, GW_SV_NONE);
	if (p->n_fps)
		(void)!dp_dtls_set_fingerprints(t->dtls, p->fps, p->n_fps);
	/* F-35..F-37: the peer's role, once it has chosen, gives ours */
	if (l->setup == SDP_SETUP_PASSIVE)
		(void)!dp_dtls_set_role(t->dtls, true);
	else if (l->setup == SDP_SETUP_ACTIVE)
		(void)!dp_dtls_set_role(t->dtls, false);
}

static void clear_remote(struct dp_term *t)
{
	t->remote = t->remote_rtcp = (struct gw_addr){ 0 };
	t->has_remote = false;
	free(t->remote_sdp);
	t->remote_sdp = NULL;
	(void)!dp_ice_set_remote(&t->ice, GW_SV_NONE);
}

static void commit_codecs(struct dp_term *t, const struct sdp_line *l)
{
	t->pt_mask[0] = t->pt_mask[1] = 0;
	for (unsigned i = 0; i < l->n_codecs; i++)
		t->pt_mask[l->codecs[i].pt >> 6] |= 1ull << (l->codecs[i].pt & 63);
	t->clock_hz = l->n_codecs ? l->codecs[0].clock_hz : 0;
}

static void commit(struct dp_ctx *c, struct dp_term *t, const struct plan *p, uint64_t now_ms)
{
	const struct iq_stream *s = p->s;

	if (s->mode)
		t->mode = s->mode;
	if (p->cmd->n_streams) {
		if (s->dscp >= 0)
			t->dscp = (uint8_t)s->dscp;
		if (s->saf >= 0)
			t->saf = s->saf;
		if (s->spf >= 0)
			t->spf = s->spf;
	}
	if (p->has_local)
		commit_codecs(t, &p->local.lines[0]);
	if (p->has_remote)
		commit_remote(t, p);
	if (p->clears_remote)
		clear_remote(t);
	if (p->cmd->has_events) {	/* M-9: the list replaces the one before */
		t->events_id = p->cmd->events_id;
		t->wanted = p->wanted;
		t->heartbeat_s = p->heartbeat_s;
		if (t->heartbeat_s)
			(void)gw_timer_arm(c->c.timers, &t->heartbeat, now_ms + t->heartbeat_s * 1000ull);
		else
			gw_timer_stop(c->c.timers, &t->heartbeat);
	}
	dp_publish(c, t, now_ms);
	if (t->is_access) {
		if (dp_dtls_state(t->dtls) == DP_DTLS_UP || dp_dtls_state(t->dtls) == DP_DTLS_FAILED)
			dp_media_check_dtls(c, t, now_ms);	/* held until now for the fingerprint */
		dp_media_try_start(c, t, now_ms);
	}
}

/* ---- the Local of the reply ------------------------------------------------------------------------ */

/* Of the certificate this association has: the present one may be another (rotation). */
static enum gw_err fingerprint_text(const struct dp_term *t, struct gw_buf *b)
{
	struct dp_fingerprint fp;

	if (dp_dtls_fingerprint(t->dtls, DP_HASH_SHA256, &fp))
		return GW_EIO;
	for (unsigned i = 0; i < fp.len; i++)
		gw_buf_printf(b, "%s%02X", i ? ":" : "", fp.bytes[i]);
	return GW_OK;
}

static enum gw_err complete_local(struct dp_ctx *c, struct dp_term *t, struct plan *p,
	struct gw_arena *arena, struct gw_sv *out)
{
	struct sdp_iq_chosen ch = { .addr = c->c.laddrs[t->laddr].ip };
	char fp[256], cand[128], ip[GW_ADDR_STR_BYTES];
	struct gw_buf fb = gw_buf(fp, sizeof(fp)), ib = gw_buf(ip, sizeof(ip)), ob;
	size_t cap = p->s->local.len * LOCAL_GROWS_BY + 1024;
	char *text;

	if (cap > LOCAL_MAX_BYTES)
		cap = LOCAL_MAX_BYTES;
	if (!(text = gw_arena_alloc(arena, cap)))
		return refuse(p, 533, "Local does not fit");
	ch.addr.port = t->port;
	if (t->is_access) {
		ch.ufrag = gw_sv_cstr(p->ufrag[0] ? p->ufrag : t->ice.cred.ufrag);
		ch.pwd = gw_sv_cstr(p->ufrag[0] ? p->pwd : t->ice.cred.pwd);
		ch.ice_lite = true;
		gw_addr_put_ip(&ib, &ch.addr);
		/* 2130706431 = 126 << 24 | 65535 << 8 | 255: RFC 8445 5.1.2.1, host candidate */
		snprintf(cand, sizeof(cand), "1 1 UDP 2130706431 %.*s %u typ host",
			GW_SV_FMT(gw_buf_sv(&ib)), t->port);
		ch.candidate = gw_sv_cstr(cand);
		if (fingerprint_text(t, &fb))
			return refuse(p, 500, "no certificate");
		ch.fingerprint_hash = GW_SV("sha-256");
		ch.fingerprint = gw_buf_sv(&fb);
	}
	ob = gw_buf(text, cap);
	if (sdp_iq_complete_local(&p->local.sdp, &ch, &ob))
		return refuse(p, 533, "Local does not fit");
	*out = gw_buf_sv(&ob);
	free(t->local_sdp);
	t->local_sdp = gw_sv_dup(*out);
	return GW_OK;
}

static void new_credentials(struct plan *p)
{
	random_text(p->ufrag, UFRAG_CHARS);	/* 48 bits, 144 bits: above the 24 and 128 of W2-ICE-03 */
	random_text(p->pwd, PWD_CHARS);
}

static enum gw_err commit_credentials(struct dp_ctx *c, struct dp_term *t, struct plan *p, bool is_new)
{
	enum gw_err err = GW_OK;

	if (is_new)
		dp_ice_init(&t->ice, p->ufrag, p->pwd, c->c.consent_timeout_ms);
	else if ((err = dp_ice_restart(&t->ice, p->ufrag, p->pwd)))
		err = refuse(p, 510, "no memory for ICE credentials");
	explicit_bzero(p->pwd, sizeof(p->pwd));
	return err;
}

enum gw_err dp_ctx_apply(struct dp_ctx *c, struct dp_context *cx, struct dp_term *t,
	const struct iq_cmd *cmd, struct gw_arena *arena, uint64_t now_ms, struct dp_term **out,
	struct gw_sv *local, unsigned *code, const char **text)
{
	struct plan p = { .cmd = cmd, .code = 500, .text = "" };
	bool is_new = t == NULL;
	enum gw_err err;

	*local = GW_SV_NONE;
	err = read_plan(c, &p, t, arena);
	if (err == GW_OK && is_new)
		err = make_term(c, cx, &p, now_ms, &t);
	if (err == GW_OK && t->is_access && (is_new || p.ice_requested))
		new_credentials(&p);
	if (err == GW_OK && p.has_local) {
		err = complete_local(c, t, &p, arena, local);
		if (err && is_new) {
			dp_ctx_subtract(c, t, now_ms);
			t = NULL;
		}
	}
	if (err == GW_OK && p.ufrag[0])
		err = commit_credentials(c, t, &p, is_new);
	if (err) {
		*code = p.code;
		*text = p.text;
		return err;
	}
	commit(c, t, &p, now_ms);
	*out = t;
	return GW_OK;
}
