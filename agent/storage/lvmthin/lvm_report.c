/* SPDX-License-Identifier: Apache-2.0 */
/* {"report": [{"lv": [{"lv_name": "...", "lv_size": "4194304", ...}, ...]}]}; every value is a
 * string, an unknown one is empty. */
#include "agent/storage/lvmthin/lvm_report.h"

#include "common/base/str.h"
#include "common/json/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { THIN_ID_MAX = (1 << 24) - 1 }; /* the kernel's */

static const char *text_of(const struct mu_value *row, const char *name)
{
	const char *text = mu_value_as_string(mu_value_get(row, name));

	return text ? text : "";
}

/* "12.34", or "" when it is not known. */
static double percent_of(const struct mu_value *row, const char *name)
{
	const char *text = text_of(row, name);
	char *end;
	double d = strtod(text, &end);

	return end == text || *end || !(d >= 0) || d > 100 ? -1 : d;
}

static int read_row(const struct mu_value *row, struct lvm_volume *ret, struct mu_error *err)
{
	double data = percent_of(row, "data_percent");
	uint64_t size, thin_id;

	if (!mu_parse_u64(text_of(row, "lv_size"), &size) || size > INT64_MAX ||
	    !text_of(row, "lv_name")[0])
		return mu_error_set(err, MU_E_PROTOCOL, "lvs: a row without name and size");
	*ret = (struct lvm_volume){
	    .name = text_of(row, "lv_name"),
	    .size_bytes = (int64_t)size,
	    .is_pool = strcmp(text_of(row, "segtype"), "thin-pool") == 0,
	    .pool = text_of(row, "pool_lv"),
	    .active = text_of(row, "lv_active")[0] != '\0',
	    .suspended = strcmp(text_of(row, "lv_suspended"), "suspended") == 0,
	    .thin_id = mu_parse_u64(text_of(row, "thin_id"), &thin_id) && thin_id <= THIN_ID_MAX
			   ? (int64_t)thin_id
			   : -1,
	    .zero = strcmp(text_of(row, "zero"), "zero") == 0,
	    .data_percent = (int32_t)ceil(data),
	    .metadata_percent = (int32_t)ceil(percent_of(row, "metadata_percent")),
	    .used_bytes = data < 0 ? -1 : (int64_t)((double)size * data / 100),
	    .tags = text_of(row, "lv_tags"),
	    .group_tags = text_of(row, "vg_tags"),
	};
	return 0;
}

int lvm_report_read(struct mu_arena *a, const char *text, size_t len, struct lvm_report *ret_report,
		    struct mu_error *err)
{
	struct lvm_report report = {.n = 0};
	const struct mu_value *reports, *rows;
	struct mu_value *v;

	if (mu_json_read(a, text, len, &v, err) < 0)
		return mu_error_prefix(err, "lvs");
	reports = mu_value_get(v, "report");
	rows =
	    reports && reports->kind == MU_VALUE_LIST ? mu_value_get(reports->first, "lv") : NULL;
	if (!rows || rows->kind != MU_VALUE_LIST)
		return mu_error_set(err, MU_E_PROTOCOL, "lvs: no report in its output");
	report.list = mu_arena_calloc(a, rows->n_children + 1, sizeof *report.list);
	mu_value_each(row, rows)
	{
		if (read_row(row, &report.list[report.n], err) < 0)
			return MU_FAILED;
		report.n++;
	}
	*ret_report = report;
	return 0;
}

const struct lvm_volume *lvm_report_find(const struct lvm_report *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->list[i].name, name) == 0)
			return &r->list[i];
	}
	return NULL;
}
