/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * case.h - what conformance cases are written with.
 *
 * The cases are one source, compiled into a program and into test_stopper.ko. They use
 * <stopper/...>, env.h, check.h and what is declared here; run_user.c, run_kernel.c and
 * run_kunit.c differ.
 *
 * A case is a function without arguments. CHECK() reports a failure and goes on.
 * Cases never sleep in place of a condition: CHECK_SOON() polls one with a
 * generous bound. env_settle() gives a wrong stopper some time to show what
 * it must not do; a right one passes however long it takes.
 */
#ifndef STOPPER_CASE_H
#define STOPPER_CASE_H

#include <stopper/stopper.h>

#include "../env/check.h"

/* core/steps.c: how often a dear step was made, by all stoppers; what tests look at, not times. */
unsigned long __stopper_steps(const char *what);

/* --- verdicts --------------------------------------------------------------------------------- */

struct test_case {
	const char *name;
	void (*fn)(void);
};

#define CASE(fn_)	{ #fn_, fn_ }
#define CASES_END	{ NULL, NULL }

void case_skip(const char *why);

/* --- run_user.c, run_kernel.c ----------------------------------------------------------------- */

int case_rounds(int n);			/* n, scaled to the machine */
bool case_may_misuse(void);		/* may a case provoke a WARN? */
bool case_trace(bool on);		/* traces tasks; false: not available */

/* --- helpers.c: what many cases need ---------------------------------------------------------- */

/* A task, worker or closer that runs until the gate opens. */
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

/* A worker that returns on ShouldStop. */
struct case_worker {
	struct stopper *s;
	struct env_counter in, out;
};

void case_worker_fn(struct stopper_ctx *ctx, void *worker);

/* Stop, Quiesce or Pause on a thread of its own. */
struct case_call {
	struct env_thread thread;
	struct stopper *s;
	struct stopper_ctx *ctx;
	int ret;
	struct env_counter returned;
};

void case_stop_begin(struct case_call *c, struct stopper *s, struct stopper_ctx *ctx);
void case_quiesce_begin(struct case_call *c, struct stopper *s, struct stopper_ctx *ctx);
void case_pause_begin(struct case_call *c, struct stopper *s, struct stopper_ctx *ctx);
int case_call_end(struct case_call *c);

/* A caller that waits for slots of a semaphore, on a thread of its own. */
struct case_taker {
	struct env_thread thread;
	struct stopper_sem *sem;
	struct stopper_ctx *ctx;
	struct env_counter *line;
	int n, ret, place;
	struct env_counter returned;
};

/* Both return when it stands in the line. */
void case_take_slots(struct case_taker *t, struct stopper_sem *sem, int n, struct stopper_ctx *ctx,
		     struct env_counter *line);
void case_take(struct case_taker *t, struct stopper_sem *sem, struct stopper_ctx *ctx,
	       struct env_counter *line);
int case_taken(struct case_taker *t);

/* A lock of two words, zeroed: who comes first is first. */
struct case_turns {
	struct env_counter taken, over;
};

void case_turn_begin(struct case_turns *t);
void case_turn_end(struct case_turns *t);

/* A log sink that keeps its lines. */
struct case_log {
	struct stopper_options opts;	/* with this sink set */
	struct case_turns turns;	/* a sink may be called from anywhere */
	int64_t at[64];			/* when each of the first lines came */
	size_t len;
	int lines;
	char text[8192];
};

struct case_log *case_log_new(void);
void case_log_line(void *log, int level, const char *line);
int case_log_count(struct case_log *log, const char *what);	/* lines that contain @what */

/* A stopper whose panic hook keeps the first panic. */
struct case_panics {
	struct stopper_options opts;	/* with this hook set */
	struct stopper *s;
	struct env_counter claims, calls;
	enum stopper_panic_kind kind;
	void *value;
	int tid;
	bool died;
	char stopper[32], name[32], func[64];
	unsigned long tasks;
};

void case_panics_init(struct case_panics *p);

struct stopper *new_stopper(const struct stopper_options *opts);
struct stopper *new_child(const char *name, struct stopper *parent);
void stop_and_put(struct stopper *s);
bool case_is_paused(struct stopper *s);
struct stopper_ctx *new_ctx(struct stopper_ctx *parent);
struct stopper_ctx *new_ctx_timeout(struct stopper_ctx *parent, int64_t ns);
bool case_printable(const char *s);
bool case_is_comm_of(const char *comm, const char *name);

/* --- the cases -------------------------------------------------------------------------------- */

extern const struct test_case cases_admission[];
extern const struct test_case cases_refusal[];
extern const struct test_case cases_async[];
extern const struct test_case cases_record[];
extern const struct test_case cases_result[];
extern const struct test_case cases_limited[];
extern const struct test_case cases_pool[];
extern const struct test_case cases_timer[];
extern const struct test_case cases_worker[];
extern const struct test_case cases_closer[];
extern const struct test_case cases_phase[];
extern const struct test_case cases_stop[];
extern const struct test_case cases_stages[];
extern const struct test_case cases_parent[];
extern const struct test_case cases_tree[];
extern const struct test_case cases_pause[];
extern const struct test_case cases_pause_beside[];
extern const struct test_case cases_nested[];
extern const struct test_case cases_stall[];
extern const struct test_case cases_event[];
extern const struct test_case cases_event_callbacks[];
extern const struct test_case cases_ctx[];
extern const struct test_case cases_ctx_stopper[];
extern const struct test_case cases_ctx_task[];
extern const struct test_case cases_cause[];
extern const struct test_case cases_span[];
extern const struct test_case cases_sem[];
extern const struct test_case cases_sem_weight[];
extern const struct test_case cases_guard[];
extern const struct test_case cases_panic[];
extern const struct test_case cases_count[];
extern const struct test_case cases_name[];
extern const struct test_case cases_label[];
extern const struct test_case cases_args[];
extern const struct test_case cases_outline[];
extern const struct test_case cases_callback[];
extern const struct test_case cases_race[];
extern const struct test_case cases_order[];
extern const struct test_case cases_misuse[];
extern const struct test_case cases_only[];
#ifdef __KERNEL__
extern const struct test_case cases_only_softirq[];
#else
extern const struct test_case cases_only_list[];
#endif

/* The case after @prev, the first one after NULL; NULL after the last. */
const struct test_case *case_next(const struct test_case *prev);
/* Runs one case; false: it failed. *@skip: why it did not run, or NULL. */
bool case_run(const struct test_case *c, const char **skip);
extern const char *current_case;

/* Supplied by the builds: the result of a check that does not hold. */
void case_say_failure(const char *line);

/* --- run_all.c -------------------------------------------------------------------------------- */

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

#endif /* STOPPER_CASE_H */
