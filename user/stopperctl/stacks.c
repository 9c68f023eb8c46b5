// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stacks.c - adds the user stacks of blocked threads to a list, with libdw of elfutils.
 *
 * A thread that sleeps is known by the function of the kernel in which it sleeps. Here that
 * becomes the function and line of the program that called into the C library. libdw attaches to
 * one thread after the other with ptrace(2), which stops it for a moment, unwinds its stack and
 * detaches.
 *
 * libdw is optional: without it at build, --stacks says so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "stacks.h"

#ifdef HAVE_LIBDW
#include <elfutils/libdwfl.h>

#define MAX_FRAMES	48
#define MAX_THREADS	256		/* as many as the list looks up */

/* Frames are strings of ours in arrays of the list. */
static char **texts;
static size_t nr_texts;

static const char *text_keep(const char *s)
{
	char **all = reallocarray(texts, nr_texts + 1, sizeof(*all));

	if (!all)
		return NULL;
	texts = all;
	texts[nr_texts] = strdup(s);
	return texts[nr_texts] ? texts[nr_texts++] : NULL;
}

struct stack {
	Dwfl *dwfl;
	struct debug_thread *thread;
	const char *caller;		/* the first frame with a line that is not the stopper's */
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "FUNCTION at FILE:LINE", or "FUNCTION [MODULE]" without a line. */
static bool frame_text(char *text, size_t size, Dwfl *dwfl, Dwarf_Addr pc)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, pc);
	const char *name, *file = NULL, *path;
	Dwfl_Line *line;
	int number = 0;

	name = module ? dwfl_module_addrname(module, pc) : NULL;
	line = module ? dwfl_module_getsrc(module, pc) : NULL;
	if (line)
		file = dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL);
	if (file) {
		snprintf(text, size, "%.128s at %.160s:%d", name ? name : "?", file, number);
		return true;
	}
	path = module ? dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL) : NULL;
	snprintf(text, size, "%.128s [%.64s]", name ? name : "?", path ? base_name(path) : "?");
	return false;
}

static bool is_in_a_library(Dwfl *dwfl, Dwarf_Addr pc)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, pc);
	const char *path, *name = module ? dwfl_module_addrname(module, pc) : NULL;

	path = module ? dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL) : "";
	path = path ? base_name(path) : "";
	return !strncmp(path, "libc.", 5) || !strncmp(path, "libc-", 5) ||
	       !strncmp(path, "ld-", 3) || !strncmp(path, "libpthread", 10) ||
	       !strncmp(path, "liburing", 8) || !strncmp(path, "libstopper", 10) ||
	       !strncmp(path, "[vdso]", 6) || !name ||
	       !strncmp(name, "stopper_", 8) || !strncmp(name, "__stopper_", 10);
}

static int frame_add(Dwfl_Frame *frame, void *arg)
{
	struct stack *st = arg;
	struct debug_thread *t = st->thread;
	const char **stack, *kept;
	char text[320];
	bool activation, has_line;
	Dwarf_Addr pc;

	if (!dwfl_frame_pc(frame, &pc, &activation) || t->nr_stack == MAX_FRAMES)
		return DWARF_CB_ABORT;
	/* A return address is behind the call. */
	if (!activation)
		pc--;
	has_line = frame_text(text, sizeof(text), st->dwfl, pc);
	stack = reallocarray(t->stack, t->nr_stack + 1, sizeof(*stack));
	if (!stack)
		return DWARF_CB_ABORT;
	t->stack = stack;
	kept = text_keep(text);
	if (!kept)
		return DWARF_CB_ABORT;
	stack[t->nr_stack++] = kept;
	if (has_line && !st->caller && !is_in_a_library(st->dwfl, pc))
		st->caller = kept;
	return DWARF_CB_OK;
}

static void thread_add_stack(Dwfl *dwfl, struct debug_thread *t)
{
	struct stack st = { .dwfl = dwfl, .thread = t };

	t->nr_stack = 0;
	dwfl_getthread_frames(dwfl, (pid_t)t->tid, frame_add, &st);
	if (st.caller)
		t->wchan = st.caller;
}

/* A read of no byte at an address that is never valid: is ptrace() of @pid allowed? */
static bool may_attach(int pid)
{
	char byte;
	struct iovec local = { .iov_base = &byte, .iov_len = 1 };
	struct iovec remote = { .iov_base = NULL, .iov_len = 1 };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) >= 0 ||
	       (errno != EPERM && errno != EACCES && errno != ENOSYS);
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
};

static Dwfl *process_attach(int pid)
{
	Dwfl *dwfl;

	/* Nothing is fetched from a network. */
	unsetenv("DEBUGINFOD_URLS");
	dwfl = dwfl_begin(&callbacks);
	if (dwfl && !dwfl_linux_proc_report(dwfl, pid) && !dwfl_report_end(dwfl, NULL, NULL) &&
	    !dwfl_linux_proc_attach(dwfl, pid, false))
		return dwfl;
	error_msg("cannot read the stacks of process %d: %s", pid, dwfl_errmsg(-1));
	dwfl_end(dwfl);
	return NULL;
}

/* False after an error message. */
bool stacks_add(struct view *v, int pid)
{
	unsigned int left = MAX_THREADS;
	struct debug_thread *t;
	size_t i, j;
	Dwfl *dwfl;

	if (!may_attach(pid)) {
		error_msg("cannot read the stacks of process %d: ptrace is not permitted (%s)",
			  pid, "run as root, or set kernel.yama.ptrace_scope=0");
		return false;
	}
	dwfl = process_attach(pid);
	if (!dwfl)
		return false;
	for (i = 0; i < v->nr_groups; i++) {
		for (j = 0; j < v->groups[i].g->nr_threads && left; j++, left--) {
			t = &v->groups[i].g->threads[j];
			/* One that runs would be stopped in the middle of it. */
			if (t->tid && t->state && strcmp(t->state, "running") &&
			    strcmp(t->state, "gone"))
				thread_add_stack(dwfl, t);
		}
	}
	dwfl_end(dwfl);
	return true;
}

void stacks_free(void)
{
	while (nr_texts)
		free(texts[--nr_texts]);
	free(texts);
	texts = NULL;
}

#else

bool stacks_add(struct view *v, int pid)
{
	(void)v;
	(void)pid;
	error_msg("cannot read stacks: built without libdw (package libdw-dev)");
	return false;
}

void stacks_free(void)
{
}

#endif
