// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_cxx.cc - the headers and the library from C++: exceptions and destructors.
 *
 * An exception that passes through a task goes on its way, and the task is
 * accounted for. A panic runs the destructors that it passes. kselftest's
 * headers are C, so the results are printed by hand.
 */
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

#include <stopper/http.h>
#include <stopper/print.h>
#include <stopper/signal.h>
#include <stopper/stopper.h>
#include <stopper/uring.h>

static int nr, failed;
static bool ok;

#define EXPECT(cond) do {							\
	if (!(cond)) {								\
		ok = false;							\
		std::printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);	\
	}									\
} while (0)

namespace {

struct hook {
	int calls = 0;
	bool died = false;
	stopper_panic_kind kind = STOPPER_PANIC_SCOPE;
};

void on_panic(void *arg, const stopper_panic_info *info)
{
	hook *h = static_cast<hook *>(arg);

	h->kind = info->kind;
	h->died = info->died;
	h->calls++;
}

stopper *create(hook *h)
{
	stopper_options opts = {};
	stopper *s = nullptr;

	opts.size = sizeof(opts);
	opts.on_panic = on_panic;
	opts.on_panic_arg = h;
	EXPECT(stopper_create(&s, "c++", &opts) == 0);
	return s;
}

void stop(stopper *s)
{
	EXPECT(stopper_num_tasks(s) == 0);
	EXPECT(stopper_stop(s, nullptr) == 0);
	stopper_put(s);
}

void throws(stopper_ctx *, void *)
{
	throw std::runtime_error("on its way");
}

int throws_err(stopper_ctx *, void *)
{
	throw 42;
}

void exception_passes_through_a_task()
{
	hook h;
	stopper *s = create(&h);
	std::string what;

	try {
		stopper_run_task(s, nullptr, "throws", throws, nullptr);
		EXPECT(!"reached");
	} catch (const std::exception &e) {
		what = e.what();
	}
	EXPECT(what == "on its way");
	EXPECT(stopper_num_tasks(s) == 0);
	try {
		stopper_run_task_err(s, nullptr, "throws", throws_err, nullptr);
		EXPECT(!"reached");
	} catch (int e) {
		EXPECT(e == 42);
	}
	/* and the next task is none the worse */
	EXPECT(stopper_run_task(s, nullptr, "fine", [](stopper_ctx *, void *) {}, nullptr) == 0);
	stop(s);
}

void exception_passes_through_nested_tasks()
{
	hook h;
	stopper *s = create(&h);
	bool caught = false;

	try {
		stopper_run_task(s, nullptr, "outer", [](stopper_ctx *, void *arg) {
			stopper_run_task(static_cast<stopper *>(arg), nullptr, "inner", throws,
					 nullptr);
		}, s);
	} catch (const std::runtime_error &) {
		caught = true;
	}
	EXPECT(caught);
	stop(s);
}

void exception_caught_inside_a_task_ends_nothing()
{
	hook h;
	stopper *s = create(&h);

	EXPECT(stopper_run_task_err(s, nullptr, "catches", [](stopper_ctx *, void *) {
		try {
			throw 1;
		} catch (int) {
			return 7;
		}
		return 0;
	}, nullptr) == 7);
	EXPECT(h.calls == 0);
	stop(s);
}

struct guard {
	int *n;
	~guard() { ++*n; }
};

void panic_runs_destructors()
{
	hook h;
	stopper *s = create(&h);
	int destroyed = 0;

	EXPECT(stopper_run_task_err(s, nullptr, "panics", [](stopper_ctx *, void *arg) -> int {
		guard g{ static_cast<int *>(arg) };

		stopper_panic(nullptr);
	}, &destroyed) == -EOWNERDEAD);
	EXPECT(destroyed == 1);
	EXPECT(h.calls == 1);
	EXPECT(h.kind == STOPPER_PANIC_TASK);
	EXPECT(!h.died);
	stop(s);
}

void waiting_stop_goes_on_after_an_exception()
{
	hook h;
	stopper *s = create(&h);
	std::thread t([s] {
		try {
			stopper_run_task(s, nullptr, "throws late", [](stopper_ctx *, void *arg) {
				stopper_wait(stopper_should_quiesce(static_cast<stopper *>(arg)),
					     nullptr);
				throw 1;
			}, s);
		} catch (int) {
		}
	});

	while (!stopper_num_tasks(s))
		std::this_thread::yield();
	EXPECT(stopper_stop(s, nullptr) == 0);
	t.join();
	stopper_put(s);
}

void run(const char *name, void (*fn)())
{
	ok = true;
	fn();
	failed += !ok;
	std::printf("%sok %d %s\n", ok ? "" : "not ", ++nr, name);
}

} /* namespace */

int main()
{
	std::setvbuf(stdout, nullptr, _IOLBF, 0);
	std::printf("TAP version 13\n1..5\n");
	run("exception_passes_through_a_task", exception_passes_through_a_task);
	run("exception_passes_through_nested_tasks", exception_passes_through_nested_tasks);
	run("exception_caught_inside_a_task_ends_nothing",
	    exception_caught_inside_a_task_ends_nothing);
	run("panic_runs_destructors", panic_runs_destructors);
	run("waiting_stop_goes_on_after_an_exception", waiting_stop_goes_on_after_an_exception);
	return failed != 0;
}
