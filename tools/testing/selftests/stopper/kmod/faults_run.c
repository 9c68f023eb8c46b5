// SPDX-License-Identifier: GPL-2.0
/*
 * faults_run.c - every call, with its n-th memory allocation failing: stopper_faults.ko.
 *
 *   echo all >/sys/kernel/debug/stopper_faults/run; cat .../results
 *   echo NAME N >/sys/kernel/debug/stopper_faults/run
 *   echo race ROUNDS >.../run, no-memory-begin 0|1, no-memory-stop 0|1
 *
 * Each case is prepared, called with current->fail_nth = n (which /proc/self/fail-nth sets too),
 * and checked, for n = 1, 2, ... until a call meets no failure. "NAME N" runs one n, for scripts
 * that reload stopper.ko in between so that the pool has no thread. Each time this must hold:
 *
 *   - the call returns 0 or -ENOMEM and no other error; a call that must not fail succeeds;
 *   - the function of a refused task, worker or closer is never called, that of an admitted one
 *     exactly once;
 *   - nothing stays counted, no slot stays held, and the stopper stops.
 *
 * kmemleak finds leaks. Between no-memory-begin and no-memory-stop, kernel_faults.sh makes all
 * allocations of stopper.ko fail; with argument 1 the pool has a thread before that.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fault-inject.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/trace_events.h>
#include <linux/uaccess.h>

#include "faults.h"

#define MOST		64	/* more allocations than any call makes */

static DEFINE_MUTEX(run_lock);
static char results_text[8192];
static struct debugfs_blob_wrapper results = { .data = results_text };
static unsigned int injected_total;

static __printf(1, 2) void result_printf(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	results.size += vscnprintf(results_text + results.size, sizeof(results_text) - results.size,
				   fmt, args);
	va_end(args);
}

/* --- one call --------------------------------------------------------------------------------- */

static int fixture_setup(const struct fault_case *c)
{
	int i, err;

	memset(&fx, 0, sizeof(fx));
	init_completion(&fx.gate);
	stopper_sem_init(&fx.sem, 1);
	for (i = 0; i < EVENTS; i++) {
		stopper_event_init(&fx.event[i]);
		fx.events[i] = &fx.event[i];
	}
	fx.dev = root_device_register("stopper_faults");
	if (IS_ERR(fx.dev))
		return PTR_ERR(fx.dev);
	err = stopper_create(&fx.s, "fixture", NULL) ?: stopper_ctx_with_cancel(NULL, &fx.ended) ?:
		stopper_ctx_with_timeout(NULL, BOUND_NS, &fx.limit);
	if (!err)
		stopper_ctx_cancel(fx.ended);
	return err ?: c->prepare ? c->prepare() : 0;
}

/* Ends everything. Returns what was wrong, or NULL. */
static const char *fixture_teardown(const struct fault_case *c, bool accepted)
{
	const char *wrong = NULL;
	int i, runs = accepted ? c->runs : 0;

	complete_all(&fx.gate);
	if (fx.handle.slot)
		stopper_task_end(&fx.handle);
	if (c->ends && stopper_wait(stopper_is_stopped(fx.s), fx.limit))
		wrong = "the stop that was begun did not end";
	if (stopper_stop(fx.s, fx.limit))
		wrong = "the stopper does not stop";
	else if (fx.made && stopper_stop(fx.made, fx.limit))
		wrong = "the created stopper does not stop";
	else if (stopper_num_tasks(fx.s))
		wrong = "tasks are still counted";
	else if (stopper_sem_length(&fx.sem))
		wrong = "a slot of the semaphore is held";
	else if (atomic_read(&fx.ran) != runs)
		wrong = accepted ? "admitted and not called exactly once" : "refused and called";
	else if (atomic_read(&fx.others) != c->others)
		wrong = "a function admitted before was not called exactly once";
	stopper_ctx_put(fx.limit);
	stopper_ctx_put(fx.ended);
	stopper_ctx_put(fx.ctx);
	if (!wrong) {
		stopper_put(fx.made);
		stopper_put(fx.s);
	}
	for (i = 0; i < EVENTS; i++)
		stopper_event_destroy(&fx.event[i]);
	stopper_sem_destroy(&fx.sem);
	root_device_unregister(fx.dev);
	return wrong;
}

