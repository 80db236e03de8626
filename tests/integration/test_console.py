# SPDX-License-Identifier: Apache-2.0
"""Consoles through the whole fleet: WebSocket, aggregator, tunnel, agent, simulated guest."""

import json
import pathlib
import tempfile
import unittest

from tests.support.fleet import Fleet
from tests.support.rest import Proxy, wait_until
from tests.support.websocket import Refused, WebSocket, connect

KERNEL = "/etc/hostname"  # any file will do for a simulated guest


class ConsoleTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="muster-console-")
        self.addCleanup(folder.cleanup)
        self.fleet = Fleet(pathlib.Path(folder.name))
        self.fleet.__enter__()
        self.addCleanup(self.fleet.__exit__)
        self.fleet.start_aggregator()
        self.rest = self.fleet.rest
        self.proxy = Proxy(("127.0.0.1", self.fleet.fleet_port))
        self.addCleanup(self.proxy.close)
        self.agent = self.fleet.add_agent(
            "host1", "--sim-create", "20ms", "--sim-shutdown", "20ms", "--aggregator",
            f"127.0.0.1:{self.proxy.port}")
        self.fleet.wait_connected(1)

    def tearDown(self):
        for daemon in (self.agent, self.fleet.aggregator):
            for line in daemon.text().splitlines():
                self.assertNotIn("AddressSanitizer", line)
                self.assertNotIn("runtime error", line)

    def vm(self, name="web", **more):
        vm = self.agent.define(**{"name": name, "type": "pvh", "memory": "64MiB",
                                  "kernel": KERNEL, **more})
        wait_until("the aggregator knows it", lambda: vm in self.rest.vms("id"))
        self.rest.action(vm, "start")
        return vm

    def open(self, vm, query="", token=None, where=None, **options):
        s = connect(where or self.fleet.url, self.fleet.state / "ca.crt")
        self.addCleanup(s.close)
        return WebSocket(s, f"/rest/v0/vms/{vm}/console{query}",
                         None if where else self.rest.token if token is None else token, **options)

    def login(self, ws, name="web"):
        ws.read_until(f"{name} login: ".encode())
        ws.send(b"joe\r")
        ws.read_until(f"joe@{name}:~$ ".encode())

    def say(self, ws, words):
        ws.send(f"echo {words}\r".encode())
        ws.read_until(f"\r\n{words}\r\n".encode())

    def audit(self, action, vm):
        return [row for row in self.rest.get("/audit?limit=100")
                if row["action"] == action and row["object"] == vm]

    def refused(self, status, words, vm, query="", **options):
        with self.assertRaises(Refused) as caught:
            self.open(vm, query, **options)
        self.assertEqual(status, caught.exception.status, caught.exception.body)
        self.assertIn(words, json.loads(caught.exception.body)["error"])

    def test_two_readers_one_writer_and_the_audit_log(self):
        vm = self.vm()
        writer = self.open(vm)
        self.login(writer)
        reader = self.open(vm, "?mode=read")
        local = self.open(vm, where=f"unix:{self.agent.socket}")  # the host's own door
        local.read_until(b"you can read; admin types here")
        reader.send(b"echo nobody\r")
        self.say(writer, "hello")
        for ws in (reader, local):
            self.assertNotIn(b"nobody", ws.read_until(b"\r\nhello\r\n"))
        taker = self.open(vm, "?take=true")
        writer.read_until(b"types here from now on")
        self.say(taker, "mine")
        for ws in (writer, reader, taker):
            ws.close()
            self.assertEqual(1000, ws.ended().code)
        closed = wait_until("all closings are recorded", lambda: (
            lambda rows: rows if len(rows) == 3 else None)(self.audit("console.close", vm)))
        self.assertEqual(2, len(self.audit("console.open", vm)))
        take = self.audit("console.take", vm)[0]
        self.assertEqual(("admin", "127.0.0.1", "requested", "serial, write"),
                         tuple(take[key] for key in ("user", "from", "result", "detail")))
        for row in closed:
            self.assertRegex(row["detail"], r"^serial, [1-9]\d* bytes shown, \d+ typed, \d+ s$")
        self.assertEqual(1, sum(", 0 typed" in row["detail"] for row in closed), closed)

    def test_who_may(self):
        vm = self.vm()
        self.refused(401, "token", vm, token="mt1.wrong")
        token = self.rest.post("/users/me/authentication_tokens", {"description": "x"})["token"]
        ws = self.open(vm, "?mode=read", token=token["id"])
        ws.read_until(b"login: ")
        self.rest.delete(f"/users/me/authentication_tokens/{token['uuid']}")
        self.refused(401, "not known", vm, token=token["id"])
        # What is open ends, within seconds; so does an event stream.
        self.assertEqual(4401, ws.ended().code)
        token = self.rest.post("/users/me/authentication_tokens", {"description": "x"})["token"]
        events = self.rest.connection()
        self.addCleanup(events.close)
        events.request("GET", "/rest/v0/events?collections=VM", headers={"Authorization": f"Bearer {token['id']}"})
        stream = events.getresponse()
        self.assertRegex(stream.readline(), rb"^id: \d+\n$")
        self.rest.delete(f"/users/me/authentication_tokens/{token['uuid']}")
        stream.read()  # to its end
        self.refused(404, "no such VM", "01234567-89ab-cdef-0123-456789abcdef")
        self.refused(403, "origin", vm, headers=["Origin: https://evil.example"])
        status, _, body = self.rest.request("GET", f"/vms/{vm}/console")
        self.assertEqual(426, status, body)

    def test_follows_the_vm(self):
        vm = self.vm()
        ws = self.open(vm)
        self.login(ws)
        self.rest.action(vm, "hard_reboot")
        ws.read_until(b"[muster: web has stopped")
        ws.read_until(b"[muster: web has started]")
        self.login(ws)
        self.say(ws, "again")

    def test_a_host_that_is_away(self):
        vm = self.vm()
        ws = self.open(vm)
        self.login(ws)
        self.proxy.cut()
        end = ws.ended()
        self.assertEqual(4503, end.code, end.reason)
        wait_until("it is away", lambda: not self.rest.get("/hosts?fields=connected")[0]["connected"])
        self.refused(503, "not connected", vm)
        self.proxy.mend()
        self.fleet.wait_connected(1)
        ws = self.open(vm)
        ws.read_until(b"joe@web:~$ ")  # the guest has not noticed
        self.say(ws, "back")

    def test_the_agent_restarts(self):
        vm = self.vm()
        ws = self.open(vm)
        self.login(ws)
        self.agent.kill()
        self.assertEqual(4503, ws.ended().code)
        self.agent.start()
        self.fleet.wait_connected(1)
        self.login(self.open(vm))  # a simulated guest's terminal dies with its host's agent

    def test_the_aggregator_stops(self):
        ws = self.open(self.vm())
        self.login(ws)
        self.assertEqual(0, self.fleet.aggregator.stop())
        self.assertEqual(1001, ws.ended().code)
        closed = wait_until("the agent has noticed", lambda: [
            line for line in self.agent.text().splitlines() if "console closed" in line])
        self.assertIn('user="admin" from="127.0.0.1"', closed[0])

    def test_a_flood_harms_nobody(self):
        """Neither the programs' memory, nor the stream of state, nor another VM's console."""
        noisy, quiet = self.vm("noisy"), self.vm("quiet")
        calm = self.open(quiet)
        self.login(calm, "quiet")
        flood = self.open(noisy)
        self.login(flood, "noisy")
        deaf = [self.open(noisy, "?mode=read") for _ in range(5)]
        daemons = (self.agent, self.fleet.aggregator)
        before = [daemon.status_kib("VmRSS") for daemon in daemons]
        flood.send(b"yes flood\r")
        seen = 0
        while seen < 4 << 20:
            seen += len(flood.message()[1])
            if seen % 20 == 0:
                self.say(calm, f"calm {seen}")
        self.rest.action(quiet, "pause")
        self.rest.action(quiet, "unpause")
        self.say(calm, "still calm")
        for daemon, kib in zip(daemons, before):
            self.assertLess(daemon.status_kib("VmRSS") - kib, 20000, daemon.argv[0])
        deaf[0].read_until(b"bytes left out: this connection is too slow]")

    def test_no_more_tunnels_than_the_limit(self):
        vm = self.vm()
        sockets = [self.open(vm, "?mode=read") for _ in range(32)]
        for ws in sockets:
            ws.read_until(b"login: ")
        end = self.open(vm).ended()
        self.assertEqual(4507, end.code)
        self.assertIn("32 tunnels to this host", end.reason)
        sockets.pop().sock.close()
        wait_until("there is room again", lambda: self.audit("console.close", vm) and
                   self.rest.action(vm, "pause") is None)
        self.assertEqual("Paused", self.rest.power(vm))

    def test_revoking_the_host_ends_its_tunnels(self):
        vm = self.vm()
        ws = self.open(vm)
        self.login(ws)
        self.rest.post(f"/hosts/{self.agent.host_id}/actions/revoke")
        self.assertEqual(4403, ws.ended().code)


if __name__ == "__main__":
    unittest.main()
