#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_headers.sh: each public header compiles alone, as C11 and as C++17, without a warning.

top=${STOPPER_TOP:-$(dirname "$0")/../../../..}
cc=${CC:-cc} cxx=${CXX:-c++}
warn='-Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only'
status=0 nr=0

set -- "$top"/include/stopper/*.h
[ -f "$1" ] || { echo "1..0 # SKIP no headers in $top/include"; exit 4; }
# The only one for the kernel alone.
headers=$(for h; do [ "${h##*/}" = device.h ] || echo "${h##*/}"; done)

echo "TAP version 13"
echo "1..$(($(echo "$headers" | wc -l) * 2))"
try() {
	lang=$1 header=$2
	shift 2
	nr=$((nr + 1))
	if log=$(printf '#include <stopper/%s>\n#include <stopper/%s>\n' "$header" "$header" |
		"$@" $warn -I"$top/include" - 2>&1)
	then
		echo "ok $nr $header $lang"
	else
		echo "$log" | head -n 10 | sed 's/^/# /'
		echo "not ok $nr $header $lang"
		status=1
	fi
}
for h in $headers; do
	try c11 "$h" "$cc" -std=c11 -x c
	try c++17 "$h" "$cxx" -std=c++17 -x c++
done
exit $status
