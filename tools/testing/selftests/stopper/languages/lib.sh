# SPDX-License-Identifier: GPL-2.0
# What the tests of the bindings share. Sourced by user_cxx_header.sh, user_python.sh, user_rust.sh.

top=$(realpath "${STOPPER_TOP:-$(dirname "$0")/../../../..}")
here=$top/tools/testing/selftests/stopper
lib=$(realpath "${STOPPER_LIB:-$top/build/user}")
work=$(mktemp -d) || exit 1
at_end() { rm -rf "$work"; }
trap at_end EXIT
export LD_LIBRARY_PATH=$lib
nr=0 status=0

result() {	# STATUS NAME
	nr=$((nr + 1))
	[ "$1" = 0 ] || { status=1; sed 's/^/# /' "$work/log" | tail -n 40; printf 'not '; }
	echo "ok $nr $2"
}
skip() { nr=$((nr + 1)); echo "ok $nr $1 # SKIP $2"; }
check() {	# NAME COMMAND...
	"${@:2}" >"$work/log" 2>&1
	result $? "$1"
}
skip_all() { echo "TAP version 13"; echo "1..0 # SKIP $1"; exit 4; }
finish() { echo "1..$nr"; exit $status; }

# The results "ok N NAME" in a log become ours; a row that it lacks is a failure, and so is a run that failed.
rows() {	# LOG PREFIX STATUS
	local row
	while read -r row; do
		grep -qE "^(not )?ok [0-9]+ $row\$" "$1" || echo "not ok 0 $row"
	done < <(grep -v '^#' "$here/languages/rows") >"$work/lacking"
	cp "$1" "$work/log"
	while read -r row; do
		[[ $row != not* ]]
		result $? "$2: $(sed -E 's/^(not )?ok [0-9]+ //' <<<"$row")"
	done < <(cat "$1" "$work/lacking" | grep -E '^(not )?ok ')
	result "$3" "$2: exit status"
}

# The example "jobs" in each language: what has begun is done or was refused, at the end of the input and at SIGTERM.
jobs_at_the_end() {	# COMMAND...
	seq 20 | "$@" >"$work/out" || return
	[ "$(grep -c '^done' "$work/out")" = 20 ] && tail -n 1 "$work/out" | grep -qx 'total 20'
}
jobs_at_sigterm() {	# COMMAND...
	local pid fd
	rm -f "$work/fifo" && mkfifo "$work/fifo" || return
	"$@" <"$work/fifo" >"$work/out" & pid=$!
	exec {fd}>"$work/fifo"
	seq 20 >&$fd
	# Jobs of its own run: the signal is handled from now on.
	until grep -q '^done' "$work/out"; do kill -0 $pid || return; done
	kill -TERM $pid
	wait $pid || return
	exec {fd}>&-
	cat "$work/out"
	diff <(sed -n 's/^begin //p' "$work/out" | sort) <(sed -n -E 's/^(done|refused) //p' "$work/out" | sort) &&
		grep -qx "total $(grep -c '^done' "$work/out")" "$work/out"
}

# COMMAND prints the structures that a binding declares, as layout.c does.
same_layout() {	# COMMAND...
	${CC:-cc} -I"$top/include" "$here/languages/layout.c" -o "$work/layout" || return
	"$work/layout" >"$work/layout.c" && "$@" >"$work/layout.binding" &&
		diff "$work/layout.c" "$work/layout.binding"
}
