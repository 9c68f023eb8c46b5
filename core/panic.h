/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * panic.h - activities, panics; see panic.c.
 */
#ifndef STOPPER_CORE_PANIC_H
#define STOPPER_CORE_PANIC_H

#include "internal.h"

/* The callback that runs, for the panic hook. */
struct call {
	struct stopper *s;
	const struct stopper_site *site;
	enum stopper_panic_kind kind;
	struct call *outer;		/* the platform's */
};

void activity_enter(struct activity *a, struct stopper *s, const struct stopper_site *site,
		    enum stopper_panic_kind kind);
void activity_rename(struct activity *a, struct stopper_site *site, const char *name);
void activity_exit(struct activity *a);
bool activity_on_this_thread(struct stopper *s);
static inline void activity_leave(struct activity **a)
{
	activity_exit(*a);
}

void activities_visit(struct stopper *s, void (*visit)(void *arg, const struct activity *a),
		      void *arg);

#endif /* STOPPER_CORE_PANIC_H */
