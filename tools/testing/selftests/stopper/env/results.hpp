/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * results.hpp - expectations and TAP results of a test program in C++, one source file each.
 */
#ifndef ENV_RESULTS_HPP
#define ENV_RESULTS_HPP

#include <cstdio>

static int nr, failed;
static bool ok;

#define EXPECT(cond) do {							\
	if (!(cond)) {								\
		ok = false;							\
		std::printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);	\
	}									\
} while (0)

static void run(const char *name, void (*fn)())
{
	ok = true;
	fn();
	failed += !ok;
	std::printf("%sok %d %s\n", ok ? "" : "not ", ++nr, name);
}

#endif /* ENV_RESULTS_HPP */
