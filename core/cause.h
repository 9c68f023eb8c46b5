/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * cause.h - where a call came from, causes, records of errors; see cause.c.
 */
#ifndef STOPPER_CORE_CAUSE_H
#define STOPPER_CORE_CAUSE_H

#include "internal.h"

#define SOFTIRQ_COMM	"softirq"	/* in place of a comm: no thread */

/* A call that ends something; @fmt and @ap are NULL if it gives no cause. */
struct cause_args {
	const struct stopper_site *site;
	int err;
	const char *fmt;
	va_list *ap;
};

/* The first error that a function of a stopper returned; result.c. */
struct first_error {
	struct cause cause;		/* its text is the name of the function */
	int64_t since;
};

void origin_copy_site(struct origin *o, const struct stopper_site *site);
void origin_copy(struct origin *o, const struct stopper_site *site);
void task_info_init(struct stopper_task_info *info, const struct stopper_site *site);
extern const struct first_error error_unknown;
void error_free(struct stopper *s);
void cause_init(struct cause *c, const struct cause_args *args);
void cause_export(struct stopper_cause *out, const struct cause *c, int err);

#endif /* STOPPER_CORE_CAUSE_H */
