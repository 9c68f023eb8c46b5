#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_torture.sh: stopper-torture for a while: as it is, then under ASan and UBSan, then under TSan.
#
#   STOPPER_TORTURE_SECONDS=N  how long the first [6]; the others half of it each
#   STOPPER_TORTURE_SEED=N     of its random numbers [from the clock]

out=${STOPPER_TEST_OUT:-$(dirname "$0")}/torture
seconds=${STOPPER_TORTURE_SECONDS:-6}
status=0 nr=0
case $seconds$STOPPER_TORTURE_SEED in
*[!0-9]*)
	echo "STOPPER_TORTURE_SECONDS and STOPPER_TORTURE_SEED are numbers, not \"$seconds\" and \"$STOPPER_TORTURE_SEED\"" >&2
	exit 1 ;;
esac

# kselftest's runner preloads stdbuf's library, and ASan wants to be the first.
unset LD_PRELOAD

export TSAN_OPTIONS="halt_on_error=1:exitcode=66:second_deadlock_stack=1:${TSAN_OPTIONS:-}"
export ASAN_OPTIONS="detect_stack_use_after_return=1:exitcode=67:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}"

echo "TAP version 13"
echo "1..3"

# TSan cannot have its memory where it wants it on some kernels; without randomization it can, or nowhere.
no_tsan() { $1 "$out/stopper-torture-tsan" --help 2>&1 | grep -q 'ThreadSanitizer: .*memory'; }

torture() {
	nr=$((nr + 1))
	run=
	if [ $1 = tsan ] && no_tsan ""; then
		run="setarch $(uname -m) -R"
		! no_tsan "$run" || { echo "ok $nr torture_tsan # SKIP TSan does not run on this kernel"; return; }
	fi
	if $run "$out/stopper-torture-$1" --seconds=$2 ${STOPPER_TORTURE_SEED:+--seed=$STOPPER_TORTURE_SEED} \
		>"$out/torture-$1.log" 2>&1
	then
		sed -n '$s/^/# /p' "$out/torture-$1.log"
		echo "ok $nr torture_$1"
	else
		sed 's/^/# /' "$out/torture-$1.log"
		echo "not ok $nr torture_$1"
		status=1
	fi
}

torture plain "$seconds"
torture asan $(((seconds + 1) / 2))
torture tsan $(((seconds + 1) / 2))
exit $status
