/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w2gw-bench-iq PORT CONTROLLER-PORT SECONDS WINDOW plain|dtls FILE: a controller that sets up and takes down calls on a
 * gateway, WINDOW at a time, each Add, Modify, Subtract; prints one JSON object. The messages of the first call are written to
 * FILE, four octets of length before each. Lost datagrams are not repeated: on
 * loopback there are none, and a cycle that stops is an error.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#define WINDOW_MAX 256
#define SAMPLES_MAX 4000000u
#define MID "[127.0.0.1]:2944"

enum step { ADD, MODIFY, SUBTRACT, STEPS };

struct slot {
	enum step step;
	unsigned context, access, core;
	double sent;
};

static struct slot slots[WINDOW_MAX];
static float *samples;
static unsigned n_samples;
static const char *media;
static int fd;
static FILE *kept;

#define ACCESS "v=0\nc=IN IP4 $\nm=audio $ UDP/TLS/RTP/SAVPF 111\na=rtpmap:111 opus/48000/2\na=rtcp-mux\n" \
	"a=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\n"

static const char core[] = "v=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n";
/* without the fingerprint there is no TLS session */
static const char plain[] = ACCESS, dtls[] = ACCESS "a=fingerprint:sha-256 $\na=setup:passive\n";

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void fail(const char *what, const char *text)
{
	fprintf(stderr, "w2gw-bench-iq: %s: %.300s\n", what, text);
	exit(1);
}

/* Slot 0 says the first message, and the first call is over with its last answer. */
static void keep(unsigned k, const char *text, size_t n)
{
	static unsigned messages;
	const unsigned char len[4] = { 0, 0, (unsigned char)(n >> 8), (unsigned char)n };

	if (k || messages++ >= 2 * STEPS)
		return;
	if (fwrite(len, 1, 4, kept) != 4 || fwrite(text, 1, n, kept) != n || fflush(kept))
		fail("file", strerror(errno));
}

static void put(const char *text, int n)
{
	if (n < 0 || send(fd, text, (size_t)n, 0) != n)
		fail("send", strerror(errno));
}

/* The slot is in the low byte of the TransactionID. */
static void ask(unsigned k)
{
	static unsigned tid;
	struct slot *s = &slots[k];
	unsigned id = (++tid & 0x3fffff) << 8 | k;
	char b[4096];
	int n = 0;

	s->sent = now_s();
	switch (s->step) {
	case ADD:
		n = snprintf(b, sizeof(b), "!/3 " MID " T=%u{C=${A=ip/$/$/${M{ST=1{O{MO=IN,ipdc/realm=\"access\"},L{\n%s}}},"
			"E=1{hangterm/thb{timerx=600},g/cause}},A=ip/$/$/${M{ST=1{O{MO=IN,ipdc/realm=\"core\"},L{\n%s}}},"
			"E=2{hangterm/thb{timerx=600},g/cause}}}}", id, media, core);
		break;
	case MODIFY:
		n = snprintf(b, sizeof(b), "!/3 " MID " T=%u{C=%u{MF=ip/1/core0/%u{M{ST=1{O{MO=SR},R{\nv=0\nc=IN IP4 10.20.0.30\n"
			"m=audio 4000 RTP/AVP 0\n}}}},MF=ip/1/access0/%u{M{ST=1{O{MO=SR}}}}}}", id, s->context, s->core,
			s->access);
		break;
	case SUBTRACT:
		n = snprintf(b, sizeof(b), "!/3 " MID " T=%u{C=%u{S=ip/1/access0/%u{AT{SA}},S=ip/1/core0/%u{AT{SA}}}}", id,
			s->context, s->access, s->core);
		break;
	case STEPS:
		break;
	}
	put(b, n);
	keep(k, b, (size_t)n);
}

static unsigned number(const char *text, const char *behind)
{
	const char *p = strstr(text, behind);

	if (!p)
		fail("no number", text);
	return (unsigned)strtoul(p + strlen(behind), NULL, 10);
}

/* @return 1: a call is over */
static unsigned answered(char *text)
{
	char b[256];
	const char *reply;
	unsigned id, k;
	struct slot *s;

	if (strstr(text, "SC=ROOT")) {	/* it registers */
		put(b, snprintf(b, sizeof(b), "!/1 " MID " P=%u{C=-{SC=ROOT{SV{V=3}}}}", number(text, "T=")));
		return 0;
	}
	reply = strstr(text, "P=");
	if (!reply || strstr(text, "ER="))
		fail("refused", text);
	id = number(reply, "P=");
	k = id & 255;
	keep(k, text, strlen(text));
	s = &slots[k];
	if (n_samples < SAMPLES_MAX)
		samples[n_samples++] = (float)((now_s() - s->sent) * 1e6);
	if (s->step == ADD) {
		s->context = number(reply, "C=");
		s->access = number(reply, "ip/1/access0/");
		s->core = number(reply, "ip/1/core0/");
	}
	s->step = (s->step + 1) % STEPS;
	ask(k);
	return s->step == ADD;
}

static int ascending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static ssize_t take(char *b, size_t cap)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, 15000) <= 0 || (n = recv(fd, b, cap - 1, 0)) <= 0)
		fail("no answer", "15 s");
	b[n] = '\0';
	return n;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, from = to;
	static char b[65536];
	double began, passed, seconds = argc == 7 ? atof(argv[3]) : 0;
	unsigned window = argc == 7 ? (unsigned)atoi(argv[4]) : 0, cycles = 0, registered = 0;

	if (argc == 7)
		kept = fopen(argv[6], "wb");
	if (!kept || seconds <= 0 || window == 0 || window > WINDOW_MAX) {
		fputs("usage: w2gw-bench-iq PORT CONTROLLER-PORT SECONDS WINDOW plain|dtls FILE\n", stderr);
		return 2;
	}
	media = strcmp(argv[5], "dtls") == 0 ? dtls : plain;
	samples = calloc(SAMPLES_MAX, sizeof(*samples));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	to.sin_port = htons((uint16_t)atoi(argv[1]));
	from.sin_port = htons((uint16_t)atoi(argv[2]));
	if (!samples || fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
		connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("socket", strerror(errno));
	while (!registered) {
		ssize_t n = take(b, sizeof(b));

		registered = n > 0 && strstr(b, "SC=ROOT");
		(void)answered(b);
	}
	for (unsigned k = 0; k < window; k++)
		ask(k);
	for (began = now_s(); (passed = now_s() - began) < seconds;) {
		(void)take(b, sizeof(b));
		cycles += answered(b);
	}
	qsort(samples, n_samples, sizeof(*samples), ascending);
	printf("{\"cycles_per_s\": %.1f, \"transactions_per_s\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", cycles / passed,
		n_samples / passed, (double)samples[n_samples / 2], (double)samples[(unsigned)(n_samples * 0.99)]);
	return 0;
}
