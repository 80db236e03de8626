/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/dconf/dconf_rows.h"

#include "common/base/assert.h"
#include "common/base/str.h"

#include <string.h>

/* Less than a MiB of anything is no size that a definition can hold. */
enum { KIB = 1024 };

#define SIZE_OF(type, member) sizeof(((type *)NULL)->member)
#define TEXT(p, k, type, member)                                                                   \
	{                                                                                          \
		.path = (p), .kind = (k), .offset = offsetof(type, member),                        \
		.size = SIZE_OF(type, member)                                                      \
	}
#define WORD(p, type, member, w)                                                                   \
	{                                                                                          \
		.path = (p), .kind = DCONF_WORD, .offset = offsetof(type, member), .words = (w)    \
	}
#define ROW(p, k, type, member)                                                                    \
	{                                                                                          \
		.path = (p), .kind = (k), .offset = offsetof(type, member)                         \
	}
#define U32(p, type, member, most)                                                                 \
	{                                                                                          \
		.path = (p), .kind = DCONF_U32, .offset = offsetof(type, member), .max = (most)    \
	}
#define TABLE(name)                                                                                \
	const struct dconf_table dconf_##name = {name##_rows, MU_ARRAY_SIZE(name##_rows)}
#define CONFIG struct hv_vm_config

static const char *const vga_words[] = {"std", "cirrus", "qxl", "none", NULL};
static const char *const format_words[] = {"raw", "qcow2", "vhd", "qcow", "qed", NULL};
static const char *const backend_words[] = {"phy", "qdisk", "tap", NULL};
static const char *const usb_words[] = {"pv", "devicemodel", "qusb", NULL};

static const struct dconf_row domain_rows[] = {
    TEXT("c_info/name", DCONF_TEXT, CONFIG, name),
    U32("b_info/sched_params/weight", CONFIG, cpu_weight, 65535),
    U32("b_info/sched_params/cap", CONFIG, cpu_cap, 100 * HV_CPUS_MAX),
    ROW("b_info/localtime", DCONF_FLAG, CONFIG, localtime),
    ROW("b_info/acpi", DCONF_FLAG, CONFIG, acpi),
};
TABLE(domain);

static const struct dconf_row boot_rows[] = {
    TEXT("b_info/bootloader", DCONF_TEXT, CONFIG, bootloader),
    TEXT("b_info/bootloader_args", DCONF_LINES, CONFIG, bootloader_args),
    TEXT("b_info/cmdline", DCONF_TEXT, CONFIG, cmdline),
};
TABLE(boot);

static const struct dconf_row kernel_rows[] = {
    TEXT("b_info/kernel", DCONF_TEXT, CONFIG, kernel),
    TEXT("b_info/ramdisk", DCONF_TEXT, CONFIG, ramdisk),
    TEXT("b_info/cmdline", DCONF_TEXT, CONFIG, cmdline),
};
TABLE(kernel);

static const struct dconf_row hap_rows[] = {
    ROW("c_info/hap", DCONF_FLAG, CONFIG, hap),
};
TABLE(hap);

#define HVM "b_info/type.hvm/"

static const struct dconf_row hvm_rows[] = {
    ROW("b_info/nested_hvm", DCONF_FLAG, CONFIG, nested),
    {.path = "b_info/video_memkb",
     .kind = DCONF_KIB,
     .offset = offsetof(CONFIG, video_bytes),
     .max = 1024 * KIB},
    ROW(HVM "viridian", DCONF_FLAG, CONFIG, viridian),
    WORD(HVM "vga/kind", CONFIG, vga, vga_words),
    TEXT(HVM "serial", DCONF_TEXT, CONFIG, serial),
};
TABLE(hvm);

static const struct dconf_row vnc_rows[] = {
    TEXT("listen", DCONF_TEXT, CONFIG, vnc_listen),
    TEXT("passwd", DCONF_TEXT, CONFIG, vnc_password),
    U32("display", CONFIG, vnc_display, 59635),
    ROW("findunused", DCONF_FLAG, CONFIG, vnc_unused),
};
TABLE(vnc);

static const struct dconf_row spice_rows[] = {
    TEXT("host", DCONF_TEXT, CONFIG, spice_listen),
    U32("port", CONFIG, spice_port, 65535),
    U32("tls_port", CONFIG, spice_tls_port, 65535),
    TEXT("passwd", DCONF_TEXT, CONFIG, spice_password),
};
TABLE(spice);

static const struct dconf_row disk_rows[] = {
    TEXT("vdev", DCONF_TEXT, struct hv_disk, vdev),
    TEXT("pdev_path", DCONF_TEXT, struct hv_disk, path),
    WORD("format", struct hv_disk, format, format_words),
    WORD("backend", struct hv_disk, backend, backend_words),
    ROW("discard_enable", DCONF_FLAG, struct hv_disk, discard),
    TEXT("script", DCONF_TEXT, struct hv_disk, script),
};
TABLE(disk);

