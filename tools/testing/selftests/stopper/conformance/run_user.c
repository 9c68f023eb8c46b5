// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * run_user.c - the conformance cases as a program.
 *
 *   conformance [-l] [-r PERCENT] [-t SECONDS] [NAME...]
 *
 *   -l          list the cases
 *   -r PERCENT  so many of the rounds of cases that repeat  [100, or STOPPER_TEST_ROUNDS]
 *   -t SECONDS  the longest a case may take  [120]
 *   NAME        only cases whose name contains it; with a leading =, only that one
 *
 * A case that hangs is ended, with the program, after printing its name and
 * the debug list.
 */
#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include <stopper/print.h>
#include <stopper/trace.h>
#include <stopper/uring.h>
#include "case.h"
#include "kselftest.h"

static int percent = 100;
static int case_limit = 120;
static char *const *names;
static int n_names;

int case_rounds(int n)
{
	n = (long long)n * percent / 100;
	return n > 0 ? n : 1;
}

bool case_may_misuse(void)
{
	return true;
}

/* One that STOPPER_TRACE began goes on. */
bool case_trace(bool on)
{
	static bool ours;
	int err;

	if (on) {
		err = stopper_trace_start("/dev/null");
		ours = !err;
		return !err || err == -EBUSY;
	}
	if (ours)
		CHECK_EQ(stopper_trace_stop(), 0);
	ours = false;
	return !getenv("STOPPER_TRACE");
}

/* --- verdicts --------------------------------------------------------------------------------- */

void case_say_failure(const char *line)
{
	ksft_print_msg("%s\n", line);
}

void case_say_plan(int n)
{
	ksft_set_plan(n);
}

void case_say_begin(int nr, const char *name)
{
	alarm(case_limit);
	if (!isatty(STDOUT_FILENO) && !getenv("STOPPER_TEST_VERBOSE"))
		return;
	ksft_print_msg("%s ...\n", name);
}

void case_say_end(int nr, const char *name, bool ok, const char *skip)
{
	alarm(0);
	if (skip)
		ksft_test_result_skip("%s (%s)\n", name, skip);
	else
		ksft_test_result(ok, "%s\n", name);
}

/* Not async-signal-safe; the process is lost anyway, and this tells why. */
static void hung(int sig)
{
	printf("# %s hangs\n", current_case);
	fflush(stdout);
	if (signal(SIGALRM, SIG_DFL) != SIG_ERR)
		alarm(5);
	stopper_debug_print(stdout);
	ksft_test_result_fail("%s\n", current_case);
	fflush(stdout);
	_exit(KSFT_FAIL);
}

static bool wanted(const char *name)
{
	int i;

	for (i = 0; i < n_names; i++)
		if (names[i][0] == '=' ? !strcmp(name, names[i] + 1) : !!strstr(name, names[i]))
			return true;
	return !n_names;
}

static void print_name(const char *name)
{
	puts(name);
}

static int number(const char *s)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (*end || n < 1 || n > 100000)
		ksft_exit_fail_msg("want 1 to 100000, not %s\n", s);
	return n;
}

int main(int argc, char **argv)
{
	const char *rounds = getenv("STOPPER_TEST_ROUNDS");
	const char *forced = getenv("STOPPER_WAIT");
	struct case_totals run;
	int opt;

	if (rounds)
		percent = number(rounds);
	while ((opt = getopt(argc, argv, "lr:t:")) != -1) {
		switch (opt) {
		case 'l':
			each_case_name(print_name);
			return 0;
		case 'r':
			percent = number(optarg);
			break;
		case 't':
			case_limit = number(optarg);
			break;
		default:
			return KSFT_FAIL;
		}
	}
	names = argv + optind;
	n_names = argc - optind;
	signal(SIGALRM, hung);

	ksft_print_header();
	ksft_print_msg("waits: %s\n", stopper_wait_backend());
	run = run_all_cases(wanted);
	if (forced && strcmp(forced, stopper_wait_backend())) {
		printf("Bail out! STOPPER_WAIT=%s was asked for, %s was used\n", forced,
		       stopper_wait_backend());
		return KSFT_FAIL;
	}
	if (!run.cases)
		ksft_exit_fail_msg("no such case\n");
	ksft_finished();
}
