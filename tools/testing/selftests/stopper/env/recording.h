/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * recording.h - reads a recording into an array of lines, in which a field is found by its key.
 *
 * The harness runs each test in a child process of its own, so the library is fresh in each.
 */
#ifndef STOPPER_TEST_RECORDING_H
#define STOPPER_TEST_RECORDING_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include <stopper/trace.h>
#include "env.h"

#define MAX_LINES	100000

struct line {
	char event[24];
	char *fields;			/* after the event's name */
	char *text;
};

struct recording {
	char *text;
	struct line *line;
	int n;
	int lost;
};

/* Every line that is not a comment has the form that it should have, or it is NULL. */
static inline struct recording *recording_parse(char *text)
{
	struct recording *r = calloc(1, sizeof(*r));
	char *line, *save = NULL;
	double time, last = 0;
	int cpu, at, n;

	r->text = text;
	r->line = calloc(MAX_LINES, sizeof(*r->line));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct line *l = &r->line[r->n];

		if (*line == '#') {
			r->lost += sscanf(line, "# lost %d", &n) == 1 ? n : 0;
			continue;
		}
		if (strlen(line) < 17 || line[16] != '-' ||
		    sscanf(line + 16, "-%*d [%d] ..... %lf: %23[a-z_]: %n", &cpu, &time, l->event,
			   &at) != 3 || time < last || r->n == MAX_LINES - 1) {
			printf("# no event: %s\n", line);
			return NULL;
		}
		last = time;
		l->text = line;
		l->fields = line + 16 + at;
		r->n++;
	}
	return r;
}

static inline struct recording *recording_read(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t len = 0, size = 64 << 20;
	char *text = malloc(size);

	if (!f || !text)
		return NULL;
	len = fread(text, 1, size - 1, f);
	text[len] = '\0';
	fclose(f);
	return recording_parse(text);
}

static inline void recording_free(struct recording *r)
{
	free(r->text);
	free(r->line);
	free(r);
}

/* A copy of what @key has, "" if there is none. The name is the rest of the line. */
static inline const char *value(const struct line *l, const char *key)
{
	static char buf[8][256];
	static int next;
	char *out = buf[next++ % 8];
	const char *p = l ? l->fields : "";
	size_t len = strlen(key);

	*out = '\0';
	while (p && (strncmp(p, key, len) || p[len] != '=')) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	if (p)
		snprintf(out, 256, "%.*s",
			 (int)strcspn(p + len + 1, strcmp(key, "name") ? " " : ""), p + len + 1);
	return out;
}

static inline struct line *find_from(struct recording *r, int i, const char *event,
				     const char *name)
{
	for (; i < r->n; i++)
		if (!strcmp(r->line[i].event, event) && !strcmp(value(&r->line[i], "name"), name))
			return &r->line[i];
	return NULL;
}

static inline struct line *find_first(struct recording *r, const char *event, const char *name)
{
	return find_from(r, 0, event, name);
}

/* The one line of this event with this name; NULL: none, or more than one. */
static inline struct line *find(struct recording *r, const char *event, const char *name)
{
	struct line *found = find_first(r, event, name);

	return found && find_from(r, found - r->line + 1, event, name) ? NULL : found;
}

static inline int count(struct recording *r, const char *event)
{
	int i, n = 0;

	for (i = 0; i < r->n; i++)
		n += !strcmp(r->line[i].event, event);
	return n;
}

static inline int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every span that starts ends, once, later, and the other way round: how many, or -1. */
static inline int balanced(struct recording *r)
{
	char **starts = calloc(MAX_LINES, sizeof(*starts));
	char **ends = calloc(MAX_LINES, sizeof(*ends));
	int i, ns = 0, ne = 0;

	for (i = 0; i < r->n; i++) {
		if (!strcmp(r->line[i].event, "task_start") ||
		    !strcmp(r->line[i].event, "worker_start"))
			starts[ns++] = strdup(value(&r->line[i], "span"));
		if (!strcmp(r->line[i].event, "task_end") ||
		    !strcmp(r->line[i].event, "worker_end"))
			ends[ne++] = strdup(value(&r->line[i], "span"));
	}
	qsort(starts, ns, sizeof(*starts), compare);
	qsort(ends, ne, sizeof(*ends), compare);
	if (ns != ne)
		return -1;
	for (i = 0; i < ns; i++)
		if (strcmp(starts[i], ends[i]) || (i && !strcmp(starts[i], starts[i - 1])))
			return -1;
	return ns;
}

static struct stopper *s;

static inline void nothing(struct stopper_ctx *ctx, void *arg)
{
}

static inline void on_panic(void *arg, const struct stopper_panic_info *info)
{
}

static inline void create(void)
{
	const struct stopper_options opts = { .size = sizeof(opts), .on_panic = on_panic };

	if (stopper_create(&s, "recorded", &opts))
		abort();
}

static inline void stop(void)
{
	if (stopper_stop(s, NULL))
		abort();
	stopper_put(s);
}

#define RECORDED_ROUNDS	500

/* A thread that makes tasks of three kinds. */
static inline void *record_rounds(void *arg)
{
	struct stopper_task task;
	int i;

	for (i = 0; i < RECORDED_ROUNDS; i++) {
		stopper_run_task(s, NULL, "sync", nothing, NULL);
		if (!stopper_task_begin(s, NULL, "handle", &task))
			stopper_task_end(&task);
		stopper_run_async_task(s, NULL, "async", nothing, NULL);
	}
	return NULL;
}

FIXTURE(trace) {
	char path[64];
	struct recording *r;
};

FIXTURE_SETUP(trace)
{
	int fd;

	unsetenv("STOPPER_TRACE");
	strcpy(self->path, "/tmp/user_trace.XXXXXX");
	fd = mkstemp(self->path);
	ASSERT_GE(fd, 0);
	close(fd);
}

FIXTURE_TEARDOWN(trace)
{
	if (self->r)
		recording_free(self->r);
	unlink(self->path);
}

#endif /* STOPPER_TEST_RECORDING_H */
