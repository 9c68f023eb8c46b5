/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * mark.h - marks in the guest's code, and the file of results: what the plugins share.
 *
 * A mark is an instruction that does nothing and that no other code contains:
 * nopl 0x53545000|ID(%rax,%rax,1), ID up to 0xfff.
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

/* The bytes of the mark with ID 0 (0f 1f 84 00, and its address); *id: that of this one. */
static bool is_mark(const struct qemu_plugin_insn *insn, uint32_t *id)
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
