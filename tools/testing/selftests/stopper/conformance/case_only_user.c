// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_only_user.c - cases that only userspace can have; each is listed in ../build-only.
 *
 * A thread can be unwound here, so a synchronous task can panic; and the debug
 * list is a function, so a case can read it.
 */
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <stopper/print.h>
#include "case.h"

/* Does unwinding run the handlers of pthread_cleanup_push()? Not in musl. */
#ifdef __GLIBC__
#define HANDLERS_ARE_UNWOUND	true
#else
#define HANDLERS_ARE_UNWOUND	false
#endif

static int token;

static void panic_fn(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(&token);
}

static int panic_err_fn(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(&token);
}

static void panic_in_a_sync_task_returns_to_its_caller(void)
{
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(stopper_run_task(h.s, NULL, "doomed", panic_fn, NULL), 0);
	CHECK_EQ(env_get(&h.calls), 1);
	CHECK_EQ(h.kind, STOPPER_PANIC_TASK);
	CHECK(h.value == &token);
	CHECK_EQ(h.tid, env_tid());
	CHECK(!h.died);
	CHECK_EQ(h.tasks, 1);
	CHECK_STR(h.name, "doomed");
	CHECK_EQ(stopper_num_tasks(h.s), 0);
	CHECK_EQ(stopper_run_task_err(h.s, NULL, "doomed", panic_err_fn, NULL), -EOWNERDEAD);
	CHECK_EQ(env_get(&h.calls), 2);
	CHECK_EQ(stopper_num_tasks(h.s), 0);
	stop_and_put(h.s);
}

struct nest {
	struct case_panics *h;
	struct env_counter after;
};

static void run_inner(struct stopper_ctx *ctx, void *arg)
{
	struct nest *n = arg;

	CHECK_EQ(stopper_run_task(n->h->s, NULL, "inner", panic_fn, NULL), 0);
	CHECK_EQ(stopper_num_tasks(n->h->s), 1);
	env_inc(&n->after);
}

static void panic_ends_the_innermost_only(void)
{
	struct case_panics h;
	struct nest n = { .h = &h };

	case_panics_init(&h);
	CHECK_EQ(stopper_run_task(h.s, NULL, "outer", run_inner, &n), 0);
	CHECK_EQ(env_get(&n.after), 1);
	CHECK_STR(h.name, "inner");
	CHECK_EQ(h.tasks, 2);
	CHECK_EQ(stopper_run_async_task(h.s, NULL, "outer", run_inner, &n), 0);
	CHECK_SOON(env_get(&n.after) == 2);
	stop_and_put(h.s);
	CHECK_EQ(env_get(&h.calls), 2);
}

static void panic_in_a_recover_scope_returns_eownerdead(void)
{
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(stopper_recover(h.s, NULL, "scope", panic_fn, NULL), -EOWNERDEAD);
	CHECK_EQ(env_get(&h.calls), 1);
	CHECK_EQ(h.kind, STOPPER_PANIC_SCOPE);
	CHECK_EQ(h.tasks, 0);
	CHECK_STR(h.name, "scope");
	stop_and_put(h.s);
}

static void panic_in_plain_closer(void *arg)
{
	stopper_panic(&token);
}

static void panic_in_a_closer_on_the_thread_of_stop(void)
{
	struct env_counter closed = { 0 };
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(stopper_add_closer_fn(h.s, "doomed", panic_in_plain_closer, NULL), 0);
	CHECK_EQ(stopper_add_closer_fn(h.s, "last", case_count_plain, &closed), 0);
	CHECK_EQ(stopper_stop(h.s, NULL), 0);
	CHECK_EQ(h.kind, STOPPER_PANIC_CLOSER);
	CHECK_EQ(env_get(&closed), 1);
	/* one that its adder runs */
	CHECK_EQ(stopper_add_closer_fn(h.s, "doomed", panic_in_plain_closer, NULL), 0);
	CHECK_EQ(env_get(&h.calls), 2);
	stopper_put(h.s);
}

static void cleanup(void *counter)
{
	env_inc(counter);
}

static void panic_under_cleanup(struct stopper_ctx *ctx, void *counter)
{
	pthread_cleanup_push(cleanup, counter);
	stopper_panic(&token);
	pthread_cleanup_pop(0);
}

