// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * print.c - prints the debug list to a stream.
 *
 * Writing to a stream is a cancellation point, and a thread that is cancelled here would leak
 * references to stoppers. So cancellation is disabled meanwhile.
 */
#include <pthread.h>
#include <stopper/print.h>
#include "internal.h"
#include "report.h"
#include "upcalls.h"

static void print_line(void *arg, const char *line)
{
	FILE *f = arg;

	fputs(line, f);
	putc('\n', f);
}

int stopper_debug_print(FILE *f)
{
	struct line_sink out = { .line = print_line, .arg = f };
	int err, cancel;

	if (!f)
		return -EINVAL;
	err = plat_ready();
	if (err)
		return err;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	err = report_all(&out);
	/* A full disk shows only when the buffer is written. */
	if (fflush(f) && !err)
		err = -errno;
	pthread_setcancelstate(cancel, NULL);
	return err ? err : ferror(f) ? -EIO : 0;
}
EXPORT_SYMBOL_PLAT(stopper_debug_print);
