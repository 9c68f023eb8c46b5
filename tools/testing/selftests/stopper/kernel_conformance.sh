#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_conformance.sh: the conformance cases in the kernel, and that userspace has the same ones.
#
#   STOPPER_TEST_ROUNDS=PERCENT  of the rounds of the cases that repeat
#   STOPPER_TEST_CASE=NAME       only this case

here=$(dirname "$0")
plan=5
. "$here/kernel_lib.sh"
results=/tmp/results-kernel.$$

load stopper || { not_ok load_stopper; finish; }
load test_stopper ${STOPPER_TEST_ROUNDS:+rounds=$STOPPER_TEST_ROUNDS} ${STOPPER_TEST_CASE:+filter==$STOPPER_TEST_CASE} || { not_ok load_test_stopper; finish; }
cat /sys/kernel/debug/test_stopper/results >$results
sed 's/^/    /' $results
if grep -q '^1\.\.[1-9]' $results && ! grep -q '^not ok' $results &&
	[ "$(grep -c '^ok ' $results)" = "$(sed -n 's/^1\.\.//p' $results)" ]
then
	ok conformance
else
	not_ok conformance
fi

# Beside us in a guest lies the program for userspace. It is run here too.
program=
for p in "$here/conformance" "$here/static/conformance" "${STOPPER_TEST_OUT:-$here}/conformance"; do
	[ ! -x "$p" ] || { program=$p; break; }
done
if [ -n "$STOPPER_TEST_CASE" ]; then
	skip same_cases_as_userspace "only $STOPPER_TEST_CASE was run"
elif [ -n "$program" ] && [ -f "$here/build-only" ]; then
	"$program" -l | sed 's/^/ok 1 /' >$results.user
	sh "$here/compare-results.sh" $results.user $results >$results.compare
	status=$?
	sed 's/^/    /' $results.compare
	[ $status = 0 ] && ok same_cases_as_userspace || not_ok same_cases_as_userspace
else
	skip same_cases_as_userspace "no program or list beside this script"
fi
rm -f $results $results.*

check unload_test_stopper unload test_stopper
check unload_stopper unload stopper
dmesg_is_clean dmesg_after_conformance
finish
