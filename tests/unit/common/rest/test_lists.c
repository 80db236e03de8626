/* SPDX-License-Identifier: Apache-2.0 */
/* Collections and single objects: what is listed, in which shape, and what is refused. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SET(array, text) (void)snprintf(array, sizeof(array), "%s", text)

static struct fixture *f;

static void setup(void)
{
	f = fixture_new();
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(lists, .init = setup, .fini = teardown);

Test(lists, hrefs_by_default)
{
	fixture_expect_get(f, "/rest/v0/vms", 200,
			   "[\"/rest/v0/vms/" VM_WEB "\",\"/rest/v0/vms/" VM_DB
			   "\",\"/rest/v0/vms/" VM_FAR "\"]");
	fixture_expect_get(f, "/rest/v0/hosts", 200,
			   "[\"/rest/v0/hosts/" HOST_1 "\",\"/rest/v0/hosts/" HOST_2 "\"]");
	fixture_expect_get(f, "/rest/v0/pools", 200, "[\"/rest/v0/pools/" POOL "\"]");
	fixture_expect_get(f, "/rest/v0/tasks", 200, "[]");
}

Test(lists, fields_filter_limit)
{
	fixture_expect_get(f, "/rest/v0/vms?fields=name_label,unknown&filter=name_label:B", 200,
			   "[{\"name_label\":\"web\",\"href\":\"/rest/v0/vms/" VM_WEB
			   "\"},{\"name_label\":\"db\",\"href\":\"/rest/v0/vms/" VM_DB "\"}]");
	fixture_expect_get(f, "/rest/v0/vms?filter=name_label:B&limit=1", 200,
			   "[\"/rest/v0/vms/" VM_WEB "\"]");
	fixture_expect_get(f, "/rest/v0/vms?filter=id:" VM_DB, 200, "[\"/rest/v0/vms/" VM_DB "\"]");
	fixture_expect_get(f, "/rest/v0/vms?filter=nosuchword", 200, "[]");
	fixture_expect_get(f, "/rest/v0/vms?fields=id&limit=2&ndjson=true", 200,
			   "{\"id\":\"" VM_WEB "\",\"href\":\"/rest/v0/vms/" VM_WEB "\"}\n"
			   "{\"id\":\"" VM_DB "\",\"href\":\"/rest/v0/vms/" VM_DB "\"}\n");
	fixture_expect_get(f, "/rest/v0/vms?ndjson=true&filter=name_label:db", 200,
			   "\"/rest/v0/vms/" VM_DB "\"\n");
}

Test(lists, in_the_order_that_is_asked_for)
{
	fixture_expect_get(f, "/rest/v0/vms?sort=name_label", 200,
			   "[\"/rest/v0/vms/" VM_DB "\",\"/rest/v0/vms/" VM_FAR
			   "\",\"/rest/v0/vms/" VM_WEB "\"]");
	fixture_expect_get(f, "/rest/v0/vms?sort=-power_state,-name_label&ndjson=true", 200,
			   "\"/rest/v0/vms/" VM_FAR "\"\n\"/rest/v0/vms/" VM_WEB
			   "\"\n\"/rest/v0/vms/" VM_DB "\"\n");
	/* What has no such property now comes last. */
	fixture_expect_get(f, "/rest/v0/vms?sort=-lastKnownPowerState&limit=1", 200,
			   "[\"/rest/v0/vms/" VM_FAR "\"]");
	fixture_expect_get(f, "/rest/v0/hosts?sort=-name_label&fields=name_label&limit=1", 200,
			   "[{\"name_label\":\"xen2\",\"href\":\"/rest/v0/hosts/" HOST_2 "\"}]");
	fixture_expect_get(f, "/rest/v0/pools?sort=name_label", 200,
			   "[\"/rest/v0/pools/" POOL "\"]");
	fixture_expect_get(f, "/rest/v0/vms/" VM_DB "/vdis?sort=name_label&limit=7", 200,
			   "[\"/rest/v0/vdis/" VDI_2 "\"]");
}

/* The target of a Link header, in `target`; false when there is none. */
static bool next_page(const struct http_request *r, char *target, size_t size)
{
	const char *link = http_request_for_test_reply_header(r, "link");
	const char *end = link ? strstr(link, ">; rel=\"next\"") : NULL;

	if (!end)
		return false;
	(void)snprintf(target, size, "%.*s", (int)(end - link - 1), link + 1);
	return true;
}

