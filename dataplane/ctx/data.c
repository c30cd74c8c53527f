/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data lines in relay mode (W2-DC-01, F-68): DTLS ends here on each leg, and each SCTP packet goes on as it is in the other
 * leg's association. SCTP's own ends are the two peers; what does not pass is sent again by them.
 *
 * OpenSSL makes the handshakes, and carries the first packets. When both legs are up, with AES-GCM, and have nothing of a
 * handshake to repeat, their record layers move to the workers, numbers going on, and OpenSSL's state is given back. Other
 * suites stay with OpenSSL and the service core. A leg that has moved and gets a partner that has not is carried by the service
 * core too, which opens and seals its records by the engine of the workers.
 */
#include <stdlib.h>

#include <rte_cycles.h>

#include "dataplane/ctx/ctx_int.h"

struct dp_data_waiting {
	uint16_t len;
	char bytes[];
};

#define PACKET_MAX 2048u	/* of those that wait, or are sealed here: more than a path takes */

static bool is_consented(const struct dp_stream *s)
{
	return !s->term->is_access || s->access->ice.consent == DP_ICE_CONSENT_VALID;
}

/* The gates of both sides, as the workers have them. */
static bool may_pass(const struct dp_stream *from, const struct dp_stream *to)
{
	return dp_mode_receives(from->ctl.mode) && dp_mode_sends(to->ctl.mode) && is_consented(from) && is_consented(to);
}

static bool seal_out(struct dp_ctx *c, struct dp_data_records *r, const struct dp_path *path, enum dp_record_type type,
	struct gw_sv body)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->c.pool);
	char *p = m ? rte_pktmbuf_append(m, (uint16_t)body.len) : NULL;

	if (p) {
		memcpy(p, body.p, body.len);
		if (c->c.records->seal_one(m, r->session, type) == dp_drop_COUNT) {
			dp_tx_udp(c->c.fast, m, path);
			return true;
		}
	}
	rte_pktmbuf_free(m);
	return false;
}

static bool is_ready(const struct dp_stream *s)
{
	return s->access->data->is_up && dp_dtls_state(s->access->dtls) == DP_DTLS_UP;
}

/* Its SCTP is ours: no other peer's packets go into it. */
static bool ends_here(const struct dp_stream *s)
{
	return s->access->data->sctp != NULL;
}

bool dp_data_write(struct dp_stream *to, struct gw_sv packet)
{
	struct dp_data *d = to->access->data;

	if (to->records ? !is_ready(to) || to->records->is_lent || packet.len > PACKET_MAX ||
			!seal_out(dp_stream_tables(to), to->records, &to->access->dtls_path, DP_RECORD_DATA, packet) :
			dp_dtls_write(to->access->dtls, packet) != GW_OK)
		return false;
	d->tx_packets++;
	d->tx_bytes += packet.len;
	return true;
}

static bool send(struct dp_stream *to, struct gw_sv packet)
{
	bool is_sent = dp_data_write(to, packet);

	dp_stream_tables(to)->ctr[ctx_data_relayed] += is_sent;
	return is_sent;
}

/* The other side's handshake is not done: its first packets need not be sent again by those who are ready. */
static bool hold(struct dp_stream *to, struct gw_sv packet)
{
	struct dp_data *d = to->access->data;
	struct dp_data_waiting *w;

	if (d->is_up || d->n_waiting == DP_DATA_WAITING || packet.len > PACKET_MAX || !(w = malloc(sizeof(*w) + packet.len)))
		return false;
	w->len = (uint16_t)packet.len;
	memcpy(w->bytes, packet.p, packet.len);
	d->waiting[d->n_waiting++] = w;
	return true;
}

/* An SCTP packet of this peer. */
static void received(void *user, struct gw_sv packet)
{
	struct dp_data *d = ((struct dp_stream *)user)->access->data;
	struct dp_stream *from = d->line, *to = dp_stream_peer(from);

	d->rx_packets++;
	d->rx_bytes += packet.len;
	d->last_rx_tsc = rte_rdtsc();
	if (d->sctp) {
		dp_sctp_input(d->sctp, packet);
		return;
	}
	if (to && !ends_here(to) && may_pass(from, to) && (send(to, packet) || hold(to, packet)))
		return;
	d->drops++;
	dp_stream_tables(from)->ctr[ctx_data_dropped]++;
}

static void drop_waiting(struct dp_data *d)
{
	for (unsigned i = 0; i < d->n_waiting; i++)
		free(d->waiting[i]);
	d->n_waiting = 0;
}

bool dp_data_keep_keys(struct dp_access *a)
{
	struct dp_record_keys *k = dp_stream_tables(a->stream)->c.records ? calloc(1, sizeof(*k)) : NULL;

	if (!k || dp_dtls_record_keys(a->dtls, k)) {
		free(k);
		return false;
	}
	a->record_keys = k;
	return true;
}

void dp_data_drop_keys(struct dp_access *a)
{
	if (a->record_keys)
		explicit_bzero(a->record_keys, sizeof(*a->record_keys));
	free(a->record_keys);
	a->record_keys = NULL;
}

