# SPDX-License-Identifier: GPL-2.0 OR MIT
"""test_stopper.py - the contract's rows through stopper.py: python3 test_stopper.py [-v].

With --tap the results are printed in the format of kselftest.
"""

import asyncio
import errno
import gc
import os
import select
import subprocess
import sys
import threading
import unittest
import weakref

import stopper


def raise_it(exception):
    raise exception


def fire_when(predicate):
    while not predicate():
        os.sched_yield()


class Rows(unittest.TestCase):
    def test_admission(self):
        with stopper.Stopper("python") as s:
            self.assertEqual((s.phase, s.name), (stopper.RUNNING, "python"))
            seen = s.run_task("task", lambda ctx, x: (ctx, x, threading.get_ident(), s.num_tasks), 7)
            self.assertEqual(seen, (None, 7, threading.get_ident(), 1))
            with stopper.Context() as ctx:
                self.assertFalse(s.run_task("task", lambda c: c.ended, ctx=ctx))
            self.assertEqual(s.num_tasks, 0)

    def test_refusal_after_quiesce(self):
        calls = []
        count = lambda *_: calls.append(1)
        sem = stopper.Semaphore(1)
        with stopper.Stopper("python") as s:
            s.quiesce()
            self.assertEqual(s.phase, stopper.QUIESCING)
            self.assertTrue(s.should_quiesce.fired)
            for refused in (lambda: s.run_task("task", count), lambda: s.run_async("async", count),
                            lambda: s.run_limited("limited", sem, count), lambda: s.task("handle")):
                self.assertRaises(stopper.Unavailable, refused)
            s.run_worker("worker", count)
            s.stop()
            self.assertRaises(stopper.Unavailable, s.run_worker, "worker", count)
        self.assertEqual(len(calls), 1)
        self.assertEqual(s.phase, stopper.STOPPED)
        self.assertFalse(stopper._jobs)

    def test_async_runs_elsewhere(self):
        class Owned:
            pass

        owned = Owned()
        gone = weakref.ref(owned)
        with stopper.Stopper("python") as s:
            where = s.run_async("async", lambda ctx, o: threading.get_ident(), owned)
            self.assertNotEqual(where.result(), threading.get_ident())
            self.assertFalse(where.cancel())
            s.quiesce()
        del owned
        gc.collect()
        self.assertIsNone(gone())
        self.assertFalse(stopper._jobs)

    def test_limited(self):
        go, ran = threading.Event(), []
        sem = stopper.Semaphore(1)
        ended = stopper.Context()
        ended.cancel()
        with stopper.Stopper("python") as s:
            s.run_limited("first", sem, lambda ctx: go.wait() and ran.append(1))
            with self.assertRaises(stopper.Throttled):
                s.run_limited("second", sem, lambda ctx: ran.append(2), wait=False)
            with self.assertRaises(stopper.Canceled):
                s.run_limited("third", sem, lambda ctx: ran.append(3), ctx=ended)
            go.set()
            s.run_limited("fourth", sem, lambda ctx: ran.append(4))
            s.quiesce()
            self.assertEqual((ran, sem.length), ([1, 4], 0))
            # The library writes to it after the function, so the stopper keeps it.
            kept = weakref.ref(sem)
            del sem
            gc.collect()
            self.assertIsNotNone(kept())

    def test_worker_is_told(self):
        with stopper.Stopper("python") as s:
            told = s.run_worker("worker", lambda ctx: s.should_stop.wait() or "told")
        self.assertEqual(told.result(), "told")

    def test_closers_run_in_order(self):
        for lifo, expected in ((False, "abc"), (True, "bac")):
            order = []
            with stopper.Stopper("python", closers_lifo=lifo) as s:
                s.add_closer("first", order.append, "a")
                s.add_closer("second", order.append, "b")
                s.stop()
                s.add_closer("late", order.append, "c")
            self.assertEqual("".join(order), expected)

    def test_handles(self):
        with stopper.Stopper("python") as s:
            with s.task("handle"):
                self.assertEqual(s.num_tasks, 1)
            request = s.task("request")
            thread = threading.Thread(target=request.end)
            thread.start()
            thread.join()
            self.assertEqual(s.num_tasks, 0)
            request.end()
            forgotten = s.task("forgotten", wait=True)
            self.assertEqual(s.num_tasks, 1)
            del forgotten
            gc.collect()
            self.assertEqual(s.num_tasks, 0)

    def test_contexts(self):
        parent = stopper.Context()
        child = stopper.Context.with_timeout(3600, parent)
        over = stopper.Context.with_timeout(0)
        self.assertFalse(child.ended)
        self.assertIsNone(child.cause())
        parent.cancel("disk full", errno.ENOSPC)
        parent.cancel("later")
        self.assertEqual(child.err, -errno.ECANCELED)
        self.assertTrue(child.done.fired)
        cause = child.cause()
        self.assertEqual((cause.err, cause.text, cause.func),
                         (-errno.ENOSPC, "disk full", "test_contexts"))
        over.done.wait()
        self.assertEqual(over.err, -errno.ETIMEDOUT)
        with stopper.Context() as ctx:
            self.assertRaises(stopper.Timeout, ctx.done.wait, timeout=0)
        self.assertTrue(ctx.ended)

    def test_contexts_of_a_stopper(self):
        with stopper.Stopper("python") as s:
            at_quiesce, at_stop = s.with_cancel_on_quiesce(), s.with_cancel_on_stop()
            seen = s.run_async("async", lambda ctx: ctx.done.wait() or ctx.err, ctx=at_quiesce)
            s.quiesce()
            self.assertEqual(seen.result(), -errno.ECANCELED)
            self.assertEqual((at_quiesce.ended, at_stop.ended), (True, False))
        self.assertTrue(at_stop.ended)

    def test_stop_waits(self):
        s = stopper.Stopper("python")
        request = s.task("request")
        stopping = threading.Thread(target=s.stop)
        stopping.start()
        s.should_quiesce.wait()
        self.assertEqual((s.num_tasks, s.is_stopped.fired), (1, False))
        request.end()
        stopping.join()
        self.assertTrue(s.is_stopped.fired)

    def test_stop_within(self):
        closed = []
        with stopper.Stopper("python", quiet=True) as s:
            s.add_closer("closer", closed.append, 1)
            with s.task("request"):
                self.assertRaises(stopper.Timeout, s.stop_within, 0.001)
                self.assertRaises(TimeoutError, s.stop, timeout=0.001)
                self.assertEqual((s.phase, closed), (stopper.QUIESCING, []))
            s.stop_within(3600)
            self.assertEqual(closed, [1])

    def test_stop_from_inside(self):
        s = stopper.Stopper("python")
        with self.assertRaises(stopper.Error) as raised:
            s.run_task("task", lambda ctx: s.stop())
        self.assertEqual(raised.exception.errno, errno.EDEADLK)
        self.assertEqual(s.phase, stopper.RUNNING)
        s.run_async("task", lambda ctx: s.stop_async())
        s.is_stopped.wait()

    def test_cause(self):
        s = stopper.Stopper("python")
        self.assertIsNone(s.cause())
        ctx = s.with_cancel_on_quiesce()
        s.stop(why="disk full", err=errno.ENOSPC)
        for cause in s.cause(), ctx.cause():
            self.assertEqual((cause.err, cause.text, cause.func),
                             (-errno.ENOSPC, "disk full", "test_cause"))

    def test_result(self):
        with stopper.Stopper("python") as s:
            self.assertIsNone(s.result())
            s.run_async("fails", lambda ctx: raise_it(OSError(errno.ENOSPC, "full")))
            s.quiesce()
            result = s.result()
            self.assertEqual((result.err, result.name, result.func),
                             (-errno.ENOSPC, "fails", "test_result"))

    def test_stop_on_error(self):
        s = stopper.Stopper("python", stop_on_error=True)
        s.run_async("fails", lambda ctx: raise_it(MemoryError()))
        s.is_stopped.wait()
        self.assertEqual((s.result().err, s.cause().err), (-errno.ENOMEM, -errno.ENOMEM))

    def test_labels(self):
        with stopper.Stopper("python") as s:
            with s.task("request") as task:
                task.label("GET /100%")
                self.assertEqual(s.running_tasks()[0].label, "GET /100%")
            self.assertRaises(stopper.Error, task.label, "late")

            def work(ctx):
                stopper.label("block 7")
                return s.running_tasks()[0].label

            self.assertEqual(s.run_task("task", work), "block 7")

    def test_counts(self):
        with stopper.Stopper("python") as s, s.task("read"), s.task("write"):
            line = sys._getframe().f_lineno - 1
            read, write = s.running_tasks()
            self.assertEqual((s.num_tasks, read.name, read.count), (2, "read", 1))
            self.assertEqual((write.name, write.func, write.line), ("write", "test_counts", line))
            self.assertEqual(s.task_map(), "1      read\n1      write\n")
            self.assertIn("task 1 \"read\"", stopper.debug_list())

    def test_events(self):
        with stopper.Stopper("python") as s:
            event = s.should_quiesce
            poll = select.poll()
            poll.register(event, select.POLLIN)
            self.assertFalse(event.fired)
            self.assertEqual(poll.poll(0), [])
            self.assertRaises(stopper.Timeout, event.wait, timeout=0)
            s.quiesce()
            self.assertEqual(len(poll.poll()), 1)
            self.assertTrue(event.fired)
            event.wait()

    def test_semaphore(self):
        sem = stopper.Semaphore(2)
        with sem:
            sem.acquire()
            self.assertEqual((sem.length, sem.capacity), (2, 2))
            self.assertRaises(stopper.Throttled, sem.try_acquire)
            self.assertRaises(stopper.Timeout, sem.acquire, timeout=0)
            sem.release()
        self.assertEqual(sem.length, 0)
        sem.resize(1)
        sem.acquire()
        self.assertRaises(stopper.Throttled, sem.try_acquire)
        sem.release()
        sem.close()
        self.assertRaises(stopper.Unavailable, sem.acquire)
        self.assertRaises(stopper.Error, stopper.Semaphore, -1)

    def test_pause(self):
        with stopper.Stopper("python") as s:
            ended = stopper.Context.with_timeout(0)
            with s.pause():
                self.assertRaises(stopper.Paused, s.run_task, "task", lambda ctx: 1)
                self.assertRaises(stopper.Timeout, s.task, "task", ended, wait=True)
            self.assertEqual(s.run_task("task", lambda ctx: 1), 1)
            s.stop()
            self.assertRaises(stopper.Unavailable, s.pause)

    def test_thrown_by_a_task(self):
        with stopper.Stopper("python") as s:
            def outer(ctx):
                s.run_task("inner", lambda ctx: raise_it(SystemExit("from a task")))

            with self.assertRaises(SystemExit) as raised:
                s.run_task("outer", outer)
            self.assertEqual(raised.exception.code, "from a task")
            self.assertEqual((s.num_tasks, s.result(), s.exception()), (0, None, None))

    def test_thrown_by_an_async_task(self):
        with stopper.Stopper("python") as s:
            s.run_async("async", lambda ctx: raise_it(KeyError("first")))
            fire_when(lambda: s.num_tasks == 0)
            sem = stopper.Semaphore(1)
            limited = s.run_limited("limited", sem, lambda ctx: raise_it(ValueError("second")))
            s.stop()
            self.assertEqual(s.result().err, -errno.EOWNERDEAD)
            self.assertEqual(s.exception().args, ("first",))
            self.assertEqual((limited.exception().args, sem.length), (("second",), 0))

    def test_thrown_by_a_worker(self):
        with stopper.Stopper("python") as s:
            s.run_worker("worker", lambda ctx: raise_it(OSError(errno.ENOSPC, "full")))
        self.assertEqual((s.result().err, type(s.exception())), (-errno.ENOSPC, OSError))

    def test_thrown_by_a_closer(self):
        order = []
        with stopper.Stopper("python") as s:
            first = s.add_closer("first", raise_it, RuntimeError("closer"))
            s.add_closer("second", order.append, 2)
        self.assertEqual((order, s.result().err), ([2], -errno.EOWNERDEAD))
        self.assertIs(first.exception(), s.exception())
        late = s.add_closer("late", raise_it, RuntimeError("late"))
        self.assertEqual(late.exception().args, ("late",))

    def test_join_gives_it_back(self):
        with stopper.Stopper("python") as s:
            self.assertEqual(s.run_async("number", lambda ctx: 42).result(), 42)
            self.assertRaises(ZeroDivisionError, s.run_async("throws", lambda ctx: 1 / 0).result)
            self.assertRaises(stopper.Error, s.run_task, "task", raise_it_in, stopper.Error(5, "own"))


