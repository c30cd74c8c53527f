/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answered calls in the state store (W2-ST-03, -04): what a BYE from either side, a BYE of our own and a re-offer need.
 * A call that is not answered yet does not survive: its transactions are gone, and its context is an orphan.
 */
#include <limits.h>
#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/app/metrics.h"
#include "control/app/recent.h"
#include "control/state/record.h"
#include "control/state/share.h"

#define VERSION 1
#define RECORD_BYTES 65536
#define KEEP_S (7u * 86400u)	/* of a call whose node never comes back */
#define KEY_BYTES 1100

/* Of the record; a number is never used again for something else. A half has its own block of ten. */
enum tag { TAG_ID = 1, TAG_ORIGIN, TAG_BINDING, TAG_CALL_ID, TAG_ICID, TAG_GATEWAY, TAG_CONTEXT, TAG_TERM_ACCESS,
	TAG_TERM_CORE, TAG_LOCAL_ACCESS, TAG_LOCAL_CORE, TAG_ICE_LITE, TAG_ICE_OK, TAG_DTLS_UP, TAG_START_S,
	TAG_ANSWER_S, TAG_WATCHED, TAG_FAR_IOI, TAG_LINE, TAG_NODE, TAG_SESSION_END_S, TAG_WIC_SETUP,
	TAG_EMERGENCY, TAG_TOLD_HASH, TAG_CSEQ_FIRST, TAG_CSEQ_SHIFT, TAG_WIC_ICE, TAG_LOCAL_CHANNEL, TAG_CSEQ_SHIFT_W2,
	TAG_O_W2 = 30, TAG_O_CORE = 40, TAG_W2 = 50, TAG_CORE = 60, TAG_MAP = 70, TAG_REFER_MW, TAG_REFER_W2, TAG_MID, TAG_BUNDLE, TAG_UNAGREED };
enum half_tag { HALF_TARGET, HALF_IDENTITY, HALF_TAG, HALF_ROUTE, HALF_CSEQ };
enum origin_tag { ORIGIN_ID, ORIGIN_VERSION, ORIGIN_HASH };

static struct gw_sv key_of(const struct cp_call *c, char key[KEY_BYTES])
{
	struct gw_buf b = gw_buf(key, KEY_BYTES);

	gw_buf_printf(&b, "%llu %s", (unsigned long long)c->id, c->b ? c->b->key : "");
	return gw_buf_sv(&b);
}

/* ---- write -------------------------------------------------------------------------------------------- */

static void put_half(struct gw_buf *b, unsigned base, const struct cp_half *h)
{
	cp_record_put_str(b, (uint8_t)(base + HALF_TARGET), h->target);
	cp_record_put_str(b, (uint8_t)(base + HALF_IDENTITY), h->identity);
	cp_record_put_str(b, (uint8_t)(base + HALF_TAG), h->tag);
	for (unsigned i = 0; i < h->n_routes; i++)
		cp_record_put_str(b, (uint8_t)(base + HALF_ROUTE), h->routes[i]);
	cp_record_put_u64(b, (uint8_t)(base + HALF_CSEQ), h->cseq);
}

static void put_origin(struct gw_buf *b, unsigned base, const struct sdp_origin *o)
{
	cp_record_put_u64(b, (uint8_t)(base + ORIGIN_ID), o->id);
	cp_record_put_u64(b, (uint8_t)(base + ORIGIN_VERSION), o->version);
	cp_record_put_u64(b, (uint8_t)(base + ORIGIN_HASH), o->last_hash);
}

/* What of a line was reserved for an offer that nothing has come of yet. */
enum unagreed { UNAGREED_STREAMS = 1, UNAGREED_TRANSPORT = 2 };

static uint64_t unagreed(const struct cp_media_line *l)
{
	return (l->exchange ? UNAGREED_STREAMS : 0) | (l->transport_exchange ? UNAGREED_TRANSPORT : 0);
}

/* Its exchange is lost: it is of none that comes. */
static void read_unagreed(struct cp_media_line *l, uint64_t n)
{
	l->exchange = n & UNAGREED_STREAMS ? UINT_MAX : 0;
	l->transport_exchange = n & UNAGREED_TRANSPORT ? UINT_MAX : 0;
}

/* Seconds since 1970 of a moment of the loop's clock. */
static uint64_t wall_of(const struct cp_call *c, uint64_t ms)
{
	return cp_loop_wall_s() - (cp_loop_now(c->alg->s->loop) - ms) / 1000;
}

