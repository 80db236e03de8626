/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libxl's form of a configuration goes into ours and comes out the same, whatever it holds; ours
 * says over it what it has members for.
 */
#include "agent/hv/dconf/dconf.h"
#include "agent/hv/dconf/dconf_rows.h"
#include "common/json/json.h"
#include "tests/unit/agent/import/corpus.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct mu_value *parse(struct mu_arena *a, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	cr_assert_eq(mu_json_read(a, text, strlen(text), &v, &err), 0, "%s: %s", err.text, text);
	return v;
}

static struct hv_vm_config *read_value(struct mu_arena *a, const char *name,
				       const struct mu_value *v)
{
	struct hv_vm_config *c = mu_arena_calloc(a, 1, sizeof *c);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(dconf_read(v, c, &err), 0, "%s: %s", name, err.text);
	return c;
}

static struct mu_value *write(struct mu_arena *a, const char *name, const struct hv_vm_config *c)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v = NULL;

	cr_assert_eq(dconf_write(a, c, &v, &err), 0, "%s: %s", name, err.text);
	return v;
}

/* And once more: what was said in full is said in full again. */
static void round_trip(struct mu_arena *a, const char *name, const struct mu_value *v)
{
	struct mu_value *first = write(a, name, read_value(a, name, v));
	struct mu_value *second = write(a, name, read_value(a, name, first));

	corpus_same(a, name, v, first);
	cr_expect(mu_value_equal(first, second), "%s", name);
}

static void one_file(const char *name, const struct mu_str *text)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	round_trip(a, name, corpus_json(a, text));
}

Test(dconf, what_xl_gives_libxl_comes_back)
{
	corpus_each("libxl", ".json", 25, one_file);
}

Test(dconf, what_libvirt_gives_libxl_comes_back)
{
	corpus_each("libvirt", ".json", 10, one_file);
}

#define PV                                                                                         \
	"{\"c_info\":{\"type\":\"pv\",\"name\":\"a\",\"uuid\":\"8d2c1d1c-76a4-4d22-9d3e-"          \
	"0123456789ab\"%s},"                                                                       \
	"\"b_info\":{\"max_memkb\":65536,\"target_memkb\":65536,\"type.pv\":{}%s}%s}"
#define HVM                                                                                        \
	"{\"c_info\":{\"type\":\"hvm\",\"name\":\"a\",\"uuid\":\"8d2c1d1c-76a4-4d22-9d3e-"         \
	"0123456789ab\"%s},"                                                                       \
	"\"b_info\":{\"max_memkb\":65536,\"target_memkb\":65536,\"type.hvm\":{%s}}%s}"

static struct mu_value *with(struct mu_arena *a, const char *form, const char *c, const char *b,
			     const char *root)
{
	char text[8192];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof text, form, c, b, root);
#pragma GCC diagnostic pop
	return parse(a, text);
}

