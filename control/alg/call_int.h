/* SPDX-License-Identifier: Apache-2.0 */
/* The call object; shared by the files of alg/. */
#ifndef CP_CALL_INT_H
#define CP_CALL_INT_H

#include "control/alg/call.h"
#include "control/alg/call_100rel.h"
#include "control/app/cdr_file.h"
#include "control/sip/reg.h"
#include "proto/sdp/iq_sdp.h"
#include "proto/sdp/map.h"

#define CP_SDP_BYTES 16384
#define CP_ROUTES_MAX 16
#define CP_FORKS_MAX 8
#define CP_LINES_MAX 8
#define CP_REFERS_MAX 4
#define CP_CHANNEL_STREAM 33     /* and the index of the line: the streams of a channel, on both terminations */
#define CP_GATEWAY_FAR UINT_MAX
#define CP_FAR_MEDIA "the media of this call are at another node and stay as they are"

enum cp_call_state { CALL_RESERVING, CALL_INVITING, CALL_UP };

/* Steps of Iq requests: what the reply is for. */
enum cp_iq_step { STEP_NONE, STEP_ADD, STEP_MODIFY, STEP_GATE, STEP_RESTART, STEP_SUBTRACT, STEP_SUBTRACT_AGAIN };

/* Gate by direction of the call: forward is caller to callee. UNSAID: nobody has authorised or forbidden. */
enum cp_gate { CP_GATE_NONE = 0, CP_GATE_FORWARD = 1, CP_GATE_BACKWARD = 2, CP_GATE_BOTH = 3, CP_GATE_UNSAID = 4 };

/** A To-tag that answered our INVITE: an early dialog, or one that lost the race (W2-SIP-37, -38). */
struct cp_fork {
	char *tag;
	enum cp_gate early;          /* W2-EM-02: authorised for this dialog */
	bool has_ended;              /* 199 (RFC 6228): its place may be another's */
	bool has_bye;                /* ended by us; its 2xx is only acknowledged from now on */
	uint32_t rseq;               /* of its last reliable response that ended here; 0: none yet */
	char *answer;                /* the callee's description in a reliable response: it counts, whatever the 2xx has; or NULL */
	bool has_answer;             /* the caller has the answer in a reliable response: no 2xx repeats it (RFC 6337 3.1) */
};

/** One side's half of the dialog: enough to send a BYE of our own (W2-SIP-72). */
struct cp_half {
	char *target;                /* remote target: Contact URI of that side */
	char *identity;              /* From or To value of that side, with its tag */
	char *tag;
	char *routes[CP_ROUTES_MAX]; /* core side: route set beyond us */
	unsigned n_routes;
	uint32_t cseq;               /* highest CSeq of that side's name; of the WIC: as the core sees it */
};

/** BUNDLE (RFC 9143): has its own transport, which is in no group; has that of the group; shares it. */
enum cp_line_bundle { CP_LINE_ALONE, CP_LINE_TRANSPORT, CP_LINE_MEMBER };

/**
 * An m-line of the core with streams at the gateway: the stream's ID is the line's number, from 1, on both terminations (M-2).
 * Channels have another one (CP_CHANNEL_STREAM), and the first line of their data line has its association on the access side.
 */
struct cp_media_line {
	uint8_t index;               /* of the m-line */
	char *local_access, *local_core;   /* Local texts of the gateway */
	uint64_t wic_ice;                  /* of the WIC's ICE credentials the gateway was told last; 0: not known */
	/* of the access side, as local_access */
	enum cp_line_bundle bundle;
	uint8_t mid_ext;             /* id of the MID header extension by the offer that brought the line; 0: none */
	char *local_channel;         /* of the channel beside the data line */
	enum sdp_setup wic_setup;    /* DTLS role the WIC has got: kept by later answers (W2-SEC-06); NONE: not yet */
	char *mid;                   /* on W2, as agreed last: it stays, and what takes the line's place has another (RFC 9143 9) */
	unsigned exchange;           /* whose offer its streams were reserved for; 0: they were agreed on */
	unsigned transport_exchange; /* the same of local_access, which other lines may have a part in */
};

