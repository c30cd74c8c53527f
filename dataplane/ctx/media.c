/* SPDX-License-Identifier: Apache-2.0 */
/* The access side of a call: checks answered, handshake, keys to the flows, consent. */
#include <stdlib.h>

#include "dataplane/ctx/ctx_int.h"

/* for "ctx=%u term=%s stream=%u" */
#define LOG_OF(s) (s)->term->ctx->id, dp_term_id((s)->term, (char[DP_TERM_ID_BYTES]){ 0 }), (s)->id

static void notify(struct dp_ctx *c, struct dp_stream *s, enum iq_name event, const char *name,
	const char *value)
{
	struct iq_param p = { .name = gw_sv_cstr(name), .value = gw_sv_cstr(value) };

	c->c.ops.notify(c->c.ops.user, s->term, s, event, &p, value ? 1 : 0);
}

void dp_media_send(struct dp_ctx *c, const struct dp_path *path, struct gw_sv bytes)
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

bool dp_media_path(struct dp_ctx *c, const struct dp_stream *s, const struct gw_addr *remote, uint64_t now_ms,
	struct dp_path *p)
{
	*p = (struct dp_path){ .laddr = s->laddr, .local_port = s->port, .remote = *remote,
		.dscp = s->ctl.dscp };
	if (dp_neigh_route(c->c.neigh, s->laddr, remote, now_ms, &p->nexthop) == GW_OK)
		return true;
	c->ctr[ctx_no_route]++;
	return false;
}

/* ---- DTLS ---------------------------------------------------------------------------------------- */

static void dtls_send(void *user, struct gw_sv datagram)
{
	struct dp_stream *s = user;

	if (s->access->dtls_path.remote.family && s->access->ice.consent != DP_ICE_CONSENT_LOST)	/* F-65, threat M13 */
		dp_media_send(dp_stream_tables(s), &s->access->dtls_path, datagram);
}

#define HEARD_EVERY_MS 1000u	/* so often it is looked whether the peer uses the new keys */

/* In a group a data line may join later, which needs what is derived of the TLS state, or that itself. */
void dp_media_forget_tls(struct dp_stream *s)
{
	s->access->dtls_forget_ms = UINT64_MAX;
	if (s->mid_len == 0 || dp_data_keep_keys(s->access))
		dp_dtls_forget(s->access->dtls);
}

/* The data line on its association, or NULL. */
static struct dp_stream *data_line(const struct dp_stream *s)
{
	return s->access->data ? s->access->data->line : NULL;
}

/* Of all lines of the association, as many low bits as are kept. */
static uint32_t rx_packets(struct dp_ctx *c, const struct dp_stream *s)
{
	struct dp_flow_stats in;
	uint32_t n = 0;

	for (const struct dp_stream *o = s->term->streams; o; o = o->next)
		if (o->access == s->access && o->has_flow && dp_flow_stats_read(c->c.fast, o->flow, &in) == GW_OK)
			n += (uint32_t)in.rx_packets;
	return n & 0xffffff;
}

/* A server keeps its last flight until something that authenticated with the new keys shows that it has arrived. */
static bool is_heard(struct dp_ctx *c, const struct dp_stream *s)
{
	return rx_packets(c, s) != s->access->dtls_rx_before;
}

static void arm_dtls(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	uint64_t due = dp_dtls_deadline(s->access->dtls, now_ms);

	if (dp_dtls_state(s->access->dtls) == DP_DTLS_UP) {
		due = s->access->dtls_forget_ms;
		if (due != UINT64_MAX && due > now_ms + HEARD_EVERY_MS)
			due = now_ms + HEARD_EVERY_MS;
	}
	if (due == UINT64_MAX)
		gw_timer_stop(c->c.timers, &s->access->dtls_timer);
	else
		(void)gw_timer_arm(c->c.timers, &s->access->dtls_timer, due);
}

