/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * memory.h - between memory.c, race.c and tsan_hooks.c.
 */
#ifndef STOPPER_EXPLORE_MEMORY_H
#define STOPPER_EXPLORE_MEMORY_H

#include "engine.h"

/* The program's data, put back before each execution. */
extern char __data_start[], _end[];

enum rmw { ADD, SUB, AND, OR, XOR, XCHG };

/* race.c */
void race_init(void);
bool is_tracked(const void *addr);
/* An access is made: the memory is there, and no other one that this is not ordered with. */
void race_check(const void *addr, size_t n, bool write, bool atomic, const void *pc);

/* memory.c; @order as the compiler has it */
void written_plainly(const void *addr);
uint64_t atomic_load(void *addr, unsigned int size, int order, const void *pc);
void atomic_store(void *addr, unsigned int size, uint64_t value, int order, const void *pc);
uint64_t atomic_rmw(void *addr, unsigned int size, enum rmw op, uint64_t v, int order,
		    const void *pc);
bool atomic_cas(void *addr, unsigned int size, uint64_t *old, uint64_t v, int order, int failing,
		const void *pc);
void fence(int order, const void *pc);

#endif /* STOPPER_EXPLORE_MEMORY_H */
