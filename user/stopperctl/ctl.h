/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * ctl.h - declarations shared by the parts of stopperctl.
 *
 *   main.c         the table of commands and the common options
 *   usage.c        usage errors, values of options, the end of the output
 *   source*.c      reads the text of the list from its source
 *   reader.c       a thread that reads and parses, so that keys and timeouts work meanwhile
 *   ../debuglist   parses the text; JSON, metrics
 *   view.c         sorts the list and finds what blocks each stop
 *   progress.c     what a stop waits for
 *   control.c      /sys/kernel/stopper/: stops kernel stoppers
 *   stacks.c       the user stacks of a process' threads
 *   text.c         makes text safe for a terminal, formats times
 *   cmd_*.c        one command each
 *   screen.c       the lines that `top' shows
 *   trace_*.c      for `trace': lines of a recording, slices, output
 *
 * All external text - the list, answers of servers, file names - passes text_put() or error_msg()
 * before it reaches a terminal. Bytes that are not printable ASCII are shown as `?'.
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
	EXIT_SOURCE = 2,	/* no list available; stop: not permitted */
	EXIT_TIME = 3,		/* wait, stop: timed out */
	EXIT_NO_STOPPER = 4,	/* wait, stop: no such stopper */
	EXIT_GONE = 5,		/* wait: the source disappeared */
};

#define NSEC_PER_SEC	1000000000LL
#define NSEC_PER_MSEC	1000000LL

#define SENTENCE	512	/* buffer size of an error message */

struct command {
	const char *name;
	int (*run)(int argc, char **argv);	/* argv[0]: the program; options follow */
	const char *summary;
};

int cmd_list(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
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
