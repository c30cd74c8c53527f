/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7636: code_challenge = BASE64URL(SHA256(code_verifier)). */
#include "control/waf/pkce.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

static bool consists_of(struct gw_sv v, const char *also)
{
	for (size_t i = 0; i < v.len; i++) {
		char c = v.p[i], l = gw_lower(c);

		if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') && !(c && strchr(also, c)))
			return false;
	}
	return true;
}

bool cp_pkce_is_challenge(struct gw_sv challenge)
{
	return challenge.len == CP_PKCE_CHALLENGE_CHARS && consists_of(challenge, "-_");
}

bool cp_pkce_matches(struct gw_sv challenge, struct gw_sv verifier)
{
	unsigned char sha[SHA256_DIGEST_LENGTH];
	char text[45];

	if (!cp_pkce_is_challenge(challenge) || verifier.len < 43 || verifier.len > 128 ||
		!consists_of(verifier, "-._~"))
		return false;
	SHA256((const unsigned char *)verifier.p, verifier.len, sha);
	EVP_EncodeBlock((unsigned char *)text, sha, sizeof(sha));
	for (size_t i = 0; i < CP_PKCE_CHALLENGE_CHARS; i++)	/* base64 to base64url */
		text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	return gw_sv_eq_const_time(gw_sv(text, CP_PKCE_CHALLENGE_CHARS), challenge);
}
