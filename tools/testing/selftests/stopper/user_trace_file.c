// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_trace_file.c - the file of a recording: how it begins and ends, and what it must not harm.
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
#include <unistd.h>

#include "kselftest_harness.h"
#include "env/recording.h"

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
	EXPECT_EQ(count(self->r, "created"), 1);
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

/* A stalled reader blocks no thread; the events it missed are counted. */
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
	EXPECT_EQ(self->r->lost + self->r->n, 6000 + 5);
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
		ASSERT_EQ(pthread_create(&thread[i], NULL, record_rounds, NULL), 0);
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
