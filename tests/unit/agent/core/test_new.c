/* SPDX-License-Identifier: Apache-2.0 */
/* vm.create's arguments: what VM and which disks come of them, and what is refused. */
#include "agent/core/vm_new.h"

#include "common/json/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SR "55555555-0000-4000-8000-000000000001"
#define NETWORK "66666666-0000-4000-8000-000000000001"
#define ISO "77777777-0000-4000-8000-000000000001"
#define PVH "\"definition\":{\"type\":\"pvh\",\"kernel\":\"/k\",\"memory\":\"64MiB\"}"
#define HVM "\"definition\":{\"type\":\"hvm\",\"memory\":\"64MiB\"}"

static const struct vm_id id = {{{9}}};
static const struct mu_uuid root = {{10}}, data = {{11}}, iso = {{12}};
static struct mu_arena *arena;
static struct vm_spec template;
static struct vm_new *made;
static struct mu_error err;

static void setup(void)
{
	arena = mu_arena_new();
	made = mu_arena_calloc(arena, 1, sizeof *made);
	mu_error_clear(&err);
	vm_spec_init(&template);
	template.config.id.uuid.bytes[0] = 1;
	template.kind = VM_KIND_TEMPLATE;
	template.config.type = VM_TYPE_PVH;
	template.config.vcpus = template.config.vcpus_max = 1;
	template.config.memory_bytes = template.config.memory_max_bytes = 64 << 20;
	memcpy(template.config.name, "golden", sizeof "golden");
	memcpy(template.config.kernel, "/k", sizeof "/k");
}

static void teardown(void)
{
	arena = mu_arena_free(arena);
}

TestSuite(vm_new, .init = setup, .fini = teardown);

static void template_disk(const char *vdev, const struct mu_uuid *vdi, bool cdrom)
{
	struct hv_disk *d = &template.config.disks[template.config.n_disks++];

	(void)snprintf(d->vdev, sizeof d->vdev, "%s", vdev);
	memcpy(d->format, "raw", sizeof "raw");
	d->vdi = *vdi;
	d->cdrom = d->readonly = cdrom;
}

static const char *bridge(const struct mu_uuid *network, void *ctx)
{
	struct mu_uuid known;

	(void)ctx;
	cr_assert(mu_uuid_parse(NETWORK, &known));
	return mu_uuid_equal(network, &known) ? "xenbr7" : NULL;
}

static int plan(const char *members, bool of_template, const char *sr)
{
	char text[4096];
	struct mu_value *args;
	struct vm_new_request q = {
	    .template = of_template ? &template : NULL, .id = id, .bridge = bridge};

	(void)snprintf(text, sizeof text, "{\"name_label\":\"web\"%s%s}", *members ? "," : "",
		       members);
	cr_assert_eq(mu_json_read(arena, text, strlen(text), &args, &err), 0, "%s: %s", text,
		     err.text);
	q.args = args;
	if (sr)
		cr_assert(mu_uuid_parse(sr, &q.sr));
	return vm_new_plan(&q, made, &err);
}

static void good(const char *members, bool of_template)
{
	cr_assert_eq(plan(members, of_template, SR), 0, "%s: %s", members, err.text);
}

/* "xvda<clone>8388608 xvdb<new>4096": the disks that are to be made. */
static const char *disks(void)
{
	static char text[512];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < made->n_disks; i++) {
		const struct vm_new_disk *d = &made->disks[i];

		at += (size_t)snprintf(
		    text + at, sizeof text - at, "%s%s<%s>%lld \"%s\"", i ? " " : "", d->vdev,
		    mu_uuid_is_nil(&d->from) ? "new" : "clone", (long long)d->size_bytes, d->name);
	}
	return text;
}

