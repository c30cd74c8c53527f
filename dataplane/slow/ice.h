/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICE agent of one transport (RFC 8445, TS 23.334 5.18). Lite (2.5): answers checks, learns
 * peer-reflexive remotes from authenticated checks only, follows nomination, watches consent.
 * Full, once checks are ordered (ice_full.c): sends checks of its own, too, and consent checks (RFC 7675).
 * Pure but for the STUN codec: no socket, no clock.
 */
#ifndef DP_ICE_H
#define DP_ICE_H

#include "dataplane/slow/ice_msg.h"
#include "proto/ice/consent.h"

#define DP_ICE_UFRAG_MAX 8      /* ours */
#define DP_ICE_PWD_MAX 24
#define DP_ICE_REMOTE_UFRAG_MAX 256
#define DP_ICE_PAIRS_MAX 16     /* remote addresses remembered; the oldest unused gives way (M12) */
#define DP_ICE_CONSENT_MS 30000 /* RFC 7675 5.1 */

#define DP_ICE_UFRAG_NEAR 8     /* most browsers' have four to eight characters */

struct dp_ice_cred {
	char ufrag[DP_ICE_UFRAG_MAX + 1], pwd[DP_ICE_PWD_MAX + 1];   /* ours */
	uint16_t remote_ufrag_chars; /* of the peer; 0: not known yet */
	union {
		char near[DP_ICE_UFRAG_NEAR];
		char *far;           /* with more characters: on the heap */
	} remote_ufrag;
	char *remote_pwd;            /* NULL: not known, or nothing is sent that needs it */
};

/** Empty: not known yet. */
static inline struct gw_sv dp_ice_remote_ufrag(const struct dp_ice_cred *c)
{
	return gw_sv(c->remote_ufrag_chars > DP_ICE_UFRAG_NEAR ? c->remote_ufrag.far : c->remote_ufrag.near, c->remote_ufrag_chars);
}

struct dp_ice_pair {
	struct gw_addr remote;
	uint16_t laddr;              /* local address index the check arrived on */
	uint8_t generation;          /* of the credentials it was checked with */
	uint32_t priority;           /* PRIORITY of the check: the peer-reflexive candidate's */
	uint32_t last_nomination;    /* its number among those of the agent; 0: none was of this pair */
	uint64_t last_check_ms;
};

enum dp_ice_consent { DP_ICE_CONSENT_NONE, DP_ICE_CONSENT_VALID, DP_ICE_CONSENT_LOST };

/** What an agent that sends checks has besides. */
struct dp_ice_full {
	struct ice_pace *pace;
	struct ice_checks checks;
	struct ice_consent consent;
	bool has_checks;              /* a list for the present credentials of both sides */
	bool wants_checks;            /* ordered: a list is made when the peer's credentials are known */
	bool asks_consent;            /* its answers renew consent, not the checks of the peer */
};

/** Owned by the stream; service thread. Zero-initialise, then dp_ice_init; dp_ice_clear gives all back. */
struct dp_ice {
	struct dp_ice_cred cred;
	struct dp_ice_cred *previous; /* with has_previous: valid until a new pair is selected (F-61) */
	struct dp_ice_pair *pairs;    /* [n_pairs], room for cap_pairs: most browsers show one address */
	struct dp_ice_full *full;     /* NULL: lite */
	uint8_t n_pairs, cap_pairs;
	int8_t selected;              /* index into pairs, -1 = none */
	uint8_t generation;
	uint8_t consent : 2;          /* enum dp_ice_consent */
	bool has_previous : 1;
	bool is_lite : 1;             /* as the peer was told: no checks are sent */
	bool controls : 1;            /* who offered, or whose peer is lite, is controlling (RFC 8445 6.1.1); not when lite */
	uint8_t n_role_conflicts;
	uint16_t consent_timeout_ms;
	uint64_t consent_until_ms;
	uint32_t n_checks, n_auth_failures, n_bad, n_nominations;
};

