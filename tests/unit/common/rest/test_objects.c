/* SPDX-License-Identifier: Apache-2.0 */
/* SRs, disks, networks, cards, snapshots: their shapes, their relations in both directions, and
 * their events. */
#include "fixture.h"

#include "common/model/alarm.h"

#include "common/base/str.h"
#include "common/rest/call.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define R "/rest/v0/"

static struct fixture *f;

static void setup(void)
{
	f = fixture_new();
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(objects, .init = setup, .fini = teardown);

static struct vm_id vm_id(size_t i)
{
	return f->vms[i].id;
}

static const char *vbd(size_t vm, const char *vdev)
{
	struct vm_id id = vm_id(vm);

	return fixture_id(object_vbd_id(&id, vdev));
}

static const char *vif(size_t vm, size_t device)
{
	struct vm_id id = vm_id(vm);

	return fixture_id(object_vif_id(&id, device));
}

static const char *pbd(size_t host, const char *sr)
{
	struct mu_uuid id;

	cr_assert(mu_uuid_parse(sr, &id));
	return fixture_id(object_pbd_id(&f->hosts[host].id, &id));
}

static const char *report_id(enum fixture_report i)
{
	return fixture_id(f->reports[i].id);
}

/* GET `collection`/`id` with these fields: the rest of the object, compared as a whole. */
static void expect_fields(const char *collection, const char *id, const char *fields,
			  const char *members)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str target = MU_STR_INIT, body = MU_STR_INIT;

	mu_str_printf(&target, R "%s?fields=%s&filter=id:%s", collection, fields, id);
	mu_str_printf(&body, "[{%s,\"href\":\"" R "%s/%s\"}]", members, collection, id);
	fixture_expect_get(f, target.data, 200, body.data);
}

/* The same with the members printed. */
#define EXPECT(collection, id, fields, ...)                                                        \
	do {                                                                                       \
		MU_CLEANUP(mu_str_deinit) struct mu_str members_ = MU_STR_INIT;                    \
                                                                                                   \
		mu_str_printf(&members_, __VA_ARGS__);                                             \
		expect_fields(collection, id, fields, members_.data);                              \
	} while (0)

static void expect_one(const char *collection, const char *id, int status, const char *part)
{
	char target[128];

	(void)snprintf(target, sizeof target, R "%s/%s", collection, id);
	fixture_expect(fixture_call(f, HTTP_GET, target, NULL), status, part);
}

Test(objects, an_sr_and_its_pbds)
{
	EXPECT("srs", SR_1,
	       "name_label,tags,SR_type,content_type,size,physical_usage,usage,shared,"
	       "allocationStrategy,$container,VDIs,$PBDs,attached,dataPercent",
	       "\"name_label\":\"shared\",\"tags\":[\"gold\"],\"SR_type\":\"nfs\","
	       "\"content_type\":\"user\",\"size\":1000,\"physical_usage\":300,\"usage\":2000,"
	       "\"shared\":true,\"allocationStrategy\":\"thin\",\"$container\":\"" POOL "\","
	       "\"VDIs\":[\"" VDI_1 "\",\"" VDI_2 "\",\"" VDI_2_SNAP "\"],"
	       "\"$PBDs\":[\"%s\",\"%s\"],\"attached\":true,\"dataPercent\":null",
	       pbd(0, SR_1), pbd(1, SR_1));
	EXPECT("srs", SR_2, "content_type,size,shared,$container,VDIs",
	       "\"content_type\":\"iso\",\"size\":null,\"shared\":false,\"$container\":\"" HOST_1
	       "\",\"VDIs\":[]");
	EXPECT("pbds", pbd(1, SR_1), "type,host,SR,attached,device_config",
	       "\"type\":\"PBD\",\"host\":\"" HOST_2 "\",\"SR\":\"" SR_1
	       "\",\"attached\":false,\"device_config\":{\"location\":\"nas:/export\"}");
	EXPECT("hosts", HOST_1, "$PBDs", "\"$PBDs\":[\"%s\",\"%s\"]", pbd(0, SR_1), pbd(0, SR_2));
	EXPECT("hosts", HOST_2, "$PBDs", "\"$PBDs\":[\"%s\"]", pbd(1, SR_1));
	expect_one("pbds", pbd(1, SR_1), 200, "\"host\":\"" HOST_2 "\"");
	expect_one("pbds", pbd(1, SR_2), 404, "no such PBD");
	expect_one("srs", SR_1, 200, "\"_xapiRef\":\"muster:" SR_1 "\"");
	fixture_expect(fixture_call(f, HTTP_GET, R "pbds?limit=1&filter=!attached?", NULL), 200,
		       pbd(1, SR_1));
}

