/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets to the worker that owns their local port, done by the NIC: rte_flow rules on bits of the UDP
 * destination port, when it has them and the number of workers is a power of two. Otherwise workers hand
 * packets over by their rings, which is always right and costs a trip between cores.
 */
#ifndef DP_STEER_H
#define DP_STEER_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Queue w of the port gets the UDP ports of which dp_owner() says w. After rte_eth_dev_start, with one rx
 * queue a worker. @return false: the device took not all the rules, none is left
 */
bool dp_steer_by_port(uint16_t ethdev, uint16_t workers);

#endif
