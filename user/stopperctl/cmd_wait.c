// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cmd_wait.c - stopperctl wait: waits until a stopper has stopped, and reports what blocks it.
 *
 * A stopper that has stopped is no longer in the list. NAME is looked up once and its ids are
 * tracked from then on, because a stopper created later under the same name is a different one.
 * The command waits for all stoppers with the name. If there is none, a number is an id.
 *
 * If the source disappears - the process ends or the module is unloaded - it is unknown whether
 * the stop completed, so this has its own exit status. One failed reading may be an accident (a
 * full backlog), two are not. A restarted process serves stoppers with the same ids. They are
 * detected by their age, which never decreases otherwise.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "reader.h"

#define MAX_CULPRITS	3	/* call sites that are reported */
#define PROGRESS	2048

struct target {
	uint64_t id, age;
	bool stopped;
};

struct waiting {
	struct reader reader;
	const char *wanted;
	struct target *targets;
	size_t nr, left;
	int64_t every, begin, next, limit;	/* limit 0: none */
	unsigned int nr_failed;		/* successive readings without a source */
	bool start, status_line, line_shown;
	char last_what[PROGRESS];	/* the last progress, without its times */
	char last_text[PROGRESS];	/* and with them */
};

/* Progress */

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
static void show_progress(struct waiting *w, const char *what, const char *text)
{
	strcpy(w->last_text, text);
	if (w->status_line) {
		print_status_line(text);
		w->line_shown = true;
	} else if (strcmp(w->last_what, what)) {
		puts(text);
	}
	strcpy(w->last_what, what);
	fflush(stdout);
}

/* Keeps the last status and begins a new line for the next message. */
static void end_status_line(struct waiting *w)
{
	if (w->line_shown)
		putchar('\n');
	w->line_shown = false;
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
	if (view_is_stop(s))
		out_add_waits(o, vs);
	else
		out_add(o, ", %llu task%s, %llu worker%s; no stop requested",
			(unsigned long long)s->tasks, plural(s->tasks),
			(unsigned long long)s->workers, plural(s->workers));
}

/* Reports the worst of the stoppers. */
static void wait_report(struct waiting *w, const struct view *v)
{
	/* A change of times only is no change. */
	struct out what = { .place = 150 };
	struct out text = { .place = w->status_line ? 20 : 150, .times = true };
	const struct view_stopper *worst = NULL, *vs;
	size_t i;

	for (i = 0; i < w->nr; i++) {
		vs = w->targets[i].stopped ? NULL : view_find(v, w->targets[i].id);
		/* In memory the worst comes first. */
		if (vs && (!worst || vs < worst))
			worst = vs;
	}
	if (!worst)
		return;
	if (w->left > 1) {
		out_add(&what, "%zu stoppers with this name; ", w->left);
		out_add(&text, "%zu stoppers with this name; ", w->left);
	}
	out_add_stopper(&what, worst);
	out_add_stopper(&text, worst);
	show_progress(w, what.text, text.text);
}

/* Targets */

static size_t targets_find(struct waiting *w, const struct view *v)
{
	const struct view_stopper *vs;
	char *end;
	uint64_t id = strtoull(w->wanted, &end, 10);
	size_t i;

	w->targets = calloc(v->nr_stoppers + 1, sizeof(*w->targets));
	if (!w->targets)
		return 0;
	for (i = 0; i < v->nr_stoppers; i++)
		if (!strcmp(v->stoppers[i].s->name, w->wanted))
			w->targets[w->nr++].id = v->stoppers[i].s->id;
	vs = !w->nr && *w->wanted >= '0' && *w->wanted <= '9' && !*end ? view_find(v, id) : NULL;
	if (vs)
		w->targets[w->nr++].id = id;
	w->left = w->nr;
	if (w->nr)
		return w->nr;
	free(w->targets);
	w->targets = NULL;
	return 0;
}

/* A target that has left the list has stopped. False: another process has taken the place. */
static bool targets_update(struct waiting *w, const struct view *v)
{
	size_t i;

	for (i = 0; i < w->nr; i++) {
		struct target *t = &w->targets[i];
		const struct view_stopper *vs = t->stopped ? NULL : view_find(v, t->id);

		if (t->stopped)
			continue;
		if (!vs) {
			t->stopped = true;
			w->left--;
			continue;
		}
		if (vs->s->age < t->age)
			return false;
		t->age = vs->s->age;
	}
	return true;
}

/* Readings: each function returns -1 to continue, else the exit status. */

static int wait_source_lost(struct waiting *w, const char *how)
{
	end_status_line(w);
	error_msg("%s %s before '%s' was seen to stop: outcome unknown", source_name(), how,
		  w->wanted);
	return EXIT_GONE;
}

static int wait_not_listed(struct waiting *w)
{
	if (!w->start) {
		error_msg("no stopper '%s' in %s (already stopped? --start waits for its creation)",
			  w->wanted, source_name());
		return EXIT_NO_STOPPER;
	}
	show_progress(w, "not listed", "not listed yet");
	return -1;
}

static int wait_all_stopped(struct waiting *w)
{
	char age[16];

	text_age(age, (now_ns() - w->begin) / NSEC_PER_MSEC);
	if (w->status_line)
		printf("\r\033[K");
	printf("%s: stopped after %s\n", w->wanted, age);
	return finish_output();
}

