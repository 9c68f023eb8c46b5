// SPDX-License-Identifier: GPL-2.0
/*
 * unload.c - modules that are unloaded while the stopper knows them.
 *
 * Lent functions. A module may start async tasks and workers, and add closers, on a stopper that
 * belongs to another module. It is pinned (try_module_get()) until its function has returned;
 * rmmod then fails because the module is in use. The owner of a stopper is not pinned: it stops
 * the stopper in its exit function.
 *
 *   thread of the stopper               rmmod
 *   function returns to stopper.ko
 *   not counted, not listed any more
 *   module_put()                        may begin; readers of the list are in
 *                                       rcu_read_lock() sections, and memory is freed
 *                                       after a grace period
 *
 * A module that has not stopped its stopper. Its exit function has run, its code is about to be
 * freed, and its tasks may still run. The notifier is called with the rwsem of the notifier chain
 * held, so it must not wait: a task that registers such a notifier, or loads a module, would wait
 * for it, and so would every other module. But free_module() first removes the module from sysfs
 * and waits, with no lock held, until the last reference to its kobject is dropped. So the
 * notifier takes a reference, and a work item drops it when the stoppers have stopped:
 *
 *   rmmod, or an init that failed       work item
 *   notifiers: kobject_get(); queue
 *   free_module(): wait for kobject     stopper_stop(), stopper_wait_unled() for each
 *                                       orphan the remaining tasks; kobject_put()
 *   free text and data
 *
 * Without sysfs there is no such reference, and the notifier itself waits.
 *
 * Other tasks of the module: synchronous tasks and handles on the stoppers of other modules. They
 * cannot be ended on its behalf, but their sites are in memory that is about to be freed. So each
 * is reported once, and from then on has unloaded_site as its site. A slot may be reused for
 * another task meanwhile, so its site is replaced only if it is still in the module. A record
 * that is itself in the module's memory is removed from its list: it can no longer be ended.
 */
#include <linux/module.h>
#include <linux/kobject.h>
#include "internal.h"
#include "span.h"
#include "upcalls.h"

static const struct stopper_site unloaded_site = {
	.name = "(its module was unloaded)",
	.file = "?",
	.func = "?",
};

bool plat_module_get(struct stopper *s, struct module *module, struct module **fn_module)
{
	*fn_module = NULL;
	if (!module || module == s->owner)
		return true;
	if (!try_module_get(module))
		return false;
	*fn_module = module;
	return true;
}

static void orphan_report(struct module *mod, const struct stopper_site *site)
{
	char name[STOPPER_NAME_SHOWN + 1], file[64];

	name_escape(name, sizeof(name), site->name);
	name_escape_tail(file, sizeof(file), site->file ?: "?");
	stopper_log(NULL, STOPPER_LOG_ERR,
		    "module %s unloaded with task \"%s\" (%s:%u) still running",
		    module_name(mod), name, file, site->line);
}

static bool in_module(const void *p, struct module *mod)
{
	return within_module((unsigned long)p, mod);
}

static void module_orphan_slot(struct stopper_slot *slot, struct module *mod)
{
	const struct stopper_site *site = READ_ONCE(slot->site);

	if (!READ_ONCE(slot->stopper) || !in_module(site, mod))
		return;
	/* cmpxchg() is fully ordered; only the atomic replacement is needed, against a reuse. */
	if (cmpxchg(&slot->site, site, &unloaded_site) == site)
		orphan_report(mod, site);
}

static void module_orphan_listed(struct stopper_task *task, void *arg)
{
	const struct stopper_site *site = task->own.site;
	struct module *mod = arg;

	if (!in_module(site, mod))
		return;
	orphan_report(mod, site);
	WRITE_ONCE(task->own.site, &unloaded_site);
	if (task->span)
		task->span->site = &unloaded_site;
	if (in_module(task, mod))
		task_end_listed(task);
}

static void module_orphan_tasks(struct module *mod)
{
	struct slot_table *t = NULL;
	unsigned int i;

	while ((t = slots_walk(t, true)))
		for (i = 0; i < SLOTS; i++)
			module_orphan_slot(&t->slot[i], mod);
	tasks_walk_all_lists(module_orphan_listed, mod);
}

/* Stops each stopper of the module, until no function of the module can run for one. */
static void module_stop_owned(struct module *mod)
{
	struct stopper *s;

	while ((s = registry_find_owned(mod))) {
		/* A stopped one may still have callbacks to run. That is not an error. */
		if (stopper_phase(s) != STOPPER_STOPPED)
			stopper_log(s, STOPPER_LOG_ERR,
				    "module %s unloaded without stopping \"%s\"; stopping it now",
				    module_name(mod), s->name);
		stopper_stop(s, NULL);
		stopper_wait_unled(s);
		stopper_unpin(s);
	}
	module_orphan_tasks(mod);
}

struct unload_work {
	struct work_struct work;
	struct module *mod;
};

static void unload_work_fn(struct work_struct *work)
{
	struct unload_work *w = container_of(work, struct unload_work, work);
	struct kobject *kobj = &w->mod->mkobj.kobj;

	module_stop_owned(w->mod);
	kfree(w);
	/* The last use of the module, which may be freed at once. */
	kobject_put(kobj);
}

static void module_stop_later(struct module *mod)
{
	struct unload_work *w = kmalloc(sizeof(*w), GFP_KERNEL | __GFP_NOFAIL);

	INIT_WORK(&w->work, unload_work_fn);
	w->mod = mod;
	kobject_get(&mod->mkobj.kobj);
	queue_work(stopper_wq, &w->work);
}

static int module_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct module *mod = data;
	struct stopper *s;

	if (action != MODULE_STATE_GOING)
		return NOTIFY_DONE;
	s = registry_find_owned(mod);
	if (!s)
		module_orphan_tasks(mod);
	else if (IS_ENABLED(CONFIG_SYSFS))
		module_stop_later(mod);
	else
		module_stop_owned(mod);
	if (s)
		stopper_unpin(s);
	return NOTIFY_OK;
}

static struct notifier_block module_nb = {
	.notifier_call = module_notify,
};

int unload_init(void)
{
	return register_module_notifier(&module_nb);
}

void unload_exit(void)
{
	unregister_module_notifier(&module_nb);
}
