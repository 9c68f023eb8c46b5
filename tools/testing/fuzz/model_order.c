// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * model_order.c - the contract of orders between siblings: stopper_stop_after().
 *
 * An order is kept until one of the two has stopped, so those that are left are the ones between
 * siblings that have not. No order is taken back, and no cycle is accepted.
 */
#include <errno.h>
#include "model.h"

static bool has_stopped(const struct model *m, int s)
{
	return m->s[s].phase == STOPPER_STOPPED;
}

static bool stops_after(const struct model *m, int s, int other)
{
	return m->s[s].after >> other & 1 && !has_stopped(m, s) && !has_stopped(m, other);
}

/* Does @s wait for a sibling in the stop of its parent? */
bool model_is_held_up(const struct model *m, int s)
{
	int i;

	for (i = 0; i < m->nstoppers; i++)
		if (stops_after(m, s, i))
			return true;
	return false;
}

static bool holds_up(const struct model *m, int s)
{
	int i;

	for (i = 0; i < m->nstoppers; i++)
		if (stops_after(m, i, s))
			return true;
	return false;
}

/* Does @s stop after @other, be it by way of others? */
static bool stops_later(const struct model *m, int s, int other)
{
	int i;

	for (i = 0; i < m->nstoppers; i++)
		if (stops_after(m, s, i) && (i == other || stops_later(m, i, other)))
			return true;
	return false;
}

bool model_are_ordered(const struct model *m, int a, int b)
{
	return stops_later(m, a, b) || stops_later(m, b, a);
}

/*
 * Of several reasons, any may be given. The last one is the rule of stopper_stop_after(3): a cycle
 * needs that @other stops after a sibling, and a sibling after @child.
 */
struct m_ret model_order_err(const struct model *m, int child, int other)
{
	const struct m_stopper *c = &m->s[child], *o = &m->s[other];
	bool stopped = has_stopped(m, child) || has_stopped(m, other);
	int same = child == other ? -ELOOP : 0;

	if (c->family == NONE || c->family != o->family)
		return (struct m_ret){ -EINVAL, stopped ? -ESHUTDOWN : same ? same : -EINVAL };
	if (stopped || m->s[c->family].phase != STOPPER_RUNNING)
		return (struct m_ret){ -ESHUTDOWN, same ? same : -ESHUTDOWN };
	if (same || (model_is_held_up(m, other) && holds_up(m, child)))
		return (struct m_ret){ -ELOOP, -ELOOP };
	return (struct m_ret){ 0, 0 };
}

struct m_ret model_stop_after(struct model *m, int child, int other)
{
	struct m_ret r = model_order_err(m, child, other);

	if (!r.ret)
		m->s[child].after |= 1u << other;
	return r;
}
