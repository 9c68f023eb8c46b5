// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * lines.c - a plugin for QEMU's TCG: how many cache lines move between CPUs.
 *
 *   qemu-x86_64 -plugin lines.so,out=FILE PROGRAM ...
 *
 * Of each line of 64 bytes it keeps which CPUs (threads, under qemu-user) have a copy, as a
 * directory of the MSI protocol does, with caches that never evict:
 *
 *   read     by a CPU without a copy, while another one has it: the line moves; both have it
 *   write    while another CPU has a copy: the line moves; only the writer has it
 *
 * A line that nobody has is memory's and does not count. So the counts are exact and repeat where
 * the order of accesses does; times on real hardware follow them, but also the distance of CPUs.
 *
 * A mark is an instruction that does nothing and that no other code contains, as in insns.c:
 *
 *   16, 17   the CPU begins, ends an operation
 *   18       all counters become 0
 *   19       a line "LINES OWN ALL" goes to FILE: the moves that were made by CPUs inside an
 *            operation, and by all CPUs
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
#define BUCKETS		(1u << 16)
#define MAX_CPUS	512

enum { MARK_BEGIN = 16, MARK_END, MARK_ZERO, MARK_SHOW };

EXPORT int qemu_plugin_version = 1;

struct line {
	uint64_t address;
	struct line *next;
	uint64_t copies[MAX_CPUS / 64];
};

static struct line *buckets[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* of all below, too */
static bool inside[MAX_CPUS];
static unsigned long long own, all;
static FILE *out;

static struct line *find_line(uint64_t address)
{
	struct line **bucket = &buckets[(address ^ address >> 16) % BUCKETS], *l;

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

static void on_access(unsigned int cpu, meminfo_t info, uint64_t address, void *data)
{
	bool store = qemu_plugin_mem_is_store(info), has;
	uint64_t mine = 1ull << cpu % 64;
	struct line *l;

	(void)data;
	if (cpu >= MAX_CPUS)
		abort();
	pthread_mutex_lock(&lock);
	l = find_line(address >> LINE_SHIFT);
	has = l->copies[cpu / 64] & mine;
	if ((store || !has) && is_elsewhere(l, cpu)) {
		all++;
		own += inside[cpu];
	}
	if (store)
		memset(l->copies, 0, sizeof(l->copies));
	l->copies[cpu / 64] |= mine;
	pthread_mutex_unlock(&lock);
}

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

		if (is_mark(insn, &id))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CB_NO_REGS,
							       (void *)(uintptr_t)id);
		else
			qemu_plugin_register_vcpu_mem_cb(insn, on_access, CB_NO_REGS, MEM_RW, NULL);
	}
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
			       char **argv)
{
	out = open_out(argc, argv);
	if (info->system_emulation || !out) {
		fprintf(stderr, "lines: wants qemu-user, and out=FILE that can be written\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
	return 0;
}