static enum gw_err take_keys(struct dp_ctx *c, struct dp_stream *s)
{
	struct dp_srtp_keys local, remote;
	struct dp_srtp_session *rx = NULL, *tx = NULL;
	enum gw_err err;

	if ((err = dp_dtls_keys(s->access->dtls, &local, &remote)))
		return err;
	remote.replay_window = c->c.replay_window;
	local.replay_window = c->c.replay_window;
	remote.max_ssrc = local.max_ssrc = c->c.max_ssrc;
	if ((err = dp_srtcp_new(&s->access->srtcp, &local, &remote)) == GW_OK &&
		(err = c->c.srtp->session_new(&rx, &remote, false)) == GW_OK)
		err = c->c.srtp->session_new(&tx, &local, true);
	explicit_bzero(&local, sizeof(local));
	explicit_bzero(&remote, sizeof(remote));
	if (err) {
		c->c.srtp->session_free(rx);
		dp_srtcp_free(s->access->srtcp);	/* a later association begins anew */
		s->access->srtcp = NULL;
		return err;
	}
	s->access->srtp_rx = rx;
	s->access->srtp_tx = tx;
	return GW_OK;
}

static bool has_media(const struct dp_stream *s)
{
	for (const struct dp_stream *o = s->term->streams; o; o = o->next)
		if (o->access == s->access && !dp_stream_is_data(o))
			return true;
	return false;
}

/* Those of a data line in a group are for media that may join it. GW_OK: all that are needed are there. */
static enum gw_err take_needed_keys(struct dp_ctx *c, struct dp_stream *s)
{
	bool is_needed = has_media(s);
	enum gw_err err = is_needed || s->mid_len ? take_keys(c, s) : GW_OK;

	return is_needed ? err : GW_OK;
}

