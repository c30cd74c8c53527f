/* SPDX-License-Identifier: Apache-2.0 */
/* A leg of real-time text: two queues, RFC 4103's sender and receiver between them. */
#include "dataplane/slow/t140_leg.h"

#include <stdlib.h>

struct dp_t140 {
	const struct dp_t140_ops *ops;
	void *user;
	struct dp_t140_conf conf;
	bool is_on, is_ended;
	struct t140_queue to_core, to_channel;
	struct t140_out out;
	struct t140_in in;
	uint64_t retry_ms;                   /* pending is offered to the channel again; 0: at once */
	size_t n_pending;
	char pending[DP_T140_MESSAGE_MAX];   /* taken from to_channel, not yet from us */
	struct dp_t140_counts counts;
};

enum gw_err dp_t140_new(struct dp_t140 **out, const struct dp_t140_ops *ops, void *user)
{
	struct dp_t140 *t = calloc(1, sizeof(*t));

	if (!t)
		return GW_ENOMEM;
	t->ops = ops;
	t->user = user;
	*out = t;
	return GW_OK;
}

void dp_t140_free(struct dp_t140 *t)
{
	free(t);
}

static void begin(struct dp_t140 *t, const struct t140_out *out)
{
	const struct t140_in_conf in = { .wait_ms = T140_WAIT_MS };

	t140_queue_init(&t->to_core, 0);
	t140_queue_init(&t->to_channel, 0);
	t140_in_init(&t->in, &in);
	t->out = *out;
	t->is_on = true;
}

enum gw_err dp_t140_configure(struct dp_t140 *t, const struct dp_t140_conf *conf, const uint32_t random[3], uint64_t now_ms)
{
	const struct t140_out_conf oc = { .pt_t140 = conf->pt_t140_out, .pt_red = conf->pt_red_out, .generations = conf->generations,
		.interval_ms = T140_INTERVAL_MS, .keepalive_ms = DP_T140_KEEPALIVE_MS, .ssrc = random[0], .ts = random[1], .seq = (uint16_t)random[2] };
	struct t140_out out;
	enum gw_err err;

	if (conf->message_max && conf->message_max < DP_T140_MESSAGE_MIN)
		return GW_EINVAL;
	if ((err = t140_out_init(&out, &oc, now_ms)))
		return err;
	if (t->is_ended)
		return GW_OK;
	if (!t->is_on)
		begin(t, &out);
	t->out.conf.pt_t140 = conf->pt_t140_out;
	t->out.conf.pt_red = conf->pt_red_out;
	t->out.conf.generations = conf->generations;
	t->in.conf.pt_t140 = conf->pt_t140_in;
	t->in.conf.pt_red = conf->pt_red_in;
	t->to_core.cps = conf->cps_core;
	t->to_channel.cps = conf->cps_channel;
	t->conf = *conf;
	return GW_OK;
}

void dp_t140_stop(struct dp_t140 *t)
{
	t->is_on = false;
	t->is_ended = true;
}

bool dp_t140_is_ended(const struct dp_t140 *t)
{
	return t->is_ended;
}

/* Bytes the channel's next message may have. */
static size_t message_bytes(const struct dp_t140 *t)
{
	return t->conf.message_max && t->conf.message_max < DP_T140_MESSAGE_MAX ? t->conf.message_max : DP_T140_MESSAGE_MAX;
}

static void feed_channel(struct dp_t140 *t, uint64_t now_ms)
{
	enum gw_err err;

	while (now_ms >= t->retry_ms) {
		if (t->n_pending == 0)
			t->n_pending = t140_queue_take(&t->to_channel, t->pending, message_bytes(t), now_ms);
		if (t->n_pending == 0)
			return;
		err = t->ops->channel(t->user, gw_sv(t->pending, t->n_pending));
		if (err == GW_EAGAIN) {
			t->retry_ms = now_ms + DP_T140_RETRY_MS;
			return;
		}
		if (err) {
			t->counts.cut += t->n_pending;
		} else {
			t->counts.messages_out++;
			t->counts.text_out += t->n_pending;
		}
		t->n_pending = 0;
	}
}

static void feed_core(struct dp_t140 *t, uint64_t now_ms)
{
	char packet[T140_PACKET_MAX];
	struct gw_buf b = gw_buf(packet, sizeof(packet));

	if (!t->conf.may_send || t140_out_packet(&t->out, &t->to_core, now_ms, &b))
		return;
	t->counts.packets_out++;
	t->counts.bytes_out += b.len;
	t->ops->packet(t->user, gw_buf_sv(&b), now_ms);
}

enum gw_err dp_t140_packet(struct dp_t140 *t, struct gw_sv packet, uint64_t now_ms)
{
	enum gw_err err;

	if (!t->is_on)
		return GW_ESTATE;
	err = t140_in_packet(&t->in, packet, now_ms, &t->to_channel);
	feed_channel(t, now_ms);
	return err;
}

bool dp_t140_message(struct dp_t140 *t, struct gw_sv text)
{
	if (!t->is_on)
		return true;
	/* one that never fits is cut, and marked */
	if (t->to_core.len && t->to_core.len + text.len > T140_QUEUE_BYTES - T140_LOSS.len)
		return false;
	t140_queue_put(&t->to_core, text);
	t->counts.messages_in++;
	t->counts.text_in += text.len;
	return true;
}

uint64_t dp_t140_deadline(const struct dp_t140 *t, uint64_t now_ms)
{
	uint64_t at, channel;

	if (!t->is_on)
		return UINT64_MAX;
	at = t->conf.may_send ? t140_out_deadline(&t->out, &t->to_core, now_ms) : UINT64_MAX;
	if (t140_in_deadline(&t->in) < at)
		at = t140_in_deadline(&t->in);
	channel = t->n_pending ? t->retry_ms : t140_queue_ready(&t->to_channel, now_ms);
	if (channel != UINT64_MAX && channel < t->retry_ms)
		channel = t->retry_ms;
	return channel < at ? channel : at;
}

void dp_t140_tick(struct dp_t140 *t, uint64_t now_ms)
{
	if (!t->is_on)
		return;
	t140_in_tick(&t->in, now_ms, &t->to_channel);
	feed_channel(t, now_ms);
	feed_core(t, now_ms);
}

void dp_t140_counts(const struct dp_t140 *t, struct dp_t140_counts *out)
{
	*out = t->counts;
	out->recovered = t->in.recovered;
	out->lost = t->in.lost;
	out->cut += t->to_core.lost_bytes + t->to_channel.lost_bytes;
}
