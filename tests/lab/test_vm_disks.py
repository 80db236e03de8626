# SPDX-License-Identifier: Apache-2.0
"""Whatever ends a VM on real Xen, its disks are let go: by the aggregator's REST, on LVM and on XFS."""

import unittest
import uuid

from disk_case import MIB, OnLvmThin, OnXfs
from fleet_case import OP_DEADLINE
from tests.support.rest import wait_until

MINUTES = 4


class LvmThin(OnLvmThin):
    NAME = "disks-lvm"

    def test_whatever_ends_a_vm_lets_go_of_its_disks(self):
        data = self.call("vdi.create", self.sr, virtual_size=32 * MIB)["id"]
        idle = self.leftovers()
        vm = self.define("held", onCrash="destroy", disks=[{"vdev": "xvda", "vdi": data}])
        rival = self.define("rival", disks=[{"vdev": "xvda", "vdi": data}])
        ends = {
            "xl destroy": lambda: self.host.run(["xl", "destroy", "held"]),
            "a crash": lambda: self.host.run("xl sysrq held c; true"),
            "clean_shutdown": lambda: self.rest.action(vm, "clean_shutdown"),
            "xl destroy without an agent": lambda: self.host.run(
                "systemctl stop muster-agent && xl destroy held && systemctl start muster-agent"),
            "kill -9 of the agent, then hard_shutdown": lambda: self.kill_and_stop(vm),
        }
        for name, end in ends.items():
            with self.subTest(name):
                self.rest.action(vm, "start")
                self.guest_up(vm)
                self.fails(["in use"], "vdi.delete", data)
                self.cannot_start(rival, ["in use by VM"])
                end()
                wait_until("it is off", lambda: self.rest.power(vm) == "Halted", OP_DEADLINE, 0.5)
                wait_until("its disk is let go", lambda: self.leftovers() == idle, OP_DEADLINE, 1)

    def kill_and_stop(self, vm):
        self.host.run(["systemctl", "kill", "-s", "KILL", "--kill-who=main", "muster-agent"])
        wait_until("it can be asked again", lambda: self.rest.request(
            "POST", f"/vms/{vm}/actions/hard_shutdown?sync=true")[0] < 300, OP_DEADLINE, 1)


class Xfs(OnXfs):
    NAME = "disks-xfs"

    def test_a_start_that_fails_lets_go_of_its_disks(self):
        data = self.call("vdi.create", self.sr, virtual_size=32 * MIB)["id"]
        idle = self.leftovers()
        self.cannot_start(self.define("broken", kernel="/srv/guest/none", disks=[{"vdev": "xvda", "vdi": data}]),
                          ["/srv/guest/none"])
        wait_until("it has let go", lambda: self.leftovers() == idle, OP_DEADLINE, 1)
        missing = str(uuid.uuid4())
        self.cannot_start(self.define("half", disks=[{"vdev": "xvda", "vdi": data}, {"vdev": "xvdb", "vdi": missing}]),
                          [missing])
        wait_until("what was held is let go", lambda: self.leftovers() == idle, OP_DEADLINE, 1)


if __name__ == "__main__":
    unittest.main()
