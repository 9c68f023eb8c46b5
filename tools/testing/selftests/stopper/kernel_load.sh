#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_load.sh: loading and unloading, again and again, idle and full of tasks.

plan=10 reloads=y
. "$(dirname "$0")/kernel_lib.sh"
rounds=${STOPPER_TEST_LOADS:-10}

loop_idle() {
	local i=0
	while [ $i -lt $rounds ]; do
		load stopper && [ -f $debug ] && unload stopper && [ ! -e $debug ] || return 1
		i=$((i + 1))
	done
}

# The module stops its stopper in its exit, under load; right after that the stopper itself goes.
loop_busy() {
	local i=0
	while [ $i -lt $rounds ]; do
		load stopper && load stopper_load handles=100 async=20 churn=3 &&
			unload stopper_load && unload stopper || return 1
		i=$((i + 1))
	done
}

check load_and_unload_idle loop_idle
check load_and_unload_busy loop_busy
check every_async_task_returned_in_each_round [ "$(new_log | grep -c 'stopper_load: stopped: 20 async')" = $rounds ]

load stopper
load stopper_load handles=10 async=5 churn=1
check rmmod_is_refused_while_a_dependent_holds_it eval '! unload stopper 2>/dev/null'
check refused_rmmod_changed_nothing grep -q '^stopper 1 "load"\|"load": running' $debug
check module_stops_in_its_exit unload stopper_load
check stopped_stopper_has_left_the_list eval '! grep -q load $debug'
check rmmod_when_nobody_holds_it unload stopper

beside=loads_beside_a_module_that_takes_most_of_the_static_per_cpu_memory
if load stopper_reserve 2>/dev/null; then
	check $beside eval 'load stopper && unload stopper'
	unload stopper_reserve
else
	skip $beside "others have taken it here"
fi
dmesg_is_clean dmesg_after_loads
finish
