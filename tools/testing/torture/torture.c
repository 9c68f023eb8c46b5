// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * torture.c - actors, stutter, watchdog, progress, verdict.
 */
#include "torture.h"

static const struct op ops[] = {
	{ "hot", 400, op_hot },
	{ "sync", 60, op_sync },
	{ "handle", 60, op_handle },
	{ "many handles", 25, op_many_handles },
	{ "async", 100, op_async },
	{ "worker", 10, op_worker },
	{ "closer", 20, op_closer },
	{ "query", 20, op_query },
	{ "ctx", 30, op_ctx },
	{ "event", 30, op_event },
	{ "sem", 30, op_sem },
	{ "refused", 40, op_refused },
	{ "quiesce", 2, op_quiesce },
	{ "stop", 2, op_stop },
	{ "retire", 30, op_retire },
	{ "platform", 5, op_platform },
};

#define NUM_OPS	ARRAY_SIZE(ops)

struct torture_params params;
struct actor *actors;
static bool pause_all, end_all;

static const struct op *pick_op(struct rng *r)
{
	static unsigned int sum;
	unsigned int i, n, all = env_peek(&sum);

	if (!all) {
		for (i = 0; i < NUM_OPS; i++)
			all += ops[i].weight;
		env_poke(&sum, all);
	}
	n = rng_below(r, all);
	for (i = 0; n >= ops[i].weight; i++)
		n -= ops[i].weight;
	return &ops[i];
}

/* Never 0. */
static unsigned int coarse_second(void)
{
	return (unsigned int)env_seconds(env_now()) + 1;
}

static void actor_step(struct actor *a)
{
	const struct op *op = pick_op(&a->rng);
	struct instance *inst = instance_any(&a->rng);

	if (!inst) {
		/* Left empty when there was no memory. */
		instance_replace(NULL, &a->rng);
		return;
	}
	env_poke(&a->op, op->name);
	env_store(&a->since, coarse_second());
	op->fn(a, inst);
	env_poke(&a->op, "put");
	instance_put(inst);
	env_store(&a->since, 0);
}

/* The watchdog watches this last step, too. */
static void end_instances(struct actor *a)
{
	int i;

	for (i = 1; i < params.threads; i++)
		while (env_peek(&actors[i].started) && !env_load(&actors[i].ended))
			env_sleep(ENV_MSEC);
	env_poke(&a->op, "end");
	env_store(&a->since, coarse_second());
	instances_exit(&a->rng);
	env_store(&a->since, 0);
}

static void actor_main(void *arg)
{
	struct actor *a = arg;
	unsigned int n = 0;

	while (!env_load(&end_all)) {
		if (env_load(&pause_all)) {
			env_sleep(ENV_MSEC);
			continue;
		}
		if (++n % 256 == 0)
			perturb_thread((unsigned int)rng_next(&a->rng));
		actor_step(a);
		if (n % 256 == 0)
			perturb_end();
		env_yield();
	}
	if (!a->nr)
		end_instances(a);
	env_store(&a->ended, true);
}

bool is_actor(void)
{
	int i;

	for (i = 0; i < params.threads; i++)
		if (env_is_self(&actors[i].thread))
			return true;
	return false;
}

/* --- the watchdog ----------------------------------------------------------------------------- */

static unsigned long long tasks_so_far(void)
{
	unsigned long long n = (unsigned long long)(env_get(&total.sync) + env_get(&total.jobs) +
						      env_get(&total.handles));
	int i;

	for (i = 0; i < params.threads; i++)
		n += env_peek(&actors[i].tasks);
	return n;
}

static const char *plural(long n)
{
	return n == 1 ? "" : "s";
}

static void say_totals(const char *head, bool bad)
{
	char line[400];
	int n;

	n = snprintf(line, sizeof(line), "%s %llu tasks (%ld async, %ld handles), ", head,
		     tasks_so_far(), env_get(&total.jobs), env_get(&total.handles));
	n += snprintf(line + n, sizeof(line) - n, "%ld stoppers, %ld workers, %ld closers, ",
		      env_get(&total.stoppers), env_get(&total.workers), env_get(&total.closers));
	n += snprintf(line + n, sizeof(line) - n, "%ld refused, %ld stops given up, ",
		      env_get(&total.refused), env_get(&total.timeouts));
	snprintf(line + n, sizeof(line) - n, "%ld panics, %ld threads killed, %ld error%s",
		 env_get(&total.panics), env_get(&total.deaths), torture_errors(),
		 plural(torture_errors()));
	torture_say(bad, line);
}

