/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of MSRP messages, taken apart as it comes: bodies of any size pass through without being gathered. Pure. */
#ifndef MSRP_READER_H
#define MSRP_READER_H

#include "proto/msrp/msg.h"

/** Zero-initialised: at the start of a message. */
struct msrp_reader {
	bool is_in_message, has_body, is_body_begun;
	size_t scanned;            /* bytes of an unfinished head that were looked at */
	size_t tid_len;
	char tid[MSRP_IDENT_MAX];
};

enum msrp_item_kind { MSRP_ITEM_HEAD, MSRP_ITEM_BODY, MSRP_ITEM_END };

struct msrp_item {
	enum msrp_item_kind kind;
	struct gw_sv bytes;        /* HEAD: for msrp_head_parse; BODY: some of it, not empty */
	enum msrp_flag flag;       /* END */
};

/**
 * The next item of a stream.
 *
 * @param in    all bytes that were not used yet, and what came since
 * @param used  out, also with GW_EAGAIN: bytes of in that are done with
 * @return GW_OK; GW_EAGAIN: more has to come; GW_EBADMSG: this is no MSRP; GW_ELIMIT: a head above MSRP_HEAD_MAX.
 *         After the last two the stream cannot be read on.
 */
enum gw_err msrp_read(struct msrp_reader *r, struct gw_sv in, struct msrp_item *out, size_t *used) GW_NODISCARD;

#endif
