/* SPDX-License-Identifier: Apache-2.0 */
/* Print what is served, for test_openapi.py: "route METHOD PATTERN RIGHT PART",
 * "field TYPE NAME", "action NAME", "method NAME", "argument METHOD NAME
 * optional|required|one". */
#include "aggregator/rest/admin.h"
#include "aggregator/rest/alarms.h"
#include "aggregator/rest/contract.h"
#include "aggregator/rest/exposition.h"
#include "common/rest/render.h"
#include "common/rest/xo_socket.h"

#include <stdio.h>

static void print_fields(const struct rest_type *type)
{
	for (size_t i = 0; i < type->n_fields; i++)
		printf("field %s %s\n", type->name, type->fields[i].name);
}

static void print_route(enum http_method method, const char *pattern, const char *right,
			const char *part)
{
	static const char *const methods[_HTTP_METHOD_COUNT] = {"get",   "post",   "put",
								"patch", "delete", "other"};

	printf("route %s %s %s %s\n", methods[method], pattern, right ? right : "none", part);
}

static void print_methods(void)
{
	static const char *const needs[] = {
	    [CALL_OPTIONAL] = "optional", [CALL_REQUIRED] = "required", [CALL_ONE_OF] = "one"};
	const struct call_method *m;

	for (size_t i = 0; (m = call_next(&i));) {
		printf("method %s\n", m->name);
		for (size_t k = 0; k < m->n_args; k++)
			printf("argument %s %s %s\n", m->name, m->args[k].name,
			       needs[m->args[k].need]);
	}
}

int main(void)
{
	const struct rest_route_info *routes = NULL;
	size_t n_routes = rest_routes(&routes);
	static const struct rest_type *const types[] = {
	    &rest_type_vm,          &rest_type_vm_snapshot,
	    &rest_type_vm_template, &rest_type_host,
	    &rest_type_sr,          &rest_type_pbd,
	    &rest_type_vdi,         &rest_type_vdi_snapshot,
	    &rest_type_vbd,         &rest_type_network,
	    &rest_type_pif,         &rest_type_vif,
	    &rest_type_pci,         &rest_type_pool,
	    &rest_type_task,        &rest_type_alarm,
	    &rest_type_message,     &rest_type_server,
	    &rest_type_sm,          &rest_type_vm_controller,
	};
	struct rest rest = {0};

	for (size_t i = 0; i < n_routes; i++)
		print_route(routes[i].method, routes[i].pattern, routes[i].right, "common");
	admin_routes_add(&rest, NULL);
	alarm_routes_add(&rest, NULL);
	exposition_routes_add(&rest, NULL);
	contract_routes_add(&rest);
	xo_socket_routes_add(&rest);
	for (size_t set = 0; set < rest.n_route_sets; set++)
		for (size_t i = 0; i < rest.route_sets[set].n_routes; i++) {
			const struct rest_route *r = &rest.route_sets[set].routes[i];

			print_route(r->method, r->pattern, r->right, "aggregator");
		}
	for (size_t i = 0; i < MU_ARRAY_SIZE(types); i++)
		print_fields(types[i]);
	for (unsigned op = 0; op < _VM_OP_COUNT; op++)
		printf("action %s\n", vm_op_name((enum vm_op)op));
	print_methods();
	return 0;
}
