/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core behind both edges, over UDP: registrar with digest and user agent in one, without transactions. A
 * request that comes again is answered again with the same To-tag; the core sends nothing twice by itself.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "bench/signalling/load.h"

#define SOCKET_BYTES (8 << 20)

/* Header fields of a response that are those of the request. */
static void put_head(struct gw_buf *b, struct gw_sv req, const char *status)
{
	static const struct gw_sv copied[] = {GW_SV_INIT("Via"), GW_SV_INIT("Record-Route"),
		GW_SV_INIT("From"), GW_SV_INIT("Call-ID"), GW_SV_INIT("CSeq")};
	struct gw_sv v, to = text_first(req, GW_SV("To"));

	gw_buf_printf(b, "SIP/2.0 %s\r\n", status);
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
		for (size_t at = 0; text_header(req, copied[i], &at, &v);)
			gw_buf_printf(b, "%.*s: %.*s\r\n", GW_SV_FMT(copied[i]), GW_SV_FMT(v));
	gw_buf_printf(b, "To: %.*s%s\r\n", GW_SV_FMT(to), text_has(to, GW_SV(";tag=")) ? "" : ";tag=core");
}

static void put_end(struct gw_buf *b, struct gw_sv body)
{
	if (body.len)
		gw_buf_puts(b, "Content-Type: application/sdp\r\n");
	gw_buf_printf(b, "Content-Length: %zu\r\n\r\n", body.len);
	gw_buf_put(b, body);
}

static void answer(struct core *c, const struct sockaddr *to, struct gw_buf *b)
{
	uv_buf_t bytes = uv_buf_init(b->p, (unsigned)b->len);

	if (b->overflow || uv_udp_try_send(&c->udp, &bytes, 1, to) < 0)
		c->errors++;
}

static void wrong(struct core *c, const char *what, struct gw_sv msg)
{
	c->errors++;
	load_wrong(c->load, what, msg);
}

/* @return may this REGISTER be granted? */
static bool is_authorized(struct core *c, struct gw_sv req)
{
	struct gw_sv v = text_first(req, GW_SV("Authorization")), response = text_param(v, GW_SV("response")),
		     user = text_param(v, GW_SV("username"));
	char name[64], ha1[33], expected[33], password[64];

	/* the edge has seen to it, and vouches (TS 24.229 5.2.2.7) */
	if (gw_sv_eq(text_param(v, GW_SV("integrity-protected")), GW_SV("auth-done")))
		return true;
	if (response.len == 0)
		return false;
	if (gw_sv_copy(user, name, sizeof(name)) ||
		gw_sv_copy(gw_sv_sub(user, 0, gw_sv_chr(user, '@', 0)), password, sizeof(password)))
		return false;
	text_ha1(name, DOMAIN_NAME, password, ha1);
	text_digest(ha1, text_param(v, GW_SV("nonce")), "c0ffee", "REGISTER", text_param(v, GW_SV("uri")),
		expected);
	if (gw_sv_eq(response, gw_sv_cstr(expected)))
		return true;
	wrong(c, "core: digest of a REGISTER is wrong", req);
	return false;
}

static void on_register(struct core *c, const struct sockaddr *from, struct gw_sv req)
{
	char out[MESSAGE_MAX];
	struct gw_buf b = gw_buf(out, sizeof(out));
	struct gw_sv path = text_first(req, GW_SV("Path"));

	c->registers++;
	if (path.len == 0)
		wrong(c, "core: REGISTER without Path", req);
	if (!is_authorized(c, req)) {
		put_head(&b, req, "401 Unauthorized");
		gw_buf_printf(&b,
			"WWW-Authenticate: Digest realm=\"" DOMAIN_NAME
			"\", nonce=\"%016llx\", algorithm=MD5, qop=\"auth\"\r\n",
			(unsigned long long)load_now_ns());
	} else {
		put_head(&b, req, "200 OK");
		gw_buf_printf(&b,
			"Path: %.*s\r\nContact: %.*s;expires=3600\r\nService-Route: <sip:orig@%s;lr>\r\n"
			"P-Associated-URI: <%.*s>\r\n",
			GW_SV_FMT(path), GW_SV_FMT(text_first(req, GW_SV("Contact"))), c->address,
			GW_SV_FMT(text_uri(text_first(req, GW_SV("To")))));
	}
	put_end(&b, GW_SV_NONE);
	answer(c, from, &b);
}

