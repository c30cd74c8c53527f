/* SPDX-License-Identifier: Apache-2.0 */
/* Which streams and codecs cross the gateway: choices on offers and answers. */
#include "proto/sdp/convert.h"

#include "proto/sdp/sdes.h"
#include "proto/sdp/text.h"

const char *sdp_refusal_text(enum sdp_refusal r)
{
	static const char *const text[] = {
		[SDP_OK] = "accepted",
		[SDP_NO_MEDIA] = "no media line that both sides can use",
		[SDP_NO_CODEC] = "no common codec",
		[SDP_NO_FINGERPRINT] = "a=fingerprint is missing",
		[SDP_NO_ICE] = "a=ice-ufrag or a=ice-pwd is missing",
		[SDP_NOT_SECURE] = "DTLS-SRTP is required",
		[SDP_BAD_SETUP] = "a=setup is missing or not allowed here",
		[SDP_BAD_HASH] = "no fingerprint of sha-256 or better",
		[SDP_BAD_LINE] = "an attribute of the media line is malformed",
		[SDP_FEWER_LINES] = "answer has fewer media lines than the offer",
		[SDP_NO_ADDRESS] = "no usable connection address",
		[SDP_NO_CRYPTO] = "no a=crypto that both sides can use",
		[SDP_NOT_ENCRYPTED] = "SRTP is required",
	};

	return text[r];
}

const char *sdp_refusal_warning(enum sdp_refusal r)
{
	if (r == SDP_NO_MEDIA)
		return "304 no media line that both sides can use";
	return r == SDP_NO_CODEC ? "305 no common codec" : sdp_refusal_text(r);
}

static bool hash_is_good(struct gw_sv hash)
{
	return gw_sv_ieq(hash, GW_SV("sha-256")) || gw_sv_ieq(hash, GW_SV("sha-384")) ||
		gw_sv_ieq(hash, GW_SV("sha-512"));
}

static enum sdp_refusal check_dtls(const struct sdp_line *l, bool is_answer)
{
	bool good_hash = false;

	if (l->n_fp == 0)
		return SDP_NO_FINGERPRINT;
	for (unsigned i = 0; i < l->n_fp; i++)
		good_hash |= hash_is_good(l->fp[i].hash);
	if (!good_hash)
		return SDP_BAD_HASH;
	if (is_answer ? l->setup != SDP_SETUP_ACTIVE && l->setup != SDP_SETUP_PASSIVE :
			l->setup != SDP_SETUP_ACTPASS && l->setup != SDP_SETUP_ACTIVE &&
				l->setup != SDP_SETUP_PASSIVE)
		return SDP_BAD_SETUP;
	return SDP_OK;
}

static enum sdp_refusal check_w2(const struct sdp_line *l, bool is_answer)
{
	enum sdp_refusal r;

	if (l->is_unusable)
		return SDP_BAD_LINE;
	if (!(l->is_secure || l->is_data) || (l->has_crypto && l->n_fp == 0))
		return SDP_NOT_SECURE;
	r = check_dtls(l, is_answer);
	/* what a line lacks most is named: without ICE its role does not matter */
	if ((r == SDP_OK || r == SDP_BAD_SETUP) && (l->ice_ufrag.len == 0 || l->ice_pwd.len == 0))
		return SDP_NO_ICE;
	return r;
}

static enum sdp_refusal check_core(const struct sdp_line *l, bool is_answer)
{
	if ((l->is_secure && (l->is_text || !sdp_line_is_sdes(l))) || l->is_unusable)
		return SDP_NO_MEDIA;
	if (l->remote.family == 0)
		return SDP_NO_ADDRESS;
	if (l->is_msrp)
		return l->media->proto.len == sizeof("TCP/MSRP") - 1 && l->msrp_path.len ? SDP_OK : SDP_NO_MEDIA;
	return l->is_data ? check_dtls(l, is_answer) : SDP_OK;
}

static enum sdp_refusal check(const struct sdp_line *l, enum sdp_side from, bool is_answer)
{
	return from == SDP_W2 ? check_w2(l, is_answer) : check_core(l, is_answer);
}

static bool is_listed(const struct gw_sv *names, unsigned n, struct gw_sv name)
{
	for (unsigned i = 0; i < n; i++)
		if (gw_sv_ieq(names[i], name))
			return true;
	return false;
}

static bool is_allowed(const struct sdp_policy *p, const struct sdp_codec *c, bool is_video, enum sdp_side from)
{
	if (is_video)	/* what repairs or repeats one leg's packets is in no list: it ends here */
		return is_listed(p->video, p->n_video, c->name);
	if (from == SDP_W2 && gw_sv_ieq(c->name, GW_SV("opus")) && !p->opus_to_core)
		return false;
	return is_listed(p->codecs, p->n_codecs, c->name);
}