static int call_failing(const struct fault_case *c, unsigned int n, bool *injected)
{
	int ret;

	current->fail_nth = n;
	ret = c->call();
	*injected = n && !current->fail_nth;
	current->fail_nth = 0;
	return ret;
}

/* Fails the n-th allocation of the call. @injected is set if it had that many. */
static const char *run_once(const struct fault_case *c, unsigned int n, bool *injected, int *ret)
{
	const char *wrong;

	*injected = false;
	*ret = fixture_setup(c);
	if (*ret)
		return "cannot prepare the case";
	*ret = call_failing(c, n, injected);
	wrong = fixture_teardown(c, *ret == c->want);
	if (*ret == c->want || (*ret == -ENOMEM && *injected && !c->must))
		return wrong;
	return "unexpected result";
}

static void run_all_of(unsigned int nr, const struct fault_case *c, const char *how)
{
	unsigned int n, refused = 0;
	const char *wrong = NULL;
	bool injected = true;
	int ret = 0;

	for (n = 1; n <= MOST && injected && !wrong; n++) {
		wrong = run_once(c, n, &injected, &ret);
		injected_total += injected;
		refused += ret == -ENOMEM;
	}
	if (!wrong && injected)
		wrong = "more allocations than expected";
	if (wrong)
		result_printf("# allocation %u failed, returned %d: %s\nnot ok %u %s%s\n", n - 1,
			      ret, wrong, nr, c->name, how);
	else
		result_printf("# failed: %u, refused: %u\nok %u %s%s\n", n - 2, refused, nr,
			      c->name, how);
}

static void run_all(void)
{
	unsigned int i, n;

	for (n = 0; fault_cases[n].name; n++)
		;
	results.size = 0;
	result_printf("TAP version 13\n1..%u\n", 2 * n);
	for (i = 0; i < n; i++)
		run_all_of(i + 1, &fault_cases[i], "");
	/* Again with tracing: span records are allocated, and tasks run without them on failure. */
	trace_set_clr_event("stopper", NULL, true);
	for (i = 0; i < n; i++)
		run_all_of(n + i + 1, &fault_cases[i], "_traced");
	trace_set_clr_event("stopper", NULL, false);
	result_printf("# faults injected: %u\n", injected_total);
}

static int run_one(const char *name, unsigned int n)
{
	const char *wrong;
	unsigned int i;
	bool injected;
	int ret;

	for (i = 0; fault_cases[i].name && strcmp(fault_cases[i].name, name); i++)
		;
	if (!fault_cases[i].name)
		return -EINVAL;
	wrong = run_once(&fault_cases[i], n, &injected, &ret);
	results.size = 0;
	result_printf("%s %s %d %s\n", wrong ? "wrong" : "right", injected ? "failed" : "whole",
		      ret, wrong ?: "");
	return 0;
}

/* --- a worker that cannot be started while a stop goes on ------------------------------------- */

struct late_stop {
	struct completion begun;
	unsigned int delay;	/* microseconds */
};

static int stop_thread_fn(void *arg)
{
	struct late_stop *late = arg;

	sched_set_fifo(current);
	complete(&late->begun);
	usleep_range(late->delay, late->delay + 1);
	stopper_stop(fx.s, NULL);
	complete_all(&fx.gate);
	return 0;
}

/*
 * Regression: Stop requested the stop of a worker that was counted but had no thread yet, and that
 * was freed when the thread could not be created. The stop interrupts the call on the same CPU,
 * later in each round. If failures are logged on the console, most of the time passes there, in
 * the middle of the window.
 */
