// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * control.c - finds, stops and waits for kernel stoppers through /sys/kernel/stopper/ID/.
 *
 * Only stoppers whose owner allows it are there. A folder is removed when its stopper has stopped:
 * a file that is open then reads ENODEV. An id is not used again while the module is loaded.
 *
 * What a stop waits for is taken from the debug list, if there is one. Without it, the phase and
 * the number of tasks are shown.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"

#define EVERY	(NSEC_PER_SEC / 2)	/* between two looks at what a stop waits for */

const char *control_dir(void)
{
	const char *dir = getenv("STOPPER_CONTROL");

	return dir && *dir ? dir : "/sys/kernel/stopper";
}

static int control_open(uint64_t id, const char *file, int flags)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%llu/%s", control_dir(), (unsigned long long)id, file);
	return open(path, flags | O_CLOEXEC);
}

/* Reads one line without its end. False: the file has gone. */
static bool read_value(int fd, char *value, size_t size)
{
	ssize_t n = pread(fd, value, size - 1, 0);

	if (n < 0)
		return false;
	value[n] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return true;
}

static bool control_read(uint64_t id, const char *file, char *value, size_t size)
{
	int fd = control_open(id, file, O_RDONLY);
	bool ok;

	if (fd < 0)
		return false;
	ok = read_value(fd, value, size);
	close(fd);
	return ok;
}

static void control_add(struct control *c, size_t *nr, uint64_t id)
{
	int fd = *nr < CONTROL_MAX ? control_open(id, "phase", O_RDONLY) : -1;

	if (fd >= 0)
		c[(*nr)++] = (struct control){ .id = id, .phase = fd };
}

static bool parse_id(const char *s, uint64_t *id)
{
	char *end;

	*id = strtoull(s, &end, 10);
	return *s >= '1' && *s <= '9' && !*end;
}

/* The stoppers called @wanted or, if there is none, the one with this id. Returns how many. */
size_t control_find(const char *wanted, struct control found[CONTROL_MAX])
{
	DIR *dir = opendir(control_dir());
	char name[4 * 160];
	struct dirent *d;
	uint64_t id;
	size_t nr = 0;

	while (dir && (d = readdir(dir)))
		if (parse_id(d->d_name, &id) && control_read(id, "name", name, sizeof(name)) &&
		    !strcmp(name, wanted))
			control_add(found, &nr, id);
	if (dir)
		closedir(dir);
	if (!nr && parse_id(wanted, &id))
		control_add(found, &nr, id);
	return nr;
}

/* Begins the stop. 0 or -errno; -ENODEV: it has stopped. */
int control_stop(const struct control *c, const char *cause)
{
	int fd = control_open(c->id, "stop", O_WRONLY), err = 0;

	if (fd < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	if (write(fd, cause, strlen(cause)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void show_without_list(struct progress *p, const char *name, uint64_t id,
			      const char *phase)
{
	char text[PROGRESS], tasks[32], cause[256];

	if (!control_read(id, "tasks", tasks, sizeof(tasks)) ||
	    !control_read(id, "cause", cause, sizeof(cause)))
		return;
	snprintf(text, sizeof(text), "%.600s (%llu): %.16s%s%s%s, %.20s task%s", name,
		 (unsigned long long)id, phase, *cause ? " because \"" : "", cause,
		 *cause ? "\"" : "", tasks, strcmp(tasks, "1") ? "s" : "");
	progress_show(p, text, text);
}

static void control_show(struct progress *p, const char *name, uint64_t id, const char *phase,
			 size_t nr_left)
{
	struct view *v = view_take();
	const struct view_stopper *vs = v && v->state == SOURCE_OK ? view_find(v, id) : NULL;

	if (vs)
		progress_stopper(p, vs, nr_left);
	else
		show_without_list(p, name, id, phase);
	view_free(v);
}

/* Waits until a phase changes, or until @until. */
static void control_poll(const struct control *c, size_t nr, int64_t until)
{
	struct pollfd fds[CONTROL_MAX];
	int64_t ns = until - now_ns();
	size_t i;

	for (i = 0; i < nr; i++)
		fds[i] = (struct pollfd){ .fd = c[i].phase, .events = POLLPRI };
	if (ns > 0)
		poll(fds, nr, (int)(ns / NSEC_PER_MSEC) + 1);
}

/* Waits until all have stopped, at most for @limit. Returns the exit status. */
int control_wait(struct control *c, size_t nr, const char *name, int64_t limit,
		 struct progress *p)
{
	int64_t begin = now_ns(), end = limit ? begin + limit : INT64_MAX;
	char phase[32], worst[32] = "";
	size_t i, first, left;

	for (;;) {
		for (i = left = first = 0; i < nr; i++) {
			if (c[i].phase >= 0 && !read_value(c[i].phase, phase, sizeof(phase))) {
				close(c[i].phase);
				c[i].phase = -1;
			} else if (c[i].phase >= 0 && !left++) {
				first = i;
				strcpy(worst, phase);
			}
		}
		if (!left)
			return progress_stopped(p, name, now_ns() - begin);
		control_show(p, name, c[first].id, worst, left);
		if (now_ns() >= end)
			return progress_timed_out(p, limit);
		control_poll(c, nr, now_ns() + EVERY < end ? now_ns() + EVERY : end);
	}
}
