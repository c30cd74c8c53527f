/* SPDX-License-Identifier: Apache-2.0 */
/* w2gw-bench-data: data channels, by the gateway and by what is compared with it. Each prints one JSON object. */
#ifndef BENCH_DATA_H
#define BENCH_DATA_H

#include <stdint.h>

/** pairs of legs, packets of bytes. @return exit status: did everything come out right? After rte_eal_init(). */
int bench_relay(unsigned pairs, uint16_t bytes, uint8_t key_bytes, const char *device, unsigned rounds);
/** usrsctp to usrsctp through OpenSSL's DTLS in this thread: packets a second, of messages that fill them. */
int bench_usrsctp(uint16_t bytes, double seconds);
/** The same with associations as the gateway ends them, instead of bare sockets. */
int bench_terminated(uint16_t bytes, double seconds);
/** Resident KiB of one of as many, DTLS with it. */
int bench_memory(unsigned associations);

#endif
