# SPDX-License-Identifier: GPL-2.0 OR MIT
# stopperctl_lib.sh: what the tests of stopperctl share. Sourced by bash.
#
#   $ctl, $target            stopperctl, and a process that it may look at
#   $list, $work/empty, $work/hostile, $work/huge   debug lists: a good one, none, untrusted bytes, 100,000 lines
#   in_order FILE TEXT...    the texts stand in the file in this order, whatever lies between
#   harmless FILE            nothing in it steers a terminal, no line is without end
#   put FILE PATH            at once, as rename does it
#   start_target, tell COMMAND, end_target   the process, $pid

. "$(dirname "$0")/user_lib.sh"
ctl=$lib/stopperctl
asan=$out/lib-asan/stopperctl
target=$out/user_stopperctl_target
unset NO_COLOR COLUMNS STOPPER_DEBUGFS
export LC_ALL=C XDG_RUNTIME_DIR=$work

[ -x "$ctl" ] || skip_all "no $ctl"
[ -x "$target" ] || skip_all "no $target"
at_end() {
	tmux -S "$work/tmux" kill-server 2>/dev/null
	kill $(jobs -p) 2>/dev/null
	rm -rf "$work"
}
# Jobs get process groups, and so their Ctrl-C.
set -m

# In a shell of its own, which may exit.
check() {
	("${@:2}") >"$work/log" 2>&1
	result $? "$1"
}

cat >"$work/list" <<'END'
stopper 1 "web": quiescing for 1.002s, age 7.500s, tasks 4, queued 1, workers 1, closers 2, closed 0, contexts 2, waiters 0
  created at httpd.c:120 main by thread 712 "httpd"
  stop asked at httpd.c:180 main by thread 712 "httpd", 1.002s ago, because "disk \"sda\" full" (-28)
  task 3 "request" at user/examples/conn.c:77 serve, oldest 4.201s
    queued 1
    thread 715 "web" sleeping for 4.201s in ep_poll
      stack ep_poll+0x12/0x30
    thread 716 gone for 1.200s
  task 1 "audit" at user/examples/audit.c:9 audit, oldest 0.500s
    thread 717 for 0.500s
  worker 1 "accept" at httpd.c:140 main, oldest 7.499s
    thread 714 "accept" idle for 7.499s
stopper 2 "database": running for 3723.002s, age 3723.500s, tasks 12, queued 0, workers 4, closers 1, closed 0, contexts 0, waiters 3
  created at db/pool.c:20 pool_open by thread 712 "httpd"
  paused at db/pool.c:90 pool_reload by thread 720 "reload", 61.000s ago
  stop not asked
  failed -28 "flush" at db/flush.c:12 flush_start by thread 1234569 "flush", 2.000s ago
  timers 12, next "checkpoint" at db/log.c:70 log_open, due in 9.500s
  nested 3
  semaphore "disk slots": held 12 of 12, waiters 3, first "query" at db/query.c:800 query by thread 1234580 for 2.500s
  task 10 "query" at db/query.c:812 query_run, oldest 0.020s
    thread 1234567 running for 0.020s
    and 9 more
  task 2 "vacuum" at db/vacuum.c:33 vacuum, oldest 3000.100s
    thread 1234568 "vacuum" blocked for 3000.100s in io_schedule
  worker 4 "zeal" at db/flush.c:5 flush, oldest 3723.400s
    thread 1234570 for 3723.400s
stopper 3 "main": quiescing for 0.900s, age 8000.000s, tasks 0, queued 0, workers 0, closers 1, closed 0, contexts 2, waiters 0
  created at main.c:1 main by thread 712 "httpd"
  stop asked at main.c:180 main by thread 712 "httpd", 0.900s ago
stopper 4 "child \"a\\b\"": closing for 90.000s, age 90000.500s, tasks 0, queued 0, workers 0, closers 1, closed 4, contexts 2, waiters 0
  created at main.c:1 main by thread 712 "httpd"
  child of 3 "main"
  stop asked at main.c:180 main by thread 712 "httpd", 90.900s ago
  closer 1 "fsync", oldest 88.000s
    thread 99 "closer" blocked for 88.000s
END
: >"$work/empty"
list=$work/list
from_list() { "$ctl" -f "$list" "$@"; }

in_order() {
	local file=$1 last=0 line pattern
	shift
	for pattern; do
		line=$(p=$pattern awk -v from=$last 'NR > from && index($0, ENVIRON["p"]) { print NR; exit }' "$file")
		[ -n "$line" ] || { echo "no '$pattern' behind line $last"; cat "$file"; return 1; }
		last=$line
	done
}

printf 'stopper 1 "\033[31mred\001\302\233\r": quie\033scing for 1.0s, age 7.5s, tasks 1\n' >"$work/hostile"
printf '  stop asked at \033]0;x\007.c:1 f\033 by thread 1 "\033[2J", 1.0s ago\n' >>"$work/hostile"
printf '  task 1 "\033c\000x" at \233a.c:1 f, oldest 99999999999999999999.0s\n' >>"$work/hostile"
printf '    thread 99999999999999999999 "\033[H" sle\033ping for 1.0s in \033x\n      stack \033[1m\n' >>"$work/hostile"
printf 'stopper 2 "%s": %s for 1.0s, age 7.5s, tasks 1\n' "$(head -c 300000 /dev/zero | tr '\0' n)" \
	"$(head -c 300000 /dev/zero | tr '\0' p)" >>"$work/hostile"
printf '  task 1 "%s" at %s.c:1 %s, oldest 1.0s\n' "$(head -c 300000 /dev/zero | tr '\0' t)" \
	"$(head -c 300000 /dev/zero | tr '\0' f)" "$(head -c 300000 /dev/zero | tr '\0' g)" >>"$work/hostile"
harmless() {
	! LC_ALL=C grep -aqP '[^\x20-\x7e]' "$1" && [ "$(wc -L <"$1")" -lt 2000 ] && [ -s "$1" ]
}
hostile() {
	local bin
	for bin in "$ctl" "$asan"; do
		[ -x "$bin" ] || continue
		"$bin" -f "$work/hostile" "$@" >"$work/tame" 2>&1
		harmless "$work/tame" || { head -c 1000 "$work/tame" | cat -v; return 1; }
		! grep -q Sanitizer "$work/tame" || { cat "$work/tame"; return 1; }
	done
}

awk 'BEGIN { for (i = 1; i <= 20000; i++) {
	printf "stopper %d \"s%d\": quiescing for 1.0s, age 2.0s, tasks 3, queued 0, workers 0, closers 0\n", i, i
	printf "  child of %d \"s%d\"\n  task 3 \"t\" at a.c:%d f, oldest %d.0s\n", i - 1, i - 1, i, i
	printf "    thread %d for 1.0s\n  stop not asked\n", i
} }' >"$work/huge"

start_target() {
	rm -f "$work/in" "$work/out"
	mkfifo "$work/in" "$work/out" || exit 1
	"$target" <"$work/in" >"$work/out" 2>/dev/null &
	target_job=$!
	exec {to}>"$work/in" {from}<"$work/out"
	read -r -t 20 _ pid port <&$from
}
tell() {
	echo "$1" >&$to
	read -r -t 20 _ <&$from
}
end_target() {
	echo quit >&$to
	wait $target_job 2>/dev/null
	exec {to}>&- {from}<&-
	rm -f "$work/stopper-$pid.sock"
}

put() { cp "$1" "$2.new" && mv "$2.new" "$2"; }
