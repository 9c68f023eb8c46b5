// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * snapshot.c - the running tasks, workers and closers by call site, from one scan.
 *
 * A snapshot consists of groups, one for each call site, with the count and the few threads
 * that have been in it longest. Names are copied during the scan: a site is known to be valid
 * only then. Nothing is printed and no memory is allocated with a lock held. A snapshot that
 * was too small is made again, larger. Those of stall reports are static: they take what fits
 * and count the rest.
 *
 * An age is a lower bound: the age of a task that no reader has seen before may count from
 * this scan (first_seen_age(), scan.c).
 */
#include "internal.h"
#include "cause.h"
#include "label.h"
#include "panic.h"
#include "snapshot.h"
#include "upcalls.h"
#include "view.h"

void snapshot_free(struct task_snapshot *snap)
{
	plat_free(snap->groups);
	plat_free(snap->index);
}

static int snapshot_alloc(struct task_snapshot *snap, unsigned int groups)
{
	unsigned int size = 16;

	/* So the sizes below do not overflow where size_t has 32 bits. */
	if (groups > INT_MAX / sizeof(*snap->groups))
		return -ENOMEM;
	while (size < 2 * groups)
		size *= 2;
	*snap = (struct task_snapshot){
		.groups = plat_alloc(groups * sizeof(*snap->groups)),
		.index = plat_alloc(size * sizeof(*snap->index)),
		.max_groups = groups,
		.index_size = size,
	};
	if (snap->groups && snap->index)
		return 0;
	snapshot_free(snap);
	return -ENOMEM;
}

static void site_group_init(struct site_group *g, struct stopper *s,
			    const struct stopper_site *site, unsigned int kind)
{
	memset(g, 0, sizeof(*g));
	g->s = s;
	g->site = site;
	g->kind = kind;
	task_info_init(&g->info, site);
}

static struct site_group *snapshot_group(struct task_snapshot *snap, struct stopper *s,
					 const struct stopper_site *site, unsigned int kind)
{
	unsigned long h = ((unsigned long)s >> 6) * 31 + ((unsigned long)site >> 4) * 17 + kind;
	struct site_group *g;

	for (h *= 0x9e3779b1UL; ; h++) {
		unsigned int *at = &snap->index[h % snap->index_size];

		if (!*at) {
			if (snap->ngroups == snap->max_groups)
				return NULL;
			g = &snap->groups[snap->ngroups++];
			*at = snap->ngroups;
			site_group_init(g, s, site, kind);
			return g;
		}
		g = &snap->groups[*at - 1];
		if (g->s == s && g->site == site && g->kind == kind)
			return g;
	}
}

/* Takes @tid out of the threads shown, with its count and age; none: a new entry. */
static struct thread_age site_group_take_thread(struct site_group *g, int tid)
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

/* Adds a task of thread @tid; the oldest threads are kept, oldest first. */
static void site_group_add_thread(struct site_group *g, int tid, int64_t age, const char *label)
{
	struct thread_age t = site_group_take_thread(g, tid);
	unsigned int i;

	t.tasks++;
	if (t.tasks == 1 || age > t.age) {
		t.age = age;
		memcpy(t.label, label, sizeof(t.label));
	}
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

static struct site_group *snapshot_add(struct task_snapshot *snap, struct stopper *s,
				       const struct stopper_site *site, unsigned int kind,
				       int tid, int64_t age, const char *label)
{
	struct site_group *g = snapshot_group(snap, s, site, kind);

	if (!g) {
		snap->lost++;
		return NULL;
	}
	g->info.count++;
	if (age >= g->info.oldest_ns) {
		g->info.oldest_ns = age;
		g->info.tid = tid;
		memcpy(g->info.label, label, sizeof(g->info.label));
	}
	if (tid)
		site_group_add_thread(g, tid, age, label);
	return g;
}

static void snapshot_add_task(void *arg, const struct task_view *v)
{
	struct site_group *g = snapshot_add(arg, v->s, v->site, STOPPER_PANIC_TASK, v->tid, v->age,
					    v->label);

	if (!g || v->tid)
		return;
	if (v->kind == STOPPER_KIND_ASYNC)
		g->queued++;
	else
		site_group_add_thread(g, 0, v->age, v->label);
}

static void snapshot_add_activity(void *arg, const struct activity *a)
{
	snapshot_add(arg, a->s, a->site, a->kind, a->tid, plat_coarse_age(a->since), no_label);
}

static int compare_groups(const void *a, const void *b)
{
	const struct site_group *x = a, *y = b;

	if (x->s != y->s)
		return x->s < y->s ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->info.count != y->info.count)
		return x->info.count > y->info.count ? -1 : 1;
	return strcmp(x->info.name, y->info.name);
}

