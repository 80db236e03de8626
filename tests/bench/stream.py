# SPDX-License-Identifier: Apache-2.0
"""Metrics from the socket to the archives: gRPC, mutual TLS, framing, decoding, memory, journal.

Hosts of 790 series (40 of their own, 30 VMs with 25 each) are streams of Debian's grpcio to a whole
aggregator; its CPU time counts, that of all threads with the kernel's part. Once as fast as it takes
them, which is what a fleet sends after a cut, and once as 1,000 hosts send: 200 batches a second, evenly,
each a waking of its own. The same steps come again and again under new numbers, so that an hour of messages fits
into the ten minutes that are taken; for the aggregator that is the same work.
"""

import os
import pathlib
import struct
import tempfile
import time
import uuid

from tests.bench.figure import AtLeast, Figure
from tests.support.fake_agent import FakeAgent, messages
from tests.support.fleet import Fleet
from tests.support.rest import Rest

STREAMS = int(os.environ.get("MUSTER_BENCH_STREAMS", "50"))
BATCHES = int(os.environ.get("MUSTER_BENCH_BATCHES", "1500"))
PACED_S = int(os.environ.get("MUSTER_BENCH_PACED_S", "30"))
SERIES, STEPS = 790, 100


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def bodies(now):
    """Batches without their number, which is put behind them: made once for all streams."""
    m = messages().metrics
    for i in range(STEPS):
        values = [((i * 7 + k) * 2654435761 % 1000003) / 7 if k % 5 > 1 else 0.0
                  for k in range(SERIES)]
        yield m.MetricBatch(generation=1, time_ms=(now - STEPS + i) * 5000,
                            value=values).SerializeToString()


def batch(body, seq):
    number = b"\x08" + varint(seq)
    return b"\x2a" + varint(len(body) + len(number)) + body + number


def host(fleet, name):
    m = messages().metrics
    agent = FakeAgent(fleet, name).enrol()
    stream = agent.live()
    slots = [(agent.id, f"h{i}") for i in range(40)]
    for _ in range(30):
        vm = str(uuid.uuid4())
        slots += [(vm, f"v{i}") for i in range(25)]
    stream.send(metric_dictionary=m.MetricDictionary(generation=1, series=[
        m.MetricSeries(object_id=uuid.UUID(o).bytes, name=name, kind=m.METRIC_KIND_GAUGE, unit="")
        for o, name in slots]))
    return agent, stream


def wait_taken(hosts, seq):
    for _, stream in hosts:
        stream.expect("metric_ack", lambda a: a.seq == seq, deadline=600)


def flood(fleet, hosts):
    """Samples a second and core; the first batch brings series into being and does not count."""
    kept = list(bodies(int(time.time()) // 5))
    for _, stream in hosts:
        stream.send_raw(batch(kept[0], 1))
    wait_taken(hosts, 1)
    cpu = fleet.aggregator.cpu_seconds()
    for seq in range(2, BATCHES + 2):
        for _, stream in hosts:
            stream.send_raw(batch(kept[seq % STEPS], seq))
    wait_taken(hosts, BATCHES + 1)
    cpu = fleet.aggregator.cpu_seconds() - cpu
    return cpu, len(hosts) * BATCHES * SERIES


def paced(fleet, hosts):
    """CPU time a second with the batches of 1,000 hosts, less what an aggregator takes with nothing
    to do."""
    begin, idle = time.monotonic(), fleet.aggregator.cpu_seconds()
    time.sleep(10)  # polls: this is the measurement
    idle = (fleet.aggregator.cpu_seconds() - idle) / (time.monotonic() - begin)
    begin, cpu = time.monotonic(), fleet.aggregator.cpu_seconds()
    seq = BATCHES + 1
    for n in range(PACED_S * 200):
        if n % len(hosts) == 0:
            seq += 1
        if n % 1000 == 0:
            body = next(bodies(int(time.time()) // 5 + STEPS))
        time.sleep(max(0, begin + n / 200 - time.monotonic()))  # polls: the pace of a fleet
        hosts[n % len(hosts)][1].send_raw(batch(body, seq))
    wait_taken(hosts, seq)
    return (fleet.aggregator.cpu_seconds() - cpu) / (time.monotonic() - begin) - idle


def figures():
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder, \
            Fleet(pathlib.Path(folder)) as fleet:
        fleet.start_aggregator()
        fleet.anonymous = Rest(fleet.url, None, fleet.state / "ca.crt")
        hosts = [host(fleet, f"h{i}") for i in range(STREAMS)]
        cpu, samples = flood(fleet, hosts)
        yield AtLeast("metrics.socket", samples / cpu / 1e6, "Msamples/s/core", 50)
        yield Figure("metrics.socket.batch", cpu / samples * SERIES * 1e6, "us")
        yield Figure("metrics.socket.1000hosts.cpu", paced(fleet, hosts) * 100, "%core", 0.5)
        for agent, _ in hosts:
            agent.close()
