// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * explore.c - all executions of a scenario, within a budget.
 *
 * An execution is a sequence of choices: which thread runs, which store a load sees, whether
 * an allocation fails, whether a thread dies. The first option is the ordinary one; any other
 * option is charged to the budget (Musuvathi and Qadeer, iterative context bounding, 2007:
 * nearly all bugs need very few). The search is depth-first. It repeats an execution from the
 * beginning up to the choice that changes, so only the data need be restored.
 *
 * A state that was reached before with at least the same budget left is not explored again.
 * So orders that differ only in steps that do not interfere are explored once.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "memory.h"
#include "scenario.h"

#define MAX_CHOICES	4096
#define SEEN_SLOTS	16777216

struct engine *E;

static char *saved;

struct visited {
	uint64_t state;
	struct budget left;
	unsigned int generation;	/* the execution that saw it last */
};

static struct visited *seen_states;

void *reserve(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return p;
}

void explore_init(void)
{
	struct choice *stack = reserve(MAX_CHOICES * sizeof(*stack));
	struct trace *log = reserve(TRACES * sizeof(*log));

	E = reserve(sizeof(*E));
	E->stack = stack;
	E->trace = log;
	seen_states = reserve(SEEN_SLOTS * sizeof(*seen_states));
	saved = reserve((size_t)(_end - __data_start));
	sched_init();
	memory_init();
	heap_init();
	/* From here on nothing of the engine's lies in the data, but pointers that stay. */
	memcpy(saved, __data_start, (size_t)(_end - __data_start));
}

void end_execution(enum outcome how)
{
	_longjmp(E->over, (int)how);
}

void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(E->failure, sizeof(E->failure), fmt, ap);
	va_end(ap);
	end_execution(FAILED);
}

void check_failed(const char *what, const char *file, int line)
{
	const char *base = strrchr(file, '/');

	trace(__builtin_return_address(0), "check failed: %s", what);
	fail("%s:%d: not true: %s", base ? base + 1 : file, line, what);
}

static bool affordable(enum choice_kind kind)
{
	if (!E->left.total)
		return false;
	return kind == CHOOSE_STORE ? E->left.stale : kind == CHOOSE_FAULT ? E->left.faults :
	       kind == CHOOSE_DEATH ? E->deaths < E->scenario->deaths : true;
}

static void pay(enum choice_kind kind)
{
	E->left.total--;
	if (kind == CHOOSE_STORE)
		E->left.stale--;
	if (kind == CHOOSE_FAULT)
		E->left.faults--;
}

/* A schedule that was given has the choices in which it is not the ordinary one. */
static unsigned int planned(unsigned int at, unsigned int options)
{
	struct choice *c = &E->stack[E->depth];

	if (E->depth == E->length || c->at != at)
		return 0;
	if (c->taken >= options)
		fail("this is no schedule of this scenario: choice %u has %u options", at, options);
	E->depth++;
	return c->taken;
}

unsigned int choose(enum choice_kind kind, unsigned int options, bool free)
{
	unsigned int at = E->at++;
	struct choice *c;

	if (E->replaying)
		return planned(at, options);
	if (options == 1 || (!free && !affordable(kind)))
		return 0;
	c = &E->stack[E->depth];
	if (E->depth == E->length) {
		if (E->length == MAX_CHOICES)
			fail("too long for the explorer: %u choices", MAX_CHOICES);
		*c = (struct choice){ .at = at, .options = (unsigned char)options, .kind = kind };
		E->length++;
	} else if (c->options != options || c->kind != kind || c->at != at) {
		fail("the explorer is wrong: an execution was not repeated");
	}
	E->depth++;
	if (c->taken && !free)
		pay(kind);
	return c->taken;
}

static bool enough(struct budget a, struct budget b)
{
	return a.total >= b.total && a.stale >= b.stale && a.faults >= b.faults;
}

