# SPDX-License-Identifier: Apache-2.0
"""Consoles on the agent's admin socket, with a simulated host: readers, a writer, a flood, VMs that
stop and start, VNC."""

import json
import pathlib
import socket
import struct
import tempfile
import threading
import unittest

from tests.support.fleet import Agent, Fleet
from tests.support.ports import free_port
from tests.support.rest import DEADLINE, wait_until
from tests.support.websocket import Closed, Refused, WebSocket, connect

KERNEL = "/etc/hostname"  # any file will do for a simulated guest


class ConsoleCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="muster-console-")
        self.addCleanup(folder.cleanup)
        self.fleet = Fleet(pathlib.Path(folder.name))
        self.fleet.__enter__()
        self.addCleanup(self.fleet.__exit__)
        self.agent = Agent(self.fleet, "host1", ("--sim-create", "20ms", "--sim-shutdown", "20ms"))
        self.fleet.agents.append(self.agent)
        self.agent.start()

    def vm(self, name="web", start=True, **more):
        vm = self.agent.define(**{"name": name, "type": "pvh", "memory": "64MiB",
                                  "kernel": KERNEL, **more})
        if start:
            self.agent.rest.action(vm, "start")
        return vm

    def open(self, vm, query="", **options):
        s = connect(f"unix:{self.agent.socket}")
        self.addCleanup(s.close)
        return WebSocket(s, f"/rest/v0/vms/{vm}/console{query}", **options)

    def login(self, ws, name="web", user="joe"):
        ws.read_until(b"web login: ".replace(b"web", name.encode()))
        ws.send(f"{user}\r".encode())
        ws.read_until(f"{user}@{name}:~$ ".encode())

    def say(self, ws, words):
        """Type a command and see its answer, which is not only the echo of it."""
        ws.send(f"echo {words}\r".encode())
        ws.read_until(f"\r\n{words}\r\n".encode())

    def log(self, *words):
        return wait_until(f"a line of the log with {words}", lambda: [
            line for line in self.agent.text().splitlines() if all(w in line for w in words)])

    def refused(self, status, words, vm, query="", **options):
        with self.assertRaises(Refused) as caught:
            self.open(vm, query, **options)
        self.assertEqual(status, caught.exception.status, caught.exception.body)
        self.assertIn(words, json.loads(caught.exception.body)["error"])


