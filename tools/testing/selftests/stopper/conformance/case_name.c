// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_name.c - names: printable, cut, and unable to forge a line.
 */
#include "case.h"

static void show(char *buf, size_t size, const char *name)
{
	struct stopper *s = NULL;

	CHECK_EQ(stopper_create(&s, name, NULL), 0);
	snprintf(buf, size, "%s", stopper_name(s));
	stop_and_put(s);
}

static void stopper_name_is_copied(void)
{
	struct stopper *s = NULL;
	char name[] = "volatile";

	CHECK_EQ(stopper_create(&s, name, NULL), 0);
	memset(name, 'x', sizeof(name) - 1);
	CHECK_STR(stopper_name(s), "volatile");
	CHECK(stopper_name(NULL));
	stop_and_put(s);
}

static void name_of_any_bytes_is_shown_printable(void)
{
	char shown[256], all[256];
	int i;

	for (i = 1; i < 256; i++)
		all[i - 1] = i;
	all[255] = '\0';
	show(shown, sizeof(shown), all);
	CHECK(case_printable(shown));
	show(shown, sizeof(shown), "a\nb\tc\x1b[31md\177e\r");
	CHECK(case_printable(shown));
	/* escaped, not dropped: what is around stays, and something stands between */
	CHECK(shown[0] == 'a' && shown[1] != 'b');
	CHECK(strchr(shown, 'b') && strchr(shown, 'd') && strchr(shown, 'e'));
	CHECK(strcmp(shown, "ab"));
	show(shown, sizeof(shown), "plain name, with: all [the] usual/signs");
	CHECK_STR(shown, "plain name, with: all [the] usual/signs");
	show(shown, sizeof(shown), "");
	CHECK(!strcmp(shown, "") || case_printable(shown));
}

static void two_names_that_differ_are_shown_to_differ(void)
{
	static const char *const name[] = { "a\nb", "a\\nb", "a\tb", "ab", "a\001b", "a\177b" };
	char shown[ARRAY_SIZE(name)][32];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(name); i++) {
		show(shown[i], sizeof(shown[i]), name[i]);
		for (j = 0; j < i; j++)
			CHECK(strcmp(shown[i], shown[j]));
	}
}

static void name_over_128_bytes_is_cut(void)
{
	char name[200], shown[256];
	int n;

	for (n = 126; n <= 199; n++) {
		memset(name, 'n', n);
		name[n] = '\0';
		show(shown, sizeof(shown), name);
		if (n <= STOPPER_NAME_SHOWN) {
			CHECK_STR(shown, name);
		} else {
			CHECK(strlen(shown) <= STOPPER_NAME_SHOWN + 3);
			CHECK_STR(shown + strlen(shown) - 3, "...");
			CHECK(!strncmp(shown, name, strlen(shown) - 3));
			CHECK(strlen(shown) >= STOPPER_NAME_SHOWN - 3);
		}
	}
}

/* Escapes count by what they take up, and are not cut in two. */
static void name_of_escapes_is_cut_too(void)
{
	char name[201], shown[512];

	memset(name, '\n', 200);
	name[200] = '\0';
	show(shown, sizeof(shown), name);
	CHECK(case_printable(shown));
	CHECK(strlen(shown) <= STOPPER_NAME_SHOWN + 3);
	CHECK_STR(shown + strlen(shown) - 3, "...");
}

static int lines(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void task_name_cannot_forge_a_line_of_the_map(void)
{
	struct stopper_task_info *info = env_alloc(2 * sizeof(*info));
	struct stopper *s = new_stopper(NULL);
	struct stopper_task a, b;
	char map[512];

	CHECK_EQ(stopper_task_begin(s, NULL, "evil\n99999  forged\r\n\x1b[2J", &a), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "honest", &b), 0);
	CHECK(stopper_task_map(s, map, sizeof(map)) > 0);
	CHECK_EQ(lines(map), 2);
	CHECK(!strstr(map, "\n99999"));
	CHECK(!strchr(map, '\x1b') && !strchr(map, '\r'));
	CHECK(strstr(map, "1      evil"));
	CHECK_EQ(stopper_running_tasks(s, info, 2), 2);
	CHECK(case_printable(info[0].name));
	CHECK(case_printable(info[1].name));
	stopper_task_end(&a);
	stopper_task_end(&b);
	stop_and_put(s);
	env_free(info);
}

/* A task of this name, as running_tasks and the map show it. */
struct shown_task {
	struct stopper_task_info info;
	char map[256];
	int map_len;
};

static struct shown_task *show_task(const char *name)
{
	struct stopper_site site = { .name = name, .file = "x.c", .func = "x" };
	struct shown_task *shown = env_alloc(sizeof(*shown));
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;

