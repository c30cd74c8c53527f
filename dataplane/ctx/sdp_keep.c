/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/ctx/sdp_keep.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define WINDOW_BITS (-12)	/* raw, 4 KB back: a text and the dictionary */
#define MEM_LEVEL 5
#define TEXT_MAX 65535u

struct dp_sdp_kept {
	uint16_t local_bytes, remote_bytes;
	uint32_t bytes : 30;       /* of data */
	uint32_t is_packed : 1;    /* see pack() */
	uint32_t is_deflated : 1;  /* else the texts stand there themselves: they are shorter */
	uint8_t data[];
};

/* What comes often stands last, and in the order descriptions have it: one reference to a long piece is the least. \2 to \4: see MARK_OWN. */
static const char dictionary[] =
	"m=video m=application UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\na=max-message-size:"
	"a=rtcp-fb:96 nack pli\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:102 H264/90000\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
	"a=setup:actpass\r\na=ptime:20\r\na=maxptime: typ srflx raddr 0.0.0.0 rport network-cost 999 ufrag .local a=fingerprint:sha-512 "
	"a=rtpmap:9 G722/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:110 telephone-event/48000\r\n"
	"a=rtpmap:97 AMR-WB/16000\r\na=rtpmap:96 AMR/8000\r\nc=IN IP6 2001:db8:"
	"v=0\r\nc=IN IP4 192.168.10.\r\nm=audio RTP/AVP 0 8 101\r\na=rtcp:"
	"\r\na=fingerprint:sha-256 0:1:2:3:4:5:6:7:8:9:A:B:C:D:E:F\r\na=setup:active\r\n"
	"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
	"v=0\r\nc=IN IP4 10.\r\nm=audio UDP/TLS/RTP/SAVPF 111 0 8 126\r\n"
	"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
	"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\n"
	"a=rtcp-mux\r\na=ice-ufrag:\2\r\na=ice-pwd:\3\r\na=candidate:1 1 UDP 2130706431 192.168. typ host\r\n"
	"a=fingerprint:sha-256 \4\r\na=setup:passive\r\na=ice-lite\r\n"
	" 1 udp 2122260223 192.168. typ host generation 0 network-id 1\r\na=candidate:";

/*
 * Of one use of zlib, and wiped after it: windows and buffers hold what passes, ICE passwords and SDES keys among it. One service
 * thread. Deflating takes 38 KB with the sizes above.
 */
static struct {
	size_t used;
	alignas(16) uint8_t b[64 * 1024];
} memory;

static void *take(void *opaque, unsigned n, unsigned size)
{
	size_t bytes = ((size_t)n * size + 15) & ~(size_t)15;
	void *p = memory.b + memory.used;

	(void)opaque;
	if (bytes > sizeof(memory.b) - memory.used)
		return NULL;
	memory.used += bytes;
	return p;
}

static void give(void *opaque, void *p)
{
	(void)opaque, (void)p;
}

static void wipe(void)
{
	explicit_bzero(memory.b, memory.used);
	memory.used = 0;
}

/* ---- what is ours, and digests ------------------------------------------------------------------------------- */

#define MARK 1			/* then how many bytes, then they */
#define MARK_OWN 2		/* the first of what is ours; each is its text */
#define PAIRS_MIN 16u		/* what is shorter may be anything */
#define PAIRS_MAX 255u

static bool is_upper_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

static uint8_t hex_value(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* How many "AB:CD:..." begin here. */
static unsigned count_pairs(const char *p, size_t n)
{
	unsigned k = 0;

	while (n >= 2 && is_upper_hex(p[0]) && is_upper_hex(p[1])) {
		k++;
		if (n < 3 || p[2] != ':' || k == PAIRS_MAX)
			break;
		p += 3;
		n -= 3;
	}
	return k;
}

static bool has_marks(struct gw_sv text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] >= MARK && text.p[i] < MARK_OWN + DP_SDP_OWN)
			return true;
	return false;
}

/* Which one's text begins here; DP_SDP_OWN: none. */
static unsigned find_own(const struct dp_sdp_own *own, const char *p, size_t n)
{
	unsigned k = 0;

	while (k < DP_SDP_OWN && (!own->text[k].len || own->text[k].len > n || memcmp(p, own->text[k].p, own->text[k].len) != 0))
		k++;
	return k;
}

/* Fingerprints as bytes: as text, deflating makes one and a half of each. own: NULL: not of Local. */
static size_t pack(const struct dp_sdp_own *own, const char *p, size_t n, uint8_t *to)
{
	uint8_t *begin = to;

	for (size_t i = 0; i < n;) {
		unsigned ours = own ? find_own(own, p + i, n - i) : DP_SDP_OWN, pairs;

		if (ours < DP_SDP_OWN) {
			*to++ = (uint8_t)(MARK_OWN + ours);
			i += own->text[ours].len;
			continue;
		}
		pairs = count_pairs(p + i, n - i);
		if (pairs < PAIRS_MIN) {
			*to++ = (uint8_t)p[i++];
			continue;
		}
		*to++ = MARK;
		*to++ = (uint8_t)pairs;
		for (unsigned k = 0; k < pairs; k++)
			*to++ = (uint8_t)(hex_value(p[i + k * 3]) << 4 | hex_value(p[i + k * 3 + 1]));
		i += pairs * 3 - 1;
	}
	return (size_t)(to - begin);
}

