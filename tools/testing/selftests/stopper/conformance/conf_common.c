// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * conf_common.c - the list of cases, the loop that runs them, and what many of them need.
 */
#include "conf.h"

static const struct conf_case *const groups[] = {
	cases_admission,
	cases_refusal,
	cases_async,
	cases_limited,
	cases_pool,
	cases_worker,
	cases_closer,
	cases_phase,
	cases_stop,
	cases_family,
	cases_stall,
	cases_event,
	cases_fire,
	cases_ctx,
	cases_tie,
	cases_span,
	cases_sem,
	cases_panic,
	cases_count,
	cases_name,
	cases_args,
	cases_callback,
	cases_race,
	cases_order,
	cases_misuse,
	cases_only,
	NULL
};

static struct conf_counter failures;
static const char *skip_reason;

void conf_skip(const char *why)
{
	skip_reason = why;
}

/* The verdict on the running case; conf_fail() of the builds calls it. */
bool conf_note_failure(void)
{
	/* A loop that fails a thousand times says so ten times. */
	return conf_inc(&failures) <= 10;
}

static void run_case(const struct conf_case *c, struct conf_run *run)
{
	const char *skip = NULL;
	bool ok;

	conf_say_begin(run->cases, c->name);
	conf_set(&failures, 0);
	skip_reason = NULL;
	c->fn();
	ok = !conf_get(&failures);
	if (!ok)
		run->failed++;
	else if (skip_reason)
		run->skipped++;
	else
		run->passed++;
	if (ok)
		skip = skip_reason;
	conf_say_end(run->cases, c->name, ok, skip);
}

static int count(conf_filter_fn wanted)
{
	const struct conf_case *c;
	int n = 0;
	int i;

	for (i = 0; groups[i]; i++)
		for (c = groups[i]; c->name; c++)
			n += wanted(c->name);
	return n;
}

struct conf_run conf_run_all(conf_filter_fn wanted)
{
	struct conf_run run = { 0, 0, 0, 0 };
	const struct conf_case *c;
	int i;

	conf_say_plan(count(wanted));
	for (i = 0; groups[i]; i++) {
		for (c = groups[i]; c->name; c++) {
			if (!wanted(c->name))
				continue;
			run.cases++;
			run_case(c, &run);
		}
	}
	return run;
}

void conf_each_name(void (*fn)(const char *name))
{
	const struct conf_case *c;
	int i;

	for (i = 0; groups[i]; i++)
		for (c = groups[i]; c->name; c++)
			fn(c->name);
}

void conf_settle(void)
{
	int i;

	for (i = 0; i < 5; i++)
		conf_nap();
}

void conf_hold_init(struct conf_hold *h)
{
	memset(h, 0, sizeof(*h));
	conf_gate_init(&h->gate);
}

void conf_hold_fn(struct stopper_ctx *ctx, void *hold)
{
	struct conf_hold *h = hold;

	conf_inc(&h->in);
	CHECK(conf_gate_wait(&h->gate));
	conf_inc(&h->out);
}

void conf_hold_closer_fn(void *hold)
{
	conf_hold_fn(NULL, hold);
}

void conf_hold_destroy(struct conf_hold *h)
{
	conf_gate_destroy(&h->gate);
}

void conf_count_fn(struct stopper_ctx *ctx, void *counter)
{
	conf_inc(counter);
}

int conf_count_err_fn(struct stopper_ctx *ctx, void *counter)
{
	conf_inc(counter);
	return 0;
}

void conf_count_plain(void *counter)
{
	conf_inc(counter);
}

void conf_count_on_fire(struct stopper_on_fire *of, void *counter)
{
	conf_inc(counter);
}

void conf_worker_fn(struct stopper_ctx *ctx, void *worker)
{
	struct conf_worker *w = worker;

	conf_inc(&w->in);
	CHECK_EQ(stopper_wait(stopper_should_stop(w->s), NULL), 0);
	conf_inc(&w->out);
}

static void stop_main(void *call)
{
	struct conf_call *c = call;

	c->ret = stopper_stop(c->s, c->ctx);
	conf_set(&c->returned, 1);
}

