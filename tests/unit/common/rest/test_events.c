/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events: subscriptions, what is sent to whom, coming back after a break. */
#include "fixture.h"

#include "common/base/str.h"
#include "common/rest/call.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture *f;

static void setup(void)
{
	f = fixture_new();
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(events, .init = setup, .fini = teardown);

static struct http_request *listen_to(const char *target)
{
	struct http_request *r = fixture_call(f, HTTP_GET, target, NULL);

	cr_assert_eq(http_request_for_test_status(r), 200, "%s", http_request_for_test_body(r));
	cr_assert_str_eq(http_request_for_test_type(r), "text/event-stream");
	return r;
}

/* The client's id, out of its init event. */
static void client_id(struct http_request *r, char id[static MU_UUID_TEXT])
{
	const char *p = strstr(http_request_for_test_body(r), "event: init\ndata: {\"id\":\"");

	cr_assert(p, "%s", http_request_for_test_body(r));
	memcpy(id, p + strlen("event: init\ndata: {\"id\":\""), MU_UUID_TEXT - 1);
	id[MU_UUID_TEXT - 1] = '\0';
}

static void subscribe(struct http_request *r, const char *body, int status, const char *says)
{
	char id[MU_UUID_TEXT];
	char target[128];

	client_id(r, id);
	(void)snprintf(target, sizeof target, "/rest/v0/events/%s/subscriptions", id);
	fixture_expect(fixture_call(f, HTTP_POST, target, body), status, says);
}

static size_t n_events(struct http_request *r, const char *text)
{
	size_t n = 0;

	for (const char *p = http_request_for_test_body(r); (p = strstr(p, text)); p++)
		n++;
	return n;
}

static bool has(struct http_request *r, const char *text)
{
	return n_events(r, text) > 0;
}

Test(events, subscribed_collections_only)
{
	struct http_request *r = listen_to("/rest/v0/events");

	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	subscribe(r, "{\"collection\":\"VM\",\"fields\":\"*\"}", 201, "{\"id\":\"VM\"}");
	rest_host_changed(f->rest, REST_UPDATE, &f->hosts[0]);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[1]);
	cr_expect_eq(n_events(r, "event: update"), 1);
	cr_expect(has(r, "\"name_label\":\"db\""));
	cr_expect(has(r, "\"$subscription\":\"VM\"}"));
	rest_vm_changed(f->rest, REST_ADD, &f->vms[0]);
	cr_expect_eq(n_events(r, "event: add"), 1);
	rest_vm_changed(f->rest, REST_REMOVE, &f->vms[0]);
	cr_expect(has(r, "event: remove\ndata: {\"id\":\"" VM_WEB
			 "\",\"type\":\"VM\",\"$subscription\":\"VM\"}\n\n"));
	http_request_for_test_free(r);
}

Test(events, chosen_fields_suppress_other_updates)
{
	struct http_request *r = listen_to("/rest/v0/events");

	subscribe(r, "{\"collection\":\"VM\",\"fields\":[\"id\",\"name_label\"]}", 201, NULL);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect(has(r, "data: {\"id\":\"" VM_WEB
			 "\",\"name_label\":\"web\",\"$subscription\":\"VM\"}\n"));
	f->vms[0].vcpus_online = 3;
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect_eq(n_events(r, "event: update"), 1, "nothing that was asked for changed");
	(void)snprintf(f->vms[0].name, sizeof f->vms[0].name, "www");
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect_eq(n_events(r, "event: update"), 2);
	rest_vm_changed(f->rest, REST_REMOVE, &f->vms[0]);
	cr_expect_eq(n_events(r, "event: remove"), 1);
	/* Again, with everything. */
	subscribe(r, "{\"collection\":\"VM\"}", 201, NULL);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect_eq(n_events(r, "event: update"), 4);
	http_request_for_test_free(r);
}

Test(events, subscriptions_end)
{
	struct http_request *r = listen_to("/rest/v0/events?collections=task,VM");
	char id[MU_UUID_TEXT];
	char target[128];

	client_id(r, id);
	(void)snprintf(target, sizeof target, "/rest/v0/events/%s/subscriptions/VM", id);
	fixture_expect(fixture_call(f, HTTP_DELETE, target, NULL), 204, NULL);
	fixture_expect(fixture_call(f, HTTP_DELETE, target, NULL), 404, "subscription");
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect_not(has(r, "update"));
	http_request_for_test_free(r);
	fixture_expect(fixture_call(f, HTTP_DELETE, target, NULL), 404, "event client");
}

