/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w2gw-bench-dtls ROLE SECONDS [give-way]: handshakes a second of the service core's DTLS, against peers in the same
 * process; ROLE primitives: OpenSSL's operations alone. Only CPU time inside the gateway's own calls counts. Its
 * clock is a system call, so LANES handshakes go in step: all gateways' turns of a flight between two readings.
 * Prints one JSON object, earlier by SIGTERM.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/dtls/primitives.h"
#include "dataplane/slow/dtls.h"

#define LANES 16u
#define TURNS_MAX 20u
#define WIRE_MAX 16
#define DATAGRAM_MAX 1500

struct wire {
	struct {
		uint8_t b[DATAGRAM_MAX];
		size_t len;
	} d[WIRE_MAX];
	unsigned n;
};

static struct lane {
	struct dp_dtls *gateway, *peer;
	struct wire to_gateway, to_peer;
} lanes[LANES];

static struct end {
	struct dp_dtls_ctx *ctx;
	struct dp_fingerprint fp;
} gateway, peer;

static double spent_s;		/* inside the gateway */
static bool gives_way;
static volatile sig_atomic_t stopping;

static void on_signal(int sig)
{
	(void)sig;
	stopping = 1;
}

static void put(void *user, struct gw_sv d)
{
	struct wire *w = user;

	if (w->n == WIRE_MAX || d.len > DATAGRAM_MAX)
		abort();
	memcpy(w->d[w->n].b, d.p, d.len);
	w->d[w->n++].len = d.len;
}

static struct dp_dtls *begin(const struct end *own, const struct end *far, bool is_client, struct wire *out)
{
	struct dp_dtls *d;

	if (dp_dtls_new(&d, own->ctx, is_client, put, out) || dp_dtls_set_fingerprints(d, &far->fp, 1) || dp_dtls_start(d, 1))
		abort();
	return d;
}

static void deliver(struct wire *w, struct dp_dtls *to)
{
	for (unsigned i = 0; i < w->n; i++)
		if (dp_dtls_input(to, gw_sv(w->d[i].b, w->d[i].len), 1))
			abort();
		else if (gives_way)
			(void)sched_yield();	/* as the service core of eimsagw */
	w->n = 0;
}

static void gateways_begin(bool is_client)
{
	double began = thread_s();

	for (unsigned i = 0; i < LANES; i++)
		lanes[i].gateway = begin(&gateway, &peer, is_client, &lanes[i].to_peer);
	spent_s += thread_s() - began;
}

static void gateways_turn(void)
{
	double began = thread_s();

	for (unsigned i = 0; i < LANES; i++)
		deliver(&lanes[i].to_gateway, lanes[i].gateway);
	spent_s += thread_s() - began;
}

/* @return peers that sent something */
static unsigned peers_turn(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LANES; i++) {
		deliver(&lanes[i].to_peer, lanes[i].peer);
		n += lanes[i].to_gateway.n > 0;
	}
	return n;
}

/* The keys are taken, and all is given back. @return how many were done */
static unsigned gateways_end(void)
{
	struct dp_srtp_keys local, remote;
	double began = thread_s();
	unsigned n = 0;

	for (unsigned i = 0; i < LANES; i++) {
		n += dp_dtls_keys(lanes[i].gateway, &local, &remote) == GW_OK;
		dp_dtls_free(lanes[i].gateway);
	}
	spent_s += thread_s() - began;
	return n;
}

static bool handshakes(bool is_client)
{
	bool ok;

	for (unsigned i = 0; i < LANES; i++)
		lanes[i].to_gateway.n = lanes[i].to_peer.n = 0;
	gateways_begin(is_client);
	for (unsigned i = 0; i < LANES; i++)
		lanes[i].peer = begin(&peer, &gateway, !is_client, &lanes[i].to_gateway);
	for (unsigned i = 0; i < TURNS_MAX; i++) {
		if (peers_turn() == 0)
			break;
		gateways_turn();
	}
	ok = gateways_end() == LANES;
	for (unsigned i = 0; i < LANES; i++)
		dp_dtls_free(lanes[i].peer);
	return ok;
}

static bool end_new(struct end *e)
{
	struct dp_dtls_conf conf = { .profiles = { DP_SRTP_AEAD_AES_128_GCM }, .n_profiles = 1, .mtu = 1200,
		.certificate_days = 1 };

	return dp_dtls_ctx_new(&e->ctx, &conf, NULL) == GW_OK &&
		dp_dtls_ctx_fingerprint(e->ctx, DP_HASH_SHA256, &e->fp) == GW_OK;
}

static int print_primitives(double seconds)
{
	struct primitives p;

	if (!primitives_measure(seconds / 4, &p)) {
		fputs("w2gw-bench-dtls: a primitive failed\n", stderr);
		return 1;
	}
	printf("{\"role\":\"primitives\",\"sign_s\":%.9f,\"verify_s\":%.9f,\"keygen_s\":%.9f,\"derive_s\":%.9f}\n", p.sign_s,
		p.verify_s, p.keygen_s, p.derive_s);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const roles[] = { "client", "server", "primitives" };
	unsigned role = 0, n = 0;
	double seconds, end;

	gives_way = argc == 4 && strcmp(argv[3], "give-way") == 0;
	while (argc == 3 + gives_way && role < 3 && strcmp(argv[1], roles[role]) != 0)
		role++;
	if (argc != 3 + gives_way || role == 3 || (seconds = atof(argv[2])) <= 0) {
		fprintf(stderr, "usage: w2gw-bench-dtls client|server|primitives SECONDS [give-way]\n");
		return 2;
	}
	if (role == 2)
		return print_primitives(seconds);
	if (!end_new(&gateway) || !end_new(&peer))
		return 1;
	signal(SIGTERM, on_signal);
	for (end = thread_s() + seconds; !stopping && thread_s() < end; n += LANES)
		if (!handshakes(role == 0)) {
			fprintf(stderr, "w2gw-bench-dtls: a handshake failed\n");
			return 1;
		}
	printf("{\"role\":\"%s\",\"handshakes\":%u,\"seconds\":%.6f,\"per_s\":%.1f}\n", argv[1], n, spent_s,
		(double)n / spent_s);
	dp_dtls_ctx_free(gateway.ctx);
	dp_dtls_ctx_free(peer.ctx);
	return 0;
}
