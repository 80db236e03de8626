/* SPDX-License-Identifier: Apache-2.0 */
/* What a request names besides the object of its path: to see it is not to use it. */
#include "fixture.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define VIEWER "Bearer look:only"
#define DEBIAN "a7cbad3b-4372-8cee-8acf-75511f208527" /* built in */
#define CREATE "/rest/v0/pools/" POOL "/actions/create_vm"
#define NEW "\"name_label\":\"new\""
#define OF_TEMPLATE "{" NEW ",\"template\":\"" VM_TMPL "\""

static struct fixture *f;
static char vbd[MU_UUID_TEXT];

static void setup(void)
{
	struct mu_uuid id;

	f = fixture_new();
	f->vms[1].n_disks = 2;
	f->vms[1].disks[1] = f->vms[0].disks[0];
	f->vms[1].disks[1].readonly = true;
	(void)snprintf(f->vms[1].disks[1].vdev, sizeof f->vms[1].disks[1].vdev, "xvdb");
	id = object_vbd_id(&f->vms[1].id, "xvda");
	(void)mu_uuid_format(&id, vbd);
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(named, .init = setup, .fini = teardown);

/* He may do everything but `resource`:`action` of what `selector` finds. */
static void all_but(const char *resource, const char *action, const char *selector)
{
	const struct rights_privilege p[] = {
	    {.resource = "*", .action = "*"},
	    {.resource = resource, .action = action, .selector = selector, .deny = true},
	};

	fixture_allow(f, p, resource ? 2 : 1);
}

static struct http_request *ask(enum http_method method, const char *path, const char *body)
{
	const char *hole = strstr(path, "%s");
	char target[256];
	struct http_request *r;

	(void)snprintf(target, sizeof target, "%.*s%s%s",
		       hole ? (int)(hole - path) : (int)strlen(path), path, hole ? vbd : "",
		       hole ? hole + 2 : "");
	r = http_request_for_test(method, target, body);
	r->body_total = r->body_len;
	http_request_for_test_header(r, "authorization", VIEWER);
	http_request_for_test_replied(r, rest_handle(r, f->rest));
	return r;
}

/* It reaches the backend, which has its own opinion. */
static void expect_asked(struct http_request *r)
{
	cr_assert_eq(f->n_ops, 1, "%s: %s", r->path, http_request_for_test_body(r));
	f->n_ops = 0;
	fixture_op_refused(f, MU_E_STATE, "asked");
	fixture_expect(r, 409, "asked");
}

static const struct {
	enum http_method method;
	const char *path; /* %s: a VBD of VM_DB */
	const char *body;
	const char *resource, *action; /* what it takes besides the route's own */
} uses[] = {
    {HTTP_POST, CREATE, OF_TEMPLATE "}", "vm-template", "instantiate"},
    {HTTP_POST, CREATE, "{" NEW ",\"template\":\"" DEBIAN "\",\"srId\":\"" SR_1 "\"}",
     "vm-template", "instantiate"},
    {HTTP_POST, CREATE, OF_TEMPLATE ",\"affinity\":\"" HOST_1 "\"}", "host", "allow-vm"},
    {HTTP_POST, CREATE, OF_TEMPLATE ",\"srId\":\"" SR_1 "\"}", "sr", "allow-vdi"},
    {HTTP_POST, CREATE, OF_TEMPLATE ",\"vdis\":[{\"size\":1,\"sr\":\"" SR_1 "\"}]}", "sr",
     "allow-vdi"},
    {HTTP_POST, CREATE, OF_TEMPLATE ",\"vdis\":[{\"source\":\"" VDI_1 "\"}]}", "vdi", "clone"},
    {HTTP_POST, CREATE, OF_TEMPLATE ",\"vdis\":[{\"source\":\"" VDI_2_SNAP "\"}]}", "vdi-snapshot",
     "clone"},
    {HTTP_POST, CREATE, OF_TEMPLATE ",\"vifs\":[{\"network\":\"" NETWORK_1 "\"}]}", "network",
     "attach"},
    {HTTP_POST, CREATE, OF_TEMPLATE ",\"vifs\":[{},{\"bridge\":\"xenbr0\"}]}", "network", "attach"},
    {HTTP_POST, CREATE,
     OF_TEMPLATE ",\"install\":{\"method\":\"cdrom\",\"repository\":\"" VDI_1 "\"}}", "vdi",
     "attach:read"},
    {HTTP_POST, "/rest/v0/vm-templates/" DEBIAN "/actions/clone",
     "{\"srId\":\"" SR_1 "\",\"vifs\":[{\"bridge\":\"xenbr0\"}]}", "network", "attach"},
    {HTTP_POST, "/rest/v0/vms/" VM_DB "/actions/clone", "{\"srId\":\"" SR_1 "\"}", "sr",
     "allow-vdi"},
    {HTTP_POST, "/rest/v0/vms/actions/clone", "{\"ids\":[\"" VM_DB "\"],\"srId\":\"" SR_1 "\"}",
     "sr", "allow-vdi"},
    {HTTP_POST, "/rest/v0/vms/" VM_DB "/actions/revert_snapshot",
     "{\"snapshotId\":\"" VM_SNAP "\",\"snapshotBefore\":true}", "vm", "snapshot"},
    {HTTP_DELETE, "/rest/v0/vms/" VM_DB, NULL, "vdi", "delete"},
    {HTTP_POST, "/rest/v0/vdis", "{\"srId\":\"" SR_1 "\",\"virtual_size\":1}", "sr", "allow-vdi"},
    {HTTP_POST, "/rest/v0/vdis/" VDI_1 "/actions/clone", "{\"srId\":\"" SR_1 "\"}", "sr",
     "allow-vdi"},
    {HTTP_POST, "/rest/v0/vdis/" VDI_1 "/actions/migrate", "{\"srId\":\"" SR_1 "\"}", "sr",
     "migrate-receive"},
    {HTTP_POST, "/rest/v0/vifs", "{\"vmId\":\"" VM_DB "\",\"networkId\":\"" NETWORK_1 "\"}",
     "network", "attach"},
    {HTTP_POST, "/rest/v0/vifs", "{\"vmId\":\"" VM_DB "\",\"bridge\":\"xenbr0\"}", "network",
     "attach"},
    {HTTP_POST, "/rest/v0/vifs", "{\"vmId\":\"" VM_DB "\",\"bridge\":\"xenbr0\"}", "vm",
     "update:vifs"},
    {HTTP_POST, "/rest/v0/vbds", "{\"VM\":\"" VM_DB "\",\"VDI\":\"" VDI_1 "\"}", "vm",
     "update:vbds"},
    {HTTP_POST, "/rest/v0/vbds", "{\"VM\":\"" VM_DB "\",\"VDI\":\"" VDI_1 "\"}", "vdi",
     "attach:write"},
    {HTTP_POST, "/rest/v0/vbds", "{\"VM\":\"" VM_DB "\",\"VDI\":\"" VDI_1 "\",\"mode\":\"RO\"}",
     "vdi", "attach:read"},
    {HTTP_POST, "/rest/v0/vbds", "{\"VM\":\"" VM_DB "\",\"VDI\":\"" VDI_1 "\",\"type\":\"CD\"}",
     "vdi", "attach:read"},
    {HTTP_POST, "/rest/v0/vbds/%s/actions/insert", "{\"VDI\":\"" VDI_1 "\"}", "vdi", "attach:read"},
};

Test(named, to_use_takes_more_than_to_see)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(uses); i++) {
		char missing[128];

		(void)snprintf(missing, sizeof missing, "{\"action\":\"%s\",\"resource\":\"%s\"",
			       uses[i].action, uses[i].resource);
		all_but(uses[i].resource, uses[i].action, NULL);
		fixture_expect(ask(uses[i].method, uses[i].path, uses[i].body), 403, missing);
		cr_assert_eq(f->n_ops, 0, "%s %s", uses[i].path, uses[i].body);
	}
}

