// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * report.c - the debug list, the stall report, counts by call site.
 *
 * All are made from one look at all tasks (tasks_visit()), into a collector:
 * groups, one a call site, and the threads that run them. Names are copied
 * during the look, the only time a site is known to be there. Nothing is printed
 * and no memory is got with a lock held. A collector that was too small is made
 * again, larger; the one for stall reports is static, takes what fits, and
 * counts the rest.
 *
 * The text, one record a line:
 *
 *   stopper 1 "web": quiescing for 1.002s, age 7.500s, tasks 3, workers 1, closers 2
 *     created at httpd.c:120 main, thread 712
 *     stop asked at httpd.c:180 main, thread 712, 1.002s ago
 *     task 3 "request" at conn.c:77 serve, oldest 4.201s
 *       thread 715 for 4.201s
 *     worker 1 "accept" at httpd.c:140 main, oldest 7.499s
 *       thread 714 for 7.499s
 *     closer 1 "listener", oldest 0.100s
 *
 * An age is at least what is shown: a task that nobody has looked at before may
 * count from this look (see seen_age(), look.c).
 */
#include "internal.h"

#define LINE_MAX_	512

struct group {
	struct stopper *s;
	const struct stopper_site *site;
	unsigned int kind;		/* PANIC_TASK: any task; else as runs have it */
	unsigned int first;		/* its threads, + 1; 0: none */
	struct stopper_task_info info;
};

struct thread_line {
	unsigned int next;		/* + 1 */
	int tid;
	int64_t age;
};

struct collector {
	struct group *groups;
	struct thread_line *threads;
	unsigned int *index;		/* hash of (s, site) -> group + 1 */
	unsigned int max_groups, max_threads, index_size;
	unsigned int ngroups, nthreads;
	unsigned int lost_tasks, lost_threads;
};

/* For stall and leak reports, which must not need memory. */
#define FEW_GROUPS	16
#define FEW_THREADS	32
static struct group few_groups[FEW_GROUPS];
static struct thread_line few_threads[FEW_THREADS];
static unsigned int few_index[4 * FEW_GROUPS];
static unsigned int few_users;

static void collector_reset(struct collector *c)
{
	c->ngroups = 0;
	c->nthreads = 0;
	c->lost_tasks = 0;
	c->lost_threads = 0;
	memset(c->index, 0, c->index_size * sizeof(*c->index));
}

static void collector_free(struct collector *c)
{
	plat_free(c->groups);
	plat_free(c->threads);
	plat_free(c->index);
}

