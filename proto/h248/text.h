/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text syntax of H.248.1 Annex B as a tree of items, versions 1 to 3, long and short tokens:
 *   item = [timestamp ":"] name [relation value] ["{" (raw octets | items ",") "}"]
 * What the items mean is decided above (proto/iq). Slices point into the message.
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

struct h248_item {
	struct gw_sv name;           /* as written; a bare quoted string has is_quoted_name */
	enum h248_token token;       /* of the name; H248_TOK_NONE for packages, parameters, numbers */
	char relation;               /* '=', '#', '<', '>' or 0 */
	struct gw_sv value;          /* without quotes; of a list: the first element */
	bool is_quoted, is_quoted_name;
	struct h248_item *list;      /* further elements of "[a, b]" or "{a, b}" values */
	struct gw_sv timestamp;      /* yyyymmddThhmmsscc before a ':' */
	bool has_braces;
	struct gw_sv raw;            /* body of Local, Remote, DigitMap, with \} decoded */
	struct h248_item *child, *next;
	size_t off;                  /* where it stands, for errors */
};

struct h248_message {
	unsigned version;            /* of the header */
	struct gw_sv mid;
	struct h248_item *body;      /* transactions, or one Error */
};

/**
 * @return GW_OK; GW_EBADMSG (diag has offset and sentence; m->mid and version are set if the header
 *         was readable); GW_ELIMIT (too big, too deep, too many items); GW_ENOMEM
 */
enum gw_err h248_parse(struct h248_message *m, struct gw_arena *arena, struct gw_sv text,
	struct gw_diag *diag) GW_NODISCARD;
/** First child with that token, or NULL. */
const struct h248_item *h248_child(const struct h248_item *parent, enum h248_token token);

#endif
