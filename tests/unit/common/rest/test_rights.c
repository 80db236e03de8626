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

static void expect_told(const char *begin)
{
	cr_expect_eq(strncmp(f->refused, begin, strlen(begin)), 0, "%s", f->refused);
}

/* Whoever is refused is told of, for the audit log; who is not, is not. */
Test(selected, refusals_are_told)
{
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms/" VM_WEB), 200, NULL);
	fixture_expect(ask(HTTP_GET, "/rest/v0/hosts"), 200, "[]");
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms/" NOBODY), 404, NULL);
	cr_expect_eq(f->n_refused, 0, "%s", f->refused);
	fixture_expect(ask(HTTP_GET, "/rest/v0/vms/" VM_DB), 403, NULL);
	expect_told("viewer|/rest/v0/vms/{id}|/rest/v0/vms/" VM_DB "|403|viewer has no privilege");
	fixture_expect(ask(HTTP_POST, "/rest/v0/calls"), 403, NULL);
	expect_told("viewer|/rest/v0/calls|/rest/v0/calls|403|");
	fixture_expect(ask(HTTP_DELETE, "/rest/v0/nothing"), 404, NULL);
	expect_told("viewer||/rest/v0/nothing|404|no such path");
	fixture_expect(
	    send(HTTP_POST, "/rest/v0/vbds", "{\"VM\":\"" VM_WEB "\",\"VDI\":\"" VDI_1 "\"}"), 404,
	    NULL);
	expect_told("viewer|/rest/v0/vbds|/rest/v0/vbds|404|no such");
	fixture_expect(fixture_call_as(f, HTTP_GET, "/rest/v0/vms", NULL, NULL), 401, NULL);
	expect_told("||/rest/v0/vms|401|");
	fixture_expect(
	    fixture_call_as(f, HTTP_GET, "/rest/v0/vms", "authorization", "Bearer guess"), 401,
	    NULL);
	cr_expect_eq(f->n_refused, 6);
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

/* The newest event's id. */
static void newest(const struct http_request *r, char id[static 24])
{
	const char *found = NULL;

	for (const char *p = http_request_for_test_body(r); (p = strstr(p, "id: ")); p++)
		found = p + 4;
	cr_assert_not_null(found);
	(void)snprintf(id, 24, "%.*s", (int)strcspn(found, "\n"), found);
}

static struct http_request *come_back(const char *collections, const char *id)
{
	char target[160];

	(void)snprintf(target, sizeof target, "/rest/v0/events?collections=%s&lastEventId=%s",
		       collections, id);
	return ask(HTTP_GET, target);
}

/* What he missed is what he would have been told then. */
Test(selected, what_was_missed)
{
	struct http_request *r = ask(HTTP_GET, "/rest/v0/events?collections=VM");
	char id[24];

	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	newest(r, id);
	http_request_for_test_free(r);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[1]); /* hidden, before and after */
	rename_vm(0, "db");                                /* out of his sight */
	rename_vm(1, "web");                               /* into it */
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[1]);
	rest_vm_changed(f->rest, REST_REMOVE, &f->vms[2]); /* never seen */
	r = come_back("VM", id);
	cr_expect_null(strstr(sent(r), "resync"), "%s", sent(r));
	cr_expect_null(strstr(sent(r), "\"name_label\":\"db\""), "%s", sent(r));
	cr_expect_null(strstr(sent(r), VM_FAR), "%s", sent(r));
	cr_expect(strstr(sent(r), "event: remove\ndata: {\"id\":\"" VM_WEB "\",\"type\":\"VM\","
				  "\"$subscription\":\"VM\"}\n"),
		  "%s", sent(r));
	cr_expect(strstr(sent(r), "event: add\ndata: {\"id\":\"" VM_DB), "%s", sent(r));
	cr_expect(strstr(sent(r), "event: update\ndata: {\"id\":\"" VM_DB), "%s", sent(r));
	http_request_for_test_free(r);
}

/* What nobody looked at with his eyes is not known: he has to list. */
Test(selected, what_was_missed_and_not_looked_at)
{
	struct http_request *all =
	    fixture_call(f, HTTP_GET, "/rest/v0/events?collections=VM", NULL);
	struct http_request *r;
	char id[24];

	newest(all, id);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[1]);
	r = come_back("VM", id);
	cr_expect(strstr(sent(r), "event: resync"), "%s", sent(r));
	cr_expect_null(strstr(sent(r), VM_DB), "%s", sent(r));
	http_request_for_test_free(r);
	newest(all, id);
	http_request_for_test_free(all);
	r = ask(HTTP_GET, "/rest/v0/events?collections=VM");
	http_request_for_test_free(r);
	rest_host_changed(f->rest, REST_UPDATE, &f->hosts[0]);
	r = come_back("VM,host", id);
	cr_expect(strstr(sent(r), "event: resync"), "hosts were of no interest: %s", sent(r));
	http_request_for_test_free(r);
	r = come_back("VM", id);
	cr_expect_null(strstr(sent(r), "event: resync"), "%s", sent(r));
	http_request_for_test_free(r);
}

static struct http_request *ask_as(int user, const char *target)
{
	char who[32];

	(void)snprintf(who, sizeof who, "Bearer look:only %d", user);
	return fixture_call_as(f, HTTP_GET, target, "authorization", who);
}

/* Whoever left is remembered, but not all of the world. */
Test(selected, many_who_left)
{
	enum { MANY = 100, REMEMBERED = 64 };
	static const char target[] = "/rest/v0/events?collections=VM";
	char ids[MANY][24];
	char back[96];

	for (int i = 0; i < MANY; i++) {
		struct http_request *r = ask_as(i, target);

		rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
		newest(r, ids[i]);
		http_request_for_test_free(r);
	}
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	for (int i = 0; i < MANY; i += MANY - 1) {
		struct http_request *r;

		(void)snprintf(back, sizeof back, "%s&lastEventId=%.23s", target, ids[i]);
		r = ask_as(i, back);
		cr_expect_eq(!strstr(sent(r), "resync"), i >= MANY - REMEMBERED, "%d: %s", i,
			     sent(r));
		http_request_for_test_free(r);
	}
}

/* Two of one user see the same. */
Test(selected, two_clients)
{
	struct http_request *one = ask(HTTP_GET, "/rest/v0/events?collections=VM");
	struct http_request *two = ask(HTTP_GET, "/rest/v0/events?collections=VM,host");

	rename_vm(1, "web");
	cr_expect(strstr(sent(one), "event: add"), "%s", sent(one));
	cr_expect(strstr(sent(two), "event: add"), "%s", sent(two));
	http_request_for_test_free(one);
	rename_vm(1, "db");
	cr_expect(strstr(sent(two), "event: remove"), "%s", sent(two));
	http_request_for_test_free(two);
}
