# SPDX-License-Identifier: Apache-2.0
"""WebSocket on common/http over real sockets: what the standard wants, and hostile clients."""

import json
import pathlib
import random
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from http_probe import BUILD, DEADLINE, Probe, frame
from tests.support.websocket import BINARY, CLOSE, CONT, PING, TEXT, Refused, WebSocket

MESSAGE_MAX = 100000  # of the probe
WEBSOCKETS_MAX = 20


class WebSocketCase(unittest.TestCase):
    def setUp(self):
        self.probe = None

    def start(self, **options):
        self.probe = Probe(**options)
        return self.probe

    def tearDown(self):
        if self.probe:
            code, errors = self.probe.stop()
            self.assertEqual(code, 0, errors)

    def open(self, path="/ws", tls=True, **options):
        s = self.probe.connect(tls)
        self.addCleanup(s.close)
        return WebSocket(s, path, **options)

    def refused(self, status, words, **options):
        with self.assertRaises(Refused) as caught:
            self.open(**options)
        self.assertEqual(caught.exception.status, status, caught.exception.body)
        self.assertIn(words, json.loads(caught.exception.body)["error"])

    def closed(self, ws, code, words=""):
        end = ws.ended()
        self.assertEqual(end.code, code, end.reason)
        self.assertIn(words, end.reason)