/** A REFER that has another CSeq on the other leg: its subscription is named by it. */
struct cp_refer {
	enum cp_side to;             /* where it went */
	uint32_t said, sent;         /* its number where it came from, and where it went; 0: none */
};

/** An offer in progress: memory of one exchange. */
struct cp_exchange {
	struct gw_arena arena;
	struct sdp_model offer, answer;    /* in the core's lines */
	struct sdp_map map;          /* as the offer has made it */
	struct sdp_stream *streams;  /* one a line of the offer, in the arena; NULL: no offer */
	enum cp_side sender;         /* of the INVITE or UPDATE */
	enum cp_side offerer;        /* the side the offer came from: the other one when it is delayed */
	uint32_t cseq;               /* of the INVITE or UPDATE */
	bool is_own;                 /* asked by nobody: call_loss.c */
	struct gw_sv offer_said;     /* the offer as it came */
	bool is_delayed;             /* no offer in the INVITE: one in the 2xx, the answer in the ACK (W2-SIP-25) */
	struct gw_sv offer_text;     /* delayed: what the sender was offered; empty: nothing yet */
	struct cp_uas *u;            /* INVITE or UPDATE being served */
	struct cp_uac *c;
	char *answer_text;           /* answer that was applied last, to know a repetition */
	bool is_applied;
};

struct cp_sdes;

struct cp_call {
	struct gw_list node;
	struct cp_alg *alg;
	uint64_t id;
	enum cp_call_state state;
	enum cp_side origin;         /* where the INVITE came from */
	struct cp_binding *b;        /* valid while the binding is */
	struct gw_list of_binding;
	char *call_id;
	struct cp_half w2, core;
	uint32_t cseq_first;         /* of the first INVITE */
	uint32_t cseq_shift;         /* what is behind it has numbers higher by this at the core: we sent as many requests */
	uint32_t cseq_shift_w2;      /* the same of the core's requests to the WIC */
	struct cp_refer refers[CP_REFERS_MAX];	/* the last of them, in turn */
	unsigned n_refers;
	struct cp_rel rel;
	struct cp_uas *early_u;      /* UPDATE, PRACK or re-INVITE with an offer that is answered here, or NULL */
	uint32_t ack_here;           /* CSeq of the WIC's last re-INVITE answered here: its ACK ends here too; 0: none */
	char icid[64];
	char *far_ioi;               /* operator of the other party, as its network names itself; NULL: unknown */
	unsigned gateway;            /* CP_GATEWAY_FAR: of another node, named below */
	uint64_t gateways_tried;     /* bit mask: they would not have it */
	char *far_node, *far_gateway; /* who controls the gateway of a call taken over; NULL: we do */
	uint64_t told_hash;          /* of what the gateway knows of both parties; directions apart */
	uint32_t context;
	char *term_access, *term_core;
	struct cp_media_line lines[CP_LINES_MAX];
	struct cp_sdes *sdes;        /* keys of the core's leg; NULL: none */
	unsigned n_lines;
	struct sdp_map map;          /* as agreed last (W2-SDP-04) */
	bool ice_lite;
	struct sdp_origin o_w2, o_core;
	struct cp_exchange ex;
	unsigned n_exchanges;        /* the number of this one */
	struct cp_fork forks[CP_FORKS_MAX];
	unsigned n_forks;
	bool is_emergency;           /* the gateway is told, too (W2-EMG-05) */
	bool is_priority;            /* Resource-Priority of the core (TS 22.153): as far as overload goes, like an emergency */
	bool early_supported;        /* the core's INVITE said P-Early-Media: supported (W2-EM-05) */
	bool is_answered, is_cancelled, ice_ok, dtls_up;
	struct sip_msg *waiting;     /* INVITE, response or ACK kept until the gateway has done its part */
	struct gw_arena waiting_arena;
	struct gw_timer ice_timer, grace;
	struct cp_loss *loss;        /* consent was lost, and is waited for; or NULL */
	uint64_t lost_ms;            /* when that was, the last time; 0: never */
	struct gw_timer session;     /* RFC 4028: armed while both sides refresh the session */
	uint32_t session_s;          /* its interval as agreed last; 0: none, or of before a restart */
	enum cp_side refresher;      /* who refreshes it */
	uint64_t refreshed_ms;       /* when both sides did, the last time */
	uint64_t start_ms, ring_ms, answer_ms, ice_ms, dtls_ms;   /* 0: not yet */
	char *called;                /* URI; NULL: before a restart */
	char *codecs;                /* "audio/opus video/VP8", as agreed last; for the record */
	bool lives_on;               /* after this object: at another node, or in the store */
};

