#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_watch.sh: stopperctl metrics, and the files in user/watch: dashboard, alert rules, bpftrace scripts. A
# Prometheus server watches a process that stops.

. "$(dirname "$0")/user_lib.sh"
ctl=$lib/stopperctl
target=$out/user_stopperctl_target
watch=$top/user/watch
export LC_ALL=C

[ -x "$ctl" ] || skip_all "no $ctl"
[ -d "$watch" ] || skip_all "no $watch"
at_end() { kill $(jobs -p) 2>/dev/null; rm -rf "$work"; }
# check_with TOOL PACKAGE NAME COMMAND...
check_with() {
	if command -v "$1" >/dev/null; then check "${@:3}"; else skip "$3" "no $1 (package $2)"; fi
}

begin

# Metrics

cat >"$work/list" <<'END'
stopper 1 "web": quiescing for 1.002s, age 7.500s, tasks 4, queued 1, workers 1, closers 2, closed 0, contexts 2, waiters 0, refused 9, dropped 2
  stop asked at httpd.c:180 main by thread 712 "httpd", 1.002s ago
  task 3 "request" at conn.c:77 serve, oldest 4.201s
    queued 1
    thread 715 "web" sleeping for 4.201s label "GET /secret" in ep_poll
  task 1 "audit" at audit.c:9 audit, oldest 0.500s
  worker 1 "accept" at httpd.c:140 main, oldest 7.499s
stopper 2 "web": running for 2.000s, age 2.000s, tasks 1, queued 0, workers 0, closers 0, closed 0, contexts 0, waiters 3, refused 1
  paused at pool.c:90 reload by thread 720 "reload", 61.000s ago
  failed -28 "flush" at flush.c:12 start by thread 73 "flush", 2.000s ago
  timers 12, next "checkpoint" at log.c:70 log_open, due in 9.500s
  task 1 "request" at conn.c:77 serve, oldest 9.000s
stopper 3 "a \"b\\c": closing for 90.000s, age 90000.500s, tasks 0, queued 0, workers 0, closers 1, closed 4, contexts 2, waiters 0
  closer 1 "fsync", oldest 88.000s
  and 7 tasks more
END
"$ctl" -f "$work/list" metrics >"$work/metrics"

# says LINE...: each is a line of the metrics.
says() {
	local line
	for line; do
		grep -qxF -e "$line" "$work/metrics" || { echo "no line: $line"; cat "$work/metrics"; return 1; }
	done
}
check stoppers_of_one_name_are_one_row says 'stopper_tasks{stopper="web"} 5' 'stopper_refused{stopper="web"} 10' \
	'stopper_dropped{stopper="web"} 2' 'stopper_waiters{stopper="web"} 3' 'stopper_paused{stopper="web"} 1' \
	'stopper_failed{stopper="web"} 1' 'stopper_timers{stopper="web"} 12' 'stopper_age_seconds{stopper="web"} 7.500'
check each_phase_has_its_count_and_its_oldest says 'stopper_stoppers{stopper="web",phase="quiescing"} 1' \
	'stopper_stoppers{stopper="web",phase="stopping"} 0' \
	'stopper_phase_oldest_seconds{stopper="web",phase="quiescing"} 1.002' \
	'stopper_phase_oldest_seconds{stopper="web",phase="running"} 2.000'
site='stopper="web",kind="task",name="request",site="conn.c:77"'
check call_sites_have_count_queue_and_age says "stopper_site_tasks{$site} 4" "stopper_site_queued{$site} 1" \
	"stopper_site_oldest_seconds{$site} 9.000" \
	'stopper_site_tasks{stopper="web",kind="worker",name="accept",site="httpd.c:140"} 1'
check labels_are_escaped says 'stopper_closed{stopper="a \"b\\c"} 4' \
	'stopper_site_tasks{stopper="a \"b\\c",kind="closer",name="fsync",site=""} 1'
check unlisted_tasks_are_counted says 'stopper_unlisted_tasks 7'
check last_line_is_eof eval '[ "$(tail -n 1 "$work/metrics")" = "# EOF" ]'
check labels_of_tasks_and_threads_are_not_in_it eval '! grep -E "secret|715|712" "$work/metrics"'

