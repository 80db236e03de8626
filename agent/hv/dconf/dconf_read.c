/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From libxl's form to ours: a copy of the whole is made, each setting that a struct hv_vm_config
 * can say is taken out of it, and what is left is the `extra`. So nothing can get lost: what is
 * not taken, for whatever reason (a value too long, of another type, unknown), stays.
 */
#include "agent/hv/dconf/dconf.h"
#include "agent/hv/dconf/dconf_lists.h"
#include "agent/hv/dconf/dconf_rows.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <stdio.h>
#include <string.h>

enum { KIB = 1024, PRUNE_DEPTH = 3 };

/* Identity */

static int read_identity(struct mu_arena *a, struct mu_value *root, struct hv_vm_config *c,
			 struct mu_error *err)
{
	struct mu_value *c_info = dconf_object(a, root, "c_info");
	struct mu_value *b_info = dconf_object(a, root, "b_info");
	const char *type, *uuid;
	char key[16];

	if (!c_info || !b_info)
		return mu_error_set(err, MU_E_INVALID, "c_info or b_info is no object");
	type = mu_value_as_string(mu_value_get(c_info, "type"));
	uuid = mu_value_as_string(mu_value_get(c_info, "uuid"));
	if (!type || !vm_type_parse(type, &c->type))
		return mu_error_set(err, MU_E_UNSUPPORTED, "its type is not pv, pvh or hvm");
	if (uuid && !mu_uuid_parse(uuid, &c->id.uuid))
		return mu_error_set(err, MU_E_INVALID, "c_info.uuid: not a UUID");
	(void)snprintf(key, sizeof key, "type.%s", type);
	if (!dconf_object(a, b_info, key))
		return mu_error_set(err, MU_E_INVALID, "b_info.%s: not an object", key);
	mu_value_remove(c_info, "type");
	mu_value_remove(c_info, "uuid");
	mu_value_remove(c_info, "domid"); /* of one run, not of the VM */
	return 0;
}

static int read_memory(struct mu_value *b_info, struct hv_vm_config *c, struct mu_error *err)
{
	int64_t max, target;

	if (!dconf_take_int(b_info, "max_memkb", 1, INT64_MAX / KIB, &max))
		return mu_error_set(err, MU_E_UNSUPPORTED, "its memory size is not recorded");
	if (!dconf_take_int(b_info, "target_memkb", 1, max, &target)) {
		mu_value_remove(b_info, "target_memkb"); /* beyond the maximum: means it */
		target = max;
	}
	c->memory_max_bytes = max * KIB;
	c->memory_bytes = target * KIB;
	return 0;
}

/* Booting: of what libxl lets stand side by side, a definition holds what is acted upon. */

static bool has_text(const struct mu_value *object, const char *name)
{
	const char *text = mu_value_as_string(mu_value_get(object, name));

	return text && *text;
}

static void read_boot(struct mu_value *root, struct hv_vm_config *c)
{
	struct mu_value *b_info = mu_value_find(root, "b_info");
	struct mu_value *hvm = mu_value_find(b_info, "type.hvm");
	const char *boot = mu_value_as_string(mu_value_get(hvm, "boot"));

	if (c->type != VM_TYPE_HVM) {
		dconf_rows_read(root, has_text(b_info, "bootloader") ? &dconf_boot : &dconf_kernel,
				c);
		return;
	}
	if (has_text(b_info, "kernel"))
		dconf_rows_read(root, &dconf_kernel, c);
	memcpy(c->firmware, "bios", sizeof "bios");
	if (mu_str_equal(mu_value_as_string(mu_value_get(hvm, "bios")), "ovmf")) {
		memcpy(c->firmware, "uefi", sizeof "uefi");
		mu_value_remove(hvm, "bios");
	}
	if (!boot || strlen(boot) > 4 || boot[strspn(boot, "acdn")])
		return;
	for (const char *b = boot; *b; b++) {
		if (strchr(b + 1, *b))
			return;
	}
	memcpy(c->boot_order, boot, strlen(boot) + 1);
	mu_value_remove(hvm, "boot");
}

