// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * json.c - converts the debug list to JSON.
 *
 * Members that the text lacks are null, so that all objects of a kind have the same members.
 */
#include <jansson.h>
#include "form.h"

#define JSON_VERSION	1

/* 15 digits: enough for years in milliseconds, without rounding errors of a double. */
#define DUMP_FLAGS	(JSON_COMPACT | JSON_REAL_PRECISION(15))

static double seconds(uint64_t ms)
{
	return (double)ms / 1000;
}

/* Takes over @value, as json_object_set_new() does. False without memory. */
static bool set(json_t *o, const char *key, json_t *value)
{
	return !json_object_set_new(o, key, value);
}

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *string_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

static bool set_site(json_t *o, const struct debug_site *at)
{
	return set(o, "file", string_or_null(at->file)) &&
	       set(o, "line", at->file ? integer(at->line) : json_null()) &&
	       set(o, "function", string_or_null(at->function));
}

static bool set_origin(json_t *o, const struct debug_origin *origin)
{
	return set_site(o, &origin->at) &&
	       set(o, "tid", origin->tid ? integer(origin->tid) : json_null()) &&
	       set(o, "comm", string_or_null(origin->comm));
}

/* The members of one field of a record; null if it belongs to an option that is not @there. */
static bool set_field(json_t *o, const struct form_field *f, const void *value, bool there)
{
	switch (f->kind) {
	case FIELD_NUMBER:
		return set(o, f->text, there ? integer(*(const uint64_t *)value) : json_null());
	case FIELD_ERROR:
		return set(o, f->text, there ? json_integer(*(const int64_t *)value) : json_null());
	case FIELD_SECONDS:
		return set(o, f->text, there ? json_real(seconds(*(const uint64_t *)value)) :
			   json_null());
	case FIELD_QUOTED:
	case FIELD_WORD:
	case FIELD_STATE:
	case FIELD_SYMBOL:
		return set(o, f->text, string_or_null(*(const char *const *)value));
	case FIELD_SITE:
		return set_site(o, value);
	case FIELD_ORIGIN:
		return set_origin(o, value);
	default:
		return true;
	}
}

static json_t *part_json(const struct form_field *f, const void *owner);

/* Sets the members of a form, or of a part, up to its end. */
static bool set_form(json_t *o, const struct form_field *f, const void *owner)
{
	bool in_option = false, there = true;

	for (; f->kind != FIELD_END && (in_option || f->kind != FIELD_CLOSE); f++) {
		if (f->kind == FIELD_CLOSE) {
			in_option = false;
			there = true;
		} else if (f->kind != FIELD_OPTION) {
			if (!set_field(o, f, form_value(f, owner), there))
				return false;
		} else if (!f->text) {
			in_option = true;
			there = form_is_set(f + 1, owner);
		} else {
			if (!set(o, f->text, part_json(f + 1, owner)))
				return false;
			while (f->kind != FIELD_CLOSE)
				f++;
		}
	}
	return true;
}

/* Takes over @o if @good is false, too. */
static json_t *object_if(bool good, json_t *o)
{
	if (good)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *part_json(const struct form_field *f, const void *owner)
{
	json_t *o = json_object();

	if (form_is_set(f, owner))
		return object_if(set_form(o, f, owner), o);
	json_decref(o);
	return json_null();
}

/* Takes over @item. Returns the array, or NULL on an error. */
static json_t *array_append(json_t *array, json_t *item)
{
	return object_if(!json_array_append_new(array, item), array);
}

static json_t *thread_json(const struct debug_thread *t)
{
	json_t *o = json_object(), *stack = json_array();
	bool good = set_form(o, form_thread, t);
	size_t i;

	for (i = 0; i < t->nr_stack; i++)
		stack = array_append(stack, json_string(t->stack[i]));
	good &= set(o, "stack", stack);
	return object_if(good, o);
}

static json_t *group_json(const struct debug_group *g)
{
	json_t *o = json_object(), *threads = json_array();
	bool good = set(o, "kind", json_string(debug_kind_name(g->kind)));
	size_t i;

	for (i = 0; i < g->nr_threads; i++)
		threads = array_append(threads, thread_json(&g->threads[i]));
	good = good && set_form(o, form_group, g) && set_form(o, form_queued, g);
	good &= set(o, "threads", threads);
	return object_if(good && set_form(o, form_more, g), o);
}

static json_t *sem_json(const struct debug_sem *m)
{
	json_t *o = json_object();

	return object_if(set_form(o, form_sem, m), o);
}

static bool set_counts(json_t *o, const struct debug_stopper *s)
{
	size_t i;

	for (i = 0; i < DEBUG_COUNTS; i++)
		if (!set(o, debug_counts[i].word, integer(debug_count_get(s, &debug_counts[i]))))
			return false;
	return true;
}

/* The records below a stopper's line. Where it was created is an object also if it is not known. */
static bool set_records(json_t *o, const struct debug_stopper *s)
{
	const struct form_record *r;
	json_t *created;
	size_t i;

	for (i = 0; i < FORMS_OF_STOPPER; i++) {
		r = &forms_of_stopper[i];
		if (!(r->key ? set(o, r->key, part_json(r->form, s)) : set_form(o, r->form, s)))
			return false;
	}
	if (s->created.at.file)
		return true;
	created = json_object();
	return set(o, "created", object_if(set_origin(created, &s->created), created));
}

static json_t *stopper_json(const struct debug_stopper *s)
{
	json_t *o = json_object(), *sems = json_array(), *groups = json_array();
	bool good = set_form(o, form_stopper, s) && set_counts(o, s) && set_records(o, s);
	size_t i;

	for (i = 0; i < s->nr_sems; i++)
		sems = array_append(sems, sem_json(&s->sems[i]));
	for (i = 0; i < s->nr_groups; i++)
		groups = array_append(groups, group_json(&s->groups[i]));
	good &= set(o, "semaphores", sems);
	good &= set(o, "groups", groups);
	return object_if(good, o);
}

json_t *debug_list_json(const struct debug_list *list)
{
	json_t *stoppers = json_array();
	size_t i;

	for (i = 0; i < list->nr_stoppers; i++)
		stoppers = array_append(stoppers, stopper_json(&list->stoppers[i]));
	return json_pack("{s:i, s:o, s:I}", "version", JSON_VERSION, "stoppers", stoppers,
			 "tasks_more", (json_int_t)list->tasks_more);
}

char *debug_list_json_text(const struct debug_list *list)
{
	json_t *o = debug_list_json(list);
	char *text = o ? json_dumps(o, DUMP_FLAGS) : NULL;

	json_decref(o);
	return text;
}
