/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses as text and bytes. */
#include "proto/base/addr.h"

#include <arpa/inet.h>

enum gw_err gw_addr_parse_ip(struct gw_sv s, struct gw_addr *out)
{
	struct gw_addr a = { 0 };
	char tmp[INET6_ADDRSTRLEN];

	if (gw_sv_copy(s, tmp, sizeof(tmp)) || memchr(s.p ? s.p : "", '\0', s.len))
		return GW_EBADMSG;
	if (inet_pton(AF_INET, tmp, a.b) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, tmp, a.b) == 1)
		a.family = 6;
	else
		return GW_EBADMSG;
	*out = a;
	return GW_OK;
}

enum gw_err gw_addr_parse(struct gw_sv s, uint16_t dflt_port, struct gw_addr *out)
{
	struct gw_sv host = s, port = GW_SV_NONE;
	bool has_port = false;
	struct gw_addr a;
	uint32_t p = dflt_port;

	if (s.len && s.p[0] == '[') {
		size_t end = gw_sv_chr(s, ']', 0);

		if (end == s.len)
			return GW_EBADMSG;
		host = gw_sv_sub(s, 1, end);
		port = gw_sv_sub(s, end + 1, s.len);
		has_port = port.len > 0;
		if (has_port && port.p[0] != ':')
			return GW_EBADMSG;
		port = gw_sv_sub(port, 1, port.len);
	} else if (gw_sv_chr(s, ':', gw_sv_chr(s, ':', 0) + 1) >= s.len) {
		has_port = gw_sv_cut(s, ':', &host, &port);	/* at most one colon: not bare IPv6 */
	}
	if (gw_addr_parse_ip(host, &a))
		return GW_EBADMSG;
	if (has_port ? gw_sv_uint_max(port, UINT16_MAX, &p) != GW_OK : dflt_port == 0)
		return GW_EBADMSG;
	a.port = (uint16_t)p;
	*out = a;
	return GW_OK;
}

enum gw_err gw_addr_parse_prefix(struct gw_sv s, struct gw_addr *out, uint8_t *prefix)
{
	struct gw_sv ip, len;
	struct gw_addr a;
	uint32_t n;

	if (!gw_sv_cut(s, '/', &ip, &len) || gw_addr_parse_ip(ip, &a) ||
		gw_sv_uint_max(len, a.family == 4 ? 32 : 128, &n))
		return GW_EBADMSG;
	*out = a;
	*prefix = (uint8_t)n;
	return GW_OK;
}

bool gw_addr_ip_eq(const struct gw_addr *a, const struct gw_addr *b)
{
	return a->family == b->family && memcmp(a->b, b->b, a->family == 4 ? 4 : 16) == 0;
}

bool gw_addr_eq(const struct gw_addr *a, const struct gw_addr *b)
{
	return a->port == b->port && gw_addr_ip_eq(a, b);
}

bool gw_addr_in(const struct gw_addr *ip, const struct gw_addr *net, uint8_t prefix)
{
	unsigned bytes = prefix / 8, bits = prefix % 8;

	if (ip->family != net->family || memcmp(ip->b, net->b, bytes))
		return false;
	return bits == 0 || ((ip->b[bytes] ^ net->b[bytes]) >> (8 - bits)) == 0;
}

bool gw_addr_is_zero(const struct gw_addr *a)
{
	static const uint8_t none[16];

	return a->family == 0 || memcmp(a->b, none, a->family == 4 ? 4 : 16) == 0;
}

bool gw_addr_is_host(const struct gw_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *b = a->b;

	if (a->family == 4)
		return b[0] != 0 && b[0] != 127 && b[0] < 224 && !(b[0] == 169 && b[1] == 254);	/* RFC 6890, and 240/4 with them */
	return a->family == 6 && b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80) && memcmp(b, mapped, sizeof(mapped)) &&
		memcmp(b, (const uint8_t[12]){ 0 }, 12);	/* ::, ::1, and IPv4 in the last four bytes */
}

void gw_addr_put_ip(struct gw_buf *b, const struct gw_addr *a)
{
	char tmp[INET6_ADDRSTRLEN] = "-";

	if (a->family)
		inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->b, tmp, sizeof(tmp));
	gw_buf_puts(b, tmp);
}

void gw_addr_put(struct gw_buf *b, const struct gw_addr *a)
{
	if (a->family == 6)
		gw_buf_putc(b, '[');
	gw_addr_put_ip(b, a);
	if (a->family == 6)
		gw_buf_putc(b, ']');
	gw_buf_putc(b, ':');
	gw_buf_u64(b, a->port);
}

const char *gw_addr_str(const struct gw_addr *a, char dst[GW_ADDR_STR_BYTES])
{
	struct gw_buf b = gw_buf(dst, GW_ADDR_STR_BYTES - 1);

	gw_addr_put(&b, a);
	dst[b.len] = '\0';
	return dst;
}
