// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * model_text.c - the contract of names and of the task map.
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
size_t model_show(char *dst, const char *name)
{
	size_t len = 0, fits = 0, n;

	for (; *name; name++) {
		n = show_byte(dst + len, (unsigned char)*name);
		len += n;
		if (len <= STOPPER_NAME_SHOWN - 3)
			fits = len;
		if (len > STOPPER_NAME_SHOWN) {
			strcpy(dst + fits, "...");
			return fits + 3;
		}
	}
	dst[len] = '\0';
	return len;
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
