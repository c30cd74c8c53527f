/* SPDX-License-Identifier: Apache-2.0 */
/* Reads eimsagw.yaml. */
#include "dataplane/app/conf.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/conf/conf.h"
#include "proto/iq/names.h"

#define FILE_MAX_BYTES (1u << 20)
#define ERRORS_BYTES 16384
#define MSRP_PEERS_MAX 32

static void read_eal(struct conf *c, struct dp_conf *d)
{
	struct conf_node *m = conf_map(c, c->root, "eal", false);

	d->eal.lcores = conf_str(c, m, "lcores", "0,1", false);
	d->eal.hugepages = conf_bool(c, m, "hugepages", false);
	d->eal.memory_mb = conf_uint(c, m, "memory_mb", 64, 1u << 20, 256);
	d->eal.file_prefix = conf_str(c, m, "file_prefix", "w2gw", false);
	d->eal.args = conf_strs(c, m, "args", false, &d->eal.n_args);
}

static void read_ports(struct conf *c, struct dp_conf *d)
{
	static const char *const checksums[] = { "auto", "nic", "cpu", NULL };
	struct conf_node *l = conf_list(c, c->root, "ports", true);
	const char **devices = gw_arena_array(c->arena, const char *, DP_PORTS_MAX);

	d->port_names = gw_arena_array(c->arena, char *, DP_PORTS_MAX);
	for (struct conf_node *e = l ? l->child : NULL; e && devices && d->port_names; e = e->next) {
		e->is_used = true;
		if (d->n_ports == DP_PORTS_MAX) {
			conf_error(c, e, "more than %d ports", DP_PORTS_MAX);
			return;
		}
		if (e->kind != CONF_MAP) {
			conf_error(c, e, "each port has a name and a device");
			continue;
		}
		d->port_names[d->n_ports] = conf_str(c, e, "name", NULL, true);
		devices[d->n_ports] = conf_str(c, e, "device", NULL, true);
		d->eal.checksums[d->n_ports] = (enum dp_checksums)conf_enum(c, e, "checksums", checksums, DP_CHECKSUMS_AUTO);
		for (unsigned i = 0; i < d->n_ports; i++)
			if (strcmp(d->port_names[i], d->port_names[d->n_ports]) == 0)
				conf_error(c, e, "port name \"%s\" is given twice", d->port_names[i]);
		d->n_ports++;
	}
	d->eal.devices = devices;
	d->eal.n_devices = d->n_ports;
}

static void read_port_range(struct conf *c, struct conf_node *e, struct dp_conf_realm *r)
{
	struct conf_node *n = conf_scalar(c, e, "media_ports", true);
	struct gw_sv a, b;
	uint32_t first, last;

	if (!n)
		return;
	if (!gw_sv_cut(n->value, '-', &a, &b) || gw_sv_uint_max(a, 65534, &first) ||
		gw_sv_uint_max(b, 65535, &last) || first < 1024 || last <= first) {
		conf_error(c, n, "must be FIRST-LAST from 1024 to 65535, not \"%.*s\"",
			GW_SV_FMT(n->value));
		return;
	}
	r->first_port = (uint16_t)first;
	r->last_port = (uint16_t)last;
}

/* A frame is held against the addresses of its port and VLAN: with one in two realms, one would get all. */
static const struct dp_conf_realm *owner_of(const struct dp_conf *d, const struct dp_conf_realm *r,
	const struct gw_addr *a)
{
	for (unsigned i = 0; i <= d->n_realms; i++)	/* and the one being read */
		for (unsigned k = 0; k < d->realms[i].n_addrs; k++)
			if (d->realms[i].port == r->port && d->realms[i].vlan == r->vlan &&
				gw_addr_ip_eq(&d->realms[i].addrs[k], a))
				return &d->realms[i];
	return NULL;
}

