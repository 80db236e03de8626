# SPDX-License-Identifier: Apache-2.0
"""common/http over real sockets: slow, broken, greedy and hostile clients."""

import random
import resource
import socket
import ssl
import subprocess
import time
import unittest

from http_probe import DEADLINE, Probe, frame, read_all, read_until

BODY_MAX = 100000  # of the probe


class HostileTest(unittest.TestCase):
    def setUp(self):
        self.probe = None

    def start(self, **options):
        self.probe = Probe(**options)
        return self.probe

    def tearDown(self):
        if self.probe:
            code, errors = self.probe.stop()
            self.assertEqual(code, 0, errors)

    def test_large_body_is_refused(self):
        probe = self.start()
        body = probe.folder / "body"
        body.write_bytes(b"x" * (BODY_MAX + 1))
        for way in ({"http2": False}, {"http2": True}, {"unix": True}):
            with self.subTest(**way):
                status, _, reply = probe.curl("/echo", "--data-binary", f"@{body}", **way)
                self.assertEqual(status, 413)
                self.assertIn(b"more than the 100000 that are accepted", reply)
        self.assertEqual(probe.echo("/echo", "-d", "small")["body"], "small")

    def test_body_without_length_is_refused(self):
        probe = self.start()
        status, _, reply = probe.curl("/echo", "-X", "POST", "-H", "Transfer-Encoding: chunked",
                                      "-d", "x")
        self.assertEqual(status, 411)
        self.assertIn(b"send its length", reply)

    def test_garbage(self):
        probe = self.start()
        cases = (b"\x00\x01\x02\x03\r\n\r\n", b"NONSENSE\r\n\r\n", b"FROB / HTTP/1.1\r\n\r\n",
                 b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                 b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                 b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                 b"GET /%zz HTTP/1.1\r\nhost: x\r\n\r\n", b"GET /a%00b HTTP/1.1\r\nhost: x\r\n\r\n",
                 b"GET /%ff HTTP/1.1\r\nhost: x\r\n\r\n", b"GET /?a=%0a HTTP/1.1\r\nhost: x\r\n\r\n",
                 b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: " + b"x" * 20000 + b"\r\n\r\n",
                 b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
                 b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: x\r\n" % i for i in range(2000)) + b"\r\n",
                 b"GET / HTTP/1.1\r\nUpgrade: frob\r\nConnection: upgrade\r\nhost: x\r\n\r\n",
                 b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\nhost: x\r\n\r\n",
                 b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                 b"\xff" * 5000)
        for tls in (True, False):
            for case in cases:
                with self.subTest(case=case[:60], tls=tls):
                    s = probe.connect(tls)
                    try:
                        s.sendall(case)
                        if tls:
                            s = s.unwrap()
                        else:
                            s.shutdown(socket.SHUT_WR)
                    except (OSError, ssl.SSLError):
                        pass
                    reply = read_all(s)
                    s.close()
                    self.assertNotIn(b" 200", reply[:20])
                    self.assertNotIn(b" 500", reply[:20])
        self.assertEqual(probe.echo()["path"], "/echo")
        for path in ("/a%0ab", "/?x=%0d%0aa:b", "/%ff"):
            self.assertEqual(probe.curl(path, http2=True)[0], 400, path)

    def test_malformed_requests_are_told_so(self):
        probe = self.start()
        for case in (b"FROB / HTTP/1.1\r\n\r\n", b"NONSENSE\r\n\r\n",
                     b"GET /?a=%0a HTTP/1.1\r\nhost: x\r\n\r\n",
                     b"GET /?a=%0aauthorization:Bearer HTTP/1.1\r\nhost: x\r\n\r\n",
                     b"GET /%0d%0aauthorization:Bearer HTTP/1.1\r\nhost: x\r\n\r\n",
                     b"GET /%ff HTTP/1.1\r\nhost: x\r\n\r\n",
                     b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
            with self.subTest(case=case):
                s = probe.connect()
                s.sendall(case)
                reply = read_until(s, b"}")
                s.close()
                self.assertRegex(reply, rb"^HTTP/1.[01] 400 ")

    def test_no_tls_on_the_tls_port(self):
        probe = self.start()
        s = probe.connect_tcp()
        s.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n")
        self.assertNotIn(b"200", read_all(s))
        s.close()
        self.assertEqual(probe.echo()["path"], "/echo")

    def test_slow_reader_gets_everything(self):
        """And others are served meanwhile."""
        probe = self.start()
        for tls in (True, False):
            with self.subTest(tls=tls):
                n = 5_000_000
                s = probe.connect(tls)
                s.sendall(b"GET /large?n=%d HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" % n)
                data = s.recv(1000)
                for _ in range(10):
                    self.assertEqual(probe.echo()["path"], "/echo")
                    data += s.recv(5000)
                data += read_all(s)
                self.assertEqual(len(data.split(b"\r\n\r\n", 1)[1]), n)
                s.close()

    def test_reader_that_stops_is_cut(self):
        """Also when it goes on sending, and without using the processor up."""
        probe = self.start(idle_ms=3000)
        s = probe.connect(tls=False)
        s.sendall(b"GET /large?n=30000000 HTTP/1.1\r\nhost: x\r\n\r\n")
        s.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n" * 100)
        before = probe.cpu_seconds()
        end = time.monotonic() + DEADLINE
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):
            while time.monotonic() < end:
                s.send(b"x")
                probe.echo()
        self.assertLess(probe.cpu_seconds() - before, 20)
        s.close()

    def test_events_nobody_reads_are_cut(self):
        probe = self.start()
        for tls in (True, False):
            s = probe.connect(tls)
            s.sendall(b"GET /flood HTTP/1.1\r\nhost: x\r\n\r\n")
            probe.line("gone /flood")
            s.close()

    def test_events_nobody_reads_are_cut_on_http2(self):
        probe = self.start()
        curl = subprocess.Popen(
            ["curl", "-sS", "--http2", "--limit-rate", "1k", "--cacert", probe.cert,
             f"https://127.0.0.1:{probe.port}/flood"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            probe.line("gone /flood")
        finally:
            curl.kill()
            curl.wait()
        self.assertEqual(probe.echo(http2=True)["path"], "/echo")

    def connect_http2(self, probe):
        context = ssl.create_default_context(cafile=str(probe.cert))
        context.set_alpn_protocols(["h2"])
        s = context.wrap_socket(probe.connect_tcp(), server_hostname="127.0.0.1")
        self.assertEqual(s.selected_alpn_protocol(), "h2")
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
        return s

    def test_http2_garbage(self):
        """Frames of every type with every kind of nonsense in them; repeatable."""
        probe = self.start()
        noise = random.Random(1)
        for kind in range(12):
            for length in (0, 1, 4, 5, 8, 9, 100, 16384):
                s = self.connect_http2(probe)
                try:
                    for _ in range(20):
                        s.sendall(frame(kind, noise.randrange(256), noise.choice((0, 1, 2, 3, 999)),
                                        noise.randbytes(length)))
                except OSError:
                    pass
                s.close()
        self.assertEqual(probe.echo(http2=True)["path"], "/echo")

    def test_http2_streams_that_are_reset(self):
        """Opened and reset at once, again and again, also while the handler waits."""
        probe = self.start()
        s = self.connect_http2(probe)
        # :method GET, :scheme https, :path /never, :authority x
        headers = b"\x82\x87\x04\x06/never\x01\x01x"
        try:
            for i in range(500):
                s.sendall(frame(1, 5, 2 * i + 1, headers) + frame(3, 0, 2 * i + 1, b"\0\0\0\x08"))
        except OSError:
            pass
        self.assertEqual(probe.echo(http2=True)["path"], "/echo")
        s.close()
        s = self.connect_http2(probe)
        for i in range(5):
            s.sendall(frame(1, 5, 2 * i + 1, headers))
        probe.echo()  # the handler has them by now
        for i in range(5):
            s.sendall(frame(3, 0, 2 * i + 1, b"\0\0\0\x08"))
        s.close()  # only this is noticed: why http2_first is not the default
        for i in range(5):
            probe.line("gone /never")
        self.assertEqual(probe.echo(http2=True)["path"], "/echo")

    def test_slow_senders_are_cut(self):
        probe = self.start(idle_ms=2000)
        whole = probe.connect_tcp()  # says nothing at all
        headers = probe.connect(tls=False)
        headers.sendall(b"GET /echo HTTP/1.1\r\nhost")
        body = probe.connect(tls=False)
        body.sendall(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
        for s in (whole, headers, body):
            self.assertNotIn(b"200", read_all(s))
            s.close()

    def test_trickle_does_not_hold_for_ever(self):
        probe = self.start(idle_ms=1000)
        s = probe.connect(tls=False)
        s.sendall(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 90000\r\n\r\n")
        end = time.monotonic() + DEADLINE
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):
            while time.monotonic() < end:
                s.send(b"x")
                probe.echo()
        s.close()

    def test_headers_that_trickle_are_cut(self):
        """A byte now and then is no request: the time for all of its headers is bounded."""
        probe = self.start(idle_ms=2000)
        for tls in (True, False):
            with self.subTest(tls=tls):
                s = probe.connect(tls)
                s.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\nx-slow: ")
                end = time.monotonic() + DEADLINE
                with self.assertRaises((BrokenPipeError, ConnectionError, ssl.SSLError)):
                    while time.monotonic() < end:
                        s.send(b"x")
                        probe.echo()
                s.close()

    def test_one_source_cannot_take_all_connections(self):
        probe = self.start(per_source=10)
        idle = [probe.connect() for _ in range(10)]
        for s in idle:
            s.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n")
            read_until(s, b"}")
        late = probe.connect_tcp()
        self.assertEqual(b"", read_all(late))
        late.close()
        # Others are served: from another address, and over the Unix socket.
        other = socket.create_connection(("127.0.0.1", probe.port), DEADLINE, ("127.0.0.2", 0))
        s = ssl.create_default_context(cafile=str(probe.cert)).wrap_socket(
            other, server_hostname="127.0.0.1")
        s.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n")
        read_until(s, b"}")
        s.close()
        self.assertEqual(probe.echo(unix=True)["path"], "/echo")
        # One leaves: there is room for one.
        idle.pop().close()
        end = time.monotonic() + DEADLINE
        status = None
        while status is None and time.monotonic() < end:  # polls: the server has to notice it
            try:
                status = probe.echo()["path"]
            except (AssertionError, subprocess.CalledProcessError):
                pass
        self.assertEqual("/echo", status)
        for s in idle:
            s.close()

    def test_a_thousand_connections(self):
        probe = self.start()
        idle = [probe.connect(tls=False) for _ in range(500)]
        idle += [probe.connect_tcp() for _ in range(500)]
        self.assertEqual(probe.echo()["path"], "/echo")
        for s in idle[:500]:
            s.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n")
        for s in idle[:500]:
            read_until(s, b"}")
        for s in idle:
            s.close()
        self.assertEqual(probe.echo()["path"], "/echo")

    def test_more_than_the_limit_wait(self):
        probe = self.start(connections=20)
        idle = [probe.connect(tls=False) for _ in range(20)]
        for s in idle:
            s.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n")
            read_until(s, b"}")
        late = probe.connect(tls=False)
        late.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n")
        late.settimeout(1)
        with self.assertRaises(TimeoutError):
            late.recv(1)
        idle.pop().close()
        late.settimeout(DEADLINE)
        read_until(late, b"}")
        for s in (late, *idle):
            s.close()
        self.assertEqual(probe.echo()["path"], "/echo")

    def test_no_descriptors_left(self):
        probe = self.start(nofile=64)
        idle = [probe.connect(tls=False) for _ in range(200)]
        before = probe.cpu_seconds()
        with self.assertRaises(TimeoutError):
            idle[-1].settimeout(2)
            idle[-1].recv(1)
        self.assertLess(probe.cpu_seconds() - before, 1, "it spins on accept")
        for s in idle:
            s.close()
        self.assertEqual(probe.echo()["path"], "/echo")

    def test_more_descriptors_than_at_the_start(self):
        """libwebsockets sized its tables when it started; the limit may be raised later."""
        probe = self.start(nofile=100)
        hard = resource.prlimit(probe.process.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(probe.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
        idle = [probe.connect(tls=False) for _ in range(300)]
        for s in idle:
            s.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n")
        for s in idle:
            read_until(s, b"}")
            s.close()
        self.assertEqual(probe.echo()["path"], "/echo")

    def test_half_a_handshake(self):
        probe = self.start(idle_ms=3000)
        halves = []
        for i in range(50):
            s = probe.connect_tcp()
            s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[:i % 12])
            halves.append(s)
        self.assertEqual(probe.echo()["path"], "/echo")
        for s in halves:
            read_all(s)
            s.close()

    def test_stops_with_everything_under_way(self):
        probe = self.start()
        open_ones = []
        for path in (b"/never", b"/events", b"/large?n=30000000", b"/flood"):
            for tls in (True, False):
                s = probe.connect(tls)
                s.sendall(b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % path)
                open_ones.append(s)
        probe.echo()
        code, errors = probe.stop()
        self.probe = None
        self.assertEqual(code, 0, errors)
        for s in open_ones:
            s.close()


if __name__ == "__main__":
    unittest.main()
