/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * plugin.h - what plugin.c exports to the program that loads it.
 */
#ifndef STOPPER_TEST_PLUGIN_H
#define STOPPER_TEST_PLUGIN_H

#include <stdbool.h>

int plugin_begin(void);
int plugin_end(void);
char *plugin_list(void);
int plugin_record(bool on);

#endif /* STOPPER_TEST_PLUGIN_H */
