/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's pages as HTML: the table of calls; of one call its causes, its legs side by side, and its ladder. */
#include "control/app/why.h"
#include "control/web/admin.h"
#include "control/web/web.h"

#define STREAMS_MAX 16u
#define KEYS_MAX 64u
/* The ladder's picture. */
#define LEFT 110u       /* of the WIC's line; before it the time */
#define WIDTH 230u      /* between two lines */
#define TOP 40u
#define STEP 26u
#define RECENT_FIRST 16u /* of the steps, before those that are left out */

const char cp_admin_style[] =
	"body{font:15px/1.5 system-ui,sans-serif;margin:1.5rem;max-width:72rem}\n"
	"table{border-collapse:collapse;margin:1rem 0}\nth,td{text-align:left;padding:.15rem .9rem .15rem 0;vertical-align:top;"
	"border-bottom:1px solid #8884;overflow-wrap:anywhere}\n"
	".cause{font-size:1.15rem;border-left:.3rem solid #c33;padding:.3rem .8rem;margin:.8rem 0}\n.well{border-color:#393}\n"
	"svg{max-width:100%;height:auto;font:13px system-ui,sans-serif}\nsvg text{fill:currentColor}\n"
	"svg line{stroke:currentColor}\n.side{stroke-opacity:.3}\nline.iq{stroke:#38c;stroke-dasharray:5 3}\n"
	"marker path{fill:context-stroke}\n.mid{text-anchor:middle}\n.end{text-anchor:end}\n";

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void put_text(struct gw_buf *b, const char *s)
{
	cp_web_put_html(b, gw_sv_cstr(s));
}

static void put_value(struct gw_buf *b, json_t *v)
{
	if (json_is_string(v))
		put_text(b, json_string_value(v));
	else if (json_is_integer(v))
		gw_buf_printf(b, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		gw_buf_puts(b, json_is_true(v) ? "yes" : "no");
}

void cp_admin_put_calls(struct gw_buf *b, json_t *calls, uint32_t from)
{
	static const char *const keys[] = { "impu", "origin", "state", "seconds", "gateway", "context", "ice", "dtls", "call_id" };
	size_t n = json_array_size(calls);

	gw_buf_puts(b, "<h1>Calls</h1>\n");
	if (n == 0)
		gw_buf_puts(b, "<p>There is none.</p>\n");
	gw_buf_puts(b, "<table><tr><th></th>");
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
		gw_buf_printf(b, "<th>%s</th>", keys[k]);
	gw_buf_puts(b, "</tr>\n");
	for (size_t i = 0; i < n && i < CP_ADMIN_ROWS; i++) {
		json_t *c = json_array_get(calls, i);

		gw_buf_printf(b, "<tr><td><a href=\"why?call=%lld\">why?</a></td>",
			(long long)json_integer_value(json_object_get(c, "id")));
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			gw_buf_puts(b, "<td>");
			put_value(b, json_object_get(c, keys[k]));
			gw_buf_puts(b, "</td>");
		}
		gw_buf_puts(b, "</tr>\n");
	}
	gw_buf_puts(b, "</table>\n");
	if (n > CP_ADMIN_ROWS)
		gw_buf_printf(b, "<p><a href=\"./?from=%u\">more</a></p>\n", from + CP_ADMIN_ROWS);
}

/* ---- the ladder -------------------------------------------------------------------------------------------- */

static void put_step(struct gw_buf *b, json_t *step, double began, unsigned y)
{
	const char *side = text_of(step, "side");
	bool is_out = strcmp(text_of(step, "dir"), "out") == 0, is_iq = strcmp(side, "iq") == 0;
	unsigned us = LEFT + WIDTH, other = strcmp(side, "w2") == 0 ? LEFT : is_iq ? LEFT + 3 * WIDTH : LEFT + 2 * WIDTH;
	unsigned from = is_out ? us : other, to = is_out ? other : us;

	gw_buf_printf(b, "<text x=\"%u\" y=\"%u\" class=\"end\">%.3f</text><line%s x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\" "
		"marker-end=\"url(#a)\"/><text x=\"%u\" y=\"%u\" class=\"mid\">", LEFT - 50, y,
		json_real_value(json_object_get(step, "time")) - began, is_iq ? " class=\"iq\"" : "", from, y, to, y, (from + to) / 2,
		y - 5);
	put_text(b, text_of(step, "label"));
	gw_buf_puts(b, "</text>\n");
}

