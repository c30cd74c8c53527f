/* SPDX-License-Identifier: Apache-2.0 */
/* Structures the files of fast/ share. Nobody outside includes it. */
#ifndef DP_FAST_INT_H
#define DP_FAST_INT_H

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_ring.h>
#include <rte_udp.h>

#include "dataplane/fast/api.h"
#include "dataplane/fast/encap.h"
#include "dataplane/fast/police.h"
#include "proto/rtp/demux.h"
#include "proto/rtp/rtp.h"

#define DP_RING_CMDS 4096
#define DP_RING_EVENTS 8192
#define DP_RING_PUNT 2048
#define DP_RING_TX 2048
#define DP_RING_HANDOVER 1024
#define DP_RING_AGAIN 256
#define DP_TX_BATCH 64

/* What a flow may cost its neighbours: packets of a kind in a window of about 0.1 s. */
enum dp_allowance {
	DP_ALLOW_STUN, DP_ALLOW_DTLS, DP_ALLOW_RTCP,   /* from anywhere */
	DP_ALLOW_PEER,     /* all three, from where the peer is: a stranger cannot use that up */
	DP_ALLOW_BAD_TAG,
	DP_ALLOW_RECORD = DP_ALLOW_BAD_TAG,   /* DP_PUNT_RECORD: where keys are not here no tag is bad */
	DP_ALLOWANCES
};

/* How a source is looked at. */
enum dp_source_check {
	DP_SOURCE_ANY,
	DP_SOURCE_EXACT,   /* it is the one in line 0 */
	DP_SOURCE_WIDE,    /* if it is not that one, dp_source_admits() knows: a prefix, a range of ports, a latch */
};

/* Where what comes to a port may come from. */
struct dp_source {
	uint8_t ip[16];            /* of DP_SOURCE_WIDE the last one let in */
	rte_be16_t port;           /* 0: not compared */
	uint8_t family;            /* 0: none known */
	uint8_t check : 2;         /* enum dp_source_check */
	bool is_latching : 1;      /* the next valid packet from elsewhere teaches it */
	bool is_latched : 1;       /* it was learned from a packet */
};

/*
 * What is seldom needed of a flow, and of its specification; what each packet is held against is made from it. Kept apart
 * for memory, and because hot lines then lie an odd number of lines apart and share the sets of the caches evenly.
 */
struct dp_flow_rest {
	uint64_t cookie;
	dp_flow_id reverse;
	struct dp_path out;
	struct gw_addr source;
	uint16_t source_port_last, laddr, local_port;
	uint8_t source_prefix, latch, latch_order;
	bool check_source, check_port;
	bool is_open;              /* both gates: what the deadline is of */
	bool is_ended;             /* of a data line: its peer's last alert is told */
	bool is_srtp_lent : 1;
	bool is_of_ends : 1;
	uint16_t rtcp_port;        /* 0: none */
	struct dp_srtp_session *srtp_kept;
	union {
		struct {           /* with a port for RTCP: what is of that */
			struct gw_addr rtcp_allowed;
			struct dp_source rtcp_source;
		};
		struct dp_line line;   /* without; see dp_flow_line() */
	};
};
_Static_assert(sizeof(struct dp_flow_rest) == 2 * RTE_CACHE_LINE_SIZE, "two lines, mostly not needed");

/* One flow. Owned by its worker; stats are read by others with relaxed loads. */
struct dp_flow {
	/* line 0: may this packet pass, and what are its keys */
	struct dp_srtp_session *srtp;
	uint64_t until_tsc;        /* both gates and both deadlines in one; 0: closed */
	union {
		uint64_t pt_mask[2];
		struct {                   /* of data lines: both, or neither */
			struct dp_record_session *open, *seal;
		};
	};
	struct dp_source source;
	uint8_t kind;              /* enum dp_flow_kind */
	bool is_policed : 1;
	bool seals : 1;            /* protected before it leaves, with the other leg's keys */
	bool gets_mid : 1;         /* what is sent on bears its line's MID */
	uint16_t left[DP_ALLOWANCES];
	/* line 1, and with IPv6 or a VLAN the next one */
	struct dp_encap encap __rte_cache_aligned;
	uint32_t generation : 24;
	bool is_used : 1, has_seq : 1;
	/* RFC 3550 A.1 and A.8 */
	uint32_t received, transit_last;
	uint32_t window;           /* tsc >> window_shift of the allowances */
	uint64_t jitter_q4;
	uint64_t ts_per_tsc_q40;   /* RTP time-stamp units a cycle */
	uint32_t lost_before;      /* of SSRCs that are gone */
	uint32_t bundle;           /* place + 1 of what is known of the other lines on its port; 0: there are none */
	/* line 3 */
	struct dp_flow_stats stats __rte_cache_aligned;
} __rte_cache_aligned;

