# SPDX-License-Identifier: GPL-2.0 OR MIT
"""
stopper_gdb.py - gdb commands that print the stoppers of a process, a core file or a kernel.

    (gdb) source /usr/share/stopper/stopper_gdb.py
    (gdb) stopper-list
    (gdb) stopper-kernel STOPPER.KO KALLSYMS    only for a kernel, before stopper-list

The library or module must have debug information. stopper-kernel takes the module's file, as it was
loaded, and a copy of the kernel's /proc/kallsyms, read as root: the addresses of all that is needed. No
vmlinux is needed. The kernel's memory is a dump that shows virtual addresses (QEMU: dump-guest-memory
-p), or a target that does (QEMU's gdb stub).
"""
import atexit
import os
import re
import struct
import sys
import tempfile
import time

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import stopper_list  # noqa: E402

LIBC = re.compile(r"/(libc|libpthread|ld|ld-linux[^/]*)[-.0-9]*\.so|^linux-vdso")


def readable(fn):
    def wrapped(*args):
        try:
            return fn(*args)
        except gdb.error as e:
            raise stopper_list.Unreadable(str(e)) from e
    return wrapped


class Reader:
    kernel = False

    def __init__(self):
        self.types = {}
        self.threads = None

    def type(self, name):
        if name not in self.types:
            self.types[name] = gdb.lookup_type(name)
        return self.types[name]

    def var(self, name, file):
        return gdb.parse_and_eval("'%s'::%s" % (file, name))

    @readable
    def at(self, type_, address):
        return gdb.Value(address).cast(self.type(type_).pointer()).dereference()

    @readable
    def get(self, obj, name):
        return obj[name]

    @readable
    def num(self, obj):
        return int(obj)

    @readable
    def addr(self, obj):
        return int(obj.address)

    @readable
    def index(self, obj, i):
        return obj[i]

    def size(self, type_):
        return self.type(type_).sizeof

    def offset(self, type_, member):
        for f in self.type(type_).fields():
            if f.name == member:
                return f.bitpos // 8
        raise stopper_list.Unreadable("%s has no %s" % (type_, member))

    def has(self, type_, member):
        return any(f.name == member for f in self.type(type_).fields())

    def const(self, name):
        return int(gdb.parse_and_eval(name))

    def read(self, address, n):
        try:
            return bytes(gdb.selected_inferior().read_memory(address, n))
        except gdb.MemoryError as e:
            raise stopper_list.Unreadable(str(e)) from e

    def is_live(self):
        """A process of this machine?"""
        connection = gdb.selected_inferior().connection
        return connection is not None and connection.type == "native"

    def now(self):
        """The clock of this machine; a core file does not say when it was written."""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) if self.is_live() else 0

    def where(self, thread):
        """The innermost function that is not one of the C library."""
        thread.switch()
        frame = gdb.newest_frame()
        for _ in range(16):
            if frame is None:
                return ""
            if frame.name() and not LIBC.search(gdb.solib_name(frame.pc()) or ""):
                return frame.name()
            frame = frame.older()
        return ""

    def thread(self, tid):
        if self.threads is None:
            self.threads = {t.ptid[1] or t.ptid[2]: t for t in gdb.selected_inferior().threads()}
        thread = self.threads.get(tid)
        if thread is None:
            return None
        selected = gdb.selected_thread()
        try:
            where = self.where(thread)
        except gdb.error:
            where = ""
        finally:
            if selected:
                selected.switch()
        return (thread.name or "?").encode(), "stopped", where


