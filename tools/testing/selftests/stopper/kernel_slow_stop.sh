#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_slow_stop.sh: a stop with workers that take their time costs no thread and no load.

plan=7
. "$(dirname "$0")/kernel_lib.sh"
workers=40

threads() { ls -d /proc/[0-9]* | wc -l; }
# Uninterruptible, and not idle: what counts as load, and what the hung-task watchdog looks at.
blocked() { grep -l '^State:.D' /proc/[0-9]*/status 2>/dev/null; }
only_the_stop_is_blocked() { [ "$(blocked)" = "/proc/$stop/status" ]; }

load stopper
load stopper_machine
machine_do worker $workers
before=$(threads)
machine_do stop &
stop=$!
check every_worker_sees_the_stop wait_for 60 stopping $workers
check none_has_returned returned 0
# The stop's own process is one of them.
check no_thread_waits_for_a_worker [ "$(threads)" -le $((before + 2)) ]
check only_the_caller_of_stop_is_blocked wait_for 30 only_the_stop_is_blocked
check sysrq_shows_the_caller_of_stop eval 'echo w >/proc/sysrq-trigger && log_has "stopper_stop"'
# The stacks that this put there are no complaint.
new_log_begins
machine_do let_go
wait $stop
check all_return_when_let_go returned $workers
unload stopper_machine
unload stopper
dmesg_is_clean dmesg_after_slow_stop
finish
