/* SPDX-License-Identifier: Apache-2.0 */
/* Media of a call: terminations reserved, configured and subtracted. */
#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/app/metrics.h"
#include "control/app/trace.h"

/* Of a call that may be const, like strchr: nothing is written here. */
static struct cp_media_line *find(const struct cp_call *c, unsigned index)
{
	for (unsigned i = 0; i < c->n_lines; i++)
		if (c->lines[i].index == index)
			return (struct cp_media_line *)&c->lines[i];
	return NULL;
}

/* What it had at the gateway is forgotten; its name is kept from whatever takes its place. */
static void clear_line(struct cp_media_line *l)
{
	free(l->local_access);
	free(l->local_core);
	free(l->local_channel);
	*l = (struct cp_media_line){ .index = l->index, .mid = l->mid };
}

/* Does the line cross, or one that has its transport? */
static bool is_needed(const struct cp_call *c, unsigned index)
{
	for (unsigned i = 0; i < c->ex.offer.n_lines; i++)
		if (c->ex.streams[i].is_active && (i == index || cp_call_transport_of(c, i) == index))
			return true;
	return false;
}

/* Room for one more, if need be that of a line that has nothing at the gateway and does not cross. NULL: none */
static struct cp_media_line *place(struct cp_call *c)
{
	if (c->n_lines < CP_LINES_MAX)
		return &c->lines[c->n_lines++];
	for (unsigned i = 0; i < c->n_lines; i++) {
		struct cp_media_line *l = &c->lines[i];

		if (!l->local_access && !l->local_core && !is_needed(c, l->index)) {
			free(l->mid);
			return l;
		}
	}
	return NULL;
}

struct cp_media_line *cp_call_line(struct cp_call *c, unsigned index)
{
	struct cp_media_line *l = find(c, index);

	if (l)
		return l;
	l = place(c);
	if (l)
		*l = (struct cp_media_line){ .index = (uint8_t)index };
	return l;
}

/* By the map of the exchange; without one by what was agreed. */
unsigned cp_call_transport_of(const struct cp_call *c, unsigned index)
{
	return sdp_map_first(c->ex.map.n ? &c->ex.map : &c->map, index);
}

struct cp_media_line *cp_call_transport(const struct cp_call *c, unsigned index)
{
	return find(c, cp_call_transport_of(c, index));
}

void cp_media_forget(struct cp_call *c)
{
	free(c->term_access);
	free(c->term_core);
	c->term_access = c->term_core = NULL;
	for (unsigned i = 0; i < c->n_lines; i++) {
		clear_line(&c->lines[i]);
		free(c->lines[i].mid);
	}
	c->n_lines = 0;
}

/* Reserved for an offer that came to nothing, perhaps of another kind or role: nothing that is agreed on later has a part in it. */
static bool is_stale(const struct cp_call *c, unsigned exchange)
{
	return exchange && exchange != c->n_exchanges;
}

static bool has_transport(const struct cp_call *c, unsigned index)
{
	const struct cp_media_line *l = cp_call_transport(c, index);

	return l && l->local_access && !is_stale(c, l->transport_exchange);
}

static bool has_streams(const struct cp_call *c, unsigned index)
{
	const struct cp_media_line *l = find(c, index);

	return l && l->local_core && !is_stale(c, l->exchange) && (!sdp_stream_ends(&c->ex.streams[index]) || l->local_channel) && has_transport(c, index);
}

bool cp_media_is_reserved(const struct cp_call *c)
{
	for (unsigned i = 0; i < c->ex.offer.n_lines; i++)
		if (c->ex.streams[i].is_active && !has_streams(c, i))
			return false;
	return true;
}

static struct iq_stream stream(const struct cp_call *c, unsigned index, const char *realm)
{
	struct iq_stream s = iq_stream((uint16_t)(index + 1));

	s.mode = IQ_MODE_INACTIVE;
	s.reserve_value = 1;
	s.realm = gw_sv_cstr(realm);
	s.dscp = (int)c->alg->s->conf->media.dscp;
	return s;
}

/* What is written is kept with the exchange, until the request is printed. */
static enum gw_err keep(struct cp_call *c, enum gw_err err, struct gw_buf *b, struct gw_sv *out)
{
	*out = err ? GW_SV_NONE : gw_arena_sv(&c->ex.arena, gw_buf_sv(b));
	b->len = 0;
	return err ? err : out->len ? GW_OK : GW_ENOMEM;
}

/* Roles of a data line's gateway ends, by what its sides have said (struct sdp_stream); actpass: not known yet. */
static enum sdp_setup data_setup(const struct cp_call *c, const struct sdp_stream *s, enum cp_side to)
{
	bool said_by_w2 = (c->ex.offerer == CP_SIDE_W2) != c->ex.is_applied;

	return said_by_w2 == (to == CP_SIDE_W2) ? sdp_setup_reverse(s->setup) : s->setup;
}

static enum cp_line_bundle bundle_of(const struct cp_call *c, unsigned i)
{
	const struct cp_media_line *l = cp_call_transport(c, i);

	return l ? l->bundle : CP_LINE_ALONE;
}

