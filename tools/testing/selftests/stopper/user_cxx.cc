// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_cxx.cc - the headers and the library from C++: exceptions and destructors.
 *
 * An exception passes through a task, and the task is accounted for. A panic runs the
 * destructors on its way. kselftest's headers are C, so this prints its results itself.
 */
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stopper/http.h>
#include <stopper/http_handler.h>
#include <stopper/print.h>
#include <stopper/signal.h>
#include <stopper/stopper.h>
#include <stopper/trace.h>
#include <stopper/uring.h>
#include "env/results.hpp"

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

/* An exception of an async task, worker or closer has no handler: it ends the program. */
void throws_with_nobody_above(int what)
{
	const rlimit none = { 0, 0 };
	hook h;
	stopper *s = create(&h);
	stopper_sem sem;

	alarm(60);
	setrlimit(RLIMIT_CORE, &none);
	std::freopen("/dev/null", "w", stderr);
	stopper_sem_init(&sem, 1);
	if (what == 0)
		stopper_run_async_task(s, nullptr, "throws", throws, nullptr);
	else if (what == 1)
		stopper_run_worker(s, nullptr, "throws", throws, nullptr);
	else if (what == 2)
		stopper_run_limited_async_task(s, nullptr, "throws", &sem, true, throws, nullptr);
	else
		stopper_add_closer_fn(s, "throws", [](void *) { throw 1; }, nullptr);
	stopper_stop(s, nullptr);
	_exit(1);
}

/* The first test: its children must be able to use the library. */
TEST(exception_that_nobody_catches_terminates)
{
	for (int what = 0; what < 4; what++) {
		std::fflush(nullptr);
		pid_t pid = fork();
		int status = -1;

		if (!pid)
			throws_with_nobody_above(what);
		EXPECT(waitpid(pid, &status, 0) == pid);
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

TEST(exception_passes_through_a_task)
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

TEST(exception_passes_through_nested_tasks)
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

TEST(exception_caught_inside_a_task_ends_nothing)
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

TEST(panic_runs_destructors)
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

TEST(waiting_stop_goes_on_after_an_exception)
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

TEST(exception_passes_through_a_recover_scope)
{
	hook h;
	stopper *s = create(&h);
	int destroyed = 0, caught = 0;

	for (int i = 0; i < 3; i++) {
		try {
			stopper_recover(s, nullptr, "scope", [](stopper_ctx *, void *arg) {
				guard g{ static_cast<int *>(arg) };

				throw 42;
			}, &destroyed);
			EXPECT(!"reached");
		} catch (int e) {
			caught += e == 42;
		}
	}
	EXPECT(caught == 3);
	EXPECT(destroyed == 3);
	/* an exception that somebody catches is no panic */
	EXPECT(h.calls == 0);
	/* a panic finds its own scope, and not one that an exception has left */
	EXPECT(stopper_recover(s, nullptr, "scope", [](stopper_ctx *, void *) {
		stopper_panic(nullptr);
	}, nullptr) == -EOWNERDEAD);
	EXPECT(h.calls == 1);
	stop(s);
}

struct late {
	stopper *s;
	stopper_event in;
};

/* Stop waits for a late closer, which its adder runs, however the closer ends. */
TEST(waiting_stop_goes_on_after_an_exception_in_a_late_closer)
{
	hook h;
	late l = { create(&h), {} };
	bool caught = false;

	stopper_event_init(&l.in);
	EXPECT(stopper_add_closer_fn(l.s, "lets the other come", [](void *arg) {
		stopper_wait(&static_cast<late *>(arg)->in, nullptr);
	}, &l) == 0);
	std::thread t([&l, &caught] {
		while (stopper_phase(l.s) != STOPPER_CLOSING)
			std::this_thread::yield();
		try {
			stopper_add_closer_fn(l.s, "late", [](void *arg) {
				stopper_event_fire(&static_cast<late *>(arg)->in);
				throw 1;
			}, &l);
		} catch (int) {
			caught = true;
		}
	});
	EXPECT(stopper_stop(l.s, nullptr) == 0);
	t.join();
	EXPECT(caught);
	EXPECT(h.calls == 0);
	stopper_put(l.s);
	stopper_event_destroy(&l.in);
}

TEST(exception_passes_through_a_task_that_is_recorded)
{
	hook h;
	stopper *s = create(&h);
	stopper_span span;

	EXPECT(stopper_trace_start("/dev/null") == 0);
	try {
		stopper_run_task(s, nullptr, "outer", [](stopper_ctx *, void *arg) {
			stopper_run_task(static_cast<stopper *>(arg), nullptr, "inner", throws,
					 nullptr);
		}, s);
	} catch (const std::runtime_error &) {
	}
	EXPECT(!stopper_current_span(&span));
	EXPECT(stopper_trace_stop() == 0);
	stop(s);
}

struct dying {
	int destroyed, caught, went_on;
};

/* The end of a thread passes C++ frames as an exception that must be thrown again. */
TEST(thread_that_ends_runs_destructors)
{
	hook h;
	stopper *s = create(&h);
	dying d = {};

	EXPECT(stopper_run_async_task(s, nullptr, "exits", [](stopper_ctx *, void *arg) {
		dying *d = static_cast<dying *>(arg);
		guard g{ &d->destroyed };

		try {
			pthread_exit(nullptr);
		} catch (...) {
			d->caught++;
			throw;
		}
		d->went_on++;
	}, &d) == 0);
	EXPECT(stopper_quiesce(s, nullptr) == 0);
	EXPECT(d.destroyed == 1 && d.caught == 1 && d.went_on == 0);
	EXPECT(h.calls == 1 && h.died && h.kind == STOPPER_PANIC_ASYNC);
	stop(s);
}

} /* namespace */
