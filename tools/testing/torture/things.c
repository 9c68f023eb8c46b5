// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * things.c - contexts, events and semaphores.
 */
#include "torture.h"

/* --- contexts --------------------------------------------------------------------------------- */

/* One that ends soon, some way or other; NULL: no memory. */
struct stopper_ctx *brief_ctx(struct rng *r, struct stopper_ctx *parent)
{
	struct stopper_ctx *ctx = NULL;
	int64_t ns = rng_below(r, 3000) * TOR_USEC;
	int err;

	switch (rng_below(r, 8)) {
	case 0:
		err = stopper_ctx_with_cancel(parent, &ctx);
		if (!err)
			stopper_ctx_cancel(ctx);
		break;
	case 1:
		err = stopper_ctx_with_timeout(parent, 0, &ctx);
		break;
	case 2:
	case 3:
		err = stopper_ctx_with_deadline(parent, tor_now() + ns, &ctx);
		break;
	default:
		err = stopper_ctx_with_timeout(parent, ns, &ctx);
		break;
	}
	CHECK(!err || no_room(err));
	return err ? NULL : ctx;
}

struct ctx_parcel {
	struct parcel p;
	struct stopper_ctx *ctx;
};

static void cancel_elsewhere(struct parcel *p)
{
	stopper_ctx_cancel(((struct ctx_parcel *)p)->ctx);
}

static void ctx_parcel_free(struct parcel *p)
{
	stopper_ctx_put(((struct ctx_parcel *)p)->ctx);
	obj_free(p);
}

/* By a courier, or here. */
static void cancel(struct rng *r, struct stopper_ctx *ctx)
{
	struct ctx_parcel *cp = rng_one_in(r, 2) ? obj_new(sizeof(*cp), PARCEL_MAGIC) : NULL;

	if (!cp) {
		stopper_ctx_cancel(ctx);
		return;
	}
	cp->p.deliver = cancel_elsewhere;
	cp->p.after = ctx_parcel_free;
	cp->ctx = stopper_ctx_get(ctx);
	courier_send(&cp->p);
}

static int derive(struct rng *r, struct life *l, struct stopper_ctx *parent,
		  struct stopper_ctx **out)
{
	static const struct stopper_span span = { { 1 }, { 2 } };
	struct stopper_span got = { { 0 }, { 0 } };
	int err;

	switch (rng_below(r, 6)) {
	case 0:
		return stopper_ctx_with_cancel_on_quiesce(l->s, parent, out);
	case 1:
		return stopper_ctx_with_cancel_on_stop(l->s, parent, out);
	case 2:
		return stopper_ctx_with_timeout(parent, 60 * TOR_SEC, out);
	case 3:
		*out = brief_ctx(r, parent);
		return *out ? 0 : -ENOMEM;
	case 4:
		err = stopper_ctx_with_span(parent, &span, out);
		if (!err)
			CHECK(stopper_ctx_span(*out, &got) && got.trace_id[0] == 1);
		return err;
	default:
		return stopper_ctx_with_cancel(parent, out);
	}
}

#define FAMILY	7

/* A tree of contexts; when its root is cancelled, all of it ends. */
void op_ctx(struct actor *a, struct life *l)
{
	struct stopper_ctx *ctx[FAMILY] = { NULL };
	struct rng *r = &a->rng;
	int i, n = 0, err;

	err = stopper_ctx_with_cancel(NULL, &ctx[0]);
	for (n = !err; n && n < FAMILY && !err; n += !err)
		err = derive(r, l, ctx[rng_below(r, (unsigned int)n)], &ctx[n]);
	CHECK(!err || no_room(err));
	if (!n)
		return;
	CHECK(!stopper_ctx_err(ctx[0]));
	cancel(r, ctx[0]);
	for (i = n - 1; i >= 0; i--) {
		CHECK_EQ(stopper_wait(stopper_ctx_done(ctx[i]), NULL), 0);
		err = stopper_ctx_err(ctx[i]);
		CHECK(err == -ECANCELED || (i && err == -ETIMEDOUT));
	}
	/* Parents first, or last. */
	err = rng_one_in(r, 2);
	for (i = 0; i < n; i++)
		stopper_ctx_put(ctx[err ? i : n - 1 - i]);
}

/* --- events ----------------------------------------------------------------------------------- */

#define RECORDS	4
#define FIRERS	2

struct bell;

struct firer {
	struct parcel p;
	struct bell *bell;
};

struct bell {
	unsigned int magic;
	struct stopper_event event;
	struct stopper_on_fire of[RECORDS];
	struct tor_count calls[RECORDS];
	struct tor_count refs, fired;
	unsigned long written;		/* before the fire, plainly */
};

static void bell_put(struct bell *b)
{
	if (tor_dec(&b->refs))
		return;
	CHECK_EQ(tor_get(&b->fired), 1);
	stopper_event_destroy(&b->event);
	obj_free(b);
}

static void ring(struct parcel *p)
{
	struct firer *f = (struct firer *)p;

	CHECK_EQ(f->bell->magic, BELL_MAGIC);
	if (stopper_event_fire(&f->bell->event))
		tor_inc(&f->bell->fired);
}

static void firer_free(struct parcel *p)
{
	bell_put(((struct firer *)p)->bell);
	obj_free(p);
}