/* Odd values: what ours cannot say stays, whatever it is. */
Test(dconf, odd_values_are_kept)
{
	static const struct {
		const char *c, *b, *root;
	} cases[] = {
	    {"", ",\"avail_vcpus\":[0,2],\"max_vcpus\":3", ""},
	    {"", ",\"vcpu_hard_affinity\":[[]]", ""},
	    {"", ",\"vcpu_hard_affinity\":[[1,0]]", ""},
	    {"", ",\"vcpu_hard_affinity\":[[-1]]", ""},
	    {"", ",\"vcpu_hard_affinity\":[[1023,1024]]", ""},
	    {"", ",\"vcpu_hard_affinity\":[[0],[1]]", ""}, /* more than it has vCPUs */
	    {"", ",\"vcpu_soft_affinity\":[3]", ""},
	    {"", ",\"vcpu_soft_affinity\":{}", ""},
	    {"", ",\"cmdline\":\"a\\nb\"", ""},
	    {"", ",\"cmdline\":7", ""},
	    {"", ",\"kernel\":\"/k\",\"bootloader\":\"pygrub\",\"ramdisk\":\"/r\"", ""},
	    {"", ",\"bootloader\":\"pygrub\",\"bootloader_args\":[\"a\",\"\"]", ""},
	    {"", ",\"bootloader\":\"pygrub\",\"bootloader_args\":\"a\"", ""},
	    {"", ",\"bootloader_args\":[\"a\"]", ""},
	    {"", ",\"sched_params\":{\"weight\":70000,\"cap\":0,\"period\":1}", ""},
	    {"", ",\"sched_params\":7", ""},
	    {"", ",\"localtime\":\"<default>\",\"acpi\":true", ""},
	    {"", ",\"video_memkb\":4096,\"cpuid\":{\"cpuid\":[],\"msr\":[]}", ""},
	    {"", ",\"rtc_timeoffset\":4294963696", ""},
	    {",\"hap\":\"True\"", "", ""}, /* means nothing there, and is no error */
	    {",\"xsdata\":{\"vm-data/a\":\"b\",\"other/a\":\"b\",\"vm-data/b\":\"\\n\","
	     "\"vm-data//c\":\"d\",\"vm-data/d\":7}",
	     "", ""},
	    {",\"xsdata\":{\"vm-data/1\":\"\",\"vm-data/2\":\"\",\"vm-data/3\":\"\",\"vm-data/"
	     "4\":\"\","
	     "\"vm-data/5\":\"\",\"vm-data/6\":\"\",\"vm-data/7\":\"\",\"vm-data/8\":\"\","
	     "\"vm-data/9\":\"\"}",
	     "", ""},
	    {",\"xsdata\":7", "", ""},
	    {"", "",
	     ",\"on_reboot\":\"coredump_restart\",\"on_crash\":\"restart_rename\","
	     "\"on_poweroff\":\"something_new\",\"on_watchdog\":\"preserve\""},
	    {"", "", ",\"channels\":[{\"devid\":0,\"connection.pty\":{}}],\"new_things\":[{}]"},
	    {"", "",
	     ",\"disks\":[{\"vdev\":\"d5p0\",\"pdev_path\":\"/a\",\"format\":\"raw\","
	     "\"is_cdrom\":2,\"readwrite\":1,\"trusted\":\"False\"}]"},
	    {"", "",
	     ",\"disks\":[{\"vdev\":\"xvda\",\"pdev_path\":\"/a\",\"format\":\"raw\","
	     "\"is_cdrom\":1,\"removable\":1,\"readwrite\":1}]"},
	    {"", "", ",\"disks\":[{\"vdev\":\"hdc\",\"format\":\"empty\",\"is_cdrom\":1}]"},
	    {"", "",
	     ",\"usbdevs\":[{\"ctrl\":1,\"port\":2,\"type.hostdev\":{\"hostbus\":1,"
	     "\"hostaddr\":2}}]"},
	    {"", "", ",\"nics\":[{\"devid\":300,\"mac\":\"00:16:3e:00:00:01\"}]"},
	    {"", "",
	     ",\"nics\":[{\"devid\":3,\"mac\":\"00:16:3e:00:00:01\","
	     "\"rate_bytes_per_interval\":7,\"rate_interval_usecs\":20000}]"},
	    {"", "",
	     ",\"nics\":[{\"devid\":0,\"mac\":\"00:16:3e:00:00:01\","
	     "\"rate_bytes_per_interval\":-7,\"rate_interval_usecs\":50000}]"},
	    {"", "",
	     ",\"pcidevs\":[{\"bus\":3,\"dev\":31,\"func\":7,\"domain\":1,\"vfunc_mask\":255,"
	     "\"permissive\":true,\"name\":\"gpu\"}]"},
	    {"", "", ",\"usbctrls\":[{\"devid\":0,\"backend_domname\":\"usb-vm\"}]"},
	    {"", "",
	     ",\"usbctrls\":[{\"devid\":2,\"type\":\"qusb\"}],\"usbdevs\":"
	     "[{\"port\":1,\"type.hostdev\":{\"hostbus\":1,\"hostaddr\":2}}]"},
	    {"", "", ",\"usbdevs\":[{\"ctrl\":1,\"type.hostdev\":{\"hostbus\":1,\"hostaddr\":2}}]"},
	    {"", "", ",\"usbdevs\":[{\"type.hostdev\":{\"hostbus\":1,\"hostaddr\":2,\"x\":1}}]"},
	    {"", "", ",\"usbdevs\":[{\"type.new\":{}}]"},
	    {"", "", ",\"usbdevs\":[7]"},
	    {"", "", ",\"usbdevs\":7"},
	    {"", "", ",\"vfbs\":[{\"devid\":0,\"vnc\":{\"enable\":\"False\"},\"keymap\":\"de\"}]"},
	    {"", "",
	     ",\"vfbs\":[{\"devid\":0,\"vnc\":{\"enable\":\"True\"}}],\"vkbs\":[{\"devid\":4}]"},
	    {"", "",
	     ",\"vfbs\":[{\"devid\":0,\"vnc\":{\"enable\":\"True\",\"listen\":\"::\"},"
	     "\"sdl\":{}}],\"vkbs\":[{\"devid\":0}]"},
	    {"", "", ",\"vfbs\":7"},
	    {"", "", ",\"vfbs\":[{}]"},
	};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "case %zu", i);
		round_trip(a, name, with(a, PV, cases[i].c, cases[i].b, cases[i].root));
	}
}

