// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_debuglist.c - the parser of the debug list: saved lists, odd and hostile bytes, its JSON.
 *
 * Compiled with ASan and UBSan, the reader too. LIST_SEED=N repeats the mutations of a run.
 */
#include <errno.h>
#include <sanitizer/lsan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include "debuglist/debuglist.h"
#include "kselftest_harness.h"

/* kselftest's runner preloads stdbuf's library, and ASan wants to be the first. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "verify_asan_link_order=0";
}

static const char web[] =
"stopper 1 \"web\": quiescing for 1.002s, age 7.500s, tasks 3, queued 1, workers 1, closers 2, closed 4, contexts 5, waiters 6, refused 7, dropped 8\n"
"  created at src/httpd.c:120 main by thread 712 \"httpd\"\n"
"  stop asked at httpd.c:180 on_term by thread 713 \"sig \\\"x\\\"\", 1.002s ago, because \"disk \\\"a\\\" full\" (-28)\n"
"  semaphore \"slots \\\"x\\\"\": held 8 of 4, waiters 3, first \"request\" at c.c:70 next by thread 714 for 0.250s\n"
"  semaphore: held many of 4, waiters 3\n"
"  semaphore \"open: held 4 of 4, waiters 3\n"
"  semaphore: held 1 of 1, waiters 2\n"
"  task 3 \"request\" at conn.c:77 serve, oldest 4.201s\n"
"    queued 1\n"
"    thread 715 \"web\" sleeping for 4.201s label \"GET \\\"x\\\"\" in serve_file [web]\n"
"      stack serve_file+0x1f/0x300 [web]\n"
"      stack poll_schedule+0x2/0x30\n"
"    thread 716 gone for 3.000s\n"
"    thread 717 for 2.5s label \"GET /y\"\n"
"    and 9 more\n"
"  worker 1 \"accept\" at httpd.c:140 main, oldest 7.499s\n"
"    thread 714 \"accept\" running for 7.499s\n"
"  closer 1 \"listener\", oldest 0.100s\n"
"stopper 2 \"db\": running for 3.000s, age 3.000s, tasks 0, queued 0, workers 0, closers 0, closed 0, contexts 0, waiters 0\n"
"  created at db.c:9 open_db by thread 712 \"httpd\"\n"
"  child of 1 \"web\"\n"
"  paused at db.c:30 reload by thread 718 \"db\", 0.250s ago\n"
"  stop not asked\n"
"  failed -5 \"flush\" at db.c:77 db_flush by thread 716 \"flush\", 0.500s ago\n"
"  timers 7, next \"vacuum\" at db.c:30 vacuum_init, due in 2.250s\n"
"  nested 12\n"
"  and 4 tasks more\n";

static struct debug_list *parse(const char *text)
{
	struct debug_list *l;
	size_t line;

	return debug_list_parse(text, strlen(text), &l, &line) ? NULL : l;
}

/* The line that is wrong; 0: none. */
static size_t wrong_line(const char *text)
{
	struct debug_list *l;
	size_t line;

	if (debug_list_parse(text, strlen(text), &l, &line) == -EINVAL)
		return l ? 0 : line;
	debug_list_free(l);
	return 0;
}

