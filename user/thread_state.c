// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * thread_state.c - what a thread of the library is like, and what a task may leave on it.
 *
 * The state that a thread begins with. A thread inherits its creator's state, and the
 * creator is whichever thread happened to need it: a poller that is bound to one CPU, say.
 * So each thread of the library takes CPU affinity, policy and nice from the thread group
 * leader (in most programs the one that runs main()), as they are when it starts. What
 * cannot be set without a privilege stays as inherited, and so do namespaces, credentials,
 * filters, the I/O priority and the control group.
 *
 * Signals. The library's own code runs with all signals blocked, so that a program's
 * signals go to the program's threads. Those that a fault raises, and SIGPROF, are never
 * blocked: with them blocked the kernel kills the process without calling its handler
 * (crash reporters, sanitizers, JITs, seccomp's SIGSYS), and a profiler is blind.
 * Tasks, workers and closers run with the signal mask of the thread that created their
 * stopper, as if that thread had started theirs. So what they spawn is not deaf, and signals
 * that the program blocked before it created the stopper are not delivered on our threads.
 * The mask is switched when it differs from the one that the thread has, so consecutive tasks
 * of one stopper make no system call; an idle thread blocks all again.
 *
 * What a task leaves. Pool threads are shared, so a changed mask, affinity, policy, nice,
 * cancellation state or locale would meet an unrelated task. It is set back to what the thread
 * had before, and reported with the task's name. What cannot be set back, such as a nice value
 * that needs a privilege to be lowered again, makes the thread leave the pool. To ask for all of
 * it costs three system calls, a third of a short task. So each thread keeps a small cache of the
 * call sites that it has seen:
 *
 *   the first RUNS_LOOKED runs of a site     looked at after each run
 *   a site that has left something           looked at for good; reported once a thread, while
 *                                            it is in the cache, and SITES reports are not made
 *   any other                                looked at once a tick of the coarse clock
 *
 * A change that the leader has too is no task's doing (taskset -a, chrt -a, renice -g):
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

#define SITES		16	/* in the cache of a thread */
#define RUNS_LOOKED	8

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
	bool leaves;			/* and was reported */
};

static __thread struct {
	bool ours;
	uint64_t mask;			/* the kernel's, as this file set it */
	uint64_t open;			/* not blocked while it is idle */
	uint64_t looked;		/* plat_stamp() of the latest look */
	bool spoiled;			/* a task's state could not be set back */
	unsigned char reports;
	struct sched_state sched;
	cpu_set_t cpus;
	struct seen_site seen[SITES];
} me;

static unsigned int cpus = 1;

unsigned int plat_cpus(void)
{
	return plat_load(&cpus);
}

bool thread_is_ours(void)
{
	return me.ours;
}

/* All but those that a fault raises; what libc keeps for itself is not in it. */
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
 * The kernel's call: 8 bytes in place of 128, and no tool defers a signal behind it. Where a
 * filter refuses it, no mask changes any more, and what this thread has stays.
 */
static uint64_t sigmask_swap(const uint64_t *to)
{
	uint64_t old = 0;

	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, to, &old, sizeof(old)))
		return me.mask;
	return old;
}

static void sigmask_use(uint64_t mask)
{
	if (me.mask == mask)
		return;
	sigmask_swap(&mask);
	me.mask = mask;
}

/* For the thread that is started next, which inherits it. */
uint64_t thread_state_block(void)
{
	uint64_t mask = library_mask();

	return sigmask_swap(&mask);
}

void thread_state_unblock(uint64_t old)
{
	sigmask_swap(&old);
}

