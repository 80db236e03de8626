# SPDX-License-Identifier: Apache-2.0
"""VMs from a template with cloud-init data, snapshots of all their disks under a writer, going back, out to a file and
in again, clones: by the aggregator's REST on real Xen. After each nothing is left in dom0."""

import os
import pathlib
import unittest

from disk_case import MIB, OnLvmThin, OnXfs
from fleet_case import OP_DEADLINE, on_emulated_hvm
from tests.support.rest import wait_until

MINUTES = 20
BLOCK, BLOCKS = 4096, 1024  # of recipe/sequencer.c


class Life:
    """What is done with a VM, on any type of repository."""

    definition = {}  # more of the template's

    def quiesced(self, vm):
        """One more snapshot, where the guest has an agent on a channel."""

    def disk(self, vm, device):
        return next(d["VDI"] for d in self.rest.get("/vbds?fields=*") if d["VM"] == vm and d["device"] == device)

    def one_life(self, kind):
        template = self.template(kind, **self.definition)
        vm = self.create(kind, template, *({"size": 16 * MIB, "name_label": n, "sr": self.sr} for n in ("data", "more")))
        self.assertEqual(f"{kind}\nseeded", self.sh("hostname; cat /root/seeded"))
        self.sh("dd if=/dev/urandom of=/dev/xvdb bs=1M count=4 conv=fsync 2>/dev/null; echo one > /root/state; sync")
        first = self.md5("/dev/xvdb")
        data = self.disk(vm, "xvdb")
        self.fails(["in use", kind], "vdi.delete", data)
        before = self.call("vm.snapshot", vm, name_label="before")["id"]

        # Under a writer, and how long it stands still for it.
        self.sh("echo two > /root/state; sync")
        self.start_sequencer("/dev/xvdb", "/dev/xvdc")
        self.host.wait_run("some numbers", f"test $(busybox nc -w 5 {self.ADDRESS} 7 </dev/null | cut -d' ' -f1) -gt 100")
        self.sequence()
        taken = self.call("vm.snapshot", vm, name_label="under a writer")
        stopped_us = self.sequence()[1]
        self.sh("kill $(pidof sequencer)")  # the busier a PVH guest, the sooner the emulator breaks it
        print(f"{kind} on {self.sr_type}: paused for {taken['pausedMs']} ms, the writer stood for {stopped_us / 1000:.1f} ms")
        self.assertEqual("Running", self.rest.power(vm))
        self.assertNotIn("p", self.domain(vm)["state"])
        self.assertEqual({before, taken["id"]}, set(self.rest.get(f"/vms/{vm}")["snapshots"]))
        self.assertEqual(self.sr_type == "lvmthin", taken["pausedMs"] == 0)
        self.one_moment([self.newest_snapshot(self.disk(vm, device)) for device in ("xvdb", "xvdc")])
        self.quiesced(vm)

        # Larger, and the guest knows: the backend has told it when the call ends, and it takes that up in its own time.
        self.call("vdi.edit", data, size=32 * MIB)
        wait_until("the guest has the new size", lambda: int(self.sh("cat /sys/block/xvdb/size")) == 32 * MIB // 512,
                   OP_DEADLINE, 1)

        # Back to the first: both disks are of that moment.
        self.rest.action(vm, "hard_shutdown")
        self.call("vm.revert", vm, snapshotId=before)
        self.rest.action(vm, "start")
        self.answers()
        self.assertEqual("one", self.sh("cat /root/state"))
        self.assertEqual(16 * MIB // 512, int(self.sh("cat /sys/block/xvdb/size")))
        self.assertEqual(first, self.md5("/dev/xvdb"))
        self.rest.action(vm, "hard_shutdown")
        self.out_and_in_again(vm, first)

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

    def newest_snapshot(self, disk):
        of_it = [s for s in self.rest.get("/vdi-snapshots?fields=*") if s["$snapshot_of"] == disk]
        return max(of_it, key=lambda s: s["snapshot_time"])["id"]

    def one_moment(self, snapshots):
        """What `sequencer` has written to all of these are successive numbers."""
        numbers = []
        for disk, snapshot in enumerate(snapshots):
            file = str(pathlib.Path(self.folder.name) / "moment.raw")
            self.muster("vdi", "export", snapshot, file)
            data = pathlib.Path(file).read_bytes()
            os.unlink(file)
            for block in range(BLOCKS):
                n = int.from_bytes(data[block * BLOCK:block * BLOCK + 8], "little")
                if n < 1 << 32 and n % len(snapshots) == disk and n // len(snapshots) % BLOCKS == block:
                    numbers.append(n)
        self.assertGreater(len(numbers), 100)
        self.assertEqual(list(range(min(numbers), min(numbers) + len(numbers))), sorted(numbers))

    def out_and_in_again(self, vm, first):
        """The second disk's contents go out and come back as another disk, which takes its place."""
        data = self.disk(vm, "xvdb")
        file = str(pathlib.Path(self.folder.name) / "data.qcow2")
        self.muster("vdi", "export", data, file)
        self.muster("vdi", "import", file, "--sr", self.sr, "--name", "again")
        os.unlink(file)
        again = next(v["id"] for v in self.rest.get("/vdis?fields=id,name_label") if v["name_label"] == "again")
        self.call("vbd.delete", vm, device="xvdb")
        self.call("vdi.delete", data)
        self.call("vbd.create", vm, VDI=again, userdevice="xvdb")
        self.rest.action(vm, "start")
        self.answers()
        self.assertEqual(first, self.md5("/dev/xvdb"))
        self.rest.action(vm, "hard_shutdown")


class PvOnLvmThin(Life, OnLvmThin):
    NAME = "snapshots-lvm"
    definition = {"libxl": {"channels": [{"name": "org.qemu.guest_agent.0",
                                          "connection.socket": {"path": "/run/guest-agent.sock"}}]}}

    def test_life(self):
        self.one_life("pv")

    def file_system(self, snapshot):
        """What e2fsck says of a snapshot's root, and what a look at a file of it, which takes no write: a journal that
        would have to be replayed cannot be."""
        done = self.host.run(f"""
            lv=$(lvs --noheadings -o lv_path lab | grep {self.disk(snapshot, "xvda")} | tr -d ' ')
            lvchange -ay -K $lv && loop=$(losetup -f --show -r -o {MIB} $lv) || exit 1
            e2fsck -fn $loop >/dev/null 2>&1; echo $?
            mount -t ext4 -o ro $loop /mnt && cat /mnt/root/count && umount /mnt
            losetup -d $loop; lvchange -an $lv""", check=False)
        return done.stdout.split(), done.stderr

    def quiesced(self, vm):
        """QEMU's own guest agent, over a PV channel, freezes the file systems under a writer."""
        self.host.wait_run("the guest agent listens", "echo 'ls -l /proc/$(pidof qemu-ga)/fd; exit' | "
                           f"busybox nc -w 5 {self.ADDRESS} 23 | grep hvc1", OP_DEADLINE)
        self.sh("(n=0; while echo $n > /root/new && mv /root/new /root/count; do n=$((n+1)); usleep 20000; done) "
                ">/dev/null 2>&1 </dev/null & echo $! > /run/writer")
        wait_until("it writes", lambda: self.sh("cat /root/count; true") > "", OP_DEADLINE, 1)
        plain = self.call("vm.snapshot", vm, name_label="as it is")["id"]
        # qemu-ga has this file from the freeze to the thaw. (polls: a loop without a pause, so as not to miss it)
        self.sh("(until [ -e /run/qga.state.isfrozen ]; do :; done; : > /run/was-frozen) >/dev/null 2>&1 </dev/null &")
        frozen = self.call("vm.snapshot", vm, name_label="quiesced", quiesce=True)["id"]
        self.sh("test -e /run/was-frozen && ! test -e /run/qga.state.isfrozen")
        count = int(self.sh("cat /root/count"))
        wait_until("it writes on", lambda: int(self.sh("cat /root/count")) > count, OP_DEADLINE, 1)
        self.sh("kill $(cat /run/writer)")
        told, why = self.file_system(frozen)
        self.assertEqual((2, "0"), (len(told), told[0]), why)
        self.assertLessEqual(int(told[1]), count)
        told, why = self.file_system(plain)
        self.assertEqual(1, len(told), "a journal to replay")
        self.assertIn("/mnt", why)
        for snapshot in (frozen, plain):
            self.call("vm.delete", snapshot)

    def count(self):
        """What a process of the guest has counted to, in memory alone."""
        return int(self.sh("cat /tmp/memory/count"))

    def test_memory(self):
        """Back to a moment: what was written since is gone, what ran then goes on from there."""
        template = self.template("pv")
        vm = self.create("pv", template, {"size": 16 * MIB, "name_label": "data", "sr": self.sr})
        self.sh("mkdir -p /tmp/memory; mount -t tmpfs none /tmp/memory; echo then > /root/state; sync")
        self.sh("(n=0; while echo $n > /tmp/memory/new && mv /tmp/memory/new /tmp/memory/count; do "
                "n=$((n+1)); usleep 50000; done) >/dev/null 2>&1 </dev/null &")
        self.host.wait_run("it counts", f"echo 'cat /tmp/memory/count; exit' | busybox nc -w 5 {self.ADDRESS} 23 | grep -E '^[0-9]'")
        self.start_sequencer("/dev/xvdb")
        before = self.count()
        self.sequence()
        taken = self.call("vm.snapshot", vm, memory=True)
        stopped_us = self.sequence()[1]
        print(f"with memory: stood still for {taken['pausedMs']} ms, the writer for {stopped_us / 1000:.1f} ms")
        self.assertEqual("Running", self.rest.power(vm))
        self.assertNotIn("s", self.domain(vm)["state"])
        after = self.count()
        self.assertGreater(after, before)
        self.sh("echo later > /root/state; sync")
        later = after + 300
        wait_until("it has counted on", lambda: self.count() > later, OP_DEADLINE, 1)

        self.rest.action(vm, "hard_shutdown")
        self.call("vm.revert", vm, snapshotId=taken["id"])
        self.assertEqual("Suspended", self.rest.power(vm))
        self.rest.action(vm, "resume")
        self.answers()
        now = self.count()
        self.assertLess(before, now)
        self.assertLess(now, later)
        wait_until("it counts on", lambda: self.count() > now, OP_DEADLINE, 1)
        self.assertEqual("then", self.sh("cat /root/state"))
        self.rest.action(vm, "hard_shutdown")
        for one in (vm, template):
            self.call("vm.delete", one)
        self.assertEqual("", self.host.out("find /var/lib/muster -path '*/memory/*' -o -path '*/save/*'"))


@unittest.skipUnless(os.environ.get("MUSTER_LAB_WHOLE"), "the other kind of guest on each: with MUSTER_LAB_WHOLE=1")
class PvhOnLvmThin(Life, OnLvmThin):
    NAME = "snapshots-pvh-lvm"

    @on_emulated_hvm
    def test_life(self):
        self.one_life("pvh")


@unittest.skipUnless(os.environ.get("MUSTER_LAB_WHOLE"), "the other kind of guest on each: with MUSTER_LAB_WHOLE=1")
class PvOnXfs(Life, OnXfs):
    NAME = "snapshots-pv-xfs"

    def test_life(self):
        self.one_life("pv")


class PvhOnXfs(Life, OnXfs):
    NAME = "snapshots-xfs"

    def out_and_in_again(self, vm, first):
        super().out_and_in_again(vm, first)
        self.whole_out_and_in(vm, first)

    def disks_of_all(self):
        return {v["id"] for where in ("vdis", "vdi-snapshots") for v in self.rest.get(f"/{where}?fields=id")}

    def whole_out_and_in(self, vm, first):
        """The VM as an archive, while it runs, and another of that: it boots, with the same on its disks."""
        file = str(pathlib.Path(self.folder.name) / "vm.ova")
        before = self.disks_of_all()
        self.rest.action(vm, "start")
        self.answers()
        self.muster("vm", "export", vm, file)
        wait_until("the snapshot that it was made of is gone", lambda: self.disks_of_all() == before, OP_DEADLINE, 1)
        self.rest.action(vm, "hard_shutdown")
        # Its kernel is a file of dom0.
        self.muster("vm", "import", file, "--sr", self.sr, "--name", "moved", "definition=trust")
        os.unlink(file)
        moved = next(id_ for id_, v in self.rest.vms("id,name_label").items() if v["name_label"] == "moved")
        self.rest.action(moved, "start")
        self.answers()
        self.assertEqual("one", self.sh("cat /root/state"))
        self.assertEqual(first, self.md5("/dev/xvdb"))
        self.rest.action(moved, "hard_shutdown")
        self.call("vm.delete", moved)

    @on_emulated_hvm
    def test_life(self):
        self.one_life("pvh")


if __name__ == "__main__":
    unittest.main()
