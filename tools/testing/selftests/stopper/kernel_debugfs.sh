#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_debugfs.sh: /sys/kernel/debug/stopper: its mode, its text, larger than a page, under churn.

plan=18
. "$(dirname "$0")/kernel_lib.sh"
copy=/tmp/stopper-list.$$

load stopper
check mode_is_0400 [ "$(stat -c %a $debug)" = 400 ]
check owner_is_root [ "$(stat -c %u:%g $debug)" = 0:0 ]
check no_stopper_no_line_of_one eval '! grep -q "^stopper " $debug'

load stopper_load handles=100 sites=1 async=3 churn=0
wait_for 60 [ "$(parameter stopper_load blocked)" = 3 ]
cat $debug >$copy
check stopper_is_listed_with_name_and_phase grep -q '"load": running' $copy
check task_count_is_listed grep -q 'tasks 103' $copy
check site_is_listed_with_count eval 'grep "load-00000" $copy | grep -q 100'
check async_tasks_are_listed grep -q '"load-async"' $copy
# Their kthreads, by pid, under the comm of the task.
pids=$(sed -n 's/.*thread \([0-9][0-9]*\) .*/\1/p' $copy | sort -u)
comms=0
for pid in $pids; do
	[ "$(comm_of $pid)" != load-async ] || comms=$((comms + 1))
done
check kthreads_are_listed_by_pid [ $comms = 3 ]
unload stopper_load

# A softirq is not the work of the thread that it comes upon.
load stopper_machine
machine_do softirq
machine_do softirq_stop
if on_rt; then
	skip handle_of_a_softirq_has_thread_0 "a softirq is the work of a thread on PREEMPT_RT"
else
	check handle_of_a_softirq_has_thread_0 grep -q '^    thread 0 "softirq" idle for [0-9.]*s$' $debug
fi
check stop_asked_in_a_softirq_has_thread_0 grep -q '^  stop asked at .* by thread 0 "softirq", [0-9.]*s ago$' $debug
machine_do let_go
machine_do stop
unload stopper_machine

# 10,000 tasks of 2,000 call sites: many pages. Read at once, in pages, and by the byte.
load stopper_load handles=10000 sites=2000
tasks() { sed -n 's/^ *task \([0-9][0-9]*\) "load-.*/\1/p' "$1" | awk '{ n += $1 } END { print n + 0, NR }'; }
larger_than_a_page() {
	cat $debug >$copy
	[ "$(tasks $copy)" = "10000 2000" ] && [ "$(wc -c <$copy)" -gt 100000 ]
}
check list_of_10000_tasks_is_whole larger_than_a_page
in_pages() {
	dd if=$debug of=$copy bs=4096 2>/dev/null
	[ "$(tasks $copy)" = "10000 2000" ]
}
check list_read_by_4096_bytes_is_whole in_pages
unload stopper_load
load stopper_load handles=200 sites=100
by_the_byte() {
	dd if=$debug of=$copy bs=1 2>/dev/null
	[ "$(tasks $copy)" = "200 100" ]
}
check list_read_by_1_byte_is_whole by_the_byte
unload stopper_load

# A reader has read one byte and holds the file open: unloading a stopper does not wait for the reader.
load stopper_load handles=200 sites=100
exec 9<$debug
dd bs=1 count=1 <&9 >/dev/null 2>&1
check rmmod_does_not_wait_for_a_reader_who_stopped unload stopper_load
dd <&9 >$copy 2>/dev/null
exec 9<&-
check what_he_reads_later_is_the_moment_of_before [ "$(tasks $copy)" = "200 100" ]

# Readers without a pause, while tasks and stoppers come and go.
stop=/tmp/stop-reading.$$
reader() {
	while [ ! -e $stop ]; do
		cat $debug || echo "cannot read" >>$copy.bad
	done | awk '!/^(stopper |  |$)/ { print "odd line: " $0 }' >>$copy.bad
}
: >$copy.bad
reader &
reader &
churn() {
	local i=0
	while [ $i -lt 5 ]; do
		load stopper_load handles=50 sites=10 async=10 churn=4 && cat $debug >/dev/null &&
			unload stopper_load || return 1
		i=$((i + 1))
	done
}
check stoppers_come_and_go_under_readers churn
touch $stop
wait
[ ! -s $copy.bad ] && ok no_reader_saw_an_odd_line ||
	not_ok no_reader_saw_an_odd_line "$(head -n 3 $copy.bad)"
rm -f $stop $copy $copy.bad
unload stopper
dmesg_is_clean dmesg_after_debugfs
finish
