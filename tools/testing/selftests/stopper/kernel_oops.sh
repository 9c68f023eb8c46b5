#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: oops
# kernel_oops.sh: threads die in all kinds of functions that a stopper runs, and in all ways. What must follow
# each death is in kmod/stopper_oops.c. All with and without tracing, where the span must end with its thread.
#
# Oopses on purpose, so it needs panic_on_oops=0 and a kernel log in which an oops is expected; the
# line "vm: oops" above is for lib/kselftest. Without them it skips what would oops.

places="async limited worker closer late child nested inworker scope handle onstack"
ways="exit panic bug null"
plan=$((2 * (11 * 4 + 3) + 5))
. "$(dirname "$0")/kernel_lib.sh"
log=/tmp/oops-log.$$
# What it provokes, and no more; the harness reads this line. KASAN and arm64 have words of their own. There
# a BUG() ends its thread inside of a debug exception, and the kernel finds its context tracking unbalanced, once.
provoked='BUG: kernel NULL pointer dereference|KASAN: null-ptr-deref|kernel BUG at .*(stopper_oops|thread)\.c|Oops: |Oops - BUG: |Unable to handle kernel NULL|WARNING: .* ct_kernel_exit'

tracing=/sys/kernel/tracing
[ -f $tracing/trace ] || mount -t tracefs nodev $tracing 2>/dev/null
# An instance of its own: an oops ends the recording of the first one.
[ ! -f $tracing/trace ] || mkdir $tracing/instances/stopper_oops
tracing=$tracing/instances/stopper_oops

spans() { grep -E ": (task|worker)_$1: .* name=(outer|inner|next)" $tracing/trace | sed 's/.* span=\([^ ]*\).*/\1/' | sort; }
every_span_ended() { [ "$(spans start)" = "$(spans end)" ]; }

may_oops() {
	[ "$(cat /proc/sys/kernel/panic_on_oops)" = 0 ] && return
	case $1 in
	bug|null|sync) return 1 ;;
	esac
}

# On the stack, which the kernel writes over after an oops. See Documentation/limits.rst.
leaves_records() {
	case $1 in
	late|scope|onstack) return 0 ;;
	esac
	return 1
}

# The kernel has complained this often, and of nothing else. The log is read piece by piece: it is a ring.
complaints_are() {
	dmesg -c >$log
	[ "$(grep -cE 'BUG: kernel NULL|handle kernel NULL|KASAN: null-ptr|kernel BUG at' $log)" = "$1" ] &&
		grep -vE "$provoked|Call Trace" $log | scan
}

# died NAME WHERE HOW COMPLAINTS [PARAMETER...]
died() {
	local name=$1 where=$2 how=$3 complaints=$4
	shift 4
	[ ! -f $tracing/trace ] || echo >$tracing/trace
	if ! load stopper_oops where=$where how=$how "$@"; then
		not_ok $name "insmod: $?"
		return
	fi
	if [ "$(parameter stopper_oops result)" != ok ]; then
		not_ok $name "$(parameter stopper_oops result)"
	elif [ -f $tracing/trace ] && ! every_span_ended; then
		not_ok $name "a span has not ended"
	elif ! complaints_are $complaints >$log.wrong; then
		not_ok $name "not $complaints complaints: $(head -n 1 $log.wrong)"
	else
		ok $name
	fi
	unload stopper_oops
}

each_death() {
	local suffix=$1 where how complaints
	for where in $places; do
		for how in $ways; do
			complaints=0
			case $how in
			bug|null) complaints=2 ;;
			esac
			if ! may_oops $how; then
				skip ${where}_$how$suffix "panic_on_oops is set"
			elif on_rt && [ $complaints != 0 ] && leaves_records $where; then
				skip ${where}_$how$suffix "not survived on PREEMPT_RT"
			else
				died ${where}_$how$suffix $where $how $complaints
			fi
		done
	done
	# On a thread that is not the stopper's; stopper_panic() ends it as BUG() would.
	for how in panic bug null; do
		if ! may_oops sync; then
			skip sync_$how$suffix "panic_on_oops is set"
		elif on_rt && [ $how != panic ]; then
			skip sync_$how$suffix "nobody is told of it on PREEMPT_RT"
		else
			died sync_$how$suffix sync $how 2
		fi
	done
}

# Readers of the debug list without a pause, while threads die.
stop=/tmp/stop-reading.$$
reader() { while [ ! -e $stop ]; do cat $debug >/dev/null || echo unreadable >>$log.reader; done; }

dmesg -c >/dev/null
load stopper
each_death ""
reader &
died hundred_deaths_under_a_reader async exit 0 times=50
died hundred_workers_die_under_a_reader worker panic 0 times=50
if may_oops null; then
	died ten_oopses_under_a_reader nested null 20 times=10
else
	skip ten_oopses_under_a_reader "panic_on_oops is set"
fi
touch $stop
wait
check reader_could_read [ ! -s $log.reader ]

if [ -f $tracing/trace ] && echo 1 >$tracing/events/stopper/enable; then
	each_death _traced
else
	while [ $nr -lt $((plan - 1)) ]; do skip traced "this kernel has no tracefs"; done
fi
check stopper_can_be_unloaded_after_all_that unload stopper
rmdir $tracing 2>/dev/null
rm -f $log $log.* $stop
finish