/* A line of the map as a number: 8 bits its line of W2, 3 of what it is, 16 the stream of SCTP. */
static uint64_t map_number(const struct sdp_map_line *l)
{
	return l->w2 | (uint64_t)l->is_idle << 8 | (uint64_t)l->channel.is_set << 9 | (uint64_t)l->channel.is_text << 10 |
		(uint64_t)l->channel.stream << 16;
}

static void read_map(struct sdp_map *m, uint64_t n)
{
	struct sdp_map_line l = { .w2 = n & 0xff, .is_idle = n >> 8 & 1,
		.channel = { .is_set = n >> 9 & 1, .is_text = n >> 10 & 1, .stream = n >> 16 & 0xffff } };

	if (m->n == SDP_MAX_MEDIA || l.w2 > m->n_w2)
		return;
	m->n_w2 += l.w2 == m->n_w2;
	m->core[m->n++] = l;
}

static void put_call(struct gw_buf *b, const struct cp_call *c)
{
	cp_record_begin(b, VERSION);
	cp_record_put_u64(b, TAG_ID, c->id);
	cp_record_put_u64(b, TAG_ORIGIN, c->origin);
	cp_record_put_str(b, TAG_BINDING, c->b ? c->b->key : NULL);
	cp_record_put_str(b, TAG_CALL_ID, c->call_id);
	cp_record_put_str(b, TAG_ICID, c->icid);
	cp_record_put_str(b, TAG_FAR_IOI, c->far_ioi);
	cp_record_put_str(b, TAG_NODE, c->far_node ? c->far_node : c->alg->s->conf->state.node);
	cp_record_put_str(b, TAG_GATEWAY, c->far_node ? c->far_gateway : c->alg->s->conf->iq.gateways[c->gateway].name);
	cp_record_put_u64(b, TAG_CONTEXT, c->context);
	cp_record_put_str(b, TAG_TERM_ACCESS, c->term_access);
	cp_record_put_str(b, TAG_TERM_CORE, c->term_core);
	for (unsigned i = 0; i < c->n_lines; i++) {	/* what follows is of this line */
		cp_record_put_u64(b, TAG_LINE, c->lines[i].index);
		cp_record_put_str(b, TAG_LOCAL_ACCESS, c->lines[i].local_access);
		cp_record_put_str(b, TAG_LOCAL_CORE, c->lines[i].local_core);
		cp_record_put_str(b, TAG_LOCAL_CHANNEL, c->lines[i].local_channel);
		cp_record_put_u64(b, TAG_WIC_SETUP, c->lines[i].wic_setup);
		cp_record_put_u64(b, TAG_WIC_ICE, c->lines[i].wic_ice);
		cp_record_put_str(b, TAG_MID, c->lines[i].mid);
		cp_record_put_u64(b, TAG_BUNDLE, c->lines[i].bundle | (unsigned)c->lines[i].mid_ext << 8);
		cp_record_put_u64(b, TAG_UNAGREED, unagreed(&c->lines[i]));
	}
	for (unsigned i = 0; i < c->map.n; i++)
		cp_record_put_u64(b, TAG_MAP, map_number(&c->map.core[i]));
	cp_record_put_u64(b, TAG_ICE_LITE, c->ice_lite);
	cp_record_put_u64(b, TAG_ICE_OK, c->ice_ok);
	cp_record_put_u64(b, TAG_DTLS_UP, c->dtls_up);
	cp_record_put_u64(b, TAG_EMERGENCY, c->is_emergency);
	cp_record_put_u64(b, TAG_TOLD_HASH, c->told_hash);
	cp_record_put_u64(b, TAG_WATCHED, gw_timer_armed(&c->ice_timer));
	cp_record_put_u64(b, TAG_START_S, wall_of(c, c->start_ms));
	cp_record_put_u64(b, TAG_ANSWER_S, wall_of(c, c->answer_ms));
	if (gw_timer_armed(&c->session))
		cp_record_put_u64(b, TAG_SESSION_END_S,
			cp_loop_wall_s() + (c->session.due_ms - cp_loop_now(c->alg->s->loop)) / 1000);
	if (c->cseq_shift || c->cseq_shift_w2) {
		cp_record_put_u64(b, TAG_CSEQ_FIRST, c->cseq_first);
		cp_record_put_u64(b, TAG_CSEQ_SHIFT, c->cseq_shift);
		cp_record_put_u64(b, TAG_CSEQ_SHIFT_W2, c->cseq_shift_w2);
	}
	for (unsigned i = 0; i < CP_REFERS_MAX; i++)
		if (c->refers[i].sent)
			cp_record_put_u64(b, c->refers[i].to == CP_SIDE_MW ? TAG_REFER_MW : TAG_REFER_W2,
				(uint64_t)c->refers[i].sent << 32 | c->refers[i].said);
	put_origin(b, TAG_O_W2, &c->o_w2);
	put_origin(b, TAG_O_CORE, &c->o_core);
	put_half(b, TAG_W2, &c->w2);
	put_half(b, TAG_CORE, &c->core);
}

