# SPDX-License-Identifier: Apache-2.0
"""deploy/quickstart --lab: a real Xen host, managed with two commands."""

import os
import subprocess
import unittest

from tests.support import demo

LAB = demo.ROOT / "tests/lab/lab"


class QuickstartLab(unittest.TestCase):
    def test_a_guest_is_started_on_real_xen(self):
        host = demo.Demo()
        self.addCleanup(host.remove)
        environment = {**os.environ, "MUSTER_BUILD": str(demo.BUILD)}
        done = subprocess.run(host.argv("--lab", "--detach"), env=environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=900, check=False)
        self.assertEqual(0, done.returncode, done.stdout)
        host.read_env()
        started = host.muster("vm", "start", "guest-1", timeout=300)
        self.assertEqual(0, started.returncode, started.stderr)
        listed = subprocess.run([str(LAB), "ssh", "quickstart", "xl", "list"], text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=300,
                                check=True).stdout
        self.assertIn("guest-1", listed)
        stopped = host.muster("vm", "stop", "guest-1", "--force", timeout=300)
        self.assertEqual(0, stopped.returncode, stopped.stderr)


if __name__ == "__main__":
    unittest.main()
