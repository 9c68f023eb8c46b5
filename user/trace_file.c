// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * trace_file.c - records events as lines of a file.
 *
 * A line has the form of the kernel's /sys/kernel/tracing/trace,
 *
 *   "%16s-%-7d [%03d] ..... %5llu.%06llu: EVENT: FIELDS"   comm, tid, CPU, flags, time
 *
 * so that one program reads both. Here the flags are dots and the clock is
 * CLOCK_MONOTONIC. The time is taken under the lock, so lines are in order.
 *
 * Lines collect in a buffer. Data that the file does not accept (a full pipe) stays in the
 * buffer. A line without room in the buffer is dropped and counted, and the count is written
 * when there is room again. A caller waits only for the file and for file_lock. fork() takes
 * the lock, so that it is free in the child. The child empties the buffer, which the parent
 * writes, and closes the descriptor.
 *
 * System calls are made directly: libc's functions are cancellation points, and a thread that
 * is cancelled in a task would exit with the lock held.
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
#include "upcalls.h"

#define BUFFER_SIZE	(64 * 1024)
#define LINE_SIZE	768

static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;
static int trace_fd = -1;		/* -1: not recording */
static int write_error;			/* the error that ended the last recording */
static size_t buffer_used;
static unsigned long nr_lost;
static char buffer[BUFFER_SIZE];

/* With the lock held. */
static void trace_file_close(void)
{
	trace_set_recording(false);
	if (trace_fd >= 0)
		syscall(SYS_close, trace_fd);
	trace_fd = -1;
	buffer_used = 0;
	nr_lost = 0;
}

/* With the lock held. Returns 0 or an error of the file; data that is not accepted stays. */
static int buffer_flush(void)
{
	struct quiet q;
	size_t done = 0;
	int err = 0;
	long n;

	quiet_begin(&q);
	while (done < buffer_used && !err) {
		n = syscall(SYS_write, trace_fd, buffer + done, buffer_used - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno == EAGAIN)
			break;
		else if (errno != EINTR)
			err = -errno;
	}
	quiet_end(&q);
	buffer_used -= done;
	memmove(buffer, buffer + done, buffer_used);
	return err;
}

/* With the lock held. */
static bool buffer_append(const char *line, size_t len)
{
	if (buffer_used + len > BUFFER_SIZE)
		return false;
	memcpy(buffer + buffer_used, line, len);
	buffer_used += len;
	return true;
}

/* With the lock held: adds "# lost N events". False: no room. */
static bool report_lost(void)
{
	char line[64];
	int len;

	if (!nr_lost)
		return true;
	len = snprintf(line, sizeof(line), "# lost %lu events: the file was full\n", nr_lost);
	if (!buffer_append(line, (size_t)len))
		return false;
	nr_lost = 0;
	return true;
}

static size_t format_line(char *line, const char *event, const char *fmt, va_list ap)
{
	char raw[16] = "", comm[16];
	int64_t now = plat_now();
	size_t len;

	prctl(PR_GET_NAME, raw);
	name_escape_comm(comm, sizeof(comm), raw);
	len = (size_t)snprintf(line, LINE_SIZE, "%16s-%-7d [%03d] ..... %5lld.%06lld: %s: ", comm,
			       plat_tid(), sched_getcpu(), (long long)(now / NS_PER_SEC),
			       (long long)(now % NS_PER_SEC / 1000), event);
	/* The length of each field is limited, so the line fits. */
	len += (size_t)vsnprintf(line + len, LINE_SIZE - 1 - len, fmt, ap);
	if (len > LINE_SIZE - 2)
		len = LINE_SIZE - 2;
	line[len++] = '\n';
	return len;
}

/* With the lock held, while recording. */
static int record_line(bool flush, const char *line, size_t len)
{
	int err = 0;

	if (buffer_used + len > BUFFER_SIZE)
		err = buffer_flush();
	if (!err && !(report_lost() && buffer_append(line, len)))
		nr_lost++;
	if (!err && flush)
		err = buffer_flush();
	return err;
}

/* With the lock held, while recording. -EAGAIN: some data remains. */
static int buffer_flush_all(void)
{
	int err = buffer_flush();

	if (!err && buffer_used + nr_lost) {
		report_lost();
		err = buffer_flush();
	}
	return !err && buffer_used + nr_lost ? -EAGAIN : err;
}

