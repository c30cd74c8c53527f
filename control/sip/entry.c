/* SPDX-License-Identifier: Apache-2.0 */
/* State of the core's entry points: learnt from answers, probed by OPTIONS when nothing else tells (RFC 3263 4.3). */
#include "control/sip/entry.h"

#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/resolve.h"
#include "control/sip/stack_int.h"

#define TARGETS_MAX 64u
#define OF_A_NAME_MAX 32u    /* addresses of one entry point */
#define TICK_MS 1000u
#define BACKOFF_MAX_S 3600u
#define BACKOFF_DEFAULT_S 5u /* 503 without Retry-After: RFC 3261 21.5.4 leaves it to us */

struct target {
	struct cp_entry *e;
	struct cp_peer peer;
	bool is_down, has_answered;
	uint64_t answered_ms;        /* last sign of life */
	uint64_t backoff_until_ms;   /* it has asked to be left alone (Retry-After) */
	uint64_t probed_ms, used_ms;
	struct cp_uac *probe;
	struct gw_timer deadline;    /* of the probe */
	uint64_t n_down;
};

struct cp_entry {
	struct cp_sip *s;
	struct cp_resolver *dns;
	struct target targets[TARGETS_MAX];
	unsigned n;
	struct gw_timer tick;
	bool is_stopping;
};

static uint64_t now_of(const struct cp_entry *e)
{
	return cp_loop_now(e->s->loop);
}

static struct target *find(struct cp_entry *e, const struct cp_peer *p)
{
	for (unsigned i = 0; i < e->n; i++)
		if (cp_peer_same(&e->targets[i].peer, p))
			return &e->targets[i];
	return NULL;
}

static void on_deadline(struct gw_timer *timer, uint64_t now_ms);

static void init_target(struct target *t, struct cp_entry *e, const struct cp_peer *p)
{
	*t = (struct target){ .e = e, .peer = *p, .deadline = { .fn = on_deadline } };
	t->peer.conn = 0;
	t->answered_ms = now_of(e);	/* the first probe comes one period later */
}

/* The target of an address; the one DNS has not named for longest makes room. NULL: all are being probed. */
static struct target *learn(struct cp_entry *e, const struct cp_peer *p)
{
	struct target *t = find(e, p), *oldest = NULL;

	if (!t && e->n < TARGETS_MAX) {
		t = &e->targets[e->n++];
		init_target(t, e, p);
	}
	for (unsigned i = 0; !t && i < e->n; i++)
		if (!e->targets[i].probe && (!oldest || e->targets[i].used_ms < oldest->used_ms))
			oldest = &e->targets[i];
	if (!t && oldest) {
		CP_GAUGE_ADD(core_entries_down, oldest->is_down ? -1 : 0);
		t = oldest;
		init_target(t, e, p);
	}
	if (t)
		t->used_ms = now_of(e);
	return t;
}

static enum sip_transport transport_of(const char *name)
{
	return name[0] == '\0' ? SIP_TRANSPORT_ANY : strcmp(name, "tcp") == 0 ? SIP_TRANSPORT_TCP : SIP_TRANSPORT_UDP;
}

/* Entry points, and the E-CSCF behind them: what is to be resolved, probed and trusted. */
static const struct cp_conf_node *node(const struct cp_entry *e, unsigned i)
{
	const struct cp_conf *c = e->s->conf;

	if (i < c->mw.n_entry)
		return &c->mw.entry[i];
	return i - c->mw.n_entry < c->emergency.n_ecscf ? &c->emergency.ecscf[i - c->mw.n_entry] : NULL;
}

/* Addresses of a configured entry point, in order to try. */
static unsigned addresses(struct cp_entry *e, const struct cp_conf_node *n, struct cp_peer list[OF_A_NAME_MAX],
	bool *is_pending)
{
	const char *transport = n->transport[0] ? n->transport : e->s->conf->mw.transport;
	struct cp_name name = { gw_sv_cstr(n->host), n->port, transport_of(n->transport) };

	*is_pending = false;
	if (n->addr.family == 0)
		return cp_resolve(e->dns, &name, list, OF_A_NAME_MAX, is_pending);
	list[0] = (struct cp_peer){ .addr = n->addr,
		.proto = strcmp(transport, "tcp") == 0 ? CP_PROTO_TCP : CP_PROTO_UDP };
	return 1;
}

enum gw_err cp_entry_next(struct cp_entry *e, const struct cp_peer *tried, unsigned n_tried, struct cp_peer *to)
{
	const struct cp_conf *c = e->s->conf;
	struct cp_peer list[OF_A_NAME_MAX];
	const struct target *down = NULL;
	enum gw_err none = GW_ENOENT;

	for (unsigned i = 0; i < c->mw.n_entry; i++) {
		bool is_pending;
		unsigned n = addresses(e, &c->mw.entry[i], list, &is_pending);

		if (is_pending && none == GW_ENOENT)
			none = GW_EAGAIN;
		for (unsigned k = 0; k < n; k++) {
			const struct target *t = cp_peer_in(&list[k], tried, n_tried) ? NULL : learn(e, &list[k]);

			if (!t)
				continue;
			if (now_of(e) < t->backoff_until_ms) {
				none = GW_ELIMIT;
			} else if (!t->is_down) {
				*to = t->peer;
				return GW_OK;
			} else if (!down) {
				down = t;	/* a probe is no proof: better than no attempt at all */
			}
		}
	}
	if (!down)
		return none;
	*to = down->peer;
	return GW_OK;
}

