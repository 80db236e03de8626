/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher: find the route, find out who asks, call the resource.
 *
 * Whoever is not known learns nothing of what is here: authentication comes before 404 and 405.
 * Which paths there may be is no secret, the contract is open. What a route takes is in the tables;
 * access.c compares it with what the user has.
 */
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/os/clock.h"
#include "common/rest/access.h"
#include "common/rest/alarms.h"
#include "common/rest/etag.h"
#include "common/rest/keys.h"
#include "common/rest/messages.h"
#include "common/rest/relations.h"
#include "common/rest/render.h"

#include <stdlib.h>
#include <string.h>

struct route {
	struct rest_route_info info;
	struct http_reply *(*handle)(struct rest_call *c);
	const struct rest_type *type; /* what it is about, for handlers that serve several */
};

static struct http_reply *get_index(struct rest_call *c);

static struct http_reply *get_ping(struct rest_call *c)
{
	struct mu_value *v = mu_value_object(c->arena);

	mu_value_set_string(c->arena, v, "result", "pong");
	mu_value_set_int(c->arena, v, "timestamp", mu_clock_wall());
	mu_value_set_string(c->arena, v, "version", MUSTER_VERSION);
	return http_reply_json(c->request, 200, v);
}

/* Where Xen Orchestra's user interfaces are: there are none here. */
static struct http_reply *get_gui_routes(struct rest_call *c)
{
	return http_reply_json(c->request, 200, mu_value_object(c->arena));
}

/* A collection that is only looked at. */
#define LOOK(collection, of, resource)                                                             \
	{{HTTP_GET, "/rest/v0/" collection, resource ":read"}, rest_get_list, &(of)},              \
	{                                                                                          \
		{HTTP_GET, "/rest/v0/" collection "/{id}", resource ":read"}, rest_get_one, &(of)  \
	}
#define OF_ONE(collection, part, handler, of, resource)                                            \
	{                                                                                          \
		{HTTP_GET, "/rest/v0/" collection "/{id}/" part, resource ":read"}, handler, &(of) \
	}
#define ALARMS(collection, of, resource)                                                           \
	OF_ONE(collection, "alarms", rest_get_alarms_of, of, resource)
#define MESSAGES(collection, of, resource)                                                         \
	OF_ONE(collection, "messages", rest_get_messages_of, of, resource)
#define TASKS(collection, of, resource) OF_ONE(collection, "tasks", rest_get_tasks_of, of, resource)
#define KEPT_TAGS(collection, handler, resource)                                                   \
	{{HTTP_PUT, "/rest/v0/" collection "/{id}/tags/{tag}", resource ":update:tags"}, handler}, \
	{                                                                                          \
		{HTTP_DELETE, "/rest/v0/" collection "/{id}/tags/{tag}", resource ":update:tags"}, \
		    handler                                                                        \
	}
/* The same, with what has been of each. */
#define LOOK_ALL(collection, of, resource)                                                         \
	LOOK(collection, of, resource), ALARMS(collection, of, resource),                          \
	    MESSAGES(collection, of, resource), TASKS(collection, of, resource)

