/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * follow.h - the leader of a stop and the callers that follow it; see follow.c.
 */
#ifndef STOPPER_CORE_FOLLOW_H
#define STOPPER_CORE_FOLLOW_H

#include "internal.h"
#include "event.h"
#include "watch.h"

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

bool stop_is_awaited(struct stopper *s);
void stopper_wake_leader(struct stopper *s);
void wake_followers(struct stopper *s);
void followers_wake(struct stopper *s, struct stopper_list *list);
void stopper_follow_while(struct stopper *s, bool (*more)(void *arg), void *arg);
int resume_wait(struct stopper *s, struct stopper_ctx *ctx);
int stop_wait_err(const struct stop_wait *p);
void stopper_wake_watcher(struct stopper *s);
struct stopper *leader_pop_ready(struct leader *l);
bool stopper_is_watched_by(struct stopper *s, struct leader *l);
void stop_park_init(struct stopper *s, struct plat_parker *p, bool blocks);
void event_waiter_attach_quiesce(struct event_waiter *w, const struct stop_wait *p,
				 struct plat_parker *park);
int follow_leader(struct stopper *s, struct follower *me, const struct stop_wait *p);

#endif /* STOPPER_CORE_FOLLOW_H */