enum dp_ice_event {
	DP_ICE_EV_NONE,
	DP_ICE_EV_VALID,      /* first authenticated check from this address */
	DP_ICE_EV_SELECTED,   /* the selected pair is new or has changed: send there from now on */
	DP_ICE_EV_CONSENT,    /* an authenticated check, or answer, on the selected pair renewed consent */
	DP_ICE_EV_PRFLX,      /* full: a new peer-reflexive candidate at this address; DP_ICE_EV_VALID as well */
	DP_ICE_EV_LOST,       /* consent has ended */
	DP_ICE_EV_FAILED,     /* full: no pair came about */
};

/** ufrag and pwd are random text made by the caller (>= 24 and >= 128 bits, W2-ICE-03). */
void dp_ice_init(struct dp_ice *ice, const char *ufrag, const char *pwd, uint16_t consent_timeout_ms);
void dp_ice_clear(struct dp_ice *ice);
/** Memory for the restart that follows, ahead of it. GW_ENOMEM. */
enum gw_err dp_ice_reserve(struct dp_ice *ice) GW_NODISCARD;
/**
 * ICE restart (F-61, W2-ICE-09), after dp_ice_reserve: new credentials, the old ones live on until a pair is selected. When
 * that had not happened after the restart before, those that media goes by now are kept.
 */
void dp_ice_restart(struct dp_ice *ice, const char *ufrag, const char *pwd);
/** The peer's ufrag; checks that name another one are refused from then on. Empty: any. GW_EBADMSG: length. GW_ENOMEM. */
enum gw_err dp_ice_set_remote(struct dp_ice *ice, struct gw_sv remote_ufrag) GW_NODISCARD;

/**
 * One STUN datagram: a check, or the answer to one of ours. State changes only if it is authentic.
 *
 * @param reply  what to send back to src from the address it came in on; empty: nothing
 * @param ev     what happened; DP_ICE_EV_SELECTED implies consent was renewed
 * @return GW_OK; GW_EAUTH and GW_EBADMSG as dp_ice_msg_check: counted, nothing changed; GW_ENOMEM: as if it were lost
 */
enum gw_err dp_ice_input(struct dp_ice *ice, struct dp_ice_msg *im, struct gw_sv datagram,
	const struct gw_addr *src, uint16_t laddr, uint64_t now_ms, struct gw_buf *reply,
	enum dp_ice_event *ev) GW_NODISCARD;

/** Has this address passed an authenticated check (threats M1, D1, D4)? */
bool dp_ice_is_valid(const struct dp_ice *ice, const struct gw_addr *src);
/** The selected pair, or NULL before nomination. */
const struct dp_ice_pair *dp_ice_selected(const struct dp_ice *ice);
/** When dp_ice_tick or dp_ice_poll wants to be called; UINT64_MAX: not by the clock. */
uint64_t dp_ice_deadline(const struct dp_ice *ice);
/**
 * @return DP_ICE_EV_LOST, once, when consent has just been lost: stop sending, report (F-65, W2-ICE-12); DP_ICE_EV_FAILED,
 *         once, when the checks came to nothing; else DP_ICE_EV_NONE
 */
enum dp_ice_event dp_ice_tick(struct dp_ice *ice, uint64_t now_ms);

/* ice_full.c */

/** Memory for the orders that follow, ahead of them; pace: of all agents of a termination, and outlives them. GW_ENOMEM. */
enum gw_err dp_ice_reserve_full(struct dp_ice *ice, struct ice_pace *pace) GW_NODISCARD;
/** The peer's password, from malloc, taken over; NULL: none. Another one than before ends the list of checks. */
void dp_ice_take_remote_pwd(struct dp_ice *ice, char *remote_pwd);
/**
 * Check these candidates (F-59), after dp_ice_reserve_full. A list that is there for these credentials goes on, with what
 * is new in it; is_again: what failed is checked again. Without the peer's credentials it begins when they come.
 *
 * @param tie  random
 */
void dp_ice_check(struct dp_ice *ice, const struct ice_candidate *c, unsigned n, uint64_t tie, bool is_again, uint64_t now_ms);
/** Consent is asked for from now on (F-65), after dp_ice_reserve_full; or no more. */
void dp_ice_ask_consent(struct dp_ice *ice, bool is_asked);
/** @return is there a datagram in out, for this address? Until there is none. */
bool dp_ice_poll(struct dp_ice *ice, struct dp_ice_msg *im, uint64_t now_ms, struct gw_buf *out, struct gw_addr *to);

#endif
