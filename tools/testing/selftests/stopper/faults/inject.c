// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * inject.c - makes what the library asks of libc, liburing and the kernel fail.
 *
 * The test is linked with the static libraries and with ld's --wrap=FUNCTION for each
 * function here: what they and the test call FUNCTION is __wrap_FUNCTION(), and what libc and
 * a sanitizer have behind it is __real_FUNCTION(). Shared libraries are not touched.
 *
 * One kind of failure is armed at a time. Its calls are counted over all threads.
 *
 * What the library allocates is kept in a table until it is freed, with its size and caller,
 * so that a test can see what was left behind.
 */
#include <errno.h>
#include <liburing.h>
#include <linux/membarrier.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inject.h"
#include "real.h"

#define SITES	64
#define LIVE	8192

static const struct {
	const char *name;
	int err;
} faults[NR_FAULTS] = {
	[FAULT_MEMORY] = { "memory", ENOMEM },
	[FAULT_THREAD] = { "thread", EAGAIN },
	[FAULT_THREAD_ATTR] = { "thread attribute", ENOMEM },
	[FAULT_KEY] = { "thread key", EAGAIN },
	[FAULT_SPECIFIC] = { "thread value", ENOMEM },
	[FAULT_ATFORK] = { "atfork", ENOMEM },
	[FAULT_EVENTFD] = { "eventfd", EMFILE },
	[FAULT_RING] = { "ring", ENOMEM },
	[FAULT_RING_EINTR] = { "ring wait", EINTR },
	[FAULT_RING_DEAD] = { "ring wait, for good", EBADF },
	[FAULT_MEMBARRIER] = { "membarrier", ENOSYS },
	[FAULT_RANDOM] = { "random numbers", EAGAIN },
	[FAULT_OPEN] = { "open", EMFILE },
	[FAULT_WRITE] = { "write", ENOSPC },
	[FAULT_SOCKET] = { "socket", EMFILE },
	[FAULT_LISTEN] = { "listen", ENOMEM },
	[FAULT_RESPONSE] = { "response", ENOMEM },
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool armed, sticky;
static enum fault armed_fault;
static unsigned int at_call, calls, hits, nsites, nlive;
static void *sites[SITES];
static struct live live[LIVE];

int fault_errno(enum fault fault)
{
	return faults[fault].err;
}

const char *fault_name(enum fault fault)
{
	return faults[fault].name;
}

void inject(enum fault fault, unsigned int nth, bool all)
{
	pthread_mutex_lock(&lock);
	armed_fault = fault;
	at_call = nth;
	sticky = all;
	calls = 0;
	hits = 0;
	nsites = 0;
	armed = true;
	pthread_mutex_unlock(&lock);
}

void inject_nothing(void)
{
	pthread_mutex_lock(&lock);
	armed = false;
	pthread_mutex_unlock(&lock);
}

unsigned int injected(void)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = hits;
	pthread_mutex_unlock(&lock);
	return n;
}

unsigned int injected_at(void **at, unsigned int n)
{
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < n && i < nsites; i++)
		at[i] = sites[i];
	pthread_mutex_unlock(&lock);
	return i;
}

/* With the lock held. */
static void note_site(void *caller)
{
	unsigned int i;

	for (i = 0; i < nsites; i++)
		if (sites[i] == caller)
			return;
	if (nsites < SITES)
		sites[nsites++] = caller;
}

/* Does this call of @fault fail? Then errno says why. */
static bool fails(enum fault fault, void *caller)
{
	bool hit = false;

	pthread_mutex_lock(&lock);
	if (armed && fault == armed_fault) {
		calls++;
		hit = at_call && (sticky ? calls >= at_call : calls == at_call);
	}
	if (hit) {
		hits++;
		note_site(caller);
	}
	pthread_mutex_unlock(&lock);
	if (hit)
		errno = faults[fault].err;
	return hit;
}

#define FAILS(fault)	fails(fault, __builtin_return_address(0))

/* memory */

static void *born(void *p, size_t size, void *caller)
{
	pthread_mutex_lock(&lock);
	if (nlive == LIVE)
		abort();
	if (p)
		live[nlive++] = (struct live){ p, size, caller };
	pthread_mutex_unlock(&lock);
	return p;
}

static void dies(const void *p)
{
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = nlive; p && i; i--) {
		if (live[i - 1].p != p)
			continue;
		live[i - 1] = live[--nlive];
		break;
	}
	pthread_mutex_unlock(&lock);
}

unsigned int live_list(struct live *list, unsigned int n)
{
	unsigned int all;

	pthread_mutex_lock(&lock);
	all = nlive;
	memcpy(list, live, (n < all ? n : all) * sizeof(*list));
	pthread_mutex_unlock(&lock);
	return all;
}

void *__wrap_malloc(size_t size)
{
	void *at = __builtin_return_address(0);

	return fails(FAULT_MEMORY, at) ? NULL : born(__real_malloc(size), size, at);
}

