// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_task.c - the races drawn in core/task.c.
 */
#include "scenario.h"
#include "upcalls.h"
#include "view.h"

static void run_one(void *s)
{
	accepted(stopper_run_task(s, NULL, "one", counted, NULL));
}

SCENARIO(admission, "task.c, race 1: a task begins while Quiesce does",
	 .budget = 4, .stale = 2)
{
	struct stopper *s = new_stopper(NULL);

	go(run_one, s);
	end(s);
}

static void run_two(void *s)
{
	run_one(s);
	run_one(s);
}

SCENARIO(end_against_drain, "task.c, race 2: a task ends while its stopper goes to sleep",
	 .budget = 4, .stale = 2)
{
	struct stopper *s = new_stopper(NULL);

	go(run_two, s);
	check(!stopper_num_tasks(NULL));
	end(s);
}

static struct stopper_ctx *given;

static int try_quiesce(struct stopper *s, struct stopper_ctx *ctx)
{
	return stopper_quiesce(s, ctx);
}

SCENARIO(drain_gives_up, "task.c, race 3: a drain leaves and frees its parker while a task ends",
	 .budget = 3, .stale = 1)
{
	struct stopper *s = new_stopper(NULL);
	int err;

	check(!stopper_ctx_with_cancel(NULL, &given));
	go(run_one, s);
	go(cancels_ctx, given);
	err = try_quiesce(s, given);
	check(!err || err == -ECANCELED);
	if (!err)
		ghost_set(QUIESCED, 1);
	end(s);
	stopper_ctx_put(given);
}

static struct stopper *first, *second;
static struct stopper_task handle[3];

static void stop_first(void *arg)
{
	check(!stopper_stop(first, NULL));
}

static void stop_second(void *arg)
{
	check(!stopper_stop(second, NULL));
}

static void end_handle(void *h)
{
	stopper_task_end(h);
}

SCENARIO(slot_used_again, "task.c, race 4: two drains watch one slot, one task after the other",
	 .budget = 3)
{
	first = new_stopper(NULL);
	second = new_stopper(NULL);
	check(!stopper_task_begin(first, NULL, "handle", &handle[0]));
	go(stop_first, NULL);
	go(end_handle, &handle[0]);
	if (!stopper_task_begin(second, NULL, "handle", &handle[1])) {
		go(stop_second, NULL);
		stopper_task_end(&handle[1]);
	}
	join_all();
	stopper_put(first);
	stopper_put(second);
}

static struct stopper_event begun;

static void end_in_turn(void *arg)
{
	stopper_task_end(&handle[0]);
	stopper_wait(&begun, NULL);
	stopper_task_end(&handle[1]);
}

SCENARIO(slot_named_again, "task.c, race 4: a drain's watch is replaced; who put it is woken",
	 .budget = 2)
{
	first = new_stopper(NULL);
	second = new_stopper(NULL);
	stopper_event_init(&begun);
	check(!stopper_task_begin(first, NULL, "handle", &handle[0]));
	/* So that the first's slot is the only one. */
	check(!stopper_task_begin(second, NULL, "handle", &handle[2]));
	go(stop_first, NULL);
	settle();
	go(end_in_turn, NULL);
	check(!stopper_task_begin(second, NULL, "handle", &handle[1]));
	stopper_task_end(&handle[2]);
	stopper_event_fire(&begun);
	check(!stopper_stop(second, NULL));
	join_all();
	stopper_event_destroy(&begun);
	stopper_put(first);
	stopper_put(second);
}

static void is_whole(void *arg, const struct task_view *v)
{
	check(!v->label[0] || !strcmp(v->label, "aaaaaaaaaaaaaaaa") ||
	      !strcmp(v->label, "bbbbbbbbbbbbbbbb"));
	/* The second task has none. */
	check(v->site->line != 2 || !v->label[0]);
}

static void lists_labels(void *arg)
{
	tasks_visit(NULL, is_whole, NULL);
}

static const struct stopper_site site_one = { .name = "one", .line = 1 };
static const struct stopper_site site_two = { .name = "two", .line = 2 };

