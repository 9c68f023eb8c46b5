// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * memory.c - every access to memory, as the core's language allows it to behave.
 *
 * The core and the scenarios are compiled with -fsanitize=thread and linked with
 * tsan_hooks.c in place of the sanitizer's library: the compiler inserts a call at each
 * access. So the code explored is the code that is shipped.
 *
 * Plain accesses are checked for races (race.c). Without a race their order does not matter,
 * so it is not a choice of the search.
 *
 * Atomic variables. A variable keeps all its stores of an execution. A load may see the
 * latest, or an older one that nothing the thread knows of forbids: that is how a store
 * that still lies in another CPU's buffer, a load done early, and stores that arrive in
 * another order look. What a thread knows is a view, for each variable the earliest
 * store that it may still see (Kang et al., A Promising Semantics, 2017, without promises).
 *
 *   store, release    the message carries what the thread knows
 *   store, relaxed    it carries what the thread knew at its latest release fence
 *   load, acquire     makes the message's part of what the thread knows
 *   load, relaxed     an acquire fence that follows does
 *   full              as if between two fences that all threads agree on the order of
 *   read-modify-write sees the latest store, and passes on what that carried
 *
 * The asymmetric barrier has the meaning that core/seam.h gives it, and no more: each
 * light barrier of any thread lies wholly before or after the heavy one. Before: what the
 * thread knew at its light barrier the heavy one's caller knows after it. After: what the
 * caller knew at the heavy barrier the thread knows after its light one. Threads pass the
 * heavy barrier one by one, others run in between. A light barrier that is missing is
 * missed; a full one in its place orders nothing for the heavy one.
 *
 * Not modelled: loads that see stores from their own future (load buffering), and stores of
 * several threads to one variable in another order than they were made.
 *
 * Each thread has a hash of all it did and saw, each variable one of its stores. All
 * together are the state: what happened in another order but without anybody seeing it is
 * the same state (Musuvathi and Qadeer, happens-before caching, 2007).
 */
#include <string.h>
#include "memory.h"

#define MESSAGES	16384
#define SNAPSHOTS	16384
#define BUCKETS		4096

struct message {
	uint64_t value;
	uint64_t chain;
	const struct knows *knows;
	struct message *older;
	unsigned int number;
};

struct location {
	char *addr;
	uint32_t generation;
	unsigned int index, size;
	struct message *latest;
	unsigned int oldest;		/* that anybody may still see */
	bool plain;			/* written without atomics since */
	uint64_t chain;
};

static struct {
	struct location locations[BUCKETS];
	struct sync syncs[BUCKETS];
	struct message *messages;
	struct knows *snapshots;
	unsigned int nlocations, nmessages, nsnapshots;
	struct knows agreed;		/* by full fences */
	struct knows heavy;		/* by all heavy barriers so far: for new threads */
	uint64_t agreed_chain;
	unsigned char *shared;		/* by address: thread that used it + 1, or SHARED */
} *M;

#define SHARED		255
#define SHARED_BUCKETS	65536

static const struct knows nothing;

void memory_init(void)
{
	M = reserve(sizeof(*M));
	race_init();
	M->messages = reserve(MESSAGES * sizeof(struct message));
	M->snapshots = reserve(SNAPSHOTS * sizeof(struct knows));
	M->shared = reserve(SHARED_BUCKETS);
}

void memory_begin(void)
{
	M->nlocations = 0;
	M->nmessages = 0;
	M->nsnapshots = 0;
	M->agreed = nothing;
	M->heavy = nothing;
	M->agreed_chain = 0;
}

uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t h = a ^ (b + 0x9e3779b97f4a7c15ull + (a << 6) + (a >> 2));

	h *= 0xff51afd7ed558ccdull;

	return h ^ h >> 32;
}

/* The state is the sum of all chains, so that one can be exchanged. */
void chain_changes(uint64_t *chain, uint64_t to)
{
	E->signature += mix(to, (uint64_t)(uintptr_t)chain) -
			(*chain ? mix(*chain, (uint64_t)(uintptr_t)chain) : 0);
	*chain = to;
}

