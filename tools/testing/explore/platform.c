// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * platform.c - the operations of core/seam.h's table, as steps of simulated threads.
 *
 * Compiled without the sanitizer: each function here is one step. It checks what an operation
 * requires of its caller: no lock is taken twice, no thread parks with a lock held or on
 * another thread's parker, no user function is called with a lock held, nothing is used after
 * it was freed.
 *
 * A thread that dies leaves its frames as they are, as a kthread does that oopses: a
 * thread of its own, dead_thread_work(), takes the records in them off the lists and then
 * reports the death to the owner. A thread of the scenario's ends like that in a task as well.
 */
#include "engine.h"
#include "scenario.h"
#include "panic.h"
#include "span.h"
#include "upcalls.h"
#include "view.h"

#define PC	__builtin_return_address(0)

unsigned int stopper_traced;	/* see __stopper_traced() */

void plat_heavy_barrier(void)
{
	trace(PC, "heavy barrier");
	heavy_barrier();
}

/* locks */

void explore_lock(stopper_lock_t *l)
{
	struct sync *s;

	point_at(l);
	heap_check(l, 1, PC);
	while ((s = sync_at(l))->owner) {
		if (s->owner == E->current + 1)
			fail("%s takes a lock that it holds", ME->name);
		block(ON_LOCK, l, PLAT_FOREVER, PC);
	}
	s->owner = E->current + 1;
	ME->locks++;
	sync_acquire(s);
	trace(PC, "lock %s", name_of(l));
}

void explore_unlock(stopper_lock_t *l)
{
	struct sync *s;

	/* A thread woken under the lock may free it before this. */
	if (ME->woke)
		point_at(l);
	ME->woke = false;
	heap_check(l, 1, PC);
	s = sync_at(l);
	if (s->owner != E->current + 1)
		fail("%s lets go of a lock that it does not hold", ME->name);
	trace(PC, "unlock %s", name_of(l));
	s->owner = 0;
	ME->locks--;
	sync_release(s);
	wake_all(ON_LOCK, l);
}

void plat_lock_destroy(stopper_lock_t *l)
{
	if (sync_at(l)->owner)
		fail("a lock is destroyed that is held");
}

/* waiting */

static void check_parker(struct plat_parker *p, const void *pc)
{
	access_range(p, sizeof(*p), false, pc);
	if (!p->made)
		fail("a parker that was never made, or no longer exists");
}

void plat_park_init(struct plat_parker *p)
{
	access_range(p, sizeof(*p), true, PC);
	p->made = E->current + 1;
	p->killable = false;
	sync_at(p)->set = false;
}

bool plat_park(struct plat_parker *p, int64_t deadline)
{
	struct sync *s;

	if (ME->locks)
		fail("%s parks with a lock held", ME->name);
	point_at(p);
	check_parker(p, PC);
	if (p->made != E->current + 1)
		fail("%s parks where another thread does", ME->name);
	s = sync_at(p);
	if (!s->set && deadline <= E->now)
		return false;
	trace(PC, "park%s", s->set ? " (unparked already)" : "");
	while (!s->set && !(p->killable && ME->killed)) {
		block(PARKED, p, deadline, PC);
		if (ME->late && !s->set)
			break;
	}
	if (s->set) {
		s->set = false;
		sync_acquire(s);
		trace(PC, "unparked");
		return true;
	}
	/* As in the kernel, a park that a kill ends has not met its deadline. */
	if (!ME->late) {
		note(&ME->chain, 0xd2);
		trace(PC, "killed");
		return true;
	}
	note(&ME->chain, 0xd1);
	trace(PC, "deadline");
	return false;
}

bool plat_killed(void)
{
	point_at(&ME->killed);
	note(&ME->chain, ME->killed ? 0xd4 : 0xd3);
	return ME->killed;
}

void explore_kill(const char *name)
{
	unsigned int i;

	for (i = 0; i < E->nthreads && strcmp(E->thread[i].name, name); i++)
		;
	if (i == E->nthreads)
		fail("there is no thread %s to kill", name);
	point_at(&E->thread[i].killed);
	note(&ME->chain, 0xd5);
	trace(PC, "kill %s", name);
	E->thread[i].killed = true;
	if (E->thread[i].state == PARKED && ((const struct plat_parker *)E->thread[i].on)->killable)
		E->thread[i].state = READY;
}

void plat_unpark(struct plat_parker *p)
{
	struct sync *s;

	point_at(p);
	check_parker(p, PC);
	s = sync_at(p);
	trace(PC, "unpark %s", name_of(p));
	s->set = true;
	ME->woke = ME->locks;
	sync_release(s);
	wake_all(PARKED, p);
}

unsigned int plat_spins(void)
{
	return E->scenario->spins;
}

static stopper_lock_t scan = PTHREAD_MUTEX_INITIALIZER;

