/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of a call: what comes from one leg is understood, and written for the other (W2-SDP-01 to -53). */
#include <stdlib.h>

#include "control/alg/call_int.h"

static struct sdp_policy policy(const struct cp_conf *c)
{
	struct sdp_policy p = { .opus_to_core = c->media.opus_to_core,
		.accept_bundle = c->media.bundle == CP_BUNDLE_SHARE,
		.relay_data = c->media.data == CP_DATA_RELAY,
		.ends_msrp = c->media.data & CP_DATA_MSRP, .ends_text = c->media.data & CP_DATA_T140, .dtls_passive = c->media.dtls_role == CP_DTLS_PASSIVE };

	for (unsigned i = 0; i < c->media.n_codecs && p.n_codecs < 16; i++)
		p.codecs[p.n_codecs++] = gw_sv_cstr(c->media.codecs[i]);
	p.core_srtp = (enum sdp_core_srtp)c->media.core_srtp;
	for (unsigned i = 0; i < c->media.n_core_suites && p.n_suites < SDP_SUITES; i++)
		p.suites[p.n_suites++] = sdp_suite_of(gw_sv_cstr(c->media.core_suites[i]));
	for (unsigned i = 0; i < c->media.n_video && p.n_video < 8; i++)
		p.video[p.n_video++] = gw_sv_cstr(c->media.video[i]);
	return p;
}

static enum sdp_side side(enum cp_side s)
{
	return s == CP_SIDE_W2 ? SDP_W2 : SDP_CORE;
}

void cp_sdp_begin(struct cp_call *c, enum cp_side sender)
{
	gw_arena_reset(&c->ex.arena);
	free(c->ex.answer_text);
	memset(&c->ex, 0, sizeof(c->ex));
	c->ex.arena.limit = 1u << 20;
	c->ex.sender = c->ex.offerer = sender;
	c->n_exchanges++;
}

static enum sdp_setup wic_setup(const struct cp_call *c, unsigned index)
{
	const struct cp_media_line *l = cp_call_transport(c, index);

	return l ? l->wic_setup : SDP_SETUP_NONE;
}

enum sdp_setup cp_sdp_our_setup(const struct cp_call *c, unsigned i)
{
	const struct sdp_line *l = &c->ex.offer.lines[i];

	if (c->ex.offerer == CP_SIDE_MW)
		return SDP_SETUP_ACTPASS;
	if (l->setup == SDP_SETUP_ACTIVE)
		return SDP_SETUP_PASSIVE;
	if (l->setup == SDP_SETUP_PASSIVE)
		return SDP_SETUP_ACTIVE;
	if (wic_setup(c, i))
		return sdp_setup_reverse(wic_setup(c, i));
	return c->alg->s->conf->media.dtls_role == CP_DTLS_PASSIVE ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE;
}

enum sdp_setup cp_sdp_tcp_setup(const struct cp_call *c, unsigned i)
{
	enum sdp_setup said = c->ex.offer.lines[i].setup;

	if (c->ex.offerer == CP_SIDE_W2)
		return SDP_SETUP_ACTPASS;
	return said == SDP_SETUP_PASSIVE ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
}

static bool is_taken(const struct cp_call *c, const char *mid)
{
	for (unsigned k = 0; k < c->n_lines; k++)
		if (c->lines[k].mid && strcmp(c->lines[k].mid, mid) == 0)
			return true;
	return false;
}

struct gw_sv cp_sdp_mid(struct cp_call *c, unsigned i)
{
	const struct cp_media_line *l = cp_call_transport(c, i);
	unsigned n = c->ex.map.core[i].w2;
	char number[16];

	if (l && l->mid && (l->transport_exchange == 0 || !c->ex.streams[i].is_active))
		return gw_sv_cstr(l->mid);
	do {
		snprintf(number, sizeof(number), "%u", n);
		n += SDP_MAX_MEDIA;
	} while (is_taken(c, number));
	return gw_arena_sv(&c->ex.arena, gw_sv_cstr(number));
}

