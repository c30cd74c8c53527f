/* SPDX-License-Identifier: Apache-2.0 */
/* Add and Modify read into a plan: Media with its streams, Events, Signals. Nothing is changed here. */
#include "dataplane/ctx/sdes.h"
#include "proto/sdp/text.h"

enum gw_err dp_plan_refuse(struct dp_plan *p, unsigned code, const char *text)
{
	p->code = code;
	p->text = text;
	return GW_EBADMSG;
}

/* ---- Local and Remote -------------------------------------------------------------------------------- */

static enum gw_err read_fingerprints(struct dp_plan *p, struct dp_stream_plan *sp)
{
	const struct sdp_line *l = &sp->remote.lines[0];

	for (unsigned i = 0; i < l->n_fp && sp->n_fps < DP_FINGERPRINTS_MAX; i++) {
		struct dp_fingerprint f = { .hash = dp_hash_parse(l->fp[i].hash) };
		struct gw_sv hex = l->fp[i].hex;

		if (f.hash == DP_HASH_NONE)
			continue;
		for (size_t k = 0; k + 2 <= hex.len && f.len < DP_FINGERPRINT_MAX; k += 3) {
			uint32_t b;

			if (gw_sv_hex32(gw_sv_sub(hex, k, k + 2), &b))
				return dp_plan_refuse(p, 474, "a=fingerprint is malformed");
			f.bytes[f.len++] = (uint8_t)b;
		}
		sp->fps[sp->n_fps++] = f;
	}
	if (l->n_fp && sp->n_fps == 0)
		return dp_plan_refuse(p, 449, "no fingerprint of sha-256 or better");
	return GW_OK;
}

static enum gw_err read_description(struct dp_plan *p, struct sdp_model *m, struct gw_sv text, const char *not_one)
{
	struct gw_diag diag;
	enum gw_err err = sdp_model_read(m, p->arena, text, SDP_IQ, &diag);

	if (err)
		return err == GW_ENOMEM ? dp_plan_refuse(p, 510, "no memory") : dp_plan_refuse(p, 474, diag.what);
	return m->n_lines == 1 ? GW_OK : dp_plan_refuse(p, 474, not_one);
}

static enum gw_err read_local(struct dp_plan *p, struct dp_stream_plan *sp)
{
	enum gw_err err = read_description(p, &sp->local, sp->s->local, "Local needs exactly one media line");

	if (err)
		return err;
	sp->has_local = true;
	sp->is_released = gw_sv_eq(sp->local.lines[0].media->port, GW_SV("0"));
	if (sp->is_released)
		return sp->stream ? GW_OK : dp_plan_refuse(p, 473, "port 0 for a stream that is not there");
	if (sp->local.lines[0].is_unusable)
		return dp_plan_refuse(p, 474, sp->local.lines[0].why);
	return GW_OK;
}

static enum gw_err read_remote(struct dp_plan *p, struct dp_stream_plan *sp)
{
	enum gw_err err = read_description(p, &sp->remote, sp->s->remote, "Remote needs exactly one media line");

	if (err)
		return err;
	if (sp->remote.lines[0].is_unusable)
		return dp_plan_refuse(p, 474, sp->remote.lines[0].why);
	if (sp->remote.lines[0].setup == SDP_SETUP_HOLDCONN || sp->remote.lines[0].setup == SDP_SETUP_BAD)
		return dp_plan_refuse(p, 449, "a=setup");
	if (sp->remote.lines[0].ice_ufrag.len > DP_ICE_REMOTE_UFRAG_MAX)
		return dp_plan_refuse(p, 474, "a=ice-ufrag is too long");
	sp->has_remote = true;
	return read_fingerprints(p, sp);
}

/* DTLS-SRTP is of the access side, other RTP of the core; of data lines that with ICE is, as DTLS is on both. */
static bool is_of_access(const struct sdp_line *l)
{
	return l->is_data ? l->ice_ufrag.len != 0 : l->is_secure && !sdp_line_is_sdes(l);
}

