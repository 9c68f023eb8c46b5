// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cmd_dump.c - stopperctl dump: prints the text unchanged, byte for byte.
 *
 * On a terminal, bytes that are not printable are shown as `?'. Text that is not a debug list is
 * refused, so that the user learns it now and not when reading the saved file.
 */
#include <errno.h>
#include <getopt.h>
#include <unistd.h>

#include "../debuglist/debuglist.h"
#include "source.h"

static void make_printable(struct source_text *t)
{
	size_t i;

	for (i = 0; i < t->len; i++)
		if (t->data[i] != '\n' && (t->data[i] < 0x20 || t->data[i] > 0x7e))
			t->data[i] = '?';
}

/* EXIT_OK, or an exit status after an error message. */
static int dump_check(const struct source_text *t)
{
	struct debug_list *l = NULL;
	size_t line = 0;
	int err = debug_list_parse(t->data, t->len, &l, &line);

	debug_list_free(l);
	if (!err)
		return EXIT_OK;
	if (err == -EINVAL)
		error_msg("%s is not a debug list (line %zu)", source_name(), line);
	else
		error_msg("out of memory");
	return EXIT_SOURCE;
}

static int dump_source(struct source_text *t)
{
	int status;

	if (source_read(t) != SOURCE_OK) {
		error_msg("%s", t->why);
		return EXIT_SOURCE;
	}
	status = dump_check(t);
	if (status)
		return status;
	if (isatty(STDOUT_FILENO))
		make_printable(t);
	fwrite(t->data, 1, t->len, stdout);
	return finish_output();
}

static const char help[] =
	"Usage: stopperctl [SOURCE] dump >FILE\n"
	"Print the debug list unchanged, to be saved and read again with -f FILE.\n"
	"\n"
	"  -h, --help             show this help\n"
	"\n"
	"SOURCE: -p PID, -u URL, -s SOCKET, -f FILE; see 'stopperctl --help'.\n";

int cmd_dump(int argc, char **argv)
{
	struct source_text t = { 0 };
	int status = source_only_options(argc, argv, "dump", help);

	if (status != -1)
		return status;
	status = dump_source(&t);
	source_text_free(&t);
	return status;
}
