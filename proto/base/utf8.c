/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629 4). */
#include "proto/base/utf8.h"

static bool is_tail(const unsigned char *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (p[i] >> 6 != 2)
			return false;
	return true;
}

unsigned gw_utf8_char(struct gw_sv s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned n;

	if (s.len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : p[0] >> 4 == 0xe ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
	if (n == 0 || s.len < n || !is_tail(p + 1, n - 1))
		return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90))
		return 0;	/* not the shortest form */
	if ((p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;	/* a surrogate; above U+10FFFF */
	return n;
}

bool gw_utf8_is_valid(struct gw_sv s)
{
	while (s.len) {
		unsigned n = gw_utf8_char(s);

		if (n == 0)
			return false;
		s = gw_sv_sub(s, n, s.len);
	}
	return true;
}
