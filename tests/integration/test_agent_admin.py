# SPDX-License-Identifier: Apache-2.0
"""The agent by itself, with a simulated host: its admin socket, its files, its deaths."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest
import uuid

from tests.support.fleet import Agent, Fleet
from tests.support.rest import RestError, wait_until

KERNEL = "/etc/hostname"  # any file will do for a simulated guest
ACTIONS = {  # action: (state before, state after)
    "start": ("Halted", "Running"),
    "pause": ("Running", "Paused"),
    "unpause": ("Paused", "Running"),
    "suspend": ("Running", "Suspended"),
    "resume": ("Suspended", "Running"),
    "clean_reboot": ("Running", "Running"),
    "hard_reboot": ("Running", "Running"),
    "clean_shutdown": ("Running", "Halted"),
    "hard_shutdown": ("Running", "Halted"),
}
SLOW = ("--sim-create", "1s", "--sim-shutdown", "1s", "--sim-save", "1s", "--sim-restore", "1s")


class AgentCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="muster-agent-")
        self.addCleanup(folder.cleanup)
        self.fleet = Fleet(pathlib.Path(folder.name))
        self.fleet.__enter__()
        self.addCleanup(self.fleet.__exit__)

    def agent(self, *options, name="host1", start=True):
        agent = Agent(self.fleet, name, options)
        self.fleet.agents.append(agent)
        return agent.start() if start else agent

    def define(self, agent, name="web", **more):
        return agent.define(**{"name": name, "type": "pvh", "memory": "64MiB", "kernel": KERNEL,
                               **more})

    def bring(self, agent, vm, power):
        """From Halted to `power`."""
        if power != "Halted":
            agent.rest.action(vm, "start")
        if power == "Paused":
            agent.rest.action(vm, "pause")
        if power == "Suspended":
            agent.rest.action(vm, "suspend")
        self.assertEqual(power, agent.rest.power(vm))

    def wait_power(self, agent, vm, power):
        wait_until(f"{vm} is {power}", lambda: agent.rest.power(vm) == power)

    def wait_task(self, agent, task):
        def ended():
            t = agent.rest.get(f"/tasks/{task}")
            return t if t["status"] != "pending" else None
        return wait_until(f"task {task} ends", ended)

    def refused(self, status, words, call, *args):
        with self.assertRaises(RestError) as caught:
            call(*args)
        self.assertEqual(status, caught.exception.status, caught.exception.body)
        for word in words:
            self.assertIn(word, json.dumps(caught.exception.body))


class Actions(AgentCase):
    def test_every_action(self):
        agent = self.agent("--sim-create", "50ms", "--sim-shutdown", "50ms", "--sim-save", "50ms",
                           "--sim-restore", "50ms")
        for action, (before, after) in ACTIONS.items():
            with self.subTest(action):
                vm = self.define(agent, f"vm-{action}")
                self.bring(agent, vm, before)
                agent.rest.action(vm, action)
                self.assertEqual(after, agent.rest.power(vm))
                self.refused(409, ["Halted"], agent.rest.action, self.define(agent, f"x-{action}"),
                             "unpause")
        self.assertEqual(0, agent.stop())

    def test_statistics_of_the_last_minutes(self):
        agent = self.agent()
        vm = self.define(agent)
        status, _, reply = agent.rest.request("GET", f"/vms/{vm}/stats")
        self.assertEqual(422, status, reply)
        agent.rest.action(vm, "start")

        def sampled(path, key):
            reply = agent.rest.get(f"{path}/stats?series=*")
            return reply if any(v is not None for v in reply["stats"].get(key, ())) else None
        reply = wait_until("samples of the VM", lambda: sampled(f"/vms/{vm}", "memory"))
        self.assertEqual((5, 120), (reply["interval"], len(reply["stats"]["memory"])))
        self.assertEqual(64 << 20, [v for v in reply["stats"]["memory"] if v is not None][-1])
        self.assertEqual("bytes", reply["series"]["memory"]["unit"])
        self.assertLess(abs(reply["endTimestamp"] - time.time()), 15)
        wait_until("samples of the host", lambda: sampled(f"/hosts/{agent.host_id}", "load"))
        status, _, reply = agent.rest.request("GET", f"/vms/{vm}/stats?granularity=days")
        self.assertEqual(501, status, reply)
        self.assertIn("aggregator", reply["error"])

    def test_statistics_outlive_the_agent(self):
        agent = self.agent()

        def known():
            reply = agent.rest.get(f"/hosts/{agent.host_id}/stats")
            return [v for v in reply["stats"].get("load", ()) if v is not None]
        wait_until("two samples", lambda: len(known()) >= 2)
        agent.kill()
        agent.start()
        self.assertGreaterEqual(len(known()), 2)
        agent.kill()
        folder = pathlib.Path(f"{agent.socket}.stats")
        (folder / "objects").write_bytes(b"junk")
        os.truncate(folder / "rows-0", 100)
        agent.start()
        self.assertIn("statistics of before are damaged", agent.text())
        wait_until("it samples again", known)
        agent.kill()
        shutil.rmtree(folder)
        folder.write_text("in the way")
        agent.start()
        self.assertIn("statistics end with the agent", agent.text())
        wait_until("it samples in memory", known)

    def test_with_curl(self):
        agent = self.agent()
        vm = self.define(agent)
        out = subprocess.run(
            ["curl", "-s", "--unix-socket", agent.socket, "-X", "POST", "-w", "\n%{http_code}",
             f"http://localhost/rest/v0/vms/{vm}/actions/start"],
            check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        self.assertEqual("202", out[-1])
        self.assertEqual("success", self.wait_task(agent, json.loads(out[0])["taskId"])["status"])

    def test_a_suspended_vm_leaves_no_file_when_it_runs_again(self):
        agent = self.agent()
        vm = self.define(agent)
        self.bring(agent, vm, "Suspended")
        saves = agent.state / "save"
        self.assertEqual([f"{vm}.save"], os.listdir(saves))
        agent.rest.action(vm, "resume")
        self.assertEqual([], os.listdir(saves))
        agent.rest.action(vm, "suspend")
        agent.rest.action(vm, "hard_shutdown")
        self.assertEqual([], os.listdir(saves))
        self.assertEqual("Halted", agent.rest.power(vm))

    def test_a_foreign_domain_is_shown_operated_and_adopted(self):
        agent = self.agent("--sim-foreign", "2")
        first, second = sorted(agent.rest.vms())
        vm = agent.rest.vm(first)
        self.assertFalse(vm["managed"])
        self.refused(409, ["adopt"], agent.rest.action, first, "clean_reboot")
        agent.rest.action(first, "adopt")
        self.assertTrue(agent.rest.vm(first)["managed"])
        stored = json.loads((agent.state / "vms" / f"{first}.json").read_text())
        self.assertEqual(vm["name_label"], stored["name"])
        agent.rest.action(first, "hard_shutdown")
        self.assertEqual("Halted", agent.rest.power(first))
        agent.rest.action(second, "hard_shutdown")
        self.refused(404, [], agent.rest.vm, second)

    def test_a_definition_that_cannot_be(self):
        agent = self.agent()
        path = f"/hosts/{agent.host_id}/vms"
        good = {"name": "a", "type": "pvh", "memory": "64MiB", "kernel": KERNEL}
        for word, change in {"disks[0].path": {"disks": [{"vdev": "xvda", "path": "x"}]},
                             "memmory": {"memmory": 1}, "type": {"type": "lxc"},
                             "vcpus": {"vcpus": 1000}}.items():
            self.refused(422, [word], agent.rest.post, path, {**good, **change})
        self.assertEqual({}, agent.rest.vms())
        agent.rest.post(path, good)
        self.refused(409, ["already"], agent.rest.post, path, good)

    def test_undefine_only_when_halted(self):
        agent = self.agent()
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        self.refused(409, ["shut it down"], agent.rest.delete, f"/vms/{vm}")
        agent.rest.action(vm, "hard_shutdown")
        agent.rest.delete(f"/vms/{vm}")
        self.refused(404, [], agent.rest.vm, vm)
        self.assertEqual([], os.listdir(agent.state / "vms"))

    def test_guests_live_on_when_the_agent_stops(self):
        agent = self.agent()
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        domid = agent.rest.vm(vm)["domid"]
        self.assertEqual(0, agent.stop())
        agent.start()
        self.assertEqual(("Running", domid),
                         (agent.rest.power(vm), agent.rest.vm(vm)["domid"]))


class Deaths(AgentCase):
    """kill -9 in the middle of each action."""

    def die_during(self, action, before, pause):
        agent = self.agent(*SLOW, name=f"{action}-{pause}")
        vm = self.define(agent)
        self.bring(agent, vm, before)
        task = agent.rest.action(vm, action, sync=False)
        time.sleep(pause)  # polls: nothing; the moment of death is what is tried
        agent.kill()
        agent.start()
        ended = self.wait_task(agent, task)
        self.assertIn(ended["status"], ("success", "failure"), ended)
        wait_until("no operation is left",
                   lambda: not agent.rest.vm(vm)["current_operations"])
        return agent, vm, ended

    def check(self, action, before, after, pause):
        agent, vm, ended = self.die_during(action, before, pause)
        power = agent.rest.power(vm)
        if ended["status"] == "success":
            self.assertEqual(after, power, ended)
        else:
            self.assertIn("interrupted by a restart", ended["result"]["message"])
        if action not in ("clean_shutdown", "clean_reboot"):  # the guest may still obey
            self.assertIn(power, (before, after, "Halted"), ended)
        # What is there can be used: nothing half-built is in the way.
        if power in ("Running", "Paused"):
            try:
                agent.rest.action(vm, "hard_shutdown")
            except RestError as error:  # the guest obeyed just now
                self.assertEqual(409, error.status)
                self.wait_power(agent, vm, "Halted")
        if agent.rest.power(vm) == "Suspended":
            agent.rest.action(vm, "resume")
        elif agent.rest.power(vm) == "Halted":
            agent.rest.action(vm, "start")
        self.assertEqual("Running", agent.rest.power(vm))
        self.assertEqual(1, len(agent.rest.vms()))
        agent.stop()

    def test_in_the_middle_of_each(self):
        for action, (before, after) in ACTIONS.items():
            for pause in (0.0, 0.4):
                with self.subTest(f"{action} after {pause} s"):
                    self.check(action, before, after, pause)

    def test_a_start_waits_until_the_old_domain_is_gone(self):
        """What a destroy leaves that died with the agent goes by itself, but not at once."""
        agent = self.agent()
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        self.assertEqual(0, agent.stop())
        state = agent.state / "sim/sim-host.json"
        host = json.loads(state.read_text())
        host["domains"][0].update(phase="dying", phase_until=host["now"] + 3000)
        state.write_text(json.dumps(host))
        agent.start()
        self.assertEqual("Halted", agent.rest.power(vm))
        agent.rest.action(vm, "start")
        self.assertEqual(("Running", 2), (agent.rest.power(vm), agent.rest.vm(vm)["domid"]))

    def test_a_finished_task_is_remembered(self):
        agent = self.agent()
        vm = self.define(agent)
        task = agent.rest.action(vm, "start", sync=False)
        self.assertEqual("success", self.wait_task(agent, task)["status"])
        agent.kill()
        agent.start()
        self.assertEqual("success", agent.rest.get(f"/tasks/{task}")["status"])
        self.assertEqual("Running", agent.rest.power(vm))

    def test_a_damaged_journal_is_repaired(self):
        agent = self.agent()
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        agent.kill()
        with (agent.state / "journal").open("ab") as journal:
            journal.write(b"deadbeef start nothing\n1234")
        agent.start()
        self.assertEqual("Running", agent.rest.power(vm))
        self.assertIn("damaged lines", agent.text())
        agent.rest.action(vm, "hard_shutdown")
        agent.kill()
        agent.start()
        self.assertEqual(1, agent.text().count("damaged lines"))


class Files(AgentCase):
    def test_a_backend_beside_a_vdi_is_dropped_from_an_older_file(self):
        agent = self.agent()
        vdi = str(uuid.uuid4())
        vm = self.define(agent, "older", disks=[{"vdev": "xvda", "vdi": vdi}])
        status, reply = agent.rest.request("POST", f"/hosts/{agent.host_id}/vms", {
            "name": "newer", "type": "pvh", "memory": "64MiB", "kernel": "/k",
            "disks": [{"vdev": "xvda", "vdi": vdi, "backend": "phy"}]})[::2]
        self.assertEqual(422, status, reply)
        self.assertIn("disks[0].backend: excludes vdi; hint: ", reply["error"])
        agent.stop()
        path = agent.state / "vms" / f"{vm}.json"
        older = json.loads(path.read_text())
        older["disks"][0]["backend"] = "qdisk"
        path.write_text(json.dumps(older))
        agent.start()
        self.assertEqual([vm], list(agent.rest.vms()))

    def test_a_damaged_definition_is_set_aside_and_the_others_load(self):
        agent = self.agent()
        good, bad = self.define(agent, "good"), self.define(agent, "bad")
        agent.stop()
        (agent.state / "vms" / f"{bad}.json").write_text('{"uuid": ')
        other = uuid.uuid4()
        shutil.copy(agent.state / "vms" / f"{good}.json", agent.state / "vms" / f"{other}.json")
        check = subprocess.run([*agent.argv[:1], "check", "--state", str(agent.state)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(1, check.returncode)
        self.assertIn("1 definitions are good, 2 are not", check.stdout)
        self.assertTrue((agent.state / "vms" / f"{bad}.json").exists(), "check changes nothing")
        agent.start()
        self.assertEqual([good], list(agent.rest.vms()))
        names = sorted(os.listdir(agent.state / "vms"))
        self.assertEqual({f"{good}.json"}, {n for n in names if n.endswith(".json")})
        self.assertEqual(2, len([n for n in names if ".json.damaged-" in n]), names)
        self.assertIn(bad, agent.text())
        self.assertIn("is not the file's name", agent.text())

    def test_two_agents_on_one_directory(self):
        agent = self.agent()
        second = subprocess.run(
            [*agent.argv, "--socket", str(agent.state / "other.sock")],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertEqual(1, second.returncode)
        self.assertIn(str(agent.state), second.stdout)
        self.assertTrue(agent.rest.alive())

    def test_options_that_make_no_sense(self):
        program = self.fleet.build / "agent/muster-agent"
        for argv, word in ((["fly"], "fly"), (["--hypervisor", "vmware"], "hypervisor"),
                           (["--sim-cpus", "0"], "sim-cpus"), (["run", "now"], "now"),
                           (["enrol", "--name"], "name")):
            run = subprocess.run([program, *argv], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, timeout=60)
            self.assertEqual(2, run.returncode, run.stdout)
            self.assertIn(word, run.stdout)

    def test_options_from_a_file(self):
        agent = self.agent(start=False)
        config = agent.state / "agent.conf"
        config.write_text(f"# comment\nsim-foreign = 3\nname = from-file\n")
        agent.argv += ["--config", str(config)]
        agent.start()
        self.assertEqual(3, len(agent.rest.vms()))
        self.assertEqual("host1", agent.rest.get(f"/hosts/{agent.host_id}")["name_label"],
                         "the command line wins")


class Autostart(AgentCase):
    def test_once_per_boot_in_order(self):
        agent = self.agent("--sim-create", "50ms")
        late = self.define(agent, "late", autostart=True, startOrder=2, startDelay=300)
        early = self.define(agent, "early", autostart=True, startOrder=1)
        never = self.define(agent, "never")
        agent.stop()
        agent.start()
        self.assertEqual("Halted", agent.rest.power(early), "the host has not booted since")
        agent.stop()
        (agent.state / "autostart-boot-id").write_text(str(uuid.uuid4()))
        agent.start()
        for vm in (early, late):
            self.wait_power(agent, vm, "Running")
        self.assertEqual("Halted", agent.rest.power(never))
        self.assertLess(agent.rest.vm(early)["domid"], agent.rest.vm(late)["domid"])
        users = [t["properties"]["userId"] for t in agent.rest.get("/tasks?fields=*")]
        self.assertEqual(["autostart"] * 2, users)


class Faults(AgentCase):
    def test_a_hung_vm_blocks_no_other(self):
        agent = self.agent("--fault", "shutdown@1:hang!")
        hung, other = self.define(agent, "hung"), self.define(agent, "other")
        self.bring(agent, hung, "Running")
        self.bring(agent, other, "Running")
        self.assertEqual(1, agent.rest.vm(hung)["domid"])
        task = agent.rest.action(hung, "clean_shutdown", sync=False)
        agent.rest.action(other, "pause")
        agent.rest.action(other, "unpause")
        agent.rest.action(other, "clean_shutdown")
        self.assertEqual("pending", agent.rest.get(f"/tasks/{task}")["status"])
        # A hard one does not wait for it, though the driver never lets go of the clean one.
        agent.rest.action(hung, "hard_shutdown")
        self.assertEqual("Halted", agent.rest.power(hung))
        self.assertEqual("failure", self.wait_task(agent, task)["status"])

    def test_a_driver_that_never_lets_go_does_not_keep_the_agent_from_stopping(self):
        agent = self.agent("--fault", "shutdown:hang!")
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        task = agent.rest.action(vm, "clean_shutdown", sync=False)
        wait_until("it runs", lambda: agent.rest.vm(vm)["current_operations"])
        self.assertEqual(0, agent.stop())
        agent.start()
        self.assertEqual("failure", self.wait_task(agent, task)["status"])
        self.assertEqual("Running", agent.rest.power(vm))

    def test_a_hung_operation_can_be_aborted(self):
        agent = self.agent("--fault", "shutdown:hang")
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        task = agent.rest.action(vm, "clean_shutdown", sync=False)
        agent.rest.post(f"/tasks/{task}/actions/abort")
        ended = self.wait_task(agent, task)
        self.assertEqual(("failure", "CANCELLED"), (ended["status"], ended["result"]["code"]))
        self.assertEqual("Running", agent.rest.power(vm))
        self.assertEqual(0, agent.stop())

    def test_what_cannot_be_stopped_says_so(self):
        agent = self.agent("--fault", "pause:hang")
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        other = self.define(agent, "other")
        task = agent.rest.action(vm, "pause", sync=False)
        agent.rest.action(other, "start")  # was written down behind it: so that has begun
        status, _, reply = agent.rest.request("POST", f"/tasks/{task}/actions/abort")
        self.assertEqual(409, status, reply)
        self.assertIn("cannot be stopped once it has begun: it goes on to its end; hint: wait", reply["error"])
        self.assertNotIn("abortionRequestedAt", agent.rest.get(f"/tasks/{task}"))
        # What waits behind it can.
        behind = agent.rest.action(vm, "suspend", sync=False)
        self.assertEqual(204, agent.rest.request("POST", f"/tasks/{behind}/actions/abort")[0])
        self.assertEqual("CANCELLED", self.wait_task(agent, behind)["result"]["code"])
        status, _, reply = agent.rest.request("POST", f"/tasks/{behind}/actions/abort")
        self.assertEqual(409, status, reply)
        self.assertIn("the task has ended already: failure", reply["error"])

    def test_a_failed_start_is_told_and_can_be_tried_again(self):
        agent = self.agent("--fault", "create:fail=EXHAUSTED:1")
        vm = self.define(agent)
        self.refused(507, ["fault script"], agent.rest.action, vm, "start")
        self.assertEqual("Halted", agent.rest.power(vm))
        agent.rest.action(vm, "start")

    def test_a_failed_second_step_says_so(self):
        agent = self.agent("--fault", "create:fail:skip=1:1")
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        self.refused(500, ["its destroy worked, but its create failed"], agent.rest.action, vm,
                     "hard_reboot")
        self.assertEqual("Halted", agent.rest.power(vm))

    def test_a_failed_suspend_leaves_the_guest_and_no_file(self):
        agent = self.agent("--fault", "save:fail:1")
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        self.refused(500, ["suspend"], agent.rest.action, vm, "suspend")
        self.assertEqual("Running", agent.rest.power(vm))
        agent.rest.action(vm, "suspend")

    def test_a_queue_has_an_end(self):
        agent = self.agent("--fault", "shutdown:hang")
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        agent.rest.action(vm, "clean_shutdown", sync=False)
        for _ in range(8):
            agent.rest.action(vm, "pause", sync=False)
        self.refused(507, ["wait already"], agent.rest.action, vm, "pause", False)
        agent.rest.action(vm, "hard_shutdown")
        self.assertEqual("Halted", agent.rest.power(vm))

    def test_listing_that_fails_keeps_the_last_list(self):
        agent = self.agent("--fault", "list:fail:skip=1:2", "--sim-foreign", "2")
        self.assertEqual(2, len(agent.rest.vms()))
        self.define(agent)
        self.assertEqual(3, len(agent.rest.vms()))


if __name__ == "__main__":
    unittest.main()
