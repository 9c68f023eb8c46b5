/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * user.h - what the userspace code blocks of the documents take for granted.
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stopper/stopper.h>

struct job {
	struct job *next;
};

void job_run(struct job *job);
void answer(void *conn);
int write_all(struct stopper_ctx *ctx);
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
