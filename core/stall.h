/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * stall.h - reports of stops that take long; see stall.c.
 */
#ifndef STOPPER_CORE_STALL_H
#define STOPPER_CORE_STALL_H

#include "internal.h"

bool report_stall(struct stopper *s, int64_t waited, bool pause);
void report_leak(struct stopper *s);

#endif /* STOPPER_CORE_STALL_H */
