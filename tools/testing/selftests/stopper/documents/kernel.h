/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * kernel.h - what the kernel code blocks of the documents take for granted.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/percpu-refcount.h>
#include <linux/workqueue.h>
#include <stopper/stopper.h>

struct request;
struct io;

void process(struct request *r);
void start_hardware(struct io *io);
void poll_once(void);
void answer(void *conn);
