/* SPDX-License-Identifier: Apache-2.0 */
/* The sender of RFC 4103: blocks of 300 ms, each repeated in the next packets (RFC 2198). */
#include "proto/t140/rtp_out.h"

#include "proto/base/be.h"

#define INTERVAL_MAX_MS 500u
#define OFFSET_MAX      0x3fffu

enum gw_err t140_out_init(struct t140_out *o, const struct t140_out_conf *conf, uint64_t now_ms)
{
	if (conf->generations > T140_GENERATIONS_MAX || conf->interval_ms == 0 || conf->interval_ms > INTERVAL_MAX_MS)
		return GW_EINVAL;
	*o = (struct t140_out){ .conf = *conf, .next_ms = now_ms, .was_idle = true };
	o->keepalive_at_ms = conf->keepalive_ms ? now_ms : UINT64_MAX;
	return GW_OK;
}

static bool has_to_repeat(const struct t140_out *o)
{
	for (unsigned i = 0; i < o->conf.generations; i++)
		if (o->sent[i].len)
			return true;
	return false;
}

uint64_t t140_out_deadline(const struct t140_out *o, const struct t140_queue *q, uint64_t now_ms)
{
	uint64_t text = t140_queue_ready(q, now_ms), at = has_to_repeat(o) ? o->next_ms : UINT64_MAX;

	if (text < o->next_ms)
		text = o->next_ms;	/* the first character after a pause leaves at once, the others gather */
	if (text < at)
		at = text;
	return o->keepalive_at_ms < at ? o->keepalive_at_ms : at;
}

/* The header has 14 bits for the age of a block: after a stall of the sender it says no more. */
static void forget_old(struct t140_out *o, uint32_t ts)
{
	for (unsigned i = 0; i < o->conf.generations; i++)
		if (ts - o->sent[i].ts > OFFSET_MAX)
			o->sent[i].len = 0;
}

/* Oldest first, always all: a block's place tells its sequence number, so one that is not there has length 0. */
static void put_red_headers(const struct t140_out *o, uint32_t ts, struct gw_buf *b)
{
	for (unsigned i = o->conf.generations; i-- > 0;) {
		const struct t140_block *g = &o->sent[i];
		uint8_t h[4];

		gw_put_be32(h, 0x80000000u | (uint32_t)o->conf.pt_t140 << 24 | (g->len ? ts - g->ts : 0) << 10 | g->len);
		gw_buf_put(b, gw_sv(h, sizeof(h)));
	}
	gw_buf_putc(b, (char)o->conf.pt_t140);
	for (unsigned i = o->conf.generations; i-- > 0;)
		gw_buf_put(b, gw_sv(o->sent[i].text, o->sent[i].len));
}

enum gw_err t140_out_packet(struct t140_out *o, struct t140_queue *q, uint64_t now_ms, struct gw_buf *packet)
{
	uint32_t ts = o->conf.ts + (uint32_t)now_ms;	/* 1000 Hz */
	bool is_red = o->conf.generations > 0;
	struct t140_block block = { .ts = ts };
	uint8_t h[12] = { 0x80 };
	struct gw_sv whole;

	if (packet->cap - packet->len < T140_PACKET_MAX)
		return GW_ENOSPC;
	if (now_ms < t140_out_deadline(o, q, now_ms))
		return GW_EAGAIN;
	block.len = (uint16_t)t140_queue_take(q, block.text, sizeof(block.text), now_ms);
	if (block.len == 0 && now_ms >= o->keepalive_at_ms) {
		block.len = (uint16_t)T140_BOM.len;
		memcpy(block.text, T140_BOM.p, T140_BOM.len);
	}
	h[1] = (uint8_t)((o->was_idle ? 0x80 : 0) | (is_red ? o->conf.pt_red : o->conf.pt_t140));
	gw_put_be16(h + 2, o->conf.seq++);
	gw_put_be32(h + 4, ts);
	gw_put_be32(h + 8, o->conf.ssrc);
	gw_buf_put(packet, gw_sv(h, sizeof(h)));
	if (is_red) {
		forget_old(o, ts);
		put_red_headers(o, ts, packet);
		memmove(o->sent + 1, o->sent, (o->conf.generations - 1) * sizeof(o->sent[0]));
		o->sent[0] = block;
	}
	gw_buf_put(packet, gw_sv(block.text, block.len));
	o->next_ms = now_ms + o->conf.interval_ms;
	if (o->conf.keepalive_ms && block.len)
		o->keepalive_at_ms = now_ms + o->conf.keepalive_ms;
	o->was_idle = !has_to_repeat(o) && (is_red || q->len == 0);
	return gw_buf_done(packet, &whole);
}
