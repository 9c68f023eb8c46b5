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
	{ "look", 20, op_look },
	{ "ctx", 30, op_ctx },
	{ "event", 30, op_event },
	{ "sem", 30, op_sem },
	{ "refused", 40, op_refused },
	{ "quiesce", 2, op_quiesce },
	{ "stop", 2, op_stop },
	{ "retire", 30, op_retire },
	{ "world", 5, op_world },
};

#define NUM_OPS	ARRAY_SIZE(ops)

struct tor_params tor;
struct actor *actors;
static bool pause_all, end_all;

static const struct op *pick(struct rng *r)
{
	static unsigned int sum;
	unsigned int i, n, all = tor_peek(&sum);

	if (!all) {
		for (i = 0; i < NUM_OPS; i++)
			all += ops[i].weight;
		tor_poke(&sum, all);
	}
	n = rng_below(r, all);
	for (i = 0; n >= ops[i].weight; i++)
		n -= ops[i].weight;
	return &ops[i];
}

/* Never 0. */
static unsigned int second(void)
{
	return (unsigned int)tor_seconds(tor_now()) + 1;
}

static void act(struct actor *a)
{
	const struct op *op = pick(&a->rng);
	struct life *l = life_any(&a->rng);

	if (!l) {
		/* Left empty when there was no memory. */
		life_replace(NULL, &a->rng);
		return;
	}
	tor_poke(&a->op, op->name);
	tor_store(&a->since, second());
	op->fn(a, l);
	tor_poke(&a->op, "put");
	life_put(l);
	tor_store(&a->since, 0);
}

/* The last thing that happens is watched, too. */
static void end_lives(struct actor *a)
{
	int i;

	for (i = 1; i < tor.threads; i++)
		while (tor_peek(&actors[i].started) && !tor_load(&actors[i].ended))
			tor_nap(TOR_MSEC);
	tor_poke(&a->op, "end");
	tor_store(&a->since, second());
	lives_exit(&a->rng);
	tor_store(&a->since, 0);
}

static void actor(void *arg)
{
	struct actor *a = arg;
	unsigned int n = 0;

	while (!tor_load(&end_all)) {
		if (tor_load(&pause_all)) {
			tor_nap(TOR_MSEC);
			continue;
		}
		if (++n % 256 == 0)
			tor_shake((unsigned int)rng_next(&a->rng));
		act(a);
		if (n % 256 == 0)
			tor_shake_end();
		tor_yield();
	}
	if (!a->nr)
		end_lives(a);
	tor_store(&a->ended, true);
}

bool is_actor(void)
{
	int i;

	for (i = 0; i < tor.threads; i++)
		if (tor_is(&actors[i].thread))
			return true;
	return false;
}

/* --- who watches ------------------------------------------------------------------------------ */

static unsigned long long tasks_so_far(void)
{
	unsigned long long n = (unsigned long long)(tor_get(&total.sync) + tor_get(&total.jobs) +
						      tor_get(&total.handles));
	int i;

	for (i = 0; i < tor.threads; i++)
		n += tor_peek(&actors[i].tasks);
	return n;
}

static const char *plural(long long n)
{
	return n == 1 ? "" : "s";
}

static void say_totals(const char *head, bool bad)
{
	char line[400];
	int n;

	n = snprintf(line, sizeof(line), "%s %llu tasks (%lld async, %lld handles), ", head,
		     tasks_so_far(), tor_get(&total.jobs), tor_get(&total.handles));
	n += snprintf(line + n, sizeof(line) - n, "%lld stoppers, %lld workers, %lld closers, ",
		      tor_get(&total.stoppers), tor_get(&total.workers), tor_get(&total.closers));
	n += snprintf(line + n, sizeof(line) - n, "%lld refused, %lld stops given up, ",
		      tor_get(&total.refused), tor_get(&total.timeouts));
	snprintf(line + n, sizeof(line) - n, "%lld panics, %lld threads killed, %lld error%s",
		 tor_get(&total.panics), tor_get(&total.deaths), tor_errors(),
		 plural(tor_errors()));
	tor_say(bad, line);
}