unsigned cp_entry_retry_after(const struct cp_entry *e)
{
	uint64_t now = now_of(e), first = UINT64_MAX;

	for (unsigned i = 0; i < e->n; i++)
		if (e->targets[i].backoff_until_ms > now && e->targets[i].backoff_until_ms < first)
			first = e->targets[i].backoff_until_ms;
	return first == UINT64_MAX ? 0 : (unsigned)((first - now + 999) / 1000);
}

/* ---- what is learnt ------------------------------------------------------------------------------------- */

void cp_entry_answered(struct cp_entry *e, const struct cp_peer *from, unsigned status, uint32_t retry_after_s)
{
	struct target *t = find(e, from);
	char addr[GW_ADDR_STR_BYTES];

	if (!t)
		return;
	t->answered_ms = now_of(e);
	t->has_answered = true;
	if (t->is_down) {
		t->is_down = false;
		CP_GAUGE_ADD(core_entries_down, -1);
		GW_LOG_NOTICE(e->s->log, "core.entry_up", "address=%s", gw_addr_str(&t->peer.addr, addr));
	}
	if (status != 503)
		return;
	CP_COUNT(core_entry_busy);
	if (retry_after_s == 0)
		retry_after_s = BACKOFF_DEFAULT_S;
	if (retry_after_s > BACKOFF_MAX_S)
		retry_after_s = BACKOFF_MAX_S;
	t->backoff_until_ms = now_of(e) + retry_after_s * 1000ull;
	GW_LOG_NOTICE(e->s->log, "core.entry_busy", "address=%s retry_after_s=%u", gw_addr_str(&t->peer.addr, addr),
		retry_after_s);
}

void cp_entry_failed(struct cp_entry *e, const struct cp_peer *to, const char *why)
{
	struct target *t = find(e, to);
	char addr[GW_ADDR_STR_BYTES];

	if (!t || t->is_down)
		return;
	t->is_down = true;
	t->n_down++;
	CP_COUNT(core_entry_lost);
	CP_GAUGE_ADD(core_entries_down, 1);
	GW_LOG_WARN(e->s->log, "core.entry_down", "address=%s why=\"%s\"", gw_addr_str(&t->peer.addr, addr), why);
}

/* ---- probes ----------------------------------------------------------------------------------------------- */

static void on_probe_gone(void *user, struct cp_uac *c)
{
	struct target *t = user;

	if (t->probe == c)
		t->probe = NULL;
	gw_timer_stop(&t->e->s->loop->timers, &t->deadline);
}

static void on_probe_response(void *user, struct cp_uac *c, struct sip_msg *m, unsigned status)
{
	struct target *t = user;

	if (!m)
		return;
	/* any answer will do, a challenge too (threat P6); what it says of the target was noted below us */
	gw_timer_stop(&t->e->s->loop->timers, &t->deadline);
	if (status < 200 || !c)
		return;
	c->on_response = NULL;	/* the transaction lives on for Timer K, the probe is over */
	c->on_gone = NULL;
	t->probe = NULL;
}

static void on_deadline(struct gw_timer *timer, uint64_t now_ms)
{
	struct target *t = GW_CONTAINER(timer, struct target, deadline);
	struct cp_peer peer = t->peer;
	struct cp_entry *e = t->e;

	(void)now_ms;
	if (t->probe)
		sip_txn_transport_error(&t->probe->txn);
	cp_entry_failed(e, &peer, "no answer to OPTIONS");
	cp_uac_move_all(e->s, &peer);
}

/* RFC 3261 11: OPTIONS to the node itself. */
static void probe(struct target *t)
{
	struct gw_arena a = GW_ARENA_INIT(CP_ARENA_BYTES);
	struct cp_sip *s = t->e->s;
	char uri[GW_ADDR_STR_BYTES + 32], addr[GW_ADDR_STR_BYTES], tag[CP_TAG_CHARS + 1], id[CP_TAG_CHARS + 1];
	struct sip_msg m;

	cp_random_token(tag, CP_TAG_CHARS);
	cp_random_token(id, CP_TAG_CHARS);
	snprintf(uri, sizeof(uri), "sip:%s%s", gw_addr_str(&t->peer.addr, addr),
		t->peer.proto == CP_PROTO_TCP ? ";transport=tcp" : "");
	sip_msg_request(&m, &a, SIP_OPTIONS, gw_sv_cstr(uri));
	sip_msg_add(&m, SIP_HDR_MAX_FORWARDS, GW_SV("70"));
	sip_msg_addf(&m, SIP_HDR_FROM, "<sip:%s:%u>;tag=%s", s->conf->mw.host, s->conf->mw.bind.port, tag);
	sip_msg_addf(&m, SIP_HDR_TO, "<%s>", uri);
	sip_msg_addf(&m, SIP_HDR_CALL_ID, "%s@%s", id, s->conf->mw.host);
	sip_msg_add(&m, SIP_HDR_CSEQ, GW_SV("1 OPTIONS"));
	t->probed_ms = now_of(t->e);
	if (cp_sip_send(s, &m, &t->peer, on_probe_response, on_probe_gone, t, &t->probe) == GW_OK) {
		CP_COUNT(core_probes);
		t->probe->is_pinned = true;
		(void)gw_timer_arm(&s->loop->timers, &t->deadline, now_of(t->e) + s->conf->mw.probe_timeout_ms);
	}
	gw_arena_reset(&a);
}

