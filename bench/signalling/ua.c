/* SPDX-License-Identifier: Apache-2.0 */
/* The user agent of a browser: REGISTER with digest; INVITE with an offer of Chromium's kind, ACK, BYE. */
#include "bench/signalling/load.h"

#define ROUTE_MAX 1500

/* What Chromium offers for audio, with one candidate that is a host's. */
static const char offer_head[] = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
				 "a=group:BUNDLE 0\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS 8f1b\r\n";
static const char offer_tail[] =
	"a=ice-ufrag:Yx3d\r\na=ice-pwd:0p4Kq9s8d7f6g5h4j3k2l1z0\r\na=ice-options:trickle\r\n"
	"a=fingerprint:sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:"
	"BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2\r\n"
	"a=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
	"a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\na=sendrecv\r\n"
	"a=msid:8f1b 7c2a\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
	"a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n"
	"a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n"
	"a=rtpmap:126 telephone-event/8000\r\na=ssrc:3735928559 cname:wZ0C7pQ3\r\n"
	"a=ssrc:3735928559 msid:8f1b 7c2a\r\n";

static void put_offer(const struct load *l, struct gw_buf *b)
{
	gw_buf_puts(b, offer_head);
	gw_buf_printf(b,
		"m=audio 50000 UDP/TLS/RTP/SAVPF 111 9 0 8 13 110 126\r\nc=IN IP4 %s\r\n"
		"a=rtcp:9 IN IP4 0.0.0.0\r\n"
		"a=candidate:1467250027 1 udp 2122260223 %s 50000 typ host generation 0 network-id 1\r\n",
		l->conf.media_ip, l->conf.media_ip);
	gw_buf_puts(b, offer_tail);
}

/* Request line and what each request has. to: value of To; route: values, or none. */
static void put_head(struct browser *b, struct gw_buf *m, const char *method, struct gw_sv uri,
	struct gw_sv to, struct gw_sv route)
{
	gw_buf_printf(m,
		"%s %.*s SIP/2.0\r\nVia: SIP/2.0/WSS web%u.invalid;branch=z9hG4bK%u-%u;rport\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:web%u@" DOMAIN_NAME ">;tag=f%u\r\nTo: %.*s\r\nCall-ID: %u-%u\r\nCSeq: %u %s\r\n",
		method, GW_SV_FMT(uri), b->number, b->number, b->branch++, b->number, b->serial,
		GW_SV_FMT(to), b->number, b->serial, b->cseq, method);
	if (route.len)
		gw_buf_printf(m, "Route: %.*s\r\n", GW_SV_FMT(route));
}

static void send_message(struct browser *b, struct gw_buf *m, struct gw_sv body)
{
	if (body.len)
		gw_buf_puts(m, "Content-Type: application/sdp\r\n");
	gw_buf_printf(m, "Content-Length: %zu\r\n\r\n", body.len);
	gw_buf_put(m, body);
	link_send(b, gw_buf_sv(m));
}

static void put_contact(struct browser *b, struct gw_buf *m)
{
	gw_buf_printf(m, "Contact: <sip:web%u@web%u.invalid;transport=ws%s>", b->number, b->number,
		b->job == JOB_CALL ? ";ob" : "");
	if (b->job != JOB_CALL)
		gw_buf_printf(
			m, ";reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-%012u>\"", b->number);
	gw_buf_puts(m, "\r\nAllow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY\r\n"
		       "Supported: path,gruu,outbound\r\nUser-Agent: w2gw-sigload\r\n");
}

