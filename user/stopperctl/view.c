// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * view.c - finds what blocks each stop in a debug list, and sorts the list, worst first.
 *
 * A phase waits for one kind: quiescing for tasks, stopping for workers, closing for the running
 * closer. The oldest of that kind is the culprit. If there is none, the stopper waits for its
 * children, which are in the list themselves.
 *
 * Lists may be long (100,000 lines), so everything here is O(n log n).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "view.h"

bool view_is_stop(const struct debug_stopper *s)
{
	return strcmp(s->phase, "running");
}

static bool waits_for(const struct debug_stopper *s, enum debug_kind kind)
{
	switch (kind) {
	case DEBUG_TASK:
		return !strcmp(s->phase, "quiescing");
	case DEBUG_WORKER:
		return !strcmp(s->phase, "stopping");
	default:
		return !strcmp(s->phase, "closing");
	}
}

static void view_add_culprit(struct view_stopper *vs)
{
	const struct debug_stopper *s = vs->s;
	size_t i;

	for (i = 0; i < s->nr_groups; i++) {
		const struct debug_group *g = &s->groups[i];

		if (g->oldest > vs->oldest)
			vs->oldest = g->oldest;
		if (!waits_for(s, g->kind))
			continue;
		vs->nr_blocking += g->count;
		if (!vs->culprit || g->oldest > vs->blocked_for) {
			vs->culprit = g;
			vs->blocked_for = g->oldest;
		}
	}
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_ids(const void *a, const void *b)
{
	return compare_numbers((*(struct view_stopper *const *)a)->s->id,
			       (*(struct view_stopper *const *)b)->s->id);
}

static int compare_id_key(const void *id, const void *b)
{
	return compare_numbers(*(const uint64_t *)id, (*(struct view_stopper *const *)b)->s->id);
}

struct view_stopper *view_find(const struct view *v, uint64_t id)
{
	struct view_stopper **p = v->nr_stoppers ? bsearch(&id, v->by_id, v->nr_stoppers,
							   sizeof(*p), compare_id_key) : NULL;

	return p ? *p : NULL;
}

/* A parent without a culprit waits for the child that has been in its phase longest. */
static void view_add_child(struct view *v, const struct debug_stopper *s)
{
	struct view_stopper *parent = s->parent ? view_find(v, s->parent_id) : NULL;

	if (!parent || !view_is_stop(parent->s) || parent->culprit ||
	    (parent->child && parent->child->phase_age >= s->phase_age))
		return;
	parent->child = s;
	parent->blocked_for = s->phase_age;
}

/* 3: a stop blocked by a culprit; 2: by a child; 1: another stop; 0: running. */
static unsigned int stop_badness(const struct view_stopper *vs)
{
	return vs->culprit ? 3 : vs->child ? 2 : view_is_stop(vs->s);
}

static int compare_badness(const void *a, const void *b)
{
	const struct view_stopper *x = a, *y = b;
	int c = compare_numbers(stop_badness(y), stop_badness(x));

	if (!c)
		c = compare_numbers(y->blocked_for, x->blocked_for);
	if (!c)
		c = compare_numbers(y->oldest, x->oldest);
	return c ? c : compare_numbers(x->s->id, y->s->id);
}

static void view_index_ids(struct view *v)
{
	size_t i;

	for (i = 0; i < v->nr_stoppers; i++)
		v->by_id[i] = &v->stoppers[i];
	if (v->nr_stoppers)
		qsort(v->by_id, v->nr_stoppers, sizeof(*v->by_id), compare_ids);
}

static void view_add_stoppers(struct view *v)
{
	struct debug_list *l = v->list;
	size_t i;

	for (i = 0; i < v->nr_stoppers; i++) {
		v->stoppers[i].s = &l->stoppers[i];
		view_add_culprit(&v->stoppers[i]);
		v->stops += view_is_stop(&l->stoppers[i]);
		v->tasks += l->stoppers[i].tasks;
		v->workers += l->stoppers[i].workers;
		v->nr_groups += l->stoppers[i].nr_groups;
	}
	view_index_ids(v);
	for (i = 0; i < v->nr_stoppers; i++)
		view_add_child(v, &l->stoppers[i]);
	if (v->nr_stoppers)
		qsort(v->stoppers, v->nr_stoppers, sizeof(*v->stoppers), compare_badness);
	/* Sorting has moved the stoppers. */
	view_index_ids(v);
}

static int view_add_groups(struct view *v)
{
	struct view_group *vg = calloc(v->nr_groups + 1, sizeof(*vg));
	size_t i, j;

	if (!vg)
		return -ENOMEM;
	v->groups = vg;
	for (i = 0; i < v->nr_stoppers; i++) {
		const struct view_stopper *vs = &v->stoppers[i];

		for (j = 0; j < vs->s->nr_groups; j++, vg++) {
			vg->g = &vs->s->groups[j];
			vg->of = vs;
			vg->blocks = waits_for(vs->s, vg->g->kind);
		}
	}
	return 0;
}

static int view_fill(struct view *v)
{
	v->nr_stoppers = v->list->nr_stoppers;
	v->stoppers = calloc(v->nr_stoppers + 1, sizeof(*v->stoppers));
	v->by_id = calloc(v->nr_stoppers + 1, sizeof(*v->by_id));
	if (!v->stoppers || !v->by_id)
		return -ENOMEM;
	view_add_stoppers(v);
	return view_add_groups(v);
}

static int compare_age(const struct view_group *x, const struct view_group *y)
{
	int c = compare_numbers(y->blocks, x->blocks);

	return c ? c : compare_numbers(y->g->oldest, x->g->oldest);
}

static int compare_count(const struct view_group *x, const struct view_group *y)
{
	return compare_numbers(y->g->count, x->g->count);
}

static int compare_name(const struct view_group *x, const struct view_group *y)
{
	return strcmp(x->g->name, y->g->name);
}

static int compare_stopper(const struct view_group *x, const struct view_group *y)
{
	int c = strcmp(x->of->s->name, y->of->s->name);

	return c ? c : compare_numbers(x->of->s->id, y->of->s->id);
}

static int (*const group_compare[])(const struct view_group *x, const struct view_group *y) = {
	[BY_AGE] = compare_age,
	[BY_COUNT] = compare_count,
	[BY_NAME] = compare_name,
	[BY_STOPPER] = compare_stopper,
};

struct order {
	enum view_key key;
	bool reverse;
};

/* Equal groups are ordered by age and then as in the list, so that lines keep their place. */
static int compare_order(const void *a, const void *b, void *arg)
{
	const struct order *o = arg;
	int c = group_compare[o->key](a, b);

	if (c)
		return o->reverse ? -c : c;
	c = compare_age(a, b);
	if (!c)
		c = compare_stopper(a, b);
	return c ? c : compare_numbers((uintptr_t)((const struct view_group *)a)->g,
				       (uintptr_t)((const struct view_group *)b)->g);
}

void view_sort(struct view *v, enum view_key key, bool reverse)
{
	struct order o = { .key = key, .reverse = reverse };

	if (v->nr_groups)
		qsort_r(v->groups, v->nr_groups, sizeof(*v->groups), compare_order, &o);
}

static void view_parse(struct view *v, const struct source_text *t)
{
	size_t line = 0;
	int err = debug_list_parse(t->data, t->len, &v->list, &line);

	if (!err)
		err = view_fill(v);
	if (!err)
		return;
	v->state = err == -EINVAL ? SOURCE_BAD : SOURCE_BUSY;
	if (err == -EINVAL)
		snprintf(v->why, sizeof(v->why), "%s is not a debug list (line %zu)",
			 source_name(), line);
	else
		strcpy(v->why, "out of memory");
}

/* Reads the source. NULL: no memory even for an error message. */
struct view *view_take(void)
{
	struct view *v = calloc(1, sizeof(*v));
	struct source_text t = { 0 };
	time_t now = time(NULL);
	struct tm tm;

	if (!v)
		return NULL;
	v->state = source_read(&t);
	v->taken = now_ns();
	strftime(v->clock, sizeof(v->clock), "%H:%M:%S", localtime_r(&now, &tm));
	if (v->state == SOURCE_OK)
		view_parse(v, &t);
	else
		strcpy(v->why, t.why);
	source_text_free(&t);
	return v;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	debug_list_free(v->list);
	free(v->stoppers);
	free(v->by_id);
	free(v->groups);
	free(v);
}

/* The longest form that fits: 715 web sleeping in ep_poll, 715 sleeping, 715. */
size_t view_thread(char *dst, size_t size, const struct debug_thread *t, size_t width)
{
	char all[640], label[80] = "", some[128];

	if (t->label)
		snprintf(label, sizeof(label), " \"%.70s\"", t->label);
	snprintf(some, sizeof(some), "%llu%s%.32s%s", (unsigned long long)t->tid,
		 t->state ? " " : "", t->state ? t->state : "", label);
	snprintf(all, sizeof(all), "%llu%s%.64s%s%.32s%s%s%.128s", (unsigned long long)t->tid,
		 t->comm ? " " : "", t->comm ? t->comm : "", t->state ? " " : "",
		 t->state ? t->state : "", label, t->wchan ? " in " : "",
		 t->wchan ? t->wchan : "");
	if (strlen(all) <= width)
		return text_put(dst, size, all);
	/* Which one it is tells more than what it does. */
	if (strlen(some) > width && t->label)
		snprintf(some, sizeof(some), "%llu%s", (unsigned long long)t->tid, label);
	if (strlen(some) > width)
		snprintf(some, sizeof(some), "%llu", (unsigned long long)t->tid);
	return text_fit(dst, size, some, width);
}

/* The longest form that fits: user/conn.c:77 serve, user/conn.c:77, conn.c:77. */
size_t view_site(char *dst, size_t size, const struct debug_site *at, size_t width)
{
	char all[1024], some[768];
	const char *base;

	if (!at->file)
		return text_fit(dst, size, "", width);
	snprintf(some, sizeof(some), "%.512s:%llu", at->file, (unsigned long long)at->line);
	snprintf(all, sizeof(all), "%s %.128s", some, at->function);
	if (strlen(all) <= width)
		return text_put(dst, size, all);
	if (strlen(some) <= width)
		return text_put(dst, size, some);
	base = strrchr(some, '/');
	return text_fit_tail(dst, size, base ? base + 1 : some, width);
}
