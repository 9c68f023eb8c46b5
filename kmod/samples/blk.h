/* SPDX-License-Identifier: GPL-2.0 */
/*
 * blk.h - shared declarations of stopper_blk.
 *
 *   blk_main.c      the disk: platform driver, requests, data, sysfs
 *   blk_stopper.c   its life with stoppers
 *   blk_hand.c      the same by hand, to compare with
 *
 * The design is described in blk_main.c.
 */
#ifndef STOPPER_SAMPLES_BLK_H
#define STOPPER_SAMPLES_BLK_H

#include <linux/atomic.h>
#include <linux/blk-mq.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>
#include <stopper/stopper.h>
#include "blk_compat.h"

struct blk_cmd;
struct blk_disk;

/**
 * struct blk_life - what differs between the stopper's way and the one by hand
 * @create: before anything else of the disk; what it makes is released with the device
 * @init: of a command, once
 * @exit: of a command, before its memory is freed
 * @submit: admit a request, and have blk_run() called for it, after @delay_ms. Returns 0; -EAGAIN
 *	during a pause; or the error of refuse(). From any context
 * @end: the request is done; called before it is given back to the block layer
 * @pause: wait until no request is in flight, and keep back new ones. Returns 0, or an error if
 *	the disk does not live any more
 * @resume: after a pause that returned 0
 * @refuse: refuse requests from now on, with @err and for the reason @why. Does not sleep
 * @drain: after refuse(): wait until no request is in flight
 */
struct blk_life {
	int (*create)(struct blk_disk *d, struct device *dev);
	void (*init)(struct blk_cmd *cmd);
	void (*exit)(struct blk_cmd *cmd);
	int (*submit)(struct blk_cmd *cmd, unsigned int delay_ms);
	void (*end)(struct blk_cmd *cmd);
	int (*pause)(struct blk_disk *d);
	void (*resume)(struct blk_disk *d);
	void (*refuse)(struct blk_disk *d, int err, const char *why);
	void (*drain)(struct blk_disk *d);
};

extern const struct blk_life blk_life_stopper;
extern const struct blk_life blk_life_hand;

/**
 * struct blk_disk - the disk, from probe to unbind
 * @disk: the gendisk
 * @set: its tags
 * @life: how it lives
 * @lock: taken to change the size or to remove the disk
 * @data: the content. Changes only during a pause, so requests read it without a lock
 * @size: bytes of @data; likewise
 * @paused: by a suspend
 * @begun: requests that have begun: completed + failed + in flight
 * @completed: with success
 * @failed: with an error
 * @refused: requests that were not admitted, or were dropped before they began
 * @requests: the tasks are the requests
 * @medium: the delays and transfers; stops after @requests
 * @wq: by hand: runs the transfers
 * @refusal: by hand: the error that each request gets; 0: requests are admitted
 */
struct blk_disk {
	struct gendisk *disk;
	struct blk_mq_tag_set set;
	const struct blk_life *life;
	struct mutex lock;		/* see above */
	char *data;
	size_t size;
	bool paused;
	atomic_long_t begun;
	atomic_long_t completed;
	atomic_long_t failed;
	atomic_long_t refused;
	struct stopper *requests;
	struct stopper *medium;
	struct workqueue_struct *wq;
	int refusal;
};

/**
 * struct blk_cmd - what the driver keeps for a request, in the request
 * @d: the disk; NULL: not initialized yet
 * @waiting: bit 0: the request waits for its delay, and can be claimed
 * @async: the request, without a delay
 * @task: the request, with a delay
 * @delay: the delay
 * @has_task: @task has begun
 * @work: by hand: both
 */
struct blk_cmd {
	struct blk_disk *d;
	unsigned long waiting;
	union {
		struct {
			struct stopper_async async;
			struct stopper_task task;
			struct stopper_timer delay;
			bool has_task;
		};
		struct delayed_work work;
	};
};

/* blk_main.c */
void blk_begin(struct blk_cmd *cmd, bool waits);
bool blk_claim(struct blk_cmd *cmd);
int blk_transfer(struct blk_cmd *cmd);
void blk_end(struct blk_cmd *cmd, int err);
void blk_drop(struct blk_cmd *cmd, int err);

#endif /* STOPPER_SAMPLES_BLK_H */
