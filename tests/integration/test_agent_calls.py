# SPDX-License-Identifier: Apache-2.0
"""Calls (docs/design/objects.md) on a simulated host: over its admin socket, and through its deaths."""

import concurrent.futures
import json
import os
import unittest
import urllib.parse
import uuid

from tests.integration.test_agent_admin import AgentCase
from tests.support.rest import wait_until


class Editing(AgentCase):
    def stored(self, agent, vm):
        return json.loads((agent.state / "vms" / f"{vm}.json").read_text())

    def test_a_halted_vm_is_edited_at_once(self):
        agent = self.agent()
        vm = self.define(agent, vcpus=2, vcpusMax=4)
        answer = agent.rest.patch(f"/vms/{vm}", {
            "nameLabel": "db", "nameDescription": "two\u00a0words", "tags": ["a", "b"], "cpus": 6,
            "memory": "128MiB", "autoPoweron": True, "startDelay": 3, "startOrder": -1,
            "PV_args": "root=/dev/xvda ro", "onCrash": "restart"})
        self.assertEqual([], answer["pending"])
        self.assertEqual(10, len(answer["applied"]))
        seen = agent.rest.vm(vm)
        self.assertEqual(("db", "two\u00a0words", ["a", "b"], {"number": 6, "max": 6}, 3, False),
                         (seen["name_label"], seen["name_description"], seen["tags"],
                          seen["CPUs"], seen["startDelay"], seen["pending"]))
        stored = self.stored(agent, vm)
        self.assertEqual(("root=/dev/xvda ro", 128 << 20, 128 << 20, 3000, "restart"),
                         (stored["cmdline"], stored["memory"], stored.get("memoryMax", 128 << 20),
                          stored["startDelay"], stored["onCrash"]))
        # Fewer leave the maximum, null takes away.
        agent.rest.patch(f"/vms/{vm}", {"cpus": 1, "PV_args": None})
        self.assertEqual({"number": 1, "max": 6}, agent.rest.vm(vm)["CPUs"])
        self.assertNotIn("cmdline", self.stored(agent, vm))
        self.assertEqual([], os.listdir(agent.state / "built"))
        self.assertEqual(0, agent.stop())

    def test_tags_come_and_go_one_by_one(self):
        """Of eight who add at once, nobody's is lost."""
        agent = self.agent()
        vm = self.define(agent)
        tags = [f"k8s:volume {i}" for i in range(8)]

        def ask(method, tag):
            path = f"/vms/{vm}/tags/{urllib.parse.quote(tag)}"
            return agent.rest.request(method, path)[0]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual({204}, set(pool.map(lambda t: ask("PUT", t), tags)))
        self.assertEqual(tags, sorted(agent.rest.vm(vm)["tags"]))
        self.assertEqual([204, 204], [ask("PUT", tags[0]), ask("DELETE", "never")])
        for tag in tags[1:]:
            self.assertEqual(204, ask("DELETE", tag))
        self.assertEqual(tags[:1], agent.rest.vm(vm)["tags"])
        self.assertEqual(tags[:1], self.stored(agent, vm)["tags"])
        self.assertEqual(0, agent.stop())

    def test_all_or_nothing(self):
        agent = self.agent()
        vm = self.define(agent)
        self.define(agent, "other")
        before = self.stored(agent, vm)
        for status, words, body in (
                (422, ["arguments: nameLabel", "found integer"], {"tags": ["x"], "nameLabel": 7}),
                (422, ["arguments: colour", "unknown"], {"tags": ["x"], "colour": "red"}),
                (422, ["arguments: cpus", "out of range"], {"cpus": 0}),
                (422, ["vcpusMax", "less than"], {"cpus": 4, "cpusStaticMax": 2}),
                (422, ["bootOrder", "only for hvm"], {"tags": ["x"], "bootOrder": "c"}),
                (409, ["other", "already"], {"tags": ["x"], "nameLabel": "other"}),
                (501, ["nicType"], {"tags": ["x"], "nicType": "e1000"}),
                (422, ["object is expected"], [1])):
            with self.subTest(body):
                self.refused(status, words, agent.rest.patch, f"/vms/{vm}", body)
                self.assertEqual(before, self.stored(agent, vm))
        self.refused(404, ["VM"], agent.rest.patch, f"/vms/{uuid.uuid4()}", {})

    def test_what_a_running_vm_has_only_at_its_next_start(self):
        agent = self.agent()
        vm = self.define(agent, vcpus=2)
        self.bring(agent, vm, "Running")
        answer = agent.rest.patch(f"/vms/{vm}", {"nameDescription": "x", "cpusStaticMax": 4,
                                                 "startOrder": 2})
        self.assertEqual({"applied": ["nameDescription", "startOrder"],
                          "pending": ["cpusStaticMax"]}, answer)
        self.assertTrue(agent.rest.vm(vm)["pending"])
        self.assertEqual([f"{vm}.json"], os.listdir(agent.state / "built"))
        # It is known after kill -9 as well, and over suspend and resume.
        agent.kill()
        agent.start()
        self.assertTrue(agent.rest.vm(vm)["pending"])
        agent.rest.action(vm, "suspend")
        self.assertTrue(agent.rest.vm(vm)["pending"])
        agent.rest.action(vm, "resume")
        self.assertTrue(agent.rest.vm(vm)["pending"])
        self.assertEqual(2, agent.rest.vm(vm)["CPUs"]["max"])
        # Changed back: nothing is pending any more.
        agent.rest.patch(f"/vms/{vm}", {"cpusStaticMax": 2})
        self.assertFalse(agent.rest.vm(vm)["pending"])
        self.assertEqual([], os.listdir(agent.state / "built"))
        agent.rest.patch(f"/vms/{vm}", {"cpusStaticMax": 4})
        agent.rest.action(vm, "hard_reboot")
        self.assertFalse(agent.rest.vm(vm)["pending"])
        self.assertEqual(4, agent.rest.vm(vm)["CPUs"]["max"])
        self.assertEqual([], os.listdir(agent.state / "built"))

    def test_a_running_vm_gets_another_name_at_once(self):
        agent = self.agent("--sim-foreign", "1")
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        foreign = next(v for v in agent.rest.vms().values() if not v["managed"])["name_label"]
        self.assertEqual({"applied": ["nameLabel"], "pending": []}, agent.rest.patch(f"/vms/{vm}", {"nameLabel": "db"}))
        seen = agent.rest.vm(vm)
        self.assertEqual(("db", False), (seen["name_label"], seen["pending"]))
        self.assertEqual([], os.listdir(agent.state / "built"))
        self.refused(409, [foreign, "already"], agent.rest.patch, f"/vms/{vm}", {"nameLabel": foreign, "tags": ["x"]})
        self.assertEqual("db", self.stored(agent, vm)["name"])
        # The domain has it too: a definition that comes back finds it there.
        agent.kill()
        agent.start()
        self.assertEqual(("db", False), (agent.rest.vm(vm)["name_label"], agent.rest.vm(vm)["pending"]))

    def test_a_task_can_be_had_instead_of_waiting(self):
        agent = self.agent()
        vm = self.define(agent)
        answer = agent.rest.patch(f"/vms/{vm}?sync=false", {"tags": ["x"]})
        task = self.wait_task(agent, answer["taskId"])
        self.assertEqual(("success", "vm.edit", vm, "VM", {"applied": ["tags"], "pending": []}),
                         (task["status"], task["properties"]["method"],
                          task["properties"]["objectId"], task["properties"]["objectType"],
                          task["result"]))
        # The journal has it over a restart.
        agent.kill()
        agent.start()
        self.assertEqual(task["result"], agent.rest.get(f"/tasks/{task['id']}")["result"])

    def test_a_task_that_is_over_can_be_deleted(self):
        agent = self.agent()
        vm = self.define(agent)
        kept = self.wait_task(agent, agent.rest.patch(f"/vms/{vm}?sync=false", {"tags": ["x"]})["taskId"])
        gone = self.wait_task(agent, agent.rest.patch(f"/vms/{vm}?sync=false", {"tags": ["y"]})["taskId"])
        self.assertEqual(204, agent.rest.request("DELETE", f"/tasks/{gone['id']}")[0])
        self.assertEqual(404, agent.rest.request("DELETE", f"/tasks/{gone['id']}")[0])
        agent.kill()
        agent.start()
        self.assertEqual([kept["id"]], [t["id"] for t in agent.rest.get("/tasks?fields=id")])
        self.assertEqual(204, agent.rest.request("DELETE", "/tasks")[0])
        self.assertEqual(204, agent.rest.request("DELETE", "/tasks")[0], "there is none")
        self.assertEqual([], agent.rest.get("/tasks"))

    def test_an_older_journal_is_read(self):
        agent = self.agent()
        vm = self.define(agent)
        agent.rest.action(vm, "start")
        journal = agent.state / "journal"
        self.assertTrue(all(len(line.split()) <= 9 for line in journal.read_text().splitlines()))
        agent.stop()
        agent.start()
        self.assertEqual("success", agent.rest.get("/tasks?fields=status")[0]["status"])


