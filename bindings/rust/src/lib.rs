// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The stopper from Rust: ordered shutdown and task tracking, on top of libstopper.
//!
//! ```no_run
//! use stopper::{site, Ctx, Stopper};
//!
//! let web = Stopper::new(site!("web"))?;
//! let answer = web.run_async(site!("request"), &Ctx::background(), |_ctx| Ok::<_, stopper::Error>(42))?;
//! assert_eq!(answer.join().unwrap(), Ok(42));
//! # Ok::<(), stopper::Error>(())
//! ```
//!
//! A [`Stopper`] stops when it is dropped, a [`Task`] ends when it is, a [`Ctx`] is a reference. A
//! [`Handle`] is what tasks use of a stopper: it is cloned and sent freely, and keeps nothing from
//! being stopped. [`site!`] is the static record of a call site; its name is that of the task.
//!
//! A refused start is an [`Error`], and its closure is dropped uncalled.
//!
//! No panic unwinds through the library. That of [`Handle::run`] goes on in its caller. That of a
//! task, worker or limited task is what [`JoinHandle::join`] returns; if nobody joins it, and for a
//! closer, the first one is kept for [`Handle::take_panic`]. For [`Handle::result`] and
//! `stop_on_error` it is [`Error::PANIC`], except under [`Handle::run_limited`]. With `panic = "abort"` the process
//! aborts, as elsewhere.
#![warn(missing_docs)]

#[doc(hidden)]
pub mod ffi;

use std::any::Any;
use std::cell::UnsafeCell;
use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::os::raw::{c_char, c_int, c_uint, c_void};
use std::os::unix::io::RawFd;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;
use std::{fmt, io, thread};

/// An error of the stopper: a negative errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(c_int);

impl Error {
    /// Refused: the stopper quiesces or has stopped.
    pub const UNAVAILABLE: Error = Error(ffi::ESHUTDOWN);
    /// Refused: no slot of the semaphore is free.
    pub const THROTTLED: Error = Error(ffi::EBUSY);
    /// Refused: the stopper is paused, or no thread could be started.
    pub const PAUSED: Error = Error(ffi::EAGAIN);
    /// The context of the call was cancelled.
    pub const CANCELED: Error = Error(ffi::ECANCELED);
    /// The time of the call, or of its context, is over.
    pub const TIMED_OUT: Error = Error(ffi::ETIMEDOUT);
    /// The call would wait for itself.
    pub const DEADLOCK: Error = Error(ffi::EDEADLK);
    /// A function ended by a panic, or with its thread.
    pub const PANIC: Error = Error(ffi::EOWNERDEAD);
    /// An argument makes no sense.
    pub const INVALID: Error = Error(ffi::EINVAL);
    /// Out of memory.
    pub const NO_MEMORY: Error = Error(ffi::ENOMEM);

    /// An error of one's own, from an errno, positive or negative.
    pub fn from_errno(errno: i32) -> Error {
        Error(if errno == 0 { ffi::EIO } else { -errno.saturating_abs() })
    }

    /// The negative errno.
    pub fn errno(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: a constant string.
        f.write_str(&unsafe { CStr::from_ptr(ffi::stopper_strerror(self.0)) }.to_string_lossy())
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(e: Error) -> io::Error {
        io::Error::from_raw_os_error(-e.0)
    }
}

/// The result of a call of the stopper.
pub type Result<T> = std::result::Result<T, Error>;

fn check(value: c_int) -> Result<c_int> {
    if value < 0 {
        Err(Error(value))
    } else {
        Ok(value)
    }
}

/// What a function may return that runs on another thread: its errors are those of the stopper.
pub trait Outcome: Send + 'static {
    /// 0, or a negative errno.
    fn errno(&self) -> i32;
}

impl Outcome for () {
    fn errno(&self) -> i32 {
        0
    }
}

impl<T: Send + 'static> Outcome for Result<T> {
    fn errno(&self) -> i32 {
        self.as_ref().err().map_or(0, |e| e.0)
    }
}

impl<T: Send + 'static> Outcome for io::Result<T> {
    fn errno(&self) -> i32 {
        self.as_ref().err().map_or(0, |e| e.raw_os_error().map_or(ffi::EIO, |n| -n))
    }
}

/// A call site; see [`site!`].
#[repr(transparent)]
pub struct Site(ffi::Site);

// SAFETY: it points to constants.
unsafe impl Sync for Site {}

impl Site {
    #[doc(hidden)]
    pub const fn __new(
        name: &'static str,
        file: &'static str,
        func: &'static str,
        line: u32,
    ) -> Site {
        Site(ffi::Site {
            name: Site::c_str(name),
            file: Site::c_str(file),
            func: Site::c_str(func),
            owner: ptr::null(),
            line,
            layout: ffi::LAYOUT,
        })
    }

