#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# demo.sh: stops the example server in the middle of real load (make demo-user).
#
#   1  wrk and curl request files, some slowly. SIGTERM: all admitted requests are answered
#   2  a slow client, SIGTERM, --grace 1s: the cancelled request is named
#   3  a slow client, SIGTERM, SIGINT: the same, at once
#
# How scene 1 compares server and clients. The server counts requests by the stopper's decision:
# admitted (begun) or refused, and of those admitted the ones whose last byte was sent (answered).
# The clients do not know these counts. They count the result of each request:
#
#   sent       written to an established connection
#   answered   200, complete; curl's files are compared byte for byte
#   refused    503: read by the server, but not admitted
#   lost       all other sent ones: cut short, reset, closed without an answer, any other status
#
# The counts must agree exactly: sent = begun + refused, answered = answered, refused = refused,
# and lost = 0 on both sides. There are no exceptions: the server must also have seen no client
# disconnect (aborted) and no bytes arrive while it closed a connection (late). Connections that
# a client tries to open after the server has exited carry no request and are not counted.
#
# HTTPD=path of the server, default build/user/httpd.

. "${BASH_SOURCE[0]%/*}/../../tools/testing/lib/ui.sh"

examples=$top/user/examples
httpd=${HTTPD:-$build/user/httpd}
load_time=6	# seconds of wrk's load
list_after=0.7	# seconds of load, then the debug list
stop_after=1	# seconds more, then SIGTERM
failed=0
jobs=()

[ -x "$httpd" ] || die "no $httpd: run 'make lib' first"
for tool in wrk curl cmp; do
	command -v "$tool" >/dev/null || die "$tool is not installed"
done
scratch work
[ -d "$work" ] || exit

end_jobs() {
	local pid
	for pid in "${jobs[@]}"; do
		kill -KILL -- "-$pid" 2>/dev/null
	done
	wait 2>/dev/null
}
at_exit end_jobs

# Runs a job in its own process group, so that end_jobs ends its children too.
background() {
	set -m
	"$@" </dev/null &
	jobs+=($!)
	set +m
}

# finish PID SECONDS: waits for a job, at most so long. Returns its status.
finish() {
	local i
	for ((i = $2 * 20; i > 0; i--)); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	[ "$i" != 0 ] || { show; die "process $1 did not end within $2 s"; }
	wait "$1"
}

serve() { exec "$httpd" --port 0 "$@" "$work/www" >"$work/out" 2>"$work/err"; }

start_server() {
	local i
	: >"$work/out"
	background serve "$@"
	server=${jobs[-1]}
	for ((i = 0; i < 100; i++)); do
		url=$(sed -n 's,.*listening on \(http://.*\)/$,\1,p' "$work/out")
		[ -z "$url" ] || return 0
		kill -0 "$server" 2>/dev/null || break
		sleep 0.05
	done
	cat "$work/err" >&2
	die "the server did not start"
}

show() { sed '1d; s/^/    /' "$work/out"; }

check() {
	if [ "$2" = "$3" ]; then return; fi
	note "  FAILED: $1: got $2, expected $3"
	failed=1
}

# NAME=N on a line of FILE
field() { sed -n "s/.*\<$1=\([0-9]*\).*/\1/p" "$2" | tail -n 1; }

make_files() {
	mkdir "$work/www"
	head -c 2000 /dev/urandom | base64 >"$work/www/small.txt"
	head -c 3000000 /dev/urandom >"$work/www/big.bin"
	# at 8 MB/s this one is still being sent at SIGTERM
	head -c 32M /dev/urandom >"$work/www/slow.bin"
	# larger than any socket buffer
	truncate -s 256M "$work/www/huge.bin"
}

# Scene 1

wrk_load() {
	exec wrk -t 1 -c 48 -d ${load_time}s -s "$examples/demo.lua" "$url/small.txt" \
		>"$work/wrk" 2>&1
}

# curl_round NAME RATE FILE...: requests these on one connection. Writes a line such as "0 200"
# for each that was sent. False: the server no longer listens.
curl_round() {
	local got=$work/curl.$1 rate=$2 args=() code status file
	shift 2
	for file; do
		args+=(-o "$got.$file" "$url/$file")
	done
	curl -s --max-time 15 --limit-rate "$rate" -w '%{exitcode} %{http_code}\n' "${args[@]}" \
		>"$got.round"
	for file; do
		read -r code status || return
		[ "$code" != 7 ] || return	# no connection: nothing was sent
		[ "$code $status" != "0 200" ] ||
			cmp -s "$work/www/$file" "$got.$file" || status=damaged
		echo "$code $status" >>"$got"
	done <"$got.round"
}

