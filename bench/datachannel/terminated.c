/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Associations as the gateway ends them (slow/dtls.c, slow/sctp.c), one with another in this thread: packets a second as of the
 * loop-back of usrsctp alone beside it, and the memory of many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/datachannel/bench.h"
#include "dataplane/slow/dtls.h"
#include "dataplane/slow/sctp.h"

#define PORT 5000
#define SCTP_HEADERS 28u	/* common header, DATA chunk */
#define PPID_BINARY 53u
#define MTU_MIN 512u
#define MTU_SPARE 52u	/* sctp.c cuts messages that much below the packets the path carries: these fill one */
#define QUEUE 1024u
#define DATAGRAM_MAX 1500u
#define TURNS_MAX 200u		/* until an association is up */

struct end {
	struct dp_dtls *d;
	struct dp_sctp *a;
	struct end *other;
	bool is_up;
	uint64_t messages;
};

/* Datagrams under way, of all ends, in order; what does not fit is lost, as in a network. */
static struct {
	struct end *from;
	uint16_t len;
	char b[DATAGRAM_MAX];
} wire[QUEUE];
static unsigned head, tail;
static uint64_t now_ms = 1;

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "w2gw-bench-data: %s failed\n", what);
	exit(1);
}

static void datagram(void *user, struct gw_sv d)
{
	if (tail - head == QUEUE || d.len > DATAGRAM_MAX)
		return;
	wire[tail % QUEUE].from = user;
	wire[tail % QUEUE].len = (uint16_t)d.len;
	memcpy(wire[tail++ % QUEUE].b, d.p, d.len);
}

static void from_dtls(void *user, struct gw_sv p)
{
	struct end *e = user;

	if (e->a)
		dp_sctp_input(e->a, p);
}

static void to_dtls(void *user, struct gw_sv p)
{
	(void)!dp_dtls_write(((struct end *)user)->d, p);
}

static void event(void *user, enum dp_sctp_event ev)
{
	((struct end *)user)->is_up = ev == DP_SCTP_UP;
}

static bool message(void *user, uint16_t stream, uint32_t ppid, struct gw_sv m)
{
	(void)stream, (void)ppid, (void)m;
	((struct end *)user)->messages++;
	return true;
}

static void reset(void *user, uint16_t stream)
{
	(void)user, (void)stream;
}

static const struct dp_sctp_ops ops = { to_dtls, event, message, message, reset };

/* One turn of a service core: what has come, then the associations. @return was there anything? */
static bool turn(void)
{
	unsigned until = tail, done = until - head;

	for (; head != until; head++)
		(void)!dp_dtls_input(wire[head % QUEUE].from->other->d, gw_sv(wire[head % QUEUE].b, wire[head % QUEUE].len), now_ms);
	return dp_sctp_run(now_ms) + done;
}

static void connect_ends(struct end pair[2], struct dp_dtls_ctx *ctx, const struct dp_fingerprint *fp)
{
	for (unsigned i = 0; i < 2; i++) {
		pair[i].other = &pair[1 - i];
		check(dp_dtls_new(&pair[i].d, ctx, i == 0, datagram, &pair[i]) == GW_OK, "DTLS");
		dp_dtls_set_data(pair[i].d, from_dtls);
		check(dp_dtls_set_fingerprints(pair[i].d, fp, 1) == GW_OK, "a fingerprint");
	}
	check(dp_dtls_start(pair[0].d, now_ms) == GW_OK, "a handshake");
	while (turn())
		;
	check(dp_dtls_state(pair[0].d) == DP_DTLS_UP && dp_dtls_state(pair[1].d) == DP_DTLS_UP, "a handshake");
	for (unsigned i = 0; i < 2; i++)
		check(dp_sctp_new(&pair[i].a, PORT, PORT, &ops, &pair[i]) == GW_OK, "an association");
	for (unsigned i = 0; i < TURNS_MAX && !(pair[0].is_up && pair[1].is_up); i++, now_ms++)
		(void)turn();
	check(pair[0].is_up && pair[1].is_up, "an association");
}

/* As main.c of eimsagw sets it. */
static void begin(unsigned associations, uint16_t mtu, struct dp_dtls_ctx **ctx, struct dp_fingerprint *fp)
{
	static const struct dp_dtls_conf conf = { .profiles = { DP_SRTP_AEAD_AES_128_GCM }, .n_profiles = 1, .mtu = 1400, .certificate_days = 1 };
	const struct dp_sctp_limits limits = { .associations = associations, .streams = 64, .mtu = mtu, .send_bytes = 256u << 10,
		.receive_bytes = 256u << 10, .message_max = 65536 };

	check(dp_dtls_ctx_new(ctx, &conf, NULL) == GW_OK && dp_dtls_ctx_fingerprint(*ctx, DP_HASH_SHA256, fp) == GW_OK, "DTLS");
	check(dp_sctp_init(&limits) == GW_OK, "usrsctp");
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int bench_terminated(uint16_t bytes, double seconds)
{
	static const char text[2048];
	struct end pair[2] = { 0 };
	struct dp_dtls_ctx *ctx;
	struct dp_fingerprint fp;
	double from, spent;
	uint64_t sent = 0;

	begin(2, bytes + MTU_SPARE < MTU_MIN ? MTU_MIN : (uint16_t)(bytes + MTU_SPARE), &ctx, &fp);
	connect_ends(pair, ctx, &fp);
	from = now_s();
	do {
		for (unsigned i = 0; i < 64; i++)
			sent += dp_sctp_send(pair[0].a, &(struct dp_sctp_send){ .ppid = PPID_BINARY }, gw_sv(text, bytes - SCTP_HEADERS)) == GW_OK;
		while (turn())
			;
		now_ms++;
		spent = now_s() - from;
	} while (spent < seconds);
	printf("{\"mode\":\"terminated\",\"bytes\":%u,\"sent\":%llu,\"came\":%llu,\"pps\":%.0f}\n", bytes, (unsigned long long)sent,
		(unsigned long long)pair[1].messages, (double)pair[1].messages / spent);
	return pair[1].messages < sent / 2;
}

static long resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long pages = 0;

	check(f && fscanf(f, "%*d %ld", &pages) == 1, "statm");
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int bench_memory(unsigned associations)
{
	static const char text[1024];
	struct end *ends = calloc(associations, sizeof(*ends));
	struct dp_dtls_ctx *ctx;
	struct dp_fingerprint fp;
	long before;

	check(ends != NULL && associations % 2 == 0, "memory");
	begin(associations, 1200, &ctx, &fp);
	before = resident_kib();
	for (unsigned i = 0; i < associations; i += 2) {
		connect_ends(&ends[i], ctx, &fp);
		for (unsigned k = i; k < i + 2; k++)	/* what a first message costs is in it */
			check(dp_sctp_send(ends[k].a, &(struct dp_sctp_send){ .ppid = PPID_BINARY }, gw_sv(text, sizeof(text))) == GW_OK, "a message");
		while (turn())
			;
		check(ends[i].messages == 1 && ends[i + 1].messages == 1, "a message");
	}
	printf("{\"mode\":\"memory\",\"associations\":%u,\"kib\":%.1f}\n", associations, (double)(resident_kib() - before) / associations);
	return 0;
}
