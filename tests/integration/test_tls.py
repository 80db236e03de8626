# SPDX-License-Identifier: Apache-2.0
"""HTTPS of the aggregator: a certificate that it was given, taken over while it runs; versions,
ciphers, and the headers that every answer has."""

import http.client
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import unittest

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fleet import Fleet
from tests.support.rest import Rest, wait_until


def make_authority(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", folder / "company.key", "-out", folder / "company.crt", "-days", "5", "-subj",
         "/CN=company"], check=True, capture_output=True)


def issue(folder, name, key="ec", days="2"):
    """A pair of the authority's, NAME.crt and NAME.key."""
    kind = ["-newkey", "rsa:2048"] if key == "rsa" else [
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    cert, key, request = (folder / f"{name}{end}" for end in (".crt", ".key", ".csr"))
    subprocess.run(["openssl", "req", *kind, "-nodes", "-keyout", key, "-out", request, "-subj",
                    f"/CN={name}"], check=True, capture_output=True)
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", folder / "company.crt",
                    "-CAkey", folder / "company.key", "-CAcreateserial", "-days", days, "-extfile",
                    extensions, "-out", cert], check=True, capture_output=True)
    return cert, key


class Given(AggregatorCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="muster-tls-")
        cls.addClassCleanup(folder.cleanup)
        cls.given = pathlib.Path(folder.name)
        make_authority(cls.given)
        cert, key = issue(cls.given, "first")
        cls.cert, cls.key = cls.given / "https.crt", cls.given / "https.key"
        cls.cert.write_bytes(cert.read_bytes())
        cls.key.write_bytes(key.read_bytes())
        cls.ca = cls.given / "company.crt"
        cls.fleet = Fleet(cls.given / "fleet")
        cls.addClassCleanup(cls.fleet.__exit__)
        cls.fleet.__enter__()
        # Its own trust is of no use here: the fleet's helper is told of another.
        ready = cls.fleet._ready

        def trusting():
            cls.fleet.rest = Rest(cls.fleet.url, cls.fleet.rest.token, cls.ca)
            return ready()
        cls.fleet._ready = trusting
        cls.fleet.start_aggregator("--cert", cls.cert, "--key", cls.key)
        cls.rest = cls.fleet.rest

    def put(self, name, **how):
        """Renewed as tools do it: one file after the other, each at once."""
        cert, key = issue(self.given, name, **how)
        for source, to in ((cert, self.cert), (key, self.key)):
            fresh = to.with_suffix(".new")
            fresh.write_bytes(source.read_bytes())
            fresh.rename(to)

    def served(self):
        """The name in the certificate that is served to who trusts the company."""
        context = ssl.create_default_context(cafile=str(self.ca))
        with socket.create_connection(("127.0.0.1", self.fleet.port), 60) as s:
            with context.wrap_socket(s, server_hostname="127.0.0.1") as tls:
                return dict(x[0] for x in tls.getpeercert()["subject"])["commonName"]

    def wait_served(self, name):
        wait_until(f"{name} is served", lambda: self.served() == name)

    def log_has(self, *words):
        wait_until(f"the log says {words}", lambda: any(
            all(w in line for w in words) for line in self.fleet.aggregator.text().splitlines()))

    def test_taken_over_when_the_files_change(self):
        """Also for one with another kind of key; connections that there are go on."""
        before = http.client.HTTPSConnection(
            f"127.0.0.1:{self.fleet.port}", context=ssl.create_default_context(cafile=str(self.ca)))
        before.request("GET", "/rest/v0/ping")
        self.assertTrue(before.getresponse().read())
        self.put("second")
        self.wait_served("second")
        self.put("third", key="rsa")
        self.wait_served("third")
        self.put("fourth")
        self.wait_served("fourth")
        before.request("GET", "/rest/v0/ping")
        self.assertEqual(200, before.getresponse().status, "the open connection is the old one")
        before.close()

    def hup(self):
        self.fleet.aggregator.process.send_signal(signal.SIGHUP)

    def test_a_bad_pair_is_refused_and_the_old_one_goes_on(self):
        self.put("good")
        self.wait_served("good")
        good = self.key.read_bytes()
        _, other = issue(self.given, "other")
        self.key.write_bytes(other.read_bytes())
        self.log_has("does not belong to the certificate")
        self.assertEqual("good", self.served())
        self.key.write_bytes(b"rubbish")
        self.hup()
        self.log_has("private key", "PEM")
        self.assertEqual("good", self.served())
        self.key.unlink()
        self.hup()
        self.log_has("renewing certificates", str(self.key), "No such file")
        self.assertEqual("good", self.served())
        self.key.write_bytes(good)
        self.put("over", days="-1")
        self.log_has("has expired", "renew it")
        self.assertEqual("good", self.served())
        self.put("better")
        self.hup()
        self.wait_served("better")

    def test_wrong_at_the_start(self):
        def run(*args):
            return subprocess.run(
                [self.fleet.build / "aggregator/muster-aggregator", "run", "--state",
                 self.given / "none", "--listen", "127.0.0.1:0", "--fleet-listen", "127.0.0.1:0",
                 *args], capture_output=True, text=True, timeout=120)
        done = run("--cert", self.cert)
        self.assertEqual(2, done.returncode)
        self.assertIn("cert and key belong together", done.stderr)
        done = run("--cert", self.cert, "--key", self.given / "missing.key")
        self.assertEqual(1, done.returncode)
        self.assertIn("missing.key", done.stderr)
        _, other = issue(self.given, "another")
        done = run("--cert", self.cert, "--key", other)
        self.assertEqual(1, done.returncode)
        self.assertIn("does not belong to the certificate", done.stderr)

    def test_hosts_enrol_all_the_same(self):
        """Their trust is the fleet's authority, which this certificate is not of."""
        def enrol(name, *more):
            return subprocess.run(
                [self.fleet.build / "agent/muster-agent", "enrol", "--state", self.given / name,
                 "--server", self.fleet.url, "--token", self.rest.post("/join-tokens", {})["token"],
                 *more], capture_output=True, text=True, timeout=120)
        refused = enrol("host-1")
        self.assertNotEqual(0, refused.returncode)
        self.assertIn("--server-ca", refused.stderr)
        done = enrol("host-2", "--server-ca", self.ca)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("enrolled as", done.stdout)


