/* SPDX-License-Identifier: Apache-2.0 */
/* Disks and what uses them, out of a made-up sysfs and /proc. */
#include "agent/host/disks.h"
#include "common/json/json.h"
#include "tests/unit/agent/host/tree.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(host_disks, .init = tree_make, .fini = tree_clean);

static void expect(const char *text)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_str out = MU_STR_INIT;

	mu_json_write(&out, host_disks_read(a, tree_root, tree_root), false);
	cr_expect_str_eq(out.data, text);
	mu_str_deinit(&out);
}

Test(host_disks, a_disk_with_everything)
{
	tree_link("block/sda/device", "../../../0:0:0:0");
	tree_put("block/sda/size", "2097152\n");
	tree_put("block/sda/dev", "8:0\n");
	tree_put("block/sda/queue/rotational", "1\n");
	tree_put("block/sda/removable", "0\n");
	tree_put("block/sda/ro", "1\n");
	expect("[{\"name\":\"sda\",\"sizeBytes\":1073741824,\"rotational\":true,"
	       "\"removable\":false,\"readOnly\":true,\"usedBy\":[]}]");
}

Test(host_disks, names_and_numbers_of_its_maker)
{
	tree_put("block/nvme0n1/device/model", "Fast   \n");
	tree_put("block/nvme0n1/device/serial", "N1\n");
	tree_put("block/nvme0n1/wwid", "eui.01\n");
	tree_put("block/nvme0n1/target", "");
	/* `device` is a folder here, not a link: no disk. */
	expect("[]");
	tree_link("block/vda/device", "../../../virtio1");
	tree_put("block/vda/serial", "V1\n");
	tree_put("block/vda/size", "junk");
	expect("[{\"name\":\"vda\",\"sizeBytes\":0,\"serial\":\"V1\",\"rotational\":false,"
	       "\"removable\":false,\"readOnly\":false,\"usedBy\":[]}]");
}

Test(host_disks, used_by_mounts_swap_lvm_and_md)
{
	tree_link("block/sda/device", "../x");
	tree_put("block/sda/dev", "8:0\n");
	tree_put("block/sda/sda1/partition", "1\n");
	tree_put("block/sda/sda1/dev", "8:1\n");
	tree_put("block/sda/sda2/partition", "2\n");
	tree_put("block/sda/sda2/dev", "8:2\n");
	tree_put("block/sda/sda2/holders/dm-0/x", "");
	tree_put("block/sda/sda3/partition", "3\n");
	tree_put("block/sda/sda3/holders/md127/x", "");
	tree_put("block/sda/holders/dm-1/x", "");
	tree_put("block/sda/sdaish/x", ""); /* no partition */
	tree_put("block/dm-0/dm/name", "vg0-root\n");
	tree_put("block/dm-0/dm/uuid", "LVM-abc\n");
	tree_put("block/dm-1/dm/name", "luks\n");
	tree_put("block/dm-1/dm/uuid", "CRYPT-LUKS2-x\n");
	tree_put("self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				   "23 1 0:5 / /dev rw - devtmpfs udev rw\n"
				   "24 1 8:1 /srv /srv/x rw - ext4 /dev/sda1 rw\nbroken\n");
	tree_put("swaps", "Filename Type Size Used Priority\n/dev/sda1 partition 1 0 -2\n"
			  "/dev/sda10 partition 1 0 -2\n");
	expect("[{\"name\":\"sda\",\"sizeBytes\":0,\"rotational\":false,\"removable\":false,"
	       "\"readOnly\":false,\"usedBy\":[{\"kind\":\"device-mapper\",\"name\":\"luks\"},"
	       "{\"kind\":\"mount\",\"name\":\"/\"},{\"kind\":\"mount\",\"name\":\"/srv/x\"},"
	       "{\"kind\":\"swap\",\"name\":\"sda1\"},{\"kind\":\"lvm\",\"name\":\"vg0-root\"},"
	       "{\"kind\":\"md\",\"name\":\"md127\"}]}]");
}

Test(host_disks, loops_and_ram_disks_are_none)
{
	tree_put("block/loop0/size", "5");
	tree_put("block/ram0/size", "5");
	tree_put("block/dm-0/size", "5");
	expect("[]");
}
