/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BUNDLE on the W2 leg (W2-BUN-01 to -04, RFC 9143): which lines of a call share a transport at the gateway. The core never hears of it. The
 * transport is that of the first line of the group; it stays where it is when its line is refused later, and the lines beside it go on.
 * Lines are those of the access side here: of a data line the first of the core's that are its channels (cp_call_transport).
 */
#include "control/alg/call_int.h"

#define MID_MAX 16u	/* bytes in a header extension (RFC 8285 4.2) */

static bool is_access_line(const struct cp_call *c, const struct cp_media_line *l)
{
	return cp_call_transport_of(c, l->index) == l->index;
}

/* Does this line of the exchange stand for one of the access side? */
static bool is_first(const struct cp_call *c, unsigned i)
{
	return c->ex.streams[i].is_active && cp_call_line_with(c, cp_call_transport_of(c, i)) == (int)i;
}

const struct cp_media_line *cp_bundle_transport(const struct cp_call *c)
{
	for (unsigned i = 0; i < c->n_lines; i++)
		if (c->lines[i].bundle == CP_LINE_TRANSPORT)
			return &c->lines[i];
	return NULL;
}

/* Roles of DTLS on a relayed data line go from end to end (RFC 8832 6): the role the client has in the group must not be that of its peer. */
static bool has_other_role(const struct cp_call *c, unsigned i)
{
	const struct cp_media_line *transport = cp_bundle_transport(c);

	return c->ex.offerer == CP_SIDE_W2 || !transport || !sdp_stream_is_relayed(&c->ex.streams[i]) ||
		c->ex.streams[i].setup != transport->wic_setup;
}

/* Of ours all lines are in the group, and of the client's those it lists; but none that has a transport of its own already. */
static bool is_in_group(const struct cp_call *c, unsigned i)
{
	const struct cp_media_line *l = cp_call_transport(c, i);

	return !(l && l->local_access && !l->bundle) && is_first(c, i) && has_other_role(c, i) &&
		(c->ex.offerer == CP_SIDE_MW || sdp_model_in_bundle(&c->ex.offer, c->ex.offer.lines[i].mid));
}

/* The first of the group that crosses: RFC 9143 7.3.1. */
static int first_of_group(const struct cp_call *c)
{
	struct gw_sv rest = c->ex.offer.bundle, mid;

	for (unsigned i = 0; c->ex.offerer == CP_SIDE_MW && i < c->ex.offer.n_lines; i++)
		if (is_in_group(c, i))
			return (int)i;
	while (c->ex.offerer == CP_SIDE_W2 && gw_sv_word(&rest, &mid))
		for (unsigned i = 0; i < c->ex.offer.n_lines; i++)
			if (gw_sv_eq(c->ex.offer.lines[i].mid, mid) && is_in_group(c, i))
				return (int)i;
	return -1;
}

static bool is_max_bundle(const struct cp_call *c)
{
	for (unsigned i = 0; i < c->ex.offer.n_lines; i++)
		if (c->ex.offer.lines[i].is_bundle_only)
			return true;
	return false;
}

/* RFC 9143 9.1: in one transport a payload type says one thing. */
static bool is_clear(const struct cp_call *c, unsigned i)
{
	for (unsigned k = 0; k < c->ex.offer.n_lines; k++) {
		const struct sdp_stream *a = &c->ex.streams[i], *b = &c->ex.streams[k];
		const struct cp_media_line *l = cp_call_transport(c, k);

		if (k == i || a->is_data || b->is_data || !b->is_active || !l || !l->bundle)
			continue;
		for (unsigned x = 0; x < a->n_codecs; x++)
			for (unsigned y = 0; y < b->n_codecs; y++)
				if (a->codecs[x].pt == b->codecs[y].pt)
					return false;
	}
	return true;
}

/* Does every line that may come find a place in the group? RFC 9143 7.3.3: once answered, it takes in what is added. */
static bool is_wanted(const struct cp_call *c, bool can_share)
{
	const struct cp_conf *conf = c->alg->s->conf;

	if (conf->media.bundle == CP_BUNDLE_STRICT)
		return false;
	/* max-bundle would have nothing else */
	return can_share || cp_bundle_transport(c) || is_max_bundle(c) || (conf->media.data == CP_DATA_NONE && conf->media.n_video == 0);
}

