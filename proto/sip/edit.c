/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of a parsed message, messages made from others, and the printer. */
#include "proto/sip/msg_int.h"

#include <stdio.h>

unsigned sip_msg_del(struct sip_msg *m, enum sip_hdr_id id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_hdrs; i++)
		if (m->hdrs[i].id == id && !m->hdrs[i].is_deleted) {
			m->hdrs[i].is_deleted = true;
			n++;
		}
	return n;
}

void sip_msg_pop(struct sip_msg *m, enum sip_hdr_id id)
{
	for (unsigned i = 0; i < m->n_hdrs; i++) {
		struct sip_hdr *h = &m->hdrs[i];
		struct gw_sv first, rest;

		if (h->id != id || h->is_deleted)
			continue;
		rest = h->value;
		if (!sip_list_next(&rest, &first)) {
			h->is_deleted = true;	/* an empty header line holds no element */
			continue;
		}
		h->value = gw_sv_trim(rest);
		h->is_deleted = h->value.len == 0;
		return;
	}
}

static void put(struct sip_msg *m, unsigned at, enum sip_hdr_id id, struct gw_sv name,
	struct gw_sv value)
{
	struct gw_sv copy = gw_arena_sv(m->arena, value);
	struct sip_hdr *h = copy.p ? sip_msg_slot(m, at) : NULL;

	if (h)
		*h = (struct sip_hdr){ .id = id, .name = name, .value = copy };
}

void sip_msg_push(struct sip_msg *m, enum sip_hdr_id id, struct gw_sv value)
{
	unsigned at = 0;

	for (unsigned i = 0; i < m->n_hdrs; i++)
		if (m->hdrs[i].id == id) {
			at = i;
			break;
		}
	put(m, at, id, sip_hdr_name(id), value);
}

void sip_msg_add(struct sip_msg *m, enum sip_hdr_id id, struct gw_sv value)
{
	put(m, m->n_hdrs, id, sip_hdr_name(id), value);
}

void sip_msg_add_named(struct sip_msg *m, struct gw_sv name, struct gw_sv value)
{
	enum sip_hdr_id id = sip_hdr_lookup(name);

	put(m, m->n_hdrs, id, id ? sip_hdr_name(id) : gw_arena_sv(m->arena, name), value);
}

void sip_msg_addf(struct sip_msg *m, enum sip_hdr_id id, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	text = n < 0 ? NULL : gw_arena_alloc(m->arena, (size_t)n + 1);
	if (!text)
		return;
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	put(m, m->n_hdrs, id, sip_hdr_name(id), gw_sv(text, (size_t)n));
}

void sip_msg_set(struct sip_msg *m, enum sip_hdr_id id, struct gw_sv value)
{
	for (unsigned i = 0; i < m->n_hdrs; i++) {
		if (m->hdrs[i].id != id || m->hdrs[i].is_deleted)
			continue;
		m->hdrs[i].value = gw_arena_sv(m->arena, value);
		for (unsigned j = i + 1; j < m->n_hdrs; j++)
			if (m->hdrs[j].id == id)
				m->hdrs[j].is_deleted = true;
		return;
	}
	sip_msg_add(m, id, value);
}

bool sip_msg_del_token(struct sip_msg *m, enum sip_hdr_id id, struct gw_sv token)
{
	bool found = false;

	for (unsigned i = 0; i < m->n_hdrs; i++) {
		struct sip_hdr *h = &m->hdrs[i];
		struct gw_sv rest = h->value, t;
		struct gw_buf b;
		char *text;

		if (h->id != id || h->is_deleted || !sip_list_has(h->value, token))
			continue;
		found = true;
		text = gw_arena_alloc(m->arena, h->value.len * 2 + 2);
		if (!text)
			return true;
		b = gw_buf(text, h->value.len * 2 + 2);
		while (sip_list_next(&rest, &t)) {
			if (gw_sv_ieq(t, token))
				continue;
			if (b.len)
				gw_buf_puts(&b, ", ");
			gw_buf_put(&b, t);
		}
		h->value = gw_buf_sv(&b);
		h->is_deleted = h->value.len == 0;
	}
	return found;
}

void sip_msg_set_body(struct sip_msg *m, struct gw_sv content_type, struct gw_sv body)
{
	sip_msg_del(m, SIP_HDR_CONTENT_LENGTH);
	if (body.len == 0) {
		sip_msg_del(m, SIP_HDR_CONTENT_TYPE);
		sip_msg_del(m, SIP_HDR_CONTENT_DISPOSITION);
		sip_msg_del(m, SIP_HDR_CONTENT_ENCODING);
	} else {
		sip_msg_set(m, SIP_HDR_CONTENT_TYPE, content_type);
	}
	m->body = body;
}

void sip_msg_request(struct sip_msg *m, struct gw_arena *arena, enum sip_method method,
	struct gw_sv ruri)
{
	*m = (struct sip_msg){ .arena = arena, .is_request = true, .method = method,
		.method_name = sip_method_name(method), .ruri = gw_arena_sv(arena, ruri) };
}

