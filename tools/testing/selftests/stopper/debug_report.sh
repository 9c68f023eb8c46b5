#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# debug_report.sh: what a debug kernel has found, apart from its log: leaks, and whether lockdep still looks.

echo "TAP version 13"
echo "1..2"

# Twice: what is reported must be older than five seconds and must not have changed in between.
leaks=/sys/kernel/debug/kmemleak
if [ -f $leaks ]; then
	sleep 6
	if echo scan >$leaks && echo scan >$leaks; then
		found=$(cat $leaks)
		echo "$found" | head -n 60 | sed '/^$/d; s/^/# /'
		[ -z "$found" ] && echo "ok 1 no_leaks" || echo "not ok 1 no_leaks"
	else
		echo "not ok 1 no_leaks: kmemleak has given up"
	fi
else
	echo "ok 1 no_leaks # SKIP no kmemleak in this kernel"
fi

if [ -f /proc/lockdep_stats ]; then
	grep -q 'debug_locks: *1$' /proc/lockdep_stats && verdict=ok || verdict='not ok'
	echo "$verdict 2 lockdep_still_looks"
else
	echo "ok 2 lockdep_still_looks # SKIP no lockdep in this kernel"
fi