Test(dconf, odd_values_of_hvm_are_kept)
{
	static const char *const cases[] = {
	    "\"boot\":\"cc\"",
	    "\"boot\":\"x\"",
	    "\"boot\":\"cdna\"",
	    "\"boot\":7",
	    "\"bios\":\"rombios\"",
	    "\"bios\":\"ovmf\"",
	    "\"vga\":{\"kind\":\"new\"}",
	    "\"vnc\":{\"enable\":\"False\",\"listen\":\"::\"}",
	    "\"vnc\":{\"listen\":\"::\",\"display\":70000,\"passwd\":\"x\"}",
	    "\"usb\":\"True\",\"usbdevice\":\"mouse\"",
	    "\"usbdevice_list\":[\"mouse\"]",
	    "\"spice\":{\"enable\":\"True\"}",
	    "\"spice\":{\"enable\":\"True\",\"port\":1}",
	    "\"spice\":{\"enable\":\"False\",\"port\":1}",
	    "\"spice\":7",
	    "\"serial_list\":[\"pty\",\"null\"]",
	    "\"viridian\":\"False\",\"viridian_enable\":[1]",
	};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++)
		round_trip(a, cases[i], with(a, HVM, ",\"hap\":\"False\"", cases[i], ""));
	round_trip(
	    a, "video",
	    parse(a, "{\"c_info\":{\"type\":\"hvm\",\"uuid\":\"8d2c1d1c-76a4-4d22-9d3e-"
		     "0123456789ab\"},\"b_info\":{\"max_memkb\":65536,\"target_memkb\":65536,"
		     "\"kernel\":\"/k\",\"ramdisk\":\"/r\",\"video_memkb\":12,\"type.hvm\":{}}}"));
}

Test(dconf, an_affinity_too_long_for_its_text_is_kept)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *v = with(a, PV, "", ",\"max_vcpus\":1", "");
	struct mu_value *maps = mu_value_list(a);
	struct mu_value *map = mu_value_push(maps, mu_value_list(a));

	for (int i = 0; i < HV_CPUS_MAX; i += 2)
		mu_value_push(map, mu_value_int(a, i));
	dconf_set(a, v, "b_info/vcpu_hard_affinity", maps);
	round_trip(a, "long", v);
	cr_expect_str_eq(read_value(a, "long", v)->cpus_hard, "");
}

