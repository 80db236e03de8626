# SPDX-License-Identifier: Apache-2.0
"""Networks and PCI devices of simulated hosts: shown, made and deleted, on one host and on all of a pool."""

import json
import unittest

from tests.integration.aggregator_case import AggregatorCase
from tests.integration.test_agent_admin import AgentCase
from tests.support.rest import RestError, wait_until


def by(rest, collection, field):
    return {o[field]: o for o in rest.get(f"/{collection}?fields=*")}


class NetworkCase(AgentCase):
    def host_agent(self, *options, **more):
        agent = self.agent("--sim-seed", "5", *options, **more)
        self.settled(agent)
        return agent

    def settled(self, agent):
        wait_until("the networks are read", lambda: "xenbr1" in by(agent.rest, "networks", "bridge"))

    def call(self, agent, method, **arguments):
        return agent.rest.post("/calls?sync=true", {"method": method, "objectId": agent.host_id, "arguments": arguments})


class Shown(NetworkCase):
    def test_a_model_of_its_own(self):
        agents = [self.host_agent(name=name) for name in ("a", "b")]
        agents.append(self.agent("--sim-seed", "6", name="c"))
        self.settled(agents[2])

        def shape(agent):
            return [[p[k] for k in ("device", "mac", "ip", "netmask", "gateway", "speed", "mtu", "mode", "management")]
                    for p in agent.rest.get("/pifs?fields=*")]
        same, again, other = map(shape, agents)
        self.assertEqual(same, again)
        self.assertNotEqual(same, other)
        pifs = by(agents[0].rest, "pifs", "device")
        networks = by(agents[0].rest, "networks", "bridge")
        self.assertEqual([True] + [False] * (len(pifs) - 1), [p["management"] for p in pifs.values()])
        self.assertEqual("Static", pifs["eth0"]["mode"])
        for bridge, device in (("xenbr0", "eth0"), ("xenbr1", "eth1")):
            self.assertEqual([pifs[device]["id"]], networks[bridge]["PIFs"])
            self.assertFalse(networks[bridge]["managed"])
        theirs = by(agents[2].rest, "networks", "bridge")
        self.assertEqual(networks["xenbr0"]["id"], theirs["xenbr0"]["id"])
        self.assertEqual(len(pifs), len({p["mac"] for p in pifs.values()}))

    def test_pci_devices_of_the_model(self):
        agent = self.host_agent()
        pcis = by(agent.rest, "pcis", "pci_id")
        self.assertEqual(("ixgbe", False), (pcis["0000:03:00.1"]["driver"], pcis["0000:03:00.1"]["assignable"]))
        self.assertEqual({agent.host_id}, {p["$host"] for p in pcis.values()})

    def test_who_has_a_pci_device(self):
        agent = self.host_agent()
        vm = self.define(agent)
        agent.rest.action(vm, "start")
        domid = agent.rest.vm(vm)["domid"]
        self.assertEqual(0, agent.stop())
        state = agent.state / "sim/sim-host.json"
        host = json.loads(state.read_text())
        next(p for p in host["devices"]["pci"] if p["address"] == "0000:05:00.0").update(assignable=True, domid=domid)
        state.write_text(json.dumps(host))
        agent.start()
        device = by(agent.rest, "pcis", "pci_id")["0000:05:00.0"]
        self.assertEqual((vm, True, "pciback"), tuple(device[k] for k in ("$VM", "assignable", "driver")))
        self.assertEqual([device["pci_id"]], agent.rest.vm(vm)["attachedPcis"])
        agent.rest.action(vm, "hard_shutdown")
        wait_until("nobody has it", lambda: "$VM" not in by(agent.rest, "pcis", "pci_id")["0000:05:00.0"])

    def test_pci_devices_out_of_a_tree(self):
        card = self.fleet.folder / "sys/bus/pci/devices/0000:03:00.0"
        card.mkdir(parents=True)
        for name, text in {"class": "0x020000", "vendor": "0x8086", "device": "0x10d3"}.items():
            (card / name).write_text(text + "\n")
        agent = self.agent("--sim-sysfs", str(self.fleet.folder / "sys"))
        wait_until("the device is seen", lambda: list(by(agent.rest, "pcis", "pci_id")) == ["0000:03:00.0"])


