# SPDX-License-Identifier: GPL-2.0 OR MIT
# Shows each step as one line and cleans up at the end. Sourced by the bash scripts of this tree.
#
#   step [-n NAME] TEXT COMMAND...  run COMMAND with its output in build/log/NAME.log and show one
#                                   line: TEXT, a progress sign after five seconds, the result.
#                                   A failure shows the end of the log; its status is returned.
#   note TEXT / die TEXT            a line for the reader; die also ends the script
#   answer_on_stdout                stdout is for the script's answer: steps and notes go to stderr
#   at_exit COMMAND...              run COMMAND when the script ends, however it ends, last one first;
#   cancel_at_exit                  the last one is no longer needed
#   scratch VAR                     a fresh temporary directory, its path in VAR, removed at the end
#   supervise COMMAND...            run COMMAND as a process group of its own that ends with the script
#   record FILE COMMAND...          supervise COMMAND, its output to stdout and to the end of FILE
#
# COMMAND runs in its own process group, so that an interrupt ends everything it started.

top=$(cd "${BASH_SOURCE[0]%/*}/../../.." && pwd)
build=${STOPPER_BUILD:-$top/build}
cache=${STOPPER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/stopper}
testing=$top/tools/testing
log_dir=$build/log
PATH=$PATH:/usr/sbin:/sbin	# depmod and modprobe, for those who are not root

_at_exit=()
_child=

# Where lines for the reader go, here and in the scripts that are called from here.
ui_fd=${STOPPER_UI_FD:-1}
answer_on_stdout() { export STOPPER_UI_FD=2; ui_fd=2; }

note() { printf '%s\n' "$*" >&$ui_fd; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

at_exit() { _at_exit+=("$(printf '%q ' "$@")"); }
cancel_at_exit() { unset '_at_exit[-1]'; }

scratch() {
	local _dir	# not a name that a caller would give
	_dir=$(mktemp -d "${TMPDIR:-/tmp}/stopper.XXXXXX") || exit 1
	at_exit rm -rf "$_dir"
	printf -v "$1" %s "$_dir"
}

# Does the group have a process that runs? (kill -0 would count zombies, too.)
_alive() {
	cat /proc/[0-9]*/stat 2>/dev/null |
		awk -v group="$1" '{ sub(/.*\) /, "") } $3 == group && $1 != "Z" { found = 1 } END { exit !found }'
}

# A group gets three seconds to clean up after itself before it is killed.
_end_group() {
	local i
	kill -TERM -- "-$1" 2>/dev/null || return 0
	for ((i = 0; i < 30; i++)); do
		_alive "$1" || return 0
		sleep 0.1
	done
	kill -KILL -- "-$1" 2>/dev/null
}

_finish() {
	local status=$? i
	trap '' INT TERM HUP
	trap - EXIT
	[ -z "$_child" ] || _end_group "$_child"
	for ((i = ${#_at_exit[@]} - 1; i >= 0; i--)); do
		eval "${_at_exit[i]}"
	done
	exit "$status"
}
trap _finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

supervise() {
	local status=0
	set -m
	"$@" &
	_child=$!
	set +m
	wait "$_child" || status=$?
	_child=
	return "$status"
}

record() {
	local file=$1 status=0 tee_fd tee_pid
	shift
	exec {tee_fd}> >(exec tee -a "$file")
	tee_pid=$!
	supervise "$@" >&$tee_fd || status=$?
	exec {tee_fd}>&-
	wait "$tee_pid"
	return "$status"
}

_progress() {
	local start=$SECONDS
	sleep 5
	while :; do
		if [ -t 1 ]; then
			printf '\r%s ... %d s ' "$1" $((SECONDS - start))
			sleep 1
		else
			printf '.'
			sleep 4
		fi
	done
}

step() {
	local name= text log ticker status=0 start=$SECONDS
	[ "$1" != -n ] || { name=$2; shift 2; }
	text=$1
	shift
	[ -n "$name" ] || name=$(printf %s "$text" | tr -cs 'A-Za-z0-9.\n' -)
	log=$log_dir/$name.log
	mkdir -p "$log_dir"
	printf '%s ... ' "$text" >&$ui_fd

	set -m
	_progress "$text" </dev/null >&$ui_fd 2>/dev/null &
	ticker=$!
	"$@" </dev/null >"$log" 2>&1 &
	_child=$!
	set +m
	at_exit _end_group "$ticker"
	wait "$_child" || status=$?
	_child=
	cancel_at_exit
	kill -TERM -- "-$ticker" 2>/dev/null
	wait "$ticker" 2>/dev/null

	[ ! -t $ui_fd ] || printf '\r%s ... ' "$text" >&$ui_fd
	if [ "$status" = 0 ]; then
		printf 'ok%s\n' "$(_took $((SECONDS - start)))" >&$ui_fd
	else
		printf 'FAILED (status %d)%s\n' "$status" "$(_took $((SECONDS - start)))" >&$ui_fd
		tail -n 25 "$log" | sed 's/^/    /' >&$ui_fd
		note "    (all of it: $log)"
	fi
	return "$status"
}

_took() { [ "$1" -lt 1 ] || printf ' (%d s)' "$1"; }
