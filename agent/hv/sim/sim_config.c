/* SPDX-License-Identifier: Apache-2.0 */
/* A VM configuration as JSON: members at their default are left out. */
#include "agent/hv/hv_check.h"
#include "agent/hv/sim/sim_codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void set_text(struct mu_arena *a, struct mu_value *v, const char *name, const char *text)
{
	if (text[0] != '\0')
		mu_value_set_string(a, v, name, text);
}

static void set_flag(struct mu_arena *a, struct mu_value *v, const char *name, bool flag)
{
	if (flag)
		mu_value_set_bool(a, v, name, true);
}

struct mu_value *sim_config_encode(struct mu_arena *a, const struct hv_vm_config *c)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *disks = mu_value_list(a);
	struct mu_value *nics = mu_value_list(a);
	char id[MU_UUID_TEXT];

	mu_value_set_string(a, v, "id", mu_uuid_format(&c->id.uuid, id));
	set_text(a, v, "name", c->name);
	mu_value_set_string(a, v, "type", vm_type_name(c->type));
	mu_value_set_int(a, v, "vcpus", c->vcpus);
	mu_value_set_int(a, v, "vcpus_max", c->vcpus_max);
	mu_value_set_int(a, v, "memory_bytes", c->memory_bytes);
	mu_value_set_int(a, v, "memory_max_bytes", c->memory_max_bytes);
	set_text(a, v, "kernel", c->kernel);
	set_text(a, v, "ramdisk", c->ramdisk);
	set_text(a, v, "cmdline", c->cmdline);
	set_text(a, v, "bootloader", c->bootloader);
	set_text(a, v, "firmware", c->firmware);
	set_text(a, v, "boot_order", c->boot_order);
	set_flag(a, v, "vnc", c->vnc);
	for (size_t i = 0; i < c->n_disks; i++) {
		struct mu_value *d = mu_value_push(disks, mu_value_object(a));

		set_text(a, d, "vdev", c->disks[i].vdev);
		set_text(a, d, "path", c->disks[i].path);
		set_text(a, d, "format", c->disks[i].format);
		set_flag(a, d, "readonly", c->disks[i].readonly);
		set_flag(a, d, "cdrom", c->disks[i].cdrom);
	}
	for (size_t i = 0; i < c->n_nics; i++) {
		struct mu_value *n = mu_value_push(nics, mu_value_object(a));

		set_text(a, n, "mac", c->nics[i].mac);
		set_text(a, n, "bridge", c->nics[i].bridge);
		set_text(a, n, "model", c->nics[i].model);
		if (c->nics[i].has_device)
			mu_value_set_int(a, n, "device", c->nics[i].device);
		if (c->nics[i].rate_bytes)
			mu_value_set_int(a, n, "rate_bytes", c->nics[i].rate_bytes);
	}
	mu_value_set(a, v, "disks", disks);
	mu_value_set(a, v, "nics", nics);
	return v;
}

/* Too long a text comes out cut, and hv_check_config() or a look-up finds it wrong; it cannot
 * overflow. */
static void get_text(const struct mu_value *v, const char *name, char *ret, size_t size)
{
	const char *text = mu_value_as_string(mu_value_get(v, name));

	snprintf(ret, size, "%s", text ? text : "");
}

#define GET_TEXT(v, name, field) get_text(v, name, field, sizeof(field))

int64_t sim_get_int(const struct mu_value *v, const char *name, int64_t min, int64_t max,
		    int64_t def)
{
	const struct mu_value *n = mu_value_get(v, name);

	if (!n || n->kind != MU_VALUE_INT || n->integer < min || n->integer > max)
		return def;
	return n->integer;
}

bool sim_get_flag(const struct mu_value *v, const char *name)
{
	const struct mu_value *b = mu_value_get(v, name);

	return b && b->kind == MU_VALUE_BOOL && b->boolean;
}

static int decode_devices(const struct mu_value *v, struct hv_vm_config *c, struct mu_error *err)
{
	const struct mu_value *disks = mu_value_get(v, "disks");
	const struct mu_value *nics = mu_value_get(v, "nics");

	if (!disks || disks->kind != MU_VALUE_LIST || !nics || nics->kind != MU_VALUE_LIST)
		return mu_error_set(err, MU_E_PROTOCOL, "config: disks or nics is missing");
	if (disks->n_children > HV_DISKS_MAX || nics->n_children > HV_NICS_MAX)
		return mu_error_set(err, MU_E_PROTOCOL, "config: too many disks or nics");
	mu_value_each(d, disks)
	{
		struct hv_disk *disk = &c->disks[c->n_disks++];

		GET_TEXT(d, "vdev", disk->vdev);
		GET_TEXT(d, "path", disk->path);
		GET_TEXT(d, "format", disk->format);
		disk->readonly = sim_get_flag(d, "readonly");
		disk->cdrom = sim_get_flag(d, "cdrom");
	}
	mu_value_each(n, nics)
	{
		struct hv_nic *nic = &c->nics[c->n_nics++];

		GET_TEXT(n, "mac", nic->mac);
		GET_TEXT(n, "bridge", nic->bridge);
		GET_TEXT(n, "model", nic->model);
		nic->has_device = mu_value_get(n, "device") != NULL;
		nic->device = (uint32_t)sim_get_int(n, "device", 0, HV_NICS_MAX - 1, HV_NICS_MAX);
		nic->rate_bytes = sim_get_int(n, "rate_bytes", 0, INT64_MAX / 2, 0);
	}
	return 0;
}

int sim_config_decode(const struct mu_value *v, struct hv_vm_config *ret, struct mu_error *err)
{
	const char *id = mu_value_as_string(mu_value_get(v, "id"));
	const char *type = mu_value_as_string(mu_value_get(v, "type"));
	struct hv_vm_config c = {0};

	if (!id || !mu_uuid_parse(id, &c.id.uuid))
		return mu_error_set(err, MU_E_PROTOCOL, "config: id is no UUID");
	if (!type || !vm_type_parse(type, &c.type))
		return mu_error_set(err, MU_E_PROTOCOL, "config: type is unknown");
	GET_TEXT(v, "name", c.name);
	c.vcpus = (uint32_t)sim_get_int(v, "vcpus", 1, HV_VCPUS_MAX, 0);
	c.vcpus_max = (uint32_t)sim_get_int(v, "vcpus_max", 1, HV_VCPUS_MAX, 0);
	c.memory_bytes = sim_get_int(v, "memory_bytes", 0, INT64_MAX / 2, 0);
	c.memory_max_bytes = sim_get_int(v, "memory_max_bytes", 0, INT64_MAX / 2, 0);
	GET_TEXT(v, "kernel", c.kernel);
	GET_TEXT(v, "ramdisk", c.ramdisk);
	GET_TEXT(v, "cmdline", c.cmdline);
	GET_TEXT(v, "bootloader", c.bootloader);
	GET_TEXT(v, "firmware", c.firmware);
	GET_TEXT(v, "boot_order", c.boot_order);
	c.vnc = sim_get_flag(v, "vnc");
	if (decode_devices(v, &c, err) < 0)
		return MU_FAILED;
	if (hv_check_config(&c, err) < 0)
		return mu_error_prefix(err, "config");
	*ret = c;
	return 0;
}
