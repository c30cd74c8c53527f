/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w2gw-bench-iq-codec FILE ROUNDS: microseconds a message of FILE, each with four octets of length before it. parse and print:
 * H.248 text from and to its tree; decode and encode: Iq from text to what it asks, and back. Prints one JSON object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/h248/text.h"
#include "proto/iq/iq.h"
#include "tests/func/oracle/messages.h"

#define MAX_FILE (1u << 20)

enum work { PARSE, PRINT, DECODE, ENCODE, WORKS };

static const char *const names[WORKS] = { "parse_us", "print_us", "decode_us", "encode_us" };
static double spent[WORKS];

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The memory of a message is part of what it costs. */
static enum gw_err as_tree(struct gw_sv text, char *out, size_t cap)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 20);
	struct gw_buf b = gw_buf(out, cap);
	double t0 = seconds(), t1;
	struct h248_message m;
	enum gw_err err = h248_parse(&m, &a, text, NULL);

	t1 = seconds();
	spent[PARSE] += t1 - t0;
	if (!err)
		err = h248_print(&m, false, &b);
	spent[PRINT] += seconds() - t1;
	gw_arena_reset(&a);
	return err;
}

static enum gw_err as_iq(struct gw_sv text, char *out, size_t cap)
{
	static const struct iq_codec codec = { .long_tokens = false };
	struct gw_arena a = GW_ARENA_INIT(1u << 20);
	struct gw_buf b = gw_buf(out, cap);
	double t0 = seconds(), t1;
	struct iq_msg m;
	enum gw_err err = iq_decode(&a, text, &m, NULL);

	t1 = seconds();
	spent[DECODE] += t1 - t0;
	if (!err)
		err = iq_encode(&m, &codec, &b);
	spent[ENCODE] += seconds() - t1;
	gw_arena_reset(&a);
	return err;
}

int main(int argc, char **argv)
{
	static char in[MAX_FILE], out[H248_MAX_BYTES];
	FILE *f = argc == 3 ? fopen(argv[1], "rb") : NULL;
	unsigned long n = 0, rounds = f ? strtoul(argv[2], NULL, 10) : 0;
	struct gw_sv all = f ? gw_sv(in, fread(in, 1, sizeof(in), f)) : GW_SV_NONE;

	for (unsigned long i = 0; i < rounds; i++) {
		struct gw_sv rest = all, m;

		for (; take_message(&rest, &m); n++)
			if (as_tree(m, out, sizeof(out)) || as_iq(m, out, sizeof(out))) {
				fprintf(stderr, "w2gw-bench-iq-codec: not read: %.*s\n", GW_SV_FMT(m));
				return 1;
			}
	}
	if (n == 0) {
		fputs("usage: w2gw-bench-iq-codec FILE ROUNDS\n", stderr);
		return 2;
	}
	for (unsigned w = 0; w < WORKS; w++)
		printf("%s\"%s\": %.3f", w ? ", " : "{", names[w], spent[w] * 1e6 / (double)n);
	puts("}");
	return 0;
}
