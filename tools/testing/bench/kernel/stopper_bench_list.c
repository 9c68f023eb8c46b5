// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_bench_list.c - reading /sys/kernel/debug/stopper.
 *
 * The file is opened, read to its end and closed by a kthread that has borrowed
 * the address space of the process that wrote the command, into a buffer that was
 * mapped there: the system calls of a process that reads it, without their entry.
 *
 *   debug_list_10k          TASKS tasks of SITES call sites run
 *   run_task_while_listing  one thread runs tasks in short batches, the other one
 *                           reads the list all the time; the peer's other thread
 *                           reads an array of its own instead. The figure is the
 *                           median of the batches: where two CPUs share one host
 *                           thread a few batches hold the other one's turn, and
 *                           these must not count
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "stopper_bench.h"

#define LIST		"/sys/kernel/debug/stopper"
#define ROOM		(1024 * 1024)
#define TASKS		10000
#define SITES		100
#define STANDING	100	/* tasks there are to list while others are run */
#define BATCH		64	/* tasks between two looks at the clock */
#define BATCHES		4096	/* at least */
#define READS		16	/* at least, meanwhile */
#define LATEST_NS	(10ull * NSEC_PER_SEC)
#define ARRAY		(64 * 1024 / sizeof(long))

struct listing {
	struct mm_struct *mm;
	unsigned long room;		/* in @mm */
	struct stopper *s;
	unsigned int ntasks, want;
	struct stopper_site site[SITES];
	u64 list_ns;			/* of the last read */
	size_t len;
	/* run_task_while_listing */
	bool array;			/* read that instead */
	bool over;
	unsigned long nread;
	u64 clock, *batch_ns;
	unsigned long *words;
	struct stopper_task task[TASKS];
};

static int read_to_end(struct listing *l, struct file *file)
{
	loff_t pos = 0;
	ssize_t n;

	for (l->len = 0; l->len < ROOM; l->len += n) {
		n = file->f_op->read(file, (char __user *)l->room + l->len, ROOM - l->len, &pos);
		if (n <= 0)
			return n;
	}
	return -EFBIG;
}

static int read_list(struct listing *l)
{
	u64 begin = ktime_get_ns();
	struct file *file = filp_open(LIST, O_RDONLY, 0);
	int err;

	if (IS_ERR(file))
		return PTR_ERR(file);
	err = file->f_op->read ? read_to_end(l, file) : -EINVAL;
	/* Now, and not when this thread is done. */
	__fput_sync(file);
	l->list_ns = ktime_get_ns() - begin;
	return err;
}

/* Is our stopper there, with all tasks that stand? */
static int check_list(struct listing *l)
{
	char *text = kvmalloc(l->len + 1, GFP_KERNEL), want[64];
	const char *line;
	int err = -EFAULT;

	if (!text)
		return -ENOMEM;
	if (!copy_from_user(text, (char __user *)l->room, l->len)) {
		text[l->len] = '\0';
		snprintf(want, sizeof(want), "tasks %u,", l->ntasks);
		line = strstr(text, "\"bench-list\"");
		line = line ? strstr(line, want) : NULL;
		err = line ? 0 : -EIO;
	}
	kvfree(text);
	return err;
}

/* On the CPU of the one that reads: the other one's table keeps its room. */
static int begin_tasks(struct bench_thread *t)
{
	struct listing *l = t->group->arg;
	int err;

	if (!t->index)
		return 0;
	for (; l->ntasks < l->want; l->ntasks++) {
		err = __stopper_task_begin(l->s, NULL, &l->site[l->ntasks % SITES],
					   &l->task[l->ntasks]);
		if (err)
			return err;
	}
	return 0;
}

static void listing_finish(struct bench_run *r)
{
	struct listing *l = r->priv;

	while (l->ntasks)
		stopper_task_end(&l->task[--l->ntasks]);
	if (l->s) {
		stopper_stop(l->s, NULL);
		stopper_put(l->s);
	}
	if (l->room)
		vm_munmap(l->room, ROOM);
	kvfree(l->batch_ns);
	kvfree(l->words);
	kvfree(l);
}

