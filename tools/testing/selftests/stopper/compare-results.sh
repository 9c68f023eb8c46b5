#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# compare-results.sh [USER KERNEL]: the same conformance cases in both builds.
#
# USER and KERNEL are results in KTAP, as the program prints them and as
# /sys/kernel/debug/test_stopper/results has them. A case that is missing on one side fails, unless the
# file build-only says that only the other side has it; so does one listed there that both have or none
# has. Without arguments the lists of the cases are compared as they stand in the sources, which needs no kernel.

here=$(dirname "$0")
case $here in /*) ;; *) here=$PWD/$here ;; esac
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
status=0

names() { sed -n -E 's/^[[:space:]]*(not )?ok [0-9]+ -? ?([a-z0-9_]+).*/\2/p' "$1" | sort; }
in_source() { cat "$@" | sed -n -E 's/^[[:space:]]*CASE\(([a-z0-9_]+)\),$/\1/p' | sort; }
minus() { grep -vxF -f "$2" "$1"; }
differ() { minus "$1" "$2"; minus "$2" "$1"; }
only() { sed -n "s/^$1 //p" "$here/build-only" | sort; }

if [ $# = 2 ]; then
	names "$1" >"$work/user"
	names "$2" >"$work/kernel"
else
	cases=${STOPPER_TOP:+$STOPPER_TOP/tools/testing/selftests/stopper/}conformance
	[ -d "$cases" ] || cases=$here/conformance
	[ -d "$cases" ] || { echo "1..0 # SKIP no sources here"; exit 4; }
	common=$(ls "$cases"/case_*.c | grep -v case_only_)
	in_source $common "$cases"/case_only_user*.c >"$work/user"
	in_source $common "$cases"/case_only_kernel*.c >"$work/kernel"
fi
only user >"$work/user-only"
only kernel >"$work/kernel-only"
nr=0

verdict() {
	nr=$((nr + 1))
	if [ -s "$work/wrong" ]; then
		sed 's/^/# /' "$work/wrong"
		echo "not ok $nr $1"
		status=1
	else
		echo "ok $nr $1"
	fi
}

echo "TAP version 13"
echo "1..5"
minus "$work/user" "$work/kernel" >"$work/missing"
differ "$work/missing" "$work/user-only" >"$work/wrong"
verdict only_the_listed_cases_are_missing_in_the_kernel
minus "$work/kernel" "$work/user" >"$work/missing"
differ "$work/missing" "$work/kernel-only" >"$work/wrong"
verdict only_the_listed_cases_are_missing_in_userspace
{ uniq -d "$work/user"; uniq -d "$work/kernel"; } >"$work/wrong"
verdict every_case_has_a_name_of_its_own
: >"$work/wrong"
[ "$(wc -l <"$work/user")" -ge 80 ] && [ "$(wc -l <"$work/kernel")" -ge 80 ] ||
	wc -l "$work/user" "$work/kernel" >"$work/wrong"
verdict at_least_80_cases_in_each
# A case that is defined and not in a table would never run.
: >"$work/wrong"
if [ $# != 2 ]; then
	for file in "$cases"/case_*.c; do
		awk '/^static void [a-z0-9_]+\(void\)$/ { name = $3; sub(/\(.*/, "", name); defined[name] = 1 }
			/^\tCASE\(/ { name = $1; gsub(/CASE\(|\),?/, "", name); delete defined[name] }
			END { for (name in defined) print name }' "$file"
	done >"$work/wrong"
fi
verdict every_case_is_in_a_table
exit $status
