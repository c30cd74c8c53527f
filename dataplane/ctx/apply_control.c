/* SPDX-License-Identifier: Apache-2.0 */
/* LocalControl and the latch signal read into a plan: gm filters (F-18), tman (F-21), ds (F-26), ipnapt (F-14). */
#include "dataplane/ctx/plan.h"

/* "[10.0.0.0]/8", and without brackets or mask. */
static enum gw_err read_mask(struct gw_sv v, struct dp_control *k)
{
	char text[64];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct gw_sv out;

	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] != '[' && v.p[i] != ']')
			gw_buf_putc(&b, v.p[i]);
	if (gw_buf_done(&b, &out))
		return GW_EBADMSG;
	if (gw_addr_parse_prefix(out, &k->sam, &k->sam_prefix) == GW_OK)
		return k->sam_prefix ? GW_OK : GW_EBADMSG;	/* /0 is said with gm/saf=OFF */
	if (gw_addr_parse_ip(out, &k->sam))
		return GW_EBADMSG;
	k->sam_prefix = k->sam.family == 6 ? 128 : 32;
	return GW_OK;
}

/* "p1-p2", or one. */
static enum gw_err read_range(struct gw_sv v, struct dp_control *k)
{
	struct gw_sv first, last;
	uint32_t a, z;

	if (!gw_sv_cut(v, '-', &first, &last))
		last = first;
	if (gw_sv_uint_max(gw_sv_trim(first), UINT16_MAX, &a) || gw_sv_uint_max(gw_sv_trim(last), UINT16_MAX, &z) || a == 0 || z < a)
		return GW_EBADMSG;
	k->spr_first = (uint16_t)a;
	k->spr_last = (uint16_t)z;
	return GW_OK;
}

/* What is not done is not promised (iq.md 3.5). */
static enum gw_err read_undone(struct dp_plan *p, const struct iq_stream *s)
{
	static const struct {
		enum iq_name id;
		const char *name;
	} undone[] = { { IQ_SEPLINK, "seplink" }, { IQ_ECN, "ecnrous" }, { IQ_ECN_METHOD, "ecnrous" }, { IQ_MSRP, "mgcbla" },
		{ IQ_MGCINFO, "mgcinfo" } };

	for (size_t i = 0; i < sizeof(undone) / sizeof(undone[0]); i++)
		if (iq_stream_has(s, undone[i].id))
			return dp_plan_refuse(p, 445, undone[i].name);
	return s->mode == IQ_MODE_LOOPBACK ? dp_plan_refuse(p, 517, "Loopback") : GW_OK;
}

static void set_flag(int8_t *to, int v)
{
	if (v >= 0)
		*to = (int8_t)v;
}

static void set_number(uint32_t *to, int64_t v)
{
	if (v >= 0)
		*to = (uint32_t)v;
}

static enum gw_err check_policing(struct dp_plan *p, const struct dp_control *k)
{
	if (k->pol == 1 && !k->sdr && !k->pdr)
		return dp_plan_refuse(p, 472, "tman/pol needs tman/sdr or tman/pdr");
	return GW_OK;
}

enum gw_err dp_plan_read_control(struct dp_plan *p, struct dp_stream_plan *sp)
{
	const struct iq_stream *s = sp->s;
	struct dp_control *k = &sp->ctl;
	enum gw_err err = read_undone(p, s);

	if (err)
		return err;
	*k = sp->stream ? sp->stream->ctl : dp_control_default();	/* M-9: what is not mentioned stays */
	if (s->mode)
		k->mode = (uint8_t)s->mode;
	if (s->dscp >= 0)
		k->dscp = (uint8_t)s->dscp;
	set_flag(&k->tb, s->tb);
	set_flag(&k->saf, s->saf);
	set_flag(&k->spf, s->spf);
	set_flag(&k->pol, s->pol);
	set_flag(&k->rsb, s->rtcp_rsb);
	set_number(&k->sdr, s->sdr);
	set_number(&k->mbs, s->mbs);
	set_number(&k->pdr, s->pdr);
	set_number(&k->dvt, s->dvt);
	if (s->sam.len && read_mask(s->sam, k))
		return dp_plan_refuse(p, 449, "gm/sam");
	if (s->spr.len && read_range(s->spr, k))
		return dp_plan_refuse(p, 449, "gm/spr");
	return check_policing(p, k);
}

/* ---- Signals -------------------------------------------------------------------------------------------- */

static void read_latch(struct dp_plan *p, const struct iq_item *it)
{
	struct gw_sv v = iq_item_param(it, GW_SV("napt"));

	p->has_latch = true;
	p->latch_stream = it->stream;
	p->latch = gw_sv_ieq(v, GW_SV("LATCH")) ? DP_LATCH_FIRST : gw_sv_ieq(v, GW_SV("RELATCH")) ? DP_LATCH_AGAIN : DP_LATCH_OFF;
}

enum gw_err dp_plan_read_signals(struct dp_plan *p)
{
	enum gw_err err = GW_OK;

	for (unsigned i = 0; !err && i < p->cmd->n_signals; i++) {
		const struct iq_item *it = &p->cmd->signals[i];

		if (it->id == IQ_SG_LATCH)
			read_latch(p, it);
		else if (it->id == IQ_SG_CHECK || it->id == IQ_SG_MORE_CHECKS || it->id == IQ_SG_CONSENT)
			err = dp_plan_read_ice_signal(p, it);
		else if (it->id != IQ_SG_STUN_SERVER && it->id != IQ_SG_EST_BNC &&
			it->id != IQ_SG_TCP_EST)	/* it connects as soon as it knows where to */
			err = dp_plan_refuse(p, 513, "");
	}
	return err;
}
