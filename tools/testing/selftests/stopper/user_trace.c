// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_trace.c - the recorder: what it writes, in what order, and what it does not harm.
 *
 * The harness runs each test in a child of its own, so the library is fresh in each. A
 * recording is read back into an array of lines, in which a field is found by its key.
 * user_trace.sh looks at the probes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include <stopper/trace.h>
#include "kselftest_harness.h"
#include "env/env.h"

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
static struct recording *recording_parse(char *text)
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

static struct recording *recording_read(const char *path)
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

static void recording_free(struct recording *r)
{
	free(r->text);
	free(r->line);
	free(r);
}

/* A copy of what @key has, "" if there is none. The name is the rest of the line. */
static const char *value(const struct line *l, const char *key)
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

static struct line *find_from(struct recording *r, int i, const char *event, const char *name)
{
	for (; i < r->n; i++)
		if (!strcmp(r->line[i].event, event) && !strcmp(value(&r->line[i], "name"), name))
			return &r->line[i];
	return NULL;
}

static struct line *find_first(struct recording *r, const char *event, const char *name)
{
	return find_from(r, 0, event, name);
}

/* The one line of this event with this name; NULL: none, or more than one. */
static struct line *find(struct recording *r, const char *event, const char *name)
{
	struct line *found = find_first(r, event, name);

	return found && find_from(r, found - r->line + 1, event, name) ? NULL : found;
}

