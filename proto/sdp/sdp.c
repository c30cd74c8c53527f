/* SPDX-License-Identifier: Apache-2.0 */
/* Parser and printer of session descriptions. */
#include "proto/sdp/sdp.h"

struct parse {
	struct sdp *s;
	enum sdp_mode mode;
	struct gw_diag *diag;
	struct gw_sv text;
	bool has_v, has_o, has_s, has_t;
};

static enum gw_err bad(struct parse *p, struct gw_sv line, const char *what)
{
	if (p->diag) {
		p->diag->off = line.p ? (size_t)(line.p - p->text.p) : 0;
		p->diag->what = what;
	}
	return GW_EBADMSG;
}

/* Rule T-7: '}' ends the H.248 octet string, so it never gets into one of our descriptions. */
static bool is_text(struct gw_sv v)
{
	for (size_t i = 0; i < v.len; i++)
		if ((unsigned char)v.p[i] < ' ' && v.p[i] != '\t')
			return false;
	return true;
}

static enum gw_err parse_conn(struct parse *p, struct gw_sv v, struct sdp_conn *c)
{
	struct gw_sv net, rest = v;

	if (!gw_sv_word(&rest, &net) || !gw_sv_eq(net, GW_SV("IN")) ||
		!gw_sv_word(&rest, &c->family) || !gw_sv_word(&rest, &c->address) ||
		gw_sv_trim(rest).len)
		return bad(p, v, "c= is not \"IN family address\"");
	if (!gw_sv_eq(c->family, GW_SV("IP4")) && !gw_sv_eq(c->family, GW_SV("IP6")) &&
		!gw_sv_eq(c->family, GW_SV("$")))
		return bad(p, v, "c= has neither IP4 nor IP6");
	return GW_OK;
}

static enum gw_err parse_origin(struct parse *p, struct gw_sv v)
{
	struct sdp *s = p->s;
	struct gw_sv net, rest = v;

	if (!gw_sv_word(&rest, &s->o_user) || !gw_sv_word(&rest, &s->o_id) ||
		!gw_sv_word(&rest, &s->o_version) || !gw_sv_word(&rest, &net) ||
		!gw_sv_word(&rest, &s->o_family) || !gw_sv_word(&rest, &s->o_address))
		return bad(p, v, "o= has fewer than six fields");
	p->has_o = true;
	return GW_OK;
}

static bool is_port(enum sdp_mode mode, struct gw_sv port, uint16_t *n)
{
	uint32_t v = 0;
	struct gw_sv head, count;

	if (mode == SDP_IQ && (gw_sv_eq(port, GW_SV("$")) || gw_sv_eq(port, GW_SV("-"))))
		return true;
	gw_sv_cut(port, '/', &head, &count);
	if (gw_sv_uint_max(head, UINT16_MAX, &v))
		return false;
	*n = (uint16_t)v;
	return true;
}

#define FIRST_MEDIA 2u	/* most descriptions have one or two; a struct sdp_media is 400 bytes that are zeroed */

/* Room for one more m= line. Attributes hang on pointers, so lines may move. */
static enum gw_err grow_media(struct sdp *s)
{
	unsigned cap = s->cap_media ? s->cap_media * 2 : FIRST_MEDIA;
	struct sdp_media *g;

	if (s->n_media < s->cap_media)
		return GW_OK;
	g = gw_arena_array(s->arena, struct sdp_media, cap);
	if (!g)
		return GW_ENOMEM;
	if (s->n_media)
		memcpy(g, s->media, s->n_media * sizeof(*g));
	s->media = g;
	s->cap_media = cap;
	return GW_OK;
}

static enum gw_err parse_media(struct parse *p, struct gw_sv v)
{
	struct sdp *s = p->s;
	struct sdp_media *m;
	struct gw_sv rest = v, f;
	unsigned n = 0;

	if (s->n_media == SDP_MAX_MEDIA)
		return GW_ELIMIT;
	if (grow_media(s))
		return GW_ENOMEM;
	m = &s->media[s->n_media];
	if (!gw_sv_word(&rest, &m->kind) || !gw_sv_word(&rest, &m->port) ||
		!gw_sv_word(&rest, &m->proto) || !is_port(p->mode, m->port, &m->port_n))
		return bad(p, v, "m= is not \"kind port proto formats\"");
	for (struct gw_sv count = rest; gw_sv_word(&count, &f);)
		n++;
	if (n == 0 && p->mode == SDP_SIP)
		return bad(p, v, "m= has no format");
	m->fmts = gw_arena_array(s->arena, struct gw_sv, n ? n : 1);
	if (!m->fmts)
		return GW_ENOMEM;
	while (gw_sv_word(&rest, &f))
		m->fmts[m->n_fmts++] = f;
	s->n_media++;
	return GW_OK;
}

