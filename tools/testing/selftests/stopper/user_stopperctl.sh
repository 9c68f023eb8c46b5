#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_stopperctl.sh: stopperctl on files and on a live process, user_stopperctl_target; top has user_stopperctl_top.sh.

. "$(dirname "$0")/stopperctl_lib.sh"

# refused NAME STATUS PATTERN ARGUMENT...: this status, one sentence like this, nothing else.
refused() {
	local name=$1 want=$2 pattern=$3 got
	shift 3
	timeout 60 $run_as "$ctl" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null
	got=$?
	grep -v '^Try ' "$work/stderr" >"$work/sentence"
	if [ $got = "$want" ] && [ ! -s "$work/stdout" ] && [ "$(wc -l <"$work/sentence")" = 1 ] &&
		grep -qE "^stopperctl: .*($pattern)" "$work/sentence"; then
		ok "$name"
	else
		not_ok "$name" "status $got, $(cat "$work/stderr" "$work/stdout")"
	fi
}
run_as=

# As /sys/kernel/stopper: the stoppers 1 to 3.
export STOPPER_CONTROL=$work/control
for id in 1 2 3; do
	mkdir -p "$STOPPER_CONTROL/$id"
	[ $id = 1 ] && name=web || name=two
	echo $name >"$STOPPER_CONTROL/$id/name"
	echo running >"$STOPPER_CONTROL/$id/phase"
	echo 3 >"$STOPPER_CONTROL/$id/tasks"
	echo >"$STOPPER_CONTROL/$id/cause"
	: >"$STOPPER_CONTROL/$id/stop"
done

begin

# Files

from_list list >"$work/shown"

check list_has_the_worst_first in_order "$work/shown" \
	'child "a\b" (4): closing for 1m30s, age 1d01h' 'web (1): quiescing for 1.0s, age 7.5s' \
	'main (3): quiescing' 'database (2): running for 1h02m'
check list_says_who_asked_and_what_is_waited_for in_order "$work/shown" 'web (1)' \
	'tasks 4  queued 1  workers 1  closers 2  closed 0  contexts 2  waiters 0' \
	'created     httpd.c:120 main, thread 712 httpd' \
	'stop asked  httpd.c:180 main, thread 712 httpd, 1.0s ago' 'because     disk "sda" full (-28)' \
	'waits for   4 tasks, oldest: request, 4.2s'
check list_says_who_paused_it in_order "$work/shown" 'database (2)' \
	'paused      db/pool.c:90 pool_reload, thread 720 reload, 1m01s ago'
check list_marks_what_holds_up_a_stop in_order "$work/shown" 'web (1)' \
	'>     4.2s      3  task    request  user/examples/conn.c:77 serve' \
	'|  thread 715 web sleeping in ep_poll' 'ep_poll+0x12/0x30' '>     0.5s      1  task    audit' \
	'      7.4s      1  worker  accept'
check list_shows_the_child_a_parent_waits_for in_order "$work/shown" 'main (3)' \
	'its child child "a\b" (4), closing for 1m30s'
{ cat "$list"; echo 'stopper 5 "journal": running for 9.0s, age 9.0s'; echo '  child of 4 "child"'; } >"$work/tree"
"$ctl" -f "$work/tree" list >"$work/shown-tree"
check list_shows_the_way_to_a_child in_order "$work/shown-tree" 'journal (5)' 'child of    main/child (4)'
check list_shows_pending_timers in_order "$work/shown" 'database (2)' 'stop        not asked' \
	'timers      12, next: checkpoint, db/log.c:70 log_open, in 9.5s'
check list_shows_the_semaphore_that_is_waited_for in_order "$work/shown" 'database (2)' \
	'semaphore   disk slots: held 12 of 12, waiters 3' \
	'|  first: query, db/query.c:800 query, thread 1234580, 2.5s'
check list_counts_nested_tasks in_order "$work/shown" 'database (2)' 'timers ' 'nested      3' 'semaphore'
check list_shows_the_first_error in_order "$work/shown" 'database (2)' 'failed      flush, error -28' \
	'started     db/flush.c:12 flush_start, thread 1234569 flush, 2.0s ago'
