/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * device.h - kernel: a stopper that is stopped with its device.
 */
#ifndef STOPPER_DEVICE_H
#define STOPPER_DEVICE_H

#include <stopper/stopper.h>

struct device;

/**
 * devm_stopper_create() - a stopper that is stopped and put when the device's driver goes
 * @dev: the device
 * @out: the stopper; the reference belongs to @dev. Written only when 0 is returned
 * @name: as stopper_create()
 * @opts: as stopper_create()
 *
 * The device's managed resources are released in reverse order of how they were got, after
 * remove(): what was got before this call outlives the stop, and what is got after it is
 * freed before the stop begins, under tasks that still run. So get all that tasks, workers
 * and closers use first, then the stopper. An interrupt that begins tasks may be got after it:
 * it is freed first, and begins no more.
 *
 * The stop has no bound. A driver that needs one calls stopper_stop() in its remove() with a
 * context; when that has succeeded, this one returns at once.
 *
 * Context: process context.
 * Return: as stopper_create().
 */
#define devm_stopper_create(dev, out, name, opts)				\
	__devm_stopper_create(dev, out, name, opts, STOPPER_SITE("stopper"))
int __devm_stopper_create(struct device *dev, struct stopper **out, const char *name,
			  const struct stopper_options *opts, const struct stopper_site *site);

#endif /* STOPPER_DEVICE_H */