void note(uint64_t *chain, uint64_t what)
{
	chain_changes(chain, mix(*chain, what));
}

void knows_join(struct knows *to, const struct knows *from)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		if (to->hb.at[i] < from->hb.at[i])
			to->hb.at[i] = from->hb.at[i];
	for (i = 0; i < LOCATIONS; i++)
		to->view.at[i] = to->view.at[i] < from->view.at[i] ? from->view.at[i] :
				 to->view.at[i];
}

static const struct knows *snapshot(const struct knows *k)
{
	if (M->nsnapshots == SNAPSHOTS)
		fail("too long for the explorer: %u releases", SNAPSHOTS);
	M->snapshots[M->nsnapshots] = *k;
	return &M->snapshots[M->nsnapshots++];
}

/* After a release: what the thread does from now on, others do not know of. */
void tick(void)
{
	if (++ME->now.hb.at[E->current] > UINT16_MAX)
		fail("too long for the explorer: clocks");
}

void thread_inherits(unsigned int i, uint64_t chain)
{
	struct thread *t = &E->thread[i];

	t->now = ME->now;
	tick();
	t->now.hb.at[i] = 1;
	t->released = &nothing;
	t->loaded = nothing;
	t->published = nothing;
	t->pending = M->heavy;
	t->chain = 0;
	chain_changes(&t->chain, mix(chain, i));
}

/* fences */

static void fence_release(void)
{
	ME->released = snapshot(&ME->now);
	note(&ME->chain, 0xf1);
	tick();
}

static void fence_acquire(void)
{
	knows_join(&ME->now, &ME->loaded);
	note(&ME->chain, 0xf2);
}

/* Views only: a fence that orders atomics does not publish plain accesses. */
static void agree(void)
{
	struct clocks hb;

	fence_acquire();
	hb = ME->now.hb;
	knows_join(&ME->now, &M->agreed);
	ME->now.hb = hb;
	M->agreed.view = ME->now.view;
	note(&ME->chain, M->agreed_chain);
	chain_changes(&M->agreed_chain, mix(M->agreed_chain, ME->chain));
	fence_release();
}

static void fence_full(void)
{
	point();
	agree();
}

static void view_join(struct knows *to, const struct knows *from)
{
	struct clocks hb = to->hb;

	knows_join(to, from);
	to->hb = hb;
}

void light_barrier(void)
{
	view_join(&ME->now, &ME->pending);
	ME->published.view = ME->now.view;
	note(&ME->chain, 0xf3);
}

void heavy_barrier(void)
{
	unsigned int i;

	agree();
	M->heavy.view = ME->now.view;
	for (i = 0; i < THREADS; i++) {
		struct thread *t = &E->thread[i];

		if (t->state == NONE || i == E->current)
			continue;
		point();
		view_join(&ME->now, &t->published);
		view_join(&t->pending, &M->heavy);
		note(&t->chain, ME->chain);
		note(&ME->chain, t->chain);
	}
	agree();
}

/* variables that order */

struct sync *sync_at(const void *addr)
{
	unsigned int i = (unsigned int)mix((uintptr_t)addr, 1) % BUCKETS;
	struct sync *s;

	for (;; i = (i + 1) % BUCKETS) {
		s = &M->syncs[i];
		if (s->generation == E->generation && s->addr == addr)
			return s;
		if (s->generation != E->generation)
			break;
	}
	*s = (struct sync){ .addr = addr, .generation = E->generation };
	return s;
}

void sync_acquire(struct sync *s)
{
	knows_join(&ME->now, &s->knows);
	note(&ME->chain, s->chain);
	chain_changes(&s->chain, mix(ME->chain, 0xa1));
}

void sync_release(struct sync *s)
{
	knows_join(&s->knows, &ME->now);
	note(&ME->chain, 0xa2);
	chain_changes(&s->chain, mix(s->chain, ME->chain));
	tick();
}

