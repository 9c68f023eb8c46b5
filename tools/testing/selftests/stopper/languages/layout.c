// SPDX-License-Identifier: GPL-2.0
/*
 * layout.c - the structures that bindings declare themselves: sizes and offsets in the headers.
 */
#include <stdio.h>
#include <stopper/main.h>
#include <stopper/stopper.h>

#define SIZE(name)	printf("%s size %zu\n", #name, sizeof(struct stopper_##name))
#define FIELD(name, f)	printf("%s %s %zu\n", #name, #f, offsetof(struct stopper_##name, f))

int main(void)
{
	printf("LAYOUT %d\n", STOPPER_LAYOUT);
	SIZE(site);
	FIELD(site, name);
	FIELD(site, file);
	FIELD(site, func);
	FIELD(site, owner);
	FIELD(site, line);
	FIELD(site, layout);
	SIZE(options);
	FIELD(options, size);
	FIELD(options, flags);
	FIELD(options, reserved);
	FIELD(options, on_panic);
	FIELD(options, on_panic_arg);
	FIELD(options, log);
	FIELD(options, log_arg);
	FIELD(options, stall_ns);
	FIELD(options, stall_max_ns);
	FIELD(options, parent);
	FIELD(options, owner);
	FIELD(options, stack_size);
	SIZE(main_options);
	FIELD(main_options, size);
	FIELD(main_options, signals);
	FIELD(main_options, nsignals);
	FIELD(main_options, reserved);
	FIELD(main_options, lame_duck_ns);
	FIELD(main_options, grace_ns);
	FIELD(main_options, ready);
	FIELD(main_options, before_quiesce);
	FIELD(main_options, on_remaining);
	FIELD(main_options, arg);
	SIZE(cause);
	FIELD(cause, err);
	FIELD(cause, line);
	FIELD(cause, text);
	FIELD(cause, file);
	FIELD(cause, func);
	SIZE(result_info);
	FIELD(result_info, err);
	FIELD(result_info, tid);
	FIELD(result_info, line);
	FIELD(result_info, name);
	FIELD(result_info, file);
	FIELD(result_info, func);
	SIZE(task_info);
	FIELD(task_info, name);
	FIELD(task_info, func);
	FIELD(task_info, file);
	FIELD(task_info, line);
	FIELD(task_info, tid);
	FIELD(task_info, count);
	FIELD(task_info, oldest_ns);
	FIELD(task_info, label);
	SIZE(task);
	SIZE(sem);
	return 0;
}