check list_marks_nothing_of_one_that_runs eval '! sed -n "/^database/,\$p" "$work/shown" | grep "^>"'
check list_from_stdin_is_the_same eval '"$ctl" -f - list <"$list" | cmp - "$work/shown"'
check source_may_stand_behind_the_command eval '"$ctl" list --file "$list" | cmp - "$work/shown"'
check dump_is_byte_for_byte eval 'from_list dump | cmp - "$list"'
check dump_from_stdin_is_byte_for_byte eval '"$ctl" dump -f - <"$list" | cmp - "$list"'
check empty_list_has_no_stopper eval '[ "$("$ctl" -f "$work/empty" list)" = "No stoppers." ]'
check help_of_each_command eval 'for c in "" list top wait stop metrics dump trace; do
	"$ctl" $c --help | grep -q "^Usage: stopperctl" || exit; done'
check version_is_told eval '"$ctl" --version | grep -qE "^stopperctl [0-9]+\.[0-9]+\.[0-9]+$"'

json='.version == 1 and (.stoppers | length) == 4 and .stoppers[0].name == "web" and
	.stoppers[0].phase_seconds == 1.002 and .stoppers[0].stop_asked.line == 180 and
	.stoppers[0].stop_asked.cause == "disk \"sda\" full" and .stoppers[0].stop_asked.error == -28 and
	.stoppers[3].stop_asked.cause == null and
	.stoppers[1].stop_asked == null and .stoppers[1].paused.seconds_ago == 61 and
	.stoppers[1].nested == 3 and .stoppers[0].nested == 0 and
	.stoppers[0].paused == null and .stoppers[0].semaphores == [] and
	(.stoppers[1].semaphores[0] | .name == "disk slots" and .held == 12 and .first.tid == 1234580) and .stoppers[3].parent.name == "main" and
	.stoppers[3].name == "child \"a\\b\"" and
	(.stoppers[0].groups[0] | .kind == "task" and .count == 3 and .oldest_seconds == 4.201 and
	 .queued == 1 and .threads[0].wchan == "ep_poll" and .threads[1].state == "gone")'
if command -v jq >/dev/null; then
	check json_says_what_the_text_says eval 'from_list list --json | jq -e "$json"'
	check json_of_an_empty_list eval '"$ctl" -f "$work/empty" list --json |
		jq -e ".stoppers == [] and .tasks_more == 0"'
else
	skip json_says_what_the_text_says "no jq"
	skip json_of_an_empty_list "no jq"
fi

# Completion.

completes() {
	local wanted=$1
	shift
	set -- "$(PATH=${ctl%/*}:$PATH bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		_stopperctl; echo "${COMPREPLY[*]}"' "$top/user/stopperctl/completion.bash" "$@")"
	[ "$1" = "$wanted" ] || { echo "$1"; return 1; }
}
check completion_of_commands completes "list" stopperctl -f x l
check completion_of_options completes "--delay" stopperctl top --d
check completion_of_names_to_stop completes "web" stopperctl stop w
check completion_of_names completes "database main web" stopperctl -f "$list" wait ""

# stop, on a folder like that of the kernel. Its files do not end, so each stop times out.

refused stop_of_no_stopper 4 "no stopper 'web2' in $STOPPER_CONTROL \(already stopped" stop web2
refused stop_of_a_shared_name 1 "'two' is the name of 2 stoppers; give an id: [23] [23]$" stop two
refused stop_without_a_name 1 "stop: expected exactly one NAME" stop -g 1
refused stop_with_a_bad_grace 1 "-g '1x': expected seconds" stop -g 1x web
refused stop_of_a_process 1 "only stoppers of the kernel" -p 1 stop web
check stop_writes_and_waits_for_the_grace eval '! "$ctl" stop --grace 0.1s web >"$work/stop" 2>&1 &&
	grep -q "^web (1): running, 3 tasks$" "$work/stop" && [ "$(cat "$STOPPER_CONTROL/1/stop")" = "stopperctl stop" ]'
check stop_by_id eval '! "$ctl" stop -g 0.1 -c upgrade 2 >/dev/null 2>&1 &&
	[ "$(cat "$STOPPER_CONTROL/2/stop")" = upgrade ]'
check stop_stops_no_other eval '[ ! -s "$STOPPER_CONTROL/3/stop" ]'
if command -v systemd-analyze >/dev/null; then
	sed "s,=stopperctl,=$ctl," "$top/kmod/samples/stopper-httpd.service" >"$work/stopper-httpd.service"
	check unit_of_the_sample systemd-analyze verify --man=no "$work/stopper-httpd.service"
else
	skip unit_of_the_sample "no systemd-analyze"
fi

# Hostile input: never a byte that steers a terminal, never a line without end.

