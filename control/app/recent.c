/* SPDX-License-Identifier: Apache-2.0 */
/* A table of calls by the hash of their Call-ID: a few places to choose from, and in each the first steps and the last. */
#include "control/app/recent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/app/ctl.h"
#include "control/app/trace_mask.h"

#define WAYS 4u          /* places a call may take */
#define STEPS 28u
#define STEPS_FIRST 16u  /* of these are the first ones; behind them the last ones go round */
#define LABEL_BYTES 26u

struct step {
	uint32_t ms;                     /* since the call began */
	uint8_t lane : 7, is_out : 1;
	char label[LABEL_BYTES + 1];
};

struct recent {
	uint64_t hash;                   /* 0: free */
	uint64_t began_ms;               /* UTC */
	uint32_t n_steps;
	char end[92];                    /* empty: it lasts */
	struct step steps[STEPS];
};

bool cp_recent_on;
static struct recent *table;
static size_t n_sets;

enum gw_err cp_recent_open(unsigned calls)
{
	n_sets = (calls + WAYS - 1) / WAYS;
	if (calls && !(table = calloc(n_sets * WAYS, sizeof(*table))))
		return GW_ENOMEM;
	cp_recent_on = calls;
	return GW_OK;
}

void cp_recent_close(void)
{
	free(table);
	table = NULL;
	cp_recent_on = false;
}

static uint64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t hash_of(struct gw_sv call_id)
{
	uint64_t h = gw_sv_hash(call_id);

	return h ? h : 1;
}

static struct recent *set_of(uint64_t hash)
{
	return table + hash % n_sets * WAYS;
}

static struct recent *place(struct gw_sv call_id)
{
	uint64_t hash = hash_of(call_id);
	struct recent *set = set_of(hash);

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].hash == hash)
			return &set[i];
	return NULL;
}

/* Does a give way before b? */
static bool gives_way(const struct recent *a, const struct recent *b)
{
	bool has_ended = !a->hash || a->end[0], other = !b->hash || b->end[0];

	return has_ended != other ? has_ended : a->began_ms < b->began_ms;
}

static void add(struct recent *r, enum cp_recent_lane lane, bool is_out, const char *label)
{
	uint32_t at = r->n_steps < STEPS ? r->n_steps : STEPS_FIRST + (r->n_steps - STEPS_FIRST) % (STEPS - STEPS_FIRST);
	struct step *s = &r->steps[at];

	s->ms = (uint32_t)(wall_ms() - r->began_ms);
	s->lane = (uint8_t)lane;
	s->is_out = is_out;
	snprintf(s->label, sizeof(s->label), "%s", label);
	r->n_steps++;
}

/* "INVITE SDP", "180 INVITE": of what arrived from outside only printable ASCII. */
static void label_of(struct gw_sv msg, char *dst, size_t cap)
{
	bool has_sdp = msg.len > 4 && memmem(msg.p, msg.len, "\nm=", 3);
	struct gw_sv cseq = cp_trace_header(msg, GW_SV("CSeq"), 0), word, method = GW_SV_NONE;

	if (!gw_sv_word(&msg, &word))
		word = GW_SV_NONE;
	if (gw_sv_eq(word, GW_SV("SIP/2.0")) && gw_sv_word(&msg, &word)) {
		(void)gw_sv_word(&cseq, &method);
		(void)gw_sv_word(&cseq, &method);
	}
	snprintf(dst, cap, "%.*s%s%.*s%s", (int)(word.len < 12 ? word.len : 12), word.p, method.len ? " " : "",
		(int)(method.len < 9 ? method.len : 9), method.len ? method.p : "", has_sdp ? " SDP" : "");
	for (; *dst; dst++)
		if (*dst < 0x20 || *dst > 0x7e)
			*dst = '?';
}

void cp_recent_begin(struct gw_sv call_id, enum cp_recent_lane lane, const char *invite)
{
	struct recent *set, *r;

	if (!cp_recent_on)
		return;
	if ((r = place(call_id))) {	/* the second leg of a call between two WICs, or a second try: it is no ended call */
		r->end[0] = '\0';
		return;
	}
	r = set = set_of(hash_of(call_id));
	for (unsigned i = 1; i < WAYS; i++)
		if (gives_way(&set[i], r))
			r = &set[i];
	*r = (struct recent){ .hash = hash_of(call_id), .began_ms = wall_ms() };
	if (invite)
		add(r, lane, false, invite);
}

/* Most messages are of no call, and cost a look at one word. */
static bool may_be_of_call(struct gw_sv msg)
{
	static const struct gw_sv none[] = { GW_SV_INIT("REGISTER "), GW_SV_INIT("OPTIONS "), GW_SV_INIT("MESSAGE "),
		GW_SV_INIT("SUBSCRIBE "), GW_SV_INIT("PUBLISH ") };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (gw_sv_starts(msg, none[i]))
			return false;
	return true;
}

void cp_recent_sip(enum cp_recent_lane lane, bool is_out, struct gw_sv msg)
{
	char label[LABEL_BYTES + 1];
	struct gw_sv call_id;
	struct recent *r;

	if (!cp_recent_on || !may_be_of_call(msg))
		return;
	call_id = cp_trace_header(msg, GW_SV("Call-ID"), 'i');
	if (!call_id.len || !(r = place(call_id)))
		return;
	label_of(msg, label, sizeof(label));
	add(r, lane, is_out, label);
}

void cp_recent_iq(bool is_out, const char *call_id, const char *what)
{
	struct recent *r = cp_recent_on ? place(gw_sv_cstr(call_id)) : NULL;

	if (r)
		add(r, CP_RECENT_IQ, is_out, what);
}

void cp_recent_end(const char *call_id, const char *why)
{
	struct recent *r = cp_recent_on ? place(gw_sv_cstr(call_id)) : NULL;

	if (r)
		snprintf(r->end, sizeof(r->end), "%s", why);
}

json_t *cp_recent_show(void *user, struct gw_sv call_id)
{
	static const char *const sides[] = { "w2", "mw", "iq" };
	const struct recent *r = cp_recent_on && call_id.len ? place(call_id) : NULL;
	json_t *steps;

	(void)user;
	if (!r)
		return cp_ctl_error(cp_recent_on ? "no call of late has this Call-ID" : "records.recent_calls is 0: nothing is kept");
	steps = json_array();
	for (uint32_t i = 0, k; i < r->n_steps; i++) {
		if (i >= STEPS_FIRST && i + (STEPS - STEPS_FIRST) < r->n_steps)
			continue;	/* another one has its place */
		k = i < STEPS_FIRST ? i : STEPS_FIRST + (i - STEPS_FIRST) % (STEPS - STEPS_FIRST);
		json_array_append_new(steps, json_pack("{s:f, s:s, s:s, s:s}", "time", (double)(r->began_ms + r->steps[k].ms) / 1e3,
			"side", sides[r->steps[k].lane], "dir", r->steps[k].is_out ? "out" : "in", "label", r->steps[k].label));
	}
	return json_pack("{s:o, s:I, s:s?}", "steps", steps, "left_out", r->n_steps > STEPS ? (json_int_t)(r->n_steps - STEPS) : 0,
		"end", r->end[0] ? r->end : NULL);
}
