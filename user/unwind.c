// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * unwind.c - ends a task that panics, by unwinding the stack to its caller.
 *
 * A panic must end the innermost task. On a thread of the program, this task is a
 * stopper_run_task() somewhere up the stack. A setjmp() there would cost every task a dozen
 * stores for a rare event. The unwind tables, which every supported ABI requires, describe how
 * to get from any frame to the frame of its caller. So a panic
 *
 *   1. walks up (_Unwind_Backtrace) to the first frame that called a task's function: a frame
 *      whose stack pointer at the call is the one stored in the innermost task's slot (slot.h:
 *      run_task inlined in its caller), or a frame of task_run() or task_run_listed(), the slow
 *      paths of run_task, or of plat_call(), which calls all other functions;
 *   2. calls the panic hook while the whole stack is intact;
 *   3. unwinds by force (_Unwind_ForcedUnwind, as pthread_exit() does), which runs the C++
 *      destructors and cleanup handlers on the way;
 *   4. loads the registers that the unwinder has restored for that frame, and jumps to the return
 *      address of its call, with -EOWNERDEAD as the result.
 *
 * The frame then returns as usual. So a task pays nothing for the ability to panic. If the walk
 * finds no such frame, nothing is running that could be ended, and the process aborts.
 *
 * A C++ exception that passes through run_task continues: the cleanup there only accounts for
 * the task. C code that exceptions pass through must be compiled with -fexceptions.
 *
 * The jump exists for x86-64, i386 and AArch64; on other architectures a panic aborts. A shadow
 * stack (CET) is not rewound: glibc does not enable one here yet.
 */
#include <stdlib.h>
#include <unwind.h>
#include "internal.h"
#include "panic.h"
#include "upcalls.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN	1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ASAN	1
#endif
#ifdef ASAN
#include <sanitizer/asan_interface.h>
void __asan_handle_no_return(void);
#endif

/* Loads r[0 ..] into the callee-saved registers, r[NREGS] as stack, jumps to r[NREGS + 1]. */
void unwind_to_frame(const uintptr_t *r, int result)
	__attribute__((noreturn, visibility("hidden")));

#if defined(__x86_64__)
static const int unwind_regs[] = { 3, 6, 12, 13, 14, 15 };
__asm__(".text\n.globl unwind_to_frame\n.hidden unwind_to_frame\n"
	".type unwind_to_frame, @function\nunwind_to_frame:\n"
	"mov %esi, %eax\n"
	"mov 0(%rdi), %rbx\nmov 8(%rdi), %rbp\nmov 16(%rdi), %r12\n"
	"mov 24(%rdi), %r13\nmov 32(%rdi), %r14\nmov 40(%rdi), %r15\n"
	"mov 56(%rdi), %rdx\nmov 48(%rdi), %rsp\njmp *%rdx\n"
	".size unwind_to_frame, . - unwind_to_frame\n");
#elif defined(__i386__)
static const int unwind_regs[] = { 3, 5, 6, 7 };
__asm__(".text\n.globl unwind_to_frame\n.hidden unwind_to_frame\n"
	".type unwind_to_frame, @function\nunwind_to_frame:\n"
	"mov 4(%esp), %ecx\nmov 8(%esp), %eax\n"
	"mov 0(%ecx), %ebx\nmov 4(%ecx), %ebp\nmov 8(%ecx), %esi\nmov 12(%ecx), %edi\n"
	"mov 20(%ecx), %edx\nmov 16(%ecx), %esp\njmp *%edx\n"
	".size unwind_to_frame, . - unwind_to_frame\n");
#elif defined(__aarch64__)
static const int unwind_regs[] = { 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
				   72, 73, 74, 75, 76, 77, 78, 79 };
__asm__(".text\n.globl unwind_to_frame\n.hidden unwind_to_frame\n"
	".type unwind_to_frame, %function\nunwind_to_frame:\n"
	"mov x9, x0\nmov w0, w1\n"
	"ldp x19, x20, [x9]\nldp x21, x22, [x9, 16]\nldp x23, x24, [x9, 32]\n"
	"ldp x25, x26, [x9, 48]\nldp x27, x28, [x9, 64]\nldp x29, x30, [x9, 80]\n"
	"ldp d8, d9, [x9, 96]\nldp d10, d11, [x9, 112]\n"
	"ldp d12, d13, [x9, 128]\nldp d14, d15, [x9, 144]\n"
	"ldp x10, x11, [x9, 160]\nmov sp, x10\nbr x11\n"
	".size unwind_to_frame, . - unwind_to_frame\n");
#else
static const int unwind_regs[] = { 0 };
void unwind_to_frame(const uintptr_t *r, int result)
{
	(void)r;
	(void)result;
	plat_log(STOPPER_LOG_ERR, "panic: unwinding is not supported on this architecture");
	abort();
}
#endif

