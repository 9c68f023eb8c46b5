// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * screen.c - the lines that `top' shows, on a terminal or in a pipe.
 *
 *   the source, totals, the time of day
 *   (empty, or why the list is old)
 *   stoppers, worst first, with what their stop waits for
 *
 *   call sites of running tasks, workers and closers, in the chosen order
 *   the keys
 *
 * The widths of columns depend on the width of the screen only, not on their content, so that
 * columns do not move when the screen is redrawn every second. `>' marks what blocks a stop, so
 * that colour is never the only mark.
 */
#include <stdarg.h>
#include <string.h>

#include "screen.h"

#define MIN_WIDE	40

/* A line that is being built from the left. */
struct row {
	char text[SCREEN_WIDE + 1];
	size_t len, wide;
};

static size_t row_room(const struct row *r)
{
	return r->wide - r->len;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Adds @text in @wide columns, cut or padded. */
static void row_left(struct row *r, size_t wide, const char *text)
{
	size_t len;

	wide = min_size(wide, row_room(r));
	len = text_fit(r->text + r->len, sizeof(r->text) - r->len, text, wide);
	memset(r->text + r->len + len, ' ', wide - len);
	r->len += wide;
	r->text[r->len] = '\0';
}

static void row_right(struct row *r, size_t wide, const char *text)
{
	size_t len = strlen(text);

	if (len < wide)
		row_left(r, wide - len, "");
	row_left(r, min_size(len, wide), text);
}

static void row_number(struct row *r, size_t wide, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	/* A number that does not fit must not look like a smaller one. */
	if (strlen(text) > wide)
		snprintf(text, sizeof(text), "%.*s", (int)wide, "many");
	row_right(r, wide, text);
}

static void row_age(struct row *r, size_t wide, uint64_t ms)
{
	char text[16];

	text_age(text, ms);
	row_right(r, wide, text);
}

static struct row row_begin(const struct screen *s)
{
	size_t wide = s->width < MIN_WIDE ? MIN_WIDE : (size_t)s->width;

	return (struct row){ .wide = min_size(wide, SCREEN_WIDE) };
}

static void row_end(struct screen *s, struct row *r, enum screen_style style)
{
	if (style != STYLE_TITLE)
		while (r->len && r->text[r->len - 1] == ' ')
			r->text[--r->len] = '\0';
	s->line(s->arg, style, r->text);
}

static void show_line(struct screen *s, enum screen_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void show_line(struct screen *s, enum screen_style style, const char *fmt, ...)
{
	struct row r = row_begin(s);
	char text[SCREEN_WIDE + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	row_left(&r, r.wide, text);
	row_end(s, &r, style);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void show_title(struct screen *s, const struct view *v)
{
	struct row r = row_begin(s);
	char totals[160];
	size_t wide;

	snprintf(totals, sizeof(totals),
		 "  %zu stopper%s, %llu stopping  %llu task%s  %llu worker%s  %s ",
		 v->nr_stoppers, plural(v->nr_stoppers), (unsigned long long)v->stops,
		 (unsigned long long)v->tasks, plural(v->tasks),
		 (unsigned long long)v->workers, plural(v->workers), v->clock);
	wide = min_size(strlen(totals), r.wide);
	if (r.wide > wide) {
		row_left(&r, 1, "");
		row_left(&r, r.wide - wide - 1, source_name());
	}
	row_left(&r, wide, totals);
	row_end(s, &r, STYLE_TITLE);
	show_line(s, STYLE_ALERT, "%s", s->alert ? s->alert : "");
}

/* The upper part. On a narrow screen a name has 14 columns. */
static size_t stopper_wide(const struct row *r)
{
	size_t more = r->wide > 80 ? (r->wide - 80) / 3 : 0;

	return 14 + min_size(more, 26);
}

static void show_stopper_head(struct screen *s)
{
	struct row r = row_begin(s);

	row_left(&r, 2, "");
	row_left(&r, stopper_wide(&r), "STOPPER");
	row_left(&r, 2, "");
	row_left(&r, 9, "PHASE");
	row_right(&r, 8, "FOR");
	row_right(&r, 7, "TASKS");
	row_right(&r, 8, "WORKERS");
	row_right(&r, 8, "CLOSERS");
	row_left(&r, 2, "");
	row_left(&r, row_room(&r), "WAITS FOR");
	row_end(s, &r, STYLE_HEAD);
}

static void row_waits(struct row *r, const struct view_stopper *vs)
{
	char age[16];

	if (!vs->culprit && !vs->child) {
		row_left(r, row_room(r), view_is_stop(vs->s) ? "" : "-");
		return;
	}
	row_age(r, 6, vs->blocked_for);
	row_left(r, 1, "");
	if (vs->culprit) {
		snprintf(age, sizeof(age), " +%llu", (unsigned long long)vs->nr_blocking - 1);
		row_left(r, min_size(strlen(vs->culprit->name),
				     row_room(r) > 4 ? row_room(r) - 4 : 0),
			 vs->culprit->name);
		if (vs->nr_blocking > 1)
			row_left(r, row_room(r), age);
	} else {
		row_left(r, 6, "child ");
		row_left(r, row_room(r), vs->child->name);
	}
}

static void show_stopper(struct screen *s, const struct view_stopper *vs)
{
	struct row r = row_begin(s);
	bool blocked = vs->culprit || vs->child;

	row_left(&r, 2, blocked ? ">" : "");
	row_left(&r, stopper_wide(&r), vs->s->name);
	row_left(&r, 2, "");
	row_left(&r, 9, vs->s->phase);
	row_age(&r, 8, vs->s->phase_age);
	row_number(&r, 7, vs->s->tasks);
	row_number(&r, 8, vs->s->workers);
	row_number(&r, 8, vs->s->closers);
	row_left(&r, 2, "");
	row_waits(&r, vs);
	row_end(s, &r, blocked ? STYLE_BLOCKS : view_is_stop(vs->s) ? STYLE_STOP : STYLE_PLAIN);
}

/* The number of lines for stoppers: all that the groups leave, at least a third. */
static size_t stopper_lines(const struct screen *s, const struct view *v)
{
	size_t rest = s->height > 6 ? s->height - 6 : 0, lines;

	if (!s->height)
		return v->nr_stoppers;
	lines = rest / 3;
	if (v->nr_groups + lines < rest)
		lines = rest - v->nr_groups;
	return min_size(lines, v->nr_stoppers);
}

static size_t show_stoppers(struct screen *s, const struct view *v)
{
	size_t i, lines = stopper_lines(s, v);
	size_t shown = lines < v->nr_stoppers && lines > 1 ? lines - 1 : lines;

	show_stopper_head(s);
	for (i = 0; i < shown; i++)
		show_stopper(s, &v->stoppers[i]);
	if (shown < lines)
		show_line(s, STYLE_FAINT, "  and %zu more", v->nr_stoppers - shown);
	return lines;
}

/* The lower part: four columns share the remaining width. */
struct widths {
	size_t name, stopper, thread, place;
};

static struct widths group_widths(const struct row *r)
{
	size_t more = r->wide > 80 ? r->wide - 80 : 0;
	struct widths w = { .name = 14, .stopper = 9, .thread = 8 };

	w.name += min_size(more / 5, 24);
	w.stopper += min_size(more / 6, 20);
	w.thread += min_size(more / 3, 40);
	w.place = r->wide;
	return w;
}

static void show_group_head(struct screen *s)
{
	struct row r = row_begin(s);
	struct widths w = group_widths(&r);

	row_left(&r, 2, "");
	row_right(&r, 6, "AGE");
	row_right(&r, 7, "COUNT");
	row_left(&r, 2, "");
	row_left(&r, 8, "KIND");
	row_left(&r, w.name, "NAME");
	row_left(&r, 2, "");
	row_left(&r, w.stopper, "STOPPER");
	row_left(&r, 2, "");
	row_left(&r, w.thread, "THREAD");
	row_left(&r, 2, "");
	row_left(&r, row_room(&r), "WHERE");
	row_end(s, &r, STYLE_HEAD);
}

static void show_group(struct screen *s, const struct view_group *vg)
{
	const struct debug_group *g = vg->g;
	struct row r = row_begin(s);
	struct widths w = group_widths(&r);
	char text[SCREEN_WIDE] = "";

	row_left(&r, 2, vg->blocks ? ">" : "");
	row_age(&r, 6, g->oldest);
	row_number(&r, 7, g->count);
	row_left(&r, 2, "");
	row_left(&r, 8, debug_kind_name(g->kind));
	row_left(&r, w.name, g->name);
	row_left(&r, 2, "");
	row_left(&r, w.stopper, vg->of->s->name);
	row_left(&r, 2, "");
	if (g->nr_threads)
		view_thread(text, sizeof(text), &g->threads[0], w.thread);
	row_left(&r, w.thread, g->queued && !g->nr_threads ? "queued" : text);
	row_left(&r, 2, "");
	view_site(text, sizeof(text), &g->at, row_room(&r));
	row_left(&r, row_room(&r), text);
	row_end(s, &r, vg->blocks ? STYLE_BLOCKS : STYLE_PLAIN);
}

static void show_groups(struct screen *s, const struct view *v, size_t lines)
{
	size_t i, most;

	s->page = min_size(lines, v->nr_groups);
	most = v->nr_groups - s->page;
	s->first = min_size(s->first, most);
	show_group_head(s);
	for (i = s->first; i < s->first + s->page; i++)
		show_group(s, &v->groups[i]);
	for (; s->height && i < s->first + lines; i++)
		show_line(s, STYLE_PLAIN, "%s", i == s->first ? "  nothing running" : "");
}

const char *screen_key_name(enum view_key key)
{
	static const char *const names[] = { "age", "count", "name", "stopper" };

	return names[key];
}

static void show_keys(struct screen *s, const struct view *v)
{
	struct row r = row_begin(s);
	char where[80];
	size_t len;

	snprintf(where, sizeof(where), "  by %s%s  %zu-%zu of %zu ", screen_key_name(s->key),
		 s->reverse ? " (r)" : "", s->page ? s->first + 1 : 0, s->first + s->page,
		 v->nr_groups);
	len = min_size(strlen(where), r.wide);
	row_left(&r, r.wide - len,
		 " q quit  a age  c count  n name  s stopper  r reverse  ? help");
	row_left(&r, len, where);
	row_end(s, &r, STYLE_TITLE);
}

/* Shows all lines, from top to bottom. */
void screen_show(struct screen *s, const struct view *v)
{
	size_t used;

	show_title(s, v);
	used = show_stoppers(s, v) + 6;
	show_line(s, STYLE_PLAIN, "%s", "");
	show_groups(s, v, !s->height ? v->nr_groups :
		    (size_t)s->height > used ? s->height - used : 0);
	if (s->height)
		show_keys(s, v);
}

void screen_help(struct screen *s)
{
	static const char *const text[] = {
		"",
		"  Above: stoppers, and what their stops wait for. Below: call sites of what",
		"  runs in them, with the oldest thread of each. '>' marks what blocks a stop:",
		"  tasks while quiescing, workers while stopping, the running closer.",
		"",
		"  a  sort by age: what blocks a stop, then the rest, oldest first",
		"  c  sort by count         n  sort by name       s  sort by stopper",
		"  r  reverse the order",
		"",
		"  Up, Down, PgUp, PgDn, Home, End    scroll",
		"  q, Ctrl-C                          quit",
		"",
		"  Ages: 4.2s, 3m12s, 2h05m, 3d04h. '~' marks text that was cut; a wider",
		"  terminal shows more, 'stopperctl list' shows everything.",
		"",
		"  Press any key to return.",
	};
	size_t i;

	show_line(s, STYLE_TITLE, "%s", " stopperctl top");
	for (i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		show_line(s, STYLE_PLAIN, "%s", text[i]);
}