class Deleting(AgentCase):
    def test_only_when_halted(self):
        agent = self.agent()
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        self.refused(409, ["shut it down", '"actual": "Running"'], agent.rest.delete, f"/vms/{vm}")
        agent.rest.patch(f"/vms/{vm}", {"cpusStaticMax": 4})
        agent.rest.action(vm, "hard_shutdown")
        self.assertIn(agent.rest.delete(f"/vms/{vm}?disks=false"), (None, b""))
        self.refused(404, [], agent.rest.vm, vm)
        self.assertEqual(([], []), (os.listdir(agent.state / "vms"),
                                    os.listdir(agent.state / "built")))
        self.refused(404, [], agent.rest.delete, f"/vms/{vm}")

    def test_a_foreign_vm_is_not_ours_to_change(self):
        agent = self.agent("--sim-foreign", "1")
        vm, = agent.rest.vms()
        self.refused(409, ["adopt"], agent.rest.patch, f"/vms/{vm}", {"tags": []})


class Templates(AgentCase):
    def test_a_template_never_runs(self):
        agent = self.agent()
        vm = self.define(agent, autostart=True)
        self.bring(agent, vm, "Running")
        self.refused(409, ["Halted"], agent.rest.action, vm, "convert_to_template")
        agent.rest.action(vm, "hard_shutdown")
        agent.rest.action(vm, "convert_to_template")
        stored = json.loads((agent.state / "vms" / f"{vm}.json").read_text())
        self.assertEqual(("template", None), (stored["kind"], stored.get("autostart")))
        self.refused(404, ["no such VM"], agent.rest.action, vm, "start")  # one of /vm-templates now
        agent.rest.delete(f"/vm-templates/{vm}")
        self.assertEqual([], os.listdir(agent.state / "vms"))