void plat_scan_enter(void)
{
	explore_lock(&scan);
}

void plat_scan_exit(void)
{
	explore_unlock(&scan);
}

void plat_scan_sync(void)
{
	plat_scan_enter();
	plat_scan_exit();
}

/* identity, time */

int plat_tid(void)
{
	return ME->tid;
}

void plat_comm(char *comm)
{
	snprintf(comm, COMM_SIZE, "%s", ME->name);
}

unsigned int plat_cpus(void)
{
	return E->scenario->cpus ? E->scenario->cpus : 2;
}

int64_t plat_now(void)
{
	note(&ME->chain, (uint64_t)E->now);
	return E->now;
}

void plat_log(int level, const char *line)
{
	trace(PC, "log %d: %s", level, line);
}

void explore_ref_misused(void)
{
	fail("a reference is taken or dropped where there is none");
}

/* Not a step of the exploration: no other thread reads it while it runs. */
void plat_step(unsigned long *p, unsigned long n)
{
	*p += n;
}

uint64_t plat_random(void)
{
	return mix(ME->chain, 7);
}

bool explore_kthreads(void)
{
	return E->scenario->kthreads;
}

/* threads */

/* The request to stop may come just before. */
static void thread_release(struct plat_thread *t)
{
	point_at(&t->stop_requested);
	note(&ME->chain, 0xe0d);
	t->release(t);
}

static void thread_main(void *arg)
{
	struct plat_thread *t = arg;

	t->main(t);
	slots_thread_ends();
	thread_release(t);
}

int plat_thread_start(struct plat_thread *t, const char *name)
{
	unsigned int i;

	heap_check(t, sizeof(*t), PC);
	if (choose(CHOOSE_FAULT, 2, false)) {
		note(&ME->chain, 0xb1);
		trace(PC, "no thread");
		return -EAGAIN;
	}
	t->stop_requested = 0;
	sync_at(&t->stop_requested);
	i = thread_new(thread_main, t, name);
	E->thread[i].plat = t;
	trace(PC, "start %s", name);
	return 0;
}

/* Only explore_comm() reads the name. */
void plat_thread_name(struct plat_thread *t, const char *name)
{
	unsigned int i;

	point();
	name_escape_comm(ME->comm, sizeof(ME->comm), name);
	/* A part of the state. */
	for (i = 0; ME->comm[i]; i++)
		note(&ME->chain, (uint64_t)ME->comm[i]);
	trace(PC, "name %s", ME->comm);
}

const char *explore_comm(int tid)
{
	unsigned int i;

	for (i = 0; i < E->nthreads; i++)
		if (E->thread[i].tid == tid)
			return E->thread[i].comm;
	return "";
}

/* The thread may have returned, but the caller keeps its record. */
void plat_thread_stop(struct plat_thread *t)
{
	point_at(&t->stop_requested);
	heap_check(t, sizeof(*t), PC);
	t->stop_requested = 1;
	sync_release(sync_at(&t->stop_requested));
	wake_all(ON_THREAD, &t->stop_requested);
}

/* As a kthread's loop: until it should stop. */
void explore_until_stop_requested(void)
{
	struct plat_thread *t = ME->plat;

	point_at(&t->stop_requested);
	if (!t->stop_requested)
		block(ON_THREAD, &t->stop_requested, PLAT_FOREVER, PC);
	sync_acquire(sync_at(&t->stop_requested));
}

static void keeper_thread(void *arg)
{
	(void)arg;
	while (keeper_run())
		;
}

/* A thread for this once: it costs no start that may fail. */
void plat_keeper_wake(void)
{
	thread_new(keeper_thread, NULL, "keeper");
	trace(PC, "wake keeper");
}

struct deceased {
	unsigned int thread;
	int tid;
	struct plat_thread *plat;
	bool hook_called;
};

static void dead_thread_work(void *arg)
{
	struct deceased d = *(struct deceased *)arg;

	explore_free(arg);
	tasks_end_thread(d.tid);
	activities_end_thread(d.tid);
	ME->table = E->thread[d.thread].table;
	slots_thread_ends();
	E->thread[d.thread].state = ENDED;	/* its frames may go now */
	if (!d.plat) {
		thread_over();
		return;
	}
	d.plat->died(d.plat, d.hook_called);
	thread_release(d.plat);
}

static void __attribute__((noreturn)) die(bool hook_called)
{
	struct deceased *d = heap_get(sizeof(*d), false, "dead thread", PC);

	E->deaths++;
	*d = (struct deceased){ E->current, ME->tid, ME->plat, hook_called };
	trace(PC, "dies");
	note(&ME->chain, 0xdead);
	thread_new(dead_thread_work, d, "dead thread");
	ME->state = DEAD;
	block(DEAD, NULL, PLAT_FOREVER, PC);
	abort();
}

void may_die(void)
{
	if (choose(CHOOSE_DEATH, 2, false))
		die(false);
	note(&ME->chain, 0xa11e);
}

