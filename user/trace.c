// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * trace.c - the core's events as USDT probes and as lines of a trace file.
 *
 * A probe is a nop and an ELF note with its address and the location of its arguments; a tracer
 * puts a breakpoint there. Escaping names costs more than that, so each probe has a semaphore: a
 * count that attached tracers raise. The probes of tasks and workers share stopper_traced, the
 * word that the fast path of a task reads (slot.h); the other probes share stopper_noted. The
 * second half of each word belongs to trace_file.c. The first half is changed from outside, by a
 * debugger or the kernel, and not atomically.
 *
 * kmod/trace.h has tracepoints with the same names and arguments, and prints them in the same
 * form.
 */
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Before sdt.h, which declares them otherwise. */
#define _SDT_HAS_SEMAPHORES	1
#ifndef NO_PROBES
#include <sys/sdt.h>
#else
static inline void no_probe(const char *name, ...)
{
	(void)name;
}

#define STAP_PROBE2(provider, probe, ...)	no_probe(#provider #probe, __VA_ARGS__)
#define STAP_PROBE3	STAP_PROBE2
#define STAP_PROBE4	STAP_PROBE2
#define STAP_PROBE5	STAP_PROBE2
#define STAP_PROBE6	STAP_PROBE2
#define STAP_PROBE8	STAP_PROBE2
#define STAP_PROBE9	STAP_PROBE2
#endif
#include "internal.h"
#include "span.h"
#include "upcalls.h"

union listeners {
	unsigned int any;
	struct {
		unsigned short attached;
		unsigned short recording;
	};
};

#define PROBES	__attribute__((section(".probes"), used))

union listeners stopper_traced STOPPER_API PROBES;
static union listeners stopper_noted PROBES;