/* Of every line that crosses. */
static void keep_roles(struct cp_call *c)
{
	const struct sdp_model *wic = c->ex.offerer == CP_SIDE_W2 ? &c->ex.offer : &c->ex.answer;

	for (unsigned i = 0; i < c->ex.offer.n_lines; i++) {
		const struct sdp_stream *s = &c->ex.streams[i];
		struct cp_media_line *l = s->is_active ? cp_call_transport(c, i) : NULL;

		if (!l)
			continue;
		free(l->mid);
		l->mid = gw_sv_dup(wic->lines[i].mid);
		l->transport_exchange = cp_call_line(c, i)->exchange = 0;	/* it has streams, so it is there */
		if (c->ex.offerer == CP_SIDE_MW)
			l->wic_setup = c->ex.answer.lines[i].setup;
		else
			l->wic_setup = sdp_setup_reverse(sdp_stream_is_relayed(s) ? s->setup : cp_sdp_our_setup(c, i));
	}
}

enum gw_err cp_sdp_offer(struct cp_call *c, struct gw_sv text, enum cp_side from, const char **why,
	unsigned *status)
{
	struct sdp_policy p = policy(c->alg->s->conf);
	struct gw_diag diag = { 0, "" };
	enum sdp_refusal r;
	struct gw_sv copy;

	c->ex.offerer = from;
	copy = gw_arena_sv(&c->ex.arena, text);
	if (sdp_model_read(&c->ex.offer, &c->ex.arena, copy, SDP_SIP, &diag)) {
		*why = diag.what;
		*status = 400;
		return GW_EBADMSG;
	}
	if (c->ex.offer.n_lines < (from == CP_SIDE_MW ? c->map.n : c->map.n_w2)) {	/* RFC 3264 8 */
		*why = "offer has fewer media lines than the one before";
		*status = 488;
		return GW_EUNSUPP;
	}
	c->ex.map = c->map;
	if (from == CP_SIDE_MW)
		sdp_map_core_offer(&c->ex.map, &c->ex.offer, &p);
	else if (sdp_map_w2_offer(&c->ex.map, &c->ex.offer, &p, &c->ex.arena)) {
		*why = "too many media lines";
		*status = 488;
		return GW_ELIMIT;
	}
	c->ex.streams = gw_arena_array(&c->ex.arena, struct sdp_stream, c->ex.offer.n_lines + 1);
	if (!c->ex.streams) {
		*why = "memory";
		*status = 500;
		return GW_ENOMEM;
	}
	r = sdp_choose_offer(&c->ex.offer, side(from), &p, c->ex.streams);
	if (r) {
		*why = sdp_refusal_warning(r);
		*status = 488;
		return GW_EUNSUPP;
	}
	for (unsigned i = 0; from == CP_SIDE_W2 && i < c->ex.offer.n_lines; i++)	/* actpass once more: as it is */
		if (sdp_stream_is_relayed(&c->ex.streams[i]) && c->ex.offer.lines[i].setup == SDP_SETUP_ACTPASS && wic_setup(c, i))
			c->ex.streams[i].setup = wic_setup(c, i);
	if (cp_sdes_choose(c)) {
		*why = "memory";
		*status = 500;
		return GW_ENOMEM;
	}
	c->ex.offer_said = copy;
	return GW_OK;
}

/* Local of the access side: where it shares one, that of the group. */
static const char *local_access(const struct cp_call *c, unsigned i)
{
	const struct cp_media_line *l = cp_call_transport(c, i);

	if (l && l->bundle == CP_LINE_MEMBER)
		l = cp_bundle_transport(c);
	return l ? l->local_access : NULL;
}

static enum gw_err locals(struct cp_call *c, enum cp_side to, bool is_answer, struct sdp_local *out)
{
	bool is_w2 = to == CP_SIDE_W2;

	for (unsigned k = 0; k < c->n_lines; k++) {
		const struct cp_media_line *l = &c->lines[k];
		const char *text = is_w2 ? local_access(c, l->index) : l->local_core;
		bool lite = false;
		enum gw_err err;

		if (l->index >= c->ex.offer.n_lines || !c->ex.streams[l->index].is_active)
			continue;
		if ((err = sdp_iq_read_local(&c->ex.arena, gw_sv_cstr(text), is_w2, &out[l->index], &lite)))
			return err;
		if (is_w2 && c->ex.streams[l->index].is_msrp &&
			(err = sdp_iq_read_channel(&c->ex.arena, gw_sv_cstr(l->local_channel), c->ex.streams[l->index].channel.stream, &out[l->index].path)))
			return err;
		if (is_w2)
			c->ice_lite = lite;
		out[l->index].setup = c->ex.streams[l->index].is_msrp && !is_w2 ? cp_sdp_tcp_setup(c, l->index) :
			sdp_stream_is_relayed(&c->ex.streams[l->index]) ? c->ex.streams[l->index].setup :
			cp_sdp_our_setup(c, l->index);
	}
	if (is_w2 && cp_bundle_transport(c))
		cp_bundle_locals(c, out, is_answer);
	return GW_OK;
}

