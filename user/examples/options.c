// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * options.c - the command line of the example server.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "httpd.h"

#define EXIT_USAGE	2

static const char usage_text[] =
	"Usage: httpd [OPTION]... [DIRECTORY]\n"
	"Serve the files of DIRECTORY (default: the current one) over HTTP/1.1.\n"
	"\n"
	"  -p, --port PORT        port to listen on; 0: any free port (default 8080)\n"
	"  -a, --address ADDRESS  numeric address to listen on (default 127.0.0.1)\n"
	"  -t, --threads N        number of ring threads (default: number of CPUs, at most 64)\n"
	"  -c, --max-conns N      open connections at a time; more wait (default 4096)\n"
	"      --timeout TIME     close a connection without progress after TIME (default 15s)\n"
	"      --drain TIME       when stopping: how long to read from idle connections, so\n"
	"                         that no request is lost (default 200ms)\n"
	"  -g, --grace TIME       when stopping: how long requests may take (default 10s)\n"
	"  -l, --log FILE         append messages to FILE (default: standard error)\n"
	"  -h, --help             show this help\n"
	"\n"
	"TIME is a number with the unit ms, s (default) or m.\n"
	"SIGTERM or SIGINT drains and stops the server; a second one cancels all requests.\n"
	"SIGUSR1 prints the debug list. Exit status: 0 drained; 3 requests cancelled after\n"
	"--grace; 128+N requests cancelled by a second signal N; 1 error; 2 usage error.\n";

static void __noreturn __printf(1, 2) wrong_usage(const char *fmt, ...)
{
	va_list ap;

	fputs("httpd: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry 'httpd --help'.\n", stderr);
	exit(EXIT_USAGE);
}

static unsigned int parse_number(const char *what, const char *s, unsigned int min,
				 unsigned int max)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || end == s || *end || *s == '-' || n < min || n > max)
		wrong_usage("--%s '%s': expected a number from %u to %u", what, s, min, max);
	return n;
}

static int64_t parse_time(const char *what, const char *s, int64_t min)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{ "", NSEC_PER_SEC }, { "s", NSEC_PER_SEC },
		{ "ms", NSEC_PER_MSEC }, { "m", 60 * NSEC_PER_SEC },
	};
	double n;
	char *end;
	size_t i;

	errno = 0;
	n = strtod(s, &end);
	for (i = 0; i < ARRAY_SIZE(units); i++)
		if (!errno && end != s && n >= 0 && n <= 1e6 && !strcmp(end, units[i].name) &&
		    n * units[i].ns >= min)
			return n * units[i].ns;
	wrong_usage("--%s '%s': expected a time such as 10s or 500ms%s", what, s,
		    min ? ", not 0" : "");
}

enum { OPT_TIMEOUT = 256, OPT_DRAIN };

static const struct option options[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "address", required_argument, NULL, 'a' },
	{ "threads", required_argument, NULL, 't' },
	{ "max-conns", required_argument, NULL, 'c' },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "drain", required_argument, NULL, OPT_DRAIN },
	{ "grace", required_argument, NULL, 'g' },
	{ "log", required_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

static void parse_option(struct httpd *h, int opt)
{
	switch (opt) {
	case 'p':
		parse_number("port", optarg, 0, 65535);
		h->port = optarg;
		break;
	case 'a':
		h->address = optarg;
		break;
	case 't':
		h->nr_rings = parse_number("threads", optarg, 1, 64);
		break;
	case 'c':
		h->max_conns = parse_number("max-conns", optarg, 1, CONNS_MAX);
		break;
	case OPT_TIMEOUT:
		h->timeout_ns = parse_time("timeout", optarg, NSEC_PER_MSEC);
		break;
	case OPT_DRAIN:
		h->drain_ns = parse_time("drain", optarg, 0);
		break;
	case 'g':
		h->grace_ns = parse_time("grace", optarg, 0);
		break;
	case 'l':
		h->log_path = optarg;
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(EXIT_SUCCESS);
	default:
		fputs("Try 'httpd --help'.\n", stderr);
		exit(EXIT_USAGE);
	}
}

void parse_options(struct httpd *h, int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int opt;

	h->port = "8080";
	h->address = "127.0.0.1";
	h->root = ".";
	h->nr_rings = cpus < 1 ? 1 : cpus > 64 ? 64 : cpus;
	h->max_conns = 4096;
	h->timeout_ns = 15 * NSEC_PER_SEC;
	h->drain_ns = 200 * NSEC_PER_MSEC;
	h->grace_ns = 10 * NSEC_PER_SEC;
	while ((opt = getopt_long(argc, argv, "p:a:t:c:g:l:h", options, NULL)) != -1)
		parse_option(h, opt);
	if (optind < argc)
		h->root = argv[optind++];
	if (optind < argc)
		wrong_usage("unexpected operand '%s'", argv[optind]);
}
