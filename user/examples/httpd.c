// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * httpd.c - a static-file HTTP/1.1 server that stops gracefully.
 *
 * An example of libstopper in an event-driven program on io_uring: each ring
 * thread is a worker, each request a task handle; the socket, the directory
 * and the log are closers. httpd.h describes the source files, conn.c how no
 * request is lost, ring.c how no connection is lost.
 *
 * Two threads besides the rings:
 *
 *   main                             signals
 *   wait for ->stop_requested <----- first SIGTERM, SIGINT: fire ->stop_requested
 *   stop in stages:
 *    --grace: the hook prints what   SIGUSR1: print the debug list
 *     still runs and fires ->cut
 *    a second later: give up         second one: the same as the hook
 *   print how it ended
 *
 * The signal thread is not a worker, because it must handle a second signal
 * until the last closer has returned, and workers have ended by then. A third
 * signal kills the process.
 *
 * The exit status: 0 all requests were drained; 3 the grace was over; 128 + N
 * a second signal N cancelled the requests; 1 the start or a ring failed; 2
 * usage error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stopper/print.h>

#include "httpd.h"

#define BACKLOG		1024
#define CUT_NS		NSEC_PER_SEC	/* limit for cancelling the requests */
#define SITES_SHOWN	16
/* timeout(1) signals its child and then the group of both, which is one request to stop */
#define REPEATED_SIGNAL_NS	(100 * NSEC_PER_MSEC)
#define SIG_DONE	SIGRTMIN	/* main to the signal thread: return */

#define EXIT_CUT	3

/* Never blocks, because the log may be a pipe that is not read. A line not written is counted. */
static void log_write(struct httpd *h, const char *text, size_t len)
{
	if (write(h->log < 0 ? STDERR_FILENO : h->log, text, len) != (ssize_t)len)
		__atomic_add_fetch(&h->unlogged, 1, __ATOMIC_RELAXED);
}

void log_line(struct httpd *h, const char *fmt, ...)
{
	char text[512], line[528];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* a single write, because the rings log too */
	log_write(h, line, (size_t)snprintf(line, sizeof(line), "httpd: %s\n", text));
}

static void on_stopper_log(void *arg, int level, const char *line)
{
	log_line(arg, "%s", line);
}

/* What the rings share */

static int log_failure(struct httpd *h, const char *what, int err)
{
	log_line(h, "%s: %s", what, strerror(-err));
	return err;
}

static int log_failure_on(struct httpd *h, const char *what, const char *path, int err)
{
	log_line(h, "%s %s: %s", what, path, strerror(-err));
	return err;
}

/*
 * Without a path, reopens standard error: O_NONBLOCK on the existing open file would affect all
 * processes that share it. If it cannot be reopened (a socket), it is used as it is.
 */
static int open_log(struct httpd *h)
{
	const char *path = h->log_path ? h->log_path : "/proc/self/fd/2";

	h->log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
	if (h->log >= 0 || !h->log_path)
		return 0;
	return log_failure_on(h, "cannot open log file", h->log_path, -errno);
}

static int open_dir(struct httpd *h)
{
	h->dir = open(h->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return h->dir < 0 ? log_failure_on(h, "cannot open directory", h->root, -errno) : 0;
}

static int listen_on(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, err;

	if (fd < 0)
		return -errno;
	/* accepted sockets inherit both */
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    !setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) &&
	    !bind(fd, ai->ai_addr, ai->ai_addrlen) && !listen(fd, BACKLOG))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int open_listener(struct httpd *h)
{
	static const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *ai;
	char where[128];
	int err = getaddrinfo(h->address, h->port, &hints, &ai);

	if (err) {
		log_line(h, "cannot use --address %s: %s", h->address, gai_strerror(err));
		return -EINVAL;
	}
	h->listener = listen_on(ai);
	freeaddrinfo(ai);
	if (h->listener >= 0)
		return 0;
	snprintf(where, sizeof(where), "cannot listen on %s port %s", h->address, h->port);
	return log_failure(h, where, h->listener);
}

