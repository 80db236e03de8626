/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/check.h"

#include "agent/app/state_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
	size_t n;
	size_t n_doubles;
	struct vm_spec **specs;
};

static void each(struct vm_spec *spec, void *arg)
{
	struct seen *s = arg;

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->specs[i]->config.name, spec->config.name))
			continue;
		printf("name \"%s\" is used by two definitions\n", spec->config.name);
		s->n_doubles++;
	}
	s->specs = mu_xrealloc(s->specs, s->n + 1, sizeof(*s->specs));
	s->specs[s->n++] = spec;
}

int check_state(const struct agent_config *config, struct mu_error *err)
{
	struct seen seen = {.n = 0};
	struct state_dir dir;
	size_t n_damaged;
	int r;

	/* Not opened: a running agent may have it. */
	(void)snprintf(dir.path, sizeof dir.path, "%s", config->state);
	r = state_dir_load_vms(&dir, true, each, &seen, &n_damaged, err);
	for (size_t i = 0; i < seen.n; i++)
		free(seen.specs[i]);
	free(seen.specs);
	if (r < 0)
		return MU_FAILED;
	printf("%zu definitions are good, %zu are not\n", seen.n, n_damaged);
	if (n_damaged || seen.n_doubles)
		return mu_error_set(err, MU_E_INVALID, "%zu definitions need attention",
				    n_damaged + seen.n_doubles);
	return 0;
}