	CHECK_EQ(__stopper_task_begin(s, NULL, &site, &task), 0);
	CHECK_EQ(stopper_running_tasks(s, &shown->info, 1), 1);
	shown->map_len = stopper_task_map(s, shown->map, sizeof(shown->map));
	stopper_task_end(&task);
	stop_and_put(s);
	return shown;
}

static void task_name_of_128_bytes_is_shown_whole(void)
{
	static char name[STOPPER_NAME_SHOWN + 1];
	struct shown_task *shown;

	memset(name, 'n', sizeof(name) - 1);
	shown = show_task(name);
	CHECK_STR(shown->info.name, name);
	CHECK_EQ(shown->map_len, 7 + STOPPER_NAME_SHOWN + 1);
	CHECK(!strncmp(shown->map + 7, name, STOPPER_NAME_SHOWN));
	env_free(shown);
}

static void task_name_over_128_bytes_is_cut_in_the_map(void)
{
	static char name[141];
	struct shown_task *shown;

	memset(name, 'n', sizeof(name) - 1);
	shown = show_task(name);
	CHECK(shown->map_len <= 7 + STOPPER_NAME_SHOWN + 4);
	CHECK_STR(shown->map + strlen(shown->map) - 4, "...\n");
	CHECK(strlen(shown->info.name) < sizeof(shown->info.name));
	CHECK_STR(shown->info.name + strlen(shown->info.name) - 3, "...");
	env_free(shown);
}

static void site_of_odd_strings_is_shown_printable(void)
{
	static const struct stopper_site site = {
		.name = "odd", .line = 4000000000u, .func = "fn\nwith\tsigns",
		.file = "/a/very/long/path/that/goes/on/and/on/and/on/and/on/till/it/ends\n.c",
	};
	static const struct stopper_site bare = { .name = NULL };
	struct stopper_task_info *info = env_alloc(2 * sizeof(*info));
	struct stopper *s = new_stopper(NULL);
	struct stopper_task a, b;
	int i, err;

	CHECK_EQ(__stopper_task_begin(s, NULL, &site, &a), 0);
	CHECK_EQ(stopper_running_tasks(s, info, 1), 1);
	CHECK(case_printable(info->func) && case_printable(info->file));
	CHECK(strlen(info->file) < sizeof(info->file) && strlen(info->func) < sizeof(info->func));
	CHECK(strstr(info->file, "ends"));	/* the end of it */
	CHECK_EQ(info->line, 4000000000u);
	/* a site without a name is refused or shown as something: it is not followed */
	err = __stopper_task_begin(s, NULL, &bare, &b);
	CHECK(err == 0 || err == -EINVAL);
	if (!err) {
		CHECK_EQ(stopper_running_tasks(s, info, 2), 2);
		for (i = 0; i < 2; i++)
			CHECK(case_printable(info[i].name));
		stopper_task_end(&b);
	}
	stopper_task_end(&a);
	stop_and_put(s);
	env_free(info);
}

static void log_lines_are_printable_whatever_the_names(void)
{
	struct case_log *log = case_log_new();
	struct stopper_task task;
	struct stopper *s = NULL;
	struct case_call stop;

	/* the sink checks every line */
	log->opts.stall_ns = 5 * ENV_MSEC;
	CHECK_EQ(stopper_create(&s, "bad\nstopper\x1b[0m", &log->opts), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "bad\ntask\x1b[0m", &task), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(case_log_count(log, "bad"));
	CHECK_SOON(case_log_count(log, "task"));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	env_free(log);
}

/* What a task, closer or callback found its thread to be called. */
struct named {
	struct env_counter done;
	int tid;
	char comm[16];
};

static void note_name(void *arg)
{
	struct named *n = arg;

	n->tid = env_tid();
	env_comm(n->comm, sizeof(n->comm));
	env_inc(&n->done);
}

static void named_task(struct stopper_ctx *ctx, void *arg)
{
	note_name(arg);
}

/* Longer than a tick of any clock: in userspace a thread asks for its name once in that time. */
static void renaming_task(struct stopper_ctx *ctx, void *arg)
{
	int64_t end = env_now() + 20 * ENV_MSEC;

	env_rename("renamed");
	while (env_now() < end)
		env_nap();
	note_name(arg);
}

static void renaming_again(struct stopper_ctx *ctx, void *arg)
{
	note_name(arg);
	env_rename("renamed");
}

/* One task of @name, to its end. */
static void run_named(struct stopper *s, const char *name, stopper_fn fn, struct named *n)
{
	static struct stopper_site site = { .file = "x.c", .func = "x" };

	env_set(&n->done, 0);
	site.name = name;
	CHECK_EQ(__stopper_run_async_task(s, NULL, &site, fn, n), 0);
	while (!env_get(&n->done) || stopper_num_tasks(s))
		env_yield();
}

