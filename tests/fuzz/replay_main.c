/* SPDX-License-Identifier: Apache-2.0 */
/* Plays every file of a folder, each of its truncations and some bit flips through a fuzz target. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size + 1);	/* exactly sized, for the sanitizer */

	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

int main(int argc, char **argv)
{
	DIR *d = argc > 1 ? opendir(argv[1]) : NULL;
	static uint8_t buf[65536];
	struct dirent *e;
	unsigned files = 0;

	while (d && (e = readdir(d))) {
		char path[4096];
		FILE *f;
		size_t n;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		f = fopen(path, "rb");
		if (!f)
			return 1;
		n = fread(buf, 1, sizeof(buf), f);
		fclose(f);
		files++;
		for (size_t cut = 0; cut <= n; cut++)
			one(buf, cut);
		for (size_t i = 0; i < n; i++) {
			buf[i] ^= (uint8_t)(1u << i % 8);
			one(buf, n);
			buf[i] ^= (uint8_t)(1u << i % 8);
		}
	}
	if (d)
		closedir(d);
	printf("%u files\n", files);
	return files ? 0 : 1;
}