#define NREGS	ARRAY_LEN(unwind_regs)

static __thread struct call *innermost_call;
static __thread bool panicking;

/* A cleanup handler, so that it runs on every exit, including an exception. */
static void call_cleanup(struct call **c)
{
	innermost_call = (*c)->outer;
}

static PLAT_NOINLINE int call_fn(stopper_fn fn, struct stopper_ctx *ctx, void *arg)
{
	int result = 0;

	fn(ctx, arg);
	/* A panic returns here with another result, so the compiler must not assume 0. */
	__asm__ volatile("" : "+r" (result));
	return result;
}

PLAT_NOINLINE bool plat_call(struct call *c, stopper_fn fn, struct stopper_ctx *ctx, void *arg)
{
	struct call *scope __attribute__((cleanup(call_cleanup), unused)) = c;

	bool panicked, outermost = !innermost_call;

	c->outer = innermost_call;
	innermost_call = c;
	if (outermost)
		thread_state_lend(c);
	panicked = call_fn(fn, ctx, arg) == STOPPER_EPANIC;
	if (outermost)
		thread_state_take_back(c);
	return panicked;
}

struct target {
	uintptr_t function;	/* 0: not found */
	uintptr_t cfa;
	bool task;		/* a run_task; else plat_call */
	void *frame;		/* stack pointer of the innermost task's call, if inlined */
};

/* The synchronous tasks of a thread form a stack: the highest used slot is the innermost task. */
static void *innermost_task_frame(void)
{
	unsigned int i = plat_my_slots ? SLOTS_HALF : 0;

	while (i--)
		if (plat_load(&plat_my_slots->slot[i].stopper))
			return plat_my_slots->slot[i].frame;
	return NULL;
}

static _Unwind_Reason_Code find_target_frame(struct _Unwind_Context *uc, void *arg)
{
	struct target *target = arg;
	uintptr_t fn = _Unwind_GetRegionStart(uc);

	target->task = fn == (uintptr_t)task_run || fn == (uintptr_t)task_run_listed ||
		       (target->frame && _Unwind_GetCFA(uc) == (uintptr_t)target->frame);
	if (!target->task && fn != (uintptr_t)plat_call)
		return _URC_NO_REASON;
	target->function = fn;
	target->cfa = _Unwind_GetCFA(uc);
	return _URC_END_OF_STACK;
}

static void resume_at_frame(struct _Unwind_Context *uc)
{
	uintptr_t r[NREGS + 2];
	size_t i;

	for (i = 0; i < NREGS; i++)
		r[i] = _Unwind_GetGR(uc, unwind_regs[i]);
	r[NREGS] = _Unwind_GetCFA(uc);
	r[NREGS + 1] = _Unwind_GetIP(uc);
	panicking = false;
#ifdef ASAN
	__asan_handle_no_return();
#endif
	unwind_to_frame(r, STOPPER_EPANIC);
}

static _Unwind_Reason_Code unwind_to(int version, _Unwind_Action actions,
				     _Unwind_Exception_Class class, struct _Unwind_Exception *exc,
				     struct _Unwind_Context *uc, void *arg)
{
	const struct target *target = arg;

	(void)version;
	(void)class;
	(void)exc;
	if (_Unwind_GetRegionStart(uc) == target->function && _Unwind_GetCFA(uc) == target->cfa)
		resume_at_frame(uc);
	if (actions & _UA_END_OF_STACK)
		abort();
	return _URC_NO_REASON;
}

static void __attribute__((noreturn)) panic_abort(const char *why)
{
	plat_log(STOPPER_LOG_ERR, why);
	abort();
}

void plat_panic_unhandled(void)
{
	trace_file_flush();
	abort();
}

void __stopper_panic(void *value)
{
	/* Not on the stack: cleanup handlers overwrite this frame. */
	static __thread struct _Unwind_Exception exc;
	static __thread struct target target;
	struct call c;

	if (panicking)
		panic_abort("panic inside a panic hook or during unwinding");
	panicking = true;
	target.function = 0;
	target.frame = innermost_task_frame();
	_Unwind_Backtrace(find_target_frame, &target);
	if (!target.function || (target.task && !task_innermost(&c)))
		panic_abort("panic outside any task, worker, closer or recover scope");
	if (!target.task)
		c = *innermost_call;
	panic_hook(&c, value, plat_tid(), false);
	memcpy(&exc.exception_class, "STOPPER", 8);
#ifdef ASAN
	/* As for an exception: cleanup handlers run where there were frames. */
	__asan_handle_no_return();
#endif
	_Unwind_ForcedUnwind(&exc, unwind_to, &target);
	panic_abort("panic: cannot unwind a frame without an unwind table");
}
EXPORT_SYMBOL_PLAT(__stopper_panic);