static void read_realm_addrs(struct conf *c, struct conf_node *e, struct dp_conf *d, struct dp_conf_realm *r)
{
	struct conf_node *l = conf_list(c, e, "addresses", true);

	for (struct conf_node *a = l ? l->child : NULL; a; a = a->next) {
		struct gw_addr *x = &r->addrs[r->n_addrs];
		const struct dp_conf_realm *owner;

		a->is_used = true;
		if (r->n_addrs == DP_REALM_ADDRS_MAX) {
			conf_error(c, a, "more than %d addresses", DP_REALM_ADDRS_MAX);
			return;
		}
		if (d->n_addrs == DP_LADDR_MAX) {
			conf_error(c, a, "more than %d addresses in all realms", DP_LADDR_MAX);
			return;
		}
		if (gw_addr_parse_prefix(a->value, x, &r->prefixes[r->n_addrs])) {
			conf_error(c, a, "must be address/prefix, not \"%.*s\"", GW_SV_FMT(a->value));
			continue;
		}
		owner = owner_of(d, r, x);
		if (owner) {
			conf_error(c, a, "\"%.*s\" is an address of realm \"%s\" already", GW_SV_FMT(a->value),
				owner->name);
			continue;
		}
		r->n_addrs++;
		d->n_addrs++;
	}
}

/* Which address of the realm a router is asked for from: one of its family, best one of its network. */
static unsigned address_for(const struct dp_conf_realm *r, const struct gw_addr *via)
{
	unsigned found = DP_REALM_ADDRS_MAX;

	for (unsigned i = 0; i < r->n_addrs; i++) {
		if (gw_addr_in(via, &r->addrs[i], r->prefixes[i]))
			return i;
		if (r->addrs[i].family == via->family && found == DP_REALM_ADDRS_MAX)
			found = i;
	}
	return found;
}

static void add_route(struct conf *c, const struct conf_node *at, struct dp_conf *d, struct dp_conf_route route)
{
	if (d->n_routes == DP_ROUTES_MAX) {
		conf_error(c, at, "more than %d routes", DP_ROUTES_MAX);
		return;
	}
	d->routes[d->n_routes++] = route;
}

static void add_route_via(struct conf *c, const struct conf_node *at, struct dp_conf *d, struct dp_conf_route route)
{
	const struct dp_conf_realm *r = &d->realms[route.realm];

	route.addr = address_for(r, &route.via);
	if (route.addr < DP_REALM_ADDRS_MAX)
		add_route(c, at, d, route);
	else if (r->n_addrs)	/* else its addresses were wrong, and that has been said */
		conf_error(c, at, "the realm has no IPv%d address to send to \"%.*s\" from", route.via.family,
			GW_SV_FMT(at->value));
}

static void read_routes(struct conf *c, struct conf_node *e, struct dp_conf *d, unsigned realm)
{
	const struct dp_conf_realm *r = &d->realms[realm];
	struct conf_node *l = conf_list(c, e, "gateways", false);
	struct gw_addr a, net;
	struct gw_sv text, via;
	uint8_t prefix;

	for (unsigned i = 0; i < r->n_addrs; i++)
		add_route(c, e, d, (struct dp_conf_route){ .net = r->addrs[i], .prefix = r->prefixes[i], .realm = realm,
			.addr = i });
	for (struct conf_node *g = l ? l->child : NULL; g; g = g->next) {
		g->is_used = true;
		if (gw_addr_parse_ip(g->value, &a))
			conf_error(c, g, "must be an address, not \"%.*s\"", GW_SV_FMT(g->value));
		else
			add_route_via(c, g, d, (struct dp_conf_route){ .net.family = a.family, .via = a,
				.realm = realm });
	}
	l = conf_list(c, e, "routes", false);
	for (struct conf_node *g = l ? l->child : NULL; g; g = g->next) {
		g->is_used = true;
		text = g->value;
		if (!gw_sv_word(&text, &via) || gw_addr_parse_prefix(via, &net, &prefix) ||
			!gw_sv_word(&text, &via) || !gw_sv_eq(via, GW_SV("via")) ||
			!gw_sv_word(&text, &via) || gw_addr_parse_ip(via, &a) || a.family != net.family)
			conf_error(c, g, "must be \"network/prefix via address\", not \"%.*s\"",
				GW_SV_FMT(g->value));
		else
			add_route_via(c, g, d, (struct dp_conf_route){ .net = net, .prefix = prefix, .via = a,
				.realm = realm });
	}
}

