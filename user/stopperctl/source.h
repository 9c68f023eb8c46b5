/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * source.h - the source of the debug list; there is one in each run.
 *
 * It is set while the options are parsed and constant afterwards, so one other thread may call
 * source_read().
 */
#ifndef STOPPERCTL_SOURCE_H
#define STOPPERCTL_SOURCE_H

#include "ctl.h"

struct option;

/* Longer text is not accepted as a list. */
#define SOURCE_MAX	(256UL << 20)

enum source_state {
	SOURCE_OK,
	SOURCE_BUSY,	/* no answer now; a retry may succeed */
	SOURCE_GONE,	/* does not exist yet, or no longer */
	SOURCE_BAD,	/* permanent error */
};

struct source_text {
	char *data;		/* NUL-terminated */
	size_t len, room;
	enum source_state state;
	char why[SENTENCE];	/* error message, unless SOURCE_OK */
};

int source_getopt(int argc, char **argv, const char *letters, const struct option *own);
int source_only_options(int argc, char **argv, const char *command, const char *help);
const char *source_name(void);
bool source_is_stdin(void);
bool source_is_kernel(void);
int source_pid(void);
enum source_state source_read(struct source_text *t);

/* used by source_*.c */
int source_text_add(struct source_text *t, const void *data, size_t len);
void source_text_free(struct source_text *t);
enum source_state source_fail(struct source_text *t, enum source_state state, const char *hint,
			      const char *fmt, ...) __attribute__((format(printf, 4, 5)));
enum source_state source_http(struct source_text *t, const char *url, const char *socket);
enum source_state source_process(struct source_text *t, int pid, char *path, size_t size);

#endif /* STOPPERCTL_SOURCE_H */
