// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fuzz_reader.c - the reader of the debug list, of any bytes.
 *
 * Whatever they are, it ends, touches no memory but its own, all its strings can be printed, and
 * its JSON can be made and read back.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "debuglist/debuglist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s)
{
	for (; s && *s; s++)
		if (*s < ' ' || *s > '~')
			abort();
}

static void check_group(const struct debug_group *g)
{
	size_t i, j;

	check_text(g->name);
	check_text(g->at.file);
	check_text(g->at.function);
	for (i = 0; i < g->nr_threads; i++) {
		check_text(g->threads[i].comm);
		check_text(g->threads[i].state);
		check_text(g->threads[i].label);
		check_text(g->threads[i].wchan);
		for (j = 0; j < g->threads[i].nr_stack; j++)
			check_text(g->threads[i].stack[j]);
	}
}

static void check_list(const struct debug_list *l)
{
	size_t i, j;

	for (i = 0; i < l->nr_stoppers; i++) {
		const struct debug_stopper *s = &l->stoppers[i];

		check_text(s->name);
		check_text(s->phase);
		check_text(s->parent);
		check_text(s->created.comm);
		check_text(s->stop_origin.comm);
		for (j = 0; j < s->nr_groups; j++)
			check_group(&s->groups[j]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct debug_list *l;
	json_t *json;
	char *text;
	size_t line;
	int err;

	err = debug_list_parse((const char *)data, size, &l, &line);
	if (err) {
		if (err != -EINVAL || l || !line)
			abort();
		return 0;
	}
	check_list(l);
	text = debug_list_json_text(l);
	json = text ? json_loads(text, 0, NULL) : NULL;
	if (!json)
		abort();
	json_decref(json);
	free(text);
	debug_list_free(l);
	return 0;
}
