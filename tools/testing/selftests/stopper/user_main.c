// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_main.c - stopper_main(): what it does in which order, what a service manager is told, and
 * with which status it ends.
 *
 * Each program is a child of the test. It writes a letter for each step into a pipe; the test plays
 * the service manager.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <stopper/main.h>
#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/program.h"

/* What the program of a test does. */
struct program {
	struct stopper_main_options opts;
	bool stuck;			/* a task that never ends */
	bool stops_itself;
	bool stuck_whole;		/* a worker, and a task of a child */
	bool stuck_worker;
	bool stuck_closer;
	bool stuck_until_deadline;	/* a task that waits for its on-stop context */
	bool probes;			/* starts a task in before_quiesce */
	bool from_task;
};

FIXTURE(managed)
{
	char dir[32];
	char path[64];
	int manager;			/* the socket of the service manager */
	int steps;			/* what the child writes */
	pid_t pid;
};

FIXTURE_SETUP(managed)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	strcpy(self->dir, "/tmp/user_main.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->path, sizeof(self->path), "%s/notify", self->dir);
	self->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strcpy(at.sun_path, self->path);
	ASSERT_EQ(0, bind(self->manager, (struct sockaddr *)&at, sizeof(at)));
	setenv("NOTIFY_SOCKET", self->path, 1);
	self->steps = -1;
	self->pid = -1;
}

FIXTURE_TEARDOWN(managed)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		child_status(self->pid);
	}
	close(self->manager);
	close(self->steps);
	unlink(self->path);
	rmdir(self->dir);
}

static int steps_to;
static struct stopper *server;

static void step(char what)
{
	if (write(steps_to, &what, 1) != 1)
		_exit(99);
}

static void probe(char admitted, char refused)
{
	step(stopper_run_task(server, NULL, "probe", nothing, NULL) ? refused : admitted);
}

static void on_ready(void *arg, bool ready)
{
	step(ready ? 'r' : 'n');
}

static void on_before_quiesce(void *arg)
{
	const struct program *p = arg;

	if (p->probes)
		probe('a', 'x');
	step('q');
}

static void on_remaining(void *arg, const struct stopper_task_info *info, unsigned int n)
{
	const struct program *p = arg;

	if (p->stuck_whole)
		step(n == 2 && !strcmp(info[0].name, "the worker") &&
		     !strcmp(info[1].name, "in the child") ? 'w' : '?');
	else if (p->stuck_closer)
		step(n == 1 && !strcmp(info->name, "the closer") ? 'c' : '?');
	else
		step(n == 1 && !strcmp(info->name, "stuck") && info->count == 1 ? 'o' : '?');
}

static struct env_counter begun;

static void never_ends(struct stopper_ctx *ctx, void *arg)
{
	env_inc(&begun);
	for (;;)
		pause();
}

static void closer_never_ends(void *arg)
{
	never_ends(NULL, NULL);
}

static int run_a_worker(void)
{
	int err = stopper_run_worker(server, NULL, "the worker", never_ends, NULL);

	while (!err && !env_get(&begun))
		env_nap();
	return err;
}

static int run_a_worker_and_a_child(void)
{
	struct stopper_options opts = {
		.size = sizeof(opts), .flags = STOPPER_QUIET, .parent = server,
	};
	static struct stopper_task task;
	struct stopper *child;
	int err;

	err = stopper_create(&child, "child", &opts);
	err = err ?: stopper_task_begin(child, NULL, "in the child", &task);
	return err ?: run_a_worker();
}

static int begin_a_stop_that_closes(void)
{
	int err = stopper_add_closer_fn(server, "the closer", closer_never_ends, NULL);

	err = err ?: stopper_stop_async(server);
	while (!err && !env_get(&begun))
		env_nap();
	return err;
}

static void main_of_a_task(struct stopper_ctx *ctx, void *status)
{
	*(int *)status = stopper_main(server, NULL);
}

