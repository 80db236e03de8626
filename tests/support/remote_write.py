# SPDX-License-Identifier: Apache-2.0
"""A store that takes remote_write on loopback, reads it with Google's protobuf and Debian's snappy,
and answers as a test wants."""

import http.server
import ssl
import struct
import threading

import snappy
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

STALE = 0x7ff0000000000002
FIELDS = {
    "WriteRequest": [("timeseries", "TimeSeries")],
    "TimeSeries": [("labels", "Label"), ("samples", "Sample")],
    "Label": [("name", "string"), ("value", "string")],
    "Sample": [("value", "double"), ("timestamp", "int64")],
}


def write_request():
    """The class of WriteRequest, as https://prometheus.io/docs/specs/remote_write_spec/ has it."""
    field = descriptor_pb2.FieldDescriptorProto
    types = {"string": field.TYPE_STRING, "double": field.TYPE_DOUBLE, "int64": field.TYPE_INT64}
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="p", syntax="proto3")
    for message, fields in FIELDS.items():
        m = file.message_type.add(name=message)
        for number, (name, kind) in enumerate(fields, 1):
            if kind in types:
                m.field.add(name=name, number=number, type=types[kind], label=1)
            else:
                m.field.add(name=name, number=number, type=field.TYPE_MESSAGE, label=3,
                            type_name=f".p.{kind}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(
        pool.FindMessageTypeByName("p.WriteRequest"))


def is_stale(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0] == STALE


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, headers = self.server.receiver.take(dict(self.headers), body)
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"text")
        except OSError:
            pass  # whoever asked has gone

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # whoever asked has gone


class Receiver:
    """Answers as it is told, and 204 then."""

    def __init__(self, port=0, tls=None):
        self.message = write_request()
        self.lock = threading.Lock()
        self.answers = []
        self.refused = None  # requests with this text are, once
        self.requests = []  # (status, headers, body)
        self.read = {}  # what each body says, once somebody has asked
        self.free = threading.Event()  # cleared: nobody gets an answer
        self.free.set()
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.receiver = self
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/api/v1/write"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05},
                         daemon=True).start()

    def take(self, headers, body):
        with self.lock:
            status, more = self.answers.pop(0) if self.answers else (204, {})
            if self.refused and self.refused in snappy.uncompress(body):
                status, self.refused = 400, None
            self.requests.append((status, headers, body))
        self.free.wait()
        return status, more

    def answer(self, *statuses):
        with self.lock:
            self.answers += [s if isinstance(s, tuple) else (s, {}) for s in statuses]

    def refuse_once(self, text):
        with self.lock:
            self.refused = text.encode()

    def close(self):
        self.free.set()
        self.server.shutdown()
        self.server.server_close()

    def __len__(self):
        with self.lock:
            return len(self.requests)

    def series(self, of=lambda status: status < 300):
        """{labels: [(ms, value)]} of all requests that were answered so, in order of coming; labels
        are a tuple of (name, value) as they came. A value that ends a series is None."""
        with self.lock:
            bodies = [body for status, _, body in self.requests if of(status)]
        found = {}
        for body in bodies:
            for labels, samples in self.body(body):
                found.setdefault(labels, []).extend(samples)
        return found

    def body(self, body):
        """[(labels, [(ms, value)])] of one request: tests ask again and again."""
        if body not in self.read:
            self.read[body] = [
                (tuple((label.name, label.value) for label in series.labels),
                 [(s.timestamp, None if is_stale(s.value) else s.value) for s in series.samples])
                for series in self.message.FromString(snappy.uncompress(body)).timeseries]
        return self.read[body]

    def samples(self, name, of=lambda status: status < 300, **labels):
        """Those of the one series with these labels."""
        want = {"__name__": name, **labels}.items()
        found = [samples for key, samples in self.series(of).items() if want <= dict(key).items()]
        assert len(found) <= 1, f"{name} {labels}: {len(found)} series"
        return found[0] if found else []
