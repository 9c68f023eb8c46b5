// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * module_stress.c - loads and unloads stopper.ko and modules that use it, as fast as it goes.
 *
 *   module_stress [-d FOLDER] [-n ROUNDS] [-s SEED] [-e END[,END...]]
 *
 * A round: stopper.ko is loaded. Three threads each load a stopper_unload module, which starts
 * what the seed selects, wait a little, and unload it, which ends it as END says (see
 * kmod/stopper_unload.c). Two threads read the debug list slowly, across the unloading. One
 * thread tries to unload stopper.ko all the time: that must be refused, also with force, while a
 * module that uses it is loaded, and must succeed once they are unloaded and the list is closed.
 * Threads wait for each other, not for time.
 *
 * Prints what was wrong and ends with status 1, or prints a line of figures. The caller checks
 * the kernel log.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define USERS	3
#define READERS	2
#define LIST	"/sys/kernel/debug/stopper"

static const char *folder = "/lib/stopper";
static unsigned int seed = 1;
static long rounds = 100;

/* Against the rules from "forget" on. */
static const char *ends[16] = {
	"stop", "bits", "quiesced", "async", "both", "stopped", "forget", "put", "leave", "poll",
	"fail",
};

static unsigned int nends = 11;

struct image {
	void *at;
	size_t size;
};

static struct image stopper_ko, user_ko[USERS];

/* What the threads of a round know of each other. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t turn;
static unsigned int tried, loaded, went;	/* of the users, in this round */

static struct {
	long loads, refused, refused_force, reads, across;
	long long bytes;
} sum;

static void change(unsigned int *what, int by)
{
	pthread_mutex_lock(&lock);
	*what += by;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static unsigned int get(const unsigned int *what)
{
	unsigned int is;

	pthread_mutex_lock(&lock);
	is = *what;
	pthread_mutex_unlock(&lock);
	return is;
}

/* Waits until it is no longer @was. */
static unsigned int await_change(const unsigned int *what, unsigned int was)
{
	unsigned int is;

	pthread_mutex_lock(&lock);
	while (*what == was)
		pthread_cond_wait(&changed, &lock);
	is = *what;
	pthread_mutex_unlock(&lock);
	return is;
}

static void add(long *to, long n)
{
	__atomic_fetch_add(to, n, __ATOMIC_RELAXED);
}

static unsigned int rnd(unsigned int *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static int load(const struct image *ko, const char *parameters)
{
	return syscall(SYS_init_module, ko->at, ko->size, parameters) ? errno : 0;
}

static int unload(const char *name, int flags)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK | flags) ? errno : 0;
}

static void use(unsigned int i, unsigned int *state)
{
	const char *end = ends[rnd(state) % nends];
	char name[32], parameters[64], path[96];
	int e;

	snprintf(name, sizeof(name), "stopper_unload%u", i + 1);
	snprintf(parameters, sizeof(parameters), "seed=%u end=%s", rnd(state), end);
	e = load(&user_ko[i], parameters);
	if (e != (strcmp(end, "fail") ? 0 : ENODEV))
		errx(1, "%s %s: loading: %s", name, parameters, strerror(e));
	add(&sum.loads, 1);
	if (e) {
		change(&tried, 1);
		return;
	}
	change(&loaded, 1);
	change(&tried, 1);

	snprintf(path, sizeof(path), "/sys/module/stopper/holders/%s", name);
	if (access(path, F_OK))
		errx(1, "%s is loaded, and does not hold stopper.ko", name);
	e = unload("stopper", O_TRUNC);
	if (e != EWOULDBLOCK && e != EBUSY)
		errx(1, "stopper.ko under %s, by force: %s", name, strerror(e));
	add(&sum.refused_force, 1);

	change(&loaded, -1);
	e = unload(name, 0);
	if (e)
		errx(1, "%s %s: unloading: %s", name, parameters, strerror(e));
}

static void *user(void *arg)
{
	unsigned int i = (unsigned int)(long)arg, state = seed * 31 + i;
	long n;

	for (n = 0; n < rounds; n++) {
		pthread_barrier_wait(&turn);
		use(i, &state);
		change(&went, 1);
		pthread_barrier_wait(&turn);
	}
	return NULL;
}

