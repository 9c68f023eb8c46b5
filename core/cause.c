// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cause.c - who did it: where a call came from, why a context ended or a stopper stops, and what a
 * function returned.
 *
 * A cause is an error, a text and the place of the call that gave them. All is copied into a
 * record of fixed size: the format, its arguments and the call site may not outlast the call. The
 * text is escaped when it is given, as a name is (name.c), so that readers print it as it is.
 *
 * The record of a context is written under the lock of its event, before the context ends
 * (event.c, race 5). That of a stopper is written under s->lock with the first request to stop
 * (stop_calls.c), which comes before any context of the stopper ends; contexts point to it:
 *
 *   stop A                          stop B                     context's reader
 *   lock; stop_requested == 0
 *   s->cause = A                    lock; requested: nothing
 *   stop_requested = now; unlock    unlock
 *   fire the contexts (F)           (either fires them)        ended? (F): s->cause is A, whole
 *
 *   Both pass through s->lock before they fire. So the one that fires, whichever it is, has seen
 *   the cause, and it is constant from then on.
 *
 * A deadline has no record, and neither has a cancellation without a cause: the code of the
 * event says all. A stop without a cause has a record with the name of the call and no error.
 */
#include "internal.h"
#include "cause.h"
#include "upcalls.h"

/* Where @site is; the rest is not set. */
void origin_copy_site(struct origin *o, const struct stopper_site *site)
{
	name_escape_tail(o->file, sizeof(o->file), site->file ? site->file : "?");
	name_escape(o->func, sizeof(o->func), site->func ? site->func : "?");
	o->line = site->line;
}

/* Where @site is, and which thread calls from there. Any context. */
void origin_copy(struct origin *o, const struct stopper_site *site)
{
	origin_copy_site(o, site);
	o->tid = plat_own_tid();
	if (o->tid)
		plat_comm(o->comm);
	else
		memcpy(o->comm, SOFTIRQ_COMM, sizeof(SOFTIRQ_COMM));
}

/* Where and under which name; the rest is not set. */
void task_info_init(struct stopper_task_info *info, const struct stopper_site *site)
{
	name_escape(info->name, STOPPER_NAME_SHOWN + 1, site->name);
	name_escape_tail(info->file, sizeof(info->file), site->file ? site->file : "");
	name_escape(info->func, sizeof(info->func), site->func ? site->func : "");
	info->line = site->line;
}

/* Where an error is from if there was no memory for that. */
const struct first_error error_unknown = {
	.cause = { .at = { .file = "?", .func = "?", .comm = "?" }, .text = "?" },
};

void cause_init(struct cause *c, const struct cause_args *args)
{
	char text[STOPPER_CAUSE_SHOWN + 2];	/* one byte more: is it cut? */

	if (args->fmt)
		vsnprintf(text, sizeof(text), args->fmt, *args->ap);
	origin_copy(&c->at, args->site);
	c->err = args->err;
	name_escape(c->text, sizeof(c->text), args->fmt ? text : args->site->name);
}

/* @s is about to be freed. */
void error_free(struct stopper *s)
{
	if (s->error_from != &error_unknown)
		plat_free((void *)s->error_from);
}

/* @c: NULL if there is no record; @err: of stopper_ctx_err(). */
void cause_export(struct stopper_cause *out, const struct cause *c, int err)
{
	memset(out, 0, sizeof(*out));
	out->err = c && c->err ? c->err : err;
	if (!c) {
		name_escape(out->text, sizeof(out->text),
			    err == -ETIMEDOUT ? "deadline" : "cancel");
		return;
	}
	out->line = c->at.line;
	memcpy(out->text, c->text, sizeof(out->text));
	memcpy(out->file, c->at.file, sizeof(out->file));
	memcpy(out->func, c->at.func, sizeof(out->func));
}

bool stopper_stop_cause(struct stopper *s, struct stopper_cause *out)
{
	if (!s || !out || plat_is_copy())
		return false;
	lock_guard(&s->lock);
	if (!s->stop_requested)
		return false;
	cause_export(out, &s->cause, -ECANCELED);
	return true;
}
EXPORT_SYMBOL_PLAT(stopper_stop_cause);
