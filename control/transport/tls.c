/* SPDX-License-Identifier: Apache-2.0 */
/* TLS settings of W2 (W2-WS-01), and the self-signed certificate of the first start. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "control/app/metrics.h"
#include "control/transport/conn.h"

#define SELF_SIGNED_DAYS 825L
#define FEW_DAYS 14
#define DAY_MS 86400000ull

static void log_openssl(struct cp_transport *t, const char *event, const char *file)
{
	char text[256];

	ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
	ERR_clear_error();
	GW_LOG_ERROR(t->log, event, "file=%s error=\"%s\"", file, text);
}

static bool add_ext(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool ok = e && X509_add_ext(x, e, -1);

	X509_EXTENSION_free(e);
	return ok;
}

/* subjectAltName: the configured host, each listen address that is one, and localhost. */
static void alt_names(const struct cp_conf *conf, struct gw_buf *b)
{
	struct gw_addr a;

	gw_buf_printf(b, "DNS:localhost,IP:127.0.0.1");
	if (gw_addr_parse_ip(gw_sv_cstr(conf->w2.host_name), &a) == GW_OK)
		gw_buf_printf(b, ",IP:%s", conf->w2.host_name);
	else
		gw_buf_printf(b, ",DNS:%s", conf->w2.host);
	for (unsigned i = 0; i < conf->w2.n_listen; i++) {
		static const struct gw_addr any4 = { .family = 4 }, any6 = { .family = 6 };

		if (gw_addr_ip_eq(&conf->w2.listen[i], &any4) || gw_addr_ip_eq(&conf->w2.listen[i], &any6))
			continue;
		gw_buf_puts(b, ",IP:");
		gw_addr_put_ip(b, &conf->w2.listen[i]);
	}
}

static X509 *self_signed(const struct cp_conf *conf, EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name;
	char san[1024];
	struct gw_buf b = gw_buf(san, sizeof(san) - 1);
	uint64_t serial;

	alt_names(conf, &b);
	san[b.len] = '\0';
	cp_random(&serial, sizeof(serial));
	if (!x)
		return NULL;
	name = X509_get_subject_name(x);
	if (X509_set_version(x, X509_VERSION_3) &&
		ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) &&
		X509_gmtime_adj(X509_getm_notBefore(x), -86400L) &&
		X509_gmtime_adj(X509_getm_notAfter(x), SELF_SIGNED_DAYS * 86400L) &&
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
			(const unsigned char *)conf->w2.host, -1, -1, 0) &&
		X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) &&
		add_ext(x, NID_subject_alt_name, san) &&
		add_ext(x, NID_basic_constraints, "critical,CA:FALSE") &&
		X509_sign(x, key, EVP_sha256()))
		return x;
	X509_free(x);
	return NULL;
}

static FILE *create(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	return fd < 0 ? NULL : fdopen(fd, "w");
}

static enum gw_err make_certificate(struct cp_transport *t)
{
	const struct cp_conf *c = t->conf;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key ? self_signed(c, key) : NULL;
	FILE *fk = x ? create(c->w2.key, 0600) : NULL;
	FILE *fc = fk ? create(c->w2.certificate, 0644) : NULL;
	bool ok = fc && PEM_write_PrivateKey(fk, key, NULL, NULL, 0, NULL, NULL) && PEM_write_X509(fc, x);

	if (fk)
		ok &= fclose(fk) == 0;
	if (fc)
		ok &= fclose(fc) == 0;
	if (ok)
		GW_LOG_NOTICE(t->log, "tls.self_signed", "certificate=%s host=%s", c->w2.certificate, c->w2.host);
	else
		GW_LOG_ERROR(t->log, "tls.self_signed_failed", "certificate=%s key=%s error=\"%s\"",
			c->w2.certificate, c->w2.key, strerror(errno));
	X509_free(x);
	EVP_PKEY_free(key);
	return ok ? GW_OK : GW_EIO;
}

enum gw_err cp_tls_load(struct cp_transport *t, SSL_CTX **out)
{
	const struct cp_conf *c = t->conf;
	SSL_CTX *s;
	enum gw_err err;

	if (access(c->w2.certificate, F_OK) && access(c->w2.key, F_OK) && (err = make_certificate(t)))
		return err;
	s = SSL_CTX_new(TLS_server_method());
	if (!s)
		return GW_ENOMEM;
	SSL_CTX_set_min_proto_version(s, TLS1_2_VERSION);
	SSL_CTX_set_options(s, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(s, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_use_certificate_chain_file(s, c->w2.certificate) != 1) {
		log_openssl(t, "tls.certificate_failed", c->w2.certificate);
	} else if (SSL_CTX_use_PrivateKey_file(s, c->w2.key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(s) != 1) {
		log_openssl(t, "tls.key_failed", c->w2.key);
	} else {
		*out = s;
		return GW_OK;
	}
	SSL_CTX_free(s);
	return GW_EINVAL;
}

static void on_certificate_timer(struct gw_timer *timer, uint64_t now_ms)
{
	(void)now_ms;
	cp_tls_watch(GW_CONTAINER(timer, struct cp_transport, certificate));
}

void cp_tls_watch(struct cp_transport *t)
{
	const X509 *x = t->ssl_ctx ? SSL_CTX_get0_certificate(t->ssl_ctx) : NULL;
	int days, seconds;

	if (!x || !ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)))
		return;
	if (seconds < 0)	/* what has ended an hour ago has not zero days left */
		days--;
	cp_gauge_value[tls_certificate_days] = days;
	if (days < 0)
		GW_LOG_ERROR(t->log, "tls.certificate_ended", "certificate=%s days=%d", t->conf->w2.certificate, days);
	else if (days < FEW_DAYS)
		GW_LOG_WARN(t->log, "tls.certificate_ends", "certificate=%s days=%d", t->conf->w2.certificate, days);
	t->certificate.fn = on_certificate_timer;
	(void)gw_timer_arm(&t->loop->timers, &t->certificate, cp_loop_now(t->loop) + DAY_MS);
}
