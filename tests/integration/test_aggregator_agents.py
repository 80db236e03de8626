# SPDX-License-Identifier: Apache-2.0
"""The real agent, on simulated hosts, against the real aggregator: cut lines and crashes."""

import os
import pathlib
import tempfile
import threading
import unittest

from tests.support.fleet import Fleet
from tests.support.rest import Proxy, wait_until

CUT_S = float(os.environ.get("MUSTER_CUT_SECONDS", "12"))  # more than two samples


class Agents(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="muster-agents-")
        self.addCleanup(folder.cleanup)
        self.fleet = Fleet(pathlib.Path(folder.name))
        self.addCleanup(self.fleet.__exit__)
        self.proxy = Proxy(("127.0.0.1", self.fleet.fleet_port))
        self.addCleanup(self.proxy.close)
        self.fleet.start_aggregator("--fleet-name", f"127.0.0.1:{self.proxy.port}")
        self.rest = self.fleet.rest
        self.agent = self.fleet.add_agent("sim1")
        self.fleet.wait_connected(1)

    def define(self, n):
        vms = [self.agent.define(name=f"v{i}", type="pvh", vcpus=1, memory="64MiB",
                                 kernel="/sim/vmlinuz") for i in range(n)]
        wait_until("the aggregator knows them", lambda: set(self.rest.vms()) == set(vms))
        return vms

    @staticmethod
    def states(rest):
        return {vm["id"]: (vm["power_state"], vm["name_label"]) for vm in rest.vms().values()}

    def wait_equal(self):
        wait_until("the aggregator equals the host",
                   lambda: self.states(self.rest) == self.states(self.agent.rest))

    def test_disks_and_cards_read_the_same_at_both(self):
        vm = self.agent.define(
            name="web", type="pvh", memory="64MiB", kernel="/sim/vmlinuz",
            disks=[{"vdev": "xvda", "path": "/etc/hostname", "format": "raw", "readonly": True}],
            nics=[{"bridge": "xenbr0"}])
        wait_until("the aggregator knows it", lambda: vm in self.rest.vms())
        self.rest.action(vm, "start")
        wait_until("its disk is attached",
                   lambda: self.rest.get(f"/vbds?fields=attached&filter=VM:{vm}")[0]["attached"])

        def parts(rest):
            return [[{k: v for k, v in o.items() if k not in ("$pool", "$poolId")}
                     for o in rest.get(f"/{c}?fields=*")] for c in ("vbds", "vifs")]
        here, there = parts(self.rest), parts(self.agent.rest)
        self.assertEqual(there, here)
        (disk,), (card,) = here
        self.assertEqual((vm, "xvda", True, True),
                         (disk["VM"], disk["device"], disk["read_only"], disk["attached"]))
        self.assertRegex(card["MAC"], "^00:16:3e:")
        self.assertEqual([card["id"]], self.agent.rest.vm(vm)["VIFs"])

    def test_cut_line(self):
        """10 VMs change while the line is cut: nothing is missing afterwards, nothing ran twice."""
        vms = self.define(10)
        for vm in vms:
            self.rest.action(vm, "start")
        self.proxy.cut()
        self.fleet.wait_connected(0)
        self.assertEqual({"Unknown"}, {vm["power_state"] for vm in self.rest.vms().values()})
        for vm in vms[:5]:
            self.agent.rest.action(vm, "pause")
        for vm in vms[5:]:
            self.agent.rest.action(vm, "hard_shutdown")
        self.assertEqual(503, self.rest.request("POST", f"/vms/{vms[0]}/actions/unpause")[0])
        threading.Event().wait(CUT_S)  # the length of the cut, not a wait for anything
        self.proxy.mend()
        self.fleet.wait_connected(1)
        self.wait_equal()
        self.assertEqual({"Paused", "Halted"},
                         {vm["power_state"] for vm in self.rest.vms().values()})
        enough = CUT_S / 5 + 2

        def samples():
            found = self.rest.get(f"/hosts/{self.agent.host_id}/stats?start=-660"
                                  "&series=running_domains")["series"]["running_domains"]["values"]
            known = [i for i, v in enumerate(found) if v is not None]
            return found[known[0]:] if len(known) >= enough else None
        found = wait_until("the samples of the cut arrive", samples)
        self.assertNotIn(None, found)

    def test_aggregator_killed_during_operations(self):
        """kill -9 between asking and the end: every task that was answered ends, once, truly."""
        vms = self.define(6)
        for round_, verb in enumerate(("start", "pause", "unpause", "hard_shutdown")):
            tasks = [self.rest.action(vm, verb, sync=False) for vm in vms]
            self.fleet.aggregator.kill()
            self.fleet.restart_aggregator()
            self.fleet.wait_connected(1)
            for task in tasks:
                self.assertEqual("success", self.rest.task(task)["status"], (round_, verb))
            self.wait_equal()
        self.assertEqual({"Halted"}, {vm["power_state"] for vm in self.rest.vms().values()})

    def test_agent_killed_during_operations(self):
        """kill -9 of the agent: the task ends as success or as a truthful failure."""
        vms = self.define(4)
        for vm in vms:
            self.rest.action(vm, "start")
        tasks = [self.rest.action(vm, "pause", sync=False) for vm in vms]
        self.agent.kill()
        self.fleet.wait_connected(0)
        self.agent.start()
        self.fleet.wait_connected(1)
        for task in tasks:
            self.assertIn(self.rest.task(task)["status"], ("success", "failure", "interrupted"))
        self.wait_equal()

    def test_definitions_through_the_aggregator(self):
        vm = "0b5e0c4e-0000-4000-8000-00000000abcd"
        definition = {"uuid": vm, "name": "far", "type": "pvh", "vcpus": 1, "memory": "64MiB",
                      "kernel": "/sim/vmlinuz"}
        host = self.agent.host_id
        self.assertEqual(vm, self.rest.post(f"/hosts/{host}/vms", definition)["id"])
        wait_until("it is in the list", lambda: vm in self.rest.vms())
        status, _, reply = self.rest.request("POST", f"/hosts/{host}/vms", {"name": "x"})
        self.assertIn(status, (400, 422), reply)
        self.rest.delete(f"/vms/{vm}")
        wait_until("it is gone", lambda: vm not in self.rest.vms())
        audit = [(r["action"], r["result"]) for r in self.rest.get("/audit")]
        self.assertIn(("vm.define", "success"), audit)
        self.assertIn(("vm.delete", "success"), audit)
        self.agent.kill()
        self.fleet.wait_connected(0)
        self.assertEqual(503, self.rest.request("POST", f"/hosts/{host}/vms", definition)[0])


if __name__ == "__main__":
    unittest.main()
