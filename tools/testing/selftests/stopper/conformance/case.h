/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * case.h - the small world that the conformance cases live in.
 *
 * The cases are one source, compiled into a program and into test_stopper.ko.
 * They see <stopper/...>, the C both builds have, and what is declared here;
 * run_user.c and run_kernel.c supply it. Nothing here uses the stopper to
 * wait, so that a broken stopper fails a case and not the case's own tools.
 *
 * A case is a function without arguments. CHECK() notes a failure and goes on.
 * Cases never sleep in place of a condition: env_wait_for() polls one with a
 * generous bound. env_settle() gives a wrong stopper some time to show what
 * it must not do; a right one passes however long it takes.
 */
#ifndef STOPPER_CASE_H
#define STOPPER_CASE_H

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

struct env_counter {
	atomic_t v;
};

struct env_gate {
	struct completion done;
};

struct env_thread {
	void (*fn)(void *arg);
	void *arg;
	struct task_struct *task;
	struct completion done;
};

static inline int env_get(struct env_counter *c)
{
	return atomic_read_acquire(&c->v);
}

static inline void env_set(struct env_counter *c, int v)
{
	atomic_set_release(&c->v, v);
}

/* A look, and a word, that order nothing. */
static inline int env_peek(struct env_counter *c)
{
	return atomic_read(&c->v);
}

static inline void env_poke(struct env_counter *c, int v)
{
	atomic_set(&c->v, v);
}

/* Returns the new value, with full order. */
static inline int env_add(struct env_counter *c, int v)
{
	return atomic_add_return(v, &c->v);
}

/* Ends this thread where it stands. Inline: objtool knows what does not return by its name. */
static inline void __noreturn env_thread_exit(void)
{
	kthread_complete_and_exit(NULL, 0);
}

#else /* userspace */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define noinline	__attribute__((noinline))

struct env_counter {
	int v;
};

struct env_gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool open;
};

struct env_thread {
	void (*fn)(void *arg);
	void *arg;
	pthread_t task;
};

static inline int env_get(struct env_counter *c)
{
	return __atomic_load_n(&c->v, __ATOMIC_ACQUIRE);
}

static inline void env_set(struct env_counter *c, int v)
{
	__atomic_store_n(&c->v, v, __ATOMIC_RELEASE);
}

/* A look, and a word, that order nothing. */
static inline int env_peek(struct env_counter *c)
{
	return __atomic_load_n(&c->v, __ATOMIC_RELAXED);
}

static inline void env_poke(struct env_counter *c, int v)
{
	__atomic_store_n(&c->v, v, __ATOMIC_RELAXED);
}

/* Returns the new value, with full order. */
static inline int env_add(struct env_counter *c, int v)
{
	return __atomic_add_fetch(&c->v, v, __ATOMIC_SEQ_CST);
}

/* Ends this thread where it stands. */
static inline void __attribute__((noreturn)) env_thread_exit(void)
{
	pthread_exit(NULL);
}

#endif /* __KERNEL__ */

/* core/steps.c: how often a dear step was made, by all stoppers; what tests look at, not times. */
unsigned long __stopper_steps(const char *what);

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

static inline int env_inc(struct env_counter *c)
{
	return env_add(c, 1);
}

static inline int env_dec(struct env_counter *c)
{
	return env_add(c, -1);
}

#define ENV_MSEC	1000000LL
#define ENV_SEC	1000000000LL
#define ENV_BOUND	(90 * ENV_SEC)	/* of every wait for a condition; CPUs may be emulated */

/* --- verdicts --------------------------------------------------------------------------------- */

struct test_case {
	const char *name;
	void (*fn)(void);
};

#define CASE(fn_)	{ #fn_, fn_ }
#define CASES_END	{ NULL, NULL }

void env_fail(const char *file, int line, const char *what);
void env_fail_eq(const char *file, int line, const char *what, long long got, long long want);
void env_fail_str(const char *file, int line, const char *what, const char *got,
		  const char *want);
void case_skip(const char *why);

/* Both are true when the check held, from whatever thread. */
#define CHECK(cond) ({							\
	bool __held = (cond);						\
	if (!__held)							\
		env_fail(__FILE__, __LINE__, #cond);			\
	__held; })

#define CHECK_EQ(got_, want_) ({					\
	long long __got = (long long)(got_), __want = (long long)(want_);\
	if (__got != __want)						\
		env_fail_eq(__FILE__, __LINE__, #got_ " == " #want_,	\
			    __got, __want);				\
	__got == __want; })

#define CHECK_STR(got_, want_) ({					\
	const char *__got = (got_), *__want = (want_);			\
	bool __same = !strcmp(__got, __want);				\
	if (!__same)							\
		env_fail_str(__FILE__, __LINE__, #got_, __got, __want);\
	__same; })

/* --- the world: run_user.c, run_kernel.c ---------------------------------------------------- */

