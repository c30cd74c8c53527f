/* SPDX-License-Identifier: Apache-2.0 */
/* DATA_CHANNEL_OPEN and DATA_CHANNEL_ACK (RFC 8832 5). */
#include "proto/dcep/dcep.h"

#include "proto/base/be.h"
#include "proto/base/utf8.h"

#define TYPE_ACK       0x02
#define TYPE_OPEN      0x03
#define OPEN_BYTES     12u       /* without the names */
#define UNORDERED_BIT  0x80

enum gw_err dcep_parse(struct gw_sv message, enum dcep_type *type, struct dcep_channel *out)
{
	const uint8_t *p = (const uint8_t *)message.p;
	size_t label_len, protocol_len;
	struct dcep_channel c;

	if (message.len == 0)
		return GW_EBADMSG;
	if (p[0] == TYPE_ACK) {
		*type = DCEP_ACK;	/* RFC 8832 5.2: the one byte; what else is there is not looked at */
		return GW_OK;
	}
	if (p[0] != TYPE_OPEN)
		return GW_EUNSUPP;
	if (message.len < OPEN_BYTES || (p[1] & ~UNORDERED_BIT) > DCEP_MAX_LIFETIME)
		return GW_EBADMSG;
	label_len = gw_be16(p + 8);
	protocol_len = gw_be16(p + 10);
	if (message.len != OPEN_BYTES + label_len + protocol_len)
		return GW_EBADMSG;
	if (label_len > DCEP_NAME_MAX || protocol_len > DCEP_NAME_MAX)
		return GW_ELIMIT;
	c.reliability = (enum dcep_reliability)(p[1] & ~UNORDERED_BIT);
	c.is_unordered = p[1] & UNORDERED_BIT;
	c.priority = gw_be16(p + 2);
	c.limit = c.reliability == DCEP_RELIABLE ? 0 : gw_be32(p + 4);
	c.label = gw_sv_sub(message, OPEN_BYTES, OPEN_BYTES + label_len);
	c.protocol = gw_sv_sub(message, OPEN_BYTES + label_len, message.len);
	if (!gw_utf8_is_valid(c.label) || !gw_utf8_is_valid(c.protocol))
		return GW_EBADMSG;
	*type = DCEP_OPEN;
	*out = c;
	return GW_OK;
}

enum gw_err dcep_print_open(const struct dcep_channel *c, struct gw_buf *out)
{
	uint8_t head[OPEN_BYTES] = { TYPE_OPEN };
	struct gw_sv text;

	if (c->label.len > DCEP_NAME_MAX || c->protocol.len > DCEP_NAME_MAX || !gw_utf8_is_valid(c->label) ||
		!gw_utf8_is_valid(c->protocol))
		return GW_EINVAL;
	head[1] = (uint8_t)(c->reliability | (c->is_unordered ? UNORDERED_BIT : 0));
	gw_put_be16(head + 2, c->priority);
	gw_put_be32(head + 4, c->reliability == DCEP_RELIABLE ? 0 : c->limit);
	gw_put_be16(head + 8, (uint16_t)c->label.len);
	gw_put_be16(head + 10, (uint16_t)c->protocol.len);
	gw_buf_put(out, gw_sv(head, sizeof(head)));
	gw_buf_put(out, c->label);
	gw_buf_put(out, c->protocol);
	return gw_buf_done(out, &text);
}

enum gw_err dcep_print_ack(struct gw_buf *out)
{
	struct gw_sv text;

	gw_buf_putc(out, TYPE_ACK);
	return gw_buf_done(out, &text);
}
