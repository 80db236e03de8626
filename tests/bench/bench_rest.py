# SPDX-License-Identifier: Apache-2.0
"""REST over TLS with 30,000 VMs on 30 hosts: long lists, filtered and sorted ones, small requests.

Rates are of the aggregator's processor time, so that what else runs on the machine counts little; the
client is another process. MUSTER_BENCH_VMS sets the number of VMs.
"""

import os
import pathlib
import subprocess
import tempfile
import time
import uuid

from tests.bench.bench_metrics import AtLeast
from tests.bench.figure import Figure
from tests.support.fake_agent import FakeAgent
from tests.support.fleet import Fleet
from tests.support.rest import Rest

N_HOSTS = 30
N_VMS = int(os.environ.get("MUSTER_BENCH_VMS", "30000"))
ROUNDS = 5
N_SMALL = 2000


def host(fleet, i):
    agent = FakeAgent(fleet, f"h{i}").enrol()
    agent.live(*[agent.vm(str(uuid.uuid4()), f"vm-{i}-{n}", "RUNNING" if n % 10 else "HALTED")
                 for n in range(N_VMS // N_HOSTS)])
    return agent


def curl(fleet, path):
    """(bytes, seconds to the first byte) of a GET."""
    out = subprocess.run(
        ["curl", "-sSf", "--cacert", fleet.state / "ca.crt", "-o", "/dev/null", "-w",
         "%{size_download} %{time_appconnect} %{time_starttransfer}", "-H",
         f"Authorization: Bearer {fleet.rest.token}", fleet.url + "/rest/v0" + path],
        check=True, capture_output=True, text=True).stdout.split()
    return int(out[0]), float(out[2]) - float(out[1])


def best(fleet, path):
    """(bytes, CPU seconds, seconds to the first byte): the least of some rounds."""
    size, cpus, firsts = 0, [], []
    for _ in range(ROUNDS):
        before = fleet.aggregator.cpu_seconds()
        size, first = curl(fleet, path)
        cpus.append(fleet.aggregator.cpu_seconds() - before)
        firsts.append(first)
    return size, min(cpus), min(firsts)


def small_requests(fleet, path):
    """Requests a CPU second, on one connection."""
    connection = fleet.rest.connection()
    before = fleet.aggregator.cpu_seconds()
    for _ in range(N_SMALL):
        connection.request("GET", "/rest/v0" + path,
                           headers={"Authorization": "Bearer " + fleet.rest.token})
        connection.getresponse().read()
    cpu = fleet.aggregator.cpu_seconds() - before
    connection.close()
    return N_SMALL / max(cpu, 0.01)


def run():
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder, \
            Fleet(pathlib.Path(folder)) as fleet:
        fleet.start_aggregator()
        fleet.anonymous = Rest(fleet.url, None, fleet.state / "ca.crt")
        agents = [host(fleet, i) for i in range(N_HOSTS)]
        some = fleet.rest.get("/vms?limit=1")[0].removeprefix("/rest/v0")
        curl(fleet, "/vms?fields=*")  # indexes are made when they are first asked for
        resident = fleet.aggregator.status_kib("VmRSS")
        size, cpu, first = best(fleet, "/vms?fields=*")
        yield Figure("rest.list.size", size / 1e6, "MB")
        yield AtLeast("rest.list", size / 1e6 / max(cpu, 0.01), "MB/s/core", 100)
        yield Figure("rest.list.first", first * 1e3, "ms", 50)
        yield Figure("rest.list.grown", max(0, fleet.aggregator.status_kib("VmHWM") - resident) / 1024,
                     "MB", 8)
        for name, path, goal in (
                ("filter.none", "/vms?filter=name_label:nosuch", 30),
                ("filter.few", "/vms?fields=*&filter=name_label:vm-7-99%20power_state:Running", 50),
                ("filter.any", "/vms?filter=nosuchword", None),
                ("sort", "/vms?fields=name_label&sort=power_state,-name_label&limit=100", None),
                ("page", "/vms?fields=name_label&cursor=&limit=100", None)):
            yield Figure(f"rest.{name}", best(fleet, path)[1] * 1e3, "ms", goal)
        yield AtLeast("rest.small", small_requests(fleet, some), "GET/s/core", 2000)
        yield AtLeast("rest.ping", small_requests(fleet, "/ping"), "GET/s/core", 2000)
        for agent in agents:
            agent.close()


if __name__ == "__main__":
    for figure in run():
        print(figure)
