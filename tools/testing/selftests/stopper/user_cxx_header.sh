#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# user_cxx_header.sh: stopper.hpp with both compilers, as C++17 or C++20, without a warning, and with ASan: the rows of
# the contract, and the example.

. "$(dirname "$0")/languages/lib.sh"
# Of kselftest's runner, which calls stdbuf; ASan wants to be the first library.
unset LD_PRELOAD
warn='-Wall -Wextra -Wpedantic -Wshadow -Werror'

build() {	# FILE COMPILER AND FLAGS...
	"${@:2}" $warn -g -I"$top/include" "$1" -o "$work/program" -L"$lib" -lstopper -pthread
}

conformance() {	# COMPILER AND FLAGS...
	check "$*: builds without a warning" build "$here/languages/conformance.cc" "$@"
	"$work/program" >"$work/results" 2>"$work/errors"
	rows "$work/results" "$*" $?
	rm -f "$work/program"
}

alone() { echo '#include <stopper/stopper.hpp>' | "$@" $warn -fsyntax-only -I"$top/include" -xc++ -; }

begin
check "the header stands alone" alone "${CXX:-g++}" -std=c++17
# Each compiler and each standard, not each pair: a build takes half a minute.
if command -v clang++ >/dev/null; then
	conformance clang++ -std=c++17
else
	skip clang++ "no clang++"
	conformance "${CXX:-g++}" -std=c++17
fi
conformance "${CXX:-g++}" -std=c++20 -fsanitize=address,undefined -fno-sanitize-recover=undefined
check "the example builds without a warning" build "$top/bindings/cxx/jobs.cc" "${CXX:-g++}" -std=c++17
check "the example at the end of its input" jobs_at_the_end "$work/program"
check "the example at SIGTERM" jobs_at_sigterm "$work/program"
finish