static void wait_deadline(struct stopper_ctx *ctx, void *arg)
{
	struct stopper_cause why;

	stopper_wait(stopper_ctx_done(ctx), NULL);
	step(stopper_ctx_cause(ctx, &why) && why.err == -ETIMEDOUT ? 'd' : '?');
}

static int run_until_deadline(void)
{
	struct stopper_ctx *ctx;
	int err = stopper_ctx_with_cancel_on_stop(server, NULL, &ctx);

	err = err ?: stopper_run_async_task(server, ctx, "stuck", wait_deadline, NULL);
	stopper_ctx_put(ctx);
	return err;
}

static int program_main(struct program *p)
{
	const struct stopper_options quiet = { .size = sizeof(quiet), .flags = STOPPER_QUIET };
	static struct stopper_task task;
	int status;

	p->opts.size = sizeof(p->opts);
	p->opts.arg = p;
	if (stopper_create(&server, "server", &quiet))
		return 98;
	if (p->from_task) {
		stopper_run_task(server, NULL, "task", main_of_a_task, &status);
		return status;
	}
	if (p->stuck && stopper_task_begin(server, NULL, "stuck", &task))
		return 97;
	if (p->stuck_whole && run_a_worker_and_a_child())
		return 95;
	if (p->stuck_worker && run_a_worker())
		return 93;
	if (p->stuck_closer && begin_a_stop_that_closes())
		return 94;
	if (p->stuck_until_deadline && run_until_deadline())
		return 96;
	if (p->stops_itself)
		stopper_stop_async(server);
	status = stopper_main(server, &p->opts);
	/* On a slow machine the task may need longer than the last quarter of the grace time. */
	if (p->stuck_until_deadline)
		status = stopper_stop(server, NULL);
	if (!status)
		probe('X', 'e');
	return status;
}

static void begin(FIXTURE_DATA(managed) * self, struct program *p)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return;
	self->pid = fork();
	if (!self->pid) {
		steps_to = fds[1];
		_exit(program_main(p));
	}
	close(fds[1]);
	self->steps = fds[0];
}

