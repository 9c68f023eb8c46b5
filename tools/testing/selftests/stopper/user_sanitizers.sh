#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_sanitizers.sh: library and conformance cases under TSan, and under ASan and UBSan.
#
# Fewer rounds than without: the tools see a race or a bad access when it could happen, not only when
# it does.

out=${STOPPER_TEST_OUT:-$(dirname "$0")}
status=0 nr=0

# kselftest's runner preloads stdbuf's library, and ASan wants to be the first.
unset LD_PRELOAD

export TSAN_OPTIONS="halt_on_error=0:exitcode=66:second_deadlock_stack=1:${TSAN_OPTIONS:-}"
export ASAN_OPTIONS="detect_stack_use_after_return=1:exitcode=67:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}"

echo "TAP version 13"
echo "1..2"
for kind in tsan asan; do
	nr=$((nr + 1))
	if "$out/conformance-$kind" -r 15 >"$out/results-$kind" 2>&1; then
		result=ok
	else
		result='not ok' status=1
	fi
	grep -qE 'WARNING: ThreadSanitizer|ERROR: AddressSanitizer|LeakSanitizer|runtime error:' \
		"$out/results-$kind" && result='not ok' status=1
	sed 's/^/    /' "$out/results-$kind"
	echo "$result $nr conformance_$kind"
done
exit $status
