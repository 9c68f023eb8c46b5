// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_count.c - how many tasks run and which: the count, the list by call site, the map.
 */
#include "case.h"

/* Three sites: one task of zebra, two of apple, two of mango. */
struct zoo {
	struct stopper *s;
	struct stopper_task task[5];
};

static void open_zoo(struct zoo *z)
{
	int i;

	z->s = new_stopper(NULL);
	CHECK_EQ(stopper_task_begin(z->s, NULL, "zebra", &z->task[0]), 0);
	for (i = 1; i < 3; i++)
		CHECK_EQ(stopper_task_begin(z->s, NULL, "mango", &z->task[i]), 0);
	for (i = 3; i < 5; i++)
		CHECK_EQ(stopper_task_begin(z->s, NULL, "apple", &z->task[i]), 0);
}

static void close_zoo(struct zoo *z)
{
	int i;

	for (i = 0; i < 5; i++)
		stopper_task_end(&z->task[i]);
	stop_and_put(z->s);
}

static void running_tasks_by_site_most_first_then_by_name(void)
{
	static const char *const name[] = { "apple", "mango", "zebra" };
	struct stopper_task_info *info = env_alloc(4 * sizeof(*info));
	struct zoo z;
	int i;

	open_zoo(&z);
	CHECK_EQ(stopper_num_tasks(z.s), 5);
	CHECK_EQ(stopper_running_tasks(z.s, info, 4), 3);
	for (i = 0; i < 3; i++) {
		CHECK_STR(info[i].name, name[i]);
		CHECK_EQ(info[i].count, i < 2 ? 2 : 1);
		CHECK_STR(info[i].func, "open_zoo");
		CHECK(strstr(info[i].file, "case_count.c"));
		CHECK(info[i].line > 0);
		CHECK(info[i].oldest_ns >= 0);
	}
	CHECK_EQ(info[3].count, 0);
	close_zoo(&z);
	env_free(info);
}

static void running_tasks_says_how_many_sites_there_are(void)
{
	struct stopper_task_info *info = env_alloc(3 * sizeof(*info));
	struct zoo z;

	open_zoo(&z);
	CHECK_EQ(stopper_running_tasks(z.s, NULL, 0), 3);
	CHECK_EQ(stopper_running_tasks(z.s, info, 1), 3);
	CHECK_STR(info[0].name, "apple");
	CHECK_EQ(info[1].count, 0);
	CHECK_EQ(stopper_running_tasks(z.s, NULL, 1), -EINVAL);
	close_zoo(&z);
	env_free(info);
}

static void idle_and_no_stopper_have_no_tasks(void)
{
	struct stopper *s = new_stopper(NULL);
	char buf[8] = "dirt";

	CHECK_EQ(stopper_num_tasks(s), 0);
	CHECK_EQ(stopper_running_tasks(s, NULL, 0), 0);
	CHECK_EQ(stopper_task_map(s, buf, sizeof(buf)), 0);
	CHECK(!buf[0]);
	CHECK_EQ(stopper_num_tasks(NULL), 0);
	CHECK_EQ(stopper_running_tasks(NULL, NULL, 0), 0);
	memcpy(buf, "dirt", 5);
	CHECK_EQ(stopper_task_map(NULL, buf, sizeof(buf)), 0);
	CHECK(!buf[0]);
	stop_and_put(s);
}

static void task_map_prints_count_and_name_biggest_first(void)
{
	static const char want[] = "2      apple\n2      mango\n1      zebra\n";
	char buf[128];
	struct zoo z;

	open_zoo(&z);
	CHECK_EQ(stopper_task_map(z.s, buf, sizeof(buf)), sizeof(want) - 1);
	CHECK_STR(buf, want);
	CHECK_EQ(stopper_task_map(z.s, NULL, 0), sizeof(want) - 1);
	close_zoo(&z);
}

static void task_map_is_cut_to_the_room_there_is(void)
{
	static const char want[] = "2      apple\n2      mango\n1      zebra\n";
	char buf[sizeof(want) + 1];
	unsigned int size;
	struct zoo z;

	open_zoo(&z);
	for (size = 1; size <= sizeof(want); size++) {
		memset(buf, 'x', sizeof(buf));
		CHECK_EQ(stopper_task_map(z.s, buf, size), sizeof(want) - 1);
		CHECK_EQ(buf[size], 'x');
		CHECK_EQ(strlen(buf), size - 1);
		CHECK(!strncmp(buf, want, size - 1));
	}
	close_zoo(&z);
}

