#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_stall.sh: what blocks a stop, in the kernel log and in the debug list, with stacks and no address.

plan=12
. "$(dirname "$0")/kernel_lib.sh"
copy=/tmp/stall.$$

load stopper
load stopper_load stalled=40

# See Documentation/limits.rst. The kernel of i386 (6.1) neither exports the walk nor has VMAP_STACK.
check_stack() {
	case $(uname -m) in
	i?86)	skip "$1" "no stacks on this machine" ;;
	*)	check "$@" ;;
	esac
}

check stall_is_reported wait_for 60 log_has 'stopper "stalled": stop blocked for 1[.]'
check report_names_the_task log_has 'task 1 "load-stuck" at .*stopper_load.c:[0-9]* start_stalled, oldest'
check_stack report_says_where_it_sleeps log_has 'thread [0-9]* "load-stuck" blocked for .* in sleep_until_unload \[stopper_load\]'
check_stack report_has_the_stack log_has 'stack sleep_until_unload+0x'
check report_says_who_asked log_has 'stop asked at .*stopper_load.c:[0-9]* start_stalled by thread'

# 40 stoppers report at 1, 3 and 10 s. Ten reports of all in ten seconds, then how many were left out.
check reports_left_out_are_counted wait_for 60 log_has 'stall reports were left out'
upto_left_out() { new_log | sed '/were left out/q' | grep -c 'stop blocked for'; }
check at_most_ten_reports_in_ten_seconds [ "$(upto_left_out)" -le 10 ]

cat $debug >$copy
check list_has_all_of_them [ "$(grep -c '^stopper .* "stalled": quiescing for ' $copy)" = 40 ]
check_stack list_has_the_stack grep -q '^      stack sleep_until_unload+0x' $copy
check no_address_in_the_list eval '! grep -qE "(0x)?ffff[0-9a-f]{8,}" $copy'
check no_address_in_the_log eval '! new_log | grep stopper: | grep -qE "(0x)?ffff[0-9a-f]{8,}"'
unload stopper_load
unload stopper
rm -f $copy
dmesg_is_clean dmesg_after_stall
finish
