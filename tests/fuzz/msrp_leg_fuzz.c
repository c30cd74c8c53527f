/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An MSRP leg over real sockets, by a script: what the connection and the channel bring, whether the channel takes what it gets, second
 * connections, time, other descriptions. The channel gets whole chunks of a bounded size, and what ended is silent.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/slow/msrp_leg.h"

#define CHUNK 2048u
#define EMPTY "MSRP abcd SEND\r\nTo-Path: msrp://g:1/t;tcp\r\nFrom-Path: msrp://c:1/u;tcp\r\nMessage-ID: first\r\n-------abcd$\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct dp_msrp *leg;
	bool is_full, has_ended;
} F;

static enum gw_err channel(void *user, struct gw_sv m)
{
	struct msrp_reader r = { 0 };
	struct msrp_item item;
	unsigned ends = 0;
	size_t used;

	(void)user;
	if (F.is_full)
		return GW_EAGAIN;
	if (m.len > CHUNK)
		abort();
	while (msrp_read(&r, m, &item, &used) == GW_OK) {
		m = gw_sv_sub(m, used, m.len);
		ends += item.kind == MSRP_ITEM_END;
	}
	if (ends != 1 || m.len)
		abort();
	return GW_OK;
}

static void event(void *user, enum dp_msrp_event ev)
{
	(void)user;
	if (F.has_ended)
		abort();
	F.has_ended = ev != DP_MSRP_CONNECTED;
}

static void refused(void *user, enum dp_msrp_refusal why)
{
	(void)user;
	(void)why;
}

static int connect_to(const struct gw_addr *a)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(a->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct linger reset = { .l_onoff = 1 };	/* no port rests afterwards */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)!connect(fd, (struct sockaddr *)&to, sizeof(to));
	(void)!setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return fd;
}

static void say(int fd, struct gw_sv text)
{
	(void)!send(fd, text.p, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void hear(int fd)
{
	char text[4096];

	while (recv(fd, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
}

/* An operation, two bytes of length, what it is done with. */
static bool next(struct gw_sv *script, unsigned *op, struct gw_sv *part)
{
	size_t n;

	if (script->len < 3)
		return false;
	*op = (unsigned char)script->p[0] % 9;
	n = (size_t)(unsigned char)script->p[1] << 8 | (unsigned char)script->p[2];
	*part = gw_sv_sub(*script, 3, 3 + n);
	*script = gw_sv_sub(*script, 3 + n, script->len);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dp_msrp_ops ops = { channel, event, refused };
	struct gw_addr at = { .family = 4, .b = { 127, 0, 0, 1 } };
	struct dp_msrp_start how = { .source = { .net = at, .prefix = 32 }, .channel_max = CHUNK, .nonce = 7,
		.side = { { GW_SV("msrps://g:9/d;dc"), GW_SV("msrps://w:9/s;dc") }, { GW_SV("msrp://g:1/t;tcp"), GW_SV("msrp://c:1/u;tcp") } } };
	struct gw_sv script = gw_sv(data, size), part;
	struct dp_msrp_set *set;
	uint64_t now = 0;
	int fd[2];
	unsigned op;

	memset(&F, 0, sizeof(F));
	if (dp_msrp_set_new(&set, 1) || dp_msrp_new(&F.leg, set, &at, &ops, NULL))
		abort();
	(void)dp_msrp_poll(set, now);
	if (dp_msrp_start(F.leg, &how))
		abort();
	fd[0] = connect_to(dp_msrp_local(F.leg));
	fd[1] = connect_to(dp_msrp_local(F.leg));
	while (next(&script, &op, &part)) {
		switch (op) {
		case 0:
			say(fd[0], GW_SV(EMPTY));
			break;
		case 1:
			say(fd[0], part);
			break;
		case 2:
			say(fd[1], part);
			break;
		case 3:
			(void)dp_msrp_message(F.leg, part);
			break;
		case 4:
			(void)dp_msrp_oversize(F.leg, part);
			break;
		case 5:
			F.is_full = !F.is_full;
			break;
		case 6:
			now += part.len;
			hear(fd[0]);
			break;
		case 7:
			(void)shutdown(fd[part.len & 1], SHUT_WR);
			break;
		case 8:
			how.side[1].peer_path = part;
			F.has_ended = false;
			(void)!dp_msrp_start(F.leg, &how);
			how.side[1].peer_path = GW_SV("msrp://c:1/u;tcp");
			break;
		}
		for (unsigned i = 0; i < 4; i++)
			(void)dp_msrp_poll(set, now);
	}
	close(fd[0]);
	close(fd[1]);
	dp_msrp_free(F.leg);
	dp_msrp_set_free(set);
	return 0;
}
