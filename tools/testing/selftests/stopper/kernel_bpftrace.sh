#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_bpftrace.sh: the bpftrace scripts for the kernel watch stopper_load.ko, which is loaded and unloaded until
# they have found a slow task and a task that held up a stop: bpftrace does not say when it has attached.

plan=5
. "$(dirname "$0")/kernel_lib.sh"
watch=${STOPPER_WATCH:-/watch}
tmp=/tmp/bpftrace.$$

command -v bpftrace >/dev/null || skip_all "no bpftrace here; lib/kselftest gives it a guest of its own"
[ -f "$watch/stopper-slow.bt" ] || skip_all "no $watch/stopper-slow.bt"
mkdir $tmp
load stopper || { not_ok load_stopper; finish; }

slow_is_found() { grep -qE '^[0-9]+ +stopper [0-9]+: "load-async" begun on line [0-9]+ ran [0-9]+ ms$' $tmp/slow; }
blocker_is_found() { grep -qE '^[0-9]+ +stopper [0-9]+: "load-async" held it up for [0-9]+ ms, ran [0-9]+ ms$' $tmp/blockers; }
both_are_found() {
	load stopper_load handles=3 async=2
	unload stopper_load
	slow_is_found && blocker_is_found
}

# bpftrace 0.17 misses a signal that comes while it does not wait for events (seen: it went on to wait), so one
# signal may not be enough. A second one that comes while it prints its maps only cuts them.
ended() { ! grep -q '^State:[[:space:]]*[^Z]' /proc/$1/status 2>/dev/null; }
are_ended() {
	kill $slow $blockers 2>/dev/null
	sleep 1
	ended $slow && ended $blockers
}

bpftrace $watch/stopper-slow.bt 1 >$tmp/slow 2>&1 &
slow=$!
bpftrace $watch/stopper-blockers.bt >$tmp/blockers 2>&1 &
blockers=$!
wait_for 300 both_are_found
check slow_task_is_found slow_is_found
check blocker_is_found blocker_is_found
check signals_end_them wait_for 60 are_ended
sed 's/^/# /' $tmp/slow $tmp/blockers
check no_warning eval '! grep -E "WARNING|ERROR" $tmp/slow $tmp/blockers'
rm -r $tmp
unload stopper
dmesg_is_clean dmesg_after_bpftrace
finish
