# SPDX-License-Identifier: Apache-2.0
"""A card and a USB device of the host for guests on real Xen, behind an IOMMU that the emulator has too. By the
aggregator's REST; each is looked for where it has to be: in sysfs of dom0, in xenstore, and in the guest."""

import re
import unittest

from disk_case import ADDRESS, DiskCase
from fleet_case import OP_DEADLINE, FleetCase, on_emulated_hvm
from tests.support.rest import wait_until

MINUTES = 6
PCI = "/sys/bus/pci/devices"
CARD = "0x8086:0x100e"  # the lab's spare card (recipe/machine.json)
OUTSIDE = "10.9.0.2"  # what it leads to
TABLET = "QEMU USB Tablet"
SWIOTLB = "swiotlb=2048"  # of 2 KiB: the guest is small


class Passthrough(DiskCase, FleetCase):
    NAME = "passthrough"
    sr_type = "dir"
    device_config = {"location": "/srv/sr"}

    def prepare(self):
        self.host.run("mkdir -p /srv/sr")

    def tearDown(self):
        super().tearDown()
        self.assertEqual("", self.backends())
        self.assertEqual("", self.host.out("xenstore-ls -f /libxl/pci 2>/dev/null | grep /domid; true"))

    def backends(self):
        """What dom0 has for devices of its own that guests have."""
        return self.host.out("xenstore-ls -f /local/domain/0/backend | grep -E '/(pci|qusb|vusb)/[0-9]+/'; true")

    def guest(self, kind, **changes):
        """A guest with a disk and a network, that runs and answers."""
        root = self.call("vdi.import", self.sr, path="/srv/guest/cloud.img", format="raw", name_label="root")["id"]
        kernel = "vmlinux" if kind == "pv" else "vmlinuz"
        vm = self.define(kind, type=kind, memory="192MiB", kernel=f"/srv/guest/{kernel}",
                         ramdisk="/srv/guest/cloud.cpio.gz",
                         cmdline=f"console=hvc0 root=/dev/xvda1 quiet mitigations=off {SWIOTLB} muster.ip={ADDRESS}/24",
                         disks=[{"vdev": "xvda", "vdi": root}], nics=[{"bridge": "xenbr1"}], **changes)
        self.rest.action(vm, "start")
        self.answers()
        return vm

    def load(self, folder):
        """The guest's drivers for it."""
        self.sh(f"while read -r m; do insmod /lib/modules/{folder}/$m || exit 1; done </lib/modules/{folder}/order")

    # -- a PCI device

    def card(self):
        """The spare card's address."""
        return self.host.out(f"cd {PCI}; for d in *; do [ \"$(cat $d/vendor):$(cat $d/device)\" != {CARD} ] || echo $d; done")

    def driver(self, address):
        return self.host.out(f"basename $(readlink {PCI}/{address}/driver) 2>/dev/null; true")

    def seen(self, address):
        """The object of that device."""
        return next(p for p in self.rest.get("/pcis?fields=*") if p["pci_id"] == address)

    def of_guest(self):
        """The network cards of the guest that are PCI devices: PCI address -> name."""
        lines = self.sh("for c in /sys/class/net/*; do d=$(readlink -f $c/device); case $d in */pci*) "
                        "echo ${d##*/} ${c##*/} ;; esac; done").splitlines()
        return dict(line.split() for line in lines if line.strip())

    def test_a_card_of_the_host(self):
        card = self.card()
        self.host.run("modprobe e1000")
        self.addCleanup(self.host.run, "rmmod e1000; rmmod xen-pciback", check=False)
        nic = self.host.out(f"ls {PCI}/{card}/net")
        self.fails(["hint: modprobe xen-pciback"], "pci.assign", self.host_id, address=card)
        self.host.run("modprobe xen-pciback")
        self.host.run(f"ip link set {nic} up")
        self.fails([f"network card {nic} is up"], "pci.assign", self.host_id, address=card)
        self.host.run(f"ip link set {nic} down")
        self.call("pci.assign", self.host_id, address=card)
        self.assertEqual("pciback", self.driver(card))
        wait_until("it is seen to be free", lambda: self.seen(card)["assignable"], OP_DEADLINE, 1)

        vm = self.guest("pv", pci=[{"address": card}])
        self.assertIn('"e820_host": "True"', self.host.out(["xl", "list", "-l", str(self.domain(vm)["domid"])]))
        self.has_it(vm, card)
        self.fails([card], "pci.release", self.host_id, address=card)
        self.call("pci.detach", vm, address=card)
        self.has_it_no_longer(vm, card)
        self.call("pci.attach", vm, address=card)
        self.has_it(vm, card)
        self.rest.action(vm, "clean_shutdown")
        self.assertEqual("pciback", self.driver(card))
        wait_until("it is nobody's", lambda: not self.seen(card).get("$VM"), OP_DEADLINE, 1)
        self.assertEqual("", self.backends(), "else pciback keeps it from the next guest")
        self.rest.action(vm, "start")
        self.answers()
        self.has_it(vm, card)
        self.rest.action(vm, "hard_shutdown")

        bare = self.define("bare", type="pv", memory="96MiB", kernel="/srv/guest/vmlinux",
                           ramdisk="/srv/guest/guest.cpio.gz", cmdline="console=hvc0 rdinit=/init")
        self.rest.action(bare, "start")
        self.fails(["started without PCI devices", "hint: attach it while the VM is halted"], "pci.attach", bare, address=card)
        self.rest.action(bare, "hard_shutdown")

        self.call("pci.release", self.host_id, address=card)
        self.assertEqual("e1000", self.driver(card))
        self.host.wait_run("dom0 to have its card again", f"test -e {PCI}/{card}/net/{nic}")
        wait_until("it is seen to be dom0's", lambda: not self.seen(card)["assignable"], OP_DEADLINE, 1)
        self.cannot_start(vm, ["belongs to dom0", "make it assignable first"])

    def has_it(self, vm, card):
        domid = self.domain(vm)["domid"]
        self.assertEqual(str(domid), self.host.xenstore(f"/libxl/pci/{card.replace(':', '-').replace('.', '-')}/domid"))
        wait_until("whose it is", lambda: self.seen(card).get("$VM") == vm, OP_DEADLINE, 1)
        if not self.sh("cat /sys/bus/xen/drivers/pcifront/module/refcnt 2>/dev/null; true"):
            self.load("pv-pci")
            self.load("pci")
        wait_until("the guest has it", self.of_guest, OP_DEADLINE, 1)
        (name,) = self.of_guest().values()
        # Its memory is reached through the IOMMU both ways: a packet leaves and comes back.
        self.sh(f"ip link set {name} up; ip addr add 10.9.0.15/24 dev {name}; ping -c 3 -W 10 {OUTSIDE}")
        self.assertRegex(self.sh(f"grep {name} /proc/interrupts; true"), r"xen-pirq")

    def has_it_no_longer(self, vm, card):
        wait_until("it is nobody's", lambda: not self.seen(card).get("$VM"), OP_DEADLINE, 1)
        self.assertEqual({}, self.of_guest())
        self.assertEqual("pciback", self.driver(card))
        self.assertFalse(self.rest.vm(vm)["pending"])

    # -- a USB device

    def tablet(self):
        """The lab's USB device, as `usb.attach` takes it, and its port, out of the host's details."""
        usbs = self.rest.get(f"/hosts/{self.host_id}/details")["usbs"]
        return next((u["device"], u["port"]) for u in usbs if u["deviceName"] == TABLET)

    def usb_of(self, vm):
        """Bus and address on the host of what xl says that the domain has."""
        out = self.host.out(["xl", "usb-list", str(self.domain(vm)["domid"])])
        return [f"{int(bus, 16)}.{int(device, 16)}" for bus, device in re.findall(r"Bus (\w+) Device (\w+)", out)]

    def of_guest_usb(self):
        return self.sh("cat /sys/bus/usb/devices/*/product 2>/dev/null; true").splitlines()

    @on_emulated_hvm
    def test_a_usb_device_of_an_hvm_guest(self):
        """QEMU gives it on (libusb), to a controller that it emulates."""
        tablet, port = self.tablet()
        vm = self.guest("hvm", usbControllers=[{"type": "devicemodel", "version": 3, "ports": 8}])
        self.load("usb")
        self.assertNotIn(TABLET, self.of_guest_usb())
        self.call("usb.attach", vm, device=tablet)
        self.assertEqual([tablet], self.usb_of(vm))
        wait_until("the guest has it", lambda: TABLET in self.of_guest_usb(), OP_DEADLINE, 1)
        self.fails(["already"], "usb.attach", vm, device=tablet)
        self.call("usb.detach", vm, device=tablet)
        self.assertEqual([], self.usb_of(vm))
        wait_until("the guest has it no longer", lambda: TABLET not in self.of_guest_usb(), OP_DEADLINE, 1)
        self.rest.action(vm, "clean_shutdown")
        self.assertEqual((tablet, port), self.tablet())

    def test_a_usb_device_of_a_pv_guest(self):
        """QEMU is the backend (qusb). Debian's kernel has no frontend (CONFIG_USB_XEN_HCD is not set), so what there is to
        see is in xenstore."""
        tablet, port = self.tablet()
        vm = self.guest("pv", usbControllers=[{"type": "qusb", "version": 2, "ports": 4}])
        domid = self.domain(vm)["domid"]
        ports = f"/local/domain/0/backend/qusb/{domid}/0/port"
        self.call("usb.attach", vm, device=tablet)
        self.assertEqual([tablet], self.usb_of(vm))
        self.assertEqual(port, self.host.xenstore(f"{ports}/1"))
        self.call("usb.detach", vm, device=tablet)
        self.assertEqual([], self.usb_of(vm))
        self.assertFalse(self.host.xenstore(f"{ports}/1"))
        self.rest.action(vm, "clean_shutdown")


if __name__ == "__main__":
    unittest.main()
