/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trace.h - the tracepoints: events/stopper/ in tracefs.
 *
 * user/trace.c has probes with the same names and arguments. The name is the last field of a
 * printed event, as it may contain spaces, but no line break. A file name contains no spaces.
 * Strings are dynamic arrays, because __assign_str() differs between kernels.
 *
 * Enabling an event of tasks or workers enables the static key stopper_traced; then the inlined
 * start of a task takes the slow path in core/task.c.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM stopper

#if !defined(STOPPER_KMOD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define STOPPER_KMOD_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#ifndef STOPPER_KMOD_TRACE_ONCE
#define STOPPER_KMOD_TRACE_ONCE
int trace_listen(void);
void trace_unlisten(void);

/* The arguments of an event for the start of a task or worker. */
struct trace_started {
	u64 id;
	unsigned int kind;
	unsigned int line;
	const char *name, *file;
	u64 span, parent, trace_hi, trace_lo;
};

struct trace_ended {
	u64 id;
	unsigned int kind;
	const char *name;
	u64 span;
};
#endif

#define show_kind(kind)	__print_symbolic(kind, { 0, "sync" }, { 1, "handle" }, { 2, "async" })
#define show_phase(phase) __print_symbolic(phase, { 0, "running" }, { 1, "quiescing" },	\
		{ 2, "stopping" }, { 3, "closing" }, { 4, "stopped" })

DECLARE_EVENT_CLASS(started,
	TP_PROTO(const struct trace_started *s),
	TP_ARGS(s),
	TP_STRUCT__entry(
		__field(u64, id)
		__dynamic_array(char, name, strlen(s->name) + 1)
		__dynamic_array(char, file, strlen(s->file) + 1)
		__field(u32, line)
		__field(u64, span)
		__field(u64, parent)
		__field(u64, trace_hi)
		__field(u64, trace_lo)
	),
	TP_fast_assign(
		__entry->id = s->id;
		strcpy(__get_str(name), s->name);
		strcpy(__get_str(file), s->file);
		__entry->line = s->line;
		__entry->span = s->span;
		__entry->parent = s->parent;
		__entry->trace_hi = s->trace_hi;
		__entry->trace_lo = s->trace_lo;
	),
	TP_printk("id=%llu file=%s line=%u span=%016llx parent=%016llx trace=%016llx%016llx name=%s",
		  __entry->id, __get_str(file), __entry->line, __entry->span, __entry->parent,
		  __entry->trace_hi, __entry->trace_lo, __get_str(name))
);

DEFINE_EVENT_FN(started, async_queued,
	TP_PROTO(const struct trace_started *s), TP_ARGS(s), trace_listen, trace_unlisten);

DEFINE_EVENT_FN(started, worker_start,
	TP_PROTO(const struct trace_started *s), TP_ARGS(s), trace_listen, trace_unlisten);

TRACE_EVENT_FN(task_start,
	TP_PROTO(const struct trace_started *s),
	TP_ARGS(s),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, kind)
		__dynamic_array(char, name, strlen(s->name) + 1)
		__dynamic_array(char, file, strlen(s->file) + 1)
		__field(u32, line)
		__field(u64, span)
		__field(u64, parent)
		__field(u64, trace_hi)
		__field(u64, trace_lo)
	),
	TP_fast_assign(
		__entry->id = s->id;
		__entry->kind = s->kind;
		strcpy(__get_str(name), s->name);
		strcpy(__get_str(file), s->file);
		__entry->line = s->line;
		__entry->span = s->span;
		__entry->parent = s->parent;
		__entry->trace_hi = s->trace_hi;
		__entry->trace_lo = s->trace_lo;
	),
	TP_printk("id=%llu kind=%s file=%s line=%u span=%016llx parent=%016llx trace=%016llx%016llx name=%s",
		  __entry->id, show_kind(__entry->kind), __get_str(file), __entry->line,
		  __entry->span, __entry->parent, __entry->trace_hi, __entry->trace_lo,
		  __get_str(name)),
	trace_listen, trace_unlisten
);

TRACE_EVENT_FN(task_end,
	TP_PROTO(const struct trace_ended *e),
	TP_ARGS(e),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, kind)
		__dynamic_array(char, name, strlen(e->name) + 1)
		__field(u64, span)
	),
	TP_fast_assign(
		__entry->id = e->id;
		__entry->kind = e->kind;
		strcpy(__get_str(name), e->name);
		__entry->span = e->span;
	),
	TP_printk("id=%llu kind=%s span=%016llx name=%s", __entry->id,
		  show_kind(__entry->kind), __entry->span, __get_str(name)),
	trace_listen, trace_unlisten
);