static void expect_pages(const char *target, const char *const *pages)
{
	char next[1024];

	(void)snprintf(next, sizeof next, "%s", target);
	for (size_t i = 0; pages[i]; i++) {
		struct http_request *r = fixture_call(f, HTTP_GET, next, NULL);

		cr_assert_eq(http_request_for_test_status(r), 200);
		cr_expect_str_eq(http_request_for_test_body(r), pages[i]);
		cr_expect_eq(next_page(r, next, sizeof next), pages[i + 1] != NULL);
		http_request_for_test_free(r);
	}
}

Test(lists, pages_follow_each_other)
{
	static const char *const by_id[] = {
	    "[\"/rest/v0/vms/" VM_WEB "\",\"/rest/v0/vms/" VM_DB "\"]",
	    "[\"/rest/v0/vms/" VM_FAR "\"]",
	    NULL,
	};
	static const char *const by_name[] = {
	    "\"/rest/v0/vms/" VM_WEB "\"\n",
	    "\"/rest/v0/vms/" VM_DB "\"\n",
	    NULL,
	};

	expect_pages("/rest/v0/vms?cursor=&limit=2", by_id);
	/* However it is spelt. */
	expect_pages("/rest/v0/vms?limit=2&cursor", by_id);
	expect_pages("/rest/v0/vms?cursor&&limit=2", by_id);
	expect_pages("/rest/v0/vms?%63ursor=&limit=2", by_id);
	expect_pages("/rest/v0/vms?cursory=1&cursor=&limit=2", by_id);
	expect_pages("/rest/v0/vms?sort=-name_label&filter=name_label:b&limit=1&ndjson", by_name);
	/* The last page says so: there is no link. */
	expect_pages("/rest/v0/vms?cursor=",
		     (const char *const[]){"[\"/rest/v0/vms/" VM_WEB "\",\"/rest/v0/vms/" VM_DB
					   "\",\"/rest/v0/vms/" VM_FAR "\"]",
					   NULL});
}

Test(lists, a_cursor_is_of_its_sort)
{
	struct http_request *r = fixture_call(f, HTTP_GET, "/rest/v0/vms?sort=id&limit=1", NULL);
	char next[1024];
	char other[1200];

	cr_assert(next_page(r, next, sizeof next));
	(void)snprintf(other, sizeof other, "/rest/v0/vms?sort=-id&%s", strstr(next, "cursor="));
	fixture_expect(fixture_call(f, HTTP_GET, other, NULL), 400, "another sort");
	http_request_for_test_free(r);
}

