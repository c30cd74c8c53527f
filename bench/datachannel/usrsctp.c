/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway that terminates SCTP in usrsctp would have at most: two of its sockets in this thread, no threads of its own,
 * what one says goes by OpenSSL's DTLS to the other. A packet is sealed once and opened once, as in the relay.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <usrsctp.h>

#include "bench/datachannel/bench.h"
#include "dataplane/slow/dtls.h"

#define PORT 5000
#define SCTP_HEADERS 28u	/* common header, DATA chunk */
#define OUT_MAX 4096u
#define BUFFER_BYTES (1 << 20)

struct end {
	struct dp_dtls *d;
	struct socket *sock;
	struct end *other;
	struct {
		uint16_t len;
		uint8_t b[1500];
	} out[OUT_MAX];            /* datagrams under way to the other end */
	unsigned head, tail;
	uint64_t packets, bytes;   /* what came in: SCTP packets, payload */
};

static struct end ends[2];

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "w2gw-bench-data: %s failed\n", what);
	exit(1);
}

/* A full queue loses, as a network does. */
static void datagram(void *user, struct gw_sv d)
{
	struct end *e = user;

	if (e->tail - e->head == OUT_MAX || d.len > sizeof(e->out[0].b))
		return;
	memcpy(e->out[e->tail % OUT_MAX].b, d.p, d.len);
	e->out[e->tail++ % OUT_MAX].len = (uint16_t)d.len;
}

static void packet(void *user, struct gw_sv p)
{
	struct end *e = user;

	e->packets++;
	if (e->sock)
		usrsctp_conninput(e, p.p, p.len, 0);
}

static int sctp_out(void *addr, void *buf, size_t len, uint8_t tos, uint8_t df)
{
	struct end *e = addr;

	(void)tos, (void)df;
	(void)!dp_dtls_write(e->d, gw_sv(buf, len));
	return 0;
}

static int sctp_in(struct socket *s, union sctp_sockstore addr, void *data, size_t len, struct sctp_rcvinfo info, int flags,
	void *user)
{
	struct end *e = user;

	(void)s, (void)addr, (void)info;
	if (data && !(flags & MSG_NOTIFICATION))
		e->bytes += len;
	free(data);
	return 1;
}

static bool move(struct end *e)
{
	bool any = e->head != e->tail;

	/* what it makes while it is read comes next time */
	for (unsigned until = e->tail; e->head != until; e->head++)
		(void)!dp_dtls_input(e->other->d, gw_sv((const char *)e->out[e->head % OUT_MAX].b, e->out[e->head % OUT_MAX].len), 1);
	return any;
}

static bool move_all(void)
{
	bool any = move(&ends[0]);

	return move(&ends[1]) || any;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void handshake(void)
{
	static const struct dp_dtls_conf conf = { .profiles = { DP_SRTP_AEAD_AES_128_GCM }, .n_profiles = 1, .mtu = 1200,
		.certificate_days = 1 };
	struct dp_dtls_ctx *ctx;
	struct dp_fingerprint fp;

	check(dp_dtls_ctx_new(&ctx, &conf, NULL) == GW_OK && dp_dtls_ctx_fingerprint(ctx, DP_HASH_SHA256, &fp) == GW_OK, "DTLS");
	for (unsigned i = 0; i < 2; i++) {
		ends[i].other = &ends[1 - i];
		check(dp_dtls_new(&ends[i].d, ctx, i == 0, datagram, &ends[i]) == GW_OK, "DTLS");
		dp_dtls_set_data(ends[i].d, packet);
		check(dp_dtls_set_fingerprints(ends[i].d, &fp, 1) == GW_OK, "a fingerprint");
	}
	check(dp_dtls_start(ends[0].d, 1) == GW_OK, "a handshake");
	while (move_all())
		;
	check(dp_dtls_state(ends[0].d) == DP_DTLS_UP && dp_dtls_state(ends[1].d) == DP_DTLS_UP, "a handshake");
}

static void associate(uint16_t mtu)
{
	struct sctp_paddrparams path = { .spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = mtu };
	int on = 1, bytes = BUFFER_BYTES;

	usrsctp_init_nothreads(0, sctp_out, NULL);
	usrsctp_sysctl_set_sctp_ecn_enable(0);
	for (unsigned i = 0; i < 2; i++) {
		struct sockaddr_conn a = { .sconn_family = AF_CONN, .sconn_port = htons(PORT), .sconn_addr = &ends[i] };

		usrsctp_register_address(&ends[i]);
		ends[i].sock = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, sctp_in, NULL, 0, &ends[i]);
		check(ends[i].sock && usrsctp_set_non_blocking(ends[i].sock, 1) == 0 &&
			usrsctp_bind(ends[i].sock, (struct sockaddr *)&a, sizeof(a)) == 0, "an SCTP socket");
		usrsctp_setsockopt(ends[i].sock, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on));
		usrsctp_setsockopt(ends[i].sock, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path));
		usrsctp_setsockopt(ends[i].sock, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
		usrsctp_setsockopt(ends[i].sock, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	}
	/* both open at once, as browsers do */
	for (unsigned i = 0; i < 2; i++) {
		struct sockaddr_conn a = { .sconn_family = AF_CONN, .sconn_port = htons(PORT), .sconn_addr = &ends[i] };

		(void)!usrsctp_connect(ends[i].sock, (struct sockaddr *)&a, sizeof(a));
	}
	while (move_all())
		;
}

int bench_usrsctp(uint16_t bytes, double seconds)
{
	struct sctp_sendv_spa spa = { .sendv_flags = SCTP_SEND_SNDINFO_VALID, .sendv_sndinfo = { .snd_ppid = htonl(53) } };
	static uint8_t message[2048];
	double from, spent;
	uint64_t sent = 0, came, packets;
	uint16_t n = (uint16_t)(bytes - SCTP_HEADERS);

	handshake();
	associate(bytes);
	came = ends[1].bytes;
	packets = ends[1].packets;
	from = now_s();
	do {
		for (unsigned i = 0; i < 64; i++)
			if (usrsctp_sendv(ends[0].sock, message, n, NULL, 0, &spa, sizeof(spa), SCTP_SENDV_SPA, 0) == n)
				sent++;
		while (move_all())
			;
		usrsctp_handle_timers(1);
		spent = now_s() - from;
	} while (spent < seconds);
	came = (ends[1].bytes - came) / n;
	packets = ends[1].packets - packets;
	printf("{\"mode\":\"usrsctp\",\"bytes\":%u,\"sent\":%llu,\"came\":%llu,\"packets\":%llu,\"pps\":%.0f}\n", bytes,
		(unsigned long long)sent, (unsigned long long)came, (unsigned long long)packets, (double)came / spent);
	return came < sent / 2;
}
