/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who may see one VM, at every route of both programs, with every id that there is: he
 * changes nothing, and no answer has the name or the id of anything else. All that is not his has a
 * name with "hidden" in it.
 */
#include "aggregator/rest/admin.h"
#include "aggregator/rest/alarms.h"
#include "aggregator/rest/exposition.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/rest/access.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define VIEWER "Bearer look:only"

static struct fixture *f;

static const char *const ids[] = {
    VM_WEB, VM_DB, VM_FAR, VM_SNAP, VM_TMPL, VDI_1,     VDI_2, VDI_2_SNAP, SR_1,
    SR_2,   PBD_1, HOST_1, HOST_2,  POOL,    NETWORK_1, PIF_1, TASK_1,     NOBODY,
};

static void hide(char *name, size_t size, const char *what, size_t i)
{
	(void)snprintf(name, size, "hidden-%s-%zu", what, i);
}
#define HIDE(name, what, i) hide(name, sizeof(name), what, i)

static void hide_names(void)
{
	for (size_t i = 0; i < 2; i++) {
		HIDE(f->hosts[i].name, "host", i);
		HIDE(f->hosts[i].address, "address", i);
	}
	for (size_t i = 1; i < FIXTURE_VMS; i++) {
		HIDE(f->vms[i].name, "vm", i);
		HIDE(f->vms[i].description, "about", i);
	}
	for (size_t i = 0; i < FIXTURE_REPORTS; i++)
		HIDE(f->reports[i].name, "object", i);
	for (size_t i = R_SR_1; i <= R_SR_2; i++)
		HIDE(f->reports[i].sr.location, "location", i);
}

/* Of his VM, of another one, and of an SR; two of them make messages, an SR that is full an alarm.
 */
static void make_tasks(void)
{
	static const char *const of[] = {VM_WEB, VM_DB, SR_1};

	for (size_t i = 0; i < MU_ARRAY_SIZE(of); i++) {
		struct model_task *t = &f->tasks[f->n_tasks++];

		cr_assert(mu_uuid_parse(TASK_1, &t->id));
		t->id.bytes[15] = (uint8_t)(i + 1);
		cr_assert(mu_uuid_parse(of[i], &t->vm.uuid));
		t->object = t->vm.uuid;
		t->op = i < 2 ? VM_OP_START : _VM_OP_COUNT;
		t->status = i < 2 ? TASK_SUCCESS : TASK_FAILURE;
		t->host = f->hosts[0].id;
		t->start = t->end = 1700000000001;
		HIDE(t->user, "user", i);
		if (i == 2) {
			(void)snprintf(t->method, sizeof t->method, "sr.scan");
			(void)mu_error_set(&t->err, MU_E_IO, "hidden-error");
		}
	}
	f->reports[R_SR_1].sr.used_bytes = f->reports[R_SR_1].sr.size_bytes - 1;
}

static void setup(void)
{
	static const struct rights_privilege web[] = {
	    {.resource = "vm", .action = "read", .selector = "id:" VM_WEB}};

	f = fixture_new();
	admin_routes_add(f->rest, NULL);
	alarm_routes_add(f->rest, NULL);
	exposition_routes_add(f->rest, NULL);
	hide_names();
	make_tasks();
	rest_object_changed(f->rest, REST_UPDATE, &f->reports[R_SR_1]);
	fixture_allow(f, web, MU_ARRAY_SIZE(web));
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(hidden, .init = setup, .fini = teardown);

/* What the request names he knew before, and what his VM is on and made of it says itself. */
static void expect_no_leak(const struct http_request *r, const char *target)
{
	const char *body = http_request_for_test_body(r);
	bool web = strstr(body, "\"name_label\":\"web\"") != NULL;

	cr_expect_null(strstr(body, "hidden"), "%s: %s", target, body);
	for (size_t i = 1; i < MU_ARRAY_SIZE(ids); i++) {
		bool its = web && (!strcmp(ids[i], HOST_1) || !strcmp(ids[i], POOL));

		if (!its && !strstr(target, ids[i]))
			cr_expect_null(strstr(body, ids[i]), "%s has %s: %s", target, ids[i], body);
	}
}

static void answer_stats(const char *target)
{
	struct mu_error err = MU_ERROR_INIT;
	char id[MU_UUID_TEXT];

	while (f->stats_done) {
		void (*done)(void *arg, const struct stats_result *r, const struct mu_error *e) =
		    f->stats_done;

		cr_expect_str_eq(mu_uuid_format(&f->stats.object, id), VM_WEB, "%s", target);
		(void)mu_error_set(&err, MU_E_NOT_FOUND, "nothing is known");
		f->stats_done = NULL;
		done(f->stats_arg, NULL, &err);
	}
}

static void look_again(void *ctx)
{
	mu_loop_stop(ctx);
}

static void try(enum http_method method, const char *target, const char *body)
{
	struct http_request *r = http_request_for_test(method, target, body);

	http_request_for_test_header(r, "authorization", VIEWER);
	http_request_for_test_replied(r, rest_handle(r, f->rest));
	answer_stats(target);
	if (!http_request_for_test_status(r)) { /* in turns of the loop */
		mu_loop_post(f->loop, look_again, f->loop);
		mu_loop_run(f->loop);
	}
	cr_expect_null(f->read, "%s", target);
	cr_expect_eq(f->n_ops, 0, "%s", target);
	if (method != HTTP_GET)
		cr_expect_geq(http_request_for_test_status(r), 400, "%s", target);
	expect_no_leak(r, target);
	http_request_for_test_free(r);
}

/* The path with the id in place of its variables, at an action that there is. */
static void try_with(const struct rest_route_info *info, const char *id)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str target = MU_STR_INIT;
	const char *p = info->pattern;

	while (*p) {
		size_t len = strcspn(p, "{");

		mu_str_add_bytes(&target, p, len);
		p += len;
		if (!*p)
			break;
		mu_str_add(&target, strncmp(p, "{action}", 8) == 0   ? "start"
				    : strncmp(p, "{format}", 8) == 0 ? "raw"
								     : id);
		p += strcspn(p, "}") + 1;
	}
	if (info->method == HTTP_GET)
		mu_str_add(&target, "?fields=*&granularity=seconds&series=*&start=1");
	if (!strstr(target.data, "/events")) /* below */
		try(info->method, target.data, info->method == HTTP_GET ? NULL : "{}");
}

