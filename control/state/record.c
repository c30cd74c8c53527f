/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a record: tag (1 byte), length (4 bytes, big-endian), bytes. */
#include "control/state/record.h"

#define HEAD_BYTES 5u

void cp_record_begin(struct gw_buf *b, uint8_t version)
{
	gw_buf_putc(b, (char)version);
}

void cp_record_put(struct gw_buf *b, uint8_t tag, struct gw_sv value)
{
	const char head[HEAD_BYTES] = { (char)tag, (char)(value.len >> 24), (char)(value.len >> 16),
		(char)(value.len >> 8), (char)value.len };

	gw_buf_put(b, gw_sv(head, sizeof(head)));
	gw_buf_put(b, value);
}

void cp_record_put_str(struct gw_buf *b, uint8_t tag, const char *s)
{
	if (s)
		cp_record_put(b, tag, gw_sv_cstr(s));
}

void cp_record_put_u64(struct gw_buf *b, uint8_t tag, uint64_t v)
{
	char bytes[8];

	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (char)(v >> (56 - 8 * i));
	cp_record_put(b, tag, gw_sv(bytes, sizeof(bytes)));
}

enum gw_err cp_record_open(struct cp_record *r, struct gw_sv bytes, uint8_t version)
{
	if (bytes.len == 0)
		return GW_EBADMSG;
	*r = (struct cp_record){ (uint8_t)bytes.p[0], gw_sv_sub(bytes, 1, bytes.len), false };
	return r->version == version ? GW_OK : GW_EUNSUPP;
}

bool cp_record_next(struct cp_record *r, uint8_t *tag, struct gw_sv *value)
{
	const unsigned char *p = (const unsigned char *)r->rest.p;
	size_t len;

	if (r->rest.len == 0 || r->is_bad)
		return false;
	len = r->rest.len < HEAD_BYTES ? SIZE_MAX :
		(size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | (size_t)p[4];
	if (len > r->rest.len - HEAD_BYTES || r->rest.len < HEAD_BYTES) {
		r->is_bad = true;
		return false;
	}
	*tag = p[0];
	*value = gw_sv_sub(r->rest, HEAD_BYTES, HEAD_BYTES + len);
	r->rest = gw_sv_sub(r->rest, HEAD_BYTES + len, r->rest.len);
	return true;
}

uint64_t cp_record_u64(struct gw_sv value)
{
	uint64_t v = 0;

	if (value.len != 8)
		return 0;
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | (unsigned char)value.p[i];
	return v;
}
