/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * pause.h - pauses; see pause.c.
 */
#ifndef STOPPER_CORE_PAUSE_H
#define STOPPER_CORE_PAUSE_H

#include "internal.h"

void pause_inherit(struct stopper *s, struct stopper *parent);

#endif /* STOPPER_CORE_PAUSE_H */
