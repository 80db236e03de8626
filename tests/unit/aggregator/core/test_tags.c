/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/core/tags.h"
#include "common/model/vm.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct tags *t;
static const struct mu_uuid host = {{1}};
static const struct mu_uuid network = {{2}};

static void setup(void)
{
	t = tags_new();
}

static void teardown(void)
{
	t = tags_free(t);
}

TestSuite(tags, .init = setup, .fini = teardown);

/* "a b": what it has. */
static const char *all(const struct mu_uuid *id)
{
	static char text[64];
	char *const *tags;
	size_t n = tags_of(t, id, &tags);

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
			       i ? " " : "", tags[i]);
	return text;
}

Test(tags, come_and_go)
{
	cr_expect_str_eq(all(&host), "");
	tags_add(t, &host, "b");
	tags_add(t, &host, "a");
	tags_add(t, &network, "c");
	tags_add(t, &host, "b");
	cr_expect_str_eq(all(&host), "b a", "as they were given, once");
	cr_expect(tags_has(t, &host, "a"));
	cr_expect_not(tags_has(t, &network, "a"));
	tags_remove(t, &host, "b");
	tags_remove(t, &host, "none");
	tags_remove(t, &network, "c");
	cr_expect_str_eq(all(&host), "a");
	cr_expect_str_eq(all(&network), "");
	tags_add(t, &host, "d");
	tags_forget(t, &host);
	tags_forget(t, &host);
	cr_expect_str_eq(all(&host), "");
	cr_expect_null(tags_free(NULL));
}

static void expect_refused(const char *tag, enum mu_error_code code, const char *words)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_expect_lt(tags_check(t, &host, tag, &err), 0, "%s", tag);
	cr_expect_eq(err.code, code);
	cr_expect(strstr(err.text, words), "%s", err.text);
	tags_add(t, &host, tag);
	cr_expect_not(tags_has(t, &host, tag));
}

Test(tags, what_is_none)
{
	char longest[MODEL_TAG_MAX + 2];

	expect_refused("", MU_E_INVALID, "1 to 47 bytes");
	expect_refused("a\nb", MU_E_INVALID, "control");
	expect_refused("a\x7f", MU_E_INVALID, "control");
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	expect_refused(longest, MU_E_INVALID, "1 to 47 bytes");
	longest[sizeof longest - 2] = '\0';
	cr_expect_eq(tags_check(t, &host, longest, NULL), 0);
}

Test(tags, are_so_many_at_most)
{
	char tag[16];

	for (int i = 0; i < TAGS_EACH_MAX; i++) {
		(void)snprintf(tag, sizeof tag, "%d", i);
		tags_add(t, &host, tag);
	}
	expect_refused("more", MU_E_EXHAUSTED, "16 tags");
	cr_expect_eq(tags_check(t, &host, "3", NULL), 0, "it has that");
	for (uint32_t i = 1; i < TAGS_OBJECTS_MAX; i++) {
		struct mu_uuid id = {{9}};

		memcpy(&id.bytes[8], &i, sizeof i);
		tags_add(t, &id, "x");
	}
	tags_add(t, &network, "x");
	cr_expect_str_eq(all(&network), "", "too many objects");
	tags_forget(t, &host);
	expect_refused("a\tb", MU_E_INVALID, "control");
	tags_add(t, &network, "x");
	cr_expect_str_eq(all(&network), "x");
}
