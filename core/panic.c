// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * panic.c - lists of activities, and the report of a panic.
 *
 * Activities are what threads run besides tasks: workers, closers and recover scopes. They
 * are few and long, so they are under one lock. Each is on two lists, latest last: that of its
 * stopper, for the debug list and the stages of a stop; and one of THREAD_LISTS, chosen by its
 * thread, for the check for a stop from inside and the search for what a panicking kthread ran.
 * So neither depends on what other stoppers run, but for threads that share a list. Walks drop
 * the lock after every WALK_BATCH of them, and leave a bookmark. In a search that harms nothing:
 * a thread searches for its own activities, which it cannot end meanwhile, or for those of a thread
 * that has died.
 */
#include "internal.h"
#include "panic.h"
#include "ref.h"
#include "steps.h"
#include "upcalls.h"

#ifndef THREAD_LISTS
#define THREAD_LISTS	64	/* a power of two */
#endif

static stopper_lock_t activities_lock = PLAT_LOCK_INIT(activities_lock);
static struct stopper_list of_threads[THREAD_LISTS];

/* With the lock held. */
static struct stopper_list *list_of_thread(int tid)
{
	struct stopper_list *list = &of_threads[(unsigned int)tid % THREAD_LISTS];

	if (!list->next)
		slist_init(list);
	return list;
}

void activity_enter(struct activity *a, struct stopper *s, const struct stopper_site *site,
		    enum stopper_panic_kind kind)
{
	*a = (struct activity){
		.s = s, .site = site, .kind = kind, .tid = plat_tid(), .since = plat_coarse_time(),
	};
	lock_guard(&activities_lock);
	slist_append(list_of_thread(a->tid), &a->of_thread);
	slist_append(&s->activities, &a->of_stopper);
}

/* The thread begins another activity of the same stopper: @name in @site is its name. */
void activity_rename(struct activity *a, struct stopper_site *site, const char *name)
{
	uint64_t since = plat_coarse_time();

	lock_guard(&activities_lock);
	site->name = name;
	a->since = since;
}

static void activity_remove(struct activity *a)
{
	slist_remove(&a->of_thread);
	slist_remove(&a->of_stopper);
}

void activity_exit(struct activity *a)
{
	lock_guard(&activities_lock);

	activity_remove(a);
}

/*
 * With activities_lock held, which is dropped now and then: the latest activity of thread @tid
 * that @match, if any, accepts.
 */
static struct activity *activity_find(int tid, bool (*match)(const struct activity *a,
							     const struct stopper *s),
				      const struct stopper *s, plat_flags_t *f)
{
	/* Of no thread: other searches pass it over. */
	struct activity bookmark = { .tid = -1 }, *a, *latest = NULL;
	struct stopper_list *list = list_of_thread(tid), *n, *next;
	unsigned int i = 0;

	for (n = list->next; n != list; n = next) {
		next = n->next;
		a = list_item(n, struct activity, of_thread);
		if (a->tid == tid && (!match || match(a, s)))
			latest = a;
		if (++i % WALK_BATCH == 0)
			next = walk_pause(next, &bookmark.of_thread, &activities_lock, f);
	}
	count_steps(STEP_ACTIVITIES, i);
	return latest;
}

static bool activity_is_within(const struct activity *a, const struct stopper *s)
{
	return a->kind != STOPPER_PANIC_SCOPE && stopper_is_within(a->s, s);
}

/* Does this thread run a worker or closer of @s or of one below it? */
bool activity_on_this_thread(struct stopper *s)
{
	plat_flags_t f;
	bool found;

	plat_lock(&activities_lock, f);
	found = activity_find(plat_tid(), activity_is_within, s, &f);
	plat_unlock(&activities_lock, f);
	return found;
}

static void visit_activities_of(struct stopper *s,
				void (*visit)(void *arg, const struct activity *a), void *arg)
{
	/* Other visits pass it over. */
	struct activity bookmark = { .kind = STOPPER_PANIC_SCOPE }, *a;
	struct stopper_list *n, *next;
	unsigned int i = 0;
	plat_flags_t f;

	plat_lock(&activities_lock, f);
	for (n = s->activities.next; n != &s->activities; n = next) {
		next = n->next;
		a = list_item(n, struct activity, of_stopper);
		if (a->kind != STOPPER_PANIC_SCOPE)
			visit(arg, a);
		if (++i % WALK_BATCH == 0)
			next = walk_pause(next, &bookmark.of_stopper, &activities_lock, &f);
	}
	plat_unlock(&activities_lock, f);
	count_steps(STEP_ACTIVITIES, i);
}

