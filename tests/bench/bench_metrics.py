# SPDX-License-Identifier: Apache-2.0
"""The archives of metrics: the engine alone, the keeper with its files, RRDtool's library beside them.

1,000 hosts of 790 series are 30,000 VMs with 25 series each and 40 of the host, sampled every 5 s.
The keeper's run has its own clock (two hours of steps, so that all memory is in use) and a fifth of
the hosts, MUSTER_BENCH_HOSTS; its CPU time is scaled to 1,000. CPU time is that of all threads with the
kernel's part; nothing of the stream's cost (TLS, gRPC, framing) is in it: that has figures of its own
(stream.py).
"""

import os
import pathlib
import subprocess
import tempfile
import threading
import time
import uuid

from tests.bench import stream
from tests.bench.figure import AtLeast, Figure, percentile
from tests.support.fake_agent import FakeAgent, messages
from tests.support.fleet import Fleet
from tests.support.rest import Rest

HOSTS = int(os.environ.get("MUSTER_BENCH_HOSTS", "200"))
STEPS = int(os.environ.get("MUSTER_BENCH_STEPS", "1460"))
SHARD_BYTES, COLUMNS = 8584576, 1024
PAGE_VMS = 1280
PAGE_SERIES = [f"vif_{i}_{way}{what}" for i in (0, 1) for way in ("rx", "tx")
               for what in ("", "_packets", "_errors")] + [
    f"vbd_xvd{d}_{what}" for d in "ab" for what in ("read", "write", "iops_read", "iops_write")] + [
    "cpu_usage", "cpu0", "memory", "memory_target", "uptime"]


def run_program(name, *args):
    program = pathlib.Path(os.environ["MUSTER_BUILD"]) / "tests/bench" / name
    done = subprocess.run([program, *map(str, args)], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return {key: float(value) for key, value in map(str.split, done.stdout.splitlines())}


def page_host(fleet, name):
    """A host of Python with 32,000 series and one step of values."""
    m = messages()
    agent = FakeAgent(fleet, name).enrol()
    vms = [str(uuid.uuid4()) for _ in range(PAGE_VMS)]
    stream = agent.live(*[agent.vm(v) for v in vms])
    stream.send(metric_dictionary=m.metrics.MetricDictionary(generation=1, series=[
        m.metrics.MetricSeries(object_id=uuid.UUID(v).bytes, name=series,
                               kind=m.metrics.METRIC_KIND_GAUGE, unit="")
        for v in vms for series in PAGE_SERIES]))
    stream.send_batches({"seq": 1, "time_ms": int(time.time()) // 5 * 5000,
                         "value": [1.25 * i for i in range(len(vms) * len(PAGE_SERIES))]})
    stream.expect("metric_ack")
    return agent


def pinging(rest, stop, out):
    """How long small requests take, one after the other on a connection."""
    connection = rest.connection()
    while not stop.is_set():
        begin = time.monotonic()
        connection.request("GET", "/rest/v0/ping")
        connection.getresponse().read()
        out.append(time.monotonic() - begin)
    connection.close()


def fleet_page(folder):
    """All of 800,000 series on one page, over TLS, while somebody else asks for little."""
    with Fleet(folder) as fleet:
        fleet.start_aggregator()
        fleet.anonymous = Rest(fleet.url, None, fleet.state / "ca.crt")
        agents = [page_host(fleet, f"h{i}") for i in range(25)]
        stop, pings = threading.Event(), []
        other = threading.Thread(target=pinging, args=(fleet.rest, stop, pings))
        other.start()
        cpu, begin = fleet.aggregator.cpu_seconds(), time.monotonic()
        size = int(subprocess.run(
            ["curl", "-sSf", "--cacert", fleet.state / "ca.crt", "-o", "/dev/null", "-w",
             "%{size_download}", "-H", f"Authorization: Bearer {fleet.rest.token}",
             fleet.url + "/metrics/fleet"], check=True, capture_output=True, text=True).stdout)
        wall, cpu = time.monotonic() - begin, fleet.aggregator.cpu_seconds() - cpu
        stop.set()
        other.join()
        for agent in agents:
            agent.close()
    yield Figure("metrics.page.size", size / 1e6, "MB")
    yield Figure("metrics.page.wall", wall * 1e3, "ms")
    yield Figure("metrics.page.cpu", cpu * 1e3, "ms")
    yield Figure("metrics.page.others.p99", percentile(pings, 99) * 1e3, "ms")


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
    # With ten minutes of journal; then with all that there may be.
    for name, goal in ("restart", 2), ("restart.cold", 2), ("restart.all", None):
        for what in ("", ".cpu"):
            yield Figure(f"metrics.{name}{what}.800k", kept[name + what] * 800000 / (HOSTS * 790), "s", goal)
    for level in ("hours", "days"):
        yield Figure(f"metrics.read.{level}.warm", kept[f"read.{level}.warm"], "us", 10)
        yield Figure(f"metrics.read.{level}.cold", kept[f"read.{level}.cold"], "us", 2000)
    # Pages for Prometheus, scaled to 800,000 samples; the peer is as many lines by printf().
    pages = run_program("metric-expose")
    scale = 800000 / pages["samples"]
    yield Figure("metrics.expose.write.800k", pages["write"] * scale, "ms", 35)
    yield Figure("metrics.expose.gather.800k", pages["gather"] * scale, "ms")
    yield Figure("metrics.expose.gather.host", pages["slice"], "ms", 1)
    yield Figure("peer.printf.800k", pages["printf"] * scale, "ms")
    # Requests of remote_write, of one step (as it goes along) and of twelve (to catch up).
    for name in ("remote", "remote12"):
        yield Figure(f"metrics.{name}.encode", pages[f"{name}_encode_ns"], "ns/sample")
        yield Figure(f"metrics.{name}.snappy", pages[f"{name}_snappy_ns"], "ns/sample")
        yield Figure(f"metrics.{name}.bytes", pages[f"{name}_bytes"], "B/sample")
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder:
        yield from fleet_page(pathlib.Path(folder))
    yield from stream.figures()
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder:
        peer = run_program("metric-peer", folder, 1000)
    yield AtLeast("peer.librrd.store", peer["rrd.store"], "Msamples/s/core")
    yield Figure("peer.librrd.disk", peer["rrd.disk"], "B/series")
    yield Figure("peer.librrd.read.seconds", peer["rrd.read.seconds"], "us")
