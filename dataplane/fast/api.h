/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only header the slow path sees of the fast path.
 *
 * Threads: one service thread (EAL main lcore) and N workers, each pinned to its lcore. State of
 * a flow is owned by one worker (dp_owner). They share nothing but single-producer
 * single-consumer rings: commands and packets to a worker, events and punted packets from it.
 * A pointer put on a ring belongs to the receiver.
 */
#ifndef DP_FAST_API_H
#define DP_FAST_API_H

#include <rte_mbuf.h>

#include "dataplane/fast/drop.h"
#include "dataplane/fast/latency.h"
#include "dataplane/fast/record.h"
#include "dataplane/fast/srtp.h"
#include "proto/base/addr.h"

#define DP_WORKERS_MAX 32
#define DP_PORTS_MAX 16        /* DPDK ethdev ports */
#define DP_LADDR_MAX 32        /* local IP addresses over all ports and VLANs */
#define DP_NEXTHOPS_MAX 1024
#define DP_BUNDLE_LINES 5        /* on one port, beside the line that has it */
#define DP_MID_MAX 16            /* what a one-byte header extension holds (RFC 8285 4.2) */

/* ---- set-up: service thread, before the workers run ------------------------------------- */

/** A local address: where it is reached, and the index all later calls name it by. */
struct dp_laddr {
	struct gw_addr ip;        /* port unused */
	uint16_t ethdev;          /* DPDK port id */
	uint16_t vlan;            /* 802.1Q id, 0 = untagged */
};

struct dp_fast_conf {
	uint16_t workers;                     /* 1..DP_WORKERS_MAX */
	const unsigned *lcores;               /* [workers] */
	const uint16_t *ethdevs;              /* started ports */
	uint16_t n_ethdevs;
	const bool *nic_sums;                 /* [n_ethdevs] the device makes UDP checksums; NULL: none does */
	const struct dp_laddr *laddrs;
	uint16_t n_laddrs;
	uint32_t max_flows;                   /* over all workers; memory is taken at start */
	const struct dp_srtp_ops *srtp;
	const struct dp_record_ops *records;  /* of data lines; NULL: the service core carries them */
	struct rte_mempool *pool;             /* of all rx queues */
	bool adaptive_idle;                   /* sleep when idle, wake within 1 ms */
	bool count_stages;                    /* cycles per stage: six reads of the TSC a burst */
	uint32_t punt_per_s;                  /* budget per class (STUN, DTLS, RTCP, L2) and worker; 0 = default */
};

struct dp_fast;

/** Allocates everything. GW_ENOMEM, GW_EINVAL; nothing is left on failure. */
enum gw_err dp_fast_new(struct dp_fast **out, const struct dp_fast_conf *conf);
/** One turn of a worker's loop on the calling thread, in place of dp_fast_start(): tests and bench. */
void dp_worker_poll(struct dp_fast *f, uint16_t worker);
/** rte_eal_remote_launch() each worker. */
enum gw_err dp_fast_start(struct dp_fast *f);
/** Ask the workers to end, wait for them, free packets still on rings. */
void dp_fast_stop(struct dp_fast *f);
void dp_fast_free(struct dp_fast *f);

/** Which worker owns what arrives on this local UDP port; the same everywhere, tests included. */
uint16_t dp_owner(const struct dp_fast *f, uint16_t local_port);
uint16_t dp_n_workers(const struct dp_fast *f);

/* ---- flows ------------------------------------------------------------------------------ */

/**
 * A flow is what arrives on one local (address, UDP port), and on the port of its RTCP. id = slot and generation, chosen
 * by the service thread's table; a stale id is refused with DP_EV_NAK.
 */
typedef uint64_t dp_flow_id; /* a number, not a struct */

enum dp_flow_kind {
	DP_FLOW_ACCESS,    /* ICE + DTLS-SRTP: STUN, DTLS, RTCP are punted, RTP is unprotected and sent on */
	DP_FLOW_CORE_SRTP, /* SRTP with keys by SDP (RFC 4568): RTP is unprotected and sent on; RTCP as of the next */
	DP_FLOW_CORE_RTP,  /* RTP/AVP: RTP is protected and sent on; RTCP, mixed in or on spec.rtcp's port, is punted */
	DP_FLOW_CORE_CLEAR, /* the same, but nothing is done to RTP unless spec.seals: it is sent on as it came */
	DP_FLOW_CORE_TEXT, /* RTP/AVP whose text ends on the service core (RFC 4103): RTP is punted too, once it may pass */
	DP_FLOW_OPAQUE,    /* either side: whatever comes from the source allowed is sent on as it is (F-73); nothing is punted */
	DP_FLOW_DATA,      /* ICE and a data line: STUN and DTLS are punted, but application records whose keys are here */
	DP_FLOW_CORE_DATA, /* the same without ICE: there is no STUN, and DTLS comes from the source allowed only */
};

