/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * real.h - what is behind the functions that inject.c wraps: ld's --wrap names them so.
 */
#ifndef STOPPER_TEST_FAULTS_REAL_H
#define STOPPER_TEST_FAULTS_REAL_H

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void __real_free(void *p);
FILE *__real_open_memstream(char **buf, size_t *size);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *arg), void *arg);
int __real_pthread_attr_init(pthread_attr_t *a);
int __real_pthread_key_create(pthread_key_t *key, void (*fn)(void *value));
int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __real_eventfd(unsigned int count, int flags);
int __real_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags);
int __real_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
					    unsigned int n, struct __kernel_timespec *ts,
					    sigset_t *mask);
long __real_syscall(long nr, long a, long b, long c, long d, long e, long f);
ssize_t __real_getrandom(void *buf, size_t len, unsigned int flags);
int __real_socket(int domain, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *addr, socklen_t len);
int __real_listen(int fd, int n);
int __real_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int __real_fchmod(int fd, mode_t mode);
int __real_link(const char *from, const char *to);
struct MHD_Response *__real_MHD_create_response_from_buffer(size_t size, void *buf,
							    enum MHD_ResponseMemoryMode mode);
enum MHD_Result __real_MHD_queue_response(struct MHD_Connection *conn, unsigned int status,
					  struct MHD_Response *r);

#endif /* STOPPER_TEST_FAULTS_REAL_H */