/* What comes from now on is this association's, and belongs to the credentials of now. */
static void note_up(struct dp_ctx *c, struct dp_stream *s)
{
	s->access->dtls_rx_before = rx_packets(c, s) & 0xffffff;
	s->access->dtls_generation = s->access->ice.generation;
	s->access->dtls_forget_ms = UINT64_MAX;
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

static void drop_keys(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	dp_srtcp_free(s->access->srtcp);
	s->access->srtcp = NULL;
	dp_publish_drop_keys(c, s, now_ms);
}

static void data_over(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	struct dp_stream *line = data_line(s);

	if (!line)
		return;
	dp_data_stop(c, line, now_ms);
	dp_channel_line_down(c, line);
}

static void dtls_failed(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	gw_timer_stop(c->c.timers, &s->access->dtls_timer);
	if (s->access->srtp_rx)
		drop_keys(c, s, now_ms);
	data_over(c, s, now_ms);
	c->ctr[ctx_dtls_failed]++;
	GW_LOG_WARN(c->c.log, "dtls.failed", "ctx=%u term=%s stream=%u why=\"%s\"", LOG_OF(s),
		dp_dtls_why(s->access->dtls));
	notify(c, s, IQ_EV_BNC_CHANGE, "Type", "Fail");
	notify(c, s, IQ_EV_CAUSE, "generalcause", "FP");
	notify(c, s, IQ_EV_X_DTLS, "state", "failed");
}

bool dp_media_is_renewed(const struct dp_stream *s, bool restarts_ice, const struct dp_fingerprint *fp, unsigned n)
{
	const struct dp_access *a = s->access;
	enum dp_dtls_state state = dp_dtls_state(a->dtls);
	bool is_over = state == DP_DTLS_CLOSED || state == DP_DTLS_FAILED;

	return !a->data && n && state != DP_DTLS_NEW && (restarts_ice || a->ice.generation != a->dtls_generation) &&
		(is_over || !dp_dtls_is_peer(a->dtls, fp, n));
}

enum gw_err dp_media_renew(struct dp_ctx *c, struct dp_stream *s, bool is_client, struct dp_dtls **out)
{
	return dp_dtls_new_again(out, c->c.dtls, s->access->dtls, is_client, dtls_send, s);
}

void dp_media_replace(struct dp_ctx *c, struct dp_stream *s, struct dp_dtls *dtls, uint64_t now_ms)
{
	struct dp_access *a = s->access;

	gw_timer_stop(c->c.timers, &a->dtls_timer);
	dp_dtls_free(a->dtls);
	a->dtls = dtls;
	a->dtls_generation = a->ice.generation;
	a->dtls_forget_ms = UINT64_MAX;
	dp_data_drop_keys(a);
	if (a->srtp_rx)
		drop_keys(c, s, now_ms);
	c->ctr[ctx_dtls_renewed]++;
	GW_LOG_INFO(c->c.log, "dtls.renewed", "ctx=%u term=%s stream=%u", LOG_OF(s));
}

static bool is_in_use(const struct dp_access *a)
{
	return (a->data && a->data->is_up) || a->srtp_rx || a->srtcp;
}

void dp_media_check_dtls(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	switch (dp_dtls_state(s->access->dtls)) {
	case DP_DTLS_UP:
		if (is_in_use(s->access))
			break;
		if (take_needed_keys(c, s)) {
			dtls_failed(c, s, now_ms);
			return;
		}
		c->ctr[ctx_dtls_up]++;
		note_up(c, s);
		GW_LOG_INFO(c->c.log, "dtls.up", "ctx=%u term=%s stream=%u role=%s profile=%s", LOG_OF(s),
			dp_dtls_is_client(s->access->dtls) ? "client" : "server",
			has_media(s) ? profile_name(dp_dtls_profile(s->access->dtls)) : "data");
		if (s->access->data)
			dp_data_up(c, data_line(s));
		else if (c->c.dtls_keep_ms && dp_dtls_is_client(s->access->dtls))
			dp_media_forget_tls(s);	/* the server's Finished is here: there is nothing left to repeat */
		else if (c->c.dtls_keep_ms)
			s->access->dtls_forget_ms = now_ms + c->c.dtls_keep_ms;
		dp_publish(c, s, now_ms);
		notify(c, s, IQ_EV_X_DTLS, "state", "up");
		break;
	case DP_DTLS_CLOSED:
		gw_timer_stop(c->c.timers, &s->access->dtls_timer);
		GW_LOG_INFO(c->c.log, "dtls.closed", "ctx=%u term=%s stream=%u why=\"%s\"", LOG_OF(s),
			dp_dtls_why(s->access->dtls));
		data_over(c, s, now_ms);
		notify(c, s, IQ_EV_BNC_CHANGE, "Type", "RelUnexpected");
		return;
	case DP_DTLS_FAILED:
		dtls_failed(c, s, now_ms);
		return;
	case DP_DTLS_NEW:
	case DP_DTLS_HANDSHAKE:
	case DP_DTLS_HELD:
		break;
	}
	arm_dtls(c, s, now_ms);
}

static void on_dtls_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_stream *s = GW_CONTAINER(timer, struct dp_access, dtls_timer)->stream;
	struct dp_ctx *c = dp_stream_tables(s);

	if (dp_dtls_state(s->access->dtls) == DP_DTLS_FAILED)
		return;
	if (dp_dtls_state(s->access->dtls) == DP_DTLS_UP) {
		if (s->access->dtls_forget_ms != UINT64_MAX && (now_ms >= s->access->dtls_forget_ms || is_heard(c, s)))
			dp_media_forget_tls(s);
		arm_dtls(c, s, now_ms);
		return;
	}
	(void)!dp_dtls_tick(s->access->dtls, now_ms);	/* the state tells */
	dp_media_check_dtls(c, s, now_ms);
}

