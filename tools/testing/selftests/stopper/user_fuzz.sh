#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_fuzz.sh: some of what `make fuzz' does: calls made of bytes, against a model of the contract.
# STOPPER_FUZZ_RUNS: so many sequences [5000].

top=${STOPPER_TOP:-$(dirname "$0")/../../../..}
fuzz=$top/tools/testing/fuzz/fuzz

echo "TAP version 13"
echo "1..1"
command -v clang >/dev/null && [ -n "$(find "$(clang -print-resource-dir)" -name 'libclang_rt.fuzzer*' 2>/dev/null)" ] ||
	{ echo "ok 1 fuzz # SKIP no clang with libFuzzer"; exit 0; }
if "$fuzz" -r "${STOPPER_FUZZ_RUNS:-5000}" >"${STOPPER_TEST_OUT:-.}/results-fuzz" 2>&1; then
	result=ok status=0
else
	result='not ok' status=1
fi
sed 's/^/# /' "${STOPPER_TEST_OUT:-.}/results-fuzz"
echo "$result 1 fuzz"
exit $status