void cp_call_save(const struct cp_call *c)
{
	static char bytes[RECORD_BYTES];
	struct gw_buf b = gw_buf(bytes, sizeof(bytes));
	char key[KEY_BYTES];

	if (!c->alg->s->store || !c->is_answered)
		return;
	put_call(&b, c);
	if (b.overflow) {
		CP_COUNT(state_dropped);
		return;
	}
	cp_store_put(c->alg->s->store, CP_STORE_CALL, key_of(c, key), gw_buf_sv(&b), cp_loop_wall_s() + KEEP_S);
}

void cp_call_forget(const struct cp_call *c)
{
	char key[KEY_BYTES];

	if (c->is_answered && c->b)
		cp_store_del(c->alg->s->store, CP_STORE_CALL, key_of(c, key));
}

/* ---- read --------------------------------------------------------------------------------------------- */

static void set(char **dst, struct gw_sv v)
{
	free(*dst);
	*dst = gw_sv_dup(v);
}

static void read_half(struct cp_half *h, unsigned tag, struct gw_sv v)
{
	switch ((enum half_tag)tag) {
	case HALF_TARGET:
		set(&h->target, v);
		break;
	case HALF_IDENTITY:
		set(&h->identity, v);
		break;
	case HALF_TAG:
		set(&h->tag, v);
		break;
	case HALF_ROUTE:
		if (h->n_routes < CP_ROUTES_MAX && (h->routes[h->n_routes] = gw_sv_dup(v)))
			h->n_routes++;
		break;
	case HALF_CSEQ:
		h->cseq = (uint32_t)cp_record_u64(v);
		break;
	}
}

static void read_origin(struct sdp_origin *o, unsigned tag, struct gw_sv v)
{
	switch ((enum origin_tag)tag) {
	case ORIGIN_ID:
		o->id = cp_record_u64(v);
		break;
	case ORIGIN_VERSION:
		o->version = (uint32_t)cp_record_u64(v);
		break;
	case ORIGIN_HASH:
		o->last_hash = cp_record_u64(v);
		break;
	}
}

/* The gateway by its name: the list of the configuration may have changed. Not there: its index is the length. */
static unsigned gateway_of(const struct cp_conf *conf, struct gw_sv name)
{
	unsigned i = 0;

	while (i < conf->iq.n_gateways && !gw_sv_eq(gw_sv_cstr(conf->iq.gateways[i].name), name))
		i++;
	return i;
}

static uint64_t moment_of(const struct cp_call *c, uint64_t wall_s)
{
	uint64_t now = cp_loop_now(c->alg->s->loop), wall = cp_loop_wall_s();
	uint64_t ago = wall > wall_s ? (wall - wall_s) * 1000 : 0;

	return now > ago ? now - ago : 1;	/* 0 says never */
}

/* Texts of the call, as they are. @return false: the tag is none */
static bool read_text(struct cp_call *c, unsigned tag, struct gw_sv v)
{
	static const struct { enum tag tag; size_t at; } texts[] = { { TAG_CALL_ID, offsetof(struct cp_call, call_id) },
		{ TAG_TERM_ACCESS, offsetof(struct cp_call, term_access) },
		{ TAG_TERM_CORE, offsetof(struct cp_call, term_core) }, { TAG_FAR_IOI, offsetof(struct cp_call, far_ioi) },
		{ TAG_NODE, offsetof(struct cp_call, far_node) }, { TAG_GATEWAY, offsetof(struct cp_call, far_gateway) } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].tag == tag) {
			set((char **)((char *)c + texts[i].at), v);
			return true;
		}
	return false;
}

