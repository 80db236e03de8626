/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From our form to libxl's: the `extra` first, then what the struct says over it. A member at its
 * default says nothing, so what the `extra` has in its place counts.
 */
#include "agent/hv/dconf/dconf.h"
#include "agent/hv/dconf/dconf_lists.h"
#include "agent/hv/dconf/dconf_rows.h"
#include "common/base/str.h"

#include <stdio.h>
#include <string.h>

enum { KIB = 1024 };

static int check_support(const struct hv_vm_config *c, struct mu_error *err)
{
	if (c->vtpm)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "vtpm: libxl makes no TPM of its own; hint: an existing vTPM "
				    "domain can be named in libxl.vtpms");
	if (c->cores_per_socket > 1 || c->threads_per_core > 1)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "coresPerSocket, threadsPerCore: Xen shows its guests one core "
				    "per vCPU and libxl cannot change that; hint: leave both out");
	return 0;
}

static int write_identity(struct mu_arena *a, struct mu_value *root, const struct hv_vm_config *c,
			  struct mu_error *err)
{
	struct mu_value *c_info = dconf_object(a, root, "c_info");
	struct mu_value *b_info = dconf_object(a, root, "b_info");
	char key[16];
	char uuid[MU_UUID_TEXT];

	(void)snprintf(key, sizeof key, "type.%s", vm_type_name(c->type));
	if (!c_info || !b_info || !dconf_object(a, b_info, key))
		return mu_error_set(err, MU_E_INVALID,
				    "libxl: c_info, b_info or b_info.%s is no object", key);
	for (unsigned t = 0; t < _VM_TYPE_COUNT; t++) {
		char other[16];

		(void)snprintf(other, sizeof other, "type.%s", vm_type_name((enum vm_type)t));
		if (t != (unsigned)c->type)
			mu_value_remove(b_info, other);
	}
	dconf_put(a, c_info, "type", mu_value_string(a, vm_type_name(c->type)));
	dconf_put(a, c_info, "uuid", mu_value_string(a, mu_uuid_format(&c->id.uuid, uuid)));
	dconf_put(a, b_info, "max_memkb", mu_value_int(a, c->memory_max_bytes / KIB));
	dconf_put(a, b_info, "target_memkb", mu_value_int(a, c->memory_bytes / KIB));
	return 0;
}

static void write_boot(struct mu_arena *a, struct mu_value *root, const struct hv_vm_config *c)
{
	struct mu_value *hvm;

	dconf_rows_write(a, root, *c->bootloader ? &dconf_boot : &dconf_kernel, c);
	if (c->type != VM_TYPE_HVM)
		return;
	hvm = dconf_object(a, root, "b_info/type.hvm");
	if (mu_str_equal(c->firmware, "uefi"))
		dconf_put(a, hvm, "bios", mu_value_string(a, "ovmf"));
	if (*c->boot_order)
		dconf_put(a, hvm, "boot", mu_value_string(a, c->boot_order));
}

/* Consoles */

static struct mu_value *object_in(struct mu_arena *a, struct mu_value *parent, const char *name)
{
	struct mu_value *v = mu_value_find(parent, name);

	if (v && v->kind == MU_VALUE_OBJECT)
		return v;
	v = mu_value_object(a);
	dconf_put(a, parent, name, v);
	return v;
}

static void put_switch(struct mu_arena *a, struct mu_value *object, const char *name, bool on)
{
	dconf_put(a, object, name, mu_value_string(a, on ? "True" : "False"));
}

static void write_hvm_consoles(struct mu_arena *a, struct mu_value *root,
			       const struct hv_vm_config *c)
{
	struct mu_value *hvm = dconf_object(a, root, "b_info/type.hvm");
	struct mu_value *vnc = object_in(a, hvm, "vnc");
	struct mu_value *spice;

	put_switch(a, vnc, "enable", c->vnc);
	if (c->vnc)
		dconf_rows_write(a, vnc, &dconf_vnc, c);
	/* An absolute pointer: without it the mouse runs away from the viewer's. */
	if (c->vnc && !mu_value_get(hvm, "usb") && !mu_value_get(hvm, "usbdevice") &&
	    !mu_value_get(hvm, "usbdevice_list")) {
		put_switch(a, hvm, "usb", true);
		mu_value_set_string(a, hvm, "usbdevice", "tablet");
	}
	if (!c->spice)
		return;
	spice = object_in(a, hvm, "spice");
	put_switch(a, spice, "enable", true);
	dconf_rows_write(a, spice, &dconf_spice, c);
}