Test(objects, disks_and_their_snapshots)
{
	EXPECT("vdis", VDI_1,
	       "type,size,usage,chainPhysicalUsage,$SR,$VBDs,VDI_type,snapshots,parent,"
	       "image_format,missing",
	       "\"chainPhysicalUsage\":null,\"type\":\"VDI\",\"size\":4096,\"usage\":null,\"$SR\":"
	       "\"" SR_1 "\",\"$VBDs\":[\"%s\"],\"VDI_type\":\"user\",\"snapshots\":[],"
	       "\"image_format\":\"qcow2\",\"missing\":false",
	       vbd(0, "xvda"));
	EXPECT("vdis", VDI_2, "snapshots,parent,$VBDs,chainPhysicalUsage",
	       "\"$VBDs\":[\"%s\"],\"snapshots\":[\"" VDI_2_SNAP "\"],\"parent\":\"" VDI_2_SNAP
	       "\"",
	       vbd(1, "xvda"));
	EXPECT("vdi-snapshots", VDI_2_SNAP, "type,snapshot_time,$snapshot_of",
	       "\"type\":\"VDI-snapshot\",\"snapshot_time\":1700000002,\"$snapshot_of\":\"" VDI_2
	       "\"");
	fixture_expect_get(f, R "vdis", 200, "[\"" R "vdis/" VDI_1 "\",\"" R "vdis/" VDI_2 "\"]");
	expect_one("vdis", VDI_2_SNAP, 404, "no such VDI " VDI_2_SNAP);
	expect_one("vdi-snapshots", VDI_1, 404, "no such VDI-snapshot");
	expect_one("vdis", SR_1, 404, "no such VDI");
}

Test(objects, disks_of_vms)
{
	fixture_expect_get(f, R "vms/" VM_WEB "/vdis", 200, "[\"" R "vdis/" VDI_1 "\"]");
	fixture_expect_get(f, R "vms/" VM_FAR "/vdis", 200, "[]");
	fixture_expect_get(f, R "vms/" VM_DB "/vdis?fields=name_label", 200,
			   "[{\"name_label\":\"root of db\",\"href\":\"" R "vdis/" VDI_2 "\"}]");
	/* The disk of a snapshot is a snapshot, with that collection's href. */
	fixture_expect_get(f, R "vm-snapshots/" VM_SNAP "/vdis", 200,
			   "[\"" R "vdi-snapshots/" VDI_2_SNAP "\"]");
	fixture_expect_get(f, R "vm-templates/" VM_TMPL "/vdis", 200, "[]");
	fixture_expect(fixture_call(f, HTTP_GET, R "vms/" VM_SNAP "/vdis", NULL), 404, "VM");
	fixture_expect(fixture_call(f, HTTP_GET, R "vms/nope/vdis", NULL), 404, "VM");
	/* One VM, disks of both types: a limit holds over both. */
	f->vms[1].n_disks = 2;
	f->vms[1].disks[1] = f->vms[3].disks[0];
	fixture_expect_get(f, R "vms/" VM_DB "/vdis", 200,
			   "[\"" R "vdis/" VDI_2 "\",\"" R "vdi-snapshots/" VDI_2_SNAP "\"]");
	fixture_expect_get(f, R "vms/" VM_DB "/vdis?limit=1", 200, "[\"" R "vdis/" VDI_2 "\"]");
	fixture_expect_get(f, R "vms/" VM_DB "/vdis?filter=type:snapshot&fields=$snapshot_of", 200,
			   "[{\"$snapshot_of\":\"" VDI_2 "\",\"href\":\"" R
			   "vdi-snapshots/" VDI_2_SNAP "\"}]");
}

