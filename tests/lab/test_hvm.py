# SPDX-License-Identifier: Apache-2.0
"""HVM guests on real Xen, with QEMU as their device model: disk, network, a CD that is put in and taken out, the screen
over VNC; one made of a template to install from a CD starts from it. By the aggregator's REST."""

import unittest

from disk_case import ADDRESS, MIB, DiskCase
from fleet_case import OP_DEADLINE, FleetCase, on_emulated_hvm
from tests.support.websocket import WebSocket, connect

ISOS = "/srv/isos"
# What the BIOS of a PC starts from a CD: says a word over the first serial port, with every tick of the clock.
BOOT_SECTOR = bytes.fromhex(
    "fc0e1f"          # cld; push cs; pop ds
    "e80000"          # call 6: where this is
    "5e83c61f"        # pop si; add si, word - 6
    "ac84c07412"      # next: lodsb; test al, al; jz rest
    "88c3"            # mov bl, al
    "bafd03eca82074fb"  # mov dx, 3fdh; busy: in al, dx; test al, 20h; jz busy
    "88d8baf803ee"    # mov al, bl; mov dx, 3f8h; out dx, al
    "ebe9"            # jmp next
    "fbf4ebde"        # rest: sti; hlt; jmp 3
) + b"from the CD\r\n\0"


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

    def cd(self, name):
        isos = self.call("sr.create", self.host_id, name_label="isos", SR_type="iso", device_config={"location": ISOS})["id"]
        return next(v["id"] for v in self.rest.get("/vdis?fields=*") if v["$SR"] == isos and v["name_label"] == name)

    def in_drive(self, vm):
        """What QEMU has in the CD drive, as libxl wrote it down."""
        return self.host.xenstore(f"/local/domain/0/backend/qdisk/{self.domain(vm)['domid']}/5632/params")

    @on_emulated_hvm
    def test_an_installer_starts_from_the_cd(self):
        """The disk that it is to install to is empty, so the BIOS goes on to the drive."""
        boot = "".join(f"\\x{byte:02x}" for byte in BOOT_SECTOR)
        self.host.run(f"mkdir -p /tmp/cd; printf '{boot}' > /tmp/cd/boot; truncate -s 2048 /tmp/cd/boot; "
                      "genisoimage -quiet -V installer -b boot -c catalogue -no-emul-boot -boot-load-size 4 "
                      f"-o {ISOS}/installer.iso /tmp/cd")
        iso = self.cd("installer.iso")
        template = next(t["id"] for t in self.rest.get("/vm-templates?fields=id,name_label")
                        if t["name_label"] == "Other (HVM, BIOS)")
        pool = self.rest.get("/pools?fields=id")[0]["id"]
        vm = self.rest.post(f"/pools/{pool}/actions/create_vm?sync=true", {
            "name_label": "installed", "template": template, "memory": 128 * MIB, "srId": self.sr,
            "vdis": [{"userdevice": "0", "size": 16 * MIB, "name_label": "system"}],
            "install": {"method": "cdrom", "repository": iso}, "boot": True})["id"]
        s = connect(self.fleet.url, self.fleet.state / "ca.crt", OP_DEADLINE)
        self.addCleanup(s.close)
        WebSocket(s, f"/rest/v0/vms/{vm}/console", self.rest.token).read_until(b"from the CD")
        self.rest.action(vm, "hard_shutdown")
        self.call("vm.delete", vm)

    @on_emulated_hvm
    def test_disk_network_cd_and_screen(self):
        iso = self.cd("lab.iso")
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
