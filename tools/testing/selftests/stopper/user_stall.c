// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_stall.c - many stops that wait at once: reports to standard error are limited, and counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/env.h"

#define MANY	30

static void count_reports(void *arg, int level, const char *line)
{
	(void)level;
	if (strstr(line, "stop blocked for"))
		__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
}

static int count(FILE *f, const char *what)
{
	char line[1024];
	int n = 0;

	rewind(f);
	while (fgets(line, sizeof(line), f))
		n += !!strstr(line, what);
	return n;
}

FIXTURE(stall)
{
	struct stopper *s[MANY];
	struct stopper_task task[MANY];
	int own;		/* reports of the last one, which has a sink */
	FILE *err;
	int old_err;
};

FIXTURE_SETUP(stall)
{
	struct stopper_options opts = { .size = sizeof(opts), .stall_ns = 10 * ENV_MSEC };
	int i;

	self->err = tmpfile();
	ASSERT_NE(self->err, NULL);
	self->own = 0;
	opts.stall_max_ns = 20 * ENV_MSEC;
	for (i = 0; i < MANY; i++) {
		if (i == MANY - 1) {
			opts.log = count_reports;
			opts.log_arg = &self->own;
		}
		ASSERT_EQ(stopper_create(&self->s[i], "many", &opts), 0);
		ASSERT_EQ(stopper_task_begin(self->s[i], NULL, "stuck", &self->task[i]), 0);
	}
	self->old_err = dup(STDERR_FILENO);
	dup2(fileno(self->err), STDERR_FILENO);
	for (i = 0; i < MANY; i++)
		stopper_stop_async(self->s[i]);
}

FIXTURE_TEARDOWN(stall)
{
	int i;

	dup2(self->old_err, STDERR_FILENO);
	for (i = 0; i < MANY; i++) {
		stopper_task_end(&self->task[i]);
		EXPECT_EQ(stopper_stop(self->s[i], NULL), 0);
		stopper_put(self->s[i]);
	}
	fclose(self->err);
}

TEST_F_TIMEOUT(stall, reports_on_stderr_are_limited_over_all_stoppers, 120)
{
	int64_t start = env_now();
	int reports;

	/* those without a sink have had as many turns as the one with */
	while (__atomic_load_n(&self->own, __ATOMIC_RELAXED) < 20)
		env_sleep(10 * ENV_MSEC);
	reports = count(self->err, "stop blocked for");
	EXPECT_GE(reports, 1);
	EXPECT_LE(reports, 10 * (1 + (int)((env_now() - start) / (10000 * ENV_MSEC))));
}

TEST_F_TIMEOUT(stall, reports_left_out_are_counted, 120)
{
	/* the next window */
	while (!count(self->err, "stall reports were left out"))
		env_sleep(10 * ENV_MSEC);
	EXPECT_GE(count(self->err, "stop blocked for"), 11);
	EXPECT_GE(count(self->err, "task 1 \"stuck\" at "), 1);
}

TEST_HARNESS_MAIN
