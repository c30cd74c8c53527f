/* SPDX-License-Identifier: Apache-2.0 */
/* epcscf: options, configuration, start, signals, stop. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "control/alg/call.h"
#include "control/app/log_sink.h"
#include "control/app/metrics.h"
#include "control/app/ops.h"
#include "control/app/trace.h"
#include "control/sip/entry.h"
#include "control/sip/nodes.h"
#include "control/sip/overload.h"
#include "control/sip/reg.h"
#include "control/state/store.h"
#include "control/token/token.h"
#include "control/waf/waf.h"
#include "control/web/admin.h"

#define STOP_MS 5000u        /* for what must come to its end of itself */
#define FILES_SPARE 256u     /* besides WebSockets: databases, core and web connections, log */

struct process {
	struct cp_conf *conf;
	struct gw_log log;
	struct cp_loop loop;
	struct cp_sip sip;
	struct cp_iq *iq;
	struct cp_ctl *ctl;
	struct cp_ops ops;
	struct cp_waf *waf;
	struct cp_admin *admin;
	uv_signal_t term, intr, hup;
};

static void on_stop(uv_signal_t *h, int sig)
{
	struct process *p = h->data;

	GW_LOG_NOTICE(&p->log, "stopping", "signal=%d calls=%lld", sig, (long long)cp_gauge_value[calls]);
	cp_loop_stop(&p->loop);
}

static void on_hup(uv_signal_t *h, int sig)
{
	struct process *p = h->data;

	(void)sig;
	cp_log_reopen();
	cp_alg_reopen_records(p->sip.alg);
	cp_token_reload(p->sip.tokens);
	if (cp_transport_reload_tls(p->sip.transport))
		GW_LOG_ERROR(&p->log, "tls.reload_failed", "the old certificate stays");
	else
		GW_LOG_NOTICE(&p->log, "tls.reloaded", "certificate=%s", p->conf->w2.certificate);
}

static void on_waf_keys(void *user, struct gw_sv issuer, struct gw_sv jwks)
{
	struct process *p = user;
	enum gw_err err = cp_token_set_keys(p->sip.tokens, issuer, jwks);

	if (err)
		GW_LOG_ERROR(&p->log, "waf.keys_not_taken", "issuer=%.*s error=%s", GW_SV_FMT(issuer), gw_err_name(err));
}

static void on_waf_revoked(void *user, struct gw_sv issuer, struct gw_sv jti, uint64_t until_s)
{
	struct process *p = user;
	struct cp_token_revocation r = { .issuer = issuer, .jti = jti, .until_s = until_s };
	enum gw_err err = cp_token_revoke(p->sip.tokens, &r);

	if (err)	/* it goes on to count until it ends by itself */
		GW_LOG_ERROR(&p->log, "waf.revocation_not_taken", "error=%s", gw_err_name(err));
}

static enum gw_err start_waf(struct process *p)
{
	struct cp_waf_ops ops = { .set_keys = on_waf_keys, .revoke = on_waf_revoked, .user = p };

	return p->conf->web.waf.is_enabled ? cp_waf_new(&p->waf, p->conf, p->sip.store, &p->loop, &p->log, &ops) :
		GW_OK;
}

static enum gw_err start(struct process *p)
{
	struct cp_sip *s = &p->sip;
	struct cp_iq_ops ops = cp_alg_iq_ops;
	enum gw_err err;

	s->conf = p->conf;
	s->loop = &p->loop;
	s->log = &p->log;
	cp_random(s->route_key, sizeof(s->route_key));
	if ((err = cp_recent_open(p->conf->records.recent_calls)) || (err = cp_store_open(&s->store, p->conf, &p->loop, &p->log)) ||
		(s->store && (err = cp_store_secret(s->store, "route-key", s->route_key, sizeof(s->route_key)))) ||
		(err = cp_token_new(&s->tokens, p->conf, &p->loop, &p->log)) || (err = cp_entry_new(&s->entry, s)) ||
		(err = cp_alg_new(&s->alg, s)) ||
		(err = cp_reg_new(&s->reg, s)) || (err = cp_reg_auth_new(&s->auth, s)) ||
		(err = start_waf(p)) ||		/* its keys first: restored registrations are of its tokens */
		(err = cp_reg_restore(s->reg)) || (err = cp_alg_restore(s->alg)))
		return err;
	ops.user = s->alg;
	if ((err = cp_iq_new(&p->iq, p->conf, &p->loop, &p->log, &ops)))
		return err;
	cp_alg_set_iq(s->alg, p->iq);
	p->ops = (struct cp_ops){ .sip = s, .iq = p->iq };
	if ((err = cp_overload_new(&s->overload, p->conf, &p->loop, &p->log, p->iq)))
		return err;
	if ((err = cp_transport_new(&s->transport, p->conf, &p->loop, &p->log, &cp_sip_transport_ops, s)) ||
		(err = cp_ctl_open(&p->ctl, p->conf->control_socket, &p->loop, &p->log)) ||
		(err = cp_ops_open(&p->ops, p->ctl)) || (err = cp_trace_open(p->ctl)) ||
		(err = cp_admin_new(&p->admin, s, p->ctl)))
		return err;
	cp_transport_set_waf(s->transport, p->waf);
	cp_alg_settle(s->alg);
	cp_nodes_start(s);
	return GW_OK;
}

