// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_process.c - what a process may do with the library's threads around: fork, exec, signals and
 * cancellation. Each test runs with each way to wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stopper/print.h>
#include <stopper/signal.h>
#include <stopper/stopper.h>
#include <stopper/trace.h>
#include <stopper/uring.h>
#include "env/each_way.h"
#include "env/program.h"

/* --- fork and exec ---------------------------------------------------------------------------- */

/* Everything that has a descriptor, in use; the recorder's file is @trace. */
static int busy(struct stopper **s, const char *trace)
{
	const int sig = SIGUSR2;
	int i;

	if (trace && stopper_trace_start(trace))
		return __LINE__;
	if (stopper_create(s, "busy", NULL) || stopper_stop_on_signals(*s, &sig, 1))
		return __LINE__;
	for (i = 0; i < 4; i++)
		if (stopper_run_async_task(*s, NULL, "task", wait_quiesce, *s) ||
		    stopper_run_worker(*s, NULL, "worker", wait_stop, *s))
			return __LINE__;
	return stopper_event_fd(stopper_should_quiesce(*s)) < 0 ? __LINE__ : 0;
}

/* In a child: shows what is open in a program that it becomes. */
static void show_descriptors(int out)
{
	dup2(out, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", "ls -l /proc/self/fd", NULL);
	_exit(1);
}

struct forker {
	struct stopper *s;
	char text[4096];
	int status;
};

static void fork_and_exec(struct stopper_ctx *ctx, void *arg)
{
	struct forker *f = arg;
	size_t len = 0;
	int out[2];
	ssize_t n;
	pid_t pid;

	if (pipe(out))
		abort();
	pid = fork();
	if (!pid)
		show_descriptors(out[1]);
	close(out[1]);
	while ((n = read(out[0], f->text + len, sizeof(f->text) - 1 - len)) > 0)
		len += n;
	f->text[len] = '\0';
	close(out[0]);
	f->status = child_status(pid);
}

/* Nothing of ours is in a program that is executed. */
TEST_F(each_way, exec_from_a_task_or_worker_hands_on_no_descriptor)
{
	static const char * const ours[] = {
		"anon_inode", "eventfd", "io_uring", "stopper-record-",
	};
	char trace[] = "/tmp/stopper-record-XXXXXX";
	struct forker f[2] = { { .s = NULL } };
	struct stopper *s = NULL;
	int i, j;

	close(mkstemp(trace));
	ASSERT_EQ(busy(&s, trace), 0);
	ASSERT_EQ(stopper_run_worker(s, NULL, "forks", fork_and_exec, &f[0]), 0);
	ASSERT_EQ(stopper_run_async_task(s, NULL, "forks", fork_and_exec, &f[1]), 0);
	ASSERT_EQ(stopper_stop(s, NULL), 0);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(f[i].status, 0);
		EXPECT_NE(strstr(f[i].text, "pipe"), NULL);
		for (j = 0; j < 4; j++)
			EXPECT_EQ(strstr(f[i].text, ours[j]), NULL)
				TH_LOG("%s", f[i].text);
	}
	EXPECT_EQ(stopper_trace_stop(), 0);
	unlink(trace);
	stopper_put(s);
}

/* The child of a fork() in a task may not use the library: it gets -ENOTSUP and may exit. */
static void fork_in_task(struct stopper_ctx *ctx, void *arg)
{
	struct forker *f = arg;
	struct stopper *s = NULL;
	pid_t pid = fork();

	if (!pid) {
		alarm(20);
		if (stopper_create(&s, "child", NULL) != -ENOTSUP ||
		    stopper_stop(f->s, NULL) != -ENOTSUP ||
		    stopper_quiesce(f->s, NULL) != -ENOTSUP ||
		    stopper_stop_async(f->s) != -ENOTSUP ||
		    stopper_run_async_task(f->s, NULL, "task", wait_quiesce, f->s) != -ENOTSUP ||
		    stopper_run_worker(f->s, NULL, "worker", wait_quiesce, f->s) != -ENOTSUP ||
		    stopper_debug_print(stdout) != -ENOTSUP)
			_exit(1);
#ifdef __SANITIZE_ADDRESS__
		_exit(0);	/* what threads held that are not here is no leak */
#endif
		exit(0);
	}
	f->status = child_status(pid);
}

