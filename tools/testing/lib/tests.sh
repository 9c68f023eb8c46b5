# SPDX-License-Identifier: GPL-2.0 OR MIT
# What scripts that run tests share: results, and the names of single tests, for `make test` and
# `make kselftest-vm T=NAME`. Sourced, after ui.sh.
#
#   tap COMMAND...        shows its output, which is KTAP, and adds it to the summary in $ktap
#   verdict LINE          a result of the script's own, about a run as a whole
#   cases user|kernel     the conformance cases that this build has
#   kernel_scripts        kernel_* scripts, which run in a VM
#   no_such_test NAME BUILD SCRIPT...   ends the script: says which tests have NAME in their name, or
#                         which there are: these scripts, and the cases of this build

folder=$testing/selftests/stopper

tap() { record "$ktap" "$@"; }

verdict() { tap printf 'TAP version 13\n1..1\n%s\n' "$1"; }

cases() {
	local other=kernel
	[ "$1" = user ] || other=user
	sed -n 's/^\tCASE(\(.*\)),$/\1/p' $(printf '%s\n' "$folder"/conformance/case_*.c | grep -v "only_$other")
}

kernel_scripts() { (cd "$folder" && printf '%s\n' kernel_*.sh) | sed 's/\.sh$//' | grep -vx kernel_lib; }

no_such_test() {
	local name=$1 build=$2 near
	shift 2
	near=$( (printf '%s\n' "$@"; cases "$build") | grep -iF -- "$name" | head -n 20)
	[ -z "$near" ] || die "no test is called \"$name\". These have it in their name:
$near"
	die "no test is called \"$name\". There are:
$(printf '%s\n' "$@" | column)
and $(cases "$build" | wc -l) conformance cases; T=list shows them"
}
