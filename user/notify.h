/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * notify.h - messages to a service manager; see notify.c.
 */
#ifndef STOPPER_USER_NOTIFY_H
#define STOPPER_USER_NOTIFY_H

#include <stopper/types.h>

bool notify_wanted(void);
void notify(const char *fmt, ...) STOPPER_PRINTF(1, 2);
/* How often the manager wants to hear WATCHDOG=1, in nanoseconds; 0: never. */
int64_t notify_watchdog_ns(void);

#endif /* STOPPER_USER_NOTIFY_H */
