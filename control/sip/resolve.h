/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIP servers by name (RFC 3263): NAPTR, SRV, A or AAAA, by c-ares on the event loop. Nobody waits for DNS: a name
 * is answered from what is known, and looked up behind it. Names under .invalid are never asked for (W2-WS-07).
 * Control thread only.
 */
#ifndef CP_RESOLVE_H
#define CP_RESOLVE_H

#include <jansson.h>

#include "control/transport/transport.h"
#include "proto/sip/locate.h"

struct cp_resolver;

/** What to look for: a host of a SIP URI, its port (0: none) and its transport parameter. */
struct cp_name {
	struct gw_sv host;
	uint16_t port;
	enum sip_transport transport;
};

/**
 * @param on_change  a lookup has ended, with or without a result
 * @return GW_OK; GW_ENOMEM; GW_EINVAL: the servers of mw.dns cannot be used
 */
enum gw_err cp_resolver_new(struct cp_resolver **out, const struct cp_conf *conf, struct cp_loop *loop,
	const struct gw_log *log, void (*on_change)(void *user), void *user) GW_NODISCARD;
/** Accepts NULL. Handles close with the loop. */
void cp_resolver_free(struct cp_resolver *r);
/**
 * Servers of a name in the order to try now (RFC 2782: drawn anew each time). A name not known, or known for longer
 * than its TTL, is looked up; until the new answer is there the old one counts, also when DNS fails (RFC 8767).
 * @param is_pending  out: nothing is known yet, and the lookup is on its way; may be NULL
 * @return how many of max
 */
unsigned cp_resolve(struct cp_resolver *r, const struct cp_name *name, struct cp_peer *out, unsigned max,
	bool *is_pending);
/** For "show names": the servers of all names. */
json_t *cp_resolver_show(void *resolver);

#endif
