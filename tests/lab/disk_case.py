# SPDX-License-Identifier: Apache-2.0
"""What lab tests of VMs with real disks have in common: a repository of their own, guests with a disk, and a look at
what is left in dom0 when all is deleted."""

from fleet_case import OP_DEADLINE, FleetCase
from tests.support.rest import wait_until

MIB = 1 << 20
KERNEL = "/srv/guest/vmlinux"
# On xenbr1: beyond xenbr0 is a router that answers in the name of guests that are gone. Hosts have .10 and above.
ADDRESS = "10.77.0.2"


class DiskCase:
    """Beside FleetCase. The same for every type of repository; `sr_type` and `device_config` say which."""

    ADDRESS = ADDRESS
    sr_type = device_config = None

    def prepare(self):
        """What the repository is made on."""

    def setUp(self):
        self.prepare()
        self.before = self.leftovers()
        self.sr = self.call("sr.create", self.host_id, name_label="lab", SR_type=self.sr_type,
                            device_config=self.device_config)["id"]

    def tearDown(self):
        super().tearDown()
        for kind in ("vm-snapshots", "vm-templates"):
            for one in self.rest.get(f"/{kind}?fields=id&filter=!isDefaultTemplate%3F"):
                self.call("vm.delete", one["id"])
        for snapshot in self.rest.get("/vdi-snapshots?fields=id"):
            self.call("vdi.delete", snapshot["id"])
        for vdi in self.rest.get("/vdis?fields=id"):
            self.call("vdi.delete", vdi["id"])
        self.call("sr.destroy", self.sr)
        wait_until("nothing is left", lambda: self.leftovers() == self.before, OP_DEADLINE, 1)

    def leftovers(self):
        """What disks leave in dom0 when they are not let go."""
        return {what: self.host.out(command) for what, command in {
            "volumes": "lvs --noheadings -o vg_name,lv_name,lv_active 2>/dev/null | sort",
            "mappings": "dmsetup ls | sort",
            "loops": "losetup -a | sort",
            "files": "find /srv/sr -type f 2>/dev/null | sort",
            "backends": "xenstore-ls -f /local/domain/0/backend | grep -E '/(vbd|qdisk)/[0-9]+/' | sort",
        }.items()}

    def fails(self, words, method, object_id, **arguments):
        """The call is refused, with these words."""
        answer = self.rest.post("/calls", {"method": method, "objectId": object_id, "arguments": arguments})
        ended = self.rest.task(answer["taskId"], OP_DEADLINE)
        self.assertEqual("failure", ended["status"], ended)
        for word in words:
            self.assertIn(word, ended["result"]["message"])

    def cannot_start(self, vm, words):
        status, _, body = self.rest.request("POST", f"/vms/{vm}/actions/start?sync=true")
        self.assertGreaterEqual(status, 400, body)
        for word in words:
            self.assertIn(word, body["error"])

    def answers(self):
        self.host.wait_run("the guest to answer", f"echo exit | busybox nc -w 5 {ADDRESS} 23", OP_DEADLINE)

    def sequence(self):
        """(number that is on the disk, longest time between two since it was asked last, in us)"""
        out = self.host.out(["busybox", "nc", "-w", "20", ADDRESS, "7"], input="")
        number, longest = out.split()
        return int(number), int(longest)

    def md5(self, device):
        return self.sh(f"md5sum {device}").split()[0]

    def template(self, kind, **changes):
        root = self.call("vdi.import", self.sr, path="/srv/guest/cloud.img", format="raw", name_label="golden")["id"]
        made = self.define("golden", type=kind, memory="128MiB", kernel=KERNEL,
                           ramdisk="/srv/guest/cloud.cpio.gz",
                           cmdline="console=hvc0 root=/dev/xvda1 quiet mitigations=off",
                           disks=[{"vdev": "xvda", "vdi": root}], nics=[{"bridge": "xenbr1"}], **changes)
        self.call("vm.to_template", made)
        return made

    def create(self, kind, template, *vdis):
        """From the template, with more disks; its seed gives it name, address and a file; started."""
        vm = self.call("vm.create", self.host_id, name_label=kind, template=template, boot=True, vdis=list(vdis),
                       cloud_config="#!/bin/sh\necho seeded > /root/seeded\n",
                       network_config=f"version: 2\nethernets:\n  eth0:\n    addresses: [{ADDRESS}/24]\n")["id"]
        self.answers()
        return vm

    def start_sequencer(self, *targets):
        self.sh(f"sequencer {' '.join(targets)} >/dev/null 2>&1 &")
        self.host.wait_run("the writer to answer", f"busybox nc -w 5 {ADDRESS} 7 </dev/null | grep ' '")
        self.sequence()


class OnLvmThin(DiskCase, FleetCase):
    sr_type = "lvmthin"
    device_config = {"pool": "lab/pool", "devices": "/dev/vdb", "wipe": "true"}


class OnXfs(DiskCase, FleetCase):
    sr_type = "dir"
    device_config = {"location": "/srv/sr"}

    def prepare(self):
        self.host.run("mountpoint -q /srv/sr || { mkdir -p /srv/sr && mkfs.xfs -q -f /dev/vdb && mount /dev/vdb /srv/sr; }")