Test(objects, vbds_and_vifs)
{
	EXPECT("vms", VM_WEB, "VIFs,$VBDs,attachedPcis",
	       "\"VIFs\":[\"%s\"],\"$VBDs\":[\"%s\",\"%s\"],\"attachedPcis\":[\"0000:03:00.0\"]",
	       vif(0, 3), vbd(0, "xvda"), vbd(0, "hdc"));
	EXPECT("vbds", vbd(0, "xvda"),
	       "type,VM,VDI,device,position,attached,bootable,is_cd_drive,read_only",
	       "\"type\":\"VBD\",\"VM\":\"" VM_WEB "\",\"VDI\":\"" VDI_1
	       "\",\"device\":\"xvda\",\"position\":\"0\",\"attached\":true,\"bootable\":true,"
	       "\"is_cd_drive\":false,\"read_only\":false");
	EXPECT("vbds", vbd(0, "hdc"), "VDI,position,is_cd_drive,read_only",
	       "\"position\":\"2\",\"is_cd_drive\":true,\"read_only\":true");
	EXPECT("vifs", vif(0, 3), "$VM,$network,device,MAC,MTU,attached,lockingMode,rateLimit",
	       "\"$VM\":\"" VM_WEB "\",\"$network\":\"%s\",\"device\":\"3\","
	       "\"MAC\":\"00:16:3e:00:00:01\",\"MTU\":9000,\"attached\":true,"
	       "\"lockingMode\":\"unlocked\"",
	       report_id(R_BRIDGE));
	expect_one("vbds", vbd(0, "hdc"), 200, "\"device\":\"hdc\"");
	expect_one("vbds", vbd(0, "xvdz"), 404, "no such VBD");
	expect_one("vifs", vif(0, 3), 200, "\"device\":\"3\"");
	expect_one("vifs", vif(0, 0), 404, "no such VIF");
	f->vms[0].nics[0].mtu = 1400;
	f->vms[0].nics[0].rate_kbps = 125;
	EXPECT("vifs", vif(0, 3), "MTU,rateLimit", "\"MTU\":1400,\"rateLimit\":125");
	/* Of a VM whose host cannot be asked, nothing is said to be attached. */
	f->vms[0].power = VM_UNKNOWN;
	EXPECT("vbds", vbd(0, "xvda"), "attached", "\"attached\":false");
	EXPECT("vifs", vif(0, 3), "attached", "\"attached\":false");
}

Test(objects, positions_of_disks)
{
	static const struct {
		const char *vdev;
		const char *member;
	} table[] = {
	    {"xvdz", "\"position\":\"25\""},
	    {"xvdaa", "\"position\":\"26\""},
	    {"hdd", "\"position\":\"3\""},
	    {"sdb", "\"position\":\"1\""},
	    {"xvda1", NULL},
	    {"xvdaaa", NULL},
	    {"disk", NULL},
	    {"xvd", NULL},
	};

	f->vms[0].n_disks = 1;
	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++) {
		(void)snprintf(f->vms[0].disks[0].vdev, sizeof f->vms[0].disks[0].vdev, "%s",
			       table[i].vdev);
		EXPECT("vbds", vbd(0, table[i].vdev), "device,position", "\"device\":\"%s\"%s%s",
		       table[i].vdev, table[i].member ? "," : "",
		       table[i].member ? table[i].member : "");
	}
}

Test(objects, networks_and_cards)
{
	EXPECT("networks", report_id(R_BRIDGE), "name_label,MTU,bridge,PIFs,VIFs,isBonded",
	       "\"name_label\":\"xenbr0\",\"MTU\":9000,\"bridge\":\"xenbr0\",\"PIFs\":[\"%s\"],"
	       "\"VIFs\":[\"%s\"],\"isBonded\":true",
	       report_id(R_BOND), vif(0, 3));
	EXPECT("pifs", report_id(R_BOND),
	       "$host,$network,device,vlan,ip,mode,ipv6,ipv6Mode,primaryAddressType,management,"
	       "isBondMaster,bondSlaves,speed",
	       "\"$host\":\"" HOST_1 "\",\"$network\":\"%s\",\"device\":\"bond0\",\"vlan\":-1,"
	       "\"ip\":\"192.0.2.10\",\"mode\":\"Static\",\"ipv6\":[],\"ipv6Mode\":\"None\","
	       "\"primaryAddressType\":\"IPv4\",\"management\":true,\"isBondMaster\":true,"
	       "\"bondSlaves\":[\"%s\"]",
	       report_id(R_BRIDGE), report_id(R_ETH0));
	EXPECT("pifs", report_id(R_ETH0),
	       "$network,speed,physical,isBondSlave,bondMaster,bondSlaves",
	       "\"speed\":10000,\"physical\":true,\"isBondSlave\":true,\"bondMaster\":\"%s\"",
	       report_id(R_BOND));
	EXPECT("pifs", report_id(R_VLAN), "vlan,ipv6,ipv6Mode,primaryAddressType,vlanOf",
	       "\"vlan\":7,\"ipv6\":[\"2001:db8::1\"],\"primaryAddressType\":\"IPv6\","
	       "\"vlanOf\":\"%s\"",
	       report_id(R_BOND));
	EXPECT("pcis", report_id(R_PCI), "$host,class_name,pci_id,assignable,$VM",
	       "\"$host\":\"" HOST_1
	       "\",\"class_name\":\"VGA controller\",\"pci_id\":\"0000:03:00.0\","
	       "\"assignable\":true,\"$VM\":\"" VM_WEB "\"");
	expect_one("pcis", report_id(R_PCI), 200, "\"pci_id\":\"0000:03:00.0\"");
	expect_one("pcis", report_id(R_ETH0), 404, "no such PCI");
	expect_one("pifs", report_id(R_ETH0), 200, "\"device\":\"eth0\"");
	expect_one("networks", report_id(R_BRIDGE), 200, "\"bridge\":\"xenbr0\"");
	EXPECT("hosts", HOST_1, "PIFs,$PIFs,PCIs",
	       "\"PIFs\":[\"%s\",\"%s\",\"%s\"],\"$PIFs\":[\"%s\",\"%s\",\"%s\"],\"PCIs\":[\"%s\"]",
	       report_id(R_ETH0), report_id(R_BOND), report_id(R_VLAN), report_id(R_ETH0),
	       report_id(R_BOND), report_id(R_VLAN), report_id(R_PCI));
	EXPECT("hosts", HOST_2, "PIFs,PCIs", "\"PIFs\":[],\"PCIs\":[]");
}

