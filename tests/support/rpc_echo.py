# SPDX-License-Identifier: Apache-2.0
"""The server of tests/integration/rpc_echo.c as a process, certificates for it, and gRPC's own
Python client against it: bytes in, bytes out."""

import os
import pathlib
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import grpc

DEADLINE = 60
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD",
                                    pathlib.Path(__file__).resolve().parents[2] / "build"))


class Certificates:
    """A CA, and what it signs, in a directory."""

    def __init__(self, directory, name="our CA"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", f"/CN={name}")

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.directory, check=True, capture_output=True)

    def sign(self, file, common_name, usage, alt_names=""):
        """FILE.key and FILE.pem."""
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-keyout", f"{file}.key", "-out", f"{file}.csr", "-subj", f"/CN={common_name}")
        extensions = f"extendedKeyUsage={usage}\nbasicConstraints=critical,CA:FALSE\n"
        if alt_names:
            extensions += f"subjectAltName={alt_names}\n"
        (self.directory / f"{file}.ext").write_text(extensions)
        self._openssl("x509", "-req", "-in", f"{file}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                      "-CAcreateserial", "-days", "1", "-extfile", f"{file}.ext", "-out", f"{file}.pem")

    def server(self, file="server", name="server.test"):
        self.sign(file, name, "serverAuth", f"DNS:{name},IP:127.0.0.1")

    def client(self, file="client", name="host-1"):
        self.sign(file, name, "clientAuth")

    def read(self, file):
        return (self.directory / file).read_bytes()

    def path(self, file):
        return str(self.directory / file)


class Lines:
    """A stream's lines, read by a thread, to be waited for."""

    def __init__(self, stream):
        self.seen = []
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        for line in stream:
            with self._condition:
                self.seen.append(line.rstrip("\n"))
                self._condition.notify_all()

    def wait_for(self, pattern, start=0, deadline=DEADLINE):
        """The first match in a line from number `start` on."""
        end = time.monotonic() + deadline
        with self._condition:
            while True:
                for line in self.seen[start:]:
                    match = re.search(pattern, line)
                    if match:
                        return match
                if not self._condition.wait(max(0, end - time.monotonic())):
                    raise AssertionError(f"no line matches {pattern!r} in {self.seen}")

    def close(self):
        self._thread.join(DEADLINE)


class Echo:
    """The server process. It must end well: exit code 0 after SIGTERM (a leak would change that)."""

    def __init__(self, certificates, *options):
        self.certificates = certificates
        self._terminated = False
        # AddressSanitizer keeps what was freed, by default 256 MB of it: memory would not be ours.
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        self.process = subprocess.Popen(
            [str(BUILD / "tests/integration/rpc_echo"), "--ca", certificates.path("ca.pem"),
             "--cert", certificates.path("server.pem"), "--key", certificates.path("server.key"), *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            env={**os.environ, "ASAN_OPTIONS": sanitizer})
        self.out = Lines(self.process.stdout)
        self.log = Lines(self.process.stderr)
        self.port = int(self.out.wait_for(r"^port (\d+)$").group(1))

    @property
    def pid(self):
        return self.process.pid

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def sockets(self):
        """Connections and listeners; what a library opens once for itself is not counted."""
        n = 0
        for fd in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                n += os.readlink(f"/proc/{self.pid}/fd/{fd}").startswith("socket:")
            except FileNotFoundError:
                pass
        return n

    def rss_kib(self):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))

    def reload(self):
        before = len(self.out.seen)
        self.process.send_signal(signal.SIGHUP)
        self.out.wait_for("^reloaded$", before)

    def terminate(self):
        """Once: a second signal could meet the process when it no longer listens to signals."""
        if not self._terminated:
            self._terminated = True
            self.process.terminate()

    def stop(self):
        self.terminate()
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"rpc_echo does not stop; its log: {self.log.seen}")
        finally:
            self.out.close()
            self.log.close()
            self.process.stdout.close()
            self.process.stderr.close()
        if code != 0 or "stopped" not in self.out.seen:
            raise AssertionError(f"rpc_echo ended with {code}: {self.out.seen} {self.log.seen}")


def channel(echo, certificates=None, client="client", name="server.test", host="127.0.0.1", options=(), **kwargs):
    """A secure channel of its own connection."""
    c = certificates or echo.certificates
    credentials = grpc.ssl_channel_credentials(
        root_certificates=echo.certificates.read("ca.pem"),
        private_key=c.read(f"{client}.key") if client else None,
        certificate_chain=c.read(f"{client}.pem") if client else None)
    return grpc.secure_channel(
        f"{host}:{echo.port}", credentials,
        options=[("grpc.ssl_target_name_override", name), ("grpc.use_local_subchannel_pool", 1),
                 ("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0), *options],
        **kwargs)


class Stream:
    """A bidirectional stream: send() when you like, receive() waits."""

    def __init__(self, chan, method, timeout=DEADLINE, **kwargs):
        self._outgoing = queue.SimpleQueue()
        self.call = chan.stream_stream(f"/test/{method}")(iter(self._outgoing.get, None),
                                                          timeout=timeout, **kwargs)

    def send(self, data):
        self._outgoing.put(data)

    def half_close(self):
        self._outgoing.put(None)

    def receive(self):
        return next(self.call)

    def cancel(self):
        self.call.cancel()
        self.half_close()

    def status(self):
        """(code, details) of a finished stream; what is still unread is dropped."""
        try:
            for _ in self.call:
                pass
        except grpc.RpcError:
            pass
        return self.call.code(), self.call.details()

    def ask(self, data):
        self.send(data)
        return self.receive()


class RpcTest(unittest.TestCase):
    """A running server, made with OPTIONS, for each test; certificates for each class."""

    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="muster-rpc-")
        cls.addClassCleanup(temporary.cleanup)
        directory = pathlib.Path(temporary.name)
        cls.certificates = Certificates(directory / "our")
        cls.certificates.server()
        cls.certificates.client()
        cls.strangers = Certificates(directory / "other", "other CA")
        cls.strangers.client()

    def setUp(self):
        self.echo = Echo(self.certificates, *self.OPTIONS)
        self.addCleanup(self.echo.stop)

    def channel(self, **kwargs):
        chan = channel(self.echo, **kwargs)
        self.addCleanup(chan.close)
        return chan

    def counts(self, chan):
        stream = Stream(chan, "Count")
        words = stream.ask(b"?").decode().split()
        self.assertEqual(stream.status()[0], grpc.StatusCode.OK)
        return dict(zip(words[::2], map(int, words[1::2])))