static void task_runs_under_its_name_though_the_one_before_renamed_the_thread(void)
{
	struct stopper *s = new_stopper(NULL);
	struct named n = { };
	int i;

	run_named(s, "job", renaming_task, &n);
	CHECK_STR(n.comm, "renamed");
	for (i = 0; i < case_rounds(200); i++) {
		run_named(s, "job", renaming_again, &n);
		CHECK_STR(n.comm, "job");
	}
	stop_and_put(s);
}

static void task_runs_under_its_name_though_its_site_had_another(void)
{
	static const char *const name[] = { "first", "second", "", "a-name-longer-than-a-comm" };
	struct stopper *s = new_stopper(NULL);
	struct named n = { };
	int i;

	for (i = 0; i < case_rounds(200); i++) {
		run_named(s, name[i % ARRAY_SIZE(name)], named_task, &n);
		CHECK(case_is_comm_of(n.comm, name[i % ARRAY_SIZE(name)]));
	}
	stop_and_put(s);
}

#define CROWD	30

static void tasks_of_many_names_run_under_their_own(void)
{
	static const char *const name[] = { "red", "green", "blue" };
	struct stopper_site *site = env_alloc(3 * sizeof(*site));
	struct named *n = env_alloc(CROWD * sizeof(*n));
	struct stopper *s = new_stopper(NULL);
	int i, round;

	for (i = 0; i < 3; i++)
		site[i] = (struct stopper_site){ .name = name[i], .file = "x.c", .func = "x" };
	for (round = 0; round < case_rounds(50); round++) {
		for (i = 0; i < CROWD; i++)
			CHECK_EQ(__stopper_run_async_task(s, NULL, &site[i % 3], named_task,
							  &n[i]), 0);
		CHECK_SOON(!stopper_num_tasks(s));
		for (i = 0; i < CROWD; i++)
			CHECK_STR(n[i].comm, name[i % 3]);
	}
	stop_and_put(s);
	env_free(n);
	env_free(site);
}

static void closer_runs_under_its_own_name(void)
{
	static const char *const name[] = { "first", "second", NULL, "fourth" };
	struct stopper *s = new_stopper(NULL);
	struct named n[ARRAY_SIZE(name)] = { };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(name); i++)
		CHECK_EQ(stopper_add_closer_fn(s, name[i], note_name, &n[i]), 0);
	stop_and_put(s);
	for (i = 0; i < ARRAY_SIZE(name); i++)
		CHECK_STR(n[i].comm, name[i] ? name[i] : "closer");
}

static bool is_called(int tid, const char *want)
{
	char comm[16];

	env_comm_of(tid, comm, sizeof(comm));
	return !comm[0] || !strcmp(comm, want);
}

static void thread_of_the_pool_without_a_task_has_a_name_of_its_own(void)
{
	struct stopper *s = new_stopper(NULL);
	struct named n = { };

	run_named(s, "job", named_task, &n);
	CHECK_STR(n.comm, "job");
	CHECK_SOON(is_called(n.tid, "stopper/pool"));
	stop_and_put(s);
}

static void note_on_fire(struct stopper_on_fire *of, void *arg)
{
	note_name(arg);
}

static void async_stop_does_not_run_under_the_name_of_a_task(void)
{
	struct stopper *s = new_stopper(NULL);
	struct named n = { }, stop = { };
	struct stopper_on_fire of;

	CHECK_EQ(stopper_event_on_fire(stopper_should_quiesce(s), &of, note_on_fire, &stop), 0);
	run_named(s, "job", named_task, &n);
	CHECK_EQ(stopper_stop_async(s), 0);
	CHECK_EQ(stopper_wait(stopper_is_stopped(s), NULL), 0);
	CHECK_EQ(env_get(&stop.done), 1);
	CHECK(strcmp(stop.comm, "job"));
	stopper_put(s);
}

const struct test_case cases_name[] = {
	CASE(stopper_name_is_copied),
	CASE(name_of_any_bytes_is_shown_printable),
	CASE(two_names_that_differ_are_shown_to_differ),
	CASE(name_over_128_bytes_is_cut),
	CASE(name_of_escapes_is_cut_too),
	CASE(task_name_cannot_forge_a_line_of_the_map),
	CASE(task_name_of_128_bytes_is_shown_whole),
	CASE(task_name_over_128_bytes_is_cut_in_the_map),
	CASE(site_of_odd_strings_is_shown_printable),
	CASE(log_lines_are_printable_whatever_the_names),
	CASE(task_runs_under_its_name_though_the_one_before_renamed_the_thread),
	CASE(task_runs_under_its_name_though_its_site_had_another),
	CASE(tasks_of_many_names_run_under_their_own),
	CASE(closer_runs_under_its_own_name),
	CASE(thread_of_the_pool_without_a_task_has_a_name_of_its_own),
	CASE(async_stop_does_not_run_under_the_name_of_a_task),
	CASES_END
};
