// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_waits.c - waits on rings, with each way to wait: they are not counted as waits for I/O, and
 * go on when the program closes the library's descriptors or forbids io_uring or membarrier.
 *
 * The harness runs each test in a process of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include <stopper/uring.h>
#include "kselftest_harness.h"
#include "env/program.h"

#define THREADS	16
#define LAST	120	/* of the numbers that strangers take */

static struct stopper_event go;
static pthread_t thread[THREADS];
static int tid[THREADS];

static void *wait_for_go(void *arg)
{
	__atomic_store_n((int *)arg, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	if (stopper_wait(&go, NULL))
		abort();
	return NULL;
}

static bool sleeps(int tid)
{
	char state = env_state_of(tid);

	return state == 'S' || state == 'D';
}

/*
 * In the wait itself, not in a lock on the way to it, after which a thread still looks at
 * descriptors? On a ring a thread waits in ppoll() or io_uring_enter(). Where the kernel does
 * not say in which call a thread is, sleeping must do.
 */
static bool sleeps_on_ring(int tid)
{
	char path[64];
	long nr = -1;
	FILE *f;

	if (!sleeps(tid))
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	f = fopen(path, "r");
	if (!f)
		return true;
	if (fscanf(f, "%ld", &nr) != 1)
		nr = -1;
	fclose(f);
	return nr == SYS_ppoll || nr == SYS_io_uring_enter;
}

/* All threads wait for @go. */
static void start_waiting(struct __test_metadata *_metadata)
{
	int i;

	stopper_event_init(&go);
	for (i = 0; i < THREADS; i++) {
		tid[i] = 0;
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, wait_for_go, &tid[i]));
	}
	for (i = 0; i < THREADS; i++)
		while (!__atomic_load_n(&tid[i], __ATOMIC_SEQ_CST) || !sleeps(tid[i]))
			env_nap();
}

static void end_waiting(void)
{
	int i;

	stopper_event_fire(&go);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	stopper_event_destroy(&go);
}

FIXTURE(waits)
{
	bool skip;
};

FIXTURE_VARIANT(waits)
{
	const char *way;
};

FIXTURE_VARIANT_ADD(waits, uring_futex) { .way = "uring-futex" };
FIXTURE_VARIANT_ADD(waits, uring_eventfd) { .way = "uring-eventfd" };
FIXTURE_VARIANT_ADD(waits, futex) { .way = "futex" };

FIXTURE_SETUP(waits)
{
	setenv("STOPPER_WAIT", variant->way, 1);
	self->skip = strcmp(stopper_wait_backend(), variant->way);
	if (self->skip)
		SKIP(return, "this machine has no such ring");
}

FIXTURE_TEARDOWN(waits)
{
}

/* In the whole system: others may be among them. */
static long blocked_on_io(void)
{
	FILE *f = fopen("/proc/stat", "r");
	char line[4096];
	long n = -1;

	while (f && n < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "procs_blocked %ld", &n);
	if (f)
		fclose(f);
	return n;
}

TEST_F(waits, are_not_blocked_on_io)
{
	int looks, fewer = 0;

	if (self->skip)
		SKIP(return, "this machine has no such ring");
	if (blocked_on_io() < 0)
		SKIP(return, "no procs_blocked in /proc/stat");
	start_waiting(_metadata);
	/* Were they counted, no look could find fewer, once all are in their sleep. */
	for (looks = 0; looks < 2000 && fewer < 50; looks++) {
		fewer = blocked_on_io() < THREADS ? fewer + 1 : 0;
		env_nap();
	}
	EXPECT_EQ(50, fewer);
	end_waiting();
}

/* What has the library's numbers after they were closed. */
static ino_t file_of[LAST + 1];

static void strangers_take_all_numbers(struct __test_metadata *_metadata)
{
	struct stat st;
	int fd;

	ASSERT_EQ(0, syscall(SYS_close_range, 3, ~0U, 0));
	do {
		fd = memfd_create("stranger", 0);
		ASSERT_GE(fd, 0);
		if (fd < LAST && fd % 3 == 0)
			ASSERT_GE(eventfd(1, EFD_NONBLOCK), 0);
		ASSERT_EQ(0, fstat(fd, &st));
		file_of[fd] = st.st_ino;
	} while (fd < LAST);
}

