// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * collect.c - what runs, by call site: one look at everything, kept to be shown.
 *
 * A collector has groups, one a call site, each with its count and the few threads
 * that have been in it longest. Names are copied during the look, the only time a
 * site is known to be there. Nothing is printed and no memory is got with a lock
 * held: a collector that was too small is made again, larger. One for stall reports
 * is static, takes what fits, and counts the rest.
 *
 * An age is at least what is shown: a task that nobody has looked at before may
 * count from this look (see first_seen_age(), scan.c).
 */
#include "collect.h"

void collector_free(struct collector *c)
{
	plat_free(c->groups);
	plat_free(c->index);
}

static int collector_alloc(struct collector *c, unsigned int groups)
{
	unsigned int size = 16;

	/* Sizes below fit everywhere, also where a size has 32 bits. */
	if (groups > INT_MAX / sizeof(*c->groups))
		return -ENOMEM;
	while (size < 2 * groups)
		size *= 2;
	*c = (struct collector){
		.groups = plat_alloc(groups * sizeof(*c->groups)),
		.index = plat_alloc(size * sizeof(*c->index)),
		.max_groups = groups,
		.index_size = size,
	};
	if (c->groups && c->index)
		return 0;
	collector_free(c);
	return -ENOMEM;
}

static void group_init(struct group *g, struct stopper *s, const struct stopper_site *site,
		       unsigned int kind)
{
	memset(g, 0, sizeof(*g));
	g->s = s;
	g->site = site;
	g->kind = kind;
	name_show(g->info.name, STOPPER_NAME_SHOWN + 1, site->name);
	name_tail(g->info.file, sizeof(g->info.file), site->file ? site->file : "");
	name_show(g->info.func, sizeof(g->info.func), site->func ? site->func : "");
	g->info.line = site->line;
}

static struct group *group_of(struct collector *c, struct stopper *s,
			      const struct stopper_site *site, unsigned int kind)
{
	unsigned long h = ((unsigned long)s >> 6) * 31 + ((unsigned long)site >> 4) * 17 + kind;
	struct group *g;

	for (h *= 0x9e3779b1UL; ; h++) {
		unsigned int *at = &c->index[h % c->index_size];

		if (!*at) {
			if (c->ngroups == c->max_groups)
				return NULL;
			g = &c->groups[c->ngroups++];
			*at = c->ngroups;
			group_init(g, s, site, kind);
			return g;
		}
		g = &c->groups[*at - 1];
		if (g->s == s && g->site == site && g->kind == kind)
			return g;
	}
}

/* A thread that is shown already: taken out, to be put where it belongs. */
static struct thread_age take_thread(struct group *g, int tid)
{
	struct thread_age t = { .tid = tid };
	unsigned int i;

	for (i = 0; i < g->nshown; i++)
		if (t.tasks)
			g->shown[i - 1] = g->shown[i];
		else if (g->shown[i].tid == tid)
			t = g->shown[i];
	if (t.tasks)
		g->nshown--;
	return t;
}

/* Keeps the oldest, oldest first. */
static void note_thread(struct group *g, int tid, int64_t age)
{
	struct thread_age t = take_thread(g, tid);
	unsigned int i;

	t.tasks++;
	if (age > t.age)
		t.age = age;
	if (g->nshown == THREADS_SHOWN) {
		if (t.age <= g->shown[THREADS_SHOWN - 1].age) {
			g->more += t.tasks;
			return;
		}
		g->more += g->shown[--g->nshown].tasks;
	}
	for (i = g->nshown++; i && g->shown[i - 1].age < t.age; i--)
		g->shown[i] = g->shown[i - 1];
	g->shown[i] = t;
}

static struct group *collect(struct collector *c, struct stopper *s,
			     const struct stopper_site *site, unsigned int kind, int tid,
			     int64_t age)
{
	struct group *g = group_of(c, s, site, kind);

	if (!g) {
		c->lost++;
		return NULL;
	}
	g->info.count++;
	if (age >= g->info.oldest_ns) {
		g->info.oldest_ns = age;
		g->info.tid = tid;
	}
	if (tid)
		note_thread(g, tid, age);
	return g;
}

