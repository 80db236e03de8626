/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/method.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <criterion/criterion.h>

/* "VERB path body" */
static void expect(const struct cli_method_call *call, const char *arguments, const char *says)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct cli_method_call c = *call;
	struct cli_method_request r;
	struct mu_value *v = NULL;

	if (arguments)
		cr_assert_eq(mu_json_read(a, arguments, strlen(arguments), &v, NULL), 0);
	c.arguments = v;
	cli_method_request(a, &c, &r);
	mu_str_printf(&text, "%s %s", r.verb, r.path);
	if (r.body) {
		mu_str_add_char(&text, ' ');
		mu_json_write(&text, r.body, false);
	}
	cr_expect_str_eq(text.data, says);
}

Test(method, its_own_route)
{
	expect(&(struct cli_method_call){"vm.snapshot", "vms", "1"}, "{\"memory\":true}",
	       "POST /rest/v0/vms/1/actions/snapshot {\"memory\":true}");
	expect(&(struct cli_method_call){"vm.delete", "vm-snapshots", "1"}, NULL,
	       "DELETE /rest/v0/vm-snapshots/1?sync=false");
	expect(&(struct cli_method_call){"vdi.edit", "vdis", "1"}, "{\"size\":4}",
	       "PATCH /rest/v0/vdis/1?sync=false {\"size\":4}");
	expect(&(struct cli_method_call){"vdi.create", "srs", "1"}, "{\"virtual_size\":4}",
	       "POST /rest/v0/vdis?sync=false {\"virtual_size\":4,\"srId\":\"1\"}");
	expect(&(struct cli_method_call){"vbd.eject", "vbds", "1"}, "{}",
	       "POST /rest/v0/vbds/1/actions/eject");
}

Test(method, any_call_where_there_is_none)
{
	expect(&(struct cli_method_call){"pci.attach", "vms", "1"}, "{\"address\":\"03:00.0\"}",
	       "POST /rest/v0/calls {\"method\":\"pci.attach\",\"objectId\":\"1\",\"arguments\":"
	       "{\"address\":\"03:00.0\"}}");
	expect(&(struct cli_method_call){"vm.edit", "vm-templates", "1"}, NULL,
	       "POST /rest/v0/calls {\"method\":\"vm.edit\",\"objectId\":\"1\"}");
	/* A device that was not found is the host's to refuse. */
	expect(&(struct cli_method_call){"vbd.eject", "vms", "1"}, "{\"device\":\"xvdz\"}",
	       "POST /rest/v0/calls {\"method\":\"vbd.eject\",\"objectId\":\"1\",\"arguments\":"
	       "{\"device\":\"xvdz\"}}");
	expect(&(struct cli_method_call){"vm.snapshot", NULL, "1"}, NULL,
	       "POST /rest/v0/calls {\"method\":\"vm.snapshot\",\"objectId\":\"1\"}");
}

Test(method, a_host_can_be_named_to_any_call)
{
	expect(&(struct cli_method_call){"sr.scan", "srs", "1", "2"}, NULL,
	       "POST /rest/v0/calls {\"method\":\"sr.scan\",\"objectId\":\"1\",\"hostId\":\"2\"}");
}