/* With ICE by an authenticated check; without, by the address of Remote. */
static bool may_do_dtls(const struct dp_stream *s, const struct gw_addr *src)
{
	struct gw_addr remote;

	if (s->term->is_access)
		return dp_ice_is_valid(&s->access->ice, src);
	remote = dp_stream_remote(s, false);
	return remote.family && gw_addr_eq(&remote, src);
}

static void input_dtls(struct dp_ctx *c, struct dp_stream *s, const struct dp_punt_info *i,
	struct rte_mbuf *m, uint64_t now_ms)
{
	struct gw_sv d = gw_sv(rte_pktmbuf_mtod(m, const char *), m->data_len);
	enum dp_dtls_state before = dp_dtls_state(s->access->dtls);
	struct dp_stream *line = data_line(s);

	if (!may_do_dtls(s, &i->src)) {	/* threats D1, D4 */
		c->ctr[ctx_dtls_unvalidated]++;
		return;
	}
	if (!dp_media_path(c, s, &i->src, now_ms, &s->access->dtls_path))
		return;
	if (line && line->records)
		dp_data_input(c, line, m);
	else if (dp_dtls_input(s->access->dtls, d, now_ms) == GW_EBADMSG)
		c->ctr[ctx_dtls_ignored]++;
	if (before == DP_DTLS_FAILED || before == DP_DTLS_CLOSED)
		return;
	dp_media_check_dtls(c, s, now_ms);
	if (line)
		dp_data_progress(c, line, now_ms);
}

void dp_media_alert(struct dp_ctx *c, struct dp_stream *s, struct gw_sv alert, uint64_t now_ms)
{
	if (s->term && dp_stream_is_data(s) && dp_data_alert(c, s, alert))
		dp_media_check_dtls(c, s->access->stream, now_ms);
}

void dp_media_try_start(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	const struct dp_ice_pair *pair = dp_ice_selected(&s->access->ice);
	struct gw_addr remote = pair ? pair->remote : s->term->is_access ? (struct gw_addr){ 0 } : dp_stream_remote(s, false);

	/* after a restart who is to be greeted is known with the pair of the new credentials */
	if (!remote.family || s->access->ice.has_previous || !dp_dtls_is_client(s->access->dtls) || dp_dtls_state(s->access->dtls) != DP_DTLS_NEW ||
		gw_timer_armed(&s->access->dtls_timer) || !dp_media_path(c, s, &remote, now_ms, &s->access->dtls_path))
		return;
	if (dp_dtls_start(s->access->dtls, now_ms) == GW_OK)
		dp_media_check_dtls(c, s, now_ms);
}

/* ---- ICE ------------------------------------------------------------------------------------------- */

void dp_media_arm_ice(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	uint64_t due = dp_ice_deadline(&s->access->ice);

	if (due == UINT64_MAX)
		gw_timer_stop(c->c.timers, &s->access->ice_timer);
	else
		/* what is due already gets the next millisecond: the timers of one turn have an end */
		(void)gw_timer_arm(c->c.timers, &s->access->ice_timer, due > now_ms ? due : now_ms + 1);
}

static struct iq_param param(const char *name, struct gw_sv value)
{
	return (struct iq_param){ .name = gw_sv_cstr(name), .value = value };
}

static void notify_params(struct dp_ctx *c, struct dp_stream *s, enum iq_name event, const struct iq_param *p, unsigned n)
{
	c->c.ops.notify(c->c.ops.user, s->term, s, event, p, n);
}

