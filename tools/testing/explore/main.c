// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * main.c - the command: explores scenarios, each in a process of its own.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine.h"
#include "scenario.h"

static const char usage[] =
	"usage: explore [-cx] [-b BUDGET] [-t SECONDS] [-j JOBS] [SCENARIO...]\n"
	"       explore -r SCHEDULE SCENARIO\n"
	"       explore -l\n"
	"\n"
	"Explores every execution of each scenario (all, if none is named) within its budget:\n"
	"the number of choices that may differ from the ordinary one (which thread runs, which\n"
	"store a load sees, whether an allocation fails, whether a thread dies).\n"
	"  -x  stop at the first failure\n"
	"  -b  at most this budget; for scenarios named here, exactly this one\n"
	"  -t  at most so many seconds for each (default: no limit)\n"
	"  -j  so many at once (default: 1)\n"
	"  -c  list the functions in which a scenario orders memory\n"
	"  -r  repeat one execution and draw it\n"
	"  -l  list the scenarios\n";

static unsigned int nscenarios(void)
{
	return (unsigned int)(__stop_scenarios - __start_scenarios);
}

static const struct scenario *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < nscenarios(); i++)
		if (!strcmp(__start_scenarios[i].name, name))
			return &__start_scenarios[i];
	fprintf(stderr, "explore: no scenario \"%s\"; -l lists them\n", name);
	exit(2);
}

static void show_failure(const char *schedule)
{
	diagram();
	printf("# again: explore -r %s %s\n", schedule, E->scenario->name);
}

static int run_one(const struct scenario *sc, unsigned int seconds, unsigned int number)
{
	static char schedule[8192];
	unsigned int complete;
	enum outcome how = explore(sc, seconds, &complete);
	unsigned long executions = E->executions, states = E->states;

	if (how != FAILED) {
		if (E->covering)
			functions();
		printf("ok %u %s # %lu executions, %lu states, complete to %u of %u\n", number,
		       sc->name, executions, states, complete, sc->budget);
		return 0;
	}
	schedule_text(schedule, sizeof(schedule));
	E->covering = false;
	replay(sc, schedule);
	printf("not ok %u %s # execution %lu\n", number, sc->name, executions);
	show_failure(schedule);
	return 1;
}

/* Being explored, each in a process of its own: what one breaks is not the others'. */
struct exploration {
	struct scenario sc;
	bool covering;
	FILE *out;
	pid_t pid;		/* 0: over */
	int status;
};

static void start(struct exploration *j, unsigned int seconds, unsigned int number)
{
	j->out = tmpfile();
	fflush(stdout);
	j->pid = j->out ? fork() : -1;
	if (j->pid < 0) {
		perror("explore");
		exit(2);
	}
	if (j->pid)
		return;
	dup2(fileno(j->out), STDOUT_FILENO);
	explore_init();
	E->covering = j->covering;
	E->tracing = j->covering;
	j->status = run_one(&j->sc, seconds, number);
	fflush(stdout);
	_exit(j->status);
}

/* What a job that is over has said. */
static bool show(struct exploration *j, unsigned int number)
{
	char line[1024];

	rewind(j->out);
	while (fgets(line, sizeof(line), j->out))
		fputs(line, stdout);
	fclose(j->out);
	if (!WIFEXITED(j->status) || WEXITSTATUS(j->status) > 1)
		printf("not ok %u %s # the explorer itself ended with status %x\n", number,
		       j->sc.name, (unsigned int)j->status);
	fflush(stdout);
	return !j->status;
}

static bool run_all(struct exploration *jobs, unsigned int n, unsigned int at_once,
		    unsigned int seconds, bool until_failure)
{
	unsigned int started = 0, shown = 0, i;
	bool good = true;
	int status;
	pid_t pid;

	printf("KTAP version 1\n1..%u\n", n);
	while (shown < n && (good || !until_failure)) {
		for (; started < n && started < shown + at_once; started++)
			start(&jobs[started], seconds, started + 1);
		pid = wait(&status);
		for (i = shown; i < started; i++)
			if (jobs[i].pid == pid) {
				jobs[i].pid = 0;
				jobs[i].status = status;
			}
		for (; shown < started && !jobs[shown].pid; shown++)
			good &= show(&jobs[shown], shown + 1);
	}
	for (i = shown; i < started; i++)
		if (jobs[i].pid)
			kill(jobs[i].pid, SIGKILL);
	return good;
}

/* One execution, drawn, whether something is wrong with it or not. */
static int repeat(const struct scenario *sc, const char *schedule)
{
	enum outcome how;

	explore_init();
	how = replay(sc, schedule);
	if (how != FAILED)
		snprintf(E->failure, sizeof(E->failure), "nothing was wrong");
	show_failure(schedule);
	return how == FAILED;
}

static unsigned int number_of(const char *text, const char *what)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!*text || *end || n > 100000) {
		fprintf(stderr, "explore: %s: not a number: \"%s\"\n", what, text);
		exit(2);
	}
	return (unsigned int)n;
}

int main(int argc, char **argv)
{
	unsigned int seconds = 0, at_once = 1, n, i;
	const char *schedule = NULL;
	bool until_failure = false;
	bool covering = false;
	int budget = -1, opt;
	struct exploration *jobs;

	while ((opt = getopt(argc, argv, "b:t:j:r:cxlh")) != -1) {
		switch (opt) {
		case 'b':
			budget = (int)number_of(optarg, "-b");
			break;
		case 't':
			seconds = number_of(optarg, "-t");
			break;
		case 'j':
			at_once = number_of(optarg, "-j");
			break;
		case 'r':
			schedule = optarg;
			break;
		case 'x':
			until_failure = true;
			break;
		case 'c':
			covering = true;
			break;
		case 'l':
			for (i = 0; i < nscenarios(); i++)
				printf("%-28s %s\n", __start_scenarios[i].name,
				       __start_scenarios[i].about);
			return 0;
		default:
			fputs(usage, opt == 'h' ? stdout : stderr);
			return opt == 'h' ? 0 : 2;
		}
	}
	n = argc > optind ? (unsigned int)(argc - optind) : nscenarios();
	jobs = calloc(n, sizeof(*jobs));
	if (!jobs || !at_once || (schedule && argc != optind + 1)) {
		fputs(usage, stderr);
		return 2;
	}
	for (i = 0; i < n; i++) {
		jobs[i].covering = covering;
		jobs[i].sc = argc > optind ? *find(argv[optind + (int)i]) : __start_scenarios[i];
		if (budget >= 0 && (budget < jobs[i].sc.budget || argc > optind))
			jobs[i].sc.budget = (unsigned char)budget;
	}
	if (schedule)
		return repeat(&jobs[0].sc, schedule);
	return !run_all(jobs, n, at_once, seconds, until_failure);
}