static enum gw_err write_leg(struct cp_call *c, enum cp_side to, bool is_answer, struct gw_buf *out)
{
	struct sdp_local l[SDP_MAX_MEDIA] = { 0 };
	struct sdp_write w = { .to = side(to), .is_answer = is_answer, .streams = c->ex.streams, .locals = l,
		.n = c->ex.offer.n_lines, .map = &c->ex.map };
	enum gw_err err = locals(c, to, is_answer, l);

	if (err)
		return err;
	w.ice_lite = c->ice_lite;
	if (is_answer)
		w.remote = &c->ex.offer;
	else
		w.peer = &c->ex.offer;
	for (unsigned i = 0; !is_answer && to == CP_SIDE_W2 && i < w.n; i++)
		l[i].mid = cp_sdp_mid(c, i);
	return sdp_write_leg(&w, to == CP_SIDE_W2 ? &c->o_w2 : &c->o_core, out);
}

enum gw_err cp_sdp_write_offer(struct cp_call *c, struct gw_buf *out)
{
	return write_leg(c, c->ex.offerer == CP_SIDE_W2 ? CP_SIDE_MW : CP_SIDE_W2, false, out);
}

/* An early offer of the WIC, which is understood as its answer, may leave open what is settled (RFC 8842 5.5). */
static void settle_roles(const struct cp_call *c, struct sdp_model *m)
{
	for (unsigned i = 0; i < m->n_lines; i++)
		if (m->lines[i].setup == SDP_SETUP_ACTPASS && wic_setup(c, i))
			m->lines[i].setup = wic_setup(c, i);
}

static enum gw_err read_answer(struct cp_call *c, struct gw_sv text, bool is_offer, const char **why)
{
	enum cp_side from = c->ex.offerer == CP_SIDE_W2 ? CP_SIDE_MW : CP_SIDE_W2;
	struct gw_sv copy = gw_arena_sv(&c->ex.arena, text);
	struct gw_diag diag = { 0, "" };
	struct sdp_stream streams[SDP_MAX_MEDIA];
	static struct sdp_model answer;	/* one control thread; the old one stays until this is good */
	enum sdp_refusal r;

	if (sdp_model_read(&answer, &c->ex.arena, copy, SDP_SIP, &diag)) {
		*why = diag.what;
		return GW_EBADMSG;
	}
	if (from == CP_SIDE_W2 && sdp_map_w2_answer(&c->ex.map, &answer, &c->ex.arena)) {
		*why = sdp_refusal_text(SDP_FEWER_LINES);
		return GW_EBADMSG;
	}
	if (is_offer)
		settle_roles(c, &answer);
	memcpy(streams, c->ex.streams, c->ex.offer.n_lines * sizeof(streams[0]));
	r = sdp_choose_answer(&answer, side(from), streams, c->ex.offer.n_lines);
	if (r) {
		*why = sdp_refusal_text(r);
		return GW_EUNSUPP;
	}
	c->ex.answer = answer;
	memcpy(c->ex.streams, streams, c->ex.offer.n_lines * sizeof(streams[0]));
	free(c->ex.answer_text);
	c->ex.answer_text = gw_sv_dup(text);
	c->ex.is_applied = true;
	return GW_OK;
}

void cp_sdp_agree(struct cp_call *c)
{
	keep_roles(c);
	cp_sdes_agreed(c);
	c->map = c->ex.map;
	sdp_map_settle(&c->map, c->ex.streams);
}

enum gw_err cp_sdp_answer(struct cp_call *c, struct gw_sv text, const char **why)
{
	enum gw_err err = read_answer(c, text, false, why);

	if (!err)
		cp_sdp_agree(c);
	return err;
}

enum gw_err cp_sdp_offer_anew(struct cp_call *c, struct gw_sv text, const char **why)
{
	return read_answer(c, text, true, why);
}

enum gw_err cp_sdp_write_answer(struct cp_call *c, struct gw_buf *out)
{
	return write_leg(c, c->ex.offerer, true, out);
}
