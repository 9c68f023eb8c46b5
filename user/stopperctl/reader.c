// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * reader.c - a thread that reads the source on request.
 *
 * A source may be slow or hang: a slow server, a FIFO. Keys, timeouts and Ctrl-C must work
 * meanwhile, so a separate thread reads, and main waits for all of these at once.
 *
 *   main                                     thread
 *   reader_request() -- eventfd requests --> reads and parses
 *   reader_take()    <- pipe of pointers --- a view, which main owns from then on
 *
 * The system calls order the two threads, which share no other memory. At the end of the program
 * the thread is not joined.
 *
 * Signals that end the program are read from a descriptor, so that the terminal can be restored
 * first. Then the program ends by the signal (exit_by_signal()).
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

/* The thread blocks all signals; main handles them. */
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
	/* An ignored signal stays ignored (nohup). */
	for (i = 0; i < sizeof(fatal_signals) / sizeof(fatal_signals[0]); i++)
		if (!sigaction(fatal_signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(&set, fatal_signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* @r must live as long as the program. False: failed, after an error message. */
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

/* Requests a reading, unless one is pending. */
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

/* Waits until @until or for an event. Returns READER_* bits, 0 also after a signal handler. */
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

/* After READER_ANSWER. NULL: no memory even for the error message. */
struct view *reader_take(struct reader *r)
{
	struct view *v = NULL;

	if (read(r->answers, &v, sizeof(v)) != sizeof(v))
		return NULL;
	r->pending = false;
	return v;
}

/* After READER_SIGNAL: the signal, or 0. */
int reader_signal(struct reader *r)
{
	struct signalfd_siginfo si;

	return read(r->signals, &si, sizeof(si)) == sizeof(si) ? (int)si.ssi_signo : 0;
}

/* Ends the program by @sig. If that fails, returns the status that a shell would show. */
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