Test(objects, domain_0)
{
	EXPECT(
	    "vm-controllers", report_id(R_DOM0),
	    "name_label,power_state,$container,CPUs,memory,virtualizationMode,$VBDs",
	    "\"name_label\":\"dom0 of alpha\",\"power_state\":\"Running\",\"$container\":\"" HOST_1
	    "\",\"CPUs\":{\"number\":2,\"max\":4},\"memory\":{\"size\":1000,\"dynamic\":"
	    "[2000,2000],\"static\":[0,3000]},\"virtualizationMode\":\"pv\",\"$VBDs\":[]");
	f->hosts[1].memory_total_bytes = 8000;
	EXPECT("vm-controllers", report_id(R_DOM0_AWAY),
	       "power_state,memory,virtualizationMode,startTime",
	       "\"power_state\":\"Unknown\",\"memory\":{\"size\":1000,\"dynamic\":[1000,1000],"
	       "\"static\":[0,8000]},\"virtualizationMode\":\"pvh\",\"startTime\":null");
	f->hosts[1].memory_total_bytes = 0;
	EXPECT("vm-controllers", report_id(R_DOM0_AWAY), "memory",
	       "\"memory\":{\"size\":1000,\"dynamic\":[1000,1000],\"static\":[0,1000]}");
	EXPECT("hosts", HOST_1, "controlDomain", "\"controlDomain\":\"%s\"", report_id(R_DOM0));
	expect_one("vm-controllers", report_id(R_DOM0), 200, "\"type\":\"VM-controller\"");
	expect_one("vm-controllers", report_id(R_PCI), 404, "no such VM-controller");
}

Test(objects, vms_by_kind)
{
	fixture_expect_get(f, R "vm-snapshots", 200, "[\"" R "vm-snapshots/" VM_SNAP "\"]");
	fixture_expect_get(f, R "vm-templates?filter=!isDefaultTemplate%3F", 200,
			   "[\"" R "vm-templates/" VM_TMPL "\"]");
	EXPECT("vms", VM_DB, "snapshots,isDefaultTemplate,snapshot_time",
	       "\"snapshots\":[\"" VM_SNAP "\"]");
	EXPECT("vm-snapshots", VM_SNAP,
	       "type,$VBDs,snapshot_time,$snapshot_of,withMemory,memorySize",
	       "\"type\":\"VM-snapshot\",\"$VBDs\":[\"%s\"],\"snapshot_time\":1700000002,"
	       "\"$snapshot_of\":\"" VM_DB "\",\"withMemory\":false,\"memorySize\":0",
	       vbd(3, "xvda"));
	EXPECT("vm-templates", VM_TMPL, "type,isDefaultTemplate,template_info,boot,PV_args",
	       "\"isDefaultTemplate\":false,\"template_info\":{\"install_methods\":[],\"disks\":[]}"
	       ",\"type\":\"VM-template\",\"boot\":{\"order\":\"cd\",\"firmware\":\"uefi\"}");
	expect_one("vms", VM_SNAP, 404, "no such VM " VM_SNAP);
	expect_one("vm-snapshots", VM_DB, 404, "no such VM-snapshot");
	expect_one("vm-templates", VM_SNAP, 404, "no such VM-template");
	fixture_expect(fixture_call(f, HTTP_POST, R "vms/" VM_SNAP "/actions/start", NULL), 404,
		       "no such VM");
	fixture_expect(fixture_call(f, HTTP_DELETE, R "vms/" VM_TMPL, NULL), 404, "no such VM");
	cr_expect_eq(f->n_ops, 0);
}

#define DEBIAN "a7cbad3b-4372-8cee-8acf-75511f208527"
#define WINDOWS_11 "79604438-3d78-86cc-8311-0089ffa37e33"

