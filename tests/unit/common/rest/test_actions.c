/* SPDX-License-Identifier: Apache-2.0 */
/* What changes something: actions with and without waiting, tasks, definitions. */
#include "fixture.h"

#include "common/os/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ACTION(vm, verb) "/rest/v0/vms/" vm "/actions/" verb

static struct fixture *f;

static void setup(void)
{
	f = fixture_new();
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(actions, .init = setup, .fini = teardown);

static struct http_request *post(const char *target, const char *body)
{
	return fixture_call(f, HTTP_POST, target, body);
}

Test(actions, answers_with_the_task)
{
	struct http_request *r = post(ACTION(VM_DB, "start"), NULL);

	cr_expect_eq(http_request_for_test_status(r), 0, "only when the task is durable");
	cr_expect_eq(f->n_ops, 1);
	cr_expect_eq(f->op, VM_OP_START);
	cr_expect(mu_uuid_equal(&f->vm.uuid, &f->vms[1].id.uuid));
	cr_expect_eq(f->deadline, 0);
	cr_expect_str_eq(f->user, "admin");
	cr_expect_str_eq(f->from, "192.0.2.1");
	fixture_op_started(f);
	cr_expect_eq(http_request_for_test_status(r), 202);
	cr_expect_str_eq(http_request_for_test_body(r), "{\"taskId\":\"" TASK_1 "\"}");
	cr_expect_str_eq(http_request_for_test_reply_header(r, "location"),
			 "/rest/v0/tasks/" TASK_1);
	http_request_for_test_free(r);
	fixture_task_ended(f, MU_E_NONE, NULL);
}

Test(actions, sync_waits_for_success)
{
	struct http_request *r = post(ACTION(VM_WEB, "clean_shutdown?sync=true"), "{}");

	fixture_op_started(f);
	cr_expect_eq(http_request_for_test_status(r), 0);
	fixture_task_ended(f, MU_E_NONE, NULL);
	fixture_expect(r, 204, NULL);
}

Test(actions, sync_tells_the_failure)
{
	struct http_request *r = post(ACTION(VM_WEB, "clean_reboot?sync=true"), NULL);

	fixture_op_started(f);
	fixture_task_ended(f, MU_E_TIMEOUT, "the guest did not answer");
	fixture_expect(r, 504,
		       "{\"error\":\"the guest did not answer\",\"data\":{\"code\":\"TIMEOUT\","
		       "\"status\":\"failure\"}}");
}

Test(actions, sync_of_a_task_that_ended_at_once)
{
	struct http_request *r = post(ACTION(VM_WEB, "pause?sync=true"), NULL);
	struct model_task *t = &f->tasks[0];

	f->n_tasks = 1;
	cr_assert(mu_uuid_parse(TASK_1, &t->id));
	t->status = TASK_SUCCESS;
	f->op_done(f->arg, &t->id, NULL);
	fixture_expect(r, 204, NULL);
}

Test(actions, peer_leaves_while_starting_or_waiting)
{
	struct http_request *r = post(ACTION(VM_DB, "start"), NULL);

	http_request_for_test_free(r);
	fixture_op_started(f);
	r = post(ACTION(VM_WEB, "pause?sync=true"), NULL);
	http_request_for_test_free(r);
	fixture_op_refused(f, MU_E_UNAVAILABLE, "gone");
	r = post(ACTION(VM_WEB, "pause?sync=true"), NULL);
	fixture_op_started(f);
	http_request_for_test_free(r);
	fixture_task_ended(f, MU_E_NONE, NULL);
	cr_expect_eq(f->n_ops, 3);
}

Test(actions, timeout_becomes_a_deadline)
{
	mu_msec before = mu_clock_wall();
	struct http_request *r = post(ACTION(VM_WEB, "clean_shutdown?timeout=60"), NULL);

	cr_expect_geq(f->deadline, before + 60000);
	cr_expect_leq(f->deadline, mu_clock_wall() + 60000);
	fixture_op_refused(f, MU_E_EXHAUSTED, "no space for the task");
	fixture_expect(r, 507, "no space");
}

Test(actions, wrong_state)
{
	fixture_expect(post(ACTION(VM_WEB, "start"), NULL), 409,
		       "{\"error\":\"VM web is Running; start needs it Halted\",\"data\":"
		       "{\"actual\":\"Running\",\"expected\":\"Halted\",\"object\":\"" VM_WEB
		       "\",\"property\":\"power_state\"}}");
	fixture_expect(post(ACTION(VM_DB, "unpause"), NULL), 409, "\"actual\":\"Halted\"");
	fixture_expect(post(ACTION(VM_WEB, "adopt"), NULL), 409, "\"property\":\"managed\"");
	cr_expect_eq(f->n_ops, 0);
}

Test(actions, foreign_vm_is_adopted)
{
	struct http_request *r;

	f->vms[0].managed = false;
	r = post(ACTION(VM_WEB, "adopt"), NULL);
	cr_expect_eq(f->op, VM_OP_ADOPT);
	fixture_op_started(f);
	fixture_expect(r, 202, TASK_1);
}

Test(actions, state_that_changed_meanwhile)
{
	struct http_request *r = post(ACTION(VM_WEB, "pause"), NULL);

	f->vms[0].power = VM_HALTED;
	fixture_op_refused(f, MU_E_STATE, "VM web has just stopped");
	fixture_expect(r, 409, "\"data\":{\"actual\":\"Halted\",\"expected\":\"Running\"");
}

Test(actions, host_is_away)
{
	fixture_expect(post(ACTION(VM_FAR, "hard_shutdown"), NULL), 503,
		       "host xen2 of VM far is not connected");
	cr_expect_eq(f->n_ops, 0);
}

Test(actions, bad_requests)
{
	static const struct {
		const char *target;
		const char *body;
		int status;
		const char *says;
	} bad[] = {
	    {ACTION(NOBODY, "start"), NULL, 404, "\"type\":\"VM\""},
	    {ACTION(VM_DB, "explode"), NULL, 404, "\"type\":\"action\""},
	    {ACTION(VM_DB, "start?sync=perhaps"), NULL, 400, "sync:"},
	    {ACTION(VM_DB, "start?timeout=0"), NULL, 400, "timeout:"},
	    {ACTION(VM_DB, "start?timeout=1h"), NULL, 400, "timeout:"},
	    {ACTION(VM_DB, "start"), "{", 400, "malformed JSON"},
	    {ACTION(VM_DB, "start"), "[]", 422, "an object is expected, not array"},
	    {ACTION(VM_DB, "start"), "{\"speed\":9}", 422, "unknown property \\\"speed\\\""},
	    {ACTION(VM_DB, "start"), "{\"force\":\"yes\"}", 422, "true or false is expected"},
	    {ACTION(VM_WEB, "pause"), "{\"force\":true}", 422, "unknown property"},
	    {ACTION(VM_DB, "start"), "{\"hostId\":7}", 422, "a string is expected"},
	    {ACTION(VM_DB, "start"), "{\"hostId\":\"x\"}", 422, "not a UUID"},
	    {ACTION(VM_DB, "start"), "{\"hostId\":\"" HOST_2 "\"}", 501, "leave hostId out"},
	    {ACTION(VM_WEB, "pause"), "{\"hostId\":\"" HOST_1 "\"}", 422, "unknown property"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++)
		fixture_expect(post(bad[i].target, bad[i].body), bad[i].status, bad[i].says);
	cr_expect_eq(f->n_ops, 0);
}

Test(actions, start_on_its_own_host)
{
	struct http_request *r = post(ACTION(VM_DB, "start"), "{\"hostId\":\"" HOST_1 "\"}");

	fixture_op_started(f);
	fixture_expect(r, 202, TASK_1);
}

Test(actions, start_anyway)
{
	struct http_request *r = post(ACTION(VM_DB, "start"), "{\"force\":true}");

	cr_expect(f->anyway);
	fixture_op_started(f);
	fixture_expect(r, 202, TASK_1);
}

Test(actions, force_that_is_not_meant)
{
	struct http_request *r = post(ACTION(VM_DB, "start"), "{\"force\":false}");

	cr_expect_not(f->anyway);
	fixture_op_started(f);
	fixture_expect(r, 202, TASK_1);
}

/* Tasks */

static void make_task(void)
{
	struct http_request *r = post(ACTION(VM_WEB, "suspend"), NULL);

	fixture_op_started(f);
	http_request_for_test_free(r);
}

Test(actions, task_is_shown)
{
	make_task();
	fixture_expect_get(f, "/rest/v0/tasks/" TASK_1, 200,
			   "{\"id\":\"" TASK_1
			   "\",\"status\":\"pending\",\"start\":1700000000001,\"properties\":{"
			   "\"name\":\"REST API: suspend VM\",\"type\":\"xo:rest-api:action\","
			   "\"method\":\"suspend\",\"objectId\":\"" VM_WEB
			   "\",\"objectType\":\"VM\",\"hostId\":\"" HOST_1
			   "\",\"userId\":\"admin\"},\"progress\":0}");
	fixture_task_ended(f, MU_E_IO, "disk full");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/tasks/" TASK_1, NULL), 200,
		       "\"result\":{\"name\":\"Error\",\"code\":\"IO\",\"message\":\"disk full\"}");
	fixture_expect_get(f, "/rest/v0/tasks?filter=status:pending", 200, "[]");
	fixture_expect_get(f, "/rest/v0/vms/" VM_WEB "/tasks", 200,
			   "[\"/rest/v0/tasks/" TASK_1 "\"]");
	fixture_expect_get(f, "/rest/v0/vms/" VM_DB "/tasks", 200, "[]");
	fixture_expect_get(f, "/rest/v0/hosts/" HOST_1 "/tasks", 200,
			   "[\"/rest/v0/tasks/" TASK_1 "\"]");
}

Test(actions, task_is_waited_for)
{
	struct http_request *r;
	struct http_request *other;

	make_task();
	r = fixture_call(f, HTTP_GET, "/rest/v0/tasks/" TASK_1 "?wait=true", NULL);
	other = fixture_call(f, HTTP_GET, "/rest/v0/tasks/" TASK_1 "?wait=true", NULL);
	cr_expect_eq(http_request_for_test_status(r), 0);
	rest_task_changed(f->rest, REST_UPDATE, &f->tasks[0]);
	cr_expect_eq(http_request_for_test_status(r), 0);
	fixture_task_ended(f, MU_E_NONE, NULL);
	fixture_expect(r, 200, "\"status\":\"success\"");
	fixture_expect(other, 200, "\"status\":\"success\"");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/tasks/" TASK_1 "?wait=true", NULL), 200,
		       "\"end\":1700000000500");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/tasks/" TASK_1 "?wait=x", NULL), 400,
		       "wait:");
}

