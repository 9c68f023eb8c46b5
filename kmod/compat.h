/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - what differs between kernels. No other file knows a kernel's version.
 *
 * The code is written for the newest kernel, and what an older one lacks is added here. The
 * root Kbuild looks into the kernel's headers for each feature and defines HAVE_...; that also
 * holds for a distribution's kernel with backports. A feature that it overlooks does not compile.
 */
#ifndef STOPPER_KMOD_COMPAT_H
#define STOPPER_KMOD_COMPAT_H

#include <linux/hrtimer.h>

/*
 * For the root Kbuild: it does not build for an older kernel, and says so when one is newer than
 * the newest that the tests boot.
 */
#define COMPAT_OLDEST	6.1
#define COMPAT_NEWEST	7.3

#ifndef HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* The type of the addresses that kernel_bind() takes. */
#ifndef HAVE_SOCKADDR_UNSIZED
#define sockaddr_unsized sockaddr
#endif

#endif
