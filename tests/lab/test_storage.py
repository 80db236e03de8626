# SPDX-License-Identifier: Apache-2.0
"""LVM in a Xen host's dom0: where a pool is made, and what a full one refuses. The contract of all storage
(tests/unit/agent/storage/contract.c) on file systems: tests/integration/test_storage_filesystems.py."""

import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from host import TOP, LabHost  # noqa: E402

BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD") or TOP / "build")
PROGRAMS = BUILD / "tests/unit/agent/storage"
DEVICE = "/dev/vdb"
PATIENCE_S = 3600  # some hundred LVM commands, a second each while the machine is busy


class Storage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(LabHost.up("storage"))
        cls.host.put(PROGRAMS / "sr-contract", "/srv/sr-contract")
        cls.host.run("chmod 755 /srv/sr-contract; mkdir -p /srv/state; wipefs -aq " + DEVICE)

    def tap(self, program, driver, params, only=None):
        """Runs it and checks every case; what it printed."""
        command = [f"/srv/{program}", "--driver", driver, "--state", "/srv/state"]
        for name, value in params.items():
            command += ["--param", f"{name}={value}"]
        done = self.host.run(command + (["--only", only] if only else []), check=False, timeout=PATIENCE_S)
        plan = re.search(r"^1\.\.(\d+)$", done.stdout, re.MULTILINE)
        self.assertIsNotNone(plan, done.stdout + done.stderr)
        results = re.findall(r"^(ok|not ok) \d+ - (.*)\n((?:# .*\n)*)", done.stdout, re.MULTILINE)
        for verdict, case, why in results:
            with self.subTest(case):
                self.assertEqual(verdict, "ok", why)
        self.assertEqual(len(results), int(plan[1]), f"it ended early, exit code {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def out(self, command):
        return self.host.out(command)

    def pool(self, size="4G"):
        """A thin pool made by hand, gone after the test, and with it every trace of Muster."""
        self.host.run(f"vgcreate -q vg {DEVICE} && lvcreate -q --yes --type thin-pool -L {size} -n pool vg")
        self.addCleanup(self.host.run, f"vgremove -q --yes vg; pvremove -q --yes {DEVICE}")
        return {"pool": "vg/pool"}

    def test_a_pool_is_made_on_devices_only_when_they_are_empty_or_given_up(self):
        params = {"pool": "mine/pool", "devices": DEVICE}
        self.host.run(f"mkfs.ext4 -q -F {DEVICE}")
        done = self.host.run(["/srv/sr-contract", "--driver", "lvmthin", "--param", "pool=mine/pool", "--param",
                              f"devices={DEVICE}", "--only", "made once"], check=False, timeout=PATIENCE_S)
        self.assertIn("not ok", done.stdout)
        self.assertEqual(self.out(f"blkid -o value -s TYPE {DEVICE}"), "ext4", "what was on the device is gone")
        self.tap("sr-contract", "lvmthin", {**params, "wipe": "true"}, only="made once")
        self.assertEqual(self.out("vgs --noheadings; pvs --noheadings"), "", "group or label left")
        self.tap("sr-contract", "lvmthin", params, only="made once")
        self.assertEqual(self.out("vgs --noheadings; pvs --noheadings"), "", "group or label left")

    def test_a_pool_that_is_85_percent_full_takes_nothing_new(self):
        self.pool("100M")
        self.host.run("lvcreate -q --yes -V 100M --thinpool vg/pool -n filler && dd if=/dev/urandom of=/dev/vg/filler bs=1M count=86 "
                      "oflag=direct status=none")
        self.assertGreaterEqual(float(self.out("lvs --noheadings -o data_percent vg/pool")), 85)
        done = self.host.run(["/srv/sr-contract", "--driver", "lvmthin", "--param", "pool=vg/pool", "--only", "new disk"],
                             check=False, timeout=PATIENCE_S)
        self.assertIn("not ok", done.stdout)
        self.assertRegex(done.stdout, r"vg/pool is nearly full: data 8\d %, metadata \d+ %, the limit is 85 %")
        self.assertEqual(self.out("lvs --noheadings -o lv_name vg | tr -d ' ' | sort | tr '\\n' ' '").strip(), "filler pool")


if __name__ == "__main__":
    unittest.main()
