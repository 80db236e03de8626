/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two readers: others, for whom the hardware is said as VirtualBox and VMware read it, and we
 * ourselves, for whom the whole definition stands in a section that others may pass over
 * (ovf:required="false").
 */
#include "agent/import/ovf.h"

#include "common/json/json.h"

#include <inttypes.h>
#include <string.h>

enum { CONTROLLER = 3, FIRST_DEVICE = 4 };

/* Control characters are in no XML, however they are written. */
static void add_text(struct mu_str *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			mu_str_add(out, "&amp;");
		else if (*text == '<')
			mu_str_add(out, "&lt;");
		else if (*text == '>')
			mu_str_add(out, "&gt;");
		else if (*text == '"')
			mu_str_add(out, "&quot;");
		else if ((unsigned char)*text < 0x20 && !strchr("\t\r\n", *text))
			mu_str_add_char(out, '?');
		else
			mu_str_add_char(out, *text);
	}
}

static void add_element(struct mu_str *out, const char *name, const char *text)
{
	mu_str_printf(out, "<%s>", name);
	add_text(out, text);
	mu_str_printf(out, "</%s>", name);
}

static void add_head(struct mu_str *out)
{
	mu_str_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			"<Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\""
			" xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\""
			" xmlns:rasd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
			"CIM_ResourceAllocationSettingData\""
			" xmlns:vssd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
			"CIM_VirtualSystemSettingData\""
			" xmlns:vmw=\"http://www.vmware.com/schema/ovf\""
			" xmlns:muster=\"urn:muster:vm-definition:1\">\n");
}

static void add_files(struct mu_str *out, const struct ovf_disk *disks, size_t n)
{
	mu_str_add(out, "<References>\n");
	for (size_t i = 0; i < n; i++) {
		mu_str_printf(out, "<File ovf:id=\"file%zu\" ovf:size=\"%" PRId64 "\" ovf:href=\"",
			      i, disks[i].file_bytes);
		add_text(out, disks[i].href);
		mu_str_add(out, "\"/>\n");
	}
	mu_str_add(out, "</References>\n<DiskSection><Info>Its disks</Info>\n");
	for (size_t i = 0; i < n; i++)
		mu_str_printf(
		    out,
		    "<Disk ovf:diskId=\"%s\" ovf:fileRef=\"file%zu\" ovf:capacity=\"%" PRId64
		    "\" ovf:capacityAllocationUnits=\"byte\" ovf:format=\"http://www.vmware.com/"
		    "interfaces/specifications/vmdk.html#streamOptimized\"/>\n",
		    disks[i].id, i, disks[i].capacity_bytes);
	mu_str_add(out, "</DiskSection>\n");
}

static void add_networks(struct mu_str *out, const char *const *networks, size_t n)
{
	if (n == 0)
		return;
	mu_str_add(out, "<NetworkSection><Info>Its networks</Info>\n");
	for (size_t i = 0; i < n; i++) {
		size_t seen = 0;

		while (strcmp(networks[seen], networks[i]) != 0)
			seen++;
		if (seen < i)
			continue;
		mu_str_add(out, "<Network ovf:name=\"");
		add_text(out, networks[i]);
		mu_str_add(out, "\"/>\n");
	}
	mu_str_add(out, "</NetworkSection>\n");
}

/* Children of an item stand in the order of their names (CIM's schema). */

static void add_base(struct mu_str *out, const struct hv_vm_config *c)
{
	mu_str_printf(out,
		      "<Item><rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits>"
		      "<rasd:ElementName>%" PRIu32 " virtual CPU(s)</rasd:ElementName>"
		      "<rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType>"
		      "<rasd:VirtualQuantity>%" PRIu32 "</rasd:VirtualQuantity></Item>\n",
		      c->vcpus, c->vcpus);
	mu_str_printf(out,
		      "<Item><rasd:AllocationUnits>byte * 2^10</rasd:AllocationUnits>"
		      "<rasd:ElementName>Memory</rasd:ElementName>"
		      "<rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType>"
		      "<rasd:VirtualQuantity>%" PRId64 "</rasd:VirtualQuantity></Item>\n",
		      c->memory_bytes >> 10);
	mu_str_printf(out,
		      "<Item><rasd:Address>0</rasd:Address>"
		      "<rasd:ElementName>SATA controller</rasd:ElementName>"
		      "<rasd:InstanceID>%d</rasd:InstanceID>"
		      "<rasd:ResourceSubType>AHCI</rasd:ResourceSubType>"
		      "<rasd:ResourceType>20</rasd:ResourceType></Item>\n",
		      CONTROLLER);
}

