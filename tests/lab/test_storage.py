# SPDX-License-Identifier: Apache-2.0
"""Storage in a Xen host's dom0: the contract of all types (tests/unit/agent/storage/contract.c) on LVM and NFS; where
a pool is made, what a full one refuses. Nothing may be left behind.
File systems of this machine: tests/integration/test_storage_filesystems.py."""

import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from host import TOP, LabHost  # noqa: E402

MINUTES = 10
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD") or TOP / "build")
PROGRAMS = BUILD / "tests/unit/agent/storage"
DEVICE = "/dev/vdb"
PATIENCE_S = 3600  # some hundred LVM commands, a second each while the machine is busy


class Storage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(LabHost.up("storage"))
        for program in ("sr-contract", "sr-crash"):
            cls.host.put(PROGRAMS / program, f"/srv/{program}")
        cls.host.run("chmod 755 /srv/sr-*; mkdir -p /srv/state; wipefs -aq " + DEVICE)

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

    def nothing_left_in_pool(self):
        self.assertEqual(self.out("lvs --noheadings -o lv_name vg | tr -d ' '"), "pool")
        self.assertEqual(self.out("lvs --noheadings -o lv_tags vg/pool | tr -d ' '"), "")
        self.assertNotIn("muster", self.out("dmsetup ls"))

    def test_lvm_contract(self):
        """What LVM's own ways decide; all of it, a quarter of an hour, with MUSTER_LAB_WHOLE=1."""
        pool = self.pool()
        for part in (None,) if os.environ.get("MUSTER_LAB_WHOLE") else ("snapshot", "replace", "grows"):
            self.tap("sr-contract", "lvmthin", pool, only=part)
        self.nothing_left_in_pool()

    @unittest.skipUnless(os.environ.get("MUSTER_LAB_WHOLE"), "a quarter of an hour: MUSTER_LAB_WHOLE=1")
    def test_lvm_killed_in_a_snapshot(self):
        self.tap("sr-crash", "lvmthin", self.pool(), only="snapshot of two disks")
        self.nothing_left_in_pool()

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

    def export(self):
        """An XFS that this very machine exports over NFS, gone after the test; its directory."""
        self.host.run(f"mkfs.xfs -q -f {DEVICE} && mkdir -p /srv/fs && mount {DEVICE} /srv/fs && mkdir /srv/fs/sr")
        self.addCleanup(self.host.run, f"umount /srv/fs && wipefs -aq {DEVICE}")
        self.host.run("mkdir -p /etc/exports.d && echo '/srv/fs/sr 127.0.0.1(rw,no_root_squash,fsid=1,no_subtree_check)' "
                      "> /etc/exports.d/muster.exports && systemctl start nfs-server && exportfs -ra")
        self.addCleanup(self.host.run, "rm -f /etc/exports.d/muster.exports; exportfs -ra; systemctl stop nfs-server")
        return "/srv/fs/sr"

    def test_nfs_contract(self):
        place = self.export()
        self.tap("sr-contract", "nfs", {"server": "127.0.0.1", "serverpath": place})
        self.assertEqual(self.out(f"mount -t nfs4; ls -A /srv/state/mnt; ls -A {place}"), "")

    def test_nfs_export_that_is_not_there_is_an_error(self):
        self.export()
        done = self.host.run("/srv/sr-contract --driver nfs --state /srv/state --param server=127.0.0.1 "
                             "--param serverpath=/nowhere --only plausible", check=False, timeout=PATIENCE_S)
        self.assertIn("not ok", done.stdout)
        self.assertIn("127.0.0.1:/nowhere", done.stdout)
        self.assertEqual(self.out("mount -t nfs4; ls -A /srv/state/mnt"), "")


if __name__ == "__main__":
    unittest.main()
