/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text encoding of H.248.1 Annex B, versions 1 to 3, as a tree of items, long and short tokens:
 *   item = [timestamp ":"] name [relation value] ["{" (raw octets | items ",") "}"]
 * h248_parse reads the tree and holds it against the grammar of the message's version (grammar.h);
 * h248_print writes it again. What the items mean is decided above (proto/iq). Slices point into the
 * message, or into the arena.
 */
#ifndef H248_TEXT_H
#define H248_TEXT_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/h248/error.h"
#include "proto/h248/token.h"

#define H248_MAX_BYTES 65535
#define H248_MAX_DEPTH 16
#define H248_MAX_ITEMS 4096

/** Why a transaction, an action or a command cannot be executed. */
struct h248_fault {
	unsigned code;               /* H.248.8 */
	size_t off;                  /* where in the message */
	const char *what;            /* a sentence */
	struct gw_sv near;           /* the name or value that is wrong, for the error text */
};

struct h248_item {
	struct gw_sv name;           /* as written; a bare quoted string has is_quoted_name */
	enum h248_token token;       /* of the name, where the grammar has a token at this place; else NONE */
	char relation;               /* '=', '#', '<', '>' or 0 */
	char bracket;                /* of a list of values: '[' all of, '{' one of, ':' a range; else 0 */
	struct gw_sv value;          /* without quotes; of a list: the first element */
	enum h248_token value_token; /* of the value, where the grammar has a token at this place; else NONE */
	bool is_quoted, is_quoted_name;
	struct h248_item *list;      /* further elements of a list: value, value_token, is_quoted */
	struct gw_sv timestamp;      /* yyyymmddThhmmsscc before a ':' */
	bool has_braces;
	struct gw_sv raw;            /* body of Local, Remote, DigitMap, with \} decoded */
	struct h248_item *child, *next;
	size_t off;                  /* where it stands, for errors */
	const struct h248_fault *fault;  /* of a transaction, an action or a command; NULL: legal */
};

struct h248_message {
	unsigned version;            /* of the header */
	struct gw_sv mid;
	bool has_auth;               /* an authentication header came before: nobody can check it */
	struct h248_item *body;      /* transactions, or one Error */
	unsigned n_faults;           /* of transactions, actions and commands */
	unsigned refusal;            /* what a message that failed is answered with: 400 */
};

/**
 * Faults within transactions do not fail the message: they hang at the item of their level.
 *
 * @return GW_OK; GW_EBADMSG (diag has offset and sentence; m->mid and version are set if the header
 *         was readable); GW_ELIMIT (too big, too deep, too many items); GW_ENOMEM
 */
enum gw_err h248_parse(struct h248_message *m, struct gw_arena *arena, struct gw_sv text,
	struct gw_diag *diag) GW_NODISCARD;
/** First child with that token, or NULL. */
const struct h248_item *h248_child(const struct h248_item *parent, enum h248_token token);

/**
 * The tree as text; what h248_parse makes of it is the same tree.
 *
 * @return GW_OK; GW_ENOSPC; GW_EINVAL: a quoted string holds a quote or a line end, or raw octets a '}':
 *         other implementations do not know its escape, so it is read, but never written (T-7)
 */
enum gw_err h248_print(const struct h248_message *m, bool is_long, struct gw_buf *out) GW_NODISCARD;

/** Is this a mId: [address]:port, <domain>:port, a device name, MTP{octets}? */
bool h248_is_mid(struct gw_sv s);
/** Is this a SafeChar (T-2)? */
bool h248_is_safe(char c);
/** Would these characters be read as one value without quotes? */
bool h248_is_plain(struct gw_sv s);

#endif