TRACE_EVENT_FN(worker_end,
	TP_PROTO(const struct trace_ended *e),
	TP_ARGS(e),
	TP_STRUCT__entry(
		__field(u64, id)
		__dynamic_array(char, name, strlen(e->name) + 1)
		__field(u64, span)
	),
	TP_fast_assign(
		__entry->id = e->id;
		strcpy(__get_str(name), e->name);
		__entry->span = e->span;
	),
	TP_printk("id=%llu span=%016llx name=%s", __entry->id, __entry->span, __get_str(name)),
	trace_listen, trace_unlisten
);

TRACE_EVENT_FN(task_refused,
	TP_PROTO(u64 id, unsigned int kind, const char *tname, const char *tfile,
		 unsigned int line),
	TP_ARGS(id, kind, tname, tfile, line),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, kind)
		__dynamic_array(char, name, strlen(tname) + 1)
		__dynamic_array(char, file, strlen(tfile) + 1)
		__field(u32, line)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->kind = kind;
		strcpy(__get_str(name), tname);
		strcpy(__get_str(file), tfile);
		__entry->line = line;
	),
	TP_printk("id=%llu kind=%s file=%s line=%u name=%s", __entry->id,
		  show_kind(__entry->kind), __get_str(file), __entry->line, __get_str(name)),
	trace_listen, trace_unlisten
);

TRACE_EVENT(phase,
	TP_PROTO(u64 id, const char *sname, unsigned int from, unsigned int to, int err,
		 const char *text),
	TP_ARGS(id, sname, from, to, err, text),
	TP_STRUCT__entry(
		__field(u64, id)
		__dynamic_array(char, name, strlen(sname) + 1)
		__field(u32, from)
		__field(u32, to)
		__field(s32, err)
		__dynamic_array(char, cause, strlen(text) + 1)
	),
	TP_fast_assign(
		__entry->id = id;
		strcpy(__get_str(name), sname);
		__entry->from = from;
		__entry->to = to;
		__entry->err = err;
		strreplace(strcpy(__get_str(cause), text), ' ', '_');
	),
	TP_printk("id=%llu from=%s to=%s err=%d cause=%s name=%s", __entry->id,
		  show_phase(__entry->from), show_phase(__entry->to), __entry->err,
		  __get_str(cause), __get_str(name))
);

DECLARE_EVENT_CLASS(named,
	TP_PROTO(u64 id, const char *cname),
	TP_ARGS(id, cname),
	TP_STRUCT__entry(
		__field(u64, id)
		__dynamic_array(char, name, strlen(cname) + 1)
	),
	TP_fast_assign(
		__entry->id = id;
		strcpy(__get_str(name), cname);
	),
	TP_printk("id=%llu name=%s", __entry->id, __get_str(name))
);

DEFINE_EVENT(named, created, TP_PROTO(u64 id, const char *cname), TP_ARGS(id, cname));
DEFINE_EVENT(named, closer_start, TP_PROTO(u64 id, const char *cname), TP_ARGS(id, cname));
DEFINE_EVENT(named, closer_end, TP_PROTO(u64 id, const char *cname), TP_ARGS(id, cname));

TRACE_EVENT(stall,
	TP_PROTO(u64 id, const char *sname, s64 waited_ns, unsigned long tasks,
		 unsigned int workers),
	TP_ARGS(id, sname, waited_ns, tasks, workers),
	TP_STRUCT__entry(
		__field(u64, id)
		__dynamic_array(char, name, strlen(sname) + 1)
		__field(s64, waited_ns)
		__field(u64, tasks)
		__field(u32, workers)
	),
	TP_fast_assign(
		__entry->id = id;
		strcpy(__get_str(name), sname);
		__entry->waited_ns = waited_ns;
		__entry->tasks = tasks;
		__entry->workers = workers;
	),
	TP_printk("id=%llu waited_ns=%lld tasks=%llu workers=%u name=%s", __entry->id,
		  __entry->waited_ns, __entry->tasks, __entry->workers, __get_str(name))
);

#endif /* STOPPER_KMOD_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
