/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/gen/sample.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t percentile(const uint32_t *sorted, uint32_t n, double p)
{
	return n ? sorted[(uint32_t)((double)(n - 1) * p)] : 0;
}

enum gw_err gen_samples_new(struct gen_samples *s)
{
	s->n = s->n_slices = 0;
	s->slice[0] = 0;
	s->v = calloc(GEN_SAMPLES_MAX, sizeof(*s->v));
	for (uint32_t i = 0; s->v && i < GEN_SAMPLES_MAX; i += 1024)
		((volatile uint32_t *)s->v)[i] = 1;	/* the kernel gives the pages now and not while the clock runs */
	return s->v ? GW_OK : GW_ENOMEM;
}

void gen_samples_free(struct gen_samples *s)
{
	free(s->v);
	s->v = NULL;
}

void gen_samples_cut(struct gen_samples *s)
{
	if (s->n_slices < GEN_SLICES_MAX && s->n > s->slice[s->n_slices])
		s->slice[++s->n_slices] = s->n;
}

uint32_t gen_samples_sliced(struct gen_samples *s, double p)
{
	static uint32_t of[GEN_SLICES_MAX];

	for (uint32_t i = 0; i < s->n_slices; i++) {
		uint32_t n = s->slice[i + 1] - s->slice[i];

		qsort(s->v + s->slice[i], n, sizeof(*s->v), ascending);
		of[i] = percentile(s->v + s->slice[i], n, p);
	}
	qsort(of, s->n_slices, sizeof(*of), ascending);
	return percentile(of, s->n_slices, 0.5);
}

uint32_t gen_samples_raw(struct gen_samples *s, double p)
{
	qsort(s->v, s->n, sizeof(*s->v), ascending);
	return percentile(s->v, s->n, p);
}