/* The next message to the service manager whose first line begins with @what. */
static bool is_told(FIXTURE_DATA(managed) * self, const char *what, char *text, size_t size)
{
	struct pollfd p = { .fd = self->manager, .events = POLLIN };
	ssize_t n;

	while (poll(&p, 1, 60 * 1000) == 1) {
		n = recv(self->manager, text, size - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		if (!strncmp(text, what, strlen(what)))
			return true;
	}
	return false;
}

/* All steps up to the end of the program. */
static const char *all_steps(FIXTURE_DATA(managed) * self, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1 && (n = read(self->steps, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	return buf;
}

static int end_status(FIXTURE_DATA(managed) * self)
{
	int status = shell_status(child_status(self->pid));

	self->pid = -1;
	return status;
}

#define HOOKS	.ready = on_ready, .before_quiesce = on_before_quiesce, .on_remaining = on_remaining

TEST_F(managed, a_signal_ends_it_in_order)
{
	struct program p = { .opts = { HOOKS }, .probes = true };
	char text[600], steps[32];

	begin(self, &p);
	ASSERT_TRUE(is_told(self, "READY=1", text, sizeof(text)));
	kill(self->pid, SIGTERM);
	EXPECT_TRUE(is_told(self, "STOPPING=1", text, sizeof(text)));
	/* Ready, not ready, tasks still admitted, the hook; refused in the end. */
	EXPECT_STREQ("rnaqe", all_steps(self, steps, sizeof(steps)));
	EXPECT_EQ(0, end_status(self));
}

TEST_F(managed, without_options_sigint_ends_it)
{
	struct program p = { .probes = false };
	char text[600];

	begin(self, &p);
	ASSERT_TRUE(is_told(self, "READY=1", text, sizeof(text)));
	kill(self->pid, SIGINT);
	EXPECT_EQ(0, end_status(self));
}

TEST_F(managed, only_the_given_signals_end_it)
{
	static const int usr1 = SIGUSR1;
	struct program p = { .opts = { .signals = &usr1, .nsignals = 1 } };
	char text[600];

	begin(self, &p);
	ASSERT_TRUE(is_told(self, "READY=1", text, sizeof(text)));
	kill(self->pid, SIGTERM);
	EXPECT_EQ(128 + SIGTERM, end_status(self));
}

TEST_F(managed, what_remains_after_the_grace_time_is_told)
{
	struct program p = { .opts = { HOOKS, .grace_ns = 1 }, .stuck = true };
	char text[600], steps[32];

	begin(self, &p);
	ASSERT_TRUE(is_told(self, "READY=1", text, sizeof(text)));
	kill(self->pid, SIGTERM);
	EXPECT_STREQ("rnqo", all_steps(self, steps, sizeof(steps)));
	EXPECT_EQ(1, end_status(self));
}

TEST_F(managed, workers_closers_and_children_that_remain_are_told)
{
	struct program whole = { .opts = { HOOKS, .grace_ns = 1 }, .stuck_whole = true };
	struct program closer = { .opts = { HOOKS, .grace_ns = 1 }, .stuck_closer = true };
	char text[600], steps[32];

	begin(self, &whole);
	ASSERT_TRUE(is_told(self, "READY=1", text, sizeof(text)));
	kill(self->pid, SIGTERM);
	EXPECT_STREQ("rnqw", all_steps(self, steps, sizeof(steps)));
	EXPECT_EQ(1, end_status(self));
	close(self->steps);
	begin(self, &closer);
	EXPECT_STREQ("rnqc", all_steps(self, steps, sizeof(steps)));
	EXPECT_EQ(1, end_status(self));
}

TEST_F(managed, contexts_end_before_the_grace_time_is_over)
{
	struct program p = { .opts = { .grace_ns = 100 * ENV_MSEC }, .stuck_until_deadline = true };
	char text[600], steps[32];

	begin(self, &p);
	ASSERT_TRUE(is_told(self, "READY=1", text, sizeof(text)));
	kill(self->pid, SIGTERM);
	EXPECT_STREQ("de", all_steps(self, steps, sizeof(steps)));
	EXPECT_EQ(0, end_status(self));
}

TEST_F(managed, a_manager_is_told_whom_the_stop_waits_for)
{
	struct program p = { .opts = { .grace_ns = STOPPER_MAIN_NO_GRACE }, .stuck = true };
	char text[600];

	begin(self, &p);
	ASSERT_TRUE(is_told(self, "READY=1", text, sizeof(text)));
	kill(self->pid, SIGTERM);
	ASSERT_TRUE(is_told(self, "STATUS=waits for 1 tasks, oldest ", text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, ": stuck\nEXTEND_TIMEOUT_USEC="));
	/* And again, as long as it waits. */
	EXPECT_TRUE(is_told(self, "STATUS=waits for 1 tasks, oldest ", text, sizeof(text)));
}

/* Of the child's task and the worker, the task is waited for first. */
TEST_F(managed, a_manager_is_told_of_children_workers_and_closers)
{
	static const struct {
		struct program p;
		const char *waits, *what;
	} c[] = {
		{ { .stuck_whole = true }, "STATUS=waits for 1 tasks, oldest ",
		  ": in the child of child\nEXTEND_TIMEOUT_USEC=" },
		{ { .stuck_worker = true }, "STATUS=waits for 1 workers, oldest ",
		  ": the worker\nEXTEND_TIMEOUT_USEC=" },
		{ { .stuck_closer = true }, "STATUS=waits for 1 closers, oldest ",
		  ": the closer\nEXTEND_TIMEOUT_USEC=" },
	};
	struct program p;
	char text[600];
	unsigned int i;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		p = c[i].p;
		p.opts.grace_ns = STOPPER_MAIN_NO_GRACE;
		begin(self, &p);
		ASSERT_TRUE(is_told(self, "READY=1", text, sizeof(text)));
		kill(self->pid, SIGTERM);
		EXPECT_TRUE(is_told(self, c[i].waits, text, sizeof(text)));
		EXPECT_NE(NULL, strstr(text, c[i].what));
		kill(self->pid, SIGKILL);
		end_status(self);
		close(self->steps);
		self->steps = -1;
	}
}

TEST_F(managed, tasks_are_admitted_in_the_lame_duck_time)
{
	struct program p = { .opts = { HOOKS, .lame_duck_ns = 50 * ENV_MSEC }, .probes = true };
	char text[600], steps[32];

	begin(self, &p);
	ASSERT_TRUE(is_told(self, "READY=1", text, sizeof(text)));
	kill(self->pid, SIGTERM);
	EXPECT_STREQ("rnaqe", all_steps(self, steps, sizeof(steps)));
	EXPECT_EQ(0, end_status(self));
}

TEST_F(managed, a_second_signal_ends_it_at_once)
{
	struct program p = { .opts = { HOOKS, .lame_duck_ns = STOPPER_MAIN_NO_GRACE } };
	char text[600], steps[32];
	int status;

	begin(self, &p);
	ASSERT_TRUE(is_told(self, "READY=1", text, sizeof(text)));
	kill(self->pid, SIGTERM);
	ASSERT_TRUE(is_told(self, "STOPPING=1", text, sizeof(text)));
	/* Until it is no repetition of the first. */
	while (!waitpid(self->pid, &status, WNOHANG)) {
		kill(self->pid, SIGTERM);
		env_sleep(50 * ENV_MSEC);
	}
	self->pid = -1;
	EXPECT_EQ(128 + SIGTERM, shell_status(status));
	EXPECT_STREQ("rn", all_steps(self, steps, sizeof(steps)));
}

TEST_F(managed, a_stop_by_somebody_else_ends_it)
{
	struct program p = { .opts = { HOOKS, .lame_duck_ns = STOPPER_MAIN_NO_GRACE },
			     .stops_itself = true, .probes = true };
	char steps[32];

	begin(self, &p);
	EXPECT_STREQ("rnxqe", all_steps(self, steps, sizeof(steps)));
	EXPECT_EQ(0, end_status(self));
}

TEST_F(managed, the_watchdog_is_fed)
{
	struct program p = { .probes = false };
	char text[600];

	setenv("WATCHDOG_USEC", "20000", 1);
	begin(self, &p);
	unsetenv("WATCHDOG_USEC");
	EXPECT_TRUE(is_told(self, "WATCHDOG=1", text, sizeof(text)));
	EXPECT_TRUE(is_told(self, "WATCHDOG=1", text, sizeof(text)));
	kill(self->pid, SIGTERM);
	EXPECT_EQ(0, end_status(self));
}

TEST_F(managed, without_a_manager_nothing_is_missing)
{
	struct program p = { .opts = { HOOKS }, .stops_itself = true };
	char steps[32];

	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	begin(self, &p);
	EXPECT_STREQ("rnqe", all_steps(self, steps, sizeof(steps)));
	EXPECT_EQ(0, end_status(self));
	unsetenv("NOTIFY_SOCKET");
	begin(self, &p);
	EXPECT_STREQ("rnqe", all_steps(self, steps, sizeof(steps)));
	EXPECT_EQ(0, end_status(self));
}

TEST_F(managed, a_wrong_argument_is_status_2)
{
	struct program from_task = { .from_task = true };
	struct program reserved = { .opts = { .reserved = 1 } };
	struct program negative = { .opts = { .grace_ns = -1 } };
	struct program no_signals = { .opts = { .nsignals = 1 } };

	EXPECT_EQ(2, stopper_main(NULL, NULL));
	begin(self, &from_task);
	EXPECT_EQ(2, end_status(self));
	begin(self, &reserved);
	EXPECT_EQ(2, end_status(self));
	begin(self, &negative);
	EXPECT_EQ(2, end_status(self));
	begin(self, &no_signals);
	EXPECT_EQ(2, end_status(self));
}

TEST_HARNESS_MAIN