static void put_ladder(struct gw_buf *b, json_t *recent)
{
	static const char *const names[] = { "WIC", "epcscf", "core", "gateway" };
	json_t *steps = json_object_get(recent, "steps"), *s;
	long long left_out = json_integer_value(json_object_get(recent, "left_out"));
	double began = json_real_value(json_object_get(json_array_get(steps, 0), "time"));
	unsigned rows = (unsigned)json_array_size(steps) + (left_out > 0), y = TOP, height = TOP + (rows + 1) * STEP;
	size_t i;

	if (!json_array_size(steps))
		return;
	gw_buf_printf(b, "<h2>Ladder</h2>\n<svg viewBox=\"0 0 %u %u\" width=\"%u\" role=\"img\"><title>messages of the call, seconds "
		"since the first</title>\n<defs><marker id=\"a\" markerWidth=\"9\" markerHeight=\"8\" refX=\"9\" refY=\"4\" "
		"orient=\"auto\"><path d=\"M0 0L9 4L0 8z\"/></marker></defs>\n", LEFT + 3 * WIDTH + 60, height, LEFT + 3 * WIDTH + 60);
	for (unsigned k = 0; k < 4; k++)
		gw_buf_printf(b, "<text x=\"%u\" y=\"16\" class=\"mid\">%s</text><line class=\"side\" x1=\"%u\" y1=\"22\" x2=\"%u\" "
			"y2=\"%u\"/>\n", LEFT + k * WIDTH, names[k], LEFT + k * WIDTH, LEFT + k * WIDTH, height);
	json_array_foreach(steps, i, s) {
		if (i == RECENT_FIRST && left_out)
			gw_buf_printf(b, "<text x=\"%u\" y=\"%u\" class=\"mid\">%lld more</text>\n", LEFT + WIDTH, y += STEP, left_out);
		put_step(b, s, began, y += STEP);
	}
	gw_buf_puts(b, "</svg>\n");
}

/* ---- one call ---------------------------------------------------------------------------------------------- */

static void put_causes(struct gw_buf *b, json_t *call, json_t *streams, bool is_asked)
{
	struct why_cause c[WHY_CAUSES_MAX];
	unsigned n = why_find(call, streams, is_asked, c);

	for (unsigned i = 0; i < n; i++) {
		gw_buf_puts(b, "<p class=\"cause\">");
		if (c[i].stream)
			gw_buf_printf(b, "stream %lld: ", c[i].stream);
		put_text(b, c[i].text);
		gw_buf_puts(b, "</p>\n");
	}
	if (n == 0)
		gw_buf_printf(b, "<p class=\"cause%s\">%s</p>\n", is_asked ? " well" : "", why_nothing(is_asked));
}

static void add_key(const char **keys, unsigned *n, const char *key)
{
	for (unsigned i = 0; i < *n; i++)
		if (strcmp(keys[i], key) == 0)
			return;
	if (*n < KEYS_MAX)
		keys[(*n)++] = key;
}

/* The legs side by side: a column each, a row for everything one of them has. */
static void put_legs(struct gw_buf *b, json_t *streams)
{
	const char *keys[KEYS_MAX], *key, *k;
	json_t *leg[STREAMS_MAX], *s, *v;
	unsigned n = 0, n_keys = 0;

	json_object_foreach(streams, key, s) {
		if (!json_is_object(s) || n == STREAMS_MAX)
			continue;
		leg[n++] = s;
		json_object_foreach(s, k, v)
			add_key(keys, &n_keys, k);
	}
	if (n == 0)
		return;
	gw_buf_puts(b, "<h2>Legs</h2>\n<table>");
	for (unsigned i = 0; i < n_keys; i++) {
		gw_buf_puts(b, "<tr><th>");
		put_text(b, keys[i]);
		gw_buf_puts(b, "</th>");
		for (unsigned l = 0; l < n; l++) {
			gw_buf_puts(b, "<td>");
			put_value(b, json_object_get(leg[l], keys[i]));
			gw_buf_puts(b, "</td>");
		}
		gw_buf_puts(b, "</tr>\n");
	}
	gw_buf_puts(b, "</table>\n");
}

void cp_admin_put_why(struct gw_buf *b, json_t *call, json_t *streams, bool is_asked, json_t *recent)
{
	const char *key;
	json_t *v;

	gw_buf_puts(b, "<h1>Why is there no audio?</h1>\n");
	put_causes(b, call, streams, is_asked);
	put_ladder(b, recent);
	put_legs(b, streams);
	gw_buf_puts(b, "<h2>Call</h2>\n<table>");
	json_object_foreach(call, key, v) {
		gw_buf_printf(b, "<tr><th>%s</th><td>", key);
		put_value(b, v);
		gw_buf_puts(b, "</td></tr>\n");
	}
	gw_buf_puts(b, "</table>\n");
}

void cp_admin_put_ended(struct gw_buf *b, json_t *recent)
{
	const char *end = text_of(recent, "end");

	gw_buf_puts(b, "<h1>The call is over</h1>\n<p class=\"cause\">");
	put_text(b, end[0] ? end : "it went on at another node, or this one was started again");
	gw_buf_puts(b, "</p>\n");
	put_ladder(b, recent);
}
