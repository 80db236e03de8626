# SPDX-License-Identifier: Apache-2.0
"""The network between lab hosts: an Ethernet switch for emulators' second cards (`-netdev stream`: each frame after
its length in four bytes), as a program of its own. It ends when its standard input does, so with its parent.

    with Lan() as lan, LabHost.up("a", lan=lan.path) as a, LabHost.up("b", lan=lan.path) as b:
"""

import os
import pathlib
import selectors
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

QUEUE_MAX_BYTES = 4 << 20  # per host; what does not fit is lost, as on a real network


class Port:
    def __init__(self, sock):
        self.sock = sock
        self.received = bytearray()
        self.queued = bytearray()

    def frames(self):
        """Whole frames out of what was received, each with its length in front."""
        while len(self.received) >= 4:
            end = 4 + struct.unpack_from(">I", self.received)[0]
            if len(self.received) < end:
                return
            yield bytes(self.received[:end])
            del self.received[:end]


class Switch:
    def __init__(self, path):
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)
        self.ports = set()
        self.learnt = {}  # address: port

    def serve(self):
        while True:
            for key, events in self.selector.select():
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is self.listener:
                    self._accept()
                elif key.data in self.ports:
                    self._serve_port(key.data, events)

    def _accept(self):
        sock, _ = self.listener.accept()
        sock.setblocking(False)
        port = Port(sock)
        self.ports.add(port)
        self.selector.register(sock, selectors.EVENT_READ, port)

    def _serve_port(self, port, events):
        try:
            if events & selectors.EVENT_WRITE:
                self._flush(port)
            if events & selectors.EVENT_READ:
                data = port.sock.recv(1 << 18)
                if not data:
                    raise ConnectionError
                port.received += data
                for frame in port.frames():
                    self._forward(port, frame)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(port)

    def _forward(self, source, frame):
        target, sender = frame[4:10], frame[10:16]
        self.learnt[sender] = source
        known = self.learnt.get(target)
        for port in [known] if known in self.ports and not target[0] & 1 else list(self.ports - {source}):
            if port is not source and len(port.queued) + len(frame) <= QUEUE_MAX_BYTES:
                port.queued += frame
                try:
                    self._flush(port)
                except OSError:
                    self._drop(port)

    def _flush(self, port):
        try:
            del port.queued[:port.sock.send(port.queued)]
        except BlockingIOError:
            pass
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if port.queued else 0)
        self.selector.modify(port.sock, events, port)

    def _drop(self, port):
        if port in self.ports:
            self.ports.remove(port)
            self.selector.unregister(port.sock)
            port.sock.close()


class Lan:
    """The switch as a context manager; `path` is what `up(lan=...)` wants."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="muster-lan-")
        self.path = os.path.join(self.folder, "switch")
        self.process = subprocess.Popen([sys.executable, "-B", pathlib.Path(__file__), self.path],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.process.stdout.readline()  # it listens
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)
        shutil.rmtree(self.folder)


if __name__ == "__main__":
    switch = Switch(sys.argv[1])
    print("listening", flush=True)
    switch.serve()
