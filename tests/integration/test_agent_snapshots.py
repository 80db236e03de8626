# SPDX-License-Identifier: Apache-2.0
"""Snapshots, reverts and clones of VMs on a simulated host, with a directory as repository."""

import pathlib
import unittest
import uuid

from tests.integration.test_agent_storage import MIB, StorageCase
from tests.support.filesystem import mounted
from tests.support.rest import wait_until


class SnapshotCase(StorageCase):
    """A VM with two disks; what is in a disk's file is what a guest would have written."""

    def setUp(self):
        super().setUp()
        self.host = self.agent()
        self.sr_id = self.sr(self.host)
        self.root = self.vdi(self.host, self.sr_id, "root")
        self.data = self.vdi(self.host, self.sr_id, "data")
        self.vm = self.define(self.host, "web", disks=[
            {"vdev": "xvda", "vdi": self.root}, {"vdev": "xvdc", "vdi": self.data}])

    def file(self, vdi):
        """The file of a VDI: found by its name, wherever the repository keeps it."""
        found = [p for p in pathlib.Path(self.folder()).rglob(f"*{vdi}*") if p.stat().st_size >= MIB]
        self.assertEqual(1, len(found), found)
        return found[0]

    def write(self, vdi, text):
        with open(self.file(vdi), "r+b") as f:
            f.write(text.encode())

    def reads(self, vdi):
        with open(self.file(vdi), "rb") as f:
            return f.read(8).rstrip(b"\0").decode()

    def disks(self, vm, kind="vms"):
        """VDI ids by device, as the definition has them."""
        vbds = {v["id"]: v for v in self.host.rest.get("/vbds?fields=*")}
        one = self.host.rest.get(f"/{kind}/{vm}")
        return {vbds[b]["device"]: vbds[b]["VDI"] for b in one["$VBDs"] if b in vbds}

    def files(self):
        return sorted(str(p) for p in pathlib.Path(self.folder()).rglob("*") if p.is_file())


