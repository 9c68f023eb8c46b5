#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_stopperctl.sh: stopperctl on the kernel's own list and trace.

plan=15
. "$(dirname "$0")/kernel_lib.sh"
out=/tmp/ctl.$$
tracing=/sys/kernel/tracing

if ! command -v stopperctl >/dev/null; then
	while [ $nr -lt $plan ]; do skip stopperctl "it is not installed here"; done
	finish
fi

# ctl STATUS ARGUMENT...: ends so; what it says is kept
ctl() {
	local want=$1
	shift
	stopperctl "$@" >$out 2>&1
	[ $? = "$want" ]
}
says() { grep -q "$1" $out; }

check without_the_module_it_says_what_to_do eval 'ctl 2 list && says "modprobe stopper"'
load stopper
check no_stopper_is_no_error eval 'ctl 0 list && says "No stopper"'

[ -f $tracing/trace ] || mount -t tracefs nodev $tracing
echo 1 >$tracing/events/stopper/enable
load stopper_load async=2 stalled=1
stuck() { ctl 0 list && says '^> .* load-stuck '; }
check culprit_is_marked wait_for 60 stuck
check it_says_where_it_sleeps says 'load-stuck blocked in sleep_until_unload \[stopper_load\]'
check stack_appears_with_time wait_for 60 eval 'stuck && says "sleep_until_unload+0x.*\[stopper_load\]"'
check json_names_it eval 'ctl 0 list --json && says "\"name\": *\"load-stuck\""'
check top_into_a_pipe_is_plain eval 'ctl 0 top -n 1 && says "load-stuck" && ! grep -q "$(printf "\033")" $out'
check wait_has_a_limit ctl 3 wait -t 1 stalled
check wait_for_nobody ctl 4 wait nobody

stopperctl wait -t 120 load >$out.wait 2>&1 &
waiter=$!
wait_for 60 grep -q 'no stop requested' $out.wait
check unload_while_somebody_waits unload stopper_load
wait $waiter
check wait_ends_with_the_stop [ $? = 0 ]
echo 0 >$tracing/events/stopper/enable
check trace_of_the_kernel ctl 0 trace -o $out.json
check trace_has_the_task grep -q '"load-stuck"' $out.json

umount /sys/kernel/debug
check without_debugfs_it_says_what_to_do eval 'ctl 2 list && says "mount -t debugfs none /sys/kernel/debug"'
mount -t debugfs none /sys/kernel/debug
unload stopper
rm -f $out $out.*
dmesg_is_clean dmesg_after_stopperctl
finish
