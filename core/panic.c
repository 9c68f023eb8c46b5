// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * panic.c - the list of activities, and the report of a panic.
 *
 * Activities are what threads run besides tasks: workers, closers and recover scopes. They
 * are few and long, so they are on one list under one lock, latest last. It serves the
 * debug list, the check for a stop from inside, and the search for what a panicking
 * kthread ran. The first two drop the lock after every WALK_BATCH of them, and leave a
 * bookmark.
 */
#include "internal.h"
#include "panic.h"
#include "ref.h"
#include "upcalls.h"

static stopper_lock_t activities_lock = PLAT_LOCK_INIT(activities_lock);
static STOPPER_LIST(activities);

void activity_enter(struct activity *a, struct stopper *s, const struct stopper_site *site,
		    enum stopper_panic_kind kind)
{
	*a = (struct activity){
		.s = s, .site = site, .kind = kind, .tid = plat_tid(), .since = plat_coarse_time(),
	};
	lock_guard(&activities_lock);
	slist_append(&activities, &a->node);
}

/* The thread begins another activity of the same stopper: @name in @site is its name. */
void activity_rename(struct activity *a, struct stopper_site *site, const char *name)
{
	uint64_t since = plat_coarse_time();

	lock_guard(&activities_lock);
	site->name = name;
	a->since = since;
}

void activity_exit(struct activity *a)
{
	lock_guard(&activities_lock);

	slist_remove(&a->node);
}

/* With activities_lock held: the latest activity of @tid that @match, if any, accepts. */
static struct activity *activity_find(int tid, bool (*match)(const struct activity *a))
{
	struct stopper_list *n;

	for (n = activities.prev; n != &activities; n = n->prev) {
		struct activity *a = list_item(n, struct activity, node);

		if (a->tid == tid && (!match || match(a)))
			return a;
	}
	return NULL;
}

/* Call @visit, which must not sleep, for the workers and closers of @s (NULL: of all). */
void activities_visit(struct stopper *s, void (*visit)(void *arg, const struct activity *a),
		      void *arg)
{
	/* Of no thread: no search finds it, and other visits pass it over. */
	struct activity bookmark = { .kind = STOPPER_PANIC_SCOPE, .tid = -1 }, *a;
	struct stopper_list *n, *next;
	unsigned int i = 0;
	plat_flags_t f;

	plat_lock(&activities_lock, f);
	for (n = activities.next; n != &activities; n = next) {
		next = n->next;
		a = list_item(n, struct activity, node);
		if ((!s || a->s == s) && a->kind != STOPPER_PANIC_SCOPE)
			visit(arg, a);
		if (++i % WALK_BATCH == 0)
			next = walk_pause(next, &bookmark.node, &activities_lock, &f);
	}
	plat_unlock(&activities_lock, f);
}

struct activity_search {
	const struct stopper *tree;
	int tid;
	bool found;
};

static void find_activity_within(void *arg, const struct activity *a)
{
	struct activity_search *search = arg;

	if (a->tid == search->tid && stopper_is_within(a->s, search->tree))
		search->found = true;
}

/* Does this thread run a worker or closer of @s or of one below it? It cannot end meanwhile. */
bool activity_on_this_thread(struct stopper *s)
{
	struct activity_search search = { .tree = s, .tid = plat_tid() };

	activities_visit(NULL, find_activity_within, &search);
	return search.found;
}

/* The worker, closer or scope that this thread entered last, for platforms that cannot unwind. */
bool activity_innermost(struct call *c)
{
	struct activity *a;

	lock_guard(&activities_lock);
	a = activity_find(plat_tid(), NULL);
	if (a) {
		c->s = a->s;
		c->site = a->site;
		c->kind = a->kind;
	}
	return a;
}

/* Does its record lie on the stack of its thread? */
static bool activity_is_on_stack(const struct activity *a)
{
	return a->kind != STOPPER_PANIC_WORKER && a != &a->s->closing_activity;
}

/* End the scopes and late closers of a thread that is dying. Any context. */
void activities_end_thread(int tid)
{
	void (*abandoned)(struct stopper *s);
	struct stopper *s = NULL;
	struct activity *a;
	plat_flags_t f;

	do {
		plat_lock(&activities_lock, f);
		a = activity_find(tid, activity_is_on_stack);
		abandoned = a ? a->abandoned : NULL;
		if (a) {
			s = a->s;
			slist_remove(&a->node);
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
