#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# intree-conversions.sh: in a guest, the teardown paths that tools/intree converts, from modules in STOPPER_KO_DIR.

ko=$STOPPER_KO_DIR
instance=/sys/kernel/tracing/instances/sample-instance
trigger=/sys/kernel/preemptirq_delay_test/trigger
nr=0 failed=0

check() {
	local name=$1
	shift
	nr=$((nr + 1))
	if "$@"; then echo "ok $nr $name"; else failed=1; echo "not ok $nr $name"; fi
}

# Before its thread has entered its function, and while its timer is pending.
sample_goes() {
	local i=0
	while [ $i -lt 20 ]; do
		insmod $ko/sample-trace-array.ko && rmmod sample_trace_array && [ ! -e $instance ] || return 1
		i=$((i + 1))
	done
	insmod $ko/sample-trace-array.ko && sleep 3 && grep -q 'trace_array_printk: count=0' $instance/trace &&
		grep -q '"sample-instance": running' /sys/kernel/debug/stopper && rmmod sample_trace_array &&
		[ ! -e $instance ]
}

# The timer's function, which runs after five seconds.
sample_timer_runs() {
	local pending='next "disable-event"'
	insmod $ko/sample-trace-array.ko && sleep 1 && grep -q "$pending" /sys/kernel/debug/stopper && sleep 9 &&
		! grep -q "$pending" /sys/kernel/debug/stopper && rmmod sample_trace_array
}

delay_tests() {
	local i=0 failed=0 pids= p
	insmod $ko/preemptirq_delay_test.ko delay=2000 burst_size=3 || return 1
	while [ $i -lt 8 ]; do
		echo 1 >$trigger &
		pids="$pids $!"
		i=$((i + 1))
	done
	for p in $pids; do
		wait $p || failed=1
	done
	rmmod preemptirq_delay_test && [ $failed = 0 ]
}

ecryptfs_goes() {
	insmod $ko/ecryptfs.ko && grep -q '"ecryptfs": running' /sys/kernel/debug/stopper && rmmod ecryptfs &&
		! grep -q ecryptfs /sys/kernel/debug/stopper
}

echo "TAP version 13"
echo "1..4"
check sample_trace_array_leaves_nothing sample_goes
check sample_trace_array_timer_runs sample_timer_runs
check preemptirq_delay_test_with_eight_writers delay_tests
check ecryptfs_loads_and_goes ecryptfs_goes
exit $failed
