/* SPDX-License-Identifier: Apache-2.0 */
/* Times of single packets, in slices of 20 ms. */
#ifndef GEN_SAMPLE_H
#define GEN_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

#define GEN_SAMPLES_MAX (8u << 20)
#define GEN_SLICES_MAX 4096u

struct gen_samples {
	uint32_t *v, n;            /* cycles */
	uint32_t slice[GEN_SLICES_MAX + 1], n_slices;   /* where each begins */
};

enum gw_err gen_samples_new(struct gen_samples *s);
void gen_samples_free(struct gen_samples *s);

static inline void gen_sample(struct gen_samples *s, uint64_t cycles)
{
	if (s->n < GEN_SAMPLES_MAX)
		s->v[s->n++] = cycles > UINT32_MAX ? UINT32_MAX : (uint32_t)cycles;
}

/** Here a slice ends. */
void gen_samples_cut(struct gen_samples *s);
/**
 * Percentile p (0..1) of each slice, and of these the median: what a packet sees while the host leaves the
 * guest its CPU. Sorts the slices.
 */
uint32_t gen_samples_sliced(struct gen_samples *s, double p);
/** Percentile over everything. Sorts all; slices are gone. */
uint32_t gen_samples_raw(struct gen_samples *s, double p);

#endif