static const struct route routes[] = {
    {{HTTP_GET, "/rest/v0", REST_OPEN}, get_index},
    {{HTTP_GET, "/rest/v0/ping", REST_OPEN}, get_ping},
    {{HTTP_GET, "/rest/v0/hosts", "host:read"}, rest_get_hosts},
    {{HTTP_GET, "/rest/v0/hosts/{id}", "host:read"}, rest_get_host},
    {{HTTP_GET, "/rest/v0/hosts/{id}/tasks", "host:read"}, rest_get_host_tasks},
    {{HTTP_POST, "/rest/v0/hosts/{id}/vms", REST_ADMIN}, rest_post_host_vm},
    {{HTTP_GET, "/rest/v0/hosts/{id}/details", "host:read"}, rest_get_host_details},
    {{HTTP_GET, "/rest/v0/hosts/{id}/dmesg", "host:log"}, rest_get_host_dmesg},
    {{HTTP_GET, "/rest/v0/hosts/{id}/journal", "host:log"}, rest_get_host_journal},
    {{HTTP_GET, "/rest/v0/hosts/{id}/boots", "host:log"}, rest_get_host_boots},
    {{HTTP_GET, "/rest/v0/hosts/{id}/smt", "host:log"}, rest_get_host_smt},
    {{HTTP_GET, "/rest/v0/hosts/{id}/stats", "host:read"}, rest_get_host_stats},
    {{HTTP_GET, "/rest/v0/vms/{id}.{format}", "vm:export"}, rest_get_vm_content},
    {{HTTP_GET, "/rest/v0/vm-snapshots/{id}.{format}", "vm-snapshot:export"}, rest_get_vm_content},
    {{HTTP_GET, "/rest/v0/vm-templates/{id}.{format}", "vm-template:export"}, rest_get_vm_content},
    LOOK_ALL("vms", rest_type_vm, "vm"),
    {{HTTP_GET, "/rest/v0/vms/{id}/definition", "vm:export"}, rest_get_definition, &rest_type_vm},
    {{HTTP_GET, "/rest/v0/vm-snapshots/{id}/definition", "vm-snapshot:export"},
     rest_get_definition,
     &rest_type_vm_snapshot},
    {{HTTP_GET, "/rest/v0/vm-templates/{id}/definition", "vm-template:export"},
     rest_get_definition,
     &rest_type_vm_template},
    {{HTTP_GET, "/rest/v0/vms/{id}/actions", "vm:read"}, rest_get_vm_actions},
    {{HTTP_POST, "/rest/v0/vms/{id}/actions/{action}", "vm:{action}"}, rest_post_vm_action},
    {{HTTP_POST, "/rest/v0/vms/actions/{action}", "vm:{action}"}, rest_post_vm_group},
    {{HTTP_GET, "/rest/v0/vms/{id}/vdis", "vm:read"}, rest_get_vm_vdis, &rest_type_vm},
    LOOK_ALL("vm-snapshots", rest_type_vm_snapshot, "vm-snapshot"),
    {{HTTP_GET, "/rest/v0/vm-snapshots/{id}/vdis", "vm-snapshot:read"},
     rest_get_vm_vdis,
     &rest_type_vm_snapshot},
    LOOK_ALL("vm-templates", rest_type_vm_template, "vm-template"),
    {{HTTP_GET, "/rest/v0/vm-templates/{id}/vdis", "vm-template:read"},
     rest_get_vm_vdis,
     &rest_type_vm_template},
    {{HTTP_GET, "/rest/v0/vdis/{id}.{format}", "vdi:export-content"}, rest_get_vdi_content},
    {{HTTP_GET, "/rest/v0/vdi-snapshots/{id}.{format}", "vdi-snapshot:export"},
     rest_get_vdi_content},
    {{HTTP_POST, "/rest/v0/pools/{id}/vms", "pool:create:vm", true}, rest_post_pool_vm},
    {{HTTP_PUT, "/rest/v0/vdis/{id}.{format}", "vdi:import-content", true}, rest_put_vdi_content},
    {{HTTP_POST, "/rest/v0/srs/{id}/vdis", "sr:import:vdi", true}, rest_post_sr_vdi},
    {{HTTP_POST, "/rest/v0/srs/{id}/uploads", "sr:import:vdi"}, rest_post_sr_upload},
    {{HTTP_POST, "/rest/v0/vdis/{id}/uploads", "vdi:import-content"}, rest_post_vdi_upload},
    {{HTTP_GET, "/rest/v0/hosts/{id}/uploads", "host:upload"}, rest_get_uploads},
    {{HTTP_GET, "/rest/v0/hosts/{id}/uploads/{upload}", "host:upload"}, rest_get_upload},
    {{HTTP_PATCH, "/rest/v0/hosts/{id}/uploads/{upload}", "host:upload", true}, rest_patch_upload},
    {{HTTP_DELETE, "/rest/v0/hosts/{id}/uploads/{upload}", "host:upload"}, rest_delete_upload},
    LOOK_ALL("vm-controllers", rest_type_vm_controller, "vm-controller"),
    OF_ONE("vm-controllers", "vdis", rest_get_controller_vdis, rest_type_vm_controller,
	   "vm-controller"),
    LOOK_ALL("srs", rest_type_sr, "sr"),
    {{HTTP_GET, "/rest/v0/srs/{id}/stats", "sr:read"}, rest_get_sr_stats},
    ALARMS("hosts", rest_type_host, "host"),
    LOOK("alarms", rest_type_alarm, "alarm"),
    LOOK("messages", rest_type_message, "message"),
    LOOK_ALL("vdis", rest_type_vdi, "vdi"),
    LOOK_ALL("vdi-snapshots", rest_type_vdi_snapshot, "vdi-snapshot"),
    LOOK_ALL("networks", rest_type_network, "network"),
    LOOK_ALL("pifs", rest_type_pif, "pif"),
    LOOK("pcis", rest_type_pci, "pci"),
    LOOK("pbds", rest_type_pbd, "pbd"),
    LOOK_ALL("vbds", rest_type_vbd, "vbd"),
    LOOK_ALL("vifs", rest_type_vif, "vif"),
    {{HTTP_GET, "/rest/v0/vms/{id}/stats", "vm:read"}, rest_get_vm_stats},
    {{HTTP_GET, "/rest/v0/vms/{id}/stats.xml", "vm:read"}, rest_get_vm_rrd},
    {{HTTP_GET, "/rest/v0/hosts/{id}/stats.xml", "host:read"}, rest_get_host_rrd},
    {{HTTP_GET, "/rest/v0/stats", REST_SIGNED_IN}, rest_get_newest_stats},
    /* xcp-rrdd's paths. */
    {{HTTP_GET, "/vm_rrd", "vm:read"}, rest_get_vm_rrd_query},
    {{HTTP_GET, "/host_rrd", "host:read"}, rest_get_host_rrd_query},
    {{HTTP_GET, "/rrd_updates", REST_SIGNED_IN}, rest_get_rrd_updates},
    {{HTTP_GET, "/rest/v0/vms/{id}/console", "vm:console:view"}, rest_get_vm_console},
    {{HTTP_GET, "/rest/v0/pools", "pool:read"}, rest_get_pools},
    {{HTTP_GET, "/rest/v0/pools/{id}", "pool:read"}, rest_get_pool},
    {{HTTP_GET, "/rest/v0/pools/{id}/stats", "pool:read"}, rest_get_pool_stats},
    KEPT_TAGS("hosts", rest_tag_host, "host"),
    KEPT_TAGS("networks", rest_tag_network, "network"),
    KEPT_TAGS("pools", rest_tag_pool, "pool"),
    KEPT_TAGS("vm-controllers", rest_tag_controller, "vm-controller"),
    {{HTTP_GET, "/rest/v0/tasks", "task:read"}, rest_get_tasks},
    {{HTTP_GET, "/rest/v0/tasks/{id}", "task:read"}, rest_get_task},
    {{HTTP_DELETE, "/rest/v0/tasks", REST_SIGNED_IN}, rest_delete_tasks},
    {{HTTP_DELETE, "/rest/v0/tasks/{id}", "task:delete"}, rest_delete_task},
    {{HTTP_POST, "/rest/v0/tasks/{id}/actions/abort", "task:abort"}, rest_post_task_abort},
    /* The path that existing Go clients use. */
    {{HTTP_POST, "/rest/v0/tasks/{id}/abort", "task:abort"}, rest_post_task_abort_told},
    {{HTTP_GET, "/rest/v0/events", REST_SIGNED_IN}, rest_get_events},
    {{HTTP_POST, "/rest/v0/events/{id}/subscriptions", REST_SIGNED_IN}, rest_post_subscription},
    {{HTTP_DELETE, "/rest/v0/events/{id}/subscriptions/{collection}", REST_SIGNED_IN},
     rest_delete_subscription},
    ALARMS("pools", rest_type_pool, "pool"),
    MESSAGES("hosts", rest_type_host, "host"),
    MESSAGES("pools", rest_type_pool, "pool"),
    TASKS("pools", rest_type_pool, "pool"),
    TASKS("servers", rest_type_server, "server"),
    LOOK("servers", rest_type_server, "server"),
    LOOK("sms", rest_type_sm, "sm"),
    LOOK("pgpus", rest_type_pgpu, "pgpu"),
    LOOK("proxies", rest_type_proxy, "proxy"),
    LOOK("schedules", rest_type_schedule, "schedule"),
    LOOK("backup-jobs", rest_type_backup_job, "backup-job"),
    LOOK("backup-logs", rest_type_backup_log, "backup-log"),
    LOOK("restore-logs", rest_type_restore_log, "restore-log"),
    LOOK("backup-repositories", rest_type_backup_repository, "backup-repository"),
    LOOK("backup-archives", rest_type_backup_archive, "backup-archive"),
    {{HTTP_GET, "/rest/v0/vms/{id}/backup-jobs", "vm:read"},
     rest_get_backup_jobs_of,
     &rest_type_vm},
    {{HTTP_GET, "/rest/v0/gui-routes", REST_OPEN}, get_gui_routes},
    {{HTTP_GET, "/rest/v0/dashboard", REST_SIGNED_IN}, rest_get_dashboard},
    {{HTTP_GET, "/rest/v0/pools/{id}/dashboard", "pool:read"}, rest_get_pool_dashboard},
    {{HTTP_GET, "/rest/v0/vms/{id}/dashboard", "vm:read"}, rest_get_vm_dashboard},
};

