/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * list_formats.h - the forms of list_forms.h as formats for printf(), for report.c.
 */
#ifndef STOPPER_CORE_LIST_FORMATS_H
#define STOPPER_CORE_LIST_FORMATS_H

#include "list_forms.h"

#define TEXT(text)			text
#define NUMBER(member, json, word)	"%llu"
#define ERROR(member, json)		"%d"
#define SECONDS(member, json)		"%s"	/* SECS() */
#define QUOTED(member, json, word)	"\"%s\""
#define WORD(member, json, word)	"%s"
#define STATE(member, json, word)	"%s"	/* with its blank */
#define SYMBOL(member, json, word)	"%s"
#define SITE(member)			"%s:%u %s"
#define ORIGIN(member)			"%s"	/* origin_text() */
#define OPTION(form)			"%s"	/* the form as a text, or "" */
#define PART(json, form)		form

#define N(number)			((unsigned long long)(number))

/* The counts: none of them, as members, text, arguments; added to a text if any, and its size. */
#define COUNT_NONE(word, help)
#define COUNT_MEMBER(word, help)	unsigned long word;
#define COUNT_TEXT(word, help)		", " #word " %lu"
#define COUNT_VALUE(word, help)		, h.word
#define COUNT_ADD(word, help)		count_add(b, #word, h->word);
#define COUNT_SIZE(word, help)		+ sizeof(", " #word " ") + 20

#endif /* STOPPER_CORE_LIST_FORMATS_H */