static void panic_runs_cleanup_handlers_on_its_way(void)
{
	struct env_counter cleaned = { 0 };
	struct case_panics h;

	if (!HANDLERS_ARE_UNWOUND) {
		case_skip("this libc has cleanup handlers that unwinding does not find");
		return;
	}
	case_panics_init(&h);
	CHECK_EQ(stopper_run_task(h.s, NULL, "doomed", panic_under_cleanup, &cleaned), 0);
	CHECK_EQ(env_get(&cleaned), 1);
	CHECK_EQ(stopper_run_async_task(h.s, NULL, "doomed", panic_under_cleanup, &cleaned), 0);
	CHECK_SOON(env_get(&cleaned) == 2);
	stop_and_put(h.s);
}

static void exit_fn(struct stopper_ctx *ctx, void *arg)
{
	pthread_exit(NULL);
}

static void exit_in_task(void *arg)
{
	struct case_panics *h = arg;

	stopper_run_task(h->s, NULL, "doomed", exit_fn, NULL);
	CHECK(!"the thread should have ended");
}

static void exit_in_nested_task(struct stopper_ctx *ctx, void *arg)
{
	exit_in_task(arg);
}

static void exit_in_outer_task(void *arg)
{
	struct case_panics *h = arg;

	stopper_run_task(h->s, NULL, "outer", exit_in_nested_task, h);
	CHECK(!"the thread should have ended");
}

static void thread_that_ends_in_sync_tasks_leaves_none_behind(void)
{
	struct env_thread thread;
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(env_spawn(&thread, exit_in_task, &h), 0);
	env_join(&thread);
	CHECK_EQ(stopper_num_tasks(h.s), 0);
	/* two of them, one in the other */
	CHECK_EQ(env_spawn(&thread, exit_in_outer_task, &h), 0);
	env_join(&thread);
	CHECK_EQ(stopper_num_tasks(h.s), 0);
	stop_and_put(h.s);
}

static void wait_to_be_cancelled(struct stopper_ctx *ctx, void *arg)
{
	env_inc(arg);
	for (;;)
		pause();
}

struct cancelled {
	struct case_panics h;
	struct env_counter in;
};

static void run_and_be_cancelled(void *arg)
{
	struct cancelled *c = arg;

	stopper_run_task(c->h.s, NULL, "doomed", wait_to_be_cancelled, &c->in);
}

static void cancelled_thread_leaves_no_task_behind(void)
{
	struct env_thread thread;
	struct cancelled c;

	memset(&c, 0, sizeof(c));
	case_panics_init(&c.h);
	CHECK_EQ(env_spawn(&thread, run_and_be_cancelled, &c), 0);
	CHECK_SOON(env_get(&c.in));
	CHECK_EQ(stopper_num_tasks(c.h.s), 1);
	pthread_cancel(thread.task);
	env_join(&thread);
	CHECK_EQ(stopper_num_tasks(c.h.s), 0);
	stop_and_put(c.h.s);
}

struct cancel_me {
	struct env_counter in;
	pthread_t self;
};

static void offer_myself(struct stopper_ctx *ctx, void *arg)
{
	struct cancel_me *c = arg;

	c->self = pthread_self();
	env_inc(&c->in);
	for (;;)
		pause();
}

static void async_task_whose_thread_is_cancelled_is_reported_as_died(void)
{
	struct cancel_me c = { .self = 0 };
	struct case_panics h;

#ifdef STOPPER_TSAN
	case_skip("TSan sees no order in what a thread does that was cancelled in a system call");
	return;
#endif
	case_panics_init(&h);
	CHECK_EQ(stopper_run_async_task(h.s, NULL, "doomed", offer_myself, &c), 0);
	CHECK_SOON(env_get(&c.in));
	pthread_cancel(c.self);
	CHECK_SOON(env_get(&h.calls) == 1);
	CHECK_EQ(h.kind, STOPPER_PANIC_ASYNC);
	CHECK(h.died);
	stop_and_put(h.s);
}

/* --- the debug list --------------------------------------------------------------------------- */

static char *debug_text(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	CHECK_EQ(stopper_debug_print(f), 0);
	fclose(f);
	return text;
}

static bool debug_says(const char *what)
{
	char *text = debug_text();
	bool says = strstr(text, what);

	free(text);
	return says;
}

static void debug_list_shows_workers_and_the_closer_that_runs(void)
{
	struct case_worker w = { .s = new_stopper(NULL) };
	struct case_call stop;
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_run_worker(w.s, NULL, "listed-worker", case_worker_fn, &w), 0);
	CHECK_EQ(stopper_add_closer_fn(w.s, "listed-closer", case_hold_closer_fn, &h), 0);
	CHECK_SOON(debug_says("  worker 1 \"listed-worker\" at "));
	CHECK(!debug_says("  closer "));
	case_stop_begin(&stop, w.s, NULL);
	CHECK_SOON(debug_says("  closer 1 \"listed-closer\", oldest "));
	CHECK(!debug_says("  worker "));
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(w.s);
	case_hold_destroy(&h);
}

