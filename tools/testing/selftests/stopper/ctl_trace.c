// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ctl_trace.c - stopperctl trace converts recordings: good, truncated and hostile ones.
 *
 * check_output() compares every output with the rules of the Trace Event Format.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <stopper/stopper.h>
#include <stopper/trace.h>
#include "env/convert.h"

#define MAX_DEPTH	64
#define MAX_LANES	4096

struct lane {
	json_int_t pid, tid;
	double last;
	int depth;
	const char *open[MAX_DEPTH];
	bool named;
};

static struct lane lanes[MAX_LANES];
static int nr_lanes;

static struct lane *lane_of(json_t *e)
{
	json_int_t pid = json_integer_value(json_object_get(e, "pid"));
	json_int_t tid = json_integer_value(json_object_get(e, "tid"));
	int i;

	for (i = 0; i < nr_lanes; i++)
		if (lanes[i].pid == pid && lanes[i].tid == tid)
			return &lanes[i];
	if (nr_lanes == MAX_LANES)
		return NULL;
	lanes[i].pid = pid;
	lanes[i].tid = tid;
	nr_lanes++;
	return &lanes[i];
}

static double ts(json_t *e)
{
	return json_number_value(json_object_get(e, "ts"));
}

static void check_slice(TEST_DATA *t, json_t *e, struct lane *l)
{
	if (ts(e) < l->last)
		t->wrong = "time goes back on a lane";
	l->last = ts(e);
	if (!strcmp(string(e, "ph"), "B")) {
		if (!l->named)
			t->wrong = "a lane without a name";
		if (l->depth < MAX_DEPTH)
			l->open[l->depth++] = string(e, "name");
	} else if (!l->depth || strcmp(l->open[--l->depth], string(e, "name"))) {
		t->wrong = "an end that is not the innermost slice's";
	}
}

/* Of a pair that an id ties: balance, first one first. */
static void check_pair(TEST_DATA *t, json_t *ids, json_t *e, int step)
{
	char key[64];
	json_int_t n;

	snprintf(key, sizeof(key), "%s %s", string(e, "cat"), string(e, "id"));
	if (!*string(e, "cat") || !*string(e, "id"))
		t->wrong = "no category or id";
	n = json_integer_value(json_object_get(ids, key)) + step;
	if (n < 0 || n > 1)
		t->wrong = "an id that begins twice, or ends without a beginning";
	json_object_set_new(ids, key, json_integer(n));
}

static void check_event(TEST_DATA *t, json_t *ids, json_t *e)
{
	const char *ph = string(e, "ph");
	struct lane *l;

	if (strlen(ph) != 1 || !strchr("MBEXibesf", *ph) ||
	    !json_is_integer(json_object_get(e, "pid")) ||
	    !json_is_integer(json_object_get(e, "tid")) ||
	    !json_is_string(json_object_get(e, "name"))) {
		t->wrong = "an event without phase, pid, tid or name";
		return;
	}
	l = lane_of(e);
	if (*ph == 'M') {
		if (!strcmp(string(e, "name"), "thread_name"))
			l->named = true;
		if (!json_is_object(json_object_get(e, "args")))
			t->wrong = "metadata without args";
		return;
	}
	if (!json_is_number(json_object_get(e, "ts")) || ts(e) < 0)
		t->wrong = "an event without a time";
	if (strchr("BE", *ph))
		check_slice(t, e, l);
	if (*ph == 'X' && !(json_number_value(json_object_get(e, "dur")) >= 0))
		t->wrong = "a slice that ends before it begins";
	if (*ph == 'i' && strcmp(string(e, "s"), "t"))
		t->wrong = "an instant without a scope";
	if (strchr("bs", *ph))
		check_pair(t, ids, e, 1);
	if (strchr("ef", *ph))
		check_pair(t, ids, e, -1);
}

