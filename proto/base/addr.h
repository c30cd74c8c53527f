/* SPDX-License-Identifier: Apache-2.0 */
/* IP address and port, as text and as bytes; no resolver, no socket. */
#ifndef GW_ADDR_H
#define GW_ADDR_H

#include "proto/base/buf.h"

/** family 0 = none. Bytes in network order, port in host order. Compare with gw_addr_eq only. */
struct gw_addr {
	uint8_t family;     /* 0, 4 or 6 */
	uint8_t b[16];      /* IPv4 uses the first four */
	uint16_t port;
};

/** "192.0.2.1" or "2001:db8::1" (no brackets, no zone); port becomes 0. */
enum gw_err gw_addr_parse_ip(struct gw_sv s, struct gw_addr *out) GW_NODISCARD;
/** "192.0.2.1:5060", "[2001:db8::1]:5060"; the port may be missing if dflt_port is not 0. */
enum gw_err gw_addr_parse(struct gw_sv s, uint16_t dflt_port, struct gw_addr *out) GW_NODISCARD;
/** "192.0.2.1/24"; *prefix gets the length, which must be present. */
enum gw_err gw_addr_parse_prefix(struct gw_sv s, struct gw_addr *out, uint8_t *prefix) GW_NODISCARD;
bool gw_addr_eq(const struct gw_addr *a, const struct gw_addr *b);
bool gw_addr_ip_eq(const struct gw_addr *a, const struct gw_addr *b);
/** Does ip lie in net/prefix (same family)? */
bool gw_addr_in(const struct gw_addr *ip, const struct gw_addr *net, uint8_t prefix);
/** May it be another host's own? Not: unspecified, loopback, link-local, multicast, broadcast, an IPv4 address in an IPv6 one. */
bool gw_addr_is_host(const struct gw_addr *a);
/** 0.0.0.0 or ::, or none. */
bool gw_addr_is_zero(const struct gw_addr *a);
/** Just the IP, without brackets. */
void gw_addr_put_ip(struct gw_buf *b, const struct gw_addr *a);
/** ip:port, IPv6 in brackets. */
void gw_addr_put(struct gw_buf *b, const struct gw_addr *a);

#define GW_ADDR_STR_BYTES 56
/** ip:port into a caller's array, NUL-terminated; returns dst. */
const char *gw_addr_str(const struct gw_addr *a, char dst[GW_ADDR_STR_BYTES]);

#endif
