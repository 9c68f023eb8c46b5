/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * main.h - userspace: the main function of a server, from its readiness to its exit status.
 */
#ifndef STOPPER_MAIN_H
#define STOPPER_MAIN_H

#include <stopper/task.h>

STOPPER_BEGIN_DECLS

/* How many call sites on_remaining gets at most */
#define STOPPER_MAIN_REMAINING	16

/* Wait for the stop without a bound, as grace_ns */
#define STOPPER_MAIN_NO_GRACE	INT64_MAX

/**
 * struct stopper_main_options - options of stopper_main(); a zero field selects the default
 * @size: sizeof(struct stopper_main_options), which tells the version of the struct
 * @signals: signal numbers that begin the stop. NULL: SIGINT and SIGTERM
 * @nsignals: number of @signals
 * @reserved: must be 0
 * @lame_duck_ns: nanoseconds from the signal, during which tasks are still admitted, while load
 *	balancers learn that the server is no longer ready. 0: none
 * @grace_ns: nanoseconds that the stop may take. 0: 25 seconds, as Kubernetes kills after 30;
 *	%STOPPER_MAIN_NO_GRACE: no bound
 * @ready: called with true when the server is ready, and with false at the signal; for example
 *	to change the answer of a health check
 * @before_quiesce: called after the lame duck time, before tasks are refused; for example to
 *	close the listening socket. A stop that somebody else began refuses tasks already
 * @on_remaining: called at the end of the grace time, with the call sites of the tasks, workers and
 *	closers of @s and the stoppers below it that still run, as stopper_stop_staged() lists them,
 *	at most %STOPPER_MAIN_REMAINING. NULL: they are logged. No memory is needed
 * @arg: passed to these functions
 */
struct stopper_main_options {
	size_t size;
	const int *signals;
	unsigned int nsignals;
	unsigned int reserved;
	int64_t lame_duck_ns;
	int64_t grace_ns;
	void (*ready)(void *arg, bool ready);
	void (*before_quiesce)(void *arg);
	void (*on_remaining)(void *arg, const struct stopper_task_info *info, unsigned int n);
	void *arg;
};

/**
 * stopper_main() - wait for a signal, then stop in order within a grace time
 * @s: the stopper; its tasks, workers and closers are what the program does
 * @opts: options; NULL: all defaults
 *
 * The last call of main(): "return stopper_main(s, NULL);". On the calling thread it
 *
 * * says that the server is ready,
 * * waits for a signal, or until somebody else begins a stop of @s,
 * * says that it is no longer ready, and serves on for the lame duck time,
 * * calls before_quiesce, stops @s, and waits until it has stopped or the grace time is over;
 *   after three quarters of that, on-stop contexts end early, as in stopper_stop_within().
 *
 * A second signal terminates the process at once; see stopper_stop_on_signals(). During the lame
 * duck time too.
 *
 * A service manager that has set NOTIFY_SOCKET, as systemd does for Type=notify, is told READY,
 * STOPPING, once a second a STATUS that names the oldest task, and EXTEND_TIMEOUT_USEC as long as
 * the grace time lasts. If WATCHDOG_USEC asks for it, WATCHDOG is sent twice in each period. The
 * protocol is that of sd_notify(3); no library is needed.
 *
 * The caller keeps its reference to @s. After a return of 1 tasks may still run, on memory that the
 * caller must not free: it returns from main(), or calls stopper_main() or stopper_stop() again.
 *
 * Context: A thread that is not in a task, worker or closer of @s; usually that of main(). Once
 * for a stopper at a time.
 * Return: An exit status:
 *
 * * 0 - @s has stopped
 * * 1 - tasks, workers or closers still run at the end of the grace time
 * * 2 - it could not begin, and the log says why: an invalid argument, no memory, a call by a task
 *   of @s or in a child of fork() whose parent had used the library
 */
#define stopper_main(s, opts)	__stopper_main(s, opts, STOPPER_SITE("main"))
STOPPER_API int __stopper_main(struct stopper *s, const struct stopper_main_options *opts,
			       const struct stopper_site *site);

STOPPER_END_DECLS

#endif /* STOPPER_MAIN_H */
