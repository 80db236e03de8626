/* SPDX-License-Identifier: Apache-2.0 */
/* What Xen Orchestra's clients ask for besides the objects: dashboards, connections, kinds of SRs,
 * collections that nothing is in, alarms and messages of everything. */
#include "fixture.h"

#include "common/base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

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

TestSuite(dialect, .init = setup, .fini = teardown);

static void get(const char *path, int status, const char *part)
{
	fixture_expect(fixture_call(f, HTTP_GET, path, NULL), status, part);
}

/* VM_FAR's host is away: nobody knows whether it runs, and its memory is in no sum of use. */
Test(dialect, the_dashboard)
{
	f->hosts[0].maintenance = true;
	f->reports[R_SR_1].sr.used_bytes = 250;
	get(R "dashboard", 200,
	    "{\"nPools\":1,\"nHosts\":2,\"hostsStatus\":{\"running\":0,\"disabled\":1,\"halted\":0,"
	    "\"unknown\":1,\"total\":2},\"vmsStatus\":{\"running\":1,\"paused\":0,\"suspended\":0,"
	    "\"halted\":1,\"active\":1,\"inactive\":1,\"unknown\":1,\"total\":3},\"poolsStatus\":"
	    "{\"connected\":1,\"disconnected\":0,\"unreachable\":0,\"unknown\":0,\"total\":1},"
	    "\"missingPatches\":{\"hasAuthorization\":false},\"resourcesOverview\":{\"nCpus\":16,"
	    "\"memorySize\":2147483648,\"srSize\":1000},\"storageRepositories\":{\"size\":{"
	    "\"total\":1000,\"used\":250,\"available\":750,\"replicated\":0,\"other\":250}},"
	    "\"backupRepositories\":{\"isEmpty\":true},\"backups\":{\"isEmpty\":true}}");
	f->reports[R_SR_1].sr.used_bytes = -1;
	get(R "dashboard", 200, "\"storageRepositories\":{\"isEmpty\":true}");
	f->hosts[0].connected = false;
	get(R "dashboard", 200, "\"poolsStatus\":{\"connected\":0,\"disconnected\":1");
}

Test(dialect, the_dashboard_of_the_pool)
{
	f->hosts[0].memory_free_bytes = 1 << 28;
	f->reports[R_SR_1].sr.used_bytes = 850;
	f->reports[R_SR_1].sr.data_percent = 85;
	get(R "pools/" POOL "/dashboard", 200,
	    "\"ram\":[{\"id\":\"" HOST_1 "\",\"name_label\":\"xen1\",\"percent\":75");
	get(R "pools/" POOL "/dashboard", 200, "\"size\":1073741824,\"usage\":805306368}]");
	get(R "pools/" POOL "/dashboard", 200,
	    "\"srs\":{\"topFiveUsage\":[{\"id\":\"" SR_1
	    "\",\"name_label\":\"shared\",\"percent\":85");
	get(R "pools/" POOL "/dashboard", 200,
	    "\"size\":1000,\"physical_usage\":850}]},\"alarms\":[\"");
	get(R "pools/" POOL "/dashboard", 200, "\"cpuProvisioning\":{\"total\":16,\"assigned\":");
	get(R "pools/" NOBODY "/dashboard", 404, "pool");
}

/* The reports of other kinds stand in as SRs of their own. */
Test(dialect, the_five_fullest)
{
	static const int used[] = {3, 6, 1, 5, 0, 2, 4};
	struct http_request *r;

	for (size_t i = 0; i < MU_ARRAY_SIZE(used); i++) {
		struct model_object *o = &f->reports[i + R_SR_2];

		model_object_init(o, OBJECT_SR);
		o->id.bytes[15] = (uint8_t)(i + 1);
		(void)snprintf(o->name, sizeof o->name, "s%d", used[i]);
		o->sr.size_bytes = 8;
		o->sr.used_bytes = used[i];
	}
	f->reports[R_SR_1].sr.iso = true;
	r = fixture_call(f, HTTP_GET, R "pools/" POOL "/dashboard", NULL);
	fixture_expect(r, 200, "\"name_label\":\"s6\",\"percent\":75");
	get(R "pools/" POOL "/dashboard", 200, "\"size\":8,\"physical_usage\":2}]}");
	get(R "pools/" POOL "/dashboard", 200, "\"physical_usage\":6},{");
}

