# SPDX-License-Identifier: Apache-2.0
"""A WebSocket client for the tests, written from RFC 6455 with nothing but the standard library,
so that it can also send what no client library would.

    with WebSocket(socket, "/rest/v0/vms/X/console", host="h", token="t") as ws:
        ws.send(b"ls\\r")
        ws.read_until(b"$ ")
"""

import base64
import hashlib
import os
import socket
import ssl
import struct

from tests.support.rest import DEADLINE

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Refused(Exception):
    def __init__(self, status, head, body):
        super().__init__(f"HTTP {status}: {body!r}")
        self.status, self.head, self.body = status, head, body


class Closed(Exception):
    def __init__(self, code, reason):
        super().__init__(f"closed {code} {reason}")
        self.code, self.reason = code, reason


def connect(where, ca=None, deadline=DEADLINE):
    """A socket to "https://host:port" or "unix:PATH"."""
    if where.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(deadline)
        s.connect(where[len("unix:"):])
        return s
    host, port = where.split("://")[1].split(":")
    s = socket.create_connection((host, int(port)), timeout=deadline)
    return ssl.create_default_context(cafile=ca).wrap_socket(s, server_hostname=host)


class WebSocket:
    def __init__(self, sock, path, token=None, headers=(), replace=None):
        """`replace`: header lines instead of the usual ones."""
        self.sock = sock
        key = base64.b64encode(os.urandom(16))
        lines = [f"GET {path} HTTP/1.1", "Host: test", "Upgrade: websocket",
                 "Connection: keep-alive, Upgrade", f"Sec-WebSocket-Key: {key.decode()}",
                 "Sec-WebSocket-Version: 13"] if replace is None else list(replace)
        if token:
            lines.append(f"Authorization: Bearer {token}")
        sock.sendall("\r\n".join([*lines, *headers, "", ""]).encode())
        self._buffer = b""
        head = self._head()
        self.status = int(head.split()[1])
        if self.status != 101:
            raise Refused(self.status, head.decode(), self._body(head))
        want = base64.b64encode(hashlib.sha1(key + GUID).digest())
        assert replace is not None or b"sec-websocket-accept: " + want in head.replace(
            b"Sec-WebSocket-Accept", b"sec-websocket-accept"), head
        self.head = head.decode()
        self.stream = b""  # of binary messages, not taken yet
        self.texts = []
        self.pongs = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def _more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Closed(1006, "the connection ended")
        self._buffer += data

    def _head(self):
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        return head

    def _body(self, head):
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(self._buffer) < length:
            self._more()
        return self._buffer[:length]

    # Sending

    @staticmethod
    def frame(data, opcode=BINARY, fin=True, mask=True, rsv=0, length=None):
        length = len(data) if length is None else length
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        bit = 0x80 if mask else 0
        if length < 126:
            head += bytes([bit | length])
        elif length < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", length)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", length)
        if not mask:
            return head + data
        key = os.urandom(4)
        pad = (key * (len(data) // 4 + 1))[:len(data)]
        masked = int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")
        return head + key + masked.to_bytes(len(data), "big")

    def send(self, data, opcode=BINARY, **how):
        self.sock.sendall(self.frame(data, opcode, **how))

    def text(self, words):
        self.send(words.encode(), TEXT)

    def close(self, code=1000, reason=b""):
        self.send(struct.pack(">H", code) + reason, CLOSE)

    # Receiving

    def _take(self, n):
        while len(self._buffer) < n:
            self._more()
        data, self._buffer = self._buffer[:n], self._buffer[n:]
        return data

    def read_frame(self):
        """(opcode, fin, payload)"""
        first, second = self._take(2)
        length = second & 0x7f
        assert not second & 0x80, "a server does not mask"
        if length == 126:
            length = struct.unpack(">H", self._take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self._take(8))[0]
        return first & 0x0f, bool(first & 0x80), self._take(length)

    def message(self):
        """The next data message, (opcode, payload); answers pings, raises Closed at the end."""
        kind, data = None, b""
        while True:
            opcode, fin, payload = self.read_frame()
            if opcode == PING:
                self.send(payload, PONG)
            elif opcode == PONG:
                self.pongs.append(payload)
            elif opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) > 1 else 1005
                try:
                    self.send(payload, CLOSE)
                except OSError:
                    pass
                raise Closed(code, payload[2:].decode())
            else:
                kind = opcode if kind is None else kind
                data += payload
                if fin:
                    return kind, data

    def read_until(self, text, deadline=None):
        """What came up to and with `text`, of binary messages."""
        if deadline:
            self.sock.settimeout(deadline)
        while text not in self.stream:
            try:
                self.stream += self.message()[1]
            except (Closed, TimeoutError) as e:
                raise AssertionError(f"no {text!r} ({e}) after {self.stream[-2000:]!r}") from e
        end = self.stream.index(text) + len(text)
        data, self.stream = self.stream[:end], self.stream[end:]
        return data

    def ended(self):
        """The Closed that ends it; what comes before is passed over."""
        while True:
            try:
                self.message()
            except Closed as e:
                return e
            except (ConnectionError, ssl.SSLError):
                return Closed(1006, "reset")
