/* SPDX-License-Identifier: Apache-2.0 */
/* Data channel lines (RFC 8841, RFC 8864). */
#include "proto/sdp/datachannel.h"

#define STREAM_MAX 65534	/* 65535 is no stream (RFC 8832 6) */
#define PRIORITY_DEFAULT 256	/* RFC 8864 5.1.9 */

bool sdp_is_data(const struct sdp_media *m)
{
	uint32_t port;

	if (!gw_sv_eq(m->kind, GW_SV("application")) || m->n_fmts == 0)
		return false;
	if (gw_sv_ieq(m->proto, GW_SV("DTLS/SCTP")) && gw_sv_uint_max(m->fmts[0], UINT16_MAX, &port) == GW_OK)
		return true;
	return (gw_sv_ieq(m->proto, GW_SV("UDP/DTLS/SCTP")) || gw_sv_ieq(m->proto, GW_SV("DTLS/SCTP"))) &&
		gw_sv_ieq(m->fmts[0], GW_SV("webrtc-datachannel"));
}

bool sdp_is_msrp(const struct sdp_media *m)
{
	return gw_sv_eq(m->kind, GW_SV("message")) && (gw_sv_ieq(m->proto, GW_SV("TCP/MSRP")) || gw_sv_ieq(m->proto, GW_SV("TCP/TLS/MSRP")));
}

struct gw_sv sdp_msrp_path(const struct sdp *s, const struct sdp_media *m)
{
	const struct sdp_attr *a = sdp_attr_find(s, m, GW_SV("path"));

	return a ? gw_sv_trim(a->value) : GW_SV_NONE;
}

/* draft-ietf-mmusic-sctp-sdp-05: a=sctpmap:5000 webrtc-datachannel 1024 */
static enum gw_err read_sctpmap(const struct sdp *s, const struct sdp_media *m, uint32_t *port)
{
	const struct sdp_attr *a = sdp_attr_find(s, m, GW_SV("sctpmap"));
	struct gw_sv rest = a ? a->value : GW_SV_NONE, w;

	if (!gw_sv_word(&rest, &w) || !gw_sv_eq(w, m->fmts[0]) || !gw_sv_word(&rest, &w) ||
		!gw_sv_ieq(w, GW_SV("webrtc-datachannel")))
		return GW_EBADMSG;
	return gw_sv_uint_max(m->fmts[0], UINT16_MAX, port);
}

enum gw_err sdp_sctp_read(const struct sdp *s, const struct sdp_media *m, struct sdp_sctp *out)
{
	const struct sdp_attr *port_attr = sdp_attr_find(s, m, GW_SV("sctp-port"));
	const struct sdp_attr *size = sdp_attr_find(s, m, GW_SV("max-message-size"));
	struct sdp_sctp r = { .max_message = SDP_MAX_MESSAGE_DEFAULT };
	uint64_t bytes = SDP_MAX_MESSAGE_DEFAULT;
	uint32_t port;
	enum gw_err err;

	r.is_draft = !gw_sv_ieq(m->fmts[0], GW_SV("webrtc-datachannel"));
	if (r.is_draft)
		err = read_sctpmap(s, m, &port);
	else
		err = port_attr ? gw_sv_uint_max(port_attr->value, UINT16_MAX, &port) : GW_EBADMSG;
	if (err || port == 0 || (size && gw_sv_u64(size->value, &bytes)))
		return GW_EBADMSG;
	r.port = (uint16_t)port;
	r.max_message = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
	*out = r;
	return GW_OK;
}