class Wire(AggregatorCase):
    def handshake(self, **how):
        context = ssl.create_default_context(cafile=str(self.fleet.state / "ca.crt"))
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        if "version" in how:
            context.maximum_version = context.minimum_version = how["version"]
        if "ciphers" in how:
            context.set_ciphers(how["ciphers"])
        with socket.create_connection(("127.0.0.1", self.fleet.port), 60) as s:
            with context.wrap_socket(s, server_hostname="127.0.0.1") as tls:
                return tls.version(), tls.cipher()[0]

    def test_versions(self):
        self.assertEqual("TLSv1.3", self.handshake()[0])
        self.assertEqual("TLSv1.2", self.handshake(version=ssl.TLSVersion.TLSv1_2)[0])
        for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with self.assertRaises(ssl.SSLError):
                self.handshake(version=old, ciphers="ALL:@SECLEVEL=0")

    def test_ciphers(self):
        for good in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                     "ECDHE-ECDSA-CHACHA20-POLY1305"):
            self.assertEqual(good, self.handshake(version=ssl.TLSVersion.TLSv1_2, ciphers=good)[1])
        for bad in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-CCM"):
            with self.assertRaises(ssl.SSLError, msg=bad):
                self.handshake(version=ssl.TLSVersion.TLSv1_2, ciphers=bad)

    def test_headers(self):
        local = Rest(f"unix:{self.fleet.state / 'aggregator.sock'}")
        for rest, tls in ((self.rest, True), (local, False), (self.fleet.anonymous, True)):
            for method, path in (("GET", "/ping"), ("GET", "/hosts"), ("GET", "/nothing"),
                                 ("POST", "/join-tokens"), ("DELETE", "/ping")):
                with self.subTest(method=method, path=path, tls=tls):
                    status, headers, _ = rest.request(method, path)
                    self.assertEqual("nosniff", headers["X-Content-Type-Options"], status)
                    self.assertEqual("default-src 'none'; frame-ancestors 'none'",
                                     headers["Content-Security-Policy"])
                    self.assertEqual("no-referrer", headers["Referrer-Policy"])
                    self.assertIn(headers["Cache-Control"], ("no-store", "private, no-cache"))
                    self.assertEqual(tls, "Strict-Transport-Security" in headers)

    def test_secrets_are_kept_by_nobody(self):
        status, headers, made = self.rest.request("POST", "/join-tokens", {})
        self.assertEqual((201, "no-store"), (status, headers["Cache-Control"]), made)
        status, headers, _ = self.rest.request("POST", "/users/me/authentication_tokens", {})
        self.assertEqual((201, "no-store"), (status, headers["Cache-Control"]))


if __name__ == "__main__":
    unittest.main()
