/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object is changed only as it was seen. Its ETag goes with the change: what the declaration is
 * about is compared with the very state that the server then accepts or refuses.
 */
#include "aggregator/cli/declare.h"

#include "aggregator/cli/network.h"
#include "aggregator/cli/related.h"
#include "aggregator/cli/resolve.h"
#include "aggregator/cli/vm_create.h"

#include <string.h>

enum { STALE_TRIES = 10 }; /* an ETag changes with everything, also with what nobody declares */

void cli_declare_forget(struct cli_declare *d)
{
	d->n_lists = 0;
}

static int list(struct cli_declare *d, const char *path, const struct mu_value **ret,
		struct mu_error *err)
{
	for (size_t i = 0; i < d->n_lists; i++)
		if (strcmp(d->lists[i].path, path) == 0) {
			*ret = d->lists[i].list;
			return 0;
		}
	if (cli_api_call(d->cli->api, d->cli->arena, "GET", path, NULL, ret, err) < 0)
		return MU_FAILED;
	if (d->n_lists < CLI_DECLARE_LISTS_MAX) {
		d->lists[d->n_lists].path = path;
		d->lists[d->n_lists++].list = *ret;
	}
	return 0;
}

static const char *text_of(const struct mu_value *object, const char *member)
{
	const char *text = mu_value_as_string(mu_value_get(object, member));

	return text ? text : "";
}

/* --- finding --- */

static int list_of(struct cli_declare *d, const struct cli_kind *kind, const struct mu_value **ret,
		   struct mu_error *err)
{
	const char *path = mu_arena_printf(d->cli->arena, "/rest/v0/%s?fields=%s", kind->collection,
					   kind->tagged ? "id,name_label,$container" : "*");

	return list(d, path, ret, err);
}

static const char *path_of(struct cli_declare *d, const struct cli_kind *kind, const char *id)
{
	return mu_arena_printf(d->cli->arena, "/rest/v0/%s/%s", kind->collection, id);
}

/* `listed` is whole of the aggregator's own objects. */
static int read_found(struct cli_declare *d, const struct cli_kind *kind,
		      const struct mu_value *listed, struct cli_found *ret, struct mu_error *err)
{
	struct mu_arena *a = d->cli->arena;
	const struct mu_value *object = listed;
	struct mu_value *spec;

	*ret =
	    (struct cli_found){.id = text_of(listed, "id"), .name = text_of(listed, kind->label)};
	if (kind->tagged &&
	    cli_api_call(d->cli->api, a, "GET", path_of(d, kind, ret->id), NULL, &object, err) < 0)
		return MU_FAILED;
	spec = cli_spec_of(a, kind, object);
	if (cli_related_read(d->cli, kind, object, spec, err) < 0)
		return MU_FAILED;
	ret->spec = spec;
	return 0;
}

static int ambiguous(const struct cli_document *doc, const struct mu_value *one,
		     const struct mu_value *other, struct mu_error *err)
{
	return mu_error_set(err, MU_E_INVALID, "'%.60s' is the name of several: %.36s, %.36s%s",
			    doc->name, text_of(one, "id"), text_of(other, "id"),
			    doc->kind->on_host ? "; hint: say which by `host`" : "");
}

/* Where it is, if where it is matters: networks are on many hosts. */
static int host_of(struct cli_declare *d, const struct cli_document *doc, const char **ret_id,
		   struct mu_error *err)
{
	const struct mu_value *hosts, *host;

	*ret_id = NULL;
	if (!doc->host)
		return 0;
	if (list(d, "/rest/v0/hosts?fields=id,name_label", &hosts, err) < 0 ||
	    cli_resolve(hosts, "host", doc->host, cli_care(d->cli), &host, err) < 0)
		return MU_FAILED;
	*ret_id = text_of(host, "id");
	return 0;
}

int cli_declare_find(struct cli_declare *d, const struct cli_document *doc, struct cli_found *ret,
		     struct mu_error *err)
{
	const struct mu_value *objects, *found = NULL, *elsewhere = NULL;
	const char *host;

	if (host_of(d, doc, &host, err) < 0 || list_of(d, doc->kind, &objects, err) < 0)
		return MU_FAILED;
	mu_value_each(o, objects)
	{
		const char *at = mu_value_as_string(mu_value_get(o, "$container"));

		if (strcmp(text_of(o, doc->kind->label), doc->name) != 0)
			continue;
		if (host && at && strcmp(at, host) != 0) {
			elsewhere = o;
			continue;
		}
		if (found)
			return ambiguous(doc, found, o, err);
		found = o;
	}
	if (found)
		return read_found(d, doc->kind, found, ret, err);
	if (elsewhere)
		return mu_error_set(
		    err, MU_E_STATE,
		    "it is not on %.60s but on another host; hint: leave `host` out, "
		    "or choose another name",
		    doc->host);
	return CLI_DECLARE_ABSENT;
}

