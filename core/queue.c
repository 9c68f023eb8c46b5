// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * queue.c - the pool's queue: tasks from their push until a thread takes them, and jobs of the
 * library's own, which come first.
 *
 * Inboxes. If all that push and all that take used one lock, each task would move it from CPU to
 * CPU and back. So a thread that pushes has an inbox, chosen by its thread id, with a lock and a
 * list of its own, and the queue's lock is taken once for INBOX_MAX tasks. A push that only
 * appends to an inbox calls no thread, so another one must be sure to look there. The inbox is
 * *open* as long as that is so:
 *
 *   push, the inbox is open           push, it is closed or full
 *   its lock                          the queue's lock
 *   append to ->fresh                 what is fresh: to the ->backlog; append to that
 *   unlock                            call or start a thread; or open the inbox, with the tick
 *                                     armed (pool.c)
 *                                     unlock
 *
 *   An inbox is opened and closed under both locks. The tick closes all of them, and moves what is
 *   fresh to the backlogs. So does a thread before it sleeps, as long as one sleeps that a push
 *   could call. So an inbox is open only if the tick will come, or is closing it.
 *
 * Order. Inboxes that have tasks take turns of TURN tasks, so no task waits for another producer's
 * flood. The tasks of one producer are taken in their order: a push to the backlog moves there
 * first what is fresh. A thread may take several of them at once (batch.c), and begins them in
 * their order; another thread may then begin the task after these before it is through.
 *
 * Visibility. A queued task is visible in the queue, a running one in its thread's slot. A task
 * is admitted under the lock of its inbox or of the queue. It moves to the slot under the
 * queue's lock, or out of a batch (batch.c) under the lock of that. A reader recalls all batches
 * first:
 *
 *   push                              drain (drain.c), or a reader
 *   lock                              phase = QUIESCING; heavy barrier
 *   phase == RUNNING? append          lock; recall; what is fresh: to the backlogs
 *   unlock                            a task of s queued? watch it
 *                                     unlock
 *   take
 *   lock; pop                         no task of s queued:
 *   slot names s; watch? unpark it    look at the slots
 *   unlock
 *
 *   A push before the drain's check is found; one after it is refused: it takes the lock of an
 *   inbox that the drain has emptied, or found closed under the queue's lock, under which it was
 *   opened since. And a task that the check does not find has its slot filled.
 *
 *   A stopper counts its tasks in the backlogs (->nqueued) and has one watch for them, so a drain
 *   does not walk the tasks of other stoppers. No batch has a task of a stopper that is watched.
 *   Either the watch is cleared and its owner woken
 *   under the lock, or the owner clears it: a parker is never woken after its wait has returned.
 *
 * Visits. A reader must not count a task twice that was queued when it read the queue and has a
 * slot when it reads the slots, nor miss it. So a task gets a ticket when it is taken, and the
 * visit of the queue shows all tasks that were queued when it began: those that it finds, and those
 * that are taken before it has come to them, which their taker shows to it. In the slots the reader
 * passes over tickets of that moment and later. A ticket has 64 bits: a task may stay in its slot
 * while more than 2^31 others come and go.
 *
 *   visit                             take
 *   lock; first = ticket; unlock
 *   lock; tasks 1 to 3; unlock        lock; pop 1, 2: seen; pop 4: show it, the next is 5; unlock
 *   lock; tasks 5 to 7; unlock        in the slots: tickets from first on
 *   look at the slots for tickets
 *   below first
 *
 *   The lock is dropped after every WALK_BATCH tasks, so that it is not held, with interrupts off,
 *   for as long as the queue. Tasks that arrive in a backlog during the visit are not shown.
 */
#include "internal.h"
#include "batch.h"
#include "queue.h"
#include "upcalls.h"
#include "view.h"

#ifndef TURN
#define TURN		32
#endif

static struct inbox inboxes[INBOXES] PLAT_CACHELINE_ALIGNED;

struct pool_queue pool_queue = {
	.lock = PLAT_LOCK_INIT(pool_queue.lock),
	.first = { &pool_queue.first, &pool_queue.first },
	.turns = { &pool_queue.turns, &pool_queue.turns },
	.visits = { &pool_queue.visits, &pool_queue.visits },
	.ticket = 1,
};

/* On the stack of queue_visit(). */
struct queue_visit {
	struct stopper_list node;
	const struct stopper *s;
	visit_fn visit;
	void *arg;
	uint64_t end;			/* tasks that have arrived since are not shown */
	const struct inbox *inbox;	/* those before it were visited */
	struct stopper_list *at;	/* its next task, or its list's head */
};

void queue_inboxes_init(void)
{
	unsigned int i;

	for (i = 0; i < INBOXES; i++) {
		plat_lock_init(&inboxes[i].lock);
		slist_init(&inboxes[i].fresh);
		slist_init(&inboxes[i].backlog);
		slist_init(&inboxes[i].turn);
	}
}