static void task_map_joins_sites_that_share_a_name(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task[3];
	char buf[64];

	CHECK_EQ(stopper_task_begin(s, NULL, "same", &task[0]), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "same", &task[1]), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "other", &task[2]), 0);
	CHECK_EQ(stopper_running_tasks(s, NULL, 0), 3);
	stopper_task_map(s, buf, sizeof(buf));
	CHECK_STR(buf, "2      same\n1      other\n");
	stopper_task_end(&task[0]);
	stopper_task_map(s, buf, sizeof(buf));
	CHECK_STR(buf, "1      other\n1      same\n");
	stopper_task_end(&task[1]);
	stopper_task_end(&task[2]);
	stop_and_put(s);
}

struct kinds {
	struct stopper *s;
	struct stopper_sem sem;
	struct case_hold hold;
};

static void hold_sync(void *arg)
{
	struct kinds *k = arg;

	CHECK_EQ(stopper_run_task(k->s, NULL, "sync", case_hold_fn, &k->hold), 0);
}

static int hold_err_fn(struct stopper_ctx *ctx, void *hold)
{
	case_hold_fn(ctx, hold);
	return 0;
}

static void hold_err(void *arg)
{
	struct kinds *k = arg;

	CHECK_EQ(stopper_run_task_err(k->s, NULL, "err", hold_err_fn, &k->hold), 0);
}

static void every_kind_of_task_is_counted_and_named(void)
{
	static const char want[] = "1      async\n1      err\n1      handle\n1      limited\n"
				   "1      sync\n";
	struct kinds k = { .s = new_stopper(NULL) };
	struct env_thread thread[2];
	struct stopper_task task;
	char buf[128];

	CHECK_EQ(stopper_sem_init(&k.sem, 1), 0);
	case_hold_init(&k.hold);
	CHECK_EQ(env_spawn(&thread[0], hold_sync, &k), 0);
	CHECK_EQ(env_spawn(&thread[1], hold_err, &k), 0);
	CHECK_EQ(stopper_task_begin(k.s, NULL, "handle", &task), 0);
	CHECK_EQ(stopper_run_async_task(k.s, NULL, "async", case_hold_fn, &k.hold), 0);
	CHECK_EQ(stopper_run_limited_async_task(k.s, NULL, "limited", &k.sem, true, case_hold_fn,
						&k.hold), 0);
	CHECK_SOON(env_get(&k.hold.in) == 4);
	CHECK_EQ(stopper_num_tasks(k.s), 5);
	stopper_task_map(k.s, buf, sizeof(buf));
	CHECK_STR(buf, want);
	env_gate_open(&k.hold.gate);
	stopper_task_end(&task);
	env_join(&thread[0]);
	env_join(&thread[1]);
	stop_and_put(k.s);
	stopper_sem_destroy(&k.sem);
	case_hold_destroy(&k.hold);
}

struct who {
	struct case_hold hold;
	struct env_counter tid;
};

static void say_who(struct stopper_ctx *ctx, void *arg)
{
	struct who *w = arg;

	env_set(&w->tid, env_tid());
	case_hold_fn(ctx, &w->hold);
}

static void running_task_is_listed_with_thread_and_age(void)
{
	struct stopper_task_info *info = env_alloc(sizeof(*info));
	struct stopper *s = new_stopper(NULL);
	struct who w;
	int64_t age;

	memset(&w, 0, sizeof(w));
	case_hold_init(&w.hold);
	CHECK_EQ(stopper_run_async_task(s, NULL, "who", say_who, &w), 0);
	CHECK_SOON(env_get(&w.hold.in));
	CHECK_EQ(stopper_running_tasks(s, info, 1), 1);
	CHECK_EQ(info->tid, env_get(&w.tid));
	age = info->oldest_ns;
	/* "at least": a reader may have to see it twice to know that it is old */
	CHECK_SOON(stopper_running_tasks(s, info, 1) == 1 && info->oldest_ns > age);
	env_gate_open(&w.hold.gate);
	stop_and_put(s);
	case_hold_destroy(&w.hold);
	env_free(info);
}

/* A wrapper that knows its callers' places by itself. */
static void wrapper_may_bring_its_own_site(void)
{
	static const struct stopper_site site = {
		.name = "made by hand", .file = "dir/elsewhere.c", .func = "somebody", .line = 77,
	};
	struct stopper_task_info *info = env_alloc(sizeof(*info));
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;
	struct env_counter ran = { 0 };

	CHECK_EQ(__stopper_task_begin(s, NULL, &site, &task), 0);
	CHECK_EQ(stopper_running_tasks(s, info, 1), 1);
	CHECK_STR(info->name, "made by hand");
	CHECK_STR(info->func, "somebody");
	CHECK_STR(info->file, "dir/elsewhere.c");
	CHECK_EQ(info->line, 77);
	stopper_task_end(&task);
	CHECK_EQ(__stopper_run_task(s, NULL, &site, case_count_fn, &ran), 0);
	CHECK_EQ(__stopper_run_async_task(s, NULL, &site, case_count_fn, &ran), 0);
	CHECK_EQ(__stopper_run_worker(s, NULL, &site, case_count_fn, &ran), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), 3);
	env_free(info);
}

