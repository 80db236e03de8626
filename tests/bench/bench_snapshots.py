# SPDX-License-Identifier: Apache-2.0
"""How long a snapshot stops a guest, as the guest sees it: the longest time between two of its writes, each on the
disk before the next (tests/lab/recipe/sequencer.c), in the lab's dom0 on LVM thin. Beside it `lvcreate -s` by hand,
in turn in the same run. In an emulator: the ratio counts, not the milliseconds."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))

from disk_case import MIB, OnLvmThin  # noqa: E402
from tests.bench.figure import Figure, percentile  # noqa: E402

ROUNDS = int(os.environ.get("MUSTER_BENCH_ROUNDS", "12"))


class Bench(OnLvmThin):
    NAME = "bench-snapshots"
    figures = []

    def tearDown(self):
        """The host is thrown away as it is."""

    def add(self, name, gaps_ms):
        self.figures.append(Figure(f"{name}: median of {len(gaps_ms)}", percentile(gaps_ms, 50), "ms"))
        self.figures.append(Figure(f"{name}: worst", max(gaps_ms), "ms"))

    def gap(self, do):
        """What the writer saw meanwhile, in ms."""
        self.sequence()
        do()
        return self.sequence()[1] / 1000

    def by_hand(self, vdi, n):
        self.host.run(["lvcreate", "-q", "-s", "-n", f"hand-{n}", f"lab/muster-{vdi}"])

    def rounds(self, vm, vdis, what):
        ours, hand, idle, paused = [], [], [], []
        for n in range(ROUNDS):
            taken = []
            ours.append(self.gap(lambda: taken.append(self.call("vm.snapshot", vm))))
            paused.append(taken[0]["pausedMs"])
            hand.append(self.gap(lambda: [self.by_hand(v, f"{n}-{i}") for i, v in enumerate(vdis)]))
            idle.append(self.gap(lambda: self.host.run(["lvs"])))
            self.host.run("lvremove -q -y $(lvs --noheadings -o lv_full_name -S 'lv_name=~^hand-')")
        self.add(f"{what}: the guest's gap", ours)
        self.add(f"{what}: paused", paused)
        self.add(f"*peer: lvcreate -s by hand, {what}: the guest's gap*", hand)
        self.add(f"*beside an lvs, which stops nothing, {what}: the guest's gap*", idle)

    def runTest(self):
        vm = self.create("pv", self.template("pv"))
        disks = {v["device"]: v["VDI"] for v in self.rest.get("/vbds?fields=*") if v["VM"] == vm}
        self.sh("dd if=/dev/zero of=/root/sequence bs=1M count=4 conv=fsync 2>/dev/null")
        self.start_sequencer("/root/sequence")
        self.rounds(vm, [disks["xvda"]], "one disk")
        data = self.call("vdi.create", self.sr, name_label="data", virtual_size=16 * MIB)["id"]
        self.call("vbd.create", vm, VDI=data)
        self.rounds(vm, [disks["xvda"], data], "two disks")


def run():
    result = unittest.TestResult()
    unittest.TestSuite([Bench()]).run(result)
    if not result.wasSuccessful():
        raise RuntimeError("\n".join(text for _, text in result.errors + result.failures))
    return Bench.figures
