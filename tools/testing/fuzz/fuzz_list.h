/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * fuzz_list.h - the debug list, held against what it should say.
 */
#ifndef STOPPER_FUZZ_LIST_H
#define STOPPER_FUZZ_LIST_H

#include <stdbool.h>
#include <stddef.h>

bool list_is_printable(const char *text, size_t len);
const char *list_differs(const char *expected, const char *const *shown);

#endif /* STOPPER_FUZZ_LIST_H */
