/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCTP of a client over its DTLS (S1 to S4): an association that is up gets packets with the right ports, tag and checksum and chunks of
 * the fuzzer's, each with two bytes of length in front. It may end; it may not crash, leak, or tell of streams it has not got.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <usrsctp.h>

#include "dataplane/slow/sctp.h"

#define STREAMS 16u
#define WIRE    64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct end {
	struct dp_sctp *a;
	bool is_up;
	unsigned n;
	struct {
		size_t len;
		char b[1500];
	} wire[WIRE];              /* on the way to this end */
	uint32_t tag;              /* of packets to this end, as on the wire */
};

static struct end ends[2];
static uint64_t now = 1000000000;

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	(void)zone;
	*tv = (struct timeval){ .tv_sec = (time_t)(now / 1000), .tv_usec = (suseconds_t)(now % 1000 * 1000) };
	return 0;
}

static void packet(void *user, struct gw_sv p)
{
	struct end *to = user == &ends[0] ? &ends[1] : &ends[0];

	if (p.len < 12 || to->n == WIRE)
		return;
	memcpy(&to->tag, p.p + 4, 4);
	to->wire[to->n].len = p.len;
	memcpy(to->wire[to->n++].b, p.p, p.len);
}

static void event(void *user, enum dp_sctp_event ev)
{
	((struct end *)user)->is_up = ev != DP_SCTP_CLOSED;
}

static bool message(void *user, uint16_t stream, uint32_t ppid, struct gw_sv m)
{
	(void)user;
	if (stream >= STREAMS || m.len > 65536)
		abort();
	return ppid % 3 != 0;	/* some are not taken at once, for good */
}

static void reset(void *user, uint16_t stream)
{
	struct end *e = user;

	if (stream >= STREAMS)
		abort();
	if (e->a)
		(void)!dp_sctp_reset(e->a, stream);
}

static const struct dp_sctp_ops ops = { packet, event, message, message, reset };

static void turn(void)
{
	now += 20;
	(void)dp_sctp_run(now);
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < ends[i].n && ends[i].a; k++)
			dp_sctp_input(ends[i].a, gw_sv(ends[i].wire[k].b, ends[i].wire[k].len));
		ends[i].n = 0;
	}
}

static void open_both(void)
{
	static const struct dp_sctp_limits limits = { .associations = 8, .streams = STREAMS, .mtu = 1150, .send_bytes = 65536,
		.receive_bytes = 65536, .message_max = 65536 };
	static bool is_init;

	if (!is_init && dp_sctp_init(&limits))
		abort();
	is_init = true;
	memset(ends, 0, sizeof(ends));
	for (unsigned i = 0; i < 2; i++)
		if (dp_sctp_new(&ends[i].a, 5000, 5000, &ops, &ends[i]))
			abort();
	for (unsigned i = 0; i < 500 && !(ends[0].is_up && ends[1].is_up); i++)
		turn();
	if (!ends[0].is_up || !ends[1].is_up)
		abort();
	for (unsigned i = 0; i < 10; i++)
		turn();	/* the last chunks of the handshake, with the tags that stay */
}

static void input(struct gw_sv chunks)
{
	char p[1500] = { 5000 >> 8, 5000 & 255, 5000 >> 8, 5000 & 255 };
	uint32_t sum;

	if (chunks.len > sizeof(p) - 12)
		chunks.len = sizeof(p) - 12;
	memcpy(p + 4, &ends[1].tag, 4);
	if (chunks.len)
		memcpy(p + 12, chunks.p, chunks.len);
	sum = usrsctp_crc32c(p, 12 + chunks.len);
	memcpy(p + 8, &sum, 4);
	dp_sctp_input(ends[1].a, gw_sv(p, 12 + chunks.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_sv in = gw_sv(data, size);

	open_both();
	while (in.len > 2) {
		size_t n = (size_t)(unsigned char)in.p[0] << 8 | (unsigned char)in.p[1];

		input(gw_sv_sub(in, 2, 2 + n));
		in = gw_sv_sub(in, 2 + n, in.len);
		turn();
	}
	for (unsigned i = 0; i < 20; i++)
		turn();
	for (unsigned i = 0; i < 2; i++) {
		dp_sctp_free(ends[i].a);
		ends[i].a = NULL;
	}
	turn();
	return 0;
}
