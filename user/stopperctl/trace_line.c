// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * trace_line.c - parses a line of a recording: of tracefs' trace file, as trace-cmd and perf print
 * it, or of a file that libstopper recorded (kmod/trace.h, user/trace_file.c).
 *
 *   "%16s-%-7d [%03d] FLAGS SECONDS.FRACTION: EVENT: key=value ... name=REST OF THE LINE"
 *
 * A line is parsed in place.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "trace_line.h"

/* Replaces bytes that a viewer, a terminal or JSON might not accept. */
static void trace_line_sanitize(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	for (; *line; line++)
		if (*line < 0x20 || *line > 0x7e)
			*line = '?';
}

/* "SECONDS.FRACTION:", perhaps after flags; NULL: no time. */
static char *parse_time(char *p, int64_t *ns)
{
	long long seconds, unit = 100000000;
	char *end;

	p += strspn(p, " ");
	if (!isdigit((unsigned char)*p)) {
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	if (!isdigit((unsigned char)*p))
		return NULL;
	errno = 0;
	seconds = strtoll(p, &end, 10);
	if (errno || seconds > INT64_MAX / 1000000000 - 1 || *end++ != '.')
		return NULL;
	*ns = seconds * 1000000000;
	for (; isdigit((unsigned char)*end); end++, unit /= 10)
		*ns += (*end - '0') * unit;
	return *end == ':' ? end + 1 : NULL;
}

/* The first digit of "-PID": in the kernel's column, or (trace-cmd) before the CPU. */
static char *find_pid(char *line)
{
	char *p, *cpu;

	if (strnlen(line, COMM_WIDTH + 2) == COMM_WIDTH + 2 && line[COMM_WIDTH] == '-' &&
	    isdigit((unsigned char)line[COMM_WIDTH + 1]))
		return line + COMM_WIDTH + 1;
	cpu = strstr(line, " [");
	if (!cpu)
		return NULL;
	for (p = cpu; p > line && (p[-1] == ' ' || isdigit((unsigned char)p[-1])); p--)
		;
	return p > line && p[-1] == '-' && isdigit((unsigned char)*p) ? p : NULL;
}

static bool trace_line_parse(char *line, struct trace_line *ev)
{
	char *p = find_pid(line), *comm = line + strspn(line, " ");

	if (!p || comm >= p)
		return false;
	snprintf(ev->comm, sizeof(ev->comm), "%.*s", (int)(p - 1 - comm), comm);
	errno = 0;
	ev->tid = strtol(p, &p, 10);
	if (errno || ev->tid > INT32_MAX)
		return false;
	p = strchr(p, '[');
	p = p ? strchr(p, ']') : NULL;
	p = p ? parse_time(p + 1, &ev->ns) : NULL;
	if (!p)
		return false;
	ev->what = p + strspn(p, " ");
	p = strstr(ev->what, ": ");
	if (!p)
		return false;
	*p = '\0';
	ev->fields = p + 2;
	/* name= is last: only its value may contain spaces. */
	p = strstr(ev->fields, " name=");
	if (!p)
		return false;
	*p = '\0';
	ev->name = p + strlen(" name=");
	return true;
}

/* True: the line reports lost events, which were counted. */
static bool count_lost(struct trace_input *in)
{
	unsigned long n;

	if (sscanf(in->line, "# lost %lu events", &n) != 1 &&
	    sscanf(in->line, "CPU:%*u [LOST %lu EVENTS]", &n) != 1)
		return false;
	in->lost += n;
	return true;
}

/* "# clock SECONDS.MICROSECONDS is SECONDS.MICROSECONDS" (user/trace_file.c) */
static void note_clock(struct trace_input *in)
{
	long long s, us, unix_s, unix_us;

	if (sscanf(in->line, "# clock %10lld.%6lld is %10lld.%6lld", &s, &us, &unix_s,
		   &unix_us) == 4)
		in->unix_offset = (unix_s - s) * 1000000000 + (unix_us - us) * 1000;
}

/* Reads up to the next line that is an event; false: there is none. */
bool trace_next(struct trace_input *in, struct trace_line *ev)
{
	int ch;

	while (fgets(in->line, sizeof(in->line), in->file)) {
		/* Longer than any valid line: skip the rest of it. */
		if (!strchr(in->line, '\n'))
			while ((ch = getc(in->file)) != EOF && ch != '\n')
				;
		trace_line_sanitize(in->line);
		if (count_lost(in) || !in->line[0])
			continue;
		if (in->line[0] == '#') {
			note_clock(in);
			continue;
		}
		if (trace_line_parse(in->line, ev))
			return true;
		in->ignored++;
	}
	return false;
}

/* The value of @key, up to the next space; NULL: no such key. */
static const char *find_field(const struct trace_line *ev, const char *key)
{
	const char *p = ev->fields;
	size_t len = strlen(key);

	while (p) {
		p += strspn(p, " ");
		if (!strncmp(p, key, len) && p[len] == '=')
			return p + len + 1;
		p = strchr(p, ' ');
	}
	return NULL;
}

bool trace_number(const struct trace_line *ev, const char *key, int base, uint64_t *out)
{
	const char *p = find_field(ev, key);
	char *end;

	if (!p || !isxdigit((unsigned char)*p))
		return false;
	errno = 0;
	*out = strtoull(p, &end, base);
	return !errno && (*end == ' ' || !*end);
}

bool trace_word(const struct trace_line *ev, const char *key, char *out, size_t size)
{
	const char *p = find_field(ev, key);
	size_t len = p ? strcspn(p, " ") : 0;

	if (!len || len >= size)
		return false;
	memcpy(out, p, len);
	out[len] = '\0';
	return true;
}
