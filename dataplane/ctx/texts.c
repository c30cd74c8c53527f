/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptions of a stream as they are kept for audits, without what it knows anyway: its credentials and its certificate. */
#include "dataplane/ctx/ctx_int.h"

#define FINGERPRINT_CHARS (3 * 32)	/* SHA-256 */

enum gw_err dp_stream_fingerprint(const struct dp_access *a, struct gw_buf *b)
{
	struct dp_fingerprint fp;

	if (dp_dtls_fingerprint(a->dtls, DP_HASH_SHA256, &fp))
		return GW_EIO;
	for (unsigned i = 0; i < fp.len; i++)
		gw_buf_printf(b, "%s%02X", i ? ":" : "", fp.bytes[i]);
	return GW_OK;
}

/* fingerprint: memory for it. */
static struct dp_sdp_own own_of(const struct dp_stream *s, char fingerprint[FINGERPRINT_CHARS])
{
	struct gw_buf b = gw_buf(fingerprint, FINGERPRINT_CHARS);
	const struct dp_access *a = s->access;

	if (!a || dp_stream_fingerprint(a, &b))
		return (struct dp_sdp_own){ 0 };
	return (struct dp_sdp_own){ { gw_sv_cstr(a->ice.cred.ufrag), gw_sv_cstr(a->ice.cred.pwd), gw_buf_sv(&b) } };
}

enum gw_err dp_stream_recall(const struct dp_stream *s, struct gw_arena *arena, struct dp_sdp_pair *texts)
{
	char fingerprint[FINGERPRINT_CHARS];
	struct dp_sdp_own own = own_of(s, fingerprint);

	return dp_sdp_recall(s->kept, &own, arena, texts);
}

enum gw_err dp_stream_keep(const struct dp_stream *s, const struct dp_sdp_pair *texts, struct gw_sv ufrag, struct gw_sv pwd,
	struct dp_sdp_kept **out)
{
	char fingerprint[FINGERPRINT_CHARS];
	struct dp_sdp_own own = own_of(s, fingerprint);

	if (ufrag.len) {
		own.text[0] = ufrag;
		own.text[1] = pwd;
	}
	return dp_sdp_keep(texts, &own, out);
}
