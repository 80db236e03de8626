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

int libvirt_number(const xmlNode *node, const char *what, const char *text, int64_t max,
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

int libvirt_kib(struct libvirt *l, xmlNode *node, int64_t *ret, struct mu_error *err)
{
	static const struct {
		const char *name;
		int64_t bytes;
	} units[] = {
	    {"b", 1},
	    {"bytes", 1},
	    {"KB", 1000},
	    {"k", 1024},
	    {"KiB", 1024},
	    {"MB", 1000000},
	    {"M", 1 << 20},
	    {"MiB", 1 << 20},
	    {"GB", 1000000000},
	    {"G", 1 << 30},
	    {"GiB", 1 << 30},
	    {"T", INT64_C(1) << 40},
	    {"TiB", INT64_C(1) << 40},
	};
	const char *unit = xml_take_attr(&l->xml, node, "unit");
	int64_t n;

	if (libvirt_number(node, "the size", xml_take_text(&l->xml, node), INT64_C(1) << 44, &n,
			   err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < MU_ARRAY_SIZE(units); i++) {
		if (strcmp(units[i].name, unit ? unit : "KiB") != 0)
			continue;
		if (n > (INT64_C(1) << 44) / units[i].bytes)
			break;
		*ret = (n * units[i].bytes + 1023) / 1024;
		return 0;
	}
	return xml_invalid(err, node, "the size is too large or its unit is not known");
}

int libvirt_cpus(struct libvirt *l, const xmlNode *node, const char *text, struct mu_value **ret,
		 struct mu_error *err)
{
	enum { CPUS = 1024 };
	bool *cpus = mu_arena_calloc(l->arena, CPUS, sizeof *cpus);
	char *rest = mu_arena_strdup(l->arena, text);

	*ret = mu_value_list(l->arena);
	for (char *item; (item = strsep(&rest, ","));) {
		bool on = *item != '^';
		char *dash = strchr(item, '-');
		int64_t first, last;

		if (dash)
			*dash++ = '\0';
		if (libvirt_number(node, "a CPU", item + !on, CPUS - 1, &first, err) < 0 ||
		    libvirt_number(node, "a CPU", dash ? dash : item + !on, CPUS - 1, &last, err) <
			0)
			return MU_FAILED;
		for (int64_t i = first; i <= last; i++)
			cpus[i] = on;
	}
	for (int i = 0; i < CPUS; i++) {
		if (cpus[i])
			mu_value_push(*ret, mu_value_int(l->arena, i));
	}
	return 0;
}

/* <os> and what else says how it boots */

static int read_type(struct libvirt *l, xmlNode *os, struct mu_error *err)
{
	static const struct libvirt_word types[] = {
	    {"linux", "pv"}, {"xen", "pv"}, {"xenpvh", "pvh"}, {"hvm", "hvm"}, {NULL, NULL}};
	static const struct libvirt_word archs[] = {
	    {"x86_64", "x86_64"}, {"i686", "x86_64"}, {NULL, NULL}};
	xmlNode *type = xml_child(os, "type");
	const char *arch = xml_take_attr(&l->xml, type, "arch");
	const char *machine = xml_take_attr(&l->xml, type, "machine");
	const char *word;

	if (!type)
		return xml_invalid(err, xml_root(&l->xml), "<os> has no <type>");
	word = libvirt_word(types, xml_take_text(&l->xml, type));
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

static void read_loader(struct libvirt *l, xmlNode *os)
{
	xmlNode *loader = xml_child(os, "loader");
	const char *firmware = xml_take_attr(&l->xml, os, "firmware");
	const char *type = xml_take_attr(&l->xml, loader, "type");
	const char *text = xml_take_text(&l->xml, loader);
	const char *name = strrchr(text, '/');

	(void)xml_take_attr(&l->xml, loader, "readonly");
	/* libxl knows where its own firmware is: the driver passes on the kind, not the path. */
	if (mu_str_equal(firmware, "efi") || mu_str_equal(type, "pflash"))
		libvirt_text(l, HVM "bios", "ovmf");
	else if (*text && strcmp(name ? name + 1 : text, "hvmloader") != 0)
		libvirt_text(l, HVM "firmware", text);
	xml_done(loader);
}

static int read_boot_order(struct libvirt *l, xmlNode *os, struct mu_error *err)
{
	static const struct libvirt_word devices[] = {
	    {"fd", "a"}, {"hd", "c"}, {"cdrom", "d"}, {"network", "n"}, {NULL, NULL}};
	char order[8] = "";
	size_t n = 0;

	for (xmlNode *boot; (boot = xml_child(os, "boot"));) {
		const char *letter = libvirt_word(devices, xml_take_attr(&l->xml, boot, "dev"));

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

static void move_text(struct libvirt *l, xmlNode *parent, const char *name, const char *path)
{
	xmlNode *node = xml_child(parent, name);
	const char *text = xml_take_text(&l->xml, node);

	if (*text)
		libvirt_text(l, path, text);
	xml_done(node);
}

static void read_bootloader(struct libvirt *l, xmlNode *domain)
{
	xmlNode *args = xml_child(domain, "bootloader_args");
	char *rest = mu_arena_strdup(l->arena, xml_take_text(&l->xml, args));

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

static int read_os(struct libvirt *l, xmlNode *domain, struct mu_error *err)
{
	xmlNode *os = xml_child(domain, "os");
	xmlNode *acpi, *table;

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
	if (table && mu_str_equal(xml_take_attr(&l->xml, table, "type"), "slic"))
		move_text(l, acpi, "table", HVM "acpi_firmware");
	xml_done(acpi);
	read_bootloader(l, domain);
	xml_done(os);
	return 0;
}

/* Memory and CPUs */

static int read_memory(struct libvirt *l, xmlNode *domain, struct mu_error *err)
{
	xmlNode *memory = xml_child(domain, "memory");
	xmlNode *current = xml_child(domain, "currentMemory");
	int64_t max, target;

	if (!memory)
		return xml_invalid(err, domain, "<domain> has no <memory>");
	if (libvirt_kib(l, memory, &max, err) < 0)
		return MU_FAILED;
	target = max;
	if (current && libvirt_kib(l, current, &target, err) < 0)
		return MU_FAILED;
	libvirt_int(l, "b_info/max_memkb", max);
	libvirt_int(l, "b_info/target_memkb", target);
	xml_done(memory);
	xml_done(current);
	return 0;
}

static int read_pins(struct libvirt *l, xmlNode *tune, struct mu_value *maps, struct mu_error *err)
{
	for (xmlNode *pin; (pin = xml_child(tune, "vcpupin"));) {
		const char *cpuset = xml_take_attr(&l->xml, pin, "cpuset");
		struct mu_value *map, *at = maps->first;
		int64_t vcpu;

		if (libvirt_number(pin, "vcpu", xml_take_attr(&l->xml, pin, "vcpu"),
				   (int64_t)maps->n_children - 1, &vcpu, err) < 0 ||
		    libvirt_cpus(l, pin, cpuset ? cpuset : "", &map, err) < 0)
			return MU_FAILED;
		for (int64_t i = 0; i < vcpu; i++)
			at = at->next;
		at->first = map->first;
		at->last = map->last;
		at->n_children = map->n_children;
		xml_drop(pin);
	}
	return 0;
}

static int read_affinity(struct libvirt *l, xmlNode *domain, const xmlNode *vcpu,
			 const char *cpuset, int64_t max, struct mu_error *err)
{
	xmlNode *tune = xml_child(domain, "cputune");
	struct mu_value *maps = mu_value_list(l->arena);
	struct mu_value *all;
	bool pinned = xml_child(tune, "vcpupin") != NULL;

	if (!cpuset && !pinned)
		return 0;
	if (libvirt_cpus(l, vcpu, cpuset ? cpuset : "0-1023", &all, err) < 0)
		return MU_FAILED;
	for (int64_t i = 0; i < max; i++)
		mu_value_push(maps, mu_value_copy(l->arena, all));
	if (read_pins(l, tune, maps, err) < 0)
		return MU_FAILED;
	dconf_set(l->arena, l->root, "b_info/vcpu_hard_affinity", maps);
	return 0;
}

static int read_vcpus(struct libvirt *l, xmlNode *domain, struct mu_error *err)
{
	xmlNode *vcpu = xml_child(domain, "vcpu");
	const char *current = xml_take_attr(&l->xml, vcpu, "current");
	const char *cpuset = xml_take_attr(&l->xml, vcpu, "cpuset");
	const char *placement = xml_take_attr(&l->xml, vcpu, "placement");
	int64_t max = 1, online;

	if (placement && strcmp(placement, "static") != 0)
		return xml_invalid(err, vcpu, "vCPUs can only be placed statically");
	if (vcpu &&
	    (libvirt_number(vcpu, "<vcpu>", xml_take_text(&l->xml, vcpu), 128, &max, err) < 0))
		return MU_FAILED;
	online = max;
	if (current && libvirt_number(vcpu, "current", current, max, &online, err) < 0)
		return MU_FAILED;
	if (read_affinity(l, domain, vcpu, cpuset, max, err) < 0)
		return MU_FAILED;
	libvirt_int(l, "b_info/max_vcpus", max);
	for (int64_t i = 0; i < online; i++)
		mu_value_push(dconf_list(l->arena, l->root, "b_info/avail_vcpus"),
			      mu_value_int(l->arena, i));
	xml_done(vcpu);
	return 0;
}

static int read_tune(struct libvirt *l, xmlNode *domain, struct mu_error *err)
{
	xmlNode *tune = xml_child(domain, "cputune");
	xmlNode *shares = xml_child(tune, "shares");
	int64_t n;

	if (shares) {
		if (libvirt_number(shares, "<shares>", xml_take_text(&l->xml, shares), 65535, &n,
				   err) < 0)
			return MU_FAILED;
		libvirt_int(l, "b_info/sched_params/weight", n);
	}
	xml_done(shares);
	xml_done(tune);
	return 0;
}

/* xl's name of a CPU feature is libvirt's but for these. */
static const char *feature_name(const char *name)
{
	static const struct libvirt_word renamed[] = {{"cx16", "cmpxchg16"},
						      {"cid", "cntxid"},
						      {"ds_cpl", "dscpl"},
						      {"pclmuldq", "pclmulqdq"},
						      {"pni", "sse3"},
						      {"ht", "htt"},
						      {"pn", "psn"},
						      {"clflush", "clfsh"},
						      {"sep", "sysenter"},
						      {"cx8", "cmpxchg8"},
						      {"nodeid_msr", "nodeid"},
						      {"cr8legacy", "altmovcr8"},
						      {"lahf_lm", "lahfsahf"},
						      {"cmp_legacy", "cmplegacy"},
						      {"fxsr_opt", "ffxsr"},
						      {"pdpe1gb", "page1gb"},
						      {"spec-ctrl", "ibrsb"},
						      {NULL, NULL}};
	const char *word = libvirt_word(renamed, name);

	return word ? word : name;
}

static int read_feature(struct libvirt *l, xmlNode *node, struct mu_error *err)
{
	static const struct libvirt_word policies[] = {{"force", "1"},    {"require", "1"},
						       {"optional", "x"}, {"disable", "0"},
						       {"forbid", "0"},   {NULL, NULL}};
	const char *name = xml_take_attr(&l->xml, node, "name");
	const char *policy = xml_take_attr(&l->xml, node, "policy");
	const char *value = libvirt_word(policies, policy ? policy : "require");

	if (!name || !value)
		return xml_invalid(err, node,
				   "<feature> has no name, or a policy that is not known");
	/* These two are the guest's own virtualisation. */
	if (!strcmp(name, "vmx") || !strcmp(name, "svm")) {
		libvirt_switch(l, "b_info/nested_hvm", *value == '1');
	} else {
		if (!l->cpuid->len)
			mu_str_add(l->cpuid, "host");
		mu_str_printf(l->cpuid, ",%s=%s", feature_name(name), value);
	}
	xml_drop(node);
	return 0;
}

static int read_cpu(struct libvirt *l, xmlNode *domain, struct mu_error *err)
{
	xmlNode *cpu = xml_child(domain, "cpu");
	const char *mode = xml_take_attr(&l->xml, cpu, "mode");

	if (!cpu)
		return 0;
	if (mode && strcmp(mode, "host-passthrough") != 0)
		return xml_invalid(
		    err, cpu, "Xen's guests have the host's CPU; hint: mode='host-passthrough'");
	(void)xml_take_attr(&l->xml, cpu, "check");
	(void)xml_take_attr(&l->xml, cpu, "migratable");
	if (l->type == VM_TYPE_HVM && mode)
		libvirt_switch(l, "b_info/nested_hvm", true);
	for (xmlNode *feature; (feature = xml_child(cpu, "feature"));) {
		if (read_feature(l, feature, err) < 0)
			return MU_FAILED;
	}
	xml_done(cpu);
	return 0;
}

/* Features, clock, events */

static int read_xen_features(struct libvirt *l, xmlNode *xen)
{
	xmlNode *e820 = xml_child(xen, "e820_host");
	xmlNode *passthrough = xml_child(xen, "passthrough");
	const char *state = xml_take_attr(&l->xml, e820, "state");
	const char *mode = xml_take_attr(&l->xml, passthrough, "mode");
	bool on = libvirt_yes(xml_take_attr(&l->xml, passthrough, "state"));

	if (e820 && l->type == VM_TYPE_PV)
		libvirt_switch(l, "b_info/type.pv/e820_host", libvirt_yes(state));
	if (passthrough)
		libvirt_text(l, "c_info/passthrough", on ? (mode ? mode : "enabled") : "disabled");
	xml_done(e820);
	xml_done(passthrough);
	xml_done(xen);
	return 0;
}

static int read_hyperv(struct libvirt *l, xmlNode *hyperv, struct mu_error *err)
{
	/* libxl's numbers of what it calls viridian enlightenments. */
	static const struct {
		const char *name;
		int bit;
	} known[] = {{"relaxed", 0}, {"vapic", 5},  {"frequencies", 1}, {"tlbflush", 4},
		     {"synic", 7},   {"stimer", 8}, {"ipi", 9}};
	const char *mode = xml_take_attr(&l->xml, hyperv, "mode");

	if (mode && !strcmp(mode, "passthrough")) {
		libvirt_switch(l, HVM "viridian", true);
		return 0;
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(known); i++) {
		xmlNode *node = xml_child(hyperv, known[i].name);
		bool on = node && libvirt_yes(xml_take_attr(&l->xml, node, "state"));

		if (node)
			mu_value_push(
			    dconf_list(l->arena, l->root,
				       on ? HVM "viridian_enable" : HVM "viridian_disable"),
			    mu_value_int(l->arena, known[i].bit));
		xml_done(node);
	}
	(void)err;
	return 0;
}

static int read_features(struct libvirt *l, xmlNode *domain, struct mu_error *err)
{
	static const struct {
		const char *name;
		const char *path;
		bool pv; /* means something there, too */
	} switches[] = {
	    {"acpi", "b_info/acpi", false},      {"apic", "b_info/apic", false},
	    {"pae", HVM "pae", false},           {"hap", "c_info/hap", true},
	    {"viridian", HVM "viridian", false},
	};
	xmlNode *features = xml_child(domain, "features");
	xmlNode *xen = xml_child(features, "xen");
	xmlNode *hyperv = xml_child(features, "hyperv");

	for (size_t i = 0; i < MU_ARRAY_SIZE(switches); i++) {
		xmlNode *node = xml_child(features, switches[i].name);
		bool on = node && libvirt_yes(xml_take_attr(&l->xml, node, "state"));

		/* The driver takes an HVM guest at its word: what it does not name is off. */
		if (l->type == VM_TYPE_HVM && (node || i < 3))
			libvirt_switch(l, switches[i].path, on);
		else if (node && switches[i].pv)
			libvirt_switch(l, switches[i].path, on);
		xml_done(node);
	}
	if (xen)
		(void)read_xen_features(l, xen);
	if (hyperv && l->type == VM_TYPE_HVM && read_hyperv(l, hyperv, err) < 0)
		return MU_FAILED;
	xml_done(hyperv);
	xml_done(features);
	return 0;
}

static int read_timer(struct libvirt *l, xmlNode *timer, struct mu_error *err)
{
	static const struct libvirt_word modes[] = {
	    {"native", "native"}, {"paravirt", "native_paravirt"}, {NULL, NULL}};
	const char *name = xml_take_attr(&l->xml, timer, "name");
	const char *mode = xml_take_attr(&l->xml, timer, "mode");
	const char *present = xml_take_attr(&l->xml, timer, "present");
	const char *word = libvirt_word(modes, mode);

	if (mu_str_equal(name, "tsc")) {
		libvirt_text(l, "b_info/tsc_mode", word ? word : "always_emulate");
	} else if (mu_str_equal(name, "hpet")) {
		if (l->type == VM_TYPE_HVM)
			libvirt_switch(l, HVM "hpet", libvirt_yes(present));
	} else {
		return xml_invalid(err, timer, "<timer name='%.40s'> is none of Xen's",
				   name ? name : "");
	}
	xml_done(timer);
	return 0;
}

static int read_clock(struct libvirt *l, xmlNode *domain, struct mu_error *err)
{
	xmlNode *clock = xml_child(domain, "clock");
	const char *offset = xml_take_attr(&l->xml, clock, "offset");
	const char *adjust = xml_take_attr(&l->xml, clock, "adjustment");
	const char *basis = xml_take_attr(&l->xml, clock, "basis");
	const char *digits = adjust ? adjust + (*adjust == '-') : NULL;
	int64_t n = 0;

	if (!clock)
		return 0;
	if (mu_str_equal(offset, "localtime") || mu_str_equal(basis, "localtime"))
		libvirt_switch(l, "b_info/localtime", true);
	else if (offset && strcmp(offset, "utc") != 0 && strcmp(offset, "variable") != 0)
		return xml_invalid(err, clock, "<clock offset='%.40s'> is none of Xen's", offset);
	if (mu_str_equal(offset, "variable") && adjust &&
	    libvirt_number(clock, "adjustment", digits, INT32_MAX, &n, err) < 0)
		return MU_FAILED;
	if (n)
		libvirt_int(l, "b_info/rtc_timeoffset", (uint32_t)(digits == adjust ? n : -n));
	for (xmlNode *timer; (timer = xml_child(clock, "timer"));) {
		if (read_timer(l, timer, err) < 0)
			return MU_FAILED;
		if (xml_child(clock, "timer") == timer)
			break; /* something is left in it: found at the end */
	}
	xml_done(clock);
	return 0;
}

static int read_events(struct libvirt *l, xmlNode *domain, struct mu_error *err)
{
	static const struct libvirt_word actions[] = {{"destroy", "destroy"},
						      {"restart", "restart"},
						      {"preserve", "preserve"},
						      {"rename-restart", "restart_rename"},
						      {"coredump-destroy", "coredump_destroy"},
						      {"coredump-restart", "coredump_restart"},
						      {NULL, NULL}};
	static const char *const events[] = {"on_poweroff", "on_reboot", "on_crash"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(events); i++) {
		xmlNode *node = xml_child(domain, events[i]);
		const char *word;

		if (!node) {
			if (!strcmp(events[i], "on_reboot"))
				libvirt_text(l, events[i], "restart");
			continue;
		}
		word = libvirt_word(actions, xml_take_text(&l->xml, node));
		if (!word)
			return xml_invalid(err, node, "<%s> has an action that is none of Xen's",
					   events[i]);
		libvirt_text(l, events[i], word);
		xml_done(node);
	}
	return 0;
}

/* QEMU's arguments: <xen:commandline><xen:arg value='...'/></xen:commandline> */
static void read_arguments(struct libvirt *l, xmlNode *domain)
{
	xmlNode *line = xml_child(domain, "commandline");

	for (xmlNode *arg; (arg = xml_child(line, "arg"));) {
		const char *value = xml_take_attr(&l->xml, arg, "value");

		mu_value_push(dconf_list(l->arena, l->root, "b_info/extra"),
			      mu_value_string(l->arena, value ? value : ""));
		xml_drop(arg);
	}
	xml_done(line);
}

/* The document */

static int read_identity(struct libvirt *l, xmlNode *domain, struct imported *ret,
			 struct mu_error *err)
{
	xmlNode *title = xml_child(domain, "title");
	xmlNode *description = xml_child(domain, "description");
	const char *type = xml_take_attr(&l->xml, domain, "type");
	const char *text;

	if (!xml_is(domain, "domain") || !mu_str_equal(type, "xen"))
		return xml_invalid(
		    err, domain,
		    "not a domain of libvirt's Xen drivers; hint: <domain type='xen'>");
	(void)xml_take_attr(&l->xml, domain, "id"); /* of one run */
	move_text(l, domain, "name", "c_info/name");
	move_text(l, domain, "uuid", "c_info/uuid");
	text = xml_take_text(&l->xml, title);
	if (*text)
		ret->description = text;
	xml_done(title);
	text = xml_take_text(&l->xml, description);
	if (*text)
		ret->description = ret->description
				       ? mu_arena_printf(l->arena, "%s: %s", ret->description, text)
				       : text;
	xml_done(description);
	xml_drop(xml_child(domain, "metadata")); /* of tools: says nothing of the guest */
	return 0;
}

static int read_domain(struct libvirt *l, struct imported *ret, struct mu_error *err)
{
	xmlNode *domain = xml_root(&l->xml);
	xmlNode *devices = xml_child(domain, "devices");

	if (read_identity(l, domain, ret, err) < 0 || read_os(l, domain, err) < 0 ||
	    read_memory(l, domain, err) < 0 || read_vcpus(l, domain, err) < 0 ||
	    read_tune(l, domain, err) < 0 || read_cpu(l, domain, err) < 0 ||
	    read_features(l, domain, err) < 0 || read_clock(l, domain, err) < 0 ||
	    read_events(l, domain, err) < 0)
		return MU_FAILED;
	read_arguments(l, domain);
	if (devices && libvirt_devices(l, devices, err) < 0)
		return MU_FAILED;
	xml_done(devices);
	return xml_check_empty(&l->xml, err);
}

int import_libvirt(struct mu_arena *a, const char *text, size_t len, struct imported *ret,
		   struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str cpuid = MU_STR_INIT;
	struct libvirt l = {.arena = a, .root = mu_value_object(a), .cpuid = &cpuid};
	int r;

	if (xml_open(a, text, len, &l.xml, err) < 0)
		return MU_FAILED;
	r = read_domain(&l, ret, err);
	xml_close(&l.xml);
	ret->libxl = l.root;
	if (cpuid.len)
		ret->cpuid = mu_arena_strdup(a, cpuid.data);
	return r;
}
