/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ctx/ share. */
#ifndef DP_CTX_INT_H
#define DP_CTX_INT_H

#include "dataplane/ctx/context.h"
#include "proto/sdp/model.h"

#define DP_FLOWS_PER_PAIR 2	/* joined streams: access, core */

struct dp_ctx {
	struct dp_ctx_conf c;
	struct gw_list contexts;
	uint32_t *by_id;                 /* [by_id_mask + 1] place of the first of a chain + 1; 0: none */
	uint32_t by_id_mask;
	struct gw_map wanted;            /* lists of events, by their bytes (events.c) */
	struct dp_pool context_pool, term_pool, stream_pool, access_pool;
	uint32_t n_flows;                /* opened, not yet gone */
	uint32_t n_sdes;                 /* streams with keys by a=crypto */
	uint16_t next_worker;
	uint32_t next_context, next_term, next_generation;
	struct gw_list backlog;          /* commands for workers whose ring was full (orders.c) */
	struct gw_timer backlog_timer;
	uint64_t n_unacked;              /* orders of which no event has come yet */
	bool is_behind;                  /* some stream is */
	bool is_unsure;                  /* from then on until all orders are acknowledged: a flow may hold sessions it should not */
	uint64_t ctr[dp_ctx_ctr_COUNT];
};

static inline bool dp_mode_receives(enum iq_mode m)
{
	return m == IQ_MODE_SEND_RECEIVE || m == IQ_MODE_RECEIVE_ONLY;
}

static inline bool dp_mode_sends(enum iq_mode m)
{
	return m == IQ_MODE_SEND_RECEIVE || m == IQ_MODE_SEND_ONLY;
}

static inline uint64_t dp_cookie(const struct dp_ctx *c, const struct dp_stream *s)
{
	return (uint64_t)s->generation << 32 | (dp_pool_index(&c->stream_pool, s) + 1u);
}

/** NULL: it has gone. */
static inline struct dp_stream *dp_cookie_stream(const struct dp_ctx *c, uint64_t cookie)
{
	struct dp_stream *s = (uint32_t)cookie ? dp_pool_at(&c->stream_pool, (uint32_t)cookie - 1) : NULL;

	return s && s->generation == cookie >> 32 ? s : NULL;
}

/* The others' peer is where their description says, or where they latched to. */
static inline bool dp_stream_has_ice(const struct dp_stream *s)
{
	return s->access && s->term->is_access;
}

static inline struct dp_ctx *dp_stream_tables(const struct dp_stream *s)
{
	return s->term->tables;
}

static inline struct dp_control dp_control_default(void)
{
	return (struct dp_control){ .mode = IQ_MODE_INACTIVE, .tb = -1, .saf = -1, .spf = -1, .pol = -1, .rsb = -1 };
}

uint32_t dp_ctx_random(void);
void dp_ctx_random_bytes(void *dst, size_t n);
/** Never 0, never that of an object in use. */
uint32_t dp_ctx_generation(struct dp_ctx *c);

/* stream.c: streams made and ended. */

/** What a new stream of a termination takes. */
struct dp_stream_want {
	struct dp_realm *realm;
	unsigned addr_index;             /* in the realm */
	uint16_t id;
	bool is_access, is_client;       /* DTLS client */
	bool is_data;                    /* a data line */
	bool is_end;                     /* a terminated channel, or its TCP leg: no port, no flow */
	bool is_text;                    /* a channel of real-time text, or the core's m=text */
	bool is_opaque;                  /* datagrams that pass as they are */
	uint16_t sctp_stream;            /* of a channel */
	struct dp_stream *transport;     /* it shares this one's (BUNDLE); NULL: it has its own */
};
/**
 * Port, flows, and on the access side a DTLS session; linked into t, its flows closed. On failure *text says why.
 * GW_ELIMIT: 510.
 */
enum gw_err dp_stream_new(struct dp_ctx *c, struct dp_term *t, const struct dp_stream_want *w, uint64_t now_ms,
	struct dp_stream **out, const char **text) GW_NODISCARD;
