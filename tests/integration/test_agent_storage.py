# SPDX-License-Identifier: Apache-2.0
"""SRs, VDIs and VMs' disks on a simulated host, with a directory as repository."""

import os
import pathlib
import unittest
import uuid

from tests.integration.test_agent_admin import SLOW, AgentCase
from tests.support.rest import wait_until

MIB = 1 << 20
NOBODY = "11111111-2222-4333-8444-555555555555"


class StorageCase(AgentCase):
    def folder(self, name="sr"):
        path = pathlib.Path(self.fleet.folder, name)
        path.mkdir(exist_ok=True)
        return str(path)

    def host_id(self, agent):
        return agent.rest.get("/hosts?fields=id")[0]["id"]

    def call(self, agent, method, object_id, **arguments):
        """What the call gives back, once it has ended."""
        task = self.ask(agent, method, object_id, **arguments)
        ended = self.wait_task(agent, task)
        self.assertEqual("success", ended["status"], ended)
        return ended.get("result", {})

    def ask(self, agent, method, object_id, **arguments):
        return agent.rest.post("/calls", {"method": method, "objectId": object_id,
                                          "arguments": arguments})["taskId"]

    def fails(self, agent, words, method, object_id, **arguments):
        ended = self.wait_task(agent, self.ask(agent, method, object_id, **arguments))
        self.assertEqual("failure", ended["status"], ended)
        for word in words:
            self.assertIn(word, ended["result"]["message"])

    def sr(self, agent, name="sr", **more):
        return self.call(agent, "sr.create", self.host_id(agent), name_label=name, SR_type="dir",
                         device_config={"location": self.folder(name)}, **more)["id"]

    def vdi(self, agent, sr, name="disk", size=4 * MIB, **more):
        return self.call(agent, "vdi.create", sr, name_label=name, virtual_size=size, **more)["id"]

    def vdis(self, agent):
        return {v["id"]: v for v in agent.rest.get("/vdis?fields=*")}

    def with_disk(self, agent, vdi, name="web", **disk):
        return self.define(agent, name, disks=[{"vdev": "xvda", "vdi": vdi, **disk}])

    def start_fails(self, agent, vm, *words):
        ended = self.wait_task(agent, agent.rest.action(vm, "start", sync=False))
        self.assertEqual("failure", ended["status"])
        for word in words:
            self.assertIn(word, ended["result"]["message"])
        self.assertEqual("Halted", agent.rest.power(vm))


class Repositories(StorageCase):
    def test_made_edited_unplugged_plugged_forgotten(self):
        agent = self.agent()
        sr = self.sr(agent, name_description="first")
        seen = agent.rest.get(f"/srs/{sr}")
        self.assertEqual(("sr", "first", "dir", True),
                         (seen["name_label"], seen["name_description"], seen["SR_type"],
                          seen["attached"]))
        self.call(agent, "sr.edit", sr, name_label="fast", tags=["ssd"])
        vdi = self.vdi(agent, sr)
        self.call(agent, "sr.unplug", sr)
        seen = agent.rest.get(f"/srs/{sr}")
        self.assertEqual(("fast", ["ssd"], False), (seen["name_label"], seen["tags"],
                                                    seen["attached"]))
        self.fails(agent, ["not plugged", "fast"], "vdi.create", sr, virtual_size=MIB)
        self.call(agent, "sr.plug", sr)
        self.assertIn(vdi, self.vdis(agent))
        self.fails(agent, ["1 disk"], "sr.destroy", sr)
        self.call(agent, "sr.forget", sr)
        self.assertEqual([], agent.rest.get("/srs"))
        self.assertEqual({}, self.vdis(agent))
        # What was forgotten is found again, with its disk, under its id.
        self.assertEqual(sr, self.sr(agent, id=sr))
        self.assertIn(vdi, self.vdis(agent))
        self.call(agent, "vdi.delete", vdi)
        self.call(agent, "sr.destroy", sr)
        self.assertEqual([], agent.rest.get("/srs"))
        self.assertEqual(0, agent.stop())

    def test_what_is_refused(self):
        agent = self.agent()
        host = self.host_id(agent)
        here = {"location": self.folder("here")}
        for words, arguments in (
                (["nosuch"], {"SR_type": "nosuch", "device_config": here}),
                (["colour"], {"SR_type": "dir", "device_config": {**here, "colour": "red"}}),
                (["location"], {"SR_type": "dir", "device_config": {}}),
                (["location"], {"SR_type": "dir", "device_config": {"location": "relative"}}),
                (["device_config", "more than 8"],
                 {"SR_type": "dir", "device_config": {f"p{i}": "x" for i in range(9)}}),
                (["device_config", "too long"],
                 {"SR_type": "dir", "device_config": {"location": "/" + 300 * "x"}})):
            with self.subTest(arguments=arguments):
                self.fails(agent, words, "sr.create", host, name_label="x", **arguments)
                self.assertEqual([], agent.rest.get("/srs"))
        sr = self.sr(agent)
        self.fails(agent, ["tags", "more than 8"], "sr.edit", sr,
                   tags=[str(i) for i in range(9)])
        self.fails(agent, ["image"], "vdi.import", sr, path="relative.img")
        self.fails(agent, ["/nowhere/x.img"], "vdi.import", sr, path="/nowhere/x.img")
        self.assertEqual({}, self.vdis(agent))
        self.assertEqual(0, agent.stop())