/* Consoles */

/* An HVM guest has VNC unless it is said not to; its mouse is ours to choose unless it is said. */
static void read_hvm_consoles(struct mu_arena *a, struct mu_value *hvm, struct hv_vm_config *c)
{
	static const char *const mice[] = {"usb", "usbdevice", "usbdevice_list"};
	struct mu_value *vnc = dconf_object(a, hvm, "vnc");
	struct mu_value *spice = mu_value_find(hvm, "spice");
	bool mouse = false;

	c->vnc = vnc && !mu_str_equal(mu_value_as_string(mu_value_get(vnc, "enable")), "False");
	if (vnc)
		mu_value_remove(vnc, "enable");
	if (c->vnc)
		dconf_rows_read(vnc, &dconf_vnc, c);
	for (size_t i = 0; i < MU_ARRAY_SIZE(mice); i++)
		mouse = mouse || mu_value_get(hvm, mice[i]);
	if (c->vnc && !mouse)
		mu_value_set_string(a, hvm, "usb", "False"); /* libxl's default, said */
	c->spice = mu_str_equal(mu_value_as_string(mu_value_get(spice, "enable")), "True") &&
		   (mu_value_get(spice, "port") || mu_value_get(spice, "tls_port"));
	if (!c->spice)
		return;
	mu_value_remove(spice, "enable");
	dconf_rows_read(spice, &dconf_spice, c);
}

/* Nothing but its number: what dconf_write() makes by itself. */
static bool is_plain(const struct mu_value *list)
{
	const struct mu_value *devid = list ? mu_value_get(list->first, "devid") : NULL;

	return list && list->kind == MU_VALUE_LIST && list->n_children == 1 && devid &&
	       list->first->n_children == 1 && devid->kind == MU_VALUE_INT && !devid->integer;
}

/* The first PV framebuffer, which is one for VNC unless it is said not to be. */
static void read_framebuffer(struct mu_arena *a, struct mu_value *root, struct hv_vm_config *c)
{
	struct mu_value *vfbs = mu_value_find(root, "vfbs");
	struct mu_value *vfb = vfbs && vfbs->kind == MU_VALUE_LIST ? vfbs->first : NULL;
	struct mu_value *vnc =
	    vfb && vfb->kind == MU_VALUE_OBJECT ? dconf_object(a, vfb, "vnc") : NULL;
	const struct mu_value *sdl = mu_value_get(vfb, "sdl");

	if (!vnc || mu_str_equal(mu_value_as_string(mu_value_get(vnc, "enable")), "False"))
		return;
	c->vnc = true;
	mu_value_remove(vnc, "enable");
	dconf_rows_read(vnc, &dconf_vnc, c);
	if (!vnc->n_children)
		mu_value_remove(vfb, "vnc");
	if (sdl && sdl->kind == MU_VALUE_OBJECT && !sdl->n_children)
		mu_value_remove(vfb, "sdl");
	if (!is_plain(vfbs) || !is_plain(mu_value_get(root, "vkbs")))
		return;
	mu_value_remove(root, "vfbs");
	mu_value_remove(root, "vkbs");
}

/* The rest */

static void read_clock(struct mu_value *b_info, struct hv_vm_config *c)
{
	int64_t n;

	/* libxl counts in 32 bits without a sign, and means one. */
	if (dconf_take_int(b_info, "rtc_timeoffset", 1, UINT32_MAX, &n))
		c->clock_offset_s = (int32_t)(uint32_t)n;
}

static bool key_fits(const char *key)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_@/";

	return mu_str_has_prefix(key, "vm-data/") && !key[strspn(key, letters)] &&
	       !strstr(key, "//") && key[strlen(key) - 1] != '/' &&
	       strlen(key) < sizeof((struct hv_pair *)NULL)->key;
}

