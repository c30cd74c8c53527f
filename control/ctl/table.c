/* SPDX-License-Identifier: Apache-2.0 */
/* JSON answers as tables for people; what strangers wrote cannot command the terminal (threat P11). */
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"

#define COLUMNS_MAX 24

/* Bytes of the printable character at s, in UTF-8 as jansson has checked it; 0: a control character. */
static size_t printable(const unsigned char *s)
{
	if (s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0))
		return 0;
	/* characters that turn the direction of what follows (U+202A to U+202E, U+2066 to U+2069) */
	if (s[0] == 0xe2 && ((s[1] == 0x80 && s[2] >= 0xaa && s[2] <= 0xae) ||
		(s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)))
		return 0;
	return s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
}

void ctl_put_escaped(FILE *f, const char *s, bool keep_lines)
{
	const unsigned char *p = (const unsigned char *)s;

	for (size_t n; *p; p += n) {
		n = printable(p);
		if (n) {
			fwrite(p, 1, n, f);
		} else if (keep_lines && (*p == '\n' || *p == '\r' || *p == '\t')) {
			if (*p != '\r')
				fputc(*p, f);
			n = 1;
		} else {
			fprintf(f, "\\x%02x", *p);
			n = 1;
		}
	}
}

size_t ctl_width(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t width = 0;

	for (size_t n; *p; p += n ? n : 1) {
		n = printable(p);
		width += n ? 1 : 4;
	}
	return width;
}

static const char *text_of(const json_t *v, char tmp[32])
{
	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_integer(v))
		snprintf(tmp, 32, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		snprintf(tmp, 32, "%s", json_is_true(v) ? "yes" : "no");
	else
		snprintf(tmp, 32, "-");
	return tmp;
}

static void put_padded(const char *s, size_t width)
{
	ctl_put_escaped(stdout, s, false);
	for (size_t n = ctl_width(s); n < width + 2; n++)
		putchar(' ');
}

static void print_pairs(json_t *object)
{
	const char *key;
	json_t *v;
	char tmp[32];

	json_object_foreach(object, key, v) {
		put_padded(key, 38);
		ctl_put_escaped(stdout, text_of(v, tmp), false);
		putchar('\n');
	}
}

/* Rows of flat objects as an aligned table; the first row names the columns. */
static void print_rows(json_t **rows, size_t n)
{
	const char *columns[COLUMNS_MAX], *key;
	size_t width[COLUMNS_MAX];
	unsigned n_columns = 0;
	char tmp[32];
	json_t *v;

	json_object_foreach(rows[0], key, v)
		if (n_columns < COLUMNS_MAX)
			columns[n_columns++] = key;
	for (unsigned c = 0; c < n_columns; c++) {
		width[c] = ctl_width(columns[c]);
		for (size_t i = 0; i < n; i++) {
			size_t w = ctl_width(text_of(json_object_get(rows[i], columns[c]), tmp));

			width[c] = w > width[c] ? w : width[c];
		}
		put_padded(columns[c], width[c]);
	}
	putchar('\n');
	for (size_t i = 0; i < n; i++) {
		for (unsigned c = 0; c < n_columns; c++)
			put_padded(text_of(json_object_get(rows[i], columns[c]), tmp), width[c]);
		putchar('\n');
	}
}

void ctl_print_tables(json_t *j)
{
	size_t n = 0, cap = json_is_array(j) ? json_array_size(j) : json_object_size(j);
	json_t **rows = calloc(cap ? cap : 1, sizeof(*rows)), *v;
	const char *key;
	size_t i;

	if (json_is_array(j)) {
		json_array_foreach(j, i, v)
			if (rows && json_is_object(v))
				rows[n++] = v;
	} else {
		json_object_foreach(j, key, v)
			if (rows && json_is_object(v))
				rows[n++] = v;
	}
	if (n)
		print_rows(rows, n);
	else if (json_is_object(j) && cap)
		print_pairs(j);
	else
		puts("(none)");
	free(rows);
}

void ctl_print(FILE *f, json_t *j, bool as_json)
{
	if (!as_json) {
		ctl_print_tables(j);
		return;
	}
	json_dumpf(j, f, JSON_INDENT(1) | JSON_ENSURE_ASCII);
	fputc('\n', f);
}
