/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/app/prom.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#define BODY_BYTES_A_WORKER (64u * 1024)
#define BUCKETS_A_STEP 4u	/* of the worker's histogram, to one of Prometheus: a power of two */
#define CONNECTIONS_MAX 8u
#define IDLE_S 10u

struct dp_prom {
	struct MHD_Daemon *mhd;
	const struct dp_fast *fast;
	uint64_t hz;
};

struct histogram {
	const char *name, *labels;
	const uint64_t *buckets;   /* [DP_LATENCY_BUCKETS] */
	uint64_t sum_tsc, hz;
};

static void put_histogram(struct gw_buf *b, const struct histogram *h)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DP_LATENCY_BUCKETS; i++) {
		sum += h->buckets[i];
		if (i % BUCKETS_A_STEP == 0 && i + 1 < DP_LATENCY_BUCKETS)
			gw_buf_printf(b, "%s_bucket{%s,le=\"%.3g\"} %lu\n", h->name, h->labels,
				(double)dp_latency_limit(i) / (double)h->hz, sum);
	}
	gw_buf_printf(b, "%s_bucket{%s,le=\"+Inf\"} %lu\n", h->name, h->labels, sum);
	gw_buf_printf(b, "%s_sum{%s} %.9f\n", h->name, h->labels, (double)h->sum_tsc / (double)h->hz);
	gw_buf_printf(b, "%s_count{%s} %lu\n", h->name, h->labels, sum);
}

static void put_latency(struct gw_buf *b, uint16_t worker, const struct dp_worker_stats *s, uint64_t hz)
{
	char labels[64];

	snprintf(labels, sizeof(labels), "worker=\"%u\"", worker);
	put_histogram(b, &(struct histogram){ "w2gw_eimsagw_packet_seconds", labels, s->latency, s->latency_tsc, hz });
}

/* With count_stages only: turns by the time each stage took in them. */
static void put_stages(struct gw_buf *b, uint16_t worker, const struct dp_worker_stats *s, uint64_t hz)
{
	char labels[64];

	for (unsigned k = 0; s->stage_packets && k < DP_STAGES; k++) {
		snprintf(labels, sizeof(labels), "worker=\"%u\",stage=\"%s\"", worker, dp_stage_name((enum dp_stage)k));
		put_histogram(b, &(struct histogram){ "w2gw_eimsagw_stage_seconds", labels, s->stage_turns[k],
			s->stage_tsc[k], hz });
	}
}

static void put_worker(struct gw_buf *b, uint16_t worker, const struct dp_worker_stats *s, uint64_t hz)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = { { "rx_packets_total", s->rx_packets }, { "rx_bytes_total", s->rx_bytes },
		{ "tx_packets_total", s->tx_packets }, { "tx_bytes_total", s->tx_bytes },
		{ "handed_over_total", s->handed_over }, { "loops_total", s->loops },
		{ "idle_sleeps_total", s->idle_sleeps }, { "flows", s->flows } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		gw_buf_printf(b, "w2gw_eimsagw_%s{worker=\"%u\"} %lu\n", rows[i].name, worker, rows[i].value);
	struct dp_longest l = dp_longest_of(s);

	gw_buf_printf(b, "w2gw_eimsagw_longest_loop_seconds{worker=\"%u\",cause=\"%s\",stage=\"%s\"} %.9f\n", worker,
		dp_loop_cause_name(l.cause), dp_stage_name(l.stage), (double)l.tsc / (double)hz);
	for (int k = 0; k < dp_drop_COUNT; k++)
		gw_buf_printf(b, "w2gw_eimsagw_drops_total{worker=\"%u\",reason=\"%s\"} %lu\n", worker,
			dp_drop_info[k].name, s->drops[k]);
}

