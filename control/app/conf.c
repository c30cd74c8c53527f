/* SPDX-License-Identifier: Apache-2.0 */
/* Reads epcscf.yaml. */
#include "control/app/conf.h"

#include <errno.h>
#include <stdlib.h>

#include "control/app/conf_check.h"
#include "control/app/conf_tokens.h"
#include "control/app/conf_web.h"
#include "proto/conf/conf.h"
#include "proto/iq/names.h"
#include "proto/sip/uri.h"

#define FILE_MAX_BYTES (1u << 20)
#define ERRORS_BYTES 16384

/* The public struct first: the arena that owns its strings hides behind it. */
struct owner {
	struct cp_conf conf;
	struct gw_arena arena;
};

static struct gw_addr *addrs(struct conf *c, struct conf_node *m, const char *key, uint16_t port,
	bool is_required, unsigned *n)
{
	struct conf_node *l = conf_list(c, m, key, is_required);
	struct gw_addr *a;

	*n = 0;
	if (!l)
		return NULL;
	a = gw_arena_array(c->arena, struct gw_addr, l->n_children ? l->n_children : 1);
	for (struct conf_node *e = l->child; a && e; e = e->next) {
		e->is_used = true;
		if (conf_node_addr(c, e, port, &a[*n]))
			(*n)++;
	}
	if (is_required && *n == 0)
		conf_error(c, l, "needs at least one address");
	return a;
}

/* A form of values, and how it is said to the operator. */
static const struct conf_form host_form = { cp_conf_is_host, "a host name or an address" },
	domain_form = { cp_conf_is_domain, "a domain name" },
	token_form = { cp_conf_is_token, "a word of letters, digits and -.!%*_+`'~" },
	quotable_form = { cp_conf_is_quotable, "printable ASCII without quotes and backslashes" },
	path_form = { cp_conf_is_path, "a path that begins with /, without blanks, ? and #" },
	mid_form = { cp_conf_is_mid, "[address]:port, <domain>:port or a device name" },
	origin_form = { cp_conf_is_origin, "scheme://host[:port] as browsers send it: lower case, no path, no slash at "
		"the end, no default port" },
	prefix_form = { cp_conf_is_prefix, "address/prefix" },
	route_form = { cp_conf_is_route, "a SIP URI in <> with ;lr, e.g. <sip:orig@scscf.home1.example;lr>" },
	access_form = { cp_conf_is_access, "an access-type of letters, digits and -, with ;parameters" },
	number_form = { cp_conf_is_number, "digits, * and #" },
	xml_form = { cp_conf_is_plain, "printable ASCII without < > & and quotes" },
	servers_form = { cp_conf_is_servers, "addresses with or without ports, separated by commas" },
	codec_form = { cp_conf_is_codec, "of PCMU, PCMA, G722, opus" },
	suite_form = { cp_conf_is_suite, "of AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, AEAD_AES_128_GCM, AEAD_AES_256_GCM" },
	video_form = { cp_conf_is_video, "of H264, VP8, VP9, AV1" };

static bool read_node(struct conf *c, struct conf_node *n, struct gw_sv text, struct cp_conf_node *out)
{
	char uri[512];
	struct gw_buf b = gw_buf(uri, sizeof(uri));
	struct sip_param transport = { 0 };
	struct sip_uri u;

	if (!gw_sv_istarts(text, GW_SV("sip:")))
		gw_buf_puts(&b, "sip:");
	gw_buf_put(&b, text);
	if (b.overflow || sip_uri_parse(gw_buf_sv(&b), &u) || u.user.len || !cp_conf_is_host(u.host) ||
		(sip_param_get(u.params, GW_SV("transport"), &transport) &&
			!gw_sv_ieq(transport.value, GW_SV("udp")) && !gw_sv_ieq(transport.value, GW_SV("tcp")))) {
		conf_error(c, n, "must be ip[:port], a name or sip:NAME[:port][;transport=udp|tcp]");
		return false;
	}
	*out = (struct cp_conf_node){ .text = gw_arena_cstr(c->arena, text),
		.uri = gw_arena_cstr(c->arena, gw_buf_sv(&b)), .host = gw_arena_cstr(c->arena, u.host), .port = u.port,
		.transport = transport.value.len == 0 ? "" : gw_sv_ieq(transport.value, GW_SV("tcp")) ? "tcp" : "udp" };
	if (gw_addr_parse_ip(u.host, &out->addr) == GW_OK)
		out->addr.port = u.port ? u.port : 5060;
	return true;
}

