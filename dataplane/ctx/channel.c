/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminated data channels (E-7, F-68 to F-71): SCTP of a data line ends here, and each channel is a stream of its own,
 * joined with the stream of the same ID in the core termination, which is MSRP over TCP (W2-DC-10 to -15), or text over RTP
 * (W2-DC-16, text.c).
 *
 * A data line becomes an association when its termination has channels; without, its packets are relayed (data.c).
 */
#include <stdlib.h>

#include "dataplane/ctx/ctx_int.h"
#include "proto/dcep/dcep.h"
#include "proto/msrp/uri.h"
#include "proto/sdp/iq_sdp.h"

#define LOG_OF(s) (s)->term->ctx->id, dp_term_id((s)->term, (char[DP_TERM_ID_BYTES]){ 0 }), (s)->id

static struct dp_stream *line_of(const struct dp_term *t)
{
	for (struct dp_stream *s = t->streams; s; s = s->next)
		if (dp_stream_is_data(s))
			return s;
	return NULL;
}

static struct dp_stream *channel_of(const struct dp_term *t, uint16_t sctp_stream)
{
	for (struct dp_stream *s = t->streams; s; s = s->next)
		if (s->end && !s->end->msrp && s->end->sctp_stream == sctp_stream)
			return s;
	return NULL;
}

static struct dp_sctp *sctp_of(const struct dp_stream *channel)
{
	const struct dp_stream *line = channel->term->is_access ? line_of(channel->term) : NULL;

	return line ? line->access->data->sctp : NULL;
}

static bool may_pass(const struct dp_stream *from, const struct dp_stream *to)
{
	return dp_mode_receives(from->ctl.mode) && dp_mode_sends(to->ctl.mode);
}

/* ---- from the channel ------------------------------------------------------------------------------- */

/* Has the connection of this channel ended? */
static bool is_over(const struct dp_stream *channel)
{
	const struct dp_stream *core = dp_stream_peer(channel);

	if (!core)
		return false;
	return core->text ? dp_text_is_ended(core) : core->end && dp_msrp_is_ended(core->end->msrp);
}

/* Nothing goes through it any more. */
static void stop(struct dp_stream *core)
{
	if (core->text)
		dp_text_stop(core);
	else
		dp_msrp_stop(core->end->msrp);
}

static struct gw_sv subprotocol_of(const struct dp_stream *channel)
{
	return channel->end->is_text ? GW_SV("t140") : GW_SV("msrp");
}

/* What comes while it may not pass is media as any other: it does not hold up the other channels of the association. */
static bool text_message(struct dp_ctx *c, struct dp_stream *s, struct dp_stream *core, struct gw_sv text)
{
	if (!core || !may_pass(s, core)) {
		c->ctr[ctx_text_gated]++;
		return true;
	}
	return dp_text_message(core, text);
}

static void dcep(struct dp_stream *line, uint16_t stream, struct gw_sv message)
{
	struct dp_sctp *sctp = line->access->data->sctp;
	struct dcep_channel ch;
	enum dcep_type type;
	char ack[8];
	struct gw_buf b = gw_buf(ack, sizeof(ack));
	enum gw_err err = dcep_parse(message, &type, &ch);
	const struct dp_stream *s = channel_of(line->term, stream);

	if (!err && type == DCEP_ACK)
		return;
	/* W2-DC-18: what SDP did not agree on is refused, and that channel only (S3); so is one that leads nowhere any more */
	if (err || !s || is_over(s) || !gw_sv_ieq(ch.protocol, subprotocol_of(s)) || dcep_print_ack(&b) ||
		dp_sctp_send(sctp, &(struct dp_sctp_send){ .stream = stream, .ppid = DCEP_PPID_CONTROL }, gw_buf_sv(&b))) {
		dp_stream_tables(line)->ctr[ctx_channel_refused]++;
		(void)!dp_sctp_reset(sctp, stream);
	}
}

static void sctp_packet(void *user, struct gw_sv packet)
{
	(void)!dp_data_write(user, packet);	/* else as if it were lost on its way */
}