static enum gw_err put_mid(struct cp_call *c, unsigned i, uint8_t ext, struct gw_buf *b)
{
	return sdp_iq_mid(c->ex.offerer == CP_SIDE_W2 ? c->ex.offer.lines[i].mid : cp_sdp_mid(c, i), ext, b);
}

/* Of a line in a group with what its packets are known by, and without a transport where it shares one (P-2). */
static enum gw_err access_local(struct cp_call *c, unsigned i, struct gw_sv proto, enum sdp_setup setup, struct gw_buf *b)
{
	bool is_v6 = c->b && c->b->peer.addr.family == 6;	/* media take the family signalling came by */
	const struct sdp_stream *s = &c->ex.streams[i];
	const struct cp_media_line *l = cp_call_transport(c, i);
	struct cp_iq_gateway_info info;
	enum gw_err err;

	err = bundle_of(c, i) == CP_LINE_MEMBER ? sdp_iq_member(s, proto, b) : sdp_iq_access_local(s, proto, is_v6, setup, b);
	if (err || !l || !l->bundle || !cp_iq_gateway(c->alg->iq, c->gateway, &info) || !info.has_mgroup)
		return err;	/* a group of one needs nothing of the gateway */
	return put_mid(c, i, l->mid_ext, b);
}

/* Where the transport of a line is, says one line of its group. */
static const struct sdp_line *tagged_line(const struct cp_call *c, unsigned i, const struct sdp_model *wic)
{
	const struct sdp_line *tagged = bundle_of(c, i) == CP_LINE_TRANSPORT ? cp_bundle_tagged(c, wic) : NULL;

	return tagged ? tagged : &wic->lines[i];
}

static enum gw_err access_remote(struct cp_call *c, unsigned i, const struct sdp_model *wic, struct gw_buf *b)
{
	const struct sdp_stream *s = &c->ex.streams[i];
	uint8_t ext = wic->lines[i].mid_ext ? cp_bundle_mid_ext(c, cp_call_transport_of(c, i)) : 0;
	enum gw_err err;

	err = bundle_of(c, i) == CP_LINE_MEMBER ? sdp_iq_member(s, wic->lines[i].media->proto, b) : sdp_iq_access_remote(s, tagged_line(c, i, wic), b);
	return err || !ext ? err : put_mid(c, i, ext, b);
}

/* The transport of a line on the access side: wildcards for us, and what the offerer has said of itself. */
static enum gw_err reserve_transport(struct cp_call *c, unsigned i, struct iq_stream *access)
{
	const struct sdp_stream *s = &c->ex.streams[i];
	const struct sdp_line *l = &c->ex.offer.lines[i];
	bool from_w2 = c->ex.offerer == CP_SIDE_W2;
	enum sdp_setup setup = sdp_stream_is_relayed(s) ? data_setup(c, s, CP_SIDE_W2) : cp_sdp_our_setup(c, i);
	char text[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));
	enum gw_err err;

	*access = stream(c, cp_call_transport_of(c, i), c->alg->s->conf->iq.gateways[c->gateway].access_realm);
	access->has_local = true;
	access->has_remote = from_w2;
	err = keep(c, access_local(c, i, from_w2 ? l->media->proto : GW_SV("UDP/TLS/RTP/SAVPF"), setup, &b), &b, &access->local);
	return err || !from_w2 ? err : keep(c, access_remote(c, i, &c->ex.offer, &b), &b, &access->remote);
}

/* A channel that ends here, beside its association (E-7). */
static enum gw_err reserve_channel(struct cp_call *c, unsigned i, struct iq_stream *channel)
{
	const struct sdp_stream *s = &c->ex.streams[i];
	char text[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));
	enum gw_err err;

	*channel = stream(c, i, c->alg->s->conf->iq.gateways[c->gateway].access_realm);
	channel->id = (uint16_t)(i + CP_CHANNEL_STREAM);
	channel->has_local = true;
	channel->has_remote = c->ex.offerer == CP_SIDE_W2;
	if ((err = keep(c, sdp_iq_channel(s, NULL, &b), &b, &channel->local)))
		return err;
	return channel->has_remote ? keep(c, sdp_iq_channel(s, &c->ex.offer.lines[i], &b), &b, &channel->remote) : GW_OK;
}

static enum gw_err reserve_core(struct cp_call *c, unsigned i, struct iq_stream *core)
{
	const struct sdp_stream *s = &c->ex.streams[i];
	const struct sdp_line *l = &c->ex.offer.lines[i];
	bool from_w2 = c->ex.offerer == CP_SIDE_W2;
	char text[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));
	enum gw_err err;

	*core = stream(c, i, c->alg->s->conf->iq.gateways[c->gateway].core_realm);
	if (sdp_stream_ends(s))	/* joined with the channel, by its ID */
		core->id = (uint16_t)(i + CP_CHANNEL_STREAM);
	core->has_local = true;
	core->has_remote = !from_w2;
	err = keep(c, sdp_iq_core_local(s, !from_w2 && l->remote.family == 6,
		s->is_msrp ? cp_sdp_tcp_setup(c, i) : data_setup(c, s, CP_SIDE_MW), &b), &b, &core->local);
	return err || from_w2 ? err : keep(c, sdp_iq_core_remote(s, l, l->setup, &b), &b, &core->remote);
}

