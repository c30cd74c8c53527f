/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one message a file of a folder, writes what our encoder makes of it in both spellings. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "proto/iq/iq.h"

/* A request with a mistake in it: the golden dialogues have many; nobody would write one. */
static bool is_at_fault(const struct iq_msg *m)
{
	for (unsigned t = 0; t < m->n_txns; t++)
		for (unsigned a = 0; m->txns[t].kind == IQ_REQUEST && a < m->txns[t].n_actions; a++)
			for (unsigned c = 0; c < m->txns[t].actions[a].n_cmds; c++)
				if (m->txns[t].actions[a].error || m->txns[t].actions[a].cmds[c].error)
					return true;
	return false;
}

static int emit(const char *out, const char *name, const struct iq_msg *m, bool is_long)
{
	static char text[65536];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct iq_codec c = { is_long };
	char path[4096];
	FILE *f;

	if (iq_encode(m, &c, &b))
		return 1;
	snprintf(path, sizeof(path), "%s/%s.%s", out, name, is_long ? "long" : "short");
	f = fopen(path, "w");
	if (!f)
		return 1;
	fwrite(b.p, 1, b.len, f);
	fclose(f);
	return 0;
}

int main(int argc, char **argv)
{
	DIR *d = argc == 3 ? opendir(argv[1]) : NULL;
	static char in[65536];
	struct dirent *e;
	int bad = 0;

	while (d && (e = readdir(d))) {
		struct gw_arena a = GW_ARENA_INIT(0);
		char path[4096];
		struct iq_msg m;
		FILE *f;
		size_t n;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		f = fopen(path, "r");
		if (!f)
			return 1;
		n = fread(in, 1, sizeof(in), f);
		fclose(f);
		if (iq_decode(&a, gw_sv(in, n), &m, NULL) || (!is_at_fault(&m) &&
			(emit(argv[2], e->d_name, &m, true) || emit(argv[2], e->d_name, &m, false)))) {
			printf("%s: our codec refuses it\n", e->d_name);
			bad = 1;
		}
		gw_arena_reset(&a);
	}
	if (d)
		closedir(d);
	return bad || !d;
}