static bool sctp_message(void *user, uint16_t stream, uint32_t ppid, struct gw_sv message)
{
	struct dp_stream *line = user, *s, *core;

	if (ppid == DCEP_PPID_CONTROL) {
		dcep(line, stream, message);
		return true;
	}
	s = channel_of(line->term, stream);
	if (!s || (ppid != DCEP_PPID_STRING && (ppid != DCEP_PPID_BINARY || s->end->is_text))) {
		dp_stream_tables(line)->ctr[ctx_channel_stray]++;
		return true;
	}
	core = dp_stream_peer(s);
	if (s->end->is_text)
		return text_message(dp_stream_tables(line), s, core, message);
	return core && may_pass(s, core) && dp_msrp_message(core->end->msrp, message);
}

/* RFC 4975 7.2: a chunk of MSRP is answered 413 and skipped; anything else of such a size ends its stream (S3). */
static bool sctp_oversize(void *user, uint16_t stream, uint32_t ppid, struct gw_sv beginning)
{
	struct dp_stream *line = user, *s = ppid == DCEP_PPID_CONTROL ? NULL : channel_of(line->term, stream);
	struct dp_stream *core = s && !s->end->is_text ? dp_stream_peer(s) : NULL;

	if (core && !dp_msrp_oversize(core->end->msrp, beginning))
		return false;
	dp_stream_tables(line)->ctr[ctx_channel_oversize]++;
	if (!core)
		(void)!dp_sctp_reset(line->access->data->sctp, stream);
	return true;
}

/* Whatever the channels of a line were joined with. */
static void stop_legs(const struct dp_stream *line)
{
	for (struct dp_stream *s = line->term->streams; s; s = s->next)
		if (s->end && dp_stream_peer(s))
			stop(dp_stream_peer(s));
}

static void sctp_event(void *user, enum dp_sctp_event ev)
{
	static const char *const names[] = { [DP_SCTP_UP] = "sctp.up", [DP_SCTP_RESTARTED] = "sctp.restarted",
		[DP_SCTP_CLOSED] = "sctp.closed" };
	struct dp_stream *line = user;
	struct dp_ctx *c = dp_stream_tables(line);

	c->ctr[ctx_sctp_up] += ev == DP_SCTP_UP;
	GW_LOG_INFO(c->c.log, names[ev], "ctx=%u term=%s stream=%u", LOG_OF(line));
	if (ev != DP_SCTP_UP)	/* nothing is known any more of what was under way */
		stop_legs(line);
	for (struct dp_stream *s = line->term->streams; s && ev != DP_SCTP_CLOSED; s = s->next)
		/* the connection was quicker to fail, or has ended now: the client sees its channel close (F-71) */
		if (s->end && (is_over(s) || (ev == DP_SCTP_RESTARTED && dp_stream_peer(s))))
			(void)!dp_sctp_reset(line->access->data->sctp, s->end->sctp_stream);
}

/* The peer has closed its direction: ours follows (RFC 8831 6.7), and so does the connection. */
static void sctp_reset(void *user, uint16_t stream)
{
	struct dp_stream *line = user, *s = channel_of(line->term, stream), *core = s ? dp_stream_peer(s) : NULL;

	(void)!dp_sctp_reset(line->access->data->sctp, stream);
	if (core)
		stop(core);
}

static const struct dp_sctp_ops sctp_ops = { sctp_packet, sctp_event, sctp_message, sctp_oversize, sctp_reset };

/* ---- to the channel --------------------------------------------------------------------------------- */

enum gw_err dp_channel_send(struct dp_stream *core, uint32_t ppid, struct gw_sv message)
{
	struct dp_stream *s = dp_stream_peer(core);
	struct dp_sctp *sctp = s ? sctp_of(s) : NULL;
	enum gw_err err;

	if (!sctp || !may_pass(core, s))
		return GW_EAGAIN;
	err = dp_sctp_send(sctp, &(struct dp_sctp_send){ .stream = s->end->sctp_stream, .ppid = ppid }, message);
	return err == GW_ESTATE ? GW_EAGAIN : err;	/* the handshake of SCTP still goes on */
}

static enum gw_err to_channel(void *user, struct gw_sv message)
{
	return dp_channel_send(user, DCEP_PPID_BINARY, message);
}

static void tcp_event(void *user, enum dp_msrp_event ev)
{
	static const char *const names[] = { "tcp.up", "tcp.closed", "tcp.failed" };
	static const char *const types[] = { "Est", "RelUnexpected", "Fail" };
	struct dp_stream *core = user, *s = dp_stream_peer(core);
	struct dp_ctx *c = dp_stream_tables(core);
	const struct iq_param p = { .name = GW_SV("Type"), .value = gw_sv_cstr(types[ev]) };

	c->ctr[ctx_msrp_failed] += ev == DP_MSRP_FAILED;
	GW_LOG_INFO(c->c.log, names[ev], "ctx=%u term=%s stream=%u", LOG_OF(core));
	c->c.ops.notify(c->c.ops.user, core->term, core, IQ_EV_TCP, &p, 1);
	if (ev != DP_MSRP_CONNECTED && s && sctp_of(s))	/* F-71: the client sees its channel close */
		(void)!dp_sctp_reset(sctp_of(s), s->end->sctp_stream);
}