static int count(struct recording *r, const char *event)
{
	int i, n = 0;

	for (i = 0; i < r->n; i++)
		n += !strcmp(r->line[i].event, event);
	return n;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every span that starts ends, once, later, and the other way round: how many, or -1. */
static int balanced(struct recording *r)
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

static void nothing(struct stopper_ctx *ctx, void *arg)
{
}

static void on_panic(void *arg, const struct stopper_panic_info *info)
{
}

static void create(void)
{
	const struct stopper_options opts = { .size = sizeof(opts), .on_panic = on_panic };

	if (stopper_create(&s, "recorded", &opts))
		abort();
}

static void stop(void)
{
	if (stopper_stop(s, NULL))
		abort();
	stopper_put(s);
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

/* --- who is whose parent ---------------------------------------------------------------------- */

static const struct stopper_span span_c = { { [15] = 0xc }, { [7] = 0xcc } };
static const struct stopper_span span_d = { { [15] = 0xd }, { [7] = 0xdd } };
static struct stopper_ctx *ctx_c, *ctx_d;

static void inside(struct stopper_ctx *ctx, void *arg)
{
	struct stopper_task handle;

	stopper_run_task(s, NULL, "without", nothing, NULL);
	stopper_run_task(s, ctx_c, "same", nothing, NULL);
	stopper_run_task(s, ctx_d, "other", nothing, NULL);
	stopper_run_async_task(s, ctx_c, "async", nothing, NULL);
	stopper_run_worker(s, NULL, "worker", nothing, NULL);
	if (!stopper_task_begin(s, ctx_c, "handle", &handle))
		stopper_task_end(&handle);
}

TEST_F(trace, parents)
{
	static const char *const below[] = { "without", "same", "async", "handle" };
	const char *outer;
	unsigned int i;

	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	ASSERT_EQ(stopper_ctx_with_span(NULL, &span_c, &ctx_c), 0);
	ASSERT_EQ(stopper_ctx_with_span(NULL, &span_d, &ctx_d), 0);
	stopper_run_task(s, ctx_c, "outer", inside, NULL);
	stopper_run_task(s, NULL, "alone", nothing, NULL);
	stop();
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);

	EXPECT_STREQ(value(find(self->r, "task_start", "outer"), "parent"), "00000000000000cc");
	EXPECT_STREQ(value(find(self->r, "task_start", "alone"), "parent"), "0000000000000000");
	EXPECT_STREQ(value(find(self->r, "task_start", "other"), "parent"), "00000000000000dd");
	EXPECT_STREQ(value(find(self->r, "task_start", "other"), "trace"),
		     "0000000000000000000000000000000d");
	outer = strdup(value(find(self->r, "task_start", "outer"), "span"));
	EXPECT_EQ(strlen(outer), 16);
	for (i = 0; i < 4; i++) {
		EXPECT_STREQ(value(find(self->r, "task_start", below[i]), "parent"), outer);
		EXPECT_STREQ(value(find(self->r, "task_start", below[i]), "trace"),
			     "0000000000000000000000000000000c");
	}
	EXPECT_STREQ(value(find(self->r, "worker_start", "worker"), "parent"), outer);
	EXPECT_STREQ(value(find(self->r, "async_queued", "async"), "span"),
		     value(find(self->r, "task_start", "async"), "span"));
	EXPECT_STREQ(value(find(self->r, "task_start", "async"), "kind"), "async");
	EXPECT_STREQ(value(find(self->r, "task_start", "handle"), "kind"), "handle");
	EXPECT_EQ(balanced(self->r), 8);
}

/* --- what else is recorded -------------------------------------------------------------------- */

static void plain(void *arg)
{
}

static void frees_its_own_name(struct stopper_closer *closer)
{
	free((void *)closer->name);
	free(closer);
}

TEST_F(trace, stop_with_its_phases_closers_and_refusals)
{
	static const char *const phases[] = {
		"running", "quiescing", "stopping", "closing", "stopped"
	};
	struct stopper_closer *own = calloc(1, sizeof(*own));
	struct stopper_sem sem;
	int i, seen = 0;

	own->name = strdup("own name");
	own->fn = frees_its_own_name;
	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	ASSERT_EQ(stopper_sem_init(&sem, 1), 0);
	ASSERT_EQ(stopper_sem_try_acquire(&sem), 0);
	EXPECT_EQ(stopper_run_limited_async_task(s, NULL, "throttled", &sem, false, nothing, NULL),
		  STOPPER_ETHROTTLED);
	ASSERT_EQ(stopper_add_closer_fn(s, "first\nid=9 name=forged", plain, NULL), 0);
	ASSERT_EQ(stopper_add_closer(s, own), 0);
	stopper_get(s);
	stop();
	ASSERT_EQ(stopper_add_closer_fn(s, "late", plain, NULL), 0);
	EXPECT_EQ(stopper_run_task(s, NULL, "too late", nothing, NULL), STOPPER_EUNAVAILABLE);
	EXPECT_EQ(stopper_run_async_task(s, NULL, "too late async", nothing, NULL),
		  STOPPER_EUNAVAILABLE);
	stopper_put(s);
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);

	for (i = 0; i < self->r->n; i++) {
		if (strcmp(self->r->line[i].event, "phase"))
			continue;
		ASSERT_LT(seen, 4);
		EXPECT_STREQ(value(&self->r->line[i], "from"), phases[seen++]);
		EXPECT_STREQ(value(&self->r->line[i], "to"), phases[seen]);
		EXPECT_STREQ(value(&self->r->line[i], "name"), "recorded");
	}
	EXPECT_EQ(seen, 4);
	EXPECT_EQ(count(self->r, "closer_start"), 3);
	EXPECT_EQ(count(self->r, "closer_end"), 3);
	EXPECT_NE(find(self->r, "closer_end", "own name"), NULL);
	EXPECT_NE(find(self->r, "closer_end", "late"), NULL);
	EXPECT_NE(find(self->r, "closer_start", "first\\nid=9 name=forged"), NULL);
	EXPECT_STREQ(value(find(self->r, "task_refused", "too late"), "kind"), "sync");
	EXPECT_STREQ(value(find(self->r, "task_refused", "too late async"), "kind"), "async");
	EXPECT_STREQ(value(find(self->r, "task_refused", "throttled"), "kind"), "async");
	EXPECT_EQ(count(self->r, "task_start"), 0);
}

static void swallow(void *arg, int level, const char *line)
{
	__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
}

