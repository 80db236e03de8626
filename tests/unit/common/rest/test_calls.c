/* SPDX-License-Identifier: Apache-2.0 */
/* Routes that are calls: which method, of what, with which arguments; and what is answered. */
#include "fixture.h"

#include "common/base/str.h"
#include "common/model/object.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define DEBIAN "a7cbad3b-4372-8cee-8acf-75511f208527" /* built in */

static struct fixture *f;
static char vbd[MU_UUID_TEXT];
static char vif[MU_UUID_TEXT];

static void setup(void)
{
	struct mu_uuid id;

	f = fixture_new();
	f->vms[1].n_disks = 1;
	(void)snprintf(f->vms[1].disks[0].vdev, sizeof f->vms[1].disks[0].vdev, "xvdb");
	f->vms[1].n_nics = 1;
	f->vms[1].nics[0].device = 3;
	id = object_vbd_id(&f->vms[1].id, "xvdb");
	mu_uuid_format(&id, vbd);
	id = object_vif_id(&f->vms[1].id, 3);
	mu_uuid_format(&id, vif);
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(calls, .init = setup, .fini = teardown);

enum { PUT = HTTP_PUT, PATCH = HTTP_PATCH, POST = HTTP_POST, DEL = HTTP_DELETE };

/* Every row of the table once: path, body -> method, object, arguments. */
static const struct {
	int http;
	const char *path; /* %s: the VBD or VIF */
	const char *body;
	const char *method;
	const char *object;
	const char *arguments; /* how they begin */
} routes[] = {
    {PATCH, "/vms/" VM_DB, "{\"cpus\":2}", "vm.edit", VM_DB, "{\"cpus\":2}"},
    {DEL, "/vms/" VM_DB, NULL, "vm.delete", VM_DB, "{}"},
    {DEL, "/vms/" VM_DB "?disks=false", NULL, "vm.delete", VM_DB, "{\"disks\":false}"},
    {POST, "/vms/" VM_DB "/actions/snapshot", "{\"name_label\":\"s\"}", "vm.snapshot", VM_DB,
     "{\"name_label\":\"s\",\"id\":\""},
    {POST, "/vms/" VM_DB "/actions/revert_snapshot", "{\"snapshotId\":\"" VM_WEB "\"}", "vm.revert",
     VM_DB, "{\"snapshotId\":\"" VM_WEB "\"}"},
    {POST, "/vms/" VM_DB "/actions/clone", "{\"id\":\"" VDI_1 "\"}", "vm.clone", VM_DB,
     "{\"id\":\"" VDI_1 "\"}"},
    {POST, "/vms/" VM_DB "/actions/convert_to_template", NULL, "vm.to_template", VM_DB, "{}"},
    {POST, "/vbds", "{\"VM\":\"" VM_DB "\",\"VDI\":\"" VDI_1 "\",\"mode\":\"RO\"}", "vbd.create",
     VM_DB, "{\"VDI\":\"" VDI_1 "\",\"mode\":\"RO\"}"},
    {DEL, "/vbds/%s", NULL, "vbd.delete", VM_DB, "{\"device\":\"xvdb\"}"},
    {POST, "/vbds/%s/actions/insert", "{\"VDI\":\"" VDI_1 "\"}", "vbd.insert", VM_DB,
     "{\"VDI\":\"" VDI_1 "\",\"device\":\"xvdb\"}"},
    {POST, "/vbds/%s/actions/eject", NULL, "vbd.eject", VM_DB, "{\"device\":\"xvdb\"}"},
    {POST, "/vifs", "{\"vmId\":\"" VM_DB "\",\"networkId\":\"" NETWORK_1 "\"}", "vif.create", VM_DB,
     "{\"networkId\":\"" NETWORK_1 "\"}"},
    {PATCH, "/vifs/%s", "{\"rateLimit\":null}", "vif.edit", VM_DB,
     "{\"rateLimit\":null,\"device\":\"3\"}"},
    {DEL, "/vifs/%s", NULL, "vif.delete", VM_DB, "{\"device\":\"3\"}"},
    {POST, "/srs",
     "{\"hostId\":\"" HOST_1 "\",\"name_label\":\"n\",\"SR_type\":\"dir\",\"device_config\":{}}",
     "sr.create", HOST_1, "{\"name_label\":\"n\",\"SR_type\":\"dir\",\"device_config\":{},\"id\""},
    {PATCH, "/srs/" SR_1, "{\"tags\":[]}", "sr.edit", SR_1, "{\"tags\":[]}"},
    {DEL, "/srs/" SR_1, NULL, "sr.destroy", SR_1, "{}"},
    {PUT, "/vms/" VM_WEB "/tags/a:b%20c", "{\"nameLabel\":\"no\"}", "vm.edit", VM_WEB,
     "{\"addTags\":[\"a:b c\"]}"},
    {DEL, "/vms/" VM_WEB "/tags/x", NULL, "vm.edit", VM_WEB, "{\"removeTags\":[\"x\"]}"},
    {PUT, "/vm-snapshots/" VM_SNAP "/tags/x", NULL, "vm.edit", VM_SNAP, "{\"addTags\":[\"x\"]}"},
    {PUT, "/vm-templates/" VM_TMPL "/tags/x", NULL, "vm.edit", VM_TMPL, "{\"addTags\":[\"x\"]}"},
    {PUT, "/srs/" SR_1 "/tags/x", NULL, "sr.edit", SR_1, "{\"addTags\":[\"x\"]}"},
    {PUT, "/vdis/" VDI_1 "/tags/x", NULL, "vdi.edit", VDI_1, "{\"addTags\":[\"x\"]}"},
    {DEL, "/vdi-snapshots/" VDI_2_SNAP "/tags/x", NULL, "vdi.edit", VDI_2_SNAP,
     "{\"removeTags\":[\"x\"]}"},
    {POST, "/srs/" SR_1 "/actions/scan", NULL, "sr.scan", SR_1, "{}"},
    {POST, "/srs/" SR_1 "/actions/forget", "{}", "sr.forget", SR_1, "{}"},
    {POST, "/pbds/" PBD_1 "/actions/plug", NULL, "sr.plug", SR_1, "{}"},
    {POST, "/pbds/" PBD_1 "/actions/unplug", NULL, "sr.unplug", SR_1, "{}"},
    {POST, "/vdis", "{\"srId\":\"" SR_1 "\",\"virtual_size\":\"1GiB\"}", "vdi.create", SR_1,
     "{\"virtual_size\":\"1GiB\",\"id\":\""},
    {PATCH, "/vdis/" VDI_1, "{\"size\":5}", "vdi.edit", VDI_1, "{\"size\":5}"},
    {DEL, "/vdis/" VDI_1, NULL, "vdi.delete", VDI_1, "{}"},
    {DEL, "/vdi-snapshots/" VDI_1, NULL, "vdi.delete", VDI_1, "{}"},
    {POST, "/vdis/" VDI_1 "/actions/migrate", "{\"srId\":\"" SR_1 "\"}", "vdi.migrate", VDI_1,
     "{\"srId\":\"" SR_1 "\"}"},
    {POST, "/vdis/" VDI_1 "/actions/snapshot", NULL, "vdi.snapshot", VDI_1, "{\"id\":\""},
    {POST, "/vdis/" VDI_1 "/actions/clone", NULL, "vdi.clone", VDI_1, "{\"id\":\""},
    {POST, "/vdis/" VDI_1 "/actions/revert", "{\"snapshotId\":\"" SR_1 "\"}", "vdi.revert", VDI_1,
     "{\"snapshotId\""},
    {POST, "/pools/" POOL "/actions/create_vm", "{\"name_label\":\"n\"}", "vm.create", HOST_1,
     "{\"name_label\":\"n\",\"id\":\""},
    {POST, "/pools/" POOL "/actions/create_vm",
     "{\"name_label\":\"n\",\"affinity\":\"" HOST_2 "\"}", "vm.create", HOST_2,
     "{\"name_label\":\"n\",\"affinity\""},
    {POST, "/pools/" POOL "/actions/create_vm",
     "{\"name_label\":\"n\",\"template\":\"" VM_FAR "\"}", "vm.create", HOST_2,
     "{\"name_label\":\"n\",\"template\""},
    {POST, "/pools/" POOL "/actions/create_vm",
     "{\"name_label\":\"n\",\"template\":\"" DEBIAN "\"}", "vm.create", HOST_1,
     "{\"name_label\":\"n\",\"template\":\"" DEBIAN "\",\"id\":\""},
    {POST, "/pools/" POOL "/actions/create_vm",
     "{\"name_label\":\"n\",\"template\":\"" DEBIAN "\",\"vdis\":[{\"source\":\"" VDI_1 "\"}]}",
     "vm.create", HOST_1, "{\"name_label\":\"n\",\"template\""},
    {POST, "/pools/" POOL "/actions/create_vm", "{\"name_label\":\"n\",\"srId\":\"" SR_2 "\"}",
     "vm.create", HOST_1, "{\"name_label\":\"n\",\"srId\""},
    {POST, "/vm-templates/" DEBIAN "/actions/clone",
     "{\"fast\":true,\"srId\":\"" SR_1 "\",\"asTemplate\":true}", "vm.create", HOST_1,
     "{\"srId\":\"" SR_1 "\",\"asTemplate\":true,\"template\":\"" DEBIAN
     "\",\"name_label\":\"Debian 13 copy\",\"id\":\""},
    {POST, "/calls",
     "{\"method\":\"vm.clone\",\"objectId\":\"" DEBIAN "\",\"arguments\":{\"name_label\":\"d\"}}",
     "vm.create", HOST_1, "{\"name_label\":\"d\",\"template\":\"" DEBIAN "\""},
    {POST, "/pools/" POOL "/actions/create_network",
     "{\"name\":\"n\",\"pif\":\"" PIF_1 "\",\"vlan\":5}", "network.create", HOST_1,
     "{\"name\":\"n\",\"vlan\":5,\"pif\":\"eth0\"}"},
    {POST, "/pools/" POOL "/actions/create_internal_network",
     "{\"name\":\"n\",\"hosts\":[\"" HOST_1 "\"]}", "network.create", HOST_1, "{\"name\":\"n\"}"},
    {DEL, "/networks/" NETWORK_1, NULL, "network.delete", HOST_1, "{\"bridge\":\"xenbr0\"}"},
    {POST, "/hosts/" HOST_1 "/actions/enable", NULL, "host.enable", HOST_1, "{}"},
    {POST, "/hosts/" HOST_1 "/actions/disable", NULL, "host.disable", HOST_1, "{}"},
    {POST, "/hosts/" HOST_1 "/actions/clean_shutdown",
     "{\"vms\":\"suspend\",\"bypassBackupCheck\":true}", "host.shutdown", HOST_1,
     "{\"vms\":\"suspend\"}"},
    {POST, "/hosts/" HOST_1 "/actions/smart_reboot",
     "{\"bypassCurrentVmCheck\":true,\"bypassBackupCheck\":true,\"vmTimeout\":5}", "host.reboot",
     HOST_1, "{\"vmTimeout\":5,\"vms\":\"suspend\",\"resume\":true}"},
    {POST, "/hosts/" HOST_1 "/actions/emergency_shutdown", NULL, "host.shutdown", HOST_1,
     "{\"vms\":\"suspend\",\"force\":true,\"vmTimeout\":120}"},
    {POST, "/hosts/" HOST_1 "/actions/emergency_shutdown", "{\"vmTimeout\":5}", "host.shutdown",
     HOST_1, "{\"vmTimeout\":5,\"vms\":\"suspend\",\"force\":true}"},
    {POST, "/pools/" POOL "/actions/emergency_shutdown", "{\"hosts\":[\"" HOST_1 "\"]}",
     "host.shutdown", HOST_1, "{\"vms\":\"suspend\",\"force\":true,\"vmTimeout\":120}"},
    {POST, "/hosts/" HOST_1 "/actions/clean_reboot", NULL, "host.reboot", HOST_1, "{}"},
    {POST, "/hosts/" HOST_1 "/actions/assign_pci", "{\"address\":\"0000:07:00.0\"}", "pci.assign",
     HOST_1, "{\"address\":\"0000:07:00.0\"}"},
    {POST, "/hosts/" HOST_1 "/actions/release_pci", "{\"address\":\"0000:07:00.0\"}", "pci.release",
     HOST_1, "{\"address\":\"0000:07:00.0\"}"},
    {POST, "/hosts/" HOST_1 "/actions/create_cpupool", "{\"name\":\"p\",\"cpus\":\"1\"}",
     "cpupool.create", HOST_1, "{\"name\":\"p\",\"cpus\":\"1\"}"},
    {POST, "/hosts/" HOST_1 "/actions/destroy_cpupool", "{\"pool\":\"p\"}", "cpupool.destroy",
     HOST_1, "{\"pool\":\"p\"}"},
    {POST, "/hosts/" HOST_1 "/actions/add_cpupool_cpus", "{\"pool\":\"p\",\"cpus\":\"1\"}",
     "cpupool.add_cpus", HOST_1, "{\"pool\":\"p\",\"cpus\":\"1\"}"},
    {POST, "/hosts/" HOST_1 "/actions/remove_cpupool_cpus", "{\"pool\":\"p\",\"cpus\":\"1\"}",
     "cpupool.remove_cpus", HOST_1, "{\"pool\":\"p\",\"cpus\":\"1\"}"},
    {POST, "/hosts/" HOST_1 "/actions/set_cpupool", "{\"pool\":\"p\",\"ratelimitUs\":0}",
     "cpupool.set", HOST_1, "{\"pool\":\"p\",\"ratelimitUs\":0}"},
    {POST, "/vms/" VM_WEB "/actions/move_to_cpupool", "{\"pool\":\"p\"}", "cpupool.move", VM_WEB,
     "{\"pool\":\"p\"}"},
    {POST, "/hosts/" HOST_1 "/actions/restart_toolstack", NULL, "host.restart_agent", HOST_1, "{}"},
    {POST, "/calls",
     "{\"method\":\"pci.attach\",\"objectId\":\"" VM_DB
     "\",\"arguments\":{\"address\":\"0000:03:00.0\"}}",
     "pci.attach", VM_DB, "{\"address\":\"0000:03:00.0\"}"},
    {POST, "/calls", "{\"method\":\"sr.scan\",\"objectId\":\"" SR_1 "\",\"hostId\":\"" HOST_2 "\"}",
     "sr.scan", SR_1, "{}"},
    {POST, "/calls", "{\"method\":\"vdi.delete\",\"objectId\":\"" VDI_1 "\"}", "vdi.delete", VDI_1,
     "{}"},
    {POST, "/calls", "{\"method\":\"host.enable\",\"objectId\":\"" HOST_1 "\"}", "host.enable",
     HOST_1, "{}"},
};

Test(calls, each_route_is_its_call)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(routes); i++) {
		char object[MU_UUID_TEXT];
		char path[256], target[320], trial[340];
		struct http_request *r;

		(void)snprintf(path, sizeof path, "%s", routes[i].path);
		if (strstr(path, "%s"))
			(void)snprintf(path, sizeof path, "/%.4s/%s%s", routes[i].path + 1,
				       path[2] == 'b' ? vbd : vif,
				       strstr(routes[i].path, "%s") + 2);
		(void)snprintf(target, sizeof target, "/rest/v0%s", path);
		(void)snprintf(trial, sizeof trial, "%s%cdryRun=true", target,
			       strchr(target, '?') ? '&' : '?');
		fixture_expect(
		    fixture_call(f, (enum http_method)routes[i].http, trial, routes[i].body), 204,
		    NULL);
		cr_assert_eq(f->n_ops, i, "%s: a trial asks for nothing", trial);
		f->definition[0] = '\0';
		r = fixture_call(f, (enum http_method)routes[i].http, target, routes[i].body);
		cr_assert_eq(f->n_ops, i + 1, "%s: %s", target, http_request_for_test_body(r));
		cr_expect_str_eq(f->ask.method->name, routes[i].method, "%s", target);
		cr_expect_str_eq(mu_uuid_format(&f->ask.object, object), routes[i].object, "%s",
				 target);
		cr_expect(mu_str_has_prefix(f->definition, routes[i].arguments), "%s: %s", target,
			  f->definition);
		fixture_op_refused(f, MU_E_UNAVAILABLE, "later");
		fixture_expect(r, 503, "later");
	}
}

