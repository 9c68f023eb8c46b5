/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * screen.h - what `top' shows, as lines of text, for a terminal and for a pipe.
 */
#ifndef STOPPERCTL_SCREEN_H
#define STOPPERCTL_SCREEN_H

#include "view.h"

#define SCREEN_WIDE	512	/* columns that are ever used */

enum screen_style {
	STYLE_PLAIN,
	STYLE_TITLE,
	STYLE_HEAD,	/* of columns */
	STYLE_HOLDS,	/* the culprit */
	STYLE_STOP,	/* a stopper on its way */
	STYLE_ALERT,
	STYLE_FAINT,
};

struct screen {
	int height, width;	/* height 0: as many lines as it takes */
	enum view_key key;
	bool reverse;
	size_t first;		/* of the lower part; corrected when it is too large */
	size_t page;		/* out: groups that are shown */
	const char *alert;	/* NULL, or why @v is old */
	void (*line)(void *arg, enum screen_style style, const char *text);
	void *arg;
};

void screen_show(struct screen *s, const struct view *v);
void screen_help(struct screen *s);
const char *screen_key_name(enum view_key key);

#endif /* STOPPERCTL_SCREEN_H */
