/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/vm_view.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vm_id id_of(uint8_t n)
{
	struct vm_id id = {{{0}}};

	id.uuid.bytes[15] = n;
	return id;
}

static struct vm_spec *spec_of(uint8_t n, const char *name)
{
	struct vm_spec *spec = mu_xmalloc(sizeof *spec);

	vm_spec_init(spec);
	spec->config.id = id_of(n);
	(void)snprintf(spec->config.name, sizeof spec->config.name, "%s", name);
	spec->config.type = VM_TYPE_PVH;
	spec->config.memory_bytes = 64 << 20;
	spec->config.memory_max_bytes = 128 << 20;
	spec->n_tags = 1;
	(void)snprintf(spec->tags[0], sizeof spec->tags[0], "prod");
	return spec;
}

static struct hv_domain domain_of(uint8_t n, uint32_t domid)
{
	struct hv_domain d = {.domid = {domid}, .id = id_of(n), .type = VM_TYPE_PV};

	(void)snprintf(d.name, sizeof d.name, "dom%u", domid);
	d.vcpus_online = d.vcpus_max = 2;
	d.memory_bytes = d.memory_max_bytes = 32 << 20;
	d.created_at = 1000;
	return d;
}

/* "+1 ~2 -3 !4": what the last refresh said, by the id's last byte. */
static char changes[256];

static void note(const struct vm_view_change *c, void *arg)
{
	static const char sign[] = {'+', '~', '-', '!'};
	size_t at = strlen(changes);

	(void)arg;
	(void)snprintf(changes + at, sizeof changes - at, "%s%c%u", at ? " " : "", sign[c->what],
		       (unsigned)c->vm->id.uuid.bytes[15]);
}

static const char *refresh(struct vm_view *view)
{
	changes[0] = '\0';
	vm_view_refresh(view, note, NULL);
	return changes;
}

static const struct model_vm *model(const struct vm_view *view, uint8_t n)
{
	struct vm_id id = id_of(n);
	const struct vm_entry *e = vm_view_find(view, &id);

	cr_assert(e && e->published);
	return &e->model;
}

static struct vm_view *view_new(void)
{
	struct host_id host = {{{9}}};

	return vm_view_new(&host);
}

Test(vm_view, a_defined_vm_is_halted_until_it_has_a_domain)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct hv_domain d = domain_of(1, 5);
	struct vm_id id = id_of(1);

	vm_view_set_spec(view, &id, spec_of(1, "web"));
	cr_assert_str_eq(refresh(view), "+1");
	cr_assert_eq(model(view, 1)->power, VM_HALTED);
	cr_assert(model(view, 1)->managed);
	cr_assert_eq(model(view, 1)->domid, -1);
	cr_assert_eq(model(view, 1)->memory_bytes, 64 << 20);
	cr_assert_str_eq(model(view, 1)->tags[0], "prod");
	cr_assert_str_empty(refresh(view));
	vm_view_set_domains(view, &d, 1);
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert_eq(model(view, 1)->power, VM_RUNNING);
	cr_assert_eq(model(view, 1)->domid, 5);
	cr_assert_eq(model(view, 1)->memory_bytes, 32 << 20);
	cr_assert_eq(model(view, 1)->started_at, 1000);
	cr_assert_str_eq(model(view, 1)->name, "web", "the definition's name counts");
	cr_assert_eq(model(view, 1)->host.uuid.bytes[0], 9);
	vm_view_set_domains(view, NULL, 0);
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert_eq(model(view, 1)->power, VM_HALTED);
	vm_view_set_spec(view, &id, NULL);
	cr_assert_str_eq(refresh(view), "-1");
	cr_assert_eq(vm_view_size(view), 0);
}