static struct location *location_find(const void *addr)
{
	unsigned int i = (unsigned int)mix((uintptr_t)addr, 2) % BUCKETS;

	for (;; i = (i + 1) % BUCKETS)
		if (M->locations[i].generation != E->generation || M->locations[i].addr == addr)
			return &M->locations[i];
}

/* Without atomics: the next one that uses it must see this. */
void written_plainly(const void *addr)
{
	struct location *l;

	if (!M->nlocations)
		return;
	l = location_find(addr);
	if (l->generation == E->generation)
		l->plain = true;
}

static uint64_t peek(const void *addr, unsigned int size)
{
	uint64_t v = 0;

	memcpy(&v, addr, size);
	return v;
}

static struct message *message_add(struct location *l, uint64_t value, const struct knows *k,
				   uint64_t chain)
{
	struct message *m = &M->messages[M->nmessages++];

	if (M->nmessages == MESSAGES)
		fail("too long for the explorer: %u stores", MESSAGES);
	m->value = value;
	m->knows = k;
	m->chain = chain;
	m->older = l->latest;
	m->number = l->latest ? l->latest->number + 1 : 0;
	if (m->number > UINT8_MAX)
		fail("too long for the explorer: stores to %s", name_of(l->addr));
	l->latest = m;
	return m;
}

/* What was written without atomics everybody must see: else it was a race. */
static struct location *location_of(void *addr, unsigned int size)
{
	struct location *l = location_find(addr);

	if (l->generation != E->generation) {
		if (M->nlocations == LOCATIONS)
			fail("too large for the explorer: %u atomic variables", LOCATIONS);
		*l = (struct location){ .addr = addr, .generation = E->generation, .size = size,
					.index = M->nlocations++, .plain = true };
	}
	if (l->plain || l->latest->value != peek(addr, size)) {
		l->oldest = message_add(l, peek(addr, size), &nothing, 0)->number;
		l->plain = false;
	}
	return l;
}

/*
 * Has more than one thread ever accessed it, in any execution so far? If not, the order is
 * not a choice. A variable that turns out to be shared later restarts the search.
 */
static bool shared(const void *addr)
{
	unsigned char *by = &M->shared[mix((uintptr_t)addr, 3) % SHARED_BUCKETS];

	if (!*by) {
		*by = (unsigned char)(E->current + 1);
	} else if (*by != SHARED && *by != E->current + 1) {
		*by = SHARED;
		E->more_shared = true;
	}
	return *by == SHARED;
}

/* A point for @addr: where it is left out, the choice is counted all the same. */
void point_at(const void *addr)
{
	if (shared(addr) || E->replaying)
		point();
	else if (!E->finishing)
		E->at++;
}

/* The store that this load sees: the latest, or one of those that may be late. */
static struct message *pick(struct location *l)
{
	unsigned int floor = ME->now.view.at[l->index], n = 1;
	struct message *m, *seen[8];

	if (floor < l->oldest)
		floor = l->oldest;
	seen[0] = l->latest;
	for (m = l->latest; n < 8 && m->older && m->older->number >= floor; m = m->older)
		if (m->older->value != seen[n - 1]->value)
			seen[n++] = m->older;
	if (n == 1)
		return l->latest;
	return seen[choose(CHOOSE_STORE, n, false)];
}