/* A channel of T.140, or its partner in the core. */
static bool is_text(const struct sdp_line *l)
{
	struct sdp_text text;
	struct sdp_dcmap map;

	if (l->is_channel)
		return sdp_dcmaps(l->media, &map, 1) == 1 && gw_sv_ieq(map.subprotocol, GW_SV("t140"));
	return l->is_text && sdp_text_read(l->codecs, l->n_codecs, &text) == GW_OK;
}

/* The records of a data line go from worker to worker: no association can end here any more. */
static bool has_records(const struct dp_term *t)
{
	for (const struct dp_stream *s = t ? t->streams : NULL; s; s = s->next)
		if (s->records && (s->records->is_in_use || s->records->is_lent))
			return true;
	return false;
}

/* E-7: a channel in the access termination, MSRP in the core's. */
static enum gw_err read_end(const struct dp_ctx *c, struct dp_plan *p, struct dp_stream_plan *sp, const struct sdp_line *l, bool *is_known)
{
	struct sdp_dcmap map;

	if (!c->c.has_sctp || (!sp->is_text && !c->c.msrp))
		return dp_plan_refuse(p, 515, "no such data channel ends here");
	if (sp->stream ? (l->is_channel ? sp->stream->end->msrp != NULL : !l->is_msrp || !sp->stream->end->msrp) :
			 *is_known && p->is_access != l->is_channel)
		return dp_plan_refuse(p, 473, "media protocol cannot change");
	if (sp->is_new && l->is_channel) {
		if (has_records(p->term))
			return dp_plan_refuse(p, 473, "the channels of this line are relayed");
		if (sdp_dcmaps(l->media, &map, 1) != 1 || map.stream >= DP_CHANNEL_STREAMS)
			return dp_plan_refuse(p, 449, "one channel a stream, of a stream of SCTP below 64");
		if ((!gw_sv_ieq(map.subprotocol, GW_SV("msrp")) && !sp->is_text) || map.is_unordered || map.reliability != SDP_DC_RELIABLE)
			return dp_plan_refuse(p, 449, "only reliable, ordered channels of MSRP or T.140 end here");
		sp->sctp_stream = map.stream;
	}
	if (l->is_msrp && l->media->proto.len != 8)	/* TCP/TLS/MSRP: W2-DC-14 */
		return dp_plan_refuse(p, 449, "MSRP over TLS is not supported");
	p->is_access = l->is_channel;
	*is_known = true;
	return GW_OK;
}

/* F-44: no bearer is TCP. */
static bool is_rtp_over_udp(const struct sdp_line *l)
{
	return gw_sv_starts(l->media->proto, GW_SV("RTP/")) || gw_sv_starts(l->media->proto, GW_SV("UDP/TLS/RTP/"));
}

/* F-73: keys and candidates are their ends', so none is made here. */
static enum gw_err read_opaque(struct dp_plan *p, const struct sdp_line *l)
{
	if (l->ice_ufrag.len || l->n_fp || l->has_crypto)
		return dp_plan_refuse(p, 473, "datagrams that pass as they are have no ICE and no keys here");
	return GW_OK;
}

/*
 * Access or core side: the protocol tells, and all streams of a termination have the same; those whose datagrams pass as they are go with
 * the others, or have the side that is free.
 */
static enum gw_err read_side(const struct dp_ctx *c, struct dp_plan *p, struct dp_stream_plan *sp, bool *is_known)
{
	const struct sdp_line *l = sp->has_local && !sp->is_released ? &sp->local.lines[0] :
		sp->has_remote ? &sp->remote.lines[0] : NULL;
	bool is_access;