static void tcp_refused(void *user, enum dp_msrp_refusal why)
{
	static const enum dp_ctx_ctr counters[] = { [DP_MSRP_STRANGER] = ctx_msrp_stranger, [DP_MSRP_UNBOUND] = ctx_msrp_unbound,
		[DP_MSRP_OTHER_SESSION] = ctx_msrp_other_session };

	dp_stream_tables(user)->ctr[counters[why]]++;
}

static const struct dp_msrp_ops msrp_ops = { to_channel, tcp_event, tcp_refused };

/* ---- descriptions ------------------------------------------------------------------------------------- */

static bool read_text(struct gw_sv text, struct gw_arena *arena, struct sdp_model *m)
{
	return text.len && sdp_model_read(m, arena, text, SDP_IQ, NULL) == GW_OK && m->n_lines == 1;
}

bool dp_channel_read(const struct dp_stream *s, struct gw_arena *arena, struct dp_channel_texts *t)
{
	struct dp_sdp_pair pair;

	return dp_stream_recall(s, arena, &pair) == GW_OK && read_text(pair.local, arena, &t->local) &&
		read_text(pair.remote, arena, &t->remote);
}

static struct gw_sv path_of(const struct sdp_model *m, const struct dp_end *e)
{
	return e->msrp ? sdp_msrp_path(&m->sdp, m->lines[0].media) : sdp_dcsa_find(m->lines[0].media, e->sctp_stream, GW_SV("path"));
}

/* GW_EAGAIN: something has not been said yet. */
static enum gw_err read_side(const struct dp_stream *s, struct gw_arena *arena, struct dp_channel_texts *t, struct msrp_side_conf *out)
{
	struct msrp_uri own;

	if (!dp_channel_read(s, arena, t))
		return GW_EAGAIN;
	if (msrp_path_last(path_of(&t->local, s->end), &own))
		return GW_EAGAIN;
	out->own_uri = own.text;
	out->peer_path = path_of(&t->remote, s->end);
	return out->peer_path.len ? GW_OK : GW_EAGAIN;
}

size_t dp_channel_max(const struct dp_stream *channel, struct gw_arena *arena)
{
	const struct dp_stream *line = line_of(channel->term);
	struct dp_channel_texts t;

	return line && dp_channel_read(line, arena, &t) ? t.remote.lines[0].sctp.max_message : SDP_MAX_MESSAGE_DEFAULT;
}

/* F-18, as for media: the address of the description, or the mask and range ordered; only an explicit OFF opens it. */
static struct dp_msrp_source source_of(const struct dp_stream *core)
{
	const struct dp_control *k = &core->ctl;
	struct dp_msrp_source s = { .net = core->remote, .prefix = core->remote.family == 6 ? 128 : 32 };

	if (k->sam_prefix) {
		s.net = k->sam;
		s.prefix = k->sam_prefix;
	}
	if (k->saf == 0)
		s.net.family = 0;
	if (k->spf == 1) {
		s.first_port = k->spr_first ? k->spr_first : core->remote.port;
		s.last_port = k->spr_first ? k->spr_last : core->remote.port;
	}
	return s;
}

/* RFC 4145: who is not said to be active waits. */
static bool is_active(const struct dp_channel_texts *core)
{
	enum sdp_setup ours = core->local.lines[0].setup;

	if (ours == SDP_SETUP_ACTPASS)	/* RFC 4975 8.4: the offerer, if nobody says */
		return core->remote.lines[0].setup != SDP_SETUP_ACTIVE;
	return ours == SDP_SETUP_ACTIVE;
}