/* Where a member says something, it is said over what was kept. */
Test(dconf, our_members_win)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct hv_vm_config *c = read_value(
	    a, "pv",
	    with(a, PV, ",\"xsdata\":{\"muster/owner\":\"x\",\"vm-data/a\":\"b\"}",
		 ",\"cmdline\":\"a\\nb\",\"avail_vcpus\":[0,2],\"max_vcpus\":3,\"sched_params\":7",
		 ",\"on_crash\":\"coredump_restart\",\"vfbs\":[{\"devid\":0,\"vnc\":{\"enable\":"
		 "\"False\"},\"keymap\":\"de\"}],\"vkbs\":[{\"devid\":9}]"));
	const struct mu_value *v, *b;

	cr_expect_eq(c->vcpus, 2u);
	cr_expect_eq(c->vcpus_max, 3u);
	cr_expect_eq(c->on_crash, HV_ON_RESTART);
	cr_expect_eq(c->n_xenstore, 1u, "the agent's own mark is none of the VM's settings");
	(void)snprintf(c->cmdline, sizeof c->cmdline, "quiet");
	c->vcpus = 3;
	c->cpu_weight = 5; /* its place is taken by a number: left as it is */
	c->on_crash = HV_ON_PRESERVE;
	c->on_poweroff = HV_ON_RESTART;
	c->vnc = true;
	c->clock_offset_s = -60;
	v = write(a, "pv", c);
	b = mu_value_get(v, "b_info");
	cr_expect_str_eq(mu_value_get(b, "cmdline")->string, "quiet");
	cr_expect_eq(mu_value_get(b, "avail_vcpus")->n_children, 3u);
	cr_expect_eq(mu_value_get(b, "rtc_timeoffset")->integer, INT64_C(4294967236));
	cr_expect_str_eq(mu_value_get(v, "on_crash")->string, "preserve");
	cr_expect_str_eq(mu_value_get(v, "on_poweroff")->string, "restart");
	v = mu_value_get(mu_value_get(v, "vfbs")->first, "vnc");
	cr_expect_str_eq(mu_value_get(v, "enable")->string, "True");
}

Test(dconf, a_type_that_was_changed)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct hv_vm_config *c =
	    read_value(a, "pv", with(a, PV, "", ",\"kernel\":\"/k\",\"slack\":1", ""));
	const struct mu_value *b;

	(void)snprintf(c->extra, sizeof c->extra,
		       "{\"b_info\":{\"type.pv\":{\"e820_host\":\"True\"}}}");
	c->type = VM_TYPE_PVH;
	b = mu_value_get(write(a, "pvh", c), "b_info");
	cr_expect_null(mu_value_get(b, "type.pv"));
	cr_expect_not_null(mu_value_get(b, "type.pvh"));
}

static struct hv_vm_config *plain(struct mu_arena *a, enum vm_type type)
{
	struct hv_vm_config *c = mu_arena_calloc(a, 1, sizeof *c);

	cr_assert(mu_uuid_parse("8d2c1d1c-76a4-4d22-9d3e-0123456789ab", &c->id.uuid));
	(void)snprintf(c->name, sizeof c->name, "web");
	c->type = type;
	c->vcpus = 2;
	c->vcpus_max = 4;
	c->memory_bytes = 64 << 20;
	c->memory_max_bytes = 128 << 20;
	return c;
}

static void text(struct mu_arena *a, const struct mu_value *v, struct mu_str *out)
{
	(void)a;
	mu_str_reset(out);
	mu_json_write(out, v, false);
}

