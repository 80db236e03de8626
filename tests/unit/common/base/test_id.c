/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/id.h"

#include <criterion/criterion.h>
#include <string.h>

Test(id, text_there_and_back)
{
	static const char text[] = "0123abcd-4567-89ef-0123-456789abcdef";
	char buf[MU_UUID_TEXT];
	struct mu_uuid u;

	cr_assert(mu_uuid_parse(text, &u));
	cr_assert_str_eq(mu_uuid_format(&u, buf), text);
	cr_assert(mu_uuid_parse("0123ABCD-4567-89EF-0123-456789ABCDEF", &u));
	cr_assert_str_eq(mu_uuid_format(&u, buf), text);
}

Test(id, refuses_other_forms_and_leaves_the_result_alone)
{
	static const char *const bad[] = {
	    "",
	    "0123abcd456789ef0123456789abcdef",
	    "0123abcd-4567-89ef-0123-456789abcde",
	    "0123abcd-4567-89ef-0123-456789abcdef0",
	    "0123abcd-4567-89ef-0123-456789abcdeg",
	    "0123abcd-456789-ef-0123-456789abcdef",
	    "{123abcd-4567-89ef-0123-456789abcde}",
	};
	struct mu_uuid u = {.bytes = {1}};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_assert_not(mu_uuid_parse(bad[i], &u), "%s", bad[i]);
	cr_assert_eq(u.bytes[0], 1);
}

Test(id, random_ids_are_version_4)
{
	uint8_t bytes[16];
	char buf[MU_UUID_TEXT];
	struct mu_uuid u;

	memset(bytes, 0xff, sizeof bytes);
	u = mu_uuid_from_random(bytes);
	cr_assert_str_eq(mu_uuid_format(&u, buf), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

Test(id, derived_ids_are_stable_and_apart)
{
	struct mu_uuid parent = {.bytes = {1, 2, 3}}, other = {.bytes = {1, 2, 4}};
	struct mu_uuid a = mu_uuid_derive(&parent, "vif/0"), b = mu_uuid_derive(&parent, "vif/1");
	struct mu_uuid c = mu_uuid_derive(&other, "vif/0"),
		       again = mu_uuid_derive(&parent, "vif/0");
	char buf[MU_UUID_TEXT];

	cr_assert(mu_uuid_equal(&a, &again));
	cr_assert_not(mu_uuid_equal(&a, &b));
	cr_assert_not(mu_uuid_equal(&a, &c));
	mu_uuid_format(&a, buf);
	cr_assert_eq(buf[14], '8');
	cr_assert_not(mu_uuid_is_nil(&a));
	cr_assert(mu_uuid_is_nil(&(struct mu_uuid){0}));
	/* Never changes between releases: other people's records hold these. */
	cr_assert_str_eq(buf, "11b2fd30-e3f1-8971-8cc9-c97ff78cad24");
}

Test(id, twins_lead_back)
{
	struct mu_uuid of = {.bytes = {0xaa, 0xaa, 0xaa, 0xaa, 0, 0, 0x40, 0, 0x80, [15] = 1}};
	struct mu_uuid twin = mu_uuid_twin(&of, 'm'), other = mu_uuid_twin(&of, 's');
	struct mu_uuid back = mu_uuid_twin(&twin, 'm');
	char text[MU_UUID_TEXT];

	cr_expect(mu_uuid_equal(&back, &of));
	cr_expect_not(mu_uuid_equal(&twin, &other));
	cr_expect_str_eq(mu_uuid_format(&twin, text), "c7c7c7c7-6d6d-4000-8000-000000000001");
}
