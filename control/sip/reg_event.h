/* SPDX-License-Identifier: Apache-2.0 */
/* A reg-event subscription of ours: reg_event.c keeps the dialog, reg_event_notify.c applies what it tells. */
#ifndef CP_REG_EVENT_H
#define CP_REG_EVENT_H

#include "control/sip/reg_int.h"

#define CP_EVENT_ROUTES 8
#define CP_EVENT_ID_CHARS 24
#define CP_EVENT_TAG_CHARS 12

enum cp_event_state {
	CP_EVENT_ASKING,             /* the first SUBSCRIBE of the dialog is not answered yet */
	CP_EVENT_ACTIVE,
	CP_EVENT_WAITING,            /* for the next attempt */
	CP_EVENT_REFUSED,            /* this core does not do it; asked again when the user has left and come back */
	CP_EVENT_CLOSING,            /* un-subscribed; its last NOTIFY is answered */
};

struct cp_reg_event {
	struct gw_list node;
	struct cp_reg *reg;
	char *impu;                  /* default IMPU of the set */
	struct gw_list bindings;
	enum cp_event_state state;
	bool is_saved;               /* the state store has it */
	bool is_busy;                /* a NOTIFY is being applied: it is not freed meanwhile */
	char call_id[CP_EVENT_ID_CHARS + 1], tag[CP_EVENT_TAG_CHARS + 1];
	char *remote_tag, *target;   /* NULL: no dialog yet */
	char *routes[CP_EVENT_ROUTES];
	unsigned n_routes;
	uint32_t cseq, remote_cseq;
	bool has_remote_cseq;
	uint32_t version;            /* of the last document (RFC 3680 5) */
	bool has_version;
	uint32_t expires_s;          /* asked for */
	uint32_t retry_s;            /* the next back-off */
	uint64_t sent_ms, active_ms; /* last SUBSCRIBE; begin of the dialog */
	struct cp_uac *c;            /* SUBSCRIBE under way */
	struct gw_timer timer;
};

/** A set that nobody has subscribed to yet, in state CP_EVENT_WAITING when it is restored; NULL: no memory. */
struct cp_reg_event *cp_reg_event_new(struct cp_reg *r, const char *impu);
/** The timer of the next SUBSCRIBE. */
void cp_reg_event_wait_ms(struct cp_reg_event *e, uint64_t ms);
/** Forget the dialog, if there is one: the next SUBSCRIBE begins another. */
void cp_reg_event_drop_dialog(struct cp_reg_event *e);
/** event_state.c: keep the dialog as it is now. */
void cp_reg_event_save(struct cp_reg_event *e);
void cp_reg_event_unsave(struct cp_reg_event *e);
/** Ask for the full state again (a version was missed). */
void cp_reg_event_refresh(struct cp_reg_event *e);
/** The core has ended the subscription while contacts remain (RFC 6665 4.1.3). */
void cp_reg_event_terminated(struct cp_reg_event *e, struct gw_sv reason, uint32_t retry_after_s);
/** Nobody is left in the set: un-subscribe. e is freed, now or later. */
void cp_reg_event_close(struct cp_reg_event *e);
void cp_reg_event_free(struct cp_reg_event *e);
/** A NOTIFY may be the first word of the far end. @return is it from the far end of this dialog? */
bool cp_reg_event_learn(struct cp_reg_event *e, const struct sip_msg *notify);
/** The notifier has shortened the subscription. */
void cp_reg_event_shorten(struct cp_reg_event *e, uint32_t expires_s);

#endif
