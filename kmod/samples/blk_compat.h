/* SPDX-License-Identifier: GPL-2.0 */
/*
 * blk_compat.h - differences of the block layer between kernel versions, as ../compat.h has them.
 */
#ifndef STOPPER_SAMPLES_BLK_COMPAT_H
#define STOPPER_SAMPLES_BLK_COMPAT_H

#include <linux/blk-mq.h>

/* Came with the limits of the queue as an argument. */
#ifndef HAVE_BLK_MQ_ALLOC_QUEUE
static inline struct gendisk *blk_compat_alloc_disk(struct blk_mq_tag_set *set, void *queuedata)
{
	return blk_mq_alloc_disk(set, queuedata);
}

#undef blk_mq_alloc_disk
#define blk_mq_alloc_disk(set, lim, queuedata)	((void)(lim), blk_compat_alloc_disk(set, queuedata))
#endif

/* Came with the flags of the allocator as a result. */
#ifndef HAVE_BLK_MQ_FREEZE_QUEUE_NOMEMSAVE
#define blk_mq_freeze_queue(q)			(blk_mq_freeze_queue(q), 0u)
#define blk_mq_unfreeze_queue(q, flags)		((void)(flags), blk_mq_unfreeze_queue(q))
#endif

#endif /* STOPPER_SAMPLES_BLK_COMPAT_H */