/** One leaving address pair. A family of 0 in remote means "not known": packets are dropped. */
struct dp_path {
	uint16_t laddr;            /* index of the local address packets leave from */
	uint16_t local_port;
	struct gw_addr remote;
	uint16_t nexthop;          /* index set by DP_CMD_NEXTHOP */
	uint8_t dscp;              /* 0..63, written into every packet */
	bool keep_dscp;            /* ds/tb: forwarded media keeps the DSCP it came with (F-26) */
};

/**
 * Where a flow learns its peer's address from packets (ipnapt/latch, F-14 to F-17). A packet teaches only if the source
 * filter lets it in and it is valid: RTP of a negotiated payload type through an open gate, with keys only after its tag
 * verified; on the port of RTCP a valid compound; of DP_FLOW_OPAQUE any datagram through an open gate. From then on no other address and port is taken there, and what the flow
 * `reverse` sends goes to where RTP came from. RTP has nothing that authenticates it: without a filter the first one wins (threat M1).
 */
enum dp_latch {
	DP_LATCH_OFF,              /* spec.source and reverse's out.remote hold */
	DP_LATCH_FIRST,            /* LATCH: the first packet; until then `reverse` sends nothing */
	DP_LATCH_AGAIN,            /* RELATCH: the first packet from elsewhere than now, once; until then all stays as it is */
};

/**
 * tman (H.248.53, F-21, F-22): what may come in, in bytes of IP packets, IP header included. Excess is dropped
 * (DP_DROP_RATE). STUN, DTLS and what is in it are not charged: they have budgets of their own (F-23); of
 * DP_FLOW_OPAQUE all is. What does not change with a FLOW_SET keeps its state.
 */
struct dp_police {
	uint32_t sdr, mbs;         /* bytes/s, bytes; sdr 0: no sustained rate; mbs 0: 0.1 s of sdr, but 1500 at least */
	uint32_t pdr;              /* bytes/s; 0: no peak rate. Neither: not policed */
	uint64_t dvt_ns;           /* how much too early a packet may be by pdr */
	/**
	 * What RTCP may take, bytes/s, on both ports; 0: 5 % of sdr, or of pdr. On a port of its own that is all there is
	 * to it. On the port of RTP it is charged to the rates above too: they are of the whole, and what nothing has
	 * authenticated yet takes no more than its share of them.
	 */
	uint32_t rtcp;
};

/**
 * Lines that share a port (BUNDLE, RFC 9143): each is a flow, with gate, rates and statistics of its own. Which one an RTP packet is of, MID,
 * SSRC and payload type tell (RFC 9143 9.2); an SSRC is noted only of a packet that authenticated. DTLS is of the data line, if there is one.
 */
struct dp_line {
	dp_flow_id transport;      /* the flow that has the port, on the same worker; 0: this one has its own */
	uint8_t mid_ext;           /* id of the MID header extension (RFC 9143 15); 0: none. Taken out of what is sent on */
	uint8_t mid_len;           /* 0: not known by MID */
	char mid[DP_MID_MAX];
};

