/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters declared once: an X-macro LIST(X) with X(name, "sentence") gives the enum, the names
 * and the help texts that docs/counters.md, /metrics and w2gwctl show.
 */
#ifndef GW_CTR_H
#define GW_CTR_H

#include <stdint.h>

struct gw_ctr_info {
	const char *name;
	const char *help;
};

#define GW_CTR_ENUM_ROW(name, help) name,
#define GW_CTR_INFO_ROW(name, help) { #name, help },

/* enum tag { A, B, ..., tag_COUNT }; and static const struct gw_ctr_info tag_info[]. */
#define GW_CTR_ENUM(tag, LIST) enum tag { LIST(GW_CTR_ENUM_ROW) tag##_COUNT }
#define GW_CTR_INFO(tag, LIST) { LIST(GW_CTR_INFO_ROW) }

#endif