/* Reads on after one more module is unloaded. With the last one the list may be removed. */
static void read_across(void)
{
	unsigned int before = get(&went);
	char buf[4096], last = '\n';
	int fd = open(LIST, O_RDONLY);
	ssize_t n;

	/* ENXIO: debugfs has it, its module is going. */
	if (fd < 0 && (errno == ENOENT || errno == ENXIO) &&
	    get(&tried) == USERS && !get(&loaded))
		return;
	if (fd < 0)
		err(1, LIST);
	n = read(fd, &last, 1);
	if (before < USERS && await_change(&went, before) > before)
		add(&sum.across, 1);
	while (n > 0) {
		n = read(fd, buf, sizeof(buf));
		if (n > 0) {
			last = buf[n - 1];
			__atomic_fetch_add(&sum.bytes, n, __ATOMIC_RELAXED);
		}
	}
	if (n || last != '\n')
		errx(1, LIST ": ends %s", n ? strerror(errno) : "within a line");
	close(fd);
	add(&sum.reads, 1);
}

static void *reader(void *arg)
{
	long n;

	for (n = 0; n < rounds; n++) {
		pthread_barrier_wait(&turn);
		do
			read_across();
		while (get(&went) < USERS);
		change(&went, 1);
		pthread_barrier_wait(&turn);
	}
	return arg;
}

/* Tries at each change, and in the end, when only what is on its way out may hold it, always. */
static void remove_stopper(void)
{
	unsigned int seen = 0;
	int e;

	while (get(&tried) < USERS)
		await_change(&tried, get(&tried));
	for (;;) {
		e = unload("stopper", 0);
		if (!e)
			break;
		if (e != EWOULDBLOCK && e != EBUSY)
			errx(1, "stopper.ko: unloading: %s", strerror(e));
		add(&sum.refused, 1);
		if (seen < USERS + READERS)
			seen = await_change(&went, seen);
		else
			sched_yield();
	}
	if (get(&loaded))
		errx(1, "stopper.ko was unloaded under a module that uses it");
	if (!access(LIST, F_OK))
		errx(1, "stopper.ko has gone, its debug list has not");
}

static void get_image(struct image *ko, const char *name)
{
	char path[256];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s.ko", folder, name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		err(2, "%s", path);
	ko->size = st.st_size;
	ko->at = mmap(NULL, ko->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (ko->at == MAP_FAILED)
		err(2, "%s", path);
	close(fd);
}

static void get_images(void)
{
	char name[32];
	int i;

	get_image(&stopper_ko, "stopper");
	for (i = 0; i < USERS; i++) {
		snprintf(name, sizeof(name), "stopper_unload%d", i + 1);
		get_image(&user_ko[i], name);
	}
}

static void get_ends(char *list)
{
	char *name;

	for (nends = 0; nends < 16 && (name = strtok(list, ",")); list = NULL)
		ends[nends++] = name;
	if (!nends)
		errx(2, "-e wants one end at least");
}

static void get_options(int argc, char **argv)
{
	char *rest = "";
	int opt;

	while ((opt = getopt(argc, argv, "d:n:s:e:")) != -1) {
		switch (opt) {
		case 'd':
			folder = optarg;
			break;
		case 'n':
			rounds = strtol(optarg, &rest, 10);
			break;
		case 's':
			seed = strtoul(optarg, &rest, 10);
			break;
		case 'e':
			get_ends(optarg);
			break;
		default:
			optind = argc + 1;
		}
	}
	if (optind != argc || *rest || rounds < 1)
		errx(2, "usage: module_stress [-d FOLDER] [-n ROUNDS] [-s SEED] [-e END[,END...]]");
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	pthread_t thread[USERS + READERS];
	double start;
	long n;
	int i, e;

	get_options(argc, argv);
	get_images();
	pthread_barrier_init(&turn, NULL, USERS + READERS + 1);
	for (i = 0; i < USERS + READERS; i++)
		if (pthread_create(&thread[i], NULL, i < USERS ? user : reader, (void *)(long)i))
			err(2, "pthread_create");
	start = now();
	for (n = 0; n < rounds; n++) {
		e = load(&stopper_ko, "");
		if (e)
			errx(1, "round %ld: stopper.ko: loading: %s", n, strerror(e));
		tried = 0;
		loaded = 0;
		went = 0;
		pthread_barrier_wait(&turn);
		remove_stopper();
		pthread_barrier_wait(&turn);
	}
	for (i = 0; i < USERS + READERS; i++)
		pthread_join(thread[i], NULL);
	printf("# %ld rounds in %.1f s, seed %u: %ld modules came and went; ", rounds,
	       now() - start, seed, sum.loads);
	printf("rmmod of stopper.ko refused %ld times, by force %ld; ", sum.refused,
	       sum.refused_force);
	printf("list read %ld times, %ld of them across an rmmod, %lld bytes\n", sum.reads,
	       sum.across, sum.bytes);
	return 0;
}
