#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No malloc, lock, system call or log on workers: undefined symbols of the fast-path library against
an allow-list. What set-up and the service core use in fast.c is named apart."""
import re, subprocess, sys

LIB = sys.argv[1]
EVERYWHERE = {"memcpy", "memset", "memcmp", "memmove", "rte_eth_tx_burst", "per_lcore__lcore_id", "rte_eth_fp_ops",
              "rte_mempool_ops_table", "__stack_chk_fail", "__tls_get_addr", "gw_addr_ip_eq", "gw_addr_in", "dp_drop_info", "_GLOBAL_OFFSET_TABLE_", "dp_srtp_lib2",
              "__rte_eth_rx_epilog", "__rte_eth_tx_prolog", "rte_mempool_check_cookies", "rte_log", "__rte_panic",
              "rte_eth_call_rx_callbacks", "rte_eth_call_tx_callbacks", "rte_trace_point_fp_is_enabled"}
PER_FILE = {
    # runs on the service thread: set-up, and the other end of the rings
    "fast_fast.c.o": {"rte_zmalloc", "rte_malloc", "rte_free", "rte_ring_create", "rte_ring_create_elem", "rte_ring_free",
                      "rte_eal_remote_launch", "rte_eal_wait_lcore", "rte_get_tsc_hz", "rte_socket_id", "snprintf",
                      "rte_eth_macaddr_get", "rte_eth_dev_get_mtu", "rte_eth_dev_info_get", "rte_pktmbuf_free",
                      "__snprintf_chk"},
    "fast_idle.c.o": {"nanosleep"},      # adaptive idle: only when nothing came
    "fast_police.c.o": {"__divti3", "__udivti3"},   # when a rate is ordered; a packet is charged without a division
}
FREE = {"rte_pktmbuf_free", "rte_pktmbuf_free_bulk"}   # back to the mempool, per-lcore cache

bad, current = [], None
for line in subprocess.run(["nm", "-u", LIB], capture_output=True, text=True, check=True).stdout.splitlines():
    m = re.match(r"^(\S+\.o):$", line)
    if m:
        current = m.group(1).rsplit('/', 1)[-1]
        continue
    m = re.match(r"^\s+U (\S+)", line)
    if not m:
        continue
    s = m.group(1)
    if s.startswith(("dp_", "rte_trace_", "__rte_", "__asan_", "__ubsan_", "__tsan_", "__gcov")):
        continue
    if s not in EVERYWHERE | FREE | PER_FILE.get(current, set()):
        bad.append(f"{current}: {s}")
print("\n".join(bad) or "fast path calls nothing it may not")
sys.exit(1 if bad else 0)