Test(calls, a_trial_is_refused_as_the_call_would_be)
{
	fixture_expect(
	    fixture_call(f, HTTP_PATCH, "/rest/v0/vms/" VM_DB "?dryRun=true", "{\"cpus\":0}"), 422,
	    "arguments: cpus: ");
	fixture_expect(fixture_call(f, HTTP_PATCH, "/rest/v0/vms/" NOBODY "?dryRun=true", "{}"),
		       404, NULL);
	fixture_expect(fixture_call(f, HTTP_POST,
				    "/rest/v0/pools/" POOL "/actions/create_network?dryRun=true",
				    "{}"),
		       422, NULL);
	fixture_expect(fixture_call(f, HTTP_PATCH, "/rest/v0/vms/" VM_DB "?dryRun=maybe", "{}"),
		       400, "is neither true nor false");
	/* What knows no trial would be done. */
	fixture_expect(
	    fixture_call(f, HTTP_POST, "/rest/v0/vms/" VM_DB "/actions/start?dryRun=true", NULL),
	    400, "dryRun: there is none of POST /rest/v0/vms/" VM_DB "/actions/start; hint: ");
	fixture_expect(fixture_call(f, HTTP_DELETE, "/rest/v0/tasks?dryRun=true", NULL), 400,
		       "there is none of DELETE");
	cr_expect_eq(f->n_ops, 0);
}

