# SPDX-License-Identifier: GPL-2.0 OR MIT
"""stopper.py - the stopper from Python: ordered shutdown and task tracking, on top of libstopper.

Two files, no compilation: _stopper.py loads libstopper.so.0 with ctypes, or what STOPPER_LIBRARY
names.

    with stopper.Stopper("web") as web:
        future = web.run_async("request", answer, conn)    # answer(ctx, conn), on another thread
        with web.task("upload") as task:                   # a request of an event loop
            task.label("GET /slow")
    # stopped: no function runs, and none will

Functions get the context that they were started with as their first argument, or None: the
background. Names are those of call sites: a few constant strings, each of which is kept for ever.

A refused start raises Unavailable, and its function is never called; Throttled, Paused, Canceled and
Timeout are its siblings. All are Error, which is an OSError.

No exception unwinds through the library, not even SystemExit. That of run_task() is raised again by
it. That of another function is in its future, and it is an error of the stopper for result() and
stop_on_error: its errno if it is an OSError, ENOMEM for MemoryError, else EOWNERDEAD. That of a
function under run_limited() is in the future alone. The first of them all is exception().

A call that waits releases the interpreter's lock, but signal handlers of Python, so Ctrl-C, too, run
when it has returned. main() handles signals itself. A stopper that has not stopped at the exit of
the interpreter is stopped then, without a bound, as threads are joined.
"""

import atexit
import concurrent.futures
import ctypes
import errno
import itertools
import os
import sys
import threading
import types
from ctypes import byref, c_char_p, c_size_t, c_void_p

from _stopper import (_ADMIT_NESTED, _CLOSER_FN, _CLOSERS_LIFO, _CTX_ENDS_AT_QUIESCE, _DROP_QUEUED,
                      _ERR_FN, _FN, _QUIET, _STOP_ON_ERROR, CLOSING, LAYOUT, QUIESCING, RUNNING,
                      STOPPED, STOPPING, _c, _Cause, _MainOptions, _Options, _ResultInfo, _Sem,
                      _Site, _Task, _TaskInfo)


# --- errors ------------------------------------------------------------------------------------------

class Error(OSError):
    """An error of the stopper; errno is positive."""


class Unavailable(Error):
    """Refused: the stopper quiesces or has stopped."""


class Throttled(Error):
    """Refused: no slot of the semaphore is free."""


class Paused(Error):
    """Refused: the stopper is paused, or no thread could be started."""


class Canceled(Error):
    """The context of the call was cancelled."""


class Timeout(Error, TimeoutError):
    """The time of the call, or of its context, is over."""


_ERRORS = {errno.ESHUTDOWN: Unavailable, errno.EBUSY: Throttled, errno.EAGAIN: Paused,
           errno.ECANCELED: Canceled, errno.ETIMEDOUT: Timeout}


def _check(result):
    if result < 0:
        raise _ERRORS.get(-result, Error)(-result, _c.strerror(result).decode())
    return result


def _errno_of(exception):
    if isinstance(exception, OSError) and (exception.errno or 0) > 0:
        return -exception.errno
    return -errno.ENOMEM if isinstance(exception, MemoryError) else -errno.EOWNERDEAD


# --- call sites: kept for ever, as the library may read one at any time ------------------------------

_sites = {}
_here = _check.__code__.co_filename


