/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * worker.h - workers; see worker.c.
 */
#ifndef STOPPER_CORE_WORKER_H
#define STOPPER_CORE_WORKER_H

#include "internal.h"

void worker_stop_all(struct stopper *s);

#endif /* STOPPER_CORE_WORKER_H */