/* Also notes it. Only past what is being repeated. */
bool seen_before(bool can_go_on)
{
	uint64_t state = mix(E->signature, 2 * E->current + can_go_on);
	unsigned int i, tries;
	struct visited *s;

	if (E->depth < E->length || E->replaying)
		return false;
	state = mix(state, ((uint64_t)E->now << 8) ^ E->deaths);
	for (i = state % SEEN_SLOTS, tries = 0; tries < 16; i = (i + 1) % SEEN_SLOTS, tries++) {
		s = &seen_states[i];
		if (s->state == state) {
			/* All that would come after it would go unexplored. */
			if (s->generation == E->generation)
				fail("the explorer is wrong: a step is no part of the state");
			if (enough(s->left, E->left))
				return true;
			s->left = E->left;
			s->generation = E->generation;
			return false;
		}
		if (!s->state) {
			s->state = state;
			s->left = E->left;
			s->generation = E->generation;
			E->states++;
			return false;
		}
	}
	return false;
}

static enum outcome execute(void)
{
	memcpy(__data_start, saved, (size_t)(_end - __data_start));
	E->generation++;
	E->signature = 0;
	E->steps = 0;
	E->now = NS_PER_SEC;
	E->finishing = false;
	E->deaths = 0;
	if (!E->covering)
		E->ntrace = 0;
	E->depth = 0;
	E->at = 0;
	E->left = E->budget;
	memset(E->ghost, 0, sizeof(E->ghost));
	memory_begin();
	heap_begin();
	switch (_setjmp(E->over)) {
	case RUNNING:
		sched_begin(scenario_main, NULL);
		/* not reached */
	case OVER:
		return OVER;
	case SEEN:
		return SEEN;
	default:
		return FAILED;
	}
}

/* The next execution: the latest choice that has another option takes it. */
static bool advance(void)
{
	while (E->length) {
		struct choice *c = &E->stack[E->length - 1];

		if (++c->taken < c->options)
			return true;
		E->length--;
	}
	return false;
}

static void set_budget(const struct scenario *sc)
{
	E->scenario = sc;
	E->budget = (struct budget){ sc->budget, sc->stale, sc->faults };
}

/* More turned out to be shared: what was explored lacked choices. */
static void start_again(void)
{
	E->more_shared = false;
	E->length = 0;
	E->states = 0;
	madvise(seen_states, SEEN_SLOTS * sizeof(*seen_states), MADV_DONTNEED);
}

static enum outcome explore_within(time_t end)
{
	enum outcome how;

	start_again();
	do {
		how = execute();
		E->executions++;
		if (E->more_shared)
			start_again();
		else if (how == FAILED)
			return FAILED;
		else if (!advance())
			return OVER;
	} while (!end || E->executions % 64 || time(NULL) < end);
	return RUNNING;
}

/*
 * With a small budget first. OVER: everything was explored; RUNNING: the time was over
 * before. @complete: with which budget all was explored.
 */
enum outcome explore(const struct scenario *sc, unsigned int seconds, unsigned int *complete)
{
	time_t end = seconds ? time(NULL) + seconds : 0;
	enum outcome how = OVER;
	unsigned int total;

	set_budget(sc);
	*complete = 0;
	for (total = 0; total <= sc->budget && how == OVER; total++) {
		E->budget.total = (unsigned char)total;
		how = explore_within(end);
		if (how == OVER)
			*complete = total;
	}
	return how;
}

/* A schedule is which option was taken at which choice, but for the first ones. */
void schedule_text(char *buf, size_t size)
{
	unsigned int i;
	int n = 0;

	buf[0] = '\0';
	for (i = 0; i < E->depth && (size_t)n < size; i++)
		if (E->stack[i].taken)
			n += snprintf(buf + n, size - (size_t)n, "%s%u:%u", n ? "," : "",
				      E->stack[i].at, E->stack[i].taken);
	if (!n)
		snprintf(buf, size, "0:0");
}

enum outcome replay(const struct scenario *sc, const char *schedule)
{
	unsigned int at, taken;
	const char *p = schedule;
	int used;

	set_budget(sc);
	E->length = 0;
	while (E->length < MAX_CHOICES && sscanf(p, "%u:%u%n", &at, &taken, &used) == 2) {
		if (taken)
			E->stack[E->length++] = (struct choice){
				.at = at, .taken = (unsigned char)taken,
			};
		p += used;
		if (*p != ',')
			break;
		p++;
	}
	if (*p) {
		fprintf(stderr, "explore: not a schedule: \"%s\"\n", schedule);
		exit(2);
	}
	E->replaying = true;
	E->tracing = true;
	return execute();
}
