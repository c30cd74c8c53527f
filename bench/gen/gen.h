/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generator: plays both ends of N calls at the two sides of a gateway, SRTP on the access side and RTP on
 * the core side, and looks at what comes back. Inside w2gw-bench over net_ring, or as w2gw-gen over any port.
 * One thread; IPv4.
 */
#ifndef GEN_H
#define GEN_H

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "dataplane/fast/srtp.h"
#include "proto/base/addr.h"

#define GEN_HEADERS 42u          /* Ethernet, IPv4, UDP */
#define GEN_PORT_FIRST 10000u
#define GEN_PORTS 50000u         /* of a local address; more calls take more addresses */
#define GEN_MAC_GATE { 2, 0, 0, 0, 0, 1 }   /* where no other is given */
#define GEN_MAC_FAR { 2, 0, 0, 0, 0, 2 }

enum gen_side { GEN_ACCESS, GEN_CORE, GEN_SIDES };
enum gen_kind { GEN_GOOD, GEN_UNKNOWN, GEN_BAD_TAG, GEN_STUN };

struct gen_conf {
	const struct dp_srtp_ops *srtp;
	uint16_t srtp_worker;      /* id of this thread at the engine */
	enum dp_srtp_profile profile;
	const char *suite;         /* its name */
	uint32_t calls;
	const char *calls_file;    /* NULL: calls of gen_plan_*() */
	uint16_t rtp_bytes;        /* header and payload, without the tag; 0: the mix */
	const struct gen_mix *mix; /* of payload.h */
	uint16_t burst;
	uint32_t window;           /* closed loop: packets on their way at most */
	uint32_t ahead;            /* packets a side made before the clock runs; 0: made as they leave */
	double seconds;
	double pps;                /* of both sides together; 0: closed loop, as fast as packets come back */
	enum gen_kind kind;
	double junk_pps;           /* junk at call 0, beside the packets of the others */
	double spray_pps;          /* STUN from a stranger at each of the first half of the calls */
	uint16_t first_seq;        /* of every stream */
	unsigned check_ms;         /* between the STUN checks of a call; 0: none */
	void (*every_turn)(void *user);   /* of the loop, may be NULL: a gateway in the same process */
	void *user;
	bool sends[GEN_SIDES];     /* CORE: the gateway protects; ACCESS: it unprotects */
	uint16_t ethdev[GEN_SIDES];
	uint16_t gate_ethdev[GEN_SIDES];   /* in the same process, over net_ring: that one leaves mbuf->port alone */
	struct rte_ether_addr gate_mac[GEN_SIDES];
};

/** Addresses of one side of a call, in host order. */
struct gen_leg {
	uint32_t far_ip, gate_ip;
	uint16_t far_port, gate_port;
};

struct gen_call {
	struct gen_leg leg[GEN_SIDES];
	struct dp_srtp_session *seal, *open;    /* of the access side's far end; NULL: not known */
	/* by the side packets are sent from: next sequence number to be made, to leave, to come back */
	uint16_t made[GEN_SIDES], sent[GEN_SIDES], back[GEN_SIDES];
	float jitter[GEN_SIDES];                /* RFC 3550 6.4.1, cycles */
	uint64_t transit[GEN_SIDES];            /* of the last one */
	char *stun_user, *stun_password;        /* NULL: no checks */
};

struct gen_store {
	uint8_t *frames;           /* n of stride bytes, the length in the first two */
	uint32_t n, at, stride;
};

struct gen {
	struct gen_conf c;
	struct rte_mempool *pool;
	struct gen_call *call;     /* [c.calls] */
	uint32_t next[GEN_SIDES];  /* call whose turn it is */
	uint64_t turn[GEN_SIDES];  /* of the mix */
	uint32_t next_spray;
	struct gen_store store[GEN_SIDES];
	struct rte_ether_addr mac[GEN_SIDES];
	uint64_t hz;
};

/** First call with packets of its own. */
static inline uint32_t gen_first(const struct gen *g)
{
	return g->c.junk_pps > 0;
}

