/* SPDX-License-Identifier: Apache-2.0 */
/* The MSRP gateway between a data channel and a stream (RFC 8873 6, TS 23.334 5.19, 5.20). */
#include "proto/msrp/bridge.h"

#define RANGE_MAX 80u      /* "Byte-Range: n-n/n" with the largest numbers */

enum gw_err msrp_bridge_init(struct msrp_bridge *b, const struct msrp_bridge_conf *conf, msrp_send_fn send, void *user)
{
	struct msrp_uri u;

	if (conf->channel_max < MSRP_CHUNK_MIN)
		return GW_EINVAL;
	for (unsigned i = 0; i < 2; i++)
		if (msrp_uri_parse(conf->side[i].own_uri, &u) || msrp_path_last(conf->side[i].peer_path, &u) ||
			conf->side[i].peer_path.len > MSRP_PATH_MAX)
			return GW_EINVAL;
	memset(b, 0, sizeof(*b));
	b->conf = *conf;
	b->send = send;
	b->user = user;
	return GW_OK;
}

/* Ours begin with "gw"; the number comes back in the response. */
static struct gw_sv make_tid(const struct msrp_bridge *b, uint64_t number, char out[MSRP_IDENT_MAX])
{
	struct gw_buf t = gw_buf(out, MSRP_IDENT_MAX);

	gw_buf_printf(&t, "gw%016llx%012llx", (unsigned long long)b->conf.nonce, (unsigned long long)number & 0xffffffffffffull);
	return gw_buf_sv(&t);
}

/* The next identifier whose end line does not stand in the body (RFC 4975 7.1: the sender has to see to it). */
static struct gw_sv next_tid(struct msrp_bridge *b, struct gw_sv body, char out[MSRP_IDENT_MAX])
{
	for (;;) {
		struct gw_sv tid = make_tid(b, ++b->tids, out);

		if (gw_sv_find(body, tid) == body.len)
			return tid;
	}
}

static bool number_of(const struct msrp_bridge *b, struct gw_sv tid, uint64_t *number)
{
	char text[MSRP_IDENT_MAX];
	uint32_t high, low;

	if (tid.len != 30 || gw_sv_hex32(gw_sv_sub(tid, 18, 22), &high) || gw_sv_hex32(gw_sv_sub(tid, 22, 30), &low))
		return false;
	*number = (uint64_t)high << 32 | low;
	return gw_sv_eq(make_tid(b, *number, text), tid);
}

static enum msrp_side other(enum msrp_side s)
{
	return s == MSRP_CHANNEL ? MSRP_STREAM : MSRP_CHANNEL;
}

bool msrp_bridge_is_ours(const struct msrp_bridge *b, enum msrp_side from, const struct msrp_head *h)
{
	struct msrp_uri to, ours;
	struct gw_sv path = h->to_path, first = GW_SV_NONE;

	(void)gw_sv_word(&path, &first);
	if (b->conf.is_cema)
		return msrp_path_last(h->to_path, &to) == GW_OK &&
			msrp_path_last(b->conf.side[other(from)].peer_path, &ours) == GW_OK && gw_sv_eq(to.session, ours.session);
	return msrp_uri_parse(first, &to) == GW_OK && msrp_uri_parse(b->conf.side[from].own_uri, &ours) == GW_OK &&
		msrp_uri_eq(&to, &ours);
}

/* The head as it goes on; tid and range are set by who sends it. */
static void rewrite(const struct msrp_bridge *b, enum msrp_side to, struct msrp_head *h)
{
	if (b->conf.is_cema)
		return;
	h->to_path = b->conf.side[to].peer_path;
	h->from_path = b->conf.side[to].own_uri;
}

/* Without a body. The client cannot have sent the request for a response that it does not take. */
static void send_text(struct msrp_bridge *b, enum msrp_side to, struct gw_sv text)
{
	if (to == MSRP_CHANNEL && text.len > b->conf.channel_max)
		b->way[other(to)].counts.refused++;
	else
		b->send(b->user, to, &(struct msrp_chunk){ .head = text });
}

