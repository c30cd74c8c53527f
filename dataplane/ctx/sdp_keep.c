/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/ctx/sdp_keep.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define WINDOW_BITS (-12)	/* raw, 4 KB back: a text and the dictionary */
#define MEM_LEVEL 5
#define TEXT_MAX 65535u

struct dp_sdp_kept {
	uint16_t text_bytes, bytes;
	uint8_t data[];            /* deflated; the text itself where that is shorter */
};

/* What comes often stands last. */
static const char dictionary[] =
	"m=video m=application UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\na=max-message-size:"
	"a=rtcp-fb:96 nack pli\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:102 H264/90000\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
	"a=setup:actpass\r\na=setup:active\r\na=rtcp-mux\r\na=ptime:20\r\na=maxptime: typ srflx raddr 0.0.0.0 rport "
	" generation 0 network-cost 999 network-id ufrag .local a=fingerprint:sha-512 a=rtcp:"
	"a=rtpmap:9 G722/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:110 telephone-event/48000\r\n"
	"a=rtpmap:126 telephone-event/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
	"a=rtpmap:97 AMR-WB/16000\r\na=rtpmap:96 AMR/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
	"v=0\r\nc=IN IP6 2001:db8:v=0\r\nm=audio UDP/TLS/RTP/SAVPF 111 0 8 RTP/AVP 0 8 101\r\nc=IN IP4 192.168.10.\r\n"
	"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtcp-mux\r\na=ice-ufrag:\r\na=ice-pwd:\r\n"
	"a=candidate:1 1 UDP 2130706431 typ host\r\na=candidate:1 1 udp 2122260223 typ host\r\n"
	"a=fingerprint:sha-256 0:1:2:3:4:5:6:7:8:9:A:B:C:D:E:F\r\na=setup:passive\r\na=ice-lite\r\n";

/* Made with the first use: one service thread. */
static z_stream in, out;
static bool is_ready;

static bool ready(void)
{
	if (is_ready)
		return true;
	if (deflateInit2(&out, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	if (inflateInit2(&in, WINDOW_BITS) != Z_OK) {
		deflateEnd(&out);
		return false;
	}
	return is_ready = true;
}

void dp_sdp_keep_end(void)
{
	if (!is_ready)
		return;
	deflateEnd(&out);
	inflateEnd(&in);
	is_ready = false;
}

/* 0: not shorter than the text. */
static size_t deflated(struct gw_sv text, uint8_t *to)
{
	if (!ready() || deflateReset(&out) != Z_OK ||
		deflateSetDictionary(&out, (const Bytef *)dictionary, sizeof(dictionary) - 1) != Z_OK)
		return 0;
	out.next_in = (Bytef *)(uintptr_t)text.p;
	out.avail_in = (uInt)text.len;
	out.next_out = to;
	out.avail_out = (uInt)text.len - 1;
	return deflate(&out, Z_FINISH) == Z_STREAM_END ? text.len - 1 - out.avail_out : 0;
}

struct dp_sdp_kept *dp_sdp_keep(struct gw_sv text)
{
	static uint8_t scratch[TEXT_MAX];
	struct dp_sdp_kept *k;
	size_t n;

	if (text.len == 0 || text.len > TEXT_MAX)
		return NULL;
	n = deflated(text, scratch);
	k = malloc(sizeof(*k) + (n ? n : text.len));
	if (!k)
		return NULL;
	k->text_bytes = (uint16_t)text.len;
	k->bytes = (uint16_t)(n ? n : text.len);
	memcpy(k->data, n ? (const void *)scratch : text.p, k->bytes);
	return k;
}

struct gw_sv dp_sdp_recall(const struct dp_sdp_kept *k, struct gw_arena *arena)
{
	char *to = k ? gw_arena_alloc(arena, k->text_bytes) : NULL;

	if (!to)
		return GW_SV_NONE;
	if (k->bytes == k->text_bytes) {
		memcpy(to, k->data, k->bytes);
		return gw_sv(to, k->text_bytes);
	}
	if (!ready() || inflateReset(&in) != Z_OK ||
		inflateSetDictionary(&in, (const Bytef *)dictionary, sizeof(dictionary) - 1) != Z_OK)
		return GW_SV_NONE;
	in.next_in = (Bytef *)(uintptr_t)k->data;
	in.avail_in = k->bytes;
	in.next_out = (Bytef *)to;
	in.avail_out = k->text_bytes;
	return inflate(&in, Z_FINISH) == Z_STREAM_END ? gw_sv(to, k->text_bytes) : GW_SV_NONE;
}

void dp_sdp_forget(struct dp_sdp_kept *k)
{
	if (!k)
		return;
	explicit_bzero(k, sizeof(*k) + k->bytes);	/* ICE passwords */
	free(k);
}