static enum gw_err add_attr(struct gw_arena *a, struct sdp_attr **list, unsigned *n, unsigned *cap,
	const struct sdp_attr *attr)
{
	if (*n == *cap) {
		unsigned want = *cap ? *cap * 2 : 16;
		struct sdp_attr *g = gw_arena_array(a, struct sdp_attr, want);

		if (!g)
			return GW_ENOMEM;
		if (*n)
			memcpy(g, *list, *n * sizeof(*g));
		*list = g;
		*cap = want;
	}
	(*list)[(*n)++] = *attr;
	return GW_OK;
}

static enum gw_err parse_attr(struct parse *p, struct sdp_media *m, struct gw_sv v)
{
	struct sdp_attr a = { 0 };
	struct sdp *s = p->s;

	a.has_value = gw_sv_cut(v, ':', &a.name, &a.value);
	a.value = gw_sv_trim(a.value);
	if (a.name.len == 0)
		return bad(p, v, "a= without a name");
	return m ? add_attr(s->arena, &m->attrs, &m->n_attrs, &m->cap_attrs, &a) :
		   add_attr(s->arena, &s->attrs, &s->n_attrs, &s->cap_attrs, &a);
}

static enum gw_err parse_bandwidth(struct parse *p, struct sdp_media *m, struct gw_sv v)
{
	struct sdp_bandwidth *list = m ? m->bw : p->s->bw;
	unsigned *n = m ? &m->n_bw : &p->s->n_bw;
	struct sdp_bandwidth b;

	if (!gw_sv_cut(v, ':', &b.type, &b.value))
		return bad(p, v, "b= is not \"type:value\"");
	if (*n < SDP_MAX_BANDWIDTH)
		list[(*n)++] = b;
	return GW_OK;
}

static enum gw_err parse_line(struct parse *p, struct gw_sv line)
{
	struct sdp *s = p->s;
	struct sdp_media *m = s->n_media ? &s->media[s->n_media - 1] : NULL;
	struct gw_sv v = gw_sv_sub(line, 2, line.len);

	if (line.len < 2 || line.p[1] != '=' || !is_text(line))
		return bad(p, line, "line is not \"x=value\"");
	switch (line.p[0]) {
	case 'v':
		if (!gw_sv_eq(gw_sv_trim(v), GW_SV("0")))
			return bad(p, line, "version is not 0");
		if (p->has_v)
			return bad(p, line, "second description in one body");
		p->has_v = true;
		return GW_OK;
	case 'o':
		return parse_origin(p, v);
	case 's':
		s->name = v;
		p->has_s = true;
		return GW_OK;
	case 't':
		p->has_t = true;
		return GW_OK;
	case 'c':
		return parse_conn(p, v, m ? &m->conn : &s->conn);
	case 'b':
		return parse_bandwidth(p, m, v);
	case 'm':
		return parse_media(p, v);
	case 'a':
		return parse_attr(p, m, v);
	default:	/* i, u, e, p, r, z, k: known and of no use here; others are ignored (RFC 8866 5) */
		return line.p[0] >= 'a' && line.p[0] <= 'z' ? GW_OK : bad(p, line, "unknown line type");
	}
}

enum gw_err sdp_parse(struct sdp *s, struct gw_arena *arena, struct gw_sv text, enum sdp_mode mode,
	struct gw_diag *diag)
{
	struct parse p = { .s = s, .mode = mode, .diag = diag, .text = text };
	unsigned lines = 0;
	struct gw_sv line;
	enum gw_err err;

	*s = (struct sdp){ .arena = arena };
	if (diag)
		*diag = (struct gw_diag){ 0, "" };
	if (text.len > SDP_MAX_BYTES)
		return GW_ELIMIT;
	while (gw_sv_line(&text, &line)) {
		if (mode == SDP_IQ)
			line = gw_sv_trim(line);
		if (line.len == 0)
			continue;
		if (++lines > SDP_MAX_LINES)
			return GW_ELIMIT;
		if (!p.has_v && line.p[0] != 'v')
			return bad(&p, line, "description does not begin with v=0");
		if ((err = parse_line(&p, line)))
			return err;
	}
	if (!p.has_v)
		return bad(&p, text, "description is empty");
	if (mode == SDP_SIP && (!p.has_o || !p.has_s || !p.has_t))
		return bad(&p, text, "o=, s= or t= is missing");
	return GW_OK;
}

