// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * insns.c - a plugin for QEMU's TCG: how many instructions are executed between
 * marks in the guest, and how many of them lock the bus.
 *
 *   qemu-system-x86_64 -plugin insns.so,out=FILE ...	(or -aarch64)
 *
 * When a mark (mark.h) is executed, a line
 *
 *   MARK ID CPU INSTRUCTIONS LOCKED
 *
 * goes to FILE: those that this CPU has executed before the mark, in total. LOCKED
 * are those that cost a full barrier on real hardware: with a lock prefix, xchg
 * with memory, mfence. (A kernel that finds one CPU patches its lock prefixes
 * away; noreplace-smp on its command line keeps them.) On arm64: dmb and dsb. An
 * atomic instruction is none there, and what this_cpu_inc() and the like are made of.
 *
 * Counting is one addition a translation block, made when it is entered, so at a
 * mark the rest of its own block is taken off again. Blocks are left early only
 * by faults; where one can happen between two marks the count may be too high.
 *
 * QEMU takes an instruction that would cross into the next page out of its block
 * again, after it has shown the instruction to plugins. So the last instruction of a
 * block, where that may happen, is counted on its own.
 *
 * With one CPU the addition is translated with the block; with more than one, a
 * function is called (the API of this version adds to one address only).
 *
 * Build: gcc -shared -fPIC.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "mark.h"
#include "qemu-plugin.h"

#define MAX_CPUS	256
#define PAGE		4096
#define LONGEST		15	/* bytes of an instruction */

EXPORT int qemu_plugin_version = 1;

/* What a mark's callback gets through its pointer: which one, and the rest of its block. */
union mark {
	struct {
		uint32_t id;
		uint32_t rest;
	};
	void *data;
};

_Static_assert(sizeof(void *) == 8, "two numbers fit in a pointer");

static uint64_t executed[MAX_CPUS], locked[MAX_CPUS];
static bool one_cpu, is_arm64;
static FILE *out;

static void count_block(unsigned int cpu, void *n)
{
	executed[cpu] += (uintptr_t)n;
}

static void count_one(unsigned int cpu, void *data)
{
	(void)data;
	executed[cpu]++;
}

static void count_locked(unsigned int cpu, void *data)
{
	(void)data;
	locked[cpu]++;
}

static void on_mark(unsigned int cpu, void *data)
{
	union mark m = { .data = data };

	fprintf(out, "MARK %u %u %llu %llu\n", m.id, cpu,
		(unsigned long long)(executed[cpu] - m.rest), (unsigned long long)locked[cpu]);
	fflush(out);
}

static bool is_prefix(unsigned char byte)
{
	return byte && strchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", byte);
}

static bool is_locked_x86(const struct qemu_plugin_insn *insn)
{
	const unsigned char *bytes = qemu_plugin_insn_data(insn);
	size_t i = 0, n = qemu_plugin_insn_size(insn);

	for (; i < n && is_prefix(bytes[i]); i++)
		if (bytes[i] == 0xf0)
			return true;
	if (i < n && (bytes[i] & 0xf0) == 0x40)		/* REX */
		i++;
	if (i + 1 < n && (bytes[i] & ~1) == 0x86)	/* xchg; a register is no memory */
		return bytes[i + 1] >> 6 != 3;
	/* mfence; with a prefix it is another instruction */
	return n == 3 && bytes[0] == 0x0f && bytes[1] == 0xae && (bytes[2] & 0xf8) == 0xf0;
}

static bool is_barrier_arm64(const struct qemu_plugin_insn *insn)
{
	uint32_t word;

	memcpy(&word, qemu_plugin_insn_data(insn), sizeof(word));
	return (word & 0xfffff0df) == 0xd503309f;
}

static bool is_locked(const struct qemu_plugin_insn *insn)
{
	return is_arm64 ? is_barrier_arm64(insn) : is_locked_x86(insn);
}

/* Adds 1 to a counter of the CPU, by @fn if it may be any, whenever @insn is executed. */
static void count_insn(struct qemu_plugin_insn *insn, uint64_t *counter, exec_fn fn)
{
	if (one_cpu)
		qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, counter, 1);
	else
		qemu_plugin_register_vcpu_insn_exec_cb(insn, fn, CB_NO_REGS, NULL);
}

/* How many of the @n are surely in the block; the last one, if it is not, counts itself. */
static size_t count_last(const struct qemu_plugin_tb *tb, size_t n)
{
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, n - 1);

	if (n == 1 || qemu_plugin_insn_vaddr(insn) % PAGE + LONGEST <= PAGE)
		return n;
	count_insn(insn, executed, count_one);
	return n - 1;
}

static void on_block(qemu_plugin_id_t plugin, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb), sure = count_last(tb, n);

	(void)plugin;
	if (one_cpu)
		qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, executed, sure);
	else
		qemu_plugin_register_vcpu_tb_exec_cb(tb, count_block, CB_NO_REGS,
						     (void *)(uintptr_t)sure);
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		union mark m = { .rest = i < sure ? sure - i : 0 };

		if (is_mark(insn, &m.id))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CB_NO_REGS, m.data);
		else if (is_locked(insn))
			count_insn(insn, locked, count_locked);
	}
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
			       char **argv)
{
	if (!info->system_emulation || info->system.max_vcpus > MAX_CPUS) {
		fprintf(stderr, "insns: wants a machine of at most %d CPUs\n", MAX_CPUS);
		return -1;
	}
	out = open_out(argc, argv);
	if (!out) {
		fprintf(stderr, "insns: wants out=FILE that can be written\n");
		return -1;
	}
	one_cpu = info->system.max_vcpus == 1;
	is_arm64 = !strcmp(info->target_name, "aarch64");
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
	return 0;
}
