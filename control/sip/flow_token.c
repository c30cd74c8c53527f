/* SPDX-License-Identifier: Apache-2.0 */
/* Flow tokens: "b", epoch, binding, connection, HMAC; all hexadecimal, so any URI may hold it. */
#include "control/sip/flow_token.h"

#include <string.h>

#include <openssl/hmac.h>

#include "proto/base/buf.h"

#define EPOCH_END 2u     /* "b" and the last digit of the epoch */
#define BINDING_END 10u
#define CONN_END 26u
#define MAC_BYTES 12u    /* 96 bits: guessed on line only */
#define TOKEN_CHARS (CONN_END + 2 * MAC_BYTES)

_Static_assert(TOKEN_CHARS < CP_TOKEN_BYTES && 1 + CP_FLOW_EPOCHS <= 16, "one digit tells the epochs apart");

void cp_flow_keys_set(struct cp_flow_keys *k, uint64_t epoch)
{
	k->epoch = epoch;
	for (unsigned i = 0; i < 1 + CP_FLOW_EPOCHS; i++) {
		char label[48];
		struct gw_buf b = gw_buf(label, sizeof(label));
		unsigned n = CP_FLOW_KEY_BYTES;

		gw_buf_puts(&b, "w2gw flow token ");
		gw_buf_u64(&b, epoch + 1 - i);
		HMAC(EVP_sha256(), k->secret, sizeof(k->secret), (const unsigned char *)label, b.len, k->key[i], &n);
	}
}

/* age: 0 is the next epoch, 1 the running one. */
static void make(const struct cp_flow_keys *k, unsigned age, uint32_t binding, cp_conn_id conn,
	char token[CP_TOKEN_BYTES])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = sizeof(mac);
	struct gw_buf b = gw_buf(token, CP_TOKEN_BYTES - 1);

	gw_buf_printf(&b, "b%x%08x%08x%08x", (unsigned)(k->epoch + 1 - age) & 15, binding, (uint32_t)(conn >> 32),
		(uint32_t)conn);
	HMAC(EVP_sha256(), k->key[age], CP_FLOW_KEY_BYTES, (const unsigned char *)token, b.len, mac, &n);
	gw_buf_hex(&b, mac, MAC_BYTES);
	token[b.len] = '\0';
}

void cp_flow_token_make(const struct cp_flow_keys *k, uint32_t binding, cp_conn_id conn, char token[CP_TOKEN_BYTES])
{
	make(k, 1, binding, conn, token);
}

enum gw_err cp_flow_token_read(const struct cp_flow_keys *k, struct gw_sv token, uint32_t *binding, cp_conn_id *conn)
{
	char want[CP_TOKEN_BYTES];
	uint32_t digit, id, high, low;
	unsigned age;

	if (token.len != TOKEN_CHARS || token.p[0] != 'b' || gw_sv_hex32(gw_sv_sub(token, 1, EPOCH_END), &digit) ||
		gw_sv_hex32(gw_sv_sub(token, EPOCH_END, BINDING_END), &id) ||
		gw_sv_hex32(gw_sv_sub(token, BINDING_END, BINDING_END + 8), &high) ||
		gw_sv_hex32(gw_sv_sub(token, BINDING_END + 8, CONN_END), &low))
		return GW_EBADMSG;
	age = (unsigned)(k->epoch + 1 - digit) & 15;
	if (age > CP_FLOW_EPOCHS)
		return GW_EBADMSG;
	make(k, age, id, (cp_conn_id)high << 32 | low, want);
	if (!gw_sv_eq_const_time(token, gw_sv_cstr(want)))
		return GW_EBADMSG;
	*binding = id;
	*conn = (cp_conn_id)high << 32 | low;
	return GW_OK;
}