static void read_local(struct cp_call *c, unsigned tag, struct gw_sv v)
{
	struct cp_media_line *l = c->n_lines ? &c->lines[c->n_lines - 1] : cp_call_line(c, 0);

	set(tag == TAG_LOCAL_ACCESS ? &l->local_access : tag == TAG_LOCAL_CORE ? &l->local_core :
		tag == TAG_MID ? &l->mid : &l->local_channel, v);
}

static void read_bundle(struct cp_media_line *l, uint64_t n)
{
	l->bundle = (enum cp_line_bundle)(n & 255);
	l->mid_ext = n >> 8 & 15;
}

static void read_number(struct cp_call *c, unsigned tag, uint64_t n)
{
	if (tag == TAG_ID)
		c->id = n;
	else if (tag == TAG_ORIGIN)
		c->origin = n == CP_SIDE_W2 ? CP_SIDE_W2 : CP_SIDE_MW;
	else if (tag == TAG_CONTEXT)
		c->context = (uint32_t)n;
	else if (tag == TAG_LINE && n < SDP_MAX_MEDIA)
		(void)cp_call_line(c, (unsigned)n);
	else if (tag == TAG_WIC_SETUP && c->n_lines && (n == SDP_SETUP_ACTIVE || n == SDP_SETUP_PASSIVE))
		c->lines[c->n_lines - 1].wic_setup = (enum sdp_setup)n;
	else if (tag == TAG_MAP)
		read_map(&c->map, n);
	else if (tag == TAG_BUNDLE && c->n_lines && (n & 255) <= CP_LINE_MEMBER)
		read_bundle(&c->lines[c->n_lines - 1], n);
	else if (tag == TAG_ICE_LITE)
		c->ice_lite = n != 0;
	else if (tag == TAG_ICE_OK)
		c->ice_ok = n != 0;
	else if (tag == TAG_DTLS_UP)
		c->dtls_up = n != 0;
	else if (tag == TAG_TOLD_HASH)
		c->told_hash = n;
	else if (tag == TAG_WIC_ICE && c->n_lines)
		c->lines[c->n_lines - 1].wic_ice = n;
	else if (tag == TAG_UNAGREED && c->n_lines)
		read_unagreed(&c->lines[c->n_lines - 1], n);
	else if (tag == TAG_CSEQ_FIRST)
		c->cseq_first = (uint32_t)n;
	else if (tag == TAG_CSEQ_SHIFT)
		c->cseq_shift = (uint32_t)n;
	else if (tag == TAG_CSEQ_SHIFT_W2)
		c->cseq_shift_w2 = (uint32_t)n;
	else if (tag == TAG_REFER_MW || tag == TAG_REFER_W2)
		cp_call_renumbered_refer(c, tag == TAG_REFER_MW ? CP_SIDE_MW : CP_SIDE_W2, (uint32_t)n, (uint32_t)(n >> 32));
	else if (tag == TAG_EMERGENCY)
		c->is_emergency = n != 0;
	else if (tag == TAG_START_S)
		c->start_ms = moment_of(c, n);
	else if (tag == TAG_ANSWER_S)
		c->answer_ms = moment_of(c, n);
	else if (tag == TAG_SESSION_END_S)	/* armed when all is read, as the next */
		c->session.due_ms = cp_loop_now(c->alg->s->loop) + (n > cp_loop_wall_s() ? n - cp_loop_wall_s() : 0) * 1000;
	else if (tag == TAG_WATCHED)	/* armed when all is read; until then 1 stands for it */
		c->ice_timer.due_ms = n != 0;
}

static void read_field(struct cp_call *c, unsigned tag, struct gw_sv v)
{
	const struct cp_sip *s = c->alg->s;

	if (tag == TAG_BINDING)
		c->b = cp_reg_by_key(s->reg, v);
	else if (tag == TAG_ICID)
		(void)!gw_sv_copy(v, c->icid, sizeof(c->icid));
	else if (tag >= TAG_CORE && tag < TAG_CORE + 10)
		read_half(&c->core, tag - TAG_CORE, v);
	else if (tag >= TAG_W2 && tag < TAG_CORE)
		read_half(&c->w2, tag - TAG_W2, v);
	else if (tag >= TAG_O_CORE && tag < TAG_W2)
		read_origin(&c->o_core, tag - TAG_O_CORE, v);
	else if (tag >= TAG_O_W2 && tag < TAG_O_CORE)
		read_origin(&c->o_w2, tag - TAG_O_W2, v);
	else if (tag == TAG_LOCAL_ACCESS || tag == TAG_LOCAL_CORE || tag == TAG_LOCAL_CHANNEL || tag == TAG_MID)
		read_local(c, tag, v);
	else if (!read_text(c, tag, v))
		read_number(c, tag, cp_record_u64(v));
}