static void collect_task(void *arg, const struct task_view *v)
{
	struct group *g = collect(arg, v->s, v->site, STOPPER_PANIC_TASK, v->tid, v->age);

	if (!g || v->tid)
		return;
	if (v->kind == STOPPER_KIND_ASYNC)
		g->queued++;
	else
		note_thread(g, 0, v->age);
}

static void collect_activity(void *arg, const struct activity *a)
{
	collect(arg, a->s, a->site, a->kind, a->tid, plat_stamp_age(a->since));
}

static int by_place(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->s != y->s)
		return x->s < y->s ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->info.count != y->info.count)
		return x->info.count > y->info.count ? -1 : 1;
	return strcmp(x->info.name, y->info.name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct group *)a)->info.name, ((const struct group *)b)->info.name);
}

static void sort_groups(struct collector *c)
{
	plat_sort(c->groups, c->ngroups, sizeof(*c->groups), by_place);
}

static void look(struct collector *c, struct stopper *s, bool runs)
{
	c->ngroups = 0;
	c->lost = 0;
	memset(c->index, 0, c->index_size * sizeof(*c->index));
	tasks_visit(s, collect_task, c);
	if (runs)
		activities_visit(s, collect_activity, c);
}

void collector_fill(struct collector *c, struct stopper *s, bool runs)
{
	look(c, s, runs);
	sort_groups(c);
}

/* One that everything fits in; what a look finds may grow while we allocate. */
int collector_make(struct collector *c, struct stopper *s, bool runs)
{
	unsigned int groups = 32, tries;
	int err;

	for (tries = 0; ; tries++) {
		err = collector_alloc(c, groups);
		if (err)
			return err;
		look(c, s, runs);
		if (!c->lost || tries == 12)
			break;
		groups = 2 * (groups + c->lost);
		collector_free(c);
	}
	sort_groups(c);
	return 0;
}

/* The first group of @s; they are sorted. */
unsigned int collector_find(const struct collector *c, const struct stopper *s)
{
	unsigned int low = 0, high = c->ngroups;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (c->groups[mid].s < s)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int stopper_running_tasks(struct stopper *s, struct stopper_task_info *info, unsigned int n)
{
	struct collector c;
	unsigned int i;
	int ret;

	plat_might_sleep();
	if (n && !info)
		return -EINVAL;
	if (!s)
		return 0;
	ret = plat_usable();
	if (!ret)
		ret = collector_make(&c, s, false);
	if (ret)
		return ret;
	for (i = 0; i < n && i < c.ngroups; i++)
		info[i] = c.groups[i].info;
	ret = (int)c.ngroups;
	collector_free(&c);
	return ret;
}
EXPORT_SYMBOL_PLAT(stopper_running_tasks);

/* Makes one group of those that share a name. */
static void merge_names(struct collector *c)
{
	unsigned int i, out = 0;

	plat_sort(c->groups, c->ngroups, sizeof(*c->groups), by_name);
	for (i = 0; i < c->ngroups; i++) {
		if (out && !strcmp(c->groups[out - 1].info.name, c->groups[i].info.name))
			c->groups[out - 1].info.count += c->groups[i].info.count;
		else
			c->groups[out++] = c->groups[i];
	}
	c->ngroups = out;
	sort_groups(c);
}

int stopper_task_map(struct stopper *s, char *buf, size_t size)
{
	char line[STOPPER_NAME_SHOWN + 32];
	struct collector c;
	size_t len = 0, n;
	unsigned int i;
	int err;

	plat_might_sleep();
	if (size && !buf)
		return -EINVAL;
	if (size)
		buf[0] = '\0';
	if (!s)
		return 0;
	err = plat_usable();
	if (!err)
		err = collector_make(&c, s, false);
	if (err)
		return err;
	merge_names(&c);
	for (i = 0; i < c.ngroups; i++) {
		n = (size_t)snprintf(line, sizeof(line), "%-6llu %s\n",
				     (unsigned long long)c.groups[i].info.count,
				     c.groups[i].info.name);
		if (len < size)
			snprintf(buf + len, size - len, "%s", line);
		len += n;
	}
	collector_free(&c);
	return (int)len;
}
EXPORT_SYMBOL_PLAT(stopper_task_map);
