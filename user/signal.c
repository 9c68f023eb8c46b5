// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * signal.c - stopping on a signal.
 *
 * The handler sets a bit in a word and wakes the keeper (keeper.c), which stops all stoppers that
 * are registered for the signal, or fires the event that stopper_main() waits for (main.c). No
 * signal is blocked, so children inherit nothing: exec() resets handlers. No descriptor is used,
 * so a daemon may close all of them. The keeper's thread has the signals unblocked, so a signal
 * sent to the process is delivered even if the program has blocked it in all of its threads.
 *
 * Registered stoppers are on a list under watches_lock. The handler may interrupt a thread that
 * holds the lock, so it uses only these words:
 *
 *   watched[sig]         number of registered stoppers that have not stopped; 0: no handler
 *   pending              signals that the keeper has not taken yet, one bit each
 *   requested_since[sig] time at which all registered stoppers had been requested to stop;
 *                        0: at least one has not
 *
 * The second signal. One request may arrive twice: timeout(1) and some shells signal the process
 * and then its group. So a signal within REPEAT_NS of the first counts as the same request. A
 * later one ends the process by the signal's default action, if all registered stoppers had been
 * requested to stop. The handler does this itself, because the program may hang anywhere. A
 * child of fork() has no keeper; there the handler restores the previous disposition.
 *
 *   handler, in any thread            keeper
 *   pending |= sig (N); wake          take pending (N)
 *                                     stop all registered for sig; requested_since[...] = now
 *   requested_since[sig] long ago:
 *   default action
 *
 *   stopper has stopped (callback)    registered again
 *   lock; watched[sig]--; 0: restore  lock; watched[sig]++; 1: install
 *
 * When the last stopper registered for a signal has stopped, the previous disposition is
 * restored, unless the program has replaced the handler. So Ctrl-C ends a program that hangs in
 * its clean-up, as if the library had never handled it.
 *
 * Ordered accesses
 *   (N) pending: the handler's fetch-or is a release, the keeper's exchange an acquire: the
 *       keeper sees all that this thread did before the signal.
 */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <stopper/signal.h>
#include "internal.h"

#define REPEAT_NS	(100 * NS_PER_MSEC)
#define SIGNALS		65		/* numbers from 1 to 64 */

/* A stopper and the signals for which it is registered. */
struct watch {
	struct stopper_list node;
	struct stopper_on_fire stopped;
	struct stopper *s;
	uint64_t signals;
	struct stopper_event *signalled;	/* fired instead of a stop; NULL: none */
	bool stop_requested;			/* or @signalled fired */
};

static pthread_mutex_t watches_lock = PTHREAD_MUTEX_INITIALIZER;
static STOPPER_LIST(watches);
static struct sigaction old_action[SIGNALS];
static unsigned int watched[SIGNALS];
static uint64_t pending;
static pid_t owner;			/* the process of the keeper */
static uint64_t all_watched;		/* signals that the keeper must have unblocked */
static int64_t requested_since[SIGNALS];

static uint64_t signal_bit(int sig)
{
	return 1ull << (sig - 1);
}

/* Ends the process by the default action of @sig. Async-signal-safe. */
static void process_end(int sig)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	if (!sigaction(sig, &sa, NULL)) {
		raise(sig);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	}
	/* @sig is ignored by default, or a filter refused sigaction(). */
	_exit(128 + sig);
}

static int64_t handler_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static void on_signal(int sig)
{
	int err = errno;
	int64_t since = plat_load(&requested_since[sig]);

	/*
	 * A child of vfork(), or of fork() before its fork handlers have run. The raised signal
	 * is delivered when this handler returns.
	 */
	if (getpid() != owner) {
		sigaction(sig, &old_action[sig], NULL);
		raise(sig);
		errno = err;
		return;
	}
	if (since && handler_now() - since > REPEAT_NS)
		process_end(sig);
	/* (N) release: pairs with signals_take() */
	__atomic_fetch_or(&pending, signal_bit(sig), __ATOMIC_RELEASE);
	keeper_unpark();
	errno = err;
}

/* With the lock held. */
static int handler_install(int sig)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	owner = getpid();
	sigemptyset(&sa.sa_mask);
	return sigaction(sig, &sa, &old_action[sig]) ? -errno : 0;
}

/* With the lock held. A handler that the program has set meanwhile stays. */
static void handler_restore(int sig)
{
	struct sigaction now;

	if (!sigaction(sig, NULL, &now) && now.sa_handler == on_signal)
		sigaction(sig, &old_action[sig], NULL);
}

/* With the lock held. True: all stoppers registered for @sig have been requested to stop. */
static bool all_requested(int sig)
{
	struct stopper_list *n;

	list_walk(n, &watches) {
		struct watch *w = list_item(n, struct watch, node);

		if (w->signals & signal_bit(sig) && !w->stop_requested)
			return false;
	}
	return watched[sig];
}

/* With the lock held, after a change of the list: updates what handler and keeper read. */
static void words_update(void)
{
	uint64_t all = 0;
	int sig;

	for (sig = 1; sig < SIGNALS; sig++) {
		if (watched[sig])
			all |= signal_bit(sig);
		if (!all_requested(sig))
			plat_store(&requested_since[sig], (int64_t)0);
		else if (!requested_since[sig])
			plat_store(&requested_since[sig], plat_now());
	}
	plat_store(&all_watched, all);
	/* The keeper adjusts its signal mask. */
	keeper_unpark();
}

