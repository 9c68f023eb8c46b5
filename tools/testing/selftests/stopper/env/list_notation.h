/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * list_notation.h - the forms of core/list_forms.h as stopper-debuglist(5) writes them.
 */
#ifndef STOPPER_TEST_LIST_NOTATION_H
#define STOPPER_TEST_LIST_NOTATION_H

#define TEXT(text)			text
#define NUMBER(member, json, word)	#word
#define ERROR(member, json)		"ERROR"
#define SECONDS(member, json)		"T"
#define QUOTED(member, json, word)	"\"" #word "\""
#define WORD(member, json, word)	#word
#define STATE(member, json, word)	#word " "
#define SYMBOL(member, json, word)	#word
#define SITE(member)			"FILE:LINE FUNCTION"
#define ORIGIN(member)			"FILE:LINE FUNCTION by thread TID \"COMM\""
#define OPTION(form)			form
#define PART(json, form)		form
#define COUNT(word, help)		", " #word " N"
#define RECORD(key, form)		"  " form,

#endif /* STOPPER_TEST_LIST_NOTATION_H */