TEST_F(trace, stop_that_waits)
{
	int lines = 0;
	struct stopper_options opts = { .size = sizeof(opts), .stall_ns = 1000000,
		.log = swallow, .log_arg = &lines };
	struct stopper_task task;
	struct stopper *waits;

	ASSERT_EQ(stopper_trace_start(self->path), 0);
	ASSERT_EQ(stopper_create(&waits, "waits", &opts), 0);
	ASSERT_EQ(stopper_task_begin(waits, NULL, "held", &task), 0);
	ASSERT_EQ(stopper_stop_async(waits), 0);
	while (!__atomic_load_n(&lines, __ATOMIC_RELAXED))
		sched_yield();
	stopper_task_end(&task);
	EXPECT_EQ(stopper_stop(waits, NULL), 0);
	stopper_put(waits);
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
	/* On a slow machine it has been reported again. */
	ASSERT_NE(find_first(self->r, "stall", "waits"), NULL);
	EXPECT_STREQ(value(find_first(self->r, "stall", "waits"), "tasks"), "1");
	EXPECT_STREQ(value(find_first(self->r, "stall", "waits"), "workers"), "0");
}

TEST_F(trace, names_do_not_forge_lines_and_are_cut)
{
	char longest[1000];
	struct stopper_site site = { .name = longest, .file = "a name=b c.c\n", .line = 7 };
	struct stopper_task task;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	stopper_run_task(s, NULL, "a\n# b\\\x1b[31m", nothing, NULL);
	ASSERT_EQ(__stopper_task_begin(s, NULL, &site, &task), 0);
	stopper_task_end(&task);
	stop();
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
	EXPECT_NE(find(self->r, "task_end", "a\\n# b\\\\\\x1b[31m"), NULL);
	strcpy(longest + STOPPER_NAME_SHOWN - 3, "...");
	EXPECT_STREQ(value(find(self->r, "task_start", longest), "file"), "a_name=b_c.c\\n");
}

/* --- ends of all kinds ------------------------------------------------------------------------ */

static void panics(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(NULL);
}

static void nests_a_panic(struct stopper_ctx *ctx, void *arg)
{
	struct stopper_span before, after;

	if (!stopper_current_span(&before))
		abort();
	if (stopper_run_task(s, NULL, "panics", panics, NULL))
		abort();
	/* The task that panicked is not what this thread is in any more. */
	if (!stopper_current_span(&after) || memcmp(&before, &after, sizeof(before)))
		abort();
}

static int panics_err(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(NULL);
}

static void exits(struct stopper_ctx *ctx, void *arg)
{
	pthread_exit(NULL);
}

static void *exits_in_tasks(void *arg)
{
	stopper_run_task(s, NULL, "exits", exits, NULL);
	abort();
}

TEST_F(trace, tasks_that_end_without_returning)
{
	struct stopper_span span;
	pthread_t thread;

	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	EXPECT_EQ(stopper_run_task(s, NULL, "nests", nests_a_panic, NULL), 0);
	EXPECT_EQ(stopper_run_task_err(s, NULL, "panics_err", panics_err, NULL), STOPPER_EPANIC);
	EXPECT_FALSE(stopper_current_span(&span));
	ASSERT_EQ(pthread_create(&thread, NULL, exits_in_tasks, NULL), 0);
	pthread_join(thread, NULL);
	EXPECT_EQ(stopper_num_tasks(s), 0);
	stopper_run_async_task(s, NULL, "async panics", panics, NULL);
	stopper_run_async_task(s, NULL, "async exits", exits, NULL);
	stopper_run_worker(s, NULL, "worker panics", panics, NULL);
	stopper_run_worker(s, NULL, "worker exits", exits, NULL);
	stop();
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
	EXPECT_EQ(balanced(self->r), 8);
}

#define THREADS	4
#define ROUNDS	500

static void *churns(void *arg)
{
	struct stopper_task task;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		stopper_run_task(s, NULL, "sync", nothing, NULL);
		if (!stopper_task_begin(s, NULL, "handle", &task))
			stopper_task_end(&task);
		stopper_run_async_task(s, NULL, "async", nothing, NULL);
	}
	return NULL;
}

TEST_F(trace, balanced_under_threads)
{
	pthread_t thread[THREADS];
	int i;

	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_create(&thread[i], NULL, churns, NULL), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	stop();
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
	EXPECT_EQ(balanced(self->r), 3 * THREADS * ROUNDS);
	EXPECT_EQ(count(self->r, "async_queued"), THREADS * ROUNDS);
}

