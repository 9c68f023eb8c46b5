// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_plugin.c - the library is loaded by a plugin, and the plugin is unloaded.
 *
 * This program is not linked with the library: the first plugin loads it, and it stays, with its
 * threads, after that plugin is unloaded. Once a plugin's stopper has stopped, the library reads
 * nothing of the plugin's memory: neither the sites of its tasks nor the names of its closers. One
 * plugin is loaded and unloaded here while a second copy prints the debug list all the time.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/plugin.h"
#include "kselftest_harness.h"

#define ROUNDS	300

struct plugin {
	void *so;
	__typeof__(plugin_begin) *begin;
	__typeof__(plugin_end) *end;
	__typeof__(plugin_list) *list;
	__typeof__(plugin_record) *record;
};

static bool load(struct plugin *p, const char *name)
{
	char path[4096];
	const char *folder = getenv("STOPPER_TEST_OUT");

	snprintf(path, sizeof(path), "%s/%s", folder ? folder : ".", name);
	p->so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!p->so) {
		printf("# %s\n", dlerror());
		return false;
	}
	p->begin = (__typeof__(p->begin))dlsym(p->so, "plugin_begin");
	p->end = (__typeof__(p->end))dlsym(p->so, "plugin_end");
	p->list = (__typeof__(p->list))dlsym(p->so, "plugin_list");
	p->record = (__typeof__(p->record))dlsym(p->so, "plugin_record");
	return p->begin && p->end && p->list && p->record;
}

/* Is a file of this name mapped? */
static bool mapped(const char *name)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[4096];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, name);
	if (f)
		fclose(f);
	return found;
}

TEST(library_stays_when_the_plugin_that_brought_it_goes)
{
	struct plugin p;
	char *list;
	int round;

	ASSERT_FALSE(mapped("libstopper.so"));
	for (round = 0; round < 20; round++) {
		ASSERT_TRUE(load(&p, "plugin_a.so"));
		ASSERT_EQ(p.begin(), 0);
		list = p.list();
		ASSERT_NE(list, NULL);
		EXPECT_NE(strstr(list, "plugin async"), NULL);
		free(list);
		ASSERT_EQ(p.end(), 0);
		ASSERT_EQ(dlclose(p.so), 0);
		EXPECT_FALSE(mapped("plugin_a.so"));
		EXPECT_TRUE(mapped("libstopper.so"));
	}
}

struct reader {
	struct plugin p;
	int over, lists, wrong;
};

static void *read_lists(void *arg)
{
	struct reader *r = arg;
	char *list;

	while (!__atomic_load_n(&r->over, __ATOMIC_ACQUIRE)) {
		list = r->p.list();
		r->wrong |= !list;
		free(list);
		__atomic_add_fetch(&r->lists, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void come_and_go(struct __test_metadata *_metadata, bool record)
{
	struct reader r = { .over = 0 };
	pthread_t thread;
	struct plugin p;
	int round;

	ASSERT_TRUE(load(&r.p, "plugin_b.so"));
	if (record)
		ASSERT_EQ(r.p.record(true), 0);
	ASSERT_EQ(pthread_create(&thread, NULL, read_lists, &r), 0);
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_TRUE(load(&p, "plugin_a.so"));
		ASSERT_EQ(p.begin(), 0);
		ASSERT_EQ(p.end(), 0);
		ASSERT_EQ(dlclose(p.so), 0);
	}
	EXPECT_FALSE(mapped("plugin_a.so"));
	__atomic_store_n(&r.over, 1, __ATOMIC_RELEASE);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	EXPECT_EQ(r.wrong, 0);
	EXPECT_GT(r.lists, 0);
	if (record)
		ASSERT_EQ(r.p.record(false), 0);
}

TEST(list_is_read_while_plugins_come_and_go)
{
	come_and_go(_metadata, false);
}

TEST(plugins_come_and_go_while_it_is_recorded)
{
	come_and_go(_metadata, true);
}

TEST_HARNESS_MAIN
