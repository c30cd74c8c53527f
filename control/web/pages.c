/* SPDX-License-Identifier: Apache-2.0 */
/* What the web side serves by itself: the pages of the WIC, /config.json, /healthz, /metrics. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "control/app/metrics.h"
#include "control/web/httpd_int.h"

#define METRICS_BYTES 131072

static void text(struct cp_web_req *r, unsigned status, const char *type, const char *body)
{
	cp_web_answer(r, status, type, gw_sv_cstr(body));
}

static const char *type_of(const char *path)
{
	static const struct {
		const char *ext, *type;
	} types[] = { { ".html", "text/html; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" }, { ".svg", "image/svg+xml" }, { ".png", "image/png" },
		{ ".ico", "image/x-icon" }, { ".json", "application/json" }, { ".wav", "audio/wav" },
		{ ".webmanifest", "application/manifest+json" }, { ".txt", "text/plain; charset=utf-8" } };
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(dot, types[i].ext) == 0)
			return types[i].type;
	return "application/octet-stream";
}

/* Only plain names, one directory level or more, never a dot first: no traversal, no hidden files. */
static bool is_safe_path(const char *p)
{
	for (const char *s = p; *s; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
			*s == '-' || *s == '_' || *s == '.' || *s == '/';

		if (!plain || (*s == '/' && (s[1] == '.' || s[1] == '/')))
			return false;
	}
	return p[0] == '/' && strlen(p) < 200;
}

static void file(const struct cp_conf *conf, struct cp_web_req *r, const char *url)
{
	const char *dir = conf->web.wic_dir;
	char path[1024];
	struct stat st;
	int fd, n;

	if (strcmp(url, "/") == 0)
		url = "/index.html";
	n = snprintf(path, sizeof(path), "%s%s", dir, url);
	if (!dir[0] || !is_safe_path(url) || n < 0 || (size_t)n >= sizeof(path)) {
		text(r, 404, "text/plain", "not found\n");
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		text(r, 404, "text/plain", "not found\n");
		return;
	}
	r->cache = "no-cache";
	cp_web_answer_file(r, type_of(url), fd, (uint64_t)st.st_size);
}

static json_t *oauth_json(const struct cp_conf *conf)
{
	bool is_own = conf->web.waf.is_enabled && strcmp(conf->web.authorization_server, conf->web.waf.issuer) == 0;

	return json_pack("{s:s, s:s, s:s, s:b}", "issuer", conf->web.authorization_server, "clientId", conf->web.client_id,
		"scope", conf->web.scope, "guests", is_own && conf->web.waf.n_guest_impus > 0);
}

/* What the page has to know of this node (W2-ARC-09). */
static void config_json(const struct cp_conf *conf, struct cp_web_req *r)
{
	const char *carrier = conf->media.data == CP_DATA_RELAY ? "relay" : conf->media.data & CP_DATA_MSRP ? "msrp" : NULL;
	json_t *j = json_pack("{s:s, s:s, s:b, s:s?, s:b, s:[]}", "wsPath", conf->w2.path, "domain", conf->mw.home_domain,
		"video", conf->media.n_video > 0, "data", carrier, "text", conf->media.data & CP_DATA_T140, "signIn");
	json_t *ways = json_object_get(j, "signIn");
	char *s;

	if (conf->web.sign_in_oauth) {
		json_array_append_new(ways, json_string("oauth"));
		json_object_set_new(j, "oauth", oauth_json(conf));
	}
	if (conf->web.sign_in_digest)
		json_array_append_new(ways, json_string("digest"));
	s = j ? json_dumps(j, JSON_COMPACT) : NULL;
	r->cache = "no-cache";
	text(r, s ? 200 : 503, "application/json", s ? s : "{}");
	free(s);
	json_decref(j);
}

static void metrics(const struct cp_conf *conf, struct cp_web_req *r)
{
	static char body[METRICS_BYTES];
	struct gw_buf b = gw_buf(body, sizeof(body));
	struct gw_addr net;
	uint8_t prefix;

	if (gw_addr_parse_prefix(gw_sv_cstr(conf->web.metrics_allow), &net, &prefix) || !gw_addr_in(&r->peer, &net, prefix)) {
		text(r, 403, "text/plain", "not from your address (web.metrics_allow)\n");
		return;
	}
	cp_metrics_print(&b);
	cp_web_answer(r, 200, "text/plain; version=0.0.4", gw_buf_sv(&b));
}

void cp_pages_request(const struct cp_conf *conf, struct cp_web_req *r, const char *url)
{
	if (!gw_sv_eq(r->method, GW_SV("GET")) && !gw_sv_eq(r->method, GW_SV("HEAD"))) {
		cp_web_header(r, "Allow", GW_SV("GET, HEAD"));
		text(r, 405, "text/plain", "only GET and HEAD\n");
	} else if (strcmp(url, "/healthz") == 0) {
		bool is_up = cp_gauge_value[iq_gateways_up] > 0;

		text(r, is_up ? 200 : 503, "text/plain", is_up ? "ok\n" : "no media gateway in service\n");
	} else if (strcmp(url, "/metrics") == 0) {
		metrics(conf, r);
	} else if (strcmp(url, "/config.json") == 0) {
		config_json(conf, r);
	} else {
		file(conf, r, url);
	}
}
