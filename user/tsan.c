// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tsan.c - a program that was built with TSan, on a library that was not; see platform.h.
 *
 * Its runtime is there or not when the program is loaded, which weak symbols tell.
 */
#include "internal.h"

#ifdef STOPPER_TSAN
bool plat_on_tsan;			/* it sees for itself */
#else
#pragma weak __tsan_acquire
#pragma weak __tsan_release

bool plat_on_tsan;

/* Before the program has an event of its own. */
__attribute__((constructor)) static void tsan_init(void)
{
	plat_on_tsan = __tsan_acquire && __tsan_release;
}

void tsan_happens_before(const void *p)
{
	__tsan_release((void *)p);
}

void tsan_happens_after(const void *p)
{
	__tsan_acquire((void *)p);
}
#endif
