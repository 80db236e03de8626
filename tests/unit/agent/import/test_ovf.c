/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OVF descriptors: as VirtualBox, VMware and Xen Orchestra write them (tests/data/ovf), as we do,
 * and as somebody would who means harm.
 */
#include "agent/import/ovf.h"

#include "agent/import/ovf_units.h"
#include "common/json/json.h"
#include "tests/unit/agent/import/corpus.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct mu_uuid vdis[HV_DISKS_MAX];

static void setup(void)
{
	for (size_t i = 0; i < HV_DISKS_MAX; i++)
		vdis[i].bytes[0] = (uint8_t)(i + 1);
}

TestSuite(ovf, .init = setup);

static const char *bridge(const char *network, const char *had, void *ctx, struct mu_error *err)
{
	(void)ctx;
	if (!strcmp(network, "nowhere")) {
		(void)mu_error_set(err, MU_E_NOT_FOUND, "no such network");
		return NULL;
	}
	return *had ? had : !strcmp(network, "LAN") ? "xenbr7" : "";
}

static const struct ovf_request plain = {
    .id = {{{9}}}, .keep_macs = true, .vdis = vdis, .bridge = bridge};

static void read_file(struct mu_arena *a, const char *name, struct ovf *ret)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;

	corpus_read(name, &text);
	cr_assert_eq(ovf_read(a, text.data, text.len, ret, &err), 0, "%s: %s", name, err.text);
}

static struct ovf_plan *plan(struct mu_arena *a, struct ovf *ovf, const struct ovf_request *rq)
{
	struct ovf_plan *p = mu_arena_alloc(a, sizeof *p);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(ovf_plan(ovf, rq, p, &err), 0, "%s", err.text);
	return p;
}

static bool notes_have(const struct ovf *ovf, const char *text)
{
	for (size_t i = 0; i < ovf->notes.n; i++) {
		if (strstr(ovf->notes.texts[i], text))
			return true;
	}
	return false;
}

Test(ovf, virtualbox)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct ovf *o = mu_arena_calloc(a, 1, sizeof *o);
	const struct hv_vm_config *c;
	struct ovf_plan *p;

	read_file(a, "ovf/virtualbox.ovf", o);
	cr_expect_str_eq(o->disks[1].href, "build-disk002.vmdk");
	cr_expect_eq(o->disks[0].capacity_bytes, INT64_C(20) << 30);
	p = plan(a, o, &plain);
	c = &p->spec.config;
	cr_expect_str_eq(c->name, "build host");
	cr_expect_str_eq(p->spec.description, "builds what has to be built");
	cr_expect_eq(c->type, VM_TYPE_HVM);
	cr_expect_eq(c->vcpus, 4);
	cr_expect_eq(c->memory_bytes, INT64_C(2) << 30);
	cr_expect_str_eq(c->firmware, "uefi");
	cr_expect_eq(c->viridian, HV_ON);
	cr_assert_eq(c->n_disks, 3);
	cr_expect_str_eq(c->disks[1].vdev, "xvdb");
	cr_expect(mu_uuid_equal(&c->disks[1].vdi, &vdis[1]));
	cr_expect_str_eq(c->disks[2].vdev, "hdd");
	cr_expect(c->disks[2].cdrom);
	cr_assert_eq(c->n_nics, 2);
	cr_expect_str_eq(c->nics[0].model, "e1000");
	cr_expect_str_eq(c->nics[0].mac, "");
	cr_expect_str_eq(c->nics[1].mac, "08:00:27:d1:4c:3f");
	cr_expect(notes_have(o, "AHCI") && notes_have(o, "usb") && notes_have(o, "sound") &&
		  notes_have(o, "\"NAT\""));
}

