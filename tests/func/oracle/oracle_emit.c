/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our side of the comparison with Erlang's megaco. Messages in files have four octets of length before them.
 *   made N OUT       N legal messages by chance
 *   mutated N OUT    N messages with some octets changed, as often legal as not
 *   same IN BACK     what megaco made of IN: is it read, and does it mean the same? One line a difference
 *   verdicts IN BACK "ours megaco-s sentence<tab>message" for each where one reads and the other refuses
 *   time IN ROUNDS   microseconds a message to read, and to print
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

static bool take(struct gw_sv *from, struct gw_sv *out)
{
	const unsigned char *p = (const unsigned char *)from->p;
	size_t n;

	if (from->len < 4)
		return false;
	n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (n > from->len - 4)
		return false;
	*out = gw_sv_sub(*from, 4, 4 + n);
	*from = gw_sv_sub(*from, 4 + n, from->len);
	return true;
}

/*
 * What H.248.1 allows and this version of megaco cannot read, as docs/decisions/012-h248-against-megaco.md has it:
 * none of it is ever sent on Iq.
 */
static bool is_beyond_megaco(const struct h248_item *it, unsigned version)
{
	for (; it; it = it->next)
		if ((it->token == H248_TOK_NONE && it->relation && (it->relation != '=' || it->bracket) &&
			    gw_sv_chr(it->name, '/', 0) == it->name.len) ||
			(it->token == H248_TOK_CONTEXT_AUDIT && version == 1) || it->token == H248_TOK_AND_SELECT ||
			it->token == H248_TOK_OR_SELECT || (it->token == H248_TOK_SEGMENT && it->next) ||
			it->token == H248_TOK_MODEM || it->token == H248_TOK_REGULATED_NOTIFY ||
			(it->token == H248_TOK_EMBED && it->child && !it->child->has_braces) ||
			(it->token == H248_TOK_CONTEXT_AUDIT && it->child && it->child->token == H248_TOK_CONTEXT_ATTR) ||
			(it->token == H248_TOK_AUDIT && it->has_braces && it->child) ||
			is_beyond_megaco(it->child, version))
			return true;
	return false;
}

