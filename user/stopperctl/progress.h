/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * progress.h - what a stop waits for, while `wait' and `stop' wait for its end.
 *
 * On a terminal it is one line that is updated, else a new line whenever something other than the
 * times has changed.
 */
#ifndef STOPPERCTL_PROGRESS_H
#define STOPPERCTL_PROGRESS_H

#include "view.h"

#define PROGRESS	2048

struct progress {
	bool status_line, line_shown;
	char last_what[PROGRESS];	/* the last one, without its times */
	char last_text[PROGRESS];	/* and with them */
};

void progress_init(struct progress *p);
void progress_show(struct progress *p, const char *what, const char *text);
void progress_stopper(struct progress *p, const struct view_stopper *vs, size_t nr_left);
void progress_end(struct progress *p);
int progress_stopped(struct progress *p, const char *name, int64_t ns);
int progress_timed_out(struct progress *p, int64_t limit);

#endif /* STOPPERCTL_PROGRESS_H */