check hostile_names_are_tame_in_list hostile list
check hostile_names_are_tame_in_wait hostile wait -t 0.2 2
check hostile_arguments_are_tame hostile wait $'\033[31mx'
check hostile_file_names_are_tame eval '"$ctl" -f $'"'"'\033[31mx'"'"' list 2>"$work/tame"; harmless "$work/tame"'

check list_of_100000_lines eval '[ "$("$ctl" -f "$work/huge" list | grep -c "^s[0-9]* (")" = 20000 ]'
# Every way not to get a list: the status, and one sentence that says what to do.

refused no_command 1 "missing command"
refused unknown_command 1 "unknown command 'frob'" frob
refused unknown_option 1 "unrecognized option" --frob
refused unknown_option_of_a_command 1 "unrecognized option" list --frob
refused unknown_option_of_trace 1 "unrecognized option '--frob'" trace --frob
refused two_sources 1 "expected at most one of -f, -u, -s and -p" -f x -p 1 list
refused operand_that_is_none 1 "list: unexpected operand 'x'" list x
refused wait_without_a_name 1 "wait: expected exactly one NAME" wait
refused wait_on_stdin 1 "wait: cannot read standard input twice" -f - wait web
refused top_on_stdin 1 "top: cannot read standard input twice" -f - top
refused wait_with_a_bad_limit 1 "-t 'nan': expected seconds" wait -t nan web
refused pid_that_is_none 1 "-p 'x': expected a process id" -p x list
refused file_that_is_not_there 2 "cannot read $work/none: No such file" -f "$work/none" list
refused file_that_is_a_folder 2 "cannot read $work: Is a directory" -f "$work" list
refused file_that_is_no_list 2 "/etc/passwd is not a debug list \(line 1\)" -f /etc/passwd list
cat >"$work/recording" <<'END'
          worker-12      [001] ..... 1.000001: worker_start: id=1 file=w.c line=10 span=c58664dc05ff9f0b parent=0000000000000000 trace=eeb12c8c436446a35625f22c6430ddaf name=accept
          worker-12      [001] ..... 1.500001: worker_end: id=1 span=c58664dc05ff9f0b name=accept
END
check trace_makes_json_of_a_recording eval '"$ctl" trace "$work/recording" |
	jq -e "[.traceEvents[] | select(.name == \"accept\" and (.ph == \"B\" or .ph == \"E\"))] | length > 0"'
refused trace_of_what_is_no_recording 2 "no stopper events in /etc/passwd" trace /etc/passwd
refused trace_of_two_recordings 1 "trace: unexpected operand 'b'" trace a b
refused dump_of_what_is_no_list 2 "/etc/passwd is not a debug list \(line 1\)" -f /etc/passwd dump
refused file_without_end 2 "longer than 256 MiB" -f /dev/zero list
refused connection_refused 2 "cannot connect to .*:1: Connection refused \(does a process serve" -u http://127.0.0.1:1 list
refused address_that_is_none 2 "'http://a b' is not an HTTP address" -u "http://a b" list
refused address_of_another_kind 2 "'ftp://127.0.0.1' is not an HTTP address" -u ftp://127.0.0.1 list
refused socket_that_is_not_there 2 "cannot connect to $work/none: No such file .*\(does a process serve" -s "$work/none" list
refused socket_with_too_long_a_path 2 "too long \(at most 107 bytes\)" -s "/$(printf %0200d 0)" list
refused process_that_is_not_there 2 "no process 1073741824" -p 1073741824 list
refused process_without_an_offer 2 "process $$ serves no list \(it can: stopper_http_serve" -p $$ list
mkdir "$work/dir" "$work/private"
STOPPER_DEBUGFS=$work/dir refused debugfs_is_not_mounted 2 "mount -t debugfs none " list
STOPPER_DEBUGFS=$work/none refused no_debugfs_here 2 "use -p, -u, -s or -f" list
STOPPER_DEBUGFS=$work/dir refused wait_without_debugfs 2 "cannot read .*/stopper: .*not mounted" wait database
check wait_without_debugfs_for_one_in_sysfs eval 'STOPPER_DEBUGFS=$work/dir "$ctl" wait -t 0.1 web >"$work/wait" 2>&1;
	[ $? = 3 ] && grep -q "^web (1): running, 3 tasks$" "$work/wait"'
