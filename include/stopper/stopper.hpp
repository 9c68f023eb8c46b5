/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * stopper.hpp - userspace: the stopper for C++17 and later, on top of stopper.h; no library more.
 *
 * Objects own what they stand for: a stopxx::stopper stops in its destructor, a stopxx::task ends
 * in its, a stopxx::context is a reference. A parameter of type context_ref or event_ref is lent
 * for the call, as a std::string_view is; {} is the background, or an event that never fires. get()
 * gives the C object, for what has no name here.
 *
 * Functions are lambdas or other callables, with a parameter of type context_ref or with none. Each
 * start takes STOPPER_SITE("name"): a static record of its name, file, line and function.
 *
 *	stopxx::stopper web("web");
 *	stopxx::status st = web.run_async(STOPPER_SITE("request"), [conn] { answer(conn); });
 *	if (st == STOPPER_EUNAVAILABLE) ...
 *
 * A refusal is an ordinary result, not an exception: see class status. Constructors throw error.
 *
 * Exceptions of functions never pass through the library:
 *
 * ====================================  ========================================================
 * Exception of                          What becomes of it
 * ====================================  ========================================================
 * run_task()                            the task has ended; run_task() throws it
 * submit()                              std::future::get() throws it
 * run_async(), run_worker(),            the first of each object is kept: exception(), rethrow().
 * add_closer(), async_task              For stopper_result() it is an error: of a std::system_error
 *                                       its errno, of std::bad_alloc -ENOMEM, else -EOWNERDEAD;
 *                                       so STOPPER_STOP_ON_ERROR begins a stop
 * run_limited(), timer                  likewise, but stopper_result() does not know of it
 * callback, a std::stop_callback        std::terminate()
 * ====================================  ========================================================
 *
 * pthread_exit(), cancellation and stopper_panic() are no exceptions: they unwind, destructors
 * run, and the stopper accounts for the task, as stopper.h says.
 */
#ifndef STOPPER_STOPPER_HPP
#define STOPPER_STOPPER_HPP

#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_jthread
#include <stop_token>
#endif

#include <stopper/stopper.h>
#include <stopper/uring.h>

namespace stopxx {

/* The error of a constructor, or of or_throw(). code() is the errno, positive. */
class error : public std::system_error {
public:
	explicit error(int err)
		: std::system_error(-err, std::generic_category(), stopper_strerror(err))
	{
	}
};

/* The result of a call: of a task's function its number, else 0; or a negative errno. */
class [[nodiscard]] status {
public:
	constexpr status(int value = 0) noexcept : value_(value) {}

	/* true: admitted, done; false: an error */
	constexpr explicit operator bool() const noexcept { return value_ >= 0; }
	constexpr int value() const noexcept { return value_; }
	/* 0, or a negative errno */
	constexpr int err() const noexcept { return value_ < 0 ? value_ : 0; }
	const char *message() const noexcept { return stopper_strerror(err()); }
	void or_throw() const
	{
		if (value_ < 0)
			throw error(value_);
	}
	friend constexpr bool operator==(status a, status b) noexcept
	{
		return a.value_ == b.value_;
	}
	friend constexpr bool operator!=(status a, status b) noexcept { return !(a == b); }

private:
	int value_;
};

/* Where a call is made that the library copies: the default argument of such functions. */
struct location {
	stopper_site site;

	static location current(const char *file = __builtin_FILE(),
				const char *func = __builtin_FUNCTION(),
				unsigned int line = __builtin_LINE()) noexcept
	{
		return { { nullptr, file, func, nullptr, line, STOPPER_LAYOUT } };
	}
	const stopper_site *named(const char *name) noexcept
	{
		site.name = name;
		return &site;
	}
};

class context_ref;

/* An event that is somebody else's; see event.h. {}: one that never fires. */
class event_ref {
public:
	event_ref(stopper_event *ev = nullptr) noexcept : ev_(ev) {}