Test(ovf, vmware)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct ovf *o = mu_arena_calloc(a, 1, sizeof *o);
	struct ovf_request rq = plain;
	struct ovf_plan *p;

	rq.name = "another";
	rq.description = "said";
	read_file(a, "ovf/vmware.ovf", o);
	p = plan(a, o, &rq);
	cr_expect_str_eq(p->spec.config.name, "another");
	cr_expect_str_eq(p->spec.description, "said");
	cr_expect_eq(p->spec.config.vcpus, 8, "of the default deployment option");
	cr_expect_eq(p->spec.config.memory_bytes, INT64_C(4) << 30);
	cr_expect_str_eq(p->spec.config.firmware, "uefi");
	cr_expect_eq(p->spec.config.viridian, HV_UNSET);
	cr_assert_eq(o->n_disks, 2);
	cr_expect_eq(o->disks[0].capacity_bytes, INT64_C(16) << 30);
	cr_expect_str_eq(o->disks[1].href, "");
	cr_expect_eq(o->disks[1].capacity_bytes, INT64_C(512) << 20);
	cr_expect(notes_have(o, "large") && notes_have(o, "VirtualSCSI") &&
		  notes_have(o, "secure boot") && notes_have(o, "ProductSection"));
}

Test(ovf, xen_orchestra)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct ovf *o = mu_arena_calloc(a, 1, sizeof *o);
	struct ovf_plan *p;

	read_file(a, "ovf/xen-orchestra.ovf", o);
	p = plan(a, o, &plain);
	cr_expect_str_eq(p->spec.config.name, "2024-11");
	cr_expect_eq(p->spec.config.memory_bytes, INT64_C(512) << 20);
	cr_expect_str_eq(p->spec.config.firmware, "bios");
	cr_expect_str_eq(p->spec.config.nics[0].bridge, "xenbr7");
	cr_expect_str_eq(p->spec.config.nics[0].mac, "7e:36:1a:bb:01:02");
	cr_expect_eq(o->notes.n, 0);
}

/* Our own, there and back */

static void fill_spec(struct vm_spec *s)
{
	struct hv_vm_config *c = &s->config;

	vm_spec_init(s);
	c->id.uuid.bytes[0] = 77;
	(void)snprintf(c->name, sizeof c->name, "a & <b> \"c\"");
	(void)snprintf(s->description, sizeof s->description, "]]> & so on");
	c->type = VM_TYPE_HVM;
	c->vcpus = 3;
	c->vcpus_max = 4;
	c->memory_bytes = INT64_C(96) << 20;
	c->memory_max_bytes = INT64_C(128) << 20;
	memcpy(c->firmware, "uefi", sizeof "uefi");
	c->nested = HV_ON;
	c->viridian = HV_ON;
	s->n_tags = 1;
	(void)snprintf(s->tags[0], sizeof s->tags[0], "x=y");
	c->n_disks = 2;
	(void)snprintf(c->disks[0].vdev, sizeof c->disks[0].vdev, "xvdc");
	memcpy(c->disks[0].format, "raw", sizeof "raw");
	c->disks[0].vdi.bytes[0] = 40;
	(void)snprintf(c->disks[1].vdev, sizeof c->disks[1].vdev, "hdd");
	memcpy(c->disks[1].format, "raw", sizeof "raw");
	c->disks[1].cdrom = c->disks[1].readonly = true;
	c->n_nics = 2;
	(void)snprintf(c->nics[0].mac, sizeof c->nics[0].mac, "00:16:3e:00:00:01");
	(void)snprintf(c->nics[0].bridge, sizeof c->nics[0].bridge, "xenbr1");
}

static struct ovf *there_and_back(struct mu_arena *a, const struct vm_spec *s, size_t n_disks)
{
	static const char *const networks[HV_NICS_MAX] = {"a \"net\"", "a \"net\""};
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct ovf *o = mu_arena_calloc(a, 1, sizeof *o);
	struct ovf_disk d = {.href = "vm-disk0.vmdk", .capacity_bytes = 1 << 20, .file_bytes = 99};
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_uuid_format(&s->config.disks[0].vdi, d.id);
	ovf_write(&text, s, &d, n_disks, networks);
	cr_assert_eq(ovf_read(a, text.data, text.len, o, &err), 0, "%s\n%s", err.text, text.data);
	return o;
}

