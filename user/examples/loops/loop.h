/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * loop.h - the part of the event-loop examples that is not the loop: a server whose requests are
 * the lines of standard input, each of which is answered a moment later.
 *
 * A request is a task handle. SIGTERM, SIGINT or the end of the input begin the stop. Then the
 * loop gets two events: at ShouldQuiesce it stops to read, at IsStopped the last request has been
 * answered, and it ends.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stopper/signal.h>
#include <stopper/stopper.h>
#include <stopper/uring.h>

#define ANSWER_MS	1	/* how long a request takes */

struct request {
	struct stopper_task task;
	char text[64];
};

static struct stopper *s;
static int total;

static inline void server_create(const char *name)
{
	static const int signals[] = { SIGINT, SIGTERM };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (stopper_create(&s, name, NULL) || stopper_stop_on_signals(s, signals, 2))
		exit(2);
}

/* The exit status of the program. */
static inline int server_end(void)
{
	int err = stopper_stop(s, NULL);

	printf("total %d\n", total);
	stopper_put(s);
	return err ? 1 : 0;
}

static inline void request_begin(const char *text, void (*start)(struct request *r))
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		exit(2);
	snprintf(r->text, sizeof(r->text), "%s", text);
	printf("begin %s\n", r->text);
	if (stopper_task_begin(s, NULL, "request", &r->task)) {
		printf("refused %s\n", r->text);
		free(r);
		return;
	}
	stopper_task_label(&r->task, "%s", r->text);
	start(r);
}

static inline void request_answer(struct request *r)
{
	printf("done %s\n", r->text);
	total++;
	stopper_task_end(&r->task);
	free(r);
}

/* Starts a request for each line of what was read; at the end of the input, begins the stop. */
static inline void input(const char *data, ssize_t n, void (*start)(struct request *r))
{
	static char line[64];
	static size_t used;

	if (n <= 0)
		stopper_stop_async(s);
	for (; n > 0; data++, n--) {
		if (*data == '\n') {
			line[used] = '\0';
			used = 0;
			request_begin(line, start);
		} else if (used < sizeof(line) - 1) {
			line[used++] = *data;
		}
	}
}

static inline void read_input(void (*start)(struct request *r))
{
	char data[512];

	input(data, read(STDIN_FILENO, data, sizeof(data)), start);
}

#endif
