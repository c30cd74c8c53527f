/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration text (YAML, by libyaml) as a tree that remembers its lines, and readers that note
 * every mistake as one line "FILE:LINE: key: what is wrong". Bytes in, bytes out: files are the
 * caller's matter. A key nobody read is reported as unknown by conf_finish.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "proto/base/addr.h"
#include "proto/base/arena.h"
#include "proto/base/log.h"

enum conf_kind { CONF_SCALAR, CONF_MAP, CONF_LIST };

struct conf_node {
	enum conf_kind kind;
	unsigned line;               /* 1-based */
	struct gw_sv key;            /* in a map */
	struct gw_sv value;          /* scalar */
	struct conf_node *child, *next;
	unsigned n_children;
	bool is_used;
	const struct conf_node *parent;
};

struct conf {
	struct gw_arena *arena;
	const char *file;            /* for messages */
	struct gw_buf *errors;
	unsigned n_errors;
	struct conf_node *root;
};

/** GW_OK; GW_EBADMSG (reported); GW_ENOMEM. */
enum gw_err conf_parse(struct conf *c, struct gw_arena *arena, const char *file, struct gw_sv text,
	struct gw_buf *errors) GW_NODISCARD;
/** Report a mistake at a node. */
void conf_error(struct conf *c, const struct conf_node *n, const char *fmt, ...) GW_PRINTF(3, 4);

/** Child map or list by key; NULL when absent (reported if required) or of the wrong kind (reported). */
struct conf_node *conf_map(struct conf *c, struct conf_node *map, const char *key, bool is_required);
struct conf_node *conf_list(struct conf *c, struct conf_node *map, const char *key, bool is_required);
/** The scalar itself, for further parsing; marks it as used. */
struct conf_node *conf_scalar(struct conf *c, struct conf_node *map, const char *key, bool is_required);

/** Values; absent gives dflt. dflt NULL with is_required reports. Strings live in the arena. */
char *conf_str(struct conf *c, struct conf_node *map, const char *key, const char *dflt,
	bool is_required);
/** Path of a UNIX socket: as long as the system takes it. */
char *conf_socket(struct conf *c, struct conf_node *map, const char *key, const char *dflt);
unsigned conf_uint(struct conf *c, struct conf_node *map, const char *key, unsigned min, unsigned max,
	unsigned dflt);
bool conf_bool(struct conf *c, struct conf_node *map, const char *key, bool dflt);
/** Index into names (NULL-terminated), or dflt. */
unsigned conf_enum(struct conf *c, struct conf_node *map, const char *key, const char *const *names,
	unsigned dflt);
/** "ip:port"; dflt_port 0: the port is required. dflt is text. */
struct gw_addr conf_addr(struct conf *c, struct conf_node *map, const char *key, uint16_t dflt_port,
	const char *dflt);
bool conf_node_addr(struct conf *c, const struct conf_node *n, uint16_t dflt_port, struct gw_addr *out);
/** List of strings; *n how many. */
char **conf_strs(struct conf *c, struct conf_node *map, const char *key, bool is_required, unsigned *n);

/** What a value has to be, and how that is said. */
struct conf_form {
	bool (*is)(struct gw_sv v);
	const char *what;
};

/** As conf_str and conf_strs, of one form. The value itself is not repeated: it may hold anything, line ends too. */
char *conf_text(struct conf *c, struct conf_node *map, const char *key, const char *dflt, const struct conf_form *f);
char **conf_texts(struct conf *c, struct conf_node *map, const char *key, unsigned *n, const struct conf_form *f);

/** A map of texts: each goes to take, whose word about what is wrong (NULL: nothing is) is reported at its line. */
void conf_each(struct conf *c, struct conf_node *map, const char *key,
	const char *(*take)(struct gw_sv key, struct gw_sv value));

/** Report unknown keys. @return GW_OK when there was no mistake at all, else GW_EINVAL */
enum gw_err conf_finish(struct conf *c) GW_NODISCARD;

#endif
