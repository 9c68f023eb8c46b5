// SPDX-License-Identifier: GPL-2.0
/*
 * control.c - /sys/kernel/stopper/ID/: userspace asks for, and waits for, the stop of a stopper.
 *
 * Only stoppers with STOPPER_CONTROL: their owner gives userspace the right to end them.
 *
 *   name    the name, escaped as everywhere
 *   phase   "running" ... "closing"; poll() reports each change (POLLPRI | POLLERR)
 *   tasks   how many tasks are left
 *   cause   why it stops, see stopper_stop_cause(); an empty line before that
 *   stop    write-only: begins a stop with the written text as its cause, as
 *           stopper_stop_async_because() does
 *
 * Why sysfs. A stopper is a kernel object with a lifetime, a few small values and one operation.
 * That is what a kobject is: one directory each, one value a file, poll() for changes, and an
 * owner and mode for each file. A shell and a service manager use it without a library.
 *
 *   ioctl()   needs a device, a binary struct for each version, and a program of our own
 *   netlink   has no permission for each object, drops events under load, and needs a program
 *   debugfs   is no ABI, may be off, and is locked down where it can write; the debug list stays
 *             read-only
 *
 * Why ID. Names need not be unique, and may have bytes that are no part of a file name. An id is
 * never used again while the module is loaded. stopperctl(1) looks a name up.
 *
 * Permission. Root owns the files, and "stop" has mode 0200; there is no check of a capability. The
 * mode is checked at open(), so root can pass an open file, or the file itself by chown(), to a
 * service that may stop this one stopper and nothing else. A capability would give far more. Root
 * of a user namespace does not own the files.
 *
 * A write does not wait for the stop. The removal of a file waits for its writers, so a writer
 * that waited would wait for itself. Progress and end are read from "phase".
 *
 * Lifetime. The kobject pins the memory of the stopper until it is released. kobject_del() waits
 * for the reads and writes that are under way; later ones, through files that are still open,
 * fail with ENODEV. They never run code of the owner, and none of this module's, so both modules
 * can be unloaded while files are open.
 *
 *   stop, also that of rmmod                write to "stop"           reader of "phase"
 *   phase = STOPPED                                                   poll() sleeps
 *   kobject_del():                          stop_async_because()
 *     wait                                  returns
 *   wake pollers                            ENODEV                    POLLPRI | POLLERR; ENODEV
 *   leave the debug list
 *   fire IsStopped
 *
 * So when IsStopped fires, no file is left. ENODEV after a successful open means "has stopped".
 * kernfs does not wake the pollers of a file that it removes, so this file does; STOPPED itself is
 * reported in no other way.
 *
 * Race 1: a stop ends while its stopper is still being created: its parent stops, or userspace
 * wrote to "stop" already. control_lock decides:
 *
 *   stopper_create()                        stop
 *   join the parent                         phase = STOPPED
 *   lock; STOPPED? no: add them; unlock     lock; take the kobject; unlock
 *                                           remove it
 *
 *   Either the creator sees STOPPED and adds nothing, or the stop finds the kobject.
 *
 * Race 2: a phase changes while the files are added: the change waits for control_lock, and then
 * wakes the pollers. So a poller never misses one.
 *
 * control_lock is held while files are added, which allocates memory, and while pollers are woken.
 * Stoppers without the flag do not take it. A path that memory reclaim depends on must not stop a
 * stopper that has it.
 */
#include <linux/kobject.h>
#include <linux/sysfs.h>
#include <linux/wait_bit.h>
#include "internal.h"
#include "upcalls.h"

struct control {
	struct kobject kobj;
	struct stopper *s;
	struct kernfs_node *phase;	/* its file, for poll() */
};

static struct kset *control_kset;
static atomic_t nr_controls = ATOMIC_INIT(0);	/* not yet released */
static DEFINE_MUTEX(control_lock);	/* s->plat.control, and see race 1 and 2 */

static struct stopper *control_stopper(struct kobject *kobj)
{
	return container_of(kobj, struct control, kobj)->s;
}