static void send_register(struct browser *b, struct gw_sv challenge)
{
	static const struct gw_sv registrar = GW_SV_INIT("sip:" DOMAIN_NAME);
	char text[MESSAGE_MAX], aor[80], response[33];
	struct gw_buf m = gw_buf(text, sizeof(text)), to = gw_buf(aor, sizeof(aor));
	struct gw_sv nonce = text_param(challenge, GW_SV("nonce"));

	gw_buf_printf(&to, "<sip:web%u@" DOMAIN_NAME ">", b->number);
	b->cseq++;
	put_head(b, &m, "REGISTER", registrar, gw_buf_sv(&to), GW_SV_NONE);
	put_contact(b, &m);
	gw_buf_puts(&m, "Expires: 3600\r\n");
	if (b->job == JOB_TOKEN) {
		const char *token = tokens_next(&b->load->tokens, b);

		gw_buf_printf(&m, "Authorization: Bearer %s\r\n", token ? token : "none");
	} else if (challenge.len) {
		text_digest(b->ha1, nonce, "c0ffee", "REGISTER", registrar, response);
		gw_buf_printf(&m,
			"Authorization: Digest username=\"web%u\", realm=\"" DOMAIN_NAME
			"\", nonce=\"%.*s\", "
			"uri=\"%.*s\", response=\"%s\", algorithm=MD5, cnonce=\"c0ffee\", qop=auth, "
			"nc=00000001\r\n",
			b->number, GW_SV_FMT(nonce), GW_SV_FMT(registrar), response);
	}
	send_message(b, &m, GW_SV_NONE);
}

static void send_invite(struct browser *b)
{
	char text[MESSAGE_MAX], sdp[3000];
	struct gw_buf m = gw_buf(text, sizeof(text)), offer = gw_buf(sdp, sizeof(sdp));

	b->cseq++;
	put_offer(b->load, &offer);
	put_head(b, &m, "INVITE", GW_SV("sip:bob@" DOMAIN_NAME), GW_SV("<sip:bob@" DOMAIN_NAME ">"),
		GW_SV_NONE);
	put_contact(b, &m);
	send_message(b, &m, gw_buf_sv(&offer));
}

/* Record-Route values of a response, last first (RFC 3261 12.1.2). */
static struct gw_sv route_set(struct gw_sv msg, char *space, size_t cap)
{
	struct gw_sv parts[16], line;
	struct gw_buf b = gw_buf(space, cap);
	unsigned n = 0;

	for (size_t at = 0; text_header(msg, GW_SV("Record-Route"), &at, &line);)
		while (line.len && n < 16) {
			size_t end = gw_sv_chr(line, ',', gw_sv_chr(line, '>', 0));

			parts[n++] = gw_sv_trim(gw_sv_sub(line, 0, end));
			line = gw_sv_sub(line, end + 1, line.len);
		}
	while (n--)
		gw_buf_printf(&b, "%.*s%s", GW_SV_FMT(parts[n]), n ? ", " : "");
	return gw_buf_sv(&b);
}

static void send_ack_and_bye(struct browser *b, struct gw_sv ok)
{
	char text[MESSAGE_MAX], space[ROUTE_MAX];
	struct gw_sv uri = text_uri(text_first(ok, GW_SV("Contact"))), to = text_first(ok, GW_SV("To"));
	struct gw_sv route = route_set(ok, space, sizeof(space));
	struct gw_buf m = gw_buf(text, sizeof(text));

	put_head(b, &m, "ACK", uri, to, route);
	send_message(b, &m, GW_SV_NONE);
	m = gw_buf(text, sizeof(text));
	b->cseq++;
	b->step = STEP_BYE;
	put_head(b, &m, "BYE", uri, to, route);
	send_message(b, &m, GW_SV_NONE);
}

static void finish(struct browser *b, bool is_ok)
{
	struct load *l = b->load;

	b->job = JOB_NONE;
	l->busy--;
	if (is_ok)
		l->tally.done++;
	if (b->state == LINK_OPEN) {
		gw_list_append(&l->idle, &b->node);
		l->idle_count++;
	}
	l->on_job(l, b, is_ok);
}

static void fail(struct browser *b, const char *what, struct gw_sv msg)
{
	load_wrong(b->load, what, msg);
	finish(b, false);
}