TEST(a_list_is_read_whole)
{
	struct debug_list *l = parse(web);
	struct debug_stopper *s;
	struct debug_group *g;

	ASSERT_NE(l, NULL);
	ASSERT_EQ(l->nr_stoppers, 2);
	EXPECT_EQ(l->tasks_more, 4);
	EXPECT_EQ(l->odd_line, 5);	/* "held many" */
	s = &l->stoppers[0];
	EXPECT_EQ(s->id, 1);
	EXPECT_STREQ(s->name, "web");
	EXPECT_STREQ(s->phase, "quiescing");
	EXPECT_EQ(s->phase_age, 1002);
	EXPECT_EQ(s->age, 7500);
	EXPECT_EQ(s->tasks, 3);
	EXPECT_EQ(s->queued, 1);
	EXPECT_EQ(s->workers, 1);
	EXPECT_EQ(s->closers, 2);
	EXPECT_EQ(s->closed, 4);
	EXPECT_EQ(s->contexts, 5);
	EXPECT_EQ(s->waiters, 6);
	EXPECT_EQ(s->refused, 7);
	EXPECT_EQ(s->dropped, 8);
	EXPECT_STREQ(s->created.at.file, "src/httpd.c");
	EXPECT_EQ(s->created.at.line, 120);
	EXPECT_STREQ(s->created.at.function, "main");
	EXPECT_EQ(s->created.tid, 712);
	EXPECT_STREQ(s->created.comm, "httpd");
	EXPECT_STREQ(s->stop_asked.at.function, "on_term");
	EXPECT_STREQ(s->stop_asked.comm, "sig \"x\"");
	EXPECT_EQ(s->stop_asked.ago, 1002);
	EXPECT_STREQ(s->cause, "disk \"a\" full");
	EXPECT_EQ(s->cause_err, -28);
	EXPECT_EQ(s->parent, NULL);
	ASSERT_EQ(s->nr_sems, 2);
	EXPECT_EQ(s->sems[0].held, 8);
	EXPECT_EQ(s->sems[0].capacity, 4);
	EXPECT_EQ(s->sems[0].waiters, 3);
	EXPECT_STREQ(s->sems[0].task, "request");
	EXPECT_STREQ(s->sems[0].at.function, "next");
	EXPECT_EQ(s->sems[0].tid, 714);
	EXPECT_EQ(s->sems[0].waited, 250);
	EXPECT_STREQ(s->sems[0].name, "slots \"x\"");
	EXPECT_EQ(s->sems[1].name, NULL);
	EXPECT_EQ(s->sems[1].waiters, 2);
	EXPECT_EQ(s->sems[1].task, NULL);
	EXPECT_EQ(s->paused.at.file, NULL);
	ASSERT_EQ(s->nr_groups, 3);
	g = &s->groups[0];
	EXPECT_EQ(g->kind, DEBUG_TASK);
	EXPECT_EQ(g->count, 3);
	EXPECT_EQ(g->queued, 1);
	EXPECT_EQ(g->oldest, 4201);
	EXPECT_EQ(g->more, 9);
	EXPECT_STREQ(g->at.file, "conn.c");
	ASSERT_EQ(g->nr_threads, 3);
	EXPECT_STREQ(g->threads[0].state, "sleeping");
	EXPECT_STREQ(g->threads[0].wchan, "serve_file [web]");
	EXPECT_STREQ(g->threads[0].label, "GET \"x\"");
	EXPECT_EQ(g->threads[1].label, NULL);
	EXPECT_STREQ(g->threads[2].label, "GET /y");
	ASSERT_EQ(g->threads[0].nr_stack, 2);
	EXPECT_STREQ(g->threads[0].stack[1], "poll_schedule+0x2/0x30");
	EXPECT_STREQ(g->threads[1].state, "gone");
	EXPECT_EQ(g->threads[1].comm, NULL);
	EXPECT_EQ(g->threads[2].state, NULL);
	EXPECT_EQ(g->threads[2].age, 2500);
	EXPECT_EQ(s->groups[1].kind, DEBUG_WORKER);
	EXPECT_EQ(s->groups[2].kind, DEBUG_CLOSER);
	EXPECT_EQ(s->groups[2].at.file, NULL);
	EXPECT_STREQ(s->groups[2].name, "listener");
	s = &l->stoppers[1];
	EXPECT_EQ(s->stop_asked.at.file, NULL);
	EXPECT_STREQ(s->paused.at.function, "reload");
	EXPECT_EQ(s->paused.tid, 718);
	EXPECT_EQ(s->paused.ago, 250);
	EXPECT_EQ(s->parent_id, 1);
	EXPECT_STREQ(s->parent, "web");
	EXPECT_EQ(s->error, -5);
	EXPECT_STREQ(s->failed, "flush");
	EXPECT_EQ(s->failed_at.at.line, 77);
	EXPECT_STREQ(s->failed_at.at.function, "db_flush");
	EXPECT_EQ(s->failed_at.tid, 716);
	EXPECT_EQ(s->failed_at.ago, 500);
	EXPECT_EQ(s->timers, 7);
	EXPECT_STREQ(s->timer, "vacuum");
	EXPECT_EQ(s->timer_at.line, 30);
	EXPECT_STREQ(s->timer_at.function, "vacuum_init");
	EXPECT_EQ(s->timer_due, 2250);
	EXPECT_EQ(s->nested, 12);
	EXPECT_EQ(s->nr_groups, 0);
	debug_list_free(l);
}

