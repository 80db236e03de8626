# SPDX-License-Identifier: Apache-2.0
"""Bad input about VMs and disks, as it comes by REST: refused with the reason, and nothing half made.
The rules themselves are tested where they are (docs/proof.md, "Bad input")."""

import os
import pathlib
import subprocess
import unittest

from tests.integration.test_agent_snapshots import SnapshotCase
from tests.integration.test_agent_storage import MIB

PVH = {"type": "pvh", "kernel": "/sim/vmlinuz", "memory": "64MiB"}


class BadInput(SnapshotCase):
    def setUp(self):
        super().setUp()
        self.on = self.host_id(self.host)
        self.before = self.everything()

    def tearDown(self):
        self.assertEqual(self.before, self.everything())
        self.assertEqual(0, self.host.stop())
        super().tearDown()

    def everything(self):
        """What there is of files, definitions and objects; a VM's own state is not part of it."""
        objects = {kind: sorted(o["id"] for o in self.host.rest.get(f"/{kind}?fields=id"))
                   for kind in ("vms", "vm-snapshots", "vm-templates", "srs", "vdis", "vdi-snapshots")}
        return objects, self.files(), sorted(p.name for p in (self.host.state / "vms").iterdir())

    def says(self, status, words, method, object_id, **arguments):
        """Refused before there is a task."""
        self.refused(status, words, lambda: self.ask(self.host, method, object_id, **arguments))

    def test_names_with_control_characters(self):
        for name in ("a\nb", "a\x1b[2Jb", "\x7f"):
            for method, of, more in (("vm.create", self.on, {"definition": PVH}),
                                     ("vm.clone", self.vm, {}), ("vm.snapshot", self.vm, {}),
                                     ("vdi.create", self.sr_id, {"virtual_size": MIB}),
                                     ("vdi.clone", self.root, {}),
                                     ("sr.create", self.on, {"SR_type": "dir", "device_config": {}})):
                with self.subTest(name=name, method=method):
                    self.says(422, ["name_label", "control character"], method, of, name_label=name, **more)
        self.refused(422, ["name"], self.host.rest.post, f"/hosts/{self.on}/vms", {**PVH, "name": "a\tb"})

    def test_sizes(self):
        self.says(422, ["virtual_size"], "vdi.create", self.sr_id, virtual_size=0)
        self.says(422, ["virtual_size"], "vdi.create", self.sr_id, virtual_size=-1)
        self.says(422, ["virtual_size"], "vdi.create", self.sr_id, virtual_size=1 << 62)
        self.fails(self.host, ["virtual_size", "more than"], "vdi.create", self.sr_id, virtual_size=32 << 40)
        self.says(422, ["size"], "vdi.edit", self.root, size=0)
        self.fails(self.host, ["less than"], "vdi.edit", self.root, size=MIB)
        self.fails(self.host, ["more than"], "vdi.edit", self.root, size=32 << 40)

    def test_a_disk_in_use(self):
        rival = self.define(self.host, "rival", disks=[{"vdev": "xvda", "vdi": self.root}])
        self.host.rest.action(self.vm, "start")
        ended = self.wait_task(self.host, self.host.rest.action(rival, "start", sync=False))
        self.assertIn("web", ended["result"]["message"])
        for method, arguments in (("vdi.delete", {}), ("vdi.migrate", {"srId": self.sr_id})):
            self.fails(self.host, ["web"], method, self.root, **arguments)
        self.says(409, ["Halted"], "vm.delete", self.vm)
        self.host.rest.action(self.vm, "hard_shutdown")
        self.host.rest.delete(f"/vms/{rival}?disks=false")

    def test_paths_that_lead_elsewhere(self):
        here = pathlib.Path(self.folder())
        link = here.parent / "link"
        os.symlink(here, link)
        self.addCleanup(link.unlink)
        for location, word in ((f"{here}/..", "location"), (f"{here}/../sr", "location"), (str(link), "symbolic link"),
                               ("relative", "location")):
            with self.subTest(location=location):
                self.fails(self.host, [word], "sr.create", self.on, name_label="x", SR_type="dir",
                           device_config={"location": location})
        for path in ("/sim/../etc/passwd", "/sim/a/..", "sim/disk"):
            with self.subTest(path=path):
                self.refused(422, ["path"], self.host.rest.post, f"/hosts/{self.on}/vms",
                             {**PVH, "name": "x", "disks": [{"vdev": "xvda", "path": path}]})

    def test_an_image_whose_format_lies(self):
        top = pathlib.Path(self.fleet.folder)
        (top / "secret").write_text("secret")
        image = top / "image"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", top / "secret", "-F", "raw", image, "1M"],
                       check=True)
        self.fails(self.host, ["backing file"], "vdi.import", self.sr_id, path=str(image), format="qcow2")
        self.fails(self.host, ["vmdk"], "vdi.import", self.sr_id, path=str(image), format="vmdk")
        # Said to be raw it is bytes, which nobody looks into.
        vdi = self.call(self.host, "vdi.import", self.sr_id, path=str(image), format="raw")["id"]
        self.assertEqual("raw", self.vdis(self.host)[vdi]["image_format"])
        self.call(self.host, "vdi.delete", vdi)

    def test_another_architecture(self):
        self.refused(422, ["arch"], self.host.rest.post, f"/hosts/{self.on}/vms",
                     {**PVH, "name": "x", "arch": "aarch64"})
        self.fails(self.host, ["architecture"], "vm.import", self.on, format="libvirt",
                   text="<domain type='xen'><name>x</name><memory unit='MiB'>64</memory>"
                        "<os><type arch='aarch64'>hvm</type></os></domain>")

    def test_a_pci_device_of_dom0(self):
        vm = self.define(self.host, "pc", type="hvm", kernel="")
        self.host.rest.action(vm, "start")
        self.fails(self.host, ["0000:03:00.0", "dom0", "ixgbe"], "pci.attach", vm, address="0000:03:00.0")
        self.assertEqual([], self.host.rest.get(f"/vms/{vm}")["attachedPcis"])
        self.assertNotIn("pci", (self.host.state / "vms" / f"{vm}.json").read_text())
        self.host.rest.action(vm, "hard_shutdown")
        # The other way about: what dom0 needs is not given up, what a VM has is not taken back.
        self.fails(self.host, ["0000:00:1f.2", "in use by dom0"], "pci.assign", self.on, address="0000:00:1f.2")
        self.fails(self.host, ["address"], "pci.assign", self.on, address="nonsense")
        self.host.rest.delete(f"/vms/{vm}")


if __name__ == "__main__":
    unittest.main()
