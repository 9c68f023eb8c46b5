// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_debuglist_page.c - stopper-debuglist(5) has the form of each record and each member in JSON,
 * and no other ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include "debuglist/debuglist.h"
#include "env/list_notation.h"
#include "kselftest_harness.h"

/* kselftest's runner preloads stdbuf's library, and ASan wants to be the first. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "verify_asan_link_order=0";
}

/* In the order of the page. */
static const char *const forms[] = {
	LIST_STOPPER LIST_COUNTS(COUNT, COUNT),
	LIST_OF_STOPPER(RECORD)
	"  " LIST_SEM,
	"  " LIST_GROUP("task", LIST_AT),
	"    " LIST_QUEUED,
	"    " LIST_THREAD,
	"      " LIST_STACK,
	"    " LIST_MORE,
	"  " LIST_GROUP("worker", LIST_AT),
	"  " LIST_GROUP("closer", LIST_NO_AT),
	"  " LIST_TASKS_MORE,
};

/* The n-th literal block of stopper-debuglist(5), continued lines joined; NULL: no page here. */
static char *literal_block(int n)
{
	const char *top = getenv("STOPPER_TOP");
	char path[512], line[256], *text = NULL;
	bool inside = false;
	size_t size;
	FILE *f, *out;

	snprintf(path, sizeof(path), "%s/user/man/stopper-debuglist.5", top ? top : ".");
	f = fopen(path, "re");
	if (!f)
		return NULL;
	out = open_memstream(&text, &size);
	while (fgets(line, sizeof(line), f)) {
		if (!strcmp(line, ".Ed\n"))
			inside = false;
		line[strcspn(line, "\n")] = '\0';
		if (inside && ftell(out))
			fputs(strspn(line, " ") == 8 ? " " : "\n", out);
		if (inside)
			fputs(line + (strspn(line, " ") == 8 ? 8 : 0), out);
		if (!strcmp(line, ".Bd -literal"))
			inside = !n--;
	}
	fputc('\n', out);
	fclose(out);
	fclose(f);
	return text;
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!strncmp(text, line, len) && text[len] == '\n')
			return true;
	}
	return false;
}

/* NULL: none is. */
static const char *missing_form(const char *block)
{
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (!has_line(block, forms[i]))
			return forms[i];
	return NULL;
}

/* The block of forms as a list: what the words in capitals stand for in their place. */
static char *example_of(const char *block)
{
	static const struct { const char *word, *value; } values[] = {
		{ "ID", "1" }, { "TID", "2" }, { "N", "3" }, { "T", "1.500s" },
		{ "LINE", "7" }, { "ERROR", "-5" },
	};
	char *text = NULL, word[32];
	size_t size, len, i;
	FILE *out = open_memstream(&text, &size);

	for (; *block; block += len) {
		if (!strncmp(block, "    thread ...\n", 15)) {
			len = 15;
			continue;
		}
		len = strspn(block, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
		snprintf(word, sizeof(word), "%.*s", (int)len, block);
		for (i = 0; len && i < 6 && strcmp(word, values[i].word); i++)
			;
		if (len && i < 6)
			fputs(values[i].value, out);
		else if (len)
			fputs(word, out);
		else
			fputc(*block, out);
		len += !len;
	}
	fclose(out);
	return text;
}

TEST(the_manual_page_has_the_forms_of_all_records)
{
	char *block = literal_block(0);
	const char *missing;

	if (!block)
		SKIP(return, "no stopper-debuglist.5 here");
	missing = missing_form(block);
	EXPECT_EQ(missing, NULL)
		TH_LOG("not in stopper-debuglist(5): %s", missing ? missing : "");
	free(block);
}

TEST(every_form_of_the_manual_page_is_read)
{
	char *block = literal_block(0), *text;
	struct debug_list *l;
	size_t line;

	if (!block)
		SKIP(return, "no stopper-debuglist.5 here");
	text = example_of(block);
	debug_list_parse(text, strlen(text), &l, &line);
	ASSERT_NE(l, NULL) TH_LOG("%s", text);
	EXPECT_EQ(l->odd_line, 0) TH_LOG("%s", text);
	EXPECT_EQ(l->nr_stoppers, 1);
	debug_list_free(l);
	free(text);
	free(block);
}

/* In both: the same members, of objects in the same places; NULL, or one that only one has. */
static const char *other_member(json_t *a, json_t *b)
{
	const char *key, *other;
	json_t *value;

	if (json_is_array(a) && json_is_array(b))
		return other_member(json_array_get(a, 0), json_array_get(b, 0));
	if (!json_is_object(a) || !json_is_object(b))
		return NULL;
	json_object_foreach(b, key, value)
		if (!json_object_get(a, key))
			return key;
	json_object_foreach(a, key, value) {
		if (!json_object_get(b, key))
			return key;
		other = other_member(value, json_object_get(b, key));
		if (other)
			return other;
	}
	return NULL;
}

TEST(the_manual_page_has_all_members_in_json)
{
	char *block = literal_block(0), *example = literal_block(1), *text;
	json_t *documented, *got;
	struct debug_list *l;
	size_t line;

	if (!block)
		SKIP(return, "no stopper-debuglist.5 here");
	text = example_of(block);
	documented = json_loads(example, 0, NULL);
	ASSERT_NE(documented, NULL);
	debug_list_parse(text, strlen(text), &l, &line);
	ASSERT_NE(l, NULL);
	got = debug_list_json(l);
	EXPECT_EQ(other_member(documented, got), NULL)
		TH_LOG("not in both: %s", other_member(documented, got));
	json_decref(got);
	json_decref(documented);
	debug_list_free(l);
	free(text);
	free(example);
	free(block);
}

TEST_HARNESS_MAIN