static int make_room(struct listing *l)
{
	unsigned long room = vm_mmap(NULL, 0, ROOM, PROT_READ | PROT_WRITE,
				     MAP_ANONYMOUS | MAP_PRIVATE, 0);

	if (IS_ERR_VALUE(room))
		return room;
	l->room = room;
	l->batch_ns = kvcalloc(BATCHES, sizeof(*l->batch_ns), GFP_KERNEL);
	l->words = kvcalloc(ARRAY, sizeof(*l->words), GFP_KERNEL);
	return l->batch_ns && l->words ? 0 : -ENOMEM;
}

/* The case's data is the number of tasks. */
static int listing_prepare(struct bench_run *r)
{
	struct listing *l = kvzalloc(sizeof(*l), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!l)
		return -ENOMEM;
	r->priv = l;
	l->mm = current->mm;
	l->clock = bench_clock_ns();
	l->want = *(const unsigned int *)r->c->data;
	for (i = 0; i < SITES; i++)
		l->site[i] = (struct stopper_site){ .name = "bench-listed", .file = __FILE__,
			.func = __func__, .owner = THIS_MODULE, .line = i + 1 };
	err = make_room(l) ?: stopper_create(&l->s, "bench-list", NULL);
	if (!err)
		err = bench_threads(2, begin_tasks, l, NULL);
	if (err)
		listing_finish(r);
	return err;
}

static int list_thread(struct bench_thread *t)
{
	struct listing *l = t->group->arg;
	int err;

	kthread_use_mm(l->mm);
	err = read_list(l) ?: check_list(l);
	kthread_unuse_mm(l->mm);
	return err;
}

static int list_round(struct bench_run *r, unsigned int round)
{
	struct listing *l = r->priv;
	int err = bench_threads(1, list_thread, l, NULL);

	return err ?: bench_time(r, round, NULL, 1000 * l->list_ns, NO_PEER);
}

/* --- while another one reads --- */

static int read_array(struct listing *l)
{
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < ARRAY; i++)
		sum += READ_ONCE(l->words[i]);
	return sum ? -EIO : 0;
}

static int keep_reading(struct listing *l)
{
	int err = 0;

	kthread_use_mm(l->mm);
	while (!err && !READ_ONCE(l->over)) {
		err = l->array ? read_array(l) : read_list(l);
		WRITE_ONCE(l->nread, l->nread + 1);
		cond_resched();
	}
	kthread_unuse_mm(l->mm);
	return err;
}

/* Of more batches than there is room for the last ones count. */
static int run_batches(struct listing *l)
{
	u64 begin, late = ktime_get_ns() + LATEST_NS, *ns;
	struct bench_env e = bench_env;
	unsigned int i;
	int err = 0;

	e.s = l->s;
	for (i = 0; !err && (i < BATCHES || READ_ONCE(l->nread) < READS); i++) {
		ns = &l->batch_ns[i % BATCHES];
		begin = ktime_get_ns();
		err = bench_op[OP_RUN_TASK].loop(&e, BATCH);
		*ns = ktime_get_ns() - begin;
		*ns -= min(*ns, l->clock);
		if (begin > late)
			err = -ETIME;	/* no reader at the same time: no figure */
	}
	WRITE_ONCE(l->over, true);
	return err;
}

static int while_thread(struct bench_thread *t)
{
	struct listing *l = t->group->arg;

	return t->index ? keep_reading(l) : run_batches(l);
}

static int while_ps(struct listing *l, bool array, s64 *ps)
{
	int err;

	l->array = array;
	l->over = false;
	l->nread = 0;
	err = bench_threads(2, while_thread, l, NULL);
	*ps = bench_percentile(l->batch_ns, BATCHES, 50) / BATCH;
	return err;
}

static int while_round(struct bench_run *r, unsigned int round)
{
	s64 us, peer;
	int err = while_ps(r->priv, false, &us) ?: while_ps(r->priv, true, &peer);

	return err ?: bench_time(r, round, "array", us, peer);
}

static const unsigned int tasks = TASKS, standing = STANDING;

const struct bench_case bench_list_cases[] = {
	{ .name = "debug_list_10k", .threads = 1, .prepare = listing_prepare,
	  .round = list_round, .finish = listing_finish, .data = &tasks },
	{ .name = "run_task_while_listing", .threads = 2, .prepare = listing_prepare,
	  .round = while_round, .finish = listing_finish, .data = &standing },
	{}
};
