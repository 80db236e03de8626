# SPDX-License-Identifier: Apache-2.0
"""Devices and live edits of VMs on a simulated host: what the domain has, what is stored, deaths."""

import json
import os
import subprocess
import unittest
import uuid

from tests.integration.test_agent_storage import MIB, StorageCase
from tests.support.fleet import BUILD
from tests.support.rest import wait_until


class DeviceCase(StorageCase):
    def domain(self, agent, vm):
        """What the simulated domain is by now; None when there is none."""
        for path in (agent.state / "sim").iterdir():
            if path.suffix == ".json" and "domains" in (state := json.loads(path.read_text())):
                for domain in state["domains"]:
                    if vm in json.dumps(domain):
                        return domain
        return None

    def has(self, agent, vm, kind):
        """The domain's disks ("vdev") or cards ("device"), once the simulator has written them."""
        config = self.domain(agent, vm)["config"]
        key = {"disks": "vdev", "nics": "device"}[kind]
        return sorted(str(d[key]) for d in config.get(kind, []))

    def stored(self, agent, vm):
        return json.loads((agent.state / "vms" / f"{vm}.json").read_text())

    def of_vm(self, agent, kind, vm):
        """The VM's VBDs or VIFs, by device."""
        owner = {"vbds": "VM", "vifs": "$VM"}[kind]
        return {o["device"]: o for o in agent.rest.get(f"/{kind}?fields=*") if o[owner] == vm}

    def shows(self, agent, vm, kind, devices):
        """The simulator writes its state behind the operation."""
        wait_until(f"the domain has {kind} {devices}",
                   lambda: self.has(agent, vm, kind) == devices)