def raise_it_in(ctx, exception):
    raise exception


ENV = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.abspath(stopper.__file__)))

# A whole program, told to stop by SIGTERM.
SERVER = """
import os, signal, sys
import stopper
seen = []
with stopper.Stopper("main") as s:
    def ready(is_ready):
        seen.append(is_ready)
        if is_ready:
            os.kill(os.getpid(), signal.SIGTERM)
    def before_quiesce():
        seen.append(s.phase)
        raise RuntimeError("kept for the end")
    try:
        s.main(ready=ready, before_quiesce=before_quiesce)
    except RuntimeError as e:
        seen.append(str(e))
assert seen == [True, False, stopper.RUNNING, "kept for the end"], seen
"""

# One that forgets the stop: its worker is waited for at the exit, and its closer runs.
FORGETS = """
import stopper
s = stopper.Stopper("forgotten")
s.run_worker("worker", lambda ctx: s.should_stop.wait())
s.add_closer("closer", lambda: print("closed"))
"""


class Python(unittest.TestCase):
    """What only Python has."""

    def test_asyncio_loop(self):
        async def serve(s):
            stop, begun = asyncio.Event(), asyncio.Event()
            asyncio.get_running_loop().add_reader(s.should_quiesce, stop.set)

            async def request():
                with s.task("request"):
                    begun.set()
                    await stop.wait()

            answered = asyncio.create_task(request())
            await begun.wait()
            s.stop_async()
            await answered
            asyncio.get_running_loop().remove_reader(s.should_quiesce)

        with stopper.Stopper("asyncio") as s:
            asyncio.run(serve(s))

    def test_main(self):
        subprocess.run([sys.executable, "-c", SERVER], check=True, env=ENV)

    def test_exit_stops(self):
        done = subprocess.run([sys.executable, "-c", FORGETS], check=True, stdout=subprocess.PIPE,
                              env=ENV)
        self.assertEqual(done.stdout, b"closed\n")

    def test_bad_arguments(self):
        with stopper.Stopper("python") as s:
            self.assertRaises(stopper.Error, stopper.Stopper, "child", stall=-1)
            child = stopper.Stopper("child", parent=s)
            other = stopper.Stopper("other", parent=s)
            child.stop_after(other)
            self.assertRaises(stopper.Error, other.stop_after, child)
        self.assertEqual(child.phase, stopper.STOPPED)


class Tap(unittest.TextTestResult):
    """One line of TAP for each test."""

    def line(self, test, ok):
        print(f"{'' if ok else 'not '}ok {self.testsRun} {test.id().rpartition('.test_')[2]}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line(test, True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line(test, False)

    def addError(self, test, err):
        super().addError(test, err)
        self.line(test, False)


if __name__ == "__main__":
    if "--tap" in sys.argv:
        sys.argv.remove("--tap")
        unittest.main(testRunner=unittest.TextTestRunner(resultclass=Tap))
    unittest.main()