/* That of this thread. */
struct inbox *queue_inbox(void)
{
	return &inboxes[(unsigned int)plat_tid() % INBOXES];
}

static uint64_t inbox_bit(const struct inbox *in)
{
	return 1ULL << (in - inboxes);
}

/* a queued task, by its node */
static struct stopper_async *task_of(struct stopper_list *n)
{
	return list_item(n, struct stopper_async, job.node);
}

/* With the queue's lock held: @in has a backlog, or is open, and takes turns with the others. */
static void inbox_take_turns(struct inbox *in)
{
	if (slist_empty(&in->turn))
		slist_append(&pool_queue.turns, &in->turn);
}

/* With the queue's lock held: @a is in a backlog now. */
static void note_arrival(struct stopper_async *a, uint64_t now)
{
	a->since = now;
	a->ticket = pool_queue.arrived++;
	async_stopper(a)->nqueued++;
	plat_store(&pool_queue.njobs, pool_queue.njobs + 1);
}

/* With the queue's lock held: to its backlog with what is fresh. */
static void inbox_empty(struct inbox *in, bool close)
{
	STOPPER_LIST(fresh);
	struct stopper_list *n;
	uint64_t now;

	if (!in->open)
		return;
	{
		lock_guard(&in->lock);
		slist_splice(&in->fresh, &fresh);
		plat_store(&in->nfresh, 0);
		if (close)
			plat_store(&in->open, false);
	}
	if (close)
		plat_store(&pool_queue.open, pool_queue.open & ~inbox_bit(in));
	if (slist_empty(&fresh))
		return;
	now = plat_coarse_time();
	list_walk(n, &fresh)
		note_arrival(task_of(n), now);
	slist_splice(&fresh, &in->backlog);
}

/* With the lock held, which is dropped after each inbox: empty all that are open. */
static void empty_inboxes(plat_flags_t *f, bool close)
{
	unsigned int i;

	for (i = 0; i < INBOXES && pool_queue.open >> i; i++) {
		if (!(pool_queue.open >> i & 1))
			continue;
		inbox_empty(&inboxes[i], close);
		plat_unlock(&pool_queue.lock, *f);
		plat_lock(&pool_queue.lock, *f);
	}
}

/* With the lock held: one batch is back in the queue. False: none is out. */
static bool recall_batch(void)
{
	STOPPER_LIST(tasks);
	const struct batch *b = batch_recall(&tasks);
	struct stopper_list *n;
	struct inbox *in;

	if (!b)
		return false;
	if (slist_empty(&tasks))
		return true;
	list_walk(n, &tasks) {
		async_stopper(task_of(n))->nqueued++;
		plat_store(&pool_queue.njobs, pool_queue.njobs + 1);
	}
	in = b->from;
	slist_splice(&in->backlog, &tasks);
	slist_splice(&tasks, &in->backlog);
	inbox_take_turns(in);
	return true;
}

/* With the lock held, which is dropped after each: no batch is out. */
void queue_recall_batches(plat_flags_t *f)
{
	/* Meanwhile none is given out, so this comes to an end. */
	pool_queue.recalls++;
	while (recall_batch()) {
		plat_unlock(&pool_queue.lock, *f);
		plat_lock(&pool_queue.lock, *f);
	}
	pool_queue.recalls--;
}

/* The same, and what is fresh is in the backlogs. */
static void gather_tasks(plat_flags_t *f)
{
	pool_queue.recalls++;
	queue_recall_batches(f);
	empty_inboxes(f, false);
	pool_queue.recalls--;
}

/* With the lock held, which may be dropped: see "Inboxes" above. */
void queue_close_inboxes(plat_flags_t *f)
{
	empty_inboxes(f, true);
}

/* With the lock held: the tick will come; the next pushes of this thread need not call anybody. */
void queue_open_inbox(void)
{
	struct inbox *in = queue_inbox();

	if (in->open)
		return;
	plat_store(&pool_queue.open, pool_queue.open | inbox_bit(in));
	inbox_take_turns(in);
	lock_guard(&in->lock);
	plat_store(&in->open, true);
}

/* With the lock held: @a is admitted, and in the backlog of this thread, after what is fresh. */
void queue_append(struct stopper_async *a)
{
	struct inbox *in = queue_inbox();

	inbox_empty(in, false);
	note_arrival(a, plat_coarse_time());
	slist_append(&in->backlog, &a->job.node);
	inbox_take_turns(in);
}

/* With the lock held: the first inbox in turn that has a backlog; it becomes the first of all. */
static struct inbox *inbox_in_turn(void)
{
	struct stopper_list *n, *next;
	struct inbox *in;

