// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * main.c - the main function of a server.
 *
 * One thread, that of main(), sleeps on one parker until one of three events: a signal (signal.c
 * fires ->signalled instead of stopping the stopper, so that there may be a lame duck time), a
 * stop that somebody else begins, and the end of the stop. The stop itself is a
 * stopper_stop_async(): it needs no memory and no thread that may be missing.
 *
 * After three quarters of the grace time the on-stop contexts end early, with the cause
 * "deadline", as stopper_stop_within() has it.
 *
 *   SERVING --signal--> LAME DUCK --time--> before_quiesce; STOPPING --stopped--> 0
 *      |                    |                                 |
 *      +---- a stop begun by somebody else ----^              +------grace------> 1
 *
 * While it sleeps it wakes up for the watchdog and for the STATUS of a service manager.
 *
 * The event on this stack outlives the watch of the signals: signals_unwatch() takes it back
 * under the lock under which it is fired.
 */
#include <signal.h>
#include <stopper/main.h>
#include "internal.h"
#include "text.h"
#include "upcalls.h"
#include "notify.h"

#define GRACE_NS	(25 * NS_PER_SEC)
#define STATUS_NS	NS_PER_SEC
#define EXTEND_US	10000000LL	/* several STATUS_NS */

struct main_loop {
	struct stopper *s;
	const struct stopper_site *site;
	struct stopper_main_options opts;
	struct plat_parker park;
	struct stopper_event signalled;
	int64_t watchdog_ns, watchdog_at;	/* PLAT_FOREVER: no watchdog */
	int64_t status_at;			/* PLAT_FOREVER: no status */
};

/* Without memory, which may be what is missing. */
static void notify_stopping(struct main_loop *m)
{
	static const char * const kinds[] = {
		[STOPPER_PANIC_TASK] = "tasks",
		[STOPPER_PANIC_WORKER] = "workers",
		[STOPPER_PANIC_CLOSER] = "closers",
	};
	struct stop_holdup h;
	bool own;

	if (!stop_held_up(m->s, &h)) {
		notify("STATUS=%s\nEXTEND_TIMEOUT_USEC=%lld",
		       stopper_phase_name(stopper_phase(m->s)), EXTEND_US);
		return;
	}
	own = !strcmp(h.stopper, m->s->name);
	notify("STATUS=waits for %lu %s, oldest %s: %s%s%s\nEXTEND_TIMEOUT_USEC=%lld", h.count,
	       kinds[h.kind], SECS(h.oldest_ns), h.name, own ? "" : " of ", own ? "" : h.stopper,
	       EXTEND_US);
}

static void main_tick(struct main_loop *m, int64_t now)
{
	if (now >= m->watchdog_at) {
		notify("WATCHDOG=1");
		m->watchdog_at = ns_after(now, m->watchdog_ns);
	}
	if (now >= m->status_at) {
		notify_stopping(m);
		m->status_at = ns_after(now, STATUS_NS);
	}
}

/* Until one of the events has fired, or until @until. */
static void main_wait(struct main_loop *m, struct stopper_event *a, struct stopper_event *b,
		      int64_t until)
{
	int64_t now = plat_now(), wake;

	while (!stopper_event_fired(a) && !stopper_event_fired(b) && now < until) {
		wake = until < m->watchdog_at ? until : m->watchdog_at;
		plat_park(&m->park, wake < m->status_at ? wake : m->status_at);
		now = plat_now();
		main_tick(m, now);
	}
}

static void main_ready(struct main_loop *m, bool ready)
{
	if (m->opts.ready)
		m->opts.ready(m->opts.arg, ready);
}

static void main_log_remaining(struct stopper *s, const struct stopper_stages *st)
{
	const struct stopper_task_info *info = st->remaining;
	uint64_t more = st->count;
	unsigned int i;

	if (!st->filled)
		stopper_log(s, STOPPER_LOG_ERR, "the grace time is over in phase %s",
			    stopper_phase_name(stopper_phase(s)));
	for (i = 0; i < st->filled; i++) {
		more -= info[i].count;
		stopper_log(s, STOPPER_LOG_ERR,
			    "the grace time is over: %s still runs, %llu of them, oldest %s",
			    info[i].name, (unsigned long long)info[i].count,
			    SECS(info[i].oldest_ns));
	}
	if (more)
		stopper_log(s, STOPPER_LOG_ERR, "the grace time is over: %llu more still run",
			    (unsigned long long)more);
}

