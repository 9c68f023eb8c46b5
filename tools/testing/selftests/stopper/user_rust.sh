#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# user_rust.sh: the crate, built without a registry and without a warning: its structures are those of the headers; the
# rows of the contract; the example.

. "$(dirname "$0")/languages/lib.sh"
command -v cargo >/dev/null || skip_all "no cargo"
cargo --version >/dev/null 2>&1 || skip_all "cargo does not run"
export STOPPER_LIB_DIR=$lib CARGO_TARGET_DIR=${STOPPER_TEST_OUT:-$top/build/selftests}/rust
export RUSTFLAGS='-D warnings' RUST_BACKTRACE=0

# Cargo writes beside the manifest.
cp -r "$top/bindings/rust" "$work/crate"
cd "$work/crate" || exit

begin
check "builds without a warning" cargo build --offline --examples
check "the layout is that of the headers" same_layout cargo run -q --offline --example layouts
# Apart: what a panic prints would end up in the middle of a result.
cargo test --offline >"$work/output" 2>"$work/errors"
ended=$?
# "test NAME ... ok"
sed -n -E -e 's/^test (.*) \.\.\. ok$/ok 0 \1/p' -e 's/^test (.*) \.\.\. FAILED$/not ok 0 \1/p' "$work/output" \
	>"$work/results"
cat "$work/output" "$work/errors" >>"$work/results"
rows "$work/results" cargo $ended
check "the example at the end of its input" jobs_at_the_end "$CARGO_TARGET_DIR/debug/examples/jobs"
check "the example at SIGTERM" jobs_at_sigterm "$CARGO_TARGET_DIR/debug/examples/jobs"
finish
