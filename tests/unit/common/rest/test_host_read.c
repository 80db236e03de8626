/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of hosts: who may, what reaches the backend, what the answer becomes. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct fixture *f;

static void setup(void)
{
	f = fixture_new();
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(host_read, .init = setup, .fini = teardown);

#define DEBIAN "a7cbad3b-4372-8cee-8acf-75511f208527" /* built in */
#define HOST(what) "/rest/v0/hosts/" HOST_1 "/" what

static struct http_request *get(const char *target)
{
	return fixture_call(f, HTTP_GET, target, NULL);
}

static void answer(const char *text)
{
	mu_str_add(&f->read->text, text);
	f->read->done(f->read);
	f->read = NULL;
}

Test(host_read, json_and_text_are_passed_on)
{
	struct http_request *r = get(HOST("details"));

	cr_assert_not_null(f->read);
	cr_expect_eq(f->read->what.kind, HOST_READ_DETAILS);
	answer("{\"cpu\":{}}");
	fixture_expect(r, 200, "{\"cpu\":{}}");
	r = get(HOST("dmesg"));
	cr_expect_eq(f->read->what.kind, HOST_READ_DMESG);
	answer("(XEN) hello");
	fixture_expect(r, 200, "(XEN) hello");
	r = get(HOST("boots"));
	cr_expect_eq(f->read->what.kind, HOST_READ_BOOTS);
	answer("[]");
	fixture_expect(r, 200, "[]");
}

Test(host_read, arguments_of_the_journal)
{
	struct http_request *r =
	    get(HOST("journal?unit=a.service&since=5&lines=7&cursor=s%3Dx&boot="
		     "0123456789abcdef0123456789abcdef"));

	cr_assert_not_null(f->read);
	cr_expect_str_eq(f->read->what.unit, "a.service");
	cr_expect_str_eq(f->read->what.cursor, "s=x");
	cr_expect_str_eq(f->read->what.boot, "0123456789abcdef0123456789abcdef");
	cr_expect_eq(f->read->what.since, 5);
	cr_expect_eq(f->read->what.lines, 7u);
	answer("[]");
	fixture_expect(r, 200, "[]");
}

Test(host_read, a_definition)
{
	struct http_request *r = get("/rest/v0/vms/" VM_DB "/definition");
	char id[MU_UUID_TEXT];

	cr_assert_not_null(f->read);
	cr_expect_eq(f->read->what.kind, HOST_READ_DEFINITION);
	cr_expect_str_eq(mu_uuid_format(&f->read->what.vm.uuid, id), VM_DB);
	answer("{\"name\":\"db\"}");
	fixture_expect(r, 200, "{\"name\":\"db\"}");
	fixture_expect(get("/rest/v0/vms/" NOBODY "/definition"), 404, NOBODY);
	fixture_expect(get("/rest/v0/vms/x/definition"), 404, "VM");
	fixture_expect(get("/rest/v0/vm-snapshots/" VM_DB "/definition"), 404, "VM-snapshot");
	fixture_expect(get("/rest/v0/vm-templates/" DEBIAN "/definition"), 501, "built in");
	r = fixture_call_as(f, HTTP_GET, "/rest/v0/vms/" VM_DB "/definition", "authorization",
			    "Bearer look:only");
	fixture_expect(r, 403, "no privilege vm:export");
}

Test(host_read, an_error_of_the_host)
{
	struct http_request *r = get(HOST("details"));

	(void)mu_error_set(&f->read->err, MU_E_UNAVAILABLE, "it broke");
	f->read->done(f->read);
	fixture_expect(r, 503, "it broke");
}

Test(host_read, what_is_refused_before_the_host_is_asked)
{
	static const struct {
		const char *target;
		int status;
		const char *says;
	} bad[] = {
	    {"/rest/v0/hosts/7/details", 404, "host"},
	    {"/rest/v0/hosts/" NOBODY "/journal", 404, "host"},
	    {"/rest/v0/hosts/" HOST_2 "/details", 503, "not connected"},
	    {"/rest/v0/hosts/" NOBODY "/smt", 404, "host"},
	    {HOST("journal?unit=--x"), 422, "unit"},
	    {HOST("journal?lines=2001"), 422, "lines"},
	    {HOST("journal?since=x"), 422, "since"},
	    {HOST("journal?boot=1"), 422, "boot"},
	    {HOST("journal?cursor=-"), 422, "cursor"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++)
		fixture_expect(get(bad[i].target), bad[i].status, bad[i].says);
	cr_expect_null(f->read);
}

/* Anybody who may look sees the hardware; logs are another matter. */
Test(host_read, logs_take_a_right_of_their_own)
{
	static const char *const logs[] = {"dmesg", "journal", "boots"};
	struct http_request *r;

	for (size_t i = 0; i < MU_ARRAY_SIZE(logs); i++) {
		char target[128];

		(void)snprintf(target, sizeof target, HOST("%s"), logs[i]);
		r = fixture_call_as(f, HTTP_GET, target, "authorization", "Bearer look:only");
		fixture_expect(r, 403, "no privilege host:log");
	}
	cr_expect_null(f->read);
	r = fixture_call_as(f, HTTP_GET, HOST("details"), "authorization", "Bearer look:only");
	answer("{}");
	fixture_expect(r, 200, "{}");
}

Test(host_read, an_asker_that_leaves)
{
	http_request_for_test_free(get(HOST("details")));
	cr_expect_eq(f->n_read_cancels, 1u);
	answer("{}");
}

Test(host_read, smt)
{
	f->hosts[0].threads_per_core = 2;
	fixture_expect_get(f, HOST("smt"), 200, "{\"enabled\":true}");
	f->hosts[0].threads_per_core = 1;
	fixture_expect_get(f, HOST("smt"), 200, "{\"enabled\":false}");
}

Test(host_read, what_a_host_says_of_its_machine)
{
	struct model_host *h = &f->hosts[0];

	h->iommu = h->maintenance = true;
	(void)snprintf(h->bios.vendor, sizeof h->bios.vendor, "SeaBIOS");
	(void)snprintf(h->bios.board_product, sizeof h->bios.board_product, "X");
	fixture_expect(get("/rest/v0/hosts/" HOST_1), 200, "\"enabled\":false");
	fixture_expect(get("/rest/v0/hosts/" HOST_1), 200, "\"chipset_info\":{\"iommu\":true}");
	fixture_expect(get("/rest/v0/hosts/" HOST_1), 200,
		       "\"bios_strings\":{\"bios-vendor\":\"SeaBIOS\",\"baseboard-product-name\":"
		       "\"X\"}");
}