/* Nodes of the core; none given: the one name. */
static struct cp_conf_node *nodes(struct conf *c, struct conf_node *m, const char *key, const char *dflt, unsigned *n)
{
	struct conf_node *l = conf_list(c, m, key, false);
	struct cp_conf_node *list = gw_arena_array(c->arena, struct cp_conf_node, l && l->n_children ? l->n_children : 1);

	*n = 0;
	for (struct conf_node *e = l ? l->child : NULL; list && e; e = e->next) {
		e->is_used = true;
		if (read_node(c, e, e->kind == CONF_SCALAR ? e->value : GW_SV_NONE, &list[*n]))
			(*n)++;
	}
	if (list && *n == 0 && dflt[0] && read_node(c, l ? l : m, gw_sv_cstr(dflt), &list[0]))
		*n = 1;
	return list;
}

/* Both forms of a host: with the brackets of an IPv6 address for writing, without for comparing. */
static void host(struct conf *c, struct conf_node *m, const char *dflt, char **written, char **name)
{
	struct gw_sv v = gw_sv_cstr(conf_text(c, m, "host", dflt, &host_form));
	char bracketed[GW_ADDR_STR_BYTES + 2];
	struct gw_buf b = gw_buf(bracketed, sizeof(bracketed));
	struct gw_addr a;

	if (v.len > 1 && v.p[0] == '[')
		v = gw_sv_sub(v, 1, v.len - 1);
	*name = *written = gw_arena_cstr(c->arena, v);
	if (gw_addr_parse_ip(v, &a) == GW_OK && a.family == 6) {
		gw_buf_putc(&b, '[');
		gw_buf_put(&b, v);
		gw_buf_putc(&b, ']');
		*written = gw_arena_cstr(c->arena, gw_buf_sv(&b));
	}
}

static void check_pair(struct conf *c, struct conf_node *m, const struct cp_conf *d)
{
	struct conf_node *n;
	const char *wrong;
	bool is_key;

	if (!m || d->w2.insecure_ws || !d->w2.certificate || !d->w2.key)
		return;
	wrong = cp_conf_check_pair(d->w2.certificate, d->w2.key, &is_key);
	if (!wrong)
		return;
	n = conf_scalar(c, m, is_key ? "key" : "certificate", false);
	conf_error(c, n ? n : m, "%s: %s", is_key ? d->w2.key : d->w2.certificate, wrong);
}

static void read_w2(struct conf *c, struct cp_conf *d)
{
	struct conf_node *m = conf_map(c, c->root, "w2", true);

	d->w2.listen = addrs(c, m, "listen", 443, true, &d->w2.n_listen);
	d->w2.certificate = conf_str(c, m, "certificate", "/var/lib/w2gw/epcscf.crt", false);
	d->w2.key = conf_str(c, m, "key", "/var/lib/w2gw/epcscf.key", false);
	host(c, m, "localhost", &d->w2.host, &d->w2.host_name);
	d->w2.path = conf_text(c, m, "path", "/w2", &path_form);
	d->w2.origins = conf_texts(c, m, "origins", &d->w2.n_origins, &origin_form);
	d->w2.allow_no_origin = conf_bool(c, m, "allow_no_origin", false);
	d->w2.insecure_ws = conf_bool(c, m, "insecure_ws", false);
	d->w2.ping_interval_s = conf_uint(c, m, "ping_interval_s", 1, 3600, 30);
	d->w2.first_register_s = conf_uint(c, m, "first_register_s", 1, 3600, 30);
	d->w2.handshake_s = conf_uint(c, m, "handshake_s", 1, 120, 10);
	d->w2.max_message_bytes = conf_uint(c, m, "max_message_bytes", 1024, 65536, 65536);
	d->w2.max_connections = conf_uint(c, m, "max_connections", 1, 1000000, 10000);
	d->w2.max_connections_per_source = conf_uint(c, m, "max_connections_per_source", 1, 1000000, 200);
	d->w2.max_messages_per_s = conf_uint(c, m, "max_messages_per_s", 1, 100000, 50);
	d->w2.connections_per_s_source = conf_uint(c, m, "connections_per_s_source", 0, 100000, 50);
	d->w2.connections_per_s_prefix = conf_uint(c, m, "connections_per_s_prefix", 0, 100000, 500);
	d->w2.requests_per_s_source = conf_uint(c, m, "requests_per_s_source", 0, 100000, 500);
	d->w2.requests_per_s_user = conf_uint(c, m, "requests_per_s_user", 0, 100000, 20);
	d->w2.message_s = conf_uint(c, m, "message_s", 1, 3600, 30);
	d->w2.send_queue_bytes = conf_uint(c, m, "send_queue_bytes", 65536, 1u << 24, 262144);
	d->w2.t1_ms = conf_uint(c, m, "t1_ms", 100, 10000, 2000);
	check_pair(c, m, d);
}

