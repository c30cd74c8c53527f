#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each header compiles alone. With clang, which parses fastest, where it is installed: another compiler adds nothing here.
root=$1
cc=$(command -v clang || command -v gcc)
flags="-std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -I$root $(pkg-config --cflags libdpdk openssl libsrtp2 nice libuv jansson)"
cd "$root" && find proto net control dataplane -name '*.h' -not -path '*/node_modules/*' | xargs -P 2 -I{} sh -c \
	"echo '#include \"{}\"' | $cc -x c $flags - || { echo '{} does not compile alone'; exit 1; }"
