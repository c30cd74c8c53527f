/* SPDX-License-Identifier: Apache-2.0 */
/* The first request head of a connection: a WebSocket upgrade is answered here, all else goes to the web side. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "control/app/metrics.h"
#include "control/transport/conn.h"
#include "proto/sip/param.h"

/* W2-WS-03, threat W1: exact match; with no list only the page's own origin. */
static bool origin_ok(const struct cp_w2 *c, const struct cp_http_head *h)
{
	const struct cp_conf *conf = c->t->conf;
	char own[512];
	struct gw_buf b = gw_buf(own, sizeof(own));

	if (!h->has_origin)
		return conf->w2.allow_no_origin;
	for (unsigned i = 0; i < conf->w2.n_origins; i++)
		if (gw_sv_eq(h->origin, gw_sv_cstr(conf->w2.origins[i])))
			return true;
	if (conf->w2.n_origins)
		return false;
	gw_buf_puts(&b, c->ssl ? "https://" : "http://");
	gw_buf_put(&b, h->host);
	return !b.overflow && gw_sv_ieq(h->origin, gw_buf_sv(&b));
}

void cp_ws_accept_key(struct gw_sv key, char out[29])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";	/* RFC 6455 1.3 */
	unsigned char sha[SHA_DIGEST_LENGTH];
	char text[64];
	struct gw_buf b = gw_buf(text, sizeof(text));

	gw_buf_put(&b, key);
	gw_buf_puts(&b, guid);
	SHA1((const unsigned char *)b.p, b.len, sha);
	EVP_EncodeBlock((unsigned char *)out, sha, sizeof(sha));
}

void cp_w2_http_error(struct cp_w2 *c, unsigned status, const char *extra)
{
	static const struct {
		unsigned code;
		const char *text;
	} table[] = { { 400, "Bad Request" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 426, "Upgrade Required" }, { 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" } };
	const char *text = "Error";
	char out[512];
	struct gw_buf b = gw_buf(out, sizeof(out));

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == status)
			text = table[i].text;
	gw_buf_printf(&b, "HTTP/1.1 %u %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n", status, text,
		extra);
	cp_w2_write(c, b.p, b.len);
	cp_w2_finish(c);
}

static void upgrade(struct cp_w2 *c, const struct cp_http_head *h)
{
	char accept[29], out[256], later[32];
	struct gw_buf b = gw_buf(out, sizeof(out));
	unsigned away_s = 0;

	if (!gw_sv_eq(h->ws_version, GW_SV("13"))) {
		CP_COUNT(w2_upgrade_refused_protocol);
		cp_w2_http_error(c, 426, "Sec-WebSocket-Version: 13\r\n");
		return;
	}
	if (!gw_sv_eq(h->method, GW_SV("GET")) || !gw_sv_eq(h->version, GW_SV("HTTP/1.1")) ||
		!sip_list_has(h->connection, GW_SV("upgrade")) || !cp_http_ws_key_ok(h->ws_key) ||
		!sip_list_has(h->ws_protocol, GW_SV("sip"))) {
		CP_COUNT(w2_upgrade_refused_protocol);
		cp_w2_http_error(c, 400, "");
		return;
	}
	if (!origin_ok(c, h)) {
		CP_COUNT(w2_upgrade_refused_origin);
		GW_LOG_NOTICE(c->t->log, "w2.origin_refused", "origin=%.*s", GW_SV_FMT(h->origin));
		cp_w2_http_error(c, 403, "");
		return;
	}
	if (c->t->is_draining) {	/* W2-ERR-04 */
		CP_COUNT(w2_refused_draining);
		cp_w2_http_error(c, 503, "Retry-After: 30\r\n");
		return;
	}
	if (c->is_beyond_limit || (away_s = c->t->ops->may_connect(c->t->user))) {	/* W2-ERR-04 */
		if (c->is_beyond_limit)
			CP_COUNT(w2_refused_full);
		snprintf(later, sizeof(later), "Retry-After: %u\r\n", away_s ? away_s : c->t->conf->overload.retry_after_s);
		cp_w2_http_error(c, 503, later);
		return;
	}
	if (h->has_origin)
		c->origin = gw_sv_dup(h->origin);
	cp_ws_accept_key(h->ws_key, accept);
	gw_buf_printf(&b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			  "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
			  "Sec-WebSocket-Protocol: sip\r\n\r\n", accept);
	cp_w2_write(c, b.p, b.len);
	if (cp_ws_start(c))
		cp_w2_close(c);
}

static bool is_w2_path(const struct cp_w2 *c, struct gw_sv path)
{
	struct gw_sv p, query;

	gw_sv_cut(path, '?', &p, &query);
	return gw_sv_eq(p, gw_sv_cstr(c->t->conf->w2.path)) || gw_sv_eq(p, GW_SV("/"));
}

void cp_head_input(struct cp_w2 *c, struct gw_sv bytes)
{
	struct gw_sv all, rest;
	struct cp_http_head h;
	size_t end;
	char *g, *head;

	c->state = W2_HEAD;
	g = realloc(c->head, c->head_len + bytes.len);
	if (!g) {
		cp_w2_close(c);
		return;
	}
	c->head = g;
	memcpy(c->head + c->head_len, bytes.p, bytes.len);
	c->head_len += bytes.len;
	all = gw_sv(c->head, c->head_len);
	end = gw_sv_find(all, GW_SV("\r\n\r\n"));
	if (end > CP_HEAD_MAX_BYTES) {	/* frames behind the head do not count */
		CP_COUNT(w2_http_bad_request);
		cp_w2_http_error(c, 431, "");
		return;
	}
	if (end == all.len) {
		/* a bare LF LF never completes: refuse it now, not at the deadline */
		if (gw_sv_find(all, GW_SV("\n\n")) < all.len) {
			CP_COUNT(w2_http_bad_request);
			cp_w2_http_error(c, 400, "");
		}
		return;
	}
	end += 4;
	if (cp_http_head_parse(gw_sv_sub(all, 0, end), &h)) {
		CP_COUNT(w2_http_bad_request);
		cp_w2_http_error(c, 400, "");
		return;
	}
	rest = gw_sv_sub(all, end, all.len);
	head = c->head;		/* h and rest point into it to the end of this function */
	c->head = NULL;
	c->head_len = 0;
	if (gw_sv_ieq(h.upgrade, GW_SV("websocket")) && is_w2_path(c, h.path)) {
		upgrade(c, &h);
		if (c->state == W2_WS && rest.len)
			cp_ws_input(c, rest);
	} else if (c->is_beyond_limit || cp_httpd_adopt(c->t->httpd, c, all)) {
		cp_w2_http_error(c, 503, "Retry-After: 1\r\n");
	}
	free(head);
}
