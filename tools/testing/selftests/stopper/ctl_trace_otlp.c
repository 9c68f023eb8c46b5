// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ctl_trace_otlp.c - stopperctl trace --otlp: a recording as spans in OTLP's JSON.
 *
 * wrong_span() compares each span with the JSON mapping of opentelemetry.proto.trace.v1.
 */
#include <stdio.h>

#include "env/convert.h"

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

	write_recording(t, text, strlen(text));
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

#define INNER	"file=a line=2 span=0000000000000002 parent=0000000000000001" \
	" trace=00000000000000000000000000000001"
#define NO_SPAN	"file=a line=2 span=3 parent=0 trace=xy"

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

TEST_HARNESS_MAIN
