/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenSSL reads and writes: one record at a time out of the datagram that is there, so that it is known which record a
 * piece of data came in; and each write of it is a datagram.
 */
#include "dataplane/slow/dtls_int.h"

#include <string.h>

static int bio_write(BIO *bio, const char *p, int len)
{
	struct dp_dtls *d = BIO_get_data(bio);

	if (len <= 0)
		return len;
	dp_dtls_note_sent(d, gw_sv(p, (size_t)len));
	d->tls->send(d->tls->user, gw_sv(p, (size_t)len));
	return len;
}

/* @return the next record of the datagram, empty: it is read up; noted in t->fed */
static struct gw_sv next_record(struct tls *t)
{
	struct gw_sv r = t->in;

	if (dp_record_parse((const uint8_t *)r.p, r.len, &t->fed))
		r.len = (size_t)DP_RECORD_HEADER_BYTES + t->fed.bytes;
	t->in = gw_sv_sub(t->in, r.len, t->in.len);
	return r;
}

static int bio_read(BIO *bio, char *p, int cap)
{
	struct dp_dtls *d = BIO_get_data(bio);
	struct gw_sv r = next_record(d->tls);

	/* ahead of Finished OpenSSL would keep it, and nobody could tell later which one it was; SCTP sends again */
	while (r.len && d->tls->fed.type == DP_RECORD_DATA && d->state < DP_DTLS_HELD)
		r = next_record(d->tls);
	BIO_clear_retry_flags(bio);
	if (r.len == 0 || cap <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (r.len > (size_t)cap)
		r.len = (size_t)cap;	/* the rest of an oversized record is lost, as on a socket */
	memcpy(p, r.p, r.len);
	return (int)r.len;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	struct dp_dtls *d = BIO_get_data(bio);

	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return (long)d->tls->mtu;
	case BIO_CTRL_WPENDING:
	case BIO_CTRL_PENDING:
	default:
		return 0;
	}
}

static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *m;	/* one service thread makes sessions; lives as long as the process */

	if (m)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "w2gw datagram");
	if (m && (BIO_meth_set_write(m, bio_write) != 1 || BIO_meth_set_read(m, bio_read) != 1 ||
			 BIO_meth_set_ctrl(m, bio_ctrl) != 1)) {
		BIO_meth_free(m);
		m = NULL;
	}
	return m;
}

BIO *dp_dtls_bio_new(struct dp_dtls *d)
{
	BIO_METHOD *m = bio_method();
	BIO *bio = m ? BIO_new(m) : NULL;

	if (bio) {
		BIO_set_data(bio, d);
		BIO_set_init(bio, 1);
	}
	return bio;
}