    const fn c_str(s: &'static str) -> *const c_char {
        assert!(s.as_bytes()[s.len() - 1] == 0);
        s.as_ptr() as *const c_char
    }

    fn name(&self) -> &'static CStr {
        // SAFETY: __new() has seen the NUL, and it is static.
        unsafe { CStr::from_ptr(self.0.name) }
    }
}

/// The static record of this line, with a name.
#[macro_export]
macro_rules! site {
    ($name:literal) => {{
        static SITE: $crate::Site = $crate::Site::__new(
            concat!($name, "\0"),
            concat!(file!(), "\0"),
            concat!(module_path!(), "\0"),
            line!(),
        );
        &SITE
    }};
}

fn string(buffer: &[c_char]) -> String {
    // SAFETY: the library terminates the strings in its structures.
    unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_string_lossy().into_owned()
}

fn nanoseconds(time: Duration) -> i64 {
    time.as_nanos().try_into().unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// The arguments of a format that takes text of any length, without a NUL at its end.
const TEXT: *const c_char = "%.*s\0".as_ptr() as *const c_char;

fn text_len(text: &str) -> c_int {
    text.len().min(4096) as c_int
}

/// Why a context ended, or why a stopper stops.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The error that was given.
    pub err: Error,
    /// The text that was given.
    pub text: String,
    /// Source file of that call.
    pub file: String,
    /// Its line.
    pub line: u32,
    /// Its module.
    pub func: String,
}

fn cause(read: impl FnOnce(*mut ffi::Cause) -> bool) -> Option<Cause> {
    let mut c = MaybeUninit::uninit();
    if !read(c.as_mut_ptr()) {
        return None;
    }
    // SAFETY: it was filled in.
    let c = unsafe { c.assume_init() };
    Some(Cause {
        err: Error(c.err),
        text: string(&c.text),
        file: string(&c.file),
        line: c.line,
        func: string(&c.func),
    })
}

/// An event: it fires once. It is borrowed from its owner.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    raw: *mut ffi::Event,
    owner: PhantomData<&'a ()>,
}

// SAFETY: all functions of an event may be called by any thread.
unsafe impl Send for Event<'_> {}
unsafe impl Sync for Event<'_> {}

impl Event<'_> {
    /// Has it fired?
    pub fn fired(&self) -> bool {
        // SAFETY: its owner lives.
        unsafe { ffi::stopper_event_fired(self.raw) }
    }

    /// Waits until it fires, or `ctx` ends.
    pub fn wait(&self, ctx: &Ctx) -> Result<()> {
        // SAFETY: likewise.
        check(unsafe { ffi::stopper_wait(self.raw, ctx.0) }).map(drop)
    }

    /// A descriptor that is readable from the fire on, for event loops; the event closes it.
    pub fn fd(&self) -> Result<RawFd> {
        // SAFETY: likewise.
        check(unsafe { ffi::stopper_event_fd(self.raw) })
    }
}

/// A context: it bounds how long a caller waits or a task works.
pub struct Ctx(*mut ffi::Ctx);

// SAFETY: it is reference-counted, and all functions may be called by any thread.
unsafe impl Send for Ctx {}
unsafe impl Sync for Ctx {}

impl Ctx {
    /// The context that never ends.
    pub const fn background() -> Ctx {
        Ctx(ptr::null_mut())
    }

    /// A context that [`Ctx::cancel`] ends, or `self`.
    pub fn with_cancel(&self) -> Result<Ctx> {
        // SAFETY: the pointers are valid.
        Ctx::made(|out| unsafe { ffi::stopper_ctx_with_cancel(self.0, out) })
    }

    /// A context that ends after some time, or with `self`.
    pub fn with_timeout(&self, time: Duration) -> Result<Ctx> {
        // SAFETY: likewise.
        Ctx::made(|out| unsafe { ffi::stopper_ctx_with_timeout(self.0, nanoseconds(time), out) })
    }

    fn made(make: impl FnOnce(*mut *mut ffi::Ctx) -> c_int) -> Result<Ctx> {
        let mut raw = ptr::null_mut();
        check(make(&mut raw))?;
        Ok(Ctx(raw))
    }

    /// The context that C lends to a function.
    fn lent(raw: *mut ffi::Ctx) -> ManuallyDrop<Ctx> {
        ManuallyDrop::new(Ctx(raw))
    }

    /// `Err` with [`Error::CANCELED`] or [`Error::TIMED_OUT`] if it has ended.
    pub fn check(&self) -> Result<()> {
        // SAFETY: a reference is held.
        check(unsafe { ffi::stopper_ctx_err(self.0) }).map(drop)
    }

