/* SPDX-License-Identifier: Apache-2.0 */
/* Print what common/rest serves, for test_openapi.py: "route METHOD PATTERN open|closed",
 * "field TYPE NAME", "action NAME". */
#include "common/rest/render.h"

#include <stdio.h>

static void print_fields(const struct rest_type *type)
{
	for (size_t i = 0; i < type->n_fields; i++)
		printf("field %s %s\n", type->name, type->fields[i].name);
}

int main(void)
{
	static const char *const methods[_HTTP_METHOD_COUNT] = {"get",   "post",   "put",
								"patch", "delete", "other"};
	const struct rest_route_info *routes = NULL;
	size_t n_routes = rest_routes(&routes);

	for (size_t i = 0; i < n_routes; i++)
		printf("route %s %s %s\n", methods[routes[i].method], routes[i].pattern,
		       routes[i].open ? "open" : "closed");
	print_fields(&rest_type_vm);
	print_fields(&rest_type_host);
	print_fields(&rest_type_pool);
	print_fields(&rest_type_task);
	for (unsigned op = 0; op < _VM_OP_COUNT; op++)
		printf("action %s\n", vm_op_name((enum vm_op)op));
	return 0;
}
