/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/ctx/sdes.h"

#include <stdlib.h>

static const enum dp_srtp_profile profiles[SDP_SUITES] = { [SDP_SUITE_CM_80] = DP_SRTP_AES128_CM_SHA1_80,
	[SDP_SUITE_CM_32] = DP_SRTP_AES128_CM_SHA1_32, [SDP_SUITE_GCM_128] = DP_SRTP_AEAD_AES_128_GCM,
	[SDP_SUITE_GCM_256] = DP_SRTP_AEAD_AES_256_GCM };

/* ---- reading --------------------------------------------------------------------------------------------- */

static bool has_profile(const struct dp_ctx *c, enum sdp_suite suite)
{
	for (unsigned i = 0; i < c->c.n_profiles; i++)
		if (c->c.profiles[i] == profiles[suite])
			return true;
	return false;
}

/* One key a direction: the controller has chosen (F-32). */
static enum gw_err read_crypto(const struct dp_ctx *c, struct dp_plan *p, const struct sdp_line *l, struct sdp_crypto *out)
{
	unsigned at = 0;
	enum gw_err err = sdp_crypto_next(l->media, &at, out);
	struct sdp_crypto more;

	if (err == GW_ENOENT) {
		*out = (struct sdp_crypto){ .suite = SDP_SUITE_NONE };
		return GW_OK;
	}
	if (err == GW_EBADMSG)
		return dp_plan_refuse(p, 474, "a=crypto is malformed");
	if (err)
		return dp_plan_refuse(p, 449, "a=crypto: suite or parameter is not supported");
	if (!has_profile(c, out->suite))
		return dp_plan_refuse(p, 449, "a=crypto: suite is not configured");
	err = sdp_crypto_next(l->media, &at, &more);
	explicit_bzero(&more, sizeof(more));
	return err == GW_ENOENT ? GW_OK : dp_plan_refuse(p, 473, "one a=crypto a direction");
}

/* Both descriptions have the profile of SRTP, or neither; what is not said stays. */
static enum gw_err read_profile(struct dp_plan *p, struct dp_stream_plan *sp, bool has_local)
{
	bool is_before = sp->stream && sp->stream->sdes;
	bool local = has_local ? sdp_line_is_sdes(&sp->local.lines[0]) : is_before;
	bool remote = sp->has_remote ? sdp_line_is_sdes(&sp->remote.lines[0]) : is_before;
	bool has_remote = sp->has_remote || (sp->stream && sp->stream->has_remote && !sp->clears_remote);

	if (has_remote && (has_local || !sp->is_new) && local != remote)
		return dp_plan_refuse(p, 473, "Local and Remote: one is SRTP, the other is not");
	sp->is_sdes = local;
	return GW_OK;
}

enum gw_err dp_plan_read_sdes(const struct dp_ctx *c, struct dp_plan *p, struct dp_stream_plan *sp)
{
	bool has_local = sp->has_local && !sp->is_released;
	enum gw_err err;

	if (p->is_access || sp->is_data || sp->is_end || sp->is_text || sp->is_opaque || (!has_local && !sp->has_remote && !sp->clears_remote))
		return GW_OK;
	if ((err = read_profile(p, sp, has_local)))
		return err;
	sp->said_sdes = sp->is_sdes || (sp->stream && sp->stream->sdes);
	if (!sp->said_sdes || !sp->is_sdes)
		return GW_OK;
	sp->keys = gw_arena_array(p->arena, struct sdp_crypto, 2);
	if (!sp->keys)
		return dp_plan_refuse(p, 510, "no memory");
	if (has_local && (err = read_crypto(c, p, &sp->local.lines[0], &sp->keys[0])))
		return err;
	return sp->has_remote ? read_crypto(c, p, &sp->remote.lines[0], &sp->keys[1]) : GW_OK;
}

/* ---- ahead ------------------------------------------------------------------------------------------------ */

static void master_of(const struct dp_ctx *c, const struct sdp_crypto *k, struct dp_srtp_keys *out)
{
	size_t n = sdp_suite_key_bytes(k->suite);

	*out = (struct dp_srtp_keys){ .profile = profiles[k->suite], .replay_window = c->c.replay_window, .max_ssrc = c->c.max_ssrc };
	memcpy(out->key, k->key, n);
	memcpy(out->salt, k->key + n, sdp_suite_salt_bytes(k->suite));
}

static bool is_same(const struct sdp_crypto *a, const struct sdp_crypto *b)
{
	return a->suite && b->suite && sdp_crypto_is_same_key(a, b);
}

/* RFC 4568 7.1.4: with another address everything begins anew; with the old key nothing does. */
static bool is_moved(const struct dp_stream_plan *sp)
{
	return sp->has_remote && sp->stream->has_remote && !gw_addr_eq(&sp->stream->remote, &sp->remote.lines[0].remote);
}

static enum gw_err make_session(struct dp_ctx *c, const struct sdp_crypto *k, bool is_protect, struct dp_srtp_session **out)
{
	struct dp_srtp_keys master;
	enum gw_err err;

	if (!k->suite)
		return GW_OK;
	master_of(c, k, &master);
	err = c->c.srtp->session_new(out, &master, is_protect);
	explicit_bzero(&master, sizeof(master));
	return err;
}

