// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * name.c - names from anywhere, made fit to be shown.
 *
 * A name is bytes. Shown, it is printable ASCII without a line break and at
 * most STOPPER_NAME_SHOWN long, so that no name can forge a line of the debug
 * list, move a terminal's cursor or flood a log. A backslash is escaped too:
 * otherwise a name could look like an escaped one.
 */
#include "internal.h"

static const char hex[] = "0123456789abcdef";

/* One byte as shown; up to four characters, no terminator. */
static size_t escape(char *dst, unsigned char c)
{
	if (c >= 0x20 && c < 0x7f && c != '\\') {
		dst[0] = (char)c;
		return 1;
	}
	dst[0] = '\\';
	switch (c) {
	case '\\':
		dst[1] = '\\';
		return 2;
	case '\n':
		dst[1] = 'n';
		return 2;
	case '\t':
		dst[1] = 't';
		return 2;
	default:
		dst[1] = 'x';
		dst[2] = hex[c >> 4];
		dst[3] = hex[c & 15];
		return 4;
	}
}

/* @name as shown, at most @size - 1 bytes; what does not fit ends in "...". Returns the length. */
size_t name_show(char *dst, size_t size, const char *name)
{
	char e[4];
	size_t len = 0, keep = 0, n;

	if (!name)
		name = "(none)";
	for (; *name; name++) {
		n = escape(e, (unsigned char)*name);
		if (len + n > size - 1) {
			memcpy(dst + keep, "...", 3);
			len = keep + 3;
			break;
		}
		memcpy(dst + len, e, n);
		len += n;
		if (len + 3 <= size - 1)
			keep = len;
	}
	dst[len] = '\0';
	return len;
}

/* The same, but of a long one the end is kept: for paths. */
size_t name_tail(char *dst, size_t size, const char *name)
{
	size_t len = name ? strlen(name) : 0;

	/* An escaped byte takes up to four places; source paths have none. */
	return name_show(dst, size, len > size - 1 ? name + len - (size - 1) : name);
}
