#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The no-drop rate for every size: ndr.lua once for each capture calls.py wrote into FOLDER, its RESULT lines at the end.
#
# usage: RX_IFACE=ens1f1 sizes.sh PCI FOLDER [SIZE...]        (72 172 480 1200 imix; TRIAL_S, LOSS, LCORES as for ndr.lua)
set -eu
[ $# -ge 2 ] || { sed -n 5p "$0" >&2; exit 2; }
pci=$1 folder=$2 here=$(cd "$(dirname "$0")" && pwd)
shift 2
[ $# -gt 0 ] || set -- 72 172 480 1200 imix
all=$(mktemp)
trap 'rm -f "$all"' EXIT
for size in "$@"; do
	[ -f "$folder/rtp-$size.pcap" ] || { echo "sizes.sh: $folder/rtp-$size.pcap is not there: calls.py --captures" >&2; exit 1; }
	media=1
	[ "$size" != imix ] || media=0.99
	NAME=$size MEDIA=$media ${PKTGEN:-pktgen} -l "${LCORES:-0-4}" -a "$pci" -- -P -m "[1-4].0" -s "0:$folder/rtp-$size.pcap" \
		-f "$here/ndr.lua" | tee -a "$all"
done
grep '^RESULT ' "$all"