static void read_mw(struct conf *c, struct cp_conf *d)
{
	struct conf_node *m = conf_map(c, c->root, "mw", true);
	char ip[GW_ADDR_STR_BYTES];
	struct gw_buf b = gw_buf(ip, sizeof(ip) - 1);

	d->mw.bind = conf_addr(c, m, "bind", 5060, NULL);
	gw_addr_put_ip(&b, &d->mw.bind);
	ip[b.len] = '\0';
	host(c, m, ip, &d->mw.host, &d->mw.host_name);
	static const char *const transports[] = { "udp", "tcp", NULL };

	d->mw.transport = (char *)(uintptr_t)transports[conf_enum(c, m, "transport", transports, 0)];
	d->mw.home_domain = conf_text(c, m, "home_domain", NULL, &domain_form);
	d->mw.entry = nodes(c, m, "entry", d->mw.home_domain ? d->mw.home_domain : "", &d->mw.n_entry);
	static const char *const foreign[] = { "overwrite", "refuse", NULL };

	d->mw.foreign_route = (enum cp_foreign)conf_enum(c, m, "foreign_route", foreign, CP_FOREIGN_OVERWRITE);
	d->mw.foreign_identity = (enum cp_foreign)conf_enum(c, m, "foreign_identity", foreign, CP_FOREIGN_OVERWRITE);
	d->mw.hide_topology = conf_bool(c, m, "hide_topology", false);
	d->mw.prack = conf_bool(c, m, "prack", true);
	d->mw.mmtel = conf_bool(c, m, "mmtel", false);
	d->mw.response_source = conf_bool(c, m, "response_source", false);
	d->mw.access_network_info = conf_text(c, m, "access_network_info", "", &access_form);
	d->mw.dns = conf_text(c, m, "dns", "", &servers_form);
	d->mw.probe_s = conf_uint(c, m, "probe_s", 0, 3600, 10);
	d->mw.probe_timeout_ms = conf_uint(c, m, "probe_timeout_ms", 100, 32000, 4000);
	d->mw.visited_network_id = conf_text(c, m, "visited_network_id", d->mw.home_domain, &quotable_form);
	d->mw.orig_ioi = conf_text(c, m, "orig_ioi", d->mw.home_domain, &token_form);
	d->mw.udp_max_bytes = conf_uint(c, m, "udp_max_bytes", 1, 65535, 1300);
	d->mw.t1_ms = conf_uint(c, m, "t1_ms", 20, 10000, 500);
	d->mw.min_se_s = conf_uint(c, m, "min_se_s", 1, 86400, 90);
	d->mw.timer_c_s = conf_uint(c, m, "timer_c_s", 10, 3600, 180);
	d->mw.pass_headers = conf_texts(c, m, "pass_headers", &d->mw.n_pass_headers, &token_form);
	d->mw.trusted = conf_texts(c, m, "trusted", &d->mw.n_trusted, &prefix_form);
}

