// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fuzz_list.c - compares the debug list with the model.
 *
 * Whatever names tasks and stoppers have: each line has a form of stopper-debuglist(5), in bytes
 * that can be printed, and there is one line for each stopper, with its name and its counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stopper/print.h>
#include <stopper/stopper.h>
#include "fuzz_list.h"

#define LINE_REST "%*u.%*us, age %*u.%*us, tasks %d, queued %d, workers %d, "	\
		  "closers %d, closed %d, contexts %d, waiters 0"

bool list_is_printable(const char *text, size_t len)
{
	while (len && *text >= ' ' && *text <= '~')
		text++, len--;
	return !len;
}

static bool starts(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

static bool is_known(const char *line)
{
	static const char *const forms[] = {
		"  created at ", "  child of ", "  stop asked at ", "  stop not asked",
		"  paused at ", "  task ", "  worker ", "  closer ", "  timers ",
		"  semaphore: ", "  semaphore \"", "  failed ", "  nested ", "    queued ",
		"    thread ", "    and ",
	};
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (starts(line, forms[i]))
			return true;
	return false;
}

/* The line of the stopper that the first line of @want tells of. */
static const char *stopper_differs(const char *line, const char *want, const char *const *shown)
{
	int s, phase, n[5], got[5], contexts, queued, used = 0;
	unsigned int id;
	char head[STOPPER_NAME_SHOWN + 64];

	if (sscanf(want, "%d %d %d %d %d %d %d", &s, &phase, &n[0], &n[1], &n[2], &n[3],
		   &contexts) != 7)
		return "a stopper too many";
	n[4] = contexts;
	if (sscanf(line, "stopper %u%n", &id, &used) != 1)
		return "a stopper without a number";
	snprintf(head, sizeof(head), " \"%s\": %s for ", shown[s],
		 stopper_phase_name((enum stopper_phase)phase));
	line += used;
	if (!starts(line, head))
		return "another name or phase";
	line += strlen(head);
	if (sscanf(line, LINE_REST, &got[0], &queued, &got[1], &got[2], &got[3],
		   &got[4]) != 6)
		return "a stopper's line that is not as it should be";
	if (contexts < 0)
		got[4] = n[4];
	return memcmp(n, got, sizeof(n)) ? "wrong counts" : NULL;
}

static const char *next_line(const char *text)
{
	const char *end = strchr(text, '\n');

	return end ? end + 1 : text + strlen(text);
}

static const char *text_differs(char *text, const char *want, const char *const *shown)
{
	const char *wrong = NULL;
	char *line, *end;

	for (line = text; !wrong && *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			return "no newline at its end";
		*end = '\0';
		if (!list_is_printable(line, (size_t)(end - line)))
			return "bytes that cannot be printed";
		if (starts(line, "stopper ")) {
			wrong = stopper_differs(line, want, shown);
			want = next_line(want);
		} else if (!is_known(line)) {
			wrong = "a line of no known form";
		}
		if (wrong)
			fprintf(stderr, "%s\n", line);
	}
	return !wrong && *want ? "a stopper is missing" : wrong;
}

/* NULL: it is as it should be. @expected: a line for each stopper (plan.c). */
const char *list_differs(const char *expected, const char *const *shown)
{
	const char *wrong = "it could not be made";
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return wrong;
	if (!stopper_debug_print(f) && !fclose(f))
		wrong = strlen(text) == len ? text_differs(text, expected, shown) : "a NUL in it";
	free(text);
	return wrong;
}
