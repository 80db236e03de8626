# SPDX-License-Identifier: Apache-2.0
"""An aggregator in a lab host's dom0, on a disk that loses its power; FakeAgent and Feed take it for a Fleet."""

import functools

from fleet_case import BUILD, OP_DEADLINE
from host import EmulatorFailed
from tests.support.rest import Rest

PORT, FLEET_PORT = 8443, 8444


def again_if_the_emulator_failed(test):
    """A test with a host of its own: without a verdict it begins anew, at most twice."""

    @functools.wraps(test)
    def run(self):
        for _ in range(2):
            try:
                return test(self)
            except EmulatorFailed as failed:
                print(f"the emulator failed, once more: {failed}")
                self.doCleanups()
        return test(self)

    return run


class Dom0Aggregator:
    """Its state is in dom0, in `state`; `folder` is outside, for what a client has."""

    def __init__(self, host, folder, state):
        self.host, self.folder, self.state = host, folder, state
        self.pid = self.token = self.rest = self.anonymous = self.fleet_port = None

    def install(self):
        """The program, and its state made."""
        self.host.put(BUILD / "aggregator/muster-aggregator", "/usr/sbin/muster-aggregator")
        missing = self.host.out("ldd /usr/sbin/muster-aggregator | awk '/not found/'")
        assert not missing, f"dom0 lacks libraries (add them to tests/lab/recipe/packages):\n{missing}"
        self.token = self.host.out(["muster-aggregator", "init", "--state", self.state, "--print-token"])
        (self.folder / "ca.crt").write_text(self.host.read(f"{self.state}/ca.crt"))

    def start(self):
        log, address = "/run/aggregator.log", "0.0.0.0"
        # It sends to a store that is away, so that there are marks of remote_write as well.
        self.pid = self.host.out(
            f"setsid muster-aggregator run --state {self.state} --listen {address}:{PORT} "
            f"--fleet-listen {address}:{FLEET_PORT} --socket /run/aggregator.sock "
            f"--remote-write http://127.0.0.1:9/ > {log} 2>&1 < /dev/null & echo $!")
        self.host.wait_run("the aggregator to serve", f"kill -0 {self.pid} || {{ cat {log}; exit 0; }}; "
                           "curl -sf --unix-socket /run/aggregator.sock http://x/rest/v0/ping", OP_DEADLINE)
        assert self.host.run(f"kill -0 {self.pid}", check=False).returncode == 0, self.host.read(log)
        self.fleet_port = self.host.forward(FLEET_PORT)
        url = f"https://127.0.0.1:{self.host.forward(PORT)}"
        self.rest = Rest(url, self.token, self.folder / "ca.crt")
        self.anonymous = Rest(url, None, self.folder / "ca.crt")

    def kill(self):
        self.host.run(["kill", "-9", self.pid])
        self.host.wait_run("the aggregator's end", f"! kill -0 {self.pid}")

    def join_token(self):
        return self.rest.post("/join-tokens", {})["token"]