class Disks(DeviceCase):
    def test_live(self):
        agent = self.agent()
        sr = self.sr(agent)
        first, second = self.vdi(agent, sr, "a"), self.vdi(agent, sr, "b")
        vm = self.with_disk(agent, first)
        self.bring(agent, vm, "Running")
        made = self.call(agent, "vbd.create", vm, VDI=second, mode="RO")["id"]
        vbd = self.of_vm(agent, "vbds", vm)["xvdb"]
        self.assertEqual((made, second, True, True, "1"),
                         (vbd["id"], vbd["VDI"], vbd["attached"], vbd["read_only"],
                          vbd["position"]))
        self.shows(agent, vm, "disks", ["xvda", "xvdb"])
        self.assertEqual({"vdev": "xvdb", "vdi": second, "readonly": True},
                         self.stored(agent, vm)["disks"][1])
        self.assertFalse(agent.rest.vm(vm)["pending"])
        # It is held: nobody else may write it.
        other = self.define(agent, "other", disks=[{"vdev": "xvda", "vdi": second}])
        self.start_fails(agent, other, second)
        # Disconnected: in the definition, not in the domain; over a restart of the agent too.
        self.call(agent, "vbd.disconnect", vm, device="1")
        self.shows(agent, vm, "disks", ["xvda"])
        for _ in range(2):
            self.assertFalse(self.of_vm(agent, "vbds", vm)["xvdb"]["attached"])
            self.assertTrue(agent.rest.vm(vm)["pending"])
            agent.kill()
            agent.start()
        self.call(agent, "vbd.disconnect", vm, device="1")
        self.bring(agent, other, "Running")
        self.fails(agent, ["other"], "vbd.connect", vm, device="xvdb")
        self.assertFalse(self.of_vm(agent, "vbds", vm)["xvdb"]["attached"])
        agent.rest.action(other, "hard_shutdown")
        self.call(agent, "vbd.connect", vm, device="xvdb")
        self.assertTrue(self.of_vm(agent, "vbds", vm)["xvdb"]["attached"])
        self.assertFalse(agent.rest.vm(vm)["pending"])
        self.assertEqual([], os.listdir(agent.state / "built"))
        self.call(agent, "vbd.delete", vm, device="xvdb")
        self.assertEqual(["xvda"], list(self.of_vm(agent, "vbds", vm)))
        self.shows(agent, vm, "disks", ["xvda"])
        self.bring(agent, other, "Running")
        self.assertEqual(0, agent.stop())

    def test_what_is_refused(self):
        agent = self.agent()
        sr = self.sr(agent)
        vdi, spare = self.vdi(agent, sr), self.vdi(agent, sr, "spare")
        vm = self.define(agent, disks=[{"vdev": "xvda", "vdi": vdi}], cmdline="sim.deaf")
        for power in ("Halted", "Running"):
            self.fails(agent, ["VDI", "xvda"], "vbd.create", vm, VDI=vdi)
            self.fails(agent, ["VDI", "repository"], "vbd.create", vm, VDI=str(uuid.uuid4()))
            self.fails(agent, ["userdevice", "taken"], "vbd.create", vm, VDI=spare, userdevice="0")
            self.fails(agent, ["userdevice", "taken"], "vbd.create", vm, VDI=spare,
                       userdevice="sda")
            self.fails(agent, ["userdevice", "range"], "vbd.create", vm, VDI=spare, userdevice="26")
            self.fails(agent, ["VDI", "required"], "vbd.create", vm)
            self.fails(agent, ["device", "xvdq"], "vbd.delete", vm, device="xvdq")
            self.fails(agent, ["no CD drive"], "vbd.insert", vm, device="0", VDI=spare)
            if power == "Halted":
                self.bring(agent, vm, "Running")
        # A guest that does not let go keeps its disk, and the definition stays as it was.
        before = self.stored(agent, vm)
        self.fails(agent, ["does not let go"], "vbd.delete", vm, device="xvda")
        self.assertEqual(before, self.stored(agent, vm))
        self.assertTrue(self.of_vm(agent, "vbds", vm)["xvda"]["attached"])

    def test_cds_of_an_hvm_guest(self):
        agent = self.agent()
        sr = self.sr(agent)
        cd = self.vdi(agent, sr, "cd")
        vm = agent.define(name="win", type="hvm", memory="64MiB")
        self.call(agent, "vbd.create", vm, type="CD", empty=True)
        self.assertEqual([{"vdev": "hdd", "cdrom": True}], self.stored(agent, vm)["disks"])
        self.bring(agent, vm, "Running")
        self.call(agent, "vbd.insert", vm, device="hdd", VDI=cd)
        self.assertEqual(cd, self.of_vm(agent, "vbds", vm)["hdd"]["VDI"])
        self.assertFalse(agent.rest.vm(vm)["pending"])
        agent.rest.action(vm, "hard_reboot")  # built with the CD in: by QEMU, though the SR has it for the kernel
        self.call(agent, "vbd.eject", vm, device="3")
        self.assertIsNone(self.of_vm(agent, "vbds", vm)["hdd"].get("VDI"))
        self.assertFalse(agent.rest.vm(vm)["pending"])
        # A second drive cannot be added while it runs.
        self.call(agent, "vbd.create", vm, type="CD", empty=True)
        self.assertTrue(agent.rest.vm(vm)["pending"])
        self.assertFalse(self.of_vm(agent, "vbds", vm)["hdc"]["attached"])

    def test_killed_before_the_domain_has_it(self):
        agent = self.agent("--fault", "disk-attach:hang!")
        sr = self.sr(agent)
        vdi = self.vdi(agent, sr)
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        task = self.ask(agent, "vbd.create", vm, VDI=vdi)
        wait_until("it is noted", lambda: os.listdir(agent.state / "built"))
        agent.kill()
        agent.argv = agent.argv[:-2]
        agent.start()
        ended = self.wait_task(agent, task)
        self.assertEqual("failure", ended["status"])
        self.assertIn("not done", ended["result"]["message"])
        self.assertEqual({}, self.of_vm(agent, "vbds", vm))
        self.assertFalse(agent.rest.vm(vm)["pending"])
        wait_until("it is plugged", lambda: agent.rest.get(f"/srs/{sr}")["attached"])
        self.call(agent, "vbd.create", vm, VDI=vdi)
        self.assertTrue(self.of_vm(agent, "vbds", vm)["xvda"]["attached"])

    def test_killed_when_the_domain_has_it(self):
        agent = self.agent()
        vdi = self.vdi(agent, self.sr(agent))
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        before = (agent.state / "vms" / f"{vm}.json").read_text()
        task = self.ask(agent, "vbd.create", vm, VDI=vdi)
        self.wait_task(agent, task)
        self.shows(agent, vm, "disks", ["xvda"])
        agent.kill()
        # What a death leaves between the domain's answer and the definition: the note, no end.
        (agent.state / "vms" / f"{vm}.json").rename(agent.state / "built" / f"{vm}.json")
        (agent.state / "vms" / f"{vm}.json").write_text(before)
        journal = agent.state / "journal"
        lines = journal.read_text().splitlines(keepends=True)
        self.assertIn(task, lines[-1])
        journal.write_text("".join(lines[:-1]))
        agent.start()
        ended = self.wait_task(agent, task)
        self.assertEqual("failure", ended["status"])
        self.assertIn("the domain has disk xvda", ended["result"]["message"])
        self.assertTrue(agent.rest.vm(vm)["pending"])
        # It is known which VDI that is: it stays held until it is taken out.
        self.start_fails(agent, self.define(agent, "o", disks=[{"vdev": "xvda", "vdi": vdi}]), vdi)
        self.call(agent, "vbd.delete", vm, device="xvda")
        self.shows(agent, vm, "disks", [])
        self.assertFalse(agent.rest.vm(vm)["pending"])
        self.call(agent, "vbd.create", vm, VDI=vdi)


