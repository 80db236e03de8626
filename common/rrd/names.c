/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fits stays. Of the rest words are shortened ("memory_internal_total" is "mem_int_total"); a
 * name for which that is not enough, or which would then be another's, ends in a checksum of all of
 * it.
 */
#include "common/rrd/names.h"

#include "common/archive/crc32c.h"
#include "common/base/map.h"
#include "common/base/str.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { HEAD = 12 }; /* characters before "_" and six digits */

static const struct {
	const char *word;
	const char *instead;
} words[] = {
    {"memory", "mem"},  {"internal", "int"}, {"packets", "pkts"},
    {"errors", "errs"}, {"write", "wr"},     {"running", "run"},
};

static bool is_plain(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool fits(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!is_plain(name[i]))
			return false;
	return len > 0 && len <= RRD_NAME_MAX;
}

static const char *shortened(struct mu_arena *a, const char *name)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;

	for (const char *p = name; *p;) {
		size_t len = strcspn(p, "_"), k = 0;

		while (k < MU_ARRAY_SIZE(words) &&
		       (strlen(words[k].word) != len || strncmp(p, words[k].word, len) != 0))
			k++;
		if (k < MU_ARRAY_SIZE(words))
			mu_str_add(&out, words[k].instead);
		else
			mu_str_add_bytes(&out, p, len);
		p += len;
		if (*p == '_')
			mu_str_add_char(&out, *p++);
	}
	return mu_arena_strdup(a, out.data ? out.data : "");
}

/* `salt` counts the names that came out the same. */
static const char *summed(struct mu_arena *a, const char *name, unsigned salt)
{
	uint32_t crc = archive_crc32c(salt, name, strlen(name));
	char head[HEAD + 1] = "";

	for (size_t i = 0; i < HEAD && name[i]; i++)
		head[i] = is_plain(name[i]) ? name[i] : '_';
	return mu_arena_printf(a, "%s_%06x", head, (unsigned)(crc & 0xffffff));
}

static bool taken(const struct mu_map *used, const char *name)
{
	return mu_map_find(used, name, strlen(name)) != NULL;
}

const char **rrd_names(struct mu_arena *a, const char *const *names, size_t n)
{
	const char **ret = mu_arena_calloc(a, n + 1, sizeof *ret);
	struct mu_map *used = mu_map_new();

	for (size_t i = 0; i < n; i++)
		if (fits(names[i]) && !taken(used, names[i])) {
			ret[i] = mu_arena_strdup(a, names[i]);
			mu_map_put(used, ret[i], strlen(ret[i]), a);
		}
	for (size_t i = 0; i < n; i++) {
		if (ret[i])
			continue;
		ret[i] = shortened(a, names[i]);
		for (unsigned salt = 0; !fits(ret[i]) || taken(used, ret[i]); salt++)
			ret[i] = summed(a, names[i], salt);
		mu_map_put(used, ret[i], strlen(ret[i]), a);
	}
	mu_map_free(used);
	return ret;
}
