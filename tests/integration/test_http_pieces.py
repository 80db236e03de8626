# SPDX-License-Identifier: Apache-2.0
"""Bodies in pieces, both ways: exact, bounded in memory, and honest about what is missing."""

import pathlib
import ssl
import unittest

from http_probe import Probe, read_until

MIB = 1 << 20
WAYS = ({"http2": False}, {"http2": True}, {"unix": True})
PATTERN = bytes(range(251))


def checksum(data):
    total = 0
    for byte in data:
        total = (total * 31 + byte) & 0xFFFFFFFF
    return total


def pattern(n):
    return (PATTERN * (n // len(PATTERN) + 1))[:n]


class Pieces(unittest.TestCase):
    def setUp(self):
        self.probe = Probe()

    def tearDown(self):
        code, errors = self.probe.stop()
        self.assertEqual((0, ""), (code, errors))

    def resident(self):
        status = pathlib.Path(f"/proc/{self.probe.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) << 10

    def test_a_reply_in_pieces_is_exact(self):
        for way in WAYS:
            for n in (0, 1, 16384, 3 * MIB + 17):
                with self.subTest(n=n, **way):
                    status, head, body = self.probe.curl(f"/pieces?n={n}", **way)
                    self.assertEqual((200, True), (status, body == pattern(n)))
                    self.assertIn(f"content-length: {n}", head.lower())

    def test_a_head_says_the_length_and_sends_nothing(self):
        status, head, body = self.probe.curl(f"/pieces?n={64 * MIB}", "-I", http2=False)
        self.assertEqual((200, True), (status, f"content-length: {64 * MIB}" in head.lower()))
        self.probe.line("gone /pieces")

    def test_what_ends_early_is_seen_to_be_cut(self):
        for way in WAYS:
            with self.subTest(**way), self.assertRaises(AssertionError) as caught:
                self.probe.curl(f"/pieces?n={MIB}&short", **way)
            self.assertRegex(str(caught.exception), "curl")

    def test_a_slow_reader_costs_bounded_memory_and_is_told_of_when_it_goes(self):
        for tls in (True, False):
            with self.subTest(tls=tls):
                before = self.resident()
                s = self.probe.connect(tls)
                s.sendall(b"GET /pieces?n=%d HTTP/1.1\r\nhost: x\r\n\r\n" % (256 * MIB))
                read_until(s, b"\r\n\r\n")
                # It answers others meanwhile, so all that it wants to send has been tried.
                for _ in range(20):
                    self.probe.echo(unix=True)
                self.assertLess(self.resident() - before, 16 * MIB)
                s.close()
                self.assertLess(int(self.probe.line("gone /pieces").split()[2]), 32 * MIB)

    def test_a_body_in_pieces_is_exact(self):
        data = pattern(5 * MIB + 3)
        path = self.probe.folder / "data"
        path.write_bytes(data)
        expected = f"{len(data)} {checksum(data)}".encode()
        for query in ("", "?slow"):
            for way in ({"http2": False}, {"unix": True}):
                with self.subTest(query=query, **way):
                    status, _, body = self.probe.curl("/pieces" + query, "-X", "PUT", "-H",
                                                      "expect:", "--data-binary", f"@{path}", **way)
                    self.assertEqual((200, expected), (status, body))
        with self.subTest("expect"):
            self.assertEqual(expected, self.probe.curl("/pieces", "-T", str(path),
                                                       http2=False)[2])

    def test_a_connection_serves_again_after_a_body_in_pieces(self):
        s = self.probe.connect(tls=False)
        for _ in range(3):
            s.sendall(b"POST /pieces HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
            self.assertIn(b"200 OK", read_until(s, b"3 %d" % checksum(b"abc")))
        s.close()

    def test_a_refusal_comes_through_while_the_body_still_does(self):
        for query, word in (("?refuse=100000", b"no more of this"), ("?never", b"never")):
            with self.subTest(query):
                s = self.probe.connect()
                s.sendall(b"PUT /pieces%s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" %
                          (query.encode(), 1 << 40))
                try:
                    for _ in range(3):
                        s.sendall(bytes(100000))
                except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
                    pass
                self.assertIn(word, read_until(s, word))
                s.close()

    def test_a_reader_that_stops_holds_the_sender_back(self):
        before = self.resident()
        s = self.probe.connect()
        s.sendall(b"PUT /pieces?hold HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (1 << 40))
        s.settimeout(2)
        sent = 0
        with self.assertRaises(TimeoutError):
            while sent < 256 * MIB:
                sent += s.send(bytes(1 << 16))
        self.assertLess(self.resident() - before, 8 * MIB)
        s.close()
        self.probe.line("gone /pieces")

    def test_one_that_goes_in_the_middle_is_told_of(self):
        s = self.probe.connect(tls=False)
        s.sendall(b"PUT /pieces HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc")
        s.close()
        self.assertEqual("gone /pieces 3", self.probe.line("gone /pieces"))

    def test_on_http2_an_upload_is_refused_with_the_reason(self):
        status, _, body = self.probe.curl("/pieces", "-d", "abc", http2=True)
        self.assertEqual(505, status)
        self.assertIn(b"HTTP/1.1", body)


if __name__ == "__main__":
    unittest.main()