class Making(NetworkCase):
    def test_made_used_kept_and_deleted(self):
        agent = self.host_agent()
        made = self.call(agent, "network.create", name="lab", pif="eth0", vlan=7, description="for tests")
        network = agent.rest.get(f"/networks/{made['id']}")
        self.assertEqual(("lab", "for tests", "lab", True), tuple(
            network[k] for k in ("name_label", "name_description", "bridge", "managed")))
        vlan = by(agent.rest, "pifs", "device")["eth0.7"]
        self.assertEqual((7, network["PIFs"]), (vlan["vlan"], [vlan["id"]]))
        self.assertEqual(0, agent.stop())
        agent.start()
        self.settled(agent)
        self.assertEqual("lab", agent.rest.get(f"/networks/{made['id']}")["name_label"])
        vm = self.define(agent, nics=[{"bridge": "lab"}])
        agent.rest.action(vm, "start")
        self.refused(409, ["lab"], agent.rest.delete, f"/networks/{made['id']}")
        agent.rest.action(vm, "hard_shutdown")
        agent.rest.delete(f"/networks/{made['id']}")
        self.assertEqual({"xenbr0", "xenbr1"}, set(by(agent.rest, "networks", "bridge")))
        self.assertNotIn("eth0.7", by(agent.rest, "pifs", "device"))

    def test_refused(self):
        agent = self.host_agent()
        networks = by(agent.rest, "networks", "bridge")
        for status, words, arguments in ((409, ["xenbr0"], {"name": "x", "pif": "eth0"}),
                                         (404, ["eth9"], {"name": "x", "pif": "eth9"}),
                                         (409, ["xenbr0"], {"name": "x", "bridge": "xenbr0"}),
                                         (422, ["vlan"], {"name": "x", "pif": "eth0", "vlan": 4095}),
                                         (422, ["name"], {"pif": "eth0"})):
            with self.subTest(arguments):
                self.refused(status, words, lambda a=arguments: self.call(agent, "network.create", **a))
        self.refused(403, ["xenbr0"], agent.rest.delete, f"/networks/{networks['xenbr0']['id']}")
        self.assertEqual(networks, by(agent.rest, "networks", "bridge"))

    def test_after_a_crash_the_records_tell(self):
        agent = self.host_agent()
        for name, status in (("kept", "success"), ("lost", "failure")):
            task = agent.rest.post("/calls", {"method": "network.create", "objectId": agent.host_id,
                                              "arguments": {"name": name}})["taskId"]
            made = self.wait_task(agent, task)["result"]
            agent.kill()
            self.take_result_out(agent, task)
            if name == "lost":
                (agent.state / "sim/networks/lost.json").unlink()
            agent.start()
            ended = self.wait_task(agent, task)
            self.assertEqual(status, ended["status"], ended)
            if name == "kept":
                self.assertEqual(made, ended["result"])
            else:
                self.assertIn("was not made", ended["result"]["message"])

    @staticmethod
    def take_result_out(agent, task):
        """As if the crash had come before it."""
        journal = agent.state / "journal"
        lines = journal.read_text().splitlines(keepends=True)
        journal.write_text("".join(line for line in lines if f" done {task} " not in line))


class Pool(AggregatorCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Of two, three and four cards.
        cls.agents = [cls.fleet.add_agent(f"sim{n}", "--sim-seed", str(seed)) for n, seed in enumerate((3, 4, 6))]

    def setUp(self):
        self.fleet.wait_connected(3)
        wait_until("their cards are known", lambda: 9 == sum(
            p["physical"] for p in self.rest.get("/pifs?fields=*")))
        self.pool = self.rest.get("/pools?fields=id")[0]["id"]
        self.pif = next(p for p in self.rest.get("/pifs?fields=*") if p["device"] == "eth0")["id"]

    def hosts_of(self, bridge):
        return {a.host_id for a in self.agents if bridge in by(a.rest, "networks", "bridge")}

    def create(self, query="", **body):
        return self.rest.post(f"/pools/{self.pool}/actions/create_network{query}", {"pif": self.pif, **body})

    def test_on_all_hosts(self):
        answer = self.create(name="lab", vlan=7)
        self.assertEqual({a.host_id for a in self.agents}, {t["id"] for t in answer["tasks"]})
        for entry in answer["tasks"]:
            self.assertEqual("success", self.rest.task(entry["taskId"])["status"])
        self.assertEqual(3, len(self.hosts_of("lab")))
        network = wait_until("it is seen", lambda: by(self.rest, "networks", "bridge").get("lab"))
        wait_until("on all", lambda: len(self.rest.get(f"/networks/{network['id']}")["PIFs"]) == 3)
        self.rest.delete(f"/networks/{network['id']}")
        self.assertEqual(set(), self.hosts_of("lab"))
        deletions = [r["result"] for r in self.rest.get("/audit") if r["action"] == "network.delete"]
        self.assertEqual(3, deletions[:6].count("success"))

    def test_on_some_and_then_on_the_others(self):
        first = self.agents[0].host_id
        network = self.create("?sync=true", name="lab", vlan=7, hosts=[first])["id"]
        self.assertEqual({first}, self.hosts_of("lab"))
        with self.assertRaises(RestError) as caught:
            self.create("?sync=true", name="lab", vlan=7)
        self.assertEqual(409, caught.exception.status)
        self.assertIn("1 of 3 hosts failed: host sim0", json.dumps(caught.exception.body))
        tasks = caught.exception.body["data"]["tasks"]
        self.assertEqual([first], [t["id"] for t in tasks if "error" in t])
        self.assertEqual(3, len(self.hosts_of("lab")))
        wait_until("all have it", lambda: len(self.rest.get(f"/networks/{network}")["PIFs"]) == 3)
        self.agents[1].stop()
        self.fleet.wait_connected(2)
        self.rest.delete(f"/networks/{network}")
        self.assertEqual(200, self.rest.request("GET", f"/networks/{network}")[0], "the one that is away has it")
        self.agents[1].start()

    def test_an_internal_network(self):
        network = self.rest.post(f"/pools/{self.pool}/actions/create_internal_network?sync=true", {"name": "inside"})["id"]
        self.assertEqual(3, len(self.hosts_of("inside")))
        wait_until("it is seen", lambda: self.rest.request("GET", f"/networks/{network}")[0] == 200)
        self.assertEqual([], self.rest.get(f"/networks/{network}")["PIFs"])

    def test_an_answer_for_each_host(self):
        pif = by(self.rest, "pifs", "device")["eth2"]
        has = {p["$host"] for p in self.rest.get("/pifs?fields=*") if p["device"] == "eth2"}
        self.assertEqual({a.host_id for a in self.agents[1:]}, has)
        answer = self.create(name="spare", pif=pif["id"])
        for entry in answer["tasks"]:
            task = self.rest.task(entry["taskId"])
            self.assertEqual("success" if entry["id"] in has else "failure", task["status"])
            self.assertIn("spare" if task["status"] == "success" else "NOT_FOUND", json.dumps([task, "spare"]))
        self.assertEqual(has, self.hosts_of("spare"))


if __name__ == "__main__":
    unittest.main()
