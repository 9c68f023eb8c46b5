// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * parse.c - parses the text of the debug list.
 *
 * The parser makes one pass over a copy of the text. In the copy each byte that is not printable
 * is '?', so that text from an untrusted file or socket cannot control a terminal, and no later
 * step meets a NUL. The indentation of a line selects its owner (the last stopper, group or
 * thread), the first word its kind. Words are terminated in place and pointed to, so strings need
 * no allocation.
 *
 * A line that is not understood is skipped together with all lines that are indented under it:
 * later versions may add lines. Only the first line of a stopper must be correct, because the
 * following lines would otherwise be attributed to another stopper.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "debuglist.h"

/* The owners of the next lines; NULL: the owner was not understood. */
struct parser {
	struct debug_list *list;
	struct debug_stopper *stopper;
	struct debug_group *group;
	struct debug_thread *thread;
};

/* Returns the array with room for one more element; its size is always a power of two. */
static void *array_grow(void *array, size_t nr, size_t size)
{
	if (nr & (nr - 1))
		return array;
	return reallocarray(array, nr ? 2 * nr : 1, size);
}

static bool skip_text(char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n))
		return false;
	*p += n;
	return true;
}

/* A number that is too large for JSON becomes the largest one. */
static bool parse_number(char **p, uint64_t *value)
{
	char *s = *p;

	for (*value = 0; isdigit((unsigned char)*s); s++)
		if (*value <= (INT64_MAX - 9) / 10)
			*value = 10 * *value + (uint64_t)(*s - '0');
		else
			*value = INT64_MAX;
	if (s == *p)
		return false;
	*p = s;
	return true;
}

/* "4.201s" */
static bool parse_ms(char **p, uint64_t *ms)
{
	unsigned int unit = 100;

	if (!parse_number(p, ms))
		return false;
	*ms = *ms > INT64_MAX / 1000 - 1 ? INT64_MAX : 1000 * *ms;
	if (skip_text(p, "."))
		for (; isdigit((unsigned char)**p); (*p)++, unit /= 10)
			if (*ms != INT64_MAX)
				*ms += unit * (unsigned int)(**p - '0');
	return skip_text(p, "s");
}

/* Up to a blank, a comma before a blank, or the end; advances *@p. NULL: no word. */
static char *parse_word(char **p)
{
	char *start = *p, *end = start;

	while (*end && *end != ' ' && strncmp(end, ", ", 2))
		end++;
	if (end == start)
		return NULL;
	*p = end;
	if (!skip_text(p, ", "))
		skip_text(p, " ");
	*end = '\0';
	return start;
}

/* The rest of the line: a symbol, in the kernel perhaps with its module. NULL: nothing. */
static char *parse_symbol(char *p)
{
	return *p ? p : NULL;
}

/* A quoted name. Only an escaped quote or backslash is unescaped; other escapes stay. */
static char *parse_quoted(char **p)
{
	char *start, *to;

	if (!skip_text(p, "\""))
		return NULL;
	start = *p;
	to = *p;
	for (; **p && **p != '"'; (*p)++) {
		if (!strncmp(*p, "\\\"", 2) || !strncmp(*p, "\\\\", 2))
			(*p)++;
		*to++ = **p;
	}
	if (!skip_text(p, "\""))
		return NULL;
	*to = '\0';
	return start;
}

/* FILE:LINE FUNC */
static bool parse_site(char **p, struct debug_site *at)
{
	char *file = parse_word(p), *colon = file ? strrchr(file, ':') : NULL, *digits, *function;
	uint64_t line;

	if (!colon)
		return false;
	digits = colon + 1;
	if (!parse_number(&digits, &line) || *digits)
		return false;
	function = parse_word(p);
	if (!function)
		return false;
	*colon = '\0';
	*at = (struct debug_site){ .file = file, .function = function, .line = line };
	return true;
}

/* FILE:LINE FUNC by thread TID "COMM"; the thread is optional. */
static bool parse_origin(char **p, struct debug_origin *w)
{
	if (!parse_site(p, &w->at))
		return false;
	if (!skip_text(p, "by thread ") || !parse_number(p, &w->tid))
		return true;
	if (skip_text(p, " "))
		w->comm = parse_quoted(p);
	return true;
}