/* For the trace: whose call it is. */
static inline const char *cp_call_user(const struct cp_call *c)
{
	return c->b ? c->b->aor : NULL;
}

struct cp_alg {
	struct cp_sip *s;
	struct cp_iq *iq;
	struct gw_list calls;
	struct gw_map by_id;
	struct gw_map lent;          /* gateway and context -> struct lent of call_far.c */
	uint64_t next_id;
	struct cp_cdr_file *cdr;     /* NULL: no records */
	struct gw_map ended;         /* id -> struct ended of call_record.c */
};

static inline enum cp_side cp_other(enum cp_side s)
{
	return s == CP_SIDE_W2 ? CP_SIDE_MW : CP_SIDE_W2;
}

/* An offer is under way. */
static inline bool cp_call_is_busy(const struct cp_call *c)
{
	return (c->ex.u && !c->ex.u->is_final) || c->waiting || (c->ex.is_delayed && !c->ex.is_applied);
}

static inline bool cp_has_sdp(const struct sip_msg *m)
{
	return m->body.len && gw_sv_istarts(sip_msg_value(m, SIP_HDR_CONTENT_TYPE), GW_SV("application/sdp"));
}

/* A body nobody here reads into: it may hold a description for the other leg (W2-ERR-23, threat P3). */
static inline bool cp_is_opaque(const struct sip_msg *m)
{
	struct gw_sv type = sip_msg_value(m, SIP_HDR_CONTENT_TYPE);

	return m->body.len && (type.len == 0 || sip_msg_find(m, SIP_HDR_CONTENT_ENCODING) ||
		gw_sv_istarts(type, GW_SV("multipart/")) || gw_sv_istarts(type, GW_SV("application/pkcs7-mime")));
}

/* call.c */
/** It is one of this binding's from now on. */
void cp_call_of_binding(struct cp_call *c, struct cp_binding *b);

/* call_bundle.c */
/** The line whose transport others share, or may; NULL: none. */
const struct cp_media_line *cp_bundle_transport(const struct cp_call *c);
/** Which lines of an offer that are new at the gateway will share one: said of each before it is reserved. */
void cp_bundle_choose(struct cp_call *c);
/** mgroup/gs of the access termination; there are members. GW_ENOMEM */
enum gw_err cp_bundle_property(struct cp_call *c, struct iq_prop *out) GW_NODISCARD;
/** The line of a description of the client that says where the group's transport is; NULL: none does. */
const struct sdp_line *cp_bundle_tagged(const struct cp_call *c, const struct sdp_model *wic);
/** The id of the MID header extension that is agreed upon for a line of the access side, or offered; 0: none. */
uint8_t cp_bundle_mid_ext(const struct cp_call *c, unsigned transport);
/** Group, roles and MID of the lines to be written to the client. */
void cp_bundle_locals(const struct cp_call *c, struct sdp_local *out, bool is_answer);

