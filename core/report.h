/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * report.h - the debug list; see report.c.
 */
#ifndef STOPPER_CORE_REPORT_H
#define STOPPER_CORE_REPORT_H

#include "internal.h"
#include "snapshot.h"

struct line_sink {
	void (*line)(void *arg, const char *line);
	void *arg;
};

const char *group_kind_name(const struct site_group *g);
void report_stopper(const struct line_sink *out, const struct task_snapshot *snap,
		    struct stopper *s, unsigned int *lookups);

#endif /* STOPPER_CORE_REPORT_H */
