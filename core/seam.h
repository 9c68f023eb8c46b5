/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * seam.h - what the core needs of a platform.
 *
 * The seam: the core includes <stopper/...> and <platform.h>, of which each platform (kmod/,
 * user/, the explorer) has one. All give the operations below the same meaning. An operation
 * may do nothing on a platform only where the table says so. "Any" is any context, in the
 * kernel up to softirq.
 *
 *   operation                       order              context   result or effect
 *   plat_fetch_add_full(p, n)       full               any       returns the old value, an int
 *   plat_cmpxchg_acquire(p, old, n) acquire if true    any       *p, a pointer, was old and is n
 *   plat_ref_init(r, n)             none               any       n references; a plat_ref_t
 *   plat_ref_get(r)                 none               any       one more, by an owner of one
 *   plat_ref_put(r)                 release; last:     any       one less; true: it was the last. A
 *                                   acquire                      count that overflows or drops
 *                                                                below zero is reported and
 *                                                                saturates
 *   plat_load_barrier()             load -> load       any
 *   plat_light_barrier()            compiler only      any       the cheap half of a pair
 *   plat_heavy_barrier()            every CPU: full    sleeps    the expensive half: every light
 *                                                                barrier on any CPU is wholly
 *                                                                before or after it
 *   plat_happens_before(p)          with the release   any       annotates a release at p for race
 *                                                                detectors that do not see it. May
 *                                                                be nothing
 *   plat_happens_after(p)           with the acquire   any       the same for the acquire that sees
 *                                                                it. May be nothing
 *   plat_lock(l, f)                 acquire            any       f: plat_flags_t
 *   plat_unlock(l, f)               release            any
 *   plat_lock_init(l)                                  any       May be nothing
 *   plat_lock_destroy(l)                               any       May be nothing
 *   plat_park_init(p)                                  any       called by the thread that will
 *                                                                park
 *   plat_park(p, deadline)          acquire            sleeps    false: the deadline passed;
 *                                                                PLAT_FOREVER: no deadline
 *   plat_park_idle(p, deadline)     acquire            sleeps    the same, for pool threads
 *   plat_park_as(p, how)                               any       after init: adds to how p parks, a
 *                                                                set of PARK_ below. May be nothing
 *                                                                where none of them differs
 *   plat_killed()                                      any       has this thread a fatal signal
 *                                                                pending? Always false in userspace
 *   plat_unpark(p)                  release            any       ends p's park, or the next one
 *   plat_event_fired(ev)                               any       makes ev's descriptor readable.
 *                                                                May be nothing
 *   plat_event_closed(ev)                              any       closes it. May be nothing
 *   plat_slots_pin(kind)            exclusive use of c any       the cursor c for tasks of this
 *                                                                kind here; NULL: there is none
 *   plat_slots_unpin(c)                                pinned    ends the use of c and publishes
 *                                                                c->slot as the slot at hand
 *   plat_slots_advance(c)                              pinned    moves to another slot; false:
 *                                                                there is none
 *   plat_slots_pop(slot)                               any       the latest sync task of this
 *                                                                thread ended; its slot was this
 *                                                                one. May be nothing where slots
 *                                                                are not a stack
 *   plat_slot_stamp(c, slot, kind)  (S), task.c        pinned    sets all but ->site, ->stopper
 *   plat_slot_order(i, seq)                            any       an order that rises within a
 *                                                                thread or CPU, for slot i of a
 *                                                                table, or SLOTS + seq on a list
 *   plat_slots_walk(t)              acquire            any       the CPU's or thread's table after
 *                                                                t; NULL: the end
 *   plat_slots_mine(t)              acquire            any       the same, of tables that a sync
 *                                                                task of this thread may be in
 *   plat_scan_enter()                                  any       until plat_scan_exit() the site of
 *                                                                a running task stays valid; no
 *                                                                sleep between the two
 *   plat_scan_exit()                                   any
 *   plat_scan_sync()                full               sleeps    waits for all scans that began
 *                                                                before. May be nothing where the
 *                                                                end of a module waits for them
 *   plat_relax()                                       any       a pause while spinning. May be
 *                                                                nothing
 *   plat_spins()                                       any       how many pauses are worth a sleep,
 *                                                                or 0
 *   plat_resched()                                     process   between two jobs: yields the CPU.
 *                                                                May be nothing where all threads
 *                                                                can be preempted
 *   plat_tid()                                         any       this thread's id, never 0
 *   plat_comm(buf)                                     any       its comm, COMM_SIZE bytes
 *   plat_thread_snapshot(tid, snap)                    process   what a thread is doing; -ESRCH: it
 *                                                                has exited, -ENOENT: not known
 *   plat_frame_name(snap, i, buf)                      process   a frame of its stack as text
 *                                                                without addresses, SYMBOL_SIZE
 *                                                                bytes
 *   plat_thread_signal(tid, n)                         process   sends signal n to a thread of this
 *                                                                process, or to a kthread that
 *                                                                allows it. May be nothing where
 *                                                                there are no signals
 *   plat_cpus()                                        any       how many threads can run at once
 *   plat_alloc(n)                                      process   zeroed; n of any size
 *   plat_free(p)                                       any       frees what plat_alloc() and
 *                                                                plat_alloc_lines() return
 *   plat_alloc_lines(n, may_sleep)                     any       as plat_alloc(), cache line
 *                                                                aligned; process context if
 *                                                                may_sleep
 *   plat_alloc_cached(n, may_sleep)                    any       zeroed, up to 128 bytes, for
 *                                                                memory that another thread will
 *                                                                free; process context if may_sleep
 *   plat_free_cached(p)                                any       frees what plat_alloc_cached()
 *                                                                returns
 *   plat_now()                                         any       ns, CLOCK_MONOTONIC
 *   plat_coarse_time()                                 any       a cheap clock of several ms; 0 in
 *                                                                a slot: not known, readers note
 *                                                                when they first see the task
 *   plat_coarse_age(stamp)                             any       ns since then
 *   plat_thread_start(t, name)      release            process   t->main(t) on a new thread, then
 *                                                                t->release(t); if the thread ends
 *                                                                inside main: t->died(t,
 *                                                                hook_called)
 *   plat_thread_stop(t)                                process   makes kthread_should_stop() true.
 *                                                                May be nothing: called only where
 *                                                                PLAT_STOPS_THREADS
 *   plat_thread_name(t, name)                          process   names the running thread
 *   plat_thread_renamed(t)                             process   has it another name now? Checked
 *                                                                only now and then where that is
 *                                                                expensive
 *   plat_call(c, fn, ctx, arg)                         process   true: fn ended by a panic
 *   plat_stopper_init(s, opts)                         process   creates s->plat, the platform's
 *                                                                part of a stopper, and notes the
 *                                                                stack_size of opts for threads
 *                                                                that start later. May be nothing
 *   plat_stopper_free(s)                               any       ends its use. May be nothing
 *   plat_control_open(s)                               process   with STOPPER_CONTROL: lets
 *                                                                userspace stop it; 0, or why it
 *                                                                cannot
 *   plat_control_close(s)                              process   ends that, before IsStopped fires.
 *                                                                May be nothing
 *   plat_options_valid(opts)                           any       are owner and stack_size valid?
 *   plat_thread_fits(t)                                any       may the running thread take
 *                                                                another job: stack, state
 *   __stopper_panic(value)                             process   public; each platform has its own
 *   plat_panic_unhandled()                             any       after a panic without a hook.
 *                                                                Userspace aborts; may be nothing
 *                                                                elsewhere
 *   plat_timer_init(t, fn)                             any
 *   plat_timer_start(t, deadline)   release            any       0, or why no timer can run
 *   plat_timer_cancel(t)            full               any       true: it will not run
 *   plat_timers_ready()                                process   0, or why timers cannot run
 *   plat_ready()                                       any       0, or why the library cannot be
 *                                                                used (after fork)
 *   plat_is_copy()                                     any       is this a child of fork(), in
 *                                                                which nothing may be touched: a
 *                                                                lock may be held for ever
 *   plat_stops_ready()                                 process   0, or why a stop could not be done
 *                                                                later: no timers, no keeper
 *   plat_keeper_wake()                                 any       has one thread call keeper_run()
 *                                                                until it returns false
 *   plat_module_get(s, m, held)                        any       keeps a module loaded whose
 *                                                                function another module's stopper
 *                                                                s will call, in *held; false: it
 *                                                                is being unloaded. Without modules
 *                                                                true, *held is NULL
 *   plat_module_put(held)                              any       its function has returned. May be
 *                                                                nothing
 *   plat_log(level, line)                              any
 *   __stopper_traced()                                 any       are tasks traced? Costs nothing
 *                                                                while they are not (slot.h)
 *   plat_traces_closers()                              any       are closers traced?
 *   plat_own_tid()                                     any       plat_tid(), or 0 in a softirq,
 *                                                                which is not this thread's own
 *                                                                work
 *   plat_random()                                      any       64 random bits, as a unique number
 *   plat_step(p, n)                 none               any       *p += n, a count of steps that
 *                                                                tests read
 *   plat_trace_*(...)                                  any       trace an event; no lock is held.
 *                                                                May be nothing
 *   plat_lockdep_wait(s, stop)                         process   the caller waits for s's tasks
 *                                                                and, if stop, for its workers and
 *                                                                closers. May be nothing
 *   plat_lockdep_wait_event(ev)                        process   the caller waits for ev for ever.
 *                                                                May be nothing
 *   plat_might_sleep()                                 process   a debugging check. May be nothing
 *   plat_sort(base, n, size, cmp)                      process
 *   plat_div(n, d)                                     any       int64_t n / int32_t d, for which
 *                                                                32-bit kernels have no operator
 *   memcpy, memset, strcmp, strncmp, strlen, snprintf, vsnprintf: as everywhere
 */
