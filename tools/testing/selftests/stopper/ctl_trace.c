// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ctl_trace.c - stopperctl trace converts recordings: good, truncated and hostile ones.
 *
 * check_output() compares every output with the rules of the Trace Event Format.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include <stopper/trace.h>
#include "kselftest_harness.h"
#include "ctl.h"

#define MAX_DEPTH	64
#define MAX_LANES	4096

struct lane {
	json_int_t pid, tid;
	double last;
	int depth;
	const char *open[MAX_DEPTH];
	bool named;
};

FIXTURE(convert) {
	char in[64], out[64];
	json_t *json, *events;
	const char *wrong;		/* what the format does not allow */
	struct lane *lane;
	int lanes;
};

#define TEST_DATA FIXTURE_DATA(convert)

FIXTURE_SETUP(convert)
{
	strcpy(self->in, "/tmp/ctl_trace.XXXXXX");
	close(mkstemp(self->in));
	strcpy(self->out, "/tmp/ctl_trace.XXXXXX");
	close(mkstemp(self->out));
	self->json = NULL;
	self->lane = calloc(MAX_LANES, sizeof(*self->lane));
	ASSERT_NE(self->lane, NULL);
}

FIXTURE_TEARDOWN(convert)
{
	json_decref(self->json);
	free(self->lane);
	unlink(self->in);
	unlink(self->out);
}

static struct lane *lane_of(TEST_DATA *t, json_t *e)
{
	json_int_t pid = json_integer_value(json_object_get(e, "pid"));
	json_int_t tid = json_integer_value(json_object_get(e, "tid"));
	int i;

	for (i = 0; i < t->lanes; i++)
		if (t->lane[i].pid == pid && t->lane[i].tid == tid)
			return &t->lane[i];
	if (t->lanes == MAX_LANES)
		return NULL;
	t->lane[i].pid = pid;
	t->lane[i].tid = tid;
	t->lanes++;
	return &t->lane[i];
}

static const char *string(json_t *e, const char *key)
{
	const char *s = json_string_value(json_object_get(e, key));

	return s ? s : "";
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
static void check_pair(TEST_DATA *t, json_t *ids, json_t *e, int step, bool may_stay)
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
	l = lane_of(t, e);
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
		check_pair(t, ids, e, 1, *ph == 's');
	if (strchr("ef", *ph))
		check_pair(t, ids, e, -1, false);
}

/* Reads what was written; @t->wrong says what the format does not allow. */
static void check_output(TEST_DATA *t)
{
	json_t *e, *ids = json_object(), *left;
	json_error_t error;
	const char *key;
	size_t i;

	json_decref(t->json);
	memset(t->lane, 0, MAX_LANES * sizeof(*t->lane));
	t->lanes = 0;
	t->wrong = NULL;
	t->json = json_load_file(t->out, JSON_REJECT_DUPLICATES, &error);
	t->events = json_object_get(t->json, "traceEvents");
	if (!json_is_array(t->events))
		t->wrong = "no JSON, or no array of events";
	json_array_foreach(t->events, i, e)
		check_event(t, ids, e);
	for (i = 0; (int)i < t->lanes; i++)
		if (t->lane[i].depth)
			t->wrong = "a slice that does not end";
	json_object_foreach(ids, key, left)
		if (!strncmp(key, "handle", 6) && json_integer_value(left))
			t->wrong = "a handle that does not end";
	json_decref(ids);
}

/* stopperctl trace with these arguments, up to NULL, and without what it says each time. */
static int command(const char *arg, ...)
{
	int argc = 0, err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY), status;
	char *argv[8];
	va_list ap;

	argv[argc++] = strdup("trace");
	for (va_start(ap, arg); arg; arg = va_arg(ap, const char *))
		argv[argc++] = strdup(arg);
	va_end(ap);
	argv[argc] = NULL;
	dup2(null, STDERR_FILENO);
	status = cmd_trace(argc, argv);
	dup2(err, STDERR_FILENO);
	close(null);
	close(err);
	return status;
}

