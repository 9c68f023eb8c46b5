// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * control.c - what lets userspace control a stopper, in the form of kmod/control.c: one object
 * that is added when the stopper is created, and removed when it stops.
 *
 * Compiled with the sanitizer, so that the object and its lock are shared memory like the core's.
 */
#include "engine.h"
#include "scenario.h"

static stopper_lock_t lock = PTHREAD_MUTEX_INITIALIZER;

int plat_control_open(struct stopper *s)
{
	plat_flags_t f;
	void *files;

	if (!(s->flags & STOPPER_CONTROL))
		return 0;
	files = plat_alloc(1);
	if (!files)
		return -ENOMEM;
	plat_lock(&lock, f);
	if (stopper_phase(s) != STOPPER_STOPPED) {
		s->plat.control = files;
		files = NULL;
	}
	plat_unlock(&lock, f);
	plat_free(files);
	return 0;
}

void plat_control_close(struct stopper *s)
{
	plat_flags_t f;
	void *files;

	if (!(s->flags & STOPPER_CONTROL))
		return;
	plat_lock(&lock, f);
	files = s->plat.control;
	s->plat.control = NULL;
	plat_unlock(&lock, f);
	plat_free(files);
}
