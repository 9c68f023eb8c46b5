// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * torture_user.c - the torture as a program, and what only userspace has: threads that end or
 * are cancelled inside tasks, a storm of signals, readers of the debug list.
 */
#include <ctype.h>
#include <getopt.h>
#include <signal.h>
#include <sys/resource.h>

#include <stopper/print.h>
#include "torture.h"

static bool ending;		/* ends the storm and the reader */
static bool interrupted, quiet_signals;
static struct env_thread storm, reader;
static bool has_storm, has_reader;
static struct env_counter handled;

/* --- what torture.h asks of the platform ------------------------------------------------------ */

void torture_say(bool bad, const char *line)
{
	(void)bad;
	printf("%s\n", line);
	fflush(stdout);
}

bool torture_interrupted(void)
{
	return env_load(&interrupted);
}

/* Nice values and CPUs. Some of them need root, and fail without. */
void perturb_thread(unsigned int number)
{
	cpu_set_t cpus;

	setpriority(PRIO_PROCESS, (id_t)env_tid(), (int)(number % 40) - 20);
	number /= 40;
	CPU_ZERO(&cpus);
	CPU_SET(number % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	if (number & 1024)
		memset(&cpus, 0xff, sizeof(cpus));
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

void perturb_end(void)
{
}

void report_hang(void)
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

bool debug_list_is_empty(void)
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
	while (!env_load(&ending)) {
		size = 0;
		text = debug_text(&size);
		for (i = 0; i < size; i++)
			if (text[i] != '\n')
				CHECK(isprint((unsigned char)text[i]));
		free(text);
		env_inc(&total.lists);
		env_sleep(3 * ENV_MSEC);
	}
}

/* --- signals ---------------------------------------------------------------------------------- */

static void on_signal(int sig)
{
	(void)sig;
	env_inc(&handled);
}

static void on_interrupt(int sig)
{
	(void)sig;
	env_store(&interrupted, true);
}

/* Each actor is there until the storm is over. */
static void send_signals(void *arg)
{
	struct rng r = { params.seed ^ 0x5107 };
	struct env_thread *t;

	(void)arg;
	while (!env_load(&ending)) {
		t = &actors[rng_below(&r, (unsigned int)params.threads)].thread;
		if (rng_one_in(&r, 8))
			kill(getpid(), SIGUSR1);
		else
			pthread_kill(t->task, SIGUSR1);
		env_sleep(rng_below(&r, 1000) * ENV_USEC);
	}
}

/* Without SA_RESTART: every call that can be interrupted is. */
static void set_handler(int sig, void (*handler)(int sig))
{
	struct sigaction sa = { .sa_handler = handler };

	sigaction(sig, &sa, NULL);
}

int platform_begin(void)
{
	int err;

	ending = false;
	set_handler(SIGINT, on_interrupt);
	set_handler(SIGTERM, on_interrupt);
	set_handler(SIGUSR1, on_signal);
	err = env_spawn_named(&reader, "torture-reader", read_list, NULL);
	has_reader = !err;
	if (!err && !quiet_signals) {
		err = env_spawn_named(&storm, "torture-storm", send_signals, NULL);
		has_storm = !err;
	}
	return err;
}

void platform_end(void)
{
	env_store(&ending, true);
	if (has_storm)
		env_join(&storm);
	if (has_reader)
		env_join(&reader);
}

/* --- threads that end inside tasks ------------------------------------------------------------ */

struct exiting {
	struct instance *inst;
	bool cancelled, entered;
};

static void exiting_task(struct stopper_ctx *ctx, void *arg)
{
	struct exiting *m = arg;

	(void)ctx;
	CHECK(instance_is_live(m->inst, m->inst->gen));
	env_store(&m->entered, true);
	if (!m->cancelled)
		pthread_exit(NULL);
	/* Not in a call that sleeps: TSan does not know a thread again that is cancelled in one. */
	for (;;) {
		pthread_testcancel();
		env_yield();
	}
}

static void *exiting_main(void *arg)
{
	struct exiting *m = arg;
	int err = stopper_run_task(m->inst->s, NULL, "mortal", exiting_task, m);

	CHECK_EQ(err, -ESHUTDOWN);
	CHECK(!m->entered);
	return m;
}

/* A thread of the program ends in a task: no hook is called, and no stop waits for the task. */
void op_platform(struct actor *a, struct instance *inst)
{
	struct exiting m = { .inst = inst, .cancelled = rng_one_in(&a->rng, 2) };
	pthread_t thread;
	void *ret = NULL;

	if (pthread_create(&thread, NULL, exiting_main, &m))
		return;
	if (m.cancelled)
		pthread_cancel(thread);
	pthread_join(thread, &ret);
	if (m.entered)
		env_inc(&total.deaths);
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

static long long parse_number(const char *name, const char *s, long long min, long long max)
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

static void parse_options(int argc, char **argv)
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
			params.seconds = parse_number("seconds", optarg, 1, 1000000);
			break;
		case 't':
			params.threads = (int)parse_number("threads", optarg, 1, 1000);
			break;
		case 'n':
			params.stoppers = (int)parse_number("stoppers", optarg, 1, 10000);
			break;
		case 'r':
			params.seed = (uint64_t)parse_number("seed", optarg, 0, INT64_MAX);
			break;
		case 'p':
			params.stutter = (int)parse_number("stutter", optarg, 0, 1000000);
			break;
		case 'h':
			params.hang = (int)parse_number("hang", optarg, 1, 1000000);
			break;
		case 'l':
			params.progress = (int)parse_number("progress", optarg, 1, 1000000);
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

	params = (struct torture_params){
		.seconds = 60,
		.threads = cpus > 2 ? (int)(2 * cpus) : 4,
		.stoppers = 8,
		.seed = (unsigned long long)time(NULL) % 1000000,
		.stutter = 3,
		.hang = 120,
		.progress = 5,
	};
	parse_options(argc, argv);
	switch (torture_run()) {
	case 0:
		return 0;
	case -ETIME:
		/* Threads still run. */
		_exit(1);
	default:
		return 1;
	}
}
