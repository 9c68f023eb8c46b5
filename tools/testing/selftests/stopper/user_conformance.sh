#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_conformance.sh: the conformance cases in userspace, with each of the three ways to wait.
#
# The program itself fails when another way than the one asked for was used. The first run has all rounds
# of the cases that race, the others a third. The results of the last are kept for compare-results.sh.

out=${STOPPER_TEST_OUT:-$(dirname "$0")}
program=$out/conformance
status=0 nr=0

has_uring_futex() { [ "$(env -u STOPPER_WAIT "$program" =phases_have_names | sed -n 's/^# waits: //p')" = uring-futex ]; }
has_uring() { env -u STOPPER_WAIT "$program" =phases_have_names | grep -q '^# waits: uring-'; }

echo "TAP version 13"
echo "1..3"
rm -f "$out/results-user"
rounds=100
for wait in uring-futex uring-eventfd futex; do
	nr=$((nr + 1))
	case $wait in
	uring-futex)	has_uring_futex || { echo "ok $nr conformance_$wait # SKIP not in this kernel"; continue; } ;;
	uring-eventfd)	has_uring || { echo "ok $nr conformance_$wait # SKIP no io_uring here"; continue; } ;;
	esac
	if STOPPER_WAIT=$wait "$program" -r $rounds >"$out/results-$wait" 2>&1; then
		result=ok
	else
		result='not ok' status=1
	fi
	rounds=33
	# Nested results: KTAP indents them.
	sed 's/^/    /' "$out/results-$wait"
	cp "$out/results-$wait" "$out/results-user"
	echo "$result $nr conformance_$wait"
done
exit $status
