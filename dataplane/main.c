/* SPDX-License-Identifier: Apache-2.0 */
/* eimsagw: options, configuration, start, signals, stop. */
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <rte_cycles.h>

#include "dataplane/app/conf.h"
#include "dataplane/app/links.h"
#include "dataplane/app/log_sink.h"
#include "dataplane/app/prom.h"
#include "dataplane/app/telemetry.h"
#include "dataplane/slow/svc.h"

static volatile sig_atomic_t stop, hup;

struct gateway {
	struct dp_conf *conf;
	struct gw_log log;
	struct dp_eal eal;
	const struct dp_srtp_ops *srtp;
	const struct dp_record_ops *records;
	struct gw_timers timers;
	struct dp_laddr laddrs[DP_LADDR_MAX];
	uint16_t laddr_realms[DP_LADDR_MAX];
	uint16_t n_laddrs;
	struct dp_realm realms[DP_REALMS_MAX];
	struct dp_route routes[DP_ROUTES_MAX];
	struct dp_prefix nets[DP_ROUTES_MAX];  /* of the realms, one after the other */
	struct dp_fast *fast;
	struct dp_neigh *neigh;
	struct dp_dtls_ctx *dtls;
	struct dp_ice_msg *ice;
	struct dp_msrp_set *msrp;
	struct dp_ctx *ctx;
	struct dp_iq *iq;
	struct dp_prom *prom;
	struct dp_svc svc;
	struct dp_links links;
	uint64_t rotate_at_ms;        /* the certificate's next (W2-SEC-07) */
};

#define DTLS_BYTES 48u	/* a record of DTLS 1.2 is so much longer at most, and SCTP's packets are counted without */
#define OTHER_FILES 256u	/* of EAL, its devices, Iq, metrics */
#define DAY_MS UINT64_C(86400000)

static void on_signal(int sig)
{
	if (sig == SIGHUP)
		hup = 1;
	else
		stop = 1;
}

static uint32_t random_u32(void)
{
	return (uint32_t)rte_rdtsc() * 2654435761u;	/* order of ports only: no secret */
}

/* Where the peers of MSRP are: what the configuration says, or the realm's own networks and those it has a route to. */
static void name_peers(struct gateway *g)
{
	unsigned n = 0;

	for (unsigned r = 0; r < g->conf->n_realms; r++) {
		struct dp_realm *x = &g->realms[r];

		x->msrp_peers = g->conf->msrp_peers ? g->conf->msrp_peers : &g->nets[n];
		x->n_msrp_peers = g->conf->n_msrp_peers;
		for (unsigned i = 0; !g->conf->msrp_peers && i < g->conf->n_routes; i++)
			if (g->conf->routes[i].realm == r && g->conf->routes[i].prefix) {	/* not the way to everywhere */
				g->nets[n++] = (struct dp_prefix){ g->conf->routes[i].net, g->conf->routes[i].prefix };
				x->n_msrp_peers++;
			}
	}
}

static enum gw_err make_realms(struct gateway *g)
{
	for (unsigned r = 0; r < g->conf->n_realms; r++) {
		const struct dp_conf_realm *c = &g->conf->realms[r];
		struct dp_realm *x = &g->realms[r];

		snprintf(x->name, sizeof(x->name), "%s", c->name);
		snprintf(x->interface, sizeof(x->interface), "%s0", c->name);
		for (unsigned a = 0; a < c->n_addrs; a++) {	/* DP_LADDR_MAX in all: conf.c has counted them */
			enum gw_err err = dp_port_pool_new(&x->pools[a], c->first_port, c->last_port,
				random_u32);

			if (err)
				return err;
			x->laddrs[a] = g->n_laddrs;
			g->laddr_realms[g->n_laddrs] = (uint16_t)r;
			x->n_addrs++;
			g->laddrs[g->n_laddrs++] = (struct dp_laddr){ c->addrs[a],
				g->eal.ethdevs[c->port], c->vlan };
		}
	}
	for (unsigned i = 0; i < g->conf->n_routes; i++) {
		const struct dp_conf_route *c = &g->conf->routes[i];

		g->routes[i] = (struct dp_route){ c->net, c->prefix, c->via, g->realms[c->realm].laddrs[c->addr] };
	}
	name_peers(g);
	return GW_OK;
}