class Serial(ConsoleCase):
    def test_a_shell(self):
        ws = self.open(self.vm())
        self.login(ws)
        ws.send(b"uname -a\r")
        ws.read_until(b"Linux web 6.1.0-sim")
        ws.send(b"help\r")
        ws.read_until(b"this list")
        ws.close()
        self.assertEqual(1000, ws.ended().code)
        line = self.log("console closed", "typed_bytes=")[0]
        self.assertIn("kind=serial", line)
        self.assertNotIn("typed_bytes=0", line)

    def test_two_readers_one_writer(self):
        vm = self.vm()
        writer = self.open(vm)
        self.login(writer)
        reader = self.open(vm)  # wants to write as well: second
        reader.read_until(b"you can read; ")
        reader.read_until(b"joe@web:~$ ")  # what was said before it came
        onlooker = self.open(vm, "?mode=read")
        reader.send(b"echo from the reader\r")
        onlooker.send(b"echo from the onlooker\r")
        self.say(writer, "hello")
        for ws in (reader, onlooker):
            seen = ws.read_until(b"\r\nhello\r\n")
            self.assertNotIn(b"from the", seen)
        writer.sock.close()
        reader.read_until(b"you can type from now on")
        self.say(reader, "my turn")
        onlooker.read_until(b"\r\nmy turn\r\n")

    def test_take_over(self):
        vm = self.vm()
        first = self.open(vm)
        self.login(first)
        second = self.open(vm, "?take=true")
        first.read_until(b"types here from now on")
        first.send(b"echo too late\r")
        self.say(second, "mine")
        self.assertNotIn(b"too late", first.read_until(b"\r\nmine\r\n"))
        self.assertIn("was=", self.log("console taken over", vm)[0])

    def test_follows_the_vm(self):
        vm = self.vm()
        ws = self.open(vm)
        self.login(ws)
        self.agent.rest.action(vm, "hard_reboot")
        ws.read_until(b"[muster: web has stopped")
        ws.read_until(b"[muster: web has started]")
        self.login(ws)
        self.agent.rest.action(vm, "hard_shutdown")
        ws.read_until(b"[muster: web has stopped")
        ws.send(b"nobody hears this\r")
        self.agent.rest.action(vm, "start")
        self.login(ws)
        self.say(ws, "again")

    def test_of_a_vm_that_does_not_run(self):
        vm = self.vm(start=False)
        ws = self.open(vm)
        ws.read_until(b"[muster: web does not run")
        self.agent.rest.action(vm, "start")
        self.login(ws)

    def test_the_agent_stops(self):
        ws = self.open(self.vm())
        self.login(ws)
        self.assertEqual(0, self.agent.stop())
        self.assertEqual(1001, ws.ended().code)

    def test_a_paused_guest_is_silent(self):
        vm = self.vm()
        ws = self.open(vm)
        self.login(ws)
        self.agent.rest.action(vm, "pause")
        ws.send(b"echo asleep\r")
        with self.assertRaises(TimeoutError):
            ws.sock.settimeout(1)
            ws.message()
        ws.sock.settimeout(DEADLINE)
        self.agent.rest.action(vm, "unpause")
        ws.read_until(b"\r\nasleep\r\n")

    def test_a_flood_harms_nobody(self):
        """One guest says `yes`; nobody reads it, or somebody does, slowly. Memory stays, another VM's
        console answers."""
        noisy, quiet = self.vm("noisy"), self.vm("quiet")
        calm = self.open(quiet)
        self.login(calm, "quiet")
        flood = self.open(noisy)
        self.login(flood, "noisy")
        deaf = [self.open(noisy, "?mode=read") for _ in range(5)]
        before = self.agent.status_kib("VmRSS")
        flood.send(b"yes flood\r")
        flood.read_until(b"flood\r\nflood\r\n")
        seen = 0
        while seen < 6 << 20:  # longer than every queue on the way
            seen += len(flood.message()[1])
            if seen % 50 == 0:
                self.say(calm, f"calm {seen}")
        self.say(calm, "calm")
        self.assertLess(self.agent.status_kib("VmRSS") - before, 6000)
        late = self.open(noisy, "?mode=read")
        self.assertIn(b"flood", late.read_until(b"flood\r\n"))
        deaf[0].read_until(b"bytes left out: this connection is too slow]")
        flood.send(b"x")
        flood.read_until(b"^C\r\n")

    def test_a_guest_that_does_not_listen(self):
        """What is typed waits, up to a bound, and then the sender does."""
        vm = self.vm()
        ws = self.open(vm)
        self.login(ws)
        self.agent.rest.action(vm, "pause")
        before = self.agent.status_kib("VmRSS")
        ws.sock.settimeout(1)
        sent = 0
        with self.assertRaises(TimeoutError):
            while sent < 50 << 20:
                ws.send(b"echo x\r" * 1000)
                sent += 7000
        self.assertLess(self.agent.status_kib("VmRSS") - before, 4000)

    def test_refusals(self):
        vm = self.vm()
        self.refused(404, "no such VM", "01234567-89ab-cdef-0123-456789abcdef")
        self.refused(400, "kind", vm, "?kind=spice")
        self.refused(400, "mode", vm, "?mode=edit")
        self.refused(400, "take", vm, "?take=maybe")
        self.refused(400, "takes nothing over", vm, "?mode=read&take=true")
        self.refused(403, "origin", vm, headers=["Origin: https://evil.example"])
        self.refused(404, "no VNC console", vm, "?kind=vnc")
        self.refused(409, "no display", self.vm("off", start=False), "?kind=vnc")

    def test_a_plain_get_is_told_to_upgrade(self):
        vm = self.vm()
        status, headers, body = self.agent.rest.request("GET", f"/vms/{vm}/console")
        self.assertEqual((426, "websocket"), (status, headers["Upgrade"]))
        self.assertIn("muster vm console", body["error"])
        self.assertEqual(400, self.agent.rest.request("GET", f"/vms/{vm}/console?kind=x")[0])
        self.assertEqual(405, self.agent.rest.request("POST", f"/vms/{vm}/console")[0])

    def test_no_more_than_the_limit(self):
        vm = self.vm()
        sockets = [self.open(vm, "?mode=read") for _ in range(32)]
        self.refused(503, "32 WebSockets", vm)
        sockets.pop().sock.close()
        wait_until("there is room again", lambda: self.may_open(vm))

    def may_open(self, vm):
        try:
            return self.open(vm)
        except Refused:
            return None


