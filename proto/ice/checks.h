/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check list of a full ICE agent with one host candidate and one component (RFC 8445 6.1.2 to 8.1): pairs formed,
 * paced, triggered, nominated. Pure: it says which pair is to be checked, is told what was sent, what came, and the time.
 */
#ifndef ICE_CHECKS_H
#define ICE_CHECKS_H

#include "proto/ice/candidate.h"

#define ICE_PAIRS_MAX 16        /* RFC 8445 6.1.2.5 bounds them; each is a packet to an address somebody else wrote */
#define ICE_ID_BYTES 12         /* of a STUN transaction */
#define ICE_TA_MS 50            /* RFC 8445 14.2 */
#define ICE_RTO_MS 500          /* 14.3: at least */
#define ICE_SENDS 7             /* Rc, RFC 8489 6.2.1 */
#define ICE_LAST_RTOS 16        /* Rm: how long after the last */
#define ICE_CONFLICTS_MAX 3     /* 487 to checks of one pair: both ends know their roles after one */
#define ICE_PAC_MS 39500        /* RFC 8863: nobody is given up before */
#define ICE_NOMINATE_MS 300     /* controlling: so long a better pair is waited for, once one is valid */

enum ice_pair_state { ICE_FROZEN, ICE_WAITING, ICE_IN_PROGRESS, ICE_SUCCEEDED, ICE_PAIR_FAILED };

struct ice_pair {
	struct gw_addr remote;
	uint32_t remote_priority, foundation;
	uint8_t state;                  /* enum ice_pair_state */
	uint8_t n_sent;
	uint8_t n_conflicts;            /* how often the answer was 487 */
	bool is_valid;                  /* a check of ours was answered */
	bool is_wanted;                 /* we are controlled: the peer has nominated it */
	bool is_nominating;             /* we are controlling: its check has USE-CANDIDATE */
	bool was_controlling;           /* the role in the check on its way */
	uint16_t queued;                /* place among the triggered checks; 0: none */
	uint8_t id[ICE_ID_BYTES];       /* of the check on its way */
	uint64_t due_ms;                /* when it is repeated, or given up */
};

enum ice_outcome { ICE_RUNNING, ICE_DONE, ICE_FAILED };

/** Ta is of an agent, which has a check list for each of its lines (RFC 8445 6.1.4.2): they take turns. Zero at first. */
struct ice_pace {
	uint64_t next_ms;               /* when the next turn is that nobody has taken */
};

/** Owned by the caller. */
struct ice_checks {
	bool is_controlling;
	uint8_t outcome;                /* enum ice_outcome */
	uint8_t n;
	uint16_t last_queued;
	uint32_t local_priority;
	uint64_t tie;
	struct ice_pace *pace;
	uint64_t next_ms, first_valid_ms, give_up_ms;   /* next_ms: its turn; first_valid_ms 0: none */
	struct ice_pair pairs[ICE_PAIRS_MAX];
};

enum ice_event {
	ICE_EV_NONE,
	ICE_EV_NEW_PRFLX,               /* the peer has a candidate nobody told of */
	ICE_EV_NOMINATED,               /* this pair is valid and nominated: media may go by it */
	ICE_EV_FAILED,
};

/** @param tie   random
 *  @param pace  of the agent; outlives the list */
void ice_checks_init(struct ice_checks *l, struct ice_pace *pace, bool is_controlling, uint64_t tie, uint64_t now_ms);
/** A candidate of the peer: a pair, or nothing when there is one already or its priority is too low for the table. */
void ice_checks_add(struct ice_checks *l, const struct ice_candidate *c);
/** The controller orders more checks: those that failed are made again, and the time begins anew. */
void ice_checks_again(struct ice_checks *l, uint64_t now_ms);

/** The pair to send a check to now, or NULL. Its n_sent is 0: with a new id; else that of `id`, repeated. */
struct ice_pair *ice_checks_next(struct ice_checks *l, uint64_t now_ms);
/** It was sent; id is read when it is the first. */
void ice_checks_sent(struct ice_checks *l, struct ice_pair *p, const uint8_t id[ICE_ID_BYTES], uint64_t now_ms);
/** When ice_checks_next or ice_checks_give_up may have something; UINT64_MAX: never by the clock. */
uint64_t ice_checks_deadline(const struct ice_checks *l);
/** ICE_EV_FAILED, once, when nothing was nominated in time. */
enum ice_event ice_checks_give_up(struct ice_checks *l, uint64_t now_ms);

/** An authenticated check of the peer from this address (7.3.1.3 to 7.3.1.5). */
enum ice_event ice_checks_request(struct ice_checks *l, const struct gw_addr *src, uint32_t priority,
	bool use_candidate);
/** The pair a check with this id is on its way for, or NULL. */
struct ice_pair *ice_checks_find_id(struct ice_checks *l, const uint8_t id[ICE_ID_BYTES]);
/**
 * Its authenticated answer.
 * @param code  0: success; else that of the error (487: the roles change, 7.2.5.1)
 */
enum ice_event ice_checks_response(struct ice_checks *l, struct ice_pair *p, const struct gw_addr *src, unsigned code,
	uint64_t now_ms);
/**
 * The peer claims our role (7.3.1.1).
 * @return true: the role changed, its check is taken; false: it is answered 487
 */
bool ice_checks_conflict(struct ice_checks *l, uint64_t peer_tie);

#endif