size_t rest_routes(const struct rest_route_info **ret_routes)
{
	static struct rest_route_info infos[MU_ARRAY_SIZE(routes) + REST_CALL_ROUTES_MAX];
	size_t n = 0;

	mu_assert(rest_n_call_routes <= REST_CALL_ROUTES_MAX);
	for (size_t i = 0; i < MU_ARRAY_SIZE(routes); i++)
		infos[n++] = routes[i].info;
	for (size_t i = 0; i < rest_n_call_routes; i++)
		infos[n++] = rest_call_routes[i].info;
	*ret_routes = infos;
	return n;
}

/* Index */

struct index {
	const char **paths;
	size_t n;
};

/* What a GET of "/rest/v0/NAME" finds. */
static void add_to_index(struct index *x, enum http_method method, const char *pattern)
{
	const char *name = pattern + strlen("/rest/v0/");

	if (method == HTTP_GET && mu_str_has_prefix(pattern, "/rest/v0/") && !strpbrk(name, "/{"))
		x->paths[x->n++] = pattern;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct http_reply *get_index(struct rest_call *c)
{
	const struct rest *rest = c->rest;
	struct mu_value *v = mu_value_list(c->arena);
	size_t most = MU_ARRAY_SIZE(routes);
	struct index x = {.n = 0};

	for (size_t s = 0; s < rest->n_route_sets; s++)
		most += rest->route_sets[s].n_routes;
	x.paths = mu_arena_calloc(c->arena, most, sizeof *x.paths);
	for (size_t i = 0; i < MU_ARRAY_SIZE(routes); i++)
		add_to_index(&x, routes[i].info.method, routes[i].info.pattern);
	for (size_t s = 0; s < rest->n_route_sets; s++)
		for (size_t i = 0; i < rest->route_sets[s].n_routes; i++)
			add_to_index(&x, rest->route_sets[s].routes[i].method,
				     rest->route_sets[s].routes[i].pattern);
	qsort(x.paths, x.n, sizeof *x.paths, compare_paths);
	for (size_t i = 0; i < x.n; i++)
		mu_value_push(v, mu_value_string(c->arena, x.paths[i]));
	return http_reply_json(c->request, 200, v);
}

struct rest *rest_new(struct mu_loop *loop, const struct rest_backend *backend)
{
	struct rest *rest = mu_xcalloc(1, sizeof *rest);

	mu_assert(backend->authenticate && backend->each_host && backend->each_vm &&
		  backend->each_task && backend->each_object && backend->each_report &&
		  backend->host_find && backend->vm_find && backend->object_find &&
		  backend->task_find && backend->pool && backend->vm_op && backend->task_abort &&
		  !backend->each_alarm == !backend->alarm_find);
	rest->loop = loop;
	rest->backend = *backend;
	rest->ping_every = REST_PING_EVERY_MS;
	rest->session_every = REST_SESSION_EVERY_MS;
	rest->stranger_patience = REST_STRANGER_PATIENCE_MS;
	rest->session_timer = mu_timer_new(loop, rest_sessions_check, rest);
	mu_link_init(&rest->sessions);
	mu_link_init(&rest->waiters);
	mu_link_init(&rest->host_groups);
	mu_link_init(&rest->task_watches);
	rest->feed = rest_feed_new(rest);
	rest->relations = rest_feed_relations_new(rest->feed, &rest->backend);
	rest->alarms = rest_alarms_new(rest);
	rest->keys = rest_keys_new(rest);
	return rest;
}

struct rest *rest_free(struct rest *rest)
{
	if (!rest)
		return NULL;
	mu_assert(mu_list_empty(&rest->waiters) && mu_list_empty(&rest->host_groups) &&
		  mu_list_empty(&rest->task_watches));
	mu_assert(mu_list_empty(&rest->sessions) && rest->n_exports == 0 &&
		  rest->n_export_bytes == 0 && rest->n_strangers == 0);
	rest->session_timer = mu_timer_free(rest->session_timer);
	rest->keys = rest_keys_free(rest->keys);
	rest->alarms = rest_alarms_free(rest->alarms);
	rest->feed = rest_feed_free(rest->feed);
	rest->relations = rest_relations_free(rest->relations);
	free(rest);
	return NULL;
}

void rest_add_routes(struct rest *rest, const struct rest_route *more, size_t n_routes, void *ctx)
{
	size_t i = rest->n_route_sets++;

	mu_assert(i < REST_ROUTE_SETS_MAX);
	rest->route_sets[i].routes = more;
	rest->route_sets[i].n_routes = n_routes;
	rest->route_sets[i].ctx = ctx;
}

void rest_add_tagged(struct rest *rest, const struct rest_etagged *tagged, size_t n_tagged,
		     void *ctx)
{
	size_t i = rest->n_tagged_sets++;

	mu_assert(i < REST_ROUTE_SETS_MAX);
	rest->tagged_sets[i].tagged = tagged;
	rest->tagged_sets[i].n_tagged = n_tagged;
	rest->tagged_sets[i].ctx = ctx;
}

void rest_host_changed(struct rest *rest, enum rest_change what, const struct model_host *h)
{
	rest_feed_host_changed(rest->feed, what, h);
}

void rest_vm_changed(struct rest *rest, enum rest_change what, const struct model_vm *vm)
{
	rest_relations_vm_changed(rest->relations, what, vm);
}

void rest_object_changed(struct rest *rest, enum rest_change what, const struct model_object *o)
{
	rest_relations_object_changed(rest->relations, what, o);
	rest_alarms_object_changed(rest->alarms, what, o);
}

void rest_report_changed(struct rest *rest, enum rest_change what, const struct model_object *o)
{
	rest_relations_report_changed(rest->relations, what, o);
}

void rest_task_changed(struct rest *rest, enum rest_change what, const struct model_task *t)
{
	rest_feed_task_changed(rest->feed, what, t);
	rest_messages_task_changed(rest, what, t);
	rest_task_watches_changed(rest, what, t);
	if (what == REST_REMOVE)
		return;
	rest_waiters_task_changed(rest, t);
	rest_host_groups_task_changed(rest, t);
}

/* Routes */

static const char *const method_names[_HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET",     [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_OTHER] = "OTHER",
};

/* "{id}.{format}": two variables, on both sides of the last dot. */
static bool segment_has_two(const char *pattern, size_t len)
{
	return pattern[len - 1] == '}' && memmem(pattern, len, "}.{", 3);
}

static bool split_segment(struct mu_arena *a, const char *path, size_t len, const char *vars[2])
{
	const char *dot = memrchr(path, '.', len);

	if (!dot || dot == path || dot == path + len - 1)
		return false;
	vars[0] = mu_arena_strndup(a, path, (size_t)(dot - path));
	vars[1] = mu_arena_strndup(a, dot + 1, (size_t)(path + len - dot - 1));
	return true;
}

/* Match segment by segment; what stands for a {variable} goes into vars[0..1]. */
static bool path_matches(struct mu_arena *a, const char *pattern, const char *path,
			 const char *vars[2])
{
	size_t n_vars = 0;

	while (*pattern && *path) {
		size_t pattern_len = strcspn(pattern + 1, "/") + 1;
		size_t path_len = strcspn(path + 1, "/") + 1;

		if (pattern[1] == '{' && segment_has_two(pattern, pattern_len)) {
			mu_assert(n_vars == 0);
			if (!split_segment(a, path + 1, path_len - 1, vars))
				return false;
			n_vars = 2;
		} else if (pattern[1] == '{') {
			mu_assert(n_vars < 2);
			if (path_len == 1)
				return false;
			vars[n_vars++] = mu_arena_strndup(a, path + 1, path_len - 1);
		} else if (pattern_len != path_len || strncmp(pattern, path, path_len) != 0) {
			return false;
		}
		pattern += pattern_len;
		path += path_len;
	}
	return !*pattern && !*path;
}

struct match {
	struct rest_route_info info; /* of what was found */
	const struct route *route;
	const struct rest_call_route *call;
	const struct rest_route *more; /* of a route set */
	void *more_ctx;
	const char *vars[2];
	unsigned allowed; /* methods of the path, as bits */
};

static bool found(const struct match *m)
{
	return m->route || m->call || m->more;
}

/* Is the route the request's? The first that matches counts. */
static bool consider(struct rest_call *c, struct match *m, const struct rest_route_info *info)
{
	const char *vars[2] = {NULL, NULL};

	if (!path_matches(c->arena, info->pattern, c->request->path, vars))
		return false;
	m->allowed |= 1u << info->method;
	if (found(m) || info->method != c->request->method)
		return false;
	m->info = *info;
	memcpy(m->vars, vars, sizeof vars);
	return true;
}

static struct match find_route(struct rest_call *c)
{
	struct match m = {0};

	/* First, as some are narrower than what comes behind ("actions/snapshot"). */
	for (size_t i = 0; i < rest_n_call_routes; i++)
		if (consider(c, &m, &rest_call_routes[i].info))
			m.call = &rest_call_routes[i];
	for (size_t i = 0; i < MU_ARRAY_SIZE(routes); i++)
		if (consider(c, &m, &routes[i].info))
			m.route = &routes[i];
	for (size_t s = 0; s < c->rest->n_route_sets; s++)
		for (size_t i = 0; i < c->rest->route_sets[s].n_routes; i++) {
			const struct rest_route *more = &c->rest->route_sets[s].routes[i];
			struct rest_route_info info = {more->method, more->pattern, more->right,
						       false};

			if (consider(c, &m, &info)) {
				m.more = more;
				m.more_ctx = c->rest->route_sets[s].ctx;
			}
		}
	return m;
}

static struct http_reply *no_route(struct rest_call *c, unsigned allowed)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_str allow = MU_STR_INIT;
	struct http_reply *reply;

	if (!allowed) {
		(void)mu_error_set(&err, MU_E_NOT_FOUND, "no such path: %s", c->request->path);
		return rest_error(c, &err);
	}
	for (unsigned m = 0; m < HTTP_OTHER; m++)
		if (allowed & 1u << m)
			mu_str_printf(&allow, "%s%s", allow.len ? ", " : "", method_names[m]);
	(void)mu_error_set(&err, MU_E_INVALID, "%s is not possible here; hint: %s",
			   method_names[c->request->method], allow.data);
	reply = http_reply_error_status(c->request, 405, &err, NULL);
	http_reply_header(reply, "allow", allow.data);
	mu_str_deinit(&allow);
	return reply;
}

