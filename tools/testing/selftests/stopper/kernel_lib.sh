# SPDX-License-Identifier: GPL-2.0
# kernel_lib.sh: what the kernel's tests share. Busybox ash is enough. Sourced, after $plan is set.
#
#   ok NAME / not_ok NAME [WHY] / skip NAME WHY / check NAME COMMAND...   one result each
#   load MODULE [PARAMETER...] / unload MODULE                           from $STOPPER_KO_DIR
#   reloads=y               set before sourcing: this test cannot run on a stopper in the kernel's image
#   machine_do COMMAND, stopping N, returned N, waiting N, interrupted N, phase_is PHASE   of stopper_machine.ko
#   dmesg_is_clean NAME     a result: nothing wrong in the kernel log since the script began
#   finish                  ends the script, everything unloaded, with kselftest's exit status
#
# A wait polls a condition with a bound that is generous on an emulated CPU.

here=$(dirname "$0")
ko=${STOPPER_KO_DIR:-/lib/stopper}
[ -d "$ko" ] || ko=$here/kmod	# as kselftest installs them from a kernel's tree
debug=/sys/kernel/debug/stopper
nr=0 failed=0

# new_log: the kernel log since new_log_begins, or all of it if that has been overwritten meanwhile: a line
# in the log marks the place, as counting lines would go wrong once the log is full.
new_log_begins() {
	log_marks=$((${log_marks:-0} + 1))
	log_mark="stopper selftest $$.$log_marks: ${0##*/}"
	echo "$log_mark" >/dev/kmsg
}

new_log() {
	dmesg | awk -v mark="$log_mark" '
		{ line[NR] = $0 }
		index($0, mark) { start = NR }
		END { for (i = start + 1; i <= NR; i++) print line[i] }'
}

# Kernels with the RT patches have the file, those since 6.12 the word.
on_rt() { [ -e /sys/kernel/realtime ] || uname -v | grep -q PREEMPT_RT; }

skip_all() { echo "1..0 # SKIP $1"; exit 4; }

[ "$(id -u)" = 0 ] || skip_all "needs root"
! grep -q '^stopper ' /proc/modules || skip_all "stopper.ko is loaded and in use here"
# In the image of a kernel it is there from the start, and stays.
built_in=
if [ -e $debug ]; then
	built_in=y
	[ -z "$reloads" ] || skip_all "the stopper is in the kernel's image"
elif [ ! -f "$ko/stopper.ko" ] && ! modprobe -n stopper 2>/dev/null; then
	skip_all "no modules in $ko"
fi

echo "TAP version 13"
echo "1..$plan"
new_log_begins

ok() { nr=$((nr + 1)); echo "ok $nr $1"; }
not_ok() { nr=$((nr + 1)); failed=1; [ -z "$2" ] || echo "# $2"; echo "not ok $nr $1"; }
skip() { nr=$((nr + 1)); echo "ok $nr $1 # SKIP $2"; }
check() {
	local name=$1
	shift
	if "$@"; then ok "$name"; else not_ok "$name" "$*: status $?"; fi
}

load() {
	local m=$1
	shift
	[ -z "$built_in" ] || [ "$m" != stopper ] || return 0
	if [ -f "$ko/$m.ko" ]; then insmod "$ko/$m.ko" "$@"; else modprobe "$m" "$@"; fi
}
unload() { [ "$built_in $1" = "y stopper" ] || rmmod "$1"; }
loaded() { grep -q "^$1 " /proc/modules; }
parameter() { cat "/sys/module/$1/parameters/$2"; }

# wait_for SECONDS COMMAND...: until it is true
wait_for() {
	local end=$(($(cut -d. -f1 /proc/uptime) + $1))
	shift
	until "$@"; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt $end ] || return 1
		sleep 0.1 2>/dev/null || sleep 1
	done
}

log_has() { new_log | grep -q "$1"; }

# The comm of a kthread: since 6.11 or so /proc/PID/comm shows the name it was created with instead.
comm_of() {
	local comm
	comm=$(sed -n '1s/ ([0-9]*, #threads.*//p' "/proc/$1/sched" 2>/dev/null)
	echo "${comm:-$(cat "/proc/$1/comm" 2>/dev/null)}"
}

# The VM's helper knows all the ways in which a kernel complains; a few will do where it is missing.
scan() {
	if command -v scan-dmesg >/dev/null; then
		scan-dmesg
	else
		! grep -E 'WARNING: |BUG: |kernel BUG|Oops|Call Trace|blocked for more than|rcu.*stall|refcount_t'
	fi
}

dmesg_is_clean() {
	if new_log | scan >/tmp/complaints.$$ 2>&1; then
		ok "$1"
	else
		sed 's/^/# /' /tmp/complaints.$$
		not_ok "$1"
	fi
	rm -f /tmp/complaints.$$
}

# program NAME: the path of a static program, or none
program() {
	local p
	for p in "$here/$1" "$here/static/$1" "${STOPPER_TEST_OUT:-$here}/static/$1"; do
		[ ! -x "$p" ] || { echo "$p"; return; }
	done
}

# stopper_machine.ko, see its head: a command, a number of its line, and the phase of its stopper.
machine=/dev/stopper_machine
machine_do() { echo "$*" >$machine; }
field() { cut -d' ' -f$1 $machine; }
stopping() { [ "$(field 4)" = $1 ]; }
returned() { [ "$(field 6)" = $1 ]; }
waiting() { [ "$(field 8)" = $1 ]; }
interrupted() { [ "$(field 10)" = $1 ]; }
phase_is() { grep -q "\"machine\": $1" $debug; }

finish() {
	local m
	for m in stopper_blk stopper_httpd test_stopper stopper_machine stopper_torture stopper_load stopper_latency stopper_oops stopper_faults stopper_unload1 stopper_unload2 \
		stopper_unload3 stopper; do
		! loaded $m || unload $m
	done
	exit $failed
}
