# SPDX-License-Identifier: GPL-2.0 OR MIT
"""
stopper_list.py - the debug list from the memory of a program, or of a kernel, that cannot make it.

stopper_gdb.py and stopper_drgn.py read memory; this file knows what to read. It follows core/report.c,
core/scan.c and core/snapshot.c, and prints the text of stopper-debuglist(5). What only the running
stopper can find out is missing: where a thread sleeps is the reader's guess, and no stack is printed. It
takes no lock: if the memory is that of a live program, a list may be read in the middle of a change, so a
walk over a list is bounded, and what cannot be read is shown as "?".

A reader has:
  kernel                      is it the kernel's memory?
  var(name, file)             the static or global variable of that file of the core or the platform
  at(type, address)           the object of that type there
  get(object, name)           a member
  num(object)                 an integer; of a pointer: the address
  addr(object)                its address
  index(object, i)            an element of an array
  size(type), offset(type, member), has(type, member)
  const(name)                 the value of an enumerator
  read(address, n)            n bytes there
  cpu_tables()                kernel: the addresses of the tables of CPUs
  thread(tid)                 (comm, state word, where) of a thread; None: it is gone; ("", "", ""): not known
  now()                       the time of the monotonic clock in ns, or 0: not known
  jiffies(), hz()             kernel
"""

LONGEST = 1000000       # elements of a list
THREADS_SHOWN = 5
NAME_SHOWN = 128
SHARDS = 16
INBOXES = 64
PHASE_MASK = 7
TID_MASK = (1 << 30) - 1


class Unreadable(Exception):
    """The memory is not there."""


def escape(name, size=None):
    """As name_escape() of core/name.c; size as there, with the terminator."""
    out, short = "", None
    special = {0x22: '\\"', 0x5c: "\\\\", 0x0a: "\\n", 0x09: "\\t"}
    for c in name:
        e = special.get(c) or (chr(c) if 0x20 <= c < 0x7f else "\\x%02x" % c)
        if size and short is None and len(out) + len(e) > size - 4:
            short = out
        out += e
    return short + "..." if size and len(out) > size - 1 else out


def escape_tail(name, size):
    """As name_escape_tail(): of a long path the end."""
    return escape(name[-(size - 1):] if len(name) > size - 1 else name, size)


def string(reader, address, n):
    """The bytes of the string at that address, n at most. Reads no page beyond, which may be missing."""
    out = b""
    while len(out) < n:
        part = reader.read(address, min(64, 4096 - address % 4096))
        if b"\0" in part:
            return out + part[:part.index(b"\0")]
        out, address = out + part, address + len(part)
    return out[:n]


