# SPDX-License-Identifier: Apache-2.0
"""VMs with real disks on real Xen, by the aggregator's REST: made, used, grown, snapshotted under a
writer, reverted, cloned, moved, deleted, on LVM and on XFS. After each nothing is left in dom0."""

import base64
import gzip
import struct
import unittest
import uuid

from disk_case import ADDRESSES, KERNELS, MIB, OnLvmThin, OnXfs
from fleet_case import OP_DEADLINE
from tests.support.rest import wait_until

DATA_MIB = 32
BLOCKS, BLOCK = 1024, 4096  # recipe/sequencer.c


class Disks:
    """The cases, for every type of repository."""

    def test_life_of_disks(self):
        for kind in KERNELS:
            with self.subTest(kind):
                self.one_life(kind)

    def one_life(self, kind):
        root = self.call("vdi.import", self.sr, path="/srv/guest/cloud.img", format="raw",
                         name_label=f"{kind} root")["id"]
        data = self.call("vdi.create", self.sr, name_label="data", virtual_size=DATA_MIB * MIB)["id"]
        vm = self.guest(kind, kind, root, data)
        self.start(vm, kind)
        drives = {d["device"]: d for d in self.rest.get("/vbds?fields=*") if d["VM"] == vm}
        self.assertEqual({"xvda": (root, True), "xvdb": (data, True)},
                         {k: (d["VDI"], d["attached"]) for k, d in drives.items()})
        self.fails(["in use", kind], "vdi.delete", data)

        self.sh(kind, "dd if=/dev/urandom of=/dev/xvdb bs=1M count=8 conv=fsync 2>/dev/null; "
                      "echo kept > /root/kept 2>/dev/null || echo kept > /kept; sync")
        first = self.md5(kind, "/dev/xvdb")
        self.snapshot_is_what_was_there(kind, vm, data, first)
        self.grow_live(kind, data)
        self.clone_of_root(kind, root)
        self.rest.action(vm, "hard_shutdown")
        self.call("vm.delete", vm)
        self.assertFalse({root, data} & set(v["id"] for v in self.rest.get("/vdis?fields=id")))

    def snapshot_is_what_was_there(self, kind, vm, data, first):
        quiet = self.call("vdi.snapshot", data, name_label="quiet")["id"]
        self.sh(kind, "sequencer /dev/xvdb >/dev/null 2>&1 &")
        self.host.wait_run("the writer to answer", f"busybox nc -w 5 {ADDRESSES[kind]} 7 </dev/null | grep ' '")
        wait_until("it has been once around", lambda: self.sequence(kind)[0] > BLOCKS, OP_DEADLINE, 1)
        least = self.sequence(kind)[0]
        under_writer = self.call("vdi.snapshot", data, name_label="under a writer")["id"]
        most, stopped_us = self.sequence(kind)
        print(f"{self.sr_type} {kind}: a snapshot stopped the writer for {stopped_us / 1000:.1f} ms")
        self.fails(["in use"], "vdi.revert", data, snapshotId=quiet)
        self.rest.action(vm, "hard_shutdown")

        self.call("vdi.revert", data, snapshotId=under_writer)
        self.start(vm, kind)
        packed = self.sh(kind, f"head -c {BLOCKS * BLOCK} /dev/xvdb | gzip | base64 -w 0")
        raw = gzip.decompress(base64.b64decode(packed))
        numbers = sorted(struct.unpack_from("<Q", raw, i * BLOCK)[0] for i in range(BLOCKS))
        self.assertEqual(list(range(numbers[0], numbers[0] + BLOCKS)), numbers, "it is of one moment")
        self.assertTrue(least - 1 <= numbers[-1] <= most + 1, (least, numbers[-1], most))
        self.rest.action(vm, "hard_shutdown")

        self.call("vdi.revert", data, snapshotId=quiet)
        self.start(vm, kind)
        self.assertEqual(first, self.md5(kind, "/dev/xvdb"))
        for snapshot in (quiet, under_writer):
            self.call("vdi.delete", snapshot)
        self.assertEqual(first, self.md5(kind, "/dev/xvdb"))

    def grow_live(self, kind, data):
        self.assertEqual(DATA_MIB * MIB // 512, int(self.sh(kind, "cat /sys/block/xvdb/size")))
        self.call("vdi.edit", data, size=2 * DATA_MIB * MIB)
        self.assertEqual(2 * DATA_MIB * MIB // 512, int(self.sh(kind, "cat /sys/block/xvdb/size")))

    def clone_of_root(self, kind, root):
        """Of a disk that is being written, started as a VM of its own."""
        clone = self.call("vdi.clone", root, name_label="clone")["id"]
        vm = self.guest("clone", kind, clone)
        self.start(vm, "clone")
        self.assertEqual("kept", self.sh("clone", "cat /root/kept 2>/dev/null || cat /kept"))
        rival = self.define("rival", disks=[{"vdev": "xvda", "vdi": clone}])
        status, _, body = self.rest.request("POST", f"/vms/{rival}/actions/start?sync=true")
        self.assertGreaterEqual(status, 400)
        self.assertIn("in use by VM", body["error"])
        self.rest.action(vm, "hard_shutdown")
        self.call("vm.delete", rival, disks=False)
        self.call("vm.delete", vm)

    def test_whatever_ends_a_vm_lets_go_of_its_disks(self):
        data = self.call("vdi.create", self.sr, virtual_size=DATA_MIB * MIB)["id"]
        idle = self.leftovers()
        vm = self.define("held", onCrash="destroy", disks=[{"vdev": "xvda", "vdi": data}])
        ends = {
            "xl destroy": lambda: self.host.run(["xl", "destroy", "held"]),
            "a crash": lambda: self.host.run("xl sysrq held c; true"),
            "clean_shutdown": lambda: self.rest.action(vm, "clean_shutdown"),
            "xl destroy without an agent": lambda: self.host.run(
                "systemctl stop muster-agent && xl destroy held && systemctl start muster-agent"),
            "kill -9 of the agent, then hard_shutdown": self.kill_and_stop(vm),
        }
        for name, end in ends.items():
            with self.subTest(name):
                self.rest.action(vm, "start")
                self.guest_up(vm)
                self.fails(["in use"], "vdi.delete", data)
                end()
                wait_until("it is off", lambda: self.rest.power(vm) == "Halted", OP_DEADLINE, 0.5)
                wait_until("its disk is let go", lambda: self.leftovers() == idle, 90, 1)
        broken = self.define("broken", kernel="/srv/guest/none", disks=[{"vdev": "xvda", "vdi": data}])
        status, _, _ = self.rest.request("POST", f"/vms/{broken}/actions/start?sync=true")
        self.assertGreaterEqual(status, 400)
        wait_until("a failed start lets go", lambda: self.leftovers() == idle, 60, 1)
        missing = str(uuid.uuid4())
        half = self.define("half", disks=[{"vdev": "xvda", "vdi": data}, {"vdev": "xvdb", "vdi": missing}])
        status, _, body = self.rest.request("POST", f"/vms/{half}/actions/start?sync=true")
        self.assertGreaterEqual(status, 400)
        self.assertIn(missing, body["error"])
        wait_until("what was held is let go", lambda: self.leftovers() == idle, 60, 1)
        for one in (broken, half):
            self.call("vm.delete", one, disks=False)

    def kill_and_stop(self, vm):
        def end():
            self.host.run(["systemctl", "kill", "-s", "KILL", "--kill-who=main", "muster-agent"])
            self.fleet.wait_connected(1)
            wait_until("it can be asked again", lambda: self.rest.request(
                "POST", f"/vms/{vm}/actions/hard_shutdown?sync=true")[0] < 300, OP_DEADLINE, 1)
        return end


class LvmThin(Disks, OnLvmThin):
    NAME = "disks-lvm"


class Xfs(Disks, OnXfs):
    NAME = "disks-xfs"


if __name__ == "__main__":
    unittest.main()
