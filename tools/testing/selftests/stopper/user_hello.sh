#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_hello.sh: the example hello answers every request that it has begun when SIGTERM comes, and its unit is
# valid.

. "$(dirname "$0")/user_lib.sh"
server=
at_end() { kill -KILL $server 2>/dev/null; rm -rf "$work"; }

# How many requests of GET /slow run.
asleep() { cat /proc/$server/task/*/wchan 2>/dev/null | grep -o 'nanosleep' | wc -l; }

# Status 4: they could not be seen running at the same time.
no_request_is_lost() {
	local port clients=() client lost=0
	# A free port: another try if it was taken meanwhile.
	for ((port = 20000 + RANDOM % 20000; ; port++)); do
		"$lib/hello" $port 2>"$work/log" &
		server=$!
		until curl -s -o /dev/null "localhost:$port/"; do
			kill -0 $server 2>/dev/null || continue 2
		done
		break
	done
	for ((client = 0; client < 4; client++)); do
		curl -sS -o /dev/null -w '%{http_code}\n' "localhost:$port/slow" >"$work/code$client" \
			2>>"$work/log" & clients+=($!)
	done
	# Until all are in their two seconds.
	until [ "$(asleep)" = 4 ]; do
		kill -0 "${clients[0]}" 2>/dev/null || return 4
	done
	kill -TERM $server
	wait "${clients[@]}"
	wait $server
	client=$?
	server=
	cat "$work"/code* >>"$work/log"
	lost=$(grep -cvx 200 "$work"/code* | awk -F: '{ n += $2 } END { print n }')
	[ "$client" = 0 ] && [ "$lost" = 0 ]
}

begin 2
if ! command -v curl >/dev/null; then
	skip no_request_is_lost "no curl"
elif ! make -s -C "$top/user/examples" OUT="$lib" "$lib/hello" >"$work/log" 2>&1; then
	result 1 no_request_is_lost
else
	no_request_is_lost
	ended=$?
	if [ $ended = 4 ]; then
		skip no_request_is_lost "four requests were not seen at once: a slow machine, or no wchan"
	else
		result $ended no_request_is_lost
	fi
fi
if command -v systemd-analyze >/dev/null; then
	sed "s,/usr/local/bin/hello,$(command -v true)," "$top/user/examples/hello.service" >"$work/hello.service"
	check unit_is_valid systemd-analyze verify "$work/hello.service"
else
	skip unit_is_valid "no systemd-analyze"
fi
finish
