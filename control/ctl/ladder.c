/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder of a trace: one column each for the WIC, epcscf, the core and the media gateway. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/ctl/ctl.h"

#define WIDTH 26	/* between two columns */
#define MARGIN 15	/* in front of the first: the time and two blanks */

const char *ctl_time_text(json_t *record, char dst[32])
{
	double t = json_real_value(json_object_get(record, "time"));
	time_t s = (time_t)t;
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(dst, 32, "%H:%M:%S", &tm);
	snprintf(dst + n, 32 - n, ".%03u", (unsigned)((t - (double)s) * 1000) % 1000u);
	return dst;
}

void ctl_ladder_head(FILE *f)
{
	static const char *const names[] = { "WIC", "epcscf", "core", "gateway" };

	for (int i = 0; i < 4; i++) {
		int before = (int)strlen(names[i]) / 2, gap = i ? WIDTH : MARGIN;

		if (i)
			gap -= (int)strlen(names[i - 1]) - (int)strlen(names[i - 1]) / 2;
		fprintf(f, "%*s%s", gap - before, "", names[i]);
	}
	fputc('\n', f);
}

/* "INVITE sip:bob@home1.example", "180 Ringing (INVITE)", and what is in the body. */
static void label(json_t *record, char *dst, size_t cap)
{
	const char *text = json_string_value(json_object_get(record, "text"));
	const char *made = json_string_value(json_object_get(record, "label"));
	const char *side = json_string_value(json_object_get(record, "side"));
	char first[128] = "", cseq[64] = "";
	const char *p;
	bool has_sdp;

	if (made) {
		snprintf(dst, cap, "%s", made);
		return;
	}
	text = text ? text : "";
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(text, "\r\n"), text);
	if (side && strcmp(side, "iq") == 0) {
		snprintf(dst, cap, "%s", first);
		return;
	}
	p = strstr(text, "\nCSeq:");
	p = p ? p : strstr(text, "\ncseq:");
	if (p) {
		p += 6 + strspn(p + 6, " ");
		p += strspn(p, "0123456789");
		p += strspn(p, " ");
		snprintf(cseq, sizeof(cseq), "%.*s", (int)strcspn(p, " \r\n"), p);
	}
	has_sdp = strstr(text, "\nm=audio") || strstr(text, "\nm=video") || strstr(text, "\nm=application");
	if (strncmp(first, "SIP/2.0 ", 8) == 0)
		snprintf(dst, cap, "%.3s %s%s", first + 8, cseq, has_sdp ? " SDP" : "");
	else
		snprintf(dst, cap, "%.*s%s", (int)strcspn(first, " "), first, has_sdp ? " SDP" : "");
}

/* "--- label --->" of exactly n columns. */
static void arrow(FILE *f, const char *what, int n, bool to_right)
{
	char text[160];
	int room, len, left;

	snprintf(text, sizeof(text), "%.150s", what);
	for (len = (int)strlen(text); len > 0 && ((int)ctl_width(text) > n - 4 || (text[len] & 0xc0) == 0x80); len--)
		text[len - 1] = '\0';
	room = n - 1 - (int)ctl_width(text);
	left = room / 2;
	if (!to_right)
		fputc('<', f);
	for (int i = 0; i < left; i++)
		fputc('-', f);
	ctl_put_escaped(f, text, false);
	for (int i = left; i < room; i++)
		fputc('-', f);
	if (to_right)
		fputc('>', f);
}

void ctl_ladder_row(FILE *f, json_t *record)
{
	const char *side = json_string_value(json_object_get(record, "side"));
	const char *dir = json_string_value(json_object_get(record, "dir"));
	bool is_out = dir && strcmp(dir, "out") == 0;
	int from = 1, lane = 1;	/* lane n lies between columns n and n + 1 */
	char what[160], when[32];

	if (!side)
		return;
	label(record, what, sizeof(what));
	if (strcmp(side, "w2") == 0)
		lane = from = 0;
	else if (strcmp(side, "iq") == 0)
		from = 1, lane = 2;	/* across the core's column */
	fprintf(f, "%s%*s", ctl_time_text(record, when), MARGIN - 12, "");
	for (int c = 0; c < 4; c++) {
		fputc('|', f);
		if (c == 3)
			break;
		if (c == from) {
			int columns = lane - from + 1;

			arrow(f, what, columns * WIDTH - 1, lane == 0 ? !is_out : is_out);
			c += columns - 1;
		} else {
			fprintf(f, "%*s", WIDTH - 1, "");
		}
	}
	fputc('\n', f);
}
