// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cmd_list.c - stopperctl list: prints the debug list in readable form, or as JSON.
 *
 * The stopper whose stop has been blocked longest comes first; `>' marks what blocks it. Only names
 * of absurd length are cut. Columns are as wide as the stopper's own names, up to NAME_WIDE.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../debuglist/debuglist.h"
#include "stacks.h"
#include "view.h"

#define NAME_WIDE	28	/* the widest name column */
#define DEPTH		8	/* of a tree, at most */
#define UNLIMITED	1024	/* columns; more than any line needs */

static void print_origin(const char *what, const struct debug_origin *w, const char *ago)
{
	char place[UNLIMITED], comm[160] = "";

	if (!w->at.file)
		return;
	view_site(place, sizeof(place), &w->at, UNLIMITED);
	printf("  %-10s  %s", what, place);
	if (w->comm)
		text_put(comm, sizeof(comm), w->comm);
	if (w->tid)
		printf(", thread %llu%s%s", (unsigned long long)w->tid, *comm ? " " : "", comm);
	if (ago)
		printf(", %s ago", ago);
	putchar('\n');
}

static void print_failed(const struct debug_stopper *s)
{
	char name[160], ago[16];

	if (!s->failed)
		return;
	text_put(name, sizeof(name), s->failed);
	printf("  %-10s  %s, error %lld\n", "failed", name, (long long)s->error);
	text_age(ago, s->failed_at.ago);
	print_origin("started", &s->failed_at, ago);
}

static void print_timers(const struct debug_stopper *s)
{
	char name[160], place[UNLIMITED], due[16];

	if (!s->timer)
		return;
	text_put(name, sizeof(name), s->timer);
	view_site(place, sizeof(place), &s->timer_at, UNLIMITED);
	text_age(due, s->timer_due);
	printf("  %-10s  %llu, next: %s, %s, in %s\n", "timers", (unsigned long long)s->timers,
	       name, place, due);
}

static void print_cause(const struct debug_stopper *s)
{
	char cause[160];

	if (!s->cause)
		return;
	text_put(cause, sizeof(cause), s->cause);
	printf("  %-10s  %s (%lld)\n", "because", cause, (long long)s->cause_err);
}

static void print_sem(const struct debug_sem *m)
{
	char name[160], task[160] = "", place[UNLIMITED], age[16];

	text_put(name, sizeof(name), m->name ? m->name : "");
	printf("  %-10s  %s%sheld %llu of %llu, waiters %llu\n", "semaphore", name,
	       m->name ? ": " : "", (unsigned long long)m->held, (unsigned long long)m->capacity,
	       (unsigned long long)m->waiters);
	if (!m->task)
		return;
	text_put(task, sizeof(task), m->task);
	view_site(place, sizeof(place), &m->at, UNLIMITED);
	text_age(age, m->waited);
	printf("  %10s  |  first: %s, %s, thread %llu, %s\n", "", task, place,
	       (unsigned long long)m->tid, age);
}

/* The names from the root of the tree to the parent of @s. A list may have wrong parents. */
static void print_parents(const struct view *v, const struct debug_stopper *s)
{
	const struct debug_stopper *up[DEPTH];
	const struct view_stopper *vs;
	char name[160];
	size_t n = 0;

	vs = view_find(v, s->parent_id);
	while (vs && n < DEPTH) {
		up[n++] = vs->s;
		vs = vs->s->parent ? view_find(v, vs->s->parent_id) : NULL;
	}
	printf("  %-10s  ", "child of");
	while (n > 1) {
		text_put(name, sizeof(name), up[--n]->name);
		printf("%s/", name);
	}
	text_put(name, sizeof(name), s->parent);
	printf("%s (%llu)\n", name, (unsigned long long)s->parent_id);
}

static void print_head(const struct view *v, const struct debug_stopper *s)
{
	char name[160], in_phase[16], age[16], ago[16];
	size_t i;

	text_put(name, sizeof(name), s->name);
	text_age(in_phase, s->phase_age);
	text_age(age, s->age);
	printf("%s (%llu): %.16s for %s, age %s\n", name, (unsigned long long)s->id, s->phase,
	       in_phase, age);
	for (i = 0; i < DEBUG_COUNTS; i++)
		if (debug_counts[i].always || debug_count_get(s, &debug_counts[i]))
			printf("  %s %llu", debug_counts[i].word,
			       (unsigned long long)debug_count_get(s, &debug_counts[i]));
	putchar('\n');
	if (s->parent)
		print_parents(v, s);
	print_origin("created", &s->created, NULL);
	text_age(ago, s->paused.ago);
	print_origin("paused", &s->paused, ago);
	text_age(ago, s->stop_asked.ago);
	if (s->stop_asked.at.file) {
		print_origin("stop asked", &s->stop_asked, ago);
		print_cause(s);
	} else {
		puts("  stop        not asked");
	}
	print_failed(s);
	print_timers(s);
	if (s->nested)
		printf("  %-10s  %llu\n", "nested", (unsigned long long)s->nested);
	for (i = 0; i < s->nr_sems; i++)
		print_sem(&s->sems[i]);
}

static void print_waits(const struct view_stopper *vs)
{
	char name[160], age[16];

	text_age(age, vs->blocked_for);
	if (vs->culprit) {
		text_put(name, sizeof(name), vs->culprit->name);
		printf("  %-10s  %llu %s%s, oldest: %s, %s\n", "waits for",
		       (unsigned long long)vs->nr_blocking, debug_kind_name(vs->culprit->kind),
		       vs->nr_blocking == 1 ? "" : "s", name, age);
	}
	if (!vs->child)
		return;
	text_put(name, sizeof(name), vs->child->name);
	printf("  %-10s  its child %s (%llu), %.16s for %s\n", "waits for", name,
	       (unsigned long long)vs->child->id, vs->child->phase, age);
}

static void print_thread(const struct debug_thread *t)
{
	char thread[UNLIMITED], age[16];
	size_t i;

	view_thread(thread, sizeof(thread), t, UNLIMITED);
	text_age(age, t->age);
	printf("  %8s  |  thread %s\n", age, thread);
	for (i = 0; i < t->nr_stack; i++) {
		text_put(thread, sizeof(thread), t->stack[i]);
		printf("  %8s  |         %s\n", "", thread);
	}
}

static void print_group(const struct view_group *vg, int wide)
{
	const struct debug_group *g = vg->g;
	char name[160], place[UNLIMITED], age[16];
	size_t i;

	text_put(name, sizeof(name), g->name);
	view_site(place, sizeof(place), &g->at, UNLIMITED);
	text_age(age, g->oldest);
	printf("%c %8s %6llu  %-6s  %-*s%s%s\n", vg->blocks ? '>' : ' ', age,
	       (unsigned long long)g->count, debug_kind_name(g->kind), *place ? wide : 0, name,
	       *place ? "  " : "", place);
	for (i = 0; i < g->nr_threads; i++)
		print_thread(&g->threads[i]);
	if (g->queued)
		printf("  %8s  |  %llu of them queued\n", "",
		       (unsigned long long)g->queued);
	if (g->more)
		printf("  %8s  |  and %llu more\n", "", (unsigned long long)g->more);
}

/* Prints the groups of one stopper, which are adjacent. Returns the next index. */
static size_t print_groups(const struct view *v, size_t first)
{
	const struct view_stopper *of = v->groups[first].of;
	int wide = 4;
	size_t i, end, len;

	for (end = first; end < v->nr_groups && v->groups[end].of == of; end++) {
		len = strlen(v->groups[end].g->name);
		if (len <= NAME_WIDE && (int)len > wide)
			wide = (int)len;
	}
	printf("\n  %8s %6s  %-6s  %-*s  %s\n", "AGE", "COUNT", "KIND", wide, "NAME", "WHERE");
	for (i = first; i < end; i++)
		print_group(&v->groups[i], wide);
	return end;
}

static int by_stopper_and_age(const void *a, const void *b)
{
	const struct view_group *x = a, *y = b;

	if (x->of != y->of)
		return x->of < y->of ? -1 : 1;
	if (x->blocks != y->blocks)
		return x->blocks ? -1 : 1;
	if (x->g->oldest != y->g->oldest)
		return x->g->oldest > y->g->oldest ? -1 : 1;
	return x->g < y->g ? -1 : x->g > y->g;
}

static void print_list(struct view *v)
{
	const struct debug_list *l = v->list;
	size_t i, next = 0;

	if (!v->nr_stoppers)
		puts("No stoppers.");
	/* v->stoppers is in the order of the output. */
	if (v->nr_groups)
		qsort(v->groups, v->nr_groups, sizeof(*v->groups), by_stopper_and_age);
	for (i = 0; i < v->nr_stoppers; i++) {
		if (i)
			putchar('\n');
		print_head(v, v->stoppers[i].s);
		print_waits(&v->stoppers[i]);
		if (next < v->nr_groups && v->groups[next].of == &v->stoppers[i])
			next = print_groups(v, next);
	}
	if (l->tasks_more)
		printf("\nand %llu more tasks, not in the list\n",
		       (unsigned long long)l->tasks_more);
}

static int print_json(const struct debug_list *l)
{
	char *text = debug_list_json_text(l);

	if (!text) {
		error_msg("out of memory");
		return EXIT_SOURCE;
	}
	puts(text);
	free(text);
	return finish_output();
}

static const char help[] =
	"Usage: stopperctl [SOURCE] list [--json] [--stacks]\n"
	"List all stoppers and what runs in them. The stopper whose stop has been blocked\n"
	"longest comes first; what blocks it is marked with '>'.\n"
	"\n"
	"  -j, --json             print JSON; stopperctl(1) documents the members\n"
	"  -S, --stacks           with -p: where in the program each blocked thread is\n"
	"  -h, --help             show this help\n"
	"\n"
	"SOURCE: -p PID, -u URL, -s SOCKET, -f FILE; see 'stopperctl --help'.\n";

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "stacks", no_argument, NULL, 'S' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

struct list_options {
	bool json, stacks;
};

/* -1: continue, else the exit status. */
static int read_options(int argc, char **argv, struct list_options *o)
{
	int opt;

	while ((opt = source_getopt(argc, argv, "jSh", options)) != -1) {
		switch (opt) {
		case 'j':
			o->json = true;
			break;
		case 'S':
			o->stacks = true;
			break;
		case 'h':
			fputs(help, stdout);
			return finish_output();
		default:
			return try_help("list");
		}
	}
	if (optind != argc)
		return wrong_usage("list", "list: unexpected operand '%s'", argv[optind]);
	if (o->stacks && !source_pid())
		return wrong_usage("list", "list: --stacks needs a process (-p PID)");
	return -1;
}

int cmd_list(int argc, char **argv)
{
	struct list_options o = { .json = false };
	int status = read_options(argc, argv, &o);
	struct view *v;

	if (status >= 0)
		return status;
	v = view_take();
	if (!v || v->state != SOURCE_OK) {
		error_msg("%s", v ? v->why : "out of memory");
		status = EXIT_SOURCE;
	} else if (o.stacks && !stacks_add(v, source_pid())) {
		status = EXIT_SOURCE;
	} else if (o.json) {
		status = print_json(v->list);
	} else {
		print_list(v);
		status = finish_output();
	}
	view_free(v);
	stacks_free();
	return status;
}