# As many names and sites as a careless program could make. 900 tasks in all.
awk 'BEGIN {
	print "stopper 1 \"other\": running for 1.0s, age 1.0s, tasks 0"
	for (i = 2; i <= 301; i++) {
		printf "stopper %d \"conn-%d\": running for 1.0s, age 1.0s, tasks 3, queued 0\n", i, i
		printf "  task 2 \"t-%d\" at a.c:%d f, oldest 1.0s\n  task 1 \"u\" at b.c:%d f, oldest %d.0s\n", i, i, i, i
	}
}' >"$work/careless"
bounded() {
	local file=$work/careless.metrics
	"$ctl" -f "$work/careless" metrics >"$file" || return
	awk '{ name = $1; sub(/{.*/, "", name); n[name]++; sum[name] += $NF }
		seen[$0]++ { print "twice: " $0; bad = 1 }
		END {
			print n["stopper_tasks"], n["stopper_site_tasks"], sum["stopper_tasks"], sum["stopper_site_tasks"]
			exit bad || n["stopper_tasks"] != 50 || n["stopper_site_tasks"] != 100 ||
				sum["stopper_tasks"] != 900 || sum["stopper_site_tasks"] != 900
		}' "$file" && grep -q '^stopper_tasks{stopper="other"} 7[0-9][0-9]$' "$file" &&
		grep -qF 'stopper_site_oldest_seconds{stopper="other",kind="other",name="other",site="other"} ' "$file"
}
check series_are_bounded_and_nothing_is_lost bounded
: >"$work/empty"
check list_without_stoppers_has_metrics eval '"$ctl" -f "$work/empty" metrics | tail -n 1 | grep -qx "# EOF"'
check source_that_is_not_there_is_status_2 eval '"$ctl" -f "$work/none" metrics; [ $? = 2 ]'

check_with promtool prometheus promtool_accepts_the_metrics eval '
	for f in metrics careless.metrics; do promtool check metrics <"$work/$f" || exit; done'
cat >"$work/parse.py" <<'END'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for name in sys.argv[1:]:
    families = list(text_string_to_metric_families(open(name).read()))
    assert len(families) > 15, families
    assert all(f.documentation and f.type == "gauge" for f in families), families
END
python=$(for p in python3 /usr/bin/python3; do $p -c 'import prometheus_client' 2>/dev/null && echo $p && break; done)
if [ -n "$python" ]; then
	check strict_parser_accepts_the_metrics "$python" "$work/parse.py" "$work/metrics" "$work/careless.metrics"
else
	skip strict_parser_accepts_the_metrics "no prometheus_client (package python3-prometheus-client)"
fi

# Dashboard and rules

check dashboard_is_json python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert d["title"] and all(p["targets"] for p in d["panels"])' "$watch/stopper-dashboard.json"
check_with promtool prometheus promtool_accepts_the_rules promtool check rules "$watch/stopper-alerts.yml"
# What they name is in the metrics, and so are the labels.
named() {
	local file name
	for file in "$watch/stopper-dashboard.json" "$watch/stopper-alerts.yml"; do
		for name in $(grep -E '"expr"|"query"|expr:' "$file" | grep -oE '\bstopper_[a-z_]+' | sort -u); do
			grep -q "^$name[{ ]" "$work/metrics" || { echo "$file: $name is no metric"; return 1; }
		done
	done
}
check dashboard_and_rules_name_only_metrics named

cat >"$work/alerts.test.yml" <<END
evaluation_interval: 10s
rule_files: [ $watch/stopper-alerts.yml ]
tests:
  - interval: 10s
    input_series:
      - series: 'stopper_phase_oldest_seconds{instance="a",stopper="web",phase="quiescing"}'
        values: '0+10x10'
      - series: 'stopper_phase_oldest_seconds{instance="a",stopper="web",phase="running"}'
        values: '1000+10x10'
    alert_rule_test:
      - eval_time: 20s
        alertname: StopperStopBlocked
      - eval_time: 40s
        alertname: StopperStopBlocked
        exp_alerts:
          - exp_labels: { severity: critical, instance: a, stopper: web, phase: quiescing }
            exp_annotations:
              summary: 'A stop of web on a has been quiescing for 40s'
              description: 'stopperctl list says which tasks, workers or closer it waits for.'
END
check_with promtool prometheus alert_of_a_blocked_stop_fires promtool test rules "$work/alerts.test.yml"

