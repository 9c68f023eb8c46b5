// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * name.c - escapes names, which may contain anything.
 *
 * A name is a string of bytes. Escaped, it is printable ASCII without a line break and at most
 * STOPPER_NAME_SHOWN bytes long. So no name can forge a line of the debug list, move the cursor
 * of a terminal or flood a log. A backslash is escaped, so that no name looks like an escaped
 * one, and so is the quote that ends a name in the list.
 */
#include "internal.h"
#include "upcalls.h"

static const char hex[] = "0123456789abcdef";

/* Escapes one byte: up to four characters, no terminator. Returns their number. */
static size_t escape_byte(char *dst, unsigned char c)
{
	if (c >= 0x20 && c < 0x7f && c != '\\' && c != '"') {
		dst[0] = (char)c;
		return 1;
	}
	dst[0] = '\\';
	switch (c) {
	case '\\':
	case '"':
		dst[1] = (char)c;
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

/* At most @size - 1 bytes, whole escapes only. @used: how many bytes of @name fitted. */
static size_t escape_text(char *dst, size_t size, const char *name, size_t *used)
{
	size_t len = 0, n;
	char e[4];

	for (*used = 0; name[*used]; ++*used) {
		n = escape_byte(e, (unsigned char)name[*used]);
		if (len + n > size - 1)
			break;
		memcpy(dst + len, e, n);
		len += n;
	}
	dst[len] = '\0';
	return len;
}

/* Escapes @name into at most @size - 1 bytes, cut with "..." if longer. Returns the length. */
size_t name_escape(char *dst, size_t size, const char *name)
{
	size_t len, used;

	if (!name)
		name = "(none)";
	len = escape_text(dst, size, name, &used);
	if (!name[used])
		return len;
	len = escape_text(dst, size - 3, name, &used);
	memcpy(dst + len, "...", 4);
	return len + 3;
}

/* For the names of threads, which are short: cut without "...". */
void name_escape_comm(char *dst, size_t size, const char *name)
{
	size_t used;

	escape_text(dst, size, name ? name : "(none)", &used);
}

/* For paths: of a long one, the end is kept. */
size_t name_escape_tail(char *dst, size_t size, const char *name)
{
	size_t len = name ? strlen(name) : 0;

	/* A byte that is escaped takes up to four; paths of sources have none. */
	return name_escape(dst, size, len > size - 1 ? name + len - (size - 1) : name);
}
