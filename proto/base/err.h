/* SPDX-License-Identifier: Apache-2.0 */
/* The error values every function of the project returns, and their names. */
#ifndef GW_ERR_H
#define GW_ERR_H

/**
 * GW_OK is 0; everything else is a failure or a "not yet". Wire codes (SIP status, H.248 error,
 * HTTP status) are decided from these in one place per protocol, never at the point of failure.
 */
enum gw_err {
	GW_OK = 0,
	GW_EAGAIN,    /* incomplete: more bytes or another event are needed, nothing was changed */
	GW_EBADMSG,   /* malformed input from a peer */
	GW_ENOSPC,    /* the given buffer or fixed table is too small */
	GW_ENOMEM,    /* out of memory */
	GW_EINVAL,    /* our own caller broke the contract, or a bad configuration value */
	GW_ENOENT,    /* no such object */
	GW_EEXIST,    /* object exists already */
	GW_EAUTH,     /* authentication failed */
	GW_ELIMIT,    /* a configured limit was reached */
	GW_ETIMEOUT,  /* a protocol timer ran out */
	GW_EUNSUPP,   /* understood, not supported */
	GW_ESTATE,    /* not allowed in the present state */
	GW_EIO,       /* a system or device error */
	GW_ECLOSED,   /* the peer or the object is gone */
	GW_ERR_COUNT
};

#define GW_NODISCARD __attribute__((warn_unused_result))
#define GW_PRINTF(f, a) __attribute__((format(printf, f, a)))

/** Short upper-case name ("BADMSG"); never NULL. */
static inline const char *gw_err_name(enum gw_err e)
{
	static const char *const names[GW_ERR_COUNT] = {
		"OK",    "AGAIN", "BADMSG", "NOSPC", "NOMEM",   "INVAL",  "NOENT", "EXIST",
		"AUTH",  "LIMIT", "TIMEOUT", "UNSUPP", "STATE", "IO",     "CLOSED",
	};

	return (unsigned)e < GW_ERR_COUNT ? names[e] : "?";
}

#include <stddef.h>

/** Where and why a parser stopped; 'what' is a static sentence fit for a log or an error reply. */
struct gw_diag {
	size_t off;
	const char *what;
};

#endif
