/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/pairs.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <criterion/criterion.h>
#include <string.h>

Test(pairs, say_what_they_are)
{
	char *words[] = {(char[]){"cpus=4"},
			 (char[]){"memory=2GiB"},
			 (char[]){"nameLabel=web server"},
			 (char[]){"tags=[\"a\"]"},
			 (char[]){"autoPoweron=true"},
			 (char[]){"PV_args=root=/dev/xvda"},
			 (char[]){"notes="},
			 (char[]){"label=\"4\""},
			 (char[]){"cpuCap=null"}};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	cr_assert_eq(cli_pairs_parse(a, MU_ARRAY_SIZE(words), words, &v, &err), 0, "%s", err.text);
	mu_json_write(&text, v, false);
	cr_assert_str_eq(text.data, "{\"cpus\":4,\"memory\":\"2GiB\",\"nameLabel\":\"web server\","
				    "\"tags\":[\"a\"],\"autoPoweron\":true,"
				    "\"PV_args\":\"root=/dev/xvda\",\"notes\":\"\","
				    "\"label\":\"4\",\"cpuCap\":null}");
}

Test(pairs, mistakes_are_named)
{
	char *bad[][2] = {{(char[]){"cpus"}, NULL},
			  {(char[]){"=4"}, NULL},
			  {(char[]){"cpus=1"}, (char[]){"cpus=2"}}};
	static const char *const says[] = {"'cpus' is not name=value", "'=4' is not",
					   "given twice"};

	for (int i = 0; i < 3; i++) {
		MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
		struct mu_error err = MU_ERROR_INIT;
		struct mu_value *v;

		cr_assert_lt(cli_pairs_parse(a, bad[i][1] ? 2 : 1, bad[i], &v, &err), 0);
		cr_expect_eq(err.code, MU_E_INVALID);
		cr_expect(strstr(err.text, says[i]), "%s", err.text);
	}
}
