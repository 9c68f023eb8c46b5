// SPDX-License-Identifier: GPL-2.0
/*
 * request_stop.c - kthread_request_stop(), for kernels that lack it.
 *
 * kthread_stop() makes kthread_should_stop() true in a kthread, ends its interruptible sleep, and
 * waits for its exit. This function must do the first two only. The completion that kthread_stop()
 * waits for is reachable: in every kernel since 3.8, task_struct::vfork_done points to it until
 * the exit has completed it. Each kthread_stop() consumes one count of it. So a count is added,
 * which the kthread_stop() called here consumes, and the exit adds the one for the
 * kthread_stop() that reaps:
 *
 *   plat_thread_stop()                  kthread                   thread_reap()
 *   lock ->stopping; exiting? no
 *   complete(vfork_done)
 *   kthread_stop(): does not sleep      should stop: returns
 *   unlock ->stopping                   lock; exiting; unlock
 *                                       queue reap
 *                                       exit: complete()          kthread_stop(): sleeps
 *
 * The mutex ->stopping keeps thread_reap() from consuming the count that is not its own: a
 * kthread is queued for reaping only after ->exiting is set, and then no count is added.
 *
 * The alternative was to set the bit in the private struct kthread. With this method the
 * kthread_stop() of each kernel does everything that it does for a kthread that has to stop.
 * That it does not sleep is tested with a thread when the module is loaded, as a future kernel
 * may change it.
 */
#include <linux/kthread.h>
#include <linux/sched/task.h>
#include "internal.h"
#include "compat.h"

void kthread_request_stop(struct task_struct *task)
{
	struct completion *exited;

	task_lock(task);
	exited = task->vfork_done;
	if (exited)
		complete(exited);
	task_unlock(task);
	/* Otherwise it has exited inside its function. */
	if (exited)
		kthread_stop(task);
}

/* A thread that checks whether a request to stop waits for its exit. */
struct stop_probe {
	struct plat_thread thread;
	struct completion returned;
	struct completion released;
	bool stop_waited;
};

static void stop_probe_main(struct plat_thread *t)
{
	struct stop_probe *p = container_of(t, struct stop_probe, thread);

	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	p->stop_waited = !wait_for_completion_timeout(&p->returned, HZ);
}

static void stop_probe_release(struct plat_thread *t)
{
	complete(&container_of(t, struct stop_probe, thread)->released);
}

int request_stop_probe(void)
{
	struct stop_probe *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int err = -ENOMEM;

	if (!p)
		return err;
	init_completion(&p->returned);
	init_completion(&p->released);
	p->thread.main = stop_probe_main;
	p->thread.release = stop_probe_release;
	err = plat_thread_start(&p->thread, "stopper/probe");
	if (err)
		goto out;
	plat_thread_stop(&p->thread);
	complete(&p->returned);
	wait_for_completion(&p->released);
	if (p->stop_waited) {
		pr_err("kthread_stop() of this kernel waits after vfork_done: not supported\n");
		err = -EOPNOTSUPP;
	}
out:
	kfree(p);
	return err;
}
