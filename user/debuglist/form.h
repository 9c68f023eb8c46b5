/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * form.h - the records of core/list_forms.h as tables, for the parser and for JSON.
 *
 * A table is made with FORM(list_form, owner); its fields are read into a structure @owner.
 */
#ifndef STOPPER_DEBUGLIST_FORM_H
#define STOPPER_DEBUGLIST_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include "../../core/list_forms.h"
#include "debuglist.h"

enum field_kind {
	FIELD_END,
	FIELD_TEXT,
	FIELD_NUMBER,
	FIELD_ERROR,
	FIELD_SECONDS,
	FIELD_QUOTED,
	FIELD_WORD,
	FIELD_STATE,
	FIELD_SYMBOL,
	FIELD_SITE,
	FIELD_ORIGIN,
	FIELD_OPTION,		/* up to FIELD_CLOSE: present, or missing as a whole */
	FIELD_CLOSE,
};

struct form_field {
	enum field_kind kind;
	const char *text;	/* of FIELD_TEXT; else the member in JSON, NULL: none of its own */
	size_t offset;		/* of the value in its structure */
};

#define TEXT(text_)			{ FIELD_TEXT, text_, 0 },
#define NUMBER(member, json, word)	{ FIELD_NUMBER, json, offsetof(OWNER, member) },
#define ERROR(member, json)		{ FIELD_ERROR, json, offsetof(OWNER, member) },
#define SECONDS(member, json)		{ FIELD_SECONDS, json, offsetof(OWNER, member) },
#define QUOTED(member, json, word)	{ FIELD_QUOTED, json, offsetof(OWNER, member) },
#define WORD(member, json, word)	{ FIELD_WORD, json, offsetof(OWNER, member) },
#define STATE(member, json, word)	{ FIELD_STATE, json, offsetof(OWNER, member) },
#define SYMBOL(member, json, word)	{ FIELD_SYMBOL, json, offsetof(OWNER, member) },
#define SITE(member)			{ FIELD_SITE, NULL, offsetof(OWNER, member) },
#define ORIGIN(member)			{ FIELD_ORIGIN, NULL, offsetof(OWNER, member) },
#define OPTION(form)			{ FIELD_OPTION, NULL, 0 }, form { FIELD_CLOSE, NULL, 0 },
#define PART(json, form)		{ FIELD_OPTION, json, 0 }, form { FIELD_CLOSE, NULL, 0 },

/* What a stack record is read into. */
struct debug_frame {
	const char *frame;
};

/* That of a group begins behind its kind. */
extern const struct form_field form_stopper[], form_sem[], form_group[], form_queued[];
extern const struct form_field form_thread[], form_more[], form_stack[], form_tasks_more[];

/* A record below the line of a stopper. */
struct form_record {
	const char *key;	/* of its object in JSON; NULL: it has none of its own */
	const struct form_field *form;
};

#define FORM_ONE(key, form)	+ 1
#define FORMS_OF_STOPPER	(0 LIST_OF_STOPPER(FORM_ONE))

extern const struct form_record forms_of_stopper[FORMS_OF_STOPPER];

/* Is the first name or origin of the form there? Without it the record or the option is missing. */
bool form_is_set(const struct form_field *form, const void *owner);

static inline const void *form_value(const struct form_field *f, const void *owner)
{
	return (const char *)owner + f->offset;
}

#endif /* STOPPER_DEBUGLIST_FORM_H */
