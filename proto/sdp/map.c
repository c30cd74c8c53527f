/* SPDX-License-Identifier: Apache-2.0 */
/* The m-lines of the core and those of W2 (W2-SDP-04). */
#include "proto/sdp/map.h"

static enum gw_err add(struct sdp_map *m, unsigned w2, const struct sdp_channel_ref *channel)
{
	if (m->n == SDP_MAX_MEDIA)
		return GW_ELIMIT;
	m->core[m->n++] = (struct sdp_map_line){ .w2 = (uint8_t)w2, .channel = *channel };
	if (w2 == m->n_w2)
		m->n_w2++;
	return GW_OK;
}

/* Who offers fewer lines than before is taken at its word. */
static void cut(struct sdp_map *m, unsigned n)
{
	m->n = (uint8_t)n;
	m->n_w2 = 0;
	for (unsigned i = 0; i < n; i++)
		if (m->core[i].w2 >= m->n_w2)
			m->n_w2 = (uint8_t)(m->core[i].w2 + 1);
}

static unsigned channels_of(const struct sdp_map *m, unsigned w2)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n; i++)
		n += m->core[i].w2 == w2 && m->core[i].channel.is_set;
	return n;
}

/* ---- W2 ------------------------------------------------------------------------------------------------- */

static enum gw_err shape(const struct sdp_map *m, struct sdp_model *model, struct gw_arena *arena)
{
	struct sdp_line *lines = gw_arena_array(arena, struct sdp_line, m->n ? m->n : 1);

	if (!lines)
		return GW_ENOMEM;
	for (unsigned i = 0; i < m->n; i++) {
		lines[i] = model->lines[m->core[i].w2];
		lines[i].channel = m->core[i].channel;
	}
	model->lines = lines;
	model->n_lines = m->n;
	return GW_OK;
}

static bool is_same(const struct sdp_channel_ref *a, const struct sdp_channel_ref *b)
{
	return a->is_set && b->is_set && a->stream == b->stream && a->is_text == b->is_text;
}

/* The place of a channel that was there before, one of its line that is free, or a new one. */
static enum gw_err place(struct sdp_map *m, unsigned w2, const struct sdp_channel_ref *want)
{
	struct sdp_map_line *spare = NULL;

	for (unsigned i = 0; i < m->n; i++) {
		struct sdp_map_line *l = &m->core[i];

		if (l->w2 != w2)
			continue;
		if (is_same(&l->channel, want))
			return GW_OK;
		if (!spare && (!l->channel.is_set || l->is_idle))
			spare = l;
	}
	if (!spare)
		return channels_of(m, w2) < SDP_ENDS_MAX ? add(m, w2, want) : GW_OK;
	spare->channel = *want;
	spare->is_idle = false;
	return GW_OK;
}

/* A place that was idle is this offer's once it has a channel of it: no other one of the same offer may take it. */
static void wake(struct sdp_map *m, unsigned w2, const struct sdp_channel_ref *want)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->core[i].w2 == w2 && is_same(&m->core[i].channel, want))
			m->core[i].is_idle = false;
}

static enum gw_err map_channels(struct sdp_map *m, unsigned w2, const struct sdp_line *l, const struct sdp_policy *p)
{
	struct sdp_channel_ref want[SDP_MAX_CHANNELS];
	struct sdp_dcmap d[SDP_MAX_CHANNELS];
	unsigned n = sdp_dcmaps(l->media, d, SDP_MAX_CHANNELS), k = 0;
	enum gw_err err = GW_OK;

	for (unsigned i = 0; i < n; i++)
		k += sdp_channel_ends(l, &d[i], p, &want[k]);
	for (unsigned i = 0; i < k; i++)
		wake(m, w2, &want[i]);
	for (unsigned i = 0; !err && i < k; i++)
		err = place(m, w2, &want[i]);
	return err;
}

enum gw_err sdp_map_w2_offer(struct sdp_map *m, struct sdp_model *offer, const struct sdp_policy *p, struct gw_arena *arena)
{
	static const struct sdp_channel_ref none = { 0 };
	bool has_data = false;
	enum gw_err err = GW_OK;
	unsigned n = 0;

