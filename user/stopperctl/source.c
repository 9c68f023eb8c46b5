// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * source.c - reads the debug list from the kernel, a saved file, or a process.
 *
 * Each failure has an error message and a state that says whether a retry may help. This file
 * parses the source options and reads files; source_*.c read the other sources.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "source.h"

#define DEBUGFS_DEFAULT	"/sys/kernel/debug"
#define DEBUGFS_TYPE	0x64626720

static struct {
	int kind;		/* the option's letter; 0: the kernel */
	const char *arg;
	int pid;
	char name[256];		/* for messages */
} source;

static bool parse_pid(const char *s, int *pid)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	*pid = (int)n;
	return !errno && end != s && !*end && n > 0 && n <= 1 << 30;
}

/* Sets the source. False: invalid, after an error message. */
static bool source_choose(int opt, const char *arg)
{
	if (source.kind) {
		error_msg("expected at most one of -f, -u, -s and -p");
		return false;
	}
	if (!*arg || (opt == 'p' && !parse_pid(arg, &source.pid))) {
		error_msg("-%c '%s': expected a %s", opt, arg, opt == 'p' ? "process id" :
			  opt == 'u' ? "URL" : "path");
		return false;
	}
	source.kind = opt;
	source.arg = arg;
	return true;
}

static const struct option source_options[] = {
	{ "file", required_argument, NULL, 'f' },
	{ "url", required_argument, NULL, 'u' },
	{ "socket", required_argument, NULL, 's' },
	{ "pid", required_argument, NULL, 'p' },
};

#define NR_SOURCE_OPTIONS	(sizeof(source_options) / sizeof(source_options[0]))
#define MAX_OWN_OPTIONS	12	/* long options of one command, at most */

/*
 * Like getopt_long(), but accepts the source options too, and handles them. Returns '?' after an
 * error message.
 */
int source_getopt(int argc, char **argv, const char *letters, const struct option *own)
{
	struct option all[NR_SOURCE_OPTIONS + MAX_OWN_OPTIONS + 1] = { 0 };
	char all_letters[64];
	size_t i;
	int opt;

	memcpy(all, source_options, sizeof(source_options));
	for (i = 0; own[i].name && i < MAX_OWN_OPTIONS; i++)
		all[NR_SOURCE_OPTIONS + i] = own[i];
	snprintf(all_letters, sizeof(all_letters), "%sf:u:s:p:", letters);
	do {
		opt = getopt_long(argc, argv, all_letters, all, NULL);
		if (opt <= 0 || opt == '?' || !strchr("fusp", opt))
			return opt;
	} while (source_choose(opt, optarg));
	return '?';
}

/* For a command without options of its own, but --help. Returns an exit status, or -1 to go on. */
int source_only_options(int argc, char **argv, const char *command, const char *help)
{
	static const struct option own[] = { { "help", no_argument, NULL, 'h' }, {} };
	int opt = source_getopt(argc, argv, "h", own);

	if (opt == 'h') {
		fputs(help, stdout);
		return finish_output();
	}
	if (opt != -1)
		return try_help(command);
	if (optind != argc)
		return wrong_usage(command, "%s: unexpected operand '%s'", command, argv[optind]);
	return -1;
}

bool source_is_stdin(void)
{
	return source.kind == 'f' && !strcmp(source.arg, "-");
}

bool source_is_kernel(void)
{
	return !source.kind;
}

/* 0: the source is no process. */
int source_pid(void)
{
	return source.kind == 'p' ? source.pid : 0;
}

static const char *debugfs_dir(void)
{
	const char *dir = getenv("STOPPER_DEBUGFS");

	return dir && *dir ? dir : DEBUGFS_DEFAULT;
}

const char *source_name(void)
{
	char raw[sizeof(source.name)];

	if (!source.kind)
		snprintf(raw, sizeof(raw), "%s/stopper", debugfs_dir());
	else if (source.kind == 'p')
		snprintf(raw, sizeof(raw), "process %d", source.pid);
	else
		snprintf(raw, sizeof(raw), "%s", source_is_stdin() ? "standard input" : source.arg);
	text_put(source.name, sizeof(source.name), raw);
	return source.name;
}