static void put_conn(struct gw_buf *b, const struct sdp_conn *c)
{
	if (c->family.len == 0)
		return;
	gw_buf_puts(b, "c=IN ");
	gw_buf_put(b, c->family);
	gw_buf_putc(b, ' ');
	gw_buf_put(b, c->address);
	gw_buf_puts(b, "\r\n");
}

static void put_bw(struct gw_buf *b, const struct sdp_bandwidth *bw, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		gw_buf_puts(b, "b=");
		gw_buf_put(b, bw[i].type);
		gw_buf_putc(b, ':');
		gw_buf_put(b, bw[i].value);
		gw_buf_puts(b, "\r\n");
	}
}

static void put_attrs(struct gw_buf *b, const struct sdp_attr *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (a[i].is_deleted)
			continue;
		gw_buf_puts(b, "a=");
		gw_buf_put(b, a[i].name);
		if (a[i].has_value) {
			gw_buf_putc(b, ':');
			gw_buf_put(b, a[i].value);
		}
		gw_buf_puts(b, "\r\n");
	}
}

enum gw_err sdp_print(const struct sdp *s, struct gw_buf *b)
{
	gw_buf_puts(b, "v=0\r\n");
	if (s->o_user.len) {
		const struct gw_sv f[] = { s->o_user, s->o_id, s->o_version, GW_SV("IN"), s->o_family,
			s->o_address };

		gw_buf_puts(b, "o=");
		for (unsigned i = 0; i < 6; i++) {
			gw_buf_put(b, f[i]);
			gw_buf_puts(b, i < 5 ? " " : "\r\n");
		}
		gw_buf_puts(b, "s=");
		gw_buf_put(b, s->name);
		gw_buf_puts(b, "\r\n");
	}
	put_conn(b, &s->conn);
	put_bw(b, s->bw, s->n_bw);
	if (s->o_user.len)
		gw_buf_puts(b, "t=0 0\r\n");
	put_attrs(b, s->attrs, s->n_attrs);
	for (unsigned i = 0; i < s->n_media; i++) {
		const struct sdp_media *m = &s->media[i];

		gw_buf_puts(b, "m=");
		gw_buf_put(b, m->kind);
		gw_buf_putc(b, ' ');
		gw_buf_put(b, m->port);
		gw_buf_putc(b, ' ');
		gw_buf_put(b, m->proto);
		for (unsigned k = 0; k < m->n_fmts; k++) {
			gw_buf_putc(b, ' ');
			gw_buf_put(b, m->fmts[k]);
		}
		gw_buf_puts(b, "\r\n");
		put_conn(b, &m->conn);
		put_bw(b, m->bw, m->n_bw);
		put_attrs(b, m->attrs, m->n_attrs);
	}
	if (s->arena && s->arena->failed)
		return GW_ENOMEM;
	return b->overflow ? GW_ENOSPC : GW_OK;
}

const struct sdp_attr *sdp_attr_find(const struct sdp *s, const struct sdp_media *m,
	struct gw_sv name)
{
	const struct sdp_attr *a = m ? m->attrs : s->attrs;
	unsigned n = m ? m->n_attrs : s->n_attrs;

	for (unsigned i = 0; i < n; i++)
		if (!a[i].is_deleted && gw_sv_eq(a[i].name, name))
			return &a[i];
	return NULL;
}

const struct sdp_attr *sdp_attr_inherit(const struct sdp *s, const struct sdp_media *m,
	struct gw_sv name)
{
	const struct sdp_attr *a = m ? sdp_attr_find(s, m, name) : NULL;

	return a ? a : sdp_attr_find(s, NULL, name);
}

void sdp_attr_add(struct sdp *s, struct sdp_media *m, struct gw_sv name, struct gw_sv value)
{
	struct sdp_attr a = { .name = name, .value = value, .has_value = value.len > 0 };

	/* out of memory is sticky in the arena and seen by sdp_print */
	(void)!add_attr(s->arena, &m->attrs, &m->n_attrs, &m->cap_attrs, &a);
}

enum gw_err sdp_media_addr(const struct sdp *s, const struct sdp_media *m, struct gw_addr *out)
{
	const struct sdp_conn *c = m->conn.family.len ? &m->conn : &s->conn;
	struct gw_sv ip, ttl;
	struct gw_addr a;

	if (c->family.len == 0)
		return GW_ENOENT;
	gw_sv_cut(c->address, '/', &ip, &ttl);
	if (gw_addr_parse_ip(ip, &a))
		return GW_EBADMSG;
	a.port = m->port_n;
	*out = a;
	return GW_OK;
}