static void answer(struct msrp_bridge *b, enum msrp_side to, const struct msrp_head *request, unsigned status)
{
	char text[MSRP_OUT_MAX];
	struct gw_buf out = gw_buf(text, sizeof(text));

	if (status >= 300)
		b->way[to].counts.refused++;
	if (request->method == MSRP_REPORT || request->failure == MSRP_FAILURE_NO ||
		(request->failure == MSRP_FAILURE_PARTIAL && status < 300))
		return;
	if (msrp_print_response(request, status, &out) == GW_OK)
		send_text(b, to, gw_buf_sv(&out));
}

/* A REPORT of our own about a message whose sender has nothing more to send. */
static void report(struct msrp_bridge *b, enum msrp_side to, const struct msrp_message *m)
{
	char text[MSRP_OUT_MAX], tid[MSRP_IDENT_MAX];
	struct gw_buf out = gw_buf(text, sizeof(text));
	struct msrp_report r = { .tid = next_tid(b, GW_SV_NONE, tid), .to_path = b->conf.side[to].peer_path,
		.from_path = b->conf.is_cema ? b->conf.side[other(to)].peer_path : b->conf.side[to].own_uri,
		.message_id = gw_sv(m->id, m->id_len), .status = m->status,
		.range = { .start = 1, .end = m->bytes, .total = m->bytes, .has_end = true, .has_total = true } };

	if (m->failure != MSRP_FAILURE_NO && msrp_print_report(&r, &out) == GW_OK)
		send_text(b, to, gw_buf_sv(&out));
}

void msrp_bridge_hello(struct msrp_bridge *b)
{
	char text[MSRP_OUT_MAX], tid[MSRP_IDENT_MAX];
	struct gw_buf out = gw_buf(text, sizeof(text));
	struct msrp_head h = { .method = MSRP_SEND, .method_name = GW_SV("SEND"), .tid = next_tid(b, GW_SV_NONE, tid),
		.to_path = b->conf.side[MSRP_STREAM].peer_path, .has_range = true,
		.from_path = b->conf.is_cema ? b->conf.side[MSRP_CHANNEL].peer_path : b->conf.side[MSRP_STREAM].own_uri,
		.range = { .start = 1, .has_end = true, .has_total = true } };

	h.headers[h.n_headers++] = (struct msrp_header){ GW_SV("Message-ID"), h.tid };
	if (msrp_print_head(&h, &out) == GW_OK && msrp_print_end(h.tid, MSRP_COMPLETE, false, &out) == GW_OK)
		send_text(b, MSRP_STREAM, gw_buf_sv(&out));
}

static struct msrp_message *message_of(struct msrp_bridge *b, enum msrp_side from, const struct msrp_head *h)
{
	struct msrp_way *w = &b->way[from];
	struct msrp_message *m;

	for (m = w->messages; m < w->messages + MSRP_MESSAGES; m++)
		if (m->id_len && !m->is_whole && gw_sv_eq(gw_sv(m->id, m->id_len), h->message_id))
			return m;
	m = &w->messages[w->next++ % MSRP_MESSAGES];
	*m = (struct msrp_message){ .id_len = (uint8_t)h->message_id.len, .failure = h->failure, .first = b->tids + 1 };
	memcpy(m->id, h->message_id.p, h->message_id.len);
	w->counts.messages++;
	return m;
}

/* The response of a hop to one of our requests: only a failure says something. */
static void take_response(struct msrp_bridge *b, enum msrp_side from, const struct msrp_head *h)
{
	enum msrp_side sender = other(from);
	struct msrp_message *m;
	uint64_t number;

	if (h->status < 300 || !number_of(b, h->tid, &number))
		return;
	for (m = b->way[sender].messages; m < b->way[sender].messages + MSRP_MESSAGES; m++) {
		if (m->id_len == 0 || m->status || number < m->first || number > m->last)
			continue;
		m->status = h->status;
		if (m->is_whole)
			report(b, sender, m);
		return;
	}
}

