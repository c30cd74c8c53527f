/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings in the state store: kept with each change, back after a restart as if their connection had just been lost. */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/reg_int.h"
#include "control/state/record.h"
#include "control/state/store.h"

#define VERSION 1
#define RECORD_BYTES 32768

/* Of the record; a number is never used again for something else. */
enum tag { TAG_ID = 1, TAG_AOR, TAG_IMPI, TAG_CONTACT, TAG_SERVICE_ROUTE, TAG_IMPUS, TAG_PROTO, TAG_PEER, TAG_OB,
	TAG_EXPIRES_S, TAG_CONTACT_PARAMS, TAG_GRANTED_PARAMS, TAG_CALL_ID, TAG_CSEQ, TAG_DEFAULT_IMPU, TAG_TERM_IOI,
	TAG_FEATURE_CAPS, TAG_AOR_BARRED, TAG_TNA, TAG_FORMER, TAG_EPOCH };

/* Strings kept as they are. */
static const struct { enum tag tag; size_t at; } texts[] = { { TAG_IMPI, offsetof(struct cp_binding, impi) },
	{ TAG_CONTACT, offsetof(struct cp_binding, contact) },
	{ TAG_CONTACT_PARAMS, offsetof(struct cp_binding, contact_params) },
	{ TAG_GRANTED_PARAMS, offsetof(struct cp_binding, granted_params) },
	{ TAG_CALL_ID, offsetof(struct cp_binding, call_id) }, { TAG_IMPUS, offsetof(struct cp_binding, impus) },
	{ TAG_DEFAULT_IMPU, offsetof(struct cp_binding, default_impu) },
	{ TAG_TERM_IOI, offsetof(struct cp_binding, term_ioi) },
	{ TAG_FEATURE_CAPS, offsetof(struct cp_binding, feature_caps) } };

#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static uint64_t margin_s(const struct cp_reg *r)
{
	return 64ull * r->s->conf->mw.t1_ms / 1000;
}

static uint64_t expires_s(const struct cp_binding *b)
{
	uint64_t now = cp_loop_now(b->reg->s->loop);

	return cp_loop_wall_s() + (b->expires_ms > now ? (b->expires_ms - now) / 1000 : 0);
}

void cp_binding_save(const struct cp_binding *b)
{
	static char bytes[RECORD_BYTES];
	struct gw_buf r = gw_buf(bytes, sizeof(bytes));
	char addr[GW_ADDR_STR_BYTES];
	uint64_t expires = expires_s(b);
	uint32_t flows[1 + CP_FORMER_IDS];

	if (!b->reg->s->store)
		return;
	cp_record_begin(&r, VERSION);
	cp_record_put_u64(&r, TAG_ID, b->id);
	cp_record_put_str(&r, TAG_AOR, b->aor);
	for (unsigned i = 0; i < N_TEXTS; i++)
		cp_record_put_str(&r, texts[i].tag, *(char *const *)((const char *)b + texts[i].at));
	for (unsigned i = 0; i < b->n_service_route; i++)
		cp_record_put_str(&r, TAG_SERVICE_ROUTE, b->service_route[i]);
	cp_record_put_u64(&r, TAG_CSEQ, b->cseq);
	cp_record_put_u64(&r, TAG_AOR_BARRED, b->is_aor_barred);
	cp_record_put_u64(&r, TAG_TNA, b->is_tna);
	cp_record_put_u64(&r, TAG_PROTO, b->peer.proto);
	cp_record_put_str(&r, TAG_PEER, gw_addr_str(&b->peer.addr, addr));
	cp_record_put_u64(&r, TAG_OB, b->has_ob);
	cp_record_put_u64(&r, TAG_EXPIRES_S, expires);
	for (unsigned i = 0; i < b->n_former; i++)
		cp_record_put_u64(&r, TAG_FORMER, b->former[i]);
	cp_record_put_u64(&r, TAG_EPOCH, b->epoch);
	cp_auth_save(b, &r);
	if (r.overflow) {
		CP_COUNT(state_dropped);
		return;
	}
	flows[0] = b->id;
	memcpy(flows + 1, b->former, sizeof(b->former));
	cp_store_put_binding(b->reg->s->store, gw_sv_cstr(b->key), gw_buf_sv(&r), expires + margin_s(b->reg), b->epoch,
		flows, 1 + b->n_former);
}

void cp_binding_forget(const struct cp_binding *b)
{
	cp_store_del(b->reg->s->store, CP_STORE_BINDING, gw_sv_cstr(b->key));
}

/* What a record says, pointing into it. */
struct saved {
	uint32_t id, cseq, former[CP_FORMER_IDS];
	unsigned n_former;
	struct gw_sv aor, text[N_TEXTS], service_route[CP_SERVICE_ROUTES_MAX];
	unsigned n_service_route;
	struct cp_peer peer;
	bool has_ob, is_aor_barred, is_tna;
	uint64_t expires_s, epoch;
	struct cp_auth_saved auth;
};

static void read_number(struct saved *s, uint8_t tag, uint64_t n)
{
	if (tag == TAG_ID)
		s->id = (uint32_t)n;
	else if (tag == TAG_CSEQ)
		s->cseq = (uint32_t)n;
	else if (tag == TAG_PROTO)
		s->peer.proto = n == CP_PROTO_WS ? CP_PROTO_WS : CP_PROTO_WSS;
	else if (tag == TAG_OB)
		s->has_ob = n != 0;
	else if (tag == TAG_AOR_BARRED)
		s->is_aor_barred = n != 0;
	else if (tag == TAG_TNA)
		s->is_tna = n != 0;
	else if (tag == TAG_EXPIRES_S)
		s->expires_s = n;
	else if (tag == TAG_EPOCH)
		s->epoch = n;
	else if (tag == TAG_FORMER && s->n_former < CP_FORMER_IDS)
		s->former[s->n_former++] = (uint32_t)n;
}

