# SPDX-License-Identifier: Apache-2.0
"""Looking for alarms: what a look at 30,000 VMs by ten rules costs, scaled from a part of them."""

import tempfile

from tests.bench.bench_metrics import run_program
from tests.bench.figure import Figure

HOSTS = 200


def run():
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder:
        took = run_program("alarm-look", folder, HOSTS)
    scale = 300000 / took["pairs"]
    yield Figure("alarms.look.30000vms.10rules", took["look"] * scale, "ms", 100)
    yield Figure("alarms.look.first", took["first"] * scale, "ms")
    # Every 5 s.
    yield Figure("alarms.cpu", took["look"] * scale / 5000 * 100, "%core", 2)
