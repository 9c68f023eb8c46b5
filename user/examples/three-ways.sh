#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# three-ways.sh: one server under one load, stopped in three ways, as a table and as a picture (make demo-picture).
#
#   kill       SIGKILL
#   shutdown   the program's own: SIGTERM, MHD_stop_daemon(), exit
#   stopper    SIGTERM, stopper_main()
#
# The load: wrk on 32 connections, and 8 requests of curl that take three seconds. The server is stopped when all
# 8 are being answered. Only the clients count. A request is answered (200, complete), refused (503), or lost: cut
# short, reset, closed without an answer. What they try to send after the server has gone is not counted.
#
# Writes three-ways.txt, .svg and .html to build/demo. SERVER=path of the server, OUT=folder.

. "${BASH_SOURCE[0]%/*}/../../tools/testing/lib/ui.sh"

examples=$top/user/examples
server=${SERVER:-$build/user/demo_server}
ctl=${STOPPERCTL:-$build/user/stopperctl}
out=${OUT:-$build/demo}
load_time=6	# seconds of wrk's load
nr_slow=8
jobs=()

for tool in "$server" "$ctl"; do
	[ -x "$tool" ] || die "no $tool: run 'make lib' first"
done
for tool in wrk curl gnuplot; do
	command -v "$tool" >/dev/null || die "$tool is not installed"
done
scratch work
[ -d "$work" ] || exit
export XDG_RUNTIME_DIR=$work
mkdir -p "$out" || exit

end_jobs() {
	local pid
	for pid in "${jobs[@]}"; do kill -KILL "$pid" 2>/dev/null; done
	wait 2>/dev/null
}
at_exit end_jobs

# until_true WHAT COMMAND...: polled for half a minute at most.
until_true() {
	local i what=$1
	shift
	for ((i = 0; i < 600; i++)); do
		"$@" && return
		sleep 0.05
	done
	die "$what: not within 30 s"
}

listens() { grep -q '^port ' "$work/out"; }
all_slow_begun() { [ "$(grep -c '^slow$' "$work/out")" -ge $nr_slow ]; }
list_says_quiescing() { "$ctl" -p "$1" list >"$work/list" 2>&1 && grep -q ': quiescing for ' "$work/list"; }
# NAME=N on the last line of wrk's output
field() { sed -n "s/.*\<$1=\([0-9]*\).*/\1/p" "$work/wrk" | tail -n 1; }

# One line for each: its exit code and status.
slow_clients() {
	local i
	for ((i = 0; i < nr_slow; i++)); do
		curl -s --max-time 30 -o /dev/null -w '%{exitcode} %{http_code}\n' "$url/slow" >>"$work/curl" &
		jobs+=($!)
	done
}

# stop_under_load WAY MODE SIGNAL: adds a line "WAY ANSWERED REFUSED LOST SECONDS" to $work/table.
stop_under_load() {
	local way=$1 begin end sent answered refused pid
	: >"$work/out"
	: >"$work/curl"
	"$server" "$2" >"$work/out" 2>"$work/err" &
	pid=$!
	jobs=($pid)
	until_true "the server listens" listens
	url=http://127.0.0.1:$(sed -n 's/^port //p' "$work/out")
	wrk -t 1 -c 32 -d ${load_time}s -s "$examples/demo.lua" "$url/" >"$work/wrk" 2>&1 &
	jobs+=($!)
	slow_clients
	until_true "the slow requests begin" all_slow_begun
	begin=$EPOCHREALTIME
	kill "-$3" "$pid"
	[ "$way" != stopper ] || until_true "the stop begins" list_says_quiescing "$pid"
	wait "$pid" 2>/dev/null
	end=$EPOCHREALTIME
	wait
	jobs=()
	sent=$(($(field sent) + nr_slow))
	answered=$(($(field answered) + $(grep -cx '0 200' "$work/curl")))
	refused=$(($(field refused) + $(grep -cx '0 503' "$work/curl")))
	awk -v way="$way" -v a=$answered -v r=$refused -v l=$((sent - answered - refused)) -v b="$begin" -v e="$end" \
		'BEGIN { printf "%s %d %d %d %.1f\n", way, a, r, l, e - b }' >>"$work/table"
}

text() {
	awk 'BEGIN { printf "  %-10s %10s %9s %7s %9s\n", "", "answered", "refused", "lost", "seconds" }
		{ printf "  %-10s %10d %9d %7d %9s\n", $1, $2, $3, $4, $5 }' "$work/table"
	printf '\nWhat the stopper waited for, by stopperctl list:\n\n'
	sed 's/^/  /' "$work/list"
}

picture() {
	gnuplot <<-END
		set terminal svg size 760,300 font "sans-serif,14" background "#ffffff"
		set output "$out/three-ways.svg"
		set multiplot layout 1,2 title "The same load, stopped in three ways" font ",16"
		set style fill solid
		set boxwidth 0.6
		set border 3
		set tics nomirror
		unset key
		set xrange [-0.6:2.6]
		set yrange [0:*]
		set offsets 0, 0, graph 0.15, 0
		colour(n) = n == 0 ? 0xc0392b : n == 1 ? 0xe08e0b : 0x1e8449
		set title "requests lost"
		plot "$work/table" using 0:4:(colour(\$0)):xtic(1) with boxes lc rgb variable, \
			"" using 0:4:4 with labels offset 0,0.8
		set title "seconds until the process has ended"
		plot "$work/table" using 0:5:(colour(\$0)):xtic(1) with boxes lc rgb variable, \
			"" using 0:5:5 with labels offset 0,0.8
	END
}

escaped() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }

page() {
	cat <<-END
		<!DOCTYPE html>
		<html lang="en"><meta charset="utf-8"><title>Stopped in three ways</title>
		<style>body { font: 16px sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em }
		pre { background: #f4f4f4; padding: 1em; overflow-x: auto } svg { max-width: 100%; height: auto }</style>
		$(sed -n '/<svg/,$p' "$out/three-ways.svg")
		<pre>$(escaped <"$out/three-ways.txt")</pre>
		</html>
	END
}

note "One server under one load, stopped in three ways"
stop_under_load kill plain KILL
stop_under_load shutdown plain TERM
stop_under_load stopper stopper TERM
text >"$out/three-ways.txt"
picture || die "gnuplot failed"
page >"$out/three-ways.html"
cat "$out/three-ways.txt" >&"$ui_fd"
note ""
note "The picture: $out/three-ways.html"
read -r _ _ _ lost _ < <(grep '^stopper ' "$work/table")
[ "$lost" = 0 ] || die "the stopper lost $lost requests"
