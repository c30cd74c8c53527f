/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BUNDLE (F-74, P-2): mgroup/gs "BUNDLE 1 2" of a plan, read. The first stream has the transport, and may be a line of its own; or be
 * nothing else, with "-" for its kind and formats (E-9). The others, media and a data line, have "-" for their port. The property says the group as a whole (M-9):
 * who is a member leaves it only by being released, and the transport goes last.
 *
 * "DEAGG 1 2" says which channels a data line has (F-70, E-7). They are its termination's anyway; so that is what is looked at.
 */
#include "dataplane/ctx/plan.h"

static bool is_listed(const struct dp_plan *p, uint16_t id)
{
	for (unsigned i = 1; p->bundle && i < p->bundle->n_streams; i++)
		if (p->bundle->streams[i] == id && id != p->bundle->streams[0])
			return true;
	return false;
}

static const struct dp_stream_plan *plan_of(const struct dp_plan *p, uint16_t id)
{
	for (unsigned i = 0; i < p->cmd->n_streams; i++)
		if (p->streams[i].s->id == id)
			return &p->streams[i];
	return NULL;
}

enum gw_err dp_plan_read_group(struct dp_plan *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->cmd->n_props; i++)
		n += p->cmd->props[i].id == IQ_GROUPS;
	if (n != p->cmd->n_props)
		return dp_plan_refuse(p, 445, "TerminationState");
	for (unsigned i = 0; i < p->cmd->n_groups; i++) {
		const struct iq_group *g = &p->cmd->groups[i];
		const struct iq_group **as = gw_sv_ieq(g->semantics, GW_SV("BUNDLE")) ? &p->bundle :
			gw_sv_ieq(g->semantics, GW_SV("DEAGG")) ? &p->deagg : NULL;

		if (!as || g->n_streams == 0)
			return dp_plan_refuse(p, 449, "mgroup/gs: only BUNDLE and DEAGG are supported");
		if (*as)
			return dp_plan_refuse(p, 445, "mgroup/gs: one group of a kind");
		*as = g;
	}
	return GW_OK;
}

bool dp_plan_is_member(const struct dp_plan *p, const struct dp_stream_plan *sp)
{
	return sp->stream ? sp->stream->transport != NULL : is_listed(p, sp->s->id);
}

enum gw_err dp_plan_read_member(struct dp_plan *p, struct dp_stream_plan *sp)
{
	bool has_port = sp->has_local && !gw_sv_eq(sp->local.lines[0].media->port, GW_SV("-"));

	if (sp->is_member && (sp->is_end || sp->is_opaque))
		return dp_plan_refuse(p, 449, sp->is_end ? "channels are of the data line beside them, and in no group" : "datagrams are in no group");
	if (sp->is_end || !sp->has_local || sp->is_released)
		return GW_OK;
	if (has_port == sp->is_member)
		return dp_plan_refuse(p, 473, sp->is_member ? "a member of a BUNDLE group has no port" : "a port is missing");
	return GW_OK;
}

static enum gw_err check_transport(struct dp_plan *p, uint16_t id)
{
	const struct dp_stream *s = p->term ? dp_term_stream(p->term, id) : NULL;
	const struct dp_stream_plan *sp = plan_of(p, id);

	if (!p->is_access || (!s && !sp) || (sp && (sp->is_member || sp->is_released || sp->is_end || sp->is_opaque)) || (s && (s->transport || !s->access)))
		return dp_plan_refuse(p, 473, "mgroup/gs: the first stream has no transport to share");
	return GW_OK;
}

/* What is in the group, or will be: nothing less, and nothing with a transport of its own. */
static enum gw_err check_members(struct dp_plan *p)
{
	for (unsigned i = 1; p->bundle && i < p->bundle->n_streams; i++) {
		uint16_t id = p->bundle->streams[i];
		const struct dp_stream *s = p->term ? dp_term_stream(p->term, id) : NULL;

		if (!is_listed(p, id) || (s && s->transport && s->transport->id == p->bundle->streams[0]))
			continue;
		if (s || !plan_of(p, id))
			return dp_plan_refuse(p, 473, "mgroup/gs: a stream that is not there, or has a transport of its own");
	}
	return GW_OK;
}

/* RFC 8841 9: one SCTP association on one of DTLS. */
static unsigned count_data(const struct dp_plan *p)
{
	unsigned n = 0;

	for (unsigned i = 0; p->bundle && i < p->bundle->n_streams; i++) {
		const struct dp_stream *s = p->term ? dp_term_stream(p->term, p->bundle->streams[i]) : NULL;
		const struct dp_stream_plan *sp = plan_of(p, p->bundle->streams[i]);

		n += s ? dp_stream_is_data(s) : sp && sp->is_data;
	}
	return n;
}

/* Places on the shared port: those who leave with this command have theirs still when the new ones come. */
static unsigned count_members(const struct dp_plan *p)
{
	unsigned n = 0;

	for (const struct dp_stream *s = p->term ? p->term->streams : NULL; s; s = s->next)
		n += s->transport != NULL;
	for (unsigned i = 0; i < p->cmd->n_streams; i++)
		n += p->streams[i].is_new && p->streams[i].is_member;
	return n;
}

static bool is_going(const struct dp_plan *p, const struct dp_stream *s)
{
	const struct dp_stream_plan *sp = plan_of(p, s->id);

	return sp && sp->is_released;
}

static enum gw_err check_channels(struct dp_plan *p)
{
	for (unsigned i = 0; p->deagg && i < p->deagg->n_streams; i++) {
		uint16_t id = p->deagg->streams[i];
		const struct dp_stream *s = p->term ? dp_term_stream(p->term, id) : NULL;
		const struct dp_stream_plan *sp = plan_of(p, id);
		bool is_line = sp ? sp->is_data : s && dp_stream_is_data(s), is_channel = sp ? sp->is_end : s && s->end;

		if (!p->is_access || (i == 0 ? !is_line : !is_channel))
			return dp_plan_refuse(p, 473, "mgroup/gs: DEAGG is of a data line and its channels");
	}
	return GW_OK;
}

enum gw_err dp_plan_check_group(struct dp_plan *p)
{
	enum gw_err err = p->bundle ? check_transport(p, p->bundle->streams[0]) : GW_OK;

	if (!err)
		err = check_members(p);
	if (!err)
		err = check_channels(p);
	if (!err && count_members(p) > DP_BUNDLE_LINES)
		return dp_plan_refuse(p, 510, "too many streams in a BUNDLE group");
	if (!err && count_data(p) > 1)
		return dp_plan_refuse(p, 449, "one data line in a BUNDLE group");
	for (struct dp_stream *s = p->term ? p->term->streams : NULL; !err && s; s = s->next) {
		if (!s->transport || is_going(p, s))
			continue;
		if (is_going(p, s->transport))
			err = dp_plan_refuse(p, 473, "others share the transport of this stream");
		else if (p->bundle && !is_listed(p, s->id))
			err = dp_plan_refuse(p, 473, "mgroup/gs: a member is missing");
	}
	return err;
}

struct dp_stream *dp_plan_transport(const struct dp_plan *p)
{
	const struct dp_stream_plan *sp = plan_of(p, p->bundle->streams[0]);

	return sp ? sp->stream : dp_term_stream(p->term, p->bundle->streams[0]);
}
