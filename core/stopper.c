// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stopper.c - stoppers as users have them: created, joined to a parent, referenced, asked.
 *
 * ->refs counts the users' references. If the last one is put before STOPPED, that is reported and
 * the users' pin (ref.c) is kept, so the memory is never freed; nothing else would be safe.
 *
 * A child is on its parent's list from creation until it has STOPPED, and pins the parent
 * for that time. The parent's phase changes under the parent's lock, which thereby decides
 * whether a child joins in time to be quiesced with it.
 *
 * Ordered accesses: (P) of ref.c.
 */
#include "internal.h"
#include "cause.h"
#include "ctx.h"
#include "event.h"
#include "pause.h"
#include "ref.h"
#include "stall.h"
#include "stop_calls.h"
#include "timed.h"
#include "upcalls.h"

_Static_assert(offsetof(struct stopper, phase) == offsetof(struct stopper_head, phase),
	       "code inlined into callers reads the phase");

struct stopper *stopper_get(struct stopper *s)
{
	if (s)
		plat_ref_get(&s->refs);
	return s;
}
EXPORT_SYMBOL_PLAT(stopper_get);

void stopper_put(struct stopper *s)
{
	plat_flags_t f;
	bool leak;

	plat_might_sleep();
	/* (P) pairs with the other drops: the last one sees all that they did before */
	if (!s || plat_is_copy() || !plat_ref_put(&s->refs))
		return;
	plat_lock(&s->lock, f);
	leak = phase_of(s) != STOPPER_STOPPED && !s->async_stop;
	plat_unlock(&s->lock, f);
	if (leak)
		report_leak(s);
	else
		stopper_unpin(s);
}
EXPORT_SYMBOL_PLAT(stopper_put);

/* The size of the first version */
#define OPTIONS_MIN	(offsetof(struct stopper_options, stack_size) + sizeof(size_t))

/* Fields that the caller's headers do not have yet, get their default. */
static int read_options(struct stopper_options *opts, const struct stopper_options *from)
{
	memset(opts, 0, sizeof(*opts));
	if (!from)
		return 0;
	if (from->size < OPTIONS_MIN || from->size > sizeof(*opts))
		return -EINVAL;
	memcpy(opts, from, from->size);
	if (opts->flags & ~STOPPER_FLAGS_ALL || opts->reserved || opts->stall_ns < 0 ||
	    opts->stall_max_ns < 0 || !plat_options_valid(opts))
		return -EINVAL;
	/* The stop of a tree takes a stack frame for each level. */
	if (opts->parent && opts->parent->depth + 1 >= STOPPER_DEPTH)
		return -EINVAL;
	return 0;
}

static int check_layout(const struct stopper_site *site)
{
	if (site->layout == STOPPER_LAYOUT)
		return 0;
	stopper_log(NULL, STOPPER_LOG_ERR,
		    "refused a caller that was compiled for layout %u, not %u: compile it again",
		    site->layout, STOPPER_LAYOUT);
	return -ENOEXEC;
}

static struct stopper *stopper_new(const char *name, const struct stopper_options *opts,
				   const struct stopper_site *site)
{
	char shown[STOPPER_NAME_SHOWN + 1];
	size_t len = name_escape(shown, sizeof(shown), name);
	struct stopper *s = plat_alloc_lines(offsetof(struct stopper, name) + len + 1, true);

	if (!s)
		return NULL;
	memcpy(s->name, shown, len + 1);
	plat_ref_init(&s->refs, 1);
	plat_ref_init(&s->pins, 1);
	stopper_event_init(&s->quiesce_ctx.ev);
	stopper_event_init(&s->quiesce);
	stopper_event_init(&s->stop_ctx.ev);
	stopper_event_init(&s->stop);
	stopper_event_init(&s->stopped);
	plat_lock_init(&s->lock);
	slist_init(&s->workers);
	slist_init(&s->closers);
	slist_init(&s->activities);
	slist_init(&s->followers);
	slist_init(&s->waiting);
	slist_init(&s->resume_waiters);
	slist_init(&s->children);
	slist_init(&s->sibling.node);
	slist_init(&s->ready);
	slist_init(&s->orders);
	slist_init(&s->waits);
	s->sibling.s = s;
	slist_init(&s->tasks);
	s->registry.s = s;
	s->created = plat_now();
	s->phase_since = s->created;
	s->stall_ns = opts->stall_ns ? opts->stall_ns : NS_PER_SEC;
	s->owner = opts->owner ? opts->owner : site->owner;
	origin_copy(&s->created_at, site);
	plat_timer_init(&s->due_timer, timers_due);
	plat_stopper_init(s, opts);
	s->flags = opts->flags;
	s->on_panic = opts->on_panic;
	s->on_panic_arg = opts->on_panic_arg;
	s->log = opts->log;
	s->log_arg = opts->log_arg;
	s->stall_max_ns = opts->stall_max_ns;
	return s;
}