TEST(files_and_functions_may_have_blanks_or_be_empty)
{
	struct debug_list *l = parse("stopper 1 \"a\": running for 1.000s, age 2.000s\n"
		"  created at my dir/a: 1.c:3 operator new by thread 2 \"c\"\n"
		"  task 1 \"t\" at :4 , oldest 1.000s\n");
	struct debug_stopper *s;

	ASSERT_NE(l, NULL);
	EXPECT_EQ(l->odd_line, 0);
	s = l->stoppers;
	EXPECT_STREQ(s->created.at.file, "my dir/a: 1.c");
	EXPECT_STREQ(s->created.at.function, "operator new");
	EXPECT_EQ(s->created.tid, 2);
	ASSERT_EQ(s->nr_groups, 1);
	EXPECT_STREQ(s->groups[0].at.file, "");
	EXPECT_EQ(s->groups[0].at.line, 4);
	EXPECT_STREQ(s->groups[0].at.function, "");
	EXPECT_EQ(s->groups[0].oldest, 1000);
	debug_list_free(l);
}

TEST(no_text_is_a_list_without_stoppers)
{
	struct debug_list *l = parse("");

	ASSERT_NE(l, NULL);
	EXPECT_EQ(l->nr_stoppers, 0);
	debug_list_free(l);
	l = parse("\n\n");
	ASSERT_NE(l, NULL);
	debug_list_free(l);
}

TEST(another_text_is_refused_with_its_line)
{
	EXPECT_EQ(wrong_line("<html>\n<body>\n"), 1);
	EXPECT_EQ(wrong_line("\n\nhello\nstopper\n"), 3);
	EXPECT_EQ(wrong_line("hello"), 1);
	EXPECT_EQ(wrong_line("  task 1 \"t\" at a.c:1 f, oldest 1.000s\n"), 1);
}

TEST(a_stoppers_own_line_must_be_right)
{
	EXPECT_EQ(wrong_line("\nstopper x \"a\": running for 1.000s, age 1.000s\n"), 2);
	EXPECT_EQ(wrong_line("stopper 1 \"a: running for 1.000s, age 1.000s\n"), 1);
	EXPECT_EQ(wrong_line("stopper 1 \"a\": running for 1.000, age 1.000s\n"), 1);
	EXPECT_EQ(wrong_line("stopper 1 \"a\": running for 1.000s\n"), 1);
	EXPECT_EQ(wrong_line("stopper 1 \"a\": running for 1.000s, age 1.000s\nstopper 2\n"), 2);
}

TEST(what_is_not_known_is_passed_over)
{
	static const char text[] =
		"weather fine\n"
		"stopper 7 \"a\": resting for 1.000s, age 2.000s, tasks 1, moons 3, stars many, waiters 2\n"
		"  rumour \"x\"\n"
		"    thread 9 for 1.000s\n"
		"  task one \"t\" at a.c:1 f, oldest 1.000s\n"
		"    thread 9 for 1.000s\n"
		"   task 1 \"three blanks\" at a.c:1 f, oldest 1.000s\n"
		"  task 1 \"t\" at a.c:1 f, oldest 1.000s\n"
		"    colour blue\n"
		"      stack f+0x1/0x2\n"
		"    thread 9 for 1.000s\n"
		"      taste sweet\n"
		"        stack f+0x1/0x2\n"
		"other 2\n"
		"  task 1 \"of the other\" at a.c:1 f, oldest 1.000s\n";
	struct debug_list *l = parse(text);
	struct debug_stopper *s;

	ASSERT_NE(l, NULL);
	ASSERT_EQ(l->nr_stoppers, 1);
	s = l->stoppers;
	EXPECT_EQ(l->odd_line, 1);
	EXPECT_STREQ(s->phase, "resting");
	EXPECT_EQ(s->tasks, 1);
	EXPECT_EQ(s->waiters, 2);
	ASSERT_EQ(s->nr_groups, 1);
	EXPECT_STREQ(s->groups[0].name, "t");
	ASSERT_EQ(s->groups[0].nr_threads, 1);
	EXPECT_EQ(s->groups[0].threads[0].nr_stack, 0);
	debug_list_free(l);
}

TEST(a_last_line_that_was_cut_is_not_believed)
{
	static const char text[] =
		"stopper 7 \"a\": running for 1.000s, age 2.000s, tasks 12\n"
		"  task 12 \"t\" at a.c:1 f, oldest 1.000s";
	struct debug_list *l = parse(text);

	ASSERT_NE(l, NULL);
	EXPECT_EQ(l->stoppers[0].tasks, 12);
	EXPECT_EQ(l->stoppers[0].nr_groups, 0);
	debug_list_free(l);
}