    /// Ends it, and all that are derived from it.
    pub fn cancel(&self) {
        // SAFETY: likewise.
        unsafe { ffi::stopper_ctx_cancel(self.0) }
    }

    /// Likewise, with a cause.
    pub fn cancel_because(&self, site: &'static Site, err: Error, why: &str) -> Result<()> {
        // SAFETY: likewise; the format has these arguments.
        check(unsafe {
            ffi::__stopper_ctx_cancel_because(
                self.0, &site.0, err.0, TEXT, text_len(why), why.as_ptr(),
            )
        })
        .map(drop)
    }

    /// Why it ended.
    pub fn cause(&self) -> Option<Cause> {
        // SAFETY: the pointers are valid.
        cause(|out| unsafe { ffi::stopper_ctx_cause(self.0, out) })
    }

    /// The event that fires when it ends.
    pub fn done(&self) -> Event<'_> {
        // SAFETY: a reference is held.
        Event { raw: unsafe { ffi::stopper_ctx_done(self.0) }, owner: PhantomData }
    }
}

impl Clone for Ctx {
    fn clone(&self) -> Ctx {
        // SAFETY: a reference is held.
        Ctx(unsafe { ffi::stopper_ctx_get(self.0) })
    }
}

impl Drop for Ctx {
    fn drop(&mut self) {
        // SAFETY: it is ours.
        unsafe { ffi::stopper_ctx_put(self.0) }
    }
}

/// A counting semaphore whose waits a context bounds.
pub struct Semaphore(Box<UnsafeCell<ffi::Sem>>);

// SAFETY: all functions may be called by any thread; the record does not move.
unsafe impl Send for Semaphore {}
unsafe impl Sync for Semaphore {}

impl Semaphore {
    /// One with so many slots.
    pub fn new(capacity: i32) -> Result<Arc<Semaphore>> {
        // SAFETY: any bytes may be initialized; on error the record is not used.
        let sem = Box::new(UnsafeCell::new(unsafe { mem::zeroed() }));
        check(unsafe { ffi::stopper_sem_init(sem.get(), capacity) })?;
        Ok(Arc::new(Semaphore(sem)))
    }

    /// Acquires `n` slots for the lifetime of the result; waits for them at most until `ctx` ends.
    pub fn acquire(&self, n: i32, ctx: &Ctx) -> Result<Slots<'_>> {
        // SAFETY: the record is initialized.
        check(unsafe { ffi::stopper_sem_acquire_n(self.0.get(), n, ctx.0) })?;
        Ok(Slots { sem: self, n })
    }

    /// Likewise, without waiting.
    pub fn try_acquire(&self, n: i32) -> Result<Slots<'_>> {
        // SAFETY: likewise.
        check(unsafe { ffi::stopper_sem_try_acquire_n(self.0.get(), n) })?;
        Ok(Slots { sem: self, n })
    }

    /// Changes the number of slots.
    pub fn resize(&self, capacity: i32) -> Result<()> {
        // SAFETY: likewise.
        check(unsafe { ffi::stopper_sem_resize(self.0.get(), capacity) }).map(drop)
    }

    /// Refuses all acquires from now on.
    pub fn close(&self) {
        // SAFETY: likewise.
        unsafe { ffi::stopper_sem_close(self.0.get()) }
    }

    /// The number of slots.
    pub fn capacity(&self) -> i32 {
        // SAFETY: likewise.
        unsafe { ffi::stopper_sem_capacity(self.0.get()) }
    }

    /// The number of slots in use.
    pub fn length(&self) -> i32 {
        // SAFETY: likewise.
        unsafe { ffi::stopper_sem_length(self.0.get()) }
    }

    /// The number of callers that wait.
    pub fn waiters(&self) -> i32 {
        // SAFETY: likewise.
        unsafe { ffi::stopper_sem_waiters(self.0.get()) }
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: slots borrow it, and tasks that hold one keep it: nobody uses it.
        unsafe { ffi::stopper_sem_destroy(self.0.get()) }
    }
}

/// Slots of a semaphore; the drop releases them.
pub struct Slots<'a> {
    sem: &'a Semaphore,
    n: i32,
}

impl Drop for Slots<'_> {
    fn drop(&mut self) {
        // SAFETY: they are held.
        unsafe { ffi::stopper_sem_release_n(self.sem.0.get(), self.n) }
    }
}

/// The phases of a stopper.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Running,
    Quiescing,
    Stopping,
    Closing,
    Stopped,
}