static void release(struct dp_ctx *c, struct dp_data_records *r)
{
	if (!r || (r->refs && --r->refs))
		return;
	if (!c->is_unsure)
		c->c.records->session_free(r->session);
	free(r);
}

/* The record layer of an association in a group goes on when the data line has left it: another one may come. */
static void own_records(struct dp_stream *s, struct dp_data_records *r)
{
	s->records = r;
	r->refs++;
	if (!s->transport || s->access->records)
		return;
	s->access->records = r;
	r->refs++;
}

static enum gw_err records_new(struct dp_ctx *c, struct dp_data_records **out, const struct dp_record_keys *keys)
{
	struct dp_data_records *r = calloc(1, sizeof(*r));
	enum gw_err err = r ? c->c.records->session_new(&r->session, keys) : GW_ENOMEM;

	if (err)
		free(r);
	else
		*out = r;
	return err;
}

enum gw_err dp_data_open(struct dp_ctx *c, struct dp_stream *s)
{
	struct dp_access *a = s->access;
	bool is_kept = dp_dtls_is_kept(a->dtls);
	struct dp_data_records *r = a->records;
	enum gw_err err = GW_OK;

	if (a->data)
		return GW_ELIMIT;
	if (!is_kept && !a->record_keys && !r)
		return GW_ESTATE;
	a->data = calloc(1, sizeof(*a->data));
	if (!a->data || (!is_kept && !r && (err = records_new(c, &r, a->record_keys)))) {
		free(a->data);
		a->data = NULL;
		return err ? err : GW_ENOMEM;
	}
	if (r)
		own_records(s, r);
	dp_data_drop_keys(a);	/* the numbers go on in its records */
	a->data->line = s;
	if (is_kept)
		dp_dtls_set_data(a->dtls, received);
	return GW_OK;
}

void dp_data_up(struct dp_ctx *c, struct dp_stream *s)
{
	struct dp_data *d = s->access->data;

	d->is_up = true;
	for (unsigned i = 0; i < d->n_waiting; i++)
		if (!send(s, gw_sv(d->waiting[i]->bytes, d->waiting[i]->len)))
			c->ctr[ctx_data_dropped]++;
	drop_waiting(d);
	dp_channel_line_up(c, s);
}

void dp_data_joined(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	struct dp_access *a = s->access;

	if (a->data->is_up || dp_dtls_state(a->dtls) != DP_DTLS_UP)
		return;
	a->dtls_forget_ms = UINT64_MAX;
	dp_data_up(c, s);
	dp_data_progress(c, s, now_ms);
}

void dp_data_association_over(struct dp_ctx *c, struct dp_access *a)
{
	release(c, a->records);
	a->records = NULL;
	dp_data_drop_keys(a);
}

void dp_data_close(struct dp_stream *s)
{
	if (!dp_stream_is_data(s))
		return;
	drop_waiting(s->access->data);
	dp_sctp_free(s->access->data->sctp);
	free(s->access->data);
	s->access->data = NULL;
	if (dp_dtls_is_kept(s->access->dtls))	/* it goes on with the media of its group */
		dp_dtls_set_data(s->access->dtls, NULL);
}

void dp_data_add_stats(const struct dp_data *d, struct dp_flow_stats *in, struct dp_flow_stats *out)
{
	in->rx_packets += d->rx_packets;
	in->rx_bytes += d->rx_bytes;
	in->drops += d->drops;
	if (d->last_rx_tsc > in->last_rx_tsc)
		in->last_rx_tsc = d->last_rx_tsc;
	out->tx_packets += d->tx_packets;
	out->tx_bytes += d->tx_bytes;
}

/* ---- the workers take over ------------------------------------------------------------------------------- */

/*
 * OpenSSL has nothing to say again. A client has the server's Finished; a server's own may be lost until something comes with
 * the new keys, and a repeated one with a lower number than the records of a worker would be refused as a replay.
 */
static bool is_settled(const struct dp_stream *s)
{
	return s->records || dp_dtls_is_client(s->access->dtls) || s->access->data->rx_packets;
}

static struct dp_data_records *take_records(struct dp_ctx *c, const struct dp_stream *s)
{
	struct dp_data_records *r = NULL;
	struct dp_record_keys keys;

	if (dp_dtls_record_keys(s->access->dtls, &keys) == GW_OK)
		(void)!records_new(c, &r, &keys);
	explicit_bzero(&keys, sizeof(keys));
	return r;
}

static void stay_slow(struct dp_ctx *c, struct dp_data *d)
{
	if (!d->is_slow)
		c->ctr[ctx_data_slow]++;
	d->is_slow = true;
}

static void lend(struct dp_ctx *c, struct dp_data_records *r, const struct dp_stream *partner)
{
	r->partner = dp_cookie(c, partner);
	r->is_in_use = r->is_lent = true;
}

