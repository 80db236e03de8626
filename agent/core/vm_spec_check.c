/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that hold between a definition's fields, and the forms of names, paths and lists.
 * Apart from reading (vm_spec_read.c), as the configuration of an adopted domain has to keep them
 * too. Devices: vm_spec_devices.c.
 */
#include "agent/core/vm_spec_rules.h"
#include "common/base/str.h"
#include "common/model/builtin.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define INVALID(...) mu_error_set(err, MU_E_INVALID, __VA_ARGS__)

const char *vm_spec_path_wrong(const char *path)
{
	if (!*path)
		return NULL;
	if (path[0] != '/')
		return "not an absolute path";
	for (const char *up = path; (up = strstr(up, "/..")); up += 3) {
		if (!up[3] || up[3] == '/')
			return "holds \"..\"; hint: write where it leads to";
	}
	return NULL;
}

static int check_path(struct mu_error *err, const char *field, const char *path)
{
	const char *wrong = vm_spec_path_wrong(path);

	return wrong ? INVALID("%s: %s", field, wrong) : 0;
}

static int check_name(const char *name, struct mu_error *err)
{
	if (!*name)
		return INVALID("name: must not be empty");
	if (strchr(name, '/'))
		return INVALID("name: must not hold \"/\"");
	if (strspn(name, "0123456789") == strlen(name))
		return INVALID("name: only digits, which would read as a domain id");
	return 0;
}

static int check_kind(const struct vm_spec *spec, struct mu_error *err)
{
	const char *field = !mu_uuid_is_nil(&spec->snapshot_of.uuid) ? "snapshotOf"
			    : spec->snapshot_at                      ? "snapshotAt"
			    : spec->with_memory                      ? "withMemory"
								     : NULL;

	if (field && spec->kind != VM_KIND_SNAPSHOT)
		return INVALID("%s: only for a snapshot", field);
	if (spec->autostart && spec->kind != VM_KIND_VM)
		return INVALID("autostart: only for a vm; hint: a snapshot or template never runs");
	return 0;
}

/* CPUs */

/* "3", and moves behind it. */
static bool take_cpu(const char **text, unsigned long *ret)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	*ret = strtoul(*text, &end, 10);
	*text = end;
	return *ret < HV_CPUS_MAX;
}

/* "all", "0-3,^2,8" up to `end`. */
static bool cpu_list_valid(const char *text, const char *end)
{
	unsigned long first, last;

	if (end - text == 3 && !strncmp(text, "all", 3))
		return true;
	for (;;) {
		if (*text == '^')
			text++;
		if (!take_cpu(&text, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!take_cpu(&text, &last))
				return false;
		}
		if (last < first)
			return false;
		if (text == end)
			return true;
		if (*text++ != ',')
			return false;
	}
}

static int check_cpu_lists(const char *field, const char *text, uint32_t vcpus_max,
			   struct mu_error *err)
{
	uint32_t n = 0;

	if (!*text)
		return 0;
	for (const char *end; (end = strchr(text, ';')); text = end + 1) {
		if (++n > vcpus_max)
			return INVALID("%s: more lists than vcpusMax", field);
		if (!cpu_list_valid(text, end))
			return INVALID("%s: list %u is not a CPU list; hint: such as \"0-3,^2,8\"",
				       field, n - 1);
	}
	if (!n && !cpu_list_valid(text, text + strlen(text)))
		return INVALID("%s: not a CPU list; hint: such as \"0-3,^2,8\"", field);
	return 0;
}

static int check_cpuid(const char *text, struct mu_error *err)
{
	const char *next = text;
	const char *equals;

	if (!*text)
		return 0;
	if (strcmp(text, "host") && !mu_str_has_prefix(text, "host,"))
		return INVALID("cpuid: must begin with \"host\"; hint: such as \"host,tm=0\"");
	while ((next = strchr(next, ','))) {
		next++;
		equals = next + strspn(next, "abcdefghijklmnopqrstuvwxyz0123456789-._");
		if (equals == next || *equals != '=' || !isalnum((unsigned char)equals[1]))
			return INVALID("cpuid: \"%.*s\" is not NAME=VALUE", (int)strcspn(next, ","),
				       next);
	}
	return 0;
}

static int check_cpus(const struct hv_vm_config *c, struct mu_error *err)
{
	uint32_t cores = c->cores_per_socket ? c->cores_per_socket : 1;
	uint32_t threads = c->threads_per_core ? c->threads_per_core : 1;

	if (c->vcpus_max < c->vcpus)
		return INVALID("vcpusMax: less than vcpus");
	if (cores > c->vcpus_max || threads > c->vcpus_max || c->vcpus_max % (cores * threads))
		return INVALID("coresPerSocket: vcpusMax is not a multiple of coresPerSocket times "
			       "threadsPerCore");
	if (check_cpu_lists("cpus", c->cpus_hard, c->vcpus_max, err) < 0 ||
	    check_cpu_lists("cpusSoft", c->cpus_soft, c->vcpus_max, err) < 0)
		return MU_FAILED;
	return check_cpuid(c->cpuid, err);
}

