/* SPDX-License-Identifier: Apache-2.0 */
/* Every route of both programs: it says what it takes, and who has that not is refused. */
#include "aggregator/rest/admin.h"
#include "aggregator/rest/alarms.h"
#include "aggregator/rest/contract.h"
#include "aggregator/rest/exposition.h"
#include "common/base/str.h"
#include "common/rest/access.h"
#include "common/rest/xo_socket.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define VIEWER "Bearer look:only"

static struct fixture *f;

static void setup(void)
{
	f = fixture_new();
	admin_routes_add(f->rest, NULL);
	alarm_routes_add(f->rest, NULL);
	exposition_routes_add(f->rest, NULL);
	contract_routes_add(f->rest);
	xo_socket_routes_add(f->rest);
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(rights, .init = setup, .fini = teardown);

static void each_route(void (*each)(const struct rest_route_info *r))
{
	const struct rest_route_info *infos;
	size_t n = rest_routes(&infos);

	cr_assert_gt(n, 100);
	for (size_t i = 0; i < n; i++)
		each(&infos[i]);
	for (size_t set = 0; set < f->rest->n_route_sets; set++) {
		cr_assert_gt(f->rest->route_sets[set].n_routes, 0);
		for (size_t i = 0; i < f->rest->route_sets[set].n_routes; i++) {
			const struct rest_route *r = &f->rest->route_sets[set].routes[i];

			each(&(struct rest_route_info){r->method, r->pattern, r->right, false});
		}
	}
}

static bool is_word(const char *right)
{
	return mu_str_equal(right, REST_OPEN) || mu_str_equal(right, REST_SIGNED_IN) ||
	       mu_str_equal(right, REST_ADMIN);
}

static void right_is_known(const struct rest_route_info *r)
{
	char resource[RIGHTS_RESOURCE_MAX + 1];
	struct mu_error err = MU_ERROR_INIT;
	const char *action;

	cr_expect_not_null(r->right, "%s states no privilege", r->pattern);
	if (!r->right || is_word(r->right))
		return;
	rights_split(r->right, resource, &action);
	if (strcmp(action, "{action}") == 0)
		action = "*";
	cr_expect_eq(rights_known(resource, action, &err), 0, "%s: %s", r->pattern, err.text);
}

Test(rights, every_route_states_one)
{
	each_route(right_is_known);
}

/* The path with something in place of its variables. */
static void path_of(const char *pattern, struct mu_str *out)
{
	while (*pattern) {
		if (*pattern != '{') {
			mu_str_add_char(out, *pattern++);
			continue;
		}
		mu_str_add(out, strncmp(pattern, "{action}", 8) == 0 ? "start"
				: strstr(out->data, "/vms/")         ? VM_WEB
				: strstr(out->data, "/hosts/")       ? HOST_1
								     : NOBODY);
		pattern += strcspn(pattern, "}") + 1;
	}
}

static bool is_list(const struct rest_route_info *r)
{
	return r->method == HTTP_GET && !strchr(r->pattern, '{') && strstr(r->right, ":read");
}

static void is_refused(const struct rest_route_info *r)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str path = MU_STR_INIT;
	struct http_request *q;
	int status;

	if (mu_str_equal(r->right, REST_OPEN) || mu_str_equal(r->right, REST_SIGNED_IN))
		return;
	path_of(r->pattern, &path);
	q = fixture_call_as(f, r->method, path.data, "authorization", VIEWER);
	status = http_request_for_test_status(q);
	if (status == 200 || status == 400)
		cr_expect(is_list(r) &&
			      (status == 400 || !strcmp(http_request_for_test_body(q), "[]")),
			  "%s: %s", path.data, http_request_for_test_body(q));
	else
		cr_expect(status == 403 || status == 404, "%s: %d", path.data, status);
	if (status == 403 && !mu_str_equal(r->right, REST_ADMIN))
		cr_expect(strstr(http_request_for_test_body(q), "missingPrivileges"), "%s",
			  path.data);
	http_request_for_test_free(q);
}

Test(rights, who_has_nothing_gets_nothing)
{
	fixture_allow(f, NULL, 0);
	each_route(is_refused);
	cr_expect_eq(f->n_ops, 0);
}

/* Nothing is missing from the index that is served. */
Test(rights, the_index_has_the_aggregators_own)
{
	static const char *const paths[] = {"acl-roles", "audit", "docs", "tasks", "users", "vms"};
	struct http_request *r = fixture_call_as(f, HTTP_GET, "/rest/v0", NULL, NULL);
	const char *at = http_request_for_test_body(r);

	for (size_t i = 0; i < MU_ARRAY_SIZE(paths); i++) {
		char quoted[64];

		(void)snprintf(quoted, sizeof quoted, "\"/rest/v0/%s\"", paths[i]);
		at = strstr(at, quoted); /* in order */
		cr_assert(at, "%s", quoted);
	}
	cr_expect_null(strchr(http_request_for_test_body(r), '{'));
	http_request_for_test_free(r);
}

Test(rights, nobody_who_is_not_known_gets_anything_that_is_not_open)
{
	fixture_expect(fixture_call_as(f, HTTP_GET, "/rest/v0/audit", NULL, NULL), 401, NULL);
}

/* What PATCH takes is there for each property that it knows. */
Test(rights, every_property_has_one)
{
	for (size_t i = 0; i < rest_n_call_routes; i++) {
		const struct rest_call_route *route = &rest_call_routes[i];
		const struct call_method *m = route->method ? call_find(route->method) : NULL;
		char resource[RIGHTS_RESOURCE_MAX + 1];
		struct mu_error err = MU_ERROR_INIT;
		char action[RIGHTS_ACTION_MAX + 1];
		const char *rest;

		if (route->info.method != HTTP_PATCH)
			continue;
		rights_split(route->info.right, resource, &rest);
		for (size_t k = 0; k < m->n_args; k++) {
			const char *name = m->args[k].name;

			(void)snprintf(action, sizeof action, "update:%s",
				       strstr(name, "Tags") ? "tags" : name);
			if (strcmp(m->args[k].name, "device") != 0) /* the path has it */
				cr_expect_eq(rights_known(resource, action, &err), 0, "%s",
					     err.text);
		}
	}
}
