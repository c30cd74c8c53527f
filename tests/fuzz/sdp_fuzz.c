/* SPDX-License-Identifier: Apache-2.0 */
/* Session descriptions: both modes, the model, and every choice made from it. */
#include "proto/sdp/iq_sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sdp_policy policy = { .codecs = { GW_SV_INIT("PCMU"), GW_SV_INIT("opus") }, .n_codecs = 2,
		.opus_to_core = true, .relay_data = true };
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
		for (unsigned i = 0; i < m.n_lines; i++)
			sdp_dc_put(&b, m.lines[i].media, m.lines[0].media);
		sdp_dc_text(gw_sv(data, size < 64 ? size : 64), &b);
	}
	gw_arena_reset(&a);
	(void)!sdp_iq_read_local(&a, gw_sv(data, size), true, &local, &lite);
	gw_arena_reset(&a);
	return 0;
}
