#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_many.sh: 2,000 async kthreads, all blocked on ShouldQuiesce, then stopped; memory is back.

plan=6
. "$(dirname "$0")/kernel_lib.sh"
many=${STOPPER_TEST_MANY:-2000}

# Free memory after what can be given back has been given back, in KiB.
available() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sed -n 's/^MemAvailable: *\([0-9]*\) .*/\1/p' /proc/meminfo
}
all_blocked() { [ "$(parameter stopper_load blocked)" = $many ]; }
kthreads() {
	if [ -r /proc/2/sched ]; then
		cat /proc/[0-9]*/sched 2>/dev/null | grep -c '^load-async ('
	else
		cat /proc/[0-9]*/comm 2>/dev/null | grep -c '^load-async$'
	fi
}

load stopper
# The same once before: what the kernel's caches keep after the first time is no leak, what it needs
# more after the second one is.
load stopper_load async=$many
wait_for 120 all_blocked
unload stopper_load
sleep 5
before=$(available)

check async_tasks_start load stopper_load async=$many
check all_are_blocked_at_once wait_for 120 all_blocked
check each_has_a_kthread_with_its_name [ "$(kthreads)" = $many ]
check all_return_when_stopped unload stopper_load
[ "$(new_log | grep -c "stopped: $many async tasks returned")" = 2 ] || not_ok all_return "$(new_log | tail -n 3)"

# Idle kthreads of the pool may stay a while. 8 MiB: less than 1,000 kernel stacks of 16 KiB are 16.
memory_is_back() { [ $(($(available) + 8192)) -ge "$before" ]; }
check memory_is_back wait_for 120 memory_is_back
unload stopper
dmesg_is_clean dmesg_after_many
finish