/* Streams of both terminations, as a command has them. */
struct streams {
	struct iq_stream access[2 * CP_LINES_MAX], core[CP_LINES_MAX];
	unsigned n_access, n_core;
};

static bool has_access(const struct streams *l, unsigned id)
{
	for (unsigned i = 0; i < l->n_access; i++)
		if (l->access[i].id == id)
			return true;
	return false;
}

static bool has_members(const struct cp_call *c, const struct streams *l)
{
	for (unsigned i = 0; i < c->n_lines; i++)
		if (c->lines[i].bundle == CP_LINE_MEMBER && has_access(l, c->lines[i].index + 1u))
			return true;
	return false;
}

/* What a line has not got yet. */
static enum gw_err reserve_line(struct cp_call *c, unsigned i, struct streams *l)
{
	unsigned transport = cp_call_transport_of(c, i);
	enum gw_err err = GW_OK;

	if (!cp_call_line(c, i) || !cp_call_line(c, transport))
		return GW_ELIMIT;
	cp_call_line(c, i)->exchange = c->n_exchanges;
	if (!has_transport(c, i))
		cp_call_line(c, transport)->transport_exchange = c->n_exchanges;
	if (!has_transport(c, i) && !has_access(l, transport + 1))
		err = reserve_transport(c, i, &l->access[l->n_access++]);
	if (!err && sdp_stream_ends(&c->ex.streams[i]))
		err = reserve_channel(c, i, &l->access[l->n_access++]);
	return err ? err : reserve_core(c, i, &l->core[l->n_core++]);
}

static void release(struct iq_stream *s, unsigned id, struct gw_sv local)
{
	*s = iq_stream((uint16_t)id);
	s->has_local = true;
	s->local = local;
}

#define NOTHING(what) GW_SV("v=0\r\nc=IN IP4 -\r\nm=" what "\r\n")

/* S-7: the transport of a line. Its Local is still to be freed. */
static void leave_transport(struct cp_media_line *l, struct streams *out)
{
	release(&out->access[out->n_access++], l->index + 1u, NOTHING("audio 0 RTP/AVP -"));
	l->local_access = NULL;
	l->bundle = CP_LINE_ALONE;
	l->wic_setup = SDP_SETUP_NONE;
	l->wic_ice = 0;
}

static void release_transport(struct cp_media_line *l, struct streams *out)
{
	char *local = l->local_access;

	leave_transport(l, out);
	free(local);
}

/* S-7, F-71: what a line has beside its transport; a channel has a stream on either side. Its Locals are still to be freed. */
static void leave_rest(struct cp_media_line *l, struct streams *out)
{
	bool is_text = gw_sv_find(gw_sv_cstr(l->local_core), GW_SV("m=text ")) != strlen(l->local_core);

	if (l->local_channel)
		release(&out->access[out->n_access++], l->index + CP_CHANNEL_STREAM, NOTHING("application 0 UDP/DTLS/SCTP webrtc-datachannel"));
	release(&out->core[out->n_core++], l->index + (l->local_channel ? CP_CHANNEL_STREAM : 1u), !l->local_channel ?
		NOTHING("audio 0 RTP/AVP -") : is_text ? NOTHING("text 0 RTP/AVP 104") : NOTHING("message 0 TCP/MSRP *"));
	l->local_channel = l->local_core = NULL;
}

static void release_rest(struct cp_media_line *l, struct streams *out)
{
	char *core = l->local_core, *channel = l->local_channel;

	leave_rest(l, out);
	free(core);
	free(channel);
}

/* W2-SIP-34: what was reserved for offers that came to nothing. The Locals are those of what was before until the gateway is told. */
static void leave_stale(struct cp_call *c, struct streams *out)
{
	for (unsigned i = 0; i < c->n_lines; i++) {
		struct cp_media_line *l = &c->lines[i];

		if (!is_stale(c, l->exchange))
			continue;
		if (l->local_core)
			leave_rest(l, out);
		l->exchange = 0;
	}
	for (unsigned i = 0; i < c->n_lines; i++) {
		struct cp_media_line *l = &c->lines[i];

		if (!is_stale(c, l->transport_exchange))
			continue;
		if (l->local_access)
			leave_transport(l, out);
		l->transport_exchange = 0;
	}
}

/* The lines of a call, while a reservation is made of which nothing may come. */
struct before {
	struct cp_media_line lines[CP_LINES_MAX];
	unsigned n;
};

/* The gateway is told: what it gives back is forgotten. */
static void forget_stale(const struct cp_call *c, const struct before *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		const struct cp_media_line *l = &b->lines[i];

		if (is_stale(c, l->exchange) && l->local_core) {
			free(l->local_core);
			free(l->local_channel);
		}
		if (is_stale(c, l->transport_exchange))
			free(l->local_access);
	}
}

/* It is not: the next time. A line whose place was taken has lost its name with it. */
static void put_back(struct cp_call *c, const struct before *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		char *mid = c->lines[i].mid;

		c->lines[i] = b->lines[i];
		c->lines[i].mid = mid;
	}
	c->n_lines = b->n;
}