/// The running tasks of one call site.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// Name of the tasks.
    pub name: String,
    /// Label of the oldest, or "".
    pub label: String,
    /// Module of the call site.
    pub func: String,
    /// Its file.
    pub file: String,
    /// Its line.
    pub line: u32,
    /// Thread of the oldest task; 0: unknown.
    pub tid: i32,
    /// How many there are.
    pub count: u64,
    /// How long the oldest has run, at least.
    pub oldest: Duration,
}

/// The first error of a stopper, and the function that it is from.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The error.
    pub err: Error,
    /// Name of the function.
    pub name: String,
    /// File of the call that started it.
    pub file: String,
    /// Its line.
    pub line: u32,
    /// Thread that it ran on.
    pub tid: i32,
}

/// Creation options; see stopper_create(3).
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// The first error of a function begins a stop.
    pub stop_on_error: bool,
    /// Closers run in reverse order.
    pub closers_lifo: bool,
    /// Queued tasks that can be told are not begun from the quiesce on.
    pub drop_queued: bool,
    /// The contexts of tasks on other threads end at the quiesce.
    pub ctx_ends_at_quiesce: bool,
    /// Tasks may start tasks while a quiesce or pause waits for them.
    pub admit_nested: bool,
    /// No stall reports.
    pub quiet: bool,
    /// Until the first stall report; zero: one second.
    pub stall: Duration,
    /// Stops this one as a part of its own stop.
    pub parent: Option<&'a Handle>,
}

/// Options of [`Handle::main`]; see stopper_main(3).
#[derive(Default)]
pub struct MainOptions<'a> {
    /// How long tasks are still admitted after the signal.
    pub lame_duck: Duration,
    /// How long the stop may take; zero: 25 seconds.
    pub grace: Duration,
    /// Called before tasks are refused.
    pub before_quiesce: Option<&'a mut dyn FnMut()>,
}

type Payload = Box<dyn Any + Send>;

/// What outlives the tasks of a stopper: dropped with the last handle.
#[derive(Default)]
struct Kept {
    panic: Mutex<Option<Payload>>,
    semaphores: Mutex<Vec<Arc<Semaphore>>>,
}

impl Kept {
    fn keep(&self, panic: Payload) {
        lock(&self.panic).get_or_insert(panic);
    }
}

/// A reference to a stopper, for its tasks and everybody else.
pub struct Handle {
    raw: *mut ffi::Stopper,
    kept: Arc<Kept>,
}

// SAFETY: it is reference-counted, and all functions may be called by any thread.
unsafe impl Send for Handle {}
unsafe impl Sync for Handle {}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        // SAFETY: a reference is held.
        Handle { raw: unsafe { ffi::stopper_get(self.raw) }, kept: self.kept.clone() }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it is ours.
        unsafe { ffi::stopper_put(self.raw) }
    }
}

/// A stopper. The drop stops it, without a bound; in one of its own functions it begins the stop.
pub struct Stopper(Handle);

impl Deref for Stopper {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.0
    }
}

impl Stopper {
    /// One with the name of the site, and default options.
    pub fn new(site: &'static Site) -> Result<Stopper> {
        Stopper::create(site, site.name(), &Options::default())
    }

    /// One with a name of its own, and options.
    pub fn with_options(site: &'static Site, name: &str, options: &Options<'_>) -> Result<Stopper> {
        let name = CString::new(name).map_err(|_| Error::INVALID)?;
        Stopper::create(site, &name, options)
    }

    fn create(site: &'static Site, name: &CStr, options: &Options<'_>) -> Result<Stopper> {
        let flag = |set, flag: c_uint| if set { flag } else { 0 };
        let options = ffi::Options {
            size: mem::size_of::<ffi::Options>(),
            flags: flag(options.stop_on_error, ffi::STOP_ON_ERROR)
                | flag(options.closers_lifo, ffi::CLOSERS_LIFO)
                | flag(options.drop_queued, ffi::DROP_QUEUED)
                | flag(options.ctx_ends_at_quiesce, ffi::CTX_ENDS_AT_QUIESCE)
                | flag(options.admit_nested, ffi::ADMIT_NESTED)
                | flag(options.quiet, ffi::QUIET),
            reserved: 0,
            on_panic: ptr::null(),
            on_panic_arg: ptr::null_mut(),
            log: ptr::null(),
            log_arg: ptr::null_mut(),
            stall_ns: nanoseconds(options.stall),
            stall_max_ns: 0,
            parent: options.parent.map_or(ptr::null_mut(), |p| p.raw),
            owner: ptr::null(),
            stack_size: 0,
        };
        let mut raw = ptr::null_mut();
        // SAFETY: the pointers are valid; the name is copied.
        check(unsafe { ffi::__stopper_create(&mut raw, name.as_ptr(), &options, &site.0) })?;
        Ok(Stopper(Handle { raw, kept: Arc::default() }))
    }

