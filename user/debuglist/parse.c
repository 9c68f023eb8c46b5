// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * parse.c - parses the text of the debug list.
 *
 * The parser makes one pass over a copy of the text. In the copy each byte that is not printable
 * is '?', so that text from an untrusted file or socket cannot control a terminal, and no later
 * step meets a NUL. The indentation of a line selects its owner (the last stopper, group or
 * thread), its first words its form, of which form.c has the tables. Words are terminated in place
 * and pointed to, so strings need no allocation.
 *
 * A line that is not understood is skipped together with all lines that are indented under it:
 * later versions may add lines. Only the first line of a stopper must be correct, because the
 * following lines would otherwise be attributed to another stopper.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "form.h"

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

/* The place in a line. A word is terminated once the text behind it has been compared. */
struct cursor {
	char *p, *word_end;
};

static bool skip_text(struct cursor *c, const char *text)
{
	size_t n = strlen(text);

	if (strncmp(c->p, text, n))
		return false;
	c->p += n;
	if (c->word_end)
		*c->word_end = '\0';
	c->word_end = NULL;
	return true;
}

/* A number that is too large for JSON becomes the largest one. */
static bool parse_number(struct cursor *c, uint64_t *value)
{
	char *s = c->p;

	for (*value = 0; isdigit((unsigned char)*s); s++)
		if (*value <= (INT64_MAX - 9) / 10)
			*value = 10 * *value + (uint64_t)(*s - '0');
		else
			*value = INT64_MAX;
	if (s == c->p)
		return false;
	c->p = s;
	return true;
}

/* "4.201s" */
static bool parse_ms(struct cursor *c, uint64_t *ms)
{
	unsigned int unit = 100;

	if (!parse_number(c, ms))
		return false;
	*ms = *ms > INT64_MAX / 1000 - 1 ? INT64_MAX : 1000 * *ms;
	if (skip_text(c, "."))
		for (; isdigit((unsigned char)*c->p); c->p++, unit /= 10)
			if (*ms != INT64_MAX)
				*ms += unit * (unsigned int)(*c->p - '0');
	return skip_text(c, "s");
}

/* Up to a blank, a comma before a blank, or the end. NULL: no word. */
static const char *parse_word(struct cursor *c)
{
	char *start = c->p;

	while (*c->p && *c->p != ' ' && strncmp(c->p, ", ", 2))
		c->p++;
	c->word_end = c->p;
	return c->p == start ? NULL : start;
}

/* The rest of the line: a symbol, in the kernel perhaps with its module. NULL: nothing. */
static const char *parse_symbol(struct cursor *c)
{
	char *start = c->p;

	c->p += strlen(start);
	return *start ? start : NULL;
}

/* A quoted name. Only an escaped quote or backslash is unescaped; other escapes stay. */
static const char *parse_quoted(struct cursor *c)
{
	char *start, *to;

	if (!skip_text(c, "\""))
		return NULL;
	start = c->p;
	to = c->p;
	for (; *c->p && *c->p != '"'; c->p++) {
		if (!strncmp(c->p, "\\\"", 2) || !strncmp(c->p, "\\\\", 2))
			c->p++;
		*to++ = *c->p;
	}
	if (!skip_text(c, "\""))
		return NULL;
	*to = '\0';
	return start;
}

/*
 * FILE:LINE FUNCTION. Both may have blanks or be empty; behind them is @behind, or else a word is
 * over.
 */
static bool parse_site(struct cursor *c, struct debug_site *at, const char *behind)
{
	struct cursor line = { .p = NULL };
	char *colon, *end;

	for (colon = strchr(c->p, ':'); colon; colon = strchr(colon + 1, ':')) {
		line.p = colon + 1;
		if (parse_number(&line, &at->line) && skip_text(&line, " "))
			break;
	}
	if (!colon)
		return false;
	end = strstr(line.p, behind);
	if (!end && !parse_word(&line))
		return false;
	at->file = c->p;
	at->function = colon + 1 + strspn(colon + 1, "0123456789") + 1;
	*colon = '\0';
	c->p = end ? end : line.p;
	c->word_end = c->p;
	return true;
}

/* FILE:LINE FUNCTION by thread TID "COMM"; the thread is optional. */
static bool parse_origin(struct cursor *c, struct debug_origin *o)
{
	if (!parse_site(c, &o->at, " by thread "))
		return false;
	if (!skip_text(c, " by thread "))
		return true;
	if (!parse_number(c, &o->tid) || !skip_text(c, " "))
		return false;
	o->comm = parse_quoted(c);
	return o->comm;
}