Test(vm_new, of_a_template)
{
	template_disk("xvda", &root, false);
	template_disk("xvdb", &iso, true);
	template_disk("xvdc", &data, false);
	template.config.n_nics = 1;
	memcpy(template.config.nics[0].mac, "00:16:3e:00:00:01", 18);
	template.autostart = true;
	template.config.vcpus_max = 2;
	template.config.memory_max_bytes = 128 << 20;
	good("\"cpus\":4,\"memory\":\"1GiB\",\"autoPoweron\":false,\"tags\":[\"a\"],"
	     "\"name_description\":\"d\"",
	     true);
	cr_expect_str_eq(disks(), "xvda<clone>0 \"web xvda\" xvdc<clone>0 \"web xvdc\"");
	cr_expect_eq(made->spec.kind, VM_KIND_VM);
	cr_expect(mu_uuid_equal(&made->spec.config.id.uuid, &id.uuid));
	cr_expect(mu_uuid_equal(&made->spec.parent.uuid, &template.config.id.uuid));
	cr_expect_str_eq(made->spec.config.name, "web");
	cr_expect_eq(made->spec.config.vcpus_max, 4u);
	cr_expect_eq(made->spec.config.memory_max_bytes, 1 << 30);
	cr_expect_not(made->spec.autostart);
	cr_expect_eq(made->spec.n_tags, 1u);
	cr_expect_str_eq(made->spec.config.nics[0].mac, "");
	cr_expect(mu_uuid_equal(&made->spec.config.disks[0].vdi, &made->disks[0].to));
	cr_expect(mu_uuid_equal(&made->spec.config.disks[1].vdi, &iso), "the CD stays");
	cr_expect_not(made->start);
	cr_expect_not(made->seed);
}

Test(vm_new, disks_change_go_and_come)
{
	template_disk("xvda", &root, false);
	template_disk("xvdc", &data, false);
	good("\"vdis\":[{\"userdevice\":\"0\",\"name_label\":\"same\"}]", true);
	cr_expect_str_eq(disks(), "xvda<clone>0 \"same\" xvdc<clone>0 \"web xvdc\"");
	good("\"vdis\":[{\"userdevice\":\"0\",\"size\":8388608,\"sr\":\"" SR
	     "\",\"name_label\":\"r\"},{\"userdervice\":\"xvdc\",\"destroy\":true},"
	     "{\"size\":\"4KiB\"},{\"userdevice\":\"5\",\"size\":4096}]",
	     true);
	cr_expect_str_eq(disks(), "xvda<clone>8388608 \"r\" xvdb<new>4096 \"web xvdb\" "
				  "xvdf<new>4096 \"web xvdf\"");
	cr_expect_eq(made->spec.config.n_disks, 3u);
	cr_expect_not(mu_uuid_is_nil(&made->disks[1].sr));
}

Test(vm_new, cards)
{
	template.config.n_nics = 2;
	memcpy(template.config.nics[0].bridge, "old", sizeof "old");
	memcpy(template.config.nics[1].bridge, "gone", sizeof "gone");
	good("\"vifs\":[{\"device\":0,\"network\":\"" NETWORK
	     "\",\"mtu\":9000},{\"device\":\"1\",\"destroy\":true},"
	     "{\"bridge\":\"xenbr1\",\"mac\":\"00:16:3e:00:00:09\"}]",
	     true);
	cr_assert_eq(made->spec.config.n_nics, 2u);
	cr_expect_str_eq(made->spec.config.nics[0].bridge, "xenbr7");
	cr_expect_eq(made->spec.config.nics[0].mtu, 9000u);
	cr_expect_str_eq(made->spec.config.nics[1].bridge, "xenbr1");
	cr_expect_str_eq(made->spec.config.nics[1].mac, "00:16:3e:00:00:09");
}

Test(vm_new, of_a_definition)
{
	good(PVH ",\"boot\":true", false);
	cr_expect(made->start);
	cr_expect_eq(made->n_disks, 0u);
	cr_expect(mu_uuid_is_nil(&made->spec.parent.uuid));
}