class WebSocketTest(WebSocketCase):
    def test_echo(self):
        """Of every length at which the frame's form changes, over TLS and the Unix socket."""
        self.start()
        for tls in (True, False):
            ws = self.open(tls=tls)
            for n in (0, 1, 125, 126, 127, 16383, 16384, 16385, 65535, 65536, MESSAGE_MAX):
                data = bytes(random.Random(n).randbytes(n))
                ws.send(data)
                self.assertEqual(ws.message(), (BINARY, data), n)
            ws.text("größer")
            self.assertEqual(ws.message(), (TEXT, "größer".encode()))
            ws.close(1000, b"bye")
            self.closed(ws, 1000)
            self.probe.line("closed 1000 bye")

    def test_fragments_and_control_frames_between_them(self):
        ws = (self.start(), self.open())[1]
        ws.send(b"a", BINARY, fin=False)
        ws.send(b"hello", PING)
        ws.send(b"b", CONT, fin=False)
        ws.send(b"", CONT, fin=False)
        ws.send(b"c", CONT)
        self.assertEqual(ws.message(), (BINARY, b"abc"))
        self.assertEqual(ws.pongs, [b"hello"])

    def test_many_messages_in_one_segment(self):
        ws = (self.start(), self.open())[1]
        ws.sock.sendall(b"".join(ws.frame(b"%d" % i) for i in range(500)))
        self.assertEqual([ws.message()[1] for _ in range(500)], [b"%d" % i for i in range(500)])

    def test_the_handler_refuses(self):
        self.start()
        for tls in (True, False):
            self.refused(403, "no WebSocket for you", path="/ws?refuse=1", tls=tls)

    def test_paths_that_know_nothing_of_it(self):
        self.start()
        for path in ("/echo", "/large?n=1000000", "/later", "/never", "/events", "/empty"):
            self.refused(400, "no WebSocket at", path=path)
        self.probe.line("gone /events")
        self.assertEqual(self.probe.curl("/ws")[0], 403)

    def test_handshakes_that_lack_something(self):
        self.start()
        whole = ["GET /ws HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]

        def changed(**change):
            lines = []
            for line in whole:
                name = line.split(":")[0].split()[0].lower().replace("-", "_")
                line = change.get(name, line)
                lines += [line] if line else []
            return lines + change.get("more", [])

        for words, change in (
                ("version 13", {"sec_websocket_version": ""}),
                ("version 13", {"sec_websocket_version": "Sec-WebSocket-Version: 8"}),
                ("Sec-WebSocket-Key", {"sec_websocket_key": ""}),
                ("Sec-WebSocket-Key", {"sec_websocket_key": "Sec-WebSocket-Key: " + "x" * 200}),
                ("Sec-WebSocket-Key", {"host": ""}),
                ("Connection", {"connection": ""}),
                ("Connection", {"connection": "Connection: keep-alive"}),
                ("subprotocol", {"more": ["Sec-WebSocket-Protocol: mqtt"]}),
                ("GET without body", {"get": "POST /ws HTTP/1.1", "more": ["Content-Length: 0"]}),
                ("GET without body", {"more": ["Content-Length: 5"]}),
                ("more than the", {"more": ["Content-Length: 1000000000"]}),
                ("another origin", {"more": ["Origin: https://evil.example"]}),
                ("another origin", {"more": ["Origin: null"]})):
            with self.subTest(words=words, change=change):
                status = 403 if "origin" in words else 413 if "more" in words else 400
                self.refused(status, words, replace=changed(**change))
        self.open(replace=changed(more=["Origin: https://x"]))
        ws = self.open(replace=changed(more=["Sec-WebSocket-Protocol: base64, binary"]))
        self.assertIn("binary", ws.head)
        ws.send(b"x")
        self.assertEqual(ws.message()[1], b"x")

    def test_the_server_closes(self):
        self.start()
        for code, reason in ((1000, "done"), (4409, "x" * 200), (1011, "\u00e4" * 100)):
            ws = self.open()
            ws.text("last words")
            ws.text(f"close {code} {reason}")
            self.assertEqual(ws.message()[1], b"last words")
            end = ws.ended()
            self.assertEqual(end.code, code)
            self.assertTrue(reason.startswith(end.reason) and len(end.reason.encode()) > 120 or
                            end.reason == reason)
            self.probe.line(f"closed {code} ")

    def test_a_message_that_is_too_long(self):
        self.start()
        ws = self.open()
        ws.send(b"x" * (MESSAGE_MAX + 1))
        self.closed(ws, 1009, "too long")
        ws = self.open()
        try:
            for _ in range(1000):
                ws.send(b"x" * 1000, BINARY if _ == 0 else CONT, fin=False)
        except OSError:
            pass
        self.assertIn(ws.ended().code, (1009, 1006))
        ws = self.open()
        ws.sock.sendall(ws.frame(b"x" * 1000, length=1 << 62))  # announced only
        ws.sock.sendall(b"x" * 300000)
        self.assertIn(ws.ended().code, (1009, 1006))

    def test_broken_frames(self):
        """Each ends its own connection and nothing else."""
        self.start()
        bad = {
            "reserved opcode 3": WebSocket.frame(b"x", 3),
            "reserved opcode 11": WebSocket.frame(b"x", 11),
            "reserved bits": WebSocket.frame(b"x", rsv=4),
            "continuation of nothing": WebSocket.frame(b"x", CONT),
            "text that is no UTF-8": WebSocket.frame(b"\xff\xfe", TEXT),
            "long ping": WebSocket.frame(b"x" * 126, PING),
            "ping in pieces": WebSocket.frame(b"x", PING, fin=False),
            "new message inside another": WebSocket.frame(b"x", fin=False) + WebSocket.frame(b"y"),
            "close of one byte": WebSocket.frame(b"\x03", CLOSE),
        }
        for what, data in bad.items():
            with self.subTest(what):
                ws = self.open()
                ws.sock.sendall(data)
                try:
                    ws.close()
                except OSError:
                    pass
                end = ws.ended()
                if what != "close of one byte":
                    self.assertIn(end.code, (1002, 1006, 1007), end.reason)
        ws = self.open()
        ws.send(b"fine")
        self.assertEqual(ws.message()[1], b"fine")

    def test_noise(self):
        """Random bytes after the handshake; repeatable."""
        self.start()
        noise = random.Random(7)
        for _ in range(60):
            ws = self.open(tls=False)
            try:
                ws.sock.sendall(noise.randbytes(noise.randrange(1, 5000)))
                ws.close()
            except OSError:
                pass
            ws.sock.close()
        ws = self.open()
        ws.send(b"fine")
        self.assertEqual(ws.message()[1], b"fine")

    def test_a_reader_that_stops_costs_no_memory_and_is_cut(self):
        probe = self.start(idle_ms=3000)
        for tls in (True, False):
            ws = self.open(tls=tls)
            before = self.resident_kib()
            ws.text("flood")
            other = self.open()
            other.send(b"fine")
            self.assertEqual(other.message()[1], b"fine")
            probe.line("closed 1006")
            self.assertLess(self.resident_kib() - before, 4000)

    def resident_kib(self):
        with open(f"/proc/{self.probe.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def test_a_slow_reader_gets_all_in_order(self):
        self.start()
        ws = self.open()
        ws.text("flood")
        n = 0
        for _ in range(200):
            opcode, data = ws.message()
            self.assertEqual((opcode, data), (BINARY, b"x" * 4000))
            n += len(data)
        self.assertEqual(n, 800000)

    def test_a_server_that_does_not_read_holds_the_peer_back(self):
        probe = self.start(idle_ms=60000)
        for tls in (True, False):
            ws = self.open(tls=tls)
            before = self.resident_kib()
            ws.text("pause")
            ws.sock.settimeout(1)
            sent = 0
            with self.assertRaises((TimeoutError, ssl.SSLWantWriteError)):
                while sent < 100 << 20:
                    ws.sock.sendall(ws.frame(b"x" * 50000))
                    sent += 50000
            self.assertLess(self.resident_kib() - before, 4000)
            cpu = probe.cpu_seconds()
            with self.assertRaises(TimeoutError):
                ws.sock.settimeout(2)
                ws.sock.recv(1)
            self.assertLess(probe.cpu_seconds() - cpu, 1, "it spins on what it does not read")
            ws.sock.close()
            probe.line("closed 1006")

    def test_a_server_that_reads_slowly_gets_all(self):
        """Many messages come in one record of TLS: after a rest nothing more comes on the socket for them."""
        self.start()
        for tls in (True, False):
            ws = self.open(tls=tls)
            ws.text("slow")
            ws.sock.sendall(b"".join(ws.frame(b"%d" % n * 40) for n in range(100)))
            ws.sock.sendall(ws.frame(b"y" * 50000))
            for n in range(100):
                self.assertEqual(ws.message(), (BINARY, b"%d" % n * 40), f"tls: {tls}")
            self.assertEqual(ws.message(), (BINARY, b"y" * 50000))
            ws.sock.close()

    def test_silence_is_pinged_and_then_cut(self):
        probe = self.start(idle_ms=2000)
        ws = self.open()
        begin = time.monotonic()
        for _ in range(3):
            opcode, _, payload = ws.read_frame()
            self.assertEqual(opcode, PING)
            ws.send(payload, 10)
        self.assertGreater(time.monotonic() - begin, 2, "longer than the idle time")
        probe.line("closed 1006")  # now nobody answers

    def test_no_more_than_the_limit(self):
        self.start()
        open_ones = [self.open() for _ in range(WEBSOCKETS_MAX)]
        self.refused(503, "20 WebSockets are open")
        open_ones.pop().close()
        self.probe.line("closed 1000")
        self.open()

    def test_not_over_http2(self):
        """Extended CONNECT (RFC 8441): the stream ends at once, the handler is not asked, nothing is
        left behind (a leak fails the probe's exit)."""
        probe = self.start()
        context = ssl.create_default_context(cafile=str(probe.cert))
        context.set_alpn_protocols(["h2"])
        headers = (b"\x02\x07CONNECT" b"\x00\x09:protocol\x09websocket" b"\x87\x04\x03/ws"
                   b"\x01\x01x" b"\x00\x15sec-websocket-version\x0213")
        echo = WebSocket.frame(b"echo?")
        for _ in range(5):
            s = context.wrap_socket(probe.connect_tcp(), server_hostname="127.0.0.1")
            s.settimeout(1)
            data = b""
            try:
                s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) +
                          frame(1, 4, 1, headers) + frame(0, 0, 1, echo))
                while piece := s.recv(65536):
                    data += piece
            except OSError:
                pass
            s.close()
            self.assertNotIn(b"echo?", data)
        self.assertEqual(probe.echo()["path"], "/echo")

    def test_stopping_says_goodbye(self):
        probe = self.start()
        ws, deaf = self.open(), self.open()
        deaf.text("pause")
        code, errors = probe.stop()
        self.probe = None
        self.assertEqual(code, 0, errors)
        self.closed(ws, 1001, "stopping")


