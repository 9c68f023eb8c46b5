#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_crash.sh: gdb and drgn print the debug list of a process and of a core file, as stopper_debug_print() did.

. "$(dirname "$0")/user_lib.sh"
program=$out/user_crash_target
scripts=$top/user/debugger
pid=
at_end() { rm -rf "$work"; kill -9 $pid 2>/dev/null; }
[ -d "$scripts" ] || skip_all "no $scripts"
export LD_LIBRARY_PATH=$lib
begin 7

# What only the running stopper knows, or what changes from one moment to the next: times, states, which of several
# threads of the same age comes first.
normal() {
	sed -n '/^stopper /,$p' "$1" | grep -E '^stopper |^ ' |
		sed -E -e 's/^(    thread [0-9]+) .* (label "([^"\\]|\\.)*").*/\1 \2/; t times' \
			-e 's/^(    thread [0-9]+) .*/\1/' -e ':times' -e 's/[0-9]+\.[0-9]{3}s/T/g' | awk '
		function flush(  i, j, t) {
			for (i = 2; i <= n; i++)
				for (j = i; j > 1 && line[j - 1] > line[j]; j--) {
					t = line[j]; line[j] = line[j - 1]; line[j - 1] = t
				}
			for (i = 1; i <= n; i++) print line[i]
			n = 0
		}
		/^    thread / { line[++n] = $0; next }
		{ flush(); print }
		END { flush() }'
}
same() { [ -s "$1" ] && diff <(normal "$work/list") <(normal "$1"); }

prints_list() {	# NAME COMMAND...
	local name=$1
	shift
	timeout 120 "$@" >"$work/$name" 2>"$work/$name.error"
	same "$work/$name" || { cat "$work/$name.error"; return 1; }
}
in_gdb() { prints_list "$1" gdb -nx -batch "${@:2}" -ex "source $scripts/stopper_gdb.py" -ex stopper-list; }
in_drgn() { prints_list "$1" drgn -q "${@:2}" "$scripts/stopper_drgn.py"; }

# Where each thread is that the target has blocked: two workers, three async tasks, a closer and the sync tasks'.
blocked_where() { [ "$(grep -c '" stopped for .* in wait_for_ever$' "$work/$1")" = 7 ] || { cat "$work/$1"; return 1; }; }

start() {
	rm -f "$work/list"
	(cd "$work" && ulimit -c unlimited && exec "$program" "$work/list" "$@") 2>/dev/null &
	pid=$!
	for ((i = 0; i < 600; i++)); do
		[ ! -f "$work/list" ] || return 0
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
	echo "# the target does not come to its list"
	return 1
}

readelf -SW "$lib/libstopper.so" 2>/dev/null | grep -q ' \.debug_info ' || why="the library has no debug information"
command -v gdb >/dev/null || no_gdb="no gdb"
command -v drgn >/dev/null || no_drgn="no drgn (package python3-drgn)"
no_gdb=${why:-${no_gdb:-}} no_drgn=${why:-${no_drgn:-}}

start || { not_ok target_starts; exit 1; }
# drgn reads names from the core file, not from the program's file.
echo 0x37 >/proc/$pid/coredump_filter
if [ -n "$no_gdb" ]; then
	for name in gdb_attached gdb_attached_where gdb_core_of_gcore; do skip $name "$no_gdb"; done
else
	check gdb_attached in_gdb attached -p $pid
	check gdb_attached_where blocked_where attached
	gcore -o "$work/gcore" $pid >"$work/log" 2>&1
	check gdb_core_of_gcore in_gdb gcored "$program" "$work/gcore.$pid"
fi
if [ -n "$no_drgn" ]; then
	for name in drgn_attached drgn_core; do skip $name "$no_drgn"; done
else
	check drgn_attached in_drgn drgn -p $pid
	if [ -f "$work/gcore.$pid" ]; then
		check drgn_core in_drgn drgn_core -c "$work/gcore.$pid" -s "$program" -s "$lib/libstopper.so"
	else
		skip drgn_core "no gcore"
	fi
fi
rm -f "$work"/gcore.*
kill -9 $pid
wait $pid 2>/dev/null

start abort || { not_ok target_starts_again; exit 1; }
wait $pid 2>/dev/null
core=$(find "$work" -maxdepth 1 -name 'core*' -size +0 | head -n 1)
if [ -n "$no_gdb" ]; then
	skip gdb_core_of_abort "$no_gdb"
	skip gdb_core_of_abort_where "$no_gdb"
elif [ -z "$core" ]; then
	skip gdb_core_of_abort "/proc/sys/kernel/core_pattern puts no core file into the current folder"
	skip gdb_core_of_abort_where "the same"
else
	check gdb_core_of_abort in_gdb aborted "$program" "$core"
	check gdb_core_of_abort_where blocked_where aborted
fi
finish
