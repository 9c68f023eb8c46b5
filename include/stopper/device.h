/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * device.h - kernel: a stopper that is a managed resource of a device.
 */
#ifndef STOPPER_DEVICE_H
#define STOPPER_DEVICE_H

#include <stopper/stopper.h>

struct device;

/**
 * devm_stopper_create() - create a stopper that stops when the driver is unbound
 * @dev: the device
 * @out: set to the stopper if 0 is returned, otherwise unchanged; @dev owns the reference
 * @name: as for stopper_create()
 * @opts: as for stopper_create()
 *
 * After remove(), the driver core releases the managed resources of @dev in reverse order of
 * their acquisition, and this one is released by stopper_stop() and stopper_put(). So resources
 * that tasks, workers and closers use are acquired before this call: they outlive the stop.
 * Resources that are acquired after it are freed under tasks that still run. An interrupt whose
 * handler begins tasks is requested after it: it is freed first, and begins no more tasks.
 *
 * The stop has no timeout. A driver that needs one calls stopper_stop() with a context in its
 * remove(); if that succeeds, the managed stop is a no-op.
 *
 * The stopper has %STOPPER_NO_FREEZE set, because the driver core holds the device lock
 * around the stop.
 *
 * Context: Process context. Allocates memory.
 * Return: As stopper_create(); -EINVAL also if @dev is NULL.
 */
#define devm_stopper_create(dev, out, name, opts)				\
	__devm_stopper_create(dev, out, name, opts, STOPPER_SITE("stopper"))
int __devm_stopper_create(struct device *dev, struct stopper **out, const char *name,
			  const struct stopper_options *opts, const struct stopper_site *site);

#endif /* STOPPER_DEVICE_H */
