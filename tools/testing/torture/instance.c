// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * instance.c - a stopper from its creation to its end, and the table of those in use.
 */
#include "torture.h"

struct table_entry {
	struct env_lock lock;
	struct instance *instance;
};

static struct table_entry *table;
static struct env_counter generations;

static void note_stall(void *arg, int level, const char *line)
{
	struct instance *inst = arg;

	CHECK_EQ(inst->magic, INSTANCE_MAGIC);
	CHECK(level >= STOPPER_LOG_ERR && level <= STOPPER_LOG_INFO);
	for (; *line; line++)
		CHECK(*line >= ' ' && *line < 127);
	env_inc(&total.lines);
}

static void note_panic(void *arg, const struct stopper_panic_info *info)
{
	struct instance *inst = arg;

	CHECK_EQ(inst->magic, INSTANCE_MAGIC);
	CHECK(info->died ? !info->value : info->value == inst);
	CHECK(!strcmp(info->stopper, "torture"));
	env_inc(&inst->hooks);
	env_inc(&total.panics);
}

static int instance_create(struct instance *inst, struct rng *r)
{
	struct stopper_options opts = {
		.size = sizeof(opts),
		.flags = inst->flags,
		.on_panic = note_panic,
		.on_panic_arg = inst,
		.log = note_stall,
		.log_arg = inst,
		.stall_ns = (1 + rng_below(r, 200)) * ENV_MSEC,
		.parent = inst->parent ? inst->parent->s : NULL,
	};

	return stopper_create(&inst->s, "torture", &opts);
}

static int instance_derive_ctxs(struct instance *inst, struct rng *r)
{
	struct stopper_ctx *parent = NULL;
	int i, err = 0;

	for (i = 0; i < NUM_CTXS && !err; i++) {
		if (i % 2)
			err = stopper_ctx_with_cancel_on_stop(inst->s, parent, &inst->ctxs[i]);
		else
			err = stopper_ctx_with_cancel_on_quiesce(inst->s, parent, &inst->ctxs[i]);
		parent = rng_one_in(r, 2) ? inst->ctxs[0] : NULL;
	}
	return err;
}

/* A thread that sees ShouldQuiesce fired sees its contexts cancelled; so with ShouldStop. */
static void check_ctxs(struct instance *inst)
{
	bool quiesced = stopper_event_fired(stopper_should_quiesce(inst->s));
	bool stopped = stopper_event_fired(stopper_should_stop(inst->s));
	int i;

	for (i = 0; i < NUM_CTXS; i++)
		if (i % 2 ? stopped : quiesced)
			CHECK_EQ(stopper_ctx_err(inst->ctxs[i]), -ECANCELED);
}

static void instance_unref(struct instance *inst)
{
	struct instance *parent;

	while (inst && !env_dec(&inst->refs)) {
		parent = inst->parent;
		env_mutex_destroy(&inst->order);
		obj_free(inst);
		inst = parent;
	}
}

static void instance_put_ctxs(struct instance *inst)
{
	int i;

	for (i = 0; i < NUM_CTXS; i++)
		stopper_ctx_put(inst->ctxs[i]);
}

/* The last use is dropped, and the stopper was stopped. */
static void instance_free(struct instance *inst)
{
	bool ctxs_first = inst->gen & 2;

	CHECK_EQ(inst->magic, INSTANCE_MAGIC);
	CHECK_EQ(stopper_phase(inst->s), STOPPER_STOPPED);
	CHECK(stopper_event_fired(stopper_should_quiesce(inst->s)));
	CHECK(stopper_event_fired(stopper_should_stop(inst->s)));
	CHECK(stopper_event_fired(stopper_is_stopped(inst->s)));
	CHECK_EQ(stopper_num_tasks(inst->s), 0);
	CHECK_EQ(env_get(&inst->executed), env_get(&inst->accepted));
	CHECK_EQ(env_get(&inst->workers_done), env_get(&inst->workers));
	CHECK_EQ(env_get(&inst->closed), env_get(&inst->closers));
	CHECK_EQ(env_get(&inst->hooks), env_get(&inst->deaths));
	CHECK_EQ(env_get(&inst->running), 0);
	CHECK_EQ(env_get(&inst->holders), 0);
	CHECK_EQ(stopper_sem_length(&inst->sem), 0);
	check_ctxs(inst);
	if (ctxs_first)
		instance_put_ctxs(inst);
	stopper_put(inst->s);
	if (!ctxs_first)
		instance_put_ctxs(inst);
	stopper_sem_destroy(&inst->sem);
	instance_unref(inst);
}

void instance_get(struct instance *inst)
{
	env_inc(&inst->users);
}

void instance_put(struct instance *inst)
{
	if (!env_dec(&inst->users))
		instance_free(inst);
}

