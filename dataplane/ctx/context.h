/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H.248 contexts, terminations and streams: the single owner of media state (iq.md 3.1). Service thread only.
 * Streams of equal id in the two terminations of a context are joined (M-2). An access termination has ICE and DTLS-SRTP, what has
 * not (RTP/AVP, or RTP/SAVP with keys by SDP) is a core termination; a context has one of each, or two of these (F-32, F-33). Those
 * whose datagrams pass as they are may be in either.
 */
#ifndef DP_CONTEXT_H
#define DP_CONTEXT_H

#include "dataplane/ctx/pool.h"
#include "dataplane/ctx/port_pool.h"
#include "dataplane/ctx/sdp_keep.h"
#include "dataplane/fast/api.h"
#include "dataplane/slow/dtls.h"
#include "dataplane/slow/ice.h"
#include "dataplane/slow/msrp_leg.h"
#include "dataplane/slow/neigh.h"
#include "dataplane/slow/sctp.h"
#include "dataplane/slow/srtcp.h"
#include "dataplane/slow/t140_leg.h"
#include "proto/base/list.h"
#include "proto/base/map.h"
#include "proto/base/timers.h"
#include "proto/iq/iq.h"

#define DP_CHANNEL_STREAMS 64	/* of SCTP in an association that ends here */
#define DP_TERMS_PER_CONTEXT 2
#define DP_STREAMS_PER_TERM IQ_MAX_STREAMS
#define DP_FLOWS_PER_CONTEXT 3u	/* memory for so many: a call has two, and closes some while it opens others */
#define DP_TERM_ID_BYTES 64
#define DP_REALMS_MAX 16
#define DP_REALM_ADDRS_MAX 4

/** Why a realm is out of service; bits. */
enum dp_realm_fault { DP_REALM_TAKEN = 1, DP_REALM_LINK = 2 };

struct dp_prefix {
	struct gw_addr net;
	uint8_t prefix;
};

struct dp_realm {
	char name[32];
	char interface[32];          /* Interface ID of TerminationIDs (F-6) */
	uint8_t faults;              /* enum dp_realm_fault bits; then no new streams (F-12) */
	bool is_told_out;            /* the controller was told that it is out of service */
	uint16_t laddrs[DP_REALM_ADDRS_MAX];
	struct dp_port_pool *pools[DP_REALM_ADDRS_MAX];
	unsigned n_addrs;
	const struct dp_prefix *msrp_peers;  /* the networks in which peers of MSRP's TCP may be */
	unsigned n_msrp_peers;
};

struct dp_term;
struct dp_stream;
struct dp_ctx;

/** Told to the Iq server; it looks whether the controller asked for the event. s is NULL where no stream is meant. */
struct dp_ctx_ops {
	void (*notify)(void *user, struct dp_term *t, struct dp_stream *s, enum iq_name event,
		const struct iq_param *params, unsigned n_params);
	void *user;
};

struct dp_ctx_conf {
	struct dp_fast *fast;
	struct dp_neigh *neigh;
	struct dp_dtls_ctx *dtls;
	uint32_t dtls_keep_ms;           /* TLS state is kept so long at most after the handshake; 0: as long as the call */
	struct dp_ice_msg *ice;
	struct rte_mempool *pool;
	struct gw_timers *timers;
	const struct gw_log *log;
	const struct dp_srtp_ops *srtp;
	const struct dp_record_ops *records;   /* of data lines; NULL: the service core's OpenSSL carries them */
	bool has_sctp;                   /* dp_sctp_init was done; false: no data channel ends here */
	struct dp_msrp_set *msrp;        /* NULL: none of MSRP does */
	struct gw_addr msrp_address;     /* the host's own, for TCP to the core */
	unsigned channels_per_context;   /* that end here, at most */
	const struct dp_laddr *laddrs;
	struct dp_realm *realms;
	unsigned n_realms;
	unsigned max_contexts;
	uint16_t consent_timeout_ms;
	bool is_ice_full;                /* credentials are given without a=ice-lite, unless that is asked for */
	uint16_t replay_window;
	uint8_t max_ssrc;
	const enum dp_srtp_profile *profiles;   /* suites a=crypto may have */
	unsigned n_profiles;
	unsigned max_sdes_streams;       /* with keys by a=crypto */
	uint64_t tsc_hz;
	struct dp_ctx_ops ops;
};

