/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/app/steer.h"

#include <rte_flow.h>

/* dp_owner() takes the bits above the lowest one: RTP and RTCP of a stream stay together. */
#define OWNER_SHIFT 1

static bool add_rule(uint16_t ethdev, enum rte_flow_item_type ip, uint16_t worker, uint16_t workers)
{
	struct rte_flow_attr attr = { .ingress = 1 };
	struct rte_flow_item_udp spec = { .hdr.dst_port = rte_cpu_to_be_16((uint16_t)(worker << OWNER_SHIFT)) };
	struct rte_flow_item_udp mask = { .hdr.dst_port = rte_cpu_to_be_16((uint16_t)((workers - 1) << OWNER_SHIFT)) };
	struct rte_flow_item pattern[] = { { .type = RTE_FLOW_ITEM_TYPE_ETH }, { .type = ip },
		{ .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &spec, .mask = &mask }, { .type = RTE_FLOW_ITEM_TYPE_END } };
	struct rte_flow_action_queue queue = { .index = worker };
	struct rte_flow_action action[] = { { .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue },
		{ .type = RTE_FLOW_ACTION_TYPE_END } };
	struct rte_flow_error why;

	return rte_flow_validate(ethdev, &attr, pattern, action, &why) == 0 &&
		rte_flow_create(ethdev, &attr, pattern, action, &why) != NULL;
}

bool dp_steer_by_port(uint16_t ethdev, uint16_t workers)
{
	struct rte_flow_error why;

	if (workers < 2 || (workers & (workers - 1)) != 0)
		return false;
	for (uint16_t w = 0; w < workers; w++)
		if (!add_rule(ethdev, RTE_FLOW_ITEM_TYPE_IPV4, w, workers) ||
			!add_rule(ethdev, RTE_FLOW_ITEM_TYPE_IPV6, w, workers)) {
			(void)rte_flow_flush(ethdev, &why);
			return false;
		}
	return true;
}
