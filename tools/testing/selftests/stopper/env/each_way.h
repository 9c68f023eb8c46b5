/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * each_way.h - a fixture whose tests run with each way to wait, which a process chooses once.
 *
 * A test may have processes that end in any way: none of them leaves a core file.
 */
#ifndef STOPPER_TEST_EACH_WAY_H
#define STOPPER_TEST_EACH_WAY_H

#include <stdlib.h>
#include <sys/resource.h>

#include "kselftest_harness.h"

FIXTURE(each_way)
{
};

FIXTURE_VARIANT(each_way)
{
	const char *wait;
};

FIXTURE_SETUP(each_way)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	setenv("STOPPER_WAIT", variant->wait, 1);
}

FIXTURE_TEARDOWN(each_way)
{
}

FIXTURE_VARIANT_ADD(each_way, uring_futex) { .wait = "uring-futex" };
FIXTURE_VARIANT_ADD(each_way, uring_eventfd) { .wait = "uring-eventfd" };
FIXTURE_VARIANT_ADD(each_way, futex) { .wait = "futex" };

#endif /* STOPPER_TEST_EACH_WAY_H */
