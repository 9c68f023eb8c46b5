#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_trace.sh: the tracepoints, events/stopper/ in tracefs.
#
# Parents of spans are checked in the trace of test_stopper's cases.

plan=23
. "$(dirname "$0")/kernel_lib.sh"
tracing=/sys/kernel/tracing
[ -f $tracing/trace ] || mount -t tracefs nodev $tracing 2>/dev/null
if [ ! -f $tracing/trace ]; then
	echo "# no tracefs"
	while [ $nr -lt $plan ]; do skip tracefs "this kernel has no tracefs"; done
	exit 0
fi
events=$tracing/events/stopper
copy=/tmp/trace.$$

listen() { echo "$1" >$events/enable; }
fresh() { echo >$tracing/trace; }
keep() { cat $tracing/trace >$copy; }
# value EVENT NAME KEY: of the events of this kind with this name, one a line
value() {
	grep ": $1: .* name=$2\$" $copy | sed -n "s/.* $3=\\([^ ]*\\).*/\\1/p"
}
count() { grep -c ": $1: " $copy; }
# Every span that starts ends, once.
balanced() {
	grep -E ': (task|worker)_start: ' $copy | sed 's/.* span=\([^ ]*\).*/\1/' | sort >$copy.starts
	grep -E ': (task|worker)_end: ' $copy | sed 's/.* span=\([^ ]*\).*/\1/' | sort >$copy.ends
	[ -s $copy.starts ] && [ -z "$(uniq -d $copy.starts)" ] && cmp -s $copy.starts $copy.ends
}
# one_case NAME: runs it, and is what it was
one_case() {
	load test_stopper filter="=$1" ${STOPPER_TEST_ROUNDS:+rounds=$STOPPER_TEST_ROUNDS} && grep -q "^ok .*$1" /sys/kernel/debug/test_stopper/results &&
		! grep -q '# SKIP' /sys/kernel/debug/test_stopper/results && unload test_stopper
}

echo 8192 >$tracing/buffer_size_kb
load stopper || { not_ok load_stopper; finish; }
check all_events_are_there [ "$(ls -d $events/*/ | sed 's/.*stopper.\(.*\)./\1/' | sort | tr '\n' ' ')" = \
	"async_queued closer_end closer_start created phase stall task_end task_refused task_start worker_end worker_start " ]
check task_that_nobody_listens_to_has_no_span one_case task_that_nobody_listens_to_has_no_span

fresh
listen 1
load stopper_load handles=3 async=2
wait_for 30 eval '[ "$(parameter stopper_load blocked)" = 2 ]'
# While it runs it: the trace shows the latest name of a thread, and an idle one has another.
check the_thread_has_the_name_of_its_task wait_for 30 \
	grep -q '^ *load-async-[0-9].* task_start: .* name=load-async$' $tracing/trace
unload stopper_load
keep
listen 0
check handles_are_seen [ "$(value task_start load-00000 kind | sort -u)" = handle ]
check each_handle_once [ "$(value task_start load-00000 span | sort -u | wc -l)" = 3 ]
check async_tasks_start_where_they_were_queued eval \
	'[ "$(value async_queued load-async span | sort)" = "$(value task_start load-async span | sort)" ]'
check spans_are_balanced balanced
check phases_in_order [ "$(grep ': phase: ' $copy | sed 's/.* from=\(.*\) to=\([^ ]*\) .*/\1 \2/' | tr '\n' ' ')" = \
	"running quiescing quiescing stopping stopping closing closing stopped " ]
check no_kernel_address_in_an_event eval \
	'! sed "s/ \(span\|parent\|trace\)=[^ ]*//g" $copy | grep -qE "(ffff|0x)[0-9a-f]{8}"'

fresh
check case_of_a_context one_case task_is_in_the_trace_of_its_context
keep
outer=$(value task_start span span | head -n 1)
check parent_is_the_span_of_the_context [ "$(value task_start span parent | sort -u)" = 0c00000000000001 ]
check parent_is_the_task_around [ "$(value task_start span-inner parent | head -n 1)" = "$outer" ]

fresh
check case_of_an_async_task_and_a_worker one_case async_task_and_worker_are_in_the_trace_of_who_started_them
keep
outer=$(value task_start span span)
check parent_of_an_async_task_is_who_queued_it [ "$(value task_start span-async parent)" = "$outer" ]
check parent_of_a_worker_is_who_started_it [ "$(value worker_start span-worker parent)" = "$outer" ]
check trace_goes_through_all [ "$(sed -n 's/.* trace=\([^ ]*\).*/\1/p' $copy | sort -u | wc -l)" = 1 ]

# Tracing is switched on and off under load; each event alone is enough to trace tasks. A small buffer: it is
# full in no time, and as text under emulation it takes long.
echo 256 >$tracing/buffer_size_kb
fresh
load stopper_load handles=50 async=5 churn=3
i=0
while [ $i -lt ${STOPPER_TEST_LOADS:-3} ]; do
	for event in $events/*/; do
		echo 1 >"$event/enable"
		echo 0 >"$event/enable"
	done
	i=$((i + 1))
done
keep
check single_events_are_told [ "$(count task_start)" -gt 0 ]
check load_ends_while_somebody_listens eval 'listen 1 && unload stopper_load'
listen 0
check silent_again one_case task_that_nobody_listens_to_has_no_span

fresh
listen 1
load stopper_load stalled=1
told_of_stall() { grep -q ': stall: .* tasks=1 workers=0 name=stalled$' $tracing/trace; }
check stall_is_told wait_for 30 told_of_stall
unload stopper_load
listen 0

# The module goes while somebody listens, and comes back.
check rmmod_while_somebody_listens eval 'listen 1 && unload stopper && [ ! -e $events ]'
check load_again eval 'load stopper && [ "$(cat $events/enable)" = 0 ] && unload stopper'
dmesg_is_clean dmesg_after_traces
echo >$tracing/trace
rm -f $copy $copy.*
finish
