# SPDX-License-Identifier: Apache-2.0
"""common/http over real sockets: what good clients see, in every way they can come in."""

import http.client
import os
import socket
import ssl
import stat
import subprocess
import unittest
import warnings

from http_probe import DEADLINE, Probe, read_until

WAYS = ({"http2": False}, {"http2": True}, {"unix": True})


class ServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.probe = Probe()

    @classmethod
    def tearDownClass(cls):
        code, errors = cls.probe.stop()
        assert code == 0, (code, errors)

    def test_request_is_decoded(self):
        for way in WAYS:
            with self.subTest(**way):
                reply = self.probe.echo("/echo?q=a%26b%3D%22c%22+%C3%A9%2F&x", **way)
                self.assertEqual(reply["q"], 'a&b="c" é/')
                self.assertEqual(reply["path"], "/echo")
                self.assertEqual(reply["method"], "GET")

    def test_path_is_decoded(self):
        self.assertEqual(self.probe.echo("/a%20b%3Fc")["path"], "/a b?c")

    def test_headers_arrive(self):
        for way in WAYS:
            with self.subTest(**way):
                reply = self.probe.echo("/echo", "-H", "Authorization: Bearer x.y-z", **way)
                self.assertEqual(reply["authorization"], "Bearer x.y-z")
                # On HTTP/2 it is ":authority".
                self.assertRegex(reply["host"], r"^(127\.0\.0\.1|localhost)(:\d+)?$")
        reply = self.probe.echo("/echo", "-H", "Last-Event-ID: 17")
        self.assertEqual(reply["lastEventId"], "17")

    def test_methods_and_bodies(self):
        for way in WAYS:
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                for body in ("", '{"name": "\u00fc"}', "x" * 99000):
                    with self.subTest(method=method, length=len(body), **way):
                        args = ["-X", method] + (["--data-binary", body] if body else [])
                        reply = self.probe.echo("/echo", *args, **way)
                        self.assertEqual(reply["method"], method)
                        self.assertEqual(reply["body"], body)

    def test_head_has_no_body(self):
        for way in WAYS:
            with self.subTest(**way):
                status, head, body = self.probe.curl("/echo", "-I", **way)
                self.assertEqual(status, 200)
                self.assertNotIn(b"{", body)  # curl -I writes the headers there
                self.assertIn("content-length: 1", head.lower())

    def test_empty_reply(self):
        for way in WAYS:
            with self.subTest(**way):
                status, head, body = self.probe.curl("/empty", **way)
                self.assertEqual((status, body), (204, b""))
                self.assertNotIn("content-length", head.lower())

    def test_reply_headers(self):
        for way in WAYS:
            with self.subTest(**way):
                _, head, _ = self.probe.curl("/echo", **way)
                self.assertIn("x-probe: yes", head.lower())
                self.assertIn("content-type: application/json", head.lower())

    def test_large_reply_is_whole(self):
        n = 12_500_000
        expected = (bytes(range(ord("a"), ord("z") + 1)) * (n // 26 + 1))[:n]
        for way in WAYS:
            with self.subTest(**way):
                status, _, body = self.probe.curl(f"/large?n={n}", **way)
                self.assertEqual(status, 200)
                self.assertTrue(body == expected, "the bytes differ")

    def test_many_requests_on_one_connection(self):
        context = ssl.create_default_context(cafile=str(self.probe.cert))
        client = http.client.HTTPSConnection("127.0.0.1", self.probe.port, timeout=DEADLINE,
                                             context=context)
        client.connect()
        sock = client.sock
        for i in range(50):
            method, path = (("POST", "/echo"), ("GET", "/later"), ("GET", "/large?n=50000"),
                            ("GET", "/empty"))[i % 4]
            client.request(method, path, b"hello" if method == "POST" else None)
            reply = client.getresponse()
            reply.read()
            self.assertIn(reply.status, (200, 204))
            self.assertIs(client.sock, sock, "the connection was not kept")
        client.close()

    def test_pipelined_requests(self):
        s = self.probe.connect()
        one = b"GET /echo?q=%d HTTP/1.1\r\nhost: x\r\n\r\n"
        s.sendall(b"".join(one % i for i in range(5)))
        data = b""
        for i in range(5):
            if b'"q":"%d"' % i not in data:
                data += read_until(s, b'"q":"%d"' % i)
        s.close()

    def test_pending_reply(self):
        for way in WAYS:
            with self.subTest(**way):
                status, _, body = self.probe.curl("/later", **way)
                self.assertEqual((status, body), (200, b"later"))

    def test_events_end_cleanly(self):
        for way in WAYS:
            with self.subTest(**way):
                status, head, body = self.probe.curl("/events", **way)
                self.assertEqual(status, 200)
                self.assertIn("text/event-stream", head)
                self.assertEqual(body, b"".join(
                    b'id: %d\nevent: ping\ndata: {"n":1}\n\n' % i for i in (1, 2, 3)))
                self.probe.line("gone /events")

    def test_peer_that_leaves_is_noticed(self):
        requests = []
        for tls in (True, False):
            s = self.probe.connect(tls)
            s.sendall(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n")
            self.probe.line("asked /never")
            requests.append(s)
        curl = subprocess.Popen(["curl", "-sS", "--http2", "--cacert", self.probe.cert,
                                 f"https://127.0.0.1:{self.probe.port}/never"],
                                stderr=subprocess.DEVNULL)
        self.probe.line("asked /never")
        for s in requests:
            s.close()
            self.probe.line("gone /never")
        with self.assertRaises(subprocess.TimeoutExpired):
            curl.wait(1)
        curl.kill()
        curl.wait()
        self.probe.line("gone /never")

    def test_waiting_costs_no_cpu(self):
        """Also not while unread input waits, which libwebsockets would look at all the time."""
        s = self.probe.connect(tls=False)
        s.sendall(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n")
        self.probe.echo()
        s.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n")
        before = self.probe.cpu_seconds()
        with self.assertRaises(TimeoutError):
            s.settimeout(3)
            s.recv(1)
        self.assertLess(self.probe.cpu_seconds() - before, 0.5)
        s.close()
        self.probe.line("gone /never")

    def test_unix_socket(self):
        mode = os.stat(self.probe.socket).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        reply = self.probe.echo(unix=True)
        self.assertTrue(reply["local"])
        self.assertEqual(reply["uid"], os.getuid())
        self.assertRegex(reply["peer"], r"^unix:pid=\d+$")
        self.assertFalse(self.probe.echo()["local"])
        self.assertEqual(self.probe.echo()["peer"], "127.0.0.1")

    def test_old_tls_is_refused(self):
        context = ssl.create_default_context(cafile=str(self.probe.cert))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(self.probe.connect_tcp(), server_hostname="127.0.0.1")


class OrderTest(unittest.TestCase):
    def test_http1_unless_told_otherwise(self):
        probe = Probe(first="h1")
        try:
            context = ssl.create_default_context(cafile=str(probe.cert))
            for offered, chosen in ((["h2", "http/1.1"], "http/1.1"), (["h2"], "h2"),
                                    (["http/1.1"], "http/1.1")):
                context.set_alpn_protocols(offered)
                with context.wrap_socket(probe.connect_tcp(), server_hostname="127.0.0.1") as s:
                    self.assertEqual(s.selected_alpn_protocol(), chosen)
        finally:
            self.assertEqual(probe.stop()[0], 0)


class SocketFileTest(unittest.TestCase):
    def run_probe(self, probe):
        return subprocess.run(probe.argv, capture_output=True, text=True, timeout=DEADLINE)

    def test_live_socket_is_not_taken(self):
        probe = Probe()
        try:
            second = self.run_probe(probe)
            self.assertEqual(second.returncode, 1)
            self.assertIn("another process serves the socket", second.stderr)
            self.assertTrue(probe.echo(unix=True)["local"])
        finally:
            probe.stop()

    def test_other_file_is_not_removed(self):
        probe = Probe()
        try:
            other = probe.folder / "file"
            other.write_text("precious")
            probe.argv[3] = str(other)
            second = self.run_probe(probe)
            self.assertEqual(second.returncode, 1)
            self.assertIn("is not a socket", second.stderr)
            self.assertEqual(other.read_text(), "precious")
        finally:
            probe.stop()

    def test_stale_socket_is_replaced(self):
        first = Probe()
        stale = first.folder / "stale.sock"
        s = socket.socket(socket.AF_UNIX)
        s.bind(str(stale))
        s.close()
        argv = [*first.argv[:3], str(stale), *first.argv[4:]]
        second = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        try:
            self.assertTrue(second.stdout.readline().startswith("port "))
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(stale))
            s.close()
        finally:
            second.terminate()
            second.wait(DEADLINE)
            second.stdout.close()
            first.stop()
        self.assertFalse(stale.exists(), "removed at the end")

    def test_errors_say_what_to_do(self):
        probe = Probe()
        try:
            for change, text in (({1: "/nonexistent.pem"}, "/nonexistent.pem"),
                                 ({1: probe.argv[2]}, "not a certificate in PEM form"),
                                 ({3: "/tmp/" + "x" * 200}, "longer than 107 bytes"),
                                 ({3: "/nonexistent/x.sock"}, "cannot listen on the socket")):
                argv = [change.get(i, a) for i, a in enumerate(probe.argv)]
                if 3 not in change:
                    argv[3] = str(probe.folder / "other.sock")
                result = subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE)
                self.assertEqual(result.returncode, 1, result)
                self.assertIn(text, result.stderr)
        finally:
            probe.stop()


if __name__ == "__main__":
    unittest.main()
