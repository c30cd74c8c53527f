/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of SIP messages. */
#include "proto/sip/msg_int.h"

struct parse {
	struct sip_msg *m;
	struct gw_sv in;
	struct gw_diag *diag;
};

static enum gw_err bad(struct parse *p, size_t off, const char *what)
{
	if (p->diag) {
		p->diag->off = off;
		p->diag->what = what;
	}
	return GW_EBADMSG;
}

/* End of the head: index behind the empty line, or 0. Line ends are CRLF or a bare LF. */
static size_t head_end(struct gw_sv s)
{
	for (size_t i = gw_sv_chr(s, '\n', 0); i < s.len; i = gw_sv_chr(s, '\n', i + 1)) {
		if (i + 1 < s.len && s.p[i + 1] == '\n')
			return i + 2;
		if (i + 2 < s.len && s.p[i + 1] == '\r' && s.p[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

static struct gw_sv strip_cr(struct gw_sv s)
{
	while (s.len && (s.p[s.len - 1] == '\r'))
		s.len--;
	return s;
}

static enum gw_err parse_status_line(struct parse *p, struct gw_sv line)
{
	struct gw_sv rest = gw_sv_sub(line, 8, line.len), code;
	uint32_t n;

	p->m->is_request = false;
	if (!gw_sv_word(&rest, &code) || code.len != 3 || gw_sv_uint_max(code, 699, &n) || n < 100)
		return bad(p, 8, "status code is not three digits from 100 to 699");
	p->m->status = n;
	p->m->reason = gw_sv_trim(rest);
	return GW_OK;
}

static enum gw_err parse_request_line(struct parse *p, struct gw_sv line)
{
	struct sip_msg *m = p->m;
	size_t a = gw_sv_chr(line, ' ', 0), b;
	struct gw_sv version;
	struct sip_uri u;

	m->is_request = true;
	m->method_name = gw_sv_sub(line, 0, a);
	m->method = sip_method_lookup(m->method_name);
	/* the version is what follows the last space: blanks inside the URI are an error, not a cut */
	for (b = line.len; b > a && line.p[b - 1] != ' '; b--)
		;
	if (a == line.len || !sip_is_token(m->method_name))
		return bad(p, 0, "request line has no method");
	if (b <= a + 1)
		return bad(p, a, "request line has no SIP version");
	version = gw_sv_sub(line, b, line.len);
	m->ruri = gw_sv_sub(line, a + 1, b - 1);
	if (!gw_sv_ieq(version, GW_SV("SIP/2.0"))) {
		bad(p, b, "SIP version is not 2.0");
		return gw_sv_istarts(version, GW_SV("SIP/")) ? GW_EUNSUPP : GW_EBADMSG;
	}
	if (sip_uri_parse(m->ruri, &u))
		return bad(p, a + 1, "Request-URI is malformed");
	if (u.headers.len)	/* RFC 3261 19.1.1: not allowed there */
		return bad(p, a + 1, "Request-URI has header fields");
	return GW_OK;
}

struct sip_hdr *sip_msg_slot(struct sip_msg *m, unsigned at)
{
	if (m->n_hdrs == m->cap_hdrs) {
		unsigned cap = m->cap_hdrs ? m->cap_hdrs * 2 : 32;
		struct sip_hdr *h = gw_arena_array(m->arena, struct sip_hdr, cap);

		if (!h)
			return NULL;
		if (m->n_hdrs)
			memcpy(h, m->hdrs, m->n_hdrs * sizeof(*h));
		m->hdrs = h;
		m->cap_hdrs = cap;
	}
	memmove(&m->hdrs[at + 1], &m->hdrs[at], (m->n_hdrs - at) * sizeof(*m->hdrs));
	m->n_hdrs++;
	return &m->hdrs[at];
}

static bool is_fold(struct gw_sv s, size_t i)
{
	return i < s.len && (s.p[i] == ' ' || s.p[i] == '\t');
}

/* RFC 3261 7.3.1: a line that begins with white space continues the one before. */
static struct gw_sv unfold(struct sip_msg *m, struct gw_sv v)
{
	char *d;
	size_t n = 0;

	if (gw_sv_chr(v, '\n', 0) == v.len)
		return gw_sv_trim(v);
	d = gw_arena_alloc(m->arena, v.len + 1);
	if (!d)
		return GW_SV_NONE;
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] != '\r' && v.p[i] != '\n') {
			d[n++] = v.p[i];
			continue;
		}
		while (i + 1 < v.len && strchr("\r\n \t", v.p[i + 1]))
			i++;
		d[n++] = ' ';
	}
	return gw_sv_trim(gw_sv(d, n));
}

static bool has_control(struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < ' ' && s.p[i] != '\t')
			return true;
	return false;
}