/* Each MSRP session takes a listener and a connection, and while somebody connects some more. */
static void raise_files(struct gateway *g)
{
	rlim_t want = OTHER_FILES + (rlim_t)g->conf->msrp_sessions * (DP_MSRP_LEG_FILES + DP_MSRP_GUESTS);
	struct rlimit l;

	if (!g->conf->msrp_sessions || getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur >= want)
		return;
	l.rlim_cur = want;
	if (l.rlim_max < want)
		l.rlim_max = want;	/* root may */
	if (setrlimit(RLIMIT_NOFILE, &l) == 0)
		return;
	(void)!getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max;
	(void)!setrlimit(RLIMIT_NOFILE, &l);
	GW_LOG_WARN(&g->log, "msrp.few_files", "limit=%llu wanted=%llu", (unsigned long long)l.rlim_max, (unsigned long long)want);
}

/* Two sessions a context, and half as many again for keys that are being replaced. */
static enum gw_err make_engine(struct gateway *g)
{
	const struct dp_conf *c = g->conf;
	struct dp_srtp_burst_conf b = { .device = c->crypto_device, .workers = g->eal.workers,
		.max_sessions = (c->max_contexts + dp_ctx_extra(c->max_contexts)) * 3 + 64 + c->max_sdes_streams * 2,
		.max_records = c->max_data_associations, .replay_window = (uint16_t)c->replay_window,
		.max_ssrc = (uint8_t)c->max_ssrc, .is_cm_only = true, .gcm_tables = c->gcm_tables };

	for (unsigned i = 0; i < c->dtls.n_profiles; i++)
		b.is_cm_only &= c->dtls.profiles[i] != DP_SRTP_AEAD_AES_128_GCM &&
			c->dtls.profiles[i] != DP_SRTP_AEAD_AES_256_GCM;
	g->srtp = dp_engine_start(c->engine, &b, &g->log);
	return g->srtp ? dp_engine_records(&g->records, g->srtp, &b, &g->log) : GW_EUNSUPP;
}

static enum gw_err make_fast(struct gateway *g)
{
	struct dp_fast_conf f = { .workers = g->eal.workers, .lcores = g->eal.lcores,
		.ethdevs = g->eal.ethdevs, .n_ethdevs = g->eal.n_ethdevs, .nic_sums = g->eal.nic_sums, .laddrs = g->laddrs,
		.n_laddrs = g->n_laddrs, .max_flows = (g->conf->max_contexts + dp_ctx_extra(g->conf->max_contexts)) * DP_FLOWS_PER_CONTEXT, .srtp = g->srtp,
		.records = g->records, .pool = g->eal.pool, .adaptive_idle = g->conf->adaptive_idle,
		.count_stages = g->conf->count_stages };
	struct dp_neigh_conf n = { .pool = g->eal.pool, .laddrs = g->laddrs, .laddr_realms = g->laddr_realms,
		.n_laddrs = g->n_laddrs, .routes = g->routes, .n_routes = g->conf->n_routes, .log = &g->log };
	enum gw_err err = dp_fast_new(&g->fast, &f);

	if (err)
		return err;
	n.fast = g->fast;
	return dp_neigh_new(&g->neigh, &n);
}

static enum gw_err make_control(struct gateway *g)
{
	const struct dp_conf *c = g->conf;
	struct dp_iq_conf q = c->iq;
	struct dp_ctx_conf x = { .fast = g->fast, .neigh = g->neigh, .pool = g->eal.pool,
		.timers = &g->timers, .log = &g->log, .srtp = g->srtp, .records = g->records, .laddrs = g->laddrs,
		.realms = g->realms, .n_realms = c->n_realms, .max_contexts = c->max_contexts,
		.consent_timeout_ms = c->consent_timeout_ms, .is_ice_full = c->is_ice_full, .tsc_hz = rte_get_tsc_hz(),
		.replay_window = (uint16_t)c->replay_window, .max_ssrc = (uint8_t)c->max_ssrc, .profiles = c->dtls.profiles,
		.n_profiles = c->dtls.n_profiles, .max_sdes_streams = c->max_sdes_streams };
	const struct dp_sctp_limits sctp = { .associations = c->channel_associations, .streams = DP_CHANNEL_STREAMS, .mtu = c->dtls.mtu - DTLS_BYTES,
		.send_bytes = 256u << 10, .receive_bytes = 256u << 10, .message_max = DP_MSRP_MESSAGE_MAX };
	enum gw_err err;

