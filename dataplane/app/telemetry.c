/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry: questions handed to the service thread through one slot with an atomic state. */
#include "dataplane/app/telemetry.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <rte_telemetry.h>

#include "dataplane/app/telemetry_streams.h"

#define WAIT_STEPS 2000u
#define WAIT_NS 500000L

enum slot_state { IDLE, ASKED, SERVING, ANSWERED, CLOSED };

static struct {
	struct dp_telemetry_conf c;
	_Atomic int state;
	atomic_flag busy;
	void (*fill)(struct rte_tel_data *d, uint64_t now_ms);
	struct rte_tel_data *data;
	char params[64];              /* of a command that does something */
} tel = { .busy = ATOMIC_FLAG_INIT };

static void fill_contexts(struct rte_tel_data *d, uint64_t now_ms)
{
	(void)now_ms;
	dp_tel_contexts(d, tel.c.ctx);
}

static void fill_flows(struct rte_tel_data *d, uint64_t now_ms)
{
	(void)now_ms;
	dp_tel_flows(d, tel.c.ctx);
}

/* "17": all that is known of this context */
static void fill_context(struct rte_tel_data *d, uint64_t now_ms)
{
	struct dp_context *cx = NULL;
	uint32_t id;

	if (gw_sv_uint_max(gw_sv_cstr(tel.params), UINT32_MAX, &id) == GW_OK)
		cx = dp_ctx_find(tel.c.ctx, id);
	if (cx)
		dp_tel_context(d, tel.c.ctx, cx, now_ms);
	else
		rte_tel_data_add_dict_string(d, "error", "no such context");
}

static void fill_drops(struct rte_tel_data *d, uint64_t now_ms)
{
	const uint64_t *c = dp_ctx_counters(tel.c.ctx), *q = dp_iq_counters(tel.c.iq), *a = dp_neigh_counters(tel.c.neigh);
	uint64_t sum[dp_drop_COUNT];
	struct dp_worker_stats s;

	(void)now_ms;
	memcpy(sum, dp_svc_drops(tel.c.fast), sizeof(sum));
	for (uint16_t i = 0; i < dp_worker_count(tel.c.fast); i++) {
		dp_worker_stats_read(tel.c.fast, i, &s);
		for (int k = 0; k < dp_drop_COUNT; k++)
			sum[k] += s.drops[k];
	}
	for (int k = 0; k < dp_drop_COUNT; k++)
		dp_tel_put(d, dp_drop_info[k].name, sum[k]);
	for (int k = 0; k < dp_ctx_ctr_COUNT; k++)
		dp_tel_put(d, dp_ctx_ctr_info[k].name, c[k]);
	for (int k = 0; k < dp_iq_ctr_COUNT; k++)
		dp_tel_put(d, dp_iq_ctr_info[k].name, q[k]);
	for (int k = 0; k < dp_neigh_ctr_COUNT; k++)
		dp_tel_put(d, dp_neigh_ctr_info[k].name, a[k]);
}

/* What must be back at its base line when no call is up. */
static void fill_summary(struct rte_tel_data *d, uint64_t now_ms)
{
	dp_tel_put(d, "uptime_s", now_ms / 1000);
	dp_tel_put(d, "registered", dp_iq_registered(tel.c.iq));
	dp_tel_put(d, "locked", dp_iq_lock_state(tel.c.iq) != DP_UNLOCKED);
	dp_tel_put(d, "contexts", dp_ctx_count(tel.c.ctx));
	dp_tel_put(d, "terminations", dp_ctx_terms(tel.c.ctx));
	dp_tel_put(d, "flows", dp_ctx_flows(tel.c.ctx));
	dp_tel_put(d, "ports_in_use", dp_ctx_ports_in_use(tel.c.ctx));
	dp_tel_put(d, "mbufs_in_use", rte_mempool_in_use_count(tel.c.pool));
}

static void fill_ports(struct rte_tel_data *d, uint64_t now_ms)
{
	(void)now_ms;
	for (uint16_t i = 0; i < tel.c.n_ethdevs; i++) {
		struct rte_tel_data *r = rte_tel_data_alloc();
		char name[RTE_TEL_MAX_STRING_LEN], dev[RTE_ETH_NAME_MAX_LEN] = "?";
		struct rte_eth_stats s = { 0 };

		if (!r)
			return;
		rte_eth_stats_get(tel.c.ethdevs[i], &s);
		rte_eth_dev_get_name_by_port(tel.c.ethdevs[i], dev);
		rte_tel_data_start_dict(r);
		rte_tel_data_add_dict_string(r, "device", dev);
		dp_tel_put(r, "rx_packets", s.ipackets);
		dp_tel_put(r, "tx_packets", s.opackets);
		dp_tel_put(r, "rx_missed", s.imissed);
		dp_tel_put(r, "rx_errors", s.ierrors);
		dp_tel_put(r, "rx_nombuf", s.rx_nombuf);
		dp_tel_put(r, "tx_errors", s.oerrors);
		snprintf(name, sizeof(name), "port_%u", tel.c.ethdevs[i]);
		rte_tel_data_add_dict_container(d, name, r, 0);
	}
}

