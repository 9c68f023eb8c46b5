// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * usage.c - usage errors, values of options and the end of the output, for all commands.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

/* Prints "Try ..." after a message. Returns the exit status. */
int try_help(const char *command)
{
	fprintf(stderr, "Try 'stopperctl %s%s--help'.\n", command ? command : "",
		command ? " " : "");
	return EXIT_USAGE;
}

int wrong_usage(const char *command, const char *fmt, ...)
{
	char line[SENTENCE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	error_msg("%s", line);
	return try_help(command);
}

/* Seconds, or with a unit: 10, 0.5, 10s, 5m, 1h. */
bool parse_seconds(const char *s, double min, double max, int64_t *ns)
{
	static const char units[] = "smh";
	const char *unit;
	char *end;
	double n;

	errno = 0;
	n = strtod(s, &end);
	unit = end != s && *end ? strchr(units, *end) : NULL;
	if (unit) {
		n *= unit == units ? 1 : unit == units + 1 ? 60 : 3600;
		end++;
	}
	if (errno || end == s || *end || !isfinite(n) || n < min || n > max)
		return false;
	*ns = (int64_t)(n * NSEC_PER_SEC);
	return true;
}

/* Returns the exit status. A closed pipe is reported by the status only, not by a message. */
int finish_output(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_OK;
	if (errno != EPIPE)
		error_msg("cannot write to standard output: %s", strerror(errno));
	return EXIT_USAGE;
}