static void read_realms(struct conf *c, struct dp_conf *d)
{
	struct conf_node *l = conf_list(c, c->root, "realms", true);

	for (struct conf_node *e = l ? l->child : NULL; e; e = e->next) {
		struct dp_conf_realm *r = &d->realms[d->n_realms];
		char *port;

		e->is_used = true;
		if (d->n_realms == DP_REALMS_MAX) {
			conf_error(c, e, "more than %d realms", DP_REALMS_MAX);
			return;
		}
		if (e->kind != CONF_MAP) {
			conf_error(c, e, "each realm has a name, a port and addresses");
			continue;
		}
		r->name = conf_str(c, e, "name", NULL, true);
		if (strlen(r->name) > 23)
			conf_error(c, e, "realm name is longer than 23 characters");
		for (unsigned i = 0; i < d->n_realms; i++)
			if (strcmp(d->realms[i].name, r->name) == 0)
				conf_error(c, e, "realm \"%s\" is given twice", r->name);
		port = conf_str(c, e, "port", NULL, true);
		for (r->port = 0; r->port < d->n_ports; r->port++)
			if (strcmp(d->port_names[r->port], port) == 0)
				break;
		if (r->port == d->n_ports && port[0])
			conf_error(c, conf_scalar(c, e, "port", false), "no port is named \"%s\"", port);
		r->vlan = (uint16_t)conf_uint(c, e, "vlan", 0, 4094, 0);
		read_port_range(c, e, r);
		read_realm_addrs(c, e, d, r);
		d->n_realms++;
		read_routes(c, e, d, d->n_realms - 1);
	}
}

static void read_iq(struct conf *c, struct dp_conf *d)
{
	static const char *const tokens[] = { "short", "long", NULL };
	static const char *const transports[] = { "udp", "tcp", "sctp", "unix", NULL };
	struct conf_node *m = conf_map(c, c->root, "iq", true), *l;
	char addr[GW_ADDR_STR_BYTES], mid[GW_ADDR_STR_BYTES + 4];

	d->iq.transport = (enum iq_transport)conf_enum(c, m, "transport", transports, IQ_UDP);
	d->iq.socket = conf_socket(c, m, "socket", "/run/w2gw/iq.sock");
	d->iq.bind = conf_addr(c, m, "bind", IQ_PORT, "127.0.0.1:2944");
	gw_addr_str(&d->iq.bind, addr);
	if (d->iq.bind.family == 6)
		snprintf(mid, sizeof(mid), "%s", addr);
	else
		snprintf(mid, sizeof(mid), "[%.*s]%s", (int)strcspn(addr, ":"), addr, strchr(addr, ':'));
	d->iq.mid = conf_str(c, m, "mid", mid, false);
	d->iq.profile = conf_str(c, m, "profile", "ThreeGIq/2", false);
	d->iq.long_tokens = conf_enum(c, m, "tokens", tokens, 0);
	conf_each(c, m, "names", iq_names_override);
	l = conf_list(c, m, "controllers", d->iq.transport != IQ_UNIX);
	if (!l && d->iq.transport == IQ_UNIX)
		d->iq.n_controllers = 1;	/* the one behind the socket */
	for (struct conf_node *e = l ? l->child : NULL; e; e = e->next) {
		e->is_used = true;
		if (d->iq.n_controllers == DP_CONTROLLERS_MAX)
			conf_error(c, e, "more than %d controllers", DP_CONTROLLERS_MAX);
		else if (conf_node_addr(c, e, IQ_PORT, &d->iq.controllers[d->iq.n_controllers]))
			d->iq.n_controllers++;
	}
}