def secs(ns):
    ms = max(ns, 0) // 1000000
    return "%d.%03ds" % (ms // 1000, ms % 1000)


class Group:
    """What runs at one call site."""

    def __init__(self, kind, name, site):
        self.kind, self.name, self.site = kind, name, site
        self.count = self.oldest = self.queued = 0
        self.threads = {}       # tid: [tasks, age, label]

    def add(self, tid, age, queued, label):
        self.count += 1
        self.oldest = max(self.oldest, age)
        if queued:
            self.queued += 1
            return
        thread = self.threads.setdefault(tid, [0, 0, ""])
        thread[0] += 1
        if thread[0] == 1 or age > thread[1]:
            thread[1:] = age, label


class List:
    def __init__(self, reader):
        self.r = reader
        self.latest = 0
        self.groups = {}        # stopper: {(kind, site): Group}

    # memory

    def member(self, obj, path):
        for name in path.split("."):
            obj = self.r.get(obj, name)
        return obj

    def num(self, obj, path):
        return self.r.num(self.member(obj, path))

    def walk(self, head, type_, member):
        """The objects of a circular list, in its order."""
        r, start = self.r, self.r.addr(head)
        at, n = r.num(r.get(head, "next")), 0
        while at not in (start, 0) and n < LONGEST:
            yield r.at(type_, at - r.offset(type_, member))
            at = r.num(r.get(r.at("struct stopper_list", at), "next"))
            n += 1

    def text(self, address, missing="?"):
        try:
            return string(self.r, address, 4096) if address else missing.encode()
        except Unreadable:
            return b"?"

    def site(self, address, file=64, func=60):
        """(name, place); the sizes are those of struct stopper_task_info, or of struct origin"""
        try:
            s = self.r.at("struct stopper_site", address)
            name = escape(self.text(self.num(s, "name"), "(none)"), NAME_SHOWN + 1)
            line = self.num(s, "line")
            if not line:
                return name, ""
            return name, " at %s:%d %s" % (escape_tail(self.text(self.num(s, "file"), ""), file), line,
                                           escape(self.text(self.num(s, "func"), ""), func))
        except Unreadable:
            return "?", ""

    # time

    def note(self, ns):
        """A stamp of the past: the clock had at least reached it."""
        self.latest = max(self.latest, ns)

    def age(self, since):
        return self.clock - since if since else 0

    def coarse_age(self, stamp):
        r = self.r
        if not r.kernel:
            return self.age(stamp)
        jiffies = ((r.jiffies() - stamp) & (2 ** 64 - 1)) if stamp else 0
        return (jiffies - 1) * 1000000000 // r.hz() if 0 < jiffies < 2 ** 63 else 0

    # what runs

    def label(self, slot):
        """Of the slot's task; see core/label.c."""
        address = self.num(slot, "label")
        if not address:
            return ""
        label = self.r.at("struct stopper_label", address)
        if self.num(label, "version") % 2 or self.num(label, "task") != self.num(slot, "seq"):
            return ""
        return self.shown(label, "text")

    def add(self, stopper, kind, site, tid, stamp, queued=False, ns=False, label=""):
        groups = self.groups.setdefault(stopper, {})
        if (kind, site) not in groups:
            groups[kind, site] = Group(kind, *self.site(site))
        if not self.r.kernel or ns:
            self.note(stamp)
        self.found.append((groups[kind, site], tid, stamp, queued, ns, label))

    def scan_queue(self):
        r = self.r
        inboxes, step = r.var("inboxes", "queue.c"), r.size("struct inbox")
        for i in range(INBOXES):
            inbox = r.at("struct inbox", r.addr(inboxes) + i * step)
            self.scan_queued(self.member(inbox, "backlog"))
            # A fresh one is younger than a tick.
            self.scan_queued(self.member(inbox, "fresh"), fresh=True)
        for batch in self.walk(r.var("batches", "batch.c"), "struct batch", "node"):
            self.scan_queued(self.member(batch, "tasks"))

    def scan_queued(self, tasks, fresh=False):
        r = self.r
        for job in self.walk(tasks, "struct stopper_job", "node"):
            task = r.at("struct stopper_async", r.addr(job) - r.offset("struct stopper_async", "job"))
            self.add(self.num(task, "s"), "task", self.num(job, "site"), 0,
                     0 if fresh else self.num(task, "since"), queued=True)

    def scan_table(self, address):
        r = self.r
        table = r.at("struct slot_table", address)
        pooled = self.num(table, "pooled")
        slots, step = r.get(table, "slot"), r.size("struct stopper_slot")
        for i in range(r.size("struct slot_table") and 64):
            slot = r.at("struct stopper_slot", r.addr(slots) + i * step)
            stopper = self.num(slot, "stopper")
            if not stopper:
                continue
            tid, start, ns = self.num(slot, "tid"), self.num(slot, "start"), False
            if not start and not pooled:
                seen = r.index(r.get(table, "first_seen"), i)
                ns = True
                start = self.num(seen, "since") if self.num(seen, "seq") == self.num(slot, "seq") else 0
            self.add(stopper, "task", self.num(slot, "site"), tid & TID_MASK, start, ns=ns, label=self.label(slot))

    def scan_tables(self):
        r = self.r
        if r.kernel:
            for address in r.cpu_tables():
                self.scan_table(address)
        for name in ([] if r.kernel else ["slots.c"]) + ["pool_slots.c"]:
            address, n = r.num(r.var("tables", name)), 0
            while address and n < LONGEST:
                self.scan_table(address)
                address, n = self.num(r.at("struct slot_table", address), "link"), n + 1

    def scan_lists(self, s):
        r = self.r
        heads, shards = [self.member(s, "tasks")], self.num(s, "shards")
        for i in range(SHARDS if shards else 0):
            heads.append(r.get(r.at("struct shard", shards + i * r.size("struct shard")), "tasks"))
        for head in heads:
            for task in self.walk(head, "struct stopper_task", "node"):
                slot = r.get(task, "own")
                self.add(self.num(slot, "stopper"), "task", self.num(slot, "site"),
                         self.num(slot, "tid") & TID_MASK, self.num(slot, "start"), label=self.label(slot))

    def scan_activities(self, s):
        kinds = {self.r.const("STOPPER_PANIC_WORKER"): "worker", self.r.const("STOPPER_PANIC_CLOSER"): "closer"}
        for a in self.walk(self.member(s, "activities"), "struct activity", "of_stopper"):
            kind = kinds.get(self.num(a, "kind"))
            if kind:
                self.add(self.num(a, "s"), kind, self.num(a, "site"), self.num(a, "tid"), self.num(a, "since"))

    def stoppers(self):
        """Those of the registry; a link without a stopper is a walk that was under way."""
        registry = self.r.var("registry", "ref.c")
        for link in self.walk(self.member(registry, "list"), "struct stopper_link", "node"):
            if self.num(link, "s"):
                yield self.r.at("struct stopper", self.num(link, "s"))

    # lines

    def name(self, s):
        return self.text(self.r.addr(self.member(s, "name"))).decode("ascii", "replace")

    def phase(self, s):
        for phase in ("running", "quiescing", "stopping", "closing", "stopped"):
            if self.num(s, "phase") & PHASE_MASK == self.r.const("STOPPER_" + phase.upper()):
                return phase
        return "unknown"

    def chars(self, array):
        return self.text(self.r.addr(array))

    def shown(self, obj, path):
        """An array of characters that is escaped already."""
        return self.chars(self.member(obj, path)).decode("ascii", "replace")

    def origin(self, o):
        return "%s:%d %s by thread %d \"%s\"" % (
            self.shown(o, "file"), self.num(o, "line"),
            self.shown(o, "func"), self.num(o, "tid"),
            escape(self.chars(self.member(o, "comm"))))

    def head_lines(self, s, groups):
        tasks = [g for g in groups if g.kind == "task"]
        closers = self.num(s, "nclosers") + bool(self.num(s, "closing")) + self.num(s, "late_closers")
        yield ("stopper %d \"%s\": %s for %s, age %s, tasks %d, queued %d, workers %d, closers %d, closed %d, "
               "contexts %d, waiters %d%s" % (
                   self.num(s, "id"), self.name(s), self.phase(s), secs(self.age(self.num(s, "phase_since"))),
                   secs(self.age(self.num(s, "created"))), sum(g.count for g in tasks),
                   sum(g.queued for g in tasks), self.num(s, "nworkers"), closers, self.num(s, "nclosed"),
                   self.num(s, "contexts"), self.num(s, "waiters"), self.turned_away(s)))
        yield "  created at " + self.origin(self.member(s, "created_at"))
        if self.num(s, "parent"):
            parent = self.r.at("struct stopper", self.num(s, "parent"))
            yield "  child of %d \"%s\"" % (self.num(parent, "id"), self.name(parent))
        if self.r.has("struct stopper", "pause") and self.phase(s) == "running" and self.num(s, "pause.paused"):
            yield "  paused at %s, %s ago" % (self.origin(self.member(s, "pause.origin")),
                                              secs(self.age(self.num(s, "pause.since"))))
        yield self.stop_line(s)
        if self.num(s, "error"):
            yield self.error_line(s)
        if self.num(s, "ntimers"):
            yield self.timers_line(s)
        if self.r.has("struct stopper", "nested") and self.num(s, "nested"):
            yield "  nested %d" % self.num(s, "nested")

    def turned_away(self, s):
        counts = [(what, self.num(s, what)) for what in ("refused", "dropped")
                  if self.r.has("struct stopper", what)]
        return "".join(", %s %d" % count for count in counts if count[1])

    def stop_line(self, s):
        asked = self.num(s, "stop_requested")
        if not asked:
            return "  stop not asked"
        because, err = "", self.num(s, "cause.err")
        if err:
            because = ", because \"%s\" (%d)" % (self.shown(s, "cause.text"), err)
        return "  stop asked at %s, %s ago%s" % (
            self.origin(self.member(s, "cause.at")), secs(self.age(asked)), because)

    def error_line(self, s):
        e = self.r.at("struct first_error", self.num(s, "error_from"))
        name, at = ("cause.text", "cause.at") if self.r.has("struct first_error", "cause") else ("name", "at")
        return "  failed %d \"%s\" at %s, %s ago" % (
            self.num(s, "error"), self.shown(e, name),
            self.origin(self.member(e, at)), secs(self.age(self.num(e, "since"))))

    def timers_line(self, s):
        r = self.r
        first = r.at("struct stopper_due", self.num(s, "timers"))
        timer = r.at("struct stopper_timer", r.addr(first) - r.offset("struct stopper_timer", "due"))
        return "  timers %d, next \"%s\"%s, due in %s" % (
            (self.num(s, "ntimers"),) + self.site(self.num(timer, "task.job.site")) +
            (secs(self.num(first, "at") - self.clock),))

    def sem_lines(self, s):
        seen = set()
        for w in self.walk(self.member(s, "waiting"), "struct sem_waiter", "of_stopper"):
            address = self.num(w, "sem")
            if address in seen:
                continue
            seen.add(address)
            sem = self.r.at("struct stopper_sem", address)
            name = self.num(sem, "name") if self.r.has("struct stopper_sem", "name") else 0
            name = " \"%s\"" % escape(self.text(name), NAME_SHOWN + 1) if name else ""
            yield "  semaphore%s: held %d of %d, waiters %d, first \"%s\"%s by thread %d for %s" % (
                (name, self.num(sem, "length"), self.num(sem, "capacity"), self.num(sem, "nwaiters")) +
                self.site(self.num(w, "site"), 32, 28) + (self.num(w, "tid"), secs(self.age(self.num(w, "since")))))

    def thread_line(self, tid, age, label):
        since = "for " + secs(age) + (" label \"%s\"" % label if label else "")
        if not tid:
            return "    thread 0 \"softirq\" idle " + since
        thread = self.r.thread(tid)
        if thread is None:
            return "    thread %d gone %s" % (tid, since)
        comm, state, where = thread
        if not state:
            return "    thread %d %s" % (tid, since)
        return "    thread %d \"%s\" %s %s%s" % (tid, escape(comm), state, since, " in " + where if where else "")

    def group_lines(self, g):
        yield "  %s %d \"%s\"%s, oldest %s" % (g.kind, g.count, g.name, g.site, secs(g.oldest))
        if g.queued:
            yield "    queued %d" % g.queued
        threads = sorted(g.threads.items(), key=lambda t: -t[1][1])
        for tid, (_, age, label) in threads[:THREADS_SHOWN]:
            yield self.thread_line(tid, age, label)
        more = sum(thread[0] for _, thread in threads[THREADS_SHOWN:])
        if more:
            yield "    and %d more" % more

    def stopper_lines(self, s):
        kinds = ("task", "worker", "closer")
        groups = sorted(self.groups.get(self.r.addr(s), {}).values(),
                        key=lambda g: (kinds.index(g.kind), -g.count, g.name))
        yield from self.head_lines(s, groups)
        yield from self.sem_lines(s)
        for g in groups:
            yield from self.group_lines(g)

    def scan(self):
        self.found = []
        stoppers = []
        for s in self.stoppers():
            stoppers.append(s)
            for stamp in ("created", "phase_since", "stop_requested"):
                self.note(self.num(s, stamp))
        self.scan_queue()
        self.scan_tables()
        for s in stoppers:
            self.scan_lists(s)
        for s in stoppers:
            self.scan_activities(s)
        self.clock = max(self.r.now(), self.latest)
        for group, tid, stamp, queued, ns, label in self.found:
            group.add(tid, self.age(stamp) if ns else self.coarse_age(stamp), queued, label)
        return stoppers

    def lines(self):
        for s in self.scan():
            try:
                yield from self.stopper_lines(s)
            except Unreadable:
                yield "  (the rest of this stopper cannot be read)"