static void send_chunk(struct msrp_bridge *b, enum msrp_side to, const struct msrp_head *in, struct gw_sv body, enum msrp_flag flag,
	struct msrp_message *m)
{
	char head[MSRP_OUT_MAX], end[MSRP_END_MAX + 2], tid[MSRP_IDENT_MAX];
	struct gw_buf h = gw_buf(head, sizeof(head)), e = gw_buf(end, sizeof(end));
	struct msrp_counts *counts = &b->way[other(to)].counts;
	struct msrp_head out = *in;

	out.tid = next_tid(b, body, tid);
	rewrite(b, to, &out);
	if (msrp_print_head(&out, &h) || msrp_print_end(out.tid, flag, out.content_type.len > 0, &e))
		return;	/* not reached: MSRP_OUT_MAX has room for what was parsed and two paths, see begin() */
	if (m) {
		m->last = b->tids;
		if (out.has_range && out.range.has_end)
			m->bytes = out.range.end;
	}
	counts->chunks_out++;
	counts->body_bytes += body.len;
	b->send(b->user, to, &(struct msrp_chunk){ gw_buf_sv(&h), body, gw_buf_sv(&e) });
}

/*
 * A request begins. Returns what it is answered with; 200: it is passed on, and m is its message.
 * REPORTs have no message.
 */
static unsigned begin(struct msrp_bridge *b, enum msrp_side from, const struct msrp_head *h, struct msrp_message **m)
{
	*m = NULL;
	b->way[from].counts.chunks_in++;
	if (h->method == MSRP_OTHER_METHOD)
		return 501;
	if (!msrp_bridge_is_ours(b, from, h))
		return 481;
	if (h->method == MSRP_REPORT) {
		b->way[from].counts.reports++;
		return 200;
	}
	*m = message_of(b, from, h);
	return (*m)->status ? (*m)->status : 200;
}

/* The sender's end line: whole, or given up; what failed before it came is reported now. */
static void ended(struct msrp_message *m, enum msrp_flag flag)
{
	if (m && flag != MSRP_MORE)
		m->is_whole = true;
}

static void set_end(struct msrp_head *h, uint64_t body_len)
{
	h->has_range = true;
	h->range.has_end = true;
	h->range.end = h->range.start + body_len - 1;
	if (h->range.has_total && h->range.end > h->range.total)
		h->range.has_total = false;	/* the sender does not know itself */
}

enum gw_err msrp_bridge_message(struct msrp_bridge *b, struct gw_sv text)
{
	struct msrp_reader r = { 0 };
	struct gw_sv body = GW_SV_NONE;
	struct msrp_item item;
	struct msrp_message *m;
	struct msrp_head h;
	unsigned status;
	size_t used;

	if (msrp_read(&r, text, &item, &used) || msrp_head_parse(item.bytes, &h))
		return GW_EBADMSG;
	text = gw_sv_sub(text, used, text.len);
	if (msrp_read(&r, text, &item, &used))
		return GW_EBADMSG;
	if (item.kind == MSRP_ITEM_BODY) {
		body = item.bytes;
		text = gw_sv_sub(text, used, text.len);
		if (msrp_read(&r, text, &item, &used))
			return GW_EBADMSG;
	}
	if (item.kind != MSRP_ITEM_END || used != text.len || r.has_body != (h.content_type.len > 0))
		return GW_EBADMSG;
	if (h.status) {
		take_response(b, MSRP_CHANNEL, &h);
		return GW_OK;
	}
	status = begin(b, MSRP_CHANNEL, &h, &m);
	if (status == 200) {
		if (h.method == MSRP_SEND && h.content_type.len)
			set_end(&h, body.len);
		send_chunk(b, MSRP_STREAM, &h, body, item.flag, m);
	}
	ended(m, item.flag);
	answer(b, MSRP_CHANNEL, &h, status);
	return GW_OK;
}

enum gw_err msrp_bridge_oversize(struct msrp_bridge *b, struct gw_sv beginning)
{
	struct msrp_reader r = { 0 };
	struct msrp_item item;
	struct msrp_message *m;
	struct msrp_head h;
	unsigned status;
	size_t used;

