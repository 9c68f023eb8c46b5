/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * site.h - where in the source something was started.
 *
 * A site is a static record, made at compile time by the macros that start
 * tasks, so knowing a task's origin costs one pointer store (and is not checked:
 * run_task and task_begin trust that there is one). Tasks are counted
 * by site. A wrapper that wants its callers' sites makes records of its own
 * and calls the functions with two leading underscores.
 */
#ifndef STOPPER_SITE_H
#define STOPPER_SITE_H

#include <stopper/types.h>

/* Bytes of a name that are ever shown; a longer name is cut and ends in "...". */
#define STOPPER_NAME_SHOWN	128

/**
 * struct stopper_site - a place in the source
 * @name: what the task is called; any bytes: what cannot be printed is shown escaped
 * @file: source file
 * @func: function
 * @owner: kernel: the module that the record lies in; userspace: NULL
 * @line: line in @file
 * @flags: 0
 *
 * Lifetime: as long as anything started from it runs. Records made by
 * STOPPER_SITE() are static; in the kernel they go with their module. That is held while an
 * async task, worker or closer of its runs on another module's stopper; of what else it leaves
 * behind the record is replaced (kmod/unload.c). In userspace they go with their plugin, which
 * is safe once its own stopper has stopped, but for who looks at the list: he may look
 * a moment longer at the site of a call that was refused, or of a task of another
 * stopper. A call of stopper_num_tasks() before the plugin goes waits for him.
 */
struct stopper_site {
	const char *name;
	const char *file;
	const char *func;
	struct module *owner;
	unsigned int line;
	unsigned int flags;
};

#ifdef __KERNEL__
#define STOPPER_THIS_MODULE	THIS_MODULE
#else
#define STOPPER_THIS_MODULE	((struct module *)0)
#endif

/**
 * STOPPER_SITE() - the site record of this very line
 * @name_: a string constant
 *
 * Return: a pointer to a static struct stopper_site.
 */
#ifdef __KERNEL__
#define STOPPER_SITE(name_) ({						\
	static const struct stopper_site __stopper_site = {		\
		(name_), __FILE__, __func__, THIS_MODULE, __LINE__, 0	\
	};								\
	&__stopper_site; })
#else
#define STOPPER_SITE(name_) (__extension__ ({				\
	static const struct stopper_site __stopper_site = {		\
		(name_), __FILE__, __func__, NULL, __LINE__, 0		\
	};								\
	&__stopper_site; }))
#endif

#endif /* STOPPER_SITE_H */
