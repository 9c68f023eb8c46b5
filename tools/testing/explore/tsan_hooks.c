// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tsan_hooks.c - the functions that -fsanitize=thread calls at each access to memory.
 *
 * They have the names of the sanitizer's library, which is not linked.
 */
#include "memory.h"

#define PC	__builtin_return_address(0)

#define PLAIN(n)								\
void __tsan_read##n(void *p) { race_check(p, n, false, false, PC); }		\
void __tsan_write##n(void *p) { race_check(p, n, true, false, PC); }		\
void __tsan_unaligned_read##n(void *p) { access_range(p, n, false, PC); }	\
void __tsan_unaligned_write##n(void *p) { access_range(p, n, true, PC); }

#define RMW(bits, type, name, op)						\
type __tsan_atomic##bits##_##name(volatile type *p, type v, int order)	\
{ return (type)atomic_rmw((void *)p, sizeof(type), op, v, order, PC); }

#define CAS(bits, type, strength)						\
int __tsan_atomic##bits##_compare_exchange_##strength(volatile type *p, type *old, type v,	\
						       int order, int failing)	\
{										\
	uint64_t was = *old;							\
	bool done = atomic_cas((void *)p, sizeof(type), &was, v, order, failing, PC);	\
										\
	*old = (type)was;							\
	return done;								\
}

#define ATOMIC(bits, type)							\
type __tsan_atomic##bits##_load(const volatile type *p, int order)		\
{ return (type)atomic_load((void *)p, sizeof(type), order, PC); }		\
void __tsan_atomic##bits##_store(volatile type *p, type v, int order)		\
{ atomic_store((void *)p, sizeof(type), v, order, PC); }			\
RMW(bits, type, exchange, XCHG) RMW(bits, type, fetch_add, ADD)			\
RMW(bits, type, fetch_sub, SUB) RMW(bits, type, fetch_and, AND)			\
RMW(bits, type, fetch_or, OR) RMW(bits, type, fetch_xor, XOR)			\
CAS(bits, type, strong) CAS(bits, type, weak)

PLAIN(1) PLAIN(2) PLAIN(4) PLAIN(8) PLAIN(16)
ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_read_range(void *p, long n) { access_range(p, (size_t)n, false, PC); }
void __tsan_write_range(void *p, long n) { access_range(p, (size_t)n, true, PC); }
void __tsan_atomic_thread_fence(int order) { fence(order, PC); }

/* The one that slot.h and platform.h have is the light barrier; others are the compiler's. */
void __tsan_atomic_signal_fence(int order)
{
	if (order != __ATOMIC_SEQ_CST)
		return;
	trace(PC, "light barrier");
	light_barrier();
}

void __tsan_init(void) { }
void __tsan_func_entry(void *pc) { (void)pc; }
void __tsan_func_exit(void) { }