static const char *worker_fails_while_stopping(unsigned int n, unsigned int delay)
{
	static const struct fault_case nothing = { .call = call_run_worker };
	struct late_stop late = { .delay = delay };
	struct task_struct *thread;
	bool injected;

	if (fixture_setup(&nothing))
		return "cannot prepare the case";
	init_completion(&late.begun);
	stopper_quiesce(fx.s, NULL);
	thread = kthread_create(stop_thread_fn, &late, "stopping");
	if (IS_ERR(thread))
		return "cannot create a thread";
	kthread_bind(thread, raw_smp_processor_id());
	wake_up_process(thread);
	wait_for_completion(&late.begun);
	if (call_failing(&nothing, n, &injected) == 0) {
		stopper_wait(stopper_is_stopped(fx.s), NULL);
		atomic_dec(&fx.ran);
	}
	wait_for_completion(&fx.gate);
	return fixture_teardown(&nothing, false);
}

static int run_race(unsigned int rounds)
{
	const char *wrong = NULL;
	unsigned int i, n;

	/* One of these allocations is that of the thread. */
	for (i = 0; i < rounds && !wrong; i++)
		for (n = 1; n <= 8 && !wrong; n++)
			wrong = worker_fails_while_stopping(n, 50 * i);
	results.size = 0;
	result_printf("%s\n", wrong ?: "right");
	return 0;
}

/* --- while every allocation fails ------------------------------------------------------------- */

static struct stopper_task held[200];

/* @thread: the pool has one thread, which is blocked. */
static int no_memory_begin(bool thread)
{
	static const struct fault_case nothing;
	int i, err = fixture_setup(&nothing) ?: thread ? have_blocked_thread() : 0;

	err = err ?: have_much_to_stop();
	for (i = 0; i < ARRAY_SIZE(held) && !err; i++)
		err = stopper_task_begin(fx.s, NULL, "held", &held[i]);
	return err;
}

/* New work must be refused, old work ended, on this thread and on the pool's if there is one. */
static int no_memory_stop(bool thread)
{
	struct fault_case stopped = { .runs = 2, .others = thread ? 5 : 4 };
	static struct stopper_closer closer;
	const char *wrong = NULL, *late;
	int i;

	closer = (struct stopper_closer){ .fn = count_closer_record, .name = "late" };
	if (call_run_async() != -ENOMEM || call_run_worker() != -ENOMEM ||
	    call_run_limited() != -ENOMEM || call_add_closer_fn() != -ENOMEM ||
	    call_task_map() != -ENOMEM || call_running_tasks() != -ENOMEM ||
	    call_run_task() || stopper_add_closer(fx.s, &closer))
		wrong = "not refused without memory, or refused though none is needed";
	for (i = 0; i < ARRAY_SIZE(held); i++)
		stopper_task_end(&held[i]);
	late = fixture_teardown(&stopped, true);
	wrong = wrong ?: late;
	results.size = 0;
	result_printf("%s\n", wrong ?: "right");
	return 0;
}

/* --- debugfs ---------------------------------------------------------------------------------- */

static struct dentry *dir;

static int run_command(const char *what)
{
	unsigned int n;
	char name[40];

	if (!strcmp(what, "all")) {
		run_all();
		return 0;
	}
	if (sscanf(what, "%39s %u", name, &n) != 2)
		return -EINVAL;
	if (!strcmp(name, "race"))
		return run_race(n);
	if (!strcmp(name, "no-memory-begin"))
		return no_memory_begin(n);
	if (!strcmp(name, "no-memory-stop"))
		return no_memory_stop(n);
	return run_one(name, n);
}

static ssize_t run_write(struct file *file, const char __user *buf, size_t n, loff_t *pos)
{
	char what[64] = "";
	int err;

	if (n >= sizeof(what))
		return -EINVAL;
	if (copy_from_user(what, buf, n))
		return -EFAULT;
	mutex_lock(&run_lock);
	err = run_command(strim(what));
	mutex_unlock(&run_lock);
	return err ?: n;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.write = run_write,
	.llseek = noop_llseek,
};

static int __init faults_init(void)
{
	dir = debugfs_create_dir("stopper_faults", NULL);
	debugfs_create_blob("results", 0400, dir, &results);
	debugfs_create_file("run", 0200, dir, NULL, &run_fops);
	return 0;
}

static void __exit faults_exit(void)
{
	debugfs_remove(dir);
}

module_init(faults_init);
module_exit(faults_exit);
MODULE_DESCRIPTION("Test of the stopper: failing allocations");
MODULE_LICENSE("GPL");
