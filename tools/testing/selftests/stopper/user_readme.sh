#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_readme.sh: the two samples in the README compile as they stand there.
#
# They are the code blocks after a line that contains "kernel-example" and "user-example".

top=${STOPPER_TOP:-$(dirname "$0")/../../../..}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
readme=$(ls "$top"/README* 2>/dev/null | head -n 1)
status=0 nr=0

# The first fenced block behind the marker.
sample() {
	awk -v mark="$1" '
		index($0, mark) { marked = 1; if ($0 !~ /^ *```/) next }
		marked && /^ *```/ { if (inside) exit; inside = 1; next }
		inside { print }' "$readme"
}

skip() { nr=$((nr + 1)); echo "ok $nr $1 # SKIP $2"; }

compiled() {
	nr=$((nr + 1))
	if "${@:2}" >"$work/log" 2>&1; then
		echo "ok $nr $1"
	else
		sed 's/^/# /' "$work/log" | head -n 20
		echo "not ok $nr $1"
		status=1
	fi
}

kernel_headers() {
	local dir
	for dir in "$KDIR" "/lib/modules/$(uname -r)/build" /usr/src/linux-headers-*-amd64 \
		"${STOPPER_CACHE:-$HOME/.cache/stopper}"/kernels/*/usr/src/linux-headers-*-amd64; do
		[ ! -f "$dir/include/generated/utsrelease.h" ] || { echo "$dir"; return; }
	done
}

echo "TAP version 13"
echo "1..2"
if [ -z "$readme" ]; then
	skip user_example "no README yet"
	skip kernel_example "no README yet"
	exit 4
fi

sample user-example >"$work/user.c"
if [ -s "$work/user.c" ]; then
	compiled user_example "${CC:-cc}" -Wall -Wextra -Wno-unused-parameter -Werror -fsyntax-only \
		-I"$top/include" "$work/user.c"
else
	skip user_example "not in the README"
fi

sample kernel-example >"$work/sample.c"
kdir=$(kernel_headers)
if [ ! -s "$work/sample.c" ]; then
	skip kernel_example "not in the README"
elif [ -z "$kdir" ]; then
	skip kernel_example "no kernel headers"
else
	printf 'obj-m := sample.o\nccflags-y := -I%s -Werror\n' "$(realpath "$top/include")" >"$work/Kbuild"
	compiled kernel_example make -s -C "$kdir" M="$work" sample.o
fi
exit $status