Test(actions, task_is_aborted)
{
	make_task();
	fixture_expect(post("/rest/v0/tasks/" TASK_1 "/actions/abort", NULL), 204, NULL);
	fixture_expect(post("/rest/v0/tasks/" TASK_1 "/abort", "{}"), 200, "{\"success\":true}");
	cr_expect_eq(f->n_aborts, 2);
	cr_expect_str_eq(f->from, "192.0.2.1");
	fixture_task_ended(f, MU_E_CANCELLED, "aborted");
	fixture_expect(post("/rest/v0/tasks/" TASK_1 "/actions/abort", NULL), 409, "has ended");
	fixture_expect(post("/rest/v0/tasks/" NOBODY "/actions/abort", NULL), 404, NOBODY);
}

/* Definitions */

Test(actions, definition_is_stored)
{
	struct http_request *r =
	    post("/rest/v0/hosts/" HOST_1 "/vms", "{\"name\":\"new\",\"uuid\":\"" VM_DB "\"}");

	cr_expect_str_eq(f->definition, "{\"name\":\"new\",\"uuid\":\"" VM_DB "\"}");
	cr_expect(mu_uuid_equal(&f->host.uuid, &f->hosts[0].id.uuid));
	f->define_done(f->arg, &f->vms[1].id, NULL);
	cr_expect_str_eq(http_request_for_test_reply_header(r, "location"), "/rest/v0/vms/" VM_DB);
	fixture_expect(r, 201, "{\"id\":\"" VM_DB "\"}");
}