SCENARIO(label_against_reader, "label.c: a label is replaced, its slot reused, while it is read",
	 .budget = 3, .stale = 1)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;

	check(!__stopper_task_begin(s, NULL, &site_one, &task));
	go(lists_labels, NULL);
	check(!stopper_task_label(&task, "aaaaaaaaaaaaaaaa"));
	check(!stopper_task_label(&task, "bbbbbbbbbbbbbbbb"));
	stopper_task_end(&task);
	check(!__stopper_task_begin(s, NULL, &site_two, &task));
	stopper_task_end(&task);
	join_all();
	end(s);
}

static struct stopper_event begun, looked_at;

/* The second takes the slot of the first. */
static void of_two_sites(void *arg)
{
	__stopper_task_begin(first, NULL, &site_one, &handle[0]);
	stopper_event_fire(&begun);
	stopper_wait(&looked_at, NULL);
	stopper_task_end(&handle[0]);
	__stopper_task_begin(second, NULL, &site_two, &handle[1]);
}

static void look(void *arg, const struct task_view *v)
{
	check(v->site == (v->s == first ? &site_one : &site_two));
	check(v->tid == 101);
}

SCENARIO(reader, "task.c, race 5: a reader looks at a slot that is used again",
	 .budget = 4, .stale = 3)
{
	first = new_stopper(NULL);
	second = new_stopper(NULL);
	stopper_event_init(&begun);
	stopper_event_init(&looked_at);
	go(of_two_sites, NULL);
	stopper_wait(&begun, NULL);
	stopper_event_fire(&looked_at);
	tasks_visit(NULL, look, NULL);
	join_all();
	stopper_task_end(&handle[1]);
	stopper_event_destroy(&begun);
	stopper_event_destroy(&looked_at);
	end(first);
	end(second);
}

static struct stopper_site *plugin_site;
static struct stopper_event plugin_in;

static void read_site(void *arg, const struct task_view *v)
{
	ghost_get(RAN);		/* others may go on in between */
	check(v->site->line == 7);
}

static void reads(void *arg)
{
	tasks_visit(NULL, read_site, NULL);
}

static void in_plugin(struct stopper_ctx *ctx, void *arg)
{
	stopper_event_fire(&plugin_in);
}

static void run_plugin(void *arg)
{
	check(!__stopper_run_task(first, NULL, plugin_site, in_plugin, NULL));
}

SCENARIO(site_goes, "stop.c: a site goes with its stopper, as a plugin's does, under a reader",
	 .budget = 3)
{
	plugin_site = plat_alloc(sizeof(*plugin_site));
	*plugin_site = (struct stopper_site){ .name = "site", .line = 7 };
	stopper_event_init(&plugin_in);
	first = new_stopper(NULL);
	go(run_plugin, NULL);
	go(reads, NULL);
	/* Not one that is refused: see site.h. */
	check(!stopper_wait(&plugin_in, NULL));
	check(!stopper_stop(first, NULL));
	plat_free(plugin_site);
	join_all();
	stopper_event_destroy(&plugin_in);
	stopper_put(first);
}

static void begin_one(void *s)
{
	int err = stopper_task_begin((struct stopper *)s, NULL, "handle", &handle[0]);

	accepted(err);
	ghost_set(0, !err);
	stopper_event_fire(&begun);
}

static void end_one(void *s)
{
	stopper_wait(&begun, NULL);
	if (!ghost_get(0))
		return;
	check(!ghost_get(QUIESCED));
	ghost_add(RAN, 1);
	stopper_task_end(&handle[0]);
}

SCENARIO(ended_elsewhere, "a handle is begun on one thread and ended on another",
	 .budget = 3, .stale = 1)
{
	struct stopper *s = new_stopper(NULL);

	stopper_event_init(&begun);
	go(begin_one, s);
	go(end_one, s);
	end(s);
	stopper_event_destroy(&begun);
}

static void begin_many(void *s)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		int err = stopper_task_begin((struct stopper *)s, NULL, "handle", &handle[i]);

		accepted(err);
		if (!err)
			ghost_add(1, 1);
	}
	stopper_event_fire(&begun);
}

