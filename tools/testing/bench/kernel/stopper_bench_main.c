// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_bench_main.c - stopper_bench.ko: the kernel's half of the benchmark.
 *
 *   /sys/kernel/debug/stopper_bench/
 *     cases   "name threads" a line: the cases and the threads of their own
 *     run     write "CASE [THREADS [ROUNDS]]" (0: its own; 7): runs it, returns
 *             when it is done; read: the records of the last run
 *
 * Records, tab separated, ns per operation; a peer that does not exist is "-":
 *
 *   T case peer threads round us_ns peer_ns
 *   C operation base n		(see stopper_bench_ops.c)
 *   L operation n which		(see stopper_bench_lines.c)
 *
 * us and the peers are measured in turn within each round: us once, each peer
 * once, and this one time of ours stands in the records of all peers.
 *
 * Threads are kthreads, the i-th bound to the i-th CPU. With several the time is
 * per thread and operation, oversubscription shared out:
 *
 *   (last end - first begin) * min(threads, parallel) / (threads * operations of each)
 *
 * @parallel (module parameter) is how many CPUs really run at once. Under TCG
 * with thread=single that is 1: one host thread runs the virtual CPUs one after
 * the other, some milliseconds each, and a CPU that sleeps is passed over. Then
 * the time between first begin and last end is the sum of what all did. What this
 * can show is that N threads do not execute more for one operation than one does
 * (no retries, no lock that is found held). What it cannot show is the price of
 * a cache line or of a locked instruction: under TCG neither costs more than
 * another access. For these the counts and the code are the evidence.
 *
 * A run that loses a task, gets an error, or has a wrong result fails as a whole:
 * write() says so, no records are left. The module can go whenever no one has one
 * of its files open.
 */
#define pr_fmt(fmt) "stopper_bench: " fmt

#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "stopper_bench.h"

#define MAX_ROUNDS	101
#define RECORDS_SIZE	(64 * 1024)

static const struct bench_case *const tables[] = {
	bench_ops_cases, bench_remote_cases, bench_async_cases, bench_stop_cases,
	bench_list_cases, bench_start_cases, bench_lines_cases,
};

static DEFINE_MUTEX(run_lock);
static char records[RECORDS_SIZE];
static size_t records_len;
static struct dentry *folder;

int bench_record(const char *fmt, ...)
{
	size_t room = RECORDS_SIZE - records_len;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(records + records_len, room, fmt, args);
	va_end(args);
	if (len >= room)
		return -ENOSPC;
	records_len += len;
	return 0;
}

static const char *in_ns(char *buf, size_t size, s64 ps)
{
	u64 abs = ps < 0 ? -ps : ps;

	if (ps == NO_PEER)
		return "-";
	snprintf(buf, size, "%s%llu.%03llu", ps < 0 ? "-" : "", abs / 1000, abs % 1000);
	return buf;
}

/* @peer NULL: there is none */
int bench_time(const struct bench_run *r, unsigned int round, const char *peer, s64 us_ps,
	       s64 peer_ps)
{
	char us_buf[32], peer_buf[32];

	return bench_record("T\t%s\t%s\t%u\t%u\t%s\t%s\n", r->c->name, peer ?: "-", r->threads,
			    round, in_ns(us_buf, sizeof(us_buf), us_ps),
			    in_ns(peer_buf, sizeof(peer_buf), peer_ps));
}

static const struct bench_case *find_case(const char *name)
{
	const struct bench_case *c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (c = tables[i]; c->name; c++)
			if (!strcmp(c->name, name))
				return c;
	return NULL;
}

static int cases_show(struct seq_file *m, void *v)
{
	const struct bench_case *c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (c = tables[i]; c->name; c++)
			if (!c->hidden)
				seq_printf(m, "%s %u\n", c->name, c->threads);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cases);

static int run(struct bench_run *r)
{
	unsigned int round;
	int err;

	err = r->c->prepare ? r->c->prepare(r) : 0;
	if (err)
		return err;
	for (round = 1; round <= r->rounds && !err; round++)
		err = fatal_signal_pending(current) ? -EINTR : r->c->round(r, round);
	if (r->c->finish)
		r->c->finish(r);
	return err;
}

static int parse(char *line, struct bench_run *r)
{
	char name[32];

	r->threads = 0;
	r->rounds = 7;
	if (sscanf(line, "%31s %u %u", name, &r->threads, &r->rounds) < 1)
		return -EINVAL;
	r->c = find_case(name);
	if (!r->c)
		return -ENOENT;
	if (!r->threads)
		r->threads = r->c->threads;
	if (r->threads > MAX_THREADS || r->rounds < 1 || r->rounds > MAX_ROUNDS)
		return -ERANGE;
	if (r->threads != r->c->threads &&
	    (!r->c->scales || r->threads > num_online_cpus()))
		return -ERANGE;
	return 0;
}

static ssize_t run_write(struct file *file, const char __user *from, size_t count, loff_t *ppos)
{
	struct bench_run r = {};
	char line[64];
	int err;

	if (count >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, count))
		return -EFAULT;
	line[count] = '\0';
	err = parse(line, &r);
	if (err)
		return err;
	if (mutex_lock_interruptible(&run_lock))
		return -EINTR;
	records_len = 0;
	err = run(&r);
	if (err) {
		records_len = 0;
		pr_err("%s with %u threads: error %d\n", r.c->name, r.threads, err);
	}
	mutex_unlock(&run_lock);
	return err ?: count;
}

static ssize_t run_read(struct file *file, char __user *to, size_t count, loff_t *ppos)
{
	ssize_t n;

	if (mutex_lock_interruptible(&run_lock))
		return -EINTR;
	n = simple_read_from_buffer(to, count, ppos, records, records_len);
	mutex_unlock(&run_lock);
	return n;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = run_read,
	.write = run_write,
	.llseek = default_llseek,
};

static int __init bench_init(void)
{
	int err = bench_ops_init();

	if (err)
		return err;
	err = bench_async_init();
	if (err) {
		bench_ops_exit();
		return err;
	}
	bench_start_init();
	folder = debugfs_create_dir("stopper_bench", NULL);
	debugfs_create_file("cases", 0400, folder, NULL, &cases_fops);
	debugfs_create_file("run", 0600, folder, NULL, &run_fops);
	return 0;
}

static void __exit bench_exit(void)
{
	debugfs_remove(folder);
	bench_start_exit();
	bench_async_exit();
	bench_ops_exit();
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("The benchmark of the stopper");
MODULE_LICENSE("GPL");
