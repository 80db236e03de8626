/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thin pool's status, Documentation/admin-guide/device-mapper/thin-provisioning.rst:
 *
 *   <transaction> <used>/<total metadata blocks> <used>/<total data blocks> <root or ->
 *   ro|rw|out_of_data_space [no_]discard_passdown queue_if_no_space|error_if_no_space
 *   needs_check|- ...
 *
 * or "Fail", or "Error".
 */
#include "agent/storage/lvmthin/lvm_dm_text.h"

#include "common/base/str.h"

#include <stdio.h>
#include <string.h>

static bool add(char *ret, size_t *at, const char *text, bool doubled)
{
	for (; *text; text++) {
		for (int n = doubled && *text == '-' ? 2 : 1; n > 0; n--) {
			if (*at >= LVM_DM_NAME_MAX)
				return false;
			ret[(*at)++] = *text;
		}
	}
	return true;
}

int lvm_dm_name(const char *group, const char *volume, const char *layer,
		char ret[static LVM_DM_NAME_MAX + 1], struct mu_error *err)
{
	char name[LVM_DM_NAME_MAX + 1] = "";
	size_t at = 0;

	if (!add(name, &at, group, true) || !add(name, &at, "-", false) ||
	    !add(name, &at, volume, true) ||
	    (layer && (!add(name, &at, "-", false) || !add(name, &at, layer, false))))
		return mu_error_set(err, MU_E_TOO_LARGE,
				    "%s/%s: its device's name is longer than %d characters", group,
				    volume, LVM_DM_NAME_MAX);
	memcpy(ret, name, sizeof name);
	return 0;
}

/* The n-th word, counted from 0, is this one. */
static bool word_is(const char *text, unsigned n, const char *word)
{
	size_t len;

	for (;; n--) {
		text += strspn(text, " ");
		len = strcspn(text, " ");
		if (n == 0 || len == 0)
			return len == strlen(word) && memcmp(text, word, len) == 0;
		text += len;
	}
}

const char *lvm_dm_pool_state(const char *status, size_t len)
{
	MU_CLEANUP(mu_free) char *text = mu_xstrndup(status, strnlen(status, len));

	if (word_is(text, 0, "Fail") || word_is(text, 0, "Error"))
		return "it has failed";
	if (word_is(text, 7, "needs_check"))
		return "its metadata need a check";
	if (word_is(text, 4, "ro"))
		return "it is read-only";
	if (word_is(text, 4, "out_of_data_space"))
		return "it has no room left";
	return NULL;
}
