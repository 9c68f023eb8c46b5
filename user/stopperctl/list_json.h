/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * list_json.h - the debug list as JSON, for HTTP and for stopperctl.
 */
#ifndef STOPPERCTL_LIST_JSON_H
#define STOPPERCTL_LIST_JSON_H

#include <jansson.h>
#include "list.h"

/* A new reference; NULL: no memory. */
json_t *debug_list_json(const struct debug_list *list);

/* One line of text, for free(); NULL: no memory. */
char *debug_list_json_text(const struct debug_list *list);

#endif /* STOPPERCTL_LIST_JSON_H */