/* With the lock held. */
static void unwatch_signals(uint64_t signals)
{
	int sig;

	for (sig = 1; sig < SIGNALS; sig++)
		if (signals & signal_bit(sig) && !--watched[sig])
			handler_restore(sig);
}

/* With the lock held. On an error none of @signals is watched. */
static int watch_signals(uint64_t signals)
{
	uint64_t done = 0;
	int sig, err = 0;

	for (sig = 1; sig < SIGNALS && !err; sig++) {
		if (!(signals & signal_bit(sig)))
			continue;
		if (!watched[sig])
			err = handler_install(sig);
		if (err)
			break;
		watched[sig]++;
		done |= signal_bit(sig);
	}
	if (err)
		unwatch_signals(done);
	return err;
}

/* Called when the stopper has stopped. The watch holds a reference until then. */
static void watch_end(struct stopper_on_fire *of, void *arg)
{
	struct watch *w = arg;

	(void)of;
	pthread_mutex_lock(&watches_lock);
	slist_remove(&w->node);
	unwatch_signals(w->signals);
	words_update();
	pthread_mutex_unlock(&watches_lock);
	stopper_put(w->s);
	plat_free(w);
}

/* With the lock held. */
static void stop_watched(uint64_t signals)
{
	struct stopper_list *n;

	list_walk(n, &watches) {
		struct watch *w = list_item(n, struct watch, node);

		if (!(w->signals & signals) || w->stop_requested)
			continue;
		if (w->signalled)
			stopper_event_fire(w->signalled);
		else
			stopper_stop_async(w->s);
		w->stop_requested = true;
	}
}

/* On the keeper's thread: acts on the signals that handlers have recorded. */
void signals_take(void)
{
	/* (N) acquire: pairs with on_signal() */
	uint64_t signals = __atomic_exchange_n(&pending, 0, __ATOMIC_ACQUIRE);

	thread_state_open(plat_load(&all_watched));
	if (!signals)
		return;
	pthread_mutex_lock(&watches_lock);
	stop_watched(signals);
	words_update();
	pthread_mutex_unlock(&watches_lock);
}

static int signals_from_array(uint64_t *signals, const int *sigs, unsigned int n)
{
	sigset_t set;

	sigemptyset(&set);
	for (*signals = 0; n--; *signals |= signal_bit(sigs[n]))
		if (sigs[n] == SIGKILL || sigs[n] == SIGSTOP || sigs[n] >= SIGNALS ||
		    sigaddset(&set, sigs[n]))
			return -EINVAL;
	return 0;
}

/* With the lock held. */
static struct watch *watch_find(const struct stopper *s)
{
	struct stopper_list *n;

	list_walk(n, &watches)
		if (list_item(n, struct watch, node)->s == s)
			return list_item(n, struct watch, node);
	return NULL;
}

/* With the lock held. Uses *@w, and sets it to NULL, if @s has no watch yet. */
static int watch_add(struct watch **w, struct stopper *s, uint64_t signals,
		     struct stopper_event *signalled)
{
	struct watch *own = watch_find(s);
	int err;

	if (own)
		signals &= ~own->signals;
	err = watch_signals(signals);
	if (err)
		return err;
	if (!own) {
		own = *w;
		*w = NULL;
		own->s = stopper_get(s);
		slist_append(&watches, &own->node);
	}
	own->signals |= signals;
	if (signalled)
		own->signalled = signalled;
	words_update();
	return 0;
}

/* @signalled: fired by the first signal, which then does not stop @s; NULL: it stops @s. */
int signals_watch(struct stopper *s, const int *sigs, unsigned int n,
		  struct stopper_event *signalled)
{
	struct watch *new, *w;
	uint64_t signals;
	int err;

	if (!s || !sigs || !n || signals_from_array(&signals, sigs, n))
		return -EINVAL;
	err = plat_stops_ready();
	if (err)
		return err;
	new = plat_alloc(sizeof(*new));
	if (!new)
		return -ENOMEM;
	w = new;
	pthread_mutex_lock(&watches_lock);
	err = watch_add(&w, s, signals, signalled);
	pthread_mutex_unlock(&watches_lock);
	if (w)
		plat_free(w);
	else
		/* Calls watch_end() at once if @s has already stopped. */
		stopper_event_on_fire(stopper_is_stopped(s), &new->stopped, watch_end, new);
	return err;
}

/* The caller's event is not fired any more; @s stays registered. */
void signals_unwatch(struct stopper *s)
{
	struct watch *w;

	pthread_mutex_lock(&watches_lock);
	w = watch_find(s);
	if (w)
		w->signalled = NULL;
	pthread_mutex_unlock(&watches_lock);
}

int stopper_stop_on_signals(struct stopper *s, const int *sigs, unsigned int n)
{
	return signals_watch(s, sigs, n, NULL);
}
EXPORT_SYMBOL_PLAT(stopper_stop_on_signals);