static void read_gateways(struct conf *c, struct conf_node *m, struct cp_conf *d)
{
	struct conf_node *l = conf_list(c, m, "gateways", true);

	if (!l)
		return;
	d->iq.gateways = gw_arena_array(c->arena, struct cp_conf_gateway, l->n_children ? l->n_children : 1);
	for (struct conf_node *e = l->child; d->iq.gateways && e; e = e->next) {
		struct cp_conf_gateway *g = &d->iq.gateways[d->iq.n_gateways];

		e->is_used = true;
		if (e->kind != CONF_MAP) {
			conf_error(c, e, "each gateway has a name and an address");
			continue;
		}
		if (d->iq.n_gateways == CP_GATEWAYS_MAX) {
			conf_error(c, e, "more than %u gateways", CP_GATEWAYS_MAX);
			return;
		}
		g->name = conf_text(c, e, "name", NULL, &token_form);
		if (d->iq.transport != IQ_UNIX || conf_scalar(c, e, "address", false))
			g->address = conf_addr(c, e, "address", IQ_PORT, NULL);
		g->mid = conf_text(c, e, "mid", "", &mid_form);
		g->weight = conf_uint(c, e, "weight", 1, 1000, 100);
		g->access_realm = conf_text(c, e, "access_realm", d->media.access_realm, &quotable_form);
		g->core_realm = conf_text(c, e, "core_realm", d->media.core_realm, &quotable_form);
		g->telemetry = conf_socket(c, e, "telemetry", "");
		for (unsigned i = 0; i < d->iq.n_gateways; i++)
			if (strcmp(d->iq.gateways[i].name, g->name) == 0)
				conf_error(c, e, "gateway \"%s\" is given twice", g->name);
		d->iq.n_gateways++;
	}
	if (d->iq.n_gateways == 0)
		conf_error(c, l, "needs at least one gateway");
}

static void read_iq(struct conf *c, struct cp_conf *d)
{
	static const char *const tokens[] = { "short", "long", NULL };
	static const char *const transports[] = { "udp", "tcp", "sctp", "unix", NULL };
	struct conf_node *m = conf_map(c, c->root, "iq", true);
	char addr[GW_ADDR_STR_BYTES], mid[GW_ADDR_STR_BYTES + 4];

	d->iq.transport = (enum iq_transport)conf_enum(c, m, "transport", transports, IQ_UDP);
	d->iq.socket = conf_socket(c, m, "socket", "/run/w2gw/iq.sock");
	d->iq.bind = conf_addr(c, m, "bind", IQ_PORT, "127.0.0.1:2944");
	gw_addr_str(&d->iq.bind, addr);
	if (d->iq.bind.family == 6)
		snprintf(mid, sizeof(mid), "%s", addr);
	else
		snprintf(mid, sizeof(mid), "[%.*s]%s", (int)strcspn(addr, ":"), addr, strchr(addr, ':'));
	d->iq.mid = conf_text(c, m, "mid", mid, &mid_form);
	d->iq.profiles = conf_texts(c, m, "profiles", &d->iq.n_profiles, &quotable_form);
	d->iq.long_tokens = conf_enum(c, m, "tokens", tokens, 0);
	d->iq.heartbeat_s = conf_uint(c, m, "heartbeat_s", 5, 86400, 600);
	d->iq.audit_s = conf_uint(c, m, "audit_s", 1, 3600, 10);
	conf_each(c, m, "names", iq_names_override);
	read_gateways(c, m, d);
}

static void read_emergency(struct conf *c, struct cp_conf *d)
{
	static const char *const anonymous[] = { "refuse", "allow", NULL };
	struct conf_node *m = conf_map(c, c->root, "emergency", false), *n = conf_scalar(c, m, "ecscf", false);

	d->emergency.numbers = conf_texts(c, m, "numbers", &d->emergency.n_numbers, &number_form);
	d->emergency.ecscf = gw_arena_array(c->arena, struct cp_conf_node, 1);
	if (n && n->value.len && d->emergency.ecscf && read_node(c, n, n->value, d->emergency.ecscf))
		d->emergency.n_ecscf = 1;
	d->emergency.anonymous = conf_enum(c, m, "anonymous", anonymous, CP_ANONYMOUS_REFUSE);
	if (d->emergency.anonymous == CP_ANONYMOUS_ALLOW && d->emergency.n_ecscf == 0)
		conf_error(c, conf_scalar(c, m, "anonymous", false), "allow needs an ecscf");
	d->emergency.anonymous_calls = conf_uint(c, m, "anonymous_calls", 1, 100000, 50);
	d->emergency.reason = conf_text(c, m, "reason", "Emergency calls are not served here", &xml_form);
}

