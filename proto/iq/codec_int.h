/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the Iq codec. */
#ifndef IQ_CODEC_INT_H
#define IQ_CODEC_INT_H

#include "proto/h248/text.h"
#include "proto/iq/iq.h"

/* A property of LocalControl and where iq_stream keeps it; what is there says iq_name_type. */
struct iq_field {
	enum iq_name id;
	size_t offset;
};
/** The i-th in order of emission, or NULL. */
const struct iq_field *iq_field_at(unsigned i);
bool iq_field_is_set(const struct iq_stream *s, const struct iq_field *f);

struct iq_dec {
	struct gw_arena *arena;
};

/** The first fault of a command is the one it is answered with. */
void iq_dec_fault(struct iq_cmd *c, unsigned code, struct gw_sv text);
/** Room for one more element, doubling in the arena; NULL when max or the memory ends. */
void *iq_dec_grow(struct iq_dec *d, void **list, unsigned *n, size_t size, unsigned max);
/** The value, or the elements of a list with commas between; GW_SV_NONE: one of them cannot be told apart. */
struct gw_sv iq_dec_value(struct iq_dec *d, const struct h248_item *it);
void iq_dec_media(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *m);
void iq_dec_stats(struct iq_dec *d, struct iq_cmd *c, struct iq_stat **list, unsigned *n, const struct h248_item *sa);
void iq_dec_audit(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *a);
/** Events, ObservedEvents, Signals. */
void iq_dec_items(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *parent);
/** Any other descriptor of a command. */
void iq_dec_descriptor(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *p);

struct iq_enc {
	struct gw_buf *b;
	bool is_long;
	bool is_bad;	/* something cannot be said in this syntax */
};

void iq_enc_token(struct iq_enc *e, enum h248_token t);
void iq_enc_comma(struct iq_enc *e, bool *first);
void iq_enc_quoted(struct iq_enc *e, struct gw_sv v);
void iq_enc_value(struct iq_enc *e, enum iq_type type, struct gw_sv v);
void iq_enc_error(struct iq_enc *e, unsigned code, struct gw_sv text);
void iq_enc_media(struct iq_enc *e, const struct iq_cmd *c);
void iq_enc_stats(struct iq_enc *e, const struct iq_stat *list, unsigned n);
void iq_enc_audit(struct iq_enc *e, const struct iq_cmd *c);
/** Whatever stands in the braces of a command. */
void iq_enc_descriptors(struct iq_enc *e, const struct iq_cmd *c);

#endif