/* Events and signals of the access termination are told as a whole (M-9): all lines, old and new. */
struct access_lists {
	struct iq_item events[IQ_MAX_EVENTS], signals[CP_LINES_MAX + 2];
	unsigned n_events, n_signals;
};

static unsigned wanted(struct iq_item *ev, const char *heartbeat)
{
	ev[0] = (struct iq_item){ .id = IQ_EV_HANGTERM, .n_params = 1 };
	ev[0].params[0] = (struct iq_param){ GW_SV("timerx"), gw_sv_cstr(heartbeat) };
	ev[1] = (struct iq_item){ .id = IQ_EV_CAUSE };
	return 2;
}

static void add_line(struct access_lists *l, unsigned index, bool has_xwrtc)
{
	static const enum iq_name each[] = { IQ_EV_BNC_CHANGE, IQ_EV_CONSENT, IQ_EV_X_ICE, IQ_EV_X_DTLS };
	uint16_t id = (uint16_t)(index + 1);

	for (unsigned i = 0; i < (has_xwrtc ? 4 : 2) && l->n_events < IQ_MAX_EVENTS; i++)
		l->events[l->n_events++] = (struct iq_item){ .id = each[i], .stream = id };
	l->signals[l->n_signals++] = (struct iq_item){ .id = IQ_SG_STUN_SERVER, .stream = id };
}

/* Full ICE (F-59, F-65), of all streams: the checks wait for what the client says, which may come with a later Modify. */
static void add_full_ice(struct access_lists *l)
{
	l->signals[l->n_signals++] = (struct iq_item){ .id = IQ_SG_CHECK };
	l->signals[l->n_signals++] = (struct iq_item){ .id = IQ_SG_CONSENT };
	if (l->n_events < IQ_MAX_EVENTS)
		l->events[l->n_events++] = (struct iq_item){ .id = IQ_EV_ICE_RESULT };
}

/* Both terminations in one transaction: reserved, and the offerer's side configured as far as it is known. */
static enum gw_err reserve(struct cp_call *c)
{
	struct streams l = { .n_access = 0 }, gone = { .n_access = 0 };
	struct access_lists al = { .n_events = 0 };
	struct iq_item ec[IQ_MAX_EVENTS];
	struct iq_cmd cmds[4] = { { .kind = IQ_ADD, .term = iq_term(GW_SV("ip/$/$/$")), .streams = l.access,
			.has_events = true, .events_id = 1, .events = al.events,
			.has_signals = true, .signals = al.signals },
		{ .kind = IQ_ADD, .term = iq_term(GW_SV("ip/$/$/$")), .streams = l.core,
			.has_events = true, .events_id = 2, .events = ec } };
	struct iq_action a = { .context = IQ_CONTEXT_CHOOSE, .priority = c->is_priority ? IQ_PRIORITY_MAX : -1, .is_emergency = c->is_emergency,
		.cmds = cmds, .n_cmds = 2 };
	struct cp_iq_want want = { c->is_emergency || c->is_priority, c->gateways_tried };
	struct cp_iq_gateway_info info;
	char hb[16];
	struct iq_prop group;
	enum gw_err err = GW_OK;

	if (!c->context && (err = cp_iq_pick(c->alg->iq, &want, &c->gateway)))
		return err;
	cp_iq_gateway(c->alg->iq, c->gateway, &info);
	snprintf(hb, sizeof(hb), "%u", c->alg->s->conf->iq.heartbeat_s);
	al.n_events = wanted(al.events, hb);
	cmds[1].n_events = wanted(ec, hb);
	leave_stale(c, &gone);
	cp_bundle_choose(c);
	for (unsigned i = 0; !err && i < c->ex.offer.n_lines; i++)
		if (c->ex.streams[i].is_active && !has_streams(c, i))
			err = reserve_line(c, i, &l);
	if (err)
		return err;
	for (unsigned i = 0; i < c->n_lines; i++)
		if (cp_call_transport_of(c, c->lines[i].index) == c->lines[i].index && c->lines[i].bundle != CP_LINE_MEMBER &&
			(c->lines[i].local_access || has_access(&l, c->lines[i].index + 1u)))
			add_line(&al, c->lines[i].index, info.has_xwrtc);
	if (has_members(c, &l)) {
		if ((err = cp_bundle_property(c, &group)))
			return err;
		cmds[0].props = &group;
		cmds[0].n_props = 1;
	}
	if (c->alg->s->conf->media.is_ice_full)
		add_full_ice(&al);
	cmds[0].n_streams = l.n_access;
	cmds[1].n_streams = l.n_core;
	cmds[0].n_events = al.n_events;
	cmds[0].n_signals = al.n_signals;
	if (c->context) {
		a.context = c->context;
		cmds[0].kind = cmds[1].kind = IQ_MODIFY;
		cmds[0].term = iq_term(gw_sv_cstr(c->term_access));
		cmds[1].term = iq_term(gw_sv_cstr(c->term_core));
	}
	if (gone.n_core || gone.n_access) {	/* first */
		memmove(&cmds[2], cmds, 2 * sizeof(cmds[0]));
		cmds[0] = (struct iq_cmd){ .kind = IQ_MODIFY, .term = cmds[2].term, .streams = gone.access, .n_streams = gone.n_access };
		cmds[1] = (struct iq_cmd){ .kind = IQ_MODIFY, .term = cmds[3].term, .streams = gone.core, .n_streams = gone.n_core };
		a.n_cmds = 4;
	}
	CP_TRACE_IQ(CP_TRACE_OUT, c->call_id, cp_call_user(c), c->context ? "Modify, Modify" : "Add, Add");
	return cp_iq_request(c->alg->iq, c->gateway, &a, c->id, STEP_ADD);
}