class Kernel(Reader):
    """Modules and vmlinux without debug information: addresses come from kallsyms."""
    kernel = True

    def __init__(self, ko, kallsyms):
        super().__init__()
        self.symbols, found = {}, []
        with open(kallsyms, encoding="ascii") as f:
            for line in f:
                words = line.split()
                if len(words) == 3:
                    self.symbols.setdefault(words[2], int(words[0], 16))
                elif words[3] == "[stopper]":
                    found.append((words[2], int(words[0], 16)))
        self.module = unique(found)
        if not self.module:
            raise gdb.GdbError("%s: no symbols of the module stopper" % kallsyms)
        if not any(self.symbols.values()):
            raise gdb.GdbError("%s: addresses are hidden; read it as root" % kallsyms)
        self.load(ko)

    def load(self, ko):
        """Each section is where the symbols in it are, less their place in the file."""
        sections = {}
        in_file = unique([(symbol, (section, value)) for symbol, section, value in elf_symbols(ko)])
        for symbol, (section, value) in in_file.items():
            if symbol in self.module and not section.startswith((".init", ".exit", ".data..percpu")):
                sections.setdefault(section, self.module[symbol] - value)
        args = ["-s %s 0x%x" % s for s in sections.items() if s[0] != ".text"]
        with tempfile.NamedTemporaryFile(suffix=".ko", delete=False) as f:
            f.write(elf_without_addresses(ko))
        atexit.register(os.unlink, f.name)
        gdb.execute("add-symbol-file %s 0x%x %s" % (f.name, sections[".text"], " ".join(args)), to_string=True)

    def word(self, name, i=0, size=8):
        memory = gdb.selected_inferior().read_memory(self.symbols[name] + i * size, size)
        return int.from_bytes(bytes(memory), sys.byteorder)

    def cpu_tables(self):
        table = int(self.var("slot_tables", "slots.c"))
        for cpu in range(self.word("nr_cpu_ids", size=4)):
            yield (table + self.word("__per_cpu_offset", cpu)) & (2 ** 64 - 1)

    def jiffies(self):
        return self.word("jiffies")

    def hz(self):
        return self.rate

    rate = 250

    def now(self):
        """Jiffies and the clock begin together, at boot; jiffies begin five minutes before they wrap in 32 bits."""
        since = (self.jiffies() - (2 ** 32 - 300 * self.rate)) & (2 ** 64 - 1)
        return since * 1000000000 // self.rate

    def tasks(self):
        """All threads: {tid: task_struct}."""
        init = self.symbols["init_task"]
        leader, n, found = init, 0, {}
        list_head, offset = "struct list_head", self.offset("struct task_struct", "tasks")
        while n < stopper_list.LONGEST:
            t = self.at("struct task_struct", leader)
            signal = self.num(t["signal"])
            head = signal + self.offset("struct signal_struct", "thread_head")
            at = self.num(self.at(list_head, head)["next"])
            while at not in (head, 0):
                thread = self.at("struct task_struct", at - self.offset("struct task_struct", "thread_node"))
                found[self.num(thread["pid"])] = thread
                at = self.num(self.at(list_head, at)["next"])
            leader, n = self.num(t["tasks"]["next"]) - offset, n + 1
            if leader == init:
                return found
        return found

    def thread(self, tid):
        if self.threads is None:
            try:
                self.threads = self.tasks()
            except (gdb.error, KeyError, stopper_list.Unreadable):
                self.threads = {}
        if not self.threads:
            return b"", "", ""
        task = self.threads.get(tid)
        if task is None:
            return None
        state = self.num(task["__state"])
        word = ("running" if not state else "idle" if state & 0x402 == 0x402 else "blocked" if state & 2 else
                "sleeping" if state & 1 else "stopped" if state & 4 else "traced" if state & 8 else "dead")
        return stopper_list.string(self, self.addr(task["comm"]), 16), word, ""


def unique(pairs):
    """Of names and values, those whose name occurs once: files may have local symbols of the same name."""
    count = {}
    for name, _ in pairs:
        count[name] = count.get(name, 0) + 1
    return {name: value for name, value in pairs if count[name] == 1}


class Elf:
    """The section headers of a 64-bit object file, and its bytes."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = bytearray(f.read())
        if self.data[:5] != b"\x7fELF\x02":
            raise gdb.GdbError("%s: not a 64-bit module" % path)
        self.order = "<" if self.data[5] == 1 else ">"
        shoff, = self.unpack("Q", 0x28)
        shentsize, self.shnum, self.shstrndx = self.unpack("HHH", 0x3a)
        self.at = [shoff + i * shentsize for i in range(self.shnum)]
        self.headers = [self.unpack("IIQQQQIIQQ", at) for at in self.at]

    def unpack(self, form, at):
        return struct.unpack_from(self.order + form, self.data, at)

    def string(self, table, at):
        start = self.headers[table][4] + at
        return self.data[start:self.data.index(b"\0", start)].decode("ascii", "replace")


def elf_symbols(path):
    """(name, section, value) of each symbol."""
    elf = Elf(path)
    for h in elf.headers:
        if h[1] != 2:           # SHT_SYMTAB
            continue
        for at in range(h[4], h[4] + h[5], 24):
            name, _, _, section, value, _ = elf.unpack("IBBHQQ", at)
            if name and 0 < section < elf.shnum:
                yield elf.string(h[6], name), elf.string(elf.shstrndx, elf.headers[section][0]), value


def elf_without_addresses(path):
    """
    Linkers leave addresses in the section headers of modules. They mean nothing, but gdb 13 then takes all that has
    debug information for a part of .text.
    """
    elf = Elf(path)
    for at in elf.at:
        struct.pack_into(elf.order + "Q", elf.data, at + 16, 0)
    return elf.data


reader = None


class StopperList(gdb.Command):
    """Print the stoppers that have not stopped, and what they run, as stopper-debuglist(5) describes."""

    def __init__(self):
        super().__init__("stopper-list", gdb.COMMAND_DATA)

    def invoke(self, arg, from_tty):
        try:
            for line in stopper_list.List(reader or Reader()).lines():
                print(line)
        except stopper_list.Unreadable as e:
            raise gdb.GdbError("stopper-list: %s" % e)


class StopperKernel(gdb.Command):
    """stopper-kernel STOPPER.KO KALLSYMS [HZ]: print the stoppers of a kernel from now on."""

    def __init__(self):
        super().__init__("stopper-kernel", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, arg, from_tty):
        global reader
        argv = gdb.string_to_argv(arg)
        if len(argv) not in (2, 3):
            raise gdb.GdbError("usage: stopper-kernel STOPPER.KO KALLSYMS [HZ]")
        if len(argv) == 3:
            Kernel.rate = int(argv[2])
        reader = Kernel(*argv[:2])


StopperList()
StopperKernel()
