#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: oops
# kernel_oops.sh: threads that die under a task or worker. The hook is told, the stop goes on, the
# semaphore slot is given back. All of it is traced, so that a trace, too, ends with its thread.
#
# Oopses on purpose, so it needs panic_on_oops=0 and a kernel log in which an oops is expected; the
# line "vm: oops" above tells the harness so. Where that is not given it skips what would oops.

plan=26
. "$(dirname "$0")/kernel_lib.sh"

tracing=/sys/kernel/tracing
[ -f $tracing/trace ] || mount -t tracefs nodev $tracing 2>/dev/null
# An instance of its own: an oops ends the recording of the first one.
[ ! -f $tracing/trace ] || mkdir $tracing/instances/stopper_oops
tracing=$tracing/instances/stopper_oops

spans() { grep -E ": (task|worker)_$1: .* name=doomed" $tracing/trace | sed 's/.* span=\([^ ]*\).*/\1/' | sort; }
every_span_ended() { [ -n "$(spans start)" ] && [ "$(spans start)" = "$(spans end)" ]; }

died() {
	local how=$1 hooks=$2 died=$3
	[ ! -f $tracing/trace ] || echo >$tracing/trace
	load stopper_oops how=$how || { not_ok ${how}_load; return; }
	check ${how}_hook_was_told [ "$(parameter stopper_oops hooks)" = $hooks ]
	check ${how}_hook_was_told_how_it_ended [ "$(parameter stopper_oops died)" = $died ]
	check ${how}_slot_was_given_back [ "$(parameter stopper_oops length)" = 0 ]
	check ${how}_stop_went_on [ "$(parameter stopper_oops stopped)$(parameter stopper_oops tasks)" = 10 ]
	if [ -f $tracing/trace ]; then
		check ${how}_every_span_ended every_span_ended
	else
		skip ${how}_every_span_ended "this kernel has no tracefs"
	fi
	unload stopper_oops
}

skipped() {
	local what
	for what in hook_was_told hook_was_told_how_it_ended slot_was_given_back stop_went_on every_span_ended; do
		skip $1_$what "panic_on_oops is set"
	done
}

load stopper
[ ! -f $tracing/trace ] || echo 1 >$tracing/events/stopper/enable
died exit 2 2
died panic 2 0
for how in bug null; do
	if [ "$(cat /proc/sys/kernel/panic_on_oops)" = 0 ]; then
		died $how 2 2
	else
		skipped $how
	fi
done
if [ "$(cat /proc/sys/kernel/panic_on_oops)" = 0 ]; then
	# "ends the thread as BUG() would": on a thread that is not the stopper's
	died sync 1 0
else
	skipped sync
fi
check stopper_can_be_unloaded_after_all_that unload stopper
rmdir $tracing 2>/dev/null
finish