/* Both or none: what one opens the other seals. One that has moved before, for another partner, has its records. */
static bool move_pair(struct dp_ctx *c, struct dp_stream *a, struct dp_stream *b)
{
	struct dp_data_records *ra = a->records ? NULL : take_records(c, a), *rb = b->records ? NULL : take_records(c, b);

	a->access->data->is_stuck = !a->records && !ra;
	b->access->data->is_stuck = !b->records && !rb;
	if (a->access->data->is_stuck || b->access->data->is_stuck) {
		release(c, ra);
		release(c, rb);
		return false;
	}
	if (ra)
		own_records(a, ra);
	if (rb)
		own_records(b, rb);
	dp_dtls_forget(a->access->dtls);
	dp_dtls_forget(b->access->dtls);
	lend(c, a->records, b);
	lend(c, b->records, a);
	c->ctr[ctx_data_fast] += (unsigned)(ra != NULL) + (rb != NULL);
	return true;
}

void dp_data_progress(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	struct dp_stream *to = dp_stream_peer(s);

	if (!to || ends_here(s) || ends_here(to) || !is_ready(s) || !is_ready(to) || (s->records && s->records->is_in_use) || !is_settled(s) || !is_settled(to))
		return;
	if (c->c.records && !s->access->data->is_stuck && !to->access->data->is_stuck && move_pair(c, s, to)) {
		dp_publish(c, s, now_ms);
		return;
	}
	stay_slow(c, s->access->data);
	stay_slow(c, to->access->data);
}

bool dp_data_is_late(const struct dp_stream *s, struct gw_sv datagram)
{
	unsigned char type = datagram.len ? (unsigned char)datagram.p[0] : 0;

	return s && s->records && s->records->is_in_use && (type == DP_RECORD_DATA || type == DP_RECORD_ALERT);
}

void dp_data_input(struct dp_ctx *c, struct dp_stream *s, struct rte_mbuf *m)
{
	const uint8_t *datagram = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t from = m->data_off, len = m->data_len, at = 0;
	struct dp_record_view v;

	if (s->records->is_lent) {	/* until its worker has acknowledged the end of the pair before */
		s->access->data->drops++;
		c->ctr[ctx_data_dropped]++;
		return;
	}
	/* nothing of an association that has ended, by an alert in this datagram perhaps (threat D5) */
	for (; is_ready(s) && dp_record_parse(datagram + at, len - at, &v); at += DP_RECORD_HEADER_BYTES + v.bytes) {
		m->data_off = from + at;
		m->data_len = (uint16_t)(DP_RECORD_HEADER_BYTES + v.bytes);
		m->pkt_len = m->data_len;
		if (c->c.records->open_one(m, s->records->session) != dp_drop_COUNT)
			break;
		if (v.type == DP_RECORD_DATA && m->data_len)
			received(s, gw_sv(rte_pktmbuf_mtod(m, const char *), m->data_len));
		else if (v.type == DP_RECORD_ALERT)
			(void)dp_data_alert(c, s, gw_sv(rte_pktmbuf_mtod(m, const char *), m->data_len));
	}
	if (at < len)
		c->ctr[ctx_dtls_ignored]++;
}

/* RFC 5246 7.2: level, description */
bool dp_data_alert(struct dp_ctx *c, struct dp_stream *s, struct gw_sv alert)
{
	bool is_fatal = alert.len == 2 && alert.p[0] == 2;

	if (alert.len == 2 && (is_fatal || alert.p[1] == 0) && dp_dtls_state(s->access->dtls) == DP_DTLS_UP) {
		dp_dtls_closed_by_peer(s->access->dtls, is_fatal);
		return true;
	}
	c->ctr[ctx_dtls_ignored]++;
	return false;
}

void dp_data_detach(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	struct dp_stream *to = dp_stream_peer(s);

	/* F-65: without consent not even close_notify; one whose association goes on with media has none to say */
	s->records->path = is_consented(s) && !s->transport ? s->access->dtls_path : (struct dp_path){ 0 };
	s->records->is_in_use = false;
	if (!to || !to->records)
		return;
	to->records->is_in_use = false;
	dp_publish_one(c, to, now_ms);	/* the same worker: it has done this when it deletes the other flow */
}

void dp_data_stop(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	if (!s->records || !s->records->is_in_use)
		return;
	dp_data_detach(c, s, now_ms);
	dp_publish_one(c, s, now_ms);
}

/* The worker has let go of the flow of this stream, and by then of what its partner's had. */
void dp_data_records_free(struct dp_ctx *c, struct dp_stream *s)
{
	struct dp_stream *to = dp_cookie_stream(c, s->records->partner);
	struct dp_data_records *r = s->records, *other = to ? to->records : NULL;

	if (other && other->partner != dp_cookie(c, s))
		other = NULL;
	s->records = NULL;
	if (r->refs > 1) {	/* the association goes on, perhaps with another data line, whose flow comes after this one */
		r->refs--;
		r->is_lent = r->is_in_use || c->is_unsure;
		if (other)
			other->is_lent = c->is_unsure;
		return;
	}
	if (c->is_unsure) {	/* perhaps it has not (ctx_cmd_lost): nobody may have the session */
		free(r);
		return;
	}
	if (other)
		other->is_lent = false;
	if (r->path.remote.family)
		(void)seal_out(c, r, &r->path, DP_RECORD_ALERT, gw_sv("\1\0", 2));	/* warning, close_notify */
	release(c, r);
}
