// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * reader.c - a thread that reads the source when asked.
 *
 * A source may take its time, or hang: a slow server, a FIFO. Keys, a time limit and Ctrl-C must
 * work meanwhile, so reading has a thread of its own, and main waits for all of them at once.
 *
 *   main                                     thread
 *   reader_request() -- eventfd requests --> reads and parses
 *   reader_take()    <- pipe of pointers --- a view, which is main's from then on
 *
 * The system calls order the two; there is no other memory that both touch. At the end of the
 * program the thread is left where it is.
 *
 * Signals that end us come by a descriptor, so that the terminal can be put in order first; then
 * they do what they would have done (exit_by_signal()).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "reader.h"

static const int fatal_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	struct view *v;
	eventfd_t n;

	while (!eventfd_read(r->requests, &n) || errno == EINTR) {
		v = view_take();
		if (write(r->answers_in, &v, sizeof(v)) != sizeof(v))
			break;
	}
	return NULL;
}

/* The thread has all signals blocked: they are main's. */
static int reader_start_thread(struct reader *r)
{
	sigset_t all, before;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, NULL, reader_main, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!err)
		pthread_detach(thread);
	return err;
}

static int catch_signals(void)
{
	struct sigaction old;
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	/* What is ignored stays so: nohup. */
	for (i = 0; i < sizeof(fatal_signals) / sizeof(fatal_signals[0]); i++)
		if (!sigaction(fatal_signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(&set, fatal_signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* @r lives as long as the program. False: no resources, which was said. */
bool reader_start(struct reader *r)
{
	int fds[2] = { -1, -1 }, err;

	r->pending = false;
	r->requests = eventfd(0, EFD_CLOEXEC);
	r->signals = r->requests < 0 ? -1 : catch_signals();
	if (r->signals >= 0 && !pipe2(fds, O_CLOEXEC)) {
		r->answers = fds[0];
		r->answers_in = fds[1];
		err = reader_start_thread(r);
		if (!err)
			return true;
	} else {
		err = errno;
	}
	error_msg("cannot start the thread that reads %s: %s", source_name(), strerror(err));
	return false;
}

/* Nothing happens if the last one has not been answered yet. */
void reader_request(struct reader *r)
{
	if (!r->pending)
		r->pending = !eventfd_write(r->requests, 1);
}

static int remaining_ms(int64_t until)
{
	int64_t left = until - now_ns();

	if (left <= 0)
		return 0;
	return left < 1000000 * NSEC_PER_MSEC ? (int)(left / NSEC_PER_MSEC) + 1 : 1000000;
}

/* Waits until @until, or for something: READER_* bits. 0 also after a signal with a handler. */
int reader_poll(struct reader *r, bool keys, int64_t until)
{
	struct pollfd fds[] = {
		{ .fd = r->answers, .events = POLLIN },
		{ .fd = r->signals, .events = POLLIN },
		{ .fd = keys ? STDIN_FILENO : -1, .events = POLLIN },
	};

	if (poll(fds, 3, remaining_ms(until)) <= 0)
		return 0;
	return (fds[0].revents ? READER_ANSWER : 0) | (fds[1].revents ? READER_SIGNAL : 0) |
	       (fds[2].revents ? READER_KEYS : 0);
}

/* After READER_ANSWER. NULL: there was no memory even for the reason. */
struct view *reader_take(struct reader *r)
{
	struct view *v = NULL;

	if (read(r->answers, &v, sizeof(v)) != sizeof(v))
		return NULL;
	r->pending = false;
	return v;
}

/* After READER_SIGNAL: which one, or 0. */
int reader_signal(struct reader *r)
{
	struct signalfd_siginfo si;

	return read(r->signals, &si, sizeof(si)) == sizeof(si) ? (int)si.ssi_signo : 0;
}

/* Ends us as @sig would have. Returns the status that a shell would show, should it not. */
int exit_by_signal(int sig)
{
	sigset_t set;

	fflush(stdout);
	sigemptyset(&set);
	sigaddset(&set, sig);
	signal(sig, SIG_DFL);
	raise(sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return 128 + sig;
}
