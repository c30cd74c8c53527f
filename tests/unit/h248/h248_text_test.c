/* SPDX-License-Identifier: Apache-2.0 */
/* The text encoding of H.248: printing and reading are inverse; mistakes have their place, sentence and code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/h248/generate.h"

static unsigned long rounds = 20000;	/* the first argument; 10^6 takes a few minutes */

static void what_is_printed_is_read_as_the_same_tree(void **state)
{
	static char text[H248_MAX_BYTES];

	(void)state;
	for (unsigned long i = 0; i < rounds; i++) {
		struct gw_arena a = GW_ARENA_INIT(8u << 20), b = GW_ARENA_INIT(8u << 20);
		struct gw_buf out = gw_buf(text, sizeof(text));
		struct h248_message m, n;
		struct gw_diag d = { 0, "" };

		generate(i, 1 + i % 3, &a, &m);
		assert_int_equal(h248_print(&m, i / 3 % 2, &out), GW_OK);
		if (h248_parse(&n, &b, gw_buf_sv(&out), &d) || n.n_faults || !same_items(m.body, n.body))
			fail_msg("seed %lu: %s at %zu (%u faults) of\n%.*s", i, d.what, d.off, n.n_faults,
				GW_SV_FMT(gw_buf_sv(&out)));
		assert_true(gw_sv_eq(m.mid, n.mid));
		gw_arena_reset(&a);
		gw_arena_reset(&b);
	}
}

static void mutated_messages_are_read_or_refused(void **state)
{
	static char text[H248_MAX_BYTES], bad[H248_MAX_BYTES], again[H248_MAX_BYTES];
	unsigned long read = 0;

	(void)state;
	for (unsigned long i = 0; i < rounds; i++) {
		struct gw_arena a = GW_ARENA_INIT(8u << 20), b = GW_ARENA_INIT(8u << 20), c = GW_ARENA_INIT(8u << 20);
		struct gw_buf out = gw_buf(text, sizeof(text)), twice = gw_buf(again, sizeof(again));
		struct h248_message m, n, k;
		size_t len;

		generate(i, 1 + i % 3, &a, &m);
		assert_int_equal(h248_print(&m, false, &out), GW_OK);
		len = mutate(i, text, out.len, bad, sizeof(bad));
		if (h248_parse(&n, &b, gw_sv(bad, len), NULL) == GW_OK && n.n_faults == 0 &&
			h248_print(&n, true, &twice) == GW_OK) {
			read++;
			if (h248_parse(&k, &c, gw_buf_sv(&twice), NULL) || k.n_faults || !same_items(n.body, k.body))
				fail_msg("seed %lu:\n%.*s\n%.*s", i, (int)len, bad, GW_SV_FMT(gw_buf_sv(&twice)));
		}
		gw_arena_reset(&a);
		gw_arena_reset(&b);
		gw_arena_reset(&c);
	}
	assert_in_range(read, rounds / 100, rounds);	/* else it would say nothing */
}

