/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/pairs.h"

#include "common/json/json.h"

#include <string.h>

int cli_pairs_parse(struct mu_arena *a, int argc, char **argv, struct mu_value **ret_object,
		    struct mu_error *err)
{
	struct mu_value *object = mu_value_object(a);

	for (int i = 0; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');
		struct mu_value *v;
		const char *name;

		if (!equals || equals == argv[i])
			return mu_error_set(err, MU_E_INVALID,
					    "'%.60s' is not name=value; hint: such as memory=2GiB",
					    argv[i]);
		name = mu_arena_strndup(a, argv[i], (size_t)(equals - argv[i]));
		if (mu_value_get(object, name))
			return mu_error_set(err, MU_E_INVALID, "%.60s is given twice", name);
		if (mu_json_read(a, equals + 1, strlen(equals + 1), &v, NULL) < 0)
			v = mu_value_string(a, equals + 1);
		mu_value_set(a, object, name, v);
	}
	*ret_object = object;
	return 0;
}