/* One header field, folded lines included; *off moves behind it. */
static enum gw_err parse_header(struct parse *p, struct gw_sv head, size_t *off)
{
	size_t start = *off, end = start, colon;
	struct sip_hdr *h;
	struct gw_sv field;

	do {
		end = gw_sv_chr(head, '\n', end) + 1;
	} while (is_fold(head, end));
	*off = end;
	field = strip_cr(gw_sv_sub(head, start, end - 1));
	colon = gw_sv_chr(field, ':', 0);
	if (p->m->n_hdrs == SIP_MSG_MAX_HEADERS)
		return GW_ELIMIT;
	if (colon == field.len || !sip_is_token(gw_sv_trim(gw_sv_sub(field, 0, colon))))
		return bad(p, start, "header line without a name and a colon");
	h = sip_msg_slot(p->m, p->m->n_hdrs);
	if (!h)
		return GW_ENOMEM;
	*h = (struct sip_hdr){ .name = gw_sv_trim(gw_sv_sub(field, 0, colon)) };
	h->id = sip_hdr_lookup(h->name);
	h->value = unfold(p->m, gw_sv_sub(field, colon + 1, field.len));
	if (has_control(h->value))
		return bad(p, start, "control character in a header");
	return GW_OK;
}

static unsigned count(const struct sip_msg *m, enum sip_hdr_id id)
{
	unsigned it = 0, n = 0;

	while (sip_msg_next(m, id, &it))
		n++;
	return n;
}

static bool parse_tag(const struct sip_msg *m, enum sip_hdr_id id, struct gw_sv *tag)
{
	struct sip_addr a;

	if (sip_addr_parse(sip_msg_value(m, id), &a) || a.is_star)
		return false;
	*tag = sip_addr_tag(&a);
	return true;
}

/* ";;", ",," or a separator at an end: RFC 3261 25.1 has no empty elements and parameters. */
static bool has_gap(struct gw_sv v)
{
	for (;;) {
		size_t comma = sip_chr_unquoted(v, ',', 0), semicolon = sip_chr_unquoted(v, ';', 0);
		size_t end = comma < semicolon ? comma : semicolon;

		if (gw_sv_trim(gw_sv_sub(v, 0, end)).len == 0)
			return true;
		if (end == v.len)
			return false;
		v = gw_sv_sub(v, end + 1, v.len);
	}
}

/* Where answers and later requests go: half understood is worse than refused. */
static bool are_addresses(const struct sip_msg *m, enum sip_hdr_id id)
{
	const struct sip_hdr *h;
	unsigned it = 0;

	while ((h = sip_msg_next(m, id, &it))) {
		struct gw_sv rest = h->value, e;
		struct sip_addr a;

		if (has_gap(h->value))
			return false;
		while (id != SIP_HDR_VIA && sip_list_next(&rest, &e))
			if (sip_addr_parse(e, &a))
				return false;
	}
	return true;
}

static enum gw_err check_addresses(struct parse *p)
{
	static const enum sip_hdr_id ids[] = { SIP_HDR_VIA, SIP_HDR_FROM, SIP_HDR_TO, SIP_HDR_CONTACT, SIP_HDR_ROUTE,
		SIP_HDR_RECORD_ROUTE };

	for (size_t i = 0; p->m->is_request && i < sizeof(ids) / sizeof(ids[0]); i++)
		if (!are_addresses(p->m, ids[i]))
			return bad(p, 0, "Via, From, To, Contact, Route or Record-Route is malformed");
	return GW_OK;
}

