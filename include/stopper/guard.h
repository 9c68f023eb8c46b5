/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * guard.h - tasks, semaphore slots, contexts and stoppers that end with their scope.
 *
 * The classes are those of the kernel's <linux/cleanup.h>. Where it is missing or older than a
 * macro (6.1, userspace), the macro is defined here, with the same meaning:
 *
 *   ACQUIRE(stopper_task, task)(s, ctx, "name");
 *   err = ACQUIRE_ERR(stopper_task, &task);
 *
 * begins a task that ends when @task goes out of scope, however the scope is left. A stopper
 * refuses tasks once it stops, so the error must be looked at: guard(stopper_task), which has no
 * name to ask, is for code that runs whether the task was admitted or not.
 *
 *   scoped_cond_guard(stopper_task, return -ESHUTDOWN, s, ctx, "name") { ... }
 *
 * executes the statement if the task is refused, otherwise the block, as a task.
 * scoped_guard(stopper_task, s, ctx, "name") { ... } skips the block if the task is refused; not
 * before Linux 6.8, where it always executes the block: there, use the two above.
 *
 * ======================  ==================  ====================================  ============
 * Class                   Arguments           At the begin                          At the end
 * ======================  ==================  ====================================  ============
 * stopper_task            s, ctx, name        stopper_task_begin()                  task_end
 * stopper_sem             sem, ctx            stopper_sem_acquire()                 sem_release
 * stopper_sem_try         sem                 stopper_sem_try_acquire()             sem_release
 * stopper_ctx             parent              stopper_ctx_with_cancel()             cancel, put
 * ======================  ==================  ====================================  ============
 *
 * CLASS(stopper_ctx, ctx)(parent) declares a context that is cancelled at the end of its scope;
 * NULL: no memory. __free(stopper_ctx) and __free(stopper) at the declaration of a pointer put
 * the reference that it holds at the end; NULL holds none.
 *
 * The variables must not be copied, and live in their block: a task that ends on another thread,
 * or later than its block, uses stopper_task_begin(). C++ has destructors; there, this header is
 * empty.
 */
#ifndef STOPPER_GUARD_H
#define STOPPER_GUARD_H

#include <stopper/stopper.h>

#ifndef __cplusplus

#ifdef __KERNEL__
#include <linux/build_bug.h>
/* sparse does not know __has_include. A kernel that needs the header has included it by now. */
#ifndef __CHECKER__
#if __has_include(<linux/cleanup.h>)
#include <linux/cleanup.h>
#endif
#endif
#endif

#define __stopper_cleanup(fn)	__attribute__((__cleanup__(fn), __unused__))
#define __stopper_maybe_unused	__attribute__((__unused__))

#define __STOPPER_PASTE(a, b)	a##b
#define __STOPPER_LABEL(a, b)	__STOPPER_PASTE(a, b)

#ifndef __free
#define __free(_name)		__stopper_cleanup(__free_##_name)
#endif
#ifndef CLASS
#define CLASS(_name, var)							\
	class_##_name##_t var __stopper_cleanup(class_##_name##_destructor) =	\
		class_##_name##_constructor
#endif
#ifndef guard
#define guard(_name)								\
	CLASS(_name, __STOPPER_LABEL(__stopper_guard_, __LINE__))
#endif
#ifndef ACQUIRE
#define ACQUIRE(_name, var)	CLASS(_name, var)
#define ACQUIRE_ERR(_name, var)	class_##_name##_lock_err(var)
#endif
#ifndef scoped_guard
#define __stopper_scoped_guard(_name, _label, ...)				\
	for (CLASS(_name, scope)(__VA_ARGS__); class_##_name##_lock_ptr(&scope);	\
	     __extension__ ({ goto _label; }))					\
		if (0) {							\
_label:										\
			break;							\
		} else
#define scoped_guard(_name, ...)						\
	__stopper_scoped_guard(_name, __STOPPER_LABEL(__stopper_label_, __LINE__), __VA_ARGS__)
