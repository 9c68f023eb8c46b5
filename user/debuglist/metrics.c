// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * metrics.c - writes the debug list as metrics, in the text format of OpenMetrics 1.0.
 *
 * The number of series is bounded. Stoppers of one name are one row, as are call sites of one
 * name and line; ids, threads and labels of tasks are no labels here. What exceeds MAX_NAMES or
 * MAX_SITES is added up in a row "other". Rows are sorted by their labels, so that the same rows
 * are kept each time.
 *
 * All are gauges. A count of refused tasks, too, ends with its stopper. So the text is also valid
 * in the older format of Prometheus, for which "# UNIT" and "# EOF" are comments.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "debuglist.h"

#define MAX_NAMES	50
#define MAX_SITES	100
#define OTHER		"other"

static const char *const phases[] = { "running", "quiescing", "stopping", "closing", OTHER };

#define NR_PHASES	(sizeof(phases) / sizeof(phases[0]))

/* The stoppers of one name. */
struct name_row {
	const char *name;
	uint64_t in_phase[NR_PHASES], phase_oldest[NR_PHASES];
	uint64_t counts[DEBUG_COUNTS], paused, failed, timers, oldest;
};

/* The call sites of one kind, name and line, in the stoppers of one name. */
struct site_row {
	const char *stopper, *name, *kind, *file;
	uint64_t line, count, queued, oldest;
};

struct rows {
	void *row;
	size_t nr, size, max;
	int (*compare)(const void *a, const void *b);
	void (*merge)(void *into, const void *from);
	void (*make_other)(void *row);
};

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static int name_compare(const void *a, const void *b)
{
	const struct name_row *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void name_merge(void *into, const void *from)
{
	const struct name_row *y = from;
	struct name_row *x = into;
	size_t i;

	for (i = 0; i < NR_PHASES; i++) {
		x->in_phase[i] += y->in_phase[i];
		x->phase_oldest[i] = larger(x->phase_oldest[i], y->phase_oldest[i]);
	}
	for (i = 0; i < DEBUG_COUNTS; i++)
		x->counts[i] += y->counts[i];
	x->paused += y->paused;
	x->failed += y->failed;
	x->timers += y->timers;
	x->oldest = larger(x->oldest, y->oldest);
}

static void name_make_other(void *row)
{
	((struct name_row *)row)->name = OTHER;
}

static int site_compare(const void *a, const void *b)
{
	const struct site_row *x = a, *y = b;
	int c = strcmp(x->stopper, y->stopper);

	if (!c)
		c = strcmp(x->kind, y->kind);
	if (!c)
		c = strcmp(x->name, y->name);
	if (!c)
		c = strcmp(x->file, y->file);
	return c ? c : (x->line > y->line) - (x->line < y->line);
}

static void site_merge(void *into, const void *from)
{
	const struct site_row *y = from;
	struct site_row *x = into;

	x->count += y->count;
	x->queued += y->queued;
	x->oldest = larger(x->oldest, y->oldest);
}

static void site_make_other(void *row)
{
	struct site_row *r = row;

	r->stopper = OTHER;
	r->kind = OTHER;
	r->name = OTHER;
	r->file = OTHER;
	r->line = 0;
}

static void *row_at(const struct rows *r, size_t i)
{
	return (char *)r->row + i * r->size;
}

/* Sorts the rows, and makes one of those with the same labels. */
static void rows_merge_equal(struct rows *r)
{
	size_t i, nr = 0;

	if (r->nr)
		qsort(r->row, r->nr, r->size, r->compare);
	for (i = 0; i < r->nr; i++) {
		if (nr && !r->compare(row_at(r, nr - 1), row_at(r, i)))
			r->merge(row_at(r, nr - 1), row_at(r, i));
		else
			memmove(row_at(r, nr++), row_at(r, i), r->size);
	}
	r->nr = nr;
}

/* A row may have the labels of the row "other" itself; then it becomes part of that. */
static void rows_bound(struct rows *r)
{
	size_t i;

	rows_merge_equal(r);
	if (r->nr <= r->max)
		return;
	for (i = r->max - 1; i < r->nr; i++)
		r->make_other(row_at(r, i));
	rows_merge_equal(r);
}

static size_t phase_index(const char *phase)
{
	size_t i = 0;

	while (i < NR_PHASES - 1 && strcmp(phases[i], phase))
		i++;
	return i;
}

static void name_row_set(struct name_row *row, const struct debug_stopper *s)
{
	size_t i = phase_index(s->phase);

	row->name = s->name;
	row->in_phase[i] = 1;
	row->phase_oldest[i] = s->phase_age;
	for (i = 0; i < DEBUG_COUNTS; i++)
		row->counts[i] = debug_count_get(s, &debug_counts[i]);
	row->paused = !!s->paused.at.file;
	row->failed = !!s->failed;
	row->timers = s->timers;
	row->oldest = s->age;
}

static void site_row_set(struct site_row *row, const struct debug_stopper *s,
			 const struct debug_group *g)
{
	row->stopper = s->name;
	row->kind = debug_kind_name(g->kind);
	row->name = g->name;
	row->file = g->at.file ? g->at.file : "";
	row->line = g->at.line;
	row->count = g->count;
	row->queued = g->queued;
	row->oldest = g->oldest;
}

static void put_escaped(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '"')
			putc('\\', f);
		putc(*s, f);
	}
}