static void say_progress(int64_t start)
{
	char head[40];

	snprintf(head, sizeof(head), "%3lld s:", env_seconds(env_now() - start));
	say_totals(head, false);
}

/* An operation that does not end: a wake-up was lost, or a stop waits for nothing. */
static bool report_stuck_actors(void)
{
	unsigned int now = coarse_second(), since;
	bool any = false;
	char line[100];
	int i;

	for (i = 0; i < params.threads; i++) {
		since = env_load(&actors[i].since);
		if (!since || now - since <= (unsigned int)params.hang)
			continue;
		snprintf(line, sizeof(line), "error: actor %d is stuck in \"%s\"", i,
			 env_peek(&actors[i].op));
		torture_say(true, line);
		any = true;
	}
	return any;
}

/* All actors pause, and continue at the same time. */
static void stutter(void)
{
	env_store(&pause_all, true);
	env_sleep(50 * ENV_MSEC);
	env_store(&pause_all, false);
}

static bool all_ended(void)
{
	int i;

	for (i = 0; i < params.threads; i++)
		if (actors[i].started && !env_load(&actors[i].ended))
			return false;
	return true;
}

/* Until the time is over; false: something hangs. */
static bool watch_actors(int64_t start)
{
	int64_t said = start, paused = start, now = start;
	int64_t end = start + params.seconds * ENV_SEC;

	while (now < end && !torture_interrupted() && !torture_errors()) {
		env_sleep(20 * ENV_MSEC);
		now = env_now();
		if (report_stuck_actors())
			return false;
		if (params.stutter && now - paused >= params.stutter * ENV_SEC) {
			stutter();
			paused = now;
		}
		if (now - said >= params.progress * ENV_SEC) {
			say_progress(start);
			said = now;
		}
	}
	env_store(&end_all, true);
	while (!all_ended()) {
		if (report_stuck_actors())
			return false;
		env_sleep(10 * ENV_MSEC);
	}
	return true;
}

static int start_actors(void)
{
	int i, err;

	obj_init();
	memset(&total, 0, sizeof(total));
	end_all = false;
	actors = env_try_alloc((size_t)params.threads * sizeof(*actors));
	if (!actors)
		return -ENOMEM;
	err = deferred_init();
	if (!err)
		err = instances_init();
	for (i = 0; i < params.threads && !err; i++) {
		actors[i].nr = (unsigned int)i;
		actors[i].rng.x = params.seed + (unsigned long long)i * 0x632be59bd9b4e019ULL;
		env_poke(&actors[i].started, true);
		err = env_spawn_named(&actors[i].thread, "torture-actor", actor_main, &actors[i]);
		if (err)
			env_poke(&actors[i].started, false);
	}
	return err ? err : platform_begin();
}

static void finish_actors(void)
{
	int i;

	platform_end();
	for (i = 0; i < params.threads; i++)
		if (actors[i].started)
			env_join(&actors[i].thread);
	deferred_exit();
	CHECK_EQ(env_get(&total.objects), 0);
	CHECK(debug_list_is_empty());
	obj_exit();
}

static void say_verdict(bool hung)
{
	bool bad = hung || torture_errors();
	char head[100];

	snprintf(head, sizeof(head), "stopper-torture: %s%s seed %llu,",
		 bad ? "FAILURE" : "SUCCESS", hung ? " (hung)" : "", params.seed);
	say_totals(head, bad);
}

int torture_run(void)
{
	char line[160];
	bool hung;

	snprintf(line, sizeof(line), "seed %llu, %lld s, %d threads, %d stoppers", params.seed,
		 params.seconds, params.threads, params.stoppers);
	torture_say(false, line);
	CHECK_EQ(start_actors(), 0);
	hung = !watch_actors(env_now());
	if (hung) {
		report_hang();
		/* Its threads still use everything. */
		say_verdict(true);
		return -ETIME;
	}
	finish_actors();
	say_verdict(false);
	env_free(actors);
	return torture_errors() ? -EIO : 0;
}