/* A stop that gives up at once. True: it has ended after all. */
static bool main_tell_remaining(struct main_loop *m)
{
	struct stopper_task_info info[STOPPER_MAIN_REMAINING];
	struct stopper_stages now = {
		.size = sizeof(now), .remaining = info, .n = STOPPER_MAIN_REMAINING,
	};

	if (!__stopper_stop_staged(m->s, &now, m->site))
		return true;
	if (m->opts.on_remaining)
		m->opts.on_remaining(m->opts.arg, info, now.filled);
	else
		main_log_remaining(m->s, &now);
	return false;
}

/* False: the grace time is over. */
static bool main_stop(struct main_loop *m)
{
	struct stopper_stages end = { .size = sizeof(end), .end_ns = 1, .grace_ns = 1 };
	struct stopper_event *stopped = stopper_is_stopped(m->s);
	int64_t began = plat_now(), grace = m->opts.grace_ns;

	__stopper_stop_async(m->s, m->site);
	m->status_at = notify_wanted() ? began : PLAT_FOREVER;
	main_wait(m, stopped, stopped, ns_after(began, grace - grace / 4));
	if (!stopper_event_fired(stopped))
		__stopper_stop_staged(m->s, &end, m->site);
	main_wait(m, stopped, stopped, ns_after(began, grace));
	return stopper_event_fired(stopped);
}

static bool main_serve(struct main_loop *m)
{
	struct stopper_event *quiesce = stopper_should_quiesce(m->s);

	main_ready(m, true);
	notify("READY=1");
	main_wait(m, &m->signalled, quiesce, PLAT_FOREVER);
	main_ready(m, false);
	notify("STOPPING=1");
	main_wait(m, quiesce, quiesce, ns_after(plat_now(), m->opts.lame_duck_ns));
	if (m->opts.before_quiesce)
		m->opts.before_quiesce(m->opts.arg);
	return main_stop(m);
}

static int main_options(struct stopper_main_options *opts, const struct stopper_main_options *from)
{
	static const int signals[] = { SIGINT, SIGTERM };

	memset(opts, 0, sizeof(*opts));
	if (from && from->size != sizeof(*opts))
		return -EINVAL;
	if (from)
		*opts = *from;
	if (opts->reserved || opts->lame_duck_ns < 0 || opts->grace_ns < 0 ||
	    !opts->signals != !opts->nsignals)
		return -EINVAL;
	if (!opts->signals) {
		opts->signals = signals;
		opts->nsignals = 2;
	}
	if (!opts->grace_ns)
		opts->grace_ns = GRACE_NS;
	return 0;
}

static int main_begin(struct main_loop *m, struct stopper *s,
		      const struct stopper_main_options *opts, const struct stopper_site *site)
{
	int err = s && site ? main_options(&m->opts, opts) : -EINVAL;

	if (!err)
		err = plat_ready();
	if (!err && stop_would_deadlock(s))
		err = -EDEADLK;
	if (err)
		return err;
	m->s = s;
	m->site = site;
	stopper_event_init(&m->signalled);
	m->watchdog_ns = notify_watchdog_ns();
	m->watchdog_at = m->watchdog_ns ? plat_now() : PLAT_FOREVER;
	m->status_at = PLAT_FOREVER;
	return signals_watch(s, m->opts.signals, m->opts.nsignals, &m->signalled);
}

static void main_wake(struct stopper_on_fire *of, void *park)
{
	(void)of;
	plat_unpark(park);
}

int __stopper_main(struct stopper *s, const struct stopper_main_options *opts,
		   const struct stopper_site *site)
{
	struct stopper_on_fire signalled, quiesce, stopped;
	struct main_loop m;
	bool done;
	int err = main_begin(&m, s, opts, site);

	if (err) {
		stopper_log(s, STOPPER_LOG_ERR, "stopper_main: %s (%d)", stopper_strerror(err),
			    err);
		return 2;
	}
	plat_park_init(&m.park);
	stopper_event_on_fire(&m.signalled, &signalled, main_wake, &m.park);
	stopper_event_on_fire(stopper_should_quiesce(s), &quiesce, main_wake, &m.park);
	stopper_event_on_fire(stopper_is_stopped(s), &stopped, main_wake, &m.park);
	done = main_serve(&m);
	stopper_event_detach(stopper_is_stopped(s), &stopped);
	stopper_event_detach(stopper_should_quiesce(s), &quiesce);
	signals_unwatch(s);
	stopper_event_detach(&m.signalled, &signalled);
	stopper_event_destroy(&m.signalled);
	return done || main_tell_remaining(&m) ? 0 : 1;
}
EXPORT_SYMBOL_PLAT(__stopper_main);