static int convert(TEST_DATA *t, const char *text, size_t len)
{
	int fd = open(t->in, O_WRONLY | O_TRUNC), status;

	if (write(fd, text, len) != (ssize_t)len)
		abort();
	close(fd);
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

#define SPAN(n)	"file=a.c line=1 span=000000000000000" #n " parent=0000000000000000" \
	" trace=00000000000000000000000000000001"
#define INNER	"file=a line=2 span=0000000000000002 parent=0000000000000001" \
	" trace=00000000000000000000000000000001"
#define NO_SPAN	"file=a line=2 span=3 parent=0 trace=xy"

#define PROG	"     my [0] prog-10      [000] .....     "
#define LATER	"           later-11      [001] .....     "
#define ANY_START "id=%d kind=async file=a line=1 span=%x parent=0 trace=0 name=n\n"
#define TASK	"task_start: "
#define START	"id=1 kind=sync "
#define P	"            prog-10      [000] .....     "

static const char small[] =
	"# tracer: nop\n"
	"#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
	PROG "1.000000: task_start: id=1 kind=sync " SPAN(1) " name=outer name=x\n"
	PROG "1.000010: async_queued: id=1 " SPAN(2) " name=later\n"
	"     my [0] prog-10      [000] d..2.     1.000011: sched_switch: prev_comm=x name=y\n"
	PROG "1.000020: task_start: id=1 kind=handle " SPAN(3) " name=request\n"
	LATER "1.000030: task_start: id=1 kind=async " SPAN(2) " name=later\n"
	LATER "1.000040: task_end: id=1 kind=handle span=0000000000000003 name=request\n"
	PROG "1.000050: task_end: id=1 kind=sync span=0000000000000001 name=outer name=x\n"
	PROG "1.000060: phase: id=1 from=running to=quiescing name=svc\n"
	PROG "1.000070: stall: id=1 waited_ns=1000000000 tasks=1 workers=0 name=svc\n"
	LATER "1.000080: task_refused: id=1 kind=sync file=a.c line=2 name=no\n"
	"          reaper-12      [001] .....     1.000090: task_end: id=1 kind=async span=0000000000000002 name=later\n"
	LATER "1.000100: closer_start: id=1 name=cleanup\n"
	LATER "1.000110: closer_end: id=1 name=cleanup\n"
	PROG "1.000120: phase: id=1 from=quiescing to=stopped name=svc\n"
	LATER "1.000130: worker_start: id=2 " SPAN(4) " name=stays\n"
	LATER "1.000140: task_end: id=2 kind=sync span=00000000000000ff name=unknown\n"
	"CPU:1 [LOST 7 EVENTS]\n";

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

/* --- OTLP ------------------------------------------------------------------------------------- */

static bool is_made_of(const char *s, const char *characters, size_t len)
{
	return strspn(s, characters) == strlen(s) && (!len || strlen(s) == len) && *s;
}

/* What the JSON mapping of opentelemetry.proto.trace.v1.Span wants; NULL: nothing is wrong. */
static const char *wrong_span(json_t *span)
{
	static const char *const known[] = { "traceId", "spanId", "parentSpanId", "name", "kind",
		"startTimeUnixNano", "endTimeUnixNano", "attributes", "events" };
	const char *key, *start = string(span, "startTimeUnixNano");
	const char *end = string(span, "endTimeUnixNano");
	json_t *value;
	size_t i;

	json_object_foreach(span, key, value) {
		for (i = 0; i < 9 && strcmp(key, known[i]); i++)
			;
		if (i == 9)
			return "a member that a span does not have";
	}
	if (!is_made_of(string(span, "traceId"), "0123456789abcdef", 32) ||
	    !is_made_of(string(span, "spanId"), "0123456789abcdef", 16) ||
	    (json_object_get(span, "parentSpanId") &&
	     !is_made_of(string(span, "parentSpanId"), "0123456789abcdef", 16)))
		return "an id that is not hex";
	if (!is_made_of(start, "0123456789", 0) || !is_made_of(end, "0123456789", 0) ||
	    strtoull(start, NULL, 10) > strtoull(end, NULL, 10))
		return "times that are no strings of digits, or go back";
	if (json_integer_value(json_object_get(span, "kind")) != 1 || !*string(span, "name") ||
	    !json_is_array(json_object_get(span, "attributes")))
		return "no kind, name or attributes";
	return NULL;
}

/* The spans of @text, checked; @t->wrong says what is wrong with them. */
static json_t *spans_of(TEST_DATA *t, const char *text)
{
	json_error_t error;
	json_t *o, *spans, *span;
	size_t i;

	convert(t, text, strlen(text));
	json_decref(t->json);
	t->wrong = NULL;
	if (command("--otlp=svc", "-o", t->out, t->in, NULL))
		t->wrong = "not converted";
	t->json = json_load_file(t->out, JSON_REJECT_DUPLICATES, &error);
	o = json_array_get(json_object_get(t->json, "resourceSpans"), 0);
	spans = json_object_get(json_array_get(json_object_get(o, "scopeSpans"), 0), "spans");
	o = json_array_get(json_object_get(json_object_get(o, "resource"), "attributes"), 0);
	if (strcmp(string(o, "key"), "service.name") ||
	    strcmp(string(json_object_get(o, "value"), "stringValue"), "svc"))
		t->wrong = "no service.name";
	if (!json_is_array(spans))
		t->wrong = "no spans";
	json_array_foreach(spans, i, span)
		if (!t->wrong)
			t->wrong = wrong_span(span);
	return spans;
}

static json_t *span_named(json_t *spans, const char *name)
{
	json_t *span;
	size_t i;

	json_array_foreach(spans, i, span)
		if (!strcmp(string(span, "name"), name))
			return span;
	return NULL;
}

/* As a string. */
static const char *attribute(json_t *span, const char *key)
{
	json_t *a, *value;
	size_t i;

	json_array_foreach(json_object_get(span, "attributes"), i, a) {
		value = json_object_get(a, "value");
		if (!strcmp(string(a, "key"), key))
			return json_object_get(value, "boolValue") ? "bool" :
				*string(value, "intValue") ? string(value, "intValue") :
				string(value, "stringValue");
	}
	return "";
}

TEST_F(convert, otlp_has_each_task_as_a_span)
{
	char text[4096];
	json_t *spans, *span;

	/* The recording's first second, and the UNIX time then. */
	snprintf(text, sizeof(text), "# clock 1.000000 is 1999999.500000\n%s", small);
	spans = spans_of(self, text);
	EXPECT_STREQ(self->wrong ? self->wrong : "", "");
	EXPECT_EQ(json_array_size(spans), 4);
	span = span_named(spans, "outer name=x");
	EXPECT_STREQ(string(span, "traceId"), "00000000000000000000000000000001");
	EXPECT_STREQ(string(span, "spanId"), "0000000000000001");
	EXPECT_EQ(json_object_get(span, "parentSpanId"), NULL);
	EXPECT_STREQ(string(span, "startTimeUnixNano"), "1999999500000000");
	EXPECT_STREQ(string(span, "endTimeUnixNano"), "1999999500050000");
	EXPECT_STREQ(attribute(span, "stopper.kind"), "sync");
	EXPECT_STREQ(attribute(span, "code.filepath"), "a.c");
	EXPECT_STREQ(attribute(span, "code.lineno"), "1");
	EXPECT_STREQ(attribute(span, "thread.id"), "10");
	/* It began on the thread that took it, and was queued before. */
	span = span_named(spans, "later");
	EXPECT_STREQ(string(span, "startTimeUnixNano"), "1999999500030000");
	EXPECT_STREQ(attribute(span, "thread.id"), "11");
	span = json_array_get(json_object_get(span, "events"), 0);
	EXPECT_STREQ(string(span, "name"), "queued");
	EXPECT_STREQ(string(span, "timeUnixNano"), "1999999500010000");
	/* It has no end: the last event's. */
	span = span_named(spans, "stays");
	EXPECT_STREQ(attribute(span, "stopper.unfinished"), "bool");
	EXPECT_STREQ(attribute(span, "stopper.kind"), "worker");
}

TEST_F(convert, otlp_has_the_parent)
{
	static const char text[] =
		P "1.000000: task_start: id=1 kind=sync " SPAN(1) " name=outer\n"
		P "1.000001: task_start: id=1 kind=sync " INNER " name=inner\n"
		P "1.000002: task_start: id=1 kind=sync " NO_SPAN " name=bad\n";
	json_t *spans = spans_of(self, text);

	EXPECT_STREQ(self->wrong ? self->wrong : "", "");
	EXPECT_EQ(json_array_size(spans), 2);
	EXPECT_STREQ(string(span_named(spans, "inner"), "parentSpanId"), "0000000000000001");
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