/* none, or relay; or the subprotocols whose channels end at the gateway, one or a list of them. */
static unsigned read_data(struct conf *c, struct conf_node *m)
{
	static const char *const words[] = { "none", "relay", "msrp", "t140", NULL };
	static const unsigned bits[] = { CP_DATA_NONE, CP_DATA_RELAY, CP_DATA_MSRP, CP_DATA_T140 };
	struct conf_node *n = m ? m->child : NULL;
	unsigned all = CP_DATA_NONE;

	while (n && !gw_sv_eq(n->key, GW_SV("data")))
		n = n->next;
	if (!n || n->kind != CONF_LIST)
		return bits[conf_enum(c, m, "data", words, 0)];
	n->is_used = true;
	for (struct conf_node *e = n->child; e; e = e->next) {
		e->is_used = true;
		if (gw_sv_eq(e->value, GW_SV("msrp")))
			all |= CP_DATA_MSRP;
		else if (gw_sv_eq(e->value, GW_SV("t140")))
			all |= CP_DATA_T140;
		else
			conf_error(c, e, "must be msrp or t140");
	}
	return all;
}

static void read_rest(struct conf *c, struct cp_conf *d)
{
	static const char *const bundle[] = { "strict", "share", NULL };
	static const char *const role[] = { "active", "passive", NULL };
	static const char *const early[] = { "open", "closed", NULL };
	static const char *const ice[] = { "lite", "full", NULL };
	static const char *const levels[] = { "debug", "info", "notice", "warn", "error", NULL };
	static const char *const srtp[] = { "off", "optional", "required", NULL };
	static const char *const suites[] = { "AES_CM_128_HMAC_SHA1_80" };
	static const char *const codecs[] = { "PCMU", "PCMA", "G722", "opus" };
	struct conf_node *m = conf_map(c, c->root, "media", false);

	d->media.access_realm = conf_text(c, m, "access_realm", "access", &quotable_form);
	d->media.core_realm = conf_text(c, m, "core_realm", "core", &quotable_form);
	d->media.bundle = (enum cp_bundle)conf_enum(c, m, "bundle", bundle, CP_BUNDLE_SHARE);
	d->media.dtls_role = (enum cp_dtls_role)conf_enum(c, m, "dtls_role", role, CP_DTLS_ACTIVE);
	d->media.codecs = conf_texts(c, m, "codecs", &d->media.n_codecs, &codec_form);
	if (d->media.n_codecs == 0) {
		d->media.codecs = (char **)(uintptr_t)codecs;
		d->media.n_codecs = 4;
	}
	d->media.video = conf_texts(c, m, "video", &d->media.n_video, &video_form);
	d->media.data = read_data(c, m);
	d->media.core_srtp = (enum cp_core_srtp)conf_enum(c, m, "core_srtp", srtp, CP_SRTP_OFF);
	d->media.core_suites = conf_texts(c, m, "core_suites", &d->media.n_core_suites, &suite_form);
	if (d->media.n_core_suites == 0) {
		d->media.core_suites = (char **)(uintptr_t)suites;
		d->media.n_core_suites = 1;
	}
	d->media.opus_to_core = conf_bool(c, m, "opus_to_core", false);
	d->media.dscp = conf_uint(c, m, "dscp", 0, 63, 46);
	d->media.early_media = (enum cp_early_media)conf_enum(c, m, "early_media", early, CP_EARLY_OPEN);
	d->media.is_ice_full = conf_enum(c, m, "ice", ice, 0);
	d->media.ice_timeout_s = conf_uint(c, m, "ice_timeout_s", 1, 300, 20);
	d->media.consent_grace_s = conf_uint(c, m, "consent_grace_s", 0, 300, 5);
	m = conf_map(c, c->root, "reg", false);
	d->reg.guard_s = conf_uint(c, m, "guard_s", 1, 3600, 60);
	d->reg.max_bindings = conf_uint(c, m, "max_bindings", 1, 10000000, 100000);
	d->reg.max_calls = conf_uint(c, m, "max_calls", 1, 1000000, 10000);
	d->reg.flows_per_instance = conf_uint(c, m, "flows_per_instance", 1, 8, 2);
	d->reg.users_per_connection = conf_uint(c, m, "users_per_connection", 1, 64, 1);
	d->reg.max_per_s = conf_uint(c, m, "max_per_s", 0, 1000000, 2000);
	d->reg.guard_deregister = conf_bool(c, m, "guard_deregister", true);
	d->reg.token_key_h = conf_uint(c, m, "token_key_h", 24, 720, 24);
	d->reg.service_route = conf_text(c, m, "service_route", "", &route_form);
	d->reg.subscribe = conf_bool(c, m, "subscribe", true);
	d->reg.subscribe_expires_s = conf_uint(c, m, "subscribe_expires_s", 60, 4000000, 600000);
	d->reg.close_when_ended = conf_bool(c, m, "close_when_ended", false);
	m = conf_map(c, c->root, "overload", false);
	d->overload.lag_ms = conf_uint(c, m, "lag_ms", 10, 10000, 200);
	d->overload.transactions = conf_uint(c, m, "transactions", 1, 1000000, 10000);
	d->overload.iq_requests = conf_uint(c, m, "iq_requests", 1, 1000000, 500);
	d->overload.retry_after_s = conf_uint(c, m, "retry_after_s", 1, 3600, 5);
	d->overload.hold_ms = conf_uint(c, m, "hold_ms", 0, 10000, 4000);
	m = conf_map(c, c->root, "log", false);
	d->log.level = (enum gw_log_level)conf_enum(c, m, "level", levels, GW_LOG_INFO);
	d->log.file = conf_str(c, m, "file", "-", false);
	m = conf_map(c, c->root, "records", false);
	d->records.file = conf_str(c, m, "file", "", false);
	d->records.recent_calls = conf_uint(c, m, "recent_calls", 0, 1000000, 4096);
	d->control_socket = conf_socket(c, c->root, "control_socket", "/run/w2gw/epcscf.sock");
}

