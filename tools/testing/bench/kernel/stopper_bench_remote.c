// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_bench_remote.c - handles that travel.
 *
 * One thread begins PACK tasks, a thread on another CPU ends them. The figure is
 * the time of both, by each one's own clock, without the cost of looking at the
 * clock and without that of the handing over: the median of PACKS packs.
 */
#include <linux/completion.h>
#include <linux/ktime.h>
#include <linux/percpu-refcount.h>
#include <linux/slab.h>
#include "stopper_bench.h"

#define PACK		32
#define PACKS		200

struct remote {
	bool ours;
	struct completion begun, ended;
	struct stopper_task task[PACK];
	u64 clock, begin_ns[PACKS], end_ns[PACKS];
	int err;			/* of the thread that begins; the other thread ends, too */
};

static int begin_pack(struct remote *rm)
{
	unsigned int i;

	for (i = 0; i < PACK; i++) {
		int err = rm->ours ?
			stopper_task_begin(bench_env.s, NULL, "bench-remote", &rm->task[i]) :
			percpu_ref_tryget_live(bench_env.ref) ? 0 : -EIO;

		if (err)
			return err;
	}
	return 0;
}

static void end_pack(struct remote *rm)
{
	unsigned int i;

	for (i = 0; i < PACK; i++)
		if (rm->ours)
			stopper_task_end(&rm->task[i]);
		else
			percpu_ref_put(bench_env.ref);
}

static u64 since(u64 begin, u64 clock)
{
	u64 ns = ktime_get_ns() - begin;

	return ns > clock ? ns - clock : 0;
}

static int remote_begins(struct remote *rm)
{
	unsigned int i;
	u64 begin;

	for (i = 0; i < PACKS && !rm->err; i++) {
		begin = ktime_get_ns();
		rm->err = begin_pack(rm);
		rm->begin_ns[i] = since(begin, rm->clock);
		complete(&rm->begun);
		if (!rm->err)
			rm->err = bench_wait(&rm->ended);
	}
	return rm->err;
}

static int remote_ends(struct remote *rm)
{
	unsigned int i;
	u64 begin;
	int err;

	for (i = 0; i < PACKS; i++) {
		err = bench_wait(&rm->begun);
		if (err || rm->err)
			return err;
		begin = ktime_get_ns();
		end_pack(rm);
		rm->end_ns[i] = since(begin, rm->clock);
		complete(&rm->ended);
	}
	return 0;
}

static int remote_thread(struct bench_thread *t)
{
	struct remote *rm = t->group->arg;

	return t->index ? remote_ends(rm) : remote_begins(rm);
}

static int remote_ps(struct remote *rm, bool ours, s64 *ps)
{
	unsigned int i;
	int err;

	rm->ours = ours;
	rm->err = 0;
	reinit_completion(&rm->begun);
	reinit_completion(&rm->ended);
	err = bench_threads(2, remote_thread, rm, NULL);
	for (i = 0; i < PACKS; i++)
		rm->begin_ns[i] += rm->end_ns[i];
	*ps = bench_percentile(rm->begin_ns, PACKS, 50) / PACK;
	return err;
}

static int remote_prepare(struct bench_run *r)
{
	struct remote *rm = kzalloc(sizeof(*rm), GFP_KERNEL);

	if (!rm)
		return -ENOMEM;
	init_completion(&rm->begun);
	init_completion(&rm->ended);
	rm->clock = bench_clock_ns();
	r->priv = rm;
	return 0;
}

static int remote_round(struct bench_run *r, unsigned int round)
{
	s64 us, peer;
	int err = remote_ps(r->priv, true, &us) ?: remote_ps(r->priv, false, &peer);

	return err ?: bench_time(r, round, "percpu_ref", us, peer);
}

static void remote_finish(struct bench_run *r)
{
	kfree(r->priv);
}

const struct bench_case bench_remote_cases[] = {
	{ .name = "task_begin_end_remote", .threads = 2, .prepare = remote_prepare,
	  .round = remote_round, .finish = remote_finish },
	{}
};