    /// A further reference.
    pub fn handle(&self) -> Handle {
        self.0.clone()
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        if self.stop(site!("drop"), &Ctx::background()).is_err() {
            // Its tasks go on after the last handle is gone.
            mem::forget(self.kept.clone());
            let _ = self.stop_async(site!("drop"));
        }
    }
}

/// A synchronous task on its way through C, on the caller's stack.
struct Call<F, R> {
    f: Option<F>,
    out: Option<thread::Result<R>>,
}

unsafe extern "C" fn call<F: FnOnce(&Ctx) -> R, R>(ctx: *mut ffi::Ctx, arg: *mut c_void) -> c_int {
    let call = &mut *(arg as *mut Call<F, R>);
    let ctx = Ctx::lent(ctx);
    if let Some(f) = call.f.take() {
        call.out = Some(catch_unwind(AssertUnwindSafe(|| f(&ctx))));
    }
    0
}

/// The result of a function on another thread.
struct Shared<T> {
    state: Mutex<State<T>>,
    over: Condvar,
}

struct State<T> {
    result: Option<thread::Result<T>>,
    joinable: bool,
}

/// A function on its way to another thread.
struct Job<F, T> {
    f: F,
    shared: Arc<Shared<T>>,
    kept: Arc<Kept>,
}

impl<F: FnOnce(&Ctx) -> T, T: Outcome> Job<F, T> {
    fn run(self, ctx: *mut ffi::Ctx) -> c_int {
        let Job { f, shared, kept } = self;
        let ctx = Ctx::lent(ctx);
        let result = catch_unwind(AssertUnwindSafe(|| f(&ctx)));
        let errno = result.as_ref().map_or(ffi::EOWNERDEAD, |t| t.errno());
        let mut state = lock(&shared.state);
        match result {
            Err(panic) if !state.joinable => kept.keep(panic),
            result => state.result = Some(result),
        }
        shared.over.notify_all();
        errno
    }

    /// # Safety
    /// `arg` is of Box::into_raw(), and used once.
    unsafe extern "C" fn enter_err(ctx: *mut ffi::Ctx, arg: *mut c_void) -> c_int {
        Box::from_raw(arg as *mut Self).run(ctx)
    }

    /// # Safety
    /// Likewise.
    unsafe extern "C" fn enter(ctx: *mut ffi::Ctx, arg: *mut c_void) {
        Box::from_raw(arg as *mut Self).run(ctx);
    }

    /// # Safety
    /// Likewise.
    unsafe extern "C" fn close(arg: *mut c_void) -> c_int {
        Box::from_raw(arg as *mut Self).run(ptr::null_mut())
    }
}

/// The end of a function on another thread. To drop it detaches from it.
pub struct JoinHandle<T> {
    shared: Arc<Shared<T>>,
    kept: Arc<Kept>,
}

impl<T> JoinHandle<T> {
    /// Waits until it has ended, and returns what it returned; `Err` has its panic.
    pub fn join(self) -> thread::Result<T> {
        let mut state = lock(&self.shared.state);
        loop {
            match state.result.take() {
                Some(result) => return result,
                None => state = self.shared.over.wait(state).unwrap_or_else(|e| e.into_inner()),
            }
        }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.joinable = false;
        if let Some(Err(panic)) = state.result.take() {
            self.kept.keep(panic);
        }
    }
}

impl Handle {
    // Starts

