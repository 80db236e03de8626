# SPDX-License-Identifier: Apache-2.0
"""The storage contract, and a kill before every step, on ext4, XFS and btrfs: images mounted through loop devices."""

import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.support.filesystem import mounted, run  # noqa: E402

BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD") or pathlib.Path(__file__).resolve().parents[2] / "build")
PROGRAMS = BUILD / "tests/unit/agent/storage"
SIZE = 600 << 20
SHARES_BLOCKS = {"ext4": False, "xfs": True, "btrfs": True}


def loops_over(folder):
    return [line for line in run("losetup", "--list", "--noheadings", "--output", "BACK-FILE").stdout.splitlines() if str(folder) in line]


class Filesystem(unittest.TestCase):
    """One file system per test, with a directory in it for the SR."""

    kind = None

    def setUp(self):
        self.top = mounted(self, self.kind, SIZE)
        self.mount, self.state = self.top / "mnt", self.top / "state"
        self.state.mkdir()
        self.place = self.mount / "sr"
        self.place.mkdir()
        self.loops = len(loops_over(self.top))

    def tap(self, program):
        """{case: (ok, why)}; checks that nothing is left."""
        done = run(PROGRAMS / program, "--driver", "dir", "--param", f"location={self.place}", "--state", self.state, check=False)
        plan = re.search(r"^1\.\.(\d+)$", done.stdout, re.MULTILINE)
        self.assertIsNotNone(plan, done.stdout + done.stderr)
        results = {}
        for verdict, case, why in re.findall(r"^(ok|not ok) \d+ - (.*)\n((?:# .*\n)*)", done.stdout, re.MULTILINE):
            results[case] = verdict
            with self.subTest(case):
                self.assertEqual(verdict, "ok", why)
        self.assertEqual(len(results), int(plan[1]), done.stderr[-2000:])
        self.assertEqual(os.listdir(self.place), [], "files left")
        self.assertEqual(len(loops_over(self.top)), self.loops, "loop devices left")
        return results


class Cases:
    """Not a TestCase itself: the cases of each kind."""

    def test_contract(self):
        self.tap("sr-contract")

    def test_killed_before_every_step(self):
        results = self.tap("sr-crash")
        skipped = [case for case in results if "SKIP" in case]
        self.assertEqual(bool(skipped), not SHARES_BLOCKS[self.kind], "does it share blocks?")
        for case in results:
            if "SKIP" not in case:
                self.assertGreater(int(re.search(r"killed (\d+) times", case)[1]), 2, case)


class Ext4(Cases, Filesystem):
    kind = "ext4"


class Xfs(Cases, Filesystem):
    kind = "xfs"


class Btrfs(Cases, Filesystem):
    kind = "btrfs"


del Filesystem

if __name__ == "__main__":
    unittest.main()