static bool parse_error(struct cursor *c, int64_t *err)
{
	uint64_t n;

	if (!skip_text(c, "-") || !parse_number(c, &n))
		return false;
	*err = -(int64_t)n;
	return true;
}

/* A word and a blank, unless the text goes on with "for ". */
static bool parse_state(struct cursor *c, const char **state)
{
	if (!strncmp(c->p, "for ", 4))
		return true;
	*state = parse_word(c);
	return *state && skip_text(c, " ");
}

/* Does the option at @f begin here? Names tell a blank from another one. */
static bool option_begins(const struct cursor *c, const struct form_field *f)
{
	size_t n = strlen(f[1].text);

	return !strncmp(c->p, f[1].text, n) && (f[2].kind != FIELD_QUOTED || c->p[n] == '"');
}

/* A form has a text behind each site. */
static const char *text_behind(const struct form_field *f)
{
	while (f->kind != FIELD_TEXT)
		f++;
	return f->text;
}

static bool parse_field(struct cursor *c, const struct form_field *f, void *value)
{
	switch (f->kind) {
	case FIELD_TEXT:
		return skip_text(c, f->text);
	case FIELD_NUMBER:
		return parse_number(c, value);
	case FIELD_ERROR:
		return parse_error(c, value);
	case FIELD_SECONDS:
		return parse_ms(c, value);
	case FIELD_QUOTED:
		return (*(const char **)value = parse_quoted(c));
	case FIELD_WORD:
		return (*(const char **)value = parse_word(c));
	case FIELD_STATE:
		return parse_state(c, value);
	case FIELD_SYMBOL:
		return (*(const char **)value = parse_symbol(c));
	case FIELD_SITE:
		return parse_site(c, value, text_behind(f));
	case FIELD_ORIGIN:
		return parse_origin(c, value);
	default:
		return true;
	}
}

/* Reads the fields of a record into @owner. False: the line has another form. */
static bool parse_form(struct cursor *c, const struct form_field *f, void *owner)
{
	for (; f->kind != FIELD_END; f++) {
		if (f->kind == FIELD_OPTION && !option_begins(c, f))
			while (f->kind != FIELD_CLOSE)
				f++;
		else if (!parse_field(c, f, (char *)owner + f->offset))
			return false;
	}
	return true;
}

/* What a line was: an error, or one of these. */
enum { LINE_GOOD, LINE_ODD };

/* Later versions may add words. */
static int line_end(const struct cursor *c)
{
	bool at_end = !*c->p;

	if (c->word_end)
		*c->word_end = '\0';
	return at_end ? LINE_GOOD : LINE_ODD;
}

/* "tasks 3"; false: it is not known. */
static bool parse_count(struct cursor *c, struct debug_stopper *s)
{
	const char *word = parse_word(c);
	uint64_t n;
	size_t i;

	if (!word || !skip_text(c, " ") || !parse_number(c, &n))
		return false;
	for (i = 0; i < DEBUG_COUNTS; i++)
		if (!strcmp(word, debug_counts[i].word)) {
			*(uint64_t *)((char *)s + debug_counts[i].offset) = n;
			return true;
		}
	return false;
}

/* ", tasks 3, queued 0, ..." to the end of the line, in any order. False: some are not known. */
static bool parse_counts(struct cursor *c, struct debug_stopper *s)
{
	bool all_known = true;
	char *next;

	while (skip_text(c, ", ")) {
		all_known &= parse_count(c, s);
		next = strstr(c->p, ", ");
		all_known &= !*c->p || next == c->p;
		c->p = next ? next : c->p + strlen(c->p);
	}
	return all_known;
}

static int parse_stopper(struct parser *ps, struct cursor *c)
{
	struct debug_list *l = ps->list;
	struct debug_stopper s = { 0 }, *all;
	bool good;

	if (!parse_form(c, form_stopper, &s))
		return -EINVAL;
	good = parse_counts(c, &s) && !*c->p;
	all = array_grow(l->stoppers, l->nr_stoppers, sizeof(s));
	if (!all)
		return -ENOMEM;
	l->stoppers = all;
	ps->stopper = &all[l->nr_stoppers++];
	*ps->stopper = s;
	return good ? LINE_GOOD : LINE_ODD;
}