STOPPER_DEBUGFS=$work/dir refused top_without_debugfs 2 "cannot read .*/stopper: .*not mounted" top
cp "$list" "$work/dir/stopper"
check kernel_file_is_the_default eval 'STOPPER_DEBUGFS=$work/dir "$ctl" list | cmp - "$work/shown"'
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$work"
	chmod 700 "$work/private"
	cp "$ctl" "$work/ctl"
	ctl=$work/ctl run_as="setpriv --reuid=65534 --clear-groups" STOPPER_DEBUGFS=$work/private \
		refused only_root_may_read_it 2 "cannot read .*/stopper: Permission denied \(are you root\?\)" list
else
	skip only_root_may_read_it "needs root and setpriv"
fi
if unshare -m mount -t debugfs none "$work/private" 2>/dev/null && [ ! -e /sys/module/stopper ]; then
	run_as='unshare -m sh -c '\''mount -t debugfs none "$STOPPER_DEBUGFS" && exec "$0" "$@"'\'
	not_loaded() { eval "STOPPER_DEBUGFS=$work/private $run_as $ctl list" 2>&1; [ $? = 2 ]; }
	check module_is_not_loaded eval 'not_loaded | grep -q "module not loaded. modprobe stopper"'
	run_as=
else
	skip module_is_not_loaded "debugfs cannot be mounted, or the module is loaded"
fi

# Ends of pipes, full disks.

head_of_list() {
	"$ctl" -f "$work/huge" list 2>"$work/stderr" | head -n 1 >/dev/null
	[ ! -s "$work/stderr" ]
}
check reader_that_leaves_is_no_failure head_of_list
check reader_that_leaves_where_sigpipe_is_ignored eval '(trap "" PIPE; head_of_list)'
full() { from_list list >/dev/full 2>"$work/stderr"; [ $? = 1 ] && grep -q "cannot write to standard output: No space" "$work/stderr"; }
check full_disk full

# A live process.

# ended NAME STATUS: the job ends, and with this status.
gone() { ! kill -0 $job 2>/dev/null; }
ended() {
	local got
	until_true gone || kill -KILL $job
	wait $job 2>/dev/null
	got=$?
	[ $got = "$2" ] && ok "$1" || not_ok "$1" "status $got, not $2: $(cat "$work/stdout" "$work/stderr")"
}
# $job
in_background() { : >"$work/stdout"; "$ctl" "$@" >"$work/stdout" 2>"$work/stderr" & job=$!; }
said() { until_true grep -q "$1" "$work/stdout"; }

start_target
socket=$work/stopper-$pid.sock
seen() { "$ctl" "$@" list >"$work/tame" 2>&1; in_order "$work/tame" 'web (1): running' 'request' && harmless "$work/tame"; }
check process_by_its_pid seen -p "$pid"
check process_by_its_address seen -u "http://127.0.0.1:$port"
check process_by_its_address_and_path seen -u "http://127.0.0.1:$port/debug/stopper"
check process_by_its_address_in_short seen -u "127.0.0.1:$port"
check process_by_its_socket seen -s "$socket"
check proxies_are_not_asked eval 'http_proxy=http://127.0.0.1:1 seen -u "http://127.0.0.1:$port"'
refused path_that_is_none 2 "HTTP status 404 \(the list is usually at" -u "http://127.0.0.1:$port/x" list
ln -s "$socket" "$work/stopper-$$.sock"
refused socket_of_another_process 2 "serves no list" -p $$ list
check names_are_escaped eval '"$ctl" -p "$pid" list | grep -q "x1b\[31mred.nforged (3): running"'

refused stacks_of_a_file 1 "list: --stacks needs a process" -f "$list" list --stacks
stacks_name_function_and_line() {
	local line
	line=$(grep -n 'stopper_wait(&worker_end' "$here/user_stopperctl_target.c" 2>/dev/null | cut -d: -f1)
	"$ctl" -p "$pid" list --stacks >"$work/stacks" 2>&1
	in_order "$work/stacks" '1  worker  accept' "in accept_worker at " "stopper_wait" "accept_worker at " || return
	grep -q "accept sleeping in accept_worker at .*user_stopperctl_target.c:${line:-[0-9]*}\$" "$work/stacks" ||
		{ cat "$work/stacks"; return 1; }
}
if "$ctl" -p "$pid" list --stacks 2>&1 | grep -q 'built without libdw'; then
	for name in stacks_name_function_and_line stacks_in_json stacks_that_are_not_permitted; do
		skip $name "stopperctl was built without libdw (package libdw-dev)"
	done
