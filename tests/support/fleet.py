# SPDX-License-Identifier: Apache-2.0
"""An aggregator and simulated agents as child processes, for tests and benchmarks.

    with Fleet(build, folder) as fleet:
        fleet.start_aggregator()
        agent = fleet.add_agent("sim1", "--sim-foreign", "3")
        fleet.rest.vms()

Everything lives under `folder`; logs are DIR/*.log. Only processes started here are ended, by
their pid. kill() is -9, stop() is SIGTERM and waits.
"""

import os
import pathlib
import signal
import subprocess
import uuid

from tests.support.ports import free_port
from tests.support.rest import DEADLINE, Rest, wait_until

BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD", "build"))


class Daemon:
    """A child process with its output in a log file."""

    def __init__(self, argv, log, env=None):
        self.argv, self.log = [str(a) for a in argv], pathlib.Path(log)
        # AddressSanitizer keeps what was freed, by default 256 MB of it: memory would not be ours.
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        self.env = {**os.environ, "ASAN_OPTIONS": sanitizer, **(env or {})}
        self.process = None

    def start(self):
        assert not self.running()
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, env=self.env)
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        if self.running():
            self.process.kill()
        if self.process:
            self.process.wait()

    def stop(self):
        """SIGTERM, wait; the exit code."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(DEADLINE) if self.process else 0
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.argv[0]} did not end on SIGTERM; log: {self.text()[-3000:]}")

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def status_kib(self, key):
        """A memory figure of /proc/PID/status, e.g. "VmRSS"."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise KeyError(key)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_fine_seconds(self):
        """The same in nanoseconds and not in ticks of 10 ms, of the threads that there are now."""
        return sum(int((task / "schedstat").read_text().split()[0])
                   for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir()) / 1e9


class Agent(Daemon):
    def __init__(self, fleet, name, options):
        self.name = name
        self.state = fleet.folder / name
        self.socket = self.state / "agent.sock"
        self.state.mkdir(parents=True, exist_ok=True)
        super().__init__(
            [fleet.build / "agent/muster-agent", "run", "--state", self.state, "--socket",
             self.socket, "--hypervisor", "sim", "--name", name, *options],
            fleet.folder / f"{name}.log")
        self.rest = Rest(f"unix:{self.socket}")

    def start(self):
        super().start()
        wait_until(f"agent {self.name} serves its socket", self._ready)
        return self

    def _ready(self):
        assert self.running(), f"agent {self.name} ended: {self.text()[-3000:]}"
        return self.socket.exists() and self.rest.alive()

    @property
    def host_id(self):
        return (self.state / "host-id").read_text().strip()

    def define(self, **definition):
        """Store a VM definition over the admin socket; its id."""
        definition.setdefault("uuid", str(uuid.uuid4()))
        return self.rest.post(f"/hosts/{self.host_id}/vms", definition)["id"]


class Fleet:
    def __init__(self, folder, build=BUILD, listen_port=0, fleet_port=0):
        self.folder = pathlib.Path(folder)
        self.build = pathlib.Path(build).resolve()
        self.port = listen_port or free_port()
        self.fleet_port = fleet_port or free_port()
        self.state = self.folder / "aggregator"
        self.url = f"https://127.0.0.1:{self.port}"
        self.agents = []
        self.aggregator = None
        self.rest = None

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *exc):
        for daemon in [*self.agents, *([self.aggregator] if self.aggregator else [])]:
            daemon.kill()

    def start_aggregator(self, *options):
        program = self.build / "aggregator/muster-aggregator"
        if not (self.state / "ca.crt").exists():
            token = subprocess.run(
                [program, "init", "--state", self.state, "--print-token"], check=True,
                stdout=subprocess.PIPE, text=True).stdout.strip()
            (self.folder / "token").write_text(token)
        token = (self.folder / "token").read_text()
        self.aggregator = Daemon(
            [program, "run", "--state", self.state, "--listen", f"127.0.0.1:{self.port}",
             "--fleet-listen", f"127.0.0.1:{self.fleet_port}", "--socket",
             self.state / "aggregator.sock", *options], self.folder / "aggregator.log")
        self.rest = Rest(self.url, token, self.state / "ca.crt")
        self.restart_aggregator()

    def restart_aggregator(self):
        """Start (again) and wait until it serves."""
        self.aggregator.start()
        wait_until("the aggregator serves", self._ready)

    def _ready(self):
        assert self.aggregator.running(), f"aggregator ended: {self.aggregator.text()[-3000:]}"
        return self.rest.alive()

    def join_token(self):
        return self.rest.post("/join-tokens", {})["token"]

    def add_agent(self, name, *options, start=True):
        """Enrol and start a simulated host."""
        agent = Agent(self, name, options)
        subprocess.run(
            [self.build / "agent/muster-agent", "enrol", "--state", agent.state, "--server",
             self.url, "--token", self.join_token()], check=True, stdout=subprocess.DEVNULL)
        self.agents.append(agent)
        if start:
            agent.start()
        return agent

    def wait_connected(self, n, deadline=DEADLINE):
        wait_until(f"{n} hosts are connected", lambda: n == sum(
            1 for h in self.rest.get("/hosts?fields=connected") if h["connected"]), deadline, 0.3)
