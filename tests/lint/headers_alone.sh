#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each header compiles alone, with gcc and, where it is installed, clang.
root=$1
bad=0
flags="-std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -I$root $(pkg-config --cflags libdpdk openssl libsrtp2 nice libuv jansson)"
for h in $(cd "$root" && find proto net control dataplane -name '*.h' -not -path '*/node_modules/*'); do
	for cc in gcc clang; do
		command -v $cc >/dev/null || continue
		printf '#include "%s"\n' "$h" | $cc -x c $flags - || { echo "$h does not compile alone ($cc)"; bad=1; }
	done
done
exit $bad