Test(ovf, ours_there_and_back)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str was = MU_STR_INIT, is = MU_STR_INIT;
	struct vm_spec *s = mu_arena_alloc(a, sizeof *s);
	struct ovf_request rq = plain;
	struct ovf_plan *p;
	struct ovf *o;

	fill_spec(s);
	rq.id = s->config.id;
	o = there_and_back(a, s, 1);
	cr_expect_str_eq(o->nics[0].network, "a \"net\"");
	cr_expect_str_eq(o->disks[0].href, "vm-disk0.vmdk");
	cr_expect(o->uefi && o->windows && o->has_cd);
	p = plan(a, o, &rq);
	cr_expect_eq(o->notes.n, 0);
	s->config.disks[0].vdi = vdis[0];
	mu_json_write(&was, vm_spec_encode(a, s), true);
	mu_json_write(&is, vm_spec_encode(a, &p->spec), true);
	cr_expect_str_eq(is.data, was.data);
	/* By OVF alone it is another, but a good one. */
	rq.trust = OVF_IGNORE;
	rq.keep_macs = false;
	p = plan(a, o, &rq);
	cr_expect_str_eq(p->spec.config.name, "a & <b> \"c\"");
	cr_expect_str_eq(p->spec.description, "]]> & so on");
	cr_expect_eq(p->spec.config.memory_bytes, INT64_C(96) << 20);
	cr_expect_str_eq(p->spec.config.nics[0].mac, "");
}

static void must_be_trusted(void (*change)(struct hv_vm_config *c), const char *says)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct vm_spec *s = mu_arena_alloc(a, sizeof *s);
	struct ovf_plan *p = mu_arena_alloc(a, sizeof *p);
	struct mu_error err = MU_ERROR_INIT;
	struct ovf_request rq = plain;
	struct ovf *o;

	fill_spec(s);
	change(&s->config);
	o = there_and_back(a, s, 1);
	cr_expect_lt(ovf_plan(o, &rq, p, &err), 0, "%s", says);
	cr_expect_eq(err.code, MU_E_UNSUPPORTED);
	cr_expect(strstr(err.text, says), "%s: %s", says, err.text);
	rq.trust = OVF_TRUST;
	cr_expect_eq(ovf_plan(o, &rq, p, &err), 0, "%s: %s", says, err.text);
}

static void add_kernel(struct hv_vm_config *c)
{
	(void)snprintf(c->kernel, sizeof c->kernel, "/boot/vmlinuz");
}

static void add_script(struct hv_vm_config *c)
{
	(void)snprintf(c->nics[0].script, sizeof c->nics[0].script, "/tmp/script");
}

static void add_disk_script(struct hv_vm_config *c)
{
	(void)snprintf(c->disks[0].script, sizeof c->disks[0].script, "block-x");
}

static void add_interface(struct hv_vm_config *c)
{
	(void)snprintf(c->nics[0].ifname, sizeof c->nics[0].ifname, "eth0");
}

static void add_pci(struct hv_vm_config *c)
{
	c->n_pci = 1;
	(void)snprintf(c->pci[0].address, sizeof c->pci[0].address, "0000:03:00.0");
}

static void add_listen(struct hv_vm_config *c)
{
	c->vnc = true;
	(void)snprintf(c->vnc_listen, sizeof c->vnc_listen, "0.0.0.0");
}

static void add_spice(struct hv_vm_config *c)
{
	c->spice = true;
	c->spice_port = 5930;
}

static void add_ip(struct hv_vm_config *c)
{
	(void)snprintf(c->nics[0].ip, sizeof c->nics[0].ip, "10.0.0.1");
}

static void add_serial(struct hv_vm_config *c)
{
	(void)snprintf(c->serial, sizeof c->serial, "file:/etc/passwd");
}

static void add_path(struct hv_vm_config *c)
{
	(void)snprintf(c->disks[1].path, sizeof c->disks[1].path, "/etc/shadow");
}

static void add_extra(struct hv_vm_config *c)
{
	(void)snprintf(c->extra, sizeof c->extra, "{\"b_info\": {\"extra\": [\"-x\"]}}");
}

Test(ovf, what_reaches_into_the_host_has_to_be_trusted)
{
	must_be_trusted(add_kernel, "a kernel");
	must_be_trusted(add_script, "script of a network card");
	must_be_trusted(add_disk_script, "script of a disk");
	must_be_trusted(add_interface, "interface");
	must_be_trusted(add_pci, "PCI");
	must_be_trusted(add_listen, "VNC");
	must_be_trusted(add_spice, "SPICE");
	must_be_trusted(add_ip, "address filter");
	must_be_trusted(add_serial, "serial");
	must_be_trusted(add_path, "path of a disk");
	must_be_trusted(add_extra, "libxl");
}

