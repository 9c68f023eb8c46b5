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
 *
 * Where the kernel's list cannot be read, a stopper that userspace may stop is found in sysfs
 * (control.c), whose end is certain.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "reader.h"

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
	bool start;
	struct progress progress;
};

/* Reports the worst of the stoppers. */
static void wait_report(struct waiting *w, const struct view *v)
{
	const struct view_stopper *worst = NULL, *vs;
	size_t i;

	for (i = 0; i < w->nr; i++) {
		vs = w->targets[i].stopped ? NULL : view_find(v, w->targets[i].id);
		/* In memory the worst comes first. */
		if (vs && (!worst || vs < worst))
			worst = vs;
	}
	if (worst)
		progress_stopper(&w->progress, worst, w->left);
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
	progress_end(&w->progress);
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
	progress_show(&w->progress, "not listed", "not listed yet");
	return -1;
}

static int wait_all_stopped(struct waiting *w)
{
	return progress_stopped(&w->progress, w->wanted, now_ns() - w->begin);
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
	struct control found[CONTROL_MAX];
	char text[PROGRESS];
	size_t nr;

	if (state == SOURCE_GONE && w->nr)
		return w->nr_failed++ ? wait_source_lost(w, "disappeared") : -1;
	if (state == SOURCE_BUSY || (state == SOURCE_GONE && w->start)) {
		snprintf(text, sizeof(text), "retrying: %s", why);
		progress_show(&w->progress, text, text);
		return -1;
	}
	progress_end(&w->progress);
	nr = source_is_kernel() && !w->nr ? control_find(w->wanted, found) : 0;
	if (nr)
		return control_wait(found, nr, w->wanted, w->limit, &w->progress);
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
	return progress_timed_out(&w->progress, w->limit);
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
			progress_end(&w->progress);
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
	progress_init(&w->progress);
	w->begin = now_ns();
	if (!reader_start(&w->reader))
		return EXIT_SOURCE;
	status = wait_run(w);
	free(w->targets);
	return status;
}