static int wait_check_view(struct waiting *w, const struct view *v)
{
	w->nr_failed = 0;
	if (!w->nr && !targets_find(w, v))
		return wait_not_listed(w);
	if (!targets_update(w, v))
		return wait_source_lost(w, "was replaced by another process");
	if (!w->left)
		return wait_all_stopped(w);
	wait_report(w, v);
	return -1;
}

static int wait_no_list(struct waiting *w, const struct view *v)
{
	const char *why = v ? v->why : "out of memory";
	enum source_state state = v ? v->state : SOURCE_BUSY;
	char text[PROGRESS];

	if (state == SOURCE_GONE && w->nr)
		return w->nr_failed++ ? wait_source_lost(w, "disappeared") : -1;
	if (state == SOURCE_BUSY || (state == SOURCE_GONE && w->start)) {
		snprintf(text, sizeof(text), "retrying: %s", why);
		show_progress(w, text, text);
		return -1;
	}
	end_status_line(w);
	error_msg("%s", why);
	return EXIT_SOURCE;
}

static int wait_take_reading(struct waiting *w)
{
	struct view *v = reader_take(&w->reader);
	int status;

	/* The delay begins at the answer, so that a slow source is not overloaded. */
	w->next = now_ns() + w->every;
	status = v && v->state == SOURCE_OK ? wait_check_view(w, v) : wait_no_list(w, v);
	view_free(v);
	return status;
}

static int wait_timed_out(struct waiting *w)
{
	char age[16];

	end_status_line(w);
	text_age(age, w->limit / NSEC_PER_MSEC);
	error_msg("timed out after %s; last seen: %.700s", age,
		  *w->last_text ? w->last_text : "no answer");
	return EXIT_TIME;
}

static int wait_run(struct waiting *w)
{
	int64_t end = w->limit ? w->begin + w->limit : INT64_MAX;
	int what, status = -1;

	while (status < 0) {
		if (now_ns() >= w->next)
			reader_request(&w->reader);
		what = reader_poll(&w->reader, false,
				   w->reader.pending || w->next > end ? end : w->next);
		if (what & READER_SIGNAL) {
			end_status_line(w);
			return exit_by_signal(reader_signal(&w->reader));
		}
		if (what & READER_ANSWER)
			status = wait_take_reading(w);
		else if (now_ns() >= end)
			status = wait_timed_out(w);
	}
	return status;
}

/* Options */

static const char help[] =
	"Usage: stopperctl [SOURCE] wait [OPTION]... NAME\n"
	"Wait until the stopper NAME (a name or an id) has stopped, and report what its\n"
	"stop waits for.\n"
	"\n"
	"  -t, --timeout SECONDS  give up after this time\n"
	"  -S, --start            first wait until the source and the stopper exist\n"
	"  -d, --delay SECONDS    time between two readings (default 0.5)\n"
	"  -h, --help             show this help\n"
	"\n"
	"SOURCE: -p PID, -u URL, -s SOCKET, -f FILE; see 'stopperctl --help'.\n"
	"Exit status: 0 stopped; 2 no list available; 3 timed out; 4 no such stopper; 5 the\n"
	"source disappeared first, so the outcome is unknown.\n";

static const struct option options[] = {
	{ "timeout", required_argument, NULL, 't' },
	{ "start", no_argument, NULL, 'S' },
	{ "delay", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

/* -1: continue, else the exit status. */
static int wait_take_option(struct waiting *w, int opt)
{
	switch (opt) {
	case 't':
		return parse_seconds(optarg, 0.001, 1e9, &w->limit) ? -1 :
			wrong_usage("wait", "-t '%s': expected seconds, more than 0", optarg);
	case 'd':
		return parse_seconds(optarg, 0.01, 86400, &w->every) ? -1 :
			wrong_usage("wait", "-d '%s': expected seconds, at least 0.01", optarg);
	case 'S':
		w->start = true;
		return -1;
	case 'h':
		fputs(help, stdout);
		return finish_output();
	}
	return try_help("wait");
}

static int wait_read_options(struct waiting *w, int argc, char **argv)
{
	int opt, status;

	while ((opt = source_getopt(argc, argv, "t:d:Sh", options)) != -1) {
		status = wait_take_option(w, opt);
		if (status >= 0)
			return status;
	}
	if (argc - optind != 1)
		return wrong_usage("wait", "wait: expected exactly one NAME");
	if (source_is_stdin())
		return wrong_usage("wait", "wait: cannot read standard input twice (use a file)");
	w->wanted = argv[optind];
	return -1;
}

/* Without these the status line would be printed again and again. */
static bool can_rewrite_a_line(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb");
}

/* Static, because the thread of reader.c may use it until the process ends. */
static struct waiting waiting;

int cmd_wait(int argc, char **argv)
{
	struct waiting *w = &waiting;
	int status;

	w->every = NSEC_PER_SEC / 2;
	status = wait_read_options(w, argc, argv);
	if (status >= 0)
		return status;
	w->status_line = can_rewrite_a_line();
	w->begin = now_ns();
	if (!reader_start(&w->reader))
		return EXIT_SOURCE;
	status = wait_run(w);
	free(w->targets);
	return status;
}
