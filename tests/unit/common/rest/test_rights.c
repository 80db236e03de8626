/* SPDX-License-Identifier: Apache-2.0 */
/* What a user with selected objects sees and may do. */
#include "fixture.h"

#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define VIEWER "Bearer look:only"

static struct fixture *f;

/* VM_WEB is named "web", VM_DB "db". */
static const struct rights_privilege webs[] = {
    {.resource = "vm", .action = "read", .selector = "name_label:web"},
    {.resource = "vm", .action = "shutdown", .selector = "name_label:web"},
    {.resource = "vm", .action = "shutdown:hard", .deny = true},
    {.resource = "vm", .action = "update:tags", .selector = "name_label:web"},
    {.resource = "vbd", .action = "create"},
    {.resource = "vdi", .action = "create", .selector = "name_label:x"},
};

static void setup(void)
{
	f = fixture_new();
	fixture_allow(f, webs, MU_ARRAY_SIZE(webs));
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(selected, .init = setup, .fini = teardown);

static struct http_request *ask(enum http_method method, const char *target)
{
	return fixture_call_as(f, method, target, "authorization", VIEWER);
}

static struct http_request *send(enum http_method method, const char *target, const char *body)
{
	struct http_request *r = http_request_for_test(method, target, body);

	http_request_for_test_header(r, "authorization", VIEWER);
	http_request_for_test_replied(r, rest_handle(r, f->rest));
	return r;
}

Test(selected, lists_leave_out_what_is_not_to_be_seen)
{
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms"), 200, "[\"/rest/v0/vms/" VM_WEB "\"]");
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms?filter=name_label:db"), 200, "[]");
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms?fields=id&limit=1"), 200, VM_WEB);
	fixture_expect(ask(HTTP_GET, "/rest/v0/hosts"), 200, "[]");
	fixture_expect(ask(HTTP_GET, "/rest/v0/pools"), 200, "[]");
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms/" VM_WEB "/vdis"), 200, "[]");
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms/" VM_WEB "/tasks"), 200, "[]");
}

Test(selected, one_object)
{
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms/" VM_WEB), 200, VM_WEB);
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms/" VM_DB), 403,
		       "\"missingPrivileges\":[{\"action\":\"read\",\"resource\":\"vm\","
		       "\"objectId\":\"" VM_DB "\"}]");
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms/" NOBODY), 404, "no such VM");
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms/no-id"), 404, "no such VM");
	fixture_expect(ask(HTTP_GET, "/rest/v0/hosts/" HOST_1), 403, "host:read");
	fixture_expect(ask(HTTP_GET, "/rest/v0/pools/" POOL), 403, "pool:read");
}

Test(selected, actions)
{
	struct http_request *r = ask(HTTP_POST, "/rest/v0/vms/" VM_WEB "/actions/clean_shutdown");

	cr_expect_eq(f->n_ops, 1);
	fixture_op_started(f);
	fixture_expect(r, 202, "taskId");
	fixture_expect(ask(HTTP_POST, "/rest/v0/vms/" VM_WEB "/actions/hard_shutdown"), 403,
		       "vm:shutdown:hard");
	fixture_expect(ask(HTTP_POST, "/rest/v0/vms/" VM_WEB "/actions/pause"), 403, "vm:pause");
	fixture_expect(ask(HTTP_POST, "/rest/v0/vms/" VM_DB "/actions/clean_shutdown"), 403,
		       "vm:shutdown:clean");
	fixture_expect(ask(HTTP_POST, "/rest/v0/calls"), 403, "only administrators");
	cr_expect_eq(f->n_ops, 1);
}

/* His own task, and nobody else's. */
Test(selected, tasks)
{
	struct http_request *r = ask(HTTP_POST, "/rest/v0/vms/" VM_WEB "/actions/clean_shutdown");

	fixture_op_started(f);
	http_request_for_test_free(r);
	(void)snprintf(f->tasks[0].user, sizeof f->tasks[0].user, "viewer");
	fixture_expect(ask(HTTP_GET, "/rest/v0/tasks"), 200, TASK_1);
	fixture_expect(ask(HTTP_GET, "/rest/v0/tasks/" TASK_1), 200, TASK_1);
	fixture_expect(ask(HTTP_POST, "/rest/v0/tasks/" TASK_1 "/actions/abort"), 204, NULL);
	(void)snprintf(f->tasks[0].user, sizeof f->tasks[0].user, "somebody");
	fixture_expect(ask(HTTP_GET, "/rest/v0/tasks"), 200, "[]");
	fixture_expect(ask(HTTP_GET, "/rest/v0/tasks/" TASK_1), 403, "task:read");
}