/* Call @visit, which must not sleep, for the workers and closers of @s (NULL: of all). */
void activities_visit(struct stopper *s, void (*visit)(void *arg, const struct activity *a),
		      void *arg)
{
	struct stopper_walk w;

	if (s) {
		visit_activities_of(s, visit, arg);
		return;
	}
	registry_walk_init(&w);
	while ((s = stopper_walk_next(&w)))
		visit_activities_of(s, visit, arg);
}

/* The worker, closer or scope that this thread entered last, for platforms that cannot unwind. */
bool activity_innermost(struct call *c)
{
	struct activity *a;
	plat_flags_t f;

	plat_lock(&activities_lock, f);
	a = activity_find(plat_tid(), NULL, NULL, &f);
	if (a) {
		c->s = a->s;
		c->site = a->site;
		c->kind = a->kind;
	}
	plat_unlock(&activities_lock, f);
	return a;
}

/* Does its record lie on the stack of its thread? */
static bool activity_is_on_stack(const struct activity *a, const struct stopper *s)
{
	(void)s;
	return a->kind != STOPPER_PANIC_WORKER && a != &a->s->closing_activity;
}

/* End the scopes and late closers of a thread that is dying or has died. Any context. */
void activities_end_thread(int tid)
{
	void (*abandoned)(struct stopper *s);
	struct stopper *s = NULL;
	struct activity *a;
	plat_flags_t f;

	do {
		plat_lock(&activities_lock, f);
		a = activity_find(tid, activity_is_on_stack, NULL, &f);
		abandoned = a ? a->abandoned : NULL;
		if (a) {
			s = a->s;
			activity_remove(a);
		}
		plat_unlock(&activities_lock, f);
		if (abandoned)
			abandoned(s);
	} while (a);
}

static const char * const kind_names[] = {
	[STOPPER_PANIC_TASK] = "task",
	[STOPPER_PANIC_ASYNC] = "async task",
	[STOPPER_PANIC_WORKER] = "worker",
	[STOPPER_PANIC_CLOSER] = "closer",
	[STOPPER_PANIC_SCOPE] = "recover scope",
};

/* Call the panic hook; without one, log the panic. No lock is held. */
void panic_hook(const struct call *c, void *value, int tid, bool died)
{
	struct stopper_panic_info info = {
		.stopper = c->s->name,
		.kind = c->kind,
		.site = c->site,
		.value = value,
		.tid = tid,
		.died = died,
	};
	char name[STOPPER_NAME_SHOWN + 1], file[64];

	if (c->s->on_panic) {
		c->s->on_panic(c->s->on_panic_arg, &info);
		return;
	}
	name_escape(name, sizeof(name), c->site->name);
	name_escape_tail(file, sizeof(file), c->site->file ? c->site->file : "?");
	stopper_log(c->s, STOPPER_LOG_ERR,
		    "\"%s\": %s \"%s\" (%s:%u) %s on thread %d, no panic hook", c->s->name,
		    kind_names[c->kind], name, file, c->site->line,
		    died ? "died" : "panicked", tid);
	plat_panic_unhandled();
}

int __stopper_recover(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site,
		      stopper_fn fn, void *arg)
{
	struct call c = { .s = s, .site = site, .kind = STOPPER_PANIC_SCOPE };
	struct activity activity;
	bool panicked;

	if (!s || !site || !fn)
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	activity_enter(&activity, s, site, STOPPER_PANIC_SCOPE);
	{
		struct activity *scope __attribute__((cleanup(activity_leave))) = &activity;

		(void)scope;
		panicked = plat_call(&c, fn, ctx, arg);
	}
	return panicked ? STOPPER_EPANIC : 0;
}
EXPORT_SYMBOL_PLAT(__stopper_recover);