Test(ovf, a_definition_of_other_disks)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct vm_spec *s = mu_arena_alloc(a, sizeof *s);
	struct ovf_plan *p = mu_arena_alloc(a, sizeof *p);
	struct mu_error err = MU_ERROR_INIT;
	struct ovf *o;

	fill_spec(s);
	o = there_and_back(a, s, 0);
	cr_expect_lt(ovf_plan(o, &plain, p, &err), 0);
	cr_expect(strstr(err.text, "that the archive has not"), "%s", err.text);
	o = there_and_back(a, s, 1);
	(void)snprintf(o->disks[1].id, sizeof o->disks[1].id, "more");
	(void)snprintf(o->disks[1].href, sizeof o->disks[1].href, "more.vmdk");
	o->n_disks = 2;
	cr_expect_lt(ovf_plan(o, &plain, p, &err), 0);
	cr_expect(strstr(err.text, "more.vmdk"), "%s", err.text);
	o->n_disks = 1;
	o->definition = "{\"name\": \"x\", \"surprise\": 1}";
	cr_expect_lt(ovf_plan(o, &plain, p, &err), 0);
	cr_expect_eq(err.code, MU_E_INVALID);
	cr_expect(strstr(err.text, "surprise"), "%s", err.text);
	o->definition = "{";
	cr_expect_lt(ovf_plan(o, &plain, p, &err), 0);
	cr_expect_eq(err.code, MU_E_INVALID);
	/* CDs that it had are no disks of the archive. */
	s->config.disks[1].vdi.bytes[0] = 50;
	o = there_and_back(a, s, 1);
	p = plan(a, o, &plain);
	cr_expect(mu_uuid_is_nil(&p->spec.config.disks[1].vdi));
	cr_expect(notes_have(o, "hdd comes empty"));
	(void)snprintf(o->nics[0].network, sizeof o->nics[0].network, "nowhere");
	cr_expect_lt(ovf_plan(o, &plain, p, &err), 0);
	cr_expect(strstr(err.text, "card 0: no such network"), "%s", err.text);
}

/* What is refused */

#define HEAD                                                                                       \
	"<Envelope xmlns:ovf='o' xmlns:rasd='r'><References><File ovf:id='f' ovf:href='d.vmdk'/>"  \
	"</References><DiskSection><Disk ovf:diskId='k' ovf:fileRef='f' ovf:capacity='1024'/>"     \
	"</DiskSection><VirtualSystem ovf:id='v'><VirtualHardwareSection>"
#define MEMORY                                                                                     \
	"<Item><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>64"                   \
	"</rasd:VirtualQuantity></Item>"
#define DISK(id)                                                                                   \
	"<Item><rasd:ResourceType>17</rasd:ResourceType><rasd:HostResource>ovf:/disk/" id          \
	"</rasd:HostResource></Item>"
#define TAIL "</VirtualHardwareSection></VirtualSystem></Envelope>"
#define ITEM(type, more) "<Item><rasd:ResourceType>" type "</rasd:ResourceType>" more "</Item>"

static int read_text(struct mu_arena *a, const char *text, struct ovf *o, struct mu_error *err)
{
	return ovf_read(a, text, strlen(text), o, err);
}

static void refused(const char *text, const char *says)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct ovf *o = mu_arena_calloc(a, 1, sizeof *o);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(read_text(a, text, o, &err), 0, "taken: %s", text);
	cr_expect(strstr(err.text, says), "\"%s\" has no \"%s\"", err.text, says);
}

/* HEAD with one thing that is otherwise. */
static void refused_with(const char *old, const char *new, const char *says)
{
	static const char text[] = HEAD MEMORY DISK("k") TAIL;
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;
	const char *at = strstr(text, old);

	cr_assert_not_null(at, "%s", old);
	mu_str_add_bytes(&s, text, (size_t)(at - text));
	mu_str_add(&s, new);
	mu_str_add(&s, at + strlen(old));
	refused(s.data, says);
}

