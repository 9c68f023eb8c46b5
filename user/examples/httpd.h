/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * httpd.h - declarations shared by the parts of the example server.
 *
 *   httpd.c    signals, the order of start and stop, the exit status
 *   options.c  the command line
 *   ring.c     one thread and its ring: accept, dispatch, timeouts
 *   conn.c     one connection and the request that runs on it
 *   answer.c   the answer to a request: a status, or a file
 *   http.c     HTTP: requests (by llhttp), paths, heads of answers
 *
 * Ownership: a ring thread owns its ring, its connections and their requests. No
 * other thread uses them, so there are no locks. The rings share the listening
 * socket (see ring_leave()) and the descriptor of the directory. main owns the
 * rest and frees it when the stopper has stopped.
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <liburing.h>
#include <llhttp.h>
#include <stopper/stopper.h>

#define NSEC_PER_SEC	1000000000LL
#define NSEC_PER_MSEC	1000000LL

#define CONNS_MAX	32000		/* limit of the largest completion queue */
#define REQUEST_MAX	8192		/* bytes of a request's head; longer: 431 */
#define REPLY_BUF	(64 * 1024)	/* buffer for an answer's head and file data */
#define LINGER_BYTES	(256 * 1024)	/* at most so many bytes are discarded after our last one */

#define __printf(f, a)	__attribute__((format(printf, f, a)))
#define __noreturn	__attribute__((noreturn))
#define __aligned(n)	__attribute__((aligned(n)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* The user data of a completion points to it; completions with user data 0 are ignored. */
struct op {
	void (*done)(struct op *op, int res);
};

/* Written by the ring's thread only; main adds them up at the end. */
struct counts {
	uint64_t begun;		/* requests that the stopper admitted */
	uint64_t answered;	/* of these: the last byte of the answer is out */
	uint64_t aborted;	/* of these: the client disconnected or stalled */
	uint64_t cut;		/* of these: cancelled after the grace period */
	uint64_t refused;	/* requests that the stopper did not admit: 503 */
	uint64_t late;		/* connections whose client sent bytes while we closed them */
};

static inline void counter_inc(uint64_t *n)
{
	/* one writer; relaxed, because main may read it at any time */
	__atomic_store_n(n, *n + 1, __ATOMIC_RELAXED);
}

struct httpd {
	struct stopper *stopper;
	struct stopper_event stop_requested;	/* fired by the first signal, or by a failed ring */
	struct stopper_event cut;	/* the grace period is over: cancel what still runs */
	struct ring *rings;
	unsigned int open_rings;
	int log;			/* -1: standard error */
	unsigned int unlogged;		/* lines that were dropped */
	int dir;
	int listener;
	unsigned int listening;		/* rings that still accept; atomic */
	int stop_signal;		/* the first signal, 0: a failed ring; atomic */
	int second_signal;		/* the second one; atomic */
	bool grace_over;		/* used by main only */
	int64_t stop_requested_at;	/* used by the signal thread only */

	/* options */
	const char *root;
	const char *address;
	const char *port;
	const char *log_path;
	unsigned int nr_rings;
	unsigned int max_conns;		/* of one ring */
	int64_t timeout_ns;
	int64_t drain_ns;
	int64_t grace_ns;
};

void __printf(2, 3) log_line(struct httpd *h, const char *fmt, ...);

/* options.c */

void parse_options(struct httpd *h, int argc, char **argv);

/* ring.c */

enum watch {
	WATCH_ACTIVE,	/* --timeout without progress: 408, or closed */
	WATCH_DRAIN,	/* idle while quiescing: --drain, then closed */
	WATCH_LINGER,	/* our side is closed: one second for the client's side */
	NR_WATCHES,
};

TAILQ_HEAD(conn_list, conn);

struct ring {
	struct io_uring uring;
	struct httpd *h;
	struct op accept;
	struct op quiesce;
	struct op stop;
	struct op cut;
	bool accepting;			/* an accept is in flight */
	bool listening;			/* has not left the listener yet */
	bool quiescing;
	bool stopping;
	bool cutting;
	unsigned int conns;
	int64_t now;			/* when this round began */
	int64_t drain_end;		/* no new connections after this time */
	int64_t accept_at;		/* no accept before this time; 0: no limit */
	struct conn_list watched[NR_WATCHES];	/* each oldest first */
	time_t date_of;
	char date[32];
	struct counts n;
} __aligned(64);

