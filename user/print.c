// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * print.c - the debug list to a stream.
 */
#include <stopper/print.h>
#include "internal.h"

static void print_line(void *arg, const char *line)
{
	FILE *f = arg;

	fputs(line, f);
	putc('\n', f);
}

int stopper_debug_print(FILE *f)
{
	struct out out = { .line = print_line, .arg = f };
	int err;

	if (!f)
		return -EINVAL;
	err = plat_usable();
	if (!err)
		err = report_all(&out);
	return err ? err : ferror(f) ? -EIO : 0;
}
EXPORT_SYMBOL_PLAT(stopper_debug_print);
