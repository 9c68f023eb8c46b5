#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# guest.sh PARALLEL ROUNDS CASE[:THREADS]...: in the guest: run these cases ("all": every one); their
# records on stdout. PARALLEL: see the head of stopper_bench_main.c; "host:N": N under KVM, else 1.

parallel=$1 rounds=$2
shift 2
bench=/sys/kernel/debug/stopper_bench

case $parallel in
host:*)	if dmesg | grep -q 'Hypervisor detected: KVM'; then
		parallel=${parallel#*:}
	else
		parallel=1
	fi ;;
esac
insmod /ko/stopper.ko && insmod /ko/stopper_bench.ko parallel="$parallel" || exit

run() {
	local threads=0

	case $1 in
	*:*)	threads=${1#*:} ;;
	esac
	if ! echo "${1%:*} $threads $rounds" >$bench/run; then
		echo "# $1 failed; there are: $(sed 's/ .*//' $bench/cases | tr '\n' ' ')"
		dmesg | grep stopper_bench: | tail -n 1
		exit 1
	fi
	cat $bench/run
}

echo "# $(uname -sr), $(nproc) virtual CPUs, $parallel at once"
for spec; do
	if [ "$spec" = all ]; then
		for name in $(sed 's/ .*//' $bench/cases); do
			run "$name"
		done
	else
		run "$spec"
	fi
done
rmmod stopper_bench && rmmod stopper
