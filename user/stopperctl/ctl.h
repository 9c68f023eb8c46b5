/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * ctl.h - stopperctl: what its parts share.
 *
 *   main.c         the table of commands, what all of them understand
 *   usage.c        usage errors, values of options, the end of the output
 *   source*.c      where the text comes from, and a sentence when it does not
 *   reader.c       a thread that reads and parses, so that keys and time limits work meanwhile
 *   ../debuglist   the text's model, and that as JSON
 *   view.c         what a person asks of it: who holds up a stop, what comes first
 *   text.c         text from outside made safe, times made short
 *   cmd_*.c        a command each; screen.c: what `top' shows, as lines; trace_*.c: a line
 *                  of a recording, its events as slices on tracks, the output
 *
 * All that comes from outside - the list, answers of servers, file names - goes through
 * text_put() or error_msg() on its way to a terminal: what is not printable ASCII shows as `?'.
 */
#ifndef STOPPERCTL_CTL_H
#define STOPPERCTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The exit statuses, as in stopperctl(1). */
enum {
	EXIT_OK = 0,
	EXIT_USAGE = 1,		/* also: the output cannot be written */
	EXIT_SOURCE = 2,	/* there is no list to be had */
	EXIT_TIME = 3,		/* wait: the limit */
	EXIT_NO_STOPPER = 4,	/* wait: none of this name */
	EXIT_GONE = 5,		/* wait: the source went away */
};

#define NSEC_PER_SEC	1000000000LL
#define NSEC_PER_MSEC	1000000LL

#define SENTENCE	512	/* room for one */

struct command {
	const char *name;
	int (*run)(int argc, char **argv);	/* argv[0]: the program; options follow */
	const char *summary;
};

int cmd_list(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_trace(int argc, char **argv);

/* usage.c */
int try_help(const char *command);
int wrong_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool parse_seconds(const char *s, double min, double max, int64_t *ns);
int finish_output(void);

/* text.c */
void error_msg(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
size_t text_put(char *dst, size_t size, const char *src);
size_t text_fit(char *dst, size_t size, const char *src, size_t width);
size_t text_fit_tail(char *dst, size_t size, const char *src, size_t width);
void text_age(char dst[16], uint64_t ms);
int64_t now_ns(void);

#endif /* STOPPERCTL_CTL_H */
