# SPDX-License-Identifier: Apache-2.0
"""An aggregator written from the contract alone: Debian's grpcio, messages generated from proto/.

It decides nothing: a test takes each stream as a Session, looks at what the agent sends and answers
as it likes, also wrongly. The CA and certificates are made with the openssl tool.
"""

import pathlib
import queue
import tempfile
import time
import uuid
from concurrent import futures

import grpc

from tests.support.fake_agent import METHOD, TUNNEL, messages, new_key, openssl
from tests.support.ports import free_port
from tests.support.rest import DEADLINE


class Authority:
    """A CA of the test's own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = self.folder / "ca.key"
        self.cert = self.folder / "ca.crt"
        self.key.write_text(new_key())
        openssl("req", "-x509", "-new", "-key", str(self.key), "-subj", "/CN=test CA", "-days", "2",
                "-out", str(self.cert))

    def sign(self, request, name, days="1", extensions=""):
        """A certificate with that name for a request, as PEM."""
        with tempfile.TemporaryDirectory() as folder:
            csr, ext = pathlib.Path(folder, "csr"), pathlib.Path(folder, "ext")
            csr.write_text(request)
            ext.write_text(extensions)
            return openssl("x509", "-req", "-in", str(csr), "-CA", str(self.cert), "-CAkey",
                           str(self.key), "-set_serial", str(uuid.uuid4().int >> 64), "-days", days,
                           "-subj", f"/CN={name}", "-extfile", str(ext))

    def issue(self, name, days="1", extensions=""):
        """(key, certificate)"""
        key = new_key()
        with tempfile.NamedTemporaryFile("w") as f:
            f.write(key)
            f.flush()
            request = openssl("req", "-new", "-key", f.name, "-subj", "/CN=x")
        return key, self.sign(request, name, days, extensions)


class Session:
    """One stream of an agent."""

    def __init__(self, context):
        self.context = context
        self._in = queue.Queue()
        self._out = queue.Queue()

    def read(self, requests):
        try:
            for message in requests:
                self._in.put(message)
        except Exception:  # the stream ended; expect() tells
            pass
        self._in.put(None)

    def send(self, **kind):
        self._out.put(messages().AggregatorMessage(**kind))

    def send_raw(self, data):
        self._out.put(data)

    def end(self):
        """With OK, after what was sent."""
        self._out.put(None)

    def outgoing(self):
        yield from iter(self._out.get, None)

    def next(self, deadline=DEADLINE):
        try:
            message = self._in.get(timeout=deadline)
        except queue.Empty:
            raise AssertionError(f"nothing came within {deadline} s") from None
        if message is None:
            self._in.put(None)
            raise EOFError("the agent ended the stream")
        return message

    def expect(self, kind, want=lambda m: True, deadline=DEADLINE):
        """The next message of that kind that is wanted; others are passed over."""
        end = time.monotonic() + deadline
        while True:
            message = self.next(max(0, end - time.monotonic()))
            if message.WhichOneof("kind") == kind and want(getattr(message, kind)):
                return getattr(message, kind)

    def pending(self):
        """What has arrived and was not looked at."""
        out = []
        while not self._in.empty():
            message = self._in.get()
            if message is None:
                self._in.put(None)
                break
            out.append(message)
        return out

    def ended(self, deadline=DEADLINE):
        """Wait for the agent's end of it."""
        try:
            while True:
                self.next(deadline)
        except EOFError:
            pass

    def welcome(self, **changed):
        """Read Hello, answer; the Hello."""
        hello = self.next().hello
        self.send(welcome=messages().Welcome(**{"protocol": 1, **changed}))
        return hello


class TunnelSession(Session):
    """One tunnel of an agent's."""

    def send(self, **kind):
        self._out.put(messages().tunnel.TunnelDown(**kind))

    def read_until(self, text):
        data = b""
        while text not in data:
            data += self.expect("data")
        return data


class FakeAggregator(grpc.GenericRpcHandler):
    def __init__(self, folder):
        self.authority = Authority(folder)
        self.sessions = queue.Queue()
        self.tunnels = queue.Queue()
        self._server = None
        self.port = free_port()  # also of the next one, after stop()

    def service(self, details):
        kinds = {METHOD: (Session, self.sessions, messages().AgentMessage),
                 TUNNEL: (TunnelSession, self.tunnels, messages().tunnel.TunnelUp)}
        if details.method not in kinds:
            return None
        kind, where, message = kinds[details.method]
        return grpc.stream_stream_rpc_method_handler(
            lambda requests, context: self._serve(kind(context), where, requests),
            request_deserializer=message.FromString,
            response_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString())

    @staticmethod
    def _serve(session, where, requests):
        futures.ThreadPoolExecutor(1).submit(session.read, requests)
        session.context.add_callback(session.end)
        where.put(session)
        yield from session.outgoing()

    def start(self):
        key, cert = self.authority.issue(
            "aggregator", extensions="subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth")
        self._server = grpc.server(futures.ThreadPoolExecutor(48), handlers=(self,), options=[
            ("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 8 << 20),
            ("grpc.http2.min_ping_interval_without_data_ms", 1000)])
        credentials = grpc.ssl_server_credentials(
            [(key.encode(), cert.encode())], self.authority.cert.read_bytes(), True)
        self.port = self._server.add_secure_port(f"127.0.0.1:{self.port}", credentials)
        self._server.start()
        return self

    def stop(self):
        if self._server:
            self._server.stop(None).wait(DEADLINE)
        self._server = None

    def accept(self, deadline=DEADLINE):
        return self.sessions.get(timeout=deadline)

    def accept_tunnel(self, deadline=DEADLINE):
        return self.tunnels.get(timeout=deadline)

    def enrol(self, agent, days="1"):
        """Give an agent that does not run yet its identity."""
        host = str(uuid.uuid4())
        tls = agent.state / "tls"
        tls.mkdir(parents=True, exist_ok=True)
        (agent.state / "host-id").write_text(host + "\n")
        key, cert = self.authority.issue(host, days)
        (tls / "identity.pem").write_text(key + cert)
        (tls / "ca.crt").write_bytes(self.authority.cert.read_bytes())
        (tls / "fleet-address").write_text(f"127.0.0.1:{self.port}\n")
        return host
