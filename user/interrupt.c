// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * interrupt.c - ending the system call in which a task is blocked.
 *
 * One callback on the event of the context. For a socket it is a shutdown. For a thread it is a
 * signal, which alone would be lost if it came just before the call that it is to interrupt:
 *
 *   thread                            end of the context
 *   stopper_ctx_err() == 0
 *                                     fires; signal: the handler does nothing
 *   read(): blocks
 *
 * So a timer sends it again until the thread says that it is through. The thread may say so at
 * any moment, and its memory must not be used then:
 *
 *   thread                            callback, or timer
 *   lock; ended = true; unlock        lock; ended? nothing
 *   detach the callback               else: signal; arm the timer, with a reference
 *   cancel the timer? put its ref     unlock; ended: put the timer's reference
 *   put
 *
 *   A signal is sent under the lock, so none is sent when ->ended is set. One that is pending
 *   then is taken out before the mask is restored (signal_discard()).
 *
 * Ordered accesses
 *   (P) ->refs. Each drop is a release, and the last one an acquire: all that either thread did
 *       with the record comes before it is freed.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <stopper/interrupt.h>
#include "internal.h"

#define AGAIN_NS	(10 * NS_PER_MSEC)

struct stopper_interrupt {
	struct stopper_ctx *ctx;
	struct stopper_on_fire of;
	struct plat_timer timer;
	stopper_lock_t lock;
	plat_ref_t refs;		/* of the caller, and of a timer that is armed or runs */
	int fd;				/* -1: of a thread */
	int tid, signo;
	sigset_t mask;			/* to restore */
	bool ended;
};

static pthread_mutex_t handlers_lock = PTHREAD_MUTEX_INITIALIZER;

static void on_interrupt(int signo)
{
	(void)signo;
}

static void interrupt_put(struct stopper_interrupt *it)
{
	/* (P) pairs with the other drop: the last one sees all that was done before */
	if (!plat_ref_put(&it->refs))
		return;
	stopper_ctx_put(it->ctx);
	plat_lock_destroy(&it->lock);
	plat_free(it);
}

/* True: it has sent the signal, and will again. Without ->ended, the thread is still there. */
static bool interrupt_thread(struct stopper_interrupt *it)
{
	plat_flags_t f;
	bool again;

	plat_lock(&it->lock, f);
	again = !it->ended;
	if (again) {
		syscall(SYS_tgkill, getpid(), it->tid, it->signo);
		again = !plat_timer_start(&it->timer, plat_now() + AGAIN_NS);
	}
	plat_unlock(&it->lock, f);
	return again;
}

/* With the timer's reference. */
static void interrupt_timer(struct plat_timer *timer)
{
	struct stopper_interrupt *it = list_item(timer, struct stopper_interrupt, timer);

	if (!interrupt_thread(it))
		interrupt_put(it);
}

static void interrupt_fired(struct stopper_on_fire *of, void *arg)
{
	struct stopper_interrupt *it = arg;

	(void)of;
	if (it->fd >= 0) {
		shutdown(it->fd, SHUT_RDWR);
		return;
	}
	plat_ref_get(&it->refs);
	if (!interrupt_thread(it))
		interrupt_put(it);
}

static int interrupt_new(struct stopper_interrupt **out, struct stopper_ctx *ctx)
{
	int err = plat_ready();
	struct stopper_interrupt *it;

	if (err)
		return err;
	it = plat_alloc(sizeof(*it));
	if (!it)
		return -ENOMEM;
	it->ctx = stopper_ctx_get(ctx);
	plat_lock_init(&it->lock);
	plat_ref_init(&it->refs, 1);
	plat_timer_init(&it->timer, interrupt_timer);
	it->fd = -1;
	*out = it;
	return 0;
}

int stopper_ctx_shutdown_fd(struct stopper_ctx *ctx, int fd, struct stopper_interrupt **out)
{
	struct stopper_interrupt *it;
	struct stat st;
	int err;

	if (!out)
		return -EINVAL;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	err = interrupt_new(&it, ctx);
	if (err)
		return err;
	it->fd = fd;
	*out = it;
	return stopper_event_on_fire(stopper_ctx_done(ctx), &it->of, interrupt_fired, it);
}
EXPORT_SYMBOL_PLAT(stopper_ctx_shutdown_fd);

static int handler_set(int signo)
{
	struct sigaction sa = { .sa_handler = on_interrupt }, old;
	int err = 0;

	sigemptyset(&sa.sa_mask);
	pthread_mutex_lock(&handlers_lock);
	if (sigaction(signo, NULL, &old))
		err = -errno;
	else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN &&
		 old.sa_handler != on_interrupt)
		err = -EBUSY;
	else if (sigaction(signo, &sa, NULL))
		err = -errno;
	pthread_mutex_unlock(&handlers_lock);
	return err;
}

int stopper_ctx_interrupt_thread(struct stopper_ctx *ctx, int signo, struct stopper_interrupt **out)
{
	struct stopper_interrupt *it;
	sigset_t set;
	int err;

	sigemptyset(&set);
	if (!out || sigaddset(&set, signo))
		return -EINVAL;
	err = interrupt_new(&it, ctx);
	if (err)
		return err;
	err = plat_timers_ready();
	if (!err)
		err = handler_set(signo);
	if (err) {
		interrupt_put(it);
		return err;
	}
	it->tid = plat_tid();
	it->signo = signo;
	pthread_sigmask(SIG_UNBLOCK, &set, &it->mask);
	*out = it;
	return stopper_event_on_fire(stopper_ctx_done(ctx), &it->of, interrupt_fired, it);
}
EXPORT_SYMBOL_PLAT(stopper_ctx_interrupt_thread);

/* A pending signal of this thread must not meet a handler that the program sets later. */
static void signal_discard(int signo)
{
	const struct timespec now = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	while (syscall(SYS_rt_sigtimedwait, &set, NULL, &now, _NSIG / 8) > 0)
		;
}

void stopper_interrupt_end(struct stopper_interrupt *it)
{
	plat_flags_t f;

	if (!it || plat_is_copy())
		return;
	plat_lock(&it->lock, f);
	it->ended = true;
	plat_unlock(&it->lock, f);
	stopper_event_detach(stopper_ctx_done(it->ctx), &it->of);
	if (plat_timer_cancel(&it->timer))
		interrupt_put(it);
	if (it->fd < 0) {
		signal_discard(it->signo);
		pthread_sigmask(SIG_SETMASK, &it->mask, NULL);
	}
	interrupt_put(it);
}
EXPORT_SYMBOL_PLAT(stopper_interrupt_end);