/* call_dialog.c */
void cp_half_clear(struct cp_half *h);
void cp_half_target(struct cp_half *h, const struct sip_msg *m);
void cp_half_identity(struct cp_half *h, const struct sip_msg *m, enum sip_hdr_id id);
/** The core's route set out of a Record-Route (cp_core_entries). */
void cp_half_routes(struct cp_call *c, const struct sip_msg *m, bool is_reversed);
/** Inter-operator identifier of the other party in a message of the core: of the INVITE, or of its answer. */
void cp_call_learn_ioi(struct cp_call *c, const struct sip_msg *m);
/** The fork with this To-tag, made when new; NULL: too many. */
struct cp_fork *cp_call_fork(struct cp_call *c, struct gw_sv tag);
/** Are both tags of a request from this side those of the call (RFC 3261 12.2.2)? */
bool cp_call_in_dialog(const struct cp_call *c, const struct sip_msg *m, enum cp_side from);
/** Does it belong to a fork of the call that was not the one answered? */
bool cp_call_in_fork(const struct cp_call *c, const struct sip_msg *m, enum cp_side from);

/* call_cseq.c */
/**
 * A request within the dialog on its way to this side: our own requests have used some of its sender's CSeq numbers
 * (W2-ST-05). The answer gets its own number back from its server transaction.
 */
void cp_call_renumber(struct cp_call *c, struct sip_msg *m, enum cp_side to);
/** A REFER with another number, sent to this side: what names it later is renumbered, too. */
void cp_call_renumbered_refer(struct cp_call *c, enum cp_side to, uint32_t said, uint32_t sent);

/* call_end.c */
/** Let go of the call; what still waits for an answer gets 487, what still rings gets CANCEL. */
void cp_call_end(struct cp_call *c, const char *why);
/** The re-offer under way fails, by us: this status to its sender; the session goes on as it was (W2-SIP-34). */
void cp_call_fail_reoffer(struct cp_call *c, unsigned status, const char *text);
/** End the call from our side: BYE, CANCEL or a final response to both, Reason as W2-SIP-71. */
void cp_call_release(struct cp_call *c, unsigned cause, const char *text);
/** A BYE of our own towards one side, in the name of the other (W2-SIP-72); a WIC that is away gets it when back. */
void cp_call_send_bye(struct cp_call *c, enum cp_side to, struct gw_sv reason);
/** A request of our own towards one side, in the name of the other: URI, routes, identities, CSeq. false: it cannot be made */
bool cp_call_own_request(const struct cp_call *c, enum cp_side to, enum sip_method method, struct sip_msg *m, struct gw_arena *arena);
/** An ACK of the other side goes on: m, all headers done. */
void cp_call_send_ack(struct cp_call *c, struct sip_msg *m, enum cp_side to);
/**
 * A request in the dialog a response of the callee makes, in the name of the caller: URI, Route, From, To, Call-ID,
 * CSeq. The URI is empty when no Contact was ever told.
 */
void cp_call_dialog_request(const struct cp_call *c, const struct sip_msg *response, enum sip_method method,
	uint32_t cseq, struct sip_msg *m, struct gw_arena *arena);
/** ACK a 2xx the caller will not acknowledge, in its name (W2-SIP-70). */
void cp_call_ack(struct cp_call *c, const struct sip_msg *ok);
/** The same, and BYE, once, to the dialog it has made. */
void cp_call_hang_up(struct cp_call *c, const struct sip_msg *ok, const char *reason);
/**
 * The exchange's transactions know the call no more. An INVITE that may still be answered is watched:
 * a 2xx that comes nevertheless gets ACK and BYE with the reason.
 */
void cp_call_detach(struct cp_call *c, const char *reason);
void cp_call_on_ice_timer(struct gw_timer *timer, uint64_t now_ms);
void cp_call_on_grace(struct gw_timer *timer, uint64_t now_ms);

