/* SPDX-License-Identifier: Apache-2.0 */
/* Flow tokens: "b", key, binding, connection, HMAC; all hexadecimal, so any URI may hold it. */
#include "control/sip/flow_token.h"

#include <string.h>

#include <openssl/hmac.h>

#include "proto/base/buf.h"

#define KEY_END 2u       /* "b" and one digit */
#define BINDING_END 10u
#define CONN_END 26u
#define MAC_BYTES 12u    /* 96 bits: guessed on line only */
#define TOKEN_CHARS (CONN_END + 2 * MAC_BYTES)

_Static_assert(TOKEN_CHARS < CP_TOKEN_BYTES && CP_FLOW_KEYS <= 16, "the key's index is one digit");

void cp_flow_keys_rotate(struct cp_flow_keys *k)
{
	k->current = k->n ? (uint8_t)((k->current + 1) % CP_FLOW_KEYS) : 0;
	cp_random(k->key[k->current], CP_FLOW_KEY_BYTES);
	if (k->n < CP_FLOW_KEYS)
		k->n++;
}

static void make(const struct cp_flow_keys *k, unsigned index, uint32_t binding, cp_conn_id conn,
	char token[CP_TOKEN_BYTES])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = sizeof(mac);
	struct gw_buf b = gw_buf(token, CP_TOKEN_BYTES - 1);

	gw_buf_printf(&b, "b%x%08x%08x%08x", index, binding, (uint32_t)(conn >> 32), (uint32_t)conn);
	HMAC(EVP_sha256(), k->key[index], CP_FLOW_KEY_BYTES, (const unsigned char *)token, b.len, mac, &n);
	gw_buf_hex(&b, mac, MAC_BYTES);
	token[b.len] = '\0';
}

void cp_flow_token_make(const struct cp_flow_keys *k, uint32_t binding, cp_conn_id conn, char token[CP_TOKEN_BYTES])
{
	make(k, k->current, binding, conn, token);
}

enum gw_err cp_flow_token_read(const struct cp_flow_keys *k, struct gw_sv token, uint32_t *binding, cp_conn_id *conn)
{
	char want[CP_TOKEN_BYTES];
	uint32_t index, id, high, low;

	if (token.len != TOKEN_CHARS || token.p[0] != 'b' || gw_sv_hex32(gw_sv_sub(token, 1, KEY_END), &index) ||
		gw_sv_hex32(gw_sv_sub(token, KEY_END, BINDING_END), &id) ||
		gw_sv_hex32(gw_sv_sub(token, BINDING_END, BINDING_END + 8), &high) ||
		gw_sv_hex32(gw_sv_sub(token, BINDING_END + 8, CONN_END), &low) || index >= k->n)
		return GW_EBADMSG;
	make(k, index, id, (cp_conn_id)high << 32 | low, want);
	if (!gw_sv_eq_const_time(token, gw_sv_cstr(want)))
		return GW_EBADMSG;
	*binding = id;
	*conn = (cp_conn_id)high << 32 | low;
	return GW_OK;
}