	if ((c->channel_associations && (err = dp_sctp_init(&sctp))) ||
		(c->msrp_address.family && (err = dp_msrp_set_new(&g->msrp, c->msrp_sessions))))
		return err;
	x.has_sctp = c->channel_associations != 0;
	x.msrp = g->msrp;
	x.msrp_address = c->msrp_address;
	x.channels_per_context = c->channels_per_context;
	q.log = &g->log;
	q.timers = &g->timers;
	if ((err = dp_dtls_ctx_new(&g->dtls, &c->dtls, &g->log)) || (err = dp_ice_msg_new(&g->ice)) ||
		(err = dp_iq_new(&g->iq, &q, dp_svc_now(&g->svc))))
		return err;
	x.dtls = g->dtls;
	x.dtls_keep_ms = c->dtls_keep_s * 1000;
	x.ice = g->ice;
	x.ops.notify = dp_iq_notify;
	x.ops.user = g->iq;
	if ((err = dp_ctx_new(&g->ctx, &x)))
		return err;
	dp_iq_attach(g->iq, g->ctx);
	if ((err = dp_prom_start(&g->prom, &(struct dp_prom_conf){ c->metrics, g->fast, x.tsc_hz, &g->log })))
		return err;
	return dp_telemetry_start(&(struct dp_telemetry_conf){ g->fast, g->ctx, g->iq, g->eal.pool,
		g->eal.ethdevs, g->eal.n_ethdevs, g->srtp->name, g->neigh, g->realms, c->n_realms });
}

static void on_packet(void *user, struct rte_mbuf *m, uint64_t now_ms)
{
	dp_ctx_input(((struct gateway *)user)->ctx, m, now_ms);
}

static void on_event(void *user, const struct dp_event *ev, uint64_t now_ms)
{
	dp_ctx_event(((struct gateway *)user)->ctx, ev, now_ms);
}

static unsigned on_control(void *user, uint64_t now_ms)
{
	struct gateway *g = user;

	return dp_iq_poll(g->iq, now_ms) + dp_ctx_run(g->ctx, now_ms);
}

static void on_requests(void *user, uint64_t now_ms)
{
	struct gateway *g = user;

	dp_telemetry_serve(now_ms);
	dp_links_look(&g->links, now_ms);
	if (!hup && now_ms < g->rotate_at_ms)
		return;
	if (hup)
		dp_log_reopen();
	hup = 0;
	g->rotate_at_ms = now_ms + g->conf->dtls.certificate_days * DAY_MS;
	if (dp_dtls_ctx_rotate(g->dtls))
		GW_LOG_ERROR(&g->log, "dtls.rotate_failed", "the old certificate stays");
	else
		GW_LOG_NOTICE(&g->log, "dtls.rotated", "new certificate for new calls");
}

static void give_way(void)
{
	(void)sched_yield();
}

static void run(struct gateway *g)
{
	g->links = (struct dp_links){ .laddrs = g->laddrs, .realms = g->realms, .n_realms = g->conf->n_realms, .iq = g->iq };
	g->svc.fast = g->fast;
	g->svc.neigh = g->neigh;
	g->svc.timers = &g->timers;
	g->svc.adaptive_idle = g->conf->adaptive_idle;
	g->svc.stop = &stop;
	g->rotate_at_ms = dp_svc_now(&g->svc) + g->conf->dtls.certificate_days * DAY_MS;
	g->svc.ops = (struct dp_svc_ops){ on_packet, on_event, on_control, on_requests,
		g->eal.is_shared ? give_way : NULL, dp_iq_fd(g->iq), g };
	GW_LOG_NOTICE(&g->log, "ready", "workers=%u ports=%u contexts=%u", g->eal.workers,
		g->eal.n_ethdevs, g->conf->max_contexts);
	dp_svc_run(&g->svc);
	GW_LOG_NOTICE(&g->log, "stopping", "contexts=%u", dp_ctx_count(g->ctx));
}