/* Four lines a packet touches; with an SRTP session (a line, and 216 bytes of keys) about 500 bytes. */
_Static_assert(offsetof(struct dp_flow, stats) == 3 * RTE_CACHE_LINE_SIZE, "a flow's hot part grew");
_Static_assert(sizeof(struct dp_flow) / RTE_CACHE_LINE_SIZE % 2 == 1, "an odd number of lines");
_Static_assert(sizeof(struct dp_policer) == RTE_CACHE_LINE_SIZE, "one line more where a flow is policed");

#define DP_BUNDLE_SSRCS 8

/* What is on a port that lines share, beside the line of the flow that has the port: one cache line. */
struct dp_bundle {
	uint32_t line[DP_BUNDLE_LINES];      /* slot + 1; 0: none */
	uint32_t ssrc[DP_BUNDLE_SSRCS];      /* of authentic packets, */
	uint8_t at[DP_BUNDLE_SSRCS];         /* and their line: its place + 1; 0: that of the port */
	uint8_t n_ssrc, next, mid_ext;
	uint8_t data_at;                     /* the data line's place + 1; 0: none, or that of the port */
};
_Static_assert(sizeof(struct dp_bundle) == RTE_CACHE_LINE_SIZE, "one line more where a port is shared");

struct dp_budget {
	uint64_t refill_tsc;
	uint32_t tokens;
};

struct dp_tx_queue {
	struct rte_mbuf *m[DP_TX_BATCH];
	uint16_t n;
};

/* Read from a device already, for the next turn. */
struct dp_ahead {
	struct rte_mbuf *m[DP_BURST];
	uint64_t tsc;              /* when */
	uint16_t n;
};

struct dp_worker {
	struct dp_fast *fast;
	uint16_t id;
	uint16_t queue[DP_PORTS_MAX];        /* rx/tx queue on each ethdev */
	bool has_rx[DP_PORTS_MAX];
	volatile bool stop;
	struct rte_ring *cmd, *event, *punt, *tx, *again;
	struct rte_ring *handover[DP_WORKERS_MAX];   /* from worker i to this one; i itself: to our own address */
	struct dp_flow *flows;               /* [flows_per_worker], */
	struct dp_flow_rest *rests;          /* of each of them, */
	struct dp_policer *policers;         /* of those that are policed, */
	struct dp_bundle *bundles;           /* [flows_per_worker / 2] those who share a port are two at least */
	uint32_t unused_bundle;              /* place + 1 of the first that no flow has, each with the next one's in line[0]; 0: none */
	uint32_t *by_port;                   /* [n_laddrs][65536] slot + 1, with DP_PORT_RTCP or _SHARED; 0: none */
	struct dp_nexthop nexthops[DP_NEXTHOPS_MAX];
	struct dp_budget budget[DP_PUNT_CLASSES][2]; /* [class][is_known] */
	struct dp_tx_queue txq[DP_PORTS_MAX];
	struct dp_ahead ahead[DP_PORTS_MAX];
	struct dp_worker_stats stats;
	uint64_t stage_from;                 /* when the stage now running began */
	uint64_t turn_stage[DP_STAGES];      /* cycles of this turn, with count_stages */
	uint64_t oldest_rx_tsc;              /* of what this turn takes: handed over by other workers, or read ahead */
	uint64_t window_from;                /* longest_loop_* holds since then */
	uint16_t laddr_last;                 /* a guess that mostly holds */
	uint32_t idle;
} __rte_cache_aligned;

