// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cmd_metrics.c - stopperctl metrics: prints the debug list as metrics; see ../debuglist/metrics.c.
 */
#include <stdlib.h>

#include "../debuglist/debuglist.h"
#include "view.h"

static const char help[] =
	"Usage: stopperctl [SOURCE] metrics\n"
	"Print the state of all stoppers as metrics, in the text format of OpenMetrics.\n"
	"\n"
	"  -h, --help             show this help\n"
	"\n"
	"SOURCE: -p PID, -u URL, -s SOCKET, -f FILE; see 'stopperctl --help'.\n";

static int print_metrics(const struct debug_list *l)
{
	size_t len;
	char *text = debug_list_metrics(l, &len);

	if (!text) {
		error_msg("out of memory");
		return EXIT_SOURCE;
	}
	fwrite(text, 1, len, stdout);
	free(text);
	return finish_output();
}

int cmd_metrics(int argc, char **argv)
{
	int status = source_only_options(argc, argv, "metrics", help);
	struct view *v;

	if (status != -1)
		return status;
	status = EXIT_SOURCE;
	v = view_take();
	if (v && v->state == SOURCE_OK)
		status = print_metrics(v->list);
	else
		error_msg("%s", v ? v->why : "out of memory");
	view_free(v);
	return status;
}