#define DP_CTX_CTR_LIST(X)                                                                         \
	X(ctx_stun_bad, "STUN messages that are no well-formed connectivity check")               \
	X(ctx_stun_auth, "connectivity checks with an unknown ufrag or wrong integrity")          \
	X(ctx_dtls_unvalidated, "DTLS datagrams from an address without an authenticated check")  \
	X(ctx_dtls_ignored, "DTLS datagrams that were malformed or out of place")                 \
	X(ctx_dtls_up, "DTLS associations verified")                                              \
	X(ctx_dtls_renewed, "DTLS associations given up for another one, by order (F-42)")          \
	X(ctx_dtls_failed, "DTLS associations failed (certificate, profile, time-out)")           \
	X(ctx_consent_lost, "streams whose consent ended")                                        \
	X(ctx_ice_sent, "connectivity and consent checks sent (full ICE)")                        \
	X(ctx_ice_failed, "streams whose connectivity checks came to nothing")                    \
	X(ctx_rtcp_dropped, "RTCP dropped: wrong source, gate closed or not decryptable")         \
	X(ctx_rtcp_relayed, "RTCP packets relayed")                                               \
	X(ctx_inactive, "absences of media that were reported (adid/ipstop)")                    \
	X(ctx_latched, "streams that learned their peer's address from a packet (ipnapt/latch)")  \
	X(ctx_no_route, "packets not sent for want of a route or buffer")                         \
	X(ctx_data_fast, "associations of data channels whose records the workers took over")    \
	X(ctx_data_slow, "associations of data channels that stay with the service core (cipher suite, or no session left)") \
	X(ctx_data_relayed, "SCTP packets of data channels passed on by the service core")       \
	X(ctx_data_dropped, "SCTP packets of data channels dropped by it: gate closed, or the other side not up") \
	X(ctx_sctp_up, "SCTP associations that ended here and came up")                           \
	X(ctx_channel_refused, "channels refused that a client opened without an agreement in SDP") \
	X(ctx_channel_oversize, "messages of data channels not taken: larger than a=max-message-size") \
	X(ctx_channel_stray, "messages of data channels dropped: of no channel, or of a kind that is not used") \
	X(ctx_msrp_failed, "MSRP connections to the core that failed or could not be begun")     \
	X(ctx_msrp_renewed, "MSRP connections to the core begun anew because another peer was described") \
	X(ctx_msrp_no_peer, "descriptions of MSRP refused: where the peer is said to be is not in msrp.peers, or no host's address") \
	X(ctx_msrp_stranger, "TCP connections of MSRP closed: not from where the peer is")         \
	X(ctx_msrp_unbound, "TCP connections of MSRP closed: no request in time, too many of them, or no MSRP") \
	X(ctx_msrp_other_session, "TCP connections of MSRP closed: they named another session, or one that has its connection") \
	X(ctx_text_bad, "packets of real-time text that were malformed (RFC 4103)")               \
	X(ctx_text_gated, "messages of real-time text dropped: the gate of the channel or of the core is closed") \
	X(ctx_cmd_late, "commands that waited because a worker's ring was full")                  \
	X(ctx_cmd_lost, "commands for which there was no memory to wait, given anew once there was room") \
	X(ctx_punt_stray, "punted packets of terminations that are gone")
GW_CTR_ENUM(dp_ctx_ctr, DP_CTX_CTR_LIST);
extern const struct gw_ctr_info dp_ctx_ctr_info[dp_ctx_ctr_COUNT];