Test(objects, built_in_templates)
{
	fixture_expect_get(f, R "vm-templates?limit=1", 200, "[\"" R "vm-templates/" DEBIAN "\"]");
	EXPECT("vm-templates", DEBIAN,
	       "name_label,isDefaultTemplate,template_info,$container,power_state,viridian,"
	       "needsVtpm,$VBDs,snapshots",
	       "\"isDefaultTemplate\":true,\"template_info\":{\"arch\":\"amd64\","
	       "\"install_methods\":[\"cdrom\",\"network\"],\"disks\":[{\"device\":\"0\","
	       "\"size\":10737418240,\"SR\":\"\",\"type\":\"system\",\"bootable\":true}]},"
	       "\"name_label\":\"Debian 13\",\"power_state\":\"Halted\",\"$container\":\"" POOL
	       "\",\"$VBDs\":[],\"viridian\":false,\"needsVtpm\":false,\"snapshots\":[]");
	EXPECT("vm-templates", WINDOWS_11, "viridian,needsVtpm,boot",
	       "\"boot\":{\"order\":\"cd\",\"firmware\":\"uefi\"},\"viridian\":true,"
	       "\"needsVtpm\":true");
	expect_one("vms", DEBIAN, 404, "no such VM");
	fixture_expect_get(f, R "vm-templates/" DEBIAN "/vdis", 200, "[]");
	fixture_expect_get(f, R "vm-templates/" DEBIAN "/tasks", 200, "[]");
	fixture_expect(fixture_call(f, HTTP_DELETE, R "vm-templates/" DEBIAN, NULL), 409,
		       "isDefaultTemplate");
	fixture_expect(fixture_call(f, HTTP_POST, R "calls",
				    "{\"method\":\"vm.edit\",\"objectId\":\"" DEBIAN
				    "\",\"arguments\":{\"cpus\":2}}"),
		       409, "neither be changed nor deleted");
	cr_expect_eq(f->n_ops, 0);
}

Test(objects, how_a_vm_is_built)
{
	static const struct {
		const char *mask;
		const char *member;
	} masks[] = {
	    {"0-3,8", ",\"cpuMask\":[0,1,2,3,8]"},
	    {"7", ",\"cpuMask\":[7]"},
	    {"", ""},
	    {"^2", ""},
	    {"all", ""},
	    {"3-1", ""},
	    {"0-99999", ""},
	    {"4096", ""},
	    {"1-2-3", ""},
	    {"1,", ",\"cpuMask\":[1]"},
	};
	struct model_vm *vm = &f->vms[0];

	for (size_t i = 0; i < MU_ARRAY_SIZE(masks); i++) {
		(void)snprintf(vm->cpu_mask, sizeof vm->cpu_mask, "%s", masks[i].mask);
		EXPECT("vms", VM_WEB, "id,cpuMask", "\"id\":\"" VM_WEB "\"%s", masks[i].member);
	}
	(void)snprintf(vm->cpu_mask_soft, sizeof vm->cpu_mask_soft, "2-3");
	EXPECT("vms", VM_WEB, "cpuMask,cpuMaskSoft", "\"cpuMask\":[1],\"cpuMaskSoft\":[2,3]");
	EXPECT("vms", VM_WEB, "pending,cpuWeight,cpuCap,coresPerSocket,PV_args",
	       "\"PV_args\":\"\",\"pending\":false");
	vm->cpu_weight = 512;
	vm->cpu_cap = 50;
	vm->cores_per_socket = 2;
	vm->memory_min_bytes = 1 << 20;
	vm->pending = true;
	vm->parent = vm_id(3);
	(void)snprintf(vm->cmdline, sizeof vm->cmdline, "ro");
	EXPECT("vms", VM_WEB, "pending,cpuWeight,cpuCap,coresPerSocket,PV_args,parent,memory",
	       "\"memory\":{\"size\":536870912,\"dynamic\":[1048576,536870912],\"static\":[0,"
	       "1073741824]},\"PV_args\":\"ro\",\"coresPerSocket\":2,\"cpuWeight\":512,"
	       "\"cpuCap\":50,\"parent\":\"" VM_SNAP "\",\"pending\":true");
}

Test(objects, tasks_of_each)
{
	static const char *const targets[] = {
	    R "vms/" VM_WEB "/tasks",           R "vm-snapshots/" VM_SNAP "/tasks",
	    R "vm-templates/" VM_TMPL "/tasks", R "srs/" SR_1 "/tasks",
	    R "vdis/" VDI_1 "/tasks",           R "vdi-snapshots/" VDI_2_SNAP "/tasks",
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(targets); i++)
		fixture_expect_get(f, targets[i], 200, "[]");
	fixture_expect(fixture_call(f, HTTP_GET, R "srs/" VDI_1 "/tasks", NULL), 404, "SR");
	fixture_expect(fixture_call(f, HTTP_GET, R "networks/" NOBODY "/tasks", NULL), 404,
		       "network");
}