Test(vm_view, a_disk_is_attached_if_the_domain_was_built_with_it)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct vm_spec *spec = spec_of(1, "web"), *built;
	struct hv_domain d = domain_of(1, 5);
	struct vm_id id = id_of(1);
	const struct model_vm *m;

	spec->config.n_disks = 3;
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(spec->config.disks[i].vdev, sizeof spec->config.disks[i].vdev,
			       "xvd%c", (char)('a' + i));
		spec->config.disks[i].vdi = id_of((uint8_t)(10 + i)).uuid;
	}
	spec->config.disks[0].bootable = true;
	built = mu_xmemdup(spec, sizeof *spec);
	built->config.disks[1].vdi = id_of(20).uuid; /* another in its place */
	built->config.n_disks = 2;
	vm_view_set_spec(view, &id, spec);
	vm_view_set_domains(view, &d, 1);
	(void)refresh(view);
	m = model(view, 1);
	cr_assert(m->disks[0].attached && m->disks[1].attached && m->disks[2].attached);
	cr_assert(m->disks[0].bootable && !m->disks[1].bootable);
	cr_assert_eq(m->disks[2].vdi.bytes[0], id_of(12).uuid.bytes[0]);
	vm_view_set_built(view, &id, built);
	cr_assert_str_eq(refresh(view), "~1");
	m = model(view, 1);
	cr_assert(m->disks[0].attached && !m->disks[1].attached && !m->disks[2].attached);
}

Test(vm_view, disks_and_cards_are_the_definitions)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct vm_spec *spec = spec_of(1, "web");
	struct hv_domain d = domain_of(1, 5);
	struct vm_id id = id_of(1);
	const struct model_vm *m;
	char mac[18];

	spec->config.n_disks = 2;
	(void)snprintf(spec->config.disks[0].vdev, sizeof spec->config.disks[0].vdev, "xvda");
	(void)snprintf(spec->config.disks[1].vdev, sizeof spec->config.disks[1].vdev, "hdc");
	spec->config.disks[1].cdrom = spec->config.disks[1].readonly = true;
	spec->config.n_nics = 2;
	(void)snprintf(spec->config.nics[0].bridge, sizeof spec->config.nics[0].bridge, "xenbr0");
	(void)snprintf(spec->config.nics[1].mac, sizeof spec->config.nics[1].mac,
		       "00:16:3e:00:00:07");
	(void)snprintf(spec->config.boot_order, sizeof spec->config.boot_order, "dc");
	(void)snprintf(spec->config.firmware, sizeof spec->config.firmware, "uefi");
	/* Longer than what is shown of it. */
	memset(spec->config.cmdline, 'c', MODEL_TEXT_MAX + 1);
	vm_view_set_spec(view, &id, spec);
	cr_assert_str_eq(refresh(view), "+1");
	m = model(view, 1);
	cr_assert(m->kind == VM_KIND_VM && m->n_disks == 2 && m->n_nics == 2);
	cr_assert_str_eq(m->disks[0].vdev, "xvda");
	cr_assert(!m->disks[0].cdrom && !m->disks[0].attached);
	cr_assert(m->disks[1].cdrom && m->disks[1].readonly);
	vm_default_mac(&id, 0, mac);
	cr_assert_str_eq(m->nics[0].mac, mac, "as the driver will make it");
	cr_assert_str_eq(m->nics[0].bridge, "xenbr0");
	cr_assert_str_eq(m->nics[1].mac, "00:16:3e:00:00:07");
	cr_assert_eq(m->nics[1].device, 1);
	cr_assert_str_eq(m->boot_order, "dc");
	cr_assert_str_eq(m->firmware, "uefi");
	cr_assert_eq(strlen(m->cmdline), MODEL_TEXT_MAX);
	/* A domain that is still being built has nothing yet. */
	d.incomplete = true;
	vm_view_set_domains(view, &d, 1);
	cr_assert_str_eq(refresh(view), "!1", "only its queue is told");
	d.incomplete = false;
	vm_view_set_domains(view, &d, 1);
	cr_assert_str_eq(refresh(view), "~1");
	m = model(view, 1);
	cr_assert(m->disks[0].attached && m->disks[1].attached && m->nics[0].attached);
	/* Built without the second: defined since. */
	spec = mu_xmemdup(vm_view_find(view, &id)->spec, sizeof *spec);
	spec->config.n_disks = 1;
	vm_view_set_built(view, &id, spec);
	cr_assert_str_eq(refresh(view), "~1");
	m = model(view, 1);
	cr_assert(m->disks[0].attached && !m->disks[1].attached);
	vm_view_set_built(view, &id, NULL);
	vm_view_set_domains(view, NULL, 0);
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert_not(model(view, 1)->disks[0].attached);
}