static void fill_workers(struct rte_tel_data *d, uint64_t now_ms)
{
	static const char *const punts[] = { "punt_stun", "punt_dtls", "punt_rtcp", "punt_record", "punt_text", "punt_l2" };

	(void)now_ms;
	for (uint16_t i = 0; i < dp_worker_count(tel.c.fast); i++) {
		struct rte_tel_data *r = rte_tel_data_alloc();
		char name[RTE_TEL_MAX_STRING_LEN];
		struct dp_worker_stats s;

		if (!r)
			return;
		dp_worker_stats_read(tel.c.fast, i, &s);
		rte_tel_data_start_dict(r);
		dp_tel_put(r, "flows", s.flows);
		dp_tel_put(r, "rx_packets", s.rx_packets);
		dp_tel_put(r, "tx_packets", s.tx_packets);
		dp_tel_put(r, "handed_over", s.handed_over);
		for (int k = 0; k < DP_PUNT_CLASSES; k++)
			dp_tel_put(r, punts[k], s.punted[k]);
		dp_tel_put(r, "loops", s.loops);
		dp_tel_put(r, "idle_sleeps", s.idle_sleeps);
		dp_tel_put(r, "longest_loop_tsc", dp_longest_of(&s).tsc);
		snprintf(name, sizeof(name), "worker_%u", i);
		rte_tel_data_add_dict_container(d, name, r, 0);
	}
}

static double quantile_us(const struct dp_worker_stats *s, double q)
{
	uint64_t all = 0, sum = 0;
	unsigned i;

	for (i = 0; i < DP_LATENCY_BUCKETS; i++)
		all += s->latency[i];
	for (i = 0; all && i < DP_LATENCY_BUCKETS; i++) {
		sum += s->latency[i];
		if ((double)sum >= q * (double)all)
			return (double)dp_latency_limit(i) * 1e6 / (double)rte_get_tsc_hz();
	}
	return 0;
}

static void put_us(struct rte_tel_data *d, const char *name, double us)
{
	char text[32];

	snprintf(text, sizeof(text), "%.1f", us);
	rte_tel_data_add_dict_string(d, name, text);
}

/* Of the last minute or two. */
static void put_longest(struct rte_tel_data *d, struct dp_longest l)
{
	put_us(d, "longest_turn_us", (double)l.tsc * 1e6 / (double)rte_get_tsc_hz());
	rte_tel_data_add_dict_string(d, "longest_turn_cause", dp_loop_cause_name(l.cause));
	rte_tel_data_add_dict_string(d, "longest_turn_stage", dp_stage_name(l.stage));
	dp_tel_put(d, "longest_turn_packets", l.packets);
}

static void fill_latency(struct rte_tel_data *d, uint64_t now_ms)
{

	(void)now_ms;
	for (uint16_t i = 0; i < dp_worker_count(tel.c.fast); i++) {
		struct rte_tel_data *r = rte_tel_data_alloc();
		char name[RTE_TEL_MAX_STRING_LEN];
		struct dp_worker_stats s;

		if (!r)
			return;
		dp_worker_stats_read(tel.c.fast, i, &s);
		rte_tel_data_start_dict(r);
		rte_tel_data_add_dict_string(r, "engine", tel.c.engine);
		dp_tel_put(r, "tx_packets", s.tx_packets);
		put_us(r, "p50_us", quantile_us(&s, 0.5));
		put_us(r, "p99_us", quantile_us(&s, 0.99));
		put_us(r, "p999_us", quantile_us(&s, 0.999));
		put_longest(r, dp_longest_of(&s));
		for (unsigned k = 0; s.stage_packets && k < DP_STAGES; k++) {
			snprintf(name, sizeof(name), "%s_cycles", dp_stage_name((enum dp_stage)k));
			dp_tel_put(r, name, s.stage_tsc[k] / s.stage_packets);
		}
		snprintf(name, sizeof(name), "worker_%u", i);
		rte_tel_data_add_dict_container(d, name, r, 0);
	}
}

/* ---- orders ------------------------------------------------------------------------------------------ */

static void put_lock(struct rte_tel_data *d)
{
	static const char *const states[] = { "in service", "draining", "locked" };

	rte_tel_data_add_dict_string(d, "state", states[dp_iq_lock_state(tel.c.iq)]);
	dp_tel_put(d, "contexts", dp_ctx_count(tel.c.ctx));
}

/* "600": seconds calls may go on; nothing, or 0: at once */
static void fill_lock(struct rte_tel_data *d, uint64_t now_ms)
{
	uint32_t seconds = 0;

	if (tel.params[0] && gw_sv_uint_max(gw_sv_cstr(tel.params), 86400, &seconds)) {
		rte_tel_data_add_dict_string(d, "error", "seconds: 0 to 86400");
		return;
	}
	dp_iq_lock(tel.c.iq, seconds, now_ms);
	put_lock(d);
}