static int parse_group(struct parser *ps, enum debug_kind kind, struct cursor *c)
{
	struct debug_group g = { .kind = kind }, *all;
	struct debug_stopper *s = ps->stopper;

	if (!parse_form(c, form_group, &g))
		return LINE_ODD;
	all = array_grow(s->groups, s->nr_groups, sizeof(g));
	if (!all)
		return -ENOMEM;
	s->groups = all;
	ps->group = &all[s->nr_groups++];
	*ps->group = g;
	return line_end(c);
}

static int parse_sem(struct parser *ps, struct cursor *c)
{
	struct debug_stopper *s = ps->stopper;
	struct debug_sem m = { 0 }, *all;

	if (!parse_form(c, form_sem, &m))
		return LINE_ODD;
	all = array_grow(s->sems, s->nr_sems, sizeof(m));
	if (!all)
		return -ENOMEM;
	s->sems = all;
	all[s->nr_sems++] = m;
	return line_end(c);
}

static int parse_thread(struct parser *ps, struct cursor *c)
{
	struct debug_thread t = { 0 }, *all;
	struct debug_group *g = ps->group;

	if (!parse_form(c, form_thread, &t))
		return LINE_ODD;
	all = array_grow(g->threads, g->nr_threads, sizeof(t));
	if (!all)
		return -ENOMEM;
	g->threads = all;
	ps->thread = &all[g->nr_threads++];
	*ps->thread = t;
	return line_end(c);
}

static int parse_frame(struct parser *ps, struct cursor *c)
{
	struct debug_thread *t = ps->thread;
	struct debug_frame f;
	const char **all;

	if (!parse_form(c, form_stack, &f))
		return LINE_ODD;
	all = array_grow(t->stack, t->nr_stack, sizeof(f.frame));
	if (!all)
		return -ENOMEM;
	t->stack = all;
	all[t->nr_stack++] = f.frame;
	return LINE_GOOD;
}

static bool begins(const struct cursor *c, const char *text)
{
	return !strncmp(c->p, text, strlen(text));
}

/* Reads a record of a stopper or of the list into it: all or nothing. */
static int parse_record(struct cursor *c, const struct form_field *form, void *owner, size_t size)
{
	union {
		struct debug_stopper s;
		struct debug_list l;
	} copy;

	memcpy(&copy, owner, size);
	if (!parse_form(c, form, &copy))
		return LINE_ODD;
	memcpy(owner, &copy, size);
	return line_end(c);
}

static int parse_line_of_stopper(struct parser *ps, struct cursor *c)
{
	struct debug_stopper *s = ps->stopper;
	enum debug_kind kind;
	size_t i;

	ps->group = NULL;
	ps->thread = NULL;
	if (begins(c, form_tasks_more[0].text))
		return parse_record(c, form_tasks_more, ps->list, sizeof(*ps->list));
	if (!s)
		return LINE_ODD;
	for (kind = DEBUG_TASK; kind <= DEBUG_CLOSER; kind++)
		if (skip_text(c, debug_kind_name(kind)))
			return parse_group(ps, kind, c);
	if (begins(c, form_sem[0].text))
		return parse_sem(ps, c);
	for (i = 0; i < FORMS_OF_STOPPER; i++)
		if (begins(c, forms_of_stopper[i].form[0].text))
			return parse_record(c, forms_of_stopper[i].form, s, sizeof(*s));
	return LINE_ODD;
}

static int parse_line_of_group(struct parser *ps, struct cursor *c)
{
	struct debug_group *g = ps->group;

	ps->thread = NULL;
	if (!g)
		return LINE_ODD;
	if (begins(c, form_thread[0].text))
		return parse_thread(ps, c);
	if (!parse_form(c, begins(c, form_queued[0].text) ? form_queued : form_more, g))
		return LINE_ODD;
	return line_end(c);
}

static int parse_line(struct parser *ps, char *p)
{
	size_t blanks = strspn(p, " ");
	struct cursor c = { .p = p + blanks };

	switch (blanks) {
	case 0:
		ps->stopper = NULL;
		ps->group = NULL;
		ps->thread = NULL;
		if (!*p)
			return LINE_GOOD;
		return begins(&c, form_stopper[0].text) ? parse_stopper(ps, &c) : LINE_ODD;
	case 2:
		return parse_line_of_stopper(ps, &c);
	case 4:
		return parse_line_of_group(ps, &c);
	case 6:
		return ps->thread ? parse_frame(ps, &c) : LINE_ODD;
	default:
		return LINE_ODD;
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
		if (err < 0) {
			*line = nr;
			return err;
		}
		if (err == LINE_ODD && !ps->list->odd_line)
			ps->list->odd_line = nr;
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