Test(named, and_is_done_then)
{
	all_but(NULL, NULL, NULL);
	for (size_t i = 0; i < MU_ARRAY_SIZE(uses); i++) {
		struct http_request *r = ask(uses[i].method, uses[i].path, uses[i].body);

		if (strstr(uses[i].path, "/vms/actions/")) {
			cr_assert_eq(f->n_ops, 1);
			f->n_ops = 0;
			fixture_op_refused(f, MU_E_STATE, "asked");
			fixture_expect(r, 202, "asked");
		} else {
			expect_asked(r);
		}
	}
}

/* Images of an SR for images are there to be read; disks that stay are nobody's concern. */
Test(named, what_takes_no_more)
{
	static const struct {
		enum http_method method;
		const char *path, *body;
	} free_of_it[] = {
	    {HTTP_POST, "/rest/v0/vbds/%s/actions/insert", "{\"VDI\":\"" VDI_1 "\"}"},
	    {HTTP_POST, "/rest/v0/vbds",
	     "{\"VM\":\"" VM_DB "\",\"VDI\":\"" VDI_1 "\",\"type\":\"CD\"}"},
	    {HTTP_POST, "/rest/v0/vbds", "{\"VM\":\"" VM_DB "\",\"empty\":true,\"type\":\"CD\"}"},
	    {HTTP_DELETE, "/rest/v0/vms/" VM_DB "?disks=false", NULL},
	    {HTTP_POST, "/rest/v0/vms/" VM_DB "/actions/revert_snapshot",
	     "{\"snapshotId\":\"" VM_SNAP "\"}"},
	    {HTTP_POST, CREATE, OF_TEMPLATE ",\"vdis\":[{\"userdevice\":\"1\",\"destroy\":true}]}"},
	};
	static const struct rights_privilege p[] = {
	    {.resource = "*", .action = "*"},
	    {.resource = "vdi", .action = "attach", .deny = true},
	    {.resource = "vdi", .action = "delete", .deny = true},
	    {.resource = "vm", .action = "snapshot", .deny = true},
	    {.resource = "sr", .action = "allow-vdi", .deny = true},
	};

	fixture_allow(f, p, MU_ARRAY_SIZE(p));
	f->reports[R_VDI_1].vdi.sr = f->reports[R_SR_2].id;
	for (size_t i = 0; i < MU_ARRAY_SIZE(free_of_it); i++)
		expect_asked(ask(free_of_it[i].method, free_of_it[i].path, free_of_it[i].body));
	fixture_expect(ask(HTTP_POST, "/rest/v0/vbds",
			   "{\"VM\":\"" VM_DB "\",\"VDI\":\"" VDI_1 "\",\"mode\":\"RW\"}"),
		       403, "attach:write");
}