/* Texts are stored with the call: no key stays in one. */
static void take_text(char **dst, struct gw_sv text)
{
	free(*dst);
	*dst = cp_sdes_without_keys(text);
}

/* The Locals of one termination. */
static bool take_locals(struct cp_call *c, const struct iq_cmd *cmd, bool is_access)
{
	for (unsigned i = 0; !cmd->error && i < cmd->n_streams; i++) {
		const struct iq_stream *s = &cmd->streams[i];

		for (unsigned k = 0; s->has_local && k < c->n_lines; k++)
			if (c->lines[k].index + 1 == s->id)
				take_text(is_access ? &c->lines[k].local_access : &c->lines[k].local_core, s->local);
			else if (c->lines[k].index + CP_CHANNEL_STREAM == s->id)
				take_text(is_access ? &c->lines[k].local_channel : &c->lines[k].local_core, s->local);
	}
	for (unsigned k = 0; !cmd->error && is_access && k < c->n_lines; k++)
		if (c->lines[k].bundle == CP_LINE_MEMBER && !c->lines[k].local_access)
			take_text(&c->lines[k].local_access, GW_SV("-"));	/* nothing was left for the gateway to choose (M-7) */
	if (!cmd->error)
		take_text(is_access ? &c->term_access : &c->term_core, cmd->term.text);
	return !cmd->error;
}

enum gw_err cp_media_reserve(struct cp_call *c)
{
	struct before b = { .n = c->n_lines };
	enum gw_err err;

	memcpy(b.lines, c->lines, sizeof(b.lines));
	err = reserve(c);
	if (err)
		put_back(c, &b);
	else
		forget_stale(c, &b);
	return err;
}

void cp_media_configured(struct cp_call *c, const struct iq_txn *reply)
{
	const struct iq_action *a = &reply->actions[0];

	for (unsigned i = 0; i < a->n_cmds; i++)
		if (c->term_access && gw_sv_eq(a->cmds[i].term.text, gw_sv_cstr(c->term_access)))
			(void)take_locals(c, &a->cmds[i], true);
		else if (c->term_core && gw_sv_eq(a->cmds[i].term.text, gw_sv_cstr(c->term_core)))
			(void)take_locals(c, &a->cmds[i], false);
}

static bool has_error(const struct iq_action *a)
{
	for (unsigned i = 0; i < a->n_cmds; i++)
		if (a->cmds[i].error)
			return true;
	return false;
}

enum gw_err cp_media_reserved(struct cp_call *c, const struct iq_txn *reply)
{
	const struct iq_action *a = reply && reply->n_actions ? &reply->actions[0] : NULL;

	if (!a || reply->error || a->error || a->n_cmds == 0) {
		CP_COUNT(iq_errors);
		return GW_EIO;
	}
	if (a->context == IQ_CONTEXT_NULL || a->context >= IQ_CONTEXT_CHOOSE) {
		CP_COUNT(iq_errors);
		return GW_EBADMSG;
	}
	if (!c->context)
		cp_iq_context_added(c->alg->iq, c->gateway);
	c->context = a->context;
	if (a->n_cmds < 2 || has_error(a) || !take_locals(c, &a->cmds[a->n_cmds - 2], true) ||
		!take_locals(c, &a->cmds[a->n_cmds - 1], false) || !cp_media_is_reserved(c)) {
		CP_COUNT(iq_errors);
		for (unsigned i = 0; i < a->n_cmds; i++)
			GW_LOG_WARN(c->alg->s->log, "iq.add_failed", "call=%s code=%u text=\"%.*s\"", c->call_id,
				a->cmds[i].error, GW_SV_FMT(a->cmds[i].error_text));
		return GW_ELIMIT;
	}
	return GW_OK;
}

/* H.248 Mode of a termination: what it sends to its party, and takes from it (M-12). */
static enum iq_mode mode_of(bool sends, bool receives)
{
	if (sends && receives)
		return IQ_MODE_SEND_RECEIVE;
	if (sends)
		return IQ_MODE_SEND_ONLY;
	return receives ? IQ_MODE_RECEIVE_ONLY : IQ_MODE_INACTIVE;
}

int cp_media_line(const struct cp_call *c)
{
	for (unsigned i = 0; c->ex.streams && i < c->ex.offer.n_lines; i++)
		if (c->ex.streams[i].is_active)
			return (int)i;
	return -1;
}