/* --- the recorder's own life ------------------------------------------------------------------ */

TEST_F(trace, arguments_and_states)
{
	char longest[8192];
	struct stat st;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	EXPECT_EQ(stopper_trace_start(NULL), -EINVAL);
	EXPECT_EQ(stopper_trace_start(""), -EINVAL);
	EXPECT_EQ(stopper_trace_start(longest), -ENAMETOOLONG);
	EXPECT_EQ(stopper_trace_start("/nonexistent/file"), -ENOENT);
	EXPECT_EQ(stopper_trace_stop(), -ENOENT);
	unlink(self->path);
	EXPECT_EQ(stopper_trace_start(self->path), 0);
	EXPECT_EQ(stopper_trace_start(self->path), -EBUSY);
	EXPECT_EQ(stopper_trace_stop(), 0);
	EXPECT_EQ(stopper_trace_stop(), -ENOENT);
	ASSERT_EQ(stat(self->path, &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600);
	/* And again, over what was there. */
	EXPECT_EQ(stopper_trace_start(self->path), 0);
	EXPECT_EQ(stopper_trace_stop(), 0);
}

static int run_child(void (*fn)(void))
{
	pid_t pid = fork();
	int status = -1;

	if (!pid) {
		fn();
		exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void one_task(void)
{
	create();
	stopper_run_task(s, NULL, "one", nothing, NULL);
	stop();
}

TEST_F(trace, environment_switches_it_on)
{
	char pattern[80], expected[96];

	snprintf(pattern, sizeof(pattern), "%s-%%p%%%%", self->path);
	setenv("STOPPER_TRACE", pattern, 1);
	snprintf(expected, sizeof(expected), "%s-%d%%", self->path, (int)getpid());
	one_task();
	/* No word to the recorder: a phase that changes brings it to the file. */
	self->r = recording_read(expected);
	ASSERT_NE(self->r, NULL);
	EXPECT_EQ(balanced(self->r), 1);
	unlink(expected);
}

/* Also when a file of the name is there, which others may read or which is being recorded into. */
TEST_F(trace, recording_is_its_owners_only)
{
	int fd = open(self->path, O_CREAT | O_RDWR, 0666), go[2], status;
	struct stat st;
	pid_t other;
	char c;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pipe(go));
	setenv("STOPPER_TRACE", self->path, 1);
	other = fork();
	if (!other) {
		close(go[1]);
		exit(read(go[0], &c, 1) < 0 ? 1 : (one_task(), 0));
	}
	unsetenv("STOPPER_TRACE");
	ASSERT_EQ(0, fchmod(fd, 0666));
	ASSERT_EQ(5, write(fd, "stale", 5));
	ASSERT_EQ(0, stopper_trace_start(self->path));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0600, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_size);
	/* Another process that is to be recorded into the same file leaves it alone. */
	close(go[1]);
	ASSERT_EQ(other, waitpid(other, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, stopper_trace_stop());
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
	EXPECT_EQ(0, count(self->r, "task_start"));
	close(fd);
	if (geteuid())
		SKIP(return, "not root: no file of another user's");
	ASSERT_EQ(0, chown(self->path, 12345, 12345));
	EXPECT_EQ(-EPERM, stopper_trace_start(self->path));
}

static void leave_a_task(void)
{
	create();
	stopper_run_task(s, NULL, "one", nothing, NULL);
}

TEST_F(trace, exit_writes_what_is_left)
{
	setenv("STOPPER_TRACE", self->path, 1);
	EXPECT_EQ(run_child(leave_a_task), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
	EXPECT_EQ(balanced(self->r), 1);
	EXPECT_EQ(count(self->r, "phase"), 0);
}

TEST_F(trace, env_file_that_cannot_be_opened_harms_nothing)
{
	setenv("STOPPER_TRACE", "/nonexistent/file", 1);
	EXPECT_EQ(run_child(one_task), 0);
}

static void try_to_record(void)
{
	struct stopper_span span;

	if (stopper_current_span(&span))
		abort();
	if (stopper_trace_stop() != -ENOENT)
		abort();
}

TEST_F(trace, child_of_fork_does_not_record)
{
	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	stopper_run_task(s, NULL, "one", nothing, NULL);
	/* What is in the buffer now is for its parent to write. */
	EXPECT_EQ(run_child(try_to_record), 0);
	stop();
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
	EXPECT_EQ(balanced(self->r), 1);
}

TEST_F(trace, full_file_system_ends_the_recording_and_nothing_else)
{
	int i;

	if (access("/dev/full", W_OK))
		SKIP(return, "no /dev/full");
	ASSERT_EQ(stopper_trace_start("/dev/full"), 0);
	create();
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(stopper_run_task(s, NULL, "one", nothing, NULL), 0);
	stop();
	EXPECT_EQ(stopper_trace_stop(), -ENOSPC);
	EXPECT_EQ(stopper_trace_stop(), -ENOENT);
}

TEST_F(trace, fifo_nobody_reads_is_refused)
{
	unlink(self->path);
	ASSERT_EQ(mkfifo(self->path, 0600), 0);
	EXPECT_EQ(stopper_trace_start(self->path), -ENXIO);
}

/* A reader that has stopped reading holds nobody up; what it missed is counted. */
TEST_F(trace, full_pipe_does_not_block_a_stop)
{
	char *text = malloc(4 << 20);
	size_t len = 0;
	ssize_t n;
	int i, fd;

	unlink(self->path);
	ASSERT_EQ(mkfifo(self->path, 0600), 0);
	fd = open(self->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	for (i = 0; i < 3000; i++)
		ASSERT_EQ(stopper_run_task(s, NULL, "one", nothing, NULL), 0);
	/* Room again: what stands in the pipe, and the next lines after it. */
	while ((n = read(fd, text + len, (4 << 20) - 1 - len)) > 0)
		len += (size_t)n;
	ASSERT_GE(fcntl(fd, F_SETPIPE_SZ, 1 << 20), 1 << 20);
	stop();
	ASSERT_EQ(stopper_trace_stop(), 0);
	while ((n = read(fd, text + len, (4 << 20) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	self->r = recording_parse(text);
	ASSERT_NE(self->r, NULL);
	EXPECT_GT(self->r->lost, 0);
	EXPECT_EQ(self->r->lost + self->r->n, 6000 + 4);
	EXPECT_EQ(count(self->r, "phase"), 4);
}

TEST_F(trace, reader_of_a_fifo_who_has_gone_ends_the_recording_and_nothing_else)
{
	int fd;

	unlink(self->path);
	ASSERT_EQ(mkfifo(self->path, 0600), 0);
	fd = open(self->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(stopper_trace_start(self->path), 0);
	close(fd);
	/* No signal: its default would end this process. */
	one_task();
	EXPECT_EQ(stopper_trace_stop(), -EPIPE);
}

static void *cancellable(void *arg)
{
	for (;;) {
		stopper_run_task(s, NULL, "cancelled", nothing, NULL);
		pthread_testcancel();
	}
	return NULL;
}

TEST_F(trace, cancelled_thread_does_not_keep_the_recorder)
{
	pthread_t thread;
	int i;

	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(pthread_create(&thread, NULL, cancellable, NULL), 0);
		env_nap();
		ASSERT_EQ(pthread_cancel(thread), 0);
		pthread_join(thread, NULL);
	}
	stop();
	EXPECT_EQ(stopper_trace_stop(), 0);
}

static void *toggles(void *path)
{
	int i;

	for (i = 0; i < 300; i++) {
		if (stopper_trace_start(path))
			abort();
		env_nap();
		if (stopper_trace_stop())
			abort();
	}
	return NULL;
}

TEST_F(trace, start_and_stop_under_load)
{
	pthread_t thread[2], toggler;
	int i;

	create();
	ASSERT_EQ(pthread_create(&toggler, NULL, toggles, self->path), 0);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&thread[i], NULL, churns, NULL), 0);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	pthread_join(toggler, NULL);
	EXPECT_EQ(stopper_quiesce(s, NULL), 0);
	EXPECT_EQ(stopper_num_tasks(s), 0);
	stop();
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
}

TEST_HARNESS_MAIN
