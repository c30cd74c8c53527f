/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-time text of a channel that ends here (W2-DC-16). Its partner in the core termination is an RTP stream like any other,
 * with port, flow, source filter and latch, but the worker gives its packets to the service core, and a leg of T.140 stands
 * between it and the channel.
 */
#include <stdlib.h>

#include "dataplane/ctx/ctx_int.h"
#include "proto/dcep/dcep.h"
#include "proto/sdp/text.h"

#define LOG_OF(s) (s)->term->ctx->id, dp_term_id((s)->term, (char[DP_TERM_ID_BYTES]){ 0 }), (s)->id

struct dp_text {
	struct dp_stream *core;
	struct dp_t140 *leg;
	struct gw_timer timer;
};

static void arm(struct dp_text *t, uint64_t now_ms)
{
	struct dp_ctx *c = dp_stream_tables(t->core);
	uint64_t due = dp_t140_deadline(t->leg, now_ms);

	if (due == UINT64_MAX)
		gw_timer_stop(c->c.timers, &t->timer);
	else
		/* what is due already gets the next millisecond: the timers of one turn have an end */
		(void)gw_timer_arm(c->c.timers, &t->timer, due > now_ms ? due : now_ms + 1);
}

static void on_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_text *t = GW_CONTAINER(timer, struct dp_text, timer);

	dp_t140_tick(t->leg, now_ms);
	arm(t, now_ms);
}

/* ---- what leaves ------------------------------------------------------------------------------------------ */

static void to_core(void *user, struct gw_sv packet, uint64_t now_ms)
{
	struct dp_stream *core = user;
	struct dp_ctx *c = dp_stream_tables(core);
	struct gw_addr remote = dp_stream_remote(core, false);
	struct dp_path path;

	if (remote.family && dp_media_path(c, core, &remote, now_ms, &path))
		dp_media_send(c, &path, packet);
}

static enum gw_err to_channel(void *user, struct gw_sv text)
{
	return dp_channel_send(user, DCEP_PPID_STRING, text);
}

static const struct dp_t140_ops ops = { to_core, to_channel };

/* ---- what comes ------------------------------------------------------------------------------------------- */

void dp_text_input(struct dp_ctx *c, struct dp_stream *core, struct gw_sv packet, uint64_t now_ms)
{
	c->ctr[ctx_text_bad] += dp_t140_packet(core->text->leg, packet, now_ms) == GW_EBADMSG;
	arm(core->text, now_ms);
}

bool dp_text_message(struct dp_stream *core, struct gw_sv text)
{
	if (!dp_t140_message(core->text->leg, text))
		return false;
	/* at the next turn of the timers: it may leave at once, or gather */
	(void)gw_timer_arm(dp_stream_tables(core)->c.timers, &core->text->timer, 0);
	return true;
}

/* ---- descriptions ----------------------------------------------------------------------------------------- */

static enum gw_err read_text(const struct sdp_model *m, struct sdp_text *out)
{
	return sdp_text_read(m->lines[0].codecs, m->lines[0].n_codecs, out);
}

static enum gw_err read_conf(const struct dp_stream *channel, const struct dp_stream *core, struct gw_arena *arena, struct dp_t140_conf *out)
{
	struct dp_channel_texts access_texts, core_texts;
	struct sdp_text ours, theirs;

	if (!dp_channel_read(core, arena, &core_texts) || !dp_channel_read(channel, arena, &access_texts) ||
		read_text(&core_texts.local, &ours) || read_text(&core_texts.remote, &theirs))
		return GW_EAGAIN;
	*out = (struct dp_t140_conf){ .pt_t140_in = ours.pt_t140, .pt_red_in = ours.pt_red, .pt_t140_out = theirs.pt_t140,
		.pt_red_out = theirs.pt_red, .generations = theirs.generations, .may_send = dp_mode_sends(core->ctl.mode),
		.cps_core = theirs.cps, .message_max = dp_channel_max(channel, arena),
		.cps_channel = sdp_text_cps(sdp_text_params(access_texts.remote.lines[0].media, channel->end->sctp_stream)) };
	if (out->generations > T140_GENERATIONS_MAX)
		out->generations = T140_GENERATIONS_MAX;
	return GW_OK;
}

void dp_text_update(struct dp_ctx *c, struct dp_stream *channel, struct dp_stream *core, uint64_t now_ms)
{
	struct gw_arena arena = GW_ARENA_INIT(DP_CHANNEL_TEXTS_BYTES);
	uint32_t random[3];
	struct dp_t140_conf conf;
	enum gw_err err = read_conf(channel, core, &arena, &conf);

	gw_arena_reset(&arena);
	if (err)
		return;
	dp_ctx_random_bytes(random, sizeof(random));
	err = dp_t140_configure(core->text->leg, &conf, random, now_ms);
	if (err)
		GW_LOG_WARN(c->c.log, "text.failed", "ctx=%u term=%s stream=%u error=%s", LOG_OF(core), gw_err_name(err));
	arm(core->text, now_ms);
}

/* ---- life ------------------------------------------------------------------------------------------------- */

enum gw_err dp_text_open(struct dp_stream *core)
{
	struct dp_text *t = calloc(1, sizeof(*t));
	enum gw_err err = t ? dp_t140_new(&t->leg, &ops, core) : GW_ENOMEM;

	if (err) {
		free(t);
		return err;
	}
	t->core = core;
	t->timer.fn = on_timer;
	core->text = t;
	return GW_OK;
}

void dp_text_stop(struct dp_stream *core)
{
	gw_timer_stop(dp_stream_tables(core)->c.timers, &core->text->timer);
	dp_t140_stop(core->text->leg);
}

bool dp_text_is_ended(const struct dp_stream *core)
{
	return dp_t140_is_ended(core->text->leg);
}

void dp_text_close(struct dp_stream *core)
{
	if (!core->text)
		return;
	dp_text_stop(core);
	dp_t140_free(core->text->leg);
	free(core->text);
	core->text = NULL;
}

void dp_text_add_stats(const struct dp_stream *s, struct dp_flow_stats *in, struct dp_flow_stats *out)
{
	const struct dp_stream *core = s->text ? s : dp_stream_peer(s);
	struct dp_t140_counts n;

	if (!core || !core->text)
		return;
	dp_t140_counts(core->text->leg, &n);
	if (s->text) {	/* what came in is the flow's to count */
		out->tx_packets += n.packets_out;
		out->tx_bytes += n.bytes_out;
	} else {
		in->rx_packets += n.messages_in;
		in->rx_bytes += n.text_in;
		out->tx_packets += n.messages_out;
		out->tx_bytes += n.text_out;
	}
}