/* W2-ICE-09: other credentials of the WIC in its offer, early or not, ask for other ones of ours, which come with the reply. */
static enum gw_err restart_ice(struct cp_call *c, unsigned i, const struct sdp_model *w2, struct iq_stream *access)
{
	const struct sdp_stream *s = &c->ex.streams[i];
	const struct sdp_line *wic = tagged_line(c, i, w2);
	uint64_t h = gw_sv_hash_stable(gw_sv_hash_stable(GW_HASH_STABLE_INIT, wic->ice_ufrag), wic->ice_pwd);
	struct cp_media_line *l = cp_call_transport(c, i);
	bool is_offer = (c->early_u ? c->early_u->side : c->ex.offerer) == CP_SIDE_W2;
	uint64_t before = l ? l->wic_ice : 0;
	char text[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));

	if (l)
		l->wic_ice = h;
	if (before == 0 || before == h || !is_offer || bundle_of(c, i) == CP_LINE_MEMBER)
		return GW_OK;
	access->has_local = true;
	return keep(c, access_local(c, i, w2->lines[i].media->proto, sdp_stream_is_relayed(s) ? data_setup(c, s, CP_SIDE_W2) : sdp_setup_reverse(l->wic_setup), &b), &b, &access->local);
}

int cp_call_line_with(const struct cp_call *c, unsigned transport)
{
	for (unsigned i = 0; i < c->ex.offer.n_lines; i++)
		if (c->ex.streams[i].is_active && cp_call_transport_of(c, i) == transport)
			return (int)i;
	return -1;
}

/* No line that crosses has its transport, nor shares it. */
static bool is_free(const struct cp_call *c, const struct cp_media_line *l)
{
	for (unsigned i = 0; l->bundle == CP_LINE_TRANSPORT && i < c->n_lines; i++)
		if (c->lines[i].bundle == CP_LINE_MEMBER && cp_call_line_with(c, c->lines[i].index) >= 0)
			return false;
	return cp_call_line_with(c, l->index) < 0;
}

enum gw_err cp_media_restart_ice(struct cp_call *c, unsigned step)
{
	struct iq_stream streams[CP_LINES_MAX];
	struct iq_cmd cmd = { .kind = IQ_MODIFY, .term = iq_term(gw_sv_cstr(c->term_access)), .streams = streams };
	struct iq_action a = { .context = c->context, .priority = -1, .cmds = &cmd, .n_cmds = 1 };

	for (unsigned k = 0; k < c->n_lines; k++) {
		int i = cp_call_line_with(c, c->lines[k].index);
		struct iq_stream *access = &streams[cmd.n_streams];
		char text[CP_SDP_BYTES];
		struct gw_buf b = gw_buf(text, sizeof(text));
		enum gw_err err;

		if (c->lines[k].bundle == CP_LINE_MEMBER || is_free(c, &c->lines[k]))
			continue;
		*access = iq_stream((uint16_t)(c->lines[k].index + 1));
		access->has_local = true;
		err = keep(c, access_local(c, i < 0 ? c->lines[k].index : (unsigned)i, GW_SV("UDP/TLS/RTP/SAVPF"),
			sdp_setup_reverse(c->lines[k].wic_setup), &b), &b, &access->local);
		if (err)
			return err;
		cmd.n_streams++;
	}
	CP_TRACE_IQ(CP_TRACE_OUT, c->call_id, cp_call_user(c), "Modify");
	return cmd.n_streams ? cp_iq_request(c->alg->iq, c->gateway, &a, c->id, step) : GW_ESTATE;
}

/* What a line lets through by the exchange and the gate, on the core's side. */
static enum iq_mode core_mode(const struct cp_call *c, unsigned i, enum cp_gate gate)
{
	const struct sdp_stream *s = &c->ex.streams[i];
	bool from_w2 = c->ex.offerer == CP_SIDE_W2, is_out = c->origin == CP_SIDE_W2;
	/* s->dir is the answerer's word; the offerer's view is its reverse */
	enum sdp_dir core_dir = from_w2 ? s->dir : sdp_dir_reverse(s->dir);
	bool to_core = (core_dir == SDP_SENDRECV || core_dir == SDP_RECVONLY) &&
		(gate & (is_out ? CP_GATE_FORWARD : CP_GATE_BACKWARD));
	bool to_wic = (core_dir == SDP_SENDRECV || core_dir == SDP_SENDONLY) &&
		(gate & (is_out ? CP_GATE_BACKWARD : CP_GATE_FORWARD));

	return mode_of(to_core, to_wic);
}

/* H.248 Mode of the access termination, where the core's is this. */
static enum iq_mode reversed(enum iq_mode m)
{
	return m == IQ_MODE_SEND_ONLY ? IQ_MODE_RECEIVE_ONLY : m == IQ_MODE_RECEIVE_ONLY ? IQ_MODE_SEND_ONLY : m;
}

static const struct sdp_model *said_by(const struct cp_call *c, enum cp_side side)
{
	return c->ex.offerer == side ? &c->ex.offer : &c->ex.answer;
}

static const struct sdp_line *line_of(const struct cp_call *c, unsigned i, enum cp_side side)
{
	return &said_by(c, side)->lines[i];
}

