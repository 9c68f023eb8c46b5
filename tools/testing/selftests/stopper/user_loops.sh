#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# user_loops.sh: the servers in user/examples/loops lose no request that has begun, neither at the end of their input nor
# at SIGTERM.

. "$(dirname "$0")/languages/lib.sh"

pc() { [ -z "$2" ] || pkg-config "$1" "$2"; }

build() {	# NAME PACKAGE
	# shellcheck disable=SC2046 # words
	${CC:-cc} -Wall -Wextra -Wno-unused-parameter -Werror -D_GNU_SOURCE -I"$top/include" \
		"$top/user/examples/loops/$1.c" -o "$work/$1" $(pc --cflags "$2") -L"$lib" -lstopper -pthread \
		$(pc --libs "$2")
}

# A program that ends with status 77 cannot run here.
loop() {	# NAME PACKAGE
	if ! pc --exists "$2"; then
		skip "$1" "no $2"
		return
	fi
	check "$1: builds without a warning" build "$1" "$2"
	jobs_at_the_end "$work/$1" >"$work/log" 2>&1
	ended=$?
	if [ $ended = 77 ]; then
		skip "$1" "the kernel lacks what it needs"
		return
	fi
	result $ended "$1: at the end of its input"
	check "$1: at SIGTERM" jobs_at_sigterm "$work/$1"
}

begin
loop epoll ""
loop libuv libuv
loop libevent libevent
loop glib glib-2.0
loop sd-event libsystemd
loop uring liburing
finish
