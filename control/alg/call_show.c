/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator may see of the calls and their dialogs. */
#include "control/alg/call_int.h"
#include "control/app/page.h"

#define SAME_MAX 16u   /* calls of one user, shown to choose from */

static json_t *row(const struct cp_call *c, uint64_t now)
{
	static const char *const states[] = { "reserving", "inviting", "up" };
	struct cp_iq_gateway_info g = { .name = c->far_gateway };

	if (!c->far_node)
		(void)cp_iq_gateway(c->alg->iq, c->gateway, &g);
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:b, s:b}", "id", (json_int_t)c->id, "call_id",
		c->call_id, "origin", c->origin == CP_SIDE_W2 ? "wic" : "core", "impu", c->b ? c->b->aor : "-", "state",
		states[c->state], "gateway", g.name ? g.name : "-", "context", (json_int_t)c->context, "seconds",
		(json_int_t)((now - c->start_ms) / 1000), "answered", c->is_answered, "ice", c->ice_ok, "dtls", c->dtls_up);
}

json_t *cp_alg_show(void *alg, struct gw_sv args)
{
	struct cp_alg *a = alg;
	struct cp_page page = cp_page(args);
	json_t *list = json_array();
	uint64_t now = cp_loop_now(a->s->loop);

	GW_LIST_FOREACH(it, &a->calls)
		if (cp_page_has(&page))
			json_array_append_new(list, row(GW_CONTAINER(it, struct cp_call, node), now));
	return list;
}

json_t *cp_alg_show_call(void *alg, struct gw_sv who)
{
	struct cp_alg *a = alg;
	json_t *list = json_array();
	uint64_t now = cp_loop_now(a->s->loop), id;
	struct cp_call *one = gw_sv_u64(who, &id) == GW_OK ? gw_map_get_u64(&a->by_id, id) : NULL;

	if (one)
		json_array_append_new(list, row(one, now));
	GW_LIST_FOREACH(it, &a->calls) {
		const struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);

		if (json_array_size(list) < SAME_MAX && c != one && (gw_sv_eq(gw_sv_cstr(c->call_id), who) ||
			(c->b && gw_sv_eq(gw_sv_cstr(c->b->aor), who))))
			json_array_append_new(list, row(c, now));
	}
	return list;
}

static const char *or_dash(const char *s)
{
	return s ? s : "-";
}

/* One row for what a BYE of ours would take (W2-SIP-72). */
static json_t *dialog(const struct cp_call *c, uint64_t now)
{
	char routes[1024];
	struct gw_buf b = gw_buf(routes, sizeof(routes));

	for (unsigned i = 0; i < c->core.n_routes; i++)
		gw_buf_printf(&b, i ? ", %s" : "%s", c->core.routes[i]);
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s%, s:I}", "call_id", c->call_id, "impu",
		c->b ? c->b->aor : "-", "w2_tag", or_dash(c->w2.tag), "core_tag", or_dash(c->core.tag), "w2_cseq",
		(json_int_t)c->w2.cseq, "core_cseq", (json_int_t)c->core.cseq, "w2_target", or_dash(c->w2.target),
		"core_target", or_dash(c->core.target), "core_routes", b.p, b.len, "seconds",
		(json_int_t)((now - c->answer_ms) / 1000));
}

json_t *cp_alg_show_dialogs(void *alg, struct gw_sv args)
{
	struct cp_alg *a = alg;
	struct cp_page page = cp_page(args);
	json_t *list = json_array();
	uint64_t now = cp_loop_now(a->s->loop);

	GW_LIST_FOREACH(it, &a->calls) {
		const struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);

		if (c->is_answered && cp_page_has(&page))
			json_array_append_new(list, dialog(c, now));
	}
	return list;
}
