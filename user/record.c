// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * record.c - the recorder: events as lines in a file.
 *
 * A line has the form of the kernel's /sys/kernel/tracing/trace,
 *
 *   "%16s-%-7d [%03d] ..... %5llu.%06llu: EVENT: FIELDS"   comm, tid, CPU, flags, time
 *
 * so that one program reads both. Here the flags are dots and the clock is
 * CLOCK_MONOTONIC. The time is taken under the lock, so lines are in order.
 *
 * Lines gather in a buffer; what a file will not take (a full pipe) stays there, and a
 * line that finds no room is counted, and the count written once there is room again.
 * Nothing here waits but for the file and, under the one lock, for one another. fork()
 * takes the lock, so that the child finds it free; there the buffer is emptied, which
 * is its parent's to write, and the descriptor closed.
 *
 * The system calls are made directly: libc's functions are cancellation points, and a
 * thread that is cancelled in a task would leave the lock behind.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stopper/trace.h>
#include "internal.h"

#define ROOM	(64 * 1024)
#define LINE	768

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int fd = -1;			/* -1: not recording */
static int broken;			/* the error that ended the last recording */
static size_t used;
static unsigned long lost;
static char buffer[ROOM];

/* With the lock held. */
static void end(void)
{
	trace_record(false);
	if (fd >= 0)
		syscall(SYS_close, fd);
	fd = -1;
	used = 0;
	lost = 0;
}

/* With the lock held: an error of the file, or 0. What it does not take now stays. */
static int write_out(void)
{
	struct quiet q;
	size_t done = 0;
	int err = 0;
	long n;

	quiet_begin(&q);
	while (done < used && !err) {
		n = syscall(SYS_write, fd, buffer + done, used - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno == EAGAIN)
			break;
		else if (errno != EINTR)
			err = -errno;
	}
	quiet_end(&q);
	used -= done;
	memmove(buffer, buffer + done, used);
	return err;
}

/* With the lock held. */
static bool append(const char *line, size_t len)
{
	if (used + len > ROOM)
		return false;
	memcpy(buffer + used, line, len);
	used += len;
	return true;
}

/* With the lock held: "# lost N", once there is room. */
static bool confess(void)
{
	char line[64];
	int len;

	if (!lost)
		return true;
	len = snprintf(line, sizeof(line), "# lost %lu events: the file was full\n", lost);
	if (!append(line, (size_t)len))
		return false;
	lost = 0;
	return true;
}

static size_t make_line(char *line, const char *event, const char *fmt, va_list ap)
{
	char raw[16] = "", comm[16];
	int64_t now = plat_now();
	size_t len;

	prctl(PR_GET_NAME, raw);
	name_comm(comm, sizeof(comm), raw);
	len = (size_t)snprintf(line, LINE, "%16s-%-7d [%03d] ..... %5lld.%06lld: %s: ", comm,
			       plat_tid(), sched_getcpu(), (long long)(now / NS_PER_SEC),
			       (long long)(now % NS_PER_SEC / 1000), event);
	/* All fields have a limit: it fits. */
	len += (size_t)vsnprintf(line + len, LINE - 1 - len, fmt, ap);
	if (len > LINE - 2)
		len = LINE - 2;
	line[len++] = '\n';
	return len;
}

/* With the lock held, while recording. */
static int put(bool flush, const char *line, size_t len)
{
	int err = 0;

	if (used + len > ROOM)
		err = write_out();
	if (!err && !(confess() && append(line, len)))
		lost++;
	if (!err && flush)
		err = write_out();
	return err;
}

/* With the lock held, while recording: -EAGAIN: something is left. */
static int flush_all(void)
{
	int err = write_out();

	if (!err && used + lost) {
		confess();
		err = write_out();
	}
	return !err && used + lost ? -EAGAIN : err;
}

static void say_broken(int err)
{
	stopper_log(NULL, STOPPER_LOG_ERR, "trace recording ended: write failed with error %d",
		    -err);
}

