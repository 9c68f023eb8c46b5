#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_control.sh: /sys/kernel/stopper/ID/: modes and values, stops by a write, open files when modules are
# unloaded, writers against rmmod; stopperctl stop; the commands of stopper-httpd.service under load.

plan=43
. "$(dirname "$0")/kernel_lib.sh"
control=/sys/kernel/stopper
tmp=/tmp/control.$$
mkdir $tmp

# dirs NAME: the folders of the stoppers with this name
dirs() {
	local d
	for d in $control/*; do
		[ "$(cat $d/name 2>/dev/null)" != "$1" ] || echo $d
	done
}
empty() { [ -d $control ] && [ -z "$(ls $control)" ]; }
modes() { stat -c '%a %u %n' $1/* | sed "s,$1/,," | sort -k 3 | xargs; }
reads() { [ "$(cat $1 2>&1)" = "$2" ]; }
# The error of a read or write through a file that is open as 9.
gone() { grep -q 'No such device' $tmp/error; }
read_fails() { ! cat <&9 >/dev/null 2>$tmp/error && gone; }
write_fails() { ! dd if=$tmp/cause of=/proc/self/fd/1 bs=64 2>$tmp/error >&9 && gone; }

load stopper
check no_stopper_no_folder empty
load stopper_machine
machine_do hold
check stopper_without_the_flag_has_none empty
machine_do let_go
machine_do stop
unload stopper_machine

# Each change of phase wakes a poll, and so does the end.
poll=$(program phase_poll)
polls() { sed -n '1p;$p' $tmp/phases | xargs; }
if [ -n "$poll" ]; then
	load stopper_load handles=1
	: >$tmp/phases
	$poll $(dirs load)/phase >$tmp/phases &
	poller=$!
	wait_for 60 grep -q running $tmp/phases
	echo >$(dirs load)/stop
	check a_poll_reports_the_next_phase wait_for 60 grep -q quiescing $tmp/phases
	unload stopper_load
	wait_for 60 grep -q gone $tmp/phases || kill $poller
	wait $poller
	check a_poll_reports_the_end [ "$(polls)" = "running gone" ]
else
	skip a_poll_reports_the_next_phase "phase_poll is not beside this script"
	skip a_poll_reports_the_end "phase_poll is not beside this script"
fi

load stopper_load handles=3 async=1 stalled=2
wait_for 60 [ "$(parameter stopper_load blocked)" = 1 ]
load=$(dirs load)
check only_root_may_stop [ "$(modes $load)" = "444 0 cause 444 0 name 444 0 phase 200 0 stop 444 0 tasks" ]
check values_of_one_that_runs eval 'reads $load/phase running && reads $load/tasks 4 && reads $load/cause ""'
check names_are_shared_and_ids_are_not [ "$(dirs stalled | wc -l)" = 2 ]
stalled=$(dirs stalled | head -n 1)
check values_of_one_whose_stop_is_blocked eval 'reads $stalled/phase quiescing && reads $stalled/tasks 1'

printf 'disk \033[1m 100%%s full\nFORGED\n' >$load/stop
check a_write_begins_the_stop wait_for 60 reads $load/phase quiescing
cause='disk \x1b[1m 100%s full'
check the_text_is_the_cause reads $load/cause "$cause"
check the_list_has_the_cause grep -qF "because \"$cause\" (-125)" $debug
check a_second_write_changes_nothing eval 'echo again >$load/stop && reads $load/cause "$cause"'
stopped_by_name=$(dirs stalled | tail -n 1)
check a_stop_of_the_module_has_its_cause reads $stopped_by_name/cause stop_async
check tasks_are_counted_down wait_for 60 reads $load/tasks 3

# Files that are open when the stopper stops, its module is unloaded, and stopper.ko, too.
exec 8>$load/stop 9<$load/phase
echo cause >$tmp/cause
check rmmod_with_open_files unload stopper_load
check folders_are_gone empty
check an_open_file_reads_enodev read_fails
load stopper_load
check ids_are_not_used_again [ "$(basename $load)" != "$(basename $(dirs load))" ]
unload stopper_load
check rmmod_of_stopper_with_open_files unload stopper
check the_open_file_still_reads_enodev read_fails
exec 9<&- 9>&8 8>&-
check an_open_file_writes_enodev write_fails
exec 9>&-
check the_folder_has_gone_too [ ! -e $control ]

# 100 writers against rmmod, in each way to stop, and without one.
load stopper
writer() {
	while echo cause >"$1/stop"; do
		cat $1/phase $1/tasks
	done >/dev/null 2>&1
}
writers_against_rmmod() {
	local seed=0 end d i
	for end in $*; do
		seed=$((seed + 1))
		load stopper_unload1 end=$end seed=$seed || return 1
		load stopper_load churn=2 async=8 || return 1
		for d in $(dirs load) $(dirs unload); do
			i=0
			while [ $i -lt 50 ]; do
				writer $d &
				i=$((i + 1))
			done
		done
		sleep 0.2
		unload stopper_unload1 && unload stopper_load || return 1
		wait
	done
	empty
}
check writers_against_rmmod writers_against_rmmod stop bits async both stopped
check writers_against_rmmod_of_modules_that_forget writers_against_rmmod forget put leave

# ctl STATUS ARGUMENT...: ends so; what it says is kept
ctl() {
	local want=$1 status
	shift
	stopperctl "$@" >$tmp/ctl 2>&1
	status=$?
	[ $status = $want ] || { sed 's/^/# /' $tmp/ctl; return 1; }
}
says() { grep -q "$1" $tmp/ctl; }

# The unit's commands, in the words of busybox; $unit_name is what it serves.
unit=$tmp/stopper-httpd.service
cp "$(dirname "$0")/stopper-httpd.service" $unit 2>/dev/null ||
	cp "$(dirname "$0")/../../../../kmod/samples/stopper-httpd.service" $unit 2>/dev/null
modprobe() {
	[ "$1" != -r ] || { unload $2; return; }
	load "$@"
}
# Runs the commands of a kind, until one fails.
unit_do() {
	local command
	sed -n "s/^$1=//p" $unit >$tmp/commands
	while read -r command; do
		eval "$command" >>$tmp/unit 2>&1 </dev/null || return
	done <$tmp/commands
}

url=http://127.0.0.1:8080
page_is_there() { wget -q -O /dev/null $url/; }
# One word for each request: whole, refused, or cut.
client() {
	local size
	while [ ! -e $tmp/end ]; do
		wget -q -O $tmp/page.$1 "$url/big?kb=64" 2>$tmp/wget.$1
		case $?,$(wc -c <$tmp/page.$1) in
		0,65536) echo whole ;;
		*)	grep -qE " 503 |can't connect|error getting response" $tmp/wget.$1 && echo refused ||
				echo cut ;;
		esac
	done >$tmp/requests.$1
}
clients_end() { touch $tmp/end; wait; rm $tmp/end; }
lost() { dmesg | sed -n 's/.*stopper_httpd: .* lost=\(-*[0-9]*\) .*/\1/p' | tail -n 1; }

ctl_tests() {
	load stopper_load stalled=2
	check stop_of_no_stopper ctl 4 stop nobody
	check stop_of_a_shared_name_is_refused eval 'ctl 1 stop stalled && says "is the name of 2 stoppers; give an id"'
	stalled=$(basename $(dirs stalled | head -n 1))
	check stop_has_a_grace eval 'ctl 3 stop --grace 1s $stalled && says "timed out after 1.0s; .* waits for 1 task: load-stuck"'
	check stop_waits_for_the_end eval 'ctl 0 stop load && says "^load: stopped after" && [ -z "$(dirs load)" ]'
	check stop_of_one_that_has_stopped ctl 4 stop load
	unload stopper_load

	umount /sys/kernel/debug
	load stopper_load handles=2
	check stop_without_the_debug_list eval 'ctl 3 stop -g 1 --cause "new firmware" load &&
		says "load (.*): quiescing because .new firmware., 2 tasks"'
	stopperctl wait load >$tmp/waits 2>&1 &
	waiter=$!
	wait_for 60 grep -q 'quiescing .*2 tasks' $tmp/waits
	check rmmod_while_one_waits unload stopper_load
	wait $waiter
	check wait_without_the_debug_list_sees_the_end [ $? = 0 ]
	mount -t debugfs none /sys/kernel/debug
}

service_tests() {
	check service_starts unit_do ExecStart
	wait_for 60 page_is_there
	for i in 1 2 3; do client $i & done
	wait_for 60 grep -q whole $tmp/requests.1
	check service_stops_under_load unit_do ExecStop
	check its_module_has_gone eval '! loaded stopper_httpd'
	clients_end
	check it_lost_no_request [ "$(lost)" = 0 ]
	check no_response_was_cut eval '! cat $tmp/requests.* | grep -q cut'

	# A client that has sent half a request holds up the stop until the server loses patience.
	unit_do ExecStart
	wait_for 60 page_is_there
	echo 600000 >/sys/module/stopper_httpd/parameters/grace
	{ printf 'GET / HTTP/1.1\r\n'; while [ ! -e $tmp/end ]; do sleep 1; done; } | nc 127.0.0.1 8080 >/dev/null &
	half=$!
	wait_for 60 grep -q 'httpd: connection' $debug
	sed -i 's/--grace 10s/--grace 1s/' $unit
	check service_whose_grace_is_over_fails eval '! unit_do ExecStop && grep -q "timed out after 1.0s; .*httpd: connection" $tmp/unit'
	check its_module_is_still_there loaded stopper_httpd
	clients_end
	check the_stop_goes_on wait_for 60 eval '[ -z "$(dirs httpd)" ]'
	check what_has_stopped_is_unloaded modprobe -r stopper_httpd
}

skip_up_to() { while [ $nr -lt $1 ]; do skip "$2" "it is not here"; done; }
! command -v stopperctl >/dev/null || ctl_tests
[ $nr -lt 33 ] || [ ! -f $unit ] || service_tests
skip_up_to 33 stopperctl
skip_up_to $((plan - 1)) stopper-httpd.service
unload stopper
rm -rf $tmp
dmesg_is_clean dmesg_after_control
finish
