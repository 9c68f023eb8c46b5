/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * results.hpp - the tests of a program in C++, one source file each: TEST(name) { EXPECT(...); }. They run in the order
 * in which they are written.
 */
#ifndef ENV_RESULTS_HPP
#define ENV_RESULTS_HPP

#include <cstdio>
#include <vector>

struct test {
	const char *name;
	void (*fn)();
};

static std::vector<test> tests;
static bool ok;

#define EXPECT(cond) do {							\
	if (!(cond)) {								\
		ok = false;							\
		std::printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);	\
	}									\
} while (0)

static bool add_test(const char *name, void (*fn)())
{
	tests.push_back({ name, fn });
	return true;
}

#define TEST(name)								\
	static void name();							\
	[[maybe_unused]] static const bool name##_is_listed = add_test(#name, name);	\
	static void name()

int main()
{
	int nr = 0, failed = 0;

	std::setvbuf(stdout, nullptr, _IOLBF, 0);
	std::printf("TAP version 13\n1..%zu\n", tests.size());
	for (const test &t : tests) {
		ok = true;
		t.fn();
		failed += !ok;
		std::printf("%sok %d %s\n", ok ? "" : "not ", ++nr, t.name);
	}
	return failed != 0;
}

#endif /* ENV_RESULTS_HPP */
