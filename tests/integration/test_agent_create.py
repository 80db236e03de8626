# SPDX-License-Identifier: Apache-2.0
"""VMs made of templates and definitions, with disks and cloud-init data, on a simulated host."""

import json
import pathlib
import subprocess
import unittest
import uuid

from tests.integration.test_agent_snapshots import SnapshotCase
from tests.integration.test_agent_storage import MIB
from tests.support.rest import wait_until

PVH = {"type": "pvh", "kernel": "/sim/vmlinuz", "memory": "64MiB"}


class Create(SnapshotCase):
    def setUp(self):
        super().setUp()
        self.on = self.host_id(self.host)

    def create(self, **arguments):
        return self.call(self.host, "vm.create", self.on, **arguments)["id"]

    def template(self):
        self.write(self.root, "golden")
        self.call(self.host, "vm.to_template", self.vm)
        return self.vm

    def test_of_a_template(self):
        template = self.template()
        vm = self.create(name_label="web7", template=template, cpus=2, memory="128MiB",
                         tags=["new"], vdis=[{"userdevice": "0", "size": 8 * MIB, "name_label": "big"},
                                             {"userdevice": "xvdc", "destroy": True},
                                             {"size": "2MiB", "name_label": "scratch"}])
        seen = self.host.rest.vm(vm)
        self.assertEqual(("web7", {"number": 2, "max": 2}, ["new"], "Halted"),
                         (seen["name_label"], seen["CPUs"], seen["tags"], seen["power_state"]))
        disks = self.disks(vm)
        vdis = self.vdis(self.host)
        self.assertEqual({"xvda": ("big", 8 * MIB), "xvdb": ("scratch", 2 * MIB)},
                         {d: (vdis[v]["name_label"], vdis[v]["size"]) for d, v in disks.items()})
        self.assertEqual("golden", self.reads(disks["xvda"]))
        self.host.rest.action(vm, "start")
        self.assertEqual("Running", self.host.rest.power(vm))
        self.assertEqual(0, self.host.stop())

    def test_of_a_definition_and_started(self):
        vm = self.create(name_label="db", definition=PVH, vdis=[{"size": "4MiB"}],
                         vifs=[{"bridge": "xenbr0"}, {"bridge": "xenbr1", "mac": "00:16:3e:aa:bb:cc"}],
                         boot=True)
        wait_until("it runs", lambda: self.host.rest.power(vm) == "Running")
        vifs = [v for v in self.host.rest.get("/vifs?fields=*") if v["$VM"] == vm]
        self.assertEqual({"0", "1"}, {v["device"] for v in vifs})
        self.assertIn("00:16:3e:aa:bb:cc", {v["MAC"] for v in vifs})
        self.assertEqual(0, self.host.stop())

    def test_cloud_init_data_becomes_a_seed(self):
        vm = self.create(name_label="cloudy", template=self.template(), srId=self.sr_id,
                         cloud_config="#cloud-config\nhostname: cloudy\n",
                         network_config="version: 2\n")
        disks = self.disks(vm)
        self.assertEqual({"xvda", "xvdb", "xvdc"}, set(disks))
        seed = self.file_of_any_size(disks["xvdb"])
        listed = subprocess.run(["isoinfo", "-R", "-f", "-i", str(seed)], capture_output=True, text=True, check=True).stdout
        self.assertEqual({"/meta-data", "/network-config", "/user-data"}, set(listed.split()))
        text = subprocess.run(["isoinfo", "-R", "-i", str(seed), "-x", "/user-data"], capture_output=True, text=True, check=True).stdout
        self.assertEqual("#cloud-config\nhostname: cloudy\n", text)
        label = subprocess.run(["isoinfo", "-d", "-i", str(seed)], capture_output=True, text=True, check=True).stdout
        self.assertIn("Volume id: cidata", label)
        self.assertEqual([], list(self.host.state.glob("seed-*")))
        self.assertEqual(0, self.host.stop())

    def file_of_any_size(self, vdi):
        """The data of a small VDI: the largest file that has its id in its name."""
        return max(pathlib.Path(self.folder()).rglob(f"*{vdi}*"), key=lambda p: p.stat().st_size)

    def test_what_is_refused_leaves_nothing(self):
        template = self.template()
        before = self.files()
        for words, arguments in (
                (["template", "required"], {}),
                (["no such template"], {"template": str(uuid.uuid4())}),
                (["not together"], {"template": template, "definition": PVH}),
                (["id", "already"], {"template": template, "id": template}),
                (["unknown field"], {"definition": {**PVH, "colour": "red"}}),
                (["vdis[0].size", "required"], {"definition": PVH, "vdis": [{}]}),
                (["vdis[0].size", "more than 0"], {"definition": PVH, "vdis": [{"size": 0}]}),
                (["vdis[0].size", "not a size"], {"definition": PVH, "vdis": [{"size": "big"}]}),
                (["vdis[0].sr", "not a UUID"], {"definition": PVH, "vdis": [{"size": 1, "sr": "x"}]}),
                (["vdis[0].colour"], {"definition": PVH, "vdis": [{"size": 1, "colour": 1}]}),
                (["vdis[0].userdevice"], {"template": template, "vdis": [{"userdevice": "7", "destroy": True}]}),
                (["disk x xvda"], {"definition": PVH, "vdis": [{"size": 1 << 50}]}),
                (["vifs[0].network"], {"definition": PVH, "vifs": [{"network": str(uuid.uuid4())}]}),
                (["vifs[0].device"], {"definition": PVH, "vifs": [{"device": "3"}]}),
                (["secureBoot"], {"definition": PVH, "secureBoot": True}),
                (["install"], {"definition": PVH, "install": {"method": "network"}}),
                (["mac"], {"definition": PVH, "vifs": [{"mac": "00:16:3e:00:00:01"}, {"mac": "00:16:3e:00:00:01"}]})):
            with self.subTest(words=words):
                self.fails(self.host, words, "vm.create", self.on, name_label="x", **arguments)
        self.refused(422, ["name_label", "control character"], lambda: self.ask(
            self.host, "vm.create", self.on, name_label="a\u0007b", definition=PVH))
        for name in ("a/b", "17"):
            self.fails(self.host, ["name"], "vm.create", self.on, name_label=name, definition=PVH)
        self.assertEqual(before, self.files())
        self.assertEqual([], self.host.rest.get("/vms"))
        self.assertEqual(0, self.host.stop())

    def test_a_mac_of_another_vm_is_refused_however_it_comes(self):
        mac = "00:16:3e:00:00:07"
        one = self.define(self.host, "one", nics=[{"bridge": "xenbr0", "mac": mac}])
        card = {"bridge": "xenbr0", "mac": mac.upper()}
        xl = f'name="x"\ntype="pvh"\nkernel="/sim/k"\nmemory=64\nvif=["mac={mac},bridge=xenbr0"]\n'
        self.fails(self.host, ["nics[0]", mac, '"one"'], "vm.import", self.on, text=xl)
        self.fails(self.host, ["nics[0]", '"one"'], "vm.create", self.on, name_label="x",
                   definition={**PVH, "nics": [card]})
        host = self.host_id(self.host)
        for path, body in ((f"/hosts/{host}/vms", {**PVH, "name": "x", "nics": [card]}),
                           ("/calls", {"method": "vm.create", "objectId": host, "arguments": {
                               "name_label": "x", "definition": PVH, "vifs": [card]}})):
            status, _, refusal = self.host.rest.request("POST", path, body)
            self.assertEqual(409, status, refusal)
            self.assertIn('\\"one\\"', json.dumps(refusal))
        # A definition may be stored again, and a copy that keeps the address on purpose.
        self.host.rest.post(f"/hosts/{host}/vms", {**PVH, "name": "one", "uuid": one,
                                                   "nics": [{"bridge": "xenbr0", "mac": mac}]})
        self.call(self.host, "vm.clone", one, name_label="spare", mac="keep")
        self.assertEqual(0, self.host.stop())

    def test_import_of_xl_and_libvirt(self):
        text = 'name = "old"\ntype = "pvh"\nkernel = "/sim/vmlinuz"\nmemory = 96\nvcpus = 2\n'
        vm = self.call(self.host, "vm.import", self.on, text=text)["id"]
        self.assertEqual(("old", 2), (self.host.rest.vm(vm)["name_label"], self.host.rest.vm(vm)["CPUs"]["max"]))
        self.fails(self.host, ["old", "already"], "vm.import", self.on, text=text)
        self.fails(self.host, ["nonsense"], "vm.import", self.on, text='name="x"\ntype="pvh"\nkernel="/k"\nmemory=96\nnonsense=1\n')
        xml = ("<domain type='xen'><name>virt</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
               "<os><type>xenpvh</type><kernel>/sim/vmlinuz</kernel></os></domain>")
        vm = self.call(self.host, "vm.import", self.on, text=xml, format="libvirt")["id"]
        self.assertEqual("virt", self.host.rest.vm(vm)["name_label"])
        self.assertEqual(0, self.host.stop())


