#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_valgrind.sh: a program that uses the library, under valgrind: it ends (its waits are futexes), and no tool
# reports anything, with the installed suppressions where the library's threads are left running.

here=$(cd "$(dirname "$0")" && pwd)
top=${STOPPER_TOP:-$here/../../../..}
out=${STOPPER_TEST_OUT:-$here}
target=$out/user_valgrind_target
supp=$top/user/stopper.supp
nr=0 status=0
unset STOPPER_WAIT LD_PRELOAD

echo "TAP version 13"
command -v valgrind >/dev/null || { echo "1..0 # SKIP there is no valgrind"; exit 4; }
timeout -k 5 60 valgrind -q true >/dev/null 2>&1 || { echo "1..0 # SKIP valgrind does not run here"; exit 4; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
echo "1..7"

result() {
	nr=$((nr + 1))
	if [ "$1" = ok ]; then
		echo "ok $nr $2"
	else
		sed 's/^/# /' "$work/said"
		echo "not ok $nr $2"
		status=1
	fi
}

# run NAME EXPECTED-WAY PROGRAM OPTIONS-OF-VALGRIND...: no error of the tool's, and this way to wait.
run() {
	name=$1 way=$2 program=$3
	shift 3
	result=ok
	# shellcheck disable=SC2086
	timeout -k 5 120 valgrind -q --fair-sched=try --error-exitcode=68 "$@" $program >"$work/way" 2>"$work/said" || {
		echo "valgrind: status $?" >>"$work/said"
		result=no
	}
	[ "$way" = "$(cat "$work/way")" ] || { echo "waits: $(cat "$work/way")" >>"$work/said"; result=no; }
	result $result "$name"
}

memcheck="--tool=memcheck --leak-check=full --show-leak-kinds=definite,indirect,possible --errors-for-leak-kinds=definite,indirect,possible"
# shellcheck disable=SC2086
{
run ends_its_threads futex "$target ends" $memcheck
run leaves_its_threads futex "$target" $memcheck "--suppressions=$supp"
run static_leaves_its_threads futex "${target}_static" $memcheck "--suppressions=$supp"
}
run helgrind futex "$target ends" --tool=helgrind --history-level=none "--suppressions=$supp"
# Built where valgrind.h is missing: the environment tells.
# shellcheck disable=SC2086
run without_header futex "${target}_without_header ends" $memcheck

# The suppressions are needed, or they would hide nothing and be wrong.
# shellcheck disable=SC2086
if timeout -k 5 120 valgrind -q --fair-sched=try --error-exitcode=68 $memcheck "$target" >/dev/null 2>"$work/said"; then
	result no threads_that_stay_are_reported
else
	result ok threads_that_stay_are_reported
fi

# What a program waits with that valgrind does not run, but its parent.
"$target" >"$work/alone"
valgrind -q --trace-children=no sh -c '"$1"; :' sh "${target}_without_header" >"$work/said" 2>/dev/null
if cmp -s "$work/said" "$work/alone"; then result ok child_that_valgrind_leaves_alone
else result no child_that_valgrind_leaves_alone; fi
exit $status