	for (n = pool_queue.turns.next; n != &pool_queue.turns; n = next) {
		next = n->next;
		in = list_item(n, struct inbox, turn);
		if (slist_empty(&in->backlog))
			inbox_empty(in, false);
		if (!slist_empty(&in->backlog)) {
			if (n->prev != &pool_queue.turns) {
				/* Those before it are the last ones now: the head moves. */
				slist_remove(&pool_queue.turns);
				slist_append(n, &pool_queue.turns);
				pool_queue.turn = 0;
			}
			return in;
		}
		if (!in->open)
			slist_remove(n);
	}
	return NULL;
}

/* Without the lock: is there a job? A look may miss what moves from an inbox meanwhile. */
bool queue_poll(void)
{
	uint64_t open = plat_load(&pool_queue.open);
	unsigned int i;

	if (plat_load(&pool_queue.njobs))
		return true;
	for (i = 0; i < INBOXES && open >> i; i++)
		if (open >> i & 1 && plat_load(&inboxes[i].nfresh))
			return true;
	return false;
}

bool queue_has_jobs(void)
{
	return pool_queue.njobs || inbox_in_turn();
}

/* The job to be taken next; NULL: there is none. */
struct stopper_job *queue_peek(void)
{
	struct inbox *in;

	if (!slist_empty(&pool_queue.first))
		return list_item(pool_queue.first.next, struct stopper_job, node);
	in = inbox_in_turn();
	return in ? &task_of(in->backlog.next)->job : NULL;
}

/* With the lock held: show @a to a visit of its stopper or of all. */
static void show_task(const struct queue_visit *v, const struct stopper_async *a)
{
	struct task_view view = { .kind = STOPPER_KIND_ASYNC };

	view.s = async_stopper(a);
	if (v->s && view.s != v->s)
		return;
	view.site = a->job.site;
	view.age = plat_coarse_age(a->since);
	v->visit(v->arg, &view);
}

/* With the lock held: a task of @s has left its backlog. */
static void note_dequeued(struct stopper *s)
{
	if (--s->nqueued || !s->queue_watch)
		return;
	plat_unpark(s->queue_watch);
	s->queue_watch = NULL;
}

/* With the lock held: @n leaves the backlog of @in. Visits that have not come to it see it now. */
static void backlog_remove(const struct inbox *in, struct stopper_list *n)
{
	struct stopper_list *pos;
	struct queue_visit *v;

	if (PLAT_UNLIKELY(!slist_empty(&pool_queue.visits)))
		list_walk(pos, &pool_queue.visits) {
			v = list_item(pos, struct queue_visit, node);
			if (in < v->inbox || (in == v->inbox && n != v->at))
				continue;
			if (in == v->inbox)
				v->at = n->next;
			if (task_of(n)->ticket < v->end)
				show_task(v, task_of(n));
		}
	slist_remove(n);
	plat_store(&pool_queue.njobs, pool_queue.njobs - 1);
	note_dequeued(async_stopper(task_of(n)));
}

/* With the lock held: the first inbox has had @n tasks more. */
static void note_turn(struct inbox *in, unsigned int n)
{
	pool_queue.turn += n;
	if (pool_queue.turn < TURN && !slist_empty(&in->backlog))
		return;
	pool_queue.turn = 0;
	slist_remove(&in->turn);
	slist_append(&pool_queue.turns, &in->turn);
}

/* @job is what queue_peek() has returned under the same hold of the lock. */
void queue_take(struct stopper_job *job)
{
	struct inbox *in;

	if (!job->ops->is_task) {
		queue_remove_job(job);
		return;
	}
	in = list_item(pool_queue.turns.next, struct inbox, turn);
	backlog_remove(in, &job->node);
	note_turn(in, 1);
}

/* Not if a drain or a wait expects that @a is taken under the queue's lock. */
static bool may_batch(const struct stopper_async *a, const struct stopper_site *site)
{
	return a->job.site == site && !a->waiters && !async_stopper(a)->queue_watch;
}

/*
 * With the lock held: up to @max tasks of one inbox and of @site, which is that of the job that the
 * caller has just taken, are the caller's batch. False: there are none.
 */
bool queue_take_batch(struct batch *b, const struct stopper_site *site, unsigned int max)
{
	STOPPER_LIST(tasks);
	struct inbox *in = list_item(pool_queue.turns.next, struct inbox, turn);
	struct stopper_list *first;
	unsigned int n;

	if (pool_queue.recalls || !slist_empty(&pool_queue.visits))
		return false;
	if (max > TURN - pool_queue.turn)
		max = TURN - pool_queue.turn;
	for (n = 0; n < max && !slist_empty(&in->backlog); n++) {
		first = in->backlog.next;
		if (!may_batch(task_of(first), site))
			break;
		backlog_remove(in, first);
		slist_append(&tasks, first);
	}
	if (!n)
		return false;
	note_turn(in, n);
	batch_give(b, &tasks, in, pool_queue.ticket);
	pool_queue.ticket += n;
	return true;
}

