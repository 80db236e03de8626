/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   Envelope
 *     References/File            id -> name in the archive
 *     DiskSection/Disk           id -> file, capacity
 *     VirtualSystem
 *       VirtualHardwareSection/Item   "resource types" of CIM: 3 CPUs, 4 memory, 10 card, 17 disk
 *
 * Element names are compared without their namespace's prefix, as each writer chooses its own.
 */
#include "agent/import/ovf.h"

#include "agent/import/import_xml.h"
#include "agent/import/ovf_units.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	RESOURCE_CPU = 3,
	RESOURCE_MEMORY = 4,
	RESOURCE_IDE = 5,
	RESOURCE_NIC = 10,
	RESOURCE_CD = 15,
	RESOURCE_DVD = 16,
	RESOURCE_DISK = 17,
	RESOURCE_GRAPHICS = 24,
};

struct reading {
	struct mu_arena *arena;
	const struct xml_node *references;
	const struct xml_node *disks;
	const char *configuration; /* the deployment option that counts; NULL: none */
	struct ovf *ovf;
};

void ovf_note(struct ovf_notes *notes, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (notes->n < OVF_NOTES_MAX)
		mu_utf8_sanitize(notes->texts[notes->n], OVF_NOTE_BYTES - 1, text, strlen(text));
	notes->n++;
}

/* The tree */

static const char *local(const char *name)
{
	const char *colon = strchr(name, ':');

	return colon ? colon + 1 : name;
}

static const char *attr(const struct xml_node *node, const char *name)
{
	for (const struct xml_attr *at = node ? node->attrs : NULL; at; at = at->next) {
		if (strcmp(local(at->name), name) == 0)
			return at->value;
	}
	return NULL;
}

/* "" when it is not there. */
static const char *text_of(const struct xml_node *node, const char *child)
{
	const struct xml_node *found = xml_child(node, child);

	return found ? found->text : "";
}

#define each_child(it, node)                                                                       \
	for (const struct xml_node *it = (node) ? (node)->children : NULL; it; it = it->next)

static const struct xml_node *find_by(const struct xml_node *list, const char *element,
				      const char *name, const char *value)
{
	each_child(it, list)
	{
		if (xml_is(it, element) && mu_str_equal(attr(it, name), value))
			return it;
	}
	return NULL;
}

static bool is_optional(const struct xml_node *item)
{
	return mu_str_equal(attr(item, "required"), "false");
}

/* "-", letters; what a person may see of it. */
static const char *shown(struct reading *r, const char *text)
{
	char *copy = mu_arena_alloc(r->arena, 64);

	mu_utf8_sanitize(copy, 60, text, strlen(text));
	return copy;
}

/* Files and disks */

static int check_href(const struct xml_node *file, const char *href, struct mu_error *err)
{
	if (!href || !*href || strlen(href) > OVF_NAME_MAX)
		return xml_invalid(err, file, "<File> has no href of 1 to %d bytes", OVF_NAME_MAX);
	if (strchr(href, '/') || strchr(href, '\\') || strstr(href, ".."))
		return xml_invalid(err, file,
				   "<File> leads out of the archive (\"%.60s\"), where nothing is "
				   "followed",
				   href);
	if (attr(file, "compression") && strcmp(attr(file, "compression"), "identity") != 0)
		return xml_invalid(err, file,
				   "\"%.60s\" is compressed as a whole; hint: export it again "
				   "without compression, VMDKs are compressed inside",
				   href);
	if (attr(file, "chunkSize"))
		return xml_invalid(err, file, "\"%.60s\" is cut in chunks", href);
	return 0;
}

static int format_of(const struct xml_node *disk, const char *href, enum ovf_format *ret,
		     struct mu_error *err)
{
	static const struct {
		const char *word;
		enum ovf_format format;
	} words[] = {{"vmdk", OVF_VMDK}, {"vhd", OVF_VHD}, {"qcow", OVF_QCOW2}};
	const char *uri = attr(disk, "format");
	const char *dot = strrchr(href, '.');

	for (size_t i = 0; i < MU_ARRAY_SIZE(words); i++) {
		if (uri && strstr(uri, words[i].word)) {
			*ret = words[i].format;
			return 0;
		}
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(words); i++) {
		if (dot && strncasecmp(dot + 1, words[i].word, strlen(words[i].word)) == 0) {
			*ret = words[i].format;
			return 0;
		}
	}
	return xml_invalid(err, disk,
			   "the disk is of no format that is read; hint: VMDK, VHD or qcow2");
}