class Cards(DeviceCase):
    def test_live(self):
        agent = self.agent()
        vm = self.define(agent, nics=[{"bridge": "xenbr0"}])
        mac = self.of_vm(agent, "vifs", vm)["0"]["MAC"]
        self.bring(agent, vm, "Running")
        made = self.call(agent, "vif.create", vm, bridge="xenbr1", MTU=1400, rateLimit=500)["id"]
        vif = self.of_vm(agent, "vifs", vm)["1"]
        self.assertEqual((made, 1400, 500, True), (vif["id"], vif["MTU"], vif["rateLimit"],
                                                   vif["attached"]))
        self.shows(agent, vm, "nics", ["0", "1"])
        self.call(agent, "vif.edit", vm, device="1", rateLimit=900)
        self.assertEqual(900, self.of_vm(agent, "vifs", vm)["1"]["rateLimit"])
        wait_until("the domain has the rate",
                   lambda: "900000" in json.dumps(self.domain(agent, vm)))
        # The first one goes, and the second keeps number and address.
        self.call(agent, "vif.disconnect", vm, device="0")
        self.shows(agent, vm, "nics", ["1"])
        agent.kill()
        agent.start()
        vifs = self.of_vm(agent, "vifs", vm)
        self.assertEqual((False, mac, True, vif["MAC"]),
                         (vifs["0"]["attached"], vifs["0"]["MAC"], vifs["1"]["attached"],
                          vifs["1"]["MAC"]))
        self.call(agent, "vif.connect", vm, device="0")
        self.assertFalse(agent.rest.vm(vm)["pending"])
        self.call(agent, "vif.delete", vm, device="0")
        self.assertEqual(["1"], list(self.of_vm(agent, "vifs", vm)))
        agent.rest.action(vm, "hard_reboot")
        self.shows(agent, vm, "nics", ["1"])
        self.assertEqual(vif["MAC"], self.of_vm(agent, "vifs", vm)["1"]["MAC"])

    def test_what_is_refused(self):
        agent = self.agent()
        vm = self.define(agent, nics=[{"bridge": "xenbr0", "mac": "00:16:3e:00:00:07"}])
        other = self.define(agent, "other")
        self.refused(409, ["MAC", "web"], lambda: self.ask(agent, "vif.create", other, bridge="b",
                                                           MAC="00:16:3E:00:00:07"))
        self.fails(agent, ["MAC"], "vif.create", other, bridge="b", MAC="01:16:3e:00:00:07")
        self.fails(agent, ["networkId"], "vif.create", other, networkId=str(uuid.uuid4()))
        self.fails(agent, ["device", "taken"], "vif.create", vm, bridge="b", device="0")
        self.fails(agent, ["device"], "vif.create", vm, bridge="b", device="x")
        self.fails(agent, ["device"], "vif.delete", vm, device="3")

    def test_a_definition_that_is_replaced_meanwhile(self):
        agent = self.agent("--fault", "nic-attach:delay=1500")
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        task = self.ask(agent, "vif.create", vm, bridge="b")
        wait_until("it runs", lambda: agent.rest.vm(vm)["current_operations"])
        self.define(agent, uuid=vm, description="replaced")
        ended = self.wait_task(agent, task)
        self.assertIn("replaced meanwhile", ended["result"]["message"])
        self.assertEqual(("replaced", None), (self.stored(agent, vm)["description"],
                                              self.stored(agent, vm).get("nics")))
        self.assertTrue(agent.rest.vm(vm)["pending"])
        self.call(agent, "vif.delete", vm, device="0")
        self.assertFalse(agent.rest.vm(vm)["pending"])

    def test_killed_in_the_middle(self):
        agent = self.agent("--fault", "nic-attach:hang!")
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        task = self.ask(agent, "vif.create", vm, bridge="b", device="3")
        wait_until("it runs", lambda: agent.rest.vm(vm)["current_operations"])
        agent.kill()
        agent.argv = agent.argv[:-2]
        agent.start()
        # On a slow disk the kill comes before the journal has that it began.
        self.assertRegex(self.wait_task(agent, task)["result"]["message"], "not done|had not begun")
        self.assertEqual({}, self.of_vm(agent, "vifs", vm))