	while (n < m->n && m->core[n].w2 < offer->n_lines)
		n++;
	cut(m, n);
	for (unsigned u = 0; !err && u < offer->n_lines; u++) {
		const struct sdp_line *l = &offer->lines[u];

		if (u >= m->n_w2)
			err = add(m, u, &none);
		if (!err && !has_data && l->is_data && !l->is_rejected) {	/* the first of them */
			has_data = true;
			err = map_channels(m, u, l, p);
		}
	}
	return err ? err : shape(m, offer, arena);
}

enum gw_err sdp_map_w2_answer(const struct sdp_map *m, struct sdp_model *answer, struct gw_arena *arena)
{
	return answer->n_lines < m->n_w2 ? GW_EBADMSG : shape(m, answer, arena);
}

/* ---- the core ------------------------------------------------------------------------------------------- */

/* The line of W2 that has channels, or the next one. */
static unsigned data_line(const struct sdp_map *m)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->core[i].channel.is_set)
			return m->core[i].w2;
	return m->n_w2;
}

static bool has_stream(const struct sdp_map *m, unsigned w2, uint16_t stream)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->core[i].w2 == w2 && m->core[i].channel.is_set && m->core[i].channel.stream == stream)
			return true;
	return false;
}

static void add_core(struct sdp_map *m, const struct sdp_line *l, const struct sdp_policy *p)
{
	struct sdp_channel_ref channel = { .is_set = sdp_line_ends(l, SDP_CORE, p) && !l->is_rejected, .is_text = l->is_text };
	unsigned w2 = channel.is_set ? data_line(m) : m->n_w2;

	if (channel.is_set && channels_of(m, w2) == SDP_ENDS_MAX) {	/* refused, in a line of its own */
		channel.is_set = false;
		w2 = m->n_w2;
	}
	while (channel.is_set && has_stream(m, w2, channel.stream))
		channel.stream++;
	(void)!add(m, w2, &channel);	/* as many as a description may have */
}

/* For another channel; or for media, which has a line of its own on W2 where that one has channels besides. */
static void reuse(struct sdp_map *m, unsigned i, const struct sdp_line *l, const struct sdp_policy *p)
{
	struct sdp_map_line *at = &m->core[i];

	if (l->is_rejected)
		return;
	if (sdp_line_ends(l, SDP_CORE, p)) {
		at->channel.is_text = l->is_text;
		return;
	}
	*at = (struct sdp_map_line){ .w2 = channels_of(m, at->w2) == 1 ? at->w2 : m->n_w2++ };
}

void sdp_map_core_offer(struct sdp_map *m, struct sdp_model *offer, const struct sdp_policy *p)
{
	cut(m, m->n < offer->n_lines ? m->n : offer->n_lines);
	for (unsigned i = 0; i < offer->n_lines; i++) {
		struct sdp_line *l = &offer->lines[i];

		if (i >= m->n)
			add_core(m, l, p);
		if (m->core[i].channel.is_set && m->core[i].is_idle)	/* RFC 3264 8.2: its place, used again */
			reuse(m, i, l, p);
		l->channel = m->core[i].channel;
	}
}

/* ---- both ----------------------------------------------------------------------------------------------- */

void sdp_map_settle(struct sdp_map *m, const struct sdp_stream *streams)
{
	for (unsigned i = 0; i < m->n; i++)
		m->core[i].is_idle = !streams[i].is_active;
	for (unsigned i = 0; i < m->n; i++)	/* media in the place of a line that had channels (RFC 3264 8.2): all of them are over */
		for (unsigned k = 0; streams[i].is_active && !sdp_stream_ends(&streams[i]) && k < m->n; k++)
			if (m->core[k].w2 == m->core[i].w2)
				m->core[k].channel = (struct sdp_channel_ref){ 0 };
}

unsigned sdp_map_first(const struct sdp_map *m, unsigned line)
{
	unsigned i = 0;

	while (i < line && (line >= m->n || m->core[i].w2 != m->core[line].w2))
		i++;
	return i;
}