#define ITEMS	64

struct drop_item {
	struct stopper_async async;
	int status;
};

static int drop_item_fn(struct stopper_ctx *ctx, struct stopper_async *async)
{
	(void)ctx;
	(void)async;
	return 0;
}

static void drop_item_done(struct stopper_async *async, int status)
{
	((struct drop_item *)async)->status = status;
}

/* In each way once; only the three async tasks are counted. */
static void be_refused(struct stopper *s, struct env_counter *ran)
{
	struct stopper_async record;
	struct stopper_task task;
	struct stopper_sem sem;

	stopper_sem_init(&sem, 1);
	stopper_async_init(&record, drop_item_fn, NULL);
	CHECK_EQ(stopper_run_task(s, NULL, "sync", case_count_fn, ran), -ESHUTDOWN);
	CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task), -ESHUTDOWN);
	CHECK_EQ(stopper_run_async_task(s, NULL, "async", case_count_fn, ran), -ESHUTDOWN);
	CHECK_EQ(stopper_async_start(s, NULL, "record", &record), -ESHUTDOWN);
	CHECK_EQ(stopper_run_limited_async_task(s, NULL, "limited", &sem, false, case_count_fn,
						ran), -ESHUTDOWN);
	stopper_sem_destroy(&sem);
	CHECK_EQ(env_get(ran), 0);
}

/* Returns how many of the items were dropped. */
static int refuse_round(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .flags = STOPPER_DROP_QUEUED };
	static struct drop_item items[ITEMS];
	struct stopper *s = new_stopper(&opts);
	struct env_counter ran = { 0 };
	char want[64] = ", refused 3\n";
	int i, dropped = 0;

	CHECK(!debug_says(", refused "));
	for (i = 0; i < ITEMS; i++) {
		stopper_async_init(&items[i].async, drop_item_fn, drop_item_done);
		CHECK_EQ(stopper_async_start(s, NULL, "item", &items[i].async), 0);
	}
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	for (i = 0; i < ITEMS; i++)
		dropped += items[i].status == -ESHUTDOWN;
	be_refused(s, &ran);
	if (dropped)
		snprintf(want, sizeof(want), ", refused 3, dropped %d\n", dropped);
	CHECK(debug_says(want));
	stop_and_put(s);
	return dropped;
}

static void debug_list_counts_what_was_refused_and_dropped(void)
{
	int64_t until = env_now() + ENV_BOUND;
	int dropped;

	do
		dropped = refuse_round();
	while (!dropped && env_now() < until);
	CHECK(dropped);
}

static void debug_list_shows_pending_timers(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_timer later, first;
	struct env_counter ran = { 0 };

	stopper_timer_init(&later, s, "later", case_count_fn, &ran);
	stopper_timer_init(&first, s, "first", case_count_fn, &ran);
	CHECK(!debug_says("  timers "));
	CHECK_EQ(stopper_run_after(&later, NULL, 7200 * ENV_SEC), 0);
	CHECK(debug_says("  timers 1, next \"later\" at "));
	CHECK_EQ(stopper_run_after(&first, NULL, 3600 * ENV_SEC), 0);
	CHECK(debug_says("  timers 2, next \"first\" at "));
	CHECK(debug_says(", due in 35"));
	CHECK_EQ(stopper_timer_cancel(&first), 1);
	CHECK(debug_says("  timers 1, next \"later\" at "));
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK(!debug_says("  timers "));
	CHECK_EQ(env_get(&ran), 0);
	stop_and_put(s);
}

struct in_line {
	struct env_thread thread;
	struct stopper *s;
	struct stopper_sem sem;
	struct env_counter ran;
};

static void wait_in_line(void *arg)
{
	struct in_line *l = arg;

	CHECK_EQ(stopper_run_limited_async_task(l->s, NULL, "limited", &l->sem, true,
						case_count_fn, &l->ran), 0);
}

