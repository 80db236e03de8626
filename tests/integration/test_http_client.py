# SPDX-License-Identifier: Apache-2.0
"""common/http/client.h against common/http's own server."""

import json
import subprocess
import unittest

from http_probe import BUILD, DEADLINE, Probe


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.probe = Probe()
        cls.other = Probe()
        cls.base = f"https://127.0.0.1:{cls.probe.port}"
        cls.ca = f"ca={cls.probe.cert}"

    @classmethod
    def tearDownClass(cls):
        for probe in (cls.probe, cls.other):
            code, errors = probe.stop()
            assert code == 0, errors

    def run_client(self, *args):
        result = subprocess.run([BUILD / "tests/integration/http_client_probe", *args],
                                capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(result.stderr, "")
        self.assertIn(result.returncode, (0, 1))
        return result.stdout

    def call(self, *args):
        """(status, type, location, body)"""
        status, kind, location, body = self.run_client(*args).split("\n", 3)
        return (int(status.split()[1]), kind.split(" ", 1)[1], location.split(" ", 1)[1], body)

    def test_get(self):
        status, kind, location, body = self.call("GET", self.base + "/echo?q=a%26b", self.ca)
        self.assertEqual((status, kind, location), (200, "application/json", "-"))
        self.assertEqual(json.loads(body)["q"], "a&b")

    def test_authority_as_text(self):
        self.assertEqual(self.call("GET", self.base + "/empty",
                                   f"ca-pem-file={self.probe.cert}")[0], 204)

    def test_methods_bodies_headers(self):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            for body in ((), ("body={}",)):
                with self.subTest(method=method, body=body):
                    reply = json.loads(self.call(method, self.base + "/echo", self.ca,
                                                 "header=Authorization:Bearer t", *body)[3])
                    self.assertEqual(reply["method"], method)
                    self.assertEqual(reply["authorization"], "Bearer t")
                    self.assertEqual(reply["body"], "{}" if body else "")
        self.assertEqual(self.call("HEAD", self.base + "/echo", self.ca)[3], "")

    def test_unix_socket(self):
        reply = json.loads(self.call("GET", "http://localhost/echo",
                                     f"unix={self.probe.socket}")[3])
        self.assertTrue(reply["local"])

    def test_nobody_there(self):
        out = self.run_client("GET", "http://localhost/", "unix=/nonexistent.sock")
        self.assertRegex(out, "^error UNAVAILABLE: cannot connect to the socket /nonexistent.sock: "
                              "No such file or directory; hint: is the daemon running")
        out = self.run_client("GET", "https://u:p4ss@127.0.0.1:1/k3y?k3y")
        self.assertRegex(out, "^error UNAVAILABLE: cannot connect to https://127.0.0.1:1: ")
        self.assertNotRegex(out, "p4ss|k3y")

    def test_trust(self):
        out = self.run_client("GET", self.base + "/echo")
        self.assertIn("error DENIED: the certificate of " + self.base, out)
        out = self.run_client("GET", self.base + "/echo", f"ca={self.other.cert}")
        self.assertIn("error DENIED", out)
        out = self.run_client("GET", self.base + "/echo", "ca=/nonexistent.pem")
        self.assertIn("error INVALID: cannot use the authority's file", out)
        self.assertEqual(self.call("GET", self.base + "/empty", "insecure=1")[0], 204)

    def test_name_is_checked(self):
        out = self.run_client("GET", f"https://localhost:{self.probe.port}/echo", self.ca)
        self.assertIn("error DENIED", out)

    def test_limits(self):
        out = self.run_client("GET", self.base + "/large?n=5000", self.ca, "max=4999")
        self.assertIn("error TOO_LARGE", out)
        self.assertEqual(len(self.call("GET", self.base + "/large?n=5000", self.ca,
                                       "max=5000")[3]), 5000)
        out = self.run_client("GET", self.base + "/never", self.ca, "timeout=3000")
        self.assertIn("error TIMEOUT", out)
        self.probe.line("gone /never")

    def test_bad_urls(self):
        for url in ("", "ftp://x/", "file:///etc/passwd", "https://"):
            with self.subTest(url=url):
                self.assertIn("error INVALID", self.run_client("GET", url))

    def test_stream(self):
        out = self.run_client("GET", self.base + "/events", self.ca, "stream=1000")
        self.assertEqual(out.count('line: data: {"n":1}\n'), 3)
        self.assertIn("status 200\ntype text/event-stream", out)
        out = self.run_client("GET", self.base + "/events", self.ca, "stream=2")
        self.assertEqual(out.count("line: "), 2)
        out = self.run_client("GET", "http://localhost/events", f"unix={self.probe.socket}",
                              "stream=1000")
        self.assertEqual(out.count('line: data: {"n":1}\n'), 3)

    def test_stream_that_falls_silent(self):
        out = self.run_client("GET", self.base + "/never", self.ca, "stream=9", "timeout=3000")
        self.assertIn("error TIMEOUT", out)
        self.probe.line("gone /never")

    def test_stream_of_endless_line(self):
        out = self.run_client("GET", self.base + "/large?n=9000000", self.ca, "stream=9")
        self.assertIn("error TOO_LARGE", out)


if __name__ == "__main__":
    unittest.main()
