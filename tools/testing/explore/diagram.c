// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * diagram.c - a failing schedule, a column a thread, in the order in which it happened.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "memory.h"
#include "scenario.h"

static char *where[TRACES];

/* A name for people: an object of the heap, a thread's frame, or the program's data. */
const char *name_of(const void *addr)
{
	static char buf[4][64];
	static unsigned int next;
	char *to = buf[next++ % 4];
	unsigned int i;

	if (in_heap(addr))
		return heap_name(addr);
	if (on_stack_of(addr, &i))
		snprintf(to, sizeof(buf[0]), "%s's frame+%x", E->thread[i].name,
			 (unsigned int)((const char *)addr - stacks) % STACK_SIZE);
	else if ((const char *)addr >= __data_start && (const char *)addr < _end)
		snprintf(to, sizeof(buf[0]), "@%lx", (unsigned long)(uintptr_t)addr);
	else
		snprintf(to, sizeof(buf[0]), "ghost");
	return to;
}

/* With ->covering, a step of each place. */
static bool known_place(const void *pc)
{
	const void **places = E->places;
	unsigned int i = (unsigned int)mix((uintptr_t)pc, 5) % PLACES;

	for (; places[i]; i = (i + 1) % PLACES)
		if (places[i] == pc)
			return true;
	places[i] = pc;
	return false;
}

void trace_(const void *pc, const char *fmt, ...)
{
	struct trace *t;
	va_list ap;

	if (E->ntrace == TRACES || (E->covering && known_place(pc)))
		return;
	t = &E->trace[E->ntrace++];
	t->thread = E->current;
	t->pc = pc;
	va_start(ap, fmt);
	vsnprintf(t->text, sizeof(t->text), fmt, ap);
	va_end(ap);
}

/* What binutils know of where the steps were made; addr2line's answer to @options. */
static FILE *look_up(const char *options)
{
	char cmd[256], file[] = "/tmp/stopper-explore.XXXXXX";
	int fd = mkstemp(file);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	unsigned int i;

	if (!f)
		return NULL;
	for (i = 0; i < E->ntrace; i++)
		fprintf(f, "%lx\n", (unsigned long)(uintptr_t)E->trace[i].pc - 1);
	fclose(f);
	snprintf(cmd, sizeof(cmd), "addr2line %s -sf -e /proc/%d/exe <%s; rm %s", options,
		 (int)getpid(), file, file);
	return popen(cmd, "r");
}

/* The functions in which something was done that orders, inlined ones as well. */
void functions(void)
{
	FILE *f = look_up("-i");
	char fn[128], line[512];

	while (f && fgets(fn, sizeof(fn), f) && fgets(line, sizeof(line), f))
		printf("# in %s", fn);
	if (f)
		pclose(f);
}

/* file:line and function of each step; of a guard's lock and unlock those around it. */
static void find_where(void)
{
	char fn[128], line[512], *base, *text;
	FILE *f = look_up("-ia");
	unsigned int i = 0;	/* steps whose address has been read */

	while (f && fgets(fn, sizeof(fn), f)) {
		if (!strncmp(fn, "0x", 2)) {
			i++;
			continue;
		}
		if (!i || i > E->ntrace || !fgets(line, sizeof(line), f))
			break;
		if (where[i - 1] || !strncmp(fn, "lock_guard_", 11))
			continue;
		fn[strcspn(fn, "\n")] = '\0';
		line[strcspn(line, "\n (")] = '\0';
		base = strrchr(line, '/');
		base = base ? base + 1 : line;
		if (asprintf(&text, "%s %s", base, fn) >= 0)
			where[i - 1] = text;
	}
	if (f)
		pclose(f);
}

/* Symbols of the program's data, in place of @address. */
static void name_data(char *text, size_t size)
{
	static char *names[1024];
	static unsigned long at[1024];
	static unsigned int n;
	unsigned long addr, best = 0;
	char cmd[128], line[256], sym[128], out[128];
	unsigned int i, found = 0;
	char *mark = strchr(text, '@'), *rest;
	FILE *f;

	if (!n) {
		snprintf(cmd, sizeof(cmd), "nm /proc/%d/exe", (int)getpid());
		f = popen(cmd, "r");
		while (f && n < 1024 && fgets(line, sizeof(line), f))
			if (sscanf(line, "%lx %*[bBdD] %127s", &at[n], sym) == 2)
				names[n++] = strdup(sym);
		if (f)
			pclose(f);
	}
	if (!mark)
		return;
	addr = strtoul(mark + 1, &rest, 16);
	for (i = 0; i < n; i++)
		if (at[i] <= addr && at[i] >= best) {
			best = at[i];
			found = i;
		}
	if (!best)
		return;
	snprintf(out, sizeof(out), "%.*s%s+%lu%s", (int)(mark - text), text, names[found],
		 addr - best, rest);
	snprintf(text, size, "%s", out);
}

#define WIDTH	44

void diagram(void)
{
	bool there[THREADS] = { false };
	unsigned int column[THREADS], columns = 0, i, c;
	struct trace *t;

	find_where();
	name_data(E->failure, sizeof(E->failure));
	printf("# %s\n", E->failure);
	for (i = 0; i < E->ntrace; i++)
		there[E->trace[i].thread] = true;
	for (i = 0; i < THREADS; i++)
		if (there[i]) {
			column[i] = columns++;
			printf("#   %-*s", WIDTH - 4, E->thread[i].name ? E->thread[i].name : "?");
		}
	printf("\n");
	for (i = 0; i < E->ntrace; i++) {
		t = &E->trace[i];
		name_data(t->text, sizeof(t->text));
		printf("# ");
		for (c = 0; c < column[t->thread]; c++)
			printf("%*s", WIDTH, "");
		printf("%s  [%s]\n", t->text, where[i] ? where[i] : "?");
	}
}
