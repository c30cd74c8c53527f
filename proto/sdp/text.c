/* SPDX-License-Identifier: Apache-2.0 */
/* Real-time text in descriptions (RFC 4103, RFC 8865). */
#include "proto/sdp/text.h"

#define PT_T140 104	/* our own offers */
#define PT_RED  105

static bool is_t140(const struct sdp_codec *c)
{
	return gw_sv_ieq(c->name, GW_SV("t140")) && c->clock_hz == 1000;
}

/* "104/104/104": one, and how often it is repeated. 0: it is not of this t140 */
static unsigned red_blocks(const struct sdp_codec *red, uint8_t pt_t140)
{
	struct gw_sv rest = red->fmtp, word;
	unsigned n = 0;
	uint32_t pt;

	if (!gw_sv_ieq(red->name, GW_SV("red")) || red->clock_hz != 1000)
		return 0;
	while (rest.len) {
		gw_sv_cut(rest, '/', &word, &rest);
		if (gw_sv_uint_max(gw_sv_trim(word), 127, &pt) || pt != pt_t140)
			return 0;
		n++;
	}
	return n;
}

/* The parameter as it is written, and its value; 0: there is none of sense. */
static uint32_t find_cps(struct gw_sv params, struct gw_sv *as_written)
{
	struct gw_sv name, value;
	uint32_t cps;

	while (params.len) {
		gw_sv_cut(params, ';', as_written, &params);
		*as_written = gw_sv_trim(*as_written);
		if (gw_sv_cut(*as_written, '=', &name, &value) && gw_sv_ieq(name, GW_SV("cps")) &&
			gw_sv_uint_max(value, UINT16_MAX, &cps) == GW_OK && cps)
			return cps;
	}
	return 0;
}

uint32_t sdp_text_cps(struct gw_sv params)
{
	struct gw_sv as_written;
	uint32_t cps = find_cps(params, &as_written);

	return cps ? cps : SDP_TEXT_CPS_DEFAULT;
}

enum gw_err sdp_text_read(const struct sdp_codec *codecs, unsigned n, struct sdp_text *out)
{
	const struct sdp_codec *t140 = NULL;
	struct sdp_text t = { 0 };

	for (unsigned i = 0; !t140 && i < n; i++)
		if (is_t140(&codecs[i]))
			t140 = &codecs[i];
	if (!t140)
		return GW_ENOENT;
	t.pt_t140 = t140->pt;
	t.cps = sdp_text_cps(t140->fmtp);
	for (unsigned i = 0; !t.pt_red && i < n; i++) {
		unsigned blocks = red_blocks(&codecs[i], t.pt_t140);

		if (blocks == 0)
			continue;
		t.pt_red = codecs[i].pt;
		t.generations = blocks - 1;
	}
	*out = t;
	return GW_OK;
}

bool sdp_text_keep(struct sdp_codec *codecs, unsigned *n)
{
	struct sdp_text t;
	unsigned k = 0;

	if (sdp_text_read(codecs, *n, &t))
		return false;
	for (unsigned i = 0; i < *n; i++)
		if (codecs[i].pt == t.pt_t140 || (t.pt_red && codecs[i].pt == t.pt_red))
			codecs[k++] = codecs[i];
	*n = k;
	return true;
}

unsigned sdp_text_codecs(struct gw_sv params, struct sdp_codec out[SDP_TEXT_CODECS])
{
	out[0] = (struct sdp_codec){ .pt = PT_RED, .name = GW_SV("red"), .clock_hz = 1000, .channels = 1, .fmtp = GW_SV("104/104/104") };
	out[1] = (struct sdp_codec){ .pt = PT_T140, .name = GW_SV("t140"), .clock_hz = 1000, .channels = 1, .fmtp = params };
	return SDP_TEXT_CODECS;
}

bool sdp_text_is_channel(const struct sdp_dcmap *d)
{
	return gw_sv_ieq(d->subprotocol, GW_SV("t140")) && !d->is_unordered && d->reliability == SDP_DC_RELIABLE;
}

struct gw_sv sdp_text_params(const struct sdp_media *m, uint16_t stream)
{
	struct gw_sv rest = sdp_dcsa_find(m, stream, GW_SV("fmtp")), format, cps;

	return gw_sv_word(&rest, &format) && gw_sv_ieq(format, GW_SV("t140")) && find_cps(rest, &cps) ? cps : GW_SV_NONE;
}

void sdp_text_set_params(struct sdp_codec *codecs, unsigned n, struct gw_sv params)
{
	for (unsigned i = 0; i < n; i++)
		if (is_t140(&codecs[i]))
			codecs[i].fmtp = params;
}

static bool dir_named(struct gw_sv name, enum sdp_dir *out)
{
	for (int d = SDP_SENDRECV; d <= SDP_INACTIVE; d++)
		if (gw_sv_eq(name, sdp_dir_name((enum sdp_dir)d))) {
			*out = (enum sdp_dir)d;
			return true;
		}
	return false;
}

enum sdp_dir sdp_text_dir(const struct sdp_media *m, uint16_t stream)
{
	enum sdp_dir dir = SDP_SENDRECV;
	struct sdp_dcsa sa;
	unsigned it = 0;

	while (sdp_dcsa_next(m, &it, &sa))
		if (sa.stream == stream && dir_named(sa.name, &dir))
			break;
	return dir;
}

static bool is_language(struct gw_sv name)
{
	return gw_sv_eq(name, GW_SV("hlang-send")) || gw_sv_eq(name, GW_SV("hlang-recv"));
}

void sdp_text_put_channel(struct gw_buf *b, const struct sdp_dcmap *d, const struct sdp_codec *codecs, unsigned n, enum sdp_dir dir,
	const struct sdp_media *from)
{
	gw_buf_printf(b, "a=dcmap:%u subprotocol=\"t140\";label=\"%.*s\"\r\n", d->stream, GW_SV_FMT(d->label));
	for (unsigned i = 0; i < n; i++)
		if (is_t140(&codecs[i]) && codecs[i].fmtp.len)
			gw_buf_printf(b, "a=dcsa:%u fmtp:t140 cps=%u\r\n", d->stream, sdp_text_cps(codecs[i].fmtp));
	gw_buf_printf(b, "a=dcsa:%u %.*s\r\n", d->stream, GW_SV_FMT(sdp_dir_name(dir)));
	for (unsigned i = 0; i < from->n_attrs; i++)
		if (is_language(from->attrs[i].name))
			gw_buf_printf(b, "a=dcsa:%u %.*s:%.*s\r\n", d->stream, GW_SV_FMT(from->attrs[i].name), GW_SV_FMT(from->attrs[i].value));
}

void sdp_text_put_plain(struct gw_buf *b, uint16_t stream, const struct sdp_media *from)
{
	struct sdp_dcsa sa;
	unsigned it = 0;

	while (sdp_dcsa_next(from, &it, &sa))
		if (sa.stream == stream && is_language(sa.name))
			gw_buf_printf(b, "a=%.*s:%.*s\r\n", GW_SV_FMT(sa.name), GW_SV_FMT(sa.value));
}
