// SPDX-License-Identifier: GPL-2.0
/**
 * kthread_request_stop - ask a kthread to stop, without waiting for its exit
 * @k: thread created by kthread_create(), to which the caller has a reference
 *
 * Makes kthread_should_stop() return true for @k and wakes it, as kthread_stop() does. So that
 * many kthreads can be asked first, and then waited for with kthread_stop().
 */
void kthread_request_stop(struct task_struct *k)
{
	struct kthread *kthread = to_kthread(k);

	set_bit(KTHREAD_SHOULD_STOP, &kthread->flags);
	kthread_unpark(k);
	set_tsk_thread_flag(k, TIF_NOTIFY_SIGNAL);
	wake_up_process(k);
}
EXPORT_SYMBOL_GPL(kthread_request_stop);

