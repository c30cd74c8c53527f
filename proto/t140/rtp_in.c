/* SPDX-License-Identifier: Apache-2.0 */
/* The receiver of RFC 4103: repetitions fill gaps (RFC 2198), the rest waits a moment, then is marked. */
#include "proto/t140/rtp_in.h"

#include "proto/base/be.h"
#include "proto/rtp/rtp.h"

#define DROPOUT_MAX  3000u     /* RFC 3550 A.1 */
#define MISORDER_MAX 100u

void t140_in_init(struct t140_in *in, const struct t140_in_conf *conf)
{
	memset(in, 0, sizeof(*in));
	in->conf = *conf;
}

/* Blocks of a packet, oldest first; returns their number, 0: malformed. Blocks of other types are empty. */
static unsigned split(const struct t140_in *in, struct gw_sv body, bool is_red, struct gw_sv *blocks)
{
	const uint8_t *p = (const uint8_t *)body.p;
	size_t len[T140_RED_MAX], at = 0;
	bool is_text[T140_RED_MAX];
	unsigned n = 0;

	if (!is_red) {
		blocks[0] = body;
		return 1;
	}
	while (at < body.len && p[at] & 0x80) {
		if (n == T140_RED_MAX - 1 || body.len - at < 4)
			return 0;
		is_text[n] = (p[at] & 0x7f) == in->conf.pt_t140;
		len[n++] = gw_be16(p + at + 2) & 0x3ff;
		at += 4;
	}
	if (at == body.len)
		return 0;
	is_text[n] = p[at++] == in->conf.pt_t140;
	for (unsigned i = 0; i < n; i++) {
		if (body.len - at < len[i])
			return 0;
		blocks[i] = gw_sv_sub(body, at, is_text[i] ? at + len[i] : at);
		at += len[i];
	}
	blocks[n] = gw_sv_sub(body, at, is_text[n] ? body.len : at);
	return n + 1;
}

static void pass_on(struct t140_in *in, struct t140_queue *q)
{
	while (in->held[in->expected % T140_WINDOW].is_filled) {
		struct gw_sv text = gw_sv(in->held[in->expected % T140_WINDOW].text, in->held[in->expected % T140_WINDOW].len);

		t140_queue_put(q, text);
		in->held[in->expected % T140_WINDOW].is_filled = false;
		in->expected++;
	}
}

/* Something is held behind what is missing? Then the clock of the gap runs. */
static void watch(struct t140_in *in, bool is_new, uint64_t now_ms)
{
	bool has_gap = false;

	for (unsigned i = 0; i < T140_WINDOW; i++)
		has_gap |= in->held[i].is_filled;
	if (has_gap && (is_new || !in->has_gap))
		in->gap_since_ms = now_ms;
	in->has_gap = has_gap;
}

/* Goes to the next block that is held, or to seq when none is held before it; one marker for the whole gap. */
static void give_up(struct t140_in *in, uint16_t seq, struct t140_queue *q)
{
	t140_queue_put(q, T140_LOSS);
	while (in->expected != seq && !in->held[in->expected % T140_WINDOW].is_filled) {
		in->expected++;
		in->lost++;
	}
	pass_on(in, q);
}

static void store(struct t140_in *in, uint16_t seq, struct gw_sv text, struct t140_queue *q)
{
	unsigned i = seq % T140_WINDOW;

	if ((int16_t)(seq - in->expected) < 0)
		return;
	if (seq == in->expected) {
		t140_queue_put(q, text);
		in->held[i].is_filled = false;
		in->expected++;
		pass_on(in, q);
		return;
	}
	if ((uint16_t)(seq - in->expected) >= T140_WINDOW || in->held[i].is_filled)
		return;
	if (text.len > T140_HELD_MAX)
		text = T140_LOSS;
	in->held[i].is_filled = true;
	in->held[i].len = (uint16_t)text.len;
	if (text.len)
		memcpy(in->held[i].text, text.p, text.len);
}

/* May this sequence number be of the stream? A new source and a believed jump begin with the oldest block of the packet. */
static bool is_believed(struct t140_in *in, uint32_t ssrc, uint16_t seq, unsigned n_blocks)
{
	uint16_t ahead = (uint16_t)(seq - in->expected), behind = (uint16_t)(in->expected - seq);
	bool is_near = ahead < DROPOUT_MAX || behind <= MISORDER_MAX, is_same = in->has_started && ssrc == in->ssrc;

	if (is_same && is_near) {
		in->bad_seq = seq;	/* no successor of a jump */
		return true;
	}
	if (is_same && seq != (uint16_t)(in->bad_seq + 1)) {
		in->bad_seq = seq;
		return false;
	}
	for (unsigned i = 0; i < T140_WINDOW; i++)
		in->held[i].is_filled = false;
	in->has_started = true;
	in->ssrc = ssrc;
	in->bad_seq = seq;
	in->expected = (uint16_t)(seq - (n_blocks - 1));
	return true;
}

enum gw_err t140_in_packet(struct t140_in *in, struct gw_sv packet, uint64_t now_ms, struct t140_queue *q)
{
	const uint8_t *p = (const uint8_t *)packet.p;
	struct gw_sv blocks[T140_RED_MAX], body;
	struct rtp_view rtp;
	uint16_t seq, was;
	unsigned n;

	if (!rtp_parse(p, packet.len, &rtp))
		return GW_EBADMSG;
	body = gw_sv_sub(packet, rtp.header_bytes, packet.len);
	if (p[0] & 0x20) {	/* padding: its last byte counts it, itself included */
		size_t pad = body.len ? p[packet.len - 1] : 0;

		if (pad == 0 || pad > body.len)
			return GW_EBADMSG;
		body.len -= pad;
	}
	if (rtp.pt != in->conf.pt_t140 && (in->conf.pt_red == 0 || rtp.pt != in->conf.pt_red))
		return GW_EUNSUPP;
	n = split(in, body, rtp.pt != in->conf.pt_t140, blocks);
	if (n == 0)
		return GW_EBADMSG;
	seq = rtp.seq;
	if (!is_believed(in, rtp.ssrc, seq, n))
		return GW_EAGAIN;
	was = in->expected;
	while ((int16_t)(seq - in->expected) >= (int16_t)T140_WINDOW)	/* no room to keep it: the oldest gap is lost now */
		give_up(in, (uint16_t)(seq - T140_WINDOW + 1), q);
	for (unsigned i = 0; i < n; i++) {
		uint16_t k = (uint16_t)(seq - (n - 1 - i));

		if (i < n - 1 && k == in->expected && blocks[i].len)
			in->recovered++;
		store(in, k, blocks[i], q);
	}
	watch(in, in->expected != was, now_ms);
	return GW_OK;
}

uint64_t t140_in_deadline(const struct t140_in *in)
{
	return in->has_gap ? in->gap_since_ms + in->conf.wait_ms : UINT64_MAX;
}

void t140_in_tick(struct t140_in *in, uint64_t now_ms, struct t140_queue *q)
{
	if (now_ms < t140_in_deadline(in))
		return;
	give_up(in, (uint16_t)(in->expected + T140_WINDOW), q);
	watch(in, true, now_ms);
}