class FakeVnc:
    """QEMU's end of RFB 3.8, as far as a test needs it: the handshake, then what the viewer sent."""

    def __init__(self):
        self.port = free_port()  # also once the server is closed
        self.server = socket.create_server(("127.0.0.1", self.port))

    def accept(self):
        s, _ = self.server.accept()
        s.settimeout(DEADLINE)
        s.sendall(b"RFB 003.008\n")
        assert self.read(s, 12) == b"RFB 003.008\n"
        s.sendall(b"\x01\x01")
        assert self.read(s, 1) == b"\x01"
        s.sendall(b"\0\0\0\0")
        assert self.read(s, 1) == b"\x01", "the connection has to be a shared one"
        name = b"screen"
        s.sendall(struct.pack(">HH16sI", 640, 480, b"", len(name)) + name)
        return s

    @staticmethod
    def read(s, n):
        data = b""
        while len(data) < n:
            piece = s.recv(n - len(data))
            assert piece, f"ended after {data!r}"
            data += piece
        return data


KEY_A = b"\x04\x01\0\0\0\0\0\x61"
UPDATE = b"\x03\0\0\0\0\0\x02\x80\x01\xe0"


class Vnc(ConsoleCase):
    def setUp(self):
        super().setUp()
        self.screen = FakeVnc()
        self.addCleanup(self.screen.server.close)
        self.screened = self.vm("screen", cmdline=f"sim.vnc={self.screen.port}")

    def view(self, query=""):
        """(viewer, the server's end) after the handshake"""
        accepted = []
        thread = threading.Thread(target=lambda: accepted.append(self.screen.accept()))
        thread.start()
        ws = self.open(self.screened, "?kind=vnc" + query)
        ws.read_until(b"RFB 003.008\n")
        ws.send(b"RFB 003.008\n")
        ws.read_until(b"\x01\x01")
        ws.send(b"\x01")
        ws.read_until(b"\0\0\0\0")
        ws.send(b"\x00")  # not shared: nobody may throw the others out
        ws.read_until(b"screen")
        thread.join(DEADLINE)
        self.addCleanup(accepted[0].close)
        return ws, accepted[0]

    def test_keys_of_those_who_may_type(self):
        ws, server = self.view()
        ws.send(KEY_A + UPDATE)
        self.assertEqual(KEY_A + UPDATE, FakeVnc.read(server, 18))
        reader, end = self.view("&mode=read")
        reader.send(UPDATE + KEY_A + b"\x05\x01\0\1\0\1" + b"\x06\0\0\0\0\0\0\3abc" + UPDATE)
        self.assertEqual(UPDATE + UPDATE, FakeVnc.read(end, 20))
        second, far = self.view()  # there is a writer already
        second.send(KEY_A + UPDATE)
        self.assertEqual(UPDATE, FakeVnc.read(far, 10))
        taker, other = self.view("&take=true")
        taker.send(KEY_A)
        self.assertEqual(KEY_A, FakeVnc.read(other, 8))
        ws.send(KEY_A + UPDATE)
        self.assertEqual(UPDATE, FakeVnc.read(server, 10))

    def test_pictures_and_the_end(self):
        ws, server = self.view()
        picture = bytes(range(256)) * 8192  # 2 MiB, larger than all queues
        sender = threading.Thread(target=lambda: (server.sendall(picture), server.close()))
        sender.start()
        data = b""
        while len(data) < len(picture):
            data += ws.message()[1]
        self.assertEqual(picture, data)
        sender.join(DEADLINE)
        end = ws.ended()
        self.assertEqual(4409, end.code)
        self.assertIn("display has ended", end.reason)

    def test_a_viewer_that_stops_reading_holds_its_server_back(self):
        ws, server = self.view()
        before = self.agent.status_kib("VmRSS")
        server.settimeout(1)
        with self.assertRaises(TimeoutError):
            server.sendall(b"x" * (64 << 20))
        self.assertLess(self.agent.status_kib("VmRSS") - before, 4000)
        ws.sock.close()

    def test_a_message_that_is_not_known(self):
        ws, _ = self.view()
        ws.send(b"\x77")
        end = ws.ended()
        self.assertEqual(4501, end.code)
        self.assertIn("VNC message 119", end.reason)

    def test_nobody_listens(self):
        self.screen.server.close()
        with self.assertRaises((Closed, Refused)) as caught:
            self.open(self.screened, "?kind=vnc").message()
        self.assertIn("display", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
