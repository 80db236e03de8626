# SPDX-License-Identifier: Apache-2.0
"""A guest on real Xen is given a card and a disk, more and fewer CPUs, memory, weight, while it runs.
Each is looked for where it has to be: in xl, in xenstore, and in the guest."""

import json
import unittest

from disk_case import ADDRESS
from fleet_case import OP_DEADLINE, FleetCase
from tests.support.rest import wait_until

MIB = 1 << 20
DATA_MIB = 32
SR = "/srv/sr-devices"


class Devices(FleetCase):
    NAME = "devices"
    CPUS = 2
    ADDRESS = ADDRESS

    def setUp(self):
        self.host.run(["mkdir", "-p", SR])
        self.before = self.leftovers()
        self.sr = self.call("sr.create", self.host_id, name_label="lab", SR_type="dir",
                            device_config={"location": SR})["id"]

    def tearDown(self):
        super().tearDown()
        for vdi in self.rest.get("/vdis?fields=id"):
            self.call("vdi.delete", vdi["id"])
        self.call("sr.destroy", self.sr)
        wait_until("nothing is left", lambda: self.leftovers() == self.before, OP_DEADLINE, 1)

    def leftovers(self):
        """What devices leave in dom0 when they are not let go."""
        return {what: self.host.out(command) for what, command in {
            "loops": "losetup -a | sort",
            "backends": "xenstore-ls -f /local/domain/0/backend | grep -E '/(vbd|vif|qdisk)/[0-9]+/' | sort",
            "interfaces": "ls /sys/class/net | grep '^vif'; true",
        }.items()}

    def cards(self):
        """MAC addresses by number, as `xl network-list` has them."""
        lines = self.host.out(["xl", "network-list", "dev"]).splitlines()[1:]
        return {line.split()[0]: line.split()[2] for line in lines}

    def of_vm(self, kind, vm):
        owner = {"vbds": "VM", "vifs": "$VM"}[kind]
        return {o["device"]: o for o in self.rest.get(f"/{kind}?fields=*") if o[owner] == vm}

    def restart_agent(self):
        """Dead, and back as another process: until then the aggregator may still have the old connection."""
        pid = self.host.out("systemctl show --property MainPID --value muster-agent")
        self.host.run(["systemctl", "kill", "-s", "KILL", "--kill-who=main", "muster-agent"])
        self.host.wait_run("another agent", 'new=$(systemctl show --property MainPID --value muster-agent); '
                           f'[ "$new" != 0 ] && [ "$new" != {pid} ]', OP_DEADLINE)
        self.fleet.wait_connected(1)

    def test_a_guest_is_changed_while_it_runs(self):
        root = self.call("vdi.import", self.sr, path="/srv/guest/cloud.img", format="raw",
                         name_label="root")["id"]
        data = self.call("vdi.create", self.sr, virtual_size=DATA_MIB * MIB)["id"]
        vm = self.define("dev", type="pv", vcpus=2, memory="160MiB", kernel="/srv/guest/vmlinux",
                         ramdisk="/srv/guest/cloud.cpio.gz",
                         cmdline="console=hvc0 root=/dev/xvda1 quiet mitigations=off "
                                 f"muster.ip={ADDRESS}/24",
                         disks=[{"vdev": "xvda", "vdi": root}], nics=[{"bridge": "xenbr1"}])
        self.rest.action(vm, "start")
        self.host.wait_run("the guest to answer", f"echo exit | busybox nc -w 5 {ADDRESS} 23", OP_DEADLINE)
        self.one_card_more(vm)
        self.one_disk_more(vm, data)
        self.other_resources(vm)
        self.still_so_after_a_death(vm)
        self.taken_away(vm)
        self.rest.action(vm, "hard_shutdown")

    def one_card_more(self, vm):
        self.call("vif.create", vm, bridge="xenbr1", rateLimit=2000)
        mac = self.of_vm("vifs", vm)["1"]["MAC"]
        self.assertEqual(mac, self.cards()["1"])
        domid = self.domain(vm)["domid"]
        path = f"/local/domain/0/backend/vif/{domid}/1"
        self.assertEqual(mac, self.host.xenstore(f"{path}/mac"))
        self.assertEqual("100000,50000", self.host.xenstore(f"{path}/rate"))
        wait_until("the guest has it", lambda: mac in self.sh("cat /sys/class/net/*/address"), OP_DEADLINE, 1)
        self.call("vif.edit", vm, device="1", rateLimit=1000)
        self.assertEqual("50000,50000", self.host.xenstore(f"{path}/rate"))

    def one_disk_more(self, vm, data):
        self.call("vbd.create", vm, VDI=data)
        wait_until("the guest has it", lambda: self.sh("cat /sys/block/xvdb/size; true") ==
                   str(DATA_MIB * MIB // 512), OP_DEADLINE, 1)
        self.sh("echo kept | dd of=/dev/xvdb conv=fsync 2>/dev/null")
        self.call("vbd.disconnect", vm, device="xvdb")
        self.assertFalse(self.of_vm("vbds", vm)["xvdb"]["attached"])
        self.sh("! test -e /sys/block/xvdb")
        self.call("vbd.connect", vm, device="1")
        wait_until("the guest has it again", lambda: "kept" in self.sh("head -c 4 /dev/xvdb; true"), OP_DEADLINE, 1)
        self.assertFalse(self.rest.vm(vm)["pending"])

    def other_resources(self, vm):
        domid = self.domain(vm)["domid"]
        answer = self.rest.patch(f"/vms/{vm}", {"cpus": 1, "memory": "144MiB", "cpuWeight": 512,
                                                "cpuMask": "0", "cpuMaskSoft": "1"})
        self.assertEqual([], answer["pending"])
        self.assertEqual("offline", self.host.xenstore(f"/local/domain/{domid}/cpu/1/availability"))
        self.host.wait_run("one vCPU", "test $(xl vcpu-list dev | grep -c -- '--p') = 1", OP_DEADLINE)
        self.assertRegex(self.host.out(["xl", "sched-credit2", "-d", "dev"]), r"dev +\d+ +512")
        # "0 / 1": where it may run, where it would rather.
        self.assertEqual(["0", "/", "1"], self.host.out(["xl", "vcpu-list", "dev"]).splitlines()[1].split()[-3:])
        self.assertEqual([1], self.rest.vm(vm)["cpuMaskSoft"])
        self.host.wait_run("the guest to give memory", "test $(xl list dev | awk 'END {print $3}') = 144", OP_DEADLINE)
        wait_until("the aggregator knows of the vCPU", lambda: self.rest.vm(vm)["CPUs"]["number"] == 1, OP_DEADLINE, 1)
        # Xen counts a few pages of its own with the guest's.
        wait_until("the aggregator knows of the memory",
                   lambda: self.rest.vm(vm)["memory"]["dynamic"][1] // MIB == 144, OP_DEADLINE, 1)

    def still_so_after_a_death(self, vm):
        before = {kind: self.of_vm(kind, vm) for kind in ("vbds", "vifs")}
        self.assertTrue(all(d["attached"] for kind in before.values() for d in kind.values()), before)
        self.restart_agent()
        for kind, devices in before.items():
            wait_until(f"the same {kind}", lambda k=kind, d=devices: json.dumps(self.of_vm(k, vm)) ==
                       json.dumps(d), OP_DEADLINE, 1)
        self.assertFalse(self.rest.vm(vm)["pending"])
        self.assertEqual(1, self.rest.vm(vm)["CPUs"]["number"])

    def taken_away(self, vm):
        self.call("vif.delete", vm, device="1")
        self.assertEqual({"0"}, set(self.cards()))
        self.call("vbd.delete", vm, device="xvdb")
        self.sh("! test -e /sys/block/xvdb")
        self.assertEqual(({"xvda"}, {"0"}), (set(self.of_vm("vbds", vm)), set(self.of_vm("vifs", vm))))


if __name__ == "__main__":
    unittest.main()
