/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams at a data line whose handshake is done: the records they are taken apart into lie inside, and what nobody sealed
 * is never given to anybody, nor ends the association. A first byte of 0 and an offset ask for a genuine record with the rest
 * written over it.
 */
#include <stdlib.h>

#include "dataplane/slow/dtls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DATAGRAM_MAX 2048

struct wire {
	uint8_t b[16][DATAGRAM_MAX];
	size_t len[16];
	unsigned n;
};

static struct dp_dtls *ends[2];
static struct wire wires[2];	/* what end i sent */
static unsigned given;

static void put(void *user, struct gw_sv d)
{
	struct wire *w = user;

	if (w->n == 16 || d.len > DATAGRAM_MAX)
		return;
	memcpy(w->b[w->n], d.p, d.len);
	w->len[w->n++] = d.len;
}

static void take(void *user, struct gw_sv packet)
{
	(void)user, (void)packet;
	given++;
}

static void deliver(unsigned from)
{
	struct wire in = wires[from];

	wires[from].n = 0;
	for (unsigned i = 0; i < in.n; i++)
		(void)!dp_dtls_input(ends[1 - from], gw_sv((const char *)in.b[i], in.len[i]), 1);
}

static void connect_ends(void)
{
	static const struct dp_dtls_conf conf = { .profiles = { DP_SRTP_AES128_CM_SHA1_80 }, .n_profiles = 1, .mtu = 1200,
		.certificate_days = 1 };
	struct dp_dtls_ctx *ctx;
	struct dp_fingerprint fp;

	if (dp_dtls_ctx_new(&ctx, &conf, NULL) || dp_dtls_ctx_fingerprint(ctx, DP_HASH_SHA256, &fp))
		abort();
	for (unsigned i = 0; i < 2; i++) {
		if (dp_dtls_new(&ends[i], ctx, i == 0, put, &wires[i]))
			abort();
		dp_dtls_set_data(ends[i], take);
		if (dp_dtls_set_fingerprints(ends[i], &fp, 1))
			abort();
	}
	dp_dtls_ctx_free(ctx);
	if (dp_dtls_start(ends[0], 1))
		abort();
	while (wires[0].n || wires[1].n) {
		deliver(0);
		deliver(1);
	}
	if (dp_dtls_state(ends[0]) != DP_DTLS_UP || dp_dtls_state(ends[1]) != DP_DTLS_UP)
		abort();
}

static void disconnect_ends(void)
{
	dp_dtls_free(ends[0]);
	dp_dtls_free(ends[1]);
}

static void take_apart(const uint8_t *data, size_t size)
{
	struct dp_record_view v;
	size_t at = 0;

	while (dp_record_parse(data + at, size - at, &v)) {
		if (v.bytes > size - at - DP_RECORD_HEADER_BYTES || v.seq > DP_RECORD_SEQ_MAX)
			abort();
		at += DP_RECORD_HEADER_BYTES + v.bytes;
	}
	if (at > size)
		abort();
}

/* @return is it another datagram than the genuine one? */
static bool write_over(uint8_t *record, size_t len, const uint8_t *data, size_t size)
{
	bool differs = false;

	for (size_t i = 2; i < size && data[1] + (i - 2) < len; i++) {
		differs |= record[data[1] + (i - 2)] != data[i];
		record[data[1] + (i - 2)] = data[i];
	}
	return differs;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t record[DATAGRAM_MAX];
	struct gw_sv d = gw_sv((const char *)data, size);
	unsigned before;
	bool is_genuine = false;

	if (!ends[0]) {
		connect_ends();
		atexit(disconnect_ends);
	}
	if (size > 2 && data[0] == 0) {
		char packet[40] = "twelve bytes and some more of a packet";

		wires[0].n = 0;
		if (dp_dtls_write(ends[0], gw_sv(packet, sizeof(packet))) || wires[0].n != 1)
			abort();
		memcpy(record, wires[0].b[0], wires[0].len[0]);
		is_genuine = !write_over(record, wires[0].len[0], data, size);
		d = gw_sv((const char *)record, wires[0].len[0]);
		wires[0].n = 0;
	}
	take_apart((const uint8_t *)d.p, d.len);
	before = given;
	(void)!dp_dtls_input(ends[1], d, 1);
	if (given != before + is_genuine || dp_dtls_state(ends[1]) != DP_DTLS_UP)
		abort();
	wires[1].n = 0;
	return 0;
}
