// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * torture_user.c - the torture as a program, and what only userspace has: threads that end or
 * are cancelled inside tasks, a storm of signals, readers of the debug list.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <stopper/print.h>
#include "torture.h"

static bool ending;		/* the storm and the reader shall end */
static bool interrupted, quiet_signals;
static struct tor_thread storm, reader;
static bool has_storm, has_reader;
static struct tor_count handled;

/* --- threads, time, memory -------------------------------------------------------------------- */

static void *thread_main(void *arg)
{
	struct tor_thread *t = arg;

	tor_store(&t->tid, tor_tid());
	t->fn(t->arg);
	return NULL;
}

int tor_spawn(struct tor_thread *t, const char *name, void (*fn)(void *arg), void *arg)
{
	int err;

	t->fn = fn;
	t->arg = arg;
	err = pthread_create(&t->task, NULL, thread_main, t);
	if (!err)
		pthread_setname_np(t->task, name);
	return -err;
}

void tor_join(struct tor_thread *t)
{
	pthread_join(t->task, NULL);
}

bool tor_is(const struct tor_thread *t)
{
	return tor_load(&t->tid) == tor_tid();
}

void tor_yield(void)
{
	sched_yield();
}

void tor_nap(long long ns)
{
	struct timespec ts = { ns / TOR_SEC, ns % TOR_SEC };

	nanosleep(&ts, NULL);
}

void tor_relax(void)
{
	__asm__ volatile("" : : : "memory");
}

int64_t tor_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * TOR_SEC + ts.tv_nsec;
}

long long tor_seconds(int64_t ns)
{
	return ns / TOR_SEC;
}

int tor_tid(void)
{
	static __thread int tid;

	if (!tid)
		tid = (int)syscall(SYS_gettid);
	return tid;
}

void *tor_get_memory(size_t size)
{
	return calloc(1, size);
}

void tor_give_memory(void *p)
{
	free(p);
}

void tor_say(bool bad, const char *line)
{
	(void)bad;
	printf("%s\n", line);
	fflush(stdout);
}

bool tor_asked_to_end(void)
{
	return tor_load(&interrupted);
}

/* Nice values and CPUs; a share of them is refused to who is not root. */
void tor_shake(unsigned int number)
{
	cpu_set_t cpus;

	setpriority(PRIO_PROCESS, (id_t)tor_tid(), (int)(number % 40) - 20);
	number /= 40;
	CPU_ZERO(&cpus);
	CPU_SET(number % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	if (number & 1024)
		memset(&cpus, 0xff, sizeof(cpus));
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

void tor_shake_end(void)
{
}

void tor_hung(void)
{
	printf("the debug list:\n");
	stopper_debug_print(stdout);
	fflush(stdout);
}

/* --- the list --------------------------------------------------------------------------------- */

static char *debug_text(size_t *size)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, size);
	int err;

	if (!f)
		return NULL;
	err = stopper_debug_print(f);
	fclose(f);
	CHECK(!err || no_room(err));
	return text;
}

bool world_list_is_empty(void)
{
	size_t size = 0;
	char *text = debug_text(&size);
	bool empty = text && !size;

	if (size)
		printf("%s", text);
	free(text);
	return empty;
}

static void read_list(void *arg)
{
	size_t size, i;
	char *text;

	(void)arg;
	while (!tor_load(&ending)) {
		size = 0;
		text = debug_text(&size);
		for (i = 0; i < size; i++)
			if (text[i] != '\n')
				CHECK(isprint((unsigned char)text[i]));
		free(text);
		tor_inc(&total.lists);
		tor_nap(3 * TOR_MSEC);
	}
}

/* --- signals ---------------------------------------------------------------------------------- */

static void on_signal(int sig)
{
	(void)sig;
	tor_inc(&handled);
}

static void on_interrupt(int sig)
{
	(void)sig;
	tor_store(&interrupted, true);
}

/* Each actor is there until the storm is over. */
static void send_signals(void *arg)
{
	struct rng r = { tor.seed ^ 0x5107 };

	(void)arg;
	while (!tor_load(&ending)) {
		if (rng_one_in(&r, 8))
			kill(getpid(), SIGUSR1);
		else
			pthread_kill(actors[rng_below(&r, (unsigned int)tor.threads)].thread.task,
				     SIGUSR1);
		tor_nap(rng_below(&r, 1000) * TOR_USEC);
	}
}

/* Without SA_RESTART: every call that can be interrupted is. */
static void catch(int sig, void (*handler)(int sig))
{
	struct sigaction sa = { .sa_handler = handler };

	sigaction(sig, &sa, NULL);
}