class Disks(StorageCase):
    def test_a_disk_through_its_life(self):
        agent = self.agent()
        sr, other = self.sr(agent), self.sr(agent, "other")
        image = pathlib.Path(self.folder("images"), "x.img")
        image.write_bytes(os.urandom(2 * MIB))
        vdi = self.call(agent, "vdi.import", sr, path=str(image), format="raw",
                        name_label="imported", virtual_size=3 * MIB)["id"]
        self.assertEqual((3 * MIB, "imported"), (self.vdis(agent)[vdi]["size"],
                                                 self.vdis(agent)[vdi]["name_label"]))
        self.call(agent, "vdi.edit", vdi, size="5MiB", name_label="grown")
        self.assertEqual(5 * MIB, self.vdis(agent)[vdi]["size"])
        self.fails(agent, ["less than the disk has"], "vdi.edit", vdi, size=MIB)
        self.fails(agent, ["each excludes"], "vdi.edit", vdi, tags=[], addTags=["a"])
        for method, tag in (("PUT", "a"), ("PUT", "b"), ("PUT", "a"), ("DELETE", "a")):
            for path in (f"/vdis/{vdi}", f"/srs/{sr}"):
                self.assertEqual(204, agent.rest.request(method, f"{path}/tags/{tag}")[0])
        self.assertEqual([["b"], ["b"]], [agent.rest.get(p)["tags"]
                                          for p in (f"/vdis/{vdi}", f"/srs/{sr}")])
        snapshot = self.call(agent, "vdi.snapshot", vdi)["id"]
        clone = self.call(agent, "vdi.clone", vdi, name_label="clone")["id"]
        copy = self.call(agent, "vdi.clone", vdi, srId=other)["id"]
        self.assertEqual(vdi, agent.rest.get(f"/vdi-snapshots/{snapshot}")["$snapshot_of"])
        self.assertEqual(other, self.vdis(agent)[copy]["$SR"])
        self.call(agent, "vdi.revert", vdi, snapshotId=snapshot)
        self.fails(agent, ["snapshot"], "vdi.revert", vdi, snapshotId=clone)
        vm = self.with_disk(agent, clone)
        moved = self.call(agent, "vdi.migrate", clone, srId=other)["id"]
        self.assertNotIn(clone, self.vdis(agent))
        self.assertEqual(moved, agent.rest.get("/vbds?fields=*")[0]["VDI"], "the VM follows")
        self.call(agent, "vdi.delete", moved)
        self.assertEqual([], agent.rest.get("/vbds"), "the VM has lost it")
        for one in (vdi, snapshot, copy):
            self.call(agent, "vdi.delete", one)
        self.refused(404, [vdi], agent.rest.delete, f"/vdis/{vdi}")
        self.assertEqual([], [f for s in ("sr", "other") for f in os.listdir(self.folder(s))
                              if f.endswith(".raw")])
        agent.rest.action(vm, "start")
        self.assertEqual(0, agent.stop())

    def test_a_running_vm_holds_its_disks(self):
        agent = self.agent()
        sr = self.sr(agent)
        vdi = self.vdi(agent, sr)
        vm, rival = self.with_disk(agent, vdi), self.with_disk(agent, vdi, "rival")
        agent.rest.action(vm, "start")
        drive = [d for d in agent.rest.get("/vbds?fields=*") if d["VM"] == vm][0]
        self.assertEqual((vdi, "xvda", True), (drive["VDI"], drive["device"], drive["attached"]))
        self.start_fails(agent, rival, "xvda", vdi, "in use", "web", vm)
        self.fails(agent, ["in use", "web"], "vdi.delete", vdi)
        self.fails(agent, ["in use"], "sr.unplug", sr)
        self.call(agent, "vdi.edit", vdi, size=8 * MIB)
        agent.rest.action(vm, "suspend")
        self.start_fails(agent, rival, "in use", "web")
        agent.rest.action(vm, "resume")
        agent.rest.action(vm, "hard_reboot")
        agent.rest.action(vm, "hard_shutdown")
        # As soon as the task has ended the disk is free.
        agent.rest.action(rival, "start")
        self.start_fails(agent, vm, "in use", "rival")
        agent.rest.action(rival, "hard_shutdown")
        self.call(agent, "vdi.delete", vdi)
        self.assertEqual([], agent.rest.get("/vbds"))
        self.call(agent, "sr.unplug", sr)
        self.assertEqual(0, agent.stop())

    def test_a_read_only_disk_is_shared(self):
        agent = self.agent()
        vdi = self.vdi(agent, self.sr(agent))
        vms = [self.with_disk(agent, vdi, f"vm{i}", readonly=True) for i in range(2)]
        for vm in vms:
            agent.rest.action(vm, "start")
        writer = self.with_disk(agent, vdi, "writer")
        self.start_fails(agent, writer, "in use")
        for vm in vms:
            agent.rest.action(vm, "hard_shutdown")
        agent.rest.action(writer, "start")
        self.start_fails(agent, vms[0], "in use", "writer")
        self.assertEqual(0, agent.stop())

    def test_a_disk_that_is_not_there(self):
        agent = self.agent()
        sr = self.sr(agent)
        good, late = self.vdi(agent, sr), str(uuid.uuid4())
        vm = self.define(agent, disks=[{"vdev": "xvda", "vdi": good},
                                       {"vdev": "xvdb", "vdi": late}])
        self.start_fails(agent, vm, "xvdb", late, "no such VDI")
        # What had been held is free again, and nothing is half made.
        other = self.with_disk(agent, good, "other")
        agent.rest.action(other, "start")
        agent.rest.action(other, "hard_shutdown")
        self.vdi(agent, sr, id=late)
        agent.rest.action(vm, "start")
        agent.rest.action(vm, "hard_shutdown")
        self.call(agent, "sr.unplug", sr)
        self.start_fails(agent, vm, "xvda", "not plugged", "sr")
        self.assertEqual(0, agent.stop())

    def test_a_failed_create_lets_go(self):
        agent = self.agent()
        sr = self.sr(agent)
        vdi = self.vdi(agent, sr)
        vm = self.define(agent, kernel="/nowhere/vmlinuz", disks=[{"vdev": "xvda", "vdi": vdi}])
        self.start_fails(agent, vm, "/nowhere/vmlinuz")
        self.call(agent, "sr.unplug", sr)
        self.assertEqual(0, agent.stop())

    def test_a_vm_is_deleted_with_the_disks_it_alone_has(self):
        agent = self.agent()
        sr = self.sr(agent)
        mine, shared, cd, kept = (self.vdi(agent, sr, name) for name in "abcd")
        vm = self.define(agent, disks=[{"vdev": "xvda", "vdi": mine},
                                       {"vdev": "xvdb", "vdi": shared, "readonly": True},
                                       {"vdev": "xvdc", "vdi": cd, "cdrom": True,
                                        "readonly": True}])
        self.define(agent, "other", disks=[{"vdev": "xvda", "vdi": shared}])
        self.call(agent, "vm.delete", vm)
        self.assertEqual({shared, cd, kept}, set(self.vdis(agent)))
        vm = self.with_disk(agent, kept, "third")
        self.call(agent, "vm.delete", vm, disks=False)
        self.assertIn(kept, self.vdis(agent))
        self.assertEqual(0, agent.stop())


