/* SPDX-License-Identifier: Apache-2.0 */
/* The access side of a call: checks answered, handshake, keys to the flows, consent, SRTCP. */
#include <stdlib.h>

#include "dataplane/ctx/ctx_int.h"
#include "proto/rtp/rtp.h"

static void notify(struct dp_ctx *c, struct dp_term *t, enum iq_name event, const char *name,
	const char *value)
{
	struct iq_param p = { gw_sv_cstr(name), gw_sv_cstr(value) };

	c->c.ops.notify(c->c.ops.user, t, event, &p, value ? 1 : 0);
}

static void send_udp(struct dp_ctx *c, const struct dp_path *path, struct gw_sv bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->c.pool);
	char *p = m ? rte_pktmbuf_append(m, (uint16_t)bytes.len) : NULL;

	if (!p) {
		rte_pktmbuf_free(m);
		c->ctr[ctx_no_route]++;
		return;
	}
	memcpy(p, bytes.p, bytes.len);
	dp_tx_udp(c->c.fast, m, path);
}

static bool path_to(struct dp_ctx *c, const struct dp_term *t, const struct gw_addr *remote,
	uint64_t now_ms, struct dp_path *p)
{
	*p = (struct dp_path){ .laddr = t->laddr, .local_port = t->port, .remote = *remote,
		.dscp = t->dscp };
	if (dp_neigh_route(c->c.neigh, t->laddr, remote, now_ms, &p->nexthop) == GW_OK)
		return true;
	c->ctr[ctx_no_route]++;
	return false;
}

/* ---- DTLS ---------------------------------------------------------------------------------------- */

static void dtls_send(void *user, struct gw_sv datagram)
{
	struct dp_term *t = user;

	if (t->dtls_path.remote.family && t->ice.consent != DP_ICE_CONSENT_LOST)	/* F-65, threat M13 */
		send_udp(t->tables, &t->dtls_path, datagram);
}

#define HEARD_EVERY_MS 1000u	/* so often it is looked whether the peer uses the new keys */

static void forget_tls(struct dp_term *t)
{
	t->dtls_forget_ms = UINT64_MAX;
	dp_dtls_forget(t->dtls);
}

/* A server keeps its last flight until something that authenticated with the new keys shows that it has arrived. */
static bool is_heard(struct dp_ctx *c, const struct dp_term *t)
{
	struct dp_flow_stats in;

	return t->has_flow[0] && dp_flow_stats_read(c->c.fast, t->flow[0], &in) == GW_OK && in.rx_packets;
}

static void arm_dtls(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	uint64_t due = dp_dtls_deadline(t->dtls, now_ms);

	if (dp_dtls_state(t->dtls) == DP_DTLS_UP)
		due = t->dtls_forget_ms < now_ms + HEARD_EVERY_MS || t->dtls_forget_ms == UINT64_MAX ?
			t->dtls_forget_ms : now_ms + HEARD_EVERY_MS;
	if (due == UINT64_MAX)
		gw_timer_stop(c->c.timers, &t->dtls_timer);
	else
		(void)gw_timer_arm(c->c.timers, &t->dtls_timer, due);
}

static enum gw_err take_keys(struct dp_ctx *c, struct dp_term *t)
{
	struct dp_srtp_keys local, remote;
	struct dp_srtp_session *rx = NULL, *tx = NULL;
	enum gw_err err;

	if ((err = dp_dtls_keys(t->dtls, &local, &remote)))
		return err;
	remote.replay_window = c->c.replay_window;
	local.replay_window = c->c.replay_window;
	remote.max_ssrc = local.max_ssrc = c->c.max_ssrc;
	if ((err = dp_srtcp_new(&t->srtcp, &local, &remote)) == GW_OK &&
		(err = c->c.srtp->session_new(&rx, &remote, false)) == GW_OK)
		err = c->c.srtp->session_new(&tx, &local, true);
	explicit_bzero(&local, sizeof(local));
	explicit_bzero(&remote, sizeof(remote));
	if (err) {
		c->c.srtp->session_free(rx);
		return err;
	}
	t->srtp_rx = rx;
	t->srtp_tx = tx;
	return GW_OK;
}