#endif
#ifndef scoped_cond_guard
#define __stopper_scoped_cond_guard(_name, _fail, _label, ...)			\
	for (CLASS(_name, scope)(__VA_ARGS__); ; __extension__ ({ goto _label; }))	\
		if (!class_##_name##_lock_ptr(&scope)) {			\
			_fail;							\
_label:										\
			break;							\
		} else
#define scoped_cond_guard(_name, _fail, ...)					\
	__stopper_scoped_cond_guard(_name, _fail,				\
				    __STOPPER_LABEL(__stopper_label_, __LINE__), __VA_ARGS__)
#endif

/* What the macros, also the kernel's, need of a class that may refuse. */
#define __STOPPER_CLASS_COND(_name)						\
static const bool __stopper_maybe_unused class_##_name##_is_conditional = true;	\
STOPPER_INLINE void *class_##_name##_lock_ptr(class_##_name##_t *guard_)	\
{										\
	return guard_->err ? NULL : guard_->held;				\
}										\
STOPPER_INLINE int class_##_name##_lock_err(class_##_name##_t *guard_)		\
{										\
	return guard_->err;							\
}

/*
 * A handle may be linked into a list, so it is never copied: it is an object of the caller's block,
 * to which the class points. The constructor is a macro because of that, and of the site.
 */
typedef struct {
	struct stopper_task *held;
	int err;
} class_stopper_task_t;

STOPPER_INLINE class_stopper_task_t __stopper_task_guard(struct stopper *s, struct stopper_ctx *ctx,
							 const struct stopper_site *site,
							 struct stopper_task *task)
{
	class_stopper_task_t guard_;

	guard_.held = task;
	guard_.err = __stopper_task_begin(s, ctx, site, task);
	return guard_;
}

#define class_stopper_task_constructor(s, ctx, name)				\
	__stopper_task_guard(s, ctx, STOPPER_SITE(name), &(struct stopper_task){ .slot = NULL })

STOPPER_INLINE void class_stopper_task_destructor(class_stopper_task_t *guard_)
{
	if (!guard_->err)
		stopper_task_end(guard_->held);
}

__STOPPER_CLASS_COND(stopper_task)

typedef struct {
	struct stopper_sem *held;
	int err;
} class_stopper_sem_t;
typedef class_stopper_sem_t class_stopper_sem_try_t;

STOPPER_INLINE class_stopper_sem_t class_stopper_sem_constructor(struct stopper_sem *sem,
								 struct stopper_ctx *ctx)
{
	class_stopper_sem_t guard_;

	guard_.held = sem;
	guard_.err = stopper_sem_acquire(sem, ctx);
	return guard_;
}

STOPPER_INLINE class_stopper_sem_try_t class_stopper_sem_try_constructor(struct stopper_sem *sem)
{
	class_stopper_sem_try_t guard_;

	guard_.held = sem;
	guard_.err = stopper_sem_try_acquire(sem);
	return guard_;
}

STOPPER_INLINE void class_stopper_sem_destructor(class_stopper_sem_t *guard_)
{
	if (!guard_->err)
		stopper_sem_release(guard_->held);
}

#define class_stopper_sem_try_destructor	class_stopper_sem_destructor

__STOPPER_CLASS_COND(stopper_sem)
__STOPPER_CLASS_COND(stopper_sem_try)

typedef struct stopper_ctx *class_stopper_ctx_t;

STOPPER_INLINE class_stopper_ctx_t class_stopper_ctx_constructor(struct stopper_ctx *parent)
{
	struct stopper_ctx *ctx = NULL;

	return stopper_ctx_with_cancel(parent, &ctx) ? NULL : ctx;
}

STOPPER_INLINE void class_stopper_ctx_destructor(class_stopper_ctx_t *ctx)
{
	stopper_ctx_cancel(*ctx);
	stopper_ctx_put(*ctx);
}

STOPPER_INLINE void __free_stopper_ctx(struct stopper_ctx **ctx)
{
	stopper_ctx_put(*ctx);
}

STOPPER_INLINE void __free_stopper(struct stopper **s)
{
	stopper_put(*s);
}

#endif /* __cplusplus */

#endif /* STOPPER_GUARD_H */
