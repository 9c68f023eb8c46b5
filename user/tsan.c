// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tsan.c - for a program built with TSan that uses a library built without it; see platform.h.
 *
 * Weak symbols tell at load time whether the program contains TSan's runtime.
 */
#include "internal.h"

#ifdef STOPPER_TSAN
bool plat_on_tsan;			/* false: this library is instrumented itself */
#else
#pragma weak __tsan_acquire
#pragma weak __tsan_release

bool plat_on_tsan;

/* Runs before the program can use an event. */
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
