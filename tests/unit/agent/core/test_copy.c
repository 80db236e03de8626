/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots, reverts and clones as definitions: what they are made of and which disks they need. */
#include "agent/core/vm_copy.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct vm_id vm_id = {{{1}}};
static const struct vm_id snap_id = {{{2}}};
static const struct vm_id clone_id = {{{3}}};
static const struct mu_uuid root = {{10}}, data = {{11}}, iso = {{12}};
static const struct mu_uuid seed = {{20}};
static struct vm_spec web;
static struct vm_copy copy;

static void add_disk(const char *vdev, const struct mu_uuid *vdi, bool cdrom)
{
	struct hv_disk *d = &web.config.disks[web.config.n_disks++];

	(void)snprintf(d->vdev, sizeof d->vdev, "%s", vdev);
	d->vdi = *vdi;
	d->cdrom = cdrom;
}

static void setup(void)
{
	vm_spec_init(&web);
	memset(&copy, 0, sizeof copy);
	web.config.id = vm_id;
	(void)snprintf(web.config.name, sizeof web.config.name, "web");
	web.config.memory_bytes = 64 << 20;
	web.autostart = true;
	web.start_order = 7;
	add_disk("xvda", &root, false);
	add_disk("xvdb", &iso, true);
	add_disk("xvdc", &data, false);
	web.config.n_nics = 1;
	(void)snprintf(web.config.nics[0].mac, sizeof web.config.nics[0].mac, "00:16:3e:00:00:01");
}

TestSuite(vm_copy, .init = setup);

static void snapshot(const char *name, mu_msec at)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(vm_copy_snapshot(&web, &snap_id, name, at, &copy, &err), 0, "%s", err.text);
}

/* Every disk but the CD has a copy, and the definition names it. */
static void expect_copies(void)
{
	cr_assert_eq(copy.n_disks, 2);
	cr_expect_str_eq(copy.disks[0].vdev, "xvda");
	cr_expect_str_eq(copy.disks[1].vdev, "xvdc");
	cr_expect(mu_uuid_equal(&copy.disks[0].to, &copy.spec.config.disks[0].vdi));
	cr_expect(mu_uuid_equal(&copy.disks[1].to, &copy.spec.config.disks[2].vdi));
	cr_expect_not(mu_uuid_equal(&copy.disks[0].to, &copy.disks[1].to));
	cr_expect(mu_uuid_equal(&copy.spec.config.disks[1].vdi, &iso));
}

Test(vm_copy, a_snapshot)
{
	web.parent.uuid.bytes[0] = 9;
	snapshot("before the upgrade", 5);
	cr_expect_eq(copy.spec.kind, VM_KIND_SNAPSHOT);
	cr_expect(mu_uuid_equal(&copy.spec.config.id.uuid, &snap_id.uuid));
	cr_expect(mu_uuid_equal(&copy.spec.snapshot_of.uuid, &vm_id.uuid));
	cr_expect_eq(copy.spec.snapshot_at, 5);
	cr_expect_eq(copy.spec.parent.uuid.bytes[0], 9, "its predecessor");
	cr_expect_not(copy.spec.autostart);
	cr_expect_str_eq(copy.spec.config.name, "before the upgrade");
	cr_expect(mu_uuid_equal(&copy.disks[0].from, &root));
	cr_expect(mu_uuid_equal(&copy.disks[1].from, &data));
	expect_copies();
}

Test(vm_copy, a_snapshot_without_a_name_has_the_vms_and_the_time)
{
	snapshot(NULL, INT64_C(1795667405000));
	cr_expect_str_eq(copy.spec.config.name, "web 2026-11-26 04:30:05");
	snapshot(NULL, INT64_C(951782399000)); /* a leap day */
	cr_expect_str_eq(copy.spec.config.name, "web 2000-02-28 23:59:59");
	snapshot(NULL, INT64_C(951782400000));
	cr_expect_str_eq(copy.spec.config.name, "web 2000-02-29 00:00:00");
	memset(web.config.name, 'x', MODEL_NAME_MAX);
	web.config.name[MODEL_NAME_MAX] = '\0';
	snapshot(NULL, 0);
	cr_expect_eq(strlen(copy.spec.config.name), (size_t)MODEL_NAME_MAX);
	cr_expect_not_null(strstr(copy.spec.config.name, "xx 1970-01-01 00:00:00"));
}

