// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - the module: init and exit, /sys/kernel/debug/stopper, devices.
 *
 * Each open of the debug file generates the list anew (report_all()). seq_file holds the whole
 * text. So a reader sees one moment however slowly it reads, and no lock is held between reads.
 * While the file is open the module cannot be unloaded.
 */
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/init.h>
#include <linux/seq_file.h>
#include <stopper/device.h>
#include "internal.h"
#include "report.h"
#include "upcalls.h"

struct workqueue_struct *stopper_wq;
static struct dentry *debug_file;

static void debug_seq_line(void *arg, const char *line)
{
	struct seq_file *m = arg;

	seq_puts(m, line);
	seq_putc(m, '\n');
}

static int debug_show(struct seq_file *m, void *v)
{
	struct line_sink out = { .line = debug_seq_line, .arg = m };

	return report_all(&out);
}

/* An estimate: if a text does not fit, seq_file generates it again into twice the memory. */
static int debug_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, debug_show, NULL, report_size());
}

static const struct file_operations debug_fops = {
	.owner = THIS_MODULE,
	.open = debug_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

static void keeper_work_fn(struct work_struct *work)
{
	if (keeper_run())
		queue_work(stopper_wq, work);
}

DECLARE_WORK(keeper_work, keeper_work_fn);

int stopper_ctx_with_kill(struct stopper_ctx *parent, struct stopper_ctx **out)
{
	int err = stopper_ctx_with_cancel(parent, out);

	if (!err)
		ctx_make_killable(*out);
	return err;
}
EXPORT_SYMBOL_GPL(stopper_ctx_with_kill);

static void devm_stopper_stop(void *data)
{
	struct stopper *s = data;

	stopper_stop(s, NULL);
	stopper_put(s);
}

int __devm_stopper_create(struct device *dev, struct stopper **out, const char *name,
			  const struct stopper_options *opts, const struct stopper_site *site)
{
	struct stopper *s;
	int err;

	if (!dev || !out)
		return -EINVAL;
	err = __stopper_create(&s, name, opts, site);
	if (err)
		return err;
	/* The driver core holds the device lock around devm_stopper_stop(). */
	s->flags |= STOPPER_NO_FREEZE;
	err = devm_add_action_or_reset(dev, devm_stopper_stop, s);
	if (!err)
		*out = s;
	return err;
}
EXPORT_SYMBOL_GPL(__devm_stopper_create);

static int __init stopper_init(void)
{
	int err;

	err = slots_init();
	if (err)
		return err;
	stopper_wq = alloc_workqueue("stopper", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!stopper_wq) {
		err = -ENOMEM;
		goto err_wq;
	}
	pool_init();
	err = threads_init();
	if (err)
		goto err_threads;
	err = control_init();
	if (err)
		goto err_control;
	err = unload_init();
	if (err)
		goto err_notifier;
	if (IS_ENABLED(CONFIG_STOPPER_DEBUG_FS))
		debug_file = debugfs_create_file("stopper", 0400, NULL, NULL, &debug_fops);
	return 0;

err_notifier:
	control_exit();
err_control:
	threads_exit();
err_threads:
	destroy_workqueue(stopper_wq);
err_wq:
	slots_exit();
	return err;
}

static void __exit stopper_exit(void)
{
	debugfs_remove(debug_file);
	unload_exit();
	control_exit();
	/* All stops have ended, but the keeper's work item may still be running. */
	flush_work(&keeper_work);
	pool_exit();
	threads_exit();
	pool_slots_exit();
	spans_exit();
	destroy_workqueue(stopper_wq);
	slots_exit();
}

/* Built in: before the first driver that may create a stopper. */
subsys_initcall(stopper_init);
module_exit(stopper_exit);

MODULE_DESCRIPTION("Ordered shutdown and task tracking");
MODULE_AUTHOR("The stopper authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