static bool acquires(int order)
{
	return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME ||
	       order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static bool releases(int order)
{
	return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static void see(struct location *l, struct message *m, int order)
{
	if (ME->now.view.at[l->index] < m->number)
		ME->now.view.at[l->index] = (uint8_t)m->number;
	knows_join(acquires(order) ? &ME->now : &ME->loaded, m->knows);
	note(&ME->chain, mix(m->chain, m->value));
}

static const char *order_name(int order)
{
	static const char * const names[] = {
		[__ATOMIC_RELAXED] = "", [__ATOMIC_CONSUME] = " acquire",
		[__ATOMIC_ACQUIRE] = " acquire", [__ATOMIC_RELEASE] = " release",
		[__ATOMIC_ACQ_REL] = " acq_rel", [__ATOMIC_SEQ_CST] = " full",
	};

	return names[order];
}

uint64_t atomic_load(void *addr, unsigned int size, int order, const void *pc)
{
	struct location *l;
	struct message *m;

	if (!is_tracked(addr))
		return peek(addr, size);
	point_at(addr);
	race_check(addr, size, false, true, pc);
	l = location_of(addr, size);
	m = pick(l);
	trace(pc, "%s -> %llx%s%s", name_of(addr), (unsigned long long)m->value, order_name(order),
	      m == l->latest ? "" : " (late)");
	see(l, m, order);
	return m->value;
}

static void put(struct location *l, uint64_t value, int order, const struct knows *passed_on)
{
	struct knows k = *ME->released;
	struct message *m;

	ME->now.view.at[l->index] = (uint8_t)(l->latest->number + 1);
	if (releases(order))
		k = ME->now;
	if (passed_on)
		knows_join(&k, passed_on);
	note(&ME->chain, mix((uintptr_t)l->addr, value));
	m = message_add(l, value, releases(order) || passed_on ? snapshot(&k) : ME->released,
			ME->chain);
	chain_changes(&l->chain, mix(l->chain, m->chain));
	memcpy(l->addr, &value, l->size);
	if (releases(order))
		tick();
}

static uint64_t cut(uint64_t value, unsigned int size)
{
	return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

void atomic_store(void *addr, unsigned int size, uint64_t value, int order, const void *pc)
{
	value = cut(value, size);
	if (!is_tracked(addr)) {
		memcpy(addr, &value, size);
		return;
	}
	point_at(addr);
	race_check(addr, size, true, true, pc);
	trace(pc, "%s = %llx%s", name_of(addr), (unsigned long long)value, order_name(order));
	put(location_of(addr, size), value, order, NULL);
}

static uint64_t combine(enum rmw op, uint64_t old, uint64_t v)
{
	switch (op) {
	case ADD:
		return old + v;
	case SUB:
		return old - v;
	case AND:
		return old & v;
	case OR:
		return old | v;
	case XOR:
		return old ^ v;
	default:
		return v;
	}
}

/* The step itself, at a point. */
static uint64_t modify(void *addr, unsigned int size, enum rmw op, uint64_t v, int order,
		       const void *pc)
{
	struct location *l;
	struct message *m;
	uint64_t value;

	race_check(addr, size, false, true, pc);
	race_check(addr, size, true, true, pc);
	l = location_of(addr, size);
	m = l->latest;
	value = cut(combine(op, m->value, v), size);
	trace(pc, "%s: %llx -> %llx%s", name_of(addr), (unsigned long long)m->value,
	      (unsigned long long)value, order_name(order));
	see(l, m, order);
	put(l, value, order, m->knows);
	return m->value;
}

uint64_t atomic_rmw(void *addr, unsigned int size, enum rmw op, uint64_t v, int order,
		    const void *pc)
{
	point_at(addr);
	return modify(addr, size, op, v, order, pc);
}

/* One that fails sees the latest store. */
bool atomic_cas(void *addr, unsigned int size, uint64_t *old, uint64_t v, int order, int failing,
		const void *pc)
{
	struct location *l;

	point_at(addr);
	if (peek(addr, size) == *old) {
		modify(addr, size, XCHG, v, order, pc);
		return true;
	}
	race_check(addr, size, false, true, pc);
	l = location_of(addr, size);
	see(l, l->latest, failing);
	*old = l->latest->value;
	return false;
}

void fence(int order, const void *pc)
{
	trace(pc, "%s%s", __func__, order_name(order));
	if (order == __ATOMIC_SEQ_CST)
		fence_full();
	else if (order == __ATOMIC_RELEASE)
		fence_release();
	else
		fence_acquire();
}
