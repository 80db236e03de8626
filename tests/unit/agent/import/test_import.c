/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of other tools become definitions without loss: each is imported, turned into what libxl
 * would be given, and compared with what the other tool gives libxl. For xl that is what `xl create
 * -n` of Xen 4.17 prints for the same file, kept in tests/data/libxl.
 */
#include "agent/import/import.h"

#include "agent/hv/dconf/dconf.h"
#include "common/json/json.h"
#include "tests/unit/agent/import/corpus.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* name.cfg -> libxl/name.json */
static struct mu_value *expected_of(struct mu_arena *a, const char *name, const char *folder)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%.*s.json", folder, (int)strcspn(name, "."), name);
	corpus_read(path, &text);
	return corpus_json(a, &text);
}

static struct mu_value *libxl_of(struct mu_arena *a, const struct vm_spec *spec, const char *name)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v = NULL;

	cr_assert_eq(dconf_write(a, &spec->config, &v, &err), 0, "%s: %s", name, err.text);
	return v;
}

static void same_as_xl(const char *name, const struct mu_str *text)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct vm_spec *spec = mu_arena_alloc(a, sizeof *spec);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(import_text("xl", text->data, text->len, spec, &err), 0, "%s: %s", name,
		     err.text);
	corpus_same(a, name, expected_of(a, name, "libxl"), libxl_of(a, spec, name));
}

Test(import, xl_files_come_to_what_xl_makes_of_them)
{
	corpus_each("xl", ".cfg", 25, same_as_xl);
}

static void same_as_libvirt(const char *name, const struct mu_str *text)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct vm_spec *spec = mu_arena_alloc(a, sizeof *spec);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(import_text("libvirt", text->data, text->len, spec, &err), 0, "%s: %s", name,
		     err.text);
	corpus_same(a, name, expected_of(a, name, "libvirt"), libxl_of(a, spec, name));
}

Test(import, libvirt_files_come_to_what_its_driver_makes_of_them)
{
	corpus_each("libvirt", ".xml", 10, same_as_libvirt);
}

/* What is refused, and by what it is named. */

static void refused(const char *format, const char *text, enum mu_error_code code, const char *says)
{
	MU_CLEANUP(mu_free) struct vm_spec *spec = mu_xmalloc(sizeof *spec);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(import_text(format, text, strlen(text), spec, &err), 0, "%s", text);
	cr_expect_eq(err.code, code, "%s", err.text);
	cr_expect(strstr(err.text, says), "\"%s\" has no \"%s\"", err.text, says);
}

#define XL "name = \"a\"\nkernel = \"/k\"\nmemory = 64\n"