int source_text_add(struct source_text *t, const void *data, size_t len)
{
	size_t room = t->room ? t->room : 65536;
	char *p;

	if (len > SOURCE_MAX || t->len + len > SOURCE_MAX)
		return -EFBIG;
	while (room < t->len + len + 1)
		room *= 2;
	if (room != t->room) {
		p = realloc(t->data, room);
		if (!p)
			return -ENOMEM;
		t->data = p;
		t->room = room;
	}
	memcpy(t->data + t->len, data, len);
	t->len += len;
	t->data[t->len] = '\0';
	return 0;
}

void source_text_free(struct source_text *t)
{
	free(t->data);
	t->data = NULL;
	t->len = 0;
	t->room = 0;
}

/* Sets the error message, "WHAT: WHY (HINT)". Returns @state. */
enum source_state source_fail(struct source_text *t, enum source_state state, const char *hint,
			      const char *fmt, ...)
{
	char why[SENTENCE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (hint)
		snprintf(t->why, sizeof(t->why), "%.350s (%.150s)", why, hint);
	else
		snprintf(t->why, sizeof(t->why), "%s", why);
	return state;
}

static enum source_state read_fd(struct source_text *t, int fd, const char *name)
{
	char *chunk = malloc(65536);
	ssize_t n;
	int err = chunk ? 0 : -ENOMEM;

	while (!err) {
		n = read(fd, chunk, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n ? -errno : 0;
			break;
		}
		err = source_text_add(t, chunk, n);
	}
	free(chunk);
	if (err == -EFBIG)
		return source_fail(t, SOURCE_BAD, NULL,
				   "%s is not a debug list: longer than 256 MiB", name);
	if (err)
		return source_fail(t, err == -ENOMEM ? SOURCE_BUSY : SOURCE_BAD, NULL,
				   "cannot read %s: %s", name, strerror(-err));
	return SOURCE_OK;
}

static enum source_state read_path(struct source_text *t, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum source_state state;

	if (fd < 0)
		return source_fail(t, errno == ENOENT ? SOURCE_GONE : SOURCE_BAD, NULL,
				   "cannot read %s: %s", path, strerror(errno));
	state = read_fd(t, fd, path);
	close(fd);
	return state;
}

/* Reports that the kernel's file cannot be opened, with a hint. */
static enum source_state kernel_fail(struct source_text *t, const char *dir, int err)
{
	enum source_state state = err == ENOENT || err == ENOTDIR ? SOURCE_GONE : SOURCE_BAD;
	char hint[128] = "use -p, -u, -s or -f for another source";
	struct statfs fs;

	if (err == EACCES || err == EPERM)
		strcpy(hint, "are you root?");
	else if (state == SOURCE_GONE && !statfs(dir, &fs) && fs.f_type == DEBUGFS_TYPE)
		strcpy(hint, "module not loaded? modprobe stopper");
	else if (state == SOURCE_GONE && !access(dir, F_OK))
		snprintf(hint, sizeof(hint), "not mounted? mount -t debugfs none %s", dir);
	return source_fail(t, state, hint, "cannot read %s/stopper: %s", dir, strerror(err));
}

static enum source_state read_kernel(struct source_text *t)
{
	enum source_state state;
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/stopper", debugfs_dir());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return kernel_fail(t, debugfs_dir(), errno);
	state = read_fd(t, fd, path);
	close(fd);
	return state;
}

static enum source_state read_process(struct source_text *t)
{
	char path[256];
	enum source_state state = source_process(t, source.pid, path, sizeof(path));

	return state == SOURCE_OK ? source_http(t, NULL, path) : state;
}

/* Reads the current text into @t, which must be empty and be freed even after an error. */
enum source_state source_read(struct source_text *t)
{
	switch (source.kind) {
	case 'f':
		t->state = source_is_stdin() ? read_fd(t, STDIN_FILENO, "standard input") :
					       read_path(t, source.arg);
		break;
	case 'u':
		t->state = source_http(t, source.arg, NULL);
		break;
	case 's':
		t->state = source_http(t, NULL, source.arg);
		break;
	case 'p':
		t->state = read_process(t);
		break;
	default:
		t->state = read_kernel(t);
	}
	/* An empty text is a list without stoppers. */
	if (t->state == SOURCE_OK && !t->data && source_text_add(t, "", 0))
		t->state = source_fail(t, SOURCE_BUSY, NULL, "out of memory");
	return t->state;
}
