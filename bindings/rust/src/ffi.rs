// SPDX-License-Identifier: GPL-2.0 OR MIT
//! What the C headers define. `layouts()` is compared with them by a test.
use std::os::raw::{c_char, c_int, c_uint, c_ulong, c_void};

pub const LAYOUT: c_uint = 3; // STOPPER_LAYOUT

pub const CLOSERS_LIFO: c_uint = 1 << 0;
pub const QUIET: c_uint = 1 << 1;
pub const STOP_ON_ERROR: c_uint = 1 << 3;
pub const DROP_QUEUED: c_uint = 1 << 4;
pub const CTX_ENDS_AT_QUIESCE: c_uint = 1 << 5;
pub const ADMIT_NESTED: c_uint = 1 << 6;

// Linux's numbers, negative.
pub const EIO: c_int = -5;
pub const EAGAIN: c_int = -11;
pub const ENOMEM: c_int = -12;
pub const EBUSY: c_int = -16;
pub const EINVAL: c_int = -22;
pub const EDEADLK: c_int = -35;
pub const ESHUTDOWN: c_int = -108;
pub const ETIMEDOUT: c_int = -110;
pub const ECANCELED: c_int = -125;
pub const EOWNERDEAD: c_int = -130;

#[repr(C)]
pub struct Stopper {
    private: [u8; 0],
}

#[repr(C)]
pub struct Ctx {
    private: [u8; 0],
}

#[repr(C)]
pub struct Event {
    private: [u8; 0],
}

#[repr(C)]
pub struct Site {
    pub name: *const c_char,
    pub file: *const c_char,
    pub func: *const c_char,
    pub owner: *const c_void,
    pub line: c_uint,
    pub layout: c_uint,
}

#[repr(C)]
pub struct Options {
    pub size: usize,
    pub flags: c_uint,
    pub reserved: c_uint,
    pub on_panic: *const c_void,
    pub on_panic_arg: *mut c_void,
    pub log: *const c_void,
    pub log_arg: *mut c_void,
    pub stall_ns: i64,
    pub stall_max_ns: i64,
    pub parent: *mut Stopper,
    pub owner: *const c_void,
    pub stack_size: usize,
}

#[repr(C)]
pub struct MainOptions {
    pub size: usize,
    pub signals: *const c_int,
    pub nsignals: c_uint,
    pub reserved: c_uint,
    pub lame_duck_ns: i64,
    pub grace_ns: i64,
    pub ready: *const c_void,
    pub before_quiesce: Option<unsafe extern "C" fn(*mut c_void)>,
    pub on_remaining: *const c_void,
    pub arg: *mut c_void,
}

#[repr(C)]
pub struct Cause {
    pub err: c_int,
    pub line: c_uint,
    pub text: [c_char; 97],
    pub file: [c_char; 32],
    pub func: [c_char; 28],
}

