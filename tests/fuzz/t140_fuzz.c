/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of a peer (two bytes of length before each) become UTF-8 without BOM in bounded memory, and that text crosses again unchanged. */
#include "inside.h"
#include "proto/base/be.h"
#include "proto/base/utf8.h"
#include "proto/t140/rtp_in.h"
#include "proto/t140/rtp_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct t140_in_conf in_conf = { .pt_t140 = 104, .pt_red = 105, .wait_ms = 1000 };

static void cross(const char *text, size_t len)
{
	const struct t140_out_conf conf = { .pt_t140 = 104, .pt_red = 105, .generations = 2, .interval_ms = 300, .seq = 65534 };
	static struct t140_queue from, to;
	static struct t140_out out;
	static struct t140_in in;
	static char packet[T140_PACKET_MAX], got[T140_QUEUE_BYTES];
	uint64_t now = 0, n = 0;

	t140_queue_init(&from, 0);
	t140_queue_init(&to, 0);
	t140_in_init(&in, &in_conf);
	t140_queue_put(&from, gw_sv(text, len));
	if (t140_out_init(&out, &conf, 0))
		abort();
	while ((now = t140_out_deadline(&out, &from, now)) != UINT64_MAX) {
		struct gw_buf b = gw_buf(packet, sizeof(packet));

		if (t140_out_packet(&out, &from, now, &b))
			abort();
		if (n++ % 3 != 1 && t140_in_packet(&in, gw_buf_sv(&b), now, &to))	/* the second of three is lost */
			abort();
	}
	if (t140_queue_take(&to, got, sizeof(got), now) != len || memcmp(got, text, len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct t140_in in;
	static struct t140_queue q;
	static char text[T140_QUEUE_BYTES];
	uint64_t now = 0;
	size_t at = 0, len;

	t140_in_init(&in, &in_conf);
	t140_queue_init(&q, 0);
	while (size - at >= 2) {
		size_t n = gw_be16(data + at);

		at += 2;
		n = n < size - at ? n : size - at;
		(void)!t140_in_packet(&in, gw_sv(data + at, n), now, &q);
		at += n;
		now += n & 1 ? 700 : 20;
		t140_in_tick(&in, now, &q);
	}
	for (unsigned i = 0; i <= T140_WINDOW && t140_in_deadline(&in) != UINT64_MAX; i++) {
		if (i == T140_WINDOW)
			abort();	/* each gap has a block behind it: they are given up one after the other */
		t140_in_tick(&in, t140_in_deadline(&in), &q);
	}
	len = t140_queue_take(&q, text, sizeof(text), now);
	if (!gw_utf8_is_valid(gw_sv(text, len)) || gw_sv_find(gw_sv(text, len), T140_BOM) < len || q.len)
		abort();
	if (len <= T140_QUEUE_BYTES - T140_LOSS.len)
		cross(text, len);
	return 0;
}