/* Events */

static struct http_request *listen_to(const char *collections)
{
	char target[160];

	(void)snprintf(target, sizeof target, R "events?collections=%s", collections);
	return fixture_call(f, HTTP_GET, target, NULL);
}

/* "add:VM update:VBD": the events since the last call. */
static const char *told(struct http_request *r)
{
	static char text[1024];
	static size_t seen;
	static struct http_request *of;
	const char *body = http_request_for_test_body(r);
	struct mu_str s = MU_STR_INIT;

	if (of != r)
		seen = 0;
	of = r;
	for (const char *p = body + seen; (p = strstr(p, "event: ")); p++) {
		const char *type = strstr(p, "\"$subscription\":\"");

		if (!type || mu_str_has_prefix(p, "event: init"))
			continue;
		type += strlen("\"$subscription\":\"");
		mu_str_printf(&s, "%s%.*s:%.*s", s.len ? " " : "", (int)strcspn(p + 7, "\n"), p + 7,
			      (int)strcspn(type, "\""), type);
	}
	seen = strlen(body);
	memset(text, 0, sizeof text);
	memcpy(text, s.data ? s.data : "", s.len);
	mu_str_deinit(&s);
	return text;
}

Test(objects, events_of_objects)
{
	struct http_request *r = listen_to("SR,VDI,VDI-snapshot,network,PIF,PCI,PBD");

	for (size_t i = 0; i < FIXTURE_REPORTS; i++) {
		rest_report_changed(f->rest, REST_UPDATE, &f->reports[i]);
		if (i != R_SR_1_AWAY)
			rest_object_changed(f->rest, REST_UPDATE, &f->reports[i]);
	}
	cr_expect_str_eq(told(r), "update:PBD update:SR update:PBD update:PBD update:SR update:VDI "
				  "update:VDI update:VDI-snapshot update:network update:PIF "
				  "update:PIF update:PIF update:PCI");
	rest_report_changed(f->rest, REST_REMOVE, &f->reports[R_SR_1_AWAY]);
	cr_expect_str_eq(told(r), "remove:PBD");
	expect_one("pbds", pbd(1, SR_1), 404, NULL);
	EXPECT("hosts", HOST_2, "$PBDs", "\"$PBDs\":[]");
	/* A snapshot that becomes a disk of its own went here and came there. */
	f->reports[R_VDI_2_SNAP].vdi.snapshot_of = (struct mu_uuid){{0}};
	f->reports[R_VDI_2_SNAP].vdi.snapshot_at = 0;
	rest_object_changed(f->rest, REST_UPDATE, &f->reports[R_VDI_2_SNAP]);
	cr_expect_str_eq(told(r), "remove:VDI-snapshot add:VDI");
	EXPECT("vdis", VDI_2, "snapshots", "\"snapshots\":[]");
	rest_object_changed(f->rest, REST_REMOVE, &f->reports[R_VDI_2_SNAP]);
	cr_expect_str_eq(told(r), "remove:VDI");
	EXPECT("srs", SR_1, "VDIs", "\"VDIs\":[\"" VDI_1 "\",\"" VDI_2 "\"]");
	rest_object_changed(f->rest, REST_ADD, &f->reports[R_VDI_2_SNAP]);
	cr_expect_str_eq(told(r), "add:VDI");
	http_request_for_test_free(r);
}

static struct alarm raised;
static unsigned n_walks;

static void each_raised(void *ctx, bool (*each)(const struct alarm *a, void *arg), void *arg)
{
	(void)ctx;
	n_walks++;
	(void)each(&raised, arg);
}

static const struct alarm *find_raised(void *ctx, const struct mu_uuid *id)
{
	(void)ctx;
	return mu_uuid_equal(id, &raised.id) ? &raised : NULL;
}

/* Each row of a long list is looked up: not by walking all of them. */
Test(objects, alarms_of_a_backend_are_found_by_their_ids)
{
	f->rest->backend.each_alarm = each_raised;
	f->rest->backend.alarm_find = find_raised;
	raised.id = raised.object = f->reports[R_SR_1].id;
	raised.of = ALARM_OF_SR;
	raised.level = ALARM_WARNING;
	expect_one("alarms", SR_1, 200, "\"level\":\"warning\"");
	expect_one("alarms", NOBODY, 404, "no such alarm");
	cr_expect_eq(n_walks, 0);
	fixture_expect(fixture_call(f, HTTP_GET, R "alarms?sort=id", NULL), 200, SR_1);
	cr_expect_eq(n_walks, 1);
}

