#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_blk.sh: stopper_blk.ko, a disk, under fio: unbound, ejected, suspended and resized with requests in
# flight. Each request that has begun completes, or fails because the disk was ejected; the others fail with
# an error; none is lost, as counted by fio, by the driver and by the block layer. Likewise for the life
# that the driver has by hand.
#
# STOPPER_TEST_LATENCY=N: then compares the latency of writes, one at a time, N times in turn.

plan=44
. "$(dirname "$0")/kernel_lib.sh"
disk=/dev/stopper_blk
device=/sys/devices/platform/stopper_blk
driver=/sys/bus/platform/drivers/stopper_blk
param=/sys/module/stopper_blk/parameters
power=/sys/power
tmp=/tmp/blk.$$
depth=16

command -v fio >/dev/null || skip_all "no fio here (tools/testing/lib/deps kselftest-blk)"
[ -f "$ko/stopper_blk.ko" ] || skip_all "no stopper_blk.ko in $ko: a kernel without a block layer"
mkdir $tmp

# load_disk LIFE DELAY_MS: nothing has been counted yet
load_disk() {
	load stopper_blk hand=$([ $1 = hand ] && echo Y || echo N) delay_ms=$2
	echo 2 >/sys/block/stopper_blk/queue/nomerges	# one request for each of fio's
}

count() { sed -n "s/.*$1=\([-0-9]*\).*/\1/p" ${2:-$device/counts}; }
in_flight() { [ "$(count lost)" = $1 ]; }
has_begun() { [ "$(count begun)" -ge $1 ]; }
delay() { echo $1 >$param/delay_ms; }
# The counts that the driver logs at its end.
final_counts() { new_log | grep 'stopper_blk: begun=' | tail -n 1 >$tmp/final; }

# run_fio OPTION...: sets issued, ok, errors and first_error
start_fio() {
	fio --name=blk --filename=$disk --size=2m --bs=4k --direct=1 --ioengine=libaio --iodepth=$depth \
		--continue_on_error=all --ignore_error=,EIO:ENODEV:ENOSPC --output-format=json --output=$tmp/json "$@" >$tmp/fio 2>&1 &
	fio=$!
}
end_fio() {
	wait $fio
	issued= ok= errors= first_error=
	eval "$(awk '
		/"total_ios"/ { issued += $3 }
		/"lat_ns"/ { in_lat = 1 }
		in_lat && /"N"/ { ok += $3; in_lat = 0 }
		/"total_err"/ { errors = $3 }
		/"first_error"/ { first = $3 }
		END { printf "issued=%d ok=%d errors=%d first_error=%d", issued, ok, errors, first }' $tmp/json)"
	echo "# $life: fio issued=$issued ok=$ok errors=$errors first_error=$first_error"
}
run_fio() { start_fio "$@"; end_fio; }
no_error() { [ $errors = 0 ] && [ $ok = $issued ] && [ $ok -ge $1 ]; }

# What fio and the driver say about one run.
same_as_driver() {
	echo "# $life: $(sed 's/.*begun/begun/' $1)"
	[ "$(count completed $1)" = $ok ] && [ $((ok + errors)) = $issued ] && [ "$(count lost $1)" = 0 ] &&
		[ $errors -ge $(($(count failed $1) + $(count refused $1))) ]
}
# EIO from the driver, or ENOSPC from a disk that has no size any more
clean_error() { [ $errors -gt 0 ] && case $first_error in 5|28) ;; *) false ;; esac; }

# Requests that the block layer has counted, whatever became of them.
statistics() { awk '{ print $1 + $5 }' /sys/block/stopper_blk/stat; }
block_layer_agrees() {
	[ "$(statistics)" = $(($(count completed) + $(count failed) + $(count refused))) ] &&
		[ "$(xargs </sys/block/stopper_blk/inflight)" = "0 0" ]
}

can_suspend() { grep -qw freeze $power/state 2>/dev/null && [ -w $power/pm_test ]; }
suspend() { echo devices >$power/pm_test && echo freeze >$power/state; }

resize() { echo $1 >$device/size_mb && [ "$(cat $device/size_mb)" = $1 ]; }