/* F-59: the pair, as the two ends of it and as "local remote". */
static void notify_selected(struct dp_ctx *c, struct dp_stream *s, const struct gw_addr *remote)
{
	char text[2 * GW_ADDR_STR_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct gw_addr local = c->c.laddrs[s->laddr].ip;
	struct gw_sv pair, l, r;

	local.port = s->port;
	gw_addr_put(&b, &local);
	gw_buf_putc(&b, ' ');
	gw_addr_put(&b, remote);
	pair = gw_buf_sv(&b);
	gw_sv_cut(pair, ' ', &l, &r);
	notify_params(c, s, IQ_EV_X_ICE, (struct iq_param[]){ param("res", GW_SV("selected")), param("lcand", l), param("rcand", r) }, 3);
	notify_params(c, s, IQ_EV_ICE_RESULT, (struct iq_param[]){ param("ccresult", GW_SV("succeeded")), param("pair", pair) }, 2);
}

static void notify_prflx(struct dp_ctx *c, struct dp_stream *s, const struct gw_addr *remote)
{
	char text[128];
	struct gw_buf b = gw_buf(text, sizeof(text));

	ice_candidate_put_prflx(&b, remote, ICE_PRIORITY_PRFLX);
	notify_params(c, s, IQ_EV_NEW_PRFLX, (struct iq_param[]){ param("cand", gw_buf_sv(&b)) }, 1);
}

static void on_ice(struct dp_ctx *c, struct dp_stream *s, enum dp_ice_event ev, const struct gw_addr *src, uint64_t now_ms)
{
	char addr[GW_ADDR_STR_BYTES];

	switch (ev) {
	case DP_ICE_EV_SELECTED:
		GW_LOG_INFO(c->c.log, "ice.selected", "ctx=%u term=%s stream=%u remote=%s", LOG_OF(s),
			gw_addr_str(src, addr));
		dp_publish(c, s, now_ms);
		(void)dp_media_path(c, s, src, now_ms, &s->access->dtls_path);	/* a handshake that began elsewhere goes on here */
		notify_selected(c, s, src);
		dp_media_try_start(c, s, now_ms);
		break;
	case DP_ICE_EV_CONSENT:
		dp_publish(c, s, now_ms);	/* the gate, and next hops: one unused for long may become another host's */
		break;
	case DP_ICE_EV_PRFLX:
		notify_prflx(c, s, src);
		break;
	case DP_ICE_EV_LOST:
		c->ctr[ctx_consent_lost]++;
		GW_LOG_NOTICE(c->c.log, "consent.lost", "ctx=%u term=%s stream=%u", LOG_OF(s));
		dp_publish_gate(c, s, now_ms);	/* the deadline has passed already; this makes it plain */
		/* channels wait, too: an ICE restart may bring the peer back (W2-ICE-12), or SCTP gives it up */
		notify(c, s, IQ_EV_CONSENT, NULL, NULL);
		notify(c, s, IQ_EV_X_CONSENT, "state", "lost");
		break;
	case DP_ICE_EV_FAILED:
		c->ctr[ctx_ice_failed]++;
		GW_LOG_NOTICE(c->c.log, "ice.failed", "ctx=%u term=%s stream=%u", LOG_OF(s));
		notify(c, s, IQ_EV_ICE_RESULT, "ccresult", "failed");
		notify(c, s, IQ_EV_X_ICE, "res", "failed");
		break;
	case DP_ICE_EV_NONE:
	case DP_ICE_EV_VALID:
		break;
	}
}

static void on_ice_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_stream *s = GW_CONTAINER(timer, struct dp_access, ice_timer)->stream;
	struct dp_ctx *c = dp_stream_tables(s);
	struct dp_ice *ice = &s->access->ice;
	char bytes[DP_STUN_MAX_BYTES];
	struct gw_buf out = gw_buf(bytes, sizeof(bytes));
	struct dp_path path;
	struct gw_addr to;

	on_ice(c, s, dp_ice_tick(ice, now_ms), NULL, now_ms);
	while (dp_ice_poll(ice, c->c.ice, now_ms, &out, &to)) {
		if (!dp_media_path(c, s, &to, now_ms, &path))
			continue;	/* as if it were lost on its way */
		dp_media_send(c, &path, gw_buf_sv(&out));
		c->ctr[ctx_ice_sent]++;
	}
	dp_media_arm_ice(c, s, now_ms);
}

