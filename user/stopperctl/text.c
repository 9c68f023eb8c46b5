// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * text.c - makes external text safe for a terminal, and formats times.
 *
 * Each byte that is not printable ASCII is shown as `?'. So a width in bytes is a width in columns,
 * independent of the locale.
 */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "ctl.h"

static char printable(char c)
{
	return c >= 0x20 && c < 0x7f ? c : '?';
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Copies as much of @src as fits, made printable. Returns the length. */
size_t text_put(char *dst, size_t size, const char *src)
{
	size_t i, len = min_size(strlen(src), size - 1);

	for (i = 0; i < len; i++)
		dst[i] = printable(src[i]);
	dst[len] = '\0';
	return len;
}

/* Copies at most @width columns; `~' marks a cut end. */
size_t text_fit(char *dst, size_t size, const char *src, size_t width)
{
	size_t len = text_put(dst, min_size(size, width + 1), src);

	if (len && src[len])
		dst[len - 1] = '~';
	return len;
}

/* The same, but cuts the beginning, for paths. */
size_t text_fit_tail(char *dst, size_t size, const char *src, size_t width)
{
	size_t all = strlen(src), room = min_size(size - 1, width);
	size_t len = text_put(dst, size, all > room ? src + all - room : src);

	if (len && all > room)
		dst[0] = '~';
	return len;
}

/* 0.4s 59.9s 3m12s 2h05m 3d04h: at most two units, and six columns up to 99 days. */
void text_age(char dst[16], uint64_t ms)
{
	unsigned long long s = ms / 1000;

	if (s < 60)
		snprintf(dst, 16, "%llu.%us", s, (unsigned int)(ms % 1000 / 100));
	else if (s < 3600)
		snprintf(dst, 16, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(dst, 16, "%lluh%02llum", s / 3600, s / 60 % 60);
	else if (s < 86400ULL * 99999)
		snprintf(dst, 16, "%llud%02lluh", s / 86400, s / 3600 % 24);
	else
		strcpy(dst, "ages");
}

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

/* Prints one line on standard error, also if arguments contain line breaks. */
void error_msg(const char *fmt, ...)
{
	char raw[2 * SENTENCE], line[2 * SENTENCE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	text_put(line, sizeof(line), raw);
	fprintf(stderr, "stopperctl: %s\n", line);
}
