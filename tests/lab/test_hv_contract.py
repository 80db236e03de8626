# SPDX-License-Identifier: Apache-2.0
"""The hypervisor driver's contract (tests/unit/agent/hv/contract.c) on the real thing: libxl in a lab host's dom0."""

import os
import pathlib
import re
import shlex
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from host import GUEST_MEMORY_MIB, TOP, LabHost  # noqa: E402

MINUTES = 10
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD") or TOP / "build")
PROGRAM = "/srv/hv-contract"
GUEST = ["--kernel", "/srv/guest/vmlinux", "--ramdisk", "/srv/guest/guest.cpio.gz", "--cmdline",
         "console=hvc0 rdinit=/init", "--memory", str(GUEST_MEMORY_MIB), "--boot-ms", "120000"]
PATIENCE_S = 1500  # a dozen cases with a guest or more each; a fifth of it on an idle machine


class HvContract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(LabHost.up("hv-contract", cpus=2))
        cls.host.put(BUILD / "tests/unit/agent/hv/hv-contract", PROGRAM)
        cls.host.run(["chmod", "755", PROGRAM])

    def contract(self, group, at_least=4):
        """Runs a group of cases, and gives what the program said."""
        done = self.host.run([PROGRAM, "--driver", "xen", "--group", group, *GUEST], check=False, timeout=PATIENCE_S)
        results = re.findall(r"^(ok|not ok) \d+ - (.*?) # (.*)\n((?:# .*\n)?)", done.stdout, re.MULTILINE)
        plan = re.search(r"^1\.\.(\d+)$", done.stdout, re.MULTILINE)
        self.assertIsNotNone(plan, done.stdout + done.stderr)
        for verdict, case, _, why in results:
            with self.subTest(case):
                self.assertEqual(verdict, "ok", why)
        self.assertEqual(len(results), int(plan[1]), f"it ended early, exit code {done.returncode}: {done.stderr[-2000:]}")
        self.assertGreaterEqual(len(results), at_least, f"there is no group {group}")
        self.assertEqual([row["name"] for row in self.host.xl_list()], ["Domain-0"], "a case left a domain behind")
        return done.stdout

    def test_basics(self):
        self.contract("basics")

    def test_trouble(self):
        self.contract("trouble")

    def test_devices(self):
        said = self.contract("devices")
        self.host.wait_run("no backend is left", '! xenstore-ls /local/domain/0/backend 2>/dev/null | grep -q frontend-id')
        # The kernel lets go of one when the backend of a dead guest has.
        self.host.wait_run("no loop device is left", '[ -z "$(losetup --all)" ]')
        worst = re.search(r"worst pause and unpause beside a build: (\d+) ms", said)
        self.assertIsNotNone(worst, said)
        print(worst[0])

    def test_resources(self):
        self.contract("resources")

    def test_cpupools(self):
        """Under emulation Xen has been seen to hang in this; then the dom0 goes with it."""
        self.contract("cpupools", at_least=3)
        self.assertEqual(self.host.out("xl cpupool-list | awk 'NR > 1 { print $1 }'"), "Pool-0")

    def test_a_killed_build_is_recognisable(self):
        """docs/design/xen-driver.md: ours by its mark in xenstore, incomplete because libxl has no record of it."""
        program = " ".join(shlex.quote(word) for word in [PROGRAM, "--driver", "xen", "--only", "shows in the list", *GUEST])
        domid = self.host.out(f"""{program} >/dev/null 2>&1 & pid=$!; n=0
            until domid=$(xl list | awk '$1 ~ /^contract-/ {{ print $2 }}'); [ -n "$domid" ]; do
                n=$((n+1)); [ $n -lt 1200 ] || exit 1; sleep 0.05; done  # polls: inside dom0, with a deadline
            kill -9 $pid; echo $domid""")
        self.addCleanup(self.host.destroy_guests)
        self.assertEqual(self.host.xenstore(f"/local/domain/{domid}/muster/owner"), "muster-agent")
        self.assertEqual(self.host.out(f"find /var/lib/xen -name 'userdata-d.{domid}.*.libxl-json'"), "")
        self.host.run(["xl", "destroy", domid])
        self.assertEqual([row["domid"] for row in self.host.xl_list()], [0])


if __name__ == "__main__":
    unittest.main()
