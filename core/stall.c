// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stall.c - reports of a stop that takes long, and of a stopper that was leaked.
 *
 * The waiting thread makes a report with no lock held and without allocating memory: a system
 * that cannot stop may be short of it. So the snapshots are static. If all of them are in use,
 * a report is one line with the number of tasks.
 *
 * A machine that goes down stops a thousand things at once, and a log that overflows loses the
 * line that mattered. So all stoppers together make at most BURST reports in WINDOW_NS. Those
 * left out are counted, and the next report gives their number. Reports are written one at a
 * time, so that their lines do not mix: a caller that finds another one being written tries
 * again later. A log sink of the stopper's own gets every report, and a leak is always reported.
 *
 * Ordered accesses
 *   (U) a claim's ->users. The read-modify-writes in claim_try() and claim_drop() are fully
 *       ordered, as a lock and its unlock: a claim's owner sees what the one before it wrote.
 */
#include "internal.h"
#include "report.h"
#include "snapshot.h"
#include "stall.h"
#include "text.h"
#include "upcalls.h"

#define BURST		10
#define WINDOW_NS	(10 * NS_PER_SEC)

#define SNAPSHOTS	4
#define GROUPS		16
#define LOOKUPS		16

static struct {
	unsigned int users;
	struct site_group groups[GROUPS];
	unsigned int index[4 * GROUPS];
} snapshot_buffers[SNAPSHOTS];

static struct {
	int64_t since;
	unsigned int made;
	unsigned int left_out;
} rate = { .since = -WINDOW_NS };

/*
 * May a report go to the common log now? If so, @left_out is how many were left out since the
 * last one. One caller at a time: report_stall() has claimed "writing".
 */
static bool report_rate_allows(unsigned int *left_out)
{
	int64_t now = plat_now();
	bool may;

	if (now - rate.since >= WINDOW_NS) {
		rate.since = now;
		rate.made = 0;
	}
	may = rate.made < BURST;
	*left_out = rate.left_out;
	if (may) {
		rate.made++;
		rate.left_out = 0;
	} else {
		rate.left_out++;
	}
	return may;
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

static void claim_drop(unsigned int *users)
{
	/* (U) pairs with claim_try(): the next owner sees what this one wrote */
	plat_fetch_add_full(users, -1);
}

/* true: the caller owns the claim until claim_drop(). Two concurrent tries may both fail. */
static bool claim_try(unsigned int *users)
{
	/* (U) pairs with claim_drop(): what the last owner wrote is seen */
	if (!plat_fetch_add_full(users, 1))
		return true;
	claim_drop(users);
	return false;
}

/* Claims a static snapshot. Returns its index, or SNAPSHOTS if all are in use. */
static unsigned int snapshot_buffer_get(struct task_snapshot *snap)
{
	unsigned int i;

	for (i = 0; i < SNAPSHOTS; i++)
		if (claim_try(&snapshot_buffers[i].users)) {
			*snap = (struct task_snapshot){
				.groups = snapshot_buffers[i].groups,
				.index = snapshot_buffers[i].index,
				.max_groups = GROUPS,
				.index_size = ARRAY_LEN(snapshot_buffers[i].index),
			};
			break;
		}
	return i;
}

struct tree_path {
	char root[STOPPER_NAME_SHOWN + 1];
	char path[TEXT_LINE_SIZE / 2];
};

/* The names from the highest stopper that stops down to @s, as far as there is room. */
static void tree_path(struct tree_path *t, struct stopper *s)
{
	struct stopper *above[STOPPER_DEPTH], *parent = s;
	unsigned int n = 0;
	size_t len = 0;
	plat_flags_t f;

	stopper_pin(s);
	do {
		above[n++] = parent;
		plat_lock(&above[n - 1]->lock, f);
		parent = above[n - 1]->parent;
		if (parent && plat_load(&parent->phase) == STOPPER_RUNNING)
			parent = NULL;
		if (parent)
			stopper_pin(parent);
		plat_unlock(&above[n - 1]->lock, f);
	} while (parent && n < STOPPER_DEPTH);
	if (parent)
		stopper_unpin(parent);
	snprintf(t->root, sizeof(t->root), "%s", above[n - 1]->name);
	while (n--) {
		if (len < sizeof(t->path))
			len += (size_t)snprintf(t->path + len, sizeof(t->path) - len, "%s%s",
						len ? "/" : "", above[n]->name);
		stopper_unpin(above[n]);
	}
}

/* In one line, which stopper of a tree holds it up, and by what. */
static void log_leaf(struct stopper *s, int level, const struct task_snapshot *snap)
{
	const struct site_group *g, *oldest = NULL;
	struct tree_path t;
	unsigned int i;

	tree_path(&t, s);
	if (!strcmp(t.root, t.path))
		return;
	for (i = snapshot_find(snap, s); i < snap->ngroups && snap->groups[i].s == s; i++) {
		g = &snap->groups[i];
		if (!oldest || g->info.oldest_ns > oldest->info.oldest_ns)
			oldest = g;
	}
	if (oldest)
		stopper_log(s, level, "stopper \"%s\" waits for \"%s\": %s \"%s\", %s", t.root,
			    t.path, group_kind_name(oldest), oldest->info.name,
			    SECS(oldest->info.oldest_ns));
}

/* Writes what @s runs to its log. */
static void log_tasks(struct stopper *s, int level)
{
	struct log_out lo = { .s = s, .level = level };
	struct line_sink out = { .line = log_line, .arg = &lo };
	unsigned int i, lookups = LOOKUPS;
	struct task_snapshot snap;

	i = snapshot_buffer_get(&snap);
	if (i == SNAPSHOTS) {
		stopper_log(s, level,
			    "stopper %llu \"%s\": tasks %lu (all report buffers are in use)",
			    (unsigned long long)s->id, s->name, stopper_num_tasks(s));
		return;
	}
	snapshot_fill(&snap, s, true);
	log_leaf(s, level, &snap);
	report_stopper(&out, &snap, s, &lookups);
	claim_drop(&snapshot_buffers[i].users);
}

static void log_stall(struct stopper *s, int64_t waited, bool pause)
{
	stopper_log(s, STOPPER_LOG_WARNING, "stopper \"%s\": %s blocked for %s by:",
		    s->name, pause ? "pause" : "stop", SECS(waited));
	log_tasks(s, STOPPER_LOG_WARNING);
}

/* The tracepoint also fires for a report that is then left out. */
static void trace_stall(struct stopper *s, int64_t waited)
{
	unsigned int workers;
	plat_flags_t f;

	plat_lock(&s->lock, f);
	workers = s->nworkers;
	plat_unlock(&s->lock, f);
	plat_trace_stall(s, waited, stopper_num_tasks(s), workers);
}

/* false: another report is being written; the caller tries again soon. */
bool report_stall(struct stopper *s, int64_t waited, bool pause)
{
	static unsigned int writing;
	unsigned int left_out;

	if (s->log) {
		trace_stall(s, waited);
		log_stall(s, waited, pause);
		return true;
	}
	if (!claim_try(&writing))
		return false;
	trace_stall(s, waited);
	if (report_rate_allows(&left_out)) {
		if (left_out)
			stopper_log(NULL, STOPPER_LOG_WARNING,
				    "%u stall reports were left out",
				    left_out);
		log_stall(s, waited, pause);
	}
	claim_drop(&writing);
	return true;
}

void report_leak(struct stopper *s)
{
	stopper_log(s, STOPPER_LOG_ERR,
		    "stopper \"%s\" was put before it was stopped; its memory is kept:", s->name);
	log_tasks(s, STOPPER_LOG_ERR);
}