/* Flows are taken back and their acknowledgements read, so that sessions and ports are all freed. */
static void take_down(struct gateway *g)
{
	uint64_t until = dp_svc_now(&g->svc) + 500;

	dp_iq_goodbye(g->iq);
	for (struct gw_list *l = dp_ctx_list(g->ctx); !gw_list_empty(l);) {
		struct dp_context *cx = GW_CONTAINER(l->next, struct dp_context, node);

		for (unsigned n = cx->n_terms; n > 0; n--)
			dp_ctx_subtract(g->ctx, cx->terms[0], dp_svc_now(&g->svc));
	}
	while (dp_ctx_flows(g->ctx) && dp_svc_now(&g->svc) < until)
		(void)dp_svc_step(&g->svc);
}

static void destroy(struct gateway *g)
{
	dp_telemetry_stop();
	dp_prom_stop(g->prom);
	if (g->fast)
		dp_fast_stop(g->fast);
	dp_ctx_free(g->ctx);
	dp_msrp_set_free(g->msrp);
	(void)!dp_sctp_exit();	/* what it has not said to its peers is theirs to find out */
	dp_iq_free(g->iq);
	dp_ice_msg_free(g->ice);
	dp_dtls_ctx_free(g->dtls);
	dp_neigh_free(g->neigh);
	dp_fast_free(g->fast);
	dp_engine_stop(g->srtp);
	for (unsigned r = 0; r < DP_REALMS_MAX; r++)
		for (unsigned a = 0; a < g->realms[r].n_addrs; a++)
			dp_port_pool_free(g->realms[r].pools[a]);
	gw_timers_free(&g->timers);
	dp_eal_stop(&g->eal);
}

static void usage(FILE *f)
{
	fputs("usage: eimsagw -c FILE [--check-config]\n"
	      "  -c, --config FILE   configuration (docs/config.md)\n"
	      "      --check-config  read the configuration, report mistakes, exit\n"
	      "      --version       print the version\n"
	      "  -h, --help          this text\n"
	      "Exit status: 0 clean stop, 1 failure, 2 wrong usage or configuration.\n", f);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' }, { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	static struct gateway g;
	const char *path = NULL;
	bool check = false;
	enum gw_err err;
	int o;

	while ((o = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (o) {
		case 'c':
			path = optarg;
			break;
		case 'k':
			check = true;
			break;
		case 'V':
			puts("eimsagw " W2GW_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (!path || optind < argc) {
		usage(stderr);
		return 2;
	}
	if (dp_conf_load(path, stderr, &g.conf))
		return 2;
	if (check) {
		printf("%s: ok\n", path);
		dp_conf_free(g.conf);
		return 0;
	}
	if (dp_log_open(&g.log, g.conf->log_file, g.conf->log_level)) {
		fprintf(stderr, "%s: log.file: cannot open %s\n", path, g.conf->log_file);
		return 2;
	}
	iq_names_log(&g.log);
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	raise_files(&g);
	err = dp_eal_start(&g.conf->eal, &g.log, &g.eal);
	if (err)
		return 1;
	g.svc.tsc_hz = rte_get_tsc_hz();
	g.svc.tsc_start = rte_rdtsc();
	if ((err = make_realms(&g)) == GW_OK && (err = make_engine(&g)) == GW_OK &&
		(err = make_fast(&g)) == GW_OK && (err = make_control(&g)) == GW_OK && (err = dp_fast_start(g.fast)) == GW_OK) {
		run(&g);
		take_down(&g);
	} else {
		GW_LOG_ERROR(&g.log, "start_failed", "error=%s", gw_err_name(err));
	}
	destroy(&g);
	dp_conf_free(g.conf);
	return err ? 1 : 0;
}