	bool fired() const noexcept { return stopper_event_fired(ev_); }
	inline status wait(context_ref ctx) const;
	status wait() const { return stopper_wait(ev_, nullptr); }
	/* For poll(), epoll and event loops; the event closes it. */
	status fd() const { return stopper_event_fd(ev_); }
	stopper_event *get() const noexcept { return ev_; }

private:
	stopper_event *ev_;
};

/* An event of one's own. */
class event {
public:
	event() noexcept { stopper_event_init(&ev_); }
	~event() { stopper_event_destroy(&ev_); }
	event(const event &) = delete;
	event &operator=(const event &) = delete;

	bool fire() { return stopper_event_fire(&ev_); }
	bool fired() const noexcept { return stopper_event_fired(&ev_); }
	operator event_ref() noexcept { return &ev_; }
	stopper_event *get() noexcept { return &ev_; }

private:
	stopper_event ev_;
};

/*
 * Calls a function once, when an event fires, on the thread that fires it; at once if it has
 * fired. The destructor waits until the function is not running, except in the function itself.
 * The event must exist until then. The function must not block.
 */
class callback {
public:
	template <class F> callback(event_ref ev, F &&fn) : ev_(ev.get()), fn_(std::forward<F>(fn))
	{
		if (ev_)
			status(stopper_event_on_fire(ev_, &of_, call, this)).or_throw();
	}
	~callback()
	{
		if (ev_)
			stopper_event_detach(ev_, &of_);
	}
	callback(const callback &) = delete;
	callback &operator=(const callback &) = delete;

private:
	/* The function may destroy this object, so it is called from the stack. */
	static void call(stopper_on_fire *, void *arg) noexcept
	{
		std::function<void()> fn = std::move(static_cast<callback *>(arg)->fn_);

		fn();
	}

	stopper_event *ev_;
	stopper_on_fire of_;
	std::function<void()> fn_;
};

/* A context that somebody else has a reference to; see ctx.h. {}: the background. */
class context_ref {
public:
	context_ref(stopper_ctx *ctx = nullptr) noexcept : ctx_(ctx) {}

	/* 0, -ECANCELED or -ETIMEDOUT */
	int err() const noexcept { return stopper_ctx_err(ctx_); }
	bool ended() const noexcept { return err() != 0; }
	void cancel() const { stopper_ctx_cancel(ctx_); }
	status cancel_because(int err, std::string_view why,
			      location at = location::current()) const
	{
		return __stopper_ctx_cancel_because(ctx_, at.named("cancel"), err, "%.*s",
						    static_cast<int>(why.size()), why.data());
	}
	/* Nothing if it has not ended. */
	std::optional<stopper_cause> cause() const
	{
		stopper_cause cause;

		return stopper_ctx_cause(ctx_, &cause) ? std::optional(cause) : std::nullopt;
	}
	event_ref done() const { return stopper_ctx_done(ctx_); }
	stopper_ctx *get() const noexcept { return ctx_; }

protected:
	stopper_ctx *ctx_;
};

inline status event_ref::wait(context_ref ctx) const { return stopper_wait(ev_, ctx.get()); }

/* A reference to a context. To destroy it does not cancel the context. */
class context : public context_ref {
public:
	context() noexcept = default;
	/* Takes a reference of its own. */
	explicit context(context_ref other) noexcept : context_ref(stopper_ctx_get(other.get())) {}
	context(const context &other) noexcept : context_ref(stopper_ctx_get(other.ctx_)) {}
	context(context &&other) noexcept : context_ref(std::exchange(other.ctx_, nullptr)) {}
	context &operator=(context other) noexcept
	{
		std::swap(ctx_, other.ctx_);
		return *this;
	}
	~context() { stopper_ctx_put(ctx_); }

