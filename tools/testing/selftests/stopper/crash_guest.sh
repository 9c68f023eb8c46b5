#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# crash_guest.sh [COMMAND...]: a stop that never ends, for tools/testing/vm/crash, which looks into this guest from
# outside; or COMMAND looks from inside.

plan=1
. "$(dirname "$0")/kernel_lib.sh"

load stopper
load stopper_machine
machine_do worker 2
machine_do hold
machine_do softirq
machine_do stop &
for i in $(seq 300); do
	grep -q '^stopper 1 .*: quiescing' /sys/kernel/debug/stopper && grep -q softirq /sys/kernel/debug/stopper && break
	sleep 0.1
done
echo "@kallsyms"
grep -E '\[stopper\]$| (__per_cpu_offset|nr_cpu_ids|init_task|jiffies)$' /proc/kallsyms
echo "@list"
cat /sys/kernel/debug/stopper
echo "@end"
if [ $# != 0 ]; then
	echo "@command"
	"$@"
	echo "@done"
	exit
fi
# Until this guest is ended from outside.
sleep 600