Test(objects, an_sr_that_gets_full)
{
	struct http_request *r = listen_to("alarm");
	struct model_object *o = &f->reports[R_SR_1];
	const struct mu_uuid data = alarm_id(&o->id, alarm_what_name(ALARM_SR_DATA));
	char id[MU_UUID_TEXT];
	char target[96];

	mu_uuid_format(&data, id);
	fixture_expect_get(f, R "alarms", 200, "[]");
	o->sr.used_bytes = 850;
	rest_object_changed(f->rest, REST_UPDATE, o);
	cr_expect_str_eq(told(r), "add:alarm");
	EXPECT("alarms", id, "type,name,body,object,level,text",
	       "\"type\":\"message\",\"name\":\"ALARM\",\"body\":{\"name\":\"SR data usage\","
	       "\"value\":\"85.0\"},\"object\":{\"type\":\"SR\",\"uuid\":\"" SR_1
	       "\",\"href\":\"/rest/v0/srs/" SR_1 "\"},\"level\":\"warning\",\"text\":\"SR %s: "
	       "SR data usage 85 %%\"",
	       o->name);
	rest_object_changed(f->rest, REST_UPDATE, o);
	cr_expect_str_eq(told(r), "", "nothing new");
	o->sr.used_bytes = 910;
	o->sr.metadata_percent = 95;
	rest_object_changed(f->rest, REST_UPDATE, o);
	cr_expect_str_eq(told(r), "update:alarm add:alarm");
	(void)snprintf(target, sizeof target,
		       R "srs/" SR_1 "/alarms?filter=level:critical&limit=1");
	fixture_expect(fixture_call(f, HTTP_GET, target, NULL), 200, id);
	fixture_expect_get(f, R "srs/" SR_2 "/alarms", 200, "[]");
	fixture_expect(fixture_call(f, HTTP_GET, R "srs/" VDI_1 "/alarms", NULL), 404, "SR");
	expect_one("alarms", NOBODY, 404, "no such alarm");
	o->sr.used_bytes = 100;
	rest_object_changed(f->rest, REST_UPDATE, o);
	cr_expect_str_eq(told(r), "remove:alarm");
	rest_object_changed(f->rest, REST_REMOVE, o);
	cr_expect_str_eq(told(r), "remove:alarm", "it went with its SR");
	http_request_for_test_free(r);
}

static void a_task(enum vm_op op, const char *method)
{
	struct model_task *t;

	f->op = VM_OP_START;
	f->vm = f->vms[0].id;
	fixture_op_started(f);
	t = &f->tasks[f->n_tasks - 1];
	t->op = op;
	(void)snprintf(t->method, sizeof t->method, "%s", method);
	t->object = method[0] ? f->vm.uuid : (struct mu_uuid){{0}};
	t->id.bytes[0] = (uint8_t)f->n_tasks;
}

static void ignore(void *arg, const struct mu_uuid *task, const struct mu_error *err)
{
	(void)arg;
	(void)task;
	(void)err;
}

Test(objects, messages_are_tasks_that_succeeded)
{
	struct http_request *r = listen_to("message");
	struct mu_uuid uuid;
	char id[MU_UUID_TEXT];

	f->op_done = ignore;
	fixture_expect_get(f, R "messages", 200, "[]");
	a_task(VM_OP_START, "");
	cr_expect_str_eq(told(r), "", "it has not ended");
	fixture_expect_get(f, R "messages", 200, "[]");
	fixture_task_ended(f, MU_E_NONE, NULL);
	cr_expect_str_eq(told(r), "add:message");
	a_task(VM_OP_HARD_SHUTDOWN, "");
	fixture_task_ended(f, MU_E_TIMEOUT, "too late");
	a_task(VM_OP_PAUSE, "");
	fixture_task_ended(f, MU_E_NONE, NULL);
	cr_expect_str_eq(told(r), "", "what failed, or has no word");
	a_task(_VM_OP_COUNT, "vm.clone");
	fixture_task_ended(f, MU_E_NONE, NULL);
	cr_expect_str_eq(told(r), "add:message");
	uuid = mu_uuid_twin(&f->tasks[0].id, 'm');
	mu_uuid_format(&uuid, id);
	EXPECT("messages", id, "type,name,body,time,$object",
	       "\"type\":\"message\",\"$object\":\"" VM_WEB "\",\"name\":\"VM_STARTED\","
	       "\"body\":\"VM '%s' started on host: %s (uuid: " HOST_1 ")\",\"time\":1700000000",
	       f->vms[0].name, f->hosts[0].name);
	fixture_expect(fixture_call(f, HTTP_GET, R "vms/" VM_WEB "/messages?fields=name", NULL),
		       200, "VM_STARTED\",\"href");
	fixture_expect(
	    fixture_call(f, HTTP_GET, R "messages?fields=name&filter=name:CLONED&limit=2", NULL),
	    200, "[{\"name\":\"VM_CLONED\"");
	fixture_expect_get(f, R "vm-templates/" DEBIAN "/messages", 200, "[]");
	fixture_expect(fixture_call(f, HTTP_GET, R "vms/" SR_1 "/messages", NULL), 404, "VM");
	expect_one("messages", NOBODY, 404, "no such message");
	rest_task_changed(f->rest, REST_REMOVE, &f->tasks[0]);
	cr_expect_str_eq(told(r), "remove:message", "it went with its task");
	http_request_for_test_free(r);
}

