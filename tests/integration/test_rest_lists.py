# SPDX-License-Identifier: Apache-2.0
"""Long lists: sent in turns, in order, in pages, over everything that HTTP is spoken as."""

import json
import os
import re
import socket
import ssl
import subprocess
import unittest
import urllib.parse

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fleet import BUILD
from tests.support.rest import DEADLINE

N_VMS = 150  # some 400 KiB with all fields


class Lists(AggregatorCase):
    def setUp(self):
        self.host = self.agent()
        self.vms = {self.new_id(): f"vm{i:03}" for i in range(N_VMS)}
        self.stream = self.host.live(*[self.host.vm(vm, name, "RUNNING" if int(name[2:]) % 3 else "HALTED")
                                       for vm, name in self.vms.items()])
        self.addCleanup(self.stream.close)
        self.mine = urllib.parse.quote(f"$container:{self.host.id}")

    def curl(self, *options, path):
        return subprocess.run(
            ["curl", "-sS", "--cacert", self.fleet.state / "ca.crt", "-H",
             f"Authorization: Bearer {self.rest.token}", *options, f"{self.fleet.url}/rest/v0{path}"],
            check=True, capture_output=True, text=True).stdout

    def test_in_turns(self):
        path = f"/vms?fields=*&filter={self.mine}"
        for version in ("--http1.1", "--http2-prior-knowledge", "--http1.0"):
            with self.subTest(version=version):
                listed = json.loads(self.curl(version, path=path))
                self.assertEqual(set(self.vms), {vm["id"] for vm in listed})
        status, headers, listed = self.rest.request("GET", path)
        self.assertEqual((200, "chunked", None),
                         (status, headers["Transfer-Encoding"], headers["Content-Length"]))
        self.assertEqual(N_VMS, len(listed))
        lines = self.rest.get(path + "&ndjson=true")
        self.assertEqual(set(self.vms), {vm["id"] for vm in lines})
        # What the filter leaves out is not there, what limit cuts off neither.
        lines = self.rest.get(f"{path}%20power_state:Halted&ndjson=true&limit=40")
        self.assertEqual((40, {"Halted"}), (len(lines), {vm["power_state"] for vm in lines}))
        self.assertIn("200", self.curl("--head", path=path).splitlines()[0])
        short = self.rest.request("GET", f"/vms?filter={self.mine}&limit=2")[1]
        self.assertIsNotNone(short["Content-Length"])

    def test_two_on_one_connection(self):
        connection = self.rest.connection()
        headers = {"Authorization": "Bearer " + self.rest.token}
        for path in (f"/vms?fields=*&filter={self.mine}", "/ping", f"/vms?fields=*&filter={self.mine}"):
            connection.request("GET", "/rest/v0" + path, headers=headers)
            reply = connection.getresponse()
            self.assertEqual(200, reply.status)
            json.loads(reply.read())
        connection.close()

    def test_a_reader_that_leaves(self):
        for _ in range(5):
            raw = ssl.create_default_context(cafile=self.fleet.state / "ca.crt").wrap_socket(
                socket.create_connection(("127.0.0.1", int(self.fleet.url.rsplit(":", 1)[1]))),
                server_hostname="127.0.0.1")
            raw.sendall((f"GET /rest/v0/vms?fields=*&filter={self.mine} HTTP/1.1\r\nHost: x\r\n"
                         f"Authorization: Bearer {self.rest.token}\r\n\r\n").encode())
            raw.recv(1)
            raw.close()
        self.assertEqual(N_VMS, len(self.rest.get(f"/vms?filter={self.mine}")))

    def test_a_filter_that_comes_to_take_too_long(self):
        """The list has begun: there is no status any more to say it by, so it does not end."""
        def vm(vm_id, description):
            return self.host.vm(vm_id, "long", description=description, tags=[f"{i:02}" + 45 * "t" for i in range(16)])

        host = self.host
        vms = [self.new_id() for _ in range(1000)]  # some 2.5 MB: more than sockets hold
        host.delta(self.stream, *[vm(i, "aab") for i in vms])
        host.wait_acked(self.stream)
        pattern = urllib.parse.quote("name_description:/^(a+)+b?$/")
        reader = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(reader.close)
        reader.settimeout(DEADLINE)
        reader.connect(str(self.fleet.state / "aggregator.sock"))
        reader.sendall((f"GET /rest/v0/vms?fields=*&filter={pattern} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                        f"Authorization: Bearer {self.rest.token}\r\n\r\n").encode())
        text = reader.recv(1)
        host.delta(self.stream, *[vm(i, 60 * "a" + "!") for i in vms])
        host.wait_acked(self.stream)
        while data := reader.recv(1 << 20):
            text += data
        self.assertIn(b" 200 ", text.splitlines()[0])
        self.assertFalse(text.endswith(b"0\r\n\r\n"), text[-200:])
        self.assertLess(text.count(b'"name_label":"long"'), len(vms))
        host.delta(self.stream, removed=vms)
        host.wait_acked(self.stream)

    def test_sorted(self):
        listed = self.rest.get(f"/vms?fields=*&filter={self.mine}&sort=-power_state,-name_label")
        got = [(vm["power_state"], vm["name_label"]) for vm in listed]
        self.assertEqual(sorted(got, reverse=True), got)
        self.assertEqual(N_VMS, len(got))

    def test_sorted_by_the_command_line(self):
        out = subprocess.run(
            [BUILD / "aggregator/cli/muster", "-o", "json", "vm", "list", "--sort=-name_label", "--limit", "3",
             "--filter", f"$container:{self.host.id}"], check=True, capture_output=True, text=True,
            env={**os.environ, "MUSTER_URL": self.fleet.url, "MUSTER_TOKEN": self.rest.token,
                 "MUSTER_CA": str(self.fleet.state / "ca.crt")}).stdout
        self.assertEqual(["vm149", "vm148", "vm147"], [vm["name_label"] for vm in json.loads(out)])

    def pages(self, path):
        while path:
            status, headers, page = self.rest.request("GET", path)
            self.assertEqual(200, status, page)
            yield page
            link = re.fullmatch(r'</rest/v0(/.*)>; rel="next"', headers["Link"] or "")
            path = link and link[1]

    def test_pages_while_vms_come_and_go(self):
        kept = list(self.vms)[::2]
        goers = [vm for vm in self.vms if vm not in kept]
        for order in ("", "&sort=-name_label", "&sort=power_state"):
            seen = []
            for page in self.pages(f"/vms?fields=id&filter={self.mine}&limit=13&cursor={order}"):
                seen += [vm["id"] for vm in page]
                self.host.delta(self.stream, self.host.vm(self.new_id(), f"vm{len(seen):03}x"),
                                removed=[goers.pop()])
                self.host.wait_acked(self.stream)
            with self.subTest(order=order):
                self.assertEqual(len(seen), len(set(seen)))
                self.assertEqual(set(), set(kept) - set(seen))


class Readers(AggregatorCase):
    N = 500

    def test_many_readers_of_events(self):
        """All of them get every event, over one connection each."""
        host, vm = self.agent(), self.new_id()
        stream = host.live(host.vm(vm, "before"))
        self.addCleanup(stream.close)
        readers = []
        for _ in range(self.N):
            reader = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.addCleanup(reader.close)
            reader.settimeout(DEADLINE)
            reader.connect(str(self.fleet.state / "aggregator.sock"))
            reader.sendall(b"GET /rest/v0/events?collections=VM HTTP/1.1\r\nHost: x\r\n"
                           b"Authorization: Bearer " + self.rest.token.encode() + b"\r\n\r\n")
            readers.append([reader, b""])

        def read_until(text):
            for reader in readers:
                while text not in reader[1]:
                    data = reader[0].recv(65536)
                    self.assertTrue(data, "a reader was cut")
                    reader[1] += data

        read_until(b"event: init")
        for name in ("first", "second"):
            host.delta(stream, host.vm(vm, name))
            read_until(f'"name_label":"{name}"'.encode())
        self.assertEqual({2}, {text.count(b"event: update") for _, text in readers})


if __name__ == "__main__":
    unittest.main()
