# SPDX-License-Identifier: Apache-2.0
"""What a sample of 30 and of 200 VMs costs an agent: 2 vifs, 2 disks and 4 vCPUs each, from the device counters to the window.

The counters lie in a folder of a tmpfs that looks like sysfs and /proc; how much more the kernel's own files cost is
measured beside it and added for each file. Hypercalls (one for the host, one for 256 domains, one for each vCPU) are
not in it: there is no hypervisor here.
"""

import os
import pathlib
import subprocess
import tempfile

from tests.bench.figure import Figure

VMS, STEP_S = (30, 200), 5
GOALS = {30: 0.3, 200: 1}


def files(vms):
    """Of disks, of cards, of the host's disks: all that are opened one by one."""
    return vms * 2 * 4 + 4 * 8 + 8


def sample(vms):
    program = pathlib.Path(os.environ["MUSTER_BUILD"], "tests/bench/agent-sample")
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="muster-bench-") as folder:
        out = subprocess.run([program, folder, str(vms)], check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in map(str.split, out.splitlines())}


def run():
    for vms in VMS:
        found = sample(vms)
        kernels = found["sample"] + files(vms) * max(0, found["read.sysfs"] - found["read.tree"]) / 1e3
        yield Figure(f"series of a sample, {vms} VMs", found["series"], "")
        yield Figure("device counters of the VMs", found["devices"], "ms")
        yield Figure("cards and disks of the host", found["host"], "ms")
        yield Figure("rates and names", found["values"], "ms")
        yield Figure("history and window", found["keeping"], "ms")
        yield Figure("a file of the tree, opened, read and closed", found["read.tree"], "us")
        yield Figure("a counter of the kernel's, the same", found["read.sysfs"], "us")
        yield Figure("a sample, with files of the kernel's", kernels, "ms")
        yield Figure(f"{vms} VMs at a step of 5 s", kernels / 1e3 / STEP_S * 100, "% of a core", GOALS[vms])
