# SPDX-License-Identifier: GPL-2.0
# What the tests of the bindings share. Sourced by user_cxx_header.sh, user_python.sh, user_rust.sh.

. "$(dirname "$0")/user_lib.sh"
export LD_LIBRARY_PATH=$lib

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
handles_sigterm() {	# PID: it has a handler, or blocks the signal and reads it
	local mask
	for mask in $(sed -n 's/^Sig\(Cgt\|Blk\):\t//p' "/proc/$1/status"); do
		((0x$mask >> 14 & 1)) && return
	done
	return 1
}
jobs_at_sigterm() {	# COMMAND...
	local pid fd
	rm -f "$work/fifo" && mkfifo "$work/fifo" || return
	"$@" <"$work/fifo" >"$work/out" & pid=$!
	exec {fd}>"$work/fifo"
	seq 20 >&$fd
	until grep -q '^done' "$work/out" && handles_sigterm $pid; do kill -0 $pid || return; done
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