    /// Runs a function as a task, on this thread.
    pub fn run<F, R>(&self, site: &'static Site, ctx: &Ctx, f: F) -> Result<R>
    where
        F: FnOnce(&Ctx) -> R,
    {
        let mut c = Call { f: Some(f), out: None };
        let arg = &mut c as *mut Call<F, R> as *mut c_void;
        // SAFETY: the site is static, and what is called knows the type of arg.
        let err = unsafe {
            ffi::__stopper_run_task_err(self.raw, ctx.0, &site.0, call::<F, R>, arg)
        };
        match c.out {
            Some(Ok(value)) => Ok(value),
            Some(Err(panic)) => resume_unwind(panic),
            None => Err(Error(err)),
        }
    }

    /// Runs a function as a task, on another thread.
    pub fn run_async<F, T>(&self, site: &'static Site, ctx: &Ctx, f: F) -> Result<JoinHandle<T>>
    where
        F: FnOnce(&Ctx) -> T + Send + 'static,
        T: Outcome,
    {
        self.start(f, |arg| unsafe {
            // SAFETY: the site is static, and what is called knows the type of arg.
            ffi::__stopper_run_async_task_err(
                self.raw, ctx.0, &site.0, Job::<F, T>::enter_err, arg,
            )
        })
    }

    /// The same with a slot of a semaphore. `wait`: for a slot; else [`Error::THROTTLED`].
    pub fn run_limited<F, T>(
        &self,
        site: &'static Site,
        ctx: &Ctx,
        sem: &Arc<Semaphore>,
        wait: bool,
        f: F,
    ) -> Result<JoinHandle<T>>
    where
        F: FnOnce(&Ctx) -> T + Send + 'static,
        T: Outcome,
    {
        let mut kept = lock(&self.kept.semaphores);
        if !kept.iter().any(|other| Arc::ptr_eq(other, sem)) {
            kept.push(sem.clone());
        }
        drop(kept);
        self.start(f, |arg| unsafe {
            // SAFETY: likewise; the semaphore is kept until no task can hold a slot.
            ffi::__stopper_run_limited_async_task(
                self.raw, ctx.0, &site.0, sem.0.get(), wait, Job::<F, T>::enter, arg,
            )
        })
    }

    /// Runs a function on a thread of its own until ShouldStop.
    pub fn run_worker<F, T>(&self, site: &'static Site, ctx: &Ctx, f: F) -> Result<JoinHandle<T>>
    where
        F: FnOnce(&Ctx) -> T + Send + 'static,
        T: Outcome,
    {
        self.start(f, |arg| unsafe {
            // SAFETY: likewise.
            ffi::__stopper_run_worker_err(self.raw, ctx.0, &site.0, Job::<F, T>::enter_err, arg)
        })
    }

    /// Calls a function at the end of the stop; from CLOSING on, at once.
    pub fn add_closer<F, T>(&self, site: &'static Site, f: F) -> Result<()>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Outcome,
    {
        fn start<F, T>(h: &Handle, site: &'static Site, f: F) -> Result<JoinHandle<T>>
        where
            F: FnOnce(&Ctx) -> T + Send + 'static,
            T: Outcome,
        {
            h.start(f, |arg| unsafe {
                // SAFETY: likewise.
                ffi::__stopper_add_closer_err_fn(
                    h.raw, site.0.name, Job::<F, T>::close, arg, ptr::null(),
                )
            })
        }
        start(self, site, move |_: &Ctx| f()).map(drop)
    }

    fn start<F, T>(&self, f: F, admit: impl FnOnce(*mut c_void) -> c_int) -> Result<JoinHandle<T>>
    where
        F: FnOnce(&Ctx) -> T + Send + 'static,
        T: Outcome,
    {
        let state = Mutex::new(State { result: None, joinable: true });
        let shared = Arc::new(Shared { state, over: Condvar::new() });
        let handle = JoinHandle { shared: shared.clone(), kept: self.kept.clone() };
        let job = Box::into_raw(Box::new(Job { f, shared, kept: self.kept.clone() }));
        if let Err(err) = check(admit(job as *mut c_void)) {
            // SAFETY: it was refused, so it is still ours.
            drop(unsafe { Box::from_raw(job) });
            return Err(err);
        }
        Ok(handle)
    }

    /// Begins a task that is not a function call; the drop ends it, on any thread.
    pub fn begin(&self, site: &'static Site, ctx: &Ctx) -> Result<Task> {
        self.begin_by(ffi::__stopper_task_begin, site, ctx)
    }

    /// Likewise; a pause is waited out.
    pub fn begin_wait(&self, site: &'static Site, ctx: &Ctx) -> Result<Task> {
        self.begin_by(ffi::__stopper_task_begin_wait, site, ctx)
    }

    fn begin_by(
        &self,
        begin: unsafe extern "C" fn(
            *mut ffi::Stopper,
            *mut ffi::Ctx,
            *const ffi::Site,
            *mut ffi::Task,
        ) -> c_int,
        site: &'static Site,
        ctx: &Ctx,
    ) -> Result<Task> {
        // SAFETY: the record is initialized by the call, and does not move.
        let record = Box::new(UnsafeCell::new(unsafe { mem::zeroed() }));
        check(unsafe { begin(self.raw, ctx.0, &site.0, record.get()) })?;
        Ok(Task { record, _ctx: ctx.clone() })
    }

    // The stop

    /// Refuses tasks, and waits until none runs or `ctx` ends.
    pub fn quiesce(&self, site: &'static Site, ctx: &Ctx) -> Result<()> {
        // SAFETY: a reference is held.
        check(unsafe { ffi::__stopper_quiesce(self.raw, ctx.0, &site.0) }).map(drop)
    }

    /// Stops; `ctx` bounds the wait alone.
    pub fn stop(&self, site: &'static Site, ctx: &Ctx) -> Result<()> {
        // SAFETY: likewise.
        check(unsafe { ffi::__stopper_stop(self.raw, ctx.0, &site.0) }).map(drop)
    }

    /// Likewise, with a cause.
    pub fn stop_because(&self, site: &'static Site, ctx: &Ctx, err: Error, why: &str) -> Result<()> {
        // SAFETY: likewise; the format has these arguments.
        check(unsafe {
            ffi::__stopper_stop_because(
                self.raw, ctx.0, &site.0, err.0, TEXT, text_len(why), why.as_ptr(),
            )
        })
        .map(drop)
    }

    /// Stops in stages; see stopper_stop_within(3).
    pub fn stop_within(&self, site: &'static Site, time: Duration) -> Result<()> {
        // SAFETY: likewise.
        check(unsafe { ffi::__stopper_stop_within(self.raw, nanoseconds(time), &site.0) }).map(drop)
    }

    /// Begins a stop without waiting for it: for the stopper's own functions.
    pub fn stop_async(&self, site: &'static Site) -> Result<()> {
        // SAFETY: likewise.
        check(unsafe { ffi::__stopper_stop_async(self.raw, &site.0) }).map(drop)
    }

    /// Likewise, with a cause.
    pub fn stop_async_because(&self, site: &'static Site, err: Error, why: &str) -> Result<()> {
        // SAFETY: likewise; the format has these arguments.
        check(unsafe {
            ffi::__stopper_stop_async_because(
                self.raw, &site.0, err.0, TEXT, text_len(why), why.as_ptr(),
            )
        })
        .map(drop)
    }

    /// As a child, stop after another one.
    pub fn stop_after(&self, other: &Handle) -> Result<()> {
        // SAFETY: likewise.
        check(unsafe { ffi::stopper_stop_after(self.raw, other.raw) }).map(drop)
    }

    /// Refuses tasks for the lifetime of the result, and waits until none runs.
    pub fn pause(&self, site: &'static Site, ctx: &Ctx) -> Result<Pause> {
        // SAFETY: likewise.
        check(unsafe { ffi::__stopper_pause(self.raw, ctx.0, &site.0) })?;
        Ok(Pause(self.clone()))
    }

    /// Waits for SIGTERM or SIGINT, stops, and returns the exit status; see stopper_main(3). A
    /// panic of `before_quiesce` goes on at the end.
    pub fn main(&self, site: &'static Site, options: MainOptions<'_>) -> i32 {
        struct Hook<'a>(Option<&'a mut dyn FnMut()>, Option<Payload>);

        unsafe extern "C" fn before_quiesce(arg: *mut c_void) {
            let hook = &mut *(arg as *mut Hook<'_>);
            if let Some(f) = &mut hook.0 {
                hook.1 = catch_unwind(AssertUnwindSafe(f)).err();
            }
        }

        let mut hook = Hook(options.before_quiesce, None);
        let raw = ffi::MainOptions {
            size: mem::size_of::<ffi::MainOptions>(),
            signals: ptr::null(),
            nsignals: 0,
            reserved: 0,
            lame_duck_ns: nanoseconds(options.lame_duck),
            grace_ns: nanoseconds(options.grace),
            ready: ptr::null(),
            before_quiesce: Some(before_quiesce),
            on_remaining: ptr::null(),
            arg: &mut hook as *mut Hook<'_> as *mut c_void,
        };
        // SAFETY: likewise; the hook is called during the call, on this thread.
        let status = unsafe { ffi::__stopper_main(self.raw, &raw, &site.0) };
        match hook.1 {
            Some(panic) => resume_unwind(panic),
            None => status,
        }
    }

    // Questions

    /// The name as it is shown.
    pub fn name(&self) -> String {
        // SAFETY: it lives as long as the stopper.
        unsafe { CStr::from_ptr(ffi::stopper_name(self.raw)) }.to_string_lossy().into_owned()
    }

    /// The phase at some moment during the call.
    pub fn phase(&self) -> Phase {
        // SAFETY: a reference is held.
        match unsafe { ffi::stopper_phase(self.raw) } {
            0 => Phase::Running,
            1 => Phase::Quiescing,
            2 => Phase::Stopping,
            3 => Phase::Closing,
            _ => Phase::Stopped,
        }
    }

    /// Fires when tasks are refused.
    pub fn should_quiesce(&self) -> Event<'_> {
        // SAFETY: likewise.
        Event { raw: unsafe { ffi::stopper_should_quiesce(self.raw) }, owner: PhantomData }
    }

    /// Fires when workers must return.
    pub fn should_stop(&self) -> Event<'_> {
        // SAFETY: likewise.
        Event { raw: unsafe { ffi::stopper_should_stop(self.raw) }, owner: PhantomData }
    }

    /// Fires when it has stopped.
    pub fn is_stopped(&self) -> Event<'_> {
        // SAFETY: likewise.
        Event { raw: unsafe { ffi::stopper_is_stopped(self.raw) }, owner: PhantomData }
    }

    /// A context that ends when this stopper quiesces, or with its parent.
    pub fn with_cancel_on_quiesce(&self, parent: &Ctx) -> Result<Ctx> {
        // SAFETY: the pointers are valid.
        Ctx::made(|out| unsafe {
            ffi::stopper_ctx_with_cancel_on_quiesce(self.raw, parent.0, out)
        })
    }

    /// A context that ends when no task of this stopper is left, or with its parent.
    pub fn with_cancel_on_stop(&self, parent: &Ctx) -> Result<Ctx> {
        // SAFETY: likewise.
        Ctx::made(|out| unsafe { ffi::stopper_ctx_with_cancel_on_stop(self.raw, parent.0, out) })
    }

    /// Why it stops.
    pub fn cause(&self) -> Option<Cause> {
        // SAFETY: likewise.
        cause(|out| unsafe { ffi::stopper_stop_cause(self.raw, out) })
    }

    /// The first error of a function.
    pub fn result(&self) -> Option<Failure> {
        let mut info = MaybeUninit::uninit();
        // SAFETY: likewise; the record is filled in if there is an error.
        if unsafe { ffi::stopper_result(self.raw, info.as_mut_ptr()) } == 0 {
            return None;
        }
        let info = unsafe { info.assume_init() };
        Some(Failure {
            err: Error(info.err),
            name: string(&info.name),
            file: string(&info.file),
            line: info.line,
            tid: info.tid,
        })
    }

    /// The first panic of a function that nobody joins; [`resume_unwind`] goes on with it.
    pub fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        lock(&self.kept.panic).take()
    }

    /// Counts the running tasks.
    pub fn num_tasks(&self) -> u64 {
        // SAFETY: a reference is held.
        unsafe { ffi::stopper_num_tasks(self.raw) as u64 }
    }

    /// The running tasks by call site.
    pub fn running_tasks(&self) -> Result<Vec<TaskInfo>> {
        let mut info: Vec<ffi::TaskInfo> = Vec::with_capacity(16);
        loop {
            let room = info.capacity();
            // SAFETY: there is room for so many records, and the first n are filled in.
            let n = check(unsafe {
                ffi::stopper_running_tasks(self.raw, info.as_mut_ptr(), room as c_uint)
            })? as usize;
            if n <= room {
                unsafe { info.set_len(n) };
                break;
            }
            info.reserve(2 * n);
        }
        Ok(info
            .iter()
            .map(|i| TaskInfo {
                name: string(&i.name),
                label: string(&i.label),
                func: string(&i.func),
                file: string(&i.file),
                line: i.line,
                tid: i.tid,
                count: i.count,
                oldest: Duration::from_nanos(i.oldest_ns.max(0) as u64),
            })
            .collect())
    }

    /// The running tasks as text.
    pub fn task_map(&self) -> Result<String> {
        let mut text = vec![0u8; 256];
        loop {
            // SAFETY: there is so much room.
            let length = check(unsafe {
                ffi::stopper_task_map(self.raw, text.as_mut_ptr() as *mut c_char, text.len())
            })? as usize;
            if length < text.len() {
                text.truncate(length);
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
            text.resize(length + 1, 0);
        }
    }
}

/// A task that lasts until it is dropped: a request of an event-driven server, or a scope.
pub struct Task {
    record: Box<UnsafeCell<ffi::Task>>,
    _ctx: Ctx,
}

// SAFETY: any thread may end it. It is not Sync: one label at a time.
unsafe impl Send for Task {}

impl Task {
    /// Says which one of many it is.
    pub fn label(&self, text: &str) -> Result<()> {
        // SAFETY: it has begun; the format has these arguments.
        check(unsafe {
            ffi::stopper_task_label(self.record.get(), TEXT, text_len(text), text.as_ptr())
        })
        .map(drop)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: it has begun.
        unsafe { ffi::stopper_task_end(self.record.get()) }
    }
}

/// Says which one of many the task is that runs on this thread.
pub fn label(text: &str) -> Result<()> {
    // SAFETY: the format has these arguments.
    check(unsafe { ffi::stopper_task_label(ptr::null_mut(), TEXT, text_len(text), text.as_ptr()) })
        .map(drop)
}

/// A pause; the drop takes it back.
pub struct Pause(Handle);

impl Drop for Pause {
    fn drop(&mut self) {
        // SAFETY: a reference is held.
        unsafe { ffi::stopper_resume(self.0.raw) };
    }
}
