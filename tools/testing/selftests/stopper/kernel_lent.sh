#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel_lent.sh: a module is pinned while another module's stopper runs its functions. What else it leaves
# behind is reported by name, and its memory is not read. The forced stop of a forgotten stopper blocks no
# other module.

plan=20
. "$(dirname "$0")/kernel_lib.sh"

lender=/sys/module/stopper_lender/parameters
list() { cat $debug; }
shows() { list | grep -q "$1"; }
refused() { ! rmmod stopper_borrower 2>/dev/null; }
removed() { rmmod stopper_borrower; }
idle() { list | grep -q '^stopper .* "lent": .* tasks 0, .* workers 0,'; }

load stopper

# Held while its function runs.
for what in task worker; do
	load stopper_lender
	load stopper_borrower what=$what
	check $what-holds-the-module refused
	check $what-is-listed shows "  $what 1 \"$what\""
	echo 1 >$lender/gate
	check $what-is-over wait_for 30 idle
	check $what-lets-the-module-go wait_for 30 removed
	unload stopper_lender
done

# Until it has been called.
load stopper_lender
load stopper_borrower what=closer
check closer-holds-the-module refused
echo 1 >$lender/stop
check closer-lets-the-module-go wait_for 30 removed
unload stopper_lender

# A handle can be ended by any holder of its record: the module is not pinned.
load stopper_lender
load stopper_borrower what=handle
check module-with-a-handle-goes removed
check handle-is-named log_has 'module stopper_borrower unloaded with task "handle" .*still running'
check handle-is-shown-without-its-module shows '  task 1 "(its module was unloaded)"'
echo 1 >$lender/stop
check handle-is-ended-by-another sh -c "! grep -q lent $debug"
unload stopper_lender

# Its own, forgotten: the task needs the lock of the module notifiers, and so does insmod.
load stopper_lender
load stopper_borrower what=forget
rmmod stopper_borrower &
remover=$!
check forgotten-stopper-is-named wait_for 30 log_has 'module stopper_borrower unloaded without stopping "forgotten"'
check other-modules-come-meanwhile load stopper_machine
check and-go unload stopper_machine
check its-task-still-runs shows '"forgotten": quiescing'
echo 1 >$lender/gate
wait $remover
check then-the-module-goes [ $? = 0 ]
unload stopper_lender
unload stopper
dmesg_is_clean dmesg_after_lent
finish
