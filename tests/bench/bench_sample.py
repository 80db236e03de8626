# SPDX-License-Identifier: Apache-2.0
"""What a sample of 200 VMs costs an agent: 2 vifs, 2 disks and 4 vCPUs each, from the device counters to the window.

The counters lie in a folder of a tmpfs that looks like sysfs and /proc; how much more the kernel's own files cost is
measured beside it and added for each file. Hypercalls (one for the host, one for 256 domains, one for each vCPU) are
not in it: there is no hypervisor here.
"""

import os
import pathlib
import subprocess
import tempfile

from tests.bench.figure import Figure

VMS, VCPUS, STEP_S = 200, 4, 5
FILES = VMS * 2 * 4 + 4 * 8 + 8  # of disks, of cards, of the host's disks: all that are opened one by one


def run():
    program = pathlib.Path(os.environ["MUSTER_BUILD"], "tests/bench/agent-sample")
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="muster-bench-") as folder:
        out = subprocess.run([program, folder, str(VMS)], check=True, capture_output=True, text=True).stdout
    found = {name: float(value) for name, value in map(str.split, out.splitlines())}
    kernels = found["sample"] + FILES * max(0, found["read.sysfs"] - found["read.tree"]) / 1e3
    share = kernels / 1e3 / STEP_S * 100
    return [
        Figure("series of a sample", found["series"], ""),
        Figure("device counters of the VMs", found["devices"], "ms"),
        Figure("cards and disks of the host", found["host"], "ms"),
        Figure("rates and names", found["values"], "ms"),
        Figure("history and window", found["keeping"], "ms"),
        Figure("a file of the tree, opened, read and closed", found["read.tree"], "us"),
        Figure("a counter of the kernel's, the same", found["read.sysfs"], "us"),
        Figure("a sample, with files of the kernel's", kernels, "ms"),
        Figure("at a step of 5 s", share, "% of a core", 1),
    ]