static void say_progress(int64_t start)
{
	char head[40];

	snprintf(head, sizeof(head), "%3lld s:", tor_seconds(tor_now() - start));
	say_totals(head, false);
}

/* An operation that does not end: a wake-up was lost, or a stop waits for nothing. */
static bool hangs(void)
{
	unsigned int now = second(), since;
	bool any = false;
	char line[100];
	int i;

	for (i = 0; i < tor.threads; i++) {
		since = tor_load(&actors[i].since);
		if (!since || now - since <= (unsigned int)tor.hang)
			continue;
		snprintf(line, sizeof(line), "error: actor %d is stuck in \"%s\"", i,
			 tor_peek(&actors[i].op));
		tor_say(true, line);
		any = true;
	}
	return any;
}

/* Everybody pauses, and begins again at once. */
static void stutter(void)
{
	tor_store(&pause_all, true);
	tor_nap(50 * TOR_MSEC);
	tor_store(&pause_all, false);
}

static bool all_ended(void)
{
	int i;

	for (i = 0; i < tor.threads; i++)
		if (actors[i].started && !tor_load(&actors[i].ended))
			return false;
	return true;
}

/* Until the time is over; false: something hangs. */
static bool watch(int64_t start)
{
	int64_t said = start, paused = start, now = start;
	int64_t end = start + tor.seconds * TOR_SEC;

	while (now < end && !tor_asked_to_end() && !tor_errors()) {
		tor_nap(20 * TOR_MSEC);
		now = tor_now();
		if (hangs())
			return false;
		if (tor.stutter && now - paused >= tor.stutter * TOR_SEC) {
			stutter();
			paused = now;
		}
		if (now - said >= tor.progress * TOR_SEC) {
			say_progress(start);
			said = now;
		}
	}
	tor_store(&end_all, true);
	while (!all_ended()) {
		if (hangs())
			return false;
		tor_nap(10 * TOR_MSEC);
	}
	return true;
}

static int start(void)
{
	int i, err;

	obj_init();
	memset(&total, 0, sizeof(total));
	end_all = false;
	actors = tor_get_memory((size_t)tor.threads * sizeof(*actors));
	if (!actors)
		return -ENOMEM;
	err = couriers_init();
	if (!err)
		err = lives_init();
	for (i = 0; i < tor.threads && !err; i++) {
		actors[i].nr = (unsigned int)i;
		actors[i].rng.x = tor.seed + (unsigned long long)i * 0x632be59bd9b4e019ULL;
		tor_poke(&actors[i].started, true);
		err = tor_spawn(&actors[i].thread, "actor", actor, &actors[i]);
		if (err)
			tor_poke(&actors[i].started, false);
	}
	return err ? err : world_begin();
}

static void finish(void)
{
	int i;

	world_end();
	for (i = 0; i < tor.threads; i++)
		if (actors[i].started)
			tor_join(&actors[i].thread);
	couriers_exit();
	CHECK_EQ(tor_get(&total.objects), 0);
	CHECK(world_list_is_empty());
	obj_exit();
}

static void verdict(bool hung)
{
	bool bad = hung || tor_errors();
	char head[100];

	snprintf(head, sizeof(head), "stopper-torture: %s%s seed %llu,",
		 bad ? "FAILURE" : "SUCCESS", hung ? " (hung)" : "", tor.seed);
	say_totals(head, bad);
}

int tor_run(void)
{
	char line[160];
	bool hung;

	snprintf(line, sizeof(line), "seed %llu, %lld s, %d threads, %d stoppers", tor.seed,
		 tor.seconds, tor.threads, tor.stoppers);
	tor_say(false, line);
	CHECK_EQ(start(), 0);
	hung = !watch(tor_now());
	if (hung) {
		tor_hung();
		/* Its threads still use everything. */
		verdict(true);
		return -ETIME;
	}
	finish();
	verdict(false);
	tor_give_memory(actors);
	return tor_errors() ? -EIO : 0;
}