	sp->is_end = sp->stream ? sp->stream->end != NULL : l && (l->is_channel || l->is_msrp);
	sp->is_data = sp->stream ? dp_stream_is_data(sp->stream) : l && l->is_data && !sp->is_end;
	sp->is_text = sp->stream ? dp_stream_is_text(sp->stream) : l && (l->is_text || is_text(l));
	sp->is_opaque = sp->stream ? sp->stream->is_opaque : l && l->is_opaque;
	if (!l)
		return GW_OK;
	if (sp->is_end)
		return read_end(c, p, sp, l, is_known);
	if (!is_rtp_over_udp(l) && !l->is_data && !l->is_opaque)
		return dp_plan_refuse(p, 515, "only RTP over UDP, data channels and datagrams are supported");
	if (l->is_text != sp->is_text || l->is_data != sp->is_data || l->is_opaque != sp->is_opaque)
		return dp_plan_refuse(p, 473, "media protocol cannot change");
	if (l->is_opaque)
		return read_opaque(p, l);
	if (l->is_text && (l->is_secure || !is_text(l)))
		return dp_plan_refuse(p, 449, "text is RTP/AVP with t140/1000");
	if (*is_known && sp->is_data && !sp->is_new)
		return GW_OK;	/* its Remote need not repeat what ICE needs */
	is_access = is_of_access(l) || (l->is_data && sp->is_member);
	if (*is_known && p->is_access != is_access)
		return dp_plan_refuse(p, 473, sp->stream ? "media protocol cannot change" :
			"the streams of a termination have DTLS-SRTP, or none has");
	p->is_access = is_access;
	*is_known = true;
	return GW_OK;
}

/* What a data line is joined with: the stream of this id on the other side, if it is there already. */
static enum gw_err read_partner(const struct dp_context *cx, struct dp_plan *p, const struct dp_stream_plan *sp)
{
	for (unsigned i = 0; sp->is_new && !sp->is_released && i < cx->n_terms; i++) {
		const struct dp_stream *other = cx->terms[i] == p->term ? NULL : dp_term_stream(cx->terms[i], sp->s->id);
		bool is_of_core = other && !p->is_access && !cx->terms[i]->is_access;

		if (other && ((is_of_core && (sp->is_data || sp->is_end || sp->is_text)) || dp_stream_is_data(other) != sp->is_data ||
			other->is_opaque != sp->is_opaque || dp_stream_is_text(other) != sp->is_text ||
			(!sp->is_text && (other->end != NULL) != sp->is_end)))
			return dp_plan_refuse(p, 473, "streams of these kinds cannot be joined");
	}
	return GW_OK;
}

static enum gw_err read_stream(const struct dp_ctx *c, const struct dp_context *cx, struct dp_plan *p, struct dp_stream_plan *sp, bool *is_known)
{
	enum gw_err err = GW_OK;

	sp->stream = p->term ? dp_term_stream(p->term, sp->s->id) : NULL;
	sp->is_new = !sp->stream;
	sp->is_member = dp_plan_is_member(p, sp);
	if (sp->s->has_local && sp->s->local.len)
		err = read_local(p, sp);
	sp->clears_remote = sp->s->has_remote && gw_sv_trim(sp->s->remote).len == 0;	/* M-9 */
	if (!err && sp->s->has_remote && !sp->clears_remote)
		err = read_remote(p, sp);
	if (!err)
		err = read_side(c, p, sp, is_known);
	if (!err)
		err = dp_plan_read_sdes(c, p, sp);
	if (!err)
		err = dp_plan_read_member(p, sp);
	if (!err)
		err = read_partner(cx, p, sp);
	if (!err)
		err = dp_plan_read_control(p, sp);
	if (!err && sp->is_new && !sp->has_local)
		err = dp_plan_refuse(p, 441, p->term ? "a new stream needs a Local descriptor" : "Add needs a Local descriptor");
	sp->asks_ice = p->is_access && !sp->is_end && !sp->is_opaque && !sp->is_member && sp->has_local && !sp->is_released &&
		(sp->is_new || gw_sv_eq(sp->local.lines[0].ice_ufrag, GW_SV("$")));
	return err;
}

/* ---- Events --------------------------------------------------------------------------------------------- */

static enum gw_err read_seconds(struct dp_plan *p, const struct iq_item *e, const char *name, struct dp_wanted *w)
{
	uint32_t n;

	if (gw_sv_uint_max(iq_item_param(e, gw_sv_cstr(name)), 86400, &n) || n == 0)
		return dp_plan_refuse(p, 457, name);
	w->value = n;
	return GW_OK;
}

static enum gw_err read_event(struct dp_plan *p, const struct iq_item *e, struct dp_wanted *w)
{
	struct gw_sv dir;

