/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * request.h - requests to stop; see request.c.
 */
#ifndef STOPPER_CORE_REQUEST_H
#define STOPPER_CORE_REQUEST_H

#include "internal.h"

struct cause_args;

void stop_request_note(struct stopper *s, const struct cause_args *why);
struct stopper *stop_request_pop(void);
bool stop_requests_rest(bool busy);

#endif /* STOPPER_CORE_REQUEST_H */
