/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and keys of call i: calculated, so that generator and gateway need not be told. */
#include "bench/gen/gen.h"

#include <string.h>

#define FAR_PORT_FIRST 20000u
#define FAR_PORTS 40000u

uint32_t gen_plan_gate_ips(uint32_t calls)
{
	return (calls + GEN_PORTS - 1) / GEN_PORTS;
}

/* 10.SIDE.N.1 */
uint32_t gen_plan_gate_ip(enum gen_side side, uint32_t n)
{
	return 10u << 24 | (uint32_t)side << 16 | n << 8 | 1;
}

struct gen_leg gen_plan_leg(enum gen_side side, uint32_t i)
{
	return (struct gen_leg){
		.far_ip = 198u << 24 | (18u + side) << 16 | (i / FAR_PORTS) << 8 | 1,	/* RFC 2544's 198.18.0.0/15 */
		.far_port = (uint16_t)(FAR_PORT_FIRST + i % FAR_PORTS),
		.gate_ip = gen_plan_gate_ip(side, i / GEN_PORTS),
		.gate_port = (uint16_t)(GEN_PORT_FIRST + i % GEN_PORTS),
	};
}

void gen_plan_keys(enum dp_srtp_profile profile, uint32_t i, bool is_to_access, struct dp_srtp_keys *out)
{
	*out = (struct dp_srtp_keys){ .profile = profile, .max_ssrc = 8, .salt = { is_to_access } };
	for (unsigned n = 0; n < sizeof(out->key); n++)
		out->key[n] = (uint8_t)(i >> (8 * (n % 4)) ^ n);
}

struct gw_addr gen_addr(uint32_t ip, uint16_t port)
{
	return (struct gw_addr){ .family = 4, .port = port,
		.b = { (uint8_t)(ip >> 24), (uint8_t)(ip >> 16), (uint8_t)(ip >> 8), (uint8_t)ip } };
}