static bool is_helper(const struct sdp_codec *c)
{
	return sdp_codec_is_event(c) || gw_sv_ieq(c->name, GW_SV("CN"));
}

static bool has_voice_at(const struct sdp_stream *s, uint32_t clock_hz)
{
	for (unsigned i = 0; i < s->n_codecs; i++)
		if (!is_helper(&s->codecs[i]) && s->codecs[i].clock_hz == clock_hz)
			return true;
	return false;
}

/* telephone-event and CN stay only beside a voice codec of their clock (W2-COD-08, -09). */
static void drop_orphans(struct sdp_stream *s)
{
	unsigned k = 0;

	for (unsigned i = 0; i < s->n_codecs; i++)
		if (!is_helper(&s->codecs[i]) || has_voice_at(s, s->codecs[i].clock_hz))
			s->codecs[k++] = s->codecs[i];
	s->n_codecs = k;
}

static bool has_voice(const struct sdp_stream *s)
{
	for (unsigned i = 0; i < s->n_codecs; i++)
		if (!is_helper(&s->codecs[i]))
			return true;
	return false;
}

/* An old core holds with c=0.0.0.0: the direction says the same in words (W2-SIP-32). */
static enum sdp_dir dir_of(const struct sdp_line *l, enum sdp_side from)
{
	static const struct gw_addr zero = { .family = 4 };

	if (from == SDP_CORE && gw_addr_ip_eq(&l->remote, &zero) && l->dir == SDP_SENDRECV)
		return SDP_SENDONLY;
	return l->dir;
}

/* Without the F of AVPF nobody listens to feedback (W2-RTP-04). */
static struct sdp_codec with_feedback(const struct sdp_codec *c, const struct sdp_line *l)
{
	struct sdp_codec out = *c;

	if (gw_sv_find(l->media->proto, GW_SV("AVPF")) == l->media->proto.len)
		out.fb = 0;
	return out;
}

bool sdp_channel_ends(const struct sdp_line *l, const struct sdp_dcmap *d, const struct sdp_policy *p, struct sdp_channel_ref *out)
{
	bool is_msrp = p->ends_msrp && gw_sv_ieq(d->subprotocol, GW_SV("msrp")) && !d->is_unordered && d->reliability == SDP_DC_RELIABLE &&
		sdp_dcsa_find(l->media, d->stream, GW_SV("path")).len;
	bool is_text = p->ends_text && sdp_text_is_channel(d);

	*out = (struct sdp_channel_ref){ .is_set = is_msrp || is_text, .is_text = is_text, .stream = d->stream };
	return out->is_set;
}

/* The one this line is of; those that cannot are left out of the answer (W2-DC-06, -18). */
static enum sdp_refusal choose_channel(const struct sdp_line *l, const struct sdp_policy *policy, struct sdp_stream *s)
{
	struct sdp_dcmap d[SDP_MAX_CHANNELS];
	unsigned n = sdp_dcmaps(l->media, d, SDP_MAX_CHANNELS), i = 0;
	struct sdp_channel_ref ref;

	while (i < n && d[i].stream != l->channel.stream)
		i++;
	if (i == n || !sdp_channel_ends(l, &d[i], policy, &ref) || ref.is_text != l->channel.is_text)
		return SDP_NO_MEDIA;
	s->channel = d[i];
	s->is_msrp = !ref.is_text;
	s->is_text = ref.is_text;
	if (s->is_text) {
		s->n_codecs = sdp_text_codecs(sdp_text_params(l->media, s->channel.stream), s->codecs);
		s->dir = sdp_text_dir(l->media, s->channel.stream);
	}
	return SDP_OK;
}

/* m=text of the core: t140, and the red that repeats it. */
static enum sdp_refusal choose_text(const struct sdp_line *l, struct sdp_stream *s)
{
	memcpy(s->codecs, l->codecs, l->n_codecs * sizeof(s->codecs[0]));
	s->n_codecs = l->n_codecs;
	s->dir = dir_of(l, SDP_CORE);
	s->is_text = true;
	return sdp_text_keep(s->codecs, &s->n_codecs) ? SDP_OK : SDP_NO_CODEC;
}

/* A data line of W2, or m=message or m=text of the core, which will be a channel. */
static enum sdp_refusal choose_end(const struct sdp_line *l, enum sdp_side from, const struct sdp_policy *policy, struct sdp_stream *s)
{
	struct gw_sv name = l->is_text ? GW_SV("t140") : GW_SV("msrp");
	enum sdp_refusal r = SDP_OK;