void plat_stopper_init(struct stopper *s)
{
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

static bool sched_use(const struct sched_state *to)
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

/* As the leader is; what cannot be read or set stays. */
static void take_leaders_sched(void)
{
	struct sched_state leader;

	if (sched_read(getpid(), &leader) && sched_differs(&leader, &me.sched))
		sched_use(&leader);
	sched_read(0, &me.sched);
}

static void take_leaders_affinity(void)
{
	cpu_set_t leader;

	if (affinity_read(getpid(), &leader) && !CPU_EQUAL(&leader, &me.cpus))
		sched_setaffinity(0, sizeof(leader), &leader);
	affinity_read(0, &me.cpus);
	if (CPU_COUNT(&me.cpus) > 0)
		plat_store(&cpus, (unsigned int)CPU_COUNT(&me.cpus));
}

/* How many CPUs there are, before the first thread is started. */
void thread_state_init(void)
{
	cpu_set_t leader;

	if (affinity_read(getpid(), &leader) && CPU_COUNT(&leader) > 0)
		plat_store(&cpus, (unsigned int)CPU_COUNT(&leader));
}

void thread_state_begin(void)
{
	me.ours = true;
	me.mask = library_mask();
	sigmask_swap(&me.mask);
	sched_read(0, &me.sched);
	take_leaders_sched();
	affinity_read(0, &me.cpus);
	take_leaders_affinity();
}

/* Signals that this thread is to take, whoever else has them blocked. */
void thread_state_open(uint64_t signals)
{
	sigmask_use(library_mask() & ~signals);
	me.open = signals;
}

/* Before a thread sleeps for work that may come from any stopper. */
void thread_state_idle(void)
{
	if (me.ours)
		sigmask_use(library_mask() & ~me.open);
}

/* Is this thread as the next task may find it? */
bool thread_state_is_clean(void)
{
	return !me.spoiled;
}

void thread_state_lend(const struct call *c)
{
	if (me.ours)
		sigmask_use(c->s->plat.sigmask);
}

/* The cached site; a new one takes the place of another. */
static struct seen_site *seen_site(const struct stopper_site *site)
{
	struct seen_site *seen = &me.seen[((uintptr_t)site >> 5) % SITES];

	if (seen->site != site)
		*seen = (struct seen_site){ .site = site };
	return seen;
}

static bool is_due(struct seen_site *seen)
{
	uint64_t now = plat_stamp();
	bool due = seen->leaves || seen->runs < RUNS_LOOKED || me.looked != now;

	if (seen->runs < RUNS_LOOKED)
		seen->runs++;
	if (due)
		me.looked = now;
	return due;
}

/* Each: what differs from the task's beginning, set back where that is allowed; NULL: nothing. */
static const char *leaves_signal_mask(void)
{
	if (sigmask_swap(NULL) == me.mask)
		return NULL;
	sigmask_swap(&me.mask);
	return "signal mask";
}

static const char *leaves_sched(void)
{
	struct sched_state now, leader;
	const char *what = "priority";

	if (!sched_read(0, &now) || !sched_differs(&now, &me.sched))
		return NULL;
	if (sched_read(getpid(), &leader) && !sched_differs(&now, &leader)) {
		me.sched = now;
		return NULL;
	}
	if (now.policy != me.sched.policy)
		what = "scheduling policy";
	me.spoiled |= !sched_use(&me.sched);
	return what;
}

static const char *leaves_affinity(void)
{
	cpu_set_t now, leader;

	if (!affinity_read(0, &now) || CPU_EQUAL(&now, &me.cpus))
		return NULL;
	if (affinity_read(getpid(), &leader) && CPU_EQUAL(&now, &leader)) {
		me.cpus = now;
		return NULL;
	}
	me.spoiled |= sched_setaffinity(0, sizeof(me.cpus), &me.cpus) != 0;
	/* CPUs that are in no cpuset any more are left out. */
	affinity_read(0, &me.cpus);
	return "CPU affinity";
}

static const char *leaves_cancellation(void)
{
	int state, type;

	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	return state != PTHREAD_CANCEL_ENABLE || type != PTHREAD_CANCEL_DEFERRED ?
	       "cancellation state" : NULL;
}

static const char *leaves_locale(void)
{
	return uselocale(LC_GLOBAL_LOCALE) != LC_GLOBAL_LOCALE ? "locale" : NULL;
}

static void report_left(const struct call *c, const char *what)
{
	char name[STOPPER_NAME_SHOWN + 1], file[64];

	name_show(name, sizeof(name), c->site->name);
	name_tail(file, sizeof(file), c->site->file ? c->site->file : "?");
	stopper_log(c->s, STOPPER_LOG_WARNING,
		    "\"%s\": task \"%s\" (%s:%u) left its thread with a changed %s; %s",
		    c->s->name, name, file, c->site->line, what,
		    me.spoiled ? "the thread ends" : "restored");
}

void thread_state_take_back(const struct call *c)
{
	static const char *(*const looks[])(void) = {
		leaves_cancellation, leaves_locale, leaves_signal_mask, leaves_sched,
		leaves_affinity,
	};
	struct seen_site *seen;
	const char *what;
	unsigned int i;
	bool reported;

	if (!me.ours || c->kind != STOPPER_PANIC_ASYNC)
		return;
	seen = seen_site(c->site);
	if (!is_due(seen))
		return;
	reported = seen->leaves;
	for (i = 0; i < ARRAY_LEN(looks); i++) {
		what = looks[i]();
		if (!what)
			continue;
		seen->leaves = true;
		if (!reported && me.reports < SITES) {
			me.reports++;
			report_left(c, what);
		}
	}
}
