# SPDX-License-Identifier: Apache-2.0
"""`muster` and connections that break: a server of the test's own, on a Unix socket, that answers
or hangs up as it is told."""

import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import unittest
from urllib.parse import parse_qs, urlsplit

from http_probe import BUILD

DEADLINE = 60
VM = "11111111-2222-4333-8444-555555555555"
TASK = "66666666-2222-4333-8444-555555555555"
HANG_UP = None


class Server:
    """Takes connections one by one. `script` says for "METHOD path" what comes of it, time after
    time, the last one for ever: JSON, or HANG_UP when the request has been read."""

    def __init__(self, path, script):
        self.script = {key: list(answers) for key, answers in script.items()}
        self.seen = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(16)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(DEADLINE)

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(DEADLINE)
                self.answer(connection)

    def answer(self, connection):
        text = b""
        while b"\r\n\r\n" not in text:
            got = connection.recv(65536)
            if not got:
                return
            text += got
        head, _, body = text.partition(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                       if line.lower().startswith(b"content-length:")), 0)
        while len(body) < length:
            body += connection.recv(65536)
        url = urlsplit(target)
        answers = self.script[f"{method} {url.path}"]
        self.seen.append((method, url.path, parse_qs(url.query)))
        reply = answers.pop(0) if len(answers) > 1 else answers[0]
        if reply is not HANG_UP:
            data = json.dumps(reply).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(data) + data)


class Retry(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="muster-retry-")
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "s")

    def serve(self, script):
        server = Server(self.path, script)
        self.addCleanup(server.close)
        return server

    def muster(self, code, *args):
        done = subprocess.run([str(pathlib.Path(BUILD, "aggregator/cli/muster")), *args],
                              env={"PATH": os.environ["PATH"], "HOME": self.folder.name,
                                   "MUSTER_SOCKET": self.path},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=DEADLINE, check=False)
        self.assertEqual(code, done.returncode, f"{args}: {done.stdout}{done.stderr}")
        return done

    def test_a_read_is_tried_again(self):
        server = self.serve({"GET /rest/v0/ping": [HANG_UP, HANG_UP, {"result": "pong"}]})
        self.muster(0, "ping")
        self.assertEqual(3, len(server.seen))

    def test_a_change_is_tried_again_with_its_key(self):
        server = self.serve({"POST /rest/v0/calls": [HANG_UP, {"taskId": TASK}],
                             f"GET /rest/v0/tasks/{TASK}": [{"status": "success", "result": {}}]})
        self.muster(0, "call", "sr.scan", VM)
        first, second = [query["idempotencyKey"] for method, _, query in server.seen
                         if method == "POST"]
        self.assertEqual(first, second)

    def test_each_change_has_a_key_of_its_own(self):
        server = self.serve({"POST /rest/v0/calls": [{"taskId": TASK}],
                             f"GET /rest/v0/tasks/{TASK}": [{"status": "success", "result": {}}]})
        for _ in range(2):
            self.muster(0, "call", "sr.scan", VM)
        keys = [query["idempotencyKey"][0] for method, _, query in server.seen if method == "POST"]
        self.assertEqual(2, len(set(keys)))

    def test_a_change_that_takes_no_key_is_made_once(self):
        server = self.serve({"POST /rest/v0/users": [HANG_UP, {"id": VM}]})
        self.muster(1, "query", "POST", "users", "name=ann")
        self.assertEqual([("POST", "/rest/v0/users", {})], server.seen)

    def test_a_server_that_is_not_there_is_told_at_once(self):
        self.assertIn("cannot connect", self.muster(1, "ping").stderr)


if __name__ == "__main__":
    unittest.main()
