/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * leader.h - the leader of a stop and those that follow it; see stop.c.
 */
#ifndef STOPPER_CORE_LEADER_H
#define STOPPER_CORE_LEADER_H

#include "internal.h"

/* How long and how a caller waits: until the context ends or the deadline passes. */
struct stop_wait {
	struct stopper_ctx *ctx;
	int64_t until;			/* PLAT_FOREVER: none */
	bool blocks;			/* counts as blocked, not as idle: a public call */
	struct stopper *pausing;	/* a pause of it, which its quiesce ends; or NULL */
	struct stall_clock *clock;	/* runs on from call to call; NULL: the leader's own */
	struct drain *drain;		/* of a parent's leader, which drains its children too */
	struct leader *watcher;		/* a parent's leader, which waits; this call does not */
	bool no_freeze;			/* ->drain's parker does not freeze */
};

struct leader {
	struct stopper *s;
	const struct stop_wait *wait;
	struct drain *drain;		/* ->own, or that of a parent's leader */
	struct stop_wait for_children;
	struct stopper_list ready;	/* stoppers below ->s to be driven on; pinned */
	bool stops_children;		/* waits for them, not for ->s itself */
	struct drain own;
	struct event_waiter wctx, wquiesce;
	struct stall_clock *clock, own_clock;
};

struct follower {
	struct stopper_list node;
	struct plat_parker park;
	bool woken;
};

/* follow.c */
int stop_wait_err(const struct stop_wait *p);
void stopper_wake_watcher(struct stopper *s);
struct stopper *leader_pop_ready(struct leader *l);
bool stopper_is_watched_by(struct stopper *s, struct leader *l);
void stop_park_init(struct stopper *s, struct plat_parker *p, bool blocks);
void event_waiter_attach_quiesce(struct event_waiter *w, const struct stop_wait *p,
				 struct plat_parker *park);
int follow_leader(struct stopper *s, struct follower *me, const struct stop_wait *p);

/* order.c */
void orders_drop_waits(struct stopper *s, struct stopper *parent);
void orders_release(struct stopper *s, struct stopper *parent);

#endif /* STOPPER_CORE_LEADER_H */
