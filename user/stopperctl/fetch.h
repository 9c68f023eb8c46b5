/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * fetch.h - a thread that reads the source when asked, and the signals that end us meanwhile.
 */
#ifndef STOPPERCTL_FETCH_H
#define STOPPERCTL_FETCH_H

#include "view.h"

struct fetch {
	int ask;	/* eventfd: one more reading, please */
	int answers;	/* pipe of struct view *; readable: fetch_take() */
	int to;
	int signals;	/* signalfd; readable: fetch_signal() */
	bool pending;
};

enum { FETCH_KEYS = 1, FETCH_ANSWER = 2, FETCH_SIGNAL = 4 };

bool fetch_start(struct fetch *f);
void fetch_ask(struct fetch *f);
int fetch_poll(struct fetch *f, bool keys, int64_t until);
struct view *fetch_take(struct fetch *f);
int fetch_signal(struct fetch *f);
int fetch_die(int sig);

#endif /* STOPPERCTL_FETCH_H */
