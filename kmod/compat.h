/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - differences between kernel versions. No other file depends on a version, but for
 * samples/blk_compat.h, which is the same for the block layer.
 *
 * The code is written for the newest kernel; what an older one lacks is added here. The root
 * Kbuild searches the kernel's headers for each feature and defines HAVE_..., which also works
 * for a distribution's kernel with backports. If it misses a feature, the build fails.
 */
#ifndef STOPPER_KMOD_COMPAT_H
#define STOPPER_KMOD_COMPAT_H

#include <linux/hrtimer.h>

/*
 * Read by the root Kbuild, which refuses an older kernel and prints a note for a kernel that is
 * newer than the newest one that the tests boot.
 */
#define COMPAT_OLDEST	6.1
#define COMPAT_NEWEST	7.3

#ifndef HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

#ifndef HAVE_KTHREAD_REQUEST_STOP
/* kthread_stop() without the wait for the exit. */
void kthread_request_stop(struct task_struct *task);
int request_stop_probe(void);
#endif

#ifndef HAVE___SET_TASK_COMM
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/string.h>

/* For modules, which cannot call __set_task_comm(). Readers of comm hold this lock. */
static inline void compat_set_comm(struct task_struct *task, const char *comm)
{
	task_lock(task);
	strscpy_pad(task->comm, comm, TASK_COMM_LEN);
	task_unlock(task);
}

#undef set_task_comm
#define set_task_comm(task, comm)	compat_set_comm(task, comm)
#endif

#ifndef HAVE_SOCKADDR_UNSIZED
/* The type of the address argument of kernel_bind(). */
#define sockaddr_unsized sockaddr
#endif

#endif
