/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * mark.h - marks in the guest's code, and the file of results: what the plugins share.
 *
 * A mark is an instruction that does nothing and that no other code contains. x86: nopl
 * 0x53545000|ID(%rax,%rax,1), arm64: movz xzr, #0x5300|ID; ID up to 0xff. No instruction of x86-64
 * begins with the first byte of the latter.
 */
#ifndef STOPPER_TCG_MARK_H
#define STOPPER_TCG_MARK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "qemu-plugin.h"

#define EXPORT		__attribute__((visibility("default")))
#define MARK_SIZE	8
#define MARK_SIZE_ARM64	4

/* The bytes of the mark with ID 0 (0f 1f 84 00, and its address); *id: that of this one. */
static bool is_mark_x86(const struct qemu_plugin_insn *insn, uint32_t *id)
{
	static const unsigned char nopl[] = { 0x0f, 0x1f, 0x84, 0x00 };
	const unsigned char *bytes = qemu_plugin_insn_data(insn);
	uint32_t disp;

	if (qemu_plugin_insn_size(insn) != MARK_SIZE || memcmp(bytes, nopl, sizeof(nopl)))
		return false;
	memcpy(&disp, bytes + sizeof(nopl), sizeof(disp));
	*id = disp & 0xfff;
	return (disp & ~0xfffu) == 0x53545000;
}

/* Its 16 bits of immediate are from bit 5 on. */
static bool is_mark_arm64(const struct qemu_plugin_insn *insn, uint32_t *id)
{
	uint32_t word;

	if (qemu_plugin_insn_size(insn) != MARK_SIZE_ARM64)
		return false;
	memcpy(&word, qemu_plugin_insn_data(insn), sizeof(word));
	*id = word >> 5 & 0xff;
	return (word & ~(0xffu << 5)) == (0xd280001f | 0x5300 << 5);
}

static bool is_mark(const struct qemu_plugin_insn *insn, uint32_t *id)
{
	return is_mark_x86(insn, id) || is_mark_arm64(insn, id);
}

/* The file named by the argument out=FILE, or NULL. */
static FILE *open_out(int argc, char **argv)
{
	const char *path = NULL;
	int i;

	for (i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			path = argv[i] + 4;
	return path ? fopen(path, "w") : NULL;
}

#endif /* STOPPER_TCG_MARK_H */
