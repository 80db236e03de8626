# SPDX-License-Identifier: Apache-2.0
"""muster-agent enrol against a real aggregator: what goes wrong says what to do."""

import http.server
import pathlib
import ssl
import subprocess
import tempfile
import threading
import unittest

from tests.support.fake_aggregator import Authority
from tests.support.fleet import Fleet
from tests.support.ports import free_port


class Enrol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="muster-enrol-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.fleet = Fleet(cls.folder)
        cls.addClassCleanup(cls.fleet.__exit__)
        cls.fleet.__enter__()
        cls.fleet.start_aggregator()

    def setUp(self):
        self.state = self.folder / self.id().rsplit(".", 1)[1]

    def enrol(self, token=None, server=None, state=None):
        argv = [self.fleet.build / "agent/muster-agent", "enrol", "--state", state or self.state,
                "--server", server or self.fleet.url, "--name", "host",
                "--token", token or self.fleet.join_token()]
        run = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             timeout=120)
        return run.returncode, run.stdout

    def refused(self, *words, **how):
        code, out = self.enrol(**how)
        self.assertEqual(1, code, out)
        for word in words:
            self.assertIn(word, out)
        self.assertFalse((self.state / "tls" / "identity.pem").exists())

    def test_good(self):
        code, out = self.enrol()
        self.assertEqual(0, code, out)
        tls = self.state / "tls"
        self.assertEqual({"identity.pem", "ca.crt", "fleet-address"},
                         {f.name for f in tls.iterdir()})
        for f in tls.iterdir():
            self.assertEqual(0o600, f.stat().st_mode & 0o777, f)
        host = (self.state / "host-id").read_text().strip()
        self.assertIn(host, out)
        self.assertEqual("host", self.fleet.rest.get(f"/hosts/{host}")["name_label"])

    def test_already_enrolled(self):
        self.assertEqual(0, self.enrol()[0])
        code, out = self.enrol()
        self.assertEqual(1, code)
        self.assertIn("enrolled already", out)
        self.assertIn("remove", out)

    def test_used_token(self):
        token = self.fleet.join_token()
        self.assertEqual(0, self.enrol(token, state=self.folder / "first")[0])
        self.refused("refused the enrolment", "token", token=token)

    def test_token_that_was_never_made(self):
        fingerprint = self.fleet.join_token().rsplit(".", 1)[1]
        self.refused("refused the enrolment", token=f"mj1.{'0' * 32}.{fingerprint}")

    def test_tokens_that_are_none(self):
        good = self.fleet.join_token()
        for token in ("x", "mj1.", good[:-1], good[:40], good.upper(), "mj1.." + good[-64:],
                      good + "0"):
            self.refused("token", token=token)

    def test_another_ca_than_the_tokens_gets_no_secret(self):
        seen = []

        class Impostor(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = authority.cert.read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                seen.append(self.path)

            def log_message(self, *args):
                pass

        authority = Authority(self.folder / "impostor")
        key, cert = authority.issue("x", extensions="subjectAltName=IP:127.0.0.1")
        pem = self.folder / "impostor.pem"
        pem.write_text(key + cert)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Impostor)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.refused("another CA", "nothing was sent",
                     server=f"https://127.0.0.1:{server.server_port}")
        self.assertEqual([], seen)

    def test_nobody_there(self):
        self.refused("asking for the CA", server=f"https://127.0.0.1:{free_port()}")

    def test_no_https(self):
        self.refused("https://", server=self.fleet.url.replace("https", "http"))

    def test_not_an_aggregator(self):
        self.refused("aggregator's address", server=self.fleet.url + "/nothing")


if __name__ == "__main__":
    unittest.main()
