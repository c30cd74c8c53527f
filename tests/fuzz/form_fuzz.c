/* SPDX-License-Identifier: Apache-2.0 */
/* Form fields, cookies, Basic credentials, pool patterns: what decodes is encoded, decoded again and the same. */
#include <stdlib.h>

#include "control/waf/form.h"
#include "control/waf/pkce.h"
#include "control/waf/pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct cp_form *f, struct gw_arena *a)
{
	static char text[1u << 18];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct cp_form g;

	for (unsigned i = 0; i < f->n; i++) {
		gw_buf_putc(&b, '&');
		cp_form_put(&b, f->field[i].name);
		gw_buf_putc(&b, '=');
		cp_form_put(&b, f->field[i].value);
	}
	if (b.overflow)
		return;
	if (cp_form_parse(&g, a, gw_buf_sv(&b)) || g.n != f->n)
		abort();
	for (unsigned i = 0; i < f->n; i++)
		if (!gw_sv_eq(f->field[i].name, g.field[i].name) || !gw_sv_eq(f->field[i].value, g.field[i].value))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 20);
	struct gw_sv all = gw_sv(data, size), user, password, cookie;
	struct cp_pool_range r;
	struct cp_form f;

	if (cp_form_parse(&f, &a, all) == GW_OK)
		again(&f, &a);
	cookie = cp_cookie_get(all, GW_SV("__Host-w2gw"));
	if (cookie.p && (cookie.p < (const char *)data || cookie.p + cookie.len > (const char *)data + size))
		abort();
	if (cp_basic_parse(&a, all, &user, &password) == GW_OK && user.len + password.len > size)
		abort();
	if (cp_pool_parse(all, &r) == GW_OK && !r.is_single && r.last - r.first >= CP_POOL_MAX)
		abort();
	(void)cp_pkce_matches(all, all);
	gw_arena_reset(&a);
	return 0;
}