Test(vm_view, what_a_domain_was_given_and_what_was_taken)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct vm_spec *spec = spec_of(1, "web"), *built;
	struct hv_domain d = domain_of(1, 5);
	struct vm_id id = id_of(1);
	const struct model_vm *m;

	spec->config.n_nics = 2;
	spec->config.nics[0] = (struct hv_nic){.has_device = true, .device = 4};
	spec->config.nics[0].rate_bytes = 1001;
	spec->config.nics[0].mtu = 1400;
	spec->config.nics[1].rate_bytes = INT64_C(1) << 60;
	spec->config.cpu_weight = 512;
	spec->config.cpu_cap = 50;
	spec->config.cores_per_socket = 2;
	spec->memory_min_bytes = 7;
	(void)snprintf(spec->config.cpus_hard, sizeof spec->config.cpus_hard, "0-3,8");
	(void)snprintf(spec->config.cpus_soft, sizeof spec->config.cpus_soft, "2");
	built = mu_xmemdup(spec, sizeof *spec);
	built->config.n_nics = 1; /* card 1 was disconnected, and so was the disk */
	(void)snprintf(spec->config.disks[0].vdev, sizeof spec->config.disks[0].vdev, "xvda");
	spec->config.n_disks = 1;
	vm_view_set_spec(view, &id, spec);
	vm_view_set_built(view, &id, built);
	vm_view_set_domains(view, &d, 1);
	cr_assert_str_eq(refresh(view), "+1");
	m = model(view, 1);
	cr_assert(m->pending && m->nics[0].attached && !m->nics[1].attached);
	cr_assert(m->n_disks == 1 && !m->disks[0].attached);
	cr_assert_eq(m->nics[0].device, 4);
	cr_assert_eq(m->nics[1].device, 1);
	cr_assert_eq(m->nics[0].rate_kbps, 2, "rounded up: a limit never reads as none");
	cr_assert_eq(m->nics[1].rate_kbps, UINT32_MAX);
	cr_assert_eq(m->nics[0].mtu, 1400);
	cr_assert_str_eq(m->cpu_mask, "0-3,8");
	cr_assert_str_eq(m->cpu_mask_soft, "2");
	cr_assert(m->cpu_weight == 512 && m->cpu_cap == 50 && m->cores_per_socket == 2);
	cr_assert_eq(m->memory_min_bytes, 7);
	/* A list per vCPU has no form here. */
	spec = mu_xmemdup(spec, sizeof *spec);
	(void)snprintf(spec->config.cpus_hard, sizeof spec->config.cpus_hard, "0;1;");
	vm_view_set_spec(view, &id, spec);
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert_str_eq(model(view, 1)->cpu_mask, "");
	cr_assert_str_eq(model(view, 1)->cpu_mask_soft, "2");
}

