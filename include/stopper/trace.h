/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * trace.h - userspace: recording what stoppers do, to be looked at later.
 *
 * The recorder writes the library's events, tasks as spans and the steps of stops, into
 * a file, in the form of the kernel's /sys/kernel/tracing/trace. stopperctl trace makes
 * of either one a file that Perfetto and chrome://tracing open. The environment variable
 * STOPPER_TRACE=FILE has a program recorded from its first use of the library on; %p in
 * it stands for the process' number. Children inherit the variable: with %p in it each program
 * has a file of its own, without it only the first one is recorded.
 *
 * Each event is also a USDT probe (provider "stopper") for perf, bpftrace, gdb and the
 * like, whether or not the recorder runs.
 */
#ifndef STOPPER_TRACE_H
#define STOPPER_TRACE_H

#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/**
 * stopper_trace_start() - begin to record, into a file
 * @path: created, or emptied and made readable and writable by its owner only, also if it was
 *        there; %p: the process' number, %%: a percent sign
 *
 * One recording at a time, of all stoppers of the process. Lines are gathered in 64 KiB
 * of memory and written when that is full, when a stopper's phase changes, and at the
 * process' normal exit; what was not written is lost when it is killed. A pipe or FIFO
 * that is full is not waited for: lines are left out, and a line says how many. A file
 * system that hangs does hang whoever writes to it, tasks and stops included. An error
 * while writing ends the recording, with one line in the log.
 *
 * A child of fork() does not record.
 *
 * Context: any thread; the first time it may allocate.
 * Return: 0; -EBUSY when it records already; -EINVAL without @path; -ENAMETOOLONG; -ENOMEM;
 * -EPERM: a file of another user's; -EBUSY also when another process records into it; what
 * open() said: -ENXIO for a FIFO that nobody reads.
 */
STOPPER_API int stopper_trace_start(const char *path);

/**
 * stopper_trace_stop() - write what is left, close the file
 *
 * Tasks that run now go on unrecorded: their ends are not in the file.
 *
 * Context: any thread.
 * Return: 0; -ENOENT when nothing is being recorded; -EAGAIN when a pipe was full, so that
 * the end is missing; the error that ended the recording earlier or now.
 */
STOPPER_API int stopper_trace_stop(void);

STOPPER_END_DECLS

#endif /* STOPPER_TRACE_H */