static enum cp_line_bundle bundle_of(const struct cp_call *c, unsigned i, int first, bool can_share)
{
	if ((int)i == first)
		return CP_LINE_TRANSPORT;
	return can_share && (first >= 0 || cp_bundle_transport(c)) && is_in_group(c, i) && is_clear(c, i) ? CP_LINE_MEMBER : CP_LINE_ALONE;
}

/*
 * A relayed data line of the client's offer gives the role of the whole group, or has that which the group has. An actpass it cannot leave to
 * the core then: the client is active, as the core is told.
 */
static void give_roles(struct cp_call *c)
{
	const struct cp_media_line *transport = cp_bundle_transport(c);
	enum sdp_setup group = transport ? transport->wic_setup : SDP_SETUP_NONE;

	for (unsigned i = 0; c->ex.offerer == CP_SIDE_W2 && i < c->ex.offer.n_lines; i++) {
		const struct cp_media_line *l = cp_call_transport(c, i);
		struct sdp_stream *s = &c->ex.streams[i];

		if (!l || !l->bundle || !s->is_active || !sdp_stream_is_relayed(s))
			continue;
		if (group && c->ex.offer.lines[i].setup == SDP_SETUP_ACTPASS)
			s->setup = group;
		for (unsigned k = 0; k < c->n_lines; k++)
			if (c->lines[k].bundle)
				c->lines[k].wic_setup = s->setup;
	}
}

/* Ids are one space for all lines of a group, with what the core's video has (RFC 8285 5). */
static uint8_t own_mid_ext(const struct cp_call *c)
{
	const struct cp_media_line *transport = cp_bundle_transport(c);
	uint8_t id = 14;

	for (unsigned i = 0; i < c->ex.offer.n_lines; i++)
		if (c->ex.streams[i].cvo == id)
			id--;
	return transport && transport->mid_ext ? transport->mid_ext : id;
}

static void leave_out(struct cp_call *c, unsigned transport)
{
	for (unsigned i = 0; i < c->ex.offer.n_lines; i++)
		if (cp_call_transport_of(c, i) == transport)
			c->ex.streams[i].is_active = false;
}

/* A line that is new at the gateway. */
static void choose_line(struct cp_call *c, unsigned i, struct cp_media_line *l, enum cp_line_bundle bundle)
{
	const struct sdp_line *said = &c->ex.offer.lines[i];

	l->mid_ext = !bundle ? 0 : c->ex.offerer == CP_SIDE_W2 ? said->mid_ext : own_mid_ext(c);
	l->bundle = bundle;
	if (!l->bundle && said->is_bundle_only && said->media->port_n == 0)	/* it has nothing of its own */
		leave_out(c, l->index);
}

/* Its line was refused, but others share its transport: what would take its place finds that taken. */
static bool is_outlived(const struct cp_call *c, const struct cp_media_line *transport)
{
	for (unsigned i = 0; i < c->n_lines; i++)
		if (cp_call_transport_of(c, c->lines[i].index) == transport->index && c->lines[i].local_core)
			return false;
	return transport->bundle == CP_LINE_TRANSPORT;
}

void cp_bundle_choose(struct cp_call *c)
{
	struct cp_iq_gateway_info info = { 0 };
	bool can_share = c->alg->s->conf->media.bundle == CP_BUNDLE_SHARE && cp_iq_gateway(c->alg->iq, c->gateway, &info) && info.has_mgroup;
	bool is_any;
	int first;

	for (unsigned i = 0; i < c->n_lines; i++)	/* chosen for an exchange that came to nothing */
		if (!c->lines[i].local_access)
			c->lines[i].bundle = CP_LINE_ALONE;
	is_any = is_wanted(c, can_share);
	first = is_any && !cp_bundle_transport(c) ? first_of_group(c) : -1;
	for (unsigned i = 0; i < c->ex.offer.n_lines; i++) {
		struct cp_media_line *l = is_first(c, i) ? cp_call_line(c, cp_call_transport_of(c, i)) : NULL;

		if (l && !l->local_access)
			choose_line(c, i, l, is_any ? bundle_of(c, i, first, can_share) : CP_LINE_ALONE);
		else if (l && (l->bundle == CP_LINE_MEMBER ? !is_in_group(c, i) : is_outlived(c, l)))
			leave_out(c, l->index);	/* a member that is taken out has no transport */
	}
	give_roles(c);
}