	s->channel = (struct sdp_dcmap){ .stream = l->channel.stream, .subprotocol = name, .label = name, .priority = 256 };
	if (from == SDP_W2)
		r = choose_channel(l, policy, s);
	else if (l->is_text)
		r = choose_text(l, s);
	else
		s->is_msrp = true;
	if (r)
		return r;
	s->is_data = s->is_active = true;
	s->said = l->media;
	s->sctp = from == SDP_W2 ? l->sctp : (struct sdp_sctp){ .port = 5000, .max_message = SDP_MAX_MESSAGE_DEFAULT };
	return SDP_OK;
}

bool sdp_line_ends(const struct sdp_line *l, enum sdp_side from, const struct sdp_policy *p)
{
	if (from == SDP_W2)
		return l->is_data && (p->ends_msrp || p->ends_text);
	return (l->is_msrp && p->ends_msrp) || (l->is_text && p->ends_text);
}

static enum sdp_refusal choose_line(const struct sdp_line *l, enum sdp_side from,
	const struct sdp_policy *policy, struct sdp_stream *s)
{
	enum sdp_refusal r = check(l, from, false);

	if (r)
		return r;
	if (sdp_line_ends(l, from, policy))
		return l->channel.is_set ? choose_end(l, from, policy, s) : SDP_NO_MEDIA;
	s->is_video = l->is_video;
	s->is_data = l->is_data;
	if (l->is_data) {	/* it has no direction, and is not held (RFC 8841 8) */
		s->sctp = l->sctp;
		s->setup = from == SDP_W2 && l->setup == SDP_SETUP_ACTPASS ? SDP_SETUP_ACTIVE : l->setup;
		s->channels = l->media;
		s->is_active = true;
		return SDP_OK;
	}
	s->srtp = policy->core_srtp;
	if (from == SDP_CORE && (r = sdp_sdes_offered(l, policy, s)))
		return r;
	for (unsigned i = 0; i < l->n_codecs; i++)
		if ((!l->is_video && is_helper(&l->codecs[i])) || is_allowed(policy, &l->codecs[i], l->is_video, from))
			s->codecs[s->n_codecs++] = with_feedback(&l->codecs[i], l);
	drop_orphans(s);
	if (!has_voice(s))
		return SDP_NO_CODEC;
	s->dir = dir_of(l, from);
	s->ptime = l->ptime;
	s->maxptime = l->maxptime;
	s->b_as = l->b_as;
	s->cvo = l->cvo;
	s->is_active = true;
	return SDP_OK;
}

/* NULL: nothing for the gateway; else is there such a line already? */
static bool *place_of(const struct sdp_line *l, const struct sdp_policy *policy, bool have[3])
{
	if (l->is_data)
		return policy->relay_data ? &have[2] : NULL;
	return l->is_rtp && (l->is_audio || l->is_video) ? &have[l->is_video] : NULL;
}

/* W2-BUN-03: a bundle-only line has that of its group. */
static bool has_transport(const struct sdp_model *offer, const struct sdp_line *l, const struct sdp_policy *policy)
{
	return !l->is_bundle_only || l->media->port_n || (policy->accept_bundle && sdp_model_in_bundle(offer, l->mid));
}

enum sdp_refusal sdp_choose_offer(const struct sdp_model *offer, enum sdp_side from,
	const struct sdp_policy *policy, struct sdp_stream *streams)
{
	enum sdp_refusal first = SDP_NO_MEDIA;
	bool have[4] = { false };	/* audio, video, data, channels */

	for (unsigned i = 0; i < offer->n_lines; i++) {
		const struct sdp_line *l = &offer->lines[i];
		bool ends = sdp_line_ends(l, from, policy);
		bool *place = ends ? &have[3] : place_of(l, policy, have);
		enum sdp_refusal r;

		streams[i] = (struct sdp_stream){ 0 };
		if (!place || (*place && !ends) || l->is_rejected || !has_transport(offer, l, policy))
			continue;
		r = choose_line(l, from, policy, &streams[i]);
		if (r == SDP_OK)
			*place = true;
		else if (first == SDP_NO_MEDIA && (!l->is_video || policy->n_video))
			first = r;
		if (r)
			streams[i] = (struct sdp_stream){ 0 };
	}
	return have[0] || have[1] || have[2] || have[3] ? SDP_OK : first;
}

/* An answer of MSRP: of W2 the channel, of the core its line. */
static enum sdp_refusal narrow_end(const struct sdp_line *l, enum sdp_side from, struct sdp_stream *s)
{
	struct sdp_dcmap d[SDP_MAX_CHANNELS];
	unsigned n = sdp_dcmaps(l->media, d, SDP_MAX_CHANNELS), i = 0;

