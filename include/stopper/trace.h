/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * trace.h - userspace: record the events of stoppers to a file.
 *
 * The recorder writes events, such as the start and end of tasks and the phases of a stop, in
 * the format of the kernel's /sys/kernel/tracing/trace. "stopperctl trace" converts both to a
 * file for Perfetto and chrome://tracing.
 *
 * The environment variable STOPPER_TRACE=FILE starts the recorder at the first use of the
 * library. "%p" in FILE is replaced by the process id. Child processes inherit the variable:
 * with %p each program gets a file of its own, without it only the first one is recorded.
 *
 * Each event is also a USDT probe (provider "stopper") for perf, bpftrace, gdb and others,
 * independent of the recorder.
 */
#ifndef STOPPER_TRACE_H
#define STOPPER_TRACE_H

#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/**
 * stopper_trace_start() - start recording to a file
 * @path: the file, created or truncated, and made accessible to its owner only (mode 0600) even
 *	if it existed. %p is replaced by the process id, %% by a percent sign
 *
 * There is one recording at a time, of all stoppers of the process. Lines are buffered (64 KiB)
 * and written when the buffer is full, when the phase of a stopper changes, and at normal exit of
 * the process. If the process is killed, buffered lines are lost. A full pipe or FIFO is not
 * waited for: lines are dropped, and a later line has their number. A hung file system blocks all
 * threads that write to it, tasks and stops included. A write error ends the recording with one
 * line in the log.
 *
 * A child of fork() does not record.
 *
 * Context: Any thread; not a signal handler. The first call may allocate memory.
 * Return:
 * * 0 - recording
 * * -EBUSY - a recording is in progress, or another process records to the file
 * * -EINVAL - @path is NULL
 * * -ENAMETOOLONG - @path is too long
 * * -ENOMEM - out of memory
 * * -EPERM - the file belongs to another user
 * * the error of open(2), for example -ENXIO for a FIFO without a reader
 */
STOPPER_API int stopper_trace_start(const char *path);

/**
 * stopper_trace_stop() - write the buffered lines and close the file
 *
 * The ends of tasks that still run are not recorded.
 *
 * Context: Any thread; not a signal handler. Blocks as long as writing to the file does.
 * Return:
 * * 0 - the file is complete
 * * -ENOENT - there is no recording
 * * -EAGAIN - the pipe was full; the last lines are missing
 * * the error that ended the recording, earlier or now
 */
STOPPER_API int stopper_trace_stop(void);

STOPPER_END_DECLS

#endif /* STOPPER_TRACE_H */