/* Where the host chooses, every SR may be the one. */
Test(named, an_sr_that_nobody_names)
{
	static const char *const bodies[] = {
	    "{" NEW ",\"template\":\"" DEBIAN "\"}",
	    OF_TEMPLATE ",\"cloud_config\":\"#\"}",
	    OF_TEMPLATE ",\"network_config\":\"#\"}",
	    OF_TEMPLATE ",\"vdis\":[{\"size\":1}]}",
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bodies); i++) {
		all_but("sr", "allow-vdi", "name_label:images");
		fixture_expect(ask(HTTP_POST, CREATE, bodies[i]), 403,
			       "{\"action\":\"allow-vdi\",\"resource\":\"sr\"}");
		all_but(NULL, NULL, NULL);
		expect_asked(ask(HTTP_POST, CREATE, bodies[i]));
	}
}

Test(named, what_names_things_of_the_host_is_the_administrators)
{
	all_but(NULL, NULL, NULL);
	fixture_expect(ask(HTTP_POST, CREATE, "{" NEW ",\"definition\":{}}"), 403,
		       "only administrators");
	fixture_expect(ask(HTTP_POST,
			   "/rest/v0/pools/" POOL "/vms?format=ova&sr=" SR_1 "&definition=trust",
			   "x"),
		       403, "only administrators");
}

