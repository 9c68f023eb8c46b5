#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""jobs.py - a job queue that loses no job: each line of standard input is one.

At the end of the input, or at SIGTERM, jobs that have begun are finished, and the total is printed.
The exit status is 0 if all were.
"""

import os
import select
import sys
import threading

import stopper

total = 0
lock = threading.Lock()


def lines(stop):
    """The lines of standard input, until its end or until stop fires."""
    buffer = b""
    while True:
        line, newline, rest = buffer.partition(b"\n")
        if newline:
            buffer = rest
            yield line.decode()
            continue
        select.select([sys.stdin, stop], [], [])
        data = b"" if stop.fired else os.read(sys.stdin.fileno(), 512)
        if not data:
            return
        buffer += data


def say(text):
    os.write(1, (text + "\n").encode())


def job(ctx, line):
    global total
    stopper.label(line)
    say("done " + line)
    with lock:
        total += 1


def reader(ctx, jobs, four):
    for line in lines(jobs.should_quiesce):
        say("begin " + line)
        try:
            jobs.run_limited("job", four, job, line)
        except stopper.Unavailable:
            say("refused " + line)
    jobs.stop_async()


with stopper.Stopper("jobs") as jobs:
    jobs.add_closer("total", lambda: say(f"total {total}"))
    jobs.run_worker("reader", reader, jobs, stopper.Semaphore(4))
    status = jobs.main()
sys.exit(status)
