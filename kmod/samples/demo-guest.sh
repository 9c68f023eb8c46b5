#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# demo-guest.sh [MS]: run by demo.sh in the guest, under busybox. rmmod may take at most MS milliseconds.
#
# Real clients send requests to stopper_httpd: wrk (16 connections, at full speed), curl (responses that
# take 200 ms), wget (256 KiB each), and an idle connection held by nc. There are fewer slots (limit=) than
# clients, so some always wait in the backlog. The module is unloaded under this load, with two difficult
# clients: one has sent half a request and sends the other half while rmmod waits, and one reads its 4 MiB
# so slowly that TCP delivers the last bytes after the module was unloaded.
#
# Comparison of the two sides. Each client counts
#
#   begun      requests sent, including those to a closed port
#   answered   complete responses with any status but 503
#   refused    a 503, or no byte of a response
#   cut        an incomplete response
#
# and the server counts
#
#   begun      requests of which it has read the first byte
#   answered   responses whose last byte it has passed to TCP
#   refused    connections and requests that it refused with a 503
#   aborted    the client disconnected
#
# If no byte comes back, a client cannot tell a refused request from a lost one. But the server counts the
# requests that it has begun, and it has no other clients. So for the clients
#
#   lost = begun by the server - answered as counted by the clients
#
# which is 0 if every request that was begun was answered, and every response arrived complete. The sums
# hide nothing, as the clients cannot have more responses than the server sent. Clients may count more
# refusals than the server, because after the listener is closed TCP refuses them.

url=http://127.0.0.1:8080
module=stopper_httpd
tmp=/tmp/demo
mkdir -p $tmp
problems=0

problem() { echo "PROBLEM: $*"; problems=$((problems + 1)); }
title() { echo; echo "--- $*"; }
uptime_ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }

# One line for each request: CLIENT answered|refused|cut
record() { echo "$1 $2" >>$tmp/requests; }

# --- clients -----------------------------------------------------------------------------------------

# %{size_header} is the number of header bytes received, so 0 means that nothing arrived.
curl_once() {
	local out status header
	out=$(curl -s -o "${page:-/dev/null}" -w '%{exitcode} %{http_code} %{size_header}' "$@")
	read -r status code header <<-END
		$out
	END
	if [ "$status" = 0 ] && [ "$code" != 503 ]; then
		record curl answered
	elif [ "$code" = 503 ] || [ "$header" = 0 ]; then
		record curl refused
	else
		record curl cut
	fi
	return "$status"
}

# 7: connection refused: the server has ended.
curl_client() {
	while :; do
		curl_once "$url/slow?ms=200"
		[ $? != 7 ] || return
	done
}

wget_once() {
	if wget -q -O $tmp/big.$1 "$url/big?kb=256" 2>$tmp/wget.$1 &&
	   [ "$(wc -c <$tmp/big.$1)" = 262144 ]; then
		record wget answered
		return 0
	fi
	case $(cat $tmp/wget.$1) in
	*" 503 "*|*"can't connect"*|*"error getting response"*)
		record wget refused ;;
	*)	record wget cut ;;
	esac
	! grep -q "can't connect" $tmp/wget.$1
}

wget_client() { while wget_once "$1"; do :; done; }

# A connection that is written piece by piece, when $1_input() decides.
nc_client() {
	local status=refused
	trap '' PIPE
	mkfifo $tmp/$1.in
	nc 127.0.0.1 8080 <$tmp/$1.in >$tmp/$1.out &
	exec 3>$tmp/$1.in
	$1_input >&3
	wait $!
	uptime_ms >$tmp/$1.end
	# On a slow machine the server stops waiting for the second half and sends a 408.
	if grep -qE '^stopper_httpd: |^HTTP/1.1 408 ' $tmp/$1.out; then
		status=answered
	elif [ -s $tmp/$1.out ]; then
		status=cut
	fi
	record $1 $status
}

# A complete request; then the connection stays open until the server closes it.
idle_input() { printf 'GET / HTTP/1.1\r\nHost: demo\r\n\r\n'; }

# The second half is sent half a second after rmmod has started.
half_input() {
	printf 'GET / HTTP/1.1\r\nHo'
	while [ ! -e $tmp/rmmod ]; do sleep 0.1; done
	sleep 0.5
	printf 'st: demo\r\n\r\n'
}

slow_reader() {
	curl_once --limit-rate 300K "$url/big?kb=4096"
	uptime_ms >$tmp/slow.end
}

expect() {
	local want=$1
	shift
	curl_once "$@"
	[ "$code" = "$want" ] || problem "curl $*: $code, not $want"
}

try_pages() {
	expect 200 $url/
	expect 200 -I "$url/big?kb=1"
	expect 200 -H 'Connection: close' $url/stats
	expect 400 "$url/slow?ms=soon"
	expect 400 -H Host: $url/
	expect 404 $url/nothing
	expect 405 -d body $url/
	expect 431 -H "X-Long: $(head -c 5000 /dev/zero | tr '\0' x)" $url/
	echo "200 400 404 405 431: as expected"
}

