#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# demo.sh: the kernel part of "make demo". Boots a VM, runs real clients against stopper_httpd, unloads the
# module under load, and accounts for every request.
#
#   KERNEL           6.1, 6.12, rt, kasan ...                                                 [6.12]
#   STOPPER_DEMO_SECONDS  the time limit                                         [120]
#   STOPPER_DEMO_RMMOD_MS how long rmmod may take under load                     [4000]
#   STOPPER_DEMO_VM       more options of tools/testing/vm/run                   [none]
#   STOPPER_KO_DIR   where build-modules put the modules        [the ones built for KERNEL]
#
# Exit status 0: no request was lost, and the kernel log has only lines of the stopper. demo-guest.sh
# describes what happens in the guest and how the counts of both sides are compared.

. "${BASH_SOURCE[0]%/*}/../../tools/testing/lib/ui.sh"
samples=$top/kmod/samples
vm=$testing/vm
kernel=${KERNEL:-6.12}

ko_dir=${STOPPER_KO_DIR:-}
[ -n "$ko_dir" ] || ko_dir=$("$testing/lib/build-modules" -p "$("$vm/kernels" kdir "$kernel")") || exit

# -f arguments for a program and its shared libraries, each at its own path.
program() {
	local path
	path=$(command -v "$1") || die "$1 is not installed (tools/testing/lib/deps demo)"
	files+=(-f "$path:/bin/$1")
	while read -r path; do
		files+=(-f "$path:$path")
	done < <(ldd "$path" | grep -o '/[^ ]*')
}

module() {
	local path
	path=$(find "$ko_dir" -name "$1" -print -quit)
	[ -n "$path" ] || die "no $1 in $ko_dir: make modules"
	files+=(-f "$path:/demo/$1")
}

files=()
module stopper.ko
module stopper_httpd.ko
program wrk
program curl
for file in demo-guest.sh demo-wrk.lua; do
	files+=(-f "$samples/$file:/demo/$file")
done

note "Booting kernel $kernel in QEMU: stopper_httpd under load, then rmmod"
supervise "$vm/run" -k "$kernel" -t "${STOPPER_DEMO_SECONDS:-120}" -m 768 ${STOPPER_DEMO_VM:-} -l "$log_dir/demo-vm-$kernel.log" "${files[@]}" \
	-- "sh /demo/demo-guest.sh ${STOPPER_DEMO_RMMOD_MS:-4000}"