static int compare_names(const void *a, const void *b)
{
	const struct site_group *x = a, *y = b;

	return strcmp(x->info.name, y->info.name);
}

static void snapshot_sort(struct task_snapshot *snap)
{
	plat_sort(snap->groups, snap->ngroups, sizeof(*snap->groups), compare_groups);
}

static void snapshot_scan(struct task_snapshot *snap, struct stopper *s, bool activities)
{
	snap->ngroups = 0;
	snap->lost = 0;
	memset(snap->index, 0, snap->index_size * sizeof(*snap->index));
	tasks_visit(s, snapshot_add_task, snap);
	if (activities)
		activities_visit(s, snapshot_add_activity, snap);
}

void snapshot_fill(struct task_snapshot *snap, struct stopper *s, bool activities)
{
	snapshot_scan(snap, s, activities);
	snapshot_sort(snap);
}

/* Allocates a snapshot in which everything fits; more may run with each try, so tries end. */
int snapshot_make(struct task_snapshot *snap, struct stopper *s, bool activities)
{
	unsigned int groups = 32, tries;
	int err;

	for (tries = 0; ; tries++) {
		err = snapshot_alloc(snap, groups);
		if (err)
			return err;
		snapshot_scan(snap, s, activities);
		if (!snap->lost || tries == 12)
			break;
		groups = 2 * (groups + snap->lost);
		snapshot_free(snap);
	}
	snapshot_sort(snap);
	return 0;
}

/* The index of the first group of @s. */
unsigned int snapshot_find(const struct task_snapshot *snap, const struct stopper *s)
{
	unsigned int low = 0, high = snap->ngroups;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (snap->groups[mid].s < s)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int stopper_running_tasks(struct stopper *s, struct stopper_task_info *info, unsigned int n)
{
	struct task_snapshot snap;
	unsigned int i;
	int ret;

	plat_might_sleep();
	if (n && !info)
		return -EINVAL;
	if (!s)
		return 0;
	ret = plat_ready();
	if (!ret)
		ret = snapshot_make(&snap, s, false);
	if (ret)
		return ret;
	for (i = 0; i < n && i < snap.ngroups; i++)
		info[i] = snap.groups[i].info;
	ret = (int)snap.ngroups;
	snapshot_free(&snap);
	return ret;
}
EXPORT_SYMBOL_PLAT(stopper_running_tasks);

/* Joins the groups that have the same name. */
static void snapshot_merge_names(struct task_snapshot *snap)
{
	unsigned int i, out = 0;

	plat_sort(snap->groups, snap->ngroups, sizeof(*snap->groups), compare_names);
	for (i = 0; i < snap->ngroups; i++) {
		if (out && !strcmp(snap->groups[out - 1].info.name, snap->groups[i].info.name))
			snap->groups[out - 1].info.count += snap->groups[i].info.count;
		else
			snap->groups[out++] = snap->groups[i];
	}
	snap->ngroups = out;
	snapshot_sort(snap);
}

int stopper_task_map(struct stopper *s, char *buf, size_t size)
{
	char line[STOPPER_NAME_SHOWN + 32];
	struct task_snapshot snap;
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
	err = plat_ready();
	if (!err)
		err = snapshot_make(&snap, s, false);
	if (err)
		return err;
	snapshot_merge_names(&snap);
	for (i = 0; i < snap.ngroups; i++) {
		n = (size_t)snprintf(line, sizeof(line), "%-6llu %s\n",
				     (unsigned long long)snap.groups[i].info.count,
				     snap.groups[i].info.name);
		if (len < size)
			snprintf(buf + len, size - len, "%s", line);
		len += n;
	}
	snapshot_free(&snap);
	return (int)len;
}
EXPORT_SYMBOL_PLAT(stopper_task_map);
