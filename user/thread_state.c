// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * thread_state.c - the state of the library's threads, and what a task may leave changed.
 *
 * The initial state. A thread inherits the state of its creator, which is whichever thread
 * happened to need it, for example a poller bound to one CPU. So each thread of the library
 * takes CPU affinity, policy and nice from the thread group leader (in most programs the thread
 * that runs main()), as they are when it starts. State that cannot be set without a privilege
 * stays as inherited, and so do namespaces, credentials, filters, the I/O priority and the
 * control group.
 *
 * Signals. The library's own code runs with all signals blocked, so that the program's signals
 * go to the program's threads. SIGPROF and the signals that a fault raises are never blocked:
 * the kernel kills a process that blocks the latter, without calling its handler (crash
 * reporters, sanitizers, JITs, seccomp's SIGSYS), and a profiler would see nothing.
 * Tasks, workers and closers run with the signal mask of the thread that created their
 * stopper, as if that thread had started theirs. So processes and threads that they start can
 * receive signals, and signals that the program blocked before it created the stopper are not
 * delivered on these threads. The mask is only switched when it differs from the current one,
 * so consecutive tasks of one stopper make no system call. An idle thread blocks all again.
 *
 * What a task leaves. Pool threads are shared, so a changed mask, affinity, policy, nice,
 * cancellation state or locale would affect an unrelated task. It is restored to what the thread
 * had before, and reported with the task's name. If it cannot be restored, such as a nice value
 * that only a privileged thread can lower again, the thread leaves the pool. Checking all of it
 * costs three system calls, a third of a short task. So each thread keeps a small cache of the
 * call sites that it has run:
 *
 *   the first RUNS_CHECKED runs of a site    checked after each run
 *   a site that has changed the state        checked after each run; reported once while it is in
 *                                            the cache, with at most SEEN_SITES reports a thread
 *   any other                                checked once a tick of the coarse clock
 *
 * A change that the leader has too was not made by a task (taskset -a, chrt -a, renice -g), so
 * the thread keeps it. Pending signals that were sent to the thread itself stay.
 */
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stopper/signal.h>
#include "internal.h"
#include "panic.h"
#include "upcalls.h"

#define SEEN_SITES	16	/* in the cache of a thread */
#define RUNS_CHECKED	8

/* The kernel's struct sched_attr, first version. */
struct sched_state {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

struct seen_site {
	const struct stopper_site *site;
	unsigned char runs;
	bool changes_state;		/* and was reported */
};

static __thread struct {
	bool is_stopper_thread;
	uint64_t mask;			/* the kernel's signal mask, as set here */
	uint64_t unblocked;		/* not blocked while it is idle */
	uint64_t checked;		/* plat_coarse_time() of the latest look */
	bool not_restored;		/* a changed state could not be restored */
	unsigned char nr_reports;
	struct sched_state sched;
	cpu_set_t cpus;
	struct seen_site seen[SEEN_SITES];
} my_state;

static unsigned int nr_cpus = 1;

unsigned int plat_cpus(void)
{
	return plat_load(&nr_cpus);
}

bool on_stopper_thread(void)
{
	return my_state.is_stopper_thread;
}

/* All signals but SIGPROF, those that a fault raises, and those that libc reserves. */
static uint64_t library_mask(void)
{
	static const int never[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGPROF };
	uint64_t mask;
	sigset_t set;
	unsigned int i;

	sigfillset(&set);
	for (i = 0; i < ARRAY_LEN(never); i++)
		sigdelset(&set, never[i]);
	memcpy(&mask, &set, sizeof(mask));
	return mask;
}

/*
 * The kernel's call: 8 bytes instead of 128, and no tool intercepts it to defer signals. If a
 * seccomp filter refuses it, no mask can change any more, and this thread keeps its own.
 */
static uint64_t sigmask_swap(const uint64_t *to)
{
	uint64_t old = 0;

	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, to, &old, sizeof(old)))
		return my_state.mask;
	return old;
}

