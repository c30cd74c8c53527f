/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway with its contexts and workers, and two peers of a data line, all in this thread: one on the access side with
 * ICE, one on the core side. The peers' DTLS is OpenSSL's; what they put into it is SCTP's place.
 */
#ifndef TESTS_DATA_RIG_H
#define TESTS_DATA_RIG_H

#include "tests/unit/fast/rig.h"

#include "dataplane/ctx/ctx_int.h"
#include "dataplane/slow/dtls_int.h"

#define GOT_MAX 64

struct data_end {
	struct dp_dtls_ctx *ctx;
	struct dp_dtls *d;
	const struct gw_addr *addr;
	const uint8_t *dst;        /* the gateway's address, */
	uint16_t port;             /* and port of this side */
	unsigned dev;              /* ACCESS, CORE */
	struct dp_stream *stream;  /* the gateway's */
	struct {
		uint8_t b[2048];
		size_t len;
	} got[GOT_MAX];            /* application data that came, of OpenSSL's opening */
	unsigned n_got;
	unsigned datagrams;        /* DTLS that came from the gateway */
	bool keeps_out;            /* what this end sends waits in out[] */
	struct rte_mbuf *out[GOT_MAX];
	unsigned n_out;
};

struct data_rig {
	struct dp_fast *fast;
	struct dp_ctx *ctx;
	struct dp_context *cx;
	struct gw_timers timers;
	struct data_end wic, core;
	uint64_t now;
	unsigned told_up, told_closed, told_failed;
};

extern struct data_rig R;
/** Set before data_open(): MSRP ends at this gateway, with peers in 10.20.0.0/24. */
extern struct dp_msrp_set *data_msrp;

enum data_side { DATA_ACCESS, DATA_CORE };

/** The whole set-up: rig_open() once before. suite: of the peers' DTLS, NULL: ours. */
void data_open(const char *suite, uint16_t workers);
/** Ends the call and everything; asserts that nothing is left. */
void data_close(void);
/** Add (*t NULL) or Modify of some streams. @return 0, or the error */
unsigned data_apply(struct dp_term **t, struct iq_stream *streams, unsigned n);
/** Remote of a data line is text and the fingerprint of e; in b's memory. */
void data_put_fingerprint(struct gw_buf *b, const struct data_end *e);
/** As data_open() does: both sides added, send and receive. */
void data_add_access(void);
void data_add_core(const char *setup);
void data_set_mode(enum data_side side, enum iq_mode mode);
void data_subtract(enum data_side side);
/** An authenticated check with USE-CANDIDATE from the WIC. */
void data_check(void);
/** ICE, both handshakes, and a packet each way: from then on the workers carry it if they can. */
void data_connect(void);
/** Everything that is under way arrives: turns of the workers, of the service core, of the peers. */
void data_settle(void);
/** n bytes of a pattern as one record from this end. */
void data_send(struct data_end *e, uint16_t n);
/** What the end kept goes, and everything that follows. */
void data_release(struct data_end *e);
/** A datagram to the gateway from the end's address, or another's. */
void data_inject(struct data_end *e, const struct gw_addr *from, const void *bytes, size_t n);
/** Did exactly this come last? */
void data_expect(const struct data_end *e, unsigned n_got, uint16_t n);
/** Commands and events: the service core's work without packets. */
void data_commands(void);
/** Another peer, with a certificate of its own, at the same place. */
void data_renew(struct data_end *e, const char *suite, bool is_client);
/** Policed from now on: bytes/s, bytes. */
void data_police(enum data_side side, uint32_t rate, uint32_t burst);
/** A packet of n bytes from each end comes out at the other. */
void data_exchange(uint16_t n);
/** Whether the workers carry the pair. */
bool data_is_fast(void);

#endif