def _caller(name):
    """The site of the nearest caller outside of this file."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename == _here:
        frame = frame.f_back
    key = name, frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
    site = _sites.get(key)
    if site is None:
        site = _sites.setdefault(key, _Site(name.encode(), os.fsencode(key[1]), key[3].encode(), None,
                                            key[2], LAYOUT))
    return byref(site)


# --- functions on their way to a thread: C gets a number, and the object is kept here -----------------

_jobs = {}
_numbers = itertools.count(1)


def _post(call):
    number = next(_numbers)
    _jobs[number] = call
    return number


@_ERR_FN
def _run_err(ctx, number):
    return _jobs.pop(number)(ctx)


@_FN
def _run(ctx, number):
    _jobs.pop(number)(ctx)


@_CLOSER_FN
def _close(number):
    return _jobs.pop(number)(None)


def _ns(seconds):
    return int(seconds * 1e9)


def _bytes(text):
    return c_char_p(text.encode())


def _pointer(thing):
    return thing._pointer if thing is not None else None


def _bound(timeout, ctx):
    """The context of a wait, which the caller keeps until it has returned."""
    return ctx if timeout is None else Context.with_timeout(timeout, ctx)


class Event:
    """Fires once. Select, poll and event loops take it as it is: it has a fileno()."""

    def __init__(self, pointer, owner):
        self._pointer, self._owner = pointer, owner     # it lives as long as its owner

    @property
    def fired(self):
        return _c.event_fired(self._pointer)

    def wait(self, timeout=None, ctx=None):
        """Raises Timeout after so many seconds, and Canceled or Timeout when ctx ends."""
        bound = _bound(timeout, ctx)
        _check(_c.wait(self._pointer, _pointer(bound)))

    def fileno(self):
        return _check(_c.event_fd(self._pointer))


class Cause:
    """Why a context ended or a stopper stops: err (negative), text, file, line, func."""

    def __init__(self, c):
        self.err, self.line = c.err, c.line
        self.text, self.file, self.func = c.text.decode(), c.file.decode(), c.func.decode()


def _cause(call, pointer):
    c = _Cause()
    return Cause(c) if call(pointer, byref(c)) else None


class Context:
    """Bounds how long a caller waits, or a task works. None is the background, which never ends."""

    def __init__(self, parent=None):
        """One that cancel() ends, or its parent."""
        self._pointer = self._made(_c.ctx_with_cancel, _pointer(parent))

    @classmethod
    def with_timeout(cls, seconds, parent=None):
        return cls._of(cls._made(_c.ctx_with_timeout, _pointer(parent), _ns(seconds)))

    @classmethod
    def _of(cls, pointer):
        """The owner of a reference."""
        self = cls.__new__(cls)
        self._pointer = pointer
        return self

    @staticmethod
    def _made(make, *args):
        pointer = c_void_p()
        _check(make(*args, byref(pointer)))
        return pointer.value

    def __del__(self):
        _c.ctx_put(getattr(self, "_pointer", None))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cancel()

    @property
    def err(self):
        """0, -ECANCELED or -ETIMEDOUT."""
        return _c.ctx_err(self._pointer)

    @property
    def ended(self):
        return self.err != 0

    @property
    def done(self):
        return Event(_c.ctx_done(self._pointer), self)

    def cancel(self, why=None, err=errno.ECANCELED):
        """Ends it, and all that are derived from it; why and err are its cause."""
        if why is None:
            _c.ctx_cancel(self._pointer)
        else:
            _c._ctx_cancel_because(self._pointer, _caller("cancel"), -err, b"%s", _bytes(why))

    def cause(self):
        """None if it has not ended."""
        return _cause(_c.ctx_cause, self._pointer)


class Semaphore:
    """A counting semaphore whose waits a context bounds; "with sem:" holds a slot."""

    def __init__(self, capacity):
        self._sem = _Sem()
        self._pointer = ctypes.addressof(self._sem)
        _check(_c.sem_init(self._pointer, capacity))

    def __del__(self):
        _c.sem_destroy(self._pointer)

    def acquire(self, n=1, timeout=None, ctx=None):
        bound = _bound(timeout, ctx)
        _check(_c.sem_acquire_n(self._pointer, n, _pointer(bound)))

    def try_acquire(self, n=1):
        _check(_c.sem_try_acquire_n(self._pointer, n))

    def release(self, n=1):
        _c.sem_release_n(self._pointer, n)

    def resize(self, capacity):
        _check(_c.sem_resize(self._pointer, capacity))

    def close(self):
        _c.sem_close(self._pointer)

    capacity = property(lambda self: _c.sem_capacity(self._pointer))
    length = property(lambda self: _c.sem_length(self._pointer))
    waiters = property(lambda self: _c.sem_waiters(self._pointer))

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *_):
        self.release()


class Task:
    """A task that lasts from its start to end(); "with" ends it. Any thread may end it."""

    def __init__(self, stopper, name, ctx=None, wait=False):
        """wait: if the stopper is paused, wait for the resume."""
        self._ended = True
        self._task, self._ctx = _Task(), ctx
        begin = _c._task_begin_wait if wait else _c._task_begin
        _check(begin(stopper._pointer, _pointer(ctx), _caller(name), byref(self._task)))
        self._ended = False

    def label(self, text):
        """Which one of many it is."""
        if self._ended:
            raise Error(errno.EINVAL, "the task has ended")
        _check(_c.task_label(byref(self._task), b"%s", _bytes(text)))

    def end(self):
        if not self._ended:
            self._ended = True
            _c.task_end(byref(self._task))

    __del__ = end

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def label(text):
    """Says which one of many the task is that runs on this thread."""
    _check(_c.task_label(None, b"%s", _bytes(text)))


class _Pause:
    def __init__(self, stopper):
        self._stopper = stopper

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _check(_c.resume(self._stopper._pointer))


_not_stopped = set()


class Stopper:
    """A stopper; "with" stops it."""

    def __init__(self, name, *, parent=None, stop_on_error=False, closers_lifo=False, drop_queued=False,
                 ctx_ends_at_quiesce=False, admit_nested=False, quiet=False, stall=0):
        """stall: seconds until the first report of a stop that waits; 0: one."""
        self._pointer = None
        self._lock, self._exception, self._kept = threading.Lock(), None, set()
        options = _Options(
            size=ctypes.sizeof(_Options), parent=_pointer(parent), stall_ns=_ns(stall),
            flags=(_STOP_ON_ERROR if stop_on_error else 0) | (_CLOSERS_LIFO if closers_lifo else 0) |
                  (_DROP_QUEUED if drop_queued else 0) | (_QUIET if quiet else 0) |
                  (_CTX_ENDS_AT_QUIESCE if ctx_ends_at_quiesce else 0) |
                  (_ADMIT_NESTED if admit_nested else 0))
        pointer = c_void_p()
        _check(_c._create(byref(pointer), name.encode(), byref(options), _caller("stopper")))
        self._pointer = pointer.value
        # It is not put before it has stopped, whoever stops it.
        for other in [s for s in _not_stopped if s.is_stopped.fired]:
            _not_stopped.discard(other)
        _not_stopped.add(self)

    def __del__(self):
        _c.put(self._pointer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # Starts

    def run_task(self, name, fn, *args, ctx=None):
        """Runs fn(ctx, *args) as a task, on this thread; returns what it returns."""
        future = concurrent.futures.Future()
        job = _post(_call(future, fn, args, None))
        result = _c._run_task_err(self._pointer, _pointer(ctx), _caller(name), _run_err, job)
        if not future.done():
            _jobs.pop(job, None)
            _check(result)
        return future.result()

    def run_async(self, name, fn, *args, ctx=None):
        """Runs fn(ctx, *args) as a task, on another thread; returns its future."""
        return self._start(_c._run_async_task_err, name, ctx, fn, args, _run_err)

    def run_limited(self, name, sem, fn, *args, wait=True, ctx=None):
        """The same with a slot of sem; raises Throttled if none is free and wait is false."""
        self._kept.add(sem)     # until no task can hold a slot
        return self._start(_c._run_limited_async_task, name, ctx, fn, args, sem._pointer, wait, _run)

    def run_worker(self, name, fn, *args, ctx=None):
        """Runs fn(ctx, *args) on a thread of its own until ShouldStop; returns its future."""
        return self._start(_c._run_worker_err, name, ctx, fn, args, _run_err)

    def add_closer(self, name, fn, *args):
        """Calls fn(*args) at the end of the stop; from CLOSING on, at once. Returns its future."""
        future = concurrent.futures.Future()
        job = _post(_call(future, lambda _: fn(*args), (), self))
        # The name is read until the function has returned, so it is a site's.
        name = _caller(name)._obj.name
        self._admit(job, _c._add_closer_err_fn(self._pointer, name, _close, job, None))
        return future

    def task(self, name, ctx=None, wait=False):
        """Begins a task that is not a function call."""
        return Task(self, name, ctx, wait)

    def _start(self, start, name, ctx, fn, args, *more):
        future = concurrent.futures.Future()
        job = _post(_call(future, fn, args, self))
        self._admit(job, start(self._pointer, _pointer(ctx), _caller(name), *more, job))
        return future

    @staticmethod
    def _admit(job, result):
        if result:
            _jobs.pop(job)
            _check(result)

    # The stop

    def quiesce(self, timeout=None, ctx=None):
        """Refuses tasks, and waits until none runs; raises Timeout after so many seconds."""
        bound = _bound(timeout, ctx)
        _check(_c._quiesce(self._pointer, _pointer(bound), _caller("quiesce")))

    def stop(self, timeout=None, ctx=None, why=None, err=errno.ECANCELED):
        """Stops; raises Timeout after so many seconds. why and err are the cause."""
        bound = _bound(timeout, ctx)
        if why is None:
            _check(_c._stop(self._pointer, _pointer(bound), _caller("stop")))
        else:
            _check(_c._stop_because(self._pointer, _pointer(bound), _caller("stop"), -err, b"%s",
                                    _bytes(why)))

    def stop_within(self, seconds):
        """Stops in stages; see stopper_stop_within(3). Raises Timeout."""
        _check(_c._stop_within(self._pointer, _ns(seconds), _caller("stop_within")))

    def stop_async(self, why=None, err=errno.ECANCELED):
        """Begins a stop without waiting for it: for the stopper's own functions."""
        if why is None:
            _check(_c._stop_async(self._pointer, _caller("stop_async")))
        else:
            _check(_c._stop_async_because(self._pointer, _caller("stop_async"), -err, b"%s",
                                          _bytes(why)))

    def stop_after(self, other):
        """As a child, stop after another one."""
        _check(_c.stop_after(self._pointer, other._pointer))

    def pause(self, timeout=None, ctx=None):
        """Refuses tasks until the end of a "with", and waits until none runs."""
        bound = _bound(timeout, ctx)
        _check(_c._pause(self._pointer, _pointer(bound), _caller("pause")))
        return _Pause(self)

    def main(self, *, lame_duck=0, grace=0, ready=None, before_quiesce=None):
        """Waits for SIGTERM or SIGINT, stops, and returns the exit status; see stopper_main(3).

        lame_duck and grace are seconds; ready(bool) and before_quiesce() are called meanwhile. What
        they raise is raised here at the end.
        """
        raised = []

        def catching(fn, *args):
            try:
                if fn:
                    fn(*args)
            except BaseException as e:
                raised.append(e)

        options = _MainOptions(size=ctypes.sizeof(_MainOptions), lame_duck_ns=_ns(lame_duck),
                               grace_ns=_ns(grace))
        options.ready = type(options.ready)(lambda _, is_ready: catching(ready, is_ready))
        options.before_quiesce = type(options.before_quiesce)(lambda _: catching(before_quiesce))
        status = _c._main(self._pointer, byref(options), _caller("main"))
        if raised:
            raise raised[0]
        return status

    # Questions

    name = property(lambda self: _c.name(self._pointer).decode())
    phase = property(lambda self: _c.phase(self._pointer))
    should_quiesce = property(lambda self: Event(_c.should_quiesce(self._pointer), self))
    should_stop = property(lambda self: Event(_c.should_stop(self._pointer), self))
    is_stopped = property(lambda self: Event(_c.is_stopped(self._pointer), self))
    num_tasks = property(lambda self: _c.num_tasks(self._pointer))

    def with_cancel_on_quiesce(self, parent=None):
        """A context that ends when this stopper quiesces."""
        return Context._of(Context._made(_c.ctx_with_cancel_on_quiesce, self._pointer,
                                         _pointer(parent)))

    def with_cancel_on_stop(self, parent=None):
        """A context that ends when no task of this stopper is left."""
        return Context._of(Context._made(_c.ctx_with_cancel_on_stop, self._pointer, _pointer(parent)))

    def cause(self):
        """Why it stops; None if no stop was asked for."""
        return _cause(_c.stop_cause, self._pointer)

    def exception(self):
        """The first exception of a function that returns to nobody, or None."""
        return self._exception

    def result(self):
        """The first error of a function, with err (negative), name, file, line, func, tid; or None."""
        info = _ResultInfo()
        return _record(info) if _c.result(self._pointer, byref(info)) else None

    def running_tasks(self):
        """A record of each call site with running tasks: name, label, count, oldest_ns, tid ..."""
        n = room = 16
        while n >= room:
            room = 2 * n
            info = (_TaskInfo * room)()
            n = _check(_c.running_tasks(self._pointer, info, room))
        return [_record(i) for i in info[:n]]

    def task_map(self):
        """The running tasks as text."""
        size, length = 0, 1
        while length >= size:
            size = length + 1
            buffer = ctypes.create_string_buffer(size)
            length = _check(_c.task_map(self._pointer, buffer, size))
        return buffer.value.decode()

    def _keep(self, exception):
        with self._lock:
            if self._exception is None:
                self._exception = exception