/* Of what pack() made; n: bytes of the text. @return the end of what was needed for it */
static const uint8_t *unpack(const struct dp_sdp_own *own, const uint8_t *from, char *to, size_t n)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n;) {
		unsigned pairs;

		if (*from >= MARK_OWN && *from < MARK_OWN + DP_SDP_OWN) {
			const struct gw_sv *t = &own->text[*from++ - MARK_OWN];

			if (!t->len || t->len > n - i)
				return NULL;
			memcpy(to + i, t->p, t->len);
			i += t->len;
			continue;
		}
		if (*from != MARK) {
			to[i++] = (char)*from++;
			continue;
		}
		pairs = from[1];
		if (pairs * 3 - 1 > n - i)
			return NULL;
		from += 2;
		for (unsigned k = 0; k < pairs; k++, from++) {
			to[i++] = digits[*from >> 4];
			to[i++] = digits[*from & 15];
			if (k + 1 < pairs)
				to[i++] = ':';
		}
	}
	return from;
}

/* ---- both texts -------------------------------------------------------------------------------------------- */

static uint8_t packed[2 * TEXT_MAX], scratch[2 * TEXT_MAX];

/* 0: not shorter than most. */
static size_t deflated(const uint8_t *from, size_t n, size_t most, uint8_t *to)
{
	z_stream z = { .zalloc = take, .zfree = give, .next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)n, .next_out = to,
		.avail_out = (uInt)most - 1 };
	bool is_done = deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK &&
		deflateSetDictionary(&z, (const Bytef *)dictionary, sizeof(dictionary) - 1) == Z_OK && deflate(&z, Z_FINISH) == Z_STREAM_END;

	wipe();
	return is_done ? most - 1 - z.avail_out : 0;
}

static size_t join(const struct dp_sdp_pair *texts, uint8_t *to)
{
	if (texts->local.len)
		memcpy(to, texts->local.p, texts->local.len);
	if (texts->remote.len)
		memcpy(to + texts->local.len, texts->remote.p, texts->remote.len);
	return texts->local.len + texts->remote.len;
}

enum gw_err dp_sdp_keep(const struct dp_sdp_pair *texts, const struct dp_sdp_own *own, struct dp_sdp_kept **kept)
{
	size_t text = texts->local.len + texts->remote.len, n;
	bool is_packed = !has_marks(texts->local) && !has_marks(texts->remote);
	struct dp_sdp_kept *k;

	if (texts->local.len > TEXT_MAX || texts->remote.len > TEXT_MAX)
		return GW_EINVAL;
	*kept = NULL;
	if (text == 0)
		return GW_OK;
	if (is_packed) {
		n = pack(own, texts->local.p, texts->local.len, packed);
		n += pack(NULL, texts->remote.p, texts->remote.len, packed + n);
	} else {
		n = join(texts, packed);
	}
	n = deflated(packed, n, text, scratch);
	k = malloc(sizeof(*k) + (n ? n : text));
	if (k) {
		*k = (struct dp_sdp_kept){ (uint16_t)texts->local.len, (uint16_t)texts->remote.len, n ? n : text, is_packed, n != 0 };
		if (n)
			memcpy(k->data, scratch, n);
		else
			(void)join(texts, k->data);
	}
	explicit_bzero(packed, text);
	explicit_bzero(scratch, text);
	*kept = k;
	return k ? GW_OK : GW_ENOMEM;
}

static enum gw_err inflated(const struct dp_sdp_kept *k, const struct dp_sdp_own *own, char *to)
{
	size_t text = (size_t)k->local_bytes + k->remote_bytes;
	z_stream z = { .zalloc = take, .zfree = give, .next_in = (Bytef *)(uintptr_t)k->data, .avail_in = k->bytes,
		.next_out = k->is_packed ? packed : (Bytef *)to, .avail_out = (uInt)text };
	bool is_done = inflateInit2(&z, WINDOW_BITS) == Z_OK &&
		inflateSetDictionary(&z, (const Bytef *)dictionary, sizeof(dictionary) - 1) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END;

	enum gw_err err = is_done ? GW_OK : GW_ENOMEM;

	wipe();
	if (is_done && k->is_packed && unpack(own, packed, to, text) != packed + z.total_out)
		err = GW_EBADMSG;
	if (k->is_packed)
		explicit_bzero(packed, text);
	return err;
}

enum gw_err dp_sdp_recall(const struct dp_sdp_kept *k, const struct dp_sdp_own *own, struct gw_arena *arena,
	struct dp_sdp_pair *pair)
{
	size_t text = k ? (size_t)k->local_bytes + k->remote_bytes : 0;
	char *to = text ? gw_arena_alloc(arena, text) : NULL;
	enum gw_err err;

	*pair = (struct dp_sdp_pair){ GW_SV_NONE, GW_SV_NONE };
	if (text == 0)
		return GW_OK;
	if (!to)
		return GW_ENOMEM;
	if (!k->is_deflated)
		memcpy(to, k->data, text);
	else if ((err = inflated(k, own, to)))
		return err;
	pair->local = gw_sv(to, k->local_bytes);
	pair->remote = gw_sv(to + k->local_bytes, k->remote_bytes);
	return GW_OK;
}

void dp_sdp_forget(struct dp_sdp_kept *k)
{
	if (!k)
		return;
	explicit_bzero(k, sizeof(*k) + k->bytes);
	free(k);
}