void rest_counts(const struct rest *rest, struct rest_counts *ret)
{
	*ret = rest->counts;
}

bool rest_streams(struct http_request *r, void *rest)
{
	struct rest_call c = {.rest = rest, .request = r, .arena = r->arena};
	struct match m = find_route(&c);

	return m.route && m.route->info.streams;
}

static bool is_open(const struct match *m)
{
	return found(m) && mu_str_equal(m->info.right, REST_OPEN);
}

bool rest_is_trial(struct http_request *r)
{
	const char *text = http_request_query(r, "dryRun");

	return text && (!text[0] || strcmp(text, "true") == 0);
}

/* A dry run of what knows none would be the change itself. */
static struct http_reply *refuse_trial(struct rest_call *c, const struct match *m)
{
	struct mu_error err = MU_ERROR_INIT;
	bool trial;

	if (rest_query_bool(c, "dryRun", &trial, &err) < 0)
		return rest_bad_request(c, &err);
	if (!trial || m->call || (m->more && m->more->tries))
		return NULL;
	(void)mu_error_set(&err, MU_E_PROTOCOL,
			   "dryRun: there is none of %s %s; hint: leave it out",
			   method_names[c->request->method], c->request->path);
	return rest_error(c, &err);
}

static struct http_reply *carry_out(struct rest_call *c, void *arg)
{
	const struct match *m = arg;
	struct http_reply *refusal;