Test(vm_copy, a_disk_in_no_sr_is_named)
{
	struct mu_error err = MU_ERROR_INIT;

	web.config.disks[2].vdi = (struct mu_uuid){{0}};
	(void)snprintf(web.config.disks[2].path, sizeof web.config.disks[2].path, "/srv/x.img");
	cr_assert_lt(vm_copy_snapshot(&web, &snap_id, NULL, 0, &copy, &err), 0);
	cr_expect_eq(err.code, MU_E_UNSUPPORTED);
	cr_expect_not_null(strstr(err.text, "xvdc is /srv/x.img"), "%s", err.text);
	cr_assert_lt(vm_copy_clone(&web, &clone_id, NULL, VM_KIND_VM, false, &copy, &err), 0);
}

Test(vm_copy, back_to_a_snapshot)
{
	struct mu_error err = MU_ERROR_INIT;
	struct vm_spec before;

	snapshot("s", 5);
	before = copy.spec;
	web.config.memory_bytes *= 2;
	(void)snprintf(web.config.name, sizeof web.config.name, "renamed");
	cr_assert_eq(vm_copy_revert(&web, &before, &seed, &copy, &err), 0, "%s", err.text);
	cr_expect_eq(copy.spec.kind, VM_KIND_VM);
	cr_expect_eq(copy.spec.config.memory_bytes, 64 << 20);
	cr_expect_str_eq(copy.spec.config.name, "renamed");
	cr_expect(mu_uuid_equal(&copy.spec.config.id.uuid, &vm_id.uuid));
	cr_expect(mu_uuid_equal(&copy.spec.parent.uuid, &snap_id.uuid));
	cr_expect(mu_uuid_is_nil(&copy.spec.snapshot_of.uuid));
	cr_expect_eq(copy.spec.snapshot_at, 0);
	cr_expect(copy.spec.autostart);
	cr_expect_eq(copy.spec.start_order, 7);
	cr_expect(mu_uuid_equal(&copy.disks[0].from, &before.config.disks[0].vdi));
	expect_copies();
}

Test(vm_copy, back_to_what_is_no_snapshot_of_it)
{
	struct mu_error err = MU_ERROR_INIT;
	struct vm_spec other = web;

	cr_assert_lt(vm_copy_revert(&web, &other, &seed, &copy, &err), 0);
	cr_expect_eq(err.code, MU_E_INVALID);
	snapshot("s", 5);
	other = copy.spec;
	other.snapshot_of.uuid.bytes[0] = 99;
	cr_assert_lt(vm_copy_revert(&web, &other, &seed, &copy, &err), 0);
}

Test(vm_copy, a_clone)
{
	struct mu_error err = MU_ERROR_INIT;
	struct vm_spec template = web;

	cr_assert_eq(vm_copy_clone(&web, &clone_id, NULL, VM_KIND_VM, false, &copy, &err), 0);
	cr_expect_eq(copy.spec.kind, VM_KIND_VM);
	cr_expect_str_eq(copy.spec.config.name, "web (copy)");
	cr_expect_str_eq(copy.spec.config.nics[0].mac, "");
	cr_expect(mu_uuid_is_nil(&copy.spec.parent.uuid));
	cr_expect_not(copy.spec.autostart);
	expect_copies();
	template.kind = VM_KIND_TEMPLATE;
	cr_assert_eq(vm_copy_clone(&template, &clone_id, "web2", VM_KIND_VM, true, &copy, &err), 0);
	cr_expect_str_eq(copy.spec.config.name, "web2");
	cr_expect_str_eq(copy.spec.config.nics[0].mac, "00:16:3e:00:00:01");
	cr_expect(mu_uuid_equal(&copy.spec.parent.uuid, &vm_id.uuid));
	cr_expect(mu_uuid_equal(&copy.spec.config.id.uuid, &clone_id.uuid));
	cr_assert_eq(
	    vm_copy_clone(&template, &clone_id, NULL, VM_KIND_TEMPLATE, false, &copy, &err), 0);
	cr_expect_eq(copy.spec.kind, VM_KIND_TEMPLATE);
	cr_expect_str_eq(copy.spec.config.name, "web (copy)");
}

Test(vm_copy, who_names_a_disk)
{
	cr_expect(vm_copy_names(&web, &iso));
	cr_expect(vm_copy_names(&web, &data));
	cr_expect_not(vm_copy_names(&web, &seed));
}