class Raw(AgentCase):
    def call(self, agent, method, of, arguments=None, **more):
        return agent.rest.post("/calls?sync=true", {
            "method": method, "objectId": of, "arguments": arguments or {}, **more})

    def test_any_method_by_name(self):
        agent = self.agent()
        vm = self.define(agent)
        self.assertEqual({"applied": ["tags"], "pending": []},
                         self.call(agent, "vm.edit", vm, {"tags": ["x"]}, hostId=agent.host_id))
        self.refused(404, ["method"], self.call, agent, "vm.explode", vm)
        self.refused(422, ["colour"], self.call, agent, "vm.edit", vm, {"colour": 1})
        self.refused(422, ["force"], agent.rest.post, "/calls",
                     {"method": "vm.edit", "objectId": vm, "force": True})
        self.refused(404, ["SR"], self.call, agent, "sr.scan", str(uuid.uuid4()))
        self.refused(404, ["host"], self.call, agent, "host.enable", str(uuid.uuid4()))


class Restarting(AgentCase):
    def test_the_next_run_says_that_it_worked(self):
        agent = self.agent()
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        task = agent.rest.post(f"/hosts/{agent.host_id}/actions/restart_toolstack",
                               {"bypassBackupCheck": True})["taskId"]
        wait_until("the agent ends", lambda: not agent.running())
        self.assertEqual(0, agent.process.returncode)
        agent.start()
        self.assertEqual("success", self.wait_task(agent, task)["status"])
        self.assertEqual("Running", agent.rest.power(vm))


class Groups(AgentCase):
    def test_one_action_on_many(self):
        agent = self.agent()
        vms = [self.define(agent, f"vm{i}", tags=["batch"]) for i in range(5)]
        self.bring(agent, vms[0], "Running")
        answer = agent.rest.post("/vms/actions/start", {"ids": vms})
        by_id = {entry["id"]: entry for entry in answer["tasks"]}
        self.assertEqual(set(vms), set(by_id))
        self.assertEqual("STATE", by_id[vms[0]]["error"]["code"])
        for vm in vms[1:]:
            self.assertEqual("success", self.wait_task(agent, by_id[vm]["taskId"])["status"])
        answer = agent.rest.post("/vms/actions/hard_shutdown?filter=tags:batch", {})
        self.assertEqual(5, len(answer["tasks"]))
        for entry in answer["tasks"]:
            self.assertEqual("success", self.wait_task(agent, entry["taskId"])["status"])
        answer = agent.rest.post("/vms/actions/convert_to_template", {"ids": vms[:2]})
        for entry in answer["tasks"]:
            self.assertEqual("success", self.wait_task(agent, entry["taskId"])["status"])

    def test_bad_groups(self):
        agent = self.agent()
        vm = self.define(agent)
        for status, words, path, body in (
                (404, ["action"], "/vms/actions/explode", {"ids": [vm]}),
                (422, ["ids"], "/vms/actions/start", {}),
                (422, ["ids"], "/vms/actions/start", {"ids": "all"}),
                (422, ["ids[1]", "twice"], "/vms/actions/start", {"ids": [vm, vm]}),
                (422, ["not both"], "/vms/actions/start?filter=x", {"ids": [vm]}),
                (400, ["filter"], "/vms/actions/start?filter=%28", {}),
                (413, ["at most"], "/vms/actions/start",
                 {"ids": [str(uuid.uuid4()) for _ in range(501)]})):
            with self.subTest(path=path, status=status):
                self.refused(status, words, agent.rest.post, path, body)
        answer = agent.rest.post("/vms/actions/start", {"ids": [vm, str(uuid.uuid4())]})
        self.assertEqual("NOT_FOUND", answer["tasks"][1]["error"]["code"])
        self.wait_task(agent, answer["tasks"][0]["taskId"])
        self.assertEqual({"tasks": []},
                         agent.rest.post("/vms/actions/start?filter=name_label:nobody", {}))


if __name__ == "__main__":
    unittest.main()
