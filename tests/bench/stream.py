# SPDX-License-Identifier: Apache-2.0
"""Metrics from the socket to the archives: gRPC, mutual TLS, framing, decoding, memory, journal.

Hosts of 790 series (40 of their own, 30 VMs with 25 each, of which 9 have a counter) are streams of
Debian's grpcio to a whole aggregator; its CPU time counts, that of all threads with the kernel's part.
Once as fast as it takes them, which is what a fleet sends after a cut: as many in a message as there may
be, and, to compare, one by one. Then 200 batches a second, as 1,000 hosts send. Agents
sample at the same points of the wall clock and send at once: 1,000 together every 5 s. Here it is 50 four
times a second; one machine cannot send so many at once, so the aggregator is stopped meanwhile. Evenly, each
a waking of its own, they come when no clock of the fleet is right. The same steps come again and
again under new numbers, so that an hour of messages fits into the ten minutes that are taken; for
the aggregator that is the same work.
"""

import os
import pathlib
import signal
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
SERIES, COUNTED, STEPS = 790, 270, 100
TOGETHER = min(32, 16384 // (SERIES + COUNTED))
ACK_EVERY = 12


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def bodies(now, base=False):
    """Batches without their number, which is put behind them: made once for all streams."""
    m = messages().metrics
    for i in range(STEPS):
        values = [((i * 7 + k) * 2654435761 % 1000003) / 7 if k % 5 > 1 else 0.0
                  for k in range(SERIES)]
        counted = [(i * 7 + k) * 2654435761 % 1013 if k % 5 > 1 else 0 for k in range(COUNTED)]
        yield m.MetricBatch(time_ms=(now - STEPS + i) * 5000, value=values, counted=counted,
                            counted_base=base).SerializeToString()


def message(batches, first, last):
    """Of batches from that number on. As the agent does it, one asks to be acknowledged when there is
    a twelfth in it, and here the last does."""
    asks = False
    body = b"\x08\x01"
    for seq, batch in enumerate(batches, first):
        number = b"\x08" + varint(seq)
        body += b"\x12" + varint(len(batch) + len(number)) + batch + number
        asks |= seq % ACK_EVERY == 0 or seq == last
    body += b"" if asks else b"\x18\x01"
    return b"\x2a" + varint(len(body)) + body


def host(fleet, name):
    m = messages().metrics
    agent = FakeAgent(fleet, name).enrol()
    stream = agent.live()
    slots = [(agent.id, f"h{i}", 0) for i in range(40)]
    for _ in range(30):
        vm = str(uuid.uuid4())
        slots += [(vm, f"v{i}", 1790000000000 if i < COUNTED // 30 else 0) for i in range(25)]
    stream.send(metric_dictionary=m.MetricDictionary(generation=1, series=[
        m.MetricSeries(object_id=uuid.UUID(o).bytes, name=name, kind=m.METRIC_KIND_RATE, unit="",
                       counted_since_ms=since) for o, name, since in slots]))
    return agent, stream


def wait_taken(hosts, seq):
    for _, stream in hosts:
        stream.expect("metric_ack", lambda a: a.seq == seq, deadline=600)


def begin(hosts):
    """The first batch brings series into being, and counters stand somewhere."""
    first = next(bodies(int(time.time()) // 5, base=True))
    for _, stream in hosts:
        stream.send_raw(message([first], 1, 1))
    wait_taken(hosts, 1)
    return 1


def flood(fleet, hosts, seq, together):
    """CPU time of a batch in us, so many in a message; and the number of the last."""
    kept = list(bodies(int(time.time()) // 5))
    cpu, end = fleet.aggregator.cpu_seconds(), seq + BATCHES
    for first in range(seq + 1, end + 1, together):
        batches = [kept[n % STEPS] for n in range(first, min(first + together, end + 1))]
        data = message(batches, first, end)
        for _, stream in hosts:
            stream.send_raw(data)
    wait_taken(hosts, end)
    return (fleet.aggregator.cpu_seconds() - cpu) / BATCHES / len(hosts) * 1e6, end


def paced(fleet, hosts, seq, together):
    """CPU time a second with the batches of 1,000 hosts, evenly or those of all streams together, less
    what an aggregator takes with nothing to do. And the number of the last batch of each."""
    start, idle = time.monotonic(), fleet.aggregator.cpu_seconds()
    time.sleep(10)  # polls: this is the measurement
    idle = (fleet.aggregator.cpu_seconds() - idle) / (time.monotonic() - start)
    start, cpu = time.monotonic(), fleet.aggregator.cpu_seconds()
    end = seq + PACED_S * 200 // len(hosts)
    for n in range(PACED_S * 200 // len(hosts) * len(hosts)):
        if n % len(hosts) == 0:
            seq += 1
        if n % 1000 == 0:
            body = next(bodies(int(time.time()) // 5 + STEPS))
        first, last = n % len(hosts) == 0, (n + 1) % len(hosts) == 0
        if first or not together:
            time.sleep(max(0, start + n / 200 - time.monotonic()))  # polls: the pace of a fleet
        if first and together:
            fleet.aggregator.process.send_signal(signal.SIGSTOP)
        hosts[n % len(hosts)][1].send_raw(message([body], seq, end))
        if last and together:
            time.sleep(0.1)  # polls: all of them are in the sockets by then
            fleet.aggregator.process.send_signal(signal.SIGCONT)
    wait_taken(hosts, seq)
    return (fleet.aggregator.cpu_seconds() - cpu) / (time.monotonic() - start) - idle, seq


def figures():
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder, \
            Fleet(pathlib.Path(folder)) as fleet:
        fleet.start_aggregator()
        fleet.anonymous = Rest(fleet.url, None, fleet.state / "ca.crt")
        hosts = [host(fleet, f"h{i}") for i in range(STREAMS)]
        single, seq = flood(fleet, hosts, begin(hosts), 1)
        several, seq = flood(fleet, hosts, seq, TOGETHER)
        yield AtLeast("metrics.socket", SERIES / several, "Msamples/s/core", 50)
        yield Figure("metrics.socket.batch", several, "us")
        yield Figure("metrics.socket.batch.single", single, "us")
        share, seq = paced(fleet, hosts, seq, True)
        yield Figure("metrics.socket.1000hosts.cpu", share * 100, "%core", 0.5)
        share, seq = paced(fleet, hosts, seq, False)
        yield Figure("metrics.socket.1000hosts.evenly.cpu", share * 100, "%core")
        for agent, _ in hosts:
            agent.close()
