/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * order.h - orders between siblings; see order.c.
 */
#ifndef STOPPER_CORE_ORDER_H
#define STOPPER_CORE_ORDER_H

#include "internal.h"

void orders_drop_waits(struct stopper *s, struct stopper *parent);
void orders_release(struct stopper *s, struct stopper *parent);

#endif /* STOPPER_CORE_ORDER_H */