Test(dconf, a_definition_for_libxl)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;
	struct hv_vm_config *c = plain(a, VM_TYPE_PV);

	(void)snprintf(c->bootloader, sizeof c->bootloader, "pygrub");
	(void)snprintf(c->bootloader_args, sizeof c->bootloader_args, "-q\n--entry=1\n");
	(void)snprintf(c->cpus_hard, sizeof c->cpus_hard, "0-3,^2");
	(void)snprintf(c->cpus_soft, sizeof c->cpus_soft, "1;0;");
	c->on_reboot = HV_ON_RESTART;
	c->n_disks = 2;
	c->disks[0] = (struct hv_disk){.vdev = "xvda", .path = "/a", .format = "qcow2"};
	c->disks[1] =
	    (struct hv_disk){.vdev = "xvdb", .path = "/b", .readonly = true, .bootable = true};
	c->n_nics = 2;
	c->nics[0] = (struct hv_nic){.bridge = "br0", .rate_bytes = 5};
	c->nics[1] = (struct hv_nic){.mac = "00:16:3e:01:02:03", .has_device = true, .device = 4};
	c->n_usb_devices = 1;
	c->usb_devices[0] = (struct hv_usb_device){.bus = 1, .address = 2};
	text(a, write(a, "pv", c), &out);
	cr_expect_str_eq(
	    out.data,
	    "{\"c_info\":{\"type\":\"pv\",\"uuid\":\"8d2c1d1c-76a4-4d22-9d3e-0123456789ab\","
	    "\"name\":\"web\"},\"b_info\":{\"type.pv\":{},\"max_memkb\":131072,"
	    "\"target_memkb\":65536,\"max_vcpus\":4,\"avail_vcpus\":[0,1],"
	    "\"vcpu_hard_affinity\":[[0,1,3],[0,1,3],[0,1,3],[0,1,3]],"
	    "\"vcpu_soft_affinity\":[[1],[0]],\"bootloader\":\"pygrub\","
	    "\"bootloader_args\":[\"-q\",\"--entry=1\"]},\"on_poweroff\":\"destroy\","
	    "\"on_reboot\":\"restart\",\"on_crash\":\"destroy\",\"on_watchdog\":\"destroy\","
	    "\"nics\":[{\"bridge\":\"br0\",\"devid\":0,\"mac\":\"00:16:3e:78:96:06\","
	    "\"rate_bytes_per_interval\":1,\"rate_interval_usecs\":50000},"
	    "{\"mac\":\"00:16:3e:01:02:03\",\"devid\":4}],"
	    "\"usbdevs\":[{\"type.hostdev\":{\"hostbus\":1,\"hostaddr\":2}}],"
	    "\"disks\":[{\"vdev\":\"xvdb\",\"pdev_path\":\"/b\"},"
	    "{\"vdev\":\"xvda\",\"pdev_path\":\"/a\",\"format\":\"qcow2\",\"readwrite\":1}]}",
	    "%s", out.data);
}

Test(dconf, cpu_lists_for_libxl)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct hv_vm_config *c = plain(a, VM_TYPE_PVH);
	const struct mu_value *b;

	(void)snprintf(c->cpus_hard, sizeof c->cpus_hard, "all");
	(void)snprintf(c->cpus_soft, sizeof c->cpus_soft, "all;3;");
	b = mu_value_get(write(a, "all", c), "b_info");
	cr_expect_null(mu_value_get(b, "vcpu_hard_affinity"), "which is no affinity");
	cr_expect_eq(mu_value_get(b, "vcpu_soft_affinity")->n_children, 2u);
	cr_expect_eq(mu_value_get(b, "vcpu_soft_affinity")->first->n_children, (size_t)HV_CPUS_MAX);
}

Test(dconf, a_console_for_libxl)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct hv_vm_config *c = plain(a, VM_TYPE_HVM);
	const struct mu_value *hvm, *v;

	hvm = mu_value_get(mu_value_get(write(a, "none", c), "b_info"), "type.hvm");
	cr_expect_str_eq(mu_value_get(mu_value_get(hvm, "vnc"), "enable")->string, "False");
	cr_expect_null(mu_value_get(hvm, "usbdevice"));
	c->vnc = c->spice = true;
	c->spice_port = 5901;
	hvm = mu_value_get(mu_value_get(write(a, "vnc", c), "b_info"), "type.hvm");
	cr_expect_str_eq(mu_value_get(mu_value_get(hvm, "vnc"), "enable")->string, "True");
	cr_expect_str_eq(mu_value_get(hvm, "usbdevice")->string, "tablet");
	cr_expect_eq(mu_value_get(mu_value_get(hvm, "spice"), "port")->integer, 5901);
	c->type = VM_TYPE_PVH;
	v = write(a, "pvh", c);
	cr_expect_eq(mu_value_get(v, "vfbs")->n_children, 1u);
	cr_expect_eq(mu_value_get(v, "vkbs")->n_children, 1u);
	cr_expect(read_value(a, "pvh", v)->vnc);
	cr_expect_str_eq(read_value(a, "pvh", v)->extra, "");
}

