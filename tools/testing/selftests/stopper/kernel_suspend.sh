#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_suspend.sh: a thread that waits in a stopper is frozen for suspend, also with a lock held, and then
# continues.
#
# Suspend is tried as far as /sys/power/pm_test goes. The freezer of cgroups freezes in the same way, and is
# there in kernels that cannot suspend but know of held locks.

depths="freezer devices"
plan=22
. "$(dirname "$0")/kernel_lib.sh"
power=/sys/power
cgroup=/tmp/freezer.$$

is_stopping() { grep -q '"machine": \(quiescing\|stopping\)' $debug; }
suspend() { echo freeze >$power/state 2>/dev/null; }

can_suspend() { grep -qw freeze $power/state 2>/dev/null && [ -w $power/pm_test ] && echo $1 >$power/pm_test && suspend; }

# in_background COMMAND UNTIL...: a process that is in COMMAND; its id is $process
in_background() {
	local command=$1
	shift
	machine_do $command &
	process=$!
	wait_for 60 "$@"
}

waits() { in_background $1 waiting 1; }
stops() { machine_do hold; in_background $1 is_stopping; }

# frozen_while COMMAND HOW...: what suspend makes of a process in COMMAND, which ends as it should
frozen_while() {
	local command=$1 status
	case $command in
	wait*)	waits $command || return ;;
	stop*)	stops $command || return ;;
	esac
	shift
	"$@"
	status=$?
	machine_do let_go
	case $command in
	wait*)	machine_do stop ;;
	esac
	wait $process && return $status
}

suspend_with() {
	local depth=$1
	if ! can_suspend $depth; then
		for case in wait wait_locked stop stop_locked freezable_worker idle_thread process_with_no_freeze \
			after_no_freeze; do
			skip ${case}_$depth "cannot suspend here as far as $depth"
		done
		return
	fi
	for case in wait wait_locked stop stop_locked; do
		check ${case}_$depth frozen_while $case suspend
	done

	machine_do freezable 2
	wait_for 60 waiting 2
	check freezable_worker_$depth suspend
	machine_do stop

	machine_do task freezable
	check idle_thread_$depth suspend
	machine_do stop

	echo 1 >/sys/module/stopper_machine/parameters/no_freeze
	echo 500 >$power/pm_freeze_timeout
	stops stop
	check process_with_no_freeze_$depth eval '! suspend'
	echo 5000 >$power/pm_freeze_timeout
	machine_do let_go
	wait $process
	echo 0 >/sys/module/stopper_machine/parameters/no_freeze
	check after_no_freeze_$depth suspend
}

is_frozen() { [ "$(cat $cgroup/t/freezer.state)" = FROZEN ]; }
freeze_and_thaw() {
	echo $process >$cgroup/t/cgroup.procs
	echo FROZEN >$cgroup/t/freezer.state
	wait_for 20 is_frozen
	local status=$?
	echo THAWED >$cgroup/t/freezer.state
	return $status
}

frozen_by_cgroup() {
	mkdir $cgroup
	if ! mount -t cgroup -o freezer none $cgroup 2>/dev/null || ! mkdir $cgroup/t; then
		for case in wait wait_locked stop stop_locked; do
			skip ${case}_cgroup "no freezer of cgroups here"
		done
		return
	fi
	for case in wait wait_locked stop stop_locked; do
		check ${case}_cgroup frozen_while $case freeze_and_thaw
	done
	rmdir $cgroup/t
	umount $cgroup
}

load stopper
load stopper_machine
patience=$(cat $power/pm_freeze_timeout 2>/dev/null)
[ -z "$patience" ] || echo 5000 >$power/pm_freeze_timeout
[ ! -w /sys/module/suspend/parameters/pm_test_delay ] || echo 0 >/sys/module/suspend/parameters/pm_test_delay
for depth in $depths; do
	suspend_with $depth
done
[ ! -w $power/pm_test ] || echo none >$power/pm_test
[ -z "$patience" ] || echo "$patience" >$power/pm_freeze_timeout
frozen_by_cgroup
rmdir $cgroup
check all_unloaded eval 'unload stopper_machine && unload stopper'
dmesg_is_clean dmesg_after_suspend
finish