static const char *profile_name(enum dp_srtp_profile p)
{
	switch (p) {
	case DP_SRTP_AES128_CM_SHA1_80:
		return "AES_CM_128_HMAC_SHA1_80";
	case DP_SRTP_AES128_CM_SHA1_32:
		return "AES_CM_128_HMAC_SHA1_32";
	case DP_SRTP_AEAD_AES_128_GCM:
		return "AEAD_AES_128_GCM";
	case DP_SRTP_AEAD_AES_256_GCM:
		return "AEAD_AES_256_GCM";
	case DP_SRTP_NONE:
		break;
	}
	return "NONE";
}

/* The workers give the sessions back with their acknowledgements. */
static void drop_keys(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	if (!dp_term_peer(t))
		c->c.srtp->session_free(t->srtp_tx);	/* no core flow ever had it */
	t->srtp_rx = t->srtp_tx = NULL;
	dp_srtcp_free(t->srtcp);
	t->srtcp = NULL;
	dp_publish(c, t, now_ms);
}

static void dtls_failed(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	gw_timer_stop(c->c.timers, &t->dtls_timer);
	if (t->srtp_rx)
		drop_keys(c, t, now_ms);
	c->ctr[ctx_dtls_failed]++;
	GW_LOG_WARN(c->c.log, "dtls.failed", "ctx=%u term=%s why=\"%s\"", t->ctx->id, t->id,
		dp_dtls_why(t->dtls));
	notify(c, t, IQ_EV_BNC_CHANGE, "Type", "Fail");
	notify(c, t, IQ_EV_CAUSE, "generalcause", "FP");
	notify(c, t, IQ_EV_X_DTLS, "state", "failed");
}

void dp_media_check_dtls(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	switch (dp_dtls_state(t->dtls)) {
	case DP_DTLS_UP:
		if (t->srtp_rx || t->srtcp)
			break;
		if (take_keys(c, t)) {
			dtls_failed(c, t, now_ms);
			return;
		}
		c->ctr[ctx_dtls_up]++;
		t->dtls_forget_ms = UINT64_MAX;
		GW_LOG_INFO(c->c.log, "dtls.up", "ctx=%u term=%s role=%s profile=%s", t->ctx->id, t->id,
			dp_dtls_is_client(t->dtls) ? "client" : "server",
			profile_name(dp_dtls_profile(t->dtls)));
		if (c->c.dtls_keep_ms && dp_dtls_is_client(t->dtls))
			forget_tls(t);	/* the server's Finished is here: there is nothing left to repeat */
		else if (c->c.dtls_keep_ms)
			t->dtls_forget_ms = now_ms + c->c.dtls_keep_ms;
		dp_publish(c, t, now_ms);
		notify(c, t, IQ_EV_X_DTLS, "state", "up");
		break;
	case DP_DTLS_CLOSED:
		gw_timer_stop(c->c.timers, &t->dtls_timer);
		GW_LOG_INFO(c->c.log, "dtls.closed", "ctx=%u term=%s why=\"%s\"", t->ctx->id, t->id,
			dp_dtls_why(t->dtls));
		notify(c, t, IQ_EV_BNC_CHANGE, "Type", "RelUnexpected");
		return;
	case DP_DTLS_FAILED:
		dtls_failed(c, t, now_ms);
		return;
	case DP_DTLS_NEW:
	case DP_DTLS_HANDSHAKE:
	case DP_DTLS_HELD:
		break;
	}
	arm_dtls(c, t, now_ms);
}

static void on_dtls_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_term *t = GW_CONTAINER(timer, struct dp_term, dtls_timer);
	struct dp_ctx *c = t->tables;

	if (dp_dtls_state(t->dtls) == DP_DTLS_FAILED)
		return;
	if (dp_dtls_state(t->dtls) == DP_DTLS_UP) {
		if (t->dtls_forget_ms != UINT64_MAX && (now_ms >= t->dtls_forget_ms || is_heard(c, t)))
			forget_tls(t);
		arm_dtls(c, t, now_ms);
		return;
	}
	(void)!dp_dtls_tick(t->dtls, now_ms);	/* the state tells */
	dp_media_check_dtls(c, t, now_ms);
}

static void input_dtls(struct dp_ctx *c, struct dp_term *t, const struct dp_punt_info *i,
	struct gw_sv d, uint64_t now_ms)
{
	enum dp_dtls_state before = dp_dtls_state(t->dtls);