int world_begin(void)
{
	int err;

	ending = false;
	catch(SIGINT, on_interrupt);
	catch(SIGTERM, on_interrupt);
	catch(SIGUSR1, on_signal);
	err = tor_spawn(&reader, "reader", read_list, NULL);
	has_reader = !err;
	if (!err && !quiet_signals) {
		err = tor_spawn(&storm, "storm", send_signals, NULL);
		has_storm = !err;
	}
	return err;
}

void world_end(void)
{
	tor_store(&ending, true);
	if (has_storm)
		tor_join(&storm);
	if (has_reader)
		tor_join(&reader);
}

/* --- threads that end inside tasks ------------------------------------------------------------ */

struct mortal {
	struct life *l;
	bool cancelled, entered;
};

static void mortal_task(struct stopper_ctx *ctx, void *arg)
{
	struct mortal *m = arg;

	(void)ctx;
	CHECK(life_is_live(m->l, m->l->gen));
	tor_store(&m->entered, true);
	if (!m->cancelled)
		pthread_exit(NULL);
	/* Not in a call that sleeps: TSan does not know a thread again that is cancelled in one. */
	for (;;) {
		pthread_testcancel();
		tor_yield();
	}
}

static void *mortal_main(void *arg)
{
	struct mortal *m = arg;
	int err = stopper_run_task(m->l->s, NULL, "mortal", mortal_task, m);

	CHECK_EQ(err, -ESHUTDOWN);
	CHECK(!m->entered);
	return m;
}

/* Of a thread that is not the stopper's no hook is told; no stop waits for its task. */
void op_world(struct actor *a, struct life *l)
{
	struct mortal m = { .l = l, .cancelled = rng_one_in(&a->rng, 2) };
	pthread_t thread;
	void *ret = NULL;

	if (pthread_create(&thread, NULL, mortal_main, &m))
		return;
	if (m.cancelled)
		pthread_cancel(thread);
	pthread_join(thread, &ret);
	if (m.entered)
		tor_inc(&total.deaths);
	else
		CHECK(ret == &m || ret == PTHREAD_CANCELED);
}

/* --- the program ------------------------------------------------------------------------------ */

static const char usage[] =
	"usage: stopper-torture [--seconds=N] [--threads=N] [--stoppers=N] [--seed=N]\n"
	"                       [--stutter=N] [--hang=N] [--progress=N] [--no-signals]\n"
	"\n"
	"Random operations on many stoppers from many threads, which check themselves.\n"
	"\n"
	"  --seconds=N   how long [60]\n"
	"  --threads=N   how many threads do random things [2 per CPU, at least 4]\n"
	"  --stoppers=N  how many stoppers at once [8]\n"
	"  --seed=N      of all random numbers [from the clock]\n"
	"  --stutter=N   all pause together every N seconds, 0: never [3]\n"
	"  --hang=N      an operation that takes N seconds has failed [120]\n"
	"  --progress=N  a line every N seconds [5]\n"
	"  --no-signals  no storm of signals\n"
	"\n"
	"The last line is the verdict, the status is 0 for SUCCESS, 1 for FAILURE.\n";

static long long number(const char *name, const char *s, long long min, long long max)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(s, &end, 10);
	if (errno || end == s || *end || n < min || n > max) {
		fprintf(stderr, "stopper-torture: --%s is from %lld to %lld, not \"%s\"\n",
			name, min, max, s);
		exit(2);
	}
	return n;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ "stoppers", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 'r' },
		{ "stutter", required_argument, NULL, 'p' },
		{ "hang", required_argument, NULL, 'h' },
		{ "progress", required_argument, NULL, 'l' },
		{ "no-signals", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, '?' + 128 },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			tor.seconds = number("seconds", optarg, 1, 1000000);
			break;
		case 't':
			tor.threads = (int)number("threads", optarg, 1, 1000);
			break;
		case 'n':
			tor.stoppers = (int)number("stoppers", optarg, 1, 10000);
			break;
		case 'r':
			tor.seed = (unsigned long long)number("seed", optarg, 0, INT64_MAX);
			break;
		case 'p':
			tor.stutter = (int)number("stutter", optarg, 0, 1000000);
			break;
		case 'h':
			tor.hang = (int)number("hang", optarg, 1, 1000000);
			break;
		case 'l':
			tor.progress = (int)number("progress", optarg, 1, 1000000);
			break;
		case 'q':
			quiet_signals = true;
			break;
		case '?' + 128:
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "stopper-torture: what is \"%s\"?\n%s", argv[optind], usage);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	tor = (struct tor_params){
		.seconds = 60,
		.threads = cpus > 2 ? (int)(2 * cpus) : 4,
		.stoppers = 8,
		.seed = (unsigned long long)time(NULL) % 1000000,
		.stutter = 3,
		.hang = 120,
		.progress = 5,
	};
	parse(argc, argv);
	switch (tor_run()) {
	case 0:
		return 0;
	case -ETIME:
		/* Threads still run. */
		_exit(1);
	default:
		return 1;
	}
}