class BuiltIn(SnapshotCase):
    """VMs of built-in templates, asked for as a client of Xen Orchestra's REST would."""

    def setUp(self):
        super().setUp()
        self.pool = self.host.rest.get("/pools?fields=id")[0]["id"]
        templates = self.host.rest.get("/vm-templates?fields=id,name_label&filter=isDefaultTemplate%3F")
        self.templates = {t["name_label"]: t["id"] for t in templates}

    def create(self, template, **body):
        answer = self.host.rest.post(f"/pools/{self.pool}/actions/create_vm?sync=true",
                                     {"name_label": "new", "template": self.templates[template], **body})
        return answer["id"]

    def definition(self, vm):
        return json.loads((self.host.state / "vms" / f"{vm}.json").read_text())

    def test_an_installer_in_the_drive(self):
        vm = self.create("Debian 13", srId=self.sr_id, boot=True, vifs=[{"bridge": "xenbr0"}],
                         install={"method": "cdrom", "repository": self.data},
                         vdis=[{"userdevice": "0", "size": "8MiB", "name_label": "system"}])
        wait_until("it runs", lambda: self.host.rest.power(vm) == "Running")
        disks = self.disks(vm)
        self.assertEqual({"xvda", "hdc"}, set(disks))
        self.assertEqual(self.data, disks["hdc"])
        made = self.vdis(self.host)[disks["xvda"]]
        self.assertEqual(("system", 8 * MIB, self.sr_id), (made["name_label"], made["size"], made["$SR"]))
        told = self.definition(vm)
        self.assertEqual(("hvm", "cd", "e1000", "std"),
                         (told["type"], told["bootOrder"], told["nics"][0]["model"], told["vga"]))
        self.assertEqual(self.templates["Debian 13"], self.host.rest.vm(vm)["parent"])
        self.assertEqual(0, self.host.stop())

    def test_a_cloud_image_with_its_data(self):
        self.write(self.root, "cloudy")
        vm = self.create("Alpine Linux 3 (PVH)", boot=True, cloud_config="#cloud-config\n",
                         vdis=[{"userdevice": "0", "source": self.root, "size": "6MiB"}])
        wait_until("it runs", lambda: self.host.rest.power(vm) == "Running")
        disks = self.disks(vm)
        self.assertEqual({"xvda", "xvdb"}, set(disks))
        self.assertEqual(6 * MIB, self.vdis(self.host)[disks["xvda"]]["size"])
        self.assertEqual("cloudy", self.reads(disks["xvda"]))
        self.assertEqual(("pvh", "pygrub"), tuple(self.definition(vm)[k] for k in ("type", "bootloader")))
        self.assertEqual(0, self.host.stop())

    def test_one_of_ones_own(self):
        builtin = self.templates["Other (HVM, BIOS)"]
        one = {"vdis": [{"userdevice": "0", "size": "4MiB"}], "srId": self.sr_id}
        mine = self.create("Other (HVM, BIOS)", asTemplate=True, **one)
        seen = self.host.rest.get(f"/vm-templates/{mine}")
        self.assertEqual((False, "new"), (seen["isDefaultTemplate"], seen["name_label"]))
        other = self.host.rest.post(f"/vm-templates/{mine}/actions/clone?sync=true",
                                    {"name_label": "copy", "asTemplate": True})["id"]
        self.assertEqual("copy", self.host.rest.get(f"/vm-templates/{other}")["name_label"])
        vm = self.host.rest.post(f"/vm-templates/{other}/actions/clone?sync=true", {"name_label": "vm"})["id"]
        self.host.rest.action(vm, "start")
        for method, path, body in (("DELETE", f"/vm-templates/{builtin}", None),
                                   ("POST", "/calls", {"method": "vm.edit", "objectId": builtin,
                                                       "arguments": {"cpus": 2}})):
            status, _, refusal = self.host.rest.request(method, path, body)
            self.assertEqual(409, status)
            self.assertIn("built in", str(refusal))
        self.host.rest.delete(f"/vm-templates/{mine}")
        self.assertEqual(0, self.host.stop())

    def test_what_is_refused_leaves_nothing(self):
        before = self.files()
        for template, words, body in (
                ("Windows 11", ["TPM", "createVtpm"], {}),
                ("Windows 10", ["memory", "2048 MiB"], {"memory": "1GiB"}),
                ("Debian 13 (PVH)", ["firmware"], {"install": {"method": "cdrom", "repository": self.data}}),
                ("Debian 13 (PVH)", ["first disk", "source"], {"boot": True}),
                ("Debian 13", ["there is no VDI"], {"vdis": [{"userdevice": "0", "source": str(uuid.uuid4())}]})):
            with self.subTest(template=template, words=words):
                self.fails(self.host, words, "vm.create", self.host_id(self.host), name_label="x",
                           template=self.templates[template], srId=self.sr_id, **body)
        self.fails(self.host, ["built-in"], "vm.create", self.host_id(self.host), name_label="x",
                   id=self.templates["Debian 13"], definition=PVH)
        self.assertEqual(before, self.files())
        self.assertEqual(0, self.host.stop())


if __name__ == "__main__":
    unittest.main()
