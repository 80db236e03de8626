/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/resolve.h"

#include "common/base/str.h"

#include <string.h>
#include <strings.h>

static const char *text_of(const struct mu_value *object, const char *member)
{
	const char *text = mu_value_as_string(mu_value_get(object, member));

	return text ? text : "";
}

enum match { MATCH_ID, MATCH_NAME, MATCH_PREFIX, _MATCH_COUNT };

static bool matches(const struct mu_value *object, enum match how, const char *ref)
{
	switch (how) {
	case MATCH_ID:
		return strcasecmp(text_of(object, "id"), ref) == 0;
	case MATCH_NAME:
		return strcmp(text_of(object, "name_label"), ref) == 0;
	case MATCH_PREFIX:
		return strlen(ref) >= CLI_RESOLVE_PREFIX_MIN &&
		       strncasecmp(text_of(object, "id"), ref, strlen(ref)) == 0;
	case _MATCH_COUNT:
		break;
	}
	return false;
}

/* `container` NULL: on any host. */
static bool is_on(const struct mu_value *object, const char *container)
{
	return !container || strcmp(text_of(object, "$container"), container) == 0;
}

static int ambiguous(const struct mu_value *objects, enum match how, const char *noun,
		     const char *ref, const char *container, struct mu_error *err)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str ids = MU_STR_INIT;
	size_t n = 0;

	mu_value_each(o, objects)
	{
		if (!matches(o, how, ref) || !is_on(o, container))
			continue;
		if (n < 4)
			mu_str_printf(&ids, "%s%.36s (%.40s)", n ? ", " : "", text_of(o, "id"),
				      text_of(o, "name_label"));
		n++;
	}
	return mu_error_set(err, MU_E_INVALID,
			    "'%.60s' is the name of %zu %ss: %s%s; hint: use the id", ref, n, noun,
			    ids.data, n > 4 ? ", ..." : "");
}

static int resolve_on(const struct mu_value *objects, const char *noun, const char *ref,
		      const char *container, const struct mu_value **ret_object,
		      struct mu_error *err)
{
	for (enum match how = MATCH_ID; how < _MATCH_COUNT; how++) {
		const struct mu_value *found = NULL;

		mu_value_each(o, objects)
		{
			if (!matches(o, how, ref) || !is_on(o, container))
				continue;
			if (found)
				return ambiguous(objects, how, noun, ref, container, err);
			found = o;
		}
		if (found) {
			*ret_object = found;
			return 0;
		}
	}
	return mu_error_set(err, MU_E_NOT_FOUND, "there is no %s '%.100s'; hint: muster %s list",
			    noun, ref, noun);
}

int cli_resolve(const struct mu_value *objects, const char *noun, const char *ref,
		const struct mu_value **ret_object, struct mu_error *err)
{
	return resolve_on(objects, noun, ref, NULL, ret_object, err);
}

int cli_resolve_vm(const struct mu_value *vms, const struct mu_value *hosts, const char *ref,
		   const struct mu_value **ret_vm, struct mu_error *err)
{
	const char *colon = strchr(ref, ':');
	const struct mu_value *host;
	int r;

	/* A name may itself contain a colon, so the whole text is tried first. */
	r = resolve_on(vms, "vm", ref, NULL, ret_vm, err);
	if (r == 0 || !colon || !err || err->code != MU_E_NOT_FOUND)
		return r;
	MU_CLEANUP(mu_free) char *host_ref = mu_xstrndup(ref, (size_t)(colon - ref));

	if (cli_resolve(hosts, "host", host_ref, &host, err) < 0)
		return MU_FAILED;
	r = resolve_on(vms, "vm", colon + 1, text_of(host, "id"), ret_vm, err);
	return r < 0 ? mu_error_prefix(err, "host %s", host_ref) : 0;
}
