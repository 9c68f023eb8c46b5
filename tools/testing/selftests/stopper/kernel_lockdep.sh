#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: oops
# kernel_lockdep.sh: lockdep knows what a stop, a quiesce and a wait wait for, and reports a lock that is held
# there and taken by a task, although the two do not meet.
#
# The report turns lockdep off until the next boot, so it comes last and is one.

plan=8
. "$(dirname "$0")/kernel_lib.sh"
# What it provokes, and no more; the harness reads this line.
provoked='WARNING: possible circular locking dependency detected'

lockdep_looks() { grep -q 'debug_locks: *1$' /proc/lockdep_stats; }

# leads_to CLASS: the mutex of the machine was held when CLASS was waited for.
leads_to() {
	awk -v class="$1" '
		/^[^ ]/ { in_held = $NF == "machine_mutex" }
		in_held && $1 == "->" && index($0, "] " class) { found = 1 }
		END { exit !found }' /proc/lockdep
}
leads_nowhere() { ! leads_to "tasks of machine" && ! leads_to "workers of machine"; }

if [ ! -f /proc/lockdep ] || ! lockdep_looks; then
	why="no lockdep in this kernel, or it is off"
	[ ! -f /proc/lockdep ] || why="lockdep is off since an earlier report"
	for case in no_dependency_before wait_for_should_stop quiesce stop forgotten_with_the_stopper \
		task_that_takes_another_lock_is_fine report_of_a_stop_under_a_lock_that_a_task_takes; do
		skip $case "$why"
	done
	skip dmesg_after_lockdep "$why"
	exit 0
fi

load stopper
load stopper_machine
machine_do hold
check no_dependency_before leads_nowhere

machine_do wait_locked &
waiter=$!
wait_for 60 waiting 1
check wait_for_should_stop leads_to "tasks of machine"
machine_do let_go
machine_do stop
wait $waiter

wait_for 60 leads_nowhere
machine_do quiesce_locked
check quiesce leads_to "tasks of machine"
machine_do stop

wait_for 60 leads_nowhere
machine_do hold
machine_do stop_locked &
stop=$!
wait_for 60 phase_is quiescing
check stop eval 'leads_to "tasks of machine" && leads_to "workers of machine"'
machine_do let_go
wait $stop
check forgotten_with_the_stopper wait_for 60 leads_nowhere

# The mutex of a task is not a lock of the stopping thread.
machine_do task_locks
machine_do stop
check task_that_takes_another_lock_is_fine lockdep_looks

machine_do task_locks
machine_do stop_locked
check report_of_a_stop_under_a_lock_that_a_task_takes eval \
	'log_has "possible circular locking dependency" && log_has "tasks of machine" && ! lockdep_looks'
unload stopper_machine
unload stopper
check dmesg_after_lockdep eval '! new_log | scan | grep -vE "$provoked"'
finish