/* Each of these is read even when another is broken, so that a 400 can be sent. */
static enum gw_err parse_mandatory(struct parse *p)
{
	static const enum sip_hdr_id once[] = { SIP_HDR_FROM, SIP_HDR_TO, SIP_HDR_CALL_ID,
		SIP_HDR_CSEQ, SIP_HDR_MAX_FORWARDS, SIP_HDR_CONTENT_LENGTH };
	struct sip_msg *m = p->m;
	struct sip_elements e = { 0 };
	enum gw_err err = GW_OK;
	struct gw_sv via;
	uint32_t hops;

	if (!sip_msg_element(m, SIP_HDR_VIA, &e, &via) || sip_via_parse(via, &m->via))
		err = bad(p, 0, "Via is missing or malformed");
	if (!parse_tag(m, SIP_HDR_FROM, &m->from_tag))
		err = bad(p, 0, "From is missing or malformed");
	if (!parse_tag(m, SIP_HDR_TO, &m->to_tag))
		err = bad(p, 0, "To is missing or malformed");
	m->call_id = sip_msg_value(m, SIP_HDR_CALL_ID);
	if (m->call_id.len == 0)
		err = bad(p, 0, "Call-ID is missing");
	if (sip_cseq_parse(sip_msg_value(m, SIP_HDR_CSEQ), &m->cseq))
		err = bad(p, 0, "CSeq is missing or malformed");
	else if (m->is_request && !gw_sv_eq(m->cseq.method_name, m->method_name))
		err = bad(p, 0, "method of CSeq differs from the request line");
	if (!m->is_request) {
		m->method = m->cseq.method;
		m->method_name = m->cseq.method_name;
	}
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		if (count(m, once[i]) > 1)
			err = bad(p, 0, "a header that may stand only once is repeated");
	if (sip_msg_find(m, SIP_HDR_MAX_FORWARDS) &&
		gw_sv_uint_max(sip_msg_value(m, SIP_HDR_MAX_FORWARDS), 255, &hops))
		err = bad(p, 0, "Max-Forwards is not a number from 0 to 255");
	return err;
}

/* Without a length that can be believed a stream has no next message. */
static enum gw_err bad_length(struct parse *p, enum sip_framing framing, const char *what)
{
	if (framing == SIP_STREAM) {
		p->m->is_unframed = true;
		p->m->consumed = p->in.len;
	}
	return bad(p, 0, what);
}

static enum gw_err take_body(struct parse *p, size_t head_len, enum sip_framing framing)
{
	const struct sip_hdr *h = sip_msg_find(p->m, SIP_HDR_CONTENT_LENGTH);
	struct gw_sv rest = gw_sv_sub(p->in, head_len, p->in.len);
	uint32_t len;

	if (!h) {
		if (framing == SIP_STREAM)
			return bad_length(p, framing, "Content-Length is missing");
		p->m->body = rest;
		p->m->consumed = p->in.len;
		return GW_OK;
	}
	p->m->consumed = framing == SIP_STREAM ? head_len : p->in.len;
	if (gw_sv_u32(h->value, &len))
		return bad_length(p, framing, "Content-Length is not a number");
	if (count(p->m, SIP_HDR_CONTENT_LENGTH) > 1)
		return bad_length(p, framing, "Content-Length is repeated");
	if (len > SIP_MSG_MAX_BYTES && framing == SIP_STREAM)
		return GW_ELIMIT;
	if (len > rest.len)
		return framing == SIP_STREAM ? GW_EAGAIN :
					       bad(p, head_len, "body is shorter than Content-Length");
	if (len < rest.len && framing == SIP_WHOLE)
		return bad(p, head_len, "body is longer than Content-Length");
	p->m->body = gw_sv_sub(rest, 0, len);
	if (framing == SIP_STREAM)
		p->m->consumed = head_len + len;
	return GW_OK;
}

static enum gw_err worse(enum gw_err a, enum gw_err b)
{
	return a ? a : b;
}