static enum gw_err configure_core(struct cp_call *c, unsigned i, enum cp_gate gate, struct iq_stream *core)
{
	const struct sdp_stream *s = &c->ex.streams[i];
	const struct sdp_line *l = line_of(c, i, CP_SIDE_MW);
	enum gw_err err;
	char text[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));

	*core = iq_stream((uint16_t)(i + (sdp_stream_ends(s) ? CP_CHANNEL_STREAM : 1)));
	core->mode = s->is_active ? core_mode(c, i, gate) : IQ_MODE_INACTIVE;
	core->has_remote = s->is_active;
	if (!s->is_active)
		return GW_OK;
	/* whether it is SRTP, and with which key, may just have been decided; both descriptions say it */
	core->has_local = s->srtp != SDP_SRTP_OFF && !s->is_data;
	if (core->has_local && (err = keep(c, sdp_iq_core_local(s, l->remote.family == 6, SDP_SETUP_NONE, &b), &b, &core->local)))
		return err;
	return keep(c, sdp_iq_core_remote(s, l, sdp_setup_reverse(data_setup(c, s, CP_SIDE_MW)), &b), &b, &core->remote);
}

/* SCTP needs both directions as soon as one of its channels lets anything through: theirs are their own. */
static enum iq_mode transport_mode(const struct cp_call *c, unsigned transport, unsigned i, enum cp_gate gate)
{
	if (!sdp_stream_ends(&c->ex.streams[i]))
		return reversed(core_mode(c, i, gate));
	for (i = 0; i < c->ex.offer.n_lines; i++)
		if (c->ex.streams[i].is_active && cp_call_transport_of(c, i) == transport && core_mode(c, i, gate) != IQ_MODE_INACTIVE)
			return IQ_MODE_SEND_RECEIVE;
	return IQ_MODE_INACTIVE;
}

/* None of its lines crosses; others may share its transport, which the client may have moved or restarted. */
static enum gw_err configure_idle(struct cp_call *c, unsigned transport, struct iq_stream *access)
{
	const struct sdp_model *w2 = said_by(c, CP_SIDE_W2);
	char text[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));
	enum gw_err err;

	if (transport >= w2->n_lines || bundle_of(c, transport) != CP_LINE_TRANSPORT || !cp_bundle_tagged(c, w2))
		return GW_OK;
	access->has_remote = true;
	err = keep(c, access_remote(c, transport, w2, &b), &b, &access->remote);
	return err ? err : restart_ice(c, transport, w2, access);
}

/* By one of the lines that share it, and cross; i < 0: none does. */
static enum gw_err configure_transport(struct cp_call *c, unsigned transport, int i, enum cp_gate gate, struct iq_stream *access)
{
	const struct sdp_stream *s = i < 0 ? NULL : &c->ex.streams[i];
	char text[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));
	enum gw_err err;

	*access = iq_stream((uint16_t)(transport + 1));
	access->mode = IQ_MODE_INACTIVE;
	if (!s)
		return configure_idle(c, transport, access);
	access->mode = transport_mode(c, transport, (unsigned)i, gate);
	access->has_remote = true;
	err = keep(c, access_remote(c, (unsigned)i, said_by(c, CP_SIDE_W2), &b), &b, &access->remote);
	return err ? err : restart_ice(c, (unsigned)i, said_by(c, CP_SIDE_W2), access);
}

static enum gw_err configure_channel(struct cp_call *c, unsigned i, enum cp_gate gate, struct iq_stream *channel)
{
	const struct sdp_stream *s = &c->ex.streams[i];
	char text[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));

	*channel = iq_stream((uint16_t)(i + CP_CHANNEL_STREAM));
	channel->mode = reversed(core_mode(c, i, gate));
	channel->has_remote = true;
	return keep(c, sdp_iq_channel(s, line_of(c, i, CP_SIDE_W2), &b), &b, &channel->remote);
}

/* No fork may want a line any more that does not cross (W2-SIP-37). */
static bool is_final(const struct cp_call *c)
{
	return !c->far_node && (c->is_answered || (c->waiting && c->waiting->status >= 200));
}

/*
 * The streams of one line as the exchange has left it. A line that no longer crosses has none (W2-SDP-33): what takes its place is
 * another one. Until the call is answered it is silent.
 */
static enum gw_err configure_line(struct cp_call *c, struct cp_media_line *l, enum cp_gate gate, struct streams *out)
{
	unsigned i = l->index;
	bool is_over = is_final(c) && !c->ex.streams[i].is_active;
	enum gw_err err = GW_OK;

	if (cp_call_transport_of(c, i) == i && l->local_access && !(is_over && is_free(c, l)))
		err = configure_transport(c, i, cp_call_line_with(c, i), gate, &out->access[out->n_access++]);
	if (err || !l->local_core)
		return err;
	if (is_over) {
		release_rest(l, out);
		return GW_OK;
	}
	if (!c->ex.streams[i].is_active && l->local_channel)
		return GW_OK;
	if (l->local_channel && (err = configure_channel(c, i, gate, &out->access[out->n_access++])))
		return err;
	return configure_core(c, i, gate, &out->core[out->n_core++]);
}