static void debug_list_shows_the_semaphore_that_is_waited_for(void)
{
	struct in_line l = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_sem_init(&l.sem, 1), 0);
	CHECK_EQ(stopper_sem_try_acquire(&l.sem), 0);
	CHECK_EQ(env_spawn(&l.thread, wait_in_line, &l), 0);
	CHECK_SOON(debug_says(", waiters 1\n"));
	CHECK(debug_says("\n  semaphore: held 1 of 1, waiters 1, first \"limited\" at "));
	CHECK(debug_says(" wait_in_line by thread "));
	stopper_sem_set_name(&l.sem, "disk\tslots");
	CHECK(debug_says("\n  semaphore \"disk\\tslots\": held 1 of 1, waiters 1, first "));
	stopper_sem_release(&l.sem);
	env_join(&l.thread);
	CHECK(!debug_says(", waiters 1\n"));
	CHECK(!debug_says("\n  semaphore: "));
	stop_and_put(l.s);
	CHECK_EQ(env_get(&l.ran), 1);
	stopper_sem_destroy(&l.sem);
}

static void debug_list_shows_threads_and_whether_one_asked(void)
{
	struct stopper_task task;
	struct stopper *s = new_stopper(NULL);
	char comm[16], line[64];

	env_comm(comm, sizeof(comm));
	CHECK(debug_says("  stop not asked\n"));
	CHECK_EQ(stopper_task_begin(s, NULL, "mine", &task), 0);
	snprintf(line, sizeof(line), "    thread %d \"%s\" running for ", env_tid(), comm);
	CHECK(debug_says(line));
	stopper_task_end(&task);
	stop_and_put(s);
}

struct held {
	struct stopper *s;
	struct stopper_task task;
	struct env_counter tid;
};

static void begin_and_go(void *task)
{
	struct held *h = task;

	CHECK_EQ(stopper_task_begin(h->s, NULL, "left", &h->task), 0);
	env_set(&h->tid, env_tid());
}

static void debug_list_says_that_a_thread_has_gone(void)
{
	struct held h = { .s = new_stopper(NULL) };
	struct env_thread thread;
	char line[64];

	CHECK_EQ(env_spawn(&thread, begin_and_go, &h), 0);
	env_join(&thread);
	snprintf(line, sizeof(line), "    thread %ld gone for ", env_get(&h.tid));
	CHECK_SOON(debug_says(line));
	stopper_task_end(&h.task);
	stop_and_put(h.s);
}

static void debug_list_shows_the_oldest_threads_of_a_site(void)
{
	struct stopper *s = new_stopper(NULL);
	struct case_hold h;
	int i;

	case_hold_init(&h);
	for (i = 0; i < 9; i++)
		CHECK_EQ(stopper_run_async_task(s, NULL, "nine", case_hold_fn, &h), 0);
	CHECK_SOON(env_get(&h.in) == 9);
	CHECK(debug_says("  task 9 \"nine\" at "));
	CHECK(debug_says("    and 4 more\n"));
	env_gate_open(&h.gate);
	stop_and_put(s);
	case_hold_destroy(&h);
}

struct churn {
	struct env_thread thread;
	struct env_counter *stop, *rounds;
};

/* Stoppers and tasks that come and go, each under a name that only its kind has. */
static void churn_main(void *arg)
{
	struct env_counter ran = { 0 };
	struct stopper_task task;
	struct churn *c = arg;
	struct stopper *s;
	int i;

	while (!env_get(c->stop)) {
		CHECK_EQ(stopper_create(&s, "churned", NULL), 0);
		CHECK_EQ(stopper_task_begin(s, NULL, "held-task", &task), 0);
		for (i = 0; i < 100; i++)
			CHECK_EQ(stopper_run_task(s, NULL, "sync-task", case_count_fn, &ran), 0);
		CHECK_EQ(stopper_run_async_task(s, NULL, "async-task", case_count_fn, &ran), 0);
		stopper_task_end(&task);
		stop_and_put(s);
		env_inc(c->rounds);
	}
}

static bool is_known_line(const char *line)
{
	static const char * const known[] = {
		"stopper %*d \"churned\": %*[a-z] for %*d.%*ds, age %*d.%*ds, tasks %*u, queued %n",
		"  created at %*s churn_main by thread %*d \"%n",
		"  stop not asked%n",
		"  stop asked at %*s stop_and_put by thread %*d%n",
		"  task %*u \"held-task\" at %*s churn_main, oldest %*d.%*ds%n",
		"  task %*u \"sync-task\" at %*s churn_main, oldest %*d.%*ds%n",
		"  task %*u \"async-task\" at %*s churn_main, oldest %*d.%*ds%n",
		"    queued 1%n",
		"    thread %*d \"%n",
		"    thread %*d gone for %n",
		"    thread %*d for %n",
	};
	unsigned int i;
	int end = 0;

	/* the end is reached, or is not: nothing is converted before it */
	for (i = 0; i < ARRAY_SIZE(known) && !end; i++)
		if (sscanf(line, known[i], &end) > 0)
			return false;
	return end;
}