static void end_many(void *s)
{
	long n;

	stopper_wait(&begun, NULL);
	for (n = ghost_get(1); n--;) {
		check(!ghost_get(QUIESCED));
		ghost_add(RAN, 1);
		stopper_task_end(&handle[n]);
	}
}

SCENARIO(table_full, "more handles than a table has slots: the last one is on the list",
	 .budget = 2, .stale = 1)
{
	struct stopper *s = new_stopper(NULL);

	stopper_event_init(&begun);
	go(begin_many, s);
	go(end_many, s);
	end(s);
	stopper_event_destroy(&begun);
}

static void nest(struct stopper_ctx *ctx, void *depth)
{
	int left = (int)(intptr_t)depth;

	counted(NULL, NULL);
	if (left)
		accepted(stopper_run_task(first, NULL, "nested", nest,
					  (void *)(intptr_t)(left - 1)));
}

static void run_nested(void *arg)
{
	accepted(stopper_run_task(first, NULL, "nested", nest, (void *)(intptr_t)2));
}

SCENARIO(nested, "tasks in tasks, the innermost on the list, while Quiesce begins",
	 .budget = 3, .stale = 1)
{
	first = new_stopper(NULL);
	go(run_nested, NULL);
	end(first);
}

static void begin_and_go(void *s)
{
	int err = stopper_task_begin((struct stopper *)s, NULL, "handle", &handle[0]);

	accepted(err);
	if (!err)
		ghost_add(RAN, 1);
	ghost_set(0, !err);
}

static void adopt(void *s)
{
	run_one(s);
	if (ghost_get(0))
		stopper_task_end(&handle[0]);
}

SCENARIO(table_adopted, "a thread leaves its table with a handle in it to the next thread",
	 .budget = 3, .stale = 1)
{
	struct stopper *s = new_stopper(NULL);

	go(begin_and_go, s);
	join_all();
	go(adopt, s);
	end(s);
}

static int work;	/* of a task; no atomics */

static void works(struct stopper_ctx *ctx, void *arg)
{
	work++;
}

static void run_work(void *s)
{
	stopper_run_task((struct stopper *)s, NULL, "works", works, NULL);
}

SCENARIO(work_is_seen, "what a task did is seen by who has quiesced its stopper",
	 .budget = 3, .stale = 1)
{
	struct stopper *s = new_stopper(NULL);

	go(run_work, s);
	check(!stopper_quiesce(s, NULL));
	check(work <= 1);
	end(s);
}

static struct stopper_event again;

static void begin_twice(void *arg)
{
	check(!stopper_task_begin(first, NULL, "handle", &handle[0]));
	stopper_event_fire(&begun);
	check(!stopper_task_begin(second, NULL, "handle", &handle[1]));
	stopper_event_fire(&again);
}

static void work_and_end(void *arg)
{
	stopper_wait(&begun, NULL);
	work++;
	stopper_task_end(&handle[0]);
}

SCENARIO(work_is_seen_past_another, "the same, where another stopper's task has the slot since",
	 .budget = 3, .stale = 1)
{
	first = new_stopper(NULL);
	second = new_stopper(NULL);
	stopper_event_init(&begun);
	stopper_event_init(&again);
	go(begin_twice, NULL);
	go(work_and_end, NULL);
	stopper_wait(&again, NULL);
	check(!stopper_quiesce(first, NULL));
	check(work == 1);
	join_all();
	stopper_task_end(&handle[1]);
	stopper_event_destroy(&begun);
	stopper_event_destroy(&again);
	end(first);
	end(second);
}

static void end_listed(void *arg)
{
	stopper_task_end(&handle[2]);
}

