#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_kill.sh: a process that waits in a stopper with a killable context ends when it is killed; the stop
# that it began continues later.

plan=10
. "$(dirname "$0")/kernel_lib.sh"

# killed COMMAND N: the Nth process that ends in COMMAND by a kill, with -EINTR
killed() {
	machine_do $1 &
	local process=$!
	wait_for 60 waiting 1 || return
	kill -9 $process
	wait $process
	wait_for 60 interrupted $2 && waiting 0
}

load stopper
load stopper_machine
machine_do hold
check kill_ends_a_wait killed kill_wait 1
check kill_ends_a_wait_for_any_event killed kill_any 2
check kill_ends_a_wait_for_a_semaphore killed kill_sem 3
check kill_ends_a_wait_to_run_a_limited_task killed kill_limited 4
check stopper_still_runs phase_is running
check kill_ends_the_wait_of_a_quiesce killed kill_quiesce 5
check kill_ends_the_wait_of_a_stop killed kill_stop 6
check the_stop_has_begun phase_is quiescing
machine_do let_go
check a_later_stop_goes_on machine_do stop
unload stopper_machine
unload stopper
dmesg_is_clean dmesg_after_kills
finish
