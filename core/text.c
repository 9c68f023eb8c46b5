// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * text.c - what people read: lines of the log, times, the words for phases and errors.
 */
#include "internal.h"
#include "text.h"
#include "upcalls.h"

/* Write a line to the log of @s, or if that has none, or is NULL, to the common one. */
void stopper_log(struct stopper *s, int level, const char *fmt, ...)
{
	char line[TEXT_LINE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (s && s->log)
		s->log(s->log_arg, level, line);
	else
		plat_log(level, line);
}

/* @ns as seconds, in @b. */
const char *secs(struct secs *b, int64_t ns)
{
	int64_t ms = plat_div(ns, NS_PER_MSEC), s = plat_div(ms, 1000);

	snprintf(b->text, sizeof(b->text), "%lld.%03ds", (long long)s, (int)(ms - s * 1000));
	return b->text;
}

const char *stopper_phase_name(enum stopper_phase phase)
{
	static const char * const names[] = {
		[STOPPER_RUNNING] = "running",
		[STOPPER_QUIESCING] = "quiescing",
		[STOPPER_STOPPING] = "stopping",
		[STOPPER_CLOSING] = "closing",
		[STOPPER_STOPPED] = "stopped",
	};

	return (unsigned int)phase <= STOPPER_STOPPED ? names[phase] : "unknown";
}
EXPORT_SYMBOL_PLAT(stopper_phase_name);

static const struct { int err; const char *text; } errors[] = {
	{ 0, "success" },
	{ STOPPER_EUNAVAILABLE, "stopper unavailable: quiescing or stopped" },
	{ STOPPER_ETHROTTLED, "throttled: no semaphore slot is free" },
	{ STOPPER_EPANIC, "the task panicked" },
	{ -ENOEXEC, "compiled for another version of the stopper" },
	{ -ECANCELED, "context canceled" },
	{ -ETIMEDOUT, "context deadline exceeded" },
	{ -EDEADLK, "deadlock: a stop would wait for its own caller" },
	{ -EINVAL, "invalid argument" },
	{ -ENOMEM, "out of memory" },
	{ -EAGAIN, "paused, or no thread could be started" },
	{ -EOPNOTSUPP, "not usable in this child process: the library was used before fork()" },
	{ -EALREADY, "the timer is pending already" },
	{ -ELOOP, "the order of the siblings would be a cycle" },
	{ -EINPROGRESS, "the timer's function is running" },
	{ -EMFILE, "out of file descriptors" },
	{ -ENFILE, "out of file descriptors" },
};

const char *stopper_strerror(int err)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(errors); i++)
		if (errors[i].err == err)
			return errors[i].text;
	return "unknown error";
}
EXPORT_SYMBOL_PLAT(stopper_strerror);
