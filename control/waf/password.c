/* SPDX-License-Identifier: Apache-2.0 */
/* yescrypt: memory-hard, so that a stolen database is costly to search. */
#include "control/waf/password.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#define PREFIX "$y$"
#define COST 5			/* libxcrypt's default: N=4096, r=32 */

/* struct crypt_data is 32 KiB: too much for the stack of a worker thread that others share. */
static bool run(struct gw_sv password, const char *setting, char out[CP_HASH_BYTES])
{
	struct crypt_data *d = calloc(1, sizeof(*d));
	char text[CP_PASSWORD_MAX + 1];
	const char *h = NULL;
	bool ok;

	if (d && gw_sv_copy(password, text, sizeof(text)) == GW_OK)
		h = crypt_rn(text, setting, d, sizeof(*d));
	ok = h && snprintf(out, CP_HASH_BYTES, "%s", h) < CP_HASH_BYTES;
	OPENSSL_cleanse(text, sizeof(text));
	if (d)
		OPENSSL_cleanse(d, sizeof(*d));
	free(d);
	return ok;
}

static bool is_usable(struct gw_sv password)
{
	return password.len > 0 && password.len <= CP_PASSWORD_MAX && !memchr(password.p, 0, password.len);
}

enum gw_err cp_password_hash(struct gw_sv password, char out[CP_HASH_BYTES])
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (!is_usable(password))
		return GW_EINVAL;
	/* no random bytes given: libxcrypt takes them from the system */
	if (!crypt_gensalt_rn(PREFIX, COST, NULL, 0, setting, sizeof(setting)) || !run(password, setting, out))
		return GW_EIO;
	return GW_OK;
}

bool cp_password_matches(struct gw_sv password, const char *hash)
{
	char again[CP_HASH_BYTES];
	bool usable = is_usable(password), ok;

	/* an unusable password costs as much as a wrong one */
	ok = run(usable ? password : GW_SV("-"), hash, again) && usable;
	ok = ok && gw_sv_eq_const_time(gw_sv_cstr(again), gw_sv_cstr(hash));
	OPENSSL_cleanse(again, sizeof(again));
	return ok;
}