bool instance_is_live(const struct instance *inst, unsigned long gen)
{
	bool live = env_load(&inst->stamp) == gen;

	/* A parent's Quiesce waits for its children's tasks as well. */
	for (inst = inst->parent; inst && live; inst = inst->parent)
		live = !(env_load(&inst->stamp) & OVER);
	return live;
}

void instance_is_over(struct instance *inst)
{
	CHECK_EQ(inst->magic, INSTANCE_MAGIC);
	env_store(&inst->stamp, inst->gen | OVER);
	CHECK_EQ(env_get(&inst->running), 0);
	check_ctxs(inst);
}

struct stopper_ctx *instance_ctx(struct instance *inst, struct rng *r)
{
	return stopper_ctx_get(inst->ctxs[rng_below(r, NUM_CTXS)]);
}

/* A child of @parent, which the caller uses, or a root. */
static struct instance *instance_new(struct instance *parent, struct rng *r)
{
	struct instance *inst = obj_new(sizeof(*inst), INSTANCE_MAGIC);
	int err;

	if (!inst)
		return NULL;
	inst->gen = 2 * (unsigned long)env_inc(&generations);
	inst->stamp = inst->gen;
	inst->parent = parent;
	inst->depth = parent ? parent->depth + 1 : 0;
	inst->flags = rng_below(r, 256) & STOPPER_FLAGS_ALL;
	inst->last_closer = inst->flags & STOPPER_CLOSERS_LIFO ? ~0UL : 0;
	env_lock_init(&inst->lock);
	env_mutex_init(&inst->order);
	env_add(&inst->users, 1);
	env_add(&inst->refs, 1);
	if (parent)
		env_inc(&parent->refs);
	CHECK_EQ(stopper_sem_init(&inst->sem, 1 + (int)rng_below(r, 4)), 0);
	err = instance_create(inst, r);
	if (err) {
		CHECK(no_room(err) || (parent && err == -ESHUTDOWN &&
				       stopper_phase(parent->s) != STOPPER_RUNNING));
		stopper_sem_destroy(&inst->sem);
		instance_unref(inst);
		return NULL;
	}
	env_inc(&total.stoppers);
	err = instance_derive_ctxs(inst, r);
	if (err) {
		CHECK(no_room(err));
		CHECK_EQ(stopper_stop(inst->s, NULL), 0);
		instance_put_ctxs(inst);
		stopper_put(inst->s);
		stopper_sem_destroy(&inst->sem);
		instance_unref(inst);
		return NULL;
	}
	return inst;
}

/* Perhaps a child of one in the table, if that one still accepts children. */
static struct instance *instance_new_any(struct rng *r)
{
	struct instance *parent = rng_one_in(r, 3) ? instance_any(r) : NULL, *inst = NULL;

	if (parent && parent->depth < MAX_DEPTH)
		inst = instance_new(parent, r);
	if (parent)
		instance_put(parent);
	return inst ? inst : instance_new(NULL, r);
}

struct instance *instance_any(struct rng *r)
{
	struct table_entry *at = &table[rng_below(r, (unsigned int)params.stoppers)];
	struct instance *inst;
	unsigned long f;

	env_lock(&at->lock, f);
	inst = at->instance;
	if (inst)
		instance_get(inst);
	env_unlock(&at->lock, f);
	return inst;
}

bool instance_replace(struct instance *inst, struct rng *r)
{
	struct instance *other = instance_new_any(r), *spare = other;
	bool ours = false;
	unsigned long f;
	int i;

	for (i = 0; i < params.stoppers && !ours; i++) {
		env_lock(&table[i].lock, f);
		ours = table[i].instance == inst;
		if (ours) {
			table[i].instance = other;
			spare = NULL;
		} else if (!table[i].instance && spare) {
			/* Left empty when there was no memory. */
			table[i].instance = spare;
			other = NULL;
			spare = NULL;
		}
		env_unlock(&table[i].lock, f);
	}
	if (spare) {
		instance_stop(r, spare);
		instance_put(spare);
	}
	return ours;
}

int instances_init(void)
{
	struct rng r = { params.seed };
	int i;

	table = env_try_alloc((size_t)params.stoppers * sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (i = 0; i < params.stoppers; i++)
		env_lock_init(&table[i].lock);
	for (i = 0; i < params.stoppers; i++)
		table[i].instance = instance_new_any(&r);
	return 0;
}

void instances_exit(struct rng *r)
{
	struct instance *inst;
	int i;

	for (i = 0; i < params.stoppers; i++) {
		inst = table[i].instance;
		table[i].instance = NULL;
		if (inst) {
			instance_stop(r, inst);
			instance_put(inst);
		}
	}
	env_free(table);
	table = NULL;
}
