/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/storage/lvmthin/lvm_command.h"

#include "common/base/assert.h"
#include "common/os/tool.h"

#include <string.h>

enum { DEADLINE_MS = 120000, OUTPUT_MAX = 65536 };

void lvm_add(struct lvm_command *c, const char *arg)
{
	mu_assert(c->n < LVM_ARGS_MAX);
	c->argv[c->n++] = arg;
}

void lvm_add_all(struct lvm_command *c, const char *const *args, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lvm_add(c, args[i]);
}

void lvm_add_tags(struct lvm_command *c, const char *option, const struct lvm_tags *tags)
{
	for (size_t i = 0; i < tags->n; i++) {
		lvm_add(c, option);
		lvm_add(c, tags->list[i]);
	}
}

/* LVM has one exit code for every failure: its words tell more. */
static enum mu_error_code judge(const char *text)
{
	static const struct {
		const char *words;
		enum mu_error_code code;
	} known[] = {
	    {" in use", MU_E_STATE},
	    {"insufficient free space", MU_E_EXHAUSTED},
	    {"Insufficient free space", MU_E_EXHAUSTED},
	    {"free space in", MU_E_EXHAUSTED},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(known); i++) {
		if (strstr(text, known[i].words))
			return known[i].code;
	}
	return MU_E_IO;
}

int lvm_run(const struct lvm_command *c, struct mu_error *err)
{
	MU_CLEANUP(mu_tool_deinit)
	struct mu_tool t = {.argv = c->argv, .deadline = DEADLINE_MS, .output_max = OUTPUT_MAX};

	if (mu_tool_run(&t, err) == 0)
		return 0;
	if (err && err->code == MU_E_IO && t.errout.data)
		err->code = judge(t.errout.data);
	return MU_FAILED;
}

int lvm_list(struct mu_arena *a, const char *group, struct lvm_report *ret_report,
	     struct mu_error *err)
{
	const char *select = mu_arena_printf(a, "vg_name=\"%s\"", group);
	MU_CLEANUP(mu_tool_deinit)
	struct mu_tool t = {
	    .argv =
		(const char *const[]){"lvs", "--reportformat", "json", "--units", "b", "--nosuffix",
				      "-o", LVM_REPORT_COLUMNS, "-S", select, NULL},
	    .deadline = DEADLINE_MS,
	    .output_max = LVM_REPORT_MAX,
	};

	if (mu_tool_run(&t, err) < 0)
		return MU_FAILED;
	return lvm_report_read(a, t.out.data ? t.out.data : "", t.out.len, ret_report, err);
}
