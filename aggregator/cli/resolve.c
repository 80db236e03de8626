/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/resolve.h"

#include "common/base/str.h"

#include <string.h>
#include <strings.h>

enum { LISTED_MAX = 4 };

static const char *text_of(const struct mu_value *object, const char *member)
{
	const char *text = mu_value_as_string(mu_value_get(object, member));

	return text ? text : "";
}

/* The best first. */
enum match { MATCH_ID, MATCH_NAME, MATCH_ID_PREFIX, MATCH_NAME_PREFIX, _MATCH_COUNT };

/* What is looked for, and where: `container` NULL is on any host. */
struct wanted {
	const struct mu_value *objects;
	const char *noun;
	const char *ref;
	const char *container;
};

static bool matches(const struct mu_value *object, enum match how, const char *ref)
{
	switch (how) {
	case MATCH_ID:
		return strcasecmp(text_of(object, "id"), ref) == 0;
	case MATCH_NAME:
		return strcmp(text_of(object, "name_label"), ref) == 0;
	case MATCH_ID_PREFIX:
		return strlen(ref) >= CLI_RESOLVE_PREFIX_MIN &&
		       strncasecmp(text_of(object, "id"), ref, strlen(ref)) == 0;
	case MATCH_NAME_PREFIX:
		return *ref && mu_str_has_prefix(text_of(object, "name_label"), ref);
	case _MATCH_COUNT:
		break;
	}
	return false;
}

static bool is_wanted(const struct mu_value *object, const struct wanted *w, enum match how)
{
	return matches(object, how, w->ref) &&
	       (!w->container || strcmp(text_of(object, "$container"), w->container) == 0);
}

static int ambiguous(const struct wanted *w, enum match how, struct mu_error *err)
{
	static const char *const what[_MATCH_COUNT] = {
	    [MATCH_ID] = "the id",
	    [MATCH_NAME] = "the name",
	    [MATCH_ID_PREFIX] = "the start of the ids",
	    [MATCH_NAME_PREFIX] = "the start of the names",
	};
	MU_CLEANUP(mu_str_deinit) struct mu_str ids = MU_STR_INIT;
	size_t n = 0;

	mu_value_each(o, w->objects)
	{
		if (!is_wanted(o, w, how))
			continue;
		if (n < LISTED_MAX)
			mu_str_printf(&ids, "%s%.36s (%.40s)", n ? ", " : "", text_of(o, "id"),
				      text_of(o, "name_label"));
		n++;
	}
	return mu_error_set(err, MU_E_INVALID, "'%.60s' is %s of %zu %ss: %s%s; hint: use the id",
			    w->ref, what[how], n, w->noun, ids.data, n > LISTED_MAX ? ", ..." : "");
}

/* The one that is named so; NULL when there is none, or (then `err` is set) more. */
static const struct mu_value *look(const struct wanted *w, enum match how, struct mu_error *err)
{
	const struct mu_value *found = NULL;

	mu_value_each(o, w->objects)
	{
		if (!is_wanted(o, w, how))
			continue;
		if (found) {
			(void)ambiguous(w, how, err);
			return NULL;
		}
		found = o;
	}
	return found;
}

static int check_sure(const struct wanted *w, enum match how, enum cli_resolve_care care,
		      const struct mu_value *found, struct mu_error *err)
{
	bool is_name = how == MATCH_NAME_PREFIX;

	if (care == CLI_RESOLVE_EASY ||
	    !(is_name || (how == MATCH_ID_PREFIX && strlen(w->ref) < CLI_RESOLVE_SURE_MIN)))
		return 0;
	return mu_error_set(err, MU_E_INVALID,
			    "'%.60s' is only the start of %s of %s %.36s (%.40s); hint: this takes "
			    "the whole name, or %d characters of the id",
			    w->ref, is_name ? "the name" : "the id", w->noun, text_of(found, "id"),
			    text_of(found, "name_label"), CLI_RESOLVE_SURE_MIN);
}

/* By all of `ways` in turn, for each kind of match: a better match of the second goes before a
 * worse one of the first. */
static int resolve(const struct wanted *ways, size_t n, enum cli_resolve_care care,
		   const struct mu_value **ret_object, struct mu_error *err)
{
	for (enum match how = MATCH_ID; how < _MATCH_COUNT; how++) {
		for (size_t i = 0; i < n; i++) {
			struct mu_error why = MU_ERROR_INIT;
			const struct mu_value *found = look(&ways[i], how, &why);

			if (why.code != MU_E_NONE)
				return mu_error_set(err, why.code, "%s", why.text);
			if (found && check_sure(&ways[i], how, care, found, err) < 0)
				return MU_FAILED;
			if (found) {
				*ret_object = found;
				return 0;
			}
		}
	}
	return mu_error_set(err, MU_E_NOT_FOUND, "there is no %s '%.100s'; hint: muster %s list",
			    ways[0].noun, ways[n - 1].ref, ways[0].noun);
}

int cli_resolve(const struct mu_value *objects, const char *noun, const char *ref,
		enum cli_resolve_care care, const struct mu_value **ret_object,
		struct mu_error *err)
{
	const struct wanted way = {.objects = objects, .noun = noun, .ref = ref};

	return resolve(&way, 1, care, ret_object, err);
}

int cli_resolve_vm(const struct mu_value *vms, const struct mu_value *hosts, const char *ref,
		   enum cli_resolve_care care, const struct mu_value **ret_vm, struct mu_error *err)
{
	/* A name may itself contain a colon, so the whole text is tried first. */
	struct wanted ways[] = {{.objects = vms, .noun = "vm", .ref = ref},
				{.objects = vms, .noun = "vm"}};
	const char *colon = strchr(ref, ':');
	struct mu_error of_host = MU_ERROR_INIT, of_vm = MU_ERROR_INIT;
	const struct mu_value *host;
	size_t n = 1;

	if (colon) {
		MU_CLEANUP(mu_free) char *host_ref = mu_xstrndup(ref, (size_t)(colon - ref));

		if (cli_resolve(hosts, "host", host_ref, care, &host, &of_host) == 0) {
			ways[1].ref = colon + 1;
			ways[1].container = text_of(host, "id");
			n = 2;
		}
	}
	if (resolve(ways, n, care, ret_vm, &of_vm) == 0)
		return 0;
	if (of_vm.code == MU_E_NOT_FOUND && of_host.code != MU_E_NONE)
		of_vm = of_host;
	(void)mu_error_set(err, of_vm.code, "%s", of_vm.text);
	if (n == 2 && of_vm.code == MU_E_NOT_FOUND)
		return mu_error_prefix(err, "host %.*s", (int)(colon - ref), ref);
	return MU_FAILED;
}
