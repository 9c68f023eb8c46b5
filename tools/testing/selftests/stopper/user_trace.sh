#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_trace.sh: the USDT probes exist, and an attached tracer sees the events, also those of code that is
# inlined into the program and reads the library's trace word.

. "$(dirname "$0")/user_lib.sh"
begin 6

want="async_queued closer_end closer_start created phase stall task_end task_refused task_start worker_end worker_start"
if command -v readelf >/dev/null; then
	readelf -n "$lib/libstopper.so" >"$work/notes" 2>/dev/null
	awk '/Provider: stopper$/ { getline; print $2 }' "$work/notes" | sort -u | xargs >"$work/log"
	[ "$(cat "$work/log")" = "$want" ] && ok all_probes_are_there || not_ok all_probes_are_there
	grep -E 'Semaphore: 0x0+$' "$work/notes" >"$work/log"
	[ ! -s "$work/log" ] && ok each_has_a_semaphore || not_ok each_has_a_semaphore
else
	skip all_probes_are_there "no readelf"
	skip each_has_a_semaphore "no readelf"
fi

cat >"$work/program.c" <<'END'
#include <stopper/stopper.h>

static void task(struct stopper_ctx *ctx, void *arg)
{
}

int main(void)
{
	struct stopper_task handle;
	struct stopper *s;
	int i;

	if (stopper_create(&s, "probed", NULL))
		return 1;
	/* The first ones of a thread are not inlined. */
	for (i = 0; i < 3; i++) {
		stopper_run_task(s, NULL, "probed-task", task, NULL);
		if (!stopper_task_begin(s, NULL, "probed-handle", &handle))
			stopper_task_end(&handle);
	}
	stopper_stop(s, NULL);
	stopper_put(s);
	return 0;
}
END
cat >"$work/commands" <<'END'
set pagination off
set breakpoint pending on
set debuginfod enabled off
break -probe-stap stopper:task_start
commands
silent
printf "START %s\n", (char *)$_probe_arg2
continue
end
break -probe-stap stopper:task_end
commands
silent
printf "END %s\n", (char *)$_probe_arg2
continue
end
run
END
for i in 1 2 3; do
	printf 'START probed-task\nEND probed-task\nSTART probed-handle\nEND probed-handle\n'
done >"$work/want"

# attached NAME CFLAGS...
attached() {
	local name=$1
	shift
	if ! command -v gdb >/dev/null; then
		skip "$name" "no gdb"
		return
	fi
	gcc -Wall -I"$top/include" "$@" -lpthread -o "$work/program" >"$work/log" 2>&1 &&
		LD_LIBRARY_PATH=$lib timeout 60 gdb -nx -batch -x "$work/commands" "$work/program" \
			>"$work/log" 2>&1
	if grep -q "ptrace: Operation not permitted" "$work/log"; then
		skip "$name" "no process may be traced here"
	elif grep -E '^(START|END) ' "$work/log" | cmp -s - "$work/want"; then
		ok "$name"
	else
		not_ok "$name"
	fi
}

so=(-L"$lib" -lstopper)
attached debugger_sees_tasks_inlined_in_a_pie -O2 -fPIE -pie "$work/program.c" "${so[@]}"
attached debugger_sees_tasks_inlined_at_a_fixed_address -O2 -fno-pie -no-pie "$work/program.c" "${so[@]}"
attached debugger_sees_tasks_without_optimization -O0 "$work/program.c" "${so[@]}"
attached debugger_sees_tasks_of_a_static_program -O2 -static "$work/program.c" "$lib/libstopper.a" -luring
finish