class Passed(DeviceCase):
    def test_a_pci_device_is_given_up_and_taken_back(self):
        agent = self.agent()
        host = self.host_id(agent)

        def of(address):
            return next(p for p in agent.rest.get("/pcis?fields=*") if p["pci_id"] == address)

        self.call(agent, "pci.assign", host, address="0000:05:00.0")
        wait_until("it is assignable", lambda: of("0000:05:00.0")["assignable"])
        vm = self.define(agent, type="pv")
        agent.rest.action(vm, "start")
        self.call(agent, "pci.attach", vm, address="0000:05:00.0")
        self.assertEqual(["0000:05:00.0"], agent.rest.get(f"/vms/{vm}")["attachedPcis"])
        self.fails(agent, ["0000:05:00.0"], "pci.release", host, address="0000:05:00.0")
        self.call(agent, "pci.detach", vm, address="0000:05:00.0")
        self.call(agent, "pci.release", host, address="0000:05:00.0")
        wait_until("dom0 has it", lambda: not of("0000:05:00.0")["assignable"])
        self.assertEqual(0, agent.stop())

    def test_pci_and_usb(self):
        agent = self.agent()
        vm = agent.define(name="hv", type="hvm", memory="64MiB")
        self.call(agent, "pci.attach", vm, address="07:00.0")
        self.assertEqual([{"address": "0000:07:00.0"}], self.stored(agent, vm)["pci"])
        self.fails(agent, ["address", "already"], "pci.attach", vm, address="0000:07:00.0")
        self.call(agent, "pci.detach", vm, address="07:00.0")
        self.fails(agent, ["address"], "pci.detach", vm, address="07:00.0")
        self.bring(agent, vm, "Running")
        self.call(agent, "usb.attach", vm, device="1.3")
        self.assertEqual([{"bus": 1, "address": 3}], self.stored(agent, vm)["usbDevices"])
        self.fails(agent, ["device", "BUS.ADDRESS"], "usb.detach", vm, device="stick")
        self.call(agent, "usb.detach", vm, device="1.3")
        self.assertNotIn("usbDevices", self.stored(agent, vm))