/* Reads what was written; @t->wrong says what the format does not allow. */
static void check_output(TEST_DATA *t)
{
	json_t *e, *ids = json_object(), *left;
	json_error_t error;
	const char *key;
	size_t i;

	json_decref(t->json);
	memset(lanes, 0, sizeof(lanes));
	nr_lanes = 0;
	t->wrong = NULL;
	t->json = json_load_file(t->out, JSON_REJECT_DUPLICATES, &error);
	t->events = json_object_get(t->json, "traceEvents");
	if (!json_is_array(t->events))
		t->wrong = "no JSON, or no array of events";
	json_array_foreach(t->events, i, e)
		check_event(t, ids, e);
	for (i = 0; (int)i < nr_lanes; i++)
		if (lanes[i].depth)
			t->wrong = "a slice that does not end";
	json_object_foreach(ids, key, left)
		if (!strncmp(key, "handle", 6) && json_integer_value(left))
			t->wrong = "a handle that does not end";
	json_decref(ids);
}

static int convert(TEST_DATA *t, const char *text, size_t len)
{
	int status;

	write_recording(t, text, len);
	status = command("-o", t->out, t->in, NULL);
	if (!status)
		check_output(t);
	return status;
}

/* The n-th event with this phase and name. */
static json_t *find(TEST_DATA *t, const char *ph, const char *name, int n)
{
	json_t *e;
	size_t i;

	json_array_foreach(t->events, i, e)
		if (!strcmp(string(e, "ph"), ph) && !strcmp(string(e, "name"), name) && !n--)
			return e;
	return NULL;
}

static json_int_t tid_of(json_t *e)
{
	return e ? json_integer_value(json_object_get(e, "tid")) : -1;
}

#define ANY_START "id=%d kind=async file=a line=1 span=%x parent=0 trace=0 name=n\n"
#define TASK	"task_start: "
#define START	"id=1 kind=sync "

TEST_F(convert, lanes_slices_arrows_and_phases)
{
	json_t *e;

	ASSERT_EQ(convert(self, small, sizeof(small) - 1), 0);
	EXPECT_STREQ(self->wrong ? self->wrong : "", "");
	EXPECT_EQ(tid_of(find(self, "B", "outer name=x", 0)), 10);
	EXPECT_EQ(ts(find(self, "E", "outer name=x", 0)), 50);
	/* The arrow, from one thread to the other. */
	EXPECT_EQ(tid_of(find(self, "s", "later", 0)), 10);
	EXPECT_EQ(tid_of(find(self, "f", "later", 0)), 11);
	EXPECT_EQ(ts(find(self, "f", "later", 0)), 30);
	/* The handle, begun here and ended there, is on no thread's stack. */
	EXPECT_EQ(ts(find(self, "b", "request", 0)), 20);
	EXPECT_EQ(ts(find(self, "e", "request", 0)), 40);
	EXPECT_EQ(find(self, "B", "request", 0), NULL);
	/* Ended by another thread: on its own lane all the same. */
	EXPECT_EQ(tid_of(find(self, "E", "later", 0)), 11);
	EXPECT_NE(find(self, "i", "refused: no", 0), NULL);
	EXPECT_NE(find(self, "B", "cleanup", 0), NULL);
	/* The phases, in the process that is sorted to the top. */
	e = find(self, "X", "running", 0);
	EXPECT_EQ(json_integer_value(json_object_get(e, "pid")), 1);
	EXPECT_EQ(json_number_value(json_object_get(e, "dur")), 60);
	e = find(self, "X", "quiescing", 0);
	EXPECT_EQ(ts(e), 60);
	EXPECT_EQ(json_integer_value(json_object_get(find(self, "i", "stall", 0), "pid")), 1);
	EXPECT_NE(find(self, "i", "stopped", 0), NULL);
	e = json_object_get(find(self, "M", "process_sort_index", 0), "args");
	EXPECT_EQ(json_integer_value(json_object_get(e, "sort_index")), 1);
	/* The one that is still running: closed at the end, and marked. */
	e = json_object_get(find(self, "E", "stays", 0), "args");
	EXPECT_TRUE(json_is_true(json_object_get(e, "unfinished")));
	EXPECT_EQ(find(self, "B", "unknown", 0), NULL);
	e = json_object_get(self->json, "otherData");
	EXPECT_EQ(json_integer_value(json_object_get(e, "lost_events")), 7);
}

