# SPDX-License-Identifier: Apache-2.0
"""The agent alone with 50 VMs; 200 agents with 30 VMs each against one aggregator.

Agents are real processes on the simulated driver, sampling every 5 s. CPU is counted by the
kernel over a minute of steady state, as a share of one core. The delay is from the request that
changes a VM's state at its agent (pause, over the admin socket) to the event at a REST client of
the aggregator, both on this machine's clock: it includes the operation itself. The list is
compared with the same bytes served as a file by nginx over TLS, in turn, in the same run.
"""

import http.client
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading
import time

from tests.bench.figure import Figure, percentile
from tests.support.fleet import Daemon, Fleet
from tests.support.ports import free_port
from tests.support.rest import wait_until

AGENTS = int(os.environ.get("MUSTER_BENCH_AGENTS", "200"))
VMS = 30
STEADY_S = int(os.environ.get("MUSTER_BENCH_SECONDS", "60"))
DELAY_SAMPLES = 200
LIST_ROUNDS = 15


def steady(daemons):
    """CPU share of one core of each, over STEADY_S."""
    before = [d.cpu_seconds() for d in daemons]
    start = time.monotonic()
    threading.Event().wait(STEADY_S)
    span = time.monotonic() - start
    return [(d.cpu_seconds() - b) / span for d, b in zip(daemons, before)]


def peer_agent(folder):
    """A monitoring agent many hosts run, for scale: Debian's prometheus-node-exporter."""
    program = shutil.which("prometheus-node-exporter")
    if not program:
        return
    port = free_port()
    daemon = Daemon([program, f"--web.listen-address=127.0.0.1:{port}"], folder / "peer.log")
    try:
        daemon.start()

        def scrape():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", "/metrics")
                return connection.getresponse().read()
            except OSError:
                return None

        wait_until("node_exporter answers", scrape)
        for _ in range(12):
            scrape()
        yield Figure("peer.node-exporter.rss", daemon.status_kib("VmRSS") / 1024, "MiB")
    finally:
        daemon.kill()


def agent_alone(folder):
    with Fleet(folder / "one") as fleet:
        fleet.start_aggregator()
        agent = fleet.add_agent("single", "--sim-foreign", "50")
        fleet.wait_connected(1)
        cpu, = steady([agent])
        yield Figure("agent.50vms.rss", agent.status_kib("VmRSS") / 1024, "MiB", 32)
        yield Figure("agent.50vms.private", agent.status_kib("RssAnon") / 1024, "MiB", 16)
        yield Figure("agent.50vms.cpu", 100 * cpu, "%core", 1)
    yield from peer_agent(folder)


class Events(threading.Thread):
    """A subscriber of the aggregator's VM events; remembers when each state first arrived."""

    def __init__(self, rest):
        super().__init__(daemon=True)
        self.rest, self.seen, self.ready = rest, {}, threading.Event()

    def run(self):
        connection = self.rest.connection()
        connection.request("GET", "/rest/v0/events?collections=VM",
                           headers={"Authorization": "Bearer " + self.rest.token})
        reply = connection.getresponse()
        self.ready.set()
        while line := reply.readline():
            if line.startswith(b"data:"):
                now = time.monotonic()
                data = json.loads(line[5:])
                if "power_state" in data:
                    self.seen.setdefault((data["id"], data["power_state"]), now)


def event_delays(fleet):
    events = Events(fleet.rest)
    events.start()
    assert events.ready.wait(60)
    delays = []
    for i in range(DELAY_SAMPLES):
        agent = fleet.agents[i % len(fleet.agents)]
        vms = sorted(agent.rest.vms("id,power_state"))
        vm = vms[i // len(fleet.agents) % len(vms)]
        start = time.monotonic()
        agent.rest.action(vm, "pause")
        seen = wait_until("the event arrives", lambda: events.seen.get((vm, "Paused")), step=0.002)
        delays.append(seen - start)
    return delays


def nginx(folder, body, state):
    """The same bytes as a static file: the floor a web server sets."""
    program = shutil.which("nginx")
    if not program:
        return None, 0
    port = free_port()
    (folder / "www").mkdir()
    (folder / "www/vms.json").write_bytes(body)
    (folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{}}
http {{ access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
server {{ listen 127.0.0.1:{port} ssl; root {folder}/www;
ssl_certificate {state}/server.crt; ssl_certificate_key {state}/server.key; }} }}
""")
    return Daemon([program, "-c", folder / "nginx.conf"], folder / "nginx.log").start(), port


def fetch(port, path, headers):
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=120,
                                             context=ssl._create_unverified_context())
    start = time.monotonic()
    connection.request("GET", path, headers=headers)
    body = connection.getresponse().read()
    connection.close()
    return time.monotonic() - start, body


def listing(fleet, folder):
    headers = {"Authorization": "Bearer " + fleet.rest.token}
    path = "/rest/v0/vms?fields=*"
    _, body = fetch(fleet.port, path, headers)
    n = len(json.loads(body))
    assert n == AGENTS * VMS, f"{n} VMs listed"
    peer, port = nginx(folder, body, fleet.state)
    ours, floor = [], []
    try:
        if peer:
            wait_until("nginx serves", lambda: _try(port))
        for _ in range(LIST_ROUNDS):
            ours.append(fetch(fleet.port, path, headers)[0])
            if peer:
                floor.append(fetch(port, "/vms.json", {})[0])
    finally:
        if peer:
            peer.kill()
    yield Figure("rest.list6000.bytes", len(body) / 1e6, "MB")
    yield Figure("rest.list6000.p50", 1000 * percentile(ours, 50), "ms", 300)
    if floor:
        yield Figure("peer.nginx.samebytes.p50", 1000 * percentile(floor, 50), "ms")
        yield Figure("rest.list6000.vs-nginx", percentile(ours, 50) / percentile(floor, 50), "x",
                     10)


def _try(port):
    try:
        return fetch(port, "/vms.json", {})
    except OSError:
        return None


def whole_fleet(folder):
    with Fleet(folder / "many") as fleet:
        fleet.start_aggregator()
        start = time.monotonic()
        for i in range(AGENTS):
            fleet.add_agent(f"h{i:03}", "--sim-foreign", str(VMS))
        fleet.wait_connected(AGENTS, 600)
        wait_until("all VMs are listed",
                   lambda: len(fleet.rest.get("/vms")) == AGENTS * VMS, 600, 1)
        yield Figure("fleet.enrol-and-start", time.monotonic() - start, "s")
        cpu, *agents = steady([fleet.aggregator, *fleet.agents])
        yield Figure("aggregator.200x30.cpu", 100 * cpu, "%core", 25)
        yield Figure("aggregator.200x30.rss", fleet.aggregator.status_kib("VmRSS") / 1024, "MiB",
                     256)
        yield Figure("agents.30vms.cpu.mean", 100 * sum(agents) / len(agents), "%core", 1)
        delays = event_delays(fleet)
        yield Figure("event.delay.p50", 1000 * percentile(delays, 50), "ms", 100)
        yield Figure("event.delay.p99", 1000 * percentile(delays, 99), "ms", 1000)
        yield from listing(fleet, folder)
        start = time.monotonic()
        fleet.aggregator.kill()
        fleet.restart_aggregator()
        yield Figure("aggregator.restart-to-serving", time.monotonic() - start, "s", 2)


def run():
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as name:
        folder = pathlib.Path(name)
        yield from agent_alone(folder)
        yield from whole_fleet(folder)
