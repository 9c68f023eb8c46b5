/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * fuzz_api.h - the objects that the calls of a plan use, and where in the plan we are.
 */
#ifndef STOPPER_FUZZ_API_H
#define STOPPER_FUZZ_API_H

#include <semaphore.h>
#include "plan.h"

struct own_closer {
	struct stopper_closer closer;
	int id;
};

/* A task's record, whatever its kind. */
struct own_task {
	struct stopper_task handle;
	struct stopper_event gate;
	struct stopper_timer timer;
	struct stopper_async async;
	sem_t over;
	int id, site, runs;
	int label;			/* that it gives itself, or 0 */
	int ends, status;		/* of a record: calls of done(), and its last status */
};

struct real {
	struct stopper *s[NSTOPPERS];
	struct stopper_ctx *ctx[NCTXS];
	struct stopper_event ev[NEVENTS];
	struct stopper_on_fire record[NRECORDS];
	struct stopper_sem sem[NSEMS];
	struct own_closer closer[NCLOSERS];
	struct own_task task[NTASKS];
	struct stopper_timer timer[NSTOPPERS];
	struct stopper_site site[NSITES];
	char shown[NSTOPPERS][STOPPER_NAME_SHOWN + 8];
	char label[NLABELS][STOPPER_LABEL_SHOWN + 8];
};

extern struct plan plan;
extern int at;				/* in the plan */
extern struct real real;

/* The text of cause number N, in which a byte is escaped. */
#define WHY	"why \t%d"
#define SHOWN	"why \\t%d"

/* fuzz_api.c */
void fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void perform(void);

/* fuzz_call.c */
int make_call(const struct step *st);
struct stopper_event *event_of(int ev);
int err_of(int n);
int set_label(struct stopper_task *task, int n);

/* fuzz_list.c */
bool list_is_printable(const char *text, size_t len);
const char *list_differs(const struct step *end);
bool label_differs(const struct m_group *g, const char *label);

/* fuzz_back.c */
void sync_task(struct stopper_ctx *ctx, void *arg);
int sync_task_err(struct stopper_ctx *ctx, void *arg);
void joined_task(struct stopper_ctx *ctx, void *arg);
int joined_task_err(struct stopper_ctx *ctx, void *arg);
void held_task(struct stopper_ctx *ctx, void *arg);
void never_due(struct stopper_ctx *ctx, void *arg);
int record_task(struct stopper_ctx *ctx, struct stopper_async *async);
int held_record_task(struct stopper_ctx *ctx, struct stopper_async *async);
void record_done(struct stopper_async *async, int status);
void worker(struct stopper_ctx *ctx, void *arg);
void closer_embedded(struct stopper_closer *closer);
void closer_plain(void *arg);
void on_fire(struct stopper_on_fire *of, void *arg);
void on_panic(void *arg, const struct stopper_panic_info *info);
void on_log(void *arg, int level, const char *line);

#endif /* STOPPER_FUZZ_API_H */