Test(vm_view, foreign_domains_come_and_go)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct hv_domain d[2] = {domain_of(1, 5), domain_of(2, 6)};
	struct vm_id id = id_of(2);

	vm_view_set_domains(view, d, 2);
	cr_assert_str_eq(refresh(view), "+1 +2");
	cr_assert_not(model(view, 1)->managed);
	cr_assert_str_eq(model(view, 1)->name, "dom5");
	cr_assert_eq(model(view, 1)->type, VM_TYPE_PV);
	d[0].paused = true;
	vm_view_set_domains(view, d, 1);
	cr_assert_str_eq(refresh(view), "~1 -2");
	cr_assert_eq(model(view, 1)->power, VM_PAUSED);
	cr_assert_null(vm_view_find(view, &id));
	cr_assert_not_null(vm_view_find_domid(view, (struct hv_domid){5}));
	cr_assert_null(vm_view_find_domid(view, (struct hv_domid){6}));
	/* Adopted: the same VM, now managed. */
	id = id_of(1);
	vm_view_set_spec(view, &id, spec_of(1, "mine"));
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert(model(view, 1)->managed);
}

Test(vm_view, a_dying_domain_is_no_vm)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct hv_domain d[3] = {domain_of(1, 5), domain_of(1, 6), domain_of(1, 7)};

	d[0].dying = true;
	vm_view_set_domains(view, d, 1);
	cr_assert_str_empty(refresh(view));
	/* The old one dies while the new one runs; of two that live the first counts. */
	vm_view_set_domains(view, d, 3);
	cr_assert_str_eq(refresh(view), "+1");
	cr_assert_eq(model(view, 1)->domid, 6);
}

Test(vm_view, suspended_is_a_save_file_and_no_domain)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct hv_domain d = domain_of(1, 5);
	struct vm_id id = id_of(1);

	vm_view_set_saved(view, &id, true);
	cr_assert_str_empty(refresh(view), "a save file alone is no VM");
	vm_view_set_spec(view, &id, spec_of(1, "web"));
	cr_assert_str_eq(refresh(view), "+1");
	cr_assert_eq(model(view, 1)->power, VM_SUSPENDED);
	vm_view_set_domains(view, &d, 1);
	(void)refresh(view);
	cr_assert_eq(model(view, 1)->power, VM_RUNNING, "the domain wins over an old file");
	vm_view_set_domains(view, NULL, 0);
	vm_view_set_saved(view, &id, false);
	(void)refresh(view);
	cr_assert_eq(model(view, 1)->power, VM_HALTED);
	vm_view_set_saved(view, &id, true);
	vm_view_set_spec(view, &id, NULL);
	cr_assert_str_eq(refresh(view), "-1");
	cr_assert_eq(vm_view_size(view), 1, "the file is not forgotten");
}

Test(vm_view, half_built_domains)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct hv_domain d[2] = {domain_of(1, 5), domain_of(2, 6)};
	struct vm_id id = id_of(1);

	d[0].incomplete = d[0].ours = d[1].incomplete = true;
	vm_view_set_spec(view, &id, spec_of(1, "web"));
	vm_view_set_domains(view, d, 2);
	cr_assert_str_eq(refresh(view), "+1 +2");
	cr_assert_eq(model(view, 1)->power, VM_HALTED);
	cr_assert_eq(model(view, 1)->domid, -1);
	cr_assert_eq(model(view, 2)->power, VM_PAUSED);
	d[0].incomplete = false;
	vm_view_set_domains(view, d, 2);
	cr_assert_str_eq(refresh(view), "~1");
}

