# SPDX-License-Identifier: Apache-2.0
"""The server of http_probe.c as a child process, and the clients that try it: curl for HTTP/2,
plain sockets for what no client library would send."""

import json
import os
import pathlib
import queue
import resource
import socket
import ssl
import subprocess
import tempfile
import threading
import time

BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD", "build")).resolve()
DEADLINE = 60


class Probe:
    def __init__(self, connections=2000, idle_ms=60000, nofile=None, first="h2",
                 per_source=0):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._folder.name)
        self.cert, key = self.folder / "cert.pem", self.folder / "key.pem"
        self.socket = self.folder / "probe.sock"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", self.cert, "-days", "2", "-subj", "/CN=probe",
             "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        self.argv = [str(a) for a in (BUILD / "tests/integration/http_probe", self.cert, key,
                                      self.socket, connections, idle_ms, first,
                                      per_source)]
        limit = None if nofile is None else lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (nofile, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        self.errors = (self.folder / "stderr").open("w+")
        # AddressSanitizer keeps what was freed: memory would not be the server's.
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, preexec_fn=limit,
                                        env={**os.environ, "ASAN_OPTIONS": sanitizer})
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.line("port ").split()[1])

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self, prefix, deadline=DEADLINE):
        """The next line of the probe that begins so."""
        end = time.monotonic() + deadline
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                self.errors.seek(0)
                raise AssertionError(f"no line {prefix!r}: {self.errors.read()}") from None
            if line.startswith(prefix):
                return line

    def stop(self):
        """SIGTERM; a crash or a leak (with sanitizers) is an exit code."""
        self.process.terminate()
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        self.process.stdout.close()
        self.errors.seek(0)
        errors = self.errors.read()
        self.errors.close()
        self._folder.cleanup()
        return code, errors

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # Clients

    def curl(self, path, *args, http2=False, unix=False):
        """(status, headers as text, body as bytes)"""
        out = self.folder / f"body-{threading.get_ident()}"
        head = self.folder / f"head-{threading.get_ident()}"
        out.write_bytes(b"")
        where = (["--unix-socket", str(self.socket), f"http://localhost{path}"] if unix else
                 ["--http2" if http2 else "--http1.1", "--cacert", str(self.cert),
                  f"https://127.0.0.1:{self.port}{path}"])
        result = subprocess.run(
            ["curl", "-sS", "-m", str(DEADLINE), "-o", out, "-D", head, "-w",
             "%{http_code} %{http_version}", *where, *args], capture_output=True, text=True)
        if result.returncode:
            raise AssertionError(f"curl {path}: {result.stderr}")
        status, version = result.stdout.split()
        assert unix or version == ("2" if http2 else "1.1"), version
        return int(status), head.read_text(), out.read_bytes()

    def echo(self, path="/echo", *args, **where):
        status, _, body = self.curl(path, *args, **where)
        assert status == 200, (status, body)
        return json.loads(body)

    def connect(self, tls=True):
        if not tls:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.settimeout(DEADLINE)
            s.connect(str(self.socket))
            return s
        return self.wrap(self.connect_tcp())

    def connect_tcp(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def wrap(self, tcp):
        context = ssl.create_default_context(cafile=str(self.cert))
        return context.wrap_socket(tcp, server_hostname="127.0.0.1")


def read_all(s):
    """Until the end, which may be an abrupt one."""
    data = b""
    try:
        while piece := s.recv(65536):
            data += piece
    except (ConnectionError, ssl.SSLError):
        pass
    return data


def read_until(s, text):
    data = b""
    while text not in data:
        piece = s.recv(65536)
        if not piece:
            raise AssertionError(f"ended before {text!r}: {data!r}")
        data += piece
    return data


def frame(kind, flags, stream, payload=b""):
    """An HTTP/2 frame."""
    return (len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") +
            payload)
