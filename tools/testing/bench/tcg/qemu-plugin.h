/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * qemu-plugin.h - what is used of QEMU's plugin API, version 1: the distribution's
 * packages have plugins enabled and no header for them.
 */
#ifndef STOPPER_TCG_QEMU_PLUGIN_H
#define STOPPER_TCG_QEMU_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t qemu_plugin_id_t;

struct qemu_info {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus;
		int max_vcpus;
	} system;
};

enum { CB_NO_REGS };
enum { INLINE_ADD_U64 };
enum { MEM_R = 1, MEM_W, MEM_RW };

struct qemu_plugin_tb;
struct qemu_plugin_insn;

typedef void (*tb_trans_fn)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*exec_fn)(unsigned int cpu, void *data);

typedef uint32_t meminfo_t;
typedef void (*mem_fn)(unsigned int cpu, meminfo_t info, uint64_t address, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_fn fn);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_fn fn, int regs,
					  void *data);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *to,
					      uint64_t n);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *to,
						uint64_t n);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, exec_fn fn, int regs,
					    void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_fn fn, int regs, int which,
				      void *data);
bool qemu_plugin_mem_is_store(meminfo_t info);

struct qemu_plugin_hwaddr;

/* Valid until the callback of the access returns; NULL under qemu-user. */
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(meminfo_t info, uint64_t address);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *addr);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *addr);

/* Removes all callbacks and translated code soon, then calls @fn. */
void qemu_plugin_reset(qemu_plugin_id_t id, void (*fn)(qemu_plugin_id_t id));

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#endif /* STOPPER_TCG_QEMU_PLUGIN_H */