/* --- while tasks come and go ------------------------------------------------------------------ */

#define THREADS	4

struct churn {
	struct stopper *s;
	struct env_counter stop, began;
};

static void churn_main(void *arg)
{
	struct churn *c = arg;
	struct stopper_task task[3];
	struct env_counter ran = { 0 };
	int i;

	while (!env_get(&c->stop)) {
		for (i = 0; i < 3; i++)
			CHECK_EQ(stopper_task_begin(c->s, NULL, "churn-handle", &task[i]), 0);
		CHECK_EQ(stopper_run_task(c->s, NULL, "churn-task", case_count_fn, &ran), 0);
		for (i = 0; i < 3; i++)
			stopper_task_end(&task[i]);
		env_inc(&c->began);
		env_yield();
	}
}

/* Every line must be a count and one of the names; returns the sum. */
static int check_map(const char *map)
{
	int sum = 0, n, used, got;
	char name[16];

	while (*map) {
		got = sscanf(map, "%d %15s%n", &n, name, &used);
		if (!CHECK_EQ(got, 2))
			return -1;
		CHECK(!strcmp(name, "churn-handle") || !strcmp(name, "churn-task") ||
		      !strcmp(name, "resident"));
		CHECK(n > 0);
		sum += n;
		map += used;
		if (!CHECK_EQ(*map, '\n'))
			return -1;
		map++;
	}
	return sum;
}

static void count_and_map_hold_while_tasks_come_and_go(void)
{
	struct churn c = { .s = new_stopper(NULL) };
	struct env_thread thread[THREADS];
	struct stopper_task resident[2];
	int i, round, sum;
	char map[256];

	CHECK_EQ(stopper_task_begin(c.s, NULL, "resident", &resident[0]), 0);
	CHECK_EQ(stopper_task_begin(c.s, NULL, "resident", &resident[1]), 0);
	for (i = 0; i < THREADS; i++)
		CHECK_EQ(env_spawn(&thread[i], churn_main, &c), 0);
	for (round = 0; round < case_rounds(300); round++) {
		unsigned long n = stopper_num_tasks(c.s);

		/*
		 * Those that stay are always counted. A thread that runs task after
		 * task while one look lasts may be seen once in each place that it
		 * passes, so no small number bounds the count from above.
		 */
		CHECK(n >= 2 && n < 10000);
		CHECK(stopper_task_map(c.s, map, sizeof(map)) < (int)sizeof(map));
		sum = check_map(map);
		CHECK(sum >= 2);
		CHECK(strstr(map, "resident\n"));
		CHECK(stopper_running_tasks(c.s, NULL, 0) >= 2);
		env_yield();
	}
	CHECK_SOON(env_get(&c.began) > 100);
	env_set(&c.stop, 1);
	for (i = 0; i < THREADS; i++)
		env_join(&thread[i]);
	CHECK_EQ(stopper_num_tasks(c.s), 2);
	stopper_task_map(c.s, map, sizeof(map));
	CHECK(strstr(map, "resident\n"));
	stopper_task_end(&resident[0]);
	stopper_task_end(&resident[1]);
	CHECK_EQ(stopper_num_tasks(c.s), 0);
	stop_and_put(c.s);
}

static unsigned long steps(void)
{
	return __stopper_steps("slots looked at") + __stopper_steps("listed tasks looked at") +
	       __stopper_steps("activities looked at");
}

/* What a small stopper's life looks at. */
static unsigned long steps_of_a_life(void)
{
	unsigned long before = steps();
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	struct stopper_task_info info;

	CHECK_EQ(stopper_run_task(s, NULL, "task", case_count_fn, &ran), 0);
	CHECK_EQ(stopper_num_tasks(s), 0);
	CHECK_EQ(stopper_running_tasks(s, &info, 1), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), 1);
	return steps() - before;
}

#define FOREIGN		2000
#define HOLDERS		100

