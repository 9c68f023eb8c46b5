#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_yield.sh: a pool that is never idle, on a kernel without preemption, starves no other thread.
#
# Without a yield between two tasks the pool's threads keep every CPU; RCU and the watchdog then complain.
# Both are made impatient, and the tasks last longer than they wait. Nothing here asserts a time.

plan=6
. "$(dirname "$0")/kernel_lib.sh"
model=/sys/kernel/debug/sched/preempt
stall=/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
thresh=/proc/sys/kernel/watchdog_thresh
tasks=12000				# of 1 ms; those that start themselves again go on until so many have run

all_ran() { [ "$(cut -d' ' -f2 $machine)" -ge $1 ]; }
# A process on each CPU has had it: busybox has no sched_setaffinity() but taskset.
each_cpu_is_shared() {
	local cpu
	for cpu in $(seq 0 $(($(nproc) - 1))); do
		taskset -c "$cpu" true || return
	done
}

was=$(sed 's/.*(\(.*\)).*/\1/' $model 2>/dev/null)
echo none >$model 2>/dev/null
[ ! -w $stall ] || echo 5 >$stall 2>/dev/null
[ ! -w $thresh ] || echo 2 >$thresh
load stopper
load stopper_machine limit=$tasks

if grep -q '(none)' $model 2>/dev/null; then
	ok kernel_preempts_nobody
else
	skip kernel_preempts_nobody "the model cannot be set here"
fi
check tasks_start_themselves_again machine_do again $(($(nproc) + 1)) 1000
check each_cpu_is_shared_meanwhile each_cpu_is_shared
check flood_is_queued_beside_them machine_do flood $tasks 1000
check all_have_run wait_for 300 all_ran $tasks
[ -z "$was" ] || echo "$was" >$model
unload stopper_machine
unload stopper
dmesg_is_clean neither_stall_nor_lockup
finish