class Deaths(StorageCase):
    def test_a_running_vm_keeps_its_disks_over_kill_9(self):
        agent = self.agent()
        sr = self.sr(agent)
        vdi = self.vdi(agent, sr)
        vm, rival = self.with_disk(agent, vdi), self.with_disk(agent, vdi, "rival")
        agent.rest.action(vm, "start")
        agent.kill()
        agent.start()
        self.start_fails(agent, rival, "in use", "web")
        wait_until("it is plugged", lambda: agent.rest.get(f"/srs/{sr}")["attached"])
        self.fails(agent, ["in use"], "vdi.delete", vdi)
        agent.rest.action(vm, "hard_shutdown")
        agent.rest.action(rival, "start")
        self.assertEqual(0, agent.stop())

    def test_an_edit_of_too_many_tags_was_not_done(self):
        agent = self.agent()
        sr = self.sr(agent)
        task = self.ask(agent, "sr.edit", sr, removeTags=list("abcdefghi"))
        ended = self.wait_task(agent, task)
        self.assertIn("more than 8", ended["result"]["message"])
        agent.kill()
        # What a death leaves before the end is noted.
        journal = agent.state / "journal"
        lines = journal.read_text().splitlines(keepends=True)
        self.assertIn(f"done {task}", lines[-1])
        journal.write_text("".join(lines[:-1]))
        agent.start()
        ended = self.wait_task(agent, task)
        self.assertEqual("failure", ended["status"], ended)
        self.assertIn("it was not done", ended["result"]["message"])

    def test_kill_9_in_the_middle_of_a_start_leaves_no_hold(self):
        agent = self.agent(*SLOW)
        sr = self.sr(agent)
        vdi = self.vdi(agent, sr)
        vm = self.with_disk(agent, vdi)
        task = agent.rest.action(vm, "start", sync=False)
        wait_until("it is at work", lambda: agent.rest.vm(vm)["current_operations"])
        agent.kill()
        agent.start()
        self.wait_task(agent, task)
        wait_until("it is plugged", lambda: agent.rest.get(f"/srs/{sr}")["attached"])
        if agent.rest.power(vm) == "Running":
            agent.rest.action(vm, "hard_shutdown")

        def let_go():  # what is half-built is destroyed first
            ended = self.wait_task(agent, self.ask(agent, "vdi.delete", vdi))
            return ended["status"] == "success"

        wait_until("its disk is let go", let_go)
        self.assertEqual(0, agent.stop())

    def test_every_call_is_judged_after_kill_9(self):
        """Whatever the moment: the verdict agrees with what is there."""
        agent = self.agent()
        sr = self.sr(agent)
        for later in (0, 1, 5, 20):
            vdi, wanted = self.vdi(agent, sr), str(uuid.uuid4())
            tasks = {"vdi.create": self.ask(agent, "vdi.create", sr, virtual_size=MIB, id=wanted),
                     "vdi.delete": self.ask(agent, "vdi.delete", vdi),
                     "sr.edit": self.ask(agent, "sr.edit", sr, name_label=f"n{later}")}
            for _ in range(later):
                agent.rest.alive()
            agent.kill()
            agent.start()
            ended = {what: self.wait_task(agent, task) for what, task in tasks.items()}
            wait_until("it is plugged", lambda: agent.rest.get(f"/srs/{sr}")["attached"])
            status = {what: task["status"] for what, task in ended.items()}
            for task in ended.values():
                self.assertIn(task["status"], ("success", "failure"), task)
            self.assertEqual(wanted in self.vdis(agent), status["vdi.create"] == "success", ended)
            self.assertEqual(vdi in self.vdis(agent), status["vdi.delete"] == "failure", ended)
            self.assertEqual(agent.rest.get(f"/srs/{sr}")["name_label"] == f"n{later}",
                             status["sr.edit"] == "success", ended)
        self.assertEqual(0, agent.stop())

    def test_a_start_waits_for_its_repository(self):
        """At boot a VM may be started before its SR is plugged."""
        agent = self.agent()
        sr = self.sr(agent)
        vm = self.with_disk(agent, self.vdi(agent, sr))
        agent.kill()
        os.rename(self.folder(), self.folder() + ".away")
        agent.start()
        wait_until("it is in trouble", lambda: agent.rest.get(f"/srs/{sr}").get("trouble"))
        task = agent.rest.action(vm, "start", sync=False)
        os.rename(self.folder("sr.away"), self.fleet.folder / "sr")
        self.call(agent, "sr.plug", sr)
        self.assertEqual("success", self.wait_task(agent, task)["status"])
        agent.rest.action(vm, "hard_shutdown")
        # And is not waited for for ever.
        self.call(agent, "sr.unplug", sr)
        self.start_fails(agent, vm, "not plugged")
        self.assertEqual(0, agent.stop())

    def test_a_start_that_waits_can_be_cancelled_and_has_a_deadline(self):
        agent = self.agent()
        sr = self.sr(agent)
        vm = self.with_disk(agent, NOBODY)
        agent.kill()
        os.rename(self.folder(), self.folder() + ".away")
        agent.start()
        wait_until("it is in trouble", lambda: agent.rest.get(f"/srs/{sr}").get("trouble"))
        task = agent.rest.action(vm, "start", sync=False)
        agent.rest.post(f"/tasks/{task}/actions/abort")
        self.assertEqual("failure", self.wait_task(agent, task)["status"])
        status, _, _ = agent.rest.request("POST", f"/vms/{vm}/actions/start?sync=true&timeout=1")
        self.assertEqual(504, status)
        task = agent.rest.action(vm, "start", sync=False)
        wait_until("it waits", lambda: agent.rest.vm(vm)["current_operations"])
        self.assertEqual(0, agent.stop(), "stops although somebody waits")


if __name__ == "__main__":
    unittest.main()
