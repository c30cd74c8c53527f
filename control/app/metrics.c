/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and gauges, and their Prometheus text. */
#include "control/app/metrics.h"

uint64_t cp_ctr_value[cp_ctr_COUNT];
int64_t cp_gauge_value[cp_gauge_COUNT];
const struct gw_ctr_info cp_ctr_info[cp_ctr_COUNT] = GW_CTR_INFO(cp_ctr, CP_CTR_LIST);
const struct gw_ctr_info cp_gauge_info[cp_gauge_COUNT] = GW_CTR_INFO(cp_gauge, CP_GAUGE_LIST);

static void row(struct gw_buf *b, const struct gw_ctr_info *i, const char *type, long long v)
{
	gw_buf_printf(b, "# HELP w2gw_epcscf_%s %s\n# TYPE w2gw_epcscf_%s %s\nw2gw_epcscf_%s %lld\n",
		i->name, i->help, i->name, type, i->name, v);
}

void cp_metrics_print(struct gw_buf *b)
{
	for (int i = 0; i < cp_ctr_COUNT; i++)
		row(b, &cp_ctr_info[i], "counter", (long long)cp_ctr_value[i]);
	for (int i = 0; i < cp_gauge_COUNT; i++)
		row(b, &cp_gauge_info[i], "gauge", (long long)cp_gauge_value[i]);
}