static void add_drives(struct mu_str *out, const struct hv_vm_config *c,
		       const struct ovf_disk *disks, size_t n, unsigned *instance)
{
	bool has_cd = false;
	size_t i = 0;

	for (; i < n; i++)
		mu_str_printf(out,
			      "<Item><rasd:AddressOnParent>%zu</rasd:AddressOnParent>"
			      "<rasd:ElementName>Disk %zu</rasd:ElementName>"
			      "<rasd:HostResource>ovf:/disk/%s</rasd:HostResource>"
			      "<rasd:InstanceID>%u</rasd:InstanceID><rasd:Parent>%d</rasd:Parent>"
			      "<rasd:ResourceType>17</rasd:ResourceType></Item>\n",
			      i, i, disks[i].id, (*instance)++, CONTROLLER);
	for (size_t k = 0; k < c->n_disks; k++)
		has_cd |= c->disks[k].cdrom;
	if (has_cd)
		mu_str_printf(out,
			      "<Item ovf:required=\"false\">"
			      "<rasd:AddressOnParent>%zu</rasd:AddressOnParent>"
			      "<rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>"
			      "<rasd:ElementName>CD drive</rasd:ElementName>"
			      "<rasd:InstanceID>%u</rasd:InstanceID><rasd:Parent>%d</rasd:Parent>"
			      "<rasd:ResourceType>15</rasd:ResourceType></Item>\n",
			      i, (*instance)++, CONTROLLER);
}

static void add_nics(struct mu_str *out, const struct hv_vm_config *c, const char *const *networks,
		     unsigned *instance)
{
	for (size_t i = 0; i < c->n_nics; i++) {
		mu_str_add(out, "<Item>");
		if (*c->nics[i].mac)
			add_element(out, "rasd:Address", c->nics[i].mac);
		mu_str_add(out, "<rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>");
		add_element(out, "rasd:Connection", networks[i]);
		mu_str_printf(out,
			      "<rasd:ElementName>Network card %zu</rasd:ElementName>"
			      "<rasd:InstanceID>%u</rasd:InstanceID>"
			      "<rasd:ResourceSubType>E1000</rasd:ResourceSubType>"
			      "<rasd:ResourceType>10</rasd:ResourceType></Item>\n",
			      i, (*instance)++);
	}
}

static void add_hardware(struct mu_str *out, const struct vm_spec *spec,
			 const struct ovf_disk *disks, size_t n_disks, const char *const *networks)
{
	const struct hv_vm_config *c = &spec->config;
	unsigned instance = FIRST_DEVICE;

	mu_str_add(out, "<VirtualHardwareSection><Info>Its hardware</Info>\n<System>"
			"<vssd:ElementName>Virtual Hardware Family</vssd:ElementName>"
			"<vssd:InstanceID>0</vssd:InstanceID>");
	add_element(out, "vssd:VirtualSystemIdentifier", c->name);
	mu_str_add(out, "<vssd:VirtualSystemType>vmx-11</vssd:VirtualSystemType></System>\n");
	add_base(out, c);
	add_drives(out, c, disks, n_disks, &instance);
	add_nics(out, c, networks, &instance);
	if (strcmp(c->firmware, "uefi") == 0)
		mu_str_add(out, "<vmw:Config ovf:required=\"false\" vmw:key=\"firmware\" "
				"vmw:value=\"efi\"/>\n");
	mu_str_add(out, "</VirtualHardwareSection>\n");
}

static void add_definition(struct mu_str *out, const struct vm_spec *spec)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_json_write(&text, vm_spec_encode(a, spec), false);
	mu_str_add(out, "<muster:MusterDefinitionSection ovf:required=\"false\">"
			"<Info>All that Muster keeps of the VM</Info>\n<muster:Definition>");
	add_text(out, text.data);
	mu_str_add(out, "</muster:Definition></muster:MusterDefinitionSection>\n");
}

void ovf_write(struct mu_str *out, const struct vm_spec *spec, const struct ovf_disk *disks,
	       size_t n_disks, const char *const *networks)
{
	bool windows = spec->config.viridian == HV_ON;

	add_head(out);
	add_files(out, disks, n_disks);
	add_networks(out, networks, spec->config.n_nics);
	mu_str_add(out, "<VirtualSystem ovf:id=\"vm\"><Info>A virtual machine</Info>\n");
	add_element(out, "Name", spec->config.name);
	mu_str_printf(out,
		      "\n<OperatingSystemSection ovf:id=\"1\" vmw:osType=\"%s\">"
		      "<Info>What runs in it</Info></OperatingSystemSection>\n",
		      windows ? "windows9_64Guest" : "otherGuest64");
	add_hardware(out, spec, disks, n_disks, networks);
	if (*spec->description) {
		mu_str_add(out, "<AnnotationSection><Info>What is said of it</Info>");
		add_element(out, "Annotation", spec->description);
		mu_str_add(out, "</AnnotationSection>\n");
	}
	add_definition(out, spec);
	mu_str_add(out, "</VirtualSystem>\n</Envelope>\n");
}