verified() {
	run_fio --rw=randwrite --verify=crc32c --do_verify=1
	check every_block_is_verified_$life no_error 1024
	cp $device/counts $tmp/counts
	check same_counts_$life same_as_driver $tmp/counts
	check block_layer_agrees_$life wait_for 20 block_layer_agrees
}

lists_a_label() { cat $debug >$tmp/list && grep -qE '"blk: request"' $tmp/list && grep -qE 'label "(read|write) [0-9]+\+8"' $tmp/list; }

# The first requests take long: also a slow machine looks at them in flight.
disturbed() {
	delay 5000
	start_fio --rw=randwrite --verify=crc32c --do_verify=1
	wait_for 60 in_flight $depth
	delay 50
	if [ $life = stopper ]; then
		check requests_are_listed_with_their_blocks wait_for 60 lists_a_label
		sed 's/^/# /' $tmp/list
	fi
	check shrinks_under_load_$life resize 8
	check grows_under_load_$life resize 32
	if can_suspend; then
		check suspends_under_load_$life suspend
		echo none >$power/pm_test
	else
		skip suspends_under_load_$life "cannot suspend here"
	fi
	delay 0
	end_fio
	check no_request_fails_$life no_error 1024
}

is_pinned() { ! rmmod stopper_blk 2>/dev/null && loaded stopper_blk; }
unbind() { echo stopper_blk >$driver/unbind; }
bind() { echo stopper_blk >$driver/bind; }

# unbound NAME OPTION...: with a file open, which pins the module until it is closed
unbound() {
	local name=$1
	shift
	exec 8<$disk
	start_fio --rw=randwrite --norandommap "$@"
	wait_for 60 has_begun $depth
	check rmmod_is_refused_under_load_${name}_$life is_pinned
	check unbinds_under_load_${name}_$life unbind
	end_fio
	final_counts
	check rmmod_is_refused_until_the_last_close_${name}_$life is_pinned
	exec 8<&-
	check each_begun_request_completes_${name}_$life eval 'same_as_driver $tmp/final && [ $(count failed $tmp/final) = 0 ]'
}

# The hardware never answers: each request would wait for a minute.
ejected() {
	delay 60000
	start_fio --rw=randwrite --io_size=256k
	wait_for 60 in_flight $depth
	check ejects_under_load_$life eval 'echo 1 >$device/eject'
	end_fio
	cp $device/counts $tmp/counts
	check each_request_in_flight_fails_if_ejected_$life eval \
		'same_as_driver $tmp/counts && [ $(count failed) = $depth ] && [ $first_error = 19 ]'
	check block_layer_agrees_if_ejected_$life wait_for 20 block_layer_agrees
	check ejected_disk_is_not_resized_$life eval '! resize 8 2>/dev/null'
}

median() { sort -n $tmp/latency.$1 | awk '{ ns[NR] = $1 } END { print ns[int((NR + 1) / 2)] }'; }
latency() {
	local i=0
	while [ $i -lt $1 ]; do
		for life in stopper hand; do
			load_disk $life 0
			run_fio --rw=randwrite --iodepth=1 --io_size=2m --lat_percentiles=1 --clat_percentiles=0
			sed -n 's/.*"50.000000" : \([0-9]*\).*/\1/p' $tmp/json >>$tmp/latency.$life
			unload stopper_blk
		done
		i=$((i + 1))
	done
	echo "# median of $1 medians: stopper $(median stopper) ns, hand $(median hand) ns"
}

load stopper
[ ! -w /sys/module/suspend/parameters/pm_test_delay ] || echo 0 >/sys/module/suspend/parameters/pm_test_delay
for life in stopper hand; do
	load_disk $life 0
	verified
	disturbed
	unload stopper_blk
	load_disk $life 0
	unbound at_full_speed --io_size=2m
	bind
	delay 500		# fio would take a minute
	unbound slow --io_size=8m
	check the_rest_fails_with_an_error_$life clean_error
	unload stopper_blk
	load_disk $life 0
	ejected
	unload stopper_blk
done
[ -z "$STOPPER_TEST_LATENCY" ] || latency $STOPPER_TEST_LATENCY
check nothing_lost_at_any_end [ "$(new_log | grep 'stopper_blk: begun=' | grep -vc 'lost=0$')" = 0 ]
check all_unloaded unload stopper
rm -r $tmp
dmesg_is_clean dmesg_after_blk
finish