static int read_capacity(const struct xml_node *disk, int64_t *ret, struct mu_error *err)
{
	const char *capacity = attr(disk, "capacity");
	const char *units = attr(disk, "capacityAllocationUnits");
	int64_t unit = 1;

	if (units && !ovf_units(units, &unit))
		return xml_invalid(err, disk, "\"%.40s\" is no unit", units);
	/* A property's name can stand there ("${size}"): nobody has said its value. */
	if (!capacity || !ovf_quantity(capacity, unit, OVF_DISK_MAX, ret) || *ret == 0)
		return xml_invalid(err, disk, "the disk has no capacity that could be");
	return 0;
}

static int read_file(struct reading *r, const struct xml_node *disk, struct ovf_disk *ret,
		     struct mu_error *err)
{
	const char *ref = attr(disk, "fileRef");
	const struct xml_node *file;
	const char *href;

	if (!ref)
		return 0;
	file = find_by(r->references, "File", "id", ref);
	if (!file)
		return xml_invalid(err, disk, "the disk is of file \"%.60s\", which is none",
				   shown(r, ref));
	href = attr(file, "href");
	if (check_href(file, href, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < r->ovf->n_disks; i++) {
		if (strcmp(r->ovf->disks[i].href, href) == 0)
			return xml_invalid(err, disk, "\"%.60s\" is the image of two disks", href);
	}
	(void)snprintf(ret->href, sizeof ret->href, "%s", href);
	return format_of(disk, href, &ret->format, err);
}

/* "ovf:/disk/ID", "/disk/ID" */
static const char *disk_ref(const struct xml_node *item)
{
	const char *resource = text_of(item, "HostResource");
	const char *at = strstr(resource, "/disk/");

	return at ? at + strlen("/disk/") : NULL;
}

static int take_disk(struct reading *r, const struct xml_node *item, struct mu_error *err)
{
	struct ovf_disk *to = &r->ovf->disks[r->ovf->n_disks];
	const char *ref = disk_ref(item);
	const struct xml_node *disk;
	struct ovf_disk d = {0};

	if (!ref)
		return xml_invalid(err, item, "the drive names no disk of the archive");
	disk = find_by(r->disks, "Disk", "diskId", ref);
	if (!disk || strlen(ref) > MODEL_NAME_MAX)
		return xml_invalid(err, item, "there is no disk \"%.60s\"", shown(r, ref));
	for (size_t i = 0; i < r->ovf->n_disks; i++) {
		if (strcmp(r->ovf->disks[i].id, ref) == 0)
			return xml_invalid(err, item, "disk \"%.60s\" is in two drives",
					   shown(r, ref));
	}
	if (r->ovf->n_disks == HV_DISKS_MAX)
		return xml_invalid(err, item, "more than %d disks", HV_DISKS_MAX);
	if (attr(disk, "parentRef"))
		return xml_invalid(err, disk,
				   "the disk is a difference to another; hint: export "
				   "the VM without its snapshots");
	(void)snprintf(d.id, sizeof d.id, "%s", ref);
	if (read_capacity(disk, &d.capacity_bytes, err) < 0 || read_file(r, disk, &d, err) < 0)
		return MU_FAILED;
	*to = d;
	r->ovf->n_disks++;
	return 0;
}

/* Items */

static int take_number(const struct xml_node *item, const char *what, int64_t unit, int64_t max,
		       int64_t *ret, struct mu_error *err)
{
	const char *text = text_of(item, "VirtualQuantity");

	if (!ovf_quantity(text, unit, max, ret) || *ret == 0)
		return xml_invalid(err, item, "no number of %s that could be", what);
	return 0;
}

static int take_cpus(struct reading *r, const struct xml_node *item, struct mu_error *err)
{
	int64_t n;

	if (take_number(item, "CPUs", 1, HV_VCPUS_MAX, &n, err) < 0)
		return MU_FAILED;
	r->ovf->vcpus = (uint32_t)n;
	return 0;
}

static int take_memory(struct reading *r, const struct xml_node *item, struct mu_error *err)
{
	const char *units = text_of(item, "AllocationUnits");
	int64_t unit = INT64_C(1) << 20; /* what all write; OVF itself says bytes */

	if (*units && !ovf_units(units, &unit))
		return xml_invalid(err, item, "\"%.40s\" is no unit", shown(r, units));
	return take_number(item, "bytes of memory", unit, OVF_MEMORY_MAX, &r->ovf->memory_bytes,
			   err);
}

static int take_nic(struct reading *r, const struct xml_node *item, struct mu_error *err)
{
	const char *network = text_of(item, "Connection");
	const char *type = text_of(item, "ResourceSubType");
	const char *mac = text_of(item, "Address");
	struct ovf_nic *nic = &r->ovf->nics[r->ovf->n_nics];

	if (r->ovf->n_nics == HV_NICS_MAX)
		return xml_invalid(err, item, "more than %d network cards", HV_NICS_MAX);
	mu_utf8_sanitize(nic->network, MODEL_NAME_MAX, network, strlen(network));
	/* VirtualBox writes addresses without colons, or none at all. */
	if (!ovf_mac(mac, nic->mac) && *mac)
		ovf_note(&r->ovf->notes, "card %zu: its address \"%s\" is none", r->ovf->n_nics,
			 shown(r, mac));
	nic->e1000 = strncasecmp(type, "E1000", 5) == 0;
	r->ovf->n_nics++;
	return 0;
}

static void take_cd(struct reading *r, const struct xml_node *item)
{
	if (r->ovf->has_cd)
		ovf_note(&r->ovf->notes, "a second CD drive is left out");
	else if (*text_of(item, "HostResource"))
		ovf_note(&r->ovf->notes, "the CD drive comes empty");
	r->ovf->has_cd = true;
}

/* What a Xen guest has otherwise, or has not. */
static void leave_out(struct reading *r, const struct xml_node *item, int64_t type)
{
	const char *name = text_of(item, "ElementName");
	const char *kind = text_of(item, "ResourceSubType");

	if (type == RESOURCE_IDE || type == RESOURCE_GRAPHICS)
		return;
	if (type == 6 || type == 20)
		ovf_note(&r->ovf->notes,
			 "disk controller \"%s\": here disks are IDE's and Xen's, for which the "
			 "guest needs drivers",
			 shown(r, *kind ? kind : name));
	else
		ovf_note(&r->ovf->notes, "left out: \"%s\"%s",
			 shown(r, *name   ? name
				  : *kind ? kind
					  : "a device"),
			 is_optional(item) ? "" : ", which it says is required");
}

static int take_item(struct reading *r, const struct xml_node *item, struct mu_error *err)
{
	int64_t type;

	if (!ovf_quantity(text_of(item, "ResourceType"), 1, 65535, &type))
		return xml_invalid(err, item, "<%.40s> has no ResourceType", item->name);
	switch (type) {
	case RESOURCE_CPU:
		return take_cpus(r, item, err);
	case RESOURCE_MEMORY:
		return take_memory(r, item, err);
	case RESOURCE_NIC:
		return take_nic(r, item, err);
	case RESOURCE_DISK:
		return take_disk(r, item, err);
	case RESOURCE_CD:
	case RESOURCE_DVD:
		take_cd(r, item);
		return 0;
	default: /* an open list: CIM has dozens */
		leave_out(r, item, type);
		return 0;
	}
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len) {
		if ((at == list || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
			return true;
	}
	return false;
}

/* Of another deployment option than ours? */
static bool is_of_other(const struct reading *r, const struct xml_node *item)
{
	const char *of = attr(item, "configuration");

	return of && !(r->configuration && has_word(of, r->configuration));
}

static void take_config(struct reading *r, const struct xml_node *config)
{
	const char *key = attr(config, "key");

	if (mu_str_equal(key, "firmware"))
		r->ovf->uefi = mu_str_equal(attr(config, "value"), "efi");
	else if (mu_str_equal(key, "bootOptions.efiSecureBootEnabled") &&
		 mu_str_equal(attr(config, "value"), "true"))
		ovf_note(&r->ovf->notes, "secure boot is left out");
}

static int read_hardware(struct reading *r, const struct xml_node *hardware, struct mu_error *err)
{
	each_child(it, hardware)
	{
		if (is_of_other(r, it))
			continue;
		if (xml_is(it, "Config"))
			take_config(r, it);
		else if ((xml_is(it, "Item") || xml_is(it, "StorageItem") ||
			  xml_is(it, "EthernetPortItem")) &&
			 take_item(r, it, err) < 0)
			return MU_FAILED;
	}
	if (r->ovf->vcpus == 0)
		r->ovf->vcpus = 1;
	if (r->ovf->memory_bytes == 0)
		return xml_invalid(err, hardware, "it says no size of memory");
	return 0;
}

/* The VM */

static bool says_windows(const char *text)
{
	for (; text && *text; text++) {
		if (strncasecmp(text, "windows", 7) == 0)
			return true;
	}
	return false;
}

static void read_os(struct reading *r, const struct xml_node *system)
{
	const struct xml_node *os = xml_child(system, "OperatingSystemSection");
	const char *type = attr(os, "osType");

	r->ovf->windows = (type && strncasecmp(type, "win", 3) == 0) ||
			  says_windows(text_of(os, "Description")) ||
			  says_windows(text_of(os, "OSType"));
}

/* "/" and control characters are none of a VM's name here, nor is one of digits alone. */
static void read_name(struct reading *r, const struct xml_node *system)
{
	const char *name = text_of(system, "Name");
	char *to = r->ovf->name;

	if (!*name)
		name = attr(system, "id");
	mu_utf8_sanitize(to, MODEL_NAME_MAX, name ? name : "", name ? strlen(name) : 0);
	for (char *slash = to; (slash = strchr(slash, '/'));)
		*slash = '-';
	if (!*to || strspn(to, "0123456789") == strlen(to)) {
		char number[32];

		(void)snprintf(number, sizeof number, "%.20s", to);
		(void)snprintf(to, MODEL_NAME_MAX, "imported%s%s", *number ? " " : "", number);
	}
}

static void read_description(struct reading *r, const struct xml_node *system)
{
	const char *text = text_of(xml_child(system, "AnnotationSection"), "Annotation");
	char *one_line = mu_arena_strdup(r->arena, text);

	for (char *p = one_line; *p; p++) {
		if (*p == '\n' || *p == '\r' || *p == '\t')
			*p = ' ';
	}
	mu_utf8_sanitize(r->ovf->description, MODEL_TEXT_MAX, one_line, strlen(one_line));
	if (strlen(one_line) > MODEL_TEXT_MAX)
		ovf_note(&r->ovf->notes, "its description is cut to %d bytes", MODEL_TEXT_MAX);
}

/* VirtualBox says it in a section of its own. */
static void read_virtualbox(struct reading *r, const struct xml_node *system)
{
	const struct xml_node *hardware = xml_child(xml_child(system, "Machine"), "Hardware");
	const char *type = attr(xml_child(hardware, "Firmware"), "type");

	if (type && strncasecmp(type, "EFI", 3) == 0)
		r->ovf->uefi = true;
}

static int read_system(struct reading *r, const struct xml_node *system, struct mu_error *err)
{
	const struct xml_node *hardware = xml_child(system, "VirtualHardwareSection");
	const struct xml_node *ours = xml_child(system, "MusterDefinitionSection");

	if (!hardware)
		return xml_invalid(err, system, "the VM has no VirtualHardwareSection");
	read_name(r, system);
	read_description(r, system);
	read_os(r, system);
	read_virtualbox(r, system);
	if (ours && *text_of(ours, "Definition"))
		r->ovf->definition = text_of(ours, "Definition");
	if (xml_child(system, "ProductSection"))
		ovf_note(
		    &r->ovf->notes,
		    "its properties (ProductSection) are left out: the guest does not see them");
	return read_hardware(r, hardware, err);
}

/* The one that is marked, or the first. */
static const char *default_configuration(const struct xml_node *root)
{
	const char *first = NULL;

	each_child(it, xml_child(root, "DeploymentOptionSection"))
	{
		if (!xml_is(it, "Configuration"))
			continue;
		if (mu_str_equal(attr(it, "default"), "true"))
			return attr(it, "id");
		first = first ? first : attr(it, "id");
	}
	return first;
}

static int read_envelope(struct reading *r, const struct xml_node *root, struct mu_error *err)
{
	const struct xml_node *system = xml_child(root, "VirtualSystem");

	if (!xml_is(root, "Envelope"))
		return xml_invalid(err, root, "<%.40s> is no OVF envelope", root->name);
	if (xml_child(root, "VirtualSystemCollection"))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "the archive holds a collection of VMs; hint: export them one "
				    "by one");
	if (!system)
		return xml_invalid(err, root, "the envelope holds no VirtualSystem");
	r->references = xml_child(root, "References");
	r->disks = xml_child(root, "DiskSection");
	r->configuration = default_configuration(root);
	if (r->configuration)
		ovf_note(&r->ovf->notes, "of its deployment options \"%s\" is taken",
			 shown(r, r->configuration));
	return read_system(r, system, err);
}

int ovf_read(struct mu_arena *a, const char *text, size_t len, struct ovf *ret_ovf,
	     struct mu_error *err)
{
	struct ovf *ovf = mu_arena_calloc(a, 1, sizeof *ovf);
	struct reading r = {.arena = a, .ovf = ovf};
	struct xml_node *root;

	if (len > OVF_TEXT_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE, "a descriptor of %zu bytes", len);
	if (!mu_utf8_valid(text, len))
		return mu_error_set(err, MU_E_INVALID, "the descriptor is not UTF-8 text");
	if (xml_parse(a, text, len, &root, err) < 0 || read_envelope(&r, root, err) < 0)
		return mu_error_prefix(err, "its descriptor");
	*ret_ovf = *ovf;
	return 0;
}
