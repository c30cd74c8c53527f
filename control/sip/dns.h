/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to DNS: c-ares on the event loop. Each callback comes exactly once, also at cp_dns_free. Control thread. */
#ifndef CP_DNS_H
#define CP_DNS_H

#include "control/app/loop.h"
#include "proto/base/addr.h"
#include "proto/sip/locate.h"

struct cp_dns;

#define CP_DNS_RECORDS_MAX 16

struct cp_dns_srv {
	const char *host;            /* valid during the callback */
	uint16_t priority, weight, port;
};

struct cp_dns_addrs {
	struct gw_addr list[CP_DNS_RECORDS_MAX];
	unsigned n;
	uint32_t ttl_s;
};

/**
 * @param family   4 or 6: which addresses are asked for
 * @param servers  "ip[:port],..." instead of those of resolv.conf; empty: these
 * @return GW_OK; GW_ENOMEM; GW_EINVAL (servers)
 */
enum gw_err cp_dns_new(struct cp_dns **out, struct cp_loop *loop, uint8_t family, const char *servers) GW_NODISCARD;
void cp_dns_free(struct cp_dns *d);

/** No records and a failure look the same: count 0, or addrs NULL. ttl_s is the smallest of the answer. */
void cp_dns_naptr(struct cp_dns *d, const char *name,
	void (*cb)(void *user, struct sip_naptr *list, unsigned count, uint32_t ttl_s), void *user);
void cp_dns_srv(struct cp_dns *d, const char *name,
	void (*cb)(void *user, const struct cp_dns_srv *list, unsigned count, uint32_t ttl_s), void *user);
/** Hosts files count too. */
void cp_dns_addrs(struct cp_dns *d, const char *host, void (*cb)(void *user, const struct cp_dns_addrs *a), void *user);

#endif
