// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * name.c - names from anywhere, made fit to be shown.
 *
 * A name is bytes. Shown, it is printable ASCII without a line break and at
 * most STOPPER_NAME_SHOWN long, so that no name can forge a line of the debug
 * list, move a terminal's cursor or flood a log. A backslash is escaped too:
 * otherwise a name could look like an escaped one; and so is the quote that ends it.
 */
#include "internal.h"

static const char hex[] = "0123456789abcdef";

/* One byte as shown; up to four characters, no terminator. */
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

/* Whole escapes only, at most @size - 1 bytes. Says how much of @name that was. */
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

/* @name as shown, at most @size - 1 bytes; what does not fit ends in "...". Returns the length. */
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

/* The same, cut without a sign: for the names of threads, which are short. */
void name_escape_comm(char *dst, size_t size, const char *name)
{
	size_t used;

	escape_text(dst, size, name ? name : "(none)", &used);
}

/* The same, but of a long one the end is kept: for paths. */
size_t name_escape_tail(char *dst, size_t size, const char *name)
{
	size_t len = name ? strlen(name) : 0;

	/* An escaped byte takes up to four places; source paths have none. */
	return name_escape(dst, size, len > size - 1 ? name + len - (size - 1) : name);
}