static void read_dtls(struct conf *c, struct dp_conf *d)
{
	static const struct {
		const char *name;
		enum dp_srtp_profile profile;
	} known[] = { { "aead-aes-128-gcm", DP_SRTP_AEAD_AES_128_GCM },
		{ "aead-aes-256-gcm", DP_SRTP_AEAD_AES_256_GCM },
		{ "aes128-cm-hmac-sha1-80", DP_SRTP_AES128_CM_SHA1_80 },
		{ "aes128-cm-hmac-sha1-32", DP_SRTP_AES128_CM_SHA1_32 } };
	struct conf_node *m = conf_map(c, c->root, "dtls", false), *l;

	d->dtls.mtu = conf_uint(c, m, "mtu", 256, 1400, 1200);
	d->dtls_keep_s = conf_uint(c, m, "keep_s", 0, 86400, 60);
	d->dtls.certificate_days = conf_uint(c, m, "certificate_days", 1, 3650, 1);
	l = conf_list(c, m, "profiles", false);
	for (struct conf_node *e = l ? l->child : NULL; e; e = e->next) {
		size_t i;

		e->is_used = true;
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (gw_sv_eq(e->value, gw_sv_cstr(known[i].name)))
				break;
		if (i == sizeof(known) / sizeof(known[0]))
			conf_error(c, e, "unknown SRTP profile \"%.*s\"", GW_SV_FMT(e->value));
		else if (d->dtls.n_profiles < 4)
			d->dtls.profiles[d->dtls.n_profiles++] = known[i].profile;
	}
	if (!l) {
		d->dtls.profiles[0] = DP_SRTP_AEAD_AES_128_GCM;
		d->dtls.profiles[1] = DP_SRTP_AES128_CM_SHA1_80;
		d->dtls.n_profiles = 2;
	}
}

static void read_msrp_peers(struct conf *c, struct conf_node *m, struct dp_conf *d)
{
	struct conf_node *l = conf_list(c, m, "peers", false);

	if (!l)
		return;
	d->msrp_peers = gw_arena_array(c->arena, struct dp_prefix, MSRP_PEERS_MAX);
	for (struct conf_node *e = l->child; e && d->msrp_peers; e = e->next) {
		struct dp_prefix *x = &d->msrp_peers[d->n_msrp_peers];

		e->is_used = true;
		if (d->n_msrp_peers == MSRP_PEERS_MAX)
			conf_error(c, e, "more than %d networks", MSRP_PEERS_MAX);
		else if (gw_addr_parse_prefix(e->value, &x->net, &x->prefix))
			conf_error(c, e, "must be network/prefix, not \"%.*s\"", GW_SV_FMT(e->value));
		else
			d->n_msrp_peers++;
	}
}

static void read_msrp(struct conf *c, struct dp_conf *d)
{
	struct conf_node *m = conf_map(c, c->root, "msrp", false), *a = m ? conf_scalar(c, m, "address", true) : NULL;

	if (!m)
		return;
	if (a && gw_addr_parse_ip(a->value, &d->msrp_address))
		conf_error(c, a, "must be an address, not \"%.*s\"", GW_SV_FMT(a->value));
	d->msrp_sessions = conf_uint(c, m, "max_sessions", 1, 65534, 2000);
	read_msrp_peers(c, m, d);
}

