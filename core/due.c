// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * due.c - a heap of deadlines, the earliest at the root.
 *
 * Nodes are embedded in the objects that have the deadlines, so nothing is allocated. Locks are
 * held around these calls, so each one must be short: a leftist heap (Crane 1972) inserts and
 * removes any node in O(log n) in the worst case, not only on average.
 *
 * The rank of a node is the number of nodes on the path from it to the right. It is at most
 * that of the left child plus one, so a path to the right has at most log2(n + 1) nodes.
 */
#include "internal.h"
#include "upcalls.h"

static unsigned int due_rank(const struct stopper_due *n)
{
	return n ? n->rank : 0;
}

/* Set the rank of @n, after a change of a child. True: it is another one than before. */
static bool due_update(struct stopper_due *n)
{
	unsigned int old = n->rank;
	struct stopper_due *left = n->left;

	if (due_rank(left) < due_rank(n->right)) {
		n->left = n->right;
		n->right = left;
	}
	n->rank = due_rank(n->right) + 1;
	return n->rank != old;
}

/* Merge two heaps below @up, which may be NULL. */
static struct stopper_due *due_merge(struct stopper_due *a, struct stopper_due *b,
				     struct stopper_due *up)
{
	struct stopper_due *root = NULL, **link = &root, *top = up, *later;

	while (a && b) {
		later = a->at <= b->at ? b : a;
		a = later == b ? a : b;
		a->up = up;
		*link = a;
		link = &a->right;
		up = a;
		a = a->right;
		b = later;
	}
	*link = a ? a : b;
	if (*link)
		(*link)->up = up;
	for (; up != top; up = up->up)
		due_update(up);
	return root;
}

void due_insert(struct stopper_due **heap, struct stopper_due *n, int64_t at)
{
	*n = (struct stopper_due){ .at = at, .rank = 1 };
	*heap = due_merge(*heap, n, NULL);
}

void due_remove(struct stopper_due **heap, struct stopper_due *n)
{
	struct stopper_due *up = n->up, *below = due_merge(n->left, n->right, up);

	if (!up)
		*heap = below;
	else if (up->left == n)
		up->left = below;
	else
		up->right = below;
	while (up && due_update(up))
		up = up->up;
}
