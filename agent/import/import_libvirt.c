/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain XML of libvirt's libxl driver -> libxl's JSON form: what that driver makes of each
 * element, said as tables and small functions. Each takes what it understands out of the tree;
 * elements that the driver itself passes over are dropped by name; what is left is refused with its
 * line.
 */
#include "agent/import/import_libvirt.h"

#include "agent/hv/dconf/dconf.h"
#include "agent/import/import_priv.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HVM "b_info/type.hvm/"

/* Values */

void libvirt_text(struct libvirt *l, const char *path, const char *text)
{
	if (text)
		dconf_set(l->arena, l->root, path, mu_value_string(l->arena, text));
}

void libvirt_switch(struct libvirt *l, const char *path, bool on)
{
	libvirt_text(l, path, on ? "True" : "False");
}

void libvirt_int(struct libvirt *l, const char *path, int64_t n)
{
	dconf_set(l->arena, l->root, path, mu_value_int(l->arena, n));
}

const char *libvirt_word(const struct libvirt_word *words, const char *text)
{
	for (; text && words->libvirt; words++) {
		if (!strcmp(words->libvirt, text))
			return words->libxl;
	}
	return NULL;
}

bool libvirt_yes(const char *text)
{
	return !text || !strcmp(text, "yes") || !strcmp(text, "on");
}

int libvirt_number(const struct xml_node *node, const char *what, const char *text, int64_t max,
		   int64_t *ret, struct mu_error *err)
{
	char *end;
	long long n;

	errno = 0;
	n = text && *text >= '0' && *text <= '9' ? strtoll(text, &end, 0) : -1;
	if (n < 0 || errno || *end || n > max)
		return xml_invalid(err, node, "%s is no whole number up to %lld", what,
				   (long long)max);
	*ret = n;
	return 0;
}

/* <os> and what else says how it boots */

static int read_type(struct libvirt *l, struct xml_node *os, struct mu_error *err)
{
	static const struct libvirt_word types[] = {
	    {"linux", "pv"}, {"xen", "pv"}, {"xenpvh", "pvh"}, {"hvm", "hvm"}, {NULL, NULL}};
	static const struct libvirt_word archs[] = {
	    {"x86_64", "x86_64"}, {"i686", "x86_64"}, {NULL, NULL}};
	struct xml_node *type = xml_child(os, "type");
	const char *arch = xml_take_attr(type, "arch");
	const char *machine = xml_take_attr(type, "machine");
	const char *word;

	if (!type)
		return xml_invalid(err, os, "<os> has no <type>");
	word = libvirt_word(types, xml_take_text(type));
	if (!word || !vm_type_parse(word, &l->type))
		return xml_invalid(err, type, "<type> is none of Xen's; hint: xen, xenpvh or hvm");
	if (arch && !libvirt_word(archs, arch))
		return xml_invalid(err, type, "\"%.40s\" is another architecture than this host's",
				   arch);
	if (machine && !strcmp(machine, "xenpvh"))
		l->type = VM_TYPE_PVH;
	libvirt_text(l, "c_info/type", vm_type_name(l->type));
	(void)dconf_object(l->arena, l->root,
			   mu_arena_printf(l->arena, "b_info/type.%s", vm_type_name(l->type)));
	xml_done(type);
	return 0;
}

static void read_loader(struct libvirt *l, struct xml_node *os)
{
	struct xml_node *loader = xml_child(os, "loader");
	const char *firmware = xml_take_attr(os, "firmware");
	const char *type = xml_take_attr(loader, "type");
	const char *text = xml_take_text(loader);
	const char *name = strrchr(text, '/');

	(void)xml_take_attr(loader, "readonly");
	/* libxl knows where its own firmware is: the driver passes on the kind, not the path. */
	if (mu_str_equal(firmware, "efi") || mu_str_equal(type, "pflash"))
		libvirt_text(l, HVM "bios", "ovmf");
	else if (*text && strcmp(name ? name + 1 : text, "hvmloader") != 0)
		libvirt_text(l, HVM "firmware", text);
	xml_done(loader);
}

static int read_boot_order(struct libvirt *l, struct xml_node *os, struct mu_error *err)
{
	static const struct libvirt_word devices[] = {
	    {"fd", "a"}, {"hd", "c"}, {"cdrom", "d"}, {"network", "n"}, {NULL, NULL}};
	char order[8] = "";
	size_t n = 0;

	for (struct xml_node *boot; (boot = xml_child(os, "boot"));) {
		const char *letter = libvirt_word(devices, xml_take_attr(boot, "dev"));

		if (!letter || n == sizeof order - 1)
			return xml_invalid(err, boot,
					   "<boot> names no device that is known, or too many");
		order[n++] = *letter;
		xml_drop(boot);
	}
	if (l->type == VM_TYPE_HVM)
		libvirt_text(l, HVM "boot", n ? order : "c");
	return 0;
}

static void move_text(struct libvirt *l, struct xml_node *parent, const char *name,
		      const char *path)
{
	struct xml_node *node = xml_child(parent, name);
	const char *text = xml_take_text(node);

	if (*text)
		libvirt_text(l, path, text);
	xml_done(node);
}