static void read_xenstore(struct mu_value *c_info, struct hv_vm_config *c)
{
	struct mu_value *data = mu_value_find(c_info, "xsdata");
	struct mu_value *next;

	if (!data || data->kind != MU_VALUE_OBJECT)
		return;
	for (struct mu_value *v = data->first; v; v = next) {
		struct hv_pair *pair = &c->xenstore[c->n_xenstore];
		const char *text = mu_value_as_string(v);

		next = v->next;
		if (mu_str_has_prefix(v->name, DCONF_OWN_KEYS)) {
			mu_value_remove(data, v->name);
		} else if (c->n_xenstore < HV_XENSTORE_MAX && key_fits(v->name) && text &&
			   dconf_text_fits(text, sizeof pair->value)) {
			memcpy(pair->key, v->name, strlen(v->name) + 1);
			memcpy(pair->value, text, strlen(text) + 1);
			c->n_xenstore++;
			mu_value_remove(data, v->name);
		}
	}
}

/* An action that is finer than ours stays beside ours. */
static enum hv_on_event read_action(struct mu_value *root, const char *name)
{
	const char *action = mu_value_as_string(mu_value_get(root, name));
	bool finer = false;
	enum hv_on_event event = dconf_action(action, &finer);

	if (action && !finer)
		mu_value_remove(root, name);
	return event;
}

/* Takes out members that say nothing: empty objects and lists. A name with a dot in it says
 * something by being there (libxl's unions), the CPUID policy is not ours to touch. */
static void prune(struct mu_value *object, int depth)
{
	struct mu_value *next;

	for (struct mu_value *v = object->first; v; v = next) {
		next = v->next;
		if (v->kind == MU_VALUE_OBJECT && depth > 1 && strcmp(v->name, "cpuid") != 0)
			prune(v, depth - 1);
		if ((v->kind == MU_VALUE_OBJECT || v->kind == MU_VALUE_LIST) && !v->n_children &&
		    (!strchr(v->name, '.') || mu_str_has_prefix(v->name, "type.")))
			mu_value_remove(object, v->name);
	}
}

static int read_all(struct mu_arena *a, struct mu_value *root, struct hv_vm_config *c,
		    struct mu_error *err)
{
	struct mu_value *c_info, *b_info;

	if (read_identity(a, root, c, err) < 0)
		return MU_FAILED;
	c_info = mu_value_find(root, "c_info");
	b_info = mu_value_find(root, "b_info");
	if (read_memory(b_info, c, err) < 0 || dconf_vcpus_read(root, c, err) < 0)
		return MU_FAILED;
	dconf_rows_read(root, &dconf_domain, c);
	dconf_affinity_read(root, c);
	read_boot(root, c);
	read_clock(b_info, c);
	read_xenstore(c_info, c);
	if (c->type != VM_TYPE_PV)
		dconf_rows_read(root, &dconf_hap, c);
	if (c->type == VM_TYPE_HVM) {
		dconf_rows_read(root, &dconf_hvm, c);
		read_hvm_consoles(a, mu_value_find(b_info, "type.hvm"), c);
	} else {
		read_framebuffer(a, root, c);
	}
	c->on_poweroff = read_action(root, "on_poweroff");
	c->on_reboot = read_action(root, "on_reboot");
	c->on_crash = read_action(root, "on_crash");
	c->on_watchdog = read_action(root, "on_watchdog");
	return dconf_devices_read(a, root, c, err);
}

int dconf_read(const struct mu_value *libxl, struct hv_vm_config *ret, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct hv_vm_config *c = mu_arena_calloc(a, 1, sizeof *c);
	struct mu_value *root;

	if (libxl->kind != MU_VALUE_OBJECT)
		return mu_error_set(err, MU_E_INVALID, "not an object");
	root = mu_value_copy(a, libxl);
	if (read_all(a, root, c, err) < 0)
		return MU_FAILED;
	prune(root, PRUNE_DEPTH);
	if (dconf_extra_read(root, c->extra, sizeof c->extra, err) < 0)
		return MU_FAILED;
	*ret = *c;
	return 0;
}
