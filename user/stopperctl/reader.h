/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * reader.h - a thread that reads the source on request, and the signals that end the program.
 */
#ifndef STOPPERCTL_READER_H
#define STOPPERCTL_READER_H

#include "view.h"

struct reader {
	int requests;	/* eventfd */
	int answers;	/* pipe of struct view *; readable: reader_take() */
	int answers_in;	/* its other end */
	int signals;	/* signalfd; readable: reader_signal() */
	bool pending;
};

enum { READER_KEYS = 1, READER_ANSWER = 2, READER_SIGNAL = 4 };

bool reader_start(struct reader *r);
void reader_request(struct reader *r);
int reader_poll(struct reader *r, bool keys, int64_t until);
struct view *reader_take(struct reader *r);
int reader_signal(struct reader *r);
int exit_by_signal(int sig);

#endif /* STOPPERCTL_READER_H */
