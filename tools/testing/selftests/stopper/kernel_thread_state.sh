#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_thread_state.sh: state that a task leaves on its kthread does not reach the next task, and is reported.

plan=22
. "$(dirname "$0")/kernel_lib.sh"

reports() { new_log | grep -c "\"machine\": task \"machine-task\" (.*stopper_machine.c:[0-9]*) left its thread with.*$1"; }

# left KIND WORDS: the state is reset, and reported once however often a task leaves it. Each KIND has a site of
# its own, so that it is the first report of the site; tasks of one kind share a site.
left() {
	local before
	before=$(reports "$2")
	check $1_is_set_back machine_do task $1
	check $1_is_reported [ "$(reports "$2")" = $((before + 1)) ]
	machine_do task $1
}

# A kernel that is not preempted counts neither preempt_disable() nor RCU's sections; softirqs it counts.
left_if_counted() {
	if uname -v | grep -q PREEMPT; then
		left "$@"
	else
		skip $1_is_set_back "this kernel does not count it"
		skip $1_is_reported "this kernel does not count it"
		kinds=7
	fi
}

kinds=8
load stopper
load stopper_machine
left nofs 'PF_MEMALLOC_NOFS set'
left nice 'nice -15'
left cpus 'allowed CPUs [0-9]*'
left signal 'signals allowed'
left_if_counted preempt 'preempt count [1-9]'
left irqs 'interrupts off'
left_if_counted rcu 'RCU depth 1'
left creds 'changed credentials'
for kind in bh fifo freezable; do
	check ${kind}_is_set_back machine_do task $kind
done
check each_kind_is_said_once [ "$(reports .)" = $kinds ]
check all_unloaded eval 'unload stopper_machine && unload stopper'
dmesg_is_clean dmesg_after_leaks
finish