struct dp_fast {
	struct dp_fast_conf conf;
	struct dp_laddr laddrs[DP_LADDR_MAX];
	uint16_t ethdevs[DP_PORTS_MAX];
	uint16_t at_ethdev[RTE_MAX_ETHPORTS];        /* place in ethdevs; DP_PORTS_MAX: not ours */
	uint16_t mtu[RTE_MAX_ETHPORTS];
	bool has_nic_sum[RTE_MAX_ETHPORTS];          /* the device makes UDP checksums */
	struct rte_ether_addr mac[RTE_MAX_ETHPORTS];
	unsigned lcores[DP_WORKERS_MAX];
	uint32_t flows_per_worker;
	uint32_t frame_off;                  /* from an mbuf to where a device puts a frame */
	uint64_t hz;
	unsigned window_shift;               /* 2^shift cycles are about 0.1 s */
	struct dp_worker *workers;           /* [conf.workers] */
	/* service thread only */
	struct dp_nexthop nexthops[DP_NEXTHOPS_MAX];
	uint32_t *free_slots[DP_WORKERS_MAX];
	uint32_t n_free[DP_WORKERS_MAX];
	uint32_t *generations[DP_WORKERS_MAX];
	uint32_t punt_next, event_next;
	uint64_t svc_drops[dp_drop_COUNT];   /* of what the service core sent */
};

static inline void dp_drop(struct dp_worker *w, struct rte_mbuf *m, enum dp_drop why)
{
	w->stats.drops[why]++;
	rte_pktmbuf_free(m);
}

/* Of a line that will be written: what another core wrote comes here for good, not once to be read and once more. */
static inline void dp_prefetch_write(const void *p)
{
	asm volatile("prefetchw %0" : : "m"(*(const char *)p));
}

/* The cycles since the last call belong to this stage. */
static inline void dp_stage(struct dp_worker *w, enum dp_stage s)
{
	if (unlikely(w->fast->conf.count_stages)) {
		uint64_t now = rte_rdtsc();

		w->turn_stage[s] += now - w->stage_from;
		w->stage_from = now;
	}
}

static inline bool dp_is_data(const struct dp_flow *fl)
{
	return fl->kind >= DP_FLOW_DATA;
}

/* Comes in as SRTP that is opened here: its tag authenticates it. */
static inline bool dp_opens(const struct dp_flow *fl)
{
	return fl->kind <= DP_FLOW_CORE_SRTP;
}

static inline uint16_t dp_id_worker(dp_flow_id id)
{
	return (uint16_t)(id >> 56);
}

static inline uint32_t dp_id_slot(dp_flow_id id)
{
	return (uint32_t)id;
}

static inline uint32_t dp_id_generation(dp_flow_id id)
{
	return (uint32_t)(id >> 32) & 0xffffff;
}

static inline dp_flow_id dp_flow_id_of(const struct dp_worker *w, const struct dp_flow *fl)
{
	return (uint64_t)w->id << 56 | (uint64_t)fl->generation << 32 | (uint64_t)(fl - w->flows);
}

static inline struct dp_flow_rest *dp_rest_of(const struct dp_worker *w, const struct dp_flow *fl)
{
	return &w->rests[fl - w->flows];
}

/* NULL: it has a port for RTCP, and shares none with other lines. */
static inline const struct dp_line *dp_flow_line(const struct dp_worker *w, const struct dp_flow *fl)
{
	const struct dp_flow_rest *rest = dp_rest_of(w, fl);

	return rest->rtcp_port ? NULL : &rest->line;
}

/* Whose port it is on; 0: it has its own. */
static inline dp_flow_id dp_flow_transport(const struct dp_worker *w, const struct dp_flow *fl)
{
	const struct dp_line *l = dp_flow_line(w, fl);

	return l ? l->transport : 0;
}

static inline struct dp_policer *dp_policer_of(const struct dp_worker *w, const struct dp_flow *fl)
{
	return &w->policers[fl - w->flows];
}

#define DP_PORT_RTCP UINT32_C(0x80000000)	/* of its RTCP */
#define DP_PORT_SHARED UINT32_C(0x40000000)	/* by several lines */
#define DP_PORT_SLOT UINT32_C(0x3fffffff)

/* NULL: its port is not shared. */
static inline struct dp_bundle *dp_bundle_of(const struct dp_worker *w, const struct dp_flow *fl)
{
	return fl->bundle ? &w->bundles[fl->bundle - 1] : NULL;
}