static void sigmask_set(uint64_t mask)
{
	if (my_state.mask == mask)
		return;
	sigmask_swap(&mask);
	my_state.mask = mask;
}

/* Sets the mask that a thread started next inherits; returns the old one. */
uint64_t thread_state_block(void)
{
	uint64_t mask = library_mask();

	return sigmask_swap(&mask);
}

void thread_state_unblock(uint64_t old)
{
	sigmask_swap(&old);
}

void plat_stopper_init(struct stopper *s, const struct stopper_options *opts)
{
	thread_stack_note(opts->stack_size);
	s->plat.sigmask = sigmask_swap(NULL);
}

int stopper_signal_mask(const struct stopper *s, sigset_t *mask)
{
	if (!s || !mask)
		return -EINVAL;
	sigemptyset(mask);
	memcpy(mask, &s->plat.sigmask, sizeof(s->plat.sigmask));
	return 0;
}
EXPORT_SYMBOL_PLAT(stopper_signal_mask);

static bool sched_read(int tid, struct sched_state *to)
{
	memset(to, 0, sizeof(*to));
	return !syscall(SYS_sched_getattr, tid, to, sizeof(*to), 0);
}

static bool sched_differs(const struct sched_state *a, const struct sched_state *b)
{
	return a->policy != b->policy || a->nice != b->nice || a->priority != b->priority;
}

static bool sched_write(const struct sched_state *to)
{
	struct sched_state set = *to;

	set.size = sizeof(set);
	return !syscall(SYS_sched_setattr, 0, &set, 0);
}

static bool affinity_read(int tid, cpu_set_t *to)
{
	CPU_ZERO(to);
	return !sched_getaffinity(tid, sizeof(*to), to);
}

/* State that cannot be read or set stays as it is. */
static void inherit_leader_sched(void)
{
	struct sched_state leader;

	if (sched_read(getpid(), &leader) && sched_differs(&leader, &my_state.sched))
		sched_write(&leader);
	sched_read(0, &my_state.sched);
}

static void inherit_leader_affinity(void)
{
	cpu_set_t leader;

	if (affinity_read(getpid(), &leader) && !CPU_EQUAL(&leader, &my_state.cpus))
		sched_setaffinity(0, sizeof(leader), &leader);
	affinity_read(0, &my_state.cpus);
	if (CPU_COUNT(&my_state.cpus) > 0)
		plat_store(&nr_cpus, (unsigned int)CPU_COUNT(&my_state.cpus));
}

/* Counts the CPUs before the first thread is started. */
void thread_state_init(void)
{
	cpu_set_t leader;

	if (affinity_read(getpid(), &leader) && CPU_COUNT(&leader) > 0)
		plat_store(&nr_cpus, (unsigned int)CPU_COUNT(&leader));
}

void thread_state_begin(void)
{
	my_state.is_stopper_thread = true;
	my_state.mask = library_mask();
	sigmask_swap(&my_state.mask);
	sched_read(0, &my_state.sched);
	inherit_leader_sched();
	affinity_read(0, &my_state.cpus);
	inherit_leader_affinity();
}

/* Unblocks @signals on this thread, also while it is idle. */
void thread_state_open(uint64_t signals)
{
	sigmask_set(library_mask() & ~signals);
	my_state.unblocked = signals;
}

/* Called before a thread sleeps for work that may come from any stopper. */
void thread_state_idle(void)
{
	if (my_state.is_stopper_thread)
		sigmask_set(library_mask() & ~my_state.unblocked);
}

/* False: a task has changed state that could not be restored. */
bool thread_state_is_clean(void)
{
	return !my_state.not_restored;
}

void thread_state_lend(const struct call *c)
{
	if (my_state.is_stopper_thread)
		sigmask_set(c->s->plat.sigmask);
}