Test(vm_view, a_stopped_guest)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct hv_domain d = domain_of(1, 5);
	struct vm_id id = id_of(1);
	struct vm_spec *spec = spec_of(1, "web");
	struct vm_facts f;

	spec->config.on_crash = spec->config.on_watchdog = HV_ON_PRESERVE;
	vm_view_set_spec(view, &id, spec);
	d.shutdown = HV_SHUTDOWN_POWEROFF;
	vm_view_set_domains(view, &d, 1);
	f = vm_entry_facts(vm_view_find(view, &id));
	cr_assert_eq(f.power, VM_RUNNING, "until it is torn down");
	cr_assert_eq(f.on_stop, HV_ON_DESTROY);
	cr_assert_eq(f.stopped, HV_SHUTDOWN_POWEROFF);
	for (enum hv_shutdown why = HV_SHUTDOWN_CRASH; why <= HV_SHUTDOWN_WATCHDOG; why++) {
		d.shutdown = why;
		vm_view_set_domains(view, &d, 1);
		cr_assert_eq(vm_entry_facts(vm_view_find(view, &id)).power, VM_PAUSED);
	}
	d.shutdown = HV_SHUTDOWN_REBOOT;
	vm_view_set_domains(view, &d, 1);
	cr_assert_eq(vm_entry_facts(vm_view_find(view, &id)).on_stop, HV_ON_RESTART);
	d.shutdown = HV_SHUTDOWN_SUSPEND;
	vm_view_set_domains(view, &d, 1);
	f = vm_entry_facts(vm_view_find(view, &id));
	cr_assert_eq(f.power, VM_RUNNING);
	cr_assert_eq(f.on_stop, HV_ON_PRESERVE);
	f = vm_entry_facts(NULL);
	cr_assert(!f.present && !f.defined && f.power == VM_HALTED);
}

/* Nothing that is shown changes when a guest resets itself, and yet it has to be built anew. */
Test(vm_view, a_queue_hears_of_what_is_not_shown)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct hv_domain d = domain_of(1, 5);
	struct vm_id id = id_of(1);

	vm_view_set_spec(view, &id, spec_of(1, "web"));
	vm_view_set_domains(view, &d, 1);
	cr_assert_str_eq(refresh(view), "+1");
	d.shutdown = HV_SHUTDOWN_REBOOT;
	vm_view_set_domains(view, &d, 1);
	cr_assert_str_eq(refresh(view), "!1");
	cr_assert_str_empty(refresh(view));
}

Test(vm_view, guest_facts_belong_to_the_domain)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct hv_domain d = domain_of(1, 5);
	struct vm_guest guest = {.agent_detected = true, .memory_free_bytes = 7};

	vm_view_set_domains(view, &d, 1);
	vm_view_set_guest(view, (struct hv_domid){5}, &guest);
	vm_view_set_guest(view, (struct hv_domid){99}, &guest);
	(void)refresh(view);
	cr_assert(model(view, 1)->guest.agent_detected);
	vm_view_set_domains(view, &d, 1);
	cr_assert_str_empty(refresh(view), "the same domain keeps them");
	d.domid.value = 6;
	vm_view_set_domains(view, &d, 1);
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert_not(model(view, 1)->guest.agent_detected);
	cr_assert_eq(model(view, 1)->guest.memory_free_bytes, -1);
}

Test(vm_view, operations_are_shown_and_keep_the_vm)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct hv_domain d = domain_of(1, 5);
	struct vm_id id = id_of(1);
	struct mu_uuid task = {{1}};
	const struct vm_entry *e;
	size_t iter = 0;

	vm_view_set_domains(view, &d, 1);
	vm_view_set_op(view, &id, VM_OP_HARD_SHUTDOWN, &task);
	(void)refresh(view);
	cr_assert_eq(model(view, 1)->current_op, VM_OP_HARD_SHUTDOWN);
	cr_assert_str_eq(model(view, 1)->current_task, "01000000-0000-0000-0000-000000000000");
	vm_view_set_domains(view, NULL, 0);
	cr_assert_str_eq(refresh(view), "~1", "gone only when the operation is over");
	cr_assert_str_eq(model(view, 1)->name, "dom5");
	e = vm_view_next(view, &iter);
	cr_assert_eq(e->op, VM_OP_HARD_SHUTDOWN);
	cr_assert_null(vm_view_next(view, &iter));
	vm_view_set_op(view, &id, _VM_OP_COUNT, NULL);
	cr_assert_str_eq(refresh(view), "-1");
	cr_assert_null(vm_view_free(NULL));
}