#define SEMAPHORE(probe, word)							\
	extern union listeners stopper_##probe##_semaphore			\
		__attribute__((alias(#word), visibility("hidden")))

SEMAPHORE(task_start, stopper_traced);
SEMAPHORE(task_end, stopper_traced);
SEMAPHORE(task_refused, stopper_traced);
SEMAPHORE(async_queued, stopper_traced);
SEMAPHORE(worker_start, stopper_traced);
SEMAPHORE(worker_end, stopper_traced);
SEMAPHORE(created, stopper_noted);
SEMAPHORE(phase, stopper_noted);
SEMAPHORE(closer_start, stopper_noted);
SEMAPHORE(closer_end, stopper_noted);
SEMAPHORE(stall, stopper_noted);

/* trace_file.c begins or ends a recording. */
void trace_set_recording(bool on)
{
	plat_store(&stopper_traced.recording, on);
	plat_store(&stopper_noted.recording, on);
}

static bool is_recording(void)
{
	return plat_load(&stopper_noted.recording);
}

static bool is_observed(void)
{
	return PLAT_UNLIKELY(plat_load(&stopper_noted.any));
}

bool plat_traces_closers(void)
{
	return is_observed();
}

/* A bijection of 64-bit numbers whose values look random (Steele and others, splitmix64). */
static uint64_t splitmix64(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t random_seed;

static void seed_init(void)
{
	struct timespec ts;

	/* syscall(), because libc's getrandom() is a cancellation point. */
	if (syscall(SYS_getrandom, &random_seed, sizeof(random_seed), GRND_NONBLOCK) ==
	    sizeof(random_seed))
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	random_seed = splitmix64((uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec) ^
		      (uint64_t)getpid();
}

/* All values in one process differ, because the arguments of the bijection do. */
uint64_t plat_random(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static uint64_t n;

	pthread_once(&once, seed_init);
	return splitmix64(random_seed +
			  __atomic_add_fetch(&n, 1, __ATOMIC_RELAXED) * 0x9e3779b97f4a7c15u);
}

static const char * const kind_fields[] = {
	[STOPPER_KIND_SYNC] = "kind=sync ",
	[STOPPER_KIND_HANDLE] = "kind=handle ",
	[STOPPER_KIND_ASYNC] = "kind=async ",
};

/* The strings of a site, escaped; spaces in the file name are replaced. */
struct site_text {
	const char *name, *file;	/* arguments of a probe */
	char name_buf[STOPPER_NAME_SHOWN + 1];
	char file_buf[64];
};

static void site_text_init(struct site_text *sh, const struct stopper_site *site)
{
	char *p;

	name_escape(sh->name_buf, sizeof(sh->name_buf), site->name);
	name_escape_tail(sh->file_buf, sizeof(sh->file_buf), site->file ? site->file : "?");
	for (p = sh->file_buf; *p; p++)
		if (*p == ' ')
			*p = '_';
	sh->name = sh->name_buf;
	sh->file = sh->file_buf;
}

#define ULL(x)	((unsigned long long)(x))

/* Records the start or the queueing of @t. @kind: "kind=... " or "". */
static void record_start(const char *event, const char *kind, const struct span_record *t,
			 const struct site_text *sh)
{
	trace_record(false, event,
		     "id=%llu %sfile=%s line=%u span=%016llx parent=%016llx trace=%016llx%016llx name=%s",
		     ULL(t->stopper), kind, sh->file, t->site->line, ULL(t->span.id),
		     ULL(t->parent), ULL(t->span.trace_hi), ULL(t->span.trace_lo), sh->name);
}

void plat_trace_task_start(const struct span_record *t)
{
	struct site_text sh;

	site_text_init(&sh, t->site);
	STAP_PROBE9(stopper, task_start, t->stopper, t->kind, sh.name, sh.file, t->site->line,
		    t->span.id, t->parent, t->span.trace_hi, t->span.trace_lo);
	if (is_recording())
		record_start("task_start", kind_fields[t->kind], t, &sh);
}

void plat_trace_task_end(const struct span_record *t)
{
	struct site_text sh;

	site_text_init(&sh, t->site);
	STAP_PROBE4(stopper, task_end, t->stopper, t->kind, sh.name, t->span.id);
	if (is_recording())
		trace_record(false, "task_end", "id=%llu %sspan=%016llx name=%s",
			     ULL(t->stopper), kind_fields[t->kind], ULL(t->span.id), sh.name);
}

void plat_trace_task_refused(const struct stopper *s, unsigned int kind,
			     const struct stopper_site *site)
{
	struct site_text sh;

	site_text_init(&sh, site);
	STAP_PROBE5(stopper, task_refused, s->id, kind, sh.name, sh.file, site->line);
	if (is_recording())
		trace_record(false, "task_refused", "id=%llu %sfile=%s line=%u name=%s",
			     ULL(s->id), kind_fields[kind], sh.file, site->line, sh.name);
}

void plat_trace_async_queued(const struct span_record *t)
{
	struct site_text sh;

	site_text_init(&sh, t->site);
	STAP_PROBE8(stopper, async_queued, t->stopper, sh.name, sh.file, t->site->line,
		    t->span.id, t->parent, t->span.trace_hi, t->span.trace_lo);
	if (is_recording())
		record_start("async_queued", "", t, &sh);
}

void plat_trace_worker_start(const struct span_record *t)
{
	struct site_text sh;

	site_text_init(&sh, t->site);
	STAP_PROBE8(stopper, worker_start, t->stopper, sh.name, sh.file, t->site->line,
		    t->span.id, t->parent, t->span.trace_hi, t->span.trace_lo);
	if (is_recording())
		record_start("worker_start", "", t, &sh);
}

void plat_trace_worker_end(const struct span_record *t)
{
	struct site_text sh;

	site_text_init(&sh, t->site);
	STAP_PROBE3(stopper, worker_end, t->stopper, sh.name, t->span.id);
	if (is_recording())
		trace_record(false, "worker_end", "id=%llu span=%016llx name=%s",
			     ULL(t->stopper), ULL(t->span.id), sh.name);
}

void plat_trace_phase(const struct stopper *s, enum stopper_phase from, enum stopper_phase to)
{
	char cause[STOPPER_CAUSE_SHOWN + 1], *p;

	if (!is_observed())
		return;
	/* Constant since before the phase changed. */
	memcpy(cause, s->cause.text, sizeof(cause));
	for (p = cause; *p; p++)
		if (*p == ' ')
			*p = '_';
	STAP_PROBE6(stopper, phase, s->id, (const char *)s->name, from, to, s->cause.err,
		    (const char *)cause);
	if (is_recording())
		trace_record(true, "phase", "id=%llu from=%s to=%s err=%d cause=%s name=%s",
			     ULL(s->id), stopper_phase_name(from), stopper_phase_name(to),
			     s->cause.err, cause, s->name);
}

void plat_trace_created(const struct stopper *s)
{
	if (!is_observed())
		return;
	STAP_PROBE2(stopper, created, s->id, (const char *)s->name);
	if (is_recording())
		trace_record(false, "created", "id=%llu name=%s", ULL(s->id), s->name);
}

void plat_trace_closer_start(const struct stopper *s, const char *shown)
{
	STAP_PROBE2(stopper, closer_start, s->id, shown);
	if (is_recording())
		trace_record(false, "closer_start", "id=%llu name=%s", ULL(s->id), shown);
}

void plat_trace_closer_end(const struct stopper *s, const char *shown)
{
	STAP_PROBE2(stopper, closer_end, s->id, shown);
	if (is_recording())
		trace_record(false, "closer_end", "id=%llu name=%s", ULL(s->id), shown);
}

void plat_trace_stall(const struct stopper *s, int64_t waited, unsigned long tasks,
		      unsigned int workers)
{
	if (!is_observed())
		return;
	STAP_PROBE5(stopper, stall, s->id, (const char *)s->name, waited, tasks, workers);
	if (is_recording())
		trace_record(true, "stall", "id=%llu waited_ns=%lld tasks=%lu workers=%u name=%s",
			     ULL(s->id), (long long)waited, tasks, workers, s->name);
}
