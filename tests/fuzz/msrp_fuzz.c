/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSRP: a stream is read alike whole and byte by byte; heads are printed as they were read; and whatever a peer sends, the bridge
 * makes whole messages of it, each of one chunk that fits.
 */
#include "inside.h"
#include "proto/msrp/bridge.h"
#include "proto/msrp/uri.h"

#define CHUNK 2048u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t mix(uint64_t h, struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++)
		h = h * 1099511628211u + (unsigned char)s.p[i];
	return h;
}

static void check_head(struct gw_sv text)
{
	static char one[4 * MSRP_HEAD_MAX], two[4 * MSRP_HEAD_MAX];
	struct gw_buf b = gw_buf(one, sizeof(one)), c = gw_buf(two, sizeof(two));
	struct msrp_head h, again;
	size_t len;

	if (msrp_head_parse(text, &h))
		return;
	inside(text, h.tid);
	inside(text, h.to_path);
	inside(text, h.from_path);
	if (h.status)
		return;
	if (msrp_print_head(&h, &b))
		abort();
	len = b.len - (h.content_type.len ? 2 : 0);
	if (msrp_head_parse(gw_sv(one, len), &again) || msrp_print_head(&again, &c) || !gw_sv_eq(gw_buf_sv(&b), gw_buf_sv(&c)))
		abort();
}

/* A hash of the items; step 0: all at once. */
static uint64_t read_all(struct gw_sv in, size_t step)
{
	struct msrp_reader r = { 0 };
	size_t have = step ? 0 : in.len, at = 0, used;
	uint64_t h = 0;

	for (;;) {
		struct msrp_item item;
		enum gw_err err = msrp_read(&r, gw_sv_sub(in, at, have), &item, &used);

		if (used > have - at)
			abort();
		at += used;
		if (err == GW_EAGAIN && have < in.len) {
			have = have + step < in.len ? have + step : in.len;
			continue;
		}
		if (err)
			return err == GW_EAGAIN ? h : h + err;
		h = mix(h, item.kind == MSRP_ITEM_END ? gw_sv(&item.flag, 1) : item.bytes);
		if (item.kind == MSRP_ITEM_HEAD && !step)
			check_head(item.bytes);
	}
}

static void sent(void *user, enum msrp_side to, const struct msrp_chunk *c)
{
	static char text[1u << 20];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct msrp_reader r = { 0 };
	struct msrp_item item;
	struct msrp_head h;
	size_t at = 0, used;
	unsigned ends = 0;

	(void)user;
	gw_buf_put(&b, c->head);
	gw_buf_put(&b, c->body);
	gw_buf_put(&b, c->end);
	if (to == MSRP_CHANNEL && c->body.len && b.len > CHUNK)
		abort();
	while (msrp_read(&r, gw_sv(text + at, b.len - at), &item, &used) == GW_OK) {
		at += used;
		ends += item.kind == MSRP_ITEM_END;
		if (item.kind == MSRP_ITEM_HEAD && msrp_head_parse(item.bytes, &h))
			abort();
	}
	if (ends != 1 || at != b.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char piece[CHUNK];
	const struct msrp_bridge_conf conf = { .side = { { GW_SV("msrps://g:9/d;dc"), GW_SV("msrps://w:9/s;dc") },
		{ GW_SV("msrp://g:1/t;tcp"), GW_SV("msrp://c:1/u;tcp") } }, .is_cema = size & 1, .piece = piece, .channel_max = CHUNK };
	static struct msrp_bridge b;
	struct gw_sv in = gw_sv(data, size);
	struct msrp_uri u;
	size_t used;

	if (msrp_uri_parse(in, &u) == GW_OK) {
		inside(in, u.host);
		inside(in, u.session);
		inside(in, u.transport);
	}
	if (read_all(in, 0) != read_all(in, 1))
		abort();
	if (msrp_bridge_init(&b, &conf, sent, NULL))
		abort();
	(void)!msrp_bridge_message(&b, in);
	while (msrp_bridge_stream(&b, in, &used) == GW_OK)
		in = gw_sv_sub(in, used, in.len);
	return 0;
}