TEST_F(convert, stopper_is_named_from_its_creation)
{
	static const char text[] =
		P "1.000000: created: id=7 name=my web\n"
		P "1.000001: task_start: id=7 kind=sync " SPAN(1) " name=t\n";
	json_t *e;
	size_t i;
	int named = 0;

	ASSERT_EQ(convert(self, text, sizeof(text) - 1), 0);
	EXPECT_STREQ(self->wrong ? self->wrong : "", "");
	json_array_foreach(self->events, i, e)
		named += !strcmp(string(json_object_get(e, "args"), "name"), "stopper 7 my web");
	EXPECT_EQ(named, 1);
}

TEST_F(convert, lost_end_does_not_shift_the_lane)
{
	static const char text[] =
		P "1.000000: task_start: id=1 kind=sync " SPAN(1) " name=outer\n"
		P "1.000001: task_start: id=1 kind=sync " SPAN(2) " name=inner\n"
		P "1.000002: task_end: id=1 kind=sync span=0000000000000001 name=outer\n"
		P "1.000003: task_end: id=1 kind=sync span=0000000000000002 name=inner\n";
	json_t *args;

	ASSERT_EQ(convert(self, text, sizeof(text) - 1), 0);
	EXPECT_STREQ(self->wrong ? self->wrong : "", "");
	args = json_object_get(find(self, "E", "inner", 0), "args");
	EXPECT_TRUE(json_is_true(json_object_get(args, "end_lost")));
	EXPECT_EQ(ts(find(self, "E", "outer", 0)), 2);
}

TEST_F(convert, other_forms_of_a_line)
{
	static const char text[] =
		/* with the thread group (record-tgid), with nanoseconds, as trace-cmd prints it */
		"            prog-10      (   10) [000] ..... 1.0: " TASK START SPAN(1) " name=a\n"
		"            prog-11      [000] ..... 1.000001500: " TASK START SPAN(2) " name=b\n"
		" my prog-12 [001] 1.000002: task_start:  " START SPAN(3) " name=c\n";

	ASSERT_EQ(convert(self, text, sizeof(text) - 1), 0);
	EXPECT_STREQ(self->wrong ? self->wrong : "", "");
	EXPECT_EQ(tid_of(find(self, "B", "a", 0)), 10);
	EXPECT_EQ(ts(find(self, "B", "b", 0)), 1.5);
	EXPECT_EQ(tid_of(find(self, "B", "c", 0)), 12);
}

/* --- hostile ---------------------------------------------------------------------------------- */

TEST_F(convert, every_cut_of_a_recording)
{
	size_t len;
	int status;

	for (len = 0; len < sizeof(small); len++) {
		status = convert(self, small, len);
		ASSERT_TRUE(status == 0 || status == 2);
		if (!status)
			ASSERT_EQ(self->wrong, NULL);
	}
}

TEST_F(convert, bytes_that_were_changed)
{
	unsigned int seed = 1, i, k;
	char text[sizeof(small)];
	int status;

	for (i = 0; i < 3000; i++) {
		memcpy(text, small, sizeof(small));
		for (k = 0; k < 1 + i % 20; k++)
			text[rand_r(&seed) % sizeof(text)] = (char)rand_r(&seed);
		status = convert(self, text, sizeof(text));
		ASSERT_TRUE(status == 0 || status == 2);
		if (!status)
			ASSERT_EQ(self->wrong, NULL);
	}
}

TEST_F(convert, numbers_out_of_range_and_odd_fields)
{
	static const char text[] =
		P "1.000000: phase: id=18446744073709551615 from=a to=b name=\xff\xfe\n"
		P "1.000000: phase: id=99999999999999999999 from=a to=b name=x\n"
		"            prog-99999999999 [000] ..... 1.000000: phase: id=1 from=running to=quiescing name=x\n"
		P "99999999999999999.0: phase: id=1 from=running to=quiescing name=x\n"
		P "1.0: phase: id=2 from=aaaaaaaaaaaaaaaaa to=b name=x\n"
		P "1.0: phase: id=-3 from=a to=b name=\n"
		P "1.0: phase: id=4 from=a to=b\n"
		P "1.0: phase:\n"
		P "0.5: task_start: id=5 kind=sync span=0 name=x\n"
		P "0.5: task_start: id=5 kind=sync span=zz name=x\n"
		P "0.5: task_start: id=5 kind= span=7 name=x\n"
		P "0.5: closer_end: id=77 name=x\n"
		"-\n-1\n - [\n [000]\n-10 [000] 1.0: phase: id=1 name=\n";

	ASSERT_EQ(convert(self, text, sizeof(text) - 1), 0);
	EXPECT_STREQ(self->wrong ? self->wrong : "", "");
}

