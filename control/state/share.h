/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several nodes on one Redis (docs/decisions/011-nodes.md): who owns a binding, where that node is, and what nodes tell
 * each other. A binding belongs to the node that wrote it with the highest epoch; writes with an older one are refused,
 * and the loser is told. Nothing here blocks, and nothing fails when Redis is away: then nobody is found. Control thread.
 */
#ifndef CP_SHARE_H
#define CP_SHARE_H

#include "control/state/store.h"

/** Do other nodes see the bindings of this store? */
bool cp_store_is_shared(const struct cp_store *s);
/** false: Redis is away, and nobody can tell what has moved. true when nothing is shared. */
bool cp_store_is_certain(const struct cp_store *s);
/** Of this node, never 0: the high byte of its binding ids, so that ids are unique among the nodes. Blocks, at the start. */
enum gw_err cp_store_number(struct cp_store *s, uint8_t *number) GW_NODISCARD;

/** What happens elsewhere. */
struct cp_share_ops {
	/** Another node has the binding now. calls: ids of those it has taken over, each in decimal with a comma behind. */
	void (*moved)(void *user, struct gw_sv key, struct gw_sv node, struct gw_sv calls);
	/** A line of cp_store_tell. */
	void (*told)(void *user, struct gw_sv line);
	/** Redis was away, and is back: all that is owned here has to be put again, and whoever lost it is told. */
	void (*back)(void *user);
	void *user;
};

/** From now on the lease runs, and ops are called. ops NULL: never again. s may be NULL, or not shared. */
void cp_store_share(struct cp_store *s, const struct cp_share_ops *ops);

#define CP_STORE_FLOWS 5u
/** The same as cp_store_put for a binding. flows: its ids, now and before it moved, by which other nodes find it. */
void cp_store_put_binding(struct cp_store *s, struct gw_sv key, struct gw_sv value, uint64_t expires_s, uint64_t epoch,
	const uint32_t *flows, unsigned n_flows);
/** An epoch above all others, also of the same moment before. */
uint64_t cp_store_epoch(void);

struct cp_store_call { struct gw_sv id, value; };

/** An answer, pointing into it. */
struct cp_share_answer {
	struct gw_sv node;           /* owner (before); empty: nobody */
	struct gw_addr address;      /* of cp_store_locate: of a living node */
	uint64_t epoch;              /* of cp_store_adopt: ours from now on */
	struct gw_sv value;          /* record of the binding as its owner left it */
	const struct cp_store_call *calls;
	unsigned n_calls;
	const struct gw_sv *values;  /* of cp_store_eval */
	unsigned n_values;
};

/** A question under way. */
struct cp_share_query;
typedef void cp_share_fn(void *user, const struct cp_share_answer *answer);

/**
 * Take a binding over from whoever has it, its calls included, in one step. fn is called once, never from inside;
 * answer NULL: nobody has it, or Redis does not answer in time.
 * @return NULL: fn will not be called, Redis is away
 */
struct cp_share_query *cp_store_adopt(struct cp_store *s, struct gw_sv key, cp_share_fn *fn, void *user);
/** Which living node has the binding with this id? */
struct cp_share_query *cp_store_locate(struct cp_store *s, uint32_t flow, cp_share_fn *fn, void *user);
#define CP_STORE_ARGS 12u
#define CP_STORE_VALUES 1024u
/**
 * Run a script, one step for all nodes. Its names begin with "w2gw:"; it answers a list of strings.
 * @param argv  at most CP_STORE_ARGS; read during the call
 */
struct cp_share_query *cp_store_eval(struct cp_store *s, const char *script, const struct gw_sv *argv, unsigned n,
	cp_share_fn *fn, void *user);
/**
 * Hear what scripts publish on "w2gw:waf". line empty: from now on all is heard, but not what was told before.
 * Set before cp_store_share; s may be NULL, or not shared.
 */
void cp_store_hear(struct cp_store *s, void (*fn)(void *user, struct gw_sv line), void *user);
/** fn is not called any more. Accepts NULL. */
void cp_share_cancel(struct cp_share_query *q);

/** A line for another node; lost when that is away. */
void cp_store_tell(struct cp_store *s, struct gw_sv node, struct gw_sv line);

#endif
