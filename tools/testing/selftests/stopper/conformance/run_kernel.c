// SPDX-License-Identifier: GPL-2.0
/*
 * run_kernel.c - the conformance cases as a module, test_stopper.ko.
 *
 *   insmod test_stopper.ko [filter=NAME] [rounds=PERCENT] [misuse=1] [run=0]
 *
 * They run while insmod waits, and what they say goes to the kernel log at
 * once (the name of a case before it runs, so that one that hangs is known)
 * and to /sys/kernel/debug/test_stopper/results. Writing a filter into
 * /sys/kernel/debug/test_stopper/run runs again.
 */
#define pr_fmt(fmt) "test_stopper: " fmt

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/trace_events.h>
#include <linux/uaccess.h>

#include "case.h"

static char filter[128];
module_param_string(filter, filter, sizeof(filter), 0444);
MODULE_PARM_DESC(filter, "only cases whose name contains this; with a leading =, only that one");

static int rounds = 20;
module_param(rounds, int, 0444);
MODULE_PARM_DESC(rounds, "per cent of the rounds of cases that repeat");

static bool misuse;
module_param(misuse, bool, 0444);
MODULE_PARM_DESC(misuse, "run the cases that provoke warnings too");

static bool run = true;
module_param(run, bool, 0444);
MODULE_PARM_DESC(run, "run when loaded");

static const char *current_case = "";
static DEFINE_MUTEX(run_lock);
static char *results;
static size_t results_len;
#define RESULTS_SIZE	(128 * 1024)

/* --- threads, time, memory -------------------------------------------------------------------- */

static int thread_main(void *arg)
{
	struct env_thread *t = arg;

	t->fn(t->arg);
	/* Outside of this module when the joiner goes on. */
	kthread_complete_and_exit(&t->done, 0);
}

int env_spawn(struct env_thread *t, void (*fn)(void *arg), void *arg)
{
	t->fn = fn;
	t->arg = arg;
	init_completion(&t->done);
	t->task = kthread_run(thread_main, t, "conf");
	return PTR_ERR_OR_ZERO(t->task);
}

void env_join(struct env_thread *t)
{
	wait_for_completion(&t->done);
}

void env_yield(void)
{
	cond_resched();
}

void env_nap(void)
{
	usleep_range(500, 1500);
}

int64_t env_now(void)
{
	return ktime_get_ns();
}

int env_tid(void)
{
	return current->pid;
}

void env_comm(char *buf, size_t size)
{
	strscpy(buf, current->comm, size);
}

void env_comm_of(int tid, char *buf, size_t size)
{
	struct pid *pid = find_get_pid(tid);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);

	buf[0] = '\0';
	if (task) {
		strscpy(buf, task->comm, size);
		put_task_struct(task);
	}
	put_pid(pid);
}

void env_rename(const char *comm)
{
	task_lock(current);
	strscpy_pad(current->comm, comm, sizeof(current->comm));
	task_unlock(current);
}

void *env_alloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL | __GFP_NOFAIL);
}

void env_free(void *p)
{
	kvfree(p);
}

int case_rounds(int n)
{
	return max(n * rounds / 100, 1);
}

bool case_may_misuse(void)
{
	return misuse;
}

/* There is no public way to know that somebody has begun to wait in line. */
int case_sem_waiters(struct stopper_sem *sem)
{
	struct stopper_list *node;
	unsigned long flags;
	int n = 0;

	spin_lock_irqsave(&sem->lock, flags);
	for (node = sem->waiters.next; node != &sem->waiters; node = node->next)
		n++;
	spin_unlock_irqrestore(&sem->lock, flags);
	return n;
}

bool case_trace(bool on)
{
	return !trace_set_clr_event("stopper", NULL, on);
}

void env_gate_init(struct env_gate *g)
{
	init_completion(&g->done);
}

void env_gate_destroy(struct env_gate *g)
{
}