	if (!dp_ice_is_valid(&t->ice, &i->src)) {	/* threats D1, D4 */
		c->ctr[ctx_dtls_unvalidated]++;
		return;
	}
	if (!path_to(c, t, &i->src, now_ms, &t->dtls_path))
		return;
	if (dp_dtls_input(t->dtls, d, now_ms) == GW_EBADMSG)
		c->ctr[ctx_dtls_ignored]++;
	if (before == DP_DTLS_FAILED || before == DP_DTLS_CLOSED)
		return;
	dp_media_check_dtls(c, t, now_ms);
}

void dp_media_try_start(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	const struct dp_ice_pair *pair = dp_ice_selected(&t->ice);

	if (!pair || !dp_dtls_is_client(t->dtls) || dp_dtls_state(t->dtls) != DP_DTLS_NEW ||
		gw_timer_armed(&t->dtls_timer) || !path_to(c, t, &pair->remote, now_ms, &t->dtls_path))
		return;
	if (dp_dtls_start(t->dtls, now_ms) == GW_OK)
		dp_media_check_dtls(c, t, now_ms);
}

/* ---- ICE ------------------------------------------------------------------------------------------- */

static void on_consent_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_term *t = GW_CONTAINER(timer, struct dp_term, consent_timer);
	struct dp_ctx *c = t->tables;

	if (!dp_ice_consent_expired(&t->ice, now_ms))
		return;
	c->ctr[ctx_consent_lost]++;
	GW_LOG_NOTICE(c->c.log, "consent.lost", "ctx=%u term=%s", t->ctx->id, t->id);
	dp_publish_gate(c, t, now_ms);	/* the deadline has passed already; this makes it plain */
	notify(c, t, IQ_EV_CONSENT, NULL, NULL);
	notify(c, t, IQ_EV_X_CONSENT, "state", "lost");
}

static void input_stun(struct dp_ctx *c, struct dp_term *t, const struct dp_punt_info *i,
	struct gw_sv d, uint64_t now_ms)
{
	char bytes[DP_STUN_MAX_BYTES], addr[GW_ADDR_STR_BYTES];
	struct gw_buf reply = gw_buf(bytes, sizeof(bytes));
	struct dp_path path;
	enum dp_ice_event ev;
	enum gw_err err;

	err = dp_ice_input(&t->ice, c->c.ice, d, &i->src, i->laddr, now_ms, &reply, &ev);
	if (err) {
		c->ctr[err == GW_EAUTH ? ctx_stun_auth : ctx_stun_bad]++;
		return;
	}
	if (reply.len && path_to(c, t, &i->src, now_ms, &path))
		send_udp(c, &path, gw_buf_sv(&reply));
	switch (ev) {
	case DP_ICE_EV_SELECTED:
		GW_LOG_INFO(c->c.log, "ice.selected", "ctx=%u term=%s remote=%s", t->ctx->id, t->id,
			gw_addr_str(&i->src, addr));
		dp_publish(c, t, now_ms);
		(void)path_to(c, t, &i->src, now_ms, &t->dtls_path);	/* a handshake that began elsewhere goes on here */
		(void)gw_timer_arm(c->c.timers, &t->consent_timer, t->ice.consent_until_ms);
		notify(c, t, IQ_EV_X_ICE, "res", "selected");
		notify(c, t, IQ_EV_ICE_RESULT, "ccresult", "succeeded");
		dp_media_try_start(c, t, now_ms);
		break;
	case DP_ICE_EV_CONSENT:
		dp_publish(c, t, now_ms);	/* the gate, and next hops: one unused for long may become another host's */
		(void)gw_timer_arm(c->c.timers, &t->consent_timer, t->ice.consent_until_ms);
		break;
	case DP_ICE_EV_NONE:
	case DP_ICE_EV_VALID:
		break;
	}
}

/* ---- RTCP ------------------------------------------------------------------------------------------ */

/* Browser to core: opened, then on to the RTCP port of the core side. RTCP follows consent, not Mode (F-30). */
static bool rtcp_to_core(struct dp_ctx *c, struct dp_term *t, const struct dp_punt_info *i,
	struct rte_mbuf *m, uint64_t now_ms)
{
	const struct dp_ice_pair *pair = dp_ice_selected(&t->ice);
	struct dp_term *core = dp_term_peer(t);
	size_t len = m->data_len;
	struct dp_path path;

