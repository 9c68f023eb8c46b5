/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * closer.h - what is to be closed when everything else has ended.
 */
#ifndef STOPPER_CLOSER_H
#define STOPPER_CLOSER_H

#include <stopper/site.h>

STOPPER_BEGIN_DECLS

/**
 * struct stopper_closer - a closer, embedded in what it closes
 * @name: what it is called in reports, readable until @fn has returned; NULL: "closer"
 * @fn: called once; may free what @closer lies in
 *
 * The two are the caller's to set. Valid until @fn has been entered.
 */
struct stopper_closer {
	const char *name;
	void (*fn)(struct stopper_closer *closer);
	/* private: */
	struct stopper_list node;
	struct module *lent_by;		/* kernel: whose function @fn is, held; or NULL */
};

/**
 * stopper_add_closer() - have something closed by Stop
 * @s: the stopper
 * @closer: the record, with @fn set; not on any stopper yet
 *
 * Until CLOSING it is kept, and run by Stop, in the order of adding (flag
 * STOPPER_CLOSERS_LIFO: the other way round). From CLOSING on it is run at
 * once, by this call. In either case exactly once, with no lock held.
 *
 * Kernel: the calling module is held until @fn has returned, unless the stopper is its own.
 *
 * Context: process context.
 * Return: 0; -EINVAL; -ESHUTDOWN: the calling module is being unloaded.
 */
#define stopper_add_closer(s, closer)						\
	__stopper_add_closer(s, closer, STOPPER_THIS_MODULE)
STOPPER_API int __stopper_add_closer(struct stopper *s, struct stopper_closer *closer,
				     struct module *owner);

/**
 * stopper_add_closer_fn() - the same for a plain function
 * @s: the stopper
 * @name: what it is called in reports, readable until @fn has returned; NULL: "closer"
 * @fn: called once
 * @arg: handed to @fn
 *
 * Context: process context, allocates.
 * Return: as stopper_add_closer(); -ENOMEM: not added, and not called.
 */
#define stopper_add_closer_fn(s, name, fn, arg)					\
	__stopper_add_closer_fn(s, name, fn, arg, STOPPER_THIS_MODULE)
STOPPER_API int __stopper_add_closer_fn(struct stopper *s, const char *name,
					void (*fn)(void *arg), void *arg, struct module *owner);

STOPPER_END_DECLS

#endif /* STOPPER_CLOSER_H */