/* call_record.c */
/** The call ends: its record waits for the reply to the Subtract that is sent next, if there is a context. */
void cp_call_record_end(struct cp_call *c, const char *why);
/** The reply, or its absence: NULL. */
void cp_call_record_media(struct cp_alg *a, const struct cp_iq_ref *ref, const struct iq_txn *reply);
/** Who is called, by the INVITE as it came. */
void cp_call_record_called(struct cp_call *c, const struct sip_msg *invite);
/** An exchange is complete: what was agreed. */
void cp_call_record_codecs(struct cp_call *c);
/** What still waits is written as it is. */
void cp_call_record_flush(struct cp_alg *a);

/* call_offer.c */
/** A call without anything in it; NULL: out of memory. */
struct cp_call *cp_call_alloc(struct cp_alg *a);
/** Its memory, and nothing else: no list, map or timer knows it any more. */
void cp_call_free(struct cp_call *c);
/** What is reserved is there: the INVITE or UPDATE that waits for it goes to the other side. */
void cp_call_send_offer(struct cp_call *c);
/** The gateway has not reserved it. */
void cp_call_not_reserved(struct cp_call *c);
void cp_call_on_uac_gone(void *user, struct cp_uac *uac);
void cp_call_on_uas_gone(void *user, struct cp_uas *u);
void cp_call_on_cancel(void *user, struct cp_uas *u, const struct sip_msg *cancel);
enum gw_err cp_call_forward_offer(struct cp_call *c, struct sip_msg *m);
void cp_call_new(struct cp_alg *a, struct cp_uas *u, struct sip_msg *m, struct cp_binding *b,
	enum cp_side to);
void cp_call_reoffer(struct cp_call *c, struct cp_uas *u, struct sip_msg *m, enum cp_side to);

/* call_delayed.c */
/** A 2xx to an INVITE that had no offer: m holds it. */
void cp_call_delayed_offer(struct cp_call *c, struct sip_msg *m);
/** The same 2xx once more. */
void cp_call_delayed_again(struct cp_call *c, struct sip_msg *m);
/** The gateway has its part of the delayed offer, or of the answer: what waits goes on. */
void cp_call_delayed_go(struct cp_call *c, struct sip_msg *m);
/** The ACK of the call's exchange; true: it was kept, or was sent. */
bool cp_call_delayed_ack(struct cp_call *c, struct sip_msg *m);

/* call_answer.c */
/** Gate of the call as it stands for the dialog with this tag, with a response of this status (W2-EM-02, -05, -07). */
enum cp_gate cp_call_gate(struct cp_call *c, unsigned status, struct gw_sv tag);
/** P-Early-Media of the core in a message of the dialog with this tag: remembered, and the gate follows. */
void cp_call_early_media(struct cp_call *c, const struct sip_msg *m, struct gw_sv tag);
void cp_call_relay_waiting(struct cp_call *c);
/** Relay a response to the INVITE's or UPDATE's sender; description, when not empty, replaces its body. */
void cp_call_relay(struct cp_call *c, struct sip_msg *m, struct gw_sv description);
/** Keep a copy until the gateway has answered; without memory for it nothing waits. */
void cp_call_keep(struct cp_call *c, const struct sip_msg *m);
/** Forget what waits. */
void cp_call_drop_waiting(struct cp_call *c);
/** A description in m we cannot use (W2-ERR-47 for the first answer; a re-offer leaves the session as it was). */
void cp_call_refuse_answer(struct cp_call *c, struct sip_msg *m, const char *why);
void cp_call_on_response(void *user, struct cp_uac *uac, struct sip_msg *m, unsigned status);

/* call_early.c: offers before the call is answered */
enum cp_early_result { CP_EARLY_TAKEN, CP_EARLY_REFUSED, CP_EARLY_OVER };
/** This offer of u, f its dialog (NULL: answered); the gateway is told, then it is answered. REFUSED: all is as it was, and u is yours. */
enum cp_early_result cp_early_take(struct cp_call *c, struct cp_fork *f, struct cp_uas *u, struct sip_msg *m, const char **why);
/** An UPDATE or a PRACK with an offer; or an INVITE that comes too early. @return false: the call is over */
bool cp_early_offer(struct cp_call *c, struct cp_uas *u, struct sip_msg *m, enum cp_side to);
/** The gateway has its part of it. */
void cp_early_go(struct cp_call *c);
void cp_early_end(struct cp_call *c);