/*
 * Of one Remote, what a gateway has to be told anew when it changes: codecs, the core's address, ICE credentials and fingerprint
 * of the WIC. Not its candidates and where it says to be: checks tell that. Not the role: the association is there.
 */
static uint64_t hash_remote(uint64_t h, struct gw_sv text, bool is_access)
{
	struct gw_sv line, word, rest;

	while (gw_sv_line(&text, &line)) {
		if (gw_sv_starts(line, GW_SV("a=setup:")) || (is_access &&
			(gw_sv_starts(line, GW_SV("c=")) || gw_sv_starts(line, GW_SV("a=candidate:")))))
			continue;
		if (is_access && gw_sv_starts(line, GW_SV("m="))) {
			gw_sv_cut(line, ' ', &word, &rest);
			h = gw_sv_hash_stable(h, word);
			gw_sv_cut(rest, ' ', &word, &line);	/* the port */
		}
		h = gw_sv_hash_stable(h, line);
	}
	return h;
}

/* A gateway of another node cannot be told a key. */
static uint64_t hash_key(uint64_t h, const struct iq_stream *core)
{
	size_t at = core->has_local ? gw_sv_find(core->local, GW_SV("a=crypto:")) : core->local.len;

	return at < core->local.len ? gw_sv_hash_stable(h, gw_sv_sub(core->local, at, core->local.len)) : h;
}

static uint64_t hash_streams(const struct streams *l)
{
	uint64_t h = GW_HASH_STABLE_INIT;

	for (unsigned i = 0; i < l->n_access; i++)
		if (l->access[i].has_remote)
			h = hash_remote(h, l->access[i].remote, true);
	for (unsigned i = 0; i < l->n_core; i++)
		if (l->core[i].has_remote)
			h = hash_remote(hash_key(h, &l->core[i]), l->core[i].remote, false);
	return h;
}

enum gw_err cp_media_configure(struct cp_call *c, enum cp_gate gate, unsigned step)
{
	struct streams l = { .n_access = 0 };
	struct iq_cmd cmds[2] = { { .kind = IQ_MODIFY, .streams = l.core }, { .kind = IQ_MODIFY, .streams = l.access } };
	struct iq_action a = { .context = c->context, .priority = -1, .cmds = cmds, .n_cmds = 2 };
	enum gw_err err;

	if (cp_media_line(c) < 0 || !c->context)
		return GW_ESTATE;
	cmds[0].term = iq_term(gw_sv_cstr(c->term_core));
	cmds[1].term = iq_term(gw_sv_cstr(c->term_access));
	for (unsigned k = 0; k < c->n_lines; k++)
		if (c->lines[k].index < c->ex.offer.n_lines && (err = configure_line(c, &c->lines[k], gate, &l)))
			return err;
	for (unsigned k = 0; is_final(c) && k < c->n_lines; k++)	/* after the channels that had it */
		if (c->lines[k].local_access && c->lines[k].index < c->ex.offer.n_lines && is_free(c, &c->lines[k]))
			release_transport(&c->lines[k], &l);
	if (c->far_node)
		return hash_streams(&l) == c->told_hash ? GW_OK : GW_EUNSUPP;
	c->told_hash = hash_streams(&l);
	cmds[0].n_streams = l.n_core;
	cmds[1].n_streams = l.n_access;
	CP_TRACE_IQ(CP_TRACE_OUT, c->call_id, cp_call_user(c), "Modify, Modify");
	return cp_iq_request(c->alg->iq, c->gateway, &a, c->id, step);
}

/* Both terminations by name, with their statistics; by wildcard when the names were never learnt. */
void cp_media_subtract(struct cp_call *c)
{
	struct iq_cmd cmds[2] = { { .kind = IQ_SUBTRACT, .has_audit = true, .audit = IQ_AUDIT_STATISTICS },
		{ .kind = IQ_SUBTRACT, .has_audit = true, .audit = IQ_AUDIT_STATISTICS } };
	struct iq_cmd all = { .kind = IQ_SUBTRACT, .term = { IQ_TERM_ALL, GW_SV("*") },
		.is_wildcard_response = true, .has_audit = true };
	struct iq_action a = { .context = c->context, .priority = -1, .cmds = cmds, .n_cmds = 2 };

	if (!c->context)
		return;
	if (c->term_access && c->term_core) {
		cmds[0].term = iq_term(gw_sv_cstr(c->term_access));
		cmds[1].term = iq_term(gw_sv_cstr(c->term_core));
	} else {
		a.cmds = &all;
		a.n_cmds = 1;
	}
	CP_TRACE_IQ(CP_TRACE_OUT, c->call_id, cp_call_user(c), "Subtract");
	if (c->far_node)
		cp_far_end(c);
	else if (cp_iq_request(c->alg->iq, c->gateway, &a, c->id, STEP_SUBTRACT)) {
		GW_LOG_WARN(c->alg->s->log, "iq.subtract_failed", "call=%s context=%u", c->call_id, c->context);
		cp_call_record_media(c->alg, &(struct cp_iq_ref){ .gateway = c->gateway, .context = c->context, .call = c->id }, NULL);
	}
	c->context = 0;
	cp_iq_context_gone(c->alg->iq, c->gateway);
}
