#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_torture.sh: stopper_torture.ko, with all that can be done to it from outside: CPUs come and go,
# the debug file is read, modules that use the stopper load and unload, memory is short.
#
#   STOPPER_TORTURE_SECONDS=N  how long [30]
#   STOPPER_TORTURE_SEED=N     of its random numbers [drawn]

seconds=${STOPPER_TORTURE_SECONDS:-30}
seed=${STOPPER_TORTURE_SEED:-0}
case $seconds$seed in
*[!0-9]*)
	echo "STOPPER_TORTURE_SECONDS and STOPPER_TORTURE_SEED are numbers, not \"$seconds\" and \"$seed\"" >&2
	exit 1 ;;
esac

plan=7
. "$(dirname "$0")/kernel_lib.sh"
work=/tmp/torture.$$
mkdir $work
: >$work/go

is_running() { [ "$(parameter stopper_torture result)" = running ]; }
goes_on() { [ -e $work/go ]; }
count() { echo x >>$work/$1; }
counted() { wc -l 2>/dev/null <$work/$1 || echo 0; }

read_list() {
	while goes_on; do
		cat $debug >$work/text || echo "the debug file cannot be read" >>$work/wrong
		# Every line that begins a stopper has a name and a phase.
		grep '^stopper ' $work/text | grep -vE '^stopper [0-9]+ ".*": (running|quiescing|stopping|closing|stopped) for ' >>$work/wrong
		count reads
		sleep 0.05 2>/dev/null || sleep 1
	done
}

plug_cpus() {
	local cpu
	while goes_on; do
		for cpu in /sys/devices/system/cpu/cpu[1-9]*; do
			[ -w $cpu/online ] || continue
			echo 0 2>/dev/null >$cpu/online && count plugs
			echo 1 2>/dev/null >$cpu/online
		done
		sleep 1
	done
}

load_others() {
	while goes_on; do
		if load stopper_load handles=20 async=4 churn=1 && unload stopper_load; then
			count loads
		else
			echo "stopper_load cannot be loaded and unloaded" >>$work/wrong
			return
		fi
	done
}

# Where there is not much memory anyway, all but 96 MiB of it is taken, for a while.
press_memory() {
	local total free
	total=$(sed -n 's/^MemTotal: *\([0-9]*\) .*/\1/p' /proc/meminfo)
	mkdir $work/hog
	mount -t tmpfs -o size=90% hog $work/hog || return
	echo 4 >/proc/sys/vm/drop_caches	# says nothing from now on
	while goes_on; do
		free=$(sed -n 's/^MemAvailable: *\([0-9]*\) .*/\1/p' /proc/meminfo)
		if [ $total -lt 2097152 ] && [ $free -gt 131072 ]; then
			# At once, or as much as there is.
			fallocate -l $(((free - 98304) * 1024)) $work/hog/it 2>/dev/null ||
				dd if=/dev/zero of=$work/hog/it bs=1024k count=$(((free - 98304) / 1024)) 2>/dev/null
			count hogs
		fi
		echo 3 >/proc/sys/vm/drop_caches
		sleep 1
		rm -f $work/hog/it
		sleep 1
	done
	umount $work/hog
}

# What the module says, as it says it.
show_news() {
	new_log | grep -o 'stopper_torture: .*' | tail -n +$((shown + 1)) >$work/news
	shown=$((shown + $(wc -l <$work/news)))
	sed 's/^/# /' $work/news
}

load stopper
# A debug kernel under emulation may well need minutes for what takes others a moment.
check load_torture load stopper_torture seconds=$seconds seed=$seed hang=300
read_list &
plug_cpus &
load_others &
press_memory &

# A hang ends in the module's own verdict, after "hang" seconds.
shown=0
while is_running; do
	sleep 1
	show_news
done
rm $work/go
wait
show_news
echo "# $(counted plugs) CPUs taken away, $(counted loads) modules loaded and unloaded," \
	"$(counted reads) reads of the list, memory taken $(counted hogs) times"

verdict=$(new_log | grep -o 'stopper-torture: [A-Z].*')
case $(parameter stopper_torture result) in
SUCCESS) ok torture ;;
*)	cat $debug | sed 's/^/# /'
	echo t >/proc/sysrq-trigger
	not_ok torture "$verdict" ;;
esac
check nothing_wrong_outside [ ! -s $work/wrong ]
[ ! -s $work/wrong ] || sed 's/^/# /' $work/wrong
umount $work/hog 2>/dev/null
rm -rf $work
check unload_torture unload stopper_torture
check list_is_empty eval '! grep -q "^stopper" $debug'
check unload_stopper unload stopper
dmesg_is_clean dmesg_after_torture
finish
