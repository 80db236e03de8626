# SPDX-License-Identifier: Apache-2.0
"""An HVM guest on real Xen, with QEMU as its device model: disk, network, a CD that is put in and taken out, its screen
over VNC. By the aggregator's REST."""

import unittest

from disk_case import ADDRESS, DiskCase
from fleet_case import OP_DEADLINE, FleetCase, on_emulated_hvm
from tests.support.websocket import WebSocket, connect

ISOS = "/srv/isos"


class Hvm(DiskCase, FleetCase):
    NAME = "hvm"
    sr_type = "dir"
    device_config = {"location": "/srv/sr"}

    def prepare(self):
        self.host.run(f"mkdir -p /srv/sr {ISOS}; echo on the CD > /tmp/said && genisoimage -quiet -V lab -o {ISOS}/lab.iso /tmp/said")

    def tearDown(self):
        isos = [sr["id"] for sr in self.rest.get("/srs?fields=id,SR_type") if sr["SR_type"] == "iso"]
        for vm_id, vm in self.rest.vms("id,power_state").items():
            if vm["power_state"] != "Halted":
                self.rest.action(vm_id, "hard_shutdown")
            self.call("vm.delete", vm_id, disks=False)
        for sr in isos:
            self.call("sr.forget", sr)
        super().tearDown()

    def in_drive(self, vm):
        """What QEMU has in the CD drive, as libxl wrote it down."""
        return self.host.xenstore(f"/local/domain/0/backend/qdisk/{self.domain(vm)['domid']}/5632/params")

    @on_emulated_hvm
    def test_disk_network_cd_and_screen(self):
        isos = self.call("sr.create", self.host_id, name_label="isos", SR_type="iso", device_config={"location": ISOS})["id"]
        iso = next(v["id"] for v in self.rest.get("/vdis?fields=*") if v["$SR"] == isos)
        root = self.call("vdi.import", self.sr, path="/srv/guest/cloud.img", format="raw", name_label="root")["id"]
        vm = self.define("hvm", type="hvm", memory="192MiB", kernel="/srv/guest/vmlinuz",
                         ramdisk="/srv/guest/cloud.cpio.gz", vnc=True, vncUnused=True,
                         cmdline=f"console=hvc0 root=/dev/xvda1 quiet mitigations=off muster.ip={ADDRESS}/24",
                         disks=[{"vdev": "xvda", "vdi": root}, {"vdev": "hdc", "cdrom": True, "vdi": iso}],
                         nics=[{"bridge": "xenbr1"}])
        self.rest.action(vm, "start")
        self.assertEqual("hvm", self.rest.vm(vm)["virtualizationMode"])
        self.answers()

        self.fails(["in use"], "vdi.delete", root)
        self.assertTrue(self.in_drive(vm).endswith(f"{ISOS}/lab.iso"))
        self.call("vbd.eject", vm, device="hdc")
        self.assertFalse(self.in_drive(vm))
        self.call("vbd.insert", vm, device="hdc", VDI=iso)
        self.assertTrue(self.in_drive(vm).endswith(f"{ISOS}/lab.iso"))

        s = connect(self.fleet.url, self.fleet.state / "ca.crt", OP_DEADLINE)
        self.addCleanup(s.close)
        screen = WebSocket(s, f"/rest/v0/vms/{vm}/console?kind=vnc", self.rest.token)
        screen.read_until(b"RFB 003.008\n")
        screen.send(b"RFB 003.008\n")
        screen.read_until(b"\x01\x01")  # one security type: none
        screen.send(b"\x01")
        screen.read_until(b"\0\0\0\0")  # let in
        screen.send(b"\x01")  # shared
        screen.read_until(b"QEMU (hvm)")  # the desktop's name
        screen.close()

        self.rest.action(vm, "clean_shutdown")
        self.call("vm.delete", vm)


if __name__ == "__main__":
    unittest.main()
