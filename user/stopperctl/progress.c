// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * progress.c - what a stop waits for, while `wait' and `stop' wait for its end.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "progress.h"

#define MAX_CULPRITS	3	/* call sites that are reported */

/* Without these the status line would be printed again and again. */
static bool can_rewrite_a_line(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb");
}

void progress_init(struct progress *p)
{
	p->status_line = can_rewrite_a_line();
}

static void print_status_line(const char *text)
{
	struct winsize size;
	char line[PROGRESS];

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		size.ws_col = 80;
	text_fit(line, sizeof(line), text, size.ws_col - 1);
	printf("\r%s\033[K", line);
}

/* Prints @text. Without a status line only if @what, the text without times, has changed. */
void progress_show(struct progress *p, const char *what, const char *text)
{
	strcpy(p->last_text, text);
	if (p->status_line) {
		print_status_line(text);
		p->line_shown = true;
	} else if (strcmp(p->last_what, what)) {
		puts(text);
	}
	strcpy(p->last_what, what);
	fflush(stdout);
}

/* Keeps the last status and begins a new line for the next message. */
void progress_end(struct progress *p)
{
	if (p->line_shown)
		putchar('\n');
	p->line_shown = false;
	fflush(stdout);
}

struct out {
	char text[PROGRESS];
	size_t len;
	size_t place;			/* columns for a site */
	bool times;
};

static void out_add(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void out_add(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->text + o->len, sizeof(o->text) - o->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		o->len += n;
	if (o->len >= sizeof(o->text))
		o->len = sizeof(o->text) - 1;
}

static void out_add_time(struct out *o, const char *before, uint64_t ms)
{
	char age[16];

	text_age(age, ms);
	if (o->times)
		out_add(o, "%s%s", before, age);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void out_add_culprit(struct out *o, const struct debug_group *g)
{
	char place[160], thread[160];

	out_add(o, "%.128s", g->name);
	if (g->count > 1)
		out_add(o, " x%llu", (unsigned long long)g->count);
	out_add_time(o, " ", g->oldest);
	view_site(place, sizeof(place), &g->at, o->place);
	if (*place)
		out_add(o, " at %s", place);
	if (!g->nr_threads)
		return;
	view_thread(thread, sizeof(thread), &g->threads[0], 100);
	out_add(o, ", thread %s", thread);
}

/* Selects the next oldest group; quadratic, but only MAX_CULPRITS groups are reported. */
static const struct debug_group *next_oldest(const struct view_stopper *vs,
					     const struct debug_group *last)
{
	const struct debug_group *best = NULL;
	size_t i;

	for (i = 0; i < vs->s->nr_groups; i++) {
		const struct debug_group *g = &vs->s->groups[i];

		if (g->kind != vs->culprit->kind || (best && g->oldest <= best->oldest))
			continue;
		if (!last || g->oldest < last->oldest || (g->oldest == last->oldest && g > last))
			best = g;
	}
	return best;
}

static void out_add_waits(struct out *o, const struct view_stopper *vs)
{
	const struct debug_group *g = NULL;
	uint64_t left = vs->nr_blocking;
	int i;

	if (vs->child) {
		out_add(o, ", waits for child %.128s (%llu), %.16s", vs->child->name,
			(unsigned long long)vs->child->id, vs->child->phase);
		return;
	}
	if (!vs->culprit)
		return;
	out_add(o, ", waits for %llu %s%s: ", (unsigned long long)vs->nr_blocking,
		debug_kind_name(vs->culprit->kind), plural(vs->nr_blocking));
	for (i = 0; i < MAX_CULPRITS; i++) {
		g = next_oldest(vs, g);
		if (!g)
			break;
		out_add(o, "%s", i ? "; " : "");
		out_add_culprit(o, g);
		left -= g->count;
	}
	if (g && left)
		out_add(o, "; and %llu more", (unsigned long long)left);
}

static void out_add_stopper(struct out *o, const struct view_stopper *vs)
{
	const struct debug_stopper *s = vs->s;

	out_add(o, "%.128s (%llu): %.16s", s->name, (unsigned long long)s->id, s->phase);
	out_add_time(o, " for ", s->phase_age);
	if (s->cause)
		out_add(o, " because \"%.100s\"", s->cause);
	if (view_is_stop(s))
		out_add_waits(o, vs);
	else
		out_add(o, ", %llu task%s, %llu worker%s; no stop requested",
			(unsigned long long)s->tasks, plural(s->tasks),
			(unsigned long long)s->workers, plural(s->workers));
}

/* Shows @vs, the worst of the @nr_left stoppers that are waited for. */
void progress_stopper(struct progress *p, const struct view_stopper *vs, size_t nr_left)
{
	/* A change of times only is no change. */
	struct out what = { .place = 150 };
	struct out text = { .place = p->status_line ? 20 : 150, .times = true };

	if (nr_left > 1) {
		out_add(&what, "%zu stoppers with this name; ", nr_left);
		out_add(&text, "%zu stoppers with this name; ", nr_left);
	}
	out_add_stopper(&what, vs);
	out_add_stopper(&text, vs);
	progress_show(p, what.text, text.text);
}

/* Returns the exit status. */
int progress_stopped(struct progress *p, const char *name, int64_t ns)
{
	char age[16];

	text_age(age, ns / NSEC_PER_MSEC);
	if (p->status_line)
		printf("\r\033[K");
	printf("%s: stopped after %s\n", name, age);
	return finish_output();
}

/* Returns the exit status. */
int progress_timed_out(struct progress *p, int64_t limit)
{
	char age[16];

	progress_end(p);
	text_age(age, limit / NSEC_PER_MSEC);
	error_msg("timed out after %s; last seen: %.700s", age,
		  *p->last_text ? p->last_text : "no answer");
	return EXIT_TIME;
}
