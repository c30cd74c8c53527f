/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of our own: which situation gets which status, and which header fields go with a status. The one place
 * where it is decided (what a WIC makes of them: docs/w2.md, "Answers, and what to do"). Control thread only.
 */
#ifndef CP_ERRORS_H
#define CP_ERRORS_H

#include "control/sip/stack.h"

/* situation, status, Warning text or NULL: the caller says it, or there is nothing to say. By W2-ERR-nn. */
#define CP_ERROR_LIST(X)                                                                       \
	X(BAD_MESSAGE, 400, NULL)                        /* 05 */                              \
	X(TOO_BIG, 513, NULL)                            /* 06 */                              \
	X(HOPS, 483, NULL)                               /* 07 */                              \
	X(LOOP, 482, NULL)                               /* 07 */                              \
	X(EXTENSION, 420, NULL)                          /* 08, 38 */                          \
	X(SCHEME, 416, NULL)                             /* 09 */                              \
	X(VERSION, 505, NULL)                            /* 10 */                              \
	X(NOT_REGISTERED, 403, "not registered")         /* 17 */                              \
	X(FOREIGN_IDENTITY, 403, "identity of another user") /* 17 */                          \
	X(NO_CORE, 504, NULL)                            /* 20, 21 */                          \
	X(FOREIGN_ROUTE, 400, "Route is not the Service-Route") /* 22 */                       \
	X(BODY, 415, NULL)                               /* 23 */                              \
	X(FLOW_DEAD, 430, NULL)                          /* 31 */                              \
	X(NO_BINDING, 480, NULL)                         /* 32 */                              \
	X(NO_ANSWER, 408, NULL)                          /* 33 */                              \
	X(NO_DIALOG, 481, NULL)                          /* 35 */                              \
	X(NO_REGISTRAR, 403, "no registrar")             /* a REGISTER of the core */          \
	X(CROWDED, 503, "too many transactions")         /* 43 */                              \
	X(RATE, 503, "too many requests")                /* 43 */                              \
	X(OVERLOAD, 503, "overload")                     /* 43 */                              \
	X(INTERNAL, 500, NULL)                           /* 46 */                              \
	X(CORE_BUSY, 503, NULL)                          /* 50 */

enum cp_error {
#define CP_ERROR_ROW(name, status, text) CP_ERR_##name,
	CP_ERROR_LIST(CP_ERROR_ROW)
#undef CP_ERROR_ROW
	CP_ERROR_COUNT
};

/** Answer a request with an error of the table; detail: Warning text in place of the table's, or NULL. */
void cp_sip_error(struct cp_uas *u, enum cp_error e, const char *detail);

#endif
