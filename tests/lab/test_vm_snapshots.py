# SPDX-License-Identifier: Apache-2.0
"""VMs from a template with cloud-init data, snapshots of all their disks under a writer, going back, clones: by the
aggregator's REST on real Xen, on LVM. After it nothing is left in dom0."""

import unittest

from disk_case import ADDRESSES, MIB, OnLvmThin
from fleet_case import OP_DEADLINE
from tests.support.rest import wait_until

TEMPLATE = "golden"


class Snapshots(OnLvmThin):
    NAME = "snapshots-lvm"

    def template(self, kind):
        root = self.call("vdi.import", self.sr, path="/srv/guest/cloud.img", format="raw", name_label="golden")["id"]
        made = self.define(TEMPLATE, type=kind, memory="128MiB", kernel="/srv/guest/vmlinux",
                           ramdisk="/srv/guest/cloud.cpio.gz",
                           cmdline="console=hvc0 root=/dev/xvda1 quiet mitigations=off",
                           disks=[{"vdev": "xvda", "vdi": root}], nics=[{"bridge": "xenbr1"}])
        self.call("vm.to_template", made)
        return made

    def create(self, kind, template):
        """From the template, with a second disk; its seed gives it name, address and a file; started."""
        vm = self.call("vm.create", self.host_id, name_label=kind, template=template, boot=True,
                       vdis=[{"size": 16 * MIB, "name_label": "data", "sr": self.sr}],
                       cloud_config="#!/bin/sh\necho seeded > /root/seeded\n",
                       network_config=f"version: 2\nethernets:\n  eth0:\n    addresses: [{ADDRESSES[kind]}/24]\n")["id"]
        self.answers(kind)
        return vm

    def answers(self, name):
        self.host.wait_run(f"guest {name} to answer", f"echo exit | busybox nc -w 5 {ADDRESSES[name]} 23", OP_DEADLINE)

    def test_pv(self):
        self.one_life("pv")

    def one_life(self, kind):
        template = self.template(kind)
        vm = self.create(kind, template)
        self.assertEqual(f"{kind}\nseeded", self.sh(kind, "hostname; cat /root/seeded"))
        self.sh(kind, "dd if=/dev/urandom of=/dev/xvdb bs=1M count=4 conv=fsync 2>/dev/null; echo one > /root/state; sync")
        first = self.md5(kind, "/dev/xvdb")
        before = self.call("vm.snapshot", vm, name_label="before")["id"]

        # Under a writer, and how long it stands still for it.
        self.sh(kind, "sequencer /dev/xvdb >/dev/null 2>&1 & echo two > /root/state; sync")
        self.host.wait_run("the writer to answer", f"busybox nc -w 5 {ADDRESSES[kind]} 7 </dev/null | grep ' '")
        self.sequence(kind)
        taken = self.call("vm.snapshot", vm, name_label="under a writer")
        stopped_us = self.sequence(kind)[1]
        print(f"{self.sr_type} {kind}: paused for {taken['pausedMs']} ms, the writer stood for {stopped_us / 1000:.1f} ms")
        self.assertEqual("Running", self.rest.power(vm))
        self.assertNotIn("p", self.domain(vm)["state"])
        self.assertEqual({before, taken["id"]}, set(self.rest.get(f"/vms/{vm}")["snapshots"]))

        # Back to the first: both disks are of that moment.
        self.rest.action(vm, "hard_shutdown")
        self.call("vm.revert", vm, snapshotId=before)
        self.rest.action(vm, "start")
        self.answers(kind)
        self.assertEqual("one", self.sh(kind, "cat /root/state"))
        self.assertEqual(first, self.md5(kind, "/dev/xvdb"))
        self.rest.action(vm, "hard_shutdown")

        # A clone of the snapshot is a VM of its own.
        clone = self.call("vm.clone", before, name_label="clone")["id"]
        self.call("vm.edit", clone, PV_args=f"console=hvc0 root=/dev/xvda1 quiet mitigations=off muster.ip={ADDRESSES['clone']}/24")
        self.rest.action(clone, "start")
        self.answers("clone")
        self.assertEqual("one", self.sh("clone", "cat /root/state"))
        self.rest.action(clone, "hard_shutdown")

        for one in (clone, vm, before, taken["id"], template):
            self.call("vm.delete", one)
        wait_until("nothing of it is listed", lambda: not self.rest.get("/vdis") and not self.rest.get("/vdi-snapshots")
                   and not self.rest.get("/vm-snapshots"), OP_DEADLINE, 1)


if __name__ == "__main__":
    unittest.main()
