/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our side of the comparison with Erlang's megaco. Messages in files have four octets of length before them.
 *   made N OUT            N legal messages by chance
 *   mutated N OUT         N messages with some parts or octets changed
 *   judge IN BACK AGAIN   what megaco made of IN: do both read it, and does it mean the same to both? What differs is written
 *                         to AGAIN without what megaco is known not to read; without AGAIN no difference is explained
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/func/oracle/beyond.h"
#include "tests/func/oracle/messages.h"
#include "tests/unit/h248/generate.h"

#define MAX_FILE (400u << 20)

static void put(FILE *f, struct gw_sv s)
{
	const unsigned char n[4] = { (unsigned char)(s.len >> 24), (unsigned char)(s.len >> 16), (unsigned char)(s.len >> 8),
		(unsigned char)s.len };

	fwrite(n, 1, 4, f);
	fwrite(s.p, 1, s.len, f);
}

static struct gw_sv load(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *p = malloc(MAX_FILE);
	size_t n;

	if (!f || !p)
		exit(2);
	n = fread(p, 1, MAX_FILE, f);
	fclose(f);
	return gw_sv(p, n);
}

static int emit(unsigned long n, FILE *f, bool is_mutated)
{
	static char text[H248_MAX_BYTES], bad[H248_MAX_BYTES];

	for (unsigned long i = 0, done = 0; f && done < n; i++) {
		struct gw_arena a = GW_ARENA_INIT(8u << 20);
		struct gw_buf b = gw_buf(text, sizeof(text));
		struct h248_message m;

		generate(i + 7000000, 1 + i % 3, &a, &m);
		if (is_mutated && i % 4)	/* three of four stay a tree */
			mutate_tree(i, &a, &m);
		if (h248_print(&m, i / 3 % 2, &b) == GW_OK) {
			put(f, is_mutated && i % 4 == 0 ? gw_sv(bad, mutate(i, text, b.len, bad, sizeof(bad))) : gw_buf_sv(&b));
			done++;
		} else if (!is_mutated) {
			return 1;
		}
		gw_arena_reset(&a);
	}
	return f ? fclose(f) : 1;
}

/* ---- what a tree means: whatever the case, the quotes, and the order where none is meant ------------------- */

static void put_lower(struct gw_buf *b, struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++)
		gw_buf_putc(b, gw_lower(s.p[i]));
}

static int compare(const void *a, const void *b)
{
	return gw_sv_cmp(*(const struct gw_sv *)a, *(const struct gw_sv *)b);
}

static void meaning(struct gw_arena *a, const struct h248_item *first, bool has_order, struct gw_buf *out);

/* Numbers may have zeros in front, 4294967295 as a RequestID means all, segments are another matter. */
static void value(struct gw_buf *b, const struct h248_item *v)
{
	struct gw_sv s = v->value, id, rest, number;
	uint32_t n;

	if (v->value_token)
		put_lower(b, h248_token_text(v->value_token, true));
	else if (gw_sv_u32(s, &n) == GW_OK && n != UINT32_MAX)
		gw_buf_u64(b, n);
	else if (gw_sv_eq(s, GW_SV("4294967295")))
		gw_buf_putc(b, '*');
	else if (gw_sv_cut(s, '/', &id, &rest) && gw_sv_cut(rest, '/', &number, &rest) && (gw_sv_ieq(rest, GW_SV("END")) || gw_sv_eq(rest, GW_SV("&"))))
		put_lower(b, id);
	else
		put_lower(b, s);
}

/* An acknowledged transaction, or the first and the last of several. */
static void name(struct gw_buf *b, const struct h248_item *it)
{
	struct gw_sv first, last;
	uint32_t n;

	if (!gw_sv_cut(it->name, '-', &first, &last) || gw_sv_u32(last, &n))
		last = GW_SV_NONE;
	if (gw_sv_u32(first, &n))
		put_lower(b, it->name);
	else
		gw_buf_u64(b, n);
	if (last.len && gw_sv_u32(first, &n) == GW_OK && gw_sv_u32(last, &n) == GW_OK)
		gw_buf_printf(b, "-%u", n);
}

static void one(struct gw_arena *a, const struct h248_item *it, struct gw_buf *b)
{
	static const struct gw_sv blanks = GW_SV_INIT(" \t\r\n");

	put_lower(b, it->timestamp);
	for (size_t i = 0; it->token && i + 2 < it->name.len && it->name.p[i + 1] == '-'; i += 2)
		gw_buf_putc(b, gw_lower(it->name.p[i]));
	if (it->token)
		put_lower(b, h248_token_text(it->token, true));
	else
		name(b, it);
	if (it->relation || it->bracket) {
		gw_buf_putc(b, it->relation ? it->relation : '=');
		/* a list of one is that one */
		if (it->list)
			gw_buf_putc(b, it->bracket);
		value(b, it);
		for (const struct h248_item *v = it->list; v; v = v->next) {
			gw_buf_putc(b, ',');
			value(b, v);
		}
	}
	if (!it->has_braces)
		return;
	gw_buf_putc(b, '{');
	for (size_t i = 0; i < it->raw.len; i++)
		if (gw_sv_chr(blanks, it->raw.p[i], 0) == blanks.len)
			gw_buf_putc(b, it->raw.p[i]);
	meaning(a, it->child, it->token == H248_TOK_TOPOLOGY || it->token == H248_TOK_SIGNAL_LIST, b);
	gw_buf_putc(b, '}');
}