static void on_tick(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_entry *e = GW_CONTAINER(timer, struct cp_entry, tick);
	uint64_t period = e->s->conf->mw.probe_s * 1000ull;
	const struct cp_conf_node *p;
	struct cp_peer list[OF_A_NAME_MAX];

	if (e->is_stopping)
		return;
	for (unsigned i = 0; (p = node(e, i)); i++) {	/* keeps names fresh, too */
		bool is_pending;
		unsigned n = addresses(e, p, list, &is_pending);

		for (unsigned k = 0; k < n; k++) {
			struct target *t = learn(e, &list[k]);
			uint64_t last = !t ? 0 : t->answered_ms > t->probed_ms ? t->answered_ms : t->probed_ms;

			if (t && period && !t->probe && now_ms >= last + period)
				probe(t);
		}
	}
	(void)gw_timer_arm(&e->s->loop->timers, &e->tick, now_ms + TICK_MS);
}

static void on_names(void *user)
{
	struct cp_entry *e = user;
	const struct cp_conf_node *p;
	struct cp_peer list[OF_A_NAME_MAX];

	for (unsigned i = 0; (p = node(e, i)); i++) {	/* what comes from there is trusted from now on */
		bool is_pending;
		unsigned n = addresses(e, p, list, &is_pending);

		for (unsigned k = 0; k < n; k++)
			(void)learn(e, &list[k]);
	}
}

/* ---- trust, life -------------------------------------------------------------------------------------------- */

bool cp_entry_is_trusted(const struct cp_entry *e, const struct gw_addr *a)
{
	const struct cp_conf *c = e->s->conf;

	for (unsigned i = 0; i < e->n; i++)
		if (gw_addr_ip_eq(&e->targets[i].peer.addr, a))
			return true;
	for (unsigned i = 0; i < c->mw.n_trusted; i++) {
		struct gw_addr net;
		uint8_t prefix;

		if (gw_addr_parse_prefix(gw_sv_cstr(c->mw.trusted[i]), &net, &prefix) == GW_OK &&
			gw_addr_in(a, &net, prefix))
			return true;
	}
	return false;
}

struct cp_resolver *cp_entry_resolver(struct cp_entry *e)
{
	return e->dns;
}

json_t *cp_entry_show(void *entry)
{
	struct cp_entry *e = entry;
	json_t *list = json_array();
	uint64_t now = now_of(e);
	struct cp_peer next = { 0 };

	(void)!cp_entry_next(e, NULL, 0, &next);
	for (unsigned i = 0; i < e->n; i++) {
		const struct target *t = &e->targets[i];
		const char *state = t->is_down ? "down" : now < t->backoff_until_ms ? "busy" :
			t->has_answered ? "up" : "unknown";
		char addr[GW_ADDR_STR_BYTES];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I}", "entry",
			gw_addr_str(&t->peer.addr, addr), "transport", t->peer.proto == CP_PROTO_TCP ? "tcp" : "udp",
			"state", state, "in_use", cp_peer_same(&t->peer, &next), "silent_s",
			(json_int_t)((now - t->answered_ms) / 1000), "retry_after_s",
			(json_int_t)(now < t->backoff_until_ms ? (t->backoff_until_ms - now) / 1000 : 0), "outages",
			(json_int_t)t->n_down));
	}
	return list;
}

enum gw_err cp_entry_new(struct cp_entry **out, struct cp_sip *s)
{
	struct cp_entry *e = calloc(1, sizeof(*e));
	enum gw_err err;

	if (!e)
		return GW_ENOMEM;
	e->s = s;
	e->tick.fn = on_tick;
	if ((err = cp_resolver_new(&e->dns, s->conf, s->loop, s->log, on_names, e)) ||
		(err = gw_timer_arm(&s->loop->timers, &e->tick, now_of(e) + TICK_MS))) {
		cp_entry_free(e);
		return err;
	}
	on_names(e);
	*out = e;
	return GW_OK;
}

void cp_entry_stop(struct cp_entry *e)
{
	if (!e)
		return;
	e->is_stopping = true;
	gw_timer_stop(&e->s->loop->timers, &e->tick);
	for (unsigned i = 0; i < e->n; i++)
		if (e->targets[i].probe)
			sip_txn_transport_error(&e->targets[i].probe->txn);
}

void cp_entry_free(struct cp_entry *e)
{
	if (!e)
		return;
	cp_resolver_free(e->dns);
	free(e);
}
