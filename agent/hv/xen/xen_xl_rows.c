/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of xl.cfg that are a value of their own, one row each: its name, how it is read, where
 * libxl has it, and in which guests it means something (in others xl passes over it, and so do
 * we). Keys with rules of their own have a function.
 */
#include "agent/hv/xen/xen_xl.h"
#include "common/base/assert.h"
#include "common/os/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

enum { ANY = XL_PV | XL_PVH | XL_HVM, NOT_PV = XL_PVH | XL_HVM, MIB_IN_KIB = 1024 };

enum kind {
	STRING,
	NUMBER,  /* 0 to 2^31 - 1 */
	MIB,     /* a number, of MiB */
	SWITCH,  /* 0 or 1, "True" or "False" */
	STRINGS, /* a list of strings */
	WORD,    /* of an enumeration of libxl's, or its number */
	OWN,     /* `read` */
};

struct row {
	const char *key;
	enum kind kind;
	unsigned types;
	const char *path;
	const char *(*word)(const char *text, int64_t number);
	int (*read)(struct xl *x, const char *key, struct mu_error *err);
};

/* libxl's name for what may be written as a number or in another case. NULL: none of them. */
#define WORDS_OF(type)                                                                             \
	static const char *type##_word(const char *text, int64_t number)                           \
	{                                                                                          \
		libxl_##type e = (libxl_##type)number;                                             \
                                                                                                   \
		if (text && libxl_##type##_from_string(text, &e) != 0)                             \
			return NULL;                                                               \
		return libxl_##type##_to_string(e);                                                \
	}
WORDS_OF(tsc_mode)
WORDS_OF(timer_mode)
WORDS_OF(altp2m_mode)
WORDS_OF(passthrough)
WORDS_OF(bios_type)
WORDS_OF(hdtype)
WORDS_OF(vendor_device)
WORDS_OF(gic_version)
WORDS_OF(tee_type)
WORDS_OF(vuart_type)

static int not_known(const char *key, const char *text, struct mu_error *err)
{
	return mu_error_set(err, MU_E_INVALID, "%s: \"%.60s\" is not known", key, text);
}

static void put_text(struct xl *x, const char *path, const char *text)
{
	xl_put(x, path, mu_value_string(x->arena, text));
}

static void put_switch(struct xl *x, const char *path, bool on)
{
	put_text(x, path, on ? "True" : "False");
}

/* Kinds */

static int add_string(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	(void)at, (void)err;
	mu_value_push(xl_list_at(x, x->list), mu_value_string(x->arena, text));
	return 0;
}

static int read_strings(struct xl *x, const char *key, const char *path, struct mu_error *err)
{
	x->list = path;
	return xl_list(x, key, add_string, err);
}

static int read_number(struct xl *x, const struct row *row, struct mu_error *err)
{
	int64_t n;
	bool set;

	if (xl_long(x, row->key, 0, INT32_MAX, &set, &n, err) < 0)
		return MU_FAILED;
	if (set)
		xl_put(x, row->path, mu_value_int(x->arena, row->kind == MIB ? n * MIB_IN_KIB : n));
	return 0;
}

static int read_switch(struct xl *x, const struct row *row, struct mu_error *err)
{
	int64_t n;
	bool set;

	if (xl_long(x, row->key, 0, INT32_MAX, &set, &n, err) < 0)
		return MU_FAILED;
	if (set)
		put_switch(x, row->path, n != 0);
	return 0;
}

static int read_string(struct xl *x, const char *key, const char *path, struct mu_error *err)
{
	const char *text = xl_string(x, key);

	if (!text)
		return xl_has(x, key) ? mu_error_set(err, MU_E_INVALID,
						     "%s: a list, where one value belongs", key)
				      : 0;
	put_text(x, path, text);
	return 0;
}

static int read_word(struct xl *x, const struct row *row, struct mu_error *err)
{
	const char *text = xl_string(x, row->key);
	const char *word;
	int64_t n = 0;

	if (!text)
		return 0;
	word = xl_number(text, 10, 255, &n) ? row->word(NULL, n) : row->word(text, 0);
	if (!word)
		return not_known(row->key, text, err);
	put_text(x, row->path, word);
	return 0;
}

/* Keys with rules of their own */

static int read_seclabel(struct xl *x, const char *key, struct mu_error *err)
{
	/* With a label for the building, this one is for the time after it. */
	return read_string(
	    x, key, xl_has(x, "init_seclabel") ? "b_info/exec_ssid_label" : "c_info/ssid_label",
	    err);
}

static int read_cmdline(struct xl *x, const char *key, struct mu_error *err)
{
	const char *cmdline = xl_string(x, key);
	const char *root = xl_string(x, "root");
	const char *extra = xl_string(x, "extra");

	(void)err;
	if (!cmdline && root)
		cmdline = mu_arena_printf(x->arena, "root=%s%s%s", root, extra ? " " : "",
					  extra ? extra : "");
	else if (!cmdline)
		cmdline = extra;
	if (cmdline)
		put_text(x, "b_info/cmdline", cmdline);
	return 0;
}

static int read_kernel(struct xl *x, const char *key, struct mu_error *err)
{
	const char *kernel = xl_string(x, key);
	const char *name = kernel ? strrchr(kernel, '/') : NULL;

	/* As old files for HVM have it; xl takes its own. */
	if (x->type == VM_TYPE_HVM && kernel && !strcmp(name ? name + 1 : kernel, "hvmloader"))
		return 0;
	return read_string(x, key, "b_info/kernel", err);
}

static int read_args(struct xl *x, const char *key, struct mu_error *err)
{
	const char *text = xl_string(x, key);
	char *rest = text ? mu_arena_strdup(x->arena, text) : NULL;

	if (!text)
		return read_strings(x, key, "b_info/bootloader_args", err);
	for (char *word; (word = strsep(&rest, " \t\n"));) {
		if (*word)
			mu_value_push(xl_list_at(x, "b_info/bootloader_args"),
				      mu_value_string(x->arena, word));
	}
	return 0;
}

static int read_firmware(struct xl *x, const char *key, struct mu_error *err)
{
	const char *text = xl_string(x, key);
	const char *word;

	if (!text)
		return 0;
	if (x->type != VM_TYPE_HVM)
		return mu_error_set(err, MU_E_INVALID,
				    "firmware: names a file in xl's own folder for pv and pvh; "
				    "hint: write its path as kernel");
	word = bios_type_word(text, 0);
	if (!strcmp(text, "uefi"))
		word = "ovmf";
	if (word)
		put_text(x, "b_info/type.hvm/bios", word);
	else if (strcmp(text, "bios") != 0) /* which is libxl's to choose */
		put_text(x, "b_info/type.hvm/firmware", text);
	return 0;
}

static int read_action(struct xl *x, const char *key, struct mu_error *err)
{
	static const char *const actions[] = {
	    "destroy",          "destroy",          "restart",          "restart",
	    "rename-restart",   "restart_rename",   "preserve",         "preserve",
	    "coredump-destroy", "coredump_destroy", "coredump-restart", "coredump_restart",
	    "soft-reset",       "soft_reset",
	};
	const char *text = xl_string(x, key);

	if (!text && !strcmp(key, "on_reboot"))
		text = "restart";
	if (!text && !strcmp(key, "on_soft_reset"))
		text = "soft-reset";
	if (!text)
		return 0; /* destroy, which is libxl's default, too */
	for (size_t i = 0; i < MU_ARRAY_SIZE(actions); i += 2) {
		if (!strcmp(actions[i], text)) {
			put_text(x, key, actions[i + 1]);
			return 0;
		}
	}
	return not_known(key, text, err);
}

static int read_timeoffset(struct xl *x, const char *key, struct mu_error *err)
{
	int64_t n;
	bool set;

	if (xl_long(x, key, INT32_MIN, INT32_MAX, &set, &n, err) < 0)
		return MU_FAILED;
	if (set)
		xl_put(x, "b_info/rtc_timeoffset", mu_value_int(x->arena, (uint32_t)n));
	return 0;
}

static int read_timer_mode(struct xl *x, const char *key, struct mu_error *err)
{
	static const struct row row = {"timer_mode",    WORD, NOT_PV, "b_info/timer_mode",
				       timer_mode_word, NULL};

	if (x->type == VM_TYPE_PV && xl_has(x, key))
		return mu_error_set(err, MU_E_INVALID, "%s: not for pv", key);
	return read_word(x, &row, err);
}

static int add_viridian(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	bool off = *text == '!';
	libxl_viridian_enlightenment e;
	const char *path =
	    off ? "b_info/type.hvm/viridian_disable" : "b_info/type.hvm/viridian_enable";

	(void)at;
	if (!strcmp(text, "defaults")) {
		put_switch(x, "b_info/type.hvm/viridian", true);
		return 0;
	}
	if (!strcmp(text, "all")) {
		for (int i = 0; i < LIBXL_BUILDINFO_HVM_VIRIDIAN_ENABLE_DISABLE_WIDTH; i++)
			mu_value_push(xl_list_at(x, path), mu_value_int(x->arena, i));
		return 0;
	}
	if (libxl_viridian_enlightenment_from_string(text + off, &e) != 0)
		return mu_error_set(err, MU_E_INVALID, "\"%.40s\" is not known", text);
	mu_value_push(xl_list_at(x, path), mu_value_int(x->arena, (int64_t)e));
	return 0;
}

static int read_viridian(struct xl *x, const char *key, struct mu_error *err)
{
	const struct row row = {key, SWITCH, XL_HVM, "b_info/type.hvm/viridian", NULL, NULL};

	if (xl_string(x, key))
		return read_switch(x, &row, err);
	return xl_list(x, key, add_viridian, err);
}

static int add_mca(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	(void)at;
	if (strcmp(text, "lmce") != 0)
		return mu_error_set(err, MU_E_INVALID, "\"%.40s\" is not known", text);
	xl_put(x, "b_info/type.hvm/mca_caps", mu_value_int(x->arena, XEN_HVM_MCA_CAP_LMCE));
	return 0;
}

static int read_mca(struct xl *x, const char *key, struct mu_error *err)
{
	return xl_list(x, key, add_mca, err);
}

static int read_genid(struct xl *x, const char *key, struct mu_error *err)
{
	const char *text = xl_string(x, key);
	struct mu_value *bytes = mu_value_list(x->arena);
	struct mu_uuid id = mu_random_uuid();

	if (!text || !strcmp(text, "none"))
		return 0;
	if (strcmp(text, "generate") != 0)
		return not_known(key, text, err);
	for (size_t i = 0; i < sizeof id.bytes; i++)
		mu_value_push(bytes, mu_value_int(x->arena, id.bytes[i]));
	xl_put(x, "b_info/type.hvm/ms_vm_genid", bytes);
	return 0;
}

/* Not through libxlu: its parser takes every policy for an error, and xl goes on without. */
static int read_rdm(struct xl *x, const char *key, struct mu_error *err)
{
	static const char *const strategies[] = {"host", "host", NULL};
	static const char *const policies[] = {"strict", "strict", "relaxed", "relaxed", NULL};
	static const struct xl_option options[] = {
	    {"strategy", XL_OPT_WORD, "strategy", strategies, 0},
	    {"policy", XL_OPT_WORD, "policy", policies, 0},
	};
	const char *text = xl_string(x, key);

	if (!text)
		return 0;
	if (xl_options_read(x, text, options, MU_ARRAY_SIZE(options), NULL,
			    xl_at(x, "b_info/type.hvm/rdm"), err) < 0)
		return mu_error_prefix(err, "%s", key);
	return 0;
}

static int read_dm_version(struct xl *x, const char *key, struct mu_error *err)
{
	const char *text = xl_string(x, key);

	if (!text)
		return 0;
	if (!strcmp(text, "qemu-xen"))
		put_text(x, "b_info/device_model_version", "qemu_xen");
	else if (!strcmp(text, "qemu-xen-traditional"))
		put_text(x, "b_info/device_model_version", "qemu_xen_traditional");
	else
		return not_known(key, text, err);
	return 0;
}

static int read_vga(struct xl *x, const char *key, struct mu_error *err)
{
	static const char *const kinds[] = {"stdvga", "std",  "cirrus", "cirrus",
					    "none",   "none", "qxl",    "qxl"};
	const char *text = xl_string(x, key);
	int64_t n;
	bool set;

	if (!text) {
		if (xl_long(x, "stdvga", 0, INT32_MAX, &set, &n, err) < 0)
			return MU_FAILED;
		if (set)
			put_text(x, "b_info/type.hvm/vga/kind", n ? "std" : "cirrus");
		return 0;
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(kinds); i += 2) {
		if (!strcmp(kinds[i], text)) {
			put_text(x, "b_info/type.hvm/vga/kind", kinds[i + 1]);
			return 0;
		}
	}
	return not_known(key, text, err);
}

static int read_gfx(struct xl *x, const char *key, struct mu_error *err)
{
	const char *text = xl_string(x, key);
	libxl_gfx_passthru_kind kind;
	int64_t n;

	if (!text)
		return 0;
	if (xl_number(text, 10, INT32_MAX, &n)) {
		put_switch(x, "b_info/type.hvm/gfx_passthru", n != 0);
		return 0;
	}
	if (libxl_gfx_passthru_kind_from_string(text, &kind) != 0)
		return not_known(key, text, err);
	put_text(x, "b_info/type.hvm/gfx_passthru_kind", libxl_gfx_passthru_kind_to_string(kind));
	put_switch(x, "b_info/type.hvm/gfx_passthru", true);
	return 0;
}

static int read_serial(struct xl *x, const char *key, struct mu_error *err)
{
	return xl_string(x, key) ? read_string(x, key, "b_info/type.hvm/serial", err)
				 : read_strings(x, key, "b_info/type.hvm/serial_list", err);
}

static int read_usbdevice(struct xl *x, const char *key, struct mu_error *err)
{
	return xl_string(x, key) ? read_string(x, key, "b_info/type.hvm/usbdevice", err)
				 : read_strings(x, key, "b_info/type.hvm/usbdevice_list", err);
}

/* The table */

#define PVH "b_info/type.pvh/"
#define HVM "b_info/type.hvm/"

static const struct row rows[] = {
    {"name", STRING, ANY, "c_info/name", NULL, NULL},
    {"uuid", STRING, ANY, "c_info/uuid", NULL, NULL},
    {"init_seclabel", STRING, ANY, "c_info/ssid_label", NULL, NULL},
    {"seclabel", OWN, ANY, NULL, NULL, read_seclabel},
    {"pool", STRING, ANY, "c_info/pool_name", NULL, NULL},
    {"hap", SWITCH, ANY, "c_info/hap", NULL, NULL},
    {"oos", SWITCH, ANY, "c_info/oos", NULL, NULL},
    {"driver_domain", SWITCH, ANY, "c_info/driver_domain", NULL, NULL},
    {"passthrough", WORD, ANY, "c_info/passthrough", passthrough_word, NULL},
    {"xend_suspend_evtchn_compat", SWITCH, ANY, "c_info/xend_suspend_evtchn_compat", NULL, NULL},
    /* CPUs and memory */
    {"cpu_weight", NUMBER, ANY, "b_info/sched_params/weight", NULL, NULL},
    {"cap", NUMBER, ANY, "b_info/sched_params/cap", NULL, NULL},
    {"period", NUMBER, ANY, "b_info/sched_params/period", NULL, NULL},
    {"slice", NUMBER, ANY, "b_info/sched_params/slice", NULL, NULL},
    {"latency", NUMBER, ANY, "b_info/sched_params/latency", NULL, NULL},
    {"extratime", NUMBER, ANY, "b_info/sched_params/extratime", NULL, NULL},
    {"shadow_memory", MIB, ANY, "b_info/shadow_memkb", NULL, NULL},
    {"videoram", MIB, ANY, "b_info/video_memkb", NULL, NULL},
    {"max_grant_frames", NUMBER, ANY, "b_info/max_grant_frames", NULL, NULL},
    {"max_maptrack_frames", NUMBER, ANY, "b_info/max_maptrack_frames", NULL, NULL},
    {"max_grant_version", NUMBER, ANY, "b_info/max_grant_version", NULL, NULL},
    {"max_event_channels", NUMBER, ANY, "b_info/event_channels", NULL, NULL},
    {"vmtrace_buf_kb", NUMBER, ANY, "b_info/vmtrace_buf_kb", NULL, NULL},
    {"vpmu", SWITCH, ANY, "b_info/vpmu", NULL, NULL},
    /* Booting */
    {"kernel", OWN, ANY, NULL, NULL, read_kernel},
    {"ramdisk", STRING, ANY, "b_info/ramdisk", NULL, NULL},
    {"cmdline", OWN, ANY, NULL, NULL, read_cmdline},
    {"device_tree", STRING, ANY, "b_info/device_tree", NULL, NULL},
    {"bootloader", STRING, ANY, "b_info/bootloader", NULL, NULL},
    {"bootloader_args", OWN, ANY, NULL, NULL, read_args},
    {"bios", WORD, XL_HVM, HVM "bios", bios_type_word, NULL},
    {"firmware", OWN, ANY, NULL, NULL, read_firmware}, /* after bios: it wins */
    {"firmware_override", STRING, XL_HVM, HVM "firmware", NULL, NULL},
    {"bios_path_override", STRING, XL_HVM, HVM "system_firmware", NULL, NULL},
    {"smbios_firmware", STRING, XL_HVM, HVM "smbios_firmware", NULL, NULL},
    {"acpi_firmware", STRING, XL_HVM, HVM "acpi_firmware", NULL, NULL},
    {"boot", STRING, XL_HVM, HVM "boot", NULL, NULL},
    {"pvshim", SWITCH, XL_PVH, PVH "pvshim", NULL, NULL},
    {"pvshim_path", STRING, XL_PVH, PVH "pvshim_path", NULL, NULL},
    {"pvshim_cmdline", STRING, XL_PVH, PVH "pvshim_cmdline", NULL, NULL},
    {"pvshim_extra", STRING, XL_PVH, PVH "pvshim_extra", NULL, NULL},
    /* Events */
    {"on_poweroff", OWN, ANY, NULL, NULL, read_action},
    {"on_reboot", OWN, ANY, NULL, NULL, read_action},
    {"on_watchdog", OWN, ANY, NULL, NULL, read_action},
    {"on_crash", OWN, ANY, NULL, NULL, read_action},
    {"on_soft_reset", OWN, ANY, NULL, NULL, read_action},
    /* Time */
    {"localtime", SWITCH, ANY, "b_info/localtime", NULL, NULL},
    {"rtc_timeoffset", OWN, ANY, NULL, NULL, read_timeoffset},
    {"tsc_mode", WORD, ANY, "b_info/tsc_mode", tsc_mode_word, NULL},
    {"timer_mode", OWN, ANY, NULL, NULL, read_timer_mode},
    {"hpet", SWITCH, XL_HVM, HVM "hpet", NULL, NULL},
    {"vpt_align", SWITCH, XL_HVM, HVM "vpt_align", NULL, NULL},
    /* The machine */
    {"acpi", SWITCH, ANY, "b_info/acpi", NULL, NULL},
    {"apic", SWITCH, XL_HVM, "b_info/apic", NULL, NULL},
    {"acpi_s3", SWITCH, XL_HVM, HVM "acpi_s3", NULL, NULL},
    {"acpi_s4", SWITCH, XL_HVM, HVM "acpi_s4", NULL, NULL},
    {"acpi_laptop_slate", SWITCH, XL_HVM, HVM "acpi_laptop_slate", NULL, NULL},
    {"pae", SWITCH, XL_HVM, HVM "pae", NULL, NULL},
    {"nx", SWITCH, XL_HVM, HVM "nx", NULL, NULL},
    {"nestedhvm", SWITCH, ANY, "b_info/nested_hvm", NULL, NULL},
    {"altp2m", WORD, ANY, "b_info/altp2m", altp2m_mode_word, NULL},
    {"altp2mhvm", SWITCH, XL_HVM, HVM "altp2m", NULL, NULL},
    {"viridian", OWN, XL_HVM, NULL, NULL, read_viridian},
    {"msr_relaxed", SWITCH, ANY, "b_info/arch_x86/msr_relaxed", NULL, NULL},
    {"mmio_hole", MIB, XL_HVM, HVM "mmio_hole_memkb", NULL, NULL},
    {"mca_caps", OWN, XL_HVM, NULL, NULL, read_mca},
    {"ms_vm_genid", OWN, XL_HVM, NULL, NULL, read_genid},
    {"rdm", OWN, XL_HVM, NULL, NULL, read_rdm},
    {"rdm_mem_boundary", MIB, XL_HVM, HVM "rdm_mem_boundary_memkb", NULL, NULL},
    {"e820_host", SWITCH, XL_PV, "b_info/type.pv/e820_host", NULL, NULL},
    {"nomigrate", SWITCH, ANY, "b_info/disable_migrate", NULL, NULL},
    {"hdtype", WORD, XL_HVM, HVM "hdtype", hdtype_word, NULL},
    {"xen_platform_pci", SWITCH, XL_HVM, HVM "xen_platform_pci", NULL, NULL},
    {"vendor_device", WORD, XL_HVM, HVM "vendor_device", vendor_device_word, NULL},
    {"soundhw", STRING, XL_HVM, HVM "soundhw", NULL, NULL},
    {"usb", SWITCH, XL_HVM, HVM "usb", NULL, NULL},
    {"usbversion", NUMBER, XL_HVM, HVM "usbversion", NULL, NULL},
    {"usbdevice", OWN, XL_HVM, NULL, NULL, read_usbdevice},
    {"vkb_device", SWITCH, XL_HVM, HVM "vkb_device", NULL, NULL},
    {"gfx_passthru", OWN, XL_HVM, NULL, NULL, read_gfx},
    {"serial", OWN, XL_HVM, NULL, NULL, read_serial},
    {"gic_version", WORD, ANY, "b_info/arch_arm/gic_version", gic_version_word, NULL},
    {"vuart", WORD, ANY, "b_info/arch_arm/vuart", vuart_type_word, NULL},
    {"tee", WORD, ANY, "b_info/tee", tee_type_word, NULL},
    /* QEMU */
    {"device_model_version", OWN, ANY, NULL, NULL, read_dm_version},
    {"device_model_override", STRING, ANY, "b_info/device_model", NULL, NULL},
    {"device_model_user", STRING, ANY, "b_info/device_model_user", NULL, NULL},
    {"device_model_stubdomain_override", SWITCH, ANY, "b_info/device_model_stubdomain", NULL, NULL},
    {"device_model_stubdomain_seclabel", STRING, ANY, "b_info/device_model_ssid_label", NULL, NULL},
    {"device_model_args", STRINGS, ANY, "b_info/extra", NULL, NULL},
    {"device_model_args_pv", STRINGS, ANY, "b_info/extra_pv", NULL, NULL},
    {"device_model_args_hvm", STRINGS, ANY, "b_info/extra_hvm", NULL, NULL},
    {"stubdomain_kernel", STRING, ANY, "b_info/stubdomain_kernel", NULL, NULL},
    {"stubdomain_cmdline", STRING, ANY, "b_info/stubdomain_cmdline", NULL, NULL},
    {"stubdomain_ramdisk", STRING, ANY, "b_info/stubdomain_ramdisk", NULL, NULL},
    {"stubdomain_memory", MIB, ANY, "b_info/stubdomain_memkb", NULL, NULL},
    {"dm_restrict", SWITCH, ANY, "b_info/dm_restrict", NULL, NULL},
    /* Consoles */
    {"vga", OWN, XL_HVM, NULL, NULL, read_vga},
    {"nographic", SWITCH, XL_HVM, HVM "nographic", NULL, NULL},
    {"spice", SWITCH, XL_HVM, HVM "spice/enable", NULL, NULL},
    {"spiceport", NUMBER, XL_HVM, HVM "spice/port", NULL, NULL},
    {"spicetls_port", NUMBER, XL_HVM, HVM "spice/tls_port", NULL, NULL},
    {"spicehost", STRING, XL_HVM, HVM "spice/host", NULL, NULL},
    {"spicedisable_ticketing", SWITCH, XL_HVM, HVM "spice/disable_ticketing", NULL, NULL},
    {"spicepasswd", STRING, XL_HVM, HVM "spice/passwd", NULL, NULL},
    {"spiceagent_mouse", SWITCH, XL_HVM, HVM "spice/agent_mouse", NULL, NULL},
    {"spicevdagent", SWITCH, XL_HVM, HVM "spice/vdagent", NULL, NULL},
    {"spice_clipboard_sharing", SWITCH, XL_HVM, HVM "spice/clipboard_sharing", NULL, NULL},
    {"spiceusbredirection", NUMBER, XL_HVM, HVM "spice/usbredirection", NULL, NULL},
    {"spice_image_compression", STRING, XL_HVM, HVM "spice/image_compression", NULL, NULL},
    {"spice_streaming_video", STRING, XL_HVM, HVM "spice/streaming_video", NULL, NULL},
};

/* Read by the row of another key, by xen_xl_cpus.c or by xen_xl_devices.c. */
static const char *const elsewhere[] = {
    "type",
    "builder",
    "vcpus",
    "maxvcpus",
    "cpus",
    "cpus_soft",
    "cpuid",
    "memory",
    "maxmem",
    "vnuma",
    "root",
    "extra",
    "stdvga",
    "vnc",
    "vnclisten",
    "vncdisplay",
    "vncunused",
    "vncpasswd",
    "sdl",
    "opengl",
    "display",
    "xauthority",
    "keymap",
    "disk",
    "vif",
    "vfb",
    "vkb",
    "pci",
    "pci_msitranslate",
    "pci_power_mgmt",
    "pci_permissive",
    "pci_seize",
    "ioports",
    "irqs",
    "iomem",
    "dtdev",
    "usbctrl",
    "usbdev",
    "p9",
    "vtpm",
    "pvcalls",
    "vdispl",
    "vsnd",
    "channel",
};

/* xl itself warns about these and goes on without them. */
static const char *const passed_over[] = {"vncviewer", "device_model", "vif2"};

static bool among(const char *const *keys, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(keys[i], key))
			return true;
	}
	return false;
}

bool xl_rows_know(const char *key)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++) {
		if (!strcmp(rows[i].key, key))
			return true;
	}
	return among(elsewhere, MU_ARRAY_SIZE(elsewhere), key) ||
	       among(passed_over, MU_ARRAY_SIZE(passed_over), key);
}

static int read_row(struct xl *x, const struct row *row, struct mu_error *err)
{
	switch (row->kind) {
	case STRING:
		return read_string(x, row->key, row->path, err);
	case NUMBER:
	case MIB:
		return read_number(x, row, err);
	case SWITCH:
		return read_switch(x, row, err);
	case STRINGS:
		return read_strings(x, row->key, row->path, err);
	case WORD:
		return read_word(x, row, err);
	case OWN:
		return row->read(x, row->key, err);
	}
	mu_assert_unreachable();
}

int xl_rows_read(struct xl *x, struct mu_error *err)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++) {
		if ((rows[i].types & 1u << x->type) && read_row(x, &rows[i], err) < 0)
			return MU_FAILED;
	}
	return 0;
}