static void quiesce_main(void *call)
{
	struct conf_call *c = call;

	c->ret = stopper_quiesce(c->s, c->ctx);
	conf_set(&c->returned, 1);
}

static void call_begin(struct conf_call *c, struct stopper *s, struct stopper_ctx *ctx,
		       void (*main)(void *call))
{
	memset(c, 0, sizeof(*c));
	c->s = s;
	c->ctx = ctx;
	CHECK_EQ(conf_spawn(&c->thread, main, c), 0);
}

void conf_stop_begin(struct conf_call *c, struct stopper *s, struct stopper_ctx *ctx)
{
	call_begin(c, s, ctx, stop_main);
}

void conf_quiesce_begin(struct conf_call *c, struct stopper *s, struct stopper_ctx *ctx)
{
	call_begin(c, s, ctx, quiesce_main);
}

int conf_call_end(struct conf_call *c)
{
	conf_join(&c->thread);
	return c->ret;
}

struct conf_log *conf_log_new(void)
{
	struct conf_log *log = conf_alloc(sizeof(*log));

	log->opts.size = sizeof(log->opts);
	log->opts.log = conf_log_line;
	log->opts.log_arg = log;
	return log;
}

/* A lock of one word: a sink may be called from anywhere. */
static void log_lock(struct conf_log *log)
{
	while (conf_inc(&log->busy) != 1) {
		conf_dec(&log->busy);
		conf_yield();
	}
}

static void log_unlock(struct conf_log *log)
{
	conf_dec(&log->busy);
}

void conf_log_line(void *arg, int level, const char *line)
{
	struct conf_log *log = arg;
	size_t n = strlen(line);

	CHECK(level == STOPPER_LOG_ERR || level == STOPPER_LOG_WARNING ||
	      level == STOPPER_LOG_INFO);
	CHECK(conf_printable(line));
	log_lock(log);
	if (log->lines < (int)ARRAY_SIZE(log->at))
		log->at[log->lines] = conf_now();
	if (log->len + n + 2 <= sizeof(log->text)) {
		memcpy(log->text + log->len, line, n);
		log->len += n;
		log->text[log->len++] = '\n';
		log->text[log->len] = '\0';
	}
	log->lines++;
	log_unlock(log);
}

int conf_log_count(struct conf_log *log, const char *what)
{
	size_t n = strlen(what);
	bool found = false;
	int count = 0;
	size_t i;

	log_lock(log);
	for (i = 0; i < log->len; i++) {
		if (log->text[i] == '\n')
			found = false;
		else if (!found && !strncmp(log->text + i, what, n))
			found = ++count;
	}
	log_unlock(log);
	return count;
}

struct stopper *conf_stopper(const struct stopper_options *opts)
{
	/* Quiet: a stop sleeps until it is woken; a report's tick would hide a lost wake-up. */
	static const struct stopper_options quiet = {
		.size = sizeof(quiet),
		.flags = STOPPER_QUIET,
	};
	struct stopper *s = NULL;

	CHECK_EQ(stopper_create(&s, "conf", opts ? opts : &quiet), 0);
	CHECK(s);
	return s;
}

void conf_stop_and_put(struct stopper *s)
{
	CHECK_EQ(stopper_stop(s, NULL), 0);
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPED);
	stopper_put(s);
}

struct stopper_ctx *conf_ctx(struct stopper_ctx *parent)
{
	struct stopper_ctx *ctx = NULL;

	CHECK_EQ(stopper_ctx_with_cancel(parent, &ctx), 0);
	CHECK(ctx);
	return ctx;
}

struct stopper_ctx *conf_ctx_timeout(struct stopper_ctx *parent, int64_t ns)
{
	struct stopper_ctx *ctx = NULL;

	CHECK_EQ(stopper_ctx_with_timeout(parent, ns, &ctx), 0);
	CHECK(ctx);
	return ctx;
}

bool conf_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

/* A thread's name holds 15 bytes; a longer one is cut, and may say so with "...". */
bool conf_is_comm_of(const char *comm, const char *name)
{
	if (strlen(name) <= 15)
		return !strcmp(comm, name);
	return strlen(comm) == 15 && !strncmp(comm, name, 12);
}
