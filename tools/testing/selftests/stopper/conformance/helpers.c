// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * helpers.c - what many conformance cases need: tasks that wait, calls on other threads, logs.
 */
#include "case.h"

void case_hold_init(struct case_hold *h)
{
	memset(h, 0, sizeof(*h));
	env_gate_init(&h->gate);
}

void case_hold_fn(struct stopper_ctx *ctx, void *hold)
{
	struct case_hold *h = hold;

	env_inc(&h->in);
	CHECK(env_gate_wait(&h->gate));
	env_inc(&h->out);
}

void case_hold_closer_fn(void *hold)
{
	case_hold_fn(NULL, hold);
}

void case_hold_destroy(struct case_hold *h)
{
	env_gate_destroy(&h->gate);
}

void case_count_fn(struct stopper_ctx *ctx, void *counter)
{
	env_inc(counter);
}

int case_count_err_fn(struct stopper_ctx *ctx, void *counter)
{
	env_inc(counter);
	return 0;
}

void case_count_plain(void *counter)
{
	env_inc(counter);
}

void case_count_on_fire(struct stopper_on_fire *of, void *counter)
{
	env_inc(counter);
}

void case_worker_fn(struct stopper_ctx *ctx, void *worker)
{
	struct case_worker *w = worker;

	env_inc(&w->in);
	CHECK_EQ(stopper_wait(stopper_should_stop(w->s), NULL), 0);
	env_inc(&w->out);
}

static void stop_main(void *call)
{
	struct case_call *c = call;

	c->ret = stopper_stop(c->s, c->ctx);
	env_set(&c->returned, 1);
}

static void quiesce_main(void *call)
{
	struct case_call *c = call;

	c->ret = stopper_quiesce(c->s, c->ctx);
	env_set(&c->returned, 1);
}

static void pause_main(void *call)
{
	struct case_call *c = call;

	c->ret = stopper_pause(c->s, c->ctx);
	env_set(&c->returned, 1);
}

static void call_begin(struct case_call *c, struct stopper *s, struct stopper_ctx *ctx,
		       void (*main)(void *call))
{
	memset(c, 0, sizeof(*c));
	c->s = s;
	c->ctx = ctx;
	CHECK_EQ(env_spawn(&c->thread, main, c), 0);
}

void case_stop_begin(struct case_call *c, struct stopper *s, struct stopper_ctx *ctx)
{
	call_begin(c, s, ctx, stop_main);
}

void case_quiesce_begin(struct case_call *c, struct stopper *s, struct stopper_ctx *ctx)
{
	call_begin(c, s, ctx, quiesce_main);
}

void case_pause_begin(struct case_call *c, struct stopper *s, struct stopper_ctx *ctx)
{
	call_begin(c, s, ctx, pause_main);
}

int case_call_end(struct case_call *c)
{
	env_join(&c->thread);
	return c->ret;
}

struct case_log *case_log_new(void)
{
	struct case_log *log = env_alloc(sizeof(*log));

	log->opts.size = sizeof(log->opts);
	log->opts.log = case_log_line;
	log->opts.log_arg = log;
	return log;
}

/* Two threads that try a lock by counting it up can see one another for ever. */
void case_turn_begin(struct case_turns *t)
{
	long mine = env_inc(&t->taken);

	while (env_get(&t->over) != mine - 1)
		env_yield();
}

void case_turn_end(struct case_turns *t)
{
	env_inc(&t->over);
}

void case_log_line(void *arg, int level, const char *line)
{
	struct case_log *log = arg;
	size_t n = strlen(line);

	CHECK(level == STOPPER_LOG_ERR || level == STOPPER_LOG_WARNING ||
	      level == STOPPER_LOG_INFO);
	CHECK(case_printable(line));
	case_turn_begin(&log->turns);
	if (log->lines < (int)ARRAY_SIZE(log->at))
		log->at[log->lines] = env_now();
	if (log->len + n + 2 <= sizeof(log->text)) {
		memcpy(log->text + log->len, line, n);
		log->len += n;
		log->text[log->len++] = '\n';
		log->text[log->len] = '\0';
	}
	log->lines++;
	case_turn_end(&log->turns);
}

