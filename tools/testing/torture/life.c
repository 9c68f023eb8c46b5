// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * life.c - lives: a stopper from its creation to its end, and the table of those in use.
 */
#include "torture.h"

struct place_of_life {
	struct tor_lock lock;
	struct life *life;
};

static struct place_of_life *table;
static struct tor_count generations;

static void note_stall(void *arg, int level, const char *line)
{
	struct life *l = arg;

	CHECK_EQ(l->magic, LIFE_MAGIC);
	CHECK(level >= STOPPER_LOG_ERR && level <= STOPPER_LOG_INFO);
	for (; *line; line++)
		CHECK(*line >= ' ' && *line < 127);
	tor_inc(&total.lines);
}

static void note_panic(void *arg, const struct stopper_panic_info *info)
{
	struct life *l = arg;

	CHECK_EQ(l->magic, LIFE_MAGIC);
	CHECK(info->died ? !info->value : info->value == l);
	CHECK(!strcmp(info->stopper, "torture"));
	tor_inc(&l->hooks);
	tor_inc(&total.panics);
}

static int life_create(struct life *l, struct rng *r)
{
	struct stopper_options opts = {
		.size = sizeof(opts),
		.flags = l->flags,
		.on_panic = note_panic,
		.on_panic_arg = l,
		.log = note_stall,
		.log_arg = l,
		.stall_ns = (1 + rng_below(r, 200)) * TOR_MSEC,
		.parent = l->parent ? l->parent->s : NULL,
	};

	return stopper_create(&l->s, "torture", &opts);
}

static int life_tie(struct life *l, struct rng *r)
{
	struct stopper_ctx *parent = NULL;
	int i, err = 0;

	for (i = 0; i < TIES && !err; i++) {
		if (i % 2)
			err = stopper_ctx_with_cancel_on_stop(l->s, parent, &l->tied[i]);
		else
			err = stopper_ctx_with_cancel_on_quiesce(l->s, parent, &l->tied[i]);
		parent = rng_one_in(r, 2) ? l->tied[0] : NULL;
	}
	return err;
}

/* Who sees ShouldQuiesce fired sees the contexts on it cancelled; the same for ShouldStop. */
static void check_ties(struct life *l)
{
	bool quiesced = stopper_event_fired(stopper_should_quiesce(l->s));
	bool stopped = stopper_event_fired(stopper_should_stop(l->s));
	int i;

	for (i = 0; i < TIES; i++)
		if (i % 2 ? stopped : quiesced)
			CHECK_EQ(stopper_ctx_err(l->tied[i]), -ECANCELED);
}

static void life_drop(struct life *l)
{
	struct life *parent;

	while (l && !tor_dec(&l->refs)) {
		parent = l->parent;
		tor_mutex_destroy(&l->order);
		obj_free(l);
		l = parent;
	}
}

static void untie(struct life *l)
{
	int i;

	for (i = 0; i < TIES; i++)
		stopper_ctx_put(l->tied[i]);
}

/* Nobody uses it any more, and it was stopped. */
static void life_last(struct life *l)
{
	bool ties_first = l->gen & 2;

	CHECK_EQ(l->magic, LIFE_MAGIC);
	CHECK_EQ(stopper_phase(l->s), STOPPER_STOPPED);
	CHECK(stopper_event_fired(stopper_should_quiesce(l->s)));
	CHECK(stopper_event_fired(stopper_should_stop(l->s)));
	CHECK(stopper_event_fired(stopper_is_stopped(l->s)));
	CHECK_EQ(stopper_num_tasks(l->s), 0);
	CHECK_EQ(tor_get(&l->executed), tor_get(&l->accepted));
	CHECK_EQ(tor_get(&l->workers_done), tor_get(&l->workers));
	CHECK_EQ(tor_get(&l->closed), tor_get(&l->closers));
	CHECK_EQ(tor_get(&l->hooks), tor_get(&l->deaths));
	CHECK_EQ(tor_get(&l->running), 0);
	CHECK_EQ(tor_get(&l->holders), 0);
	CHECK_EQ(stopper_sem_length(&l->sem), 0);
	check_ties(l);
	if (ties_first)
		untie(l);
	stopper_put(l->s);
	if (!ties_first)
		untie(l);
	stopper_sem_destroy(&l->sem);
	life_drop(l);
}

void life_get(struct life *l)
{
	tor_inc(&l->users);
}

void life_put(struct life *l)
{
	if (!tor_dec(&l->users))
		life_last(l);
}

