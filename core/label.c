// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * label.c - labels: which request, of all tasks of a site, a task is.
 *
 * A label belongs to a slot. Its memory is allocated with the first label of the slot and then
 * stays: slots of tables are never freed while they may be read. A slot on a list is in the
 * memory of its task, so its label is freed when the task leaves the list, under the lock of the
 * list, under which it is read, too. A task that has no label costs nothing: neither its begin
 * nor its end looks at the pointer.
 *
 * So the label of an earlier task is still in the slot. A label has the number of its task, as
 * the slot has (race 5 of task.c), and a reader takes it only for that one:
 *
 *   label of task q                   reader that has seen task q
 *   ->version odd                     v = ->version; even?             (T)
 *   store barrier           (T)       read ->task and the text
 *   ->task = q; text                  load barrier                     (T)
 *   ->version even, new     (T)       ->version == v? ->task == q?
 *
 *   A reader that sees a part of a new label finds that the version has changed. The number of
 *   the task does not tell: it is the same when a task replaces its label. If the writer dies
 *   in between, the version stays odd until the slot's next label.
 *
 * The owner of a task writes its label, one thread at a time. The next task of the slot comes
 * after the end of this one, (E) of task.c.
 *
 * Ordered accesses
 *   (T) ->version and slot->label. The releases pair with the acquires in label_read(), the
 *       store barrier with its load barrier. Guarantees: a reader that finds the same even
 *       version before and after has read one label.
 */
#include "internal.h"
#include "label.h"
#include "upcalls.h"

#define LABEL_WORDS	((STOPPER_LABEL_SHOWN + 1) / sizeof(unsigned long))

const char no_label[STOPPER_LABEL_SHOWN + 1];

struct stopper_label {
	unsigned int version;		/* odd while it is written */
	unsigned int task;		/* the number of its task */
	unsigned long text[LABEL_WORDS];
};

_Static_assert(sizeof(struct stopper_label) <= 128, "see plat_alloc_cached()");
_Static_assert((STOPPER_LABEL_SHOWN + 1) % sizeof(unsigned long) == 0, "whole words");

static void label_write(struct stopper_label *l, unsigned int seq, const unsigned long *text)
{
	unsigned int version = plat_load(&l->version) | 1, i;

	plat_store(&l->version, version);
	/* (T) pairs with label_read(): a new word means a changed version */
	__stopper_store_barrier();
	plat_store(&l->task, seq);
	for (i = 0; i < LABEL_WORDS; i++)
		plat_store(&l->text[i], text[i]);
	/* (T) pairs with label_read(): the text is whole */
	plat_store_release(&l->version, version + 1);
}

/* The label of task @seq in @slot; "": it has none, or the task has changed. */
void label_read(struct stopper_slot *slot, unsigned int seq, char *out)
{
	/* (T) pairs with label_set(): a label is seen initialized */
	struct stopper_label *l = plat_load_acquire(&slot->label);
	unsigned long text[LABEL_WORDS];
	unsigned int i, version;

	out[0] = '\0';
	if (!l)
		return;
	/* (T) pairs with label_write(): what follows is of this version or newer */
	version = plat_load_acquire(&l->version);
	if (version & 1 || plat_load(&l->task) != seq)
		return;
	for (i = 0; i < LABEL_WORDS; i++)
		text[i] = plat_load(&l->text[i]);
	/* (T) pairs with the store barrier there: a newer word means a newer version */
	plat_load_barrier();
	if (plat_load(&l->version) == version)
		memcpy(out, text, sizeof(text));
}

/* Label the task in @slot, which its owner keeps, with @text. */
int label_set(struct stopper_slot *slot, const char *text)
{
	struct stopper_label *l = plat_load(&slot->label);
	unsigned long shown[LABEL_WORDS] = { 0 };
	unsigned int seq = plat_load(&slot->seq);

	name_escape((char *)shown, sizeof(shown), text);
	if (l) {
		label_write(l, seq, shown);
		return 0;
	}
	l = plat_alloc_cached(sizeof(*l), false);
	if (!l)
		return -ENOMEM;
	label_write(l, seq, shown);
	/* (T) pairs with label_read() */
	plat_store_release(&slot->label, l);
	return 0;
}

/* Of a slot that is not read any more. Any context. */
void label_free(struct stopper_slot *slot)
{
	if (PLAT_UNLIKELY(slot->label))
		plat_free_cached(slot->label);
}

void labels_free(struct slot_table *t)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		label_free(&t->slot[i]);
}
