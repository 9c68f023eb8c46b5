/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * closer.h - functions that release resources at the end of a stop.
 */
#ifndef STOPPER_CLOSER_H
#define STOPPER_CLOSER_H

#include <stopper/site.h>

STOPPER_BEGIN_DECLS

/**
 * struct stopper_closer - a closer, embedded in the object that it closes
 * @name: its name in reports; stays readable until @fn has returned. NULL: "closer"
 * @fn: called once; may free the object that contains the record
 *
 * The caller sets @name and @fn. The record stays valid until @fn has been entered.
 */
struct stopper_closer {
	const char *name;
	void (*fn)(struct stopper_closer *closer);
	/* private: */
	struct stopper_list node;
	struct module *fn_module;	/* kernel: the pinned module that @fn is in, or NULL */
};

/**
 * stopper_add_closer() - register a function for the end of the stop
 * @s: the stopper
 * @closer: the record, with @fn set; not registered with any stopper
 *
 * Before CLOSING, the closer is queued. stopper_stop() runs the queued closers one after the
 * other when the last worker has returned, in the order of registration, or in reverse order
 * with %STOPPER_CLOSERS_LIFO. From CLOSING on, this call runs the closer itself before it
 * returns. In both cases the closer runs exactly once, with no lock of the stopper held, and
 * may sleep.
 *
 * A closer cannot be removed. Which thread runs a queued closer is not specified.
 *
 * Kernel: the calling module is pinned until @fn has returned, unless it owns @s.
 *
 * Context: Process context.
 * Return:
 * * 0 - the closer is queued, or has run
 * * -EINVAL - @s, @closer or its function is NULL
 * * -ESHUTDOWN - kernel: the calling module is being unloaded; the closer will not run
 */
#define stopper_add_closer(s, closer)						\
	__stopper_add_closer(s, closer, STOPPER_THIS_MODULE)
STOPPER_API int __stopper_add_closer(struct stopper *s, struct stopper_closer *closer,
				     struct module *owner);

/**
 * stopper_add_closer_fn() - register a function for the end of the stop, with an argument
 * @s: the stopper
 * @name: its name in reports; stays readable until @fn has returned. NULL: "closer"
 * @fn: called once
 * @arg: passed to @fn
 *
 * As stopper_add_closer(), with a record that is allocated here and freed after @fn.
 *
 * Context: Process context. Allocates memory.
 * Return: As stopper_add_closer(), or -ENOMEM; on error @fn will not run.
 */
#define stopper_add_closer_fn(s, name, fn, arg)					\
	__stopper_add_closer_fn(s, name, fn, arg, STOPPER_THIS_MODULE)
STOPPER_API int __stopper_add_closer_fn(struct stopper *s, const char *name,
					void (*fn)(void *arg), void *arg, struct module *owner);

/**
 * stopper_add_closer_err_fn() - register a function that returns a result for the end of the stop
 * @s: the stopper
 * @name: its name in reports; stays readable until @fn has returned. NULL: "closer"
 * @fn: called once
 * @arg: passed to @fn
 *
 * As stopper_add_closer_fn(). If the result of @fn is negative, it is an error of the stopper,
 * which the caller of stopper_stop() gets from stopper_result(). The other closers run as well.
 *
 * Context: Process context. Allocates memory.
 * Return: As stopper_add_closer_fn().
 */
#define stopper_add_closer_err_fn(s, name, fn, arg)				\
	__stopper_add_closer_err_fn(s, name, fn, arg, STOPPER_THIS_MODULE)
STOPPER_API int __stopper_add_closer_err_fn(struct stopper *s, const char *name,
					    int (*fn)(void *arg), void *arg,
					    struct module *owner);

STOPPER_END_DECLS

#endif /* STOPPER_CLOSER_H */
