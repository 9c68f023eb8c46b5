// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * form.c - the tables of the records; see form.h.
 */
#include "form.h"

#define FORM(name, form)	const struct form_field name[] = { form { FIELD_END, NULL, 0 } }
#define NO_KIND
#define RECORD(key, form)	{ key, (const struct form_field[]){ form { FIELD_END, NULL, 0 } } },

#define OWNER	struct debug_stopper
FORM(form_stopper, LIST_STOPPER);
const struct form_record forms_of_stopper[FORMS_OF_STOPPER] = { LIST_OF_STOPPER(RECORD) };
#undef OWNER
#define OWNER	struct debug_sem
FORM(form_sem, LIST_SEM);
#undef OWNER
#define OWNER	struct debug_group
FORM(form_group, LIST_GROUP(NO_KIND, OPTION(LIST_AT)));
FORM(form_queued, LIST_QUEUED);
FORM(form_more, LIST_MORE);
#undef OWNER
#define OWNER	struct debug_thread
FORM(form_thread, LIST_THREAD);
#undef OWNER
#define OWNER	struct debug_frame
FORM(form_stack, LIST_STACK);
#undef OWNER
#define OWNER	struct debug_list
FORM(form_tasks_more, LIST_TASKS_MORE);

bool form_is_set(const struct form_field *f, const void *owner)
{
	for (;; f++) {
		if (f->kind == FIELD_QUOTED || f->kind == FIELD_SYMBOL)
			return *(const char *const *)form_value(f, owner);
		if (f->kind == FIELD_SITE)
			return ((const struct debug_site *)form_value(f, owner))->file;
		if (f->kind == FIELD_ORIGIN)
			return ((const struct debug_origin *)form_value(f, owner))->at.file;
		if (f->kind == FIELD_END || f->kind == FIELD_CLOSE)
			return true;
	}
}

#define COUNT_OF(word, always, help)							\
	{ #word, offsetof(struct debug_stopper, word), always, help },
#define COUNT(word, help)		COUNT_OF(word, true, help)
#define COUNT_IF_ANY(word, help)	COUNT_OF(word, false, help)

const struct debug_count debug_counts[DEBUG_COUNTS] = { LIST_COUNTS(COUNT, COUNT_IF_ANY) };
