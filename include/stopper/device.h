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
 * @out: the stopper; the reference belongs to @dev
 * @name: as stopper_create()
 * @opts: as stopper_create()
 *
 * Context: process context.
 * Return: as stopper_create().
 */
#define devm_stopper_create(dev, out, name, opts)				\
	__devm_stopper_create(dev, out, name, opts, STOPPER_SITE("stopper"))
int __devm_stopper_create(struct device *dev, struct stopper **out, const char *name,
			  const struct stopper_options *opts, const struct stopper_site *site);

#endif /* STOPPER_DEVICE_H */