static const struct dconf_row nic_rows[] = {
    TEXT("mac", DCONF_TEXT, struct hv_nic, mac),
    TEXT("bridge", DCONF_TEXT, struct hv_nic, bridge),
    TEXT("model", DCONF_TEXT, struct hv_nic, model),
    U32("mtu", struct hv_nic, mtu, 65535),
    TEXT("ifname", DCONF_TEXT, struct hv_nic, ifname),
    TEXT("ip", DCONF_TEXT, struct hv_nic, ip),
    TEXT("script", DCONF_TEXT, struct hv_nic, script),
};
TABLE(nic);

static const struct dconf_row pci_rows[] = {
    ROW("permissive", DCONF_BOOL, struct hv_pci, permissive),
    ROW("msitranslate", DCONF_BOOL, struct hv_pci, msitranslate),
    ROW("power_mgmt", DCONF_BOOL, struct hv_pci, power_mgmt),
    ROW("seize", DCONF_BOOL, struct hv_pci, seize),
};
TABLE(pci);

static const struct dconf_row usb_controller_rows[] = {
    WORD("type", struct hv_usb_controller, type, usb_words),
    U32("version", struct hv_usb_controller, version, 3),
    U32("ports", struct hv_usb_controller, ports, 31),
};
TABLE(usb_controller);

/* Values */

void dconf_put(struct mu_arena *a, struct mu_value *object, const char *name,
	       struct mu_value *child)
{
	mu_value_remove(object, name);
	mu_value_set(a, object, name, child);
}

bool dconf_take_int(struct mu_value *object, const char *name, int64_t min, int64_t max,
		    int64_t *ret)
{
	const struct mu_value *v = mu_value_get(object, name);

	if (!v || v->kind != MU_VALUE_INT || v->integer < min || v->integer > max)
		return false;
	*ret = v->integer;
	mu_value_remove(object, name);
	return true;
}

bool dconf_text_fits(const char *text, size_t size)
{
	size_t len = strlen(text);

	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	}
	return len < size && mu_utf8_valid(text, len);
}

enum hv_on_event dconf_action(const char *action, bool *ret_finer)
{
	static const struct {
		const char *name;
		enum hv_on_event event;
		bool finer;
	} actions[] = {
	    {"destroy", HV_ON_DESTROY, false},         {"restart", HV_ON_RESTART, false},
	    {"preserve", HV_ON_PRESERVE, false},       {"restart_rename", HV_ON_RESTART, true},
	    {"coredump_destroy", HV_ON_DESTROY, true}, {"coredump_restart", HV_ON_RESTART, true},
	    {"soft_reset", HV_ON_RESTART, true},
	};

	for (size_t i = 0; action && i < MU_ARRAY_SIZE(actions); i++) {
		if (!strcmp(actions[i].name, action)) {
			*ret_finer = actions[i].finer;
			return actions[i].event;
		}
	}
	*ret_finer = action != NULL;
	return HV_ON_DESTROY;
}

/* "b_info/sched_params/weight": the object that the last name is in, and that name. */
static struct mu_value *parent_of(struct mu_arena *a, struct mu_value *object, const char *path,
				  const char **ret_name)
{
	char name[32];

	for (const char *cut; (cut = strchr(path, '/')); path = cut + 1) {
		struct mu_value *next;
		size_t len = (size_t)(cut - path);

		mu_assert(len < sizeof name);
		memcpy(name, path, len);
		name[len] = '\0';
		next = mu_value_find(object, name);
		if (!next && a)
			next = mu_value_set(a, object, name, mu_value_object(a));
		if (!next || next->kind != MU_VALUE_OBJECT)
			return NULL;
		object = next;
	}
	*ret_name = path;
	return object;
}

struct mu_value *dconf_object(struct mu_arena *a, struct mu_value *root, const char *path)
{
	const char *name;
	struct mu_value *parent = parent_of(a, root, path, &name);
	struct mu_value *child = mu_value_find(parent, name);

	if (!child && parent)
		child = mu_value_set(a, parent, name, mu_value_object(a));
	return child && child->kind == MU_VALUE_OBJECT ? child : NULL;
}

struct mu_value *dconf_list(struct mu_arena *a, struct mu_value *root, const char *path)
{
	const char *name;
	struct mu_value *parent = parent_of(a, root, path, &name);
	struct mu_value *list = mu_value_find(parent, name);

	if (list && list->kind == MU_VALUE_LIST)
		return list;
	list = mu_value_list(a);
	if (parent)
		dconf_put(a, parent, name, list);
	return list;
}

void dconf_set(struct mu_arena *a, struct mu_value *root, const char *path, struct mu_value *v)
{
	const char *name;
	struct mu_value *parent = parent_of(a, root, path, &name);

	if (parent)
		dconf_put(a, parent, name, v);
}

/* Reading */

static bool word_known(const char *const *words, const char *text)
{
	for (; *words; words++) {
		if (!strcmp(*words, text))
			return true;
	}
	return false;
}

static bool read_text(const struct mu_value *v, const struct dconf_row *row, char *place)
{
	const char *text = mu_value_as_string(v);

	if (!text || (row->kind == DCONF_WORD ? !word_known(row->words, text)
					      : !dconf_text_fits(text, row->size)))
		return false;
	memcpy(place, text, strlen(text) + 1);
	return true;
}