	static context with_cancel(context_ref parent = {})
	{
		return made(stopper_ctx_with_cancel, parent.get());
	}
	static context with_timeout(std::chrono::nanoseconds t, context_ref parent = {})
	{
		return made(stopper_ctx_with_timeout, parent.get(), t.count());
	}
	/* steady_clock is CLOCK_MONOTONIC. */
	static context with_deadline(std::chrono::steady_clock::time_point t,
				     context_ref parent = {})
	{
		const std::chrono::nanoseconds ns = t.time_since_epoch();

		return made(stopper_ctx_with_deadline, parent.get(), ns.count());
	}
	static context with_cancel_on_quiesce(::stopper *s, context_ref parent = {})
	{
		return made(stopper_ctx_with_cancel_on_quiesce, s, parent.get());
	}
	static context with_cancel_on_stop(::stopper *s, context_ref parent = {})
	{
		return made(stopper_ctx_with_cancel_on_stop, s, parent.get());
	}

private:
	template <class Make, class... Args> static context made(Make make, Args... args)
	{
		context ctx;

		status(make(args..., &ctx.ctx_)).or_throw();
		return ctx;
	}
};

#ifdef __cpp_lib_jthread
/* A std::stop_token of which a stop is requested when a context ends. Lives no longer than it. */
class token_of {
public:
	explicit token_of(context_ref ctx)
		: callback_(ctx.done(), [source = source_]() mutable { source.request_stop(); })
	{
	}
	std::stop_token token() const noexcept { return source_.get_token(); }

private:
	std::stop_source source_;
	callback callback_;
};

/* A context that ends when a stop of a std::stop_token is requested. */
class context_of {
public:
	explicit context_of(std::stop_token token, context_ref parent = {})
		: ctx_(context::with_cancel(parent)), callback_(std::move(token), cancel{ ctx_ })
	{
	}
	operator context_ref() const noexcept { return ctx_; }
	stopper_ctx *get() const noexcept { return ctx_.get(); }

private:
	struct cancel {
		context_ref ctx;
		void operator()() const noexcept
		{
			(void)ctx.cancel_because(-ECANCELED, "stop_token");
		}
	};

	context ctx_;
	std::stop_callback<cancel> callback_;
};
#endif

namespace detail {

inline int errno_of(const std::exception_ptr &thrown) noexcept
{
	try {
		std::rethrow_exception(thrown);
	} catch (const std::system_error &e) {
		const std::error_code code = e.code();

		if (code.value() > 0 && (code.category() == std::generic_category() ||
					 code.category() == std::system_category()))
			return -code.value();
	} catch (const std::bad_alloc &) {
		return -ENOMEM;
	} catch (...) {
	}
	return STOPPER_EPANIC;
}

/*
 * Calls @fn. An exception is put into @thrown, and is a negative errno. What unwinds without being
 * an exception goes on.
 */
template <class F> int catching(std::exception_ptr &thrown, F &&fn)
{
	try {
		return fn();
	} catch (...) {
		thrown = std::current_exception();
		if (!thrown)
			throw;
		return errno_of(thrown);
	}
}

template <class F> decltype(auto) invoke(F &fn, context_ref ctx)
{
	if constexpr (std::is_invocable_v<F &, context_ref>)
		return fn(ctx);
	else
		return fn();
}

/* What @fn returns as a number: that of a status or an int; else 0. */
template <class F> int call(F &fn, context_ref ctx)
{
	using result = decltype(invoke(fn, ctx));

	if constexpr (std::is_same_v<std::decay_t<result>, status>) {
		return invoke(fn, ctx).value();
	} else if constexpr (std::is_void_v<result>) {
		invoke(fn, ctx);
		return 0;
	} else {
		static_assert(std::is_same_v<std::decay_t<result>, int>,
			      "a function returns nothing, an int or a status");
		return invoke(fn, ctx);
	}
}

/* The first exception that nobody else gets. */
class kept {
public:
	void keep(std::exception_ptr thrown)
	{
		std::lock_guard lock(mutex_);

		if (!first_)
			first_ = std::move(thrown);
	}
	std::exception_ptr first() const
	{
		std::lock_guard lock(mutex_);

		return first_;
	}
	template <class F> int keeping(F &&fn)
	{
		std::exception_ptr thrown;
		const int err = catching(thrown, std::forward<F>(fn));

		if (thrown)
			keep(std::move(thrown));
		return err;
	}

private:
	mutable std::mutex mutex_;
	std::exception_ptr first_;
};

/* A function on its way to another thread. It is destroyed before its task has ended. */
template <class F> struct job {
	F fn;
	std::shared_ptr<kept> exceptions;

	static int run_err(stopper_ctx *ctx, void *arg)
	{
		std::unique_ptr<job> self(static_cast<job *>(arg));

		return self->exceptions->keeping([&] { return call(self->fn, ctx); });
	}
	static void run(stopper_ctx *ctx, void *arg) { run_err(ctx, arg); }
	static int close(void *arg) { return run_err(nullptr, arg); }
};

} /* namespace detail */

/* A semaphore; see sem.h. */
class semaphore {
public:
	explicit semaphore(int capacity) { status(stopper_sem_init(&sem_, capacity)).or_throw(); }
	~semaphore() { stopper_sem_destroy(&sem_); }
	semaphore(const semaphore &) = delete;
	semaphore &operator=(const semaphore &) = delete;