static int collector_alloc(struct collector *c, unsigned int groups, unsigned int threads)
{
	unsigned int size = 16;

	while (size < 2 * groups)
		size *= 2;
	*c = (struct collector){
		.groups = plat_alloc(groups * sizeof(*c->groups)),
		.threads = plat_alloc(threads * sizeof(*c->threads)),
		.index = plat_alloc(size * sizeof(*c->index)),
		.max_groups = groups,
		.max_threads = threads,
		.index_size = size,
	};
	if (c->groups && c->threads && c->index)
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

static void collect(struct collector *c, struct stopper *s, const struct stopper_site *site,
		    unsigned int kind, int tid, int64_t age)
{
	struct group *g = group_of(c, s, site, kind);

	if (!g) {
		c->lost_tasks++;
		return;
	}
	g->info.count++;
	if (age >= g->info.oldest_ns) {
		g->info.oldest_ns = age;
		g->info.tid = tid;
	}
	if (!tid)
		return;
	if (c->nthreads == c->max_threads) {
		c->lost_threads++;
		return;
	}
	c->threads[c->nthreads] = (struct thread_line){ .next = g->first, .tid = tid, .age = age };
	g->first = ++c->nthreads;
}

static void collect_task(void *arg, const struct task_view *v)
{
	collect(arg, v->s, v->site, STOPPER_PANIC_TASK, v->tid, v->age);
}

static void collect_run(void *arg, const struct run *r)
{
	collect(arg, r->s, r->site, r->kind, r->tid, plat_stamp_age(r->since));
}

static void fill_collector(struct collector *c, struct stopper *s, bool runs)
{
	collector_reset(c);
	tasks_visit(s, collect_task, c);
	if (runs)
		runs_visit(s, collect_run, c);
}

/* A collector that everything fits in; what a look finds may grow while we allocate. */
static int collector_make(struct collector *c, struct stopper *s, bool runs)
{
	unsigned int groups = 32, threads = 256, tries;
	int err;

	for (tries = 0; ; tries++) {
		err = collector_alloc(c, groups, threads);
		if (err)
			return err;
		fill_collector(c, s, runs);
		if ((!c->lost_tasks && !c->lost_threads) || tries == 12)
			return 0;
		groups += c->lost_tasks;
		groups *= 2;
		threads = 2 * (threads + c->lost_threads + c->lost_tasks);
		collector_free(c);
	}
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

void place_copy(struct place *p, const struct stopper_site *site)
{
	name_tail(p->file, sizeof(p->file), site->file ? site->file : "?");
	name_show(p->func, sizeof(p->func), site->func ? site->func : "?");
	p->line = site->line;
}

/* A printf-like line into @out. */
static void STOPPER_PRINTF(2, 3) put(const struct out *out, const char *fmt, ...)
{
	char line[LINE_MAX_];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	out->line(out->arg, line);
}

struct secs {
	char text[32];
};

static const char *secs(struct secs *b, int64_t ns)
{
	snprintf(b->text, sizeof(b->text), "%lld.%03llds", (long long)(ns / NS_PER_SEC),
		 (long long)(ns / NS_PER_MSEC % 1000));
	return b->text;
}

#define SECS(ns)	secs(&(struct secs){ "" }, ns)

static void put_header(const struct out *out, struct stopper *s, unsigned long tasks)
{
	struct place asked_at = { .line = 0 };
	unsigned int workers, closers;
	int64_t now = plat_now(), since, asked;
	enum stopper_phase phase;
	plat_flags_t f;
	int asker;

	plat_lock(&s->lock, f);
	phase = s->phase;
	since = s->phase_since;
	workers = s->nworkers;
	closers = s->nclosers + (s->closing ? 1 : 0) + s->late_closers;
	asked = s->asked;
	asker = s->asker;
	if (asked)
		asked_at = s->asked_at;
	plat_unlock(&s->lock, f);

	put(out,
	    "stopper %llu \"%s\": %s for %s, age %s, tasks %lu, workers %u, closers %u",
	    (unsigned long long)s->id, s->name, stopper_phase_name(phase), SECS(now - since),
	    SECS(now - s->created), tasks, workers, closers);
	put(out, "  created at %s:%u %s, thread %d", s->created_at.file, s->created_at.line,
	    s->created_at.func, s->creator);
	if (asked)
		put(out, "  stop asked at %s:%u %s, thread %d, %s ago", asked_at.file,
		    asked_at.line, asked_at.func, asker, SECS(now - asked));
}

static void put_group(const struct out *out, const struct collector *c, const struct group *g)
{
	static const char * const kinds[] = {
		[STOPPER_PANIC_TASK] = "task",
		[STOPPER_PANIC_WORKER] = "worker",
		[STOPPER_PANIC_CLOSER] = "closer",
	};
	const struct stopper_task_info *i = &g->info;
	unsigned int t;

	if (i->line)
		put(out, "  %s %llu \"%s\" at %s:%u %s, oldest %s", kinds[g->kind],
		    (unsigned long long)i->count, i->name, i->file, i->line, i->func,
		    SECS(i->oldest_ns));
	else
		put(out, "  %s %llu \"%s\", oldest %s", kinds[g->kind],
		    (unsigned long long)i->count, i->name, SECS(i->oldest_ns));
	for (t = g->first; t; t = c->threads[t - 1].next)
		put(out, "    thread %d for %s", c->threads[t - 1].tid,
		    SECS(c->threads[t - 1].age));
}

/* @c is sorted by_place. */
static void put_stopper(const struct out *out, const struct collector *c, struct stopper *s)
{
	unsigned long tasks = 0;
	unsigned int i;

	for (i = 0; i < c->ngroups; i++)
		if (c->groups[i].s == s && c->groups[i].kind == STOPPER_PANIC_TASK)
			tasks += c->groups[i].info.count;
	put_header(out, s, tasks);
	for (i = 0; i < c->ngroups; i++)
		if (c->groups[i].s == s)
			put_group(out, c, &c->groups[i]);
}

/* What did not fit. A task whose group did not fit has no thread line either. */
static void put_lost(const struct out *out, const struct collector *c)
{
	if (c->lost_tasks || c->lost_threads)
		put(out, "  and %u tasks, %u threads more", c->lost_tasks, c->lost_threads);
}

static void sort_groups(struct collector *c)
{
	plat_sort(c->groups, c->ngroups, sizeof(*c->groups), by_place);
}

/* Every stopper, pinned; NULL: no memory. */
static struct stopper **pin_all(unsigned int *n)
{
	struct stopper **list;
	unsigned int room = 16, all, i;

	for (;;) {
		list = plat_alloc(room * sizeof(struct stopper *));
		if (!list)
			return NULL;
		all = registry_pin(list, room);
		*n = all < room ? all : room;
		if (all <= room)
			return list;
		for (i = 0; i < *n; i++)
			stopper_unpin(list[i]);
		plat_free(list);
		room = all + all / 2;
	}
}

/* The debug list. */
int report_all(const struct out *out)
{
	struct stopper **list;
	struct collector c;
	unsigned int n, i;
	int err;

	list = pin_all(&n);
	if (!list)
		return -ENOMEM;
	err = collector_make(&c, NULL, true);
	if (!err) {
		sort_groups(&c);
		for (i = 0; i < n; i++)
			put_stopper(out, &c, list[i]);
		put_lost(out, &c);
		collector_free(&c);
	}
	for (i = 0; i < n; i++)
		stopper_unpin(list[i]);
	plat_free(list);
	return err;
}

void stopper_log(struct stopper *s, int level, const char *fmt, ...)
{
	char line[LINE_MAX_];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (s && s->log)
		s->log(s->log_arg, level, line);
	else
		plat_log(level, line);
}

struct log_out {
	struct stopper *s;
	int level;
};

static void log_line(void *arg, const char *line)
{
	struct log_out *lo = arg;

	stopper_log(lo->s, lo->level, "%s", line);
}

/* What runs of @s, to its log, in memory that is always there. */
static void report_few(struct stopper *s, int level)
{
	struct log_out lo = { .s = s, .level = level };
	struct out out = { .line = log_line, .arg = &lo };
	struct collector c = {
		.groups = few_groups,
		.threads = few_threads,
		.index = few_index,
		.max_groups = FEW_GROUPS,
		.max_threads = FEW_THREADS,
		.index_size = ARRAY_LEN(few_index),
	};

	/* (U) full, as a try-lock; pairs with the drop below */
	if (plat_fetch_add_full(&few_users, 1) == 0) {
		fill_collector(&c, s, true);
		sort_groups(&c);
		put_stopper(&out, &c, s);
		put_lost(&out, &c);
	} else {
		stopper_log(s, level,
			    "stopper %llu \"%s\": %lu tasks (another report is under way)",
			    (unsigned long long)s->id, s->name, stopper_num_tasks(s));
	}
	/* (U) pairs with the try above */
	plat_fetch_add_full(&few_users, -1);
}

void report_stall(struct stopper *s, int64_t waited)
{
	stopper_log(s, STOPPER_LOG_WARNING, "stopper \"%s\": stop has waited %s for:",
		    s->name, SECS(waited));
	report_few(s, STOPPER_LOG_WARNING);
}

void report_leak(struct stopper *s)
{
	stopper_log(s, STOPPER_LOG_ERR,
		    "stopper \"%s\" was put before it was stopped; its memory is kept:", s->name);
	report_few(s, STOPPER_LOG_ERR);
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
	ret = collector_make(&c, s, false);
	if (ret)
		return ret;
	sort_groups(&c);
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
	err = collector_make(&c, s, false);
	if (err)
		return err;
	merge_names(&c);
	sort_groups(&c);
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
