/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * check.h - what a test says about its conditions.
 *
 * A failed check is reported, and the test goes on. Every check is a value, too: true if it
 * held. Any thread may check. The campaign that includes this supplies check_failed().
 */
#ifndef STOPPER_TEST_CHECK_H
#define STOPPER_TEST_CHECK_H

#include <stopper/types.h>
#include "env.h"

STOPPER_PRINTF(3, 4)
void check_failed(const char *file, int line, const char *fmt, ...);

#define CHECK(cond) ({							\
	bool __held = !!(cond);						\
	if (!__held)							\
		check_failed(__FILE__, __LINE__, "%s", #cond);		\
	__held; })

#define CHECK_EQ(got_, want_) ({					\
	long long __got = (long long)(got_), __want = (long long)(want_);\
	if (__got != __want)						\
		check_failed(__FILE__, __LINE__, "%s: %lld, not %lld",	\
			     #got_ " == " #want_, __got, __want);	\
	__got == __want; })

#define CHECK_STR(got_, want_) ({					\
	const char *__got = (got_), *__want = (want_);			\
	bool __same = !strcmp(__got, __want);				\
	if (!__same)							\
		check_failed(__FILE__, __LINE__, "%s: \"%s\", not \"%s\"", #got_, __got, __want);\
	__same; })

/* Polls until @cond is true, for at most ENV_BOUND; then the check fails. */
#define CHECK_SOON(cond) ({						\
	int64_t __until = env_now() + ENV_BOUND;			\
	bool __held;							\
	while (!(__held = (cond)) && env_now() < __until)		\
		env_nap();						\
	if (!__held)							\
		check_failed(__FILE__, __LINE__, "not true in time: %s", #cond);\
	__held; })

/* The part of @file's path that a message needs. */
static inline const char *check_base_name(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

#endif /* STOPPER_TEST_CHECK_H */
