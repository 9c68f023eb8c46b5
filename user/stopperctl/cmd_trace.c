// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cmd_trace.c - stopperctl trace: converts a recording for Perfetto and chrome://tracing, or, with
 * --otlp, for OpenTelemetry (trace_otlp.c).
 *
 * The input is the text of tracefs' trace file, or a file that libstopper recorded, which has
 * the same form; trace_line.c parses its lines.
 *
 * The output for the former is the JSON object of the Trace Event Format. It is written while
 * the input is read.
 * Only open slices, threads and stoppers are kept in memory, at most MAX_KEPT. A line that is not
 * understood is skipped and counted.
 *
 *   process 1, "stoppers"   a track for each: its phases (X), stalls (i)
 *   process 2, "threads"    a track for each: tasks, workers and closers (B, E), refused
 *                           tasks (i); arrows (s, f) from where an async task was queued
 *                           to where it runs; handles, which may end on another thread
 *                           than they began on, as async events (b, e)
 *
 * Slices of a track must nest. So a slice ends on the track on which it began, whichever thread
 * reports the end (in the kernel another thread ends the task of a dead one). It also ends the
 * slices that are still open above it, whose end was lost. Slices that are open at the end of the
 * input are closed there and marked.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include "ctl.h"
#include "trace_convert.h"
#include "trace_otlp.h"

#define TRACEFS		"/sys/kernel/tracing/trace"
#define EVENTS		"/sys/kernel/tracing/events/stopper/enable"

struct trace_options {
	const char *from, *to;		/* @to: NULL is standard output */
	const char *service;		/* OTLP, of this service; NULL: Trace Event Format */
};

/* What a conversion has read and left out. */
struct trace_result {
	unsigned long events, ignored, lost, dropped;
	bool failed;			/* to write */
};

static void report_skipped(const struct trace_result *r)
{
	if (r->ignored)
		error_msg("skipped %lu lines that are not stopper events", r->ignored);
	if (r->lost)
		error_msg("%lu events were lost during recording", r->lost);
	if (r->dropped)
		error_msg("skipped %lu events: out of memory, or more than %d open at once",
			  r->dropped, MAX_KEPT);
}

static struct trace_result convert_to_events(FILE *in, FILE *out)
{
	struct convert c = { .input.file = in, .out.file = out };

	convert_lines(&c);
	if (c.events)
		convert_finish(&c);
	return (struct trace_result){ .events = c.events, .ignored = c.input.ignored,
		.lost = c.input.lost, .dropped = c.dropped, .failed = c.out.failed };
}

static struct trace_result convert_to_otlp(FILE *in, FILE *out, const char *service)
{
	struct otlp o = { .input.file = in, .file = out };

	otlp_convert(&o, service);
	return (struct trace_result){ .events = o.events, .ignored = o.input.ignored,
		.lost = o.input.lost, .dropped = o.dropped, .failed = o.failed };
}

static int convert_file(FILE *in, FILE *out, const struct trace_options *t)
{
	const char *to = t->to ? t->to : "standard output";
	struct trace_result r = t->service ? convert_to_otlp(in, out, t->service) :
					     convert_to_events(in, out);

	if (ferror(in)) {
		error_msg("cannot read %s: %s", t->from, strerror(errno));
		return EXIT_SOURCE;
	}
	if (!r.events && !r.failed) {
		error_msg("no stopper events in %s%s", t->from,
			  strcmp(t->from, TRACEFS) ? "" :
			  " (enable them first: echo 1 >" EVENTS ")");
		return EXIT_SOURCE;
	}
	if (fflush(out) || r.failed) {
		error_msg("cannot write %s: %s", to, strerror(errno));
		return EXIT_USAGE;
	}
	report_skipped(&r);
	return EXIT_OK;
}

static void print_help(void)
{
	fputs("Usage: stopperctl trace [-o FILE] [--otlp[=SERVICE]] [RECORDING]\n"
	      "Convert a recording to a file for https://ui.perfetto.dev or chrome://tracing,\n"
	      "or for OpenTelemetry.\n"
	      "\n"
	      "RECORDING is a file that libstopper wrote (STOPPER_TRACE=FILE), or tracefs' trace\n"
	      "file or a copy of it; - is standard input. Default: " TRACEFS ".\n"
	      "\n"
	      "  -o, --output FILE   write to FILE instead of standard output\n"
	      "      --otlp[=NAME]   write OTLP/JSON: tasks and workers as spans of service NAME\n"
	      "  -h, --help          show this help\n"
	      "\n"
	      "Exit status: 0 success; 1 usage error or write error; 2 RECORDING cannot be read\n"
	      "or has no stopper events.\n",
	      stdout);
}

static FILE *open_input(const char *path)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;

	if (in)
		return in;
	error_msg("cannot read %s: %s%s", path, strerror(errno),
		  strcmp(path, TRACEFS) ? "" :
		  errno == EACCES ? " (are you root?)" :
		  " (not mounted? mount -t tracefs none /sys/kernel/tracing)");
	return NULL;
}

static int trace_run(const struct trace_options *t)
{
	FILE *in = open_input(t->from), *out = stdout;
	int status = EXIT_USAGE;

	if (!in)
		return EXIT_SOURCE;
	if (t->to)
		out = fopen(t->to, "we");
	if (out) {
		status = convert_file(in, out, t);
		if (t->to && fclose(out) && !status) {
			error_msg("cannot write %s: %s", t->to, strerror(errno));
			status = EXIT_USAGE;
		}
	} else {
		error_msg("cannot write %s: %s", t->to, strerror(errno));
	}
	if (in != stdin)
		fclose(in);
	return status;
}

int cmd_trace(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "otlp", optional_argument, NULL, 'O' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct trace_options t = { .from = TRACEFS };
	int opt;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (opt) {
		case 'o':
			t.to = optarg;
			break;
		case 'O':
			t.service = optarg ? optarg : "unknown_service";
			break;
		case 'h':
			print_help();
			return finish_output();
		default:
			return try_help("trace");
		}
	}
	if (argc - optind > 1)
		return wrong_usage("trace", "trace: unexpected operand '%s'", argv[optind + 1]);
	if (optind < argc)
		t.from = argv[optind];
	return trace_run(&t);
}