curl_load() { while curl_round "$1" 1G small.txt big.bin; do :; done; }

count_curl() { cat "$work"/curl.? | grep -c -x -e "$1"; }

add_up_clients() {
	local curl_sent
	curl_sent=$(count_curl '.*')
	c_answered=$(($(field answered "$work/wrk") + $(count_curl '0 200')))
	c_refused=$(($(field refused "$work/wrk") + $(count_curl '0 503')))
	c_sent=$(($(field sent "$work/wrk") + curl_sent))
	c_lost=$((c_sent - c_answered - c_refused))
	note "  wrk sent $(field sent "$work/wrk") requests on 48 connections," \
		"curl $curl_sent on many"
}

row() { printf '  %-9s %10s %10s %10s %10s\n' "$@" >&"$ui_fd"; }

table() {
	row '' begun answered refused lost
	row server "$(field begun "$work/out")" "$(field answered "$work/out")" \
		"$(field refused "$work/out")" "$(field lost "$work/out")"
	row clients $((c_sent - c_refused)) "$c_answered" "$c_refused" "$c_lost"
}

check_both_sides() {
	check "exit status" "$1" 0
	check "begun, clients' count" $((c_sent - c_refused)) "$(field begun "$work/out")"
	check "answered, clients' count" "$c_answered" "$(field answered "$work/out")"
	check "refused, clients' count" "$c_refused" "$(field refused "$work/out")"
	check "lost, clients' count" "$c_lost" 0
	for name in lost aborted cut late; do
		check "$name, server's count" "$(field $name "$work/out")" 0
	done
	[ "$c_answered" -gt 100 ] || check "load: requests answered" "$c_answered" "many"
}

stop_under_load() {
	local client seen status=0
	note "1. Stopped under load"
	start_server --threads 2
	background wrk_load
	background curl_load 1
	background curl_load 2
	background curl_round 3 8M slow.bin
	background curl_round 4 8M slow.bin

	# The age of a task counts from the first list that shows it, so print one before.
	sleep 0.5
	kill -USR1 "$server"
	sleep $list_after
	note "  the debug list in the middle of the load (SIGUSR1):"
	seen=$(wc -l <"$work/err")
	kill -USR1 "$server"
	sleep 0.1
	tail -n +$((seen + 1)) "$work/err" | head -n 16 | sed 's/^/    /'

	sleep $stop_after
	note "  SIGTERM:"
	kill -0 "${jobs[1]}" || check "wrk, at SIGTERM" "ended" "running"
	kill -TERM "$server"
	finish "$server" 15 || status=$?
	show
	for client in "${jobs[@]:1}"; do
		finish "$client" 15
	done
	add_up_clients
	table
	check_both_sides $status
}

# Scenes 2 and 3

slow_client() { exec curl -s --limit-rate 8M --max-time 20 -o /dev/null "$url/huge.bin"; }

# cut_off STATUS SIGNAL...: half a second between the signals
cut_off() {
	local expected=$1 status=0 code=0 client begin end
	shift
	background slow_client
	client=${jobs[-1]}
	sleep 0.5
	begin=$EPOCHREALTIME
	kill "-$1" "$server"
	if [ $# -gt 1 ]; then
		sleep 0.5
		kill "-$2" "$server"
	fi
	finish "$server" 5 || status=$?
	end=$EPOCHREALTIME
	finish "$client" 15 || code=$?
	show
	awk -v a="$begin" -v b="$end" -v s=$status -v c=$code 'BEGIN {
		printf "  over in %.1f s, status %d; curl got a part (status %d)\n", b - a, s, c
	}' >&"$ui_fd"
	check "exit status" $status "$expected"
	check "curl's exit status" $code 18
	check "begun" "$(field begun "$work/out")" 1
	check "cut" "$(field cut "$work/out")" 1
	grep -q '1 x httpd: request' "$work/out" || check "the task that was cut off" unnamed named
}

make_files
stop_under_load
note ""
note "2. A slow client, SIGTERM, and a grace of one second"
start_server --grace 1s
cut_off 3 TERM
note ""
note "3. A slow client, SIGTERM, and half a second later SIGINT"
start_server --grace 10s
cut_off 130 TERM INT
note ""
[ "$failed" = 0 ] || die "the demo failed"
note "Every admitted request was answered, except those that were cancelled on purpose."
