// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_stderr.c - a log line to standard error never blocks or kills the process or delays a stop;
 * lines that cannot be written are counted.
 *
 * The reporting process is a child whose standard error is a pipe, a socket or closed. Putting a
 * running stopper is reported at once, in several lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/program.h"

#define REPORTED	42

static void report(void)
{
	struct stopper *s;

	if (!stopper_create(&s, "leaked", NULL))
		stopper_put(s);
}

/* As full as it can be. */
static void fill(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while (write(fd, "xxxxxxxxxxxxxxx\n", 16) > 0)
		;
	while (write(fd, "\n", 1) > 0)
		;
	fcntl(fd, F_SETFL, flags);
}

/* What @fd has now, as a string that the caller frees. */
static char *read_all(int fd)
{
	size_t size = 1 << 20, len = 0;
	char *text = calloc(1, size);
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (text && len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	return text;
}

static int report_to(int fd)
{
	pid_t pid = fork();

	if (pid)
		return shell_status(child_status(pid));
	signal(SIGPIPE, SIG_DFL);
	if (fd < 0)
		close(STDERR_FILENO);
	else
		dup2(fd, STDERR_FILENO);
	report();
	_exit(REPORTED);
}

/* The library looks for the journal when it is loaded, so the reporting process is a new one. */
__attribute__((constructor)) static void report_if_asked(void)
{
	if (!getenv("USER_STDERR_REPORTS"))
		return;
	report();
	_exit(REPORTED);
}

static char *report_with_stream(int out, unsigned long ino)
{
	char stream[64];
	struct stat st;
	char *text;
	pid_t pid;

	if (fstat(out, &st))
		return NULL;
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)(ino ?: st.st_ino));
	pid = fork();
	if (!pid) {
		dup2(out, STDERR_FILENO);
		setenv("JOURNAL_STREAM", stream, 1);
		setenv("USER_STDERR_REPORTS", "1", 1);
		execl("/proc/self/exe", "user_stderr", NULL);
		_exit(1);
	}
	if (shell_status(child_status(pid)) != REPORTED)
		return NULL;
	lseek(out, 0, SEEK_SET);
	text = read_all(out);
	if (ftruncate(out, 0))
		return NULL;
	lseek(out, 0, SEEK_SET);
	return text;
}

TEST(lines_to_the_journal_have_a_priority)
{
	int out = memfd_create("stderr", MFD_CLOEXEC);
	char *text;

	ASSERT_GE(out, 0);
	text = report_with_stream(out, 0);
	ASSERT_NE(NULL, text);
	EXPECT_EQ(0, strncmp(text, "<3>stopper: ", 12));
	EXPECT_NE(NULL, strstr(text, "\n<3>stopper: "));
	free(text);
	/* Standard error was redirected since. */
	text = report_with_stream(out, 1);
	ASSERT_NE(NULL, text);
	EXPECT_EQ(0, strncmp(text, "stopper: ", 9));
	free(text);
	close(out);
}

TEST(a_full_pipe_holds_up_nobody)
{
	char *text;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	fill(p[1]);
	ASSERT_EQ(REPORTED, report_to(p[1]));
	/* O_NONBLOCK would be the parent's too. */
	ASSERT_EQ(0, fcntl(p[1], F_GETFL) & O_NONBLOCK);
	text = read_all(p[0]);
	ASSERT_EQ(NULL, strstr(text, "leaked"));
	free(text);
}

TEST(a_full_socket_holds_up_nobody)
{
	int p[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	fill(p[1]);
	ASSERT_EQ(REPORTED, report_to(p[1]));
}

TEST(a_socket_is_written_to)
{
	char *text;
	int p[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	ASSERT_EQ(REPORTED, report_to(p[1]));
	text = read_all(p[0]);
	ASSERT_NE(NULL, strstr(text, "stopper: stopper \"leaked\""));
	free(text);
}

TEST(a_reader_that_has_gone_kills_nobody)
{
	int p[2];

	ASSERT_EQ(0, pipe(p));
	close(p[0]);
	ASSERT_EQ(REPORTED, report_to(p[1]));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	close(p[0]);
	ASSERT_EQ(REPORTED, report_to(p[1]));
	ASSERT_EQ(REPORTED, report_to(-1));
}

static bool is_pending(int sig)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, sig);
}

/* A SIGPIPE that was pending before is the program's. */
TEST(a_pending_sigpipe_is_left_alone)
{
	sigset_t set;
	int p[2], i;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ASSERT_EQ(0, pipe(p));
	close(p[0]);
	ASSERT_NE(-1, dup2(p[1], STDERR_FILENO));
	for (i = 0; i < 2; i++) {
		report();
		ASSERT_EQ(i, is_pending(SIGPIPE));
		raise(SIGPIPE);
	}
}

TEST(dropped_lines_are_counted_in_the_next_one)
{
	char *text, *count;
	unsigned int n = 0;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	fill(p[1]);
	ASSERT_NE(-1, dup2(p[1], STDERR_FILENO));
	report();
	free(read_all(p[0]));
	report();
	text = read_all(p[0]);
	count = strstr(text, "stopper: ");
	ASSERT_NE(NULL, count);
	n = (unsigned int)strtoul(count + strlen("stopper: "), &count, 10);
	ASSERT_EQ(0, strncmp(count, " log lines dropped", 18));
	ASSERT_LE(3, n);
	ASSERT_NE(NULL, strstr(text, "stopper: stopper \"leaked\""));
	/* Once. */
	report();
	free(text);
	text = read_all(p[0]);
	ASSERT_EQ(NULL, strstr(text, "dropped"));
	free(text);
}

/* Reports fill the pipe while the stop waits; then its task may end. */
static void stop_with_reports(int may_end)
{
	struct stopper_options opts = { .size = sizeof(opts), .stall_ns = 1, .stall_max_ns = 1 };
	struct stopper_task task;
	struct stopper *s;
	char c;

	if (stopper_create(&s, "stops", &opts) || stopper_task_begin(s, NULL, "task", &task) ||
	    stopper_stop_async(s))
		_exit(1);
	while (read(may_end, &c, 1) != 1)
		;
	stopper_task_end(&task);
	_exit(stopper_wait(stopper_is_stopped(s), NULL) ? 2 : REPORTED);
}

TEST(a_stop_ends_though_its_reports_have_filled_the_pipe)
{
	int p[2], end[2], used = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, pipe(end));
	if (fcntl(p[1], F_SETPIPE_SZ, 4096) != 4096)
		SKIP(return, "a pipe cannot be made smaller");
	pid = fork();
	if (!pid) {
		dup2(p[1], STDERR_FILENO);
		stop_with_reports(end[0]);
	}
	while (used < 4096 - 640) {
		ASSERT_EQ(0, ioctl(p[0], FIONREAD, &used));
		env_sleep(5 * ENV_MSEC);
	}
	ASSERT_EQ(1, write(end[1], "e", 1));
	ASSERT_EQ(REPORTED, shell_status(child_status(pid)));
}

TEST_HARNESS_MAIN
