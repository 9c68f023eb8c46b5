// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * run.c - runs a scenario once for each call that can fail.
 *
 * Each run is in a process of its own, in which the library is fresh: what is done once in a
 * process is tried as well. When the scenario is over, the library must work as if nothing had
 * been, and hold no more memory than what a pool with idle threads holds: objects of the sizes
 * that are left by tasks that went well. Under ASan its leak checker looks as well, at exit.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define TASKS	4
#define KEPT	32
#define LIVE	8192
#define ALARM_S	240
/* A stop must come to its end, and what is made to fail no end is not waited for. */
#define STICKY	6

/* Written by the children. */
static struct shared {
	int line;
	unsigned int faults, nat, nkept;
	size_t kept[KEPT];
	size_t left;
	void *at[64];
} *shared;

/* Of which object none is kept: its size is no other's. */
static const char odd_name[] =
	"a stopper with a long name, that makes it larger by far than any other one here is";

bool fair(int err, unsigned int kinds)
{
	unsigned int i;

	if (!err)
		return true;
	for (i = 0; i < NR_FAULTS; i++)
		if (kinds & 1u << i && err == -fault_errno(i) && injected())
			return true;
	return false;
}

void tally_task(struct stopper_ctx *ctx, void *tally)
{
	struct tally *t = tally;

	__atomic_add_fetch(&t->called, 1, __ATOMIC_SEQ_CST);
}

int tally_task_err(struct stopper_ctx *ctx, void *tally)
{
	tally_task(ctx, tally);
	return 4711;
}

void tally_plain(void *tally)
{
	tally_task(NULL, tally);
}

bool tally_accept(struct tally *t, int err, unsigned int kinds)
{
	t->accepted += !err;
	return fair(err, kinds);
}

unsigned int tally_called(struct tally *t)
{
	return __atomic_load_n(&t->called, __ATOMIC_SEQ_CST);
}

bool tally_right(struct tally *t)
{
	return tally_called(t) == t->accepted;
}

/* The ordinary life of a stopper, without failures. */
static int ordinary(void)
{
	struct tally closer = { 0 };
	struct stopper *s = NULL;
	struct stopper_task task;
	int i;

	NEED(!stopper_create(&s, odd_name, NULL));
	for (i = 0; i < TASKS; i++)
		NEED(!stopper_run_async_task(s, NULL, "task", wait_quiesce, s));
	NEED(!stopper_task_begin(s, NULL, "handle", &task));
	stopper_task_end(&task);
	NEED(!stopper_add_closer_fn(s, "closer", tally_plain, &closer));
	NEED(!stopper_stop(s, NULL));
	NEED(tally_called(&closer) == 1 && !stopper_num_tasks(s));
	stopper_put(s);
	return 0;
}

static void fire_event(void *event, int level, const char *line)
{
	stopper_event_fire(event);
}

static void wait_event(struct stopper_ctx *ctx, void *event)
{
	stopper_wait(event, NULL);
}

/*
 * A stop that certainly sleeps, and so leaves the ring that it slept on: its task ends when it
 * reports a stall. In ordinary() each thread may find that it need not wait.
 */
static int sleeping_stop(void)
{
	struct stopper_event stalled;
	struct stopper_options options = {
		.size = sizeof(options),
		.log = fire_event,
		.log_arg = &stalled,
		.stall_ns = 1000000,
	};
	struct stopper *s = NULL;

	stopper_event_init(&stalled);
	NEED(!stopper_create(&s, odd_name, &options));
	NEED(!stopper_run_async_task(s, NULL, "task", wait_event, &stalled));
	NEED(!stopper_stop(s, NULL));
	stopper_put(s);
	stopper_event_destroy(&stalled);
	return 0;
}

static struct live list[LIVE];

/* What these leave behind is the pool's. */
static void learn(void)
{
	unsigned int n, i;

	shared->line = ordinary();
	if (!shared->line)
		shared->line = sleeping_stop();
	n = live_list(list, LIVE);
	for (i = 0; i < n && shared->nkept < KEPT; i++)
		shared->kept[shared->nkept++] = list[i].size;
}

static bool is_kept(size_t size)
{
	unsigned int i;

	for (i = 0; i < shared->nkept; i++)
		if (shared->kept[i] == size)
			return true;
	return false;
}

/* The size of something that is left and not the pool's; 0: none. */
static size_t left_over(void)
{
	unsigned int n = live_list(list, LIVE), i;

	for (i = 0; i < n; i++)
		if (!is_kept(list[i].size))
			return list[i].size;
	return 0;
}

/* Threads that are on their way out free what they hold a moment later. */
static int check_left(void)
{
	unsigned int i;

	for (i = 0; i < 10000 && left_over(); i++)
		env_nap();
	shared->left = left_over();
	return shared->left ? __LINE__ : 0;
}

static void one_run(int (*scenario)(void), enum fault fault, unsigned int nth, bool sticky)
{
	int line;

	alarm(ALARM_S);
	inject(fault, nth, sticky);
	line = scenario();
	inject_nothing();
	shared->faults = injected();
	shared->nat = injected_at(shared->at, 64);
	if (!line)
		line = ordinary();
	if (!line)
		line = check_left();
	shared->line = line;
}

/* Runs @fn in a child; the line that went wrong. */
static int child(int (*scenario)(void), enum fault fault, unsigned int nth, bool sticky)
{
	int status = -1;
	pid_t pid;

	shared->line = -1;
	shared->faults = 0;
	shared->nat = 0;
	shared->left = 0;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (scenario)
			one_run(scenario, fault, nth, sticky);
		else
			learn();
		exit(0);	/* with all that is done then: a leak checker's look */
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return __LINE__;
	if (shared->line)
		return shared->line;
	return status ? __LINE__ : 0;
}

/* A leak checker's look takes long: with it those only that leave something half done. */
#ifdef __SANITIZE_ADDRESS__
#define MODES	1
#define TRIED	(~(F(RING_EINTR) | F(RING_DEAD) | F(MEMBARRIER) | F(ATFORK)))
#else
#define MODES	2
#define TRIED	(~0u)
#endif

static unsigned int add_places(void **all, unsigned int n, unsigned int max)
{
	unsigned int i, j;

	for (i = 0; i < shared->nat; i++) {
		for (j = 0; j < n && all[j] != shared->at[i]; j++)
			;
		if (j == n && n < max)
			all[n++] = shared->at[i];
	}
	return n;
}

int every_fault(int (*scenario)(void), unsigned int faults, struct totals *totals,
		char *what, size_t size)
{
	static void *places[512];
	unsigned int fault, nth, sticky;
	int line;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		return __LINE__;
	memset(totals, 0, sizeof(*totals));
	line = child(NULL, 0, 0, false);
	if (!line)
		line = child(scenario, 0, 0, false);
	if (line) {
		snprintf(what, size, "no failure; left: %zu bytes", shared->left);
		return line;
	}
	faults &= TRIED;
	for (fault = 0; fault < NR_FAULTS; fault++) {
		for (sticky = 0; faults & 1u << fault && sticky < MODES; sticky++) {
			for (nth = 1; !sticky || nth <= STICKY; nth++) {
				line = child(scenario, fault, nth, sticky);
				totals->runs++;
				totals->faults += shared->faults;
				totals->places = add_places(places, totals->places, 512);
				if (line) {
					snprintf(what, size, "%s, call %u%s; left: %zu bytes",
						 fault_name(fault), nth,
						 sticky ? " and all later ones" : "", shared->left);
					return line;
				}
				if (!shared->faults)
					break;
			}
		}
	}
	return 0;
}