static void fill_unlock(struct rte_tel_data *d, uint64_t now_ms)
{
	dp_iq_unlock(tel.c.iq, now_ms);
	put_lock(d);
}

/* "NAME,out" or "NAME,in" */
static void fill_realm(struct rte_tel_data *d, uint64_t now_ms)
{
	struct gw_sv name, state;
	bool is_out;

	gw_sv_cut(gw_sv_cstr(tel.params), ',', &name, &state);
	is_out = gw_sv_eq(state, GW_SV("out"));
	for (unsigned i = 0; (is_out || gw_sv_eq(state, GW_SV("in"))) && i < tel.c.n_realms; i++) {
		struct dp_realm *r = &tel.c.realms[i];

		if (!gw_sv_eq(name, gw_sv_cstr(r->name)))
			continue;
		dp_iq_realm_fault(tel.c.iq, r, DP_REALM_TAKEN, is_out, now_ms);
		rte_tel_data_add_dict_string(d, "state", r->faults & DP_REALM_LINK ? "link down" : r->faults ? "out of service" :
			"in service");
		return;
	}
	rte_tel_data_add_dict_string(d, "error", "no such realm");
}

/* ---- hand-over ------------------------------------------------------------------------------------- */

static int ask(struct rte_tel_data *d, void (*fill)(struct rte_tel_data *, uint64_t), const char *params)
{
	const struct timespec step = { 0, WAIT_NS };
	int expected = IDLE;

	rte_tel_data_start_dict(d);
	if (atomic_flag_test_and_set(&tel.busy))
		return -1;	/* another client is being served */
	tel.fill = fill;
	tel.data = d;
	snprintf(tel.params, sizeof(tel.params), "%s", params ? params : "");
	if (!atomic_compare_exchange_strong(&tel.state, &expected, ASKED)) {
		atomic_flag_clear(&tel.busy);
		return -1;
	}
	for (unsigned i = 0; i < WAIT_STEPS && atomic_load(&tel.state) == ASKED; i++)
		nanosleep(&step, NULL);
	expected = ASKED;	/* not taken up: the question is withdrawn, and can never be answered into a d that is gone */
	if (atomic_compare_exchange_strong(&tel.state, &expected, IDLE)) {
		atomic_flag_clear(&tel.busy);
		return -1;
	}
	while (atomic_load(&tel.state) == SERVING)	/* it writes to d now; there is nothing in it that waits */
		nanosleep(&step, NULL);
	expected = ANSWERED;
	if (!atomic_compare_exchange_strong(&tel.state, &expected, IDLE))
		return -1;	/* the process ends */
	atomic_flag_clear(&tel.busy);
	return 0;
}

void dp_telemetry_serve(uint64_t now_ms)
{
	int expected = ASKED;

	if (!atomic_compare_exchange_strong(&tel.state, &expected, SERVING))
		return;
	tel.fill(tel.data, now_ms);
	atomic_store(&tel.state, ANSWERED);
}

void dp_telemetry_stop(void)
{
	atomic_store(&tel.state, CLOSED);
}

#define COMMAND(name)                                                                              \
	static int on_##name(const char *cmd, const char *params, struct rte_tel_data *d)         \
	{                                                                                          \
		(void)cmd;                                                                         \
		return ask(d, fill_##name, params);                                                \
	}
COMMAND(contexts)
COMMAND(context)
COMMAND(flows)
COMMAND(drops)
COMMAND(ports)
COMMAND(workers)
COMMAND(summary)
COMMAND(latency)
COMMAND(lock)
COMMAND(unlock)
COMMAND(realm)

enum gw_err dp_telemetry_start(const struct dp_telemetry_conf *conf)
{
	static const struct {
		const char *cmd, *help;
		telemetry_cb fn;
	} cmds[] = {
		{ "/w2gw/contexts", "H.248 contexts and terminations", on_contexts },
		{ "/w2gw/context", "one context, all that is known of its streams. Parameter: number", on_context },
		{ "/w2gw/flows", "media statistics of terminations", on_flows },
		{ "/w2gw/drops", "packets dropped and messages refused, by reason", on_drops },
		{ "/w2gw/ports", "media ports", on_ports },
		{ "/w2gw/workers", "worker lcores", on_workers },
		{ "/w2gw/latency", "time in the workers, longest turn and why, cycles by stage", on_latency },
		{ "/w2gw/summary", "what is in use", on_summary },
		{ "/w2gw/lock", "take no more calls, out of service after so many seconds. Parameter: seconds", on_lock },
		{ "/w2gw/unlock", "back in service", on_unlock },
		{ "/w2gw/realm", "a realm out of service or in service. Parameters: name,out or name,in", on_realm },
	};

	tel.c = *conf;
	atomic_store(&tel.state, IDLE);
	for (size_t i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++)
		if (rte_telemetry_register_cmd(cmds[i].cmd, cmds[i].fn, cmds[i].help))
			return GW_EIO;
	return GW_OK;
}
