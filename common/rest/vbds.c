/* SPDX-License-Identifier: Apache-2.0 */
/* VBDs: a VM's disks and CD drives, rendered from the VM. */
#include "common/rest/fields.h"
#include "common/rest/render.h"

#include <stdio.h>
#include <string.h>

static const struct rest_vbd *vbd(const void *object)
{
	return object;
}

static struct mu_value *vbd_vm(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &vbd(object)->vm->id.uuid);
}

static struct mu_value *vbd_vdi(struct rest_render *r, const void *object)
{
	return rest_uuid_if(r->arena, &vbd(object)->disk->vdi);
}

static struct mu_value *vbd_device(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, vbd(object)->disk->vdev);
}

/* XAPI's userdevice: "xvda" is "0", "hdc" is "2". Left out where the name does not say. */
static struct mu_value *vbd_position(struct rest_render *r, const void *object)
{
	const char *vdev = vbd(object)->disk->vdev;
	const char *letters = vdev + strcspn(vdev, "d");
	char text[16];
	unsigned n = 0;

	if (*letters)
		letters++;
	for (const char *p = letters; *p; p++) {
		if (*p < 'a' || *p > 'z')
			return NULL;
		n = n * 26 + (unsigned)(*p - 'a') + 1;
		if (n > 702) /* "zz": more letters are no device */
			return NULL;
	}
	if (n == 0)
		return NULL;
	(void)snprintf(text, sizeof text, "%u", n - 1);
	return mu_value_string(r->arena, text);
}

static struct mu_value *vbd_attached(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena,
			     vbd(object)->disk->attached && rest_vm_runs(vbd(object)->vm));
}

static struct mu_value *vbd_bootable(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, vbd(object)->disk->bootable);
}

static struct mu_value *vbd_cd(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, vbd(object)->disk->cdrom);
}

static struct mu_value *vbd_readonly(struct rest_render *r, const void *object)
{
	return mu_value_bool(r->arena, vbd(object)->disk->readonly || vbd(object)->disk->cdrom);
}

static const struct rest_field fields[] = {
    REST_COMMON_FIELDS,
    {"VM", vbd_vm, REST_IDS},
    {"VDI", vbd_vdi, REST_IDS},
    {"device", vbd_device},
    {"position", vbd_position},
    {"attached", vbd_attached, REST_NOTHING},
    {"bootable", vbd_bootable, REST_NOTHING},
    {"is_cd_drive", vbd_cd, REST_NOTHING},
    {"read_only", vbd_readonly, REST_NOTHING},
};

static const struct mu_uuid *vbd_id(const void *object)
{
	return &vbd(object)->id;
}

struct walk {
	bool (*each)(const void *object, void *arg);
	void *arg;
};

static bool walk_vm(const struct model_vm *vm, void *arg)
{
	const struct walk *w = arg;

	for (size_t i = 0; i < vm->n_disks; i++) {
		const struct rest_vbd one = rest_vbd_of(vm, i);

		if (!w->each(&one, w->arg))
			return false;
	}
	return true;
}

static void each_vbd(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		     void *arg)
{
	struct walk w = {each, arg};

	b->each_vm(b->ctx, walk_vm, &w);
}

static void find_vbd(struct rest *rest, const struct mu_uuid *id,
		     void (*found)(const void *object, void *arg), void *arg)
{
	const struct rest_backend *b = &rest->backend;
	const struct mu_uuid *of = rest_relations_first(rest->relations, REST_VBD_VM, id);
	const struct vm_id vm_id = {of ? *of : (struct mu_uuid){{0}}};
	const struct model_vm *vm = of ? b->vm_find(b->ctx, &vm_id) : NULL;

	for (size_t i = 0; vm && i < vm->n_disks; i++) {
		const struct rest_vbd one = rest_vbd_of(vm, i);

		if (mu_uuid_equal(&one.id, id)) {
			found(&one, arg);
			return;
		}
	}
}

const struct rest_type rest_type_vbd = {
    .name = "VBD",
    .collection = "vbds",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = vbd_id,
    .each = each_vbd,
    .find = find_vbd,
};
