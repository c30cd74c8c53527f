/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace as a capture: classic pcap with link type 252 (LINKTYPE_WIRESHARK_UPPER_PDU), where each packet says in
 * tags which dissector reads it and between which addresses it went.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/ctl/ctl.h"

#define LINKTYPE 252u
#define SNAPLEN 262144u
/* Tags of Wireshark's epan/exported_pdu.h. */
#define TAG_END 0
#define TAG_DISSECTOR 12
#define TAG_IPV4_SRC 20
#define TAG_IPV4_DST 21
#define TAG_IPV6_SRC 22
#define TAG_IPV6_DST 23
#define TAG_PORT_TYPE 24
#define TAG_SRC_PORT 25
#define TAG_DST_PORT 26
#define PORT_TCP 2
#define PORT_UDP 3

struct packet {
	unsigned char p[512];
	size_t n;
};

FILE *ctl_pcap_open(const char *path)
{
	const uint32_t head[6] = { 0xa1b2c3d4, 2 | 4u << 16, 0, 0, SNAPLEN, LINKTYPE };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);	/* who calls whom is private */
	FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");

	if (!f) {
		fprintf(stderr, "w2gwctl: %s: %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	fwrite(head, sizeof(head), 1, f);
	fflush(f);
	return f;
}

/* Tag, length, value padded to four bytes. */
static void tag(struct packet *k, unsigned id, const void *value, size_t n)
{
	size_t padded = (n + 3) & ~(size_t)3;

	if (k->n + 4 + padded > sizeof(k->p))
		return;
	k->p[k->n++] = (unsigned char)(id >> 8);
	k->p[k->n++] = (unsigned char)id;
	k->p[k->n++] = (unsigned char)(padded >> 8);
	k->p[k->n++] = (unsigned char)padded;
	memset(k->p + k->n, 0, padded);
	memcpy(k->p + k->n, value, n);
	k->n += padded;
}

static void tag_u32(struct packet *k, unsigned id, uint32_t v)
{
	v = htonl(v);
	tag(k, id, &v, sizeof(v));
}

/* The peer's end: "192.0.2.1:5060", "[2001:db8::1]:5060". Ours is all zeros: the trace does not say it. */
static void tag_ends(struct packet *k, const char *peer, bool is_out)
{
	static const unsigned char none[16];
	const char *colon = peer ? strrchr(peer, ':') : NULL;
	unsigned char ip[16];
	char text[64];
	bool is_v6 = peer && peer[0] == '[';
	uint32_t port;

	if (!colon)
		return;
	snprintf(text, sizeof(text), "%.*s", (int)(colon - peer) - (is_v6 ? 2 : 0), peer + is_v6);
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text, ip) != 1)
		return;
	port = (uint32_t)strtoul(colon + 1, NULL, 10);
	tag(k, is_v6 ? TAG_IPV6_SRC : TAG_IPV4_SRC, is_out ? none : ip, is_v6 ? 16 : 4);
	tag(k, is_v6 ? TAG_IPV6_DST : TAG_IPV4_DST, is_out ? ip : none, is_v6 ? 16 : 4);
	tag_u32(k, TAG_SRC_PORT, is_out ? 0 : port);
	tag_u32(k, TAG_DST_PORT, is_out ? port : 0);
}

void ctl_pcap_put(FILE *f, json_t *record)
{
	const char *text = json_string_value(json_object_get(record, "text"));
	const char *side = json_string_value(json_object_get(record, "side"));
	const char *dir = json_string_value(json_object_get(record, "dir"));
	const char *transport = json_string_value(json_object_get(record, "transport"));
	double t = json_real_value(json_object_get(record, "time"));
	struct packet k = { .n = 0 };
	uint32_t head[4];
	size_t n;

	if (!text || !side || strcmp(side, "iq") == 0)	/* Iq procedures are words of ours, no packets */
		return;
	tag(&k, TAG_DISSECTOR, "sip", 3);
	tag_u32(&k, TAG_PORT_TYPE, transport && strcmp(transport, "udp") == 0 ? PORT_UDP : PORT_TCP);
	tag_ends(&k, json_string_value(json_object_get(record, "peer")), dir && strcmp(dir, "out") == 0);
	tag(&k, TAG_END, "", 0);
	n = strlen(text);
	n = n > SNAPLEN - k.n ? SNAPLEN - k.n : n;
	head[0] = (uint32_t)t;
	head[1] = (uint32_t)((t - (double)head[0]) * 1e6);
	head[2] = head[3] = (uint32_t)(k.n + n);
	fwrite(head, sizeof(head), 1, f);
	fwrite(k.p, 1, k.n, f);
	fwrite(text, 1, n, f);
	fflush(f);
}
