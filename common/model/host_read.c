/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/host_read.h"

#include "common/base/assert.h"

#include <string.h>

const char *host_read_name(enum host_read_kind kind)
{
	static const char *const names[_HOST_READ_KIND_COUNT] = {
	    [HOST_READ_DETAILS] = "details",       [HOST_READ_DMESG] = "dmesg",
	    [HOST_READ_JOURNAL] = "journal",       [HOST_READ_BOOTS] = "boots",
	    [HOST_READ_DEFINITION] = "definition",
	};

	mu_assert((unsigned)kind < _HOST_READ_KIND_COUNT);
	return names[kind];
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* Letters, digits and `more`; no option of a program, that is, no "-" in front. */
static bool consists_of(const char *text, const char *more)
{
	if (text[0] == '-')
		return false;
	for (; *text; text++) {
		if (!strchr(letters, *text) && !strchr(more, *text))
			return false;
	}
	return true;
}

int host_read_check(const struct host_read *what, struct mu_error *err)
{
	size_t boot_len = strlen(what->boot);

	if (!consists_of(what->unit, ":-_.\\@"))
		return mu_error_set(err, MU_E_INVALID,
				    "unit: \"%.60s\" is no name of a unit; hint: "
				    "\"muster-agent.service\"",
				    what->unit);
	if (!consists_of(what->cursor, "=;-"))
		return mu_error_set(err, MU_E_INVALID,
				    "cursor: \"%.60s\" is not what an entry of the journal has",
				    what->cursor);
	if (boot_len &&
	    (boot_len != HOST_READ_BOOT_LEN || strspn(what->boot, "0123456789abcdef") != boot_len))
		return mu_error_set(err, MU_E_INVALID,
				    "boot: \"%.60s\" is not a boot's id of 32 hex digits",
				    what->boot);
	if (what->kind == HOST_READ_DEFINITION && mu_uuid_is_nil(&what->vm.uuid))
		return mu_error_set(err, MU_E_INVALID, "vm: which one is missing");
	if (what->since < 0)
		return mu_error_set(err, MU_E_INVALID, "since: is before 1970");
	if (what->lines > HOST_READ_LINES_MAX)
		return mu_error_set(err, MU_E_INVALID, "lines: at most %d, not %u",
				    HOST_READ_LINES_MAX, what->lines);
	return 0;
}
