// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fetch.c - a thread that reads the source when asked.
 *
 * A source may take its time, or hang: a slow server, a FIFO. Keys, a time limit and Ctrl-C must
 * work meanwhile, so reading has a thread of its own, and main waits for all of them at once.
 *
 *   main                                thread
 *   fetch_ask()  -- eventfd ask ------> reads and parses
 *   fetch_take() <- pipe of pointers -- a view, which is main's from then on
 *
 * The system calls order the two; there is no other memory that both touch. At the end of the
 * program the thread is left where it is.
 *
 * Signals that end us come by a descriptor, so that the terminal can be put in order first; then
 * they do what they would have done (fetch_die()).
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

#include "fetch.h"

static const int deadly[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static void *work(void *arg)
{
	struct fetch *f = arg;
	struct view *v;
	eventfd_t n;

	while (!eventfd_read(f->ask, &n) || errno == EINTR) {
		v = view_take();
		if (write(f->to, &v, sizeof(v)) != sizeof(v))
			break;
	}
	return NULL;
}

/* The thread has all signals blocked: they are main's. */
static int start_thread(struct fetch *f)
{
	sigset_t all, before;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, NULL, work, f);
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
	for (i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		if (!sigaction(deadly[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(&set, deadly[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* @f lives as long as the program. False: no resources, which was said. */
bool fetch_start(struct fetch *f)
{
	int fds[2] = { -1, -1 }, err;

	f->pending = false;
	f->ask = eventfd(0, EFD_CLOEXEC);
	f->signals = f->ask < 0 ? -1 : catch_signals();
	if (f->signals >= 0 && !pipe2(fds, O_CLOEXEC)) {
		f->answers = fds[0];
		f->to = fds[1];
		err = start_thread(f);
		if (!err)
			return true;
	} else {
		err = errno;
	}
	say("cannot start the thread that reads %s: %s", source_name(), strerror(err));
	return false;
}

/* Nothing happens if the last one has not been answered yet. */
void fetch_ask(struct fetch *f)
{
	if (!f->pending)
		f->pending = !eventfd_write(f->ask, 1);
}

static int remaining_ms(int64_t until)
{
	int64_t left = until - now_ns();

	if (left <= 0)
		return 0;
	return left < 1000000 * NSEC_PER_MSEC ? (int)(left / NSEC_PER_MSEC) + 1 : 1000000;
}

/* Waits until @until, or for something: FETCH_* bits. 0 also after a signal with a handler. */
int fetch_poll(struct fetch *f, bool keys, int64_t until)
{
	struct pollfd fds[] = {
		{ .fd = f->answers, .events = POLLIN },
		{ .fd = f->signals, .events = POLLIN },
		{ .fd = keys ? STDIN_FILENO : -1, .events = POLLIN },
	};

	if (poll(fds, 3, remaining_ms(until)) <= 0)
		return 0;
	return (fds[0].revents ? FETCH_ANSWER : 0) | (fds[1].revents ? FETCH_SIGNAL : 0) |
	       (fds[2].revents ? FETCH_KEYS : 0);
}

/* After FETCH_ANSWER. NULL: there was no memory even for the reason. */
struct view *fetch_take(struct fetch *f)
{
	struct view *v = NULL;

	if (read(f->answers, &v, sizeof(v)) != sizeof(v))
		return NULL;
	f->pending = false;
	return v;
}

/* After FETCH_SIGNAL: which one, or 0. */
int fetch_signal(struct fetch *f)
{
	struct signalfd_siginfo si;

	return read(f->signals, &si, sizeof(si)) == sizeof(si) ? (int)si.ssi_signo : 0;
}

/* Ends us as @sig would have. Returns the status that a shell would show, should it not. */
int fetch_die(int sig)
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
