// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_only_user_list.c - the debug list, which is a function in userspace, so a case can read it.
 *
 * Each case is listed in ../build-only.
 */
#include <poll.h>
#include <unistd.h>

#include <stopper/print.h>
#include "case.h"

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

/* In each of the seven ways once. */
static void be_refused(struct stopper *s, struct env_counter *ran)
{
	struct stopper_async record;
	struct stopper_task task;
	struct stopper_sem sem;

	stopper_sem_init(&sem, 1);
	stopper_async_init(&record, drop_item_fn, NULL);
	CHECK_EQ(stopper_run_task(s, NULL, "sync", case_count_fn, ran), -ESHUTDOWN);
	CHECK_EQ(stopper_run_task_err(s, NULL, "sync", case_count_err_fn, ran), -ESHUTDOWN);
	CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task), -ESHUTDOWN);
	CHECK_EQ(stopper_task_begin_wait(s, NULL, "handle", &task), -ESHUTDOWN);
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
	char want[64] = ", refused 7\n";
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
		snprintf(want, sizeof(want), ", refused 7, dropped %d\n", dropped);
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

static void be_refused_by_a_pause(struct stopper_ctx *ctx, void *s)
{
	struct env_counter ran = { 0 };
	struct stopper_task task;

	(void)ctx;
	CHECK_EQ(stopper_run_task(s, NULL, "sync", case_count_fn, &ran), -EAGAIN);
	CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task), -EAGAIN);
	CHECK_EQ(env_get(&ran), 0);
}

static void task_that_waits_for_a_resume(void *s)
{
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin_wait(s, NULL, "waits", &task), 0);
	stopper_task_end(&task);
}

/* A pause refuses; a task that waits for its end is refused only if it is not admitted then. */
static void debug_list_counts_each_refusal_of_a_pause_once(void)
{
	struct stopper *s = new_stopper(NULL), *other = new_stopper(NULL);
	struct stopper_ctx *timeout = new_ctx_timeout(NULL, 10 * ENV_MSEC);
	struct env_thread thread;
	struct stopper_task task;

	CHECK_EQ(stopper_pause(s, NULL), 0);
	CHECK_EQ(env_spawn(&thread, task_that_waits_for_a_resume, s), 0);
	CHECK_SOON(debug_says("waiters 1\n"));
	be_refused_by_a_pause(NULL, s);
	CHECK(debug_says(", refused 2\n"));
	/* Inside a task the slot at hand is taken. */
	CHECK_EQ(stopper_run_task(other, NULL, "outer", be_refused_by_a_pause, s), 0);
	CHECK(debug_says(", refused 4\n"));
	CHECK_EQ(stopper_task_begin_wait(s, timeout, "handle", &task), -ETIMEDOUT);
	CHECK(debug_says(", refused 5\n"));
	CHECK_EQ(stopper_resume(s), 0);
	env_join(&thread);
	CHECK(debug_says("waiters 0, refused 5\n"));
	stopper_ctx_put(timeout);
	stop_and_put(other);
	stop_and_put(s);
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
	CHECK(strstr(text, "case_only_user_list.c"));
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

const struct test_case cases_only_list[] = {
	CASE(debug_list_shows_workers_and_the_closer_that_runs),
	CASE(debug_list_counts_what_was_refused_and_dropped),
	CASE(debug_list_counts_each_refusal_of_a_pause_once),
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
	CASE(debug_print_without_a_file_is_einval),
	CASE(debug_print_to_a_full_file_says_so),
	CASES_END
};
