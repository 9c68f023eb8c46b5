// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * check.c - failures, totals, and memory that detects use after free.
 */
#include "torture.h"

#ifdef __KERNEL__
#define freed_memory_is_watched()	IS_ENABLED(CONFIG_KASAN)
#elif defined(__SANITIZE_ADDRESS__)
#define freed_memory_is_watched()	true
#else
#define freed_memory_is_watched()	false
#endif

#define SAID_AT_MOST	20
#define KEPT		1024
#define POISON		0x6b

struct torture_totals total;
static struct env_counter errors;

void check_failed(const char *file, int line, const char *fmt, ...)
{
	char text[160], where[200];
	va_list ap;

	if (env_inc(&errors) > SAID_AT_MOST)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(where, sizeof(where), "error: %s:%d: %s", check_base_name(file), line, text);
	torture_say(true, where);
}

long torture_errors(void)
{
	return env_get(&errors);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* In front of each object. */
struct mem {
	size_t size;
	unsigned long long check;	/* aligns what follows, too */
};

static struct mem *kept[KEPT];	/* freed ones, oldest at next_kept */
static unsigned int next_kept;
static struct env_lock keep_lock;

void obj_init(void)
{
	env_lock_init(&keep_lock);
}

static void really_free(struct mem *m)
{
	unsigned char *p = (unsigned char *)(m + 1);
	size_t i;

	for (i = 0; i < m->size; i++)
		if (p[i] != POISON)
			break;
	CHECK_EQ(i, m->size);
	env_free(m);
}

void *obj_new(size_t size, unsigned int magic)
{
	struct mem *m = env_try_alloc(sizeof(*m) + size);

	if (!m)
		return NULL;
	m->size = size;
	*(unsigned int *)(m + 1) = magic;
	env_inc(&total.objects);
	return m + 1;
}

void obj_free(void *obj)
{
	struct mem *m = (struct mem *)obj - 1, *oldest;
	unsigned long f;

	memset(obj, POISON, m->size);
	env_dec(&total.objects);
	if (freed_memory_is_watched()) {
		env_free(m);
		return;
	}
	env_lock(&keep_lock, f);
	oldest = kept[next_kept];
	kept[next_kept] = m;
	next_kept = (next_kept + 1) % KEPT;
	env_unlock(&keep_lock, f);
	if (oldest)
		really_free(oldest);
}

void obj_exit(void)
{
	unsigned int i;

	for (i = 0; i < KEPT; i++) {
		if (kept[i])
			really_free(kept[i]);
		kept[i] = NULL;
	}
}
