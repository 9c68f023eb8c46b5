/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * stacks.h - the user stacks of a process' threads; see stacks.c.
 */
#ifndef STOPPERCTL_STACKS_H
#define STOPPERCTL_STACKS_H

#include "view.h"

bool stacks_add(struct view *v, int pid);
void stacks_free(void);

#endif /* STOPPERCTL_STACKS_H */