struct dp_flow_spec {
	enum dp_flow_kind kind;
	uint16_t laddr;            /* what the flow listens on */
	uint16_t local_port;
	/**
	 * RTP and RTCP are taken from this address only (family 0: none yet, all dropped with DP_DROP_SOURCE), or from
	 * this prefix; with check_port from this port only, or from this range (gm, F-18). A latch, once it has
	 * learned, replaces the filter (F-19).
	 */
	struct gw_addr source;
	bool check_source;
	bool check_port;
	uint8_t source_prefix;     /* bits of source that count; 0: all */
	uint16_t source_port_last; /* of the range that begins with source.port; 0: that port alone */
	enum dp_latch latch;
	uint8_t latch_order;       /* another number is a new order: what was learned by the old one is unlearned */
	struct gw_addr latched;    /* DP_LATCH_AGAIN: where the peer is now, if the flow itself has not learned it */
	/** A port of the same address for RTCP alone, with the filter and the latch of this one, but by addresses of its own. */
	struct {
		uint16_t local_port;   /* 0: none */
		struct gw_addr source, latched;
	} rtcp;
	dp_flow_id reverse;        /* the flow that sends to where this one's peer is; 0: none. Same worker */
	struct dp_police police;
	bool is_open;              /* gate of this direction (H.248 Mode of both terminations) */
	uint64_t open_until_tsc;   /* deadline of the gate; UINT64_MAX = no deadline (F-65) */
	bool out_is_open;          /* for CORE_RTP: the access side's consent bounds sending too, */
	uint64_t out_until_tsc;    /* so the leaving side has a gate and deadline of its own */
	struct dp_path out;        /* where accepted media goes */
	struct dp_record_session *open, *seal; /* data lines: keys of this leg and of the other one; both NULL: DTLS is punted */
	struct dp_srtp_session *srtp; /* ACCESS, CORE_SRTP: unprotect; CORE_RTP: protect; NULL: DP_DROP_NO_KEYS. DATA: what its group has been lent */
	bool is_srtp_lent;         /* it is another flow's too, and not this one's to give back */
	struct dp_srtp_session *srtp_kept; /* not used by this flow, but given back by it: what others have been lent, or seal with */
	/**
	 * What goes on is protected besides, with what the flow `reverse` (of lines that share a port, the one that has it) has kept:
	 * it is looked up for each burst, so that its owner may replace it at any time. None there: DP_DROP_NO_KEYS.
	 */
	bool seals;
	bool is_of_ends;           /* CORE_CLEAR: SRTP whose keys only the ends have (F-33), RTCP too */
	bool carries_on;           /* a session of this flow's own that is replaced hands its indices on (RFC 3711 3.3.1) */
	struct dp_line line;       /* ACCESS, DATA. CORE_*: with mid_ext what is sent on bears the MID of the line of `reverse` */
	bool has_no_media;         /* ACCESS: a port for others alone; pt_mask is none */
	uint32_t clock_hz;         /* RTP clock for the jitter; 0: not computed */
	uint64_t pt_mask[2];       /* negotiated RTP payload types, bit set = allowed; all 0 = any */
	uint64_t cookie;           /* given back with every punted packet and event of the flow */
};

/**
 * Counters of a flow; written by the owner only, read by anyone with relaxed loads. Media stopped coming in (adid, F-31)
 * when last_rx_tsc stands still; it stopped going out when tx_packets does, and the last one left at the last_rx_tsc
 * read with the last change. STUN, DTLS and RTCP do not move them.
 */
struct dp_flow_stats {
	uint64_t rx_packets, rx_bytes;   /* accepted media, RTP packet sizes as received */
	uint64_t tx_packets, tx_bytes;   /* sent on */
	uint64_t last_rx_tsc;
	uint64_t lost;                   /* expected - received, cumulative, never negative */
	uint32_t ssrc;                   /* of the last accepted packet */
	uint32_t ext_seq_first, ext_seq_max; /* RFC 3550 A.1, of that SSRC */
	uint32_t jitter_ts;              /* RFC 3550 6.4.1, RTP time-stamp units, assuming clock_hz */
	/* a cache line; what follows changes seldom */
	uint64_t first_rx_tsc;
	uint64_t drops;                  /* media of this flow dropped, any reason */
	uint64_t auth_fail, replay;      /* of these: SRTP authentication, SRTP replay */
	uint64_t policed;                /* above the rate (tman) */
	uint64_t filtered;               /* not from the source allowed, or latched to (gm) */
	uint64_t gated;                  /* gate closed, or its deadline over */
	uint32_t clock_hz;               /* 0 = not known, jitter not computed */
};

/* ---- commands: service -> worker -------------------------------------------------------- */

enum dp_cmd_type {
	DP_CMD_FLOW_SET,    /* create, or replace as a whole; SRTP state and counters survive a replace
	                       with the same srtp pointer */
	DP_CMD_FLOW_GATE,   /* only is_open/open_until/out_is_open/out_until */
	DP_CMD_FLOW_DEL,
	DP_CMD_NEXTHOP,     /* sent to every worker */
};

