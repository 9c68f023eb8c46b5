// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * lines.c - a plugin for QEMU's TCG: how many cache lines move between CPUs.
 *
 *   qemu-x86_64 -plugin lines.so,out=FILE PROGRAM ...
 *   qemu-system-x86_64 -plugin lines.so,out=FILE ...
 *
 * Of each line of 64 bytes it keeps which CPUs (threads, under qemu-user) have a copy, as a
 * directory of the MSI protocol does, with caches that never evict:
 *
 *   read     by a CPU without a copy, while another one has it: the line moves; both have it
 *   write    while another CPU has a copy: the line moves; only the writer has it
 *
 * An instruction that reads and then writes a line, as an atomic one does, moves it once. A line
 * of which no CPU has a copy is read from memory and not counted. So the counts are exact and
 * repeat where the order of accesses does; times on real hardware follow them, but also the
 * distance of CPUs.
 *
 * A mark is an instruction that does nothing and that no other code contains, as in insns.c:
 *
 *   16, 17   the CPU begins, ends an operation
 *   18       all counters become 0
 *   19       a line "LINES OWN ALL" goes to FILE: the moves that were made by CPUs inside an
 *            operation, and by all CPUs
 *   20       qemu-system: watch accesses from now on. Before it a machine boots, which would
 *            take minutes
 *
 * Build: gcc -shared -fPIC.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mark.h"
#include "qemu-plugin.h"

#define LINE_SHIFT	6
#define BUCKETS		(1u << 20)
#define MAX_CPUS	512

enum { MARK_BEGIN = 16, MARK_END, MARK_ZERO, MARK_SHOW, MARK_WATCH };

EXPORT int qemu_plugin_version = 1;

struct line {
	uint64_t address;
	struct line *next;
	uint64_t copies[MAX_CPUS / 64];
};

static struct line *buckets[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* of all below, too */
static bool inside[MAX_CPUS];
static struct access {
	void *insn;
	struct line *line;
} latest[MAX_CPUS];
static unsigned long long own, all;
static FILE *out;
static qemu_plugin_id_t plugin_id;
static bool is_system, watches;

static struct line *find_line(uint64_t address)
{
	struct line **bucket = &buckets[(address ^ address >> 20) % BUCKETS], *l;

	for (l = *bucket; l; l = l->next)
		if (l->address == address)
			return l;
	l = calloc(1, sizeof(*l));
	if (!l)
		abort();
	l->address = address;
	l->next = *bucket;
	*bucket = l;
	return l;
}

/* Has a CPU other than @cpu a copy? */
static bool is_elsewhere(const struct line *l, unsigned int cpu)
{
	unsigned int i;

	for (i = 0; i < MAX_CPUS / 64; i++)
		if (l->copies[i] & ~(i == cpu / 64 ? 1ull << cpu % 64 : 0))
			return true;
	return false;
}

static bool is_same(const struct access *a, const struct access *b)
{
	return a->insn == b->insn && a->line == b->line;
}

/* The address that is the same on every CPU; false: a device's, which has no line. */
static bool has_line(meminfo_t info, uint64_t *address)
{
	struct qemu_plugin_hwaddr *hw;

	if (!is_system)
		return true;
	hw = qemu_plugin_get_hwaddr(info, *address);
	if (!hw || qemu_plugin_hwaddr_is_io(hw))
		return false;
	*address = qemu_plugin_hwaddr_phys_addr(hw);
	return true;
}

static void on_access(unsigned int cpu, meminfo_t info, uint64_t address, void *insn)
{
	bool store = qemu_plugin_mem_is_store(info), has;
	uint64_t mine = 1ull << cpu % 64;
	struct access now = { .insn = insn };
	struct line *l;

	if (cpu >= MAX_CPUS)
		abort();
	if (!has_line(info, &address))
		return;
	pthread_mutex_lock(&lock);
	l = find_line(address >> LINE_SHIFT);
	now.line = l;
	has = l->copies[cpu / 64] & mine;
	if ((store || !has) && is_elsewhere(l, cpu) && !is_same(&now, &latest[cpu])) {
		all++;
		own += inside[cpu];
	}
	if (store)
		memset(l->copies, 0, sizeof(l->copies));
	l->copies[cpu / 64] |= mine;
	latest[cpu] = now;
	pthread_mutex_unlock(&lock);
}

static void on_reset(qemu_plugin_id_t id);

static void on_mark(unsigned int cpu, void *data)
{
	pthread_mutex_lock(&lock);
	switch ((uintptr_t)data) {
	case MARK_BEGIN:
	case MARK_END:
		inside[cpu % MAX_CPUS] = (uintptr_t)data == MARK_BEGIN;
		break;
	case MARK_ZERO:
		own = 0;
		all = 0;
		break;
	case MARK_SHOW:
		fprintf(out, "LINES %llu %llu\n", own, all);
		fflush(out);
		break;
	case MARK_WATCH:
		if (!watches)
			qemu_plugin_reset(plugin_id, on_reset);
		watches = true;
		break;
	}
	pthread_mutex_unlock(&lock);
}

static void on_block(qemu_plugin_id_t plugin, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	uint32_t id;

	(void)plugin;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		void *which = (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn);

		if (is_mark(insn, &id))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CB_NO_REGS,
							       (void *)(uintptr_t)id);
		else if (watches)
			qemu_plugin_register_vcpu_mem_cb(insn, on_access, CB_NO_REGS, MEM_RW,
							 which);
	}
}

static void on_reset(qemu_plugin_id_t id)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
			       char **argv)
{
	out = open_out(argc, argv);
	if (!out) {
		fprintf(stderr, "lines: wants out=FILE that can be written\n");
		return -1;
	}
	plugin_id = id;
	is_system = info->system_emulation;
	watches = !is_system;
	on_reset(id);
	return 0;
}