static void read_bootloader(struct libvirt *l, struct xml_node *domain)
{
	struct xml_node *args = xml_child(domain, "bootloader_args");
	char *rest = mu_arena_strdup(l->arena, xml_take_text(args));

	move_text(l, domain, "bootloader", "b_info/bootloader");
	/* As the driver has it: a PV guest without anything to boot from has pygrub. */
	if (l->type == VM_TYPE_PV && !mu_value_get(mu_value_get(l->root, "b_info"), "kernel") &&
	    !mu_value_get(mu_value_get(l->root, "b_info"), "bootloader"))
		libvirt_text(l, "b_info/bootloader", "pygrub");
	for (char *word; (word = strsep(&rest, " \t\n"));) {
		if (*word)
			mu_value_push(dconf_list(l->arena, l->root, "b_info/bootloader_args"),
				      mu_value_string(l->arena, word));
	}
	xml_done(args);
}

static int read_os(struct libvirt *l, struct xml_node *domain, struct mu_error *err)
{
	struct xml_node *os = xml_child(domain, "os");
	struct xml_node *acpi, *table;

	if (!os)
		return xml_invalid(err, domain, "<domain> has no <os>");
	if (read_type(l, os, err) < 0 || read_boot_order(l, os, err) < 0)
		return MU_FAILED;
	if (l->type == VM_TYPE_HVM) {
		read_loader(l, os);
		/* libxl has them on; here they are when <graphics> says so */
		libvirt_switch(l, HVM "vnc/enable", false);
		libvirt_switch(l, HVM "sdl/enable", false);
	}
	move_text(l, os, "kernel", "b_info/kernel");
	move_text(l, os, "initrd", "b_info/ramdisk");
	move_text(l, os, "cmdline", "b_info/cmdline");
	acpi = xml_child(os, "acpi");
	table = xml_child(acpi, "table");
	if (table && mu_str_equal(xml_take_attr(table, "type"), "slic"))
		move_text(l, acpi, "table", HVM "acpi_firmware");
	xml_done(acpi);
	read_bootloader(l, domain);
	xml_done(os);
	return 0;
}

/* QEMU's arguments: <xen:commandline><xen:arg value='...'/></xen:commandline> */
static void read_arguments(struct libvirt *l, struct xml_node *domain)
{
	struct xml_node *line = xml_child(domain, "commandline");

	for (struct xml_node *arg; (arg = xml_child(line, "arg"));) {
		const char *value = xml_take_attr(arg, "value");

		mu_value_push(dconf_list(l->arena, l->root, "b_info/extra"),
			      mu_value_string(l->arena, value ? value : ""));
		xml_drop(arg);
	}
	xml_done(line);
}

/* The document */

static int read_identity(struct libvirt *l, struct xml_node *domain, struct imported *ret,
			 struct mu_error *err)
{
	struct xml_node *title = xml_child(domain, "title");
	struct xml_node *description = xml_child(domain, "description");
	const char *type = xml_take_attr(domain, "type");
	const char *text;

	if (!xml_is(domain, "domain") || !mu_str_equal(type, "xen"))
		return xml_invalid(
		    err, domain,
		    "not a domain of libvirt's Xen drivers; hint: <domain type='xen'>");
	(void)xml_take_attr(domain, "id"); /* of one run */
	move_text(l, domain, "name", "c_info/name");
	move_text(l, domain, "uuid", "c_info/uuid");
	text = xml_take_text(title);
	if (*text)
		ret->description = text;
	xml_done(title);
	text = xml_take_text(description);
	if (*text)
		ret->description = ret->description
				       ? mu_arena_printf(l->arena, "%s: %s", ret->description, text)
				       : text;
	xml_done(description);
	xml_drop(xml_child(domain, "metadata")); /* of tools: says nothing of the guest */
	return 0;
}

static int read_domain(struct libvirt *l, struct xml_node *domain, struct imported *ret,
		       struct mu_error *err)
{
	struct xml_node *devices = xml_child(domain, "devices");

	if (read_identity(l, domain, ret, err) < 0 || read_os(l, domain, err) < 0 ||
	    libvirt_machine(l, domain, err) < 0)
		return MU_FAILED;
	read_arguments(l, domain);
	if (devices && libvirt_devices(l, devices, err) < 0)
		return MU_FAILED;
	xml_done(devices);
	return xml_check_empty(domain, err);
}

int import_libvirt(struct mu_arena *a, const char *text, size_t len, struct imported *ret,
		   struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str cpuid = MU_STR_INIT;
	struct libvirt l = {.arena = a, .root = mu_value_object(a), .cpuid = &cpuid};
	struct xml_node *root;

	if (xml_parse(a, text, len, &root, err) < 0 || read_domain(&l, root, ret, err) < 0)
		return MU_FAILED;
	ret->libxl = l.root;
	if (cpuid.len)
		ret->cpuid = mu_arena_strdup(a, cpuid.data);
	return 0;
}