/* As kmod/thread.c has it. */
void __stopper_panic(void *value)
{
	struct call c, run;
	bool task = task_innermost(&c);

	if (!(task && c.kind == STOPPER_PANIC_TASK) && activity_innermost(&run))
		c = run;
	panic_hook(&c, value, ME->tid, false);
	die(true);
}

bool plat_call(struct call *c, stopper_fn fn, struct stopper_ctx *ctx, void *arg)
{
	(void)c;
	if (ME->locks)
		fail("a user's function is called with a lock held");
	fn(ctx, arg);
	return false;
}

/* timers: a list; the last thread calls them */

static struct plat_timer *timers;

int64_t timer_deadline(void)
{
	return timers ? timers->deadline : PLAT_FOREVER;
}

int plat_timers_ready(void)
{
	return choose(CHOOSE_FAULT, 2, false) ? -EAGAIN : 0;
}

void plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t))
{
	*t = (struct plat_timer){ .fn = fn };
}

int plat_timer_start(struct plat_timer *t, int64_t deadline)
{
	struct plat_timer **at = &timers;

	point_at(&timers);
	heap_check(t, sizeof(*t), PC);
	sync_acquire(sync_at(&timers));
	while (*at && (*at)->deadline <= deadline)
		at = &(*at)->next;
	t->deadline = deadline;
	t->armed = true;
	t->next = *at;
	*at = t;
	sync_release(sync_at(&timers));
	trace(PC, "timer %s", name_of(t));
	return 0;
}

bool plat_timer_cancel(struct plat_timer *t)
{
	struct plat_timer **at = &timers;
	bool was;

	point_at(&timers);
	heap_check(t, sizeof(*t), PC);
	sync_acquire(sync_at(&timers));
	was = t->armed;
	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
	t->armed = false;
	sync_release(sync_at(&timers));
	trace(PC, "timer %s: %s", name_of(t), was ? "cancelled" : "has fired");
	return was;
}

void timer_thread(void *arg)
{
	struct plat_timer *t;

	(void)arg;
	for (;;) {
		t = timers;
		timers = t->next;
		t->armed = false;
		ME->entered = true;
		sync_acquire(sync_at(&timers));
		sync_release(sync_at(&timers));
		trace(PC, "timer %s fires", name_of(t));
		t->fn(t);
		ME->entered = false;
		block(READY, NULL, PLAT_FOREVER, PC);
	}
}

/* Nothing is traced here. */
void plat_trace_task_start(const struct span_record *t) { (void)t; }
void plat_trace_task_end(const struct span_record *t) { (void)t; }

void plat_trace_task_refused(const struct stopper *s, unsigned int kind,
			     const struct stopper_site *site)
{
	(void)s;
	(void)kind;
	(void)site;
}

void plat_trace_async_queued(const struct span_record *t) { (void)t; }
void plat_trace_worker_start(const struct span_record *t) { (void)t; }
void plat_trace_worker_end(const struct span_record *t) { (void)t; }

void plat_trace_phase(const struct stopper *s, enum stopper_phase from, enum stopper_phase to)
{
	(void)s;
	trace(PC, "phase %s -> %s", stopper_phase_name(from), stopper_phase_name(to));
}

void plat_trace_created(const struct stopper *s)
{
	(void)s;
}

void plat_trace_closer_start(const struct stopper *s, const char *shown)
{
	(void)s;
	(void)shown;
}

void plat_trace_closer_end(const struct stopper *s, const char *shown)
{
	(void)s;
	(void)shown;
}

void plat_trace_stall(const struct stopper *s, int64_t waited, unsigned long tasks,
		      unsigned int workers)
{
	(void)s;
	(void)waited;
	(void)tasks;
	(void)workers;
}

/* the first thread, and what is checked when the scenario is over */

static void none_counted(void *arg, const struct task_view *v)
{
	(void)arg;
	(void)v;
	fail("a task is still counted");
}

static bool others_left(void)
{
	unsigned int i;

	for (i = 1; i < E->nthreads; i++)
		if (E->thread[i].state != ENDED)
			return true;
	return false;
}

void scenario_main(void *arg)
{
	(void)arg;
	stopper_traced = E->scenario->traced;
	pool_init();
	E->scenario->run();
	join_all();
	/* What is under way ends. */
	settle();
	E->finishing = true;
	E->left = (struct budget){ 0 };
	pool_exit();
	while (others_left())
		block(ON_THREAD, &E->nthreads, PLAT_FOREVER, PC);
	sync_acquire(sync_at(&E->nthreads));
	pool_slots_exit();
	if (registry_count())
		fail("a stopper is still listed");
	tasks_visit(NULL, none_counted, NULL);
	slots_thread_ends();
	slots_free_labels();
	heap_all_freed();
	end_execution(OVER);
}