void dp_stream_close(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
/** Its flows are gone. */
void dp_stream_free(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);

/* texts.c: its descriptions. */
/** "AB:CD:...", of the certificate this association has: the present one may be another (rotation). GW_EIO. */
enum gw_err dp_stream_fingerprint(const struct dp_access *a, struct gw_buf *b) GW_NODISCARD;
/** As they were last agreed, but for our credentials, which are those of now. */
enum gw_err dp_stream_recall(const struct dp_stream *s, struct gw_arena *arena, struct dp_sdp_pair *out) GW_NODISCARD;
/** ufrag, pwd: ours by then; empty: those it has now. */
enum gw_err dp_stream_keep(const struct dp_stream *s, const struct dp_sdp_pair *texts, struct gw_sv ufrag, struct gw_sv pwd,
	struct dp_sdp_kept **out) GW_NODISCARD;

/* orders.c: what the workers are told. */
/** Of the flow of this stream. */
void dp_order(struct dp_ctx *c, struct dp_stream *s, const struct dp_cmd *cmd, uint64_t now_ms);
/** An event that acknowledges or refuses one has come. */
void dp_orders_acked(struct dp_ctx *c);
/** At the end: what still waits for a worker. */
void dp_orders_drop(struct dp_ctx *c);

/* publish.c: streams -> flows of the workers. */
enum gw_err dp_publish_open(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
void dp_publish(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
/** This stream's own flow. */
void dp_publish_one(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
/** Where the peer of a stream without ICE is, by its description or what it latched to; family 0: not known. */
struct gw_addr dp_stream_remote(const struct dp_stream *s, bool is_rtcp);
/** The keys of this access stream are void: the workers give the sessions back with their acknowledgements. */
void dp_publish_drop_keys(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
void dp_publish_gate(struct dp_ctx *c, struct dp_stream *access, uint64_t now_ms);
/** After all others have been told that it leaves. @return does its flow have to go first? */
bool dp_publish_close(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);

/* media.c: ICE and DTLS of an access stream. */
/** Where it is reached from this stream's port. false: no way known, counted. */
bool dp_media_path(struct dp_ctx *c, const struct dp_stream *s, const struct gw_addr *remote, uint64_t now_ms, struct dp_path *p);
/** A datagram by that path; without a buffer it is lost, counted. */
void dp_media_send(struct dp_ctx *c, const struct dp_path *path, struct gw_sv bytes);
/** The session is made when the fingerprint is asked for, so that it holds that certificate. */
enum gw_err dp_media_open(struct dp_ctx *c, struct dp_stream *s, bool is_client);
void dp_media_try_start(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
void dp_media_check_dtls(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
/**
 * F-42: does a Remote with these fingerprints mean another DTLS association than the one that was there, or is on its way? Only with an
 * ICE restart, of now or since it began; without, other fingerprints are an attack (D5). Data lines have the one they began with.
 */
bool dp_media_is_renewed(const struct dp_stream *s, bool restarts_ice, const struct dp_fingerprint *fp, unsigned n);
/** The association for it, with the certificate that was told. GW_ENOMEM. */
enum gw_err dp_media_renew(struct dp_ctx *c, struct dp_stream *s, bool is_client, struct dp_dtls **out) GW_NODISCARD;
/** Let it, the stream's from now on, take the place of the one that is there; no media until it is up. */
void dp_media_replace(struct dp_ctx *c, struct dp_stream *s, struct dp_dtls *dtls, uint64_t now_ms);
void dp_media_close(struct dp_ctx *c, struct dp_stream *s);
/** Its peer has shown that the handshake is done: there is nothing left to repeat. */
void dp_media_forget_tls(struct dp_stream *s);
/** One the worker opened. */
void dp_media_alert(struct dp_ctx *c, struct dp_stream *s, struct gw_sv alert, uint64_t now_ms);
/** What its agent waits for has changed. */
void dp_media_arm_ice(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);

/* rtcp.c */
/**
 * RTCP that came to a stream, from where the worker lets it come from: opened, looked at, sealed for the other side.
 *
 * @param is_given   m went on itself, and is not the caller's any more; else it was changed
 * @return did it go on?
 */
bool dp_rtcp_input(struct dp_ctx *c, struct dp_stream *s, struct rte_mbuf *m, uint64_t now_ms, bool *is_given);

/* data.c: data lines, whose SCTP packets go from leg to leg (W2-DC-01). */
/** GW_ENOMEM; GW_ELIMIT: there is one on this association already; GW_ESTATE: its keys have gone. */
enum gw_err dp_data_open(struct dp_ctx *c, struct dp_stream *s) GW_NODISCARD;
/** The handshake is done and verified: what waited for it goes. */
void dp_data_up(struct dp_ctx *c, struct dp_stream *s);
/** The line has joined an association: it may be up already. */
void dp_data_joined(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
/** The TLS state will go, but a data line may join the group. false: it has to stay. */
bool dp_data_keep_keys(struct dp_access *a);
void dp_data_drop_keys(struct dp_access *a);
/** What was kept of it for data lines goes. */
void dp_data_association_over(struct dp_ctx *c, struct dp_access *a);
/** An SCTP packet of ours. */
bool dp_data_write(struct dp_stream *line, struct gw_sv packet);
/** Something came: perhaps the workers can take over now. Not from inside dp_dtls. */
void dp_data_progress(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
/** An alert, opened. @return did it end the association? */
bool dp_data_alert(struct dp_ctx *c, struct dp_stream *s, struct gw_sv alert);
/** The association has ended: the workers stop. */
void dp_data_stop(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
/** Records of a leg that has left OpenSSL, but has no partner the workers could carry it with. m is changed, not freed. */
void dp_data_input(struct dp_ctx *c, struct dp_stream *s, struct rte_mbuf *m);
/** Is this a record for the worker, which had no keys yet when it came? s: a data line. */
bool dp_data_is_late(const struct dp_stream *s, struct gw_sv datagram);
/** The partner's flow lets go of this one's keys, and is told so before this one is deleted. */
void dp_data_detach(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
/** Its flow is gone: close_notify, and the keys back. */
void dp_data_records_free(struct dp_ctx *c, struct dp_stream *s);
void dp_data_close(struct dp_stream *s);
/** What the service core passed on. */
void dp_data_add_stats(const struct dp_data *d, struct dp_flow_stats *in, struct dp_flow_stats *out);

/* channel.c: channels that end here. */
enum gw_err dp_channel_open(struct dp_ctx *c, struct dp_stream *s, const struct dp_stream_want *w) GW_NODISCARD;
void dp_channel_close(struct dp_stream *s);
/** Something of it was described anew: perhaps it can begin now. */
void dp_channel_update(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);
/** The data line's handshake is done, or a channel has joined it. */
void dp_channel_line_up(struct dp_ctx *c, struct dp_stream *line);
/** Its DTLS has ended: the association and what its channels were joined with end at once. Not from inside dp_sctp_run. */
void dp_channel_line_down(struct dp_ctx *c, struct dp_stream *line);

/** Both descriptions of a stream. */
struct dp_channel_texts {
	struct sdp_model local, remote;
};
#define DP_CHANNEL_TEXTS_BYTES (1u << 18)	/* of an arena for two streams' */
/** false: something has not been said yet. */
bool dp_channel_read(const struct dp_stream *s, struct gw_arena *arena, struct dp_channel_texts *t);
/** W2-DC-15: what a message to the client may have. */
size_t dp_channel_max(const struct dp_stream *channel, struct gw_arena *arena);
/** A message from the core's partner to its channel. GW_EAGAIN: not now. */
enum gw_err dp_channel_send(struct dp_stream *core, uint32_t ppid, struct gw_sv message) GW_NODISCARD;

/* text.c: the partner of a channel of real-time text. */
enum gw_err dp_text_open(struct dp_stream *core) GW_NODISCARD;
/** The channel has ended. */
void dp_text_stop(struct dp_stream *core);
bool dp_text_is_ended(const struct dp_stream *core);
void dp_text_close(struct dp_stream *core);
/** Either of them was described anew. */
void dp_text_update(struct dp_ctx *c, struct dp_stream *channel, struct dp_stream *core, uint64_t now_ms);
/** RTP of the core, which the worker has let pass. */
void dp_text_input(struct dp_ctx *c, struct dp_stream *core, struct gw_sv packet, uint64_t now_ms);
/** Of the channel. @return false: it has to come again */
bool dp_text_message(struct dp_stream *core, struct gw_sv text);
/** Of either of them. */
void dp_text_add_stats(const struct dp_stream *s, struct dp_flow_stats *in, struct dp_flow_stats *out);

static inline bool dp_stream_is_text(const struct dp_stream *s)
{
	return s->text || (s->end && s->end->is_text);
}

/* events.c: what the controller asked to be told. */
/** A reference to the list of these. *out is NULL if there are none. GW_ENOMEM. */
enum gw_err dp_events_share(struct dp_ctx *c, const struct dp_wanted *wanted, unsigned n, struct dp_wanted_list **out) GW_NODISCARD;
/** Gives a reference back; NULL is fine. */
void dp_events_release(struct dp_ctx *c, struct dp_wanted_list *l);
/** The whole list anew (M-9), whose reference is taken over; NULL: none. */
void dp_events_set(struct dp_ctx *c, struct dp_term *t, uint32_t id, struct dp_wanted_list *l, uint64_t now_ms);
/** The entry this event of this stream (NULL: none meant) is asked for by, or NULL. */
const struct dp_wanted *dp_events_find(const struct dp_term *t, const struct dp_stream *s, enum iq_name event);
static inline unsigned dp_events_count(const struct dp_term *t)
{
	return t->wanted ? t->wanted->n : 0;
}
/** The bit of an entry in is_held and is_told. */
static inline uint16_t dp_events_bit(const struct dp_term *t, const struct dp_wanted *w)
{
	return (uint16_t)(1u << (w - t->wanted->w));
}

#endif