/** Properties of LocalControl as they hold (iq.md 4.4); -1: never said. */
struct dp_control {
	uint8_t mode;                    /* enum iq_mode */
	uint8_t dscp;
	int8_t tb, saf, spf, pol, rsb;
	uint8_t sam_prefix;              /* 0: no gm/sam */
	struct gw_addr sam;
	uint16_t spr_first, spr_last;    /* 0: no gm/spr */
	uint32_t sdr, mbs, pdr, dvt;     /* bytes/s, bytes, bytes/s, 0.1 us; 0: none */
};

/** ipnapt/latch of a core stream (F-14 to F-17). */
struct dp_stream_latch {
	uint8_t kind;                    /* enum dp_latch */
	uint8_t order;
	uint8_t since;                   /* the first order whose latching counts: those after it were RELATCH */
	uint8_t rtcp_order;              /* SRTP with keys by SDP: the order by which RTCP was learned here; 0: none */
	struct gw_addr learned[2];       /* RTP, RTCP; family 0: nothing yet */
};

#define DP_DATA_WAITING 4	/* SCTP packets that wait for the other side's handshake; SCTP sends its INIT again */

/** The record layer of one leg, which has left OpenSSL for good: the worker's while it is lent, else the service core's. */
struct dp_data_records {
	struct dp_record_session *session;
	struct dp_path path;             /* closed: where close_notify goes; family 0: nowhere */
	uint64_t partner;                /* cookie of the stream whose flow has, or had, this session too */
	uint8_t refs;                    /* streams whose flow has had it, and of a group the association, which has no other */
	bool is_in_use;                  /* by the flows of both legs, as ordered last */
	bool is_lent;                    /* a flow may still refer to it */
};

/** What the stream of a data line has besides: SCTP packets go from its association to its partner's (data.c). */
struct dp_data {
	struct dp_stream *line;          /* the stream; in a BUNDLE group not always the one that has the association */
	uint64_t rx_packets, rx_bytes;   /* SCTP packets the service core had from this peer, */
	uint64_t tx_packets, tx_bytes;   /* sent on to it, */
	uint64_t drops;                  /* and did not send on */
	uint64_t last_rx_tsc;
	struct dp_sctp *sctp;            /* it ends here: the termination has channels (channel.c); NULL: relayed */
	bool is_up, is_slow;             /* is_slow: counted as such */
	bool is_down;                    /* no association ends here any more */
	bool is_stuck;                   /* the workers cannot take it: its suite, or no session left */
	uint8_t n_waiting;               /* for this peer */
	struct dp_data_waiting *waiting[DP_DATA_WAITING];
};

/** What an access stream has besides: ICE, DTLS, SRTCP. That of a data line has it on the core side too, there without ICE. */
struct dp_access {
	struct dp_stream *stream;
	struct dp_data *data;            /* NULL: no data line is on it */
	struct dp_data_records *records; /* of a group: those its data line has, or had; NULL: they have not left OpenSSL */
	struct dp_record_keys *record_keys; /* of a group whose TLS state has gone, for a data line that may join; or NULL */
	struct dp_ice ice;
	struct dp_dtls *dtls;
	struct dp_srtcp *srtcp;
	struct dp_srtp_session *srtp_rx, *srtp_tx;   /* lent to the flows, freed by the events of the stream's own (publish.c) */
	struct dp_path dtls_path;
	uint32_t dtls_rx_before : 24;    /* packets of the flow when it came up, low bits */
	uint32_t dtls_generation : 8;    /* of the ICE credentials it began with, then of those it came up with */
	uint64_t dtls_forget_ms;         /* UP: when its TLS state goes; UINT64_MAX: has gone, or stays */
	struct gw_timer dtls_timer, ice_timer;
};

/** What a stream without a port of its own is (F-70): a channel of the data line beside it, or the TCP leg that is its partner. */
struct dp_end {
	struct dp_msrp *msrp;            /* core side; NULL: a channel */
	bool is_text;                    /* a channel of real-time text; its partner is an RTP stream with dp_stream.text */
	uint16_t sctp_stream;            /* of a channel */
};

struct dp_text;
struct dp_sdes;

/**
 * One media stream of a termination. After it is closed it keeps its slot, and its port, until its worker has let go
 * of its flows: then term is NULL.
 */