struct gen_result {
	uint64_t sent, back, refused;    /* refused: by the port, on this side of it */
	uint64_t gaps, reordered, looked_at, wrong, others;
	uint64_t service_sent;           /* of the mix, RTCP and STUN: not in sent, none comes back */
	uint64_t junk_sent, checks_sent, checks_answered;
	uint64_t turns, waits;           /* waits: the window was full, so the gateway is the slower one */
	uint64_t stalls, blind;          /* the generator itself was away; samples not taken because of it */
	double pps, median_pps;          /* of all the time; of slices of 20 ms the median */
	double jitter_us;
	double p50_us, p99_us, p999_us;  /* medians over slices of 20 ms */
	double raw_p999_us, max_us;      /* over everything */
	uint32_t slices;
};

/* plan.c: the calls generator and gateway agree on without a word */
struct gen_leg gen_plan_leg(enum gen_side side, uint32_t i);
/** Address i of a side and how many there are. */
uint32_t gen_plan_gate_ip(enum gen_side side, uint32_t n);
uint32_t gen_plan_gate_ips(uint32_t calls);
/** is_to_access: of what the gateway sends there; else of what it gets from there. */
void gen_plan_keys(enum dp_srtp_profile profile, uint32_t i, bool is_to_access, struct dp_srtp_keys *out);
struct gw_addr gen_addr(uint32_t ip, uint16_t port);

/* calls.c */
/** Calls, their keys and buffers; GW_EINVAL (a line of the file, reported), GW_ENOMEM. */
enum gw_err gen_new(struct gen *g, const struct gen_conf *conf, struct rte_mempool *pool);
void gen_free(struct gen *g);

/* frame.c */
/** n frames of c.kind, ready to leave. GW_ENOMEM: no buffers left; GW_ENOENT: what was made ahead is used up. */
enum gw_err gen_make(struct gen *g, enum gen_side side, struct rte_mbuf **m, unsigned n);
/** What attackers send to one port, call 0 of the access side: STUN, DTLS, RTP with a wrong tag. */
enum gw_err gen_make_junk(struct gen *g, struct rte_mbuf **m, unsigned n);
/** STUN by strangers, at the first half of the calls in turn. */
enum gw_err gen_make_spray(struct gen *g, struct rte_mbuf **m, unsigned n);
/** A STUN check of call i; NULL when there is none to make. */
struct rte_mbuf *gen_make_check(struct gen *g, uint32_t i);
/** Ahead of time: c.ahead frames of each side that sends. */
enum gw_err gen_store_fill(struct gen *g);
/** Ethernet, IPv4 and UDP before what is in m. */
void gen_put_headers(struct gen *g, enum gen_side side, const struct gen_leg *leg, struct rte_mbuf *m);

/* look.c */
/** Index of the call a frame belongs to, or UINT32_MAX. */
uint32_t gen_call_of(const struct gen *g, const struct rte_mbuf *m);
/** Is it one that comes back if all is well? All are, but the mix's RTCP and STUN. */
static inline bool gen_is_media(const struct gen *g, const struct rte_mbuf *m)
{
	return g->c.rtp_bytes || g->c.kind != GEN_GOOD || gen_call_of(g, m) != UINT32_MAX;
}
/** Is what came out on this side what was put in at the other? Changes the frame. */
bool gen_is_intact(struct gen *g, enum gen_side out, struct rte_mbuf *m);

/* play.c */
/** Runs the traffic on the calling thread for c.seconds. */
enum gw_err gen_play(struct gen *g, struct gen_result *r);
/** The result as members of a JSON object, without braces. */
void gen_print(const struct gen *g, const struct gen_result *r);

/* options.c: for the programs; most end the program when the argument is none */
#define GEN_OPTIONS "s:n:d:z:b:w:t:R:J:Y:k:A:S:"
extern const char gen_options_help[];     /* of -s and -n */
extern const char gen_play_help[];        /* of the others */
extern const struct gen_conf gen_conf_default;
/** One of GEN_OPTIONS; false: it is none of these. */
bool gen_option(struct gen_conf *c, int option, const char *arg);
unsigned gen_choose(const char *arg, const char *const *of, unsigned n);
double gen_number(const char *arg, double least, double most);
/** Do the options agree? Reported. is_timed: for gen_play(). */
bool gen_conf_ok(const struct gen_conf *c, bool is_timed);
void gen_mac(const char *arg, struct rte_ether_addr *out);

/* ports.c */
bool gen_port_start(uint16_t port, struct rte_mempool *pool);
/** The first port is the access side, the second the core side; one alone is both. Starts them, reported. */
bool gen_ports_start(uint16_t port[GEN_SIDES], struct rte_mempool *pool);
void gen_ports_stop(const uint16_t port[GEN_SIDES]);

#endif