static void read_rest(struct conf *c, struct dp_conf *d)
{
	static const char *const idle[] = { "poll", "adaptive", NULL };
	static const char *const engines[] = { "auto", "burst", "libsrtp2", NULL };
	static const char *const tables[] = { "large", "small", NULL };
	static const char *const ice[] = { "lite", "full", NULL };
	static const char *const levels[] = { "debug", "info", "notice", "warn", "error", NULL };
	struct conf_node *m;

	d->adaptive_idle = conf_enum(c, c->root, "idle", idle, 1);
	d->max_contexts = conf_uint(c, c->root, "max_contexts", 1, 100000, 1000);
	d->is_ice_full = conf_enum(c, c->root, "ice", ice, 0);
	d->max_data_associations = conf_uint(c, c->root, "max_data_associations", 0, 400000, 1000);
	d->max_sdes_streams = conf_uint(c, c->root, "max_sdes_streams", 0, 400000, 100);
	read_msrp(c, d);
	m = conf_map(c, c->root, "channels", false);
	d->channel_associations = conf_uint(c, m, "max_associations", 0, 65534, 1000);
	d->channels_per_context = conf_uint(c, m, "max_per_call", 1, DP_STREAMS_PER_TERM - 1, 4);
	if (d->channel_associations == 0 && d->msrp_address.family)
		conf_error(c, conf_scalar(c, m, "max_associations", false), "leaves no association for msrp.address");
	m = conf_map(c, c->root, "consent", false);
	d->consent_timeout_ms = conf_uint(c, m, "timeout_s", 5, 30, 30) * 1000;
	m = conf_map(c, c->root, "srtp", false);
	d->engine = (enum dp_engine)conf_enum(c, m, "engine", engines, DP_ENGINE_AUTO);
	d->crypto_device = conf_str(c, m, "device", "cpu", false);
	d->gcm_tables = (enum dp_gcm_tables)conf_enum(c, m, "gcm_tables", tables, DP_GCM_LARGE);
	d->replay_window = conf_uint(c, m, "replay_window", 64, 1024, 128);
	d->max_ssrc = conf_uint(c, m, "max_ssrc", 1, 32, 8);
	m = conf_map(c, c->root, "metrics", false);
	if (m)
		d->metrics = conf_addr(c, m, "bind", 9109, "127.0.0.1:9109");
	d->count_stages = conf_bool(c, m, "stages", false);
	m = conf_map(c, c->root, "log", false);
	d->log_level = (enum gw_log_level)conf_enum(c, m, "level", levels, GW_LOG_INFO);
	d->log_file = conf_str(c, m, "file", "-", false);
	/* rx rings, what workers hold, and one frame a context in flight */
	d->eal.mbufs = 8191 + d->n_ports * 1024 + d->max_contexts * 2;
}

static struct gw_sv read_file(const char *path, struct gw_arena *a, FILE *err)
{
	FILE *f = fopen(path, "r");
	char *text = f ? gw_arena_alloc(a, FILE_MAX_BYTES) : NULL;
	size_t n;

	if (!f || !text) {
		fprintf(err, "%s:0: cannot read: %s\n", path, strerror(errno));
		if (f)
			fclose(f);
		return GW_SV_NONE;
	}
	n = fread(text, 1, FILE_MAX_BYTES, f);
	fclose(f);
	return gw_sv(text, n);
}

enum gw_err dp_conf_load(const char *path, FILE *err, struct dp_conf **out)
{
	struct dp_conf *d = calloc(1, sizeof(*d));
	char errors[ERRORS_BYTES];
	struct gw_buf b = gw_buf(errors, sizeof(errors));
	struct gw_sv text;
	struct conf c;
	enum gw_err e;

	if (!d)
		return GW_ENOMEM;
	d->arena.limit = 4 * FILE_MAX_BYTES;
	text = read_file(path, &d->arena, err);
	if (!text.p) {
		dp_conf_free(d);
		return GW_EINVAL;
	}
	e = conf_parse(&c, &d->arena, path, text, &b);
	if (e == GW_OK) {
		read_eal(&c, d);
		read_ports(&c, d);
		read_realms(&c, d);
		read_iq(&c, d);
		read_dtls(&c, d);
		read_rest(&c, d);
		e = conf_finish(&c);
	}
	fwrite(b.p, 1, b.len, err);
	if (e) {
		dp_conf_free(d);
		return e == GW_ENOMEM ? e : GW_EINVAL;
	}
	*out = d;
	return GW_OK;
}

void dp_conf_free(struct dp_conf *c)
{
	if (!c)
		return;
	gw_arena_reset(&c->arena);
	free(c);
}