static void copy_all(struct sip_msg *to, const struct sip_msg *from, enum sip_hdr_id id)
{
	const struct sip_hdr *h;
	unsigned it = 0;

	while ((h = sip_msg_next(from, id, &it)))
		put(to, to->n_hdrs, id, sip_hdr_name(id), h->value);
}

void sip_msg_response(struct sip_msg *m, struct gw_arena *arena, const struct sip_msg *req,
	unsigned status, const char *reason, struct gw_sv to_tag)
{
	*m = (struct sip_msg){ .arena = arena, .status = status, .method = req->method,
		.method_name = req->method_name,
		.reason = gw_sv_cstr(reason ? reason : sip_reason_phrase(status)) };
	copy_all(m, req, SIP_HDR_VIA);
	copy_all(m, req, SIP_HDR_FROM);
	if (req->to_tag.len || to_tag.len == 0)
		copy_all(m, req, SIP_HDR_TO);
	else
		sip_msg_addf(m, SIP_HDR_TO, "%.*s;tag=%.*s",
			GW_SV_FMT(sip_msg_value(req, SIP_HDR_TO)), GW_SV_FMT(to_tag));
	copy_all(m, req, SIP_HDR_CALL_ID);
	copy_all(m, req, SIP_HDR_CSEQ);
	copy_all(m, req, SIP_HDR_TIMESTAMP);
	m->cseq = req->cseq;
	m->call_id = req->call_id;
	m->from_tag = req->from_tag;
	m->to_tag = req->to_tag.len ? req->to_tag : gw_arena_sv(arena, to_tag);
	m->via = req->via;
}

/* RFC 3261 9.1 and 17.1.1.3: URI, top Via, From, Call-ID, CSeq number and Route of the INVITE. */
static void hop_request(struct sip_msg *m, struct gw_arena *arena, const struct sip_msg *invite,
	enum sip_method method, struct gw_sv to)
{
	sip_msg_request(m, arena, method, invite->ruri);
	sip_msg_add(m, SIP_HDR_VIA, invite->via.text);
	m->via = invite->via;
	copy_all(m, invite, SIP_HDR_ROUTE);
	sip_msg_add(m, SIP_HDR_MAX_FORWARDS, GW_SV("70"));
	copy_all(m, invite, SIP_HDR_FROM);
	sip_msg_add(m, SIP_HDR_TO, to);
	copy_all(m, invite, SIP_HDR_CALL_ID);
	sip_msg_addf(m, SIP_HDR_CSEQ, "%u %.*s", invite->cseq.number, GW_SV_FMT(m->method_name));
	m->cseq = (struct sip_cseq){ invite->cseq.number, m->method_name, method };
	m->call_id = invite->call_id;
	m->from_tag = invite->from_tag;
}

void sip_msg_cancel(struct sip_msg *m, struct gw_arena *arena, const struct sip_msg *invite)
{
	hop_request(m, arena, invite, SIP_CANCEL, sip_msg_value(invite, SIP_HDR_TO));
	copy_all(m, invite, SIP_HDR_REASON);
}

void sip_msg_ack(struct sip_msg *m, struct gw_arena *arena, const struct sip_msg *invite,
	const struct sip_msg *response)
{
	hop_request(m, arena, invite, SIP_ACK, sip_msg_value(response, SIP_HDR_TO));
}

static bool is_one_line(struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
			return false;
	return true;
}

enum gw_err sip_msg_print(const struct sip_msg *m, struct gw_buf *out)
{
	const struct sip_hdr *h;
	unsigned it = 0;

	if (m->arena && m->arena->failed)
		return GW_ENOMEM;
	if (!is_one_line(m->ruri) || !is_one_line(m->reason) || !is_one_line(m->method_name))
		return GW_EINVAL;
	if (m->is_request) {
		gw_buf_put(out, m->method_name);
		gw_buf_putc(out, ' ');
		gw_buf_put(out, m->ruri);
		gw_buf_puts(out, " SIP/2.0\r\n");
	} else {
		gw_buf_puts(out, "SIP/2.0 ");
		gw_buf_u64(out, m->status);
		gw_buf_putc(out, ' ');
		gw_buf_put(out, m->reason);
		gw_buf_puts(out, "\r\n");
	}
	while ((h = sip_msg_next(m, SIP_HDR_COUNT, &it))) {
		if (h->id == SIP_HDR_CONTENT_LENGTH)
			continue;
		if (!is_one_line(h->value) || !is_one_line(h->name))
			return GW_EINVAL;
		gw_buf_put(out, h->id ? sip_hdr_name(h->id) : h->name);
		gw_buf_puts(out, ": ");
		gw_buf_put(out, h->value);
		gw_buf_puts(out, "\r\n");
	}
	gw_buf_puts(out, "Content-Length: ");
	gw_buf_u64(out, m->body.len);
	gw_buf_puts(out, "\r\n\r\n");
	gw_buf_put(out, m->body);
	return out->overflow ? GW_ENOSPC : GW_OK;
}