/* Boot */

static int check_hvm_boot(const struct hv_vm_config *c, struct mu_error *err)
{
	for (const char *b = c->boot_order; *b; b++) {
		if (!strchr("acdn", *b) || strchr(b + 1, *b))
			return INVALID("bootOrder: letters of \"acdn\", each once");
	}
	if (*c->bootloader)
		return INVALID("bootloader: not for hvm, which boots by its firmware");
	if (*c->cmdline && !*c->kernel)
		return INVALID("cmdline: needs a kernel in an hvm");
	return 0;
}

static int check_pv_boot(const struct hv_vm_config *c, struct mu_error *err)
{
	if (*c->firmware)
		return INVALID("firmware: only for hvm");
	if (*c->boot_order)
		return INVALID("bootOrder: only for hvm");
	if (*c->bootloader && *c->kernel)
		return INVALID("bootloader: excludes kernel");
	if (!*c->bootloader && !*c->kernel)
		return INVALID("kernel: required for pv and pvh; hint: or a bootloader, such as "
			       "pygrub");
	/* libxl looks for it in its own folder. */
	if (*c->bootloader && strcmp(c->bootloader, "pygrub") && c->bootloader[0] != '/')
		return INVALID("bootloader: neither pygrub nor an absolute path");
	return check_path(err, "bootloader", c->bootloader[0] == '/' ? c->bootloader : "");
}

static int check_boot(const struct hv_vm_config *c, struct mu_error *err)
{
	if (check_path(err, "kernel", c->kernel) < 0 || check_path(err, "ramdisk", c->ramdisk) < 0)
		return MU_FAILED;
	if (*c->ramdisk && !*c->kernel)
		return INVALID("ramdisk: needs a kernel");
	if (*c->bootloader_args && !*c->bootloader)
		return INVALID("bootloaderArgs: needs a bootloader");
	return c->type == VM_TYPE_HVM ? check_hvm_boot(c, err) : check_pv_boot(c, err);
}

/* Consoles and the rest */

static int check_hvm_only(const struct hv_vm_config *c, struct mu_error *err)
{
	const char *field = c->viridian      ? "viridian"
			    : c->nested      ? "nested"
			    : c->spice       ? "spice"
			    : *c->vga        ? "vga"
			    : c->video_bytes ? "videoMemory"
			    : *c->serial     ? "serial"
					     : NULL;

	if (field && c->type != VM_TYPE_HVM)
		return INVALID("%s: only for hvm", field);
	if (c->hap && c->type == VM_TYPE_PV)
		return INVALID("hap: not for pv, which has none");
	return 0;
}

static int check_consoles(const struct hv_vm_config *c, struct mu_error *err)
{
	const char *vnc = *c->vnc_listen     ? "vncListen"
			  : c->vnc_display   ? "vncDisplay"
			  : c->vnc_unused    ? "vncUnused"
			  : *c->vnc_password ? "vncPassword"
					     : NULL;
	const char *spice = *c->spice_listen     ? "spiceListen"
			    : c->spice_port      ? "spicePort"
			    : c->spice_tls_port  ? "spiceTlsPort"
			    : *c->spice_password ? "spicePassword"
						 : NULL;

	if (vnc && !c->vnc)
		return INVALID("%s: needs vnc", vnc);
	if (spice && !c->spice)
		return INVALID("%s: needs spice", spice);
	if (c->spice && !c->spice_port && !c->spice_tls_port)
		return INVALID("spice: needs spicePort or spiceTlsPort");
	return 0;
}

static int check_xenstore(const struct hv_vm_config *c, struct mu_error *err)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_@/";

	for (size_t i = 0; i < c->n_xenstore; i++) {
		const char *key = c->xenstore[i].key;

		if (!mu_str_has_prefix(key, "vm-data/") || key[strspn(key, letters)] ||
		    strstr(key, "//") || key[strlen(key) - 1] == '/')
			return INVALID("xenstore: entry %zu is not a key below vm-data/; hint: "
				       "such as \"vm-data/role\"",
				       i);
	}
	return 0;
}

int vm_spec_check(const struct vm_spec *spec, struct mu_error *err)
{
	const struct hv_vm_config *c = &spec->config;

	if (builtin_find(&c->id.uuid))
		return INVALID("uuid: it is a built-in template's");
	if (check_name(c->name, err) < 0 || check_kind(spec, err) < 0 || check_cpus(c, err) < 0)
		return MU_FAILED;
	if (c->memory_max_bytes < c->memory_bytes)
		return INVALID("memoryMax: less than memory");
	if (spec->memory_min_bytes > c->memory_bytes)
		return INVALID("memoryMin: more than memory");
	if (check_boot(c, err) < 0 || check_hvm_only(c, err) < 0 || check_consoles(c, err) < 0 ||
	    check_xenstore(c, err) < 0)
		return MU_FAILED;
	if (vm_spec_check_disks(c, err) < 0 || vm_spec_check_nics(c, err) < 0)
		return MU_FAILED;
	return vm_spec_check_passed(c, err);
}