static void put_label(FILE *f, char before, const char *key, const char *value)
{
	fprintf(f, "%c%s=\"", before, key);
	put_escaped(f, value);
	putc('"', f);
}

static void put_name(FILE *f, const char *name, const char *unit)
{
	fprintf(f, "stopper_%s%s%s", name, *unit ? "_" : "", unit);
}

static void put_about(FILE *f, const char *what, const char *name, const char *unit,
		      const char *text)
{
	fprintf(f, "# %s ", what);
	put_name(f, name, unit);
	fprintf(f, " %s\n", text);
}

static void put_family(FILE *f, const char *name, const char *unit, const char *help)
{
	put_about(f, "TYPE", name, unit, "gauge");
	if (*unit)
		put_about(f, "UNIT", name, unit, unit);
	put_about(f, "HELP", name, unit, help);
}

static void put_count(FILE *f, uint64_t count)
{
	fprintf(f, "} %" PRIu64 "\n", count);
}

static void put_seconds(FILE *f, uint64_t ms)
{
	fprintf(f, "} %" PRIu64 ".%03u\n", ms / 1000, (unsigned int)(ms % 1000));
}

/* The number at @offset in a row. */
static void put_value(FILE *f, const void *row, size_t offset, const char *unit)
{
	uint64_t value;

	memcpy(&value, (const char *)row + offset, sizeof(value));
	if (*unit)
		put_seconds(f, value);
	else
		put_count(f, value);
}

static void put_phases(FILE *f, const struct rows *names, bool ages)
{
	const struct name_row *row;
	size_t i, j;

	for (i = 0; i < names->nr; i++) {
		row = row_at(names, i);
		/* Those of the phases that are known are there also if they are 0. */
		for (j = 0; j < NR_PHASES; j++) {
			if (j == NR_PHASES - 1 && !row->in_phase[j])
				break;
			fprintf(f, "stopper_%s", ages ? "phase_oldest_seconds" : "stoppers");
			put_label(f, '{', "stopper", row->name);
			put_label(f, ',', "phase", phases[j]);
			if (ages)
				put_seconds(f, row->phase_oldest[j]);
			else
				put_count(f, row->in_phase[j]);
		}
	}
}

/* One family, of a number at @offset in each row of the names. */
static void put_names(FILE *f, const struct rows *names, size_t offset, const char *name,
		      const char *unit, const char *help)
{
	const struct name_row *row;
	size_t i;

	put_family(f, name, unit, help);
	for (i = 0; i < names->nr; i++) {
		row = row_at(names, i);
		put_name(f, name, unit);
		put_label(f, '{', "stopper", row->name);
		put_value(f, row, offset, unit);
	}
}

