// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fuzz_list.c - compares the debug list with the model.
 *
 * Whatever names and labels tasks and stoppers have: each line has a form of stopper-debuglist(5),
 * in bytes that can be printed; there is one line for each stopper, with its name and its counts,
 * and one for each site with running tasks, with their number; and labels are those of its tasks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stopper/print.h>
#include "debuglist/debuglist.h"
#include "fuzz_api.h"

#define LINE_REST "%*u.%*us, age %*u.%*us, tasks %d, queued %d, workers %d, "	\
		  "closers %d, closed %d, contexts %d, waiters 0"

bool list_is_printable(const char *text, size_t len)
{
	while (len && *text >= ' ' && *text <= '~')
		text++, len--;
	return !len;
}

static bool starts(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

/* What is being read, and what has been. */
struct reading {
	const struct step *end;
	const char *want;		/* lines of the stoppers that are to come */
	int s;
	const struct m_group *group;	/* NULL: no tasks */
	int threads, nlabels;		/* of this group */
	int ngroups;
	bool seen[NLABELS];
};

/* The line of the stopper that the first line of ->want tells of. */
static const char *stopper_differs(struct reading *r, const char *line)
{
	int phase, n[5], got[5], contexts, queued, used = 0;
	unsigned int id;
	char head[STOPPER_NAME_SHOWN + 64];

	if (sscanf(r->want, "%d %d %d %d %d %d %d", &r->s, &phase, &n[0], &n[1], &n[2], &n[3],
		   &contexts) != 7)
		return "a stopper too many";
	r->want = strchr(r->want, '\n') + 1;
	n[4] = contexts;
	if (sscanf(line, "stopper %u%n", &id, &used) != 1)
		return "a stopper without a number";
	snprintf(head, sizeof(head), " \"%s\": %s for ", real.shown[r->s],
		 stopper_phase_name((enum stopper_phase)phase));
	line += used;
	if (!starts(line, head))
		return "another name or phase";
	line += strlen(head);
	if (sscanf(line, LINE_REST, &got[0], &queued, &got[1], &got[2], &got[3],
		   &got[4]) != 6)
		return "a stopper's line that is not as it should be";
	if (n[1] < 0)
		got[1] = n[1];
	if (contexts < 0)
		got[4] = n[4];
	return memcmp(n, got, sizeof(n)) ? "wrong counts" : NULL;
}

/* The number of a label of @g. 0: it has no such label. */
static int label_find(const struct m_group *g, const char *label)
{
	int i;

	for (i = 0; i < g->nlabels; i++)
		if (!strcmp(real.label[g->label[i]], label))
			return g->label[i];
	return 0;
}

/* @label is that of the oldest task of @g. */
bool label_differs(const struct m_group *g, const char *label)
{
	int n = label_find(g, label);

	if (*label && !n)
		return true;
	return g->oldest == NONE ? !*label && g->nlabels == g->count : g->oldest != n;
}

/* Behind the end of a quoted text. */
static const char *unquote(const char *text)
{
	while (*text && *text != '"')
		text += *text == '\\' && text[1] ? 2 : 1;
	return *text ? text + 1 : text;
}

/* Site N is at line N + 1. */
static const char *group_differs(struct reading *r, const char *line)
{
	const struct m_group *g = r->end->groups, *end = g + r->end->ngroups;
	int count, site, used = 0;

	if (sscanf(line, "  task %d \"%n", &count, &used) != 1)
		return "tasks without a number";
	line = strchr(unquote(line + used), ':');
	site = line ? atoi(line + 1) - 1 : NONE;
	while (g < end && (g->s != r->s || g->site != site))
		g++;
	if (g == end || g->count != count)
		return "tasks that do not run";
	r->group = g;
	r->ngroups++;
	return NULL;
}

/* Its label is that of its oldest task, so no other thread has it. */
static const char *thread_differs(struct reading *r, char *line)
{
	static const char before[] = " label \"";
	const char *rest = line + strlen("    thread ");
	char *label;
	int n;

	rest += strspn(rest, "0123456789");
	if (starts(rest, " \""))
		rest = unquote(rest + 2);
	r->threads++;
	label = strstr(rest, before);
	if (!label)
		return NULL;
	label += strlen(before);
	*((char *)unquote(label) - 1) = '\0';
	n = r->group ? label_find(r->group, label) : 0;
	if (!n || r->seen[n])
		return "a label of another task";
	r->seen[n] = true;
	r->nlabels++;
	return NULL;
}

/* All threads of the group, as far as they are shown, have been read. */
static const char *threads_differ(struct reading *r)
{
	const struct m_group *g = r->group;
	int threads = r->threads, nlabels = r->nlabels;

	r->group = NULL;
	r->threads = 0;
	r->nlabels = 0;
	if (!g)
		return NULL;
	if (g->oldest > 0 && !r->seen[g->oldest])
		return "the label of the oldest task is missing";
	return g->nlabels == g->count && nlabels != threads ? "a label is missing" : NULL;
}

static const char *line_differs(struct reading *r, char *line)
{
	const char *wrong = NULL;

	if (!list_is_printable(line, strlen(line)))
		return "bytes that cannot be printed";
	if (!starts(line, "    "))
		wrong = threads_differ(r);
	if (wrong)
		return wrong;
	if (starts(line, "stopper "))
		return stopper_differs(r, line);
	if (starts(line, "  task "))
		return group_differs(r, line);
	if (starts(line, "    thread "))
		return thread_differs(r, line);
	return NULL;
}

static const char *text_differs(char *text, const struct step *expected)
{
	struct reading r = { .end = expected, .want = expected->text };
	const char *wrong = NULL;
	char *line, *end;

	for (line = text; !wrong && *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			return "no newline at its end";
		*end = '\0';
		wrong = line_differs(&r, line);
		if (wrong)
			fprintf(stderr, "%s\n", line);
	}
	if (!wrong)
		wrong = threads_differ(&r);
	if (!wrong && (*r.want || r.ngroups != expected->ngroups))
		wrong = "stoppers or tasks are missing";
	return wrong;
}

/* Each line has a form of core/list_forms.h, which is that of the manual page. */
static const char *forms_differ(const char *text, size_t len)
{
	const char *wrong = NULL;
	struct debug_list *l;
	size_t line;

	if (debug_list_parse(text, len, &l, &line))
		return "no debug list";
	if (l->odd_line) {
		fprintf(stderr, "line %zu of\n%s", l->odd_line, text);
		wrong = "a line of no known form";
	}
	debug_list_free(l);
	return wrong;
}

/* NULL: it is as it should be, as @end says. */
const char *list_differs(const struct step *end)
{
	const char *wrong = "it could not be made";
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return wrong;
	if (!stopper_debug_print(f) && !fclose(f))
		wrong = strlen(text) == len ? forms_differ(text, len) : "a NUL in it";
	if (!wrong)
		wrong = text_differs(text, end);
	free(text);
	return wrong;
}
