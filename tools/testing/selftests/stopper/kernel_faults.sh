#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_faults.sh: every call with its n-th allocation failing, and a stop while all of them fail.
#
# Needs a kernel with fault injection (make kselftest-debug has one); what is called, and what must
# hold, is in kmod/faults_run.c.

plan=12
. "$(dirname "$0")/kernel_lib.sh"
here=/sys/kernel/debug/stopper_faults
out=/tmp/faults.$$
faults=0

[ -f "$ko/stopper_faults.ko" ] && [ -d /sys/kernel/debug/failslab ] || {
	while [ $nr -lt $plan ]; do skip faults "this kernel has no fault injection"; done
	finish
}

# Any allocation may fail, also those that may sleep; each failure is one line of the log.
for file in failslab/ignore-gfp-wait failslab/cache-filter \
	fail_page_alloc/ignore-gfp-wait fail_page_alloc/ignore-gfp-highmem fail_page_alloc/min-order; do
	[ ! -f /sys/kernel/debug/$file ] || echo 0 >/sys/kernel/debug/$file
done
echo 1 >/sys/kernel/debug/failslab/verbose
echo 1 >/sys/kernel/debug/fail_page_alloc/verbose

run() { echo "$*" >$here/run && cat $here/results >$out; }
fresh() { load stopper && load stopper_faults; }
gone() { unload stopper_faults && unload stopper; }

fresh
run all
sed 's/^/    /' $out
all_right() {
	grep -q '^1\.\.[1-9]' $out && ! grep -q '^not ok' $out &&
		[ "$(grep -c '^ok ' $out)" = "$(sed -n 's/^1\.\.//p' $out)" ]
}
refused() { sed -n 's/^# failed: [0-9]*, refused: \([0-9]*\)$/\1/p' $out | grep -vcx 0; }
check every_allocation_of_every_call all_right
faults=$(sed -n 's/^# faults injected: //p' $out)
check calls_were_refused [ $(refused) -ge 30 ]
check unload_after_all gone

# The first job of a new pool: its thread is started by the call, and may fail to. n by n.
of_a_new_pool() {
	local n=1
	while [ $n -lt 40 ]; do
		fresh && run $1 $n && gone || return 1
		grep -q '^right ' $out || { sed "s/^/# $n: /" $out; return 1; }
		! grep -q '^right whole' $out || break
		faults=$((faults + 1))
		n=$((n + 1))
	done
	[ $n -gt 2 ] && [ $n -lt 40 ]
}
for name in run_async_of_a_new_pool run_limited_of_a_new_pool stop; do
	check ${name}_n_by_n of_a_new_pool $name
done

# The list, n by n: this shell's own calls, as it does not fork for them.
read_failing() {
	echo $1 >/proc/self/fail-nth
	read -r line <$debug
	status=$?
	read -r left </proc/self/fail-nth || left=0
	echo 0 >/proc/self/fail-nth
	echo $status $left "$line"
}
list_n_by_n() {
	local n=1 answer
	load stopper && load stopper_unload1 || return 1
	while [ $n -lt 200 ]; do
		answer=$(read_failing $n 2>/dev/null)
		case $answer in
		"0 0 stopper "*|[12]\ *)
			faults=$((faults + 1)) ;;
		"0 "*" stopper "*)
			break ;;
		*)	echo "# $n: $answer"
			return 1 ;;
		esac
		n=$((n + 1))
	done
	grep -q '"unload"' $debug && unload stopper_unload1 && unload stopper || return 1
	echo "# allocations of a reader: $((n - 1))"
	[ $n -gt 5 ] && [ $n -lt 200 ]
}
check list_n_by_n list_n_by_n

fresh
regression() { run race 20 && grep -qx right $out && gone; }
check worker_that_cannot_start_while_a_stop_goes_on regression

# What follows fails only what stopper.ko asks for, whichever thread asks: its text is on the
# stack. (Its end is not known; what may lie behind it is stopper_faults.ko, which only calls it.)
each() { local d; for d in failslab fail_page_alloc; do echo $2 >/sys/kernel/debug/$d/$1; done; }
of_stopper() {
	local start=$(cat /sys/module/stopper/sections/.text)
	each stacktrace-depth 32
	each require-start $start
	each require-end $(printf 0x%x $((start + $(sed -n 's/^stopper \([0-9]*\) .*/\1/p' /proc/modules))))
}
many=1000000
no_memory() { of_stopper; each verbose 0; each times $many; each probability 100; }
memory() {
	each probability 0
	each verbose 1
	met=$((2 * many - $(cat /sys/kernel/debug/failslab/times) - $(cat /sys/kernel/debug/fail_page_alloc/times)))
	faults=$((faults + met))
}
stop_without_memory() {
	local status
	fresh && echo no-memory-begin $1 >$here/run || return 1
	no_memory
	run no-memory-stop $1
	status=$?
	memory
	[ $status = 0 ] && grep -qx right $out && gone || { sed 's/^/# /' $out; return 1; }
	[ $met -gt 5 ]
}
list_without_memory() {
	local status
	fresh
	no_memory
	! cat $debug >/dev/null 2>$out
	status=$?
	memory
	[ $status = 0 ] && grep -q memory $out && cat $debug >/dev/null && gone
}
if [ -f /sys/kernel/debug/failslab/require-start ]; then
	check stop_without_memory_beside_a_blocked_thread stop_without_memory 1
	check stop_without_memory_or_any_thread stop_without_memory 0
	check list_without_memory_says_so list_without_memory
else
	for name in stop_without_memory_beside_a_blocked_thread stop_without_memory_or_any_thread \
		list_without_memory_says_so; do
		skip $name "failures cannot be told by the stack here"
	done
fi
echo "# faults injected: $faults"
rm -f $out
dmesg_is_clean dmesg_after_faults
finish