/* call_restart.c */
/** A re-offer of the WIC in a quiet call: is it an ICE restart and nothing else, and answered here? */
bool cp_call_restart(struct cp_call *c, struct cp_uas *u, struct sip_msg *m);

/* call_loss.c */
/** Consent is lost: the grace begins. */
void cp_loss_begin(struct cp_call *c);
/** There is connectivity. */
void cp_loss_over(struct cp_call *c);
/** Has a re-offer of this side to wait for one of ours? */
bool cp_loss_blocks(const struct cp_call *c, enum cp_side sender);
/** A re-offer takes the place of ours. */
void cp_loss_superseded(struct cp_call *c);
/** An exchange is over without an agreement: what had to wait for it goes on. */
void cp_loss_again(struct cp_call *c);
/** The two sides have agreed on something: nobody is held by us any more. */
void cp_loss_agreed(struct cp_call *c);
/** The gateway has other ICE credentials, or not. */
void cp_loss_restarted(struct cp_call *c, bool is_ok);
/** Our offer was answered, or refused. */
void cp_loss_go_on(struct cp_call *c, bool is_ok);
void cp_loss_free(struct cp_call *c);

/* call_refresh.c */
/** A 2xx to INVITE or UPDATE of an answered call: how long it may last without another (W2-SIP-39). */
void cp_call_refreshed(struct cp_call *c, const struct sip_msg *ok, enum cp_side asked_by);
/** Is a re-offer of the WIC a refresh that the core must not miss? Not while the WIC's next one still comes in time. */
bool cp_call_must_refresh(const struct cp_call *c, const struct sip_msg *m);
/** A request of our own leaves the timer as it is. */
void cp_call_keep_session(const struct cp_call *c, struct sip_msg *m, enum cp_side to);
void cp_call_on_session(struct gw_timer *timer, uint64_t now_ms);

/* call_state.c */
/** Keep it, if it is answered, as it is now. */
void cp_call_save(const struct cp_call *c);
void cp_call_forget(const struct cp_call *c);

/**
 * Take over an answered call of another node, with its binding: key and record as call_state.c wrote them.
 * NULL: it cannot be used (counted)
 */
struct cp_call *cp_call_restore(struct cp_alg *a, struct gw_sv key, struct gw_sv value);
/** What a restored call may go on with, or it is released. */
void cp_call_settle(struct cp_call *c);

/* call_far.c: calls that have moved to another node without their media */
/** The context of a call that is not ours any more stays, for the node that has the call. */
void cp_lent_add(struct cp_alg *a, unsigned gateway, uint32_t context, struct gw_sv owner);
/** Is this context lent? It goes from the list: the gateway has lost it, or its call is here again. */
bool cp_lent_remove(struct cp_alg *a, unsigned gateway, uint32_t context);
/** After a restart: they count at their gateways. */
void cp_lent_count(const struct cp_alg *a);
/** Those of a gateway that are not there: their calls, elsewhere, have no media any more. there NULL: none is. */
void cp_lent_lost(struct cp_alg *a, unsigned gateway, const struct gw_map *there);
/** An event of the gateway about a lent context goes to the node that has the call. false: it is not lent */
bool cp_lent_event(struct cp_alg *a, unsigned gateway, uint32_t context, const char *what);
enum gw_err cp_lent_restore(struct cp_alg *a) GW_NODISCARD;
void cp_lent_free(struct cp_alg *a);
/** We have the call now, its media is at another node. */
void cp_far_begin(struct cp_call *c);
/** The far node may give the context back. */
void cp_far_end(struct cp_call *c);

