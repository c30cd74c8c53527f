/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our full ICE agent on a socket of the loopback, for a peer of another make. Writes its credentials and candidate, reads
 * the peer's (a line each: ufrag, password, candidates, an empty one), then writes what happens until its input ends.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <openssl/rand.h>

#include "dataplane/slow/ice.h"

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct gw_sv line(char *text, int size)
{
	return fgets(text, size, stdin) ? gw_sv_trim(gw_sv_cstr(text)) : GW_SV_NONE;
}

static void send_to(int fd, const struct gw_addr *to, struct gw_sv d)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(to->port) };

	memcpy(&in.sin_addr, to->b, 4);
	(void)!sendto(fd, d.p, d.len, 0, (struct sockaddr *)&in, sizeof(in));
}

static void tell(enum dp_ice_event ev, const struct gw_addr *src)
{
	static const char *const names[] = { "", "valid", "selected", "consent", "prflx", "lost", "failed" };
	char addr[GW_ADDR_STR_BYTES];

	if (ev == DP_ICE_EV_NONE)
		return;
	printf("%s %s\n", names[ev], src ? gw_addr_str(src, addr) : "-");
	fflush(stdout);
}

static void input(struct dp_ice *ice, struct dp_ice_msg *im, int fd)
{
	char bytes[2048], answer[DP_STUN_MAX_BYTES];
	struct gw_buf reply = gw_buf(answer, sizeof(answer));
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	ssize_t n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&in, &len);
	struct gw_addr src = { .family = 4, .port = ntohs(in.sin_port) };
	enum dp_ice_event ev;

	memcpy(src.b, &in.sin_addr, 4);
	if (n <= 0 || dp_ice_input(ice, im, gw_sv(bytes, (size_t)n), &src, 0, now_ms(), &reply, &ev))
		return;
	if (reply.len)
		send_to(fd, &src, gw_buf_sv(&reply));
	tell(ev, &src);
}

static void run(struct dp_ice *ice, struct dp_ice_msg *im, int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
	char bytes[DP_STUN_MAX_BYTES];
	struct gw_buf out = gw_buf(bytes, sizeof(bytes));
	struct gw_addr to;

	while (!p[1].revents) {
		uint64_t now = now_ms(), due = dp_ice_deadline(ice);

		(void)poll(p, 2, due <= now ? 0 : due - now < 1000 ? (int)(due - now) : 1000);
		if (p[0].revents)
			input(ice, im, fd);
		tell(dp_ice_tick(ice, now_ms()), NULL);
		while (dp_ice_poll(ice, im, now_ms(), &out, &to))
			send_to(fd, &to, gw_buf_sv(&out));
	}
}

static unsigned read_peer(struct dp_ice *ice, struct ice_candidate *c)
{
	char text[512];
	unsigned n = 0;
	struct gw_sv s;

	if (dp_ice_set_remote(ice, line(text, sizeof(text))))
		abort();
	dp_ice_take_remote_pwd(ice, gw_sv_dup(line(text, sizeof(text))));
	while ((s = line(text, sizeof(text))).len && n < ICE_PAIRS_MAX)
		n += ice_candidate_read(s, &c[n]) == GW_OK;
	return n;
}

int main(int argc, char **argv)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct ice_candidate peer[ICE_PAIRS_MAX];
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ice_pace pace = { 0 };
	struct dp_ice ice = { 0 };
	struct dp_ice_msg *im;
	uint64_t tie;
	unsigned n;

	if (argc != 2 || fd < 0 || bind(fd, (struct sockaddr *)&in, len) || getsockname(fd, (struct sockaddr *)&in, &len) ||
		dp_ice_msg_new(&im))
		return 2;
	dp_ice_init(&ice, "gw7Q2sAa", "Zk1x9vB3nM5qW7eR2tY4uI6o", 0);
	ice.controls = strcmp(argv[1], "controlling") == 0;
	printf("gw7Q2sAa\nZk1x9vB3nM5qW7eR2tY4uI6o\n1 1 udp %u 127.0.0.1 %u typ host\n", ICE_PRIORITY_HOST, ntohs(in.sin_port));
	fflush(stdout);
	setvbuf(stdin, NULL, _IONBF, 0);	/* poll() has to see what is there */
	n = read_peer(&ice, peer);
	if (dp_ice_reserve_full(&ice, &pace) || RAND_bytes((unsigned char *)&tie, sizeof(tie)) != 1)
		return 2;
	dp_ice_ask_consent(&ice, true);
	dp_ice_check(&ice, peer, n, tie, false, now_ms());
	run(&ice, im, fd);
	dp_ice_clear(&ice);
	dp_ice_msg_free(im);
	close(fd);
	return 0;
}
