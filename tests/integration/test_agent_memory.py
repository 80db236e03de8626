# SPDX-License-Identifier: Apache-2.0
"""Snapshots with memory, clones of VMs that run, and guests that are quiesced, on a simulated host with a repository
that can share blocks."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import unittest

from tests.integration.test_agent_storage import MIB, StorageCase
from tests.support.filesystem import mounted
from tests.support.rest import wait_until

NO_FILES = []


class RunningCase(StorageCase):
    """A VM with two disks that can be snapshotted while it runs."""

    OPTIONS = ()

    def setUp(self):
        super().setUp()
        self.place = mounted(self, "xfs", 600 << 20) / "mnt" / "sr"
        self.place.mkdir()
        self.host = self.agent(*self.OPTIONS)
        self.sr_id = self.call(self.host, "sr.create", self.host_id(self.host), name_label="fast", SR_type="dir",
                               device_config={"location": str(self.place)})["id"]
        self.root = self.vdi(self.host, self.sr_id, "root")
        self.data = self.vdi(self.host, self.sr_id, "data")
        self.vm = self.define(self.host, "web", disks=[
            {"vdev": "xvda", "vdi": self.root}, {"vdev": "xvdc", "vdi": self.data}], **self.more())

    def more(self):
        return {}

    def tearDown(self):
        if self.host.running():
            for vm, seen in self.host.rest.vms("id,power_state").items():
                if seen["power_state"] != "Halted":
                    self.host.rest.action(vm, "hard_shutdown")
            self.call(self.host, "sr.unplug", self.sr_id)
            self.assertEqual(0, self.host.stop())
        super().tearDown()

    def restart(self):
        """kill -9, and another one."""
        self.host.kill()
        self.host = self.agent(*self.OPTIONS)
        wait_until("the SR is plugged", lambda: self.host.rest.get(f"/srs/{self.sr_id}")["attached"])

    def runs(self):
        wait_until("the guest runs", lambda: self.host.rest.power(self.vm) == "Running" and
                   not self.host.rest.vm(self.vm)["current_operations"])

    def memory_files(self):
        return sorted(p.name for p in pathlib.Path(self.host.state, "memory").iterdir())

    def content(self, vdi, text=None):
        """What the first bytes of a disk are; or become."""
        file = next(p for p in self.place.rglob(f"*{vdi}*") if p.stat().st_size >= MIB)
        with open(file, "r+b") as f:
            if text is not None:
                f.write(text.encode())
                return text
            return f.read(8).rstrip(b"\0").decode()

    def disk(self, vm, device="xvda"):
        vbds = {v["id"]: v for v in self.host.rest.get("/vbds?fields=*")}
        return next(vbds[b]["VDI"] for b in self.host.rest.get(f"/vms/{vm}")["$VBDs"] if vbds[b]["device"] == device)


class Memory(RunningCase):
    def test_it_goes_on_and_back(self):
        self.content(self.root, "one")
        self.host.rest.action(self.vm, "start")
        taken = self.call(self.host, "vm.snapshot", self.vm, memory=True, name_label="then")
        self.assertEqual("Running", self.host.rest.power(self.vm))
        snapshot = taken["id"]
        self.assertGreaterEqual(taken["pausedMs"], 0)
        size = pathlib.Path(self.host.state, "memory", f"{snapshot}.save").stat().st_size
        seen = self.host.rest.get(f"/vm-snapshots/{snapshot}")
        self.assertEqual((True, size), (seen["withMemory"], seen["memorySize"]))
        self.assertEqual([f"{snapshot}.save"], self.memory_files())
        plain = self.call(self.host, "vm.snapshot", self.vm)["id"]
        seen = self.host.rest.get(f"/vm-snapshots/{plain}")
        self.assertEqual((False, 0), (seen["withMemory"], seen["memorySize"]))

        # Twice: what is resumed does not use the snapshot up.
        for _ in range(2):
            self.content(self.disk(self.vm), "two")
            self.host.rest.action(self.vm, "hard_shutdown")
            self.call(self.host, "vm.revert", self.vm, snapshotId=snapshot)
            self.assertEqual("Suspended", self.host.rest.power(self.vm))
            self.assertEqual("one", self.content(self.disk(self.vm)))
            self.host.rest.action(self.vm, "resume")
            self.assertEqual("Running", self.host.rest.power(self.vm))
            self.assertEqual([f"{snapshot}.save"], self.memory_files())
        self.restart()
        self.assertEqual(size, self.host.rest.get(f"/vm-snapshots/{snapshot}")["memorySize"])
        # Of what is not resumed the VM has a name of the file, not more.
        self.host.rest.action(self.vm, "hard_shutdown")
        self.call(self.host, "vm.revert", self.vm, snapshotId=snapshot)
        self.host.rest.delete(f"/vm-snapshots/{snapshot}")
        self.assertEqual(NO_FILES, self.memory_files())
        self.host.rest.action(self.vm, "resume")
        self.assertEqual("Running", self.host.rest.power(self.vm))

    def test_a_deleted_vm_takes_it_along(self):
        self.host.rest.action(self.vm, "start")
        self.call(self.host, "vm.snapshot", self.vm, memory=True)
        self.host.rest.action(self.vm, "hard_shutdown")
        self.host.rest.delete(f"/vms/{self.vm}")
        self.assertEqual(NO_FILES, self.memory_files())
        self.assertEqual([], self.host.rest.get("/vdi-snapshots"))

    def test_a_clone_of_it_has_the_disks_alone(self):
        self.content(self.root, "one")
        self.host.rest.action(self.vm, "start")
        snapshot = self.call(self.host, "vm.snapshot", self.vm, memory=True)["id"]
        clone = self.call(self.host, "vm.clone", snapshot, name_label="other")["id"]
        self.assertEqual("Halted", self.host.rest.power(clone))
        self.assertEqual("one", self.content(self.disk(clone)))

    def test_of_a_suspended_vm(self):
        self.host.rest.action(self.vm, "start")
        self.host.rest.action(self.vm, "suspend")
        snapshot = self.call(self.host, "vm.snapshot", self.vm, memory=True)["id"]
        self.assertEqual("Suspended", self.host.rest.power(self.vm))
        self.host.rest.action(self.vm, "resume")
        self.host.rest.action(self.vm, "hard_shutdown")
        self.assertEqual([f"{snapshot}.save"], self.memory_files())
        self.call(self.host, "vm.revert", self.vm, snapshotId=snapshot)
        self.host.rest.action(self.vm, "resume")
        self.assertEqual("Running", self.host.rest.power(self.vm))

    def test_what_is_refused_leaves_nothing(self):
        self.fails(self.host, ["memory", "Halted"], "vm.snapshot", self.vm, memory=True)
        self.host.rest.action(self.vm, "start")
        self.fails(self.host, ["quiesce", "with memory"], "vm.snapshot", self.vm, memory=True, quiesce=True)
        self.host.rest.action(self.vm, "pause")
        self.fails(self.host, ["memory", "Paused", "unpause"], "vm.snapshot", self.vm, memory=True)
        self.assertEqual("Paused", self.host.rest.power(self.vm))
        self.assertEqual([], self.host.rest.get("/vm-snapshots"))
        self.assertEqual(NO_FILES, self.memory_files())

    def test_memory_that_is_lost_is_said_before_anything_is_done(self):
        self.host.rest.action(self.vm, "start")
        snapshot = self.call(self.host, "vm.snapshot", self.vm, memory=True)["id"]
        self.host.rest.action(self.vm, "hard_shutdown")
        before = self.disk(self.vm)
        pathlib.Path(self.host.state, "memory", f"{snapshot}.save").unlink()
        self.fails(self.host, ["the snapshot's memory"], "vm.revert", self.vm, snapshotId=snapshot)
        self.assertEqual(("Halted", before), (self.host.rest.power(self.vm), self.disk(self.vm)))

    def test_a_revert_that_fails_leaves_no_memory_behind(self):
        self.host.rest.action(self.vm, "start")
        snapshot = self.call(self.host, "vm.snapshot", self.vm, memory=True)["id"]
        self.host.rest.action(self.vm, "hard_shutdown")
        self.call(self.host, "sr.unplug", self.sr_id)
        self.fails(self.host, ["disk"], "vm.revert", self.vm, snapshotId=snapshot)
        self.assertEqual(NO_FILES, os.listdir(pathlib.Path(self.host.state, "save")))
        self.call(self.host, "sr.plug", self.sr_id)
        self.call(self.host, "vm.revert", self.vm, snapshotId=snapshot)
        self.assertEqual("Suspended", self.host.rest.power(self.vm))

    def test_killed_at_any_moment(self):
        """The guest goes on, and there is a snapshot with its memory, or nothing."""
        self.host.rest.action(self.vm, "start")
        for delay in (0, 1, 2, 3, 5, 8, 13, 21, 34):
            with self.subTest(delay=delay):
                task = self.ask(self.host, "vm.snapshot", self.vm, memory=True, name_label=f"s{delay}")
                for _ in range(delay):
                    self.host.rest.get("/ping")
                self.restart()
                ended = self.wait_task(self.host, task)
                self.runs()
                there = {s["name_label"]: s["id"] for s in self.host.rest.get("/vm-snapshots?fields=*")}
                self.assertEqual(ended["status"] == "success", f"s{delay}" in there, ended)
                self.assertEqual(sorted(f"{s}.save" for s in there.values()), self.memory_files())

    def test_a_revert_killed_at_any_moment(self):
        """Old disks and halted, or new ones and suspended; or new ones and halted, and then it is said."""
        self.host.rest.action(self.vm, "start")
        snapshot = self.call(self.host, "vm.snapshot", self.vm, memory=True)["id"]
        self.host.rest.action(self.vm, "hard_shutdown")
        for delay in range(9):
            with self.subTest(delay=delay):
                before = self.disk(self.vm)
                task = self.ask(self.host, "vm.revert", self.vm, snapshotId=snapshot)
                for _ in range(delay):
                    self.host.rest.get("/ping")
                self.restart()
                ended = self.wait_task(self.host, task)
                power, now = self.host.rest.power(self.vm), self.disk(self.vm)
                if ended["status"] == "success":
                    self.assertEqual("Suspended", power)
                    self.assertNotEqual(before, now)
                    self.host.rest.action(self.vm, "hard_shutdown")
                else:
                    self.assertEqual("Halted", power)
                    self.assertRegex(ended["result"]["message"],
                                     "as it was|nothing was done" if before == now else "its memory is not")
                self.assertEqual([f"{snapshot}.save"], self.memory_files())


class MemoryFails(RunningCase):
    OPTIONS = ("--fault", "checkpoint:fail=TIMEOUT:1; checkpoint:deny:1")

    def test_a_guest_that_cannot_be_saved_runs_on(self):
        self.host.rest.action(self.vm, "start")
        for _ in range(2):
            self.fails(self.host, ["failed by the fault script"], "vm.snapshot", self.vm, memory=True)
            self.assertEqual("Running", self.host.rest.power(self.vm))
            self.assertEqual([], self.host.rest.get("/vm-snapshots"))
            self.assertEqual([], self.host.rest.get("/vdi-snapshots"))
            self.assertEqual(NO_FILES, self.memory_files())
        # One that stood still when the driver said that it had failed reacts.
        self.call(self.host, "vm.snapshot", self.vm, memory=True)
        self.host.rest.action(self.vm, "clean_shutdown")


class Clones(RunningCase):
    def test_of_a_vm_that_is_in_use(self):
        self.content(self.root, "one")
        self.host.rest.action(self.vm, "start")
        for power, verb in (("Running", "pause"), ("Paused", "unpause"), ("Running", "suspend"), ("Suspended", "resume")):
            with self.subTest(power=power):
                self.assertEqual(power, self.host.rest.power(self.vm))
                clone = self.call(self.host, "vm.clone", self.vm, name_label=f"of-{power}-{verb}")["id"]
                self.assertEqual(power, self.host.rest.power(self.vm))
                self.assertEqual("Halted", self.host.rest.power(clone))
                self.assertEqual("one", self.content(self.disk(clone)))
                self.assertEqual([], self.host.rest.get("/vm-snapshots"))
                wait_until("what was in between is gone", lambda: not self.host.rest.get("/vdi-snapshots"))
                self.host.rest.action(self.vm, verb)

    def test_killed_at_any_moment(self):
        self.host.rest.action(self.vm, "start")
        for delay in range(8):
            with self.subTest(delay=delay):
                task = self.ask(self.host, "vm.clone", self.vm, name_label=f"c{delay}")
                for _ in range(delay):
                    self.host.rest.get("/ping")
                self.restart()
                ended = self.wait_task(self.host, task)
                self.runs()
                there = {v["name_label"] for v in self.host.rest.vms("id,name_label").values()}
                self.assertEqual(ended["status"] == "success", f"c{delay}" in there, ended)
                wait_until("what was in between is gone", lambda: not self.host.rest.get("/vdi-snapshots"))


class FakeGuestAgent(threading.Thread):
    """What stands behind the channel: it notes what it is asked, and answers as it is told to."""

    def __init__(self, path, answers):
        super().__init__(daemon=True)
        self.answers, self.asked, self.changed = answers, [], threading.Condition()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(4)
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            with peer, peer.makefile("rwb", buffering=0) as stream:
                for line in stream:
                    if not self.answer(stream, json.loads(line.lstrip(b"\xff"))):
                        break

    def answer(self, stream, command):
        name = command["execute"]
        with self.changed:
            self.asked.append(name)
            self.changed.notify_all()
        told = self.answers.get(name, {"return": 2})
        if told == "close":
            return False
        if told is None:
            return True
        if name == "guest-sync-delimited":
            stream.write(b'half a reply to somebody else\n{"return": 7}\n\xff' +
                         json.dumps({"return": command["arguments"]["id"]}).encode() + b"\n")
        else:
            stream.write(json.dumps(told).encode() + b"\n")
        return True

    def wait_for(self, name):
        with self.changed:
            if not self.changed.wait_for(lambda: name in self.asked, 30):
                raise AssertionError(f"it was asked for {self.asked} only")

    def commands(self):
        return [name.removeprefix("guest-") for name in self.asked]


class Quiesce(RunningCase):
    def more(self):
        self.socket = pathlib.Path(self.fleet.folder, "ga.sock")
        return {"libxl": {"channels": [{"name": "org.qemu.guest_agent.0",
                                        "connection.socket": {"path": str(self.socket)}}]}}

    def guest(self, **answers):
        guest = FakeGuestAgent(self.socket, {name.replace("_", "-"): told for name, told in answers.items()})
        self.addCleanup(guest.server.close)
        self.host.rest.action(self.vm, "start")
        return guest

    def nothing_is_left(self):
        self.assertEqual("Running", self.host.rest.power(self.vm))
        self.assertEqual([], self.host.rest.get("/vm-snapshots"))
        self.assertEqual([], self.host.rest.get("/vdi-snapshots"))

    def test_frozen_and_thawed(self):
        guest = self.guest()
        self.call(self.host, "vm.snapshot", self.vm, quiesce=True)
        self.assertEqual(["sync-delimited", "fsfreeze-freeze", "fsfreeze-thaw"], guest.commands())
        self.call(self.host, "vm.snapshot", self.vm)
        self.assertEqual(3, len(guest.asked))

    def test_one_that_refuses_is_thawed_all_the_same(self):
        guest = self.guest(guest_fsfreeze_freeze={"error": {"class": "GenericError", "desc": "no such\u001b mount"}})
        self.fails(self.host, ["refuses", "no such", "mount"], "vm.snapshot", self.vm, quiesce=True)
        self.assertEqual(["sync-delimited", "fsfreeze-freeze", "fsfreeze-thaw"], guest.commands())
        self.nothing_is_left()

    def test_one_that_does_not_answer(self):
        self.guest(guest_sync_delimited=None)
        self.fails(self.host, ["guest agent does not answer", "qemu-ga"], "vm.snapshot", self.vm, quiesce=True)
        self.nothing_is_left()

    def test_one_that_goes_away(self):
        self.guest(guest_fsfreeze_freeze="close")
        self.fails(self.host, ["closed"], "vm.snapshot", self.vm, quiesce=True)
        self.nothing_is_left()

    def test_one_that_is_not_there(self):
        self.host.rest.action(self.vm, "start")
        self.fails(self.host, ["channel", "ga.sock"], "vm.snapshot", self.vm, quiesce=True)
        self.nothing_is_left()

    def test_killed_while_it_is_frozen_it_is_thawed_by_the_next(self):
        guest = self.guest(guest_fsfreeze_freeze=None)
        task = self.ask(self.host, "vm.snapshot", self.vm, quiesce=True)
        guest.wait_for("guest-fsfreeze-freeze")
        self.restart()
        self.assertEqual("failure", self.wait_task(self.host, task)["status"])
        guest.wait_for("guest-fsfreeze-thaw")
        self.nothing_is_left()

    def test_the_real_one_understands(self):
        """QEMU's own agent, not allowed to freeze: this machine's file systems are not the test's."""
        program = shutil.which("qemu-ga", path=f"{os.environ['PATH']}:/usr/sbin")
        if not program:
            self.skipTest("qemu-guest-agent is not installed")
        with subprocess.Popen([program, "--method=unix-listen", f"--path={self.socket}",
                               f"--statedir={self.fleet.folder}", f"--pidfile={self.fleet.folder}/ga.pid",
                               "--blacklist=guest-fsfreeze-freeze,guest-fsfreeze-thaw"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as guest:
            self.addCleanup(guest.kill)
            wait_until("it listens", lambda: os.path.exists(self.socket))
            self.host.rest.action(self.vm, "start")
            self.fails(self.host, ["the guest agent refuses", "disabled"], "vm.snapshot", self.vm, quiesce=True)
            self.nothing_is_left()
            guest.kill()


class NoChannel(RunningCase):
    def test_a_guest_without_one_is_told_how(self):
        self.fails(self.host, ["quiesce", "Halted"], "vm.snapshot", self.vm, quiesce=True)
        self.host.rest.action(self.vm, "start")
        self.fails(self.host, ["org.qemu.guest_agent.0", "libxl.channels", "qemu-ga"], "vm.snapshot", self.vm,
                   quiesce=True)


if __name__ == "__main__":
    unittest.main()