class Snapshots(SnapshotCase):
    def test_of_a_halted_vm_and_back(self):
        self.write(self.root, "one")
        value = self.call(self.host, "vm.snapshot", self.vm, name_label="before")
        snapshot = value["id"]
        self.assertEqual(0, value["pausedMs"])
        self.write(self.root, "two")
        seen = self.host.rest.get(f"/vm-snapshots/{snapshot}")
        self.assertEqual(("before", self.vm), (seen["name_label"], seen["$snapshot_of"]))
        self.assertEqual([snapshot], self.host.rest.get(f"/vms/{self.vm}")["snapshots"])
        self.assertNotIn(snapshot, [v["id"] for v in self.host.rest.get("/vms?fields=id")])
        of = {v["$snapshot_of"] for v in self.host.rest.get("/vdi-snapshots?fields=*")}
        self.assertEqual({self.root, self.data}, of)
        self.call(self.host, "vm.revert", self.vm, snapshotId=snapshot)
        now = self.disks(self.vm)
        self.assertEqual({"xvda", "xvdc"}, set(now))
        self.assertNotIn(self.root, now.values())
        self.assertEqual("one", self.reads(now["xvda"]))
        self.assertEqual(set(now.values()), {v["id"] for v in self.host.rest.get("/vdis?fields=id")})
        # Again, from the same snapshot; and before that one of how it is now.
        self.write(now["xvda"], "three")
        self.call(self.host, "vm.revert", self.vm, snapshotId=snapshot, snapshotBefore=True)
        self.assertEqual("one", self.reads(self.disks(self.vm)["xvda"]))
        snapshots = self.host.rest.get(f"/vms/{self.vm}")["snapshots"]
        self.assertEqual(2, len(snapshots))
        newer = next(s for s in snapshots if s != snapshot)
        self.call(self.host, "vm.revert", self.vm, snapshotId=newer)
        self.assertEqual("three", self.reads(self.disks(self.vm)["xvda"]))
        self.assertEqual(0, self.host.stop())

    def test_of_a_running_vm(self):
        """Where blocks can be shared; elsewhere a disk in use would have to be copied."""
        place = mounted(self, "xfs", 600 << 20) / "mnt" / "sr"
        place.mkdir()
        fast = self.call(self.host, "sr.create", self.host_id(self.host), name_label="fast",
                         SR_type="dir", device_config={"location": str(place)})["id"]
        self.vm = self.call(self.host, "vm.clone", self.vm, name_label="quick", srId=fast)["id"]
        self.host.rest.action(self.vm, "start")
        value = self.call(self.host, "vm.snapshot", self.vm)
        self.assertEqual("Running", self.host.rest.power(self.vm))
        self.assertRegex(self.host.rest.get(f"/vm-snapshots/{value['id']}")["name_label"],
                         r"^quick \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.refused(409, ["Halted"], self.host.rest.post,
                     f"/vms/{self.vm}/actions/revert_snapshot", {"snapshotId": value["id"]})
        # One that is paused stays so.
        self.host.rest.action(self.vm, "pause")
        self.call(self.host, "vm.snapshot", self.vm)
        self.assertEqual("Paused", self.host.rest.power(self.vm))
        self.host.rest.action(self.vm, "hard_shutdown")
        self.call(self.host, "sr.unplug", fast)
        self.assertEqual(0, self.host.stop())

    def test_what_is_refused_leaves_nothing(self):
        before = self.files()
        plain = self.define(self.host, "plain", disks=[{"vdev": "xvda", "path": "/sim/disk.img"}])
        for words, vm, arguments in (
                (["id", "already"], self.vm, {"id": self.vm}),
                (["xvda is /sim/disk.img", "import"], plain, {})):
            with self.subTest(arguments=arguments):
                self.fails(self.host, words, "vm.snapshot", vm, **arguments)
        self.fails(self.host, ["snapshotId", "no such"], "vm.revert", self.vm,
                   snapshotId=str(uuid.uuid4()))
        self.fails(self.host, ["no snapshot of this VM"], "vm.revert", self.vm, snapshotId=plain)
        self.assertEqual(before, self.files())
        self.assertEqual([], self.host.rest.get("/vm-snapshots"))
        self.assertEqual(0, self.host.stop())

    def test_deleting_a_snapshot_takes_its_disks_along(self):
        before = self.files()
        snapshot = self.call(self.host, "vm.snapshot", self.vm)["id"]
        self.host.rest.delete(f"/vm-snapshots/{snapshot}")
        self.assertEqual([], self.host.rest.get("/vdi-snapshots"))
        self.assertEqual(before, self.files())
        self.assertEqual(0, self.host.stop())

    def test_killed_at_any_moment_it_is_whole_or_not_there(self):
        for delay in range(6):
            with self.subTest(delay=delay):
                task = self.ask(self.host, "vm.snapshot", self.vm, name_label=f"s{delay}")
                for _ in range(delay):
                    self.host.rest.get("/ping")
                self.host.kill()
                self.host = self.agent()
                ended = self.wait_task(self.host, task)
                there = {s["name_label"]: s for s in self.host.rest.get("/vm-snapshots?fields=*")}
                self.assertEqual(ended["status"] == "success", f"s{delay}" in there, ended)
                if f"s{delay}" in there:
                    self.attached(self.sr_id)
                    vdis = {v["id"] for v in self.host.rest.get("/vdi-snapshots?fields=id")}
                    self.assertLessEqual(set(self.disks(there[f"s{delay}"]["id"],
                                                        "vm-snapshots").values()), vdis)
        self.assertEqual(0, self.host.stop())

    def attached(self, sr):
        wait_until("the SR is plugged", lambda: self.host.rest.get(f"/srs/{sr}")["attached"])


