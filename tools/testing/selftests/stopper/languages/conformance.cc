// SPDX-License-Identifier: GPL-2.0
/*
 * conformance.cc - the contract's rows through stopper.hpp; user_cxx_header.sh builds and runs it.
 */
#include <atomic>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <pthread.h>

#include <stopper/stopper.hpp>
#include "../env/results.hpp"

using namespace std::chrono_literals;
using stopxx::context;
using stopxx::context_ref;
using stopxx::status;

namespace {

/* The text of the exception that @fn throws; "" if it throws none. */
template <class F> std::string thrown_by(F &&fn)
{
	try {
		fn();
	} catch (const std::exception &e) {
		return e.what();
	}
	return "";
}

TEST(admission)
{
	stopxx::stopper s("c++");
	const std::thread::id me = std::this_thread::get_id();
	int calls = 0;

	EXPECT(s.phase() == STOPPER_RUNNING && !std::strcmp(s.name(), "c++"));
	EXPECT(s.run_task(STOPPER_SITE("task"), [&] {
		calls += std::this_thread::get_id() == me && s.num_tasks() == 1;
	}) == 0);
	EXPECT(s.run_task(STOPPER_SITE("task"), [&](context_ref ctx) {
		calls++;
		return ctx.get() ? 8 : 7;
	}).value() == 7);
	EXPECT(s.run_task(STOPPER_SITE("task"), [] { return -EIO; }).err() == -EIO);
	EXPECT(calls == 2);
	EXPECT(s.num_tasks() == 0);
}

TEST(refusal_after_quiesce)
{
	stopxx::stopper s("c++");
	int calls = 0;
	const auto count = [&] { calls++; };
	stopxx::semaphore sem(1);

	EXPECT(s.quiesce());
	EXPECT(s.phase() == STOPPER_QUIESCING && s.should_quiesce().fired());
	EXPECT(s.run_task(STOPPER_SITE("task"), count) == STOPPER_EUNAVAILABLE);
	EXPECT(s.run_async(STOPPER_SITE("async"), count) == STOPPER_EUNAVAILABLE);
	EXPECT(s.run_limited(STOPPER_SITE("limited"), {}, sem, true, count) == STOPPER_EUNAVAILABLE);
	EXPECT(!stopxx::task(s, STOPPER_SITE("handle")));
	EXPECT(thrown_by([&] { s.submit(STOPPER_SITE("submit"), count).get(); }) != "");
	EXPECT(s.run_worker(STOPPER_SITE("worker"), count));
	EXPECT(s.stop());
	EXPECT(s.run_worker(STOPPER_SITE("worker"), count) == STOPPER_EUNAVAILABLE);
	EXPECT(calls == 1);
	EXPECT(s.phase() == STOPPER_STOPPED && s.stop());
}

/* Its function is destroyed with what it owns, before the stop returns. */
TEST(async_runs_elsewhere)
{
	auto owned = std::make_shared<int>(0);
	stopxx::stopper s("c++");
	std::thread::id where;

	EXPECT(s.run_async(STOPPER_SITE("async"), [owned, &where] {
		where = std::this_thread::get_id();
	}));
	EXPECT(s.quiesce());
	EXPECT(where != std::thread::id() && where != std::this_thread::get_id());
	EXPECT(owned.use_count() == 1);
	EXPECT(!s.run_async(STOPPER_SITE("refused"), [owned] {}));
	EXPECT(owned.use_count() == 1);
}

TEST(limited)
{
	stopxx::stopper s("c++");
	stopxx::semaphore sem(1);
	stopxx::event go;
	const context ended = context::with_cancel();
	std::atomic<int> ran = 0;

	ended.cancel();
	EXPECT(s.run_limited(STOPPER_SITE("first"), {}, sem, false, [&] {
		(void)stopxx::event_ref(go).wait();
		ran++;
	}));
	EXPECT(s.run_limited(STOPPER_SITE("second"), {}, sem, false, [&] { ran++; }) ==
	       STOPPER_ETHROTTLED);
	EXPECT(s.run_limited(STOPPER_SITE("third"), ended, sem, true, [&] { ran++; }) == -ECANCELED);
	go.fire();
	EXPECT(s.run_limited(STOPPER_SITE("fourth"), {}, sem, true, [&] { ran++; }));
	EXPECT(s.quiesce());
	EXPECT(ran == 2 && sem.length() == 0);
}

TEST(worker_is_told)
{
	stopxx::stopper s("c++");
	bool returned = false;

	EXPECT(s.run_worker(STOPPER_SITE("worker"), [&] {
		returned = bool(s.should_stop().wait());
	}));
	EXPECT(s.stop());
	EXPECT(returned);
}

TEST(closers_run_in_order)
{
	std::string order;

	{
		stopxx::stopper s("c++");

		EXPECT(s.add_closer("first", [&] { order += 'a'; }));
		EXPECT(s.add_closer("second", [&] { order += 'b'; }));
		EXPECT(s.stop());
		EXPECT(s.add_closer("late", [&] { order += 'c'; }));
	}
	EXPECT(order == "abc");

	stopxx::options opts;

	opts.flags = STOPPER_CLOSERS_LIFO;
	order = "";
	{
		stopxx::stopper s("lifo", opts);

		EXPECT(s.add_closer("first", [&] { order += 'a'; }));
		EXPECT(s.add_closer("second", [&] { order += 'b'; }));
	}
	EXPECT(order == "ba");
}

TEST(handles)
{
	stopxx::stopper s("c++");

	{
		stopxx::task t(s, STOPPER_SITE("handle"));

		EXPECT(t && s.num_tasks() == 1);
	}
	EXPECT(s.num_tasks() == 0);

	auto request = std::make_unique<stopxx::task>(s, STOPPER_SITE("request"));

	EXPECT(s.num_tasks() == 1);
	std::thread([&] { request.reset(); }).join();
	EXPECT(s.num_tasks() == 0);

	stopxx::task t(stopxx::after_resume, s, STOPPER_SITE("early"));

	t.end();
	EXPECT(!t && s.num_tasks() == 0);
	t.end();
}

TEST(contexts)
{
	context parent = context::with_cancel();
	const context child = context::with_timeout(1h, parent), copy = child;
	const context over = context::with_deadline(std::chrono::steady_clock::now());

	EXPECT(!child.ended() && !child.cause());
	EXPECT(!context_ref().ended());
	EXPECT(parent.cancel_because(-ENOSPC, "disk full"));
	EXPECT(parent.cancel_because(-EIO, "later") == -EALREADY);
	EXPECT(copy.err() == -ECANCELED && copy.done().fired());
	EXPECT(copy.cause() && copy.cause()->err == -ENOSPC);
	EXPECT(copy.cause() && !std::strcmp(copy.cause()->text, "disk full"));
	EXPECT(copy.cause() && !std::strcmp(copy.cause()->func, "contexts"));
	EXPECT(over.done().wait() && over.err() == -ETIMEDOUT);
	EXPECT(stopxx::event_ref().wait(over) == -ETIMEDOUT);
	parent = context();
	EXPECT(!parent.get());
}

TEST(contexts_of_a_stopper)
{
	stopxx::stopper s("c++");
	const context at_quiesce = s.with_cancel_on_quiesce(), at_stop = s.with_cancel_on_stop();
	int seen = 0;

	EXPECT(s.run_async(STOPPER_SITE("async"), at_quiesce, [&](context_ref ctx) {
		(void)ctx.done().wait();
		seen = ctx.err();
	}));
	EXPECT(s.quiesce());
	EXPECT(seen == -ECANCELED);
	EXPECT(at_quiesce.ended() && !at_stop.ended());
	EXPECT(s.stop());
	EXPECT(at_stop.ended());
}

TEST(stop_waits)
{
	stopxx::stopper s("c++");
	auto request = std::make_unique<stopxx::task>(s, STOPPER_SITE("request"));
	std::atomic<bool> stopped = false;
	std::thread stopping([&] {
		EXPECT(s.stop());
		stopped = true;
	});

	EXPECT(s.should_quiesce().wait());
	EXPECT(s.num_tasks() == 1 && !stopped && !s.is_stopped().fired());
	request.reset();
	stopping.join();
	EXPECT(stopped && s.is_stopped().fired());
}

/* It gives up, undoes nothing, and a later one goes on. The destructor is one. */
TEST(stop_within)
{
	bool closed = false;

	{
		stopxx::stopper s("c++");
		stopxx::task t(s, STOPPER_SITE("request"));

		EXPECT(s.add_closer("closer", [&] { closed = true; }));
		EXPECT(s.stop_within(1ms) == -ETIMEDOUT);
		EXPECT(s.stop(context::with_timeout(1ms)) == -ETIMEDOUT);
		EXPECT(s.phase() == STOPPER_QUIESCING && !closed);
		t.end();
		EXPECT(s.stop_within(1h));
		EXPECT(closed);
	}
	closed = false;
	{
		stopxx::stopper s("c++");

		EXPECT(s.add_closer("closer", [&] { closed = true; }));
	}
	EXPECT(closed);
}

TEST(stop_from_inside)
{
	auto s = std::make_unique<stopxx::stopper>("c++");
	stopxx::stopper other = s->share();

	EXPECT(s->run_task(STOPPER_SITE("task"), [&] { return s->stop(); }) == -EDEADLK);
	EXPECT(s->phase() == STOPPER_RUNNING);
	/* The destructor begins it. */
	EXPECT(s->run_async(STOPPER_SITE("task"), [&] { s.reset(); }));
	EXPECT(other.is_stopped().wait());
}

TEST(cause)
{
	stopxx::stopper s("c++");
	const context ctx = s.with_cancel_on_quiesce();

	EXPECT(!s.cause());
	EXPECT(s.stop_because(-ENOSPC, "disk full"));
	EXPECT(s.cause() && s.cause()->err == -ENOSPC && ctx.cause()->err == -ENOSPC);
	EXPECT(s.cause() && !std::strcmp(s.cause()->text, "disk full"));
	EXPECT(s.cause() && !std::strcmp(s.cause()->func, "cause"));
}

TEST(result)
{
	stopxx::stopper s("c++");
	stopper_result_info info;

	EXPECT(s.result() == 0);
	EXPECT(s.run_async(STOPPER_SITE("fails"), [] { return -ENOSPC; }));
	EXPECT(s.quiesce());
	EXPECT(s.result(&info) == -ENOSPC);
	EXPECT(!std::strcmp(info.name, "fails") && !std::strcmp(info.func, "result"));
	EXPECT(!s.exception());
	EXPECT(thrown_by([&] { s.rethrow(); }) != "");
}

TEST(stop_on_error)
{
	stopxx::options opts;

	opts.flags = STOPPER_STOP_ON_ERROR;

	stopxx::stopper s("c++", opts);

	EXPECT(s.run_async(STOPPER_SITE("fails"), [] { throw std::bad_alloc(); }));
	EXPECT(s.is_stopped().wait());
	EXPECT(s.result() == -ENOMEM);
	EXPECT(s.cause() && s.cause()->err == -ENOMEM);
}

TEST(labels)
{
	stopxx::stopper s("c++");
	stopxx::task t(s, STOPPER_SITE("request"));

	EXPECT(t.label("GET /slow"));
	EXPECT(s.running_tasks().at(0).label == std::string("GET /slow"));
	t.end();
	EXPECT(t.label("late") == -EINVAL);
	EXPECT(s.run_task(STOPPER_SITE("task"), [&] {
		EXPECT(stopxx::label("block 7"));
		EXPECT(s.running_tasks().at(0).label == std::string("block 7"));
	}));
}

TEST(counts)
{
	stopxx::stopper s("c++");
	stopxx::task a(s, STOPPER_SITE("read")), b(s, STOPPER_SITE("write")); const int line = __LINE__;
	const std::vector<stopper_task_info> info = s.running_tasks();

	EXPECT(s.num_tasks() == 2 && info.size() == 2);
	EXPECT(info.at(0).name == std::string("read") && info.at(0).count == 1);
	EXPECT(info.at(1).name == std::string("write"));
	EXPECT(info.at(1).func == std::string("counts") && info.at(1).line == line);
	EXPECT(s.task_map() == "1      read\n1      write\n");
}

TEST(events)
{
	stopxx::event ev;
	int calls = 0;

	{
		stopxx::callback never(ev, [&] { calls += 100; });
	}
	stopxx::callback cb(ev, [&] { calls++; });
	pollfd fd = { stopxx::event_ref(ev).fd().value(), POLLIN, 0 };

	EXPECT(poll(&fd, 1, 0) == 0);
	EXPECT(ev.fire() && !ev.fire() && ev.fired());
	EXPECT(poll(&fd, 1, -1) == 1);
	EXPECT(calls == 1);
	stopxx::callback late(ev, [&] { calls++; });
	EXPECT(calls == 2);

	/* A callback may destroy its own object. */
	stopxx::event other;
	std::unique_ptr<stopxx::callback> self;
	std::string text = "not destroyed under its function";

	self = std::make_unique<stopxx::callback>(other, [&self, &calls, text] {
		self.reset();
		calls += text == "not destroyed under its function";
	});
	other.fire();
	EXPECT(calls == 3 && !self);
}

TEST(semaphore)
{
	stopxx::semaphore sem(2);
	const context ended = context::with_cancel();

	ended.cancel();
	{
		stopxx::slots both(sem, {}, 2);

		EXPECT(both && sem.length() == 2);
		EXPECT(sem.try_acquire() == -EBUSY);
		EXPECT(!stopxx::slots(sem, ended));
		EXPECT(sem.length() == 2);
	}
	EXPECT(sem.length() == 0 && sem.capacity() == 2);
	EXPECT(sem.resize(1) && sem.acquire() && sem.try_acquire() == -EBUSY);
	sem.release();
	sem.close();
	EXPECT(sem.acquire() == -ESHUTDOWN);
	EXPECT(thrown_by([] { stopxx::semaphore negative(-1); }) != "");
}

TEST(pause)
{
	stopxx::stopper s("c++");

	{
		stopxx::pause p(s);

		EXPECT(p);
		EXPECT(s.run_task(STOPPER_SITE("task"), [] {}) == -EAGAIN);
		EXPECT(!stopxx::task(stopxx::after_resume, s, STOPPER_SITE("task"),
				     context::with_deadline({})));
	}
	EXPECT(s.run_task(STOPPER_SITE("task"), [] {}));
	EXPECT(s.stop());
	EXPECT(stopxx::pause(s).result() == -ESHUTDOWN);
}

/* Also when the task goes through the library, as one in another does. */
TEST(thrown_by_a_task)
{
	stopxx::stopper s("c++");

	EXPECT(thrown_by([&] {
		(void)s.run_task(STOPPER_SITE("outer"), [&] {
			(void)s.run_task(STOPPER_SITE("inner"), [] {
				throw std::runtime_error("from a task");
			});
		});
	}) == "from a task");
	EXPECT(s.num_tasks() == 0 && s.result() == 0 && !s.exception());
}

TEST(thrown_by_an_async_task)
{
	stopxx::stopper s("c++");
	stopxx::semaphore sem(1);

	EXPECT(s.run_async(STOPPER_SITE("async"), []() { throw std::runtime_error("first"); }));
	EXPECT(s.is_stopped().wait(context::with_deadline({})) == -ETIMEDOUT);
	while (s.num_tasks())
		std::this_thread::yield();
	EXPECT(s.run_limited(STOPPER_SITE("limited"), {}, sem, true, [] { throw 2; }));
	EXPECT(s.stop());
	EXPECT(s.result() == STOPPER_EPANIC && sem.length() == 0);
	EXPECT(thrown_by([&] { s.rethrow(); }) == "first");
}

TEST(thrown_by_a_worker)
{
	stopxx::stopper s("c++");

	EXPECT(s.run_worker(STOPPER_SITE("worker"), [] {
		throw std::system_error(ENOSPC, std::generic_category(), "worker");
	}));
	EXPECT(s.stop());
	EXPECT(s.result() == -ENOSPC && s.exception());
}

TEST(thrown_by_a_closer)
{
	stopxx::stopper s("c++");
	bool second = false;

	EXPECT(s.add_closer("first", [] { throw std::runtime_error("closer"); }));
	EXPECT(s.add_closer("second", [&] { second = true; }));
	EXPECT(s.stop());
	EXPECT(second && s.result() == STOPPER_EPANIC);
	EXPECT(thrown_by([&] { s.rethrow(); }) == "closer");
	/* One that comes late runs on this thread; the closer has had its error. */
	EXPECT(s.add_closer("late", [] { throw std::runtime_error("late"); }));
}

TEST(join_gives_it_back)
{
	stopxx::stopper s("c++");
	std::future<int> number = s.submit(STOPPER_SITE("number"), [] { return 42; });
	std::future<std::string> text = s.submit(STOPPER_SITE("text"), [](context_ref) {
		return std::string("text");
	});
	std::future<void> nothing = s.submit(STOPPER_SITE("nothing"), [] {});
	std::future<int> thrown = s.submit(STOPPER_SITE("throws"), []() -> int {
		throw std::runtime_error("given back");
	});

	EXPECT(number.get() == 42 && text.get() == "text");
	nothing.get();
	EXPECT(thrown_by([&] { thrown.get(); }) == "given back");
	EXPECT(s.quiesce());
	EXPECT(!s.exception() && s.result() == 0);
}

/* Beyond the rows: what only C++ has. */

/* pthread_exit(), cancellation and panics pass through; they are no exceptions. */
TEST(forced_unwinding_goes_on)
{
	stopxx::options opts;
	std::atomic<int> hooks = 0;

	opts.on_panic = [](void *arg, const stopper_panic_info *) {
		++*static_cast<std::atomic<int> *>(arg);
	};
	opts.on_panic_arg = &hooks;

	stopxx::stopper s("c++", opts);
	auto owned = std::make_shared<int>(0);

	EXPECT(s.run_async(STOPPER_SITE("exits"), [owned] { pthread_exit(nullptr); }));
	std::future<void> broken = s.submit(STOPPER_SITE("panics"), [] { stopper_panic(nullptr); });
	EXPECT(s.run_task(STOPPER_SITE("panics"), [] { stopper_panic(nullptr); }) == STOPPER_EPANIC);
	EXPECT(thrown_by([&] { broken.get(); }) != "");
	EXPECT(s.stop());
	EXPECT(hooks == 3 && owned.use_count() == 1 && !s.exception());
}

TEST(async_task_starts_again)
{
	stopxx::stopper s("c++");
	std::vector<int> done;
	stopxx::event go, in;
	int runs = 0;

	{
		stopxx::async_task t(s, [&] { return ++runs; }, [&](int value) {
			done.push_back(value);
		});

		EXPECT(t.start(STOPPER_SITE("again")) && t.wait());
		EXPECT(t.start(STOPPER_SITE("again")) && t.wait());
		EXPECT(!t.cancel());
		EXPECT((done == std::vector{ 1, 2 }));
	}
	{
		stopxx::async_task t(s, [&] {
			in.fire();
			(void)stopxx::event_ref(go).wait();
			throw std::runtime_error("kept");
		}, [&](int value) { done.push_back(value); });

		EXPECT(t.start(STOPPER_SITE("again")));
		(void)stopxx::event_ref(in).wait();
		EXPECT(t.start(STOPPER_SITE("again")) == -EBUSY);
		go.fire();
	}
	EXPECT(done.size() == 3 && done.back() == STOPPER_EPANIC);
	EXPECT(thrown_by([&] { s.rethrow(); }) == "kept");
}

TEST(timer_runs_and_is_dropped)
{
	stopxx::stopper s("c++");
	stopxx::event ran;
	bool dropped = true;
	stopxx::timer t(s, STOPPER_SITE("timer"), [&] { ran.fire(); });
	stopxx::timer later(s, STOPPER_SITE("later"), [&] { dropped = false; });

	EXPECT(t.every(0ns, 1h) && later.after(1h));
	EXPECT(stopxx::event_ref(ran).wait());
	EXPECT(t.cancel_sync());
	EXPECT(later.cancel() == 1 && later.after(1h));
	EXPECT(s.stop());
	EXPECT(dropped && later.cancel() == 0);
}

TEST(stopper_moves)
{
	stopxx::stopper a("a"), b = std::move(a);

	EXPECT(a.run_task(STOPPER_SITE("task"), [] {}) == -EINVAL);
	EXPECT(b.run_task(STOPPER_SITE("task"), [] {}));
	a = std::move(b);
	EXPECT(a.run_task(STOPPER_SITE("task"), [] {}));
	EXPECT(thrown_by([] { stopxx::stopper none(nullptr); }) != "");
}

#ifdef __cpp_lib_jthread
TEST(stop_tokens)
{
	stopxx::stopper s("c++");
	const context ctx = s.with_cancel_on_quiesce();
	stopxx::token_of token(ctx);
	std::stop_source source;
	stopxx::context_of other(source.get_token());
	int calls = 0;
	std::stop_callback told(token.token(), [&] { calls++; });

	EXPECT(!token.token().stop_requested() && !context_ref(other).ended());
	EXPECT(s.run_async(STOPPER_SITE("waits"), other, [](context_ref c) { (void)c.done().wait(); }));
	source.request_stop();
	EXPECT(s.quiesce());
	EXPECT(token.token().stop_requested() && calls == 1);
	EXPECT(context_ref(other).cause()->text == std::string("stop_token"));
	EXPECT(stopxx::token_of(ctx).token().stop_requested());
}
#endif

} /* namespace */
