// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The contract's rows through the crate.
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{io, thread};
use stopper::{label, site, Ctx, Error, MainOptions, Options, Phase, Semaphore, Stopper};

const BG: Ctx = Ctx::background();

fn create() -> Stopper {
    Stopper::new(site!("rust")).unwrap()
}

fn with(options: Options) -> Stopper {
    Stopper::with_options(site!("stopper"), "rust", &options).unwrap()
}

fn ended() -> Ctx {
    let ctx = BG.with_cancel().unwrap();
    ctx.cancel();
    ctx
}

fn text_of(panic: Box<dyn std::any::Any + Send>) -> &'static str {
    panic.downcast_ref::<&'static str>().unwrap()
}

#[test]
fn admission() {
    let s = create();
    assert_eq!((s.phase(), s.name().as_str()), (Phase::Running, "rust"));
    let me = thread::current().id();
    let seen = s.run(site!("task"), &BG, |_| (thread::current().id() == me, s.num_tasks()));
    assert_eq!(seen, Ok((true, 1)));
    assert_eq!(s.run(site!("task"), &ended(), |ctx| ctx.check()), Ok(Err(Error::CANCELED)));
    assert_eq!(s.num_tasks(), 0);
}

#[test]
fn refusal_after_quiesce() {
    let s = create();
    let calls = Arc::new(AtomicU32::new(0));
    let count = || {
        let calls = calls.clone();
        move |_: &Ctx| {
            calls.fetch_add(1, SeqCst);
        }
    };
    let sem = Semaphore::new(1).unwrap();
    s.quiesce(site!("quiesce"), &BG).unwrap();
    assert_eq!(s.phase(), Phase::Quiescing);
    assert!(s.should_quiesce().fired());
    let no = Some(Error::UNAVAILABLE);
    assert_eq!(s.run(site!("task"), &BG, count()).err(), no);
    assert_eq!(s.run_async(site!("async"), &BG, count()).err(), no);
    assert_eq!(s.run_limited(site!("limited"), &BG, &sem, true, count()).err(), no);
    assert_eq!(s.begin(site!("handle"), &BG).err(), no);
    s.run_worker(site!("worker"), &BG, count()).unwrap();
    s.stop(site!("stop"), &BG).unwrap();
    assert_eq!(s.run_worker(site!("worker"), &BG, count()).err(), no);
    assert_eq!(calls.load(SeqCst), 1);
    assert_eq!(Arc::strong_count(&calls), 1); // refused closures are dropped
    assert_eq!(s.phase(), Phase::Stopped);
}

#[test]
fn async_runs_elsewhere() {
    let s = create();
    let owned = Arc::new(());
    let inside = owned.clone();
    let (tx, rx) = channel();
    s.run_async(site!("async"), &BG, move |_| {
        let _ = &inside;
        tx.send(thread::current().id()).unwrap();
    })
    .unwrap();
    assert_ne!(rx.recv().unwrap(), thread::current().id());
    s.quiesce(site!("quiesce"), &BG).unwrap();
    assert_eq!(Arc::strong_count(&owned), 1);
}

#[test]
fn limited() {
    let s = create();
    let sem = Semaphore::new(1).unwrap();
    let (go, gate) = channel::<()>();
    let first = s.run_limited(site!("first"), &BG, &sem, false, move |_| gate.recv().unwrap());
    let second = s.run_limited(site!("second"), &BG, &sem, false, |_| ());
    assert_eq!(second.err(), Some(Error::THROTTLED));
    let third = s.run_limited(site!("third"), &ended(), &sem, true, |_| ());
    assert_eq!(third.err(), Some(Error::CANCELED));
    go.send(()).unwrap();
    let fourth = s.run_limited(site!("fourth"), &BG, &sem, true, |_| ());
    first.unwrap().join().unwrap();
    fourth.unwrap().join().unwrap();
    s.quiesce(site!("quiesce"), &BG).unwrap();
    assert_eq!(sem.length(), 0);
}

#[test]
fn worker_is_told() {
    let s = create();
    let handle = s.handle();
    let told = s.run_worker(site!("worker"), &BG, move |_| handle.should_stop().wait(&BG)).unwrap();
    s.stop(site!("stop"), &BG).unwrap();
    assert_eq!(told.join().unwrap(), Ok(()));
}