enum gw_err cp_bundle_property(struct cp_call *c, struct iq_prop *out)
{
	const struct cp_media_line *transport = cp_bundle_transport(c);
	char text[64];
	struct gw_buf b = gw_buf(text, sizeof(text));

	gw_buf_printf(&b, "BUNDLE %u", transport->index + 1u);
	for (unsigned i = 0; i < c->n_lines; i++)
		if (c->lines[i].bundle == CP_LINE_MEMBER)
			gw_buf_printf(&b, " %u", c->lines[i].index + 1u);
	*out = (struct iq_prop){ .id = IQ_GROUPS, .value = gw_arena_sv(&c->ex.arena, gw_buf_sv(&b)) };
	return out->value.len ? GW_OK : GW_ENOMEM;
}

/* The line of the exchange that stands for one in the group; -1: it does not cross. */
static int said_line(const struct cp_call *c, const struct cp_media_line *l)
{
	return l->bundle && is_access_line(c, l) ? cp_call_line_with(c, l->index) : -1;
}

const struct sdp_line *cp_bundle_tagged(const struct cp_call *c, const struct sdp_model *wic)
{
	const struct cp_media_line *transport = cp_bundle_transport(c);
	const struct sdp_line *found = NULL;

	for (unsigned k = 0; k < c->n_lines; k++) {
		int i = said_line(c, &c->lines[k]);

		if (i < 0 || (unsigned)i >= wic->n_lines || !wic->lines[i].ice_ufrag.len)
			continue;
		if (!found || &c->lines[k] == transport)
			found = &wic->lines[i];
	}
	return found;
}

/*
 * Where lines of media share a transport each packet bears its MID: of packets without, Chromium gives none to any line once one of them is
 * inactive. For one line alone they need none. All of them have it or none has: by half of them a browser tells nothing.
 */
uint8_t cp_bundle_mid_ext(const struct cp_call *c, unsigned transport)
{
	uint8_t found = 0;
	unsigned n = 0;

	for (unsigned k = 0; k < c->n_lines; k++) {
		const struct cp_media_line *l = &c->lines[k];
		int i = said_line(c, l);
		const struct sdp_line *said = i < 0 ? NULL : &c->ex.offer.lines[i];

		if (!said || c->ex.streams[i].is_data)
			continue;
		n++;
		if (!l->mid_ext || l->mid_ext == c->ex.streams[i].cvo ||
			(c->ex.offerer == CP_SIDE_W2 && (said->mid_ext != l->mid_ext || said->mid.len > MID_MAX)))
			return 0;
		if (l->index == transport)
			found = l->mid_ext;
	}
	return n > 1 ? found : 0;
}

void cp_bundle_locals(const struct cp_call *c, struct sdp_local *out, bool is_answer)
{
	enum sdp_setup setup = SDP_SETUP_NONE;

	for (unsigned i = 0; i < c->ex.offer.n_lines; i++) {
		const struct cp_media_line *l = cp_call_transport(c, i);

		if (l && l->bundle && c->ex.streams[i].is_active && sdp_stream_is_relayed(&c->ex.streams[i]))
			setup = out[i].setup;	/* of all: they have one association */
	}
	for (unsigned i = 0; i < c->ex.offer.n_lines; i++) {
		const struct cp_media_line *l = cp_call_transport(c, i);

		if (!l || !l->bundle || !c->ex.streams[i].is_active)
			continue;
		out[i].is_bundled = true;
		out[i].mid_ext = cp_bundle_mid_ext(c, l->index);
		/* RFC 9143 7.2.1: until its address is agreed upon it has none but that of the group */
		out[i].is_bundle_only = l->bundle == CP_LINE_MEMBER && !is_answer && l->wic_setup == SDP_SETUP_NONE;
		if (setup)
			out[i].setup = setup;
	}
}