Test(calls, where_it_runs)
{
	struct mu_uuid host_2;

	cr_assert(mu_uuid_parse(HOST_2, &host_2));
	http_request_for_test_free(fixture_call(f, HTTP_POST, "/rest/v0/calls",
						"{\"method\":\"sr.scan\",\"objectId\":\"" SR_1
						"\",\"hostId\":\"" HOST_2 "\"}"));
	cr_expect(mu_uuid_equal(&f->ask.host.uuid, &host_2));
	fixture_op_refused(f, MU_E_STATE, "x");
	http_request_for_test_free(
	    fixture_call(f, HTTP_POST, "/rest/v0/pbds/" PBD_1 "/actions/plug", NULL));
	cr_expect(mu_uuid_equal(&f->ask.host.uuid, &f->hosts[0].id.uuid));
	fixture_op_refused(f, MU_E_STATE, "x");
}

/* sync, value -> status */

static struct http_request *ended(int http, const char *path, const char *body, const char *value)
{
	struct http_request *r = fixture_call(f, (enum http_method)http, path, body);
	struct model_task *t = &f->tasks[0];

	f->n_tasks = 0;
	fixture_op_started(f);
	(void)snprintf(t->value, sizeof t->value, "%s", value);
	fixture_task_ended(f, MU_E_NONE, NULL);
	return r;
}