void ua_lost(struct browser *b)
{
	if (b->job) {
		finish(b, false);
		return;
	}
	gw_list_remove(&b->node);
	b->load->idle_count--;
}

static void on_register_answer(struct browser *b, struct gw_sv msg, unsigned status)
{
	if (status == 401 && b->step == STEP_REGISTER) {
		b->step = STEP_AUTHORIZED;
		send_register(b, text_first(msg, GW_SV("WWW-Authenticate")));
	} else if (status != 200 || b->step != STEP_AUTHORIZED) {
		fail(b, "REGISTER was answered wrongly", msg);
	} else if (text_first(msg, GW_SV("Service-Route")).len == 0 ||
		   text_first(msg, GW_SV("Contact")).len == 0) {
		fail(b, "the 200 to REGISTER has no Service-Route or no Contact", msg);
	} else {
		finish(b, true);
	}
}

static bool is_good_answer(const struct load *l, struct gw_sv sdp)
{
	char line[80];
	struct gw_buf c = gw_buf(line, sizeof(line));

	gw_buf_printf(&c, "c=IN IP4 %s\r\n", l->conf.relay_access);
	return text_has(sdp, GW_SV(" UDP/TLS/RTP/SAVPF ")) && text_has(sdp, gw_buf_sv(&c)) &&
	       text_has(sdp, GW_SV("a=fingerprint:")) && text_has(sdp, GW_SV("a=ice-ufrag:")) &&
	       text_has(sdp, GW_SV("a=candidate:")) && text_has(sdp, GW_SV("a=rtcp-mux"));
}

static void on_call_answer(struct browser *b, struct gw_sv msg, unsigned status, struct gw_sv method)
{
	bool is_invite = gw_sv_eq(method, GW_SV("INVITE"));

	if (is_invite != (b->step == STEP_INVITE))
		b->load->tally.stray++; /* a 200 that came again */
	else if (status != 200)
		fail(b, is_invite ? "INVITE was refused" : "BYE was refused", msg);
	else if (!is_invite)
		finish(b, true);
	else if (!is_good_answer(b->load, text_body(msg)))
		fail(b, "the answer is not one of a WebRTC relay", msg);
	else {
		play_call_answered(b);
		send_ack_and_bye(b, msg);
	}
}

/* New work may be refused where that is what is measured; what was accepted once may not. */
static bool was_refused(struct browser *b, unsigned status)
{
	if (!b->load->takes_refusal || status != 503 || (b->step != STEP_INVITE && b->step != STEP_REGISTER))
		return false;
	b->load->tally.refused++;
	finish(b, false);
	return true;
}

void ua_input(struct browser *b, struct gw_sv msg)
{
	unsigned status = text_status(msg);
	char id[32];
	struct gw_buf expected = gw_buf(id, sizeof(id));

	if (status && status < 200)
		return;
	gw_buf_printf(&expected, "%u-%u", b->number, b->serial);
	if (!status || !b->job || !gw_sv_eq(text_first(msg, GW_SV("Call-ID")), gw_buf_sv(&expected)))
		b->load->tally.stray++;
	else if (was_refused(b, status))
		return;
	else if (b->job != JOB_CALL)
		on_register_answer(b, msg, status);
	else
		on_call_answer(b, msg, status, text_method(msg));
}

void ua_start(struct browser *b, enum job_kind job, uint64_t due_ns)
{
	struct load *l = b->load;

	gw_list_remove(&b->node);
	l->idle_count--;
	l->busy++;
	b->job = job;
	b->began_ns = due_ns;
	if (job != JOB_CALL) {
		b->step = job == JOB_TOKEN ? STEP_AUTHORIZED : STEP_REGISTER;	/* no challenge is to come */
		b->serial++;
		send_register(b, GW_SV_NONE);
	} else {
		b->step = STEP_INVITE;
		b->serial++;
		send_invite(b);
	}
}