enum gw_err sip_msg_parse(struct sip_msg *m, struct gw_arena *arena, struct gw_sv in,
	enum sip_framing framing, struct gw_diag *diag)
{
	struct parse p = { .m = m, .diag = diag };
	size_t skip = 0, off, len;
	enum gw_err err, e;
	struct gw_sv head, line;

	*m = (struct sip_msg){ .arena = arena };
	if (diag)
		*diag = (struct gw_diag){ 0, "" };
	while (skip < in.len && (in.p[skip] == '\r' || in.p[skip] == '\n'))
		skip++;		/* RFC 3261 7.5: CRLF before the start line is ignored */
	p.in = gw_sv_sub(in, skip, in.len);
	len = head_end(p.in);
	if (len == 0) {
		if (p.in.len > SIP_MSG_MAX_BYTES)
			return GW_ELIMIT;
		if (framing == SIP_STREAM)
			return GW_EAGAIN;
		return bad(&p, p.in.len, "no empty line ends the headers");
	}
	if (len > SIP_MSG_MAX_BYTES)
		return GW_ELIMIT;
	m->consumed = framing == SIP_STREAM ? skip + len : in.len;
	head = gw_sv_sub(p.in, 0, len);
	off = gw_sv_chr(head, '\n', 0) + 1;
	line = strip_cr(gw_sv_sub(head, 0, off - 1));
	err = gw_sv_istarts(line, GW_SV("SIP/2.0 ")) ? parse_status_line(&p, line) :
							parse_request_line(&p, line);
	while (off < head.len && head.p[off] != '\r' && head.p[off] != '\n') {
		e = parse_header(&p, head, &off);
		if (e == GW_ENOMEM || (e && e != GW_EBADMSG && framing == SIP_STREAM))
			return e;
		err = e == GW_ELIMIT ? e : worse(err, e);
		if (e == GW_ELIMIT)
			break;		/* what came first may be enough for a 513 */
	}
	/* bodies before meaning: a stream must be framed also when the message is refused */
	e = take_body(&p, len, framing);
	m->consumed += framing == SIP_STREAM ? skip : 0;
	if (e == GW_EAGAIN || e == GW_ELIMIT)
		return e;
	err = worse(err, e);
	err = worse(err, parse_mandatory(&p));
	err = worse(err, check_addresses(&p));
	return arena->failed ? GW_ENOMEM : err;
}

bool sip_msg_answerable(const struct sip_msg *m)
{
	return m->is_request && m->method != SIP_ACK && m->via.host.len && m->call_id.len &&
		sip_msg_find(m, SIP_HDR_CSEQ) && sip_msg_find(m, SIP_HDR_FROM) &&
		sip_msg_find(m, SIP_HDR_TO);
}

const struct sip_hdr *sip_msg_next(const struct sip_msg *m, enum sip_hdr_id id, unsigned *it)
{
	while (*it < m->n_hdrs) {
		const struct sip_hdr *h = &m->hdrs[(*it)++];

		if (!h->is_deleted && (id == SIP_HDR_COUNT || h->id == id))
			return h;
	}
	return NULL;
}

const struct sip_hdr *sip_msg_find(const struct sip_msg *m, enum sip_hdr_id id)
{
	unsigned it = 0;

	return sip_msg_next(m, id, &it);
}

struct gw_sv sip_msg_value(const struct sip_msg *m, enum sip_hdr_id id)
{
	const struct sip_hdr *h = sip_msg_find(m, id);

	return h ? h->value : GW_SV_NONE;
}

bool sip_msg_element(const struct sip_msg *m, enum sip_hdr_id id, struct sip_elements *e,
	struct gw_sv *element)
{
	const struct sip_hdr *h;

	while (!sip_list_next(&e->rest, element)) {
		h = sip_msg_next(m, id, &e->it);
		if (!h)
			return false;
		e->rest = h->value;
	}
	return true;
}

bool sip_msg_has_token(const struct sip_msg *m, enum sip_hdr_id id, struct gw_sv token)
{
	struct sip_elements e = { 0 };
	struct gw_sv t;

	while (sip_msg_element(m, id, &e, &t))
		if (gw_sv_ieq(t, token))
			return true;
	return false;
}
