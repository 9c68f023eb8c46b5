// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * count.c - instructions per operation, counted by callgrind; see ../user-counts.
 *
 * Each loop runs COUNT and then twice COUNT times, with a dump after each, named
 * "CASE COUNT". The difference is COUNT operations and nothing else: what the loop
 * does before and after is in both. COUNT is a multiple of the slots of a table.
 * Asynchronous tasks are not counted: which thread sleeps and which spins on a
 * lock is another thing each time.
 */
#include <stdio.h>
#include <valgrind/callgrind.h>
#include "bench.h"

#define COUNT	1024
#define WARM	128

static void count_dump(const struct side *side, uint64_t n)
{
	char name[80];

	snprintf(name, sizeof(name), "%s %lu", side->name, (unsigned long)n);
	CALLGRIND_ZERO_STATS;
	side->loop(0, n);
	CALLGRIND_DUMP_STATS_AT(name);
}

void count_all(void)
{
	const struct side *side;

	if (!RUNNING_ON_VALGRIND)
		die("--count is for callgrind: see user-counts");
	for (side = counted; side->name; side++) {
		if (side->open)
			side->open(1);
		side->loop(0, WARM);
		count_dump(side, COUNT);
		count_dump(side, 2 * COUNT);
		if (side->close)
			side->close();
	}
}