/* What an adopted domain's configuration may look like. */
Test(vm_spec, a_configuration_from_elsewhere_is_checked_too)
{
	MU_CLEANUP(mu_free) struct vm_spec *spec = spec_of(1, "web");
	struct mu_error err = MU_ERROR_INIT;

	spec->config.vcpus = spec->config.vcpus_max = 1;
	(void)snprintf(spec->config.kernel, sizeof spec->config.kernel, "/boot/vmlinuz");
	cr_assert_eq(vm_spec_check(spec, &err), 0);
	spec->config.name[0] = '\0';
	cr_assert_lt(vm_spec_check(spec, &err), 0);
	cr_assert_str_eq(err.text, "name: must not be empty");
}

Test(vm_view, a_definition_that_its_domain_does_not_have_yet)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct hv_domain d = domain_of(1, 5);
	struct vm_id id = id_of(1);
	struct vm_spec *changed = spec_of(1, "web");
	const struct vm_entry *e;

	vm_view_set_spec(view, &id, spec_of(1, "web"));
	vm_view_set_domains(view, &d, 1);
	cr_assert_str_eq(refresh(view), "+1");
	e = vm_view_find(view, &id);
	cr_assert_eq(vm_entry_built(e), e->spec);
	cr_assert_not(model(view, 1)->pending);
	changed->config.vcpus_max = 9;
	vm_view_set_spec(view, &id, changed);
	vm_view_set_built(view, &id, spec_of(1, "web"));
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert(model(view, 1)->pending);
	cr_assert_eq(vm_entry_built(e), e->built);
	/* The domain is gone: nothing to be pending for, unless it was saved. */
	vm_view_set_domains(view, NULL, 0);
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert_not(model(view, 1)->pending);
	cr_assert_null(vm_entry_built(e));
	vm_view_set_saved(view, &id, true);
	(void)refresh(view);
	cr_assert(model(view, 1)->pending);
	vm_view_set_built(view, &id, NULL);
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert_not(model(view, 1)->pending);
}

Test(vm_view, a_template_has_its_kind)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct vm_spec *spec = spec_of(1, "debian");
	struct vm_id id = id_of(1);

	spec->kind = VM_KIND_TEMPLATE;
	vm_view_set_spec(view, &id, spec);
	(void)refresh(view);
	cr_assert_eq(model(view, 1)->kind, VM_KIND_TEMPLATE);
	cr_assert_eq(vm_entry_facts(vm_view_find(view, &id)).kind, VM_KIND_TEMPLATE);
}

/* A call that deletes the definition: the VM is there until its task has ended. */
Test(vm_view, a_snapshots_memory_is_shown_while_it_has_one)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct vm_spec *spec = spec_of(1, "then");
	struct vm_id id = id_of(1);

	spec->kind = VM_KIND_SNAPSHOT;
	spec->with_memory = true;
	vm_view_set_memory(view, &id, 4096);
	vm_view_set_spec(view, &id, spec);
	cr_assert_str_eq(refresh(view), "+1");
	cr_assert(model(view, 1)->with_memory && model(view, 1)->memory_file_bytes == 4096);
	vm_view_set_spec(view, &id, spec_of(1, "then"));
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert_eq(model(view, 1)->memory_file_bytes, 0);
}

Test(vm_view, a_call_keeps_the_vm_until_it_is_over)
{
	MU_CLEANUP(vm_view_free) struct vm_view *view = view_new();
	struct mu_uuid task = {{3}};
	struct vm_id id = id_of(1);

	vm_view_set_spec(view, &id, spec_of(1, "web"));
	cr_assert_str_eq(refresh(view), "+1");
	vm_view_set_op(view, &id, _VM_OP_COUNT, &task);
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert_str_eq(model(view, 1)->current_task, "03000000-0000-0000-0000-000000000000");
	vm_view_set_spec(view, &id, NULL);
	cr_assert_str_eq(refresh(view), "~1");
	cr_assert_str_eq(model(view, 1)->name, "web");
	vm_view_set_op(view, &id, _VM_OP_COUNT, NULL);
	cr_assert_str_eq(refresh(view), "-1");
	cr_assert_null(vm_view_find(view, &id));
}