Test(vm_new, an_image_to_install_from)
{
	const char *install = "\"install\":{\"method\":\"cdrom\",\"repository\":\"" ISO "\"}";
	char members[512];
	struct mu_uuid expected;

	cr_assert(mu_uuid_parse(ISO, &expected));
	(void)snprintf(members, sizeof members, "%s,%s", HVM, install);
	good(members, false);
	cr_expect_str_eq(made->spec.config.disks[0].vdev, "hdc");
	cr_expect_str_eq(made->spec.config.boot_order, "dc");
	cr_expect(made->spec.config.disks[0].cdrom);
	cr_expect(mu_uuid_equal(&made->spec.config.disks[0].vdi, &expected));
	(void)snprintf(members, sizeof members, "%s,%s", PVH, install);
	good(members, false);
	cr_expect_str_eq(made->spec.config.disks[0].vdev, "xvda");
	cr_expect_str_eq(made->spec.config.boot_order, "");
	/* In the drive that is there. */
	template_disk("xvdb", &iso, true);
	template.config.disks[0].vdi = (struct mu_uuid){{0}};
	memcpy(template.config.disks[0].path, "/i.vhd", sizeof "/i.vhd");
	memcpy(template.config.disks[0].format, "vhd", sizeof "vhd");
	memcpy(template.config.disks[0].backend, "qdisk", sizeof "qdisk");
	good(install, true);
	cr_expect_eq(made->spec.config.n_disks, 1u);
	cr_expect(mu_uuid_equal(&made->spec.config.disks[0].vdi, &expected));
}

Test(vm_new, a_seed_is_the_last_disk)
{
	template_disk("xvda", &root, false);
	good("\"cloud_config\":\"#cloud-config\\n\"", true);
	cr_expect(made->seed);
	cr_assert_eq(made->spec.config.n_disks, 2u);
	cr_expect_str_eq(made->spec.config.disks[1].vdev, "xvdb");
	cr_expect(made->spec.config.disks[1].readonly);
	cr_expect(mu_uuid_equal(&made->spec.config.disks[1].vdi, &made->seed_vdi));
	cr_expect_eq(made->n_disks, 1u);
}

/* Built-in templates */

static struct mu_uuid sr_id(void)
{
	struct mu_uuid sr;

	cr_assert(mu_uuid_parse(SR, &sr));
	return sr;
}

static int of_builtin(const char *key, const char *members, const char *sr)
{
	char text[2048];
	struct mu_value *args;
	struct vm_new_request q = {.id = id, .bridge = bridge};

	(void)snprintf(text, sizeof text, "{\"name_label\":\"web\"%s%s}", *members ? "," : "",
		       members);
	cr_assert_eq(mu_json_read(arena, text, strlen(text), &args, &err), 0, "%s: %s", text,
		     err.text);
	for (size_t i = 0; (q.builtin = builtin_next(&i)) && strcmp(q.builtin->key, key) != 0;) {
	}
	cr_assert_not_null(q.builtin);
	q.args = args;
	if (sr)
		q.sr = sr_id();
	return vm_new_plan(&q, made, &err);
}

Test(vm_new, every_built_in_template_makes_a_good_definition)
{
	const struct builtin_template *t;

	for (size_t i = 0; (t = builtin_next(&i));) {
		const struct hv_vm_config *c = &made->spec.config;

		cr_assert_eq(of_builtin(t->key, "\"createVtpm\":false,\"vifs\":[{}]", SR), 0,
			     "%s: %s", t->key, err.text);
		cr_expect_eq(made->spec.kind, VM_KIND_VM);
		cr_expect_eq(c->type, t->type);
		cr_expect_str_eq(c->nics[0].model, t->nic_model);
		cr_expect_str_eq(c->bootloader, t->bootloader);
		cr_expect_eq(c->vnc, t->type == VM_TYPE_HVM);
		cr_expect_eq(c->viridian == HV_ON, t->viridian);
		cr_expect_eq(c->localtime == HV_ON, t->localtime);
		cr_assert_eq(made->n_disks, 1u);
		cr_expect_eq(made->disks[0].size_bytes, t->disk_bytes);
		cr_expect_not(c->vtpm);
	}
}