	status acquire(context_ref ctx = {}, int n = 1)
	{
		return stopper_sem_acquire_n(&sem_, n, ctx.get());
	}
	status try_acquire(int n = 1) { return stopper_sem_try_acquire_n(&sem_, n); }
	void release(int n = 1) { stopper_sem_release_n(&sem_, n); }
	status resize(int capacity) { return stopper_sem_resize(&sem_, capacity); }
	void close() { stopper_sem_close(&sem_); }
	int capacity() const { return stopper_sem_capacity(&sem_); }
	int length() const { return stopper_sem_length(&sem_); }
	int waiters() const { return stopper_sem_waiters(&sem_); }
	stopper_sem *get() noexcept { return &sem_; }

private:
	stopper_sem sem_;
};

/* Slots of a semaphore for a scope. false: they were not acquired, see result(). */
class slots {
public:
	explicit slots(semaphore &sem, context_ref ctx = {}, int n = 1)
		: sem_(sem), n_(n), result_(sem.acquire(ctx, n))
	{
	}
	~slots()
	{
		if (result_)
			sem_.release(n_);
	}
	slots(const slots &) = delete;
	slots &operator=(const slots &) = delete;

	explicit operator bool() const noexcept { return bool(result_); }
	status result() const noexcept { return result_; }

private:
	semaphore &sem_;
	int n_;
	status result_;
};

/* Creation options; the fields are those of stopper.h. */
struct options : stopper_options {
	options() noexcept : stopper_options() { size = sizeof(stopper_options); }
};

/*
 * A stopper. The destructor of the object that created it stops it, without a bound, and drops the
 * reference; in one of its own tasks, workers or closers it only begins the stop.
 */
class stopper {
public:
	explicit stopper(const char *name, const stopper_options &opts = options(),
			 location at = location::current())
		: kept_(std::make_shared<detail::kept>()), owner_(true)
	{
		status(__stopper_create(&s_, name, &opts, at.named("stopper"))).or_throw();
	}
	/* A further reference to a stopper that somebody else stops. */
	static stopper share(::stopper *s)
	{
		return stopper(stopper_get(s), std::make_shared<detail::kept>());
	}
	/* A further reference, with the same kept exception. */
	stopper share() const { return stopper(stopper_get(s_), kept_); }

	stopper(stopper &&other) noexcept
		: s_(std::exchange(other.s_, nullptr)), kept_(other.kept_), owner_(other.owner_)
	{
	}
	stopper &operator=(stopper &&other) noexcept
	{
		std::swap(s_, other.s_);
		std::swap(kept_, other.kept_);
		std::swap(owner_, other.owner_);
		return *this;
	}
	~stopper()
	{
		if (s_ && owner_ && stopper_stop(s_, nullptr) == -EDEADLK)
			stopper_stop_async(s_);
		stopper_put(s_);
	}

	/* Runs @fn as a task, on this thread. */
	template <class F> status run_task(const stopper_site *site, context_ref ctx, F &&fn)
	{
		struct scope {
			std::remove_reference_t<F> *fn;
			std::exception_ptr thrown;

			static int run(stopper_ctx *ctx, void *arg)
			{
				scope *self = static_cast<scope *>(arg);

				return detail::catching(self->thrown, [&] {
					return detail::call(*self->fn, ctx);
				});
			}
		} scope = { &fn, nullptr };
		const int value = __stopper_run_task_err(s_, ctx.get(), site, scope.run, &scope);

		if (scope.thrown)
			std::rethrow_exception(std::move(scope.thrown));
		return value;
	}
	template <class F> status run_task(const stopper_site *site, F &&fn)
	{
		return run_task(site, {}, fn);
	}

