/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SRTP engine as a table of functions. backend/srtp_lib2.c fills it over libsrtp2; a burst
 * engine on a DPDK cryptodev fills the same table. RTP only: SRTCP is slow/srtcp.h.
 */
#ifndef DP_SRTP_H
#define DP_SRTP_H

#include <rte_mbuf.h>

#include "dataplane/fast/drop.h"
#include "proto/base/err.h"

/** Values of the IANA "DTLS-SRTP Protection Profiles" registry (RFC 5764, RFC 7714). */
enum dp_srtp_profile {
	DP_SRTP_NONE = 0,
	DP_SRTP_AES128_CM_SHA1_80 = 0x0001,
	DP_SRTP_AES128_CM_SHA1_32 = 0x0002,
	DP_SRTP_AEAD_AES_128_GCM = 0x0007,
	DP_SRTP_AEAD_AES_256_GCM = 0x0008,
};

#define DP_BURST 32              /* packets a burst at most */
#define DP_SRTP_KEY_MAX 32
#define DP_SRTP_SALT_MAX 14
#define DP_SRTP_TRAILER_MAX 16	/* longest tag of the profiles above, no MKI */

/** One direction. The caller wipes it after use; engines keep their own copy. */
struct dp_srtp_keys {
	enum dp_srtp_profile profile;
	uint8_t key[DP_SRTP_KEY_MAX];
	uint8_t salt[DP_SRTP_SALT_MAX];
	uint16_t replay_window;   /* packets, 64..1024; unprotect only: what is sealed may be 64 late */
	uint8_t max_ssrc;         /* SSRCs kept at most; above: DP_DROP_SSRC_LIMIT (threat M5) */
};

struct dp_srtp_session;           /* engine's own; made and freed on the service thread */

struct dp_srtp_ops {
	const char *name;

	/** Service thread. GW_OK; GW_EUNSUPP (profile); GW_ENOMEM. */
	enum gw_err (*session_new)(struct dp_srtp_session **out, const struct dp_srtp_keys *keys,
		bool is_protect);
	/** Service thread, after the owner acknowledged that no flow refers to it. NULL is fine. */
	void (*session_free)(struct dp_srtp_session *s);

	/**
	 * Owner worker. Transform n packets in place, each mbuf's data being the RTP packet alone
	 * (no Ethernet, IP, UDP), header already checked, with tailroom for the trailer.
	 * why[i] becomes dp_drop_COUNT for a good packet, else the reason. Nothing learned from
	 * a packet (index, replay bit, SSRC slot) is kept unless it authenticated.
	 */
	void (*unprotect_burst)(uint16_t worker, struct rte_mbuf **m, struct dp_srtp_session **s,
		uint16_t n, enum dp_drop *why);
	void (*protect_burst)(uint16_t worker, struct rte_mbuf **m, struct dp_srtp_session **s,
		uint16_t n, enum dp_drop *why);
	/**
	 * Owner worker. Another key of the same direction and suite or another: the SSRCs of the session before go on at their indices
	 * (RFC 3711 3.3.1). NULL: the engine cannot, they begin anew.
	 */
	void (*carry_on)(struct dp_srtp_session *s, const struct dp_srtp_session *before);
};

/** The libsrtp2 engine: reference and fallback. */
extern const struct dp_srtp_ops dp_srtp_lib2;
/** libsrtp2's tables and self-tests; once a process, before sessions of that engine. */
enum gw_err dp_srtp_lib2_init(void);

/** The burst engine, on the worker's core or a DPDK cryptodev. Works between _start() and _stop(). */
extern const struct dp_srtp_ops dp_srtp_burst;

/** How many powers of GCM's hash key a session keeps. */
enum dp_gcm_tables {
	DP_GCM_LARGE,             /* as many as the CPU's fastest code takes: 48 with AVX-512 and VAES */
	DP_GCM_SMALL,             /* 8, by the code for AVX2 where the CPU has it */
};

struct dp_srtp_burst_conf {
	const char *device;       /* NULL or "cpu": this core; or a cryptodev: "crypto_aesni_mb", PCI name of a QAT */
	uint16_t workers;         /* ids 0..workers-1; a queue pair of the cryptodev each */
	uint32_t max_sessions;    /* protect and unprotect together; memory is taken here */
	uint32_t max_records;     /* sessions of dp_record_burst_start(), which the same device has too */
	uint16_t replay_window;   /* largest any session asks for; 0: 128 */
	uint8_t max_ssrc;         /* largest any session asks for; 0: 8 */
	bool is_cm_only;          /* no session will ask for GCM, whose keys take up to five times the room */
	enum dp_gcm_tables gcm_tables;
};

/** Service thread, after rte_eal_init. GW_EUNSUPP: no such device, or it cannot do what SRTP needs. */
enum gw_err dp_srtp_burst_start(const struct dp_srtp_burst_conf *conf);
/** After all sessions are freed and no worker runs. */
void dp_srtp_burst_stop(void);

#endif