/* Undo the creation of a stopper that no user has seen. */
static void stopper_discard(struct stopper *s)
{
	registry_hide(s);
	registry_remove(s);
	stopper_ctx_put(s->task_ctx);
	/* A reader of the list may still have it pinned. */
	stopper_unpin(s);
}

static void stopper_set_parent(struct stopper *s, struct stopper *parent)
{
	lock_guard(&s->lock);

	s->parent = parent;
}

/* False: the parent does not admit children any more. */
static bool stopper_join_parent(struct stopper *s, struct stopper *parent)
{
	bool ok, paused;
	plat_flags_t f;

	if (!parent)
		return true;
	s->depth = (unsigned char)(parent->depth + 1);
	stopper_pin(parent);
	/* First: as soon as it is on the list it may be stopped, and leave its parent. */
	stopper_set_parent(s, parent);
	plat_lock(&parent->lock, f);
	ok = phase_of(parent) == STOPPER_RUNNING;
	paused = parent->pause.change;
	if (ok) {
		slist_append(&parent->children, &s->sibling.node);
		parent->nchildren++;
	}
	plat_unlock(&parent->lock, f);
	if (!ok) {
		stopper_set_parent(s, NULL);
		stopper_unpin(parent);
	} else if (paused) {
		pause_inherit(s, parent);
	}
	return ok;
}

int __stopper_create(struct stopper **out, const char *name, const struct stopper_options *opts,
		     const struct stopper_site *site)
{
	struct stopper_options options;
	struct stopper *s;
	int err;

	if (!out || !name || !site)
		return -EINVAL;
	err = check_layout(site);
	if (!err)
		err = read_options(&options, opts);
	if (!err)
		err = plat_ready();
	if (err)
		return err;
	s = stopper_new(name, &options, site);
	if (!s)
		return -ENOMEM;
	registry_add(s);
	plat_trace_created(s);
	/* What a stop needs stays available while a stopper is listed. */
	err = plat_stops_ready();
	if (!err && s->flags & STOPPER_CTX_ENDS_AT_QUIESCE)
		err = ctx_new_shared(s);
	if (!err && !stopper_join_parent(s, options.parent))
		err = -ESHUTDOWN;
	if (err) {
		stopper_discard(s);
		return err;
	}
	err = plat_control_open(s);
	if (err) {
		/* Its parent may already stop it. */
		stop_drive(s, PLAT_FOREVER, NULL);
		stopper_put(s);
		return err;
	}
	*out = s;
	return 0;
}
EXPORT_SYMBOL_PLAT(__stopper_create);

const char *stopper_name(const struct stopper *s)
{
	return s ? s->name : "(null)";
}
EXPORT_SYMBOL_PLAT(stopper_name);

enum stopper_phase stopper_phase(const struct stopper *s)
{
	return s ? phase_of(s) : STOPPER_RUNNING;
}
EXPORT_SYMBOL_PLAT(stopper_phase);

struct stopper_event *stopper_should_quiesce(struct stopper *s)
{
	return s ? &s->quiesce : &event_never;
}
EXPORT_SYMBOL_PLAT(stopper_should_quiesce);

struct stopper_event *stopper_should_stop(struct stopper *s)
{
	return s ? &s->stop : &event_never;
}
EXPORT_SYMBOL_PLAT(stopper_should_stop);

struct stopper_event *stopper_is_stopped(struct stopper *s)
{
	return s ? &s->stopped : &event_never;
}
EXPORT_SYMBOL_PLAT(stopper_is_stopped);