static void input_stun(struct dp_ctx *c, struct dp_stream *s, const struct dp_punt_info *i,
	struct gw_sv d, uint64_t now_ms)
{
	char bytes[DP_STUN_MAX_BYTES];
	struct gw_buf reply = gw_buf(bytes, sizeof(bytes));
	struct dp_path path;
	enum dp_ice_event ev;
	enum gw_err err;

	err = dp_ice_input(&s->access->ice, c->c.ice, d, &i->src, i->laddr, now_ms, &reply, &ev);
	if (err) {
		c->ctr[err == GW_EAUTH ? ctx_stun_auth : ctx_stun_bad]++;
		return;
	}
	if (reply.len && dp_media_path(c, s, &i->src, now_ms, &path))
		dp_media_send(c, &path, gw_buf_sv(&reply));
	on_ice(c, s, ev, &i->src, now_ms);
	dp_media_arm_ice(c, s, now_ms);
}

/* ---- dispatch -------------------------------------------------------------------------------------- */

void dp_ctx_input(struct dp_ctx *c, struct rte_mbuf *m, uint64_t now_ms)
{
	const struct dp_punt_info i = *dp_punt_info(m);
	struct dp_stream *s = dp_cookie_stream(c, i.cookie);
	struct gw_sv d = gw_sv(rte_pktmbuf_mtod(m, const char *), m->data_len);
	bool sent = false;	/* or given on */

	if (!s || !s->term || (!s->access && i.cls != DP_PUNT_RTCP && i.cls != DP_PUNT_TEXT) || (i.cls == DP_PUNT_TEXT && !s->text) ||
		(i.cls == DP_PUNT_STUN && !s->term->is_access)) {
		c->ctr[ctx_punt_stray]++;
		rte_pktmbuf_free(m);
		return;
	}
	switch (i.cls) {
	case DP_PUNT_STUN:
		input_stun(c, s, &i, d, now_ms);
		break;
	case DP_PUNT_DTLS:
	case DP_PUNT_RECORD:
		sent = dp_data_is_late(data_line(s), d);
		if (sent)
			dp_punt_again(c->c.fast, m);
		else
			input_dtls(c, s->access->stream, &i, m, now_ms);
		break;
	case DP_PUNT_RTCP:
		c->ctr[dp_rtcp_input(c, s, m, now_ms, &sent) ? ctx_rtcp_relayed : ctx_rtcp_dropped]++;
		break;
	case DP_PUNT_TEXT:
		dp_text_input(c, s, d, now_ms);
		break;
	case DP_PUNT_L2:
	case DP_PUNT_CLASSES:
		break;
	}
	if (!sent)
		rte_pktmbuf_free(m);
}

/* ---- life ------------------------------------------------------------------------------------------ */

enum gw_err dp_media_open(struct dp_ctx *c, struct dp_stream *s, bool is_client)
{
	struct dp_access *a = dp_pool_take(&c->access_pool);
	enum gw_err err;

	if (!a)
		return GW_ELIMIT;
	s->access = a;
	a->stream = s;
	a->dtls_timer.fn = on_dtls_timer;
	a->ice_timer.fn = on_ice_timer;
	a->dtls_forget_ms = UINT64_MAX;
	if ((err = dp_dtls_new(&a->dtls, c->c.dtls, is_client, dtls_send, s)))
		dp_media_close(c, s);
	return err;
}

void dp_media_close(struct dp_ctx *c, struct dp_stream *s)
{
	struct dp_access *a = s->access;

	gw_timer_stop(c->c.timers, &a->dtls_timer);
	gw_timer_stop(c->c.timers, &a->ice_timer);
	if (a->dtls)
		dp_dtls_close(a->dtls);
	dp_data_close(s);
	dp_dtls_free(a->dtls);
	dp_data_association_over(c, a);
	dp_srtcp_free(a->srtcp);
	dp_ice_clear(&a->ice);
	dp_pool_give(&c->access_pool, a);
	s->access = NULL;
}