#[test]
fn closers_run_in_order() {
    for (closers_lifo, expected) in [(false, "abc"), (true, "bac")] {
        let order = Arc::new(Mutex::new(String::new()));
        let s = with(Options { closers_lifo, ..Options::default() });
        let push = |c| {
            let order = order.clone();
            move || order.lock().unwrap().push(c)
        };
        s.add_closer(site!("first"), push('a')).unwrap();
        s.add_closer(site!("second"), push('b')).unwrap();
        s.stop(site!("stop"), &BG).unwrap();
        s.add_closer(site!("late"), push('c')).unwrap();
        assert_eq!(*order.lock().unwrap(), expected);
    }
}

#[test]
fn handles() {
    let s = create();
    {
        let _task = s.begin(site!("handle"), &BG).unwrap();
        assert_eq!(s.num_tasks(), 1);
    }
    let request = s.begin_wait(site!("request"), &BG).unwrap();
    assert_eq!(s.num_tasks(), 1);
    thread::spawn(move || drop(request)).join().unwrap();
    assert_eq!(s.num_tasks(), 0);
}

#[test]
fn contexts() {
    let parent = BG.with_cancel().unwrap();
    let child = parent.with_timeout(Duration::from_secs(3600)).unwrap();
    let over = BG.with_timeout(Duration::ZERO).unwrap();
    assert!(child.check().is_ok() && child.cause().is_none() && BG.check().is_ok());
    parent.cancel_because(site!("cancel"), Error::from_errno(28), "disk full").unwrap();
    let again = parent.cancel_because(site!("cancel"), Error::from_errno(5), "later");
    assert!(again.is_err());
    assert_eq!(child.check(), Err(Error::CANCELED));
    assert!(child.clone().done().fired());
    let cause = child.cause().unwrap();
    assert_eq!((cause.err, cause.text.as_str()), (Error::from_errno(-28), "disk full"));
    assert_eq!(cause.func, module_path!());
    over.done().wait(&BG).unwrap();
    assert_eq!(over.check(), Err(Error::TIMED_OUT));
}

#[test]
fn contexts_of_a_stopper() {
    let s = create();
    let at_quiesce = s.with_cancel_on_quiesce(&BG).unwrap();
    let at_stop = s.with_cancel_on_stop(&BG).unwrap();
    let seen = s.run_async(site!("async"), &at_quiesce, |ctx| {
        ctx.done().wait(&BG)?;
        ctx.check()
    });
    s.quiesce(site!("quiesce"), &BG).unwrap();
    assert_eq!(seen.unwrap().join().unwrap(), Err(Error::CANCELED));
    assert!(at_quiesce.check().is_err() && at_stop.check().is_ok());
    s.stop(site!("stop"), &BG).unwrap();
    assert!(at_stop.check().is_err());
}

#[test]
fn stop_waits() {
    let s = create();
    let request = s.begin(site!("request"), &BG).unwrap();
    thread::scope(|scope| {
        let stopping = scope.spawn(|| s.stop(site!("stop"), &BG));
        s.should_quiesce().wait(&BG).unwrap();
        assert_eq!((s.num_tasks(), s.is_stopped().fired()), (1, false));
        drop(request);
        assert_eq!(stopping.join().unwrap(), Ok(()));
    });
    assert!(s.is_stopped().fired());
}

/// It gives up, undoes nothing, and a later one goes on. The drop is one.
#[test]
fn stop_within() {
    let closed = Arc::new(AtomicU32::new(0));
    let s = with(Options { quiet: true, ..Options::default() });
    let count = closed.clone();
    s.add_closer(site!("closer"), move || {
        count.fetch_add(1, SeqCst);
    })
    .unwrap();
    let request = s.begin(site!("request"), &BG).unwrap();
    let short = Duration::from_millis(1);
    assert_eq!(s.stop_within(site!("stop"), short), Err(Error::TIMED_OUT));
    assert_eq!(s.stop(site!("stop"), &BG.with_timeout(short).unwrap()), Err(Error::TIMED_OUT));
    assert_eq!((s.phase(), closed.load(SeqCst)), (Phase::Quiescing, 0));
    drop(request);
    drop(s);
    assert_eq!(closed.load(SeqCst), 1);
}

#[test]
fn stop_from_inside() {
    let s = create();
    let inside = s.run(site!("task"), &BG, |_| s.stop(site!("stop"), &BG));
    assert_eq!(inside, Ok(Err(Error::DEADLOCK)));
    assert_eq!(s.phase(), Phase::Running);
    // The drop begins it.
    let handle = s.handle();
    handle.run_async(site!("task"), &BG, move |_| drop(s)).unwrap();
    handle.is_stopped().wait(&BG).unwrap();
}

