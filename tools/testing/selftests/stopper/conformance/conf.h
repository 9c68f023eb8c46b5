/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * conf.h - the small world that the conformance cases live in.
 *
 * The cases are one source, compiled into a program and into test_stopper.ko.
 * They see <stopper/...>, the C both builds have, and what is declared here;
 * conf_user.c and conf_kernel.c supply it. Nothing here uses the stopper to
 * wait, so that a broken stopper fails a case and not the case's own tools.
 *
 * A case is a function without arguments. CHECK() notes a failure and goes on.
 * Cases never sleep in place of a condition: conf_wait_for() polls one with a
 * generous bound. conf_settle() gives a wrong stopper some time to show what
 * it must not do; a right one passes however long it takes.
 */
#ifndef STOPPER_CONF_H
#define STOPPER_CONF_H

#include <stopper/stopper.h>

#ifdef __KERNEL__

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/sched.h>
#include <linux/string.h>

#ifndef INT64_MAX
#define INT64_MAX	S64_MAX
#define INT64_MIN	S64_MIN
#endif

struct conf_counter {
	atomic_t v;
};

struct conf_gate {
	struct completion done;
};

struct conf_thread {
	void (*fn)(void *arg);
	void *arg;
	struct task_struct *task;
	struct completion done;
};

static inline int conf_get(struct conf_counter *c)
{
	return atomic_read_acquire(&c->v);
}

static inline void conf_set(struct conf_counter *c, int v)
{
	atomic_set_release(&c->v, v);
}

/* A look, and a word, that order nothing. */
static inline int conf_peek(struct conf_counter *c)
{
	return atomic_read(&c->v);
}

static inline void conf_poke(struct conf_counter *c, int v)
{
	atomic_set(&c->v, v);
}

/* Returns the new value, with full order. */
static inline int conf_add(struct conf_counter *c, int v)
{
	return atomic_add_return(v, &c->v);
}

/* Ends this thread where it stands. Inline: objtool knows what does not return by its name. */
static inline void __noreturn conf_thread_exit(void)
{
	kthread_complete_and_exit(NULL, 0);
}

#else /* userspace */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define noinline	__attribute__((noinline))

struct conf_counter {
	int v;
};

struct conf_gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool open;
};

struct conf_thread {
	void (*fn)(void *arg);
	void *arg;
	pthread_t task;
};

static inline int conf_get(struct conf_counter *c)
{
	return __atomic_load_n(&c->v, __ATOMIC_ACQUIRE);
}

static inline void conf_set(struct conf_counter *c, int v)
{
	__atomic_store_n(&c->v, v, __ATOMIC_RELEASE);
}

/* A look, and a word, that order nothing. */
static inline int conf_peek(struct conf_counter *c)
{
	return __atomic_load_n(&c->v, __ATOMIC_RELAXED);
}

static inline void conf_poke(struct conf_counter *c, int v)
{
	__atomic_store_n(&c->v, v, __ATOMIC_RELAXED);
}

/* Returns the new value, with full order. */
static inline int conf_add(struct conf_counter *c, int v)
{
	return __atomic_add_fetch(&c->v, v, __ATOMIC_SEQ_CST);
}

/* Ends this thread where it stands. */
static inline void __attribute__((noreturn)) conf_thread_exit(void)
{
	pthread_exit(NULL);
}

#endif /* __KERNEL__ */

/* core/steps.c: how often a dear step was made, by all stoppers; what tests look at, not times. */
unsigned long __stopper_steps(const char *what);

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

static inline int conf_inc(struct conf_counter *c)
{
	return conf_add(c, 1);
}

static inline int conf_dec(struct conf_counter *c)
{
	return conf_add(c, -1);
}

#define CONF_MSEC	1000000LL
#define CONF_SEC	1000000000LL
#define CONF_BOUND	(90 * CONF_SEC)	/* of every wait for a condition; CPUs may be emulated */

/* --- verdicts --------------------------------------------------------------------------------- */

struct conf_case {
	const char *name;
	void (*fn)(void);
};

#define CONF_CASE(fn_)	{ #fn_, fn_ }
#define CONF_END	{ NULL, NULL }

void conf_fail(const char *file, int line, const char *what);
void conf_fail_eq(const char *file, int line, const char *what, long long got, long long want);
void conf_fail_str(const char *file, int line, const char *what, const char *got,
		   const char *want);
void conf_skip(const char *why);

/* Both are true when the check held, from whatever thread. */
#define CHECK(cond) ({							\
	bool __held = (cond);						\
	if (!__held)							\
		conf_fail(__FILE__, __LINE__, #cond);			\
	__held; })

#define CHECK_EQ(got_, want_) ({					\
	long long __got = (long long)(got_), __want = (long long)(want_);\
	if (__got != __want)						\
		conf_fail_eq(__FILE__, __LINE__, #got_ " == " #want_,	\
			     __got, __want);				\
	__got == __want; })

#define CHECK_STR(got_, want_) ({					\
	const char *__got = (got_), *__want = (want_);			\
	bool __same = !strcmp(__got, __want);				\
	if (!__same)							\
		conf_fail_str(__FILE__, __LINE__, #got_, __got, __want);\
	__same; })

/* --- the world: conf_user.c, conf_kernel.c ---------------------------------------------------- */