class Deleting(SnapshotCase):
    def setUp(self):
        super().setUp()
        self.empty = self.call(self.host, "vm.snapshot", self.vm, name_label="first")["id"]
        self.call(self.host, "vm.snapshot", self.vm, name_label="second")

    def snapshots(self):
        return {s["name_label"] for s in self.host.rest.get("/vm-snapshots?fields=name_label")}

    def test_a_vm_goes_with_its_snapshots_and_nothing_is_left(self):
        self.call(self.host, "vm.clone", self.empty, name_label="other")
        self.host.rest.delete(f"/vms/{self.vm}")
        self.assertEqual(set(), self.snapshots())
        self.assertEqual([], self.host.rest.get("/vdi-snapshots"))
        self.assertEqual(["other"], [v["name_label"] for v in self.host.rest.get("/vms?fields=name_label")])
        self.assertEqual(2, len(self.vdis(self.host)))
        self.assertEqual(0, self.host.stop())

    def test_what_is_to_stay_stays(self):
        twin = self.call(self.host, "vm.clone", self.vm, name_label="twin")["id"]
        self.host.rest.delete(f"/vms/{self.vm}?snapshots=false")
        self.assertEqual({"first", "second"}, self.snapshots())
        back = self.call(self.host, "vm.clone", self.empty, name_label="back")["id"]
        self.host.rest.action(back, "start")
        self.call(self.host, "vm.snapshot", twin, name_label="third")
        before = self.files()
        self.host.rest.delete(f"/vms/{twin}?disks=false")
        self.assertEqual({"first", "second", "third"}, self.snapshots())
        self.assertEqual(before, self.files())
        self.assertEqual(0, self.host.stop())


class Clones(SnapshotCase):
    def test_a_clone_is_a_vm_of_its_own(self):
        self.write(self.root, "one")
        clone = self.call(self.host, "vm.clone", self.vm, name_label="web2")["id"]
        theirs = self.disks(clone)
        self.assertFalse(set(theirs.values()) & {self.root, self.data})
        self.assertEqual("one", self.reads(theirs["xvda"]))
        self.write(theirs["xvda"], "two")
        self.assertEqual("one", self.reads(self.root))
        for vm in (self.vm, clone):
            self.host.rest.action(vm, "start")
        self.assertEqual({"Running"}, {self.host.rest.power(v) for v in (self.vm, clone)})
        self.assertEqual(0, self.host.stop())

    def test_what_is_said_of_a_clone(self):
        task = self.host.rest.post(f"/vms/{self.vm}/actions/clone", {"name_label": "copy"})["taskId"]
        ended = self.host.rest.get(f"/tasks/{task}?wait=true")
        said = [line["message"] for line in ended["infos"]]
        self.assertEqual(["disk 1 of 2 made: copy xvda", "disk 2 of 2 made: copy xvdc"],
                         [line.split(" (")[0] for line in said])
        made = self.disks(ended["result"]["id"])
        self.assertEqual([made["xvda"], made["xvdc"]], [line.split(" (")[1][:-1] for line in said])
        self.assertNotIn("warnings", ended)

    def test_of_a_template_and_of_a_snapshot(self):
        snapshot = self.call(self.host, "vm.snapshot", self.vm)["id"]
        self.host.rest.post(f"/vms/{self.vm}/actions/convert_to_template?sync=true", {})
        for source in (snapshot, self.vm):
            clone = self.call(self.host, "vm.clone", source, name_label=f"from-{source[:4]}")["id"]
            self.host.rest.action(clone, "start")
            self.assertEqual("Running", self.host.rest.power(clone))
        self.assertEqual(0, self.host.stop())

    def test_to_another_sr(self):
        other = self.sr(self.host, "other")
        clone = self.call(self.host, "vm.clone", self.vm, name_label="far", srId=other)["id"]
        vdis = self.vdis(self.host)
        self.assertEqual({other}, {vdis[v]["$SR"] for v in self.disks(clone).values()})
        self.assertEqual(0, self.host.stop())

    def test_what_is_refused_leaves_nothing(self):
        before = self.files()
        for words, arguments in (
                (["web", "already"], {"name_label": "web"}),
                (["fast"], {"fast": True, "srId": self.sr_id, "name_label": "x"}),
                (["disk x xvda"], {"srId": str(uuid.uuid4()), "name_label": "x"}),
                (["id", "already"], {"id": self.vm, "name_label": "x"})):
            with self.subTest(arguments=arguments):
                self.fails(self.host, words, "vm.clone", self.vm, **arguments)
        self.assertEqual(before, self.files())
        self.assertEqual(["web"], [v["name_label"] for v in self.host.rest.get("/vms?fields=name_label")])
        self.assertEqual(0, self.host.stop())


if __name__ == "__main__":
    unittest.main()
