/* SPDX-License-Identifier: Apache-2.0 */
/* The face of the transport: one table of connections, send by kind. */
#include "control/transport/transport.h"

#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/app/trace.h"
#include "control/transport/conn.h"

#define UDP_CONN_ID 1ull
#define NAMES_MAX 65536u	/* sources and prefixes whose rate is remembered: 6 MB at most */

cp_conn_id cp_slot_take(struct cp_transport *t, enum cp_slot_kind kind, void *conn)
{
	for (uint32_t i = 0; i < t->n_slots; i++) {
		uint32_t k = (t->slot_hint + i) % t->n_slots;
		struct cp_slot *s = &t->slots[k];

		if (s->kind != SLOT_FREE)
			continue;
		t->slot_hint = k + 1;
		s->kind = kind;
		s->conn = conn;
		s->generation++;
		return (uint64_t)s->generation << 32 | (k + 2u);
	}
	return 0;
}

void *cp_slot_get(const struct cp_transport *t, cp_conn_id id, enum cp_slot_kind kind)
{
	uint32_t k = (uint32_t)id - 2;

	if ((uint32_t)id < 2 || k >= t->n_slots || t->slots[k].kind != kind ||
		t->slots[k].generation != id >> 32)
		return NULL;
	return t->slots[k].conn;
}

void cp_slot_release(struct cp_transport *t, cp_conn_id id)
{
	uint32_t k = (uint32_t)id - 2;

	if ((uint32_t)id >= 2 && k < t->n_slots && t->slots[k].generation == id >> 32)
		t->slots[k].kind = SLOT_FREE;
}

void cp_addr_from(const struct sockaddr *sa, struct gw_addr *a)
{
	*a = (struct gw_addr){ 0 };
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

		a->family = 4;
		a->port = ntohs(in->sin_port);
		memcpy(a->b, &in->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
		static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

		a->family = 6;
		a->port = ntohs(in6->sin6_port);
		memcpy(a->b, &in6->sin6_addr, 16);
		if (memcmp(a->b, mapped, 12) == 0) {	/* IPv4 through a dual-stack socket */
			a->family = 4;
			memmove(a->b, a->b + 12, 4);
		}
	}
}

void cp_addr_to(const struct gw_addr *a, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (a->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)ss;

		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->b, 4);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		memcpy(&in6->sin6_addr, a->b, 16);
	}
}

enum gw_err cp_transport_new(struct cp_transport **out, const struct cp_conf *conf,
	struct cp_loop *loop, const struct gw_log *log, const struct cp_transport_ops *ops, void *user)
{
	struct cp_transport *t = calloc(1, sizeof(*t));
	enum gw_err err;

	if (!t)
		return GW_ENOMEM;
	t->conf = conf;
	t->loop = loop;
	t->log = log;
	t->ops = ops;
	t->user = user;
	gw_list_init(&t->w2);
	gw_list_init(&t->tcp);
	cp_rate_init(&t->rate_source, conf->w2.connections_per_s_source, NAMES_MAX);
	cp_rate_init(&t->rate_prefix, conf->w2.connections_per_s_prefix, NAMES_MAX);
	t->n_slots = conf->w2.max_connections + 1024;
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	if (!t->slots) {
		free(t);
		return GW_ENOMEM;
	}
	if ((!conf->w2.insecure_ws && (err = cp_tls_load(t, &t->ssl_ctx))) ||
		(err = cp_httpd_new(&t->httpd, t)) || (err = cp_w2_listen(t)) || (err = cp_mw_open(t))) {
		cp_transport_free(t);
		return err;
	}
	cp_tls_watch(t);
	*out = t;
	return GW_OK;
}

enum gw_err cp_transport_send(struct cp_transport *t, const struct cp_peer *to, struct gw_sv msg)
{
	struct cp_w2 *c;

	CP_TRACE_SIP(CP_TRACE_OUT, to, msg);
	switch (to->proto) {
	case CP_PROTO_WSS:
	case CP_PROTO_WS:
		c = cp_slot_get(t, to->conn, SLOT_W2);
		if (!c || c->state != W2_WS)
			return GW_ECLOSED;
		return cp_ws_send(c, msg);
	case CP_PROTO_UDP:
	case CP_PROTO_TCP:
		return cp_mw_send(t, to, msg);
	case CP_PROTO_NONE:
		break;
	}
	return GW_EINVAL;
}

bool cp_transport_alive(const struct cp_transport *t, cp_conn_id conn)
{
	const struct cp_w2 *c = cp_slot_get(t, conn, SLOT_W2);

	return c && c->state == W2_WS && !c->close_after_flush;
}

struct gw_sv cp_transport_origin(const struct cp_transport *t, cp_conn_id conn)
{
	const struct cp_w2 *c = cp_slot_get(t, conn, SLOT_W2);

	return c ? gw_sv_cstr(c->origin) : GW_SV_NONE;
}

void cp_transport_suspect(struct cp_transport *t, cp_conn_id conn)
{
	struct cp_w2 *c = cp_slot_get(t, conn, SLOT_W2);

	if (!c || c->state != W2_WS)
		return;
	c->pings_missed = 1;
	(void)gw_timer_arm(&t->loop->timers, &c->ping, cp_loop_now(t->loop));
}

void cp_transport_set_registered(struct cp_transport *t, cp_conn_id conn, bool is_registered)
{
	struct cp_w2 *c = cp_slot_get(t, conn, SLOT_W2);

	if (!c)
		return;
	c->is_registered = is_registered;
	if (is_registered && !c->close_after_flush)
		gw_timer_stop(&t->loop->timers, &c->deadline);
}

void cp_transport_close(struct cp_transport *t, cp_conn_id conn, unsigned ws_code, const char *reason)
{
	struct cp_w2 *c = cp_slot_get(t, conn, SLOT_W2);

	if (c && c->state == W2_WS)
		cp_ws_close(c, ws_code, reason);
}

enum gw_err cp_transport_reload_tls(struct cp_transport *t)
{
	SSL_CTX *fresh;
	enum gw_err err = cp_tls_load(t, &fresh);

	if (err)
		return err;
	SSL_CTX_free(t->ssl_ctx);	/* running connections hold their own reference */
	t->ssl_ctx = fresh;
	cp_tls_watch(t);
	return GW_OK;
}

static void on_listener_closed(uv_handle_t *h)
{
	(void)h;
}

void cp_transport_set_waf(struct cp_transport *t, struct cp_waf *waf)
{
	cp_httpd_set_waf(t->httpd, waf);
}

void cp_transport_free(struct cp_transport *t)
{
	if (!t)
		return;
	t->is_stopping = true;
	for (unsigned i = 0; i < t->n_listeners; i++)
		uv_close((uv_handle_t *)&t->listeners[i], on_listener_closed);
	GW_LIST_FOREACH_SAFE(it, next, &t->w2) {
		struct cp_w2 *c = GW_CONTAINER(it, struct cp_w2, node);

		if (c->state == W2_WS)
			cp_ws_close(c, 1001, "shutting down");
		cp_w2_close(c);
	}
	cp_mw_close(t);
	uv_run(&t->loop->uv, UV_RUN_NOWAIT);
	uv_run(&t->loop->uv, UV_RUN_NOWAIT);
	cp_httpd_free(t->httpd);
	SSL_CTX_free(t->ssl_ctx);
	gw_timer_stop(&t->loop->timers, &t->certificate);
	cp_rate_free(&t->rate_source);
	cp_rate_free(&t->rate_prefix);
	gw_map_free(&t->per_source);
	free(t->listeners);
	free(t->slots);
	free(t);
}