Test(selected, properties)
{
	struct http_request *r = send(HTTP_PATCH, "/rest/v0/vms/" VM_WEB, "{\"tags\":[\"a\"]}");

	fixture_op_refused(f, MU_E_STATE, "asked");
	fixture_expect(r, 409, "asked");
	fixture_expect(send(HTTP_PATCH, "/rest/v0/vms/" VM_WEB, "{\"tags\":[],\"cpus\":2}"), 403,
		       "vm:update:cpus");
	fixture_expect(send(HTTP_PATCH, "/rest/v0/vms/" VM_DB, "{\"tags\":[]}"), 403,
		       "vm:update:tags");
	fixture_expect(send(HTTP_PATCH, "/rest/v0/vms/" VM_WEB, "{}"), 403, "vm:update");
	fixture_expect(send(HTTP_PATCH, "/rest/v0/vms/" VM_WEB, "[1]"), 403, "vm:update");
	fixture_expect(send(HTTP_PATCH, "/rest/v0/vms/" VM_WEB, "{"), 403, "vm:update");
}

Test(selected, several_vms)
{
	struct http_request *r = send(HTTP_POST, "/rest/v0/vms/actions/clean_shutdown",
				      "{\"ids\":[\"" VM_WEB "\",\"" VM_DB "\"]}");

	cr_expect_eq(f->n_ops, 1);
	fixture_op_started(f);
	fixture_expect(r, 202, "no privilege vm:shutdown:clean");
	fixture_expect(
	    send(HTTP_POST, "/rest/v0/vms/actions/clean_shutdown", "{\"ids\":[\"" VM_DB "\"]}"),
	    202, "no privilege vm:shutdown:clean");
	fixture_expect(send(HTTP_POST, "/rest/v0/vms/actions/start", "{\"ids\":[]}"), 403,
		       "vm:start");
	r = send(HTTP_POST, "/rest/v0/vms/actions/clean_shutdown?filter=power_state:Running", NULL);
	cr_expect_eq(f->n_ops, 2);
	fixture_op_started(f);
	fixture_expect(r, 202, VM_WEB);
}

/* Nobody reaches by the body what he may not see; what is not there yet has no properties. */
Test(selected, bodies)
{
	fixture_expect(
	    send(HTTP_POST, "/rest/v0/vbds", "{\"VM\":\"" VM_WEB "\",\"VDI\":\"" VDI_1 "\"}"), 404,
	    "no such VDI");
	fixture_expect(
	    send(HTTP_POST, "/rest/v0/vbds", "{\"VM\":\"" VM_DB "\",\"VDI\":\"" NOBODY "\"}"), 404,
	    "no such VM");
	fixture_expect(send(HTTP_POST, "/rest/v0/vdis", "{\"name_label\":\"x\"}"), 403,
		       "vdi:create");
}

Test(selected, figures)
{
	fixture_expect(ask(HTTP_GET, "/vm_rrd?uuid=" VM_DB), 403, "vm:read");
	fixture_expect(ask(HTTP_GET, "/rrd_updates?start=1&vm_uuid=" VM_DB), 403, "vm:read");
	fixture_expect(ask(HTTP_GET, "/host_rrd?uuid=" HOST_1), 403, "host:read");
}

static const char *sent(struct http_request *r)
{
	return http_request_for_test_body(r);
}

static void rename_vm(size_t i, const char *name)
{
	(void)snprintf(f->vms[i].name, sizeof f->vms[i].name, "%s", name);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[i]);
}

Test(selected, events)
{
	struct http_request *r = ask(HTTP_GET, "/rest/v0/events?collections=VM,host");

	rest_host_changed(f->rest, REST_UPDATE, &f->hosts[0]);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[1]);
	cr_expect_null(strstr(sent(r), "event: update"), "%s", sent(r));
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect(strstr(sent(r), "event: update"), "%s", sent(r));
	rename_vm(1, "web2");
	cr_expect(strstr(sent(r), "event: add"), "%s", sent(r));
	rename_vm(1, "db");
	cr_expect(strstr(sent(r), "event: remove"), "%s", sent(r));
	cr_expect(strstr(sent(r), "{\"id\":\"" VM_DB "\",\"type\":\"VM\""), "%s", sent(r));
	rest_vm_changed(f->rest, REST_REMOVE, &f->vms[1]); /* of which nothing is known */
	http_request_for_test_free(r);
}

/* The ring has what others may see. */
Test(selected, nothing_is_replayed)
{
	struct http_request *all =
	    fixture_call(f, HTTP_GET, "/rest/v0/events?collections=VM", NULL);
	struct http_request *r;
	const char *id;
	char target[96];

	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[1]);
	id = strstr(sent(all), "id: ");
	cr_assert_not_null(id);
	(void)snprintf(target, sizeof target, "/rest/v0/events?collections=VM&lastEventId=%.16s",
		       id + 4);
	r = ask(HTTP_GET, target);
	cr_expect(strstr(sent(r), "event: resync"), "%s", sent(r));
	cr_expect_null(strstr(sent(r), VM_DB), "%s", sent(r));
	http_request_for_test_free(r);
	http_request_for_test_free(all);
}