Test(calls, what_is_answered)
{
	struct http_request *r;

	fixture_expect(
	    ended(PATCH, "/rest/v0/vms/" VM_DB, "{\"tags\":[]}", "{\"applied\":[\"a\"]}"), 200,
	    "{\"applied\":[\"a\"]}");
	fixture_expect(ended(PATCH, "/rest/v0/vms/" VM_DB, "{}", ""), 204, NULL);
	fixture_expect(
	    ended(PUT, "/rest/v0/vms/" VM_DB "/tags/a", NULL, "{\"applied\":[\"addTags\"]}"), 204,
	    NULL);
	fixture_expect(ended(DEL, "/rest/v0/vms/" VM_DB, NULL, "{}"), 204, NULL);
	fixture_expect(ended(PATCH, "/rest/v0/vms/" VM_DB "?sync=false", "{}", "{}"), 202, TASK_1);
	fixture_expect(ended(POST, "/rest/v0/vms/" VM_DB "/actions/clone", "{}", "{}"), 202,
		       TASK_1);
	r = ended(POST, "/rest/v0/vdis", "{\"srId\":\"" SR_1 "\",\"virtual_size\":1}",
		  "{\"id\":\"" VDI_1 "\"}");
	cr_expect_str_eq(http_request_for_test_reply_header(r, "location"), "/rest/v0/vdis/" VDI_1);
	fixture_expect(r, 201, "{\"id\":\"" VDI_1 "\"}");
	/* Another id for the same thing is nothing new. */
	fixture_expect(ended(POST, "/rest/v0/vdis/" VDI_1 "/actions/migrate?sync=true",
			     "{\"srId\":\"" SR_1 "\"}", "{\"id\":\"" VDI_1 "\"}"),
		       200, "{\"id\":\"" VDI_1 "\"}");
	/* What makes no sense is not shown. */
	fixture_expect(ended(PATCH, "/rest/v0/vms/" VM_DB, "{}", "{"), 204, NULL);
}