# A server that scrapes a live process, user_stopperctl_target, and evaluates the rules on what it gets. So that
# a stop need not be blocked for half a minute, that limit is one second.

cat >"$work/live.py" <<'END'
import json, subprocess, sys, time, urllib.parse, urllib.request

def until(what, get, is_so):
    end = time.monotonic() + 60
    while True:
        value = get()
        if is_so(value):
            return print(what)
        if time.monotonic() > end:
            sys.exit("not so: %s: %s" % (what, json.dumps(value)))
        time.sleep(0.1)

def ask(path, **args):
    url = "http://%s/api/v1/%s?%s" % (server, path, urllib.parse.urlencode(args))
    return json.load(urllib.request.urlopen(url, timeout=20))["data"]

def value(expr):
    return [float(v["value"][1]) for v in ask("query", query=expr)["result"]]

def tell(word):
    process.stdin.write(word + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"

def listening():
    for line in open(log):
        if "Listening on" in line and "address=" in line:
            return line.split("address=")[1].split()[0]

def alerts():
    return sorted((a["labels"]["alertname"], a["labels"]["stopper"], a["state"]) for a in ask("alerts")["alerts"])

target, work, rules = sys.argv[1:]
log = work + "/prometheus.log"
process = subprocess.Popen([target], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
port = process.stdout.readline().split()[2]
with open(work + "/prometheus.yml", "w") as f:
    json.dump({"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [rules],
               "scrape_configs": [{"job_name": "stopper",
                                   "static_configs": [{"targets": ["127.0.0.1:" + port]}]}]}, f)
prometheus = subprocess.Popen(["prometheus", "--config.file=" + work + "/prometheus.yml",
                               "--storage.tsdb.path=" + work + "/tsdb", "--web.listen-address=127.0.0.1:0"],
                              stdout=subprocess.DEVNULL, stderr=open(log, "w"))
try:
    until("it listens", listening, bool)
    server = listening()
    until("it scrapes /metrics", lambda: value('up{job="stopper"}'), lambda v: v == [1])
    until("it has the tasks", lambda: value('stopper_tasks{stopper="web"}'), lambda v: v == [1])
    until("it has the call site", lambda: value('count(stopper_site_oldest_seconds{name="request"})'),
          lambda v: v == [1])
    until("each rule evaluates", lambda: [r["health"] for g in ask("rules")["groups"] for r in g["rules"]],
          lambda v: len(v) > 5 and set(v) == {"ok"})
    assert not alerts(), alerts()
    tell("stop")
    until("the alert of a blocked stop fires", alerts, lambda v: v == [("StopperStopBlocked", "web", "firing")])
    for word in "task", "worker", "closer":
        tell(word)
    until("after the stop it does not", alerts, lambda v: not v)
    until("and the stopper is in no metric", lambda: value('stopper_tasks{stopper="web"}'), lambda v: not v)
finally:
    prometheus.terminate()
    prometheus.wait(60)
    process.kill()
END
watched_live() {
	sed 's/\(phase!="running"}) >\) 30$/\1 1/' "$watch/stopper-alerts.yml" >"$work/live.yml" &&
		! cmp -s "$work/live.yml" "$watch/stopper-alerts.yml" &&
		python3 "$work/live.py" "$target" "$work" "$work/live.yml" || { tail -n 20 "$work/prometheus.log"; return 1; }
}
if [ -x "$target" ]; then
	check_with prometheus prometheus prometheus_watches_a_stop watched_live
else
	skip prometheus_watches_a_stop "no $target"
fi

# bpftrace. The scripts for programs watch user_stopperctl_target. Those for the kernel are compiled, not run, with
# the tracepoints of kmod/trace.h.

tell() {
	echo "$1" >&$to
	read -r -t 20 _ <&$from
}
# live SCRIPT ARGUMENT LINE COMMAND...: the target gets the commands, again and again, until the script has printed
# LINE: it does not say when it has attached.
live() {
	local script=$1 argument=$2 line=$3 word i job tracer status=1
	sed "s,@LIBDIR@,$(realpath "$lib")," "$watch/$script-user.bt" >"$work/$script.bt" || return
	mkfifo "$work/in" "$work/out" || return
	XDG_RUNTIME_DIR=$work "$target" <"$work/in" >"$work/out" & job=$!
	exec {to}>"$work/in" {from}<"$work/out"
	read -r -t 20 _ <&$from
	bpftrace -p $job "$work/$script.bt" $argument >"$work/bpftrace" 2>&1 & tracer=$!
	for ((i = 0; i < 200 && status == 1; i++)); do
		for word in "${@:4}"; do
			tell $word
			sleep 0.05
		done
		! grep -qE "$line" "$work/bpftrace" || status=0
		kill -0 $tracer 2>/dev/null || break
	done
	# The end of its process ends bpftrace; 0.17 misses a signal that comes while it does not wait for events.
	tell quit
	exec {to}>&- {from}<&-
	wait $job $tracer
	rm "$work/in" "$work/out"
	cat "$work/bpftrace"
	! grep WARNING "$work/bpftrace" && return $status
}
slow_tasks() { live stopper-slow 1 '^[0-9]+ +stopper 1: "request" begun on line [0-9]+ ran [0-9]+ ms$' task request; }
blockers() {
	live stopper-blockers '' '^[0-9]+ +stopper [0-9]+: "request" held it up for [0-9]+ ms, ran [0-9]+ ms$' \
		task worker closer again request stop
}

# The formats of the events in a tracefs of our own, in a mount namespace of our own.
make_formats() {
	awk -v dir="$1" '
		function end() { if (out) close(out); out = "" }
		/^DECLARE_EVENT_CLASS\(|^TRACE_EVENT(_FN)?\(/ {
			end(); name = $0; sub(/.*\(/, "", name); sub(/,.*/, "", name)
			system("mkdir -p " dir "/" name); out = dir "/" name "/format"
			print "name: " name "\nID: " ++id "\nformat:" >out
			print "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" >out
			offset = 8
		}
		out && /__field\(/ {
			split($0, f, /[(,)] */)
			size = f[2] == "u64" || f[2] == "s64" ? 8 : 4
			print "\tfield:" f[2] " " f[3] ";\toffset:" offset ";\tsize:" size ";\tsigned:0;" >out
			offset += size
		}
		out && /__dynamic_array\(/ {
			split($0, f, /[(,)] */)
			print "\tfield:__data_loc " f[2] "[] " f[3] ";\toffset:" offset ";\tsize:4;\tsigned:0;" >out
			offset += 4
		}' "$top/kmod/trace.h"
}
kernel_scripts() {
	unshare -m bash -c '
		for at in /sys/kernel/debug /sys/kernel/tracing; do mount -t tmpfs none $at || exit 77; done
		for at in /sys/kernel/debug/tracing /sys/kernel/tracing; do
			mkdir -p $at/events; cp -r "$0" $at/events/stopper
			echo "stopper:task_start stopper:task_end stopper:phase" | tr " " "\n" >$at/available_events
		done
		for f in slow blockers; do bpftrace -d "$1/stopper-$f.bt" >/dev/null || exit 1; done' "$work/formats" "$watch"
}
if ! command -v bpftrace >/dev/null; then
	for name in slow_tasks blockers; do skip user_script_finds_$name "no bpftrace"; done
	skip kernel_scripts "no bpftrace"
elif [ "$(id -u)" != 0 ]; then
	for name in slow_tasks blockers; do skip user_script_finds_$name "bpftrace works for root only"; done
	skip kernel_scripts "bpftrace works for root only"
else
	if ! bpftrace -e 'BEGIN { exit(); }' >"$work/log" 2>&1; then
		why="bpftrace does not work here: $(grep -m 1 ERROR "$work/log")"
		skip user_script_finds_slow_tasks "$why"
		skip user_script_finds_blockers "$why"
	elif ! [ -x "$target" ] || ! readelf -n "$lib/libstopper.so" | grep -q stapsdt; then
		skip user_script_finds_slow_tasks "no $target, or a library without probes"
		skip user_script_finds_blockers "no $target, or a library without probes"
	else
		check user_script_finds_slow_tasks slow_tasks
		check user_script_finds_blockers blockers
	fi
	make_formats "$work/formats"
	kernel_scripts >"$work/log" 2>&1
	case $? in
	0)	ok kernel_scripts ;;
	77)	skip kernel_scripts "no mount namespace" ;;
	*)	not_ok kernel_scripts ;;
	esac
fi
finish