static int emit(unsigned long n, FILE *f, bool is_mutated)
{
	static char text[H248_MAX_BYTES], bad[H248_MAX_BYTES];

	for (unsigned long i = 0, done = 0; f && done < n; i++) {
		struct gw_arena a = GW_ARENA_INIT(8u << 20);
		struct gw_buf b = gw_buf(text, sizeof(text));
		struct h248_message m;

		generate(i + 7000000, 1 + i % 3, &a, &m);
		if (h248_print(&m, i / 3 % 2, &b))
			return 1;
		done += is_mutated || !is_beyond_megaco(m.body, m.version);
		if (is_mutated || !is_beyond_megaco(m.body, m.version))
			put(f, is_mutated ? gw_sv(bad, mutate(i, text, b.len, bad, sizeof(bad))) : gw_buf_sv(&b));
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

static void value(struct gw_buf *b, const struct h248_item *v)
{
	if (v->value_token)
		put_lower(b, h248_token_text(v->value_token, true));
	else
		put_lower(b, gw_sv_ends(v->value, GW_SV("/&")) ? GW_SV("77/9/END") : v->value);
}

static void one(struct gw_arena *a, const struct h248_item *it, struct gw_buf *b)
{
	static const struct gw_sv blanks = GW_SV_INIT(" \t\r\n");

	put_lower(b, it->timestamp);
	for (size_t i = 0; it->token && i + 2 < it->name.len && it->name.p[i + 1] == '-'; i += 2)
		gw_buf_putc(b, gw_lower(it->name.p[i]));
	put_lower(b, it->token ? h248_token_text(it->token, true) : it->name);
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
		char *p = gw_arena_alloc(a, H248_MAX_BYTES);
		struct gw_buf b = gw_buf(p, p ? H248_MAX_BYTES : 0);

		one(a, it, &b);
		texts[i] = gw_buf_sv(&b);
		texts[i] = gw_arena_sv(a, texts[i]);
		i++;
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

static int same(struct gw_sv in, struct gw_sv back)
{
	static char x[H248_MAX_BYTES * 4], y[H248_MAX_BYTES * 4];
	unsigned long n = 0, refused = 0, broken = 0, unread = 0, other = 0;
	struct gw_sv m, e;

	while (take(&in, &m)) {
		unsigned char verdict = back.len ? (unsigned char)back.p[0] : 0;
		struct gw_buf b = gw_buf(x, sizeof(x)), c = gw_buf(y, sizeof(y));
		struct gw_diag d = { 0, "" };

		n++;
		back = gw_sv_sub(back, 1, back.len);
		if (verdict != 1) {
			verdict ? broken++ : refused++;
			printf("%s\t%.*s\n", verdict ? "BROKEN" : "REFUSED", GW_SV_FMT(m));
			continue;
		}
		if (!read_meaning(m, &b, &d))
			return 2;
		for (int i = 0; i < 2 && take(&back, &e); i++) {
			c.len = 0;
			if (!read_meaning(e, &c, &d)) {
				unread++;
				printf("UNREAD\t%s at %zu\t%.*s\n", d.what, d.off, GW_SV_FMT(e));
			} else if (!gw_sv_eq(gw_buf_sv(&b), gw_buf_sv(&c))) {
				other++;
				printf("OTHER\t%.*s\n\t%.*s\n", GW_SV_FMT(gw_buf_sv(&b)), GW_SV_FMT(gw_buf_sv(&c)));
			}
		}
	}
	printf("messages=%lu refused=%lu broken=%lu unread=%lu other=%lu\n", n, refused, broken, unread, other);
	return 0;
}

static int verdicts(struct gw_sv in, struct gw_sv back)
{
	unsigned long n = 0, both = 0, neither = 0;
	struct gw_sv m, e;

	for (; take(&in, &m) && back.len; n++) {
		bool theirs = back.p[0] != 0;
		struct gw_arena a = GW_ARENA_INIT(8u << 20);
		struct gw_diag d = { 0, "" };
		struct h248_message t;
		bool ours = h248_parse(&t, &a, m, &d) == GW_OK && t.n_faults == 0;

		struct gw_sv rest = gw_sv_sub(back, 1, back.len);

		if (back.p[0] == 1 && (!take(&rest, &e) || !take(&rest, &e)))
			return 2;
		back = rest;
		both += ours && theirs;
		neither += !ours && !theirs;
		if (ours != theirs)
			printf("%s\t%s\t%zu\t%.*s%c", ours ? "WE" : "THEY", d.what, d.off, GW_SV_FMT(m), 0);
		gw_arena_reset(&a);
	}
	fprintf(stderr, "messages=%lu both=%lu neither=%lu\n", n, both, neither);
	return 0;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int measure(struct gw_sv in, unsigned rounds)
{
	static char text[H248_MAX_BYTES];
	double read = 0, print = 0;
	unsigned long n = 0;

	for (unsigned i = 0; i < rounds; i++) {
		struct gw_sv all = in, m;

		while (take(&all, &m)) {
			struct gw_arena a = GW_ARENA_INIT(8u << 20);
			struct gw_buf b = gw_buf(text, sizeof(text));
			struct h248_message t;
			double t0 = seconds(), t1;

			if (h248_parse(&t, &a, m, NULL))
				return 1;
			t1 = seconds();
			if (h248_print(&t, false, &b))
				return 1;
			print += seconds() - t1;
			read += t1 - t0;
			gw_arena_reset(&a);
			n++;
		}
	}
	printf("%.3f %.3f\n", read * 1e6 / (double)n, print * 1e6 / (double)n);
	return 0;
}

int main(int argc, char **argv)
{
	struct gw_sv what = argc == 4 ? gw_sv_cstr(argv[1]) : GW_SV_NONE;

	if (gw_sv_eq(what, GW_SV("made")) || gw_sv_eq(what, GW_SV("mutated")))
		return emit(strtoul(argv[2], NULL, 10), fopen(argv[3], "wb"), what.p[1] == 'u');
	if (gw_sv_eq(what, GW_SV("same")))
		return same(load(argv[2]), load(argv[3]));
	if (gw_sv_eq(what, GW_SV("verdicts")))
		return verdicts(load(argv[2]), load(argv[3]));
	if (gw_sv_eq(what, GW_SV("time")))
		return measure(load(argv[2]), (unsigned)strtoul(argv[3], NULL, 10));
	fprintf(stderr, "usage: oracle_emit made|mutated N OUT | same|verdicts IN BACK | time IN ROUNDS\n");
	return 2;
}
