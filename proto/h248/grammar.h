/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of H.248.1 Annex B as a table over the tree of items: what may stand in which braces, in
 * what form, from which version on, and which H.248.8 code a mistake earns. "The syntax is
 * context-dependent" (Annex B, note 2): a word is a token only where a row says so.
 */
#ifndef H248_GRAMMAR_H
#define H248_GRAMMAR_H

#include "proto/h248/text.h"

/* What stands within braces; NONE: no braces, RAW: octets. */
enum h248_rule { H248_R_NONE, H248_R_RAW, H248_R_BODY, H248_R_REQUEST, H248_R_REPLY, H248_R_ACK, H248_R_EMPTY,
	H248_R_ERROR, H248_R_ACTION, H248_R_ACTION_REPLY, H248_R_TOPOLOGY, H248_R_CONTEXT_ATTR,
	H248_R_CONTEXT_AUDIT, H248_R_CONTEXT_ATTR_AUDIT, H248_R_AMM, H248_R_AUDIT_ONLY, H248_R_NOTIFY,
	H248_R_SERVICE_CHANGE, H248_R_AMM_REPLY, H248_R_TERMS, H248_R_ERROR_ONLY, H248_R_SERVICE_CHANGE_REPLY,
	H248_R_MEDIA, H248_R_STREAM, H248_R_LOCAL_CONTROL, H248_R_STATE, H248_R_EVENTS, H248_R_EVENT,
	H248_R_EMBED, H248_R_EVENTS_2, H248_R_EVENT_2, H248_R_EMBED_2, H248_R_EVENT_BUFFER, H248_R_OBSERVED,
	H248_R_OBSERVED_EVENT, H248_R_SIGNALS, H248_R_SIGNAL, H248_R_SIGNAL_LIST, H248_R_AUDIT,
	H248_R_AUDIT_MEDIA, H248_R_AUDIT_STREAM, H248_R_AUDIT_CONTROL, H248_R_AUDIT_STATE, H248_R_AUDIT_EVENTS,
	H248_R_AUDIT_BUFFER, H248_R_AUDIT_EVENT, H248_R_AUDIT_SIGNALS, H248_R_AUDIT_SIGNAL,
	H248_R_AUDIT_SIGNAL_LIST, H248_R_AUDIT_STATS, H248_R_AUDIT_PACKAGES, H248_R_SERVICES,
	H248_R_SERVICES_REPLY, H248_R_STATS, H248_R_PACKAGES, H248_R_PROPERTIES, H248_R_COUNT };

/* What a name is when it is no token. */
enum h248_word { H248_W_TOKEN, H248_W_PACKAGED, H248_W_NAME, H248_W_TERM, H248_W_ACK, H248_W_PACKAGE, H248_W_QUOTED,
	H248_W_TIMESTAMP, H248_W_EXTENSION };

/* What follows the name. Those from ONOFF to EMERGENCY have a token for a value. */
enum h248_form { H248_F_NONE, H248_F_TID, H248_F_TID_SEGMENT, H248_F_CONTEXT, H248_F_TERMS, H248_F_PRIORITY,
	H248_F_U16, H248_F_U32, H248_F_CODE, H248_F_REQUEST_ID, H248_F_OPT_REQUEST_ID, H248_F_ONOFF, H248_F_MODE,
	H248_F_OPT_MODE, H248_F_STATE, H248_F_OPT_STATE, H248_F_BUFFER, H248_F_METHOD, H248_F_SIGNAL_TYPE,
	H248_F_DIRECTION, H248_F_COMPLETION, H248_F_EMERGENCY, H248_F_PROFILE, H248_F_VERSION, H248_F_MID,
	H248_F_ADDRESS, H248_F_VALUE, H248_F_OPT_VALUE, H248_F_STATISTIC, H248_F_ANY, H248_F_CONTEXTS, H248_F_MUX,
	H248_F_MODEM, H248_F_MAP };

/* Braces behind it. */
enum h248_braces { H248_B_NO, H248_B_MAY, H248_B_MUST };

struct h248_row {
	enum h248_rule rule;
	enum h248_word word;
	enum h248_token token;       /* W_TOKEN */
	enum h248_form form;
	enum h248_braces braces;
	enum h248_rule inside;
	bool is_once;
	unsigned char since;         /* version */
};

/** The rows of a rule: *n of them. */
const struct h248_row *h248_rows(enum h248_rule rule, unsigned *n);
/** The tokens a form has for a value, H248_TOK_NONE behind the last; NULL: it has none. */
const enum h248_token *h248_form_tokens(enum h248_form form);
/** Does the name have the form of this word? */
bool h248_word_is(enum h248_word w, const struct h248_item *it);

/**
 * Hold the tree against the grammar; sets tokens and faults.
 * @return GW_OK; GW_EBADMSG: the message as a whole is none (diag); GW_ENOMEM
 */
enum gw_err h248_check(struct h248_message *m, struct gw_arena *arena, struct gw_diag *diag) GW_NODISCARD;

#endif
