# SPDX-License-Identifier: Apache-2.0
"""REST over TLS with 30,000 VMs and 1,000 hosts in the inventory: long lists, filtered and sorted ones,
small requests. The VMs are on the 30 hosts that are connected: 1,000 streams of Python's would keep the
machine busy, and figures are not of streams.

Rates are of the aggregator's processor time, so that what else runs on the machine counts little; the
client is another process. Peers: Python's own writer of the same JSON, and grep looking for the same
word in the same text. MUSTER_BENCH_VMS and MUSTER_BENCH_HOSTS set other numbers.
"""

import json
import os
import pathlib
import resource
import subprocess
import tempfile
import uuid

from tests.bench.bench_metrics import AtLeast
from tests.bench.figure import Figure
from tests.support.fake_agent import FakeAgent, new_key, new_request
from tests.support.fleet import Fleet
from tests.support.rest import Rest

N_HOSTS = int(os.environ.get("MUSTER_BENCH_HOSTS", "1000"))
N_CONNECTED = 30
N_VMS = int(os.environ.get("MUSTER_BENCH_VMS", "30000"))
ROUNDS = 9
N_SMALL = 5000
WORD = "nosuchword"


def hosts(fleet):
    """Those that stay connected. One key for all: making 1,000 would be most of the time."""
    key = new_key()
    csr = new_request(key, "host")
    connected = []
    for i in range(N_HOSTS):
        agent = FakeAgent(fleet, f"h{i}")
        reply = fleet.anonymous.post("/enrol", {"token": fleet.join_token(), "hostId": agent.id,
                                                "name": agent.name, "csr": csr})
        agent.key, agent.cert, agent.ca = key, reply["certificate"], reply["ca"]
        if i < N_CONNECTED:
            agent.live(*[agent.vm(str(uuid.uuid4()), f"vm-{i}-{n}", "RUNNING" if n % 10 else "HALTED")
                         for n in range(N_VMS // N_CONNECTED)])
            connected.append(agent)
        else:
            agent.live()
            agent.close()
    return connected


class Answer:
    """One GET, by curl: what it took."""

    def __init__(self, fleet, path, to="/dev/null"):
        cpu = fleet.aggregator.cpu_fine_seconds()
        out = subprocess.run(
            ["curl", "-sSf", "--cacert", fleet.state / "ca.crt", "-o", to, "-w",
             "%{size_download} %{time_appconnect} %{time_starttransfer} %{time_total}", "-H",
             f"Authorization: Bearer {fleet.rest.token}", fleet.url + "/rest/v0" + path],
            check=True, capture_output=True, text=True).stdout.split()
        self.cpu = fleet.aggregator.cpu_fine_seconds() - cpu
        self.bytes, connected = int(out[0]), float(out[1])
        self.first, self.whole = float(out[2]) - connected, float(out[3]) - connected


def best(fleet, path):
    """The least of each, of some rounds: what else runs only adds."""
    answers = [Answer(fleet, path) for _ in range(ROUNDS)]
    for what in ("cpu", "first", "whole"):
        setattr(answers[0], what, min(getattr(a, what) for a in answers))
    return answers[0]


def small_requests(fleet, path):
    """Requests a CPU second, on one connection."""
    connection = fleet.rest.connection()
    before = fleet.aggregator.cpu_fine_seconds()
    for _ in range(N_SMALL):
        connection.request("GET", "/rest/v0" + path,
                           headers={"Authorization": "Bearer " + fleet.rest.token})
        connection.getresponse().read()
    cpu = fleet.aggregator.cpu_fine_seconds() - before
    connection.close()
    return N_SMALL / cpu


def lists(fleet):
    resident = fleet.aggregator.status_kib("VmRSS")
    yield Figure("rest.resident", resident / 1024, "MB")
    listed = best(fleet, "/vms?fields=*")
    yield Figure("rest.list.size", listed.bytes / 1e6, "MB")
    yield AtLeast("rest.list", listed.bytes / 1e6 / listed.cpu, "MB/s/core", 100)
    yield Figure("rest.list.first", listed.first * 1e3, "ms", 50)
    yield Figure("rest.list.grown", max(0, fleet.aggregator.status_kib("VmHWM") - resident) / 1024, "MB", 8)
    yield Figure("rest.hosts", best(fleet, "/hosts?fields=*").cpu * 1e3, "ms")


def filters(fleet):
    for name, path in (
            ("property", "/vms?filter=name_label:nosuch"),
            ("few", "/vms?fields=*&filter=name_label:vm-7-9%20power_state:Running"),
            ("word", f"/vms?filter={WORD}"),
            ("regex", "/vms?filter=name_label:/-7-9%5Cd*$/i"),
            ("regex.word", "/vms?filter=/%5Enosuch/"),
            ("hex", "/vms?filter=cafecafe"),
            ("number", "/vms?filter=987654321")):
        found = best(fleet, path)
        yield Figure(f"rest.filter.{name}", found.cpu * 1e3, "ms", 30)
        yield Figure(f"rest.filter.{name}.whole", found.whole * 1e3, "ms", 50)
    for name, path in (("sort", "/vms?fields=name_label&sort=power_state,-name_label&limit=100"),
                       ("page", "/vms?fields=name_label&cursor=&limit=100")):
        yield Figure(f"rest.{name}", best(fleet, path).cpu * 1e3, "ms")


def cpu_of(function):
    """CPU seconds of this process and those that it waited for: the least of some rounds."""
    took = []
    for _ in range(ROUNDS):
        before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        function()
        after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        took.append(sum(a.ru_utime + a.ru_stime - b.ru_utime - b.ru_stime for a, b in zip(after, before)))
    return min(took)


def peers(fleet, folder):
    file = folder / "vms.ndjson"
    size = Answer(fleet, "/vms?fields=*&ndjson=true", file).bytes
    vms = [json.loads(line) for line in file.read_text().splitlines()]
    yield Figure("peer.list.python", size / 1e6 / cpu_of(lambda: [json.dumps(vm) for vm in vms]), "MB/s/core")
    grep = ["grep", "-ciF", WORD, file]
    yield Figure("peer.filter.grep", cpu_of(lambda: subprocess.run(grep, stdout=subprocess.DEVNULL, check=False))
                 * 1e3, "ms")


def figures(fleet, folder):
    fleet.start_aggregator()
    fleet.anonymous = Rest(fleet.url, None, fleet.state / "ca.crt")
    agents = hosts(fleet)
    some = fleet.rest.get("/vms?limit=1")[0].removeprefix("/rest/v0")
    Answer(fleet, "/vms?fields=*")  # indexes are made when they are first asked for
    yield from lists(fleet)
    yield from filters(fleet)
    yield AtLeast("rest.small", small_requests(fleet, some), "GET/s/core", 2000)
    yield AtLeast("rest.ping", small_requests(fleet, "/ping"), "GET/s/core", 2000)
    yield from peers(fleet, folder)
    for agent in agents:
        agent.close()


def run():
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder, \
            Fleet(pathlib.Path(folder)) as fleet:
        yield from figures(fleet, pathlib.Path(folder))


if __name__ == "__main__":
    for figure in run():
        print(figure)