struct dp_stream {
	struct dp_term *term;
	struct dp_stream *next;          /* of the same termination */
	struct dp_stream *transport;     /* the one whose port, ICE and DTLS it shares (BUNDLE, F-74); NULL: it has its own */
	struct dp_access *access;        /* of its transport; NULL: core side, RTP, or no port at all */
	struct dp_end *end;              /* NULL: not of a terminated data channel */
	struct dp_text *text;            /* core side, RTP: its packets end here, its peer is a channel; NULL: not of text */
	struct dp_port_pool *ports;
	struct dp_stream_latch *latch;   /* NULL: never ordered */
	struct dp_data_records *records; /* of a data line, once the workers have its records; freed with its flow */
	struct dp_sdes *sdes;            /* NULL: not SRTP, or with keys by DTLS */
	dp_flow_id flow;                 /* of RTP and its RTCP, muxed or on the next port */
	uint32_t generation, clock_hz;
	uint64_t pt_mask[2];
	struct dp_control ctl;
	uint16_t id, laddr, port;
	struct gw_addr remote, remote_rtcp;
	bool has_remote;
	bool has_flow;
	bool is_behind;                  /* what its flow should have been told last was lost (orders.c) */
	bool is_opaque;                  /* its datagrams pass as they are (F-73): no ICE, no keys, on neither side */
	bool has_no_media;               /* a transport of others, with no payload type (E-9) */
	uint8_t mid_ext, mid_len;        /* by what the packets of a shared port are told apart */
	uint8_t peer_mid_ext;            /* the header extension in which the peer wants the MID; 0: it does not */
	char mid[DP_MID_MAX];
	struct dp_sdp_kept *kept;        /* Local and Remote as last agreed, for audits */
	struct dp_flow_stats *sent;      /* of a peer that has left: what went out by this stream; or NULL */
};

static inline bool dp_stream_is_data(const struct dp_stream *s)
{
	return s->access && s->access->data && s->access->data->line == s;
}

enum dp_direction { DP_DIR_BOTH, DP_DIR_IN, DP_DIR_OUT };

/** An event the controller asked for. No padding: lists are found by their bytes. */
struct dp_wanted {
	uint8_t event;                   /* enum iq_name */
	uint8_t direction;               /* adid: enum dp_direction */
	uint16_t stream;                 /* 0: of any */
	uint32_t value;                  /* hangterm: timerx, adid: dt; seconds */
};

/** The events of a termination: most calls ask for the same, so that lists are shared. */
struct dp_wanted_list {
	uint32_t refs, n;
	struct dp_wanted w[];
};

struct dp_term {
	struct dp_context *ctx;
	struct dp_ctx *tables;           /* that own it: timers carry no other pointer */
	struct dp_realm *realm;
	struct dp_stream *streams;       /* in the order of their making */
	uint32_t number, generation;
	uint8_t n_streams;
	bool is_access;
	uint16_t is_held;                /* bits of the list: happened while no controller was there to be told; */
	uint16_t is_told;                /* adid: once for each request */
	uint32_t events_id;
	struct dp_wanted_list *wanted;   /* NULL: none */
	struct gw_timer clock;           /* heartbeat and inactivity */
	uint64_t created_ms, wanted_ms;  /* wanted_ms: when the list came */
	uint64_t heartbeat_ms;           /* when the next one is due */
	struct ice_pace ice_pace;        /* of checks of its own */
};

struct dp_context {
	struct gw_list node;
	uint32_t id;
	uint32_t next;                   /* place + 1 of the next one of its chain; 0: the last */
	int8_t priority;
	bool is_emergency;
	uint8_t n_terms;
	struct dp_term *terms[DP_TERMS_PER_CONTEXT];
	uint64_t created_ms;
};

enum gw_err dp_ctx_new(struct dp_ctx **out, const struct dp_ctx_conf *conf) GW_NODISCARD;
void dp_ctx_free(struct dp_ctx *c);