start_clients() {
	wrk -t 2 -c 16 -d 100 -s /demo/demo-wrk.lua $url/ >$tmp/wrk 2>&1 &
	wrk=$!
	clients=
	for i in 1 2 3; do
		curl_client & clients="$clients $!"
		wget_client $i & clients="$clients $!"
	done
	nc_client idle & clients="$clients $!"
}

# wrk sends requests until it is interrupted; the other clients end when the server has ended.
end_clients() {
	kill -INT $wrk
	wait $wrk
	wait $clients
}

# --- the two sides -----------------------------------------------------------------------------------

row() { printf '%-9s %9s %9s %9s %9s\n' "$@"; }
count() { grep -c "^$1\$" $tmp/requests; }

# Adds to begun, answered, refused and cut.
client_row() {
	local name=$1 a=$2 r=$3 c=$4
	row "$name" $((a + r + c)) "$a" "$r" ''
	begun=$((begun + a + r + c)) answered=$((answered + a))
	refused=$((refused + r)) cut=$((cut + c))
}

client_rows() {
	begun=0 answered=0 refused=0 cut=0
	set -- $(grep '^wrk ' $tmp/wrk)
	[ $# = 4 ] || { cat $tmp/wrk; problem "wrk printed no counts"; }
	client_row wrk "${3:-0}" "${4:-0}" 0
	for name in curl wget idle half; do
		client_row $name "$(count "$name answered")" "$(count "$name refused")" \
			"$(count "$name cut")"
	done
}

# Sets s_begun, s_answered, ... from the line that the module logs at unload.
server_counts() {
	s_begun=0 s_answered=0 s_refused=0 s_lost=-1 s_aborted=0
	eval "$(dmesg | sed -n "s/.*$module: begun=/begun=/p" | tail -n 1 | tr ' ' '\n' |
		sed -n 's/^\([a-z]*=[-0-9]*\)$/s_\1/p')"
}

compare() {
	title "Every request, counted by the clients and by the server"
	row '' begun answered refused lost
	client_rows
	server_counts
	lost=$((s_begun - answered))
	row clients $begun $answered $refused $lost
	row server $s_begun $s_answered $s_refused $s_lost
	[ $lost = 0 ] || problem "the server began $s_begun requests, the clients received $answered responses"
	[ "$s_lost" = 0 ] || problem "the server lost $s_lost"
	[ "$s_aborted" = 0 ] || problem "the server aborted $s_aborted responses"
	[ $cut = 0 ] || problem "$cut responses were incomplete"
	[ $answered -ge 100 ] || problem "only $answered responses: too little load"
}

# Lines of the stopper, and of the kernel about its clocks when the emulator is slow.
expected='^(stopper|clocksource:|hrtimer:|perf:|tsc:|sched_clock:)'

check_log() {
	dmesg | sed 's/^\[[^]]*\] //' >$tmp/log
	title "The kernel log"
	cat $tmp/log
	grep -vE "$expected" $tmp/log >$tmp/alien && problem "unexpected log lines: $(cat $tmp/alien)"
	scan-dmesg $tmp/log || problem "the kernel log has warnings"
}

# --- the demonstration -------------------------------------------------------------------------------

dmesg -c >/dev/null
insmod /demo/stopper.ko || exit 1
insmod /demo/$module.ko limit=22 || exit 1

title "Responses"
try_pages

title "Under load: wrk, curl, wget, an idle client; /sys/kernel/debug/stopper"
start_clients
sleep 3
cat /sys/kernel/debug/stopper || problem "cannot read the debug list"
page=$tmp/stats curl_once $url/stats
echo
echo "/stats: $(tr '\n' ' ' <$tmp/stats)"

nc_client half & clients="$clients $!"
slow_reader & clients="$clients $!"
sleep 1
start=$(uptime_ms)
touch $tmp/rmmod
rmmod $module || problem "rmmod failed"
end=$(uptime_ms)
end_clients
title "rmmod $module under load took $((end - start)) ms (documented: at most 3000, with slow clients)"
[ $((end - start)) -le "${1:-4000}" ] || problem "rmmod took too long"
after() { echo "  $(($(cat $tmp/$1.end) - start)) ms after it began: $2"; }
after idle "the idle connection was closed"
after half "the half request was completed and answered"
after slow "the slow reader had received its 4 MiB"

compare
rmmod stopper || problem "rmmod stopper failed"
[ ! -e /sys/kernel/debug/stopper ] || problem "/sys/kernel/debug/stopper is still there"
check_log

title "$([ $problems = 0 ] && echo "no request was lost" || echo "FAILED: $problems problems")"
[ $problems = 0 ]
