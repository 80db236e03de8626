# SPDX-License-Identifier: Apache-2.0
"""The lab itself: what other lab tests take for granted."""

import os
import sys
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from host import CommandFailed, Lan, LabHost  # noqa: E402


class OneHost(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = LabHost.start("lab-self")

    @classmethod
    def tearDownClass(cls):
        cls.host.stop()

    def tearDown(self):
        self.host.destroy_guests()

    def value(self, domid, path):
        return self.host.xenstore(f"/local/domain/{domid}/{path}")

    def test_commands_pass_their_exit_code(self):
        self.assertEqual(self.host.run("exit 7", check=False).returncode, 7)
        with self.assertRaises(CommandFailed):
            self.host.run("false")

    def test_files_arrive_whole(self):
        with open(__file__, encoding="utf-8") as file:
            text = file.read()
        self.host.put(__file__, "/tmp/new/copy")
        self.assertEqual(self.host.read("/tmp/new/copy"), text)
        self.host.put(os.path.join(os.path.dirname(__file__), "recipe"), "/tmp/recipe")
        self.assertEqual(self.host.run("test -x /tmp/recipe/guest-init", check=False).returncode, 0)

    def test_the_clock_is_set(self):
        self.assertLess(abs(self.host.dom0_now() - time.time()), 60)

    def test_a_guest_reports_and_shuts_down(self):
        identity = str(uuid.uuid4())
        domid = self.host.guest("plain", uuid=identity)
        row = self.host.domain("plain")
        self.assertEqual((row["domid"], row["uuid"], row["vcpus"]), (domid, identity, 1))
        self.host.wait("the guest's report", lambda: self.value(domid, "data/os_name") and self.value(domid, "data/meminfo_total"))
        self.assertEqual(self.value(domid, "attr/PVAddons/MajorVersion"), "7")
        self.assertRegex(self.value(domid, "attr/vif/0/ipv4/0"), r"^10\.0\.\d+\.\d+$")
        self.host.run("xl shutdown -w plain")
        # `xl shutdown -w` returns when the guest has stopped; `xl create`'s daemon then clears it away.
        self.host.wait("the stopped domain to go", lambda: self.host.domain("plain") is None)

    def test_a_guest_without_agent_reports_nothing(self):
        domid = self.host.guest("mute", agent=False)
        self.assertIsNone(self.value(domid, "data/os_name"))

    def test_a_deaf_guest_stays(self):
        domid = self.host.guest("deaf", deaf=True)
        self.host.run("xl shutdown deaf")
        # The kernel has taken the request once it has emptied the node.
        self.host.wait("the request to be taken", lambda: self.value(domid, "control/shutdown") == "")
        self.assertEqual(self.host.domain("deaf")["domid"], domid)

    def test_a_disk_is_read(self):
        self.host.run("truncate -s 64M /srv/disk.img")
        domid = self.host.guest("reader", io=True, disks=["/srv/disk.img,raw,xvda,w"])
        counter = f"cat /sys/bus/xen-backend/devices/vbd-{domid}-51712/statistics/rd_req"
        first = int(self.host.out(counter))
        self.host.wait("reads", lambda: int(self.host.out(counter)) > first)

    def test_programs_survive_many_guests(self):
        """Registers must not leak between domains: see docs/testing-lab.md, "-xsave"."""
        for n in range(6):
            self.host.guest(f"many-{n}", wait=False, vifs=())
        for n in range(6):
            self.host.wait_guest(f"many-{n}")
        self.host.run("xl shutdown -aw")
        self.assertEqual(self.host.out("dmesg | awk '/segfault|general protection/'"), "")


class TwoHosts(unittest.TestCase):
    def test_they_reach_each_other_and_differ(self):
        with Lan() as lan, LabHost.up("lab-one", lan=lan.path) as one, LabHost.up("lab-two", lan=lan.path) as two:
            address = two.instance.record["lan_address"]
            one.wait_run("an answer on the lab's network", f"busybox ping -c 1 -W 5 {address}")
            for path in ("boot_id", "uuid"):
                path = f"/proc/sys/kernel/random/{path}"
                self.assertNotEqual(one.read(path), two.read(path))


if __name__ == "__main__":
    unittest.main()