	/* Runs @fn as a task, on another thread. */
	template <class F> status run_async(const stopper_site *site, context_ref ctx, F &&fn)
	{
		return start<F>(std::forward<F>(fn), [&](auto *job) {
			return __stopper_run_async_task_err(s_, ctx.get(), site, job->run_err, job);
		});
	}
	template <class F> status run_async(const stopper_site *site, F &&fn)
	{
		return run_async(site, {}, std::forward<F>(fn));
	}

	/* The same; the future has what @fn returns or throws, or the error that refused it. */
	template <class F> auto submit(const stopper_site *site, context_ref ctx, F &&fn)
	{
		using result = decltype(detail::invoke(fn, ctx));
		std::promise<result> promise;
		std::future<result> future = promise.get_future();
		status st = run_async(site, ctx, promised<std::decay_t<F>, result>{
			std::forward<F>(fn), std::move(promise) });

		if (st)
			return future;
		std::promise<result> refused;

		refused.set_exception(std::make_exception_ptr(error(st.err())));
		return refused.get_future();
	}
	template <class F> auto submit(const stopper_site *site, F &&fn)
	{
		return submit(site, {}, std::forward<F>(fn));
	}

	/* Likewise, with a slot of @sem, which outlives the task. */
	template <class F>
	status run_limited(const stopper_site *site, context_ref ctx, semaphore &sem, bool wait,
			   F &&fn)
	{
		return start<F>(std::forward<F>(fn), [&](auto *job) {
			return __stopper_run_limited_async_task(s_, ctx.get(), site, sem.get(),
								wait, job->run, job);
		});
	}

	/* Runs @fn on a thread of its own until ShouldStop. */
	template <class F> status run_worker(const stopper_site *site, context_ref ctx, F &&fn)
	{
		return start<F>(std::forward<F>(fn), [&](auto *job) {
			return __stopper_run_worker_err(s_, ctx.get(), site, job->run_err, job);
		});
	}
	template <class F> status run_worker(const stopper_site *site, F &&fn)
	{
		return run_worker(site, {}, std::forward<F>(fn));
	}

	/* Calls @fn at the end of the stop; from CLOSING on, at once. @name: a string constant */
	template <class F> status add_closer(const char *name, F &&fn)
	{
		return start<F>(std::forward<F>(fn), [&](auto *job) {
			return __stopper_add_closer_err_fn(s_, name, job->close, job, nullptr);
		});
	}

	status quiesce(context_ref ctx = {}, location at = location::current())
	{
		return __stopper_quiesce(s_, ctx.get(), at.named("quiesce"));
	}
	status stop(context_ref ctx = {}, location at = location::current())
	{
		return __stopper_stop(s_, ctx.get(), at.named("stop"));
	}
	status stop_because(int err, std::string_view why, context_ref ctx = {},
			    location at = location::current())
	{
		return __stopper_stop_because(s_, ctx.get(), at.named("stop"), err, "%.*s",
					      static_cast<int>(why.size()), why.data());
	}
	status stop_within(std::chrono::nanoseconds t, location at = location::current())
	{
		return __stopper_stop_within(s_, t.count(), at.named("stop_within"));
	}
	status stop_async(location at = location::current())
	{
		return __stopper_stop_async(s_, at.named("stop_async"));
	}
	status stop_async_because(int err, std::string_view why,
				  location at = location::current())
	{
		return __stopper_stop_async_because(s_, at.named("stop_async"), err, "%.*s",
						    static_cast<int>(why.size()), why.data());
	}
	/* As a child, stop after @other. */
	status stop_after(const stopper &other) { return stopper_stop_after(s_, other.s_); }

	/* The first error of a function, also of a C one; or 0 */
	status result(stopper_result_info *out = nullptr) const
	{
		return stopper_result(s_, out);
	}
	/* The first exception that was kept, or nullptr */
	std::exception_ptr exception() const { return kept_->first(); }
	/* Throws it, or the first error as an error. For a caller that has stopped or quiesced. */
	void rethrow() const
	{
		if (std::exception_ptr thrown = exception())
			std::rethrow_exception(thrown);
		result().or_throw();
	}
	/* Nothing if no stop was asked for. */
	std::optional<stopper_cause> cause() const
	{
		stopper_cause cause;

		return stopper_stop_cause(s_, &cause) ? std::optional(cause) : std::nullopt;
	}

