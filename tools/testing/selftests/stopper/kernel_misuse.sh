#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: oops
# kernel_misuse.sh: the conformance cases that provoke warnings on purpose: misuse is reported and
# survived. With panic_on_warn they would be the end of the kernel, so then this skips.
# STOPPER_TEST_CASE=NAME: only this case.

plan=1
. "$(dirname "$0")/kernel_lib.sh"

if [ "$(cat /proc/sys/kernel/panic_on_warn)" != 0 ]; then
	skip misuse "panic_on_warn is set"
	finish
fi
cases=3
[ -z "$STOPPER_TEST_CASE" ] || cases=1
load stopper
load test_stopper filter=${STOPPER_TEST_CASE:-misuse_} misuse=1
sed 's/^/    /' /sys/kernel/debug/test_stopper/results
if [ "$(grep -c '^ok [0-9]* misuse_[a-z0-9_]*$' /sys/kernel/debug/test_stopper/results)" = $cases ]; then
	ok misuse
else
	not_ok misuse
fi
# A stopper was leaked on purpose, and may pin these for ever.
rmmod test_stopper 2>/dev/null && rmmod stopper 2>/dev/null
exit $failed