static inline uint32_t *dp_port_slot(const struct dp_worker *w, uint16_t laddr, uint16_t local_port)
{
	return &w->by_port[(size_t)laddr * 65536 + local_port];
}

/* parse.c: what came in. */
struct dp_pkt {
	struct rte_mbuf *m;
	struct dp_flow *flow;
	uint16_t laddr, local_port;
	uint16_t vlan;
	uint16_t payload_off, payload_len;
	const uint8_t *ip;         /* header; there also after the payload was moved to the front */
	uint8_t ip_off;            /* of that header in the frame */
	bool is_v4;
	bool is_l2;                /* ARP, ND, ICMP: for the service core as a whole frame */
	bool is_rtcp_port;         /* it came to the flow's port for RTCP */
	bool is_elsewhere;         /* let in, but not from the address known: dp_source_commit() when it proved valid */
	bool is_only_followed;     /* it met a closed gate: its SRTP index is followed, and no more */
	bool is_charged;           /* to the policer, with the datagram it came in */
	bool is_known;             /* from where this flow's peer is; of L2: ARP or ND, without which nothing leaves */
	bool is_shared;            /* it came to a port of several lines, */
	bool is_stray;             /* is of none of them, */
	bool teaches;              /* has an SSRC that is not known to be its line's, */
	uint8_t line_at;           /* which is at this place, */
	uint8_t mid_ext;           /* and has a MID in the header extension of this id */
	struct rtp_view rtp;
};
/* dp_drop_COUNT = fine. The UDP checksum is left to dp_udp_sum_ok(). */
enum dp_drop dp_parse(struct dp_worker *w, struct dp_pkt *p);
bool dp_udp_sum_ok(const struct dp_pkt *p);
/* Source of the datagram. */
void dp_pkt_source(const struct dp_pkt *p, struct gw_addr *out);

static inline const struct rte_udp_hdr *dp_pkt_udp(const struct dp_pkt *p)
{
	return (const struct rte_udp_hdr *)(p->ip +
		(p->is_v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr)));
}

static inline uint8_t dp_pkt_tos(const struct dp_pkt *p)
{
	return p->is_v4 ? p->ip[1] : (uint8_t)(p->ip[0] << 4 | p->ip[1] >> 4);
}

/* Time to live, or hop limit. */
static inline uint8_t dp_pkt_hops(const struct dp_pkt *p)
{
	return p->is_v4 ? p->ip[8] : p->ip[7];
}

/* Of the IP packet; what the link padded it with does not count. */
static inline uint32_t dp_pkt_ip_bytes(const struct dp_pkt *p)
{
	return p->payload_len + (uint32_t)sizeof(struct rte_udp_hdr) +
		(uint32_t)(p->is_v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr));
}

/* flow.c: commands and statistics, on the worker. */
unsigned dp_flow_commands(struct dp_worker *w);
/* NULL: stale, or not this worker's. */
struct dp_flow *dp_flow_used(struct dp_worker *w, dp_flow_id id);
void dp_flow_account(struct dp_flow *fl, const struct rtp_view *v, uint32_t bytes, uint64_t tsc);
/* The same of an accepted packet that is no RTP. */
void dp_flow_count(struct dp_flow *fl, uint32_t bytes, uint64_t tsc);
/* false: this flow has used up what it may have of this kind for now. */
bool dp_flow_allow(const struct dp_fast *f, struct dp_flow *fl, enum dp_allowance a, uint64_t tsc);
/* Headers again after the next hop changed. */
void dp_flow_encap(struct dp_worker *w, struct dp_flow *fl);