static void on_invite(struct core *c, const struct sockaddr *from, struct gw_sv req)
{
	char out[MESSAGE_MAX], sdp[600], media[80];
	struct gw_buf b = gw_buf(out, sizeof(out)), s = gw_buf(sdp, sizeof(sdp)),
		      m = gw_buf(media, sizeof(media));
	struct gw_sv offer = text_body(req);

	c->invites++;
	gw_buf_printf(&m, "c=IN IP4 %s\r\n", c->load->conf.relay_core);
	if (!text_has(offer, GW_SV(" RTP/AVP ")) || !text_has(offer, gw_buf_sv(&m)) ||
		text_has(offer, GW_SV("a=fingerprint")))
		wrong(c, "core: the offer is not plain RTP by way of the relay", req);
	put_head(&b, req, "180 Ringing");
	gw_buf_printf(&b, "Contact: <sip:bob@%s>\r\n", c->address);
	put_end(&b, GW_SV_NONE);
	answer(c, from, &b);
	gw_buf_printf(&s,
		"v=0\r\no=bob 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 126\r\n"
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:126 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n",
		c->load->conf.media_ip, c->load->conf.media_ip);
	b = gw_buf(out, sizeof(out));
	put_head(&b, req, "200 OK");
	gw_buf_printf(&b, "Contact: <sip:bob@%s>\r\n", c->address);
	put_end(&b, gw_buf_sv(&s));
	answer(c, from, &b);
}

static void on_datagram(
	uv_udp_t *u, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
	struct core *c = u->data;
	struct gw_sv msg = gw_sv(buf->base, n > 0 ? (size_t)n : 0), method = text_method(msg);
	char out[MESSAGE_MAX];
	struct gw_buf b = gw_buf(out, sizeof(out));

	(void)flags;
	if (n <= 4 || !from || text_status(msg))
		return;
	if (gw_sv_eq(method, GW_SV("REGISTER"))) {
		on_register(c, from, msg);
	} else if (gw_sv_eq(method, GW_SV("INVITE"))) {
		on_invite(c, from, msg);
	} else if (gw_sv_eq(method, GW_SV("ACK"))) {
		c->acks++;
	} else {
		if (gw_sv_eq(method, GW_SV("BYE")))
			c->byes++;
		put_head(&b, msg, "200 OK");
		put_end(&b, GW_SV_NONE);
		answer(c, from, &b);
	}
}

void core_drain(struct load *l)
{
	static char bytes[65536];
	uv_buf_t buf = uv_buf_init(bytes, sizeof(bytes));
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uv_os_fd_t fd;
	ssize_t n;

	if (uv_fileno((uv_handle_t *)&l->core.udp, &fd))
		return;
	while ((n = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &len)) >= 0) {
		on_datagram(&l->core.udp, n, &buf, (struct sockaddr *)&from, 0);
		len = sizeof(from);
	}
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *buf)
{
	static char shared[65536];

	(void)h;
	(void)want;
	*buf = uv_buf_init(shared, sizeof(shared));
}

int core_start(struct load *l)
{
	struct core *c = &l->core;
	struct sockaddr_in at;
	int r, bytes = SOCKET_BYTES;

	c->load = l;
	c->udp.data = c;
	snprintf(c->address, sizeof(c->address), "%s:%u", l->conf.core_ip, l->conf.core_port);
	if ((r = uv_ip4_addr(l->conf.core_ip, (int)l->conf.core_port, &at)) ||
		(r = uv_udp_init(&l->loop, &c->udp)) ||
		(r = uv_udp_bind(&c->udp, (struct sockaddr *)&at, 0)) ||
		(r = uv_udp_recv_start(&c->udp, on_alloc, on_datagram)))
		return r;
	return uv_recv_buffer_size((uv_handle_t *)&c->udp, &bytes);
}