static enum gw_err make_srtcp(struct dp_ctx *c, struct dp_sdes *k)
{
	struct dp_srtp_keys local, remote;
	enum gw_err err;

	if (!k->local.suite || !k->remote.suite)
		return GW_OK;
	master_of(c, &k->local, &local);
	master_of(c, &k->remote, &remote);
	err = dp_srtcp_new(&k->srtcp, &local, &remote);
	explicit_bzero(&local, sizeof(local));
	explicit_bzero(&remote, sizeof(remote));
	return err;
}

/* What goes on as it was is the old one's. */
static enum gw_err make_sessions(struct dp_ctx *c, struct dp_sdes *k, const struct dp_sdes *old)
{
	bool is_rx_kept = old && is_same(&k->remote, &old->remote), is_tx_kept = old && is_same(&k->local, &old->local);
	enum gw_err err = GW_OK;

	if (is_rx_kept)
		k->rx = old->rx;
	else
		err = make_session(c, &k->remote, false, &k->rx);
	if (is_tx_kept)
		k->tx = old->tx;
	else if (!err)
		err = make_session(c, &k->local, true, &k->tx);
	if (is_rx_kept && is_tx_kept)
		k->srtcp = old->srtcp;
	else if (!err)
		err = make_srtcp(c, k);
	return err;
}

/* What was read; the stream's own copy is made. */
static void forget_keys(const struct dp_stream_plan *sp)
{
	if (sp->keys)
		explicit_bzero(sp->keys, 2 * sizeof(*sp->keys));
}

enum gw_err dp_plan_prepare_sdes(struct dp_ctx *c, struct dp_plan *p, struct dp_stream_plan *sp)
{
	const struct dp_sdes *old = sp->stream->sdes;
	struct dp_sdes *k;

	if (!sp->is_sdes)
		return GW_OK;
	k = sp->sdes = calloc(1, sizeof(*k));
	if (!k)
		return dp_plan_refuse(p, 510, "no memory");
	if (sp->has_local)
		k->local = sp->keys[0];
	else if (old)
		k->local = old->local;
	if (sp->has_remote)
		k->remote = sp->keys[1];
	else if (old)
		k->remote = old->remote;	/* with Remote cleared, too: nothing passes, and no index begins again when it is said anew */
	forget_keys(sp);
	/* the index of a key must never begin again (RFC 3711 9.1): one is replaced, or ends together with the other */
	if (old && dp_sdes_has_keys(k) && ((old->local.suite && !k->local.suite) || (old->remote.suite && !k->remote.suite)))
		return dp_plan_refuse(p, 473, "a=crypto: a key that was there is missing");
	if (k->local.suite && k->remote.suite && k->local.suite != k->remote.suite)
		return dp_plan_refuse(p, 473, "a=crypto: Local and Remote have different suites");
	if (dp_sdes_has_keys(k) && !(old && dp_sdes_has_keys(old)) && c->n_sdes >= c->c.max_sdes_streams)
		return dp_plan_refuse(p, 510, "max_sdes_streams is reached");
	k->carries_on = !is_moved(sp);
	return make_sessions(c, k, old) ? dp_plan_refuse(p, 510, "no SRTP session left") : GW_OK;
}

static void wipe(struct dp_sdes *k)
{
	explicit_bzero(k, sizeof(*k));
	free(k);
}

void dp_plan_undo_sdes(struct dp_ctx *c, struct dp_stream_plan *sp)
{
	const struct dp_sdes none = { 0 }, *old = sp->stream && sp->stream->sdes ? sp->stream->sdes : &none;
	struct dp_sdes *k = sp->sdes;

	forget_keys(sp);
	if (!k)
		return;
	if (k->rx != old->rx)
		c->c.srtp->session_free(k->rx);
	if (k->tx != old->tx)
		c->c.srtp->session_free(k->tx);
	if (k->srtcp != old->srtcp)
		dp_srtcp_free(k->srtcp);
	wipe(k);
	sp->sdes = NULL;
}

/* ---- commit ------------------------------------------------------------------------------------------------ */

void dp_commit_sdes(struct dp_ctx *c, struct dp_stream_plan *sp)
{
	struct dp_sdes *old = sp->stream->sdes, *k = sp->sdes;

	if (!sp->said_sdes)
		return;
	if (old && k && old->srtcp && k->srtcp && old->srtcp != k->srtcp)
		dp_srtcp_carry_on(k->srtcp, old->srtcp, is_same(&k->remote, &old->remote));
	if (old && (!k || old->srtcp != k->srtcp))
		dp_srtcp_free(old->srtcp);
	c->n_sdes += (k && dp_sdes_has_keys(k)) - (uint32_t)(old && dp_sdes_has_keys(old));
	if (old)
		wipe(old);
	sp->stream->sdes = k;
	sp->sdes = NULL;
}

void dp_sdes_close(struct dp_ctx *c, struct dp_stream *s)
{
	struct dp_sdes *k = s->sdes;

	if (!k)
		return;
	c->n_sdes -= dp_sdes_has_keys(k);
	dp_srtcp_free(k->srtcp);
	wipe(k);
	s->sdes = NULL;
}