Test(import, xl_files_that_are_refused)
{
	static const struct {
		const char *more;
		const char *says;
	} cases[] = {
	    {"vcpu = 2\n", "line 4: \"vcpu\""},
	    {"memory 64\n", "line 4: expected \"=\""},
	    {"# a\n\nvcpus = two\n", "line 6: expected a string"},
	    {"vcpus = \"2\n", "line 4: a string without its end"},
	    {"vcpus = \"2", "line 4: a string without its end"},
	    {"extra = \"\\x1\"\n", "line 4: an escape"},
	    {"extra = \"\\", "line 4: an escape"},
	    {"extra = '\\777'\n", "line 4: an escape"},
	    {"vif = [ \"\" \"\" ]\n", "line 4: expected \",\" or \"]\""},
	    {"vif = [\n\"\"\n", "line 7: expected \",\" or \"]\""},
	    {"vif = [", "line 5: expected"},
	    {"vnuma = [[[[[[[[[[[[[[[[[[\n", "too deep"},
	    {"vcpus = 2 vcpus = 3\n", "line 4: expected the end of the line"},
	    {"= 2\n", "line 4: expected KEY"},
	    {"Vcpus = 2\n", "line 4: expected KEY"},
	    {"import os\n", "line 4: expected \"=\""},
	    {"maxvcpus = 1\nvcpus = 2\n", "maxvcpus: less than vcpus"},
	    {"cpus = \"nodes:0\"\nvcpus = 1\n", "other CPUs on each host"},
	    {"cpus = \"4-2\"\nvcpus = 1\n", "\"4-2\" is not a range"},
	    {"vif = [ \"mac=00:16:3e\" ]\n", "vif: entry 0: option mac"},
	    {"vif = [ \"bridge=br0\", \"speed=1\" ]\n", "vif: entry 1: option \"speed=1\""},
	    {"vif = \"bridge=br0\"\n", "vif: not a list"},
	    {"disk = [ \"/a,raw,xvda,rw,wings\" ]\n", "disk: entry 0"},
	    {"pci = [ \"zz:00.0\" ]\n", "pci: entry 0"},
	    {"usbctrl = [ \"ports=99\" ]\n", "usbctrl: entry 0: option ports"},
	    {"vtpm = [ \"uuid=1\" ]\n", "vtpm: entry 0: option backend: required"},
	    {"channel = [ \"name=a\" ]\n", "channel: entry 0: option connection: required"},
	    {"channel = [ \"name=a,connection=socket\" ]\n", "option path: required"},
	    {"vkb = [ \"width=1\" ]\n", "option backend-type: required"},
	    {"vdispl = [ \"connectors=a:1y2\" ]\n", "not ID:WIDTHxHEIGHT"},
	    {"p9 = [ \"tag=a,path=/x\" ]\n", "option security_model: required"},
	    {"vsnd = [ [ \"flute\" ] ]\n", "vsnd: card 0: \"flute\""},
	    {"vsnd = [ [ \"card, sample-formats=mp4\" ] ]\n", "no sample format"},
	    {"vsnd = [ \"card\" ]\n", "vsnd: card 0: not a list"},
	    {"vnuma = [ [ \"size=64\", \"colour=2\" ] ]\n", "vnuma: node 0"},
	    {"vnuma = [ \"size=64\" ]\n", "vnuma: node 0: not a list"},
	    {"maxvcpus = 3\nvnuma = [ [ \"size=64\", \"vcpus=0-1\" ] ]\n",
	     "not as many as maxvcpus"},
	    {"maxmem = 128\nvnuma = [ [ \"size=64\", \"vcpus=0\" ] ]\n", "not as much as maxmem"},
	    {"ioports = [ \"xyz\" ]\n", "no range of I/O ports"},
	    {"iomem = [ \"10\" ]\n", "no range of memory frames"},
	    {"irqs = [ \"ten\" ]\n", "no interrupt"},
	    {"on_crash = \"explode\"\n", "on_crash: \"explode\""},
	    {"cpuid = \"tm=0\"\n", "must begin with \"host\""},
	    {"cpuid = \"host,warp=1\"\n", "\"warp=1\""},
	    {"cpuid = [ \"1:ecx=x\" ]\n", "not 32 characters"},
	    {"tsc_mode = \"fast\"\n", "tsc_mode: \"fast\""},
	    {"timer_mode = 1\n", "timer_mode: not for pv"},
	    {"firmware = \"pvgrub64\"\n", "write its path as kernel"},
	    {"shadow_memory = -1\n", "line 4: expected a string in quotes"},
	    {"shadow_memory = \"-1\"\n", "shadow_memory: -1 is out of range"},
	    {"hap = \"maybe\"\n", "hap: not a whole number"},
	    {"kernel = [ \"/k\" ]\n", "kernel: a list"},
	    {"type = \"vm\"\n", "type: \"vm\""},
	    {"type = \"pv\"\nbuilder = \"hvm\"\n", "contradicts"},
	    {"builder = \"linux\"\n", "builder: \"linux\""},
	    {"type = \"hvm\"\nvga = \"huge\"\n", "vga: \"huge\""},
	    {"type = \"hvm\"\ngfx_passthru = \"all\"\n", "gfx_passthru: \"all\""},
	    {"type = \"hvm\"\nviridian = [ \"warp\" ]\n", "viridian: entry 0"},
	    {"type = \"hvm\"\nmca_caps = [ \"warp\" ]\n", "mca_caps: entry 0"},
	    {"type = \"hvm\"\nms_vm_genid = \"old\"\n", "ms_vm_genid: \"old\""},
	    {"type = \"hvm\"\nrdm = \"policy=soft\"\n", "rdm: option policy"},
	    {"device_model_version = \"8\"\n", "device_model_version: \"8\""},
	    {"uuid = \"12\"\n", "not a UUID"},
	    {"kernel = \"vmlinuz\"\n", "kernel: not an absolute path"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		char text[1024];

		(void)snprintf(text, sizeof text, "%s%s", XL, cases[i].more);
		refused("xl", text, MU_E_INVALID, cases[i].says);
	}
	refused("xl", "kernel = \"/k\"\nmemory = 64\n", MU_E_INVALID, "name: required");
	refused("xl", "name = \"a\"\nkernel = \"/k\"\n", MU_E_INVALID, "memory: required");
	refused("xl", "\xff", MU_E_INVALID, "UTF-8");
	refused("ovf", XL, MU_E_INVALID, "no format");
}

#define HEAD                                                                                       \
	"<domain type='xen'>\n<name>a</name>\n<memory unit='MiB'>64</memory>\n"                    \
	"<os><type>linux</type><kernel>/k</kernel></os>\n"
#define TAIL "</domain>\n"

Test(import, libvirt_files_that_are_refused)
{
	static const struct {
		const char *more;
		const char *says;
	} cases[] = {
	    {"<iothreads>2</iothreads>", "line 5: <iothreads>"},
	    {"<devices>\n<disk type='file'><source file='/a'/><target dev='xvda'/>"
	     "<serial>x</serial></disk></devices>",
	     "line 6: <serial>"},
	    {"<devices><disk type='network'><target dev='xvda'/></disk></devices>", "network"},
	    {"<devices><disk type='file' device='floppy'/></devices>", "floppy"},
	    {"<devices><disk type='file'><source file='/a'/></disk></devices>", "<target"},
	    {"<devices><disk type='file'><driver name='qemu' type='vdi'/><target "
	     "dev='xvda'/></disk>"
	     "</devices>",
	     "<driver>"},
	    {"<devices><interface type='network'><source network='n'/></interface></devices>",
	     "libvirt's network"},
	    {"<devices><interface type='direct'/></devices>", "direct"},
	    {"<devices><interface type='bridge' trustGuestRxFilters='yes'/></devices>",
	     "trustGuestRxFilters"},
	    {"<devices><hostdev type='usb'><source><vendor id='1'/></source></hostdev></devices>",
	     "bus and device number"},
	    {"<devices><hostdev type='mdev'/></devices>", "mdev"},
	    {"<devices><hostdev type='pci'><source><address bus='0x100'/></source></hostdev>"
	     "</devices>",
	     "bus is no whole number"},
	    {"<devices><graphics type='rdp'/></devices>", "rdp"},
	    {"<devices><graphics type='spice'/></devices>", "only hvm"},
	    {"<devices><graphics type='vnc' port='80'/></devices>", "below 5900"},
	    {"<devices><video><model type='vmvga'/></video></devices>", "vmvga"},
	    {"<devices><serial type='pty'/></devices>", "<serial>"},
	    {"<devices><console type='tcp'/></devices>", "pty"},
	    {"<devices><controller type='usb' model='ehci'/></devices>", "ehci"},
	    {"<devices><memballoon model='virtio'/></devices>", "virtio"},
	    {"<devices><channel type='unix'><target type='virtio'/></channel></devices>",
	     "<channel>"},
	    {"<devices><tpm model='tpm-tis'/></devices>", "<tpm model"},
	    {"<vcpu placement='auto'>2</vcpu>", "statically"},
	    {"<vcpu current='3'>2</vcpu>", "current"},
	    {"<vcpu cpuset='0-x'>2</vcpu>", "a CPU is no whole number"},
	    {"<cputune><vcpupin vcpu='7' cpuset='1'/></cputune>", "vcpu is no whole number"},
	    {"<cputune><period>10000</period></cputune>", "<period>"},
	    {"<cpu mode='custom'/>", "host-passthrough"},
	    {"<cpu mode='host-passthrough'><topology sockets='1'/></cpu>", "<topology sockets"},
	    {"<cpu><feature policy='maybe' name='tm'/></cpu>", "policy"},
	    {"<clock offset='timezone'/>", "timezone"},
	    {"<clock offset='utc'><timer name='kvmclock'/></clock>", "kvmclock"},
	    {"<clock offset='variable' adjustment='soon'/>", "adjustment"},
	    {"<on_crash>oops</on_crash>", "<on_crash>"},
	    {"<features><smm/></features>", "<smm>"},
	    {"<uuid>12</uuid>", "not a UUID"},
	    {"text", "<domain>"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		char text[1024];

		(void)snprintf(text, sizeof text, "%s%s%s", HEAD, cases[i].more, TAIL);
		refused("libvirt", text, MU_E_INVALID, cases[i].says);
	}
	refused("libvirt", "<domain type='kvm'/>", MU_E_INVALID, "Xen drivers");
	refused("libvirt", "<domain type='xen'/>", MU_E_INVALID, "no <os>");
	refused("libvirt", "<domain", MU_E_INVALID, "line 1");
	refused("libvirt", "", MU_E_INVALID, "line");
	refused("libvirt", "<domain type='xen'><os><type arch='aarch64'>hvm</type></os></domain>",
		MU_E_INVALID, "another architecture");
	refused("libvirt", "<domain type='xen'><os><type>exe</type></os></domain>", MU_E_INVALID,
		"none of Xen's");
	refused("libvirt", "<domain type='xen'><os><type>hvm</type></os></domain>", MU_E_INVALID,
		"no <memory>");
}

/* Nothing outside the text is read, and nothing grows. */
Test(import, hostile_xml)
{
	refused("libvirt",
		"<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>\n<domain type='xen'>"
		"<name>&x;</name></domain>",
		MU_E_INVALID, "DOCTYPE");
	refused("libvirt",
		"<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
		"<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]>\n<domain type='xen'>"
		"<name>&c;</name></domain>",
		MU_E_INVALID, "DOCTYPE");
	{
		MU_CLEANUP(mu_str_deinit) struct mu_str deep = MU_STR_INIT;

		for (int i = 0; i < 1000; i++)
			mu_str_add(&deep, "<a>");
		refused("libvirt", deep.data, MU_E_INVALID, "nested too deep");
	}
	refused("libvirt", "<domain type='xen'><name>&nowhere;</name></domain>", MU_E_INVALID,
		"line 1");
}

Test(import, what_is_too_large)
{
	MU_CLEANUP(mu_free) char *text = mu_xcalloc(IMPORT_TEXT_MAX + 2, 1);

	memset(text, '#', IMPORT_TEXT_MAX + 1);
	refused("xl", text, MU_E_TOO_LARGE, "at most");
	refused("libvirt", text, MU_E_TOO_LARGE, "at most");
}

static struct vm_spec *import(const char *format, const char *text)
{
	struct vm_spec *spec = mu_xmalloc(sizeof *spec);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(import_text(format, text, strlen(text), spec, &err), 0, "%s", err.text);
	return spec;
}

Test(import, who_has_no_id_gets_a_new_one)
{
	MU_CLEANUP(mu_free) struct vm_spec *first = import("xl", XL);
	MU_CLEANUP(mu_free) struct vm_spec *second = import("xl", XL);

	cr_expect_not(mu_uuid_is_nil(&first->config.id.uuid));
	cr_expect_not(mu_uuid_equal(&first->config.id.uuid, &second->config.id.uuid));
}

Test(import, keys_that_xl_passes_over)
{
	MU_CLEANUP(mu_free)
	struct vm_spec *spec =
	    import("xl", XL "vncviewer = 1; extra = 'a \"# b'\n# tail = 1\n;viridian = 1\n"
			    "vif = [ # one\n'bridge=a', # two\n ]# the end");

	cr_expect_str_eq(spec->config.cmdline, "a \"# b");
	cr_expect_eq(spec->config.n_nics, 1u);
	cr_expect_eq(spec->config.viridian, HV_UNSET, "not a setting of a pv guest");
}

Test(import, libvirt_title_description_and_cpu)
{
	MU_CLEANUP(mu_free)
	struct vm_spec *spec = import(
	    "libvirt", HEAD "<title>Shop</title><description>sells</description>"
			    "<metadata><x/></metadata><cpu><feature policy='disable' name='pni'/>"
			    "<feature name='aes'/></cpu>" TAIL);

	cr_expect_str_eq(spec->description, "Shop: sells");
	cr_expect_str_eq(spec->config.cpuid, "host,sse3=0,aes=1");
}

/* Not in the corpus: xl itself leaves the policy to chance, or drops both. */
Test(import, reserved_memory)
{
	MU_CLEANUP(mu_free)
	struct vm_spec *spec =
	    import("xl", XL "type = \"hvm\"\nrdm = \"strategy=host,policy=relaxed\"\n"
			    "pci = [ \"03:00.0\", \"04:00.0,rdm_policy=strict\" ]\n");

	cr_expect_not_null(
	    strstr(spec->config.extra, "\"rdm\":{\"strategy\":\"host\",\"policy\":\"relaxed\"}"));
	cr_expect_str_eq(spec->config.pci[0].extra, "{\"rdm_policy\":\"relaxed\"}");
	cr_expect_str_eq(spec->config.pci[1].extra, "{\"rdm_policy\":\"strict\"}");
}

/* Of other processors, or so old that nobody writes them: kept all the same. */
Test(import, rare_keys)
{
	MU_CLEANUP(mu_free)
	struct vm_spec *spec =
	    import("xl", XL "device_tree = \"/t\"\ndtdev = [ \"/soc/a\" ]\ngic_version = \"v3\"\n"
			    "vuart = \"sbsa_uart\"\ntee = \"optee\"\nslice = 7\nlatency = 8\n");

	cr_expect_str_eq(spec->config.extra,
			 "{\"b_info\":{\"sched_params\":{\"slice\":7,\"latency\":8},"
			 "\"device_tree\":\"/t\",\"arch_arm\":{\"gic_version\":\"v3\","
			 "\"vuart\":\"sbsa_uart\"},\"tee\":\"optee\"},"
			 "\"on_soft_reset\":\"soft_reset\",\"dtdevs\":[{\"path\":\"/soc/a\"}]}");
}

Test(import, the_hosts_own_screen)
{
	MU_CLEANUP(mu_free)
	struct vm_spec *spec =
	    import("xl", XL "type = \"hvm\"\nvnc = 0\nsdl = 1\nopengl = 1\ndisplay = \":0\"\n"
			    "xauthority = \"/x\"\ndevice_model = \"qemu-dm\"\n");

	cr_expect_not(spec->config.vnc);
	cr_expect_not_null(strstr(spec->config.extra,
				  "\"sdl\":{\"enable\":\"True\",\"opengl\":\"True\","
				  "\"display\":\":0\",\"xauthority\":\"/x\"}"));
}