struct dp_nexthop {
	uint16_t ethdev;
	uint16_t vlan;
	uint8_t src_mac[6], dst_mac[6];
	bool is_valid;
	bool is_own;               /* an address of ours: packets do not leave */
	uint32_t version;          /* set by the fast path: grows with each change */
};

struct dp_cmd {
	enum dp_cmd_type type;
	dp_flow_id flow;
	union {
		struct dp_flow_spec spec;
		struct {
			bool is_open, out_is_open;
			uint64_t open_until_tsc, out_until_tsc;
		} gate;
		struct {
			uint16_t index;
			struct dp_nexthop nh;
		} nexthop;
	};
};

/** Next free id on the owner of local_port. GW_ELIMIT when max_flows is reached. Service thread. */
enum gw_err dp_flow_alloc(struct dp_fast *f, uint16_t local_port, dp_flow_id *out);
/** How many more flows a worker can own. Service thread. */
uint32_t dp_flow_free(const struct dp_fast *f, uint16_t worker);
/** Give the id back, after DP_EV_FLOW_GONE (or if it was never SET). */
void dp_flow_release(struct dp_fast *f, dp_flow_id id);
/** Copy the command to the owner's ring (NEXTHOP: to all). GW_EAGAIN: ring full, retry later. */
enum gw_err dp_cmd_send(struct dp_fast *f, const struct dp_cmd *cmd);
/** Read the counters of a flow. GW_ENOENT when the id is stale. Any thread. */
enum gw_err dp_flow_stats_read(const struct dp_fast *f, dp_flow_id id, struct dp_flow_stats *out);

/* ---- events and punted packets: worker -> service ---------------------------------------- */

enum dp_ev_type {
	DP_EV_FLOW_SET,     /* acknowledgement of FLOW_SET: *old_srtp* is no longer referred to */
	DP_EV_FLOW_GONE,    /* acknowledgement of FLOW_DEL: the owner holds nothing of it any more */
	DP_EV_NAK,          /* command for an unknown id, or a (laddr, port) in use */
	/**
	 * The flow has learned its peer's address from a packet. What `reverse` sends goes there already, if it had a
	 * destination, by the next hop it had: a FLOW_SET of it with the way to this address is due.
	 */
	DP_EV_LATCHED,
	DP_EV_ALERT,        /* of a data line: its peer ended the association; once for keys a flow got */
};

struct dp_event {
	enum dp_ev_type type;
	dp_flow_id flow;
	uint64_t cookie;
	struct gw_addr latched;           /* DP_EV_LATCHED, */
	bool is_rtcp;                     /* on the port of RTCP, */
	uint8_t latch_order;              /* by this order */
	uint8_t alert[2];                 /* DP_EV_ALERT, opened: level and description */
	struct dp_srtp_session *old_srtp; /* session replaced or dropped; the receiver frees it, */
	struct dp_srtp_session *old_kept; /* and this one */
};

/** Up to n events; returns how many. Service thread. */
unsigned dp_event_poll(struct dp_fast *f, struct dp_event *ev, unsigned n);

enum dp_punt_class {
	DP_PUNT_STUN, DP_PUNT_DTLS, DP_PUNT_RTCP,
	DP_PUNT_RECORD,    /* DTLS as well, but application data of a data line, from where its peer is */
	DP_PUNT_TEXT,      /* RTP of a DP_FLOW_CORE_TEXT: source, gate, payload type and rate were looked at */
	DP_PUNT_L2,        /* ARP, IPv6 ND, ICMP, ICMPv6: the whole frame */
	DP_PUNT_CLASSES
};

/**
 * What a worker found out about a punted packet; lies in the mbuf's private area.
 * For all but DP_PUNT_L2 the mbuf's data is the UDP payload, and the stripped headers are below.
 */
struct dp_punt_info {
	enum dp_punt_class cls;
	dp_flow_id flow;
	uint64_t cookie;
	uint64_t rx_tsc;
	struct gw_addr src;        /* of the datagram */
	uint16_t laddr;            /* local address index (DP_PUNT_L2: DP_LADDR_MAX) */
	uint16_t local_port;
	uint16_t ethdev, vlan;
	uint8_t src_mac[6];
	uint16_t headers;          /* bytes before the data, as they came */
	uint8_t tos;               /* traffic class: DSCP and, in the lowest two bits, ECN */
};