	if (msrp_read(&r, beginning, &item, &used) || msrp_head_parse(item.bytes, &h) || h.status)
		return GW_EBADMSG;
	status = begin(b, MSRP_CHANNEL, &h, &m);
	if (status == 200)
		status = 413;
	if (m && m->status == 0) {
		m->status = status;
		h.range.has_end = false;
		h.has_range = true;
		if (m->last)
			send_chunk(b, MSRP_STREAM, &h, GW_SV_NONE, MSRP_ABORTED, NULL);
	}
	answer(b, MSRP_CHANNEL, &h, status);
	return GW_OK;
}

/* How much body fits beside this head: 0 when nothing sensible does. */
static size_t piece_max(const struct msrp_bridge *b)
{
	char text[MSRP_OUT_MAX];
	struct gw_buf out = gw_buf(text, sizeof(text));
	char tid[MSRP_IDENT_MAX];
	struct msrp_head h = b->head;
	size_t rest;

	h.tid = make_tid(b, 0, tid);
	h.has_range = false;
	rewrite(b, MSRP_CHANNEL, &h);
	if (msrp_print_head(&h, &out))
		return 0;
	rest = out.len + RANGE_MAX + MSRP_END_MAX + 2;
	return rest < b->conf.channel_max ? b->conf.channel_max - rest : 0;
}

static void flush(struct msrp_bridge *b, enum msrp_flag flag)
{
	if (b->head.method == MSRP_SEND && b->head.content_type.len)
		set_end(&b->head, b->piece_len);
	send_chunk(b, MSRP_CHANNEL, &b->head, gw_sv(b->conf.piece, b->piece_len), flag, b->message);
	b->head.range.start += b->piece_len;
	b->piece_len = 0;
}

static enum gw_err stream_head(struct msrp_bridge *b, struct gw_sv text)
{
	enum gw_err err;

	memcpy(b->head_text, text.p, text.len);
	err = msrp_head_parse(gw_sv(b->head_text, text.len), &b->head);
	if (err || b->reader.has_body != (b->head.content_type.len > 0))
		return err ? err : GW_EBADMSG;
	b->piece_len = 0;
	b->message = NULL;
	b->answer = 0;
	if (b->head.status)
		return GW_OK;
	b->answer = begin(b, MSRP_STREAM, &b->head, &b->message);
	b->piece_max = piece_max(b);
	if (b->answer == 200 && b->piece_max == 0)
		b->answer = 400;	/* a head that leaves no room for a body */
	return GW_OK;
}

static void stream_end(struct msrp_bridge *b, enum msrp_flag flag)
{
	if (b->head.status) {
		take_response(b, MSRP_STREAM, &b->head);
		return;
	}
	if (b->answer == 200 && b->message && b->message->status)
		b->answer = b->message->status;	/* refused while its chunk was still coming */
	if (b->answer == 200)
		flush(b, flag);
	ended(b->message, flag);
	answer(b, MSRP_STREAM, &b->head, b->answer);
}

enum gw_err msrp_bridge_stream(struct msrp_bridge *b, struct gw_sv in, size_t *used)
{
	struct msrp_item item;
	enum gw_err err = msrp_read(&b->reader, in, &item, used);
	bool is_passed;
	size_t room;

	if (err)
		return err;
	switch (item.kind) {
	case MSRP_ITEM_HEAD:
		return stream_head(b, item.bytes);
	case MSRP_ITEM_END:
		stream_end(b, item.flag);
		return GW_OK;
	case MSRP_ITEM_BODY:
		break;
	}
	is_passed = b->head.status == 0 && b->answer == 200 && !(b->message && b->message->status);
	if (!is_passed)
		return GW_OK;
	/* only when more comes is a full piece known not to be the last */
	if (b->piece_len == b->piece_max)
		flush(b, MSRP_MORE);
	room = b->piece_max - b->piece_len;
	if (item.bytes.len > room)
		*used = room;
	memcpy(b->conf.piece + b->piece_len, item.bytes.p, *used);
	b->piece_len += *used;
	return GW_OK;
}