TEST(every_beginning_of_a_list_is_read_or_refused)
{
	size_t n, line, good = 0;

	for (n = 0; n < sizeof(web); n++) {
		struct debug_list *l;
		char *part = malloc(n + 1);

		memcpy(part, web, n);
		if (!debug_list_parse(part, n, &l, &line))
			good++;
		debug_list_free(l);
		free(part);
	}
	/* All but those that end within the first line. */
	EXPECT_EQ(good, sizeof(web) - (size_t)(strchr(web, '\n') - web));
}

TEST(names_are_unescaped_as_far_as_is_safe)
{
	static const char text[] =
		"stopper 1 \"a\\\"b\\\\n\\nc\\x1b\\\\\": running for 1.000s, age 2.000s\n";
	struct debug_list *l = parse(text);

	ASSERT_NE(l, NULL);
	EXPECT_STREQ(l->stoppers[0].name, "a\"b\\n\\nc\\x1b\\");
	debug_list_free(l);
}

TEST(what_is_not_printable_is_not_passed_on)
{
	static const char text[] =
		"stopper 1 \"a\x1b[2J\0\t\xff\x9b\": run\x07ning for 1.000s, age 2.000s\r\n";
	struct debug_list *l;
	size_t line;

	ASSERT_EQ(debug_list_parse(text, sizeof(text) - 1, &l, &line), 0);
	EXPECT_STREQ(l->stoppers[0].name, "a?[2J????");
	EXPECT_STREQ(l->stoppers[0].phase, "run?ning");
	debug_list_free(l);
}

TEST(numbers_too_large_are_the_largest)
{
	static const char text[] =
		"stopper 99999999999999999999 \"a\": running for 99999999999999999999.9999s, age 1s\n"
		"  task 9223372036854775807 \"t\", oldest 9223372036854775.9999999s\n";
	struct debug_list *l = parse(text);
	json_t *o;

	ASSERT_NE(l, NULL);
	EXPECT_EQ(l->stoppers[0].id, INT64_MAX);
	EXPECT_EQ(l->stoppers[0].phase_age, INT64_MAX);
	ASSERT_EQ(l->stoppers[0].nr_groups, 1);
	EXPECT_EQ(l->stoppers[0].groups[0].count, INT64_MAX);
	o = debug_list_json(l);
	EXPECT_NE(o, NULL);
	json_decref(o);
	debug_list_free(l);
}

TEST(a_list_of_100000_lines_is_read)
{
	size_t len = 0, size, line;
	struct debug_list *l;
	char *text = NULL;
	FILE *f = open_memstream(&text, &size);
	int i;

	ASSERT_NE(f, NULL);
	fputs("stopper 1 \"a\": running for 1.000s, age 2.000s\n", f);
	for (i = 0; i < 50000; i++)
		fprintf(f, "  task 1 \"t%d\" at a.c:1 f, oldest 1s\n    thread %d for 1s\n", i, i);
	len = ftell(f);
	fclose(f);
	ASSERT_EQ(debug_list_parse(text, len, &l, &line), 0);
	free(text);
	ASSERT_EQ(l->stoppers[0].nr_groups, 50000);
	EXPECT_STREQ(l->stoppers[0].groups[49999].name, "t49999");
	EXPECT_EQ(l->stoppers[0].groups[31].threads[0].tid, 31);
	debug_list_free(l);
}

