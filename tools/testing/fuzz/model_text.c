// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * model_text.c - the contract of names, of the task map and of what is shown of tasks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model.h"

/* One byte as it is to be shown. */
static size_t show_byte(char *dst, unsigned char c)
{
	if (c == '\n')
		return (size_t)sprintf(dst, "\\n");
	if (c == '\t')
		return (size_t)sprintf(dst, "\\t");
	if (c == '"' || c == '\\')
		return (size_t)sprintf(dst, "\\%c", c);
	if (c < ' ' || c > '~')
		return (size_t)sprintf(dst, "\\x%02x", c);
	return (size_t)sprintf(dst, "%c", c);
}

/* Whole, or as much of it as leaves room for "...". */
static size_t show(char *dst, const char *name, size_t max)
{
	size_t len = 0, fits = 0, n;

	for (; *name; name++) {
		n = show_byte(dst + len, (unsigned char)*name);
		len += n;
		if (len <= max - 3)
			fits = len;
		if (len > max) {
			strcpy(dst + fits, "...");
			return fits + 3;
		}
	}
	dst[len] = '\0';
	return len;
}

size_t model_show(char *dst, const char *name)
{
	return show(dst, name, STOPPER_NAME_SHOWN);
}

size_t model_show_label(char *dst, const char *label)
{
	return show(dst, label, STOPPER_LABEL_SHOWN);
}

struct line {
	char name[STOPPER_NAME_SHOWN + 8];
	int count;
};

static int by_count(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->count != y->count ? y->count - x->count : strcmp(x->name, y->name);
}

/* Sites that share a name share a line; biggest first, then by name. Returns how many sites run. */
int model_task_map(const struct model *m, int s, const char *const *names, char *buf)
{
	int per_site[NSITES] = { 0 }, i, j, n = 0, sites = 0;
	struct line lines[NSITES];
	char shown[STOPPER_NAME_SHOWN + 8];

	for (i = 0; i < m->ntasks; i++)
		if (m->task[i].counted && m->task[i].s == s)
			per_site[m->task[i].site]++;
	for (i = 0; i < NSITES; i++) {
		if (!per_site[i])
			continue;
		sites++;
		model_show(shown, names[i]);
		for (j = 0; j < n && strcmp(lines[j].name, shown); j++)
			;
		if (j == n) {
			strcpy(lines[n].name, shown);
			lines[n++].count = 0;
		}
		lines[j].count += per_site[i];
	}
	qsort(lines, (size_t)n, sizeof(*lines), by_count);
	for (i = 0; i < n; i++)
		buf += sprintf(buf, "%-6d %s\n", lines[i].count, lines[i].name);
	*buf = '\0';
	return sites;
}

/*
 * Is @first, the first to begin of its site, surely shown as older than @t? Ages are lower bounds.
 * But a synchronous task has the age at which a reader first saw it, so it is older than another
 * one that has begun after a reader.
 */
static bool is_older(const struct m_task *first, const struct m_task *t)
{
	return first->kind == M_SYNC && t->kind == M_SYNC && first->reads < t->reads;
}

static bool group_fill(const struct model *m, int s, int site, struct m_group *g)
{
	const struct m_task *first = NULL, *t;
	bool known = true;

	*g = (struct m_group){ .s = s, .site = site };
	for (t = m->task; t < m->task + m->ntasks; t++) {
		if (!t->counted || t->s != s || t->site != site)
			continue;
		if (!first)
			first = t;
		else
			known &= is_older(first, t);
		if (t->label)
			g->label[g->nlabels++] = (short)t->label;
		g->count++;
	}
	g->oldest = known && first ? first->label : NONE;
	return first;
}

/* The running tasks of @s, which are being read, by site. */
int model_groups(struct model *m, int s, struct m_group *g)
{
	int site, n = 0;

	for (site = 0; site < NSITES; site++)
		n += group_fill(m, s, site, g + n);
	m->s[s].reads++;
	return n;
}