static void mistakes_have_place_sentence_and_code(void **state)
{
	static const struct {
		const char *text;
		unsigned message, transaction, action, command;
	} rows[] = {
		{ "HELLO", 400, 0, 0, 0 }, { "!/3", 400, 0, 0, 0 }, { "!/3 [192.0.2.999] T=1{C=-{AV=ROOT}}", 400, 0, 0, 0 },
		{ "!/3 a T={C=-{AV=ROOT}}", 400, 0, 0, 0 }, { "!/3 a T=99999999999{C=-{AV=ROOT}}", 400, 0, 0, 0 },
		{ "!/3 a T=1", 400, 0, 0, 0 }, { "!/3 a ER=400{\"x\"} T=1{C=-{AV=ROOT}}", 400, 0, 0, 0 },
		{ "AU=0x12345678:0x1:0x00 !/3 a T=1{C=-{AV=ROOT}}", 400, 0, 0, 0 },
		{ "!/3 a K{5-4-3}", 400, 0, 0, 0 }, { "!/2 a SM=1/2", 400, 0, 0, 0 },
		{ "!/3 a T=1{}", 0, 403, 0, 0 }, { "!/3 a T=1{ER=400{}}", 0, 403, 0, 0 }, { "!/3 a P=1{C=1,IA}", 0, 403, 0, 0 },
		{ "!/3 a T=1{C=0{AV=ROOT}}", 0, 0, 422, 0 }, { "!/3 a T=1{C=1{}}", 0, 0, 422, 0 },
		{ "!/3 a T=1{C=1{PR=3,PR=4}}", 0, 0, 422, 0 }, { "!/3 a T=1{C=1{TP{a,b},AV=a}}", 0, 0, 422, 0 },
		{ "!/2 a T=1{C=1{IEPS=ON,AV=a}}", 0, 0, 443, 0 }, { "!/3 a T=1{C=1{Zork=a}}", 0, 0, 443, 0 },
		{ "!/3 a T=1{C=1{W-O-A=a}}", 0, 0, 443, 0 }, { "!/3 a T=1{C=1{MF}}", 0, 0, 0, 410 },
		{ "!/2 a T=1{C=1{MF=[a,b]}}", 0, 0, 0, 410 }, { "!/3 a T=1{C=1{MF=a{}}}", 0, 0, 0, 442 },
		{ "!/3 a T=1{C=1{MF=a{Zork}}}", 0, 0, 0, 444 }, { "!/3 a T=1{C=1{S=a{M{O{MO=SR}}}}}", 0, 0, 0, 447 },
		{ "!/3 a T=1{C=1{MF=a{E,E}}}", 0, 0, 0, 448 }, { "!/3 a T=1{C=1{MF=a{M{ST=1{L{},L{}}}}}}", 0, 0, 0, 448 },
		{ "!/3 a T=1{C=1{MF=a{M{ST=1{L{}},R{}}}}}", 0, 0, 0, 442 }, { "!/3 a T=1{C=1{MF=a{M{O{zork=1}}}}}", 0, 0, 0, 445 },
		{ "!/3 a T=1{C=1{MF=a{M{O{a/b=1,a/b=2}}}}}", 0, 0, 0, 456 }, { "!/3 a T=1{C=1{MF=a{M{O{MO=UP}}}}}", 0, 0, 0, 517 },
		{ "!/3 a T=1{C=1{MF=a{M{O{RV=MAYBE}}}}}", 0, 0, 0, 449 }, { "!/3 a T=1{C=1{MF=a{E{g/cause}}}}", 0, 0, 0, 442 },
		{ "!/3 a T=1{C=1{MF=a{E=1{g/cause{}}}}}", 0, 0, 0, 442 }, { "!/3 a T=1{C=1{MF=a{SG{}}}}", 0, 0, 0, 442 },
		{ "!/3 a T=1{C=1{MF=a{E=1{g/cause{1x=2}}}}}", 0, 0, 0, 446 }, { "!/2 a T=1{C=1{MF=a{M{SA{rtp/ps}}}}}", 0, 0, 0, 444 },
		{ "!/3 a T=1{C=-{SC=ROOT{SV{MT=RS}}}}", 0, 0, 0, 442 },
		{ "!/3 a T=1{C=-{SC=ROOT{SV{MT=RS,RE=901,AD=1,MG=b}}}}", 0, 0, 0, 442 },
		{ "!/3 a T=1{C=1{N=a{OE=1{2026T1:g/cause}}}}", 0, 0, 0, 442 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gw_arena a = GW_ARENA_INIT(0);
		const struct h248_item *t, *x, *c;
		struct h248_message m;
		struct gw_diag d;
		bool is_refused = h248_parse(&m, &a, gw_sv_cstr(rows[i].text), &d) == GW_EBADMSG;

		if (is_refused != (rows[i].message != 0) || (is_refused && m.refusal != rows[i].message))
			fail_msg("%s: %s", rows[i].text, d.what);
		if (d.what[0] == '\0' || d.off > strlen(rows[i].text))
			fail_msg("%s: no sentence", rows[i].text);
		if (!is_refused) {
			t = m.body;
			x = t->child;
			c = x ? x->child : NULL;
			if ((t->fault ? t->fault->code : 0) != rows[i].transaction ||
				(rows[i].action && (x->fault ? x->fault->code : 0) != rows[i].action) ||
				(rows[i].command && (c->fault ? c->fault->code : 0) != rows[i].command))
				fail_msg("%s: %s", rows[i].text, d.what);
		}
		gw_arena_reset(&a);
	}
}

static void octets_end_at_the_first_brace_that_is_not_escaped(void **state)
{
	struct gw_arena a = GW_ARENA_INIT(0);
	struct h248_message m;
	const struct h248_item *l;
	char out[256];
	struct gw_buf b = gw_buf(out, sizeof(out));

	(void)state;
	assert_int_equal(h248_parse(&m, &a, GW_SV("!/3 a T=1{C=1{MF=x{M{L{\r\na=b \\} c \\d {\r\n}}}}}"), NULL), GW_OK);
	assert_int_equal(m.n_faults, 0);
	l = m.body->child->child->child->child;
	assert_true(gw_sv_eq(l->raw, GW_SV("a=b } c \\d {\r\n")));
	assert_int_equal(h248_print(&m, false, &b), GW_EINVAL);	/* T-7: read, never written */
	gw_arena_reset(&a);
}

static void words_are_tokens_only_where_the_grammar_says_so(void **state)
{
	struct gw_arena a = GW_ARENA_INIT(0);
	struct h248_message m;
	const struct h248_item *e;

	(void)state;
	/* T-8: IT, IN and EX are tokens elsewhere */
	assert_int_equal(h248_parse(&m, &a, GW_SV("!/3 Add T=1{C=1{MF=x{E=1{it/ito{it=IN,dir=EX,KA=1}}}}}"), NULL), GW_OK);
	assert_int_equal(m.n_faults, 0);
	e = m.body->child->child->child->child;
	for (const struct h248_item *p = e->child; p; p = p->next)
		assert_int_equal(p->token, H248_TOK_NONE);
	gw_arena_reset(&a);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_printed_is_read_as_the_same_tree),
		cmocka_unit_test(mutated_messages_are_read_or_refused),
		cmocka_unit_test(mistakes_have_place_sentence_and_code),
		cmocka_unit_test(octets_end_at_the_first_brace_that_is_not_escaped),
		cmocka_unit_test(words_are_tokens_only_where_the_grammar_says_so) };

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