class ClientTest(WebSocketCase):
    """The command line's client against the server, and against servers that are none."""

    def setUp(self):
        super().setUp()
        self.start()
        self.url = f"https://127.0.0.1:{self.probe.port}/ws"

    def client(self, url, *args, **options):
        done = subprocess.run([BUILD / "tests/integration/ws_client_probe", url, *args],
                              capture_output=True, text=True, timeout=DEADLINE, check=True,
                              **options)
        self.assertEqual("", done.stderr)
        return done.stdout.splitlines()

    def test_echo(self):
        words = ["a" * n for n in (1, 125, 126, 16384, 65536, 99999)]
        for where in ((self.url, f"ca={self.probe.cert}"),
                      ("http://localhost/ws", f"unix={self.probe.socket}"),
                      (self.url, "insecure=1")):
            lines = self.client(*where, "close=1000", *words)
            self.assertEqual(["open"] + [f"message text {len(w)} {97 * len(w)}" for w in words] +
                             ["closed 1000: enough"], lines)
            self.probe.line("closed 1000 enough")

    def test_the_server_ends_it(self):
        lines = self.client(self.url, f"ca={self.probe.cert}", "close 4409 not now")
        self.assertEqual(["open", "closed 4409: not now"], lines)

    def test_a_flood_is_taken(self):
        lines = self.client(self.url, f"ca={self.probe.cert}", "close=1000", "flood")
        self.assertEqual("message binary 4000 480000", lines[1])
        self.assertEqual("closed 1000: enough", lines[-1])

    def fails(self, words, *args, **options):
        lines = self.client(*args, **options)
        self.assertEqual(1, len(lines), lines)
        self.assertRegex(lines[0], r"^(closed 1006|error [A-Z]+): ")
        self.assertRegex(lines[0], words)

    def test_no_connection(self):
        ca = f"ca={self.probe.cert}"
        for words, args in (
                ("closed before established|(?i:connect)", ("https://127.0.0.1:1/ws", ca)),
                ("UNAVAILABLE: cannot connect to the socket /nowhere/x.sock: No such file",
                 ("http://localhost/ws", "unix=/nowhere/x.sock")),
                ("does not begin with https", ("http://127.0.0.1:1/ws", ca)),
                ("not a URL", ("https://", ca)),
                ("(?i)HS: |upgrade|403", (self.url + "?refuse=1", ca)),
                ("(?i)HS: |upgrade|400", (self.url[:-3] + "/echo", ca))):
            with self.subTest(args):
                self.fails(words, *args)

    def test_whom_to_trust(self):
        """A certificate of another authority, and of another name, by address and by name."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        other = pathlib.Path(folder.name, "other.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", "/dev/null", "-out", other, "-days", "2", "-subj", "/CN=other"],
            check=True, capture_output=True)
        self.fails("(?i)certificate|verif", self.url, f"ca={other}")
        self.fails("(?i)certificate|verif", self.url)  # the system's authorities
        named = f"https://localhost:{self.probe.port}/ws"  # the certificate is for the address
        self.fails("(?i)certificate|verif|mismatch", named, f"ca={self.probe.cert}")
        self.assertEqual("open", self.client(named, "insecure=1", "close=1000", "x")[0])

    def test_an_ipv6_address_is_checked_too(self):
        """The library cuts names at the first colon: that must not leave any name acceptable."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, good in (("IP:::1", True), ("IP:::2", False), ("DNS:localhost", False)):
            with self.subTest(name):
                cert, key = pathlib.Path(folder.name, "cert"), pathlib.Path(folder.name, "key")
                subprocess.run(
                    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days",
                     "2", "-subj", "/CN=x", "-addext", f"subjectAltName={name}"],
                    check=True, capture_output=True)
                try:
                    server = socket.create_server(("::1", 0), family=socket.AF_INET6)
                except OSError:
                    self.skipTest("this machine has no IPv6 loopback address")
                thread = threading.Thread(target=self.serve_refusal, args=(server, cert, key))
                thread.start()
                line = self.client(f"https://[::1]:{server.getsockname()[1]}/ws", f"ca={cert}")[0]
                thread.join(DEADLINE)
                server.close()
                self.assertEqual(good, self.handshake_done, line)

    def serve_refusal(self, server, cert, key):
        """TLS, then any HTTP that is no upgrade; did the client get through the handshake?"""
        self.handshake_done = False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        s, _ = server.accept()
        s.settimeout(DEADLINE)
        try:
            with context.wrap_socket(s, server_side=True) as tls:
                self.handshake_done = tls.recv(100).startswith(b"GET /ws")
                tls.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        except OSError:
            pass

    def test_servers_that_say_nothing(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        self.fails("(?i)time|answer", f"https://127.0.0.1:{silent.getsockname()[1]}/ws",
                   "insecure=1", "timeout=1500")

    def test_a_server_that_falls_silent(self):
        process = subprocess.Popen(
            [BUILD / "tests/integration/ws_client_probe", self.url, f"ca={self.probe.cert}",
             "idle=2000", "x"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.assertEqual("open\n", process.stdout.readline())
        self.probe.process.send_signal(signal.SIGSTOP)
        try:
            self.assertIn("does not answer any more", process.communicate(timeout=DEADLINE)[0])
        finally:
            self.probe.process.send_signal(signal.SIGCONT)

    def test_the_environments_proxy_is_not_used(self):
        lines = self.client(self.url, f"ca={self.probe.cert}", "close=1000", "x",
                            env={"http_proxy": "127.0.0.1:1", "https_proxy": "127.0.0.1:1"})
        self.assertEqual("open", lines[0])


if __name__ == "__main__":
    unittest.main()