static bool read_lines(const struct mu_value *v, const struct dconf_row *row, char *place)
{
	size_t used = 0;

	if (v->kind != MU_VALUE_LIST)
		return false;
	mu_value_each(line, v)
	{
		const char *text = mu_value_as_string(line);

		if (!text || !*text || used + strlen(text) + 2 > row->size ||
		    !dconf_text_fits(text, row->size))
			return false;
		used += strlen(text) + 1;
	}
	for (const struct mu_value *line = v->first; line; line = line->next) {
		size_t len = strlen(line->string);

		memcpy(place, line->string, len);
		place += len;
		*place++ = '\n';
	}
	*place = '\0';
	return true;
}

static bool read_number(const struct mu_value *v, const struct dconf_row *row, char *place)
{
	uint32_t u;
	int64_t bytes;

	if (v->kind != MU_VALUE_INT || v->integer <= 0 || v->integer > row->max)
		return false;
	if (row->kind == DCONF_KIB) {
		if (v->integer < KIB)
			return false;
		bytes = v->integer * KIB;
		memcpy(place, &bytes, sizeof bytes);
		return true;
	}
	u = (uint32_t)v->integer;
	memcpy(place, &u, sizeof u);
	return true;
}

static bool read_switch(const struct mu_value *v, const struct dconf_row *row, char *place)
{
	const char *text = mu_value_as_string(v);
	bool yes = row->kind == DCONF_BOOL ? v->kind == MU_VALUE_BOOL && v->boolean
					   : mu_str_equal(text, "True");
	enum hv_flag flag = yes ? HV_ON : HV_OFF;

	if (row->kind == DCONF_FLAG) {
		if (!yes && !mu_str_equal(text, "False"))
			return false;
		memcpy(place, &flag, sizeof flag);
		return true;
	}
	if (yes)
		memcpy(place, &yes, sizeof yes);
	return yes;
}

static bool read_row(const struct mu_value *v, const struct dconf_row *row, char *place)
{
	switch (row->kind) {
	case DCONF_TEXT:
	case DCONF_WORD:
		return read_text(v, row, place);
	case DCONF_FLAG:
	case DCONF_TRUE:
	case DCONF_BOOL:
		return read_switch(v, row, place);
	case DCONF_U32:
	case DCONF_KIB:
		return read_number(v, row, place);
	case DCONF_LINES:
		return read_lines(v, row, place);
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: every kind has returned */
}

void dconf_rows_read(struct mu_value *object, const struct dconf_table *table, void *base)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct dconf_row *row = &table->rows[i];
		const char *name;
		struct mu_value *parent = parent_of(NULL, object, row->path, &name);
		const struct mu_value *v = parent ? mu_value_get(parent, name) : NULL;

		if (v && read_row(v, row, (char *)base + row->offset))
			mu_value_remove(parent, name);
	}
}

/* Writing */

static struct mu_value *write_lines(struct mu_arena *a, const char *text)
{
	struct mu_value *list = mu_value_list(a);

	for (const char *cut; (cut = strchr(text, '\n')); text = cut + 1)
		mu_value_push(list,
			      mu_value_string(a, mu_arena_strndup(a, text, (size_t)(cut - text))));
	return list->n_children ? list : NULL;
}

static struct mu_value *write_switch(struct mu_arena *a, const struct dconf_row *row,
				     const char *place)
{
	enum hv_flag flag = HV_UNSET;
	bool yes = false;

	if (row->kind == DCONF_FLAG) {
		memcpy(&flag, place, sizeof flag);
		return flag == HV_UNSET ? NULL
					: mu_value_string(a, flag == HV_ON ? "True" : "False");
	}
	memcpy(&yes, place, sizeof yes);
	if (!yes)
		return NULL;
	return row->kind == DCONF_BOOL ? mu_value_bool(a, true) : mu_value_string(a, "True");
}

/* NULL: the struct says nothing. */
static struct mu_value *write_row(struct mu_arena *a, const struct dconf_row *row,
				  const char *place)
{
	int64_t bytes;
	uint32_t u;

	switch (row->kind) {
	case DCONF_TEXT:
	case DCONF_WORD:
		return *place ? mu_value_string(a, place) : NULL;
	case DCONF_FLAG:
	case DCONF_TRUE:
	case DCONF_BOOL:
		return write_switch(a, row, place);
	case DCONF_U32:
		memcpy(&u, place, sizeof u);
		return u ? mu_value_int(a, u) : NULL;
	case DCONF_KIB:
		memcpy(&bytes, place, sizeof bytes);
		return bytes ? mu_value_int(a, bytes / KIB) : NULL;
	case DCONF_LINES:
		return write_lines(a, place);
	}
	mu_assert_unreachable(); /* GCOVR_EXCL_LINE: every kind has returned */
}

void dconf_rows_write(struct mu_arena *a, struct mu_value *object, const struct dconf_table *table,
		      const void *base)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct dconf_row *row = &table->rows[i];
		struct mu_value *v = write_row(a, row, (const char *)base + row->offset);

		if (v)
			dconf_set(a, object, row->path, v);
	}
}
