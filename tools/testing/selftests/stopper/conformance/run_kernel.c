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
#include <linux/module.h>
#include <linux/mutex.h>
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

static DEFINE_MUTEX(run_lock);
#define RESULTS_SIZE	(128 * 1024)
static struct debugfs_blob_wrapper results;

int case_rounds(int n)
{
	return max(n * rounds / 100, 1);
}

bool case_may_misuse(void)
{
	return misuse;
}

bool case_trace(bool on)
{
	return !trace_set_clr_event("stopper", NULL, on);
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
	if (results.size + n + 2 < RESULTS_SIZE)
		results.size += scnprintf(results.data + results.size,
					  RESULTS_SIZE - results.size, "%s\n", line);
}

void case_say_failure(const char *line)
{
	say("# %s", line);
}

void case_say_plan(int n)
{
	say("1..%d", n);
}

void case_say_begin(int nr, const char *name)
{
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

	results.size = 0;
	say("KTAP version 1");
	run = run_all_cases(wanted);
	say("# %d passed, %d failed, %d skipped in %lld ms", run.passed, run.failed, run.skipped,
	    div_s64(env_now() - start, ENV_MSEC));
}

/* --- debugfs ---------------------------------------------------------------------------------- */

static struct dentry *dir;

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
	results.data = kvzalloc(RESULTS_SIZE, GFP_KERNEL);
	if (!results.data)
		return -ENOMEM;
	dir = debugfs_create_dir("test_stopper", NULL);
	debugfs_create_blob("results", 0400, dir, &results);
	debugfs_create_file("run", 0200, dir, NULL, &run_fops);
	if (run)
		run_cases();
	return 0;
}

static void __exit test_stopper_exit(void)
{
	debugfs_remove(dir);
	kvfree(results.data);
}

module_init(test_stopper_init);
module_exit(test_stopper_exit);
MODULE_DESCRIPTION("Conformance tests of the stopper");
MODULE_LICENSE("GPL");