Test(dconf, derived_addresses_are_steady_and_distinct)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct hv_vm_config *c = plain(a, VM_TYPE_PV), *one, *two;

	c->n_nics = 2;
	one = read_value(a, "one", write(a, "one", c));
	two = read_value(a, "two", write(a, "two", c));
	cr_expect_str_eq(one->nics[0].mac, two->nics[0].mac);
	cr_expect_str_neq(one->nics[0].mac, one->nics[1].mac);
	c->id.uuid.bytes[15] ^= 1;
	two = read_value(a, "other", write(a, "other", c));
	cr_expect_str_neq(one->nics[0].mac, two->nics[0].mac);
}

/* Defaults of libxl's become values. */
Test(dconf, defaults)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct hv_vm_config *c =
	    read_value(a, "least",
		       parse(a, "{\"c_info\":{\"type\":\"pv\",\"domid\":7},\"b_info\":{"
				"\"max_memkb\":65536,\"max_vcpus\":0}}"));

	cr_expect_eq(c->vcpus, 1u);
	cr_expect_eq(c->vcpus_max, 1u);
	cr_expect_eq(c->memory_bytes, c->memory_max_bytes);
	cr_expect(mu_uuid_is_nil(&c->id.uuid));
	cr_expect_str_eq(c->extra, "", "the domain's number is of one run");
	c = read_value(a, "target",
		       parse(a, "{\"c_info\":{\"type\":\"pv\"},\"b_info\":{\"max_memkb\":65536,"
				"\"target_memkb\":99999}}"));
	cr_expect_eq(c->memory_bytes, (int64_t)64 << 20);
}

static void refused(const char *json, enum mu_error_code code, const char *says)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct hv_vm_config *c = mu_arena_calloc(a, 1, sizeof *c);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(dconf_read(parse(a, json), c, &err), 0, "%s", json);
	cr_expect_eq(err.code, code, "%s", err.text);
	cr_expect(strstr(err.text, says), "\"%s\" has no \"%s\"", err.text, says);
}

#define LEAST "{\"c_info\":{\"type\":\"pv\"},\"b_info\":{\"max_memkb\":65536}"

static char *repeated(struct mu_arena *a, const char *name, const char *item, size_t n)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_str_printf(&text, LEAST ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++)
		mu_str_printf(&text, "%s%s", i ? "," : "", item);
	mu_str_add(&text, "]}");
	return mu_arena_strdup(a, text.data);
}

Test(dconf, what_cannot_be_held_is_refused)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	char *long_text = mu_arena_calloc(a, 1, HV_EXTRA_MAX + 2);

	memset(long_text, 'x', HV_EXTRA_MAX + 1);
	refused("7", MU_E_INVALID, "not an object");
	refused("{\"c_info\":7}", MU_E_INVALID, "c_info");
	refused("{}", MU_E_UNSUPPORTED, "type");
	refused("{\"c_info\":{\"type\":\"sparc\"}}", MU_E_UNSUPPORTED, "type");
	refused("{\"c_info\":{\"type\":\"pv\",\"uuid\":\"x\"}}", MU_E_INVALID, "UUID");
	refused("{\"c_info\":{\"type\":\"pv\"},\"b_info\":{\"type.pv\":7}}", MU_E_INVALID,
		"type.pv");
	refused("{\"c_info\":{\"type\":\"pv\"}}", MU_E_UNSUPPORTED, "memory size");
	refused("{\"c_info\":{\"type\":\"pv\"},\"b_info\":{\"max_memkb\":1,\"max_vcpus\":129}}",
		MU_E_UNSUPPORTED, "number of vCPUs");
	refused("{\"c_info\":{\"type\":\"pv\"},\"b_info\":{\"max_memkb\":1,\"avail_vcpus\":[0,1]}}",
		MU_E_UNSUPPORTED, "more vCPUs are online");
	refused(LEAST ",\"disks\":7}", MU_E_INVALID, "disks: not a list");
	refused(LEAST ",\"nics\":[7]}", MU_E_INVALID, "nic 0: not an object");
	refused(repeated(a, "disks", "{}", HV_DISKS_MAX + 1), MU_E_UNSUPPORTED,
		"17 disks; at most 16");
	refused(repeated(a, "pcidevs", "{}", HV_PCI_MAX + 1), MU_E_UNSUPPORTED, "17 PCI devices");
	refused(mu_arena_printf(a, LEAST ",\"new\":\"%s\"}", long_text), MU_E_UNSUPPORTED,
		"bytes of settings that only libxl knows");
	refused(mu_arena_printf(a, LEAST ",\"nics\":[{\"new\":\"%s\"}]}", long_text),
		MU_E_UNSUPPORTED, "nic 0: it has");
	refused(mu_arena_printf(a, LEAST ",\"disks\":[{\"new\":\"%s\"}]}", long_text),
		MU_E_UNSUPPORTED, "disk 0: it has");
}