bool life_is_live(const struct life *l, unsigned long gen)
{
	bool live = tor_load(&l->stamp) == gen;

	/* A parent's Quiesce waits for its children's tasks as well. */
	for (l = l->parent; l && live; l = l->parent)
		live = !(tor_load(&l->stamp) & OVER);
	return live;
}

void life_is_over(struct life *l)
{
	CHECK_EQ(l->magic, LIFE_MAGIC);
	tor_store(&l->stamp, l->gen | OVER);
	CHECK_EQ(tor_get(&l->running), 0);
	check_ties(l);
}

struct stopper_ctx *life_ctx(struct life *l, struct rng *r)
{
	return stopper_ctx_get(l->tied[rng_below(r, TIES)]);
}

/* A child of @parent, which is used during the call, or of nobody. */
static struct life *life_new(struct life *parent, struct rng *r)
{
	struct life *l = obj_new(sizeof(*l), LIFE_MAGIC);
	int err;

	if (!l)
		return NULL;
	l->gen = 2 * (unsigned long)tor_inc(&generations);
	l->stamp = l->gen;
	l->parent = parent;
	l->depth = parent ? parent->depth + 1 : 0;
	l->flags = rng_below(r, STOPPER_FLAGS_ALL + 1);
	l->last_closer = l->flags & STOPPER_CLOSERS_LIFO ? ~0UL : 0;
	tor_lock_init(&l->lock);
	tor_mutex_init(&l->order);
	tor_add(&l->users, 1);
	tor_add(&l->refs, 1);
	if (parent)
		tor_inc(&parent->refs);
	CHECK_EQ(stopper_sem_init(&l->sem, 1 + (int)rng_below(r, 4)), 0);
	err = life_create(l, r);
	if (err) {
		CHECK(no_room(err) || (parent && err == -ESHUTDOWN &&
				       stopper_phase(parent->s) != STOPPER_RUNNING));
		stopper_sem_destroy(&l->sem);
		life_drop(l);
		return NULL;
	}
	tor_inc(&total.stoppers);
	err = life_tie(l, r);
	if (err) {
		CHECK(no_room(err));
		CHECK_EQ(stopper_stop(l->s, NULL), 0);
		untie(l);
		stopper_put(l->s);
		stopper_sem_destroy(&l->sem);
		life_drop(l);
		return NULL;
	}
	return l;
}

/* Perhaps a child of one in the table, with luck: that may be on its way out. */
static struct life *life_random(struct rng *r)
{
	struct life *parent = rng_one_in(r, 3) ? life_any(r) : NULL, *l = NULL;

	if (parent && parent->depth < MAX_DEPTH)
		l = life_new(parent, r);
	if (parent)
		life_put(parent);
	return l ? l : life_new(NULL, r);
}

struct life *life_any(struct rng *r)
{
	struct place_of_life *at = &table[rng_below(r, (unsigned int)tor.stoppers)];
	struct life *l;
	unsigned long f;

	tor_lock(&at->lock, f);
	l = at->life;
	if (l)
		life_get(l);
	tor_unlock(&at->lock, f);
	return l;
}

bool life_replace(struct life *l, struct rng *r)
{
	struct life *other = life_random(r), *spare = other;
	bool ours = false;
	unsigned long f;
	int i;

	for (i = 0; i < tor.stoppers && !ours; i++) {
		tor_lock(&table[i].lock, f);
		ours = table[i].life == l;
		if (ours) {
			table[i].life = other;
			spare = NULL;
		} else if (!table[i].life && spare) {
			/* Left empty when there was no memory. */
			table[i].life = spare;
			other = NULL;
			spare = NULL;
		}
		tor_unlock(&table[i].lock, f);
	}
	if (spare) {
		life_end(r, spare);
		life_put(spare);
	}
	return ours;
}

int lives_init(void)
{
	struct rng r = { tor.seed };
	int i;

	table = tor_get_memory((size_t)tor.stoppers * sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (i = 0; i < tor.stoppers; i++)
		tor_lock_init(&table[i].lock);
	for (i = 0; i < tor.stoppers; i++)
		table[i].life = life_random(&r);
	return 0;
}

void lives_exit(struct rng *r)
{
	struct life *l;
	int i;

	for (i = 0; i < tor.stoppers; i++) {
		l = table[i].life;
		table[i].life = NULL;
		if (l) {
			life_end(r, l);
			life_put(l);
		}
	}
	tor_give_memory(table);
	table = NULL;
}
