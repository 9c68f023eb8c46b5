#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_sanitizers.sh: libraries, conformance cases and HTTP tests under TSan, and under ASan and UBSan; a program with
# TSan on the library as it is.
#
# Fewer rounds than without: the tools see a race or a bad access when it could happen, not only when
# it does. Faults are for the leak checker, and each is a process of its own.

out=${STOPPER_TEST_OUT:-$(dirname "$0")}
status=0 nr=0

# kselftest's runner preloads stdbuf's library, and ASan wants to be the first.
unset LD_PRELOAD

export TSAN_OPTIONS="halt_on_error=0:exitcode=66:second_deadlock_stack=1:atexit_sleep_ms=50:${TSAN_OPTIONS:-}"
export ASAN_OPTIONS="detect_stack_use_after_return=1:exitcode=67:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}"

echo "TAP version 13"
echo "1..21"

# check KIND PROGRAM [ARGUMENT...]
check() {
	kind=$1 program=$2
	shift 2
	nr=$((nr + 1))
	if $run "$out/$program-$kind" "$@" >"$out/results-$program-$kind" 2>&1; then
		result=ok
	else
		result='not ok' status=1
	fi
	grep -qE 'WARNING: ThreadSanitizer|ERROR: AddressSanitizer|LeakSanitizer|runtime error:' \
		"$out/results-$program-$kind" && result='not ok' status=1
	sed 's/^/    /' "$out/results-$program-$kind"
	echo "$result $nr ${program}_$kind"
}

# TSan cannot have its memory where it wants it on some kernels; without randomization it can, or nowhere.
run=
no_tsan() { $1 "$out/conformance-tsan" -l 2>&1 | grep -q 'ThreadSanitizer: .*memory'; }
if no_tsan ""; then
	run="setarch $(uname -m) -R"
	no_tsan "$run" && run=none
fi

for sanitizer in tsan asan; do
	if [ "$sanitizer $run" = "tsan none" ]; then
		for program in conformance_tsan user_http_tsan user_http_server_tsan user_http_hostile_tsan user_interrupt_tsan \
			user_process_tsan user_exit_tsan user_thread_exit_tsan conformance_tsan-plain user_thread_exit_tsan-plain; do
			nr=$((nr + 1))
			echo "ok $nr $program # SKIP TSan does not run on this kernel"
		done
		continue
	fi
	[ $sanitizer = tsan ] || run=
	check $sanitizer conformance -r 15
	check $sanitizer user_http
	check $sanitizer user_http_server
	STOPPER_TEST_ROUNDS=15 check $sanitizer user_http_hostile
	check $sanitizer user_interrupt
	check $sanitizer user_process
	check $sanitizer user_exit
	check $sanitizer user_thread_exit
	[ $sanitizer = tsan ] || continue
	# The program is built with TSan, the library is not: nothing is to be taken for a race.
	check tsan-plain conformance -r 15
	check tsan-plain user_thread_exit
done
check asan user_main
check asan user_faults -T recording -T every_way_to_wait
check asan user_faults_http -t on_a_port
exit $status