static void watch(struct process *p, uv_signal_t *h, uv_signal_cb cb, int sig)
{
	uv_signal_init(&p->loop.uv, h);
	h->data = p;
	uv_signal_start(h, cb, sig);
}

static void stop(struct process *p)
{
	uv_close((uv_handle_t *)&p->term, NULL);
	uv_close((uv_handle_t *)&p->intr, NULL);
	uv_close((uv_handle_t *)&p->hup, NULL);
	cp_transport_set_waf(p->sip.transport, NULL);
	cp_waf_stop(p->waf);
	cp_admin_free(p->admin);	/* it turns the loop once more: what ends then has ended */
	cp_store_close(p->sip.store);	/* all that is let go from here on was not ended */
	p->sip.store = NULL;
	cp_ops_close(&p->ops);
	cp_ctl_close(p->ctl);
	cp_iq_stop(p->iq);
	cp_alg_free(p->sip.alg);
	p->sip.alg = NULL;
	cp_entry_stop(p->sip.entry);
	cp_sip_free(&p->sip);
	cp_waf_free(p->waf);
	cp_reg_free(p->sip.reg);
	cp_reg_auth_free(p->sip.auth);
	cp_transport_free(p->sip.transport);
	cp_token_free(p->sip.tokens);
	cp_overload_free(p->sip.overload);
	cp_entry_free(p->sip.entry);
	cp_iq_free(p->iq);
	if (cp_loop_close(&p->loop, STOP_MS)) {
		GW_LOG_ERROR(&p->log, "stop.incomplete", "seconds=%u what was under way is left", STOP_MS / 1000);
		_exit(1);	/* exit() would wait for the thread pool */
	}
	cp_recent_close();
}

static void usage(FILE *f)
{
	fputs("usage: epcscf -c FILE [--check-config]\n"
	      "  -c, --config FILE   configuration (docs/config.md)\n"
	      "      --check-config  read the configuration, report mistakes, exit\n"
	      "      --version       print the version\n"
	      "  -h, --help          this text\n"
	      "Exit status: 0 clean stop, 1 failure, 2 wrong usage or configuration.\n", f);
}

/* A file for each WebSocket: as many as the system gives, and a word when those are not enough. */
static void raise_files(const struct process *p)
{
	unsigned need = p->conf->w2.max_connections + FILES_SPARE;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_max != RLIM_INFINITY && files.rlim_max < need)
		GW_LOG_WARN(&p->log, "files.few", "limit=%llu needed=%u why=\"w2.max_connections is %u\"",
			(unsigned long long)files.rlim_max, need, p->conf->w2.max_connections);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' }, { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	static struct process p;
	const char *path = NULL;
	bool check = false;
	uint64_t seed;
	enum gw_err err;
	int o;

	while ((o = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (o == 'c') {
			path = optarg;
		} else if (o == 'k') {
			check = true;
		} else if (o == 'V') {
			puts("epcscf " W2GW_VERSION);
			return 0;
		} else {
			usage(o == 'h' ? stdout : stderr);
			return o == 'h' ? 0 : 2;
		}
	}
	if (!path || optind < argc) {
		usage(stderr);
		return 2;
	}
	if (cp_conf_load(path, stderr, &p.conf))
		return 2;
	if (check) {
		printf("%s: ok\n", path);
		cp_conf_free(p.conf);
		return 0;
	}
	if (cp_log_open(&p.log, p.conf->log.file, p.conf->log.level)) {
		fprintf(stderr, "%s: log.file: cannot open %s\n", path, p.conf->log.file);
		return 2;
	}
	iq_names_log(&p.log);
	signal(SIGPIPE, SIG_IGN);
	raise_files(&p);
	cp_random(&seed, sizeof(seed));
	gw_hash_seed(seed);
	if (cp_loop_init(&p.loop))
		return 1;
	watch(&p, &p.term, on_stop, SIGTERM);
	watch(&p, &p.intr, on_stop, SIGINT);
	watch(&p, &p.hup, on_hup, SIGHUP);
	err = start(&p);
	if (err == GW_OK) {
		GW_LOG_NOTICE(&p.log, "ready", "gateways=%u", p.conf->iq.n_gateways);
		cp_loop_run(&p.loop);
	} else {
		GW_LOG_ERROR(&p.log, "start_failed", "error=%s", gw_err_name(err));
	}
	if (err == GW_OK)
		stop(&p);
	cp_conf_free(p.conf);
	return err ? 1 : 0;
}
