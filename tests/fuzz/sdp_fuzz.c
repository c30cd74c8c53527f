/* SPDX-License-Identifier: Apache-2.0 */
/* Session descriptions: both modes, the model, and every choice made from it. */
#include <stdlib.h>

#include "proto/sdp/iq_sdp.h"
#include "proto/sdp/map.h"
#include "proto/sdp/sdes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Channels that end at the gateway: offers of both sides, one after the other, and each written for the other leg. */
static void map(struct gw_sv text, struct gw_arena *a)
{
	static const struct sdp_policy policy = { .codecs = { GW_SV_INIT("PCMU") }, .n_codecs = 1, .ends_msrp = true, .ends_text = true };
	static struct sdp_stream streams[SDP_MAX_MEDIA];
	static const struct sdp_local locals[SDP_MAX_MEDIA];
	struct sdp_origin origin = { 0 };
	struct sdp_map m = { .n = 0 };
	static char out[32768];

	for (unsigned round = 0; round < 3; round++) {
		struct gw_buf b = gw_buf(out, sizeof(out));
		enum sdp_side from = round & 1 ? SDP_CORE : SDP_W2;
		struct sdp_model offer;

		if (sdp_model_read(&offer, a, text, SDP_SIP, NULL))
			return;
		if (from == SDP_CORE)
			sdp_map_core_offer(&m, &offer, &policy);
		else if (sdp_map_w2_offer(&m, &offer, &policy, a))
			return;
		(void)sdp_choose_offer(&offer, from, &policy, streams);
		(void)!sdp_write_leg(&(struct sdp_write){ .to = from == SDP_W2 ? SDP_CORE : SDP_W2, .peer = &offer, .streams = streams, .locals = locals,
			.n = offer.n_lines, .map = &m }, &origin, &b);
		sdp_map_settle(&m, streams);
	}
}

/* Keys of the core's leg: what was read of one is written as it was, and the line is answered with ours. */
static void srtp(const struct sdp_model *m, struct sdp_stream *streams, struct gw_buf *b)
{
	for (unsigned i = 0; i < m->n_lines; i++) {
		struct sdp_stream *s = &streams[i];
		struct sdp_crypto again;
		size_t at = b->len;

		if (!s->theirs.suite)
			continue;
		sdp_crypto_put(b, &s->theirs);
		if (!b->overflow && (sdp_crypto_read(gw_sv_sub(gw_buf_sv(b), at, b->len), &again) || !sdp_crypto_is_same_key(&again, &s->theirs)))
			abort();
		s->ours = &s->theirs;
		s->n_ours = 1;
		(void)!sdp_iq_core_local(s, false, SDP_SETUP_NONE, b);
		(void)!sdp_iq_core_remote(s, &m->lines[i], SDP_SETUP_NONE, b);
	}
	(void)sdp_choose_answer(m, SDP_CORE, streams, m->n_lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sdp_policy policy = { .codecs = { GW_SV_INIT("PCMU"), GW_SV_INIT("opus") }, .n_codecs = 2,
		.opus_to_core = true, .relay_data = true, .core_srtp = SDP_SRTP_OPTIONAL,
		.suites = { SDP_SUITE_CM_80, SDP_SUITE_CM_32, SDP_SUITE_GCM_128, SDP_SUITE_GCM_256 }, .n_suites = 4 };
	struct gw_arena a = GW_ARENA_INIT(1u << 20);
	struct sdp_stream streams[SDP_MAX_MEDIA];
	struct sdp_local local;
	struct sdp_model m;
	char text[4096];
	struct gw_buf b = gw_buf(text, sizeof(text));
	bool lite;

	if (sdp_model_read(&m, &a, gw_sv(data, size), SDP_SIP, NULL) == GW_OK) {
		(void)sdp_choose_offer(&m, SDP_W2, &policy, streams);
		(void)sdp_choose_answer(&m, SDP_W2, streams, m.n_lines);
		(void)sdp_choose_offer(&m, SDP_CORE, &policy, streams);
		srtp(&m, streams, &b);
		for (unsigned i = 0; i < m.n_lines; i++)
			sdp_dc_put(&b, m.lines[i].media, m.lines[0].media);
		sdp_dc_text(gw_sv(data, size < 64 ? size : 64), &b);
		map(gw_sv(data, size), &a);
	}
	gw_arena_reset(&a);
	(void)!sdp_iq_read_local(&a, gw_sv(data, size), true, &local, &lite);
	gw_arena_reset(&a);
	return 0;
}