int conf_spawn(struct conf_thread *t, void (*fn)(void *arg), void *arg);
void conf_join(struct conf_thread *t);
void conf_yield(void);
void conf_nap(void);			/* a millisecond or so: the step of a poll */
int64_t conf_now(void);
int conf_tid(void);
void conf_comm(char *buf, size_t size);	/* the name of this thread */
void conf_comm_of(int tid, char *buf, size_t size);	/* of another one; "": it has ended */
void conf_rename(const char *comm);	/* as code does that does not ask the stopper */
void *conf_alloc(size_t size);		/* zeroed, never NULL */
void conf_free(void *p);
int conf_rounds(int n);			/* n, scaled to the machine */
bool conf_may_misuse(void);		/* may a case provoke a WARN? */
int conf_sem_waiters(struct stopper_sem *sem);
bool conf_trace(bool on);		/* somebody listens to tasks; false: not to be had */

void conf_gate_init(struct conf_gate *g);
void conf_gate_destroy(struct conf_gate *g);
void conf_gate_open(struct conf_gate *g);
bool conf_gate_wait(struct conf_gate *g);	/* false: not opened within CONF_BOUND */

/* true when @cond came true within CONF_BOUND; fails the case otherwise */
#define conf_wait_for(cond) ({						\
	int64_t __until = conf_now() + CONF_BOUND;			\
	bool __came;							\
	while (!(__came = (cond)) && conf_now() < __until)		\
		conf_nap();						\
	if (!__came)							\
		conf_fail(__FILE__, __LINE__, "waited in vain for " #cond);\
	__came; })

void conf_settle(void);

/* --- conf_common.c: what many cases need ------------------------------------------------------ */

/* A task, worker or closer that stays until it is told to go. */
struct conf_hold {
	struct conf_counter in, out;
	struct conf_gate gate;
};

void conf_hold_init(struct conf_hold *h);
void conf_hold_fn(struct stopper_ctx *ctx, void *hold);
void conf_hold_closer_fn(void *hold);
void conf_hold_destroy(struct conf_hold *h);

void conf_count_fn(struct stopper_ctx *ctx, void *counter);
int conf_count_err_fn(struct stopper_ctx *ctx, void *counter);
void conf_count_plain(void *counter);
void conf_count_on_fire(struct stopper_on_fire *of, void *counter);

/* A worker that returns when it shall. */
struct conf_worker {
	struct stopper *s;
	struct conf_counter in, out;
};

void conf_worker_fn(struct stopper_ctx *ctx, void *worker);

/* Stop or Quiesce on a thread of its own. */
struct conf_call {
	struct conf_thread thread;
	struct stopper *s;
	struct stopper_ctx *ctx;
	int ret;
	struct conf_counter returned;
};

void conf_stop_begin(struct conf_call *c, struct stopper *s, struct stopper_ctx *ctx);
void conf_quiesce_begin(struct conf_call *c, struct stopper *s, struct stopper_ctx *ctx);
int conf_call_end(struct conf_call *c);

/* A log sink that keeps what it was told. */
struct conf_log {
	struct stopper_options opts;	/* with this sink set */
	struct conf_counter busy;
	int64_t at[64];			/* when each of the first lines came */
	size_t len;
	int lines;
	char text[8192];
};

struct conf_log *conf_log_new(void);
void conf_log_line(void *log, int level, const char *line);
int conf_log_count(struct conf_log *log, const char *what);	/* lines that contain @what */

struct stopper *conf_stopper(const struct stopper_options *opts);
void conf_stop_and_put(struct stopper *s);
struct stopper_ctx *conf_ctx(struct stopper_ctx *parent);
struct stopper_ctx *conf_ctx_timeout(struct stopper_ctx *parent, int64_t ns);
bool conf_printable(const char *s);
bool conf_is_comm_of(const char *comm, const char *name);

/* --- the cases -------------------------------------------------------------------------------- */

extern const struct conf_case cases_admission[];
extern const struct conf_case cases_refusal[];
extern const struct conf_case cases_async[];
extern const struct conf_case cases_limited[];
extern const struct conf_case cases_pool[];
extern const struct conf_case cases_worker[];
extern const struct conf_case cases_closer[];
extern const struct conf_case cases_phase[];
extern const struct conf_case cases_stop[];
extern const struct conf_case cases_family[];
extern const struct conf_case cases_stall[];
extern const struct conf_case cases_event[];
extern const struct conf_case cases_fire[];
extern const struct conf_case cases_ctx[];
extern const struct conf_case cases_tie[];
extern const struct conf_case cases_span[];
extern const struct conf_case cases_sem[];
extern const struct conf_case cases_panic[];
extern const struct conf_case cases_count[];
extern const struct conf_case cases_name[];
extern const struct conf_case cases_args[];
extern const struct conf_case cases_callback[];
extern const struct conf_case cases_race[];
extern const struct conf_case cases_order[];
extern const struct conf_case cases_misuse[];
extern const struct conf_case cases_only[];

struct conf_run {
	int cases, passed, failed, skipped;
};

/* Supplied by the builds: how results go out. */
void conf_say_plan(int n);
void conf_say_begin(int nr, const char *name);
void conf_say_end(int nr, const char *name, bool ok, const char *skip);

typedef bool (*conf_filter_fn)(const char *name);
struct conf_run conf_run_all(conf_filter_fn wanted);
void conf_each_name(void (*fn)(const char *name));
bool conf_note_failure(void);	/* false: said often enough for this case */

#endif /* STOPPER_CONF_H */