static const char web_json[] =
"{\"version\":1, \"stoppers\":[\n"
"{\"id\":1, \"name\":\"web\", \"phase\":\"quiescing\", \"phase_seconds\":1.002, \"age_seconds\":7.5,\n"
"\"tasks\":3, \"queued\":1, \"workers\":1, \"closers\":2, \"closed\":4, \"contexts\":5, \"waiters\":6,\n"
"\"refused\":7, \"dropped\":8,\n"
"\"created\":{\"file\":\"src/httpd.c\", \"line\":120, \"function\":\"main\", \"tid\":712, \"comm\":\"httpd\"},\n"
"\"parent\":null, \"paused\":null,\n"
"\"stop_asked\":{\"file\":\"httpd.c\", \"line\":180, \"function\":\"on_term\", \"tid\":713,\n"
"\"comm\":\"sig \\\"x\\\"\", \"seconds_ago\":1.002,\n"
"\"cause\":\"disk \\\"a\\\" full\", \"error\":-28},\n"
"\"failed\":null, \"timers\":null, \"nested\":0,\n"
"\"semaphores\":[{\"name\":\"slots \\\"x\\\"\", \"held\":8, \"capacity\":4, \"waiters\":3,\n"
"\"first\":{\"name\":\"request\", \"file\":\"c.c\", \"line\":70,\n"
"\"function\":\"next\", \"tid\":714, \"seconds\":0.25}},\n"
"{\"name\":null, \"held\":1, \"capacity\":1, \"waiters\":2, \"first\":null}],\n"
"\"groups\":[\n"
"{\"kind\":\"task\", \"count\":3, \"name\":\"request\", \"file\":\"conn.c\", \"line\":77, \"function\":\"serve\",\n"
"\"oldest_seconds\":4.201, \"queued\":1, \"threads\":[\n"
"{\"tid\":715, \"comm\":\"web\", \"state\":\"sleeping\", \"seconds\":4.201,\n"
"\"label\":\"GET \\\"x\\\"\",\n"
"\"wchan\":\"serve_file [web]\",\n"
"\"stack\":[\"serve_file+0x1f/0x300 [web]\", \"poll_schedule+0x2/0x30\"]},\n"
"{\"tid\":716, \"comm\":null, \"state\":\"gone\", \"seconds\":3.0,\n"
"\"label\":null, \"wchan\":null, \"stack\":[]},\n"
"{\"tid\":717, \"comm\":null, \"state\":null, \"seconds\":2.5,\n"
"\"label\":\"GET /y\", \"wchan\":null, \"stack\":[]}],\n"
"\"more\":9},\n"
"{\"kind\":\"worker\", \"count\":1, \"name\":\"accept\", \"file\":\"httpd.c\", \"line\":140, \"function\":\"main\",\n"
"\"oldest_seconds\":7.499, \"queued\":0, \"threads\":[\n"
"{\"tid\":714, \"comm\":\"accept\", \"state\":\"running\", \"seconds\":7.499,\n"
"\"label\":null, \"wchan\":null, \"stack\":[]}],\n"
"\"more\":0},\n"
"{\"kind\":\"closer\", \"count\":1, \"name\":\"listener\", \"file\":null, \"line\":null, \"function\":null,\n"
"\"oldest_seconds\":0.1, \"queued\":0, \"threads\":[], \"more\":0}]},\n"
"{\"id\":2, \"name\":\"db\", \"phase\":\"running\", \"phase_seconds\":3.0, \"age_seconds\":3.0,\n"
"\"tasks\":0, \"queued\":0, \"workers\":0, \"closers\":0, \"closed\":0, \"contexts\":0, \"waiters\":0,\n"
"\"refused\":0, \"dropped\":0,\n"
"\"created\":{\"file\":\"db.c\", \"line\":9, \"function\":\"open_db\", \"tid\":712, \"comm\":\"httpd\"},\n"
"\"parent\":{\"id\":1, \"name\":\"web\"}, \"paused\":{\"file\":\"db.c\", \"line\":30,\n"
"\"function\":\"reload\", \"tid\":718, \"comm\":\"db\", \"seconds_ago\":0.25},\n"
"\"stop_asked\":null,\n"
"\"failed\":{\"error\":-5, \"name\":\"flush\", \"file\":\"db.c\", \"line\":77,\n"
"\"function\":\"db_flush\",\n"
"\"tid\":716, \"comm\":\"flush\", \"seconds_ago\":0.5},\n"
"\"timers\":{\"count\":7, \"next\":\"vacuum\", \"file\":\"db.c\", \"line\":30,\n"
"\"function\":\"vacuum_init\", \"due_seconds\":2.25},\n"
"\"nested\":12, \"semaphores\":[], \"groups\":[]}],\n"
"\"tasks_more\":4}\n";

TEST(json_says_what_the_list_says)
{
	json_t *expected = json_loads(web_json, 0, NULL), *got;
	struct debug_list *l = parse(web);

	ASSERT_NE(expected, NULL);
	ASSERT_NE(l, NULL);
	got = debug_list_json(l);
	ASSERT_NE(got, NULL);
	EXPECT_EQ(json_equal(got, expected), 1);
	json_decref(got);
	json_decref(expected);
	debug_list_free(l);
}