void *__wrap_calloc(size_t n, size_t size)
{
	void *at = __builtin_return_address(0);

	return fails(FAULT_MEMORY, at) ? NULL : born(__real_calloc(n, size), n * size, at);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	void *at = __builtin_return_address(0);

	return fails(FAULT_MEMORY, at) ? NULL : born(__real_aligned_alloc(align, size), size, at);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	void *at = __builtin_return_address(0), *new;

	if (fails(FAULT_MEMORY, at))
		return NULL;
	dies(p);
	new = __real_reallocarray(p, n, size);
	return born(new ? new : p, n * size, at);
}

/* Off the table first: the memory may be somebody else's at once. */
void __wrap_free(void *p)
{
	dies(p);
	__real_free(p);
}

/* Not in the table: what jansson has made, libmicrohttpd frees. */
void *inject_malloc(size_t size)
{
	return FAILS(FAULT_MEMORY) ? NULL : __real_malloc(size);
}

FILE *__wrap_open_memstream(char **buf, size_t *size)
{
	return FAILS(FAULT_MEMORY) ? NULL : __real_open_memstream(buf, size);
}

/* threads */

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *arg), void *arg)
{
	return FAILS(FAULT_THREAD) ? errno : __real_pthread_create(t, a, fn, arg);
}

int __wrap_pthread_attr_init(pthread_attr_t *a)
{
	return FAILS(FAULT_THREAD_ATTR) ? errno : __real_pthread_attr_init(a);
}

int __wrap_pthread_key_create(pthread_key_t *key, void (*fn)(void *value))
{
	return FAILS(FAULT_KEY) ? errno : __real_pthread_key_create(key, fn);
}

int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
	return FAILS(FAULT_SPECIFIC) ? errno : __real_pthread_setspecific(key, value);
}

int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	return FAILS(FAULT_ATFORK) ? errno : __real_pthread_atfork(prepare, parent, child);
}

int real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *arg), void *arg)
{
	return __real_pthread_create(t, a, fn, arg);
}

/* descriptors and rings */

int __wrap_eventfd(unsigned int count, int flags)
{
	return FAILS(FAULT_EVENTFD) ? -1 : __real_eventfd(count, flags);
}

int __wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags)
{
	return FAILS(FAULT_RING) ? -errno : __real_io_uring_queue_init(entries, ring, flags);
}

int __wrap_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
					    unsigned int n, struct __kernel_timespec *ts,
					    sigset_t *mask)
{
	if (FAILS(FAULT_RING_EINTR) || FAILS(FAULT_RING_DEAD))
		return -errno;
	return __real_io_uring_submit_and_wait_timeout(ring, cqe, n, ts, mask);
}

/* system calls */

long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	void *at = __builtin_return_address(0);

	/* Never where it is needed: once it has worked, it does. */
	if (nr == SYS_membarrier && a == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED &&
	    fails(FAULT_MEMBARRIER, at))
		return -1;
	if (nr == SYS_openat && fails(FAULT_OPEN, at))
		return -1;
	if (nr == SYS_getrandom && fails(FAULT_RANDOM, at))
		return -1;
	/* eventfds get eight bytes */
	if (nr == SYS_write && c != 8 && fails(FAULT_WRITE, at))
		return -1;
	return __real_syscall(nr, a, b, c, d, e, f);
}

ssize_t __wrap_getrandom(void *buf, size_t len, unsigned int flags)
{
	return FAILS(FAULT_RANDOM) ? -1 : __real_getrandom(buf, len, flags);
}

/* the server */

int real_socket(int domain, int type, int protocol)
{
	return __real_socket(domain, type, protocol);
}

int __wrap_socket(int domain, int type, int protocol)
{
	return FAILS(FAULT_SOCKET) ? -1 : __real_socket(domain, type, protocol);
}

int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return FAILS(FAULT_LISTEN) ? -1 : __real_bind(fd, addr, len);
}

int __wrap_listen(int fd, int n)
{
	return FAILS(FAULT_LISTEN) ? -1 : __real_listen(fd, n);
}

int __wrap_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return FAILS(FAULT_LISTEN) ? -1 : __real_getsockname(fd, addr, len);
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return FAILS(FAULT_LISTEN) ? -1 : __real_fchmod(fd, mode);
}

int __wrap_link(const char *from, const char *to)
{
	return FAILS(FAULT_LISTEN) ? -1 : __real_link(from, to);
}

struct MHD_Response *__wrap_MHD_create_response_from_buffer(size_t size, void *buf,
							    enum MHD_ResponseMemoryMode mode)
{
	return FAILS(FAULT_RESPONSE) ? NULL :
		__real_MHD_create_response_from_buffer(size, buf, mode);
}

enum MHD_Result __wrap_MHD_queue_response(struct MHD_Connection *conn, unsigned int status,
					  struct MHD_Response *r)
{
	return FAILS(FAULT_RESPONSE) ? MHD_NO : __real_MHD_queue_response(conn, status, r);
}
