#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# tutorial.sh STEP PROGRAM LOAD: stops the server of this step of Documentation/tutorial.rst in the middle of a load,
# and says what is wrong. LOAD is tools/testing/packages/port/load.

step=$1 program=$2 load=$3
trap 'kill -KILL $server $reader 2>/dev/null' EXIT
server='' reader='' status=0

wrong() { echo "step $step: $*"; status=1; }

# under_load [OPTION...]: each line of its counts is a variable.
under_load() {
	local counts name
	counts=$("$load" "$@" "$program" PORT 2>&1) || { wrong "load $*: $counts"; return 1; }
	echo "load $*: ${counts##*$'\n'}"
	read -r _ begun _ answered _ refused _ lost _ unreachable _ ended <<<"${counts##*$'\n'}"
	[ "$answered" -gt 0 ] && [ "$lost" = 0 ] && [ "$ended" = 0 ] || wrong "load $*: $counts"
}

# SIGTERM is the 15th bit of the mask.
handles_the_signal() { grep -qE '^SigCgt:.*[4-7c-f]...$' /proc/$server/status 2>/dev/null; }

# Starts it on a free port, with its messages in $log.
start() {
	log=$(mktemp)
	for ((port = 20000 + RANDOM % 20000; ; port++)); do
		"$program" $port 2>"$log" &
		server=$!
		until (: >/dev/tcp/127.0.0.1/$port) 2>/dev/null && handles_the_signal; do
			kill -0 $server 2>/dev/null || continue 2
		done
		return
	done
}

# Sends a line; what comes back is for `read -u $conn`.
send() { exec {conn}<>/dev/tcp/127.0.0.1/$port && echo "$1" >&$conn; }

wait_for_exit() {
	wait $server
	ended=$?
	server=
}

# Until a thread of a client is in a request. Without /proc/PID/wchan the lame duck time has to be enough.
until_it_runs() {
	local tries
	for ((tries = 0; tries < 500; tries++)); do
		! cat /proc/$server/task/*/wchan 2>/dev/null | grep -qE 'nanosleep|pause' || return 0
		sleep 0.02
	done
}

slow_request_gives_up() {
	start
	send 600000
	until_it_runs
	kill -TERM $server
	read -r -u $conn line
	exec {conn}>&-
	wait_for_exit
	rm "$log"
	[ "$line/$ended" = "504 out of time/0" ] || wrong "a slow request: answer \"$line\", status $ended"
}

deaf_client_is_left() {
	start
	{ yes 0 >/dev/tcp/127.0.0.1/$port; } 2>/dev/null &
	reader=$!
	send 1 && read -r -u $conn line
	kill -TERM $server
	wait_for_exit
	rm "$log"
	[ "$ended" = 0 ] || wrong "a client that does not read: status $ended"
}

stuck_request_is_named() {
	start
	send stuck
	until_it_runs
	kill -TERM $server
	wait_for_exit
	grep -qxF 'lined: 1 x request, the oldest: "stuck"' "$log" && [ $ended = 1 ] ||
		wrong "a stuck request: status $ended, $(cat "$log")"
	rm "$log"
}

second_signal_ends_it() {
	start
	send stuck
	until_it_runs
	while kill -TERM $server 2>/dev/null; do sleep 0.05; done
	wait_for_exit
	rm "$log"
	[ "$ended" = 143 ] || wrong "a second signal: status $ended"
}

case $step in
1)	under_load -m 10 ;;
2)	under_load -i 1
	[ "$refused" = 8 ] || wrong "$refused clients of 8 got a refusal" ;;
3)	under_load -i 1 -q 4
	under_load -r -q 4
	[ "$unreachable" = 0 ] || wrong "$unreachable unreachable" ;;
4)	under_load -l
	under_load -r ;;
5)	under_load -i 1
	under_load -l
	under_load -r -i 1 -q 4
	[ "$unreachable" = 0 ] || wrong "$unreachable unreachable"
	slow_request_gives_up
	deaf_client_is_left
	stuck_request_is_named
	second_signal_ends_it ;;
*)	wrong "it has no test" ;;
esac
exit $status
