/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * closer.h - closers; see closer.c.
 */
#ifndef STOPPER_CORE_CLOSER_H
#define STOPPER_CORE_CLOSER_H

#include "internal.h"

bool closers_start(struct stopper *s);

#endif /* STOPPER_CORE_CLOSER_H */