/* Each connection needs two descriptors: its socket and a file. */
static void limit_connections(struct httpd *h)
{
	unsigned int others = 64 + 8 * h->nr_rings;
	struct rlimit lim;
	rlim_t room;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	if (lim.rlim_max == RLIM_INFINITY)
		return;
	room = lim.rlim_max > others + 2 ? (lim.rlim_max - others) / 2 : 1;
	if (room < h->max_conns) {
		log_line(h, "limited to %ju connections: at most %ju open files are allowed",
			 (uintmax_t)room, (uintmax_t)lim.rlim_max);
		h->max_conns = room;
	}
}

static int open_rings(struct httpd *h)
{
	unsigned int i;
	int err;

	h->max_conns = (h->max_conns + h->nr_rings - 1) / h->nr_rings;
	h->rings = aligned_alloc(__alignof__(struct ring), h->nr_rings * sizeof(*h->rings));
	if (!h->rings)
		return log_failure(h, "cannot allocate the rings", -ENOMEM);
	memset(h->rings, 0, h->nr_rings * sizeof(*h->rings));
	for (i = 0; i < h->nr_rings; i++) {
		err = ring_init(&h->rings[i], h);
		if (err)
			break;
	}
	h->open_rings = i;
	if (i == h->nr_rings)
		return 0;
	log_line(h, "cannot set up io_uring: %s%s", strerror(-err),
		 err == -EPERM ? " (disabled by kernel.io_uring_disabled or seccomp?)" : "");
	return err;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Closers: called in this order when no ring thread is left, or by main without a stopper */

static void close_sockets(void *arg)
{
	struct httpd *h = arg;

	while (h->open_rings)
		ring_exit(&h->rings[--h->open_rings]);
	close_fd(&h->listener);	/* still open if a ring did not start */
}

static void close_dir(void *arg)
{
	struct httpd *h = arg;

	close_fd(&h->dir);
}

/* main closes the log, because the stopper may log while this closer runs. */
static void sync_log(void *arg)
{
	struct httpd *h = arg;

	/* EINVAL: a pipe or a terminal cannot be synced. */
	if (h->log >= 0 && fdatasync(h->log) && errno != EINVAL)
		fprintf(stderr, "httpd: cannot sync %s: %s\n",
			h->log_path ? h->log_path : "standard error", strerror(errno));
	if (h->unlogged)
		printf("httpd: %u log lines were dropped\n", h->unlogged);
}

static int open_all(struct httpd *h)
{
	int err = open_log(h);

	if (!err)
		err = open_dir(h);
	if (!err)
		err = open_listener(h);
	if (!err) {
		limit_connections(h);
		err = open_rings(h);
	}
	return err;
}

static int add_closers(struct httpd *h)
{
	int err = stopper_add_closer_fn(h->stopper, "sockets", close_sockets, h);

	if (!err)
		err = stopper_add_closer_fn(h->stopper, "directory", close_dir, h);
	if (!err)
		err = stopper_add_closer_fn(h->stopper, "log", sync_log, h);
	return err ? log_failure(h, "cannot add the closers", err) : 0;
}

static int start_rings(struct httpd *h)
{
	unsigned int i;
	int err = 0;

	h->listening = h->nr_rings;
	for (i = 0; i < h->nr_rings && !err; i++)
		err = stopper_run_worker(h->stopper, NULL, "ring", ring_run, &h->rings[i]);
	if (!err)
		return 0;
	/* the rings that did not start never leave the listener; ACQ_REL pairs with ring_leave() */
	__atomic_sub_fetch(&h->listening, h->nr_rings - i + 1, __ATOMIC_ACQ_REL);
	return log_failure(h, "cannot start a ring thread", err);
}

static int print_address(struct httpd *h)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char host[64], port[8];

	if (getsockname(h->listener, (struct sockaddr *)&addr, &len) < 0)
		return log_failure(h, "cannot get the address of the listener", -errno);
	getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	printf(addr.ss_family == AF_INET6 ? "httpd: listening on http://[%s]:%s/\n" :
	       "httpd: listening on http://%s:%s/\n", host, port);
	fflush(stdout);
	return 0;
}