#[test]
fn cause() {
    let s = create();
    assert!(s.cause().is_none());
    let ctx = s.with_cancel_on_quiesce(&BG).unwrap();
    s.stop_because(site!("stop"), &BG, Error::from_errno(28), "disk full").unwrap();
    for cause in [s.cause().unwrap(), ctx.cause().unwrap()] {
        assert_eq!((cause.err.errno(), cause.text.as_str()), (-28, "disk full"));
    }
}

#[test]
fn result() {
    let s = create();
    assert!(s.result().is_none());
    s.run_async(site!("fails"), &BG, |_| -> io::Result<()> { Err(io::Error::from_raw_os_error(28)) })
        .unwrap();
    s.quiesce(site!("quiesce"), &BG).unwrap();
    let failure = s.result().unwrap();
    assert_eq!((failure.err.errno(), failure.name.as_str()), (-28, "fails"));
    assert!(s.take_panic().is_none());
}

#[test]
fn stop_on_error() {
    let s = with(Options { stop_on_error: true, ..Options::default() });
    s.run_async(site!("fails"), &BG, |_| Err::<(), Error>(Error::NO_MEMORY)).unwrap();
    s.is_stopped().wait(&BG).unwrap();
    assert_eq!(s.result().unwrap().err, Error::NO_MEMORY);
    assert_eq!(s.cause().unwrap().err, Error::NO_MEMORY);
}

#[test]
fn labels() {
    let s = create();
    let request = s.begin(site!("request"), &BG).unwrap();
    request.label("GET /100%").unwrap();
    assert_eq!(s.running_tasks().unwrap()[0].label, "GET /100%");
    drop(request);
    let seen = s.run(site!("task"), &BG, |_| {
        label("block 7").unwrap();
        s.running_tasks().unwrap()[0].label.clone()
    });
    assert_eq!(seen.as_deref(), Ok("block 7"));
    assert!(label("no task").is_err());
}

#[test]
fn counts() {
    let s = create();
    let _read = s.begin(site!("read"), &BG).unwrap();
    let (_write, line) = (s.begin(site!("write"), &BG).unwrap(), line!());
    let info = s.running_tasks().unwrap();
    assert_eq!((s.num_tasks(), info.len(), info[0].name.as_str()), (2, 2, "read"));
    assert_eq!((info[1].name.as_str(), info[1].line, info[1].count), ("write", line, 1));
    assert!(info[1].file.ends_with("conformance.rs"));
    assert_eq!(s.task_map().unwrap(), "1      read\n1      write\n");
}

#[test]
fn events() {
    let s = create();
    let event = s.should_quiesce();
    let fd = event.fd().unwrap();
    assert!(!event.fired() && fd >= 0);
    assert_eq!(event.wait(&ended()), Err(Error::CANCELED));
    s.quiesce(site!("quiesce"), &BG).unwrap();
    assert!(event.fired());
    assert_eq!((event.wait(&ended()), event.fd()), (Ok(()), Ok(fd)));
}

#[test]
fn semaphore() {
    let sem = Semaphore::new(2).unwrap();
    {
        let _both = sem.acquire(2, &BG).unwrap();
        assert_eq!((sem.length(), sem.capacity()), (2, 2));
        assert_eq!(sem.try_acquire(1).err(), Some(Error::THROTTLED));
        assert_eq!(sem.acquire(1, &ended()).err(), Some(Error::CANCELED));
    }
    assert_eq!(sem.length(), 0);
    sem.resize(1).unwrap();
    let one = sem.try_acquire(1).unwrap();
    assert_eq!(sem.try_acquire(1).err(), Some(Error::THROTTLED));
    drop(one);
    sem.close();
    assert_eq!(sem.acquire(1, &BG).err(), Some(Error::UNAVAILABLE));
    assert_eq!(Semaphore::new(-1).err(), Some(Error::INVALID));
}

#[test]
fn pause() {
    let s = create();
    {
        let _pause = s.pause(site!("pause"), &BG).unwrap();
        assert_eq!(s.run(site!("task"), &BG, |_| ()).err(), Some(Error::PAUSED));
        assert_eq!(s.begin_wait(site!("task"), &ended()).err(), Some(Error::CANCELED));
    }
    assert_eq!(s.run(site!("task"), &BG, |_| 7), Ok(7));
    s.stop(site!("stop"), &BG).unwrap();
    assert_eq!(s.pause(site!("pause"), &BG).err(), Some(Error::UNAVAILABLE));
}