static bool is_whole(const struct cp_call *c)
{
	return c->id && c->call_id && c->w2.tag && c->w2.identity && c->core.tag && c->core.identity && c->start_ms &&
		c->answer_ms;
}

/* Whose gateway it is: ours, by its name, or one of another node. */
static void find_gateway(struct cp_call *c)
{
	const struct cp_sip *s = c->alg->s;

	if (cp_store_is_shared(s->store) && c->far_node && c->far_gateway && strcmp(c->far_node, s->conf->state.node)) {
		c->gateway = CP_GATEWAY_FAR;
		return;
	}
	c->gateway = gateway_of(s->conf, gw_sv_cstr(c->far_gateway));
	free(c->far_node);
	free(c->far_gateway);
	c->far_node = c->far_gateway = NULL;
}

struct cp_call *cp_call_restore(struct cp_alg *a, struct gw_sv key, struct gw_sv value)
{
	struct cp_call *c = cp_call_alloc(a);
	struct cp_record r;
	struct gw_sv v;
	uint8_t tag;
	bool is_ok = c && cp_record_open(&r, value, VERSION) == GW_OK;

	while (is_ok && cp_record_next(&r, &tag, &v))
		read_field(c, tag, v);
	if (!is_ok || r.is_bad || !is_whole(c) || gw_map_get_u64(&a->by_id, c->id) ||
		gw_map_put_u64(&a->by_id, c->id, c)) {
		CP_COUNT(state_not_restored);
		cp_store_del(a->s->store, CP_STORE_CALL, key);
		if (c)
			cp_call_free(c);
		return NULL;
	}
	find_gateway(c);
	c->state = CALL_UP;
	c->is_answered = true;
	if (c->b)
		cp_call_of_binding(c, c->b);
	if (c->id > a->next_id)
		a->next_id = c->id;
	gw_list_append(&a->calls, &c->node);
	CP_GAUGE_ADD(calls, 1);
	CP_GAUGE_ADD(sip_dialogs, 1);
	cp_recent_begin(gw_sv_cstr(c->call_id), CP_RECENT_W2, NULL);
	return c;
}

static void restore(void *user, struct gw_sv key, struct gw_sv value)
{
	struct cp_call *c = cp_call_restore(user, key, value);

	if (c && !c->b)	/* its record has no other name for it */
		cp_store_del(c->alg->s->store, CP_STORE_CALL, key);
	if (c)
		CP_COUNT(state_restored_calls);
}

enum gw_err cp_alg_restore(struct cp_alg *a)
{
	enum gw_err err = a->s->store ? cp_store_load(a->s->store, CP_STORE_CALL, restore, a) : GW_OK;

	return err ? err : cp_lent_restore(a);
}

/* The timers that ran. */
static void watch_again(struct cp_call *c)
{
	struct cp_loop *loop = c->alg->s->loop;

	if (c->ice_timer.due_ms && !(c->ice_ok && c->dtls_up))	/* W2-ICE-13, counted anew */
		(void)gw_timer_arm(&loop->timers, &c->ice_timer,
			cp_loop_now(loop) + c->alg->s->conf->media.ice_timeout_s * 1000ull);
	if (c->session.due_ms)
		(void)gw_timer_arm(&loop->timers, &c->session, c->session.due_ms);
}

void cp_call_settle(struct cp_call *c)
{
	const struct cp_sip *s = c->alg->s;

	if (!c->b)
		cp_call_release(c, 503, "registration lost in a restart");
	else if ((c->gateway >= s->conf->iq.n_gateways && !c->far_node) || !c->context)
		cp_call_release(c, 503, "media gateway lost in a restart");
	else
		watch_again(c);
}

void cp_alg_settle(struct cp_alg *a)
{
	GW_LIST_FOREACH_SAFE(it, next, &a->calls)
		cp_call_settle(GW_CONTAINER(it, struct cp_call, node));
}
