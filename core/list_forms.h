/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * list_forms.h - each record of the debug list, once: its text, with the fields in it.
 *
 * list_formats.h makes formats for printf() of it, user/debuglist/ its reader and its JSON, and
 * user_debuglist_page.c compares it with stopper-debuglist(5). An includer defines what a field is
 * to it. @json is the member of the field in JSON, @member that of the reader's structure, and
 * @word stands for the field in the manual page.
 *
 *   TEXT(text)                        as it stands
 *   NUMBER(member, json, word)        a count, a thread's or a stopper's number
 *   ERROR(member, json)               a negative number
 *   SECONDS(member, json)             a time
 *   QUOTED(member, json, word)        a name, quoted and escaped
 *   WORD(member, json, word)          a word
 *   STATE(member, json, word)         a word and a blank, or nothing
 *   SYMBOL(member, json, word)        the rest of the line
 *   SITE(member)                      FILE:LINE FUNCTION
 *   ORIGIN(member)                    FILE:LINE FUNCTION by thread TID "COMM"
 *   OPTION(form)                      what may be missing; it begins with a TEXT()
 *   PART(json, form)                  the same, an object of its own in JSON
 *
 * A field is added to the form of its record here, to the arguments of the form in report.c, to the
 * structure in user/debuglist/debuglist.h, to the manual page and to user_debuglist.c. That and
 * user_debuglist_page.c fail if one is forgotten. user/debugger/stopper_list.py, which cannot call
 * the core, is compared with it by user_crash.sh.
 */

/* The counts in a stopper's first line, and what they are. COUNT_IF_ANY() is missing if it is 0. */
#define LIST_COUNTS(COUNT, COUNT_IF_ANY)						\
	COUNT(tasks, "Tasks that run or are queued.")					\
	COUNT(queued, "Tasks that have no thread yet.")					\
	COUNT(workers, "Workers that run.")						\
	COUNT(closers, "Closers that have not ended.")					\
	COUNT(closed, "Closers that have ended.")					\
	COUNT(contexts, "Contexts made for the stopper that have not been freed.")	\
	COUNT(waiters, "Callers that wait for a semaphore, or for the end of a pause.")	\
	COUNT_IF_ANY(refused, "Tasks that were refused.")				\
	COUNT_IF_ANY(dropped, "Accepted tasks that were dropped from the queue by a quiesce.")

/* A stopper; LIST_COUNTS() follows. */
#define LIST_STOPPER									\
	TEXT("stopper ") NUMBER(id, "id", ID) TEXT(" ") QUOTED(name, "name", NAME) TEXT(": ") \
	WORD(phase, "phase", PHASE) TEXT(" for ") SECONDS(phase_age, "phase_seconds")	\
	TEXT(", age ") SECONDS(age, "age_seconds")

/* Of a stopper, two blanks deep. */
#define LIST_CREATED									\
	TEXT("created at ") ORIGIN(created)
#define LIST_CHILD									\
	TEXT("child of ") NUMBER(parent_id, "id", ID) TEXT(" ") QUOTED(parent, "name", NAME)
#define LIST_PAUSED									\
	TEXT("paused at ") ORIGIN(paused) TEXT(", ") SECONDS(paused.ago, "seconds_ago") TEXT(" ago")
#define LIST_CAUSE									\
	TEXT(", because ") QUOTED(cause, "cause", CAUSE)				\
	TEXT(" (") ERROR(cause_err, "error") TEXT(")")
#define LIST_STOP_ASKED									\
	TEXT("stop asked at ") ORIGIN(stop_asked) TEXT(", ")				\
	SECONDS(stop_asked.ago, "seconds_ago") TEXT(" ago") OPTION(LIST_CAUSE)
#define LIST_STOP_NOT_ASKED								\
	TEXT("stop not asked")
#define LIST_FAILED									\
	TEXT("failed ") ERROR(error, "error") TEXT(" ") QUOTED(failed, "name", NAME)	\
	TEXT(" at ") ORIGIN(failed_at) TEXT(", ") SECONDS(failed_at.ago, "seconds_ago") TEXT(" ago")
#define LIST_TIMERS									\
	TEXT("timers ") NUMBER(timers, "count", N) TEXT(", next ") QUOTED(timer, "next", NAME) \
	TEXT(" at ") SITE(timer_at) TEXT(", due in ") SECONDS(timer_due, "due_seconds")
#define LIST_NESTED									\
	TEXT("nested ") NUMBER(nested, "nested", N)

/* These records in their order; an array in JSON is not among them. */
#define LIST_OF_STOPPER(RECORD)								\
	RECORD("created", LIST_CREATED)							\
	RECORD("parent", LIST_CHILD)							\
	RECORD("paused", LIST_PAUSED)							\
	RECORD("stop_asked", LIST_STOP_ASKED)						\
	RECORD(NULL, LIST_STOP_NOT_ASKED)						\
	RECORD("failed", LIST_FAILED)							\
	RECORD("timers", LIST_TIMERS)							\
	RECORD(NULL, LIST_NESTED)

/* A semaphore for which callers wait. */
#define LIST_SEM_NAME									\
	TEXT(" ") QUOTED(name, "name", NAME)
#define LIST_SEM_FIRST									\
	TEXT(", first ") QUOTED(task, "name", TASK) TEXT(" at ") SITE(at)		\
	TEXT(" by thread ") NUMBER(tid, "tid", TID) TEXT(" for ") SECONDS(waited, "seconds")
#define LIST_SEM									\
	TEXT("semaphore") OPTION(LIST_SEM_NAME) TEXT(": held ") NUMBER(held, "held", N)	\
	TEXT(" of ") NUMBER(capacity, "capacity", N)					\
	TEXT(", waiters ") NUMBER(waiters, "waiters", N) PART("first", LIST_SEM_FIRST)

/* A call site; @kind is task, worker or closer, @at LIST_AT or LIST_NO_AT. */
#define LIST_AT										\
	TEXT(" at ") SITE(at)
#define LIST_NO_AT
#define LIST_GROUP(kind, at)								\
	kind TEXT(" ") NUMBER(count, "count", N) TEXT(" ") QUOTED(name, "name", NAME) at	\
	TEXT(", oldest ") SECONDS(oldest, "oldest_seconds")

/* Of a call site, four blanks deep. */
#define LIST_QUEUED									\
	TEXT("queued ") NUMBER(queued, "queued", N)
#define LIST_COMM									\
	TEXT(" ") QUOTED(comm, "comm", COMM)
#define LIST_LABEL									\
	TEXT(" label ") QUOTED(label, "label", LABEL)
#define LIST_WHERE									\
	TEXT(" in ") SYMBOL(wchan, "wchan", WHERE)
#define LIST_THREAD									\
	TEXT("thread ") NUMBER(tid, "tid", TID) OPTION(LIST_COMM) TEXT(" ")		\
	STATE(state, "state", STATE) TEXT("for ") SECONDS(age, "seconds")		\
	OPTION(LIST_LABEL) OPTION(LIST_WHERE)
#define LIST_MORE									\
	TEXT("and ") NUMBER(more, "more", N) TEXT(" more")

/* Of a thread, six blanks deep. */
#define LIST_STACK									\
	TEXT("stack ") SYMBOL(frame, NULL, SYMBOL+OFFSET/SIZE)

/* Of the list, under its last stopper. */
#define LIST_TASKS_MORE									\
	TEXT("and ") NUMBER(tasks_more, "tasks_more", N) TEXT(" tasks more")
