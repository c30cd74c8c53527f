/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of long tables: w2gwctl asks for them one by one, so that no answer holds up the event loop. */
#ifndef CP_PAGE_H
#define CP_PAGE_H

#include "proto/base/sv.h"

#define CP_PAGE_ROWS 256u

struct cp_page {
	uint32_t from, at;
	uint32_t rows;
};

/** args: the number of rows to leave out; nothing: all rows in one. */
static inline struct cp_page cp_page(struct gw_sv args)
{
	struct cp_page p = { 0, 0, CP_PAGE_ROWS };

	if (gw_sv_u32(args, &p.from)) {
		p.from = 0;
		p.rows = UINT32_MAX;
	}
	return p;
}

/** Called once a row, in order: is it of this page? */
static inline bool cp_page_has(struct cp_page *p)
{
	uint32_t at = p->at++;

	return at >= p->from && at - p->from < p->rows;
}

#endif
