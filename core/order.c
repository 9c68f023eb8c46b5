// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * order.c - orders between siblings: stopper_stop_after().
 *
 * An order is a count of those that must stop before, ->nafter; a child that has some is not led
 * (stop.c). A stopper that has stopped counts down those on its list ->orders, and makes them
 * ready; the orders by which it was to wait itself, ->waits, it drops before IsStopped fires. All
 * of it is under the parent's lock, under which a stopped child has left the list of children:
 * either the order is refused, or released.
 *
 * Siblings cannot wait for one another in a circle: an order can close one only if the one that is
 * to stop first waits for a sibling that has not stopped, and the other is waited for. It is then
 * refused.
 */
#include "internal.h"
#include "follow.h"
#include "order.h"
#include "ref.h"
#include "upcalls.h"

/* One sibling stops after another one. Valid until one of the two has stopped. */
struct stop_order {
	struct stopper_list node;	/* ->orders of ->other */
	struct stopper_list wait;	/* ->waits of ->child */
	struct stopper *child;		/* pinned */
	struct stopper *other;
};

/* A sibling that stops after @s. NULL: there is none. */
static struct stop_order *order_pop(struct stopper *s, struct stopper *parent)
{
	struct stop_order *o = NULL;
	struct stopper_list *n;

	lock_guard(&parent->lock);
	n = slist_pop(&s->orders);
	if (n) {
		o = list_item(n, struct stop_order, node);
		slist_remove(&o->wait);
		plat_store(&o->child->nafter, o->child->nafter - 1);
	}
	return o;
}

static void order_free(struct stop_order *o)
{
	stopper_unpin(o->child);
	plat_free(o);
}

/* @s has left @parent: the siblings after which it was to stop forget it. */
void orders_drop_waits(struct stopper *s, struct stopper *parent)
{
	struct stopper_list *n;
	struct stop_order *o;

	for (;;) {
		{
			lock_guard(&parent->lock);
			n = slist_pop(&s->waits);
			if (!n)
				return;
			o = list_item(n, struct stop_order, wait);
			slist_remove(&o->node);
		}
		order_free(o);
	}
}

void orders_release(struct stopper *s, struct stopper *parent)
{
	struct stop_order *o;

	while ((o = order_pop(s, parent))) {
		{
			lock_guard(&o->child->lock);
			stopper_wake_watcher(o->child);
		}
		order_free(o);
	}
}

/* With the parent's lock held. A sibling that has stopped may not have released @s yet. */
static bool waits_for_sibling(struct stopper *s)
{
	struct stopper_list *n;

	list_walk(n, &s->waits)
		if (!slist_empty(&list_item(n, struct stop_order, wait)->other->sibling.node))
			return true;
	return false;
}

/* With parent->lock held. */
static int order_err(const struct stopper *parent, const struct stopper *child,
		     struct stopper *other)
{
	if (phase_of(parent) != STOPPER_RUNNING || slist_empty(&child->sibling.node) ||
	    slist_empty(&other->sibling.node))
		return -ESHUTDOWN;
	/* A cycle needs a sibling that @other waits for, and one that waits for @child. */
	return child == other || (!slist_empty(&child->orders) && waits_for_sibling(other)) ?
	       -ELOOP : 0;
}

static int order_add(struct stopper *parent, struct stopper *child, struct stopper *other)
{
	struct stop_order *o = plat_alloc(sizeof(*o));
	plat_flags_t f;
	int err;

	if (!o)
		return -ENOMEM;
	*o = (struct stop_order){ .child = child, .other = other };
	plat_lock(&parent->lock, f);
	err = order_err(parent, child, other);
	if (!err) {
		stopper_pin(child);
		slist_append(&other->orders, &o->node);
		slist_append(&child->waits, &o->wait);
		plat_store(&child->nafter, child->nafter + 1);
	}
	plat_unlock(&parent->lock, f);
	if (err)
		plat_free(o);
	return err;
}

int stopper_stop_after(struct stopper *child, struct stopper *other)
{
	struct stopper *parent, *others;
	int err;

	err = call_err(child && other && child->depth && other->depth);
	if (err)
		return err;
	parent = parent_get(child);
	others = parent_get(other);
	if (!parent || !others)
		err = -ESHUTDOWN;
	else
		err = parent == others ? order_add(parent, child, other) : -EINVAL;
	if (parent)
		stopper_unpin(parent);
	if (others)
		stopper_unpin(others);
	return err;
}
EXPORT_SYMBOL_PLAT(stopper_stop_after);