Test(actions, definition_gets_an_id)
{
	struct http_request *r = post("/rest/v0/hosts/" HOST_1 "/vms", "{\"name\":\"new\"}");
	const char *uuid = strstr(f->definition, "\"uuid\":\"");
	char text[MU_UUID_TEXT] = "";
	struct mu_uuid id;

	cr_assert_not_null(uuid);
	(void)snprintf(text, sizeof text, "%s", uuid + 8);
	cr_expect(mu_uuid_parse(text, &id), "%s", f->definition);
	f->define_done(f->arg, &f->vms[1].id, NULL);
	fixture_expect(r, 201, NULL);
}

Test(actions, definition_of_another_hosts_vm_is_refused)
{
	fixture_expect(
	    post("/rest/v0/hosts/" HOST_2 "/vms", "{\"name\":\"new\",\"uuid\":\"" VM_DB "\"}"), 409,
	    "VM db on host");
}

Test(actions, definition_is_refused)
{
	struct http_request *r = post("/rest/v0/hosts/" HOST_1 "/vms", "{\"name\":\"new\"}");
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, MU_E_INVALID, "memory: missing");
	f->define_done(f->arg, NULL, &err);
	fixture_expect(r, 422, "memory: missing");
	fixture_expect(post("/rest/v0/hosts/" HOST_1 "/vms", NULL), 400, "a VM definition");
	fixture_expect(post("/rest/v0/hosts/" HOST_1 "/vms", "nonsense"), 400, "malformed");
	fixture_expect(post("/rest/v0/hosts/" HOST_1 "/vms", "7"), 422, "an object");
	fixture_expect(post("/rest/v0/hosts/" NOBODY "/vms", "{}"), 404, "\"type\":\"host\"");
	cr_expect_eq(f->n_ops, 1);
}