class Edits(DeviceCase):
    def test_live(self):
        agent = self.agent()
        vm = self.define(agent, vcpus=1, vcpusMax=4, memoryMax="128MiB")
        self.bring(agent, vm, "Running")
        answer = agent.rest.patch(f"/vms/{vm}", {
            "cpus": 3, "memory": "96MiB", "cpuWeight": 512, "cpuCap": 50, "cpuMask": "0-1",
            "cpuMaskSoft": "1"})
        self.assertEqual({"applied": ["cpus", "memory", "cpuWeight", "cpuCap", "cpuMask", "cpuMaskSoft"],
                          "pending": []}, answer)
        wait_until("the domain has it all", lambda: all(
            self.domain(agent, vm).get(key) == value for key, value in
            {"weight": 512, "cap": 50, "cpus_hard": "0-1", "cpus_soft": "1"}.items()))
        self.assertEqual([1], agent.rest.vm(vm)["cpuMaskSoft"])
        self.assertEqual("1", self.stored(agent, vm)["cpusSoft"])
        self.assertEqual({"number": 3, "max": 4}, agent.rest.vm(vm)["CPUs"])
        self.assertEqual(96 * MIB, agent.rest.vm(vm)["memory"]["size"])
        self.assertFalse(agent.rest.vm(vm)["pending"])
        # Above what it was started with: at its next start.
        answer = agent.rest.patch(f"/vms/{vm}", {"cpus": 8, "cpuCap": None})
        self.assertEqual({"applied": ["cpuCap"], "pending": ["cpus"]}, answer)
        agent.kill()
        agent.start()
        self.assertTrue(agent.rest.vm(vm)["pending"])
        self.assertEqual({"number": 3, "max": 4}, agent.rest.vm(vm)["CPUs"])
        agent.rest.action(vm, "hard_reboot")
        self.assertFalse(agent.rest.vm(vm)["pending"])
        self.assertEqual({"number": 8, "max": 8}, agent.rest.vm(vm)["CPUs"])

    def test_the_domain_refuses(self):
        agent = self.agent("--fault", "set-memory:fail=EXHAUSTED")
        vm = self.define(agent, vcpus=1, vcpusMax=4, memoryMax="128MiB")
        self.bring(agent, vm, "Running")
        before = self.stored(agent, vm)
        self.refused(507, [], agent.rest.patch, f"/vms/{vm}", {"cpus": 2, "memory": "96MiB"})
        self.assertEqual(before, self.stored(agent, vm))
        # What it has got before it refused is not what is defined.
        self.assertTrue(agent.rest.vm(vm)["pending"])
        self.assertEqual(2, agent.rest.vm(vm)["CPUs"]["number"])

    def test_fields(self):
        agent = self.agent()
        vm = agent.define(name="win", type="hvm", memory="64MiB")
        agent.rest.patch(f"/vms/{vm}", {"coresPerSocket": 1, "memoryMin": "32MiB", "nestedVirt": True,
                                        "viridian": True, "vga": "cirrus", "videoram": 8,
                                        "xenStoreData": {"role": "db", "vm-data/x": "1"}})
        agent.rest.patch(f"/vms/{vm}", {"xenStoreData": {"x": None}})
        stored = self.stored(agent, vm)
        self.assertEqual((1, 32 * MIB, True, True, "cirrus", 8 * MIB, {"vm-data/role": "db"}),
                         tuple(stored[key] for key in ("coresPerSocket", "memoryMin", "nested",
                                                       "viridian", "vga", "videoMemory",
                                                       "xenstore")))
        self.refused(501, ["nicType", "model"], agent.rest.patch, f"/vms/{vm}", {"nicType": "x"})
        self.refused(422, ["memoryMax"], agent.rest.patch, f"/vms/{vm}",
                     {"memory": "64MiB", "memoryMax": "64MiB"})


class Words(DeviceCase):
    def muster(self, agent, *words):
        return subprocess.run([BUILD / "aggregator/cli/muster", "--socket", agent.socket, *words],
                              capture_output=True, text=True, timeout=60)

    def test_by_hand(self):
        agent = self.agent()
        vdi = self.vdi(agent, self.sr(agent))
        vm = self.define(agent)
        self.bring(agent, vm, "Running")
        for words in (["vbd", "attach", "web", f"VDI={vdi}", "userdevice=2"],
                      ["vbd", "disconnect", "web", "xvdc"], ["vbd", "connect", "web", "2"],
                      ["vif", "attach", "web", "bridge=b"], ["vif", "edit", "web", "0", "rateLimit=5"],
                      ["vif", "disconnect", "web", "0"], ["vif", "connect", "web", "0"]):
            done = self.muster(agent, *words)
            self.assertEqual(0, done.returncode, (words, done))
        self.assertEqual(["xvdc"], list(self.of_vm(agent, "vbds", vm)))
        self.assertEqual(5, self.of_vm(agent, "vifs", vm)["0"]["rateLimit"])
        self.assertEqual(0, self.muster(agent, "vbd", "detach", "web", "xvdc").returncode)
        self.assertEqual(0, self.muster(agent, "vif", "detach", "web", "0").returncode)
        self.assertEqual(2, self.muster(agent, "vbd", "insert", "web", "0").returncode)
        failed = self.muster(agent, "vbd", "eject", "web", "0")
        self.assertIn("has no disk", failed.stderr)


if __name__ == "__main__":
    unittest.main()