static void check_lines(char *text)
{
	char *line, *rest = text;
	bool kept = false;

	while ((line = strsep(&rest, "\n"))) {
		/* a case before may have left one for ever, on purpose */
		if (*line != ' ')
			kept = strstr(line, "\"conf\"");
		if (*line && !kept && !is_known_line(line))
			check_failed(__FILE__, __LINE__, "unknown line in the list: \"%s\"",
				     line);
	}
}

static void readers_of_the_list_see_only_what_is_there(void)
{
	struct env_counter stop = { 0 }, rounds = { 0 };
	struct churn churn[3];
	unsigned int i;
	char *text;

	for (i = 0; i < ARRAY_SIZE(churn); i++) {
		churn[i].stop = &stop;
		churn[i].rounds = &rounds;
		CHECK_EQ(env_spawn(&churn[i].thread, churn_main, &churn[i]), 0);
	}
	while (env_get(&rounds) < case_rounds(2000)) {
		text = debug_text();
		check_lines(text);
		free(text);
	}
	env_inc(&stop);
	for (i = 0; i < ARRAY_SIZE(churn); i++)
		env_join(&churn[i].thread);
}

static void print_to(void *f)
{
	CHECK_EQ(stopper_debug_print(f), 0);
	fclose(f);
}

static bool is_full(int pipe_end)
{
	struct pollfd poll_fd = { .fd = pipe_end, .events = POLLOUT };

	return !poll(&poll_fd, 1, 0);
}

/* The list goes into a full pipe: only the thread that prints it blocks. */
static void reader_that_stops_reading_keeps_nobody(void)
{
	/* more text than the 64 KiB that a pipe takes */
	struct stopper *s[600];
	struct env_thread thread;
	char page[4096];
	int i, fd[2];

	CHECK_EQ(pipe(fd), 0);
	for (i = 0; i < 600; i++)
		CHECK_EQ(stopper_create(&s[i], "unread", NULL), 0);
	CHECK_EQ(env_spawn(&thread, print_to, fdopen(fd[1], "w")), 0);
	CHECK_SOON(is_full(fd[1]));
	for (i = 0; i < 600; i++)
		stop_and_put(s[i]);
	while (read(fd[0], page, sizeof(page)) > 0)
		continue;
	env_join(&thread);
	close(fd[0]);
}

static void debug_list_shows_stoppers_and_tasks(void)
{
	struct case_worker w = { .s = NULL };
	struct stopper_task task[3];
	char *text;
	int i;

	CHECK_EQ(stopper_create(&w.s, "listed-stopper", NULL), 0);
	CHECK_EQ(stopper_run_worker(w.s, NULL, "listed-worker", case_worker_fn, &w), 0);
	for (i = 0; i < 3; i++)
		CHECK_EQ(stopper_task_begin(w.s, NULL, "listed-task", &task[i]), 0);
	text = debug_text();
	CHECK(strstr(text, "listed-stopper"));
	CHECK(strstr(text, "running"));
	CHECK(strstr(text, "listed-task"));
	CHECK(strstr(text, "case_only_user.c"));
	CHECK(text[strlen(text) - 1] == '\n');
	free(text);
	for (i = 0; i < 3; i++)
		stopper_task_end(&task[i]);
	text = debug_text();
	CHECK(!strstr(text, "listed-task"));
	free(text);
	stop_and_put(w.s);
	text = debug_text();
	CHECK(!strstr(text, "listed-stopper"));
	free(text);
}

static void no_name_forges_a_line_of_the_debug_list(void)
{
	struct stopper *s = NULL;
	struct stopper_task task;
	char *text, *line, *save;

	CHECK_EQ(stopper_create(&s, "evil\nFORGED stopper\r\n", NULL), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "evil\nFORGED task\x1b[2J", &task), 0);
	text = debug_text();
	CHECK(strstr(text, "FORGED"));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		CHECK(strncmp(line, "FORGED", 6));
		CHECK(case_printable(line));
	}
	free(text);
	stopper_task_end(&task);
	stop_and_put(s);
}

static void look_for_the_stopped(struct stopper_on_fire *of, void *arg)
{
	char *text = debug_text();

	CHECK(!strstr(text, "leaves-the-list"));
	free(text);
	env_inc(arg);
}

