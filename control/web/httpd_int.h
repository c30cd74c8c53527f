/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of web/ share. */
#ifndef CP_HTTPD_INT_H
#define CP_HTTPD_INT_H

#include "control/transport/conn.h"
#include "control/web/web.h"

struct cp_waf;
struct MHD_Daemon;

struct cp_httpd {
	struct cp_loop *loop;
	const struct cp_conf *conf;
	/* Gives each request its answer, at once or later; url: the path, decoded, with a NUL. */
	void (*serve)(struct cp_httpd *h, struct cp_web_req *r, const char *url);
	void *user;               /* of whoever serves */
	struct cp_waf *waf;       /* of the site; NULL: none, or not any more */
	struct MHD_Daemon *mhd;
	uv_poll_t *poll;
	struct gw_timer timer;
	char csp[1024];           /* of the answers that bring none */
};

/* httpd.c */
/** Let libmicrohttpd work. */
void cp_httpd_pump(struct cp_httpd *h);
/** h, allocated, with loop, conf, serve and csp; listen NULL: connections are handed over. @return not GW_OK: h is freed */
enum gw_err cp_httpd_start(struct cp_httpd *h, const struct gw_log *log, const struct gw_addr *listen);
/* pages.c; url: the path, decoded, with a NUL */
void cp_pages_request(const struct cp_conf *conf, struct cp_web_req *r, const char *url);

#endif