/* Returns the entry of @site in the cache; a new site replaces another one. */
static struct seen_site *seen_site_find(const struct stopper_site *site)
{
	struct seen_site *seen = &my_state.seen[((uintptr_t)site >> 5) % SEEN_SITES];

	if (seen->site != site)
		*seen = (struct seen_site){ .site = site };
	return seen;
}

static bool check_is_due(struct seen_site *seen)
{
	uint64_t now = plat_coarse_time();
	bool due = seen->changes_state || seen->runs < RUNS_CHECKED || my_state.checked != now;

	if (seen->runs < RUNS_CHECKED)
		seen->runs++;
	if (due)
		my_state.checked = now;
	return due;
}

/*
 * Each check restores what differs from the task's beginning, if that is allowed, and returns its
 * name, or NULL if nothing differs.
 */
static const char *check_signal_mask(void)
{
	if (sigmask_swap(NULL) == my_state.mask)
		return NULL;
	sigmask_swap(&my_state.mask);
	return "signal mask";
}

static const char *check_sched(void)
{
	struct sched_state now, leader;
	const char *what = "priority";

	if (!sched_read(0, &now) || !sched_differs(&now, &my_state.sched))
		return NULL;
	if (sched_read(getpid(), &leader) && !sched_differs(&now, &leader)) {
		my_state.sched = now;
		return NULL;
	}
	if (now.policy != my_state.sched.policy)
		what = "scheduling policy";
	my_state.not_restored |= !sched_write(&my_state.sched);
	return what;
}

static const char *check_affinity(void)
{
	cpu_set_t now, leader;

	if (!affinity_read(0, &now) || CPU_EQUAL(&now, &my_state.cpus))
		return NULL;
	if (affinity_read(getpid(), &leader) && CPU_EQUAL(&now, &leader)) {
		my_state.cpus = now;
		return NULL;
	}
	my_state.not_restored |= sched_setaffinity(0, sizeof(my_state.cpus), &my_state.cpus) != 0;
	/* CPUs that were removed from the cpuset are not restored. */
	affinity_read(0, &my_state.cpus);
	return "CPU affinity";
}

static const char *check_cancellation(void)
{
	int state, type;

	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	return state != PTHREAD_CANCEL_ENABLE || type != PTHREAD_CANCEL_DEFERRED ?
	       "cancellation state" : NULL;
}

static const char *check_locale(void)
{
	return uselocale(LC_GLOBAL_LOCALE) != LC_GLOBAL_LOCALE ? "locale" : NULL;
}

static void report_change(const struct call *c, const char *what)
{
	char name[STOPPER_NAME_SHOWN + 1], file[64];

	name_escape(name, sizeof(name), c->site->name);
	name_escape_tail(file, sizeof(file), c->site->file ? c->site->file : "?");
	stopper_log(c->s, STOPPER_LOG_WARNING,
		    "\"%s\": task \"%s\" (%s:%u) left its thread with a changed %s; %s",
		    c->s->name, name, file, c->site->line, what,
		    my_state.not_restored ? "the thread ends" : "restored");
}

void thread_state_take_back(const struct call *c)
{
	static const char *(*const checks[])(void) = {
		check_cancellation, check_locale, check_signal_mask, check_sched,
		check_affinity,
	};
	struct seen_site *seen;
	const char *what;
	unsigned int i;
	bool reported;

	if (!my_state.is_stopper_thread || c->kind != STOPPER_PANIC_ASYNC)
		return;
	seen = seen_site_find(c->site);
	if (!check_is_due(seen))
		return;
	reported = seen->changes_state;
	for (i = 0; i < ARRAY_LEN(checks); i++) {
		what = checks[i]();
		if (!what)
			continue;
		seen->changes_state = true;
		if (!reported && my_state.nr_reports < SEEN_SITES) {
			my_state.nr_reports++;
			report_change(c, what);
		}
	}
}