	if (from == SDP_CORE && !l->is_msrp)
		return SDP_NO_MEDIA;
	s->said = l->media;
	if (from == SDP_CORE)
		return SDP_OK;
	while (i < n && d[i].stream != s->channel.stream)
		i++;
	s->sctp = l->sctp;
	return l->is_data && i < n && sdp_dcsa_find(l->media, d[i].stream, GW_SV("path")).len ? SDP_OK : SDP_NO_MEDIA;
}

/* A codec counts under the number it was offered with; the answerer's order is the order to send in. */
static void narrow_codecs(const struct sdp_line *l, const struct sdp_stream *s, struct sdp_stream *n)
{
	n->n_codecs = 0;
	for (unsigned i = 0; i < l->n_codecs; i++)
		for (unsigned k = 0; k < s->n_codecs; k++)
			if (s->codecs[k].pt == l->codecs[i].pt &&
				sdp_codec_same(&s->codecs[k], &l->codecs[i])) {
				n->codecs[n->n_codecs] = with_feedback(&l->codecs[i], l);
				n->codecs[n->n_codecs++].fb &= s->codecs[k].fb;
				break;	/* no more than the answer has, whatever was offered twice */
			}
}

/* An answer of text: of W2 the channel, of the core its line. */
static enum sdp_refusal narrow_text(const struct sdp_line *l, enum sdp_side from, struct sdp_stream *s)
{
	struct sdp_dcmap d[SDP_MAX_CHANNELS];
	unsigned n_d = sdp_dcmaps(l->media, d, SDP_MAX_CHANNELS), i = 0;
	struct sdp_stream n = *s;

	n.said = l->media;
	if (from == SDP_CORE) {
		narrow_codecs(l, s, &n);
		n.dir = dir_of(l, from);
		if (!l->is_text || !sdp_text_keep(n.codecs, &n.n_codecs))
			return SDP_NO_CODEC;
		*s = n;
		return SDP_OK;
	}
	while (i < n_d && d[i].stream != s->channel.stream)
		i++;
	if (!l->is_data || i == n_d || !sdp_text_is_channel(&d[i]))
		return SDP_NO_MEDIA;
	n.sctp = l->sctp;
	n.dir = sdp_text_dir(l->media, d[i].stream);
	sdp_text_set_params(n.codecs, n.n_codecs, sdp_text_params(l->media, d[i].stream));
	*s = n;
	return SDP_OK;
}

static enum sdp_refusal narrow(const struct sdp_line *l, enum sdp_side from, struct sdp_stream *s)
{
	enum sdp_refusal r = check(l, from, true);
	struct sdp_stream n = *s;

	if (!r && sdp_stream_ends(s))
		return s->is_text ? narrow_text(l, from, s) : narrow_end(l, from, s);
	if (r || s->is_data != l->is_data)
		return r ? r : SDP_NO_MEDIA;
	if (s->is_data) {
		if (!s->offered) {	/* else it is not the first answer (forks) */
			s->offered = s->channels;
			s->offered_setup = s->setup;
		}
		if (s->offered_setup != SDP_SETUP_ACTPASS && l->setup != sdp_setup_reverse(s->offered_setup))
			return SDP_BAD_SETUP;
		s->setup = l->setup;
		s->sctp = l->sctp;
		s->channels = l->media;
		return SDP_OK;
	}
	if (from == SDP_CORE && (r = sdp_sdes_answered(l, &n)))
		return r;
	narrow_codecs(l, s, &n);	/* nothing is transcoded and payload types are not rewritten */
	drop_orphans(&n);
	if (!has_voice(&n))
		return SDP_NO_CODEC;
	n.dir = dir_of(l, from);
	n.ptime = l->ptime ? l->ptime : s->ptime;
	n.maxptime = l->maxptime;
	n.b_as = l->b_as;
	n.cvo = l->cvo == s->cvo ? s->cvo : 0;
	*s = n;
	return SDP_OK;
}

enum sdp_refusal sdp_choose_answer(const struct sdp_model *answer, enum sdp_side from,
	struct sdp_stream *streams, unsigned n_streams)
{
	enum sdp_refusal first = SDP_NO_MEDIA;
	bool any = false;

	if (answer->n_lines < n_streams)
		return SDP_FEWER_LINES;
	for (unsigned i = 0; i < n_streams; i++) {
		enum sdp_refusal r;

		if (!streams[i].is_active)
			continue;
		if (answer->lines[i].is_rejected) {
			streams[i].is_active = false;
			continue;
		}
		r = narrow(&answer->lines[i], from, &streams[i]);
		if (r == SDP_OK)
			any = true;
		else
			streams[i].is_active = false;
		if (r && first == SDP_NO_MEDIA)
			first = r;
	}
	return any ? SDP_OK : first;
}