def _record(c):
    values = {name: getattr(c, name) for name, _ in c._fields_}
    return types.SimpleNamespace(**{name: value.decode() if isinstance(value, bytes) else value
                                    for name, value in values.items()})


def _call(future, fn, args, stopper):
    """What C calls with a context; never raises. The number is that of stopper_result()."""

    future.set_running_or_notify_cancel()       # what is admitted runs: it cannot be cancelled

    def call(ctx):
        try:
            result = fn(Context._of(_c.ctx_get(ctx)) if ctx else None, *args)
        except BaseException as e:
            if stopper is not None:
                stopper._keep(e)
            future.set_exception(e)
            return _errno_of(e)
        future.set_result(result)
        return 0

    return call


def debug_list():
    """The stoppers of the process and their tasks, as text; see stopper-debuglist(5)."""
    libc = ctypes.CDLL(None)
    libc.open_memstream.restype, libc.open_memstream.argtypes = c_void_p, [c_void_p, c_void_p]
    libc.fclose.argtypes, libc.free.argtypes = [c_void_p], [c_void_p]
    text, size = c_void_p(), c_size_t()
    stream = libc.open_memstream(byref(text), byref(size))
    if not stream:
        raise MemoryError
    try:
        result = _c.debug_print(stream)
    finally:
        libc.fclose(stream)
        data = ctypes.string_at(text, size.value)
        libc.free(text)
    _check(result)
    return data.decode()


@atexit.register
def _stop_all():
    for s in list(_not_stopped):
        s.stop()
