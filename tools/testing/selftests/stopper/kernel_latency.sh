#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_latency.sh: no section with interrupts or preemption off grows with the number of stoppers,
# tasks, contexts, closers or call sites.
#
# The tracers irqsoff, preemptoff and preemptirqsoff keep the longest section of each operation of
# stopper_latency.ko while 1,000,000 handles, 10,000 stoppers and 100,000 queued tasks exist; its head
# says what else. The same is measured with a hundredth of all that. The clock counts instructions
# (vm/run -I), so the tracers' microseconds are thousands of instructions. A walk over 10,000 contexts
# takes 300 of them, one over 10,000 tasks 1,000. The bound is for every section, those of the
# kernel's own included: none of ours is hidden by a longer one. The longest are the kernel's, up to
# 170: RCU, when it frees what is gone. Ours are at most 50.
#
# Tasks stay queued as long as no thread can be created. Meanwhile this script cannot fork: it uses
# builtins only.

bound=250
tracers="irqsoff preemptoff preemptirqsoff"
beside="small count map list drain tree closers contexts tied timers"
rows="fill small closers rmmod_other queue"
for op in $beside; do
	rows="$rows queued_$op"
done
rows="$rows empty rmmod rmmod_stopper"

plan=21 reloads=y
. "$(dirname "$0")/kernel_lib.sh"
tracing=/sys/kernel/tracing
do=/sys/module/stopper_latency/parameters/do
waiting=/sys/module/stopper_latency/parameters/waiting
threads=/proc/sys/kernel/threads-max
figures=/tmp/latency.$$

for tracer in $tracers; do
	grep -qw $tracer $tracing/available_tracers 2>/dev/null || skip_all "this kernel has no tracer $tracer"
done
[ -n "$STOPPER_TEST_INSTRUCTIONS" ] || skip_all "the clock does not count instructions here (see vm/run -I)"

# A line for each measurement: ROW TRACER SCALE THOUSANDS STATUS BEGIN END. Of a section that is too
# long, also where it ended, with the callers.
note_longest() {
	local longest line begin=- end=-
	read -r longest <$tracing/tracing_max_latency
	while [ $longest != 0 ] && read -r line; do
		case $line in
		*"=> started at: "*)	begin=${line##*: } ;;
		*"=> ended at:   "*)	end=${line##*: }; [ $longest -gt $bound ] || break ;;
		" => "*|"=> "*)		[ $1 = walk ] || echo "# $1, $tracer, $longest: $line" ;;
		esac
	done <$tracing/trace
	echo "$1 $tracer $scale $longest $2 $begin $end" >>$figures
}

# measure ROW COMMAND...: builtins only
measure() {
	local row=$1 status=0
	shift
	echo 0 >$tracing/tracing_max_latency
	echo 1 >$tracing/tracing_on
	"$@" || status=1
	echo 0 >$tracing/tracing_on
	note_longest $row $status
}

operation() { echo $1 >$do; }

# The first read makes the whole list.
first_line() { read -r line <$debug; }

measure_beside() {
	if [ $1 = list ]; then
		measure queued_list first_line
	else
		measure queued_$1 operation $1
	fi
}

# No thread can be created as long as there are so many.
limit_threads() {
	local rest total
	read -r rest rest rest total rest </proc/loadavg
	echo "${total#*/}" >$threads
}

allow_threads() { echo "$most" >$threads; }

# How many have not begun. A thread that was there takes one, and waits.
note_if_few_wait() {
	local left
	read -r left <$waiting
	[ "$left" -ge $((scale * 900)) ] || still_queued=
}

measure_queued() {
	limit_threads
	measure queue operation queue
	for op in $beside; do
		measure_beside $op
	done
	note_if_few_wait
	allow_threads
}

measure_all() {
	load stopper
	load stopper_latency scale=$scale
	measure fill operation fill
	measure small operation small
	measure closers operation closers
	load stopper_load
	measure rmmod_other unload stopper_load
	operation block
	measure_queued
	[ $scale != 100 ] || measure walk operation walk
	measure empty operation empty
	measure rmmod unload stopper_latency
	measure rmmod_stopper unload stopper
}

most=$(cat $threads)
trap allow_threads EXIT
still_queued=y
: >$figures
level=$(cut -f 1 /proc/sys/kernel/printk)
dmesg -n 1
echo 64 >$tracing/buffer_size_kb
for tracer in $tracers; do
	echo 0 >$tracing/tracing_on
	echo $tracer >$tracing/current_tracer
	for scale in 1 100; do
		measure_all
	done
done
echo nop >$tracing/current_tracer
echo 1 >$tracing/tracing_on
dmesg -n "$level"

# table: for each row and tracer the longest section with a hundredth and with all, and where the latter is
awk '
	{ n[$1 " " $2 " " $3] = $4; where[$1 " " $2 " " $3] = $6 " - " $7 }
	$3 == 100 { order[++rows] = $1 " " $2 }
	END {
		print "# Longest section, thousands of instructions: with a hundredth of all, and with all"
		for (i = 1; i <= rows; i++) {
			split(order[i], key, " ")
			printf "# %-16s %-15s %6d %6d  %s\n", key[1], key[2], n[order[i] " 1"], n[order[i] " 100"],
				where[order[i] " 100"]
		}
	}' $figures

# Of all tracers and both sizes.
longest() { awk -v row="$1" '$1 == row && $4 > n { n = $4 } END { print n + 0 }' $figures; }
succeeds() { awk -v row="$1" '$1 == row { n += $5; m++ } END { exit n || !m }' $figures; }
bounded() {
	succeeds $1 || { echo "# it failed"; return 1; }
	[ "$(longest $1)" -le $bound ] || { echo "# $(longest $1) thousands of instructions"; return 1; }
}

for row in $rows; do
	check $row bounded $row
done
check a_walk_of_all_handles_is_found [ "$(longest walk)" -gt $bound ]
check tasks_stayed_queued [ -n "$still_queued" ]
rm -f $figures
dmesg_is_clean dmesg_after_latency
finish
