# SPDX-License-Identifier: Apache-2.0
"""VMs from a template with cloud-init data, snapshots of all their disks under a writer, going back, clones: by the
aggregator's REST on real Xen, on LVM. After it nothing is left in dom0."""

import unittest

from disk_case import ADDRESS, MIB, OnLvmThin
from fleet_case import OP_DEADLINE
from tests.support.rest import wait_until

TEMPLATE = "golden"


class Snapshots(OnLvmThin):
    NAME = "snapshots-lvm"

    def template(self):
        root = self.call("vdi.import", self.sr, path="/srv/guest/cloud.img", format="raw", name_label="golden")["id"]
        made = self.define(TEMPLATE, type="pv", memory="128MiB", kernel="/srv/guest/vmlinux",
                           ramdisk="/srv/guest/cloud.cpio.gz",
                           cmdline="console=hvc0 root=/dev/xvda1 quiet mitigations=off",
                           disks=[{"vdev": "xvda", "vdi": root}], nics=[{"bridge": "xenbr1"}])
        self.call("vm.to_template", made)
        return made

    def create(self, template):
        """From the template, with a second disk; its seed gives it name, address and a file; started."""
        vm = self.call("vm.create", self.host_id, name_label="pv", template=template, boot=True,
                       vdis=[{"size": 16 * MIB, "name_label": "data", "sr": self.sr}],
                       cloud_config="#!/bin/sh\necho seeded > /root/seeded\n",
                       network_config=f"version: 2\nethernets:\n  eth0:\n    addresses: [{ADDRESS}/24]\n")["id"]
        self.answers()
        return vm

    def answers(self):
        self.host.wait_run("the guest to answer", f"echo exit | busybox nc -w 5 {ADDRESS} 23", OP_DEADLINE)

    def test_life(self):
        template = self.template()
        vm = self.create(template)
        self.assertEqual("pv\nseeded", self.sh("hostname; cat /root/seeded"))
        self.sh("dd if=/dev/urandom of=/dev/xvdb bs=1M count=4 conv=fsync 2>/dev/null; echo one > /root/state; sync")
        first = self.md5("/dev/xvdb")
        before = self.call("vm.snapshot", vm, name_label="before")["id"]

        # Under a writer, and how long it stands still for it.
        self.sh("sequencer /dev/xvdb >/dev/null 2>&1 & echo two > /root/state; sync")
        self.host.wait_run("the writer to answer", f"busybox nc -w 5 {ADDRESS} 7 </dev/null | grep ' '")
        self.sequence()
        taken = self.call("vm.snapshot", vm, name_label="under a writer")
        stopped_us = self.sequence()[1]
        print(f"paused for {taken['pausedMs']} ms, the writer stood for {stopped_us / 1000:.1f} ms")
        self.assertEqual("Running", self.rest.power(vm))
        self.assertNotIn("p", self.domain(vm)["state"])
        self.assertEqual({before, taken["id"]}, set(self.rest.get(f"/vms/{vm}")["snapshots"]))

        # Back to the first: both disks are of that moment.
        self.rest.action(vm, "hard_shutdown")
        self.call("vm.revert", vm, snapshotId=before)
        self.rest.action(vm, "start")
        self.answers()
        self.assertEqual("one", self.sh("cat /root/state"))
        self.assertEqual(first, self.md5("/dev/xvdb"))
        self.rest.action(vm, "hard_shutdown")

        # A clone of the snapshot is a VM of its own; its seed gives it the address of the first, which is halted.
        clone = self.call("vm.clone", before, name_label="clone")["id"]
        self.rest.action(clone, "start")
        self.answers()
        self.assertEqual("one", self.sh("cat /root/state"))
        self.rest.action(clone, "hard_shutdown")

        for one in (clone, vm, template):
            self.call("vm.delete", one)
        wait_until("nothing of it is listed", lambda: not self.rest.get("/vdis") and not self.rest.get("/vdi-snapshots")
                   and not self.rest.get("/vm-snapshots"), OP_DEADLINE, 1)


if __name__ == "__main__":
    unittest.main()