/* Requests that take too long */

static double ns_to_seconds(int64_t ns)
{
	return (double)ns / NSEC_PER_SEC;
}

static void print_tasks(const struct stopper_task_info *info, int n)
{
	int i;

	for (i = 0; i < n; i++)
		printf("httpd:   %ju x %s (%s:%u %s), oldest on thread %d for at least %.3f s\n",
		       (uintmax_t)info[i].count, info[i].name, info[i].file, info[i].line,
		       info[i].func, info[i].tid, ns_to_seconds(info[i].oldest_ns));
}

/* Cancels the requests that have not ended, and prints which they are. */
static void cut_requests(struct httpd *h, const char *why)
{
	struct stopper_task_info info[SITES_SHOWN];
	int n;

	if (stopper_event_fired(&h->cut))
		return;
	printf("httpd: %s, cancelling requests; still running:\n", why);
	n = stopper_running_tasks(h->stopper, info, SITES_SHOWN);
	print_tasks(info, n < SITES_SHOWN ? n : SITES_SHOWN);
	if (n > SITES_SHOWN)
		printf("httpd:   and %d more call sites\n", n - SITES_SHOWN);
	if (!n)
		printf("httpd:   no requests, only connections that are being closed\n");
	fflush(stdout);
	stopper_event_fire(&h->cut);
}

/* Signals */

static sigset_t our_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIG_DONE);
	return set;
}

/* Handles the first and the second SIGTERM or SIGINT. */
static void on_stop_signal(struct httpd *h, int sig)
{
	sigset_t set;

	if (!stopper_event_fired(&h->stop_requested)) {
		h->stop_requested_at = now_ns();
		__atomic_store_n(&h->stop_signal, sig, __ATOMIC_RELAXED);
		stopper_event_fire(&h->stop_requested);
		return;
	}
	if (now_ns() - h->stop_requested_at < REPEATED_SIGNAL_NS)
		return;
	__atomic_store_n(&h->second_signal, sig, __ATOMIC_RELAXED);
	cut_requests(h, "second signal");
	/* a third one kills the process */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* A log that is not read may take only a part of it. */
static void log_debug_list(struct httpd *h)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	stopper_debug_print(f);
	if (!fclose(f))
		log_write(h, text, len);
	free(text);
}

static void *signal_thread(void *arg)
{
	sigset_t set = our_signals();
	struct httpd *h = arg;
	int sig;

	for (;;) {
		sig = sigwaitinfo(&set, NULL);
		if (sig == SIG_DONE)
			return NULL;
		if (sig == SIGUSR1)
			log_debug_list(h);
		else if (sig > 0)
			on_stop_signal(h, sig);
	}
}

/* The result */

static struct counts sum_counts(const struct httpd *h)
{
	struct counts sum = {};
	const struct counts *n;
	unsigned int i;

	for (i = 0; i < h->nr_rings; i++) {
		n = &h->rings[i].n;
		sum.begun += __atomic_load_n(&n->begun, __ATOMIC_RELAXED);
		sum.answered += __atomic_load_n(&n->answered, __ATOMIC_RELAXED);
		sum.aborted += __atomic_load_n(&n->aborted, __ATOMIC_RELAXED);
		sum.cut += __atomic_load_n(&n->cut, __ATOMIC_RELAXED);
		sum.refused += __atomic_load_n(&n->refused, __ATOMIC_RELAXED);
		sum.late += __atomic_load_n(&n->late, __ATOMIC_RELAXED);
	}
	return sum;
}

