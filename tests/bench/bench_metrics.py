# SPDX-License-Identifier: Apache-2.0
"""The archives of metrics: the engine alone, the keeper with its files, RRDtool's library beside them.

1,000 hosts of 790 series are 30,000 VMs with 25 series each and 40 of the host, sampled every 5 s.
The keeper's run has its own clock (two hours of steps, so that all memory is in use) and a fifth of
the hosts, MUSTER_BENCH_HOSTS; its CPU time is scaled to 1,000. CPU time is that of all threads with the
kernel's part; nothing of the stream's cost (TLS, gRPC, framing) is in it.
"""

import os
import pathlib
import subprocess
import tempfile

from tests.bench.figure import Figure

HOSTS = int(os.environ.get("MUSTER_BENCH_HOSTS", "200"))
STEPS = int(os.environ.get("MUSTER_BENCH_STEPS", "1460"))
SHARD_BYTES, COLUMNS = 8584576, 1024


class AtLeast(Figure):
    """`goal` is the least that it should be."""

    def __str__(self):
        ok = self.goal is None or self.value >= self.goal
        goal = "-" if self.goal is None else f"{self.goal:g}"
        return f"{self.name} {self.value:.4g} {self.unit} goal {goal} {'ok' if ok else 'short'}"


def run_program(name, *args):
    program = pathlib.Path(os.environ["MUSTER_BUILD"]) / "tests/bench" / name
    done = subprocess.run([program, *map(str, args)], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return {key: float(value) for key, value in map(str.split, done.stdout.splitlines())}


def run():
    engine = run_program("metric-engine", 1000)
    yield AtLeast("metrics.store", engine["store"], "Msamples/s/core", 400)
    yield AtLeast("metrics.store.journal", engine["store.journal"], "Msamples/s/core")
    yield Figure("metrics.minute", engine["minute"], "ms")
    yield Figure("metrics.read.seconds", engine["read.seconds"], "us", 10)
    yield Figure("metrics.read.minutes", engine["read.minutes"], "us", 10)
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder:
        kept = run_program("metric-store", folder, HOSTS, STEPS)
    yield Figure("metrics.1000hosts.cpu", kept["ingest.cpu"] * 1000 / HOSTS, "%core", 0.5)
    yield AtLeast("metrics.keep", kept["ingest.rate"], "Msamples/s/core")
    yield Figure("metrics.written", kept["ingest.written"], "B/sample", 6)
    yield Figure("metrics.dirtied", kept["ingest.dirtied"], "B/sample")
    yield Figure("metrics.memory", kept["memory"], "B/series", 2048)
    yield Figure("metrics.disk", SHARD_BYTES / COLUMNS, "B/series", 8400)
    yield Figure("metrics.restart.800k", kept["restart"] * 800000 / (HOSTS * 790), "s", 2)
    for level in ("hours", "days"):
        yield Figure(f"metrics.read.{level}.warm", kept[f"read.{level}.warm"], "us", 10)
        yield Figure(f"metrics.read.{level}.cold", kept[f"read.{level}.cold"], "us", 2000)
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder:
        peer = run_program("metric-peer", folder, 1000)
    yield AtLeast("peer.librrd.store", peer["rrd.store"], "Msamples/s/core")
    yield Figure("peer.librrd.disk", peer["rrd.disk"], "B/series")
    yield Figure("peer.librrd.read.seconds", peer["rrd.read.seconds"], "us")
