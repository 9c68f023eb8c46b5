// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ref.c - the registry of all stoppers, walks over them, and the pins that keep their memory.
 *
 * ->pins counts what will still access the memory: one for all users together (stopper.c), one for
 * each context, child, worker, closer or stop that is under way.
 *
 * The registry lists all stoppers, for the debug list. A stopper leaves it when it has
 * STOPPED, before IsStopped fires. Until the callbacks of that event have returned it is
 * on a second list, registry.hidden, where the unloading of its module still finds it. A
 * reader pins the stopper that it shows and drops the lock, so a stalled reader blocks
 * nobody.
 *
 * A walk over a list of stoppers (all of them, or the children of one) drops the lock at
 * each of them, so that no lock is held for a time that grows with their number. The
 * stopper that the walk is at may leave the list meanwhile. So the walk has a link of its
 * own in the list, which marks its position. Walks skip the links of other walks.
 *
 * A count that would overflow or that was dropped once too often saturates, as a refcount_t
 * does: the memory is never freed, and the misuse is reported.
 *
 * Ordered accesses:
 *
 *   (P)  references and pins are dropped with release, the last one with acquire also;
 *        each drop pairs with the last one. Guarantees: the thread that frees sees all that
 *        the others did before they dropped theirs.
 */
#include "internal.h"
#include "cause.h"
#include "lists.h"
#include "ref.h"
#include "upcalls.h"

static struct {
	stopper_lock_t lock;
	struct stopper_list list;	/* struct stopper_link, latest last */
	/* a cache line so far, in userspace */
	struct stopper_list hidden;
	unsigned int count;		/* of those on ->list */
	uint64_t last_id;
} registry PLAT_CACHELINE_ALIGNED = {
	.lock = PLAT_LOCK_INIT(registry.lock),
	.list = { &registry.list, &registry.list },
	.hidden = { &registry.hidden, &registry.hidden },
};

/* It gets its number. */
void registry_add(struct stopper *s)
{
	lock_guard(&registry.lock);

	s->id = ++registry.last_id;
	slist_append(&registry.list, &s->registry.node);
	registry.count++;
}

/* The debug list does not show it any more. */
void registry_hide(struct stopper *s)
{
	lock_guard(&registry.lock);

	slist_remove(&s->registry.node);
	slist_append(&registry.hidden, &s->registry.node);
	registry.count--;
}

/* No code of its owner will run for it any more. */
void registry_remove(struct stopper *s)
{
	lock_guard(&registry.lock);

	slist_remove(&s->registry.node);
}

/* The next stopper, pinned until the next call for @w. NULL: the walk is at its end. */
struct stopper *stopper_walk_next(struct stopper_walk *w)
{
	struct stopper *s = NULL, *last = w->s;
	struct stopper_list *n;
	plat_flags_t f;

	plat_lock(w->lock, f);
	n = last ? w->at.node.next : w->head->next;
	/* Skip the links of other walks. */
	while (n != w->head && !(s = list_item(n, struct stopper_link, node)->s))
		n = n->next;
	if (last)
		slist_remove(&w->at.node);
	w->s = s;
	if (s) {
		slist_insert(n, &w->at.node);
		stopper_pin(s);
	}
	plat_unlock(w->lock, f);
	if (last)
		stopper_unpin(last);
	return s;
}

/* End a walk before its end. */
void stopper_walk_end(struct stopper_walk *w)
{
	plat_flags_t f;

	if (!w->s)
		return;
	plat_lock(w->lock, f);
	slist_remove(&w->at.node);
	plat_unlock(w->lock, f);
	stopper_unpin(w->s);
}

/* The parent of @s, pinned; NULL: it has none, or has stopped. */
struct stopper *parent_get(struct stopper *s)
{
	struct stopper *parent;

	lock_guard(&s->lock);
	parent = s->parent;
	if (parent)
		stopper_pin(parent);
	return parent;
}

/* Begin a walk over all listed stoppers, oldest first. */
void registry_walk_init(struct stopper_walk *w)
{
	*w = (struct stopper_walk){ .lock = &registry.lock, .head = &registry.list };
}

/* The number of listed stoppers. */
unsigned int registry_count(void)
{
	lock_guard(&registry.lock);

	return registry.count;
}

/* The first stopper of @owner in @list, pinned. NULL: there is none. */
static struct stopper *first_owned_by(struct stopper_list *list, struct module *owner)
{
	struct stopper_walk w __attribute__((cleanup(stopper_walk_end))) = {
		.lock = &registry.lock, .head = list,
	};

	while (stopper_walk_next(&w))
		if (w.s->owner == owner) {
			stopper_pin(w.s);
			return w.s;
		}
	return NULL;
}

/*
 * A stopper for which code of @owner may still run, pinned. NULL: there is none. For the
 * unloading of a module, which creates no other one. From the first list a stopper only moves
 * to the second.
 */
struct stopper *registry_find_owned(struct module *owner)
{
	struct stopper *s = first_owned_by(&registry.list, owner);

	return s ? s : first_owned_by(&registry.hidden, owner);
}

void stopper_pin(struct stopper *s)
{
	plat_ref_get(&s->pins);
}

static void stopper_free(struct stopper *s)
{
	stopper_event_destroy(&s->quiesce_ctx.ev);
	stopper_event_destroy(&s->quiesce);
	stopper_event_destroy(&s->stop_ctx.ev);
	stopper_event_destroy(&s->stop);
	stopper_event_destroy(&s->stopped);
	task_lists_free(s);
	error_free(s);
	plat_lock_destroy(&s->lock);
	plat_stopper_free(s);
	plat_free(s);
}

void stopper_unpin(struct stopper *s)
{
	/* (P) pairs with the other drops: the last one sees all that they did before */
	if (plat_ref_put(&s->pins))
		stopper_free(s);
}

/* Is @s equal to @tree or below it? The caller keeps @s from stopping. */
bool stopper_is_within(const struct stopper *s, const struct stopper *tree)
{
	while (s && s != tree)
		s = s->parent;
	return s;
}