#[test]
fn thrown_by_a_task() {
    let s = create();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        s.run(site!("outer"), &BG, |_| s.run(site!("inner"), &BG, |_| panic!("from a task")))
    }));
    assert_eq!(text_of(panic.unwrap_err()), "from a task");
    assert_eq!(s.num_tasks(), 0);
    assert!(s.result().is_none() && s.take_panic().is_none());
}

fn panics(text: &'static str) {
    std::panic::panic_any(text);
}

#[test]
fn thrown_by_an_async_task() {
    let s = create();
    s.run_async(site!("async"), &BG, |_| panics("first")).unwrap();
    while s.num_tasks() != 0 {
        thread::yield_now();
    }
    let sem = Semaphore::new(1).unwrap();
    s.run_limited(site!("limited"), &BG, &sem, true, |_| panics("second")).unwrap();
    s.stop(site!("stop"), &BG).unwrap();
    assert_eq!((s.result().unwrap().err, sem.length()), (Error::PANIC, 0));
    assert_eq!(text_of(s.take_panic().unwrap()), "first");
}

#[test]
fn thrown_by_a_worker() {
    let s = create();
    s.run_worker(site!("worker"), &BG, |_| panics("worker")).unwrap();
    s.stop(site!("stop"), &BG).unwrap();
    assert_eq!(s.result().unwrap().err, Error::PANIC);
    assert_eq!(text_of(s.take_panic().unwrap()), "worker");
}

#[test]
fn thrown_by_a_closer() {
    let s = create();
    let second = Arc::new(AtomicU32::new(0));
    let count = second.clone();
    s.add_closer(site!("first"), || panics("closer")).unwrap();
    s.add_closer(site!("second"), move || {
        count.fetch_add(1, SeqCst);
    })
    .unwrap();
    s.stop(site!("stop"), &BG).unwrap();
    assert_eq!((second.load(SeqCst), s.result().unwrap().err), (1, Error::PANIC));
    assert_eq!(text_of(s.take_panic().unwrap()), "closer");
    s.add_closer(site!("late"), || panics("late")).unwrap();
    assert_eq!(text_of(s.take_panic().unwrap()), "late");
}

#[test]
fn join_gives_it_back() {
    let s = create();
    let number = s.run_async(site!("number"), &BG, |_| Ok::<_, Error>(42)).unwrap();
    let thrown = s.run_async(site!("throws"), &BG, |_| panics("given back")).unwrap();
    assert_eq!(number.join().unwrap(), Ok(42));
    assert_eq!(text_of(thrown.join().unwrap_err()), "given back");
    s.quiesce(site!("quiesce"), &BG).unwrap();
    assert!(s.take_panic().is_none());
}

// Beyond the rows.

#[test]
fn a_child_stops_after_another() {
    let parent = create();
    let child = || with(Options { parent: Some(&parent), ..Options::default() });
    let (first, second) = (child(), child());
    second.stop_after(&first).unwrap();
    assert!(first.stop_after(&second).is_err());
    let order = Arc::new(Mutex::new(Vec::new()));
    for (s, n) in [(&second, 2), (&first, 1)] {
        let order = order.clone();
        s.add_closer(site!("closer"), move || order.lock().unwrap().push(n)).unwrap();
    }
    parent.stop(site!("stop"), &BG).unwrap();
    assert_eq!(*order.lock().unwrap(), [1, 2]);
}

#[test]
fn main_stops_when_asked() {
    let s = create();
    let mut phase = None;
    s.stop_async(site!("stop")).unwrap();
    let mut hook = || phase = Some(s.phase());
    let options = MainOptions { before_quiesce: Some(&mut hook), ..MainOptions::default() };
    assert_eq!(s.main(site!("main"), options), 0);
    assert!(phase.is_some());
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let mut hook = || panics("hook");
        s.main(site!("main"), MainOptions { before_quiesce: Some(&mut hook), ..Default::default() })
    }));
    assert_eq!(text_of(panic.unwrap_err()), "hook");
}

#[test]
fn errors_have_texts() {
    assert_eq!(io::Error::from(Error::UNAVAILABLE).raw_os_error(), Some(108));
    assert_ne!(Error::UNAVAILABLE.to_string(), Error::from_errno(99999).to_string());
}