	if (c->request->method != HTTP_GET && (refusal = refuse_trial(c, m)))
		return refusal;
	if (c->request->method != HTTP_GET && (refusal = rest_etag_check(c, m->vars[0])))
		return refusal;
	if (m->more)
		return m->more->handle(c->request, is_open(m) ? NULL : &c->user, m->vars[0],
				       m->more_ctx);
	c->id = m->vars[0];
	c->name = m->vars[1];
	if (m->call)
		return rest_call_handle(c, m->call);
	c->type = m->route->type;
	return m->route->handle(c);
}

/* HTTP/2 drops headers that the library does not know, hence also as a parameter. */
static struct http_reply *with_key(struct rest_call *c, struct match *m)
{
	const struct http_request *r = c->request;
	const char *key = http_request_header(r, "idempotency-key");
	struct mu_error err = MU_ERROR_INIT;

	if (!key)
		key = http_request_query(r, "idempotencyKey");
	if (!key || r->method == HTTP_GET || r->method == HTTP_PUT)
		return carry_out(c, m);
	/* Their answers can hold secrets, which are kept nowhere; their bodies are not held. */
	if (m->more || (m->route && m->route->info.streams)) {
		(void)mu_error_set(&err, MU_E_PROTOCOL,
				   "Idempotency-Key: not for %s; hint: leave it out", r->path);
		return rest_error(c, &err);
	}
	return rest_keyed(c, key, carry_out, mu_arena_memdup(c->arena, m, sizeof *m));
}

/* c->user is known, or the route is open to all. */
static struct http_reply *dispatch(struct rest_call *c)
{
	struct match m = find_route(c);
	struct http_reply *reply = NULL;

	if (!found(&m))
		return rest_tell_refusal(c, NULL, no_route(c, m.allowed));
	if (!is_open(&m))
		reply = rest_access_check(c, &m.info, m.vars);
	if (!reply)
		reply = with_key(c, &m);
	return rest_tell_refusal(c, m.info.pattern, reply);
}

struct http_reply *rest_handle(struct http_request *r, void *rest)
{
	struct rest_call c = {.rest = rest, .request = r, .arena = r->arena};
	struct match m = find_route(&c);

	c.rest->counts.n_requests[r->method]++;
	return is_open(&m) ? dispatch(&c) : rest_authenticate(&c, dispatch);
}