	const char *name() const { return stopper_name(s_); }
	enum stopper_phase phase() const { return ::stopper_phase(s_); }
	event_ref should_quiesce() const { return stopper_should_quiesce(s_); }
	event_ref should_stop() const { return stopper_should_stop(s_); }
	event_ref is_stopped() const { return stopper_is_stopped(s_); }
	unsigned long num_tasks() const { return stopper_num_tasks(s_); }
	std::vector<stopper_task_info> running_tasks() const
	{
		std::vector<stopper_task_info> info;

		for (;;) {
			const int n = stopper_running_tasks(s_, info.data(),
							    static_cast<unsigned int>(info.size()));
			const bool all = n <= static_cast<int>(info.size());

			status(n).or_throw();
			info.resize(static_cast<size_t>(n));
			if (all)
				return info;
		}
	}
	std::string task_map() const
	{
		std::string text;

		for (;;) {
			/* The NUL is written to where std::string has its own. */
			const int n = stopper_task_map(s_, text.data(), text.size() + 1);
			const bool all = n <= static_cast<int>(text.size());

			status(n).or_throw();
			text.resize(static_cast<size_t>(n));
			if (all)
				return text;
		}
	}

	context with_cancel_on_quiesce(context_ref parent = {}) const
	{
		return context::with_cancel_on_quiesce(s_, parent);
	}
	context with_cancel_on_stop(context_ref parent = {}) const
	{
		return context::with_cancel_on_stop(s_, parent);
	}
	::stopper *get() const noexcept { return s_; }

private:
	friend class async_task;
	friend class timer;

	stopper(::stopper *s, std::shared_ptr<detail::kept> exceptions) noexcept
		: s_(s), kept_(std::move(exceptions)), owner_(false)
	{
	}

	template <class F, class Result> struct promised {
		F fn;
		std::promise<Result> promise;

		void operator()(context_ref ctx)
		{
			std::exception_ptr thrown;

			(void)detail::catching(thrown, [&] {
				if constexpr (std::is_void_v<Result>) {
					detail::invoke(fn, ctx);
					promise.set_value();
				} else {
					promise.set_value(detail::invoke(fn, ctx));
				}
				return 0;
			});
			if (thrown)
				promise.set_exception(std::move(thrown));
		}
	};

	/* @how admits the job or not; only then does it belong to somebody else. */
	template <class F, class How> status start(F &&fn, How how)
	{
		using job = detail::job<std::decay_t<F>>;
		auto mine = std::unique_ptr<job>(new job{ std::forward<F>(fn), kept_ });
		const int err = how(mine.get());

		if (!err)
			mine.release();
		return err;
	}

	::stopper *s_ = nullptr;
	std::shared_ptr<detail::kept> kept_;
	bool owner_;
};

struct after_resume_t {};
inline constexpr after_resume_t after_resume{};	/* a paused stopper is waited for */

/*
 * A task that lasts as long as its object: a request of an event-driven server, or a scope. false:
 * it was refused, see result(). Neither copied nor moved; it may be destroyed by another thread.
 */
class task {
public:
	task(const stopper &s, const stopper_site *site, context_ref ctx = {})
		: result_(__stopper_task_begin(s.get(), ctx.get(), site, &task_))
	{
	}
	task(after_resume_t, const stopper &s, const stopper_site *site, context_ref ctx = {})
		: result_(__stopper_task_begin_wait(s.get(), ctx.get(), site, &task_))
	{
	}
	~task() { end(); }
	task(const task &) = delete;
	task &operator=(const task &) = delete;

	explicit operator bool() const noexcept { return bool(result_); }
	status result() const noexcept { return result_; }
	/* Which one of many it is. */
	status label(std::string_view text)
	{
		if (!result_)
			return -EINVAL;
		return stopper_task_label(&task_, "%.*s", static_cast<int>(text.size()),
					  text.data());
	}
	/* Earlier than the destructor. */
	void end()
	{
		if (!result_)
			return;
		result_ = -EINVAL;
		stopper_task_end(&task_);
	}

private:
	stopper_task task_;
	status result_;
};

/* Says which one of many the task is that runs on this thread. */
inline status label(std::string_view text)
{
	return stopper_task_label(nullptr, "%.*s", static_cast<int>(text.size()), text.data());
}

/* A pause for a scope; see stopper_pause(). false: it is not paused, see result(). */
class pause {
public:
	explicit pause(const stopper &s, context_ref ctx = {}, location at = location::current())
		: s_(stopper_get(s.get())),
		  result_(__stopper_pause(s_, ctx.get(), at.named("pause")))
	{
	}
	~pause()
	{
		if (result_)
			stopper_resume(s_);
		stopper_put(s_);
	}
	pause(const pause &) = delete;
	pause &operator=(const pause &) = delete;