int cli_declare_find_ref(struct cli_declare *d, const struct cli_kind *kind, const char *ref,
			 struct cli_found *ret, struct mu_error *err)
{
	const struct mu_value *objects, *hosts, *found;
	struct mu_value *named;

	if (list_of(d, kind, &objects, err) < 0 ||
	    list(d, "/rest/v0/hosts?fields=id,name_label", &hosts, err) < 0)
		return MU_FAILED;
	named = mu_value_copy(d->cli->arena, objects);
	for (struct mu_value *o = named->first; o; o = o->next)
		if (!kind->tagged)
			mu_value_set_string(d->cli->arena, o, "name_label",
					    text_of(o, kind->label));
	if ((strcmp(kind->noun, "vm") == 0
		 ? cli_resolve_vm(named, hosts, ref, cli_care(d->cli), &found, err)
		 : cli_resolve(named, kind->noun, ref, cli_care(d->cli), &found, err)) < 0)
		return MU_FAILED;
	return read_found(d, kind, found, ret, err);
}

/* --- making --- */

/* What a host does is a task; what the aggregator does is done. */
static int finish(struct cli *cli, const char *label, const struct mu_value *answer)
{
	bool is_task = mu_value_get(answer, "tasks") || mu_value_get(answer, "taskId");

	return is_task ? cli_network_finish(cli, label, answer) : CLI_OK;
}

/* Fields of the spec that can be said at once, and what `create` says. */
static struct mu_value *first_body(struct cli *cli, const struct cli_document *doc)
{
	struct mu_value *body = mu_value_copy(cli->arena, doc->create);

	for (const struct cli_field *f = doc->kind->fields; f->name; f++) {
		const struct mu_value *v = mu_value_get(doc->spec, f->name);

		if (f->create && v && v->kind != MU_VALUE_NULL) {
			mu_value_remove(body, f->create);
			mu_value_set(cli->arena, body, f->create, mu_value_copy(cli->arena, v));
		}
	}
	return body;
}

static void set_name(struct cli *cli, struct mu_value *body, const char *member, const char *name)
{
	mu_value_remove(body, member);
	mu_value_set_string(cli->arena, body, member, name);
}

/* What a name in `create` stands for is found as `vm create` finds it. */
static int make_vm(struct cli_declare *d, const struct cli_document *doc,
		   const struct mu_value **ret_answer, struct mu_error *err)
{
	struct mu_value *body = first_body(d->cli, doc);
	const struct mu_value *start = mu_value_get(body, "start");
	struct cli_vm_wish wish = {
	    .host = doc->host, .start = start && start->kind == MU_VALUE_BOOL && start->boolean};
	const struct {
		const char *name;
		const char **ret;
	} names[] = {
	    {"template", &wish.template},
	    {"sr", &wish.sr},
	    {"network", &wish.network},
	    {"cdrom", &wish.cdrom},
	    {"image", &wish.image},
	    {"disk", &wish.disk},
	    {"cloud_config", &wish.cloud_config},
	};

	mu_value_remove(body, "start");
	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++) {
		const struct mu_value *v = mu_value_get(body, names[i].name);

		if (v && v->kind != MU_VALUE_STRING)
			return mu_error_set(err, MU_E_INVALID, "create: %s: a text is expected",
					    names[i].name);
		*names[i].ret = mu_value_as_string(v);
		mu_value_remove(body, names[i].name);
	}
	return cli_vm_make(d->cli, doc->name, &wish, body, ret_answer, err);
}

static int make_network(struct cli_declare *d, const struct cli_document *doc,
			const struct mu_value **ret_answer, struct mu_error *err)
{
	const char *host;

	if (host_of(d, doc, &host, err) < 0)
		return MU_FAILED;
	return cli_network_make(d->cli, doc->name, host, first_body(d->cli, doc), ret_answer, err);
}

static int make_sr(struct cli_declare *d, const struct cli_document *doc,
		   const struct mu_value **ret_answer, struct mu_error *err)
{
	struct mu_value *body = first_body(d->cli, doc);
	const char *host;

	if (host_of(d, doc, &host, err) < 0)
		return MU_FAILED;
	if (!host)
		return mu_error_set(err, MU_E_INVALID, "`host` is missing: where it is to be made");
	set_name(d->cli, body, "name_label", doc->name);
	set_name(d->cli, body, "hostId", host);
	return cli_api_call(d->cli->api, d->cli->arena, "POST", "/rest/v0/srs?sync=false", body,
			    ret_answer, err);
}