/* A job that the caller can run itself, as the next one to be taken. */
void queue_push_first(struct stopper_job *job)
{
	slist_push(&pool_queue.first, &job->node);
	plat_store(&pool_queue.njobs, pool_queue.njobs + 1);
}

/* A job of queue_push_first() leaves the queue. */
void queue_remove_job(struct stopper_job *job)
{
	slist_remove(&job->node);
	plat_store(&pool_queue.njobs, pool_queue.njobs - 1);
}

/* A task that this thread has pushed to the backlog leaves the queue, untaken. */
void queue_remove_task(struct stopper_async *a)
{
	backlog_remove(queue_inbox(), &a->job.node);
}

/* With the lock held, or that of a batch: the task has left the queue for slot @at of @table. */
void queue_publish_task(struct stopper_async *a, uint64_t ticket, struct slot_table *table,
			unsigned int at)
{
	struct stopper_slot *slot = &table->slot[at];
	struct stopper_async_waiter **waiters = &table->waiters[at];
	uint64_t since = a->since;

	a->ticket = ticket;
	__stopper_slot_number(slot, (unsigned int)a->ticket);
	plat_store(&table->ticket[at], a->ticket);
	plat_store(&slot->tid, slot_tid(a->nested ? STOPPER_KIND_NESTED : STOPPER_KIND_ASYNC,
					(unsigned int)plat_tid()));
	plat_store(&slot->start, since);
	__stopper_slot_fill(slot, async_stopper(a), a->job.site);
	plat_store(&a->state, a->state == ASYNC_QUEUED ? ASYNC_RUNNING : ASYNC_TELLING);
	a->table = table;
	a->at = (unsigned char)at;
	*waiters = a->waiters;
	if (*waiters)
		(*waiters)->link = waiters;
	a->waiters = NULL;
}

/* True: @a was queued, and its function will not be called. */
bool pool_cancel_task(struct stopper_async *a)
{
	plat_flags_t f;
	bool queued;

	plat_lock(&pool_queue.lock, f);
	queue_recall_batches(&f);
	queued = plat_load(&a->state) == ASYNC_QUEUED;
	if (queued)
		plat_store(&a->state, ASYNC_CANCELLED);
	plat_unlock(&pool_queue.lock, f);
	return queued;
}

/* Have @me woken when the last queued task of @s is taken. False: none is queued. */
bool queue_watch(struct stopper *s, struct plat_parker *me)
{
	plat_flags_t f;
	bool queued;

	plat_lock(&pool_queue.lock, f);
	gather_tasks(&f);
	queued = s->nqueued;
	/* Only the leader of @s waits for its tasks. */
	s->queue_watch = queued ? me : NULL;
	plat_unlock(&pool_queue.lock, f);
	return queued;
}

/* After this returns the watch of @s does not wake its owner. */
void queue_unwatch(struct stopper *s)
{
	lock_guard(&pool_queue.lock);

	s->queue_watch = NULL;
}

/* With the lock held, which may be dropped: the backlogs, one after the other. */
static void visit_backlogs(struct queue_visit *v, plat_flags_t *f)
{
	const struct stopper_async *a;
	unsigned int n = 0;

	for (; v->inbox != &inboxes[INBOXES]; v->inbox++) {
		v->at = v->inbox->backlog.next;
		while (v->at != &v->inbox->backlog) {
			a = task_of(v->at);
			if (a->ticket >= v->end)
				break;
			v->at = v->at->next;
			show_task(v, a);
			if (++n % WALK_BATCH == 0) {
				plat_unlock(&pool_queue.lock, *f);
				plat_lock(&pool_queue.lock, *f);
			}
		}
	}
}

/*
 * Call @visit for every queued task of @s (NULL: of all stoppers); it may be called on the thread
 * that takes the task. Return a ticket: a task in a slot with that ticket or a later one was
 * visited here or came later.
 */
uint64_t queue_visit(struct stopper *s, visit_fn visit, void *arg)
{
	struct queue_visit me = { .s = s, .visit = visit, .arg = arg, .inbox = inboxes };
	plat_flags_t f;
	uint64_t first;

	plat_lock(&pool_queue.lock, f);
	gather_tasks(&f);
	first = pool_queue.ticket;
	me.end = pool_queue.arrived;
	if (s ? s->nqueued : pool_queue.njobs) {
		slist_append(&pool_queue.visits, &me.node);
		visit_backlogs(&me, &f);
		slist_remove(&me.node);
	}
	plat_unlock(&pool_queue.lock, f);
	return first;
}