/* Lines without an end, and more things open than are kept: neither memory nor time grows. */
TEST_F(convert, huge_input)
{
	FILE *f = fopen(self->in, "we");
	int i;

	ASSERT_NE(f, NULL);
	fputs(P "1.000000: task_start: id=1 kind=sync " SPAN(1) " name=", f);
	for (i = 0; i < 4 << 20; i++)
		putc('x', f);
	putc('\n', f);
	for (i = 0; i < 40000; i++)
		fprintf(f, "%16s-%-7d [000] .....     2.%06d: task_start: " ANY_START,
			"t", i, i % 1000000, i, i + 16);
	ASSERT_EQ(fclose(f), 0);
	EXPECT_EQ(command("-o", self->out, self->in, NULL), 0);
	self->json = json_load_file(self->out, 0, NULL);
	EXPECT_NE(self->json, NULL);
}

/* --- how it is called ------------------------------------------------------------------------- */

TEST_F(convert, statuses)
{
	EXPECT_EQ(command("--help", NULL), 0);
	EXPECT_EQ(command("-x", NULL), 1);
	EXPECT_EQ(command("a", "b", NULL), 1);
	EXPECT_EQ(command("/nonexistent", NULL), 2);
	EXPECT_EQ(convert(self, "", 0), 2);
	EXPECT_EQ(convert(self, "hello\n", 6), 2);
	EXPECT_EQ(convert(self, small, sizeof(small) - 1), 0);
	EXPECT_EQ(command("-o", "/dev/full", self->in, NULL), 1);
	EXPECT_EQ(command("-o", "/nonexistent/x", self->in, NULL), 1);
	EXPECT_EQ(command("-o", self->out, "/tmp", NULL), 2);
}

/* --- a recording of the library's own --------------------------------------------------------- */

static struct stopper *s;

static void inner(struct stopper_ctx *ctx, void *arg)
{
}

static void outer(struct stopper_ctx *ctx, void *arg)
{
	stopper_run_task(s, ctx, "inner", inner, NULL);
}

static void *churns(void *arg)
{
	int i;

	for (i = 0; i < 200; i++) {
		stopper_run_task(s, NULL, "outer", outer, NULL);
		stopper_run_async_task(s, NULL, "async", outer, NULL);
	}
	return NULL;
}

TEST_F(convert, what_the_recorder_wrote)
{
	pthread_t thread[3];
	int i, n = 0;
	json_t *e;
	size_t k;

	ASSERT_EQ(stopper_trace_start(self->in), 0);
	ASSERT_EQ(stopper_create(&s, "converted", NULL), 0);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(pthread_create(&thread[i], NULL, churns, NULL), 0);
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	ASSERT_EQ(stopper_stop(s, NULL), 0);
	stopper_put(s);
	ASSERT_EQ(stopper_trace_stop(), 0);
	ASSERT_EQ(command("-o", self->out, self->in, NULL), 0);
	check_output(self);
	EXPECT_STREQ(self->wrong ? self->wrong : "", "");
	json_array_foreach(self->events, k, e)
		/* A task that is still queued when the stop begins finds its inner one refused. */
		n += !strcmp(string(e, "ph"), "B") || !strcmp(string(e, "name"), "refused: inner");
	EXPECT_EQ(n, 3 * 200 * 4);
	EXPECT_NE(find(self, "f", "async", 599), NULL);
	EXPECT_EQ(find(self, "f", "async", 600), NULL);
	EXPECT_NE(find(self, "X", "closing", 0), NULL);
}

TEST_HARNESS_MAIN
