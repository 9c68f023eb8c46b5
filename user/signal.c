// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * signal.c - stopping on a signal.
 *
 * The signals are blocked and read from a signalfd by a thread of their own,
 * beside the descriptor of IsStopped, so nothing runs in a signal handler and the
 * thread ends by itself.
 *
 * One wish may arrive twice: timeout(1) and some shells signal the process and then
 * its group. So what comes within REPEAT_NS of the first counts as the first.
 */
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stopper/signal.h>
#include <stopper/uring.h>
#include "internal.h"

#define REPEAT_NS	(100 * NS_PER_MSEC)

struct watch {
	struct stopper *s;
	int signals;		/* signalfd */
	int stopped;		/* the event's */
};

/* As @sig ends a process by default. It is blocked everywhere but here. */
static void end_process(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	signal(sig, SIG_DFL);
	kill(getpid(), sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + sig);	/* one that is ignored by default */
}

static void *watch_thread(void *arg)
{
	struct watch *w = arg;
	struct pollfd p[] = {
		{ .fd = w->signals, .events = POLLIN },
		{ .fd = w->stopped, .events = POLLIN },
	};
	struct signalfd_siginfo si;
	int64_t asked = 0;

	thread_state_begin();
	prctl(PR_SET_NAME, "stopper/signal");
	while (!(p[1].revents & POLLIN)) {
		if (poll(p, 2, -1) < 0 || !(p[0].revents & POLLIN) ||
		    read(w->signals, &si, sizeof(si)) != sizeof(si))
			continue;
		if (asked && plat_now() - asked > REPEAT_NS)
			end_process((int)si.ssi_signo);
		if (!asked && !stopper_stop_async(w->s))
			asked = plat_now();
	}
	close(w->signals);
	stopper_put(w->s);
	free(w);
	return NULL;
}

static int fill_set(sigset_t *set, const int *sigs, unsigned int n)
{
	sigemptyset(set);
	while (n--)
		if (sigs[n] == SIGKILL || sigs[n] == SIGSTOP || sigaddset(set, sigs[n]))
			return -EINVAL;
	return 0;
}

static int watch_open(struct watch *w, struct stopper *s, const sigset_t *set)
{
	w->stopped = stopper_event_fd(stopper_is_stopped(s));
	if (w->stopped < 0)
		return w->stopped;
	w->signals = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signals < 0 ? -errno : 0;
}

int stopper_stop_on_signals(struct stopper *s, const int *sigs, unsigned int n)
{
	struct watch *w;
	sigset_t set, old;
	int err;

	if (!s || !sigs || !n || fill_set(&set, sigs, n))
		return -EINVAL;
	/* What the stop will need: a signal that has been taken is not sent again. */
	err = plat_timers_ready();
	if (err)
		return err;
	w = plat_alloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	err = watch_open(w, s, &set);
	if (err)
		goto free;
	w->s = stopper_get(s);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	err = thread_create(watch_thread, w);
	if (!err)
		return 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	stopper_put(s);
	/* No cancellation point. */
	syscall(SYS_close, w->signals);
free:
	plat_free(w);
	return err;
}
EXPORT_SYMBOL_PLAT(stopper_stop_on_signals);