static bool parse_stopper_head(char **p, struct debug_stopper *s)
{
	if (!parse_number(p, &s->id) || !skip_text(p, " "))
		return false;
	s->name = parse_quoted(p);
	if (!s->name || !skip_text(p, ": "))
		return false;
	s->phase = parse_word(p);
	return s->phase && skip_text(p, "for ") && parse_ms(p, &s->phase_age) &&
		skip_text(p, ", age ") && parse_ms(p, &s->age);
}

#define COUNT(word, always, help) { #word, offsetof(struct debug_stopper, word), always, help }

const struct debug_count debug_counts[DEBUG_COUNTS] = {
	COUNT(tasks, true, "Tasks that run or are queued."),
	COUNT(queued, true, "Tasks that have no thread yet."),
	COUNT(workers, true, "Workers that run."),
	COUNT(closers, true, "Closers that have not ended."),
	COUNT(closed, true, "Closers that have ended."),
	COUNT(contexts, true, "Contexts made for the stopper that have not been freed."),
	COUNT(waiters, true, "Callers that wait for a semaphore, or for the end of a pause."),
	COUNT(refused, false, "Tasks that were refused."),
	COUNT(dropped, false, "Accepted tasks that were dropped from the queue by a quiesce."),
};

/* ", tasks 3, queued 0, ..." to the end of the line, in any order. */
static void parse_stopper_counts(char *p, struct debug_stopper *s)
{
	char *key, *value;
	uint64_t n;
	size_t i;

	skip_text(&p, ", ");
	while ((key = parse_word(&p)) && (value = parse_word(&p))) {
		if (!parse_number(&value, &n))
			continue;
		for (i = 0; i < DEBUG_COUNTS; i++)
			if (!strcmp(key, debug_counts[i].word))
				*(uint64_t *)((char *)s + debug_counts[i].offset) = n;
	}
}

static int parse_stopper(struct parser *ps, char *p)
{
	struct debug_list *l = ps->list;
	struct debug_stopper s = { 0 }, *all;

	if (!parse_stopper_head(&p, &s))
		return -EINVAL;
	parse_stopper_counts(p, &s);
	all = array_grow(l->stoppers, l->nr_stoppers, sizeof(s));
	if (!all)
		return -ENOMEM;
	l->stoppers = all;
	ps->stopper = &all[l->nr_stoppers++];
	*ps->stopper = s;
	return 0;
}

static void parse_parent(struct debug_stopper *s, char *p)
{
	if (parse_number(&p, &s->parent_id) && skip_text(&p, " "))
		s->parent = parse_quoted(&p);
}

/* "because "TEXT" (-N)" */
static void parse_cause(struct debug_stopper *s, char *p)
{
	uint64_t err = 0;

	s->cause = parse_quoted(&p);
	if (s->cause && skip_text(&p, " (-"))
		parse_number(&p, &err);
	s->cause_err = -(int64_t)err;
}

/* FILE:LINE FUNC by thread TID "COMM", T ago. Returns what follows, "" if it is not understood. */
static char *parse_request(bool *requested, struct debug_origin *origin, char *p)
{
	*requested = true;
	if (!parse_origin(&p, origin) || !skip_text(&p, ", "))
		return "";
	if (!parse_ms(&p, &origin->ago)) {
		origin->ago = 0;
		return "";
	}
	return p;
}

static void parse_stop_request(struct debug_stopper *s, char *p)
{
	char *rest = parse_request(&s->stop_asked, &s->stop_origin, p);

	if (skip_text(&rest, " ago, because "))
		parse_cause(s, rest);
}

/* -N "NAME" at FILE:LINE FUNC by thread TID "COMM", T ago */
static void parse_failed(struct debug_stopper *s, char *p)
{
	uint64_t err;

	if (!skip_text(&p, "-") || !parse_number(&p, &err) || !skip_text(&p, " "))
		return;
	s->failed = parse_quoted(&p);
	if (!s->failed)
		return;
	s->error = -(int64_t)err;
	if (skip_text(&p, " at ") && parse_origin(&p, &s->failed_at) && skip_text(&p, ", ") &&
	    !parse_ms(&p, &s->failed_at.ago))
		s->failed_at.ago = 0;
}

/* N, next "NAME" at FILE:LINE FUNC, due in T */
static void parse_timers(struct debug_stopper *s, char *p)
{
	if (!parse_number(&p, &s->timers) || !skip_text(&p, ", next "))
		return;
	s->timer = parse_quoted(&p);
	if (s->timer && skip_text(&p, " at ") && parse_site(&p, &s->timer_at) &&
	    skip_text(&p, "due in ") && !parse_ms(&p, &s->timer_due))
		s->timer_due = 0;
}

