# SPDX-License-Identifier: GPL-2.0 OR MIT
"""
stopper_drgn.py - prints the stoppers of a kernel, live or dumped, a process or a core file, with drgn.

    # drgn /usr/share/stopper/stopper_drgn.py                   the running kernel
    $ drgn -c VMCORE -s VMLINUX -s STOPPER.KO stopper_drgn.py   a dump of one
    # drgn -p PID stopper_drgn.py                               a process
    $ drgn -c CORE -s PROGRAM -s LIBSTOPPER.SO stopper_drgn.py  a core file

Of a kernel, the debug information of vmlinux and of stopper.ko is needed; of a program, that of the
library. A core file needs the pages of the program's files, too: echo 0x37 >/proc/PID/coredump_filter.
"""
import os
import sys
import time

import drgn
from drgn import Object, ProgramFlags

try:
    HERE = os.path.dirname(os.path.abspath(__file__))
except NameError:
    HERE = "/usr/share/stopper"
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import stopper_list  # noqa: E402

WORDS = {"R": "running", "S": "sleeping", "D": "blocked", "I": "idle", "T": "stopped", "t": "traced"}


def readable(fn):
    def wrapped(*args):
        try:
            return fn(*args)
        except (drgn.FaultError, LookupError) as e:
            raise stopper_list.Unreadable(str(e)) from e
    return wrapped


class Reader:
    kernel = False

    def __init__(self, prog, pid=None):
        self.prog, self.pid = prog, pid

    def var(self, name, file):
        v = self.prog.variable(name, file)
        try:
            self.prog.read(v.address_, 1)
        except drgn.FaultError:
            # drgn 0.0.22 does not relocate what is in .bss behind the pages of a library's file.
            for symbol in self.prog.symbols(name):
                if symbol.address != v.address_ and (symbol.address - v.address_) % 4096 == 0:
                    return Object(self.prog, v.type_, address=symbol.address)
        return v

    def at(self, type_, address):
        return Object(self.prog, type_, address=address)

    @readable
    def get(self, obj, name):
        return obj.member_(name)

    @readable
    def num(self, obj):
        return int(obj.value_())

    @readable
    def addr(self, obj):
        return obj.address_

    @readable
    def index(self, obj, i):
        return obj[i]

    def size(self, type_):
        return drgn.sizeof(self.prog.type(type_))

    def offset(self, type_, member):
        return drgn.offsetof(self.prog.type(type_), member)

    def has(self, type_, member):
        return self.prog.type(type_).has_member(member)

    def const(self, name):
        return int(self.prog.constant(name).value_())

    def read(self, address, n):
        try:
            return self.prog.read(address, n)
        except drgn.FaultError as e:
            raise stopper_list.Unreadable(str(e)) from e

    def now(self):
        live = self.prog.flags & ProgramFlags.IS_LIVE
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) if live else 0

    def thread(self, tid):
        """A live process goes on running meanwhile; a core file does not have its threads' names."""
        if not self.pid:
            return b"", "", ""
        try:
            with open("/proc/%d/task/%d/stat" % (self.pid, tid), "rb") as f:
                comm, rest = f.read().split(b"(", 1)[1].rsplit(b") ", 1)
        except OSError:
            return None
        return comm, WORDS.get(chr(rest[0]), "dead"), ""


class Kernel(Reader):
    kernel = True

    def cpu_tables(self):
        from drgn.helpers.linux.cpumask import for_each_possible_cpu
        from drgn.helpers.linux.percpu import per_cpu_ptr
        tables = self.var("slot_tables", "slots.c")
        for cpu in for_each_possible_cpu(self.prog):
            yield per_cpu_ptr(tables, cpu).value_()

    def jiffies(self):
        # jiffies itself is made by the linker and not in the debug information.
        return self.prog["jiffies_64"].value_()

    def hz(self):
        # Few kernels contain their configuration. This clock's multiplier is the length of a tick in ns.
        clock = self.prog["clocksource_jiffies"]
        return round(1000000000 / (clock.mult.value_() >> clock.shift.value_()))

    def now(self):
        """The last update of the clock."""
        tkr = self.prog["tk_core"].timekeeper.tkr_mono
        return (tkr.base + (tkr.xtime_nsec >> tkr.shift)).value_()

    def sleeps_in(self, task):
        """The innermost function that is not the scheduler's."""
        first, last = (self.prog.symbol("__sched_text_" + end).address for end in ("start", "end"))
        names = (f.name for f in self.prog.stack_trace(task) if not first <= f.pc < last)
        return next((n for n in names if n and n != "__switch_to_asm"), "")

    def thread(self, tid):
        from drgn.helpers.linux.pid import find_task
        from drgn.helpers.linux.sched import task_state_to_char
        task = find_task(self.prog, tid)
        if not task:
            return None
        where, word = "", WORDS.get(task_state_to_char(task), "dead")
        try:
            if word != "running":
                where = self.sleeps_in(task)
        except (ValueError, LookupError, drgn.FaultError):
            pass
        return task.comm.string_(), word, where


def live_pid(prog):
    """The process of drgn -p: drgn does not tell a script."""
    args = sys.orig_argv if hasattr(sys, "orig_argv") else []
    for option, value in zip(args, args[1:]):
        if option in ("-p", "--pid"):
            return int(value)
    return None


def main(prog):
    if prog.flags & ProgramFlags.IS_LINUX_KERNEL:
        reader = Kernel(prog)
    else:
        reader = Reader(prog, live_pid(prog))
    for line in stopper_list.List(reader).lines():
        print(line)


if __name__ == "__main__":
    main(prog)  # noqa: F821  drgn defines it