Test(events, direct_mode_needs_no_subscription)
{
	struct http_request *r = listen_to("/rest/v0/events?collections=VM,host,pool,task");
	struct http_request *action =
	    fixture_call(f, HTTP_POST, "/rest/v0/vms/" VM_DB "/actions/start", NULL);

	fixture_op_started(f);
	http_request_for_test_free(action);
	cr_expect(has(r, "event: add\ndata: {\"id\":\"" TASK_1 "\",\"status\":\"pending\""));
	fixture_task_ended(f, MU_E_NONE, NULL);
	cr_expect(has(r, "\"status\":\"success\""));
	rest_host_changed(f->rest, REST_UPDATE, &f->hosts[0]);
	cr_expect(has(r, "\"$subscription\":\"host\""));
	http_request_for_test_free(r);
}

Test(events, vm_of_a_host_that_left)
{
	struct http_request *r = listen_to("/rest/v0/events?collections=VM");

	f->hosts[0].connected = false;
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect(has(r, "\"power_state\":\"Unknown\",\"lastKnownPowerState\":\"Running\""));
	f->hosts[0].connected = true;
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect(has(r, "\"power_state\":\"Running\",\"$container\""));
	http_request_for_test_free(r);
}

static void stop_when_pinged(void *ctx)
{
	struct http_request *r = ctx;
	static struct mu_timer *again;

	again = mu_timer_free(again);
	if (n_events(r, "event: ping\ndata: {\"ping\":") >= 3) {
		mu_loop_stop(f->loop);
		return;
	}
	again = mu_timer_new(f->loop, stop_when_pinged, r);
	mu_timer_set(again, 5);
}

Test(events, pings)
{
	struct http_request *r;

	f->rest->ping_every = 10;
	r = listen_to("/rest/v0/events");
	mu_loop_post(f->loop, stop_when_pinged, r);
	mu_loop_run(f->loop);
	cr_expect_geq(n_events(r, "event: ping"), 3);
	http_request_for_test_free(r);
}

static void stop_when_closed(void *ctx)
{
	static struct mu_timer *again;

	again = mu_timer_free(again);
	if (mu_list_empty(&f->rest->sessions)) {
		mu_loop_stop(f->loop);
		return;
	}
	again = mu_timer_new(f->loop, stop_when_closed, ctx);
	mu_timer_set(again, 5);
}

Test(events, nothing_more_comes_once_the_token_is_taken_back)
{
	struct http_request *r;

	f->rest->session_every = 10;
	r = listen_to("/rest/v0/events?collections=VM");
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect_eq(n_events(r, "event: update"), 1);
	f->no_token = true;
	mu_loop_post(f->loop, stop_when_closed, r);
	mu_loop_run(f->loop);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect_eq(n_events(r, "event: update"), 1);
	http_request_for_test_free(r);
}

/* He saw everything; what he may see now he has to ask for. */
Test(events, nothing_more_comes_once_he_is_no_administrator)
{
	struct http_request *r;

	f->rest->session_every = 10;
	r = listen_to("/rest/v0/events?collections=VM,VIF");
	f->no_admin = true;
	mu_loop_post(f->loop, stop_when_closed, r);
	mu_loop_run(f->loop);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect_eq(n_events(r, "event: update"), 0);
	http_request_for_test_free(r);
}

/* The id of the last event that was sent. */
static unsigned long long last_id(struct http_request *r)
{
	const char *body = http_request_for_test_body(r);
	unsigned long long id = 0;

	for (const char *p = body; (p = strstr(p, "id: ")); p += 4)
		if (p == body || p[-1] == '\n')
			id = strtoull(p + 4, NULL, 10);
	return id;
}

Test(events, missed_ones_are_sent_again)
{
	struct http_request *r = listen_to("/rest/v0/events?collections=VM");
	char target[128];

	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	(void)snprintf(target, sizeof target, "/rest/v0/events?collections=VM&lastEventId=%llu",
		       last_id(r));
	http_request_for_test_free(r);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[1]);
	rest_host_changed(f->rest, REST_UPDATE, &f->hosts[0]);
	r = listen_to(target);
	cr_expect_eq(n_events(r, "event: update"), 1);
	cr_expect(has(r, "\"name_label\":\"db\""));
	cr_expect_not(has(r, "resync"));
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	cr_expect_eq(n_events(r, "event: update"), 2);
	http_request_for_test_free(r);
}