Test(ovf, what_is_refused)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct ovf *o = mu_arena_calloc(a, 1, sizeof *o);
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(read_text(a, HEAD MEMORY DISK("k") TAIL, o, &err), 0, "%s", err.text);
	refused("", "descriptor");
	refused("\xff\xfe", "UTF-8");
	refused("<a/>", "no OVF envelope");
	refused("<!DOCTYPE a [<!ENTITY x SYSTEM '/etc/passwd'>]><Envelope>&x;</Envelope>",
		"DOCTYPE");
	refused("<Envelope/>", "no VirtualSystem");
	refused("<Envelope><VirtualSystemCollection/></Envelope>", "collection");
	refused("<Envelope><VirtualSystem/></Envelope>", "VirtualHardwareSection");
	refused(HEAD TAIL, "memory");
	refused(HEAD MEMORY DISK("k") DISK("k") TAIL, "two drives");
	refused(HEAD MEMORY DISK("other") TAIL, "no disk \"other\"");
	refused(HEAD MEMORY ITEM("17", "") TAIL, "names no disk");
	refused(HEAD MEMORY ITEM("x", "") TAIL, "ResourceType");
	refused(HEAD MEMORY ITEM("3", "<VirtualQuantity>129</VirtualQuantity>") TAIL, "CPUs");
	refused(HEAD MEMORY ITEM("3", "<VirtualQuantity>0</VirtualQuantity>") TAIL, "CPUs");
	refused(HEAD ITEM("4", "<VirtualQuantity>99999999999999</VirtualQuantity>") TAIL, "memory");
	refused(HEAD ITEM("4", "<AllocationUnits>acres</AllocationUnits><VirtualQuantity>1"
			       "</VirtualQuantity>") TAIL,
		"no unit");
	refused_with("d.vmdk", "../d.vmdk", "leads out");
	refused_with("d.vmdk", "/etc/shadow", "leads out");
	refused_with("d.vmdk", "..", "leads out");
	refused_with("d.vmdk", "a\\d.vmdk", "leads out");
	refused_with("d.vmdk", "http://x/d.vmdk", "leads out");
	refused_with("d.vmdk", "", "no href");
	refused_with("d.vmdk", "d.iso", "format");
	refused_with("ovf:href", "ovf:compression='gzip' ovf:href", "compressed");
	refused_with("ovf:href", "ovf:chunkSize='5' ovf:href", "chunks");
	refused_with("fileRef='f'", "fileRef='g'", "which is none");
	refused_with("capacity='1024'", "capacity='${size}'", "capacity");
	refused_with("capacity='1024'", "capacity='0'", "capacity");
	refused_with("capacity='1024'", "capacity='99999999999999999'", "capacity");
	refused_with("capacity='1024'", "capacity='1' ovf:capacityAllocationUnits='x'", "no unit");
	refused_with("ovf:fileRef", "ovf:parentRef='p' ovf:fileRef", "difference");
	refused("<Envelope><References><File id='f' href='d.vmdk'/></References><DiskSection>"
		"<Disk diskId='k' fileRef='f' capacity='1'/><Disk diskId='l' fileRef='f' "
		"capacity='1'/></DiskSection><VirtualSystem><VirtualHardwareSection>" MEMORY DISK(
		    "k") DISK("l") TAIL,
		"image of two disks");
}

Test(ovf, everything_is_counted)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;

	mu_str_add(&s, HEAD MEMORY);
	for (int i = 0; i < HV_NICS_MAX + 1; i++)
		mu_str_add(&s, ITEM("10", ""));
	mu_str_add(&s, TAIL);
	refused(s.data, "network cards");
	mu_str_reset(&s);
	mu_str_add(&s, "<Envelope><References/><DiskSection>");
	for (int i = 0; i < HV_DISKS_MAX + 1; i++)
		mu_str_printf(&s, "<Disk diskId='k%d' capacity='1'/>", i);
	mu_str_add(&s, "</DiskSection><VirtualSystem><VirtualHardwareSection>" MEMORY);
	for (int i = 0; i < HV_DISKS_MAX + 1; i++)
		mu_str_printf(&s, ITEM("17", "<HostResource>/disk/k%d</HostResource>"), i);
	mu_str_add(&s, TAIL);
	refused(s.data, "more than 16 disks");
	mu_str_reset(&s);
	for (int i = 0; i < 100; i++)
		mu_str_add(&s, "<Envelope>");
	refused(s.data, "too deep");
	/* Text between elements is put together again for each. */
	mu_str_reset(&s);
	mu_str_add(&s, "<Envelope>");
	for (int i = 0; i < 15000; i++)
		mu_str_add(&s, "0123456789012345678901234567890123456789<a/>");
	mu_str_add(&s, "</Envelope>");
	refused(s.data, "too much text");
	mu_str_reset(&s);
	for (int i = 0; i < OVF_TEXT_MAX + 1; i++)
		mu_str_add_char(&s, ' ');
	refused(s.data, "descriptor of");
}