#ifndef STOPPER_CORE_SEAM_H
#define STOPPER_CORE_SEAM_H

/* How a thread parks. */
#define PARK_NO_FREEZE	1u	/* suspend waits for the end of the park; it does not freeze it */
#define PARK_BLOCKED	2u	/* blocked for tools that look for hung threads; else idle */
#define PARK_KILLABLE	4u	/* plat_killed() ends the park, too */

#include <stopper/stopper.h>
#include <platform.h>

/*
 * Not of the platform: memory order is defined once, in stopper/types.h, from which programs
 * inline it, too. Each user names its partner.
 */
#define plat_load(p)		__stopper_load(p)
#define plat_store(p, v)	__stopper_store(p, v)
/* pairs with what its user names */
#define plat_load_acquire(p)	__stopper_load_acquire(p)
/* pairs with what its user names */
#define plat_store_release(p, v) __stopper_store_release(p, v)

#define COMM_SIZE	16
#define SYMBOL_SIZE	128
#define SNAPSHOT_FRAMES	16

/* What another thread is doing. */
struct thread_snapshot {
	char comm[COMM_SIZE];
	char state;			/* as /proc has it */
	char where[SYMBOL_SIZE];	/* the function it sleeps in, escaped; "": not known */
	unsigned int nframes;
	unsigned long frame[SNAPSHOT_FRAMES]; /* kernel; innermost first */
};

struct span_record;

/* the platform's trace events: kmod/trace.h, user/trace.c */
void plat_trace_task_start(const struct span_record *t);
void plat_trace_task_end(const struct span_record *t);
void plat_trace_task_refused(const struct stopper *s, unsigned int kind,
			     const struct stopper_site *site);
void plat_trace_async_queued(const struct span_record *t);
void plat_trace_worker_start(const struct span_record *t);
void plat_trace_worker_end(const struct span_record *t);
void plat_trace_created(const struct stopper *s);
void plat_trace_phase(const struct stopper *s, enum stopper_phase from, enum stopper_phase to);
void plat_trace_closer_start(const struct stopper *s, const char *shown);
void plat_trace_closer_end(const struct stopper *s, const char *shown);
void plat_trace_stall(const struct stopper *s, int64_t waited, unsigned long tasks,
		      unsigned int workers);

#endif /* STOPPER_CORE_SEAM_H */