static ssize_t name_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", control_stopper(kobj)->name);
}

static ssize_t phase_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	enum stopper_phase phase = stopper_phase(control_stopper(kobj));

	return sysfs_emit(buf, "%s\n", stopper_phase_name(phase));
}

static ssize_t tasks_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", stopper_num_tasks(control_stopper(kobj)));
}

static ssize_t cause_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct stopper_cause cause;

	cause.text[0] = '\0';
	stopper_stop_cause(control_stopper(kobj), &cause);
	return sysfs_emit(buf, "%s\n", cause.text);
}

static ssize_t stop_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			  size_t n)
{
	struct stopper *s = control_stopper(kobj);
	int len = strcspn(buf, "\n"), err;

	if (len)
		err = stopper_stop_async_because(s, -ECANCELED, "%.*s", len, buf);
	else
		err = stopper_stop_async(s);
	return err ?: n;
}

static struct kobj_attribute name_attr = __ATTR_RO(name);
static struct kobj_attribute phase_attr = __ATTR_RO(phase);
static struct kobj_attribute tasks_attr = __ATTR_RO(tasks);
static struct kobj_attribute cause_attr = __ATTR_RO(cause);
static struct kobj_attribute stop_attr = __ATTR_WO(stop);

static struct attribute *control_attrs[] = {
	&name_attr.attr,
	&phase_attr.attr,
	&tasks_attr.attr,
	&cause_attr.attr,
	&stop_attr.attr,
	NULL,
};
ATTRIBUTE_GROUPS(control);

static void control_release(struct kobject *kobj)
{
	struct control *c = container_of(kobj, struct control, kobj);

	stopper_unpin(c->s);
	kfree(c);
	if (atomic_dec_and_test(&nr_controls))
		wake_up_var(&nr_controls);
}

static const struct kobj_type control_ktype = {
	.release = control_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = control_groups,
};

/* With control_lock held. */
static int control_add(struct stopper *s)
{
	struct control *c = kzalloc(sizeof(*c), GFP_KERNEL);
	int err;

	if (!c)
		return -ENOMEM;
	stopper_pin(s);
	atomic_inc(&nr_controls);
	c->s = s;
	c->kobj.kset = control_kset;
	err = kobject_init_and_add(&c->kobj, &control_ktype, NULL, "%llu", s->id);
	if (!err) {
		c->phase = sysfs_get_dirent(c->kobj.sd, "phase");
		err = c->phase ? 0 : -ENOMEM;
	}
	if (err)
		kobject_put(&c->kobj);
	else
		s->plat.control = c;
	return err;
}

int plat_control_open(struct stopper *s)
{
	int err = 0;

	if (!(s->flags & STOPPER_CONTROL))
		return 0;
	mutex_lock(&control_lock);
	if (stopper_phase(s) != STOPPER_STOPPED)
		err = control_add(s);
	mutex_unlock(&control_lock);
	return err;
}

void plat_control_close(struct stopper *s)
{
	struct control *c;

	if (!(s->flags & STOPPER_CONTROL))
		return;
	mutex_lock(&control_lock);
	c = s->plat.control;
	s->plat.control = NULL;
	mutex_unlock(&control_lock);
	if (!c)
		return;
	kobject_del(&c->kobj);
	sysfs_notify_dirent(c->phase);
	sysfs_put(c->phase);
	kobject_put(&c->kobj);
}

void control_phase_changed(const struct stopper *s)
{
	if (!(s->flags & STOPPER_CONTROL))
		return;
	mutex_lock(&control_lock);
	if (s->plat.control)
		sysfs_notify_dirent(s->plat.control->phase);
	mutex_unlock(&control_lock);
}

int __init control_init(void)
{
	control_kset = kset_create_and_add("stopper", NULL, kernel_kobj);
	return control_kset ? 0 : -ENOMEM;
}

/* All have been removed, but CONFIG_DEBUG_KOBJECT_RELEASE releases them later. */
void control_exit(void)
{
	wait_var_event(&nr_controls, !atomic_read(&nr_controls));
	kset_unregister(control_kset);
}
