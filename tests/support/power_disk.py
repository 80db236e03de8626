# SPDX-License-Identifier: Apache-2.0
"""A disk whose power can be cut: an NBD server in memory that keeps apart what was not flushed.

    with PowerDisk("/tmp/disk.sock", 64 << 20) as disk:
        disk.cut_after(57, random.Random(1))     # the power goes before the 57th write or flush from now
        ...
        disk.power_on()

At the cut each write since the last flush that was answered is there whole, not at all, up to some sector, or in some
sectors only (512 bytes each): a disk promises no more. From then on every request fails, until the power is back. A
write is answered when it is in the cache, a flush when all before it is on the disk; FUA is not offered, so that QEMU
sends a flush instead.
"""

import mmap
import pathlib
import socket
import struct
import threading

SECTOR = 512
EIO = 5
_IHAVEOPT = 0x49484156454F5054
_READ, _WRITE, _DISC, _FLUSH = range(4)
_EXPORT_NAME, _ABORT, _INFO, _GO = 1, 2, 6, 7
_HAS_FLAGS, _SEND_FLUSH = 1, 4


class PowerDisk:
    def __init__(self, path, size):
        self.path, self.size = path, size
        self._seen = mmap.mmap(-1, size)  # what is read: the cache included
        self._kept = mmap.mmap(-1, size)  # what a cut leaves for sure
        self._cache = []  # (offset, data) since the last flush, in order
        self._lock = threading.Lock()
        self._left = None  # writes and flushes until the cut
        self._dice = None
        self.dead = threading.Event()
        self.n_cuts = self.n_cached = self.n_torn = 0

    def __enter__(self):
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self.path)
        self._server.listen(4)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.close()
        pathlib.Path(self.path).unlink(missing_ok=True)

    def cut_after(self, n, dice):
        """The power goes before the n-th write or flush from now; `dice` decides what is left."""
        with self._lock:
            self._left, self._dice = n, dice

    def power_on(self):
        with self._lock:
            self._left = None
            self.dead.clear()

    # -- the disk

    def _flush(self):
        for offset, data in self._cache:
            self._kept[offset:offset + len(data)] = data
        self._cache = []

    def _torn(self, offset, data):
        """The pieces of a write that the cut has left: (offset, data) each."""
        n = len(data) // SECTOR
        how = self._dice.randrange(4)
        if how == 0:
            return []
        if how == 1:
            return [(offset, data)]
        if how == 2:
            return [(offset, data[:self._dice.randrange(n + 1) * SECTOR])]
        return [(offset + i * SECTOR, data[i * SECTOR:(i + 1) * SECTOR]) for i in range(n) if self._dice.random() < 0.5]

    def _cut(self):
        for offset, data in self._cache:
            pieces = self._torn(offset, data)
            self.n_torn += 0 < sum(len(piece) for _, piece in pieces) < len(data)
            for at, piece in pieces:
                self._kept[at:at + len(piece)] = piece
        for offset, data in self._cache:
            self._seen[offset:offset + len(data)] = self._kept[offset:offset + len(data)]
        self.n_cuts += 1
        self.n_cached += len(self._cache)
        self._cache = []
        self._left = None
        self.dead.set()

    def _write(self, offset, data):
        self._seen[offset:offset + len(data)] = data
        self._cache.append((offset, data))

    def _is_last(self):
        """Is it this request at which the power goes?"""
        if self._left is None:
            return False
        self._left -= 1
        return self._left <= 0

    def _obey(self, kind, offset, length, data):
        """(error, data)"""
        with self._lock:
            if self.dead.is_set() or offset + length > self.size:
                return EIO, b""
            if kind == _READ:
                return 0, self._seen[offset:offset + length]
            last = self._is_last()
            if kind == _WRITE:
                self._write(offset, data)
            elif kind == _FLUSH and not last:
                self._flush()
            if last:
                self._cut()
            return EIO if last else 0, b""

    # -- the protocol

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client, client.makefile("rb") as incoming:
                if self._negotiate(client, incoming):
                    while self._request(client, incoming):
                        pass
        except (OSError, struct.error):
            pass  # the emulator has gone

    def _negotiate(self, client, incoming):
        client.sendall(b"NBDMAGIC" + struct.pack(">QH", _IHAVEOPT, 3))
        incoming.read(4)
        export = struct.pack(">QH", self.size, _HAS_FLAGS | _SEND_FLUSH)
        while True:
            _, option, length = struct.unpack(">QII", incoming.read(16))
            incoming.read(length)

            def reply(kind, data=b"", option=option):
                client.sendall(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data)) + data)
            if option == _EXPORT_NAME:
                client.sendall(export)
                return True
            if option in (_INFO, _GO):
                reply(3, struct.pack(">H", 0) + export)
                reply(1)
                if option == _GO:
                    return True
            elif option == _ABORT:
                reply(1)
                return False
            else:
                reply(0x80000001)

    def _request(self, client, incoming):
        _, _, kind, cookie, offset, length = struct.unpack(">IHHQQI", incoming.read(28))
        if kind == _DISC:
            return False
        data = incoming.read(length) if kind == _WRITE else b""
        error, data = self._obey(kind, offset, length if kind != _FLUSH else 0, data)
        client.sendall(struct.pack(">IIQ", 0x67446698, error, cookie) + (data if not error else b""))
        return True