static int make_named(struct cli_declare *d, const struct cli_document *doc,
		      const struct mu_value **ret_answer, struct mu_error *err)
{
	struct mu_value *body = first_body(d->cli, doc);

	set_name(d->cli, body, "name", doc->name);
	return cli_api_call(d->cli->api, d->cli->arena, "POST",
			    mu_arena_printf(d->cli->arena, "/rest/v0/%s", doc->kind->collection),
			    body, ret_answer, err);
}

int cli_declare_create(struct cli_declare *d, const struct cli_document *doc)
{
	static const struct {
		const char *noun;
		int (*make)(struct cli_declare *d, const struct cli_document *doc,
			    const struct mu_value **ret_answer, struct mu_error *err);
	} makers[] = {{"vm", make_vm}, {"network", make_network}, {"sr", make_sr}};
	int (*make)(struct cli_declare * d, const struct cli_document *doc,
		    const struct mu_value **ret_answer, struct mu_error *err) = make_named;
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *answer;

	for (size_t i = 0; i < MU_ARRAY_SIZE(makers); i++)
		if (strcmp(makers[i].noun, doc->kind->noun) == 0)
			make = makers[i].make;
	if (make(d, doc, &answer, &err) < 0) {
		(void)mu_error_prefix(&err, "%s %s", doc->kind->noun, doc->name);
		return cli_fail(&err);
	}
	return finish(d->cli, doc->name, answer);
}

/* --- changing --- */

/* Is what was seen still so? */
static int check_seen(struct cli_declare *d, const struct cli_kind *kind,
		      const struct mu_value *now, const struct mu_value *seen, struct mu_error *err)
{
	struct cli_diff moved = cli_diff(d->cli->arena, kind, now, seen);

	if (moved.n == 0)
		return 0;
	return mu_error_set(err, MU_E_STATE, "somebody has changed it meanwhile (%.100s)",
			    cli_diff_names(d->cli->arena, &moved));
}

/* What can be told by the object alone. */
static struct mu_value *own_part(struct cli_declare *d, const struct cli_kind *kind,
				 const struct mu_value *seen)
{
	struct mu_value *part = mu_value_copy(d->cli->arena, seen);

	for (const struct cli_field *f = kind->fields; f->name; f++)
		if (f->kind == CLI_FIELD_RELATED)
			mu_value_remove(part, f->name);
	return part;
}

static int patch(struct cli_declare *d, const struct cli_kind *kind, const struct cli_found *found,
		 const struct mu_value *body, const struct mu_value *seen,
		 const struct mu_value **ret_answer, struct mu_error *err)
{
	const char *path = path_of(d, kind, found->id);
	struct mu_arena *a = d->cli->arena;

	seen = own_part(d, kind, seen);
	for (int i = 0; i < STALE_TRIES; i++) {
		char etag[CLI_API_ETAG_TEXT];
		const struct mu_value *object;
		int r;

		if (cli_api_look(d->cli->api, a, path, &object, etag, err) < 0 ||
		    check_seen(d, kind, cli_spec_of(a, kind, object), seen, err) < 0)
			return MU_FAILED;
		r = cli_api_patch(d->cli->api, a,
				  kind->tagged ? mu_arena_printf(a, "%s?sync=false", path) : path,
				  etag, body, ret_answer, err);
		if (r != CLI_API_STALE)
			return r;
	}
	return mu_error_set(err, MU_E_STATE, "it changes all the time; hint: try again");
}

static int change(struct cli_declare *d, const struct cli_kind *kind, const struct cli_found *found,
		  const struct cli_diff *diff, const struct mu_value *seen, const char *rename,
		  const struct mu_value **ret_answer, struct mu_error *err)
{
	struct mu_value *body = cli_diff_body(d->cli->arena, diff);

	*ret_answer = mu_value_null(d->cli->arena);
	if (kind->fixed)
		return mu_error_set(
		    err, MU_E_UNSUPPORTED,
		    "what is there cannot be changed (%.100s); hint: delete it, and "
		    "apply again",
		    cli_diff_names(d->cli->arena, diff));
	if (rename)
		mu_value_set_string(d->cli->arena, body, kind->rename, rename);
	return body->first ? patch(d, kind, found, body, seen, ret_answer, err) : 0;
}

int cli_declare_change(struct cli_declare *d, const struct cli_kind *kind,
		       const struct cli_found *found, const struct cli_diff *diff,
		       const struct mu_value *seen, const char *rename)
{
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *answer;
	int r;

	if (change(d, kind, found, diff, seen, rename, &answer, &err) < 0) {
		(void)mu_error_prefix(&err, "%s %s", kind->noun, found->name);
		return cli_fail(&err);
	}
	r = finish(d->cli, found->name, answer);
	if (r == CLI_OK && cli_related_change(d->cli, kind, found->id, diff, &err) < 0) {
		(void)mu_error_prefix(&err, "%s %s", kind->noun, found->name);
		return cli_fail(&err);
	}
	return r;
}
