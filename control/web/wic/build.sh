#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds a page away from the source tree: build.sh SOURCE_DIR WORK_DIR OUT_DIR [more for build.mjs]
set -eu
src=$1 work=$2 out=$3
shift 3
mkdir -p "$work" "$out"
cp "$src/package.json" "$src/package-lock.json" "$src/build.mjs" "$work/"
rm -rf "$work/src"
cp -R "$src/src" "$work/src"
cd "$work"
if [ ! -d node_modules ] || ! cmp -s package-lock.json installed-lock.json; then
	npm ci --no-fund --no-audit --loglevel=error
	cp package-lock.json installed-lock.json
fi
node build.mjs "$out" "$@"
