# SPDX-License-Identifier: Apache-2.0
"""The serial console of a real guest: browser's WebSocket, aggregator, tunnel, agent in dom0,
xenconsoled's pty, a shell in a PV guest."""

import pathlib
import sys
import tempfile
import unittest
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from host import GUEST_MEMORY_MIB, LabHost  # noqa: E402
from tests.support.fleet import BUILD, Fleet  # noqa: E402
from tests.support.rest import wait_until  # noqa: E402
from tests.support.websocket import WebSocket, connect  # noqa: E402

OUTSIDE = LabHost.OUTSIDE
GUEST = {"type": "pv", "vcpus": 1, "memory": f"{GUEST_MEMORY_MIB}MiB", "kernel": "/srv/guest/vmlinux",
         "ramdisk": "/srv/guest/guest.cpio.gz", "cmdline": "console=hvc0 rdinit=/init quiet mitigations=off"}
PATIENCE_S = 300


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="muster-lab-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.fleet = cls.enterClassContext(Fleet(cls.folder.name))
        cls.fleet.start_aggregator("--name", OUTSIDE)
        cls.host = cls.enterClassContext(LabHost.up("console"))
        cls.host.run("systemctl stop muster-agent; rm -rf /var/lib/muster", check=False)
        cls.host.destroy_guests()
        cls.host.install_agent(BUILD)
        cls.host.run(["muster-agent", "enrol", "--server", f"https://{OUTSIDE}:{cls.fleet.port}",
                      "--token", cls.fleet.join_token()])
        cls.host.write("/etc/muster/agent.conf", f"aggregator = {OUTSIDE}:{cls.fleet.fleet_port}\n")
        cls.host.run(["systemctl", "restart", "muster-agent"])
        cls.fleet.wait_connected(1)
        cls.rest = cls.fleet.rest
        cls.host_id = cls.rest.get("/hosts?fields=id")[0]["id"]

    def vm(self, name):
        definition = {**GUEST, "uuid": str(uuid.uuid4()), "name": name}
        return self.rest.post(f"/hosts/{self.host_id}/vms", definition)["id"]

    def open(self, vm, query=""):
        s = connect(self.fleet.url, self.fleet.state / "ca.crt", PATIENCE_S)
        self.addCleanup(s.close)
        return WebSocket(s, f"/rest/v0/vms/{vm}/console{query}", self.rest.token)

    def agent_kib(self):
        return int(self.host.out("awk '/VmRSS/ { print $2 }' /proc/$(pidof muster-agent)/status"))

    def say(self, ws, number):
        """The shell computes, so that its answer is not the echo of the question."""
        ws.send(f"echo muster-$(({number}+2))\r".encode())
        return ws.read_until(f"muster-{number + 2}".encode())

    def test_a_shell_two_readers_and_a_reboot(self):
        vm = self.vm("shell")
        ws = self.open(vm)  # before it runs: the boot is seen from its first line
        ws.read_until(b"does not run")
        self.rest.action(vm, "start")
        ws.read_until(b"guest up")
        reader = self.open(vm, "?mode=read")
        reader.read_until(b"guest up")  # what was said before it came
        self.say(ws, 40)
        reader.read_until(b"muster-42")
        reader.send(b"echo from-the-reader\r")
        self.assertNotIn(b"from-the-reader", self.say(ws, 50))
        self.rest.action(vm, "hard_reboot")
        for viewer in (ws, reader):
            viewer.read_until(b"[muster: shell has stopped")
            viewer.read_until(b"[muster: shell has started]")
            viewer.read_until(b"guest up")
        self.say(ws, 60)
        reader.read_until(b"muster-62")
        ws.close()
        reader.close()
        # The terminal is free again for xl.
        wait_until("the agent has let go", lambda: "pts" not in self.host.out(
            "ls -l /proc/$(pidof muster-agent)/fd"), PATIENCE_S, 1)
        self.rest.action(vm, "hard_shutdown")

    def test_a_guest_that_floods_harms_nobody(self):
        noisy, quiet = self.vm("noisy"), self.vm("quiet")
        loud, calm = self.open(noisy), self.open(quiet)
        for vm, ws in ((noisy, loud), (quiet, calm)):
            self.rest.action(vm, "start")
            ws.read_until(b"guest up")
        self.say(calm, 40)
        deaf = self.open(noisy, "?mode=read")
        before = self.agent_kib()
        loud.send(b"yes muster-floods\r")
        seen = 0
        for n in range(1, 31):  # so often that the calm one answers the server's pings in time
            while seen < n * 50_000:
                seen += len(loud.message()[1])
            self.say(calm, n * 100)
        self.rest.action(quiet, "pause")
        self.rest.action(quiet, "unpause")
        self.say(calm, 4000)
        self.assertLess(self.agent_kib() - before, 10000)
        self.assertEqual("Running", self.rest.power(noisy))
        loud.send(b"\x03")
        self.say(loud, 70)
        deaf.sock.close()
        for vm in (noisy, quiet):
            self.rest.action(vm, "hard_shutdown")


if __name__ == "__main__":
    unittest.main()