Test(lists, refuses_bad_parameters)
{
	static const struct {
		const char *target;
		const char *says;
	} bad[] = {
	    {"/rest/v0/vms?filter=(", "\"data\":{\"stringToParse\":\"(\"}"},
	    {"/rest/v0/vms?limit=0", "limit:"},
	    {"/rest/v0/vms?limit=many", "limit:"},
	    {"/rest/v0/vms?fields=", "fields:"},
	    {"/rest/v0/vms?ndjson=maybe", "neither true nor false"},
	    {"/rest/v0/tasks?filter=a:>b", "a number must follow"},
	    {"/rest/v0/vms?sort=", "sort: at character 1"},
	    {"/rest/v0/vms?sort=power_state,,", "sort: at character 13"},
	    {"/rest/v0/vms?sort=nonsense", "sort: a VM has no property \\\"nonsense\\\""},
	    {"/rest/v0/vms?sort=CPUs", "sort: \\\"CPUs\\\" is an object, which has no order"},
	    {"/rest/v0/vms?sort=-name_label,VIFs&cursor=", "\\\"VIFs\\\" is a list"},
	    {"/rest/v0/vms?cursor=12", "cursor: this is none of ours"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++)
		fixture_expect(fixture_call(f, HTTP_GET, bad[i].target, NULL), 400, bad[i].says);
}

Test(lists, single_has_no_href_and_all_keys)
{
	/* Keys that Xen Orchestra's clients read without asking whether they are there. */
	static const char *const keys[] = {
	    "\"id\":\"" VM_WEB "\"",
	    "\"uuid\":\"" VM_WEB "\"",
	    "\"type\":\"VM\"",
	    "\"$pool\":\"" POOL "\"",
	    "\"$poolId\":\"" POOL "\"",
	    "\"_xapiRef\":\"muster:" VM_WEB,
	    "\"name_label\":\"web\"",
	    "\"name_description\":\"\"",
	    "\"power_state\":\"Running\"",
	    "\"$container\":\"" HOST_1 "\"",
	    "\"CPUs\":{\"number\":2,\"max\":4}",
	    "\"memory\":{\"size\":536870912,\"dynamic\":[536870912,536870912],\"static\":[0,"
	    "1073741824]}",
	    "\"VIFs\":[\"",
	    "\"$VBDs\":[\"",
	    "\"VGPUs\":[]",
	    "\"$VGPUs\":[]",
	    "\"VTPMs\":[]",
	    "\"addresses\":{}",
	    "\"os_version\":null",
	    "\"boot\":{}",
	    "\"secureBoot\":false",
	    "\"auto_poweron\":false",
	    "\"virtualizationMode\":\"pvh\"",
	    "\"high_availability\":\"\"",
	    "\"startDelay\":0",
	    "\"startTime\":1700000001",
	    "\"installTime\":null",
	    "\"snapshots\":[]",
	    "\"tags\":[]",
	    "\"blockedOperations\":{}",
	    "\"current_operations\":{}",
	    "\"creation\":{}",
	    "\"bios_strings\":{}",
	    "\"other\":{}",
	    "\"xenStoreData\":{}",
	    "\"managed\":true",
	    "\"domid\":5"};
	struct http_request *r = fixture_call(f, HTTP_GET, "/rest/v0/vms/" VM_WEB, NULL);
	const char *body = http_request_for_test_body(r);

	cr_assert_eq(http_request_for_test_status(r), 200);
	for (size_t i = 0; i < MU_ARRAY_SIZE(keys); i++)
		cr_expect(strstr(body, keys[i]), "%s in %s", keys[i], body);
	cr_expect_null(strstr(body, "href"));
	cr_expect_null(strstr(body, "lastKnown"));
	http_request_for_test_free(r);
}

Test(lists, guest_facts_are_shown)
{
	struct model_vm *vm = &f->vms[0];
	static const char *const keys[] = {
	    "\"mainIpAddress\":\"192.0.2.7\"",
	    "\"addresses\":{\"0/ipv6/0\":\"2001:db8::7\",\"1/ipv4/2\":\"192.0.2.7\"}",
	    "\"os_version\":{\"name\":\"Debian 12\",\"distro\":\"debian\"}",
	    "\"memory\":{\"size\":1000,\"usage\":600,",
	    "\"managementAgentDetected\":true",
	    "\"pvDriversVersion\":\"8.4.0\"",
	    "\"tags\":[\"prod\",\"web\"]",
	    "\"current_operations\":{\"" TASK_1 "\":\"clean_shutdown\"}",
	};
	struct http_request *r;

	vm->guest.agent_detected = true;
	vm->guest.memory_total_bytes = 1000;
	vm->guest.memory_free_bytes = 400;
	SET(vm->guest.os_name, "Debian 12");
	SET(vm->guest.os_distro, "debian");
	SET(vm->guest.agent_version, "8.4.0");
	vm->guest.n_addrs = 2;
	vm->guest.addrs[0].v6 = true;
	SET(vm->guest.addrs[0].addr, "2001:db8::7");
	vm->guest.addrs[1].device = 1;
	vm->guest.addrs[1].index = 2;
	SET(vm->guest.addrs[1].addr, "192.0.2.7");
	vm->n_tags = 2;
	SET(vm->tags[0], "prod");
	SET(vm->tags[1], "web");
	vm->current_op = VM_OP_CLEAN_SHUTDOWN;
	SET(vm->current_task, TASK_1);
	r = fixture_call(f, HTTP_GET, "/rest/v0/vms/" VM_WEB, NULL);
	for (size_t i = 0; i < MU_ARRAY_SIZE(keys); i++)
		cr_expect(strstr(http_request_for_test_body(r), keys[i]), "%s in %s", keys[i],
			  http_request_for_test_body(r));
	http_request_for_test_free(r);
}

Test(lists, what_a_guest_says_of_its_balloon)
{
	struct vm_guest *guest = &f->vms[0].guest;
	const char *const path = "/rest/v0/vms/" VM_WEB;
	static const char *const shown[_VM_SAID_COUNT] = {
	    [VM_SAID_NO] = "\"balloonDriverDetected\":false",
	    [VM_SAID_YES] = "\"balloonDriverDetected\":true",
	};

	for (unsigned said = 0; said < _VM_SAID_COUNT; said++) {
		struct http_request *r;

		guest->balloon = (enum vm_said)said;
		r = fixture_call(f, HTTP_GET, path, NULL);
		cr_expect_not_null(strstr(http_request_for_test_body(r),
					  shown[said] ? shown[said] : "pvDriversDetected"));
		cr_expect_eq(!strstr(http_request_for_test_body(r), "balloon"), !shown[said]);
		http_request_for_test_free(r);
	}
}

Test(lists, vm_of_an_away_host_is_not_said_to_run)
{
	fixture_expect_get(
	    f, "/rest/v0/vms?fields=power_state,lastKnownPowerState&filter=name_label:far", 200,
	    "[{\"power_state\":\"Unknown\",\"lastKnownPowerState\":\"Running\","
	    "\"href\":\"/rest/v0/vms/" VM_FAR "\"}]");
	fixture_expect_get(f, "/rest/v0/vms?filter=power_state:Running", 200,
			   "[\"/rest/v0/vms/" VM_WEB "\"]");
	f->vms[2].power = VM_UNKNOWN;
	fixture_expect_get(f, "/rest/v0/vms?fields=lastKnownPowerState&filter=name_label:far", 200,
			   "[{\"href\":\"/rest/v0/vms/" VM_FAR "\"}]");
}

Test(lists, host_away_stays_and_says_so)
{
	fixture_expect_get(
	    f,
	    "/rest/v0/hosts?fields=name_label,power_state,enabled,connected,lastSeen,residentVms",
	    200,
	    "[{\"name_label\":\"xen1\",\"power_state\":\"Running\",\"enabled\":true,"
	    "\"residentVms\":[\"" VM_WEB "\"],\"connected\":true,\"lastSeen\":1700000123456,"
	    "\"href\":\"/rest/v0/hosts/" HOST_1 "\"},"
	    "{\"name_label\":\"xen2\",\"power_state\":\"Unknown\",\"enabled\":false,"
	    "\"residentVms\":[\"" VM_FAR "\"],\"connected\":false,\"lastSeen\":1700000123456,"
	    "\"href\":\"/rest/v0/hosts/" HOST_2 "\"}]");
	f->hosts[1].last_seen = 0;
	fixture_expect_get(f, "/rest/v0/hosts?fields=lastSeen&filter=!connected?", 200,
			   "[{\"lastSeen\":null,\"href\":\"/rest/v0/hosts/" HOST_2 "\"}]");
}

Test(lists, host_and_pool_have_their_keys)
{
	fixture_expect(
	    fixture_call(f, HTTP_GET, "/rest/v0/hosts/" HOST_1, NULL), 200,
	    "\"memory\":{\"size\":1073741824,\"usage\":536870912,\"total\":1073741824},"
	    "\"cpus\":{\"cores\":8,\"sockets\":1},\"CPUs\":{\"cpu_count\":\"8\","
	    "\"socket_count\":\"1\",\"threads_per_core\":\"0\",\"vendor\":\"\",\"speed\":\"0\","
	    "\"modelname\":\"\",\"family\":\"0\",\"model\":\"0\",\"stepping\":\"0\"},"
	    "\"version\":\"4.17.0\"");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/pools/" POOL, NULL), 200,
		       "\"name_label\":\"main\",\"name_description\":\"\",\"master\":\"" HOST_1
		       "\",\"HA_enabled\":false");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/pools/" POOL, NULL), 200,
		       "\"cpus\":{\"cores\":16,\"sockets\":2}");
}

Test(lists, unknown_ids)
{
	static const char *const paths[] = {
	    "/rest/v0/vms/" NOBODY,   "/rest/v0/vms/7",         "/rest/v0/vms/" HOST_1,
	    "/rest/v0/hosts/" NOBODY, "/rest/v0/pools/" NOBODY, "/rest/v0/tasks/" NOBODY,
	    "/rest/v0/vms/7/tasks",   "/rest/v0/hosts/7/tasks", "/rest/v0/vms/7/actions",
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(paths); i++)
		fixture_expect(fixture_call(f, HTTP_GET, paths[i], NULL), 404, "\"data\":{\"id\":");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/vms/7", NULL), 404,
		       "\"data\":{\"id\":\"7\",\"type\":\"VM\"}");
}

Test(lists, index_and_ping)
{
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0", NULL), 200, "\"/rest/v0/vms\"");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/ping", NULL), 200,
		       "\"result\":\"pong\"");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/vms/" VM_DB "/actions", NULL), 200,
		       "\"/rest/v0/vms/" VM_DB "/actions/clean_shutdown\"");
}
