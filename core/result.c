// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * result.c - the first error that a function of a stopper returned.
 *
 * Async tasks, workers and closers that return a result have no caller who could look at it. So
 * the stopper keeps the first error, with the call site and the thread, all copied: the site may
 * be in a module or plugin that is unloaded before the error is read. With STOPPER_STOP_ON_ERROR
 * the same call asks for a stop, of which the error is the cause (cause.c).
 *
 * An error is noted while its function is still counted, before its done() is called. So a caller
 * for which Quiesce has returned 0 sees the errors of all tasks, and after Stop those of all. The
 * first one is that which takes the lock first:
 *
 *   end of a function                 end of another function
 *   lock; error == 0: keep it         lock; error != 0: nothing
 *   unlock; ask for a stop            unlock
 */
#include "internal.h"
#include "cause.h"
#include "result.h"

/* A function that was started at @site has returned @err. It is still counted. */
void error_note(struct stopper *s, const struct stopper_site *site, int err)
{
	struct first_error *from = NULL;
	plat_flags_t f;
	bool first;

	if (!stopper_result(s, NULL))
		from = plat_alloc_lines(sizeof(*from), false);
	if (from) {
		cause_init(&from->cause, &(struct cause_args){ .site = site, .err = err });
		from->since = plat_now();
	}
	plat_lock(&s->lock, f);
	first = !s->error;
	if (first) {
		s->error = err;
		s->error_from = from ? from : &error_unknown;
	}
	plat_unlock(&s->lock, f);
	if (!first)
		plat_free(from);
	else if (s->flags & STOPPER_STOP_ON_ERROR)
		__stopper_stop_async_because(s, site, err, "%s failed",
					     site->name ? site->name : "a function");
}

int stopper_result(struct stopper *s, struct stopper_result_info *out)
{
	const struct first_error *from;
	int err;

	if (!s || plat_is_copy())
		return 0;
	{
		lock_guard(&s->lock);
		err = s->error;
		from = s->error_from;
	}
	if (!err || !out)
		return err;
	*out = (struct stopper_result_info){
		.err = err, .tid = from->cause.at.tid, .line = from->cause.at.line,
	};
	memcpy(out->name, from->cause.text, sizeof(from->cause.text));
	memcpy(out->file, from->cause.at.file, sizeof(from->cause.at.file));
	memcpy(out->func, from->cause.at.func, sizeof(from->cause.at.func));
	return err;
}
EXPORT_SYMBOL_PLAT(stopper_result);