/* source.c: filters wider than one address, and latches. */
/* Of a packet that is not from the address known. */
bool dp_source_admits(const struct dp_worker *w, const struct dp_pkt *p);
/* p, let in by dp_source_admits(), is valid. false: it has no business here after all, another one was first. */
bool dp_source_commit(struct dp_worker *w, const struct dp_pkt *p);
/* By the flow's new specification, which its rest has by now; is_same_order: a latch goes on where it is. */
void dp_source_set(struct dp_worker *w, struct dp_flow *fl, const struct dp_flow_spec *s, bool is_same_order);
/* Where what fl sends goes, once the latch of the other flow had its say. */
struct gw_addr dp_source_remote(struct dp_worker *w, const struct dp_flow *fl);
/* The flow that sends to where this one's peer is, or NULL. */
struct dp_flow *dp_flow_reverse(struct dp_worker *w, const struct dp_flow *fl);
/* Puts an event on the ring to the service core. false: no room. */
bool dp_event_put(struct dp_worker *w, const struct dp_event *ev);
/* Of the port p came to. */
static inline struct dp_source *dp_source_of(const struct dp_worker *w, const struct dp_pkt *p)
{
	return unlikely(p->is_rtcp_port) ? &dp_rest_of(w, p->flow)->rtcp_source : &p->flow->source;
}

/* Exactly the address known. */
static inline bool dp_is_from(const struct dp_source *s, const struct dp_pkt *p)
{
	if (s->port && s->port != dp_pkt_udp(p)->src_port)
		return false;
	if (p->is_v4)
		return s->family == 4 && memcmp(p->ip + offsetof(struct rte_ipv4_hdr, src_addr), s->ip, 4) == 0;
	return s->family == 6 && memcmp(p->ip + offsetof(struct rte_ipv6_hdr, src_addr), s->ip, 16) == 0;
}

/* bundle.c: ports that several lines share. */
/* All of them are unused. */
void dp_bundle_init(struct dp_worker *w, uint32_t n);
/* Of those packets of a burst that came to such a port, the flow becomes that of their line. */
void dp_bundle_demux(struct dp_worker *w, struct dp_pkt *p, uint16_t n);
/* p authenticated: what it says of its SSRC is noted, its MID taken out. */
void dp_bundle_authentic(struct dp_worker *w, struct dp_pkt *p);
/* Packets for ports that lines share, in clear: they get the MID of their line. */
void dp_bundle_stamp(struct dp_worker *w, struct dp_pkt **p, uint16_t n);
/* The line of a flow joins the port of the transport it names; false: there is none, or no place. */
bool dp_bundle_join(struct dp_worker *w, struct dp_flow *fl, const struct dp_flow_spec *s);
void dp_bundle_leave(struct dp_worker *w, const struct dp_flow *fl);
/* The flow that has the port goes. */
void dp_bundle_end(struct dp_worker *w, struct dp_flow *transport);

/* punt.c */
void dp_punt(struct dp_worker *w, struct dp_pkt *p, enum dp_punt_class cls, uint64_t tsc);

/* media.c: packets of known flows. */
void dp_media_burst(struct dp_worker *w, struct dp_pkt *pkts, uint16_t n, uint64_t tsc);
/* Drops, and counts with the flow. */
void dp_refuse(struct dp_worker *w, struct dp_pkt *p, enum dp_drop why);
/* Threat M1: where it may come from is decided by the service core, never by the packet. */
bool dp_source_ok(const struct dp_worker *w, struct dp_pkt *p);
/* Within the allowances of the flow. */
void dp_to_service(struct dp_worker *w, struct dp_pkt *p, enum rtp_class cls, uint64_t tsc);
/* Headers in front, and out; bytes: of media, for the statistics. */
void dp_send_on(struct dp_worker *w, struct dp_pkt *p, uint32_t bytes);

/* m's data becomes the UDP payload. */
static inline void dp_pkt_strip(struct dp_pkt *p)
{
	p->m->data_off += p->payload_off;
	p->m->data_len = p->payload_len;
	p->m->pkt_len = p->payload_len;
}

/* data.c: data lines. */
/* true: it goes on to dp_data_burst(); else it is consumed. */
bool dp_data_dispatch(struct dp_worker *w, struct dp_pkt *p, enum rtp_class cls, uint64_t tsc);
void dp_data_burst(struct dp_worker *w, struct dp_pkt **p, uint16_t n, uint64_t tsc);

/* opaque.c: a packet that is passed on as it is, consumed. */
void dp_opaque(struct dp_worker *w, struct dp_pkt *p, uint64_t tsc);

/* worker.c */
int dp_worker_main(void *arg);
void dp_tx_enqueue(struct dp_worker *w, struct rte_mbuf *m);

/* idle.c: the one place that sleeps. */
void dp_idle_sleep(struct dp_worker *w);

#endif