	*w = (struct dp_wanted){ .event = (uint8_t)e->id, .stream = e->stream };
	switch (e->id) {
	case IQ_EV_HANGTERM:
		return read_seconds(p, e, "timerx", w);
	case IQ_EV_IPSTOP:
		dir = iq_item_param(e, GW_SV("dir"));
		w->direction = (uint8_t)(gw_sv_ieq(dir, GW_SV("IN")) ? DP_DIR_IN : gw_sv_ieq(dir, GW_SV("OUT")) ? DP_DIR_OUT : DP_DIR_BOTH);
		return read_seconds(p, e, "dt", w);
	case IQ_EV_CAUSE:
	case IQ_EV_BNC_CHANGE:
	case IQ_EV_TCP:
	case IQ_EV_ICE_RESULT:
	case IQ_EV_NEW_PRFLX:
	case IQ_EV_CONSENT:
	case IQ_EV_X_ICE:
	case IQ_EV_X_DTLS:
	case IQ_EV_X_CONSENT:
		return GW_OK;
	default:	/* what is not done is not promised */
		return dp_plan_refuse(p, 512, "");
	}
}

static enum gw_err read_events(struct dp_plan *p)
{
	enum gw_err err = GW_OK;

	for (unsigned i = 0; !err && i < p->cmd->n_events; i++)
		err = read_event(p, &p->cmd->events[i], &p->wanted[p->n_wanted++]);
	return err;
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

static enum gw_err read_count(const struct dp_ctx *c, struct dp_plan *p)
{
	unsigned n = p->term ? p->term->n_streams : 0, ends = 0;

	for (const struct dp_stream *s = p->term ? p->term->streams : NULL; s; s = s->next)
		ends += s->end != NULL;
	for (unsigned i = 0; i < p->cmd->n_streams; i++) {
		n += p->streams[i].is_new;
		ends += p->streams[i].is_new && p->streams[i].is_end;
		for (unsigned k = 0; k < i; k++)
			if (p->streams[k].s->id == p->streams[i].s->id)
				return dp_plan_refuse(p, 448, "a stream is there twice");
	}
	if (n > DP_STREAMS_PER_TERM)
		return dp_plan_refuse(p, 510, "16 streams a termination are supported");
	if (ends > c->c.channels_per_context)
		return dp_plan_refuse(p, 510, "no more data channels may end here for this context");
	return n || p->term ? GW_OK : dp_plan_refuse(p, 441, "Add needs a Local descriptor");
}

/* F-57: full where checks are ordered with the credentials, or where that is how the gateway is set up and nobody asks for lite. */
static void choose_ice(const struct dp_ctx *c, struct dp_plan *p)
{
	for (unsigned i = 0; i < p->cmd->n_streams; i++) {
		struct dp_stream_plan *sp = &p->streams[i];
		const struct dp_ice_full *f = sp->stream && sp->stream->access ? sp->stream->access->ice.full : NULL;

		if (sp->asks_ice)
			sp->is_lite = sp->local.lines[0].has_ice_lite ||
				!(c->c.is_ice_full || (f && f->wants_checks) || dp_plan_orders(p, sp->s->id, IQ_SG_CHECK));
	}
}

enum gw_err dp_plan_read(struct dp_ctx *c, const struct dp_context *cx, struct dp_plan *p)
{
	bool is_known = p->term != NULL;
	enum gw_err err;

	p->is_access = p->term ? p->term->is_access : !cx->n_terms || !cx->terms[0]->is_access;
	p->streams = gw_arena_array(p->arena, struct dp_stream_plan, p->cmd->n_streams ? p->cmd->n_streams : 1);
	if (!p->streams)
		return dp_plan_refuse(p, 510, "no memory");
	if ((err = dp_plan_read_group(p)))
		return err;
	for (unsigned i = 0; i < p->cmd->n_streams; i++) {
		p->streams[i].s = &p->cmd->streams[i];
		if ((err = read_stream(c, cx, p, &p->streams[i], &is_known)))
			return err;
	}
	if ((err = read_count(c, p)) || (err = dp_plan_check_group(p)) || (err = dp_plan_read_signals(p)) || (err = read_events(p)))
		return err;
	choose_ice(c, p);
	return dp_plan_read_realm(c, p);
}