static void put_all_names(FILE *f, const struct rows *names)
{
	size_t i;

	put_family(f, "stoppers", "", "Stoppers in this phase.");
	put_phases(f, names, false);
	put_family(f, "phase_oldest", "seconds", "How long one of them has been in this phase.");
	put_phases(f, names, true);
	put_names(f, names, offsetof(struct name_row, oldest), "age", "seconds",
		  "Age of the oldest stopper.");
	for (i = 0; i < DEBUG_COUNTS; i++)
		put_names(f, names, offsetof(struct name_row, counts) + i * sizeof(uint64_t),
			  debug_counts[i].word, "", debug_counts[i].help);
	put_names(f, names, offsetof(struct name_row, paused), "paused", "",
		  "Stoppers that are paused.");
	put_names(f, names, offsetof(struct name_row, failed), "failed", "",
		  "Stoppers of which a function returned an error.");
	put_names(f, names, offsetof(struct name_row, timers), "timers", "",
		  "Timers that are pending.");
}

static void put_sites(FILE *f, const struct rows *sites, size_t offset, const char *name,
		      const char *unit, const char *help)
{
	char at[32];
	const struct site_row *row;
	size_t i;

	put_family(f, name, unit, help);
	for (i = 0; i < sites->nr; i++) {
		row = row_at(sites, i);
		put_name(f, name, unit);
		put_label(f, '{', "stopper", row->stopper);
		put_label(f, ',', "kind", row->kind);
		put_label(f, ',', "name", row->name);
		fputs(",site=\"", f);
		put_escaped(f, row->file);
		snprintf(at, sizeof(at), ":%" PRIu64, row->line);
		fprintf(f, "%s\"", row->line ? at : "");
		put_value(f, row, offset, unit);
	}
}

static void put_all(FILE *f, const struct debug_list *list, const struct rows *names,
		    const struct rows *sites)
{
	put_all_names(f, names);
	put_sites(f, sites, offsetof(struct site_row, count), "site_tasks", "",
		  "Tasks, workers or closers of this call site.");
	put_sites(f, sites, offsetof(struct site_row, queued), "site_queued", "",
		  "Those of them that have no thread yet.");
	put_sites(f, sites, offsetof(struct site_row, oldest), "site_oldest", "seconds",
		  "Age of the oldest of them.");
	put_family(f, "unlisted_tasks", "", "Tasks for which the list had no room.");
	fprintf(f, "stopper_unlisted_tasks %" PRIu64 "\n# EOF\n", list->tasks_more);
}

static void rows_fill(struct rows *names, struct rows *sites, const struct debug_list *list)
{
	size_t i, j;

	for (i = 0; i < list->nr_stoppers; i++) {
		const struct debug_stopper *s = &list->stoppers[i];

		name_row_set(row_at(names, names->nr++), s);
		for (j = 0; j < s->nr_groups; j++)
			site_row_set(row_at(sites, sites->nr++), s, &s->groups[j]);
	}
	rows_bound(names);
	rows_bound(sites);
}

static size_t nr_groups(const struct debug_list *list)
{
	size_t i, nr = 0;

	for (i = 0; i < list->nr_stoppers; i++)
		nr += list->stoppers[i].nr_groups;
	return nr;
}

static char *rows_text(const struct debug_list *list, const struct rows *names,
		       const struct rows *sites, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	put_all(f, list, names, sites);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}

char *debug_list_metrics(const struct debug_list *list, size_t *len)
{
	struct rows names = {
		.row = calloc(list->nr_stoppers + 1, sizeof(struct name_row)),
		.size = sizeof(struct name_row), .max = MAX_NAMES, .compare = name_compare,
		.merge = name_merge, .make_other = name_make_other,
	};
	struct rows sites = {
		.row = calloc(nr_groups(list) + 1, sizeof(struct site_row)),
		.size = sizeof(struct site_row), .max = MAX_SITES, .compare = site_compare,
		.merge = site_merge, .make_other = site_make_other,
	};
	char *text = NULL;

	if (names.row && sites.row) {
		rows_fill(&names, &sites, list);
		text = rows_text(list, &names, &sites, len);
	}
	free(names.row);
	free(sites.row);
	return text;
}
