/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * result.h - the first error; see result.c.
 */
#ifndef STOPPER_CORE_RESULT_H
#define STOPPER_CORE_RESULT_H

#include "internal.h"

void error_note(struct stopper *s, const struct stopper_site *site, int err);

#endif /* STOPPER_CORE_RESULT_H */