static void meaning(struct gw_arena *a, const struct h248_item *first, bool has_order, struct gw_buf *out)
{
	unsigned n = 0, i = 0;
	struct gw_sv *texts;

	for (const struct h248_item *it = first; it; it = it->next)
		n++;
	texts = gw_arena_array(a, struct gw_sv, n + 1);
	for (const struct h248_item *it = first; texts && it; it = it->next) {
		struct gw_buf b = gw_buf(out->p + out->len, out->cap - out->len);	/* the room behind, for a moment */

		one(a, it, &b);
		texts[i++] = gw_arena_sv(a, gw_buf_sv(&b));
	}
	if (!has_order)
		qsort(texts, n, sizeof(*texts), compare);
	for (i = 0; i < n; i++) {
		gw_buf_put(out, texts[i]);
		gw_buf_putc(out, ';');
	}
}

static bool read_meaning(struct gw_sv s, struct gw_buf *out, struct gw_diag *d)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 30);
	struct h248_message m;
	bool ok = h248_parse(&m, &a, s, d) == GW_OK && m.n_faults == 0;

	if (ok)
		meaning(&a, m.body, true, out);
	gw_arena_reset(&a);
	return ok;
}

/* ---- both verdicts -------------------------------------------------------------------------------------- */

enum outcome { SAME, NEITHER, THEY_READ, WE_READ, BROKEN, UNREAD, OTHER, OUTCOMES };

static const char *const outcome_names[] = { "same", "neither", "they read", "we read", "broken", "unread", "other" };

/* What megaco said of one message. */
struct answer {
	unsigned char verdict;		/* 0: refused, 1: read, 2: read, but what it makes of it is none */
	struct gw_sv again[2];		/* what it made of it, compact and pretty */
};

static bool next_answer(struct gw_sv *back, struct answer *out)
{
	if (back->len == 0)
		return false;
	out->verdict = (unsigned char)back->p[0];
	*back = gw_sv_sub(*back, 1, back->len);
	return out->verdict != 1 || (take_message(back, &out->again[0]) && take_message(back, &out->again[1]));
}

static enum outcome compared(struct gw_sv text, const struct answer *theirs, struct gw_diag *d)
{
	static char x[H248_MAX_BYTES * 4], y[H248_MAX_BYTES * 4];
	struct gw_buf b = gw_buf(x, sizeof(x)), c = gw_buf(y, sizeof(y));

	if (!read_meaning(text, &b, d))
		return theirs->verdict ? THEY_READ : NEITHER;
	if (theirs->verdict != 1)
		return theirs->verdict ? BROKEN : WE_READ;
	for (int i = 0; i < 2; i++) {
		c.len = 0;
		if (!read_meaning(theirs->again[i], &c, d))
			return UNREAD;
		if (!gw_sv_eq(gw_buf_sv(&b), gw_buf_sv(&c)))
			return OTHER;
	}
	return SAME;
}

/* The message without what megaco is known not to read; false: there was nothing of the kind. */
static bool explain(struct gw_sv text, enum outcome o, FILE *again)
{
	static char without[H248_MAX_BYTES];
	struct gw_arena a = GW_ARENA_INIT(8u << 20);
	struct gw_buf b = gw_buf(without, sizeof(without));
	struct h248_message m;
	uint32_t found = 0;

	if (h248_parse(&m, &a, text, NULL) == GW_OK)
		found = beyond_take_out(&m, &a);
	if (found && h248_print(&m, false, &b) == GW_OK) {
		put(again, gw_buf_sv(&b));
		printf("%s\t", outcome_names[o]);
		for (unsigned i = 0; beyond_name(i); i++)
			if (found >> i & 1)
				printf("%s;", beyond_name(i));
		putchar(0);
	}
	gw_arena_reset(&a);
	return found && !b.overflow;
}

/* @return 0; the counts go to stderr, differences to stdout, each ended by an octet 0, what is to be asked again to a file */
static int judge(struct gw_sv in, struct gw_sv back, FILE *again)
{
	unsigned long n[OUTCOMES] = { 0 };
	struct answer theirs;
	struct gw_sv m;

	while (take_message(&in, &m)) {
		struct gw_diag d = { 0, "" };
		enum outcome o;

		if (!next_answer(&back, &theirs))
			return 2;
		o = compared(m, &theirs, &d);
		n[o]++;
		if (o == SAME || (o == NEITHER && again))
			continue;
		if (o == THEY_READ)
			printf("they read\t%s\tat %zu of %.*s%c", d.what, d.off, GW_SV_FMT(m), 0);
		else if (!again || !explain(m, o, again))
			printf("UNEXPLAINED\t%s\t%.*s\n  megaco: %.*s%c", outcome_names[o], GW_SV_FMT(m),
				GW_SV_FMT(o == OTHER || o == UNREAD ? theirs.again[0] : GW_SV_NONE), 0);
	}
	for (unsigned i = 0; i < OUTCOMES; i++)
		fprintf(stderr, "%s%s: %lu", i ? ", " : "", outcome_names[i], n[i]);
	fputc('\n', stderr);
	return again ? fclose(again) : 0;
}

int main(int argc, char **argv)
{
	struct gw_sv what = argc > 3 ? gw_sv_cstr(argv[1]) : GW_SV_NONE;

	if (gw_sv_eq(what, GW_SV("made")) || gw_sv_eq(what, GW_SV("mutated")))
		return emit(strtoul(argv[2], NULL, 10), fopen(argv[3], "wb"), what.p[1] == 'u');
	if (gw_sv_eq(what, GW_SV("judge")))
		return judge(load(argv[2]), load(argv[3]), argc > 4 ? fopen(argv[4], "wb") : NULL);
	fprintf(stderr, "usage: oracle_emit made|mutated N OUT | judge IN BACK [AGAIN]\n");
	return 2;
}