static void expect_strangers_untouched(struct __test_metadata *_metadata)
{
	struct stat st;
	uint64_t n;
	int fd;

	for (fd = 3; fd <= LAST; fd++) {
		ASSERT_EQ(0, fstat(fd, &st));
		if (file_of[fd]) {
			EXPECT_EQ(file_of[fd], st.st_ino);
			EXPECT_EQ(0, st.st_size);
		} else {
			n = 0;
			EXPECT_EQ(sizeof(n), read(fd, &n, sizeof(n)));
			EXPECT_EQ(1, n);
		}
	}
}

TEST_F(waits, survive_that_their_descriptors_are_closed)
{
	int i;

	if (self->skip)
		SKIP(return, "this machine has no such ring");
	start_waiting(_metadata);
	for (i = 0; i < THREADS && strcmp(variant->way, "futex"); i++)
		while (!sleeps_on_ring(tid[i]))
			env_nap();
	if (syscall(SYS_close_range, ~0U, ~0U, 0))
		SKIP(end_waiting(); return, "no close_range() here");
	strangers_take_all_numbers(_metadata);
	end_waiting();
	start_waiting(_metadata);
	end_waiting();
	expect_strangers_untouched(_metadata);
}

TEST_F(waits, go_on_when_idle_rings_were_closed)
{
	if (self->skip)
		SKIP(return, "this machine has no such ring");
	if (syscall(SYS_close_range, ~0U, ~0U, 0))
		SKIP(return, "no close_range() here");
	start_waiting(_metadata);
	end_waiting();
	strangers_take_all_numbers(_metadata);
	start_waiting(_metadata);
	end_waiting();
	expect_strangers_untouched(_metadata);
}

TEST_F(waits, go_on_when_io_uring_is_forbidden_later)
{
	if (self->skip)
		SKIP(return, "this machine has no such ring");
	start_waiting(_metadata);
	if (forbid_syscall(__NR_io_uring_enter, EPERM) ||
	    forbid_syscall(__NR_io_uring_setup, EPERM))
		SKIP(end_waiting(); return, "no seccomp filters here");
	end_waiting();
	start_waiting(_metadata);
	end_waiting();
	EXPECT_STREQ("futex", stopper_wait_backend());
}

static void count(struct stopper_ctx *ctx, void *n)
{
	++*(int *)n;
}

/* Threads run tasks when a filter comes; what is refused or run is right all the same. */
static void *run_until_refused(void *s)
{
	int n = 0;

	while (!stopper_run_task(s, NULL, "short", count, &n))
		;
	return NULL;
}

TEST(stop_when_membarrier_is_forbidden_later)
{
	struct stopper *s;
	int i;

	ASSERT_EQ(0, stopper_create(&s, "filtered", NULL));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, run_until_refused, s));
	if (forbid_syscall(__NR_membarrier, EPERM))
		SKIP(return, "no seccomp filters here");
	ASSERT_EQ(0, stopper_stop(s, NULL));
	EXPECT_EQ(0, stopper_num_tasks(s));
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	stopper_put(s);
}

TEST(descriptor_of_an_event_is_closed_by_the_program)
{
	struct stopper_event asked, fired;
	struct pollfd p = { .events = POLLIN };

	if (syscall(SYS_close_range, ~0U, ~0U, 0))
		SKIP(return, "no close_range() here");
	stopper_event_init(&asked);
	stopper_event_init(&fired);
	ASSERT_GE(stopper_event_fd(&asked), 3);
	ASSERT_GE(stopper_event_fd(&fired), 3);
	strangers_take_all_numbers(_metadata);
	p.fd = stopper_event_fd(&asked);
	EXPECT_GT(p.fd, LAST);
	stopper_event_fire(&asked);
	EXPECT_EQ(1, poll(&p, 1, -1));
	stopper_event_fire(&fired);
	stopper_event_destroy(&asked);
	stopper_event_destroy(&fired);
	expect_strangers_untouched(_metadata);
}

TEST_HARNESS_MAIN