int env_spawn(struct env_thread *t, void (*fn)(void *arg), void *arg);
void env_join(struct env_thread *t);
void env_yield(void);
void env_nap(void);			/* a millisecond or so: the step of a poll */
int64_t env_now(void);
int env_tid(void);
void env_comm(char *buf, size_t size);	/* the name of this thread */
void env_comm_of(int tid, char *buf, size_t size);	/* of another one; "": it has ended */
void env_rename(const char *comm);	/* as code does that does not ask the stopper */
void *env_alloc(size_t size);		/* zeroed, never NULL */
void env_free(void *p);
int case_rounds(int n);			/* n, scaled to the machine */
bool case_may_misuse(void);		/* may a case provoke a WARN? */
int case_sem_waiters(struct stopper_sem *sem);
bool case_trace(bool on);		/* somebody listens to tasks; false: not to be had */

void env_gate_init(struct env_gate *g);
void env_gate_destroy(struct env_gate *g);
void env_gate_open(struct env_gate *g);
bool env_gate_wait(struct env_gate *g);	/* false: not opened within ENV_BOUND */

/* true when @cond came true within ENV_BOUND; fails the case otherwise */
#define env_wait_for(cond) ({						\
	int64_t __until = env_now() + ENV_BOUND;			\
	bool __came;							\
	while (!(__came = (cond)) && env_now() < __until)		\
		env_nap();						\
	if (!__came)							\
		env_fail(__FILE__, __LINE__, "waited in vain for " #cond);\
	__came; })

void env_settle(void);

/* --- run.c: what many cases need ------------------------------------------------------ */

/* A task, worker or closer that stays until it is told to go. */
struct case_hold {
	struct env_counter in, out;
	struct env_gate gate;
};

void case_hold_init(struct case_hold *h);
void case_hold_fn(struct stopper_ctx *ctx, void *hold);
void case_hold_closer_fn(void *hold);
void case_hold_destroy(struct case_hold *h);

void case_count_fn(struct stopper_ctx *ctx, void *counter);
int case_count_err_fn(struct stopper_ctx *ctx, void *counter);
void case_count_plain(void *counter);
void case_count_on_fire(struct stopper_on_fire *of, void *counter);

/* A worker that returns when it shall. */
struct case_worker {
	struct stopper *s;
	struct env_counter in, out;
};

void case_worker_fn(struct stopper_ctx *ctx, void *worker);

/* Stop or Quiesce on a thread of its own. */
struct case_call {
	struct env_thread thread;
	struct stopper *s;
	struct stopper_ctx *ctx;
	int ret;
	struct env_counter returned;
};

void case_stop_begin(struct case_call *c, struct stopper *s, struct stopper_ctx *ctx);
void case_quiesce_begin(struct case_call *c, struct stopper *s, struct stopper_ctx *ctx);
int case_call_end(struct case_call *c);

/* A log sink that keeps what it was told. */
struct case_log {
	struct stopper_options opts;	/* with this sink set */
	struct env_counter busy;
	int64_t at[64];			/* when each of the first lines came */
	size_t len;
	int lines;
	char text[8192];
};

struct case_log *case_log_new(void);
void case_log_line(void *log, int level, const char *line);
int case_log_count(struct case_log *log, const char *what);	/* lines that contain @what */

struct stopper *new_stopper(const struct stopper_options *opts);
void stop_and_put(struct stopper *s);
struct stopper_ctx *new_ctx(struct stopper_ctx *parent);
struct stopper_ctx *new_ctx_timeout(struct stopper_ctx *parent, int64_t ns);
bool case_printable(const char *s);
bool case_is_comm_of(const char *comm, const char *name);

/* --- the cases -------------------------------------------------------------------------------- */

extern const struct test_case cases_admission[];
extern const struct test_case cases_refusal[];
extern const struct test_case cases_async[];
extern const struct test_case cases_limited[];
extern const struct test_case cases_pool[];
extern const struct test_case cases_worker[];
extern const struct test_case cases_closer[];
extern const struct test_case cases_phase[];
extern const struct test_case cases_stop[];
extern const struct test_case cases_parent[];
extern const struct test_case cases_stall[];
extern const struct test_case cases_event[];
extern const struct test_case cases_event_callbacks[];
extern const struct test_case cases_ctx[];
extern const struct test_case cases_ctx_stopper[];
extern const struct test_case cases_span[];
extern const struct test_case cases_sem[];
extern const struct test_case cases_panic[];
extern const struct test_case cases_count[];
extern const struct test_case cases_name[];
extern const struct test_case cases_args[];
extern const struct test_case cases_callback[];
extern const struct test_case cases_race[];
extern const struct test_case cases_order[];
extern const struct test_case cases_misuse[];
extern const struct test_case cases_only[];

struct case_totals {
	int cases, passed, failed, skipped;
};

/* Supplied by the builds: how results go out. */
void case_say_plan(int n);
void case_say_begin(int nr, const char *name);
void case_say_end(int nr, const char *name, bool ok, const char *skip);

typedef bool (*case_filter_fn)(const char *name);
struct case_totals run_all_cases(case_filter_fn wanted);
void each_case_name(void (*fn)(const char *name));
bool case_note_failure(void);	/* false: said often enough for this case */

#endif /* STOPPER_CASE_H */
