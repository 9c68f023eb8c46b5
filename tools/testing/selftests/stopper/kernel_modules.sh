#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_modules.sh: loads and unloads modules that use the stopper, and stopper.ko, in every phase;
# also modules that break the rules. Nothing may run in the memory of an unloaded module: it is unmapped,
# so the kernel would oops. The modules are made of kmod/stopper_unload.c, the rounds of module_stress.c.
#
# STOPPER_TEST_ROUNDS_OF_MODULES=N rounds (20), STOPPER_TEST_SEED=N decides what is in them (1).

plan=14
. "$(dirname "$0")/kernel_lib.sh"
rounds=${STOPPER_TEST_ROUNDS_OF_MODULES:-20} seed=${STOPPER_TEST_SEED:-1}

holders() { ls /sys/module/stopper/holders; }
references() { cat /sys/module/stopper/refcnt; }

load stopper
load stopper_unload1 end=stop
load stopper_unload2 end=forget
check users_hold_the_module [ "$(holders | xargs)" = "stopper_unload1 stopper_unload2" ]
check users_are_counted [ "$(references)" = 2 ]
check rmmod_is_refused_while_users_are_loaded eval '! unload stopper 2>/dev/null'
check rmmod_by_force_is_refused_too eval '! rmmod -f stopper 2>/dev/null'
exec 9<$debug
check user_goes_while_the_list_is_open unload stopper_unload1
check user_goes_without_having_stopped unload stopper_unload2
check rmmod_is_refused_while_the_list_is_open eval '[ -z "$(holders)" ] && ! unload stopper 2>/dev/null'
exec 9<&-
check rmmod_when_the_list_is_closed unload stopper

# A context with a deadline that is not put pins stopper.ko until the deadline: its timer calls into it.
load stopper
load stopper_unload1 end=deadline
unload stopper_unload1
check deadline_left_behind_holds_the_module [ "$(references)" = 1 ]
check deadline_left_behind_lets_go_when_it_comes wait_for 60 eval 'unload stopper 2>/dev/null'

# Callbacks of IsStopped were still to come when their module was freed.
program=$(program module_stress)
if [ -n "$program" ]; then
	check callbacks_of_a_stop_end_before_their_module_is_freed "$program" -d "$ko" -n 3 -e poll
	dmesg_is_clean module_that_has_stopped_is_not_told_off
	check rounds "$program" -d "$ko" -n $rounds -s $seed
else
	for name in callbacks_of_a_stop_end_before_their_module_is_freed \
		module_that_has_stopped_is_not_told_off rounds
	do
		skip $name "module_stress is not beside this script"
	done
fi
dmesg_is_clean dmesg_after_modules
finish