size_t dp_prom_write(const struct dp_fast *f, uint64_t tsc_hz, char *buf, size_t size)
{
	struct gw_buf b = gw_buf(buf, size);
	struct dp_worker_stats s;

	gw_buf_printf(&b, "# HELP w2gw_eimsagw_packet_seconds Time from rx burst to tx burst\n"
			  "# TYPE w2gw_eimsagw_packet_seconds histogram\n");
	for (uint16_t i = 0; i < dp_worker_count(f); i++) {
		dp_worker_stats_read(f, i, &s);
		put_latency(&b, i, &s, tsc_hz);
	}
	gw_buf_printf(&b, "# HELP w2gw_eimsagw_stage_seconds Time a stage of the worker's loop took in a turn\n"
			  "# TYPE w2gw_eimsagw_stage_seconds histogram\n");
	for (uint16_t i = 0; i < dp_worker_count(f); i++) {
		dp_worker_stats_read(f, i, &s);
		put_stages(&b, i, &s, tsc_hz);
	}
	gw_buf_printf(&b, "# HELP w2gw_eimsagw_drops_total Packets dropped, by reason (docs/counters.md)\n"
			  "# TYPE w2gw_eimsagw_drops_total counter\n");
	for (int k = 0; k < dp_drop_COUNT; k++)
		gw_buf_printf(&b, "w2gw_eimsagw_drops_total{worker=\"service\",reason=\"%s\"} %lu\n", dp_drop_info[k].name,
			dp_svc_drops(f)[k]);
	for (uint16_t i = 0; i < dp_worker_count(f); i++) {
		dp_worker_stats_read(f, i, &s);
		put_worker(&b, i, &s, tsc_hz);
	}
	return b.len;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_size, void **state)
{
	struct dp_prom *p = user;
	bool is_it = strcmp(url, "/metrics") == 0 && strcmp(method, "GET") == 0;
	size_t size = (size_t)BODY_BYTES_A_WORKER * dp_worker_count(p->fast);
	char *body = malloc(size);
	struct MHD_Response *r;
	enum MHD_Result done;

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)state;
	if (!body)
		return MHD_NO;
	r = MHD_create_response_from_buffer(is_it ? dp_prom_write(p->fast, p->hz, body, size) : 0, body,
		MHD_RESPMEM_MUST_FREE);
	if (!r) {
		free(body);
		return MHD_NO;
	}
	MHD_add_response_header(r, "Content-Type", "text/plain; version=0.0.4");
	done = MHD_queue_response(c, is_it ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND, r);
	MHD_destroy_response(r);
	return done;
}

enum gw_err dp_prom_start(struct dp_prom **out, const struct dp_prom_conf *conf)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(conf->bind.port) };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(conf->bind.port) };
	char text[GW_ADDR_STR_BYTES];
	bool is_v6 = conf->bind.family == 6;
	struct dp_prom *p;

	*out = NULL;
	if (conf->bind.family == 0)
		return GW_OK;
	p = calloc(1, sizeof(*p));
	if (!p)
		return GW_ENOMEM;
	p->fast = conf->fast;
	p->hz = conf->tsc_hz;
	memcpy(&a4.sin_addr, conf->bind.b, 4);
	memcpy(&a6.sin6_addr, conf->bind.b, 16);
	p->mhd = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | (is_v6 ? MHD_USE_IPv6 : 0), conf->bind.port, NULL,
		NULL, on_request, p, MHD_OPTION_SOCK_ADDR, is_v6 ? (const void *)&a6 : (const void *)&a4,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_END);
	if (!p->mhd) {
		GW_LOG_ERROR(conf->log, "metrics.bind_failed", "address=%s", gw_addr_str(&conf->bind, text));
		free(p);
		return GW_EIO;
	}
	GW_LOG_INFO(conf->log, "metrics.listening", "address=%s", gw_addr_str(&conf->bind, text));
	*out = p;
	return GW_OK;
}

void dp_prom_stop(struct dp_prom *p)
{
	if (!p)
		return;
	MHD_stop_daemon(p->mhd);
	free(p);
}