SCENARIO(list_watch_given_up, "a drain of the list leaves and frees its parker while a task ends",
	 .budget = 3, .stale = 1)
{
	struct stopper *s = new_stopper(NULL);
	unsigned int i;
	int err;

	check(!stopper_ctx_with_cancel(NULL, &given));
	for (i = 0; i < 3; i++)
		check(!stopper_task_begin(s, NULL, "handle", &handle[i]));
	stopper_task_end(&handle[0]);
	stopper_task_end(&handle[1]);
	go(end_listed, NULL);
	go(cancels_ctx, given);
	err = try_quiesce(s, given);
	check(!err || err == -ECANCELED);
	end(s);
	stopper_ctx_put(given);
}

static void stop_it(void *s)
{
	check(!stopper_stop((struct stopper *)s, NULL));
	stopper_put(s);
}

SCENARIO(freed_at_once, "a stopper is freed as soon as Stop returns, whoever still ends a task",
	 .budget = 4, .stale = 2)
{
	struct stopper *s = new_stopper(NULL);

	/* Its own reference, as every user of a stopper has. */
	stopper_get(s);
	go(stop_it, s);
	run_one(s);
	stopper_put(s);
	join_all();
}

SCENARIO(freed_with_its_lists, "the same, while a task on one of its lists is ended",
	 .budget = 3)
{
	struct stopper *s = new_stopper(NULL);
	unsigned int i;

	for (i = 0; i < 3; i++)
		check(!stopper_task_begin(s, NULL, "handle", &handle[i]));
	stopper_task_end(&handle[0]);
	stopper_task_end(&handle[1]);
	go(end_listed, NULL);
	check(!stopper_stop(s, NULL));
	stopper_put(s);
	join_all();
}

static struct stopper_task listed[5];

static void end_third(void *arg)
{
	stopper_task_end(&listed[2]);
}

SCENARIO(list_in_pieces, "task.c: a list is looked at piece by piece while a task of it ends",
	 .budget = 3)
{
	struct stopper *s = new_stopper(NULL);
	unsigned long n;
	unsigned int i;

	for (i = 0; i < 5; i++)
		check(!stopper_task_begin(s, NULL, "handle", &listed[i]));
	go(end_third, NULL);
	n = stopper_num_tasks(s);
	check(n == 4 || n == 5);
	join_all();
	check(stopper_num_tasks(s) == 4);
	for (i = 0; i < 5; i++)
		if (i != 2)
			stopper_task_end(&listed[i]);
	end(s);
}

static void ends_pieces(void *arg)
{
	stopper_task_end(&listed[2]);
	stopper_task_end(&listed[3]);
	stopper_task_end(&listed[4]);
}

static void reads_pieces(void *s)
{
	check(stopper_num_tasks(s) <= 3);
}

SCENARIO(drained_while_read, "task.c: a list is drained while a reader has its place in it",
	 .budget = 2)
{
	struct stopper *s = new_stopper(NULL);
	unsigned int i;

	for (i = 0; i < 5; i++)
		check(!stopper_task_begin(s, NULL, "handle", &listed[i]));
	for (i = 0; i < 2; i++)
		stopper_task_end(&listed[i]);
	go(reads_pieces, s);
	go(ends_pieces, NULL);
	check(!stopper_stop(s, NULL));
	join_all();
	stopper_put(s);
}

static void lists_one(void *s)
{
	struct stopper_task task[3];
	unsigned int i;
	int err[3];

	for (i = 0; i < 3; i++) {
		err[i] = stopper_task_begin((struct stopper *)s, NULL, "handle", &task[i]);
		accepted(err[i]);
	}
	for (i = 0; i < 3; i++)
		if (!err[i]) {
			check(!ghost_get(QUIESCED));
			ghost_add(RAN, 1);
			stopper_task_end(&task[i]);
		}
}

SCENARIO(first_on_lists, "task.c: two threads are the first to need lists, perhaps without memory",
	 .budget = 3, .faults = 2)
{
	struct stopper *s = new_stopper(NULL);

	if (!s)
		return;
	go(lists_one, s);
	lists_one(s);
	end(s);
}

SCENARIO(no_memory_for_a_table, "a thread that gets no table uses the list",
	 .budget = 3, .stale = 1, .faults = 2)
{
	struct stopper *s = new_stopper(NULL);

	if (!s)
		return;
	go(run_two, s);
	end(s);
}
