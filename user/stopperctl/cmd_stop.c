// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cmd_stop.c - stopperctl stop: stops a kernel stopper, and waits until it has stopped.
 *
 * For what runs when a service is stopped: it ends when nothing of the stopper runs any more, so
 * that its module can be unloaded, or with its own exit status when the grace is over. The stop
 * then goes on; nothing is undone.
 *
 * A name that several stoppers have is refused: to wait for one too many is harmless, to stop one
 * too many is not.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "control.h"

static const char help[] =
	"Usage: stopperctl stop [OPTION]... NAME\n"
	"Stop the kernel stopper NAME (a name or an id), whose owner allows it, and wait\n"
	"until it has stopped; report what the stop waits for.\n"
	"\n"
	"  -g, --grace SECONDS    wait at most this long (default: no limit)\n"
	"  -c, --cause TEXT       why (default: stopperctl stop)\n"
	"  -h, --help             show this help\n"
	"\n"
	"Exit status: 0 stopped; 2 not permitted; 3 the grace is over, and the stop goes\n"
	"on; 4 no such stopper.\n";

static const struct option options[] = {
	{ "grace", required_argument, NULL, 'g' },
	{ "cause", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

struct stop_args {
	const char *name;
	const char *cause;
	int64_t grace;		/* 0: no limit */
};

/* -1: continue, else the exit status. */
static int stop_read_options(struct stop_args *a, int argc, char **argv)
{
	int opt;

	while ((opt = source_getopt(argc, argv, "g:c:h", options)) != -1) {
		if (opt == 'h') {
			fputs(help, stdout);
			return finish_output();
		}
		if (opt == 'c')
			a->cause = optarg;
		else if (opt != 'g')
			return try_help("stop");
		else if (!parse_seconds(optarg, 0.001, 1e9, &a->grace))
			return wrong_usage("stop", "-g '%s': expected seconds, more than 0",
					   optarg);
	}
	if (!source_is_kernel())
		return wrong_usage("stop", "stop: only stoppers of the kernel can be stopped");
	if (argc - optind != 1)
		return wrong_usage("stop", "stop: expected exactly one NAME");
	a->name = argv[optind];
	return -1;
}

static int stop_not_found(const char *name)
{
	bool module = !access(control_dir(), F_OK);

	error_msg("no stopper '%s' in %s (%s)", name, control_dir(), module ?
		  "already stopped, or its owner does not allow it?" : "module not loaded?");
	return EXIT_NO_STOPPER;
}

static int stop_ambiguous(const char *name, const struct control *c, size_t nr)
{
	char ids[SENTENCE / 2] = "";
	size_t i, len = 0;

	for (i = 0; i < nr && len < sizeof(ids) - 24; i++)
		len += snprintf(ids + len, sizeof(ids) - len, " %llu", (unsigned long long)c[i].id);
	return wrong_usage("stop", "stop: '%.100s' is the name of %zu stoppers; give an id:%s%s",
			   name, nr, ids, i < nr ? " ..." : "");
}

int cmd_stop(int argc, char **argv)
{
	struct control found[CONTROL_MAX];
	struct progress progress = { 0 };
	struct stop_args a = { .cause = "stopperctl stop" };
	int status = stop_read_options(&a, argc, argv), err;
	size_t nr;

	if (status >= 0)
		return status;
	nr = control_find(a.name, found);
	if (!nr)
		return stop_not_found(a.name);
	if (nr > 1)
		return stop_ambiguous(a.name, found, nr);
	err = control_stop(&found[0], a.cause);
	if (err && err != -ENODEV) {
		error_msg("cannot stop '%s': %s%s", a.name, strerror(-err),
			  err == -EACCES ? " (are you root?)" : "");
		return EXIT_SOURCE;
	}
	progress_init(&progress);
	return control_wait(found, 1, a.name, a.grace, &progress);
}