	explicit operator bool() const noexcept { return bool(result_); }
	status result() const noexcept { return result_; }

private:
	::stopper *s_;
	status result_;
};

/*
 * A task that can be started again and again; see async.h. @done is called once for each start that
 * is admitted, with what the function returned, or why it did not run. The destructor cancels and
 * waits, so it must not run in the function or in @done.
 */
class async_task {
public:
	template <class F> async_task(stopper &s, F &&fn, std::function<void(int)> done = {})
		: s_(s.share()), done_(std::move(done)),
		  fn_([f = std::forward<F>(fn)](context_ref ctx) mutable {
			  return detail::call(f, ctx);
		  })
	{
		stopper_async_init(&record_, run, finish);
		record_.self = this;
	}
	~async_task()
	{
		cancel();
		(void)wait();
	}
	async_task(const async_task &) = delete;
	async_task &operator=(const async_task &) = delete;

	status start(const stopper_site *site, context_ref ctx = {})
	{
		return __stopper_async_start(s_.get(), ctx.get(), site, &record_);
	}
	bool cancel() { return stopper_async_cancel(&record_); }
	/* Until the latest start is over. */
	status wait(context_ref ctx = {}) { return stopper_async_wait(&record_, ctx.get()); }

private:
	struct record : stopper_async {
		async_task *self;
	};

	static int run(stopper_ctx *ctx, stopper_async *async)
	{
		async_task *self = static_cast<record *>(async)->self;

		return self->s_.kept_->keeping([&] { return self->fn_(ctx); });
	}
	static void finish(stopper_async *async, int value)
	{
		async_task *self = static_cast<record *>(async)->self;

		if (!self->done_)
			return;
		self->s_.kept_->keeping([&] {
			self->done_(value);
			return 0;
		});
	}

	stopper s_;
	std::function<void(int)> done_;
	std::function<int(context_ref)> fn_;
	record record_;
};

/*
 * A task that begins after a delay, once or periodically; see timer.h. The destructor cancels and
 * waits, so it must not run in the function.
 */
class timer {
public:
	template <class F> timer(stopper &s, const stopper_site *site, F &&fn)
		: s_(s.share()), fn_([f = std::forward<F>(fn)](context_ref ctx) mutable {
			  return detail::call(f, ctx);
		  })
	{
		__stopper_timer_init(&timer_, s_.get(), site, run, this);
	}
	~timer() { stopper_timer_cancel_sync(&timer_); }
	timer(const timer &) = delete;
	timer &operator=(const timer &) = delete;

	status after(std::chrono::nanoseconds delay, context_ref ctx = {})
	{
		return stopper_run_after(&timer_, ctx.get(), delay.count());
	}
	status every(std::chrono::nanoseconds delay, std::chrono::nanoseconds period,
		     std::chrono::nanoseconds jitter = {}, context_ref ctx = {})
	{
		return stopper_run_every(&timer_, ctx.get(), delay.count(), period.count(),
					 jitter.count());
	}
	/* 1: it was pending; 0: neither pending nor running; -EINPROGRESS */
	status cancel() { return stopper_timer_cancel(&timer_); }
	status cancel_sync() { return stopper_timer_cancel_sync(&timer_); }

private:
	static void run(stopper_ctx *ctx, void *arg)
	{
		timer *self = static_cast<timer *>(arg);

		self->s_.kept_->keeping([&] { return self->fn_(ctx); });
	}

	stopper s_;
	std::function<int(context_ref)> fn_;
	stopper_timer timer_;
};

} /* namespace stopxx */

#endif /* STOPPER_STOPPER_HPP */
