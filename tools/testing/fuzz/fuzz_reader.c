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

/* All strings of the list are in its JSON. */
static void check_strings(json_t *value)
{
	const char *s = json_string_value(value), *key;
	json_t *inner;
	size_t i;

	for (; s && *s; s++)
		if (*s < ' ' || *s > '~')
			abort();
	json_array_foreach(value, i, inner)
		check_strings(inner);
	json_object_foreach(value, key, inner)
		check_strings(inner);
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
	text = debug_list_json_text(l);
	json = text ? json_loads(text, 0, NULL) : NULL;
	if (!json)
		abort();
	check_strings(json);
	json_decref(json);
	free(text);
	debug_list_free(l);
	return 0;
}