elif "$ctl" -p "$pid" list --stacks 2>&1 | grep -q 'ptrace is not permitted'; then
	for name in stacks_name_function_and_line stacks_in_json stacks_that_are_not_permitted; do
		skip $name "ptrace is not permitted here"
	done
else
	check stacks_name_function_and_line stacks_name_function_and_line
	check stacks_in_json eval '"$ctl" -p "$pid" list --json --stacks | grep -q "\"wchan\":\"accept_worker at [^\"]*\",\"stack\":\["'
	tell hide
	if command -v setpriv >/dev/null && setpriv --inh-caps=-sys_ptrace --bounding-set=-sys_ptrace true 2>/dev/null; then
		run_as="setpriv --inh-caps=-sys_ptrace --bounding-set=-sys_ptrace"
		refused stacks_that_are_not_permitted 2 "ptrace is not permitted \(run as root, or" -p "$pid" list --stacks
		run_as=
	else
		refused stacks_that_are_not_permitted 2 "ptrace is not permitted \(run as root, or" -p "$pid" list --stacks
	fi
fi

refused wait_for_nobody 4 "no stopper 'nobody' in process $pid" -p "$pid" wait nobody
limit() {
	"$ctl" -p "$pid" wait -d 0.05 -t 0.3 web >"$work/stdout" 2>"$work/stderr"
	[ $? = 3 ] && grep -q 'timed out after 0.3s; last seen: web (1): running' "$work/stderr" &&
		[ "$(wc -l <"$work/stdout")" = 1 ]
}
check wait_ends_with_its_limit limit
mkfifo "$work/fifo"
sleep 600 >"$work/fifo" &
holder=$!
hangs() { "$ctl" -f "$work/fifo" wait -t 0.3 web; [ $? = 3 ]; }
check wait_ends_with_its_limit_when_the_source_hangs hangs
kill $holder

in_background -p "$pid" wait -d 0.05 web
phases() {
	said '^web (1): running.*no stop requested' || return
	tell stop
	said '^web (1): quiescing for .*, waits for 1 task: request ' || return
	tell task
	said '^web (1): stopping for .*, waits for 1 worker: accept ' || return
	tell worker
	said '^web (1): closing for .*, waits for 1 closer: flush ' || return
	tell closer
	said '^web: stopped after '
}
check wait_tells_phase_by_phase phases
ended wait_ends_with_0 0
check wait_says_only_what_has_changed [ "$(uniq "$work/stdout" | wc -l)" -le 8 ]
refused wait_for_one_that_has_stopped 4 "already stopped\? --start waits" -p "$pid" wait web
tell again
check wait_takes_a_number_for_an_id eval '"$ctl" -p "$pid" wait -t 0.2 4; [ $? = 3 ]'

in_background -p "$pid" wait -d 0.05 idle
said '^idle (2)'
kill -INT $job
ended wait_ends_by_sigint 130
in_background -p "$pid" wait -d 0.05 idle
said '^idle (2)'
kill -TERM $job
ended wait_ends_by_sigterm 143
in_background -s "$socket" wait -d 0.05 idle
said '^idle (2)'
end_target
ended wait_has_a_status_for_a_source_that_goes 5
check wait_says_that_it_does_not_know grep -q "disappeared before 'idle' was seen to stop: outcome unknown" "$work/stderr"
refused process_that_has_gone 2 "no process $pid" -p "$pid" list

in_background -f "$work/later" wait --start -d 0.05 web
said '^retrying: '
put "$work/empty" "$work/later"
said '^not listed yet'
put "$list" "$work/later"
said '^web (1): quiescing'
sed 's/^stopper 1 "web"/stopper 5 "web"/' "$list" >"$work/other"
put "$work/other" "$work/later"
ended wait_for_the_start_and_then_for_the_end 0
in_background -f "$work/later" wait -d 0.05 web
said '^web (5)'
sed 's/^\(stopper 5 .*\)age 7.500s/\1age 0.100s/' "$work/other" >"$work/younger"
put "$work/younger" "$work/later"
ended wait_tells_another_process_by_its_age 5
{ cat "$list"; sed 's/^stopper \([0-9]*\)/stopper 1\1/' "$list"; } >"$work/double"
put "$work/double" "$work/later"
in_background -f "$work/later" wait -d 0.05 web
said '^2 stoppers with this name; web'
put "$list" "$work/later"
said '^web (1)'
put "$work/empty" "$work/later"
ended wait_for_all_of_a_name 0

finish