static void not_written(const struct hv_vm_config *c, enum mu_error_code code, const char *says)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	cr_assert_lt(dconf_write(a, c, &v, &err), 0, "%s", says);
	cr_expect_eq(err.code, code, "%s", err.text);
	cr_expect(strstr(err.text, says), "\"%s\" has no \"%s\"", err.text, says);
}

Test(dconf, what_libxl_cannot_do_is_refused)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct hv_vm_config *c = plain(a, VM_TYPE_HVM);

	c->vtpm = true;
	not_written(c, MU_E_UNSUPPORTED, "vtpm: ");
	c->vtpm = false;
	c->cores_per_socket = 2;
	not_written(c, MU_E_UNSUPPORTED, "coresPerSocket");
	c->cores_per_socket = 1;
	(void)snprintf(c->extra, sizeof c->extra, "{");
	not_written(c, MU_E_PROTOCOL, "libxl: malformed");
	(void)snprintf(c->extra, sizeof c->extra, "[]");
	not_written(c, MU_E_INVALID, "libxl: not an object");
	(void)snprintf(c->extra, sizeof c->extra, "{\"b_info\":7}");
	not_written(c, MU_E_INVALID, "is no object");
	c->extra[0] = '\0';
	c->n_disks = 1;
	(void)snprintf(c->disks[0].extra, sizeof c->disks[0].extra, "7");
	not_written(c, MU_E_INVALID, "disk 0: libxl: not an object");
}

/* What libxl never says is left to it to complain about. */
Test(dconf, members_of_a_wrong_type)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct hv_vm_config *c = read_value(a, "vnc", with(a, HVM, "", "\"vnc\":7", ""));

	cr_expect_not(c->vnc);
	cr_expect_not_null(strstr(c->extra, "\"vnc\":7"));
	c = read_value(a, "vfb", with(a, PV, "", "", ",\"vfbs\":[{\"vnc\":7},7]"));
	cr_expect_not(c->vnc);
	cr_expect_not_null(strstr(c->extra, "{\"vnc\":7}"));
}

Test(dconf, building_by_paths)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *root = mu_value_object(a);

	dconf_set(a, root, "a/b/c", mu_value_int(a, 1));
	dconf_set(a, root, "a/b/c", mu_value_int(a, 2));
	cr_expect_eq(mu_value_get(dconf_object(a, root, "a/b"), "c")->integer, 2);
	cr_expect_null(dconf_object(a, root, "a/b/c"), "a number is there");
	dconf_set(a, root, "a/b/c/d", mu_value_int(a, 3));
	cr_expect_eq(mu_value_get(dconf_object(a, root, "a/b"), "c")->integer, 2, "left alone");
	cr_expect_null(dconf_object(a, root, "a/b/c/d"));
	mu_value_push(dconf_list(a, root, "l/m"), mu_value_int(a, 1));
	mu_value_push(dconf_list(a, root, "l/m"), mu_value_int(a, 2));
	cr_expect_eq(dconf_list(a, root, "l/m")->n_children, 2u);
	cr_expect_eq(dconf_list(a, root, "a/b/c")->n_children, 0u, "in place of the number");
	cr_expect_eq(dconf_list(a, root, "l/m/n")->n_children, 0u, "nowhere");
}