/* "and N tasks more" */
static void parse_more(struct debug_list *l, char *p)
{
	uint64_t n;

	if (parse_number(&p, &n) && skip_text(&p, " tasks"))
		l->tasks_more = n;
}

/* N "NAME" at FILE:LINE FUNC, oldest T; a closer has no site. */
static int parse_group(struct parser *ps, enum debug_kind kind, char *p)
{
	struct debug_group g = { .kind = kind }, *all;
	struct debug_stopper *s = ps->stopper;

	if (!parse_number(&p, &g.count) || !skip_text(&p, " "))
		return 0;
	g.name = parse_quoted(&p);
	if (!g.name || (skip_text(&p, " at ") && !parse_site(&p, &g.at)))
		return 0;
	skip_text(&p, ", ");
	if (skip_text(&p, "oldest ") && !parse_ms(&p, &g.oldest))
		return 0;
	all = array_grow(s->groups, s->nr_groups, sizeof(g));
	if (!all)
		return -ENOMEM;
	s->groups = all;
	ps->group = &all[s->nr_groups++];
	*ps->group = g;
	return 0;
}

/* ["NAME"]: held N of N, waiters N, first "TASK" at FILE:LINE FUNC by thread TID for T */
static int parse_sem(struct parser *ps, char *p)
{
	struct debug_stopper *s = ps->stopper;
	struct debug_sem m = { 0 }, *all;

	if (skip_text(&p, " ")) {
		m.name = parse_quoted(&p);
		if (!m.name)
			return 0;
	}
	if (!skip_text(&p, ": held ") || !parse_number(&p, &m.held) ||
	    !skip_text(&p, " of ") || !parse_number(&p, &m.capacity) ||
	    !skip_text(&p, ", waiters ") || !parse_number(&p, &m.waiters))
		return 0;
	if (skip_text(&p, ", first "))
		m.task = parse_quoted(&p);
	if (m.task && (!skip_text(&p, " at ") || !parse_site(&p, &m.at) ||
		       !skip_text(&p, "by thread ") || !parse_number(&p, &m.tid) ||
		       !skip_text(&p, " for ") || !parse_ms(&p, &m.waited)))
		return 0;
	all = array_grow(s->sems, s->nr_sems, sizeof(m));
	if (!all)
		return -ENOMEM;
	s->sems = all;
	all[s->nr_sems++] = m;
	return 0;
}

/* TID for T; TID gone for T; TID "COMM" STATE for T; then [label "LABEL"] [in WCHAN] */
static int parse_thread(struct parser *ps, char *p)
{
	struct debug_thread t = { 0 }, *all;
	struct debug_group *g = ps->group;

	if (!parse_number(&p, &t.tid) || !skip_text(&p, " "))
		return 0;
	if (*p == '"') {
		t.comm = parse_quoted(&p);
		if (!t.comm || !skip_text(&p, " "))
			return 0;
	}
	if (!skip_text(&p, "for ")) {
		t.state = parse_word(&p);
		if (!t.state || !skip_text(&p, "for "))
			return 0;
	}
	if (!parse_ms(&p, &t.age))
		return 0;
	if (skip_text(&p, " label ")) {
		t.label = parse_quoted(&p);
		if (!t.label)
			return 0;
	}
	if (skip_text(&p, " in "))
		t.wchan = parse_symbol(p);
	all = array_grow(g->threads, g->nr_threads, sizeof(t));
	if (!all)
		return -ENOMEM;
	g->threads = all;
	ps->thread = &all[g->nr_threads++];
	*ps->thread = t;
	return 0;
}

static int parse_frame(struct parser *ps, char *p)
{
	struct debug_thread *t = ps->thread;
	const char *frame = parse_symbol(p), **all;

	if (!frame)
		return 0;
	all = array_grow(t->stack, t->nr_stack, sizeof(frame));
	if (!all)
		return -ENOMEM;
	t->stack = all;
	all[t->nr_stack++] = frame;
	return 0;
}

