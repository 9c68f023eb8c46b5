/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * screen.h - the lines that `top' shows, on a terminal or in a pipe.
 */
#ifndef STOPPERCTL_SCREEN_H
#define STOPPERCTL_SCREEN_H

#include "view.h"

#define SCREEN_WIDE	512	/* maximum number of columns */

enum screen_style {
	STYLE_PLAIN,
	STYLE_TITLE,
	STYLE_HEAD,	/* of columns */
	STYLE_BLOCKS,	/* what blocks a stop */
	STYLE_STOP,	/* a stopper that stops */
	STYLE_ALERT,
	STYLE_FAINT,
};

struct screen {
	int height, width;	/* height 0: unlimited */
	enum view_key key;
	bool reverse;
	size_t first;		/* first group that is shown; corrected if too large */
	size_t page;		/* out: number of groups shown */
	const char *alert;	/* why the list is old, or NULL */
	void (*line)(void *arg, enum screen_style style, const char *text);
	void *arg;
};

void screen_show(struct screen *s, const struct view *v);
void screen_help(struct screen *s);
const char *screen_key_name(enum view_key key);

#endif /* STOPPERCTL_SCREEN_H */