/** Private area of every mbuf of the pool must be at least this (rte_pktmbuf_pool_create). */
#define DP_MBUF_PRIV_BYTES 256

static inline struct dp_punt_info *dp_punt_info(struct rte_mbuf *m)
{
	return (struct dp_punt_info *)rte_mbuf_to_priv(m);
}

/** Up to n punted packets; the caller frees or re-uses the mbufs. Service thread. */
unsigned dp_punt_poll(struct dp_fast *f, struct rte_mbuf **m, unsigned n);

/**
 * Let the worker look at a punted packet again, as if it had just come: keys are there by now. m as it was punted;
 * ownership passes also on failure. Not DP_PUNT_L2. Service thread.
 */
void dp_punt_again(struct dp_fast *f, struct rte_mbuf *m);

/**
 * Send a finished frame out of an ethdev (mbuf->port) through worker 0's queue; ownership passes
 * also on failure. Service thread: ARP, ND, ICMP replies.
 */
void dp_tx_frame(struct dp_fast *f, struct rte_mbuf *m);
/**
 * Put Ethernet/IP/UDP headers before the payload in m and send it: STUN and DTLS replies, SRTCP.
 * The same header code as forwarded media. Ownership passes also on failure. Service thread.
 */
void dp_tx_udp(struct dp_fast *f, struct rte_mbuf *m, const struct dp_path *path);

/* ---- what one can see -------------------------------------------------------------------- */

enum dp_stage { DP_STAGE_RX, DP_STAGE_PARSE, DP_STAGE_ADMIT, DP_STAGE_CRYPTO, DP_STAGE_HEADERS, DP_STAGE_TX,
	DP_STAGES };

static inline const char *dp_stage_name(enum dp_stage s)
{
	static const char *const names[DP_STAGES + 1] = { "rx", "parse", "admit", "crypto", "headers", "tx", "-" };

	return names[s];
}

/** Why the longest turn of the loop was so long. */
enum dp_loop_cause {
	DP_LOOP_NONE,
	DP_LOOP_PACKETS,           /* as many packets as it takes that long for */
	DP_LOOP_COMMANDS,          /* commands of the service core */
	DP_LOOP_PREEMPTED,         /* neither: the kernel, the hypervisor or the CPU took the time */
};

static inline const char *dp_loop_cause_name(enum dp_loop_cause c)
{
	static const char *const names[] = { "-", "packets", "commands", "preempted" };

	return names[c];
}

/** The longest turn of a while. */
struct dp_longest {
	uint64_t tsc;
	uint32_t packets;
	enum dp_loop_cause cause;
	enum dp_stage stage;       /* with count_stages: where most of it went; else DP_STAGES */
};

#define DP_LONGEST_WINDOW_S 60u

struct dp_worker_stats {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, punted[DP_PUNT_CLASSES];
	uint64_t handed_over;
	uint64_t drops[dp_drop_COUNT];
	uint64_t loops, idle_sleeps;
	struct dp_longest longest, longest_before;     /* of this window of DP_LONGEST_WINDOW_S, and of the one before */
	uint64_t latency[DP_LATENCY_BUCKETS];          /* packets by rx burst to tx burst, dp_latency_limit() */
	uint64_t latency_tsc;                          /* sum over them */
	/* with count_stages: cycles, packets; and turns by the cycles a stage took in them */
	uint64_t stage_tsc[DP_STAGES], stage_packets, stage_turns[DP_STAGES][DP_LATENCY_BUCKETS];
	uint32_t flows;
};

/** The longest turn of the last one to two windows. */
static inline struct dp_longest dp_longest_of(const struct dp_worker_stats *s)
{
	return s->longest.tsc >= s->longest_before.tsc ? s->longest : s->longest_before;
}

/** What dp_tx_frame and dp_tx_udp could not send, [dp_drop_COUNT] by reason. Written by the service thread. */
const uint64_t *dp_svc_drops(const struct dp_fast *f);
/** Relaxed reads of worker i. Any thread. */
void dp_worker_stats_read(const struct dp_fast *f, uint16_t worker, struct dp_worker_stats *out);
uint16_t dp_worker_count(const struct dp_fast *f);

#endif
