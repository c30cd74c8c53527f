/* SPDX-License-Identifier: Apache-2.0 */
/* Realm and address of an Add or Modify read into a plan (F-2, F-10 to F-12); and where MSRP may connect to. */
#include "dataplane/ctx/plan.h"

static bool is_of_family(const struct dp_ctx *c, const struct dp_realm *r, unsigned a, uint8_t family)
{
	return c->c.laddrs[r->laddrs[a]].ip.family == family;
}

/* The address that the termination's other streams have; so one c= is enough for all. */
static bool known_address(const struct dp_ctx *c, const struct dp_plan *p, uint8_t family, unsigned *a)
{
	const struct dp_stream *s = p->term ? p->term->streams : NULL;

	for (*a = 0; s && *a < p->realm->n_addrs; ++*a)
		if (p->realm->laddrs[*a] == s->laddr && is_of_family(c, p->realm, *a, family))
			return true;
	for (unsigned i = 0; i < p->cmd->n_streams && p->streams[i].has_addr; i++) {
		*a = p->streams[i].addr_index;
		if (is_of_family(c, p->realm, *a, family))
			return true;
	}
	return false;
}

/* The one with the fewest ports in use; among equals any, for each has ports that rest. */
static bool idlest_address(const struct dp_ctx *c, const struct dp_realm *r, uint8_t family, unsigned *a)
{
	unsigned start = r->n_addrs > 1 ? dp_ctx_random() % r->n_addrs : 0;
	bool is_found = false;

	for (unsigned k = 0; k < r->n_addrs; k++) {
		unsigned i = (start + k) % r->n_addrs;

		if (!is_of_family(c, r, i, family) || (is_found && dp_port_in_use(r->pools[i]) >= dp_port_in_use(r->pools[*a])))
			continue;
		*a = i;
		is_found = true;
	}
	return is_found;
}

static enum gw_err read_family(struct dp_ctx *c, struct dp_plan *p, struct dp_stream_plan *sp)
{
	struct gw_sv family = sp->local.lines[0].media->conn.family;
	uint8_t want;

	if (family.len == 0)
		family = sp->local.sdp.conn.family;
	want = gw_sv_eq(family, GW_SV("IP6")) ? 6 : 4;
	if (!known_address(c, p, want, &sp->addr_index) && !idlest_address(c, p->realm, want, &sp->addr_index))
		return dp_plan_refuse(p, 449, "address family is not available in this realm");
	sp->has_addr = true;
	return GW_OK;
}

/*
 * gm/esas and gm/esps: where packets leave from. Addresses are the gateway's to choose (F-2), so it has to be one of the
 * realm's, and for the port the one packets are awaited at: peers behind a NAT expect no other.
 */
static enum gw_err read_own_source(struct dp_ctx *c, struct dp_plan *p, struct dp_stream_plan *sp)
{
	struct gw_addr want;
	unsigned a = 0;

	if (sp->s->esps == 1 && (sp->is_new || sp->s->lsp != sp->stream->port))
		return dp_plan_refuse(p, 449, "gm/lsp is not the port of the stream");
	if (sp->s->esas != 1)
		return GW_OK;
	if (!sp->s->lsa.len)
		return dp_plan_refuse(p, 472, "gm/esas needs gm/lsa");
	if (gw_addr_parse_ip(sp->s->lsa, &want))
		return dp_plan_refuse(p, 449, "gm/lsa");
	while (a < p->realm->n_addrs && !gw_addr_ip_eq(&c->c.laddrs[p->realm->laddrs[a]].ip, &want))
		a++;
	if (a == p->realm->n_addrs || (!sp->is_new && sp->stream->laddr != p->realm->laddrs[a]))
		return dp_plan_refuse(p, 449, "gm/lsa is not an address of the stream");
	if (sp->is_new && c->c.laddrs[p->realm->laddrs[sp->addr_index]].ip.family != want.family)
		return dp_plan_refuse(p, 473, "gm/lsa and Local are of different families");
	sp->addr_index = a;
	return GW_OK;
}

static struct dp_realm *realm_of(struct dp_ctx *c, struct gw_sv name)
{
	for (unsigned r = 0; r < c->c.n_realms; r++)
		if (gw_sv_eq(name, gw_sv_cstr(c->c.realms[r].name)))
			return &c->c.realms[r];
	return NULL;
}

/* What the core's SDP says the host's own TCP stack would connect to: only where MSRP is spoken with us. */
static bool is_msrp_peer(const struct dp_ctx *c, const struct dp_realm *r, const struct gw_addr *a)
{
	if (!gw_addr_is_host(a) || a->port == 0 || gw_addr_ip_eq(a, &c->c.msrp_address))
		return false;
	for (unsigned i = 0; i < c->c.n_realms; i++)
		for (unsigned k = 0; k < c->c.realms[i].n_addrs; k++)
			if (gw_addr_ip_eq(a, &c->c.laddrs[c->c.realms[i].laddrs[k]].ip))
				return false;
	for (unsigned i = 0; i < r->n_msrp_peers; i++)
		if (gw_addr_in(a, &r->msrp_peers[i].net, r->msrp_peers[i].prefix))
			return true;
	return false;
}

static enum gw_err check_msrp_peers(struct dp_ctx *c, struct dp_plan *p)
{
	for (unsigned i = 0; i < p->cmd->n_streams; i++) {
		const struct dp_stream_plan *sp = &p->streams[i];
		const struct sdp_line *l = sp->has_remote && sp->is_end && !p->is_access ? &sp->remote.lines[0] : NULL;

		if (l && !l->is_msrp)
			return dp_plan_refuse(p, 473, "media protocol cannot change");
		/* 0.0.0.0: nowhere for now (RFC 3264 5.3) */
		if (l && l->remote.family && !gw_addr_is_zero(&l->remote) && !is_msrp_peer(c, p->realm, &l->remote)) {
			c->ctr[ctx_msrp_no_peer]++;
			return dp_plan_refuse(p, 449, "no peer of MSRP may be there");
		}
	}
	return GW_OK;
}

/* F-10, F-11: one realm for all streams, for good; without a name the first is the default. */
enum gw_err dp_plan_read_realm(struct dp_ctx *c, struct dp_plan *p)
{
	struct gw_sv name = GW_SV_NONE;
	enum gw_err err;

	for (unsigned i = 0; i < p->cmd->n_streams; i++) {
		if (p->streams[i].s->realm.len == 0)
			continue;
		if (name.len && !gw_sv_eq(name, p->streams[i].s->realm))
			return dp_plan_refuse(p, 473, "the streams of a termination have one ipdc/realm");
		name = p->streams[i].s->realm;
	}
	p->realm = p->term ? p->term->realm : name.len ? realm_of(c, name) : &c->c.realms[0];
	if (!p->realm)
		return dp_plan_refuse(p, 449, "ipdc/realm is unknown");
	if (name.len && !gw_sv_eq(name, gw_sv_cstr(p->realm->name)))
		return dp_plan_refuse(p, 473, "ipdc/realm cannot change");
	for (unsigned i = 0; i < p->cmd->n_streams; i++) {
		if (p->streams[i].is_new && p->realm->faults)	/* F-12 */
			return dp_plan_refuse(p, 510, "the realm is out of service");
		if ((p->streams[i].is_new && !p->streams[i].is_member && (err = read_family(c, p, &p->streams[i]))) || (err = read_own_source(c, p, &p->streams[i])))
			return err;
	}
	return check_msrp_peers(c, p);
}
