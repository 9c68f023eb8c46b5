/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * control.h - the files of /sys/kernel/stopper/, with which kernel stoppers are stopped.
 */
#ifndef STOPPERCTL_CONTROL_H
#define STOPPERCTL_CONTROL_H

#include "progress.h"

#define CONTROL_MAX	64	/* stoppers that one command waits for */

struct control {
	uint64_t id;
	int phase;			/* its file; -1: it has stopped */
};

const char *control_dir(void);
size_t control_find(const char *wanted, struct control found[CONTROL_MAX]);
int control_stop(const struct control *c, const char *cause);
int control_wait(struct control *c, size_t nr, const char *name, int64_t limit,
		 struct progress *p);

#endif /* STOPPERCTL_CONTROL_H */