Test(calls, the_task_of_a_call)
{
	http_request_for_test_free(ended(PATCH, "/rest/v0/srs/" SR_1, "{}", "{\"n\":1}"));
	fixture_expect_get(
	    f, "/rest/v0/tasks/" TASK_1, 200,
	    "{\"id\":\"" TASK_1 "\",\"status\":\"success\",\"start\":1700000000001,"
	    "\"end\":1700000000500,\"properties\":{\"name\":\"REST API: sr.edit\","
	    "\"type\":\"xo:rest-api:action\",\"method\":\"sr.edit\",\"objectId\":\"" SR_1
	    "\",\"objectType\":\"SR\",\"hostId\":\"" HOST_1
	    "\",\"userId\":\"admin\"},\"progress\":0,\"result\":{\"n\":1}}");
}

Test(calls, a_call_that_runs_is_shown_with_its_vm)
{
	struct http_request *r =
	    fixture_call(f, HTTP_POST, "/rest/v0/vms/" VM_DB "/actions/snapshot", NULL);

	fixture_op_started(f);
	http_request_for_test_free(r);
	(void)snprintf(f->vms[1].current_task, MU_UUID_TEXT, "%s", TASK_1);
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/vms/" VM_DB, NULL), 200,
		       "\"current_operations\":{\"" TASK_1 "\":\"vm.snapshot\"}");
	(void)snprintf(f->vms[1].current_task, MU_UUID_TEXT, "%s", NOBODY);
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/vms/" VM_DB, NULL), 200,
		       "\"current_operations\":{\"" NOBODY "\":\"call\"}");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/vms/" VM_DB "/actions", NULL), 200,
		       "/actions/convert_to_template\",\"/rest/v0/vms/" VM_DB
		       "/actions/move_to_cpupool\"]");
}

