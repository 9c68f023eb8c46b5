// SPDX-License-Identifier: GPL-2.0
/*
 * introspect.c - the state and the stack of another thread.
 *
 * Thread ids are those of the initial pid namespace, in which tasks are recorded, whatever the
 * namespace of the reader. A stack is walked while its thread may run: the unwinder detects that
 * and returns fewer frames rather than wrong ones. Frames are shown as function and offset. An
 * address that has no symbol is shown as "?", never as a number.
 */
#include <linux/kallsyms.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>
#ifdef CONFIG_X86
#include <asm/unwind.h>
#endif
#include "internal.h"

void plat_comm(char *comm)
{
	memcpy(comm, current->comm, TASK_COMM_LEN);
	comm[TASK_COMM_LEN - 1] = '\0';
}

static_assert(COMM_SIZE == TASK_COMM_LEN);

static struct task_struct *thread_find(int tid)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_pid_ns(tid, &init_pid_ns), PIDTYPE_PID);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	return task;
}

#ifndef CONFIG_STACKTRACE
static unsigned int walk_stack_of(struct task_struct *task, unsigned long *frame, unsigned int max)
{
	return 0;
}
#elif defined(HAVE_STACK_TRACE_SAVE_TSK)
static unsigned int walk_stack_of(struct task_struct *task, unsigned long *frame, unsigned int max)
{
	return stack_trace_save_tsk(task, frame, max, 0);
}
#elif defined(CONFIG_X86) && defined(CONFIG_VMAP_STACK)
static bool is_scheduler_frame(unsigned long addr)
{
	static const char * const names[] = {
		"schedule", "io_schedule", "preempt_schedule", "switch_to", "wait_for_co",
	};
	char symbol[KSYM_SYMBOL_LEN], *name = symbol;
	int i;

	sprint_symbol_no_offset(symbol, addr);
	while (*name == '_')
		name++;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return false;
}

/*
 * Like stack_trace_save_tsk(), which modules of this kernel cannot call, and without
 * put_task_stack(), which they cannot call either: the stack of an exiting thread is unmapped
 * after a grace period, so the RCU read-side section keeps it mapped.
 */
static unsigned int walk_stack_of(struct task_struct *task, unsigned long *frame, unsigned int max)
{
	struct unwind_state state;
	unsigned long addr;
	unsigned int n = 0;

	rcu_read_lock();
	if (!refcount_read(&task->stack_refcount))
		goto out;
	for (unwind_start(&state, task, NULL, NULL); n < max && !unwind_done(&state);
	     unwind_next_frame(&state)) {
		addr = unwind_get_return_address(&state);
		if (!addr)
			break;
		if (n || !is_scheduler_frame(addr))
			frame[n++] = addr;
	}
out:
	rcu_read_unlock();
	return n;
}
#else
static unsigned int walk_stack_of(struct task_struct *task, unsigned long *frame, unsigned int max)
{
	return 0;
}
#endif

/* For an unknown symbol the kernel prints the address, which must not be shown. */
static void symbol_without_address(char *buf, const char *symbol)
{
	strscpy(buf, symbol[0] == '0' ? "?" : symbol, SYMBOL_SIZE);
}

#ifndef CONFIG_STOPPER
/* How many of the innermost frames are of this module? */
static unsigned int count_own_frames(const struct thread_snapshot *snap)
{
	unsigned int i = 0;

	while (i < snap->nframes && within_module(snap->frame[i], THIS_MODULE))
		i++;
	return i;
}
#else
static bool frame_begins_with(unsigned long addr, const char *prefix)
{
	char symbol[KSYM_SYMBOL_LEN];

	sprint_symbol_no_offset(symbol, addr);
	return str_has_prefix(symbol, prefix);
}

/*
 * In the kernel itself this code has no addresses of its own. All its waits are in plat_park(),
 * and end at the first function with a public name that other code has called.
 */
static unsigned int count_own_frames(const struct thread_snapshot *snap)
{
	unsigned int i = 0;

	if (!frame_begins_with(snap->frame[0], "plat_park"))
		return 0;
	while (i < snap->nframes && !frame_begins_with(snap->frame[i], "stopper_") &&
	       !frame_begins_with(snap->frame[i], "__stopper_"))
		i++;
	while (i < snap->nframes && (frame_begins_with(snap->frame[i], "stopper_") ||
				     frame_begins_with(snap->frame[i], "__stopper_")))
		i++;
	return i < snap->nframes ? i : 0;
}
#endif

/* The innermost frame of other code: the function that waits through the stopper. */
static void thread_set_where(struct thread_snapshot *snap)
{
	char symbol[KSYM_SYMBOL_LEN];
	unsigned int own;

	if (!snap->nframes)
		return;
	own = min(count_own_frames(snap), snap->nframes - 1);
	sprint_symbol_no_offset(symbol, snap->frame[own]);
	symbol_without_address(snap->where, symbol);
}

int plat_thread_snapshot(int tid, struct thread_snapshot *snap)
{
	struct task_struct *task = thread_find(tid);

	snap->nframes = 0;
	snap->where[0] = '\0';
	if (!task)
		return -ESRCH;
	get_task_comm(snap->comm, task);
	snap->state = task_state_to_char(task);
	if (snap->state != 'R' && task != current)
		snap->nframes = walk_stack_of(task, snap->frame, SNAPSHOT_FRAMES);
	put_task_struct(task);
	thread_set_where(snap);
	return 0;
}

void plat_frame_name(const struct thread_snapshot *snap, unsigned int i, char *buf)
{
	char symbol[KSYM_SYMBOL_LEN];

	sprint_symbol(symbol, snap->frame[i]);
	symbol_without_address(buf, symbol);
}

/* A kthread that has not called allow_signal() ignores it; processes are none of our business. */
void plat_thread_signal(int tid, int n)
{
	struct task_struct *task = thread_find(tid);

	if (!task)
		return;
	if (task->flags & PF_KTHREAD && valid_signal(n))
		send_sig(n, task, 1);
	put_task_struct(task);
}