/* One event, here and now; @flush: to the file at once. No lock is held. */
void record_event(bool flush, const char *event, const char *fmt, ...)
{
	char line[LINE];
	int err = 0;
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&lock);
	if (fd >= 0) {
		err = put(flush, line, make_line(line, event, fmt, ap));
		if (err) {
			broken = err;
			end();
		}
	}
	pthread_mutex_unlock(&lock);
	va_end(ap);
	if (err)
		say_broken(err);
}

/* The process ends, or may. */
void __attribute__((destructor)) record_flush(void)
{
	pthread_mutex_lock(&lock);
	if (fd >= 0)
		flush_all();
	pthread_mutex_unlock(&lock);
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
	end();
	pthread_mutex_unlock(&lock);
}

/* %p and %% in @path; -ENAMETOOLONG. */
static int expand(char *out, size_t size, const char *path)
{
	size_t len = 0;

	for (; *path && len < size; path++) {
		if (path[0] == '%' && path[1] == 'p') {
			len += (size_t)snprintf(out + len, size - len, "%d", (int)getpid());
			path++;
			continue;
		}
		if (path[0] == '%' && path[1] == '%')
			path++;
		out[len++] = *path;
	}
	if (len >= size)
		return -ENAMETOOLONG;
	out[len] = '\0';
	return 0;
}

/*
 * A regular file is ours alone, and empty, before the first byte is written: one that was there
 * may have been readable by others, or be the recording of another process.
 */
static int make_ours(int file)
{
	struct stat st;

	if (fstat(file, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	if (st.st_uid != geteuid())
		return -EPERM;
	if (syscall(SYS_flock, file, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (fchmod(file, 0600) || ftruncate(file, 0))
		return -errno;
	return 0;
}

/* With the lock held. */
static int begin(const char *path)
{
	static const char head[] = "# tracer: nop\n#\n"
		"#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
		"#              | |         |   |||||     |         |\n";

	int err;

	if (fd >= 0)
		return -EBUSY;
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC |
			  O_NONBLOCK | O_NOCTTY | O_LARGEFILE, 0600);
	if (fd < 0)
		return -errno;
	err = make_ours(fd);
	if (err) {
		syscall(SYS_close, fd);
		fd = -1;
		return err;
	}
	broken = 0;
	append(head, sizeof(head) - 1);
	trace_record(true);
	return 0;
}

int stopper_trace_start(const char *path)
{
	static bool watching;
	char name[PATH_MAX];
	int err;

	if (!path || !*path)
		return -EINVAL;
	if (plat_is_copy())
		return -ENOTSUP;
	err = expand(name, sizeof(name), path);
	if (!err)
		err = watch_forks(&watching, before_fork, in_parent, in_child);
	if (err)
		return err;
	pthread_mutex_lock(&lock);
	err = begin(name);
	pthread_mutex_unlock(&lock);
	return err;
}
EXPORT_SYMBOL_PLAT(stopper_trace_start);

int stopper_trace_stop(void)
{
	int err;

	pthread_mutex_lock(&lock);
	err = broken;
	if (fd >= 0)
		err = flush_all();
	else if (!err)
		err = -ENOENT;
	broken = 0;
	end();
	pthread_mutex_unlock(&lock);
	return err;
}
EXPORT_SYMBOL_PLAT(stopper_trace_stop);

/* At the first use of the library. */
void record_init(void)
{
	const char *path = secure_getenv("STOPPER_TRACE");
	int err = path && *path ? stopper_trace_start(path) : 0;
	char shown[128];

	/* Started already, by the program itself: that one stands. */
	if (!err || err == -EBUSY)
		return;
	name_tail(shown, sizeof(shown), path);
	stopper_log(NULL, STOPPER_LOG_ERR, "cannot record to STOPPER_TRACE=%s: error %d", shown,
		    -err);
}