TEST(members_of_what_is_missing_are_null)
{
	struct debug_list *l = parse("stopper 1 \"a\": running for 1.000s, age 2.000s\n"
		"  stop asked at a.c:1 f by thread 2 \"c\", 1.500s ago, for fun\n");
	json_t *list, *s;

	ASSERT_NE(l, NULL);
	/* Words behind what is known. */
	EXPECT_EQ(l->odd_line, 2);
	list = debug_list_json(l);
	s = json_array_get(json_object_get(list, "stoppers"), 0);
	EXPECT_TRUE(json_is_null(json_object_get(json_object_get(s, "created"), "line")));
	EXPECT_TRUE(json_is_null(json_object_get(json_object_get(s, "stop_asked"), "cause")));
	EXPECT_TRUE(json_is_null(json_object_get(json_object_get(s, "stop_asked"), "error")));
	EXPECT_EQ(json_integer_value(json_object_get(json_object_get(s, "stop_asked"), "tid")), 2);
	EXPECT_TRUE(json_is_null(json_object_get(s, "failed")));
	json_decref(list);
	debug_list_free(l);
}

TEST(json_is_one_line_with_times_as_short_as_they_are)
{
	struct debug_list *l = parse(web);
	char *text;

	ASSERT_NE(l, NULL);
	text = debug_list_json_text(l);
	ASSERT_NE(text, NULL);
	EXPECT_EQ(strchr(text, '\n'), NULL);
	EXPECT_NE(strstr(text, "\"phase_seconds\":1.002,"), NULL);
	EXPECT_NE(strstr(text, "\"oldest_seconds\":4.201,"), NULL);
	free(text);
	debug_list_free(l);
}

static unsigned int rnd(unsigned int *seed, unsigned int n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 8) % n;
}

/* Bytes changed, taken away, doubled; words of the format put where they do not belong. */
static size_t mutate(unsigned int *seed, char *text, size_t len, size_t room)
{
	static const char *const words[] = {
		"\"", "\\", "\n", "  ", ", ", ":", "stopper ", "task ", "thread ", " for ", "s",
		"stack ", " label \"", "99999999999999999999", "and ", "created at ", "\n  ",
		"\n    ", "\n      ",
	};
	unsigned int times = 1 + rnd(seed, 12);

	while (times--) {
		size_t at = len ? rnd(seed, len) : 0, n = len - at;
		const char *w = words[rnd(seed, sizeof(words) / sizeof(*words))];

		switch (rnd(seed, 4)) {
		case 0:
			if (len)
				text[at] = (char)rnd(seed, 256);
			break;
		case 1:
			n = rnd(seed, n < 64 ? n + 1 : 64);
			memmove(text + at, text + at + n, len - at - n);
			len -= n;
			break;
		case 2:
			n = rnd(seed, n < 200 ? n + 1 : 200);
			if (len + n > room)
				break;
			memmove(text + at + n, text + at, len - at);
			len += n;
			break;
		case 3:
			if (len + strlen(w) > room)
				break;
			memmove(text + at + strlen(w), text + at, n);
			memcpy(text + at, w, strlen(w));
			len += strlen(w);
			break;
		}
	}
	return len;
}

TEST(mutated_lists_are_read_or_refused)
{
	const char *given = getenv("LIST_SEED");
	unsigned int seed = given ? strtoul(given, NULL, 0) : time(NULL);
	size_t len, line, room = 2 * sizeof(web);
	int i, good = 0, bad = 0;

	TH_LOG("LIST_SEED=%u", seed);
	for (i = 0; i < 10000; i++) {
		/* Of just its size, so that a step beyond the end is seen. */
		char *text = malloc(room), *exact;
		struct debug_list *l;
		json_t *o;
		int err;

		memcpy(text, web, sizeof(web) - 1);
		len = mutate(&seed, text, sizeof(web) - 1, room);
		exact = malloc(len + !len);
		memcpy(exact, text, len);
		free(text);
		err = debug_list_parse(exact, len, &l, &line);
		free(exact);
		if (err) {
			ASSERT_EQ(err, -EINVAL);
			ASSERT_GT(line, 0);
			bad++;
			continue;
		}
		o = debug_list_json(l);
		ASSERT_NE(o, NULL);
		json_decref(o);
		debug_list_free(l);
		good++;
	}
	EXPECT_GT(good, 100);
	EXPECT_GT(bad, 100);
	EXPECT_EQ(__lsan_do_recoverable_leak_check(), 0);
}

TEST_HARNESS_MAIN