static void log_write_error(int err)
{
	stopper_log(NULL, STOPPER_LOG_ERR, "trace recording ended: write failed with error %d",
		    -err);
}

/* Records one event of this thread, now. @flush: write it to the file at once. */
void trace_record(bool flush, const char *event, const char *fmt, ...)
{
	char line[LINE_SIZE];
	int err = 0;
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&file_lock);
	if (trace_fd >= 0) {
		err = record_line(flush, line, format_line(line, event, fmt, ap));
		if (err) {
			write_error = err;
			trace_file_close();
		}
	}
	pthread_mutex_unlock(&file_lock);
	va_end(ap);
	if (err)
		log_write_error(err);
}

/* At the end of the process, and before an abort. */
void __attribute__((destructor)) trace_file_flush(void)
{
	pthread_mutex_lock(&file_lock);
	if (trace_fd >= 0)
		buffer_flush_all();
	pthread_mutex_unlock(&file_lock);
}

static void fork_prepare(void)
{
	pthread_mutex_lock(&file_lock);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&file_lock);
}

static void fork_child(void)
{
	trace_file_close();
	pthread_mutex_unlock(&file_lock);
}

/* Replaces %p (process id) and %% in @path. 0 or -ENAMETOOLONG. */
static int expand_path(char *out, size_t size, const char *path)
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
 * A regular file must be private and empty before the first byte is written: an existing one may
 * be readable by others, or another process may be recording to it.
 */
static int claim_file(int file)
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

/* With the lock held: which UNIX time the first line's clock shows. */
static void note_clock(void)
{
	struct timespec ts;
	int64_t now = plat_now();
	char line[96];
	int len;

	clock_gettime(CLOCK_REALTIME, &ts);
	len = snprintf(line, sizeof(line), "# clock %lld.%06lld is %lld.%06ld\n",
		       (long long)(now / NS_PER_SEC), (long long)(now % NS_PER_SEC / 1000),
		       (long long)ts.tv_sec, ts.tv_nsec / 1000);
	buffer_append(line, (size_t)len);
}

/* With the lock held. */
static int trace_file_open(const char *path)
{
	static const char head[] = "# tracer: nop\n#\n"
		"#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
		"#              | |         |   |||||     |         |\n";

	int err;

	if (trace_fd >= 0)
		return -EBUSY;
	trace_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC |
				O_NONBLOCK | O_NOCTTY | O_LARGEFILE, 0600);
	if (trace_fd < 0)
		return -errno;
	err = claim_file(trace_fd);
	if (err) {
		syscall(SYS_close, trace_fd);
		trace_fd = -1;
		return err;
	}
	write_error = 0;
	buffer_append(head, sizeof(head) - 1);
	note_clock();
	trace_set_recording(true);
	return 0;
}

int stopper_trace_start(const char *path)
{
	static bool atfork_done;
	char name[PATH_MAX];
	int err;

	if (!path || !*path)
		return -EINVAL;
	if (plat_is_copy())
		return -ENOTSUP;
	err = expand_path(name, sizeof(name), path);
	if (!err)
		err = atfork_once(&atfork_done, fork_prepare, fork_parent, fork_child);
	if (err)
		return err;
	pthread_mutex_lock(&file_lock);
	err = trace_file_open(name);
	pthread_mutex_unlock(&file_lock);
	return err;
}
EXPORT_SYMBOL_PLAT(stopper_trace_start);

int stopper_trace_stop(void)
{
	int err;

	pthread_mutex_lock(&file_lock);
	err = write_error;
	if (trace_fd >= 0)
		err = buffer_flush_all();
	else if (!err)
		err = -ENOENT;
	write_error = 0;
	trace_file_close();
	pthread_mutex_unlock(&file_lock);
	return err;
}
EXPORT_SYMBOL_PLAT(stopper_trace_stop);

/* Called at the first use of the library. */
void trace_file_init(void)
{
	const char *path = secure_getenv("STOPPER_TRACE");
	int err = path && *path ? stopper_trace_start(path) : 0;
	char shown[128];

	/* -EBUSY: the program has already started a recording, which goes on. */
	if (!err || err == -EBUSY)
		return;
	name_escape_tail(shown, sizeof(shown), path);
	stopper_log(NULL, STOPPER_LOG_ERR, "cannot record to STOPPER_TRACE=%s: error %d", shown,
		    -err);
}