Test(vm_new, the_disk_of_a_built_in_template)
{
	const struct mu_uuid sr = sr_id();

	cr_assert_eq(of_builtin("debian-13", "", SR), 0);
	cr_expect_str_eq(disks(), "xvda<new>10737418240 \"web xvda\"");
	cr_expect(mu_uuid_equal(&made->disks[0].sr, &sr));
	/* Of another size; a clone of an image; none. */
	cr_assert_eq(of_builtin("debian-13", "\"vdis\":[{\"userdevice\":\"0\",\"size\":4096}]", SR),
		     0);
	cr_expect_str_eq(disks(), "xvda<new>4096 \"web xvda\"");
	cr_expect_not(made->disks[0].at_least);
	cr_assert_eq(of_builtin("debian-13-pvh",
				"\"vdis\":[{\"userdevice\":\"0\",\"source\":\"" ISO
				"\"}],\"boot\":true",
				SR),
		     0, "%s", err.text);
	cr_expect_str_eq(disks(), "xvda<clone>10737418240 \"web xvda\"");
	cr_expect(made->disks[0].at_least);
	cr_expect(mu_uuid_is_nil(&made->disks[0].sr), "where the image is");
	cr_assert_eq(of_builtin("debian-13",
				"\"srId\":\"" SR "\",\"vdis\":[{\"userdevice\":\"0\","
				"\"source\":\"" ISO "\"},{\"source\":\"" ISO "\"}]",
				SR),
		     0);
	cr_expect_str_eq(disks(), "xvda<clone>10737418240 \"web xvda\" xvdb<clone>0 \"web xvdb\"");
	cr_expect(mu_uuid_equal(&made->disks[0].sr, &sr));
	cr_assert_eq(
	    of_builtin("debian-13", "\"vdis\":[{\"userdevice\":\"0\",\"destroy\":true}]", NULL), 0,
	    "%s", err.text);
	cr_expect_str_eq(disks(), "");
}

Test(vm_new, installers_of_built_in_templates)
{
	static const char cd[] = "\"install\":{\"method\":\"cdrom\",\"repository\":\"" ISO "\"}";
	static const char net[] = "\"install\":{\"method\":\"network\",\"repository\":\"pxe\"},"
				  "\"vifs\":[{}]";
	static const char image[] = "\"install\":{\"method\":\"network\"},\"vifs\":[{}],"
				    "\"vdis\":[{\"userdevice\":\"0\",\"source\":\"" ISO "\"}]";

	cr_assert_eq(of_builtin("debian-13", cd, SR), 0, "%s", err.text);
	cr_expect_str_eq(made->spec.config.boot_order, "cd");
	cr_expect(made->spec.config.disks[1].cdrom);
	cr_assert_eq(of_builtin("debian-13", net, SR), 0, "%s", err.text);
	cr_expect_str_eq(made->spec.config.boot_order, "cn");
	cr_assert_eq(of_builtin("debian-13", image, SR), 0, "%s", err.text);
	cr_expect_str_eq(made->spec.config.boot_order, "nc", "there is something on the disk");
}

Test(vm_new, a_template_of_ones_own)
{
	cr_assert_eq(of_builtin("debian-13", "\"asTemplate\":true", SR), 0, "%s", err.text);
	cr_expect_eq(made->spec.kind, VM_KIND_TEMPLATE);
	cr_assert_lt(of_builtin("debian-13", "\"asTemplate\":true,\"boot\":true", SR), 0);
	cr_expect(strstr(err.text, "never runs"), "%s", err.text);
}

