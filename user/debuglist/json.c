// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * json.c - converts the debug list to JSON.
 *
 * Members that the text lacks are null, so that all objects of a kind have the same members.
 */
#include <jansson.h>
#include "debuglist.h"

#define JSON_VERSION	1

/* 15 digits: enough for years in milliseconds, without rounding errors of a double. */
#define DUMP_FLAGS	(JSON_COMPACT | JSON_REAL_PRECISION(15))

static double seconds(uint64_t ms)
{
	return (double)ms / 1000;
}

/* Takes over @item, as json_array_append_new() does. Returns the array, or NULL on an error. */
static json_t *array_append(json_t *array, json_t *item)
{
	if (!json_array_append_new(array, item))
		return array;
	json_decref(array);
	return NULL;
}

static json_t *number_or_null(uint64_t value, bool is_known)
{
	return is_known ? json_integer((json_int_t)value) : json_null();
}

static json_t *origin_json(const struct debug_origin *w)
{
	return json_pack("{s:s?, s:o, s:s?, s:o, s:s?}", "file", w->at.file,
			 "line", number_or_null(w->at.line, w->at.file), "function", w->at.function,
			 "tid", number_or_null(w->tid, w->tid), "comm", w->comm);
}

static json_t *request_json(bool requested, const struct debug_origin *origin)
{
	json_t *o;

	if (!requested)
		return json_null();
	o = origin_json(origin);
	if (!json_object_set_new(o, "seconds_ago", json_real(seconds(origin->ago))))
		return o;
	json_decref(o);
	return NULL;
}

static json_t *asked_json(const struct debug_stopper *s)
{
	json_t *o = request_json(s->stop_asked, &s->stop_origin);

	if (!s->stop_asked ||
	    (!json_object_set_new(o, "cause", s->cause ? json_string(s->cause) : json_null()) &&
	     !json_object_set_new(o, "error", s->cause ? json_integer(s->cause_err) : json_null())))
		return o;
	json_decref(o);
	return NULL;
}

static json_t *failed_json(const struct debug_stopper *s)
{
	json_t *o;

	if (!s->failed)
		return json_null();
	o = origin_json(&s->failed_at);
	if (!json_object_set_new(o, "error", json_integer((json_int_t)s->error)) &&
	    !json_object_set_new(o, "name", json_string(s->failed)) &&
	    !json_object_set_new(o, "seconds_ago", json_real(seconds(s->failed_at.ago))))
		return o;
	json_decref(o);
	return NULL;
}

static json_t *parent_json(const struct debug_stopper *s)
{
	if (!s->parent)
		return json_null();
	return json_pack("{s:I, s:s}", "id", (json_int_t)s->parent_id, "name", s->parent);
}

static json_t *timers_json(const struct debug_stopper *s)
{
	if (!s->timer)
		return json_null();
	return json_pack("{s:I, s:s, s:s?, s:o, s:s?, s:f}", "count", (json_int_t)s->timers,
			 "next", s->timer, "file", s->timer_at.file,
			 "line", number_or_null(s->timer_at.line, s->timer_at.file),
			 "function", s->timer_at.function, "due_seconds", seconds(s->timer_due));
}

static json_t *thread_json(const struct debug_thread *t)
{
	json_t *stack = json_array();
	size_t i;

	for (i = 0; i < t->nr_stack; i++)
		stack = array_append(stack, json_string(t->stack[i]));
	return json_pack("{s:I, s:s?, s:s?, s:f, s:s?, s:s?, s:o}", "tid", (json_int_t)t->tid,
			 "comm", t->comm, "state", t->state, "seconds", seconds(t->age),
			 "label", t->label, "wchan", t->wchan, "stack", stack);
}

static json_t *group_json(const struct debug_group *g)
{
	json_t *threads = json_array();
	size_t i;

	for (i = 0; i < g->nr_threads; i++)
		threads = array_append(threads, thread_json(&g->threads[i]));
	return json_pack("{s:s, s:I, s:s, s:s?, s:o, s:s?, s:f, s:I, s:o, s:I}",
			 "kind", debug_kind_name(g->kind), "count", (json_int_t)g->count,
			 "name", g->name, "file", g->at.file,
			 "line", number_or_null(g->at.line, g->at.file), "function", g->at.function,
			 "oldest_seconds", seconds(g->oldest), "queued", (json_int_t)g->queued,
			 "threads", threads, "more", (json_int_t)g->more);
}

static json_t *groups_json(const struct debug_stopper *s)
{
	json_t *groups = json_array();
	size_t i;

	for (i = 0; i < s->nr_groups; i++)
		groups = array_append(groups, group_json(&s->groups[i]));
	return groups;
}

static json_t *sem_json(const struct debug_sem *m)
{
	json_t *first = json_null();

	if (m->task)
		first = json_pack("{s:s, s:s?, s:o, s:s?, s:I, s:f}", "name", m->task,
				  "file", m->at.file, "line",
				  number_or_null(m->at.line, m->at.file),
				  "function", m->at.function, "tid", (json_int_t)m->tid,
				  "seconds", seconds(m->waited));
	return json_pack("{s:s?, s:I, s:I, s:I, s:o}", "name", m->name, "held",
			 (json_int_t)m->held, "capacity", (json_int_t)m->capacity, "waiters",
			 (json_int_t)m->waiters, "first", first);
}

static json_t *sems_json(const struct debug_stopper *s)
{
	json_t *sems = json_array();
	size_t i;

	for (i = 0; i < s->nr_sems; i++)
		sems = array_append(sems, sem_json(&s->sems[i]));
	return sems;
}

static json_t *count_json(const struct debug_stopper *s, size_t i)
{
	return json_integer((json_int_t)debug_count_get(s, &debug_counts[i]));
}

static json_t *stopper_json(const struct debug_stopper *s)
{
	json_t *o, *rest;
	size_t i;

	o = json_pack("{s:I,s:s,s:s,s:f,s:f}", "id", (json_int_t)s->id, "name", s->name, "phase",
		      s->phase, "phase_seconds", seconds(s->phase_age), "age_seconds",
		      seconds(s->age));
	rest = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:o,s:o}",
			 "created", origin_json(&s->created), "parent", parent_json(s),
			 "paused", request_json(s->paused, &s->pause_origin),
			 "stop_asked", asked_json(s), "failed", failed_json(s),
			 "timers", timers_json(s), "nested", (json_int_t)s->nested,
			 "semaphores", sems_json(s), "groups", groups_json(s));
	for (i = 0; i < DEBUG_COUNTS; i++)
		if (json_object_set_new(o, debug_counts[i].word, count_json(s, i)))
			goto fail;
	if (json_object_update(o, rest))
		goto fail;
	json_decref(rest);
	return o;
fail:
	json_decref(rest);
	json_decref(o);
	return NULL;
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
