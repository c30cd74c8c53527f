/* SPDX-License-Identifier: Apache-2.0 */
/* What a REGISTER is checked for before the core is asked: whose connection, how many flows, how many a second. */
#include "control/app/metrics.h"
#include "control/sip/reg_int.h"
#include "proto/sip/digest.h"
#include "proto/sip/register.h"

const struct cp_binding *cp_reg_bound_user(struct cp_reg *r, cp_conn_id conn, struct gw_sv impi)
{
	const struct cp_binding *first = cp_reg_by_conn(r, conn), *b = first;

	while (b) {
		if (b->is_registered && b->impi && gw_sv_eq(gw_sv_cstr(b->impi), impi))
			return b;
		b = GW_CONTAINER(b->conn_ring.next, struct cp_binding, conn_ring);
		if (b == first)
			break;
	}
	return NULL;
}

/* W2-REG-52: parallel flows of one instance; the key without its reg-id names the instance. */
static bool has_too_many_flows(struct cp_reg *r, struct gw_sv aor, struct gw_sv key)
{
	struct cp_binding *first = cp_reg_by_aor(r, aor), *b = first;
	size_t end = key.len;
	unsigned n = 0;

	while (end && key.p[end - 1] != ' ')
		end--;
	while (b) {
		n += b->is_registered && gw_sv_starts(gw_sv_cstr(b->key), gw_sv_sub(key, 0, end));
		b = GW_CONTAINER(b->aor_ring.next, struct cp_binding, aor_ring);
		if (b == first)
			break;
	}
	return n >= r->s->conf->reg.flows_per_instance;
}

/* W2-REG-23: may another user register on this connection? */
static bool has_room_for_user(struct cp_reg *r, cp_conn_id conn, struct gw_sv impi)
{
	const struct cp_binding *first = cp_reg_by_conn(r, conn), *b = first, *other;
	unsigned n = 0;

	if (!first || cp_reg_bound_user(r, conn, impi))
		return true;
	do {	/* each user is counted at its first binding */
		for (other = first; other != b && strcmp(other->impi ? other->impi : "", b->impi ? b->impi : "");)
			other = GW_CONTAINER(other->conn_ring.next, struct cp_binding, conn_ring);
		n += other == b && b->impi;
		b = GW_CONTAINER(b->conn_ring.next, struct cp_binding, conn_ring);
	} while (b != first);
	return n < r->s->conf->reg.users_per_connection;
}

/* May this connection ask that for this user? 0: yes. */
static unsigned check_user(struct cp_reg *r, const struct cp_uas *u, const struct sip_addr *to, const char **why)
{
	struct gw_sv impi = cp_reg_auth_impi(u);

	*why = "not our home domain";
	if (!gw_sv_ieq(to->uri.host, gw_sv_cstr(r->s->conf->mw.home_domain)) && to->uri.host.len)
		return 403;
	*why = "this connection belongs to another user";	/* W2-REG-23 */
	if (impi.len && !has_room_for_user(r, u->peer.conn, impi))
		return 403;
	return 0;
}

/*
 * W2-REG-68: so many new registrations a second, no more. Who answers a challenge comes before who has not been
 * asked yet: the first half of the bucket is for it alone.
 */
static bool is_admitted(struct cp_reg *r, const struct sip_msg *m)
{
	uint64_t rate = r->s->conf->reg.max_per_s, now = cp_loop_now(r->s->loop);
	struct sip_auth auth;
	bool has_answer = sip_auth_parse(sip_msg_value(m, SIP_HDR_AUTHORIZATION), &auth) == GW_OK &&
		(auth.response.len || auth.scheme == SIP_AUTH_BEARER);

	if (rate == 0)
		return true;
	/* in thousandths of a registration; two seconds' worth at most */
	r->admit_credit += r->admit_ms ? (now - r->admit_ms > 2000 ? 2000 : now - r->admit_ms) * rate : 2000 * rate;
	r->admit_ms = now;
	if (r->admit_credit > 2000 * rate)
		r->admit_credit = 2000 * rate;
	if (r->admit_credit < 1000 + (has_answer ? 0 : 1000 * rate))
		return false;
	r->admit_credit -= 1000;
	return true;
}

unsigned cp_reg_check(struct cp_reg *r, const struct cp_uas *u, const struct sip_register *q, struct gw_sv key,
	const char **why)
{
	unsigned status = check_user(r, u, &q->to, why);

	if (status || q->contact.is_star || gw_map_get(&r->by_key, key))
		return status;
	if (q->has_reg_id && has_too_many_flows(r, q->to.uri.text, key)) {
		*why = "too many flows of this instance";
		return 403;
	}
	if (r->s->is_draining) {
		CP_COUNT(sip_refused_draining);
		*why = "this node takes no new registrations";
		return 503;
	}
	*why = "too many registrations";
	if (r->by_key.count >= r->s->conf->reg.max_bindings)
		return 503;
	if (is_admitted(r, &u->req))
		return 0;
	CP_COUNT(reg_not_admitted);
	return 503;
}
