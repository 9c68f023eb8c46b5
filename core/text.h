/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * text.h - lines of the log, times; see text.c.
 */
#ifndef STOPPER_CORE_TEXT_H
#define STOPPER_CORE_TEXT_H

#include "internal.h"

#define TEXT_LINE_SIZE	512	/* bytes of a line of the log or of the debug list, at most */

struct secs {
	char text[32];
};

const char *secs(struct secs *b, int64_t ns);
#define SECS(ns)	secs(&(struct secs){ "" }, ns)

#endif /* STOPPER_CORE_TEXT_H */
