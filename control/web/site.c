/* SPDX-License-Identifier: Apache-2.0 */
/* The site of the WICs: sign-in and tokens are the WAF's, the rest are pages. */
#include <stdlib.h>

#include "control/waf/waf.h"
#include "control/web/httpd_int.h"

static void serve(struct cp_httpd *h, struct cp_web_req *r, const char *url)
{
	if (h->waf && cp_waf_serves(r->path))
		cp_waf_request(h->waf, r);
	else
		cp_pages_request(h->conf, r, url);
}

void cp_httpd_set_waf(struct cp_httpd *h, struct cp_waf *waf)
{
	h->waf = waf;
}

/* The page talks to this node and to the server it signs in at. */
static void make_csp(struct cp_httpd *h)
{
	struct gw_buf b = gw_buf(h->csp, sizeof(h->csp) - 1);
	struct gw_sv as = gw_sv_cstr(h->conf->web.authorization_server);

	gw_buf_printf(&b, "default-src 'self'; connect-src 'self' wss: ws: %.*s; media-src 'self' blob: mediastream:; "
		"img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
		GW_SV_FMT(gw_sv_sub(as, 0, gw_sv_chr(as, '/', 8))));	/* 8: behind https:// */
	h->csp[b.len] = '\0';
}

enum gw_err cp_httpd_new(struct cp_httpd **out, struct cp_transport *t)
{
	struct cp_httpd *h = calloc(1, sizeof(*h));
	enum gw_err err;

	if (!h)
		return GW_ENOMEM;
	h->loop = t->loop;
	h->conf = t->conf;
	h->serve = serve;
	make_csp(h);
	if ((err = cp_httpd_start(h, t->log, NULL)))
		return err;
	*out = h;
	return GW_OK;
}
