#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where Pktgen is absent: testpmd plays a capture of calls.py, over and over, into the calls that it holds, as fast as the port
# takes it; the SRTP is to be counted where it arrives (ethtool -S). For a chosen rate: w2gw-gen -f, see ../README.md.
# Without a capture: UDP of unknown flows, to see how cheaply those are thrown away (`w2gwctl agw show drops`: DP_DROP_NO_FLOW).
#
# usage: testpmd.sh -a PCI CAPTURE
#        testpmd.sh -a PCI unknown GATEWAY_MAC GATEWAY_IP OUR_IP [FRAME_BYTES]
# In place of -a PCI any --vdev=... does.
set -eu
[ "${1:-}" != -a ] || { port="-a $2"; shift; }
[ $# -ge 2 ] || { sed -n 7,9p "$0" >&2; exit 2; }
: "${port:=$1 --no-pci}"
shift
eal="-l 0-1 --file-prefix testpmd ${EAL:-}"
if [ "$1" != unknown ]; then
	# the capture is port 1, whose packets leave at port 0; the buffers have to hold it as a whole
	# shellcheck disable=SC2086
	exec dpdk-testpmd $eal $port --vdev "net_pcap0,rx_pcap=$1,infinite_rx=1" -- --nb-cores=1 --forward-mode=io --burst=32 \
		--total-num-mbufs=131072 --stats-period=1 --auto-start --no-flush-rx
fi
[ $# -ge 4 ] || { sed -n 8p "$0" >&2; exit 2; }
# shellcheck disable=SC2086
exec dpdk-testpmd $eal $port -- --nb-cores=1 --forward-mode=txonly --txonly-multi-flow --tx-ip="$4,$3" \
	--tx-udp=20000,10000 --eth-peer="0,$2" --txpkts="${5:-218}" --burst=32 --stats-period=1 --auto-start