Test(events, too_many_missed_ones_ask_for_a_new_list)
{
	struct http_request *r = listen_to("/rest/v0/events?collections=VM");
	char target[128];

	(void)snprintf(target, sizeof target, "/rest/v0/events?collections=VM&lastEventId=%llu",
		       last_id(r));
	http_request_for_test_free(r);
	for (int i = 0; i < 3000; i++)
		rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	r = listen_to(target);
	cr_expect(has(r, "event: init"));
	cr_expect(has(r, "event: resync"));
	cr_expect_not(has(r, "event: update"));
	http_request_for_test_free(r);
	/* Within the ring, but more than may wait for one client (1 MiB in tests). */
	r = listen_to("/rest/v0/events?collections=VM");
	(void)snprintf(target, sizeof target, "/rest/v0/events?collections=VM&lastEventId=%llu",
		       last_id(r));
	http_request_for_test_free(r);
	for (int i = 0; i < 1500; i++)
		rest_vm_changed(f->rest, REST_UPDATE, &f->vms[0]);
	r = listen_to(target);
	cr_expect(has(r, "event: resync"));
	cr_expect_not(has(r, "event: update"));
	http_request_for_test_free(r);
	/* An id of another process. */
	r = listen_to("/rest/v0/events?collections=VM&lastEventId=12");
	cr_expect(has(r, "event: resync"));
	http_request_for_test_free(r);
}

Test(events, since_an_id_of_all_collections)
{
	struct http_request *r = listen_to("/rest/v0/events?collections=VM");
	char target[128];

	(void)snprintf(target, sizeof target, "/rest/v0/events?since=%llu", last_id(r));
	http_request_for_test_free(r);
	rest_vm_changed(f->rest, REST_UPDATE, &f->vms[1]);
	rest_host_changed(f->rest, REST_UPDATE, &f->hosts[0]);
	r = listen_to(target);
	cr_expect_eq(n_events(r, "event: update"), 2);
	cr_expect_not(has(r, "event: gap"));
	rest_host_changed(f->rest, REST_UPDATE, &f->hosts[0]);
	cr_expect_eq(n_events(r, "event: update"), 3);
	http_request_for_test_free(r);
	for (int i = 0; i < 3000; i++)
		rest_host_changed(f->rest, REST_UPDATE, &f->hosts[0]);
	r = listen_to(target);
	cr_expect(has(r, "event: gap\ndata: {\"since\":"));
	cr_expect(has(r, "event: init"));
	cr_expect_not(has(r, "event: update"));
	rest_host_changed(f->rest, REST_UPDATE, &f->hosts[0]);
	cr_expect_eq(n_events(r, "event: update"), 1, "it goes on from now");
	http_request_for_test_free(r);
	r = listen_to("/rest/v0/events?since=0&collections=host");
	cr_expect(has(r, "event: gap\ndata: {\"since\":0,\"oldest\":"));
	http_request_for_test_free(r);
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/events?since=x", NULL), 400,
		       "since: \\\"x\\\" is not an id of ours");
}

Test(events, last_event_id_header)
{
	struct http_request *r =
	    http_request_for_test(HTTP_GET, "/rest/v0/events?collections=VM", NULL);

	http_request_for_test_header(r, "authorization", "Bearer secret");
	http_request_for_test_header(r, "last-event-id", "12");
	http_request_for_test_replied(r, rest_handle(r, f->rest));
	cr_expect(has(r, "event: resync"));
	http_request_for_test_free(r);
}

Test(events, bad_requests)
{
	struct http_request *r = listen_to("/rest/v0/events");
	char many[2048] = "{\"collection\":\"VM\",\"fields\":[";

	subscribe(r, "{\"collection\":\"SM\"}", 422, "no collection \\\"SM\\\"");
	subscribe(r, "{}", 422, "collection is missing");
	subscribe(r, "{\"collection\":7}", 422, "a string is expected");
	subscribe(r, "{\"collection\":\"VM\",\"fields\":7}", 422, "fields:");
	subscribe(r, "{\"collection\":\"VM\",\"fields\":[7]}", 422, "fields:");
	subscribe(r, "{\"collection\":\"VM\",\"filter\":\"x\"}", 422, "unknown property");
	subscribe(r, "{", 400, "malformed");
	for (int i = 0; i < 200; i++)
		(void)snprintf(many + strlen(many), sizeof many - strlen(many), "%s\"a%d\"",
			       i ? "," : "", i);
	(void)snprintf(many + strlen(many), sizeof many - strlen(many), "]}");
	subscribe(r, many, 422, "at most");
	http_request_for_test_free(r);
	fixture_expect(fixture_call(f, HTTP_POST, "/rest/v0/events/" NOBODY "/subscriptions", "{}"),
		       404, "event client");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/events?collections=VM,nope", NULL), 422,
		       "nope");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/events?lastEventId=x", NULL), 400,
		       "Last-Event-ID");
}
