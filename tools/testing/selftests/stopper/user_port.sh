#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# user_port.sh: a server that is ported to the library, with the library installed in a folder, loses no request
# (tools/testing/packages/port/walk), and the documents state how many lines that takes.

. "$(dirname "$0")/languages/lib.sh"

port=$top/tools/testing/packages/port

installed() { make -s -C "$top/user" OUT="$lib" PREFIX="$work/prefix" install; }

walk() {
	PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig LD_LIBRARY_PATH=$work/prefix/lib "$port/walk" | tee "$work/counts"
	[ "${PIPESTATUS[0]}" = 0 ]
}

# "233 lines, +111 -73" of the walk is "233 lines ... 111 lines more and 73 fewer" there.
lines_are_documented() {
	local before more fewer
	read -r before more fewer < <(sed -n 's/^port: \([0-9]*\) lines, +\([0-9]*\) -\([0-9]*\)$/\1 \2 \3/p' "$work/counts")
	echo "of $before lines $fewer are removed, $more are added"
	[ -n "$fewer" ] && grep -qF "of $before lines $fewer are removed, $more are added" "$top/Documentation/migration.rst"
}

command -v pkg-config >/dev/null || skip_all "no pkg-config"
begin
check "the library is installed" installed
check "the port loses no request" walk
sed 's/^/# /' "$work/counts"
check "its lines are documented" lines_are_documented
finish
