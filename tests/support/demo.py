# SPDX-License-Identifier: Apache-2.0
"""A running quickstart for e2e tests: aggregator and simulated hosts, on ports of its own."""

import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.request

from tests.support.ports import free_ports

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD", ROOT / "build"))
QUICKSTART = ROOT / "deploy/quickstart"
DEADLINE = 60
SAID_BY_A_BUG = ("Sanitizer", "runtime error:", "assertion failed")


def program(name):
    """Path of a built program."""
    for path in sorted(BUILD.glob(f"a*/**/{name}")):
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise FileNotFoundError(f"{BUILD} has no {name}")


def wait_for(what, probe, deadline=DEADLINE):
    """The first true result of probe(); AssertionError with its last result after the deadline."""
    end = time.monotonic() + deadline
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"{what} has not happened within {deadline} s: {result!r}")
        time.sleep(0.1)  # polls: the API is looked at as a person would


def is_alive(pid):
    """Is there a process of that pid that is not just waiting to be reaped?"""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


class Demo:
    """deploy/quickstart --detach on a temporary state directory."""

    def __init__(self, hosts=2):
        self.hosts = hosts
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="muster-e2e-"))
        self.port = free_ports(2)  # the fleet's is the next one
        self.env = {}

    def argv(self, *options):
        return [str(QUICKSTART), "--no-install", "--state", str(self.state),
                "--listen", f"127.0.0.1:{self.port}", "--hosts", str(self.hosts), *options]

    def environment(self):
        return {"PATH": os.environ["PATH"], "HOME": str(self.state), "LANG": "C.UTF-8",
                "MUSTER_BUILD": str(BUILD), **{k: v for k, v in os.environ.items()
                                              if k.endswith("SAN_OPTIONS")}}

    def start(self):
        done = subprocess.run(self.argv("--detach"), env=self.environment(), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=300, check=False)
        if done.returncode:
            raise AssertionError(f"quickstart ended with {done.returncode}:\n{done.stdout}")
        self.read_env()
        return done.stdout

    def read_env(self):
        lines = (self.state / "env").read_text().splitlines()
        self.env = dict(line.split("=", 1) for line in lines)

    def stop(self):
        return subprocess.run([str(QUICKSTART), "--stop", "--state", str(self.state)],
                              env=self.environment(), text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                              check=False)

    def remove(self):
        """End it and its folder; what a sanitizer or an assertion said in a log is a failure."""
        self.stop()
        said = [f"{log.name}: {line}" for log in sorted((self.state / "log").glob("*.log"))
                for line in log.read_text(errors="replace").splitlines()
                if any(word in line for word in SAID_BY_A_BUG)]
        shutil.rmtree(self.state, ignore_errors=True)
        if said:
            raise AssertionError("\n".join(said[:20]))

    def pids(self):
        """{name: pid} of what quickstart started."""
        return {path.name: int(path.read_text().split()[0])
                for path in (self.state / "run").iterdir()}

    def kill(self, name, sig=signal.SIGKILL):
        pid = self.pids()[name]
        os.killpg(pid, sig)  # an agent and what begins it anew
        wait_for(f"the end of {name}", lambda: not is_alive(pid))

    def muster(self, *args, env=None, text=None, timeout=120):
        """Run `muster` against this aggregator."""
        return subprocess.run([program("muster"), *args], input=text, text=True,
                              env={**self.environment(), **self.env, **(env or {})},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              check=False)

    def json(self, *args):
        done = self.muster(*args, "-o", "json")
        if done.returncode:
            raise AssertionError(f"muster {' '.join(args)}: {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def rest(self, path, method="GET"):
        """The answer of the aggregator itself, without `muster`."""
        request = urllib.request.Request(
            self.env["MUSTER_URL"] + path, method=method,
            headers={"Authorization": f"Bearer {self.env['MUSTER_TOKEN']}"})
        context = ssl.create_default_context(cafile=self.env["MUSTER_CA"])
        with urllib.request.urlopen(request, context=context, timeout=DEADLINE) as answer:
            return json.load(answer)

    def power(self, name):
        for vm in self.rest("/rest/v0/vms?fields=name_label,power_state"):
            if vm["name_label"] == name:
                return vm["power_state"]
        return None