/* A member's name is a name, too. What is not there is not there. */
Test(named, what_is_hidden_is_not_there)
{
	all_but("vdi", "read", "id:" VDI_2);
	fixture_expect(ask(HTTP_POST, CREATE, OF_TEMPLATE ",\"install\":{\"" VDI_2 "\":1}}"), 404,
		       "no such VDI " VDI_2);
	fixture_expect(
	    ask(HTTP_POST, CREATE, OF_TEMPLATE ",\"vdis\":[{\"source\":\"" VDI_2 "\"}]}"), 404,
	    "no such VDI " VDI_2);
	fixture_expect(ask(HTTP_POST, "/rest/v0/vifs",
			   "{\"vmId\":\"" VM_DB "\",\"networkId\":\"" NOBODY "\"}"),
		       404, "no such network");
	cr_expect_eq(f->n_ops, 0);
}

#define OVA "/rest/v0/pools/" POOL "/vms?format=ova&sr=" SR_1

Test(named, archives)
{
	static const struct {
		const char *query, *resource, *action, *selector, *missing;
	} rows[] = {
	    {"", "sr", "import:vm", "id:" SR_1, "\"objectId\":\"" SR_1 "\""},
	    {"&network=xenbr0", "sr", "import", NULL, "\"action\":\"import:vm\""},
	    {"&network=xenbr0", "network", "attach", NULL, NETWORK_1},
	    {"&network=" NETWORK_1, "network", "attach", NULL, NETWORK_1},
	    {"&network=other", "network", "attach", "id:x",
	     "{\"action\":\"attach\",\"resource\":\"network\"}"},
	    {"", "network", "attach", "id:x", "{\"action\":\"attach\",\"resource\":\"network\"}"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++) {
		char target[256];

		(void)snprintf(target, sizeof target, OVA "%s", rows[i].query);
		all_but(rows[i].resource, rows[i].action, rows[i].selector);
		fixture_expect(ask(HTTP_POST, target, "x"), 403, rows[i].missing);
	}
	all_but("network", "attach", "id:x");
	fixture_expect(ask(HTTP_POST, OVA "&network=xenbr0", "x"), 501, NULL);
}

/* Whose card has the address is not said to who may not see it, nor its host's name. */
Test(named, errors_tell_no_names)
{
	all_but("vm", "read", "name_label:web");
	fixture_expect(ask(HTTP_POST, "/rest/v0/vifs",
			   "{\"vmId\":\"" VM_DB "\",\"bridge\":\"xenbr0\","
			   "\"MAC\":\"00:16:3e:00:00:01\"}"),
		       409, "MAC: 00:16:3e:00:00:01 is another VM's\"");
	all_but("host", "read", NULL);
	fixture_expect(ask(HTTP_POST, "/rest/v0/vifs",
			   "{\"vmId\":\"" VM_DB "\",\"bridge\":\"xenbr0\","
			   "\"MAC\":\"00:16:3e:00:00:01\"}"),
		       409, "of VM \\\"web\\\" on host " HOST_1);
	fixture_expect(ask(HTTP_POST, "/rest/v0/vms/" VM_FAR "/actions/start", NULL), 503,
		       "host " HOST_2 " of VM");
	f->vms[2].host.uuid.bytes[0] = 0;
	fixture_expect(ask(HTTP_POST, "/rest/v0/vms/" VM_FAR "/actions/start", NULL), 503,
		       "host (unknown) of VM");
}