int ring_init(struct ring *r, struct httpd *h);
void ring_exit(struct ring *r);
void ring_run(struct stopper_ctx *ctx, void *arg);

struct io_uring_sqe *ring_sqe(struct ring *r);
void ring_queue(struct io_uring_sqe *sqe, struct op *op, void (*done)(struct op *op, int res));
void ring_cancel(struct ring *r, struct op *op);
void ring_accept(struct ring *r);
const char *ring_date(struct ring *r);
int64_t now_ns(void);

/* http.c */

struct span {
	unsigned int off;	/* from the first byte of the request */
	unsigned int len;
};

struct request {
	llhttp_t parser;
	const char *base;	/* first byte of the request, during http_parse() */
	struct span url;
	struct span name;	/* of the header that is being read */
	struct span range;
	unsigned int hosts;
	unsigned int status;	/* an error found in the head, or 0 */
	int header;		/* HEADER_* of the header that is being read */
	bool in_value;
	bool complete;
	bool keep_alive;
};

struct head {
	const struct request *req;
	const char *date;
	const char *type;	/* NULL: none */
	const char *base;	/* first byte of the request */
	unsigned int status;
	bool close;
	uint64_t length;	/* of the body */
	uint64_t first;		/* its offset, in 206 */
	uint64_t size;		/* of the whole file, in 206 and 416 */
	time_t mtime;		/* 0: none */
};

enum range { RANGE_NONE, RANGE_SOME, RANGE_BEYOND };

void http_request_init(struct request *q);
size_t http_parse(struct request *q, const char *base, size_t done, size_t len);
int http_path(const struct request *q, const char *base, char *path, size_t room);
enum range http_range(const struct request *q, const char *base, uint64_t size,
		      uint64_t *first, uint64_t *length);
size_t http_head(char *buf, size_t room, const struct head *head);
const char *http_type(const char *path);
const char *http_status_text(unsigned int status);

static inline bool http_is_head(const struct request *q)
{
	return q->parser.method == HTTP_HEAD;
}

/* conn.c */

struct conn {
	TAILQ_ENTRY(conn) link;
	struct op op;		/* the one operation in flight */
	struct ring *ring;
	enum watch watch;
	int64_t since;		/* when it was put on that list */
	int fd;

	/* in[]: consumed | start .. pos parsed .. len read */
	size_t start;
	size_t pos;
	size_t len;

	/* the request, and its answer */
	struct stopper_task task;
	struct request req;
	bool active;		/* its first byte has been seen */
	bool begun;		/* and the stopper has admitted it */
	bool closing;		/* the answer says "Connection: close", or there is none */
	unsigned int retries;
	int file;
	const char *type;
	char *out;
	size_t out_pos;
	size_t out_len;
	uint64_t file_pos;
	uint64_t file_left;
	size_t drained;

	char in[REQUEST_MAX];
};

static inline struct conn *op_conn(struct op *op)
{
	return container_of(op, struct conn, op);
}

int conn_open(struct ring *r, int fd);
void conn_expired(struct conn *c);
void conn_quiesce_all(struct ring *r);
void conn_cut_all(struct ring *r);

/* For answer.c; each of them may free the connection. */
void conn_drop(struct conn *c, uint64_t *n);
void conn_fail(struct conn *c);
struct io_uring_sqe *conn_sqe(struct conn *c);
void conn_send(struct conn *c);

bool conn_has_bytes(const struct conn *c);

/* answer.c */

void answer_status(struct conn *c, unsigned int status, uint64_t size);
void answer_and_close(struct conn *c, unsigned int status);
void answer_open(struct conn *c);
void answer_read(struct conn *c);
bool answer_reads(const struct conn *c);
void answer_close(struct conn *c);

#endif /* HTTPD_H */
