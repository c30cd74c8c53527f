/* SPDX-License-Identifier: Apache-2.0 */
/* Error answers: status by situation, header fields by status (RFC 3261 21, TS 24.229 5.2). */
#include "control/sip/errors.h"

#include "control/app/metrics.h"
#include "control/sip/core.h"
#include "control/sip/emergency.h"
#include "control/sip/entry.h"
#include "control/sip/overload.h"
#include "control/sip/stack_int.h"

#define RETRY_AFTER_S 5u
#define SUPPORTED "path, outbound, gruu"

static const struct {
	unsigned status;
	const char *text;
} rows[CP_ERROR_COUNT] = {
#define CP_ERROR_ROW(name, status, text) { status, text },
	CP_ERROR_LIST(CP_ERROR_ROW)
#undef CP_ERROR_ROW
};

/* W2-ERR-21: a UE that reads such bodies is asked to register again, perhaps at another S-CSCF (TS 24.229 5.2.6.3). */
static void put_restoration(const struct cp_uas *u, struct sip_msg *m, struct gw_buf *b)
{
	if (u->side != CP_SIDE_W2 || u->req.method == SIP_REGISTER || u->req.to_tag.len ||
		!sip_msg_has_token(&u->req, SIP_HDR_ACCEPT, GW_SV("application/3gpp-ims+xml")))
		return;
	cp_emergency_ims_body(b, "restoration", "", "initial-registration");
	sip_msg_addf(m, SIP_HDR_P_ASSERTED_IDENTITY, "<sip:%s>", u->sip->conf->w2.host);
	if (!b->overflow)
		sip_msg_set_body(m, GW_SV("application/3gpp-ims+xml"), gw_buf_sv(b));
}

/* What a status brings along. */
static void put_headers(const struct cp_uas *u, struct sip_msg *m, struct gw_buf *body)
{
	unsigned wait_s;

	switch (m->status) {
	case 415:	/* W2-ERR-23 */
		sip_msg_add(m, SIP_HDR_ACCEPT, GW_SV("application/sdp"));
		sip_msg_add(m, SIP_HDR_ACCEPT_ENCODING, GW_SV("identity"));
		break;
	case 420:	/* W2-ERR-08, -38 */
		cp_core_unsupported(&u->req, m);
		sip_msg_add(m, SIP_HDR_SUPPORTED, GW_SV(SUPPORTED));
		break;
	case 503:	/* W2-ERR-28, -43 */
		/* without Retry-After a 503 is a 500: the core must not take all of this node for dead (RFC 3261 21.5.4) */
		if (u->side == CP_SIDE_MW && cp_uas_is_stateless(u))
			break;
		wait_s = u->side == CP_SIDE_W2 ? cp_entry_retry_after(u->sip->entry) : 0;
		sip_msg_addf(m, SIP_HDR_RETRY_AFTER, "%u", wait_s ? wait_s : cp_overload_retry_after(u->sip->overload));
		break;
	case 504:
		put_restoration(u, m, body);
		break;
	case 505:	/* W2-ERR-10 */
		sip_msg_add(m, SIP_HDR_SUPPORTED, GW_SV(SUPPORTED));
		break;
	case 500:	/* W2-SIP-33: not before the other INVITE has had its chance */
		sip_msg_addf(m, SIP_HDR_RETRY_AFTER, "%u", RETRY_AFTER_S);
		break;
	}
	if (m->status >= 300 && u->sip->conf->mw.response_source)	/* W2-HDR-10, TS 24.229 7.2.17 */
		sip_msg_addf(m, SIP_HDR_RESPONSE_SOURCE, "<urn:3gpp:fe:p-cscf.%s>",
			u->side == CP_SIDE_W2 ? "orig" : "term");
}

/* "305 text" brings its own warn-code (RFC 3261 20.43). @return the code */
static unsigned put_warning(const struct cp_uas *u, struct sip_msg *m, const char *warning)
{
	struct gw_sv text = gw_sv_cstr(warning), code, rest;
	uint32_t n;

	gw_sv_cut(text, ' ', &code, &rest);
	if (code.len != 3 || gw_sv_u32(code, &n)) {
		n = 399;
		rest = text;
	}
	sip_msg_addf(m, SIP_HDR_WARNING, "%u %s \"%.*s\"", n, u->sip->conf->w2.host, GW_SV_FMT(rest));
	return n;
}

/* W2-ERR-25: media that would do, in a description nobody is to answer (RFC 3261 21.4.26). */
static void put_capabilities(const struct cp_uas *u, struct sip_msg *m, struct gw_buf *b)
{
	static const struct { struct gw_sv name; unsigned pt; const char *map; } codecs[] = {
		{ GW_SV_INIT("PCMU"), 0, "PCMU/8000" }, { GW_SV_INIT("PCMA"), 8, "PCMA/8000" },
		{ GW_SV_INIT("G722"), 9, "G722/8000" }, { GW_SV_INIT("opus"), 111, "opus/48000/2" } };
	const struct cp_conf *c = u->sip->conf;
	char maps[256];
	struct gw_buf bm = gw_buf(maps, sizeof(maps));

	gw_buf_puts(b, "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 0 ");
	gw_buf_puts(b, u->side == CP_SIDE_W2 ? "UDP/TLS/RTP/SAVPF" : "RTP/AVP");
	for (unsigned i = 0; i < c->media.n_codecs; i++)
		for (size_t k = 0; k < sizeof(codecs) / sizeof(codecs[0]); k++)
			if (gw_sv_ieq(gw_sv_cstr(c->media.codecs[i]), codecs[k].name)) {
				gw_buf_printf(b, " %u", codecs[k].pt);
				gw_buf_printf(&bm, "a=rtpmap:%u %s\r\n", codecs[k].pt, codecs[k].map);
			}
	gw_buf_puts(b, "\r\n");
	gw_buf_put(b, gw_buf_sv(&bm));
	if (!b->overflow && !bm.overflow)
		sip_msg_set_body(m, GW_SV("application/sdp"), gw_buf_sv(b));
}

void cp_sip_refuse(struct cp_uas *u, unsigned status, const char *warning)
{
	struct gw_arena a = GW_ARENA_INIT(CP_ARENA_BYTES);
	char tag[CP_UAS_TAG_BYTES], text[1024];
	struct gw_buf body = gw_buf(text, sizeof(text));
	struct sip_msg m;

	if (u->is_final)
		return;
	cp_uas_new_tag(u, tag);
	sip_msg_response(&m, &a, &u->req, status, NULL, status == 100 ? GW_SV_NONE : gw_sv_cstr(tag));
	if (warning && put_warning(u, &m, warning) < 399 && status == 488)
		put_capabilities(u, &m, &body);
	put_headers(u, &m, &body);
	if (status >= 300) {
		CP_COUNT(sip_requests_refused);
		/* without a transaction: a flood, which is counted and must not fill the log */
		GW_LOG(u->sip->log, cp_uas_is_stateless(u) ? GW_LOG_DEBUG : GW_LOG_NOTICE, "sip.refused", "call_id=%.*s method=%.*s status=%u why=\"%s\"",
			GW_SV_FMT(u->req.call_id), GW_SV_FMT(u->req.method_name), status,
			warning ? warning : sip_reason_phrase(status));
	}
	cp_uas_answer(u, &m);
	gw_arena_reset(&a);
}

void cp_sip_error(struct cp_uas *u, enum cp_error e, const char *detail)
{
	cp_sip_refuse(u, rows[e].status, detail ? detail : rows[e].text);
}