/* VM_FAR is on another host, and away. */
Test(calls, an_address_that_a_card_of_another_host_has)
{
	f->vms[2].n_nics = 1;
	f->vms[2].nics[0].device = 2;
	(void)snprintf(f->vms[2].nics[0].mac, sizeof f->vms[2].nics[0].mac, "02:00:00:00:00:0a");
	fixture_expect(fixture_call(f, HTTP_POST, "/rest/v0/vifs",
				    "{\"vmId\":\"" VM_DB
				    "\",\"bridge\":\"b\",\"MAC\":\"02:00:00:00:00:0A\"}"),
		       409, "is that of VIF 2 of VM");
	fixture_expect(fixture_call(f, HTTP_POST, "/rest/v0/pools/" POOL "/actions/create_vm",
				    "{\"name_label\":\"n\",\"definition\":{},\"vifs\":[{},{\"mac\":"
				    "\"02:00:00:00:00:0a\"}]}"),
		       409, "is that of VIF 2 of VM");
	cr_expect_eq(f->n_ops, 0);
}

Test(calls, bad_requests)
{
	static const struct {
		int http;
		const char *path;
		const char *body;
		int status;
		const char *says;
	} bad[] = {
	    {PATCH, "/vms/" NOBODY, "{}", 404, "\"type\":\"VM\""},
	    {PATCH, "/vms/" VM_DB, "[]", 422, "an object is expected"},
	    {PATCH, "/vms/" VM_DB, "{\"cpus\":true}", 422, "arguments: cpus: expected an integer"},
	    {PATCH, "/vms/" VM_DB "?sync=x", "{}", 400, "sync:"},
	    {PATCH, "/vms/" VM_DB "?timeout=0", "{}", 400, "timeout:"},
	    {PATCH, "/vms/" VM_FAR, "{}", 503, "xen2"},
	    {DEL, "/vms/" VM_WEB, NULL, 409,
	     "VM web is Running; vm.delete needs it Halted; hint: shut it down first\",\"data\":"
	     "{\"actual\":\"Running\",\"expected\":\"Halted\",\"object\":\"" VM_WEB
	     "\",\"property\":\"power_state\"}"},
	    {DEL, "/vms/" VM_DB "?disks=perhaps", NULL, 400, "disks:"},
	    {DEL, "/vm-snapshots/" VM_DB, NULL, 404, "\"type\":\"VM-snapshot\""},
	    {DEL, "/vbds/" NOBODY, NULL, 404, "\"type\":\"VBD\""},
	    {DEL, "/vifs/x", NULL, 404, "\"type\":\"VIF\""},
	    {POST, "/vbds", "{}", 422, "body: VM: required, but missing"},
	    {POST, "/vbds", "{\"VM\":7}", 422, "body: VM: a string is expected"},
	    {POST, "/vbds", "{\"VM\":\"" NOBODY "\"}", 404, NOBODY},
	    {POST, "/vdis", "{\"srId\":\"" VDI_1 "\",\"virtual_size\":1}", 404, "\"type\":\"SR\""},
	    {POST, "/srs", "{\"hostId\":\"x\"}", 404, "\"type\":\"host\""},
	    {POST, "/pbds/" SR_1 "/actions/plug", NULL, 404, "\"type\":\"PBD\""},
	    {DEL, "/networks/" SR_1, NULL, 404, "\"type\":\"network\""},
	    {POST, "/pools/" NOBODY "/actions/create_vm", "{}", 404, "\"type\":\"pool\""},
	    {POST, "/pools/" POOL "/actions/create_vm", "{}", 422, "name_label: required"},
	    {POST, "/pools/" POOL "/actions/create_network", "{\"name\":\"n\"}", 422, "pif"},
	    {POST, "/pools/" POOL "/actions/create_network",
	     "{\"name\":\"n\",\"pif\":\"" SR_1 "\"}", 404, "\"type\":\"PIF\""},
	    {POST, "/pools/" NOBODY "/actions/create_internal_network", "{}", 404,
	     "\"type\":\"pool\""},
	    {POST, "/pools/" POOL "/actions/create_internal_network", "{}", 422, "name: required"},
	    {POST, "/pools/" POOL "/actions/create_internal_network",
	     "{\"name\":\"n\",\"hosts\":\"" HOST_1 "\"}", 422, "hosts: a list of ids"},
	    {POST, "/pools/" POOL "/actions/create_internal_network",
	     "{\"name\":\"n\",\"hosts\":[\"" HOST_1 "\",7]}", 422, "hosts[1]: no such host"},
	    {POST, "/pools/" POOL "/actions/create_internal_network",
	     "{\"name\":\"n\",\"hosts\":[\"" NOBODY "\"]}", 422, "hosts[0]: no such host"},
	    {POST, "/pools/" POOL "/actions/create_internal_network",
	     "{\"name\":\"n\",\"hosts\":[\"" HOST_1 "\",\"" HOST_1 "\"]}", 422,
	     "hosts[1]: the same host twice"},
	    {POST, "/pools/" POOL "/actions/create_internal_network",
	     "{\"name\":\"n\",\"hosts\":[]}", 422, "no host is named"},
	    {POST, "/calls", "{}", 422, "body: method: required"},
	    {POST, "/calls", "{\"method\":\"a.b\",\"objectId\":\"x\"}", 404, "\"type\":\"method\""},
	    {POST, "/calls", "{\"method\":\"vm.edit\",\"objectId\":\"x\"}", 404, "\"type\":\"VM\""},
	    {POST, "/calls", "{\"method\":\"vm.edit\"}", 422, "body: objectId: required"},
	    {POST, "/calls", "{\"method\":\"vm.edit\",\"objectId\":\"" VM_DB "\",\"arguments\":[]}",
	     422, "body: arguments: an object"},
	    {POST, "/calls", "{\"method\":\"vm.edit\",\"objectId\":\"" VM_DB "\",\"x\":1}", 422,
	     "body: x: unknown"},
	    {POST, "/calls",
	     "{\"method\":\"sr.scan\",\"objectId\":\"" SR_1 "\",\"hostId\":\"" NOBODY "\"}", 404,
	     "\"type\":\"host\""},
	    {POST, "/calls", "{\"method\":\"sr.scan\",\"objectId\":\"" SR_1 "\",\"hostId\":1}", 422,
	     "hostId"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		char target[256];

		(void)snprintf(target, sizeof target, "/rest/v0%s", bad[i].path);
		fixture_expect(fixture_call(f, (enum http_method)bad[i].http, target, bad[i].body),
			       bad[i].status, bad[i].says);
	}
	f->vms[1].managed = false;
	fixture_expect(fixture_call(f, HTTP_PATCH, "/rest/v0/vms/" VM_DB, "{}"), 409,
		       "\"property\":\"managed\"");
	f->vms[1].managed = true;
	f->vms[1].kind = VM_KIND_TEMPLATE;
	fixture_expect(fixture_call(f, HTTP_PATCH, "/rest/v0/vms/" VM_DB, "{}"), 404, VM_DB);
	f->hosts[0].connected = false;
	fixture_expect(fixture_call(f, HTTP_POST, "/rest/v0/pools/" POOL "/actions/create_vm",
				    "{\"name_label\":\"n\"}"),
		       503, "no host is connected");
	cr_expect_eq(f->n_ops, 0);
}

/* Groups. The fixture remembers one answer that is awaited: groups of one. */

Test(calls, a_group_has_a_result_for_each)
{
	struct http_request *r = fixture_call(f, HTTP_POST, "/rest/v0/vms/actions/start?timeout=60",
					      "{\"ids\":[\"" VM_DB "\"]}");

	cr_expect_eq(f->op, VM_OP_START);
	cr_expect_gt(f->deadline, 0);
	cr_expect_eq(http_request_for_test_status(r), 0);
	fixture_op_started(f);
	fixture_expect(r, 202, "{\"tasks\":[{\"id\":\"" VM_DB "\",\"taskId\":\"" TASK_1 "\"}]}");
	r = fixture_call(f, HTTP_POST, "/rest/v0/vms/actions/snapshot?filter=name_label:db",
			 "{\"name_label\":\"s\"}");
	cr_expect_str_eq(f->ask.method->name, "vm.snapshot");
	cr_expect(mu_str_has_prefix(f->definition, "{\"name_label\":\"s\",\"id\":\""));
	fixture_op_refused(f, MU_E_STATE, "not now");
	fixture_expect(r, 202,
		       "{\"tasks\":[{\"id\":\"" VM_DB
		       "\",\"error\":{\"code\":\"STATE\",\"message\":\"not now\"}}]}");
	fixture_expect(fixture_call(f, HTTP_POST, "/rest/v0/vms/actions/start", "{\"ids\":[]}"),
		       202, "{\"tasks\":[]}");
	r = fixture_call(f, HTTP_POST, "/rest/v0/vms/actions/start", "{\"ids\":[\"" VM_DB "\"]}");
	http_request_for_test_free(r); /* the peer leaves */
	fixture_op_refused(f, MU_E_STATE, "not now");
}

/* Calls on all hosts: the one that is connected. */

#define INTERNAL "/rest/v0/pools/" POOL "/actions/create_internal_network"

Test(calls, all_hosts_are_one_here)
{
	struct http_request *r;

	fixture_expect(ended(POST, INTERNAL, "{\"name\":\"n\"}", ""), 202,
		       "{\"taskId\":\"" TASK_1 "\",\"tasks\":[{\"id\":\"" HOST_1
		       "\",\"taskId\":\"" TASK_1 "\"}]}");
	r = ended(POST, INTERNAL "?sync=true", "{\"name\":\"n\"}",
		  "{\"id\":\"" NETWORK_1 "\",\"system\":\"none\"}");
	cr_expect_str_eq(http_request_for_test_reply_header(r, "location"),
			 "/rest/v0/networks/" NETWORK_1);
	fixture_expect(r, 201, "{\"id\":\"" NETWORK_1 "\"}");
	fixture_expect(ended(DEL, "/rest/v0/networks/" NETWORK_1, NULL, "{}"), 204, NULL);
	r = fixture_call(f, HTTP_DELETE, "/rest/v0/networks/" NETWORK_1, NULL);
	f->n_tasks = 0;
	fixture_op_started(f);
	fixture_task_ended(f, MU_E_STATE, "in use");
	fixture_expect(r, 409, "in use");
	r = fixture_call(f, HTTP_DELETE, "/rest/v0/networks/" NETWORK_1, NULL);
	fixture_op_refused(f, MU_E_DENIED, "not ours");
	fixture_expect(r, 403, "not ours");
}

Test(calls, nobody_waits_for_all_hosts_any_more)
{
	struct http_request *r = fixture_call(f, HTTP_DELETE, "/rest/v0/networks/" NETWORK_1, NULL);

	http_request_for_test_free(r); /* before it was asked */
	fixture_op_started(f);
	r = fixture_call(f, HTTP_DELETE, "/rest/v0/networks/" NETWORK_1, NULL);
	f->n_tasks = 0;
	fixture_op_started(f);
	http_request_for_test_free(r); /* before it was over */
	fixture_task_ended(f, MU_E_NONE, NULL);
	f->hosts[0].connected = false;
	fixture_expect(fixture_call(f, HTTP_POST, INTERNAL, "{\"name\":\"n\"}"), 503,
		       "no host is connected");
	fixture_expect(fixture_call(f, HTTP_DELETE, "/rest/v0/networks/" NETWORK_1, NULL), 503,
		       "no host that has the network");
}

Test(calls, bad_groups)
{
	static const struct {
		const char *path;
		const char *body;
		int status;
		const char *says;
	} bad[] = {
	    {"/explode", "{}", 404, "\"type\":\"action\""},
	    {"/start", "{}", 422, "body: ids: a list of ids"},
	    {"/start", "{\"ids\":[1]}", 422, "body: ids[0]: not a UUID"},
	    {"/start", "{\"ids\":[\"" VM_DB "\",\"" VM_DB "\"]}", 422, "ids[1]: the same VM twice"},
	    {"/start?filter=x", "{\"ids\":[]}", 422, "not both"},
	    {"/start?filter=%28", NULL, 400, "filter"},
	    {"/start?sync=true", "{\"ids\":[]}", 400, "sync:"},
	    {"/start?timeout=x", "{\"ids\":[]}", 400, "timeout:"},
	    {"/start", "{\"ids\":[],\"force\":true}", 422, "unknown property \\\"force\\\""},
	    {"/snapshot", "{\"ids\":[],\"force\":true}", 422, "arguments: force"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		char target[128];

		(void)snprintf(target, sizeof target, "/rest/v0/vms/actions%s", bad[i].path);
		fixture_expect(fixture_call(f, HTTP_POST, target, bad[i].body), bad[i].status,
			       bad[i].says);
	}
	cr_expect_eq(f->n_ops, 0);
}
