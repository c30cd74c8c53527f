/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of the core's leg (RFC 4568, media.core_srtp): made when a line is offered or answered, kept as long as the call, and never stored:
 * after a restart the next offer or answer brings new ones, which the gateway is told with it.
 */
#include <stdlib.h>

#include "control/alg/call_int.h"

struct sdes_line {
	uint8_t index, n;
	struct sdp_crypto ours[SDP_SUITES];  /* [n] as offered; of an answer the one */
	uint32_t tag;                        /* of the one agreed last; 0: none */
	struct gw_addr remote;               /* where the core's peer was then */
};

struct cp_sdes {
	struct sdes_line lines[CP_LINES_MAX];
	unsigned n;
};

void cp_sdes_free(struct cp_call *c)
{
	if (!c->sdes)
		return;
	explicit_bzero(c->sdes, sizeof(*c->sdes));
	free(c->sdes);
	c->sdes = NULL;
}

static struct sdes_line *line_of(struct cp_call *c, unsigned index)
{
	if (!c->sdes && !(c->sdes = calloc(1, sizeof(*c->sdes))))
		return NULL;
	for (unsigned i = 0; i < c->sdes->n; i++)
		if (c->sdes->lines[i].index == index)
			return &c->sdes->lines[i];
	if (c->sdes->n == CP_LINES_MAX)
		return NULL;
	c->sdes->lines[c->sdes->n] = (struct sdes_line){ .index = (uint8_t)index };
	return &c->sdes->lines[c->sdes->n++];
}

static void make_key(struct sdp_crypto *k, enum sdp_suite suite, uint32_t tag)
{
	*k = (struct sdp_crypto){ .tag = tag, .suite = suite };
	cp_random(k->key, sdp_suite_key_bytes(suite) + sdp_suite_salt_bytes(suite));
}

static const struct sdp_crypto *agreed(const struct sdes_line *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->tag && l->ours[i].tag == l->tag)
			return &l->ours[i];
	return NULL;
}

/* What was agreed stays, and is all that is offered again (RFC 4568 7.1.4). */
static void offer(struct sdes_line *l, const struct cp_conf *conf)
{
	const struct sdp_crypto *last = agreed(l);

	if (last) {
		l->ours[0] = *last;
		l->n = 1;
	}
	if (l->n)
		return;
	for (unsigned i = 0; i < conf->media.n_core_suites && l->n + 1u < SDP_SUITES; i++, l->n++)
		make_key(&l->ours[l->n], sdp_suite_of(gw_sv_cstr(conf->media.core_suites[i])), l->n + 1u);
}

/* With the core's tag; the key stays while the suite and where the core's peer is do. */
static void answer(struct sdes_line *l, const struct sdp_crypto *theirs, const struct gw_addr *remote)
{
	const struct sdp_crypto *last = agreed(l);

	if (last && last->suite == theirs->suite && gw_addr_eq(&l->remote, remote))
		l->ours[0] = *last;
	else
		make_key(&l->ours[0], theirs->suite, theirs->tag);
	l->ours[0].tag = l->tag = theirs->tag;
	l->remote = *remote;
	l->n = 1;
}

enum gw_err cp_sdes_choose(struct cp_call *c)
{
	for (unsigned i = 0; i < c->ex.offer.n_lines; i++) {
		struct sdp_stream *s = &c->ex.streams[i];
		bool is_from_core = c->ex.offerer == CP_SIDE_MW;
		struct sdes_line *l;

		if (!s->is_active || s->is_data || s->srtp == SDP_SRTP_OFF || (is_from_core && !s->theirs.suite))
			continue;
		if (!(l = line_of(c, i)))
			return GW_ENOMEM;
		if (is_from_core)
			answer(l, &s->theirs, &c->ex.offer.lines[i].remote);
		else
			offer(l, c->alg->s->conf);
		s->ours = l->ours;
		s->n_ours = l->n;
	}
	return GW_OK;
}

void cp_sdes_agreed(struct cp_call *c)
{
	const struct sdp_model *core = c->ex.offerer == CP_SIDE_MW ? &c->ex.offer : &c->ex.answer;

	for (unsigned i = 0; c->sdes && i < c->ex.offer.n_lines; i++) {
		const struct sdp_stream *s = &c->ex.streams[i];
		struct sdes_line *l = s->is_active && s->ours ? line_of(c, i) : NULL;

		if (!l)
			continue;
		l->tag = s->theirs.suite ? s->theirs.tag : 0;
		l->remote = core->lines[i].remote;
	}
}

char *cp_sdes_without_keys(struct gw_sv text)
{
	char *copy = malloc(text.len + 1);
	struct gw_buf b = gw_buf(copy, text.len);
	struct gw_sv line, rest = text;

	while (copy && rest.len) {
		const char *begin = rest.p;

		(void)gw_sv_line(&rest, &line);
		if (!gw_sv_starts(line, GW_SV("a=crypto:")))
			gw_buf_put(&b, gw_sv(begin, rest.len ? (size_t)(rest.p - begin) : (size_t)(text.p + text.len - begin)));
	}
	if (copy)
		copy[b.len] = '\0';
	return copy;
}