/* With what is described now: the first time, and when an answer of another fork or a re-INVITE has changed it. */
static void begin(struct dp_ctx *c, struct dp_stream *channel, struct dp_stream *core)
{
	struct gw_arena arena = GW_ARENA_INIT(DP_CHANNEL_TEXTS_BYTES);
	struct dp_msrp_start how = { .source = source_of(core) };
	struct dp_channel_texts access_texts, core_texts;
	unsigned starts = dp_msrp_starts(core->end->msrp);
	enum gw_err err = gw_addr_is_zero(&core->remote) ? GW_EAGAIN : GW_OK;

	if (!err)
		err = read_side(channel, &arena, &access_texts, &how.side[MSRP_CHANNEL]);
	if (!err)
		err = read_side(core, &arena, &core_texts, &how.side[MSRP_STREAM]);
	if (!err) {
		how.is_active = is_active(&core_texts);
		if (how.is_active)
			how.peer = core->remote;
		how.channel_max = dp_channel_max(channel, &arena);
		dp_ctx_random_bytes(&how.nonce, sizeof(how.nonce));
		err = dp_msrp_start(core->end->msrp, &how);
		c->ctr[ctx_msrp_renewed] += starts && dp_msrp_starts(core->end->msrp) != starts;
	}
	if (err && err != GW_EAGAIN) {
		GW_LOG_WARN(c->c.log, "msrp.failed", "ctx=%u term=%s stream=%u error=%s", LOG_OF(core), gw_err_name(err));
		tcp_event(core, DP_MSRP_FAILED);
	}
	gw_arena_reset(&arena);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

enum gw_err dp_channel_open(struct dp_ctx *c, struct dp_stream *s, const struct dp_stream_want *w)
{
	struct dp_end *e = calloc(1, sizeof(*e));
	enum gw_err err = GW_OK;

	if (!e)
		return GW_ENOMEM;
	e->sctp_stream = w->sctp_stream;
	e->is_text = w->is_text;
	if (!w->is_access)
		err = dp_msrp_new(&e->msrp, c->c.msrp, &c->c.msrp_address, &msrp_ops, s);
	if (err)
		free(e);
	else
		s->end = e;
	return err;
}

void dp_channel_close(struct dp_stream *s)
{
	if (!s->end)
		return;
	if (s->end->msrp)
		dp_msrp_free(s->end->msrp);
	else if (sctp_of(s))	/* F-71 */
		(void)!dp_sctp_reset(sctp_of(s), s->end->sctp_stream);
	free(s->end);
	s->end = NULL;
}

static bool has_channels(const struct dp_term *t)
{
	for (const struct dp_stream *s = t->streams; s; s = s->next)
		if (s->end)
			return true;
	return false;
}

void dp_channel_line_up(struct dp_ctx *c, struct dp_stream *line)
{
	struct gw_arena arena = GW_ARENA_INIT(DP_CHANNEL_TEXTS_BYTES);
	struct dp_data *d = line->access->data;
	struct dp_channel_texts t;
	enum gw_err err = GW_EAGAIN;

	if (!d->is_up || d->is_down || d->sctp || !line->term->is_access || !has_channels(line->term))
		return;
	if (dp_channel_read(line, &arena, &t))
		err = dp_sctp_new(&d->sctp, t.local.lines[0].sctp.port, t.remote.lines[0].sctp.port, &sctp_ops, line);
	gw_arena_reset(&arena);
	if (err)
		GW_LOG_WARN(c->c.log, "sctp.failed", "ctx=%u term=%s stream=%u error=%s", LOG_OF(line), gw_err_name(err));
}

void dp_channel_line_down(struct dp_ctx *c, struct dp_stream *line)
{
	if (!dp_stream_is_data(line) || line->access->data->is_down || !has_channels(line->term))
		return;
	GW_LOG_INFO(c->c.log, "sctp.down", "ctx=%u term=%s stream=%u", LOG_OF(line));
	line->access->data->is_down = true;
	dp_sctp_free(line->access->data->sctp);
	line->access->data->sctp = NULL;
	stop_legs(line);
}

void dp_channel_update(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	struct dp_stream *peer = dp_stream_peer(s), *core = s->term->is_access ? peer : s, *channel = s->term->is_access ? s : peer;
	struct dp_stream *line = channel ? line_of(channel->term) : NULL;

	if (line)
		dp_channel_line_up(c, line);
	if (core && channel && core->text)
		dp_text_update(c, channel, core, now_ms);
	else if (core && channel)
		begin(c, channel, core);
}

unsigned dp_ctx_run(struct dp_ctx *c, uint64_t now_ms)
{
	return (c->c.has_sctp ? dp_sctp_run(now_ms) : 0) + (c->c.msrp ? dp_msrp_poll(c->c.msrp, now_ms) : 0);
}
