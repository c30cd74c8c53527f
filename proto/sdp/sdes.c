/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sdp/sdes.h"

static bool has_suite(const struct sdp_policy *p, enum sdp_suite suite)
{
	for (unsigned i = 0; i < p->n_suites; i++)
		if (p->suites[i] == suite)
			return true;
	return false;
}

enum sdp_refusal sdp_sdes_offered(const struct sdp_line *l, const struct sdp_policy *p, struct sdp_stream *s)
{
	unsigned at = 0;
	enum gw_err err;

	if (s->srtp == SDP_SRTP_OFF)
		return l->is_secure ? SDP_NO_MEDIA : SDP_OK;
	do	/* the offerer's order is that of its preference (RFC 4568 5.1.1); what we cannot use is passed over */
		err = sdp_crypto_next(l->media, &at, &s->theirs);
	while (err != GW_ENOENT && (err || !has_suite(p, s->theirs.suite)));
	if (!err)
		return SDP_OK;
	s->theirs = (struct sdp_crypto){ .suite = SDP_SUITE_NONE };
	if (l->is_secure)
		return SDP_NO_CRYPTO;
	return s->srtp == SDP_SRTP_REQUIRED ? SDP_NOT_ENCRYPTED : SDP_OK;
}

const struct sdp_crypto *sdp_sdes_key(const struct sdp_stream *s)
{
	for (unsigned i = 0; s->theirs.suite && i < s->n_ours; i++)
		if (s->ours[i].tag == s->theirs.tag && s->ours[i].suite == s->theirs.suite)
			return &s->ours[i];
	return NULL;
}

enum sdp_refusal sdp_sdes_answered(const struct sdp_line *l, struct sdp_stream *s)
{
	unsigned at = 0;
	enum gw_err err;

	if (s->srtp == SDP_SRTP_OFF)
		return l->is_secure ? SDP_NO_MEDIA : SDP_OK;
	do	/* one, with a tag of the offer's (RFC 4568 5.1.2) */
		err = sdp_crypto_next(l->media, &at, &s->theirs);
	while (err != GW_ENOENT && (err || !sdp_sdes_key(s)));
	if (!err)
		return SDP_OK;
	s->theirs = (struct sdp_crypto){ .suite = SDP_SUITE_NONE };
	return l->is_secure || s->srtp == SDP_SRTP_REQUIRED ? SDP_NO_CRYPTO : SDP_OK;
}