/* call_sdp.c: the descriptions of an exchange */
/** Forget the exchange before; from now on it is one of this sender. */
void cp_sdp_begin(struct cp_call *c, enum cp_side sender);
/** An offer of this side: what crosses. @return not GW_OK: *why and *status say how it is refused */
enum gw_err cp_sdp_offer(struct cp_call *c, struct gw_sv sdp, enum cp_side from, const char **why, unsigned *status);
/** The answer to it; refused: the exchange is as it was. */
enum gw_err cp_sdp_answer(struct cp_call *c, struct gw_sv sdp, const char **why);
/** An early offer of the side that has answered: what it says holds instead of its answer (call_early.c), once it is agreed on. */
enum gw_err cp_sdp_offer_anew(struct cp_call *c, struct gw_sv sdp, const char **why);
/** The exchange is agreed, with its map, roles and names. */
void cp_sdp_agree(struct cp_call *c);
/** Description of the offer for the other leg, of the answer for the offerer; the gateway has reserved its part. */
enum gw_err cp_sdp_write_offer(struct cp_call *c, struct gw_buf *out);
enum gw_err cp_sdp_write_answer(struct cp_call *c, struct gw_buf *out);
/** Our DTLS role in line i, said in Local: by the offer from a WIC, or left open when we offer (F-35, F-37). */
enum sdp_setup cp_sdp_our_setup(const struct cp_call *c, unsigned i);
/** What an offer of ours to the WIC calls the core's line i; in the exchange's arena. */
struct gw_sv cp_sdp_mid(struct cp_call *c, unsigned i);
/** RFC 4145 on the core's side of MSRP: our offer leaves it open; an offerer that says nothing connects. */
enum sdp_setup cp_sdp_tcp_setup(const struct cp_call *c, unsigned i);

/* call_sdes.c: SRTP on the core's leg */
/** Our keys for the lines of the offer under way that may have one. GW_ENOMEM */
enum gw_err cp_sdes_choose(struct cp_call *c) GW_NODISCARD;
/** An answer holds from now on. */
void cp_sdes_agreed(struct cp_call *c);
/** A Local of the gateway as it may be kept and stored; malloc'ed, or NULL. */
char *cp_sdes_without_keys(struct gw_sv text) GW_NODISCARD;
void cp_sdes_free(struct cp_call *c);

/* call_media.c: terminations of the gateway */
/** Has the gateway streams for every line of the offer that crosses? */
bool cp_media_is_reserved(const struct cp_call *c);
/** Reserve what is missing: a new context, or streams beside those that are there. */
enum gw_err cp_media_reserve(struct cp_call *c);
enum gw_err cp_media_reserved(struct cp_call *c, const struct iq_txn *reply);
/** A Modify was done: Locals that came with it are the lines' from now on. */
void cp_media_configured(struct cp_call *c, const struct iq_txn *reply);
/**
 * Modify with what the exchange has agreed; directions the gate does not name stay closed. Of a call whose gateway is another
 * node's: nothing is sent. GW_OK: the gateway knows all but the directions already; GW_EUNSUPP: it would have to be told.
 */
enum gw_err cp_media_configure(struct cp_call *c, enum cp_gate gate, unsigned step);
/** Other ICE credentials of ours, in every line; they come with the reply, and are the lines' by cp_media_configured. */
enum gw_err cp_media_restart_ice(struct cp_call *c, unsigned step);
/** The line with this index, made when new; NULL: no memory, or too many. */
struct cp_media_line *cp_call_line(struct cp_call *c, unsigned index);
/** The line whose transport on the access side this one has: itself, or the first of its data line. NULL: nothing is reserved */
struct cp_media_line *cp_call_transport(const struct cp_call *c, unsigned index);
/** The index of it. */
unsigned cp_call_transport_of(const struct cp_call *c, unsigned index);
/** The first line that crosses and has this one's transport; -1: none. */
int cp_call_line_with(const struct cp_call *c, unsigned transport);
/** Index of the first m-line that crosses; -1: none. */
int cp_media_line(const struct cp_call *c);
void cp_media_subtract(struct cp_call *c);
/** What the gateway has said of itself. */
void cp_media_forget(struct cp_call *c);

#endif