void env_gate_open(struct env_gate *g)
{
	complete_all(&g->done);
}

bool env_gate_wait(struct env_gate *g)
{
	return wait_for_completion_timeout(&g->done, nsecs_to_jiffies(ENV_BOUND));
}

/* --- verdicts --------------------------------------------------------------------------------- */

static __printf(1, 2) void say(const char *fmt, ...)
{
	va_list args;
	char line[256];
	int n;

	va_start(args, fmt);
	n = vscnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	pr_info("%s\n", line);
	if (results && results_len + n + 2 < RESULTS_SIZE)
		results_len += scnprintf(results + results_len, RESULTS_SIZE - results_len,
					 "%s\n", line);
}

void env_fail(const char *file, int line, const char *what)
{
	if (case_note_failure())
		say("# %s: %s:%d: %s", current_case, kbasename(file), line, what);
}

void env_fail_eq(const char *file, int line, const char *what, long long got, long long want)
{
	if (case_note_failure())
		say("# %s: %s:%d: %s: %lld, not %lld", current_case, kbasename(file), line, what,
		    got, want);
}

void env_fail_str(const char *file, int line, const char *what, const char *got, const char *want)
{
	if (case_note_failure())
		say("# %s: %s:%d: %s: \"%s\", not \"%s\"", current_case, kbasename(file), line,
		    what, got, want);
}

void case_say_plan(int n)
{
	say("1..%d", n);
}

void case_say_begin(int nr, const char *name)
{
	current_case = name;
	pr_info("# %s ...\n", name);
}

void case_say_end(int nr, const char *name, bool ok, const char *skip)
{
	if (skip)
		say("ok %d %s # SKIP %s", nr, name, skip);
	else
		say("%sok %d %s", ok ? "" : "not ", nr, name);
}

static bool wanted(const char *name)
{
	if (filter[0] == '=')
		return !strcmp(name, filter + 1);
	return !filter[0] || strstr(name, filter);
}

static void run_cases(void)
{
	struct case_totals run;
	int64_t start = env_now();

	results_len = 0;
	say("KTAP version 1");
	run = run_all_cases(wanted);
	say("# %d passed, %d failed, %d skipped in %lld ms", run.passed, run.failed, run.skipped,
	    div_s64(env_now() - start, ENV_MSEC));
}

/* --- debugfs ---------------------------------------------------------------------------------- */

static struct dentry *dir;

static ssize_t results_read(struct file *file, char __user *buf, size_t n, loff_t *pos)
{
	return simple_read_from_buffer(buf, n, pos, results, results_len);
}

static const struct file_operations results_fops = {
	.owner = THIS_MODULE,
	.read = results_read,
	.llseek = default_llseek,
};

static ssize_t run_write(struct file *file, const char __user *buf, size_t n, loff_t *pos)
{
	char what[sizeof(filter)] = "";

	if (n >= sizeof(what))
		return -EINVAL;
	if (copy_from_user(what, buf, n))
		return -EFAULT;
	mutex_lock(&run_lock);
	strscpy(filter, strim(what), sizeof(filter));
	run_cases();
	mutex_unlock(&run_lock);
	return n;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.write = run_write,
	.llseek = noop_llseek,
};

static int __init test_stopper_init(void)
{
	results = kvzalloc(RESULTS_SIZE, GFP_KERNEL);
	if (!results)
		return -ENOMEM;
	dir = debugfs_create_dir("test_stopper", NULL);
	debugfs_create_file("results", 0400, dir, NULL, &results_fops);
	debugfs_create_file("run", 0200, dir, NULL, &run_fops);
	if (run)
		run_cases();
	return 0;
}

static void __exit test_stopper_exit(void)
{
	debugfs_remove(dir);
	kvfree(results);
}

module_init(test_stopper_init);
module_exit(test_stopper_exit);
MODULE_DESCRIPTION("Conformance tests of the stopper");
MODULE_LICENSE("GPL");