int case_log_count(struct case_log *log, const char *what)
{
	size_t n = strlen(what);
	bool found = false;
	int count = 0;
	size_t i;

	case_turn_begin(&log->turns);
	for (i = 0; i < log->len; i++) {
		if (log->text[i] == '\n')
			found = false;
		else if (!found && !strncmp(log->text + i, what, n))
			found = ++count;
	}
	case_turn_end(&log->turns);
	return count;
}

static void panics_hook(void *panics, const struct stopper_panic_info *info)
{
	struct case_panics *p = panics;

	if (env_inc(&p->claims) == 1) {
		p->kind = info->kind;
		p->value = info->value;
		p->tid = info->tid;
		p->died = info->died;
		snprintf(p->stopper, sizeof(p->stopper), "%s", info->stopper);
		snprintf(p->name, sizeof(p->name), "%s", info->site->name);
		snprintf(p->func, sizeof(p->func), "%s", info->site->func ? info->site->func : "");
		p->tasks = stopper_num_tasks(p->s);
	}
	env_inc(&p->calls);
}

void case_panics_init(struct case_panics *p)
{
	memset(p, 0, sizeof(*p));
	p->opts.size = sizeof(p->opts);
	p->opts.on_panic = panics_hook;
	p->opts.on_panic_arg = p;
	p->s = new_stopper(&p->opts);
}

struct stopper *new_stopper(const struct stopper_options *opts)
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

struct stopper *new_child(const char *name, struct stopper *parent)
{
	struct stopper_options opts = {
		.size = sizeof(opts), .parent = parent, .flags = STOPPER_QUIET,
	};
	struct stopper *s = NULL;

	CHECK_EQ(stopper_create(&s, name, &opts), 0);
	return s;
}

void stop_and_put(struct stopper *s)
{
	CHECK_EQ(stopper_stop(s, NULL), 0);
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPED);
	stopper_put(s);
}

struct stopper_ctx *new_ctx(struct stopper_ctx *parent)
{
	struct stopper_ctx *ctx = NULL;

	CHECK_EQ(stopper_ctx_with_cancel(parent, &ctx), 0);
	CHECK(ctx);
	return ctx;
}

struct stopper_ctx *new_ctx_timeout(struct stopper_ctx *parent, int64_t ns)
{
	struct stopper_ctx *ctx = NULL;

	CHECK_EQ(stopper_ctx_with_timeout(parent, ns, &ctx), 0);
	CHECK(ctx);
	return ctx;
}

bool case_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

/* A thread's name holds 15 bytes; a longer one is cut, and may say so with "...". */
bool case_is_comm_of(const char *comm, const char *name)
{
	if (strlen(name) <= 15)
		return !strcmp(comm, name);
	return strlen(comm) == 15 && !strncmp(comm, name, 12);
}

static void take_main(void *arg)
{
	struct case_taker *t = arg;

	t->ret = t->n == 1 ? stopper_sem_acquire(t->sem, t->ctx) :
		 stopper_sem_acquire_n(t->sem, t->n, t->ctx);
	if (!t->ret && t->line) {
		t->place = env_inc(t->line);
		stopper_sem_release_n(t->sem, t->n);
	}
	env_inc(&t->returned);
}

void case_take_slots(struct case_taker *t, struct stopper_sem *sem, int n, struct stopper_ctx *ctx,
		     struct env_counter *line)
{
	int before = stopper_sem_waiters(sem);

	memset(t, 0, sizeof(*t));
	t->sem = sem;
	t->n = n;
	t->ctx = ctx;
	t->line = line;
	CHECK_EQ(env_spawn(&t->thread, take_main, t), 0);
	CHECK_SOON(stopper_sem_waiters(sem) > before);
}

void case_take(struct case_taker *t, struct stopper_sem *sem, struct stopper_ctx *ctx,
	       struct env_counter *line)
{
	case_take_slots(t, sem, 1, ctx, line);
}

int case_taken(struct case_taker *t)
{
	env_join(&t->thread);
	return t->ret;
}

bool case_is_paused(struct stopper *s)
{
	struct env_counter ran = { 0 };
	int err = stopper_run_task(s, NULL, "probe", case_count_fn, &ran);

	CHECK(!err || err == -EAGAIN);
	CHECK_EQ(env_get(&ran), err ? 0 : 1);
	return err;
}