Test(dialect, the_dashboard_of_a_vm)
{
	get(R "vms/" VM_WEB "/dashboard", 200, "\"host\":\"" HOST_1 "\"}");
	get(R "vms/" VM_DB "/dashboard", 200, "\"os_version\":{}");
	get(R "vms/" VM_DB "/dashboard", 200,
	    "\"pvDriversDetected\":false},\"alarms\":[],\"backupsInfo\":{\"lastRuns\":[],"
	    "\"vmProtection\":\"not-in-active-job\",\"replication\":{},\"backupArchives\":[]}}");
	get(R "vms/" VM_SNAP "/dashboard", 404, "VM");
}

Test(dialect, servers)
{
	struct mu_uuid host, id;
	char path[96];

	cr_assert(mu_uuid_parse(HOST_2, &host));
	id = mu_uuid_twin(&host, 's');
	get(R "servers?fields=label,status", 200,
	    "{\"label\":\"xen2\",\"status\":\"disconnected\",");
	(void)snprintf(path, sizeof path, R "servers/%s", fixture_id(id));
	get(path, 200,
	    "\"poolId\":\"" POOL "\",\"poolNameLabel\":\"main\",\"poolNameDescription\":"
	    "\"\",\"master\":\"" HOST_2 "\"}");
	get(R "servers/" HOST_2, 404, "no such server");
}

Test(dialect, kinds_of_srs)
{
	struct http_request *r = fixture_call(f, HTTP_GET, R "sms?fields=SM_type&limit=2", NULL);
	char path[96];
	const struct mu_uuid none = {{0}};

	fixture_expect(r, 200, "\"SM_type\":\"dir\"");
	(void)snprintf(path, sizeof path, R "sms/%s", fixture_id(mu_uuid_derive(&none, "iso")));
	get(path, 200, "\"features\":{\"VDI_ATTACH\":1,\"SR_SCAN\":1}");
	get(R "sms/" NOBODY, 404, "no such SM");
}

Test(dialect, nothing_yet)
{
	static const char *const collections[] = {
	    "pgpus",       "proxies",      "schedules",           "backup-jobs",
	    "backup-logs", "restore-logs", "backup-repositories", "backup-archives"};
	char path[96];

	for (size_t i = 0; i < MU_ARRAY_SIZE(collections); i++) {
		(void)snprintf(path, sizeof path, R "%s?fields=*&filter=x", collections[i]);
		fixture_expect_get(f, path, 200, "[]");
		(void)snprintf(path, sizeof path, R "%s/" NOBODY, collections[i]);
		get(path, 404, "no such");
	}
	fixture_expect_get(f, R "vms/" VM_WEB "/backup-jobs", 200, "[]");
	get(R "vms/" VM_SNAP "/backup-jobs", 404, "VM");
	fixture_expect_get(f, R "gui-routes", 200, "{}");
}

Test(dialect, alarms_messages_and_tasks_of_everything)
{
	static const char *const objects[] = {
	    "hosts/" HOST_1,       "pools/" POOL, "srs/" SR_1,   "vdis/" VDI_1,
	    "networks/" NETWORK_1, "pifs/" PIF_1, "vms/" VM_WEB, "vm-snapshots/" VM_SNAP};
	static const char *const parts[] = {"alarms", "messages", "tasks"};
	char path[128];

	for (size_t i = 0; i < MU_ARRAY_SIZE(objects); i++)
		for (size_t k = 0; k < MU_ARRAY_SIZE(parts); k++) {
			(void)snprintf(path, sizeof path, R "%s/%s", objects[i], parts[k]);
			fixture_expect_get(f, path, 200, "[]");
		}
	get(R "pools/" HOST_1 "/messages", 404, "pool");
	get(R "hosts/" POOL "/messages", 404, "host");
	get(R "pifs/" VDI_1 "/alarms", 404, "PIF");
}

/* Of drivers for Windows. */
Test(dialect, a_vulnerability_of_windows)
{
	f->vms[0].type = VM_TYPE_PVH;
	get(R "vms?fields=vulnerabilities&filter=id:" VM_WEB, 200,
	    "{\"vulnerabilities\":{\"xsa468\":false}");
	f->vms[0].type = VM_TYPE_HVM;
	get(R "vms?fields=vulnerabilities&filter=id:" VM_WEB, 200, "[{\"href\"");
	(void)snprintf(f->vms[0].guest.os_distro, sizeof f->vms[0].guest.os_distro, "windows");
	get(R "vms?fields=vulnerabilities&filter=id:" VM_WEB, 200, "[{\"href\"");
	(void)snprintf(f->vms[0].guest.os_distro, sizeof f->vms[0].guest.os_distro, "debian");
	get(R "vms?fields=vulnerabilities&filter=id:" VM_WEB, 200, "\"xsa468\":false");
}