static void try_route(const struct rest_route_info *info)
{
	size_t n = strchr(info->pattern, '{') ? MU_ARRAY_SIZE(ids) : 1;

	for (size_t i = 0; i < n; i++)
		try_with(info, ids[i]);
}

Test(hidden, from_every_route)
{
	const struct rest_route_info *infos;
	size_t n = rest_routes(&infos);

	for (size_t i = 0; i < n; i++)
		try_route(&infos[i]);
}

/* What is signed-in there is about users, who are none of this fixture's. */
Test(hidden, from_every_route_of_the_aggregators_own)
{
	for (size_t set = 0; set < f->rest->n_route_sets; set++) {
		for (size_t i = 0; i < f->rest->route_sets[set].n_routes; i++) {
			const struct rest_route *r = &f->rest->route_sets[set].routes[i];

			if (strcmp(r->right, REST_OPEN) != 0 &&
			    strcmp(r->right, REST_SIGNED_IN) != 0)
				try_route(&(struct rest_route_info){r->method, r->pattern, r->right,
								    false});
		}
	}
}

/* Lists whose answer depends on what is asked: nothing can be asked of what is not seen. */
Test(hidden, from_questions)
{
	static const char *const targets[] = {
	    "/rest/v0/vms?filter=name_label:hidden&fields=name_label",
	    "/rest/v0/vms?sort=name_label&fields=name_label&ndjson=true",
	    "/rest/v0/tasks?filter=status:failure&fields=*",
	    "/rest/v0/vms/" VM_WEB "/tasks?fields=*",
	    "/rest/v0/vms/" VM_WEB "/messages?fields=*",
	    "/rest/v0/vms/" VM_WEB "/alarms?fields=*",
	    "/vm_rrd?uuid=" VM_DB,
	    "/host_rrd",
	    "/rrd_updates?start=1&host=true",
	    "/rrd_updates?start=1&vm_uuid=" VM_DB,
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(targets); i++)
		try(HTTP_GET, targets[i], NULL);
}

/* Nothing is counted that is not seen. */
Test(hidden, from_sums)
{
	fixture_expect(fixture_call_as(f, HTTP_GET, "/rest/v0/dashboard", "authorization", VIEWER),
		       200, "\"nPools\":0,\"nHosts\":0,");
	fixture_expect(fixture_call_as(f, HTTP_GET, "/rest/v0/dashboard", "authorization", VIEWER),
		       200, "\"unknown\":0,\"total\":1}");
	fixture_expect(fixture_call_as(f, HTTP_GET, "/rest/v0/dashboard", "authorization", VIEWER),
		       200, "\"resourcesOverview\":{\"isEmpty\":true}");
	fixture_expect(fixture_call_as(f, HTTP_GET, "/rest/v0/vms/" VM_WEB "/dashboard",
				       "authorization", VIEWER),
		       200, "\"alarms\":[]");
}

static void change_everything(void)
{
	for (size_t i = 0; i < 2; i++)
		rest_host_changed(f->rest, REST_UPDATE, &f->hosts[i]);
	for (size_t i = 0; i < FIXTURE_VMS; i++)
		rest_vm_changed(f->rest, REST_UPDATE, &f->vms[i]);
	for (size_t i = 0; i < FIXTURE_REPORTS; i++) {
		rest_object_changed(f->rest, REST_UPDATE, &f->reports[i]);
		rest_report_changed(f->rest, REST_UPDATE, &f->reports[i]);
	}
	for (size_t i = 0; i < f->n_tasks; i++)
		rest_task_changed(f->rest, REST_UPDATE, &f->tasks[i]);
}

Test(hidden, from_events)
{
	static const char target[] = "/rest/v0/events?collections=VM,VM-snapshot,VM-template,host,"
				     "pool,task,SR,VDI,VDI-snapshot,network,PIF,PCI,PBD,VBD,VIF,"
				     "alarm,message";
	struct http_request *r = fixture_call_as(f, HTTP_GET, target, "authorization", VIEWER);

	change_everything();
	for (size_t i = 1; i < FIXTURE_VMS; i++)
		rest_vm_changed(f->rest, REST_REMOVE, &f->vms[i]);
	cr_expect_not_null(strstr(http_request_for_test_body(r), VM_WEB), "he sees his own");
	expect_no_leak(r, target);
	http_request_for_test_free(r);
}