TEST_F(each_way, child_forked_in_a_task_is_told_and_exits)
{
	struct forker f[3] = { { .s = NULL } };
	struct stopper *s = NULL;
	int i;

	ASSERT_EQ(busy(&s, NULL), 0);
	for (i = 0; i < 3; i++) {
		f[i].s = s;
		f[i].status = -1;
	}
	ASSERT_EQ(stopper_run_task(s, NULL, "forks", fork_in_task, &f[0]), 0);
	ASSERT_EQ(stopper_run_async_task(s, NULL, "forks", fork_in_task, &f[1]), 0);
	ASSERT_EQ(stopper_run_worker(s, NULL, "forks", fork_in_task, &f[2]), 0);
	ASSERT_EQ(stopper_stop(s, NULL), 0);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(f[i].status, 0);
	stopper_put(s);
}

/* --- interrupted ------------------------------------------------------------------------------ */

#define STRUCK	6
#define STORM	4000

struct storm {
	struct stopper *s;
	struct stopper_event ev, never;
	struct stopper_sem sem;
	pthread_t struck[STRUCK];
	int wrong[STRUCK], over;
	unsigned int hits;
};

struct under {
	struct storm *st;
	int i;
};

static unsigned int handled;

static void on_signal(int sig)
{
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
}

/* 0, or the line: a deadline is kept, and none comes early. */
static int wait_with_deadline(struct storm *st, int which)
{
	int64_t until = env_now() + 5 * ENV_MSEC;
	struct stopper_event *evs[] = { NULL, &st->never };
	struct stopper_ctx *ctx;
	int err;

	if (stopper_ctx_with_deadline(NULL, until, &ctx))
		return __LINE__;
	switch (which) {
	case 0:
		err = stopper_wait(&st->never, ctx);
		break;
	case 1:
		err = stopper_sem_acquire(&st->sem, ctx);
		break;
	case 2:
		err = stopper_stop(st->s, ctx);
		break;
	case 3:
		err = stopper_wait_any(evs, 2, ctx);
		break;
	default:
		err = stopper_quiesce(st->s, ctx);
	}
	stopper_ctx_put(ctx);
	if (err != -ETIMEDOUT)
		return __LINE__;
	return env_now() < until ? __LINE__ : 0;
}

static void *struck(void *arg)
{
	struct under *u = arg;
	int *wrong = &u->st->wrong[u->i];

	/* The last one waits for what comes at the end, through all of it. */
	if (u->i == STRUCK - 1)
		*wrong = stopper_wait(&u->st->ev, NULL);
	while (!*wrong && u->i < STRUCK - 1 && !__atomic_load_n(&u->st->over, __ATOMIC_ACQUIRE))
		*wrong = wait_with_deadline(u->st, u->i);
	return NULL;
}

TEST_F(each_way, waits_stand_a_storm_of_signals)
{
	const struct sigaction sa = { .sa_handler = on_signal };
	const struct timespec gap = { 0, 50000 };
	struct under u[STRUCK];
	struct storm st = { .over = 0 };
	struct stopper_task task;
	int i, n;

	sigaction(SIGUSR1, &sa, NULL);
	stopper_event_init(&st.ev);
	stopper_event_init(&st.never);
	ASSERT_EQ(stopper_create(&st.s, "storm", NULL), 0);
	ASSERT_EQ(stopper_sem_init(&st.sem, 1), 0);
	ASSERT_EQ(stopper_sem_acquire(&st.sem, NULL), 0);
	ASSERT_EQ(stopper_task_begin(st.s, NULL, "held", &task), 0);
	for (i = 0; i < STRUCK; i++) {
		u[i] = (struct under){ &st, i };
		ASSERT_EQ(pthread_create(&st.struck[i], NULL, struck, &u[i]), 0);
	}
	for (n = 0; n < STORM; n++) {
		pthread_kill(st.struck[n % STRUCK], SIGUSR1);
		nanosleep(&gap, NULL);
	}
	__atomic_store_n(&st.over, 1, __ATOMIC_RELEASE);
	stopper_event_fire(&st.ev);
	for (i = 0; i < STRUCK; i++)
		ASSERT_EQ(pthread_join(st.struck[i], NULL), 0);
	for (i = 0; i < STRUCK; i++)
		EXPECT_EQ(st.wrong[i], 0);
	EXPECT_GT(handled, STORM / 10);
	EXPECT_EQ(stopper_sem_length(&st.sem), 1);
	stopper_task_end(&task);
	EXPECT_EQ(stopper_stop(st.s, NULL), 0);
	stopper_put(st.s);
}