	if (!pair || !gw_addr_eq(&pair->remote, &i->src) || !t->srtcp || !core || !core->has_remote ||
		t->ice.consent != DP_ICE_CONSENT_VALID || core->remote_rtcp.port == 0)
		return false;
	if (dp_srtcp_unprotect(t->srtcp, rte_pktmbuf_mtod(m, void *), &len))
		return false;
	if (t->dtls_forget_ms != UINT64_MAX)	/* as good a sign as media */
		forget_tls(t);
	if (!rtcp_is_valid(rte_pktmbuf_mtod(m, const uint8_t *), len))
		return false;
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - len));
	if (!path_to(c, core, &core->remote_rtcp, now_ms, &path))
		return false;
	path.local_port = (uint16_t)(core->port + 1);
	dp_tx_udp(c->c.fast, m, &path);
	return true;
}

static bool rtcp_to_access(struct dp_ctx *c, struct dp_term *t, const struct dp_punt_info *i,
	struct rte_mbuf *m, uint64_t now_ms)
{
	struct dp_term *access = dp_term_peer(t);
	const struct dp_ice_pair *pair = access ? dp_ice_selected(&access->ice) : NULL;
	size_t len = m->data_len;
	struct dp_path path;

	if (!pair || !access->srtcp || access->ice.consent != DP_ICE_CONSENT_VALID ||
		(t->saf != 0 && !(t->has_remote && gw_addr_ip_eq(&t->remote_rtcp, &i->src))))
		return false;
	if (!rtcp_is_valid(rte_pktmbuf_mtod(m, const uint8_t *), len) ||
		!rte_pktmbuf_append(m, DP_SRTCP_TRAILER_MAX) ||
		dp_srtcp_protect(access->srtcp, rte_pktmbuf_mtod(m, void *), &len, m->data_len))
		return false;
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - len));
	if (!path_to(c, access, &pair->remote, now_ms, &path))
		return false;
	dp_tx_udp(c->c.fast, m, &path);
	return true;
}

/* ---- dispatch -------------------------------------------------------------------------------------- */

void dp_ctx_input(struct dp_ctx *c, struct rte_mbuf *m, uint64_t now_ms)
{
	const struct dp_punt_info i = *dp_punt_info(m);
	uint32_t slot = (uint32_t)i.cookie - 1;
	struct dp_term *t = slot < c->n_term_slots ? &c->terms[slot] : NULL;
	struct gw_sv d = gw_sv(rte_pktmbuf_mtod(m, const char *), m->data_len);
	bool sent = false;

	if (!t || !t->is_used || dp_cookie(t) != i.cookie) {
		c->ctr[ctx_punt_stray]++;
		rte_pktmbuf_free(m);
		return;
	}
	switch (i.cls) {
	case DP_PUNT_STUN:
		input_stun(c, t, &i, d, now_ms);
		break;
	case DP_PUNT_DTLS:
		input_dtls(c, t, &i, d, now_ms);
		break;
	case DP_PUNT_RTCP:
		sent = t->is_access ? rtcp_to_core(c, t, &i, m, now_ms) :
				      rtcp_to_access(c, t, &i, m, now_ms);
		c->ctr[sent ? ctx_rtcp_relayed : ctx_rtcp_dropped]++;
		break;
	case DP_PUNT_DATA:
	case DP_PUNT_L2:
	case DP_PUNT_CLASSES:
		break;
	}
	if (!sent)
		rte_pktmbuf_free(m);
}

/* ---- life ------------------------------------------------------------------------------------------ */

void dp_media_init(struct dp_ctx *c, struct dp_term *t)
{
	t->tables = c;
	t->dtls_timer.fn = on_dtls_timer;
	t->consent_timer.fn = on_consent_timer;
}

enum gw_err dp_media_new_dtls(struct dp_ctx *c, struct dp_term *t, bool is_client)
{
	return dp_dtls_new(&t->dtls, c->c.dtls, is_client, dtls_send, t);
}

void dp_media_close(struct dp_ctx *c, struct dp_term *t)
{
	gw_timer_stop(c->c.timers, &t->dtls_timer);
	gw_timer_stop(c->c.timers, &t->consent_timer);
	if (t->dtls)
		dp_dtls_close(t->dtls);
	dp_dtls_free(t->dtls);
	t->dtls = NULL;
	dp_srtcp_free(t->srtcp);
	t->srtcp = NULL;
}
