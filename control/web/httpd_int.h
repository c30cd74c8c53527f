/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of web/ share. */
#ifndef CP_HTTPD_INT_H
#define CP_HTTPD_INT_H

#include "control/transport/conn.h"
#include "control/web/web.h"

struct cp_waf;
struct MHD_Daemon;

struct cp_httpd {
	struct cp_transport *t;
	struct MHD_Daemon *mhd;
	struct cp_waf *waf;       /* NULL: none, or not any more */
	uv_poll_t *poll;
	struct gw_timer timer;
	char csp[1024];           /* of the WIC's page */
};

/* httpd.c: let libmicrohttpd work */
void cp_httpd_pump(struct cp_httpd *h);
/* pages.c; url: the path, decoded, with a NUL */
void cp_pages_request(const struct cp_conf *conf, struct cp_web_req *r, const char *url);

#endif