static void is_stopped_fires_when_the_stopper_has_left_the_debug_list(void)
{
	struct env_counter calls = { 0 };
	struct stopper_on_fire of;
	struct stopper *s = NULL;
	char *text;

	CHECK_EQ(stopper_create(&s, "leaves-the-list", NULL), 0);
	CHECK_EQ(stopper_event_on_fire(stopper_is_stopped(s), &of, look_for_the_stopped, &calls),
		 0);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	text = debug_text();
	CHECK(strstr(text, "leaves-the-list"));
	CHECK(strstr(text, "quiescing"));
	free(text);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	stopper_event_detach(stopper_is_stopped(s), &of);
	CHECK_EQ(env_get(&calls), 1);
	stopper_put(s);
}

static void on_signal(int sig)
{
	(void)sig;
}

struct reader {
	int fd;
	struct env_counter in, err;
};

/* Blocked in a system call, until a signal interrupts it. */
static void read_until_interrupted(struct stopper_ctx *ctx, void *arg)
{
	struct reader *r = arg;
	char c;

	env_inc(&r->in);
	env_set(&r->err, read(r->fd, &c, 1) < 0 ? errno : 0);
}

static void staged_stop_interrupts_a_system_call(void)
{
	struct sigaction sa = { .sa_handler = on_signal }, old;
	struct stopper_stages st = {
		.size = sizeof(st), .signo = SIGUSR1, .hook_ns = ENV_MSEC,
		.grace_ns = 10 * ENV_MSEC,
	};
	struct stopper *s = new_stopper(NULL);
	struct reader r = { .fd = -1 };
	int fds[2], err;

	CHECK_EQ(pipe(fds), 0);
	r.fd = fds[0];
	CHECK_EQ(sigaction(SIGUSR1, &sa, &old), 0);
	CHECK_EQ(stopper_run_async_task(s, NULL, "reads", read_until_interrupted, &r), 0);
	CHECK_SOON(env_get(&r.in) == 1);
	/* Again, if the first signal came just before the system call. */
	do
		err = stopper_stop_staged(s, &st);
	while (err == -ETIMEDOUT);
	CHECK_EQ(err, 0);
	CHECK_EQ(env_get(&r.err), EINTR);
	stopper_put(s);
	CHECK_EQ(sigaction(SIGUSR1, &old, NULL), 0);
	close(fds[0]);
	close(fds[1]);
}

static void debug_print_without_a_file_is_einval(void)
{
	CHECK_EQ(stopper_debug_print(NULL), -EINVAL);
}

static void debug_print_to_a_full_file_says_so(void)
{
	struct stopper *s = new_stopper(NULL);
	FILE *full = fopen("/dev/full", "w");

	if (full) {
		CHECK_EQ(stopper_debug_print(full), -ENOSPC);
		fclose(full);
	} else {
		case_skip("no /dev/full");
	}
	stop_and_put(s);
}

const struct test_case cases_only[] = {
	CASE(panic_in_a_sync_task_returns_to_its_caller),
	CASE(panic_ends_the_innermost_only),
	CASE(panic_in_a_recover_scope_returns_eownerdead),
	CASE(panic_in_a_closer_on_the_thread_of_stop),
	CASE(panic_runs_cleanup_handlers_on_its_way),
	CASE(thread_that_ends_in_sync_tasks_leaves_none_behind),
	CASE(cancelled_thread_leaves_no_task_behind),
	CASE(async_task_whose_thread_is_cancelled_is_reported_as_died),
	CASE(debug_list_shows_workers_and_the_closer_that_runs),
	CASE(debug_list_counts_what_was_refused_and_dropped),
	CASE(debug_list_shows_pending_timers),
	CASE(debug_list_shows_stoppers_and_tasks),
	CASE(debug_list_shows_the_semaphore_that_is_waited_for),
	CASE(debug_list_shows_threads_and_whether_one_asked),
	CASE(debug_list_says_that_a_thread_has_gone),
	CASE(debug_list_shows_the_oldest_threads_of_a_site),
	CASE(readers_of_the_list_see_only_what_is_there),
	CASE(reader_that_stops_reading_keeps_nobody),
	CASE(no_name_forges_a_line_of_the_debug_list),
	CASE(is_stopped_fires_when_the_stopper_has_left_the_debug_list),
	CASE(staged_stop_interrupts_a_system_call),
	CASE(debug_print_without_a_file_is_einval),
	CASE(debug_print_to_a_full_file_says_so),
	CASES_END
};