static void read_field(struct saved *s, uint8_t tag, struct gw_sv v)
{
	for (unsigned i = 0; i < N_TEXTS; i++)
		if (texts[i].tag == tag) {
			s->text[i] = v;
			return;
		}
	if (cp_auth_read(&s->auth, tag, v))
		return;
	if (tag == TAG_AOR)
		s->aor = v;
	else if (tag == TAG_SERVICE_ROUTE && s->n_service_route < CP_SERVICE_ROUTES_MAX)
		s->service_route[s->n_service_route++] = v;
	else if (tag == TAG_PEER && gw_addr_parse(v, 0, &s->peer.addr))
		s->peer.addr = (struct gw_addr){ 0 };
	else
		read_number(s, tag, cp_record_u64(v));
}

static bool read_record(struct saved *s, struct gw_sv value)
{
	struct cp_record r;
	struct gw_sv v;
	uint8_t tag;

	*s = (struct saved){ .peer.proto = CP_PROTO_WSS };
	if (cp_record_open(&r, value, VERSION))
		return false;
	while (cp_record_next(&r, &tag, &v))
		read_field(s, tag, v);
	return !r.is_bad && s->id && s->aor.len;
}

static void fill(struct cp_binding *b, const struct saved *s)
{
	for (unsigned i = 0; i < N_TEXTS; i++)
		if (s->text[i].p)
			cp_reg_set((char **)((char *)b + texts[i].at), gw_sv_dup(s->text[i]));
	for (unsigned i = 0; i < s->n_service_route; i++)
		if ((b->service_route[b->n_service_route] = gw_sv_dup(s->service_route[i])))
			b->n_service_route++;
	b->cseq = s->cseq;
	b->has_ob = s->has_ob;
	b->is_aor_barred = s->is_aor_barred;
	b->is_tna = s->is_tna;
}

/* An id of before leads here, too, while nobody else has it. */
static void add_former(struct cp_binding *b, uint32_t id)
{
	if (b->n_former == CP_FORMER_IDS || id == 0 || gw_map_get_u64(&b->reg->by_id, id) ||
		gw_map_put_u64(&b->reg->by_id, id, b))
		return;
	b->former[b->n_former++] = id;
}

void cp_binding_take_over(struct cp_binding *b, const struct cp_share_answer *a)
{
	struct saved s;

	CP_COUNT(state_adopted);
	b->epoch = a->epoch;
	if (!read_record(&s, a->value))
		return;
	add_former(b, s.id);
	for (unsigned i = 0; i < s.n_former; i++)
		add_former(b, s.former[i]);
}

void cp_binding_renew(struct cp_binding *b)
{
	uint64_t now = cp_store_epoch();

	b->epoch = now > b->epoch ? now : b->epoch + 1;
}

/* W2-REG-65: the guard runs for it as for any lost connection; nobody has its connection id (transport.c). */
static void restore(void *user, struct gw_sv key, struct gw_sv value)
{
	struct cp_reg *r = user;
	uint64_t now = cp_loop_now(r->s->loop), wall = cp_loop_wall_s();
	char *k = gw_sv_dup(key), *aor;
	struct cp_binding *b;
	struct saved s;

	if (!read_record(&s, value) || s.expires_s + margin_s(r) <= wall || !k ||
		!(aor = gw_sv_dup(s.aor))) {
		CP_COUNT(state_not_restored);
		cp_store_del(r->s->store, CP_STORE_BINDING, key);
		free(k);
		return;
	}
	s.peer.conn = (cp_conn_id)s.id << 32 | CP_CONN_OF_NOBODY;
	b = cp_binding_new(r, k, aor, s.id, &s.peer);
	free(k);
	free(aor);
	if (!b) {
		CP_COUNT(state_not_restored);
		return;
	}
	fill(b, &s);
	b->epoch = s.epoch;
	for (unsigned i = 0; i < s.n_former; i++)
		add_former(b, s.former[i]);
	cp_auth_restore(b, &s.auth);
	b->expires_ms = now + (s.expires_s > wall ? s.expires_s - wall : 0) * 1000;
	b->registered_ms = now;
	b->guard_ms = now + r->s->conf->reg.guard_s * 1000ull;
	cp_binding_arm(b);
	CP_COUNT(state_restored_bindings);
}

enum gw_err cp_reg_restore(struct cp_reg *r)
{
	enum gw_err err;

	if (!r->s->store)
		return GW_OK;
	if ((err = cp_store_secret(r->s->store, "flow-secret", r->keys.secret, sizeof(r->keys.secret))))
		return err;
	if (cp_store_is_shared(r->s->store) && (err = cp_store_number(r->s->store, &r->number)))
		return err;
	cp_reg_flows_start(r);		/* with the keys of that secret */
	if ((err = cp_store_load(r->s->store, CP_STORE_BINDING, restore, r)))
		return err;
	return cp_reg_events_restore(r);
}

struct cp_binding *cp_reg_by_key(struct cp_reg *r, struct gw_sv key)
{
	return gw_map_get(&r->by_key, key);
}
