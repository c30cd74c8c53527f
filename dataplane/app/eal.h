/* SPDX-License-Identifier: Apache-2.0 */
/* DPDK bring-up: EAL arguments from the configuration, ethdevs configured and started. */
#ifndef DP_EAL_H
#define DP_EAL_H

#include <rte_mbuf.h>

#include "dataplane/fast/api.h"
#include "proto/base/log.h"

/** Who makes and checks UDP checksums; AUTO: PCI devices that offer it. */
enum dp_checksums { DP_CHECKSUMS_AUTO, DP_CHECKSUMS_NIC, DP_CHECKSUMS_CPU };

struct dp_eal_conf {
	const char *lcores;           /* "-l" list, or "--lcores" when it holds '(' or '@' */
	bool hugepages;
	unsigned memory_mb;
	const char *file_prefix;
	char *const *args;            /* more EAL arguments */
	unsigned n_args;
	const char *const *devices;   /* vdev strings or PCI addresses, in order of the ports */
	unsigned n_devices;
	enum dp_checksums checksums[DP_PORTS_MAX];   /* by index of devices */
	unsigned mbufs;               /* in the pool */
};

struct dp_eal {
	uint16_t ethdevs[DP_PORTS_MAX];   /* by index of devices */
	uint16_t n_ethdevs;
	bool nic_sums[DP_PORTS_MAX];      /* by index of devices: it makes UDP checksums */
	unsigned lcores[DP_WORKERS_MAX];  /* workers: all but the main lcore */
	uint16_t workers;
	bool is_shared;                   /* the service core may run on a worker's CPU */
	struct rte_mempool *pool;
};

/** Errors are logged with the device or argument at fault. GW_EIO, GW_EINVAL. */
enum gw_err dp_eal_start(const struct dp_eal_conf *conf, const struct gw_log *log, struct dp_eal *out);
/** Stop and close the ports, then the EAL. */
void dp_eal_stop(struct dp_eal *e);

#endif
