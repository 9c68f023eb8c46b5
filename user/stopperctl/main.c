// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * main.c - stopperctl: shows the stoppers of the kernel, of a process, or of a saved list, and
 * stops those of the kernel.
 *
 * Source options are accepted before and after the command. Each command parses its own options.
 * A new command is a line in the table.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

static const struct command commands[] = {
	{ "list", cmd_list, "list all stoppers and what runs in them, worst first [--json]" },
	{ "top", cmd_top, "show the same, updated live and sortable" },
	{ "wait", cmd_wait, "wait until a stopper has stopped, and report what it waits for" },
	{ "stop", cmd_stop, "stop a stopper of the kernel, and wait until it has stopped" },
	{ "metrics", cmd_metrics, "print the same as metrics for Prometheus (OpenMetrics)" },
	{ "dump", cmd_dump, "print the list unchanged, to be saved and read again with -f" },
	{ "trace", cmd_trace, "convert a recording to a file for Perfetto" },
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	size_t i;

	puts("Usage: stopperctl [SOURCE] COMMAND [OPTION]...\n"
	     "Show what runs in a stopper, and what blocks its stop.\n");
	for (i = 0; i < NR_COMMANDS; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].summary);
	puts("\n"
	     "SOURCE of the list (default: the kernel's, /sys/kernel/debug/stopper):\n"
	     "  -p, --pid PID          a process that serves its list\n"
	     "  -u, --url URL          an HTTP address, such as http://127.0.0.1:8080\n"
	     "  -s, --socket PATH      a UNIX socket that serves HTTP\n"
	     "  -f, --file FILE        a saved list; - is standard input\n"
	     "\n"
	     "  -h, --help             show this help; after a command: its own help\n"
	     "  -V, --version          show the version\n"
	     "\n"
	     "Exit status: 0 success; 1 usage error; 2 no list available; wait and stop:\n"
	     "3 timed out, 4 no such stopper; wait: 5 the source disappeared.");
}

static int command_run(const char *name, int argc, char **argv)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc, argv);
	return wrong_usage(NULL, "unknown command '%s'", name);
}

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{}
};

int main(int argc, char **argv)
{
	char *name, self[] = "stopperctl";
	int opt;

	if (!argc)
		return EXIT_USAGE;
	/* The prefix of getopt's messages. */
	argv[0] = self;
	opt = source_getopt(argc, argv, "+hV", options);
	if (opt == 'h') {
		print_help();
		return finish_output();
	}
	if (opt == 'V') {
		puts("stopperctl " CTL_VERSION);
		return finish_output();
	}
	if (opt != -1)
		return try_help(NULL);
	if (optind == argc)
		return wrong_usage(NULL, "missing command");
	argc -= optind;
	argv += optind;
	name = argv[0];
	argv[0] = self;
	/* 0 makes getopt restart with the new argv. */
	optind = 0;
	return command_run(name, argc, argv);
}