/* Nobody tells of what was there when the process started. */
Test(objects, an_sr_that_was_full_before)
{
	f->reports[R_SR_1].sr.used_bytes = 950;
	fixture_expect(fixture_call(f, HTTP_GET, R "alarms?fields=level", NULL), 200, "critical");
}

Test(objects, events_of_a_vms_parts)
{
	struct http_request *r = listen_to("VM,VM-template,VBD,VIF");
	struct model_vm *web = &f->vms[0];

	web->started_at++;
	rest_vm_changed(f->rest, REST_UPDATE, web);
	cr_expect_str_eq(told(r), "update:VM", "no part of it changed");
	web->disks[0].readonly = true;
	web->nics[0].rate_kbps = 1;
	rest_vm_changed(f->rest, REST_UPDATE, web);
	cr_expect_str_eq(told(r), "update:VM update:VBD update:VIF");
	/* The drive goes, a disk and a card come. */
	(void)snprintf(web->disks[1].vdev, sizeof web->disks[1].vdev, "xvdb");
	web->nics[1] = web->nics[0];
	web->nics[1].device = 4;
	web->n_nics = 2;
	rest_vm_changed(f->rest, REST_UPDATE, web);
	cr_expect_str_eq(told(r), "update:VM remove:VBD add:VBD add:VIF");
	expect_one("vbds", vbd(0, "xvdb"), 200, NULL);
	expect_one("vbds", vbd(0, "hdc"), 404, NULL);
	EXPECT("networks", report_id(R_BRIDGE), "VIFs", "\"VIFs\":[\"%s\",\"%s\"]", vif(0, 3),
	       vif(0, 4));
	web->n_nics = 1;
	/* Its host cannot be asked any more: what was attached may not be now. */
	web->power = VM_UNKNOWN;
	rest_vm_changed(f->rest, REST_UPDATE, web);
	cr_expect_str_eq(told(r), "update:VM update:VBD update:VBD remove:VIF update:VIF");
	EXPECT("hosts", HOST_1, "residentVms", "\"residentVms\":[]");
	/* It is a template now. */
	web->kind = VM_KIND_TEMPLATE;
	rest_vm_changed(f->rest, REST_UPDATE, web);
	cr_expect_str_eq(told(r), "remove:VM add:VM-template");
	rest_vm_changed(f->rest, REST_REMOVE, web);
	cr_expect_str_eq(told(r), "remove:VBD remove:VBD remove:VIF remove:VM-template");
	EXPECT("vdis", VDI_1, "$VBDs", "\"$VBDs\":[]");
	rest_vm_changed(f->rest, REST_ADD, web);
	cr_expect_str_eq(told(r), "add:VM-template add:VBD add:VBD add:VIF");
	http_request_for_test_free(r);
}

/* The index is made when it is first asked for, by whatever way: before that, changes cost nothing
 * and are seen all the same. */
Test(objects, relations_before_anybody_listens)
{
	struct model_vm *web = &f->vms[0];

	web->disks[0].vdi = f->reports[R_VDI_2].id;
	rest_vm_changed(f->rest, REST_UPDATE, web);
	rest_object_changed(f->rest, REST_UPDATE, &f->reports[R_VDI_1]);
	rest_report_changed(f->rest, REST_REMOVE, &f->reports[R_SR_2]);
	EXPECT("vdis", VDI_1, "$VBDs", "\"$VBDs\":[]");
	EXPECT("vdis", VDI_2, "$VBDs", "\"$VBDs\":[\"%s\",\"%s\"]", vbd(0, "xvda"), vbd(1, "xvda"));
	/* And from now on it is kept. */
	web->disks[0].vdi = f->reports[R_VDI_1].id;
	rest_vm_changed(f->rest, REST_UPDATE, web);
	EXPECT("vdis", VDI_1, "$VBDs", "\"$VBDs\":[\"%s\"]", vbd(0, "xvda"));
	EXPECT("vdis", VDI_2, "$VBDs", "\"$VBDs\":[\"%s\"]", vbd(1, "xvda"));
}