struct dp_context *dp_ctx_find(struct dp_ctx *c, uint32_t id);
/** Places above max_contexts for calls that come before others: emergencies, and the highest priority (F-53). */
static inline uint32_t dp_ctx_extra(uint32_t max_contexts)
{
	return 1 + max_contexts / 50;
}
/** is_preferred: may take one of those places. GW_ELIMIT: 412. */
enum gw_err dp_ctx_create(struct dp_ctx *c, uint64_t now_ms, bool is_preferred, struct dp_context **out) GW_NODISCARD;
/** Remove a context that has no terminations left. */
void dp_ctx_remove_if_empty(struct dp_ctx *c, struct dp_context *cx);
struct gw_list *dp_ctx_list(struct dp_ctx *c);
unsigned dp_ctx_count(const struct dp_ctx *c);
unsigned dp_ctx_terms(const struct dp_ctx *c);
unsigned dp_ctx_streams(const struct dp_ctx *c);   /* those included whose flows are being closed */
unsigned dp_ctx_ports_in_use(const struct dp_ctx *c);
unsigned dp_ctx_flows(const struct dp_ctx *c);
/** Per cent of what there is least of: contexts, flows, ports of a realm. */
unsigned dp_ctx_fullness(const struct dp_ctx *c);
const uint64_t *dp_ctx_counters(const struct dp_ctx *c);

struct dp_term *dp_ctx_term(struct dp_context *cx, struct gw_sv id);
/** "ip/1/acc0/1001"; returns text. */
const char *dp_term_id(const struct dp_term *t, char text[DP_TERM_ID_BYTES]);
/** "ip/1/acc0/" and an asterisk: all terminations of a realm; returns text. */
const char *dp_realm_terms(const struct dp_realm *r, char text[DP_TERM_ID_BYTES]);
struct dp_stream *dp_term_stream(const struct dp_term *t, uint16_t id);
/** The stream of the other side it is joined with, or NULL. */
struct dp_stream *dp_stream_peer(const struct dp_stream *s);

/** What a command came to. */
struct dp_applied {
	struct dp_term *term;
	struct iq_stream *streams;       /* of the reply: those whose Local was asked for */
	unsigned n_streams;
	unsigned code;                   /* of a failure, and a text that is static or in the arena */
	const char *text;
};

/** Execute Add (t NULL) or Modify on a context. On failure nothing has changed, and code and text say what to answer. */
enum gw_err dp_ctx_apply(struct dp_ctx *c, struct dp_context *cx, struct dp_term *t, const struct iq_cmd *cmd,
	struct gw_arena *arena, uint64_t now_ms, struct dp_applied *out) GW_NODISCARD;
void dp_ctx_subtract(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms);

/** A punted packet that is not DP_PUNT_L2; consumed. */
void dp_ctx_input(struct dp_ctx *c, struct rte_mbuf *m, uint64_t now_ms);
void dp_ctx_event(struct dp_ctx *c, const struct dp_event *ev, uint64_t now_ms);

/** Associations and connections that end here. @return how much was done */
unsigned dp_ctx_run(struct dp_ctx *c, uint64_t now_ms);

/** What keeps packets from leaving by a stream. */
enum dp_way { DP_WAY_OPEN, DP_WAY_NO_ADDRESS, DP_WAY_NO_ROUTE, DP_WAY_NO_NEIGHBOUR };
/** @param to  where packets go; family 0: not known yet */
enum dp_way dp_stream_way(const struct dp_ctx *c, const struct dp_stream *s, struct gw_addr *to);
/** Its own address and port. */
struct gw_addr dp_stream_local(const struct dp_ctx *c, const struct dp_stream *s);
/** Statistics of one stream: what came in from outside, and what left. */
void dp_stream_stats(struct dp_ctx *c, const struct dp_stream *s, struct dp_flow_stats *in, struct dp_flow_stats *out);
/** The sums over a termination's streams. */
void dp_term_stats(struct dp_ctx *c, const struct dp_term *t, struct dp_flow_stats *in, struct dp_flow_stats *out);

#endif