static void print_counts(const struct httpd *h)
{
	struct counts n = sum_counts(h);

	printf("begun=%ju answered=%ju refused=%ju lost=%ju aborted=%ju cut=%ju late=%ju\n",
	       (uintmax_t)n.begun, (uintmax_t)n.answered, (uintmax_t)n.refused,
	       (uintmax_t)(n.begun - n.answered - n.aborted),
	       (uintmax_t)n.aborted, (uintmax_t)n.cut, (uintmax_t)n.late);
	fflush(stdout);
}

/* Called for each thread that remains when the grace is over; the first one suffices. */
static void on_grace_over(void *arg, const struct stopper_task_info *info)
{
	struct httpd *h = arg;

	h->grace_over = true;
	cut_requests(h, "the grace is over");
}

/* An operation hangs in the kernel, so its buffers cannot be freed. */
static void __attribute__((noreturn)) give_up(struct httpd *h, const struct stopper_stages *st,
					      int status)
{
	printf("httpd: cancelled requests do not end:\n");
	print_tasks(st->remaining, (int)st->filled);
	print_counts(h);
	_exit(status);
}

/* Waits for a request to stop, then stops. Returns the exit status. */
static int httpd_serve(struct httpd *h)
{
	struct stopper_task_info remaining[SITES_SHOWN];
	struct stopper_stages st = {
		.size = sizeof(st), .hook_ns = h->grace_ns + 1, .hook = on_grace_over,
		.hook_arg = h, .grace_ns = h->grace_ns + CUT_NS, .remaining = remaining,
		.n = SITES_SHOWN,
	};
	int64_t begin;
	int sig, second, err, status;

	stopper_wait(&h->stop_requested, NULL);
	begin = now_ns();
	sig = __atomic_load_n(&h->stop_signal, __ATOMIC_RELAXED);
	if (sig)
		log_line(h, "received signal %d (%s): stopping", sig, strsignal(sig));
	err = stopper_stop_staged(h->stopper, &st);
	second = __atomic_load_n(&h->second_signal, __ATOMIC_RELAXED);
	if (second)
		status = 128 + second;
	else if (h->grace_over)
		status = EXIT_CUT;
	else
		status = sig ? EXIT_SUCCESS : EXIT_FAILURE;
	if (err)
		give_up(h, &st, status);
	if (!second && !h->grace_over)
		printf("httpd: drained and stopped in %.3f s\n", ns_to_seconds(now_ns() - begin));
	return status;
}

static int httpd_run(struct httpd *h)
{
	int status = EXIT_FAILURE;
	pthread_t signals;
	int err;

	err = pthread_create(&signals, NULL, signal_thread, h);
	if (err) {
		log_failure(h, "cannot start the signal thread", -err);
		stopper_stop(h->stopper, NULL);
		return status;
	}
	if (!add_closers(h) && !print_address(h) && !start_rings(h))
		status = httpd_serve(h);
	else
		stopper_stop(h->stopper, NULL);
	pthread_kill(signals, SIG_DONE);
	pthread_join(signals, NULL);
	print_counts(h);
	return status;
}

static int httpd_create_and_run(struct httpd *h)
{
	struct stopper_options opts = { .size = sizeof(opts), .log = on_stopper_log, .log_arg = h };
	int status = EXIT_FAILURE, err;

	stopper_event_init(&h->stop_requested);
	stopper_event_init(&h->cut);
	err = stopper_create(&h->stopper, "httpd", &opts);
	if (err)
		log_line(h, "cannot create the stopper: %s", stopper_strerror(err));
	else
		status = httpd_run(h);
	stopper_put(h->stopper);
	stopper_event_destroy(&h->cut);
	stopper_event_destroy(&h->stop_requested);
	return status;
}

int main(int argc, char **argv)
{
	struct httpd h = { .dir = -1, .listener = -1, .log = -1 };
	sigset_t set = our_signals();
	int status = EXIT_FAILURE;

	parse_options(&h, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (!open_all(&h))
		status = httpd_create_and_run(&h);
	close_sockets(&h);
	close_dir(&h);
	if (h.log >= 0)
		close(h.log);
	free(h.rings);
	return status;
}