Test(vm_new, what_a_built_in_template_refuses)
{
	static const struct {
		const char *key, *members, *sr, *says;
	} cases[] = {
	    {"windows-11", "", SR, "libxl makes none"},
	    {"windows-10", "\"memory\":\"1GiB\"", SR, "at least 2048 MiB"},
	    {"debian-13-pvh", "\"boot\":true", SR, "nothing on the first disk"},
	    {"debian-13-pvh", "\"install\":{\"method\":\"network\"}", SR, "no firmware"},
	    {"debian-13", "", NULL, "srId: required"},
	    {"debian-13", "\"install\":{\"method\":\"network\"}", SR, "no card"},
	    {"debian-13", "\"install\":{\"method\":\"network\",\"repository\":\"http://x\"}", SR,
	     "by PXE"},
	    {"debian-13", "\"vdis\":[{\"userdevice\":\"0\",\"source\":\"x\"}]", SR,
	     "source: not a UUID"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		mu_error_clear(&err);
		cr_assert_lt(of_builtin(cases[i].key, cases[i].members, cases[i].sr), 0, "%s",
			     cases[i].members);
		cr_expect(strstr(err.text, cases[i].says), "\"%s\" is not in: %s", cases[i].says,
			  err.text);
	}
}

Test(vm_new, refusals)
{
	static const struct {
		const char *members;
		bool of_template;
		const char *sr;
		const char *says;
	} cases[] = {
	    {"", false, SR, "template: required"},
	    {PVH ",\"createVtpm\":true", false, SR, "createVtpm: not possible"},
	    {"\"definition\":{\"type\":\"x\"}", false, SR, "as it would be: type"},
	    {"\"definition\":{\"type\":\"hvm\",\"memory\":1,\"uuid\":\"x\"}", false, SR, "memory"},
	    {PVH ",\"vdis\":[7]", false, SR, "vdis[0]: an object"},
	    {PVH ",\"vdis\":[{\"x\":1}]", false, SR, "vdis[0].x: unknown"},
	    {PVH ",\"vdis\":[{}]", false, SR, "vdis[0].size: required"},
	    {PVH ",\"vdis\":[{\"size\":-1}]", false, SR, "size: must be more"},
	    {PVH ",\"vdis\":[{\"size\":true}]", false, SR, "size: not a size"},
	    {PVH ",\"vdis\":[{\"size\":1,\"sr\":\"x\"}]", false, SR, "vdis[0].sr: not a UUID"},
	    {PVH ",\"vdis\":[{\"size\":1}]", false, NULL, "vdis[0].sr: required"},
	    {PVH ",\"vdis\":[{\"userdevice\":\"1\",\"destroy\":true}]", false, SR, "no such disk"},
	    {PVH ",\"vdis\":[{\"size\":1,\"userdevice\":\"zz\"}]", false, SR, "vdev"},
	    {PVH ",\"vifs\":[{\"x\":1}]", false, SR, "vifs[0].x: unknown"},
	    {PVH ",\"vifs\":[{\"device\":1}]", false, SR, "vifs[0].device"},
	    {PVH ",\"vifs\":[{\"device\":true}]", false, SR, "vifs[0].device"},
	    {PVH ",\"vifs\":[{\"destroy\":true}]", false, SR, "no such card"},
	    {PVH ",\"vifs\":[{\"network\":7}]", false, SR, "vifs[0].network: not a UUID"},
	    {PVH ",\"vifs\":[{\"network\":\"" SR "\"}]", false, SR, "no such network"},
	    {PVH ",\"vifs\":[{},{},{},{},{},{},{},{},{}]", false, SR, "more than 8 cards"},
	    {PVH ",\"vifs\":[{\"mac\":\"x\"}]", false, SR, "mac"},
	    {PVH ",\"install\":{}", false, SR, "only the methods"},
	    {PVH ",\"install\":{\"method\":\"network\"}", false, SR, "only HVM guests"},
	    {PVH ",\"install\":{\"method\":\"cdrom\"}", false, SR, "repository: the UUID"},
	    {PVH ",\"network_config\":\"x\"", false, NULL, "srId: required"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		mu_error_clear(&err);
		cr_assert_lt(plan(cases[i].members, cases[i].of_template, cases[i].sr), 0, "%s",
			     cases[i].members);
		cr_expect(strstr(err.text, cases[i].says), "\"%s\" is not in: %s", cases[i].says,
			  err.text);
	}
}

Test(vm_new, a_template_whose_disk_is_in_no_sr)
{
	const struct mu_uuid none = {{0}};

	template_disk("xvda", &none, false);
	memcpy(template.config.disks[0].path, "/x.img", sizeof "/x.img");
	cr_assert_lt(plan("", true, SR), 0);
	cr_expect_eq(err.code, MU_E_UNSUPPORTED);
	cr_expect(strstr(err.text, "xvda is /x.img"), "%s", err.text);
}

Test(vm_new, more_disks_than_a_vm_has)
{
	char full[1024] = "";

	for (int i = 0; i < HV_DISKS_MAX; i++) {
		const struct mu_uuid vdi = {{(uint8_t)(100 + i)}};
		char vdev[8];

		(void)snprintf(vdev, sizeof vdev, "xvd%c", 'a' + i);
		template_disk(vdev, &vdi, false);
	}
	(void)snprintf(full, sizeof full, "\"vdis\":[{\"size\":1}]");
	cr_assert_lt(plan(full, true, SR), 0);
	cr_expect(strstr(err.text, "more than 16 disks"), "%s", err.text);
	cr_assert_lt(plan("\"cloud_config\":\"x\"", true, SR), 0);
	cr_assert_lt(
	    plan("\"install\":{\"method\":\"cdrom\",\"repository\":\"" ISO "\"}", true, SR), 0);
}
