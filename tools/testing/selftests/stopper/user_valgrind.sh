#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_valgrind.sh: a program that uses the library, under valgrind: it ends (its waits are futexes), and no tool
# reports anything, with the installed suppressions where the library's threads are left running.

. "$(dirname "$0")/user_lib.sh"
target=$out/user_valgrind_target
supp=$top/user/stopper.supp
unset STOPPER_WAIT LD_PRELOAD

command -v valgrind >/dev/null || skip_all "there is no valgrind"
timeout -k 5 60 valgrind -q true >/dev/null 2>&1 || skip_all "valgrind does not run here"
begin 7

# run NAME EXPECTED-WAY PROGRAM OPTIONS-OF-VALGRIND...: no error of the tool's, and this way to wait.
run() {
	name=$1 way=$2 program=$3
	shift 3
	result=0
	# shellcheck disable=SC2086
	timeout -k 5 120 valgrind -q --fair-sched=try --error-exitcode=68 "$@" $program >"$work/way" 2>"$work/log" || {
		echo "valgrind: status $?" >>"$work/log"
		result=1
	}
	[ "$way" = "$(cat "$work/way")" ] || { echo "waits: $(cat "$work/way")" >>"$work/log"; result=1; }
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
if timeout -k 5 120 valgrind -q --fair-sched=try --error-exitcode=68 $memcheck "$target" >/dev/null 2>"$work/log"; then
	not_ok threads_that_stay_are_reported
else
	ok threads_that_stay_are_reported
fi

# What a program waits with that valgrind does not run, but its parent.
"$target" >"$work/alone"
valgrind -q --trace-children=no sh -c '"$1"; :' sh "${target}_without_header" >"$work/said" 2>/dev/null
check child_that_valgrind_leaves_alone cmp "$work/said" "$work/alone"
finish