static void read_state(struct conf *c, struct cp_conf *d)
{
	static const char *const backends[] = { "sqlite", "redis", "none", NULL };
	struct conf_node *m = conf_map(c, c->root, "state", false), *n;

	d->state.backend = (enum cp_state_backend)conf_enum(c, m, "backend", backends, CP_STATE_SQLITE);
	d->state.file = conf_str(c, m, "file", "/var/lib/w2gw/epcscf.db", false);
	d->state.node = conf_text(c, m, "node", "epcscf", &token_form);
	n = conf_scalar(c, m, "node_address", false);
	if (n && n->value.len && conf_node_addr(c, n, 5060, &d->state.node_address) && d->state.backend != CP_STATE_REDIS)
		conf_error(c, n, "needs backend: redis");
	d->state.lease_s = conf_uint(c, m, "lease_s", 2, 600, 6);
	d->state.redis_address = conf_addr(c, m, "redis_address", 6379, "127.0.0.1:6379");
	d->state.redis_password_file = conf_str(c, m, "redis_password_file", "", false);
}

enum gw_err cp_conf_load(const char *path, FILE *err, struct cp_conf **out)
{
	struct owner *o = calloc(1, sizeof(*o));
	FILE *f = fopen(path, "r");
	char errors[ERRORS_BYTES], *text;
	struct gw_buf b = gw_buf(errors, sizeof(errors));
	enum gw_err e = GW_EINVAL;
	struct conf c;
	size_t n;

	if (!o || !f) {
		fprintf(err, "%s:0: cannot read: %s\n", path, strerror(errno));
		if (f)
			fclose(f);
		free(o);
		return GW_EINVAL;
	}
	o->arena.limit = 4 * FILE_MAX_BYTES;
	text = gw_arena_alloc(&o->arena, FILE_MAX_BYTES);
	n = text ? fread(text, 1, FILE_MAX_BYTES, f) : 0;
	fclose(f);
	if (text && (e = conf_parse(&c, &o->arena, path, gw_sv(text, n), &b)) == GW_OK) {
		read_w2(&c, &o->conf);
		read_mw(&c, &o->conf);
		read_emergency(&c, &o->conf);
		read_rest(&c, &o->conf);
		read_iq(&c, &o->conf);	/* after media, whose realms are its defaults */
		cp_conf_read_tokens(&c, &o->conf);
		cp_conf_read_web(&c, &o->conf);
		read_state(&c, &o->conf);
		e = conf_finish(&c);
	}
	fwrite(b.p, 1, b.len, err);
	if (e) {
		cp_conf_free(&o->conf);
		return e == GW_ENOMEM ? e : GW_EINVAL;
	}
	*out = &o->conf;
	return GW_OK;
}

void cp_conf_free(struct cp_conf *conf)
{
	struct owner *o = (struct owner *)conf;

	if (!o)
		return;
	gw_arena_reset(&o->arena);
	free(o);
}
