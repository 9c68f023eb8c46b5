/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * convert.h - a fixture with a recording, and with what stopperctl trace makes of it.
 */
#ifndef STOPPER_TEST_CONVERT_H
#define STOPPER_TEST_CONVERT_H

#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "ctl.h"

FIXTURE(convert) {
	char in[64], out[64];
	json_t *json, *events;
	const char *wrong;		/* what the format does not allow */
};

#define TEST_DATA FIXTURE_DATA(convert)

FIXTURE_SETUP(convert)
{
	strcpy(self->in, "/tmp/recording.XXXXXX");
	close(mkstemp(self->in));
	strcpy(self->out, "/tmp/recording.XXXXXX");
	close(mkstemp(self->out));
	self->json = NULL;
}

FIXTURE_TEARDOWN(convert)
{
	json_decref(self->json);
	unlink(self->in);
	unlink(self->out);
}

static inline const char *string(json_t *e, const char *key)
{
	const char *s = json_string_value(json_object_get(e, key));

	return s ? s : "";
}

/* stopperctl trace with these arguments, up to NULL, and without what it says each time. */
static inline int command(const char *arg, ...)
{
	int argc = 0, err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY), status;
	char *argv[8];
	va_list ap;

	argv[argc++] = strdup("trace");
	for (va_start(ap, arg); arg; arg = va_arg(ap, const char *))
		argv[argc++] = strdup(arg);
	va_end(ap);
	argv[argc] = NULL;
	dup2(null, STDERR_FILENO);
	status = cmd_trace(argc, argv);
	dup2(err, STDERR_FILENO);
	close(null);
	close(err);
	return status;
}

static inline void write_recording(TEST_DATA *t, const char *text, size_t len)
{
	int fd = open(t->in, O_WRONLY | O_TRUNC);

	if (write(fd, text, len) != (ssize_t)len)
		abort();
	close(fd);
}

#define SPAN(n)	"file=a.c line=1 span=000000000000000" #n " parent=0000000000000000" \
	" trace=00000000000000000000000000000001"

#define PROG	"     my [0] prog-10      [000] .....     "
#define LATER	"           later-11      [001] .....     "
#define P	"            prog-10      [000] .....     "

static const char small[] =
	"# tracer: nop\n"
	"#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
	PROG "1.000000: task_start: id=1 kind=sync " SPAN(1) " name=outer name=x\n"
	PROG "1.000010: async_queued: id=1 " SPAN(2) " name=later\n"
	"     my [0] prog-10      [000] d..2.     1.000011: sched_switch: prev_comm=x name=y\n"
	PROG "1.000020: task_start: id=1 kind=handle " SPAN(3) " name=request\n"
	LATER "1.000030: task_start: id=1 kind=async " SPAN(2) " name=later\n"
	LATER "1.000040: task_end: id=1 kind=handle span=0000000000000003 name=request\n"
	PROG "1.000050: task_end: id=1 kind=sync span=0000000000000001 name=outer name=x\n"
	PROG "1.000060: phase: id=1 from=running to=quiescing name=svc\n"
	PROG "1.000070: stall: id=1 waited_ns=1000000000 tasks=1 workers=0 name=svc\n"
	LATER "1.000080: task_refused: id=1 kind=sync file=a.c line=2 name=no\n"
	"          reaper-12      [001] .....     1.000090: task_end: id=1 kind=async span=0000000000000002 name=later\n"
	LATER "1.000100: closer_start: id=1 name=cleanup\n"
	LATER "1.000110: closer_end: id=1 name=cleanup\n"
	PROG "1.000120: phase: id=1 from=quiescing to=stopped name=svc\n"
	LATER "1.000130: worker_start: id=2 " SPAN(4) " name=stays\n"
	LATER "1.000140: task_end: id=2 kind=sync span=00000000000000ff name=unknown\n"
	"CPU:1 [LOST 7 EVENTS]\n";

#endif /* STOPPER_TEST_CONVERT_H */