/* --- cancelled -------------------------------------------------------------------------------- */

struct cancelled {
	struct stopper *s, *done;
	struct stopper_event never;
	struct stopper_sem sem;
	int at;		/* the line it came to */
};

#define GOES_ON(cond) do {							\
	c->at = __LINE__;							\
	if (!(cond))								\
		return c;							\
} while (0)

/* Cancelled from the beginning; what waits or looks is no cancellation point, so it goes on. */
static void *use_all_cancelled(void *arg)
{
	struct stopper_options opts = { .size = sizeof(opts), .log = quiet };
	struct cancelled *c = arg;
	struct stopper_event ev, *evs[] = { NULL, &c->never };
	struct stopper_ctx *ctx = NULL;
	struct stopper *s = NULL;
	FILE *null = fopen("/dev/null", "w");
	char map[64];

	setbuf(null, NULL);
	pthread_cancel(pthread_self());
	GOES_ON(stopper_wait_backend());
	GOES_ON(!stopper_ctx_with_timeout(NULL, 30 * ENV_MSEC, &ctx));
	GOES_ON(stopper_wait(&c->never, ctx) == -ETIMEDOUT);
	GOES_ON(stopper_wait_any(evs, 2, ctx) == -ETIMEDOUT);
	GOES_ON(stopper_sem_acquire(&c->sem, ctx) == -ETIMEDOUT);
	GOES_ON(stopper_run_limited_async_task(c->s, ctx, "limited", &c->sem, true, wait_stop,
					       c->s) == -ETIMEDOUT);
	GOES_ON(!stopper_trace_start("/dev/null"));
	GOES_ON(!stopper_run_task(c->s, NULL, "recorded", nothing, NULL));
	GOES_ON(!stopper_trace_stop());
	stopper_ctx_put(ctx);
	GOES_ON(!stopper_ctx_with_timeout(NULL, 30 * ENV_MSEC, &ctx));
	/* both report a stall on their way: see stall_ns */
	GOES_ON(stopper_quiesce(c->s, ctx) == -ETIMEDOUT);
	stopper_ctx_put(ctx);
	GOES_ON(!stopper_ctx_with_timeout(NULL, 30 * ENV_MSEC, &ctx));
	GOES_ON(stopper_stop(c->s, ctx) == -ETIMEDOUT);
	stopper_ctx_put(ctx);
	GOES_ON(!stopper_debug_print(null));
	GOES_ON(stopper_task_map(c->s, map, sizeof(map)) > 0);
	stopper_event_init(&ev);
	GOES_ON(stopper_event_fd(&ev) >= 0 && stopper_event_fire(&ev));
	stopper_event_destroy(&ev);
	/* a whole life of one more */
	GOES_ON(!stopper_create(&s, "cancelled", &opts));
	GOES_ON(stopper_event_fd(stopper_is_stopped(s)) >= 0);
	GOES_ON(!stopper_run_async_task(s, NULL, "task", wait_quiesce, s));
	GOES_ON(!stopper_run_worker(s, NULL, "worker", wait_stop, s));
	GOES_ON(!stopper_stop(s, NULL));
	stopper_put(s);
	GOES_ON(true);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	fclose(null);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	c->at = 0;
	cancellation_point();
	return c;
}

TEST_F(each_way, no_call_is_a_cancellation_point)
{
	struct stopper_options opts = {
		.size = sizeof(opts), .log = quiet, .stall_ns = ENV_MSEC, .stall_max_ns = ENV_MSEC,
	};
	struct cancelled c = { .s = NULL };
	struct stopper_task task;
	pthread_t thread;
	void *ret;

	ASSERT_EQ(stopper_create(&c.s, "cancelled", &opts), 0);
	ASSERT_EQ(stopper_sem_init(&c.sem, 1), 0);
	ASSERT_EQ(stopper_sem_acquire(&c.sem, NULL), 0);
	stopper_event_init(&c.never);
	ASSERT_EQ(stopper_task_begin(c.s, NULL, "held", &task), 0);
	ASSERT_EQ(pthread_create(&thread, NULL, use_all_cancelled, &c), 0);
	ASSERT_EQ(pthread_join(thread, &ret), 0);
	EXPECT_EQ(ret, PTHREAD_CANCELED);
	ASSERT_EQ(c.at, 0);
	stopper_task_end(&task);
	EXPECT_EQ(stopper_stop(c.s, NULL), 0);
	stopper_put(c.s);
}

TEST_HARNESS_MAIN