#[repr(C)]
pub struct ResultInfo {
    pub err: c_int,
    pub tid: c_int,
    pub line: c_uint,
    pub name: [c_char; 132],
    pub file: [c_char; 32],
    pub func: [c_char; 28],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct TaskInfo {
    pub name: [c_char; 132],
    pub func: [c_char; 60],
    pub file: [c_char; 64],
    pub line: c_uint,
    pub tid: c_int,
    pub count: u64,
    pub oldest_ns: i64,
    pub label: [c_char; 48],
}

/// Private: only its size counts.
#[repr(C)]
pub struct Task {
    private: [u64; 12],
}

/// Likewise.
#[repr(C)]
pub struct Sem {
    private: [u64; 10],
}

pub type Fn = unsafe extern "C" fn(*mut Ctx, *mut c_void);
pub type ErrFn = unsafe extern "C" fn(*mut Ctx, *mut c_void) -> c_int;

extern "C" {
    pub fn __stopper_create(
        out: *mut *mut Stopper,
        name: *const c_char,
        opts: *const Options,
        site: *const Site,
    ) -> c_int;
    pub fn stopper_get(s: *mut Stopper) -> *mut Stopper;
    pub fn stopper_put(s: *mut Stopper);
    pub fn stopper_name(s: *const Stopper) -> *const c_char;
    pub fn stopper_phase(s: *const Stopper) -> c_int;
    pub fn stopper_strerror(err: c_int) -> *const c_char;

    pub fn __stopper_run_task_err(
        s: *mut Stopper,
        ctx: *mut Ctx,
        site: *const Site,
        f: ErrFn,
        arg: *mut c_void,
    ) -> c_int;
    pub fn __stopper_run_async_task_err(
        s: *mut Stopper,
        ctx: *mut Ctx,
        site: *const Site,
        f: ErrFn,
        arg: *mut c_void,
    ) -> c_int;
    pub fn __stopper_run_limited_async_task(
        s: *mut Stopper,
        ctx: *mut Ctx,
        site: *const Site,
        sem: *mut Sem,
        wait: bool,
        f: Fn,
        arg: *mut c_void,
    ) -> c_int;
    pub fn __stopper_run_worker_err(
        s: *mut Stopper,
        ctx: *mut Ctx,
        site: *const Site,
        f: ErrFn,
        arg: *mut c_void,
    ) -> c_int;
    pub fn __stopper_add_closer_err_fn(
        s: *mut Stopper,
        name: *const c_char,
        f: unsafe extern "C" fn(*mut c_void) -> c_int,
        arg: *mut c_void,
        owner: *const c_void,
    ) -> c_int;
    pub fn __stopper_task_begin(
        s: *mut Stopper,
        ctx: *mut Ctx,
        site: *const Site,
        task: *mut Task,
    ) -> c_int;
    pub fn __stopper_task_begin_wait(
        s: *mut Stopper,
        ctx: *mut Ctx,
        site: *const Site,
        task: *mut Task,
    ) -> c_int;
    pub fn stopper_task_end(task: *mut Task);
    pub fn stopper_task_label(task: *mut Task, fmt: *const c_char, ...) -> c_int;

    pub fn __stopper_quiesce(s: *mut Stopper, ctx: *mut Ctx, site: *const Site) -> c_int;
    pub fn __stopper_pause(s: *mut Stopper, ctx: *mut Ctx, site: *const Site) -> c_int;
    pub fn stopper_resume(s: *mut Stopper) -> c_int;
    pub fn __stopper_stop(s: *mut Stopper, ctx: *mut Ctx, site: *const Site) -> c_int;
    pub fn __stopper_stop_within(s: *mut Stopper, ns: i64, site: *const Site) -> c_int;
    pub fn __stopper_stop_async(s: *mut Stopper, site: *const Site) -> c_int;
    pub fn __stopper_stop_because(
        s: *mut Stopper,
        ctx: *mut Ctx,
        site: *const Site,
        err: c_int,
        fmt: *const c_char,
        ...
    ) -> c_int;
    pub fn __stopper_stop_async_because(
        s: *mut Stopper,
        site: *const Site,
        err: c_int,
        fmt: *const c_char,
        ...
    ) -> c_int;
    pub fn stopper_stop_after(child: *mut Stopper, other: *mut Stopper) -> c_int;
    pub fn __stopper_main(s: *mut Stopper, opts: *const MainOptions, site: *const Site) -> c_int;

    pub fn stopper_stop_cause(s: *mut Stopper, out: *mut Cause) -> bool;
    pub fn stopper_result(s: *mut Stopper, out: *mut ResultInfo) -> c_int;
    pub fn stopper_num_tasks(s: *mut Stopper) -> c_ulong;
    pub fn stopper_running_tasks(s: *mut Stopper, info: *mut TaskInfo, n: c_uint) -> c_int;
    pub fn stopper_task_map(s: *mut Stopper, buf: *mut c_char, size: usize) -> c_int;
    pub fn stopper_should_quiesce(s: *mut Stopper) -> *mut Event;
    pub fn stopper_should_stop(s: *mut Stopper) -> *mut Event;
    pub fn stopper_is_stopped(s: *mut Stopper) -> *mut Event;

    pub fn stopper_ctx_with_cancel(parent: *mut Ctx, out: *mut *mut Ctx) -> c_int;
    pub fn stopper_ctx_with_timeout(parent: *mut Ctx, ns: i64, out: *mut *mut Ctx) -> c_int;
    pub fn stopper_ctx_with_cancel_on_quiesce(
        s: *mut Stopper,
        parent: *mut Ctx,
        out: *mut *mut Ctx,
    ) -> c_int;
    pub fn stopper_ctx_with_cancel_on_stop(
        s: *mut Stopper,
        parent: *mut Ctx,
        out: *mut *mut Ctx,
    ) -> c_int;
    pub fn stopper_ctx_get(ctx: *mut Ctx) -> *mut Ctx;
    pub fn stopper_ctx_put(ctx: *mut Ctx);
    pub fn stopper_ctx_err(ctx: *const Ctx) -> c_int;
    pub fn stopper_ctx_cancel(ctx: *mut Ctx);
    pub fn __stopper_ctx_cancel_because(
        ctx: *mut Ctx,
        site: *const Site,
        err: c_int,
        fmt: *const c_char,
        ...
    ) -> c_int;
    pub fn stopper_ctx_cause(ctx: *const Ctx, out: *mut Cause) -> bool;
    pub fn stopper_ctx_done(ctx: *mut Ctx) -> *mut Event;

    pub fn stopper_event_fired(ev: *const Event) -> bool;
    pub fn stopper_wait(ev: *mut Event, ctx: *mut Ctx) -> c_int;
    pub fn stopper_event_fd(ev: *mut Event) -> c_int;

    pub fn stopper_sem_init(sem: *mut Sem, capacity: c_int) -> c_int;
    pub fn stopper_sem_destroy(sem: *mut Sem);
    pub fn stopper_sem_capacity(sem: *const Sem) -> c_int;
    pub fn stopper_sem_length(sem: *const Sem) -> c_int;
    pub fn stopper_sem_waiters(sem: *const Sem) -> c_int;
    pub fn stopper_sem_resize(sem: *mut Sem, capacity: c_int) -> c_int;
    pub fn stopper_sem_acquire_n(sem: *mut Sem, n: c_int, ctx: *mut Ctx) -> c_int;
    pub fn stopper_sem_try_acquire_n(sem: *mut Sem, n: c_int) -> c_int;
    pub fn stopper_sem_release_n(sem: *mut Sem, n: c_int);
    pub fn stopper_sem_close(sem: *mut Sem);
}

/// The offset of a field, without offset_of!(), which older compilers lack.
macro_rules! layout {
    ($out:ident, $name:literal, $t:ty $(, $field:ident)*) => {{
        let it = std::mem::MaybeUninit::<$t>::uninit();
        let base = it.as_ptr();
        let _ = base;
        $out += &format!("{} size {}\n", $name, std::mem::size_of::<$t>());
        $(
            // SAFETY: no field is read, and the address is inside the object.
            let at = unsafe { std::ptr::addr_of!((*base).$field) } as usize - base as usize;
            $out += &format!("{} {} {}\n", $name, stringify!($field), at);
        )*
    }};
}

/// Sizes and offsets of the structures.
pub fn layouts() -> String {
    let mut out = format!("LAYOUT {LAYOUT}\n");
    layout!(out, "site", Site, name, file, func, owner, line, layout);
    layout!(
        out, "options", Options, size, flags, reserved, on_panic, on_panic_arg, log, log_arg, stall_ns,
        stall_max_ns, parent, owner, stack_size
    );
    layout!(
        out, "main_options", MainOptions, size, signals, nsignals, reserved, lame_duck_ns, grace_ns,
        ready, before_quiesce, on_remaining, arg
    );
    layout!(out, "cause", Cause, err, line, text, file, func);
    layout!(out, "result_info", ResultInfo, err, tid, line, name, file, func);
    layout!(
        out, "task_info", TaskInfo, name, func, file, line, tid, count, oldest_ns, label
    );
    layout!(out, "task", Task);
    layout!(out, "sem", Sem);
    out
}