/* Handles that no table holds, and async tasks that block. */
static void tasks_of_others_cost_a_stopper_nothing(void)
{
	struct stopper_task *task = env_alloc(FOREIGN * sizeof(*task));
	struct stopper *other = new_stopper(NULL);
	unsigned long alone, beside;
	struct case_hold h;
	int i;

	case_hold_init(&h);
	/* So many as a table takes, first: it is looked at as far as it was ever used. */
	for (i = 0; i < FOREIGN / 2; i++)
		CHECK_EQ(stopper_task_begin(other, NULL, "foreign", &task[i]), 0);
	alone = steps_of_a_life();
	for (; i < FOREIGN; i++)
		CHECK_EQ(stopper_task_begin(other, NULL, "foreign", &task[i]), 0);
	for (i = 0; i < HOLDERS; i++)
		CHECK_EQ(stopper_run_async_task(other, NULL, "holds", case_hold_fn, &h), 0);
	CHECK_SOON(env_get(&h.in) == HOLDERS);
	beside = steps_of_a_life();
	/* Threads of the pool's may have come by here, and CPUs: not one step for each task. */
	CHECK(beside < alone + FOREIGN / 4);
	CHECK_EQ(stopper_num_tasks(other), FOREIGN + HOLDERS);
	env_gate_open(&h.gate);
	for (i = 0; i < FOREIGN; i++)
		stopper_task_end(&task[i]);
	stop_and_put(other);
	case_hold_destroy(&h);
	env_free(task);
}

#define WORKERS		64	/* as many stacks as fit in 32 bits */

static void waits_for_stop(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(stopper_should_stop(arg), NULL);
}

/* A stop asks whether a worker has called it. */
static void workers_of_others_cost_a_stopper_nothing(void)
{
	struct stopper *other = new_stopper(NULL);
	unsigned long alone, beside;
	int i;

	alone = steps_of_a_life();
	for (i = 0; i < WORKERS; i++)
		CHECK_EQ(stopper_run_worker(other, NULL, "foreign", waits_for_stop, other), 0);
	beside = steps_of_a_life();
	/* Some threads share a list of activities. */
	CHECK(beside < alone + WORKERS / 4);
	stop_and_put(other);
}

/* Each end wakes the drain at most once, whatever the list holds. */
static void drain_of_handles_looks_at_few(void)
{
	struct stopper_task *task = env_alloc(FOREIGN * sizeof(*task));
	struct stopper *s = new_stopper(NULL);
	unsigned long before;
	struct case_call stop;
	int i;

	for (i = 0; i < FOREIGN; i++)
		CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task[i]), 0);
	before = __stopper_steps("listed tasks looked at");
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)));
	env_settle();
	for (i = 0; i < FOREIGN; i++) {
		CHECK(!env_get(&stop.returned));
		stopper_task_end(&task[i]);
	}
	CHECK_EQ(case_call_end(&stop), 0);
	/* Once all of them to see whether it is called from inside; never again. */
	CHECK(__stopper_steps("listed tasks looked at") - before <= 2 * FOREIGN);
	stopper_put(s);
	env_free(task);
}

#define QUEUED		400

/* The queue is looked at in pieces, while threads take tasks out of it. */
static void tasks_that_leave_a_long_queue_are_counted_once(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task_info info;
	struct case_hold h;
	int i;

	case_hold_init(&h);
	for (i = 0; i < QUEUED; i++)
		CHECK_EQ(stopper_run_async_task(s, NULL, "holds", case_hold_fn, &h), 0);
	while (env_get(&h.in) < QUEUED) {
		CHECK_EQ(stopper_num_tasks(s), QUEUED);
		CHECK_EQ(stopper_running_tasks(s, &info, 1), 1);
		CHECK_EQ(info.count, QUEUED);
		env_yield();
	}
	env_gate_open(&h.gate);
	stop_and_put(s);
	case_hold_destroy(&h);
}

const struct test_case cases_count[] = {
	CASE(tasks_that_leave_a_long_queue_are_counted_once),
	CASE(tasks_of_others_cost_a_stopper_nothing),
	CASE(workers_of_others_cost_a_stopper_nothing),
	CASE(drain_of_handles_looks_at_few),
	CASE(running_tasks_by_site_most_first_then_by_name),
	CASE(running_tasks_says_how_many_sites_there_are),
	CASE(idle_and_no_stopper_have_no_tasks),
	CASE(task_map_prints_count_and_name_biggest_first),
	CASE(task_map_is_cut_to_the_room_there_is),
	CASE(task_map_joins_sites_that_share_a_name),
	CASE(every_kind_of_task_is_counted_and_named),
	CASE(running_task_is_listed_with_thread_and_age),
	CASE(wrapper_may_bring_its_own_site),
	CASE(count_and_map_hold_while_tasks_come_and_go),
	CASES_END
};
