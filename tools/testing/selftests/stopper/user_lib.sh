# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_lib.sh: what the scripts that test userspace share. Sourced by bash.
#
#   $top $here $lib $out     the stopper's tree, the folder of the scripts, of the library, of compiled tests
#   $work                    a folder that at_end removes; a script with more to remove has its own at_end
#   ok NAME / not_ok NAME [WHY] / skip NAME WHY / result STATUS NAME / check NAME COMMAND...   one result each
#   until_true COMMAND...    polls it for twenty seconds at most
#   begin [N]                before the first result; N: how many there will be, or the script fails
#   skip_all WHY, finish     end the script
#
# What check's command prints is in $work/log, which is shown where something fails without a reason.

here=$(cd "$(dirname "$0")" && pwd)
top=$(realpath "${STOPPER_TOP:-$here/../../../..}")
lib=$(realpath "${STOPPER_LIB:-$top/build/user}")
out=${STOPPER_TEST_OUT:-$here}
nr=0 status=0

at_end() { rm -rf "$work"; }
work=$(mktemp -d) || exit 1
trap at_end EXIT

ok() { nr=$((nr + 1)); echo "ok $nr $1"; }
not_ok() {
	nr=$((nr + 1)) status=1
	{ [ -n "$2" ] && echo "$2" || tail -n 40 "$work/log"; } 2>/dev/null | sed 's/^/# /'
	echo "not ok $nr $1"
}
skip() { nr=$((nr + 1)); echo "ok $nr $1 # SKIP $2"; }
result() { if [ "$1" = 0 ]; then ok "$2"; else not_ok "$2"; fi; }
check() {
	"${@:2}" >"$work/log" 2>&1
	result $? "$1"
}

until_true() {
	local i
	for ((i = 0; i < 400; i++)); do
		"$@" && return
		sleep 0.05
	done
	return 1
}

skip_all() { echo "TAP version 13"; echo "1..0 # SKIP $1"; exit 4; }
begin() {
	planned=$1
	echo "TAP version 13"
	[ -z "$planned" ] || echo "1..$planned"
}
finish() {
	[ -n "$planned" ] || echo "1..$nr"
	[ "${planned:-$nr}" = $nr ] || status=1
	exit $status
}