static bool is_hex(char c)
{
	c = gw_lower(c);
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The text between two quotes, and what is behind it. false: no end, a broken escape, a control character */
static bool take_quoted(struct gw_sv *rest, struct gw_sv *out)
{
	size_t end = rest->len ? gw_sv_chr(*rest, '"', 1) : 0;

	if (rest->len == 0 || rest->p[0] != '"' || end == rest->len)
		return false;
	*out = gw_sv_sub(*rest, 1, end);
	*rest = gw_sv_sub(*rest, end + 1, rest->len);
	for (size_t i = 0; i < out->len; i++) {
		if ((unsigned char)out->p[i] < ' ' && out->p[i] != '\t')
			return false;
		if (out->p[i] == '%' && (i + 2 >= out->len || !is_hex(out->p[i + 1]) || !is_hex(out->p[i + 2])))
			return false;
	}
	return true;
}

static enum gw_err read_limit(struct gw_sv v, enum sdp_dc_reliability kind, struct sdp_dcmap *d)
{
	if (d->reliability != SDP_DC_RELIABLE)	/* one of both, once */
		return GW_EBADMSG;
	d->reliability = kind;
	return gw_sv_u32(v, &d->limit);
}

static enum gw_err read_plain(struct gw_sv name, struct gw_sv v, struct sdp_dcmap *d)
{
	enum gw_err err = GW_OK;
	uint32_t n;

	if (gw_sv_ieq(name, GW_SV("max-retr")))
		return read_limit(v, SDP_DC_MAX_RETR, d);
	if (gw_sv_ieq(name, GW_SV("max-time")))
		return read_limit(v, SDP_DC_MAX_TIME, d);
	if (gw_sv_ieq(name, GW_SV("ordered"))) {
		d->is_unordered = gw_sv_ieq(v, GW_SV("false"));
		return d->is_unordered || gw_sv_ieq(v, GW_SV("true")) ? GW_OK : GW_EBADMSG;
	}
	if (gw_sv_ieq(name, GW_SV("priority"))) {
		err = gw_sv_uint_max(v, UINT16_MAX, &n);
		d->priority = err ? 0 : (uint16_t)n;
	}
	return err;	/* others are ignored */
}

/* One option in front of *rest, and the semicolon behind it. */
static enum gw_err read_option(struct gw_sv *rest, struct sdp_dcmap *d)
{
	struct gw_sv name, v;
	size_t end;

	*rest = gw_sv_trim(*rest);
	end = gw_sv_chr(*rest, '=', 0);
	name = gw_sv_trim(gw_sv_sub(*rest, 0, end));
	if (end == rest->len || name.len == 0)
		return GW_EBADMSG;
	*rest = gw_sv_sub(*rest, end + 1, rest->len);
	if (gw_sv_ieq(name, GW_SV("subprotocol")) || gw_sv_ieq(name, GW_SV("label"))) {
		if (!take_quoted(rest, gw_sv_ieq(name, GW_SV("label")) ? &d->label : &d->subprotocol))
			return GW_EBADMSG;
		*rest = gw_sv_trim(*rest);
		if (rest->len && rest->p[0] != ';')
			return GW_EBADMSG;
		*rest = gw_sv_sub(*rest, rest->len ? 1 : 0, rest->len);
		return GW_OK;
	}
	gw_sv_cut(*rest, ';', &v, rest);
	return read_plain(name, gw_sv_trim(v), d);
}

enum gw_err sdp_dcmap_read(struct gw_sv value, struct sdp_dcmap *out)
{
	struct sdp_dcmap d = { .priority = PRIORITY_DEFAULT };
	struct gw_sv rest = value, w;
	uint32_t n;
	enum gw_err err;

	if (!gw_sv_word(&rest, &w) || gw_sv_uint_max(w, STREAM_MAX, &n))
		return GW_EBADMSG;
	d.stream = (uint16_t)n;
	for (rest = gw_sv_trim(rest); rest.len; rest = gw_sv_trim(rest))
		if ((err = read_option(&rest, &d)))
			return GW_EBADMSG;
	*out = d;
	return GW_OK;
}

unsigned sdp_dcmaps(const struct sdp_media *m, struct sdp_dcmap *out, unsigned max)
{
	unsigned n = 0, k;

	for (unsigned i = 0; i < m->n_attrs && n < max; i++) {
		if (!gw_sv_eq(m->attrs[i].name, GW_SV("dcmap")) || sdp_dcmap_read(m->attrs[i].value, &out[n]))
			continue;
		for (k = 0; k < n && out[k].stream != out[n].stream; k++)
			;
		n += k == n;
	}
	return n;
}

bool sdp_dcsa_next(const struct sdp_media *m, unsigned *it, struct sdp_dcsa *out)
{
	while (*it < m->n_attrs) {
		const struct sdp_attr *a = &m->attrs[(*it)++];
		struct gw_sv rest = a->value, w;
		uint32_t n;

		if (!gw_sv_eq(a->name, GW_SV("dcsa")) || !gw_sv_word(&rest, &w) || gw_sv_uint_max(w, STREAM_MAX, &n))
			continue;
		out->stream = (uint16_t)n;
		gw_sv_cut(gw_sv_trim(rest), ':', &out->name, &out->value);
		if (out->name.len)
			return true;
	}
	return false;
}

struct gw_sv sdp_dcsa_find(const struct sdp_media *m, uint16_t stream, struct gw_sv name)
{
	struct sdp_dcsa sa;
	unsigned it = 0;

	while (sdp_dcsa_next(m, &it, &sa))
		if (sa.stream == stream && gw_sv_eq(sa.name, name))
			return gw_sv_trim(sa.value);
	return GW_SV_NONE;
}

static unsigned hex(char c)
{
	c = gw_lower(c);
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

void sdp_dc_text(struct gw_sv quoted, struct gw_buf *out)
{
	for (size_t i = 0; i < quoted.len; i++) {
		if (quoted.p[i] == '%' && i + 2 < quoted.len) {
			gw_buf_putc(out, (char)(hex(quoted.p[i + 1]) << 4 | hex(quoted.p[i + 2])));
			i += 2;
		} else {
			gw_buf_putc(out, quoted.p[i]);
		}
	}
}

static bool has_stream(const struct sdp_dcmap *d, unsigned n, uint16_t stream)
{
	while (n--)
		if (d[n].stream == stream)
			return true;
	return false;
}

void sdp_dc_put(struct gw_buf *b, const struct sdp_media *from, const struct sdp_media *offered)
{
	static const char *const limits[] = { "", ";max-retr=", ";max-time=" };
	struct sdp_dcmap d[SDP_MAX_CHANNELS], other[SDP_MAX_CHANNELS];
	unsigned n = sdp_dcmaps(from, d, SDP_MAX_CHANNELS);
	unsigned n_other = offered ? sdp_dcmaps(offered, other, SDP_MAX_CHANNELS) : 0, k = 0, it = 0;
	struct sdp_dcsa sa;

	for (unsigned i = 0; i < n; i++) {
		if (offered && !has_stream(other, n_other, d[i].stream))
			continue;
		d[k] = d[i];
		gw_buf_printf(b, "a=dcmap:%u subprotocol=\"%.*s\";label=\"%.*s\"", d[k].stream,
			GW_SV_FMT(d[k].subprotocol), GW_SV_FMT(d[k].label));
		if (d[k].is_unordered)
			gw_buf_puts(b, ";ordered=false");
		if (d[k].reliability)
			gw_buf_printf(b, "%s%u", limits[d[k].reliability], d[k].limit);
		if (d[k].priority != PRIORITY_DEFAULT)
			gw_buf_printf(b, ";priority=%u", d[k].priority);
		gw_buf_puts(b, "\r\n");
		k++;
	}
	while (k && sdp_dcsa_next(from, &it, &sa)) {
		if (!has_stream(d, k, sa.stream))
			continue;
		gw_buf_printf(b, "a=dcsa:%u %.*s", sa.stream, GW_SV_FMT(sa.name));
		if (sa.value.len)
			gw_buf_printf(b, ":%.*s", GW_SV_FMT(sa.value));
		gw_buf_puts(b, "\r\n");
	}
}

static bool is_of_msrp(struct gw_sv name)
{
	static const struct gw_sv known[] = { GW_SV_INIT("accept-types"), GW_SV_INIT("accept-wrapped-types"), GW_SV_INIT("max-size"),
		GW_SV_INIT("file-selector"), GW_SV_INIT("file-transfer-id"), GW_SV_INIT("file-disposition"), GW_SV_INIT("file-date"),
		GW_SV_INIT("sendonly"), GW_SV_INIT("recvonly"), GW_SV_INIT("sendrecv") };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (gw_sv_eq(name, known[i]))
			return true;
	return false;
}

static void put_value(struct gw_buf *b, struct gw_sv name, struct gw_sv value)
{
	gw_buf_put(b, name);
	if (value.len)
		gw_buf_printf(b, ":%.*s", GW_SV_FMT(value));
	gw_buf_puts(b, "\r\n");
}

void sdp_msrp_put_channel(struct gw_buf *b, const struct sdp_dcmap *d, struct gw_sv path, const struct sdp_media *from)
{
	gw_buf_printf(b, "a=dcmap:%u subprotocol=\"msrp\";label=\"%.*s\"\r\na=dcsa:%u path:%.*s\r\n", d->stream, GW_SV_FMT(d->label),
		d->stream, GW_SV_FMT(path));
	for (unsigned i = 0; i < from->n_attrs; i++) {
		if (!is_of_msrp(from->attrs[i].name))
			continue;
		gw_buf_printf(b, "a=dcsa:%u ", d->stream);
		put_value(b, from->attrs[i].name, from->attrs[i].value);
	}
}

void sdp_msrp_put_plain(struct gw_buf *b, uint16_t stream, struct gw_sv path, const struct sdp_media *from)
{
	struct sdp_dcsa sa;
	unsigned it = 0;

	gw_buf_printf(b, "a=path:%.*s\r\n", GW_SV_FMT(path));
	while (sdp_dcsa_next(from, &it, &sa)) {
		if (sa.stream != stream || !is_of_msrp(sa.name))
			continue;
		gw_buf_puts(b, "a=");
		put_value(b, sa.name, sa.value);
	}
}
