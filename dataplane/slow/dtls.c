/* SPDX-License-Identifier: Apache-2.0 */
/* One DTLS association: handshake, certificate and keys, by OpenSSL between the BIOs of dtls_bio.c. */
#include "dataplane/slow/dtls_int.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#define RETRANSMIT_FIRST_US 200000u	/* RFC 6347 4.2.4.1 has 1 s; a browser is near */
#define RETRANSMIT_MAX_US 4000000u
#define RESTARTS_IN_A_ROW 64		/* then a pause: a spoofer shall not have our CPU, threat D1 */
#define RESTART_PAUSE_MS 250u
#define RESTART_LATEST_MS 1000u
#define HANDSHAKE_BYTES_MAX (256u * 1024)	/* threat D2: taken in before Finished */

/* ---- OpenSSL's session ------------------------------------------------------------------------ */

static unsigned retransmit_after_us(SSL *ssl, unsigned timer_us)
{
	(void)ssl;
	if (timer_us == 0)
		return RETRANSMIT_FIRST_US;
	return timer_us >= RETRANSMIT_MAX_US / 2 ? RETRANSMIT_MAX_US : timer_us * 2;
}

static SSL *ssl_new(struct dp_dtls *d)
{
	SSL *ssl = SSL_new(d->ssl_ctx);
	BIO *bio = dp_dtls_bio_new(d);

	if (!ssl || !bio) {
		SSL_free(ssl);
		BIO_free(bio);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_bio(ssl, bio, bio);
	SSL_set_mtu(ssl, d->tls->mtu);
	DTLS_set_timer_cb(ssl, retransmit_after_us);
	if (d->is_client)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

/* ---- life ------------------------------------------------------------------------------------ */

static enum gw_err association_new(struct dp_dtls **out, SSL_CTX *ssl_ctx, unsigned mtu, bool is_client, dp_dtls_send_fn send,
	void *user)
{
	struct dp_dtls *d = calloc(1, sizeof(*d));
	struct tls *tls = calloc(1, sizeof(*tls));

	if (!d || !tls) {
		free(d);
		free(tls);
		return GW_ENOMEM;
	}
	d->tls = tls;
	d->ssl_ctx = ssl_ctx;
	SSL_CTX_up_ref(d->ssl_ctx);
	d->is_client = is_client;
	tls->mtu = mtu;
	tls->send = send;
	tls->user = user;
	d->tls->life_until_ms = d->tls->restart_at_ms = UINT64_MAX;
	d->tls->ssl = ssl_new(d);
	if (!d->tls->ssl) {
		dp_dtls_free(d);
		return GW_ENOMEM;
	}
	*out = d;
	return GW_OK;
}

enum gw_err dp_dtls_new(struct dp_dtls **out, struct dp_dtls_ctx *ctx, bool is_client, dp_dtls_send_fn send, void *user)
{
	return association_new(out, ctx->ssl_ctx, ctx->conf.mtu, is_client, send, user);
}

enum gw_err dp_dtls_new_again(struct dp_dtls **out, struct dp_dtls_ctx *ctx, const struct dp_dtls *old, bool is_client,
	dp_dtls_send_fn send, void *user)
{
	return association_new(out, old->ssl_ctx, ctx->conf.mtu, is_client, send, user);
}

static void tls_free(struct dp_dtls *d)
{
	if (!d->tls)
		return;
	SSL_free(d->tls->ssl);
	OPENSSL_cleanse(d->tls, sizeof(*d->tls));
	free(d->tls);
	d->tls = NULL;
}

void dp_dtls_free(struct dp_dtls *d)
{
	if (!d)
		return;
	tls_free(d);
	SSL_CTX_free(d->ssl_ctx);
	free(d);
}

enum gw_err dp_dtls_set_role(struct dp_dtls *d, bool is_client)
{
	bool before = d->is_client;
	SSL *fresh;

	if (d->state != DP_DTLS_NEW || d->tls->restarts)
		return before == is_client ? GW_OK : GW_ESTATE;
	d->is_client = is_client;
	fresh = ssl_new(d);
	if (!fresh) {
		d->is_client = before;
		return GW_ENOMEM;
	}
	SSL_free(d->tls->ssl);
	d->tls->ssl = fresh;
	return GW_OK;
}

static enum gw_err fail(struct dp_dtls *d, enum gw_err err, enum dtls_why why)
{
	d->state = DP_DTLS_FAILED;
	d->why = (uint8_t)why;
	if (!d->tls)
		return err;
	d->tls->restart_at_ms = d->tls->life_until_ms = UINT64_MAX;
	OPENSSL_cleanse(&d->tls->local, sizeof(d->tls->local));
	OPENSSL_cleanse(&d->tls->remote, sizeof(d->tls->remote));
	return err;
}

/* ---- after the handshake: certificate and keys ------------------------------------------------ */

/* Of a digest, so that those of all hashes are kept in little room. */
static bool shorten(const struct dp_fingerprint *fp, uint8_t out[DTLS_PEER_BYTES])
{
	uint8_t sha256[32];

	if (EVP_Digest(fp->bytes, fp->len, sha256, NULL, EVP_sha256(), NULL) != 1)
		return false;
	memcpy(out, sha256, DTLS_PEER_BYTES);
	return true;
}

static enum gw_err check_fingerprint(const struct dp_dtls *d, const struct dp_fingerprint *fps, unsigned n)
{
	enum dp_hash best = DP_HASH_NONE;
	uint8_t is[DTLS_PEER_BYTES];

	for (unsigned i = 0; i < n; i++)
		if (fps[i].hash > best)
			best = fps[i].hash;	/* the enum is in order of strength */
	if (best == DP_HASH_NONE || !d->has_peer)
		return GW_EAUTH;
	for (unsigned i = 0; i < n; i++)
		if (fps[i].hash == best && fps[i].len == dp_hash_bytes(best) && shorten(&fps[i], is) &&
			CRYPTO_memcmp(is, d->peer[best - 1], sizeof(is)) == 0)
			return GW_OK;
	return GW_EAUTH;
}

/* By all hashes, so that it can be compared whenever fingerprints come, the TLS state being there or not. */
static enum gw_err note_certificate(struct dp_dtls *d)
{
	X509 *cert = SSL_get1_peer_certificate(d->tls->ssl);
	struct dp_fingerprint fp;
	enum gw_err err = GW_OK;

	for (unsigned h = DP_HASH_SHA256; h <= DP_HASH_SHA512 && !err; h++) {
		err = dp_fingerprint_of(cert, (enum dp_hash)h, &fp);
		if (!err && !shorten(&fp, d->peer[h - 1]))
			err = GW_EIO;
	}
	X509_free(cert);
	d->has_peer = !err;
	return err;
}

static bool profile_sizes(enum dp_srtp_profile p, size_t *key, size_t *salt)
{
	*salt = p == DP_SRTP_AEAD_AES_128_GCM || p == DP_SRTP_AEAD_AES_256_GCM ? 12 : 14;
	*key = p == DP_SRTP_AEAD_AES_256_GCM ? 32 : 16;
	return p != DP_SRTP_NONE;
}

/* RFC 5764 4.2: client key, server key, client salt, server salt. */
static enum gw_err export_keys(struct dp_dtls *d)
{
	static const char label[] = "EXTRACTOR-dtls_srtp";
	const SRTP_PROTECTION_PROFILE *p = SSL_get_selected_srtp_profile(d->tls->ssl);
	uint8_t material[2 * (DP_SRTP_KEY_MAX + DP_SRTP_SALT_MAX)];
	struct dp_srtp_keys *client = d->is_client ? &d->tls->local : &d->tls->remote;
	struct dp_srtp_keys *server = d->is_client ? &d->tls->remote : &d->tls->local;
	size_t key, salt;

	if (!p || !profile_sizes((enum dp_srtp_profile)p->id, &key, &salt))
		return GW_EUNSUPP;	/* no use_srtp: no media (threat M9) */
	if (SSL_export_keying_material(d->tls->ssl, material, 2 * (key + salt), label,
		    sizeof(label) - 1, NULL, 0, 0) != 1)
		return GW_EIO;
	d->profile = (uint8_t)p->id;
	client->profile = server->profile = (enum dp_srtp_profile)p->id;
	memcpy(client->key, material, key);
	memcpy(server->key, material + key, key);
	memcpy(client->salt, material + 2 * key, salt);
	memcpy(server->salt, material + 2 * key + salt, salt);
	OPENSSL_cleanse(material, sizeof(material));
	return GW_OK;
}

void dp_dtls_rest(struct dp_dtls *d)
{
	if (d->tls->data)
		return;
	(void)SSL_free_buffers(d->tls->ssl);	/* refused while something lies in them: the next use tries again */
}

bool dp_dtls_wake(struct dp_dtls *d)
{
	return SSL_alloc_buffers(d->tls->ssl) == 1;
}

/* RFC 8122 6.2: a certificate that does not match ends the association with bad_certificate. */
static enum gw_err refuse_certificate(struct dp_dtls *d)
{
	if (d->tls && dp_dtls_wake(d))
		SSL_shutdown(d->tls->ssl);
	ERR_clear_error();
	return fail(d, GW_EAUTH, DTLS_WHY_CERTIFICATE);
}

static enum gw_err verified(struct dp_dtls *d)
{
	if (check_fingerprint(d, d->tls->fps, d->tls->n_fps))
		return refuse_certificate(d);
	d->state = DP_DTLS_UP;
	dp_dtls_rest(d);
	return GW_OK;
}

static enum gw_err finished(struct dp_dtls *d)
{
	if (export_keys(d) && !d->tls->data)
		return fail(d, GW_EAUTH, DTLS_WHY_PROFILE);
	if (note_certificate(d))
		return fail(d, GW_ENOMEM, DTLS_WHY_MEMORY);
	d->tls->restart_at_ms = UINT64_MAX;
	if (d->tls->n_fps == 0) {
		d->state = DP_DTLS_HELD;
		return GW_OK;
	}
	d->tls->life_until_ms = UINT64_MAX;
	return verified(d);
}

enum gw_err dp_dtls_set_fingerprints(struct dp_dtls *d, const struct dp_fingerprint *fp, unsigned n)
{
	struct dp_fingerprint kept[DP_FINGERPRINTS_MAX];
	unsigned n_kept = 0;

	for (unsigned i = 0; i < n && n_kept < DP_FINGERPRINTS_MAX; i++)
		if (fp[i].hash != DP_HASH_NONE)
			kept[n_kept++] = fp[i];
	if (d->tls) {
		memcpy(d->tls->fps, kept, n_kept * sizeof(*kept));
		d->tls->n_fps = n_kept;
	}
	if (n_kept == 0)
		return GW_EUNSUPP;
	if (d->state == DP_DTLS_HELD) {
		d->tls->life_until_ms = UINT64_MAX;
		return verified(d);
	}
	/* other ones in the middle of a call (threat D5): what is up must still be with that peer */
	return d->state == DP_DTLS_UP && check_fingerprint(d, kept, n_kept) ? refuse_certificate(d) : GW_OK;
}

static bool is_one_of(const struct dp_fingerprint *fp, const struct dp_fingerprint *of, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (of[i].hash == fp->hash && of[i].len == fp->len && memcmp(of[i].bytes, fp->bytes, fp->len) == 0)
			return true;
	return false;
}

bool dp_dtls_is_peer(const struct dp_dtls *d, const struct dp_fingerprint *fp, unsigned n)
{
	if (d->has_peer || !d->tls)
		return check_fingerprint(d, fp, n) == GW_OK;
	for (unsigned i = 0; i < n; i++)
		if (is_one_of(&fp[i], d->tls->fps, d->tls->n_fps))
			return true;
	return d->tls->n_fps == 0;
}

enum gw_err dp_dtls_fingerprint(const struct dp_dtls *d, enum dp_hash hash, struct dp_fingerprint *out)
{
	return dp_fingerprint_of(SSL_CTX_get0_certificate(d->ssl_ctx), hash, out);
}

/* ---- the handshake ---------------------------------------------------------------------------- */

/*
 * The association broke before Finished: an alert or hello of a stranger that reached us from the
 * validated address must not end the call (threat D1), so the handshake starts over in the time left.
 */
static enum gw_err start_over(struct dp_dtls *d, uint64_t now_ms)
{
	SSL *fresh;

	if (++d->tls->restarts % RESTARTS_IN_A_ROW == 0)
		d->tls->deaf_until_ms = now_ms + RESTART_PAUSE_MS;
	fresh = ssl_new(d);
	if (!fresh)
		return fail(d, GW_ENOMEM, DTLS_WHY_MEMORY);
	SSL_free(d->tls->ssl);
	d->tls->ssl = fresh;
	d->state = DP_DTLS_NEW;
	d->tls->handshake_bytes = 0;
	if (d->is_client)	/* linear back-off, so that an alert storm does not become a hello storm */
		d->tls->restart_at_ms = now_ms + (d->tls->restarts < 10 ? 100u * d->tls->restarts : RESTART_LATEST_MS);
	return GW_EBADMSG;
}

static enum gw_err advance(struct dp_dtls *d, uint64_t now_ms)
{
	int r = SSL_do_handshake(d->tls->ssl), e;

	if (r == 1)
		return finished(d);
	e = SSL_get_error(d->tls->ssl, r);
	ERR_clear_error();
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
		d->state = DP_DTLS_HANDSHAKE;
		return GW_OK;
	}
	return start_over(d, now_ms);
}

enum gw_err dp_dtls_start(struct dp_dtls *d, uint64_t now_ms)
{
	if (d->state != DP_DTLS_NEW)
		return GW_ESTATE;
	if (d->tls->life_until_ms == UINT64_MAX)
		d->tls->life_until_ms = now_ms + DP_DTLS_LIFE_MS;
	return d->is_client ? advance(d, now_ms) : GW_OK;
}

void dp_dtls_closed_by_peer(struct dp_dtls *d, bool is_fatal)
{
	d->state = DP_DTLS_CLOSED;
	d->why = is_fatal ? DTLS_WHY_FATAL : DTLS_WHY_CLOSED;
}

/* Records after Finished: alerts, late flights, and what data channels carry. */
static enum gw_err drain(struct dp_dtls *d)
{
	bool is_wanted;
	int e;

	if (!dp_dtls_wake(d))
		return GW_EBADMSG;	/* no memory: as if the datagram were lost */
	is_wanted = dp_dtls_read_data(d, &e);
	if (d->state == DP_DTLS_UP)
		dp_dtls_rest(d);
	if (e == SSL_ERROR_ZERO_RETURN)
		dp_dtls_closed_by_peer(d, false);
	else if (e == SSL_ERROR_SSL || e == SSL_ERROR_SYSCALL)
		dp_dtls_closed_by_peer(d, true);	/* an authenticated alert: clear ones are dropped */
	return is_wanted ? GW_OK : GW_EBADMSG;
}

enum gw_err dp_dtls_input(struct dp_dtls *d, struct gw_sv datagram, uint64_t now_ms)
{
	enum gw_err err;

	if (datagram.len == 0)
		return GW_EBADMSG;
	switch ((enum dp_dtls_state)d->state) {
	case DP_DTLS_NEW:
	case DP_DTLS_HANDSHAKE:
		if (d->is_client && d->state == DP_DTLS_NEW)
			return GW_EBADMSG;	/* nothing asked yet */
		if (!d->is_client && d->state == DP_DTLS_NEW && datagram.p[0] != DP_RECORD_HANDSHAKE)
			return GW_EBADMSG;	/* only a handshake record begins one */
		if (now_ms < d->tls->deaf_until_ms || !dp_dtls_may_see(d, datagram))
			return GW_EBADMSG;
		d->tls->handshake_bytes += datagram.len;
		if (d->tls->handshake_bytes > HANDSHAKE_BYTES_MAX)
			return start_over(d, now_ms);
		if (d->tls->life_until_ms == UINT64_MAX)
			d->tls->life_until_ms = now_ms + DP_DTLS_LIFE_MS;
		d->tls->in = datagram;
		err = advance(d, now_ms);
		if (!err && d->state == DP_DTLS_UP && d->tls->data)
			err = drain(d);	/* what came with Finished */
		break;
	case DP_DTLS_HELD:
	case DP_DTLS_UP:
		if (!d->tls || !dp_dtls_may_see(d, datagram))	/* NULL: forgotten */
			return GW_EBADMSG;
		d->tls->in = datagram;
		err = drain(d);
		break;
	case DP_DTLS_CLOSED:
	case DP_DTLS_FAILED:
	default:
		return GW_ESTATE;
	}
	if (d->tls)
		d->tls->in = GW_SV_NONE;
	return err;
}

uint64_t dp_dtls_deadline(const struct dp_dtls *d, uint64_t now_ms)
{
	uint64_t due;
	struct timeval tv;

	if (!d->tls)
		return UINT64_MAX;
	due = d->tls->life_until_ms < d->tls->restart_at_ms ? d->tls->life_until_ms : d->tls->restart_at_ms;
	if (d->state == DP_DTLS_HANDSHAKE && DTLSv1_get_timeout(d->tls->ssl, &tv) == 1) {
		uint64_t t = now_ms + (uint64_t)tv.tv_sec * 1000 + (uint64_t)(tv.tv_usec + 999) / 1000;

		if (t < due)
			due = t;
	}
	return due;
}

enum gw_err dp_dtls_tick(struct dp_dtls *d, uint64_t now_ms)
{
	if (d->state == DP_DTLS_FAILED || d->state == DP_DTLS_CLOSED || d->state == DP_DTLS_UP)
		return GW_OK;
	if (now_ms >= d->tls->life_until_ms)
		return fail(d, GW_ETIMEOUT,
			d->state == DP_DTLS_HELD ? DTLS_WHY_NO_FINGERPRINT : DTLS_WHY_TIMEOUT);
	if (d->state == DP_DTLS_NEW && now_ms >= d->tls->restart_at_ms) {
		d->tls->restart_at_ms = UINT64_MAX;
		return advance(d, now_ms);
	}
	if (d->state == DP_DTLS_HANDSHAKE && DTLSv1_handle_timeout(d->tls->ssl) < 0) {
		ERR_clear_error();
		return start_over(d, now_ms);
	}
	return GW_OK;
}

/* ---- what one can ask -------------------------------------------------------------------------- */

enum dp_dtls_state dp_dtls_state(const struct dp_dtls *d)
{
	return (enum dp_dtls_state)d->state;
}

const char *dp_dtls_why(const struct dp_dtls *d)
{
	static const char *const texts[] = {
#define X(name, text) text,
		DTLS_WHY_LIST(X)
#undef X
	};

	return texts[d->why];
}

bool dp_dtls_is_client(const struct dp_dtls *d)
{
	return d->is_client;
}

enum dp_srtp_profile dp_dtls_profile(const struct dp_dtls *d)
{
	return (enum dp_srtp_profile)d->profile;
}

enum gw_err dp_dtls_keys(const struct dp_dtls *d, struct dp_srtp_keys *local,
	struct dp_srtp_keys *remote)
{
	if (d->state != DP_DTLS_UP || !d->tls || d->profile == DP_SRTP_NONE)
		return GW_ESTATE;
	*local = d->tls->local;
	*remote = d->tls->remote;
	return GW_OK;
}

void dp_dtls_forget(struct dp_dtls *d)
{
	if (d->state == DP_DTLS_UP)
		tls_free(d);
}

void dp_dtls_close(struct dp_dtls *d)
{
	if (d->tls && (d->state == DP_DTLS_UP || d->state == DP_DTLS_HELD) && dp_dtls_wake(d)) {
		SSL_shutdown(d->tls->ssl);
		ERR_clear_error();
	}
	if (d->state != DP_DTLS_FAILED)
		d->state = DP_DTLS_CLOSED;
}
