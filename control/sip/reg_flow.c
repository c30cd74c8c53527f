/* SPDX-License-Identifier: Apache-2.0 */
/* The flows bindings are reached by (RFC 5626): tokens that name them, and what happens when one is lost. */
#include "control/sip/reg_int.h"

#include <openssl/hmac.h>

#include "control/app/metrics.h"

/* "b<id hex><mac hex>": opaque to others, and not to be guessed (RFC 5626 5.2). */
void cp_flow_token(const struct cp_reg *r, uint32_t id, char token[CP_TOKEN_BYTES])
{
	unsigned char mac[32];
	unsigned n = sizeof(mac);
	struct gw_buf b = gw_buf(token, CP_TOKEN_BYTES - 1);

	HMAC(EVP_sha256(), r->secret, sizeof(r->secret), (const unsigned char *)&id, sizeof(id), mac, &n);
	gw_buf_printf(&b, "b%08x", id);
	gw_buf_hex(&b, mac, 12);
	token[b.len] = '\0';
}

struct cp_binding *cp_reg_by_token(struct cp_reg *r, struct gw_sv token)
{
	char want[CP_TOKEN_BYTES];
	uint32_t id;

	if (token.len != 33 || token.p[0] != 'b' || gw_sv_hex32(gw_sv_sub(token, 1, 9), &id))
		return NULL;
	cp_flow_token(r, id, want);
	if (!gw_sv_eq_const_time(token, gw_sv_cstr(want)))
		return NULL;
	return cp_reg_by_id(r, id);
}

void cp_binding_guard(struct cp_binding *b)
{
	struct cp_reg *r = b->reg;

	/* W2-REG-65: loss is not de-registration; the client has guard_s to come back */
	GW_LOG_NOTICE(r->s->log, "reg.connection_lost", "impu=%s guard_s=%u", b->aor, r->s->conf->reg.guard_s);
	(void)gw_timer_arm(&r->s->loop->timers, &b->timer,
		cp_loop_now(r->s->loop) + r->s->conf->reg.guard_s * 1000ull);
}

void cp_reg_connection_lost(struct cp_reg *r, cp_conn_id conn)
{
	struct cp_binding *b = cp_reg_by_conn(r, conn);

	if (!b)
		return;
	cp_binding_guard(b);
	GW_LIST_FOREACH(it, &b->conn_ring)
		cp_binding_guard(GW_CONTAINER(it, struct cp_binding, conn_ring));
}