static void add_device(struct mu_arena *a, struct mu_value *root, const char *name)
{
	struct mu_value *list = mu_value_list(a);

	mu_value_set_int(a, mu_value_push(list, mu_value_object(a)), "devid", 0);
	dconf_put(a, root, name, list);
}

/* A PV framebuffer and keyboard, which QEMU serves; HVM guests have an emulated one. */
static void write_framebuffer(struct mu_arena *a, struct mu_value *root,
			      const struct hv_vm_config *c)
{
	struct mu_value *vfbs = mu_value_find(root, "vfbs");
	bool there = vfbs && vfbs->kind == MU_VALUE_LIST && vfbs->first &&
		     vfbs->first->kind == MU_VALUE_OBJECT;
	struct mu_value *vnc;

	if (!c->vnc && !there)
		return;
	if (!there) {
		add_device(a, root, "vfbs");
		if (!mu_value_get(root, "vkbs"))
			add_device(a, root, "vkbs");
	}
	vnc = object_in(a, mu_value_find(root, "vfbs")->first, "vnc");
	put_switch(a, vnc, "enable", c->vnc);
	if (c->vnc)
		dconf_rows_write(a, vnc, &dconf_vnc, c);
}

/* The rest */

static void write_xenstore(struct mu_arena *a, struct mu_value *root, const struct hv_vm_config *c)
{
	struct mu_value *data;

	if (!c->n_xenstore)
		return;
	data = object_in(a, mu_value_find(root, "c_info"), "xsdata");
	for (size_t i = 0; i < c->n_xenstore; i++)
		dconf_put(a, data, c->xenstore[i].key, mu_value_string(a, c->xenstore[i].value));
}

static void write_action(struct mu_arena *a, struct mu_value *root, const char *name,
			 enum hv_on_event event)
{
	static const char *const names[] = {"destroy", "restart", "preserve"};
	const char *said = mu_value_as_string(mu_value_get(root, name));
	bool finer;

	if (said && dconf_action(said, &finer) == event)
		return;
	dconf_put(a, root, name, mu_value_string(a, names[event]));
}

static void write_actions(struct mu_arena *a, struct mu_value *root, const struct hv_vm_config *c)
{
	write_action(a, root, "on_poweroff", c->on_poweroff);
	write_action(a, root, "on_reboot", c->on_reboot);
	write_action(a, root, "on_crash", c->on_crash);
	write_action(a, root, "on_watchdog", c->on_watchdog);
}

int dconf_write(struct mu_arena *a, const struct hv_vm_config *c, struct mu_value **ret_libxl,
		struct mu_error *err)
{
	struct mu_value *root;

	if (check_support(c, err) < 0 || dconf_extra_write(a, c->extra, &root, err) < 0 ||
	    write_identity(a, root, c, err) < 0)
		return MU_FAILED;
	dconf_vcpus_write(a, root, c);
	dconf_rows_write(a, root, &dconf_domain, c);
	dconf_affinity_write(a, root, c);
	write_boot(a, root, c);
	if (c->clock_offset_s)
		dconf_put(a, mu_value_find(root, "b_info"), "rtc_timeoffset",
			  mu_value_int(a, (uint32_t)c->clock_offset_s));
	write_xenstore(a, root, c);
	if (c->type != VM_TYPE_PV)
		dconf_rows_write(a, root, &dconf_hap, c);
	if (c->type == VM_TYPE_HVM) {
		dconf_rows_write(a, root, &dconf_hvm, c);
		write_hvm_consoles(a, root, c);
	} else {
		write_framebuffer(a, root, c);
	}
	write_actions(a, root, c);
	if (dconf_devices_write(a, root, c, err) < 0)
		return MU_FAILED;
	*ret_libxl = root;
	return 0;
}