static void rung(struct stopper_on_fire *of, void *arg)
{
	struct bell *b = arg;
	unsigned int i;

	CHECK_EQ(b->magic, BELL_MAGIC);
	CHECK(stopper_event_fired(&b->event));
	/* Some take a while, so that a detach finds them running. */
	if (of - b->of == 1)
		for (i = 0; i < 20000; i++)
			tor_relax();
	tor_inc(&b->calls[of - b->of]);
}

static void send_firers(struct rng *r, struct bell *b)
{
	unsigned int i, n = rng_below(r, FIRERS + 1);
	struct firer *f;
	bool sent = false;

	for (i = 0; i < n; i++) {
		f = obj_new(sizeof(*f), PARCEL_MAGIC);
		if (!f)
			break;
		f->p.deliver = ring;
		f->p.after = firer_free;
		f->bell = b;
		tor_inc(&b->refs);
		courier_send(&f->p);
		sent = true;
	}
	if (!sent && stopper_event_fire(&b->event))
		tor_inc(&b->fired);
}

static void wait_for_bell(struct rng *r, struct bell *b, struct life *l)
{
	struct stopper_event *evs[3] = { NULL, stopper_is_stopped(l->s), &b->event };
	struct stopper_ctx *ctx = brief_ctx(r, NULL);
	int err;

	if (ctx) {
		err = rng_one_in(r, 2) ? stopper_wait(&b->event, ctx) :
					 stopper_wait_any(evs, ARRAY_SIZE(evs), ctx);
		CHECK(err == 0 || err == stopper_ctx_err(ctx) ||
		      (err == 1 && stopper_event_fired(evs[1])) ||
		      (err == 2 && stopper_event_fired(evs[2])));
	}
	stopper_ctx_put(ctx);
	CHECK_EQ(stopper_wait(&b->event, NULL), 0);
	CHECK_EQ(b->written, 42);
}

void op_event(struct actor *a, struct life *l)
{
	struct bell *b = obj_new(sizeof(*b), BELL_MAGIC);
	struct rng *r = &a->rng;
	bool called;
	int i, when;

	if (!b)
		return;
	stopper_event_init(&b->event);
	tor_inc(&b->refs);
	for (i = 0; i < RECORDS / 2; i++)
		CHECK_EQ(stopper_event_on_fire(&b->event, &b->of[i], rung, b), 0);
	b->written = 42;
	send_firers(r, b);
	for (; i < RECORDS; i++)
		CHECK_EQ(stopper_event_on_fire(&b->event, &b->of[i], rung, b), 0);
	/* Taken back before it fires, or while callbacks run, or after. */
	when = (int)rng_below(r, 3);
	while (when == 1 && !stopper_event_fired(&b->event))
		tor_nap(10 * TOR_USEC);
	if (when == 2)
		wait_for_bell(r, b, l);
	/* Once it has been taken back it is over: called once, or never. */
	for (i = 0; i < RECORDS; i++) {
		called = !stopper_event_detach(&b->event, &b->of[i]);
		CHECK_EQ(tor_get(&b->calls[i]), called);
	}
	if (when != 2)
		wait_for_bell(r, b, l);
	CHECK(!stopper_event_fire(&b->event));
	bell_put(b);
}

/* --- semaphores ------------------------------------------------------------------------------- */

struct slot_parcel {
	struct parcel p;
	struct life *l;
};

static void release_slot(struct life *l)
{
	tor_dec(&l->holders);
	stopper_sem_release(&l->sem);
}

static void release_elsewhere(struct parcel *p)
{
	struct life *l = ((struct slot_parcel *)p)->l;

	softirq_tasks(l);
	release_slot(l);
}

static void slot_parcel_free(struct parcel *p)
{
	life_put(((struct slot_parcel *)p)->l);
	obj_free(p);
}

static int acquire(struct rng *r, struct life *l)
{
	struct stopper_ctx *ctx;
	int err;

	switch (rng_below(r, 3)) {
	case 0:
		err = stopper_sem_try_acquire(&l->sem);
		CHECK(!err || err == -EBUSY || err == -ESHUTDOWN);
		break;
	case 1:
		err = stopper_sem_acquire(&l->sem, NULL);
		CHECK(!err || err == -ESHUTDOWN);
		break;
	default:
		ctx = brief_ctx(r, NULL);
		if (!ctx)
			return -ENOMEM;
		err = stopper_sem_acquire(&l->sem, ctx);
		CHECK(!err || err == -ESHUTDOWN || err == stopper_ctx_err(ctx));
		stopper_ctx_put(ctx);
		break;
	}
	if (err == -ESHUTDOWN)
		CHECK(tor_load(&l->sem_closed));
	return err;
}

void op_sem(struct actor *a, struct life *l)
{
	struct slot_parcel *sp;

	if (acquire(&a->rng, l))
		return;
	CHECK(tor_inc(&l->holders) <= stopper_sem_capacity(&l->sem));
	if (rng_one_in(&a->rng, 2))
		tor_yield();
	sp = rng_one_in(&a->rng, 2) ? obj_new(sizeof(*sp), PARCEL_MAGIC) : NULL;
	if (!sp) {
		release_slot(l);
		return;
	}
	sp->p.deliver = release_elsewhere;
	sp->p.after = slot_parcel_free;
	sp->l = l;
	life_get(l);
	courier_send(&sp->p);
}