static int parse_line_of_stopper(struct parser *ps, char *p)
{
	struct debug_stopper *s = ps->stopper;

	ps->group = NULL;
	ps->thread = NULL;
	if (skip_text(&p, "and "))
		parse_more(ps->list, p);
	if (!s)
		return 0;
	if (skip_text(&p, "task "))
		return parse_group(ps, DEBUG_TASK, p);
	if (skip_text(&p, "worker "))
		return parse_group(ps, DEBUG_WORKER, p);
	if (skip_text(&p, "closer "))
		return parse_group(ps, DEBUG_CLOSER, p);
	if (skip_text(&p, "semaphore"))
		return parse_sem(ps, p);
	if (skip_text(&p, "created at "))
		parse_origin(&p, &s->created);
	else if (skip_text(&p, "child of "))
		parse_parent(s, p);
	else if (skip_text(&p, "stop asked at "))
		parse_stop_request(s, p);
	else if (skip_text(&p, "failed "))
		parse_failed(s, p);
	else if (skip_text(&p, "paused at "))
		parse_request(&s->paused, &s->pause_origin, p);
	else if (skip_text(&p, "timers "))
		parse_timers(s, p);
	else if (skip_text(&p, "nested "))
		parse_number(&p, &s->nested);
	return 0;
}

static int parse_line_of_group(struct parser *ps, char *p)
{
	struct debug_group *g = ps->group;

	ps->thread = NULL;
	if (!g)
		return 0;
	if (skip_text(&p, "thread "))
		return parse_thread(ps, p);
	if (skip_text(&p, "queued "))
		parse_number(&p, &g->queued);
	else if (skip_text(&p, "and "))
		parse_number(&p, &g->more);
	return 0;
}

static int parse_line_of_thread(struct parser *ps, char *p)
{
	if (ps->thread && skip_text(&p, "stack "))
		return parse_frame(ps, p);
	return 0;
}

static int parse_line(struct parser *ps, char *p)
{
	size_t blanks = strspn(p, " ");

	p += blanks;
	switch (blanks) {
	case 0:
		ps->stopper = NULL;
		ps->group = NULL;
		ps->thread = NULL;
		return skip_text(&p, "stopper ") ? parse_stopper(ps, p) : 0;
	case 2:
		return parse_line_of_stopper(ps, p);
	case 4:
		return parse_line_of_group(ps, p);
	case 6:
		return parse_line_of_thread(ps, p);
	default:
		return 0;
	}
}

/* A last line without a newline was truncated, so it is ignored. */
static int parse_lines(struct parser *ps, size_t *line)
{
	char *p = ps->list->text, *end;
	size_t nr = 0, odd = 0;
	int err;

	for (; *p; p = end + 1) {
		nr++;
		end = strchrnul(p, '\n');
		if (!odd && *p != '\n')
			odd = nr;
		if (!*end)
			break;
		*end = '\0';
		err = parse_line(ps, p);
		if (err) {
			*line = nr;
			return err;
		}
	}
	*line = odd;
	return odd && !ps->list->nr_stoppers ? -EINVAL : 0;
}

static char *printable_copy(const char *text, size_t len)
{
	char *copy = malloc(len + 1);
	size_t i;

	for (i = 0; copy && i < len; i++)
		copy[i] = text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~') ? text[i] : '?';
	if (copy)
		copy[len] = '\0';
	return copy;
}

int debug_list_parse(const char *text, size_t len, struct debug_list **list, size_t *line)
{
	struct parser ps = { .list = calloc(1, sizeof(*ps.list)) };
	int err = -ENOMEM;

	*list = NULL;
	*line = 0;
	if (!ps.list)
		return -ENOMEM;
	ps.list->text = printable_copy(text, len);
	if (ps.list->text)
		err = parse_lines(&ps, line);
	if (err)
		debug_list_free(ps.list);
	else
		*list = ps.list;
	return err;
}

static void group_free(struct debug_group *g)
{
	size_t i;

	for (i = 0; i < g->nr_threads; i++)
		free(g->threads[i].stack);
	free(g->threads);
}

void debug_list_free(struct debug_list *list)
{
	size_t i, j;

	if (!list)
		return;
	for (i = 0; i < list->nr_stoppers; i++) {
		for (j = 0; j < list->stoppers[i].nr_groups; j++)
			group_free(&list->stoppers[i].groups[j]);
		free(list->stoppers[i].groups);
		free(list->stoppers[i].sems);
	}
	free(list->stoppers);
	free(list->text);
	free(list);
}

const char *debug_kind_name(enum debug_kind kind)
{
	static const char *const names[] = { "task", "worker", "closer" };

	return names[kind];
}
