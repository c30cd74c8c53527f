/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of the state store: a version, then fields of tag, length and bytes. A reader passes over tags it does not
 * know, so a field may be added without a new version; the version changes when an old field means something else. Pure.
 */
#ifndef CP_RECORD_H
#define CP_RECORD_H

#include "proto/base/buf.h"

/** First byte of a record; errors are sticky in b (gw_buf_done). */
void cp_record_begin(struct gw_buf *b, uint8_t version);
void cp_record_put(struct gw_buf *b, uint8_t tag, struct gw_sv value);
/** Absent when s is NULL. */
void cp_record_put_str(struct gw_buf *b, uint8_t tag, const char *s);
void cp_record_put_u64(struct gw_buf *b, uint8_t tag, uint64_t v);

/** A walk over the fields of a record, which it points into. */
struct cp_record {
	uint8_t version;
	struct gw_sv rest;
	bool is_bad;                 /* the walk met bytes that are no field */
};

/** GW_EBADMSG: empty; GW_EUNSUPP: not of this version. */
enum gw_err cp_record_open(struct cp_record *r, struct gw_sv bytes, uint8_t version) GW_NODISCARD;
/** false: at the end, or is_bad. */
bool cp_record_next(struct cp_record *r, uint8_t *tag, struct gw_sv *value);
/** 0 when the field is no number. */
uint64_t cp_record_u64(struct gw_sv value);

#endif
