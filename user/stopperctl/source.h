/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * source.h - where the debug list comes from: the one source of this run.
 *
 * It is chosen while the options are read and is constant afterwards, so source_read() may be
 * called on a thread of its own, by one at a time.
 */
#ifndef STOPPERCTL_SOURCE_H
#define STOPPERCTL_SOURCE_H

#include "ctl.h"

struct option;

/* A list that is longer is none. */
#define SOURCE_MAX	(256UL << 20)

enum source_state {
	SOURCE_OK,
	SOURCE_BUSY,	/* no answer now, perhaps later */
	SOURCE_GONE,	/* nobody is there: not yet, or no longer */
	SOURCE_BAD,	/* will not get better by itself */
};

struct source_text {
	char *data;		/* NUL behind the end */
	size_t len, room;
	enum source_state state;
	char why[SENTENCE];	/* unless SOURCE_OK: what failed and why, one sentence */
};

int source_getopt(int argc, char **argv, const char *letters, const struct option *own);
const char *source_name(void);
bool source_is_stdin(void);
enum source_state source_read(struct source_text *t);

/* for the kinds of sources */
int source_text_add(struct source_text *t, const void *data, size_t len);
void source_text_free(struct source_text *t);
enum source_state source_fail(struct source_text *t, enum source_state state, const char *hint,
			      const char *fmt, ...) __attribute__((format(printf, 4, 5)));
enum source_state source_http(struct source_text *t, const char *url, const char *socket);
enum source_state source_process(struct source_text *t, int pid, char *path, size_t size);

#endif /* STOPPERCTL_SOURCE_H */
