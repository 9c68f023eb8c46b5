/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * site.h - call sites: where in the source a task was started.
 *
 * A site is a static record that the macros that start tasks define at compile time. So to
 * record the origin of a task costs one pointer store. Tasks are counted by site. A wrapper that
 * wants the sites of its callers defines records of its own and calls the functions with two
 * leading underscores. __stopper_run_task(), __stopper_run_task_err() and
 * __stopper_task_begin() do not check that the site is not NULL.
 */
#ifndef STOPPER_SITE_H
#define STOPPER_SITE_H

#include <stopper/types.h>

/* Names are shown up to this many bytes; a longer name is cut and ends in "...". */
#define STOPPER_NAME_SHOWN	128

/*
 * The version of what inlined code knows of the stopper: slot.h, and the first members of struct
 * stopper_event, struct stopper_ctx_head and struct stopper_task. It is raised when one of them
 * changes, or when a struct that programs contain grows. The first six members of struct
 * stopper_site never change.
 */
#define STOPPER_LAYOUT		3

/**
 * struct stopper_site - a call site
 * @name: name of the task; any bytes: unprintable ones are shown escaped
 * @file: source file
 * @func: function
 * @owner: kernel: the module that contains the record; userspace: NULL
 * @line: line in @file
 * @layout: %STOPPER_LAYOUT of the headers that the caller is compiled with
 *
 * A record must stay valid as long as a task, worker or scope that was started from it runs.
 * Records of STOPPER_SITE() are static.
 *
 * Kernel: they are freed with their module. A module is pinned while its async tasks, workers
 * and closers run on the stopper of another module. If it is unloaded with other tasks still
 * counted, these get a substitute record; see kmod/unload.c.
 *
 * Userspace: they are unmapped with their plugin, which may be unloaded once its own stopper has
 * stopped. A reader of the debug list may still read, for a moment, the record of a call that
 * was refused or of a task of another stopper. stopper_barrier() waits for such readers.
 */
struct stopper_site {
	const char *name;
	const char *file;
	const char *func;
	struct module *owner;
	unsigned int line;
	unsigned int layout;
};

#ifdef __KERNEL__
#define STOPPER_THIS_MODULE	THIS_MODULE
#else
#define STOPPER_THIS_MODULE	((struct module *)0)
#endif

/**
 * STOPPER_SITE() - define the site record of the current line
 * @name_: a string constant
 *
 * Return: A pointer to a static struct stopper_site.
 */
#ifdef __KERNEL__
#define STOPPER_SITE(name_) ({						\
	static const struct stopper_site __stopper_site = {		\
		(name_), __FILE__, __func__, THIS_MODULE, __LINE__,	\
		STOPPER_LAYOUT						\
	};								\
	&__stopper_site; })
#else
#define STOPPER_SITE(name_) (__extension__ ({				\
	static const struct stopper_site __stopper_site = {		\
		(name_), __FILE__, __func__, NULL, __LINE__,		\
		STOPPER_LAYOUT						\
	};								\
	&__stopper_site; }))
#endif

#endif /* STOPPER_SITE_H */