/* Notes beyond those that there is room for are counted; and odd things that are no failure. */
Test(ovf, notes)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct ovf *o = mu_arena_calloc(a, 1, sizeof *o);
	struct mu_error err = MU_ERROR_INIT;

	mu_str_add(&s, HEAD MEMORY ITEM("16", "<HostResource>ovf:/file/x</HostResource>")
			   ITEM("15", "") ITEM("10", "<Address>zz</Address>"));
	for (int i = 0; i < OVF_NOTES_MAX; i++)
		mu_str_add(&s, ITEM("35", "<ElementName>s</ElementName>"));
	mu_str_add(&s, TAIL);
	cr_assert_eq(read_text(a, s.data, o, &err), 0, "%s", err.text);
	cr_expect_eq(o->notes.n, OVF_NOTES_MAX + 3);
	cr_expect(strstr(o->notes.texts[0], "empty") && strstr(o->notes.texts[1], "second CD") &&
		  strstr(o->notes.texts[2], "\"zz\" is none") &&
		  strstr(o->notes.texts[3], "required"));
	cr_expect_str_eq(o->name, "v");
	cr_expect_eq(o->vcpus, 1);
}

Test(ovf, a_full_house_has_no_place_for_a_cd)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct ovf *o = mu_arena_calloc(a, 1, sizeof *o);
	struct ovf_plan *p;

	(void)snprintf(o->name, sizeof o->name, "full");
	o->vcpus = 1;
	o->memory_bytes = 64 << 20;
	o->has_cd = true;
	o->n_disks = 5;
	p = plan(a, o, &plain);
	cr_expect_str_eq(p->vdevs[2], "xvdc");
	cr_expect_str_eq(p->vdevs[3], "xvde", "hdd is xvdd");
	o->n_disks = HV_DISKS_MAX;
	p = plan(a, o, &plain);
	cr_expect_eq(p->spec.config.n_disks, HV_DISKS_MAX);
	cr_expect(notes_have(o, "no place"));
}

/* Units */

Test(ovf_units, units)
{
	static const struct {
		const char *text;
		int64_t bytes; /* 0: none */
	} cases[] = {
	    {"byte", 1},
	    {"bytes", 1},
	    {" byte * 2^20 ", 1 << 20},
	    {"byte*2^30", 1 << 30},
	    {"byte * 1024", 1024},
	    {"byte * 10^3 * 2", 2000},
	    {"MegaBytes", 1 << 20},
	    {"MB", 1 << 20},
	    {"GigaBytes", 1 << 30},
	    {"KB", 1024},
	    {"", 0},
	    {"bit", 0},
	    {"byte * 2^64", 0},
	    {"byte * 2^99", 0},
	    {"byte * 0", 0},
	    {"byte ^ 2", 0},
	    {"byte * x", 0},
	    {"byte * 2^", 0},
	    {"byte * 99999999999999999999", 0},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		int64_t n = 0;

		cr_expect_eq(ovf_units(cases[i].text, &n), cases[i].bytes != 0, "%s",
			     cases[i].text);
		cr_expect_eq(n, cases[i].bytes, "%s", cases[i].text);
	}
}

Test(ovf_units, quantities_and_addresses)
{
	char mac[18];
	int64_t n;

	cr_expect(ovf_quantity(" 12 ", 1024, 1 << 20, &n) && n == 12288);
	cr_expect(!ovf_quantity("12x", 1, 100, &n) && !ovf_quantity("", 1, 100, &n) &&
		  !ovf_quantity("-1", 1, 100, &n) && !ovf_quantity("101", 1, 100, &n) &&
		  !ovf_quantity("51", 2, 100, &n));
	cr_expect(ovf_mac("00-16-3E-AA-bb-0c", mac));
	cr_expect_str_eq(mac, "00:16:3e:aa:bb:0c");
	cr_expect(!ovf_mac("01:16:3e:00:00:00", mac) && !*mac);
	cr_expect(!ovf_mac("001:63e000000", mac) && !ovf_mac("00163e00000", mac) &&
		  !ovf_mac("00163e0000000", mac) && !ovf_mac(":0163e000000", mac) &&
		  !ovf_mac("00163e00000g", mac));
}
