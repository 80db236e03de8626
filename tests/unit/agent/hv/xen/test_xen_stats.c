/* SPDX-License-Identifier: Apache-2.0 */
/* Device counters from a made-up sysfs: names, numbers, and whose direction it is. */
#include "agent/hv/xen/xen_stats.h"
#include "common/os/file.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[] = "/tmp/xen-sysfs.XXXXXX";

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;
	char path[400];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", root, folder);
	cr_assert_eq(mu_file_mkdirs(path, 0755, &err), 0, "%s", err.text);
	snprintf(path, sizeof path, "%s/%s/%s", root, folder, name);
	f = fopen(path, "w");
	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

static void put(const char *folder, const char *name, const char *text)
{
	char path[300];

	snprintf(path, sizeof path, "bus/xen-backend/devices/%s", folder);
	write_file(path, name, text);
}

static void make(void)
{
	cr_assert_not_null(mkdtemp(root));
}

static void clean(void)
{
	(void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#define NET_DEV                                                                                    \
	"Inter-|   Receive                                                |  Transmit\n"           \
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"     \
	"    lo:  10 1 0 0 0 0 0 0 10 1 0 0 0 0 0 0\n"                                             \
	"renamed: 100 1 7 8 0 0 0 0 200 2 0 9 0 0 0 0\n"                                           \
	"vif5.0:1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"                                                 \
	"short: 1 2 3\n"

TestSuite(xen_stats, .init = make, .fini = clean);

Test(xen_stats, vif_is_seen_by_the_guest)
{
	struct hv_domain_stats d[2] = {{.domid = {3}}, {.domid = {5}}};

	put("vif-5-1/net/renamed", "type", "1\n");
	put("vif-5-0/net/vif5.0", "type", "1\n");
	put("vif-9-0/net/vif9.0", "type", "1\n");
	write_file("net", "dev", NET_DEV);
	xen_stats_read_devices(root, root, d, 2);
	cr_expect_eq(d[0].n_vifs, 0u);
	cr_assert_eq(d[1].n_vifs, 2u);
	cr_expect_eq(d[1].vifs[0].device, 0);
	cr_expect_eq(d[1].vifs[1].device, 1);
	cr_expect_eq(d[1].vifs[1].net.rx_bytes, 200u, "dom0 sends what the guest receives");
	cr_expect_eq(d[1].vifs[1].net.tx_bytes, 100u);
	cr_expect_eq(d[1].vifs[1].net.rx_packets, 2u);
	cr_expect_eq(d[1].vifs[1].net.tx_errors, 7u);
	cr_expect_eq(d[1].vifs[1].net.tx_drops, 8u);
	cr_expect_eq(d[1].vifs[1].net.rx_drops, 9u);
	cr_expect_eq(d[1].vifs[0].net.tx_bytes, 1u);
}

Test(xen_stats, a_line_of_cards_is_read_to_its_end)
{
	struct hv_domain_stats d = {.domid = {5}};

	put("vif-5-0/net/short", "type", "1\n");
	write_file("net", "dev", NET_DEV "4 5 6 7 8 9 10 11 12 13 14 15 16\n");
	xen_stats_read_devices(root, root, &d, 1);
	cr_assert_eq(d.n_vifs, 1u);
	cr_expect_eq(d.vifs[0].net.rx_bytes, HV_COUNTER_UNKNOWN);
	cr_expect_eq(d.vifs[0].net.tx_bytes, HV_COUNTER_UNKNOWN);
}

Test(xen_stats, vbd_counts_sectors)
{
	struct hv_domain_stats d = {.domid = {3}};

	put("vbd-3-51728/statistics", "rd_sect", "10\n");
	put("vbd-3-51728/statistics", "wr_sect", "3\n");
	put("vbd-3-51728/statistics", "rd_req", "5\n");
	put("vbd-3-51728/statistics", "wr_req", "1\n");
	put("vbd-3-51712/statistics", "rd_sect", "junk\n");
	xen_stats_read_devices(root, root, &d, 1);
	cr_assert_eq(d.n_vbds, 2u);
	cr_expect_str_eq(d.vbds[0].vdev, "xvda");
	cr_expect_eq(d.vbds[0].rd_bytes, HV_COUNTER_UNKNOWN);
	cr_expect_eq(d.vbds[0].wr_reqs, HV_COUNTER_UNKNOWN, "no such file");
	cr_expect_str_eq(d.vbds[1].vdev, "xvdb");
	cr_expect_eq(d.vbds[1].rd_bytes, 5120u);
	cr_expect_eq(d.vbds[1].wr_bytes, 1536u);
	cr_expect_eq(d.vbds[1].rd_reqs, 5u);
	cr_expect_eq(d.vbds[1].wr_reqs, 1u);
}

Test(xen_stats, other_entries_and_too_many_are_ignored)
{
	struct hv_domain_stats d = {.domid = {3}};
	char name[64];

	put("console-3-0", "state", "4\n");
	put("vif-3-0-emu/net/x", "type", "1\n");
	put("vif-3-x", "a", "b");
	put("vif-3-70000/net/x", "type", "1\n");
	put("vif-3-7", "no-net", "1\n");
	for (int i = 0; i < 2 * HV_DISKS_MAX; i++) {
		snprintf(name, sizeof name, "vbd-3-%d/statistics", (1 << 28) | i << 8);
		put(name, "rd_req", "1\n");
	}
	xen_stats_read_devices(root, root, &d, 1);
	cr_expect_eq(d.n_vifs, 0u);
	cr_expect_eq(d.n_vbds, (uint32_t)HV_DISKS_MAX);
}

/* The interface goes between the two readings, or its name is too long to be one. */
Test(xen_stats, vif_that_has_gone_is_unknown_and_not_zero)
{
	struct hv_domain_stats d = {.domid = {3}};

	put("vif-3-0/net/vif3.0", "type", "1\n");
	put("vif-3-1/net/a-name-longer-than-any", "type", "1\n");
	write_file("net", "dev", NET_DEV);
	xen_stats_read_devices(root, root, &d, 1);
	cr_assert_eq(d.n_vifs, 2u);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(d.vifs[i].net.rx_bytes, HV_COUNTER_UNKNOWN);
		cr_expect_eq(d.vifs[i].net.tx_drops, HV_COUNTER_UNKNOWN);
	}
}

Test(xen_stats, no_list_of_interfaces)
{
	struct hv_domain_stats d = {.domid = {3}};

	put("vif-3-0/net/vif3.0", "type", "1\n");
	xen_stats_read_devices(root, root, &d, 1);
	cr_assert_eq(d.n_vifs, 1u);
	cr_expect_eq(d.vifs[0].net.rx_packets, HV_COUNTER_UNKNOWN);
}

Test(xen_stats, no_backends_at_all)
{
	struct hv_domain_stats d = {.domid = {3}};

	xen_stats_read_devices("/nonexistent", "/nonexistent", &d, 1);
	cr_expect_eq(d.n_vifs, 0u);
}
