/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of cards and disks, and temperatures, out of a made-up sysfs. */
#include "agent/host/counters.h"
#include "agent/host/sensors.h"
#include "tests/unit/agent/host/tree.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

TestSuite(host_counters, .init = tree_make, .fini = tree_clean);

static void card(const char *name, const char *bus)
{
	char path[128], target[64];

	snprintf(path, sizeof path, "class/net/%s/device/subsystem", name);
	snprintf(target, sizeof target, "../../../../bus/%s", bus);
	tree_link(path, target);
}

Test(host_counters, cards_and_nothing_else)
{
	static struct hv_host_stats h;

	card("eth1", "pci");
	card("eth0", "virtio");
	card("vif3.0", "xen-backend");
	card("a-name-that-is-too-long", "pci");
	tree_put("class/net/br0/statistics/rx_bytes", "1\n");
	tree_put("class/net/eth0/statistics/rx_bytes", "10\n");
	tree_put("class/net/eth0/statistics/tx_bytes", "20\n");
	tree_put("class/net/eth0/statistics/rx_dropped", "3\n");
	tree_put("class/net/eth0/statistics/tx_errors", "junk\n");
	host_counters_nics(tree_root, &h);
	cr_assert_eq(h.n_pifs, 2u);
	cr_expect_str_eq(h.pifs[0].name, "eth0");
	cr_expect_str_eq(h.pifs[1].name, "eth1");
	cr_expect_eq(h.pifs[0].net.rx_bytes, 10u);
	cr_expect_eq(h.pifs[0].net.tx_bytes, 20u);
	cr_expect_eq(h.pifs[0].net.rx_drops, 3u);
	cr_expect_eq(h.pifs[0].net.tx_errors, HV_COUNTER_UNKNOWN);
	cr_expect_eq(h.pifs[1].net.rx_bytes, HV_COUNTER_UNKNOWN, "no such file is not zero");
}

Test(host_counters, no_more_cards_than_there_is_room)
{
	static struct hv_host_stats h;
	char name[16];

	for (int i = 0; i < HV_PIFS_MAX + 3; i++) {
		snprintf(name, sizeof name, "eth%d", i);
		card(name, "pci");
	}
	host_counters_nics(tree_root, &h);
	cr_expect_eq(h.n_pifs, (uint32_t)HV_PIFS_MAX);
}

Test(host_counters, disks)
{
	static struct hv_host_stats h;

	tree_link("block/sda/device", "../x");
	tree_put("block/sda/stat", "   10  1  80  5   20  2  160  7  3  9  12  0 0 0 0 0 0\n");
	tree_link("block/sdb/device", "../y");
	tree_put("block/sdb/stat", "1 2 3\n");
	tree_link("block/sdc/device", "../z");
	tree_put("block/dm-0/stat", "10 1 80 5 20 2 160 7 3 9 12\n");
	host_counters_disks(tree_root, &h);
	cr_assert_eq(h.n_disks, 3u);
	cr_expect_str_eq(h.disks[0].name, "sda");
	cr_expect_eq(h.disks[0].rd_reqs, 10u);
	cr_expect_eq(h.disks[0].rd_bytes, 40960u);
	cr_expect_eq(h.disks[0].rd_ms, 5u);
	cr_expect_eq(h.disks[0].wr_reqs, 20u);
	cr_expect_eq(h.disks[0].wr_bytes, 81920u);
	cr_expect_eq(h.disks[0].wr_ms, 7u);
	cr_expect_eq(h.disks[0].inflight, 3u);
	cr_expect_eq(h.disks[0].queue_ms, 12u);
	cr_expect_eq(h.disks[2].rd_bytes, HV_COUNTER_UNKNOWN, "no such file");
	cr_expect_eq(h.disks[2].inflight, HV_COUNTER_UNKNOWN);
	cr_expect_eq(h.disks[1].wr_bytes, HV_COUNTER_UNKNOWN, "not understood");
	cr_expect_eq(h.disks[1].rd_reqs, HV_COUNTER_UNKNOWN);
}

Test(host_counters, no_more_disks_than_there_is_room)
{
	static struct hv_host_stats h;
	char path[64];

	for (int i = 0; i < HV_HOST_DISKS_MAX + 3; i++) {
		snprintf(path, sizeof path, "block/sd%d/device", i);
		tree_link(path, "../x");
	}
	host_counters_disks(tree_root, &h);
	cr_expect_eq(h.n_disks, (uint32_t)HV_HOST_DISKS_MAX);
	host_counters_disks("/nonexistent", &h);
	cr_expect_eq(h.n_disks, 0u);
}

Test(host_counters, temperatures)
{
	struct hv_sensor s[4];

	tree_link("class/hwmon/hwmon0/device", "../../coretemp.0");
	tree_put("class/hwmon/hwmon0/temp1_input", "47500\n");
	tree_put("class/hwmon/hwmon0/temp1_max", "100000\n");
	tree_put("class/hwmon/hwmon0/temp2_input", "-1000\n");
	tree_put("class/hwmon/hwmon0/fan1_input", "900\n");
	tree_put("class/hwmon/hwmon1/name", "acpi tz\n");
	tree_put("class/hwmon/hwmon1/temp1_input", "junk\n");
	tree_put("class/hwmon/hwmon2/temp1_input", "1000\n"); /* of nobody */
	cr_assert_eq(host_sensors_read(tree_root, s, 4), 3u);
	cr_expect_str_eq(s[0].name, "coretemp.0-temp1");
	cr_expect_eq(s[0].celsius, 47.5);
	cr_expect_str_eq(s[1].name, "coretemp.0-temp2");
	cr_expect_eq(s[1].celsius, -1);
	cr_expect_str_eq(s[2].name, "acpi-tz-temp1");
	cr_expect(isnan(s[2].celsius), "what does not answer is unknown");
	cr_expect_eq(host_sensors_read(tree_root, s, 1), 1u);
	cr_expect_eq(host_sensors_read("/nonexistent", s, 4), 0u);
}

Test(host_counters, a_name_is_there_once)
{
	struct hv_sensor s[4];

	tree_put("class/hwmon/hwmon0/name", "thermal\n");
	tree_put("class/hwmon/hwmon0/temp1_input", "20000\n");
	tree_put("class/hwmon/hwmon1/name", "thermal\n");
	tree_put("class/hwmon/hwmon1/temp1_input", "30000\n");
	cr_assert_eq(host_sensors_read(tree_root, s, 4), 1u);
	cr_expect_eq(s[0].celsius, 20);
}
