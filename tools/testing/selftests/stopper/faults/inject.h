/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * inject.h - makes what the library asks of libc, liburing and the kernel fail; see inject.c.
 */
#ifndef STOPPER_TEST_INJECT_H
#define STOPPER_TEST_INJECT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

/* What can fail, each with the error that it fails with. */
enum fault {
	FAULT_MEMORY,		/* malloc() and its like, open_memstream() */
	FAULT_THREAD,		/* pthread_create() */
	FAULT_THREAD_ATTR,	/* pthread_attr_init() */
	FAULT_KEY,		/* pthread_key_create() */
	FAULT_SPECIFIC,		/* pthread_setspecific() */
	FAULT_ATFORK,		/* pthread_atfork() */
	FAULT_EVENTFD,
	FAULT_RING,		/* io_uring_queue_init() */
	FAULT_RING_EINTR,	/* a wait on a ring is interrupted before it has begun */
	FAULT_RING_DEAD,	/* a ring fails: somebody closed its descriptor */
	FAULT_MEMBARRIER,	/* both of init.c's questions */
	FAULT_RANDOM,		/* getrandom() */
	FAULT_OPEN,		/* of the recorder's file */
	FAULT_WRITE,		/* to it */
	FAULT_SOCKET,		/* socket() */
	FAULT_LISTEN,		/* bind(), listen(), getsockname(), fchmod(), link() */
	FAULT_RESPONSE,		/* libmicrohttpd's responses */
	NR_FAULTS
};

/* The error number that @fault fails with, and its name. */
int fault_errno(enum fault fault);
const char *fault_name(enum fault fault);

/*
 * From now on the @nth call fails, counted from 1; @sticky: and all that follow.
 * With @nth 0 none does, they are only counted.
 */
void inject(enum fault fault, unsigned int nth, bool sticky);
/* Lets all succeed again. */
void inject_nothing(void);
/* How many were made to fail since inject(). */
unsigned int injected(void);
/* Where: the return addresses of these calls, each once, at most @n. */
unsigned int injected_at(void **at, unsigned int n);

/* What the library has allocated and not freed. */
struct live {
	void *p;
	size_t size;
	void *caller;
};

/* Copies at most @n of them; returns how many there are. */
unsigned int live_list(struct live *list, unsigned int n);

/* For the test's own needs, which never fail. */
int real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *arg), void *arg);
int real_socket(int domain, int type, int protocol);

/* A malloc() for libraries that can be given one. */
void *inject_malloc(size_t size);

#endif /* STOPPER_TEST_INJECT_H */
