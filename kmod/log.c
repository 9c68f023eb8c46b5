// SPDX-License-Identifier: GPL-2.0
/*
 * log.c - log lines, in the kernel log.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "internal.h"

void plat_log(int level, const char *line)
{
	if (level <= STOPPER_LOG_ERR)
		pr_err("%s\n", line);
	else if (level <= STOPPER_LOG_WARNING)
		pr_warn("%s\n", line);
	else
		pr_info("%s\n", line);
}
